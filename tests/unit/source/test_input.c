/* A file stays the one that was opened. */
#include "source_testing.h"

#include <unistd.h>

#include "source/input.h"

static void test_reading(void **state)
{
    fixture f;
    tsri_input input;
    char bytes[8] = "";
    size_t got = 99;
    uint64_t size_bytes = 0;

    (void)state;
    fixture_open(&f, "some file");
    temporary_file_write(f.path, "0123456789", 10);
    assert_int_equal(tsri_input_open(f.context, f.path, &input, &f.err), 0);
    assert_int_equal(tsri_input_read(&input, 3, bytes, 4, &got, &f.err), 0);
    assert_int_equal(got, 4);
    assert_memory_equal(bytes, "3456", 4);
    assert_int_equal(tsri_input_read(&input, 8, bytes, 4, &got, &f.err), 0);
    assert_int_equal(got, 2);
    assert_int_equal(tsri_input_read(&input, 10, bytes, 4, &got, &f.err), 0);
    assert_int_equal(got, 0);
    assert_int_equal(tsri_input_size(&input, &size_bytes, &f.err), 0);
    assert_int_equal(size_bytes, 10);
    tsri_input_close(&input);
    fixture_close(&f);
}

static void test_replaced(void **state)
{
    fixture f;
    tsri_input input;
    char bytes[4] = "";
    size_t got = 0;

    (void)state;
    fixture_open(&f, "file");
    temporary_file_write(f.path, "old", 3);
    assert_int_equal(tsri_input_open(f.context, f.path, &input, &f.err), 0);
    assert_int_equal(unlink(f.path), 0);
    temporary_file_write(f.path, "new", 3);
    assert_int_equal(tsri_input_read(&input, 0, bytes, 3, &got, &f.err), 0);
    assert_memory_equal(bytes, "old", 3);
    /* Libraries that open by name get the same file. */
    char *again = temporary_file_read(input.name, &got);
    assert_non_null(again);
    assert_string_equal(again, "old");
    free(again);
    tsri_input_close(&input);
    fixture_close(&f);
}

static void test_missing(void **state)
{
    fixture f;
    tsri_input input;

    (void)state;
    fixture_open(&f, "nothing");
    assert_int_equal(tsri_input_open(f.context, f.path, &input, &f.err), TSR_NOT_FOUND);
    assert_non_null(strstr(f.err.message, f.path));
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading),
                                       cmocka_unit_test(test_replaced),
                                       cmocka_unit_test(test_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
