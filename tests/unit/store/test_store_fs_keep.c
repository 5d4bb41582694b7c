/* Proves of kept files that they save opening, that they never answer for a value that is there no
 * more, and that there are never more of them than allowed. */
#include "store_testing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void ignore_answer(tsr_get_request *request)
{
    (void)request;
}

/* Reads a part as text; the status. */
static int get_part(fixture *f, uint64_t offset, uint64_t size_bytes, const char *key,
                    char text[64])
{
    tsr_error_clear(&f->err);
    tsr_get_request request = {.key = key,
                               .range = {TSR_RANGE_PART, offset, size_bytes},
                               .destination = text,
                               .destination_bytes = 63,
                               .done = ignore_answer,
                               .err = &f->err};
    tsr_store_get_many(f->store, &request, 1, NULL);
    if (request.status == 0)
        text[request.size_bytes] = 0;
    return request.status;
}

static void assert_part(fixture *f, uint64_t offset, uint64_t size_bytes, const char *key,
                        const char *expected)
{
    char text[64];
    if (get_part(f, offset, size_bytes, key, text) < 0)
        fail_msg("get %s: %s", key, f->err.message);
    assert_string_equal(text, expected);
}

/* How many descriptors of this process lead to files inside the folder of the fixture. */
static int open_files(const fixture *f)
{
    DIR *folder = opendir("/proc/self/fd");
    int count = 0;
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char target[4200] = "";
        struct stat status;
        if (readlinkat(dirfd(folder), entry->d_name, target, sizeof target - 1) > 0 &&
            fstatat(dirfd(folder), entry->d_name, &status, 0) == 0 && S_ISREG(status.st_mode))
            count += strncmp(target, f->folder, strlen(f->folder)) == 0 &&
                     target[strlen(f->folder)] == '/';
    }
    closedir(folder);
    return count;
}

static void write_beside(const fixture *f, const char *key, const char *text)
{
    char path[4200], other[4300];
    path_of(f, key, path);
    snprintf(other, sizeof other, "%s.other", path);
    temporary_file_write(other, text, strlen(text));
    assert_int_equal(rename(other, path), 0);
}

static void parts_of_a_file_are_read_by_one_open(void **state)
{
    fixture *f = *state;
    put_good(f, "c/0", "0123456789");
    int64_t before = faulty_system_count(&f->faulty, "openat");
    for (uint64_t i = 0; i < 5; i++)
        assert_part(f, i, 2, "c/0", (const char[3]){(char)('0' + i), (char)('1' + i), 0});
    assert_int_equal(faulty_system_count(&f->faulty, "openat") - before, 1);
    assert_int_equal(open_files(f), 1);
}

static void whole_files_are_not_kept(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "0123456789");
    assert_text(f, "a", "0123456789");
    assert_int_equal(open_files(f), 0);
    assert_part(f, 0, 1, "a", "0");
    assert_text(f, "a", "0123456789");
    assert_int_equal(open_files(f), 1);
}

/* The new file has the size and the time of the old one. */
static void what_others_put_there_is_seen(void **state)
{
    fixture *f = *state;
    char path[4200], text[64];
    struct stat old;
    put_good(f, "a", "0123456789");
    assert_part(f, 3, 3, "a", "345");
    assert_int_equal(stat(path_of(f, "a", path), &old), 0);
    write_beside(f, "a", "abcdefghij");
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[2]){old.st_atim, old.st_mtim}, 0),
                     0);
    assert_part(f, 3, 3, "a", "def");
    assert_int_equal(open_files(f), 1);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(get_part(f, 3, 3, "a", text), TSR_NOT_FOUND);
    assert_int_equal(open_files(f), 0);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(get_part(f, 3, 3, "a", text), TSR_IO);
}

static void what_others_change_in_place_is_seen(void **state)
{
    fixture *f = *state;
    char path[4200];
    put_good(f, "a", "0123456789");
    assert_part(f, 3, 3, "a", "345");
    int descriptor = open(path_of(f, "a", path), O_WRONLY | O_CLOEXEC | O_APPEND);
    assert_int_equal(write(descriptor, "abc", 3), 3);
    close(descriptor);
    assert_part(f, 8, 5, "a", "89abc");
    assert_int_equal(open_files(f), 1);
}

