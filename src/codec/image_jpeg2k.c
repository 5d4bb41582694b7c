/* imagecodecs_jpeg2k: chunks as JPEG 2000 pictures, by OpenJPEG: integers of 8, 16 and 32 bits (23
 * of which OpenJPEG keeps), in as many samples as a chunk's last axis has, or as its first one
 * has (`planar`). Lossless unless a level from 1 to 1000 is given, which is a ratio of signal to
 * noise in dB, or `reversible` is false: parameters as those of the imagecodecs package. */
#include <inttypes.h>
#include <math.h>

#include <openjpeg.h>

#include "codec/image.h"

enum {
    OPTION_LEVEL,
    OPTION_FORMAT,
    OPTION_SPACE,
    OPTION_PLANAR,
    OPTION_BITS,
    OPTION_RESOLUTIONS,
    OPTION_REVERSIBLE,
    OPTION_MIX
};

static const tsri_image_spelling formats[] = {{"\"JP2\"", OPJ_CODEC_JP2},
                                              {"\"J2K\"", OPJ_CODEC_J2K},
                                              {"2", OPJ_CODEC_JP2},
                                              {"0", OPJ_CODEC_J2K},
                                              {NULL, 0}};

/* Not those whose samples would be converted when they are read. */
static const tsri_image_spelling color_spaces[] = {{"\"UNSPECIFIED\"", OPJ_CLRSPC_UNSPECIFIED},
                                                   {"\"UNKNOWN\"", OPJ_CLRSPC_UNSPECIFIED},
                                                   {"\"GRAY\"", OPJ_CLRSPC_GRAY},
                                                   {"\"GRAYSCALE\"", OPJ_CLRSPC_GRAY},
                                                   {"\"MINISWHITE\"", OPJ_CLRSPC_GRAY},
                                                   {"\"MINISBLACK\"", OPJ_CLRSPC_GRAY},
                                                   {"\"RGB\"", OPJ_CLRSPC_SRGB},
                                                   {"\"SRGB\"", OPJ_CLRSPC_SRGB},
                                                   {"\"RGBA\"", OPJ_CLRSPC_SRGB},
                                                   {"\"CMYK\"", OPJ_CLRSPC_CMYK},
                                                   {"0", OPJ_CLRSPC_UNSPECIFIED},
                                                   {"1", OPJ_CLRSPC_SRGB},
                                                   {"2", OPJ_CLRSPC_GRAY},
                                                   {"5", OPJ_CLRSPC_CMYK},
                                                   {NULL, 0}};

static const tsri_image_option known[] = {
    [OPTION_LEVEL] = {.name = "level"},
    [OPTION_FORMAT] = {"codecformat", TSRI_IMAGE_CHOICE, formats},
    [OPTION_SPACE] = {"colorspace", TSRI_IMAGE_CHOICE, color_spaces},
    [OPTION_PLANAR] = {.name = "planar"},
    [OPTION_BITS] = {.name = "bitspersample"},
    [OPTION_RESOLUTIONS] = {.name = "resolutions"},
    [OPTION_REVERSIBLE] = {.name = "reversible"},
    [OPTION_MIX] = {.name = "mct"},
    {"tile", TSRI_IMAGE_REFUSED, NULL}, /* imagecodecs refuses it too */
    {"verbose", TSRI_IMAGE_IGNORED, NULL},
    {"numthreads", TSRI_IMAGE_IGNORED, NULL},
    {.name = NULL}};

#define SAMPLES_MAX 4095

/* Reversible transforms of more bits lose some: found by pictures of noise and of extremes, with
 * OpenJPEG 2.5. imagecodecs writes 26 bits all the same. */
#define BITS_MAX 23

/* Any length, since samples may lie along the first axis. */
static const tsri_image_codec kind = {.name = "imagecodecs_jpeg2k",
                                      .known = known,
                                      .types = "integers of 8, 16 or 32 bits",
                                      .smallest = 1,
                                      .most = INT32_MAX,
                                      .sample_bytes_max = 4,
                                      .takes_signed = true};

