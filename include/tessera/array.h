/* Arrays: open, create, query, read, write.
 *
 * One type whatever lies behind it: Zarr v2 and v3 on any store, a variable of a netCDF or HDF5
 * file, an .npy file, a picture, or arrays made of other arrays (tessera/derived.h).
 *
 * A place names an array: a path or URL such as "relief.zarr/ROSE", "file:///data/x.zarr",
 * "ocean.nc/TEMP". With options.store set, the place is a path inside that store ("" is its root).
 *
 * Words: the grid of *chunks* is what the store holds, one key each. Where an array is sharded,
 * such a chunk is a *shard* and holds *inner chunks*, which are decoded one by one.
 *
 * Thread: LOCKED. One array may be read and written by several threads at once; writes to one chunk
 * exclude each other. */
#ifndef TESSERA_ARRAY_H
#define TESSERA_ARRAY_H

#include <tessera/index.h>
#include <tessera/store.h>

TSR_BEGIN_DECLS

typedef struct tsr_array tsr_array;

/* ---- open and create ---- */

typedef struct tsr_array_open_options {
    size_t struct_size;
    /* NULL: the place says where; otherwise `place` is a path in this store. Borrowed */
    tsr_store *store;
    bool writable;   /* default false */
    int zarr_format; /* 2 or 3 to insist on one; 0: whichever is there, v3 first */
    /* Groups: read each node's own document also where the group has copies of all of them, which
     * are used otherwise when it is opened for reading (see tsr_group_consolidate). */
    bool ignore_consolidated; /* of no effect where copies are all that there is */
    /* What stays in memory between the reads of this handle, in bytes; 0: nothing. Before anything
     * of it is used the store is asked whether the value is still the same. */
    int64_t index_cache_bytes; /* indexes of shards; default 16 MiB */
    int64_t chunk_cache_bytes; /* decoded chunks (inner chunks), for programs that come back to
                                  them, such as loops over rows; default 0 */
    /* Groups, for reading: take a folder without metadata in which nodes lie for a group without
     * attributes, as programs leave it that write arrays alone; default false. */
    bool bare_folders;
} tsr_array_open_options;

typedef enum tsr_create_mode {
    TSR_CREATE_NEW,      /* EXISTS when there is an array or group already (default) */
    TSR_CREATE_OPEN,     /* open what is there when shape, type and chunks agree, else EXISTS */
    TSR_CREATE_OVERWRITE /* erase what is there first; a place that holds no Zarr node is refused */
} tsr_create_mode;

/* Codec lists are JSON texts in the form of zarr-python's three lists, with the names of the
 * array's Zarr format (v3: [{"name":"zstd","configuration":{"level":5}}], v2:
 * [{"id":"zstd","level":5}]). A level is that of the compressor's own library, except that zstd at
 * its usual level (0 and 3) searches chunks of int16 and uint16 from 128 KiB on in a faster way of
 * about the same effect; what is written any zstd reads. */
