/* Proves that a collection tells and takes exactly what is due: never what is under way, nor what
 * is to be kept or too young; and that what a killed transaction left is known for what it is. */
#include "store_testing.h"

#include <errno.h>
#include <unistd.h>

#include "support/child.h"
#include <tessera/transaction.h>

typedef struct tree {
    fixture base; /* `folder` is that of the tree */
    char *around;
    char told[4096];
} tree;

static int tree_set_up(void **state)
{
    tree *t = calloc(1, sizeof *t);
    t->around = temporary_folder_new();
    t->base.folder = temporary_path(t->around, "t.zarr");
    faulty_system_init(&t->base.faulty, quick_system());
    fixture_open(&t->base, true);
    put_good(&t->base, "zarr.json", "0");
    *state = t;
    return 0;
}

static int tree_tear_down(void **state)
{
    tree *t = *state;
    fixture_close(&t->base);
    temporary_folder_remove(t->around);
    free(t->base.folder);
    free(t);
    return 0;
}

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, tree_set_up, tree_tear_down)

static void begin(tree *t, const char *value, tsr_transaction **ret)
{
    if (tsr_transaction_begin(t->base.context, t->base.folder, NULL, ret, &t->base.err) < 0)
        fail_msg("begin: %s", t->base.err.message);
    assert_int_equal(tsr_store_put(tsr_transaction_store(*ret), "zarr.json", value, strlen(value),
                                   TSR_DURABILITY_NONE, NULL, &t->base.err),
                     0);
}

static void commit(tree *t, const char *value)
{
    tsr_transaction *transaction;
    begin(t, value, &transaction);
    if (tsr_transaction_commit(transaction, NULL, &t->base.err) < 0)
        fail_msg("commit: %s", t->base.err.message);
    tsr_transaction_close(transaction);
}

/* The value in the tree of a version. */
static void value_in(const char *folder, char value[32])
{
    char path[4400];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/zarr.json", folder);
    char *text = temporary_file_read(path, &size);
    snprintf(value, 32, "%s", text ? text : "none");
    free(text);
}

/* "replaced 1 0!": kind, number, value, "!" when it is removed. */
static int tell(void *user, const tsr_version_info *info)
{
    static const char *const kinds[] = {"replaced", "abandoned", "under-way"};
    tree *t = user;
    char value[32];
    size_t used = strlen(t->told);
    value_in(info->folder, value);
    snprintf(t->told + used, sizeof t->told - used, "%s%s %d %s%s", used ? ", " : "",
             kinds[info->kind], (int)info->number, value, info->removed ? "!" : "");
    return 0;
}

static void expect_collected(tree *t, int64_t keep, int64_t older_than_s, bool dry_run,
                             const char *expected)
{
    tsr_versions_collect_options options;
    tsr_versions_collect_options_init(&options);
    options.keep = keep;
    options.older_than_s = older_than_s;
    options.dry_run = dry_run;
    t->told[0] = 0;
    if (tsr_versions_collect(t->base.context, t->base.folder, &options, tell, t, NULL,
                             &t->base.err) != 0)
        fail_msg("collect: %s", t->base.err.message);
    assert_string_equal(t->told, expected);
}

static void a_place_without_versions_is_good(void **state)
{
    tree *t = *state;
    expect_collected(t, 0, 0, false, "");
    assert_int_equal(
        tsr_versions_collect(t->base.context, "memory:", NULL, NULL, NULL, NULL, &t->base.err),
        TSR_UNSUPPORTED);
}

static void the_oldest_go_and_the_newest_stay(void **state)
{
    tree *t = *state;
    commit(t, "1");
    commit(t, "2");
    commit(t, "3");
    expect_collected(t, 0, 0, true, "replaced 1 0!, replaced 2 1!, replaced 3 2!");
    expect_collected(t, 2, 0, false, "replaced 1 0!, replaced 2 1, replaced 3 2");
    expect_collected(t, 0, 3600, false, "replaced 2 1, replaced 3 2");
    faulty_system_advance_ns(&t->base.faulty, INT64_C(3700) * 1000000000);
    expect_collected(t, 1, 3600, false, "replaced 2 1!, replaced 3 2");
    expect_collected(t, 0, 0, false, "replaced 3 2!");
    expect_collected(t, 0, 0, false, "");
    commit(t, "4");
    expect_collected(t, 1, 0, true, "replaced 1 3");
}

