/* The file systems on which the stores of a context have left values to the system
 * (TSR_DURABILITY_NONE), so that one sync can bring them to the disk after the stores are closed.
 *
 * Of each such file system a folder is held open until it was synced; that keeps it from being
 * unmounted. */
#ifndef TESSERA_STORE_UNSYNCED_H
#define TESSERA_STORE_UNSYNCED_H

#include <sys/types.h>

#include "base/base.h"
#include "base/context.h"
#include "store/watch.h"

typedef struct tsri_unsynced tsri_unsynced;
typedef struct tsri_unsynced_disk tsri_unsynced_disk;

/* What is unsynced of a context. LOCKED. Errors: NO_MEMORY. */
int tsri_unsynced_get(tsr_context *context, tsri_unsynced **ret_unsynced, tsr_error *err);

/* Before a value is left to the system: takes hold of its device, on which `folder` is an open
 * folder and `name` a file in it, which is opened where the folder may not be read. 0, or an errno
 * of opening or of memory. LOCKED. */
int tsri_unsynced_hold(tsri_unsynced *unsynced, dev_t device, int folder, const char *name,
                       tsri_unsynced_disk **ret_disk);

/* Afterwards: gives up the hold, and says whether the value is there now. LOCKED. Never fails. */
void tsri_unsynced_let_go(tsri_unsynced *unsynced, tsri_unsynced_disk *disk, bool was_left);

/* Syncs each file system on which anything was left before the call, or `only` one of them. All are
 * tried; the error is that of the first one that fails, which fails ever after. LOCKED. Errors: IO,
 * CANCELLED, DEADLINE. */
int tsri_unsynced_sync(tsri_unsynced *unsynced, const dev_t *only, const tsri_watch *watch,
                       tsr_error *err);

#endif
