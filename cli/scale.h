/* Round numbers along a scale, for ticks. */
#ifndef TESSERA_CLI_SCALE_H
#define TESSERA_CLI_SCALE_H

enum { SCALE_TICKS_MAX = 16, SCALE_LABEL_MAX = 32 };

typedef struct cli_scale_tick {
    double value;
    char label[SCALE_LABEL_MAX];
} cli_scale_tick;

/* Multiples of 1, 2 or 5 times a power of ten from low to high, at most `wanted` (and
 * SCALE_TICKS_MAX). Returns how many. */
int scale_ticks(double low, double high, int wanted, cli_scale_tick *ret_ticks);

#endif
