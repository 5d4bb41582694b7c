/* The inside of blobs: constructors that only the library uses. */
#ifndef TESSERA_BASE_BLOB_H
#define TESSERA_BASE_BLOB_H

#include <tessera/blob.h>
#include <tessera/context.h>

#include "base/base.h"

/* Maps `size_bytes` bytes of an open file from `offset` (any, not only whole pages) for reading.
 * The last reference unmaps it and closes the descriptor, both through the context's table of
 * system calls, which must live that long. Reading past the end of a file that was cut meanwhile
 * raises SIGBUS: map only what nobody truncates. Owner: the caller holds one reference; the blob
 * owns `descriptor` when this succeeds. Thread: IMMUTABLE. Errors: INVALID_ARGUMENT (negative
 * offset, overflow), NO_MEMORY, those of mmap. */
int tsri_blob_map(tsr_context *context, int descriptor, int64_t offset, size_t size_bytes,
                  tsr_blob **ret_blob, tsr_error *err);

#endif
