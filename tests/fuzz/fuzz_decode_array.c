/* Every decoder that makes elements, on any bytes. Byte 0 chooses the codec, the rest is what a
 * store would have given us.
 *
 * Beyond not crashing: nothing written outside the elements, a status that means damage, and
 * elements of variable length whose bytes can be looked at. */
#include <stdint.h>
#include <string.h>

#include <tessera/sys/codec.h>

#include "base/text.h"
#include "conformance/guarded.h"
#include "must.h"

typedef struct array_row {
    const char *name;
    int zarr_format;
    const char *configuration;
    const tsr_dtype *dtype;
    int rank;
    int64_t shape[3];
} array_row;

/* The shapes are those of the files in tests/golden/codec, which make the corpus. */
static const array_row rows[] = {
    {"packbits", 3, "{\"padding_encoding\":\"first_byte\"}", TSR_BOOL, 1, {77}},
    {"packbits", 3, "{\"first_bit\":3,\"last_bit\":12}", TSR_INT16, 2, {7, 5}},
    {"zfp", 3, "{\"mode\":\"reversible\"}", TSR_FLOAT64, 3, {9, 9, 9}},
    {"zfp", 3, "{\"mode\":\"fixed_rate\",\"rate\":11}", TSR_UINT8, 2, {9, 9}},
    {"zfpy", 2, "{}", TSR_FLOAT64, 3, {9, 9, 9}},
    {"imagecodecs_png", 2, "{}", TSR_UINT8, 3, {20, 31, 3}},
    {"imagecodecs_png", 2, "{}", TSR_UINT16, 2, {20, 31}},
    {"imagecodecs_jpeg", 2, "{}", TSR_UINT8, 3, {20, 31, 3}},
    {"imagecodecs_webp", 2, "{}", TSR_UINT8, 3, {20, 31, 4}},
    {"n5_default",
     3,
     "{\"codecs\":[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}},"
     "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}]}",
     TSR_INT16,
     2,
     {7, 5}},
    {"vlen-utf8", 3, "{}", TSR_STRING, 2, {2, 3}},
    {"vlen-bytes", 3, "{}", TSR_VARIABLE_BYTES, 1, {6}},
    {"vlen-array", 2, "{\"dtype\":\"<i2\"}", TSR_VARIABLE_BYTES, 1, {6}},
    {"json2", 2, "{}", TSR_STRING, 2, {2, 3}},
    {"imagecodecs_jpeg2k", 2, "{}", TSR_UINT8, 3, {20, 31, 3}},
    {"imagecodecs_jpeg2k", 2, "{\"planar\":true}", TSR_UINT8, 3, {4, 20, 31}},
};
#define ROW_COUNT (sizeof rows / sizeof *rows)
#define INPUT_BYTES ((size_t)1 << 20)
#define ROOM_BYTES ((size_t)64 << 10)

typedef struct target {
    const tsr_codec_ops *ops; /* NULL: this build has no such codec */
    void *codec;
    tsr_codec_scratch *scratch;
} target;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static target target_open(const array_row *row)
{
    static tsr_context *context; /* kept to the end: a fuzzer makes millions of calls */
    static const uint64_t fill_value[2];
    target opened = {0};

    must(context || tsr_context_new(NULL, &context, NULL) == 0);
    tsr_codec_setup setup = {.context = context,
                             .name = row->name,
                             .configuration = row->configuration,
                             .zarr_format = row->zarr_format,
                             .input = {row->dtype, row->rank, fill_value}};
    tsr_codec_type output = setup.input;
    must(tsr_codec_scratch_new(&opened.scratch, NULL) == 0);
    if (tsr_codec_find(context, row->name, row->zarr_format, &opened.ops, NULL) == 0)
        must(opened.ops->open(&setup, &opened.codec, &output, NULL) == 0);
    return opened;
}

/* Every byte that a slot claims is there; of strings, all are UTF-8. */
static void look_at(const tsr_view *view, bool is_text)
{
    const tsr_slot *slots = (const void *)view->data;

    for (int64_t i = 0; i < tsr_view_count(view); i++) {
        volatile char seen = 0;
        for (uint32_t k = 0; k < slots[i].size_bytes; k++)
            seen ^= tsr_slot_bytes(&slots[i])[k];
        (void)seen;
        must(!is_text || tsri_text_is_utf8(tsr_slot_bytes(&slots[i]), slots[i].size_bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static target targets[ROW_COUNT];
    static guarded input, output;
    tsr_view view;

    if (size < 1 || size > INPUT_BYTES)
        return 0;
    if (!input.map) {
        input = guarded_new(INPUT_BYTES);
        output = guarded_new(ROOM_BYTES);
    }
    const array_row *row = &rows[data[0] % ROW_COUNT];
    target *tried = &targets[data[0] % ROW_COUNT];
    if (!tried->scratch)
        *tried = target_open(row);
    if (!tried->ops)
        return 0;
    must(tsr_view_init(&view, row->dtype, row->rank, row->shape, (void *)rows, NULL) == 0);
    size_t room_bytes = (size_t)tsr_view_size(&view);
    view.data = guarded_last(&output, room_bytes);
    const char *bytes = guarded_place(&input, (const char *)data + 1, size - 1);
    int status =
        tried->ops->decode_array(tried->codec, tried->scratch, bytes, size - 1, &view, NULL);
    must(status == TSR_OK || status == TSR_DAMAGED || status == TSR_UNSUPPORTED ||
         status == TSR_LIMIT);
    if (status == TSR_OK && tsr_dtype_is_variable(row->dtype))
        look_at(&view, row->dtype == TSR_STRING);
    must(guarded_intact(&output, room_bytes));
    return 0;
}
