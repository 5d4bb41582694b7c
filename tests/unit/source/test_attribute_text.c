/* Texts and numbers of attributes as JSON. */
#include "source_testing.h"

#include <math.h>

#include "base/output.h"
#include "source/attribute_text.h"

static void expect_text(const char *bytes, size_t size_bytes, const char *wanted)
{
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsri_attribute_text(bytes, size_bytes, &output, NULL), 0);
    assert_int_equal(output.size_bytes, strlen(wanted));
    assert_memory_equal(output.data, wanted, strlen(wanted));
}

static void test_text(void **state)
{
    (void)state;
    expect_text("", 0, "\"\"");
    expect_text("caf\xc3\xa9", 5, "\"caf\xc3\xa9\"");
    /* Latin-1: 0xe9 and 0xb0 are U+00E9 and U+00B0. */
    expect_text("caf\xe9 20\xb0", 8, "\"caf\xc3\xa9 20\xc2\xb0\"");
    expect_text("a\"b\\\n", 5, "\"a\\\"b\\\\\\n\"");
    expect_text("padded\0\0\0", 9, "\"padded\"");
    expect_text("a\0b", 3, "\"ab\"");
    expect_text("\xe9\0b", 3,
                "\"\xc3\xa9"
                "b\"");
}

static void expect_number(const tsr_dtype *dtype, const void *value, const char *wanted)
{
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsri_attribute_number(dtype, value, &output, NULL), 0);
    assert_int_equal(tsr_output_append(&output, "", 1, NULL), 0);
    assert_string_equal(output.data, wanted);
}

static void test_numbers(void **state)
{
    float odd_nan;
    const uint32_t odd_bits = 0xffc12345;

    (void)state;
    memcpy(&odd_nan, &odd_bits, sizeof odd_nan);
    expect_number(TSR_FLOAT32, &(float){0.1f}, "0.10000000149011612");
    expect_number(TSR_FLOAT64, &(double){-INFINITY}, "\"-Infinity\"");
    expect_number(TSR_FLOAT32, &(float){NAN}, "\"NaN\"");
    expect_number(TSR_FLOAT32, &odd_nan, "\"NaN\"");
    expect_number(TSR_UINT64, &(uint64_t){UINT64_MAX}, "18446744073709551615");
    expect_number(TSR_INT8, &(int8_t){-128}, "-128");
    expect_number(TSR_BOOL, &(bool){true}, "true");
}

static void test_names(void **state)
{
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    bool first = true;

    (void)state;
    assert_int_equal(tsri_attribute_name("a", &first, &output, NULL), 0);
    assert_int_equal(tsri_attribute_name("\xe4", &first, &output, NULL), 0);
    assert_false(first);
    assert_int_equal(output.size_bytes, 10);
    assert_memory_equal(output.data, "\"a\":,\"\xc3\xa4\":", 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text), cmocka_unit_test(test_numbers),
                                       cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