typedef struct tsr_array_create_options {
    size_t struct_size;
    tsr_store *store; /* as in tsr_array_open_options */
    tsr_create_mode mode;
    int zarr_format;        /* 3 (default) or 2 */
    const tsr_dtype *dtype; /* required; borrowed */
    int rank;
    const int64_t *shape; /* `rank` lengths >= 0 */
    /* Of the chunks that are decoded one by one (inner chunks, when there are shards). NULL:
     * chosen, about 1 MiB; -1 in it: the whole axis */
    const int64_t *chunk_shape;
    /* A multiple of chunk_shape; -1 in it: the whole axis. NULL: no shards */
    const int64_t *shard_shape;
    bool shard_auto; /* choose a shard shape, about 64 MiB; ignored when shard_shape is given */
    /* v3: what the store holds under one key has several lengths along some axes: a JSON list with
     * one entry per axis, which is a length for all, or a list of lengths and of runs
     * [length, count]: "[[31,28,31,[30,2]],100]". They reach the end of the axis, and may pass it.
     * With chunk_shape they are shards with inner chunks of that shape, and multiples of it.
     * NULL: a regular grid */
    const char *chunk_edges;
    const void *fill_value;             /* one element; NULL: zero */
    const char *const *dimension_names; /* `rank` names, entries may be NULL; NULL: none */
    const char *attributes;             /* a JSON object; NULL: none */
    /* Short form: "zstd:5", "blosc:lz4:5:shuffle", "gzip:6", "none"; NULL: "zstd" */
    const char *codec;
    const char *filters;     /* array-to-array codecs; NULL: none */
    const char *serializer;  /* array-to-bytes codec; NULL: bytes, little-endian */
    const char *compressors; /* bytes-to-bytes codecs; NULL: what `codec` says, with crc32c at the
                                end in v3 */
    const char *codecs;      /* v3: the whole chain exactly, sharding included; overrides all of the
                                above and makes chunk_shape the outermost one */
    const char *index_codecs; /* of the shard index; NULL: bytes little-endian, crc32c */
    bool index_at_start;      /* of the shard */
    char separator;           /* of chunk keys: '/' or '.'; 0: '/' in v3, '.' in v2 */
    bool v2_chunk_keys;       /* v3 with the "v2" chunk key encoding */
    char order;               /* v2: 'C' (default) or 'F' */
    bool fill_undefined; /* v2: the fill value is null, so that no element is taken for missing;
                            fill_value is ignored, and chunks of zeros are stored too */
    /* v3: how the keys of chunks follow from their grid coordinates: a name ("default", "v2",
     * "tessera.hashed", "tessera.morton", or what tsr_chunk_key_register has added) with the
     * defaults of its configuration, or the whole extension object as JSON. NULL: "default", or
     * what v2_chunk_keys says */
    const char *chunk_keys;
    /* v3 with shards: Reed-Solomon parity in each shard, from which tsr_array_repair_chunk rebuilds
     * what is damaged: "10%", or the blocks of data and of parity that belong together, "40+4".
     * Other readers find nothing different (docs/format/parity.md). NULL: none */
    const char *parity;
    bool statistics; /* keep statistics of its inner chunks: see tessera/statistics.h */
} tsr_array_create_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_array_open_options_init(tsr_array_open_options *options);
TSR_API void tsr_array_create_options_init(tsr_array_create_options *options);

/* Opens an array; options NULL: read only. Owner: the caller, by tsr_array_close. Thread: LOCKED.
 * Errors: NOT_FOUND, TYPE_MISMATCH (a group), BAD_METADATA (key and JSON pointer), UNSUPPORTED,
 * PERMISSION, IO, NO_MEMORY. */
TSR_API int tsr_array_open(tsr_context *context, const char *place,
                           const tsr_array_open_options *options, tsr_array **ret_array,
                           tsr_error *err);

/* Creates a Zarr array, writable, with explicit groups for all its ancestors. Owner: the caller, by
 * tsr_array_close. Thread: LOCKED. Errors: EXISTS, INVALID_ARGUMENT, UNSUPPORTED, LIMIT,
 * PERMISSION, NO_SPACE, IO, NO_MEMORY. */
TSR_API int tsr_array_create(tsr_context *context, const char *place,
                             const tsr_array_create_options *options, tsr_array **ret_array,
                             tsr_error *err);

/* Takes one more hold and returns the array. Thread: LOCKED. Never fails. */
TSR_API tsr_array *tsr_array_ref(tsr_array *array);

/* Gives up one hold; NULL is left alone. Everything written is in the store already. Thread:
 * LOCKED. Never fails. */
TSR_API void tsr_array_close(tsr_array *array);

TSR_DEFINE_CLEANUP(tsr_array, tsr_array_close)

/* ---- queries: all answers are borrowed from the array; none fails; Thread: LOCKED ---- */

