#include "coordinate.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "describe.h"
#include "memory.h"
#include "scalar.h"

enum { COUNT_MAX = 1 << 20 };

void coordinate_text_attribute(struct json_object *attributes, const char *name, char *ret_text,
                               size_t capacity)
{
    struct json_object *value;

    ret_text[0] = '\0';
    if (json_object_object_get_ex(attributes, name, &value) &&
        json_object_is_type(value, json_type_string))
        snprintf(ret_text, capacity, "%s", json_object_get_string(value));
}

static int describe(tsr_array *array, const char *name, cli_coordinate *coordinate, tsr_error *err)
{
    struct json_object *attributes;
    char units[64], positive[16];

    CLI_TRY(describe_array_attributes(array, &attributes, err));
    coordinate_text_attribute(attributes, "units", units, sizeof units);
    coordinate_text_attribute(attributes, "positive", positive, sizeof positive);
    json_object_put(attributes);
    snprintf(coordinate->label, sizeof coordinate->label, "%.40s%s%.40s%s", name,
             units[0] ? " (" : "", units, units[0] ? ")" : "");
    coordinate->downwards = positive[0]
                                ? strcasecmp(positive, "down") == 0
                                : strcasestr(name, "depth") != NULL || strcasecmp(name, "row") == 0;
    return 0;
}

static bool is_in_order(const double *values, int64_t count)
{
    bool rises = count > 1 && values[1] > values[0];

    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]) ||
            (i > 0 && (rises ? values[i] <= values[i - 1] : values[i] >= values[i - 1])))
            return false;
    return count > 0;
}

/* A picture is drawn without a coordinate that cannot be read, unless nothing can go on. */
static int hard_failure(int status, const tsr_error *error, tsr_error *err)
{
    if (status == TSR_NO_MEMORY || status == TSR_CANCELLED)
        return tsr_error_set(err, status, "%s", error->message);
    return 0;
}

static int read_values(tsr_array *array, const tsr_index_axis *axis, cli_coordinate *coordinate,
                       tsr_error *err)
{
    const tsr_dtype *dtype = tsr_array_dtype(array);
    size_t size_bytes = (size_t)tsr_array_shape(array)[0] * dtype->size_bytes;
    char *elements = memory_bytes(size_bytes);
    double *values = memory_bytes((size_t)axis->count * sizeof *values);
    tsr_error error = TSR_ERROR_INIT;
    int status = TSR_NO_MEMORY;

    if (elements && values)
        status = tsr_array_read(array, NULL, NULL, NULL, elements, size_bytes, NULL, &error);
    else
        tsr_error_set(&error, status, "out of memory for the coordinates");
    if (status >= 0)
        scalar_to_doubles(dtype, elements + axis->start * (int64_t)dtype->size_bytes,
                          axis->step * (int64_t)dtype->size_bytes, axis->count, values);
    memory_free(elements);
    if (status >= 0 && is_in_order(values, axis->count)) {
        coordinate->values = values;
        coordinate->count = axis->count;
    } else {
        memory_free(values);
    }
    return hard_failure(status, &error, err);
}

static bool fits(const tsr_array *array, int64_t length)
{
    const tsr_dtype *dtype = tsr_array_dtype(array);

    return tsr_array_rank(array) == 1 && tsr_array_shape(array)[0] == length &&
           length <= COUNT_MAX && dtype->kind < TSR_KIND_COMPLEX;
}

static int read_coordinate(tsr_context *context, const cli_selected_array *selected, int axis,
                           const char *place, cli_coordinate *coordinate, tsr_error *err)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_error error = TSR_ERROR_INIT;
    int status = tsr_array_open(context, place, NULL, &array, &error);

    if (status < 0)
        return hard_failure(status, &error, err);
    if (!fits(array, tsr_array_shape(selected->array)[axis]))
        return 0;
    CLI_TRY(describe(array, location_base_name(place), coordinate, err));
    return read_values(array, &selected->index.axes[axis], coordinate, err);
}

int coordinate_find(tsr_context *context, const cli_selected_array *selected, int result_axis,
                    cli_coordinate *ret_coordinate, tsr_error *err)
{
    int axis = tsr_index_array_axis(&selected->index, result_axis), status;
    const char *name = axis < 0 ? NULL : tsr_array_dimension_name(selected->array, axis);
    char *parent, *place;

    memset(ret_coordinate, 0, sizeof *ret_coordinate);
    if (!name || !*name || strchr(name, '/') || strcmp(name, "..") == 0)
        return 0;
    parent = location_parent(tsr_array_place(selected->array));
    place = parent ? location_join(parent, name) : NULL;
    memory_free(parent);
    if (!place)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    status = read_coordinate(context, selected, axis, place, ret_coordinate, err);
    memory_free(place);
    return status;
}

void coordinate_clear(cli_coordinate *coordinate)
{
    memory_free(coordinate->values);
    coordinate->values = NULL;
    coordinate->count = 0;
}

double coordinate_locate(const cli_coordinate *coordinate, double value)
{
    const double *values = coordinate->values;
    int64_t low = 0, high = coordinate->count - 1;
    bool rises = high > 0 && values[high] > values[0];

    if (rises ? value < values[low] || value > values[high]
              : value > values[low] || value < values[high])
        return NAN;
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (rises ? values[middle] <= value : values[middle] >= value)
            low = middle;
        else
            high = middle;
    }
    if (high == low || values[high] == values[low])
        return (double)low;
    return (double)low + (value - values[low]) / (values[high] - values[low]);
}
