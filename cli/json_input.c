#include "json_input.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <tessera/sys/json.h>

#include "creation.h"
#include "memory.h"
#include "show.h"
#include "signals.h"

enum { DEFAULT_TEXT_BYTES = 256 << 20, FIRST_TEXT_BYTES = 64 << 10 };

typedef struct cli_json_input {
    cli_invocation *invocation;
    const char *name;
    const cli_selected_array *destination;
    const tsr_dtype *dtype;
    tsr_heap *heap;
    tsr_slot *next; /* the element that is filled in next */
} cli_json_input;

/* ---- reading ---- */

static int cannot_read(const cli_json_input *self, size_t size, size_t most, FILE *stream)
{
    tsr_error *err = &self->invocation->error;
    char limit[SHOW_SIZE_MAX];

    if (signals_interrupted())
        return tsr_error_set(err, TSR_CANCELLED, "interrupted while reading %s", self->name);
    if (ferror(stream))
        return tsr_error_set(err, TSR_IO, "cannot read %s: %s", self->name, strerror(errno));
    if (size < most)
        return 0;
    tsr_error_set(err, TSR_LIMIT, "%s is longer than %s", self->name,
                  show_size(limit, (int64_t)most));
    tsr_error_set_next_step(err, "write it in parts (--select), or allow more by --memory");
    return TSR_LIMIT;
}

/* All of a stream; the caller frees the text. */
static int read_text(const cli_json_input *self, FILE *stream, char **ret_text, size_t *ret_size)
{
    size_t most = (size_t)invocation_number(self->invocation, OPTION_MEMORY, DEFAULT_TEXT_BYTES);
    size_t capacity = FIRST_TEXT_BYTES, size = 0;
    char *text = memory_bytes(capacity);

    while (text) {
        size += fread(text + size, 1, capacity - size, stream);
        if (size < capacity || size >= most)
            break;
        char *grown = memory_resized(text, 2 * capacity);
        if (!grown) {
            memory_free(text);
            text = NULL;
        } else {
            text = grown;
            capacity *= 2;
        }
    }
    if (!text)
        return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory for %s",
                             self->name);
    int status = cannot_read(self, size, most, stream);
    if (status < 0) {
        memory_free(text);
        return status;
    }
    *ret_text = text;
    *ret_size = size;
    return 0;
}

/* ---- elements ---- */

static int take_element(cli_json_input *self, struct json_object *value)
{
    tsr_error *err = &self->invocation->error;
    char *text;

    /* The text of a string is used where it is: the document lives until all is written. */
    if (self->dtype->kind == TSR_KIND_STRING && json_object_is_type(value, json_type_string))
        return tsr_slot_borrow(self->next++, json_object_get_string(value),
                               (size_t)json_object_get_string_len(value), err);
    CLI_TRY(tsr_json_text(value, 0, &text, err));
    int status = tsr_dtype_parse_element_into(self->dtype, text, self->heap, self->next++, err);
    tsr_free(text);
    return status;
}

static int another_shape(cli_json_input *self, int axis, size_t length)
{
    char shape[SHOW_SHAPE_MAX];

    return tsr_error_set(&self->invocation->error, TSR_INVALID_ARGUMENT,
                         "%s: a list of %zu along axis %d, and the selection has the shape %s",
                         self->name, length, axis,
                         show_shape(shape, self->destination->rank, self->destination->shape));
}

static int take_list(cli_json_input *self, struct json_object *value, int axis)
{
    if (axis == self->destination->rank)
        return take_element(self, value);
    if (!json_object_is_type(value, json_type_array))
        return tsr_error_set(&self->invocation->error, TSR_INVALID_ARGUMENT,
                             "%s: an element where axis %d is a list", self->name, axis);
    size_t length = json_object_array_length(value);
    if (length != (size_t)self->destination->shape[axis])
        return another_shape(self, axis, length);
    for (size_t i = 0; i < length; i++)
        CLI_TRY(take_list(self, json_object_array_get_idx(value, i), axis + 1));
    return 0;
}

static int write_elements(cli_json_input *self, struct json_object *document,
                          cli_progress *progress)
{
    tsr_auto(tsr_view) view = {0};
    tsr_write_options options;
    tsr_call call;

    CLI_TRY(tsr_view_new(&view, self->dtype, self->destination->rank, self->destination->shape,
                         &self->invocation->error));
    self->heap = view.heap;
    self->next = (tsr_slot *)(void *)view.data;
    CLI_TRY(take_list(self, document, 0));
    creation_write_options(self->invocation, &options);
    progress_call(progress, &call);
    return tsr_array_write_index(self->destination->array, &self->destination->index, &view,
                                 TSR_CASTING_NO, &options, &call, &self->invocation->error);
}

int json_input_write(cli_invocation *invocation, FILE *stream, const char *name,
                     const cli_selected_array *destination, cli_progress *progress)
{
    cli_json_input self = {invocation, name, destination, tsr_array_dtype(destination->array),
                           NULL,       NULL};
    struct json_object *document = NULL;
    char *text = NULL;
    size_t size = 0;

    CLI_TRY(read_text(&self, stream, &text, &size));
    int status =
        tsr_json_parse(text, size, TSR_JSON_STRICT, size + 1, &document, &invocation->error);
    memory_free(text);
    if (status < 0)
        return tsr_error_prepend(&invocation->error, "%s", name);
    status = write_elements(&self, document, progress);
    json_object_put(document);
    return status;
}
