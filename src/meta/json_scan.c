#include "meta/json_scan.h"

#include <tessera/sys/json.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

int tsri_json_scan_init(tsri_json_scan *ret_scan, const char *text, size_t size_bytes, int flags,
                        tsr_error *err)
{
    tsri_json_scan scan = {.text = text,
                           .size_bytes = size_bytes,
                           .allow_nan = flags & (TSR_JSON_ALLOW_NAN | TSR_JSON_NAN_AS_TEXT),
                           .allow_surrogates = flags & TSR_JSON_LONE_SURROGATES};
    if (size_bytes >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return tsri_json_scan_refuse(&scan, 0, err, "the document starts with a byte order mark");
    scan.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (scan.locale == (locale_t)0)
        return tsri_error_no_memory(err, 0);
    *ret_scan = scan;
    return 0;
}

void tsri_json_scan_clear(tsri_json_scan *scan)
{
    tsri_free(scan->bytes);
    if (scan->locale != (locale_t)0)
        freelocale(scan->locale);
    *scan = (tsri_json_scan){0};
}

int tsri_json_scan_refuse(const tsri_json_scan *scan, size_t offset, tsr_error *err,
                          const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tsr_error_vset(err, TSR_BAD_METADATA, format, arguments);
    va_end(arguments);
    size_t line = 1;
    for (size_t i = 0; i < offset && i < scan->size_bytes; i++)
        line += scan->text[i] == '\n';
    tsr_error_set_where(err, "byte %zu, line %zu", offset, line);
    return TSR_BAD_METADATA;
}

/* A byte as a message can show it. */
static int refuse_byte(const tsri_json_scan *scan, size_t offset, tsr_error *err,
                       const char *expected)
{
    if (offset >= scan->size_bytes)
        return tsri_json_scan_refuse(scan, offset, err, "the document ends where %s should be",
                                     expected);
    unsigned char byte = (unsigned char)scan->text[offset];
    if (byte > 0x20 && byte < 0x7f)
        return tsri_json_scan_refuse(scan, offset, err, "'%c' where %s should be", byte, expected);
    return tsri_json_scan_refuse(scan, offset, err, "byte 0x%02x where %s should be", byte,
                                 expected);
}

static int append(tsri_json_scan *scan, const char *bytes, size_t size_bytes, tsr_error *err)
{
    size_t needed =
        scan->bytes_size + size_bytes + 1; /* no overflow: both are parts of one document */
    if (needed > scan->bytes_capacity) {
        size_t capacity = TSRI_MAX(needed, TSRI_MAX((size_t)256, scan->bytes_capacity * 2));
        char *grown = tsri_realloc_array(scan->bytes, capacity, 1);
        if (grown == NULL)
            return tsri_error_no_memory(err, capacity);
        scan->bytes = grown;
        scan->bytes_capacity = capacity;
    }
    memcpy(scan->bytes + scan->bytes_size, bytes, size_bytes);
    scan->bytes_size += size_bytes;
    scan->bytes[scan->bytes_size] = 0;
    return 0;
}

/* ---- strings ---- */

static size_t utf8_encode(uint32_t code, char *bytes)
{
    if (code < 0x80) {
        bytes[0] = (char)code;
        return 1;
    }
    size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (char)(lead[length] | code);
    return length;
}

/* The four digits behind a "\u" whose first digit is at `offset`. */
static int hex_digits(const tsri_json_scan *scan, size_t offset, uint32_t *ret_code, tsr_error *err)
{
    uint32_t code = 0;
    for (size_t i = offset; i < offset + 4; i++) {
        int digit = i < scan->size_bytes ? scan->text[i] : 0;
        if (digit >= '0' && digit <= '9')
            code = code << 4 | (uint32_t)(digit - '0');
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
            code = code << 4 | (uint32_t)((digit | 0x20) - 'a' + 10);
        else
            return refuse_byte(scan, i, err, "a hexadecimal digit of a \\u escape");
    }
    *ret_code = code;
    return 0;
}

/* Makes one character of a high surrogate and of the escape of a low one that follows it. */
static int join_pair(tsri_json_scan *scan, uint32_t *code, tsr_error *err)
{
    uint32_t low = 0;
    if (scan->size_bytes - scan->position < 2 || memcmp(scan->text + scan->position, "\\u", 2) != 0)
        return 0;
    TSRI_TRY(hex_digits(scan, scan->position + 2, &low, err));
    if (low < 0xdc00 || low >= 0xe000)
        return 0;
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    scan->position += 6;
    return 0;
}

/* An escape of the form \uXXXX, or two that are a surrogate pair; the position is at the 'u'. */
static int unicode_escape(tsri_json_scan *scan, tsr_error *err)
{
    size_t start = scan->position - 1;
    uint32_t code = 0;
    TSRI_TRY(hex_digits(scan, scan->position + 1, &code, err));
    scan->position += 5;
    if (code >= 0xd800 && code < 0xdc00)
        TSRI_TRY(join_pair(scan, &code, err));
    if (code >= 0xd800 && code < 0xe000 && !scan->allow_surrogates)
        return tsri_json_scan_refuse(scan, start, err, "a lone surrogate \\u%04x in a string",
                                     code);
    char bytes[4];
    return append(scan, bytes, utf8_encode(code, bytes), err);
}

/* The position is behind the backslash. */
static int escape(tsri_json_scan *scan, tsr_error *err)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char letter = scan->position < scan->size_bytes ? scan->text[scan->position] : 0;
    if (letter == 'u')
        return unicode_escape(scan, err);
    const char *found = letter ? strchr(names, letter) : NULL;
    if (found == NULL)
        return refuse_byte(scan, scan->position, err,
                           "the letter of an escape (one of \"\\/bfnrtu)");
    scan->position++;
    return append(scan, values + (found - names), 1, err);
}

