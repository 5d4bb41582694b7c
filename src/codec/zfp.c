/* zfp: the Zarr extension of that name, and numcodecs' ZFPY. Both are what libzfp makes of an array
 * of one to four axes; ZFPY puts zfp's own header in front, which says type, shape and mode again.
 *
 * Only 32- and 64-bit numbers are zfp's own. Narrower ones are promoted as the extension says, and
 * unsigned ones of 32 and 64 bits are taken as signed ones, which holds the lower half of them. */
#include <inttypes.h>
#include <math.h>
#include <zfp.h>

#include "codec/element_walk.h"
#include "codec/numeric.h"

#define ZFP_AXES_MAX 4

/* zfp counts in words of 8 to 64 bits, which is a choice of whoever builds it. What we write ends
 * at a whole word of any size; what others write may end so. */
#define WORD_BYTES 8

static const char *const mode_names[] = {"expert",         "fixed_rate", "fixed_precision",
                                         "fixed_accuracy", "reversible", NULL};

typedef struct zfp_codec {
    bool has_header; /* numcodecs' form */
    zfp_mode mode;
    double rate, tolerance;
    int64_t precision, minbits, maxbits, maxprec, minexp;
    zfp_type type;
    const tsr_dtype *promoted; /* the type that zfp sees */
} zfp_codec;

/* ---- opening ---- */

/* The type that elements are promoted to; false for others than numbers. */
static bool choose_type(const tsr_dtype *dtype, zfp_codec *codec)
{
    bool wide = dtype->size_bytes == 8;

    if (!tsri_numeric_is_real(dtype))
        return false;
    if (dtype->kind == TSR_KIND_FLOAT) {
        codec->type = wide ? zfp_type_double : zfp_type_float;
        codec->promoted = wide ? TSR_FLOAT64 : TSR_FLOAT32;
    } else {
        codec->type = wide ? zfp_type_int64 : zfp_type_int32;
        codec->promoted = wide ? TSR_INT64 : TSR_INT32;
    }
    return !codec->has_header || dtype == codec->promoted;
}

static int read_number(const tsri_configuration *configuration, const char *name, double *value,
                       tsr_error *err)
{
    if (!tsri_configuration_has(configuration, name))
        return tsri_configuration_missing(configuration, name, "a number that its mode needs", err);
    TSRI_TRY_IN(err,
                tsri_json_double(configuration->json, "/configuration", name, true, value, err),
                "%s", configuration->codec);
    if (*value >= 0 && isfinite(*value))
        return 0;
    return tsr_error_set(err, TSR_BAD_METADATA, "%s: /configuration/%s: must be 0 or more",
                         configuration->codec, name);
}

static int read_integer(const tsri_configuration *configuration, const char *name, int64_t minimum,
                        int64_t *value, tsr_error *err)
{
    if (!tsri_configuration_has(configuration, name))
        return tsri_configuration_missing(configuration, name, "an integer that its mode needs",
                                          err);
    return tsri_configuration_int(configuration, name, minimum, INT32_MAX, value, err);
}

/* The numbers that belong to the mode; others that numcodecs writes are left alone. */
static int read_parameters(const tsri_configuration *configuration, zfp_codec *codec,
                           tsr_error *err)
{
    switch (codec->mode) {
    case zfp_mode_fixed_rate:
        return read_number(configuration, "rate", &codec->rate, err);
    case zfp_mode_fixed_accuracy:
        return read_number(configuration, "tolerance", &codec->tolerance, err);
    case zfp_mode_fixed_precision:
        return read_integer(configuration, "precision", 0, &codec->precision, err);
    case zfp_mode_expert:
        TSRI_TRY(read_integer(configuration, "minbits", 0, &codec->minbits, err));
        TSRI_TRY(read_integer(configuration, "maxbits", 0, &codec->maxbits, err));
        TSRI_TRY(read_integer(configuration, "maxprec", 0, &codec->maxprec, err));
        return read_integer(configuration, "minexp", INT32_MIN, &codec->minexp, err);
    default:
        return 0;
    }
}

