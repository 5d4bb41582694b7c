/* cast_value: every rule of the registry's text. */
#include "conformance/codec_elements.h"

static codec_case row_of(const tsr_dtype *dtype, const char *configuration)
{
    return (codec_case){
        .name = "cast_value", .configuration = configuration, .dtype = dtype, .rank = 1};
}

static void test_rounding(void **state)
{
    static const struct {
        const char *mode, *encoded, *again;
    } modes[] = {
        {"nearest-even", "0 2 2 -2 2 3 -3", "0.0 2.0 2.0 -2.0 2.0 3.0 -3.0"},
        {"towards-zero", "0 1 2 -1 2 2 -2", "0.0 1.0 2.0 -1.0 2.0 2.0 -2.0"},
        {"towards-positive", "1 2 3 -1 3 3 -2", "1.0 2.0 3.0 -1.0 3.0 3.0 -2.0"},
        {"towards-negative", "0 1 2 -2 2 2 -3", "0.0 1.0 2.0 -2.0 2.0 2.0 -3.0"},
        {"nearest-away", "1 2 3 -2 2 3 -3", "1.0 2.0 3.0 -2.0 2.0 3.0 -3.0"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        char configuration[100];
        snprintf(configuration, sizeof configuration,
                 "{\"data_type\":\"int16\",\"rounding\":\"%s\"}", modes[i].mode);
        codec_case row = row_of(TSR_FLOAT32, configuration);
        codec_expect_elements(&row, "0.5 1.5 2.5 -1.5 2.25 2.75 -2.75", modes[i].encoded,
                              modes[i].again);
    }
}

static void test_exact(void **state)
{
    codec_case row = row_of(TSR_INT64, "{\"data_type\":\"uint8\"}");

    (void)state;
    codec_expect_elements(&row, "0 255", "0 255", NULL);
    row = row_of(TSR_FLOAT64, "{\"data_type\":\"float32\"}");
    codec_expect_elements(&row, "-0.0 0.1 \"NaN\" \"-Infinity\"", "-0.0 0.1 \"NaN\" \"-Infinity\"",
                          "-0.0 0.10000000149011612 \"NaN\" \"-Infinity\"");
    row = row_of(TSR_UINT64, "{\"data_type\":\"float64\"}");
    codec_expect_elements(&row, "9007199254740993", "9007199254740992.0", "9007199254740992");
    row = row_of(TSR_FLOAT64, "{\"data_type\":\"uint64\"}");
    codec_expect_elements(&row, "18446744073709549568.0", "18446744073709549568",
                          "1.844674407370955e+19");
}

static void test_error(void **state)
{
    codec_case row = row_of(TSR_FLOAT64, "{\"data_type\":\"uint8\"}");

    (void)state;
    codec_expect_element_refused(&row, true, "1.0 255.4", 0, "");
    codec_expect_element_refused(&row, true, "1.0 255.5", TSR_OUT_OF_BOUNDS,
                                 "the float64 255.5 does not fit into uint8");
    codec_expect_element_refused(&row, true, "-0.51", TSR_OUT_OF_BOUNDS, "-0.51");
    codec_expect_element_refused(&row, true, "\"NaN\"", TSR_OUT_OF_BOUNDS, "NaN");
    codec_expect_element_refused(&row, true, "\"Infinity\"", TSR_OUT_OF_BOUNDS, "Infinity");
    row = row_of(TSR_FLOAT64, "{\"data_type\":\"float32\"}");
    codec_expect_element_refused(&row, true, "1e39", TSR_OUT_OF_BOUNDS, "float32");
    row = row_of(TSR_INT32, "{\"data_type\":\"float16\",\"out_of_range\":\"error\"}");
    codec_expect_element_refused(&row, true, "65520", TSR_OUT_OF_BOUNDS, "float16");
    /* The way back has the same rules. */
    row = row_of(TSR_UINT8, "{\"data_type\":\"int32\"}");
    codec_expect_element_refused(&row, false, "255 256", TSR_DAMAGED, "256");
}

static void test_clamp(void **state)
{
    codec_case row = row_of(TSR_FLOAT64, "{\"data_type\":\"int8\",\"out_of_range\":\"clamp\"}");

    (void)state;
    codec_expect_elements(&row, "127.4 127.5 1e300 -1e300 \"Infinity\" \"-Infinity\"",
                          "127 127 127 -128 127 -128", "127.0 127.0 127.0 -128.0 127.0 -128.0");
    codec_expect_element_refused(&row, true, "\"NaN\"", TSR_OUT_OF_BOUNDS, "NaN");
    row = row_of(TSR_FLOAT64, "{\"data_type\":\"float32\",\"out_of_range\":\"clamp\"}");
    codec_expect_elements(&row, "1e39 -1e39", "\"Infinity\" \"-Infinity\"",
                          "\"Infinity\" \"-Infinity\"");
    row = row_of(TSR_INT64, "{\"data_type\":\"uint16\",\"out_of_range\":\"clamp\"}");
    codec_expect_elements(&row, "-1 65536", "0 65535", "0 65535");
}

static void test_wrap(void **state)
{
    codec_case row = row_of(TSR_INT32, "{\"data_type\":\"int8\",\"out_of_range\":\"wrap\"}");

    (void)state;
    codec_expect_elements(&row, "128 -129 256 300", "-128 127 0 44", "-128 127 0 44");
    row = row_of(TSR_FLOAT64, "{\"data_type\":\"uint8\",\"out_of_range\":\"wrap\"}");
    codec_expect_elements(&row, "-1.0 256.5 1e300 18446744073709551616.0", "255 0 0 0",
                          "255.0 0.0 0.0 0.0");
    codec_expect_element_refused(&row, true, "\"Infinity\"", TSR_OUT_OF_BOUNDS, "Infinity");
    row = row_of(TSR_INT32, "{\"data_type\":\"float32\",\"out_of_range\":\"wrap\"}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "\"wrap\" is for integers");
}

static void test_scalar_map(void **state)
{
    codec_case row =
        row_of(TSR_FLOAT32, "{\"data_type\":\"uint8\",\"scalar_map\":{\"encode\":[[\"NaN\",255],"
                            "[300,254],[300,1]],\"decode\":[[255,\"NaN\"],[254,300]]}}");

    (void)state;
    codec_expect_elements(&row, "\"NaN\" 300.0 7.0", "255 254 7", NULL);
    codec_expect_element_refused(&row, true, "301.0", TSR_OUT_OF_BOUNDS, "301");
    codec_expect_fill_value(&row, "\"NaN\"", 0, "255");
    row = row_of(TSR_INT16, "{\"data_type\":\"uint8\",\"scalar_map\":{\"encode\":[[-1,256]]}}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "scalar_map/encode/0: 256 is no uint8");
    row = row_of(TSR_INT16, "{\"data_type\":\"uint8\",\"scalar_map\":{\"encode\":[[1]]}}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "a list of two");
    row = row_of(TSR_INT16, "{\"data_type\":\"uint8\",\"scalar_map\":{\"other\":[]}}");
    codec_expect_refusal(&row, TSR_BAD_METADATA, "other");
}

static void test_fill_value(void **state)
{
    codec_case row = row_of(TSR_FLOAT64, "{\"data_type\":\"uint8\",\"out_of_range\":\"clamp\"}");

    (void)state;
    codec_expect_fill_value(&row, "7.0", 0, "7");
    codec_expect_fill_value(&row, "-1.0", TSR_BAD_METADATA, "-1.0 does not survive the cast");
    codec_expect_fill_value(&row, "0.5", TSR_BAD_METADATA, "0.5 does not survive");
    codec_expect_fill_value(&row, "\"NaN\"", TSR_BAD_METADATA, "NaN");
    row = row_of(TSR_FLOAT64, "{\"data_type\":\"float32\"}");
    codec_expect_fill_value(&row, "\"NaN\"", 0, "\"NaN\"");
    codec_expect_fill_value(&row, "0.1", TSR_BAD_METADATA, "0.1 does not survive");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *configuration;
        int status;
        const char *text;
    } rows[] = {
        {"{}", TSR_BAD_METADATA, "/configuration/data_type is missing"},
        {"{\"data_type\":\"nothing\"}", TSR_UNSUPPORTED, "\"nothing\""},
        {"{\"data_type\":\"complex64\"}", TSR_UNSUPPORTED, "integers or floats"},
        {"{\"data_type\":\"<i4\"}", TSR_BAD_METADATA,
         "/configuration/data_type: \"<i4\" is no name of an extension"},
        {"{\"data_type\":\"float9\"}", TSR_UNSUPPORTED,
         "/configuration/data_type: the data type \"float9\" is not supported"},
        {"{\"data_type\":{\"name\":\"numpy.datetime64\",\"configuration\":{\"unit\":\"s\"}}}",
         TSR_BAD_METADATA, "/configuration/data_type/configuration/scale_factor"},
        {"{\"data_type\":8}", TSR_BAD_METADATA, "/configuration/data_type"},
        {"{\"data_type\":\"int8\",\"rounding\":\"up\"}", TSR_BAD_METADATA, "\"up\" is none of"},
        {"{\"data_type\":\"int8\",\"out_of_range\":\"cut\"}", TSR_BAD_METADATA, "\"cut\""},
        {"{\"data_type\":\"int8\",\"more\":1}", TSR_BAD_METADATA, "more"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_case row = row_of(TSR_INT32, rows[i].configuration);
        codec_expect_refusal(&row, rows[i].status, rows[i].text);
    }
}

/* The range of a type is that of the bits that count, not that of its byte. */
static void test_narrow(void **state)
{
    codec_case row = row_of(TSR_INT32, "{\"data_type\":\"int4\",\"out_of_range\":\"clamp\"}");

    (void)state;
    codec_expect_elements(&row, "7 8 -8 -9 100", "7 7 -8 -8 7", "7 7 -8 -8 7");
    row = row_of(TSR_FLOAT32, "{\"data_type\":\"uint2\",\"out_of_range\":\"wrap\"}");
    codec_expect_elements(&row, "3.0 4.0 -1.0", "3 0 3", "3.0 0.0 3.0");
    row = row_of(TSR_INT32, "{\"data_type\":{\"name\":\"int2\"}}"); /* an object is a type too */
    codec_expect_element_refused(&row, true, "1 -2", 0, "");
    codec_expect_element_refused(&row, true, "2", TSR_OUT_OF_BOUNDS,
                                 "the int32 2 does not fit into int2");
    row = row_of(TSR_FLOAT32, "{\"data_type\":\"float8_e4m3fn\"}");
    codec_expect_elements(&row, "448.0 0.3", "450.0 0.3", "448.0 0.3125");
    codec_expect_element_refused(&row, true, "500.0", TSR_OUT_OF_BOUNDS, "500.0");
    codec_expect_element_refused(&row, true, "\"Infinity\"", TSR_OUT_OF_BOUNDS, "Infinity");
}

static codec_case wider = {.label = "wider",
                           .name = "cast_value",
                           .configuration = "{\"data_type\":\"int64\"}",
                           .dtype = TSR_UINT32,
                           .rank = 3};
static codec_case mapped = {.label = "map",
                            .name = "cast_value",
                            .configuration =
                                "{\"data_type\":\"int8\",\"rounding\":\"nearest-away\","
                                "\"out_of_range\":\"clamp\","
                                "\"scalar_map\":{\"encode\":[[300,1]],\"decode\":[[1,300]]}}",
                            .dtype = TSR_INT32,
                            .rank = 1};

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_clamp),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_scalar_map),
        cmocka_unit_test(test_fill_value),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_narrow),
        CODEC_SUITE_ARRAY_TESTS(&wider),
        CODEC_SUITE_TEST(codec_test_describe, &mapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
