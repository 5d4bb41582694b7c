/* Proves that every function of the table is the system call of its name, with errno as the system
 * sets it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <tessera/sys/system.h>

#include "support/temporary.h"

#define CALL(name, ...) (tsr_system_default()->name(tsr_system_default(), __VA_ARGS__))

static char *folder;
static int root; /* descriptor of the folder */

static int set_up(void **state)
{
    (void)state;
    folder = temporary_folder_new();
    root = open(folder, O_RDONLY | O_DIRECTORY);
    return root < 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(root);
    temporary_folder_remove(folder);
    return 0;
}

static void the_table_is_complete(void **state)
{
    (void)state;
    const tsr_system *table = tsr_system_default();
    assert_int_equal(table->struct_size, sizeof *table);
    void (*functions[(sizeof *table - sizeof(size_t)) / sizeof(void (*)(void))])(void);
    memcpy(functions, (const char *)table + sizeof(size_t), sizeof functions);
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
        assert_non_null(functions[i]);
}

static void files_are_read_and_written_at_offsets(void **state)
{
    (void)state;
    char bytes[32] = {0};
    int file = CALL(openat, root, "a", O_RDWR | O_CREAT | O_EXCL, 0640);
    assert_true(file >= 0);
    struct iovec parts[] = {{(void *)"chunk", 5}, {(void *)"", 0}, {(void *)" of bytes", 9}};
    assert_int_equal(CALL(pwritev, file, parts, 3, 10), 14);
    assert_int_equal(CALL(write, file, "0123456789", 10), 10);
    assert_int_equal(CALL(pread, file, bytes, sizeof bytes, 8), 16);
    assert_string_equal(bytes, "89chunk of bytes");
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(CALL(read, file, bytes, 3), 3);
    assert_string_equal(bytes, "chu");
    struct stat status;
    assert_int_equal(CALL(fstat, file, &status), 0);
    assert_int_equal(status.st_size, 24);
    assert_int_equal(CALL(ftruncate, file, 5), 0);
    assert_int_equal(CALL(fstatat, root, "a", &status, 0), 0);
    assert_int_equal(status.st_size, 5);
    assert_int_equal(CALL(fsync, file), 0);
    assert_int_equal(CALL(fdatasync, file), 0);
    assert_int_equal(CALL(fchmod, file, 0600), 0);
    assert_int_equal(CALL(fchown, file, getuid(), getgid()), 0);
    assert_int_equal(CALL(fstat, file, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(CALL(close, file), 0);
    assert_int_equal(CALL(close, file), -1);
    assert_int_equal(errno, EBADF);
}

/* Offsets beyond 32 bits arrive whole. */
static void offsets_have_64_bits(void **state)
{
    (void)state;
    const int64_t far = (INT64_C(5) << 32) + 3;
    int file = CALL(openat, root, "sparse", O_RDWR | O_CREAT, 0600);
    struct iovec part = {(void *)"far", 3};
    char bytes[4] = {0};
    struct stat status;
    assert_int_equal(CALL(pwritev, file, &part, 1, far), 3);
    assert_int_equal(CALL(fstat, file, &status), 0);
    assert_true(status.st_size == far + 3);
    assert_int_equal(CALL(pread, file, bytes, 3, far), 3);
    assert_string_equal(bytes, "far");
    void *mapping = CALL(mmap, 100, PROT_READ, MAP_SHARED, file, far - 3);
    assert_ptr_not_equal(mapping, MAP_FAILED);
    assert_memory_equal((char *)mapping + 3, "far", 3);
    assert_int_equal(CALL(munmap, mapping, 100), 0);
    int copy = CALL(openat, root, "copy", O_RDWR | O_CREAT, 0600);
    assert_int_equal(CALL(copy_file_range, file, far, copy, 7, 3), 3);
    assert_int_equal(CALL(pread, copy, bytes, 3, 7), 3);
    assert_string_equal(bytes, "far");
    assert_int_equal(CALL(ftruncate, file, far * 2), 0);
    assert_int_equal(CALL(fstat, file, &status), 0);
    assert_true(status.st_size == far * 2);
    int room = CALL(fallocate, copy, 0, 0, 100000);
    assert_true(room == 0 || errno == EOPNOTSUPP);
    CALL(close, file);
    CALL(close, copy);
}

static void names_are_linked_renamed_and_removed(void **state)
{
    (void)state;
    struct stat status, other;
    int file = CALL(openat, root, "one", O_WRONLY | O_CREAT, 0600);
    struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 2000}};
    assert_int_equal(CALL(futimens, file, times), 0);
    CALL(close, file);
    assert_int_equal(CALL(fstatat, root, "one", &status, 0), 0);
    assert_int_equal(status.st_mtime, 2000);
    assert_int_equal(CALL(mkdirat, root, "sub", 0700), 0);
    assert_int_equal(CALL(mkdirat, root, "sub", 0700), -1);
    assert_int_equal(errno, EEXIST);
    assert_int_equal(CALL(linkat, root, "one", root, "sub/two", 0), 0);
    assert_int_equal(CALL(fstatat, root, "sub/two", &other, 0), 0);
    assert_int_equal(status.st_ino, other.st_ino);
    assert_int_equal(CALL(renameat, root, "sub/two", root, "three"), 0);
    assert_int_equal(CALL(fstatat, root, "sub/two", &other, 0), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(CALL(renameat2, root, "one", root, "three", RENAME_NOREPLACE), -1);
    assert_true(errno == EEXIST || errno == EINVAL || errno == ENOSYS);
    assert_int_equal(CALL(unlinkat, root, "sub", AT_REMOVEDIR), 0);
    assert_int_equal(CALL(unlinkat, root, "one", 0), 0);
    assert_int_equal(CALL(openat, root, "one", O_RDONLY, 0), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(symlinkat("three", root, "link"), 0);
    assert_int_equal(CALL(fstatat, root, "link", &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(CALL(openat, root, "link", O_RDONLY | O_NOFOLLOW, 0), -1);
    assert_int_equal(errno, ELOOP);
}

static void folders_are_listed(void **state)
{
    (void)state;
    assert_int_equal(CALL(mkdirat, root, "list", 0700), 0);
    assert_int_equal(CALL(mkdirat, root, "list/x", 0700), 0);
    assert_int_equal(CALL(mkdirat, root, "list/y", 0700), 0);
    int descriptor = CALL(openat, root, "list", O_RDONLY | O_DIRECTORY, 0);
    DIR *stream = CALL(fdopendir, descriptor);
    assert_non_null(stream);
    int sum = 0, count = 0;
    for (struct dirent *entry; (entry = CALL(readdir, stream));)
        if (entry->d_name[0] != '.')
            count++, sum += entry->d_name[0];
    assert_int_equal(count, 2);
    assert_int_equal(sum, 'x' + 'y');
    assert_int_equal(CALL(closedir, stream), 0);
    assert_int_equal(CALL(close, descriptor), -1);
}

static void files_are_not_inherited_by_other_programs(void **state)
{
    (void)state;
    int file = CALL(openat, root, "private", O_RDONLY | O_CREAT, 0600);
    assert_int_equal(fcntl(file, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    CALL(close, file);
}

/* A lock belongs to the open file: a second opening in the same process is kept out. */
static void locks_belong_to_the_open_file(void **state)
{
    (void)state;
    int mine = CALL(openat, root, "locked", O_RDWR | O_CREAT, 0600);
    int other = CALL(openat, root, "locked", O_RDWR, 0);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(CALL(lock, mine, F_OFD_SETLK, &lock), 0);
    assert_int_equal(CALL(lock, other, F_OFD_SETLK, &lock), -1);
    assert_true(errno == EAGAIN || errno == EACCES);
    CALL(close, mine);
    assert_int_equal(CALL(lock, other, F_OFD_SETLK, &lock), 0);
    CALL(close, other);
}

static void clocks_go_forward(void **state)
{
    (void)state;
    const tsr_system *system = tsr_system_default();
    int64_t before = system->monotonic_ns(system), wall = system->realtime_ns(system);
    CALL(sleep_ns, 5000000);
    CALL(sleep_ns, 0);
    CALL(sleep_ns, -5);
    int64_t slept = system->monotonic_ns(system) - before;
    assert_in_range(slept, 5000000, 10000000000);
    assert_true(system->realtime_ns(system) > wall);
    assert_in_range(wall / 1000000000, (int64_t)time(NULL) - 5, (int64_t)time(NULL) + 5);
}

static void ignore_alarm(int number)
{
    (void)number;
}

/* The program's signals end a sleep and a read early: its handler may have asked to stop. */
static void signals_are_passed_on(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = ignore_alarm}, previous;
    sigaction(SIGALRM, &action, &previous);
    struct itimerval soon = {.it_value.tv_usec = 20000};
    const tsr_system *system = tsr_system_default();
    int64_t before = system->monotonic_ns(system);
    setitimer(ITIMER_REAL, &soon, NULL);
    CALL(sleep_ns, INT64_C(30000000000));
    assert_true(system->monotonic_ns(system) - before < INT64_C(10000000000));
    int ends[2];
    char byte;
    assert_int_equal(pipe(ends), 0);
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(CALL(read, ends[0], &byte, 1), -1);
    assert_int_equal(errno, EINTR);
    close(ends[0]);
    close(ends[1]);
    sigaction(SIGALRM, &previous, NULL);
}

static void random_bytes_differ(void **state)
{
    (void)state;
    unsigned char a[32] = {0}, b[32] = {0};
    assert_int_equal(CALL(getrandom, a, sizeof a), sizeof a);
    assert_int_equal(CALL(getrandom, b, sizeof b), sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_complete),
        cmocka_unit_test(files_are_read_and_written_at_offsets),
        cmocka_unit_test(offsets_have_64_bits),
        cmocka_unit_test(names_are_linked_renamed_and_removed),
        cmocka_unit_test(folders_are_listed),
        cmocka_unit_test(files_are_not_inherited_by_other_programs),
        cmocka_unit_test(locks_belong_to_the_open_file),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(signals_are_passed_on),
        cmocka_unit_test(random_bytes_differ),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
