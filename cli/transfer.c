#include "transfer.h"

#include <stdlib.h>
#include <string.h>

#include <tessera/derived.h>

#include "describe.h"
#include "document.h"
#include "memory.h"
#include "show.h"

/* What the names of lock files end in (docs/format/files.md). */
#define LOCK_SUFFIX "__lock"

struct cli_transfer {
    cli_invocation *invocation;
    const cli_transfer_words *words;
    const char *source_place, *destination_place;
    cli_creation creation;
    cli_progress progress, verifying;
    bool dry_run, resume;
    bool unfinished; /* nodes were left out that another run may be able to read */
    cli_transfer_record record;
    const char *current_path; /* of the array that is being copied */
    cli_transfer_result result;
    /* Of what is made of several nodes. */
    cli_transfer_body body, enter;
    void *user;
    bool entered; /* the destination was there before, with what else is in it */
    tsr_array *like;
    tsr_array *packed; /* with --unpack: what the present array is unpacked from */
    const char *const *names;
};

/* ---- single nodes ---- */

/* Whether the same command may well meet something else next time. */
static bool may_pass(int status)
{
    return status == TSR_IO || status == TSR_PERMISSION || status == TSR_UNREACHABLE ||
           status == TSR_DEADLINE;
}

/* One bad node hides no other. */
static void skip(cli_transfer *self, const char *path, int status, const char *problem)
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

static bool is_finished(const cli_transfer *self, const char *path)
{
    for (size_t i = 0; i < json_object_array_length(self->record.finished); i++)
        if (strcmp(json_object_get_string(json_object_array_get_idx(self->record.finished, i)),
                   path) == 0)
            return true;
    return false;
}

