#include "array/prepared_stock.h"

#include "array/array.h"

void tsri_prepared_stock_clear(tsri_prepared_stock *self)
{
    for (int i = 0; i < self->count; i++)
        tsri_prepared_unref(self->items[i]);
    *self = (tsri_prepared_stock){0};
}

static bool has_shape(const tsri_prepared *prepared, int rank, const int64_t *shape)
{
    return memcmp(prepared->shape, shape, (size_t)rank * sizeof *shape) == 0;
}

/* The caller holds the array's mutex. */
static tsri_prepared *find(const tsri_prepared_stock *self, int rank, const int64_t *shape)
{
    for (int i = 0; i < self->count; i++)
        if (has_shape(self->items[i], rank, shape))
            return tsri_prepared_ref(self->items[i]);
    return NULL;
}

/* Takes one hold for the stock; returns what has lost its place. The caller holds the mutex. */
static tsri_prepared *keep(tsri_prepared_stock *self, tsri_prepared *prepared)
{
    tsri_prepared *dropped = NULL;
    int at = self->count;

    if (self->count < TSRI_PREPARED_STOCK_MAX) {
        self->count++;
    } else {
        at = self->next;
        self->next = (self->next + 1) % TSRI_PREPARED_STOCK_MAX;
        dropped = self->items[at];
    }
    self->items[at] = tsri_prepared_ref(prepared);
    return dropped;
}

int tsri_array_prepare(tsr_array *array, const tsri_grid *grid, const int64_t *chunk,
                       tsri_prepared **ret_prepared, tsr_error *err)
{
    int64_t start[TSR_RANK_MAX] TSRI_UNINITIALIZED, shape[TSR_RANK_MAX] TSRI_UNINITIALIZED;
    tsri_prepared *prepared = array->prepared;

    if (!prepared || grid->is_regular) {
        *ret_prepared = prepared ? tsri_prepared_ref(prepared) : NULL;
        return 0;
    }
    tsri_grid_box(grid, chunk, start, shape);
    if (has_shape(prepared, array->rank, shape)) {
        *ret_prepared = tsri_prepared_ref(prepared);
        return 0;
    }
    pthread_mutex_lock(&array->mutex);
    prepared = find(&array->stock, array->rank, shape);
    pthread_mutex_unlock(&array->mutex);
    if (!prepared) {
        TSRI_TRY_IN(err, tsri_prepared_new(array->chain, shape, &prepared, err), "%s",
                    array->place);
        pthread_mutex_lock(&array->mutex);
        tsri_prepared *dropped = keep(&array->stock, prepared);
        pthread_mutex_unlock(&array->mutex);
        tsri_prepared_unref(dropped);
    }
    *ret_prepared = prepared;
    return 0;
}
