/* Proves the typed access to members: what is taken, what is refused with which pointer, and that
 * outputs stay untouched on failure and where a field is absent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "meta/json.h"

static const char document[] =
    "{\"text\":\"abc\",\"zero\":\"a\\u0000b\",\"int\":-5,\"large\":18446744073709551615,\"whole\":3.0,\"half\":0.5,"
    "\"huge\":1e999,\"yes\":true,\"no\":false,\"null\":null,\"list\":[1,2,3],\"mixed\":[1,\"2\"],\"negative\":[4,-1],"
    "\"object\":{}}";

static int setup(void **state)
{
    tsri_json *value = NULL;
    int status = tsr_json_parse(document, strlen(document), 0, 0, &value, NULL);
    *state = value;
    return status;
}

static int teardown(void **state)
{
    json_object_put(*state);
    return 0;
}

static void assert_refused(int status, tsr_error *err, const char *message)
{
    assert_int_equal(status, TSR_BAD_METADATA);
    assert_string_equal(err->message, message);
    tsr_error_clear(err);
}

static void fields_of_the_right_type_are_read(void **state)
{
    tsr_error err = TSR_ERROR_INIT;
    const char *text = NULL;
    int64_t number = 0, values[3];
    double real = 0;
    bool flag = false;
    int count = 0;
    tsri_json *member = NULL;
    assert_int_equal(tsri_json_string(*state, "", "text", true, &text, &err), 0);
    assert_string_equal(text, "abc");
    assert_int_equal(tsri_json_int(*state, "", "int", true, -5, 5, &number, &err), 0);
    assert_int_equal(number, -5);
    assert_int_equal(tsri_json_double(*state, "", "half", true, &real, &err), 0);
    assert_true(real == 0.5);
    assert_int_equal(tsri_json_double(*state, "", "int", true, &real, &err), 0);
    assert_true(real == -5);
    assert_int_equal(tsri_json_double(*state, "", "large", true, &real, &err), 0);
    assert_true(real == 0x1p64);
    assert_int_equal(tsri_json_bool(*state, "", "yes", true, &flag, &err), 0);
    assert_true(flag);
    assert_int_equal(tsri_json_bool(*state, "", "no", true, &flag, &err), 0);
    assert_false(flag);
    assert_int_equal(tsri_json_int_list(*state, "", "list", true, 1, 3, 3, values, &count, &err),
                     0);
    assert_int_equal(count, 3);
    assert_int_equal(values[0] * 100 + values[1] * 10 + values[2], 123);
    assert_int_equal(tsri_json_member(*state, "", "null", true, &member, &err), 0);
    assert_null(member);
}

static void absent_fields_leave_the_output_untouched(void **state)
{
    tsr_error err = TSR_ERROR_INIT;
    const char *text = "before";
    int64_t number = 7, values[1] = {7};
    double real = 7;
    bool flag = true;
    int count = 7;
    tsri_json *member = *state;
    assert_int_equal(tsri_json_string(*state, "", "none", false, &text, &err), 0);
    assert_int_equal(tsri_json_int(*state, "", "none", false, 0, 1, &number, &err), 0);
    assert_int_equal(tsri_json_double(*state, "", "none", false, &real, &err), 0);
    assert_int_equal(tsri_json_bool(*state, "", "none", false, &flag, &err), 0);
    assert_int_equal(tsri_json_int_list(*state, "", "none", false, 0, 1, 1, values, &count, &err),
                     0);
    assert_int_equal(tsri_json_member(*state, "", "none", false, &member, &err), 0);
    assert_string_equal(text, "before");
    assert_true(number == 7 && real == 7 && flag && count == 7 && values[0] == 7 &&
                member == *state);

    assert_refused(tsri_json_string(*state, "/a", "none", true, &text, &err), &err,
                   "/a/none: this required field is missing");
    assert_refused(tsri_json_int(*state, "/a", "none", true, 0, 1, &number, &err), &err,
                   "/a/none: this required field is missing");
    assert_refused(tsri_json_member(*state, "", "none", true, &member, &err), &err,
                   "/none: this required field is missing");
}

static void wrong_types_are_refused_by_name(void **state)
{
    tsr_error err = TSR_ERROR_INIT;
    const char *text = "before";
    int64_t number = 7;
    double real = 7;
    bool flag = true;
    tsri_json *member = NULL;
    assert_refused(tsri_json_string(*state, "", "int", true, &text, &err), &err,
                   "/int: must be a string, not an integer");
    assert_refused(tsri_json_string(*state, "/x", "null", false, &text, &err), &err,
                   "/x/null: must be a string, not null");
    assert_refused(tsri_json_string(*state, "", "zero", true, &text, &err), &err,
                   "/zero: this string holds U+0000");
    assert_refused(tsri_json_int(*state, "", "text", true, 0, 1, &number, &err), &err,
                   "/text: must be an integer, not a string");
    assert_refused(tsri_json_int(*state, "", "whole", true, 0, 9, &number, &err), &err,
                   "/whole: must be an integer, not a number with a fraction or exponent");
    assert_refused(tsri_json_int(*state, "", "int", true, -4, 1, &number, &err), &err,
                   "/int: -5 is not in -4 .. 1");
    assert_refused(tsri_json_int(*state, "", "large", true, 0, 9, &number, &err), &err,
                   "/large: 18446744073709551615 is not in 0 .. 9");
    assert_refused(tsri_json_double(*state, "", "list", true, &real, &err), &err,
                   "/list: must be a number, not an array");
    assert_refused(tsri_json_double(*state, "", "huge", true, &real, &err), &err,
                   "/huge: is beyond the range of a double");
    assert_refused(tsri_json_bool(*state, "", "object", true, &flag, &err), &err,
                   "/object: must be true or false, not an object");
    json_object_object_get_ex(*state, "list", &member);
    assert_refused(tsri_json_bool(member, "/list", "a", true, &flag, &err), &err,
                   "/list: must be an object, not an array");
    assert_refused(tsri_json_bool(NULL, "", "a", false, &flag, &err), &err,
                   "/: must be an object, not null");
    assert_true(strcmp(text, "before") == 0 && number == 7 && real == 7 && flag);
}

static void lists_are_checked_before_they_are_written(void **state)
{
    tsr_error err = TSR_ERROR_INIT;
    int64_t values[3] = {7, 7, 7};
    int count = 7;
    assert_refused(tsri_json_int_list(*state, "/g", "mixed", true, 0, 9, 3, values, &count, &err),
                   &err, "/g/mixed/1: must be an integer, not a string");
    assert_refused(tsri_json_int_list(*state, "", "negative", true, 0, 9, 3, values, &count, &err),
                   &err, "/negative/1: -1 is not in 0 .. 9");
    assert_refused(tsri_json_int_list(*state, "", "int", true, 0, 9, 3, values, &count, &err), &err,
                   "/int: must be an array of integers, not an integer");
    assert_int_equal(tsri_json_int_list(*state, "", "list", true, 0, 9, 2, values, &count, &err),
                     TSR_LIMIT);
    assert_string_equal(err.message, "/list: 3 entries; at most 2 are supported");
    assert_true(values[0] == 7 && values[1] == 7 && count == 7);
}

static int only(const char *text, tsr_error *err)
{
    static const char *const known[] = {"a", "b", NULL};
    tsri_json *value = NULL;
    assert_int_equal(tsr_json_parse(text, strlen(text), 0, 0, &value, NULL), 0);
    int status = tsri_json_only(value, "/at", known, err);
    json_object_put(value);
    return status;
}

static void unknown_members_must_say_that_they_may_be_ignored(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(only("{}", &err), 0);
    assert_int_equal(only("{\"b\":1,\"a\":2}", &err), 0);
    assert_int_equal(only("{\"c\":{\"must_understand\":false,\"x\":1}}", &err), 0);
    static const char *const refused[] = {"{\"c\":1}",
                                          "{\"c\":null}",
                                          "{\"c\":{}}",
                                          "{\"c\":{\"must_understand\":true}}",
                                          "{\"c\":{\"must_understand\":null}}",
                                          "{\"c\":{\"must_understand\":0}}",
                                          "{\"c\":[{\"must_understand\":false}]}"};
    for (size_t i = 0; i < TSRI_COUNT(refused); i++)
        assert_refused(only(refused[i], &err), &err,
                       "/at/c: this field is not known, and readers must understand it");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(fields_of_the_right_type_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(absent_fields_leave_the_output_untouched, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_types_are_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_are_checked_before_they_are_written, setup, teardown),
        cmocka_unit_test(unknown_members_must_say_that_they_may_be_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
