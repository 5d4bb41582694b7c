#include "support/ledger.h"

#include <stdlib.h>

enum { BEGUN = 1, ACKNOWLEDGED = 2 };

static int64_t coded(int what, int cell, int version)
{
    return ((int64_t)what << 32) | ((int64_t)cell << 16) | version;
}

void ledger_begin(simulated_disk *disk, int cell, int version)
{
    simulated_disk_mark(disk, coded(BEGUN, cell, version));
}

void ledger_acknowledge(simulated_disk *disk, int cell, int version)
{
    simulated_disk_mark(disk, coded(ACKNOWLEDGED, cell, version));
}

ledger ledger_at(const simulated_disk *disk, size_t seen)
{
    ledger self = {{0}, {0}};
    size_t count;
    const disk_change *changes = simulated_disk_changes(disk, &count);
    for (size_t i = 0; i < seen && i < count; i++) {
        int64_t number = changes[i].number, cell = (number >> 16) & 0xffff;
        if (changes[i].kind != DISK_MARK)
            continue;
        if (cell >= LEDGER_CELLS)
            abort();
        *(number >> 32 == BEGUN ? &self.begun[cell] : &self.acknowledged[cell]) =
            (int)(number & 0xffff);
    }
    return self;
}
