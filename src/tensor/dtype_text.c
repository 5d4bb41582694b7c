/* Text and bytes of fixed length: fixed_length_utf32 and null_terminated_bytes of Zarr v3
 * (extension registry; the second as zarr-python writes it), U and S of v2 typestrs. Both end at
 * their last character that is not 0. */
#include "tensor/dtype_text.h"

#include <stdio.h>

#include "base/text.h"
#include "tensor/made_dtype.h"
#include "tensor/nest.h"

#define LENGTH_MAX (1 << 18) /* characters: 2^20 bytes of them, as raw types have at most */

static uint32_t load_character(const char *at)
{
    uint32_t character;
    memcpy(&character, at, sizeof character);
    return character;
}

size_t tsri_dtype_text_length(const tsr_dtype *dtype, const void *element)
{
    size_t width = dtype->component_bytes, length = dtype->size_bytes / width;
    static const char zero[4];
    while (length > 0 && memcmp((const char *)element + (length - 1) * width, zero, width) == 0)
        length--;
    return length;
}

/* ---- UTF-32 ---- */

void tsri_element_put_utf8(tsri_element_writer *writer, uint32_t character)
{
    char bytes[4];
    size_t length = 0;
    if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
        character = 0xfffd; /* not a character of Unicode, so no string of JSON can have it */
    if (character < 0x80) {
        bytes[length++] = (char)character;
    } else {
        int following = character < 0x800 ? 1 : character < 0x10000 ? 2 : 3;
        bytes[length++] = (char)(0xff << (7 - following) | character >> 6 * following);
        while (following-- > 0)
            bytes[length++] = (char)(0x80 | (character >> 6 * following & 0x3f));
    }
    tsri_element_put(writer, bytes, length);
}

void tsri_element_put_character(tsri_element_writer *writer, uint32_t character)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *place = character > 0 && character < 0x80 ? strchr(escaped, (int)character) : NULL;
    if (place)
        tsri_element_print(writer, "\\%c", letters[place - escaped]);
    else if (character < 0x20)
        tsri_element_print(writer, "\\u%04x", (unsigned)character);
    else
        tsri_element_put_utf8(writer, character);
}

static void write_text(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    size_t length = tsri_dtype_text_length(dtype, element);
    tsri_element_put(writer, "\"", 1);
    for (size_t i = 0; i < length; i++)
        tsri_element_put_character(writer, load_character((const char *)element + 4 * i));
    tsri_element_put(writer, "\"", 1);
}

/* Four hexadecimal digits. */
static bool take_unit(const char **text, uint32_t *ret_unit)
{
    *ret_unit = 0;
    for (int i = 0; i < 4; i++, ++*text) {
        int digit = tsri_element_hexadecimal(**text);
        if (digit < 0)
            return false;
        *ret_unit = *ret_unit << 4 | (uint32_t)digit;
    }
    return true;
}

