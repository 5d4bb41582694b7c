#include "scalar.h"

#include <ctype.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "memory.h"

enum { SCALAR_TEXT_FIRST = 256 };

char *scalar_text(const tsr_dtype *dtype, const void *element)
{
    size_t capacity = tsr_dtype_element_text_max(dtype, element);
    char *text = memory_bytes(capacity);

    if (text && tsr_dtype_format_element(dtype, element, text, capacity) < 0) {
        memory_free(text);
        return NULL;
    }
    return text;
}

bool scalar_text_init(cli_scalar_text *text)
{
    *text = (cli_scalar_text){memory_bytes(SCALAR_TEXT_FIRST), SCALAR_TEXT_FIRST};
    return text->text != NULL;
}

void scalar_text_clear(cli_scalar_text *text)
{
    memory_free(text->text);
    text->text = NULL;
}

int scalar_print(cli_scalar_text *text, const tsr_dtype *dtype, const void *element, tsr_error *err)
{
    size_t needed = tsr_dtype_element_text_max(dtype, element);

    if (needed > text->capacity) {
        char *grown = memory_resized(text->text, 2 * needed);
        if (!grown)
            return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for an element of %zu bytes",
                                 needed);
        text->text = grown;
        text->capacity = 2 * needed;
    }
    if (tsr_dtype_format_element(dtype, element, text->text, text->capacity) < 0)
        return tsr_error_set(err, TSR_INTERNAL, "an element cannot be printed");
    return 0;
}

/* Whether a word is one that JSON wants quotes around. */
static bool needs_quotes(const char *text)
{
    const char *word = text + (*text == '-' || *text == '+');

    return strncasecmp(word, "nan", 3) == 0 || strncasecmp(word, "inf", 3) == 0 ||
           strncmp(text, "0x", 2) == 0;
}

static const char *spelling(const char *text)
{
    static const char *const spellings[][2] = {
        {"nan", "NaN"},
        {"inf", "Infinity"},
        {"infinity", "Infinity"},
        {"+inf", "Infinity"},
        {"+infinity", "Infinity"},
        {"-inf", "-Infinity"},
        {"-infinity", "-Infinity"},
    };

    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        if (strcasecmp(text, spellings[i][0]) == 0)
            return spellings[i][1];
    return text;
}

/* Plain bytes up to the length of the type. */
static int parse_bytes(const tsr_dtype *dtype, const char *text, void *element, tsr_error *err)
{
    size_t length = strlen(text);

    if (length > dtype->size_bytes)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%.60s is longer than the %zu bytes of %s",
                             text, dtype->size_bytes, dtype->name);
    memset(element, 0, dtype->size_bytes);
    memcpy(element, text, length);
    return 0;
}

/* Text as people write it, without quotes and escapes. */
static int parse_text(const tsr_dtype *dtype, const char *text, tsr_heap *heap, void *element,
                      tsr_error *err)
{
    size_t length = strlen(text), used = 0;
    char *quoted = memory_bytes(2 * length + 3);
    int status;

    if (!quoted)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    quoted[used++] = '"';
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            quoted[used++] = '\\';
        quoted[used++] = *text;
    }
    quoted[used++] = '"';
    quoted[used] = '\0';
    status = tsr_dtype_parse_element_into(dtype, quoted, heap, element, err);
    memory_free(quoted);
    return status;
}

int scalar_parse_into(const tsr_dtype *dtype, const char *text, tsr_heap *heap, void *element,
                      tsr_error *err)
{
    char quoted[64];

    if (*text != '"' && dtype->kind == TSR_KIND_BYTES)
        return parse_bytes(dtype, text, element, err);
    if (*text != '"' && (dtype->kind == TSR_KIND_TEXT || dtype->kind == TSR_KIND_STRING))
        return parse_text(dtype, text, heap, element, err);
    if (dtype->kind == TSR_KIND_VARIABLE_BYTES && *text != '"' && *text != '[')
        return tsr_heap_add(heap, text, strlen(text), element, err);
    while (isspace((unsigned char)*text))
        text++;
    if (dtype->kind == TSR_KIND_DATETIME && strpbrk(text + (*text != '\0'), "-T:"))
        return parse_text(dtype, text, heap, element, err);
    if (needs_quotes(text) && strlen(text) < sizeof quoted - 2) {
        snprintf(quoted, sizeof quoted, "\"%s\"", spelling(text));
        return tsr_dtype_parse_element(dtype, quoted, element, err);
    }
    return tsr_dtype_parse_element_into(dtype, text, heap, element, err);
}

int scalar_parse(const tsr_dtype *dtype, const char *text, void *element, tsr_error *err)
{
    return scalar_parse_into(dtype, text, NULL, element, err);
}

