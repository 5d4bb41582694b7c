/* imagecodecs_jpeg: chunks as JPEG pictures of 8 bits, by libjpeg: 1 sample is grey, 3 are RGB, 4
 * are CMYK, 2 have no meaning. Lossy, always. Pictures may lack their tables, as in TIFF files, or
 * their header, which the configuration then has. */
#include <math.h>
#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>

#include "base/output.h"
#include "codec/image.h"

enum {
    OPTION_LEVEL,
    OPTION_TABLES,
    OPTION_HEADER,
    OPTION_DATA_SPACE,
    OPTION_PICTURE_SPACE,
    OPTION_SUBSAMPLING,
    OPTION_OPTIMIZE,
    OPTION_SMOOTHING
};

/* Names of imagecodecs, and libjpeg's own numbers. */
static const tsri_image_spelling color_spaces[] = {{"\"UNKNOWN\"", JCS_UNKNOWN},
                                                   {"\"GRAY\"", JCS_GRAYSCALE},
                                                   {"\"GRAYSCALE\"", JCS_GRAYSCALE},
                                                   {"\"MINISWHITE\"", JCS_GRAYSCALE},
                                                   {"\"MINISBLACK\"", JCS_GRAYSCALE},
                                                   {"\"RGB\"", JCS_RGB},
                                                   {"\"CMYK\"", JCS_CMYK},
                                                   {"\"SEPARATED\"", JCS_CMYK},
                                                   {"\"YCCK\"", JCS_YCCK},
                                                   {"\"YCBCR\"", JCS_YCbCr},
                                                   {"0", JCS_UNKNOWN},
                                                   {"1", JCS_GRAYSCALE},
                                                   {"2", JCS_RGB},
                                                   {"3", JCS_YCbCr},
                                                   {"4", JCS_CMYK},
                                                   {"5", JCS_YCCK},
                                                   {NULL, 0}};

/* How many columns and rows share a value of colour: tens and units. */
static const tsri_image_spelling samplings[] = {
    {"\"444\"", 11}, {"[1,1]", 11}, {"\"422\"", 21}, {"[2,1]", 21}, {"\"420\"", 22}, {"[2,2]", 22},
    {"\"411\"", 41}, {"[4,1]", 41}, {"\"440\"", 12}, {"[1,2]", 12}, {NULL, 0}};

static const tsri_image_option known[] = {
    [OPTION_LEVEL] = {.name = "level"},
    [OPTION_TABLES] = {"tables", TSRI_IMAGE_BYTES, NULL},
    [OPTION_HEADER] = {"header", TSRI_IMAGE_BYTES, NULL},
    [OPTION_DATA_SPACE] = {"colorspace_data", TSRI_IMAGE_CHOICE, color_spaces},
    [OPTION_PICTURE_SPACE] = {"colorspace_jpeg", TSRI_IMAGE_CHOICE, color_spaces},
    [OPTION_SUBSAMPLING] = {"subsampling", TSRI_IMAGE_CHOICE, samplings},
    [OPTION_OPTIMIZE] = {.name = "optimize"},
    [OPTION_SMOOTHING] = {.name = "smoothing"},
    {"bitspersample", TSRI_IMAGE_IGNORED, NULL}, /* imagecodecs makes no use of it either */
    {"predictor", TSRI_IMAGE_IGNORED, NULL},     /* of lossless pictures, which libjpeg has not */
    {"lossless", TSRI_IMAGE_REFUSED, NULL},
    {.name = NULL}};

/* The quality of the imagecodecs package where none is given. */
#define QUALITY_USUAL 95

static const tsri_image_codec kind = {.name = "imagecodecs_jpeg",
                                      .known = known,
                                      .types = "uint8",
                                      .smallest = 1,
                                      .most = 4,
                                      .sample_bytes_max = 1};

static int jpeg_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    (void)ret_output; /* what follows is bytes */
    return tsri_image_open(&kind, setup, ret_codec, err);
}

