/* Times in units from years to attoseconds, each with a scale, counted from 1970-01-01T00:00 in the
 * proleptic Gregorian calendar without leap seconds, as numpy.datetime64 counts them. Pure
 * functions; nothing here fails otherwise than by its result. */
#ifndef TESSERA_TENSOR_CALENDAR_H
#define TESSERA_TENSOR_CALENDAR_H

#include "base/base.h"

typedef enum tsri_time_unit {
    TSRI_UNIT_YEAR,
    TSRI_UNIT_MONTH,
    TSRI_UNIT_WEEK,
    TSRI_UNIT_DAY,
    TSRI_UNIT_HOUR,
    TSRI_UNIT_MINUTE,
    TSRI_UNIT_SECOND,
    TSRI_UNIT_MILLISECOND,
    TSRI_UNIT_MICROSECOND,
    TSRI_UNIT_NANOSECOND,
    TSRI_UNIT_PICOSECOND,
    TSRI_UNIT_FEMTOSECOND,
    TSRI_UNIT_ATTOSECOND,
    TSRI_UNIT_GENERIC, /* a number of no unit */
    TSRI_UNIT_COUNT
} tsri_time_unit;

/* NumPy's names: "Y", "M", ..., "as", "generic". */
extern const char *const tsri_time_unit_names[TSRI_UNIT_COUNT];

typedef struct tsri_time_scale {
    tsri_time_unit unit;
    int32_t scale; /* how many of the unit one step is: 1..2^31-1 */
} tsri_time_scale;

#define TSRI_NOT_A_TIME INT64_MIN

/* The same moment (`is_moment`) or length of time in other steps, rounded down. NaT stays NaT, and
 * a generic number keeps its value. False when the result does not fit, or when months would have
 * to become days in a length of time. */
bool tsri_time_rescale(bool is_moment, tsri_time_scale from, tsri_time_scale to, int64_t value,
                       int64_t *ret_value);

/* Whether every value is rescaled by the same factor of at most 64 bits, value x up / down in
 * lowest terms: so for loops over many. */
bool tsri_time_factor(tsri_time_scale from, tsri_time_scale to, int64_t *ret_up, int64_t *ret_down);

/* Writes a moment as numpy.datetime_as_string does ("1969-12-31T23:59:59.5", "NaT", a generic
 * number as it is) into `text`, which has room for 64 bytes. Returns the length. */
int tsri_time_format(tsri_time_scale scale, int64_t value, char *text);

/* Reads what tsri_time_format writes; a space may stand for the T, a Z at the end. Parts may be
 * left out from the right. False when `text` (which is all there is) is no time, or none that is a
 * whole number of steps. */
bool tsri_time_parse(tsri_time_scale scale, const char *text, int64_t *ret_value);

#endif
