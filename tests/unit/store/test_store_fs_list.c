/* Proves what is listed and what is not, that links do not lead round in circles, and that removing
 * a tree stays inside the store and leaves living writers alone. */
#include "store_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool exists(fixture *f, const char *key)
{
    char path[4200];
    struct stat status;
    return lstat(path_of(f, key, path), &status) == 0;
}

static void touch(fixture *f, const char *key)
{
    char path[4200];
    temporary_file_write(path_of(f, key, path), "x", 1);
}

static void make_link(fixture *f, const char *target, const char *key)
{
    char path[4200];
    assert_int_equal(symlink(target, path_of(f, key, path)), 0);
}

static void files_of_the_store_are_not_listed(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    put_good(f, "d/k", "1");
    assert_int_equal(tsr_store_lock(f->store, "d/k", NULL, &lock, &f->err), 0);
    touch(f, "d/__tmp_0123456789abcdef.__lock");
    touch(f, "x__lock");
    assert_names(f, "", false, "d/k");
    assert_names(f, "", true, "d/");
    assert_names(f, "d/", true, "k");
    tsr_store_unlock(f->store, lock);
}

static int join_entry(void *user, const tsr_store_entry *entry)
{
    char *names = user;
    sprintf(names + strlen(names), " %s=%d", entry->name, (int)entry->size_bytes);
    return 0;
}

static void what_dead_writers_left_is_listed(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    char names[256] = "", below[256] = "", path[4200];
    put_good(f, "d/k", "1");
    assert_int_equal(tsr_store_lock(f->store, "d/k", NULL, &lock, &f->err), 0);
    touch(f, "d/__tmp_0123456789abcdef.__lock");
    touch(f, "x__lock");
    assert_int_equal(mkdir(path_of(f, "folder__lock", path), 0777), 0);
    touch(f, "folder__lock/y__lock");
    make_link(f, "nowhere", "z__lock");
    assert_int_equal(tsr_store_list_left_over(f->store, "", join_entry, names, NULL, &f->err), 0);
    assert_string_equal(names, " d/__tmp_0123456789abcdef.__lock=1 x__lock=1");
    assert_int_equal(tsr_store_list_left_over(f->store, "d/", join_entry, below, NULL, &f->err), 0);
    assert_string_equal(below, " __tmp_0123456789abcdef.__lock=1");
    tsr_store_unlock(f->store, lock);
}

/* A name that cannot be a key has none. */
static void names_that_are_no_keys_are_not_listed(void **state)
{
    fixture *f = *state;
    touch(f, "bad\xff");
    touch(f, "good\xc3\xa4");
    touch(f, " ");
    assert_names(f, "", false, "  good\xc3\xa4");
}

static int count_entry(void *user, const tsr_store_entry *entry)
{
    (void)entry;
    ++*(int *)user;
    return 0;
}

static void circles_of_links_end(void **state)
{
    fixture *f = *state;
    put_good(f, "a/b/k", "1");
    make_link(f, "..", "a/b/up");
    make_link(f, ".", "a/self");
    make_link(f, "a", "twin");
    assert_names(f, "", false, "a/b/k twin/b/k");
    assert_names(f, "a/b/up/b/", false, "k");
    /* Who goes down level by level comes to an end as well. */
    assert_names(f, "a/", true, "b/ self/");
    assert_names(f, "a/self/", true, "");
    assert_names(f, "a/b/", true, "k up/");
    assert_names(f, "a/b/up/", true, "");
    assert_names(f, "twin/b/", true, "k up/");
    assert_names(f, "twin/b/up/", true, "");
    fixture_close(f);
    fixture_open(f, false);
    assert_names(f, "", false, "a/b/k");
}

/* Without any circle there would be 2^30 keys. */
static void links_that_branch_are_refused(void **state)
{
    fixture *f = *state;
    char key[32], target[32];
    int keys = 0;
    for (int i = 0; i < 30; i++) {
        snprintf(key, sizeof key, "%d/k", i);
        put_good(f, key, "1");
        snprintf(target, sizeof target, "../%d", i + 1);
        snprintf(key, sizeof key, "%d/a", i);
        make_link(f, target, key);
        snprintf(key, sizeof key, "%d/b", i);
        make_link(f, target, key);
    }
    int status = tsr_store_list(f->store, "0/", false, count_entry, &keys, NULL, &f->err);
    assert_int_equal(status, TSR_LIMIT);
    assert_non_null(strstr(f->err.message, "folders that are symbolic links"));
    assert_true(f->err.next_step[0] != '\0');
    tsr_error_clear(&f->err);
    keys = 0;
    assert_int_equal(tsr_store_list(f->store, "25/", false, count_entry, &keys, NULL, &f->err), 0);
    assert_int_equal(keys, (1 << 5) - 1);
}

