/* bytes: the elements in C order, in one byte order. Zarr 3.1, "Bytes codec", version 1.0. Numbers
 * of fewer than 8 bits are a byte each, whose upper bits are ignored and written as 0 (extension
 * registry, data types int4, float6_e2m3fn and their like).
 *
 * A struct of v2 may have fields in both orders. Then "endian" is a list, with "little", "big" or
 * null for each leaf (tensor/dtype_struct.h); no document has it, since v2 has no such codec. */
#include <inttypes.h>

#include "base/checked.h"
#include "codec/configuration.h"
#include "codec/zarr_dtype.h"
#include "tensor/copy.h"
#include "tensor/dtype_struct.h"
#include "tensor/narrow.h"

typedef enum byte_order { BYTE_ORDER_NONE, BYTE_ORDER_LITTLE, BYTE_ORDER_BIG } byte_order;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTE_ORDER_HOST BYTE_ORDER_LITTLE
#else
#define BYTE_ORDER_HOST BYTE_ORDER_BIG
#endif

typedef struct bytes_codec {
    byte_order order;
    bool is_narrow; /* the elements have bits that do not count */
    /* Fields in both orders: one letter for each leaf, and the numbers that are not in the order of
     * this machine; else NULL. */
    char *orders;
    tsri_swap_run *foreign;
    size_t foreign_count;
} bytes_codec;

/* All others, so that nothing is allocated for them. */
static const bytes_codec usual[][2] = {
    {{.order = BYTE_ORDER_NONE}, {.order = BYTE_ORDER_NONE, .is_narrow = true}},
    {{.order = BYTE_ORDER_LITTLE}, {.order = BYTE_ORDER_LITTLE, .is_narrow = true}},
    {{.order = BYTE_ORDER_BIG}, {.order = BYTE_ORDER_BIG, .is_narrow = true}}};
static const char *const order_names[] = {"little", "big", NULL};
static const char *const known_fields[] = {"endian", NULL};

static int missing_order(const tsri_configuration *configuration, const tsr_dtype *dtype,
                         tsr_error *err)
{
    tsri_configuration_missing(configuration, "endian", "\"little\" or \"big\" is required", err);
    tsr_error_set_next_step(err,
                            "the specification demands it for %s, whose parts have %zu bytes; add "
                            "{\"endian\": \"little\"} if that is how the data was written",
                            dtype->name, dtype->component_bytes);
    return TSR_BAD_METADATA;
}

static void bytes_close(void *opened)
{
    bytes_codec *codec = opened;

    if (!codec->orders)
        return;
    tsri_free(codec->orders);
    tsri_free(codec->foreign);
    tsri_free(codec);
}

/* The letter of a leaf. */
static bool read_letter(const tsri_json *value, char *ret_letter)
{
    const char *text = json_object_is_type(value, json_type_string)
                           ? json_object_get_string((tsri_json *)value)
                           : "";

    *ret_letter = !value                        ? '|'
                  : strcmp(text, "little") == 0 ? '<'
                  : strcmp(text, "big") == 0    ? '>'
                                                : '\0';
    return *ret_letter != '\0';
}

static int read_orders(const tsri_json *list, const tsr_dtype *dtype, bytes_codec *codec,
                       tsr_error *err)
{
    const char foreign = BYTE_ORDER_HOST == BYTE_ORDER_LITTLE ? '>' : '<';
    size_t count = json_object_array_length(list);
    bool known = count == tsri_dtype_leaf_count(dtype);

    codec->orders = tsri_alloc_zero(count + 1);
    if (!codec->orders)
        return tsri_error_no_memory(err, count + 1);
    for (size_t i = 0; known && i < count; i++)
        known = read_letter(json_object_array_get_idx(list, i), &codec->orders[i]);
    if (!known)
        return tsr_error_set(
            err, TSR_BAD_METADATA,
            "bytes: /configuration/endian: must have \"little\", \"big\" or null for "
            "each of the %zu fields of %.80s",
            tsri_dtype_leaf_count(dtype), dtype->name);
    return tsri_dtype_runs(dtype, codec->orders, foreign, &codec->foreign, &codec->foreign_count,
                           err);
}

static int open_with_orders(const tsri_json *list, const tsr_dtype *dtype, void **ret_codec,
                            tsr_error *err)
{
    bytes_codec *codec = tsri_alloc_zero(sizeof *codec);

    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    int status = read_orders(list, dtype, codec, err);
    if (status == 0) {
        *ret_codec = codec;
        return 0;
    }
    tsri_free(codec->orders);
    tsri_free(codec);
    return status;
}