static int jpeg2k_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                       tsr_error *err)
{
    (void)ret_output; /* what follows is bytes */
    return tsri_image_open(&kind, setup, ret_codec, err);
}

/* Where the samples of a chunk lie: sample k of pixel p at k * sample_step + p * pixel_step. */
typedef struct layout {
    size_t width, height, samples;
    size_t sample_step, pixel_step;
} layout;

static layout layout_by_pixels(const tsri_image *image)
{
    return (layout){.width = (size_t)image->width,
                    .height = (size_t)image->height,
                    .samples = (size_t)image->samples,
                    .sample_step = 1,
                    .pixel_step = (size_t)image->samples};
}

/* The axes are [samples, height, width]. */
static layout layout_by_bands(const tsri_image *image)
{
    size_t height = (size_t)image->width, width = (size_t)image->samples;
    return (layout){.width = width,
                    .height = height,
                    .samples = (size_t)image->height,
                    .sample_step = width * height,
                    .pixel_step = 1};
}

static int find_layout(const tsri_image_codec *codec, const tsri_image *image, layout *ret_layout,
                       tsr_error *err)
{
    bool by_bands = codec->options[OPTION_PLANAR] > 0 && image->samples > 1;

    *ret_layout = by_bands ? layout_by_bands(image) : layout_by_pixels(image);
    if (ret_layout->samples > SAMPLES_MAX)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: a picture of %zu samples; it has up to %d",
                             codec->name, ret_layout->samples, SAMPLES_MAX);
    return 0;
}

/* What OpenJPEG's callbacks are given. */
typedef struct jpeg2k_job {
    const tsri_image_codec *codec;
    const unsigned char *bytes; /* of reading */
    tsr_output *output;         /* of writing */
    size_t size_bytes, offset;
    size_t start; /* of the picture in the output */
    tsr_error *err;
    int status; /* of the output */
    int warnings;
    char message[160]; /* the first that OpenJPEG had to say */
} jpeg2k_job;

static void keep_message(const char *message, void *user)
{
    jpeg2k_job *job = user;

    if (job->message[0])
        return;
    snprintf(job->message, sizeof job->message, "%s", message);
    job->message[strcspn(job->message, "\n")] = '\0';
}

static void count_warning(const char *message, void *user)
{
    jpeg2k_job *job = user;

    (void)message;
    job->warnings++;
}

static bool set_handlers(opj_codec_t *library, jpeg2k_job *job)
{
    return library && opj_set_error_handler(library, keep_message, job) &&
           opj_set_warning_handler(library, count_warning, job);
}

static int failed(const jpeg2k_job *job, int status)
{
    if (job->status < 0)
        return job->status;
    if (!job->message[0] || strstr(job->message, "memory") || strstr(job->message, "alloc"))
        return tsr_error_set(job->err, TSR_NO_MEMORY, "%s: out of memory", job->codec->name);
    return tsr_error_set(job->err, status, "%s: %s", job->codec->name, job->message);
}

/* ---- encoding ---- */

/* The lengths of boxes are written last, over what is there. */
static OPJ_SIZE_T write_bytes(void *bytes, OPJ_SIZE_T size_bytes, void *user)
{
    jpeg2k_job *job = user;
    size_t over = TSRI_MIN(size_bytes, job->output->size_bytes - job->offset);

    if (over > 0)
        memcpy(job->output->data + job->offset, bytes, over);
    job->status = tsr_output_append(job->output, (char *)bytes + over, size_bytes - over, job->err);
    if (job->status < 0)
        return (OPJ_SIZE_T)-1;
    job->offset += size_bytes;
    return size_bytes;
}

/* What is left out for such a length. */
static OPJ_OFF_T skip_output(OPJ_OFF_T count, void *user)
{
    char zeros[64] = {0};

    for (OPJ_OFF_T left = count; left > 0; left -= (OPJ_OFF_T)sizeof zeros)
        if (write_bytes(zeros, TSRI_MIN((size_t)left, sizeof zeros), user) == (OPJ_SIZE_T)-1)
            return -1;
    return count;
}

