/* An open TIFF file, as its tree (tiff.c), its arrays (tiff_array.c) and their attributes see it.
 */
#ifndef TESSERA_SOURCE_TIFF_FILE_H
#define TESSERA_SOURCE_TIFF_FILE_H

#include <tessera/sys/array.h>
#include <tessera/sys/output.h>

#include "source/tiff_decoder.h"

/* Pictures of the same kind, one after the other: the pages of an array. */
typedef struct tsri_tiff_stack {
    tsri_tiff_picture picture; /* of the first page */
    uint64_t *directories;     /* where that of each page lies */
    size_t count;
} tsri_tiff_stack;

/* Pictures of the same size, and the smaller forms of them. */
typedef struct tsri_tiff_series {
    tsri_tiff_stack *levels;
    size_t count;
} tsri_tiff_series;

typedef struct tsri_tiff_file {
    tsri_input input;
    tsri_tiff_layout layout;
    tsri_tiff_series *series;
    size_t count;
    size_t directory_count; /* of all series */
    tsri_tiff_decoders decoders;
} tsri_tiff_file;

/* Makes an array of a stack; `place` names it in messages. Errors: UNSUPPORTED (with the reason),
 * DAMAGED, IO, LIMIT, NO_MEMORY. */
int tsri_tiff_open_stack(tsri_tiff_file *file, const tsri_tiff_stack *stack, const char *place,
                         tsr_array **ret_array, tsr_error *err);

/* Appends the tags of a directory that say more than how its pixels lie, as a JSON object with a
 * final 0 byte. Errors: DAMAGED, IO, LIMIT, NO_MEMORY. */
int tsri_tiff_attributes(const tsri_tiff_layout *layout, const tsri_tiff_directory *directory,
                         const tsri_tiff_picture *picture, tsr_output *output, tsr_error *err);

#endif
