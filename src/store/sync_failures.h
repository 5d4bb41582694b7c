/* What no writer of a context may forget: which disks have failed to sync.
 *
 * After a failed sync the kernel drops the pages and calls them clean, so whoever syncs next is
 * told that all is well. Stores come and go with the arrays that are opened on them, so the failure
 * is remembered by the context, and for the whole file system (device) that the root lies on. */
#ifndef TESSERA_STORE_SYNC_FAILURES_H
#define TESSERA_STORE_SYNC_FAILURES_H

#include <sys/types.h>

#include "base/base.h"
#include "base/context.h"

#define TSRI_SYNC_FAILURE_TEXT_MAX 512

typedef struct tsri_sync_failures tsri_sync_failures;

/* The failures of a context. LOCKED. Errors: NO_MEMORY. */
int tsri_sync_failures_get(tsr_context *context, tsri_sync_failures **ret_failures, tsr_error *err);

/* Remembers the first failure of a device. LOCKED. Never fails: beyond sixteen devices all
 * count as failed. */
void tsri_sync_failures_add(tsri_sync_failures *failures, dev_t device, const char *text);

/* Whether anything has failed: one load, for the path of every write. LOCKED. */
bool tsri_sync_failures_any(const tsri_sync_failures *failures);

/* Whether a device has failed, and how. LOCKED. */
bool tsri_sync_failures_find(tsri_sync_failures *failures, dev_t device,
                             char ret_text[TSRI_SYNC_FAILURE_TEXT_MAX]);

#endif
