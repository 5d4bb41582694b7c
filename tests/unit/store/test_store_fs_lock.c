/* Proves the protocol of the lock file, from the view of another program that speaks it, and of one
 * that does not. */
#include "store_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

/* What another program does: opens the lock file and locks it. */
static int foreign_lock(const char *path, int command)
{
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    struct flock whole_file = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_true(descriptor >= 0);
    if (fcntl(descriptor, command, &whole_file) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static void our_lock_is_seen_by_others(void **state)
{
    fixture *f = *state;
    tsr_lock *lock = NULL;
    char path[4200];
    path_of(f, "c/0.__lock", path);
    assert_int_equal(tsr_store_lock(f->store, "c/0", NULL, &lock, &f->err), 0);
    assert_true(exists(path));
    assert_int_equal(foreign_lock(path, F_OFD_SETLK), -1);
    tsr_store_unlock(f->store, lock);
    assert_false(exists(path));
}

static void the_lock_of_others_is_respected(void **state)
{
    fixture *f = *state;
    char path[4200];
    tsr_call call = TSR_CALL_INIT;
    call.deadline_ms = 20;
    int held = foreign_lock(path_of(f, "k.__lock", path), F_OFD_SETLK);
    assert_true(held >= 0);
    assert_int_equal(tsr_store_put(f->store, "k", "x", 1, TSR_DURABILITY_NONE, &call, &f->err),
                     TSR_DEADLINE);
    assert_true(exists(path));
    assert_int_equal(get(f, "k", NULL, 0), TSR_NOT_FOUND);
    /* They publish as the protocol has it. */
    assert_int_equal(write(held, "theirs", 6), 6);
    char key_path[4200];
    assert_int_equal(rename(path, path_of(f, "k", key_path)), 0);
    put_good(f, "k2", "other");
    assert_text(f, "k", "theirs");
    close(held);
    put_good(f, "k", "ours");
    assert_text(f, "k", "ours");
}

static void *put_from_thread(void *user)
{
    fixture *f = user;
    return tsr_store_put(f->store, "k", "second", 6, TSR_DURABILITY_NONE, NULL, NULL) == 0 ? NULL
                                                                                           : f;
}

/* A waiter wakes up with the lock of a file that is the value by now; it must not write into it. */
static void who_waited_starts_with_a_new_file(void **state)
{
    fixture *f = *state;
    char path[4200], key_path[4200];
    int held = foreign_lock(path_of(f, "k.__lock", path), F_OFD_SETLK);
    assert_int_equal(write(held, "first", 5), 5);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_from_thread, f), 0);
    /* The waiter has opened the file and asks for its lock. */
    while (faulty_system_count(&f->faulty, "lock") == 0)
        usleep(100);
    usleep(2000);
    assert_int_equal(rename(path, path_of(f, "k", key_path)), 0);
    int published = open(key_path, O_RDONLY | O_CLOEXEC);
    close(held);
    void *failed;
    pthread_join(thread, &failed);
    assert_null(failed);
    char bytes[6] = "";
    assert_int_equal(pread(published, bytes, 5, 0), 5);
    assert_string_equal(bytes, "first");
    close(published);
    assert_text(f, "k", "second");
    assert_false(exists(path));
}

/* A system in which another process meets each new lock file before its maker has locked it, takes
 * it for a left-over and removes it. */
typedef struct overtaker {
    tsr_system system;
    int left;
} overtaker;

static int overtaken_openat(const tsr_system *system, int directory, const char *path, int flags,
                            mode_t mode)
{
    overtaker *o = (overtaker *)system;
    int descriptor = openat(directory, path, flags, mode);
    if (descriptor >= 0 && (flags & O_EXCL) && o->left > 0) {
        o->left--;
        assert_int_equal(unlinkat(directory, path, 0), 0);
    }
    return descriptor;
}

static void a_lock_is_of_the_file_that_others_find(void **state)
{
    fixture *f = *state;
    overtaker o = {.system = *tsr_system_default(), .left = 3};
    tsr_context_options options;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_store) *store = NULL;
    tsr_lock *lock = NULL;
    char path[4200];
    o.system.openat = overtaken_openat;
    tsr_context_options_init(&options);
    options.system = &o.system;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, f->folder, &store, NULL), 0);
    assert_int_equal(tsr_store_lock(store, "k", NULL, &lock, &f->err), 0);
    assert_int_equal(o.left, 0);
    assert_true(exists(path_of(f, "k.__lock", path)));
    assert_int_equal(foreign_lock(path, F_OFD_SETLK), -1);
    tsr_store_unlock(store, lock);
}

/* A killed writer leaves its file. It may even be a link to something that must not be touched. */
static void left_over_lock_files_are_removed_and_never_written(void **state)
{
    fixture *f = *state;
    char path[4200], precious[4200];
    temporary_file_write(path_of(f, "precious", precious), "keep me", 7);
    assert_int_equal(chmod(precious, 0600), 0);
    assert_int_equal(link(precious, path_of(f, "k.__lock", path)), 0);
    put_good(f, "k", "new");
    assert_text(f, "k", "new");
    assert_text(f, "precious", "keep me");
    assert_false(exists(path));
    struct stat status;
    char key_path[4200];
    assert_int_equal(stat(path_of(f, "k", key_path), &status), 0);
    assert_int_equal(status.st_nlink, 1);
    assert_int_not_equal(status.st_mode & 0777, 0600);
}

