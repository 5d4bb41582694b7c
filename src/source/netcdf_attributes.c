#include "source/netcdf_attributes.h"

#include <netcdf.h>

#include "base/base.h"
#include "source/attribute_text.h"
#include "source/netcdf_type.h"

/* The attribute that has the names of an enum. */
#define ENUM_NAME "enum"

/* What HDF5 keeps for itself in files of netCDF-4. */
static bool is_internal(const char *name)
{
    static const char *const names[] = {"_NCProperties", "_Netcdf4Dimid",  "_Netcdf4Coordinates",
                                        "_nc3_strict",   "REFERENCE_LIST", "DIMENSION_LIST"};
    for (size_t i = 0; i < TSRI_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static int append_numbers(const tsr_dtype *dtype, const char *values, size_t count,
                          tsr_output *output, tsr_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (count > 1)
            TSRI_TRY(tsr_output_print(output, err, "%c", i == 0 ? '[' : ','));
        TSRI_TRY(tsri_attribute_number(dtype, values + i * dtype->size_bytes, output, err));
    }
    return tsr_output_print(output, err, "%s", count == 1 ? "" : count == 0 ? "[]" : "]");
}

static int append_strings(int group, int variable, const char *name, size_t count,
                          tsr_output *output, tsr_error *err)
{
    char **strings = tsri_alloc_array_zero(count + 1, sizeof *strings);
    if (!strings)
        return tsri_error_no_memory(err, count * sizeof *strings);
    int code = nc_get_att_string(group, variable, name, strings), status = 0;
    if (code != NC_NOERR)
        status = tsr_error_set(err, TSR_DAMAGED, "attribute \"%s\": %s", name, nc_strerror(code));
    for (size_t i = 0; i < count && status == 0; i++) {
        const char *text = strings[i] ? strings[i] : "";
        status = tsr_output_print(output, err, "%s", count == 1 ? "" : i == 0 ? "[" : ",");
        if (status == 0)
            status = tsri_attribute_text(text, strlen(text), output, err);
    }
    if (status == 0)
        status = tsr_output_print(output, err, "%s", count == 1 ? "" : count == 0 ? "[]" : "]");
    if (code == NC_NOERR)
        nc_free_string(count, strings);
    tsri_free(strings);
    return status;
}

/* What an attribute holds once names for numbers are left aside: the type of an enum's values. */
static nc_type plain_type(int group, nc_type type)
{
    nc_type base = NC_NAT;
    int kind = 0;

    if (type <= NC_MAX_ATOMIC_TYPE)
        return type;
    bool is_enum = nc_inq_user_type(group, type, NULL, NULL, &base, NULL, &kind) == NC_NOERR &&
                   kind == NC_ENUM;
    return is_enum ? base : NC_NAT;
}

static int append_value(int group, int variable, const char *name, nc_type type, size_t count,
                        tsr_output *output, tsr_error *err)
{
    const tsr_dtype *dtype = tsri_netcdf_dtype(type);

    if (type == NC_STRING)
        return append_strings(group, variable, name, count, output, err);
    tsr_auto(tsri_text) *values = tsri_alloc_array(count + 1, dtype->size_bytes);
    if (!values)
        return tsri_error_no_memory(err, count * dtype->size_bytes);
    int code = nc_get_att(group, variable, name, values);
    if (code != NC_NOERR)
        return tsr_error_set(err, TSR_DAMAGED, "attribute \"%s\": %s", name, nc_strerror(code));
    if (type == NC_CHAR)
        return tsri_attribute_text(values, count, output, err);
    return append_numbers(dtype, values, count, output, err);
}

/* One element as a fill value is written. */
static int append_element(const tsr_dtype *dtype, const void *element, tsr_output *output,
                          tsr_error *err)
{
    size_t capacity = tsr_dtype_text_max(dtype);
    tsr_auto(tsri_text) *text = tsri_alloc(capacity);

    if (!text)
        return tsri_error_no_memory(err, capacity);
    int length = tsr_dtype_format_element(dtype, element, text, capacity);
    return length < 0 ? tsr_error_set(err, length, "an element of %s", dtype->name)
                      : tsr_output_append(output, text, (size_t)length, err);
}

static int append_elements(const tsri_netcdf_type *type, const char *values, size_t count,
                           tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_text) *element = tsri_alloc(type->dtype->size_bytes);

    if (!element)
        return tsri_error_no_memory(err, type->dtype->size_bytes);
    for (size_t i = 0; i < count; i++) {
        tsri_netcdf_type_gather(type, values + i * type->size_bytes, 1, element);
        if (count > 1)
            TSRI_TRY(tsr_output_print(output, err, "%c", i == 0 ? '[' : ','));
        TSRI_TRY(append_element(type->dtype, element, output, err));
    }
    return tsr_output_print(output, err, "%s", count == 1 ? "" : count == 0 ? "[]" : "]");
}

/* An attribute while it is looked at. */
typedef struct attribute {
    int group, variable;
    char name[NC_MAX_NAME + 1];
    nc_type type;
    size_t count;
} attribute;

