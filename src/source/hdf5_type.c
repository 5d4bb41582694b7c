/* Element types of HDF5. */
#include "source/hdf5_file.h"

#define FIELDS_MAX 4096
#define DEPTH_MAX 64

/* What a type is called where it is refused. */
static const char *class_name(hid_t type)
{
    switch (H5Tget_class(type)) {
    case H5T_STRING:
        return H5Tis_variable_str(type) > 0 ? "string of any length" : "string";
    case H5T_COMPOUND:
        return "compound";
    case H5T_ENUM:
        return "enum";
    case H5T_OPAQUE:
        return "opaque";
    case H5T_VLEN:
        return "list of any length";
    case H5T_REFERENCE:
        return "reference";
    case H5T_ARRAY:
        return "array";
    case H5T_BITFIELD:
        return "bit field";
    case H5T_TIME:
        return "time";
    case H5T_INTEGER:
        return "integer";
    case H5T_FLOAT:
        return "floating-point number that is not of IEEE 754, or larger than 8 bytes";
    default:
        return "unknown";
    }
}

static const tsr_dtype *integer_type(hid_t type, hid_t *ret_native)
{
    bool is_signed = H5Tget_sign(type) == H5T_SGN_2;

    switch (H5Tget_size(type)) {
    case 1:
        *ret_native = is_signed ? H5T_NATIVE_INT8 : H5T_NATIVE_UINT8;
        return is_signed ? TSR_INT8 : TSR_UINT8;
    case 2:
        *ret_native = is_signed ? H5T_NATIVE_INT16 : H5T_NATIVE_UINT16;
        return is_signed ? TSR_INT16 : TSR_UINT16;
    case 4:
        *ret_native = is_signed ? H5T_NATIVE_INT32 : H5T_NATIVE_UINT32;
        return is_signed ? TSR_INT32 : TSR_UINT32;
    case 8:
        *ret_native = is_signed ? H5T_NATIVE_INT64 : H5T_NATIVE_UINT64;
        return is_signed ? TSR_INT64 : TSR_UINT64;
    default:
        return NULL;
    }
}

/* Sign, exponent and mantissa where IEEE 754 has them. */
static bool is_ieee(hid_t type, size_t exponent_bits, size_t bias)
{
    size_t sign, exponent, exponent_size, mantissa, mantissa_size;
    size_t bits = H5Tget_size(type) * 8;

    return H5Tget_fields(type, &sign, &exponent, &exponent_size, &mantissa, &mantissa_size) >= 0 &&
           sign == bits - 1 && exponent == bits - 1 - exponent_bits &&
           exponent_size == exponent_bits && mantissa == 0 &&
           mantissa_size == bits - 1 - exponent_bits && H5Tget_ebias(type) == bias &&
           H5Tget_norm(type) == H5T_NORM_IMPLIED;
}

/* HDF5 has no native half: it is the stored type in the order of this machine. */
static hid_t in_native_order(hid_t type)
{
    hid_t copy = H5Tcopy(type);
    if (copy >= 0 && H5Tset_order(copy, H5Tget_order(H5T_NATIVE_INT)) < 0) {
        H5Tclose(copy);
        return -1;
    }
    return copy;
}

static const tsr_dtype *float_type(hid_t type, hid_t *ret_memory_type)
{
    switch (H5Tget_size(type)) {
    case 2:
        if (!is_ieee(type, 5, 15))
            return NULL;
        *ret_memory_type = in_native_order(type);
        return TSR_FLOAT16;
    case 4:
        if (!is_ieee(type, 8, 127))
            return NULL;
        *ret_memory_type = H5Tcopy(H5T_NATIVE_FLOAT);
        return TSR_FLOAT32;
    case 8:
        if (!is_ieee(type, 11, 1023))
            return NULL;
        *ret_memory_type = H5Tcopy(H5T_NATIVE_DOUBLE);
        return TSR_FLOAT64;
    default:
        return NULL;
    }
}

static bool member_is(hid_t type, unsigned number, const char *wanted)
{
    char *name = H5Tget_member_name(type, number);
    bool same = name && strcmp(name, wanted) == 0;
    H5free_memory(name);
    return same;
}

static bool enum_value_is(hid_t type, unsigned number, char wanted)
{
    char value = 2;
    return H5Tget_member_value(type, number, &value) >= 0 && value == wanted;
}

/* Booleans as h5py and PyTables write them: an enum of one byte with FALSE and TRUE. */
static const tsr_dtype *bool_type(hid_t type, hid_t *ret_memory_type)
{
    if (H5Tget_size(type) != 1 || H5Tget_nmembers(type) != 2 || !member_is(type, 0, "FALSE") ||
        !member_is(type, 1, "TRUE") || !enum_value_is(type, 0, 0) || !enum_value_is(type, 1, 1))
        return NULL;
    *ret_memory_type = H5Tcopy(type);
    return TSR_BOOL;
}

