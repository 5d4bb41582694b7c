/* zfp: lossless and lossy modes, streams that zfpy wrote, cut off and damaged input. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "conformance/codec_golden.h"

#define REVERSIBLE "{\"mode\":\"reversible\"}"

static codec_case row_of(const tsr_dtype *dtype, int rank, const char *configuration)
{
    return (codec_case){
        .name = "zfp", .configuration = configuration, .dtype = dtype, .rank = rank, .slow = true};
}

static codec_case lossless[] = {
    {.label = "float32", .name = "zfp", .configuration = REVERSIBLE, .rank = 2},
    {.label = "float64", .name = "zfp", .configuration = REVERSIBLE, .rank = 3},
    {.label = "int32", .name = "zfp", .configuration = REVERSIBLE, .rank = 4},
    {.label = "int64", .name = "zfp", .configuration = REVERSIBLE, .rank = 1},
    {.label = "int8", .name = "zfp", .configuration = REVERSIBLE, .rank = 2},
    {.label = "uint16", .name = "zfp", .configuration = REVERSIBLE, .rank = 2},
    {.label = "zfpy", .zarr_format = 2, .name = "zfpy", .rank = 2},
};

/* Types are not constants that an initialiser takes, so they are put in here. */
static void set_types(void)
{
    const tsr_dtype *const dtypes[] = {TSR_FLOAT32, TSR_FLOAT64, TSR_INT32,  TSR_INT64,
                                       TSR_INT8,    TSR_UINT16,  TSR_FLOAT64};
    for (size_t i = 0; i < sizeof lossless / sizeof *lossless; i++)
        lossless[i].dtype = dtypes[i];
}

enum { SIDE = 9, COUNT = SIDE * SIDE * SIDE };

static void smooth(double values[COUNT])
{
    for (int i = 0; i < COUNT; i++)
        values[i] = 100 * sin(i % SIDE / 4.0) + i / SIDE % SIDE - i / 81.0;
}

/* Encodes and decodes a cube; returns the largest error and the size. */
static double error_of(const char *configuration, size_t *ret_size_bytes)
{
    codec_case row = row_of(TSR_FLOAT64, 3, configuration);
    codec_fixture fixture = codec_fixture_open(&row);
    double values[COUNT], decoded[COUNT], largest = 0;
    const int64_t shape[3] = {SIDE, SIDE, SIDE};
    tsr_output output = {.max_bytes = 1 << 20};
    tsr_error err = TSR_ERROR_INIT;
    tsr_view view;

    smooth(values);
    assert_return_code(tsr_view_init(&view, TSR_FLOAT64, 3, shape, values, NULL), 0);
    if (fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err) < 0)
        fail_msg("%s", err.message);
    assert_true(output.size_bytes <=
                fixture.ops->array_bound(fixture.codec, TSR_FLOAT64, 3, shape).size_bytes);
    view.data = (char *)decoded;
    if (fixture.ops->decode_array(fixture.codec, NULL, output.data, output.size_bytes, &view,
                                  &err) < 0)
        fail_msg("%s", err.message);
    for (int i = 0; i < COUNT; i++)
        largest = fmax(largest, fabs(values[i] - decoded[i]));
    *ret_size_bytes = output.size_bytes;
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
    return largest;
}

static void test_modes(void **state)
{
    size_t exact, coarse, fine, size;

    (void)state;
    assert_true(error_of(REVERSIBLE, &exact) == 0);
    assert_true(error_of("{\"mode\":\"fixed_accuracy\",\"tolerance\":0.5}", &coarse) <= 0.5);
    double small = error_of("{\"mode\":\"fixed_accuracy\",\"tolerance\":0.001}", &fine);
    assert_true(small > 0 && small <= 0.001 && coarse < fine && fine < exact);
    /* 27 blocks of 64 values at 8 bits each. */
    error_of("{\"mode\":\"fixed_rate\",\"rate\":8}", &size);
    assert_int_equal(size, 27 * 64);
    assert_true(error_of("{\"mode\":\"fixed_precision\",\"precision\":40}", &size) < 1e-5);
    assert_true(error_of("{\"mode\":\"expert\",\"minbits\":1,\"maxbits\":16658,\"maxprec\":64,"
                         "\"minexp\":-1074}",
                         &size) < 1e-9);
}

