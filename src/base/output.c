#include "base/output.h"

#include <stdarg.h>

#include "base/checked.h"

/* Doubles until `needed` fits, and stops at the maximum. */
static int grow(tsr_output *output, size_t needed, tsr_error *err)
{
    size_t doubled, capacity = TSRI_MAX(needed, 256);
    if (tsri_multiply_size(output->capacity_bytes, 2, &doubled))
        capacity = TSRI_MAX(capacity, doubled);
    capacity = TSRI_MIN(capacity, output->max_bytes);
    char *data = tsri_realloc_array(output->data, capacity, 1);
    if (!data)
        return tsri_error_no_memory(err, capacity);
    output->data = data;
    output->capacity_bytes = capacity;
    return 0;
}

static int reserve(tsr_output *output, size_t more, tsr_error *err)
{
    size_t needed;
    if (!tsri_add_size(output->size_bytes, more, &needed) || needed > output->max_bytes)
        return tsr_error_set(err, TSR_LIMIT,
                             "%zu bytes of output after %zu are more than the %zu that are allowed",
                             more, output->size_bytes, output->max_bytes);
    if (needed > output->capacity_bytes || !output->data)
        return grow(output, needed, err);
    return 0;
}

void *tsr_output_reserve(tsr_output *output, size_t more, tsr_error *err)
{
    return reserve(output, more, err) < 0 ? NULL : output->data + output->size_bytes;
}

int tsr_output_append(tsr_output *output, const void *bytes, size_t size_bytes, tsr_error *err)
{
    TSRI_TRY(reserve(output, size_bytes, err));
    if (size_bytes > 0)
        memcpy(output->data + output->size_bytes, bytes, size_bytes);
    output->size_bytes += size_bytes;
    return 0;
}

int tsr_output_print(tsr_output *output, tsr_error *err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tsr_auto(tsri_text) *text = tsri_vformat(format, arguments);
    va_end(arguments);
    if (!text)
        return tsri_error_no_memory(err, strlen(format));
    return tsr_output_append(output, text, strlen(text), err);
}

void tsri_output_clear(tsr_output *output)
{
    tsri_free(output->data);
    output->data = NULL;
    output->size_bytes = 0;
    output->capacity_bytes = 0;
}
