/* Proves that large chunks whose codec decodes in pieces are taken piece by piece, that every
 * element comes to its place whatever the sizes of pieces and planes are, that pieces which are not
 * wanted are not asked for, and that a codec which hands over the wrong bytes is found out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <tessera/profile.h>
#include <tessera/sys/codec.h>

#include "unit/array/array_testing.h"

/* ---- a codec that leaves bytes as they are, and hands them over in pieces of any size ---- */

enum fault { NONE, SHORT, GAP, BEYOND };

static struct {
    size_t piece_bytes;
    enum fault fault;
    int whole_chunks;   /* atomic: how often all was asked for at once */
    size_t taken_bytes; /* atomic */
} behaviour;

static int plain_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    (void)setup;
    (void)ret_output;
    (void)err;
    *ret_codec = NULL;
    return 0;
}

static int plain_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)zarr_format;
    return tsr_output_print(output, err, "{}");
}

static tsr_size_bound plain_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    return (tsr_size_bound){TSR_SIZE_FIXED, size_bytes};
}

static int plain_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    return tsr_output_append(output, bytes, size_bytes, err);
}

static int plain_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, void *output, size_t capacity_bytes,
                        size_t *ret_size_bytes, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    (void)err;
    assert_true(size_bytes <= capacity_bytes);
    memcpy(output, bytes, size_bytes);
    *ret_size_bytes = size_bytes;
    __atomic_add_fetch(&behaviour.whole_chunks, 1, __ATOMIC_RELAXED);
    return 0;
}

static int plain_pieces(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, size_t capacity_bytes, const tsr_codec_pieces *pieces,
                        size_t *ret_size_bytes, tsr_error *err)
{
    const size_t step = behaviour.piece_bytes;
    size_t end = pieces->end_bytes + (behaviour.fault == BEYOND ? capacity_bytes : 0);
    int status = 0;

    (void)codec;
    (void)scratch;
    for (size_t at = pieces->first_bytes / step * step; at < end && status == 0; at += step) {
        /* What goes away when the taker returns. */
        char *piece = calloc(1, step);
        size_t there = at < size_bytes ? size_bytes - at : 0;
        size_t more = behaviour.fault == BEYOND ? step : there < step ? there : step;
        bool is_last = at + step >= end;

        memcpy(piece, (const char *)bytes + (there ? at : 0), there < more ? there : more);
        if (!(behaviour.fault == SHORT && is_last))
            status = pieces->take(pieces->user, at + (behaviour.fault == GAP && is_last ? step : 0),
                                  piece, more, err);
        __atomic_add_fetch(&behaviour.taken_bytes, more, __ATOMIC_RELAXED);
        free(piece);
    }
    *ret_size_bytes = size_bytes - (behaviour.fault == SHORT ? 1 : 0);
    return status;
}

static const tsr_codec_ops plain_codec = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "test.plain",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = plain_open,
    .describe = plain_describe,
    .bytes_bound = plain_bound,
    .encode_bytes = plain_encode,
    .decode_bytes = plain_decode,
    .decode_pieces = plain_pieces,
};

/* ---- arrays of several chunks, of which those at the end reach behind it ---- */

#define BYTES(endian) "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"" endian "\"}}"
#define TRANSPOSE "{\"name\":\"transpose\",\"configuration\":{\"order\":[1,2,0]}}"
#define BLOSC(name, shuffle, block)                            \
    "{\"name\":\"blosc\",\"configuration\":{\"cname\":\"" name \
    "\",\"clevel\":5,\"shuffle\":\"" shuffle "\",\"typesize\":2,\"blocksize\":" #block "}}"
#define ZSTD(level, checksum) \
    "{\"name\":\"zstd\",\"configuration\":{\"level\":" level ",\"checksum\":" checksum "}}"
#define PLAIN "{\"name\":\"test.plain\"}"

enum { LENGTH_Z = 90, LENGTH_Y = 150, LENGTH_X = 200 };

