/* Which format a file is taken for, and what happens to those that are of none. */
#include "source_testing.h"

#include <sys/stat.h>
#include <unistd.h>

#include "source/formats.h"

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; tsri_formats[i]; i++) {
        const tsr_format_ops *format = tsri_formats[i];
        assert_int_equal(format->struct_size, sizeof *format);
        assert_non_null(format->name);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(format->name, tsri_formats[k]->name);
        /* No format takes nothing, zeros or text. */
        assert_false(format->recognise("", 0, "file"));
        assert_false(format->recognise("\0\0\0\0\0\0\0\0\0\0\0\0", 12, "file"));
        assert_false(format->recognise("a text of some length\n", 22, "file"));
    }
}

static void expect_status(const char *name, const char *bytes, size_t size_bytes, int status,
                          const char *words)
{
    fixture f;
    fixture_open(&f, name);
    temporary_file_write(f.path, bytes, size_bytes);
    fixture_expect_refused(&f, "", status, words);
    fixture_close(&f);
}

/* What a file claims by its name does not count; what it claims by its bytes is held against it. */
static void test_claims(void **state)
{
    (void)state;
    expect_status("a.nc", "", 0, TSR_UNSUPPORTED, "no format that is known");
    expect_status("a.nc", "not netCDF at all", 17, TSR_UNSUPPORTED, "no format that is known");
    expect_status("a.npy", "\x93NUM", 4, TSR_UNSUPPORTED, "no format that is known");
    expect_status("a.npy", "\x93NUMPY", 6, TSR_DAMAGED, "ends inside");
    expect_status("a.txt", "CDF\1", 4, TSR_DAMAGED, "netCDF header");
    expect_status("a", "CDF\7", 4, TSR_UNSUPPORTED, "no format that is known");
}

static void test_no_permission(void **state)
{
    fixture f;

    (void)state;
    if (geteuid() == 0)
        skip();
    fixture_open(&f, "a.npy");
    temporary_file_write(f.path, "\x93NUMPY", 6);
    assert_int_equal(chmod(f.path, 0), 0);
    fixture_expect_refused(&f, "", TSR_PERMISSION, f.path);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_table), cmocka_unit_test(test_claims),
                                       cmocka_unit_test(test_no_permission)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
