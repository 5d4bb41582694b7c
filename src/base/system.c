/* The real system calls. EINTR is passed on: only the caller knows whether it was asked to stop. */
#include <tessera/sys/system.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND 1000000000

static int real_openat(const tsr_system *system, int directory, const char *path, int flags,
                       mode_t mode)
{
    (void)system;
    /* A program that the process starts later must not inherit our files and their locks. */
    return openat(directory, path, flags | O_CLOEXEC, mode);
}

static int real_close(const tsr_system *system, int descriptor)
{
    (void)system;
    return close(descriptor);
}

static ssize_t real_pread(const tsr_system *system, int descriptor, void *bytes, size_t size,
                          int64_t offset)
{
    (void)system;
    return pread(descriptor, bytes, size, offset);
}

static ssize_t real_pwritev(const tsr_system *system, int descriptor, const struct iovec *parts,
                            int count, int64_t offset)
{
    (void)system;
    return pwritev(descriptor, parts, count, offset);
}

static ssize_t real_copy_file_range(const tsr_system *system, int from, int64_t from_offset, int to,
                                    int64_t to_offset, size_t size)
{
    (void)system;
    off_t source = from_offset, destination = to_offset;
    return copy_file_range(from, &source, to, &destination, size, 0);
}

static ssize_t real_read(const tsr_system *system, int descriptor, void *bytes, size_t size)
{
    (void)system;
    return read(descriptor, bytes, size);
}

static ssize_t real_write(const tsr_system *system, int descriptor, const void *bytes, size_t size)
{
    (void)system;
    return write(descriptor, bytes, size);
}

static int real_fstat(const tsr_system *system, int descriptor, struct stat *ret_status)
{
    (void)system;
    return fstat(descriptor, ret_status);
}

static int real_fstatat(const tsr_system *system, int directory, const char *path,
                        struct stat *ret_status, int flags)
{
    (void)system;
    return fstatat(directory, path, ret_status, flags);
}

static int real_fsync(const tsr_system *system, int descriptor)
{
    (void)system;
    return fsync(descriptor);
}

static int real_fdatasync(const tsr_system *system, int descriptor)
{
    (void)system;
    return fdatasync(descriptor);
}

static int real_ftruncate(const tsr_system *system, int descriptor, int64_t size)
{
    (void)system;
    return ftruncate(descriptor, size);
}

static int real_fallocate(const tsr_system *system, int descriptor, int mode, int64_t offset,
                          int64_t size)
{
    (void)system;
    return fallocate(descriptor, mode, offset, size);
}

static int real_fchmod(const tsr_system *system, int descriptor, mode_t mode)
{
    (void)system;
    return fchmod(descriptor, mode);
}

static int real_fchown(const tsr_system *system, int descriptor, uid_t owner, gid_t group)
{
    (void)system;
    return fchown(descriptor, owner, group);
}

static int real_futimens(const tsr_system *system, int descriptor, const struct timespec *times)
{
    (void)system;
    return futimens(descriptor, times);
}

static int real_renameat(const tsr_system *system, int from_directory, const char *from,
                         int to_directory, const char *to)
{
    (void)system;
    return renameat(from_directory, from, to_directory, to);
}

/* By number, since C libraries have had the function only for a short time. */
static int real_renameat2(const tsr_system *system, int from_directory, const char *from,
                          int to_directory, const char *to, unsigned flags)
{
    (void)system;
    return (int)syscall(SYS_renameat2, from_directory, from, to_directory, to, flags);
}

static int real_linkat(const tsr_system *system, int from_directory, const char *from,
                       int to_directory, const char *to, int flags)
{
    (void)system;
    return linkat(from_directory, from, to_directory, to, flags);
}

static int real_unlinkat(const tsr_system *system, int directory, const char *path, int flags)
{
    (void)system;
    return unlinkat(directory, path, flags);
}

static int real_mkdirat(const tsr_system *system, int directory, const char *path, mode_t mode)
{
    (void)system;
    return mkdirat(directory, path, mode);
}

static DIR *real_fdopendir(const tsr_system *system, int descriptor)
{
    (void)system;
    return fdopendir(descriptor);
}

static struct dirent *real_readdir(const tsr_system *system, DIR *directory)
{
    (void)system;
    return readdir(directory);
}

