/* Proves the test helper that other tests trust: what it counts, fails, shortens, and where it
 * stops. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "support/faulty_system.h"
#include "support/temporary.h"

#define CALL(name, ...) faulty.system.name(&faulty.system, __VA_ARGS__)

static char *folder;

static int set_up(void **state)
{
    (void)state;
    folder = temporary_folder_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    temporary_folder_remove(folder);
    return 0;
}

static int open_file(faulty_system *faulty, const char *name)
{
    char *path = temporary_path(folder, name);
    int descriptor = faulty->system.openat(&faulty->system, AT_FDCWD, path, O_RDWR | O_CREAT, 0600);
    free(path);
    return descriptor;
}

static void passes_everything_on_and_counts(void **state)
{
    (void)state;
    faulty_system faulty;
    faulty_system_init(&faulty, NULL);
    int descriptor = open_file(&faulty, "a");
    assert_true(descriptor >= 0);
    struct iovec parts[] = {{(void *)"hello ", 6}, {(void *)"world", 5}};
    char bytes[16] = {0};
    assert_int_equal(CALL(pwritev, descriptor, parts, 2, 0), 11);
    assert_int_equal(CALL(pread, descriptor, bytes, sizeof bytes, 6), 5);
    assert_string_equal(bytes, "world");
    assert_int_equal(CALL(close, descriptor), 0);
    assert_int_equal(faulty_system_count(&faulty, "pread"), 1);
    assert_int_equal(faulty_system_count(&faulty, "openat"), 1);
    assert_int_equal(faulty_system_count(&faulty, "unlinkat"), 0);
    assert_int_equal(faulty_system_count(&faulty, NULL), 4);
    assert_false(faulty_system_fired(&faulty));
}

static void fails_the_nth_call_of_a_name_once(void **state)
{
    (void)state;
    faulty_system faulty;
    faulty_system_init(&faulty, NULL);
    int descriptor = open_file(&faulty, "b");
    faulty_system_fail(&faulty, "write", 2, ENOSPC, false);
    assert_int_equal(CALL(write, descriptor, "x", 1), 1);
    assert_int_equal(CALL(fsync, descriptor), 0);
    assert_false(faulty_system_fired(&faulty));
    errno = 0;
    assert_int_equal(CALL(write, descriptor, "x", 1), -1);
    assert_int_equal(errno, ENOSPC);
    assert_true(faulty_system_fired(&faulty));
    assert_int_equal(CALL(write, descriptor, "x", 1), 1);
    assert_int_equal(faulty_system_matching(&faulty), 3);
    CALL(close, descriptor);
}

static void fails_for_ever_and_any_call(void **state)
{
    (void)state;
    faulty_system faulty;
    faulty_system_init(&faulty, NULL);
    int descriptor = open_file(&faulty, "c");
    faulty_system_fail(&faulty, NULL, 2, EIO, true);
    assert_int_equal(CALL(fsync, descriptor), 0);
    assert_int_equal(CALL(ftruncate, descriptor, 10), -1);
    assert_ptr_equal(CALL(mmap, 4096, PROT_READ, MAP_SHARED, descriptor, 0), MAP_FAILED);
    assert_null(CALL(fdopendir, descriptor));
    assert_true(faulty.system.monotonic_ns(&faulty.system) > 0);
    faulty_system_fail(&faulty, NULL, 0, 0, false);
    assert_int_equal(CALL(fsync, descriptor), 0);
    assert_false(faulty_system_fired(&faulty));
    /* A failing close has closed: a second one finds nothing. */
    faulty_system_fail(&faulty, "close", 1, EIO, false);
    assert_int_equal(CALL(close, descriptor), -1);
    assert_int_equal(errno, EIO);
    assert_int_equal(CALL(close, descriptor), -1);
    assert_int_equal(errno, EBADF);
}

static void fails_only_matching_paths(void **state)
{
    (void)state;
    faulty_system faulty;
    faulty_system_init(&faulty, NULL);
    faulty_system_fail(&faulty, NULL, 1, EACCES, true);
    faulty_system_only_paths(&faulty, ".lock");
    int descriptor = open_file(&faulty, "d");
    assert_true(descriptor >= 0);
    assert_int_equal(CALL(fsync, descriptor), 0);
    assert_int_equal(CALL(close, descriptor), 0);
    assert_int_equal(open_file(&faulty, "d.lock"), -1);
    assert_int_equal(errno, EACCES);
}

static void shortens_reads_and_writes(void **state)
{
    (void)state;
    faulty_system faulty;
    faulty_system_init(&faulty, NULL);
    faulty_system_shorten(&faulty, 4);
    int descriptor = open_file(&faulty, "e");
    struct iovec parts[] = {
        {(void *)"ab", 2}, {(void *)"", 0}, {(void *)"cdefgh", 6}, {(void *)"ij", 2}};
    char bytes[16] = {0};
    assert_int_equal(CALL(pwritev, descriptor, parts, 4, 0), 4);
    assert_int_equal(CALL(pread, descriptor, bytes, 16, 0), 4);
    assert_string_equal(bytes, "abcd");
    assert_int_equal(CALL(getrandom, bytes, 16), 4);
    faulty_system_shorten(&faulty, 0);
    assert_int_equal(CALL(pwritev, descriptor, parts, 4, 0), 10);
    CALL(close, descriptor);
}

static void clock_can_be_moved(void **state)
{
    (void)state;
    faulty_system faulty;
    faulty_system_init(&faulty, NULL);
    faulty.sleep_is_free = true;
    int64_t before = faulty.system.monotonic_ns(&faulty.system);
    CALL(sleep_ns, INT64_C(3600000000000));
    int64_t slept = faulty.system.monotonic_ns(&faulty.system) - before;
    assert_in_range(slept, INT64_C(3600000000000), INT64_C(3660000000000));
    assert_int_equal(faulty_system_count(&faulty, "sleep_ns"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_everything_on_and_counts),
        cmocka_unit_test(fails_the_nth_call_of_a_name_once),
        cmocka_unit_test(fails_for_ever_and_any_call),
        cmocka_unit_test(fails_only_matching_paths),
        cmocka_unit_test(shortens_reads_and_writes),
        cmocka_unit_test(clock_can_be_moved),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
