/* cast_value: elements converted to another type by value, and back. Zarr extension "cast_value".
 *
 * For each value: the scalar map, if it has an entry; the same value, if the type has it; else
 * rounding (to integers as `rounding` says, to floats half to even) and, out of range, the rule of
 * `out_of_range`; else an error. NaN into a type without one is an error unless the map has it. */
#include <inttypes.h>
#include <math.h>

#include "base/output.h"
#include "codec/element_walk.h"
#include "codec/numeric.h"
#include "codec/zarr_dtype.h"

typedef enum rounding {
    ROUND_NEAREST_EVEN,
    ROUND_TOWARDS_ZERO,
    ROUND_TOWARDS_POSITIVE,
    ROUND_TOWARDS_NEGATIVE,
    ROUND_NEAREST_AWAY
} rounding;

static const char *const rounding_names[] = {"nearest-even",     "towards-zero", "towards-positive",
                                             "towards-negative", "nearest-away", NULL};

typedef enum range_rule { RANGE_ERROR, RANGE_CLAMP, RANGE_WRAP } range_rule;

static const char *const range_names[] = {"error", "clamp", "wrap", NULL};

#define MAP_ENTRIES_MAX 1024

typedef struct map_entry {
    tsri_wide_number key; /* as it is loaded */
    uint64_t value;       /* an element of the other type */
} map_entry;

/* One direction. */
typedef struct direction {
    const tsr_dtype *from, *to;
    int map_count;
    map_entry *map;
} direction;

typedef struct cast_codec {
    direction encode, decode;
    rounding round;
    range_rule range;
    tsri_json *map_json; /* as it was given, or NULL */
    uint64_t fill_value; /* as an element of the encoded type */
} cast_codec;

/* ---- one value ---- */

static double round_to_integer(rounding mode, double x)
{
    switch (mode) {
    case ROUND_TOWARDS_ZERO:
        return trunc(x);
    case ROUND_TOWARDS_POSITIVE:
        return ceil(x);
    case ROUND_TOWARDS_NEGATIVE:
        return floor(x);
    case ROUND_NEAREST_AWAY:
        return round(x);
    default:
        return rint(x);
    }
}

/* The ends of an integer type. */
static __int128 smallest_of(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_UNSIGNED ? 0 : -((__int128)1 << (dtype->component_bits - 1));
}

static __int128 largest_of(const tsr_dtype *dtype)
{
    int bits = dtype->component_bits - (dtype->kind == TSR_KIND_SIGNED);
    return ((__int128)1 << bits) - 1;
}

/* Puts a whole number into an integer type by the rule; false: an error. */
static bool fit_whole(const tsr_dtype *to, range_rule rule, __int128 *value)
{
    __int128 smallest = smallest_of(to), largest = largest_of(to);

    if (*value >= smallest && *value <= largest)
        return true;
    if (rule == RANGE_CLAMP)
        *value = *value < smallest ? smallest : largest;
    /* Wrapping is what storing the low bits does. */
    return rule != RANGE_ERROR;
}

/* A rounded double as a whole number of 128 bits, beyond which only its low bits matter (wrapping)
 * or its sign (clamping). */
static __int128 whole_of(double x, range_rule rule)
{
    if (fabs(x) < 0x1p120)
        return (__int128)x;
    if (rule == RANGE_WRAP)
        return (__int128)fmod(x, 0x1p64);
    return x < 0 ? -((__int128)1 << 120) : (__int128)1 << 120;
}

static bool cast_to_integer(const cast_codec *codec, const tsr_dtype *from, const tsr_dtype *to,
                            tsri_wide_number value, uint64_t *ret_low_bits)
{
    __int128 whole;

    if (tsri_numeric_is_float(from)) {
        if (isnan(value.float_value) || (isinf(value.float_value) && codec->range != RANGE_CLAMP))
            return false;
        whole = whole_of(round_to_integer(codec->round, value.float_value), codec->range);
    } else {
        whole = from->kind == TSR_KIND_UNSIGNED ? (__int128)value.unsigned_value
                                                : (__int128)value.signed_value;
    }
    if (!fit_whole(to, codec->range, &whole))
        return false;
    *ret_low_bits = (uint64_t)whole;
    return true;
}