static int remember_finished(cli_transfer *self, const char *path)
{
    struct json_object *text = json_object_new_string(path);

    if (!text || json_object_array_add(self->record.finished, text) < 0)
        return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
    json_object_put(self->record.current);
    self->record.current = NULL;
    return transfer_mark(self->invocation, self->source_place, self->destination_place,
                         &self->record, &self->invocation->error);
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

/* Removes what was made at a place, so that it can be made again. */
static int start_over(cli_transfer *self, const char *place)
{
    return transfer_remove(self->invocation, self->source_place, self->destination_place, place,
                           &self->record);
}

static int create_and_copy(cli_transfer *self, tsr_array *source, const char *path,
                           const char *place)
{
    cli_array_plan plan;
    tsr_node_kind kind = TSR_NODE_NONE;
    bool smaller;
    int status;

    if (self->resume)
        CLI_TRY(tsr_place_probe(self->invocation->context, place, NULL, &kind,
                                &self->invocation->error));
    if (self->like)
        CLI_TRY(creation_plan_like(self->invocation, &self->creation, self->like, source,
                                   self->names, &plan));
    else if (self->packed)
        CLI_TRY(
            creation_plan_unpacked(self->invocation, &self->creation, self->packed, source, &plan));
    else
        CLI_TRY(creation_plan_copy(self->invocation, &self->creation, source, &plan));
    if (*path)
        array_plan_spare_parity(&plan);
    if (kind == TSR_NODE_ARRAY && plan.options.shard_auto)
        keep_shapes(self, place, &plan);
    /* What a run before this one has begun goes on; what it looks different from is made anew. */
    plan.options.mode = kind == TSR_NODE_ARRAY ? TSR_CREATE_OPEN : TSR_CREATE_NEW;
    status = create_as_planned(
        self, source, path, place, &plan,
        kind == TSR_NODE_ARRAY ? finished_chunks(self, self->current_path) : 0, &smaller);
    if (status == TSR_EXISTS && kind == TSR_NODE_ARRAY) {
        plan.options.mode = TSR_CREATE_NEW;
        status = start_over(self, place);
        if (status >= 0)
            status = create_as_planned(self, source, path, place, &plan, 0, &smaller);
    }
    while (status < 0 && smaller) {
        status = start_over(self, place);
        if (status >= 0)
            status = create_as_planned(self, source, path, place, &plan, 0, &smaller);
        else
            smaller = false;
    }
    array_plan_clear(&plan);
    return status;
}

/* Whether a run before this one has finished the array, and it is there still. */
static bool is_kept(const cli_transfer *self, const char *path, const char *place)
{
    tsr_node_kind kind;

    return self->resume && is_finished(self, path) &&
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
    skip(self, path, status, why);
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

/* Attributes that cannot be made sense of hide no other array. */
static int transfer_array(cli_transfer *self, tsr_array *source, const char *path)
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
    skip(self, path, error.status, error.message);
    return 0;
}

/* ---- trees ---- */

static int create_group_with(cli_transfer *self, const char *path, int zarr_format,
                             const char *attributes)
{
    tsr_auto(tsr_group) *group = NULL;
    tsr_group_create_options options;
    char *place = location_join(self->destination_place, path);
    int status;

    if (!place)
        return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
    tsr_group_create_options_init(&options);
    /* What a run before this one has made is made again; nothing is erased for that. */
    options.mode = self->resume ? TSR_CREATE_OPEN : TSR_CREATE_NEW;
    options.attributes = attributes;
    if (zarr_format)
        options.zarr_format = zarr_format;
    status = tsr_group_create(self->invocation->context, *path ? place : self->destination_place,
                              &options, &group, &self->invocation->error);
    memory_free(place);
    return status;
}

/* The attributes for a group of that format: in 3 NaN is a text, since JSON has no number of that
 * name and many readers refuse one. */
static int group_attributes(tsr_group *source, int zarr_format, char **ret_json, tsr_error *err)
{
    struct json_object *attributes;
    int status;

    if (zarr_format == 2)
        return tsr_group_attributes(source, ret_json, err);
    CLI_TRY(describe_group_attributes(source, &attributes, err));
    status = tsr_json_text(attributes, 0, ret_json, err);
    json_object_put(attributes);
    return status;
}

static int create_group(cli_transfer *self, tsr_group *source, const char *path)
{
    const char *driver = tsr_group_driver(source);
    int status, zarr_format = self->creation.zarr_format;
    char *attributes;

    if (!zarr_format && location_is_zarr(driver))
        zarr_format = driver[4] - '0';
    CLI_TRY(group_attributes(source, zarr_format, &attributes, &self->invocation->error));
    status = create_group_with(self, path, zarr_format, attributes);
    tsr_free(attributes);
    return status;
}

static int transfer_group(cli_transfer *self, tsr_group *source, const char *path, int depth);

static int check_name(const cli_transfer *self, const char *name, tsr_error *err)
{
    size_t length = strlen(name), reserved = strlen(LOCK_SUFFIX);
    const char *path;

    CLI_TRY(tsr_group_check_name(name, err));
    if (location_is_local(self->destination_place, &path) && length >= reserved &&
        strcmp(name + length - reserved, LOCK_SUFFIX) == 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "\"%s\" is no name for a node: on a file system, names that end in "
                             "\"" LOCK_SUFFIX "\" belong to lock files",
                             name);
    return 0;
}

static int transfer_child(cli_transfer *self, tsr_group *parent, const cli_child *child,
                          const char *path, int depth)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(tsr_group) *group = NULL;
    tsr_error error = TSR_ERROR_INIT;

    /* Files have names that Zarr, or a folder with our lock files, has no place for. */
    if (check_name(self, child->name, &error) < 0) {
        skip(self, path, error.status, error.message);
        return 0;
    }
    if (child->kind == TSR_NODE_ARRAY) {
        if (tsr_group_open_array(parent, child->name, &array, &error) >= 0)
            return transfer_array(self, array, path);
    } else if (child->kind == TSR_NODE_GROUP) {
        if (tsr_group_open_group(parent, child->name, &group, &error) >= 0)
            return transfer_group(self, group, path, depth + 1);
    }
    if (error.status == TSR_NO_MEMORY || error.status == TSR_CANCELLED) {
        self->invocation->error = error;
        return error.status;
    }
    skip(self, path, error.status ? error.status : child->status,
         error.message[0] ? error.message
         : child->problem ? child->problem
                          : "unknown");
    return 0;
}

static int transfer_children(cli_transfer *self, tsr_group *group, const char *path, int depth,
                             const cli_child_list *list)
{
    (void)group;
    for (size_t i = 0; i < list->count; i++) {
        char *child_path = location_join(path, list->children[i].name);
        int status;
        if (!child_path)
            return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
        status = transfer_child(self, group, &list->children[i], child_path, depth);
        memory_free(child_path);
        CLI_TRY(status);
    }
    return 0;
}

static int transfer_group(cli_transfer *self, tsr_group *source, const char *path, int depth)
{
    cli_child_list list;
    int status;

    /* The children first: a copy into the source itself does not meet its own result. */
    CLI_TRY(child_list_descend(self->invocation, source, depth, &list));
    status = self->dry_run ? 0 : create_group(self, source, path);
    if (status >= 0) {
        self->result.groups++;
        status = transfer_children(self, source, path, depth, &list);
    }
    child_list_clear(&list);
    return status;
}

