#include "tensor/pick.h"

/* One loop for each size that moves in one or two registers: the compiler turns a memcpy of a
 * constant size into these moves. */
#define PICK(size)                      \
    for (int64_t i = 0; i < count; i++) \
    memcpy(to + to_offsets[i], from + from_offsets[i], size)

void tsri_pick(char *to, const int64_t *to_offsets, const char *from, const int64_t *from_offsets,
               int64_t count, size_t run_bytes)
{
    switch (run_bytes) {
    case 1:
        PICK(1);
        break;
    case 2:
        PICK(2);
        break;
    case 4:
        PICK(4);
        break;
    case 8:
        PICK(8);
        break;
    case 16:
        PICK(16);
        break;
    default:
        PICK(run_bytes);
    }
}
