#include "transfer.h"

#include <stdlib.h>
#include <string.h>

#include "describe.h"
#include "document.h"
#include "memory.h"
#include "show.h"
#include "transfer_run.h"

/* What the names of lock files end in (docs/format/files.md). */
#define LOCK_SUFFIX "__lock"

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
        transfer_skip(self, path, error.status, error.message);
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
    transfer_skip(self, path, error.status ? error.status : child->status,
                  error.message[0] ? error.message
                  : child->problem ? child->problem
                                   : "unknown");
    return 0;
}

static int transfer_children(cli_transfer *self, tsr_group *group, const char *path, int depth,
                             const cli_child_list *list)
{
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

/* Notes what a run before this one has finished. */
static int note_kept(cli_transfer *self)
{
    self->marked = json_object_array_length(self->record.finished);
    if (!self->resume)
        return 0;
    self->kept = json_object_new_object();
    for (size_t i = 0; self->kept && i < self->marked; i++) {
        struct json_object *name = json_object_array_get_idx(self->record.finished, i);
        if (json_object_is_type(name, json_type_string) &&
            json_object_object_add(self->kept, json_object_get_string(name), NULL) < 0)
            return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
    }
    return self->kept ? 0 : tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
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
    CLI_TRY(note_kept(self));
    if (!source)
        status = self->body(self->user, self);
    else if (source->array)
        status = transfer_array(self, source->array, "");
    else
        status = transfer_group(self, source->group, "", 0);
    if (self->dry_run)
        return status;
    if (status < 0)
        transfer_mark_rest(self, NULL); /* the failure is told, whatever becomes of the mark */
    if (status < 0 && self->entered)
        return transfer_leave(invocation, self->destination_place, &self->record,
                              self->current_path, status);
    if (status < 0)
        return transfer_abandon(invocation, self->destination_place, start, status);
    return self->unfinished ? transfer_mark_rest(self, &invocation->error)
                            : transfer_end(invocation, self->destination_place);
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
    json_object_put(self->kept);
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
