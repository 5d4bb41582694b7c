#include "coordinate.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include <json-c/json.h>

#include "memory.h"
#include "scalar.h"

enum { COUNT_MAX = 1 << 20 };

void coordinate_text_attribute(tsr_array *array, const char *name, char *ret_text, size_t capacity)
{
    struct json_object *attributes, *value;
    char *json;

    ret_text[0] = '\0';
    if (tsr_array_attributes(array, &json, NULL) < 0)
        return;
    attributes = json_tokener_parse(json);
    tsr_free(json);
    if (json_object_is_type(attributes, json_type_object) &&
        json_object_object_get_ex(attributes, name, &value) &&
        json_object_is_type(value, json_type_string))
        snprintf(ret_text, capacity, "%s", json_object_get_string(value));
    json_object_put(attributes);
}

/* The axis of the array that is number `result_axis` of the result. */
static int array_axis(const tsr_index *index, int result_axis)
{
    for (int i = 0; i < index->rank; i++)
        if (index->axes[i].kind == TSR_INDEX_RANGE && result_axis-- == 0)
            return i;
    return -1;
}

static void describe(tsr_array *array, const char *name, cli_coordinate *coordinate)
{
    char units[64], positive[16];

    coordinate_text_attribute(array, "units", units, sizeof units);
    coordinate_text_attribute(array, "positive", positive, sizeof positive);
    snprintf(coordinate->label, sizeof coordinate->label, "%.40s%s%.40s%s", name,
             units[0] ? " (" : "", units, units[0] ? ")" : "");
    coordinate->downwards = positive[0]
                                ? strcasecmp(positive, "down") == 0
                                : strcasestr(name, "depth") != NULL || strcasecmp(name, "row") == 0;
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

static int read_values(tsr_array *array, const tsr_index_axis *axis, cli_coordinate *coordinate,
                       tsr_error *err)
{
    const tsr_dtype *dtype = tsr_array_dtype(array);
    int64_t length = tsr_array_shape(array)[0];
    size_t size_bytes = (size_t)length * dtype->size_bytes;
    char *elements = memory_bytes(size_bytes + 1);
    double *values = memory_bytes((size_t)axis->count * sizeof *values);
    int status = elements && values ? 0 : tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    bool good = status >= 0 &&
                tsr_array_read(array, NULL, NULL, NULL, elements, size_bytes, NULL, NULL) >= 0;

    if (good)
        scalar_to_doubles(dtype, elements + axis->start * (int64_t)dtype->size_bytes,
                          axis->step * (int64_t)dtype->size_bytes, axis->count, values);
    memory_free(elements);
    if (good && is_in_order(values, axis->count)) {
        coordinate->values = values;
        coordinate->count = axis->count;
    } else {
        memory_free(values);
    }
    return status;
}

static bool fits(const tsr_array *array, int64_t length)
{
    const tsr_dtype *dtype = tsr_array_dtype(array);

    return tsr_array_rank(array) == 1 && tsr_array_shape(array)[0] == length &&
           length <= COUNT_MAX && dtype->kind != TSR_KIND_COMPLEX && dtype->kind != TSR_KIND_RAW;
}

int coordinate_find(tsr_context *context, const cli_selected_array *selected, int result_axis,
                    cli_coordinate *ret_coordinate, tsr_error *err)
{
    int axis = array_axis(&selected->index, result_axis), status = 0;
    const char *name = axis < 0 ? NULL : tsr_array_dimension_name(selected->array, axis);
    tsr_auto(tsr_array) *array = NULL;
    cli_coordinate coordinate = {0};
    char *parent, *place;

    memset(ret_coordinate, 0, sizeof *ret_coordinate);
    if (!name || strchr(name, '/') || strcmp(name, "..") == 0)
        return 0;
    parent = location_parent(tsr_array_place(selected->array));
    place = parent ? location_join(parent, name) : NULL;
    memory_free(parent);
    if (!place)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    if (tsr_array_open(context, place, NULL, &array, NULL) >= 0 &&
        fits(array, tsr_array_shape(selected->array)[axis])) {
        describe(array, name, &coordinate);
        status = read_values(array, &selected->index.axes[axis], &coordinate, err);
    }
    memory_free(place);
    *ret_coordinate = coordinate;
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
