#include "codec/zarr_dtype.h"

#include <stdio.h>

#include "base/output.h"
#include "meta/extension.h"
#include "meta/json_pointer.h"
#include "tensor/element.h"

#define FIELDS_MAX 4096

static int unsupported_type(const char *path, const char *what, tsr_error *err)
{
    tsri_json_refuse(err, TSR_UNSUPPORTED, path, NULL, "the data type %s is not supported", what);
    tsr_error_set_next_step(err, "supported are: %s; struct, and v2's lists of fields",
                            tsri_dtype_known_names);
    return TSR_UNSUPPORTED;
}

/* What a caller of the library did wrong is here wrong in the metadata. */
static int blame_metadata(int status, const char *path, tsr_error *err)
{
    if (status != TSR_INVALID_ARGUMENT)
        return status;
    if (err != NULL)
        err->status = TSR_BAD_METADATA;
    tsr_error_prepend(err, "%s", path);
    return TSR_BAD_METADATA;
}

/* ---- fields of a struct under construction ---- */

typedef struct field_list {
    tsr_field *fields;
    int count;
} field_list;

static void field_list_cleanup(field_list *list)
{
    for (int i = 0; i < list->count; i++)
        tsr_dtype_unref(list->fields[i].dtype);
    tsri_free(list->fields);
}

static int field_list_init(field_list *list, const tsri_json *value, const char *path,
                           tsr_error *err)
{
    if (!json_object_is_type(value, json_type_array)) {
        tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "must be an array of fields, not %s",
                         tsri_json_kind(value));
        return TSR_BAD_METADATA;
    }
    size_t count = json_object_array_length(value);
    if (count < 1 || count > FIELDS_MAX) {
        tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "%zu fields; a struct has 1 to %d",
                         count, FIELDS_MAX);
        return TSR_BAD_METADATA;
    }
    list->fields = tsri_alloc_array_zero(count, sizeof *list->fields);
    return list->fields != NULL ? 0 : tsri_error_no_memory(err, count * sizeof *list->fields);
}

/* The name of a field: a string without U+0000. */
static int field_name(const tsri_json *value, const char *path, const char **ret_name,
                      tsr_error *err)
{
    if (!json_object_is_type(value, json_type_string))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "must be a string, not %s",
                                tsri_json_kind(value));
    *ret_name = json_object_get_string((tsri_json *)value);
    if (strlen(*ret_name) != (size_t)json_object_get_string_len(value))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "this name holds U+0000");
    return 0;
}

static int make_struct(const field_list *list, const char *path, const tsr_dtype **ret_dtype,
                       tsr_error *err)
{
    return blame_metadata(tsr_dtype_struct(list->fields, list->count, ret_dtype, err), path, err);
}

/* ---- v3 ---- */

static int configuration_of(const tsri_extension *extension, const char *path, tsr_error *err)
{
    if (extension->configuration != NULL)
        return 0;
    return tsri_json_refuse(err, TSR_BAD_METADATA, path, "configuration",
                            "this required field is missing");
}

static int read_time(const tsri_extension *extension, const char *path, const tsr_dtype **ret_dtype,
                     tsr_error *err)
{
    static const char *const known[] = {"unit", "scale_factor", NULL};
    const tsri_json *configuration = extension->configuration;
    tsri_json_pointer inner;
    const char *unit = NULL;
    int64_t scale = 1;
    tsri_json_pointer_init(&inner, path);
    tsri_json_pointer_name(&inner, "configuration");
    TSRI_TRY(configuration_of(extension, path, err));
    TSRI_TRY(tsri_json_only(configuration, inner.text, known, err));
    TSRI_TRY(tsri_json_string(configuration, inner.text, "unit", true, &unit, err));
    TSRI_TRY(
        tsri_json_int(configuration, inner.text, "scale_factor", true, 1, INT32_MAX, &scale, err));
    tsr_kind kind =
        strcmp(extension->name, "numpy.datetime64") == 0 ? TSR_KIND_DATETIME : TSR_KIND_TIMEDELTA;
    return blame_metadata(tsr_dtype_time(kind, unit, scale, ret_dtype, err), inner.text, err);
}

