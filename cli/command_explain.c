/* tessera explain PLACE: what a read takes, before it is made. */
#include "document.h"
#include "location.h"
#include "show.h"

/* ---- text ---------------------------------------------------------------------------------------
 */

static const char *plural(int64_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

static void print_ratio(int64_t bytes, int64_t wanted_bytes)
{
    char ratio[SHOW_SIZE_MAX];

    if (wanted_bytes > 0 && bytes > 0 && bytes != wanted_bytes)
        printf(", %s times what is asked for",
               show_number(ratio, (double)bytes / (double)wanted_bytes, 3));
    putchar('\n');
}

static void print_objects(const tsr_read_cost *cost, const char *name)
{
    printf("objects    %lld %s%s", (long long)cost->objects, name, cost->objects == 1 ? "" : "s");
    if (cost->missing_objects > 0)
        printf(", %lld of them missing", (long long)cost->missing_objects);
    printf(" in %lld %s\n", (long long)cost->requests,
           plural(cost->requests, "request", "requests"));
}

static void print_fetched(const tsr_read_cost *cost)
{
    char all[SHOW_SIZE_MAX], indexes[SHOW_SIZE_MAX], used[SHOW_SIZE_MAX];

    printf("fetched    %s", show_size(all, cost->fetched_bytes));
    if (cost->index_bytes > 0)
        printf(", of these %s indexes", show_size(indexes, cost->index_bytes));
    if (cost->used_bytes + cost->index_bytes < cost->fetched_bytes)
        printf(", %s needed", show_size(used, cost->used_bytes));
    print_ratio(cost->fetched_bytes, cost->wanted_bytes);
}

static void print_decoded(const tsr_read_cost *cost, const tsr_array *array)
{
    char size[SHOW_SIZE_MAX];
    bool inner = tsr_array_shard_levels(array) > 0;

    if (cost->chunks == 0) {
        puts("decoded    nothing");
        return;
    }
    printf("decoded    %lld %s%s, up to %s", (long long)cost->chunks, inner ? "inner " : "",
           plural(cost->chunks, "chunk", "chunks"), show_size(size, cost->decoded_bytes));
    print_ratio(cost->decoded_bytes, cost->wanted_bytes);
}

static void print_text(const cli_selected_array *selected, const tsr_read_cost *cost)
{
    char shape[SHOW_SHAPE_MAX], size[SHOW_SIZE_MAX];
    const char *name = tsr_array_shard_levels(selected->array) > 0 ? "shard" : "chunk";

    show_safe_text(stdout, tsr_array_place(selected->array));
    printf("  %s  %s\n", show_shape(shape, selected->rank, selected->shape),
           tsr_array_dtype(selected->array)->name);
    printf("asked for  %s\n", show_size(size, cost->wanted_bytes));
    print_objects(cost, name);
    print_fetched(cost);
    print_decoded(cost, selected->array);
}

/* ---- JSON ---------------------------------------------------------------------------------------
 */

static int print_json(const cli_selected_array *selected, const tsr_read_cost *cost, tsr_error *err)
{
    const struct {
        const char *name;
        int64_t value;
    } figures[] = {
        {"objects", cost->objects},
        {"missing_objects", cost->missing_objects},
        {"requests", cost->requests},
        {"fetched_bytes", cost->fetched_bytes},
        {"index_bytes", cost->index_bytes},
        {"used_bytes", cost->used_bytes},
        {"chunks", cost->chunks},
        {"decoded_bytes", cost->decoded_bytes},
        {"wanted_bytes", cost->wanted_bytes},
    };
    cli_document document;
    int status;

    document_init(&document);
    document_add_text(&document, document.root, "place", tsr_array_place(selected->array));
    document_add_lengths(&document, document.root, "shape", selected->rank, selected->shape);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        document_add_integer(&document, document.root, figures[i].name, figures[i].value);
    status = document_print(&document, stdout, err);
    document_clear(&document);
    return status;
}

/* ---- the command --------------------------------------------------------------------------------
 */

static int run(cli_invocation *invocation)
{
    tsr_auto(cli_selected_array) selected = {0};
    tsr_read_cost cost;

    CLI_TRY(location_open_selected(invocation, invocation->operands[0], false, &selected));
    CLI_TRY(tsr_array_explain(selected.array, &selected.index, NULL, &cost, &invocation->error));
    if (invocation_has(invocation, OPTION_JSON))
        return print_json(&selected, &cost, &invocation->error);
    print_text(&selected, &cost);
    return 0;
}

extern const cli_command command_explain;
const cli_command command_explain = {
    .name = "explain",
    .summary = "tell what a read takes, before it is made",
    .description =
        "Goes through the whole read but for fetching and decoding elements: indexes of shards are read, and "
        "the store is asked for sizes. Nothing is estimated: a read of the same selection makes the same "
        "requests. Where much more is fetched or decoded than is asked for, other chunks would suit such "
        "reads better (`tessera cp` changes them).",
    .operands = {{.kind = OPERAND_SELECTED, .name = "PLACE"}},
    .examples = {{"explain 'relief.zarr/ROSE[1000]'", "A row of a map"},
                 {"explain ocean.zarr/TEMP --isel TIME=0",
                  "One time step, by the name of the axis"},
                 {"explain relief.zarr/ROSE --json", "For programs"}},
    COMMAND_OPTIONS(OPTION_SELECT, OPTION_ISEL, OPTION_POINTS, OPTION_ORTHOGONAL, OPTION_JSON,
                    OPTION_THREADS),
    .run = run,
};
