/* The count of days is that of H. Hinnant, "chrono-compatible low-level date algorithms". */
#include "tensor/calendar.h"

#include <inttypes.h>
#include <stdio.h>

typedef __int128 wide;

const char *const tsri_time_unit_names[TSRI_UNIT_COUNT] = {
    "Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as", "generic"};

#define DAYS_PER_ERA 146097 /* 400 years */

/* Attoseconds in a unit, from the week down. */
static wide attoseconds_in(tsri_time_unit unit)
{
    static const int64_t thousands[] = {1, 1000, 1000000, 1000000000};
    static const int32_t seconds[] = {604800, 86400, 3600, 60, 1};
    const wide second = (wide)thousands[3] * thousands[3];
    if (unit <= TSRI_UNIT_SECOND)
        return second * seconds[unit - TSRI_UNIT_WEEK];
    int steps = TSRI_UNIT_ATTOSECOND - unit;
    return (wide)thousands[steps / 2] * thousands[steps - steps / 2];
}

static wide floor_divide(wide value, wide divisor)
{
    return value / divisor - (value % divisor < 0);
}

static wide days_of_month(wide months)
{
    wide year = floor_divide(months, 12) + 1970;
    int month = (int)(months - floor_divide(months, 12) * 12) + 1;
    year -= month <= 2;
    wide era = floor_divide(year, 400);
    int year_of_era = (int)(year - era * 400);
    int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5;
    return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - 719468;
}

/* The month of a day, with the day in it (from 0) in *ret_day. */
static wide month_of_days(wide days, int *ret_day)
{
    wide shifted = days + 719468, era = floor_divide(shifted, DAYS_PER_ERA);
    int day = (int)(shifted - era * DAYS_PER_ERA);
    int year_of_era = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int day_of_year = day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int march_month = (5 * day_of_year + 2) / 153;
    *ret_day = day_of_year - (153 * march_month + 2) / 5;
    return (era * 400 + year_of_era - 1970) * 12 + march_month + 2;
}