static int read_fixed_length(const tsri_extension *extension, const char *path,
                             const tsr_dtype **ret_dtype, tsr_error *err)
{
    static const char *const known[] = {"length_bytes", NULL};
    tsri_json_pointer inner;
    int64_t length = 0;
    tsri_json_pointer_init(&inner, path);
    tsri_json_pointer_name(&inner, "configuration");
    TSRI_TRY(configuration_of(extension, path, err));
    TSRI_TRY(tsri_json_only(extension->configuration, inner.text, known, err));
    TSRI_TRY(tsri_json_int(extension->configuration, inner.text, "length_bytes", true, 1, 1 << 20,
                           &length, err));
    if (strcmp(extension->name, "raw_bytes") == 0)
        return tsr_dtype_raw((size_t)length, ret_dtype, err);
    if (strcmp(extension->name, "null_terminated_bytes") == 0)
        return tsr_dtype_fixed_text(TSR_KIND_BYTES, length, ret_dtype, err);
    if (length % 4 != 0)
        return tsri_json_refuse(err, TSR_BAD_METADATA, inner.text, "length_bytes",
                                "%lld is no multiple of 4", (long long)length);
    return tsr_dtype_fixed_text(TSR_KIND_TEXT, length / 4, ret_dtype, err);
}

/* {"name", "data_type"}; of the legacy type also ["name", data type]. */
static int read_field_v3(const tsri_json *value, const char *path, bool legacy, tsr_field *field,
                         tsr_error *err)
{
    static const char *const known[] = {"name", "data_type", NULL};
    tsri_json *type = NULL;
    tsri_json_pointer inner;
    tsri_json_pointer_init(&inner, path);
    if (legacy && json_object_is_type(value, json_type_array)) {
        if (json_object_array_length(value) != 2)
            return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL,
                                    "must be a pair: [name, data type]");
        tsri_json_pointer_index(&inner, 0);
        TSRI_TRY(field_name(json_object_array_get_idx(value, 0), inner.text, &field->name, err));
        tsri_json_pointer_init(&inner, path);
        tsri_json_pointer_index(&inner, 1);
        return tsri_dtype_from_v3(json_object_array_get_idx(value, 1), inner.text, &field->dtype,
                                  err);
    }
    TSRI_TRY(tsri_json_string(value, path, "name", true, &field->name, err));
    TSRI_TRY(tsri_json_only(value, path, known, err));
    TSRI_TRY(tsri_json_member(value, path, "data_type", true, &type, err));
    tsri_json_pointer_name(&inner, "data_type");
    return tsri_dtype_from_v3(type, inner.text, &field->dtype, err);
}

static int read_struct(const tsri_extension *extension, const char *path,
                       const tsr_dtype **ret_dtype, tsr_error *err)
{
    static const char *const known[] = {"fields", NULL};
    tsr_auto(field_list) list = {NULL, 0};
    tsri_json *fields = NULL;
    tsri_json_pointer inner;
    tsri_json_pointer_init(&inner, path);
    tsri_json_pointer_name(&inner, "configuration");
    TSRI_TRY(configuration_of(extension, path, err));
    TSRI_TRY(tsri_json_only(extension->configuration, inner.text, known, err));
    TSRI_TRY(tsri_json_member(extension->configuration, inner.text, "fields", true, &fields, err));
    tsri_json_pointer_name(&inner, "fields");
    TSRI_TRY(field_list_init(&list, fields, inner.text, err));
    bool legacy = strcmp(extension->name, "structured") == 0;
    for (size_t i = 0; i < json_object_array_length(fields); i++, list.count++) {
        tsri_json_pointer place = inner;
        tsri_json_pointer_index(&place, i);
        TSRI_TRY(read_field_v3(json_object_array_get_idx(fields, i), place.text, legacy,
                               &list.fields[i], err));
    }
    return make_struct(&list, inner.text, ret_dtype, err);
}

/* Types whose parameters stand in a configuration. */
static const struct {
    const char *name;
    int (*read)(const tsri_extension *, const char *, const tsr_dtype **, tsr_error *);
} readers[] = {
    {"numpy.datetime64", read_time},
    {"numpy.timedelta64", read_time},
    {"fixed_length_utf32", read_fixed_length},
    {"null_terminated_bytes", read_fixed_length},
    {"raw_bytes", read_fixed_length},
    {"struct", read_struct},
    {"structured", read_struct},
};

