/* Typed fields of a configuration, in the strict and in the numcodecs dialect. */
#include "codec/configuration.h"
#include "conformance/codec_suite.h"

#include <string.h>

static tsri_configuration parse(const char *name, int zarr_format, const char *text)
{
    tsr_codec_setup setup = {.name = name, .zarr_format = zarr_format, .configuration = text};
    tsri_configuration configuration = {0};
    tsr_error err = TSR_ERROR_INIT;

    if (tsri_configuration_init(&configuration, &setup, &err) < 0)
        fail_msg("%s", err.message);
    return configuration;
}

static void test_dialect(void **state)
{
    static const struct {
        const char *name;
        int zarr_format;
        bool numcodecs;
    } rows[] = {{"zstd", 3, false},
                {"numcodecs.zstd", 3, true},
                {"zstd", 2, true},
                {"numcodecszstd", 3, false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_auto(tsri_configuration) configuration = parse(rows[i].name, rows[i].zarr_format, "{}");
        assert_int_equal(configuration.numcodecs, rows[i].numcodecs);
    }
}

static void test_absent_keeps_the_default(void **state)
{
    tsr_auto(tsri_configuration) configuration = parse("x", 3, "{}");
    tsr_error err = TSR_ERROR_INIT;
    int64_t number = 42;
    bool flag = true;
    const char *text = "default";
    int choice = 9;

    (void)state;
    assert_false(tsri_configuration_has(&configuration, "a"));
    assert_int_equal(tsri_configuration_int(&configuration, "a", 0, 1, &number, &err), 0);
    assert_int_equal(tsri_configuration_bool(&configuration, "a", &flag, &err), 0);
    assert_int_equal(tsri_configuration_string(&configuration, "a", &text, &err), 0);
    assert_int_equal(
        tsri_configuration_choice(&configuration, "a", (const char *const[]){NULL}, &choice, &err),
        0);
    assert_int_equal(number, 42);
    assert_true(flag);
    assert_string_equal(text, "default");
    assert_int_equal(choice, 9);
}

static void test_values(void **state)
{
    tsr_auto(tsri_configuration) configuration =
        parse("x", 3, "{\"i\":-9223372036854775808,\"b\":true,\"s\":\"two\"}");
    static const char *const choices[] = {"one", "two", "three", NULL};
    tsr_error err = TSR_ERROR_INIT;
    int64_t number = 0;
    bool flag = false;
    const char *text = NULL;
    int choice = -1;

    (void)state;
    assert_int_equal(
        tsri_configuration_int(&configuration, "i", INT64_MIN, INT64_MAX, &number, &err), 0);
    assert_true(number == INT64_MIN);
    assert_int_equal(tsri_configuration_bool(&configuration, "b", &flag, &err), 0);
    assert_true(flag);
    assert_int_equal(tsri_configuration_string(&configuration, "s", &text, &err), 0);
    assert_string_equal(text, "two");
    assert_int_equal(tsri_configuration_choice(&configuration, "s", choices, &choice, &err), 0);
    assert_int_equal(choice, 1);
}

/* Reads `a` as an integer from 0 to 9. */
static int read_digit(const char *name, const char *text, int64_t *ret_value, tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = parse(name, 3, text);
    return tsri_configuration_int(&configuration, "a", 0, 9, ret_value, err);
}

static void expect_digit(const char *name, const char *text, int64_t expected)
{
    tsr_error err = TSR_ERROR_INIT;
    int64_t value = -1;
    if (read_digit(name, text, &value, &err) < 0)
        fail_msg("%s: %s", text, err.message);
    assert_int_equal(value, expected);
}

static void expect_no_digit(const char *name, const char *text, const char *said)
{
    tsr_error err = TSR_ERROR_INIT;
    int64_t value = -1;

    assert_int_equal(read_digit(name, text, &value, &err), TSR_BAD_METADATA);
    assert_int_equal(value, -1);
    /* Codec, field and value. */
    if (!strstr(err.message, name) || !strstr(err.message, "/configuration/a") ||
        !strstr(err.message, said))
        fail_msg("\"%s\" does not say %s", err.message, said);
}

static void test_integers(void **state)
{
    (void)state;
    expect_digit("x", "{\"a\":9}", 9);
    expect_no_digit("x", "{\"a\":10}", "10");
    expect_no_digit("x", "{\"a\":-1}", "-1");
    expect_no_digit("x", "{\"a\":18446744073709551615}", "18446744073709551615");
    expect_no_digit("x", "{\"a\":\"5\"}", "string");
    expect_no_digit("x", "{\"a\":null}", "null");
    expect_no_digit("x", "{\"a\":true}", "true");
    expect_digit("numcodecs.x", "{\"a\":9}", 9);
    expect_digit("numcodecs.x", "{\"a\":\"5\"}", 5);
    expect_digit("numcodecs.x", "{\"a\":null}", -1);
    expect_no_digit("numcodecs.x", "{\"a\":\"\"}", "\"\"");
    expect_no_digit("numcodecs.x", "{\"a\":\"5.5\"}", "5.5");
    expect_no_digit("numcodecs.x", "{\"a\":\"10\"}", "from 0 to 9");
    expect_no_digit("numcodecs.x", "{\"a\":\"99999999999999999999\"}", "from 0 to 9");
    expect_no_digit("numcodecs.x", "{\"a\":[1]}", "array");
}

/* Reads `a`, a number from -3 to 9 that only encoding goes by, whose default is 4. */
static int read_level(const char *text, tsr_error *encoder_err, int64_t *ret_value, tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = parse("x", 3, text);
    configuration.encoder_err = encoder_err;
    *ret_value = 4;
    return tsri_configuration_encoder_int(&configuration, "a", -3, 9, ret_value, err);
}

static void test_numbers_of_encoders(void **state)
{
    static const struct {
        const char *text;
        int64_t nearest;
        const char *said; /* NULL: nothing is wrong with it */
    } rows[] = {
        {"{}", 4, NULL},
        {"{\"a\":9}", 9, NULL},
        {"{\"a\":10}", 9, "10 is not in -3 .. 9"},
        {"{\"a\":-4}", -3, "-4 is not in"},
        {"{\"a\":1099511627776}", 9, "1099511627776"},
        {"{\"a\":18446744073709551615}", 9, "18446744073709551615"},
        {"{\"a\":1e300}", 9, "must be an integer"},
        {"{\"a\":-1e300}", -3, "must be an integer"},
        {"{\"a\":5.0}", 5, "must be an integer"},
        {"{\"a\":5.5}", 5, "must be an integer"},
        {"{\"a\":\"7\"}", 7, "must be an integer"},
        {"{\"a\":\"fast\"}", 4, "must be an integer"},
        {"{\"a\":true}", 1, "must be an integer"},
        {"{\"a\":null}", 4, "must be an integer"},
        {"{\"a\":[1]}", 4, "must be an integer"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tsr_error err = TSR_ERROR_INIT, told = TSR_ERROR_INIT;
        int64_t value;
        /* With somewhere to tell it, it is told and the nearest value taken. */
        assert_int_equal(read_level(rows[i].text, &told, &value, &err), 0);
        assert_int_equal(err.status, 0);
        if (value != rows[i].nearest || told.status != (rows[i].said ? TSR_BAD_METADATA : 0) ||
            (rows[i].said && !strstr(told.message, rows[i].said)))
            fail_msg("%s: %lld, %s", rows[i].text, (long long)value, told.message);
        /* With nowhere to, it is an error like any other. */
        if (read_level(rows[i].text, NULL, &value, &err) != told.status ||
            strcmp(err.message, told.message) != 0)
            fail_msg("%s: \"%s\" and \"%s\"", rows[i].text, err.message, told.message);
    }
}

static void test_the_first_refusal_of_an_encoder_counts(void **state)
{
    tsr_error told = TSR_ERROR_INIT, err = TSR_ERROR_INIT;
    tsr_auto(tsri_configuration) configuration = parse("x", 3, "{\"a\":10,\"b\":11}");
    int64_t value = 0;

    (void)state;
    assert_int_equal(tsri_configuration_refuse_encoding(&configuration, &err, "no %d", 1),
                     TSR_BAD_METADATA);
    assert_string_equal(err.message, "x: no 1");
    configuration.encoder_err = &told;
    assert_int_equal(tsri_configuration_encoder_int(&configuration, "a", 0, 9, &value, &err), 0);
    assert_int_equal(tsri_configuration_encoder_int(&configuration, "b", 0, 9, &value, &err), 0);
    assert_int_equal(tsri_configuration_refuse_encoding(&configuration, &err, "no %d", 2), 0);
    assert_non_null(strstr(told.message, "/configuration/a"));
    tsr_error_clear(&told);
    assert_int_equal(tsri_configuration_refuse_encoding(&configuration, &err, "no %d", 3), 0);
    assert_string_equal(told.message, "x: no 3");
}

static void test_refusals(void **state)
{
    tsr_auto(tsri_configuration) configuration = parse("x", 3, "{\"a\":1,\"b\":\"no\"}");
    tsr_error err = TSR_ERROR_INIT;
    const char *text = "untouched";
    bool flag = true;
    int choice = -1;

    (void)state;
    assert_int_equal(tsri_configuration_string(&configuration, "a", &text, &err), TSR_BAD_METADATA);
    assert_string_equal(text, "untouched");
    assert_int_equal(tsri_configuration_bool(&configuration, "b", &flag, &err), TSR_BAD_METADATA);
    assert_true(flag);
    assert_int_equal(tsri_configuration_choice(&configuration, "b",
                                               (const char *const[]){"yes", "maybe", NULL}, &choice,
                                               &err),
                     TSR_BAD_METADATA);
    assert_string_equal(err.message, "x: /configuration/b: \"no\" is none of \"yes\", \"maybe\"");
    assert_int_equal(choice, -1);
    assert_int_equal(tsri_configuration_missing(&configuration, "c", "a number", &err),
                     TSR_BAD_METADATA);
    assert_string_equal(err.message, "x: /configuration/c is missing: a number");
}

static void test_unknown_fields(void **state)
{
    static const char *const known[] = {"a", NULL};
    const char *text = "{\"a\":1,\"z\":2}";
    tsr_auto(tsri_configuration) strict = parse("x", 3, text);
    tsr_auto(tsri_configuration) tolerant = parse("x", 2, text);
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_int_equal(tsri_configuration_only(&strict, known, &err), TSR_BAD_METADATA);
    assert_non_null(strstr(err.message, "/configuration/z"));
    assert_int_equal(tsri_configuration_only(&tolerant, known, &err), 0);
}

static void test_not_an_object(void **state)
{
    static const char *const texts[] = {"",    "[1]", "null", "3", "{\"a\":}", "{\"a\":1,\"a\":2}",
                                        "{} x"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        tsr_codec_setup setup = {.name = "name", .zarr_format = 3, .configuration = texts[i]};
        tsri_configuration configuration = {0};
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_configuration_init(&configuration, &setup, &err), TSR_BAD_METADATA);
        assert_ptr_equal(strstr(err.message, "name: "), err.message);
        assert_null(configuration.json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialect),
        cmocka_unit_test(test_absent_keeps_the_default),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_not_an_object),
        cmocka_unit_test(test_numbers_of_encoders),
        cmocka_unit_test(test_the_first_refusal_of_an_encoder_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