static OPJ_BOOL seek_output(OPJ_OFF_T offset, void *user)
{
    jpeg2k_job *job = user;

    if (offset < 0 || (uint64_t)offset > job->output->size_bytes - job->start)
        return OPJ_FALSE;
    job->offset = job->start + (size_t)offset;
    return OPJ_TRUE;
}

static opj_stream_t *open_output(jpeg2k_job *job)
{
    opj_stream_t *stream = opj_stream_default_create(OPJ_FALSE);

    if (!stream)
        return NULL;
    opj_stream_set_write_function(stream, write_bytes);
    opj_stream_set_skip_function(stream, skip_output);
    opj_stream_set_seek_function(stream, seek_output);
    opj_stream_set_user_data(stream, job, NULL);
    return stream;
}

/* How many bits of a sample are stored. */
static int bits_of(const tsri_image_codec *codec, const tsri_image *image)
{
    int most = 8 * (int)image->sample_bytes, least = image->sample_bytes == 1 ? 1 : most / 2 + 1;
    double wanted = codec->options[OPTION_BITS];

    if (wanted >= least && wanted < most)
        most = (int)wanted;
    return TSRI_MIN(most, BITS_MAX);
}

static int64_t sample_at(const tsri_image *image, const unsigned char *pixels, size_t place)
{
    switch (image->sample_bytes) {
    case 1:
        return image->is_signed ? ((const int8_t *)pixels)[place] : pixels[place];
    case 2:
        return image->is_signed ? ((const int16_t *)pixels)[place]
                                : ((const uint16_t *)pixels)[place];
    default:
        return image->is_signed ? (int64_t)((const int32_t *)pixels)[place]
                                : (int64_t)((const uint32_t *)pixels)[place];
    }
}

/* Refuses what the bits have no room for, since it would come back as something else. */
static int fill_components(const tsri_image_codec *codec, const tsri_image *image,
                           const layout *where, const unsigned char *pixels, opj_image_t *picture,
                           tsr_error *err)
{
    int bits = bits_of(codec, image);
    int64_t largest = ((int64_t)1 << (bits - image->is_signed)) - 1;
    int64_t smallest = image->is_signed ? -largest - 1 : 0;

    for (size_t k = 0; k < where->samples; k++) {
        for (size_t p = 0; p < where->width * where->height; p++) {
            int64_t value =
                sample_at(image, pixels, k * where->sample_step + p * where->pixel_step);
            if (value < smallest || value > largest)
                return tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                                     "%s: %" PRId64 " does not fit into %d bits", codec->name,
                                     value, bits);
            picture->comps[k].data[p] = (OPJ_INT32)value;
        }
    }
    return 0;
}

static OPJ_COLOR_SPACE space_of(const tsri_image_codec *codec, const layout *where)
{
    if (!isnan(codec->options[OPTION_SPACE]))
        return (OPJ_COLOR_SPACE)codec->options[OPTION_SPACE];
    return where->samples <= 2   ? OPJ_CLRSPC_GRAY
           : where->samples <= 4 ? OPJ_CLRSPC_SRGB
                                 : OPJ_CLRSPC_UNSPECIFIED;
}

static int make_picture(const tsri_image_codec *codec, const tsri_image *image, const layout *where,
                        opj_image_t **ret_picture, tsr_error *err)
{
    opj_image_cmptparm_t *parameters = tsri_alloc_array_zero(where->samples, sizeof *parameters);

    if (!parameters)
        return tsri_error_no_memory(err, where->samples * sizeof *parameters);
    for (size_t k = 0; k < where->samples; k++)
        parameters[k] = (opj_image_cmptparm_t){.dx = 1,
                                               .dy = 1,
                                               .w = (OPJ_UINT32)where->width,
                                               .h = (OPJ_UINT32)where->height,
                                               .prec = (OPJ_UINT32)bits_of(codec, image),
                                               .sgnd = image->is_signed};
    opj_image_t *picture =
        opj_image_create((OPJ_UINT32)where->samples, parameters, space_of(codec, where));
    tsri_free(parameters);
    if (!picture)
        return tsr_error_set(err, TSR_NO_MEMORY, "%s: out of memory", codec->name);
    picture->x1 = (OPJ_UINT32)where->width;
    picture->y1 = (OPJ_UINT32)where->height;
    *ret_picture = picture;
    return 0;
}

