#include "export_attribute.h"

#if TESSERA_HAVE_NETCDF

#include <stdbool.h>
#include <string.h>

#include <netcdf.h>
#include <tessera.h>
#include <tessera/sys/json.h>

#include "memory.h"

/* What a value, or each item of a list, is. */
typedef enum value_class {
    VALUE_OTHER,
    VALUE_INTEGER,
    VALUE_UNSIGNED, /* beyond int64 */
    VALUE_REAL,
    VALUE_TEXT
} value_class;

static value_class classify(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_int:
        return json_object_get_uint64(value) > INT64_MAX ? VALUE_UNSIGNED : VALUE_INTEGER;
    case json_type_double:
        return VALUE_REAL;
    case json_type_string:
        return VALUE_TEXT;
    default:
        return VALUE_OTHER;
    }
}

/* Strings of netCDF end with the first 0 byte. */
static bool has_zero(struct json_object *text)
{
    return strlen(json_object_get_string(text)) != (size_t)json_object_get_string_len(text);
}

/* Texts of netCDF are UTF-8, which has no lone surrogates. */
static bool has_surrogate(struct json_object *text)
{
    const char *at = json_object_get_string(text);

    while ((at = strchr(at, 0xed)) && (unsigned char)at[1] < 0xa0)
        at++;
    return at != NULL;
}

/* What all items can be written as; integers beside others are real. A single text in a list could
 * not be told from one without. */
static value_class classify_list(struct json_object *list)
{
    size_t count = json_object_array_length(list), texts = 0, reals = 0, large = 0, negative = 0;

    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        value_class class = classify(item);
        if (class == VALUE_OTHER ||
            (class == VALUE_TEXT && (has_zero(item) || has_surrogate(item))))
            return VALUE_OTHER;
        texts += class == VALUE_TEXT;
        reals += class == VALUE_REAL;
        large += class == VALUE_UNSIGNED;
        negative += class == VALUE_INTEGER && json_object_get_int64(item) < 0;
    }
    if (texts > 0)
        return texts == count && count > 1 ? VALUE_TEXT : VALUE_OTHER;
    if (reals > 0)
        return large > 0 ? VALUE_OTHER : VALUE_REAL;
    return large == 0 ? VALUE_INTEGER : negative == 0 ? VALUE_UNSIGNED : VALUE_OTHER;
}

/* An item in the form that netCDF gets. */
union value {
    long long integer;
    unsigned long long unsigned_integer;
    double real;
    const char *text;
};

static int put_items(int group, int variable, const char *name, value_class class,
                     struct json_object *list, union value *values)
{
    size_t count = json_object_array_length(list);

    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        if (class == VALUE_INTEGER)
            values[i].integer = json_object_get_int64(item);
        else if (class == VALUE_UNSIGNED)
            values[i].unsigned_integer = json_object_get_uint64(item);
        else if (class == VALUE_REAL)
            values[i].real = json_object_get_double(item);
        else
            values[i].text = json_object_get_string(item);
    }
    switch (class) {
    case VALUE_INTEGER:
        return nc_put_att(group, variable, name, NC_INT64, count, values);
    case VALUE_UNSIGNED:
        return nc_put_att(group, variable, name, NC_UINT64, count, values);
    case VALUE_REAL:
        return nc_put_att(group, variable, name, NC_DOUBLE, count, values);
    default:
        return nc_put_att(group, variable, name, NC_STRING, count, values);
    }
}

static int put_list(int group, int variable, const char *name, value_class class,
                    struct json_object *list)
{
    union value *values = memory_zeroed(json_object_array_length(list) + 1, sizeof *values);
    int code = values ? put_items(group, variable, name, class, list, values) : NC_ENOMEM;

    memory_free(values);
    return code;
}

static int put_json(int group, int variable, const char *name, struct json_object *value)
{
    char *text;

    if (tsr_json_text(value, 0, &text, NULL) < 0)
        return NC_ENOMEM;
    int code = nc_put_att_text(group, variable, name, strlen(text), text);
    tsr_free(text);
    return code;
}

int export_attribute_put(int group, int variable, const char *name, struct json_object *value)
{
    value_class class = classify(value);
    union value single;

    if (json_object_is_type(value, json_type_array) &&
        (class = classify_list(value)) != VALUE_OTHER)
        return put_list(group, variable, name, class, value);
    switch (class) {
    case VALUE_INTEGER:
        single.integer = json_object_get_int64(value);
        return nc_put_att(group, variable, name, NC_INT64, 1, &single);
    case VALUE_UNSIGNED:
        single.unsigned_integer = json_object_get_uint64(value);
        return nc_put_att(group, variable, name, NC_UINT64, 1, &single);
    case VALUE_REAL:
        single.real = json_object_get_double(value);
        return nc_put_att(group, variable, name, NC_DOUBLE, 1, &single);
    case VALUE_TEXT:
        if (has_surrogate(value))
            return put_json(group, variable, name, value);
        return nc_put_att_text(group, variable, name, (size_t)json_object_get_string_len(value),
                               json_object_get_string(value));
    default:
        return put_json(group, variable, name, value);
    }
}

#endif