/* ---- the whole ---- */

static void add_result(cli_document *document, const cli_transfer_words *words, const char *place,
                       const cli_transfer_result *result)
{
    document_add_text(document, document->root, "action", words->done);
    document_add_text(document, document->root, "destination", place);
    document_add_integer(document, document->root, "arrays", result->arrays);
    document_add_integer(document, document->root, "groups", result->groups);
    document_add_integer(document, document->root, "kept", result->kept);
    document_add_integer(document, document->root, "skipped", result->skipped);
    document_add_integer(document, document->root, "source_bytes", result->source_bytes);
    if (result->stored_bytes >= 0)
        document_add_integer(document, document->root, "stored_bytes", result->stored_bytes);
    else
        document_add_null(document, document->root, "stored_bytes");
    document_add_number(document, document->root, "seconds", result->seconds);
    if (result->different) {
        document_add_integer(document, document->root, "verified", result->verified);
        document_add_value(document, document->root, "different", result->different);
    } else {
        document_add_null(document, document->root, "verified");
        document_add_null(document, document->root, "different");
    }
}

int transfer_report(cli_invocation *invocation, const cli_transfer_words *words,
                    const char *destination_place, const cli_transfer_result *result)
{
    char from[SHOW_SIZE_MAX], to[SHOW_SIZE_MAX];
    cli_document document;
    int status;

    if (invocation_has(invocation, OPTION_JSON)) {
        document_init(&document);
        add_result(&document, words, destination_place, result);
        status = document_print(&document, stdout, &invocation->error);
        document_clear(&document);
        return status;
    }
    fprintf(stderr, "%s %lld %s, %s", words->done, (long long)result->arrays,
            result->arrays == 1 ? "array" : "arrays", show_size(from, result->source_bytes));
    if (result->stored_bytes >= 0)
        fprintf(stderr, " -> %s", show_size(to, result->stored_bytes));
    if (result->stored_bytes > 0)
        fprintf(stderr, " (%.1f x)", (double)result->source_bytes / (double)result->stored_bytes);
    fprintf(stderr, " in %.2f s", result->seconds);
    if (result->verified > 0)
        fprintf(stderr, "; %lld verified", (long long)result->verified);
    if (result->kept > 0)
        fprintf(stderr, "; %lld were whole already", (long long)result->kept);
    fputc('\n', stderr);
    return 0;
}

static int copy_all(cli_transfer *self, const cli_location_node *source)
{
    cli_invocation *invocation = self->invocation;
    const cli_transfer_entrance entrance = {self->enter, self->user, self};
    cli_transfer_start start;
    int status;

    CLI_TRY(creation_read(invocation, &self->creation));
    CLI_TRY(transfer_begin(invocation, self->source_place, self->destination_place,
                           self->enter ? &entrance : NULL, &start, &self->record));
    self->resume = start == TRANSFER_RESUME;
    self->entered = start == TRANSFER_ENTER;
    if (!source)
        status = self->body(self->user, self);
    else if (source->array)
        status = transfer_array(self, source->array, "");
    else
        status = transfer_group(self, source->group, "", 0);
    if (self->dry_run)
        return status;
    if (status < 0 && self->entered)
        return transfer_leave(invocation, self->destination_place, &self->record,
                              self->current_path, status);
    if (status < 0)
        return transfer_abandon(invocation, self->destination_place, start, status);
    return self->unfinished ? 0 : transfer_end(invocation, self->destination_place);
}

static int report_different(cli_transfer *self)
{
    tsr_error *err = &self->invocation->error;
    size_t count = json_object_array_length(self->result.different);

    tsr_error_set(err, TSR_DAMAGED, "%s: %zu %s not what %s holds", self->destination_place, count,
                  count == 1 ? "chunk is" : "chunks are", self->source_place);
    tsr_error_set_next_step(err,
                            "`tessera diff` shows the elements; where a codec is lossy, such as "
                            "zfp or bitround, they differ by what it rounds");
    return TSR_DAMAGED;
}