static void set_quality(const tsri_image_codec *codec, opj_cparameters_t *parameters)
{
    double level = codec->options[OPTION_LEVEL], reversible = codec->options[OPTION_REVERSIBLE];
    bool lossy = level >= 1 && level <= 1000;

    parameters->irreversible = isnan(reversible) ? lossy : reversible == 0;
    if (!lossy) {
        parameters->cp_disto_alloc = 1;
        return;
    }
    parameters->prog_order = OPJ_RPCL;
    parameters->cp_fixed_quality = 1;
    parameters->tcp_distoratio[0] = (float)level;
    parameters->csty = 1; /* precincts */
    parameters->res_spec = parameters->numresolution;
    for (int i = 0; i < parameters->res_spec; i++)
        parameters->prcw_init[i] = parameters->prch_init[i] = 256;
}

static void set_parameters(const tsri_image_codec *codec, const layout *where,
                           opj_cparameters_t *parameters)
{
    double wanted = codec->options[OPTION_RESOLUTIONS];
    int most = isnan(wanted) ? 6 : (int)fmax(1, fmin(wanted, OPJ_J2K_MAXRLVLS));
    int halvings = (int)(log2((double)TSRI_MIN(where->width, where->height)) - 2);

    opj_set_default_encoder_parameters(parameters);
    parameters->tcp_numlayers = 1;
    parameters->numresolution = TSRI_MIN(TSRI_MAX(halvings, 1), most);
    /* Red, green and blue are stored as brightness and differences. */
    parameters->tcp_mct = where->samples == 3 && space_of(codec, where) == OPJ_CLRSPC_SRGB &&
                          codec->options[OPTION_MIX] != 0;
    set_quality(codec, parameters);
}

static bool compress(const tsri_image_codec *codec, const layout *where, opj_image_t *picture,
                     jpeg2k_job *job)
{
    double format = codec->options[OPTION_FORMAT];
    opj_codec_t *library =
        opj_create_compress(isnan(format) ? OPJ_CODEC_JP2 : (OPJ_CODEC_FORMAT)format);
    opj_stream_t *stream = open_output(job);
    opj_cparameters_t parameters;

    set_parameters(codec, where, &parameters);
    bool done = stream && set_handlers(library, job) &&
                opj_setup_encoder(library, &parameters, picture) &&
                opj_start_compress(library, picture, stream) && opj_encode(library, stream) &&
                opj_end_compress(library, stream);
    opj_stream_destroy(stream);
    opj_destroy_codec(library);
    return done && job->status == 0;
}

static int encode_picture(const tsri_image_codec *codec, const tsri_image *image,
                          const unsigned char *pixels, tsr_output *output, tsr_error *err)
{
    jpeg2k_job job = {.codec = codec,
                      .output = output,
                      .start = output->size_bytes,
                      .offset = output->size_bytes,
                      .err = err};
    opj_image_t *picture = NULL;
    layout where;

    TSRI_TRY(find_layout(codec, image, &where, err));
    TSRI_TRY(make_picture(codec, image, &where, &picture, err));
    int status = fill_components(codec, image, &where, pixels, picture, err);
    if (status == 0 && !compress(codec, &where, picture, &job))
        status = failed(&job, TSR_UNSUPPORTED);
    opj_image_destroy(picture);
    return status;
}

static int jpeg2k_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                         tsr_output *output, tsr_error *err)
{
    (void)scratch;
    return tsri_image_encode_view(codec, decoded, encode_picture, output, err);
}

