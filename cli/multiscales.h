/* Images in several sizes as OME-Zarr 0.5 describes them: the member "ome" of a group's attributes,
 * with an entry "multiscales". https://ngff.openmicroscopy.org/0.5/#multiscale-md */
#ifndef TESSERA_CLI_MULTISCALES_H
#define TESSERA_CLI_MULTISCALES_H

#include <json-c/json.h>
#include <tessera/array.h>

#include "invocation.h"

/* The axes of an image: 2 or 3 of space, in front of them at most one that is something else (a
 * channel, as a rule), and at most one of time first of all. */
typedef struct cli_image_axes {
    int rank;
    const char *names[TSR_RANK_MAX];
    const char *types[TSR_RANK_MAX]; /* "space", "time", "channel", or NULL */
    const char *units[TSR_RANK_MAX]; /* NULL: not said */
    bool is_space[TSR_RANK_MAX];
    char *name_text, *unit_text; /* that names and units point into */
} cli_image_axes;

/* Finds the axes of an array by their names (--dimension-names, else its own, else those of
 * OME-Zarr by their number: y,x; z,y,x; c,z,y,x; t,c,z,y,x), and reads --units. `array` lends its
 * names. Errors: UNSUPPORTED (these are no axes of an image in OME-Zarr), INVALID_ARGUMENT,
 * NO_MEMORY. */
int image_axes_find(cli_invocation *invocation, const tsr_array *array, cli_image_axes *ret_axes);
void image_axes_clear(cli_image_axes *axes);

/* One of the arrays "0", "1", ...: how large its elements are, and where the centre of the first
 * one lies. */
typedef struct cli_image_level {
    double scale[TSR_RANK_MAX], translation[TSR_RANK_MAX];
} cli_image_level;

/* The attribute of OME-Zarr among those of a group; borrowed; NULL: there is none. */
struct json_object *image_attribute(struct json_object *attributes);

/* Whether it describes an image in several sizes, or is nothing that one could be added to. */
bool image_attribute_is_taken(struct json_object *attributes);

/* The attributes of the group as JSON, with what else `before` has (NULL: nothing). Owner: the
 * caller, by tsr_free. Errors: NO_MEMORY. */
int image_attributes(const cli_image_axes *axes, const char *name, const char *method,
                     const cli_image_level *levels, int level_count, struct json_object *before,
                     char **ret_json, tsr_error *err);

#endif
