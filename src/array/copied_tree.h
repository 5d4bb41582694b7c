/* Trees whose metadata is in the copies of .zmetadata alone, without the documents that they are
 * copies of: mirrors and reference files are made so.
 *
 * Thread: CONFINED. */
#ifndef TESSERA_ARRAY_COPIED_TREE_H
#define TESSERA_ARRAY_COPIED_TREE_H

#include "array/consolidated.h"
#include "array/place.h"

/* Reads the node at a place where no document was found, which `err` says, from the copies of such
 * a tree around it. The place lies in the store of the tree then, and the copies are the caller's.
 * A folder that has a document of its own is no such tree: its copies may be stale. Errors:
 * NOT_FOUND (there is no such tree, or no such copy: err stays as it is), READ_ONLY (`options` ask
 * for writing), BAD_METADATA, and those of the store. */
int tsri_copied_tree_read(tsri_place *place, const tsr_array_open_options *options,
                          tsri_consolidated **ret_copies, tsri_zarr_meta **ret_meta,
                          tsr_error *err);

#endif
