/* Element types: immutable descriptors, passed by pointer. TSR_FLOAT32 is &tsr_dtype_float32; types
 * with parameters (r24, datetime64[ns]) are made at run time and reference-counted.
 *
 * Names and fill-value forms: Zarr 3.1 core specification, "Data types" and "Fill value".
 *
 * Thread: IMMUTABLE. */
#ifndef TESSERA_DTYPE_H
#define TESSERA_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tessera/error.h>
#include <tessera/export.h>
#include <tessera/heap.h>

TSR_BEGIN_DECLS

/* Later versions may add kinds. */
typedef enum tsr_kind {
    TSR_KIND_BOOL,
    TSR_KIND_SIGNED,
    TSR_KIND_UNSIGNED,
    TSR_KIND_FLOAT,
    TSR_KIND_COMPLEX,
    TSR_KIND_RAW,           /* bytes without a meaning: r8, r16, ... */
    TSR_KIND_DATETIME,      /* int64_t: steps of a unit since 1970-01-01T00:00; INT64_MIN is NaT */
    TSR_KIND_TIMEDELTA,     /* int64_t: a number of steps of a unit; INT64_MIN is NaT */
    TSR_KIND_TEXT,          /* uint32_t code points of Unicode, filled up with 0 at the end */
    TSR_KIND_BYTES,         /* bytes, filled up with 0 at the end */
    TSR_KIND_STRUCT,        /* named fields one behind the other, without padding */
    TSR_KIND_STRING,        /* tsr_slot (tessera/heap.h): UTF-8 of any length, 0 bytes included */
    TSR_KIND_VARIABLE_BYTES /* tsr_slot: bytes of any length */
} tsr_kind;

typedef struct tsr_dtype tsr_dtype;
struct tsr_dtype_ops;

/* Read the fields through the functions below: the struct grows with later versions. */
struct tsr_dtype {
    size_t struct_size;
    const char *name; /* what tsr_dtype_parse reads: "float32", as in Zarr v3 metadata */
    tsr_kind kind;
    size_t size_bytes;      /* of one element in memory */
    size_t component_bytes; /* the unit that byte order swaps: half a complex element; 1 for raw */
    size_t alignment;
    char v2_kind;                    /* the letter of a v2 typestr: b i u f c m M S U V; 0: none */
    void *counter;                   /* NULL for a static descriptor; otherwise internal */
    const struct tsr_dtype_ops *ops; /* internal: text forms and casts of the type */
    int component_bits; /* of a component that count: 4 for int4, else 8 x component_bytes */
};

/* The types that every build knows; the short names below point at them. IMMUTABLE.
 *
 * Numbers of fewer than 8 bits take a byte each in memory. Those of int2 and int4 are sign-extended
 * and those of uint2 and uint4 zero-extended, so that they can be used as int8_t and uint8_t; the
 * upper bits of float4 and float6 are 0. Whatever stands in the upper bits is ignored on reading.
 *
 * Small floats, by their names: e4m3 has 4 bits of exponent and 3 of mantissa; f: finite, without
 * infinities; n: another NaN than IEEE 754 has, or none at all (float4, float6); uz: no negative
 * zero, whose pattern is the NaN; u of e8m0fnu: without a sign, and without zero. float8_e4m3fn is
 * no name of the Zarr registry, but the one that is met in the wild. */
TSR_API extern const tsr_dtype tsr_dtype_bool, tsr_dtype_int8, tsr_dtype_int16, tsr_dtype_int32,
    tsr_dtype_int64, tsr_dtype_uint8, tsr_dtype_uint16, tsr_dtype_uint32, tsr_dtype_uint64,
    tsr_dtype_float16, tsr_dtype_float32, tsr_dtype_float64, tsr_dtype_complex64,
    tsr_dtype_complex128;
TSR_API extern const tsr_dtype tsr_dtype_int2, tsr_dtype_int4, tsr_dtype_uint2, tsr_dtype_uint4,
    tsr_dtype_bfloat16, tsr_dtype_float4_e2m1fn, tsr_dtype_float6_e2m3fn, tsr_dtype_float6_e3m2fn,
    tsr_dtype_float8_e3m4, tsr_dtype_float8_e4m3, tsr_dtype_float8_e4m3fn,
    tsr_dtype_float8_e4m3b11fnuz, tsr_dtype_float8_e4m3fnuz, tsr_dtype_float8_e5m2,
    tsr_dtype_float8_e5m2fnuz, tsr_dtype_float8_e8m0fnu;
