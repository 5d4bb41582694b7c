/* The table of system calls. The library reaches disk, clock and randomness only through it, so
 * that a test can fail the n-th call, tear a write or cut the power.
 *
 * A function returns what the system call of its name returns, and -1 with errno set on failure.
 * The first parameter is the table itself: a test embeds it as the first member of a larger struct.
 *
 * Thread: LOCKED. Implementations must be callable from several threads. */
#ifndef TESSERA_SYS_SYSTEM_H
#define TESSERA_SYS_SYSTEM_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <tessera/export.h>

TSR_BEGIN_DECLS

struct flock;
struct pollfd;
struct statfs;
struct timespec;

typedef struct tsr_system tsr_system;
struct tsr_system {
    size_t struct_size;
    int (*openat)(const tsr_system *system, int directory, const char *path, int flags,
                  mode_t mode);
    int (*close)(const tsr_system *system, int descriptor);
    ssize_t (*pread)(const tsr_system *system, int descriptor, void *bytes, size_t size,
                     int64_t offset);
    ssize_t (*pwritev)(const tsr_system *system, int descriptor, const struct iovec *parts,
                       int count, int64_t offset);
    ssize_t (*copy_file_range)(const tsr_system *system, int from, int64_t from_offset, int to,
                               int64_t to_offset, size_t size);
    ssize_t (*read)(const tsr_system *system, int descriptor, void *bytes, size_t size);
    ssize_t (*write)(const tsr_system *system, int descriptor, const void *bytes, size_t size);
    int (*fstat)(const tsr_system *system, int descriptor, struct stat *ret_status);
    int (*fstatat)(const tsr_system *system, int directory, const char *path,
                   struct stat *ret_status, int flags);
    int (*fsync)(const tsr_system *system, int descriptor);
    int (*fdatasync)(const tsr_system *system, int descriptor);
    int (*ftruncate)(const tsr_system *system, int descriptor, int64_t size);
    int (*fallocate)(const tsr_system *system, int descriptor, int mode, int64_t offset,
                     int64_t size);
    int (*fchmod)(const tsr_system *system, int descriptor, mode_t mode);
    int (*fchown)(const tsr_system *system, int descriptor, uid_t owner, gid_t group);
    /* Two times: of last access and of last modification. */
    int (*futimens)(const tsr_system *system, int descriptor, const struct timespec *times);
    int (*renameat)(const tsr_system *system, int from_directory, const char *from,
                    int to_directory, const char *to);
    int (*renameat2)(const tsr_system *system, int from_directory, const char *from,
                     int to_directory, const char *to, unsigned flags);
    int (*linkat)(const tsr_system *system, int from_directory, const char *from, int to_directory,
                  const char *to, int flags);
    int (*unlinkat)(const tsr_system *system, int directory, const char *path, int flags);
    int (*mkdirat)(const tsr_system *system, int directory, const char *path, mode_t mode);
    /* Opens the directory for listing; the descriptor belongs to the stream afterwards. */
    DIR *(*fdopendir)(const tsr_system *system, int descriptor);
    struct dirent *(*readdir)(const tsr_system *system, DIR *directory);
    int (*closedir)(const tsr_system *system, DIR *directory);
    /* fcntl with F_OFD_SETLK: a lock that belongs to the open file description. */
    int (*lock)(const tsr_system *system, int descriptor, int command, struct flock *lock);
    void *(*mmap)(const tsr_system *system, size_t size, int protection, int flags, int descriptor,
                  int64_t offset);
    int (*munmap)(const tsr_system *system, void *address, size_t size);
    /* Nanoseconds of the monotonic clock. */
    int64_t (*monotonic_ns)(const tsr_system *system);
    /* Nanoseconds since 1970. */
    int64_t (*realtime_ns)(const tsr_system *system);
    void (*sleep_ns)(const tsr_system *system, int64_t duration_ns);
    ssize_t (*getrandom)(const tsr_system *system, void *bytes, size_t size);
    int (*syncfs)(const tsr_system *system, int descriptor);
    int (*fstatfs)(const tsr_system *system, int descriptor, struct statfs *ret_status);
    int (*inotify_init1)(const tsr_system *system, int flags);
    int (*inotify_add_watch)(const tsr_system *system, int descriptor, const char *path,
                             uint32_t mask);
    int (*poll)(const tsr_system *system, struct pollfd *descriptors, int count, int timeout_ms);
    int (*dup3)(const tsr_system *system, int descriptor, int second, int flags);
    /* Starts to write back a range of a file, and promises nothing. */
    int (*sync_file_range)(const tsr_system *system, int descriptor, int64_t offset, int64_t size,
                           unsigned flags);
};

/* The real system calls. Static memory; copy it to replace single functions.
 * Thread: IMMUTABLE. Never fails. */
TSR_API const tsr_system *tsr_system_default(void);

TSR_END_DECLS

#endif
