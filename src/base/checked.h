/* Arithmetic on sizes that come from outside: true when the result fits, and only then *result is
 * set. */
#ifndef TESSERA_BASE_CHECKED_H
#define TESSERA_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TSRI_DEFINE_CHECKED(type, suffix)                                            \
    static inline bool tsri_add_##suffix(type a, type b, type *result)               \
    {                                                                                \
        type sum;                                                                    \
        return !__builtin_add_overflow(a, b, &sum) && (*result = sum, true);         \
    }                                                                                \
    static inline bool tsri_multiply_##suffix(type a, type b, type *result)          \
    {                                                                                \
        type product;                                                                \
        return !__builtin_mul_overflow(a, b, &product) && (*result = product, true); \
    }
TSRI_DEFINE_CHECKED(int64_t, i64)
TSRI_DEFINE_CHECKED(uint64_t, u64)
TSRI_DEFINE_CHECKED(size_t, size)
#undef TSRI_DEFINE_CHECKED

/* The number of elements of a shape: false on overflow or a negative length. A length of 0 anywhere
 * gives 0, however large the others. */
static inline bool tsri_shape_count(int rank, const int64_t *shape, int64_t *result)
{
    int64_t count = 1;
    bool empty = false;
    for (int axis = 0; axis < rank; axis++) {
        if (shape[axis] < 0)
            return false;
        empty |= shape[axis] == 0;
    }
    for (int axis = 0; !empty && axis < rank; axis++)
        if (!tsri_multiply_i64(count, shape[axis], &count))
            return false;
    *result = empty ? 0 : count;
    return true;
}

/* Division that rounds up, for a >= 0 and b > 0, without overflow near INT64_MAX. */
static inline int64_t tsri_ceil_divide(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

#endif
