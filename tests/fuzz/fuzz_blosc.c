/* The walk over Blosc's container on any bytes, beside libblosc. The sizes in the header are made
 * true, to get behind those checks.
 *
 * Beyond not crashing, on input and output before guard pages: a status that means damage or
 * nothing, and where libblosc decodes the same container, the same bytes. */
#include <stdint.h>
#include <string.h>

#include <blosc.h>
#include <tessera/sys/codec.h>

#include "codec/blosc_blocks.h"
#include "conformance/guarded.h"
#include "must.h"

#define ROOM_BYTES ((size_t)64 << 10)
#define INPUT_BYTES ((size_t)1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk_beside_library(const tsri_blosc_container *container, tsr_codec_scratch *scratch,
                                guarded *ours, guarded *theirs)
{
    size_t decoded_bytes = container->decoded_bytes, made = 0;
    char *found = guarded_last(ours, decoded_bytes);
    char *expected = guarded_last(theirs, decoded_bytes);
    int status = tsri_blosc_walk(container, scratch, found, decoded_bytes, &made, NULL);

    must(status == 0 || status == TSR_DAMAGED);
    must(guarded_intact(ours, decoded_bytes));
    if (status < 0)
        return;
    must(made == decoded_bytes);
    if (blosc_decompress_ctx(container->bytes, expected, decoded_bytes, 1) == (int)decoded_bytes)
        must(memcmp(found, expected, decoded_bytes) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static guarded input, ours, theirs;
    static tsr_codec_scratch *scratch;
    size_t valid_bytes;

    if (size < 16 || size > INPUT_BYTES)
        return 0;
    if (!scratch) {
        must(tsr_codec_scratch_new(&scratch, NULL) == 0);
        input = guarded_new(INPUT_BYTES);
        ours = guarded_new(ROOM_BYTES);
        theirs = guarded_new(ROOM_BYTES);
    }
    unsigned char *bytes = (unsigned char *)guarded_place(&input, data, size);
    bytes[0] = BLOSC_VERSION_FORMAT;
    memcpy(bytes + 12, &(uint32_t){(uint32_t)size}, 4);
    bytes[6] = bytes[7] = 0; /* less than 64 KiB decoded */
    tsri_blosc_container container = tsri_blosc_container_of(bytes);
    if (blosc_cbuffer_validate(bytes, size, &valid_bytes) == 0 &&
        tsri_blosc_is_walkable(&container))
        walk_beside_library(&container, scratch, &ours, &theirs);
    return 0;
}