typedef void cli_conversion(const char *at, int64_t stride, int64_t n, double *ret_values);

/* Loads through memcpy: views may be of any alignment. */
#define DEFINE_CONVERSION(type)                                                            \
    static void from_##type(const char *at, int64_t stride, int64_t n, double *ret_values) \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                  \
            type value;                                                                    \
            memcpy(&value, at + i * stride, sizeof value);                                 \
            ret_values[i] = (double)value;                                                 \
        }                                                                                  \
    }

DEFINE_CONVERSION(int8_t)
DEFINE_CONVERSION(int16_t)
DEFINE_CONVERSION(int32_t)
DEFINE_CONVERSION(int64_t)
DEFINE_CONVERSION(uint8_t)
DEFINE_CONVERSION(uint16_t)
DEFINE_CONVERSION(uint32_t)
DEFINE_CONVERSION(uint64_t)
DEFINE_CONVERSION(float)
DEFINE_CONVERSION(double)

#define DEFINE_MAGNITUDE(name, type)                                                       \
    static void from_##name(const char *at, int64_t stride, int64_t n, double *ret_values) \
    {                                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                  \
            type parts[2];                                                                 \
            memcpy(parts, at + i * stride, sizeof parts);                                  \
            ret_values[i] = hypot((double)parts[0], (double)parts[1]);                     \
        }                                                                                  \
    }

DEFINE_MAGNITUDE(complex64, float)
DEFINE_MAGNITUDE(complex128, double)

static cli_conversion *find_conversion(const tsr_dtype *dtype)
{
    static const struct {
        tsr_kind kind;
        size_t size_bytes;
        cli_conversion *convert;
    } rows[] = {
        {TSR_KIND_BOOL, 1, from_uint8_t},        {TSR_KIND_SIGNED, 1, from_int8_t},
        {TSR_KIND_SIGNED, 2, from_int16_t},      {TSR_KIND_SIGNED, 4, from_int32_t},
        {TSR_KIND_SIGNED, 8, from_int64_t},      {TSR_KIND_UNSIGNED, 1, from_uint8_t},
        {TSR_KIND_UNSIGNED, 2, from_uint16_t},   {TSR_KIND_UNSIGNED, 4, from_uint32_t},
        {TSR_KIND_UNSIGNED, 8, from_uint64_t},   {TSR_KIND_FLOAT, 4, from_float},
        {TSR_KIND_FLOAT, 8, from_double},        {TSR_KIND_COMPLEX, 8, from_complex64},
        {TSR_KIND_COMPLEX, 16, from_complex128},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == dtype->kind && rows[i].size_bytes == dtype->size_bytes)
            return rows[i].convert;
    return NULL;
}

void scalar_to_doubles(const tsr_dtype *dtype, const void *first, int64_t stride, int64_t n,
                       double *ret_values)
{
    cli_conversion *convert = find_conversion(dtype);
    const char *at = first;

    if (convert) {
        convert(at, stride, n, ret_values);
        return;
    }
    for (int64_t i = 0; i < n; i++, at += stride) {
        double real = tsr_dtype_to_double(dtype, at);
        ret_values[i] = dtype->kind != TSR_KIND_COMPLEX
                            ? real
                            : hypot(real, tsr_dtype_to_double(tsr_dtype_component(dtype),
                                                              at + dtype->component_bytes));
    }
}

bool scalar_is_little_endian(void)
{
    const uint16_t one = 1;
    unsigned char first;

    memcpy(&first, &one, 1);
    return first == 1;
}

void scalar_swap_bytes(const tsr_dtype *dtype, void *elements, int64_t n)
{
    size_t unit = dtype->component_bytes;
    int64_t units = n * (int64_t)(dtype->size_bytes / unit);
    unsigned char *at = elements;

    for (int64_t i = 0; i < units; i++, at += unit) {
        for (size_t j = 0; j < unit / 2; j++) {
            unsigned char byte = at[j];
            at[j] = at[unit - 1 - j];
            at[unit - 1 - j] = byte;
        }
    }
}

bool scalar_is_same_value(const tsr_dtype *dtype, const char *a, const char *b)
{
    size_t parts = dtype->size_bytes / dtype->component_bytes;
    const tsr_dtype *part = tsr_dtype_component(dtype);

    if (dtype->kind != TSR_KIND_FLOAT && dtype->kind != TSR_KIND_COMPLEX)
        return false;
    for (size_t i = 0; i < parts; i++) {
        double left = tsr_dtype_to_double(part, a + i * dtype->component_bytes);
        double right = tsr_dtype_to_double(part, b + i * dtype->component_bytes);
        if (left != right && !(isnan(left) && isnan(right)))
            return false;
    }
    return true;
}
