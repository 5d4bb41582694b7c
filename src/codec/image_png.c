/* imagecodecs_png: chunks as PNG pictures, by libpng: 1 to 4 samples of 8 or 16 bits. */
#include <math.h>
#include <png.h>
#include <setjmp.h>

#include "codec/image.h"

enum { OPTION_LEVEL, OPTION_STRATEGY, OPTION_FILTER };
static const tsri_image_option known[] = {[OPTION_LEVEL] = {.name = "level"},
                                          [OPTION_STRATEGY] = {.name = "strategy"},
                                          [OPTION_FILTER] = {.name = "filter"},
                                          {.name = NULL}};

static const tsri_image_codec kind = {.name = "imagecodecs_png",
                                      .known = known,
                                      .types = "uint8 or uint16",
                                      .smallest = 1,
                                      .most = 4,
                                      .sample_bytes_max = 2};

static int png_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                    tsr_error *err)
{
    (void)ret_output; /* what follows is bytes */
    return tsri_image_open(&kind, setup, ret_codec, err);
}

/* What libpng's functions are given: a failure is kept here, then libpng jumps out. */
typedef struct png_job {
    const tsri_image_codec *codec;
    const unsigned char *bytes;
    size_t left;
    tsr_output *output;
    tsr_error *err;
    int status;
} png_job;

static void keep_error(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    if (job->status == 0)
        job->status = tsr_error_set(job->err, job->output ? TSR_INTERNAL : TSR_DAMAGED, "%s: %s",
                                    job->codec->name, message);
    png_longjmp(png, 1);
}

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

static png_voidp take_memory(png_structp png, png_alloc_size_t size_bytes)
{
    png_job *job = png_get_mem_ptr(png);
    void *memory = tsri_alloc(size_bytes);
    if (!memory)
        job->status = tsri_error_no_memory(job->err, size_bytes);
    return memory;
}

static void give_memory(png_structp png, png_voidp memory)
{
    (void)png;
    tsri_free(memory);
}

/* ---- encoding ---- */

static void write_bytes(png_structp png, png_bytep bytes, size_t size_bytes)
{
    png_job *job = png_get_io_ptr(png);
    job->status = tsr_output_append(job->output, bytes, size_bytes, job->err);
    if (job->status < 0)
        png_error(png, "output");
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

static void set_options(png_structp png, const tsri_image_codec *codec)
{
    if (codec->options[OPTION_LEVEL] >= 0)
        png_set_compression_level(png, (int)fmin(codec->options[OPTION_LEVEL], 9));
    if (codec->options[OPTION_STRATEGY] >= 0)
        png_set_compression_strategy(png, (int)codec->options[OPTION_STRATEGY]);
    if (codec->options[OPTION_FILTER] >= 0)
        png_set_filter(png, PNG_FILTER_TYPE_BASE, (int)codec->options[OPTION_FILTER]);
}

static void write_picture(png_structp png, png_infop info, const tsri_image_codec *codec,
                          const tsri_image *image, const unsigned char *pixels)
{
    static const int color_types[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA,
                                      PNG_COLOR_TYPE_RGB, PNG_COLOR_TYPE_RGB_ALPHA};

    png_set_user_limits(png, (png_uint_32)image->width, (png_uint_32)image->height);
    set_options(png, codec);
    png_set_IHDR(png, info, (png_uint_32)image->width, (png_uint_32)image->height,
                 8 * (int)image->sample_bytes, color_types[image->samples - 1], PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (image->sample_bytes == 2)
        png_set_swap(png);
#endif
    for (int64_t row = 0; row < image->height; row++)
        png_write_row(png, pixels + (size_t)row * tsri_image_row_bytes(image));
    png_write_end(png, NULL);
}

static int encode_picture(const tsri_image_codec *codec, const tsri_image *image,
                          const unsigned char *pixels, tsr_output *output, tsr_error *err)
{
    png_job job = {.codec = codec, .output = output, .err = err};
    png_structp png = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, &job, keep_error,
                                                ignore_warning, &job, take_memory, give_memory);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    if (!info)
        job.status = tsri_error_no_memory(err, 1024);
    else if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_write_fn(png, &job, write_bytes, flush_nothing);
        write_picture(png, info, codec, image, pixels);
    }
    png_destroy_write_struct(&png, &info);
    return job.status;
}

static int png_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                      tsr_output *output, tsr_error *err)
{
    (void)scratch;
    return tsri_image_encode_view(codec, decoded, encode_picture, output, err);
}

/* ---- decoding ---- */

static void read_bytes(png_structp png, png_bytep bytes, size_t size_bytes)
{
    png_job *job = png_get_io_ptr(png);
    if (size_bytes > job->left)
        png_error(png, "the picture is cut off");
    memcpy(bytes, job->bytes, size_bytes);
    job->bytes += size_bytes;
    job->left -= size_bytes;
}

/* Reads the header; samples of fewer bits and palettes are expanded. */
static void read_header(png_structp png, png_infop info, const tsri_image *image, png_job *job)
{
    png_set_user_limits(png, (png_uint_32)image->width, (png_uint_32)image->height);
    png_read_info(png, info);
    png_set_expand(png);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (image->sample_bytes == 2)
        png_set_swap(png);
#endif
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_image_width(png, info) != (png_uint_32)image->width ||
        png_get_image_height(png, info) != (png_uint_32)image->height ||
        png_get_channels(png, info) != image->samples ||
        png_get_rowbytes(png, info) != tsri_image_row_bytes(image)) {
        job->status = tsri_image_mismatch(job->codec, image, png_get_image_height(png, info),
                                          png_get_image_width(png, info),
                                          png_get_channels(png, info), job->err);
        png_error(png, "mismatch");
    }
}

static int decode_picture(const tsri_image_codec *codec, const tsri_image *image, const void *bytes,
                          size_t size_bytes, unsigned char *pixels, tsr_error *err)
{
    png_job job = {.codec = codec, .bytes = bytes, .left = size_bytes, .err = err};
    png_bytep *rows = tsri_alloc_array((size_t)image->height, sizeof *rows);
    png_structp png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &job, keep_error,
                                               ignore_warning, &job, take_memory, give_memory);
    png_infop info = png ? png_create_info_struct(png) : NULL;

    for (int64_t row = 0; rows && row < image->height; row++)
        rows[row] = pixels + (size_t)row * tsri_image_row_bytes(image);
    if (!rows || !info)
        job.status = tsri_error_no_memory(err, (size_t)image->height * sizeof *rows);
    else if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_read_fn(png, &job, read_bytes);
        read_header(png, info, image, &job);
        png_read_image(png, rows);
        png_read_end(png, NULL);
    }
    png_destroy_read_struct(&png, &info, NULL);
    tsri_free(rows);
    return job.status;
}

static int png_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    (void)scratch;
    return tsri_image_decode_view(codec, bytes, size_bytes, decode_picture, decoded, err);
}

const tsr_codec_ops tsri_codec_png = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "imagecodecs_png",
    .aliases = (const char *const[]){"numcodecs.imagecodecs_png", NULL},
    .v2_id = "imagecodecs_png",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = png_open,
    .close = tsri_image_close,
    .describe = tsri_image_describe,
    .array_bound = tsri_codec_unbounded,
    .encode_array = png_encode,
    .decode_array = png_decode,
};