/* Stores into a float type, half to even. A type may lack infinities and NaN; a finite value that
 * came out infinite is out of range. */
static bool cast_to_float(const cast_codec *codec, const tsr_dtype *from, const tsr_dtype *to,
                          tsri_wide_number value, void *element)
{
    const tsri_number *source = from->ops->number, *target = to->ops->number;
    double back;

    target->store[source->wide](&value, element, 1, false);
    target->load(element, &back, 1);
    if (!tsri_numeric_is_float(from))
        return !isinf(back) || codec->range == RANGE_CLAMP;
    double x = value.float_value;
    if (isnan(x) || isinf(x))
        return isnan(x) ? isnan(back) : back == x;
    return isfinite(back) || codec->range == RANGE_CLAMP;
}

static bool same_number(const tsr_dtype *dtype, tsri_wide_number a, tsri_wide_number b)
{
    if (!tsri_numeric_is_float(dtype))
        return a.unsigned_value == b.unsigned_value;
    return a.float_value == b.float_value || (isnan(a.float_value) && isnan(b.float_value));
}

static const map_entry *find_entry(const direction *way, tsri_wide_number value)
{
    for (int i = 0; i < way->map_count; i++)
        if (same_number(way->from, way->map[i].key, value))
            return &way->map[i];
    return NULL;
}

/* Converts one value; false when it has no place. */
static bool cast_one(const cast_codec *codec, const direction *way, tsri_wide_number value,
                     void *element)
{
    const map_entry *entry = find_entry(way, value);
    tsri_wide_number low_bits;

    if (entry) {
        memcpy(element, &entry->value, way->to->size_bytes);
        return true;
    }
    if (tsri_numeric_is_float(way->to))
        return cast_to_float(codec, way->from, way->to, value, element);
    if (!cast_to_integer(codec, way->from, way->to, value, &low_bits.unsigned_value))
        return false;
    way->to->ops->number->store[TSRI_WIDE_UNSIGNED](&low_bits, element, 1, false);
    return true;
}

/* ---- strips ---- */

typedef struct cast_job {
    const cast_codec *codec;
    const direction *way;
    int status; /* of a value that does not fit */
} cast_job;

static int misfit(const cast_job *job, const void *element, tsr_error *err)
{
    const tsr_dtype *from = job->way->from, *to = job->way->to;
    char text[64];

    tsr_dtype_format_element(from, element, text, sizeof text);
    tsr_error_set(err, job->status, "cast_value: the %s %s does not fit into %s", from->name, text,
                  to->name);
    tsr_error_set_next_step(err, "the configuration may clamp or wrap (\"out_of_range\"), or map "
                                 "single values (\"scalar_map\")");
    return job->status;
}

/* Converts a strip through the casts of views, which round floats half to even and stop at what
 * does not fit. Returns how many elements are done: all, or so few that the general way starts
 * anew. */
static size_t cast_plainly(const cast_job *job, tsri_wide_number *wide, void *to, size_t count)
{
    const direction *way = job->way;
    const tsri_number *source = way->from->ops->number, *target = way->to->ops->number;

    if (way->map_count > 0)
        return 0;
    if (source->wide == TSRI_WIDE_FLOAT && tsri_numeric_is_integer(way->to))
        for (size_t i = 0; i < count; i++)
            wide[i].float_value = round_to_integer(job->codec->round, wide[i].float_value);
    return target->store[source->wide](wide, to, count, true);
}

static int cast_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    tsri_wide_number wide[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const cast_job *job = user;
    const direction *way = job->way;

    way->from->ops->number->load(from, wide, count);
    if (cast_plainly(job, wide, to, count) == count)
        return 0;
    way->from->ops->number->load(from, wide, count);
    for (size_t i = 0; i < count; i++)
        if (!cast_one(job->codec, way, wide[i], (char *)to + i * way->to->size_bytes))
            return misfit(job, (const char *)from + i * way->from->size_bytes, err);
    return 0;
}

