/* The table of types, and types that are made at run time. */
#include <tessera/dtype.h>

#include "base/base.h"
#include "tensor/element.h"
#include "tensor/made_dtype.h"

/* Every type without parameters is one row here: name, kind, size, unit of byte order, bits of it
 * that count, letter of v2's typestr (0: it has none), text form, number, float format, component.
 * The rows of floats and complex numbers follow from fewer words. Families with parameters are rows
 * of `families` below. */
#define FLOAT_ROW(ROW, name, size, bits, letter)                                                \
    ROW(name, FLOAT, size, size, bits, letter, float, &tsri_number_##name, &tsri_format_##name, \
        NULL)
#define COMPLEX_ROW(ROW, name, component, size, bits, letter) \
    ROW(name, COMPLEX, 2 * size, size, bits, letter, complex, NULL, NULL, &tsr_dtype_##component)

#define TYPE_ROWS(ROW)                                                              \
    ROW(bool, BOOL, 1, 1, 8, 'b', bool, &tsri_number_boolean, NULL, NULL)           \
    ROW(int2, SIGNED, 1, 1, 2, 0, signed, &tsri_number_int2, NULL, NULL)            \
    ROW(int4, SIGNED, 1, 1, 4, 0, signed, &tsri_number_int4, NULL, NULL)            \
    ROW(int8, SIGNED, 1, 1, 8, 'i', signed, &tsri_number_int8, NULL, NULL)          \
    ROW(int16, SIGNED, 2, 2, 16, 'i', signed, &tsri_number_int16, NULL, NULL)       \
    ROW(int32, SIGNED, 4, 4, 32, 'i', signed, &tsri_number_int32, NULL, NULL)       \
    ROW(int64, SIGNED, 8, 8, 64, 'i', signed, &tsri_number_int64, NULL, NULL)       \
    ROW(uint2, UNSIGNED, 1, 1, 2, 0, unsigned, &tsri_number_uint2, NULL, NULL)      \
    ROW(uint4, UNSIGNED, 1, 1, 4, 0, unsigned, &tsri_number_uint4, NULL, NULL)      \
    ROW(uint8, UNSIGNED, 1, 1, 8, 'u', unsigned, &tsri_number_uint8, NULL, NULL)    \
    ROW(uint16, UNSIGNED, 2, 2, 16, 'u', unsigned, &tsri_number_uint16, NULL, NULL) \
    ROW(uint32, UNSIGNED, 4, 4, 32, 'u', unsigned, &tsri_number_uint32, NULL, NULL) \
    ROW(uint64, UNSIGNED, 8, 8, 64, 'u', unsigned, &tsri_number_uint64, NULL, NULL) \
    FLOAT_ROW(ROW, float16, 2, 16, 'f')                                             \
    FLOAT_ROW(ROW, float32, 4, 32, 'f')                                             \
    FLOAT_ROW(ROW, float64, 8, 64, 'f')                                             \
    FLOAT_ROW(ROW, bfloat16, 2, 16, 0)                                              \
    FLOAT_ROW(ROW, float4_e2m1fn, 1, 4, 0)                                          \
    FLOAT_ROW(ROW, float6_e2m3fn, 1, 6, 0)                                          \
    FLOAT_ROW(ROW, float6_e3m2fn, 1, 6, 0)                                          \
    FLOAT_ROW(ROW, float8_e3m4, 1, 8, 0)                                            \
    FLOAT_ROW(ROW, float8_e4m3, 1, 8, 0)                                            \
    FLOAT_ROW(ROW, float8_e4m3fn, 1, 8, 0)                                          \
    FLOAT_ROW(ROW, float8_e4m3b11fnuz, 1, 8, 0)                                     \
    FLOAT_ROW(ROW, float8_e4m3fnuz, 1, 8, 0)                                        \
    FLOAT_ROW(ROW, float8_e5m2, 1, 8, 0)                                            \
    FLOAT_ROW(ROW, float8_e5m2fnuz, 1, 8, 0)                                        \
    FLOAT_ROW(ROW, float8_e8m0fnu, 1, 8, 0)                                         \
    COMPLEX_ROW(ROW, complex64, float32, 4, 32, 'c')                                \
    COMPLEX_ROW(ROW, complex128, float64, 8, 64, 'c')                               \
    COMPLEX_ROW(ROW, complex_float16, float16, 2, 16, 0)                            \
    COMPLEX_ROW(ROW, complex_bfloat16, bfloat16, 2, 16, 0)                          \
    COMPLEX_ROW(ROW, complex_float4_e2m1fn, float4_e2m1fn, 1, 4, 0)                 \
    COMPLEX_ROW(ROW, complex_float6_e2m3fn, float6_e2m3fn, 1, 6, 0)                 \
    COMPLEX_ROW(ROW, complex_float6_e3m2fn, float6_e3m2fn, 1, 6, 0)                 \
    COMPLEX_ROW(ROW, complex_float8_e3m4, float8_e3m4, 1, 8, 0)                     \
    COMPLEX_ROW(ROW, complex_float8_e4m3, float8_e4m3, 1, 8, 0)                     \
    COMPLEX_ROW(ROW, complex_float8_e4m3b11fnuz, float8_e4m3b11fnuz, 1, 8, 0)       \
    COMPLEX_ROW(ROW, complex_float8_e4m3fnuz, float8_e4m3fnuz, 1, 8, 0)             \
    COMPLEX_ROW(ROW, complex_float8_e5m2, float8_e5m2, 1, 8, 0)                     \
    COMPLEX_ROW(ROW, complex_float8_e5m2fnuz, float8_e5m2fnuz, 1, 8, 0)             \
    COMPLEX_ROW(ROW, complex_float8_e8m0fnu, float8_e8m0fnu, 1, 8, 0)

#define DEFINE_TYPE(name, kind, size, unit, bits, letter, text, number, format, component) \
    static const struct tsr_dtype_ops name##_ops = {&tsri_text_##text, number, format,     \
                                                    component,         NULL,   NULL};      \
    const tsr_dtype tsr_dtype_##name = {                                                   \
        sizeof(tsr_dtype), #name, TSR_KIND_##kind, size, unit, unit, letter, NULL,         \
        &name##_ops,       bits};
