/* Preloaded into peers that have no switch for it: nothing is forced to disk, as on the other
 * sides, unless the job asks for that. */
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_int wanted;

void bench_sync_want(int yes);

void bench_sync_want(int yes)
{
    atomic_store(&wanted, yes);
}

int fsync(int descriptor)
{
    return atomic_load(&wanted) ? (int)syscall(SYS_fsync, descriptor) : 0;
}

int fdatasync(int descriptor)
{
    return atomic_load(&wanted) ? (int)syscall(SYS_fdatasync, descriptor) : 0;
}
