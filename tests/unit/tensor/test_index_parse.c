/* Proves that the text of a selection means what NumPy means by it, that ranges behave as Python's
 * slice.indices over all small cases, and that every refusal names the character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/random_view.h"
#include <tessera/index.h>

/* numpy.arange(10)[text]: the first and last element and how many. */
static const struct {
    const char *text;
    int64_t first, last, count;
} ranges[] = {
    {":", 0, 9, 10},
    {"::", 0, 9, 10},
    {"2:5", 2, 4, 3},
    {" 2 : 5 ", 2, 4, 3},
    {"+2:5", 2, 4, 3},
    {"-3:", 7, 9, 3},
    {":-3", 0, 6, 7},
    {"5:2", 0, 0, 0},
    {"2:2", 0, 0, 0},
    {"::2", 0, 8, 5},
    {"1::2", 1, 9, 5},
    {"::-1", 9, 0, 10},
    {"::-3", 9, 0, 4},
    {"8:2:-2", 8, 4, 3},
    {"2:8:-2", 0, 0, 0},
    {"-1:-11:-1", 9, 0, 10},
    {"-1:-10:-1", 9, 1, 9},
    {"100:", 0, 0, 0},
    {":100", 0, 9, 10},
    {"-100:", 0, 9, 10},
    {":-100", 0, 0, 0},
    {"100::-1", 9, 0, 10},
    {"-100::-1", 0, 0, 0},
    {":-100:-1", 9, 0, 10},
    {"::100", 0, 0, 1},
    {"3::100", 3, 3, 1},
    {"::-100", 9, 9, 1},
    {"99999999999999999999999999:", 0, 0, 0},
    {"-99999999999999999999999999:99999999999999999999999999", 0, 9, 10},
    {"::99999999999999999999999999", 0, 0, 1},
    {"::-99999999999999999999999999", 9, 9, 1},
    {"9223372036854775807:", 0, 0, 0},
    {"-9223372036854775808:", 0, 9, 10},
    {"::-9223372036854775808", 9, 9, 1},
    {"007:", 7, 9, 3},
    {"5:,", 5, 9, 5},
    {"...", 0, 9, 10},
    {"...,5:", 5, 9, 5},
    {"5:,...", 5, 9, 5},
    {"", 0, 9, 10},
    {" ", 0, 9, 10},
};

static int64_t last_of(const tsr_index_axis *axis)
{
    return axis->start + (axis->count > 0 ? axis->count - 1 : 0) * axis->step;
}

static void test_ranges(void **state)
{
    static const int64_t shape[] = {10};
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        tsr_index index;
        if (tsr_index_parse(&index, ranges[i].text, 1, shape, NULL) < 0)
            fail_msg("\"%s\" is refused", ranges[i].text);
        assert_int_equal(index.rank, 1);
        assert_int_equal(index.axes[0].kind, TSR_INDEX_RANGE);
        if (index.axes[0].count != ranges[i].count || index.axes[0].start != ranges[i].first ||
            last_of(&index.axes[0]) != ranges[i].last)
            fail_msg("\"%s\" gives %lld elements from %lld to %lld", ranges[i].text,
                     (long long)index.axes[0].count, (long long)index.axes[0].start,
                     (long long)last_of(&index.axes[0]));
    }
}

/* The elements of range(length)[start:stop:step] by the definition in Python's documentation: those
 * i with i = start + n * step on the near side of stop. A bound beyond +-99 stands for one left
 * out. */
static int list_slice(int64_t start, int64_t stop, int64_t step, int64_t length, int64_t *list)
{
    int count = 0;
    int64_t first = start, end = stop;
    if (start > 99)
        first = step > 0 ? 0 : length - 1;
    else if (start < 0)
        first = start + length;
    if (stop > 99)
        end = step > 0 ? length : -1;
    else if (stop < 0)
        end = stop + length < -1 ? -1 : stop + length;
    /* Python clips the first bound to the nearest place inside. */
    if (first < 0)
        first = step > 0 ? 0 : -1;
    if (first > length - 1 && step < 0)
        first = length - 1;
    for (int64_t i = first; step > 0 ? i < end : i > end; i += step)
        if (i >= 0 && i < length)
            list[count++] = i;
    return count;
}

