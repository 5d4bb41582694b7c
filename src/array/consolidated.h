/* Consolidated metadata: copies, in one document, of the documents of all nodes below a group.
 *
 * Formats: v3, the member "consolidated_metadata" of the group's zarr.json, {"kind":"inline",
 * "must_understand":false, "metadata":{PATH: document}}, as zarr-python writes it; v2, the document
 * .zmetadata, {"zarr_consolidated_format":1, "metadata":{KEY: document}}. When it is used, and when
 * it is stale: docs/format/consolidated.md.
 *
 * Thread: IMMUTABLE; shared by the handles of one tree. */
#ifndef TESSERA_ARRAY_CONSOLIDATED_H
#define TESSERA_ARRAY_CONSOLIDATED_H

#include "array/node.h"

typedef struct tsri_consolidated tsri_consolidated;

/* The copies that a group carries; *ret_consolidated is NULL when it has none, or an empty map (a
 * group inside a consolidated tree of zarr-python has one). Owner: the caller holds it. Errors:
 * BAD_METADATA, and those of the store (v2). */
int tsri_consolidated_find(tsr_store *store, const char *path, const tsri_zarr_meta *group,
                           tsri_consolidated **ret_consolidated, tsr_error *err);
tsri_consolidated *tsri_consolidated_ref(tsri_consolidated *self);
void tsri_consolidated_unref(tsri_consolidated *self);
TSR_DEFINE_CLEANUP(tsri_consolidated, tsri_consolidated_unref)

/* Reads the copy of the node at `path` in the store, which lies below the group. Owner: the caller.
 * Errors: NOT_FOUND (there is no copy), those of parsing. */
int tsri_consolidated_read(const tsri_consolidated *self, const char *path,
                           tsri_zarr_meta **ret_meta, tsr_error *err);

/* Calls `each` with the name of every child of the group at `path` that has a copy, in no order; a
 * name may come twice. A nonzero return ends the loop and is returned. */
int tsri_consolidated_children(const tsri_consolidated *self, const char *path,
                               int (*each)(void *user, const char *name, size_t size_bytes),
                               void *user);

/* What consolidating did, or would do. */
typedef struct tsri_consolidation {
    size_t nodes;    /* below the group */
    bool had_copies; /* before */
    bool was_stale;  /* they were not what they are now */
} tsri_consolidation;

/* What consolidating would say of the group at `path` in a tree that has copies and no documents to
 * compare them with. Never fails. */
tsri_consolidation tsri_consolidated_tell(const tsri_consolidated *self, const char *path);

/* Gathers the documents of all nodes below the group at `path`, from the store and nothing else,
 * and writes them as its copies, or with `remove` takes the copies away. `dry`: only says. Errors:
 * UNSUPPORTED (a node of the other Zarr format below), BAD_METADATA, CONFLICT, and those of the
 * store. */
int tsri_consolidate(tsr_store *store, const char *path, int zarr_format, bool remove, bool dry,
                     tsri_consolidation *ret_done, tsr_error *err);

#endif
