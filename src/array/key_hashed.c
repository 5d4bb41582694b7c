/* The chunk key encoding "tessera.hashed": chunks spread over folders by a hash of their
 * coordinates. docs/format/chunk_keys.md has it to the byte.
 *
 * The key of chunk (1, 23, 45) is "c/HH/1.23.45", with as many levels HH of two hexadecimal digits
 * as the configuration says; they are the first digits of the CRC-32C of the text behind them. So
 * no folder gets more than its share of the chunks whatever is written first, and of object stores
 * that split their work by the beginning of keys every part gets some. */
#include <inttypes.h>
#include <stdio.h>

#include "array/key_encoding.h"
#include "codec/codec.h"

enum { LEVELS_MAX = 4, LEVELS = 1 };

typedef struct hashed_keys {
    int levels;
} hashed_keys;

/* All that there can be, so that nothing is allocated. */
static const hashed_keys opened[LEVELS_MAX + 1] = {{0}, {1}, {2}, {3}, {4}};

static int hashed_open(const tsr_chunk_key_setup *setup, void **ret_encoding, tsr_error *err)
{
    static const char *const known[] = {"levels", NULL};
    int64_t levels = LEVELS;

    TSRI_TRY(tsr_chunk_key_setup_only(setup, known, err));
    TSRI_TRY(tsr_chunk_key_setup_int(setup, "levels", 1, LEVELS_MAX, &levels, err));
    *ret_encoding = (void *)&opened[levels];
    return 0;
}

static int hashed_describe(const void *encoding, tsr_output *output, tsr_error *err)
{
    return tsr_output_print(output, err, "{\"levels\":%d}",
                            ((const hashed_keys *)encoding)->levels);
}

static const tsri_key_encoding *plain(void)
{
    return tsri_key_encoding_joined(false, '.');
}

static int hashed_format(const void *encoding, int rank, const int64_t *index, char *ret_text,
                         size_t capacity_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    int levels = ((const hashed_keys *)encoding)->levels;
    size_t start = 2 + 3 * (size_t)levels, length;
    const tsri_key_encoding *numbers = plain();

    if (capacity_bytes <= start)
        return tsr_error_set(err, TSR_LIMIT, "a chunk key of more than %zu bytes", capacity_bytes);
    TSRI_TRY(numbers->ops->format(numbers->state, rank, index, ret_text + start,
                                  capacity_bytes - start, &length, err));
    uint32_t hash = tsri_crc32c(0, ret_text + start, length);
    char first = ret_text[start]; /* the 0 byte of the print would lie there */
    memcpy(ret_text, "c/", 2);
    for (int level = 0; level < levels; level++, hash <<= 8)
        snprintf(ret_text + 2 + 3 * level, 4, "%02x/", (unsigned)(hash >> 24));
    ret_text[start] = first;
    *ret_size_bytes = start + length;
    return 0;
}

/* The folders are right when formatting gives them again. */
static bool hashed_parse(const void *encoding, int rank, const char *text, size_t size_bytes,
                         int64_t *ret_index)
{
    size_t start = 2 + 3 * (size_t)((const hashed_keys *)encoding)->levels;
    const tsri_key_encoding *numbers = plain();

    return size_bytes > start &&
           numbers->ops->parse(numbers->state, rank, text + start, size_bytes - start, ret_index);
}

const tsr_chunk_key_ops tsri_keys_hashed = {
    .struct_size = sizeof tsri_keys_hashed,
    .name = "tessera.hashed",
    .open = hashed_open,
    .describe = hashed_describe,
    .format = hashed_format,
    .parse = hashed_parse,
};