/* Complex numbers as h5py writes them: a compound of "r" and "i". */
static const tsr_dtype *complex_type(hid_t type, hid_t *ret_memory_type)
{
    const tsr_dtype *part = NULL;
    hid_t parts[2] = {-1, -1}, memory = -1;

    if (H5Tget_nmembers(type) != 2 || !member_is(type, 0, "r") || !member_is(type, 1, "i"))
        return NULL;
    for (unsigned i = 0; i < 2; i++) {
        hid_t member = H5Tget_member_type(type, i);
        const tsr_dtype *found =
            H5Tget_class(member) == H5T_FLOAT ? float_type(member, &parts[i]) : NULL;
        H5Tclose(member);
        part = i == 0 || found == part ? found : NULL;
    }
    bool fits = part && (part == TSR_FLOAT32 || part == TSR_FLOAT64);
    if (fits)
        memory = H5Tcreate(H5T_COMPOUND, 2 * part->size_bytes);
    if (fits && (memory < 0 || H5Tinsert(memory, "r", 0, parts[0]) < 0 ||
                 H5Tinsert(memory, "i", part->size_bytes, parts[1]) < 0))
        fits = false;
    for (int i = 0; i < 2; i++)
        if (parts[i] >= 0)
            H5Tclose(parts[i]);
    if (!fits && memory >= 0)
        H5Tclose(memory);
    if (!fits)
        return NULL;
    *ret_memory_type = memory;
    return part == TSR_FLOAT32 ? TSR_COMPLEX64 : TSR_COMPLEX128;
}

/* Texts of a fixed length are bytes that are filled up with 0, as h5py and NumPy have them,
 * whatever fills them up in the file. */
static int string_type(hid_t type, const tsr_dtype **ret_dtype, hid_t *ret_memory_type,
                       tsr_error *err)
{
    if (H5Tis_variable_str(type) > 0) {
        *ret_dtype = TSR_STRING;
        *ret_memory_type = H5Tcopy(type);
        return 0;
    }
    TSRI_TRY(tsr_dtype_fixed_text(TSR_KIND_BYTES, (int64_t)H5Tget_size(type), ret_dtype, err));
    *ret_memory_type = H5Tcopy(type);
    if (*ret_memory_type >= 0 && H5Tset_strpad(*ret_memory_type, H5T_STR_NULLPAD) < 0) {
        H5Tclose(*ret_memory_type);
        *ret_memory_type = -1;
    }
    return 0;
}

/* Booleans, or the integers that the names of an enum stand for. */
static const tsr_dtype *enum_type(hid_t type, hid_t *ret_memory_type)
{
    const tsr_dtype *dtype = bool_type(type, ret_memory_type);
    hid_t native = -1;

    if (dtype)
        return dtype;
    hid_t base = H5Tget_super(type);
    dtype = H5Tget_class(base) == H5T_INTEGER ? integer_type(base, &native) : NULL;
    if (base >= 0)
        H5Tclose(base);
    if (dtype)
        *ret_memory_type = H5Tcopy(native);
    return dtype;
}

static int opaque_type(hid_t type, const tsr_dtype **ret_dtype, hid_t *ret_memory_type,
                       tsr_error *err)
{
    char name[32];

    snprintf(name, sizeof name, "r%zu", 8 * H5Tget_size(type));
    TSRI_TRY(tsr_dtype_parse(name, ret_dtype, err));
    *ret_memory_type = H5Tcopy(type);
    return 0;
}

/* ---- structs ---- */

static int type_at(hid_t type, int depth, const tsr_dtype **ret_dtype, hid_t *ret_memory_type,
                   tsr_error *err);

/* The fields of a struct while they are found. */
typedef struct fields {
    tsr_field *items;
    char **names; /* HDF5's */
    hid_t *types; /* in memory; -1: not known yet */
    int count;
} fields;

static void fields_clear(fields *self)
{
    for (int i = 0; i < self->count && self->types; i++) {
        if (self->types[i] >= 0)
            H5Tclose(self->types[i]);
        if (self->names)
            H5free_memory(self->names[i]);
        if (self->items)
            tsr_dtype_unref(self->items[i].dtype);
    }
    tsri_free(self->items);
    tsri_free(self->names);
    tsri_free(self->types);
}

/* A field that is an array: the type of its elements, and the lengths. */
static int array_field(hid_t type, int depth, tsr_field *field, hid_t *ret_memory_type,
                       tsr_error *err)
{
    hsize_t lengths[H5S_MAX_RANK];
    hid_t base = H5Tget_super(type), element = -1;
    int rank = H5Tget_array_dims2(type, lengths);
    int status = rank > 0 && rank <= TSR_FIELD_RANK_MAX
                     ? type_at(base, depth, &field->dtype, &element, err)
                     : tsr_error_set(err, TSR_LIMIT, "a field of %d axes; at most %d", rank,
                                     TSR_FIELD_RANK_MAX);

    if (base >= 0)
        H5Tclose(base);
    TSRI_TRY(status);
    field->rank = rank;
    for (int axis = 0; axis < rank; axis++)
        field->shape[axis] = (int64_t)TSRI_MIN(lengths[axis], (hsize_t)INT64_MAX);
    *ret_memory_type = H5Tarray_create2(element, (unsigned)rank, lengths);
    H5Tclose(element);
    return 0;
}

