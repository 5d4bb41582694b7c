/* Variables as arrays: types, lengths, names, fill values, boxes; also in a forked child. */
#include "netcdf_testing.h"

#include <sys/wait.h>
#include <unistd.h>

static void test_types(void **state)
{
    static const struct {
        nc_type type;
        const tsr_dtype *dtype;
        const char *bytes; /* two elements, little-endian */
    } rows[] = {
        {NC_BYTE, TSR_INT8, "\xff\x01"},
        {NC_CHAR, TSR_UINT8, "ab"},
        {NC_UBYTE, TSR_UINT8, "\xff\x01"},
        {NC_SHORT, TSR_INT16, "\1\2\3\4"},
        {NC_USHORT, TSR_UINT16, "\1\2\3\xff"},
        {NC_INT, TSR_INT32, "\1\2\3\4\5\6\7\x88"},
        {NC_UINT, TSR_UINT32, "\1\2\3\4\5\6\7\x88"},
        {NC_INT64, TSR_INT64,
         "\1\2\3\4\5\6\7\x88"
         "abcdefgh"},
        {NC_UINT64, TSR_UINT64,
         "\1\2\3\4\5\6\7\x88"
         "abcdefgh"},
        {NC_FLOAT, TSR_FLOAT32, "\0\0\x80\x3f\0\0\0\xc0"},
        {NC_DOUBLE, TSR_FLOAT64, "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\xc0"},
    };
    static const int formats[] = {NC_64BIT_DATA, NC_NETCDF4};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        const size_t row = i / 2;
        fixture f;
        int id, axis, v;
        fixture_open(&f, "a.nc");
        id = netcdf_create(&f, formats[i % 2]);
        need(nc_def_dim(id, "x", 2, &axis));
        need(nc_def_var(id, "v", rows[row].type, 1, &axis, &v));
        if (formats[i % 2] == NC_NETCDF4 && rows[row].type != NC_CHAR)
            need(nc_def_var_endian(id, v, NC_ENDIAN_BIG));
        need(nc_enddef(id));
        need(nc_put_var(id, v, rows[row].bytes));
        need(nc_close(id));
        fixture_expect_values(&f, "v", rows[row].dtype, rows[row].bytes,
                              2 * rows[row].dtype->size_bytes);
        fixture_close(&f);
    }
}

/* A table of 7 x 9 x 5 with chunks that do not divide it, packed. */
static void write_table(const fixture *f, int format)
{
    int id = netcdf_create(f, format), axes[3], v;
    int32_t values[7 * 9 * 5];

    for (int i = 0; i < 7 * 9 * 5; i++)
        values[i] = i * i - 1000;
    need(nc_def_dim(id, "time", NC_UNLIMITED, &axes[0]));
    need(nc_def_dim(id, "lat", 9, &axes[1]));
    need(nc_def_dim(id, "lon", 5, &axes[2]));
    need(nc_def_var(id, "v", NC_INT, 3, axes, &v));
    if (format == NC_NETCDF4) {
        need(nc_def_var_chunking(id, v, NC_CHUNKED, (size_t[]){2, 4, 3}));
        need(nc_def_var_deflate(id, v, 1, 1, 5));
    }
    need(nc_enddef(id));
    need(nc_put_vara_int(id, v, (size_t[]){0, 0, 0}, (size_t[]){7, 9, 5}, values));
    need(nc_close(id));
}

static void test_boxes(void **state)
{
    static const int formats[] = {0, NC_64BIT_OFFSET, NC_NETCDF4};
    const int64_t start[] = {1, 2, 4}, shape[] = {5, 7, 1}, step[] = {2, 3, 1};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        fixture f;
        int32_t read[3 * 3];
        fixture_open(&f, "a.nc");
        write_table(&f, formats[i]);
        tsr_array *array = fixture_array(&f, "v");
        assert_int_equal(tsr_array_rank(array), 3);
        assert_int_equal(tsr_array_shape(array)[0], 7);
        assert_string_equal(tsr_array_dimension_name(array, 0), "time");
        assert_string_equal(tsr_array_dimension_name(array, 2), "lon");
        assert_int_equal(tsr_array_read(array, start, (int64_t[]){3, 3, 1}, step, read, sizeof read,
                                        NULL, &f.err),
                         0);
        for (int t = 0; t < 3; t++) {
            for (int y = 0; y < 3; y++) {
                int at = ((1 + 2 * t) * 9 + 2 + 3 * y) * 5 + 4;
                assert_int_equal(read[t * 3 + y], at * at - 1000);
            }
        }
        tsr_array_close(array);
        fixture_close(&f);
    }
    (void)shape;
}

