/* What zarr_meta.c, zarr2_meta.c and zarr3_meta.c share. Internal to these three. CONFINED. */
#ifndef TESSERA_ARRAY_ZARR_META_PARTS_H
#define TESSERA_ARRAY_ZARR_META_PARTS_H

#include "array/zarr_meta.h"

/* Parses a document that must be an object. Owner: the caller. Errors: BAD_METADATA, LIMIT,
 * NO_MEMORY. */
int tsri_zarr_document_parse(tsr_context *context, const tsri_zarr_document *document,
                             int json_flags, tsri_json **ret_object, tsr_error *err);

/* Reads a list of lengths into the arena. The first list sets meta->rank, the second must have as
 * many entries. Errors: BAD_METADATA, LIMIT (rank), NO_MEMORY. */
int tsri_zarr_take_lengths(tsri_zarr_meta *meta, const tsri_json *object, const char *path,
                           const char *name, int64_t minimum, bool sets_rank,
                           const int64_t **ret_lengths, tsr_error *err);

/* Takes over a grid: sets meta->grid, and meta->chunk_shape to its largest chunk. Errors:
 * NO_MEMORY.
 */
int tsri_zarr_take_grid(tsri_zarr_meta *meta, tsri_grid *grid, tsr_error *err);

/* Refuses chunks of more than 2^63-1 bytes. Errors: LIMIT at `pointer`. */
int tsri_zarr_check_chunk_size(const tsri_zarr_meta *meta, const char *pointer, tsr_error *err);

/* Sets meta->fill_value from its JSON form, or to zero for NULL. Errors: BAD_METADATA, NO_MEMORY.
 */
int tsri_zarr_take_fill_value(tsri_zarr_meta *meta, const tsri_json *value, tsr_error *err);

/* Sets meta->attributes to what `value` is, an object. Errors: BAD_METADATA at `pointer`. */
int tsri_zarr_take_attributes(tsri_zarr_meta *meta, tsri_json *value, const char *pointer,
                              tsr_error *err);

/* Sets meta->dimension_names from a list of strings and nulls that has meta->rank entries.
 * Errors: BAD_METADATA at `pointer`, NO_MEMORY. */
int tsri_zarr_take_dimension_names(tsri_zarr_meta *meta, const tsri_json *list, const char *pointer,
                                   tsr_error *err);

/* Take over `object`, the parsed document of a node, and read it into an empty meta. Errors: as the
 * parse functions. */
int tsri_zarr3_meta_read(tsr_context *context, tsri_zarr_meta *meta, tsri_json *object,
                         tsr_error *err);
int tsri_zarr2_array_read(tsr_context *context, tsri_zarr_meta *meta, tsri_json *object,
                          tsr_error *err);
int tsri_zarr2_group_read(tsr_context *context, tsri_zarr_meta *meta, tsri_json *object,
                          tsr_error *err);
/* The attributes of a v2 node, after its document. */
int tsri_zarr2_attributes_read(tsr_context *context, tsri_zarr_meta *meta, tsri_json *object,
                               tsr_error *err);

/* Append the document of a new node. Errors: INVALID_ARGUMENT, NO_MEMORY. */
int tsri_zarr3_document_print(const tsri_zarr_meta_options *options, tsr_output *output,
                              tsr_error *err);
int tsri_zarr2_document_print(const tsri_zarr_meta_options *options, tsr_output *output,
                              tsr_error *err);
/* Appends the attributes of a new v2 node; nothing when it has none. `attributes` is
 * options->attributes, parsed. */
int tsri_zarr2_attributes_print(const tsri_zarr_meta_options *options, const tsri_json *attributes,
                                tsr_output *output, tsr_error *err);

/* A member of a document that gets another value, as text; NULL: that is left out. */
typedef struct tsri_zarr_change {
    const char *name, *text;
    bool is_done; /* start with false */
} tsri_zarr_change;

/* Appends an object with some members changed in their places, or added at the end where there are
 * none yet. `object` may be NULL for an empty one. Errors: NO_MEMORY. */
int tsri_zarr_print_changed(const tsri_json *object, tsri_zarr_change *changes, size_t count,
                            tsr_output *output, tsr_error *err);

/* Appends [1,2,3]; one element as fill-value JSON (zero for NULL). Errors: NO_MEMORY. */
int tsri_zarr_print_lengths(const int64_t *lengths, int count, tsr_output *output, tsr_error *err);
int tsri_zarr_print_element(const tsr_dtype *dtype, const void *element, tsr_output *output,
                            tsr_error *err);

#endif
