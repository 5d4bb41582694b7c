/* The folder of a file as a store, however the file is named. */
#include "source_testing.h"

#include <unistd.h>

#include "source/folder.h"

static void expect_found(fixture *f, const char *path, const char *name)
{
    tsr_store *store = NULL;
    const char *found = NULL;
    tsr_blob *blob = NULL;

    if (tsri_folder_open(f->context, path, &store, &found, &f->err) < 0)
        fail_msg("%s: %s", path, f->err.message);
    assert_string_equal(found, name);
    assert_int_equal(
        tsr_store_get(store, found, (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &blob, NULL, &f->err),
        0);
    assert_int_equal(tsr_blob_size(blob), 3);
    tsr_blob_unref(blob);
    tsr_store_close(store);
}

static void test_names(void **state)
{
    char before[4096];
    fixture f;

    (void)state;
    fixture_open(&f, "a b.png");
    temporary_file_write(f.path, "abc", 3);
    expect_found(&f, f.path, "a b.png");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f.folder), 0);
    expect_found(&f, "a b.png", "a b.png");
    expect_found(&f, "./a b.png", "a b.png");
    /* A name that looks like a URL. */
    temporary_file_write("http:x", "xyz", 3);
    expect_found(&f, "http:x", "http:x");
    assert_int_equal(chdir(before), 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
