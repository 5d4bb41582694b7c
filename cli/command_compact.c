/* tessera compact PLACE: shards without the bytes that no index entry refers to. */
#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "document.h"
#include "each_array.h"
#include "location.h"
#include "memory.h"
#include "progress.h"
#include "show.h"
#include "signals.h"
#include "sparse.h"

typedef struct cli_compaction {
    cli_invocation *invocation;
    cli_progress progress;
    cli_document document;
    struct json_object *list; /* of arrays, for --json */
    bool as_json, dry_run;
    int64_t arrays, shards, compacted, damaged, won_bytes;
    bool wants_parity; /* of the array under way */

    /* Of the array under way: the shards that have dead bytes, as grid coordinates. */
    int64_t *wasteful; /* owned */
    size_t count, capacity;
    int64_t current[TSR_RANK_MAX];
    bool listed;
    int64_t read_bytes;
} cli_compaction;

/* ---- one array ---- */

static int list_shard(cli_compaction *compaction)
{
    int64_t *wasteful = memory_grown(compaction->wasteful, compaction->count, &compaction->capacity,
                                     sizeof compaction->current);

    if (!wasteful)
        return tsr_error_set(&compaction->invocation->error, TSR_NO_MEMORY, "out of memory");
    compaction->wasteful = wasteful;
    memcpy(compaction->wasteful + compaction->count++ * TSR_RANK_MAX, compaction->current,
           sizeof compaction->current);
    compaction->listed = true;
    return 0;
}

static int take_chunk(void *user, const tsr_chunk_info *info)
{
    cli_compaction *compaction = user;

    if (info->level == 0) {
        memcpy(compaction->current, info->index, sizeof compaction->current);
        compaction->listed = false;
        compaction->shards += info->state != TSR_CHUNK_MISSING;
        compaction->read_bytes += (int64_t)info->size_bytes;
        progress_show(&compaction->progress, compaction->read_bytes);
    }
    bool lacks_parity = compaction->wants_parity && info->level == 0 &&
                        info->state == TSR_CHUNK_STORED &&
                        (info->parity == TSR_PARITY_NONE || info->parity == TSR_PARITY_STALE);
    bool listed = !compaction->listed && (info->dead_bytes > 0 || lacks_parity);
    return listed ? list_shard(compaction) : 0;
}

/* Finds the shards that have dead bytes, from their indexes alone. */
static int find_wasteful(cli_compaction *compaction, tsr_array *array)
{
    tsr_chunk_walk_options options;
    tsr_call call;

    compaction->count = 0;
    compaction->wants_parity = tsr_array_parity(array) != NULL;
    tsr_chunk_walk_options_init(&options);
    options.inner = true;
    options.stored_only = sparse_is_huge(array);
    progress_call(NULL, &call);
    return tsr_array_walk_chunks(array, &options, take_chunk, compaction, &call,
                                 &compaction->invocation->error);
}

/* A damaged shard is left as it is, and named. */
static int compact_shard(cli_compaction *compaction, tsr_array *array, const int64_t *index,
                         int64_t *won_bytes, int64_t *compacted)
{
    tsr_error error = TSR_ERROR_INIT;
    int64_t won = 0;
    tsr_call call;

    progress_call(NULL, &call);
    int status = tsr_array_compact_chunk(array, index, compaction->dry_run, &won, &call, &error);
    if (status == TSR_DAMAGED) {
        compaction->damaged++;
        progress_end(&compaction->progress);
        fputs("tessera: ", stderr);
        show_safe_text(stderr, error.message);
        fputs("; `tessera check --repair` makes it anew\n", stderr);
        return 0;
    }
    if (status < 0)
        compaction->invocation->error = error;
    *won_bytes += won;
    *compacted += won != 0;
    return status;
}

/* Parity that was missing takes room. */
static const char *won_words(const cli_compaction *compaction, int64_t won_bytes)
{
    if (won_bytes < 0)
        return compaction->dry_run ? "of parity could be added" : "of parity added";
    return compaction->dry_run ? "could be won" : "won";
}

static void tell_array(cli_compaction *compaction, const tsr_array *array, int64_t won_bytes,
                       int64_t compacted)
{
    cli_document *document = &compaction->document;
    char size[SHOW_SIZE_MAX];

    compaction->won_bytes += won_bytes;
    compaction->compacted += compacted;
    if (compacted == 0)
        return;
    if (compaction->as_json) {
        struct json_object *row = document_add_object(document, compaction->list, NULL);
        document_add_text(document, row, "place", tsr_array_place(array));
        document_add_integer(document, row, "compacted", compacted);
        document_add_integer(document, row, "won_bytes", won_bytes);
        return;
    }
    show_safe_text(stdout, tsr_array_place(array));
    printf(": %s %s in %lld %s\n", show_size(size, llabs((long long)won_bytes)),
           won_words(compaction, won_bytes), (long long)compacted,
           compacted == 1 ? "shard" : "shards");
}