/* The end of the run of characters at `position` that stand for themselves. */
static int plain_run(const tsri_json_scan *scan, size_t *ret_end, tsr_error *err)
{
    size_t end = scan->position;
    while (end < scan->size_bytes) {
        unsigned char byte = (unsigned char)scan->text[end];
        if (byte == '"' || byte == '\\')
            break;
        if (byte < 0x20)
            return tsri_json_scan_refuse(scan, end, err,
                                         "an unescaped control character 0x%02x in a string", byte);
        uint32_t code = 0;
        size_t length =
            byte < 0x80 ? 1 : tsri_text_character(scan->text + end, scan->size_bytes - end, &code);
        if (length == 0)
            return tsri_json_scan_refuse(scan, end, err,
                                         "byte 0x%02x in a string is not valid UTF-8", byte);
        end += length;
    }
    *ret_end = end;
    return 0;
}

static int scan_string(tsri_json_scan *scan, tsri_json_token *token, tsr_error *err)
{
    token->kind = TSRI_JSON_TOKEN_STRING;
    scan->bytes_size = 0;
    scan->position++;
    for (;;) {
        size_t end = 0;
        TSRI_TRY(plain_run(scan, &end, err));
        TSRI_TRY(append(scan, scan->text + scan->position, end - scan->position, err));
        if (end == scan->size_bytes)
            return tsri_json_scan_refuse(scan, token->start, err, "a string is not closed");
        scan->position = end + 1;
        if (scan->text[end] == '"')
            return 0;
        TSRI_TRY(escape(scan, err));
    }
}

/* ---- numbers and literals ---- */

static bool is_digit(const tsri_json_scan *scan, size_t offset)
{
    return offset < scan->size_bytes && scan->text[offset] >= '0' && scan->text[offset] <= '9';
}

/* At least one digit. */
static int digits(const tsri_json_scan *scan, size_t *offset, tsr_error *err)
{
    if (!is_digit(scan, *offset))
        return refuse_byte(scan, *offset, err, "a digit");
    while (is_digit(scan, *offset))
        ++*offset;
    return 0;
}

/* Walks over a number by the grammar; sets where it ends and whether it has a fraction or an
 * exponent. */
static int number_extent(const tsri_json_scan *scan, size_t *ret_end, bool *ret_integral,
                         tsr_error *err)
{
    size_t offset = scan->position + (scan->text[scan->position] == '-');
    size_t first = offset;
    TSRI_TRY(digits(scan, &offset, err));
    if (scan->text[first] == '0' && offset > first + 1)
        return tsri_json_scan_refuse(scan, scan->position, err, "a number with a leading zero");
    size_t integral_end = offset;
    if (offset < scan->size_bytes && scan->text[offset] == '.') {
        offset++;
        TSRI_TRY(digits(scan, &offset, err));
    }
    if (offset < scan->size_bytes && (scan->text[offset] | 0x20) == 'e') {
        offset++;
        if (offset < scan->size_bytes && (scan->text[offset] == '+' || scan->text[offset] == '-'))
            offset++;
        TSRI_TRY(digits(scan, &offset, err));
    }
    *ret_integral = offset == integral_end;
    *ret_end = offset;
    return 0;
}

