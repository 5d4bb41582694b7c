/* Hashes of content: whether two copies are equal, found out without moving their bytes.
 *
 * Each side hashes what it has; who has both hashes knows. A hash of *values* depends on elements,
 * shapes, types, fill values, names of dimensions and attributes alone, and not on the Zarr format,
 * codecs, shards, or the order of chunks in files. A hash of what is *stored* takes encoded chunks
 * as they are, decodes nothing, and depends on codecs and chunks too, but not on where inner chunks
 * lie in their shard. Equal hashes mean equal values and metadata; hashes of values that differ
 * mean that a bit differs somewhere, were it the sign of a zero.
 *
 * Chunks, shards, arrays and groups have hashes, each made of those below, so that what differs is
 * found by going down. The hash of an array does not depend on its shards, nor on the order in
 * which its chunks are visited. What exactly is hashed: docs/format/hash.md (SHA-256; the chunks of
 * an array are summed up by LtHash16, Lewi, Kim, Maykov and Weis, "Securing Update Propagation with
 * Homomorphic Hashing", 2019).
 *
 * Thread: LOCKED. */
#ifndef TESSERA_HASH_H
#define TESSERA_HASH_H

#include <tessera/group.h>

TSR_BEGIN_DECLS

#define TSR_HASH_BYTES 32

typedef struct tsr_hash {
    unsigned char bytes[TSR_HASH_BYTES];
} tsr_hash;

/* Hash of a chunk, or of a shard, which comes after its chunks. */
typedef struct tsr_hash_chunk {
    int level; /* 0: what is hashed as one piece; 1: a shard */
    int rank;
    const int64_t *start; /* where its box begins in the array; `rank` positions */
    const int64_t *shape; /* the part of it that lies inside the array */
    tsr_hash hash;
} tsr_hash_chunk;

/* Hash of an array or a group, which comes after everything below it. */
typedef struct tsr_hash_node {
    const char *path; /* from the node that was asked for on; "" is that itself */
    tsr_node_kind kind;
    tsr_array *array; /* borrowed; NULL for a group */
    tsr_hash hash;
    tsr_hash metadata; /* of the metadata alone: a part of `hash` */
    /* Of an array: the shape of what is hashed as one piece; NULL where there are several shapes.
     */
    const int64_t *chunk_shape;
    int64_t chunks; /* that hold something else than fill values */
} tsr_hash_node;

typedef struct tsr_hash_options {
    size_t struct_size;
    bool stored; /* hash encoded chunks; default false: values */
    /* Of values: the boxes that are hashed as one piece each. Hashes of two arrays with other
     * chunks can be compared where both are made of the same boxes. NULL (default): the chunks that
     * are decoded one by one; other shapes are slower. For groups see choose_chunk_shape. */
    const int64_t *chunk_shape;
    /* Called on the calling thread; NULL: not. Chunks that hold nothing but the fill value have no
     * hash and are not told of, nor are shards with nothing in them. `path` is that of the array. A
     * nonzero return ends the operation and is returned. */
    int (*each_chunk)(void *user, const char *path, const tsr_hash_chunk *chunk);
    int (*each_node)(void *user, const tsr_hash_node *node);
    void *user;
    /* The same for each array that chunk_shape says nothing of: its shape of boxes, which stays
     * until its each_node, or NULL. NULL: not asked. */
    const int64_t *(*choose_chunk_shape)(void *user, const char *path, const tsr_array *array);
} tsr_hash_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_hash_options_init(tsr_hash_options *options);

/* Hashes an array. options NULL: the defaults. Memory is that of some chunks, whatever the size of
 * the array; missing chunks cost nothing. Thread: LOCKED. Errors: those of tsr_array_read,
 * INVALID_ARGUMENT (chunk_shape), LIMIT (too many boxes), UNSUPPORTED (what is stored, of an array
 * that lies in no store; a build without hashes). */
TSR_API int tsr_array_hash(tsr_array *array, const tsr_hash_options *options, const tsr_call *call,
                           tsr_hash *ret_hash, tsr_error *err);

/* Hashes a group with everything below it. A handle that uses consolidated copies hashes these as
 * metadata: open it with ignore_consolidated to hash what the nodes say. Thread: LOCKED. Errors: as
 * tsr_array_hash, and those of opening what lies below. */
TSR_API int tsr_group_hash(tsr_group *group, const tsr_hash_options *options, const tsr_call *call,
                           tsr_hash *ret_hash, tsr_error *err);

#define TSR_HASH_TEXT_MAX (2 * TSR_HASH_BYTES + 1)

/* Writes a hash as 64 hexadecimal digits and a final 0, and returns `text`. Thread: CONFINED. Never
 * fails. */
TSR_API const char *tsr_hash_text(const tsr_hash *hash, char text[TSR_HASH_TEXT_MAX]);

TSR_END_DECLS

#endif