/* Whether a name that tsr_dtype_parse knows is one of v3 metadata: NumPy's are not, the registry's
 * aliases are. */
static bool is_v3_name(const tsr_dtype *dtype, const char *name)
{
    bool plain = dtype->kind <= TSR_KIND_RAW || tsr_dtype_is_variable(dtype);
    bool is_alias = strncmp(name, "complex_", 8) == 0 || dtype == TSR_VARIABLE_BYTES;
    return plain && (strcmp(dtype->name, name) == 0 || is_alias);
}

static int read_plain(const tsri_extension *extension, const char *path,
                      const tsr_dtype **ret_dtype, tsr_error *err)
{
    static const char *const none[] = {NULL};
    char what[80];
    const tsr_dtype *dtype = NULL;
    tsri_json_pointer inner;
    snprintf(what, sizeof what, "\"%.60s\"", extension->name);
    tsri_json_pointer_init(&inner, path);
    tsri_json_pointer_name(&inner, "configuration");
    int status = tsr_dtype_parse(extension->name, &dtype, err);
    if (status == TSR_NOT_FOUND)
        return unsupported_type(path, what, err);
    TSRI_TRY(blame_metadata(status, path, err));
    status = is_v3_name(dtype, extension->name) ? 0 : unsupported_type(path, what, err);
    if (status == 0 && extension->configuration != NULL)
        status = tsri_json_only(extension->configuration, inner.text, none, err);
    if (status < 0)
        tsr_dtype_unref(dtype);
    else
        *ret_dtype = dtype;
    return status;
}

int tsri_dtype_from_v3(const tsri_json *value, const char *path, const tsr_dtype **ret_dtype,
                       tsr_error *err)
{
    tsri_extension extension;
    TSRI_TRY(tsri_extension_parse(value, path, &extension, err));
    for (size_t i = 0; i < TSRI_COUNT(readers); i++)
        if (strcmp(readers[i].name, extension.name) == 0)
            return readers[i].read(&extension, path, ret_dtype, err);
    return read_plain(&extension, path, ret_dtype, err);
}

static int print_fields_v3(const tsr_dtype *dtype, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, "{\"name\":\"struct\",\"configuration\":{\"fields\":["));
    for (int i = 0; i < tsr_dtype_field_count(dtype); i++) {
        const tsr_field *field = tsr_dtype_field(dtype, i);
        if (field->rank > 0) {
            tsr_error_set(err, TSR_UNSUPPORTED,
                          "field \"%.60s\" is an array, which no struct of Zarr 3 has",
                          field->name);
            tsr_error_set_next_step(err, "Zarr 2 has such fields (`--zarr-format 2`)");
            return TSR_UNSUPPORTED;
        }
        TSRI_TRY(tsr_output_print(output, err, "%s{\"name\":", i > 0 ? "," : ""));
        TSRI_TRY(tsr_json_quote(field->name, output, err));
        TSRI_TRY(tsr_output_print(output, err, ",\"data_type\":"));
        TSRI_TRY(tsri_dtype_to_v3(field->dtype, output, err));
        TSRI_TRY(tsr_output_append(output, "}", 1, err));
    }
    return tsr_output_append(output, "]}}", 3, err);
}

int tsri_dtype_to_v3(const tsr_dtype *dtype, tsr_output *output, tsr_error *err)
{
    int64_t scale;
    switch (dtype->kind) {
    case TSR_KIND_DATETIME:
    case TSR_KIND_TIMEDELTA: {
        const char *unit = tsr_dtype_time_unit(dtype, &scale);
        return tsr_output_print(
            output, err,
            "{\"name\":\"numpy.%s64\",\"configuration\":{\"unit\":\"%s\",\"scale_factor\":%lld}}",
            dtype->kind == TSR_KIND_DATETIME ? "datetime" : "timedelta", unit, (long long)scale);
    }
    case TSR_KIND_TEXT:
    case TSR_KIND_BYTES:
        return tsr_output_print(
            output, err, "{\"name\":\"%s\",\"configuration\":{\"length_bytes\":%zu}}",
            dtype->kind == TSR_KIND_TEXT ? "fixed_length_utf32" : "null_terminated_bytes",
            dtype->size_bytes);
    case TSR_KIND_STRUCT:
        return print_fields_v3(dtype, output, err);
    default:
        return tsr_output_print(output, err, "\"%s\"", dtype->name);
    }
}