/* ---- opening ---- */

/* Reads one scalar in the form of a fill value. */
static int read_scalar(const tsri_json *value, const tsr_dtype *dtype, const char *path,
                       void *element, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);

    TSRI_TRY(tsr_json_write(value, 0, &text, err));
    TSRI_TRY(tsr_output_append(&text, "", 1, err));
    int status = tsr_dtype_parse_element(dtype, text.data, element, err);
    if (status == TSR_NO_MEMORY || status == 0)
        return status;
    return tsr_error_set(err, TSR_BAD_METADATA, "%s: %.40s is no %s", path, text.data, dtype->name);
}

static int read_entry(const tsri_json *pair, const char *path, const direction *way,
                      map_entry *ret_entry, tsr_error *err)
{
    uint64_t key = 0;

    if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: an entry is a list of two values", path);
    TSRI_TRY(read_scalar(json_object_array_get_idx(pair, 0), way->from, path, &key, err));
    TSRI_TRY(
        read_scalar(json_object_array_get_idx(pair, 1), way->to, path, &ret_entry->value, err));
    way->from->ops->number->load(&key, &ret_entry->key, 1);
    return 0;
}

static int read_map(const tsri_json *map, const char *name, direction *way, tsr_error *err)
{
    tsri_json *list = NULL;
    char path[80];

    if (!json_object_object_get_ex(map, name, &list))
        return 0;
    snprintf(path, sizeof path, "/configuration/scalar_map/%s", name);
    if (!json_object_is_type(list, json_type_array) ||
        json_object_array_length(list) > MAP_ENTRIES_MAX)
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: must be a list of up to %d entries", path,
                             MAP_ENTRIES_MAX);
    size_t count = json_object_array_length(list);
    way->map = tsri_alloc_array_zero(count, sizeof *way->map);
    if (!way->map)
        return tsri_error_no_memory(err, count * sizeof *way->map);
    way->map_count = (int)count;
    for (size_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/configuration/scalar_map/%s/%zu", name, i);
        TSRI_TRY(read_entry(json_object_array_get_idx(list, i), path, way, &way->map[i], err));
    }
    return 0;
}

static int read_maps(const tsri_configuration *configuration, cast_codec *codec, tsr_error *err)
{
    static const char *const known[] = {"encode", "decode", NULL};
    tsri_json *map = NULL;

    if (!json_object_object_get_ex(configuration->json, "scalar_map", &map))
        return 0;
    if (!json_object_is_type(map, json_type_object))
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "/configuration/scalar_map: must be an object, not %s",
                             tsri_json_kind(map));
    TSRI_TRY(tsri_json_only(map, "/configuration/scalar_map", known, err));
    codec->map_json = json_object_get(map);
    TSRI_TRY(read_map(map, "encode", &codec->encode, err));
    return read_map(map, "decode", &codec->decode, err);
}

static int read_data_type(const tsri_configuration *configuration, const tsr_dtype *input,
                          cast_codec *codec, tsr_error *err)
{
    static const char path[] = "/configuration/data_type";
    tsri_json *value = NULL;
    const tsr_dtype *dtype = NULL;

    if (!json_object_object_get_ex(configuration->json, "data_type", &value))
        return tsri_configuration_missing(configuration, "data_type", "the type that is stored",
                                          err);
    TSRI_TRY(tsri_dtype_from_v3(value, path, &dtype, err));
    codec->encode = (direction){.from = input, .to = dtype};
    codec->decode = (direction){.from = dtype, .to = input};
    if (!tsri_numeric_is_real(dtype) || !tsri_numeric_is_real(input))
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "%s: from %s to %s: the types must be integers or floats", path,
                             input->name, dtype->name);
    return 0;
}

