/* Proves that times are printed and converted as NumPy does it, over every unit, scales and eras;
 * that what was printed reads back; that what is no time or no whole step is refused; and that what
 * does not fit is said to. The table is made by tests/golden/dtype/generate_times.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tensor/calendar.h"

static tsri_time_unit unit_of(const char *name)
{
    for (int i = 0; i < TSRI_UNIT_COUNT; i++)
        if (strcmp(tsri_time_unit_names[i], name) == 0)
            return (tsri_time_unit)i;
    fail_msg("no unit %s", name);
    return TSRI_UNIT_GENERIC;
}

static void check_text(const char *unit, int scale, long long value, const char *expected)
{
    tsri_time_scale steps = {unit_of(unit), scale};
    char text[64];
    int64_t back;
    assert_int_equal(tsri_time_format(steps, value, text), strlen(expected));
    assert_string_equal(text, expected);
    /* With a scale the text may stand between two steps, as it is cut to the unit. */
    assert_true(tsri_time_parse(steps, text, &back));
    assert_int_equal(back, value);
}

static void check_cast(const char *kind, const char *unit, int scale, long long value,
                       const char *other, int times, long long expected)
{
    tsri_time_scale from = {unit_of(unit), scale}, to = {unit_of(other), times};
    int64_t result = 0;
    int64_t up, down;
    if (tsri_time_factor(from, to, &up, &down)) {
        __int128 product = (__int128)value * up;
        assert_true(product / down - (product % down < 0) == expected);
    } else {
        assert_true((from.unit <= TSRI_UNIT_MONTH) != (to.unit <= TSRI_UNIT_MONTH) ||
                    up == INT64_MAX || down == INT64_MAX);
    }
    if (!tsri_time_rescale(*kind == 'M', from, to, value, &result) || result != expected)
        fail_msg("%s: %lld x %d %s is %lld x %d %s, not %lld", kind, value, scale, unit, expected,
                 times, other, (long long)result);
}

static void test_as_numpy(void **state)
{
    char path[512], line[256];
    int texts = 0, casts = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/dtype/times.txt", TESSERA_TEST_DATA);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        char kind[8], unit[8], other[8], text[96];
        int scale, times;
        long long value, expected;
        if (sscanf(line, "text %7s %d %lld %95s", unit, &scale, &value, text) == 4) {
            check_text(unit, scale, value, text);
            texts++;
        } else {
            assert_int_equal(sscanf(line, "cast %7s %7s %d %lld %7s %d %lld", kind, unit, &scale,
                                    &value, other, &times, &expected),
                             7);
            check_cast(kind, unit, scale, value, other, times, expected);
            casts++;
        }
    }
    fclose(file);
    assert_true(texts > 200 && casts > 200);
}

static void test_not_a_time(void **state)
{
    const tsri_time_scale seconds = {TSRI_UNIT_SECOND, 1}, years = {TSRI_UNIT_YEAR, 1},
                          generic = {TSRI_UNIT_GENERIC, 1};
    char text[64];
    int64_t value;
    (void)state;
    assert_int_equal(tsri_time_format(seconds, INT64_MIN, text), 3);
    assert_string_equal(text, "NaT");
    assert_true(tsri_time_parse(seconds, "NaT", &value));
    assert_true(value == INT64_MIN);
    assert_true(tsri_time_rescale(true, seconds, years, INT64_MIN, &value));
    assert_true(value == INT64_MIN);
    assert_true(tsri_time_rescale(false, seconds, years, INT64_MIN, &value));
    tsri_time_format(generic, -5, text);
    assert_string_equal(text, "-5");
    assert_true(tsri_time_rescale(true, generic, years, 77, &value));
    assert_int_equal(value, 77);
}