static void a_lock_file_that_is_none_is_refused(void **state)
{
    fixture *f = *state;
    char path[4200], precious[4200];
    temporary_file_write(path_of(f, "precious", precious), "keep me", 7);
    assert_int_equal(symlink("precious", path_of(f, "k.__lock", path)), 0);
    assert_true(put(f, "k", "x", TSR_DURABILITY_NONE) < 0);
    assert_non_null(strstr(f->err.message, "k.__lock"));
    assert_int_equal(mkfifo(path_of(f, "l.__lock", path), 0666), 0);
    assert_int_equal(put(f, "l", "x", TSR_DURABILITY_NONE), TSR_IO);
    assert_int_equal(mkdir(path_of(f, "m.__lock", path), 0777), 0);
    assert_int_equal(put(f, "m", "x", TSR_DURABILITY_NONE), TSR_IO);
    assert_text(f, "precious", "keep me");
    assert_names(f, "", false, "precious");
}

/* ---- Programs that do not know the protocol ---- */

/* Before a rename the lock file is removed, and another writer makes a new one: what is renamed
 * must never be the other's half-written file. */
typedef struct robber {
    tsr_system system;
    char lock_path[4200];
    int robberies;
} robber;

static int robbing_fstat(const tsr_system *system, int descriptor, struct stat *ret_status)
{
    robber *r = (robber *)system;
    const tsr_system *below = tsr_system_default();
    /* The look at the written file, before it is renamed. */
    int result = below->fstat(below, descriptor, ret_status);
    if (result == 0 && ret_status->st_size == 4 && r->robberies > 0 && exists(r->lock_path)) {
        r->robberies--;
        assert_int_equal(unlink(r->lock_path), 0);
        temporary_file_write(r->lock_path, "half of anoth", 13);
    }
    return result;
}

static void a_stolen_lock_file_is_not_published(void **state)
{
    fixture *f = *state;
    robber r = {.system = *tsr_system_default(), .robberies = 3};
    tsr_context_options options;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_store) *store = NULL;
    tsr_lock *lock = NULL;
    path_of(f, "k.__lock", r.lock_path);
    r.system.fstat = robbing_fstat;
    tsr_context_options_init(&options);
    options.system = &r.system;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, f->folder, &store, NULL), 0);
    assert_int_equal(tsr_store_put(store, "k", "ours", 4, TSR_DURABILITY_NONE, NULL, &f->err), 0);
    assert_int_equal(r.robberies, 0);
    assert_text(f, "k", "ours");
    /* Under the caller's lock it cannot start again: what was read under the lock may be old. */
    r.robberies = 1;
    assert_int_equal(tsr_store_lock(store, "k", NULL, &lock, &f->err), 0);
    tsr_segment segment = {.bytes = "more", .size_bytes = 4};
    tsr_put_request request = {
        .key = "k", .segments = &segment, .segment_count = 1, .lock = lock, .err = &f->err};
    assert_int_equal(tsr_store_put_many(store, &request, 1, NULL), TSR_CONFLICT);
    tsr_store_unlock(store, lock);
    assert_text(f, "k", "ours");
    /* The other's file is still there. */
    assert_true(exists(r.lock_path));
}

/* ---- File systems without locks ---- */

static void without_locks_whole_values_are_written(void **state)
{
    fixture *f = *state;
    static const int error_numbers[] = {ENOLCK, EINVAL, ENOSYS, EOPNOTSUPP};
    for (size_t i = 0; i < 4; i++) {
        faulty_system_fail(&f->faulty, "lock", 1, error_numbers[i], true);
        put_good(f, "a/k", "whole");
        assert_text(f, "a/k", "whole");
        put_good(f, "a/k", "again");
        tsr_put_request request = {.key = "a/new", .if_absent = true, .err = &f->err};
        assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), TSR_UNSUPPORTED);
        tsr_lock *lock = NULL;
        assert_int_equal(tsr_store_lock(f->store, "a/k", NULL, &lock, &f->err), TSR_UNSUPPORTED);
        assert_true(f->err.next_step[0]);
        assert_text(f, "a/k", "again");
        assert_int_equal(tsr_store_erase(f->store, "a/k", NULL, &f->err), 0);
        faulty_system_fail(&f->faulty, NULL, 0, 0, false);
        char path[4200];
        assert_false(exists(path_of(f, "a/k.__lock", path)));
        assert_int_equal(rmdir(path_of(f, "a", path)), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(our_lock_is_seen_by_others),
        FIXTURE_TEST(the_lock_of_others_is_respected),
        FIXTURE_TEST(who_waited_starts_with_a_new_file),
        FIXTURE_TEST(a_lock_is_of_the_file_that_others_find),
        FIXTURE_TEST(left_over_lock_files_are_removed_and_never_written),
        FIXTURE_TEST(a_lock_file_that_is_none_is_refused),
        FIXTURE_TEST(a_stolen_lock_file_is_not_published),
        FIXTURE_TEST(without_locks_whole_values_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
