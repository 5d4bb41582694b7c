/* Proves how values are written: in pieces when the system takes pieces, with mode, owner and
 * growing time, sharing the bytes that stay, and nothing left behind when it fails. */
#include "store_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static struct stat status_of(fixture *f, const char *key)
{
    char path[4200];
    struct stat status;
    assert_int_equal(stat(path_of(f, key, path), &status), 0);
    return status;
}

static void short_writes_are_put_together(void **state)
{
    fixture *f = *state;
    faulty_system_shorten(&f->faulty, 3);
    put_good(f, "a", "0123456789abcdefghij");
    faulty_system_fail(&f->faulty, "pwritev", 2, EINTR, false);
    put_good(f, "b", "0123456789abcdefghij");
    assert_true(faulty_system_fired(&f->faulty));
    faulty_system_shorten(&f->faulty, 0);
    assert_text(f, "a", "0123456789abcdefghij");
    assert_text(f, "b", "0123456789abcdefghij");
}

static void a_replaced_file_keeps_its_mode(void **state)
{
    fixture *f = *state;
    char path[4200];
    put_good(f, "a", "1");
    assert_int_equal(chmod(path_of(f, "a", path), 0604), 0);
    put_good(f, "a", "2");
    assert_int_equal(status_of(f, "a").st_mode & 07777, 0604);
    mode_t before = umask(077);
    put_good(f, "a", "3");
    umask(before);
    assert_int_equal(status_of(f, "a").st_mode & 07777, 0604);
}

static void a_replaced_file_keeps_its_owner(void **state)
{
    fixture *f = *state;
    char path[4200];
    if (geteuid() != 0)
        skip();
    put_good(f, "a", "1");
    assert_int_equal(chown(path_of(f, "a", path), 4711, 4712), 0);
    assert_int_equal(chmod(path, 06755), 0);
    put_good(f, "a", "2");
    assert_int_equal(status_of(f, "a").st_uid, 4711);
    assert_int_equal(status_of(f, "a").st_gid, 4712);
    assert_int_equal(status_of(f, "a").st_mode & 07777, 06755);
    /* Who may not give files away writes all the same, but passes on no set-user-id. */
    faulty_system_fail(&f->faulty, "fchown", 1, EPERM, true);
    put_good(f, "a", "3");
    assert_int_equal(status_of(f, "a").st_uid, 0);
    assert_int_equal(status_of(f, "a").st_mode & 07777, 0755);
    assert_text(f, "a", "3");
}

/* The clock of the file system may not have moved since, or it may have been set back. */
static void the_time_of_a_key_grows(void **state)
{
    fixture *f = *state;
    char path[4200];
    put_good(f, "a", "1");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                {.tv_sec = now.tv_sec, .tv_nsec = 999999999}};
    assert_int_equal(utimensat(AT_FDCWD, path_of(f, "a", path), times, 0), 0);
    put_good(f, "a", "2");
    struct timespec after = status_of(f, "a").st_mtim;
    assert_true(after.tv_sec > times[1].tv_sec);
    for (int i = 0; i < 20; i++) {
        put_good(f, "a", "3");
        struct timespec later = status_of(f, "a").st_mtim;
        assert_true(later.tv_sec > after.tv_sec ||
                    (later.tv_sec == after.tv_sec && later.tv_nsec > after.tv_nsec));
        after = later;
    }
    /* A file from the far future is none of our business. */
    times[1].tv_sec += 1000000;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    put_good(f, "a", "4");
    assert_true(status_of(f, "a").st_mtim.tv_sec < now.tv_sec + 1000);
}

/* ---- Unique generations ---- */

static tsr_put_request put_unique(fixture *f, const char *value)
{
    const tsr_segment segment = {value, 0, strlen(value)};
    tsr_put_request request = {
        .key = "a", .segments = &segment, .segment_count = 1, .wants_unique = true, .err = &f->err};
    assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), 0);
    return request;
}

static tsr_generation generation_of(fixture *f)
{
    tsr_generation generation;
    tsr_blob *blob;
    assert_int_equal(
        tsr_store_get(f->store, "a", (tsr_range){0}, NULL, &blob, &generation, &f->err), 0);
    tsr_blob_unref(blob);
    return generation;
}

/* Who writes into the file a moment later, as many bytes, knowing nothing of the store: without
 * more ado the time would often be the same. */
static void a_unique_generation_is_no_other_value_s(void **state)
{
    fixture *f = *state;
    char path[4200];

    for (int i = 0; i < 300; i++) {
        tsr_put_request request = put_unique(f, "ours");
        assert_true(request.is_unique);
        tsr_generation now = generation_of(f);
        assert_true(tsr_generation_equal(&request.generation, &now));
        FILE *file = fopen(path_of(f, "a", path), "r+");
        assert_non_null(file);
        assert_int_equal(fwrite("them", 1, 4, file), 4);
        assert_int_equal(fclose(file), 0);
        now = generation_of(f);
        assert_false(tsr_generation_equal(&request.generation, &now));
    }
}