/* The type of its elements. Thread: LOCKED. Never fails. */
TSR_API const tsr_dtype *tsr_array_dtype(const tsr_array *array);
/* How many dimensions; 0 for a scalar. Thread: LOCKED. Never fails. */
TSR_API int tsr_array_rank(const tsr_array *array);
/* `rank` lengths; a resize, append or refresh of this handle changes them in their place. Thread:
 * LOCKED. Never fails. */
TSR_API const int64_t *tsr_array_shape(const tsr_array *array);
/* The shape of what the store holds under one key: of shards where there are any. In a grid with
 * several lengths along an axis, the longest. Thread: LOCKED. Never fails. */
TSR_API const int64_t *tsr_array_chunk_shape(const tsr_array *array);
/* Whether all of the store's chunks have one shape. Thread: LOCKED. Never fails. */
TSR_API bool tsr_array_is_regular(const tsr_array *array);
/* The lengths of the store's chunks along every axis, as tsr_array_create_options.chunk_edges takes
 * them. Owner: the caller, who frees the text by tsr_free. Thread: LOCKED. Errors: NO_MEMORY. */
TSR_API int tsr_array_chunk_edges(const tsr_array *array, char **ret_json, tsr_error *err);
/* How many of the store's chunks lie along an axis. Thread: LOCKED. Never fails. */
TSR_API int64_t tsr_array_chunk_count(const tsr_array *array, int axis);
/* The number of the chunk that holds a position of an axis, or -1 for a position outside. Thread:
 * LOCKED. Never fails. */
TSR_API int64_t tsr_array_chunk_at(const tsr_array *array, int axis, int64_t position);
/* Where a chunk begins along an axis and how long it is there; the last one may end behind the
 * array. Thread: LOCKED. Errors: OUT_OF_BOUNDS. */
TSR_API int tsr_array_chunk_extent(const tsr_array *array, int axis, int64_t chunk,
                                   int64_t *ret_start, int64_t *ret_length, tsr_error *err);
/* How many levels of sharding there are: 0 for none. Thread: LOCKED. Never fails. */
TSR_API int tsr_array_shard_levels(const tsr_array *array);
/* The shape of the inner chunks of a level (1 .. shard_levels); level 0 is tsr_array_chunk_shape.
 * In the axis order of the array. NULL for a level that there is not. Thread: LOCKED. Never fails.
 */
TSR_API const int64_t *tsr_array_inner_chunk_shape(const tsr_array *array, int level);
/* One element. Thread: LOCKED. Never fails. */
TSR_API const void *tsr_array_fill_value(const tsr_array *array);
/* NULL when the axis has no name. Thread: LOCKED. Never fails. */
TSR_API const char *tsr_array_dimension_name(const tsr_array *array, int axis);
/* The axis of a name, or -1. Thread: LOCKED. Never fails. */
TSR_API int tsr_array_axis(const tsr_array *array, const char *dimension_name);
/* What lies behind it: "zarr3", "zarr2", the name of a file format ("netcdf", "npy"...) or of what
 * made it of other arrays ("cast", "stack"...). Static. Thread: LOCKED. Never fails. */
TSR_API const char *tsr_array_driver(const tsr_array *array);
/* The place as errors show it. Thread: LOCKED. Never fails. */
TSR_API const char *tsr_array_place(const tsr_array *array);
/* Whether it was opened for writing. Thread: LOCKED. Never fails. */
TSR_API bool tsr_array_is_writable(const tsr_array *array);
/* The number of elements, and their decoded size; saturate at INT64_MAX. Thread: LOCKED. Never
 * fails. */
TSR_API int64_t tsr_array_count(const tsr_array *array);
TSR_API int64_t tsr_array_size(const tsr_array *array);
/* Whether nothing is said of elements that were never written, which is so where the fill value of
 * a v2 array is null: tsr_array_fill_value is then zero. Thread: LOCKED. Never fails. */
TSR_API bool tsr_array_fill_is_undefined(const tsr_array *array);
/* The codec chain as a JSON list, outermost first ("[]" where there are no codecs); for v2 an
 * object with filters, compressor and order. Levels and other numbers that only encoding goes by
 * are those that it does go by, where metadata of others have some that no encoder takes. Thread:
 * LOCKED. Never fails. */
