/* tessera diff A B: compares arrays, or trees, by value. */
#include <math.h>
#include <string.h>

#include "blocks.h"
#include "describe.h"
#include "diff_hash.h"
#include "document.h"
#include "location.h"
#include "memory.h"
#include "progress.h"
#include "scalar.h"
#include "show.h"
#include "sparse.h"
#include "stream.h"

enum { BLOCK_BYTES = 64 << 20 };

typedef struct cli_comparer {
    cli_invocation *invocation;
    cli_progress progress;
    bool as_json;
    cli_document document;
    struct json_object *list;  /* of differences */
    int64_t arrays, differing; /* nodes compared, and those that differ */
} cli_comparer;

/* How two arrays of one shape and type differ. */
typedef struct cli_array_difference {
    int64_t count, differing;
    int64_t first[TSR_RANK_MAX]; /* in C order, in the result of the selection */
    bool any;
    double largest; /* absolute difference of two numbers that are no NaN */
    char *texts[2]; /* of the first two that differ */
} cli_array_difference;

/* ---- telling ---- */

static struct json_object *add_row(cli_comparer *self, const char *path, const char *what)
{
    struct json_object *row = document_add_object(&self->document, self->list, NULL);

    document_add_text(&self->document, row, "path", path);
    document_add_text(&self->document, row, "difference", what);
    return row;
}

static void print_path(const char *path)
{
    show_safe_text(stdout, *path ? path : "/");
    fputs(": ", stdout);
}

/* A difference that is not one of elements: shape, type, kind, only in one of them. */
static void tell(cli_comparer *self, const char *path, const char *what, const char *a,
                 const char *b)
{
    struct json_object *row;

    self->differing++;
    if (self->as_json) {
        row = add_row(self, path, what);
        document_add_text(&self->document, row, "first", a);
        document_add_text(&self->document, row, "second", b);
        return;
    }
    progress_end(&self->progress);
    print_path(path);
    if (a && b)
        printf("%s differs: %s, %s\n", what, a, b);
    else
        printf("only in the %s\n", a ? "first" : "second");
}

static void tell_elements(cli_comparer *self, const char *path, int rank,
                          const cli_array_difference *difference)
{
    char text[SHOW_SHAPE_MAX], number[SHOW_SIZE_MAX];
    cli_document *document = &self->document;
    struct json_object *row;

    self->differing++;
    if (self->as_json) {
        row = add_row(self, path, "elements");
        document_add_integer(document, row, "count", difference->count);
        document_add_integer(document, row, "differing", difference->differing);
        document_add_lengths(document, row, "index", rank, difference->first);
        document_add_json(document, row, "first", difference->texts[0]);
        document_add_json(document, row, "second", difference->texts[1]);
        document_add_number(document, row, "largest", difference->largest);
        return;
    }
    print_path(path);
    printf("%lld of %lld elements differ, first at %s: %s, %s; by at most %s\n",
           (long long)difference->differing, (long long)difference->count,
           show_coordinates(text, rank, difference->first), difference->texts[0],
           difference->texts[1], show_number(number, difference->largest, 6));
}

/* ---- elements ---- */

static void find_position(const cli_block_walk *walk, int64_t element, int64_t *ret_position)
{
    for (int axis = walk->rank; axis-- > 0;) {
        ret_position[axis] = walk->start[axis] + element % walk->count[axis];
        element /= walk->count[axis];
    }
}

static bool is_before(int rank, const int64_t *a, const int64_t *b)
{
    for (int i = 0; i < rank; i++)
        if (a[i] != b[i])
            return a[i] < b[i];
    return false;
}

static int remember_first(const tsr_dtype *dtype, const cli_block_walk *walk, int64_t element,
                          const char *a, const char *b, cli_array_difference *difference,
                          tsr_error *err)
{
    int64_t position[TSR_RANK_MAX];

    find_position(walk, element, position);
    if (difference->any && !is_before(walk->rank, position, difference->first))
        return 0;
    difference->any = true;
    memcpy(difference->first, position, sizeof position);
    memory_free(difference->texts[0]);
    memory_free(difference->texts[1]);
    difference->texts[0] = scalar_text(dtype, a);
    difference->texts[1] = scalar_text(dtype, b);
    if (!difference->texts[0] || !difference->texts[1])
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    return 0;
}

