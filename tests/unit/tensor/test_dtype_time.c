/* Proves that types of times are found, compared and named; that their elements go through text
 * without loss; and which casts are permitted (as NumPy permits them, but for lengths of months)
 * and what they do with what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tessera/view.h>

static const tsr_dtype *type(const char *name)
{
    const tsr_dtype *dtype;
    assert_int_equal(tsr_dtype_parse(name, &dtype, NULL), 0);
    return dtype;
}

static void test_names(void **state)
{
    static const char *const names[][3] = {{"datetime64[ns]", "<M8[ns]", "ns"},
                                           {"timedelta64[10us]", "m8[10us]", "us"},
                                           {"datetime64", ">M8", "generic"},
                                           {"datetime64[us]", "M8[\xce\xbcs]", "us"},
                                           {"timedelta64[2147483647as]", "m8[2147483647as]", "as"}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const tsr_dtype *one = type(names[i][0]), *other = type(names[i][1]);
        int64_t scale;
        assert_string_equal(other->name, names[i][0]);
        assert_true(tsr_dtype_equal(one, other));
        assert_string_equal(tsr_dtype_time_unit(one, &scale), names[i][2]);
        assert_int_equal(one->size_bytes, 8);
        assert_int_equal(one->component_bytes, 8);
        assert_int_equal(one->v2_kind, one->kind == TSR_KIND_DATETIME ? 'M' : 'm');
        tsr_dtype_unref(one);
        tsr_dtype_unref(other);
    }
    const tsr_dtype *ns = type("M8[ns]"), *us = type("M8[us]"), *length = type("m8[ns]"),
                    *ten = type("M8[10ns]"), *none = NULL;
    assert_false(tsr_dtype_equal(ns, us));
    assert_false(tsr_dtype_equal(ns, length));
    assert_false(tsr_dtype_equal(ns, ten));
    assert_false(tsr_dtype_equal(ns, TSR_INT64));
    tsr_dtype_unref(ns);
    tsr_dtype_unref(us);
    tsr_dtype_unref(length);
    tsr_dtype_unref(ten);
    assert_int_equal(tsr_dtype_time(TSR_KIND_FLOAT, "s", 1, &none, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_time(TSR_KIND_DATETIME, "S", 1, &none, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_time(TSR_KIND_DATETIME, "s", 0, &none, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_time(TSR_KIND_DATETIME, "s", INT64_C(1) << 31, &none, NULL),
                     TSR_INVALID_ARGUMENT);
    assert_null(none);
    assert_null(tsr_dtype_time_unit(TSR_INT64, &(int64_t){0}));
}

static void test_elements(void **state)
{
    static const struct {
        const char *type, *text, *written, *shown;
        int64_t value;
    } cases[] = {
        {"M8[s]", "5", "5", "1970-01-01T00:00:05", 5},
        {"M8[s]", "\"1970-01-02\"", "86400", "1970-01-02T00:00:00", 86400},
        {"M8[D]", "\"NaT\"", "\"NaT\"", "NaT", INT64_MIN},
        {"M8[D]", "NaT", "\"NaT\"", "NaT", INT64_MIN},
        {"M8[D]", "-9223372036854775808", "\"NaT\"", "NaT", INT64_MIN},
        {"m8[10us]", "-7", "-7", "-7", -7},
        {"m8[h]", "\"NaT\"", "\"NaT\"", "NaT", INT64_MIN},
        {"M8[M]", "9223372036854775807", "9223372036854775807", "768614336404566620-08", INT64_MAX},
    };
    static const char *const refused[][2] = {{"M8[s]", "1.5"},
                                             {"M8[s]", "9223372036854775808"},
                                             {"M8[s]", "\"nat\""},
                                             {"M8[D]", "\"1970-01-01T01\""},
                                             {"m8[s]", "\"1970-01-01\""},
                                             {"m8[s]", "\"5\""},
                                             {"M8[s]", "[5]"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const tsr_dtype *dtype = type(cases[i].type);
        int64_t value = 1;
        char text[64];
        assert_int_equal(tsr_dtype_parse_element(dtype, cases[i].text, &value, NULL), 0);
        assert_true(value == cases[i].value);
        assert_true(tsr_dtype_format_element(dtype, &value, text, tsr_dtype_text_max(dtype)) > 0);
        assert_string_equal(text, cases[i].written);
        assert_int_equal(tsr_dtype_format_time(dtype, &value, text, sizeof text),
                         strlen(cases[i].shown));
        assert_string_equal(text, cases[i].shown);
        assert_int_equal(tsr_dtype_format_time(dtype, &value, text, strlen(text)), TSR_LIMIT);
        tsr_dtype_unref(dtype);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        const tsr_dtype *dtype = type(refused[i][0]);
        int64_t value = 1;
        assert_int_equal(tsr_dtype_parse_element(dtype, refused[i][1], &value, NULL),
                         TSR_INVALID_ARGUMENT);
        assert_int_equal(value, 1);
        tsr_dtype_unref(dtype);
    }
    assert_int_equal(tsr_dtype_format_time(TSR_INT64, &(int64_t){1}, (char[8]){0}, 8),
                     TSR_TYPE_MISMATCH);
}

/* The least rule: 1 safe, 2 same kind, 3 unsafe, 0 none. */
static void test_rules(void **state)
{
    static const struct {
        const char *from, *to;
        int rule;
    } cases[] = {
        {"M8[s]", "M8[ns]", 1}, {"M8[ns]", "M8[s]", 2},  {"M8[Y]", "M8[D]", 1},
        {"M8[D]", "M8[Y]", 2},  {"m8[Y]", "m8[D]", 0},   {"m8[D]", "m8[M]", 0},
        {"m8[s]", "m8[ms]", 1}, {"m8[M]", "m8[Y]", 2},   {"m8[Y]", "m8[M]", 1},
        {"M8[s]", "int64", 3},  {"int64", "M8[s]", 3},   {"m8[s]", "int64", 3},
        {"int64", "m8[s]", 1},  {"uint8", "m8[s]", 1},   {"uint64", "m8[s]", 2},
        {"M8", "M8[s]", 1},     {"M8[s]", "M8", 3},      {"m8[s]", "M8[s]", 0},
        {"M8[3s]", "M8[s]", 1}, {"M8[3s]", "M8[2s]", 2}, {"M8[W]", "M8[D]", 1},
        {"M8[W]", "M8[M]", 2},  {"float64", "m8[s]", 0}, {"m8[s]", "float64", 0},
        {"bool", "m8[s]", 1},   {"bool", "M8[s]", 3},    {"m8[s]", "bool", 3},
        {"M8[s]", "int8", 3},   {"M8[Y]", "M8[7D]", 2},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const tsr_dtype *from = type(cases[i].from), *to = type(cases[i].to);
        for (int rule = 0; rule <= 3; rule++)
            if (tsr_dtype_can_cast(from, to, (tsr_casting)rule) !=
                (cases[i].rule > 0 && rule >= cases[i].rule))
                fail_msg("%s to %s under rule %d", cases[i].from, cases[i].to, rule);
        tsr_dtype_unref(from);
        tsr_dtype_unref(to);
    }
}

