/* bitround: numbers rounded to a few significant bits, half to even, which compress better. Zarr
 * extension "bitround"; numcodecs' BitRound is the same for floats and has no integers.
 *
 * The mantissa of a float keeps `keepbits` bits; the magnitude of an integer keeps as many from its
 * highest set bit on. Rounding up may carry into the exponent, so the largest floats may become
 * infinite. Two things are better than elsewhere: NaN stays NaN (in numcodecs one whose mantissa is
 * all ones becomes -0), and an integer that would be rounded out of its range is rounded down. */
#include <inttypes.h>

#include "codec/element_walk.h"
#include "codec/numeric.h"
#include "tensor/copy.h"

typedef struct bitround_codec bitround_codec;
struct bitround_codec {
    bool is_numcodecs;
    int64_t keep_bits;
    size_t part_bytes; /* of a number; a complex element has two */
    uint64_t (*round)(const bitround_codec *codec, uint64_t bits);
    int dropped_bits;       /* of a float's mantissa */
    uint64_t exponent_mask; /* of floats: all its bits are set in infinities and NaN */
    uint64_t fill_value[2]; /* rounded */
};

/* Rounds the bits of one float. */
static uint64_t round_float(const bitround_codec *codec, uint64_t bits)
{
    int dropped = codec->dropped_bits;

    if (dropped == 0 || (bits & codec->exponent_mask) == codec->exponent_mask)
        return bits;
    bits += (bits >> dropped & 1) + (UINT64_C(1) << (dropped - 1)) - 1;
    return bits & (UINT64_MAX << dropped);
}

/* Rounds a magnitude of at most `largest`. */
static uint64_t round_magnitude(const bitround_codec *codec, uint64_t value, uint64_t largest)
{
    int dropped = value ? 64 - __builtin_clzll(value) - (int)codec->keep_bits : 0;

    if (dropped <= 0)
        return value;
    uint64_t mask = UINT64_MAX << dropped, down = value & mask, rest = value & ~mask;
    uint64_t half = UINT64_C(1) << (dropped - 1);
    bool up = rest > half || (rest == half && (value >> dropped & 1));
    return up && largest - down >= half * 2 ? down + half * 2 : down;
}

static uint64_t round_unsigned(const bitround_codec *codec, uint64_t bits)
{
    return round_magnitude(codec, bits, UINT64_MAX >> (64 - 8 * codec->part_bytes));
}

/* The smallest integer is a power of two, so its magnitude, one more than the largest, stays. */
static uint64_t round_signed(const bitround_codec *codec, uint64_t bits)
{
    int unused_bits = 64 - 8 * (int)codec->part_bytes;
    int64_t value = (int64_t)(bits << unused_bits) >> unused_bits;
    uint64_t largest = (UINT64_MAX >> unused_bits >> 1) + (value < 0);

    if (value >= 0)
        return round_magnitude(codec, bits, largest);
    return -round_magnitude(codec, -(uint64_t)value, largest);
}

/* ---- opening ---- */

/* What the codec does to numbers of this type; `part` is the component of a complex one. */
static int choose_rounding(const tsri_configuration *configuration, bitround_codec *codec,
                           const tsr_dtype *dtype, const tsr_dtype *part, tsr_error *err)
{
    codec->part_bytes = part->size_bytes;
    if (tsri_numeric_is_integer(part) && !codec->is_numcodecs) {
        codec->round = part->kind == TSR_KIND_SIGNED ? round_signed : round_unsigned;
        return 0;
    }
    if (!tsri_numeric_is_float(part) || part->size_bytes < 2)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: elements of type %s cannot be rounded",
                             configuration->codec, dtype->name);
    int mantissa_bits = part->ops->number->digits - 1;
    codec->round = round_float;
    codec->dropped_bits = mantissa_bits - (int)codec->keep_bits;
    codec->exponent_mask =
        (UINT64_C(1) << (8 * part->size_bytes - 1)) - (UINT64_C(1) << mantissa_bits);
    if (codec->dropped_bits < 0) {
        TSRI_TRY(tsri_configuration_refuse_encoding(configuration, err,
                                                    "/configuration/keepbits: %" PRId64
                                                    " bits, but the mantissa of %s has %d",
                                                    codec->keep_bits, dtype->name, mantissa_bits));
        codec->keep_bits = mantissa_bits;
        codec->dropped_bits = 0;
    }
    return 0;
}

