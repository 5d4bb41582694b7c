/* Proves of create options: shapes that are chosen, short forms of codecs, what is refused; and the
 * metadata that comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "unit/array/array_testing.h"

static int try_create(fixture *f, const tsr_array_create_options *options, tsr_array **ret_array)
{
    tsr_array_create_options own = *options;
    own.store = f->store;
    own.mode = TSR_CREATE_OVERWRITE;
    tsr_error_clear(&f->err);
    return tsr_array_create(f->context, "a", &own, ret_array, &f->err);
}

static void options_of(tsr_array_create_options *ret_options, const tsr_dtype *dtype, int rank,
                       const int64_t *shape)
{
    tsr_array_create_options_init(ret_options);
    ret_options->dtype = dtype;
    ret_options->rank = rank;
    ret_options->shape = shape;
}

/* About a mebibyte a chunk, about 64 a shard, never more than what there is. */
static void chosen_chunks_are_about_a_mebibyte(void **state)
{
    fixture *f = *state;
    static const int64_t shapes[][3] = {{1000, 1000, 1000}, {10, 10, 10},
                                        {1, 1, INT64_MAX},  {INT64_MAX, INT64_MAX, INT64_MAX},
                                        {0, 5, 100000000},  {7, 1, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int shards = 0; shards < 2; shards++) {
            tsr_array_create_options options;
            tsr_array *array = NULL;
            options_of(&options, TSR_FLOAT32, 3, shapes[i]);
            options.shard_auto = shards;
            good(try_create(f, &options, &array), &f->err);
            const int64_t *chunk =
                tsr_array_inner_chunk_shape(array, tsr_array_shard_levels(array));
            const int64_t *outer = tsr_array_chunk_shape(array);
            int64_t chunk_bytes = 4, outer_bytes = 4;
            bool whole = true;
            for (int axis = 0; axis < 3; axis++) {
                chunk_bytes *= chunk[axis];
                outer_bytes *= outer[axis];
                whole &= chunk[axis] >= shapes[i][axis];
                assert_true(chunk[axis] >= 1);
                assert_int_equal(outer[axis] % chunk[axis], 0);
            }
            assert_true(chunk_bytes <= 1 << 20);
            assert_true(whole || chunk_bytes > 1 << 18);
            assert_true(outer_bytes <= 128 << 20);
            tsr_array_close(array);
        }
}

/* Zeros in an array whose fill value is null are values like any other. */
static void chunks_of_zeros_are_stored_where_fill_is_undefined(void **state)
{
    fixture *f = *state;
    const int64_t shape[] = {4}, chunk[] = {2};
    const uint8_t zeros[4] = {0};
    uint8_t back[4] = {1, 1, 1, 1};
    tsr_array_create_options options;
    tsr_array *array = NULL;
    options_of(&options, TSR_UINT8, 1, shape);
    options.chunk_shape = chunk;
    options.fill_undefined = true;
    assert_int_equal(try_create(f, &options, &array), TSR_INVALID_ARGUMENT); /* v3 */
    options.zarr_format = 2;
    good(try_create(f, &options, &array), &f->err);
    assert_true(tsr_array_fill_is_undefined(array));
    good(tsr_array_write(array, NULL, NULL, NULL, zeros, sizeof zeros, NULL, &f->err), &f->err);
    tsr_array_close(array);

    tsr_auto(tsr_blob) *document = NULL, *stored = NULL;
    tsr_range whole = {TSR_RANGE_WHOLE, 0, 0};
    good(tsr_store_get(f->store, "a/.zarray", whole, NULL, &document, NULL, &f->err), &f->err);
    assert_non_null(
        memmem(tsr_blob_data(document), tsr_blob_size(document), "\"fill_value\": null", 18));
    good(tsr_store_get(f->store, "a/1", whole, NULL, &stored, NULL, &f->err), &f->err);
    tsr_array_open_options opening;
    tsr_array_open_options_init(&opening);
    opening.store = f->store;
    good(tsr_array_open(f->context, "a", &opening, &array, &f->err), &f->err);
    assert_true(tsr_array_fill_is_undefined(array));
    good(tsr_array_read(array, NULL, NULL, NULL, back, sizeof back, NULL, &f->err), &f->err);
    assert_memory_equal(back, zeros, sizeof zeros);
    tsr_array_close(array);
}

static void minus_one_is_the_whole_axis(void **state)
{
    fixture *f = *state;
    const int64_t shape[] = {10, 0, 7}, chunk[] = {4, -1, -1}, shard[] = {-1, -1, 14};
    tsr_array_create_options options;
    tsr_array *array = NULL;
    options_of(&options, TSR_UINT8, 3, shape);
    options.chunk_shape = chunk;
    options.shard_shape = shard;
    good(try_create(f, &options, &array), &f->err);
    const int64_t *outer = tsr_array_chunk_shape(array),
                  *inner = tsr_array_inner_chunk_shape(array, 1);
    assert_int_equal(inner[0], 4);
    assert_int_equal(inner[1], 1);
    assert_int_equal(inner[2], 7);
    assert_int_equal(outer[0], 12); /* rounded up to whole inner chunks */
    assert_int_equal(outer[1], 1);
    assert_int_equal(outer[2], 14);
    tsr_array_close(array);
}

static void short_forms_mean_codecs(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *form;
        int zarr_format;
        const char *text[3]; /* all in the codecs */
    } rows[] = {
        {NULL, 3, {"\"zstd\"", "\"crc32c\"", "\"endian\":\"little\""}},
        {"zstd:7", 3, {"\"zstd\"", "\"level\":7", "\"crc32c\""}},
        {"gzip", 3, {"\"gzip\"", "\"level\":5", "\"crc32c\""}},
        {"blosc:zstd:3:bitshuffle", 3, {"\"cname\":\"zstd\"", "\"bitshuffle\"", "\"typesize\":4"}},
        {"blosc", 3, {"\"cname\":\"lz4\"", "\"clevel\":5", "\"shuffle\":\"shuffle\""}},
        {"none", 3, {"\"bytes\"", "", ""}},
        {"zlib:9", 2, {"\"id\":\"zlib\"", "\"level\":9", "\"filters\":null"}},
        {"lz4", 2, {"\"lz4\"", "\"acceleration\":1", "\"order\":\"C\""}},
        {"bz2:2", 2, {"\"bz2\"", "\"level\":2", ""}},
        {"lzma:3", 2, {"\"lzma\"", "\"preset\":3", ""}},
        {"lzma", 3, {"numcodecs.lzma", "\"preset\":6", "crc32c"}},
        {"blosc:lz4:1:noshuffle", 2, {"\"shuffle\":0", "\"clevel\":1", ""}},
        {"none", 2, {"\"compressor\":null", "", ""}},
    };
    static const int64_t shape = 10;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_array_create_options options;
        tsr_array *array = NULL;
        options_of(&options, TSR_INT32, 1, &shape);
        options.zarr_format = rows[i].zarr_format;
        options.codec = rows[i].form;
        good(try_create(f, &options, &array), &f->err);
        for (int j = 0; j < 3; j++)
            if (!strstr(tsr_array_codecs(array), rows[i].text[j]))
                fail_msg("%s: no %s in %s", rows[i].form, rows[i].text[j], tsr_array_codecs(array));
        tsr_array_close(array);
    }
}

