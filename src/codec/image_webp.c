/* imagecodecs_webp: chunks as WebP pictures of 8 bits, by libwebp: 3 samples are RGB, 4 have an
 * alpha channel. Lossless unless `lossless` is false, as in the imagecodecs package. */
#include <math.h>
#include <webp/decode.h>
#include <webp/encode.h>

#include "codec/image.h"

enum { OPTION_LEVEL, OPTION_METHOD, OPTION_LOSSLESS };
static const tsri_image_option known[] = {[OPTION_LEVEL] = {.name = "level"},
                                          [OPTION_METHOD] = {.name = "method"},
                                          [OPTION_LOSSLESS] = {.name = "lossless"},
                                          /* of the frames of an animation, which is refused */
                                          {"index", TSRI_IMAGE_IGNORED, NULL},
                                          /* the chunk's shape says so */
                                          {"hasalpha", TSRI_IMAGE_IGNORED, NULL},
                                          {"numthreads", TSRI_IMAGE_IGNORED, NULL},
                                          {.name = NULL}};

static const tsri_image_codec kind = {.name = "imagecodecs_webp",
                                      .known = known,
                                      .types = "uint8",
                                      .smallest = 3,
                                      .most = 4,
                                      .sample_bytes_max = 1};

static int webp_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    (void)ret_output; /* what follows is bytes */
    return tsri_image_open(&kind, setup, ret_codec, err);
}

/* ---- encoding ---- */

typedef struct webp_target {
    tsr_output *output;
    tsr_error *err;
    int status;
} webp_target;

static int append(const uint8_t *bytes, size_t size_bytes, const WebPPicture *picture)
{
    webp_target *target = picture->custom_ptr;
    target->status = tsr_output_append(target->output, bytes, size_bytes, target->err);
    return target->status == 0;
}

static bool configure(const tsri_image_codec *codec, WebPConfig *config)
{
    double level = codec->options[OPTION_LEVEL], method = codec->options[OPTION_METHOD];
    bool has_level = level >= 0 && level <= 100;

    if (!WebPConfigInit(config))
        return false;
    config->quality = has_level ? (float)level : 75;
    config->lossless = codec->options[OPTION_LOSSLESS] != 0; /* so where it is not given */
    config->exact = config->lossless; /* colours under a transparent pixel too */
    if (method >= 0)
        config->method = (int)fmin(method, 6);
    return WebPValidateConfig(config);
}

static int encode_picture(const tsri_image_codec *codec, const tsri_image *image,
                          const unsigned char *pixels, tsr_output *output, tsr_error *err)
{
    webp_target target = {.output = output, .err = err};
    WebPPicture picture;
    WebPConfig config;
    int stride = (int)tsri_image_row_bytes(image);

    if (!configure(codec, &config) || !WebPPictureInit(&picture))
        return tsr_error_set(err, TSR_INTERNAL, "%s: another version of libwebp", codec->name);
    if (image->width > WEBP_MAX_DIMENSION || image->height > WEBP_MAX_DIMENSION)
        return tsr_error_set(err, TSR_LIMIT, "%s: a picture has at most %d x %d pixels",
                             codec->name, WEBP_MAX_DIMENSION, WEBP_MAX_DIMENSION);
    picture.use_argb = config.lossless;
    picture.width = (int)image->width;
    picture.height = (int)image->height;
    picture.writer = append;
    picture.custom_ptr = &target;
    bool done = (image->samples == 3 ? WebPPictureImportRGB
                                     : WebPPictureImportRGBA)(&picture, pixels, stride) &&
                WebPEncode(&config, &picture);
    WebPEncodingError code = picture.error_code;
    WebPPictureFree(&picture);
    if (done || target.status < 0)
        return target.status;
    if (code == VP8_ENC_ERROR_OUT_OF_MEMORY || code == VP8_ENC_ERROR_BITSTREAM_OUT_OF_MEMORY ||
        code == VP8_ENC_OK)
        return tsr_error_set(err, TSR_NO_MEMORY, "%s: out of memory", codec->name);
    return tsr_error_set(err, TSR_INTERNAL, "%s: encoding failed (code %d)", codec->name,
                         (int)code);
}

static int webp_encode(const void *codec, tsr_codec_scratch *scratch, const tsr_view *decoded,
                       tsr_output *output, tsr_error *err)
{
    (void)scratch;
    return tsri_image_encode_view(codec, decoded, encode_picture, output, err);
}

/* ---- decoding ---- */

static int decode_picture(const tsri_image_codec *codec, const tsri_image *image, const void *bytes,
                          size_t size_bytes, unsigned char *pixels, tsr_error *err)
{
    WebPDecoderConfig config;

    if (!WebPInitDecoderConfig(&config))
        return tsr_error_set(err, TSR_INTERNAL, "%s: another version of libwebp", codec->name);
    if (WebPGetFeatures(bytes, size_bytes, &config.input) != VP8_STATUS_OK)
        return tsr_error_set(err, TSR_DAMAGED, "%s: no WebP picture in %zu bytes", codec->name,
                             size_bytes);
    if (config.input.width != image->width || config.input.height != image->height)
        return tsri_image_mismatch(codec, image, config.input.height, config.input.width,
                                   config.input.has_alpha ? 4 : 3, err);
    if (config.input.has_animation)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: an animation", codec->name);
    config.output.colorspace = image->samples == 3 ? MODE_RGB : MODE_RGBA;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = pixels;
    config.output.u.RGBA.stride = (int)tsri_image_row_bytes(image);
    config.output.u.RGBA.size = (size_t)image->height * tsri_image_row_bytes(image);
    VP8StatusCode code = WebPDecode(bytes, size_bytes, &config);
    WebPFreeDecBuffer(&config.output);
    if (code == VP8_STATUS_OK)
        return 0;
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return tsr_error_set(err, TSR_NO_MEMORY, "%s: out of memory", codec->name);
    return tsr_error_set(err, TSR_DAMAGED, "%s: the picture is damaged or cut off (code %d)",
                         codec->name, (int)code);
}

static int webp_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, const tsr_view *decoded, tsr_error *err)
{
    (void)scratch;
    return tsri_image_decode_view(codec, bytes, size_bytes, decode_picture, decoded, err);
}

const tsr_codec_ops tsri_codec_webp = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "imagecodecs_webp",
    .aliases = (const char *const[]){"numcodecs.imagecodecs_webp", NULL},
    .v2_id = "imagecodecs_webp",
    .kind = TSR_CODEC_ARRAY_TO_BYTES,
    .open = webp_open,
    .close = tsri_image_close,
    .describe = tsri_image_describe,
    .array_bound = tsri_codec_unbounded,
    .encode_array = webp_encode,
    .decode_array = webp_decode,
};
