/* Zarr metadata: one struct for arrays and groups of both formats, whose rules for reading,
 * creating and rewriting lie in zarr3_meta.c, zarr2_meta.c and zarr_meta.c.
 *
 * Formats: Zarr core specification 3.1 for `zarr.json`; Zarr storage specification 2 for `.zarray`,
 * `.zgroup` and `.zattrs`, with the deviations that are met in the wild (listed in zarr2_meta.c).
 * Every refusal names the key, the JSON pointer and the reason.
 *
 * Thread: IMMUTABLE once made; a change gives a new struct. */
#ifndef TESSERA_ARRAY_ZARR_META_H
#define TESSERA_ARRAY_ZARR_META_H

#include <tessera/dtype.h>

#include "array/chunk_key.h"
#include "array/grid.h"
#include "base/arena.h"
#include "codec/parity.h"
#include "meta/extension.h"
#include "meta/json.h"

/* A metadata document as a store holds it. */
typedef struct tsri_zarr_document {
    const char *key;  /* as errors show it: "relief.zarr/ROSE/zarr.json" */
    const char *text; /* need not end in a 0 byte */
    size_t size_bytes;
} tsri_zarr_document;

typedef struct tsri_zarr_meta {
    int zarr_format; /* 2 or 3 */
    bool is_group;

    /* Of arrays only: 0 and NULL in groups. */
    int rank;                      /* 0..TSR_RANK_MAX */
    const int64_t *shape;          /* `rank` lengths, 0..2^63-1; their product may exceed 2^63-1 */
    const int64_t *chunk_shape;    /* of the largest chunk: `rank` lengths >= 1; count times element
                                      size fits an int64_t */
    tsri_grid *grid;               /* held: where the chunks lie */
    const tsr_dtype *dtype;        /* one reference is held */
    const void *fill_value;        /* one element in native byte order, aligned for any type */
    bool fill_undefined;           /* v2 with null: fill_value is then zero */
    const tsri_key_encoding *keys; /* held */
    /* The whole chain in v3's order: array to array, array to bytes, bytes to bytes. For v2 that is
     * a transpose that reverses the axes (order "F", rank 2 and more), bytes with the typestr's
     * byte order, the filters, the compressor. */
    const tsri_codec_spec *codecs;
    int codec_count;
    /* `rank` entries, each may be NULL; NULL when the document has no such field. */
    const char *const *dimension_names;
    tsri_parity_strength parity; /* v3: what the shards are to have; 0: none */

    tsri_json *attributes; /* an object; NULL when there are none. Never change it */

    /* What rewriting keeps: everything that the document says, known or not. */
    tsri_json *document; /* zarr.json, .zarray or .zgroup */
    tsri_arena arena;    /* owns shape, chunk_shape, fill_value, codecs, names */
} tsri_zarr_meta;

/* Frees the struct; NULL is left alone. */
void tsri_zarr_meta_free(tsri_zarr_meta *meta);
TSR_DEFINE_CLEANUP(tsri_zarr_meta, tsri_zarr_meta_free)

/* Reads a v3 document, of an array or a group. `context` gives the size limit. Owner: the caller.
 * Errors: BAD_METADATA, UNSUPPORTED (a data type, chunk grid or key encoding that this version does
 * not know, by name), LIMIT (rank, document size, chunk size), NO_MEMORY. */
int tsri_zarr3_meta_parse(tsr_context *context, const tsri_zarr_document *zarr_json,
                          tsri_zarr_meta **ret_meta, tsr_error *err);

/* Reads the v2 documents of an array, and of a group; `attributes` is NULL when there is no
 * .zattrs. Owner: the caller. Errors: as tsri_zarr3_meta_parse. */
int tsri_zarr2_array_parse(tsr_context *context, const tsri_zarr_document *zarray,
                           const tsri_zarr_document *attributes, tsri_zarr_meta **ret_meta,
                           tsr_error *err);
int tsri_zarr2_group_parse(tsr_context *context, const tsri_zarr_document *zgroup,
                           const tsri_zarr_document *attributes, tsri_zarr_meta **ret_meta,
                           tsr_error *err);

