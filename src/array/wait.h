/* Requests that are waited for. */
#ifndef TESSERA_ARRAY_WAIT_H
#define TESSERA_ARRAY_WAIT_H

#include <tessera/sys/store.h>

#include "base/base.h"

/* Reads one range and returns when it is there. `ret_request` keeps the whole answer; its blob
 * belongs to the caller. `if_match` may be NULL. Errors: as tsr_store_get, and CONFLICT. */
int tsri_get_and_wait(tsr_store *store, const char *key, tsr_range range,
                      const tsr_generation *if_match, tsr_get_request *ret_request, tsr_error *err);

/* Asks for a value without its bytes: whether there is one, and then, in *ret_answer, its size, its
 * generation and whether that has settled. It has no blob. Errors: as tsr_store_get, but for
 * NOT_FOUND. */
int tsri_look_and_wait(tsr_store *store, const char *key, bool *ret_exists,
                       tsr_get_request *ret_answer, tsr_error *err);

#endif
