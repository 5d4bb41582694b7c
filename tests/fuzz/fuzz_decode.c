/* Every decoder on any bytes. Byte 0 chooses the codec, byte 1 how much of a prefix is wanted and
 * how much room there is, the rest is what a store would have given us.
 *
 * Beyond not crashing: never more output than there is room for, a status that means damage, and a
 * prefix that is the prefix of the whole. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tessera/sys/codec.h>

#define ROOM_BYTES ((size_t)160 << 10)

static const struct {
    const char *name;
    int zarr_format;
} rows[] = {{"zstd", 3}, {"blosc", 3}, {"gzip", 3},  {"zlib", 2},
            {"lz4", 2},  {"bz2", 2},   {"crc32c", 3}};
#define ROW_COUNT (sizeof rows / sizeof *rows)

typedef struct target {
    const tsr_codec_ops *ops;
    void *codec;
    tsr_codec_scratch *scratch;
} target;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static target target_open(size_t row)
{
    static tsr_context *context; /* kept to the end: a fuzzer makes millions of calls */
    static const uint64_t fill_value;
    target opened = {0};
    tsr_codec_setup setup = {.name = rows[row].name,
                             .configuration = "{}",
                             .zarr_format = rows[row].zarr_format,
                             .input = {TSR_UINT16, 1, &fill_value}};
    tsr_codec_type output = setup.input;

    must(context || tsr_context_new(NULL, &context, NULL) == 0);
    setup.context = context;
    must(tsr_codec_find(context, setup.name, setup.zarr_format, &opened.ops, NULL) == 0);
    must(opened.ops->open(&setup, &opened.codec, &output, NULL) == 0);
    must(tsr_codec_scratch_new(&opened.scratch, NULL) == 0);
    return opened;
}

static bool is_expected(int status)
{
    return status == TSR_OK || status == TSR_DAMAGED || status == TSR_UNSUPPORTED;
}

static void check_prefix(const target *tried, const uint8_t *bytes, size_t size_bytes,
                         size_t room_bytes, size_t wanted_bytes, const char *whole,
                         int whole_status, size_t whole_bytes)
{
    char *part = malloc(room_bytes + 1);
    size_t part_bytes = 0;
    int status = tried->ops->decode_prefix(tried->codec, tried->scratch, bytes, size_bytes, part,
                                           room_bytes, wanted_bytes, &part_bytes, NULL);

    must(is_expected(status));
    must(status < 0 || part_bytes <= room_bytes);
    if (whole_status == 0) {
        must(status == 0);
        must(part_bytes <= whole_bytes);
        must(part_bytes >= wanted_bytes || part_bytes == whole_bytes);
        must(memcmp(part, whole, part_bytes) == 0);
    }
    free(part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static target targets[ROW_COUNT];

    if (size < 2)
        return 0;
    size_t row = data[0] % ROW_COUNT;
    size_t room_bytes = ROOM_BYTES >> (data[1] & 7);
    size_t wanted_bytes = room_bytes * (data[1] >> 3) / 31;
    if (!targets[row].ops)
        targets[row] = target_open(row);
    const target *tried = &targets[row];

    /* In a block of its own, so that AddressSanitizer sees the first byte too many. */
    char *whole = malloc(room_bytes + 1);
    size_t whole_bytes = 0;
    int status = tried->ops->decode_bytes(tried->codec, tried->scratch, data + 2, size - 2, whole,
                                          room_bytes, &whole_bytes, NULL);
    must(is_expected(status));
    must(status < 0 || whole_bytes <= room_bytes);
    if (tried->ops->decode_prefix)
        check_prefix(tried, data + 2, size - 2, room_bytes, wanted_bytes, whole, status,
                     whole_bytes);
    free(whole);
    return 0;
}