static void or_it_is_said_that_it_is_not(void **state)
{
    fixture *f = *state;

    faulty_system_fail(&f->faulty, "futimens", 1, EPERM, false);
    tsr_put_request request = put_unique(f, "value");
    assert_true(faulty_system_fired(&f->faulty));
    assert_false(request.is_unique);
    assert_text(f, "a", "value");
}

/* ---- Pieces of the current value ---- */

static int put_pieces(fixture *f, size_t middle)
{
    tsr_blob *blob = NULL;
    tsr_generation generation;
    assert_int_equal(
        tsr_store_get(f->store, "a", (tsr_range){0}, NULL, &blob, &generation, &f->err), 0);
    size_t size = tsr_blob_size(blob);
    tsr_blob_unref(blob);
    const tsr_segment segments[] = {{.offset = 0, .size_bytes = middle},
                                    {.bytes = "<new>", .size_bytes = 5},
                                    {.offset = middle, .size_bytes = size - middle}};
    tsr_put_request request = {.key = "a",
                               .segments = segments,
                               .segment_count = 3,
                               .if_match = &generation,
                               .err = &f->err};
    return tsr_store_put_many(f->store, &request, 1, NULL);
}

static void current_bytes_are_copied_in_the_kernel(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "0123456789");
    int64_t reads = faulty_system_count(&f->faulty, "pread");
    assert_int_equal(put_pieces(f, 4), 0);
    assert_text(f, "a", "0123<new>456789");
    assert_int_equal(faulty_system_count(&f->faulty, "copy_file_range"), 2);
    /* One read by the get before, one by the check after. */
    assert_int_equal(faulty_system_count(&f->faulty, "pread") - reads, 2);
    faulty_system_shorten(&f->faulty, 3);
    assert_int_equal(put_pieces(f, 7), 0);
    faulty_system_shorten(&f->faulty, 0);
    assert_text(f, "a", "0123<ne<new>w>456789");
}

static void or_through_memory_where_it_cannot(void **state)
{
    fixture *f = *state;
    static const int error_numbers[] = {EXDEV, EINVAL, EOPNOTSUPP, ENOSYS, EBADF};
    for (size_t i = 0; i < 5; i++) {
        put_good(f, "a", "0123456789");
        faulty_system_fail(&f->faulty, "copy_file_range", 1, error_numbers[i], true);
        assert_int_equal(put_pieces(f, 4), 0);
        faulty_system_fail(&f->faulty, "copy_file_range", 2, error_numbers[i], false);
        faulty_system_shorten(&f->faulty, 2);
        assert_int_equal(put_pieces(f, 4), 0);
        faulty_system_shorten(&f->faulty, 0);
        faulty_system_fail(&f->faulty, NULL, 0, 0, false);
        assert_text(f, "a", "0123<new><new>456789");
    }
    faulty_system_fail(&f->faulty, "copy_file_range", 1, ENOSPC, false);
    assert_int_equal(put_pieces(f, 4), TSR_NO_SPACE);
    assert_text(f, "a", "0123<new><new>456789");
}

/* ---- Conditions ---- */

/* A program that does not know the protocol makes the key after our look at it. */
static int make_key_on_fdatasync(const tsr_system *system, int descriptor)
{
    (void)descriptor;
    const char *path = *(const char *const *)((const char *)system + sizeof(tsr_system));
    temporary_file_write(path, "theirs", 6);
    return 0;
}

static void a_key_made_meanwhile_is_not_replaced(void **state)
{
    fixture *f = *state;
    struct {
        tsr_system system;
        const char *path;
    } late = {.system = *tsr_system_default()};
    char path[4200];
    tsr_context_options options;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_store) *store = NULL;
    late.path = path_of(f, "k", path);
    late.system.fdatasync = make_key_on_fdatasync;
    tsr_context_options_init(&options);
    options.system = &late.system;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, f->folder, &store, NULL), 0);
    tsr_put_request request = {
        .key = "k", .if_absent = true, .durability = TSR_DURABILITY_FLUSH, .err = &f->err};
    assert_int_equal(tsr_store_put_many(store, &request, 1, NULL), TSR_CONFLICT);
    assert_text(f, "k", "theirs");
    assert_names(f, "", false, "k");
}

static void creating_works_without_renameat2(void **state)
{
    fixture *f = *state;
    static const int error_numbers[] = {EINVAL, ENOSYS};
    for (size_t i = 0; i < 2; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%zu", i);
        faulty_system_fail(&f->faulty, "renameat2", 1, error_numbers[i], true);
        tsr_put_request request = {.key = key, .if_absent = true, .err = &f->err};
        assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), 0);
        assert_true(faulty_system_fired(&f->faulty));
        assert_int_equal(tsr_store_put_many(f->store, &request, 1, NULL), TSR_CONFLICT);
    }
}

/* ---- Failures ---- */

