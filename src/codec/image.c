#include "codec/image.h"

#include <inttypes.h>

#include "codec/element_walk.h"

#define OPTIONS_MAX 4

/* Opening -------------------------------------------------------------------------------------- */

static int read_squeeze(const tsri_configuration *configuration, int rank, tsri_image_codec *codec,
                        tsr_error *err)
{
    tsri_json *value = json_object_object_get(configuration->json, "squeeze");

    codec->squeeze_count = -1;
    if (!tsri_configuration_has(configuration, "squeeze"))
        return 0;
    if (json_object_is_type(value, json_type_boolean) && !json_object_get_boolean(value)) {
        codec->squeeze_count = rank;
        return 0;
    }
    if (!json_object_is_type(value, json_type_array) ||
        json_object_array_length(value) != (size_t)rank)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/squeeze: must be false, null, or one boolean for "
                             "each of the %d axes",
                             configuration->codec, rank);
    codec->squeeze_count = rank;
    for (int axis = 0; axis < rank; axis++)
        codec->squeezed[axis] =
            json_object_get_boolean(json_object_array_get_idx(value, (size_t)axis));
    return 0;
}

static bool is_named(const tsri_image_codec *codec, const char *name)
{
    for (int i = 0; codec->names[i]; i++)
        if (strcmp(codec->names[i], name) == 0)
            return true;
    return strcmp(name, "squeeze") == 0;
}

/* imagecodecs writes all its fields; those that are null or false ask for nothing. */
static int check_fields(const tsri_configuration *configuration, const tsri_image_codec *codec,
                        tsr_error *err)
{
    json_object_object_foreach(configuration->json, name, value)
    {
        bool asks = value && !(json_object_is_type(value, json_type_boolean) &&
                               !json_object_get_boolean(value));
        if (asks && !is_named(codec, name))
            return tsr_error_set(err, TSR_UNSUPPORTED, "%s: /configuration/%s is not supported",
                                 configuration->codec, name);
    }
    return 0;
}

static int read_configuration(tsri_configuration *configuration, const tsr_codec_type *input,
                              tsri_image_codec *codec, tsr_error *err)
{
    /* The package's configurations are those of numcodecs, whatever the name. */
    configuration->numcodecs = true;
    if (input->dtype->kind != TSR_KIND_UNSIGNED ||
        input->dtype->size_bytes > (codec->words ? 2u : 1u))
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: elements of type %s; pictures have %s",
                             configuration->codec, input->dtype->name,
                             codec->words ? "uint8 or uint16" : "uint8");
    for (int i = 0; codec->names[i]; i++) {
        codec->options[i] = TSRI_IMAGE_OPTION_ABSENT;
        TSRI_TRY(tsri_configuration_int(configuration, codec->names[i], INT32_MIN, INT32_MAX,
                                        &codec->options[i], err));
    }
    TSRI_TRY(check_fields(configuration, codec, err));
    return read_squeeze(configuration, input->rank, codec, err);
}

int tsri_image_open(const tsri_image_codec *kind, const tsr_codec_setup *setup, void **ret_codec,
                    tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    tsri_image_codec *codec = tsri_alloc(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    *codec = *kind;
    int status = read_configuration(&configuration, &setup->input, codec, err);
    if (status < 0)
        tsri_free(codec);
    else
        *ret_codec = codec;
    return status;
}

int tsri_image_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const tsri_image_codec *image = codec;
    const char *separator = "{";

    (void)zarr_format;
    for (int i = 0; image->names[i]; i++) {
        if (image->options[i] == TSRI_IMAGE_OPTION_ABSENT)
            continue;
        TSRI_TRY(tsr_output_print(output, err, "%s\"%s\":%d", separator, image->names[i],
                                  (int)image->options[i]));
        separator = ",";
    }
    for (int axis = 0; axis < image->squeeze_count; axis++)
        TSRI_TRY(tsr_output_print(output, err, "%s%s%s", axis ? "" : separator,
                                  axis ? "," : "\"squeeze\":[",
                                  image->squeezed[axis] ? "true" : "false"));
    if (image->squeeze_count > 0)
        return tsr_output_print(output, err, "]}");
    return tsr_output_print(output, err, *separator == '{' ? "{}" : "}");
}

/* Shapes --------------------------------------------------------------------------------------- */