static void unknown_short_forms_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const forms[] = {
        "",
        "zip",
        "zstd:",
        "zstd:x",
        "zstd:1:2",
        "zstd:1:2:3:4",
        "none:1",
        "blosc:lz4:5:upside",
        "blosc:LZ4!",
        "gzip:-",
        ":",
        "zstd,gzip",
        "zstd:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    static const int64_t shape = 10;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        for (int format = 2; format <= 3; format++) {
            tsr_array_create_options options;
            tsr_array *array = NULL;
            options_of(&options, TSR_INT32, 1, &shape);
            options.zarr_format = format;
            options.codec = forms[i];
            int status = try_create(f, &options, &array);
            if (status != TSR_INVALID_ARGUMENT)
                fail_msg("\"%s\": %s", forms[i], tsr_status_name(status));
            assert_null(array);
        }
}

static void mistakes_name_the_option(void **state)
{
    fixture *f = *state;
    static const int64_t shape[] = {10, 20}, zero[] = {0, 1}, minus[] = {5, -2}, odd[] = {4, 7},
                         chunk[] = {2, 2}, negative[] = {-1, 3}, largest[] = {INT64_MAX, INT64_MAX},
                         huge[] = {INT64_MAX, 2};
    const struct {
        tsr_array_create_options options;
        int status;
        const char *text;
    } rows[] = {
        {{.rank = 2, .shape = shape}, TSR_INVALID_ARGUMENT, "dtype"},
        {{.dtype = TSR_INT8, .rank = 2}, TSR_INVALID_ARGUMENT, "shape"},
        {{.dtype = TSR_INT8, .rank = 33, .shape = shape}, TSR_LIMIT, "33 axes"},
        {{.dtype = TSR_INT8, .rank = -1, .shape = shape}, TSR_LIMIT, "-1 axes"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = negative}, TSR_INVALID_ARGUMENT, "axis 0"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .chunk_shape = zero},
         TSR_INVALID_ARGUMENT,
         "chunk shape"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .chunk_shape = minus},
         TSR_INVALID_ARGUMENT,
         "chunk shape"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .chunk_shape = chunk, .shard_shape = odd},
         TSR_INVALID_ARGUMENT,
         "no multiple"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .chunk_shape = chunk, .shard_shape = huge},
         TSR_INVALID_ARGUMENT,
         "no multiple"},
        {{.dtype = TSR_INT64, .rank = 2, .shape = shape, .chunk_shape = largest},
         TSR_LIMIT,
         "2^63-1"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .separator = '-'},
         TSR_INVALID_ARGUMENT,
         "separator"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .codecs = "{}"}, TSR_INVALID_ARGUMENT, ""},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .codecs = "[1,"}, TSR_INVALID_ARGUMENT, ""},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .filters = "7"},
         TSR_INVALID_ARGUMENT,
         "filters"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .compressors = "[{\"name\":\"lz9\"}]"},
         TSR_UNSUPPORTED,
         "lz9"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .attributes = "[1]"},
         TSR_INVALID_ARGUMENT,
         "attributes"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .zarr_format = 4},
         TSR_INVALID_ARGUMENT,
         "zarr_format 4"},
        {{.dtype = TSR_INT8, .rank = 2, .shape = shape, .zarr_format = 2, .shard_auto = true},
         TSR_INVALID_ARGUMENT,
         "of Zarr v3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_array_create_options options = rows[i].options;
        tsr_array *array = NULL;
        options.struct_size = sizeof options;
        if (!options.zarr_format)
            options.zarr_format = 3;
        int status = try_create(f, &options, &array);
        if (status != rows[i].status || !strstr(f->err.message, rows[i].text))
            fail_msg("row %zu: %s, %s", i, tsr_status_name(status), f->err.message);
        assert_null(array);
    }
    size_t size;
    assert_null(get_bytes(f, f->store, "a/zarr.json", &size)); /* nothing was begun */
}

