/* Proves that the file system store is a store, with links followed and not; then URLs, the working
 * directory, descriptors and forks. */
#include "store_testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "conformance/store_suite.h"

/* ---- The suite ---- */

static char *suite_folder;

static int open_in_new_folder(void *user, tsr_context *context, tsr_store **ret_store,
                              tsr_error *err)
{
    (void)user;
    suite_folder = temporary_folder_new();
    /* A root that is not there yet. */
    char *root = temporary_path(suite_folder, "deep/er/root");
    int status = tsr_store_open(context, root, ret_store, err);
    free(root);
    return status;
}

static void remove_folder(void *user)
{
    (void)user;
    temporary_folder_remove(suite_folder);
}

static int run_suites(void)
{
    tsr_context_options links, no_links;
    tsr_context_options_init(&links);
    links.system = quick_system();
    no_links = links;
    no_links.follow_symlinks = false;
    const store_suite_subject subjects[] = {
        {.name = "file system",
         .open = open_in_new_folder,
         .end = remove_folder,
         .options = &links,
         .has_folders = true},
        {.name = "file system without links",
         .open = open_in_new_folder,
         .end = remove_folder,
         .options = &no_links,
         .has_folders = true},
    };
    return store_suite_run(&subjects[0]) + store_suite_run(&subjects[1]);
}

/* ---- URLs ---- */

static void file_urls_lead_to_folders(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *before, *after;
    } rows[] = {{"file://", "/a%20%C3%A4"}, {"file://localhost", "/a%20%c3%a4"},
                {"file:", "/a%20%C3%A4"},   {"FILE://", "/a%20%C3%A4//"},
                {"", "/a \xc3\xa4"},        {"", "/a \xc3\xa4///"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char url[4200], key[8];
        tsr_store *store = NULL;
        snprintf(url, sizeof url, "%s%s%s", rows[i].before, f->folder, rows[i].after);
        snprintf(key, sizeof key, "k%zu", i);
        assert_int_equal(tsr_store_open(f->context, url, &store, &f->err), 0);
        assert_int_equal(tsr_store_put(store, key, "v", 1, TSR_DURABILITY_NONE, NULL, &f->err), 0);
        char expected[4200];
        snprintf(expected, sizeof expected, "%s/a \xc3\xa4", f->folder);
        assert_string_equal(tsr_store_url(store), expected);
        tsr_store_close(store);
    }
    assert_names(
        f, "", false,
        "a \xc3\xa4/k0 a \xc3\xa4/k1 a \xc3\xa4/k2 a \xc3\xa4/k3 a \xc3\xa4/k4 a \xc3\xa4/k5");
}

static void bad_file_urls_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const urls[] = {
        "file://host/a", "file:a",     "file:",       "file://",
        "file:///%",     "file:///%4", "file:///%zz", "file:///a%00b"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        tsr_store *store = NULL;
        assert_int_equal(tsr_store_open(f->context, urls[i], &store, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_null(store);
    }
}

static void a_relative_root_stays_where_it_was(void **state)
{
    fixture *f = *state;
    char before[4200];
    tsr_store *store = NULL;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f->folder), 0);
    assert_int_equal(tsr_store_open(f->context, "sub/root", &store, &f->err), 0);
    assert_int_equal(chdir("/"), 0);
    int status = tsr_store_put(store, "k", "v", 1, TSR_DURABILITY_CHUNK, NULL, &f->err);
    tsr_store_close(store);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(status, 0);
    assert_text(f, "sub/root/k", "v");
}

static void hints_are_those_of_a_local_disk(void **state)
{
    fixture *f = *state;
    assert_true(f->store->hints.answers_at_once);
    assert_true(f->store->hints.can_list);
    assert_false(f->store->hints.conditional);
    assert_in_range(f->store->hints.coalesce_gap_bytes, 1024, 64 * 1024);
    assert_in_range(f->store->hints.largest_range_bytes, 1 << 20, 64 << 20);
    assert_non_null(f->store->ops->lock);
}

/* ---- Descriptors ---- */