static void measure_distance(const tsr_dtype *dtype, const char *a, const char *b,
                             cli_array_difference *difference)
{
    double left, right;

    scalar_to_doubles(dtype, a, 0, 1, &left);
    scalar_to_doubles(dtype, b, 0, 1, &right);
    if (fabs(left - right) > difference->largest)
        difference->largest = fabs(left - right);
}

static int compare_block(const tsr_dtype *dtype, const cli_block_walk *walk, const char *a,
                         const char *b, cli_array_difference *difference, tsr_error *err)
{
    size_t size = dtype->size_bytes;
    bool first_here = true;

    if (!tsr_dtype_is_variable(dtype) && memcmp(a, b, (size_t)walk->elements * size) == 0)
        return 0;
    for (int64_t i = 0; i < walk->elements; i++) {
        const char *left = a + (size_t)i * size, *right = b + (size_t)i * size;
        if (tsr_dtype_element_equal(dtype, left, right) || scalar_is_same_value(dtype, left, right))
            continue;
        difference->differing++;
        measure_distance(dtype, left, right, difference);
        if (first_here)
            CLI_TRY(remember_first(dtype, walk, i, left, right, difference, err));
        first_here = false;
    }
    return 0;
}

static int compare_blocks(cli_comparer *self, const cli_selected_array *a,
                          const cli_selected_array *b, cli_block_walk *walk, char *buffer,
                          size_t block_bytes, cli_array_difference *difference)
{
    const tsr_dtype *dtype = tsr_array_dtype(a->array);
    cli_invocation *invocation = self->invocation;
    tsr_auto(tsr_heap) *heap_a = NULL, *heap_b = NULL;
    tsr_call call;

    CLI_TRY(stream_heap(dtype, &heap_a, &invocation->error));
    CLI_TRY(stream_heap(dtype, &heap_b, &invocation->error));
    progress_call(NULL, &call);
    while (block_walk_next(walk)) {
        CLI_TRY(stream_read_block(invocation->context, a->array, &a->index, walk, dtype,
                                  TSR_CASTING_NO, buffer, heap_a, &call, &invocation->error));
        CLI_TRY(stream_read_block(invocation->context, b->array, &b->index, walk, dtype,
                                  TSR_CASTING_NO, buffer + block_bytes, heap_b, &call,
                                  &invocation->error));
        CLI_TRY(compare_block(dtype, walk, buffer, buffer + block_bytes, difference,
                              &invocation->error));
        progress_advance(&self->progress, walk->elements * (int64_t)dtype->size_bytes);
    }
    return 0;
}

static int compare_elements(cli_comparer *self, const cli_selected_array *a,
                            const cli_selected_array *b, cli_array_difference *difference)
{
    int64_t max_bytes = invocation_number(self->invocation, OPTION_MEMORY, 2 * BLOCK_BYTES) / 2;
    size_t block_bytes;
    char *buffer, label[160];
    cli_block_walk walk;
    int status;

    block_walk_chunks(&walk, a->array, &a->index, false, max_bytes);
    block_bytes = (size_t)block_walk_largest(&walk) * tsr_array_dtype(a->array)->size_bytes;
    buffer = memory_bytes(2 * block_bytes + 1);
    if (!buffer)
        return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory for a block");
    progress_label(label, sizeof label, tsr_array_place(a->array), a->array);
    progress_begin(
        &self->progress, label,
        (int64_t)fmin((double)difference->count * (double)tsr_array_dtype(a->array)->size_bytes,
                      9e18));
    status = compare_blocks(self, a, b, &walk, buffer, block_bytes, difference);
    progress_end(&self->progress);
    memory_free(buffer);
    return status;
}

/* ---- arrays ---- */

/* Shape and type; true when the elements can be compared. */
static bool compare_kinds(cli_comparer *self, const char *path, const cli_selected_array *a,
                          const cli_selected_array *b)
{
    char first[SHOW_SHAPE_MAX], second[SHOW_SHAPE_MAX];
    bool same = a->rank == b->rank;

    for (int i = 0; same && i < a->rank; i++)
        same = a->shape[i] == b->shape[i];
    if (!same) {
        tell(self, path, "shape", show_shape(first, a->rank, a->shape),
             show_shape(second, b->rank, b->shape));
        return false;
    }
    if (!tsr_dtype_equal(tsr_array_dtype(a->array), tsr_array_dtype(b->array))) {
        tell(self, path, "type", tsr_array_dtype(a->array)->name, tsr_array_dtype(b->array)->name);
        return false;
    }
    return true;
}