TYPE_ROWS(DEFINE_TYPE)

#define LIST_TYPE(name, ...) &tsr_dtype_##name,
static const tsr_dtype *const types[] = {TYPE_ROWS(LIST_TYPE) TSR_STRING, TSR_VARIABLE_BYTES};

/* Other names, of the registry and of habit. */
static const struct {
    const char *name;
    const tsr_dtype *dtype;
} aliases[] = {{"complex_float32", TSR_COMPLEX64},
               {"complex_float64", TSR_COMPLEX128},
               {"variable_length_bytes", TSR_VARIABLE_BYTES},
               {"binary", TSR_VARIABLE_BYTES}};

const char tsri_dtype_known_names[] =
    "bool, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float16, float32, float64, "
    "complex64, complex128; r8, r16, r24, ... (raw bytes); int2, int4, uint2, uint4, bfloat16, "
    "float4_e2m1fn, float6_e2m3fn, float6_e3m2fn, float8_ with e3m4, e4m3, e4m3fn, e4m3b11fnuz, "
    "e4m3fnuz, e5m2, e5m2fnuz or e8m0fnu; complex_ with the name of a float type; datetime64[ns], "
    "timedelta64[10us], ...; string, bytes (of any length), U10 (text of fixed length), S10 (bytes); "
    "struct{x:float32,y:int16}";

#define RAW_BYTES_MAX (1 << 20)

static const struct tsr_dtype_ops raw_ops = {&tsri_text_raw, NULL, NULL, NULL, NULL, NULL};

int tsri_dtype_make(size_t size_bytes, const tsr_dtype *pattern, char *name,
                    tsri_made_dtype **ret_made, tsr_error *err)
{
    tsri_made_dtype *made = name ? tsri_alloc_zero(size_bytes) : NULL;
    if (!made) {
        tsri_free(name);
        return tsri_error_no_memory(err, size_bytes);
    }
    made->references = 1;
    made->name = name;
    made->dtype = *pattern;
    made->dtype.struct_size = sizeof(tsr_dtype);
    made->dtype.name = name;
    made->dtype.counter = &made->references;
    *ret_made = made;
    return 0;
}

int tsr_dtype_raw(size_t size_bytes, const tsr_dtype **ret_dtype, tsr_error *err)
{
    if (size_bytes == 0 || size_bytes > RAW_BYTES_MAX)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a raw type has 1 to %d bytes, not %zu",
                             RAW_BYTES_MAX, size_bytes);
    const tsr_dtype pattern = {.kind = TSR_KIND_RAW,
                               .size_bytes = size_bytes,
                               .component_bytes = 1,
                               .alignment = 1,
                               .v2_kind = 'V',
                               .ops = &raw_ops,
                               .component_bits = 8};
    tsri_made_dtype *made;
    TSRI_TRY(
        tsri_dtype_make(sizeof *made, &pattern, tsri_format("r%zu", size_bytes * 8), &made, err));
    *ret_dtype = &made->dtype;
    return 0;
}