static void failures_are_named_and_leave_nothing(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *call;
        int error_number, status;
        const char *phrase;
    } rows[] = {
        {"pwritev", ENOSPC, TSR_NO_SPACE, "write"},
        {"pwritev", EDQUOT, TSR_NO_SPACE, "write"},
        {"pwritev", EIO, TSR_IO, "write"},
        {"pwritev", EFBIG, TSR_LIMIT, "write"},
        {"fdatasync", ENOSPC, TSR_NO_SPACE, "sync"},
        {"fdatasync", EDQUOT, TSR_NO_SPACE, "sync"},
        {"renameat", EACCES, TSR_PERMISSION, "rename"},
        {"renameat", EROFS, TSR_READ_ONLY, "rename"},
        {"openat", EROFS, TSR_READ_ONLY, "open"},
        {"openat", EMFILE, TSR_IO, "open"},
        {"fallocate", ENOSPC, TSR_NO_SPACE, "reserve"},
    };
    static char large[3 << 20];
    memset(large, 'x', sizeof large - 1);
    put_good(f, "d/k", "before");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        faulty_system_fail(&f->faulty, rows[i].call, 1, rows[i].error_number, false);
        const char *text = strcmp(rows[i].call, "fallocate") ? "after" : large;
        assert_int_equal(put(f, "d/k", text, TSR_DURABILITY_FLUSH), rows[i].status);
        assert_true(faulty_system_fired(&f->faulty));
        assert_non_null(strstr(f->err.message, rows[i].phrase));
        assert_non_null(strstr(f->err.message, "d"));
        faulty_system_fail(&f->faulty, NULL, 0, 0, false);
        assert_text(f, "d/k", "before");
        char path[4200];
        assert_int_equal(access(path_of(f, "d/k.__lock", path), F_OK), -1);
    }
    assert_int_equal(put(f, "d/k", "after", TSR_DURABILITY_FLUSH), 0);
    assert_text(f, "d/k", "after");
}

/* File systems that cannot reserve space still take the bytes. */
static void reserving_is_only_a_wish(void **state)
{
    fixture *f = *state;
    static char large[2 << 20];
    memset(large, 'x', sizeof large - 1);
    faulty_system_fail(&f->faulty, "fallocate", 1, EOPNOTSUPP, true);
    put_good(f, "k", large);
    assert_true(faulty_system_fired(&f->faulty));
    assert_int_equal(status_of(f, "k").st_size, sizeof large - 1);
}

/* No byte is copied, where the file system has links. */
static void a_second_key_is_a_link(void **state)
{
    fixture *f = *state;
    put_good(f, "k", "value");
    assert_int_equal(tsr_store_link(f->store, "k", "folder/second", NULL, &f->err), 0);
    assert_int_equal(status_of(f, "k").st_ino, status_of(f, "folder/second").st_ino);
    put_good(f, "k", "another");
    assert_int_equal(status_of(f, "folder/second").st_size, strlen("value"));
}

static void or_a_copy_where_there_are_none(void **state)
{
    fixture *f = *state;
    static const int none[] = {EPERM, EOPNOTSUPP, EMLINK, EXDEV};
    put_good(f, "k", "value");
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        char second[16];
        snprintf(second, sizeof second, "second%zu", i);
        faulty_system_fail(&f->faulty, "linkat", 1, none[i], true);
        assert_int_equal(tsr_store_link(f->store, "k", second, NULL, &f->err), 0);
        assert_true(faulty_system_fired(&f->faulty));
        assert_int_not_equal(status_of(f, "k").st_ino, status_of(f, second).st_ino);
        assert_int_equal(status_of(f, second).st_size, strlen("value"));
        assert_int_equal(tsr_store_link(f->store, "k", second, NULL, &f->err), TSR_EXISTS);
    }
    faulty_system_fail(&f->faulty, "linkat", 1, ENOSPC, false);
    assert_int_equal(tsr_store_link(f->store, "k", "full", NULL, &f->err), TSR_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(short_writes_are_put_together),
        FIXTURE_TEST(a_replaced_file_keeps_its_mode),
        FIXTURE_TEST(a_replaced_file_keeps_its_owner),
        FIXTURE_TEST(the_time_of_a_key_grows),
        FIXTURE_TEST(a_unique_generation_is_no_other_value_s),
        FIXTURE_TEST(or_it_is_said_that_it_is_not),
        FIXTURE_TEST(current_bytes_are_copied_in_the_kernel),
        FIXTURE_TEST(or_through_memory_where_it_cannot),
        FIXTURE_TEST(a_key_made_meanwhile_is_not_replaced),
        FIXTURE_TEST(creating_works_without_renameat2),
        FIXTURE_TEST(failures_are_named_and_leave_nothing),
        FIXTURE_TEST(reserving_is_only_a_wish),
        FIXTURE_TEST(a_second_key_is_a_link),
        FIXTURE_TEST(or_a_copy_where_there_are_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