/* Chunks of 1.7 MB in planes of 28,600 bytes, or transposed of 15,600. */
static const array_row rows[] = {
    {"plain",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" BYTES("little") "," PLAIN "]"},
    {"plain swapped",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" BYTES("big") "," PLAIN ",{\"name\":\"crc32c\"}]"},
    {"plain transposed",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" TRANSPOSE "," BYTES("little") "," PLAIN "]"},
    {"lz4",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" BYTES("little") "," BLOSC("lz4", "shuffle", 0) "]"},
    {"small blocks",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" BYTES("little") "," BLOSC("zstd", "bitshuffle", 9000) ",{\"name\":\"crc32c\"}]"},
    {"transposed",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" TRANSPOSE "," BYTES("big") "," BLOSC("lz4", "noshuffle", 65536) "]"},
    /* A window of a third of the chunk, and one that holds it all. */
    {"zstd",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" BYTES("little") "," ZSTD("1", "false") "]"},
    {"zstd transposed",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" TRANSPOSE "," BYTES("big") "," ZSTD("3", "true") ",{\"name\":\"crc32c\"}]"},
    {"by the library",
     3,
     3,
     {90, 150, 200},
     {60, 110, 130},
     {0},
     .codecs = "[" BYTES("little") "," BLOSC("zlib", "shuffle", 0) "]"},
};
enum { ROW_COUNT = sizeof rows / sizeof *rows, PLAIN_ROWS = 3 };

static const char *const selections[] = {
    ":, :, :",         "10:80:3, ::-2, 5:199", "59:61, 109:111, 129:131", "89, :, :",
    "-1:0:-7, 3, 100", "0:1, 0:1, 0:1",        "30:31, 20:140, :",        ":, 149, 199",
};

static uint16_t value_at(const int64_t element[3])
{
    return (uint16_t)(element[0] * 20011 + element[1] * 307 + element[2] * 3 + 1);
}

static tsr_array *array_of(fixture *f, const array_row *row)
{
    uint16_t *values = malloc(sizeof(uint16_t) * LENGTH_Z * LENGTH_Y * LENGTH_X), *to = values;
    tsr_array *array = array_new(f, f->store, row->name, row, TSR_UINT16, NULL);

    for (int64_t z = 0; z < LENGTH_Z; z++)
        for (int64_t y = 0; y < LENGTH_Y; y++)
            for (int64_t x = 0; x < LENGTH_X; x++)
                *to++ = value_at((int64_t[]){z, y, x});
    good(tsr_array_write(array, NULL, NULL, NULL, values,
                         sizeof(uint16_t) * LENGTH_Z * LENGTH_Y * LENGTH_X, NULL, &f->err),
         &f->err);
    free(values);
    return array;
}

/* The selections from `first` on, as one batch. */
static void read_and_check(fixture *f, tsr_array *array, size_t first, size_t count)
{
    tsr_read_request requests[8] = {0};
    tsr_index indexes[8];
    tsr_view views[8];

    for (size_t i = 0; i < count; i++) {
        int64_t shape[TSR_RANK_MAX];
        good(
            tsr_index_parse(&indexes[i], selections[first + i], 3, tsr_array_shape(array), &f->err),
            &f->err);
        int rank = tsr_index_shape(&indexes[i], shape);
        good(tsr_view_new(&views[i], TSR_UINT16, rank, shape, &f->err), &f->err);
        requests[i] = (tsr_read_request){array, &indexes[i], &views[i], TSR_CASTING_NO};
    }
    good(tsr_read_many(f->context, requests, count, NULL, &f->err), &f->err);
    for (size_t i = 0; i < count; i++) {
        const uint16_t *values = (const uint16_t *)(const void *)views[i].data;
        for (int64_t at = 0; at < tsr_view_count(&views[i]); at++) {
            int64_t position[TSR_RANK_MAX], element[3], rest = at;
            for (int axis = views[i].rank - 1; axis >= 0; axis--) {
                position[axis] = rest % views[i].shape[axis];
                rest /= views[i].shape[axis];
            }
            tsr_index_locate(&indexes[i], position, element);
            if (values[at] != value_at(element))
                fail_msg("%s of %s: element %lld is %u, not %u", selections[first + i],
                         tsr_array_place(array), (long long)at, values[at], value_at(element));
        }
        tsr_index_clear(&indexes[i]);
        tsr_view_clear(&views[i]);
    }
}

enum { SELECTIONS = sizeof selections / sizeof *selections };

static void every_element_comes_to_its_place(void **state)
{
    static const size_t piece_bytes[] = {28600, 1 << 18, 10000, 28601, 777};
    fixture *f = *state;

    good(tsr_codec_register(f->context, &plain_codec, &f->err), &f->err);
    for (size_t row = 0; row < ROW_COUNT; row++) {
        tsr_array *array = array_of(f, &rows[row]);
        for (size_t size = 0; size < (row < PLAIN_ROWS ? 5 : 1); size++) {
            behaviour.piece_bytes = piece_bytes[size];
            behaviour.fault = NONE;
            behaviour.whole_chunks = 0;
            for (size_t i = 0; i < SELECTIONS; i++)
                read_and_check(f, array, i, 1);
            read_and_check(f, array, 0, SELECTIONS);
            assert_int_equal(behaviour.whole_chunks, 0);
        }
        tsr_array_close(array);
    }
}

/* One plane of a chunk: the pieces that hold some of it are asked for, and no others. */
static void what_is_not_wanted_is_not_decoded(void **state)
{
    fixture *f = *state;
    good(tsr_codec_register(f->context, &plain_codec, &f->err), &f->err);
    tsr_array *array = array_of(f, &rows[0]);
    const int64_t start[] = {30, 0, 0}, shape[] = {2, 110, 100};
    uint16_t values[2 * 110 * 100];

    behaviour.fault = NONE;
    behaviour.piece_bytes = 28600;
    behaviour.taken_bytes = 0;
    good(tsr_array_read(array, start, shape, NULL, values, sizeof values, NULL, &f->err), &f->err);
    assert_int_equal(behaviour.taken_bytes, 2 * 28600);
    assert_int_equal(values[110 * 100], value_at((int64_t[]){31, 0, 0}));
    tsr_array_close(array);
}

/* What a profile says was decoded is what was: of the first planes of a chunk of zstd or blosc the
 * blocks that hold them, of a frame with a checksum all. */
static void what_was_decoded_is_counted(void **state)
{
    enum {
        CHUNK_BYTES = 60 * 110 * 130 * 2,
        WANTED_BYTES = 2 * 110 * 130 * 2,
        BLOCK_BYTES = 131072
    };
    static const struct {
        const char *codecs;
        int64_t least, most;
    } known[] = {
        {"[" BYTES("little") "," ZSTD("1", "false") "]", WANTED_BYTES, WANTED_BYTES + BLOCK_BYTES},
        {"[" BYTES("little") "," ZSTD("1", "true") "]", CHUNK_BYTES, CHUNK_BYTES},
        {"[" BYTES("little") "," BLOSC("lz4", "shuffle", 131072) "]", WANTED_BYTES,
         2 * BLOCK_BYTES} /* blocks of splits of that size */,
    };
    const int64_t start[] = {0, 0, 0}, shape[] = {2, 110, 100};
    uint16_t values[2 * 110 * 100];
    tsr_context_options options;
    fixture f = {0};

    (void)state;
    tsr_context_options_init(&options);
    options.profile = true;
    good(tsr_context_new(&options, &f.context, &f.err), &f.err);
    good(tsr_store_open(f.context, "memory:", &f.store, &f.err), &f.err);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        array_row row = {"a", 3, 3, {90, 150, 200}, {60, 110, 130}, {0}, .codecs = known[i].codecs};
        tsr_profile before, after;
        row.name = (const char *[]){"a", "b", "c"}[i];
        tsr_array *array = array_of(&f, &row);
        tsr_context_profile(f.context, &before);
        good(tsr_array_read(array, start, shape, NULL, values, sizeof values, NULL, &f.err),
             &f.err);
        tsr_context_profile(f.context, &after);
        assert_int_equal(values[110 * 100 + 5], value_at((int64_t[]){1, 0, 5}));
        assert_int_equal(after.decoded_chunks - before.decoded_chunks, 1);
        assert_in_range(after.decoded_bytes - before.decoded_bytes, known[i].least, known[i].most);
        tsr_array_close(array);
    }
    fixture_close(&f);
}

static void wrong_pieces_are_damage(void **state)
{
    fixture *f = *state;
    good(tsr_codec_register(f->context, &plain_codec, &f->err), &f->err);
    tsr_array *array = array_of(f, &rows[0]);
    const int64_t shape[] = {60, 110, 100};
    uint16_t *values = malloc(sizeof(uint16_t) * 60 * 110 * 100);

    behaviour.piece_bytes = 10000;
    for (behaviour.fault = SHORT; behaviour.fault <= BEYOND; behaviour.fault++) {
        tsr_error err = TSR_ERROR_INIT;
        int status = tsr_array_read(array, NULL, shape, NULL, values,
                                    sizeof(uint16_t) * 60 * 110 * 100, NULL, &err);
        assert_int_equal(status, TSR_DAMAGED);
        assert_non_null(strstr(err.message, "chunk"));
    }
    behaviour.fault = NONE;
    free(values);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {FIXTURE_TEST(every_element_comes_to_its_place),
                                       FIXTURE_TEST(what_is_not_wanted_is_not_decoded),
                                       cmocka_unit_test(what_was_decoded_is_counted),
                                       FIXTURE_TEST(wrong_pieces_are_damage)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
