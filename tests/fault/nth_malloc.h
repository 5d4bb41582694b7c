/* Fails the n-th allocation of the process, wherever it is made: in Tessera, in json-c, in zstd, in
 * the C library itself. Link the target nth_malloc into a test and use these functions, or preload
 * libnth_malloc.so into a whole program and use the environment (see nth_malloc.c; sweep.py does).
 *
 * Counted are malloc, calloc, realloc, reallocarray, posix_memalign, aligned_alloc and memalign.
 *
 *     for (int64_t n = 1;; n++) {
 *         nth_malloc_arm(n, false);
 *         int status = the_call(...);
 *         if (!nth_malloc_disarm())
 *             break;                      // it got through with fewer than n allocations
 *         ... `status` is TSR_OK or TSR_NO_MEMORY, outputs are untouched, nothing leaks
 *     }
 */
#ifndef NTH_MALLOC_H
#define NTH_MALLOC_H

#include <stdbool.h>
#include <stdint.h>

/* From now on the n-th allocation (n >= 1) of any thread returns NULL with ENOMEM; with
 * `persistent` all later ones too. n = 0 only counts. */
void nth_malloc_arm(int64_t n, bool persistent);

/* Allocations work again. Says whether one was refused since nth_malloc_arm. */
bool nth_malloc_disarm(void);

/* Whether an allocation was refused since nth_malloc_arm. */
bool nth_malloc_fired(void);

/* The allocations tried since nth_malloc_arm. */
int64_t nth_malloc_count(void);

#endif
