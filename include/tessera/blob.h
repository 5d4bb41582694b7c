/* An immutable, reference-counted range of bytes: heap, a mapped file, or foreign memory with a
 * release callback. A slice shares its parent. Immutable means: after the blob was handed to
 * anybody else, nobody writes into it.
 *
 * Thread: IMMUTABLE once shared; references may be taken and dropped on any thread. */
#ifndef TESSERA_BLOB_H
#define TESSERA_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include <tessera/error.h>
#include <tessera/export.h>

TSR_BEGIN_DECLS

typedef struct tsr_blob tsr_blob;

/* Where the bytes of a blob can be found by another process or by sendfile. */
typedef struct tsr_blob_location {
    int descriptor; /* borrowed from the blob */
    int64_t offset; /* of the blob's first byte */
} tsr_blob_location;

/* Allocates `size_bytes` bytes of uninitialised memory; large blobs lie on huge pages where the
 * system has them. The creator may write through tsr_blob_data_writable until it shares the blob.
 * Owner: the caller holds one reference. Thread: CONFINED until shared. Errors: NO_MEMORY. */
TSR_API int tsr_blob_new(size_t size_bytes, tsr_blob **ret_blob, tsr_error *err);

/* Wraps memory that somebody else owns. `release(user)` runs once, on any thread, when the last
 * reference is dropped; NULL for memory that outlives the blob. When this fails, `release` is not
 * called. Owner: the caller holds one reference. Thread: IMMUTABLE. Errors: NO_MEMORY. */
TSR_API int tsr_blob_wrap(const void *data, size_t size_bytes, void (*release)(void *user),
                          void *user, tsr_blob **ret_blob, tsr_error *err);

/* A range of a blob that shares its memory and keeps it alive.
 * Thread: IMMUTABLE. Errors: OUT_OF_BOUNDS, NO_MEMORY. */
TSR_API int tsr_blob_slice(tsr_blob *blob, size_t offset, size_t size_bytes, tsr_blob **ret_slice,
                           tsr_error *err);

/* Takes one more reference and returns the blob. Thread: IMMUTABLE. Never fails. */
TSR_API tsr_blob *tsr_blob_ref(tsr_blob *blob);

/* Drops one reference; NULL is left alone. Thread: IMMUTABLE. Never fails. */
TSR_API void tsr_blob_unref(tsr_blob *blob);

/* The bytes; valid as long as a reference is held. Thread: IMMUTABLE. Never fails. */
TSR_API const void *tsr_blob_data(const tsr_blob *blob);

/* The bytes for the creator of a tsr_blob_new blob; NULL for every other kind or when shared.
 * Thread: CONFINED. Never fails. */
TSR_API void *tsr_blob_data_writable(tsr_blob *blob);

/* How many bytes. Thread: IMMUTABLE. Never fails. */
TSR_API size_t tsr_blob_size(const tsr_blob *blob);

/* Says where the bytes lie when they are a part of a file or of shared memory.
 * Thread: IMMUTABLE. Errors: NOT_FOUND when they are plain memory. */
TSR_API int tsr_blob_locate(const tsr_blob *blob, tsr_blob_location *ret_location);

TSR_DEFINE_CLEANUP(tsr_blob, tsr_blob_unref)

TSR_END_DECLS

#endif