static void what_is_under_way_stays(void **state)
{
    tree *t = *state;
    tsr_transaction *transaction;
    begin(t, "mine", &transaction);
    expect_collected(t, 0, 0, false, "under-way 0 mine");
    if (tsr_transaction_commit(transaction, NULL, &t->base.err) < 0)
        fail_msg("commit: %s", t->base.err.message);
    expect_collected(t, 0, 0, true, "replaced 1 0!");
    tsr_transaction_close(transaction);
}

/* In a child that ends without a word, before the commit. */
static void what_the_dead_leave_goes(void **state)
{
    tree *t = *state;
    tsr_transaction *transaction;
    pid_t child = fork();
    if (child == 0) {
        begin(t, "dead", &transaction);
        _exit(7);
    }
    assert_int_equal(exit_status_of(child), 7);
    commit(t, "1");
    expect_collected(t, 1, 0, false, "abandoned 0 dead!, replaced 1 0");
    expect_collected(t, 1, 0, false, "replaced 1 0");
}

static int no_rename(const tsr_system *system, int from_directory, const char *from,
                     int to_directory, const char *to)
{
    (void)system, (void)from_directory, (void)to_directory, (void)to;
    if (strncmp(from, "draft-", 6) == 0)
        _exit(7);
    return renameat(from_directory, from, to_directory, to);
}

/* After the exchange, before the version that was replaced got its number. */
static void a_version_without_a_number_gets_one(void **state)
{
    tree *t = *state;
    char text[16];
    commit(t, "1");
    pid_t child = fork();
    if (child == 0) {
        tsr_system system = *t->base.faulty.below;
        system.renameat = no_rename;
        t->base.faulty.below = &system;
        commit(t, "2");
        _exit(1);
    }
    assert_int_equal(exit_status_of(child), 7);
    assert_int_equal(get(&t->base, "zarr.json", text, sizeof text), 0);
    assert_string_equal(text, "0"); /* opened before both */
    expect_collected(t, 2, 0, true, "replaced 1 0, replaced 0 1");
    expect_collected(t, 2, 0, false, "replaced 1 0, replaced 2 1");
    tsr_store_close(t->base.store);
    assert_int_equal(tsr_store_open(t->base.context, t->base.folder, &t->base.store, &t->base.err),
                     0);
    assert_text(&t->base, "zarr.json", "2");
    /* What it told writers by is gone, so that none looks at it any more. */
    char command[4400];
    snprintf(command, sizeof command, "test -z \"$(ls -A '%s' | grep commit)\"", t->around);
    assert_int_equal(system(command), 0);
}

/* A reader of a version that is removed is told, and a listing of it, too. */
static void readers_of_what_was_removed_are_told(void **state)
{
    tree *t = *state;
    put_good(&t->base, "a/c/0", "x");
    commit(t, "1");
    assert_text(&t->base, "zarr.json", "0");
    expect_collected(t, 0, 0, false, "replaced 1 0!");
    assert_int_equal(get(&t->base, "a/c/0", NULL, 0), TSR_UNREACHABLE);
    assert_int_equal(get(&t->base, "a/c/1", NULL, 0), TSR_UNREACHABLE);
    char names[256] = "";
    assert_int_equal(
        tsr_store_list(t->base.store, "", false, append_name, names, NULL, &t->base.err),
        TSR_UNREACHABLE);
    assert_int_equal(put(&t->base, "a/c/0", "x", TSR_DURABILITY_NONE), TSR_UNREACHABLE);
}

static int stop(void *user, const tsr_version_info *info)
{
    (void)user, (void)info;
    return 42;
}

static void a_callback_can_end_it(void **state)
{
    tree *t = *state;
    commit(t, "1");
    assert_int_equal(
        tsr_versions_collect(t->base.context, t->base.folder, NULL, stop, NULL, NULL, &t->base.err),
        42);
    expect_collected(t, 0, 0, true, "replaced 1 0!");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TREE_TEST(a_place_without_versions_is_good),
        TREE_TEST(the_oldest_go_and_the_newest_stay),
        TREE_TEST(what_is_under_way_stays),
        TREE_TEST(what_the_dead_leave_goes),
        TREE_TEST(a_version_without_a_number_gets_one),
        TREE_TEST(readers_of_what_was_removed_are_told),
        TREE_TEST(a_callback_can_end_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