static void test_casts(void **state)
{
    const tsr_dtype *days = type("M8[D]"), *ns = type("M8[ns]"), *lengths = type("m8[s]");
    int64_t from[] = {0, -1, INT64_MIN, 106751}, to[4] = {0};
    int32_t narrow[4];
    static const int64_t shape[] = {4};
    tsr_view a, b;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_view_init(&b, days, 1, shape, from, NULL), 0);
    assert_int_equal(tsr_view_init(&a, ns, 1, shape, to, NULL), 0);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_SAFE, NULL), 0);
    assert_int_equal(to[1], INT64_C(-86400000000000));
    assert_true(to[2] == INT64_MIN);
    assert_int_equal(to[3], INT64_C(106751) * 86400000000000);
    from[3] = 106752;
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_UNSAFE, &err), TSR_OUT_OF_BOUNDS);
    assert_string_equal(err.message,
                        "the datetime64[D] 106752 at [3] does not fit into datetime64[ns]");
    /* Backwards through strides. */
    assert_int_equal(tsr_view_slice(&a, 0, 3, 3, -1, NULL), 0);
    assert_int_equal(tsr_view_slice(&b, 0, 0, 3, 1, NULL), 0);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_SAFE, NULL), 0);
    assert_int_equal(to[2], INT64_C(-86400000000000));
    /* NumPy's vectors again, through views: rounded down, with NaT, beyond 64 bits on the way. */
    const tsr_dtype *seven = type("M8[7ns]"), *three = type("M8[3ns]");
    int64_t steps[] = {-1, INT64_MIN, INT64_C(3000000000000000000), 5};
    static const int64_t expected[] = {-3, INT64_MIN, INT64_C(7000000000000000000), 11};
    assert_int_equal(tsr_view_init(&b, seven, 1, shape, steps, NULL), 0);
    assert_int_equal(tsr_view_init(&a, three, 1, shape, to, NULL), 0);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_SAME_KIND, NULL), 0);
    assert_memory_equal(to, expected, sizeof expected);
    steps[2] = INT64_C(4000000000000000000);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_UNSAFE, NULL), TSR_OUT_OF_BOUNDS);
    tsr_dtype_unref(seven);
    tsr_dtype_unref(three);
    /* Numbers as they are. */
    assert_int_equal(tsr_view_init(&a, TSR_INT32, 1, shape, narrow, NULL), 0);
    assert_int_equal(tsr_view_init(&b, days, 1, shape, from, NULL), 0);
    assert_int_equal(tsr_view_copy(&a, &b, TSR_CASTING_UNSAFE, NULL), 0);
    assert_int_equal(narrow[3], 106752);
    assert_int_equal(tsr_view_init(&b, lengths, 1, shape, to, NULL), 0);
    narrow[0] = -5;
    assert_int_equal(tsr_view_copy(&b, &a, TSR_CASTING_SAFE, NULL), 0);
    assert_int_equal(to[0], -5);
    tsr_dtype_unref(days);
    tsr_dtype_unref(ns);
    tsr_dtype_unref(lengths);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_elements),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_casts),
    };
    return cmocka_run_group_tests_name("tensor.dtype_time", tests, NULL, NULL);
}
