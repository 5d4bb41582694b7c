/* Arrays in archives: stored ones in place, deflated ones through slabs, both in every order of
 * axes and bytes; members that are shorter than they claim, or replaced. */
#include "npz_testing.h"

#include <sys/resource.h>

static const struct {
    const char *descr, *fortran;
    const char *data;
} forms[] = {
    /* The table [[1, 2, 3], [4, 5, 6]]. */
    {"<i2", "False", "\1\0\2\0\3\0\4\0\5\0\6\0"},
    {">i2", "False", "\0\1\0\2\0\3\0\4\0\5\0\6"},
    {"<i2", "True", "\1\0\4\0\2\0\5\0\3\0\6\0"},
    {">i2", "True", "\0\1\0\4\0\2\0\5\0\3\0\6"},
};

static void write_one(const fixture *f, const void *npy, uint32_t size_bytes, unsigned method)
{
    zip_writer *writer = calloc(1, sizeof *writer);
    zip_add(writer, &(zip_entry){
                        .name = "v.npy", .bytes = npy, .size_bytes = size_bytes, .method = method});
    zip_finish(writer, f);
    free(writer);
}

static void write_form(const fixture *f, size_t form, unsigned method)
{
    unsigned char npy[256];
    write_one(
        f, npy,
        npy_bytes(npy, forms[form].descr, forms[form].fortran, "(2, 3)", forms[form].data, 12),
        method);
}

static void test_orders(void **state)
{
    static const int16_t wanted[] = {1, 2, 3, 4, 5, 6};
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    for (size_t i = 0; i < 8; i++) {
        int16_t read[4] = {0};
        write_form(&f, i / 2, i % 2 ? 8 : 0);
        fixture_expect_values(&f, "v", TSR_INT16, wanted, 12);
        tsr_array *array = fixture_array(&f, "v");
        assert_string_equal(tsr_array_driver(array), "npz");
        const int64_t start[] = {0, 1}, shape[] = {2, 2};
        assert_int_equal(tsr_array_read(array, start, shape, NULL, read, sizeof read, NULL, &f.err),
                         0);
        assert_memory_equal(read, ((int16_t[]){2, 3, 5, 6}), sizeof read);
        tsr_array_close(array);
    }
    fixture_close(&f);
}

static void test_lengths(void **state)
{
    static const struct {
        const char *descr, *shape;
        size_t size_bytes;
    } rows[] = {{"<i2", "()", 2},
                {">u1", "(2,)", 2},
                {"<f8", "(0, 5)", 0},
                {"<f8", "(9223372036854775807, 9, 0)", 0}};
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        unsigned char npy[256];
        uint32_t size_bytes = npy_bytes(npy, rows[i / 2].descr, i % 3 ? "True" : "False",
                                        rows[i / 2].shape, "\1\2", rows[i / 2].size_bytes);
        write_one(&f, npy, size_bytes, i % 2 ? 8 : 0);
        tsr_array *array = fixture_array(&f, "v");
        const tsr_dtype *dtype = tsr_array_dtype(array);
        fixture_expect_values(&f, "v", dtype, "\1\2", rows[i / 2].size_bytes);
        tsr_array_close(array);
    }
    fixture_close(&f);
}

