/* vlen-utf8, vlen-bytes and vlen-array: the number of elements, then each as its length in bytes
 * and its bytes; numbers are little-endian and of 32 bits. Zarr extension registry, codecs
 * vlen-utf8 and vlen-bytes, which are numcodecs' VLenUTF8 and VLenBytes. Elements of numcodecs'
 * VLenArray are lists of numbers; here they are bytes, the numbers as they are stored. */
#include <inttypes.h>

#include "base/text.h"
#include "codec/configuration.h"
#include "codec/element_walk.h"
#include "codec/numeric.h"
#include "tensor/heap_reserve.h"

#define NUMBER_BYTES 4

typedef struct vlen_codec {
    const char *name;
    tsr_kind kind;
    uint32_t item_bytes; /* the size of an element is a multiple of it */
    char item[32];       /* of vlen-array: the type of the numbers as the metadata wrote it */
} vlen_codec;

static const vlen_codec utf8 = {"vlen-utf8", TSR_KIND_STRING, 1, ""},
                        bytes = {"vlen-bytes", TSR_KIND_VARIABLE_BYTES, 1, ""};

static int check_type(const vlen_codec *codec, const tsr_dtype *dtype, tsr_error *err)
{
    if (dtype->kind == codec->kind)
        return 0;
    return tsr_error_set(err, TSR_BAD_METADATA, "%s stores elements of type %s, not %s",
                         codec->name, codec->kind == TSR_KIND_STRING ? "string" : "bytes",
                         dtype->name);
}

static int vlen_open(const vlen_codec *codec, const tsr_codec_setup *setup, void **ret_codec,
                     tsr_error *err)
{
    static const char *const known[] = {NULL};
    tsr_auto(tsri_configuration) configuration = {0};

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_only(&configuration, known, err));
    TSRI_TRY(check_type(codec, setup->input.dtype, err));
    *ret_codec = (void *)codec;
    return 0;
}

static int utf8_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    (void)ret_output;
    return vlen_open(&utf8, setup, ret_codec, err);
}

static int bytes_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    (void)ret_output;
    return vlen_open(&bytes, setup, ret_codec, err);
}

static int read_item(const tsri_configuration *configuration, vlen_codec *codec, tsr_error *err)
{
    tsri_filter_type item = {NULL, false};
    const char *text = NULL;

    TSRI_TRY(tsri_configuration_string(configuration, "dtype", &text, err));
    if (!text || strlen(text) >= sizeof codec->item)
        return tsri_configuration_missing(configuration, "dtype", "the type of the numbers", err);
    TSRI_TRY(tsri_filter_type_read(configuration, "dtype", item, &item, err));
    bool fits = !tsr_dtype_is_variable(item.dtype) && item.dtype->v2_kind != 0;
    codec->item_bytes = (uint32_t)item.dtype->size_bytes;
    tsr_dtype_unref(item.dtype);
    memcpy(codec->item, text, strlen(text) + 1);
    return fits ? 0
                : tsr_error_set(err, TSR_UNSUPPORTED, "%s: /configuration/dtype: lists of %s",
                                configuration->codec, text);
}

static int array_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    vlen_codec opened = {"vlen-array", TSR_KIND_VARIABLE_BYTES, 1, ""};

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(check_type(&opened, setup->input.dtype, err));
    TSRI_TRY(read_item(&configuration, &opened, err));
    vlen_codec *codec = tsri_alloc(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    *codec = opened;
    *ret_codec = codec;
    return 0;
}

static void array_close(void *codec)
{
    tsri_free(codec);
}

static int vlen_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const vlen_codec *self = codec;

    (void)zarr_format;
    if (!*self->item)
        return tsr_output_print(output, err, "{}");
    return tsr_output_print(output, err, "{\"dtype\":\"%s\"}", self->item);
}

/* ---- encoding ---- */