TSR_API const char *tsr_array_codecs(const tsr_array *array);

/* How the store's keys follow from the grid coordinates of chunks, as the member chunk_key_encoding
 * of v3 metadata says it ({"name":"default","configuration":{"separator":"/"}}); of v2 arrays that
 * of "v2". NULL for arrays that are not Zarr. Thread: LOCKED. Never fails. */
TSR_API const char *tsr_array_chunk_keys(const tsr_array *array);

/* The parity that its shards have, as "40+4": of 44 blocks that belong together any 4 may be lost.
 * NULL when they have none. Thread: LOCKED. Never fails. */
TSR_API const char *tsr_array_parity(const tsr_array *array);

/* Selects whole chunks (shards) by their grid coordinates: `count` of them along each axis from
 * `first` on; the last ones end where the array does. Owner: the caller; tsr_index_clear is not
 * needed. Thread: LOCKED. Errors: OUT_OF_BOUNDS (names the axis and the chunks that there are). */
TSR_API int tsr_array_select_blocks(const tsr_array *array, const int64_t *first,
                                    const int64_t *count, tsr_index *ret_index, tsr_error *err);

/* ---- attributes ---- */

/* All attributes as a JSON object ("{}" when there are none). Owner: the caller, who frees the text
 * by tsr_free. Thread: LOCKED. Errors: NO_MEMORY. */
TSR_API int tsr_array_attributes(tsr_array *array, char **ret_json, tsr_error *err);

/* Replaces all attributes, in the store too. Thread: LOCKED.
 * Errors: READ_ONLY, INVALID_ARGUMENT (not a JSON object), CONFLICT, PERMISSION, NO_SPACE, IO,
 * NO_MEMORY. */
TSR_API int tsr_array_set_attributes(tsr_array *array, const char *json, tsr_error *err);

/* Sets the attributes that the object `json` has (NULL: none) to its values, removes those whose
 * names `removed` lists (ended by NULL; NULL: none), and leaves all others as they are in the store
 * now. Two who change different attributes at once, in whatever processes, both win. Thread:
 * LOCKED. Errors: as tsr_array_set_attributes. */
TSR_API int tsr_array_update_attributes(tsr_array *array, const char *json,
                                        const char *const *removed, tsr_error *err);

/* Frees a text that the library gave to its caller. Thread: LOCKED. Never fails. */
TSR_API void tsr_free(void *memory);

/* ---- read and write ---- */

/* Reads the box of `shape` elements per axis from `start`, every `step`-th (NULL: 1), into dense
 * C-order memory of the array's own type, which is of fixed length (strings and bytes of variable
 * length need a heap: tsr_read_many reads them into a view that has one). start NULL: from 0; shape
 * NULL: everything. `size_bytes` must be exactly what the box needs. On failure the buffer's
 * contents are undefined. `call` may be NULL. Thread: LOCKED. Errors: OUT_OF_BOUNDS,
 * INVALID_ARGUMENT (size; the message has both numbers), DAMAGED, CANCELLED, DEADLINE, IO,
 * UNREACHABLE, LIMIT, NO_MEMORY. */
TSR_API int tsr_array_read(tsr_array *array, const int64_t *start, const int64_t *shape,
                           const int64_t *step, void *buffer, size_t size_bytes,
                           const tsr_call *call, tsr_error *err);

/* Writes a box likewise. What was acknowledged is in the store, whole; of a failed write any subset
 * of its chunks may be. Thread: LOCKED. Errors: as tsr_array_read, and READ_ONLY, PERMISSION,
 * NO_SPACE, CONFLICT. */
TSR_API int tsr_array_write(tsr_array *array, const int64_t *start, const int64_t *shape,
                            const int64_t *step, const void *buffer, size_t size_bytes,
                            const tsr_call *call, tsr_error *err);

