/* Any bytes as an .npy file: the header is refused with a reason, or tells of an array that a file
 * can hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "source/npy_header.h"
#include "support/byte_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check(const tsri_npy_header *header, const byte_reader *from)
{
    uint64_t expected = header->dtype->size_bytes;
    bool empty = false;

    require(header->rank >= 0 && header->rank <= TSR_RANK_MAX);
    for (int axis = 0; axis < header->rank; axis++) {
        require(header->shape[axis] >= 0);
        empty |= header->shape[axis] == 0;
    }
    for (int axis = 0; axis < header->rank && !empty; axis++)
        require(!__builtin_mul_overflow(expected, (uint64_t)header->shape[axis], &expected));
    require(header->data_bytes == (empty ? 0 : expected));
    require(header->data_offset == from->at && header->data_bytes <= INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    byte_reader from = {data, size, 0};
    tsri_npy_header header;
    tsr_error err = TSR_ERROR_INIT;

    int status = tsri_npy_header_read(read_next, &from, &header, &err);
    require(status == err.status);
    if (status == 0) {
        check(&header, &from);
        tsri_npy_header_clear(&header);
        return 0;
    }
    require(err.message[0] && (status == TSR_DAMAGED || status == TSR_BAD_METADATA ||
                               status == TSR_UNSUPPORTED || status == TSR_LIMIT));
    return 0;
}
