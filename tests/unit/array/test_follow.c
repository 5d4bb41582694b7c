/* Proves that a reader that follows arrays while others append to them sees lengths whose elements
 * are all there, in all arrays, and every one of them in the end; on a disk and in memory; and that
 * the wait ends as it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>

#include "support/temporary.h"
#include "unit/array/array_testing.h"

enum { APPENDS = 40, PIECE = 7, TOTAL = APPENDS * PIECE };

static const array_row growing = {
    .name = "growing", .rank = 1, .shape = {0}, .chunk = {16}, .codec = "none"};

/* Appends to one array after the other, so that their lengths differ now and then. */
typedef struct appender {
    fixture *f;
    tsr_array *arrays[2];
    int failures;
} appender;

static void *append_all(void *user)
{
    appender *self = user;
    const int64_t shape = PIECE;
    tsr_write_options options;
    tsr_write_options_init(&options);
    options.durability = TSR_DURABILITY_NONE;
    for (int i = 0; i < APPENDS; i++) {
        for (int which = 0; which < 2; which++) {
            uint32_t values[PIECE];
            tsr_view view;
            for (int n = 0; n < PIECE; n++)
                values[n] = (uint32_t)(which * 1000000 + i * PIECE + n + 1);
            self->failures += tsr_view_init(&view, TSR_UINT32, 1, &shape, values, NULL) < 0 ||
                              tsr_array_append(self->arrays[which], 0, &view, TSR_CASTING_NO,
                                               &options, NULL, NULL, NULL) < 0;
        }
    }
    return NULL;
}

static void check_elements(fixture *f, tsr_array *const *arrays, int64_t from, int64_t end)
{
    for (int which = 0; which < 2; which++) {
        uint32_t values[TOTAL];
        const int64_t shape = end - from;
        good(tsr_array_read(arrays[which], &from, &shape, NULL, values,
                            (size_t)shape * sizeof *values, NULL, &f->err),
             &f->err);
        for (int64_t i = 0; i < shape; i++)
            assert_int_equal(values[i], which * 1000000 + from + i + 1);
    }
}

static void follow_two(fixture *f)
{
    appender writer = {.f = f};
    tsr_array *readers[2];
    pthread_t thread;
    int64_t length = 0;
    int steps = 0;
    const tsr_call patience = {.deadline_ms = 60000};

    for (int which = 0; which < 2; which++) {
        const char *path = which ? "g/b" : "a";
        writer.arrays[which] = array_new(f, f->store, path, &growing, TSR_UINT32, NULL);
        readers[which] = array_open(f, f->store, path, false);
    }
    assert_int_equal(pthread_create(&thread, NULL, append_all, &writer), 0);
    while (length < TOTAL) {
        int64_t known = length;
        good(tsr_follow(readers, 2, 0, known, &patience, &length, &f->err), &f->err);
        assert_true(length > known);
        assert_int_equal(length % PIECE, 0);
        check_elements(f, readers, known, length);
        steps++;
    }
    pthread_join(thread, NULL);
    assert_int_equal(writer.failures, 0);
    assert_in_range(steps, 1, APPENDS);
    for (int which = 0; which < 2; which++) {
        assert_int_equal(tsr_array_shape(readers[which])[0], TOTAL);
        tsr_array_close(readers[which]);
        tsr_array_close(writer.arrays[which]);
    }
}

static void test_on_disk(void **state)
{
    (void)state;
    fixture f;
    char *folder = temporary_folder_new();
    fixture_open(&f, folder);
    follow_two(&f);
    fixture_close(&f);
    temporary_folder_remove(folder);
}

static void test_in_memory(void **state)
{
    follow_two(*state);
}

static void test_at_once(void **state)
{
    fixture *f = *state;
    int64_t length = -5;
    tsr_array *writer = array_new(f, f->store, "a", &growing, TSR_UINT32, NULL);
    tsr_array *reader = array_open(f, f->store, "a", false);
    const int64_t longer = 9, shorter = 4;

    good(tsr_follow(&reader, 1, 0, -1, NULL, &length, &f->err), &f->err);
    assert_int_equal(length, 0);
    good(tsr_array_resize(writer, &longer, NULL, NULL, &f->err), &f->err);
    good(tsr_follow(&reader, 1, 0, 0, NULL, &length, &f->err), &f->err);
    assert_int_equal(length, 9);
    good(tsr_array_resize(writer, &shorter, NULL, NULL, &f->err), &f->err);
    good(tsr_follow(&reader, 1, 0, 9, NULL, &length, &f->err), &f->err);
    assert_int_equal(length, 4);
    tsr_array_close(reader);
    tsr_array_close(writer);
}

/* A change that leaves the length as it is does not end the wait. */
static void test_other_changes(void **state)
{
    fixture *f = *state;
    const tsr_call patience = {.deadline_ms = 50};
    int64_t length = -5;
    tsr_array *writer = array_new(f, f->store, "a", &growing, TSR_UINT32, NULL);
    tsr_array *reader = array_open(f, f->store, "a", false);
    good(tsr_array_set_attributes(writer, "{\"x\":1}", &f->err), &f->err);
    assert_int_equal(tsr_follow(&reader, 1, 0, 0, &patience, &length, &f->err), TSR_DEADLINE);
    assert_int_equal(length, -5);
    tsr_array_close(reader);
    tsr_array_close(writer);
}

static void test_refusals(void **state)
{
    fixture *f = *state;
    int64_t length = -5;
    int cancel = 1;
    const tsr_call cancelled = {.cancel = &cancel};
    tsr_array *array = array_new(f, f->store, "a", &growing, TSR_UINT32, NULL);
    tsr_error *err = &f->err;
    assert_int_equal(tsr_follow(NULL, 0, 0, 0, NULL, &length, err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_follow(&array, 1, 1, 0, NULL, &length, err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_follow(&array, 1, -1, 0, NULL, &length, err), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_follow(&array, 1, 0, 0, &cancelled, &length, err), TSR_CANCELLED);
    good(tsr_store_erase_prefix(f->store, "a/", NULL, err), err);
    assert_int_equal(tsr_follow(&array, 1, 0, 0, NULL, &length, err), TSR_NOT_FOUND);
    assert_int_equal(length, -5);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_on_disk),   FIXTURE_TEST(test_in_memory), FIXTURE_TEST(test_at_once),
        FIXTURE_TEST(test_other_changes), FIXTURE_TEST(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
