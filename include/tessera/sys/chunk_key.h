/* For authors of chunk key encodings: from the grid coordinates of a chunk to its key in the store,
 * and back.
 *
 * An encoding is named by the member chunk_key_encoding of v3 metadata, which every reader must
 * understand: one that does not know it refuses the array, so that nobody takes its chunks for
 * missing. Its life: metadata names it and gives a configuration; `open` binds that; the result is
 * immutable and used by many threads at once.
 *
 * Keys are relative to the array. What they must hold to:
 * - they depend on the coordinates alone: the shape of an array changes, its keys do not;
 * - two chunks have two keys, and no key is a folder of another ("c/1" and "c/1/2"), since stores
 *   that are file systems cannot have both;
 * - they are keys of a store (tsr_store_check_key), none is "zarr.json", no part of one begins with
 *   "__";
 * - `parse` finds the coordinates again: listing, checking, resizing and erasing depend on it.
 *
 * Format: Zarr core specification 3.1, "Chunk key encodings". */
#ifndef TESSERA_SYS_CHUNK_KEY_H
#define TESSERA_SYS_CHUNK_KEY_H

#include <tessera/context.h>
#include <tessera/sys/output.h>

TSR_BEGIN_DECLS

typedef struct tsr_chunk_key_setup {
    tsr_context *context;
    const char *name;          /* as the metadata wrote it */
    const char *configuration; /* a JSON object as text, "{}" when the metadata has none: see
                                  tsr_json_parse in tessera/sys/json.h */
    const char *pointer;       /* where that object stands in the document, for errors */
    int rank;                  /* of the array: 0 .. TSR_RANK_MAX */
} tsr_chunk_key_setup;

typedef struct tsr_chunk_key_ops {
    size_t struct_size;
    const char *name; /* as metadata has it: a registered name, or one of the author's name space */

    /* Binds a configuration. Required. Errors (which name its field): BAD_METADATA, UNSUPPORTED,
     * NO_MEMORY. */
    int (*open)(const tsr_chunk_key_setup *setup, void **ret_encoding, tsr_error *err);
    void (*close)(void *encoding); /* may be NULL when open allocates nothing */

    /* Appends the configuration as a JSON object, with what was chosen for fields that were not
     * given. Required; appends "{}" when there is nothing to configure. */
    int (*describe)(const void *encoding, tsr_output *output, tsr_error *err);

    /* Writes the key of the chunk at `index` (`rank` numbers >= 0) with a final 0 byte into
     * `ret_text`, which has room for `capacity_bytes`, and its length without the 0 into
     * *ret_size_bytes. Required. Errors: LIMIT when there is not room enough. */
    int (*format)(const void *encoding, int rank, const int64_t *index, char *ret_text,
                  size_t capacity_bytes, size_t *ret_size_bytes, tsr_error *err);

    /* Reads a key back; false for a text that is none. It may take more texts than `format` makes:
     * what it answers is formatted again, and compared. `text` has no final 0 byte; nothing behind
     * `size_bytes` is read. Required. */
    bool (*parse)(const void *encoding, int rank, const char *text, size_t size_bytes,
                  int64_t *ret_index);
} tsr_chunk_key_ops;

/* For `open`: reads an integer of the configuration; where there is no such field *ret_value stays
 * what it is, which is how the encoding gives its default. Thread: CONFINED. Errors: BAD_METADATA
 * (no integer, or outside the limits; names the field), NO_MEMORY. */
TSR_API int tsr_chunk_key_setup_int(const tsr_chunk_key_setup *setup, const char *name,
                                    int64_t minimum, int64_t maximum, int64_t *ret_value,
                                    tsr_error *err);

/* For `open`: refuses a configuration with fields that are not in `known` (ended by NULL). Thread:
 * CONFINED. Errors: BAD_METADATA, NO_MEMORY. */
TSR_API int tsr_chunk_key_setup_only(const tsr_chunk_key_setup *setup, const char *const *known,
                                     tsr_error *err);

/* Adds an encoding to a context; later registrations win over earlier ones and over built-in ones.
 * `ops` must outlive the context. Thread: LOCKED. Errors: NO_MEMORY, INVALID_ARGUMENT (struct_size,
 * missing functions). */
TSR_API int tsr_chunk_key_register(tsr_context *context, const tsr_chunk_key_ops *ops,
                                   tsr_error *err);

/* Finds an encoding by its name. Thread: LOCKED. Errors: UNSUPPORTED (the next step lists the known
 * ones). */
TSR_API int tsr_chunk_key_find(tsr_context *context, const char *name,
                               const tsr_chunk_key_ops **ret_ops, tsr_error *err);

/* Calls `each` for every encoding that the context knows, built-in ones first. A nonzero return
 * ends the walk and is returned. Thread: LOCKED. Errors: those of `each`. */
TSR_API int tsr_chunk_key_list(tsr_context *context,
                               int (*each)(void *user, const tsr_chunk_key_ops *ops), void *user);

TSR_END_DECLS

#endif
