#include "census_tree.h"

#include "describe.h"
#include "each_array.h"
#include "memory.h"
#include "show.h"
#include "signals.h"

enum { COLUMNS = 6 };

typedef struct cli_census_sums {
    int64_t arrays, shards, chunks, damaged, stored_bytes, dead_bytes;
} cli_census_sums;

typedef struct cli_census_tree {
    cli_invocation *invocation;
    cli_progress progress;
    cli_census_sums sums;
    bool as_json;
    cli_show_table table;
    cli_document document;
    struct json_object *list;
} cli_census_tree;

/* All chunks of a level but so many; null where that is more than a number says. */
static void add_total(cli_document *document, struct json_object *row, const char *key,
                      const cli_census_level *figures, int64_t less)
{
    if (figures->total == INT64_MAX)
        document_add_null(document, row, key);
    else
        document_add_integer(document, row, key, figures->total - less);
}

void census_add_levels(cli_document *document, struct json_object *object, const cli_census *census,
                       const tsr_array *array)
{
    struct json_object *list = document_add_list(document, object, "levels"), *row;

    for (int level = 0; level <= census->levels; level++) {
        const cli_census_level *figures = &census->level[level];
        row = document_add_object(document, list, NULL);
        document_add_integer(document, row, "level", level);
        document_add_text(document, row, "kind", level < census->levels ? "shard" : "chunk");
        document_add_lengths(document, row, "chunk_shape", census->rank,
                             tsr_array_inner_chunk_shape(array, level));
        document_add_lengths(document, row, "grid", census->rank, figures->grid);
        add_total(document, row, "total", figures, 0);
        document_add_integer(document, row, "stored", figures->stored);
        add_total(document, row, "missing", figures, figures->stored + figures->damaged);
        document_add_integer(document, row, "damaged", figures->damaged);
        document_add_integer(document, row, "stored_bytes", figures->stored_bytes);
        document_add_integer(document, row, "smallest_bytes", figures->smallest_bytes);
        document_add_integer(document, row, "largest_bytes", figures->largest_bytes);
    }
}

/* ---- one array ---- */

static void add_json(cli_census_tree *tree, const cli_census *census, const tsr_array *array)
{
    struct json_object *row = document_add_object(&tree->document, tree->list, NULL);

    document_add_text(&tree->document, row, "place", tsr_array_place(array));
    document_add_lengths(&tree->document, row, "shape", census->rank, tsr_array_shape(array));
    document_add_integer(&tree->document, row, "dead_bytes", census->dead_bytes);
    census_add_levels(&tree->document, row, census, array);
}

/* "16 of 20", with the total where it can be said. */
static void add_count(cli_census_tree *tree, const cli_census_level *figures)
{
    if (figures->total == INT64_MAX)
        show_table_right(&tree->table, "%lld", (long long)figures->stored);
    else
        show_table_right(&tree->table, "%lld of %lld", (long long)figures->stored,
                         (long long)figures->total);
}

static int add_row(cli_census_tree *tree, const cli_census *census, const tsr_array *array,
                   int64_t damaged)
{
    char size[SHOW_SIZE_MAX];
    char *place = show_safe_copy(tsr_array_place(array));

    if (!place)
        return tsr_error_set(&tree->invocation->error, TSR_NO_MEMORY, "out of memory");
    show_table_cell(&tree->table, "%s", place);
    memory_free(place);
    if (census->levels > 0)
        add_count(tree, &census->level[0]);
    else
        show_table_right(&tree->table, "-");
    add_count(tree, &census->level[census->levels]);
    show_table_right(&tree->table, "%s", show_size(size, census->level[0].stored_bytes));
    show_table_right(&tree->table, "%s", show_size(size, census->dead_bytes));
    show_table_right(&tree->table, "%lld", (long long)damaged);
    return 0;
}