static void test_all_small_slices(void **state)
{
    int64_t list[32];
    (void)state;
    for (int64_t length = 0; length <= 5; length++)
        for (int64_t start = -7; start <= 8; start++)
            for (int64_t stop = -7; stop <= 8; stop++)
                for (int64_t step = -7; step <= 7; step++) {
                    char text[64], first[24] = "", end[24] = "";
                    tsr_index index;
                    if (step == 0)
                        continue;
                    if (start < 8)
                        snprintf(first, sizeof first, "%lld", (long long)start);
                    if (stop < 8)
                        snprintf(end, sizeof end, "%lld", (long long)stop);
                    snprintf(text, sizeof text, "%s:%s:%lld", first, end, (long long)step);
                    int count = list_slice(start < 8 ? start : 100, stop < 8 ? stop : 100, step,
                                           length, list);
                    assert_int_equal(tsr_index_parse(&index, text, 1, &length, NULL), 0);
                    if (index.axes[0].count != count)
                        fail_msg("[%s] of %lld gives %lld elements, not %d", text,
                                 (long long)length, (long long)index.axes[0].count, count);
                    for (int i = 0; i < count; i++)
                        assert_int_equal(index.axes[0].start + i * index.axes[0].step, list[i]);
                }
}

/* Selections of an array of shape (4, 5, 6): the shape of the result and its first element, which
 * in arange(120).reshape(4, 5, 6) is 30 i + 6 j + k. */
static void test_many_axes(void **state)
{
    static const struct {
        const char *text;
        int rank;
        int64_t shape[3], first;
    } cases[] = {
        {"1", 2, {5, 6}, 30},
        {"-1", 2, {5, 6}, 90},
        {"1,2", 1, {6}, 42},
        {"1,2,3", 0, {0}, 45},
        {"-4, -5, -6", 0, {0}, 0},
        {"..., 5", 2, {4, 5}, 5},
        {"...,1,2", 1, {4}, 8},
        {"1,...,2", 1, {5}, 32},
        {"1, ...", 2, {5, 6}, 30},
        {"1,2,3,...", 0, {0}, 45},
        {"1,2,...,3", 0, {0}, 45},
        {"...,1,2,3", 0, {0}, 45},
        {"1:3, ::2", 3, {2, 3, 6}, 30},
        {"1:2,1:2,1:2", 3, {1, 1, 1}, 37},
        {"::-1, 2, ::-2", 2, {4, 3}, 107},
        {"...,::-1", 3, {4, 5, 6}, 5},
        {":,:,:,", 3, {4, 5, 6}, 0},
        {"\t1\t,\t2\t", 1, {6}, 42},
    };
    static const int64_t shape[] = {4, 5, 6};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tsr_index index;
        int64_t result[TSR_RANK_MAX];
        if (tsr_index_parse(&index, cases[i].text, 3, shape, NULL) < 0)
            fail_msg("\"%s\" is refused", cases[i].text);
        assert_int_equal(tsr_index_shape(&index, result), cases[i].rank);
        assert_memory_equal(result, cases[i].shape, (size_t)cases[i].rank * sizeof result[0]);
        assert_int_equal(30 * index.axes[0].start + 6 * index.axes[1].start + index.axes[2].start,
                         cases[i].first);
    }
}

