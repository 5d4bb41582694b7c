/* Colours for values. Each map is read in the same order by eyes that cannot tell red from green,
 * or blue from yellow: lightness rises (or, in terrain, rises on each side of 0) from one end to
 * the other. */
#ifndef TESSERA_CLI_COLORMAP_H
#define TESSERA_CLI_COLORMAP_H

#include <stdbool.h>

#include "canvas.h"

typedef struct cli_colormap cli_colormap;

/* A map by its name, or NULL. */
const cli_colormap *colormap_find(const char *name);

/* The colour of a value on a scale from `low` to `high`; values beyond it get the colour of its
 * end. Terrain has a scale for what lies below 0 and one for what lies above. */
cli_colour colormap_colour(const cli_colormap *map, double value, double low, double high);

/* Whether 0 has a place of its own in the map. */
bool colormap_diverges(const cli_colormap *map);

#endif