/* zfpy takes -1, which numcodecs has as the default of each number, for "reversible". */
static int read_numcodecs(const tsri_configuration *configuration, zfp_codec *codec, tsr_error *err)
{
    static const char *const names[] = {
        [zfp_mode_fixed_rate] = "rate",
        [zfp_mode_fixed_precision] = "precision",
        [zfp_mode_fixed_accuracy] = "tolerance",
    };
    int64_t mode = zfp_mode_fixed_accuracy;
    double value = -1;

    TSRI_TRY(tsri_configuration_int(configuration, "mode", zfp_mode_fixed_rate,
                                    zfp_mode_fixed_accuracy, &mode, err));
    codec->mode = (zfp_mode)mode;
    if (tsri_configuration_has(configuration, names[mode]))
        TSRI_TRY_IN(
            err,
            tsri_json_double(configuration->json, "/configuration", names[mode], true, &value, err),
            "%s", configuration->codec);
    if (value == -1) {
        codec->mode = zfp_mode_reversible;
        return 0;
    }
    return read_parameters(configuration, codec, err);
}

static int read_configuration(const tsri_configuration *configuration, const tsr_codec_type *input,
                              zfp_codec *codec, tsr_error *err)
{
    static const char *const known_fields[] = {
        "mode", "rate", "precision", "tolerance", "minbits", "maxbits", "maxprec", "minexp", NULL};
    int choice = -1;

    if (!choose_type(input->dtype, codec))
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: elements of type %s", configuration->codec,
                             input->dtype->name);
    if (input->rank > ZFP_AXES_MAX) {
        tsr_error_set(err, TSR_UNSUPPORTED, "%s: %d axes; zfp has at most %d", configuration->codec,
                      input->rank, ZFP_AXES_MAX);
        tsr_error_set_next_step(err, "put a \"reshape\" codec in front that joins some of them");
        return TSR_UNSUPPORTED;
    }
    if (codec->has_header)
        return read_numcodecs(configuration, codec, err);
    TSRI_TRY(tsri_configuration_only(configuration, known_fields, err));
    TSRI_TRY(tsri_configuration_choice(configuration, "mode", mode_names, &choice, err));
    if (choice < 0)
        return tsri_configuration_missing(configuration, "mode", "one of zfp's modes", err);
    codec->mode = (zfp_mode)(choice + zfp_mode_expert);
    return read_parameters(configuration, codec, err);
}

static int open_form(bool has_header, const tsr_codec_setup *setup, void **ret_codec,
                     tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    zfp_codec *codec = tsri_alloc_zero(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    codec->has_header = has_header;
    int status = read_configuration(&configuration, &setup->input, codec, err);
    if (status < 0)
        tsri_free(codec);
    else
        *ret_codec = codec;
    return status;
}

static int zfp_codec_open(const tsr_codec_setup *setup, void **ret_codec,
                          tsr_codec_type *ret_output, tsr_error *err)
{
    (void)ret_output; /* what follows is bytes */
    return open_form(false, setup, ret_codec, err);
}

static int zfpy_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    (void)ret_output;
    return open_form(true, setup, ret_codec, err);
}

static int print_number(tsr_output *output, const char *name, double value, tsr_error *err)
{
    char text[40];
    tsr_dtype_format_element(TSR_FLOAT64, &value, text, sizeof text);
    return tsr_output_print(output, err, ",\"%s\":%s}", name, text);
}

static int zfp_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const zfp_codec *zfp = codec;

    (void)zarr_format;
    if (zfp->has_header)
        TSRI_TRY(tsr_output_print(output, err, "{\"mode\":%d",
                                  zfp->mode == zfp_mode_reversible ? zfp_mode_fixed_accuracy
                                                                   : (int)zfp->mode));
    else
        TSRI_TRY(tsr_output_print(output, err, "{\"mode\":\"%s\"",
                                  mode_names[zfp->mode - zfp_mode_expert]));
    switch (zfp->mode) {
    case zfp_mode_fixed_rate:
        return print_number(output, "rate", zfp->rate, err);
    case zfp_mode_fixed_accuracy:
        return print_number(output, "tolerance", zfp->tolerance, err);
    case zfp_mode_fixed_precision:
        return tsr_output_print(output, err, ",\"precision\":%d}", (int)zfp->precision);
    case zfp_mode_expert:
        return tsr_output_print(
            output, err, ",\"minbits\":%d,\"maxbits\":%d,\"maxprec\":%d,\"minexp\":%d}",
            (int)zfp->minbits, (int)zfp->maxbits, (int)zfp->maxprec, (int)zfp->minexp);
    default:
        return tsr_output_print(output, err, zfp->has_header ? ",\"tolerance\":-1}" : "}");
    }
}

