/* From JSON text to json-c values. json-c's own parser is not used: its version 0.16 crashes, or
 * loses parts of the text, when an allocation fails, and it cuts integers beyond 64 bits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "memory.h"
#include "try.h"

enum { DEPTH_MAX = 512 };

typedef struct cli_json_reader {
    const char *text, *at;
    int depth;
    tsr_error *err;
} cli_json_reader;

static int read_value(cli_json_reader *reader, struct json_object **ret_value);

static int no_memory(cli_json_reader *reader)
{
    return tsr_error_set(reader->err, TSR_NO_MEMORY, "out of memory for a JSON text");
}

static int unexpected(cli_json_reader *reader, const char *wanted)
{
    return tsr_error_set(reader->err, TSR_INVALID_ARGUMENT, "JSON: character %lld: expected %s",
                         (long long)(reader->at - reader->text) + 1, wanted);
}

static void skip_spaces(cli_json_reader *reader)
{
    reader->at += strspn(reader->at, " \t\r\n");
}

static bool take(cli_json_reader *reader, char character)
{
    skip_spaces(reader);
    if (*reader->at != character)
        return false;
    reader->at++;
    return true;
}

/* ---- strings ------------------------------------------------------------------------------------
 */

/* Four hexadecimal digits, or -1. */
static int hex_digits(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    int value = 0;

    for (int i = 0; i < 4; i++) {
        char lower = (char)(text[i] >= 'A' && text[i] <= 'F' ? text[i] + 32 : text[i]);
        const char *digit = lower ? strchr(digits, lower) : NULL;
        if (!digit)
            return -1;
        value = value * 16 + (int)(digit - digits);
    }
    return value;
}

/* XXXX of \uXXXX, a pair of them for what lies beyond 16 bits; a half of a pair alone becomes
 * U+FFFD. Returns the code point, or -1. */