/* libjpeg's error handler, with where to go on. */
typedef struct jpeg_errors {
    struct jpeg_error_mgr manager;
    jmp_buf out;
    bool no_memory;
    char message[JMSG_LENGTH_MAX];
} jpeg_errors;

static void leave(j_common_ptr jpeg)
{
    jpeg_errors *errors = (jpeg_errors *)jpeg->err;
    errors->manager.format_message(jpeg, errors->message);
    /* JERR_OUT_OF_MEMORY, whose number is not in the public header. */
    errors->no_memory = strncmp(errors->message, "Insufficient memory", 19) == 0;
    longjmp(errors->out, 1);
}

static void say_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static struct jpeg_error_mgr *set_errors(jpeg_errors *errors)
{
    struct jpeg_error_mgr *manager = jpeg_std_error(&errors->manager);
    manager->error_exit = leave;
    manager->output_message = say_nothing;
    errors->no_memory = false;
    return manager;
}

static int failed(const tsri_image_codec *codec, const jpeg_errors *errors, int status,
                  tsr_error *err)
{
    if (errors->no_memory)
        return tsr_error_set(err, TSR_NO_MEMORY, "%s: out of memory", codec->name);
    return tsr_error_set(err, status, "%s: %s", codec->name, errors->message);
}

/* An option that is a colour space; JCS_UNKNOWN where it is not given. */
static J_COLOR_SPACE space_given(const tsri_image_codec *codec, int option)
{
    return isnan(codec->options[option]) ? JCS_UNKNOWN : (J_COLOR_SPACE)codec->options[option];
}

/* How many samples a colour space has; 0: any number. */
static int samples_of(J_COLOR_SPACE space)
{
    static const int samples[] = {[JCS_UNKNOWN] = 0, [JCS_GRAYSCALE] = 1, [JCS_RGB] = 3,
                                  [JCS_YCbCr] = 3,   [JCS_CMYK] = 4,      [JCS_YCCK] = 4};
    return samples[space];
}

static int check_samples(const tsri_image_codec *codec, const tsri_image *image,
                         J_COLOR_SPACE space, tsr_error *err)
{
    if (samples_of(space) == 0 || samples_of(space) == image->samples)
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED,
                         "%s: a chunk of %d samples, and a colour space that has %d", codec->name,
                         image->samples, samples_of(space));
}

/* The colour spaces of the picture (JCS_UNKNOWN: as libjpeg finds it) and of the elements: that of
 * the elements is the one that is given, else that of the picture where this one is given, as
 * imagecodecs reads; else colours come out as they went in: YCbCr as RGB, YCCK as CMYK. */
static int find_spaces(const tsri_image_codec *codec, const tsri_image *image,
                       J_COLOR_SPACE *ret_picture, J_COLOR_SPACE *ret_data, tsr_error *err)
{
    static const J_COLOR_SPACE usual[] = {JCS_UNKNOWN, JCS_GRAYSCALE, JCS_UNKNOWN, JCS_RGB,
                                          JCS_CMYK};
    J_COLOR_SPACE picture = space_given(codec, OPTION_PICTURE_SPACE),
                  data = space_given(codec, OPTION_DATA_SPACE);

    if (data == JCS_UNKNOWN)
        data = picture != JCS_UNKNOWN ? picture : usual[image->samples];
    TSRI_TRY(check_samples(codec, image, picture, err));
    TSRI_TRY(check_samples(codec, image, data, err));
    *ret_picture = picture;
    *ret_data = data;
    return 0;
}

/* ---- encoding ---- */

/* Where libjpeg writes: a buffer that is appended to the output whenever it is full. */
typedef struct jpeg_target {
    struct jpeg_destination_mgr manager;
    tsr_output *output;
    tsr_error *err;
    int status;
    JOCTET buffer[4096];
} jpeg_target;

static void start_buffer(j_compress_ptr jpeg)
{
    jpeg_target *target = (jpeg_target *)jpeg->dest;
    target->manager.next_output_byte = target->buffer;
    target->manager.free_in_buffer = sizeof target->buffer;
}