/* ---- decoding ---- */

static OPJ_SIZE_T read_bytes(void *bytes, OPJ_SIZE_T size_bytes, void *user)
{
    jpeg2k_job *job = user;
    size_t count = TSRI_MIN(size_bytes, job->size_bytes - job->offset);

    if (count == 0)
        return (OPJ_SIZE_T)-1;
    memcpy(bytes, job->bytes + job->offset, count);
    job->offset += count;
    return count;
}

static OPJ_OFF_T skip_input(OPJ_OFF_T count, void *user)
{
    jpeg2k_job *job = user;

    if (count < 0)
        return -1;
    size_t skipped = (size_t)TSRI_MIN((uint64_t)count, (uint64_t)(job->size_bytes - job->offset));
    job->offset += skipped;
    return (OPJ_OFF_T)skipped;
}

static OPJ_BOOL seek_input(OPJ_OFF_T offset, void *user)
{
    jpeg2k_job *job = user;

    if (offset < 0 || (uint64_t)offset > job->size_bytes)
        return OPJ_FALSE;
    job->offset = (size_t)offset;
    return OPJ_TRUE;
}

static opj_stream_t *open_input(jpeg2k_job *job)
{
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);

    if (!stream)
        return NULL;
    opj_stream_set_read_function(stream, read_bytes);
    opj_stream_set_skip_function(stream, skip_input);
    opj_stream_set_seek_function(stream, seek_input);
    opj_stream_set_user_data(stream, job, NULL);
    opj_stream_set_user_data_length(stream, job->size_bytes);
    return stream;
}

/* imagecodecs takes a chunk of up to 4 rows and more than 4 samples for bands where `planar` is not
 * given, but only when it writes. */
static void follow_picture(const tsri_image_codec *codec, const tsri_image *image,
                           const opj_image_t *picture, layout *where)
{
    if (isnan(codec->options[OPTION_PLANAR]) && image->samples > 4 && image->height <= 4 &&
        picture->numcomps == (OPJ_UINT32)image->height)
        *where = layout_by_bands(image);
}

/* Before anything is decoded: no room is made for another picture than the chunk. */
static int check_header(const jpeg2k_job *job, const layout *where, const opj_image_t *picture)
{
    tsri_image wanted = {.width = (int64_t)where->width,
                         .height = (int64_t)where->height,
                         .samples = (int)where->samples};
    int64_t width = (int64_t)picture->x1 - picture->x0, height = (int64_t)picture->y1 - picture->y0;

    if (width != wanted.width || height != wanted.height || picture->numcomps > where->samples)
        return tsri_image_mismatch(job->codec, &wanted, height, width, (int)picture->numcomps,
                                   job->err);
    return 0;
}

static bool is_converted(const opj_image_t *picture)
{
    return picture->color_space == OPJ_CLRSPC_SYCC || picture->icc_profile_len > 0;
}

/* What came out: components of one kind and all of the whole picture. */
static int check_components(const jpeg2k_job *job, const tsri_image *image, const layout *where,
                            const opj_image_t *picture)
{
    const char *name = job->codec->name;

    if (picture->numcomps != where->samples)
        return tsr_error_set(job->err, TSR_DAMAGED, "%s: %u samples, and the chunk has %zu", name,
                             picture->numcomps, where->samples);
    if (is_converted(picture))
        return tsr_error_set(job->err, TSR_UNSUPPORTED,
                             "%s: a picture whose colours a profile or sYCC tells", name);
    for (OPJ_UINT32 k = 0; k < picture->numcomps; k++) {
        const opj_image_comp_t *component = &picture->comps[k];
        if (!component->data || component->w != where->width || component->h != where->height)
            return tsr_error_set(job->err, TSR_UNSUPPORTED,
                                 "%s: a sample of fewer pixels than the picture", name);
        size_t bytes = component->prec <= 8 ? 1 : component->prec <= 16 ? 2 : 4;
        if (bytes != image->sample_bytes || !component->sgnd != !image->is_signed)
            return tsr_error_set(job->err, TSR_DAMAGED,
                                 "%s: samples of %u bits %s sign are none of the chunk's type",
                                 name, component->prec, component->sgnd ? "with" : "without");
    }
    return 0;
}

