/* A plane of an array as pixels: elements averaged or picked, read through a sink, in memory of one
 * value a pixel. */
#ifndef TESSERA_CLI_RASTER_H
#define TESSERA_CLI_RASTER_H

#include "location.h"
#include "moments.h"
#include "progress.h"

typedef enum cli_raster_method {
    RASTER_AUTO, /* the mean up to 4 GiB of elements, or where inner chunks have kept ones */
    RASTER_MEAN,
    RASTER_STRIDE
} cli_raster_method;

typedef struct cli_raster {
    int width, height;
    double *values; /* NaN: no value */
} cli_raster;

/* Fits `rows` x `columns` elements into at most max_width x max_height pixels, in proportion, and
 * enlarges small planes by whole factors up to `enlarge` pixels. */
void raster_fit(int64_t rows, int64_t columns, int max_width, int max_height, int enlarge,
                int *ret_width, int *ret_height);

/* Reads a selection of rank 2. Errors: those of reading, NO_MEMORY. */
int raster_read(const cli_selected_array *selected, const cli_moments_rules *rules,
                cli_raster_method method, int width, int height, cli_progress *progress,
                cli_raster *ret_raster, tsr_error *err);

/* Releases the values. */
void raster_clear(cli_raster *raster);

/* Turns the picture over. */
void raster_flip_rows(cli_raster *raster);
void raster_flip_columns(cli_raster *raster);

/* The values below which `low` and `high` percent of the pixels lie. False when no pixel has a
 * value. Errors: NO_MEMORY. */
int raster_percentiles(const cli_raster *raster, double low, double high, double *ret_low,
                       double *ret_high, bool *ret_any, tsr_error *err);

#endif
