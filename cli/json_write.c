/* From json-c values to JSON text. json-c's own printer is not used: its version 0.16 loses parts
 * of the text when an allocation fails, and says nothing. */
#include <string.h>

#include "document.h"
#include "memory.h"

typedef struct cli_json_writer {
    char *text;
    size_t used, capacity;
    bool pretty; /* containers of containers on lines of their own */
    bool failed;
} cli_json_writer;

static void put_bytes(cli_json_writer *writer, const char *bytes, size_t size)
{
    if (!writer->failed && writer->used + size > writer->capacity) {
        size_t capacity = (writer->used + size) * 2;
        char *grown = memory_resized(writer->text, capacity);
        if (grown) {
            writer->text = grown;
            writer->capacity = capacity;
        }
        writer->failed = !grown;
    }
    if (writer->failed)
        return;
    memcpy(writer->text + writer->used, bytes, size);
    writer->used += size;
}

static void put(cli_json_writer *writer, const char *text)
{
    put_bytes(writer, text, strlen(text));
}

static void put_string(cli_json_writer *writer, const char *text, size_t length)
{
    static const char letters[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
    char escape[8];

    put(writer, "\"");
    for (const char *end = text + length; text < end; text++) {
        const char *letter = *text ? strchr(letters, *text) : NULL;
        if (letter) {
            snprintf(escape, sizeof escape, "\\%c", names[letter - letters]);
            put(writer, escape);
        } else if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            snprintf(escape, sizeof escape, "\\u%04x", (unsigned char)*text);
            put(writer, escape);
        } else {
            put_bytes(writer, text, 1);
        }
    }
    put(writer, "\"");
}

static void put_integer(cli_json_writer *writer, struct json_object *value)
{
    char digits[32];
    int64_t number = json_object_get_int64(value);

    /* json-c answers with the nearest it can: only then may the number lie beyond. */
    if (number == INT64_MAX)
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)json_object_get_uint64(value));
    else
        snprintf(digits, sizeof digits, "%lld", (long long)number);
    put(writer, digits);
}

/* The digits that the number was made of, where it keeps them. */
static void put_double(cli_json_writer *writer, struct json_object *value)
{
    const char *kept = json_object_get_userdata(value);
    double number = json_object_get_double(value);
    char digits[64];

    if (!kept && tsr_dtype_format_element(TSR_FLOAT64, &number, digits, sizeof digits) < 0)
        writer->failed = true;
    else
        put(writer, kept ? kept : digits);
}

static bool is_container(struct json_object *value)
{
    return json_object_is_type(value, json_type_object) ||
           json_object_is_type(value, json_type_array);
}

/* Objects, and lists of containers, go over several lines; lists of numbers stay on one. */
static bool needs_lines(struct json_object *value)
{
    if (json_object_is_type(value, json_type_object))
        return json_object_object_length(value) > 0;
    for (size_t i = 0; i < json_object_array_length(value); i++)
        if (is_container(json_object_array_get_idx(value, i)))
            return true;
    return false;
}

static void put_line(cli_json_writer *writer, bool lines, int indent)
{
    if (!lines)
        return;
    put(writer, "\n");
    for (int i = 0; i < indent; i++)
        put(writer, "  ");
}

static void put_comma(cli_json_writer *writer, bool first, bool lines, int indent)
{
    if (!first)
        put(writer, writer->pretty && !lines ? ", " : ",");
    put_line(writer, lines, indent);
}

static void put_value(cli_json_writer *writer, struct json_object *value, int indent);

static void put_members(cli_json_writer *writer, struct json_object *object, bool lines, int indent)
{
    bool first = true;

    json_object_object_foreach(object, name, member)
    {
        put_comma(writer, first, lines, indent);
        put_string(writer, name, strlen(name));
        put(writer, writer->pretty ? ": " : ":");
        put_value(writer, member, indent);
        first = false;
    }
}

static void put_elements(cli_json_writer *writer, struct json_object *list, bool lines, int indent)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        put_comma(writer, i == 0, lines, indent);
        put_value(writer, json_object_array_get_idx(list, i), indent);
    }
}

static void put_container(cli_json_writer *writer, struct json_object *value, int indent)
{
    bool lines = writer->pretty && needs_lines(value);
    bool object = json_object_is_type(value, json_type_object);

    put(writer, object ? "{" : "[");
    if (object)
        put_members(writer, value, lines, indent + 1);
    else
        put_elements(writer, value, lines, indent + 1);
    put_line(writer, lines, indent);
    put(writer, object ? "}" : "]");
}

static void put_value(cli_json_writer *writer, struct json_object *value, int indent)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        put(writer, "null");
        return;
    case json_type_boolean:
        put(writer, json_object_get_boolean(value) ? "true" : "false");
        return;
    case json_type_int:
        put_integer(writer, value);
        return;
    case json_type_double:
        put_double(writer, value);
        return;
    case json_type_string:
        put_string(writer, json_object_get_string(value),
                   (size_t)json_object_get_string_len(value));
        return;
    case json_type_object:
    case json_type_array:
        put_container(writer, value, indent);
        return;
    }
}

char *document_text(struct json_object *value, bool pretty)
{
    cli_json_writer writer = {.pretty = pretty};

    put_value(&writer, value, 0);
    put_bytes(&writer, "", 1);
    if (!writer.failed)
        return writer.text;
    memory_free(writer.text);
    return NULL;
}
