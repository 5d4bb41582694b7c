/* Proves of transactions that what they change is seen at once or not at all, that whoever has
 * opened a version goes on with it, that nothing is published over what others have changed, that
 * no acknowledged change of a writer of ours is lost, and that what cannot be done is refused. */
#include "store_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/child.h"
#include <tessera/transaction.h>

/* The fixture's store is the tree; another one holds the folder around it. */
typedef struct tree {
    fixture base; /* `folder` is that of the tree */
    char *around;
    tsr_transaction *transaction;
} tree;

static int tree_set_up(void **state)
{
    tree *t = calloc(1, sizeof *t);
    t->around = temporary_folder_new();
    t->base.folder = temporary_path(t->around, "t.zarr");
    faulty_system_init(&t->base.faulty, quick_system());
    fixture_open(&t->base, true);
    put_good(&t->base, "zarr.json", "root");
    put_good(&t->base, "a/zarr.json", "a1");
    put_good(&t->base, "a/c/0", "a1");
    put_good(&t->base, "a/c/1", "gone later");
    put_good(&t->base, "b/zarr.json", "b1");
    put_good(&t->base, "b/c/0", "b1");
    *state = t;
    return 0;
}

static int tree_tear_down(void **state)
{
    tree *t = *state;
    tsr_transaction_close(t->transaction);
    fixture_close(&t->base);
    temporary_folder_remove(t->around);
    free(t->base.folder);
    free(t);
    return 0;
}

#define TREE_TEST(function) cmocka_unit_test_setup_teardown(function, tree_set_up, tree_tear_down)

static void begin(tree *t)
{
    if (tsr_transaction_begin(t->base.context, t->base.folder, NULL, &t->transaction,
                              &t->base.err) < 0)
        fail_msg("begin: %s", t->base.err.message);
}

static void put_in(tree *t, const char *key, const char *text)
{
    tsr_store *store = tsr_transaction_store(t->transaction);
    if (tsr_store_put(store, key, text, strlen(text), TSR_DURABILITY_NONE, NULL, &t->base.err) < 0)
        fail_msg("put %s: %s", key, t->base.err.message);
}

/* What all versions of the tree should be after the change below, and before. */
static void change(tree *t)
{
    put_in(t, "a/zarr.json", "a2");
    put_in(t, "a/c/0", "a2");
    put_in(t, "b/c/0", "b2");
    put_in(t, "new/zarr.json", "new");
    assert_int_equal(
        tsr_store_erase(tsr_transaction_store(t->transaction), "a/c/1", NULL, &t->base.err), 0);
}

static int commit(tree *t)
{
    tsr_error_clear(&t->base.err);
    return tsr_transaction_commit(t->transaction, NULL, &t->base.err);
}

static void commit_good(tree *t)
{
    if (commit(t) < 0)
        fail_msg("commit: %s", t->base.err.message);
}

static void close_transaction(tree *t)
{
    tsr_transaction_close(t->transaction);
    t->transaction = NULL;
}

/* The fixture with a store that is opened now. */
static void open_again(tree *t)
{
    tsr_store_close(t->base.store);
    assert_int_equal(tsr_store_open(t->base.context, t->base.folder, &t->base.store, &t->base.err),
                     0);
}

static void assert_old(fixture *f)
{
    assert_names(f, "", false, "a/c/0 a/c/1 a/zarr.json b/c/0 b/zarr.json zarr.json");
    assert_text(f, "a/zarr.json", "a1");
    assert_text(f, "a/c/0", "a1");
    assert_text(f, "b/c/0", "b1");
    assert_text(f, "a/c/1", "gone later");
}

static void assert_new(fixture *f)
{
    assert_names(f, "", false, "a/c/0 a/zarr.json b/c/0 b/zarr.json new/zarr.json zarr.json");
    assert_text(f, "a/zarr.json", "a2");
    assert_text(f, "a/c/0", "a2");
    assert_text(f, "b/c/0", "b2");
    assert_text(f, "b/zarr.json", "b1");
}

/* Names in the folder around the tree, hidden ones too, by a listing that knows nothing of stores.
 */
static int count_around(const tree *t, const char *pattern)
{
    char command[4400];
    int count = 0;
    snprintf(command, sizeof command, "find '%s' -mindepth 1 -path '%s' | wc -l", t->around,
             pattern);
    FILE *stream = popen(command, "r");
    assert_int_equal(fscanf(stream, "%d", &count), 1);
    pclose(stream);
    return count;
}

