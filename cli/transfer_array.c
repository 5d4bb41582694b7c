/* One array of a transfer: planned, made, copied, read back, remembered. */
#include <string.h>

#include <tessera/derived.h>

#include "describe.h"
#include "document.h"
#include "memory.h"
#include "show.h"
#include "transfer_run.h"

/* ---- what is left out, and what is whole ---- */

/* Whether the same command may well meet something else next time. */
static bool may_pass(int status)
{
    return status == TSR_IO || status == TSR_PERMISSION || status == TSR_UNREACHABLE ||
           status == TSR_DEADLINE;
}

void transfer_skip(cli_transfer *self, const char *path, int status, const char *problem)
{
    progress_end(&self->progress);
    fputs("tessera: left out ", stderr);
    show_safe_text(stderr, *path ? path : "/");
    fputs(": ", stderr);
    show_safe_text(stderr, problem);
    fputc('\n', stderr);
    self->result.skipped++;
    self->unfinished |= may_pass(status);
}

int transfer_mark_rest(cli_transfer *self, tsr_error *err)
{
    size_t count = json_object_array_length(self->record.finished);

    if (count == self->marked)
        return 0;
    self->marked = count;
    return transfer_mark(self->invocation, self->source_place, self->destination_place,
                         &self->record, err);
}

/* The mark holds all names, so writing it for each would grow with the square of their number: it
 * may lack a sixteenth of them. What a killed run had finished besides is looked through again. */
static int remember_finished(cli_transfer *self, const char *path)
{
    struct json_object *text = json_object_new_string(path);
    size_t count;

    if (!text || json_object_array_add(self->record.finished, text) < 0)
        return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
    json_object_put(self->record.current);
    self->record.current = NULL;
    count = json_object_array_length(self->record.finished);
    return count - self->marked > count / 16 ? transfer_mark_rest(self, &self->invocation->error)
                                             : 0;
}

/* How many chunks of an array a run before this one has finished. */
static int64_t finished_chunks(const cli_transfer *self, const char *path)
{
    struct json_object *value;

    if (!json_object_object_get_ex(self->record.current, "path", &value) ||
        strcmp(json_object_get_string(value), path) != 0 ||
        !json_object_object_get_ex(self->record.current, "chunks", &value))
        return 0;
    return json_object_get_int64(value) > 0 ? json_object_get_int64(value) : 0;
}

/* Remembers how many chunks of the present array are whole, while others are being copied. */
static int remember_chunks(void *user, int64_t chunks, tsr_error *err)
{
    cli_transfer *self = user;
    cli_document document;
    cli_transfer_record record;
    int status;

    document_init(&document);
    document_add_text(&document, document.root, "path", self->current_path);
    document_add_integer(&document, document.root, "chunks", chunks);
    record = (cli_transfer_record){self->record.finished, document.root};
    status = document.failed ? tsr_error_set(err, TSR_NO_MEMORY, "out of memory")
                             : transfer_mark(self->invocation, self->source_place,
                                             self->destination_place, &record, err);
    document_clear(&document);
    return status;
}

/* ---- making it ---- */

static void say_array(cli_transfer *self, const char *path, const tsr_array *array)
{
    char shape[SHOW_SHAPE_MAX], size[SHOW_SIZE_MAX];

    printf("%s /", self->words->would);
    show_safe_text(stdout, path);
    printf("  %s  %s  %s\n", show_shape(shape, tsr_array_rank(array), tsr_array_shape(array)),
           tsr_array_dtype(array)->name, show_size(size, describe_decoded_size(array)));
}

static int copy_elements(cli_transfer *self, tsr_array *source, tsr_array *destination,
                         int64_t done_chunks)
{
    tsr_copy_options options;
    tsr_call call;

    tsr_copy_options_init(&options);
    options.memory_bytes = invocation_number(self->invocation, OPTION_MEMORY, 0);
    options.casting = creation_casting(self->invocation);
    creation_write_options(self->invocation, &options.write);
    options.keep_stored = self->resume;
    options.done_chunks = done_chunks;
    options.checkpoint = remember_chunks;
    options.checkpoint_user = self;
    progress_call(&self->progress, &call);
    return tsr_array_copy(source, destination, &options, &call, &self->invocation->error);
}

