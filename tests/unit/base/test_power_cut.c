/* Proves that the power cuts of the simulated disk leave what they may leave and nothing else, by
 * histories so small that the disks can be counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/power_cut.h"

/* Describes each disk in a line such as "a=xx b=. d/", one letter for each sector, "." for one
 * that did not reach the disk. */
typedef struct census {
    const simulated_disk *disk;
    char lines[64][64];
    int count;
} census;

static void describe(const tsr_system *system, const char *name, char *line)
{
    char path[8], text[4] = "";
    struct stat status;
    snprintf(path, sizeof path, "/%s", name);
    if (system->fstatat(system, AT_FDCWD, path, &status, 0) < 0)
        return;
    int descriptor = system->openat(system, AT_FDCWD, path, O_RDONLY, 0);
    for (int i = 0; i * DISK_SECTOR_BYTES < status.st_size; i++)
        if (system->pread(system, descriptor, text + i, 1, (int64_t)i * DISK_SECTOR_BYTES) == 1 &&
            !text[i])
            text[i] = '0';
    system->close(system, descriptor);
    sprintf(line + strlen(line), "%s%s=%s", *line ? " " : "", name, text);
}

/* Only of the cut at the end: all other cuts are of earlier moments. */
static void count_disk(void *user, simulated_disk *after, size_t seen)
{
    census *self = user;
    size_t end;
    simulated_disk_changes(self->disk, &end);
    if (seen < end)
        return;
    assert_true(self->count < 64);
    char *line = self->lines[self->count++];
    line[0] = 0;
    describe(simulated_disk_system(after), "a", line);
    describe(simulated_disk_system(after), "b", line);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The disks that may be found at the end, sorted and separated by commas. */
static const char *disks_at_end(simulated_disk *disk, bool renames_fall_apart)
{
    static char text[4096];
    simulated_disk_mark(disk, 0); /* so that no disk was met at an earlier cut */
    census self = {.disk = disk};
    power_cut_options options = {
        .states_max = 10000, .renames_fall_apart = renames_fall_apart, .unwritten = '.'};
    power_cut_counts counts = power_cut_explore(disk, &options, count_disk, &self);
    assert_int_equal(counts.sampled, 0);
    qsort(self.lines, (size_t)self.count, sizeof *self.lines, compare_lines);
    text[0] = 0;
    for (int i = 0; i < self.count; i++)
        sprintf(text + strlen(text), "%s%s", i ? ", " : "", self.lines[i]);
    return text;
}

static int create(simulated_disk *disk, const char *path)
{
    const tsr_system *system = simulated_disk_system(disk);
    return system->openat(system, AT_FDCWD, path, O_RDWR | O_CREAT, 0644);
}

static void fill(simulated_disk *disk, int file, char with, int sectors)
{
    const tsr_system *system = simulated_disk_system(disk);
    char bytes[4 * DISK_SECTOR_BYTES];
    memset(bytes, with, sizeof bytes);
    struct iovec part = {bytes, (size_t)sectors * DISK_SECTOR_BYTES};
    assert_int_equal(system->pwritev(system, file, &part, 1, 0), part.iov_len);
}

static void sync_path(simulated_disk *disk, const char *path)
{
    const tsr_system *system = simulated_disk_system(disk);
    int descriptor = system->openat(system, AT_FDCWD, path, O_RDONLY, 0);
    assert_int_equal(system->fsync(system, descriptor), 0);
    system->close(system, descriptor);
}

static void move(simulated_disk *disk, const char *from, const char *to, unsigned flags)
{
    const tsr_system *system = simulated_disk_system(disk);
    assert_int_equal(system->renameat2(system, AT_FDCWD, from, AT_FDCWD, to, flags), 0);
}

/* A new file may be missing, empty, or have any of its two sectors. */
static void test_write_without_sync(void **state)
{
    (void)state;
    simulated_disk *disk = simulated_disk_new();
    fill(disk, create(disk, "/a"), 'x', 2);
    assert_string_equal(disks_at_end(disk, false), ", a=, a=.., a=.x, a=x., a=xx");
    sync_path(disk, "/a"); /* which says nothing of the name */
    assert_string_equal(disks_at_end(disk, false), ", a=xx");
    sync_path(disk, "/");
    assert_string_equal(disks_at_end(disk, false), "a=xx");
    simulated_disk_free(disk);
}

/* In place, old and new sectors mix; a file cut off and written anew may be anything in between. */
static void test_overwrite(void **state)
{
    (void)state;
    simulated_disk *disk = simulated_disk_new();
    const tsr_system *system = simulated_disk_system(disk);
    int file = create(disk, "/a");
    fill(disk, file, 'x', 2);
    sync_path(disk, "/a");
    sync_path(disk, "/");
    fill(disk, file, 'y', 2);
    assert_string_equal(disks_at_end(disk, false), "a=xx, a=xy, a=yx, a=yy");
    sync_path(disk, "/a");
    assert_int_equal(system->ftruncate(system, file, 0), 0);
    assert_string_equal(disks_at_end(disk, false), "a=, a=00, a=0y, a=y0, a=yy");
    simulated_disk_free(disk);
}

/* Written, synced, renamed: old or new, whole; renamed before the sync: torn. */
static void test_replace(void **state)
{
    (void)state;
    simulated_disk *disk = simulated_disk_new();
    fill(disk, create(disk, "/a"), 'x', 1);
    sync_path(disk, "/a");
    sync_path(disk, "/");
    fill(disk, create(disk, "/b"), 'y', 1);
    sync_path(disk, "/b");
    move(disk, "/b", "/a", 0);
    assert_string_equal(disks_at_end(disk, false), "a=x, a=x b=y, a=y");
    assert_string_equal(disks_at_end(disk, true), "a=x, a=x b=y, a=y, a=y b=y");
    sync_path(disk, "/");
    assert_string_equal(disks_at_end(disk, true), "a=y");
    fill(disk, create(disk, "/b"), 'z', 1);
    move(disk, "/b", "/a", 0);
    assert_string_equal(disks_at_end(disk, false), "a=, a=., a=y, a=y b=, a=y b=., a=y b=z, a=z");
    simulated_disk_free(disk);
}

/* An exchange is whole even where renames are not. */
static void test_exchange(void **state)
{
    (void)state;
    simulated_disk *disk = simulated_disk_new();
    fill(disk, create(disk, "/a"), 'x', 1);
    fill(disk, create(disk, "/b"), 'y', 1);
    sync_path(disk, "/a");
    sync_path(disk, "/b");
    sync_path(disk, "/");
    move(disk, "/a", "/b", RENAME_EXCHANGE);
    assert_string_equal(disks_at_end(disk, true), "a=x b=y, a=y b=x");
    simulated_disk_free(disk);
}

/* A file in a folder whose own name is not on the disk is lost with it, synced or not. The sync of
 * one folder brings both halves of a rename from another. */
static void test_folders(void **state)
{
    (void)state;
    simulated_disk *disk = simulated_disk_new();
    const tsr_system *system = simulated_disk_system(disk);
    assert_int_equal(system->mkdirat(system, AT_FDCWD, "/d", 0755), 0);
    fill(disk, create(disk, "/d/a"), 'x', 1);
    sync_path(disk, "/d/a");
    sync_path(disk, "/d");
    assert_string_equal(disks_at_end(disk, false), ", "); /* without and with an empty-looking /d */
    move(disk, "/d/a", "/a", 0);
    sync_path(disk, "/");
    assert_string_equal(disks_at_end(disk, false), "a=x");
    simulated_disk_free(disk);
}

/* A cut that has too many states is sampled, the same ones for the same seed, oldest and newest
 * among them. */
static void test_sample(void **state)
{
    (void)state;
    simulated_disk *disk = simulated_disk_new();
    census first = {.disk = disk}, again = {.disk = disk}, other = {.disk = disk};
    power_cut_options options = {.states_max = 20, .seed = 1, .unwritten = '.'};
    for (int i = 0; i < 6; i++)
        fill(disk, create(disk, i % 2 ? "/a" : "/b"), (char)('p' + i), 3);
    assert_int_equal(power_cut_explore(disk, &options, count_disk, &first).sampled, 1);
    power_cut_explore(disk, &options, count_disk, &again);
    options.seed = 2;
    power_cut_explore(disk, &options, count_disk, &other);
    assert_in_range(first.count, 8, 20);
    assert_memory_equal(first.lines, again.lines, sizeof first.lines);
    assert_memory_not_equal(first.lines, other.lines, sizeof first.lines);
    assert_string_equal(first.lines[0], "");
    assert_string_equal(first.lines[1], "a=uuu b=ttt");
    simulated_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_without_sync),
        cmocka_unit_test(test_overwrite),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_folders),
        cmocka_unit_test(test_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