static void sizes_are_those_of_what_links_lead_to(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "12345");
    make_link(f, "a", "b");
    char names[64] = "";
    assert_int_equal(tsr_store_list(f->store, "", false, append_name, names, NULL, &f->err), 0);
    assert_string_equal(names, "a b");
}

static int add_size(void *user, const tsr_store_entry *entry)
{
    *(int64_t *)user += entry->size_bytes;
    return 0;
}

static void sizes_are_exact(void **state)
{
    fixture *f = *state;
    int64_t sum = 0;
    put_good(f, "a", "12345");
    make_link(f, "a", "b");
    put_good(f, "c", "");
    put_good(f, "d/e", "123");
    assert_int_equal(tsr_store_list(f->store, "", false, add_size, &sum, NULL, &f->err), 0);
    assert_int_equal(sum, 13);
}

/* File systems that do not tell the kind of an entry are asked for it. */
static struct dirent *readdir_without_kinds(const tsr_system *system, DIR *stream)
{
    (void)system;
    struct dirent *entry = tsr_system_default()->readdir(tsr_system_default(), stream);
    if (entry)
        entry->d_type = DT_UNKNOWN;
    return entry;
}

static void kinds_may_be_unknown(void **state)
{
    fixture *f = *state;
    put_good(f, "a/b/k", "1");
    put_good(f, "c", "1");
    make_link(f, "/", "a/root");
    f->faulty.system.readdir = readdir_without_kinds;
    assert_names(f, "a/b/", true, "k");
    assert_names(f, "", true, "a/ c");
    assert_int_equal(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), 0);
    assert_names(f, "", false, "c");
}

static void a_folder_that_cannot_be_read_is_an_error(void **state)
{
    fixture *f = *state;
    put_good(f, "a/b/k", "1");
    char names[64] = "";
    faulty_system_fail(&f->faulty, "readdir", 2, EIO, false);
    assert_int_equal(tsr_store_list(f->store, "", false, append_name, names, NULL, &f->err),
                     TSR_IO);
    faulty_system_fail(&f->faulty, "openat", 2, EACCES, false);
    assert_int_equal(tsr_store_list(f->store, "", false, append_name, names, NULL, &f->err),
                     TSR_PERMISSION);
    assert_non_null(strstr(f->err.message, "/a"));
}

/* ---- Removing ---- */

static void links_are_removed_and_not_followed(void **state)
{
    fixture *f = *state;
    char *outside = temporary_folder_new(), *victim = temporary_path(outside, "victim");
    temporary_file_write(victim, "keep", 4);
    put_good(f, "a/b/k", "1");
    make_link(f, outside, "a/b/out");
    make_link(f, victim, "a/one");
    make_link(f, outside, "c");
    assert_int_equal(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), 0);
    assert_false(exists(f, "a"));
    assert_int_equal(tsr_store_erase_prefix(f->store, "c/", NULL, &f->err), 0);
    assert_false(exists(f, "c"));
    make_link(f, outside, "d");
    assert_int_equal(tsr_store_erase_prefix(f->store, "", NULL, &f->err), 0);
    assert_int_equal(access(victim, F_OK), 0);
    free(victim);
    temporary_folder_remove(outside);
}

static void a_link_in_the_place_of_the_root_stays(void **state)
{
    fixture *f = *state;
    char path[4200];
    tsr_store *store = NULL;
    put_good(f, "real/a/k", "1");
    make_link(f, "real", "link");
    assert_int_equal(tsr_store_open(f->context, path_of(f, "link", path), &store, &f->err), 0);
    assert_int_equal(tsr_store_erase_prefix(store, "", NULL, &f->err), 0);
    tsr_store_close(store);
    assert_true(exists(f, "link"));
    assert_true(exists(f, "real"));
    assert_names(f, "", false, "");
}

/* Who lists keys to see which values there are must not take these for absent. */
static void what_is_no_file_is_listed_without_a_size(void **state)
{
    fixture *f = *state;
    char path[4200];
    int64_t sum = 0;
    put_good(f, "k", "1");
    assert_int_equal(mkfifo(path_of(f, "fifo", path), 0666), 0);
    make_link(f, "loop", "loop");
    make_link(f, "nowhere", "gone");
    assert_names(f, "", false, "fifo k loop");
    assert_int_equal(tsr_store_list(f->store, "", false, add_size, &sum, NULL, &f->err), 0);
    assert_int_equal(sum, 1 - 2);
}

