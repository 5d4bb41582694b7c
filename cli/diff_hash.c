#include "diff_hash.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

typedef struct cli_hash_comparer {
    cli_invocation *invocation;
    void (*each)(void *user, const cli_hash_difference *difference);
    void *user;
    int64_t arrays;
} cli_hash_comparer;

static bool is_same(const tsr_hash *a, const tsr_hash *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

static void tell(const cli_hash_comparer *self, const char *path, const char *what,
                 const char *first, const char *second)
{
    const cli_hash_difference difference = {
        .path = path, .what = what, .first = first, .second = second};

    self->each(self->user, &difference);
}

static void tell_hashes(const cli_hash_comparer *self, const char *path, const char *what,
                        const tsr_hash *first, const tsr_hash *second)
{
    char a[TSR_HASH_TEXT_MAX], b[TSR_HASH_TEXT_MAX];

    tell(self, path, what, tsr_hash_text(first, a), tsr_hash_text(second, b));
}

/* ---- chunks ---- */

/* The chunks of a node in C order of where they begin. */
typedef struct cli_chunk_order {
    const cli_hashed_node *node;
    size_t *numbers;
} cli_chunk_order;

static const int64_t *start_of(const cli_chunk_order *order, size_t i)
{
    return order->node->boxes + order->numbers[i] * 2 * (size_t)order->node->rank;
}

static int compare_starts(const int64_t *a, const int64_t *b, int rank)
{
    for (int axis = 0; axis < rank; axis++)
        if (a[axis] != b[axis])
            return a[axis] < b[axis] ? -1 : 1;
    return 0;
}

static int compare_chunks(const void *a, const void *b, void *user)
{
    const cli_hashed_node *node = user;
    size_t rank = (size_t)node->rank;

    return compare_starts(node->boxes + *(const size_t *)a * 2 * rank,
                          node->boxes + *(const size_t *)b * 2 * rank, node->rank);
}

static bool order_chunks(const cli_hashed_node *node, cli_chunk_order *ret_order)
{
    ret_order->node = node;
    ret_order->numbers = memory_bytes((node->count + 1) * sizeof *ret_order->numbers);
    if (!ret_order->numbers)
        return false;
    for (size_t i = 0; i < node->count; i++)
        ret_order->numbers[i] = i;
    qsort_r(ret_order->numbers, node->count, sizeof *ret_order->numbers, compare_chunks,
            (void *)node);
    return true;
}

/* `a`, `b`: numbers in the orders, or -1 for none on that side. */
static void tell_chunk(const cli_hash_comparer *self, const cli_chunk_order *first,
                       const cli_chunk_order *second, int64_t a, int64_t b)
{
    char texts[2][TSR_HASH_TEXT_MAX];
    const cli_chunk_order *side = a >= 0 ? first : second;
    const int64_t *start = start_of(side, (size_t)(a >= 0 ? a : b));
    const cli_hash_difference difference = {
        .path = first->node->path,
        .what = "chunk",
        .first = a < 0 ? NULL : tsr_hash_text(&first->node->hashes[first->numbers[a]], texts[0]),
        .second = b < 0 ? NULL : tsr_hash_text(&second->node->hashes[second->numbers[b]], texts[1]),
        .rank = side->node->rank,
        .start = start,
        .shape = start + side->node->rank};

    self->each(self->user, &difference);
}

static void merge_chunks(const cli_hash_comparer *self, const cli_chunk_order *first,
                         const cli_chunk_order *second)
{
    size_t a = 0, b = 0;

    while (a < first->node->count || b < second->node->count) {
        int order =
            a == first->node->count ? 1
            : b == second->node->count
                ? -1
                : compare_starts(start_of(first, a), start_of(second, b), first->node->rank);
        if (order != 0 || !is_same(&first->node->hashes[first->numbers[a]],
                                   &second->node->hashes[second->numbers[b]]))
            tell_chunk(self, first, second, order > 0 ? -1 : (int64_t)a,
                       order < 0 ? -1 : (int64_t)b);
        a += order <= 0;
        b += order >= 0;
    }
}

static int compare_chunk_lists(const cli_hash_comparer *self, const cli_hashed_node *a,
                               const cli_hashed_node *b)
{
    cli_chunk_order first = {0}, second = {0};
    bool enough = order_chunks(a, &first) && order_chunks(b, &second);

    if (enough)
        merge_chunks(self, &first, &second);
    memory_free(first.numbers);
    memory_free(second.numbers);
    return enough ? 0 : tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
}

/* ---- nodes ---- */

/* Whether both were hashed in the same boxes, as far as it is known. */
static bool have_same_boxes(const cli_hashed_node *a, const cli_hashed_node *b)
{
    return a->rank == b->rank && a->has_chunk_shape == b->has_chunk_shape &&
           memcmp(a->chunk_shape, b->chunk_shape, (size_t)a->rank * sizeof *a->chunk_shape) == 0;
}

static int compare_arrays(cli_hash_comparer *self, const cli_hashed_node *a,
                          const cli_hashed_node *b)
{
    self->arrays++;
    if (is_same(&a->hash, &b->hash))
        return 0;
    if (!is_same(&a->metadata, &b->metadata))
        tell_hashes(self, a->path, "metadata", &a->metadata, &b->metadata);
    if (a->rank != b->rank)
        return 0;
    if (!have_same_boxes(a, b)) {
        tsr_error_set(&self->invocation->error, TSR_INVALID_ARGUMENT,
                      "/%s: the hashes were made of chunks of other shapes", a->path);
        tsr_error_set_next_step(&self->invocation->error,
                                "give the place itself on one side: it is hashed to match");
        return TSR_INVALID_ARGUMENT;
    }
    if ((int64_t)a->count == a->chunks && (int64_t)b->count == b->chunks)
        return compare_chunk_lists(self, a, b);
    if (is_same(&a->metadata, &b->metadata))
        tell_hashes(self, a->path, "elements", &a->hash, &b->hash);
    return 0;
}

static const char *kind_name(const cli_hashed_node *node)
{
    return node->is_array ? "array" : "group";
}

static int compare_nodes(cli_hash_comparer *self, const cli_hashed_node *a,
                         const cli_hashed_node *b)
{
    if (a->is_array != b->is_array) {
        tell(self, a->path, "kind", kind_name(a), kind_name(b));
        return 0;
    }
    if (a->is_array)
        return compare_arrays(self, a, b);
    if (!is_same(&a->metadata, &b->metadata))
        tell_hashes(self, a->path, "metadata", &a->metadata, &b->metadata);
    return 0;
}

static int compare_lists(cli_hash_comparer *self, const cli_hash_list *first,
                         const cli_hash_list *second)
{
    size_t a = 0, b = 0;

    while (a < first->count || b < second->count) {
        const cli_hashed_node *left = &first->nodes[a], *right = &second->nodes[b];
        int order = a == first->count    ? 1
                    : b == second->count ? -1
                                         : strcmp(left->path, right->path);
        if (order < 0)
            tell(self, left->path, "existence", kind_name(left), NULL);
        else if (order > 0)
            tell(self, right->path, "existence", NULL, kind_name(right));
        else
            CLI_TRY(compare_nodes(self, left, right));
        a += order <= 0;
        b += order >= 0;
    }
    return 0;
}

/* ---- operands ---- */

/* Files first: a place is hashed as the other side was. */
static int get_lists(cli_invocation *invocation, cli_progress *progress, cli_hash_list lists[2])
{
    bool stored = invocation_has(invocation, OPTION_STORED), is_file[2];

    for (int i = 0; i < 2; i++) {
        is_file[i] = hash_list_is_file(invocation->operands[i]);
        if (!is_file[i])
            continue;
        CLI_TRY(hash_list_load(invocation, invocation->operands[i], &lists[i]));
        stored = lists[i].stored;
    }
    if (is_file[0] && is_file[1] && lists[0].stored != lists[1].stored)
        return invocation_misuse(invocation, "one file has hashes of values, the other of what is "
                                             "stored");
    for (int i = 0; i < 2; i++)
        if (!is_file[i])
            CLI_TRY(hash_list_make(invocation, invocation->operands[i], stored,
                                   i == 1 || is_file[1] ? &lists[1 - i] : NULL, progress,
                                   &lists[i]));
    return 0;
}

int diff_hashes(cli_invocation *invocation, cli_progress *progress,
                void (*each)(void *user, const cli_hash_difference *difference), void *user,
                int64_t *ret_arrays)
{
    cli_hash_comparer self = {.invocation = invocation, .each = each, .user = user};
    cli_hash_list lists[2] = {{0}, {0}};
    int status = get_lists(invocation, progress, lists);

    if (status >= 0)
        status = compare_lists(&self, &lists[0], &lists[1]);
    hash_list_clear(&lists[0]);
    hash_list_clear(&lists[1]);
    *ret_arrays = self.arrays;
    return status;
}