static bool take_escaped(const char **text, uint32_t *ret_character)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t low;
    char letter = **text;
    const char *place = letter ? strchr(letters, letter) : NULL;
    *text += letter != '\0';
    if (place) {
        *ret_character = (unsigned char)meanings[place - letters];
        return true;
    }
    if (letter != 'u' || !take_unit(text, ret_character))
        return false;
    if (*ret_character < 0xd800 || *ret_character >= 0xe000)
        return true;
    if (*ret_character >= 0xdc00 || !tsri_element_take(text, "\\u") || !take_unit(text, &low) ||
        low < 0xdc00 || low >= 0xe000)
        return false;
    *ret_character = 0x10000 + ((*ret_character - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

bool tsri_element_take_character(const char **text, uint32_t *ret_character, bool *ret_end)
{
    unsigned char first = (unsigned char)**text;
    *ret_end = first == '"';
    if (first < 0x20)
        return false;
    if (first == '"' || first == '\\') {
        ++*text;
        return *ret_end || take_escaped(text, ret_character);
    }
    size_t length = tsri_text_character(*text, strnlen(*text, 4), ret_character);
    *text += length;
    return length > 0;
}

static bool read_text(const tsr_dtype *dtype, const char **text, void *element)
{
    uint32_t character;
    size_t done = 0, room = dtype->size_bytes;
    bool end = false;
    if (!tsri_element_take(text, "\""))
        return false;
    while (tsri_element_take_character(text, &character, &end) && !end) {
        if (done == room)
            return false;
        memcpy((char *)element + done, &character, sizeof character);
        done += sizeof character;
    }
    memset((char *)element + done, 0, room - done);
    return end;
}

/* ---- bytes ---- */

static void write_bytes(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    tsri_element_put(writer, "\"", 1);
    tsri_element_put_base64(writer, element, tsri_dtype_text_length(dtype, element));
    tsri_element_put(writer, "\"", 1);
}

static bool read_bytes(const tsr_dtype *dtype, const char **text, void *element)
{
    size_t length;
    if (!tsri_element_take(text, "\"") ||
        !tsri_element_take_base64(text, element, dtype->size_bytes, &length))
        return false;
    memset((char *)element + length, 0, dtype->size_bytes - length);
    return true;
}

static const tsri_element_text text_utf32 = {write_text, read_text,
                                             "a string that is not longer than the type in quotes"};
static const tsri_element_text text_bytes = {write_bytes, read_bytes,
                                             "base64 of at most its bytes in quotes"};
static const struct tsr_dtype_ops utf32_ops = {&text_utf32, NULL, NULL, NULL, NULL, NULL};
static const struct tsr_dtype_ops bytes_ops = {&text_bytes, NULL, NULL, NULL, NULL, NULL};

int tsr_dtype_fixed_text(tsr_kind kind, int64_t length, const tsr_dtype **ret_dtype, tsr_error *err)
{
    bool is_text = kind == TSR_KIND_TEXT;
    int64_t maximum = is_text ? LENGTH_MAX : 4 * LENGTH_MAX;
    if (!is_text && kind != TSR_KIND_BYTES)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "kind %d is no text of fixed length",
                             (int)kind);
    if (length < 1 || length > maximum)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "a text of fixed length has 1 to %lld characters, not %lld",
                             (long long)maximum, (long long)length);
    size_t width = is_text ? 4 : 1;
    const tsr_dtype pattern = {.kind = kind,
                               .size_bytes = (size_t)length * width,
                               .component_bytes = width,
                               .alignment = width,
                               .v2_kind = is_text ? 'U' : 'S',
                               .ops = is_text ? &utf32_ops : &bytes_ops,
                               .component_bits = 8 * (int)width};
    tsri_made_dtype *made;
    TSRI_TRY(tsri_dtype_make(sizeof *made, &pattern,
                             tsri_format("%c%lld", pattern.v2_kind, (long long)length), &made,
                             err));
    *ret_dtype = &made->dtype;
    return 0;
}

int tsri_dtype_parse_text(const char *name, bool *ret_matches, const tsr_dtype **ret_dtype,
                          tsr_error *err)
{
    const char *letter = name + (*name != '\0' && strchr("<>|=", *name) != NULL);
    int64_t length = 0;
    *ret_matches = (*letter == 'U' || *letter == 'S') && letter[1] >= '1' && letter[1] <= '9';
    if (!*ret_matches)
        return 0;
    for (const char *digit = letter + 1; *digit; digit++) {
        if (*digit < '0' || *digit > '9') {
            *ret_matches = false;
            return 0;
        }
        length = TSRI_MIN(length * 10 + (*digit - '0'), (int64_t)1 << 40);
    }
    return tsr_dtype_fixed_text(*letter == 'U' ? TSR_KIND_TEXT : TSR_KIND_BYTES, length, ret_dtype,
                                err);
}

/* ---- casts ---- */

tsr_casting tsri_dtype_text_rule(const tsr_dtype *from, const tsr_dtype *to)
{
    bool from_is_text = from->kind == TSR_KIND_TEXT || from->kind == TSR_KIND_BYTES;
    bool to_is_text = to->kind == TSR_KIND_TEXT || to->kind == TSR_KIND_BYTES;
    if (!from_is_text || !to_is_text)
        return TSR_CASTING_UNSAFE + 1;
    if (from->kind != to->kind)
        return TSR_CASTING_SAME_KIND;
    return from->size_bytes <= to->size_bytes ? TSR_CASTING_SAFE : TSR_CASTING_SAME_KIND;
}

bool tsri_dtype_text_fits(const tsr_dtype *from, const void *element, const tsr_dtype *to)
{
    return tsri_dtype_text_length(from, element) * from->component_bytes <= to->size_bytes;
}

typedef struct text_job {
    const tsr_dtype *from;
    size_t to_bytes;
    bool checked;
} text_job;

static bool convert_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                         const tsri_nest_axis *inner)
{
    const text_job *job = user;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++) {
            const char *source = from + i * outer->from + k * inner->from;
            char *target = to + i * outer->to + k * inner->to;
            size_t used_bytes =
                tsri_dtype_text_length(job->from, source) * job->from->component_bytes;
            if (used_bytes > job->to_bytes && job->checked)
                return false;
            used_bytes = TSRI_MIN(used_bytes, job->to_bytes);
            memcpy(target, source, used_bytes);
            memset(target + used_bytes, 0, job->to_bytes - used_bytes);
        }
    return true;
}

bool tsri_view_convert_texts(const tsr_view *destination, const tsr_view *source, bool checked)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    text_job job = {source->dtype, destination->dtype->size_bytes, checked};
    return !tsri_nest_init(&nest, destination, source, 1) ||
           tsri_nest_run(&nest, convert_rows, &job);
}
