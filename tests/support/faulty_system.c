#include "support/faulty_system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* clang-format off */
#define CALLS_THAT_FAIL(X)                                                                         \
    X(openat) X(close) X(pread) X(pwritev) X(copy_file_range) X(read) X(write) X(fstat)            \
    X(fstatat) X(fsync) X(fdatasync) X(ftruncate) X(fallocate) X(fchmod) X(fchown) X(futimens)     \
    X(renameat) X(renameat2) X(linkat) X(unlinkat) X(mkdirat) X(fdopendir) X(readdir) X(closedir) X(lock) X(mmap)           \
    X(munmap) X(getrandom) X(syncfs) X(fstatfs) X(inotify_init1) X(inotify_add_watch) X(poll)     \
    X(dup3) X(sync_file_range)
/* clang-format on */
#define CALLS_THAT_DO_NOT(X) X(monotonic_ns) X(realtime_ns) X(sleep_ns)

#define CALL_ENUM(name) CALL_##name,
enum call {
    CALLS_THAT_FAIL(CALL_ENUM) CALL_FAILING_COUNT,
    CALL_BEFORE_REST = CALL_FAILING_COUNT - 1,
    CALLS_THAT_DO_NOT(CALL_ENUM) CALL_COUNT
};
#define CALL_NAME(name) #name,
static const char *const call_names[] = {CALLS_THAT_FAIL(CALL_NAME) CALLS_THAT_DO_NOT(CALL_NAME)};

_Static_assert(CALL_COUNT <= FAULTY_CALLS_MAX, "faulty_system.counts is too small");
/* One function pointer for each name: a call that is added to the table must be added here. */
_Static_assert(sizeof(tsr_system) == sizeof(size_t) + CALL_COUNT * sizeof(void (*)(void)),
               "tsr_system has calls that faulty_system does not know");

static int call_of_name(const char *name)
{
    for (int call = 0; call < CALL_COUNT; call++)
        if (!strcmp(call_names[call], name))
            return call;
    fprintf(stderr, "faulty_system: there is no system call named %s\n", name);
    abort();
}

/* The functions get a pointer to const, but the counters behind it are ours. */
static faulty_system *faulty_of(const tsr_system *system)
{
    return (faulty_system *)system;
}

static bool matches(const faulty_system *faulty, enum call call, const char *path)
{
    if (faulty->name && strcmp(faulty->name, call_names[call]) != 0)
        return false;
    return !faulty->path_part || (path && strstr(path, faulty->path_part));
}

/* Counts a call; true, with errno set, when it is to fail. */
static bool fails(faulty_system *faulty, enum call call, const char *path)
{
    __atomic_fetch_add(&faulty->counts[call], 1, __ATOMIC_RELAXED);
    if (call >= CALL_FAILING_COUNT || !matches(faulty, call, path))
        return false;
    int64_t n = __atomic_add_fetch(&faulty->matching, 1, __ATOMIC_RELAXED);
    if (faulty->fail_at == 0 || (faulty->for_ever ? n < faulty->fail_at : n != faulty->fail_at))
        return false;
    __atomic_fetch_add(&faulty->fired, 1, __ATOMIC_RELAXED);
    errno = faulty->error_number;
    return true;
}

static size_t shortened(const faulty_system *faulty, size_t size)
{
    return faulty->largest && size > faulty->largest ? faulty->largest : size;
}

