#include "base/processors.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

#define FILE_BYTES 4096
#define PATH_BYTES 4096

/* The number of processors in the affinity mask; 1 when it cannot be told. */
static int processors_of_affinity(void)
{
    for (int size = 1024; size <= 1 << 20; size *= 2) {
        cpu_set_t *set = tsri_alloc_zero(CPU_ALLOC_SIZE((size_t)size));
        if (!set)
            return 1;
        int failed = sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)size), set);
        int error_number = errno,
            count = failed ? 0 : CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)size), set);
        tsri_free(set);
        if (!failed)
            return TSRI_MAX(count, 1);
        if (error_number != EINVAL)
            return 1;
    }
    return 1;
}

/* Reads a small file whole; false when that fails. */
static bool read_file(const tsr_system *system, const char *path, char text[FILE_BYTES])
{
    int descriptor = system->openat(system, AT_FDCWD, path, O_RDONLY, 0);
    if (descriptor < 0)
        return false;
    size_t size = 0;
    ssize_t count;
    while (size < FILE_BYTES - 1) {
        count = system->read(system, descriptor, text + size, FILE_BYTES - 1 - size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        size += (size_t)count;
    }
    system->close(system, descriptor);
    text[size] = 0;
    return size > 0;
}

/* Whole processors of a quota per period, or no limit when the two make no sense. */
static int processors_of_quota(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return TSRI_THREADS_MAX;
    long long processors = quota / period + (quota % period != 0);
    return (int)TSRI_MIN(processors, TSRI_THREADS_MAX);
}

static int quota_v2(const tsr_system *system, const char *folder)
{
    char path[PATH_BYTES + 64], text[FILE_BYTES];
    long long quota = 0, period = 0;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    if (!read_file(system, path, text) || sscanf(text, "%lld %lld", &quota, &period) != 2)
        return TSRI_THREADS_MAX; /* "max 100000" among others */
    return processors_of_quota(quota, period);
}

static int quota_v1(const tsr_system *system, const char *folder)
{
    char path[PATH_BYTES + 64], text[FILE_BYTES];
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
    if (!read_file(system, path, text))
        return TSRI_THREADS_MAX;
    long long quota = strtoll(text, NULL, 10);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
    if (!read_file(system, path, text))
        return TSRI_THREADS_MAX;
    return processors_of_quota(quota, strtoll(text, NULL, 10));
}

/* The smallest quota of a group and of all groups above it. */
static int smallest_quota(const tsr_system *system, const char *mount, const char *group,
                          int (*quota)(const tsr_system *system, const char *folder))
{
    char folder[PATH_BYTES];
    int length = snprintf(folder, sizeof folder, "%s%s", mount, group), smallest = TSRI_THREADS_MAX;
    if (length < 0 || (size_t)length >= sizeof folder)
        return smallest;
    for (;;) {
        smallest = TSRI_MIN(smallest, quota(system, folder));
        char *end = strrchr(folder + strlen(mount), '/');
        if (!end)
            return smallest;
        *end = 0;
    }
}

/* Whether "cpu" is one of the names in a list with commas. */
static bool names_cpu(const char *list)
{
    size_t length;
    for (; *list; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (length == 3 && !memcmp(list, "cpu", 3))
            return true;
    }
    return false;
}

/* One line of /proc/self/cgroup: "ID:CONTROLLERS:PATH"; version 2 has no controllers. */
static int quota_of_line(const tsr_system *system, char *line)
{
    char *controllers = strchr(line, ':'),
         *group = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!group)
        return TSRI_THREADS_MAX;
    *group++ = 0;
    controllers++;
    if (!controllers[0])
        return TSRI_MIN(smallest_quota(system, "/sys/fs/cgroup", group, quota_v2),
                        smallest_quota(system, "/sys/fs/cgroup/unified", group, quota_v2));
    if (names_cpu(controllers))
        return smallest_quota(system, "/sys/fs/cgroup/cpu", group, quota_v1);
    return TSRI_THREADS_MAX;
}

int tsri_processors_usable(const tsr_system *system)
{
    int count = TSRI_MIN(processors_of_affinity(), TSRI_THREADS_MAX);
    char text[FILE_BYTES], *rest = NULL;
    if (!read_file(system, "/proc/self/cgroup", text))
        return count;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        count = TSRI_MIN(count, quota_of_line(system, line));
    return count;
}