static void collect(tree *t)
{
    tsr_versions_collect_options options;
    tsr_versions_collect_options_init(&options);
    if (tsr_versions_collect(t->base.context, t->base.folder, &options, NULL, NULL, NULL,
                             &t->base.err) < 0)
        fail_msg("collect: %s", t->base.err.message);
}

/* ---- all or nothing ---- */

static void a_commit_publishes_everything_at_once(void **state)
{
    tree *t = *state;
    begin(t);
    change(t);
    open_again(t);
    assert_old(&t->base);
    commit_good(t);
    open_again(t);
    assert_new(&t->base);
    assert_int_equal(commit(t), TSR_INVALID_ARGUMENT);
    close_transaction(t);
    open_again(t);
    assert_new(&t->base);
}

static void a_transaction_that_is_closed_leaves_nothing(void **state)
{
    tree *t = *state;
    begin(t);
    change(t);
    assert_int_equal(count_around(t, "*/draft-*/t.zarr/new/zarr.json"), 1);
    close_transaction(t);
    assert_int_equal(count_around(t, "*draft-*"), 0);
    assert_old(&t->base);
    assert_int_equal(put(&t->base, "a/c/0", "x", TSR_DURABILITY_CHUNK), 0);
}

/* A value that its store keeps back for a group is in the new version all the same. */
static void what_was_not_flushed_is_published(void **state)
{
    tree *t = *state;
    const tsr_segment segment = {.bytes = "held", .size_bytes = 4};
    tsr_put_request request = {.key = "a/c/0",
                               .segments = &segment,
                               .segment_count = 1,
                               .durability = TSR_DURABILITY_FLUSH,
                               .until_flush = true,
                               .err = &t->base.err};
    begin(t);
    assert_int_equal(tsr_store_put_many(tsr_transaction_store(t->transaction), &request, 1, NULL),
                     0);
    commit_good(t);
    open_again(t);
    assert_text(&t->base, "a/c/0", "held");
}

