/* The stores of a context that are open, for whoever has to do something with all of them. */
#ifndef TESSERA_STORE_OPEN_STORES_H
#define TESSERA_STORE_OPEN_STORES_H

#include <tessera/sys/store.h>

typedef struct tsri_open_stores tsri_open_stores;

/* The list of a context. LOCKED. Errors: NO_MEMORY. */
int tsri_open_stores_get(tsr_context *context, tsri_open_stores **ret_stores, tsr_error *err);

/* Adds a store that is complete. LOCKED. Never fails. */
void tsri_open_stores_add(tsri_open_stores *stores, tsr_store *store);

/* Takes out a store that nobody holds any more; one that was never added is left alone. LOCKED.
 * Never fails. */
void tsri_open_stores_remove(tsr_store *store);

/* The store after `store` (NULL: the first one), with a hold of the caller's; his hold on `store`
 * is given up. What is opened meanwhile is not met. NULL: there are no more. LOCKED. Never fails.
 */
tsr_store *tsri_open_stores_next(tsri_open_stores *stores, tsr_store *store);

#endif
