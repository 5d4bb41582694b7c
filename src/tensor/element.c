/* Elements as fill-value JSON. No JSON library: all that occurs is a scalar or a flat list of them.
 */
#include "tensor/element.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- writing ---- */

void tsri_element_put(tsri_element_writer *writer, const char *text, size_t length)
{
    if (writer->length + length < writer->capacity)
        memcpy(writer->text + writer->length, text, length);
    writer->length += length;
}

void tsri_element_print(tsri_element_writer *writer, const char *format, ...)
{
    char text[32];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    tsri_element_put(writer, text, (size_t)length);
}

/* The bits of a number of 1, 2, 4 or 8 bytes, which may lie anywhere. */
static uint64_t get_bits(const void *element, size_t size_bytes)
{
    uint8_t byte;
    uint16_t half;
    uint32_t word;
    uint64_t all;
    switch (size_bytes) {
    case 1:
        memcpy(&byte, element, 1);
        return byte;
    case 2:
        memcpy(&half, element, 2);
        return half;
    case 4:
        memcpy(&word, element, 4);
        return word;
    default:
        memcpy(&all, element, 8);
        return all;
    }
}

static void set_bits(void *element, size_t size_bytes, uint64_t bits)
{
    uint8_t byte = (uint8_t)bits;
    uint16_t half = (uint16_t)bits;
    uint32_t word = (uint32_t)bits;
    switch (size_bytes) {
    case 1:
        memcpy(element, &byte, 1);
        return;
    case 2:
        memcpy(element, &half, 2);
        return;
    case 4:
        memcpy(element, &word, 4);
        return;
    default:
        memcpy(element, &bits, 8);
    }
}

static void write_bool(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    (void)dtype;
    tsri_element_print(writer, "%s", *(const uint8_t *)element ? "true" : "false");
}

/* The bits of a component that count. */
static uint64_t get_counting_bits(const tsr_dtype *dtype, const void *element)
{
    return get_bits(element, dtype->size_bytes) & UINT64_MAX >> (64 - dtype->component_bits);
}

static void write_signed(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    int unused_bits = 64 - dtype->component_bits;
    tsri_element_print(writer, "%" PRId64,
                       (int64_t)(get_bits(element, dtype->size_bytes) << unused_bits) >>
                           unused_bits);
}

static void write_unsigned(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    tsri_element_print(writer, "%" PRIu64, get_counting_bits(dtype, element));
}

static void write_float(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    const tsri_float_format *format = dtype->ops->format;
    uint64_t bits = get_counting_bits(dtype, element), sign = tsri_float_sign(format);
    char text[32];
    if (tsri_float_is_nan(format, bits) && bits == format->nan)
        tsri_element_print(writer, "\"NaN\"");
    else if (tsri_float_is_nan(format, bits))
        tsri_element_print(writer, "\"0x%0*" PRIx64 "\"", (int)dtype->size_bytes * 2, bits);
    else if (format->infinity && (bits & (sign - 1)) == format->infinity)
        tsri_element_print(writer, bits & sign ? "\"-Infinity\"" : "\"Infinity\"");
    else
        tsri_element_put(writer, text, (size_t)tsri_float_format_text(format, bits, text));
}

static void write_complex(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    tsri_element_put(writer, "[", 1);
    write_float(dtype->ops->component, element, writer);
    tsri_element_put(writer, ", ", 2);
    write_float(dtype->ops->component, (const char *)element + dtype->component_bytes, writer);
    tsri_element_put(writer, "]", 1);
}

static void write_raw(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    const uint8_t *bytes = element;
    for (size_t i = 0; i < dtype->size_bytes; i++)
        tsri_element_print(writer, "%c%u", i ? ',' : '[', bytes[i]);
    tsri_element_put(writer, "]", 1);
}