static int find_field(hid_t type, int number, int depth, fields *self, tsr_error *err)
{
    tsr_field *field = &self->items[number];
    hid_t member = H5Tget_member_type(type, (unsigned)number);
    bool is_array = H5Tget_class(member) == H5T_ARRAY;

    self->names[number] = H5Tget_member_name(type, (unsigned)number);
    field->name = self->names[number] ? self->names[number] : "";
    int status = is_array ? array_field(member, depth, field, &self->types[number], err)
                          : type_at(member, depth, &field->dtype, &self->types[number], err);
    if (member >= 0)
        H5Tclose(member);
    if (status == 0 && tsr_dtype_is_variable(field->dtype))
        status = tsr_error_set(err, TSR_UNSUPPORTED, "text of any length inside of a compound");
    if (status < 0)
        tsr_error_prepend(err, "field \"%s\"", field->name);
    return status;
}

/* Fields lie one behind the other in memory, however they lie in the file. */
static int make_struct(const fields *self, const tsr_dtype **ret_dtype, hid_t *ret_memory_type,
                       tsr_error *err)
{
    const tsr_dtype *dtype;

    TSRI_TRY(tsr_dtype_struct(self->items, self->count, &dtype, err));
    hid_t memory = H5Tcreate(H5T_COMPOUND, dtype->size_bytes);
    bool good = memory >= 0;
    for (int i = 0; i < self->count && good; i++)
        good = H5Tinsert(memory, self->names[i], tsr_dtype_field(dtype, i)->offset_bytes,
                         self->types[i]) >= 0;
    if (!good) {
        if (memory >= 0)
            H5Tclose(memory);
        tsr_dtype_unref(dtype);
        return tsri_hdf5_refuse("", "describing a compound", err);
    }
    *ret_dtype = dtype;
    *ret_memory_type = memory;
    return 0;
}

static int struct_type(hid_t type, int depth, const tsr_dtype **ret_dtype, hid_t *ret_memory_type,
                       tsr_error *err)
{
    int count = H5Tget_nmembers(type), status = 0;
    fields self = {.count = count};

    if (count < 1 || count > FIELDS_MAX || depth == DEPTH_MAX)
        return tsr_error_set(err, TSR_LIMIT,
                             "a compound of %d fields, %d inside of each other; at most %d and %d",
                             count, depth, FIELDS_MAX, DEPTH_MAX);
    self.items = tsri_alloc_array_zero((size_t)count, sizeof *self.items);
    self.names = tsri_alloc_array_zero((size_t)count, sizeof *self.names);
    self.types = tsri_alloc_array((size_t)count, sizeof *self.types);
    for (int i = 0; i < count && self.types; i++)
        self.types[i] = -1;
    if (!self.items || !self.names || !self.types)
        status = tsri_error_no_memory(err, (size_t)count * sizeof *self.items);
    for (int i = 0; i < count && status == 0; i++)
        status = find_field(type, i, depth + 1, &self, err);
    if (status == 0)
        status = make_struct(&self, ret_dtype, ret_memory_type, err);
    fields_clear(&self);
    return status;
}

static int refuse_type(hid_t type, tsr_error *err)
{
    tsr_error_set(err, TSR_UNSUPPORTED, "elements of the HDF5 type \"%s\" (%zu bytes)",
                  class_name(type), H5Tget_size(type));
    tsr_error_set_next_step(err,
                            "integers, IEEE floating-point numbers, strings, enums, opaque bytes, "
                            "compounds of these, and h5py's booleans and complex numbers are read");
    return TSR_UNSUPPORTED;
}

/* `depth`: of compounds around it. */
static int type_at(hid_t type, int depth, const tsr_dtype **ret_dtype, hid_t *ret_memory_type,
                   tsr_error *err)
{
    const tsr_dtype *dtype = NULL;
    hid_t memory = -1, native = -1;
    int status = 0;

    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        dtype = integer_type(type, &native);
        memory = dtype ? H5Tcopy(native) : -1;
        break;
    case H5T_FLOAT:
        dtype = float_type(type, &memory);
        break;
    case H5T_ENUM:
        dtype = enum_type(type, &memory);
        break;
    case H5T_COMPOUND:
        dtype = complex_type(type, &memory);
        if (!dtype)
            status = struct_type(type, depth, &dtype, &memory, err);
        break;
    case H5T_STRING:
        status = string_type(type, &dtype, &memory, err);
        break;
    case H5T_OPAQUE:
        status = opaque_type(type, &dtype, &memory, err);
        break;
    default:
        break;
    }
    if (status == 0 && (!dtype || memory < 0)) {
        tsr_dtype_unref(dtype);
        status = refuse_type(type, err);
    }
    TSRI_TRY(status);
    *ret_dtype = dtype;
    *ret_memory_type = memory;
    return 0;
}

int tsri_hdf5_type(hid_t type, const tsr_dtype **ret_dtype, hid_t *ret_memory_type, tsr_error *err)
{
    return type_at(type, 0, ret_dtype, ret_memory_type, err);
}