static wide greatest_common_divisor(wide a, wide b)
{
    while (b != 0) {
        wide rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* value x up / down, rounded down; false when a part of it exceeds 127 bits. */
static bool multiply_divide(wide value, wide up, wide down, wide *ret_value)
{
    wide common = greatest_common_divisor(up, down), product;
    up /= common;
    down /= common;
    if (__builtin_mul_overflow(value, up, &product))
        return false;
    *ret_value = floor_divide(product, down);
    return true;
}

static bool is_calendar(tsri_time_unit unit)
{
    return unit <= TSRI_UNIT_MONTH;
}

/* Months of a step of years or months. */
static wide months_in(tsri_time_scale scale)
{
    return (wide)scale.scale * (scale.unit == TSRI_UNIT_YEAR ? 12 : 1);
}

static bool rescale_moment(tsri_time_scale from, tsri_time_scale to, int64_t value, wide *ret_value)
{
    const tsri_time_scale days = {TSRI_UNIT_DAY, 1};
    int day;
    wide count;
    if (is_calendar(from.unit))
        return multiply_divide(days_of_month(value * months_in(from)), attoseconds_in(days.unit),
                               attoseconds_in(to.unit) * to.scale, ret_value);
    if (!multiply_divide(value, attoseconds_in(from.unit) * from.scale, attoseconds_in(days.unit),
                         &count))
        return false;
    return multiply_divide(month_of_days(count, &day), 1, months_in(to), ret_value);
}

bool tsri_time_rescale(bool is_moment, tsri_time_scale from, tsri_time_scale to, int64_t value,
                       int64_t *ret_value)
{
    wide result = value;
    bool known = true;
    if (value == TSRI_NOT_A_TIME || from.unit == TSRI_UNIT_GENERIC ||
        to.unit == TSRI_UNIT_GENERIC || (from.unit == to.unit && from.scale == to.scale)) {
        *ret_value = value;
        return true;
    }
    if (is_calendar(from.unit) && is_calendar(to.unit))
        known = multiply_divide(value, months_in(from), months_in(to), &result);
    else if (is_calendar(from.unit) || is_calendar(to.unit))
        known = is_moment && rescale_moment(from, to, value, &result);
    else
        known = multiply_divide(value, attoseconds_in(from.unit) * from.scale,
                                attoseconds_in(to.unit) * to.scale, &result);
    if (!known || result <= INT64_MIN || result > INT64_MAX)
        return false;
    *ret_value = (int64_t)result;
    return true;
}

bool tsri_time_factor(tsri_time_scale from, tsri_time_scale to, int64_t *ret_up, int64_t *ret_down)
{
    bool months = is_calendar(from.unit);
    if (from.unit == TSRI_UNIT_GENERIC || to.unit == TSRI_UNIT_GENERIC ||
        months != is_calendar(to.unit))
        return false;
    wide up = months ? months_in(from) : attoseconds_in(from.unit) * from.scale;
    wide down = months ? months_in(to) : attoseconds_in(to.unit) * to.scale;
    wide common = greatest_common_divisor(up, down);
    *ret_up = (int64_t)TSRI_MIN(up / common, (wide)INT64_MAX);
    *ret_down = (int64_t)TSRI_MIN(down / common, (wide)INT64_MAX);
    return up / common <= INT64_MAX && down / common <= INT64_MAX;
}

/* ---- text ---- */

/* Digits behind the second that a unit has. */
static int fraction_digits(tsri_time_unit unit)
{
    return unit > TSRI_UNIT_SECOND ? 3 * (unit - TSRI_UNIT_SECOND) : 0;
}

static int write_year(wide year, char *text)
{
    char digits[48];
    int count = 0, length = 0;
    bool negative = year < 0;
    for (wide rest = negative ? -year : year; rest > 0 || count == 0; rest /= 10)
        digits[count++] = (char)('0' + (int)(rest % 10));
    while (count + negative < 4)
        digits[count++] = '0';
    if (negative)
        text[length++] = '-';
    while (count > 0)
        text[length++] = digits[--count];
    text[length] = '\0';
    return length;
}

static int write_clock(tsri_time_unit unit, wide attoseconds, char *text)
{
    const wide second = attoseconds_in(TSRI_UNIT_SECOND);
    int seconds = (int)(attoseconds / second), digits = fraction_digits(unit), length;
    int64_t fraction = (int64_t)(attoseconds % second);
    length = sprintf(text, "T%02d", seconds / 3600);
    if (unit >= TSRI_UNIT_MINUTE)
        length += sprintf(text + length, ":%02d", seconds / 60 % 60);
    if (unit >= TSRI_UNIT_SECOND)
        length += sprintf(text + length, ":%02d", seconds % 60);
    if (digits > 0) {
        char all[24];
        sprintf(all, "%018" PRId64, fraction);
        length += sprintf(text + length, ".%.*s", digits, all);
    }
    return length;
}

int tsri_time_format(tsri_time_scale scale, int64_t value, char *text)
{
    wide months, attoseconds = 0;
    int day = 0, length;
    if (value == TSRI_NOT_A_TIME)
        return sprintf(text, "NaT");
    if (scale.unit == TSRI_UNIT_GENERIC)
        return sprintf(text, "%" PRId64, value);
    if (is_calendar(scale.unit)) {
        months = value * months_in(scale);
    } else {
        /* In days and the rest, each of which fits whatever the scale. */
        wide step = attoseconds_in(scale.unit), day_length = attoseconds_in(TSRI_UNIT_DAY);
        wide units = (wide)value * scale.scale, per_day = TSRI_MAX(day_length / step, (wide)1);
        wide days = step > day_length ? units * 7 : floor_divide(units, per_day);
        attoseconds = step > day_length ? 0 : (units - days * per_day) * step;
        months = month_of_days(days, &day);
    }
    length = write_year(floor_divide(months, 12) + 1970, text);
    if (scale.unit >= TSRI_UNIT_MONTH)
        length +=
            sprintf(text + length, "-%02d", (int)(months - floor_divide(months, 12) * 12) + 1);
    if (scale.unit >= TSRI_UNIT_WEEK)
        length += sprintf(text + length, "-%02d", day + 1);
    if (scale.unit >= TSRI_UNIT_HOUR)
        length += write_clock(scale.unit, attoseconds, text + length);
    return length;
}

/* Takes a number of 1 to `most` digits. */
static bool take_digits(const char **text, int least, int most, int64_t *ret_number)
{
    int count = 0;
    *ret_number = 0;
    for (; count < most && **text >= '0' && **text <= '9'; ++*text, count++)
        *ret_number = *ret_number * 10 + (**text - '0');
    return count >= least;
}

/* Takes `mark` and two digits that stand for at most `maximum`; nothing when the mark is missing.
 */
static bool take_part(const char **text, char mark, int minimum, int maximum, int64_t *ret_number,
                      bool *ret_there)
{
    *ret_there = **text == mark;
    if (!*ret_there)
        return true;
    ++*text;
    return take_digits(text, 2, 2, ret_number) && *ret_number >= minimum && *ret_number <= maximum;
}

/* What a text says, finest part last. */
typedef struct moment {
    int64_t months;                         /* since 1970 */
    int64_t day;                            /* 1.. */
    int64_t hour, minute, second, fraction; /* the last in attoseconds */
    tsri_time_unit finest;                  /* from the year to the second; attoseconds */
} moment;

static bool take_fraction(const char **text, moment *time)
{
    const char *start = ++*text;
    if (!take_digits(text, 1, 18, &time->fraction))
        return false;
    for (int64_t digits = *text - start; digits < 18; digits++)
        time->fraction *= 10;
    time->finest = TSRI_UNIT_ATTOSECOND;
    return true;
}

static bool take_clock(const char **text, moment *time)
{
    bool there;
    if (**text != 'T' && **text != ' ')
        return true;
    ++*text;
    time->finest = TSRI_UNIT_HOUR;
    if (!take_digits(text, 2, 2, &time->hour) || time->hour > 23 ||
        !take_part(text, ':', 0, 59, &time->minute, &there))
        return false;
    if (!there)
        return true;
    time->finest = TSRI_UNIT_MINUTE;
    if (!take_part(text, ':', 0, 59, &time->second, &there))
        return false;
    if (!there)
        return true;
    time->finest = TSRI_UNIT_SECOND;
    return **text != '.' || take_fraction(text, time);
}

static bool take_moment(const char *text, moment *time)
{
    int64_t year, month = 1;
    bool negative = *text == '-', there;
    *time = (moment){.day = 1, .finest = TSRI_UNIT_YEAR};
    text += negative || *text == '+';
    if (!take_digits(&text, negative ? 1 : 4, 17, &year) ||
        !take_part(&text, '-', 1, 12, &month, &there))
        return false;
    time->months = ((negative ? -year : year) - 1970) * 12 + month - 1;
    if (there) {
        time->finest = TSRI_UNIT_MONTH;
        if (!take_part(&text, '-', 1, 31, &time->day, &there) ||
            (wide)time->day > days_of_month(time->months + 1) - days_of_month(time->months))
            return false;
    }
    if (there) {
        time->finest = TSRI_UNIT_DAY;
        if (!take_clock(&text, time))
            return false;
    }
    text += *text == 'Z' && time->finest >= TSRI_UNIT_HOUR;
    return *text == '\0';
}

/* Whole steps of a time; false for a rest, or when they do not fit. */
static bool whole_steps(wide count, wide step, int64_t *ret_value)
{
    if (count % step != 0 || count / step <= INT64_MIN || count / step > INT64_MAX)
        return false;
    *ret_value = (int64_t)(count / step);
    return true;
}

bool tsri_time_parse(tsri_time_scale scale, const char *text, int64_t *ret_value)
{
    moment time;
    wide seconds, attoseconds;
    if (strcmp(text, "NaT") == 0) {
        *ret_value = TSRI_NOT_A_TIME;
        return true;
    }
    if (scale.unit == TSRI_UNIT_GENERIC || !take_moment(text, &time))
        return false;
    bool starts_month = time.day == 1 && time.hour == 0 && time.minute == 0 && time.second == 0 &&
                        time.fraction == 0;
    if (is_calendar(scale.unit))
        return starts_month && whole_steps(time.months, months_in(scale), ret_value);
    seconds = (days_of_month(time.months) + time.day - 1) * 86400 + time.hour * 3600 +
              time.minute * 60 + time.second;
    if (scale.unit <= TSRI_UNIT_SECOND)
        return time.fraction == 0 && whole_steps(seconds,
                                                 attoseconds_in(scale.unit) /
                                                     attoseconds_in(TSRI_UNIT_SECOND) * scale.scale,
                                                 ret_value);
    return !__builtin_mul_overflow(seconds, attoseconds_in(TSRI_UNIT_SECOND), &attoseconds) &&
           whole_steps(attoseconds + time.fraction, attoseconds_in(scale.unit) * scale.scale,
                       ret_value);
}
