#include "meta/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "meta/json_pointer.h"

const char *tsri_json_source(const tsri_json *value)
{
    return json_object_is_type(value, json_type_double)
               ? json_object_get_userdata((tsri_json *)value)
               : NULL;
}

/* Whether a number is written as an integer. */
static bool is_integer_text(const char *source)
{
    return source != NULL && source[strspn(source, "-0123456789")] == '\0';
}

const char *tsri_json_kind(const tsri_json *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return "null";
    case json_type_boolean:
        return json_object_get_boolean(value) ? "true" : "false";
    case json_type_double:
        return is_integer_text(tsri_json_source(value)) ? "an integer of more than 64 bits"
                                                        : "a number with a fraction or exponent";
    case json_type_int:
        return "an integer";
    case json_type_string:
        return "a string";
    case json_type_array:
        return "an array";
    case json_type_object:
        return "an object";
    }
    return "an unknown value";
}

int tsri_json_refuse(tsr_error *err, int status, const char *path, const char *name,
                     const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tsr_error_vset(err, status, format, arguments);
    va_end(arguments);
    tsri_json_pointer pointer;
    tsri_json_pointer_init(&pointer, path);
    if (name != NULL)
        tsri_json_pointer_name(&pointer, name);
    tsr_error_prepend(err, "%s", tsri_json_pointer_text(&pointer));
    return status;
}

/* Finds a member; *ret_found false when it is absent and that is allowed. */
static int find(const tsri_json *object, const char *path, const char *name, bool required,
                tsri_json **ret_value, bool *ret_found, tsr_error *err)
{
    if (!json_object_is_type(object, json_type_object))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "must be an object, not %s",
                                tsri_json_kind(object));
    *ret_found = json_object_object_get_ex(object, name, ret_value);
    if (!*ret_found && required)
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, name,
                                "this required field is missing");
    return 0;
}

static int wrong_kind(const tsri_json *value, const char *path, const char *name,
                      const char *expected, tsr_error *err)
{
    return tsri_json_refuse(err, TSR_BAD_METADATA, path, name, "must be %s, not %s", expected,
                            tsri_json_kind(value));
}

int tsri_json_member(const tsri_json *object, const char *path, const char *name, bool required,
                     tsri_json **ret_value, tsr_error *err)
{
    tsri_json *value = NULL;
    bool found = false;
    TSRI_TRY(find(object, path, name, required, &value, &found, err));
    if (found)
        *ret_value = value;
    return 0;
}

int tsri_json_string(const tsri_json *object, const char *path, const char *name, bool required,
                     const char **ret_text, tsr_error *err)
{
    tsri_json *value = NULL;
    bool found = false;
    TSRI_TRY(find(object, path, name, required, &value, &found, err));
    if (!found)
        return 0;
    if (!json_object_is_type(value, json_type_string))
        return wrong_kind(value, path, name, "a string", err);
    const char *text = json_object_get_string(value);
    if (strlen(text) != (size_t)json_object_get_string_len(value))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, name, "this string holds U+0000");
    *ret_text = text;
    return 0;
}

static int check_int(const tsri_json *value, const char *path, const char *name, int64_t minimum,
                     int64_t maximum, int64_t *ret_value, tsr_error *err)
{
    int64_t number = 0;
    uint64_t large = 0;
    if (!tsri_json_get_int64(value, false, &number)) {
        if (tsri_json_get_uint64(value, &large))
            return tsri_json_refuse(err, TSR_BAD_METADATA, path, name,
                                    "%llu is not in %lld .. %lld", (unsigned long long)large,
                                    (long long)minimum, (long long)maximum);
        return wrong_kind(value, path, name, "an integer", err);
    }
    if (number < minimum || number > maximum)
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, name, "%lld is not in %lld .. %lld",
                                (long long)number, (long long)minimum, (long long)maximum);
    *ret_value = number;
    return 0;
}

int tsri_json_int(const tsri_json *object, const char *path, const char *name, bool required,
                  int64_t minimum, int64_t maximum, int64_t *ret_value, tsr_error *err)
{
    tsri_json *value = NULL;
    bool found = false;
    TSRI_TRY(find(object, path, name, required, &value, &found, err));
    return found ? check_int(value, path, name, minimum, maximum, ret_value, err) : 0;
}

