/* Codec chains: specification -> bound -> prepared.
 *
 * A chain is a list of codecs: array-to-array ones, exactly one array-to-bytes one, bytes-to-bytes
 * ones. Bound to an element type and a fill value it is a tsri_chain; for one chunk shape it is a
 * tsri_prepared, which knows layout and size at every place of the chain. Both are IMMUTABLE and
 * shared by all threads. Nothing here does input or output: whoever fetches asks where bytes are
 * needed and hands them in.
 *
 * sharding_indexed is an array-to-bytes codec that is a grid of inner chunks, each with a chain of
 * its own: shard.h. */
#ifndef TESSERA_CODEC_CHAIN_H
#define TESSERA_CODEC_CHAIN_H

#include <tessera/sys/codec.h>

#include "base/base.h"
#include "meta/extension.h"

typedef struct tsri_chain tsri_chain;
typedef struct tsri_prepared tsri_prepared;
typedef struct tsri_shard tsri_shard;

typedef struct tsri_stage {
    const tsr_codec_ops *ops;
    void *codec;
    tsr_codec_type input, output;
    bool moved; /* an element-wise codec in front of a shard, applied to the inner chunks instead */
} tsri_stage;

struct tsri_chain {
    int references;       /* atomic */
    tsr_context *context; /* held */
    tsr_codec_type type;  /* of the decoded elements; dtype held, fill value owned */
    tsri_stage *stages;   /* all but sharding_indexed, in order */
    int inherited_count;  /* the first stages that are moved ones of the chain around the shard */
    int array_count;      /* the first array_count stages are array to array */
    int bytes_first;      /* the stages from here on are bytes to bytes */
    int stage_count;
    tsri_shard *shard;      /* the array-to-bytes codec when it is sharding_indexed; otherwise it is
                               stages[array_count] */
    tsr_error *encoder_err; /* what the encoders do not take as it is given, chains of shards
                               included; NULL: nothing */
};

/* Codecs that a chain takes over from the chain around it, and does not describe as its own. */
typedef struct tsri_inherited {
    const tsri_codec_spec *specs;
    int count;
} tsri_inherited;

/* Binds a list of codecs. Codecs in front of a shard that change values are handed on to its inner
 * chunks where they are element-wise; other ones make the shard an array-to-bytes codec like any
 * other, which is encoded and decoded as a whole. Errors: UNSUPPORTED (unknown codec), BAD_METADATA
 * (order of kinds, configuration), NO_MEMORY. */
int tsri_chain_new(tsr_context *context, const tsri_codec_spec *specs, int count,
                   const tsr_codec_type *type, tsri_chain **ret_chain, tsr_error *err);

/* The same from a JSON list in v3 form, behind `inherited` codecs. `path` is the list's JSON
 * pointer, for errors. */
int tsri_chain_parse(tsr_context *context, const tsri_json *list, const char *path,
                     const tsr_codec_type *type, tsri_inherited inherited, tsri_chain **ret_chain,
                     tsr_error *err);

/* For codecs that are chains themselves: passes on what the encoders of the chain do not take. */
int tsri_chain_pass_encoder(const tsri_chain *chain, const tsr_codec_setup *setup, tsr_error *err);

/* Refuses a chain for what tsr_codec_setup's encoder_err tells: that of a new array. Errors:
 * BAD_METADATA. */
int tsri_chain_check_encoders(const tsri_chain *chain, tsr_error *err);

tsri_chain *tsri_chain_ref(tsri_chain *chain);
void tsri_chain_unref(tsri_chain *chain);
TSR_DEFINE_CLEANUP(tsri_chain, tsri_chain_unref)

/* Appends the chain as a JSON list in v3 form, long names and configurations. Errors: NO_MEMORY,
 * LIMIT. */
int tsri_chain_describe(const tsri_chain *chain, tsr_output *output, tsr_error *err);

