#include "base/text.h"

#include <stdio.h>

static const char ellipsis[] = "...";

/* Whether `byte` continues a character that began before it. */
static bool is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* Ends a full buffer in "...", without leaving half a character in front of it. */
static void cut(char *buffer, size_t capacity)
{
    size_t end = capacity - sizeof ellipsis;
    while (end > 0 && is_continuation(buffer[end]))
        end--;
    memcpy(buffer + end, ellipsis, sizeof ellipsis);
}

void tsri_text_vprint(char *buffer, size_t capacity, const char *format, va_list arguments)
{
    int length = vsnprintf(buffer, capacity, format, arguments);
    if (length < 0)
        snprintf(buffer, capacity, "%s", format);
    else if ((size_t)length >= capacity)
        cut(buffer, capacity);
}

void tsri_text_print(char *buffer, size_t capacity, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tsri_text_vprint(buffer, capacity, format, arguments);
    va_end(arguments);
}

/* How many bytes the first byte of a character announces; 0 for a byte that cannot be first. */
static size_t announced_length(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first < 0xe0)
        return 2;
    if (first >= 0xe0 && first < 0xf0)
        return 3;
    if (first >= 0xf0 && first < 0xf5)
        return 4;
    return 0;
}

size_t tsri_text_character(const char *text, size_t size, uint32_t *ret_code_point)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)text[0];
    size_t length = announced_length(first);
    if (length == 0 || length > size)
        return 0;
    uint32_t code_point = length == 1 ? first : first & (0xffu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if (!is_continuation(text[i]))
            return 0;
        code_point = code_point << 6 | ((unsigned char)text[i] & 0x3f);
    }
    bool surrogate = code_point >= 0xd800 && code_point < 0xe000;
    if (code_point < smallest[length] || surrogate || code_point > 0x10ffff)
        return 0;
    *ret_code_point = code_point;
    return length;
}

bool tsri_text_surrogate(const char *text, size_t size, uint32_t *ret_code_point)
{
    if (size < 3 || (unsigned char)text[0] != 0xed || !is_continuation(text[1]) ||
        !is_continuation(text[2]) || (unsigned char)text[1] < 0xa0)
        return false;
    *ret_code_point = 0xd000 | ((uint32_t)text[1] & 0x3f) << 6 | ((uint32_t)text[2] & 0x3f);
    return true;
}

/* Control characters, and the invisible ones that reorder text or break lines. */
static bool is_hostile(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x061c ||
           c == 0xfeff;
}

/* Writes how one character is shown (at most 8 bytes with the end) and returns how many bytes of
 * `text` it took. */
static size_t show_character(char *shown, const char *text, size_t size)
{
    uint32_t code_point = 0;
    size_t length = tsri_text_character(text, size, &code_point);
    if (length == 0) {
        snprintf(shown, 8, "\\x%02x", (unsigned char)text[0]);
        return 1;
    }
    if (!is_hostile(code_point)) {
        memcpy(shown, text, length);
        shown[length] = 0;
    } else if (code_point == '\n' || code_point == '\t' || code_point == '\r') {
        snprintf(shown, 8, "\\%c", code_point == '\n' ? 'n' : code_point == '\t' ? 't' : 'r');
    } else if (code_point < 0x80) {
        snprintf(shown, 8, "\\x%02x", (unsigned)code_point);
    } else {
        snprintf(shown, 8, "\\u%04x", (unsigned)code_point & 0xffff);
    }
    return length;
}

void tsri_text_escape(char *buffer, size_t capacity, const char *text)
{
    size_t left = strlen(text), end = 0, fits_with_ellipsis = 0;
    while (left > 0) {
        char shown[8];
        size_t taken = show_character(shown, text, left), length = strlen(shown);
        if (end + length >= capacity) {
            memcpy(buffer + fits_with_ellipsis, ellipsis, sizeof ellipsis);
            return;
        }
        memcpy(buffer + end, shown, length);
        end += length;
        if (end + sizeof ellipsis <= capacity)
            fits_with_ellipsis = end;
        text += taken;
        left -= taken;
    }
    buffer[end] = 0;
}

bool tsri_text_is_utf8(const char *text, size_t size)
{
    uint64_t word;
    uint32_t character;
    while (size > 0) {
        if (size >= sizeof word &&
            (memcpy(&word, text, sizeof word), (word & UINT64_C(0x8080808080808080)) == 0)) {
            text += sizeof word;
            size -= sizeof word;
            continue;
        }
        size_t length = tsri_text_character(text, size, &character);
        if (length == 0)
            return false;
        text += length;
        size -= length;
    }
    return true;
}