/* Every step of the largest counts has a text; what does not fit is told. */
static void test_limits(void **state)
{
    char text[64];
    int64_t value = 3;
    (void)state;
    for (int unit = 0; unit < TSRI_UNIT_GENERIC; unit++)
        for (int sign = -1; sign <= 1; sign += 2) {
            tsri_time_scale steps = {(tsri_time_unit)unit, INT32_MAX};
            int64_t most = sign < 0 ? -INT64_MAX : INT64_MAX, back;
            assert_in_range(tsri_time_format(steps, most, text), 4, 63);
            steps.scale = 1;
            assert_in_range(tsri_time_format(steps, most, text), 4, 63);
            if (unit >= TSRI_UNIT_SECOND) { /* whose years have at most 17 digits */
                assert_true(tsri_time_parse(steps, text, &back));
                assert_int_equal(back, most);
            }
        }
    const tsri_time_scale seconds = {TSRI_UNIT_SECOND, 1}, nanoseconds = {TSRI_UNIT_NANOSECOND, 1},
                          years = {TSRI_UNIT_YEAR, 1}, days = {TSRI_UNIT_DAY, 1};
    assert_false(tsri_time_rescale(true, seconds, nanoseconds, INT64_C(9223372037), &value));
    assert_true(tsri_time_rescale(true, seconds, nanoseconds, INT64_C(9223372036), &value));
    assert_false(tsri_time_rescale(true, years, seconds, INT64_MAX, &value));
    assert_false(tsri_time_rescale(true, years, days, INT64_MAX, &value));
    assert_false(tsri_time_rescale(false, years, days, 1, &value));
    assert_false(tsri_time_rescale(false, days, years, 1, &value));
    assert_true(tsri_time_rescale(true, days, years, INT64_MAX, &value));
    assert_int_equal(value, INT64_C(25252734927766554));
}

static void test_texts(void **state)
{
    static const struct {
        const char *text;
        tsri_time_scale scale;
        bool is_time;
        int64_t value;
    } cases[] = {
        {"1970-01-02", {TSRI_UNIT_SECOND, 1}, true, 86400},
        {"1970-01-01 12:30Z", {TSRI_UNIT_MINUTE, 1}, true, 750},
        {"1970", {TSRI_UNIT_NANOSECOND, 1}, true, 0},
        {"1969-12-31T23:59:59.9", {TSRI_UNIT_MILLISECOND, 1}, true, -100},
        {"1970-01-01T00:00:00.000000000000000001", {TSRI_UNIT_ATTOSECOND, 1}, true, 1},
        {"2000-02-29", {TSRI_UNIT_DAY, 1}, true, 11016},
        {"1900-02-29", {TSRI_UNIT_DAY, 1}, false, 0},
        {"1970-01-01T12", {TSRI_UNIT_DAY, 1}, false, 0},
        {"1970-01-02", {TSRI_UNIT_MONTH, 1}, false, 0},
        {"1970-02", {TSRI_UNIT_YEAR, 1}, false, 0},
        {"1970-01-02", {TSRI_UNIT_WEEK, 1}, false, 0},
        {"1970-01-01T00:00:00.0000001", {TSRI_UNIT_MICROSECOND, 1}, false, 0},
        {"1970-01-01T00:00:07", {TSRI_UNIT_SECOND, 7}, true, 1},
        {"1970-01-01T00:00:08", {TSRI_UNIT_SECOND, 7}, false, 0},
        {"1970-13", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970-00", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970-01-01T24", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970-01-01T00:60", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970-01-01T00:00:60", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970-1-1", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"70-01-01", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970-01-01T00:00:00.", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970-01-01Z", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970-01-01T00:00 ", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"99999999999999999-01-01", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"2300-01-01", {TSRI_UNIT_NANOSECOND, 1}, false, 0},
        {"", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"-", {TSRI_UNIT_SECOND, 1}, false, 0},
        {"1970", {TSRI_UNIT_GENERIC, 1}, false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t value = 12345;
        if (tsri_time_parse(cases[i].scale, cases[i].text, &value) != cases[i].is_time ||
            value != (cases[i].is_time ? cases[i].value : 12345))
            fail_msg("\"%s\" became %lld", cases[i].text, (long long)value);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_numpy),
        cmocka_unit_test(test_not_a_time),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests_name("tensor.calendar", tests, NULL, NULL);
}