static void foreign_files_go_too(void **state)
{
    fixture *f = *state;
    char path[4200];
    put_good(f, "a/k", "1");
    touch(f, "a/bad\xff");
    touch(f, "a/k.__lock");
    touch(f, "a/zarr.json.0123.partial");
    assert_int_equal(mkfifo(path_of(f, "a/fifo", path), 0666), 0);
    assert_int_equal(mkdir(path_of(f, "a/x__lock", path), 0777), 0);
    touch(f, "a/x__lock/y");
    assert_int_equal(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), 0);
    assert_false(exists(f, "a"));
}

static void what_cannot_be_removed_is_named(void **state)
{
    fixture *f = *state;
    char path[4200];
    put_good(f, "a/b/k", "1");
    put_good(f, "a/b/l", "1");
    faulty_system_fail(&f->faulty, "unlinkat", 2, EACCES, false);
    assert_int_equal(tsr_store_erase_prefix(f->store, "", NULL, &f->err), TSR_PERMISSION);
    assert_non_null(strstr(f->err.message, path_of(f, "a/b/l", path)));
    assert_false(exists(f, "a/b/k"));
    faulty_system_fail(&f->faulty, "unlinkat", 2, EACCES, false);
    assert_int_equal(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), TSR_PERMISSION);
    assert_non_null(strstr(f->err.message, "/a/b:"));
}

/* Taking away the lock file of a writer would let a second one in. */
static void the_lock_of_a_living_writer_stays(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    put_good(f, "a/k", "1");
    put_good(f, "a/b/l", "1");
    assert_int_equal(tsr_store_lock(f->store, "a/k", NULL, &lock, &f->err), 0);
    assert_int_equal(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), 0);
    assert_true(exists(f, "a/k.__lock"));
    assert_false(exists(f, "a/b"));
    tsr_segment segment = {.bytes = "2", .size_bytes = 1};
    tsr_put_request request = {
        .key = "a/k", .segments = &segment, .segment_count = 1, .lock = lock, .err = &f->err};
    assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), 0);
    tsr_store_unlock(f->store, lock);
    assert_text(f, "a/k", "2");
}

static void deep_trees_are_removed(void **state)
{
    fixture *f = *state;
    char key[1024] = "a";
    for (int i = 0; i < 400; i++)
        strcat(key, "/a");
    put_good(f, key, "deep");
    assert_names(f, "", false, key);
    assert_int_equal(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), 0);
    assert_false(exists(f, "a"));
}

/* Deeper than any key can be, and deeper than one descriptor a level would allow. */
static void traps_are_refused(void **state)
{
    fixture *f = *state;
    put_good(f, "trap/k", "1");
    int directory = open(f->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int parent = openat(directory, "trap", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(directory);
    for (int i = 0; i < 700; i++) {
        assert_int_equal(mkdirat(parent, "d", 0777), 0);
        int child = openat(parent, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(parent);
        parent = child;
    }
    close(parent);
    assert_names(f, "", false, "trap/k");
    assert_int_equal(tsr_store_erase_prefix(f->store, "trap/", NULL, &f->err), TSR_LIMIT);
    assert_non_null(strstr(f->err.message, "nested"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(files_of_the_store_are_not_listed),
        FIXTURE_TEST(what_dead_writers_left_is_listed),
        FIXTURE_TEST(names_that_are_no_keys_are_not_listed),
        FIXTURE_TEST(circles_of_links_end),
        FIXTURE_TEST(links_that_branch_are_refused),
        FIXTURE_TEST(sizes_are_those_of_what_links_lead_to),
        FIXTURE_TEST(sizes_are_exact),
        FIXTURE_TEST(kinds_may_be_unknown),
        FIXTURE_TEST(a_folder_that_cannot_be_read_is_an_error),
        FIXTURE_TEST(links_are_removed_and_not_followed),
        FIXTURE_TEST(a_link_in_the_place_of_the_root_stays),
        FIXTURE_TEST(what_cannot_be_removed_is_named),
        FIXTURE_TEST(what_is_no_file_is_listed_without_a_size),
        FIXTURE_TEST(foreign_files_go_too),
        FIXTURE_TEST(the_lock_of_a_living_writer_stays),
        FIXTURE_TEST(deep_trees_are_removed),
        FIXTURE_TEST(traps_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