struct tsri_prepared {
    int references;              /* atomic */
    tsri_chain *chain;           /* held */
    int64_t shape[TSR_RANK_MAX]; /* of the decoded chunk */
    int64_t decoded_bytes;
    int encoded_rank; /* after the array-to-array codecs */
    int64_t encoded_shape[TSR_RANK_MAX];
    const tsr_dtype *encoded_dtype; /* borrowed from the chain */
    tsr_size_bound *bounds;         /* [0]: serialized; [i + 1]: after bytes-to-bytes stage i */
    tsr_size_bound bound;           /* of the whole: the last of `bounds` */

    /* Whether the array-to-array codecs only move elements (always so in front of shards). */
    bool moves_only;
    int axis_of[TSR_RANK_MAX]; /* then encoded axis i is decoded axis axis_of[i] */
    /* Whether moreover the serialized bytes are the elements in C order of the encoded axes. */
    bool in_place, swapped;
    int64_t strides[TSR_RANK_MAX]; /* then: bytes, per decoded axis, within the serialized bytes */

    /* For shards. */
    int64_t grid[TSR_RANK_MAX]; /* inner chunks per encoded axis */
    int64_t entry_count;
    tsri_prepared *inner, *index;
    int64_t index_bytes;
};

/* The encoded size at most, as far as it is known; else the decoded size. Never fails. */
int64_t tsri_prepared_encoded_bytes(const tsri_prepared *prepared);

/* Prepares a chain for a chunk shape. A leaf chunk that is larger than the context allows is
 * refused, except when it is raw (tsri_prepared_is_raw), since raw chunks are read piece by piece.
 * Errors: LIMIT, BAD_METADATA (the shape does not fit the chain), NO_MEMORY. */
int tsri_prepared_new(tsri_chain *chain, const int64_t *shape, tsri_prepared **ret_prepared,
                      tsr_error *err);
tsri_prepared *tsri_prepared_ref(tsri_prepared *prepared);
void tsri_prepared_unref(tsri_prepared *prepared);
TSR_DEFINE_CLEANUP(tsri_prepared, tsri_prepared_unref)

static inline bool tsri_prepared_is_shard(const tsri_prepared *prepared)
{
    return prepared->chain->shard != NULL;
}

/* Whether bytes-to-bytes codecs stand at the end, so that encoded bytes are readable as a whole
 * only. */
static inline bool tsri_prepared_is_packed(const tsri_prepared *prepared)
{
    return prepared->chain->stage_count > prepared->chain->bytes_first;
}

/* Whether encoded bytes are the bare elements, so that any part can be read alone. */
static inline bool tsri_prepared_is_raw(const tsri_prepared *prepared)
{
    return prepared->in_place && !tsri_prepared_is_packed(prepared);
}

/* Undoes the bytes-to-bytes codecs. *ret_bytes lies in `bytes`, in `direct`, or in the scratch
 * until its next use. Decoding may stop after `wanted_bytes`; `direct` is NULL or has room for all
 * serialized bytes. Errors: DAMAGED, LIMIT, NO_MEMORY. */
int tsri_chain_unpack(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, size_t wanted_bytes, void *direct, const void **ret_bytes,
                      size_t *ret_size_bytes, tsr_error *err);

/* Decodes a leaf chunk (not a shard). `ret_chunk` views the whole decoded chunk in decoded axis
 * order; it lies in `bytes`, in `direct`, or in the scratch until its next use. Where
 * `prefix_bytes` is given, only the elements in that many of the first decoded bytes are sure to be
 * there, and it is set to as many as were decoded. With *ret_swapped the components are
 * byte-swapped still. Errors: DAMAGED, LIMIT, NO_MEMORY. */
int tsri_chain_decode(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, size_t *prefix_bytes, void *direct, tsr_view *ret_chunk,
                      bool *ret_swapped, tsr_error *err);

/* Whether the decoded bytes of a leaf chunk can be taken piece by piece. */
static inline bool tsri_prepared_has_pieces(const tsri_prepared *prepared)
{
    const tsri_chain *chain = prepared->chain;
    return prepared->in_place && tsri_prepared_is_packed(prepared) &&
           chain->stages[chain->bytes_first].ops->decode_pieces &&
           prepared->bounds[0].size_class == TSR_SIZE_FIXED;
}

