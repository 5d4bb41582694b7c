/* What every store checks in a get and in a put. IMMUTABLE. */
#ifndef TESSERA_STORE_STORE_REQUEST_H
#define TESSERA_STORE_STORE_REQUEST_H

#include <tessera/sys/store.h>

/* Sets offset, size_bytes and value_bytes of the answer from its range, for a value of
 * `value_bytes`. Errors: OUT_OF_BOUNDS, LIMIT, INVALID_ARGUMENT. */
int tsri_get_place(tsr_get_request *request, uint64_t value_bytes);

/* Checks that a value of generation `current` (NULL: there is none) is the one that a condition
 * asks for. `if_match` NULL: any. Errors: CONFLICT. */
int tsri_check_match(const char *key, const tsr_generation *if_match, const tsr_generation *current,
                     tsr_error *err);

/* The same for a put, which may also ask for no value. */
int tsri_check_put_match(const tsr_put_request *request, const tsr_generation *current);

typedef struct tsri_segments {
    uint64_t total_bytes;
    bool of_current; /* some refer to the current value */
} tsri_segments;

/* Checks key and conditions of a put and adds up its segments. Errors: INVALID_ARGUMENT (a bad key,
 * contradictory conditions, ranges of the current value without naming it), LIMIT (sizes that
 * overflow). */
int tsri_put_check(const tsr_put_request *request, tsri_segments *ret_segments);

#endif
