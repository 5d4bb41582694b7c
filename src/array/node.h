/* Nodes of a Zarr hierarchy in a store: which documents they have, how they are read, made and
 * replaced.
 *
 * Thread: CONFINED, except where a store's promises make it LOCKED. */
#ifndef TESSERA_ARRAY_NODE_H
#define TESSERA_ARRAY_NODE_H

#include "array/zarr_meta.h"

#include <tessera/group.h>
#include <tessera/sys/store.h>

/* Reads the node at `path` ("" for the root). `zarr_format` 0: whichever is there, v3 first. Owner:
 * the caller. Errors: NOT_FOUND, those of the store and of parsing. */
int tsri_node_read(tsr_store *store, const char *path, int zarr_format, tsri_zarr_meta **ret_meta,
                   tsr_error *err);

/* Which values of its documents a node was read from. */
typedef struct tsri_node_version {
    tsr_generation document, attributes;
    bool has_attributes; /* v2: there is a .zattrs */
} tsri_node_version;

/* The same, and which version it was. */
int tsri_node_read_version(tsr_store *store, const char *path, int zarr_format,
                           tsri_zarr_meta **ret_meta, tsri_node_version *ret_version,
                           tsr_error *err);

/* What is at `path`; NONE is no error. Errors: those of the store. */
int tsri_node_kind(tsr_store *store, const char *path, int zarr_format, tsr_node_kind *ret_kind,
                   tsr_error *err);

/* Writes the documents of a new node and explicit groups for those of its ancestors that have none.
 * `mode` as in tsr_array_create_options. Errors: EXISTS, INVALID_ARGUMENT (a name), and those of
 * the store. */
int tsri_node_create(tsr_store *store, const char *path, const tsri_zarr_meta *meta,
                     tsr_create_mode mode, tsr_error *err);

/* Writes the documents of a new node and nothing else, whatever its name: for hidden ones, which
 * lie below arrays. Errors: CONFLICT (there is one), and those of the store. */
int tsri_node_put(tsr_store *store, const char *path, const tsri_zarr_meta *meta, tsr_error *err);

/* Makes explicit groups for those ancestors of `path` that are none. Errors: EXISTS (one is an
 * array), those of the store. */
int tsri_node_create_ancestors(tsr_store *store, const char *path, int zarr_format, tsr_error *err);

/* Erases a node and everything below it. Errors: NOT_FOUND when there is no node, and those of the
 * store. */
int tsri_node_erase(tsr_store *store, const char *path, const tsr_call *call, tsr_error *err);

/* `path` and `name` joined by a slash, unless one is empty. NULL when out of memory. Owner: the
 * caller (tsri_free). */
char *tsri_path_join(const char *path, const char *name);

/* A path as places give it: no slash at either end, none doubled. NULL when out of memory. Owner:
 * the caller. */
char *tsri_path_normalise(const char *path);

#endif
