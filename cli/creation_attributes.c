/* What a copy keeps of the attributes and the fill value of its source. */
#include "creation_attributes.h"

#include <string.h>

#include "document.h"
#include "fill_attribute.h"
#include "memory.h"

static int no_memory(cli_invocation *invocation)
{
    return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
}

/* An element of the source in the type of the copy. */
static int convert_element(cli_invocation *invocation, const tsr_array *source,
                           cli_array_plan *plan, const void *element, void *ret_converted)
{
    tsr_view from, to;
    tsr_casting casting = command_takes(invocation->command, OPTION_CASTING)
                              ? creation_casting(invocation)
                              : TSR_CASTING_SAME_KIND;

    CLI_TRY(tsr_view_init(&from, tsr_array_dtype(source), 0, NULL, (void *)element,
                          &invocation->error));
    CLI_TRY(tsr_view_init(&to, plan->options.dtype, 0, NULL, ret_converted, &invocation->error));
    if (!plan->heap)
        CLI_TRY(tsr_heap_new(&plan->heap, &invocation->error));
    to.heap = plan->heap;
    if (tsr_view_copy(&to, &from, casting, &invocation->error) >= 0)
        return 0;
    tsr_error_set_next_step(&invocation->error, "give --fill-value, or allow more by --casting");
    return tsr_error_prepend(&invocation->error, "%s: converting the fill value",
                             tsr_array_place(source));
}

/* The fill value of the source in the type of the copy. */
static int keep_fill_value(cli_invocation *invocation, const tsr_array *source,
                           cli_array_plan *plan)
{
    plan->options.fill_undefined =
        plan->options.zarr_format == 2 && tsr_array_fill_is_undefined(source);
    if (tsr_dtype_equal(tsr_array_dtype(source), plan->options.dtype)) {
        plan->options.fill_value = tsr_array_fill_value(source);
        return 0;
    }
    if (invocation_has(invocation, OPTION_FILL_VALUE))
        return 0;
    plan->fill_value = memory_zeroed(1, plan->options.dtype->size_bytes);
    if (!plan->fill_value)
        return no_memory(invocation);
    CLI_TRY(
        convert_element(invocation, source, plan, tsr_array_fill_value(source), plan->fill_value));
    plan->options.fill_value = plan->fill_value;
    return 0;
}

/* ---- what stands for missing elements ---- */

/* Whether the fill value is the one that null stands for to a reader. */
static bool fills_with_zeros(const cli_array_plan *plan)
{
    const char *element = plan->options.fill_value;

    for (size_t i = 0; element && i < plan->options.dtype->size_bytes; i++)
        if (element[i])
            return false;
    return true;
}

/* xarray takes the fill value of a v2 array for missing elements, whether it has `_FillValue` or
 * not, and opens what has dimension names. There it becomes `_FillValue`; or null instead of 0, so
 * that real zeros are not masked. `missing` NULL: the source has none. */
static int fill_value_as_missing(cli_invocation *invocation, const void *missing,
                                 cli_array_plan *plan)
{
    if (!missing) {
        plan->options.fill_undefined = fills_with_zeros(plan);
        return 0;
    }
    if (!plan->fill_value)
        plan->fill_value = memory_zeroed(1, plan->options.dtype->size_bytes);
    if (!plan->fill_value)
        return no_memory(invocation);
    memcpy(plan->fill_value, missing, plan->options.dtype->size_bytes);
    plan->options.fill_value = plan->fill_value;
    return 0;
}

/* `_FillValue` among attributes that were taken apart: *ret_found, and the element in the type of
 * the copy. One that is no element of the array's type is left as it is. */
static int read_missing(cli_invocation *invocation, const tsr_array *source,
                        struct json_object *attributes, cli_array_plan *plan, void *ret_missing,
                        bool *ret_found)
{
    void *element = memory_zeroed(1, tsr_array_dtype(source)->size_bytes);
    int status;

    if (!element)
        return no_memory(invocation);
    status = fill_attribute_read(tsr_array_dtype(source), attributes, element, ret_found,
                                 &invocation->error);
    if (status >= 0 && *ret_found)
        status = convert_element(invocation, source, plan, element, ret_missing);
    memory_free(element);
    return status;
}

static int keep_missing(cli_invocation *invocation, const tsr_array *source, int source_format,
                        struct json_object *attributes, cli_array_plan *plan)
{
    const tsr_dtype *dtype = plan->options.dtype;
    void *missing = memory_zeroed(1, dtype->size_bytes);
    bool found = false;
    int status = missing ? 0 : no_memory(invocation);

    if (status >= 0)
        status = read_missing(invocation, source, attributes, plan, missing, &found);
    if (status >= 0 && found &&
        (source_format != plan->options.zarr_format ||
         !tsr_dtype_equal(dtype, tsr_array_dtype(source))))
        status = fill_attribute_write(dtype, missing, plan->options.zarr_format, attributes,
                                      &invocation->error);
    if (status >= 0 && source_format != 2 && plan->options.zarr_format == 2 &&
        plan->options.dimension_names)
        status = fill_value_as_missing(invocation, found ? missing : NULL, plan);
    memory_free(missing);
    return status;
}

/* The names of the axes are an attribute in v2, and no longer one in v3. */
static void drop_names(const tsr_array *source, struct json_object *attributes,
                       const cli_array_plan *plan)
{
    if (plan->options.zarr_format == 3 &&
        (plan->options.dimension_names || tsr_array_rank(source) == 0))
        json_object_object_del(attributes, NAMES_ATTRIBUTE);
}

/* xarray does not open an array of strings of v3 that has `_FillValue` (2026.9.0: FillValueCoder
 * does not know their type); the fill value of the array says the same. */
static void drop_missing_text(int source_format, struct json_object *attributes,
                              const cli_array_plan *plan)
{
    if (source_format != 3 && plan->options.zarr_format == 3 &&
        tsr_dtype_is_variable(plan->options.dtype))
        json_object_object_del(attributes, FILL_ATTRIBUTE);
}

int creation_keep_attributes(cli_invocation *invocation, tsr_array *source, int source_format,
                             cli_array_plan *plan)
{
    struct json_object *attributes;
    int status;

    CLI_TRY(tsr_array_attributes(source, &plan->attributes, &invocation->error));
    plan->options.attributes = plan->attributes;
    CLI_TRY(keep_fill_value(invocation, source, plan));
    /* In a document of Zarr 3 NaN is a text: JSON has no number of that name. */
    CLI_TRY(tsr_json_parse(
        plan->attributes, strlen(plan->attributes),
        TSR_JSON_LONE_SURROGATES |
            (plan->options.zarr_format == 2 ? TSR_JSON_ALLOW_NAN : TSR_JSON_NAN_AS_TEXT),
        0, &attributes, &invocation->error));
    drop_names(source, attributes, plan);
    drop_missing_text(source_format, attributes, plan);
    status = keep_missing(invocation, source, source_format, attributes, plan);
    if (status >= 0) {
        tsr_free(plan->attributes);
        plan->options.attributes = plan->attributes = NULL;
        status = tsr_json_text(attributes, 0, &plan->attributes, &invocation->error);
        plan->options.attributes = plan->attributes;
    }
    json_object_put(attributes);
    return status;
}