/* Decodes a leaf chunk that has pieces. Pieces may have been taken when it fails. Errors: DAMAGED,
 * LIMIT, NO_MEMORY, and those of `pieces`. */
int tsri_chain_decode_pieces(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                             const void *bytes, size_t size_bytes, const tsr_codec_pieces *pieces,
                             tsr_error *err);

/* Decodes everything that encoded bytes hold and keeps nothing. Errors: DAMAGED, LIMIT, NO_MEMORY.
 */
int tsri_chain_verify(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, tsr_error *err);

/* Looks at the checksums that stand around encoded bytes, those of indexes of shards and of what is
 * in these included, without undoing any other codec: a small part of the work of
 * tsri_chain_verify, which finds what this leaves. Errors: DAMAGED, NO_MEMORY. */
int tsri_chain_check_sums(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                          const void *bytes, size_t size_bytes, tsr_error *err);

/* Encodes a leaf chunk from a view of any strides, appending to `output`. Errors: those of the
 * codecs, LIMIT, NO_MEMORY. */
int tsri_chain_encode(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                      const tsr_view *chunk, tsr_output *output, tsr_error *err);

/* Applies the bytes-to-bytes codecs alone to `bytes`, appending to `output`. Errors: as
 * tsri_chain_encode. */
int tsri_chain_pack(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                    size_t size_bytes, tsr_output *output, tsr_error *err);

/* Buffers of a scratch by purpose; each is valid until it is asked for again. */
typedef enum tsri_buffer {
    TSRI_BUFFER_FETCH,    /* encoded bytes from the store */
    TSRI_BUFFER_UNPACK_A, /* between bytes-to-bytes codecs, and the decoded chunk */
    TSRI_BUFFER_UNPACK_B,
    TSRI_BUFFER_ARRAY, /* a chunk between array-to-array codecs */
    TSRI_BUFFER_ARRAY_B,
    TSRI_BUFFER_CHUNK,  /* a chunk on its way to be encoded */
    TSRI_BUFFER_GATHER, /* its elements in encoded order */
    TSRI_BUFFER_BLOCK,  /* a part of a chunk within a codec */
    TSRI_BUFFER_BLOCK_B,
    TSRI_BUFFER_PIECE, /* what such a part decodes to, where it is handed over at once */
    TSRI_BUFFER_PLANE, /* the part of a plane that the pieces so far have brought */
    /* These last as long as one runner of a write, since each is as large as a chunk: */
    TSRI_BUFFER_SHARD, /* encoded inner chunks until their shard is put */
    TSRI_BUFFER_COPY,  /* a chunk on its way from one array to another */
    TSRI_BUFFER_COUNT
} tsri_buffer;

/* At least `size_bytes` of memory, or NULL when there is none. */
void *tsri_scratch_buffer(tsr_codec_scratch *scratch, tsri_buffer which, size_t size_bytes);

/* Gives the memory of a buffer back; any other state, by its kind. */
void tsri_scratch_drop(tsr_codec_scratch *scratch, tsri_buffer which);
void tsri_codec_scratch_drop(tsr_codec_scratch *scratch, const tsr_scratch_state *kind);

/* A heap for the bytes of elements of variable length in TSRI_BUFFER_CHUNK, emptied. NULL when out
 * of memory. */
tsr_heap *tsri_scratch_heap(tsr_codec_scratch *scratch);

/* Borrows a scratch of the context for one task, and gives it back. Errors: NO_MEMORY. */
int tsri_scratch_acquire(tsr_context *context, tsr_codec_scratch **ret_scratch, tsr_error *err);
void tsri_scratch_release(tsr_context *context, tsr_codec_scratch *scratch);

/* The scratch for a chain inside a codec of another chain, whose buffers are in use meanwhile.
 * Owner: the outer scratch. Errors: NO_MEMORY. */
int tsri_scratch_inner(tsr_codec_scratch *outer, tsr_codec_scratch **ret_inner, tsr_error *err);

#endif
