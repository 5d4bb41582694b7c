#include "colormap.h"

#include <stddef.h>
#include <string.h>

enum { ANCHORS_MAX = 33 };

/* Colours at equal distances; those between are mixed. */
struct cli_colormap {
    const char *name;
    bool diverges; /* the first `below` anchors are for values below 0 */
    int below, count;
    uint32_t anchors[ANCHORS_MAX];
};

static const cli_colormap maps[] = {
    /* Smith and van der Walt 2015, in the public domain (CC0); every eighth entry. */
    {"viridis", false, 0, 33, {0x440154, 0x470d60, 0x48186a, 0x482374, 0x472d7b, 0x453681, 0x424086,
                               0x3f4989, 0x3b528b, 0x375a8d, 0x33638d, 0x2f6a8e, 0x2c728e, 0x297a8e,
                               0x26818e, 0x23898e, 0x21908c, 0x1f988b, 0x1f9f88, 0x21a685, 0x28ae80,
                               0x31b57b, 0x3ebc74, 0x4cc26c, 0x5dc963, 0x6ece58, 0x82d34c, 0x96d83f,
                               0xabdc32, 0xc0df24, 0xd5e21a, 0xeae51a, 0xfde725}},
    /* Nunez, Anderton, Renslow 2018, doi:10.1371/journal.pone.0199239; every eighth entry. */
    {"cividis", false, 0, 33, {0x00224e, 0x00285b, 0x002e6a, 0x043371, 0x1a386f, 0x273e6e, 0x32436d,
                               0x3b496c, 0x434e6c, 0x4b546c, 0x52596d, 0x5a5f6e, 0x61656f, 0x686a71,
                               0x6f7073, 0x757676, 0x7c7b78, 0x848179, 0x8b8778, 0x938d78, 0x9b9376,
                               0xa39a75, 0xaba072, 0xb3a670, 0xbbad6c, 0xc3b469, 0xccba64, 0xd4c15f,
                               0xddc958, 0xe6d051, 0xefd748, 0xf8df3c, 0xfee838}},
    {"gray", false, 0, 2, {0x000000, 0xffffff}},
    /* Sea from dark to pale blue, land from dark green over brown to snow: blue against yellow is
     * what all common kinds of colour blindness keep apart, and the step in lightness marks the
     * coast for the others. */
    {"terrain",
     true,
     6,
     13,
     {0x050a2e, 0x0b2560, 0x17478c, 0x2f73b3, 0x6fa8d2, 0xc3e2f0, 0x24401f, 0x4d6130, 0x7f7f45,
      0xa8935a, 0xc9af82, 0xe4d4ba, 0xffffff}},
};

const cli_colormap *colormap_find(const char *name)
{
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++)
        if (strcmp(maps[i].name, name) == 0)
            return &maps[i];
    return NULL;
}

bool colormap_diverges(const cli_colormap *map)
{
    return map->diverges;
}

static uint8_t mix(uint32_t from, uint32_t to, int shift, double share)
{
    double low = from >> shift & 0xff, high = to >> shift & 0xff;

    return (uint8_t)(low + (high - low) * share + 0.5);
}

/* The colour at `share` (0 to 1) of a run of anchors. */
static cli_colour interpolate(const uint32_t *anchors, int count, double share)
{
    double at = (share < 0 ? 0 : share > 1 ? 1 : share) * (count - 1);
    int index = (int)at;

    if (index >= count - 1)
        index = count - 2;
    at -= index;
    return (cli_colour){mix(anchors[index], anchors[index + 1], 16, at),
                        mix(anchors[index], anchors[index + 1], 8, at),
                        mix(anchors[index], anchors[index + 1], 0, at)};
}

cli_colour colormap_colour(const cli_colormap *map, double value, double low, double high)
{
    if (!map->diverges)
        return interpolate(map->anchors, map->count,
                           high > low ? (value - low) / (high - low) : 0.5);
    if (value < 0)
        return interpolate(map->anchors, map->below, low < 0 ? 1 - value / low : 1);
    return interpolate(map->anchors + map->below, map->count - map->below,
                       high > 0 ? value / high : 0);
}