TSR_API extern const tsr_dtype tsr_dtype_complex_bfloat16, tsr_dtype_complex_float16,
    tsr_dtype_complex_float4_e2m1fn, tsr_dtype_complex_float6_e2m3fn,
    tsr_dtype_complex_float6_e3m2fn, tsr_dtype_complex_float8_e3m4, tsr_dtype_complex_float8_e4m3,
    tsr_dtype_complex_float8_e4m3b11fnuz, tsr_dtype_complex_float8_e4m3fnuz,
    tsr_dtype_complex_float8_e5m2, tsr_dtype_complex_float8_e5m2fnuz,
    tsr_dtype_complex_float8_e8m0fnu;

/* Text and bytes of any length, `string` and `bytes` of the Zarr extension registry. In memory an
 * element is a tsr_slot, which may point to its bytes: whoever copies elements has tessera/heap.h
 * and the heap of tsr_view in mind. No struct has fields of these types. */
TSR_API extern const tsr_dtype tsr_dtype_string, tsr_dtype_variable_bytes;

#define TSR_BOOL (&tsr_dtype_bool)
#define TSR_INT8 (&tsr_dtype_int8)
#define TSR_INT16 (&tsr_dtype_int16)
#define TSR_INT32 (&tsr_dtype_int32)
#define TSR_INT64 (&tsr_dtype_int64)
#define TSR_UINT8 (&tsr_dtype_uint8)
#define TSR_UINT16 (&tsr_dtype_uint16)
#define TSR_UINT32 (&tsr_dtype_uint32)
#define TSR_UINT64 (&tsr_dtype_uint64)
#define TSR_FLOAT16 (&tsr_dtype_float16)
#define TSR_FLOAT32 (&tsr_dtype_float32)
#define TSR_FLOAT64 (&tsr_dtype_float64)
#define TSR_COMPLEX64 (&tsr_dtype_complex64)
#define TSR_COMPLEX128 (&tsr_dtype_complex128)
#define TSR_INT2 (&tsr_dtype_int2)
#define TSR_INT4 (&tsr_dtype_int4)
#define TSR_UINT2 (&tsr_dtype_uint2)
#define TSR_UINT4 (&tsr_dtype_uint4)
#define TSR_BFLOAT16 (&tsr_dtype_bfloat16)
#define TSR_FLOAT4_E2M1FN (&tsr_dtype_float4_e2m1fn)
#define TSR_FLOAT6_E2M3FN (&tsr_dtype_float6_e2m3fn)
#define TSR_FLOAT6_E3M2FN (&tsr_dtype_float6_e3m2fn)
#define TSR_FLOAT8_E3M4 (&tsr_dtype_float8_e3m4)
#define TSR_FLOAT8_E4M3 (&tsr_dtype_float8_e4m3)
#define TSR_FLOAT8_E4M3FN (&tsr_dtype_float8_e4m3fn)
#define TSR_FLOAT8_E4M3B11FNUZ (&tsr_dtype_float8_e4m3b11fnuz)
#define TSR_FLOAT8_E4M3FNUZ (&tsr_dtype_float8_e4m3fnuz)
#define TSR_FLOAT8_E5M2 (&tsr_dtype_float8_e5m2)
#define TSR_FLOAT8_E5M2FNUZ (&tsr_dtype_float8_e5m2fnuz)
#define TSR_FLOAT8_E8M0FNU (&tsr_dtype_float8_e8m0fnu)
#define TSR_STRING (&tsr_dtype_string)
#define TSR_VARIABLE_BYTES (&tsr_dtype_variable_bytes)

/* The type of a name: Zarr v3 names ("float32", "r24", "complex_float32", which is complex64),
 * NumPy's short names ("f4", "<u2", "|b1", byte order is ignored since it belongs to storage),
 * "datetime64[ns]", "timedelta64[10us]", "M8[D]", "U10", "S10", "string", "bytes",
 * "struct{x:float32,y:int16}" (names in JSON's quotes when they have other characters). Owner: the
 * caller holds one reference (static types ignore it). Thread: IMMUTABLE. Errors: NOT_FOUND with
 * the known names as next step, INVALID_ARGUMENT, NO_MEMORY. */