/* 32 axes with one element each, and as many that are cut. */
static void the_highest_rank_works(void **state)
{
    fixture *f = *state;
    int64_t shape[TSR_RANK_MAX], chunk[TSR_RANK_MAX];
    uint8_t values[64], back[64];
    tsr_array_create_options options;
    for (int axis = 0; axis < TSR_RANK_MAX; axis++) {
        shape[axis] = axis % 6 == 5 ? 2 : 1;
        shape[0] = 2;
        chunk[axis] = 1;
    }
    for (int i = 0; i < 64; i++)
        values[i] = (uint8_t)(i + 1);
    options_of(&options, TSR_UINT8, TSR_RANK_MAX, shape);
    options.chunk_shape = chunk;
    for (int shards = 0; shards < 2; shards++) {
        tsr_array *array = NULL;
        options.shard_shape = shards ? shape : NULL;
        int status = try_create(f, &options, &array);
        if (shards) { /* the index would have 33 */
            assert_int_equal(status, TSR_UNSUPPORTED);
            assert_non_null(strstr(f->err.message, "at most 31"));
            break;
        }
        good(status, &f->err);
        assert_int_equal(tsr_array_count(array), 64);
        good(tsr_array_write(array, NULL, NULL, NULL, values, 64, NULL, &f->err), &f->err);
        good(tsr_array_read(array, NULL, NULL, NULL, back, 64, NULL, &f->err), &f->err);
        assert_memory_equal(back, values, 64);
        tsr_array_close(array);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(chosen_chunks_are_about_a_mebibyte),
        FIXTURE_TEST(chunks_of_zeros_are_stored_where_fill_is_undefined),
        FIXTURE_TEST(minus_one_is_the_whole_axis),
        FIXTURE_TEST(short_forms_mean_codecs),
        FIXTURE_TEST(unknown_short_forms_are_refused),
        FIXTURE_TEST(mistakes_name_the_option),
        FIXTURE_TEST(the_highest_rank_works),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