static const struct {
    const char *text;
    int status;
    int character;
} refused[] = {
    {"4", TSR_OUT_OF_BOUNDS, 1},
    {"-5", TSR_OUT_OF_BOUNDS, 1},
    {"0, 5", TSR_OUT_OF_BOUNDS, 4},
    {"0, ..., 6", TSR_OUT_OF_BOUNDS, 9},
    {"9223372036854775808", TSR_OUT_OF_BOUNDS, 1},
    {"-9223372036854775809", TSR_OUT_OF_BOUNDS, 1},
    {"99999999999999999999999", TSR_OUT_OF_BOUNDS, 1},
    {"a", TSR_INVALID_ARGUMENT, 1},
    {",", TSR_INVALID_ARGUMENT, 1},
    {"1,,2", TSR_INVALID_ARGUMENT, 3},
    {"1 2", TSR_INVALID_ARGUMENT, 3},
    {"- 1", TSR_INVALID_ARGUMENT, 2},
    {"-", TSR_INVALID_ARGUMENT, 2},
    {"--1", TSR_INVALID_ARGUMENT, 2},
    {"1:2:3:4", TSR_INVALID_ARGUMENT, 6},
    {"1:2:0", TSR_INVALID_ARGUMENT, 5},
    {"::-0", TSR_INVALID_ARGUMENT, 3},
    {"1.5", TSR_INVALID_ARGUMENT, 2},
    {"1e3", TSR_INVALID_ARGUMENT, 2},
    {"0x1", TSR_INVALID_ARGUMENT, 2},
    {"..", TSR_INVALID_ARGUMENT, 1},
    {"....", TSR_INVALID_ARGUMENT, 4},
    {"..., ...", TSR_INVALID_ARGUMENT, 6},
    {"0, 0, 0, 0", TSR_INVALID_ARGUMENT, 10},
    {"0,0,0,:", TSR_INVALID_ARGUMENT, 7},
    {"[1,2", TSR_INVALID_ARGUMENT, 5},
    {"[1 2]", TSR_INVALID_ARGUMENT, 4},
    {"[1,,2]", TSR_INVALID_ARGUMENT, 4},
    {"[,]", TSR_INVALID_ARGUMENT, 2},
    {"[1, 4]", TSR_OUT_OF_BOUNDS, 1},
    {":, [0, -6]", TSR_OUT_OF_BOUNDS, 4},
    {"[True, 1]", TSR_INVALID_ARGUMENT, 8},
    {"[True, False]", TSR_INVALID_ARGUMENT, 1},
    {"[[1]]", TSR_INVALID_ARGUMENT, 2},
    {"[1, 2], [0, 1, 2]", TSR_INVALID_ARGUMENT, 9},
    {"@file", TSR_INVALID_ARGUMENT, 1},
    {"0, 0, 0, [0]", TSR_INVALID_ARGUMENT, 10},
    {"0=1, 2", TSR_INVALID_ARGUMENT, 6},
    {"0=1, 0=2", TSR_INVALID_ARGUMENT, 6},
    {"3=1", TSR_INVALID_ARGUMENT, 1},
    {"x=1", TSR_INVALID_ARGUMENT, 1},
    {"=1", TSR_INVALID_ARGUMENT, 1},
    {"0=", TSR_INVALID_ARGUMENT, 3},
    {"99999999999999999999=1", TSR_INVALID_ARGUMENT, 1},
    {"1\n", TSR_INVALID_ARGUMENT, 2},
    {"\xc3\xa4", TSR_INVALID_ARGUMENT, 1},
    {"Nonesuch", TSR_INVALID_ARGUMENT, 5},
    {"1;2", TSR_INVALID_ARGUMENT, 2},
};

static void test_refusals_name_the_character(void **state)
{
    static const int64_t shape[] = {4, 5, 6};
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        tsr_index index, before;
        tsr_error err = TSR_ERROR_INIT;
        char place[40];
        memset(&index, 0x5a, sizeof index);
        before = index;
        int status = tsr_index_parse(&index, refused[i].text, 3, shape, &err);
        snprintf(place, sizeof place, "character %d", refused[i].character);
        const char *found = strstr(err.message, place);
        if (status != refused[i].status || !found || strchr("0123456789", found[strlen(place)]))
            fail_msg("\"%s\" gives status %d and \"%s\"", refused[i].text, status, err.message);
        assert_memory_equal(&index, &before, sizeof index);
    }
}

static void test_message(void **state)
{
    static const int64_t shape[] = {4};
    tsr_index index;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_index_parse(&index, "1:x", 1, shape, &err), TSR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "selection: character 3 ('x'): expected \",\" or the end");
    assert_non_null(strstr(err.next_step, "1000:1003"));
    assert_int_equal(tsr_index_parse(&index, "7", 1, shape, &err), TSR_OUT_OF_BOUNDS);
    assert_string_equal(
        err.message,
        "selection: character 1: position 7 is outside of axis 0, which has 4 elements");
    assert_string_equal(err.next_step, "write 0 to 3, or -1 to -4 to count from the end");
    assert_int_equal(tsr_index_parse(&index, "1:\xff", 1, shape, &err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "(byte 0xff)"));
    assert_int_equal(tsr_index_parse(&index, "0", 0, NULL, &err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_index_parse(&index, "...", 0, NULL, &err), 0);
    assert_int_equal(tsr_index_parse(&index, "", 0, NULL, &err), 0);
    assert_int_equal(tsr_index_parse(&index, "", 33, NULL, &err), TSR_INVALID_ARGUMENT);
}