TSR_API int tsr_dtype_parse(const char *name, const tsr_dtype **ret_dtype, tsr_error *err);

/* The raw type of `size_bytes` bytes, named r(8 x size_bytes). Owner: the caller holds one
 * reference. Thread: IMMUTABLE.
 * Errors: INVALID_ARGUMENT for 0 or more than 2^20 bytes, NO_MEMORY. */
TSR_API int tsr_dtype_raw(size_t size_bytes, const tsr_dtype **ret_dtype, tsr_error *err);

/* numpy.datetime64 or, with `kind` TSR_KIND_TIMEDELTA, numpy.timedelta64: an int64_t that counts
 * steps of `scale` (1..2^31-1) times `unit`: Y M W D h m s ms us ns ps fs as, or generic, a number
 * without a unit. Owner: the caller holds one reference. Thread: IMMUTABLE.
 * Errors: INVALID_ARGUMENT, NO_MEMORY. Format: Zarr extension registry, numpy.datetime64. */
TSR_API int tsr_dtype_time(tsr_kind kind, const char *unit, int64_t scale,
                           const tsr_dtype **ret_dtype, tsr_error *err);

/* The unit of such a type, static, with its scale in *ret_scale; NULL for all other types.
 * Thread: IMMUTABLE. Never fails. */
TSR_API const char *tsr_dtype_time_unit(const tsr_dtype *dtype, int64_t *ret_scale);

/* Writes a moment as NumPy does, "1970-01-01T00:00:00.5" with as many parts as its unit asks for,
 * or "NaT"; a length of time as its number. `capacity` is of `text` with its final 0; 64 suffices.
 * Returns the length. Thread: IMMUTABLE. Errors: LIMIT when `capacity` is too small, TYPE_MISMATCH
 * for another type. */
TSR_API int tsr_dtype_format_time(const tsr_dtype *dtype, const void *element, char *text,
                                  size_t capacity);

/* Text of fixed length: with `kind` TSR_KIND_TEXT `length` code points (fixed_length_utf32, v2's
 * U), with TSR_KIND_BYTES `length` bytes (null_terminated_bytes as zarr-python writes it, v2's S).
 * What is shorter is filled up with 0. Owner: the caller holds one reference. Thread: IMMUTABLE.
 * Errors: INVALID_ARGUMENT for less than 1 or more than 2^20 bytes, NO_MEMORY. */
TSR_API int tsr_dtype_fixed_text(tsr_kind kind, int64_t length, const tsr_dtype **ret_dtype,
                                 tsr_error *err);

/* A field of a struct. */
#define TSR_FIELD_RANK_MAX 8
typedef struct tsr_field {
    const char *name; /* UTF-8, not empty, once in its struct */
    const tsr_dtype *dtype;
    size_t offset_bytes; /* from the start of the struct; tsr_dtype_struct sets it */
    int rank;            /* > 0: the field is an array of elements (v2 only), in C order */
    int64_t shape[TSR_FIELD_RANK_MAX];
} tsr_field;

/* A struct of `count` fields, which it copies; offsets need not be set. Owner: the caller holds one
 * reference. Thread: IMMUTABLE. Errors: INVALID_ARGUMENT (no field, a name that is empty, not UTF-8
 * or there twice; more than 4096 fields, 2^20 bytes or 64 structs inside of each other), NO_MEMORY.
 * Format: Zarr extension registry, struct. */
TSR_API int tsr_dtype_struct(const tsr_field *fields, int count, const tsr_dtype **ret_dtype,
                             tsr_error *err);

/* How many fields a struct has (0: it is none), and one of them (NULL: there is none of this
 * number), borrowed from `dtype`. tsr_view_field makes a view of one field of all elements.
 * Thread: IMMUTABLE. Never fails. */
TSR_API int tsr_dtype_field_count(const tsr_dtype *dtype);
TSR_API const tsr_field *tsr_dtype_field(const tsr_dtype *dtype, int number);

/* The type that JSON says, as the field data_type of v3 metadata
 * ({"name": "struct", "configuration": {"fields": [...]}}) or, a list, as dtype of v2 metadata
 * ([["x", "<f4"], ["y", "<f4"]]; byte order is ignored). Owner: the caller holds one reference.
 * Thread: IMMUTABLE. Errors: INVALID_ARGUMENT (with the JSON pointer), UNSUPPORTED, NO_MEMORY. */
