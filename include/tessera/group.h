/* Groups: a hierarchy of arrays and groups with attributes. Zarr groups on any store, and files
 * that hold several arrays (netCDF, HDF5, TIFF, .npz) as they lie there.
 *
 * Thread: LOCKED. */
#ifndef TESSERA_GROUP_H
#define TESSERA_GROUP_H

#include <tessera/array.h>

TSR_BEGIN_DECLS

typedef struct tsr_group tsr_group;

typedef enum tsr_node_kind { TSR_NODE_NONE, TSR_NODE_ARRAY, TSR_NODE_GROUP } tsr_node_kind;

/* What lies at a place, without opening it: array, group, or nothing. options may be NULL. Thread:
 * LOCKED. Errors: PERMISSION, IO, UNREACHABLE, UNSUPPORTED (scheme), BAD_METADATA. */
TSR_API int tsr_place_probe(tsr_context *context, const char *place,
                            const tsr_array_open_options *options, tsr_node_kind *ret_kind,
                            tsr_error *err);

/* Opens a group; options as for arrays. Owner: the caller, by tsr_group_close. Thread: LOCKED.
 * Errors: NOT_FOUND, TYPE_MISMATCH (an array), BAD_METADATA, UNSUPPORTED, PERMISSION, IO,
 * NO_MEMORY. */
TSR_API int tsr_group_open(tsr_context *context, const char *place,
                           const tsr_array_open_options *options, tsr_group **ret_group,
                           tsr_error *err);

typedef struct tsr_group_create_options {
    size_t struct_size;
    tsr_store *store; /* as in tsr_array_open_options */
    tsr_create_mode mode;
    int zarr_format;        /* 3 (default) or 2 */
    const char *attributes; /* a JSON object; NULL: none */
} tsr_group_create_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_group_create_options_init(tsr_group_create_options *options);

/* Creates a Zarr group, writable, with explicit groups for all its ancestors. Owner: the caller.
 * Thread: LOCKED. Errors: EXISTS, INVALID_ARGUMENT, PERMISSION, NO_SPACE, IO, NO_MEMORY. */
TSR_API int tsr_group_create(tsr_context *context, const char *place,
                             const tsr_group_create_options *options, tsr_group **ret_group,
                             tsr_error *err);

/* Takes one more hold and returns the group. Thread: LOCKED. Never fails. */
TSR_API tsr_group *tsr_group_ref(tsr_group *group);

/* Gives up one hold; NULL is left alone. Thread: LOCKED. Never fails. */
TSR_API void tsr_group_close(tsr_group *group);

TSR_DEFINE_CLEANUP(tsr_group, tsr_group_close)

/* "zarr3", "zarr2", "netcdf"..., "folder" (bare_folders). Static. Thread: LOCKED. Never fails. */
TSR_API const char *tsr_group_driver(const tsr_group *group);

/* The place as errors show it. Borrowed. Thread: LOCKED. Never fails. */
TSR_API const char *tsr_group_place(const tsr_group *group);

/* All attributes as a JSON object ("{}" when there are none). Owner: the caller, by tsr_free.
 * Thread: LOCKED. Errors: NO_MEMORY. */
TSR_API int tsr_group_attributes(tsr_group *group, char **ret_json, tsr_error *err);

/* Replaces all attributes, in the store too. Thread: LOCKED. Errors: as tsr_array_set_attributes.
 */
TSR_API int tsr_group_set_attributes(tsr_group *group, const char *json, tsr_error *err);

/* Changes some attributes, as tsr_array_update_attributes does. Thread: LOCKED. Errors: as
 * tsr_array_set_attributes. */
TSR_API int tsr_group_update_attributes(tsr_group *group, const char *json,
                                        const char *const *removed, tsr_error *err);

/* Calls `each` for every child in byte order of the names. A child whose metadata does not parse is
 * reported with its error and kind TSR_NODE_NONE, so that one bad node hides no other. A nonzero
 * return ends the walk and is returned. Thread: LOCKED. Errors: UNSUPPORTED (the store cannot
 * list), PERMISSION, IO, NO_MEMORY. */
TSR_API int tsr_group_children(tsr_group *group,
                               int (*each)(void *user, const char *name, tsr_node_kind kind,
                                           const tsr_error *error),
                               void *user, tsr_error *err);

/* Opens a child by its name or relative path. Owner: the caller. Thread: LOCKED. Errors: as
 * tsr_array_open, tsr_group_open. */
TSR_API int tsr_group_open_array(tsr_group *group, const char *name, tsr_array **ret_array,
                                 tsr_error *err);
