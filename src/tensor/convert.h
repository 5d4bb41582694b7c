/* Casts from one element type to another, with NumPy's rules of what is permitted.
 *
 * Numbers pass through one of three wide types (int64, uint64, double), which hold every value of
 * the narrow ones exactly: a new type needs one way in and three ways out, not one kernel for every
 * other type. A row is converted in strips that stay in the first-level cache. */
#ifndef TESSERA_TENSOR_CONVERT_H
#define TESSERA_TENSOR_CONVERT_H

#include <tessera/view.h>

#include "base/base.h"

typedef enum tsri_wide {
    TSRI_WIDE_SIGNED,   /* int64_t */
    TSRI_WIDE_UNSIGNED, /* uint64_t */
    TSRI_WIDE_FLOAT,    /* double */
    TSRI_WIDE_COUNT
} tsri_wide;

/* How a numeric type is read and written. Memory of elements is dense and needs no alignment. */
typedef struct tsri_number {
    tsri_wide wide; /* the type that `load` makes */
    int digits;     /* binary digits that are kept exactly: 7 for int8, 24 for float32 */
    void (*load)(const void *elements, void *wide, size_t count);
    /* Writes wide numbers of each type. `checked`: stops at the first value that does not fit and
     * returns its index; otherwise, and when all fit, returns `count`. Not checked, integers wrap,
     * and what comes from a float saturates with NaN as 0. */
    size_t (*store[TSRI_WIDE_COUNT])(const void *wide, void *elements, size_t count, bool checked);
} tsri_number;

extern const tsri_number tsri_number_boolean, tsri_number_int8, tsri_number_int16,
    tsri_number_int32, tsri_number_int64, tsri_number_uint8, tsri_number_uint16, tsri_number_uint32,
    tsri_number_uint64, tsri_number_float16, tsri_number_float32, tsri_number_float64,
    tsri_number_int2, tsri_number_int4, tsri_number_uint2, tsri_number_uint4, tsri_number_bfloat16,
    tsri_number_float4_e2m1fn, tsri_number_float6_e2m3fn, tsri_number_float6_e3m2fn,
    tsri_number_float8_e3m4, tsri_number_float8_e4m3, tsri_number_float8_e4m3fn,
    tsri_number_float8_e4m3b11fnuz, tsri_number_float8_e4m3fnuz, tsri_number_float8_e5m2,
    tsri_number_float8_e5m2fnuz, tsri_number_float8_e8m0fnu;

/* Copies between views of equal shape and different types. CONFINED.
 * Errors: TYPE_MISMATCH, OUT_OF_BOUNDS (names the value and its position). */
int tsri_view_convert(const tsr_view *destination, const tsr_view *source, tsr_casting casting,
                      tsr_error *err);

/* Reports an element that another type has no room for. */
int tsri_element_report_misfit(const tsr_dtype *from, const void *element, const tsr_dtype *to,
                               tsr_error *err);

#endif