/* The decimal digits [start, end) as uint64; false when they do not fit. */
static bool magnitude(const char *text, size_t start, size_t end, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = start; i < end; i++)
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text[i] - '0'), &value))
            return false;
    *ret_value = value;
    return true;
}

/* Takes the integer that ends at `end`; false when it has more than 64 bits. */
static bool take_integer(tsri_json_scan *scan, size_t end, tsri_json_token *token)
{
    bool negative = scan->text[scan->position] == '-';
    uint64_t value = 0;
    if (!magnitude(scan->text, scan->position + negative, end, &value) ||
        (negative && value > (uint64_t)INT64_MAX + 1))
        return false;
    if (!negative && value > INT64_MAX) {
        token->kind = TSRI_JSON_TOKEN_UNSIGNED;
        token->unsigned_integer = value;
    } else {
        token->kind = TSRI_JSON_TOKEN_INTEGER;
        token->integer = negative ? (int64_t)(0 - value) : (int64_t)value;
    }
    scan->position = end;
    return true;
}

static int scan_number(tsri_json_scan *scan, tsri_json_token *token, tsr_error *err)
{
    size_t end = 0;
    bool integral = false;
    TSRI_TRY(number_extent(scan, &end, &integral, err));
    size_t length = end - scan->position;
    /* -0 differs from 0 where it fills floats, so it stays a double. */
    bool negative_zero = length == 2 && memcmp(scan->text + scan->position, "-0", 2) == 0;
    if (integral && !negative_zero && take_integer(scan, end, token))
        return 0;
    scan->bytes_size = 0;
    TSRI_TRY(append(scan, scan->text + scan->position, length, err));
    token->kind = TSRI_JSON_TOKEN_DOUBLE;
    token->number = strtod_l(scan->bytes, NULL, scan->locale);
    scan->position = end;
    return 0;
}

static bool take_word(tsri_json_scan *scan, const char *word)
{
    size_t length = strlen(word);
    if (scan->size_bytes - scan->position < length ||
        memcmp(scan->text + scan->position, word, length) != 0)
        return false;
    scan->position += length;
    return true;
}

/* NaN, Infinity and -Infinity, which JSON does not have but Python writes. */
static int scan_not_finite(tsri_json_scan *scan, tsri_json_token *token, bool *ret_found,
                           tsr_error *err)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {
        {"NaN", __builtin_nan("")}, {"Infinity", __builtin_inf()}, {"-Infinity", -__builtin_inf()}};
    for (size_t i = 0; i < TSRI_COUNT(words); i++) {
        if (!take_word(scan, words[i].word))
            continue;
        if (!scan->allow_nan)
            return tsri_json_scan_refuse(scan, token->start, err,
                                         "a bare %s, which JSON does not have", words[i].word);
        token->kind = TSRI_JSON_TOKEN_DOUBLE;
        token->number = words[i].value;
        scan->bytes_size = 0;
        *ret_found = true;
        return append(scan, words[i].word, strlen(words[i].word), err);
    }
    return 0;
}

static int scan_word(tsri_json_scan *scan, tsri_json_token *token, tsr_error *err)
{
    bool found = false;
    TSRI_TRY(scan_not_finite(scan, token, &found, err));
    if (found)
        return 0;
    if (take_word(scan, "true"))
        token->kind = TSRI_JSON_TOKEN_TRUE;
    else if (take_word(scan, "false"))
        token->kind = TSRI_JSON_TOKEN_FALSE;
    else if (take_word(scan, "null"))
        token->kind = TSRI_JSON_TOKEN_NULL;
    else if (scan->text[scan->position] == '-' || is_digit(scan, scan->position))
        return scan_number(scan, token, err);
    else
        return refuse_byte(scan, scan->position, err, "a value");
    return 0;
}

int tsri_json_scan_next(tsri_json_scan *scan, tsri_json_token *ret_token, tsr_error *err)
{
    while (scan->position < scan->size_bytes) {
        char space = scan->text[scan->position];
        if (space != ' ' && space != '\t' && space != '\n' && space != '\r')
            break;
        scan->position++;
    }
    tsri_json_token token = {.kind = TSRI_JSON_TOKEN_END, .start = scan->position};
    if (scan->position < scan->size_bytes) {
        char first = scan->text[scan->position];
        if (first != 0 && strchr("{}[]:,", first) != NULL) {
            token.kind = TSRI_JSON_TOKEN_PUNCTUATION;
            token.punctuation = first;
            scan->position++;
        } else if (first == '"') {
            TSRI_TRY(scan_string(scan, &token, err));
        } else {
            TSRI_TRY(scan_word(scan, &token, err));
        }
    }
    *ret_token = token;
    return 0;
}
