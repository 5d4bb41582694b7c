#include "transfer_mark.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "document.h"
#include "memory.h"

/* Options that do not change what is written. */
static bool is_manner(cli_option_id id)
{
    return id == OPTION_THREADS || id == OPTION_MEMORY || id == OPTION_PROGRESS ||
           id == OPTION_JSON || id == OPTION_COLOR || id == OPTION_STATS || id == OPTION_TRACE ||
           id == OPTION_DURABILITY;
}

/* What the mark says: who writes here, from what, with which options, and what is whole. The
 * options tell a run that goes on from one that wants something else. */
static int describe_run(cli_invocation *invocation, const char *source_place,
                        const cli_transfer_record *record, cli_document *document, tsr_error *err)
{
    struct json_object *options;
    char *path = NULL;
    const char *local;

    document_init(document);
    document_add_text(document, document->root, "command", invocation->command->name);
    /* The same file by another name is the same source. */
    if (location_is_local(source_place, &local))
        path = realpath(local, NULL);
    document_add_text(document, document->root, "source", path ? path : source_place);
    memory_free(path);
    options = document_add_list(document, document->root, "options");
    for (int i = 0; i < invocation->given_count; i++) {
        const cli_given_option *given = &invocation->given[i];
        if (is_manner(given->id))
            continue;
        document_add_text(document, options, NULL, option_row(given->id)->name);
        document_add_text(document, options, NULL, given->value);
    }
    if (record)
        document_add_value(document, document->root, "finished", record->finished);
    if (record && record->current)
        document_add_value(document, document->root, "current", record->current);
    return document->failed ? tsr_error_set(err, TSR_NO_MEMORY, "out of memory") : 0;
}

static int open_store(cli_invocation *invocation, const char *place, tsr_store **ret_store)
{
    tsr_context *context;

    CLI_TRY(invocation_context(invocation, &context));
    return tsr_store_open(context, place, ret_store, &invocation->error);
}

void transfer_record_clear(cli_transfer_record *record)
{
    json_object_put(record->finished);
    json_object_put(record->current);
    memset(record, 0, sizeof *record);
}

int transfer_mark(cli_invocation *invocation, const char *source_place,
                  const char *destination_place, const cli_transfer_record *record, tsr_error *err)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_write_options options;
    cli_document document;
    char *text;
    int status;

    /* Whoever begins a transfer has made the context. */
    CLI_TRY(tsr_store_open(invocation->context, destination_place, &store, err));
    creation_write_options(invocation, &options);
    status = describe_run(invocation, source_place, record, &document, err);
    if (status >= 0)
        status = tsr_json_text(document.root, 0, &text, err);
    if (status >= 0) {
        status =
            tsr_store_put(store, TRANSFER_MARK, text, strlen(text), options.durability, NULL, err);
        tsr_free(text);
    }
    document_clear(&document);
    return status;
}

int transfer_end(cli_invocation *invocation, const char *destination_place)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_error error = TSR_ERROR_INIT;

    CLI_TRY(open_store(invocation, destination_place, &store));
    if (tsr_store_erase(store, TRANSFER_MARK, NULL, &error) >= 0)
        return 0;
    /* A mark that is gone, but may be back after a power cut, costs the next run no more than a
     * look; after a failed sync this fails, too. */
    if (tsr_store_erase(store, TRANSFER_MARK, NULL, NULL) >= 0)
        return 0;
    invocation->error = error;
    return error.status;
}

/* Reads the mark; NULL when there is none. */
static int read_mark(cli_invocation *invocation, const char *place, struct json_object **ret_mark)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_auto(tsr_blob) *blob = NULL;
    tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};
    tsr_error error = TSR_ERROR_INIT;
    int status = tsr_store_open(invocation->context, place, &store, &error);

    *ret_mark = NULL;
    if (status >= 0)
        status = tsr_store_get(store, TRANSFER_MARK, whole, NULL, &blob, NULL, &error);
    if (status == TSR_NO_MEMORY)
        invocation->error = error;
    /* A place that cannot be read will say so when something is made there. */
    if (status < 0)
        return status == TSR_NO_MEMORY ? status : 0;
    status = tsr_json_parse(tsr_blob_data(blob), tsr_blob_size(blob), TSR_JSON_STRICT, 0, ret_mark,
                            &invocation->error);
    if (status == TSR_NO_MEMORY)
        return status;
    /* What is no JSON is a mark of nobody. */
    if (!*ret_mark)
        *ret_mark = json_object_new_object();
    return *ret_mark ? 0 : tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
}

/* Takes a member out of an object; NULL when there is none, or of another kind. */
static struct json_object *take_member(struct json_object *object, const char *name, json_type type)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(object, name, &value))
        return NULL;
    json_object_get(value);
    json_object_object_del(object, name);
    if (json_object_is_type(value, type))
        return value;
    json_object_put(value);
    return NULL;
}

/* Whether the mark is of this very command. Takes out of it what it remembers. */
static int match_mark(cli_invocation *invocation, const char *source_place,
                      struct json_object *mark, bool *ret_same, cli_transfer_record *ret_record)
{
    cli_transfer_record record;
    cli_document document;
    int status;

    *ret_same = false;
    if (!json_object_is_type(mark, json_type_object))
        return 0;
    record.finished = take_member(mark, "finished", json_type_array);
    record.current = take_member(mark, "current", json_type_object);
    status = describe_run(invocation, source_place, NULL, &document, &invocation->error);
    if (status >= 0)
        *ret_same = json_object_equal(mark, document.root) != 0;
    document_clear(&document);
    if (*ret_same)
        *ret_record = record;
    else
        transfer_record_clear(&record);
    return status;
}

