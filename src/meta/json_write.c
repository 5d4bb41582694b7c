#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/output.h"
#include "base/text.h"
#include "meta/json.h"

enum { DEPTH_MAX = 128 }; /* twice what the parser reads; ends the recursion on a cycle */

static int put(tsr_output *output, const char *text, tsr_error *err)
{
    return tsr_output_append(output, text, strlen(text), err);
}

/* ---- strings ---- */

/* The escape of a byte that cannot stand for itself, or NULL. */
static const char *escape_of(unsigned char byte, char buffer[8])
{
    switch (byte) {
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    default:
        if (byte >= 0x20)
            return NULL;
        snprintf(buffer, 8, "\\u%04x", byte);
        return buffer;
    }
}

static int quote(const char *text, size_t size_bytes, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(put(output, "\"", err));
    size_t run = 0; /* where the bytes start that are not written yet */
    for (size_t i = 0; i < size_bytes;) {
        char buffer[8];
        const char *escape = escape_of((unsigned char)text[i], buffer);
        uint32_t code = 0;
        size_t length = tsri_text_character(text + i, size_bytes - i, &code);
        if (length == 0 && tsri_text_surrogate(text + i, size_bytes - i, &code)) {
            snprintf(buffer, sizeof buffer, "\\u%04x", code);
            escape = buffer;
            length = 3;
        }
        if (length == 0)
            return tsr_error_set(
                err, TSR_INVALID_ARGUMENT,
                "byte 0x%02x at %zu of a string is not valid UTF-8, which JSON texts must be",
                (unsigned char)text[i], i);
        if (escape != NULL) {
            TSRI_TRY(tsr_output_append(output, text + run, i - run, err));
            TSRI_TRY(put(output, escape, err));
            run = i + length;
        }
        i += length;
    }
    TSRI_TRY(tsr_output_append(output, text + run, size_bytes - run, err));
    return put(output, "\"", err);
}

int tsr_json_quote(const char *text, tsr_output *output, tsr_error *err)
{
    return quote(text, strlen(text), output, err);
}

/* ---- numbers ---- */

/* The shortest of the decimals that read back as the same double, with a point or exponent so that
 * it stays one. The calling thread's locale is "C". */
static void shortest(double number, char text[40])
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, 40, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    if (strpbrk(text, ".e") == NULL)
        strcat(text, ".0");
}

static int write_new_double(double number, tsr_output *output, tsr_error *err)
{
    if (isnan(number))
        return put(output, "NaN", err);
    if (isinf(number))
        return put(output, number > 0 ? "Infinity" : "-Infinity", err);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return tsri_error_no_memory(err, 0);
    char text[40];
    locale_t before = uselocale(plain);
    shortest(number, text);
    uselocale(before);
    freelocale(plain);
    return put(output, text, err);
}

static int write_double(const tsri_json *value, tsr_output *output, tsr_error *err)
{
    const char *source = tsri_json_source(value);
    return source != NULL ? put(output, source, err)
                          : write_new_double(json_object_get_double(value), output, err);
}

static int write_int(const tsri_json *value, tsr_output *output, tsr_error *err)
{
    char text[24];
    int64_t number = json_object_get_int64(value);
    if (number == INT64_MAX) /* or above: json-c saturates */
        snprintf(text, sizeof text, "%llu", (unsigned long long)json_object_get_uint64(value));
    else
        snprintf(text, sizeof text, "%lld", (long long)number);
    return put(output, text, err);
}

/* ---- values ---- */

typedef struct json_writer {
    tsr_output *output;
    int indent, depth;
} json_writer;

static int write_value(json_writer *writer, const tsri_json *value, tsr_error *err);

static int new_line(json_writer *writer, tsr_error *err)
{
    if (writer->indent == 0)
        return 0;
    size_t spaces = (size_t)writer->indent * (size_t)writer->depth;
    char *line = tsr_output_reserve(writer->output, spaces + 1, err);
    if (line == NULL)
        return err != NULL ? err->status : TSR_NO_MEMORY;
    line[0] = '\n';
    memset(line + 1, ' ', spaces);
    writer->output->size_bytes += spaces + 1;
    return 0;
}

static bool is_container(const tsri_json *value)
{
    return json_object_is_type(value, json_type_array) ||
           json_object_is_type(value, json_type_object);
}

static bool holds_containers(const tsri_json *array)
{
    size_t length = json_object_array_length(array);
    for (size_t i = 0; i < length; i++)
        if (is_container(json_object_array_get_idx(array, i)))
            return true;
    return false;
}

static int write_array(json_writer *writer, const tsri_json *array, tsr_error *err)
{
    bool lines = holds_containers(array);
    size_t length = json_object_array_length(array);
    TSRI_TRY(put(writer->output, "[", err));
    writer->depth++;
    for (size_t i = 0; i < length; i++) {
        if (i > 0)
            TSRI_TRY(put(writer->output, writer->indent > 0 && !lines ? ", " : ",", err));
        if (lines)
            TSRI_TRY(new_line(writer, err));
        TSRI_TRY(write_value(writer, json_object_array_get_idx(array, i), err));
    }
    writer->depth--;
    if (lines)
        TSRI_TRY(new_line(writer, err));
    return put(writer->output, "]", err);
}

static int write_object(json_writer *writer, const tsri_json *object, tsr_error *err)
{
    bool first = true;
    TSRI_TRY(put(writer->output, "{", err));
    writer->depth++;
    json_object_object_foreach(object, name, value)
    {
        if (!first)
            TSRI_TRY(put(writer->output, ",", err));
        first = false;
        TSRI_TRY(new_line(writer, err));
        TSRI_TRY(quote(name, strlen(name), writer->output, err));
        TSRI_TRY(put(writer->output, writer->indent > 0 ? ": " : ":", err));
        TSRI_TRY(write_value(writer, value, err));
    }
    writer->depth--;
    if (!first)
        TSRI_TRY(new_line(writer, err));
    return put(writer->output, "}", err);
}

static int write_value(json_writer *writer, const tsri_json *value, tsr_error *err)
{
    if (writer->depth > DEPTH_MAX)
        return tsr_error_set(err, TSR_LIMIT, "a JSON value is nested deeper than %d levels",
                             DEPTH_MAX);
    switch (json_object_get_type(value)) {
    case json_type_null:
        return put(writer->output, "null", err);
    case json_type_boolean:
        return put(writer->output, json_object_get_boolean(value) ? "true" : "false", err);
    case json_type_double:
        return write_double(value, writer->output, err);
    case json_type_int:
        return write_int(value, writer->output, err);
    case json_type_string:
        return quote(json_object_get_string((tsri_json *)value),
                     (size_t)json_object_get_string_len(value), writer->output, err);
    case json_type_array:
        return write_array(writer, value, err);
    case json_type_object:
        return write_object(writer, value, err);
    }
    return tsr_error_set(err, TSR_INTERNAL, "a JSON value of an unknown kind");
}

int tsr_json_write(const tsri_json *value, int indent, tsr_output *output, tsr_error *err)
{
    json_writer writer = {.output = output, .indent = indent};
    return write_value(&writer, value, err);
}

int tsr_json_text(const tsri_json *value, int indent, char **ret_text, tsr_error *err)
{
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    TSRI_TRY(tsr_json_write(value, indent, &output, err));
    TSRI_TRY(tsr_output_append(&output, "", 1, err));
    *ret_text = TSRI_TAKE(output.data);
    return 0;
}
