/* Every system call and every allocation of every operation of the file system store fails once,
 * and then for good: whatever happens, a value is the old or the new one and whole, the other keys
 * are as they were, success means success, a failure has a text, no descriptor stays open, and the
 * next writer finds nothing in its way. */
#include "unit/store/store_testing.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nth_malloc.h"

/* ---- Operations ---- */

#define OLD "the value before, which is long enough to be written in several pieces"
#define NEW "and the value after, of another length, written in several pieces as well, too"

typedef struct operation {
    const char *name;
    int (*run)(fixture *f);
    const char *key;    /* the one that changes */
    const char *before; /* NULL: absent */
    const char *after;
} operation;

static int put_request(fixture *f, tsr_put_request request)
{
    request.err = &f->err;
    return tsr_store_put_many(f->store, &request, 1, NULL);
}

static const tsr_segment new_value[] = {{.bytes = NEW, .size_bytes = 30},
                                        {.bytes = &NEW[30], .size_bytes = sizeof NEW - 31}};

static int run_create(fixture *f)
{
    return tsr_store_put(f->store, "n/e/w", NEW, strlen(NEW), TSR_DURABILITY_CHUNK, NULL, &f->err);
}

static int run_create_once(fixture *f)
{
    return put_request(
        f, (tsr_put_request){
               .key = "n/w", .segments = new_value, .segment_count = 2, .if_absent = true});
}

static int run_replace(fixture *f)
{
    int status = put_request(f, (tsr_put_request){.key = "d/k",
                                                  .segments = new_value,
                                                  .segment_count = 2,
                                                  .durability = TSR_DURABILITY_FLUSH});
    return status < 0 ? status : tsr_store_flush(f->store, NULL, &f->err);
}

/* Read, change, write under the lock, with a piece of the old value. */
static int run_change(fixture *f)
{
    tsr_lock *lock = NULL;
    tsr_blob *blob = NULL;
    tsr_generation generation;
    int status = tsr_store_lock(f->store, "d/k", NULL, &lock, &f->err);
    if (status < 0)
        return status;
    status = tsr_store_get(f->store, "d/k", (tsr_range){TSR_RANGE_PART, 4, 9}, NULL, &blob,
                           &generation, &f->err);
    if (status == 0) {
        const tsr_segment segments[] = {{.bytes = "<", .size_bytes = 1},
                                        {.offset = 4, .size_bytes = 5},
                                        {.bytes = tsr_blob_data(blob), .size_bytes = 9},
                                        {.offset = 0, .size_bytes = 3}};
        status = put_request(f, (tsr_put_request){.key = "d/k",
                                                  .segments = segments,
                                                  .segment_count = 4,
                                                  .if_match = &generation,
                                                  .lock = lock});
    }
    tsr_blob_unref(blob);
    tsr_store_unlock(f->store, lock);
    return status;
}

static int run_erase(fixture *f)
{
    return tsr_store_erase(f->store, "d/k", NULL, &f->err);
}

static int run_erase_prefix(fixture *f)
{
    return tsr_store_erase_prefix(f->store, "d/", NULL, &f->err);
}

static int run_get(fixture *f)
{
    char text[256];
    int status = get(f, "d/k", text, sizeof text);
    if (status == 0)
        assert_string_equal(text, OLD);
    return status;
}

static int run_list(fixture *f)
{
    char names[256] = "";
    int status = tsr_store_list(f->store, "", false, append_name, names, NULL, &f->err);
    if (status == 0)
        assert_string_equal(names, "d/k e/f/other x");
    return status;
}

static int run_lock(fixture *f)
{
    tsr_lock *lock = NULL;
    int status = tsr_store_lock(f->store, "d/k", NULL, &lock, &f->err);
    assert_int_equal(lock != NULL, status == 0);
    tsr_store_unlock(f->store, lock);
    return status;
}

static const operation operations[] = {
    {"create", run_create, "n/e/w", NULL, NEW},
    {"create once", run_create_once, "n/w", NULL, NEW},
    {"replace", run_replace, "d/k", OLD, NEW},
    {"change", run_change, "d/k", OLD, "<valuevalue befthe"},
    {"erase", run_erase, "d/k", OLD, NULL},
    {"erase prefix", run_erase_prefix, "d/k", OLD, NULL},
    {"get", run_get, "d/k", OLD, OLD},
    {"list", run_list, "d/k", OLD, OLD},
    {"lock", run_lock, "d/k", OLD, OLD},
};

/* ---- What must hold ---- */

static int open_descriptors(void)
{
    int count = 0;
    DIR *stream = opendir("/proc/self/fd");
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

/* How many lock and temporary files lie in the folder of the key. */
static int left_over(const fixture *f, const char *key)
{
    char path[4200];
    path_of(f, key, path);
    *strrchr(path, '/') = 0;
    int count = 0;
    DIR *stream = opendir(path);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream)) != NULL)
        count += strstr(entry->d_name, "__lock") != NULL;
    if (stream)
        closedir(stream);
    return count;
}

static bool has_value(fixture *f, const char *key, const char *expected)
{
    char text[256];
    int status = get(f, key, text, sizeof text);
    if (status == TSR_NOT_FOUND)
        return expected == NULL;
    assert_int_equal(status, 0);
    return expected && strcmp(text, expected) == 0;
}

typedef struct sweep {
    const operation *operation;
    const char *call; /* NULL: any system call; "malloc": allocations */
    int error_number;
    bool for_ever;
    int64_t n;
} sweep;