/* One read among many: `index` of `array` into `view`, whose shape is the index's. `view` has any
 * strides and any type that `casting` permits; where its elements are of variable length it has a
 * heap (tessera/heap.h) and lies at multiples of 8 bytes. All pointers are borrowed until the call
 * returns. */
typedef struct tsr_read_request {
    tsr_array *array;
    const tsr_index *index;
    const tsr_view *view;
    tsr_casting casting;
} tsr_read_request;

/* Does n reads as one: each chunk (inner chunk) that any of them touches is fetched and decoded
 * once. Thread: LOCKED. Errors: as tsr_array_read, and TYPE_MISMATCH. */
TSR_API int tsr_read_many(tsr_context *context, const tsr_read_request *requests, size_t n,
                          const tsr_call *call, tsr_error *err);

/* What a read takes: see tsr_array_explain. */
typedef struct tsr_read_cost {
    int64_t objects;         /* chunks (shards) of the store that are looked at */
    int64_t missing_objects; /* of these: not stored, so all fill value */
    int64_t requests;        /* ranges asked of the store, those for indexes included */
    int64_t fetched_bytes;   /* all in all */
    int64_t index_bytes;     /* of these: indexes of shards */
    int64_t used_bytes;      /* of these: encoded chunks, or bare elements, that are needed */
    int64_t chunks; /* decoded: inner chunks where there are shards; none for bare elements */
    int64_t decoded_bytes; /* what they decode to; less where the codec can stop early */
    int64_t wanted_bytes;  /* the elements that were asked for */
} tsr_read_cost;

/* Finds out what reading the elements of an index takes, by going through all of the read but the
 * fetching and decoding of elements: indexes of shards are fetched, and stores are asked for sizes.
 * Nothing is estimated. index NULL: everything. Thread: LOCKED. Errors: as tsr_array_read, and
 * UNSUPPORTED (no chunks in a store: netCDF, whose library does the fetching). */
TSR_API int tsr_array_explain(tsr_array *array, const tsr_index *index, const tsr_call *call,
                              tsr_read_cost *ret_cost, tsr_error *err);

/* In which order the inner chunks lie in a shard, along the axes of the shard: what is read
 * together is best written side by side. Recorded nowhere, since a reader finds them through the
 * index. */
typedef enum tsr_inner_order {
    TSR_INNER_ORDER_LEXICOGRAPHIC,   /* the last axis moves fastest (default) */
    TSR_INNER_ORDER_COLEXICOGRAPHIC, /* the first axis moves fastest */
    TSR_INNER_ORDER_MORTON,  /* boxes of any shape lie close together, as zarr-python does it */
    TSR_INNER_ORDER_FUNCTION /* what order_inner_chunks says */
} tsr_inner_order;

/* Durability, fill handling and layout of writes. */
typedef struct tsr_write_options {
    size_t struct_size;
    tsr_durability durability; /* default TSR_DURABILITY_FLUSH */
    bool store_fill_chunks; /* store chunks that hold nothing but the fill value too; default false:
                               they are left out, and erased where they were */
    tsr_inner_order inner_order;
    /* For TSR_INNER_ORDER_FUNCTION: fills in the numbers, in C order of `grid` (inner chunks along
     * each axis of the shard), of the inner chunks from first to last, each once. Called on any
     * thread of the pool. */
    void (*order_inner_chunks)(void *user, int rank, const int64_t *grid, int64_t *ret_numbers);
    void *order_user;
} tsr_write_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_write_options_init(tsr_write_options *options);

/* Writes `view` to the elements that `index` selects. options NULL: the defaults. Thread: LOCKED.
 * Errors: as tsr_array_write, and TYPE_MISMATCH. */
TSR_API int tsr_array_write_index(tsr_array *array, const tsr_index *index, const tsr_view *view,
                                  tsr_casting casting, const tsr_write_options *options,
                                  const tsr_call *call, tsr_error *err);