size_t tsr_dtype_text_max(const tsr_dtype *dtype)
{
    size_t bytes = 8;
    if (dtype->kind != TSR_KIND_STRUCT)
        return 24 * (dtype->size_bytes / dtype->component_bytes) + bytes;
    for (int i = 0; i < tsr_dtype_field_count(dtype); i++) {
        const tsr_field *field = tsr_dtype_field(dtype, i);
        size_t elements = 1;
        for (int axis = 0; axis < field->rank; axis++)
            elements *= (size_t)field->shape[axis];
        /* A character of a name takes six at most, a list two and a comma for each element. */
        bytes += 6 * strlen(field->name) + 8 +
                 elements * (tsr_dtype_text_max(field->dtype) + 2 + 2 * (size_t)field->rank);
    }
    return bytes;
}

int tsr_dtype_format_element(const tsr_dtype *dtype, const void *element, char *text,
                             size_t capacity)
{
    tsri_element_writer writer = {text, capacity, 0};
    dtype->ops->text->write(dtype, element, &writer);
    if (writer.length >= capacity || writer.length > INT_MAX)
        return TSR_LIMIT;
    text[writer.length] = '\0';
    return (int)writer.length;
}

/* ---- reading ---- */

const char *tsri_element_skip_space(const char *text)
{
    return text + strspn(text, " \t\r\n");
}

/* Moves *text past `token` when it stands there. */
bool tsri_element_take(const char **text, const char *token)
{
    size_t length = strlen(token);
    if (strncmp(*text, token, length) != 0)
        return false;
    *text += length;
    return true;
}