#define HOLDS(condition, s, status)                                                           \
    do {                                                                                      \
        if (!(condition))                                                                     \
            fail_msg("%s, %s %s number %lld %s, status %s: not so: %s", (s)->operation->name, \
                     (s)->call ? (s)->call : "any call", strerror((s)->error_number),         \
                     (long long)(s)->n, (s)->for_ever ? "for ever" : "once",                  \
                     tsr_status_name(status), #condition);                                    \
    } while (0)

static void check_after(fixture *f, const sweep *s, int status, bool fired)
{
    const operation *op = s->operation;
    HOLDS(status <= 0, s, status);
    HOLDS(status == 0 || fired, s, status);
    HOLDS(status == 0 || f->err.status == status, s, status);
    HOLDS(status == 0 || f->err.message[0], s, status);
    bool is_after = has_value(f, op->key, op->after);
    HOLDS(is_after || has_value(f, op->key, op->before), s, status);
    HOLDS(is_after || status < 0, s, status);
    HOLDS(has_value(f, "e/f/other", "other"), s, status);
    HOLDS(has_value(f, "x", "x"), s, status);
    /* Cleaning up is the only thing that may fail to clean up. */
    bool may_stay = s->for_ever || !s->call || strcmp(s->call, "unlinkat") == 0 ||
                    strcmp(s->call, "fstatat") == 0;
    HOLDS(may_stay || left_over(f, op->key) == 0, s, status);
    put_good(f, op->key, "next");
    HOLDS(left_over(f, op->key) == 0, s, status);
}

/* Runs the operation once with the fault of the sweep in a new folder; false when nothing failed.
 */
static bool run_once(const sweep *s)
{
    fixture f = {.folder = temporary_folder_new(), .err = TSR_ERROR_INIT};
    const operation *op = s->operation;
    faulty_system_init(&f.faulty, quick_system());
    fixture_open(&f, true);
    put_good(&f, "e/f/other", "other");
    put_good(&f, "x", "x");
    if (op->before)
        put_good(&f, op->key, op->before);
    fixture_close(&f);

    int before = open_descriptors();
    fixture_open(&f, true);
    bool allocations = s->call && strcmp(s->call, "malloc") == 0, fired;
    tsr_error_clear(&f.err);
    if (allocations)
        nth_malloc_arm(s->n, s->for_ever);
    else
        faulty_system_fail(&f.faulty, s->call, s->n, s->error_number, s->for_ever);
    int status = op->run(&f);
    if (allocations)
        fired = nth_malloc_disarm();
    else
        fired = faulty_system_fired(&f.faulty);
    faulty_system_fail(&f.faulty, NULL, 0, 0, false);
    bool must_succeed = fired && s->error_number == EINTR && !s->for_ever && s->call;
    HOLDS(!must_succeed || status == 0, s, status);
    tsr_error err = f.err;
    fixture_close(&f);
    HOLDS(open_descriptors() == before, s, status);

    /* Another process looks at what is there. */
    faulty_system_init(&f.faulty, quick_system());
    fixture_open(&f, true);
    f.err = err;
    check_after(&f, s, status, fired);
    fixture_close(&f);
    mkdir(f.folder, 0777);
    temporary_folder_remove(f.folder);
    return fired;
}

/* Fails the first, the second, ... until the operation gets through; returns how many there were.
 */
static int64_t sweep_over(const operation *op, const char *call, int error_number, bool for_ever)
{
    sweep s = {op, call, error_number, for_ever, 1};
    while (run_once(&s))
        s.n++;
    return s.n - 1;
}

/* ---- Tests ---- */

enum { OPERATIONS = sizeof operations / sizeof *operations };

static void any_call_fails_once(void **state)
{
    (void)state;
    for (int i = 0; i < OPERATIONS; i++) {
        int64_t calls = sweep_over(&operations[i], NULL, EIO, false);
        /* A sweep over nothing proves nothing. */
        assert_true(calls >= 4);
        sweep_over(&operations[i], NULL, ENOSPC, false);
    }
}

static void all_calls_fail_from_some_point_on(void **state)
{
    (void)state;
    for (int i = 0; i < OPERATIONS; i++) {
        sweep_over(&operations[i], NULL, EIO, true);
        sweep_over(&operations[i], NULL, EMFILE, true);
    }
}

static void each_call_fails_by_name_and_nothing_is_left(void **state)
{
    (void)state;
    static const char *const calls[] = {
        "openat",   "close",   "pread",     "pwritev",  "copy_file_range", "fstat",
        "fstatat",  "fsync",   "fdatasync", "futimens", "renameat",        "renameat2",
        "unlinkat", "mkdirat", "fdopendir", "readdir",  "closedir",        "lock"};
    int64_t faults = 0;
    for (int i = 0; i < OPERATIONS; i++)
        for (size_t j = 0; j < sizeof calls / sizeof *calls; j++)
            faults += sweep_over(&operations[i], calls[j], EACCES, false);
    assert_true(faults > 100);
}

/* A signal handler of the program is no failure. */
static void interrupted_calls_go_on(void **state)
{
    (void)state;
    static const char *const calls[] = {"openat", "pread",     "pwritev", "copy_file_range",
                                        "fsync",  "fdatasync", "lock",    "close"};
    for (int i = 0; i < OPERATIONS; i++)
        for (size_t j = 0; j < sizeof calls / sizeof *calls; j++)
            sweep_over(&operations[i], calls[j], EINTR, false);
}

static void memory_runs_out(void **state)
{
    (void)state;
    int64_t faults = 0;
    for (int i = 0; i < OPERATIONS; i++) {
        faults += sweep_over(&operations[i], "malloc", ENOMEM, false);
        faults += sweep_over(&operations[i], "malloc", ENOMEM, true);
    }
    assert_true(faults > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_fails_once),
        cmocka_unit_test(all_calls_fail_from_some_point_on),
        cmocka_unit_test(each_call_fails_by_name_and_nothing_is_left),
        cmocka_unit_test(interrupted_calls_go_on),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
