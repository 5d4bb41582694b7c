/* Any bytes of a deflate stream that lies in a file, without decoding it from its beginning each
 * time: decoding notes access points (where a block begins, and the 32 KiB before it) and goes on
 * from the last one before what is wanted. At most 256 points are kept, 8 MiB, spaced by 1 MiB and,
 * in a stream of more than 256 MiB, by as much more as that takes.
 *
 * Thread: CONFINED.
 * Source: RFC 1951; the access points are those of Mark Adler's zran.c in the zlib distribution. */
#ifndef TESSERA_SOURCE_DEFLATED_H
#define TESSERA_SOURCE_DEFLATED_H

#include <tessera/call.h>

#include "source/input.h"

typedef struct tsri_deflated tsri_deflated;

/* What is known of a stream before it is decoded. Its bytes are [offset, offset + encoded_bytes) of
 * the file. */
typedef struct tsri_deflated_extent {
    uint64_t offset, encoded_bytes, decoded_bytes;
    uint32_t crc32; /* of the decoded bytes; it is checked whenever the last one has been decoded */
} tsri_deflated_extent;

/* `input` is borrowed and outlives it. Owner: the caller, by tsri_deflated_free. Errors: NO_MEMORY.
 */
int tsri_deflated_new(const tsri_input *input, const tsri_deflated_extent *extent,
                      tsri_deflated **ret_stream, tsr_error *err);

/* NULL is left alone. */
void tsri_deflated_free(tsri_deflated *stream);

/* Decodes the bytes from `start` on; fewer than `size_bytes` only at decoded_bytes. `call` (may be
 * NULL) can cancel it. In a forked child it works whatever a thread of the parent was doing with
 * the stream. Errors: DAMAGED (no deflate stream, ends early, wrong checksum: with the bytes),
 * CANCELLED, IO, NO_MEMORY. */
int tsri_deflated_read(tsri_deflated *stream, uint64_t start, void *bytes, size_t size_bytes,
                       size_t *ret_got, const tsr_call *call, tsr_error *err);

#endif
