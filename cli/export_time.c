#include "export_time.h"

#if TESSERA_HAVE_NETCDF

#include <stdio.h>
#include <string.h>

#include <netcdf.h>

#define UNITS_ATTRIBUTE "units"
#define CALENDAR_ATTRIBUTE "calendar"
#define CALENDAR "proleptic_gregorian"

/* Units of NumPy, those that they are written in, and the names of these. */
typedef struct unit_row {
    const char *unit, *written, *name; /* name: where `unit` is written as it is */
    bool spans;                        /* spans can be written so too */
} unit_row;

static const unit_row units[] = {
    {"Y", "D", NULL, false},
    {"M", "D", NULL, false},
    {"W", "D", NULL, true},
    {"D", "D", "days", true},
    {"h", "h", "hours", true},
    {"m", "m", "minutes", true},
    {"s", "s", "seconds", true},
    {"ms", "ms", "milliseconds", true},
    {"us", "us", "microseconds", true},
    {"ns", "ns", "nanoseconds", true},
};

/* NULL for all that is no time, or none that the conventions have. */
static const unit_row *find_row(const tsr_dtype *dtype, int64_t *ret_scale)
{
    const char *unit = tsr_dtype_time_unit(dtype, ret_scale);

    for (size_t i = 0; unit && i < sizeof units / sizeof *units; i++)
        if (strcmp(units[i].unit, unit) == 0)
            return dtype->kind == TSR_KIND_DATETIME || units[i].spans ? &units[i] : NULL;
    return NULL;
}

int export_time_dtype(const tsr_dtype *dtype, const tsr_dtype **ret_dtype, tsr_error *err)
{
    int64_t scale;
    const unit_row *row = find_row(dtype, &scale);

    return row ? tsr_dtype_time(dtype->kind, row->written, 1, ret_dtype, err) : 0;
}

const char *export_time_units(const tsr_dtype *dtype)
{
    int64_t scale = 0;
    const unit_row *row = find_row(dtype, &scale);
    return row && scale == 1 ? row->name : NULL;
}

bool export_time_owns(const char *name)
{
    return strcmp(name, UNITS_ATTRIBUTE) == 0 || strcmp(name, CALENDAR_ATTRIBUTE) == 0;
}

int export_time_set_fill(int group, int variable)
{
    const int64_t no_time = INT64_MIN;
    return nc_def_var_fill(group, variable, NC_FILL, &no_time);
}

int export_time_put(int group, int variable, const tsr_dtype *dtype, const char *name)
{
    bool is_moment = dtype->kind == TSR_KIND_DATETIME;
    char text[64];
    int code;

    snprintf(text, sizeof text, "%s%s", name, is_moment ? " since 1970-01-01" : "");
    code = nc_put_att_text(group, variable, UNITS_ATTRIBUTE, strlen(text), text);
    if (code == NC_NOERR && is_moment)
        code = nc_put_att_text(group, variable, CALENDAR_ATTRIBUTE, strlen(CALENDAR), CALENDAR);
    return code;
}

#endif
