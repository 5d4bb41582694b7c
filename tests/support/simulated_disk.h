/* A file system in memory behind the table of system calls, which remembers what the disk has been
 * told, so that power_cut.h can make of it every disk that a power cut could leave.
 *
 *     simulated_disk *disk = simulated_disk_new();
 *     options.system = simulated_disk_system(disk);
 *     ...                                  a store at "/folder" is written
 *     simulated_disk_mark(disk, 1);        "number 1 is acknowledged"
 *
 * It has folders, files, hard links, exchanging renames and locks of open files, and no symbolic
 * links. What it cannot do ends in an errno, as on a file system that cannot.
 *
 * Thread: LOCKED. */
#ifndef TESTS_SUPPORT_SIMULATED_DISK_H
#define TESTS_SUPPORT_SIMULATED_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include <tessera/sys/system.h>

#define DISK_SECTOR_BYTES 512
#define DISK_ROOT 1 /* the inode of "/" */

typedef struct simulated_disk simulated_disk;

/* One change, in the order in which the programs made them. All changes of one sector, one size or
 * one name are versions of one place on the disk. */
typedef enum disk_change_kind {
    DISK_SECTOR, /* `number`: which one of the file; payload: its bytes */
    DISK_SIZE,   /* `number`: the size of the file */
    DISK_NAME,   /* payload: the name in the folder; `number`: the inode it leads to, 0: none */
    DISK_SYNC,   /* everything before it, of this inode, is on the disk */
    DISK_MARK    /* `number`: the program's own */
} disk_change_kind;

typedef struct disk_change {
    disk_change_kind kind;
    int inode;
    int64_t number;
    char *payload; /* owned by the disk */
    int partner;   /* +1, -1: the change after or before is the other half of a rename; 0: none */
    bool inseparable; /* no file system keeps one half without the other (an exchange) */
} disk_change;

/* Makes an empty disk. Ends the program when memory runs out, like everything here. */
simulated_disk *simulated_disk_new(void);
void simulated_disk_free(simulated_disk *disk);

/* The table belongs to the disk. A test may replace single functions in it, to do something wrong.
 */
tsr_system *simulated_disk_system(simulated_disk *disk);

/* Notes that the program has come to a point, such as an acknowledgement. */
void simulated_disk_mark(simulated_disk *disk, int64_t number);

/* What happened so far, borrowed until the next call that changes the disk. */
const disk_change *simulated_disk_changes(const simulated_disk *disk, size_t *ret_count);

/* Makes the disk that holds these `n` of the changes and nothing else, all of it synced. Parts of
 * files that were never written are of bytes `unwritten`. */
simulated_disk *simulated_disk_of_changes(const simulated_disk *disk, const size_t *changes,
                                          size_t n, char unwritten);

/* Whether two disks hold the same is told by this number, of all names, sizes and bytes that can be
 * reached. */
uint64_t simulated_disk_hash(const simulated_disk *disk);

#endif