static void put_number(char *to, uint32_t number)
{
    for (int i = 0; i < NUMBER_BYTES; i++)
        to[i] = (char)(number >> 8 * i);
}

/* What all elements take, and whether each of them is valid. */
static int measure(const vlen_codec *codec, const tsr_view *decoded, size_t *ret_size,
                   tsr_error *err)
{
    tsri_element_walk walk;
    size_t size = NUMBER_BYTES;
    int64_t number = 0;

    for (tsri_element_walk_init(&walk, decoded); walk.left > 0;
         tsri_element_walk_advance(&walk, 1), number++) {
        const tsr_slot *slot = (const void *)walk.at;
        if (codec->kind == TSR_KIND_STRING &&
            !tsri_text_is_utf8(tsr_slot_bytes(slot), slot->size_bytes))
            return tsr_error_set(err, TSR_INVALID_ARGUMENT, "element %" PRId64 " is not UTF-8",
                                 number);
        if (slot->size_bytes % codec->item_bytes != 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "element %" PRId64 " has %" PRIu32
                                 " bytes, which are no list of %s",
                                 number, slot->size_bytes, codec->item);
        if (__builtin_add_overflow(size, slot->size_bytes + (size_t)NUMBER_BYTES, &size))
            return tsri_error_no_memory(err, SIZE_MAX);
    }
    *ret_size = size;
    return 0;
}

static int put_count(const tsr_view *decoded, char *to, tsr_error *err)
{
    int64_t count = tsr_view_count(decoded);
    if (count > UINT32_MAX)
        return tsr_error_set(err, TSR_LIMIT,
                             "a chunk of %" PRId64 " elements of variable length; at most 2^32-1 "
                             "can be stored",
                             count);
    put_number(to, (uint32_t)count);
    return 0;
}

static int vlen_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                       tsr_output *output, tsr_error *err)
{
    tsri_element_walk walk;
    size_t size = 0;
    char *to;

    (void)scratch;
    TSRI_TRY(measure(codec, decoded, &size, err));
    TSRI_TRY(tsri_codec_reserve(output, size, &to, err));
    TSRI_TRY(put_count(decoded, to, err));
    to += NUMBER_BYTES;
    for (tsri_element_walk_init(&walk, decoded); walk.left > 0;
         tsri_element_walk_advance(&walk, 1)) {
        const tsr_slot *slot = (const void *)walk.at;
        put_number(to, slot->size_bytes);
        memcpy(to + NUMBER_BYTES, tsr_slot_bytes(slot), slot->size_bytes);
        to += NUMBER_BYTES + slot->size_bytes;
    }
    output->size_bytes += size;
    return 0;
}

/* ---- decoding ---- */

/* Goes through encoded bytes, which may be hostile. */
typedef struct vlen_reader {
    const char *name; /* of the codec, for messages */
    const void *data;
    size_t size_bytes, at; /* at: of the next element */
    int64_t number;        /* of the next element */
} vlen_reader;