/* ---- v2 ---- */

static int bad_typestr(const char *path, const char *typestr, const char *reason, tsr_error *err)
{
    return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "\"%s\" is no data type: %s",
                            typestr, reason);
}

/* Whether what follows the letter of a typestr has its form: a size, of times a unit. */
static bool is_well_formed(const char *letter)
{
    const char *digits = letter + 1;
    if (*letter == 'm' || *letter == 'M')
        return digits[0] == '8' && (digits[1] == '\0' || digits[1] == '[');
    return *digits >= '1' && *digits <= '9' && digits[strspn(digits, "0123456789")] == '\0';
}

/* The types without a typestr that TensorStore has in v2 by their names, little-endian. No other
 * program has any, and others of the registry have no form in v2. */
static const tsr_dtype *const named_types[] = {
    TSR_BFLOAT16,        TSR_INT2,          TSR_INT4,
    TSR_FLOAT4_E2M1FN,   TSR_FLOAT8_E3M4,   TSR_FLOAT8_E4M3FN,
    TSR_FLOAT8_E4M3FNUZ, TSR_FLOAT8_E5M2,   TSR_FLOAT8_E4M3B11FNUZ,
    TSR_FLOAT8_E5M2FNUZ, TSR_FLOAT8_E8M0FNU};

static const tsr_dtype *find_named_type(const char *name)
{
    for (size_t i = 0; i < TSRI_COUNT(named_types); i++)
        if (strcmp(named_types[i]->name, name) == 0)
            return named_types[i];
    return NULL;
}

/* "<f8": a byte order, a letter, the size in bytes or characters. */
static int read_typestr(const char *typestr, const char *path, const tsr_dtype **ret_dtype,
                        tsr_output *orders, tsr_error *err)
{
    char order = *typestr, letter = order != 0 ? typestr[1] : 0, what[80];
    const tsr_dtype *dtype = find_named_type(typestr);
    if (dtype != NULL) {
        TSRI_TRY(tsr_output_append(orders, dtype->component_bytes > 1 ? "<" : "|", 1, err));
        *ret_dtype = dtype;
        return 0;
    }
    if (order == 0 || strchr("<>|", order) == NULL)
        return bad_typestr(path, typestr, "it starts with a byte order, one of < > |", err);
    if (letter == 0 || strchr("biufcmMSUVO", letter) == NULL)
        return bad_typestr(path, typestr,
                           "behind the byte order is a letter, one of b i u f c m M S U V O", err);
    snprintf(what, sizeof what, "\"%.60s\"", typestr);
    if (letter == 'O')
        return unsupported_type(path, what, err);
    if (!is_well_formed(typestr + 1))
        return bad_typestr(path, typestr, "it ends in the size in bytes", err);
    int status = tsr_dtype_parse(typestr, &dtype, err);
    if (status == TSR_INVALID_ARGUMENT && (letter == 'm' || letter == 'M'))
        return blame_metadata(status, path, err);
    if (status == TSR_NOT_FOUND || status == TSR_INVALID_ARGUMENT)
        return unsupported_type(path, what, err);
    TSRI_TRY(status);
    if (dtype->component_bytes > 1 && order == '|') {
        tsr_dtype_unref(dtype);
        return bad_typestr(path, typestr, "a type of several bytes needs the byte order < or >",
                           err);
    }
    order = dtype->component_bytes > 1 ? order : '|';
    status = tsr_output_append(orders, &order, 1, err);
    if (status < 0)
        tsr_dtype_unref(dtype);
    else
        *ret_dtype = dtype;
    return status;
}

static int read_v2(const tsri_json *value, const char *path, const tsr_dtype **ret_dtype,
                   tsr_output *orders, tsr_error *err);

