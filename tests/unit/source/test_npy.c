/* .npy files as arrays: orders, lengths, files that are large, short, odd or replaced. */
#include "source_testing.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static size_t write_npy(const fixture *f, const char *descr, const char *fortran, const char *shape,
                        const void *data, size_t size_bytes)
{
    char header[256];
    int length =
        snprintf(header + 10, sizeof header - 10,
                 "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n", descr, fortran, shape);
    memcpy(header, "\x93NUMPY\1", 8);
    header[8] = (char)length;
    header[9] = 0;
    size_t total = 10 + (size_t)length;
    char *bytes = malloc(total + size_bytes);
    memcpy(bytes, header, total);
    memcpy(bytes + total, data, size_bytes);
    temporary_file_write(f->path, bytes, total + size_bytes);
    free(bytes);
    return total;
}

static void test_orders(void **state)
{
    /* The table [[1, 2, 3], [4, 5, 6]]. */
    static const int16_t wanted[] = {1, 2, 3, 4, 5, 6};
    fixture f;

    (void)state;
    fixture_open(&f, "a.npy");
    write_npy(&f, "<i2", "False", "(2, 3)", "\1\0\2\0\3\0\4\0\5\0\6\0", 12);
    fixture_expect_values(&f, "", TSR_INT16, wanted, 12);
    write_npy(&f, ">i2", "False", "(2, 3)", "\0\1\0\2\0\3\0\4\0\5\0\6", 12);
    fixture_expect_values(&f, "", TSR_INT16, wanted, 12);
    write_npy(&f, "<i2", "True", "(2, 3)", "\1\0\4\0\2\0\5\0\3\0\6\0", 12);
    fixture_expect_values(&f, "", TSR_INT16, wanted, 12);
    write_npy(&f, ">i2", "True", "(2, 3)", "\0\1\0\4\0\2\0\5\0\3\0\6", 12);
    fixture_expect_values(&f, "", TSR_INT16, wanted, 12);
    fixture_close(&f);
}

static void test_lengths(void **state)
{
    fixture f;

    (void)state;
    fixture_open(&f, "a.npy");
    write_npy(&f, "<i2", "False", "()", "\1\2", 2);
    fixture_expect_values(&f, "", TSR_INT16, "\1\2", 2);
    write_npy(&f, "<i2", "False", "(9223372036854775807, 9, 0)", "", 0);
    fixture_expect_values(&f, "", TSR_INT16, "", 0);
    write_npy(&f, "<i2", "True", "(0, 5)", "", 0);
    fixture_expect_values(&f, "", TSR_INT16, "", 0);
    write_npy(&f, "|V3", "False", "(2,)", "abcdef", 6);
    tsr_array *array = fixture_array(&f, "");
    assert_string_equal(tsr_array_dtype(array)->name, "r24");
    tsr_array_close(array);
    fixture_close(&f);
}

/* The last elements of 5 GB, of which the disk holds a few: they are read alone, and little memory
 * is taken. */
static void test_large(void **state)
{
    static const char *const orders[] = {"False", "True"};
    const int64_t rows = 1250, columns = INT64_C(1) << 20;
    struct rusage before, after;
    fixture f;

    (void)state;
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    for (size_t i = 0; i < 2; i++) {
        float read[2] = {0, 0};
        fixture_open(&f, "large.npy");
        size_t offset = write_npy(&f, "<f4", orders[i], "(1250, 1048576)", "", 0);
        int file = open(f.path, O_WRONLY);
        off_t end = (off_t)offset + 4 * rows * columns;
        if (ftruncate(file, end) < 0) {
            close(file);
            fixture_close(&f);
            skip(); /* a file system without holes */
        }
        assert_int_equal(pwrite(file, (float[]){7, 8}, 8, end - 8), 8);
        close(file);
        tsr_array *array = fixture_array(&f, "");
        /* The last two elements of the file lie along the last axis, or the first in Fortran order.
         */
        const int64_t at[2][2] = {{rows - 1, columns - 2}, {rows - 2, columns - 1}};
        const int64_t shape[2][2] = {{1, 2}, {2, 1}};
        assert_int_equal(
            tsr_array_read(array, at[i], shape[i], NULL, read, sizeof read, NULL, &f.err), 0);
        assert_true(read[0] == 7 && read[1] == 8);
        tsr_array_close(array);
        fixture_close(&f);
    }
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 << 10); /* KiB */
#endif
}

static void test_cut_off(void **state)
{
    static const int16_t wanted[] = {1, 2, 3, 4, 5, 6};
    int16_t read[3] = {0};
    fixture f;
    char where[64];

    (void)state;
    fixture_open(&f, "a.npy");
    size_t offset = write_npy(&f, "<i2", "False", "(6,)", wanted, 12);
    fixture_cut(&f, offset + 6);
    tsr_array *array = fixture_array(&f, "");
    assert_int_equal(tsr_array_read(array, NULL, (int64_t[]){3}, NULL, read, 6, NULL, &f.err), 0);
    assert_memory_equal(read, wanted, 6);
    assert_int_equal(
        tsr_array_read(array, (int64_t[]){2}, (int64_t[]){3}, NULL, read, 6, NULL, &f.err),
        TSR_DAMAGED);
    snprintf(where, sizeof where, "bytes %zu..%zu of ", offset + 4, offset + 10);
    if (!strstr(f.err.where, where))
        fail_msg("\"%s\", not \"%s\"", f.err.where, where);
    tsr_array_close(array);
    fixture_close(&f);
}

/* Another array under the same name is noticed; new elements are read. */
static void test_replaced(void **state)
{
    int16_t read[2] = {0};
    fixture f;

    (void)state;
    fixture_open(&f, "a.npy");
    write_npy(&f, "<i2", "False", "(2,)", "\1\0\2\0", 4);
    tsr_array *array = fixture_array(&f, "");
    write_npy(&f, "<i2", "False", "(2,)", "\3\0\4\0", 4);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, read, 4, NULL, &f.err), 0);
    assert_int_equal(read[1], 4);
    write_npy(&f, ">i2", "False", "(2,)", "\3\0\4\0", 4);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, read, 4, NULL, &f.err), TSR_CONFLICT);
    assert_int_equal(unlink(f.path), 0);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, read, 4, NULL, &f.err), TSR_NOT_FOUND);
    tsr_array_close(array);
    fixture_close(&f);
}

static void test_odd_names(void **state)
{
    static const char *const names[] = {".hidden.npy", "a b%20c.npy", "http:x.npy",
                                        "zarr.json",   "__x.npy",     "a[1].npy"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        fixture f;
        fixture_open(&f, names[i]);
        write_npy(&f, "<i2", "False", "(2,)", "\1\0\2\0", 4);
        fixture_expect_values(&f, "", TSR_INT16, "\1\0\2\0", 4);
        fixture_expect_refused(&f, "below", TSR_NOT_FOUND, "no \"below\"");
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),   cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_large),    cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_replaced), cmocka_unit_test(test_odd_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
