/* Proves that a store stays with the folder that its root was: whatever takes its place, it reads
 * from one folder alone, and says so when that is gone; and that a root that was removed and made
 * anew is found again, where no transactions have ever been at work. */
#include "store_testing.h"

#include <dirent.h>
#include <errno.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The root is a folder in the one of the fixture, so that others can take its place. */
static void open_inside(fixture *f, const char *name)
{
    char path[4200];
    tsr_store_close(f->store);
    assert_int_equal(tsr_store_open(f->context, path_of(f, name, path), &f->store, &f->err), 0);
}

static void move(const fixture *f, const char *from, const char *to)
{
    char one[4200], other[4200];
    assert_int_equal(rename(path_of(f, from, one), path_of(f, to, other)), 0);
}

/* "old" and "new" are two roots with a value each. */
static void make_two(fixture *f)
{
    put_good(f, "old/k", "old");
    put_good(f, "old/d/k", "old");
    put_good(f, "new/k", "new");
    put_good(f, "new/d/k", "new");
    put_good(f, "new/only", "new");
}

static void another_folder_in_its_place_is_not_read(void **state)
{
    fixture *f = *state;
    make_two(f);
    open_inside(f, "old");
    assert_text(f, "k", "old");
    move(f, "old", "moved");
    move(f, "new", "old");
    assert_text(f, "k", "old");
    assert_text(f, "d/k", "old");
    assert_int_equal(get(f, "only", NULL, 0), TSR_NOT_FOUND);
    assert_names(f, "", false, "d/k k");
    open_inside(f, "old");
    assert_text(f, "k", "new");
    assert_text(f, "only", "new");
}

/* The folder of the store is found at its first use. */
static void a_store_that_was_not_used_finds_what_is_there(void **state)
{
    fixture *f = *state;
    make_two(f);
    open_inside(f, "old");
    move(f, "old", "moved");
    move(f, "new", "old");
    assert_text(f, "k", "new");
}

static void remove_inside(fixture *f, const char *name)
{
    char path[4200];
    tsr_store *store;
    assert_int_equal(tsr_store_open(f->context, path_of(f, name, path), &store, &f->err), 0);
    assert_int_equal(tsr_store_erase_prefix(store, "", NULL, &f->err), 0);
    tsr_store_close(store);
    assert_int_equal(access(path_of(f, name, path), F_OK), -1);
}

static void a_root_that_was_made_anew_is_found_again(void **state)
{
    fixture *f = *state;
    make_two(f);
    open_inside(f, "old");
    assert_text(f, "k", "old");
    remove_inside(f, "old");
    assert_int_equal(get(f, "k", NULL, 0), TSR_NOT_FOUND);
    assert_names(f, "", false, "");
    move(f, "new", "old");
    assert_text(f, "k", "new");
    assert_names(f, "", false, "d/k k only");
    remove_inside(f, "old");
    put_good(f, "k", "made by a put");
    assert_text(f, "k", "made by a put");
    assert_int_equal(tsr_store_erase_prefix(f->store, "", NULL, &f->err), 0);
    put_good(f, "d/k", "and again");
    assert_text(f, "d/k", "and again");
}

/* Where versions are kept, what has the name now may be another one. */
static void where_there_are_versions_nothing_else_is_taken_for_the_root(void **state)
{
    fixture *f = *state;
    char path[4200];
    make_two(f);
    assert_int_equal(mkdir(path_of(f, ".old.versions__lock", path), 0777), 0);
    open_inside(f, "old");
    assert_text(f, "k", "old");
    remove_inside(f, "old");
    assert_int_equal(get(f, "k", NULL, 0), TSR_UNREACHABLE);
    move(f, "new", "old");
    assert_int_equal(get(f, "k", NULL, 0), TSR_UNREACHABLE);
    assert_int_equal(put(f, "k", "x", TSR_DURABILITY_NONE), TSR_UNREACHABLE);
    assert_non_null(strstr(f->err.next_step, "open it again"));
}

/* One that is being collected: what is gone already is no missing value. */
static void a_missing_value_of_what_is_being_removed_is_an_error(void **state)
{
    fixture *f = *state;
    char path[4200];
    make_two(f);
    assert_int_equal(mkdir(path_of(f, ".t.versions__lock", path), 0777), 0);
    move(f, "old", ".t.versions__lock/t");
    temporary_file_write(path_of(f, ".t.versions__lock/record__lock", path), "made 1\n", 7);
    open_inside(f, ".t.versions__lock/t");
    assert_text(f, "k", "old");
    assert_int_equal(get(f, "none", NULL, 0), TSR_NOT_FOUND);
    assert_int_equal(unlink(path_of(f, ".t.versions__lock/t/k", path)), 0);
    assert_int_equal(get(f, "k", NULL, 0), TSR_NOT_FOUND);
    temporary_file_write(path_of(f, ".t.versions__lock/.tessera-removed__lock", path), "", 0);
    assert_int_equal(get(f, "k", NULL, 0), TSR_UNREACHABLE);
    assert_text(f, "d/k", "old");
    remove_inside(f, ".t.versions__lock/t");
    assert_int_equal(get(f, "k", NULL, 0), TSR_UNREACHABLE);
}

static int open_folders(void)
{
    int count = 0;
    DIR *stream = opendir("/proc/self/fd");
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

/* However many stores there are, descriptors are left for other things. */
static void stores_leave_descriptors_for_others(void **state)
{
    fixture *f = *state;
    struct rlimit limit, few;
    tsr_store *many[80], *mine = f->store;
    char path[4200];
    make_two(f);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    few = limit;
    few.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    /* A context counts what it may have when it opens its first store. */
    tsr_context *context;
    assert_int_equal(tsr_context_new(NULL, &context, &f->err), 0);
    int before = open_folders();
    for (int i = 0; i < 80; i++) {
        assert_int_equal(tsr_store_open(context, path_of(f, "old", path), &many[i], &f->err), 0);
        f->store = many[i];
        assert_text(f, "k", "old");
    }
    assert_int_equal(open_folders() - before, 25);
    move(f, "old", "moved");
    move(f, "new", "old");
    int old = 0;
    for (int i = 0; i < 80; i++) {
        char text[16] = "";
        f->store = many[i];
        int status = get(f, "k", text, sizeof text);
        old += status == 0 && strcmp(text, "old") == 0;
        /* Those without a descriptor look again, since no versions are kept here. */
        assert_true(status == 0 && (strcmp(text, "old") == 0 || strcmp(text, "new") == 0));
        tsr_store_close(many[i]);
    }
    f->store = mine;
    assert_int_equal(old, 25);
    assert_int_equal(open_folders(), before);
    tsr_context_free(context);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(another_folder_in_its_place_is_not_read),
        FIXTURE_TEST(a_store_that_was_not_used_finds_what_is_there),
        FIXTURE_TEST(a_root_that_was_made_anew_is_found_again),
        FIXTURE_TEST(where_there_are_versions_nothing_else_is_taken_for_the_root),
        FIXTURE_TEST(a_missing_value_of_what_is_being_removed_is_an_error),
        FIXTURE_TEST(stores_leave_descriptors_for_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