/* A sink takes each decoded piece while it is hot in cache: `piece` is a view of the array's type
 * that is valid during the call, `position` is where its first element lies in the result of the
 * index (which has the index's rank after positions are removed). Pieces are disjoint, cover the
 * result, come in any order and on any thread of the pool, several at once. A nonzero return ends
 * the read with that status (fill in err). Elements of variable length point to bytes that are
 * valid during the call, too. */
typedef int (*tsr_sink)(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err);

/* Reads through a sink: memory is a few chunks a thread whatever the size of the selection. Chunks
 * that are not stored are given as a broadcast view of the fill value. index NULL: everything.
 * Thread: LOCKED. Errors: as tsr_array_read, those of the sink, and CONFLICT: a shard was replaced
 * while it was read, and what the sink was given cannot be taken back; read again. */
TSR_API int tsr_array_read_sink(tsr_array *array, const tsr_index *index, tsr_sink sink, void *user,
                                const tsr_call *call, tsr_error *err);

/* A source fills the piece that is asked for: a view of the array's type, writable during the call,
 * whose first element lies at `position` of the index's result. Bytes of elements of variable
 * length go into its heap (tsr_heap_add) or stay valid until the write returns. Called on any
 * thread of the pool, several at once. */
typedef int (*tsr_source)(void *user, const tsr_view *piece, const int64_t *position,
                          tsr_error *err);

/* Writes what a source gives, chunk by chunk (shard by shard), with memory of a few chunks a
 * thread. index NULL: everything. Thread: LOCKED. Errors: as tsr_array_write_index, and those of
 * the source. */
TSR_API int tsr_array_write_source(tsr_array *array, const tsr_index *index, tsr_source source,
                                   void *user, const tsr_write_options *options,
                                   const tsr_call *call, tsr_error *err);

/* Brings to the disk all that was written through this handle (and through others that share its
 * store), with whatever durability: a checkpoint for writes with TSR_DURABILITY_NONE. See
 * tsr_store_sync. Thread: LOCKED. Errors: READ_ONLY, IO (and from then on for every writer),
 * UNREACHABLE. */
TSR_API int tsr_array_sync(tsr_array *array, const tsr_call *call, tsr_error *err);

/* ---- other shapes ---- */

/* Makes the handle know what others have done: the shape and the attributes as they are in the
 * store now. The pointer of tsr_array_shape stays, and what it points to changes. Operations that
 * are under way keep to the shape with which they began. Thread: LOCKED. Errors: CONFLICT (another
 * array has taken its place: open it again), those of tsr_array_open. */
TSR_API int tsr_array_refresh(tsr_array *array, tsr_error *err);

/* Follows arrays that others append to: refreshes all `n`, and waits until the length that all of
 * them have along the axis, the smallest of theirs, is another than `known_length`, as long as
 * `call` lets it. Whatever lies in front of *ret_length is there, in each of them, since elements
 * are seen before the length that tells of them; with known_length -1 it returns at once. A smaller
 * length is that of an array that was cut, which may be seen with the next append only. On disks of
 * this machine an append is noticed when it is published, elsewhere within a fifth of a second.
 * Thread: LOCKED. Errors: INVALID_ARGUMENT (no array, no such axis), UNSUPPORTED (not a Zarr
 * array), DEADLINE, CANCELLED, and those of tsr_array_refresh. */
TSR_API int tsr_follow(tsr_array *const *arrays, size_t n, int axis, int64_t known_length,
                       const tsr_call *call, int64_t *ret_length, tsr_error *err);

typedef struct tsr_resize_options {
    size_t struct_size;
    /* Leave every stored chunk as it is: quick, but what fell off comes back when the array grows
     * again. Default false: chunks that fall off are erased, chunks that are cut get the fill value
     * behind the cut, and whatever another program has left behind the end is gone before it could
     * be seen: where an array grows, it shows the fill value. That lists the chunks of the array.
     */
    bool keep_chunks;
} tsr_resize_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_resize_options_init(tsr_resize_options *options);