/* Halves the shards of a destination that were chosen by the library and turned out too large for
 * --memory. False when they are single chunks already. */
static bool shrink_shards(cli_array_plan *plan, const tsr_array *destination)
{
    const int64_t *chunk = describe_chunks(destination), *shard = describe_shards(destination);
    int rank = tsr_array_rank(destination), longest = -1;

    if (plan->options.chunk_edges)
        return false;
    for (int i = 0; shard && i < rank; i++) {
        plan->chunk_shape[i] = chunk[i];
        plan->shard_shape[i] = shard[i];
        if (shard[i] > chunk[i] &&
            (longest < 0 || shard[i] / chunk[i] > shard[longest] / chunk[longest]))
            longest = i;
    }
    if (longest < 0)
        return false;
    plan->shard_shape[longest] = (shard[longest] / chunk[longest] + 1) / 2 * chunk[longest];
    plan->options.chunk_shape = plan->chunk_shape;
    plan->options.shard_shape = plan->shard_shape;
    return true;
}

/* Shards that the library chose are those of the run before this one, which --memory may have made
 * smaller; its options were the same otherwise. What cannot be opened is made anew anyway. */
static void keep_shapes(cli_transfer *self, const char *place, cli_array_plan *plan)
{
    tsr_auto(tsr_array) *there = NULL;
    int rank;

    if (tsr_array_open(self->invocation->context, place, NULL, &there, NULL) < 0)
        return;
    rank = tsr_array_rank(there);
    if (rank != plan->options.rank || !describe_shards(there) || !tsr_array_is_regular(there))
        return;
    memcpy(plan->chunk_shape, describe_chunks(there), (size_t)rank * sizeof *plan->chunk_shape);
    memcpy(plan->shard_shape, describe_shards(there), (size_t)rank * sizeof *plan->shard_shape);
    plan->options.chunk_shape = plan->chunk_shape;
    plan->options.shard_shape = plan->shard_shape;
}

/* `done_chunks` of what is there already are whole. */
static int create_as_planned(cli_transfer *self, tsr_array *source, const char *path,
                             const char *place, cli_array_plan *plan, int64_t done_chunks,
                             bool *ret_smaller)
{
    tsr_auto(tsr_array) *destination = NULL;
    cli_invocation *invocation = self->invocation;
    char label[160];
    int status;

    *ret_smaller = false;
    CLI_TRY(tsr_array_create(invocation->context, place, &plan->options, &destination,
                             &invocation->error));
    progress_label(label, sizeof label, path, source);
    progress_begin(&self->progress, label, tsr_array_size(source));
    status = copy_elements(self, source, destination, done_chunks);
    progress_end(&self->progress);
    *ret_smaller =
        status == TSR_LIMIT && plan->options.shard_auto && shrink_shards(plan, destination);
    return status;
}

/* Once more, with what was made removed. */
static int create_again(cli_transfer *self, tsr_array *source, const char *path, const char *place,
                        cli_array_plan *plan, bool *ret_smaller)
{
    *ret_smaller = false;
    CLI_TRY(transfer_remove(self->invocation, self->source_place, self->destination_place, place,
                            &self->record));
    plan->options.mode = TSR_CREATE_NEW;
    return create_as_planned(self, source, path, place, plan, 0, ret_smaller);
}

static int plan_array(cli_transfer *self, tsr_array *source, cli_array_plan *ret_plan)
{
    if (self->like)
        return creation_plan_like(self->invocation, &self->creation, self->like, source,
                                  self->names, ret_plan);
    if (self->packed)
        return creation_plan_unpacked(self->invocation, &self->creation, self->packed, source,
                                      ret_plan);
    return creation_plan_copy(self->invocation, &self->creation, source, ret_plan);
}

