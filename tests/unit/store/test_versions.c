/* Proves of the folder with the versions of a tree: where it lies and for which places there is
 * none, that its lock excludes whoever else comes, also in this process, that versions are numbered
 * from the highest on, and that a version is removed with all that lies beside it. */
#include "store_testing.h"

#include <errno.h>
#include <fcntl.h>

#include "store/versions.h"

typedef struct subject {
    tsr_context *context;
    char *folder;
    tsr_error err;
} subject;

static int set_up(void **state)
{
    subject *self = calloc(1, sizeof *self);
    self->folder = temporary_folder_new();
    assert_int_equal(tsr_context_new(NULL, &self->context, NULL), 0);
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    subject *self = *state;
    tsr_context_free(self->context);
    temporary_folder_remove(self->folder);
    free(self);
    return 0;
}

#define SUBJECT_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

static void open_versions(subject *self, tsri_versions *ret)
{
    char *place = temporary_path(self->folder, "t.zarr");
    if (tsri_versions_open(self->context, place, ret, &self->err) < 0)
        fail_msg("open: %s", self->err.message);
    free(place);
}

/* A file or folder in the folder with the versions. */
static void make(const subject *self, const char *name, bool is_folder)
{
    char path[4400];
    snprintf(path, sizeof path, "%s/.t.zarr.versions__lock/%s", self->folder, name);
    if (is_folder)
        assert_int_equal(mkdir(path, 0777), 0);
    else
        temporary_file_write(path, "x", 1);
}

static bool exists(const subject *self, const char *name)
{
    char path[4400];
    struct stat status;
    snprintf(path, sizeof path, "%s/.t.zarr.versions__lock/%s", self->folder, name);
    return lstat(path, &status) == 0;
}

static void places_have_their_versions_beside_them(void **state)
{
    subject *self = *state;
    tsri_versions versions;
    open_versions(self, &versions);
    assert_string_equal(versions.name, "t.zarr");
    assert_string_equal(versions.container_name, ".t.zarr.versions__lock");
    assert_int_equal(versions.container, -1);
    assert_int_equal(tsri_versions_make(&versions, &self->err), 0);
    assert_int_equal(tsri_versions_make(&versions, &self->err), 0);
    assert_true(versions.container >= 0);
    char *version = tsri_versions_path(&versions, "draft-1", false),
         *tree = tsri_versions_path(&versions, "draft-1", true), expected[4400];
    int size =
        snprintf(expected, sizeof expected, "%s/.t.zarr.versions__lock/draft-1", self->folder);
    assert_string_equal(version, expected);
    snprintf(expected + size, sizeof expected - (size_t)size, "/t.zarr");
    assert_string_equal(tree, expected);
    tsri_free(version);
    tsri_free(tree);
    tsri_versions_close(&versions);
    open_versions(self, &versions); /* now it is found */
    assert_true(versions.container >= 0);
    tsri_versions_close(&versions);
    tsri_versions_close(&versions);
}

static void expect_none(subject *self, const char *place, int expected)
{
    tsri_versions versions;
    tsr_error_clear(&self->err);
    int status = tsri_versions_open(self->context, place, &versions, &self->err);
    if (status != expected || !self->err.message[0])
        fail_msg("%s: %d, not %d (%s)", place, status, expected, self->err.message);
}

static void some_places_can_have_none(void **state)
{
    subject *self = *state;
    char path[4400], name[TSRI_FS_NAME_MAX + 1];
    expect_none(self, "memory:", TSR_UNSUPPORTED);
    expect_none(self, "/", TSR_INVALID_ARGUMENT);
    expect_none(self, "..", TSR_INVALID_ARGUMENT);
    snprintf(path, sizeof path, "%s/.", self->folder);
    expect_none(self, path, TSR_INVALID_ARGUMENT);
    snprintf(path, sizeof path, "%s/none/t.zarr", self->folder);
    expect_none(self, path, TSR_NOT_FOUND);
    /* A name that fits, but not with what is put around it. */
    memset(name, 'n', sizeof name - 10);
    name[sizeof name - 10] = 0;
    snprintf(path, sizeof path, "%s/%s", self->folder, name);
    expect_none(self, path, TSR_INVALID_ARGUMENT);
}