/* Written by zfpy 1.0.1: tests/golden/codec/generate_zfp.py. */
static void test_zfpy_wrote_it(void **state)
{
    static const struct {
        const char *file, *configuration;
        double tolerance;
    } files[] = {{"zfpy-accuracy.cube", "{\"mode\":4,\"tolerance\":0.01}", 0.01},
                 {"zfpy-rate.cube", "{\"mode\":2,\"rate\":24}", 0.01},
                 {"zfpy-precision.cube", "{\"mode\":3,\"precision\":32}", 0.01},
                 {"zfpy-reversible.cube", "{\"mode\":4,\"tolerance\":-1}", 0}};
    const int64_t shape[3] = {SIDE, SIDE, SIDE};
    double values[COUNT], decoded[COUNT];
    tsr_view view;

    (void)state;
    smooth(values);
    assert_return_code(tsr_view_init(&view, TSR_FLOAT64, 3, shape, decoded, NULL), 0);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        codec_case row = {.zarr_format = 2,
                          .name = "zfpy",
                          .configuration = files[i].configuration,
                          .dtype = TSR_FLOAT64,
                          .rank = 3};
        codec_fixture fixture = codec_fixture_open(&row);
        size_t size_bytes;
        char *bytes = golden_read(files[i].file, &size_bytes);
        tsr_error err = TSR_ERROR_INIT;
        if (fixture.ops->decode_array(fixture.codec, NULL, bytes, size_bytes, &view, &err) < 0)
            fail_msg("%s: %s", files[i].file, err.message);
        for (int j = 0; j < COUNT; j++)
            assert_true(fabs(decoded[j] - values[j]) <= files[i].tolerance);
        /* And ours is the same, byte for byte. */
        tsr_output output = {.max_bytes = 1 << 20};
        view.data = (char *)values;
        assert_return_code(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err), 0);
        assert_int_equal(output.size_bytes, size_bytes);
        assert_memory_equal(output.data, bytes, size_bytes);
        view.data = (char *)decoded;
        tsri_output_clear(&output);
        free(bytes);
        codec_fixture_close(&fixture);
    }
}

/* Any bytes: an answer or damage, and nothing else. */
static void test_garbage(void **state)
{
    static const char *const configurations[] = {
        REVERSIBLE, "{\"mode\":\"fixed_accuracy\",\"tolerance\":0.01}",
        "{\"mode\":\"fixed_precision\",\"precision\":20}", "{\"mode\":\"fixed_rate\",\"rate\":4}"};
    double values[COUNT], decoded[COUNT];
    uint64_t random = 11;
    tsr_view view;
    const int64_t shape[3] = {SIDE, SIDE, SIDE};

    (void)state;
    smooth(values);
    for (int round = 0; round < 400; round++) {
        bool is_zfpy = round % 5 == 4;
        codec_case row = row_of(TSR_FLOAT64, 3, configurations[round % 4]);
        if (is_zfpy)
            row = (codec_case){.zarr_format = 2, .name = "zfpy", .dtype = TSR_FLOAT64, .rank = 3};
        codec_fixture fixture = codec_fixture_open(&row);
        tsr_output output = {.max_bytes = 1 << 20};
        tsr_error err = TSR_ERROR_INIT;
        assert_return_code(tsr_view_init(&view, TSR_FLOAT64, 3, shape, values, NULL), 0);
        assert_return_code(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err), 0);
        for (int i = 0; i < 1 + round % 40; i++) {
            size_t at = codec_random(&random) % (round % 3 ? output.size_bytes : 20);
            output.data[at] = (char)codec_random(&random);
        }
        size_t kept = round % 7 ? output.size_bytes : codec_random(&random) % output.size_bytes;
        view.data = (char *)decoded;
        int status = fixture.ops->decode_array(fixture.codec, NULL, output.data, kept, &view, &err);
        assert_true(status == 0 || status == TSR_DAMAGED);
        tsri_output_clear(&output);
        codec_fixture_close(&fixture);
    }
}