static int finish(cli_transfer *self, int64_t start_ms)
{
    cli_invocation *invocation = self->invocation;
    cli_transfer_result *result = &self->result;

    if (!self->dry_run) {
        result->seconds = (double)(progress_now_ms() - start_ms) / 1000;
        /* A group that was there has more in it. */
        if (self->entered || location_stored_size(invocation->context, self->destination_place,
                                                  &result->stored_bytes, NULL, NULL) < 0)
            result->stored_bytes = -1;
        CLI_TRY(transfer_report(invocation, self->words, self->destination_place, result));
    }
    if (result->different && json_object_array_length(result->different) > 0)
        return report_different(self);
    if (result->skipped == 0)
        return 0;
    tsr_error_set(&invocation->error, TSR_PARTIAL, "%lld of the nodes of %s were left out",
                  (long long)result->skipped, self->source_place);
    if (self->unfinished)
        tsr_error_set_next_step(&invocation->error,
                                "run the same command again once they can be read: it keeps what "
                                "is whole");
    return TSR_PARTIAL;
}

/* A copy onto itself would read what it has just erased. */
static int check_places(cli_invocation *invocation, const char *source, const char *destination)
{
    const char *from, *to;
    char *real_from = NULL, *real_to = NULL;
    bool same = strcmp(source, destination) == 0;

    if (location_is_local(source, &from) && location_is_local(destination, &to)) {
        real_from = realpath(from, NULL);
        real_to = realpath(to, NULL);
        if (real_from && real_to) {
            size_t length = strlen(real_to);
            same |= strncmp(real_from, real_to, length) == 0 &&
                    (real_from[length] == '\0' || real_from[length] == '/');
        }
    }
    memory_free(real_from);
    memory_free(real_to);
    if (!same)
        return 0;
    return invocation_misuse(invocation, "%s: %s is, or is inside, the destination %s",
                             invocation->command->name, source, destination);
}

static int carry_out(cli_transfer *self, const cli_location_node *source)
{
    cli_invocation *invocation = self->invocation;
    int64_t start_ms = progress_now_ms();
    int status;

    self->dry_run = invocation_has(invocation, OPTION_DRY_RUN);
    progress_init(&self->progress, invocation, self->words->doing);
    progress_init(&self->verifying, invocation, "verifying");
    if (invocation_has(invocation, OPTION_VERIFY) &&
        !(self->result.different = json_object_new_array()))
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    status = copy_all(self, source);
    if (status >= 0)
        status = finish(self, start_ms);
    creation_clear(&self->creation);
    transfer_record_clear(&self->record);
    json_object_put(self->result.different);
    return transfer_interrupted(invocation, status);
}

int transfer_node(cli_invocation *invocation, const cli_transfer_words *words,
                  const cli_location_node *source, const char *source_place,
                  const char *destination_place)
{
    cli_transfer self = {.invocation = invocation,
                         .words = words,
                         .source_place = source_place,
                         .destination_place = destination_place};

    CLI_TRY(check_places(invocation, source_place, destination_place));
    return carry_out(&self, source);
}

/* ---- made of several nodes ---- */

cli_creation *transfer_creation(cli_transfer *self)
{
    return &self->creation;
}

int transfer_make_array(cli_transfer *self, tsr_array *source, tsr_array *like,
                        const char *const *names, const char *path)
{
    self->like = like;
    self->names = names;
    return transfer_array(self, source, path);
}

int transfer_make_group(cli_transfer *self, const char *path)
{
    if (self->dry_run || (self->entered && !*path))
        return 0;
    self->result.groups++;
    return create_group_with(self, path, 3, NULL);
}

/* The places one below the other: what tells one run from another. */
static char *join_places(const char *const *places, size_t count)
{
    size_t size = 1, used = 0;
    char *text;

    for (size_t i = 0; i < count; i++)
        size += strlen(places[i]) + 1;
    text = memory_bytes(size);
    for (size_t i = 0; text && i < count; i++) {
        size_t length = strlen(places[i]);
        if (i > 0)
            text[used++] = '\n';
        memcpy(text + used, places[i], length + 1);
        used += length;
    }
    return text;
}

int transfer_make(cli_invocation *invocation, const cli_transfer_words *words,
                  const char *const *source_places, size_t source_count,
                  const char *destination_place, cli_transfer_body body, cli_transfer_body enter,
                  void *user)
{
    cli_transfer self = {.invocation = invocation,
                         .words = words,
                         .destination_place = destination_place,
                         .body = body,
                         .enter = enter,
                         .user = user};
    char *places;
    int status;

    /* What enters a group, and replaces nothing there, may come from it. */
    for (size_t i = 0; i < source_count && (!enter || invocation_has(invocation, OPTION_OVERWRITE));
         i++)
        CLI_TRY(check_places(invocation, source_places[i], destination_place));
    places = join_places(source_places, source_count);
    if (!places)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    self.source_place = places;
    status = carry_out(&self, NULL);
    memory_free(places);
    return status;
}