/* ---- streams ---- */

/* zfp's objects for one chunk. */
typedef struct zfp_job {
    zfp_stream *stream;
    zfp_field *field;
    bitstream *bits;
} zfp_job;

static void job_clear(zfp_job *job)
{
    if (job->stream)
        zfp_stream_close(job->stream);
    if (job->field)
        zfp_field_free(job->field);
    if (job->bits)
        stream_close(job->bits);
}

static bool set_mode(const zfp_codec *codec, zfp_stream *stream, unsigned axes)
{
    switch (codec->mode) {
    case zfp_mode_fixed_rate:
        zfp_stream_set_rate(stream, codec->rate, codec->type, axes, zfp_false);
        return true;
    case zfp_mode_fixed_accuracy:
        zfp_stream_set_accuracy(stream, codec->tolerance);
        return true;
    case zfp_mode_fixed_precision:
        zfp_stream_set_precision(stream, (unsigned)codec->precision);
        return true;
    case zfp_mode_expert:
        return zfp_stream_set_params(stream, (unsigned)codec->minbits, (unsigned)codec->maxbits,
                                     (unsigned)codec->maxprec, (int)codec->minexp);
    default:
        zfp_stream_set_reversible(stream);
        return true;
    }
}

/* The last axis is zfp's first one; without any axis there is one of length 1. */
static int job_init(zfp_job *job, const zfp_codec *codec, int rank, const int64_t *shape,
                    tsr_error *err)
{
    size_t lengths[ZFP_AXES_MAX] = {1, 0, 0, 0};

    *job = (zfp_job){zfp_stream_open(NULL), zfp_field_alloc(), NULL};
    if (!job->stream || !job->field)
        return tsri_error_no_memory(err, sizeof *job->stream);
    for (int axis = 0; axis < rank; axis++)
        lengths[rank - 1 - axis] = (size_t)shape[axis];
    zfp_field_set_type(job->field, codec->type);
    zfp_field_set_size_4d(job->field, lengths[0], lengths[1], lengths[2], lengths[3]);
    if (set_mode(codec, job->stream, (unsigned)TSRI_MAX(rank, 1)))
        return 0;
    return tsr_error_set(err, TSR_BAD_METADATA,
                         "zfp: these minbits, maxbits, maxprec and minexp "
                         "are none that zfp can have");
}

static int job_attach(zfp_job *job, void *memory, size_t size_bytes, tsr_error *err)
{
    job->bits = stream_open(memory, size_bytes);
    if (!job->bits)
        return tsri_error_no_memory(err, 64);
    zfp_stream_set_bit_stream(job->stream, job->bits);
    zfp_stream_rewind(job->stream);
    return 0;
}

/* The largest size of a stream, whole words; 0 for a field that zfp does not take. */
static size_t maximum_size(const zfp_job *job)
{
    size_t size_bytes = zfp_stream_maximum_size(job->stream, job->field);
    return (size_bytes + WORD_BYTES - 1) / WORD_BYTES * WORD_BYTES;
}

static tsr_size_bound zfp_bound(const void *codec, const tsr_dtype *dtype, int rank,
                                const int64_t *shape)
{
    zfp_job job;
    tsr_size_bound bound = {TSR_SIZE_UNBOUNDED, 0};

    (void)dtype;
    if (job_init(&job, codec, rank, shape, NULL) == 0)
        bound = (tsr_size_bound){TSR_SIZE_BOUNDED, maximum_size(&job)};
    job_clear(&job);
    return bound;
}

/* ---- promotion ---- */

/* A narrow integer of `bits` in the upper half of an int32, so that it is as precise as zfp is. */
static int32_t promote(int64_t value, const tsr_dtype *dtype)
{
    int bits = 8 * (int)dtype->size_bytes;
    if (dtype->kind == TSR_KIND_UNSIGNED)
        value -= INT64_C(1) << (bits - 1);
    return (int32_t)(value * (INT64_C(1) << (31 - bits)));
}

static int64_t demote(int32_t value, const tsr_dtype *dtype)
{
    int bits = 8 * (int)dtype->size_bytes;
    int64_t half = INT64_C(1) << (bits - 1), narrow = value >> (31 - bits);
    narrow = TSRI_MAX(-half, TSRI_MIN(narrow, half - 1));
    return dtype->kind == TSR_KIND_UNSIGNED ? narrow + half : narrow;
}

