/* Proves that the simulated disk does what the kernel does: random calls, the same ones on it and
 * on a real folder, give the same answers and errors and leave the same tree. And that it records
 * what reaches the disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/simulated_disk.h"
#include "support/temporary.h"

enum { DESCRIPTORS = 6, NAME_COUNT = 12 };

static const char *const names[NAME_COUNT] = {
    "a", "b", "c", "d", "d/a", "e", "e/b", "d/e", "d/e/a", "a/b", "d/..//e", "./d/./e/../a"};

/* One of the two file systems. */
typedef struct side {
    const tsr_system *system;
    int folder;
    int descriptors[DESCRIPTORS];
} side;

typedef struct answer {
    int64_t result;
    int error_number;
    char bytes[64];
} answer;

static answer answered(int64_t result)
{
    return (answer){.result = result < 0 ? -1 : result, .error_number = result < 0 ? errno : 0};
}

/* What a call is made of, drawn once for both sides. */
typedef struct draw {
    unsigned which, slot, other_slot, name, other_name, size, offset, flags;
} draw;

static void close_slot(side *s, unsigned slot)
{
    if (s->descriptors[slot] >= 0)
        s->system->close(s->system, s->descriptors[slot]);
    s->descriptors[slot] = -1;
}

static answer open_slot(side *s, const draw *d)
{
    static const int flags[] = {O_RDONLY,
                                O_RDWR,
                                O_RDWR | O_CREAT,
                                O_RDWR | O_CREAT | O_EXCL,
                                O_RDONLY | O_DIRECTORY,
                                O_PATH | O_DIRECTORY};
    close_slot(s, d->slot);
    int descriptor = s->system->openat(s->system, s->folder, names[d->name],
                                       flags[d->flags % 6] | O_CLOEXEC, 0644);
    answer ret = answered(descriptor);
    s->descriptors[d->slot] = descriptor;
    ret.result = ret.result < 0 ? -1 : 0;
    return ret;
}

static answer read_slot(const side *s, const draw *d)
{
    char bytes[64] = "";
    int64_t count =
        s->system->pread(s->system, s->descriptors[d->slot], bytes, d->size % 64, d->offset % 1500);
    answer ret = answered(count);
    memcpy(ret.bytes, bytes, sizeof bytes);
    return ret;
}

static answer write_slot(const side *s, const draw *d)
{
    char bytes[600];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(d->which * 7 + d->offset + i);
    struct iovec parts[2] = {{bytes, d->size % 300},
                             {bytes + 300, d->size % 5 ? d->size % 300 : 0}};
    return answered(
        s->system->pwritev(s->system, s->descriptors[d->slot], parts, 2, d->offset % 1500));
}

static answer look(const side *s, const draw *d)
{
    struct stat status = {0};
    answer ret = answered(s->system->fstatat(s->system, s->folder, names[d->name], &status, 0));
    if (ret.result == 0)
        snprintf(ret.bytes, sizeof ret.bytes, "%o %lld %d", (unsigned)status.st_mode & S_IFMT,
                 S_ISREG(status.st_mode) ? (long long)status.st_size : 0,
                 S_ISREG(status.st_mode) ? (int)status.st_nlink : 0);
    return ret;
}

static answer call_names(const side *s, const draw *d)
{
    static const unsigned flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE};
    const tsr_system *system = s->system;
    const char *from = names[d->name], *to = names[d->other_name];
    switch (d->which % 6) {
    case 0:
        return answered(system->mkdirat(system, s->folder, from, 0755));
    case 1:
        return answered(system->unlinkat(system, s->folder, from, d->flags % 2 ? AT_REMOVEDIR : 0));
    case 2:
        return answered(system->linkat(system, s->folder, from, s->folder, to, 0));
    case 3:
        return look(s, d);
    case 4:
        return answered(system->renameat(system, s->folder, from, s->folder, to));
    default:
        return answered(
            system->renameat2(system, s->folder, from, s->folder, to, flags[d->flags % 4]));
    }
}

static answer call_files(side *s, const draw *d)
{
    const tsr_system *system = s->system;
    struct flock lock = {.l_type = (short)(d->flags % 4 ? F_WRLCK : F_UNLCK), .l_whence = SEEK_SET};
    switch (d->which % 9) {
    case 0:
    case 1:
    case 2:
        return open_slot(s, d);
    case 3:
        return read_slot(s, d);
    case 4:
    case 5:
        return write_slot(s, d);
    case 6:
        return answered(system->ftruncate(system, s->descriptors[d->slot], d->size % 1200));
    case 7:
        return answered(system->copy_file_range(system, s->descriptors[d->slot], d->offset % 700,
                                                s->descriptors[d->other_slot], 4096 + d->offset % 9,
                                                d->size % 800));
    default:
        return answered(system->lock(system, s->descriptors[d->slot], F_OFD_SETLK, &lock));
    }
}

/* Of errors that more than one reason may have, the kernel's choice is not the point. */
static bool same_answer(const answer *a, const answer *b)
{
    return a->result == b->result && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static unsigned next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (unsigned)(*random >> 40);
}