/* 12 MiB of zeros and one in 12 KiB: slabs, of which the last is read first, and any box. */
static void test_slabs(void **state)
{
    static const char *const orders[] = {"False", "True"};
    enum { ROWS = 3, COLUMNS = 1 << 20 };
    const size_t size_bytes = (size_t)4 * ROWS * COLUMNS;
    unsigned char *npy = malloc(size_bytes + 256);
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    for (size_t i = 0; i < 2; i++) {
        int32_t *data = calloc(1, size_bytes), read[2] = {0};
        data[ROWS * COLUMNS - 1] = 7;
        data[ROWS * COLUMNS - 2] = 8;
        data[0] = 9;
        uint32_t bytes = npy_bytes(npy, "<i4", orders[i], "(3, 1048576)", data, size_bytes);
        free(data);
        write_one(&f, npy, bytes, 8);
        tsr_array *array = fixture_array(&f, "v");
        assert_int_equal(tsr_array_chunk_shape(array)[i], i ? COLUMNS / 3 : 1);
        assert_int_equal(tsr_array_chunk_shape(array)[1 - i], i ? ROWS : COLUMNS);
        /* The last two elements of the file lie along the last axis, or the first in Fortran's. */
        const int64_t at[2][2] = {{2, COLUMNS - 2}, {1, COLUMNS - 1}};
        const int64_t shape[2][2] = {{1, 2}, {2, 1}};
        assert_int_equal(
            tsr_array_read(array, at[i], shape[i], NULL, read, sizeof read, NULL, &f.err), 0);
        assert_true(read[0] == 8 && read[1] == 7);
        const int64_t first[] = {0, 0}, one[] = {1, 1};
        assert_int_equal(tsr_array_read(array, first, one, NULL, read, 4, NULL, &f.err), 0);
        assert_int_equal(read[0], 9);
        int32_t *whole = malloc(size_bytes);
        assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, whole, size_bytes, NULL, &f.err),
                         0);
        assert_true(whole[0] == 9 && whole[ROWS * COLUMNS - 1] == 7);
        free(whole);
        tsr_array_close(array);
    }
    free(npy);
    fixture_close(&f);
}

/* A header that promises a petabyte costs no memory, whoever made it. */
static void test_bomb(void **state)
{
    static const char *const words[] = {"the header tells of", "the header tells of"};
    struct rusage before, after;
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
    for (size_t i = 0; i < 2; i++) {
        unsigned char npy[512];
        uint32_t bytes = npy_bytes(npy, "<f8", "False", "(1000000, 1000000, 100)", "12345678", 8);
        write_one(&f, npy, bytes, i ? 8 : 0);
        fixture_expect_refused(&f, "v", TSR_DAMAGED, words[i]);
        assert_non_null(strstr(f.err.message, "a.npz/v"));
    }
    /* The same with a directory that agrees: the stream ends early. */
    zip_writer *writer = calloc(1, sizeof *writer);
    unsigned char npy[512];
    uint32_t bytes = npy_bytes(npy, "|i1", "False", "(4000000000,)", "12345678", 8);
    zip_add(writer, &(zip_entry){.name = "v.npy",
                                 .bytes = npy,
                                 .size_bytes = bytes,
                                 .method = 8,
                                 .claimed_bytes = 4000000000u + bytes});
    zip_finish(writer, &f);
    free(writer);
    char read[4];
    tsr_array *array = fixture_array(&f, "v");
    const int64_t start[] = {4}, shape[] = {4}, last[] = {3999999990};
    assert_int_equal(tsr_array_read(array, start, shape, NULL, read, 4, NULL, &f.err), 0);
    assert_memory_equal(read, "5678", 4);
    assert_int_equal(tsr_array_read(array, last, shape, NULL, read, 4, NULL, &f.err), TSR_DAMAGED);
    assert_non_null(strstr(f.err.message, "a.npz/v"));
    tsr_array_close(array);
    assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(after.ru_maxrss - before.ru_maxrss < 16 << 10); /* KiB */
#endif
    fixture_close(&f);
}

static void test_checksum(void **state)
{
    unsigned char npy[256];
    zip_writer *writer = calloc(1, sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    uint32_t bytes = npy_bytes(npy, "|u1", "False", "(4,)", "\1\2\3\4", 4);
    zip_add(writer,
            &(zip_entry){
                .name = "v.npy", .bytes = npy, .size_bytes = bytes, .method = 8, .claimed_crc = 1});
    zip_finish(writer, &f);
    free(writer);
    fixture_expect_unreadable(&f, "v", TSR_DAMAGED, "wrong checksum");
    fixture_close(&f);
}

/* A member that is in place must still be there. */
static void test_replaced(void **state)
{
    int16_t read[6];
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    write_form(&f, 0, 0);
    tsr_array *array = fixture_array(&f, "v");
    write_form(&f, 1, 0);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, read, 12, NULL, &f.err), TSR_CONFLICT);
    write_form(&f, 0, 0);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, read, 12, NULL, &f.err), 0);
    fixture_cut(&f, 115);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, read, 12, NULL, &f.err), TSR_DAMAGED);
    tsr_array_close(array);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),   cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_slabs),    cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_checksum), cmocka_unit_test(test_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