static int promote_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    tsri_wide_number wide[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsr_dtype *dtype = user;
    const tsri_number *number = dtype->ops->number;
    int32_t *target = to;

    number->load(from, wide, count);
    if (dtype->kind == TSR_KIND_FLOAT) {
        tsri_number_float32.store[TSRI_WIDE_FLOAT](wide, to, count, false);
        return 0;
    }
    if (dtype->size_bytes < 4) {
        for (size_t i = 0; i < count; i++)
            target[i] = promote(wide[i].signed_value, dtype);
        return 0;
    }
    const tsri_number *wider = dtype->size_bytes == 8 ? &tsri_number_int64 : &tsri_number_int32;
    if (wider->store[number->wide](wide, to, count, true) == count)
        return 0;
    return tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                         "zfp: a %s in the upper half of its range, which zfp does not have",
                         dtype->name);
}

static int demote_strip(void *user, const void *from, void *to, size_t count, tsr_error *err)
{
    int64_t wide[TSRI_NUMERIC_STRIP] TSRI_UNINITIALIZED;
    const tsr_dtype *dtype = user;
    const int32_t *source = from;

    (void)err;
    if (dtype->kind == TSR_KIND_FLOAT) {
        tsri_numeric_cast(dtype, to, TSR_FLOAT32, from, count);
        return 0;
    }
    if (dtype->size_bytes == 8)
        tsri_number_int64.load(from, wide, count);
    else
        for (size_t i = 0; i < count; i++)
            wide[i] = dtype->size_bytes == 4 ? source[i] : demote(source[i], dtype);
    /* A lossy mode may make something negative of a small number. */
    for (size_t i = 0; i < count && dtype->kind == TSR_KIND_UNSIGNED; i++)
        wide[i] = TSRI_MAX(wide[i], INT64_C(0));
    dtype->ops->number->store[TSRI_WIDE_SIGNED](wide, to, count, false);
    return 0;
}

static int copy_promoted(const tsr_view *to, const tsr_view *from, tsr_error *err)
{
    if (tsr_dtype_equal(from->dtype, to->dtype)) {
        tsri_elements_copy(to, from);
        return 0;
    }
    return tsri_elements_run(to, from, promote_strip, (void *)from->dtype, err);
}

static int copy_demoted(const tsr_view *to, const tsr_view *from, tsr_error *err)
{
    if (tsr_dtype_equal(from->dtype, to->dtype)) {
        tsri_elements_copy(to, from);
        return 0;
    }
    return tsri_elements_run(to, from, demote_strip, (void *)to->dtype, err);
}

/* ---- encoding ---- */

static int compress(const zfp_codec *codec, zfp_job *job, void *elements, tsr_output *output,
                    tsr_error *err)
{
    size_t room = maximum_size(job);
    char *data;

    if (room == 0)
        return tsr_error_set(err, TSR_INTERNAL, "zfp: a field that it does not take");
    TSRI_TRY(tsri_codec_reserve(output, room, &data, err));
    TSRI_TRY(job_attach(job, data, room, err));
    zfp_field_set_pointer(job->field, elements);
    if (codec->has_header && zfp_write_header(job->stream, job->field, ZFP_HEADER_FULL) == 0)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "zfp: its header has no room for this shape and mode");
    size_t made = zfp_compress(job->stream, job->field);
    if (made == 0 || made > room)
        return tsr_error_set(err, TSR_INTERNAL, "zfp: encoding failed");
    for (; made % WORD_BYTES != 0; made++)
        data[made] = 0;
    output->size_bytes += made;
    return 0;
}

static int zfp_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                      tsr_output *output, tsr_error *err)
{
    const zfp_codec *zfp = codec;
    tsr_view promoted = {0};
    zfp_job job;

    (void)scratch;
    if (tsr_view_count(decoded) == 0)
        return 0;
    TSRI_TRY(tsr_view_new(&promoted, zfp->promoted, decoded->rank, decoded->shape, err));
    int status = copy_promoted(&promoted, decoded, err);
    if (status == 0) {
        status = job_init(&job, zfp, decoded->rank, decoded->shape, err);
        if (status == 0)
            status = compress(zfp, &job, promoted.data, output, err);
        job_clear(&job);
    }
    tsr_view_clear(&promoted);
    return status;
}

/* ---- decoding ---- */

