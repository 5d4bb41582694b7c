/* imagecodecs_jpeg: chunks as JPEG pictures of 8 bits, by libjpeg: 1 sample is grey, 3 are RGB, 4
 * are CMYK. Lossy, always. */
#include <stdio.h>

#include <jpeglib.h>
#include <setjmp.h>

#include "codec/image.h"

enum { OPTION_LEVEL };
static const char *const option_names[] = {"level", NULL};

/* The quality of the imagecodecs package where none is given. */
#define QUALITY_USUAL 95

static const tsri_image_codec kind = {
    .names = option_names, .name = "imagecodecs_jpeg", .smallest = 1, .most = 4};

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

static int check_samples(const tsri_image_codec *codec, const tsri_image *image, tsr_error *err)
{
    if (image->samples != 2)
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED, "%s: pictures of 2 samples; it has 1, 3 or 4",
                         codec->name);
}

static J_COLOR_SPACE space_of(const tsri_image *image)
{
    return image->samples == 1 ? JCS_GRAYSCALE : image->samples == 3 ? JCS_RGB : JCS_CMYK;
}

/* Encoding ------------------------------------------------------------------------------------- */

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

static void compress(struct jpeg_compress_struct *jpeg, const tsri_image_codec *codec,
                     const tsri_image *image, const unsigned char *pixels)
{
    int64_t level = codec->options[OPTION_LEVEL];

    jpeg->image_width = (JDIMENSION)image->width;
    jpeg->image_height = (JDIMENSION)image->height;
    jpeg->input_components = image->samples;
    jpeg->in_color_space = space_of(image);
    jpeg_set_defaults(jpeg);
    jpeg_set_quality(jpeg, level == TSRI_IMAGE_OPTION_ABSENT ? QUALITY_USUAL : (int)level, TRUE);
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

    TSRI_TRY(check_samples(codec, image, err));
    jpeg.err = set_errors(&errors);
    jpeg_create_compress(&jpeg);
    jpeg.dest = &target.manager;
    if (setjmp(errors.out) == 0)
        compress(&jpeg, codec, image, pixels);
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

/* Decoding ------------------------------------------------------------------------------------- */

/* Colours come out as they went in: YCbCr as RGB, YCCK as CMYK. */
static int decompress(struct jpeg_decompress_struct *jpeg, const tsri_image_codec *codec,
                      const tsri_image *image, unsigned char *pixels, tsr_error *err)
{
    jpeg_read_header(jpeg, TRUE);
    if (jpeg->image_height != image->height || jpeg->image_width != image->width ||
        jpeg->num_components != image->samples)
        return tsri_image_mismatch(codec, image, jpeg->image_height, jpeg->image_width,
                                   jpeg->num_components, err);
    jpeg->out_color_space = space_of(image);
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

static int decode_picture(const tsri_image_codec *codec, const tsri_image *image, const void *bytes,
                          size_t size_bytes, unsigned char *pixels, tsr_error *err)
{
    struct jpeg_decompress_struct jpeg;
    jpeg_errors errors;
    volatile int status = 0;

    TSRI_TRY(check_samples(codec, image, err));
    if (size_bytes == 0)
        return tsri_codec_error_truncated(err, codec->name, 0);
    jpeg.err = set_errors(&errors);
    jpeg_create_decompress(&jpeg);
    if (setjmp(errors.out) == 0) {
        jpeg_mem_src(&jpeg, bytes, size_bytes);
        status = decompress(&jpeg, codec, image, pixels, err);
    } else {
        status = failed(codec, &errors, TSR_DAMAGED, err);
    }
    jpeg_destroy_decompress(&jpeg);
    return status;
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
    .close = tsri_free,
    .describe = tsri_image_describe,
    .array_bound = tsri_image_bound,
    .encode_array = jpeg_encode,
    .decode_array = jpeg_decode,
};