int tsri_json_bool(const tsri_json *object, const char *path, const char *name, bool required,
                   bool *ret_value, tsr_error *err)
{
    tsri_json *value = NULL;
    bool found = false;
    TSRI_TRY(find(object, path, name, required, &value, &found, err));
    if (!found)
        return 0;
    if (!json_object_is_type(value, json_type_boolean))
        return wrong_kind(value, path, name, "true or false", err);
    *ret_value = json_object_get_boolean(value);
    return 0;
}

int tsri_json_double(const tsri_json *object, const char *path, const char *name, bool required,
                     double *ret_value, tsr_error *err)
{
    tsri_json *value = NULL;
    bool found = false;
    TSRI_TRY(find(object, path, name, required, &value, &found, err));
    if (!found)
        return 0;
    if (!json_object_is_type(value, json_type_double) && !json_object_is_type(value, json_type_int))
        return wrong_kind(value, path, name, "a number", err);
    uint64_t large = 0;
    double number =
        tsri_json_get_uint64(value, &large) ? (double)large : json_object_get_double(value);
    if (!isfinite(number))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, name,
                                "is beyond the range of a double");
    *ret_value = number;
    return 0;
}

int tsri_json_int_list(const tsri_json *object, const char *path, const char *name, bool required,
                       int64_t minimum, int64_t maximum, int capacity, int64_t *values,
                       int *ret_count, tsr_error *err)
{
    tsri_json *list = NULL;
    bool found = false;
    TSRI_TRY(find(object, path, name, required, &list, &found, err));
    if (!found)
        return 0;
    if (!json_object_is_type(list, json_type_array))
        return wrong_kind(list, path, name, "an array of integers", err);
    size_t length = json_object_array_length(list);
    if (length > (size_t)capacity)
        return tsri_json_refuse(err, TSR_LIMIT, path, name, "%zu entries; at most %d are supported",
                                length, capacity);
    for (int pass = 0; pass < 2;
         pass++) /* check, then write, so that a failure leaves `values` untouched */
        for (size_t i = 0; i < length; i++) {
            tsri_json_pointer element;
            int64_t number = 0;
            tsri_json_pointer_init(&element, path);
            tsri_json_pointer_name(&element, name);
            tsri_json_pointer_index(&element, i);
            TSRI_TRY(check_int(json_object_array_get_idx(list, i), element.text, NULL, minimum,
                               maximum, &number, err));
            if (pass == 1)
                values[i] = number;
        }
    *ret_count = (int)length;
    return 0;
}

/* Whether an unknown member may be ignored: an object that says so itself. */
static bool may_be_ignored(const tsri_json *value)
{
    tsri_json *flag = NULL;
    return json_object_is_type(value, json_type_object) &&
           json_object_object_get_ex(value, "must_understand", &flag) &&
           json_object_is_type(flag, json_type_boolean) && !json_object_get_boolean(flag);
}

int tsri_json_only(const tsri_json *object, const char *path, const char *const *known,
                   tsr_error *err)
{
    json_object_object_foreach(object, name, value)
    {
        bool found = false;
        for (size_t i = 0; known[i] != NULL && !found; i++)
            found = strcmp(known[i], name) == 0;
        if (found || may_be_ignored(value))
            continue;
        tsri_json_refuse(err, TSR_BAD_METADATA, path, name,
                         "this field is not known, and readers must understand it");
        tsr_error_set_next_step(
            err, "it needs a newer version of this library, or \"must_understand\": false in it");
        return TSR_BAD_METADATA;
    }
    return 0;
}

bool tsri_json_get_int64(const tsri_json *value, bool allow_fraction, int64_t *ret_value)
{
    uint64_t large = 0;
    if (json_object_is_type(value, json_type_int)) {
        if (tsri_json_get_uint64(value, &large) && large > INT64_MAX)
            return false;
        *ret_value = json_object_get_int64(value);
        return true;
    }
    if (!json_object_is_type(value, json_type_double))
        return false;
    double number = json_object_get_double(value);
    const char *source = tsri_json_source(value);
    bool integral =
        source != NULL && strcmp(source, "-0") == 0; /* an integer for all but its sign */
    if ((is_integer_text(source) && !integral) || (!allow_fraction && !integral) ||
        number != trunc(number) || number < -0x1p63 || number >= 0x1p63)
        return false;
    *ret_value = (int64_t)number;
    return true;
}

bool tsri_json_get_uint64(const tsri_json *value, uint64_t *ret_value)
{
    if (!json_object_is_type(value, json_type_int))
        return false;
    int64_t number = json_object_get_int64(value); /* saturates for what is larger */
    if (number < 0)
        return false;
    *ret_value = json_object_get_uint64(value);
    return true;
}