static void test_long_axes(void **state)
{
    static const int64_t shape[] = {INT64_MAX};
    tsr_index index;
    (void)state;
    assert_int_equal(tsr_index_parse(&index, "::-1", 1, shape, NULL), 0);
    assert_true(index.axes[0].count == INT64_MAX && index.axes[0].start == INT64_MAX - 1);
    assert_int_equal(tsr_index_parse(&index, "::9223372036854775806", 1, shape, NULL), 0);
    assert_true(index.axes[0].count == 2 && index.axes[0].step == INT64_MAX - 1);
    assert_int_equal(tsr_index_parse(&index, "::-9223372036854775808", 1, shape, NULL), 0);
    assert_true(index.axes[0].count == 1 && index.axes[0].start == INT64_MAX - 1);
    assert_int_equal(tsr_index_parse(&index, "-9223372036854775808::-1", 1, shape, NULL), 0);
    assert_int_equal(index.axes[0].count, 0);
    assert_int_equal(tsr_index_parse(&index, "-9223372036854775807", 1, shape, NULL), 0);
    assert_true(index.axes[0].start == 0);
    assert_int_equal(tsr_index_parse(&index, "-9223372036854775808", 1, shape, NULL),
                     TSR_OUT_OF_BOUNDS);
    assert_int_equal(tsr_index_parse(&index, "9223372036854775806", 1, shape, NULL), 0);
    assert_int_equal(tsr_index_parse(&index, "9223372036854775807", 1, shape, NULL),
                     TSR_OUT_OF_BOUNDS);
}

static void test_one_axis(void **state)
{
    static const int64_t shape[] = {4, 5};
    tsr_index index, before;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    tsr_index_all(&index, 2, shape);
    assert_int_equal(tsr_index_parse_axis(&index, 1, " -1 ", 5, NULL), 0);
    assert_true(index.axes[1].kind == TSR_INDEX_POSITION && index.axes[1].start == 4);
    assert_int_equal(tsr_index_parse_axis(&index, 0, "1:3", 4, NULL), 0);
    assert_true(index.axes[0].kind == TSR_INDEX_RANGE && index.axes[0].start == 1 &&
                index.axes[0].count == 2);
    before = index;
    assert_int_equal(tsr_index_parse_axis(&index, 0, "1,2", 4, &err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "character 2"));
    assert_int_equal(tsr_index_parse_axis(&index, 0, "...", 4, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_index_parse_axis(&index, 0, "", 4, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_index_parse_axis(&index, 0, "4", 4, NULL), TSR_OUT_OF_BOUNDS);
    assert_int_equal(tsr_index_parse_axis(&index, 2, "1", 4, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_index_parse_axis(&index, -1, "1", 4, NULL), TSR_INVALID_ARGUMENT);
    assert_memory_equal(&index, &before, sizeof index);
}

/* Whatever the text: a refusal, or positions that all lie inside. */
static void test_random_texts_stay_inside(void **state)
{
    static const char letters[] = "0123456789::::,,-+.. \t[]x9";
    tests_random random;
    (void)state;
    tests_random_init(&random);
    for (int round = 0; round < 50000; round++) {
        static const int64_t lengths[] = {0, 1, 2, 7, 1000, INT64_MAX};
        char text[32];
        int64_t shape[3];
        tsr_index index;
        int size = (int)tests_random_below(&random, (int64_t)sizeof text);
        for (int i = 0; i < size; i++)
            text[i] = letters[tests_random_below(&random, sizeof letters - 1)];
        text[size] = '\0';
        for (int axis = 0; axis < 3; axis++)
            shape[axis] = lengths[tests_random_below(&random, 6)];
        if (tsr_index_parse(&index, text, 3, shape, NULL) < 0)
            continue;
        for (int axis = 0; axis < 3; axis++) {
            const tsr_index_axis *a = &index.axes[axis];
            bool inside = a->count >= 0 && a->step != 0 &&
                          (a->count == 0 || (a->start >= 0 && a->start < shape[axis] &&
                                             last_of(a) >= 0 && last_of(a) < shape[axis]));
            if (!inside || (a->kind == TSR_INDEX_POSITION && a->count != 1))
                tests_random_fail(&random, "\"%s\" leads out of an axis of %lld", text,
                                  (long long)shape[axis]);
        }
        tsr_index_clear(&index);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),    cmocka_unit_test(test_all_small_slices),
        cmocka_unit_test(test_many_axes), cmocka_unit_test(test_refusals_name_the_character),
        cmocka_unit_test(test_message),   cmocka_unit_test(test_long_axes),
        cmocka_unit_test(test_one_axis),  cmocka_unit_test(test_random_texts_stay_inside),
    };
    return cmocka_run_group_tests_name("tensor.index_parse", tests, NULL, NULL);
}