static void an_old_generation_is_a_conflict(void **state)
{
    fixture *f = *state;
    char text[4];
    put_good(f, "a", "0123456789");
    assert_part(f, 0, 1, "a", "0");
    tsr_get_request look = {.key = "a", .range = {TSR_RANGE_PART, 0, 0}, .done = ignore_answer};
    tsr_store_get_many(f->store, &look, 1, NULL);
    tsr_blob_unref(look.blob);
    assert_int_equal(look.status, 0);
    tsr_get_request again = {.key = "a",
                             .range = {TSR_RANGE_PART, 0, 4},
                             .if_match = &look.generation,
                             .destination = text,
                             .destination_bytes = 4,
                             .done = ignore_answer};
    tsr_store_get_many(f->store, &again, 1, NULL);
    assert_int_equal(again.status, 0);
    write_beside(f, "a", "abcdefghij");
    tsr_store_get_many(f->store, &again, 1, NULL);
    assert_int_equal(again.status, TSR_CONFLICT);
}

/* The room on the disk is given back at once. */
static void puts_and_erases_close_the_old_file(void **state)
{
    fixture *f = *state;
    put_good(f, "c/0", "0123456789");
    put_good(f, "c/1", "0123456789");
    put_good(f, "d", "0123456789");
    assert_part(f, 0, 1, "c/0", "0");
    assert_part(f, 0, 1, "c/1", "0");
    assert_part(f, 0, 1, "d", "0");
    assert_int_equal(open_files(f), 3);
    put_good(f, "d", "abc");
    assert_int_equal(open_files(f), 2);
    assert_part(f, 0, 1, "d", "a");
    assert_int_equal(tsr_store_erase(f->store, "d", NULL, &f->err), 0);
    assert_int_equal(open_files(f), 2);
    assert_int_equal(tsr_store_erase_prefix(f->store, "c/", NULL, &f->err), 0);
    assert_int_equal(open_files(f), 0);
}

static void closing_the_store_closes_its_files(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "0123456789");
    assert_part(f, 0, 1, "a", "0");
    fixture_close(f);
    assert_int_equal(open_files(f), 0);
    fixture_open(f, true);
}

static void open_limited(fixture *f, int kept_files, tsr_store **ret_other)
{
    tsr_context_options options;
    fixture_close(f);
    tsr_context_options_init(&options);
    options.system = &f->faulty.system;
    options.kept_files = kept_files;
    assert_int_equal(tsr_context_new(&options, &f->context, &f->err), 0);
    assert_int_equal(tsr_store_open(f->context, f->folder, &f->store, &f->err), 0);
    if (ret_other)
        assert_int_equal(tsr_store_open(f->context, f->folder, ret_other, &f->err), 0);
}

static void the_file_that_was_not_used_for_longest_makes_room(void **state)
{
    fixture *f = *state;
    open_limited(f, 3, NULL);
    const char *const keys[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++)
        put_good(f, keys[i], keys[i]);
    for (int i = 0; i < 3; i++)
        assert_part(f, 0, 1, keys[i], keys[i]);
    assert_part(f, 0, 1, "a", "a");
    assert_part(f, 0, 1, "d", "d"); /* closes b */
    assert_int_equal(open_files(f), 3);
    int64_t before = faulty_system_count(&f->faulty, "openat");
    assert_part(f, 0, 1, "a", "a");
    assert_part(f, 0, 1, "c", "c");
    assert_part(f, 0, 1, "d", "d");
    assert_int_equal(faulty_system_count(&f->faulty, "openat"), before);
    assert_part(f, 0, 1, "b", "b");
    assert_int_equal(faulty_system_count(&f->faulty, "openat"), before + 1);
}

static void the_stores_of_a_context_share_the_limit(void **state)
{
    fixture *f = *state;
    tsr_store *other = NULL, *first;
    open_limited(f, 2, &other);
    first = f->store;
    put_good(f, "a", "a");
    put_good(f, "b", "b");
    assert_part(f, 0, 1, "a", "a");
    assert_part(f, 0, 1, "b", "b");
    f->store = other;
    assert_part(f, 0, 1, "a", "a");
    assert_int_equal(open_files(f), 2);
    f->store = first;
    tsr_store_close(other);
    assert_int_equal(open_files(f), 2);
}

static void none_are_kept_when_told_so(void **state)
{
    fixture *f = *state;
    open_limited(f, -1, NULL);
    put_good(f, "a", "0123456789");
    assert_part(f, 2, 1, "a", "2");
    assert_int_equal(open_files(f), 0);
}

static void kept_files_give_way_when_too_many_are_open(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "a");
    put_good(f, "b", "b");
    assert_part(f, 0, 1, "a", "a");
    faulty_system_fail(&f->faulty, "openat", 1, EMFILE, false);
    assert_text(f, "b", "b");
    assert_true(faulty_system_fired(&f->faulty));
    assert_int_equal(open_files(f), 0);
    faulty_system_fail(&f->faulty, "openat", 1, EMFILE, true);
    assert_int_equal(get(f, "b", NULL, 0), TSR_IO);
    faulty_system_fail(&f->faulty, NULL, 0, 0, false);
}

