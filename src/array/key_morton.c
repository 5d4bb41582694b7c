/* The chunk key encoding "tessera.morton": keys whose byte order is the Morton order of the chunks,
 * in folders that are boxes of the grid. docs/format/chunk_keys.md has it to the byte.
 *
 * `levels` levels of folders take `bits` bits of each index a level, the most significant first;
 * what is above them stands in front as decimal numbers, so that there is no end to the grid. Each
 * level is one number of bits * rank bits: of the highest bit of all axes, axis 0 first, then of
 * the next one. Neighbours along any axis are near each other in a listing and mostly in one
 * folder, which is what range queries of object stores and the order of files in a folder are good
 * for. */
#include <inttypes.h>
#include <stdio.h>

#include "array/key_encoding.h"

enum { LEVELS = 2, LEVEL_BITS = 8, INDEX_BITS = 63, CODE_BITS = 64, LEAD_BYTES = 2 };

typedef struct morton_keys {
    int levels, bits;
    int digits; /* hexadecimal, of a level */
} morton_keys;

static void morton_close(void *encoding)
{
    tsri_free(encoding);
}

/* By default a folder holds up to 256 chunks, or 2 along each axis. */
static int morton_open(const tsr_chunk_key_setup *setup, void **ret_encoding, tsr_error *err)
{
    static const char *const known[] = {"levels", "bits", NULL};
    int rank = TSRI_MAX(setup->rank, 1);
    int64_t levels = LEVELS, bits = TSRI_MAX(LEVEL_BITS / rank, 1);

    TSRI_TRY(tsr_chunk_key_setup_only(setup, known, err));
    TSRI_TRY(tsr_chunk_key_setup_int(setup, "bits", 1, TSRI_MIN(CODE_BITS / rank, INDEX_BITS),
                                     &bits, err));
    TSRI_TRY(tsr_chunk_key_setup_int(setup, "levels", 1, INDEX_BITS / bits, &levels, err));
    morton_keys *keys = tsri_alloc(sizeof *keys);
    if (!keys)
        return tsri_error_no_memory(err, sizeof *keys);
    *keys = (morton_keys){(int)levels, (int)bits, ((int)bits * rank + 3) / 4};
    *ret_encoding = keys;
    return 0;
}

static int morton_describe(const void *encoding, tsr_output *output, tsr_error *err)
{
    const morton_keys *keys = encoding;
    return tsr_output_print(output, err, "{\"levels\":%d,\"bits\":%d}", keys->levels, keys->bits);
}

/* The bits of all axes from bit `low` on, `bits` of each. */
static uint64_t interleave(const morton_keys *keys, int rank, const int64_t *index, int low)
{
    uint64_t code = 0;
    for (int bit = keys->bits - 1; bit >= 0; bit--)
        for (int axis = 0; axis < rank; axis++)
            code = code << 1 | ((uint64_t)index[axis] >> (low + bit) & 1);
    return code;
}

static void spread(const morton_keys *keys, int rank, uint64_t code, int low, int64_t *index)
{
    for (int bit = 0; bit < keys->bits; bit++)
        for (int axis = rank - 1; axis >= 0; axis--, code >>= 1)
            index[axis] |= (int64_t)((code & 1) << (low + bit));
}

static size_t tail_bytes(const morton_keys *keys, int rank)
{
    return rank > 0 ? (size_t)keys->levels * (1 + (size_t)keys->digits) : 0;
}

static int morton_format(const void *encoding, int rank, const int64_t *index, char *ret_text,
                         size_t capacity_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    const morton_keys *keys = encoding;
    const tsri_key_encoding *numbers = tsri_key_encoding_joined(false, '.');
    int64_t above[TSR_RANK_MAX];
    size_t length, tail = tail_bytes(keys, rank);

    if (capacity_bytes <= LEAD_BYTES)
        return tsr_error_set(err, TSR_LIMIT, "a chunk key of more than %zu bytes", capacity_bytes);
    memcpy(ret_text, "c/", LEAD_BYTES);
    for (int axis = 0; axis < rank; axis++)
        above[axis] = index[axis] >> (keys->levels * keys->bits);
    TSRI_TRY(numbers->ops->format(numbers->state, rank, above, ret_text + LEAD_BYTES,
                                  capacity_bytes - LEAD_BYTES, &length, err));
    length += LEAD_BYTES;
    if (capacity_bytes - length <= tail)
        return tsr_error_set(err, TSR_LIMIT, "a chunk key of more than %zu bytes",
                             capacity_bytes - 1);
    for (int level = keys->levels - 1; level >= 0 && rank > 0; level--)
        length += (size_t)snprintf(ret_text + length, capacity_bytes - length, "/%0*" PRIx64,
                                   keys->digits, interleave(keys, rank, index, level * keys->bits));
    *ret_size_bytes = length;
    return 0;
}

static bool take_code(const char *text, int digits, uint64_t *ret_code)
{
    uint64_t code = 0;
    for (int i = 0; i < digits; i++) {
        char c = text[i];
        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        code = code << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret_code = code;
    return true;
}

static bool morton_parse(const void *encoding, int rank, const char *text, size_t size_bytes,
                         int64_t *ret_index)
{
    const morton_keys *keys = encoding;
    const tsri_key_encoding *numbers = tsri_key_encoding_joined(false, '.');
    size_t tail = tail_bytes(keys, rank), level_bytes = 1 + (size_t)keys->digits;
    int bits = keys->levels * keys->bits;
    int64_t index[TSR_RANK_MAX];

    if (size_bytes <= LEAD_BYTES + tail || memcmp(text, "c/", LEAD_BYTES) != 0 ||
        !numbers->ops->parse(numbers->state, rank, text + LEAD_BYTES,
                             size_bytes - LEAD_BYTES - tail, index))
        return false;
    for (int axis = 0; axis < rank; axis++) {
        if (index[axis] > INT64_MAX >> bits)
            return false;
        index[axis] = (int64_t)((uint64_t)index[axis] << bits);
    }
    const char *at = text + size_bytes - tail;
    for (int level = keys->levels - 1; level >= 0 && rank > 0; level--, at += level_bytes) {
        uint64_t code;
        if (at[0] != '/' || !take_code(at + 1, keys->digits, &code))
            return false;
        spread(keys, rank, code, level * keys->bits, index);
    }
    memcpy(ret_index, index, (size_t)rank * sizeof *index);
    return true;
}

const tsr_chunk_key_ops tsri_keys_morton = {
    .struct_size = sizeof tsri_keys_morton,
    .name = "tessera.morton",
    .open = morton_open,
    .close = morton_close,
    .describe = morton_describe,
    .format = morton_format,
    .parse = morton_parse,
};