static int open_descriptors(void)
{
    int count = 0;
    DIR *stream = opendir("/proc/self/fd");
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

static void nothing_stays_open(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    put_good(f, "a/b", "1");
    int before = open_descriptors(); /* with that of the root, which a store holds */
    put_good(f, "a/b", "2");
    assert_text(f, "a/b", "2");
    assert_int_equal(get(f, "none/k", NULL, 0), TSR_NOT_FOUND);
    assert_true(get(f, "a", NULL, 0) < 0);
    assert_true(put(f, "a", "x", TSR_DURABILITY_CHUNK) < 0);
    assert_true(put(f, "a/b/c", "x", TSR_DURABILITY_CHUNK) < 0);
    assert_names(f, "", false, "a/b");
    assert_int_equal(tsr_store_lock(f->store, "a/b", NULL, &lock, &f->err), 0);
    assert_int_equal(open_descriptors(), before + 2);
    tsr_store_unlock(f->store, lock);
    assert_int_equal(tsr_store_erase(f->store, "a/b", NULL, &f->err), 0);
    assert_int_equal(tsr_store_flush(f->store, NULL, &f->err), 0);
    assert_int_equal(tsr_store_erase_prefix(f->store, "", NULL, &f->err), 0);
    assert_int_equal(open_descriptors(), before);
}

/* ---- Forks ---- */

/* Runs `body` in a child; its return value is the exit status. */
static int in_child(int (*body)(fixture *f, void *user), fixture *f, void *user)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(body(f, user));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int put_in_child(fixture *f, void *user)
{
    (void)user;
    return tsr_store_put(f->store, "child", "c", 1, TSR_DURABILITY_CHUNK, NULL, NULL) == 0 ? 0 : 1;
}

static void a_child_may_use_the_store(void **state)
{
    fixture *f = *state;
    put_good(f, "parent", "p");
    assert_int_equal(in_child(put_in_child, f, NULL), 0);
    assert_text(f, "child", "c");
    put_good(f, "child", "p");
}

static bool is_locked(fixture *f, const char *key)
{
    tsr_call call = TSR_CALL_INIT;
    tsr_lock *lock = NULL;
    call.deadline_ms = 20;
    int status = tsr_store_lock(f->store, key, &call, &lock, NULL);
    tsr_store_unlock(f->store, lock);
    return status == TSR_DEADLINE;
}

/* The child gives up a lock that is its parent's, and cannot put under it. */
static int misuse_parents_lock(fixture *f, void *user)
{
    tsr_put_request request = {.key = "k", .lock = user};
    if (tsr_store_put_many(f->store, &request, 1, NULL) != TSR_INVALID_ARGUMENT)
        return 1;
    tsr_store_unlock(f->store, user);
    return is_locked(f, "k") ? 0 : 2;
}

static void a_lock_stays_the_parents(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    assert_int_equal(tsr_store_lock(f->store, "k", NULL, &lock, &f->err), 0);
    assert_int_equal(in_child(misuse_parents_lock, f, lock), 0);
    assert_true(is_locked(f, "k"));
    tsr_store_unlock(f->store, lock);
    assert_false(is_locked(f, "k"));
}

/* A child that lives on must not keep what its parent unlocks. */
static void an_unlock_in_the_parent_is_one(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    int wait_for_parent[2];
    assert_int_equal(pipe(wait_for_parent), 0);
    assert_int_equal(tsr_store_lock(f->store, "k", NULL, &lock, &f->err), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(wait_for_parent[1]);
        _exit(read(wait_for_parent[0], &byte, 1) == 0 ? 0 : 1);
    }
    /* A lock file that stays, so that a second locker would meet the same open file. */
    char path[4200], link_path[4200];
    assert_int_equal(link(path_of(f, "k.__lock", path), path_of(f, "other.__lock", link_path)), 0);
    int descriptor = open(link_path, O_RDWR | O_CLOEXEC);
    struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(descriptor, F_OFD_SETLK, &whole_file), -1);
    tsr_store_unlock(f->store, lock);
    assert_int_equal(fcntl(descriptor, F_OFD_SETLK, &whole_file), 0);
    close(descriptor);
    close(wait_for_parent[0]);
    close(wait_for_parent[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(file_urls_lead_to_folders),
        FIXTURE_TEST(bad_file_urls_are_refused),
        FIXTURE_TEST(a_relative_root_stays_where_it_was),
        FIXTURE_TEST(hints_are_those_of_a_local_disk),
        FIXTURE_TEST(nothing_stays_open),
        FIXTURE_TEST(a_child_may_use_the_store),
        FIXTURE_TEST(a_lock_stays_the_parents),
        FIXTURE_TEST(an_unlock_in_the_parent_is_one),
    };
    return run_suites() + cmocka_run_group_tests(tests, NULL, NULL);
}
