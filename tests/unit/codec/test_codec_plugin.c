/* The example of a codec plug-in keeps all promises of a codec. */
#include <string.h>

#include "base/output.h"
#include "conformance/codec_golden.h"

int example_main(int argc, char **argv);
#define main example_main
#include "../../../examples/codec_plugin.c"
#undef main

static codec_case by_unit = {
    .label = "unit 4", .ops = &runs_ops, .name = "example.runs", .configuration = "{\"unit\":4}"};
static codec_case by_type = {
    .label = "unit of the type", .ops = &runs_ops, .name = "example.runs", .dtype = TSR_INT16};

static void test_bytes(void **state)
{
    codec_fixture fixture = codec_fixture_open(&by_type);
    tsr_output output;

    (void)state;
    codec_encode(&fixture, "abababcdx", 9, &output);
    assert_int_equal(output.size_bytes, 7);
    assert_memory_equal(output.data,
                        "\x03"
                        "ab"
                        "\x01"
                        "cd"
                        "x",
                        7);
    tsri_output_clear(&output);
    codec_expect_damaged(&fixture,
                         "\x00"
                         "ab",
                         3, 10, "a run of 0");
    codec_expect_damaged(&fixture,
                         "\x05"
                         "ab",
                         3, 9, "a run of 5 where 9 bytes are left");
    codec_expect_damaged(&fixture,
                         "\x05"
                         "a",
                         2, 9, "cut off");
    codec_fixture_close(&fixture);
}

static void test_configurations(void **state)
{
    tsr_codec_setup setup = {.name = "example.runs",
                             .configuration = "{\"unit\":0}",
                             .zarr_format = 3,
                             .input = {TSR_UINT8, 1, ""}};
    tsr_codec_type output = setup.input;
    tsr_error err = TSR_ERROR_INIT;
    void *codec = NULL;

    (void)state;
    assert_int_equal(runs_open(&setup, &codec, &output, &err), TSR_BAD_METADATA);
    assert_non_null(strstr(err.message, "/configuration/unit"));
    setup.configuration = "{\"size\":4}";
    assert_int_equal(runs_open(&setup, &codec, &output, &err), TSR_BAD_METADATA);
    assert_non_null(strstr(err.message, "size"));
    assert_null(codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_configurations),
        CODEC_SUITE_TESTS(&by_unit),
        CODEC_SUITE_TEST(codec_test_round_trip, &by_type),
        CODEC_SUITE_TEST(codec_test_describe, &by_type),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