static int damaged(size_t size_bytes, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED,
                         "zfp: %zu bytes are not what an array of this shape and "
                         "mode takes",
                         size_bytes);
}

/* Reads the header of numcodecs' form, which must be of this type and of as many elements. */
static int read_header(const zfp_codec *codec, zfp_job *job, size_t count, size_t size_bytes,
                       tsr_error *err)
{
    if (zfp_read_header(job->stream, job->field, ZFP_HEADER_FULL) == 0)
        return tsr_error_set(err, TSR_DAMAGED, "zfp: there is no header in %zu bytes", size_bytes);
    if (zfp_field_type(job->field) != codec->type || zfp_field_size(job->field, NULL) != count)
        return tsr_error_set(err, TSR_DAMAGED,
                             "zfp: the header is of another array: %zu elements where %zu are "
                             "expected, or of another type",
                             zfp_field_size(job->field, NULL), count);
    return 0;
}

/* Whether what was used, in words of some size, is all there is. */
static bool ends_rightly(size_t used_bytes, size_t size_bytes)
{
    for (size_t word = 1; word <= WORD_BYTES; word *= 2)
        if ((used_bytes + word - 1) / word * word == size_bytes)
            return true;
    return false;
}

/* zfp does not look where its input ends, so it gets a copy with as much behind it as it can read
 * at most. */
static int decompress_copy(const zfp_codec *codec, zfp_job *job, const tsr_view *promoted,
                           char *copy, size_t room, size_t size_bytes, tsr_error *err)
{
    TSRI_TRY(job_attach(job, copy, room, err));
    if (codec->has_header) {
        TSRI_TRY(read_header(codec, job, (size_t)tsr_view_count(promoted), size_bytes, err));
        if (maximum_size(job) > room)
            return damaged(size_bytes, err);
    }
    zfp_field_set_pointer(job->field, promoted->data);
    size_t used = zfp_decompress(job->stream, job->field);
    return used != 0 && ends_rightly(used, size_bytes) ? 0 : damaged(size_bytes, err);
}

/* The largest stream that any mode makes of the field: the header chooses the mode. */
static size_t most_bytes(zfp_job *job, const zfp_codec *codec)
{
    size_t own = maximum_size(job), largest;

    if (!codec->has_header)
        return own;
    zfp_stream_set_reversible(job->stream);
    largest = maximum_size(job);
    return TSRI_MAX(own, largest);
}

static int decompress(const zfp_codec *codec, zfp_job *job, const void *bytes, size_t size_bytes,
                      const tsr_view *promoted, tsr_error *err)
{
    size_t room = most_bytes(job, codec);

    if (room == 0 || size_bytes > room)
        return damaged(size_bytes, err);
    char *copy = tsri_alloc_zero(room + sizeof(uint64_t));
    if (!copy)
        return tsri_error_no_memory(err, room);
    memcpy(copy, bytes, size_bytes);
    int status = decompress_copy(codec, job, promoted, copy, room, size_bytes, err);
    tsri_free(copy);
    return status;
}

static int zfp_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    const zfp_codec *zfp = codec;
    tsr_view promoted = {0};
    zfp_job job;

    (void)scratch;
    if (tsr_view_count(decoded) == 0)
        return size_bytes == 0 ? 0 : damaged(size_bytes, err);
    TSRI_TRY(tsr_view_new(&promoted, zfp->promoted, decoded->rank, decoded->shape, err));
    int status = job_init(&job, zfp, decoded->rank, decoded->shape, err);
    if (status == 0)
        status = decompress(zfp, &job, bytes, size_bytes, &promoted, err);
    if (status == 0)
        status = copy_demoted(decoded, &promoted, err);
    job_clear(&job);
    tsr_view_clear(&promoted);
    return status;
}

const tsr_codec_ops tsri_codec_zfp = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "zfp",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = zfp_codec_open,
    .close = tsri_free,
    .describe = zfp_describe,
    .array_bound = zfp_bound,
    .encode_array = zfp_encode,
    .decode_array = zfp_decode,
};

const tsr_codec_ops tsri_codec_zfpy = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.zfpy",
    .v2_id = "zfpy",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = zfpy_open,
    .close = tsri_free,
    .describe = zfp_describe,
    .array_bound = zfp_bound,
    .encode_array = zfp_encode,
    .decode_array = zfp_decode,
};