int tsri_element_hexadecimal(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The next character of a JSON string of which *text is inside: 0 at its end (then *text is behind
 * the closing quote), -1 for what cannot be a part of our values, which are ASCII. */
static int take_character(const char **text)
{
    uint32_t character;
    bool end = false;
    if (!tsri_element_take_character(text, &character, &end))
        return -1;
    if (end)
        return 0;
    return character > 0 && character < 0x7f ? (int)character : -1;
}

/* Reads a whole short JSON string into `value`; false when it is longer. */
bool tsri_element_take_string(const char **text, char *value, size_t capacity)
{
    size_t length = 0;
    if (!tsri_element_take(text, "\""))
        return false;
    for (int c; (c = take_character(text)) != 0;) {
        if (c < 0 || length + 1 == capacity)
            return false;
        value[length++] = (char)c;
    }
    value[length] = '\0';
    return true;
}

static bool read_bool(const tsr_dtype *dtype, const char **text, void *element)
{
    uint64_t value;
    tsri_decimal decimal TSRI_UNINITIALIZED;
    (void)dtype;
    if (tsri_element_take(text, "true")) {
        value = 1;
    } else if (tsri_element_take(text, "false")) {
        value = 0;
    } else {
        const char *end = tsri_decimal_scan(*text, &decimal);
        if (!end || tsri_decimal_to_whole(&decimal, &value) != TSRI_WHOLE_FITS || value > 1 ||
            (decimal.negative && value))
            return false;
        *text = end;
    }
    set_bits(element, 1, value);
    return true;
}

static bool read_integer(const tsr_dtype *dtype, const char **text, uint64_t positive_max,
                         uint64_t negative_max, void *element)
{
    tsri_decimal decimal TSRI_UNINITIALIZED;
    uint64_t magnitude;
    const char *end = tsri_decimal_scan(*text, &decimal);
    if (!end || tsri_decimal_to_whole(&decimal, &magnitude) != TSRI_WHOLE_FITS ||
        magnitude > (decimal.negative ? negative_max : positive_max))
        return false;
    set_bits(element, dtype->size_bytes, decimal.negative ? 0 - magnitude : magnitude);
    *text = end;
    return true;
}

bool tsri_element_take_int64(const char **text, int64_t *ret_value)
{
    return read_integer(TSR_INT64, text, INT64_MAX, (uint64_t)INT64_MAX + 1, ret_value);
}

static bool read_signed(const tsr_dtype *dtype, const char **text, void *element)
{
    uint64_t half = UINT64_C(1) << (dtype->component_bits - 1);
    return read_integer(dtype, text, half - 1, half, element);
}

static bool read_unsigned(const tsr_dtype *dtype, const char **text, void *element)
{
    return read_integer(dtype, text, UINT64_MAX >> (64 - dtype->component_bits), 0, element);
}

/* "0x7fc00001": the bit pattern as an unsigned integer. */
static bool read_hexadecimal(const char *digits, int most_bits, uint64_t *ret_bits)
{
    uint64_t bits = 0;
    if (*digits == '\0')
        return false;
    for (; *digits; digits++) {
        int digit = tsri_element_hexadecimal(*digits);
        if (digit < 0 || bits >> 60 != 0)
            return false;
        bits = bits << 4 | (uint64_t)digit;
    }
    if (bits > UINT64_MAX >> (64 - most_bits))
        return false;
    *ret_bits = bits;
    return true;
}

/* Names of numbers that JSON cannot write. */
static bool read_named_float(const tsri_float_format *format, const char **text, uint64_t *ret_bits)
{
    bool negative = **text == '-';
    const char *name = *text + (**text == '-' || **text == '+');
    uint64_t bits;
    if (format->infinity && tsri_element_take(&name, "Infinity")) {
        bits = format->infinity;
        if (negative && !tsri_float_negate(format, &bits))
            return false;
    } else if (format->nan && name == *text && tsri_element_take(&name, "NaN")) {
        bits = format->nan;
    } else {
        return false;
    }
    *ret_bits = bits;
    *text = name;
    return true;
}

static bool read_quoted_float(const tsr_dtype *dtype, const char **text, uint64_t *ret_bits)
{
    char word[32];
    const char *end = word;
    if (!tsri_element_take_string(text, word, sizeof word))
        return false;
    if (tsri_element_take(&end, "0x"))
        return read_hexadecimal(end, dtype->component_bits, ret_bits);
    return read_named_float(dtype->ops->format, &end, ret_bits) && *end == '\0';
}

static bool read_decimal_float(const tsri_float_format *format, const char **text,
                               uint64_t *ret_bits)
{
    tsri_decimal decimal TSRI_UNINITIALIZED;
    bool misfit;
    const char *end = tsri_decimal_scan(*text, &decimal);
    if (!end)
        return false;
    *ret_bits = tsri_decimal_to_float(&decimal, format, &misfit);
    *text = end;
    return !misfit && (!decimal.negative || tsri_float_negate(format, ret_bits));
}

static bool read_float(const tsr_dtype *dtype, const char **text, void *element)
{
    const tsri_float_format *format = dtype->ops->format;
    uint64_t bits;
    bool known = **text == '"' ? read_quoted_float(dtype, text, &bits)
                               : read_named_float(format, text, &bits) ||
                                     read_decimal_float(format, text, &bits);
    if (known)
        set_bits(element, dtype->size_bytes, bits);
    return known;
}

static bool read_complex(const tsr_dtype *dtype, const char **text, void *element)
{
    for (int i = 0; i < 2; i++) {
        if (!tsri_element_take(text, i ? "," : "["))
            return false;
        *text = tsri_element_skip_space(*text);
        if (!read_float(dtype->ops->component, text,
                        (char *)element + (size_t)i * dtype->component_bytes))
            return false;
        *text = tsri_element_skip_space(*text);
    }
    return tsri_element_take(text, "]");
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void tsri_element_put_base64(tsri_element_writer *writer, const void *bytes, size_t size_bytes)
{
    const uint8_t *at = bytes;
    for (size_t i = 0; i < size_bytes; i += 3) {
        size_t left = size_bytes - i;
        uint32_t group = (uint32_t)at[i] << 16 | (left > 1 ? (uint32_t)at[i + 1] << 8 : 0) |
                         (left > 2 ? at[i + 2] : 0);
        char text[4] = {base64_alphabet[group >> 18], base64_alphabet[group >> 12 & 63],
                        left > 1 ? base64_alphabet[group >> 6 & 63] : '=',
                        left > 2 ? base64_alphabet[group & 63] : '='};
        tsri_element_put(writer, text, sizeof text);
    }
}

bool tsri_element_take_base64(const char **text, void *bytes, size_t capacity, size_t *ret_bytes)
{
    uint8_t *to = bytes;
    size_t done = 0, letters = 0;
    uint32_t bits = 0;
    int c = take_character(text);
    for (; c > 0 && c != '='; c = take_character(text), letters++) {
        const char *place = strchr(base64_alphabet, c);
        if (!place || (letters % 4 && done == capacity))
            return false;
        bits = bits << 6 | (uint32_t)(place - base64_alphabet);
        if (letters % 4)
            to[done++] = (uint8_t)(bits >> (6 - 2 * (letters % 4)));
    }
    for (; c == '=' && letters % 4 > 1; letters++)
        c = take_character(text);
    *ret_bytes = done;
    return c == 0 && letters % 4 == 0;
}

static bool read_raw(const tsr_dtype *dtype, const char **text, void *element)
{
    size_t size_bytes;
    if (tsri_element_take(text, "\""))
        return tsri_element_take_base64(text, element, dtype->size_bytes, &size_bytes) &&
               size_bytes == dtype->size_bytes;
    for (size_t i = 0; i < dtype->size_bytes; i++) {
        if (!tsri_element_take(text, i ? "," : "["))
            return false;
        *text = tsri_element_skip_space(*text);
        if (!read_unsigned(&tsr_dtype_uint8, text, (char *)element + i))
            return false;
        *text = tsri_element_skip_space(*text);
    }
    return tsri_element_take(text, "]");
}

const tsri_element_text tsri_text_bool = {write_bool, read_bool, "true or false"};
const tsri_element_text tsri_text_signed = {write_signed, read_signed,
                                            "a whole number in its range"};
const tsri_element_text tsri_text_unsigned = {write_unsigned, read_unsigned,
                                              "a whole number in its range"};
const tsri_element_text tsri_text_float = {
    write_float, read_float,
    "a number in its range, \"NaN\", \"Infinity\" or \"-Infinity\" where it has them, or a bit "
    "pattern like \"0x7e00\""};
const tsri_element_text tsri_text_complex = {write_complex, read_complex,
                                             "a list of two floats: [real, imaginary]"};
const tsri_element_text tsri_text_raw = {
    write_raw, read_raw,
    "a list of one number from 0 to 255 per byte, or base64 of exactly its bytes"};

int tsri_element_refuse(const tsr_dtype *dtype, const char *text, tsr_error *err)
{
    return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                         "%.60s%s is not a value of type %s: wanted is %s", text,
                         strlen(text) > 60 ? "..." : "", dtype->name, dtype->ops->text->form);
}

int tsr_dtype_parse_element(const tsr_dtype *dtype, const char *text, void *element, tsr_error *err)
{
    char small[16];
    tsr_auto(tsri_text) *large = NULL;
    const char *end = tsri_element_skip_space(text);
    if (tsr_dtype_is_variable(dtype))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "an element of type %s needs a heap: tsr_dtype_parse_element_into",
                             dtype->name);
    if (dtype->size_bytes > sizeof small) {
        large = tsri_alloc(dtype->size_bytes);
        if (!large)
            return tsri_error_no_memory(err, dtype->size_bytes);
    }
    char *value = large ? large : small;
    if (!dtype->ops->text->read(dtype, &end, value) || *tsri_element_skip_space(end) != '\0')
        return tsri_element_refuse(dtype, text, err);
    memcpy(element, value, dtype->size_bytes);
    return 0;
}

double tsr_dtype_to_double(const tsr_dtype *dtype, const void *element)
{
    const tsri_number *number =
        (dtype->ops->component ? dtype->ops->component : dtype)->ops->number;
    union {
        int64_t with_sign;
        uint64_t without_sign;
        double real;
    } wide;
    if (!number)
        return NAN;
    number->load(element, &wide, 1);
    switch (number->wide) {
    case TSRI_WIDE_SIGNED:
        return (double)wide.with_sign;
    case TSRI_WIDE_UNSIGNED:
        return (double)wide.without_sign;
    default:
        return wide.real;
    }
}