static void append(j_compress_ptr jpeg, size_t size_bytes)
{
    jpeg_target *target = (jpeg_target *)jpeg->dest;
    target->status = tsr_output_append(target->output, target->buffer, size_bytes, target->err);
    if (target->status < 0)
        longjmp(((jpeg_errors *)jpeg->err)->out, 1);
}

static boolean empty_buffer(j_compress_ptr jpeg)
{
    append(jpeg, sizeof((jpeg_target *)jpeg->dest)->buffer);
    start_buffer(jpeg);
    return TRUE;
}

static void end_buffer(j_compress_ptr jpeg)
{
    append(jpeg, sizeof((jpeg_target *)jpeg->dest)->buffer - jpeg->dest->free_in_buffer);
}

static void set_options(struct jpeg_compress_struct *jpeg, const double *options)
{
    jpeg_set_quality(
        jpeg, options[OPTION_LEVEL] >= 0 ? (int)fmin(options[OPTION_LEVEL], 100) : QUALITY_USUAL,
        TRUE);
    if (options[OPTION_SMOOTHING] >= 0)
        jpeg->smoothing_factor = (int)fmin(options[OPTION_SMOOTHING], 100);
    if (!isnan(options[OPTION_OPTIMIZE]))
        jpeg->optimize_coding = options[OPTION_OPTIMIZE] != 0;
    if (jpeg->jpeg_color_space == JCS_YCbCr && !isnan(options[OPTION_SUBSAMPLING])) {
        jpeg->comp_info[0].h_samp_factor = (int)options[OPTION_SUBSAMPLING] / 10;
        jpeg->comp_info[0].v_samp_factor = (int)options[OPTION_SUBSAMPLING] % 10;
        for (int i = 1; i < 3; i++)
            jpeg->comp_info[i].h_samp_factor = jpeg->comp_info[i].v_samp_factor = 1;
    }
}

static void compress(struct jpeg_compress_struct *jpeg, const tsri_image_codec *codec,
                     const tsri_image *image, J_COLOR_SPACE picture, J_COLOR_SPACE data,
                     const unsigned char *pixels)
{
    jpeg->image_width = (JDIMENSION)image->width;
    jpeg->image_height = (JDIMENSION)image->height;
    jpeg->input_components = image->samples;
    jpeg->in_color_space = data;
    jpeg_set_defaults(jpeg);
    if (picture != JCS_UNKNOWN)
        jpeg_set_colorspace(jpeg, picture);
    set_options(jpeg, codec->options);
    jpeg_start_compress(jpeg, TRUE);
    while (jpeg->next_scanline < jpeg->image_height) {
        JSAMPROW row = (JSAMPROW)pixels + jpeg->next_scanline * tsri_image_row_bytes(image);
        jpeg_write_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_compress(jpeg);
}

static int encode_picture(const tsri_image_codec *codec, const tsri_image *image,
                          const unsigned char *pixels, tsr_output *output, tsr_error *err)
{
    struct jpeg_compress_struct jpeg;
    jpeg_errors errors;
    jpeg_target target = {.manager = {.init_destination = start_buffer,
                                      .empty_output_buffer = empty_buffer,
                                      .term_destination = end_buffer},
                          .output = output,
                          .err = err};

    J_COLOR_SPACE picture, data;

    if (codec->bytes[OPTION_HEADER].data)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "%s: pictures without their header are read, and not written",
                             codec->name);
    TSRI_TRY(find_spaces(codec, image, &picture, &data, err));
    jpeg.err = set_errors(&errors);
    jpeg_create_compress(&jpeg);
    jpeg.dest = &target.manager;
    if (setjmp(errors.out) == 0)
        compress(&jpeg, codec, image, picture, data, pixels);
    else if (target.status == 0)
        target.status = failed(codec, &errors, TSR_UNSUPPORTED, err);
    jpeg_destroy_compress(&jpeg);
    return target.status;
}

static int jpeg_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                       tsr_output *output, tsr_error *err)
{
    (void)scratch;
    return tsri_image_encode_view(codec, decoded, encode_picture, output, err);
}