/* Begins a wrapper: names the table below and fails with `result` when it is time. */
#define ENTER(call, path, result)              \
    faulty_system *faulty = faulty_of(system); \
    const tsr_system *below = faulty->below;   \
    if (fails(faulty, CALL_##call, path))      \
    return result

static int faulty_openat(const tsr_system *system, int directory, const char *path, int flags,
                         mode_t mode)
{
    ENTER(openat, path, -1);
    return below->openat(below, directory, path, flags, mode);
}

/* A close that fails has closed all the same. */
static int faulty_close(const tsr_system *system, int descriptor)
{
    faulty_system *faulty = faulty_of(system);
    int result = faulty->below->close(faulty->below, descriptor);
    return fails(faulty, CALL_close, NULL) ? -1 : result;
}

static ssize_t faulty_pread(const tsr_system *system, int descriptor, void *bytes, size_t size,
                            int64_t offset)
{
    ENTER(pread, NULL, -1);
    return below->pread(below, descriptor, bytes, shortened(faulty, size), offset);
}

static ssize_t faulty_pwritev(const tsr_system *system, int descriptor, const struct iovec *parts,
                              int count, int64_t offset)
{
    ENTER(pwritev, NULL, -1);
    struct iovec fewer[16];
    int used = 0;
    size_t left = faulty->largest;
    if (!faulty->largest)
        return below->pwritev(below, descriptor, parts, count, offset);
    for (; used < count && used < 16 && left > 0; used++) {
        fewer[used] = parts[used];
        if (fewer[used].iov_len > left)
            fewer[used].iov_len = left;
        left -= fewer[used].iov_len;
    }
    return below->pwritev(below, descriptor, fewer, used, offset);
}

static ssize_t faulty_copy_file_range(const tsr_system *system, int from, int64_t from_offset,
                                      int to, int64_t to_offset, size_t size)
{
    ENTER(copy_file_range, NULL, -1);
    return below->copy_file_range(below, from, from_offset, to, to_offset, shortened(faulty, size));
}

static ssize_t faulty_read(const tsr_system *system, int descriptor, void *bytes, size_t size)
{
    ENTER(read, NULL, -1);
    return below->read(below, descriptor, bytes, shortened(faulty, size));
}

static ssize_t faulty_write(const tsr_system *system, int descriptor, const void *bytes,
                            size_t size)
{
    ENTER(write, NULL, -1);
    return below->write(below, descriptor, bytes, shortened(faulty, size));
}

static int faulty_fstat(const tsr_system *system, int descriptor, struct stat *ret_status)
{
    ENTER(fstat, NULL, -1);
    return below->fstat(below, descriptor, ret_status);
}

static int faulty_fstatat(const tsr_system *system, int directory, const char *path,
                          struct stat *ret_status, int flags)
{
    ENTER(fstatat, path, -1);
    return below->fstatat(below, directory, path, ret_status, flags);
}

static int faulty_fsync(const tsr_system *system, int descriptor)
{
    ENTER(fsync, NULL, -1);
    return below->fsync(below, descriptor);
}

static int faulty_fdatasync(const tsr_system *system, int descriptor)
{
    ENTER(fdatasync, NULL, -1);
    return below->fdatasync(below, descriptor);
}

static int faulty_ftruncate(const tsr_system *system, int descriptor, int64_t size)
{
    ENTER(ftruncate, NULL, -1);
    return below->ftruncate(below, descriptor, size);
}

static int faulty_fallocate(const tsr_system *system, int descriptor, int mode, int64_t offset,
                            int64_t size)
{
    ENTER(fallocate, NULL, -1);
    return below->fallocate(below, descriptor, mode, offset, size);
}

static int faulty_fchmod(const tsr_system *system, int descriptor, mode_t mode)
{
    ENTER(fchmod, NULL, -1);
    return below->fchmod(below, descriptor, mode);
}

static int faulty_fchown(const tsr_system *system, int descriptor, uid_t owner, gid_t group)
{
    ENTER(fchown, NULL, -1);
    return below->fchown(below, descriptor, owner, group);
}

static int faulty_futimens(const tsr_system *system, int descriptor, const struct timespec *times)
{
    ENTER(futimens, NULL, -1);
    return below->futimens(below, descriptor, times);
}

static int faulty_renameat(const tsr_system *system, int from_directory, const char *from,
                           int to_directory, const char *to)
{
    ENTER(renameat, to, -1);
    return below->renameat(below, from_directory, from, to_directory, to);
}

static int faulty_renameat2(const tsr_system *system, int from_directory, const char *from,
                            int to_directory, const char *to, unsigned flags)
{
    ENTER(renameat2, to, -1);
    return below->renameat2(below, from_directory, from, to_directory, to, flags);
}

static int faulty_linkat(const tsr_system *system, int from_directory, const char *from,
                         int to_directory, const char *to, int flags)
{
    ENTER(linkat, to, -1);
    return below->linkat(below, from_directory, from, to_directory, to, flags);
}

static int faulty_unlinkat(const tsr_system *system, int directory, const char *path, int flags)
{
    ENTER(unlinkat, path, -1);
    return below->unlinkat(below, directory, path, flags);
}

static int faulty_mkdirat(const tsr_system *system, int directory, const char *path, mode_t mode)
{
    ENTER(mkdirat, path, -1);
    return below->mkdirat(below, directory, path, mode);
}

static DIR *faulty_fdopendir(const tsr_system *system, int descriptor)
{
    ENTER(fdopendir, NULL, NULL);
    return below->fdopendir(below, descriptor);
}

static struct dirent *faulty_readdir(const tsr_system *system, DIR *directory)
{
    ENTER(readdir, NULL, NULL);
    return below->readdir(below, directory);
}

static int faulty_closedir(const tsr_system *system, DIR *directory)
{
    faulty_system *faulty = faulty_of(system);
    int result = faulty->below->closedir(faulty->below, directory);
    return fails(faulty, CALL_closedir, NULL) ? -1 : result;
}

static int faulty_lock(const tsr_system *system, int descriptor, int command, struct flock *lock)
{
    ENTER(lock, NULL, -1);
    return below->lock(below, descriptor, command, lock);
}

static void *faulty_mmap(const tsr_system *system, size_t size, int protection, int flags,
                         int descriptor, int64_t offset)
{
    ENTER(mmap, NULL, MAP_FAILED);
    return below->mmap(below, size, protection, flags, descriptor, offset);
}

static int faulty_munmap(const tsr_system *system, void *address, size_t size)
{
    faulty_system *faulty = faulty_of(system);
    int result = faulty->below->munmap(faulty->below, address, size);
    return fails(faulty, CALL_munmap, NULL) ? -1 : result;
}

static ssize_t faulty_getrandom(const tsr_system *system, void *bytes, size_t size)
{
    ENTER(getrandom, NULL, -1);
    return below->getrandom(below, bytes, shortened(faulty, size));
}

static int faulty_syncfs(const tsr_system *system, int descriptor)
{
    ENTER(syncfs, NULL, -1);
    return below->syncfs(below, descriptor);
}

static int faulty_sync_file_range(const tsr_system *system, int descriptor, int64_t offset,
                                  int64_t size, unsigned flags)
{
    ENTER(sync_file_range, NULL, -1);
    return below->sync_file_range(below, descriptor, offset, size, flags);
}

static int faulty_fstatfs(const tsr_system *system, int descriptor, struct statfs *ret_status)
{
    ENTER(fstatfs, NULL, -1);
    return below->fstatfs(below, descriptor, ret_status);
}

static int faulty_inotify_init1(const tsr_system *system, int flags)
{
    ENTER(inotify_init1, NULL, -1);
    return below->inotify_init1(below, flags);
}

static int faulty_inotify_add_watch(const tsr_system *system, int descriptor, const char *path,
                                    uint32_t mask)
{
    ENTER(inotify_add_watch, path, -1);
    return below->inotify_add_watch(below, descriptor, path, mask);
}

static int faulty_poll(const tsr_system *system, struct pollfd *descriptors, int count,
                       int timeout_ms)
{
    ENTER(poll, NULL, -1);
    return below->poll(below, descriptors, count, timeout_ms);
}

static int faulty_dup3(const tsr_system *system, int descriptor, int second, int flags)
{
    ENTER(dup3, NULL, -1);
    return below->dup3(below, descriptor, second, flags);
}

static int64_t faulty_monotonic_ns(const tsr_system *system)
{
    ENTER(monotonic_ns, NULL, 0);
    return below->monotonic_ns(below) + __atomic_load_n(&faulty->clock_ns, __ATOMIC_RELAXED);
}

static int64_t faulty_realtime_ns(const tsr_system *system)
{
    ENTER(realtime_ns, NULL, 0);
    return below->realtime_ns(below) + __atomic_load_n(&faulty->clock_ns, __ATOMIC_RELAXED);
}

static void faulty_sleep_ns(const tsr_system *system, int64_t duration_ns)
{
    faulty_system *faulty = faulty_of(system);
    fails(faulty, CALL_sleep_ns, NULL);
    if (faulty->sleep_is_free)
        faulty_system_advance_ns(faulty, duration_ns);
    else
        faulty->below->sleep_ns(faulty->below, duration_ns);
}

#define CALL_FIELD(name) .name = faulty_##name,

void faulty_system_init(faulty_system *faulty, const tsr_system *below)
{
    *faulty = (faulty_system){
        .system = {.struct_size = sizeof(tsr_system),
                   CALLS_THAT_FAIL(CALL_FIELD) CALLS_THAT_DO_NOT(CALL_FIELD)},
        .below = below ? below : tsr_system_default(),
    };
}

void faulty_system_fail(faulty_system *faulty, const char *name, int64_t n, int error_number,
                        bool for_ever)
{
    faulty->name = name ? call_names[call_of_name(name)] : NULL;
    faulty->fail_at = n;
    faulty->error_number = error_number;
    faulty->for_ever = for_ever;
    __atomic_store_n(&faulty->matching, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&faulty->fired, 0, __ATOMIC_RELAXED);
}

void faulty_system_only_paths(faulty_system *faulty, const char *part)
{
    faulty->path_part = part;
}

void faulty_system_shorten(faulty_system *faulty, size_t largest)
{
    faulty->largest = largest;
}

int64_t faulty_system_count(const faulty_system *faulty, const char *name)
{
    int first = name ? call_of_name(name) : 0, last = name ? first : CALL_FAILING_COUNT - 1;
    int64_t sum = 0;
    for (int call = first; call <= last; call++)
        sum += __atomic_load_n(&faulty->counts[call], __ATOMIC_RELAXED);
    return sum;
}

int64_t faulty_system_matching(const faulty_system *faulty)
{
    return __atomic_load_n(&faulty->matching, __ATOMIC_RELAXED);
}

bool faulty_system_fired(const faulty_system *faulty)
{
    return __atomic_load_n(&faulty->fired, __ATOMIC_RELAXED) > 0;
}

void faulty_system_advance_ns(faulty_system *faulty, int64_t duration_ns)
{
    __atomic_fetch_add(&faulty->clock_ns, duration_ns, __ATOMIC_RELAXED);
}
