/* Types that are made at run time: a descriptor with a counter, its name and what it needs beyond.
 */
#ifndef TESSERA_TENSOR_MADE_DTYPE_H
#define TESSERA_TENSOR_MADE_DTYPE_H

#include <tessera/dtype.h>

#include "tensor/element.h"

/* The start of every such type. Families put their parameters behind it. */
typedef struct tsri_made_dtype {
    tsr_dtype dtype;
    int references; /* atomic */
    char *name;
} tsri_made_dtype;

/* Makes a type: `size_bytes` of memory that start with a tsri_made_dtype, zeroed behind it, the
 * descriptor a copy of `pattern` with a name of its own. Takes `name` over, also on failure; NULL
 * means that it could not be made. Owner: the caller holds one reference. CONFINED. Errors:
 * NO_MEMORY. */
int tsri_dtype_make(size_t size_bytes, const tsr_dtype *pattern, char *name,
                    tsri_made_dtype **ret_made, tsr_error *err);

/* What dtype.c asks one after the other for the meaning of a name: sets *ret_matches when the name
 * belongs to the family, right or wrong. Errors: INVALID_ARGUMENT, NO_MEMORY. */
int tsri_dtype_parse_time(const char *name, bool *ret_matches, const tsr_dtype **ret_dtype,
                          tsr_error *err);
int tsri_dtype_parse_struct(const char *name, bool *ret_matches, const tsr_dtype **ret_dtype,
                            tsr_error *err);
int tsri_dtype_parse_text(const char *name, bool *ret_matches, const tsr_dtype **ret_dtype,
                          tsr_error *err);

#endif
