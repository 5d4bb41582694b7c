#include "document.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "scalar.h"
#include "show.h"
#include "try.h"

void document_init(cli_document *document)
{
    document->root = json_object_new_object();
    document->failed = document->root == NULL;
}

void document_init_list(cli_document *document)
{
    document->root = json_object_new_array();
    document->failed = document->root == NULL;
}

void document_clear(cli_document *document)
{
    json_object_put(document->root);
    document->root = NULL;
}

int document_parse(const char *json, struct json_object **ret_value, tsr_error *err)
{
    return tsr_json_parse(json, strlen(json), TSR_JSON_NAN_AS_TEXT | TSR_JSON_LONE_SURROGATES, 0,
                          ret_value, err);
}

static int print(cli_document *document, FILE *stream, int indent, tsr_error *err)
{
    char *text;

    if (document->failed)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    CLI_TRY(tsr_json_text(document->root, indent, &text, err));
    fprintf(stream, "%s\n", text);
    tsr_free(text);
    return stream == stdout ? show_check(err) : 0;
}

int document_print(cli_document *document, FILE *stream, tsr_error *err)
{
    return print(document, stream, 2, err);
}

int document_print_line(cli_document *document, FILE *stream, tsr_error *err)
{
    return print(document, stream, 0, err);
}

int document_read_element(const tsr_dtype *dtype, struct json_object *value, void *element,
                          bool *ret_fits, tsr_error *err)
{
    char *text;
    int status;

    CLI_TRY(tsr_json_text(value, 0, &text, err));
    status = tsr_dtype_parse_element(dtype, text, element, NULL);
    tsr_free(text);
    *ret_fits = status >= 0;
    return status == TSR_NO_MEMORY ? tsr_error_set(err, status, "out of memory") : 0;
}

/* Hands `value` to the parent. json-c writes JSON null as a NULL pointer, so that `good` says
 * whether NULL was meant. */
static struct json_object *attach(cli_document *document, struct json_object *parent,
                                  const char *key, struct json_object *value, bool good)
{
    int failed = !good || !parent;

    if (!failed)
        failed =
            key ? json_object_object_add(parent, key, value) : json_object_array_add(parent, value);
    if (failed) {
        document->failed = true;
        json_object_put(value);
        return NULL;
    }
    return value;
}

static struct json_object *attach_new(cli_document *document, struct json_object *parent,
                                      const char *key, struct json_object *value)
{
    return attach(document, parent, key, value, value != NULL);
}

void document_add_value(cli_document *document, struct json_object *parent, const char *key,
                        struct json_object *value)
{
    attach(document, parent, key, json_object_get(value), true);
}

struct json_object *document_add_object(cli_document *document, struct json_object *parent,
                                        const char *key)
{
    return attach_new(document, parent, key, json_object_new_object());
}

struct json_object *document_add_list(cli_document *document, struct json_object *parent,
                                      const char *key)
{
    return attach_new(document, parent, key, json_object_new_array());
}

void document_add_null(cli_document *document, struct json_object *parent, const char *key)
{
    attach(document, parent, key, NULL, true);
}

/* The length of the well-formed UTF-8 character at `text`, or 0. */
static size_t utf8_length(const unsigned char *text)
{
    size_t length = *text < 0x80                    ? 1
                    : *text >= 0xc2 && *text < 0xe0 ? 2
                    : *text >= 0xe0 && *text < 0xf0 ? 3
                    : *text >= 0xf0 && *text < 0xf5 ? 4
                                                    : 0;

    for (size_t i = 1; i < length; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
        (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
        return 0;
    return length;
}

/* A copy in which what is no UTF-8 stands as U+FFFD: names of files may be any bytes, JSON may not.
 */
static char *valid_utf8(const char *text)
{
    char *copy = memory_bytes(strlen(text) * 3 + 1), *out = copy;

    while (copy && *text) {
        size_t length = utf8_length((const unsigned char *)text);
        memcpy(out, length ? text : "\xef\xbf\xbd", length ? length : 3);
        out += length ? length : 3;
        text += length ? length : 1;
    }
    if (copy)
        *out = '\0';
    return copy;
}

void document_add_text(cli_document *document, struct json_object *parent, const char *key,
                       const char *text)
{
    char *valid;

    if (!text) {
        document_add_null(document, parent, key);
        return;
    }
    valid = valid_utf8(text);
    attach_new(document, parent, key, valid ? json_object_new_string(valid) : NULL);
    memory_free(valid);
}

void document_add_integer(cli_document *document, struct json_object *parent, const char *key,
                          int64_t value)
{
    attach_new(document, parent, key, json_object_new_int64(value));
}

void document_add_flag(cli_document *document, struct json_object *parent, const char *key,
                       bool value)
{
    attach_new(document, parent, key, json_object_new_boolean(value));
}

void document_add_number(cli_document *document, struct json_object *parent, const char *key,
                         double value)
{
    /* Arithmetic gives NaN of either sign; they mean the same. */
    if (isnan(value))
        value = NAN;
    document_add_element(document, parent, key, TSR_FLOAT64, &value);
}

void document_add_lengths(cli_document *document, struct json_object *parent, const char *key,
                          int rank, const int64_t *lengths)
{
    struct json_object *list = document_add_list(document, parent, key);

    for (int i = 0; i < rank; i++)
        document_add_integer(document, list, NULL, lengths[i]);
}

void document_add_element(cli_document *document, struct json_object *parent, const char *key,
                          const tsr_dtype *dtype, const void *element)
{
    char *text = scalar_text(dtype, element);

    if (!text)
        document->failed = true;
    else
        document_add_json(document, parent, key, text);
    memory_free(text);
}

/* Integers beyond 63 bits and the digits of doubles are kept as they are written. */
void document_add_json(cli_document *document, struct json_object *parent, const char *key,
                       const char *json)
{
    struct json_object *value = NULL;
    bool good = document_parse(json, &value, NULL) >= 0;

    attach(document, parent, key, value, good);
}
