/* What the replay driver is tried on: a target that aborts on every input with an odd first byte.
 * The only seed starts with an even one, so that just a mutation can find it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] % 2 == 1)
        abort();
    return 0;
}
