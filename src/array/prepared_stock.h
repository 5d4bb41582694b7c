/* The prepared chains of an array whose chunks have several shapes: made when a shape is met, kept
 * for a while. Where all chunks have one shape, that of the array serves. */
#ifndef TESSERA_ARRAY_PREPARED_STOCK_H
#define TESSERA_ARRAY_PREPARED_STOCK_H

#include "array/grid.h"
#include "codec/chain.h"

struct tsr_array;

/* Shapes beyond this many push out others. */
#define TSRI_PREPARED_STOCK_MAX 32

typedef struct tsri_prepared_stock {
    tsri_prepared *items[TSRI_PREPARED_STOCK_MAX]; /* held */
    int count, next;                               /* which is pushed out next */
} tsri_prepared_stock;

void tsri_prepared_stock_clear(tsri_prepared_stock *self);

/* The chain of the array prepared for the shape of one of its chunks; NULL for an array without a
 * chain. Owner: the caller holds it. LOCKED. Errors: those of tsri_prepared_new. */
int tsri_array_prepare(struct tsr_array *array, const tsri_grid *grid, const int64_t *chunk,
                       tsri_prepared **ret_prepared, tsr_error *err);

#endif