/* A dimension is as long as its longest variable; the others are filled up. */
static void test_unlimited(void **state)
{
    fixture f;
    int id, time, v, w, empty, other;
    const float filled[] = {1, 2, -5, -5};

    (void)state;
    fixture_open(&f, "a.nc");
    id = netcdf_create(&f, NC_NETCDF4);
    need(nc_def_dim(id, "time", NC_UNLIMITED, &time));
    need(nc_def_dim(id, "never", NC_UNLIMITED, &other));
    need(nc_def_var(id, "v", NC_FLOAT, 1, &time, &v));
    need(nc_def_var_fill(id, v, NC_FILL, (float[]){-5}));
    need(nc_def_var(id, "w", NC_INT, 1, &time, &w));
    need(nc_def_var(id, "empty", NC_INT, 1, &other, &empty));
    need(nc_put_vara_float(id, v, (size_t[]){0}, (size_t[]){2}, (float[]){1, 2}));
    need(nc_put_vara_int(id, w, (size_t[]){0}, (size_t[]){4}, (int[]){1, 2, 3, 4}));
    need(nc_close(id));
    fixture_expect_values(&f, "v", TSR_FLOAT32, filled, sizeof filled);
    fixture_expect_values(&f, "empty", TSR_INT32, "", 0);
    tsr_array *array = fixture_array(&f, "v");
    assert_memory_equal(tsr_array_fill_value(array), &(float){-5}, 4);
    tsr_array_close(array);
    fixture_close(&f);
}

/* Old files have fill values of another type than the variable's. */
static void test_fill_value_of_another_type(void **state)
{
    fixture f;
    int id, good, bad;

    (void)state;
    fixture_open(&f, "a.nc");
    id = netcdf_create(&f, 0);
    need(nc_def_var(id, "good", NC_SHORT, 0, NULL, &good));
    need(nc_def_var(id, "bad", NC_SHORT, 0, NULL, &bad));
    need(nc_put_att_text(id, good, "Fill_Value", 1, "x"));
    need(nc_put_att_text(id, bad, "Fill_Value", 1, "x"));
    need(nc_put_att_double(id, good, "xFillValue", NC_DOUBLE, 1, (double[]){-99}));
    need(nc_put_att_double(id, bad, "xFillValue", NC_DOUBLE, 1, (double[]){0.5}));
    need(nc_close(id));
    /* libnetcdf does not write such files: the name is changed in the bytes. */
    size_t size_bytes;
    char *bytes = temporary_file_read(f.path, &size_bytes), *at = bytes;
    while ((at = memmem(at, size_bytes - (size_t)(at - bytes), "xFillValue", 10)))
        *at = '_';
    temporary_file_write(f.path, bytes, size_bytes);
    free(bytes);
    tsr_array *array = fixture_array(&f, "good");
    assert_memory_equal(tsr_array_fill_value(array), &(int16_t){-99}, 2);
    tsr_array_close(array);
    array = fixture_array(&f, "bad");
    assert_memory_equal(tsr_array_fill_value(array), &(int16_t){0}, 2);
    tsr_array_close(array);
    fixture_close(&f);
}

/* A child reads on while its parent does, each at its own place in the file. */
static void test_fork(void **state)
{
    static const int formats[] = {0, NC_NETCDF4};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        fixture f;
        int32_t read[45];
        int status;
        const int64_t shape[] = {1, 9, 5};
        fixture_open(&f, "a.nc");
        write_table(&f, formats[i]);
        tsr_array *array = fixture_array(&f, "v");
        pid_t child = fork();
        bool good = true;
        for (int round = 0; round < 200 && good; round++) {
            const int64_t start[] = {round % 7, 0, 0};
            good = tsr_array_read(array, start, shape, NULL, read, sizeof read, NULL, NULL) == 0;
            for (int k = 0; k < 45; k++) {
                int at = round % 7 * 45 + k;
                good = good && read[k] == at * at - 1000;
            }
        }
        if (child == 0)
            _exit(good ? 0 : 1);
        assert_true(good);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        tsr_array_close(array);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),     cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_unlimited), cmocka_unit_test(test_fill_value_of_another_type),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