/* What a new array or group is to be. Start from TSRI_ZARR_META_OPTIONS_INIT. */
typedef struct tsri_zarr_meta_options {
    int zarr_format;
    bool is_group;
    const char *attributes; /* a JSON object as text; NULL: none */
    int rank;
    const int64_t *shape, *chunk_shape;
    const tsri_grid *grid; /* v3: chunks of several lengths; NULL: chunk_shape says it all */
    const tsr_dtype *dtype;
    const void *fill_value;             /* one element; NULL: zero */
    bool fill_undefined;                /* v2: null */
    const char *const *dimension_names; /* v3 (refused in v2); NULL: none */
    const char *chunk_keys;             /* v3: the member chunk_key_encoding as JSON */
    tsri_parity_strength parity;        /* v3: of the shards; 0: none */
    char separator;                     /* v2: of chunk keys */
    const tsri_codec_spec *codecs;      /* v3: the whole chain; v2: the filters */
    int codec_count;
    const tsri_codec_spec *compressor; /* v2; NULL: none */
    char order;                        /* v2: 'C' or 'F' */
    bool big_endian;                   /* v2: of the typestr (v3 says it in the bytes codec) */
} tsri_zarr_meta_options;

#define TSRI_ZARR_META_OPTIONS_INIT                                                    \
    {                                                                                  \
        .zarr_format = 3, .separator = '.', .order = 'C',                              \
        .chunk_keys = "{\"name\":\"default\",\"configuration\":{\"separator\":\"/\"}}" \
    }

/* Makes the metadata of a new array or group. What it makes is what the parse functions make of the
 * documents that tsri_zarr_meta_write writes. Owner: the caller. Errors: INVALID_ARGUMENT (names
 * the option), LIMIT, NO_MEMORY. */
int tsri_zarr_meta_build(tsr_context *context, const tsri_zarr_meta_options *options,
                         tsri_zarr_meta **ret_meta, tsr_error *err);

/* The same node with other attributes (the text of a JSON object, NULL: none) or, an array, another
 * shape of the same rank (`multiples` as in tsri_grid_reshaped). Everything else in the document is
 * kept, members that we do not know included. Owner: the caller. Errors: INVALID_ARGUMENT, LIMIT,
 * NO_MEMORY. */
int tsri_zarr_meta_with_attributes(tsr_context *context, const tsri_zarr_meta *meta,
                                   const char *attributes, tsri_zarr_meta **ret_meta,
                                   tsr_error *err);
/* Another text for the member "consolidated_metadata" of a v3 group; NULL: without it. */
int tsri_zarr_meta_with_copies(tsr_context *context, const tsri_zarr_meta *meta, const char *block,
                               tsri_zarr_meta **ret_meta, tsr_error *err);

/* Only the attributes that the object `json` has (NULL: none) are set, and those that `removed`
 * names (ended by NULL; NULL: none) removed. */
int tsri_zarr_meta_updating_attributes(tsr_context *context, const tsri_zarr_meta *meta,
                                       const char *json, const char *const *removed,
                                       tsri_zarr_meta **ret_meta, tsr_error *err);
int tsri_zarr_meta_with_shape(tsr_context *context, const tsri_zarr_meta *meta,
                              const int64_t *shape, const int64_t *multiples,
                              tsri_zarr_meta **ret_meta, tsr_error *err);

/* Appends the node's own document: zarr.json, .zarray or .zgroup. Errors: NO_MEMORY, LIMIT. */
int tsri_zarr_meta_write(const tsri_zarr_meta *meta, tsr_output *output, tsr_error *err);

/* Appends the document .zattrs of a v2 node; "{}" when there are no attributes. Errors: NO_MEMORY,
 * LIMIT. */
int tsri_zarr_meta_write_attributes(const tsri_zarr_meta *meta, tsr_output *output, tsr_error *err);

/* The name of the node's own document: "zarr.json", ".zarray" or ".zgroup". Static. */
const char *tsri_zarr_meta_file_name(const tsri_zarr_meta *meta);

#endif
