/* The inside of a tsr_array.
 *
 * Everything that a read or write looks at is set when the array is made and never changes, but for
 * the grid, which an operation takes hold of when it begins, and the attributes; both are replaced
 * under `mutex`. */
#ifndef TESSERA_ARRAY_ARRAY_H
#define TESSERA_ARRAY_ARRAY_H

#include <pthread.h>
#include <tessera/sys/array.h>

#include "array/cache.h"
#include "array/chunk_key.h"
#include "array/grid.h"
#include "array/prepared_stock.h"
#include "array/zarr_meta.h"
#include "base/base.h"
#include "base/context.h"
#include "codec/chain.h"
#include "codec/shard.h"

#define TSRI_SHARD_LEVELS_MAX 8
#define TSRI_INDEX_CACHE_BYTES (INT64_C(16) << 20)

typedef struct tsri_hold tsri_hold;
typedef struct tsri_figures tsri_figures;
struct tsri_lowering;

struct tsr_array {
    int references;       /* atomic */
    tsr_context *context; /* held */
    const tsr_array_ops *ops;
    void *driver;            /* owned, by ops->close */
    const char *driver_name; /* static */
    char *place;
    const tsr_dtype *dtype; /* held */
    int rank;
    int64_t shape[TSR_RANK_MAX];       /* of `grid`, for tsr_array_shape */
    int64_t chunk_shape[TSR_RANK_MAX]; /* of the largest chunk */
    tsri_grid *grid;                   /* held; under the mutex: see tsri_array_grid */
    void *fill_value;
    bool fill_undefined;    /* of Zarr v2 arrays: fill_value is zero, and all chunks are stored */
    char **dimension_names; /* `rank` entries, each may be NULL; NULL: none */
    char *codecs;           /* for tsr_array_codecs */
    tsri_parity_strength parity; /* of its shards; 0: none */
    char parity_text[16];        /* for tsr_array_parity */
    bool writable;

    tsri_chain *chain;         /* NULL for read_box drivers */
    tsri_prepared *prepared;   /* of chunk_shape */
    tsri_prepared_stock stock; /* of other shapes; under the mutex */
    int shard_levels;
    int64_t inner_shapes[TSRI_SHARD_LEVELS_MAX][TSR_RANK_MAX];

    /* Of arrays that are made of others (lower.h). */
    int (*lower)(void *driver, const tsr_index *index, struct tsri_lowering *lowering,
                 tsr_error *err);
    bool casts;
    tsr_casting casting;
    int depth;         /* of arrays below it; 0: it is made of none */
    int64_t box_bytes; /* what reading takes besides the elements: see tsri_array_read_bytes */

    tsr_store *store;              /* of Zarr arrays: held; otherwise NULL */
    char *path;                    /* of the array in its store, "" for the root */
    const tsri_key_encoding *keys; /* of Zarr arrays: held; otherwise NULL */
    tsri_chunk_key key;            /* ready to be copied and set */
    tsri_cache indexes;            /* of shards, decoded and checked; of Zarr arrays */
    tsri_cache chunks;             /* decoded, when the opener asked for it; of Zarr arrays */

    pthread_mutex_t mutex; /* grid, stock, attributes, meta, figures; never held over I/O */
    tsri_zarr_meta *meta;  /* of Zarr arrays; replaced together with attributes */
    char *attributes;
    bool figures_known;     /* whether it keeps statistics has been found out */
    tsri_figures *figures;  /* of Zarr arrays that do (figures_kept.h): owned; otherwise NULL */
    pthread_mutex_t serial; /* held over read_box of serial drivers */
    tsri_fork_handler fork_handler;

    void (*release_file)(void *file); /* of arrays in files: gives up the hold on the file */
    void *file;
};

/* The grid as it is now. Owner: the caller holds it. LOCKED. Never fails. */
tsri_grid *tsri_array_grid(const tsr_array *array);

/* Where the bytes of a chunk lie. Errors: those of the driver. */
int tsri_array_locate(const tsr_array *array, const int64_t *chunk_index, tsr_extent *ret_extent,
                      tsr_error *err);

/* The same for the chunk behind the one of `before` along the last axis, which is quicker. */
int tsri_array_locate_next(const tsr_array *array, const tsr_extent *before,
                           const int64_t *chunk_index, tsr_extent *ret_extent, tsr_error *err);

/* What reading holds at once besides the elements that it delivers, on each thread, as far as it is
 * known; saturates at INT64_MAX. */
int64_t tsri_array_read_bytes(const tsr_array *array);

/* tsr_array_refresh of an array that has metadata; *ret_version: which value of its document it was
 * refreshed from. */
int tsri_array_refresh_version(tsr_array *array, tsr_generation *ret_version, tsr_error *err);

/* Makes an array of an opened Zarr node; owns `meta` on success. Errors: as tsr_array_open. */
int tsri_array_from_zarr(tsr_context *context, tsr_store *store, const char *path,
                         const char *place, tsri_zarr_meta *meta, bool writable,
                         tsr_array **ret_array, tsr_error *err);

#endif