const tsr_dtype *tsr_dtype_ref(const tsr_dtype *dtype)
{
    if (dtype && dtype->counter)
        __atomic_add_fetch((int *)dtype->counter, 1, __ATOMIC_RELAXED);
    return dtype;
}

void tsr_dtype_unref(const tsr_dtype *dtype)
{
    if (dtype && dtype->counter &&
        __atomic_sub_fetch((int *)dtype->counter, 1, __ATOMIC_ACQ_REL) == 0) {
        tsri_made_dtype *made = (tsri_made_dtype *)dtype;
        if (dtype->ops->clear)
            dtype->ops->clear(&made->dtype);
        tsri_free(made->name);
        tsri_free(made);
    }
}

const tsr_dtype *tsr_dtype_component(const tsr_dtype *dtype)
{
    return dtype->ops->component ? dtype->ops->component : dtype;
}

bool tsr_dtype_equal(const tsr_dtype *a, const tsr_dtype *b)
{
    return a == b || (a->ops == b->ops && a->size_bytes == b->size_bytes &&
                      (!a->ops->is_same || a->ops->is_same(a, b)));
}

/* Reads the decimal digits at `text`, which must be all there is; false otherwise or above
 * `maximum`. */
static bool read_size(const char *text, size_t maximum, size_t *ret_size)
{
    size_t size = 0;
    if (*text < '1' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        size = size * 10 + (size_t)(*text - '0');
        if (size > maximum)
            return false;
    }
    *ret_size = size;
    return *text == '\0';
}

/* "r24": the size is in bits. Sets *ret_matches when the name belongs to this family, right or
 * wrong. */
static int parse_raw(const char *name, bool *ret_matches, const tsr_dtype **ret_dtype,
                     tsr_error *err)
{
    size_t size;
    *ret_matches = name[0] == 'r' && name[1] >= '0' && name[1] <= '9';
    if (!*ret_matches)
        return 0;
    if (!read_size(name + 1, (size_t)RAW_BYTES_MAX * 8, &size) || size % 8 != 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "type \"%.40s\": the number of bits is a multiple of 8 from 8 to %d",
                             name, RAW_BYTES_MAX * 8);
    return tsr_dtype_raw(size / 8, ret_dtype, err);
}

/* "f4", "<u2", "|V3": a byte order, a letter, the size in bytes. */
static int parse_short(const char *name, bool *ret_matches, const tsr_dtype **ret_dtype,
                       tsr_error *err)
{
    const char *letter = name + (*name != '\0' && strchr("<>|=", *name) != NULL);
    size_t size;
    *ret_matches = *letter != '\0' && read_size(letter + 1, RAW_BYTES_MAX, &size);
    if (!*ret_matches)
        return 0;
    if (*letter == 'V')
        return tsr_dtype_raw(size, ret_dtype, err);
    for (size_t i = 0; i < TSRI_COUNT(types); i++)
        if (types[i]->v2_kind == *letter && types[i]->size_bytes == size) {
            *ret_dtype = types[i];
            return 0;
        }
    *ret_matches = false;
    return 0;
}

/* Families of names that carry parameters. */
static int (*const families[])(const char *, bool *, const tsr_dtype **, tsr_error *) = {
    tsri_dtype_parse_time, tsri_dtype_parse_text, tsri_dtype_parse_struct, parse_raw, parse_short};

static int report_unknown(const char *name, tsr_error *err)
{
    tsr_error_set(err, TSR_NOT_FOUND, "there is no type \"%.40s\"", name);
    tsr_error_set_next_step(err, "known types: %s", tsri_dtype_known_names);
    return TSR_NOT_FOUND;
}

int tsr_dtype_parse(const char *name, const tsr_dtype **ret_dtype, tsr_error *err)
{
    for (size_t i = 0; i < TSRI_COUNT(types); i++)
        if (strcmp(types[i]->name, name) == 0) {
            *ret_dtype = types[i];
            return 0;
        }
    for (size_t i = 0; i < TSRI_COUNT(aliases); i++)
        if (strcmp(aliases[i].name, name) == 0) {
            *ret_dtype = aliases[i].dtype;
            return 0;
        }
    for (size_t i = 0; i < TSRI_COUNT(families); i++) {
        bool matches;
        TSRI_TRY(families[i](name, &matches, ret_dtype, err));
        if (matches)
            return 0;
    }
    return report_unknown(name, err);
}
