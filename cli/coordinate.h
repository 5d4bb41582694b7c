/* Coordinates of an axis: the one-dimensional array beside an array that is called after one of its
 * dimensions, as netCDF and xarray keep them. */
#ifndef TESSERA_CLI_COORDINATE_H
#define TESSERA_CLI_COORDINATE_H

#include <json-c/json.h>

#include "location.h"

typedef struct cli_coordinate {
    int64_t count;  /* 0: there is none that can be used */
    double *values; /* rising or falling */
    bool downwards; /* grows towards the bottom by its own word: positive = "down", or a name such
                       as depth */
    char label[96]; /* its name and units */
} cli_coordinate;

/* Looks for the coordinate of the axis that is `result_axis` of a selection, for the selected
 * elements. What cannot be used (not there, not in order, too long) is left out without an error.
 * Errors: NO_MEMORY. */
int coordinate_find(tsr_context *context, const cli_selected_array *selected, int result_axis,
                    cli_coordinate *ret_coordinate, tsr_error *err);

/* Releases the values. */
void coordinate_clear(cli_coordinate *coordinate);

/* Where a value lies, as an element number with a fraction; NaN outside. */
double coordinate_locate(const cli_coordinate *coordinate, double value);

/* An attribute that is a text, in `ret_text` of `capacity` bytes; empty when there is none. */
void coordinate_text_attribute(struct json_object *attributes, const char *name, char *ret_text,
                               size_t capacity);

#endif