/* Gives the array another shape of the same rank, `shape` being its lengths; options NULL: the
 * defaults. The new shape can be seen by others when everything else is done; of a resize that
 * fails, the old shape stays, and elements outside the new one may be fill values. Thread: LOCKED.
 * Errors: READ_ONLY, INVALID_ARGUMENT, CONFLICT, and those of writing. */
TSR_API int tsr_array_resize(tsr_array *array, const int64_t *shape,
                             const tsr_resize_options *options, const tsr_call *call,
                             tsr_error *err);

/* Writes `view` behind the end of `axis`, where the array is by then, and makes the array longer by
 * that. The view has the array's length along all other axes. Elements and new length are seen by
 * others at once; two who append at the same time, in whatever processes, come one after the other.
 * *ret_start (may be NULL): where the elements lie. The new length is as durable as the elements;
 * with TSR_DURABILITY_NONE, too, no power cut leaves a part of the metadata. Thread: LOCKED.
 * Errors: READ_ONLY, INVALID_ARGUMENT (shapes), TYPE_MISMATCH, UNSUPPORTED (a store that cannot
 * lock), CONFLICT, and those of writing. */
TSR_API int tsr_array_append(tsr_array *array, int axis, const tsr_view *view, tsr_casting casting,
                             const tsr_write_options *options, const tsr_call *call,
                             int64_t *ret_start, tsr_error *err);

/* ---- chunks as they are stored ---- */

typedef enum tsr_chunk_state {
    TSR_CHUNK_MISSING, /* not stored: all fill value */
    TSR_CHUNK_STORED,
    TSR_CHUNK_DAMAGED,   /* its bytes or its index entry are not valid */
    TSR_CHUNK_UNREADABLE /* the store fails to give its bytes; only where a walk asks for it */
} tsr_chunk_state;

/* Of the parity of a shard (docs/format/parity.md). */
typedef enum tsr_parity_state {
    TSR_PARITY_NONE,
    TSR_PARITY_SOUND,  /* as far as it was looked at */
    TSR_PARITY_STALE,  /* another program has changed the shard since: it is of no use */
    TSR_PARITY_DAMAGED /* it, or what it is of; tsr_array_repair_chunk mends both */
} tsr_parity_state;

typedef struct tsr_chunk_info {
    int level;                   /* 0: a chunk or shard of the store; 1..: an inner chunk */
    int64_t index[TSR_RANK_MAX]; /* grid coordinates over the whole array at that level */
    tsr_chunk_state state;
    char key[1024];              /* in the array's store, relative to the array */
    uint64_t offset, size_bytes; /* of the encoded bytes within the key's value; 0 when missing */
    tsr_error error;             /* when damaged or unreadable */
    /* Of a shard whose inner chunks are visited: bytes that no entry of its index refers to, such
     * as those of inner chunks that were replaced; tsr_array_compact_chunk drops them. */
    uint64_t dead_bytes;
    /* Of a shard whose inner chunks are visited: its parity, the bytes that are part of it, and,
     * where everything is read, how many blocks of the shard and of its parity are not what they
     * were; hopeless_blocks of them cannot be computed from the others. */
    tsr_parity_state parity;
    uint64_t parity_bytes;
    int64_t bad_blocks, hopeless_blocks;
} tsr_chunk_info;

typedef struct tsr_chunk_walk_options {
    size_t struct_size;
    bool inner;       /* also visit the inner chunks, read from the indexes alone */
    bool stored_only; /* visit only chunks (shards) that are stored, found by listing the store, in
                         any order: for grids far larger than what they hold, such as shape 2^62
                         with three chunks */
    bool data;        /* fetch and decode everything, so that every checksum is verified */
    int64_t rate_bytes; /* at most as many fetched bytes a second; 0: no limit */
    bool unreadable;    /* tell of what the store fails to give (IO, PERMISSION) as
                           TSR_CHUNK_UNREADABLE, and go on, instead of ending the walk */
} tsr_chunk_walk_options;

/* Fills in the defaults (no inner chunks, no data). Thread: CONFINED. Never fails. */
TSR_API void tsr_chunk_walk_options_init(tsr_chunk_walk_options *options);