/* All but the bytes that fill up the last word must be there, and nothing behind them. */
static void test_sizes(void **state)
{
    codec_case row = row_of(TSR_FLOAT64, 3, REVERSIBLE);
    codec_fixture fixture = codec_fixture_open(&row);
    double values[COUNT], decoded[COUNT];
    tsr_output output = {.max_bytes = 1 << 20};
    tsr_error err = TSR_ERROR_INIT;
    tsr_view view;

    (void)state;
    smooth(values);
    assert_return_code(
        tsr_view_init(&view, TSR_FLOAT64, 3, (int64_t[]){SIDE, SIDE, SIDE}, values, NULL), 0);
    assert_return_code(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err), 0);
    assert_int_equal(output.size_bytes % 8, 0);
    assert_return_code(tsr_output_append(&output, "12345678", 8, &err), 0);
    view.data = (char *)decoded;
    for (size_t kept = 0; kept <= output.size_bytes; kept++) {
        int status = fixture.ops->decode_array(fixture.codec, NULL, output.data, kept, &view, &err);
        if (kept + 16 <= output.size_bytes || kept > output.size_bytes - 8)
            assert_int_equal(status, TSR_DAMAGED);
        else
            assert_true(status == TSR_DAMAGED || memcmp(decoded, values, sizeof values) == 0);
    }
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void test_unsigned_upper_half(void **state)
{
    codec_case row = row_of(TSR_UINT32, 1, REVERSIBLE);
    codec_fixture fixture = codec_fixture_open(&row);
    uint32_t values[2] = {INT32_MAX, 5};
    tsr_output output = {.max_bytes = 1000};
    tsr_error err = TSR_ERROR_INIT;
    tsr_view view;

    (void)state;
    assert_return_code(tsr_view_init(&view, TSR_UINT32, 1, (int64_t[]){2}, values, NULL), 0);
    assert_return_code(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err), 0);
    values[1] = (uint32_t)INT32_MAX + 1;
    assert_int_equal(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err),
                     TSR_OUT_OF_BOUNDS);
    assert_non_null(strstr(err.message, "upper half"));
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void test_refusals(void **state)
{
    codec_case row = row_of(TSR_FLOAT64, 1, "{}");

    (void)state;
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/mode is missing");
    row = row_of(TSR_FLOAT64, 1, "{\"mode\":\"exact\"}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"exact\" is none of");
    row = row_of(TSR_FLOAT64, 1, "{\"mode\":\"fixed_rate\"}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/rate is missing");
    row = row_of(TSR_FLOAT64, 1, "{\"mode\":\"fixed_accuracy\",\"tolerance\":-1}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "must be 0 or more");
    row = row_of(TSR_FLOAT64, 5, REVERSIBLE);
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "5 axes; zfp has at most 4");
    row = row_of(TSR_COMPLEX64, 1, REVERSIBLE);
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "complex64");
    row = (codec_case){.zarr_format = 2, .name = "zfpy", .dtype = TSR_INT16, .rank = 1};
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "int16");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_zfpy_wrote_it),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_unsigned_upper_half),
        cmocka_unit_test(test_refusals),
        CODEC_SUITE_TEST(codec_test_array_round_trip, &lossless[0]),
        CODEC_SUITE_TEST(codec_test_describe, &lossless[0]),
        CODEC_SUITE_TEST(codec_test_array_round_trip, &lossless[1]),
        CODEC_SUITE_TEST(codec_test_describe, &lossless[1]),
        CODEC_SUITE_TEST(codec_test_array_round_trip, &lossless[2]),
        CODEC_SUITE_TEST(codec_test_describe, &lossless[2]),
        CODEC_SUITE_TEST(codec_test_array_round_trip, &lossless[3]),
        CODEC_SUITE_TEST(codec_test_describe, &lossless[3]),
        CODEC_SUITE_TEST(codec_test_array_round_trip, &lossless[4]),
        CODEC_SUITE_TEST(codec_test_describe, &lossless[4]),
        CODEC_SUITE_TEST(codec_test_array_round_trip, &lossless[5]),
        CODEC_SUITE_TEST(codec_test_describe, &lossless[5]),
        CODEC_SUITE_TEST(codec_test_array_round_trip, &lossless[6]),
        CODEC_SUITE_TEST(codec_test_describe, &lossless[6]),
    };
    set_types();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