static void leave_out(tsr_context *context, const attribute *self)
{
    char type_name[NC_MAX_NAME + 1] = "", owner[NC_MAX_NAME + 1] = "";

    nc_inq_type(self->group, self->type, type_name, NULL);
    if (self->variable != NC_GLOBAL)
        nc_inq_varname(self->group, self->variable, owner);
    else
        nc_inq_grpname(self->group, owner);
    tsri_log(context, TSR_LOG_WARNING, "netcdf",
             "attribute \"%s\" of \"%s\" is left out: values of the type \"%s\"", self->name, owner,
             type_name);
}

static int append_values_of(const attribute *self, const tsri_netcdf_type *type, bool *first,
                            tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_text) *values = tsri_alloc_array(self->count + 1, type->size_bytes);

    if (!values)
        return tsri_error_no_memory(err, self->count * type->size_bytes);
    int code = nc_get_att(self->group, self->variable, self->name, values);
    if (code != NC_NOERR)
        return tsr_error_set(err, TSR_DAMAGED, "attribute \"%s\": %s", self->name,
                             nc_strerror(code));
    TSRI_TRY(tsri_attribute_name(self->name, first, output, err));
    return append_elements(type, values, self->count, output, err);
}

/* Compounds and opaque bytes, as fill values of such types are written; a compound's _FillValue is
 * one. */
static int append_made(tsr_context *context, const attribute *self, bool *first, tsr_output *output,
                       tsr_error *err)
{
    tsri_netcdf_type type = {.dtype = NULL};
    tsr_error problem = TSR_ERROR_INIT;
    int status = tsri_netcdf_type_init(&type, self->group, self->type, &problem);

    if (status == 0) {
        status = append_values_of(self, &type, first, output, err);
    } else if (status == TSR_NO_MEMORY) {
        if (err)
            *err = problem;
    } else {
        leave_out(context, self);
        status = 0;
    }
    tsri_netcdf_type_clear(&type);
    return status;
}

static int append_attribute(tsr_context *context, int group, int variable, int number, bool *first,
                            tsr_output *output, tsr_error *err)
{
    attribute self = {.group = group, .variable = variable};

    int code = nc_inq_attname(group, variable, number, self.name);
    if (code == NC_NOERR)
        code = nc_inq_att(group, variable, self.name, &self.type, &self.count);
    if (code != NC_NOERR)
        return tsr_error_set(err, TSR_DAMAGED, "attribute %d: %s", number, nc_strerror(code));
    if (is_internal(self.name))
        return 0;
    nc_type plain = plain_type(group, self.type);
    if (plain != NC_STRING && !tsri_netcdf_dtype(plain))
        return append_made(context, &self, first, output, err);
    TSRI_TRY(tsri_attribute_name(self.name, first, output, err));
    return append_value(group, variable, self.name, plain, self.count, output, err);
}

static int append_enum(int group, nc_type type, bool *first, tsr_output *output, tsr_error *err)
{
    char name[NC_MAX_NAME + 1];
    bool first_name = true;
    nc_type base = NC_NAT;
    size_t count = 0;
    union {
        char bytes[8];
        int64_t aligned;
    } value;

    int code = nc_inq_enum(group, type, NULL, &base, NULL, &count);
    TSRI_TRY(tsri_attribute_name(ENUM_NAME, first, output, err));
    TSRI_TRY(tsr_output_print(output, err, "{"));
    for (size_t i = 0; i < count && code == NC_NOERR; i++) {
        code = nc_inq_enum_member(group, type, (int)i, name, &value);
        if (code != NC_NOERR)
            break;
        TSRI_TRY(tsri_attribute_name(name, &first_name, output, err));
        TSRI_TRY(tsri_attribute_number(tsri_netcdf_dtype(base), &value, output, err));
    }
    if (code != NC_NOERR)
        return tsr_error_set(err, TSR_DAMAGED, "the names of an enum: %s", nc_strerror(code));
    return tsr_output_print(output, err, "}");
}

/* The names of a variable whose elements are the integers of an enum, unless an attribute is called
 * so. */
static int append_enum_names(int group, int variable, bool *first, tsr_output *output,
                             tsr_error *err)
{
    nc_type type = NC_NAT;
    int id;

    if (variable == NC_GLOBAL || nc_inq_vartype(group, variable, &type) != NC_NOERR ||
        !tsri_netcdf_is_enum(group, type) ||
        nc_inq_attid(group, variable, ENUM_NAME, &id) == NC_NOERR)
        return 0;
    return append_enum(group, type, first, output, err);
}

int tsri_netcdf_attributes(tsr_context *context, int group, int variable, tsr_output *output,
                           tsr_error *err)
{
    int count = 0;
    bool first = true;
    int code = variable == NC_GLOBAL ? nc_inq_natts(group, &count)
                                     : nc_inq_varnatts(group, variable, &count);

    if (code != NC_NOERR)
        return tsr_error_set(err, TSR_DAMAGED, "the attributes: %s", nc_strerror(code));
    TSRI_TRY(tsr_output_print(output, err, "{"));
    for (int i = 0; i < count; i++)
        TSRI_TRY(append_attribute(context, group, variable, i, &first, output, err));
    TSRI_TRY(append_enum_names(group, variable, &first, output, err));
    TSRI_TRY(tsr_output_print(output, err, "}"));
    return tsr_output_append(output, "", 1, err);
}
