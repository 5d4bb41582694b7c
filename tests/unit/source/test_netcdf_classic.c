/* Files that were cut off: no byte that is not there is taken for an element.
 *
 * libnetcdf writes the files; what a box needs is known from where the values are found in the
 * bytes. */
#include "source_testing.h"

#include <netcdf.h>

#define RECORDS 5

static void need(int code)
{
    if (code != NC_NOERR)
        fail_msg("libnetcdf: %s", nc_strerror(code));
}

/* fixed: 6 doubles; then records of `pair` (2 shorts) and `single` (a byte, padded). */
static void write_file(const char *path, int format, bool second_record_variable)
{
    int id, dimensions[2], two, six, fixed, pair, single = -1;

    need(nc_create(path, format, &id));
    need(nc_def_dim(id, "time", NC_UNLIMITED, &dimensions[0]));
    need(nc_def_dim(id, "two", 2, &two));
    need(nc_def_dim(id, "six", 6, &six));
    dimensions[1] = two;
    need(nc_put_att_text(id, NC_GLOBAL, "title", 5, "hello"));
    need(nc_def_var(id, "fixed", NC_DOUBLE, 1, &six, &fixed));
    need(nc_def_var(id, "pair", NC_SHORT, 2, dimensions, &pair));
    if (second_record_variable)
        need(nc_def_var(id, "single", NC_BYTE, 1, dimensions, &single));
    need(nc_enddef(id));
    need(nc_put_var_double(id, fixed, (double[]){1, 2, 3, 4, 5, 6}));
    for (short i = 0; i < RECORDS; i++) {
        size_t start[2] = {(size_t)i, 0}, count[2] = {1, 2};
        need(nc_put_vara_short(id, pair, start, count, (short[]){i, (short)(0x1110 + i)}));
        if (single >= 0)
            need(nc_put_vara_schar(id, single, start, count,
                                   (signed char[]){(signed char)(40 + i)}));
    }
    need(nc_close(id));
}

static const int16_t pairs[] = {0, 0x1110, 1, 0x1111, 2, 0x1112, 3, 0x1113, 4, 0x1114};
static const double doubles[] = {1, 2, 3, 4, 5, 6};

static void test_whole(void **state)
{
    static const int formats[] = {0, NC_64BIT_OFFSET, NC_64BIT_DATA};
    fixture f;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        fixture_open(&f, "a.nc");
        write_file(f.path, formats[i % 3], i < 3);
        fixture_expect_values(&f, "fixed", TSR_FLOAT64, doubles, sizeof doubles);
        fixture_expect_values(&f, "pair", TSR_INT16, pairs, sizeof pairs);
        if (i < 3)
            fixture_expect_values(&f, "single", TSR_INT8, "\x28\x29\x2a\x2b\x2c", RECORDS);
        fixture_close(&f);
    }
}

/* Where a pattern of bytes ends in the file. */
static size_t end_of(const fixture *f, const void *pattern, size_t pattern_bytes)
{
    size_t size_bytes;
    char *bytes = temporary_file_read(f->path, &size_bytes);
    char *found = memmem(bytes, size_bytes, pattern, pattern_bytes);
    assert_non_null(found);
    size_t end = (size_t)(found - bytes) + pattern_bytes;
    free(bytes);
    return end;
}

/* Cut one byte before the last element of a variable it is damaged, behind that element it is
 * whole: the padding at the end of a file may be missing. */
static void expect_edge(int format, bool second, const char *variable, const void *last,
                        size_t last_bytes, const tsr_dtype *dtype, const void *values,
                        size_t size_bytes)
{
    fixture f;
    char where[64];

    fixture_open(&f, "a.nc");
    write_file(f.path, format, second);
    size_t end = end_of(&f, last, last_bytes);
    fixture_cut(&f, end);
    fixture_expect_values(&f, variable, dtype, values, size_bytes);
    fixture_cut(&f, end - 1);
    snprintf(where, sizeof where, "..%zu of ", end);
    fixture_expect_unreadable(&f, variable, TSR_DAMAGED, where);
    fixture_close(&f);
}

static void test_cut_elements(void **state)
{
    static const int formats[] = {0, NC_64BIT_OFFSET, NC_64BIT_DATA};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        expect_edge(formats[i], true, "fixed", "\x40\x18\0\0\0\0\0\0", 8, TSR_FLOAT64, doubles,
                    sizeof doubles);
        expect_edge(formats[i], true, "pair", "\0\4\x11\x14", 4, TSR_INT16, pairs, sizeof pairs);
        expect_edge(formats[i], false, "pair", "\0\4\x11\x14", 4, TSR_INT16, pairs, sizeof pairs);
        expect_edge(formats[i], true, "single", "\x11\x14\x2c", 3, TSR_INT8, "\x28\x29\x2a\x2b\x2c",
                    RECORDS);
    }
}

/* What lies before the cut can be read. */
static void test_part(void **state)
{
    fixture f;
    int16_t read[4];
    const int64_t start[] = {1, 0}, shape[] = {2, 2};

    (void)state;
    fixture_open(&f, "a.nc");
    write_file(f.path, 0, true);
    fixture_cut(&f, end_of(&f, "\0\2\x11\x12", 4));
    tsr_array *array = fixture_array(&f, "pair");
    assert_int_equal(tsr_array_read(array, start, shape, NULL, read, sizeof read, NULL, &f.err), 0);
    assert_memory_equal(read, pairs + 2, sizeof read);
    assert_int_equal(
        tsr_array_read(array, (int64_t[]){3, 0}, shape, NULL, read, sizeof read, NULL, &f.err),
        TSR_DAMAGED);
    tsr_array_close(array);
    fixture_close(&f);
}

/* A header that was cut off anywhere is damage, never an empty file. */
static void test_cut_header(void **state)
{
    static const int formats[] = {0, NC_64BIT_OFFSET, NC_64BIT_DATA};
    fixture f;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fixture_open(&f, "a.nc");
        write_file(f.path, formats[i], true);
        size_t header = end_of(&f, "\x3f\xf0\0\0\0\0\0\0\x40\0", 10) - 10;
        for (size_t size_bytes = header - 1; size_bytes >= 4; size_bytes--) {
            fixture_cut(&f, size_bytes);
            fixture_expect_refused(&f, "fixed", TSR_DAMAGED, "in the netCDF header");
        }
        fixture_close(&f);
    }
}

/* Headers that ask for what cannot be: each byte of a good one set to 0xff in turn opens or is
 * refused, and takes no time or memory. */
static void test_hostile(void **state)
{
    fixture f;
    size_t size_bytes;

    (void)state;
    fixture_open(&f, "a.nc");
    write_file(f.path, NC_64BIT_DATA, true);
    char *bytes = temporary_file_read(f.path, &size_bytes);
    size_t header = end_of(&f, "\x3f\xf0\0\0\0\0\0\0\x40\0", 10) - 10;
    for (size_t i = 4; i < header; i++) {
        tsr_array *array = NULL;
        char kept = bytes[i];
        bytes[i] = (char)0xff;
        temporary_file_write(f.path, bytes, size_bytes);
        int status = fixture_try(&f, "fixed", &array);
        if (status == 0)
            tsr_array_close(array);
        else
            assert_true(f.err.message[0]);
        bytes[i] = kept;
    }
    free(bytes);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),   cmocka_unit_test(test_cut_elements),
        cmocka_unit_test(test_part),    cmocka_unit_test(test_cut_header),
        cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