static void both_sides_of_a_fork_go_on_reading(void **state)
{
    fixture *f = *state;
    char text[64];
    put_good(f, "a", "0123456789");
    assert_part(f, 0, 1, "a", "0");
    pid_t child = fork();
    if (child == 0) {
        bool good = get_part(f, 4, 2, "a", text) == 0 && strcmp(text, "45") == 0;
        fixture_close(f);
        _exit(good && open_files(f) == 0 ? 0 : 1);
    }
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_part(f, 6, 2, "a", "67");
}

static void a_link_that_takes_the_place_is_refused(void **state)
{
    fixture *f = *state;
    char path[4200], other[4200], text[64];
    fixture_close(f);
    fixture_open(f, false);
    put_good(f, "c/a", "0123456789");
    put_good(f, "c/b", "secret....");
    assert_part(f, 0, 1, "c/a", "0");
    assert_int_equal(unlink(path_of(f, "c/a", path)), 0);
    assert_int_equal(symlink(path_of(f, "c/b", other), path), 0);
    assert_int_equal(get_part(f, 0, 1, "c/a", text), TSR_PERMISSION);
}

static bool settled(fixture *f, const char *key)
{
    tsr_get_request request = {.key = key, .range = {TSR_RANGE_PART, 0, 0}, .done = ignore_answer};
    tsr_store_get_many(f->store, &request, 1, NULL);
    tsr_blob_unref(request.blob);
    assert_int_equal(request.status, 0);
    return request.settled;
}

static void a_value_settles_with_time(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "0");
    assert_false(settled(f, "a"));
    faulty_system_advance_ns(&f->faulty, INT64_C(3000000000));
    assert_true(settled(f, "a"));
}

/* ---- many threads ---- */

enum { THREADS = 4, ROUNDS = 300, KEYS = 5 };

static const char *const thread_keys[KEYS] = {"k0", "k1", "k2", "k3", "k4"};

typedef struct worker {
    tsr_store *store;
    unsigned seed;
    bool writes;
    int wrong;
} worker;

/* Values are eight equal letters; a read that mixes two values or gives an older one than the
 * thread has put itself is wrong. */
static void *work(void *user)
{
    worker *self = user;
    for (int i = 0; i < ROUNDS; i++) {
        char text[9] = "", value[9];
        const char *key = thread_keys[rand_r(&self->seed) % KEYS];
        if (self->writes) {
            memset(value, 'a' + i % 26, 8);
            self->wrong +=
                tsr_store_put(self->store, key, value, 8, TSR_DURABILITY_NONE, NULL, NULL) != 0;
            continue;
        }
        tsr_get_request request = {.key = key,
                                   .range = {TSR_RANGE_PART, 0, 8},
                                   .destination = text,
                                   .destination_bytes = 8,
                                   .done = ignore_answer};
        tsr_store_get_many(self->store, &request, 1, NULL);
        bool torn = false;
        for (int at = 1; at < 8; at++)
            torn |= text[at] != text[0];
        self->wrong += request.status != 0 || torn;
    }
    return NULL;
}

static void threads_read_what_others_replace(void **state)
{
    fixture *f = *state;
    pthread_t threads[THREADS];
    worker workers[THREADS];
    open_limited(f, 3, NULL);
    for (int i = 0; i < KEYS; i++)
        put_good(f, thread_keys[i], "--------");
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){f->store, (unsigned)i + 1, i == 0, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(workers[i].wrong, 0);
    }
    assert_true(open_files(f) <= 3);
    assert_int_equal(tsr_store_erase_prefix(f->store, "", NULL, &f->err), 0);
    assert_int_equal(open_files(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(parts_of_a_file_are_read_by_one_open),
        FIXTURE_TEST(whole_files_are_not_kept),
        FIXTURE_TEST(what_others_put_there_is_seen),
        FIXTURE_TEST(what_others_change_in_place_is_seen),
        FIXTURE_TEST(an_old_generation_is_a_conflict),
        FIXTURE_TEST(puts_and_erases_close_the_old_file),
        FIXTURE_TEST(closing_the_store_closes_its_files),
        FIXTURE_TEST(the_file_that_was_not_used_for_longest_makes_room),
        FIXTURE_TEST(the_stores_of_a_context_share_the_limit),
        FIXTURE_TEST(none_are_kept_when_told_so),
        FIXTURE_TEST(kept_files_give_way_when_too_many_are_open),
        FIXTURE_TEST(both_sides_of_a_fork_go_on_reading),
        FIXTURE_TEST(a_link_that_takes_the_place_is_refused),
        FIXTURE_TEST(a_value_settles_with_time),
        FIXTURE_TEST(threads_read_what_others_replace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