static int compare_arrays(cli_comparer *self, const char *path, const cli_selected_array *a,
                          const cli_selected_array *b)
{
    cli_array_difference difference = {.count = tsr_index_count(&a->index)};
    int status;

    self->arrays++;
    if (!compare_kinds(self, path, a, b))
        return 0;
    if (a->whole && sparse_is_huge(a->array) && sparse_is_huge(b->array)) {
        tsr_error_set(&self->invocation->error, TSR_LIMIT,
                      "%s: so many chunks cannot be compared one by one",
                      tsr_array_place(a->array));
        tsr_error_set_next_step(&self->invocation->error, "compare a part with --select");
        return TSR_LIMIT;
    }
    status = compare_elements(self, a, b, &difference);
    if (status >= 0 && difference.any)
        tell_elements(self, path, a->rank, &difference);
    memory_free(difference.texts[0]);
    memory_free(difference.texts[1]);
    return status;
}

static void select_all(tsr_array *array, cli_selected_array *ret_selected)
{
    memset(ret_selected, 0, sizeof *ret_selected);
    ret_selected->array = array;
    ret_selected->whole = true;
    tsr_index_all(&ret_selected->index, tsr_array_rank(array), tsr_array_shape(array));
    ret_selected->rank = tsr_index_shape(&ret_selected->index, ret_selected->shape);
}

/* ---- trees ---- */

static int compare_groups(cli_comparer *self, const char *path, tsr_group *a, tsr_group *b,
                          int depth);

static const cli_child *find_child(const cli_child_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->children[i].name, name) == 0)
            return &list->children[i];
    return NULL;
}

static const char *kind_name(tsr_node_kind kind)
{
    return kind == TSR_NODE_ARRAY ? "array" : kind == TSR_NODE_GROUP ? "group" : "damaged";
}

static int compare_two_arrays(cli_comparer *self, const char *path, tsr_group *a, tsr_group *b,
                              const char *name)
{
    tsr_auto(tsr_array) *first = NULL;
    tsr_auto(tsr_array) *second = NULL;
    cli_selected_array left, right;

    CLI_TRY(tsr_group_open_array(a, name, &first, &self->invocation->error));
    CLI_TRY(tsr_group_open_array(b, name, &second, &self->invocation->error));
    select_all(first, &left);
    select_all(second, &right);
    return compare_arrays(self, path, &left, &right);
}

static int compare_two_groups(cli_comparer *self, const char *path, tsr_group *a, tsr_group *b,
                              const char *name, int depth)
{
    tsr_auto(tsr_group) *first = NULL;
    tsr_auto(tsr_group) *second = NULL;

    CLI_TRY(tsr_group_open_group(a, name, &first, &self->invocation->error));
    CLI_TRY(tsr_group_open_group(b, name, &second, &self->invocation->error));
    return compare_groups(self, path, first, second, depth + 1);
}

/* What could not be looked at is no difference. Damaged metadata is known for what it is. */
static int look_at(cli_comparer *self, const tsr_group *parent, const cli_child *child)
{
    if (!child || child->kind == TSR_NODE_ARRAY || child->kind == TSR_NODE_GROUP ||
        child->status == TSR_BAD_METADATA || child->status == TSR_UNSUPPORTED)
        return 0;
    return tsr_error_set(&self->invocation->error, child->status ? child->status : TSR_BAD_METADATA,
                         "%s/%s: %s", tsr_group_place(parent), child->name,
                         child->problem ? child->problem : "cannot be read");
}