TSR_API int tsr_group_open_group(tsr_group *group, const char *name, tsr_group **ret_group,
                                 tsr_error *err);

/* Creates a child; options as for places, with `store` ignored. Owner: the caller. Thread: LOCKED.
 * Errors: as tsr_array_create. */
TSR_API int tsr_group_create_array(tsr_group *group, const char *name,
                                   const tsr_array_create_options *options, tsr_array **ret_array,
                                   tsr_error *err);
TSR_API int tsr_group_create_group(tsr_group *group, const char *name,
                                   const tsr_group_create_options *options, tsr_group **ret_group,
                                   tsr_error *err);

/* ---- consolidated metadata ----
 *
 * A group may carry copies of the metadata of all nodes below it, so that a tree of a thousand
 * arrays is opened by one read: the member "consolidated_metadata" of a v3 group, .zmetadata beside
 * a v2 group, as zarr-python writes them. Copies are as old as the last consolidating; nothing
 * refreshes them but that. They are used by handles of the group that were opened for reading, for
 * listing and opening what lies below; a node that has no copy is looked for in the store. Handles
 * that are opened for writing, or at a node's own place, read the node's own document. */

/* Whether the handle opens and lists nodes from copies. Thread: LOCKED. Never fails. */
TSR_API bool tsr_group_is_consolidated(const tsr_group *group);

typedef struct tsr_consolidate_options {
    size_t struct_size;
    bool remove;  /* take the copies away */
    bool dry_run; /* only find out; the group may be opened for reading */
} tsr_consolidate_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_consolidate_options_init(tsr_consolidate_options *options);

typedef struct tsr_consolidate_result {
    int64_t nodes;   /* below the group */
    bool had_copies; /* before */
    bool was_stale;  /* and they differed from the nodes' own documents */
} tsr_consolidate_result;

/* Reads the documents of all nodes below the group and writes them as its copies. options NULL: the
 * defaults; ret_result may be NULL. Thread: LOCKED. Errors: READ_ONLY, UNSUPPORTED (a node of the
 * other Zarr format below), BAD_METADATA, CONFLICT, and those of the store. */
TSR_API int tsr_group_consolidate(tsr_group *group, const tsr_consolidate_options *options,
                                  tsr_consolidate_result *ret_result, tsr_error *err);

/* ---- walking ---- */

typedef struct tsr_walk_options {
    size_t struct_size;
    int max_depth; /* 1: the children alone; 0: no limit */
    /* Only nodes whose path from the group on matches: part by part, * and ? and [a-z] within a
     * part, and ** for any number of parts, none included. NULL: all. */
    const char *pattern;
} tsr_walk_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_walk_options_init(tsr_walk_options *options);

/* Calls `each` for the nodes below the group, a group before what lies below it, children in byte
 * order. `path` is from the group on. A node whose metadata does not parse comes with its error and
 * kind TSR_NODE_NONE. Groups that cannot hold a match are not opened. A nonzero return ends the
 * walk and is returned. Thread: LOCKED. Errors: as tsr_group_children, INVALID_ARGUMENT (pattern).
 */
TSR_API int tsr_group_walk(tsr_group *group, const tsr_walk_options *options,
                           int (*each)(void *user, const char *path, tsr_node_kind kind,
                                       const tsr_error *error),
                           void *user, tsr_error *err);

/* Checks a name as that of a member of a Zarr group: UTF-8, not empty, without '/', not only dots,
 * not starting with "__", not the name of a metadata document. Thread: IMMUTABLE. Errors:
 * INVALID_ARGUMENT with the rule. */
TSR_API int tsr_group_check_name(const char *name, tsr_error *err);

/* Erases the Zarr node at a place with everything below it. A place that holds no Zarr node is
 * refused, so that no folder of somebody's is lost. Thread: LOCKED. Errors: NOT_FOUND, PERMISSION,
 * READ_ONLY, IO. */
TSR_API int tsr_place_erase(tsr_context *context, const char *place, const tsr_call *call,
                            tsr_error *err);

/* Gives the Zarr node at a place another place, with everything below it, at once and whole: a
 * rename in one file system. Groups above the new place are made. Handles of the node by its own
 * place go on with it, others do not follow. Thread: LOCKED. Errors: NOT_FOUND, EXISTS (the new
 * place is taken), INVALID_ARGUMENT (a place inside itself), UNSUPPORTED (another file system or
 * store: copy and erase), PERMISSION, IO.
 */
TSR_API int tsr_place_move(tsr_context *context, const char *from, const char *to, tsr_error *err);

TSR_END_DECLS

#endif
