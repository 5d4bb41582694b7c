/* Every decoder on any bytes. Byte 0 chooses the codec, byte 1 how much of a prefix is wanted and
 * how much room there is, the rest is what a store would have given us.
 *
 * Beyond not crashing: never more output than there is room for, a status that means damage, a
 * prefix that is the prefix of the whole, and pieces that follow each other. */
#include <stdint.h>
#include <string.h>

#include <tessera/sys/codec.h>

#include "conformance/guarded.h"
#include "must.h"

#define ROOM_BYTES ((size_t)160 << 10)

static const struct {
    const char *name;
    int zarr_format;
    /* The size that blosc's header claims is made true, to get behind that check. */
    bool knows_size;
} rows[] = {{"zstd", 3, false},    {"blosc", 3, false},      {"gzip", 3, false},
            {"zlib", 2, false},    {"lz4", 2, false},        {"bz2", 2, false},
            {"crc32c", 3, false},  {"blosc", 3, true},       {"crc32", 2, false},
            {"adler32", 2, false}, {"fletcher32", 2, false}, {"jenkins_lookup3", 2, false},
            {"shuffle", 2, false}, {"base64", 2, false},     {"lzma", 2, false}};
#define ROW_COUNT (sizeof rows / sizeof *rows)

typedef struct target {
    const tsr_codec_ops *ops;
    void *codec;
    tsr_codec_scratch *scratch;
} target;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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

/* Memory before guard pages: the libraries are not built with sanitizers. Made once. */
typedef struct workspace {
    guarded input, whole, part;
} workspace;

#define INPUT_BYTES ((size_t)1 << 20)

static int decode(const target *tried, const char *bytes, size_t size_bytes, guarded *memory,
                  size_t room_bytes, size_t wanted_bytes, size_t *ret_size_bytes)
{
    char *to = guarded_last(memory, room_bytes);
    int status =
        wanted_bytes == SIZE_MAX
            ? tried->ops->decode_bytes(tried->codec, tried->scratch, bytes, size_bytes, to,
                                       room_bytes, ret_size_bytes, NULL)
            : tried->ops->decode_prefix(tried->codec, tried->scratch, bytes, size_bytes, to,
                                        room_bytes, wanted_bytes, ret_size_bytes, NULL);

    must(is_expected(status));
    must(status < 0 || *ret_size_bytes <= room_bytes);
    must(guarded_intact(memory, room_bytes));
    return status;
}

typedef struct pieces_state {
    const char *whole; /* NULL: nobody knows what it is */
    size_t next, room_bytes;
} pieces_state;

static int take(void *user, size_t offset_bytes, const void *piece, size_t size_bytes,
                tsr_error *err)
{
    pieces_state *self = user;

    (void)err;
    must(offset_bytes == self->next || self->next == 0);
    must(size_bytes > 0 && size_bytes <= self->room_bytes - offset_bytes);
    /* A read of the last byte as well, where there is nothing to compare it with. */
    must(!self->whole || memcmp(piece, self->whole + offset_bytes, size_bytes) == 0);
    must(((const volatile char *)piece)[size_bytes - 1] ==
         ((const volatile char *)piece)[size_bytes - 1]);
    self->next = offset_bytes + size_bytes;
    return 0;
}

/* `whole` is what decode_bytes made, or NULL. A frame of zstd that refers further back than its own
 * window is wrong, and may be decoded to something else. */
static void decode_pieces(const target *tried, const char *bytes, size_t size_bytes,
                          size_t room_bytes, size_t wanted_bytes, const char *whole)
{
    bool has_window = strcmp(tried->ops->name, "zstd") == 0;
    pieces_state state = {has_window ? NULL : whole, 0, room_bytes};
    const tsr_codec_pieces pieces = {0, wanted_bytes, take, &state};
    size_t decoded_bytes = 0;
    int status = tried->ops->decode_pieces(tried->codec, tried->scratch, bytes, size_bytes,
                                           room_bytes, &pieces, &decoded_bytes, NULL);

    must(is_expected(status));
    must(status < 0 || decoded_bytes <= room_bytes);
    must(!whole || status == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static target targets[ROW_COUNT];
    static workspace work;

    if (size < 2 || size > INPUT_BYTES)
        return 0;
    if (!work.input.map)
        work =
            (workspace){guarded_new(INPUT_BYTES), guarded_new(ROOM_BYTES), guarded_new(ROOM_BYTES)};
    size_t row = data[0] % ROW_COUNT;
    size_t room_bytes = ROOM_BYTES >> (data[1] & 7);
    size_t wanted_bytes = room_bytes * (data[1] >> 3) / 31;
    if (!targets[row].ops)
        targets[row] = target_open(row);
    char *bytes = guarded_place(&work.input, data + 2, size - 2);
    if (rows[row].knows_size && size - 2 >= 16)
        memcpy(bytes + 12, &(uint32_t){(uint32_t)size - 2}, 4);

    size_t whole_bytes = 0, part_bytes = 0;
    int whole =
        decode(&targets[row], bytes, size - 2, &work.whole, room_bytes, SIZE_MAX, &whole_bytes);
    if (targets[row].ops->decode_pieces)
        decode_pieces(&targets[row], bytes, size - 2, room_bytes, wanted_bytes,
                      whole == 0 ? work.whole.end - room_bytes : NULL);
    if (!targets[row].ops->decode_prefix)
        return 0;
    int part =
        decode(&targets[row], bytes, size - 2, &work.part, room_bytes, wanted_bytes, &part_bytes);
    if (whole == 0) {
        must(part == 0 && part_bytes <= whole_bytes);
        must(part_bytes >= wanted_bytes || part_bytes == whole_bytes);
        must(memcmp(work.part.end - room_bytes, work.whole.end - room_bytes, part_bytes) == 0);
    }
    return 0;
}