static int compare_child(cli_comparer *self, const char *path, tsr_group *a, tsr_group *b,
                         const cli_child *first, const cli_child *second, int depth)
{
    CLI_TRY(look_at(self, a, first));
    CLI_TRY(look_at(self, b, second));
    if (!second) {
        tell(self, path, "existence", kind_name(first->kind), NULL);
        return 0;
    }
    if (first->kind != second->kind) {
        tell(self, path, "kind", kind_name(first->kind), kind_name(second->kind));
        return 0;
    }
    if (first->kind == TSR_NODE_GROUP)
        return compare_two_groups(self, path, a, b, first->name, depth);
    if (first->kind == TSR_NODE_ARRAY)
        return compare_two_arrays(self, path, a, b, first->name);
    return tsr_error_set(&self->invocation->error, TSR_BAD_METADATA, "%s/%s: %s",
                         tsr_group_place(a), first->name,
                         first->problem ? first->problem : "cannot be read");
}

static int compare_lists(cli_comparer *self, const char *path, tsr_group *a, tsr_group *b,
                         const cli_child_list *first, const cli_child_list *second, int depth)
{
    char *child_path;
    int status = 0;

    for (size_t i = 0; status >= 0 && i < first->count; i++) {
        child_path = location_join(path, first->children[i].name);
        if (!child_path)
            return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
        status = compare_child(self, child_path, a, b, &first->children[i],
                               find_child(second, first->children[i].name), depth);
        memory_free(child_path);
    }
    for (size_t i = 0; status >= 0 && i < second->count; i++) {
        if (find_child(first, second->children[i].name))
            continue;
        child_path = location_join(path, second->children[i].name);
        if (!child_path)
            return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
        tell(self, child_path, "existence", NULL, kind_name(second->children[i].kind));
        memory_free(child_path);
    }
    return status;
}

static int compare_groups(cli_comparer *self, const char *path, tsr_group *a, tsr_group *b,
                          int depth)
{
    cli_child_list first, second;
    int status;

    CLI_TRY(child_list_descend(self->invocation, a, depth, &first));
    status = child_list_descend(self->invocation, b, depth, &second);
    if (status >= 0) {
        status = compare_lists(self, path, a, b, &first, &second, depth);
        child_list_clear(&second);
    }
    child_list_clear(&first);
    return status;
}

/* ---- hashes ---- */

static void tell_hash_json(cli_comparer *self, const cli_hash_difference *difference)
{
    struct json_object *row = add_row(self, difference->path, difference->what);

    if (difference->start) {
        document_add_lengths(&self->document, row, "start", difference->rank, difference->start);
        document_add_lengths(&self->document, row, "shape", difference->rank, difference->shape);
    }
    document_add_text(&self->document, row, "first", difference->first);
    document_add_text(&self->document, row, "second", difference->second);
}

/* Boxes are written as selections are: what differs can be looked at by name. */
static void tell_hash_text(const cli_hash_difference *difference)
{
    show_safe_text(stdout, *difference->path ? difference->path : "/");
    for (int axis = 0; difference->start && axis < difference->rank; axis++)
        printf("%s%lld:%lld%s", axis ? "," : "[", (long long)difference->start[axis],
               (long long)difference->start[axis] + (long long)difference->shape[axis],
               axis + 1 < difference->rank ? "" : "]");
    if (difference->start && difference->first && difference->second)
        puts(": elements differ");
    else if (difference->start)
        printf(": nothing but fill values in the %s\n", difference->first ? "second" : "first");
    else if (!difference->first || !difference->second)
        printf(": only in the %s\n", difference->first ? "first" : "second");
    else if (strcmp(difference->what, "kind") == 0)
        printf(": kind differs: %s, %s\n", difference->first, difference->second);
    else
        printf(": %s\n",
               strcmp(difference->what, "metadata") == 0 ? "metadata differs" : "elements differ");
}

static void tell_hash(void *user, const cli_hash_difference *difference)
{
    cli_comparer *self = user;

    self->differing++;
    progress_end(&self->progress);
    if (self->as_json)
        tell_hash_json(self, difference);
    else
        tell_hash_text(difference);
}

/* ---- the command ---- */