static int bytes_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    const tsr_dtype *dtype = setup->input.dtype;
    int choice = -1;

    (void)ret_output; /* what follows is bytes; the type stays known for blosc and shuffle */
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_only(&configuration, known_fields, err));
    const tsri_json *endian = json_object_object_get(configuration.json, "endian");
    if (setup->zarr_format == 2 && json_object_is_type(endian, json_type_array))
        return open_with_orders(endian, dtype, ret_codec, err);
    TSRI_TRY(tsri_configuration_choice(&configuration, "endian", order_names, &choice, err));
    /* zarr-python writes none for structs, and means this. */
    if (choice < 0 && dtype->kind == TSR_KIND_STRUCT && dtype->component_bytes > 1)
        choice = 0;
    if (choice < 0 && dtype->component_bytes > 1)
        return missing_order(&configuration, dtype, err);
    *ret_codec = (void *)&usual[choice + 1][tsri_dtype_is_narrow(dtype)];
    return 0;
}

static int bytes_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const bytes_codec *bytes = codec;

    (void)zarr_format;
    if (bytes->orders)
        return tsri_dtype_orders_print(bytes->orders, output, err);
    if (bytes->order == BYTE_ORDER_NONE)
        return tsr_output_print(output, err, "{}");
    return tsr_output_print(output, err, "{\"endian\":\"%s\"}", order_names[bytes->order - 1]);
}

static tsr_size_bound bytes_bound(const void *codec, const tsr_dtype *dtype, int rank,
                                  const int64_t *shape)
{
    int64_t count, size_bytes;

    (void)codec;
    if (!tsri_shape_count(rank, shape, &count) ||
        !tsri_multiply_i64(count, (int64_t)dtype->size_bytes, &size_bytes))
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return (tsr_size_bound){TSR_SIZE_FIXED, (uint64_t)size_bytes};
}

/* Both views are of one type and one shape. What is stored is encoded or written next. */
static void copy(const bytes_codec *bytes, const tsr_view *to, const tsr_view *from, bool stored)
{
    if (bytes->is_narrow)
        tsri_view_copy_narrow(to, from, stored);
    else if (bytes->order != BYTE_ORDER_NONE && bytes->order != BYTE_ORDER_HOST && !bytes->orders)
        tsri_view_copy_swapped(to, from);
    else if (stored)
        tsri_view_copy_cached(to, from);
    else
        tsri_view_copy_same(to, from);
    if (bytes->orders && !bytes->is_narrow)
        tsri_view_swap_runs(to, bytes->foreign, bytes->foreign_count);
}

static int bytes_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                        tsr_output *output, tsr_error *err)
{
    size_t size_bytes = (size_t)tsr_view_size(decoded);
    tsr_view encoded;
    char *data;

    (void)scratch;
    TSRI_TRY(tsri_codec_reserve(output, size_bytes, &data, err));
    TSRI_TRY(tsr_view_init(&encoded, decoded->dtype, decoded->rank, decoded->shape, data, err));
    copy(codec, &encoded, decoded, true);
    output->size_bytes += size_bytes;
    return 0;
}

static int bytes_decode(const void *codec, tsr_codec_scratch *scratch, const void *data,
                        size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    int64_t expected_bytes = tsr_view_size(decoded);
    tsr_view encoded;

    (void)scratch;
    if (size_bytes != (size_t)expected_bytes)
        return tsr_error_set(
            err, TSR_DAMAGED, "bytes: %zu bytes found, %" PRId64 " elements of %s need %" PRId64,
            size_bytes, tsr_view_count(decoded), decoded->dtype->name, expected_bytes);
    /* The view is only read through; it has no const form. */
    TSRI_TRY(
        tsr_view_init(&encoded, decoded->dtype, decoded->rank, decoded->shape, (void *)data, err));
    copy(codec, decoded, &encoded, false);
    return 0;
}

static bool bytes_in_place(const void *codec, bool *ret_swapped)
{
    const bytes_codec *bytes = codec;

    *ret_swapped = bytes->order != BYTE_ORDER_NONE && bytes->order != BYTE_ORDER_HOST;
    return !bytes->is_narrow && !bytes->orders;
}

const tsr_codec_ops tsri_codec_bytes = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "bytes",
    .aliases = (const char *const[]){"endian", NULL}, /* drafts of v3, and still zarr-python */
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = bytes_open,
    .close = bytes_close,
    .describe = bytes_describe,
    .array_bound = bytes_bound,
    .encode_array = bytes_encode,
    .decode_array = bytes_decode,
    .elements_in_place = bytes_in_place,
};
