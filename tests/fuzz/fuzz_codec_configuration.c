/* Any text as a codec's configuration. Byte 0 chooses the codec and the format. What opens must
 * describe itself, and that description must open again and describe itself the same way. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tessera/sys/codec.h>

#include "base/output.h"
#include "must.h"

static const struct {
    const char *name;
    int zarr_format, rank;
} rows[] = {
    {"bytes", 3, 2},  {"transpose", 3, 3},
    {"zstd", 3, 1},   {"blosc", 3, 1},
    {"gzip", 3, 1},   {"crc32c", 3, 1},
    {"zstd", 2, 1},   {"blosc", 2, 1},
    {"gzip", 2, 1},   {"zlib", 2, 1},
    {"lz4", 2, 1},    {"bz2", 2, 1},
    {"crc32c", 2, 1}, {"numcodecs.blosc", 3, 1},
};
#define ROW_COUNT (sizeof rows / sizeof *rows)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_and_describe(tsr_context *context, size_t row, const char *configuration,
                             tsr_output *output)
{
    static const uint64_t fill_value;
    tsr_codec_setup setup = {.context = context,
                             .name = rows[row].name,
                             .configuration = configuration,
                             .zarr_format = rows[row].zarr_format,
                             .input = {TSR_FLOAT32, rows[row].rank, &fill_value}};
    tsr_codec_type type = setup.input;
    const tsr_codec_ops *ops = NULL;
    void *codec = NULL;

    must(tsr_codec_find(context, setup.name, setup.zarr_format, &ops, NULL) == 0);
    int status = ops->open(&setup, &codec, &type, NULL);
    if (status < 0)
        return status;
    must(ops->describe(codec, setup.zarr_format, output, NULL) == 0);
    must(tsr_output_append(output, "", 1, NULL) == 0);
    if (ops->close)
        ops->close(codec);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tsr_context *context;
    tsr_output first = {.max_bytes = 65536}, second = {.max_bytes = 65536};

    if (size < 1)
        return 0;
    must(context || tsr_context_new(NULL, &context, NULL) == 0);
    char *text = malloc(size);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    size_t row = data[0] % ROW_COUNT;
    int status = open_and_describe(context, row, text, &first);
    must(status == 0 || status == TSR_BAD_METADATA || status == TSR_UNSUPPORTED ||
         status == TSR_LIMIT);
    if (status == 0) {
        must(open_and_describe(context, row, first.data, &second) == 0);
        must(strcmp(first.data, second.data) == 0);
    }
    tsri_output_clear(&first);
    tsri_output_clear(&second);
    free(text);
    return 0;
}
