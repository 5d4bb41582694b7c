/* The chunk key encodings "default" and "v2" of the Zarr 3.1 core specification: the indices joined
 * by a separator, with "c" in front of all or without. chunk_key.c forms the keys of a walk axis by
 * axis by the same rule; here they are formed whole. */
#include <inttypes.h>
#include <stdio.h>

#include "array/key_encoding.h"

/* ---- keys ---- */

static int joined_format(const void *state, int rank, const int64_t *index, char *ret_text,
                         size_t capacity_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    const tsri_key_encoding *encoding = state;
    const char *lead = encoding->has_lead ? "c" : rank == 0 ? "0" : "";
    int used = snprintf(ret_text, capacity_bytes, "%s", lead);

    for (int axis = 0; axis < rank && (size_t)used < capacity_bytes; axis++) {
        const char between[2] = {axis > 0 || encoding->has_lead ? encoding->separator : 0, 0};
        used += snprintf(ret_text + used, capacity_bytes - (size_t)used, "%s%" PRId64, between,
                         index[axis]);
    }
    if ((size_t)used >= capacity_bytes)
        return tsr_error_set(err, TSR_LIMIT, "a chunk key of more than %zu bytes",
                             capacity_bytes - 1);
    *ret_size_bytes = (size_t)used;
    return 0;
}

/* Reads digits without a leading zero at *offset and moves it behind them; false when there are
 * none or the number exceeds 2^63-1. */
static bool take_index(const char *text, size_t size_bytes, size_t *offset, int64_t *ret_index)
{
    int64_t number = 0;
    size_t start = *offset;
    for (; *offset < size_bytes && text[*offset] >= '0' && text[*offset] <= '9'; ++*offset)
        if (__builtin_mul_overflow(number, (int64_t)10, &number) ||
            __builtin_add_overflow(number, (int64_t)(text[*offset] - '0'), &number))
            return false;
    size_t length = *offset - start;
    *ret_index = number;
    return length == 1 || (length > 1 && text[start] != '0');
}

static bool joined_parse(const void *state, int rank, const char *text, size_t size_bytes,
                         int64_t *ret_index)
{
    const tsri_key_encoding *encoding = state;
    int64_t index[TSR_RANK_MAX];
    size_t offset = encoding->has_lead;

    if (encoding->has_lead && (size_bytes == 0 || text[0] != 'c'))
        return false;
    if (rank == 0 && !encoding->has_lead)
        return size_bytes == 1 && text[0] == '0';
    for (int axis = 0; axis < rank; axis++) {
        if ((axis > 0 || encoding->has_lead) &&
            (offset >= size_bytes || text[offset++] != encoding->separator))
            return false;
        if (!take_index(text, size_bytes, &offset, &index[axis]))
            return false;
    }
    if (offset != size_bytes)
        return false;
    memcpy(ret_index, index, (size_t)rank * sizeof *index);
    return true;
}

/* ---- configurations ---- */

static int joined_describe(const void *state, tsr_output *output, tsr_error *err)
{
    const tsri_key_encoding *encoding = state;
    return tsr_output_print(output, err, "{\"separator\":\"%c\"}", encoding->separator);
}

static int read_separator(const tsr_chunk_key_setup *setup, char *ret_separator, tsr_error *err)
{
    static const char *const known[] = {"separator", NULL};
    tsr_auto(tsri_json) *object = NULL;
    const char *separator = NULL;

    TSRI_TRY(tsr_json_parse(setup->configuration, strlen(setup->configuration), TSR_JSON_STRICT, 0,
                            &object, err));
    TSRI_TRY(tsri_json_only(object, setup->pointer, known, err));
    TSRI_TRY(tsri_json_string(object, setup->pointer, "separator", false, &separator, err));
    if (separator && strcmp(separator, "/") != 0 && strcmp(separator, ".") != 0)
        return tsri_json_refuse(err, TSR_BAD_METADATA, setup->pointer, "separator",
                                "\"%s\" is neither \"/\" nor \".\"", separator);
    if (separator)
        *ret_separator = *separator;
    return 0;
}

static int default_open(const tsr_chunk_key_setup *setup, void **ret_encoding, tsr_error *err)
{
    char separator = '/';
    TSRI_TRY(read_separator(setup, &separator, err));
    *ret_encoding = (void *)tsri_key_encoding_joined(true, separator);
    return 0;
}

static int v2_open(const tsr_chunk_key_setup *setup, void **ret_encoding, tsr_error *err)
{
    char separator = '.';
    TSRI_TRY(read_separator(setup, &separator, err));
    *ret_encoding = (void *)tsri_key_encoding_joined(false, separator);
    return 0;
}

const tsr_chunk_key_ops tsri_keys_default = {
    .struct_size = sizeof tsri_keys_default,
    .name = "default",
    .open = default_open,
    .describe = joined_describe,
    .format = joined_format,
    .parse = joined_parse,
};

const tsr_chunk_key_ops tsri_keys_v2 = {
    .struct_size = sizeof tsri_keys_v2,
    .name = "v2",
    .open = v2_open,
    .describe = joined_describe,
    .format = joined_format,
    .parse = joined_parse,
};

/* ---- all that there can be ---- */

#define JSON(name, separator) \
    "{\"name\":\"" name "\",\"configuration\":{\"separator\":\"" separator "\"}}"

static const tsri_key_encoding joined[2][2];
#define ENCODING(has_lead, number, text_separator, character)                                   \
    {                                                                                           \
        1, has_lead ? &tsri_keys_default : &tsri_keys_v2, (void *)&joined[has_lead][number],    \
            has_lead ? JSON("default", text_separator) : JSON("v2", text_separator), character, \
            has_lead                                                                            \
    }

static const tsri_key_encoding joined[2][2] = {
    {ENCODING(0, 0, "/", '/'), ENCODING(0, 1, ".", '.')},
    {ENCODING(1, 0, "/", '/'), ENCODING(1, 1, ".", '.')}};

const tsri_key_encoding *tsri_key_encoding_joined(bool has_lead, char separator)
{
    return &joined[has_lead][separator == '.'];
}