/* The lengths that are left; false when one that is left out is not 1. */
static bool squeeze(const tsri_image_codec *codec, int rank, const int64_t *shape, int *ret_rank,
                    int64_t *ret_shape)
{
    int kept = 0;

    for (int axis = 0; axis < rank; axis++) {
        bool leave_out = codec->squeeze_count < 0 ? shape[axis] == 1 : codec->squeezed[axis];
        if (leave_out && shape[axis] != 1)
            return false;
        if (!leave_out)
            ret_shape[kept++] = shape[axis];
    }
    *ret_rank = kept;
    return true;
}

int tsri_image_shape(const tsri_image_codec *codec, const tsr_dtype *dtype, int rank,
                     const int64_t *shape, tsri_image *ret_image, tsr_error *err)
{
    int64_t lengths[TSR_RANK_MAX] = {1, 1};
    tsri_image image = {.samples = 1, .sample_bytes = dtype->size_bytes};
    int kept;

    if (!squeeze(codec, rank, shape, &kept, lengths) || kept > 3 || (kept == 3 && lengths[2] > 4))
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "%s: a chunk is a picture of [height, width] or [height, width, "
                             "samples] with up to 4 samples, axes of length 1 aside",
                             codec->name);
    image.height = kept < 2 ? 1 : lengths[0];
    image.width = kept == 0 ? 1 : kept == 1 ? lengths[0] : lengths[1];
    image.samples = kept == 3 ? (int)lengths[2] : 1;
    if (image.samples < codec->smallest || image.samples > codec->most)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: pictures of %d samples; it has %d to %d",
                             codec->name, image.samples, codec->smallest, codec->most);
    if (image.height > INT32_MAX / 16 || image.width > INT32_MAX / 16)
        return tsr_error_set(err, TSR_LIMIT, "%s: a picture of %" PRId64 " x %" PRId64, codec->name,
                             image.width, image.height);
    *ret_image = image;
    return 0;
}

int tsri_image_mismatch(const tsri_image_codec *codec, const tsri_image *expected, int64_t height,
                        int64_t width, int samples, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED,
                         "%s: the picture has %" PRId64 " x %" PRId64 " pixels of %d samples, the "
                         "chunk %" PRId64 " x %" PRId64 " of %d",
                         codec->name, width, height, samples, expected->width, expected->height,
                         expected->samples);
}

tsr_size_bound tsri_image_bound(const void *codec, const tsr_dtype *dtype, int rank,
                                const int64_t *shape)
{
    (void)codec;
    (void)dtype;
    (void)rank;
    (void)shape;
    return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
}

/* Views ---------------------------------------------------------------------------------------- */

int tsri_image_encode_view(const tsri_image_codec *codec, const tsr_view *decoded,
                           tsri_image_encode *encode, tsr_output *output, tsr_error *err)
{
    tsr_view dense = {0};
    tsri_image image;

    TSRI_TRY(tsri_image_shape(codec, decoded->dtype, decoded->rank, decoded->shape, &image, err));
    if (tsr_view_count(decoded) == 0)
        return 0;
    TSRI_TRY(tsr_view_new(&dense, decoded->dtype, decoded->rank, decoded->shape, err));
    tsri_elements_copy(&dense, decoded);
    int status = encode(codec, &image, (const unsigned char *)dense.data, output, err);
    tsr_view_clear(&dense);
    return status;
}

int tsri_image_decode_view(const tsri_image_codec *codec, const void *bytes, size_t size_bytes,
                           tsri_image_decode *decode, const tsr_view *decoded, tsr_error *err)
{
    tsr_view dense = {0};
    tsri_image image;

    TSRI_TRY(tsri_image_shape(codec, decoded->dtype, decoded->rank, decoded->shape, &image, err));
    if (tsr_view_count(decoded) == 0)
        return size_bytes == 0
                   ? 0
                   : tsr_error_set(err, TSR_DAMAGED, "%s: a picture of nothing", codec->name);
    TSRI_TRY(tsr_view_new(&dense, decoded->dtype, decoded->rank, decoded->shape, err));
    int status = decode(codec, &image, bytes, size_bytes, (unsigned char *)dense.data, err);
    if (status == 0)
        tsri_elements_copy(decoded, &dense);
    tsr_view_clear(&dense);
    return status;
}