static void the_lock_excludes_all_others(void **state)
{
    subject *self = *state;
    tsri_versions one, other;
    const tsr_call at_once = {.deadline_ms = 1};
    open_versions(self, &one);
    assert_int_equal(tsri_versions_make(&one, &self->err), 0);
    open_versions(self, &other);
    tsri_watch patient = tsri_watch_start(self->context, NULL);
    assert_int_equal(tsri_versions_lock(&one, &patient, &self->err), 0);
    tsri_watch hasty = tsri_watch_start(self->context, &at_once);
    assert_int_equal(tsri_versions_lock(&other, &hasty, &self->err), TSR_DEADLINE);
    assert_non_null(strstr(self->err.where, "another transaction of t.zarr"));
    assert_int_equal(other.lock, -1);
    int file = tsri_fs_openat(other.fs, other.container, TSRI_VERSIONS_LOCK_NAME, O_RDWR);
    assert_int_equal(tsri_versions_lock_file(&other, file, "lock", NULL, &self->err), 1);
    tsri_versions_unlock(&one);
    assert_int_equal(tsri_versions_lock_file(&other, file, "lock", NULL, &self->err), 0);
    tsri_fs_close(other.fs, file);
    assert_int_equal(tsri_versions_lock(&other, &patient, &self->err), 0);
    tsri_versions_close(&other); /* gives the lock back */
    assert_int_equal(tsri_versions_lock(&one, &patient, &self->err), 0);
    tsri_versions_close(&one);
}

static void numbers_are_those_of_names(void **state)
{
    static const struct {
        const char *name;
        int64_t number;
    } rows[] = {{"0000000012.20261122T110301Z", 12},
                {"9223372036854775807.x", INT64_MAX},
                {"9223372036854775808.x", 0},
                {"0000000000.20261122T110301Z", 0},
                {"12", 0},
                {"-1.x", 0},
                {" 1.x", 0},
                {"draft-0123456789abcdef", 0},
                {"lock", 0},
                {"", 0}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(tsri_version_number(rows[i].name), rows[i].number);
}

static int find_thirteen(void *user, const char *name)
{
    if (tsri_version_number(name) == 13)
        snprintf(user, 100, "%s", name);
    return 0;
}

static int stop_at_once(void *user, const char *name)
{
    (void)name;
    ++*(int *)user;
    return 7;
}

static void a_version_gets_the_next_number(void **state)
{
    subject *self = *state;
    tsri_versions versions;
    char name[100] = "";
    int seen = 0;
    open_versions(self, &versions);
    assert_int_equal(tsri_versions_make(&versions, &self->err), 0);
    make(self, "0000000012.20261122T110301Z", true);
    make(self, "0000000003.20261121T110301Z", true);
    make(self, "draft-1", true);
    assert_int_equal(tsri_versions_number(&versions, "draft-1", &self->err), 0);
    assert_false(exists(self, "draft-1"));
    assert_int_equal(tsri_versions_list(&versions, find_thirteen, name, &self->err), 0);
    assert_int_equal(strlen(name), strlen("0000000013.20261122T110301Z"));
    assert_int_equal(strncmp(name, "0000000013.20", 13), 0);
    assert_int_equal(tsri_versions_number(&versions, "draft-2", &self->err), TSR_NOT_FOUND);
    assert_int_equal(tsri_versions_list(&versions, stop_at_once, &seen, &self->err), 7);
    assert_int_equal(seen, 1);
    tsri_versions_close(&versions);
}

static void a_version_goes_with_all_that_lies_beside_it(void **state)
{
    subject *self = *state;
    tsri_versions versions;
    open_versions(self, &versions);
    assert_int_equal(tsri_versions_make(&versions, &self->err), 0);
    make(self, "draft-1", true);
    make(self, "draft-1/record__lock", false);
    make(self, "draft-1/t.zarr", true);
    make(self, "draft-1/t.zarr/c", true);
    make(self, "draft-1/t.zarr/c/0", false);
    make(self, "draft-1/t.zarr/c/1.__lock", false);
    make(self, "draft-2", true);
    assert_int_equal(tsri_versions_remove(&versions, "draft-1", NULL, &self->err), 0);
    assert_false(exists(self, "draft-1"));
    assert_true(exists(self, "draft-2"));
    assert_int_equal(tsri_versions_remove(&versions, "draft-1", NULL, &self->err), 0);
    tsri_versions_close(&versions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SUBJECT_TEST(places_have_their_versions_beside_them),
        SUBJECT_TEST(some_places_can_have_none),
        SUBJECT_TEST(the_lock_excludes_all_others),
        cmocka_unit_test(numbers_are_those_of_names),
        SUBJECT_TEST(a_version_gets_the_next_number),
        SUBJECT_TEST(a_version_goes_with_all_that_lies_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
