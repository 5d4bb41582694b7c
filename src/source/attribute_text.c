#include "source/attribute_text.h"

#include "base/text.h"
#include "meta/json.h"

int tsri_attribute_text(const char *text, size_t size_bytes, tsr_output *output, tsr_error *err)
{
    bool latin = !tsri_text_is_utf8(text, size_bytes);
    tsr_auto(tsri_text) *copy = tsri_alloc_array(size_bytes + 1, 2);
    size_t length = 0;

    if (!copy)
        return tsri_error_no_memory(err, 2 * size_bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte == 0)
            continue;
        if (latin && byte >= 0x80) {
            copy[length++] = (char)(0xc0 | byte >> 6);
            byte = (unsigned char)(0x80 | (byte & 0x3f));
        }
        copy[length++] = (char)byte;
    }
    copy[length] = '\0';
    return tsr_json_quote(copy, output, err);
}

/* A short float as the double that it is: readers of JSON know doubles alone, and 0.1 is not the
 * float32 that prints as 0.1, so that comparing with elements would fail. */
static const void *as_double(const tsr_dtype **dtype, const void *value, double numbers[2])
{
    const tsr_dtype *component = tsr_dtype_component(*dtype);
    if (component->kind != TSR_KIND_FLOAT || component->size_bytes >= sizeof(double))
        return value;
    for (size_t i = 0; i < (*dtype)->size_bytes / component->size_bytes; i++)
        numbers[i] =
            tsr_dtype_to_double(component, (const char *)value + i * component->size_bytes);
    *dtype = (*dtype)->kind == TSR_KIND_COMPLEX ? TSR_COMPLEX128 : TSR_FLOAT64;
    return numbers;
}

int tsri_attribute_number(const tsr_dtype *dtype, const void *value, tsr_output *output,
                          tsr_error *err)
{
    char text[80];
    double numbers[2];
    value = as_double(&dtype, value, numbers);
    int length = tsr_dtype_format_element(dtype, value, text, sizeof text);

    if (length < 0)
        return tsr_error_set(err, TSR_INTERNAL, "a number of the type %s that has no text",
                             dtype->name);
    /* A NaN with a payload is a fill value's form, "0x7fc00001"; an attribute is a number. */
    if (dtype->kind == TSR_KIND_FLOAT && strncmp(text, "\"0x", 3) == 0)
        return tsr_output_print(output, err, "\"NaN\"");
    return tsr_output_append(output, text, (size_t)length, err);
}

int tsri_attribute_name(const char *name, bool *first, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, "%s", *first ? "" : ","));
    *first = false;
    TSRI_TRY(tsri_attribute_text(name, strlen(name), output, err));
    return tsr_output_print(output, err, ":");
}