static int read_unit(cli_json_reader *reader)
{
    int unit = hex_digits(reader->at), low = -1;

    if (unit < 0)
        return -1;
    reader->at += 4;
    if (unit < 0xd800 || unit > 0xdfff)
        return unit;
    if (unit < 0xdc00 && reader->at[0] == '\\' && reader->at[1] == 'u')
        low = hex_digits(reader->at + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return 0xfffd;
    reader->at += 6;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

/* A code point as UTF-8. */
static char *put_code_point(char *out, int code)
{
    int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const int marks[] = {0x00, 0xc0, 0xe0, 0xf0};

    *out++ = (char)(marks[more] | code >> (6 * more));
    while (more-- > 0)
        *out++ = (char)(0x80 | (code >> (6 * more) & 0x3f));
    return out;
}

static int read_escape(cli_json_reader *reader, char **out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter = *reader->at ? strchr(letters, *reader->at) : NULL;
    int code;

    if (letter) {
        *(*out)++ = meanings[letter - letters];
        reader->at++;
        return 0;
    }
    if (*reader->at != 'u')
        return unexpected(reader, "an escape");
    reader->at++;
    code = read_unit(reader);
    if (code < 0)
        return unexpected(reader, "four hexadecimal digits");
    *out = put_code_point(*out, code);
    return 0;
}

/* Up to the quote that ends the string, which is more than its text needs. */
static size_t string_room(const char *at)
{
    const char *start = at;

    while (*at && *at != '"')
        at += 1 + (*at == '\\' && at[1]);
    return (size_t)(at - start) + 1;
}

/* The text of a string behind its first quote. */
static int read_text(cli_json_reader *reader, char **ret_text, size_t *ret_length)
{
    char *text = memory_bytes(string_room(reader->at)), *out = text;
    int status = 0;

    if (!text)
        return no_memory(reader);
    while (status >= 0 && *reader->at != '"') {
        if ((unsigned char)*reader->at < 0x20) {
            status = unexpected(reader, "the end of the string");
        } else if (*reader->at == '\\') {
            reader->at++;
            status = read_escape(reader, &out);
        } else {
            *out++ = *reader->at++;
        }
    }
    if (status < 0) {
        memory_free(text);
        return status;
    }
    reader->at++;
    *out = '\0';
    *ret_text = text;
    *ret_length = (size_t)(out - text);
    return 0;
}

static int read_string(cli_json_reader *reader, struct json_object **ret_value)
{
    size_t length;
    char *text;

    CLI_TRY(read_text(reader, &text, &length));
    *ret_value = json_object_new_string_len(text, (int)length);
    memory_free(text);
    return *ret_value ? 0 : no_memory(reader);
}

/* ---- numbers and words --------------------------------------------------------------------------
 */

/* Steps over digits; false when there are none. */
static bool skip_digits(const char **at)
{
    size_t count = strspn(*at, "0123456789");

    *at += count;
    return count > 0;
}

/* The length of a number by the grammar of JSON, and whether it is an integer; 0 when it is none.
 */
static size_t number_length(const char *text, bool *ret_integer)
{
    const char *at = text + (*text == '-'), *digits = at;

    *ret_integer = true;
    if (!skip_digits(&at) || (*digits == '0' && at > digits + 1))
        return 0;
    if (*at == '.') {
        *ret_integer = false;
        at++;
        if (!skip_digits(&at))
            return 0;
    }
    if (*at == 'e' || *at == 'E') {
        *ret_integer = false;
        at += 1 + (at[1] == '-' || at[1] == '+');
        if (!skip_digits(&at))
            return 0;
    }
    return (size_t)(at - text);
}

/* An integer of 64 bits; NULL when it has more, or there is no memory. */
static struct json_object *make_integer(const char *digits)
{
    unsigned long long large;
    long long value;

    errno = 0;
    value = strtoll(digits, NULL, 10);
    if (errno == 0)
        return json_object_new_int64(value);
    errno = 0;
    large = strtoull(digits, NULL, 10);
    return errno == 0 && digits[0] != '-' ? json_object_new_uint64(large) : NULL;
}

/* Integers as such where 64 bits hold them; everything else as a double that keeps its digits. */
static int read_number(cli_json_reader *reader, struct json_object **ret_value)
{
    bool integer;
    size_t length = number_length(reader->at, &integer);
    char *digits;

    if (length == 0)
        return unexpected(reader, "a value");
    digits = memory_text_part(reader->at, length);
    if (!digits)
        return no_memory(reader);
    if (integer)
        *ret_value = make_integer(digits);
    if (!*ret_value)
        *ret_value = json_object_new_double_s(strtod(digits, NULL), digits);
    memory_free(digits);
    reader->at += length;
    return *ret_value ? 0 : no_memory(reader);
}

/* true, false, null; and bare NaN and infinities, which old Zarr attributes have, as the strings
 * that fill values use. */
static int read_word(cli_json_reader *reader, struct json_object **ret_value)
{
    static const char *const words[] = {"null", "true", "false", "NaN", "Infinity", "-Infinity"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t length = strlen(words[i]);
        if (strncmp(reader->at, words[i], length) != 0)
            continue;
        reader->at += length;
        if (i == 0)
            return 0;
        *ret_value = i < 3 ? json_object_new_boolean(i == 1) : json_object_new_string(words[i]);
        return *ret_value ? 0 : no_memory(reader);
    }
    return read_number(reader, ret_value);
}

/* ---- containers ---------------------------------------------------------------------------------
 */

static int read_member(cli_json_reader *reader, struct json_object *object)
{
    struct json_object *value = NULL;
    size_t length;
    char *name;
    int status;

    if (!take(reader, '"'))
        return unexpected(reader, "a name");
    CLI_TRY(read_text(reader, &name, &length));
    status = take(reader, ':') ? read_value(reader, &value) : unexpected(reader, "':'");
    if (status >= 0 && json_object_object_add(object, name, value) < 0) {
        json_object_put(value);
        status = no_memory(reader);
    }
    memory_free(name);
    return status;
}

static int read_element(cli_json_reader *reader, struct json_object *list)
{
    struct json_object *value = NULL;

    CLI_TRY(read_value(reader, &value));
    if (json_object_array_add(list, value) == 0)
        return 0;
    json_object_put(value);
    return no_memory(reader);
}

static int read_items(cli_json_reader *reader, struct json_object *container, bool object)
{
    char end = object ? '}' : ']';

    if (take(reader, end))
        return 0;
    do {
        CLI_TRY(object ? read_member(reader, container) : read_element(reader, container));
    } while (take(reader, ','));
    return take(reader, end) ? 0 : unexpected(reader, object ? "',' or '}'" : "',' or ']'");
}

static int read_container(cli_json_reader *reader, bool object, struct json_object **ret_value)
{
    struct json_object *container = object ? json_object_new_object() : json_object_new_array();
    int status;

    if (!container)
        return no_memory(reader);
    if (++reader->depth > DEPTH_MAX)
        status =
            tsr_error_set(reader->err, TSR_LIMIT, "JSON is nested more than %d deep", DEPTH_MAX);
    else
        status = read_items(reader, container, object);
    reader->depth--;
    if (status < 0)
        json_object_put(container);
    else
        *ret_value = container;
    return status;
}

static int read_value(cli_json_reader *reader, struct json_object **ret_value)
{
    if (take(reader, '{'))
        return read_container(reader, true, ret_value);
    if (take(reader, '['))
        return read_container(reader, false, ret_value);
    if (take(reader, '"'))
        return read_string(reader, ret_value);
    return read_word(reader, ret_value);
}

int document_parse(const char *json, struct json_object **ret_value, tsr_error *err)
{
    cli_json_reader reader = {json, json, 0, err};
    struct json_object *value = NULL;
    int status = read_value(&reader, &value);

    skip_spaces(&reader);
    if (status >= 0 && *reader.at)
        status = unexpected(&reader, "the end");
    if (status < 0) {
        json_object_put(value);
        return status;
    }
    *ret_value = value;
    return 0;
}
