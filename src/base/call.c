#include <tessera/call.h>

void tsr_cancel(int *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_RELAXED);
}
