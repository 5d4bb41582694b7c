#include "exec/pool.h"

static void raise_peak(tsri_budget *budget, int64_t taken)
{
    int64_t peak = __atomic_load_n(&budget->peak_bytes, __ATOMIC_RELAXED);
    while (taken > peak && !__atomic_compare_exchange_n(&budget->peak_bytes, &peak, taken, true,
                                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

bool tsri_budget_take(tsri_budget *budget, int64_t bytes)
{
    int64_t taken = __atomic_load_n(&budget->taken_bytes, __ATOMIC_RELAXED);
    do {
        if (taken > 0 && bytes > budget->limit_bytes - taken)
            return false;
    } while (!__atomic_compare_exchange_n(&budget->taken_bytes, &taken, taken + bytes, true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    raise_peak(budget, taken + bytes);
    return true;
}

void tsri_budget_give(tsri_budget *budget, int64_t bytes)
{
    __atomic_fetch_sub(&budget->taken_bytes, bytes, __ATOMIC_RELAXED);
}