static void round_parts(const bitround_codec *codec, const void *from, void *to, size_t count);

/* The registry has limits for what may be asked of its codec; numcodecs has some for encoding. */
static int read_configuration(const tsri_configuration *given, const tsr_codec_type *input,
                              void *opened, tsr_error *err)
{
    bitround_codec *codec = opened;
    static const char *const known_fields[] = {"keepbits", NULL};
    const tsr_dtype *dtype = input->dtype, *component = dtype->ops->component;
    tsri_configuration configuration = *given;

    TSRI_TRY(tsri_configuration_only(given, known_fields, err));
    codec->is_numcodecs = given->numcodecs;
    if (!codec->is_numcodecs)
        configuration.encoder_err = NULL;
    if (!tsri_configuration_has(given, "keepbits"))
        return tsri_configuration_missing(given, "keepbits", "a number of bits", err);
    TSRI_TRY(tsri_configuration_encoder_int(&configuration, "keepbits", codec->is_numcodecs ? 0 : 1,
                                            64, &codec->keep_bits, err));
    TSRI_TRY(choose_rounding(&configuration, codec, dtype, component ? component : dtype, err));
    round_parts(codec, input->fill_value, codec->fill_value, dtype->size_bytes / codec->part_bytes);
    return 0;
}

static int bitround_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                         tsr_error *err)
{
    TSRI_TRY(tsri_codec_open(setup, sizeof(bitround_codec), read_configuration, tsri_free,
                             ret_codec, err));
    const bitround_codec *codec = *ret_codec;
    ret_output->fill_value = codec->fill_value;
    return 0;
}

static int bitround_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const bitround_codec *bitround = codec;

    (void)zarr_format;
    return tsr_output_print(output, err, "{\"keepbits\":%" PRId64 "}", bitround->keep_bits);
}

/* ---- encoding ---- */

/* One loop per size, since the compiler makes vectors of a copy of known size. */
#define DEFINE_ROUND(type)                                                            \
    static void round_##type(const bitround_codec *codec, const void *from, void *to, \
                             size_t count)                                            \
    {                                                                                 \
        const type *source = from;                                                    \
        type *target = to;                                                            \
        for (size_t i = 0; i < count; i++)                                            \
            target[i] = (type)codec->round(codec, source[i]);                         \
    }
DEFINE_ROUND(uint8_t)
DEFINE_ROUND(uint16_t)
DEFINE_ROUND(uint32_t)
DEFINE_ROUND(uint64_t)

static void round_parts(const bitround_codec *codec, const void *from, void *to, size_t count)
{
    switch (codec->part_bytes) {
    case 1:
        round_uint8_t(codec, from, to, count);
        break;
    case 2:
        round_uint16_t(codec, from, to, count);
        break;
    case 4:
        round_uint32_t(codec, from, to, count);
        break;
    default:
        round_uint64_t(codec, from, to, count);
    }
}

typedef struct round_job {
    const bitround_codec *codec;
    size_t parts; /* of an element */
} round_job;

static int round_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    const round_job *job = user;

    (void)err;
    round_parts(job->codec, from, to, count * job->parts);
    return 0;
}

static int bitround_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                           const tsr_view *encoded, tsr_error *err)
{
    round_job job = {codec,
                     decoded->dtype->size_bytes / ((const bitround_codec *)codec)->part_bytes};

    (void)scratch;
    return tsri_elements_run(encoded, decoded, round_strip, &job, err);
}

/* What was rounded stays so. */
static int bitround_decode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *encoded,
                           const tsr_view *decoded, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    (void)err;
    tsri_view_copy_same(decoded, encoded);
    return 0;
}

const tsr_codec_ops tsri_codec_bitround = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "bitround",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = bitround_open,
    .close = tsri_free,
    .describe = bitround_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = bitround_encode,
    .decode_view = bitround_decode,
    .element_wise = true,
};

/* The same under the name that zarr-python knows. */
const tsr_codec_ops tsri_codec_numcodecs_bitround = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.bitround",
    .v2_id = "bitround",
    .kind = TSR_CODEC_ARRAY_TO_ARRAY,
    .open = bitround_open,
    .close = tsri_free,
    .describe = bitround_describe,
    .encoded_shape = tsri_same_shape,
    .encode_view = bitround_encode,
    .decode_view = bitround_decode,
    .element_wise = true,
};