static int refuse(cli_invocation *invocation, const char *place, bool marked)
{
    tsr_error *err = &invocation->error;

    if (marked) {
        tsr_error_set(err, TSR_EXISTS, "%s was left unfinished by another command", place);
        tsr_error_set_next_step(err,
                                "run that command again to go on, or --overwrite to start anew");
    } else {
        tsr_error_set(err, TSR_EXISTS, "%s exists already", place);
        tsr_error_set_next_step(err, "choose another place, or --overwrite to replace it and "
                                     "everything below it");
    }
    return TSR_EXISTS;
}

/* Decides about what lies at the destination. */
static int look_at_destination(cli_invocation *invocation, const char *source_place,
                               const char *place, const cli_transfer_entrance *entrance,
                               cli_transfer_start *ret_start, cli_transfer_record *ret_record)
{
    struct json_object *mark;
    tsr_context *context;
    tsr_node_kind kind;
    bool same = false, marked;
    const char *path;
    int status;

    *ret_start =
        location_is_local(place, &path) && access(path, F_OK) < 0 ? TRANSFER_FRESH : TRANSFER_NEW;
    CLI_TRY(invocation_context(invocation, &context));
    CLI_TRY(read_mark(invocation, place, &mark));
    marked = mark != NULL;
    status = match_mark(invocation, source_place, mark, &same, ret_record);
    json_object_put(mark);
    CLI_TRY(status);
    if (same) {
        *ret_start = TRANSFER_RESUME;
        return 0;
    }
    CLI_TRY(tsr_place_probe(context, place, NULL, &kind, &invocation->error));
    if (kind == TSR_NODE_NONE)
        return 0;
    if (!invocation_has(invocation, OPTION_OVERWRITE)) {
        if (kind != TSR_NODE_GROUP || marked || !entrance)
            return refuse(invocation, place, marked);
        *ret_start = TRANSFER_ENTER;
        return entrance->enter(entrance->user, entrance->transfer);
    }
    if (invocation_has(invocation, OPTION_DRY_RUN))
        return 0;
    return tsr_place_erase(context, place, NULL, &invocation->error);
}

int transfer_begin(cli_invocation *invocation, const char *source_place,
                   const char *destination_place, const cli_transfer_entrance *entrance,
                   cli_transfer_start *ret_start, cli_transfer_record *ret_record)
{
    memset(ret_record, 0, sizeof *ret_record);
    CLI_TRY(look_at_destination(invocation, source_place, destination_place, entrance, ret_start,
                                ret_record));
    if (!ret_record->finished)
        ret_record->finished = json_object_new_array();
    if (!ret_record->finished)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    if (invocation_has(invocation, OPTION_DRY_RUN))
        return 0;
    return transfer_mark(invocation, source_place, destination_place, ret_record,
                         &invocation->error);
}

int transfer_remove(cli_invocation *invocation, const char *source_place,
                    const char *destination_place, const char *place, cli_transfer_record *record)
{
    tsr_node_kind kind;

    /* What is said of chunks must be forgotten before they are gone. */
    if (record->current) {
        json_object_put(record->current);
        record->current = NULL;
        CLI_TRY(
            transfer_mark(invocation, source_place, destination_place, record, &invocation->error));
    }
    CLI_TRY(tsr_place_probe(invocation->context, place, NULL, &kind, &invocation->error));
    if (kind == TSR_NODE_NONE)
        return 0;
    CLI_TRY(tsr_place_erase(invocation->context, place, NULL, &invocation->error));
    /* Where the destination itself went, so did its mark. */
    if (strcmp(place, destination_place) != 0)
        return 0;
    return transfer_mark(invocation, source_place, destination_place, record, &invocation->error);
}

/* Whether the same command would fail again in the same way. */
static bool is_hopeless(int status)
{
    return status == TSR_LIMIT || status == TSR_INVALID_ARGUMENT || status == TSR_TYPE_MISMATCH ||
           status == TSR_UNSUPPORTED;
}

static int remove_child(cli_invocation *invocation, const char *parent, const char *path)
{
    char *place = location_join(parent, path);

    if (!place)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    int status = tsr_place_erase(invocation->context, place, NULL, &invocation->error);
    memory_free(place);
    return status == TSR_NOT_FOUND ? 0 : status;
}

int transfer_leave(cli_invocation *invocation, const char *destination_place,
                   const cli_transfer_record *record, const char *current_path, int status)
{
    tsr_error kept = invocation->error;
    int removed = 0;

    if (!is_hopeless(status))
        return status;
    for (size_t i = 0; removed >= 0 && i < json_object_array_length(record->finished); i++)
        removed =
            remove_child(invocation, destination_place,
                         json_object_get_string(json_object_array_get_idx(record->finished, i)));
    if (removed >= 0 && current_path)
        removed = remove_child(invocation, destination_place, current_path);
    /* As long as something of it is there the mark says whose it is. */
    if (removed >= 0)
        transfer_end(invocation, destination_place);
    invocation->error = kept;
    return status;
}

int transfer_abandon(cli_invocation *invocation, const char *destination_place,
                     cli_transfer_start start, int status)
{
    tsr_error kept = invocation->error;
    const char *path;

    if (!is_hopeless(status) || start == TRANSFER_RESUME)
        return status;
    transfer_end(invocation, destination_place);
    if (start == TRANSFER_FRESH) {
        tsr_place_erase(invocation->context, destination_place, NULL, NULL);
        /* A folder in which no node came to be; one that has anything in it stays. */
        if (location_is_local(destination_place, &path))
            rmdir(path);
    }
    invocation->error = kept;
    return status;
}

int transfer_interrupted(cli_invocation *invocation, int status)
{
    if (status == TSR_CANCELLED)
        tsr_error_set_next_step(&invocation->error,
                                "run the same command again: it goes on where this one has "
                                "ended");
    return status;
}