static int compare_operands(cli_comparer *self)
{
    cli_invocation *invocation = self->invocation;
    tsr_auto(cli_location_node) first = {NULL, NULL};
    tsr_auto(cli_location_node) second = {NULL, NULL};
    tsr_auto(cli_selected_array) a = {0};
    tsr_auto(cli_selected_array) b = {0};
    bool groups[2], selects = invocation_has(invocation, OPTION_SELECT) ||
                              invocation_has(invocation, OPTION_ISEL) ||
                              invocation_has(invocation, OPTION_POINTS);

    if (invocation_has(invocation, OPTION_HASH)) {
        if (selects)
            return invocation_misuse(invocation, "hashes are of whole arrays: --hash takes no "
                                                 "selection");
        return diff_hashes(invocation, &self->progress, tell_hash, self, &self->arrays);
    }
    if (invocation_has(invocation, OPTION_STORED))
        return invocation_misuse(invocation, "--stored goes with --hash");
    /* What is no group is an array, or not there: opening it says which. */
    CLI_TRY(location_is_group(invocation, invocation->operands[0], &groups[0]));
    CLI_TRY(location_is_group(invocation, invocation->operands[1], &groups[1]));
    if (!selects && groups[0] && groups[1]) {
        CLI_TRY(location_open_node(invocation, invocation->operands[0], &first));
        CLI_TRY(location_open_node(invocation, invocation->operands[1], &second));
        return compare_groups(self, "", first.group, second.group, 0);
    }
    CLI_TRY(location_open_selected(invocation, invocation->operands[0], false, &a));
    CLI_TRY(location_open_selected(invocation, invocation->operands[1], false, &b));
    return compare_arrays(self, location_base_name(tsr_array_place(a.array)), &a, &b);
}

static int print_json(cli_comparer *self)
{
    cli_document *document = &self->document;

    document_add_text(document, document->root, "first", self->invocation->operands[0]);
    document_add_text(document, document->root, "second", self->invocation->operands[1]);
    document_add_flag(document, document->root, "same", self->differing == 0);
    document_add_integer(document, document->root, "arrays", self->arrays);
    document_add_value(document, document->root, "differences", self->list);
    return document_print(document, stdout, &self->invocation->error);
}

static int run(cli_invocation *invocation)
{
    cli_comparer self = {.invocation = invocation,
                         .as_json = invocation_has(invocation, OPTION_JSON),
                         .list = json_object_new_array()};
    int status;

    document_init(&self.document);
    self.document.failed |= self.list == NULL;
    progress_init(&self.progress, invocation, "comparing");
    status = compare_operands(&self);
    if (status >= 0 && self.as_json)
        status = print_json(&self);
    json_object_put(self.list);
    document_clear(&self.document);
    return status < 0 ? status : self.differing > 0;
}

extern const cli_command command_diff;
const cli_command command_diff = {
    .name = "diff",
    .summary = "compare two arrays or two trees by value",
    .description =
        "Says where the first elements differ and how many do; prints nothing when all are the same. How the "
        "arrays are stored does not matter: chunks, codecs and formats may be different. NaN equals NaN, and "
        "0.0 equals -0.0. The exit status is 0 when they are the same and 1 when they differ.\n\n"
        "With --hash it compares hashes, metadata too, and names the chunks that differ. One side, or both, "
        "may be a file that `tessera hash --levels --json` wrote, perhaps elsewhere and long ago: so a copy "
        "is verified without its original, and nothing but hashes travels. Without --levels the file tells "
        "which arrays differ, but not where. A place is hashed in boxes of the other side's chunks. Hashes "
        "differ when bits do, such as those of 0.0 and -0.0.",
    COMMAND_OPERANDS({.kind = OPERAND_SELECTED, .name = "FIRST"},
                     {.kind = OPERAND_SELECTED, .name = "SECOND"}),
    COMMAND_EXAMPLES(
        {"diff relief.zarr/ROSE other.zarr/relief", "Two arrays"},
        {"diff etopo5.cdf relief.zarr", "A netCDF file with what was imported from it"},
        {"diff a.zarr/t b.zarr/t --select 0:10 --json", "A part, for programs"},
        {"diff --hash saved.json copy.zarr", "A copy with hashes of what it was made of"}),
    COMMAND_OPTIONS(OPTION_SELECT, OPTION_ISEL, OPTION_POINTS, OPTION_ORTHOGONAL, OPTION_HASH,
                    OPTION_STORED, OPTION_JSON, OPTION_MEMORY, OPTION_THREADS, OPTION_PROGRESS),
    .run = run,
};
