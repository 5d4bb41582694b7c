/* Chunk grids as Zarr v3 metadata writes them.
 *
 * Formats: "regular", Zarr core specification 3.1; "rectilinear", of the Zarr extension registry:
 * per axis one length for all chunks, or a list of lengths and of runs [length, count]. The lengths
 * of an axis reach its end and may go on behind it. */
#ifndef TESSERA_ARRAY_GRID_META_H
#define TESSERA_ARRAY_GRID_META_H

#include "array/grid.h"
#include "meta/extension.h"

/* Reads the extension object at `path`, "/chunk_grid". Owner: the caller. Errors: BAD_METADATA,
 * UNSUPPORTED (another grid), LIMIT, NO_MEMORY. */
int tsri_grid_parse(const tsri_extension *extension, const char *path, int rank,
                    const int64_t *shape, tsri_grid **ret_grid, tsr_error *err);

/* Reads the list of axes alone, the member "chunk_shapes" of a rectilinear grid. */
int tsri_grid_parse_axes(const tsri_json *list, const char *path, int rank, const int64_t *shape,
                         tsri_grid **ret_grid, tsr_error *err);

/* Appends the extension object. Errors: NO_MEMORY. */
int tsri_grid_print(const tsri_grid *grid, tsr_output *output, tsr_error *err);

/* The same grid for an array of another shape. Where chunks are listed and end before the new
 * length, more are added: as long as the longest, and one for what is left, rounded up to a
 * multiple of `multiples` (the inner chunks of shards; NULL: 1). Chunks behind a shorter length
 * stay. Owner: the caller. Errors: INVALID_ARGUMENT (an axis without any chunk), LIMIT, NO_MEMORY.
 */
int tsri_grid_reshaped(const tsri_grid *grid, const int64_t *shape, const int64_t *multiples,
                       tsri_grid **ret_grid, tsr_error *err);

#endif