static void take_components(const tsri_image *image, const layout *where,
                            const opj_image_t *picture, unsigned char *pixels)
{
    for (size_t k = 0; k < where->samples; k++) {
        const OPJ_INT32 *from = picture->comps[k].data;
        for (size_t p = 0; p < where->width * where->height; p++) {
            size_t place = k * where->sample_step + p * where->pixel_step;
            if (image->sample_bytes == 1)
                pixels[place] = (unsigned char)from[p];
            else if (image->sample_bytes == 2)
                ((uint16_t *)pixels)[place] = (uint16_t)from[p];
            else
                ((uint32_t *)pixels)[place] = (uint32_t)from[p];
        }
    }
}

static int decompress(const tsri_image *image, layout *where, opj_codec_t *library,
                      opj_stream_t *stream, opj_image_t **picture, jpeg2k_job *job)
{
    opj_dparameters_t parameters;

    opj_set_default_decoder_parameters(&parameters);
    if (!stream || !set_handlers(library, job) || !opj_setup_decoder(library, &parameters) ||
        !opj_read_header(stream, library, picture))
        return failed(job, TSR_DAMAGED);
    follow_picture(job->codec, image, *picture, where);
    TSRI_TRY(check_header(job, where, *picture));
    job->warnings = 0; /* of boxes that are not known */
    if (!opj_decode(library, stream, *picture) || !opj_end_decompress(library, stream))
        return failed(job, TSR_DAMAGED);
    /* OpenJPEG goes on without what is cut off, under a warning. */
    if (job->warnings > 0)
        return tsr_error_set(job->err, TSR_DAMAGED, "%s: the picture is damaged or cut off",
                             job->codec->name);
    return check_components(job, image, where, *picture);
}

/* A bare code stream starts with its marker, anything else is a file of boxes. */
static OPJ_CODEC_FORMAT format_of(const unsigned char *bytes, size_t size_bytes)
{
    static const unsigned char start[] = {0xff, 0x4f, 0xff, 0x51};
    bool is_bare = size_bytes >= sizeof start && memcmp(bytes, start, sizeof start) == 0;
    return is_bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2;
}

static int decode_picture(const tsri_image_codec *codec, const tsri_image *image, const void *bytes,
                          size_t size_bytes, unsigned char *pixels, tsr_error *err)
{
    jpeg2k_job job = {.codec = codec, .bytes = bytes, .size_bytes = size_bytes, .err = err};
    opj_image_t *picture = NULL;
    layout where;

    TSRI_TRY(find_layout(codec, image, &where, err));
    if (size_bytes < 12)
        return tsri_codec_error_truncated(err, codec->name, size_bytes);
    opj_codec_t *library = opj_create_decompress(format_of(bytes, size_bytes));
    opj_stream_t *stream = open_input(&job);
    int status = decompress(image, &where, library, stream, &picture, &job);
    if (status == 0)
        take_components(image, &where, picture, pixels);
    opj_stream_destroy(stream);
    opj_destroy_codec(library);
    opj_image_destroy(picture);
    return status;
}

static int jpeg2k_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    (void)scratch;
    return tsri_image_decode_view(codec, bytes, size_bytes, decode_picture, decoded, err);
}

const tsr_codec_ops tsri_codec_jpeg2k = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "imagecodecs_jpeg2k",
    .aliases = (const char *const[]){"numcodecs.imagecodecs_jpeg2k", NULL},
    .v2_id = "imagecodecs_jpeg2k",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = jpeg2k_open,
    .close = tsri_image_close,
    .describe = tsri_image_describe,
    .array_bound = tsri_codec_unbounded,
    .encode_array = jpeg2k_encode,
    .decode_array = jpeg2k_decode,
};
