/* Attributes of HDF5 objects as JSON. */
#include "source/attribute_text.h"
#include "source/hdf5_file.h"

/* The attribute that has the names of an enum. */
#define ENUM_NAME "enum"

/* The values of one attribute in memory. */
typedef struct attribute {
    hid_t id, type, space, memory_type;
    const tsr_dtype *dtype; /* NULL: text */
    bool any_length;        /* text behind pointers */
    size_t element_bytes;
    int rank;
    hsize_t shape[H5S_MAX_RANK];
    size_t count;
    char *values;
} attribute;

/* What HDF5, its dimension scales and netCDF-4 keep for themselves. */
static bool is_internal(hid_t object, const char *name)
{
    static const char *const names[] = {"_NCProperties",   "_Netcdf4Dimid",  "_Netcdf4Coordinates",
                                        "_nc3_strict",     "REFERENCE_LIST", "DIMENSION_LIST",
                                        "DIMENSION_LABELS"};
    for (size_t i = 0; i < TSRI_COUNT(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return (strcmp(name, "CLASS") == 0 || strcmp(name, "NAME") == 0) && tsri_hdf5_is_scale(object);
}

bool tsri_hdf5_is_scale(hid_t object)
{
    static const char wanted[] = "DIMENSION_SCALE";
    char text[sizeof wanted + 1] = "";

    if (H5Aexists(object, "CLASS") <= 0)
        return false;
    hid_t id = H5Aopen(object, "CLASS", H5P_DEFAULT), type = H5Aget_type(id);
    bool fits = H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
                H5Tget_size(type) < sizeof text && H5Aget_storage_size(id) < sizeof text &&
                H5Aread(id, type, text) >= 0;
    H5Tclose(type);
    H5Aclose(id);
    return fits && strcmp(text, wanted) == 0;
}

/* ---- values ---- */

static void attribute_clear(attribute *self)
{
    if (self->any_length && self->values)
        H5Dvlen_reclaim(self->memory_type, self->space, H5P_DEFAULT, self->values);
    tsri_free(self->values);
    tsr_dtype_unref(self->dtype);
    if (self->memory_type >= 0)
        H5Tclose(self->memory_type);
    if (self->space >= 0)
        H5Sclose(self->space);
    if (self->type >= 0)
        H5Tclose(self->type);
    if (self->id >= 0)
        H5Aclose(self->id);
}

/* The type in memory. UNSUPPORTED for what JSON has no form for. */
static int choose_type(attribute *self, tsr_error *err)
{
    if (H5Tget_class(self->type) == H5T_STRING) {
        self->any_length = H5Tis_variable_str(self->type) > 0;
        self->memory_type = H5Tcopy(self->type);
        self->element_bytes = H5Tget_size(self->type);
        return 0;
    }
    TSRI_TRY(tsri_hdf5_type(self->type, &self->dtype, &self->memory_type, err));
    if (self->dtype->kind > TSR_KIND_COMPLEX)
        return tsr_error_set(err, TSR_UNSUPPORTED, "values of the HDF5 type \"%s\"",
                             H5Tget_class(self->type) == H5T_OPAQUE ? "opaque" : "compound");
    self->element_bytes = self->dtype->size_bytes;
    return 0;
}

static int read_values(attribute *self, tsr_error *err)
{
    hssize_t count = H5Sget_simple_extent_npoints(self->space);

    self->rank = H5Sget_simple_extent_dims(self->space, self->shape, NULL);
    if (count < 0 || self->rank < 0)
        return tsri_hdf5_refuse("", "looking at its shape", err);
    self->count = (size_t)count;
    self->values = tsri_alloc_array_zero(self->count + 1, self->element_bytes);
    if (!self->values)
        return tsri_error_no_memory(err, self->count * self->element_bytes);
    if (self->count > 0 && H5Aread(self->id, self->memory_type, self->values) < 0) {
        tsri_free(TSRI_TAKE(self->values));
        return tsri_hdf5_refuse("", "reading its values", err);
    }
    return 0;
}

static int append_element(const attribute *self, size_t number, tsr_output *output, tsr_error *err)
{
    const char *value = self->values + number * self->element_bytes;

    if (self->dtype)
        return tsri_attribute_number(self->dtype, value, output, err);
    if (self->any_length) {
        const char *text;
        memcpy(&text, value, sizeof text);
        return tsri_attribute_text(text ? text : "", text ? strlen(text) : 0, output, err);
    }
    size_t length = self->element_bytes;
    bool spaces = H5Tget_strpad(self->type) == H5T_STR_SPACEPAD;
    while (length > 0 && (value[length - 1] == '\0' || (spaces && value[length - 1] == ' ')))
        length--;
    return tsri_attribute_text(value, length, output, err);
}

static int append_list(const attribute *self, int axis, size_t *number, tsr_output *output,
                       tsr_error *err)
{
    if (axis == self->rank)
        return append_element(self, (*number)++, output, err);
    TSRI_TRY(tsr_output_print(output, err, "["));
    for (hsize_t i = 0; i < self->shape[axis] && self->count > 0; i++) {
        TSRI_TRY(tsr_output_print(output, err, "%s", i > 0 ? "," : ""));
        TSRI_TRY(append_list(self, axis + 1, number, output, err));
    }
    return tsr_output_print(output, err, "]");
}

static int append_values(attribute *self, tsr_output *output, tsr_error *err)
{
    size_t number = 0;

    if (H5Sget_simple_extent_type(self->space) == H5S_NULL)
        return tsr_output_print(output, err, "null");
    TSRI_TRY(read_values(self, err));
    /* A list of one is a value, as netCDF has it. */
    int first = self->rank == 1 && self->count == 1 ? 1 : 0;
    return append_list(self, first, &number, output, err);
}

/* ---- objects ---- */

typedef struct walk {
    tsr_context *context;
    tsr_output *output;
    tsr_error *err;
    bool first;
    int status;
} walk;

static int append_attribute(walk *self, hid_t object, const char *name, attribute *value)
{
    tsr_error problem = TSR_ERROR_INIT;
    char owner[256] = "";

    value->id = H5Aopen(object, name, H5P_DEFAULT);
    value->type = H5Aget_type(value->id);
    value->space = H5Aget_space(value->id);
    if (value->id < 0 || value->type < 0 || value->space < 0)
        return tsri_hdf5_refuse("", "opening it", self->err);
    if (choose_type(value, &problem) < 0) {
        H5Iget_name(object, owner, sizeof owner);
        tsri_log(self->context, TSR_LOG_WARNING, "hdf5",
                 "attribute \"%s\" of \"%s\" is left out: %s", name, owner, problem.message);
        return 0;
    }
    TSRI_TRY(tsri_attribute_name(name, &self->first, self->output, self->err));
    return append_values(value, self->output, self->err);
}

static herr_t visit_attribute(hid_t object, const char *name, const H5A_info_t *info, void *user)
{
    walk *self = user;
    attribute value = {.id = -1, .type = -1, .space = -1, .memory_type = -1};

    (void)info;
    if (is_internal(object, name))
        return 0;
    self->status = append_attribute(self, object, name, &value);
    if (self->status < 0)
        tsr_error_prepend(self->err, "attribute \"%s\"", name);
    attribute_clear(&value);
    return self->status < 0 ? -1 : 0;
}

/* One name of an enum, with its number. */
static int append_enum_member(hid_t type, unsigned number, bool *first, tsr_output *output,
                              tsr_error *err)
{
    const tsr_dtype *dtype;
    hid_t memory, base = H5Tget_super(type);
    char value[8];

    int status = tsri_hdf5_type(base, &dtype, &memory, err);
    if (status == 0) {
        char *name = H5Tget_member_name(type, number);
        if (!name || H5Tget_member_value(type, number, value) < 0 ||
            H5Tconvert(base, memory, 1, value, NULL, H5P_DEFAULT) < 0)
            status = tsri_hdf5_refuse("", "looking at the names of an enum", err);
        if (status == 0)
            status = tsri_attribute_name(name, first, output, err);
        if (status == 0)
            status = tsri_attribute_number(dtype, value, output, err);
        H5free_memory(name);
        H5Tclose(memory);
        tsr_dtype_unref(dtype);
    }
    H5Tclose(base);
    return status;
}

static int append_enum(hid_t type, bool *first, tsr_output *output, tsr_error *err)
{
    int count = H5Tget_nmembers(type);
    bool first_name = true;

    TSRI_TRY(tsri_attribute_name(ENUM_NAME, first, output, err));
    TSRI_TRY(tsr_output_print(output, err, "{"));
    for (int i = 0; i < count; i++)
        TSRI_TRY(append_enum_member(type, (unsigned)i, &first_name, output, err));
    return tsr_output_print(output, err, "}");
}

/* The names of a data set whose elements are the integers of an enum, unless an attribute is called
 * so. */
static int append_enum_names(hid_t object, bool *first, tsr_output *output, tsr_error *err)
{
    const tsr_dtype *dtype = NULL;
    hid_t memory = -1;
    int status = 0;

    if (H5Iget_type(object) != H5I_DATASET || H5Aexists(object, ENUM_NAME) > 0)
        return 0;
    hid_t type = H5Dget_type(object);
    if (H5Tget_class(type) == H5T_ENUM && tsri_hdf5_type(type, &dtype, &memory, NULL) == 0 &&
        dtype != TSR_BOOL)
        status = append_enum(type, first, output, err);
    tsr_dtype_unref(dtype);
    if (memory >= 0)
        H5Tclose(memory);
    if (type >= 0)
        H5Tclose(type);
    return status;
}

int tsri_hdf5_attributes(tsr_context *context, hid_t object, tsr_output *output, tsr_error *err)
{
    walk self = {context, output, err, true, 0};
    hsize_t position = 0;

    TSRI_TRY(tsr_output_print(output, err, "{"));
    herr_t result =
        H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, visit_attribute, &self);
    if (self.status < 0)
        return self.status;
    if (result < 0)
        return tsri_hdf5_refuse("", "listing the attributes", err);
    TSRI_TRY(append_enum_names(object, &self.first, output, err));
    TSRI_TRY(tsr_output_print(output, err, "}"));
    return tsr_output_append(output, "", 1, err);
}