/* [name, type] or [name, type, shape]. */
static int read_field_v2(const tsri_json *value, const char *path, tsr_field *field,
                         tsr_output *orders, tsr_error *err)
{
    size_t count =
        json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
    tsri_json_pointer place;
    if (count != 2 && count != 3)
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL,
                                "must be a list: [name, type] or [name, type, shape]");
    tsri_json_pointer_init(&place, path);
    tsri_json_pointer_index(&place, 0);
    TSRI_TRY(field_name(json_object_array_get_idx(value, 0), place.text, &field->name, err));
    tsri_json_pointer_init(&place, path);
    tsri_json_pointer_index(&place, 2);
    const tsri_json *shape = count == 3 ? json_object_array_get_idx(value, 2) : NULL;
    if (shape != NULL && !json_object_is_type(shape, json_type_array))
        return tsri_json_refuse(err, TSR_BAD_METADATA, place.text, NULL,
                                "must be an array of lengths, not %s", tsri_json_kind(shape));
    field->rank = shape != NULL ? (int)TSRI_MIN(json_object_array_length(shape), (size_t)99) : 0;
    for (int axis = 0; axis < field->rank; axis++)
        if (field->rank > TSR_FIELD_RANK_MAX ||
            !tsri_json_get_int64(json_object_array_get_idx(shape, (size_t)axis), false,
                                 &field->shape[axis]) ||
            field->shape[axis] < 1)
            return tsri_json_refuse(err, TSR_BAD_METADATA, place.text, NULL,
                                    "must have 1 to %d lengths of 1 or more", TSR_FIELD_RANK_MAX);
    tsri_json_pointer_init(&place, path);
    tsri_json_pointer_index(&place, 1);
    return read_v2(json_object_array_get_idx(value, 1), place.text, &field->dtype, orders, err);
}

static int read_fields_v2(const tsri_json *value, const char *path, const tsr_dtype **ret_dtype,
                          tsr_output *orders, tsr_error *err)
{
    tsr_auto(field_list) list = {NULL, 0};
    TSRI_TRY(field_list_init(&list, value, path, err));
    for (size_t i = 0; i < json_object_array_length(value); i++, list.count++) {
        tsri_json_pointer place;
        tsri_json_pointer_init(&place, path);
        tsri_json_pointer_index(&place, i);
        TSRI_TRY(read_field_v2(json_object_array_get_idx(value, i), place.text, &list.fields[i],
                               orders, err));
    }
    return make_struct(&list, path, ret_dtype, err);
}

static int read_v2(const tsri_json *value, const char *path, const tsr_dtype **ret_dtype,
                   tsr_output *orders, tsr_error *err)
{
    if (json_object_is_type(value, json_type_array))
        return read_fields_v2(value, path, ret_dtype, orders, err);
    if (!json_object_is_type(value, json_type_string))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "must be a string, not %s",
                                tsri_json_kind(value));
    return read_typestr(json_object_get_string((tsri_json *)value), path, ret_dtype, orders, err);
}

int tsri_dtype_from_v2(const tsri_json *value, const char *path, const tsr_dtype **ret_dtype,
                       tsr_output *orders, tsr_error *err)
{
    const tsr_dtype *dtype = NULL;
    TSRI_TRY(read_v2(value, path, &dtype, orders, err));
    int status = tsr_output_append(orders, "", 1, err);
    if (status < 0)
        tsr_dtype_unref(dtype);
    else
        *ret_dtype = dtype;
    return status;
}

int tsri_dtype_from_numpy(const char *text, const char *path, const tsr_dtype **ret_dtype,
                          bool *ret_big_endian, tsr_error *err)
{
    tsr_auto(tsri_output) orders = TSRI_OUTPUT_INIT(SIZE_MAX);
    if (*text != '\0' && strchr("<>|", *text) != NULL) {
        TSRI_TRY(read_typestr(text, path, ret_dtype, &orders, err));
        *ret_big_endian = *orders.data == '>';
        return 0;
    }
    int status = tsr_dtype_parse(text, ret_dtype, err);
    if (status == TSR_NOT_FOUND || status == TSR_INVALID_ARGUMENT) {
        char what[80];
        snprintf(what, sizeof what, "\"%.60s\"", text);
        return unsupported_type(path, what, err);
    }
    *ret_big_endian = false;
    return status;
}

char tsri_dtype_common_order(const char *orders)
{
    bool little = strchr(orders, '<') != NULL, big = strchr(orders, '>') != NULL;
    return little && big ? '\0' : little ? '<' : big ? '>' : '|';
}

