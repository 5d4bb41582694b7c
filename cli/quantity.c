#include "quantity.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct cli_unit {
    const char *name;
    double factor;
} cli_unit;

#define KIBI 1024.0

static const cli_unit units[] = {
    {"", 1},
    {"B", 1},
    {"K", KIBI},
    {"KiB", KIBI},
    {"M", KIBI *KIBI},
    {"MiB", KIBI *KIBI},
    {"G", KIBI *KIBI *KIBI},
    {"GiB", KIBI *KIBI *KIBI},
    {"T", KIBI *KIBI *KIBI *KIBI},
    {"TiB", KIBI *KIBI *KIBI *KIBI},
    {"kB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
};

static bool find_unit(const char *name, size_t length, double *ret_factor)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) == length && strncasecmp(units[i].name, name, length) == 0) {
            *ret_factor = units[i].factor;
            return true;
        }
    }
    return false;
}

/* The part of a number that stands before its unit: digits with at most one point. */
static size_t number_span(const char *text)
{
    size_t whole = strspn(text, "0123456789");

    if (text[whole] == '.')
        return whole + 1 + strspn(text + whole + 1, "0123456789");
    return whole;
}

bool quantity_parse_bytes(const char *text, bool rate, int64_t *ret_bytes)
{
    char number[64];
    size_t span = number_span(text), length;
    double value, factor;
    int64_t exact;

    if (span == 0 || span >= sizeof number)
        return false;
    memcpy(number, text, span);
    number[span] = '\0';
    text += span + strspn(text + span, " ");
    length = strlen(text);
    if (rate && length >= 2 && strcmp(text + length - 2, "/s") == 0)
        length -= 2;
    if (!find_unit(text, length, &factor) || !quantity_parse_double(number, &value))
        return false;
    if (factor == 1 && quantity_parse_integer(number, &exact)) {
        *ret_bytes = exact;
        return true;
    }
    value *= factor;
    if (!(value < 9223372036854775807.0))
        return false;
    *ret_bytes = (int64_t)value;
    return true;
}

bool quantity_parse_duration(const char *text, int64_t *ret_seconds)
{
    static const cli_unit times[] = {
        {"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}};
    char number[64];
    size_t span = number_span(text);
    double value;

    if (span == 0 || span >= sizeof number)
        return false;
    memcpy(number, text, span);
    number[span] = '\0';
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        if (strcmp(text + span, times[i].name) != 0)
            continue;
        if (!quantity_parse_double(number, &value) ||
            !(value * times[i].factor < 9223372036854775807.0))
            return false;
        *ret_seconds = (int64_t)(value * times[i].factor);
        return true;
    }
    return false;
}

bool quantity_parse_integer(const char *text, int64_t *ret_value)
{
    char *end;
    size_t digits = strspn(text + (*text == '-' || *text == '+'), "0123456789");

    if (digits == 0)
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || errno != 0)
        return false;
    *ret_value = value;
    return true;
}

/* LC_NUMERIC is never set by this program, so strtod reads the C locale's point. */
bool quantity_parse_double(const char *text, double *ret_value)
{
    char *end;
    double value;

    if (*text == '\0' || strchr(" \t\n", *text))
        return false;
    value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *ret_value = value;
    return true;
}

bool quantity_parse_pair(const char *text, double *ret_low, double *ret_high)
{
    char low[64];
    size_t span = strcspn(text, ",");

    if (text[span] != ',' || span == 0 || span >= sizeof low)
        return false;
    memcpy(low, text, span);
    low[span] = '\0';
    text += span + 1;
    return quantity_parse_double(low, ret_low) &&
           quantity_parse_double(text + strspn(text, " "), ret_high);
}