static int count_array(void *user, tsr_array *array)
{
    cli_census_tree *tree = user;
    cli_census census;
    char label[160];
    int64_t damaged = 0;

    if (!location_is_zarr(tsr_array_driver(array)))
        return tsr_error_set(&tree->invocation->error, TSR_UNSUPPORTED,
                             "%s: a %s array has no chunks in a store", tsr_array_place(array),
                             tsr_array_driver(array));
    CLI_TRY(census_init(&census, array, 1, 1, &tree->invocation->error));
    progress_label(label, sizeof label, tsr_array_place(array), array);
    progress_begin(&tree->progress, label, 0);
    int status = census_take(&census, array, NULL, NULL, &tree->progress, &tree->invocation->error);
    progress_end(&tree->progress);
    for (int level = 0; level <= census.levels; level++)
        damaged += census.level[level].damaged;
    tree->sums.arrays++;
    tree->sums.shards += census.levels > 0 ? census.level[0].stored : 0;
    tree->sums.chunks += census.level[census.levels].stored;
    tree->sums.damaged += damaged;
    tree->sums.stored_bytes += census.level[0].stored_bytes;
    tree->sums.dead_bytes += census.dead_bytes;
    if (status >= 0 && tree->as_json)
        add_json(tree, &census, array);
    else if (status >= 0)
        status = add_row(tree, &census, array, damaged);
    census_clear(&census);
    return status;
}

/* ---- all of them ---- */

static int print_json(cli_census_tree *tree)
{
    cli_document *document = &tree->document;
    struct json_object *sums = document_add_object(document, document->root, "sums");

    document_add_integer(document, sums, "arrays", tree->sums.arrays);
    document_add_integer(document, sums, "shards", tree->sums.shards);
    document_add_integer(document, sums, "chunks", tree->sums.chunks);
    document_add_integer(document, sums, "damaged", tree->sums.damaged);
    document_add_integer(document, sums, "stored_bytes", tree->sums.stored_bytes);
    document_add_integer(document, sums, "dead_bytes", tree->sums.dead_bytes);
    return document_print(document, stdout, &tree->invocation->error);
}

static int print_text(cli_census_tree *tree)
{
    char size[SHOW_SIZE_MAX], dead[SHOW_SIZE_MAX];

    CLI_TRY(show_table_print(&tree->table, stdout, &tree->invocation->error));
    printf("%lld %s, %lld %s, %lld %s, %s, %s dead, %lld damaged\n", (long long)tree->sums.arrays,
           tree->sums.arrays == 1 ? "array" : "arrays", (long long)tree->sums.shards,
           tree->sums.shards == 1 ? "shard" : "shards", (long long)tree->sums.chunks,
           tree->sums.chunks == 1 ? "chunk" : "chunks", show_size(size, tree->sums.stored_bytes),
           show_size(dead, tree->sums.dead_bytes), (long long)tree->sums.damaged);
    return 0;
}

int census_tree(cli_invocation *invocation)
{
    static const char *const head[COLUMNS] = {"array", "shards", "chunks",
                                              "size",  "dead",   "damaged"};
    cli_census_tree tree = {.invocation = invocation,
                            .as_json = invocation_has(invocation, OPTION_JSON)};

    progress_init(&tree.progress, invocation, "counting");
    document_init(&tree.document);
    document_add_text(&tree.document, tree.document.root, "place", invocation->operands[0]);
    tree.list = document_add_list(&tree.document, tree.document.root, "arrays");
    show_table_init(&tree.table, COLUMNS);
    for (int i = 0; i < COLUMNS; i++)
        (i == 0 ? show_table_cell : show_table_right)(&tree.table, "%s", head[i]);
    int status = each_array(invocation, invocation->operands[0], false, count_array, &tree);
    if (status >= 0 && signals_interrupted())
        status = tsr_error_set(&invocation->error, TSR_CANCELLED, "interrupted");
    if (status >= 0)
        status = tree.as_json ? print_json(&tree) : print_text(&tree);
    show_table_clear(&tree.table);
    document_clear(&tree.document);
    return status;
}