/* Visits every chunk of the grid, missing ones included, in C order of the chunks; inner chunks
 * after their shard. `each` runs on the calling thread; a nonzero return ends the walk and is
 * returned. Damage is reported through `info`, not as a failure; what is read of a shard that
 * others replace meanwhile is no damage, and it is looked at again. Thread: LOCKED. Errors:
 * UNSUPPORTED (no chunks in a store: netCDF), CONFLICT (a shard is replaced time and again), IO,
 * PERMISSION, CANCELLED, NO_MEMORY. */
TSR_API int tsr_array_walk_chunks(tsr_array *array, const tsr_chunk_walk_options *options,
                                  int (*each)(void *user, const tsr_chunk_info *info), void *user,
                                  const tsr_call *call, tsr_error *err);

/* Calls `each` for every key below the array that is neither its metadata nor a chunk of its grid
 * (a left-over of a larger shape, a foreign file). A nonzero return ends the walk. Thread: LOCKED.
 * Errors: as tsr_store_list. */
TSR_API int tsr_array_orphan_keys(tsr_array *array,
                                  int (*each)(void *user, const char *key, int64_t size_bytes),
                                  void *user, const tsr_call *call, tsr_error *err);

/* The encoded bytes of one chunk (shard) by its grid coordinates, as they lie in the store. Owner:
 * the caller holds the blob. Thread: LOCKED. Errors: NOT_FOUND when missing, OUT_OF_BOUNDS,
 * UNSUPPORTED, IO. */
TSR_API int tsr_array_get_encoded_chunk(tsr_array *array, const int64_t *index,
                                        const tsr_call *call, tsr_blob **ret_blob, tsr_error *err);

/* Stores bytes that were encoded by the same chain as one chunk (shard). They are decoded once to
 * verify them. Thread: LOCKED. Errors: READ_ONLY, DAMAGED (the bytes do not decode), OUT_OF_BOUNDS,
 * and those of tsr_array_write. */
TSR_API int tsr_array_put_encoded_chunk(tsr_array *array, const int64_t *index, const void *bytes,
                                        size_t size_bytes, const tsr_write_options *options,
                                        const tsr_call *call, tsr_error *err);

/* ---- copying between arrays ---- */

typedef struct tsr_copy_options {
    size_t struct_size;
    int64_t memory_bytes; /* a copy that needs more is refused with the numbers; 0: no limit */
    tsr_casting casting;  /* default TSR_CASTING_NO */
    tsr_write_options write;

    /* For a copy that is taken up again where a process that was killed has left it. */
    int64_t done_chunks; /* so many of the destination's chunks, in C order of its grid, are left as
                            they are: what the last checkpoint said */
    bool keep_stored;    /* and so are the others that the destination stores: they are whole, since
                            nobody but that copy has written there */
    /* Called now and then, on one thread at a time but on any: the first so many chunks are whole,
     * and as durable as asked for. NULL: never. A negative status ends the copy. */
    int (*checkpoint)(void *user, int64_t done_chunks, tsr_error *err);
    void *checkpoint_user;
    int64_t checkpoint_ms; /* from one to the next, at least; default 1000 */
} tsr_copy_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_copy_options_init(tsr_copy_options *options);

/* Copies all elements of `source` to `destination`, which has the same shape, going from
 * destination chunk to destination chunk (shard to shard). Encoded bytes are moved as they are
 * where both grids, chains and types agree; then nothing is decoded, but the checksums that stand
 * around them, those of shard indexes and inner chunks included, are looked at. Thread: LOCKED.
 * Errors: INVALID_ARGUMENT (shapes), TYPE_MISMATCH, LIMIT (memory), DAMAGED, and those of reading
 * and writing. */
TSR_API int tsr_array_copy(tsr_array *source, tsr_array *destination,
                           const tsr_copy_options *options, const tsr_call *call, tsr_error *err);

TSR_END_DECLS

#endif
