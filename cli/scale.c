#include "scale.h"

#include <math.h>
#include <stdio.h>

/* The smallest round step that is not below `rough`. */
static double round_step(double rough)
{
    double power = pow(10, floor(log10(rough)));

    if (rough <= power)
        return power;
    if (rough <= 2 * power)
        return 2 * power;
    return rough <= 5 * power ? 5 * power : 10 * power;
}

static void write_label(cli_scale_tick *tick, double step)
{
    int decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    double largest = fabs(tick->value);

    if (largest != 0 && (largest >= 1e7 || step < 1e-4))
        snprintf(tick->label, sizeof tick->label, "%.*g", 4, tick->value);
    else
        snprintf(tick->label, sizeof tick->label, "%.*f", decimals, tick->value);
}

int scale_ticks(double low, double high, int wanted, cli_scale_tick *ret_ticks)
{
    double step, first;
    int count = 0;

    if (!(high > low) || !isfinite(high - low)) {
        ret_ticks[0].value = low;
        snprintf(ret_ticks[0].label, sizeof ret_ticks[0].label, "%.6g", low);
        return 1;
    }
    if (wanted > SCALE_TICKS_MAX - 1)
        wanted = SCALE_TICKS_MAX - 1;
    step = round_step((high - low) / (wanted < 2 ? 2 : wanted));
    first = ceil(low / step - 1e-9);
    for (; count < SCALE_TICKS_MAX && (first + count) * step <= high + step * 1e-9; count++) {
        /* 0 is not the rest of a subtraction. */
        ret_ticks[count].value = (first + count) * step + 0.0;
        write_label(&ret_ticks[count], step);
    }
    return count;
}