int tsri_dtype_orders_print(const char *orders, tsr_output *output, tsr_error *err)
{
    for (const char *letter = orders; *letter != '\0'; letter++)
        TSRI_TRY(tsr_output_print(output, err, "%s%s", letter == orders ? "{\"endian\":[" : ",",
                                  *letter == '<'   ? "\"little\""
                                  : *letter == '>' ? "\"big\""
                                                   : "null"));
    return tsr_output_append(output, "]}", 2, err);
}

static int print_fields_v2(const tsr_dtype *dtype, bool big_endian, tsr_output *output,
                           tsr_error *err)
{
    for (int i = 0; i < tsr_dtype_field_count(dtype); i++) {
        const tsr_field *field = tsr_dtype_field(dtype, i);
        TSRI_TRY(tsr_output_append(output, i > 0 ? ",[" : "[[", 2, err));
        TSRI_TRY(tsr_json_quote(field->name, output, err));
        TSRI_TRY(tsr_output_append(output, ",", 1, err));
        TSRI_TRY(tsri_dtype_to_v2(field->dtype, big_endian, output, err));
        for (int axis = 0; axis < field->rank; axis++)
            TSRI_TRY(tsr_output_print(output, err, "%s%lld%s", axis > 0 ? "," : ",[",
                                      (long long)field->shape[axis],
                                      axis == field->rank - 1 ? "]" : ""));
        TSRI_TRY(tsr_output_append(output, "]", 1, err));
    }
    return tsr_output_append(output, "]", 1, err);
}

int tsri_dtype_to_v2(const tsr_dtype *dtype, bool big_endian, tsr_output *output, tsr_error *err)
{
    char order = dtype->component_bytes <= 1 ? '|' : big_endian ? '>' : '<';
    int64_t scale;
    const char *unit = tsr_dtype_time_unit(dtype, &scale);
    if (dtype->kind == TSR_KIND_STRUCT)
        return print_fields_v2(dtype, big_endian, output, err);
    if (tsr_dtype_is_variable(dtype))
        return tsr_output_append(output, "\"|O\"", 4, err);
    if ((!big_endian || order == '|') && find_named_type(dtype->name) == dtype)
        return tsr_output_print(output, err, "\"%s\"", dtype->name);
    if (dtype->v2_kind == 0) {
        tsr_error_set(err, TSR_UNSUPPORTED, "Zarr 2 has no data type for %s", dtype->name);
        tsr_error_set_next_step(err, "Zarr 3 has; or choose a type that NumPy has itself");
        return TSR_UNSUPPORTED;
    }
    if (unit != NULL && strcmp(unit, "generic") == 0)
        return tsr_output_print(output, err, "\"%c%c8\"", order, dtype->v2_kind);
    if (unit != NULL && scale == 1)
        return tsr_output_print(output, err, "\"%c%c8[%s]\"", order, dtype->v2_kind, unit);
    if (unit != NULL)
        return tsr_output_print(output, err, "\"%c%c8[%lld%s]\"", order, dtype->v2_kind,
                                (long long)scale, unit);
    return tsr_output_print(output, err, "\"%c%c%zu\"", order, dtype->v2_kind,
                            dtype->kind == TSR_KIND_TEXT ? dtype->size_bytes / 4
                                                         : dtype->size_bytes);
}

/* ---- for programs ---- */

int tsr_dtype_from_json(const char *text, const tsr_dtype **ret_dtype, tsr_error *err)
{
    tsr_auto(tsri_json) *value = NULL;
    tsr_auto(tsri_output) orders = TSRI_OUTPUT_INIT(SIZE_MAX);
    int status = tsr_json_parse(text, strlen(text), TSR_JSON_STRICT, 0, &value, err);
    if (status >= 0)
        status = json_object_is_type(value, json_type_array)
                     ? tsri_dtype_from_v2(value, "", ret_dtype, &orders, err)
                     : tsri_dtype_from_v3(value, "", ret_dtype, err);
    if (status == TSR_BAD_METADATA) {
        if (err != NULL)
            err->status = TSR_INVALID_ARGUMENT;
        status = TSR_INVALID_ARGUMENT;
    }
    if (status < 0)
        tsr_error_prepend(err, "data type");
    return status;
}
