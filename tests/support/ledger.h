/* What programs have begun and what they were told is done, noted on a simulated disk so that it
 * can be held against every disk that a power cut leaves.
 *
 * A cell is anything that has versions 0, 1, 2...: a key, a chunk, the length of an array. A
 * program begins a version, later its operation is acknowledged. After a cut a cell must be of a
 * version that was begun, and no older than the last one that was acknowledged. */
#ifndef TESTS_SUPPORT_LEDGER_H
#define TESTS_SUPPORT_LEDGER_H

#include "support/simulated_disk.h"

enum { LEDGER_CELLS = 64 };

typedef struct ledger {
    int begun[LEDGER_CELLS], acknowledged[LEDGER_CELLS];
} ledger;

void ledger_begin(simulated_disk *disk, int cell, int version);
void ledger_acknowledge(simulated_disk *disk, int cell, int version);

/* What stood in the ledger after the first `seen` changes. */
ledger ledger_at(const simulated_disk *disk, size_t seen);

#endif
