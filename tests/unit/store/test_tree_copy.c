/* Proves of copies by links that they hold what the tree holds, on any number of threads, and that
 * every change of the tree since is found, also those of the same tick, of folders, and of what the
 * transaction has changed itself; what it alone has changed is none. */
#include "store_testing.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/tree_copy.h"

enum { ARRAYS = 6, CHUNKS = 40 };

typedef struct scene {
    fixture base;
    tsri_tree_copy copy;
} scene;

static int scene_set_up(void **state)
{
    scene *s = calloc(1, sizeof *s);
    char path[4200];
    s->base.folder = temporary_folder_new();
    faulty_system_init(&s->base.faulty, quick_system());
    fixture_open(&s->base, true);
    for (int array = 0; array < ARRAYS; array++)
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            char key[64];
            snprintf(key, sizeof key, "one/a%d/c/%d/%d", array, chunk / 8, chunk);
            put_good(&s->base, key, key);
        }
    assert_int_equal(mkdir(path_of(&s->base, "two", path), 0777), 0);
    tsri_tree_copy_init(&s->copy, (tsri_fs *)s->base.store, "one");
    s->copy.from = open(path_of(&s->base, "one", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->copy.to = open(path_of(&s->base, "two", path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = s;
    return 0;
}

static int scene_tear_down(void **state)
{
    scene *s = *state;
    close(s->copy.from);
    close(s->copy.to);
    tsri_tree_copy_clear(&s->copy);
    fixture_close(&s->base);
    temporary_folder_remove(s->base.folder);
    free(s);
    return 0;
}

#define SCENE_TEST(function) \
    cmocka_unit_test_setup_teardown(function, scene_set_up, scene_tear_down)

static void make(scene *s)
{
    if (tsri_tree_copy_make(&s->copy, NULL, &s->base.err) < 0)
        fail_msg("%s", s->base.err.message);
}

static void expect_same(scene *s)
{
    if (tsri_tree_copy_check(&s->copy, NULL, &s->base.err) < 0)
        fail_msg("%s", s->base.err.message);
}

static void expect_conflict(scene *s, const char *key)
{
    tsr_error_clear(&s->base.err);
    assert_int_equal(tsri_tree_copy_check(&s->copy, NULL, &s->base.err), TSR_CONFLICT);
    if (!strstr(s->base.err.message, key))
        fail_msg("\"%s\" does not name %s", s->base.err.message, key);
}

static void a_copy_holds_what_the_tree_holds(void **state)
{
    scene *s = *state;
    struct stat one, two;
    char first[4200], second[4200];
    make(s);
    expect_same(s);
    assert_int_equal(s->copy.count, 1 + ARRAYS * (1 + 1 + CHUNKS / 8));
    for (int array = 0; array < ARRAYS; array++)
        for (int chunk = 0; chunk < CHUNKS; chunk++) {
            char key[64], copied[64];
            snprintf(key, sizeof key, "one/a%d/c/%d/%d", array, chunk / 8, chunk);
            snprintf(copied, sizeof copied, "two%s", key + 3);
            assert_int_equal(stat(path_of(&s->base, key, first), &one), 0);
            assert_int_equal(stat(path_of(&s->base, copied, second), &two), 0);
            assert_int_equal(one.st_ino, two.st_ino);
            assert_int_equal(one.st_nlink, 2);
        }
}

/* In the moment after the copy, which may be of the tick of the last change. */
static void a_change_at_once_is_found(void **state)
{
    scene *s = *state;
    make(s);
    put_good(&s->base, "one/a3/c/2/17", "other");
    expect_conflict(s, "one/a3/c/2/17 was changed");
}

static void additions_and_removals_are_found(void **state)
{
    scene *s = *state;
    char path[4200];
    make(s);
    put_good(&s->base, "one/a3/c/2/new", "new");
    expect_conflict(s, "one/a3/c/2/new was added");
    assert_int_equal(unlink(path_of(&s->base, "one/a3/c/2/new", path)), 0);
    expect_same(s); /* as it was, by its files, whatever the time of its folder */
    assert_int_equal(mkdir(path_of(&s->base, "one/a3/empty", path), 0777), 0);
    expect_conflict(s, "one/a3/empty was added");
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(unlink(path_of(&s->base, "one/a5/c/0/1", path)), 0);
    expect_conflict(s, "one/a5/c/0/1 was removed");
}

static void a_folder_that_was_removed_is_found(void **state)
{
    scene *s = *state;
    make(s);
    assert_int_equal(tsr_store_erase_prefix(s->base.store, "one/a2/", NULL, &s->base.err), 0);
    expect_conflict(s, "one/a2");
}

/* The other tree may change in any way. */
static void what_the_copy_alone_has_changed_is_no_conflict(void **state)
{
    scene *s = *state;
    make(s);
    put_good(&s->base, "two/a0/c/0/0", "other");
    put_good(&s->base, "two/a0/c/0/new", "new");
    put_good(&s->base, "two/new/c/0", "new");
    assert_int_equal(tsr_store_erase(s->base.store, "two/a1/c/1/9", NULL, &s->base.err), 0);
    assert_int_equal(tsr_store_erase_prefix(s->base.store, "two/a2/", NULL, &s->base.err), 0);
    expect_same(s);
    /* Both have changed something in one folder. */
    put_good(&s->base, "one/a0/c/0/1", "of others");
    expect_conflict(s, "one/a0/c/0/");
}

static void both_have_removed_the_same(void **state)
{
    scene *s = *state;
    make(s);
    assert_int_equal(tsr_store_erase(s->base.store, "one/a1/c/1/9", NULL, &s->base.err), 0);
    assert_int_equal(tsr_store_erase(s->base.store, "two/a1/c/1/9", NULL, &s->base.err), 0);
    expect_same(s);
}

/* Names for writers alone are neither linked nor compared. */
static void lock_files_do_not_count(void **state)
{
    scene *s = *state;
    char path[4200];
    temporary_file_write(path_of(&s->base, "one/a0/c/0/0.__lock", path), "", 0);
    make(s);
    assert_int_equal(access(path_of(&s->base, "two/a0/c/0/0.__lock", path), F_OK), -1);
    temporary_file_write(path_of(&s->base, "one/a0/c/0/1.__lock", path), "", 0);
    expect_same(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_copy_holds_what_the_tree_holds),
        SCENE_TEST(a_change_at_once_is_found),
        SCENE_TEST(additions_and_removals_are_found),
        SCENE_TEST(a_folder_that_was_removed_is_found),
        SCENE_TEST(what_the_copy_alone_has_changed_is_no_conflict),
        SCENE_TEST(both_have_removed_the_same),
        SCENE_TEST(lock_files_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
