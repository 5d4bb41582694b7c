#include "source/netcdf_attributes.h"

#include <netcdf.h>

#include "base/base.h"
#include "base/text.h"
#include "meta/json.h"

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

static bool is_utf8(const char *text, size_t size_bytes)
{
    uint32_t code_point;
    while (size_bytes > 0) {
        size_t length = tsri_text_character(text, size_bytes, &code_point);
        if (length == 0)
            return false;
        text += length;
        size_bytes -= length;
    }
    return true;
}

/* Text of old files is often Latin-1: bytes that are no UTF-8 are taken for that. */
static int append_text(const char *text, size_t size_bytes, tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_text) *copy = tsri_alloc_array(size_bytes + 1, 2);
    size_t length = 0;

    if (!copy)
        return tsri_error_no_memory(err, 2 * size_bytes);
    while (size_bytes > 0 && text[size_bytes - 1] == '\0')
        size_bytes--;
    memcpy(copy, text, size_bytes);
    copy[size_bytes] = '\0';
    if (memchr(copy, '\0', size_bytes) == NULL && is_utf8(copy, size_bytes))
        return tsri_json_quote(copy, output, err);
    for (size_t i = 0; i < size_bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x80)
            copy[length++] = (char)(0xc0 | byte >> 6);
        if (byte != 0)
            copy[length++] = byte >= 0x80 ? (char)(0x80 | (byte & 0x3f)) : (char)byte;
    }
    copy[length] = '\0';
    return tsri_json_quote(copy, output, err);
}

static int append_numbers(const tsr_dtype *dtype, const char *values, size_t count,
                          tsr_output *output, tsr_error *err)
{
    char text[64];
    for (size_t i = 0; i < count; i++) {
        const char *before = count == 1 ? "" : i == 0 ? "[" : ",";
        if (tsr_dtype_format_element(dtype, values + i * dtype->size_bytes, text, sizeof text) < 0)
            return tsr_error_set(err, TSR_INTERNAL, "an element that has no text");
        TSRI_TRY(tsr_output_print(output, err, "%s%s", before, text));
    }
    return tsr_output_print(output, err, count == 1 ? "" : count == 0 ? "[]" : "]");
}

static int append_strings(int group, int variable, const char *name, size_t count,
                          tsr_output *output, tsr_error *err)
{
    char **strings = tsri_alloc_array_zero(count + 1, sizeof *strings);
    if (!strings)
        return tsri_error_no_memory(err, count * sizeof *strings);
    int status = nc_get_att_string(group, variable, name, strings) == NC_NOERR ? 0 : TSR_DAMAGED;
    if (status < 0)
        tsr_error_set(err, status, "attribute \"%s\" cannot be read", name);
    for (size_t i = 0; i < count && status == 0; i++) {
        const char *text = strings[i] ? strings[i] : "";
        status = tsr_output_print(output, err, "%s", count == 1 ? "" : i == 0 ? "[" : ",");
        if (status == 0)
            status = append_text(text, strlen(text), output, err);
    }
    if (status == 0)
        status = tsr_output_print(output, err, "%s", count == 1 ? "" : count == 0 ? "[]" : "]");
    nc_free_string(count, strings);
    tsri_free(strings);
    return status;
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
    if (nc_get_att(group, variable, name, values) != NC_NOERR)
        return tsr_error_set(err, TSR_DAMAGED, "attribute \"%s\" cannot be read", name);
    if (type == NC_CHAR)
        return append_text(values, count, output, err);
    return append_numbers(dtype, values, count, output, err);
}

static int append_attribute(int group, int variable, int number, bool *first, tsr_output *output,
                            tsr_error *err)
{
    char name[NC_MAX_NAME + 1];
    nc_type type;
    size_t count;

    if (nc_inq_attname(group, variable, number, name) != NC_NOERR ||
        nc_inq_att(group, variable, name, &type, &count) != NC_NOERR)
        return tsr_error_set(err, TSR_DAMAGED, "attribute %d cannot be read", number);
    if (is_internal(name) || (type != NC_STRING && !tsri_netcdf_dtype(type)))
        return 0;
    TSRI_TRY(tsr_output_print(output, err, "%s", *first ? "" : ","));
    *first = false;
    TSRI_TRY(append_text(name, strlen(name), output, err));
    TSRI_TRY(tsr_output_print(output, err, ":"));
    return append_value(group, variable, name, type, count, output, err);
}

int tsri_netcdf_attributes(int group, int variable, const char *path, tsr_output *output,
                           tsr_error *err)
{
    int count = 0;
    bool first = true;
    int code = variable == NC_GLOBAL ? nc_inq_natts(group, &count)
                                     : nc_inq_varnatts(group, variable, &count);

    if (code != NC_NOERR)
        return tsr_error_set(err, TSR_DAMAGED, "%s: %s", path, nc_strerror(code));
    TSRI_TRY(tsr_output_print(output, err, "{"));
    for (int i = 0; i < count; i++)
        TSRI_TRY_IN(err, append_attribute(group, variable, i, &first, output, err), "%s", path);
    TSRI_TRY(tsr_output_print(output, err, "}"));
    return tsr_output_append(output, "", 1, err);
}
