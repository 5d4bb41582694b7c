#include "codec/image.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>

#include "base/output.h"
#include "codec/element_walk.h"
#include "tensor/element.h"

/* ---- opening ---- */

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

static const tsri_image_option *find_option(const tsri_image_codec *codec, const char *name)
{
    static const tsri_image_option squeeze = {"squeeze", TSRI_IMAGE_IGNORED, NULL};

    for (const tsri_image_option *option = codec->known; option->name; option++)
        if (strcmp(option->name, name) == 0)
            return option;
    return strcmp(name, squeeze.name) == 0 ? &squeeze : NULL;
}

/* imagecodecs writes all its fields; those that are null or false ask for nothing. */
static int check_fields(const tsri_configuration *configuration, const tsri_image_codec *codec,
                        tsr_error *err)
{
    json_object_object_foreach(configuration->json, name, value)
    {
        const tsri_image_option *option = find_option(codec, name);
        bool asks = value && !(json_object_is_type(value, json_type_boolean) &&
                               !json_object_get_boolean(value));
        if (asks && (!option || option->kind == TSRI_IMAGE_REFUSED))
            return tsr_error_set(err, TSR_UNSUPPORTED, "%s: /configuration/%s is not supported",
                                 configuration->codec, name);
    }
    return 0;
}

static int read_number(const tsri_configuration *configuration, const char *name, double *ret_value,
                       tsr_error *err)
{
    tsri_json *value = json_object_object_get(configuration->json, name);
    int64_t whole = 0;

    if (json_object_is_type(value, json_type_boolean) ||
        json_object_is_type(value, json_type_double)) {
        *ret_value = json_object_get_double(value);
        return 0;
    }
    TSRI_TRY(tsri_configuration_int(configuration, name, INT32_MIN, INT32_MAX, &whole, err));
    *ret_value = (double)whole;
    return 0;
}

static int read_choice(const tsri_configuration *configuration, const tsri_image_option *option,
                       double *ret_value, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);

    TSRI_TRY(
        tsr_json_write(json_object_object_get(configuration->json, option->name), 0, &text, err));
    TSRI_TRY(tsr_output_append(&text, "", 1, err));
    for (char *letter = text.data; *letter; letter++)
        *letter = (char)toupper((unsigned char)*letter);
    for (const tsri_image_spelling *spelling = option->spellings; spelling->text; spelling++)
        if (strcmp(spelling->text, text.data) == 0) {
            *ret_value = spelling->value;
            return 0;
        }
    return tsr_error_set(err, TSR_UNSUPPORTED, "%s: /configuration/%s: %.40s is not known",
                         configuration->codec, option->name, text.data);
}

static int read_bytes(const tsri_configuration *configuration, const char *name,
                      tsri_image_bytes *ret_bytes, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_json *value = json_object_object_get(configuration->json, name);
    size_t size_bytes = 0;

    TSRI_TRY(tsr_json_write(value, 0, &text, err));
    TSRI_TRY(tsr_output_append(&text, "", 1, err));
    unsigned char *data = tsri_alloc(text.size_bytes);
    if (!data)
        return tsri_error_no_memory(err, text.size_bytes);
    const char *letter = (const char *)text.data + 1; /* behind the quote */
    if (!json_object_is_type(value, json_type_string) ||
        !tsri_element_take_base64(&letter, data, text.size_bytes, &size_bytes)) {
        tsri_free(data);
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: /configuration/%s: must be base64",
                             configuration->codec, name);
    }
    *ret_bytes = (tsri_image_bytes){data, size_bytes};
    return 0;
}

static int read_option(const tsri_configuration *configuration, tsri_image_codec *codec, int place,
                       tsr_error *err)
{
    const tsri_image_option *option = &codec->known[place];

    codec->options[place] = NAN;
    if (!tsri_configuration_has(configuration, option->name))
        return 0;
    switch (option->kind) {
    case TSRI_IMAGE_NUMBER:
        return read_number(configuration, option->name, &codec->options[place], err);
    case TSRI_IMAGE_CHOICE:
        return read_choice(configuration, option, &codec->options[place], err);
    case TSRI_IMAGE_BYTES:
        return read_bytes(configuration, option->name, &codec->bytes[place], err);
    default:
        return 0;
    }
}

static int check_type(const tsri_configuration *configuration, const tsr_dtype *dtype,
                      const tsri_image_codec *codec, tsr_error *err)
{
    bool fits =
        dtype->kind == TSR_KIND_UNSIGNED || (codec->takes_signed && dtype->kind == TSR_KIND_SIGNED);
    if (fits && dtype->size_bytes <= codec->sample_bytes_max &&
        (size_t)dtype->component_bits == 8 * dtype->size_bytes)
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED, "%s: elements of type %s; pictures have %s",
                         configuration->codec, dtype->name, codec->types);
}

static int read_configuration(tsri_configuration *configuration, const tsr_codec_type *input,
                              tsri_image_codec *codec, tsr_error *err)
{
    /* The package's configurations are those of numcodecs, whatever the name. */
    configuration->numcodecs = true;
    TSRI_TRY(check_type(configuration, input->dtype, codec, err));
    TSRI_TRY(check_fields(configuration, codec, err));
    for (int place = 0; codec->known[place].name; place++)
        TSRI_TRY(read_option(configuration, codec, place, err));
    codec->given = json_object_get(configuration->json);
    return read_squeeze(configuration, input->rank, codec, err);
}

void tsri_image_close(void *opened)
{
    tsri_image_codec *codec = opened;

    for (int place = 0; place < TSRI_IMAGE_OPTIONS_MAX; place++)
        tsri_free(codec->bytes[place].data);
    json_object_put(codec->given);
    tsri_free(codec);
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
        tsri_image_close(codec);
    else
        *ret_codec = codec;
    return status;
}

int tsri_image_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const tsri_image_codec *image = codec;
    const char *separator = "";

    (void)zarr_format;
    TSRI_TRY(tsr_output_append(output, "{", 1, err));
    json_object_object_foreach(image->given, name, value)
    {
        if (!value || !find_option(image, name))
            continue;
        TSRI_TRY(tsr_output_print(output, err, "%s\"%s\":", separator, name));
        TSRI_TRY(tsr_json_write(value, 0, output, err));
        separator = ",";
    }
    return tsr_output_append(output, "}", 1, err);
}

/* ---- shapes ---- */

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
    tsri_image image = {.samples = 1,
                        .sample_bytes = dtype->size_bytes,
                        .is_signed = dtype->kind == TSR_KIND_SIGNED};
    int kept;

    if (!squeeze(codec, rank, shape, &kept, lengths) || kept > 3 ||
        (kept == 3 && lengths[2] > codec->most))
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "%s: a chunk is a picture of [height, width] or [height, width, "
                             "samples] with up to %d samples, axes of length 1 aside",
                             codec->name, codec->most);
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

/* ---- views ---- */

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
