#include "repair.h"

#include <string.h>

#include "memory.h"

int repair_init(cli_repair *repair, cli_invocation *invocation, cli_findings *findings)
{
    *repair = (cli_repair){.invocation = invocation, .findings = findings};
    repair->dry_run = invocation_has(invocation, OPTION_DRY_RUN);
    repair->chunks = json_object_new_array();
    repair->lost = json_object_new_array();
    if (repair->chunks && repair->lost)
        return 0;
    repair_clear(repair);
    return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
}

void repair_clear(cli_repair *repair)
{
    json_object_put(repair->chunks);
    json_object_put(repair->lost);
    memory_free(repair->damaged);
    repair->chunks = repair->lost = NULL;
    repair->damaged = NULL;
}

/* ---- noting ---- */

static int list_current(cli_repair *repair)
{
    size_t chunk_bytes = sizeof repair->current;

    int64_t *damaged = memory_grown(repair->damaged, repair->damaged_count,
                                    &repair->damaged_capacity, chunk_bytes);

    if (!damaged)
        return tsr_error_set(&repair->invocation->error, TSR_NO_MEMORY, "out of memory");
    repair->damaged = damaged;
    memcpy(damaged + repair->damaged_count++ * TSR_RANK_MAX, repair->current, chunk_bytes);
    repair->current_listed = true;
    return 0;
}

int repair_note(cli_repair *repair, const tsr_chunk_info *info, int rank)
{
    repair->rank = rank;
    if (info->level == 0) {
        memcpy(repair->current, info->index, sizeof repair->current);
        repair->current_listed = false;
    }
    if ((info->state != TSR_CHUNK_DAMAGED && info->parity != TSR_PARITY_DAMAGED) ||
        repair->current_listed)
        return 0;
    return list_current(repair);
}

/* ---- telling ---- */

static const char *const outcome_names[] = {
    [TSR_REPAIR_NOTHING] = "nothing",
    [TSR_REPAIR_REBUILT] = "rebuilt",
    [TSR_REPAIR_REMOVED] = "removed",
};

static int tell_lost(void *user, const tsr_chunk_info *info)
{
    cli_repair *repair = user;
    cli_document *document = &repair->findings->document;
    const char *place = tsr_array_place(repair->array);
    char index[SHOW_SHAPE_MAX];

    if (repair->findings->as_json) {
        struct json_object *row = document_add_object(document, repair->lost, NULL);
        document_add_text(document, row, "place", place);
        document_add_text(document, row, "key", info->key);
        document_add_integer(document, row, "level", info->level);
        document_add_lengths(document, row, "index", repair->rank, info->index);
        document_add_integer(document, row, "offset", (int64_t)info->offset);
        document_add_integer(document, row, "size_bytes", (int64_t)info->size_bytes);
        document_add_text(document, row, "problem", info->error.message);
        return document->failed ? TSR_NO_MEMORY : 0;
    }
    printf("%-11s", "lost");
    show_safe_text(stdout, place);
    printf(": %s %s in ", info->level > 0 ? "inner chunk" : "chunk",
           show_coordinates(index, repair->rank, info->index));
    show_safe_text(stdout, info->key);
    fputs(": ", stdout);
    show_safe_text(stdout, info->error.message);
    putchar('\n');
    return 0;
}

static void add_chunk(cli_repair *repair, const int64_t *index, const tsr_repair_result *result)
{
    cli_document *document = &repair->findings->document;
    struct json_object *row = document_add_object(document, repair->chunks, NULL);

    document_add_text(document, row, "place", tsr_array_place(repair->array));
    document_add_lengths(document, row, "index", repair->rank, index);
    document_add_text(document, row, "outcome", outcome_names[result->outcome]);
    document_add_integer(document, row, "kept_chunks", result->kept_chunks);
    document_add_integer(document, row, "lost_chunks", result->lost_chunks);
    document_add_flag(document, row, "index_corrected", result->index_corrected);
    document_add_integer(document, row, "rebuilt_blocks", result->rebuilt_blocks);
    document_add_text(document, row, "kept_as", result->kept_as[0] ? result->kept_as : NULL);
}

static void print_chunk(const cli_repair *repair, const int64_t *index,
                        const tsr_repair_result *result)
{
    char text[SHOW_SHAPE_MAX];

    printf("%-11s", outcome_names[result->outcome]);
    show_safe_text(stdout, tsr_array_place(repair->array));
    printf(": chunk %s", show_coordinates(text, repair->rank, index));
    if (result->outcome == TSR_REPAIR_REBUILT)
        printf(" of %lld inner chunks that are sound", (long long)result->kept_chunks);
    if (result->index_corrected)
        fputs(", its index put right", stdout);
    if (result->rebuilt_blocks > 0)
        printf(", %lld %s computed from its parity", (long long)result->rebuilt_blocks,
               result->rebuilt_blocks == 1 ? "block" : "blocks");
    if (result->kept_as[0]) {
        fputs("; the damaged file is kept as ", stdout);
        show_safe_text(stdout, result->kept_as);
    }
    puts(repair->dry_run ? " (not done)" : "");
}

/* ---- repairing ---- */

static int repair_chunk(cli_repair *repair, const int64_t *index)
{
    tsr_repair_options options;
    tsr_repair_result result;
    tsr_call call;

    tsr_repair_options_init(&options);
    options.dry_run = repair->dry_run;
    progress_call(NULL, &call);
    CLI_TRY(tsr_array_repair_chunk(repair->array, index, &options, tell_lost, repair, &result,
                                   &call, &repair->invocation->error));
    repair->rebuilt += result.outcome == TSR_REPAIR_REBUILT;
    repair->removed += result.outcome == TSR_REPAIR_REMOVED;
    repair->kept_chunks += result.kept_chunks;
    repair->lost_chunks += result.lost_chunks;
    if (repair->findings->as_json)
        add_chunk(repair, index, &result);
    else
        print_chunk(repair, index, &result);
    return 0;
}

int repair_array(cli_repair *repair, const tsr_array *array)
{
    tsr_auto(tsr_array) *writable = NULL;
    tsr_array_open_options options;
    int status = 0;

    if (repair->damaged_count == 0)
        return 0;
    tsr_array_open_options_init(&options);
    options.writable = !repair->dry_run;
    options.ignore_consolidated = true;
    CLI_TRY(tsr_array_open(repair->invocation->context, tsr_array_place(array), &options, &writable,
                           &repair->invocation->error));
    repair->array = writable;
    for (size_t i = 0; i < repair->damaged_count && status >= 0; i++)
        status = repair_chunk(repair, repair->damaged + i * TSR_RANK_MAX);
    repair->array = NULL;
    repair->damaged_count = 0;
    return status;
}

void repair_add_json(cli_repair *repair)
{
    cli_document *document = &repair->findings->document;
    struct json_object *object = document_add_object(document, document->root, "repair");

    document_add_flag(document, object, "dry_run", repair->dry_run);
    document_add_integer(document, object, "rebuilt", repair->rebuilt);
    document_add_integer(document, object, "removed", repair->removed);
    document_add_integer(document, object, "kept_chunks", repair->kept_chunks);
    document_add_integer(document, object, "lost_chunks", repair->lost_chunks);
    document_add_value(document, object, "chunks", repair->chunks);
    document_add_value(document, object, "lost", repair->lost);
}
