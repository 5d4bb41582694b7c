/* For authors of codecs.
 *
 * A codec turns arrays into arrays, arrays into bytes, or bytes into bytes. It never does input or
 * output. Its life: metadata names it and gives a configuration; `open` binds that to the element
 * type, rank and fill value that arrive at its place in the chain and says what it passes on; the
 * result is immutable and is used by many threads at once. Whatever needs mutable state per thread
 * (a compression context, a scratch buffer) lies in the tsr_codec_scratch that every call brings
 * along.
 *
 * Decoders get bytes from anywhere: they never trust a length, never read or write outside what
 * they were given, and never make more output than the capacity says.
 *
 * Thread: ops of an opened codec are called from several threads at once, each with its own
 * scratch. */
#ifndef TESSERA_SYS_CODEC_H
#define TESSERA_SYS_CODEC_H

#include <tessera/context.h>
#include <tessera/sys/output.h>
#include <tessera/view.h>

TSR_BEGIN_DECLS

typedef enum tsr_codec_kind {
    TSR_CODEC_ARRAY_TO_ARRAY,
    TSR_CODEC_ARRAY_TO_BYTES,
    TSR_CODEC_BYTES_TO_BYTES
} tsr_codec_kind;

/* How large the output of an encoder can be. */
typedef enum tsr_size_class {
    TSR_SIZE_FIXED,   /* always exactly size_bytes */
    TSR_SIZE_BOUNDED, /* at most size_bytes: a promise that is tested */
    TSR_SIZE_UNBOUNDED
} tsr_size_class;

typedef struct tsr_size_bound {
    tsr_size_class size_class;
    uint64_t size_bytes;
} tsr_size_bound;

/* What arrives at a codec's place in the chain, or what it passes on. */
typedef struct tsr_codec_type {
    const tsr_dtype *dtype; /* borrowed */
    int rank;
    const void *fill_value; /* one element; borrowed */
} tsr_codec_type;

typedef struct tsr_codec_setup {
    tsr_context *context;
    const char *name;          /* as the metadata wrote it: an alias is still an alias */
    const char *configuration; /* a JSON object as text, "{}" when the metadata has none: see
                                  tsr_json_parse in tessera/sys/json.h */
    int zarr_format;           /* 2 or 3: some configurations differ */
    tsr_codec_type input; /* bytes-to-bytes codecs get the type that was turned into bytes, which
                             blosc and shuffle take their element size from */
    /* Where `open` tells of a number that only encoding goes by (a level) and that the encoder does
     * not take: it goes on with the nearest that it does take, so that whatever was written can be
     * read. Its own tsr_error, empty before; the first one that is told counts. A new array is
     * refused for it. NULL: such a number fails `open`. */
    tsr_error *encoder_err;
} tsr_codec_setup;

/* Per-thread state, owned by the thread that calls. */
typedef struct tsr_codec_scratch tsr_codec_scratch;

/* A kind of per-thread state, e.g. a decompression context: one static const value per kind. */
typedef struct tsr_scratch_state {
    const char *name;
    void *(*create)(void); /* NULL when out of memory */
    void (*destroy)(void *state);
} tsr_scratch_state;

/* The state of this kind for this thread, made on first use. NULL when out of memory. Owner: the
 * scratch. Thread: CONFINED. Never fails otherwise. */
TSR_API void *tsr_codec_scratch_state(tsr_codec_scratch *scratch, const tsr_scratch_state *kind);

/* Who takes decoded bytes piece by piece: see tsr_codec_ops.decode_pieces. */
typedef struct tsr_codec_pieces {
    size_t first_bytes, end_bytes; /* of the decoded bytes these are wanted */
    /* A piece that begins `offset_bytes` into the decoded bytes; it is gone when the call returns.
     * A negative status ends the decoding. */
    int (*take)(void *user, size_t offset_bytes, const void *piece, size_t size_bytes,
                tsr_error *err);
    void *user;
} tsr_codec_pieces;

