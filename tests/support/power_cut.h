/* Every disk that a power cut may leave of what was done on a simulated disk.
 *
 * The model: each sector of 512 bytes, each size and each name in a folder reaches the disk by
 * itself, in any order, in the version that it has at any moment, until a sync of its file or
 * folder has returned; from then on it is never older. The two halves of a rename go together, as
 * file systems with a journal have it; where renames_fall_apart, only exchanges do. That a sync of
 * a file brings its name or its folder along is not assumed, nor that changes of one folder keep
 * their order, nor that bytes come before the size: POSIX promises none of it.
 *
 * Cuts are made before every sync and at the end. What could be found on the disk between two syncs
 * can also be found before the second, when more has been acknowledged, so nothing is missed. */
#ifndef TESTS_SUPPORT_POWER_CUT_H
#define TESTS_SUPPORT_POWER_CUT_H

#include "support/simulated_disk.h"

typedef struct power_cut_options {
    size_t states_max;       /* of one cut: where more are possible, so many are drawn by chance */
    uint64_t seed;           /* of these draws */
    bool renames_fall_apart; /* the old name and the new one reach the disk by themselves */
    char unwritten;          /* what parts of files hold that did not reach the disk */
} power_cut_options;

typedef struct power_cut_counts {
    size_t cuts, checked; /* checked: disks that differ, or of which more was acknowledged */
    size_t sampled;       /* cuts that had more than states_max */
} power_cut_counts;

/* Calls `check` with each disk. `seen` is how many changes the programs had made by then, marks
 * among them. The disk is gone when `check` returns. */
power_cut_counts power_cut_explore(const simulated_disk *disk, const power_cut_options *options,
                                   void (*check)(void *user, simulated_disk *after, size_t seen),
                                   void *user);

#endif
