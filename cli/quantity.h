/* Numbers that people type: sizes with units, lists of lengths, pairs. All are independent of the
 * locale. */
#ifndef TESSERA_CLI_QUANTITY_H
#define TESSERA_CLI_QUANTITY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads "4096", "512MiB", "1.5 GiB", "10k", "50MiB/s" when `rate` allows the "/s". Units are powers
 * of 1024 (K, KiB, M, MiB, G, GiB, T, TiB) or of 1000 (kB, MB, GB, TB). False when it is no size or
 * exceeds 2^63-1. */
bool quantity_parse_bytes(const char *text, bool rate, int64_t *ret_bytes);

/* Reads a time with its unit, "90s", "15min", "1.5h", "30d", "2w", as whole seconds. False when it
 * is none or exceeds 2^63-1. */
bool quantity_parse_duration(const char *text, int64_t *ret_seconds);

/* Reads a decimal integer, all of `text`, with an optional sign. False when it is none or does not
 * fit. */
bool quantity_parse_integer(const char *text, int64_t *ret_value);

/* Reads a decimal floating-point number, all of `text`; "." is the point whatever the locale. */
bool quantity_parse_double(const char *text, double *ret_value);

/* Reads "LOW,HIGH". */
bool quantity_parse_pair(const char *text, double *ret_low, double *ret_high);

#endif