typedef struct tsr_codec_ops {
    size_t struct_size;
    const char *name;           /* the registered Zarr v3 name, written to v3 metadata */
    const char *const *aliases; /* other v3 names ("numcodecs.zstd"), ended by NULL, or NULL */
    const char *v2_id;          /* the id of v2 metadata, or NULL when v2 has no such codec */
    tsr_codec_kind kind;

    /* Binds a configuration. `*ret_output` arrives as a copy of setup->input and is changed where
     * the codec changes type, rank or fill value; a new fill value is owned by the codec. Required.
     * Errors name the configuration field: BAD_METADATA, UNSUPPORTED, NO_MEMORY. */
    int (*open)(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                tsr_error *err);
    void (*close)(void *codec); /* may be NULL when open allocates nothing */

    /* Appends the configuration as a JSON object: what v3 (or v2, without "id") metadata says.
     * Required; appends "{}" when there is nothing to configure. */
    int (*describe)(const void *codec, int zarr_format, tsr_output *output, tsr_error *err);

    /* ---- array to array ---- */

    /* The shape after encoding, from the shape before it; both have room for TSR_RANK_MAX. */
    int (*encoded_shape)(const void *codec, int rank, const int64_t *shape, int *ret_rank,
                         int64_t *ret_shape, tsr_error *err);
    /* For codecs that only move elements (transpose): rearranges the view of a decoded array into
     * the view of the encoded one, in place, copying nothing. NULL for codecs that change values,
     * which then give encode_view and decode_view. */
    int (*rearrange)(const void *codec, tsr_view *view, tsr_error *err);
    int (*encode_view)(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                       const tsr_view *encoded, tsr_error *err);
    int (*decode_view)(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                       const tsr_view *decoded, tsr_error *err);
    /* For codecs that change values and leave shapes alone: whether each encoded element depends on
     * its decoded one alone, wherever that stands, and the other way round. In front of a shard
     * such a codec is then applied to single inner chunks; others make the shard one piece. */
    bool element_wise;

    /* ---- array to bytes ---- */

    /* The encoded size of an array of this shape. */
    tsr_size_bound (*array_bound)(const void *codec, const tsr_dtype *dtype, int rank,
                                  const int64_t *shape);
    int (*encode_array)(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                        tsr_output *output, tsr_error *err);
    /* `decoded` has any strides. */
    int (*decode_array)(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, const tsr_view *decoded, tsr_error *err);
    /* For codecs whose bytes are the elements one after another in C order: says so, and whether
     * their components are byte-swapped, so that a part of an array is read without decoding the
     * rest. NULL for the others. */
    bool (*elements_in_place)(const void *codec, bool *ret_swapped);

    /* ---- bytes to bytes ---- */

    /* The encoded size of at most `size_bytes` bytes. When size_class of the input is FIXED and the
     * result too, it is exact. */
    tsr_size_bound (*bytes_bound)(const void *codec, uint64_t size_bytes);
    int (*encode_bytes)(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, tsr_output *output, tsr_error *err);
    /* Decodes everything into at most `capacity_bytes`; more output than that is DAMAGED. Sets
     * *ret_size_bytes. */
    int (*decode_bytes)(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, void *output, size_t capacity_bytes,
                        size_t *ret_size_bytes, tsr_error *err);
    /* Like decode_bytes, but may stop after the first `wanted_bytes` (at most capacity_bytes) of
     * output. A codec that must see everything to verify it (checksums) leaves this NULL, and one
     * whose format has a checksum of everything as an option stops early where there is none. */
    int (*decode_prefix)(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, void *output, size_t capacity_bytes,
                         size_t wanted_bytes, size_t *ret_size_bytes, tsr_error *err);
    /* For codecs that only add bytes around unchanged data (checksums): verifies, and says where in
     * the encoded bytes the data lies, so that nothing is copied. NULL for the others. */
    int (*unwrap)(const void *codec, const void *bytes, size_t size_bytes, size_t *ret_offset,
                  size_t *ret_size_bytes, tsr_error *err);
    /* For codecs that only append to unchanged data: appends to an output that holds the data from
     * byte `start` on. NULL for the others. */
    int (*append)(const void *codec, tsr_output *output, size_t start, tsr_error *err);

    /* ---- array codecs ---- */

    /* Whether elements of variable length (tessera/heap.h) may arrive here. Slots that a decoder
     * makes may point into the encoded bytes or into the codec itself, both of which live as long
     * as the slots are looked at. Codecs that only move elements (rearrange) need not say so.
     * Without it an array of such elements is refused, since the codec would store addresses. */
    bool variable_length;

    /* ---- bytes to bytes, in pieces ---- */

    /* Like decode_bytes, for codecs that decode block by block: hands over every byte that is
     * wanted, in order and once, in pieces that are still in cache, so that large chunks need not
     * go through memory. More bytes may come, before, between and behind: all that was decoded is
     * best handed over, since profiles count it. Where a checksum of everything turns out to be
     * wrong, the pieces have been handed over already. Sets *ret_size_bytes to what all of the
     * decoded bytes would be. NULL for the others. */
    int (*decode_pieces)(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, size_t capacity_bytes, const tsr_codec_pieces *pieces,
                         size_t *ret_size_bytes, tsr_error *err);

    /* ---- names ---- */

    /* For codecs some of whose configurations v3 has under an alias only: the name that v3 metadata
     * gets for this one. Static memory. NULL: `name`. */
    const char *(*v3_name)(const void *codec);
} tsr_codec_ops;