static int compact_array(void *user, tsr_array *array)
{
    cli_compaction *compaction = user;
    int64_t won_bytes = 0, compacted = 0;
    char label[160];
    int status;

    compaction->arrays++;
    if (!location_is_zarr(tsr_array_driver(array)) || tsr_array_shard_levels(array) == 0)
        return 0;
    progress_label(label, sizeof label, tsr_array_place(array), array);
    progress_begin(&compaction->progress, label, 0);
    status = find_wasteful(compaction, array);
    for (size_t i = 0; status >= 0 && i < compaction->count; i++)
        status = compact_shard(compaction, array, compaction->wasteful + i * TSR_RANK_MAX,
                               &won_bytes, &compacted);
    progress_end(&compaction->progress);
    tell_array(compaction, array, won_bytes, compacted);
    return status;
}

/* ---- the command ---- */

static int print_json(cli_compaction *compaction)
{
    cli_document *document = &compaction->document;

    document_add_text(document, document->root, "place", compaction->invocation->operands[0]);
    document_add_flag(document, document->root, "dry_run", compaction->dry_run);
    document_add_integer(document, document->root, "arrays", compaction->arrays);
    document_add_integer(document, document->root, "shards", compaction->shards);
    document_add_integer(document, document->root, "compacted", compaction->compacted);
    document_add_integer(document, document->root, "damaged", compaction->damaged);
    document_add_integer(document, document->root, "won_bytes", compaction->won_bytes);
    document_add_value(document, document->root, "changed", compaction->list);
    return document_print(document, stdout, &compaction->invocation->error);
}

static void print_text(const cli_compaction *compaction)
{
    char size[SHOW_SIZE_MAX];

    printf("looked at %lld %s", (long long)compaction->shards,
           compaction->shards == 1 ? "shard" : "shards");
    if (compaction->compacted == 0)
        puts(": nothing to win");
    else
        printf(", %s %lld: %s %s\n", compaction->dry_run ? "could compact" : "compacted",
               (long long)compaction->compacted,
               show_size(size, llabs((long long)compaction->won_bytes)),
               won_words(compaction, compaction->won_bytes));
}

static int compact_and_tell(cli_compaction *compaction)
{
    cli_invocation *invocation = compaction->invocation;
    int status = each_array(invocation, invocation->operands[0], !compaction->dry_run,
                            compact_array, compaction);

    if (status >= 0 && signals_interrupted())
        status = tsr_error_set(&invocation->error, TSR_CANCELLED, "interrupted");
    if (status >= 0 && compaction->as_json)
        status = print_json(compaction);
    else if (status >= 0)
        print_text(compaction);
    return status < 0 ? status : compaction->damaged > 0;
}

static int run(cli_invocation *invocation)
{
    cli_compaction compaction = {.invocation = invocation,
                                 .as_json = invocation_has(invocation, OPTION_JSON),
                                 .dry_run = invocation_has(invocation, OPTION_DRY_RUN)};
    int status;

    progress_init(&compaction.progress, invocation, "compacting");
    document_init(&compaction.document);
    compaction.list = json_object_new_array();
    status = compaction.list ? compact_and_tell(&compaction)
                             : tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    json_object_put(compaction.list);
    document_clear(&compaction.document);
    memory_free(compaction.wasteful);
    return status;
}

extern const cli_command command_compact;
const cli_command command_compact = {
    .name = "compact",
    .summary = "make shards anew without the bytes that nothing in them refers to",
    .description =
        "Shards get such bytes when writers append to them, or change them in place. Each shard that has any "
        "is made anew of its inner chunks, which are moved as they are, in the order in which they lie; "
        "readers see the old shard or the new one, and other writers of the shard wait for a moment. Shards that "
        "lack the parity of their array (create --parity), since another program has written them, get it. "
        "All others are not touched. A shard whose index is damaged is left alone and named, and the "
        "exit status is then 1.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES({"compact relief.zarr", "Every array of a tree"},
                     {"compact -n relief.zarr/ROSE", "Only say what could be won"}),
    COMMAND_OPTIONS(OPTION_DRY_RUN, OPTION_JSON, OPTION_THREADS, OPTION_PROGRESS),
    .run = run,
};