static void modes_and_unchanged_files_are_kept(void **state)
{
    tree *t = *state;
    char path[4200];
    struct stat before, after, other;
    assert_int_equal(chmod(path_of(&t->base, "b", path), 0750), 0);
    assert_int_equal(stat(path_of(&t->base, "b/zarr.json", path), &before), 0);
    begin(t);
    change(t);
    commit_good(t);
    assert_int_equal(stat(path_of(&t->base, "b/zarr.json", path), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(after.st_nlink, 2);
    assert_int_equal(stat(path_of(&t->base, "b", path), &other), 0);
    assert_int_equal(other.st_mode & 07777, 0750);
    assert_int_equal(stat(path_of(&t->base, "a/c/0", path), &other), 0);
    assert_int_equal(other.st_nlink, 1);
}

static void files_of_writers_are_not_taken_along(void **state)
{
    tree *t = *state;
    char path[4200];
    temporary_file_write(path_of(&t->base, "a/c/9.__lock", path), "left", 4);
    begin(t);
    assert_int_equal(count_around(t, "*/draft-*/t.zarr/a/c/9.__lock"), 0);
    commit_good(t);
}

static void transactions_follow_each_other(void **state)
{
    tree *t = *state;
    for (int i = 0; i < 3; i++) {
        char text[32];
        snprintf(text, sizeof text, "round %d", i);
        begin(t);
        put_in(t, "a/c/0", text);
        commit_good(t);
        close_transaction(t);
        open_again(t);
        assert_text(&t->base, "a/c/0", text);
    }
    assert_int_equal(count_around(t, "*/0000000003.*/t.zarr/zarr.json"), 1);
    assert_int_equal(count_around(t, "*.versions__lock/0*/t.zarr"), 3);
}

/* ---- readers ---- */

static void readers_go_on_with_what_they_have_opened(void **state)
{
    tree *t = *state;
    tsr_store *inner;
    char path[4200];
    assert_int_equal(
        tsr_store_open(t->base.context, path_of(&t->base, "a", path), &inner, &t->base.err), 0);
    assert_text(&t->base, "zarr.json", "root");
    tsr_store *whole = t->base.store;
    t->base.store = inner;
    assert_text(&t->base, "zarr.json", "a1");
    begin(t);
    change(t);
    commit_good(t);
    close_transaction(t);
    assert_text(&t->base, "c/0", "a1");
    assert_text(&t->base, "c/1", "gone later");
    tsr_store_close(inner);
    t->base.store = whole;
    assert_old(&t->base);
    open_again(t);
    assert_new(&t->base);
}

static void what_was_opened_in_the_transaction_goes_on(void **state)
{
    tree *t = *state;
    begin(t);
    change(t);
    tsr_store *inside = tsr_store_ref(tsr_transaction_store(t->transaction));
    commit_good(t);
    close_transaction(t);
    tsr_store_close(t->base.store);
    t->base.store = inside;
    assert_new(&t->base);
    put_good(&t->base, "b/c/0", "b3");
    open_again(t);
    assert_text(&t->base, "b/c/0", "b3");
}

/* Without descriptors for roots: one that is not found again is an error, never a mixture. */
static void stores_without_a_descriptor_say_that_the_tree_was_replaced(void **state)
{
    tree *t = *state;
    tsr_store *many[600];
    size_t n = 0;
    char text[64];
    tsr_store *first = t->base.store;
    for (; n < 600; n++) {
        assert_int_equal(tsr_store_open(t->base.context, t->base.folder, &many[n], &t->base.err),
                         0);
        t->base.store = many[n];
        assert_text(&t->base, "zarr.json", "root");
    }
    begin(t);
    change(t);
    commit_good(t);
    size_t old = 0, refused = 0;
    for (size_t i = 0; i < n; i++) {
        t->base.store = many[i];
        int status = get(&t->base, "a/c/0", text, sizeof text);
        old += status == 0 && strcmp(text, "a1") == 0;
        refused += status == TSR_UNREACHABLE;
        tsr_store_close(many[i]);
    }
    t->base.store = first;
    assert_int_equal(old + refused, n);
    assert_true(old > 100);
}

/* ---- conflicts ---- */

static void expect_conflict(tree *t, const char *where)
{
    assert_int_equal(commit(t), TSR_CONFLICT);
    if (!strstr(t->base.err.message, where))
        fail_msg("\"%s\" does not name %s", t->base.err.message, where);
    close_transaction(t);
    assert_int_equal(count_around(t, "*draft-*"), 0);
    char announced[4200];
    snprintf(announced, sizeof announced, "%s/.tessera-commit-*", t->around);
    assert_int_equal(count_around(t, announced), 0);
}

static void what_others_change_is_a_conflict(void **state)
{
    tree *t = *state;
    begin(t);
    change(t);
    put_good(&t->base, "b/zarr.json", "b of others");
    expect_conflict(t, "t.zarr/b/zarr.json was changed");
    begin(t);
    put_in(t, "a/c/0", "a2");
    put_good(&t->base, "b/c/7", "more");
    expect_conflict(t, "t.zarr/b/c/7 was added");
    begin(t);
    put_in(t, "a/c/0", "a2");
    assert_int_equal(tsr_store_erase(t->base.store, "b/c/0", NULL, &t->base.err), 0);
    expect_conflict(t, "t.zarr/b/c/0 was removed");
    begin(t);
    put_in(t, "a/c/0", "a2");
    put_good(&t->base, "other/zarr.json", "other");
    expect_conflict(t, "t.zarr/other was added");
    begin(t);
    put_in(t, "a/c/0", "a2");
    assert_int_equal(tsr_store_erase_prefix(t->base.store, "b/", NULL, &t->base.err), 0);
    expect_conflict(t, "t.zarr/b");
    open_again(t);
    assert_text(&t->base, "a/c/0", "a1");
}

/* Both have changed one object. */
static void the_same_object_is_a_conflict(void **state)
{
    tree *t = *state;
    begin(t);
    put_in(t, "a/c/0", "ours");
    put_good(&t->base, "a/c/0", "theirs");
    expect_conflict(t, "t.zarr/a/c/0 was changed");
    assert_text(&t->base, "a/c/0", "theirs");
}

static void the_first_of_two_transactions_wins(void **state)
{
    tree *t = *state;
    tsr_transaction *second;
    begin(t);
    put_in(t, "a/c/0", "first");
    tsr_transaction *first = t->transaction;
    begin(t);
    put_in(t, "b/c/0", "second");
    second = t->transaction;
    t->transaction = first;
    commit_good(t);
    tsr_transaction_close(first);
    t->transaction = second;
    expect_conflict(t, "t.zarr was replaced");
    open_again(t);
    assert_text(&t->base, "a/c/0", "first");
    assert_text(&t->base, "b/c/0", "b1");
}

static void writers_of_a_version_that_was_replaced_are_told(void **state)
{
    tree *t = *state;
    tsr_store *inner;
    char path[4200];
    put_good(&t->base, "zarr.json", "root");
    assert_int_equal(
        tsr_store_open(t->base.context, path_of(&t->base, "b", path), &inner, &t->base.err), 0);
    assert_int_equal(tsr_store_put(inner, "c/0", "b1", 2, TSR_DURABILITY_NONE, NULL, &t->base.err),
                     0);
    begin(t);
    change(t);
    commit_good(t);
    assert_int_equal(put(&t->base, "a/c/0", "late", TSR_DURABILITY_CHUNK), TSR_READ_ONLY);
    assert_int_equal(put(&t->base, "a/c/5", "late", TSR_DURABILITY_NONE), TSR_READ_ONLY);
    assert_int_equal(tsr_store_erase(t->base.store, "a/c/0", NULL, &t->base.err), TSR_READ_ONLY);
    assert_int_equal(
        tsr_store_put(inner, "c/0", "late", 4, TSR_DURABILITY_NONE, NULL, &t->base.err),
        TSR_READ_ONLY);
    tsr_store_close(inner);
    open_again(t);
    assert_text(&t->base, "b/c/0", "b2");
    put_good(&t->base, "a/c/0", "in time");
}

static void a_wait_for_a_version_that_was_replaced_ends(void **state)
{
    tree *t = *state;
    const tsr_call call = {.deadline_ms = 50}, patient = {.deadline_ms = 30000};
    tsr_blob *blob;
    tsr_generation known;
    assert_int_equal(tsr_store_get(t->base.store, "a/c/0", (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL,
                                   &blob, &known, &t->base.err),
                     0);
    tsr_blob_unref(blob);
    begin(t);
    change(t);
    assert_int_equal(tsr_store_wait(t->base.store, "a/c/0", &known, &call, &t->base.err),
                     TSR_DEADLINE);
    commit_good(t);
    assert_int_equal(tsr_store_wait(t->base.store, "a/c/0", &known, &patient, &t->base.err),
                     TSR_UNREACHABLE);
    assert_non_null(strstr(t->base.err.message, "replaced"));
}

/* ---- writers at the very moment ---- */

enum { ROUNDS = 12, WRITES = 4000 };

typedef struct writing {
    tree *t;
    int acknowledged; /* of the version that was open: the last number that was put */
    bool failed;
} writing;

static void *write_numbers(void *user)
{
    writing *self = user;
    tsr_error err = TSR_ERROR_INIT;
    tsr_store *store;
    if (tsr_store_open(self->t->base.context, self->t->base.folder, &store, &err) < 0) {
        self->failed = true;
        return NULL;
    }
    for (int i = 1; i <= WRITES; i++) {
        char text[16];
        int size = snprintf(text, sizeof text, "%d", i);
        int status =
            tsr_store_put(store, "b/c/0", text, (size_t)size, TSR_DURABILITY_NONE, NULL, &err);
        if (status == TSR_READ_ONLY)
            break;
        if (status < 0) {
            self->failed = true;
            break;
        }
        __atomic_store_n(&self->acknowledged, i, __ATOMIC_RELEASE);
    }
    tsr_store_close(store);
    return NULL;
}

/* A writer and transactions race. Whatever was acknowledged is in the tree at the end: a commit
 * either comes before it began, or refuses. */
static void nothing_acknowledged_is_lost_to_a_commit(void **state)
{
    tree *t = *state;
    int committed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        writing self = {.t = t};
        char expected[16];
        begin(t);
        put_in(t, "a/c/0", "a2");
        assert_int_equal(pthread_create(&thread, NULL, write_numbers, &self), 0);
        while (round % 2 && !__atomic_load_n(&self.acknowledged, __ATOMIC_ACQUIRE))
            usleep(10);
        int status = commit(t);
        assert_true(status == 0 || status == TSR_CONFLICT);
        pthread_join(thread, NULL);
        assert_false(self.failed);
        committed += status == 0;
        /* The writer may have opened the tree after the exchange; then it was never refused. */
        open_again(t);
        snprintf(expected, sizeof expected, "%d", self.acknowledged);
        if (self.acknowledged > 0)
            assert_text(&t->base, "b/c/0", expected);
        close_transaction(t);
    }
    print_message("%d of %d commits were first\n", committed, ROUNDS);
}

/* ---- what dies on the way ---- */

static void the_death_of_a_transaction_holds_nobody_up(void **state)
{
    tree *t = *state;
    pid_t child = fork();
    if (child == 0) {
        begin(t);
        change(t);
        _exit(7);
    }
    assert_int_equal(exit_status_of(child), 7);
    assert_int_equal(count_around(t, "*.versions__lock/draft-*/t.zarr"), 1);
    assert_old(&t->base);
    begin(t);
    change(t);
    commit_good(t);
    open_again(t);
    assert_new(&t->base);
}

/* A committer that died after it had told the writers, and before the exchange. */
static void a_dead_announcement_stops_no_writer(void **state)
{
    tree *t = *state;
    struct stat status;
    char path[4400];
    assert_int_equal(stat(t->base.folder, &status), 0);
    snprintf(path, sizeof path, "%s/.tessera-commit-%llu__lock", t->around,
             (unsigned long long)status.st_ino);
    temporary_file_write(path, "", 0);
    put_good(&t->base, "a/c/0", "goes on");
    begin(t);
    put_in(t, "b/c/0", "b2");
    commit_good(t);
    open_again(t);
    assert_text(&t->base, "b/c/0", "b2");
    assert_int_equal(access(path, F_OK), -1);
}

/* Each system call of a whole transaction fails once: it is told, nothing or everything is there,
 * and the next one succeeds. */
static void every_call_may_fail(void **state)
{
    tree *t = *state;
    int failures = 0;
    t->base.faulty.sleep_is_free = true;
    put_good(&t->base, "a/c/0", "0");
    put_good(&t->base, "b/c/0", "0");
    for (int64_t n = 1;; n++) {
        char text[8], number[8];
        snprintf(number, sizeof number, "%d", (int)(n % 1000));
        faulty_system_fail(&t->base.faulty, NULL, n, EIO, false);
        int status = tsr_transaction_begin(t->base.context, t->base.folder, NULL, &t->transaction,
                                           &t->base.err);
        if (status == 0)
            status = tsr_store_put(tsr_transaction_store(t->transaction), "a/c/0", number,
                                   strlen(number), TSR_DURABILITY_NONE, NULL, &t->base.err);
        if (status == 0)
            status = tsr_store_put(tsr_transaction_store(t->transaction), "b/c/0", number,
                                   strlen(number), TSR_DURABILITY_NONE, NULL, &t->base.err);
        if (status == 0)
            status = commit(t);
        bool fired = faulty_system_fired(&t->base.faulty);
        close_transaction(t);
        faulty_system_fail(&t->base.faulty, NULL, 0, 0, false);
        collect(t);
        /* A sync that failed ends all writing by this context. */
        fixture_close(&t->base);
        fixture_open(&t->base, true);
        assert_int_equal(get(&t->base, "a/c/0", text, sizeof text), 0);
        bool is_new = strcmp(text, number) == 0;
        assert_text(&t->base, "b/c/0", text);
        if (status == 0)
            assert_true(is_new);
        else
            assert_true(t->base.err.message[0] || fired);
        failures += status < 0;
        if (!fired)
            break;
        assert_true(n < 2000);
    }
    assert_true(failures > 40);
    begin(t);
    change(t);
    commit_good(t);
    open_again(t);
    assert_text(&t->base, "a/c/0", "a2");
}

/* ---- what is refused ---- */

static void expect_refused(tree *t, const char *place, int expected, const char *why)
{
    tsr_error_clear(&t->base.err);
    int status = tsr_transaction_begin(t->base.context, place, NULL, &t->transaction, &t->base.err);
    if (status != expected)
        fail_msg("%s: status %d, not %d (%s)", place, status, expected, t->base.err.message);
    if (!strstr(t->base.err.message, why))
        fail_msg("\"%s\" does not say \"%s\"", t->base.err.message, why);
    assert_null(t->transaction);
}

static void what_is_no_tree_is_refused(void **state)
{
    tree *t = *state;
    char path[4400];
    expect_refused(t, "memory:", TSR_UNSUPPORTED, "only a file system");
    snprintf(path, sizeof path, "%s/none.zarr", t->around);
    expect_refused(t, path, TSR_NOT_FOUND, "none.zarr");
    snprintf(path, sizeof path, "%s/empty", t->around);
    assert_int_equal(mkdir(path, 0777), 0);
    expect_refused(t, path, TSR_NOT_FOUND, "no array or group");
    expect_refused(t, path_of(&t->base, "a", path), TSR_INVALID_ARGUMENT, "part of the tree");
    expect_refused(t, path_of(&t->base, "zarr.json", path), TSR_UNSUPPORTED, "is a file");
    snprintf(path, sizeof path, "%s/link.zarr", t->around);
    assert_int_equal(symlink("t.zarr", path), 0);
    expect_refused(t, path, TSR_INVALID_ARGUMENT, "symbolic link");
    snprintf(path, sizeof path, "%s/t.zarr/.", t->around);
    expect_refused(t, path, TSR_INVALID_ARGUMENT, "name");
    assert_int_equal(symlink("../../empty", path_of(&t->base, "b/linked", path)), 0);
    expect_refused(t, t->base.folder, TSR_UNSUPPORTED, "b/linked is a symbolic link");
    assert_int_equal(count_around(t, "*draft-*"), 0);
}

static void file_systems_that_cannot_do_it_are_refused(void **state)
{
    tree *t = *state;
    faulty_system_fail(&t->base.faulty, "linkat", 1, EPERM, true);
    expect_refused(t, t->base.folder, TSR_UNSUPPORTED, "hard links");
    faulty_system_fail(&t->base.faulty, "linkat", 1, EMLINK, true);
    expect_refused(t, t->base.folder, TSR_UNSUPPORTED, "as many links");
    faulty_system_fail(&t->base.faulty, "linkat", 1, EXDEV, true);
    expect_refused(t, t->base.folder, TSR_UNSUPPORTED, "another file system");
    faulty_system_fail(&t->base.faulty, "renameat2", 1, EINVAL, true);
    expect_refused(t, t->base.folder, TSR_UNSUPPORTED, "cannot exchange");
    faulty_system_fail(&t->base.faulty, "lock", 1, ENOLCK, true);
    expect_refused(t, t->base.folder, TSR_UNSUPPORTED, "without locks");
    faulty_system_fail(&t->base.faulty, NULL, 0, 0, false);
    assert_int_equal(count_around(t, "*draft-*"), 0);
    assert_old(&t->base);
}

static void a_cancelled_begin_leaves_nothing(void **state)
{
    tree *t = *state;
    const int cancel = 1;
    const tsr_call call = {.cancel = &cancel};
    assert_int_equal(tsr_transaction_begin(t->base.context, t->base.folder, &call, &t->transaction,
                                           &t->base.err),
                     TSR_CANCELLED);
    assert_int_equal(count_around(t, "*draft-*"), 0);
}

/* ---- trees that are not there yet ---- */

static char *new_place(const tree *t)
{
    return temporary_path(t->around, "n.zarr");
}

static void begin_new(tree *t)
{
    char *place = new_place(t);
    if (tsr_transaction_begin_new(t->base.context, place, NULL, &t->transaction, &t->base.err) < 0)
        fail_msg("begin: %s", t->base.err.message);
    free(place);
}

static void open_new(tree *t)
{
    char *place = new_place(t);
    tsr_store_close(t->base.store);
    assert_int_equal(tsr_store_open(t->base.context, place, &t->base.store, &t->base.err), 0);
    free(place);
}

static void a_new_tree_is_seen_whole_or_not_at_all(void **state)
{
    tree *t = *state;
    begin_new(t);
    put_in(t, "zarr.json", "root");
    put_in(t, "a/c/0", "1");
    assert_int_equal(count_around(t, "*/n.zarr/a/c/0"), 1); /* in the draft */
    assert_int_equal(count_around(t, "*/draft-*/n.zarr/a/c/0"), 1);
    open_new(t);
    assert_names(&t->base, "", false, "");
    commit_good(t);
    assert_int_equal(commit(t), TSR_INVALID_ARGUMENT);
    put_in(t, "a/c/1", "2"); /* what was opened in it goes on */
    close_transaction(t);
    open_new(t);
    assert_names(&t->base, "", false, "a/c/0 a/c/1 zarr.json");
    assert_int_equal(count_around(t, "*draft-*"), 0);
    /* From here on it is a tree as any. */
    char *place = new_place(t);
    assert_int_equal(
        tsr_transaction_begin(t->base.context, place, NULL, &t->transaction, &t->base.err), 0);
    put_in(t, "a/c/0", "3");
    commit_good(t);
    open_new(t);
    assert_text(&t->base, "a/c/0", "3");
    free(place);
}

static void a_new_tree_that_is_given_up_leaves_nothing(void **state)
{
    tree *t = *state;
    begin_new(t);
    put_in(t, "zarr.json", "root");
    close_transaction(t);
    assert_int_equal(count_around(t, "*draft-*"), 0);
    assert_int_equal(count_around(t, "*/n.zarr"), 0);
    assert_old(&t->base);
}

static void expect_new_refused(tree *t, const char *place, int expected, const char *why)
{
    tsr_error_clear(&t->base.err);
    int status =
        tsr_transaction_begin_new(t->base.context, place, NULL, &t->transaction, &t->base.err);
    if (status != expected || !strstr(t->base.err.message, why))
        fail_msg("%s: status %d, not %d (%s)", place, status, expected, t->base.err.message);
    assert_null(t->transaction);
}

static void what_is_no_new_tree_is_refused(void **state)
{
    tree *t = *state;
    char path[4400];
    expect_new_refused(t, t->base.folder, TSR_EXISTS, "is there already");
    expect_new_refused(t, path_of(&t->base, "zarr.json", path), TSR_EXISTS, "is there already");
    expect_new_refused(t, path_of(&t->base, "n", path), TSR_INVALID_ARGUMENT, "part of the tree");
    expect_new_refused(t, "memory:", TSR_UNSUPPORTED, "only a file system");
    snprintf(path, sizeof path, "%s/none/n.zarr", t->around);
    expect_new_refused(t, path, TSR_NOT_FOUND, "none");
    assert_int_equal(count_around(t, "*draft-*"), 0);
    /* Nothing that could be opened. */
    begin_new(t);
    put_in(t, "a/c/0", "1");
    assert_int_equal(commit(t), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(t->base.err.message, "no array or group at its top"));
    put_in(t, "zarr.json", "root");
    commit_good(t);
}

/* Whoever comes first has the place, also in the moment between the last look and the rename. */
static void a_tree_that_others_make_meanwhile_is_a_conflict(void **state)
{
    tree *t = *state;
    begin_new(t);
    put_in(t, "zarr.json", "ours");
    open_new(t);
    put_good(&t->base, "zarr.json", "theirs");
    assert_int_equal(commit(t), TSR_CONFLICT);
    assert_non_null(strstr(t->base.err.message, "made by others"));
    assert_int_equal(tsr_store_erase_prefix(t->base.store, "", NULL, &t->base.err), 0);
    char *place = new_place(t);
    rmdir(place);
    faulty_system_fail(&t->base.faulty, "renameat2", 1, EEXIST, true);
    assert_int_equal(commit(t), TSR_CONFLICT);
    faulty_system_fail(&t->base.faulty, NULL, 0, 0, false);
    commit_good(t);
    close_transaction(t);
    open_new(t);
    assert_text(&t->base, "zarr.json", "ours");
    free(place);
}

/* Some programs remove the folder that they are given, and make another one. */
static void another_folder_of_the_name_is_published(void **state)
{
    tree *t = *state;
    char command[4400];
    for (int new = 0; new < 2; new ++) {
        if (new)
            begin_new(t);
        else
            begin(t);
        const char *folder = tsr_transaction_folder(t->transaction);
        /* The folder that is made first keeps the inode from being used again. */
        snprintf(command, sizeof command,
                 "mkdir '%s.other' && rm -r '%s' && mv '%s.other' '%s' && printf other > "
                 "'%s/zarr.json'",
                 folder, folder, folder, folder, folder);
        assert_int_equal(system(command), 0);
        commit_good(t);
        close_transaction(t);
        if (new)
            open_new(t);
        else
            open_again(t);
        assert_names(&t->base, "", false, "zarr.json");
        assert_text(&t->base, "zarr.json", "other");
    }
    begin(t);
    snprintf(command, sizeof command, "rm -r '%s'", tsr_transaction_folder(t->transaction));
    assert_int_equal(system(command), 0);
    assert_int_equal(commit(t), TSR_NOT_FOUND);
}

/* Whatever fails, there is no tree or all of it, and nothing is left. */
static void every_call_of_a_new_tree_may_fail(void **state)
{
    tree *t = *state;
    char *place = new_place(t);
    int failures = 0;
    t->base.faulty.sleep_is_free = true;
    for (int64_t n = 1;; n++) {
        bool exists = false;
        faulty_system_fail(&t->base.faulty, NULL, n, EIO, false);
        int status =
            tsr_transaction_begin_new(t->base.context, place, NULL, &t->transaction, &t->base.err);
        const char *const keys[] = {"zarr.json", "a/c/0"};
        for (size_t i = 0; i < 2 && status == 0; i++)
            status = tsr_store_put(tsr_transaction_store(t->transaction), keys[i], "v", 1,
                                   TSR_DURABILITY_NONE, NULL, &t->base.err);
        if (status == 0)
            status = commit(t);
        bool fired = faulty_system_fired(&t->base.faulty);
        close_transaction(t);
        faulty_system_fail(&t->base.faulty, NULL, 0, 0, false);
        tsr_versions_collect_options options;
        tsr_versions_collect_options_init(&options);
        assert_int_equal(
            tsr_versions_collect(t->base.context, place, &options, NULL, NULL, NULL, &t->base.err),
            0);
        assert_int_equal(count_around(t, "*draft-*"), 0);
        fixture_close(&t->base);
        fixture_open(&t->base, true);
        exists = access(place, F_OK) == 0;
        assert_true(exists || status < 0);
        if (exists) {
            open_new(t);
            assert_names(&t->base, "", false, "a/c/0 zarr.json");
            assert_int_equal(tsr_store_erase_prefix(t->base.store, "", NULL, &t->base.err), 0);
            rmdir(place);
            open_again(t);
        }
        failures += status < 0;
        if (!fired)
            break;
        assert_true(n < 2000);
    }
    assert_true(failures > 30);
    assert_old(&t->base);
    free(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TREE_TEST(a_commit_publishes_everything_at_once),
        TREE_TEST(a_transaction_that_is_closed_leaves_nothing),
        TREE_TEST(what_was_not_flushed_is_published),
        TREE_TEST(modes_and_unchanged_files_are_kept),
        TREE_TEST(files_of_writers_are_not_taken_along),
        TREE_TEST(transactions_follow_each_other),
        TREE_TEST(readers_go_on_with_what_they_have_opened),
        TREE_TEST(what_was_opened_in_the_transaction_goes_on),
        TREE_TEST(stores_without_a_descriptor_say_that_the_tree_was_replaced),
        TREE_TEST(what_others_change_is_a_conflict),
        TREE_TEST(the_same_object_is_a_conflict),
        TREE_TEST(the_first_of_two_transactions_wins),
        TREE_TEST(writers_of_a_version_that_was_replaced_are_told),
        TREE_TEST(a_wait_for_a_version_that_was_replaced_ends),
        TREE_TEST(nothing_acknowledged_is_lost_to_a_commit),
        TREE_TEST(the_death_of_a_transaction_holds_nobody_up),
        TREE_TEST(a_dead_announcement_stops_no_writer),
        TREE_TEST(every_call_may_fail),
        TREE_TEST(what_is_no_tree_is_refused),
        TREE_TEST(file_systems_that_cannot_do_it_are_refused),
        TREE_TEST(a_cancelled_begin_leaves_nothing),
        TREE_TEST(a_new_tree_is_seen_whole_or_not_at_all),
        TREE_TEST(a_new_tree_that_is_given_up_leaves_nothing),
        TREE_TEST(what_is_no_new_tree_is_refused),
        TREE_TEST(a_tree_that_others_make_meanwhile_is_a_conflict),
        TREE_TEST(another_folder_of_the_name_is_published),
        TREE_TEST(every_call_of_a_new_tree_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