/* ---- decoding ---- */

/* What the picture is read of: the header, which may be in the configuration, and the rest. */
static void read_header(struct jpeg_decompress_struct *jpeg, const tsri_image_codec *codec,
                        const void *bytes, size_t size_bytes)
{
    const tsri_image_bytes *tables = &codec->bytes[OPTION_TABLES];

    if (tables->size_bytes > 0) {
        jpeg_mem_src(jpeg, tables->data, tables->size_bytes);
        jpeg_read_header(jpeg, FALSE);
    }
    jpeg_mem_src(jpeg, bytes, size_bytes);
    jpeg_read_header(jpeg, TRUE);
}

static int decompress(struct jpeg_decompress_struct *jpeg, const tsri_image_codec *codec,
                      const tsri_image *image, unsigned char *pixels, tsr_error *err)
{
    J_COLOR_SPACE picture;

    if (jpeg->image_height != image->height || jpeg->image_width != image->width ||
        jpeg->num_components != image->samples)
        return tsri_image_mismatch(codec, image, jpeg->image_height, jpeg->image_width,
                                   jpeg->num_components, err);
    TSRI_TRY(find_spaces(codec, image, &picture, &jpeg->out_color_space, err));
    if (picture != JCS_UNKNOWN)
        jpeg->jpeg_color_space = picture;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = pixels + jpeg->output_scanline * tsri_image_row_bytes(image);
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
    /* A picture that is cut off is filled up with grey, under a warning. */
    if (jpeg->err->num_warnings > 0)
        return tsr_error_set(err, TSR_DAMAGED, "%s: the picture is damaged or cut off",
                             codec->name);
    return 0;
}

static int decode_whole(const tsri_image_codec *codec, const tsri_image *image, const void *bytes,
                        size_t size_bytes, unsigned char *pixels, tsr_error *err)
{
    struct jpeg_decompress_struct jpeg;
    jpeg_errors errors;
    volatile int status = 0;

    jpeg.err = set_errors(&errors);
    jpeg_create_decompress(&jpeg);
    if (setjmp(errors.out) == 0) {
        read_header(&jpeg, codec, bytes, size_bytes);
        status = decompress(&jpeg, codec, image, pixels, err);
    } else {
        status = failed(codec, &errors, TSR_DAMAGED, err);
    }
    jpeg_destroy_decompress(&jpeg);
    return status;
}

/* Puts the header of the configuration in front, and an end behind. */
static int decode_picture(const tsri_image_codec *codec, const tsri_image *image, const void *bytes,
                          size_t size_bytes, unsigned char *pixels, tsr_error *err)
{
    static const unsigned char end[] = {0xff, 0xd9};
    tsr_auto(tsri_output) whole = TSRI_OUTPUT_INIT(SIZE_MAX);
    const tsri_image_bytes *header = &codec->bytes[OPTION_HEADER];

    if (size_bytes == 0)
        return tsri_codec_error_truncated(err, codec->name, 0);
    if (!header->data)
        return decode_whole(codec, image, bytes, size_bytes, pixels, err);
    TSRI_TRY(tsr_output_append(&whole, header->data, header->size_bytes, err));
    TSRI_TRY(tsr_output_append(&whole, bytes, size_bytes, err));
    TSRI_TRY(tsr_output_append(&whole, end, sizeof end, err));
    return decode_whole(codec, image, whole.data, whole.size_bytes, pixels, err);
}

static int jpeg_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    (void)scratch;
    return tsri_image_decode_view(codec, bytes, size_bytes, decode_picture, decoded, err);
}

const tsr_codec_ops tsri_codec_jpeg = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "imagecodecs_jpeg",
    .aliases = (const char *const[]){"numcodecs.imagecodecs_jpeg", NULL},
    .v2_id = "imagecodecs_jpeg",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = jpeg_open,
    .close = tsri_image_close,
    .describe = tsri_image_describe,
    .array_bound = tsri_codec_unbounded,
    .encode_array = jpeg_encode,
    .decode_array = jpeg_decode,
};