/* For `open`: reads an integer of the configuration; where there is no such field (or, in what
 * numcodecs wrote, a null) *ret_value stays what it is, which is how the codec gives its default.
 * Thread: CONFINED. Errors: BAD_METADATA (no integer, or outside the limits; names the field),
 * NO_MEMORY. */
TSR_API int tsr_codec_setup_int(const tsr_codec_setup *setup, const char *name, int64_t minimum,
                                int64_t maximum, int64_t *ret_value, tsr_error *err);

/* For `open`: refuses a configuration with fields that are not in `known` (ended by NULL), so that
 * nobody reads data by rules that the codec does not know. Thread: CONFINED. Errors: BAD_METADATA,
 * NO_MEMORY. */
TSR_API int tsr_codec_setup_only(const tsr_codec_setup *setup, const char *const *known,
                                 tsr_error *err);

/* Adds a codec to a context; later registrations win over earlier ones and over built-in ones.
 * `ops` must outlive the context. Thread: LOCKED. Errors: NO_MEMORY, INVALID_ARGUMENT (struct_size,
 * missing functions). */
TSR_API int tsr_codec_register(tsr_context *context, const tsr_codec_ops *ops, tsr_error *err);

/* Finds a codec by v3 name, alias, or v2 id. Thread: LOCKED. Errors: UNSUPPORTED (the next step
 * lists the known ones). */
TSR_API int tsr_codec_find(tsr_context *context, const char *name, int zarr_format,
                           const tsr_codec_ops **ret_ops, tsr_error *err);

/* Calls `each` for every codec that the context knows, built-in ones first. A nonzero return ends
 * the walk and is returned. Thread: LOCKED. Errors: those of `each`. */
TSR_API int tsr_codec_list(tsr_context *context, int (*each)(void *user, const tsr_codec_ops *ops),
                           void *user);

/* Makes and frees a scratch, for programs that call codecs directly (tests, benchmarks).
 * Thread: CONFINED. Errors: NO_MEMORY. */
TSR_API int tsr_codec_scratch_new(tsr_codec_scratch **ret_scratch, tsr_error *err);
TSR_API void tsr_codec_scratch_free(tsr_codec_scratch *scratch);

TSR_END_DECLS

#endif
