/* For authors of array drivers: what lies behind a tsr_array, and file formats that are read as
 * arrays and groups.
 *
 * A driver either says where the encoded bytes of a chunk lie (`locate`) and which codec chain made
 * them, and the array layer's one fetch loop does the rest; or it fills boxes itself (`read_box`):
 * a library with its own reader, a function, another machine.
 *
 * Thread: ops are called from several threads at once unless `serial` is set. */
#ifndef TESSERA_SYS_ARRAY_H
#define TESSERA_SYS_ARRAY_H

#include <tessera/array.h>
#include <tessera/group.h>
#include <tessera/sys/store.h>

TSR_BEGIN_DECLS

#define TSR_KEY_MAX 1024
#define TSR_REST UINT64_MAX /* an extent that is the whole value, whatever its size */

/* Where the encoded bytes of one chunk lie. */
typedef struct tsr_extent {
    tsr_store *store; /* borrowed from the array */
    char key[TSR_KEY_MAX];
    uint64_t offset, size_bytes; /* size_bytes TSR_REST: the whole value; offset is 0 then */
} tsr_extent;

/* What a driver tells about its array. Pointers are copied by tsr_array_new. */
typedef struct tsr_array_description {
    const char *driver; /* "netcdf"; static */
    const char *place;
    const tsr_dtype *dtype;
    int rank;
    const int64_t *shape;
    const int64_t *chunk_shape;         /* for read_box drivers: what is cheapest to read at once */
    const void *fill_value;             /* NULL: zero */
    const char *const *dimension_names; /* NULL: none */
    const char *attributes;             /* a JSON object; NULL: none */
    /* v3 JSON list, for drivers with `locate`; NULL for read_box drivers. "endian" of bytes may be
     * a list of "little", "big" or null, one for each number of a struct. */
    const char *codecs;
    bool writable;
    /* For locate drivers: a chain that only orders bytes may cover the whole array as one chunk
     * without its size counting as a decoded chunk. */
} tsr_array_description;

typedef struct tsr_array_ops {
    size_t struct_size;
    void (*close)(void *driver);
    int (*locate)(void *driver, const int64_t *chunk_index, tsr_extent *ret_extent, tsr_error *err);
    /* Fills `view` (of the array's type, dense, aligned for the components of elements) with the
     * box that starts at `start`; bytes of elements of variable length go into its heap. */
    int (*read_box)(void *driver, const int64_t *start, const tsr_view *view, const tsr_call *call,
                    tsr_error *err);
    /* read_box is not to be called by two threads at once. After a fork the child may call it while
     * a call of another thread, which exists in the parent alone, has never come back. */
    bool serial;
} tsr_array_ops;

/* Makes an array of a driver; on success it owns `driver`. Owner: the caller holds one reference.
 * Thread: CONFINED. Errors: INVALID_ARGUMENT, LIMIT, NO_MEMORY, those of the codec chain. */
TSR_API int tsr_array_new(tsr_context *context, const tsr_array_ops *ops, void *driver,
                          const tsr_array_description *description, tsr_array **ret_array,
                          tsr_error *err);

/* A file format whose content is a tree of arrays and groups, such as netCDF and npz. Opened once
 * per file and shared by its arrays. */
typedef struct tsr_format_ops {
    size_t struct_size;
    const char *name; /* "netcdf" */
    /* Whether this file is of the format, by its first bytes (up to 4104, fewer when the file is
     * shorter) and its name. */
    bool (*recognise)(const void *head, size_t size_bytes, const char *path);
    int (*open)(tsr_context *context, const char *path, void **ret_file, tsr_error *err);
    void (*close)(void *file);
    /* What a path inside is ("" is the root). */
    int (*probe)(void *file, const char *inner_path, tsr_node_kind *ret_kind, tsr_error *err);
    /* Opens an array inside; it must not outlive the file's hold, which the array layer keeps for
     * it. */
    int (*open_array)(void *file, const char *inner_path, tsr_array **ret_array, tsr_error *err);
    int (*attributes)(void *file, const char *inner_path, char **ret_json, tsr_error *err);
    int (*children)(void *file, const char *inner_path,
                    int (*each)(void *user, const char *name, tsr_node_kind kind,
                                const tsr_error *error),
                    void *user, tsr_error *err);
    /* For files that hold, or refer to, a tree of Zarr: opens it as a store, and what lies in it is
     * found there. The functions from `open` to `children` are not called then. NULL: they are. */
    int (*open_store)(tsr_context *context, const char *path, tsr_store **ret_store,
                      tsr_error *err);
} tsr_format_ops;

/* Adds a file format to a context; later registrations are asked first. `ops` must outlive the
 * context. Thread: LOCKED. Errors: NO_MEMORY, INVALID_ARGUMENT. */
TSR_API int tsr_format_register(tsr_context *context, const tsr_format_ops *ops, tsr_error *err);

TSR_END_DECLS

#endif
