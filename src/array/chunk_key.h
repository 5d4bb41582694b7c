/* Keys of chunks and names of nodes. What a key looks like is a matter of the array's encoding
 * (key_encoding.h).
 *
 * Thread: CONFINED. */
#ifndef TESSERA_ARRAY_CHUNK_KEY_H
#define TESSERA_ARRAY_CHUNK_KEY_H

#include <tessera/sys/array.h>

#include "array/key_encoding.h"
#include "base/base.h"

/* A key that is, in the encodings "default" and "v2", rewritten from the first index that changes,
 * so that a walk in C order formats little more than its last index each time. */
typedef struct tsri_chunk_key {
    const tsri_key_encoding *encoding; /* borrowed from the array */
    int rank;
    uint16_t path_bytes; /* of the array, with its slash */
    int formatted;       /* how many axes of `text` agree with `index` */
    int64_t index[TSR_RANK_MAX];
    uint16_t starts[TSR_RANK_MAX]; /* where the separator or the index of an axis begins */
    uint16_t size_bytes;
    char text[TSR_KEY_MAX]; /* ends in a 0 byte */
} tsri_chunk_key;

/* Starts keys of an array at `path` in its store ("" for the root; no slash at either end).
 * Errors: LIMIT when the path leaves no room. */
int tsri_chunk_key_init(tsri_chunk_key *ret_key, const char *path,
                        const tsri_key_encoding *encoding, int rank, tsr_error *err);

/* Copies what is used of a key, which is a small part of its memory. */
void tsri_chunk_key_copy(tsri_chunk_key *ret_key, const tsri_chunk_key *key);

/* Sets text and size_bytes to the key of the chunk at `index` (all >= 0). Errors: LIMIT when it
 * exceeds TSR_KEY_MAX. */
int tsri_chunk_key_set(tsri_chunk_key *key, const int64_t *index, tsr_error *err);

/* Writes the key of the next chunk along the last axis, given a key of an array with axes. False
 * where that has one digit more, or the encoding is not formed axis by axis: then what `ret_text`
 * holds means nothing. */
bool tsri_chunk_key_next(const tsri_key_encoding *encoding, const char *text,
                         char ret_text[TSR_KEY_MAX]);

/* Reads a key relative to its array back; false for everything that is not exactly the key of some
 * chunk (leading zeros, another separator, other rank). Whether the index lies inside the grid is
 * the caller's question. */
bool tsri_chunk_key_parse(const tsri_key_encoding *encoding, int rank, const char *text,
                          size_t size_bytes, int64_t *ret_index);

/* Checks one name of a node: not empty, UTF-8, no '/' and no NUL, not only dots, not starting with
 * "__", not the name of a metadata document. Errors: INVALID_ARGUMENT with the rule. */
int tsri_node_name_check(const char *name, size_t size_bytes, tsr_error *err);

/* Checks a path of nodes joined by '/'; "" is the root. Errors: INVALID_ARGUMENT with the name and
 * the rule. */
int tsri_node_path_check(const char *path, tsr_error *err);

#endif
