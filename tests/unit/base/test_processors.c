/* Proves how many processors are used under affinity masks and cgroup quotas. The files of the
 * kernel are laid out in a folder, as the kernel's documentation of cgroup v2 (cpu.max) and v1
 * (cpu.cfs_quota_us) describes them. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <tessera/context.h>

#include "base/processors.h"
#include "support/faulty_system.h"
#include "support/temporary.h"

/* A table that finds /proc and /sys in a folder. */
typedef struct rerooted {
    tsr_system system;
    char *folder;
} rerooted;

static int openat_in_folder(const tsr_system *system, int directory, const char *path, int flags,
                            mode_t mode)
{
    const tsr_system *real = tsr_system_default();
    char *moved = temporary_path(((const rerooted *)system)->folder, path + 1);
    int descriptor = real->openat(real, directory, moved, flags, mode);
    free(moved);
    return descriptor;
}

static int set_up(void **state)
{
    rerooted *self = calloc(1, sizeof *self);
    self->system = *tsr_system_default();
    self->system.openat = openat_in_folder;
    self->folder = temporary_folder_new();
    *state = self;
    return 0;
}

static int tear_down(void **state)
{
    rerooted *self = *state;
    temporary_folder_remove(self->folder);
    free(self);
    return 0;
}

/* Writes a file with the folders above it. */
static void put(rerooted *self, const char *name, const char *text)
{
    char *path = temporary_path(self->folder, name);
    for (char *slash = path + strlen(self->folder) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    temporary_file_write(path, text, strlen(text));
    free(path);
}

/* What the affinity mask allows here. */
static int available(void)
{
    cpu_set_t set;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return CPU_COUNT(&set);
}

static int at_most(int count)
{
    int all = available();
    return count < all ? count : all;
}

static void without_quota_the_affinity_counts(void **state)
{
    rerooted *self = *state;
    assert_int_equal(tsri_processors_usable(&self->system), available());
    put(self, "proc/self/cgroup", "0::/\n");
    assert_int_equal(tsri_processors_usable(&self->system), available());
    put(self, "sys/fs/cgroup/cpu.max", "max 100000\n");
    assert_int_equal(tsri_processors_usable(&self->system), available());
}

static void the_affinity_mask_is_respected(void **state)
{
    rerooted *self = *state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&one);
    for (int i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &before))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    int usable = tsri_processors_usable(&self->system);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(usable, 1);
}

static void a_quota_of_version_2_counts(void **state)
{
    rerooted *self = *state;
    put(self, "proc/self/cgroup", "0::/user.slice/job\n");
    put(self, "sys/fs/cgroup/user.slice/job/cpu.max", "50000 100000\n");
    assert_int_equal(tsri_processors_usable(&self->system), 1);
    /* Parts of a processor are rounded up. */
    put(self, "sys/fs/cgroup/user.slice/job/cpu.max", "150000 100000\n");
    assert_int_equal(tsri_processors_usable(&self->system), at_most(2));
    put(self, "sys/fs/cgroup/user.slice/job/cpu.max", "100000 100000\n");
    assert_int_equal(tsri_processors_usable(&self->system), 1);
}

static void a_quota_of_a_group_above_counts(void **state)
{
    rerooted *self = *state;
    put(self, "proc/self/cgroup", "0::/a/b/c\n");
    put(self, "sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
    put(self, "sys/fs/cgroup/a/cpu.max", "100000 100000\n");
    assert_int_equal(tsri_processors_usable(&self->system), 1);
}

static void a_quota_of_version_1_counts(void **state)
{
    rerooted *self = *state;
    put(self, "proc/self/cgroup", "5:memory:/job\n4:cpuset:/\n3:cpu,cpuacct:/job\n0::/\n");
    put(self, "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "-1\n");
    put(self, "sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(tsri_processors_usable(&self->system), available());
    put(self, "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "80000\n");
    assert_int_equal(tsri_processors_usable(&self->system), 1);
    /* Inside a container the path names a folder of the host, and the mount shows the container's
     * at its root. */
    put(self, "proc/self/cgroup", "3:cpuacct,cpu:/docker/0123\n");
    assert_int_equal(tsri_processors_usable(&self->system), available());
    put(self, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "20000\n");
    put(self, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    assert_int_equal(tsri_processors_usable(&self->system), 1);
}

static void other_controllers_do_not_count(void **state)
{
    rerooted *self = *state;
    put(self, "proc/self/cgroup", "3:cpuset:/job\n2:cpuacct:/job\n");
    put(self, "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "10000\n");
    put(self, "sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n");
    assert_int_equal(tsri_processors_usable(&self->system), available());
}

static void nonsense_does_not_count(void **state)
{
    rerooted *self = *state;
    static const char *const quotas[] = {"",
                                         "\n",
                                         "x y\n",
                                         "0 100000\n",
                                         "-5 100000\n",
                                         "100000 0\n",
                                         "100000\n",
                                         "9223372036854775807 1\n"};
    put(self, "proc/self/cgroup", "no colon\n1:\n:::\n0::/job\n");
    for (size_t i = 0; i < sizeof quotas / sizeof quotas[0]; i++) {
        put(self, "sys/fs/cgroup/job/cpu.max", quotas[i]);
        assert_int_equal(tsri_processors_usable(&self->system), available());
    }
}

static int open_descriptors(void)
{
    int count = 0;
    for (int descriptor = 0; descriptor < 256; descriptor++)
        count += fcntl(descriptor, F_GETFD) >= 0;
    return count;
}

/* Whatever call fails, the answer is the affinity's or the quota's, and no descriptor stays open.
 */
static void failing_calls_do_not_count(void **state)
{
    rerooted *self = *state;
    faulty_system faulty;
    put(self, "proc/self/cgroup", "0::/job\n");
    put(self, "sys/fs/cgroup/job/cpu.max", "100000 100000\n");
    int before = open_descriptors();
    for (int64_t n = 1;; n++) {
        faulty_system_init(&faulty, &self->system);
        faulty_system_fail(&faulty, NULL, n, 5, false);
        int usable = tsri_processors_usable(&faulty.system);
        assert_true(usable == 1 || usable == available());
        assert_int_equal(open_descriptors(), before);
        if (!faulty_system_fired(&faulty))
            break;
    }
    faulty_system_init(&faulty, &self->system);
    faulty_system_shorten(&faulty, 1);
    assert_int_equal(tsri_processors_usable(&faulty.system), 1);
}

static void a_context_asks_once(void **state)
{
    rerooted *self = *state;
    put(self, "proc/self/cgroup", "0::/job\n");
    put(self, "sys/fs/cgroup/job/cpu.max", "100000 100000\n");
    tsr_auto(tsr_context) *automatic = NULL, *chosen = NULL;
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.system = &self->system;
    assert_int_equal(tsr_context_new(&options, &automatic, NULL), 0);
    assert_int_equal(tsr_context_threads(automatic), 1);
    options.threads = 5;
    assert_int_equal(tsr_context_new(&options, &chosen, NULL), 0);
    assert_int_equal(tsr_context_threads(chosen), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_quota_the_affinity_counts),
        TEST(the_affinity_mask_is_respected),
        TEST(a_quota_of_version_2_counts),
        TEST(a_quota_of_a_group_above_counts),
        TEST(a_quota_of_version_1_counts),
        TEST(other_controllers_do_not_count),
        TEST(nonsense_does_not_count),
        TEST(failing_calls_do_not_count),
        TEST(a_context_asks_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
