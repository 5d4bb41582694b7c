#include "array/hash_metadata.h"

#include <stdlib.h>

#include "array/array.h"
#include "meta/json.h"

/* ---- JSON in one order ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int write_sorted(const tsri_json *value, tsr_output *output, tsr_error *err);

static int write_members(const tsri_json *object, const char **names, size_t count,
                         tsr_output *output, tsr_error *err)
{
    tsri_json *member;

    qsort(names, count, sizeof *names, compare_names);
    TSRI_TRY(tsr_output_append(output, "{", 1, err));
    for (size_t i = 0; i < count; i++) {
        TSRI_TRY(tsr_output_append(output, ",", i > 0, err));
        TSRI_TRY(tsr_json_quote(names[i], output, err));
        TSRI_TRY(tsr_output_append(output, ":", 1, err));
        json_object_object_get_ex(object, names[i], &member);
        TSRI_TRY(write_sorted(member, output, err));
    }
    return tsr_output_append(output, "}", 1, err);
}

static int write_object(const tsri_json *object, tsr_output *output, tsr_error *err)
{
    size_t count = 0, capacity = (size_t)json_object_object_length(object);
    const char **names = tsri_alloc_array(capacity, sizeof *names);

    if (!names)
        return tsri_error_no_memory(err, capacity * sizeof *names);
    for (struct lh_entry *entry = lh_table_head(json_object_get_object(object)); entry;
         entry = lh_entry_next(entry))
        names[count++] = lh_entry_k(entry);
    int status = write_members(object, names, count, output, err);
    tsri_free(names);
    return status;
}

static int write_list(const tsri_json *list, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_append(output, "[", 1, err));
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        TSRI_TRY(tsr_output_append(output, ",", i > 0, err));
        TSRI_TRY(write_sorted(json_object_array_get_idx(list, i), output, err));
    }
    return tsr_output_append(output, "]", 1, err);
}

/* No deeper than the parser let it be. */
static int write_sorted(const tsri_json *value, tsr_output *output, tsr_error *err)
{
    if (json_object_is_type(value, json_type_object))
        return write_object(value, output, err);
    if (json_object_is_type(value, json_type_array))
        return write_list(value, output, err);
    return tsr_json_write(value, 0, output, err);
}

/* Appends a JSON text as one with sorted members. */
static int write_text(const char *json, tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_json) *value = NULL;

    TSRI_TRY(tsr_json_parse(json, strlen(json), TSR_JSON_NAN_AS_TEXT | TSR_JSON_LONE_SURROGATES,
                            SIZE_MAX, &value, err));
    return write_sorted(value, output, err);
}

/* ---- arrays ---- */

static int write_lengths(int rank, const int64_t *lengths, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_append(output, "[", 1, err));
    for (int axis = 0; axis < rank; axis++)
        TSRI_TRY(
            tsr_output_print(output, err, "%s%lld", axis ? "," : "", (long long)lengths[axis]));
    return tsr_output_append(output, "]", 1, err);
}

/* null where no axis has a name. */
static int write_dimension_names(const tsr_array *array, tsr_output *output, tsr_error *err)
{
    bool any = false;

    for (int axis = 0; axis < array->rank; axis++)
        any = any || tsr_array_dimension_name(array, axis);
    if (!any)
        return tsr_output_append(output, "null", 4, err);
    for (int axis = 0; axis < array->rank; axis++) {
        const char *name = tsr_array_dimension_name(array, axis);
        TSRI_TRY(tsr_output_append(output, axis ? "," : "[", 1, err));
        TSRI_TRY(name ? tsr_json_quote(name, output, err)
                      : tsr_output_append(output, "null", 4, err));
    }
    return tsr_output_append(output, "]", 1, err);
}

/* The bytes of the element in hexadecimal digits, so that every NaN is told from every other; null
 * where nothing is said of missing elements. */
static int write_fill_value(const tsr_array *array, tsr_output *output, tsr_error *err)
{
    const tsr_dtype *dtype = array->dtype;
    const unsigned char *bytes = array->fill_value;
    size_t size_bytes = dtype->size_bytes;

    if (array->fill_undefined)
        return tsr_output_append(output, "null", 4, err);
    TSRI_TRY(tsr_output_append(output, "\"", 1, err));
    if (tsr_dtype_is_variable(dtype)) {
        const tsr_slot *slot = array->fill_value;
        bytes = (const unsigned char *)tsr_slot_bytes(slot);
        size_bytes = slot->size_bytes;
    }
    for (size_t i = 0; i < size_bytes; i++) {
        size_t at = i;
        if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) {
            size_t part = i / dtype->component_bytes * dtype->component_bytes;
            at = part + (dtype->component_bytes - 1 - (i - part));
        }
        TSRI_TRY(tsr_output_print(output, err, "%02x", bytes[at]));
    }
    return tsr_output_append(output, "\"", 1, err);
}

static int write_storage(const tsr_array *array, tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_text) *edges = NULL;

    TSRI_TRY(tsr_array_chunk_edges(array, &edges, err));
    TSRI_TRY(tsr_output_print(output, err, "\"chunks\":%s,\"codecs\":", edges));
    TSRI_TRY(write_text(array->codecs, output, err));
    return tsr_output_append(output, ",", 1, err);
}

/* Members in byte order of their names. */
int tsri_hash_metadata_array(tsr_array *array, bool stored, tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_text) *attributes = NULL;

    TSRI_TRY(tsr_array_attributes(array, &attributes, err));
    TSRI_TRY(tsr_output_print(output, err, "{\"attributes\":"));
    TSRI_TRY(write_text(attributes, output, err));
    TSRI_TRY(tsr_output_append(output, ",", 1, err));
    if (stored)
        TSRI_TRY(write_storage(array, output, err));
    TSRI_TRY(tsr_output_print(output, err, "\"data_type\":"));
    TSRI_TRY(tsr_json_quote(array->dtype->name, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"dimension_names\":"));
    TSRI_TRY(write_dimension_names(array, output, err));
    if (stored)
        TSRI_TRY(tsr_output_print(output, err, ",\"driver\":\"%s\"", array->driver_name));
    TSRI_TRY(tsr_output_print(output, err, ",\"fill_value\":"));
    TSRI_TRY(write_fill_value(array, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"shape\":"));
    TSRI_TRY(write_lengths(array->rank, tsr_array_shape(array), output, err));
    return tsr_output_append(output, "}", 1, err);
}

int tsri_hash_metadata_group(tsr_group *group, bool stored, tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_text) *attributes = NULL;

    TSRI_TRY(tsr_group_attributes(group, &attributes, err));
    TSRI_TRY(tsr_output_print(output, err, "{\"attributes\":"));
    TSRI_TRY(write_text(attributes, output, err));
    if (stored)
        TSRI_TRY(tsr_output_print(output, err, ",\"driver\":\"%s\"", tsr_group_driver(group)));
    return tsr_output_append(output, "}", 1, err);
}