static void same_as_the_kernel(uint64_t seed)
{
    char *folder = temporary_folder_new();
    simulated_disk *disk = simulated_disk_new();
    side real = {.system = tsr_system_default()},
         simulated = {.system = simulated_disk_system(disk)};
    uint64_t random = seed;
    int good_answers = 0;

    real.folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    simulated.folder = simulated.system->openat(simulated.system, AT_FDCWD, "/", O_PATH, 0);
    for (int i = 0; i < DESCRIPTORS; i++)
        real.descriptors[i] = simulated.descriptors[i] = -1;
    for (int step = 0; step < 3000; step++) {
        draw d = {next_random(&random),
                  next_random(&random) % DESCRIPTORS,
                  next_random(&random) % DESCRIPTORS,
                  next_random(&random) % NAME_COUNT,
                  next_random(&random) % NAME_COUNT,
                  next_random(&random),
                  next_random(&random),
                  next_random(&random)};
        bool about_names = next_random(&random) % 2;
        answer a = about_names ? call_names(&real, &d) : call_files(&real, &d);
        answer b = about_names ? call_names(&simulated, &d) : call_files(&simulated, &d);
        if (!same_answer(&a, &b))
            fail_msg("seed %llu, step %d, call %s %u (%s, %s): the kernel says %lld (%s) [%s], the "
                     "simulated disk %lld (%s) [%s]",
                     (unsigned long long)seed, step, about_names ? "of names" : "of files",
                     d.which % (about_names ? 6 : 9), names[d.name], names[d.other_name],
                     (long long)a.result, strerror(a.error_number), a.bytes, (long long)b.result,
                     strerror(b.error_number), b.bytes);
        good_answers += a.result >= 0;
    }
    assert_in_range(good_answers, 400, 3000); /* or this compares errors only */
    for (unsigned i = 0; i < DESCRIPTORS; i++) {
        close_slot(&real, i);
        close_slot(&simulated, i);
    }
    close(real.folder);
    simulated_disk_free(disk);
    temporary_folder_remove(folder);
}

static void test_same_as_the_kernel(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++)
        same_as_the_kernel(seed);
}

/* ---- the record ---- */

static void test_record(void **state)
{
    (void)state;
    simulated_disk *disk = simulated_disk_new();
    const tsr_system *system = simulated_disk_system(disk);
    char bytes[700] = "bytes";
    size_t count;
    int file = system->openat(system, AT_FDCWD, "/f", O_RDWR | O_CREAT, 0644);
    struct iovec part = {bytes, sizeof bytes};

    assert_int_equal(system->pwritev(system, file, &part, 1, 0), 700);
    assert_int_equal(system->fdatasync(system, file), 0);
    assert_int_equal(system->renameat2(system, AT_FDCWD, "/f", AT_FDCWD, "/g", 0), 0);
    simulated_disk_mark(disk, 42);
    const disk_change *changes = simulated_disk_changes(disk, &count);
    static const disk_change_kind kinds[] = {DISK_NAME, DISK_SIZE, DISK_SECTOR, DISK_SECTOR,
                                             DISK_SYNC, DISK_NAME, DISK_NAME,   DISK_MARK};
    assert_int_equal(count, 8);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(changes[i].kind, kinds[i]);
    assert_int_equal(changes[1].number, 700);
    assert_memory_equal(changes[2].payload, bytes, DISK_SECTOR_BYTES);
    assert_int_equal(changes[3].number, 1);
    assert_string_equal(changes[5].payload, "g");
    assert_int_equal(changes[5].partner, 1);
    assert_int_equal(changes[6].number, 0);
    assert_int_equal(changes[6].partner, -1);
    assert_int_equal(changes[7].number, 42);
    system->close(system, file);
    simulated_disk_free(disk);
}

/* All changes together are the disk as it is; the name alone is an empty file. */
static void test_of_changes(void **state)
{
    (void)state;
    simulated_disk *disk = simulated_disk_new();
    const tsr_system *system = simulated_disk_system(disk);
    char bytes[600], back[600];
    const size_t all[] = {0, 1, 2, 3}, name_and_size[] = {0, 1}, none_of_it[] = {2, 3};
    struct stat status;
    int file = system->openat(system, AT_FDCWD, "/f", O_RDWR | O_CREAT, 0644);
    struct iovec part = {bytes, sizeof bytes};

    memset(bytes, 'x', sizeof bytes);
    system->pwritev(system, file, &part, 1, 0);
    simulated_disk *same = simulated_disk_of_changes(disk, all, 4, 0);
    assert_true(simulated_disk_hash(same) == simulated_disk_hash(disk));
    simulated_disk *hollow = simulated_disk_of_changes(disk, name_and_size, 2, 'u');
    system = simulated_disk_system(hollow);
    assert_true(simulated_disk_hash(hollow) != simulated_disk_hash(disk));
    int descriptor = system->openat(system, AT_FDCWD, "/f", O_RDONLY, 0);
    assert_int_equal(system->pread(system, descriptor, back, sizeof back, 0), 600);
    memset(bytes, 'u', sizeof bytes);
    assert_memory_equal(back, bytes, sizeof back);
    simulated_disk *nothing = simulated_disk_of_changes(disk, none_of_it, 2, 0);
    system = simulated_disk_system(nothing);
    assert_int_equal(system->fstatat(system, AT_FDCWD, "/f", &status, 0), -1);
    simulated_disk_free(nothing);
    simulated_disk_free(hollow);
    simulated_disk_free(same);
    simulated_disk_free(disk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_the_kernel),
        cmocka_unit_test(test_record),
        cmocka_unit_test(test_of_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
