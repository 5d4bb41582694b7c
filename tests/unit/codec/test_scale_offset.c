/* scale_offset: the registry's arithmetic in each family of types, and what has no place. */
#include "conformance/codec_elements.h"

static codec_case row_of(const tsr_dtype *dtype, const char *configuration)
{
    return (codec_case){
        .name = "scale_offset", .configuration = configuration, .dtype = dtype, .rank = 1};
}

static void test_floats(void **state)
{
    codec_case row = row_of(TSR_FLOAT32, "{\"offset\":5,\"scale\":0.1}");

    (void)state;
    /* The example of the registry; 0.1 is rounded to float32 before it is used. */
    codec_expect_elements(&row, "5.0 15.0 -5.0 \"NaN\" \"Infinity\" \"-Infinity\"",
                          "0.0 1.0 -1.0 \"NaN\" \"Infinity\" \"-Infinity\"", NULL);
    /* Every operation is rounded to the type: 0.3 of halves less 0.1 of halves. */
    row = row_of(TSR_FLOAT16, "{\"offset\":0.1,\"scale\":3.0}");
    codec_expect_elements(&row, "0.3", "0.6", "0.3");
    row = row_of(TSR_FLOAT64, "{\"scale\":2.0}");
    codec_expect_elements(&row, "0.1 -0.0", "0.2 -0.0", NULL);
    row = row_of(TSR_FLOAT64, "{\"offset\":-1.5}");
    codec_expect_elements(&row, "0.5 -1.5", "2.0 0.0", NULL);
    row = row_of(TSR_FLOAT64, "{}");
    codec_expect_elements(&row, "0.5 -1.5", "0.5 -1.5", NULL);
}

static void test_integers(void **state)
{
    codec_case row = row_of(TSR_INT16, "{\"offset\":-7,\"scale\":3}");

    (void)state;
    codec_expect_elements(&row, "-7 0 1 1000", "0 21 24 3021", NULL);
    row = row_of(TSR_UINT64, "{\"offset\":18446744073709551610,\"scale\":3}");
    row.fill_value = &(uint64_t){UINT64_MAX};
    codec_expect_elements(&row, "18446744073709551615 18446744073709551610", "15 0", NULL);
    row = row_of(TSR_INT64, "{\"scale\":-1}");
    codec_expect_elements(&row, "9223372036854775807", "-9223372036854775807", NULL);
}

static void test_no_place(void **state)
{
    codec_case row = row_of(TSR_UINT8, "{\"offset\":5,\"scale\":2}");

    (void)state;
    row.fill_value = &(uint8_t){5};
    codec_expect_element_refused(&row, true, "7 4", TSR_OUT_OF_BOUNDS, "what becomes of 4");
    codec_expect_element_refused(&row, true, "132 133", TSR_OUT_OF_BOUNDS, "what becomes of 133");
    codec_expect_element_refused(&row, false, "4 3", TSR_DAMAGED, "what becomes of 3");
    row = row_of(TSR_INT64, "{\"scale\":-1}");
    codec_expect_element_refused(&row, true, "-9223372036854775808", TSR_OUT_OF_BOUNDS, "int64");
    row = row_of(TSR_FLOAT32, "{\"scale\":1e30}");
    codec_expect_element_refused(&row, true, "1.0 1e10", TSR_OUT_OF_BOUNDS, "10000000000.0");
    row = row_of(TSR_FLOAT32, "{\"scale\":1e-30}");
    codec_expect_element_refused(&row, false, "1e10", TSR_DAMAGED, "10000000000.0");
}

static void test_fill_value(void **state)
{
    codec_case row = row_of(TSR_INT16, "{\"offset\":-7,\"scale\":3}");

    (void)state;
    codec_expect_fill_value(&row, "3", 0, "30");
    codec_expect_fill_value(&row, "32767", TSR_BAD_METADATA, "the fill value cannot be scaled");
    row = row_of(TSR_FLOAT32, "{\"scale\":3}");
    codec_expect_fill_value(&row, "\"NaN\"", 0, "\"NaN\"");
}

static void test_refusals(void **state)
{
    codec_case row = row_of(TSR_FLOAT32, "{\"scale\":0}");

    (void)state;
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/scale: must not be 0");
    row = row_of(TSR_UINT8, "{\"offset\":-1}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/offset: -1 is no uint8");
    row = row_of(TSR_UINT8, "{\"offset\":1.5}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "1.5 is no uint8");
    row = row_of(TSR_BOOL, "{}");
    codec_expect_refusal(&row, TSR_UNSUPPORTED, "bool");
    row = row_of(TSR_UINT8, "{\"shift\":1}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "shift");
}

static codec_case described = {.label = "all fields",
                               .name = "scale_offset",
                               .configuration = "{\"offset\":-0.0,\"scale\":0.1}",
                               .dtype = TSR_FLOAT64,
                               .rank = 1};
static codec_case identity = {
    .label = "nothing", .name = "scale_offset", .dtype = TSR_INT32, .rank = 3};

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_floats),      cmocka_unit_test(test_integers),
        cmocka_unit_test(test_no_place),    cmocka_unit_test(test_fill_value),
        cmocka_unit_test(test_refusals),    CODEC_SUITE_TEST(codec_test_describe, &described),
        CODEC_SUITE_ARRAY_TESTS(&identity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
