/* tessera explain PLACE: what a read takes, before it is made. */
#include "advice.h"
#include "document.h"
#include "location.h"
#include "network.h"
#include "probe.h"
#include "progress.h"
#include "show.h"

/* ---- text ---- */

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

static double part_of(double part_ns, const cli_estimate *estimate)
{
    return 100 * part_ns / (estimate->ns * estimate->threads);
}

static void print_estimate(const cli_probe *probe, const cli_estimate *estimate)
{
    if (!probe->measured || estimate->ns <= 0)
        return;
    if (estimate->ns >= 1e9)
        printf("estimate   %.2f s", estimate->ns / 1e9);
    else
        printf("estimate   %.2f ms", estimate->ns / 1e6);
    printf(
        " on %d %s: %.0f %% store, %.0f %% decoding, %.0f %% copying; as one chunk took that was "
        "read twice\n",
        estimate->threads, plural(estimate->threads, "thread", "threads"),
        part_of(estimate->fetch_ns, estimate), part_of(estimate->decode_ns, estimate),
        part_of(estimate->copy_ns, estimate));
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

/* ---- JSON ---- */

static void add_estimate(cli_document *document, const cli_probe *probe,
                         const cli_estimate *estimate)
{
    struct json_object *object;

    if (!probe->measured) {
        document_add_null(document, document->root, "estimate");
        return;
    }
    object = document_add_object(document, document->root, "estimate");
    document_add_number(document, object, "ns", estimate->ns);
    document_add_integer(document, object, "threads", estimate->threads);
    document_add_number(document, object, "plan_ns", estimate->plan_ns);
    document_add_number(document, object, "fetch_ns", estimate->fetch_ns);
    document_add_number(document, object, "decode_ns", estimate->decode_ns);
    document_add_number(document, object, "copy_ns", estimate->copy_ns);
    object = document_add_object(document, object, "chunk");
    document_add_number(document, object, "plan_ns", probe->plan_ns);
    document_add_number(document, object, "fetch_ns", probe->fetch_ns);
    document_add_number(document, object, "decode_ns", probe->decode_ns);
    document_add_number(document, object, "copy_ns", probe->copy_ns);
    document_add_integer(document, object, "fetched_bytes", (int64_t)probe->fetched_bytes);
    document_add_integer(document, object, "decoded_bytes", (int64_t)probe->decoded_bytes);
    document_add_integer(document, object, "copied_bytes", (int64_t)probe->copied_bytes);
}

static int print_json(const cli_selected_array *selected, const char *network,
                      const tsr_read_cost *cost, const cli_probe *probe,
                      const cli_estimate *estimate, tsr_error *err)
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
    document_add_text(&document, document.root, "network", network);
    document_add_lengths(&document, document.root, "shape", selected->rank, selected->shape);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        document_add_integer(&document, document.root, figures[i].name, figures[i].value);
    add_estimate(&document, probe, estimate);
    status = document_print(&document, stdout, err);
    document_clear(&document);
    return status;
}

/* ---- the command ---- */

/* Of the past everything was selected already. */
static int explain_past(cli_invocation *invocation, const char *trace)
{
    if (invocation_has(invocation, OPTION_SELECT) || invocation_has(invocation, OPTION_ISEL) ||
        invocation_has(invocation, OPTION_POINTS))
        return invocation_misuse(invocation, "explain: a trace says itself what was selected");
    return advice_print(invocation, trace,
                        invocation->operand_count > 0 ? invocation->operands[0] : NULL);
}

static int explain_read(cli_invocation *invocation)
{
    tsr_auto(cli_selected_array) selected = {0};
    tsr_read_cost cost;
    cli_probe probe;
    cli_estimate estimate = {0};
    const char *network;
    tsr_call call;

    progress_call(NULL, &call);
    CLI_TRY(location_open_selected(invocation, invocation->operands[0], false, &selected));
    CLI_TRY(network_name(invocation, tsr_array_place(selected.array),
                         tsr_array_driver(selected.array), &network));
    CLI_TRY(tsr_array_explain(selected.array, &selected.index, &call, &cost, &invocation->error));
    CLI_TRY(probe_run(selected.array, &selected.index, &probe, &invocation->error));
    if (probe.measured)
        probe_estimate(&probe, &cost, tsr_context_threads(invocation->context), &estimate);
    if (invocation_has(invocation, OPTION_JSON))
        return print_json(&selected, network, &cost, &probe, &estimate, &invocation->error);
    print_text(&selected, &cost);
    print_estimate(&probe, &estimate);
    if (network)
        printf("network    %s: %s\n", network, NETWORK_CAUTION);
    return 0;
}

static int run(cli_invocation *invocation)
{
    const char *trace = invocation_text(invocation, OPTION_PAST);

    if (trace)
        return explain_past(invocation, trace);
    if (invocation->operand_count == 0)
        return invocation_misuse(invocation, "explain: PLACE or --trace is missing");
    return explain_read(invocation);
}

extern const cli_command command_explain;
const cli_command command_explain = {
    .name = "explain",
    .summary = "tell what a read takes, before it is made",
    .description =
        "Goes through the whole read but for fetching and decoding elements: indexes of shards are read, and "
        "the store is asked for sizes. Counts are no estimates: a read of the same selection makes the same "
        "requests. The time is one: one stored chunk of the selection (up to 64 MiB) is read twice, and what "
        "the second time took stands for all. Where much more is fetched or decoded than is asked for, other "
        "chunks would suit such reads better (`tessera cp` changes them).\n\n"
        "With --trace FILE it tells which. FILE was written by --trace of other commands, or by any program "
        "that uses the library with TESSERA_TRACE set (docs/format/trace.md). What its reads take is worked out "
        "from the shapes alone, each read by itself, for chunks whose lengths are powers of two, those of "
        "the present chunks or whole axes, of 16 KiB to 16 MiB; more than 1000 of them go into shards of up to "
        "64 MiB where the format is Zarr v3. Bare chunks are taken to be read whole, as compressed ones are.",
    COMMAND_OPERANDS({.kind = OPERAND_SELECTED, .name = "PLACE", .optional = true}),
    COMMAND_EXAMPLES(
        {"explain 'relief.zarr/ROSE[1000]'", "A row of a map"},
        {"explain ocean.zarr/TEMP --isel TIME=0", "One time step, by the name of the axis"},
        {"explain relief.zarr/ROSE --json", "For programs"},
        {"explain relief.zarr/ROSE --trace reads.jsonl",
         "Which chunks would have suited past reads"}),
    COMMAND_OPTIONS(OPTION_SELECT, OPTION_ISEL, OPTION_POINTS, OPTION_ORTHOGONAL, OPTION_PAST,
                    OPTION_JSON, OPTION_THREADS),
    .run = run,
};