static uint32_t get_number(const unsigned char *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static int reader_init(vlen_reader *reader, const char *name, const void *data, size_t size_bytes,
                       const tsr_view *decoded, tsr_error *err)
{
    int64_t count = tsr_view_count(decoded);

    *reader = (vlen_reader){name, data, size_bytes, NUMBER_BYTES, 0};
    if (size_bytes < NUMBER_BYTES)
        return tsri_codec_error_truncated(err, name, size_bytes);
    if (get_number(data) != count)
        return tsr_error_set(err, TSR_DAMAGED,
                             "%s: bytes 0..4 say that there are %" PRIu32
                             " elements, the chunk has %" PRId64,
                             name, get_number(data), count);
    return 0;
}

static int reader_next(vlen_reader *reader, const char **ret_bytes, uint32_t *ret_size,
                       tsr_error *err)
{
    const unsigned char *data = reader->data;
    size_t left = reader->size_bytes - reader->at;

    if (left < NUMBER_BYTES)
        return tsr_error_set(err, TSR_DAMAGED,
                             "%s: the data is cut off after %zu bytes, at element %" PRId64,
                             reader->name, reader->size_bytes, reader->number);
    uint32_t size = get_number(data + reader->at);
    left -= NUMBER_BYTES;
    if (size > left)
        return tsr_error_set(
            err, TSR_DAMAGED,
            "%s: bytes %zu..%zu say that element %" PRId64 " has %" PRIu32 " bytes; %zu are left",
            reader->name, reader->at, reader->at + NUMBER_BYTES, reader->number, size, left);
    if (size > (uint32_t)TSR_SLOT_BYTES_MAX)
        return tsr_error_set(err, TSR_LIMIT,
                             "%s: element %" PRId64 " has %" PRIu32 " bytes; at most %d are read",
                             reader->name, reader->number, size, TSR_SLOT_BYTES_MAX);
    *ret_bytes = (const char *)data + reader->at + NUMBER_BYTES;
    *ret_size = size;
    reader->at += NUMBER_BYTES + size;
    reader->number++;
    return 0;
}

static int reader_end(const vlen_reader *reader, tsr_error *err)
{
    if (reader->at == reader->size_bytes)
        return 0;
    return tsr_error_set(err, TSR_DAMAGED, "%s: bytes %zu..%zu follow the last element",
                         reader->name, reader->at, reader->size_bytes);
}

/* Slots point into the encoded bytes: nothing is copied. */
static int vlen_decode(const void *codec, tsr_codec_scratch *scratch, const void *data,
                       size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    const vlen_codec *self = codec;
    vlen_reader reader;
    tsri_element_walk walk;

    (void)scratch;
    TSRI_TRY(reader_init(&reader, self->name, data, size_bytes, decoded, err));
    for (tsri_element_walk_init(&walk, decoded); walk.left > 0;
         tsri_element_walk_advance(&walk, 1)) {
        const char *from = NULL;
        uint32_t size = 0;
        TSRI_TRY(reader_next(&reader, &from, &size, err));
        if (self->kind == TSR_KIND_STRING && !tsri_text_is_utf8(from, size))
            return tsr_error_set(err, TSR_DAMAGED,
                                 "%s: bytes %zu..%zu, element %" PRId64 ", are not UTF-8",
                                 self->name, reader.at - size, reader.at, reader.number - 1);
        if (size % self->item_bytes != 0)
            return tsr_error_set(
                err, TSR_DAMAGED, "%s: bytes %zu..%zu, element %" PRId64 ", are no list of %s",
                self->name, reader.at - size, reader.at, reader.number - 1, self->item);
        tsri_slot_set((void *)walk.at, from, size);
    }
    return reader_end(&reader, err);
}

const tsr_codec_ops tsri_codec_vlen_utf8 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "vlen-utf8",
    .aliases = (const char *const[]){"numcodecs.vlen-utf8", NULL},
    .v2_id = "vlen-utf8",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = utf8_open,
    .describe = vlen_describe,
    .array_bound = tsri_codec_unbounded,
    .encode_array = vlen_encode,
    .decode_array = vlen_decode,
    .variable_length = true,
};

const tsr_codec_ops tsri_codec_vlen_bytes = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "vlen-bytes",
    .aliases = (const char *const[]){"numcodecs.vlen-bytes", NULL},
    .v2_id = "vlen-bytes",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = bytes_open,
    .describe = vlen_describe,
    .array_bound = tsri_codec_unbounded,
    .encode_array = vlen_encode,
    .decode_array = vlen_decode,
    .variable_length = true,
};

const tsr_codec_ops tsri_codec_vlen_array = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.vlen-array",
    .v2_id = "vlen-array",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = array_open,
    .close = array_close,
    .describe = vlen_describe,
    .array_bound = tsri_codec_unbounded,
    .encode_array = vlen_encode,
    .decode_array = vlen_decode,
    .variable_length = true,
};