/* Refuses a fill value that does not survive the way there and back. */
static int transform_fill_value(cast_codec *codec, const void *fill_value, tsr_error *err)
{
    tsri_wide_number before, stored, after;
    uint64_t back = 0;

    codec->encode.from->ops->number->load(fill_value, &before, 1);
    if (cast_one(codec, &codec->encode, before, &codec->fill_value)) {
        codec->decode.from->ops->number->load(&codec->fill_value, &stored, 1);
        if (cast_one(codec, &codec->decode, stored, &back)) {
            codec->encode.from->ops->number->load(&back, &after, 1);
            if (same_number(codec->encode.from, before, after))
                return 0;
        }
    }
    char text[64];
    tsr_dtype_format_element(codec->encode.from, fill_value, text, sizeof text);
    return tsr_error_set(err, TSR_BAD_METADATA,
                         "the fill value %s does not survive the cast to %s and back", text,
                         codec->encode.to->name);
}

static int read_configuration(const tsri_configuration *configuration, const tsr_codec_type *input,
                              void *opened, tsr_error *err)
{
    cast_codec *codec = opened;
    static const char *const known_fields[] = {"data_type", "rounding", "out_of_range",
                                               "scalar_map", NULL};
    int round = ROUND_NEAREST_EVEN, range = RANGE_ERROR;

    TSRI_TRY(tsri_configuration_only(configuration, known_fields, err));
    TSRI_TRY(read_data_type(configuration, input->dtype, codec, err));
    TSRI_TRY(tsri_configuration_choice(configuration, "rounding", rounding_names, &round, err));
    TSRI_TRY(tsri_configuration_choice(configuration, "out_of_range", range_names, &range, err));
    codec->round = (rounding)round;
    codec->range = (range_rule)range;
    if (range == RANGE_WRAP && !tsri_numeric_is_integer(codec->encode.to))
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "/configuration/out_of_range: \"wrap\" is for integers, not for %s",
                             codec->encode.to->name);
    TSRI_TRY(read_maps(configuration, codec, err));
    return transform_fill_value(codec, input->fill_value, err);
}

static void cast_close(void *opened)
{
    cast_codec *codec = opened;
    tsr_dtype_unref(codec->encode.to);
    tsri_free(codec->encode.map);
    tsri_free(codec->decode.map);
    json_object_put(codec->map_json);
    tsri_free(codec);
}

static int cast_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    TSRI_TRY(
        tsri_codec_open(setup, sizeof(cast_codec), read_configuration, cast_close, ret_codec, err));
    const cast_codec *codec = *ret_codec;
    ret_output->dtype = codec->encode.to;
    ret_output->fill_value = &codec->fill_value;
    return 0;
}

static int cast_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const cast_codec *cast = codec;

    (void)zarr_format;
    TSRI_TRY(tsr_output_print(output, err, "{\"data_type\":\"%s\",\"rounding\":\"%s\"",
                              cast->encode.to->name, rounding_names[cast->round]));
    /* "error" is what an absent field means, and some readers know it only so. */
    if (cast->range != RANGE_ERROR)
        TSRI_TRY(
            tsr_output_print(output, err, ",\"out_of_range\":\"%s\"", range_names[cast->range]));
    if (cast->map_json) {
        TSRI_TRY(tsr_output_print(output, err, ",\"scalar_map\":"));
        TSRI_TRY(tsr_json_write(cast->map_json, 0, output, err));
    }
    return tsr_output_print(output, err, "}");
}

static int cast_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                       const tsr_view *encoded, tsr_error *err)
{
    cast_job job = {codec, &((const cast_codec *)codec)->encode, TSR_OUT_OF_BOUNDS};

    (void)scratch;
    return tsri_elements_run(encoded, decoded, cast_strip, &job, err);
}

static int cast_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                       const tsr_view *decoded, tsr_error *err)
{
    cast_job job = {codec, &((const cast_codec *)codec)->decode, TSR_DAMAGED};

    (void)scratch;
    return tsri_elements_run(decoded, encoded, cast_strip, &job, err);
}

const tsr_codec_ops tsri_codec_cast_value = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "cast_value",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = cast_open,
    .close = cast_close,
    .describe = cast_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = cast_encode,
    .decode_view = cast_decode,
    .element_wise = true,
};
