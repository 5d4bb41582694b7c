/* shuffle: files that numcodecs made, sizes that do not fit. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <string.h>

static codec_case v2 = {.label = "v2", .zarr_format = 2, .name = "shuffle", .unit_bytes = 4};
static codec_case eight = {.label = "8 bytes",
                           .name = "numcodecs.shuffle",
                           .configuration = "{\"elementsize\":8}",
                           .unit_bytes = 8};
static codec_case three = {.label = "3 bytes",
                           .name = "numcodecs.shuffle",
                           .configuration = "{\"elementsize\":\"3\"}",
                           .unit_bytes = 3};
static codec_case nothing = {
    .label = "0 bytes", .name = "numcodecs.shuffle", .configuration = "{\"elementsize\":0}"};

static void test_golden(void **state)
{
    (void)state;
    for (int size = 1; size <= 8; size += size < 4 ? 1 : 4) {
        char configuration[40], name[40];
        codec_case row = {.zarr_format = 2, .name = "shuffle", .configuration = configuration};
        snprintf(configuration, sizeof configuration, "{\"elementsize\":%d}", size);
        snprintf(name, sizeof name, "shuffle-%d.small", size);
        codec_fixture fixture = codec_fixture_open(&row);
        golden_expect(&fixture, name);
        codec_fixture_close(&fixture);
    }
}

static void test_planes(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v2);
    tsr_output output;

    (void)state;
    codec_encode(&fixture, "abcdABCD0123", 12, &output);
    assert_memory_equal(output.data, "aA0bB1cC2dD3", 12);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void test_other_sizes_are_refused(void **state)
{
    codec_fixture fixture = codec_fixture_open(&v2);
    tsr_output output = {.max_bytes = 100};
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_int_equal(
        fixture.ops->encode_bytes(fixture.codec, fixture.scratch, "abcde", 5, &output, &err),
        TSR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "5 bytes are not a multiple of the elements' 4"));
    codec_expect_damaged(&fixture, "abcde", 5, 5, "not a multiple");
    codec_fixture_close(&fixture);
}

/* Without a configuration: 4 in v2, the elements' size in v3, as zarr-python has it. */
static void test_default(void **state)
{
    codec_case row = {.name = "numcodecs.shuffle", .dtype = TSR_FLOAT64};
    codec_fixture v3_fixture = codec_fixture_open(&row), v2_fixture = codec_fixture_open(&v2);
    tsr_output in_v3 = codec_describe(&v3_fixture, 3), in_v2 = codec_describe(&v2_fixture, 2);

    (void)state;
    assert_string_equal(in_v3.data, "{\"elementsize\":8}");
    assert_string_equal(in_v2.data, "{\"elementsize\":4}");
    tsri_output_clear(&in_v3);
    tsri_output_clear(&in_v2);
    codec_fixture_close(&v3_fixture);
    codec_fixture_close(&v2_fixture);
    row.configuration = "{\"elementsize\":-1}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/elementsize");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_planes),
        cmocka_unit_test(test_other_sizes_are_refused),
        cmocka_unit_test(test_default),
        CODEC_SUITE_TEST(codec_test_round_trip, &v2),
        CODEC_SUITE_TEST(codec_test_capacity, &v2),
        CODEC_SUITE_TEST(codec_test_truncated, &v2),
        CODEC_SUITE_TEST(codec_test_flipped, &v2),
        CODEC_SUITE_TEST(codec_test_describe, &v2),
        CODEC_SUITE_TEST(codec_test_threads, &v2),
        CODEC_SUITE_TEST(codec_test_round_trip, &eight),
        CODEC_SUITE_TEST(codec_test_round_trip, &three),
        CODEC_SUITE_TEST(codec_test_round_trip, &nothing),
        CODEC_SUITE_TEST(codec_test_describe, &eight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