TSR_API int tsr_dtype_from_json(const char *text, const tsr_dtype **ret_dtype, tsr_error *err);

/* Takes and drops a reference; static types and NULL are left alone.
 * Thread: IMMUTABLE. Never fails. */
TSR_API const tsr_dtype *tsr_dtype_ref(const tsr_dtype *dtype);
TSR_API void tsr_dtype_unref(const tsr_dtype *dtype);

/* The type of one component: float32 for complex64, the type itself for all that have one only.
 * Borrowed from `dtype`. Thread: IMMUTABLE. Never fails. */
TSR_API const tsr_dtype *tsr_dtype_component(const tsr_dtype *dtype);

/* Whether two descriptors mean the same type. Thread: IMMUTABLE. Never fails. */
TSR_API bool tsr_dtype_equal(const tsr_dtype *a, const tsr_dtype *b);

/* Whether elements are of variable length: slots that may point to their bytes. Thread: IMMUTABLE.
 * Never fails. */
static inline bool tsr_dtype_is_variable(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_STRING || dtype->kind == TSR_KIND_VARIABLE_BYTES;
}

/* How many bytes of text one element of a type needs at most with its final 0, as
 * tsr_dtype_format_element writes it; of variable length those of at most TSR_SLOT_INLINE_MAX
 * bytes. Thread: IMMUTABLE. Never fails. */
TSR_API size_t tsr_dtype_text_max(const tsr_dtype *dtype);

/* How many bytes of text this element needs at most with its final 0. Thread: IMMUTABLE. Never
 * fails. */
TSR_API size_t tsr_dtype_element_text_max(const tsr_dtype *dtype, const void *element);

/* Writes one element as fill-value JSON (3, -0.0, "NaN", "0x7fc00001", [1.5, "Infinity"], true): a
 * text that tsr_dtype_parse_element turns into the same bits. NaN with the standard quiet bits is
 * "NaN", others are hexadecimal; floats are the shortest decimals that give the same bits.
 * Independent of the locale. `capacity` is of `text` with its final 0: what
 * tsr_dtype_text_max says suffices; for numbers that is 24 bytes per component plus 8. Returns the
 * length. Thread: IMMUTABLE. Errors: LIMIT when `capacity` is too small. */
TSR_API int tsr_dtype_format_element(const tsr_dtype *dtype, const void *element, char *text,
                                     size_t capacity);

/* Reads one element from fill-value JSON (of datetimes also the text of tsr_dtype_format_time in
 * quotes, as long as it is a whole number of steps). Also accepted: "+Infinity", the names of
 * floats without quotes, numbers for bool (0 and 1), an integer written as 1.0, base64 for raw
 * types. Decimal floats round half to even. `element` (size_bytes of the type) is untouched on
 * failure. Thread: IMMUTABLE. Errors: INVALID_ARGUMENT (not a value of this type, or out of its
 * range, as a decimal that would round to infinity is; names of values that the type lacks; the
 * message names the type; a type of variable length, which has the function below), NO_MEMORY. */
TSR_API int tsr_dtype_parse_element(const tsr_dtype *dtype, const char *text, void *element,
                                    tsr_error *err);

/* The same for types of variable length too, whose bytes are put into the heap: a JSON string;
 * base64 in quotes or a list of numbers from 0 to 255 for bytes. Thread: CONFINED. Errors: as
 * tsr_dtype_parse_element, LIMIT. */
TSR_API int tsr_dtype_parse_element_into(const tsr_dtype *dtype, const char *text, tsr_heap *heap,
                                         void *element, tsr_error *err);

/* Whether two elements are the same: bit by bit, and of variable length byte by byte. Thread:
 * IMMUTABLE. Never fails. */
TSR_API bool tsr_dtype_element_equal(const tsr_dtype *dtype, const void *a, const void *b);

/* The element as a double (bool 0 or 1; complex: the real part; raw: NaN).
 * Thread: IMMUTABLE. Never fails. */
TSR_API double tsr_dtype_to_double(const tsr_dtype *dtype, const void *element);

/* IEEE 754 half precision, by hand since compilers differ; rounds half to even.
 * Thread: IMMUTABLE. Never fails. */
TSR_API double tsr_half_to_double(uint16_t bits);
TSR_API uint16_t tsr_half_from_double(double value);

TSR_END_DECLS

#endif
