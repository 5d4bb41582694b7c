/* Element types of HDF5. */
#include "source/hdf5_file.h"

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

/* Texts of any length; those of a fixed one are refused. */
static const tsr_dtype *string_type(hid_t type, hid_t *ret_memory_type)
{
    if (H5Tis_variable_str(type) <= 0)
        return NULL;
    *ret_memory_type = H5Tcopy(type);
    return TSR_STRING;
}

int tsri_hdf5_type(hid_t type, const tsr_dtype **ret_dtype, hid_t *ret_memory_type, tsr_error *err)
{
    const tsr_dtype *dtype = NULL;
    hid_t memory = -1, native = -1;

    switch (H5Tget_class(type)) {
    case H5T_INTEGER:
        dtype = integer_type(type, &native);
        memory = dtype ? H5Tcopy(native) : -1;
        break;
    case H5T_FLOAT:
        dtype = float_type(type, &memory);
        break;
    case H5T_ENUM:
        dtype = bool_type(type, &memory);
        break;
    case H5T_COMPOUND:
        dtype = complex_type(type, &memory);
        break;
    case H5T_STRING:
        dtype = string_type(type, &memory);
        break;
    default:
        break;
    }
    if (dtype && memory >= 0) {
        *ret_dtype = dtype;
        *ret_memory_type = memory;
        return 0;
    }
    tsr_error_set(err, TSR_UNSUPPORTED, "elements of the HDF5 type \"%s\" (%zu bytes)",
                  class_name(type), H5Tget_size(type));
    tsr_error_set_next_step(err,
                            "integers, IEEE floating-point numbers, strings of any length, and "
                            "h5py's booleans and complex numbers are read");
    return TSR_UNSUPPORTED;
}