static int real_closedir(const tsr_system *system, DIR *directory)
{
    (void)system;
    return closedir(directory);
}

static int real_lock(const tsr_system *system, int descriptor, int command, struct flock *lock)
{
    (void)system;
    return fcntl(descriptor, command, lock);
}

static void *real_mmap(const tsr_system *system, size_t size, int protection, int flags,
                       int descriptor, int64_t offset)
{
    (void)system;
    return mmap(NULL, size, protection, flags, descriptor, offset);
}

static int real_munmap(const tsr_system *system, void *address, size_t size)
{
    (void)system;
    return munmap(address, size);
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

static int64_t real_monotonic_ns(const tsr_system *system)
{
    (void)system;
    return clock_ns(CLOCK_MONOTONIC);
}

static int64_t real_realtime_ns(const tsr_system *system)
{
    (void)system;
    return clock_ns(CLOCK_REALTIME);
}

static void real_sleep_ns(const tsr_system *system, int64_t duration_ns)
{
    (void)system;
    if (duration_ns <= 0)
        return;
    struct timespec duration = {.tv_sec = duration_ns / NS_PER_SECOND,
                                .tv_nsec = duration_ns % NS_PER_SECOND};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &duration, NULL);
}

static ssize_t real_getrandom(const tsr_system *system, void *bytes, size_t size)
{
    (void)system;
    return getrandom(bytes, size, 0);
}

static int real_syncfs(const tsr_system *system, int descriptor)
{
    (void)system;
    return syncfs(descriptor);
}

static int real_fstatfs(const tsr_system *system, int descriptor, struct statfs *ret_status)
{
    (void)system;
    return fstatfs(descriptor, ret_status);
}

static int real_inotify_init1(const tsr_system *system, int flags)
{
    (void)system;
    return inotify_init1(flags);
}

static int real_inotify_add_watch(const tsr_system *system, int descriptor, const char *path,
                                  uint32_t mask)
{
    (void)system;
    return inotify_add_watch(descriptor, path, mask);
}

static int real_poll(const tsr_system *system, struct pollfd *descriptors, int count,
                     int timeout_ms)
{
    (void)system;
    return poll(descriptors, (nfds_t)count, timeout_ms);
}

static int real_dup3(const tsr_system *system, int descriptor, int second, int flags)
{
    (void)system;
    return dup3(descriptor, second, flags);
}

static int real_sync_file_range(const tsr_system *system, int descriptor, int64_t offset,
                                int64_t size, unsigned flags)
{
    (void)system;
    return sync_file_range(descriptor, offset, size, flags);
}

static const tsr_system real_system = {
    .struct_size = sizeof(tsr_system),
    .openat = real_openat,
    .close = real_close,
    .pread = real_pread,
    .pwritev = real_pwritev,
    .copy_file_range = real_copy_file_range,
    .read = real_read,
    .write = real_write,
    .fstat = real_fstat,
    .fstatat = real_fstatat,
    .fsync = real_fsync,
    .fdatasync = real_fdatasync,
    .ftruncate = real_ftruncate,
    .fallocate = real_fallocate,
    .fchmod = real_fchmod,
    .fchown = real_fchown,
    .futimens = real_futimens,
    .renameat = real_renameat,
    .renameat2 = real_renameat2,
    .linkat = real_linkat,
    .unlinkat = real_unlinkat,
    .mkdirat = real_mkdirat,
    .fdopendir = real_fdopendir,
    .readdir = real_readdir,
    .closedir = real_closedir,
    .lock = real_lock,
    .mmap = real_mmap,
    .munmap = real_munmap,
    .monotonic_ns = real_monotonic_ns,
    .realtime_ns = real_realtime_ns,
    .sleep_ns = real_sleep_ns,
    .getrandom = real_getrandom,
    .syncfs = real_syncfs,
    .fstatfs = real_fstatfs,
    .inotify_init1 = real_inotify_init1,
    .inotify_add_watch = real_inotify_add_watch,
    .poll = real_poll,
    .dup3 = real_dup3,
    .sync_file_range = real_sync_file_range,
};

const tsr_system *tsr_system_default(void)
{
    return &real_system;
}