static int create_and_copy(cli_transfer *self, tsr_array *source, const char *path,
                           const char *place)
{
    cli_array_plan plan;
    tsr_node_kind kind = TSR_NODE_NONE;
    bool goes_on, smaller;
    int status;

    if (self->resume)
        CLI_TRY(tsr_place_probe(self->invocation->context, place, NULL, &kind,
                                &self->invocation->error));
    goes_on = kind == TSR_NODE_ARRAY;
    CLI_TRY(plan_array(self, source, &plan));
    if (*path)
        array_plan_spare_parity(&plan);
    if (goes_on && plan.options.shard_auto)
        keep_shapes(self, place, &plan);
    plan.options.mode = goes_on ? TSR_CREATE_OPEN : TSR_CREATE_NEW;
    status = create_as_planned(self, source, path, place, &plan,
                               goes_on ? finished_chunks(self, self->current_path) : 0, &smaller);
    /* What a run before this one has begun goes on; what it looks different from is made anew. */
    if (status == TSR_EXISTS && goes_on)
        status = create_again(self, source, path, place, &plan, &smaller);
    while (status < 0 && smaller)
        status = create_again(self, source, path, place, &plan, &smaller);
    array_plan_clear(&plan);
    return status;
}

/* Whether a run before this one has finished the array, and it is there still. */
static bool is_kept(const cli_transfer *self, const char *path, const char *place)
{
    tsr_node_kind kind;

    return self->kept && json_object_object_get_ex(self->kept, path, NULL) &&
           tsr_place_probe(self->invocation->context, place, NULL, &kind, NULL) >= 0 &&
           kind == TSR_NODE_ARRAY;
}

static bool has_array_field(const tsr_dtype *dtype)
{
    for (int i = 0; i < tsr_dtype_field_count(dtype); i++)
        if (tsr_dtype_field(dtype, i)->rank > 0 ||
            has_array_field(tsr_dtype_field(dtype, i)->dtype))
            return true;
    return false;
}

/* In a tree, structs that the format does not have hide no other array. */
static int skip_struct(cli_transfer *self, const tsr_array *source, const char *path, int status,
                       bool *ret_skipped)
{
    tsr_error *err = &self->invocation->error;
    char why[sizeof err->message + sizeof err->next_step + 2];

    *ret_skipped = status == TSR_UNSUPPORTED && *path && has_array_field(tsr_array_dtype(source));
    if (!*ret_skipped)
        return status;
    snprintf(why, sizeof why, "%s; %s", err->message, err->next_step);
    transfer_skip(self, path, status, why);
    tsr_error_clear(err);
    return 0;
}

static int transfer_elements(cli_transfer *self, tsr_array *source, const char *path)
{
    char *place = location_join(self->destination_place, path);
    char *label = location_join("/", path);
    bool same = true, skipped = false;
    int status = 0;

    if (!place || !label) {
        status = tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
    } else if (self->dry_run) {
        say_array(self, path, source);
    } else if (is_kept(self, path, *path ? place : self->destination_place)) {
        self->result.kept++;
    } else {
        self->current_path = path;
        status = create_and_copy(self, source, label, *path ? place : self->destination_place);
        status = skip_struct(self, source, path, status, &skipped);
        if (status >= 0 && !skipped && self->result.different)
            status =
                transfer_verify(self->invocation, source, *path ? place : self->destination_place,
                                path, &self->verifying, &self->result, &same);
        /* What differs is looked at again by a run that goes on from here. */
        if (status >= 0 && same && !skipped)
            status = remember_finished(self, path);
    }
    memory_free(place);
    memory_free(label);
    if (status >= 0 && !skipped) {
        self->result.arrays++;
        if (__builtin_add_overflow(self->result.source_bytes, tsr_array_size(source),
                                   &self->result.source_bytes))
            self->result.source_bytes = INT64_MAX;
    }
    return status;
}

int transfer_array(cli_transfer *self, tsr_array *source, const char *path)
{
    tsr_auto(tsr_array) *unpacked = NULL;
    tsr_error error = TSR_ERROR_INIT;

    if (!invocation_has(self->invocation, OPTION_UNPACK))
        return transfer_elements(self, source, path);
    if (tsr_array_unpack(source, &unpacked, &error) >= 0) {
        self->packed = source;
        int status = transfer_elements(self, unpacked, path);
        self->packed = NULL;
        return status;
    }
    if (error.status == TSR_NO_MEMORY) {
        self->invocation->error = error;
        return error.status;
    }
    transfer_skip(self, path, error.status, error.message);
    return 0;
}
