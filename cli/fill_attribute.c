#include "fill_attribute.h"

#include <string.h>

#include "document.h"
#include "memory.h"
#include "scalar.h"
#include "try.h"

static int no_memory(tsr_error *err)
{
    return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
}

/* ---- base64 of a little-endian double ---- */

enum { PACKED_LENGTH = 12 }; /* 8 bytes: ten digits and a half, and one "=" */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void pack(double number, char text[PACKED_LENGTH + 1])
{
    uint64_t bits, little = 0;

    memcpy(&bits, &number, sizeof bits);
    /* The first byte in the file is the lowest one, and base64 reads from the first byte on. */
    for (int i = 0; i < 8; i++)
        little |= (bits >> (8 * i) & 0xff) << (56 - 8 * i);
    for (int i = 0; i < 10; i++)
        text[i] = digits[little >> (58 - 6 * i) & 63];
    text[10] = digits[(little & 15) << 2];
    text[11] = '=';
    text[PACKED_LENGTH] = '\0';
}

static bool unpack(const char *text, double *ret_number)
{
    uint64_t bits = 0, little = 0;
    const char *digit;

    if (strlen(text) != PACKED_LENGTH || text[11] != '=')
        return false;
    for (int i = 0; i < 11; i++) {
        digit = strchr(digits, text[i]);
        if (!digit)
            return false;
        uint64_t value = (uint64_t)(digit - digits);
        little = i < 10 ? little << 6 | value : little << 4 | value >> 2;
    }
    for (int i = 0; i < 8; i++)
        bits |= (little >> (56 - 8 * i) & 0xff) << (8 * i);
    memcpy(ret_number, &bits, sizeof bits);
    return true;
}

/* ---- reading ---- */

/* Elements whose components xarray packs. */
static bool is_packed(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_FLOAT || dtype->kind == TSR_KIND_COMPLEX;
}

static struct json_object *part_of(const tsr_dtype *dtype, struct json_object *value, size_t part)
{
    return dtype->kind == TSR_KIND_COMPLEX ? json_object_array_get_idx(value, part) : value;
}

/* Every component as a double; false when the value is not of that form. */
static bool read_packed(const tsr_dtype *dtype, struct json_object *value, double numbers[2])
{
    size_t parts = dtype->size_bytes / dtype->component_bytes;

    if (dtype->kind == TSR_KIND_COMPLEX &&
        (!json_object_is_type(value, json_type_array) || json_object_array_length(value) != parts))
        return false;
    for (size_t i = 0; i < parts; i++) {
        struct json_object *text = part_of(dtype, value, i);
        if (!json_object_is_type(text, json_type_string) ||
            !unpack(json_object_get_string(text), &numbers[i]))
            return false;
    }
    return true;
}

/* An element from doubles: as in a file, a number that the type cannot hold is rounded. */
static int convert(const tsr_dtype *from_type, const void *from, const tsr_dtype *to_type, void *to,
                   tsr_error *err)
{
    tsr_view source, target;

    CLI_TRY(tsr_view_init(&source, from_type, 0, NULL, (void *)from, err));
    CLI_TRY(tsr_view_init(&target, to_type, 0, NULL, to, err));
    return tsr_view_copy(&target, &source, TSR_CASTING_UNSAFE, err);
}

int fill_attribute_read(const tsr_dtype *dtype, struct json_object *attributes, void *element,
                        bool *ret_found, tsr_error *err)
{
    struct json_object *value;
    double numbers[2];

    *ret_found = false;
    if (!json_object_object_get_ex(attributes, FILL_ATTRIBUTE, &value))
        return 0;
    if (!is_packed(dtype) || !read_packed(dtype, value, numbers))
        return document_read_element(dtype, value, element, ret_found, err);
    for (size_t i = 0; i < dtype->size_bytes / dtype->component_bytes; i++)
        CLI_TRY(convert(TSR_FLOAT64, &numbers[i], tsr_dtype_component(dtype),
                        (char *)element + i * dtype->component_bytes, err));
    *ret_found = true;
    return 0;
}

/* ---- writing ---- */

static int packed_text(const tsr_dtype *dtype, const char *component, struct json_object **ret_text,
                       tsr_error *err)
{
    char text[PACKED_LENGTH + 1];
    double number;

    CLI_TRY(convert(tsr_dtype_component(dtype), component, TSR_FLOAT64, &number, err));
    pack(number, text);
    *ret_text = json_object_new_string(text);
    return *ret_text ? 0 : no_memory(err);
}

static int packed_pair(const tsr_dtype *dtype, const char *element, struct json_object **ret_value,
                       tsr_error *err)
{
    struct json_object *pair = json_object_new_array(), *text = NULL;
    int status = pair ? 0 : no_memory(err);

    for (size_t i = 0; status >= 0 && i < 2; i++) {
        status = packed_text(dtype, element + i * dtype->component_bytes, &text, err);
        if (status >= 0 && json_object_array_add(pair, text) < 0) {
            json_object_put(text);
            status = no_memory(err);
        }
    }
    if (status < 0)
        json_object_put(pair);
    else
        *ret_value = pair;
    return status;
}

static int plain_value(const tsr_dtype *dtype, const void *element, struct json_object **ret_value,
                       tsr_error *err)
{
    char *text = scalar_text(dtype, element);
    int status = text ? document_parse(text, ret_value, err) : no_memory(err);

    memory_free(text);
    return status;
}

int fill_attribute_write(const tsr_dtype *dtype, const void *element, int zarr_format,
                         struct json_object *attributes, tsr_error *err)
{
    struct json_object *value = NULL;

    if (zarr_format == 2 || !is_packed(dtype))
        CLI_TRY(plain_value(dtype, element, &value, err));
    else if (dtype->kind == TSR_KIND_COMPLEX)
        CLI_TRY(packed_pair(dtype, element, &value, err));
    else
        CLI_TRY(packed_text(dtype, element, &value, err));
    if (json_object_object_add(attributes, FILL_ATTRIBUTE, value) == 0)
        return 0;
    json_object_put(value);
    return no_memory(err);
}
