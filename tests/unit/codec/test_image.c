/* Codecs of pictures: what imagecodecs wrote, round trips, shapes, damage. */
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "codec/image.h"
#include "conformance/codec_golden.h"
#include "tessera/build_config.h"

enum { ROWS = 20, COLUMNS = 31, SAMPLES_MAX = 5 };

static const char *const names[] = {
#if TESSERA_HAVE_IMAGE_PNG
    "imagecodecs_png",
#endif
#if TESSERA_HAVE_IMAGE_JPEG
    "imagecodecs_jpeg",
#endif
#if TESSERA_HAVE_IMAGE_WEBP
    "imagecodecs_webp",
#endif
#if TESSERA_HAVE_IMAGE_JPEG2K
    "imagecodecs_jpeg2k",
#endif
    NULL};

static bool has(const char *name)
{
    for (const char *const *known = names; *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

static codec_case row_of(const char *name, const tsr_dtype *dtype, int samples)
{
    return (codec_case){
        .zarr_format = 2, .name = name, .dtype = dtype, .rank = samples == 1 ? 2 : 3};
}

static void put_sample(const tsr_dtype *dtype, void *memory, int place, int value)
{
    if (dtype == TSR_UINT32)
        ((uint32_t *)memory)[place] = (uint32_t)value * 65537;
    else if (dtype == TSR_UINT16)
        ((uint16_t *)memory)[place] = (uint16_t)(value * 257);
    else if (dtype == TSR_INT16)
        ((int16_t *)memory)[place] = (int16_t)(value * 257 - 30000);
    else
        ((unsigned char *)memory)[place] = (unsigned char)(dtype == TSR_INT8 ? value - 100 : value);
}

/* The picture of generate_images.py, and a view of it. */
static tsr_view picture(const tsr_dtype *dtype, int samples, void *memory)
{
    const int64_t shape[3] = {ROWS, COLUMNS, samples};
    tsr_view view;

    for (int i = 0; i < ROWS * COLUMNS * samples; i++) {
        int sample = i % samples, x = i / samples % COLUMNS, y = i / samples / COLUMNS;
        put_sample(dtype, memory, i, y + 2 * x + 40 * sample);
    }
    assert_return_code(tsr_view_init(&view, dtype, samples == 1 ? 2 : 3, shape, memory, NULL), 0);
    return view;
}

static int largest_difference(const unsigned char *a, const unsigned char *b, size_t count)
{
    int largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = TSRI_MAX(largest, abs(a[i] - b[i]));
    return largest;
}

static void expect_file_by(const char *name, const char *configuration, const tsr_dtype *dtype,
                           int samples, const char *file, int tolerance)
{
    uint32_t expected[ROWS * COLUMNS * SAMPLES_MAX], found[ROWS * COLUMNS * SAMPLES_MAX];
    tsr_error err = TSR_ERROR_INIT;
    size_t size_bytes;

    if (!has(name))
        return;
    codec_case row = row_of(name, dtype, samples);
    row.configuration = configuration;
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_view view = picture(dtype, samples, expected);
    char *bytes = golden_read(file, &size_bytes);
    view.data = (char *)found;
    if (fixture.ops->decode_array(fixture.codec, NULL, bytes, size_bytes, &view, &err) < 0)
        fail_msg("%s: %s", file, err.message);
    int difference = largest_difference((unsigned char *)expected, (unsigned char *)found,
                                        (size_t)tsr_view_size(&view));
    if (difference > tolerance)
        fail_msg("%s: a difference of %d", file, difference);
    /* Cut off anywhere, it is damage. */
    for (size_t kept = 0; kept + 16 < size_bytes; kept += 1 + size_bytes / 60)
        assert_int_equal(fixture.ops->decode_array(fixture.codec, NULL, bytes, kept, &view, &err),
                         TSR_DAMAGED);
    free(bytes);
    codec_fixture_close(&fixture);
}

static void expect_file(const char *name, const tsr_dtype *dtype, int samples, const char *file,
                        int tolerance)
{
    expect_file_by(name, "{}", dtype, samples, file, tolerance);
}

static void test_imagecodecs_wrote_it(void **state)
{
    (void)state;
    for (int samples = 1; samples <= 4; samples++) {
        char file[40];
        snprintf(file, sizeof file, "image-png-%d.picture", samples);
        expect_file("imagecodecs_png", TSR_UINT8, samples, file, 0);
        snprintf(file, sizeof file, "image-png-%d-16.picture", samples);
        expect_file("imagecodecs_png", TSR_UINT16, samples, file, 0);
    }
    expect_file("imagecodecs_webp", TSR_UINT8, 3, "image-webp-3.picture", 0);
    expect_file("imagecodecs_webp", TSR_UINT8, 4, "image-webp-4.picture", 0);
    expect_file("imagecodecs_webp", TSR_UINT8, 3, "image-webp-lossy-3.picture", 12);
    expect_file("imagecodecs_jpeg", TSR_UINT8, 1, "image-jpeg-1.picture", 6);
    expect_file("imagecodecs_jpeg", TSR_UINT8, 3, "image-jpeg-3.picture", 12);
    expect_file("imagecodecs_jpeg", TSR_UINT8, 4, "image-jpeg-4.picture", 6);
}

static void test_imagecodecs_wrote_jpeg2k(void **state)
{
    const char *name = "imagecodecs_jpeg2k";

    (void)state;
    for (int samples = 1; samples <= 5; samples++) {
        char file[40];
        snprintf(file, sizeof file, "image-jpeg2k-%d.picture", samples);
        expect_file(name, TSR_UINT8, samples, file, 0);
    }
    expect_file(name, TSR_INT8, 1, "image-jpeg2k-1-i1.picture", 0);
    expect_file(name, TSR_INT16, 1, "image-jpeg2k-1-i2.picture", 0);
    expect_file(name, TSR_UINT16, 1, "image-jpeg2k-1-u2.picture", 0);
    /* Of 26 bits OpenJPEG loses one when it writes. */
    expect_file(name, TSR_UINT32, 1, "image-jpeg2k-1-u4.picture", 1);
    expect_file(name, TSR_UINT8, 3, "image-jpeg2k-stream-3.picture", 0);
    expect_file(name, TSR_UINT8, 3, "image-jpeg2k-lossy-3.picture", 2);
}

/* The content of a file as text in a configuration. */
static char *configuration_with(const char *field, const char *file)
{
    size_t size_bytes;
    char *base64 = golden_read(file, &size_bytes);
    size_t capacity = size_bytes + strlen(field) + 8;
    char *text = malloc(capacity);

    snprintf(text, capacity, "{\"%s\":\"%.*s\"}", field, (int)size_bytes, base64);
    free(base64);
    return text;
}

static int decode_file(const char *name, const char *configuration, const char *file)
{
    uint32_t values[ROWS * COLUMNS * SAMPLES_MAX];
    tsr_error err = TSR_ERROR_INIT;
    codec_case row = row_of(name, TSR_UINT8, 3);
    tsr_view view = picture(TSR_UINT8, 3, values);
    size_t size_bytes;

    row.configuration = configuration;
    codec_fixture fixture = codec_fixture_open(&row);
    char *bytes = golden_read(file, &size_bytes);
    int status = fixture.ops->decode_array(fixture.codec, NULL, bytes, size_bytes, &view, &err);
    free(bytes);
    codec_fixture_close(&fixture);
    return status;
}

static int encode_picture(const char *name, const char *configuration, const tsr_dtype *dtype,
                          int samples, tsr_output *output, tsr_error *err)
{
    uint32_t values[ROWS * COLUMNS * SAMPLES_MAX];
    codec_case row = row_of(name, dtype, samples);
    tsr_view view = picture(dtype, samples, values);

    row.configuration = configuration;
    codec_fixture fixture = codec_fixture_open(&row);
    int status = fixture.ops->encode_array(fixture.codec, NULL, &view, output, err);
    codec_fixture_close(&fixture);
    return status;
}

/* Pictures whose tables or whose header the configuration has. */
static void test_abbreviated_jpeg(void **state)
{
    const char *name = "imagecodecs_jpeg";
    char *tables = configuration_with("tables", "image-jpeg-tables.picture"),
         *header = configuration_with("header", "image-jpeg-header.picture");
    tsr_output output = {.max_bytes = 1 << 20};
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    expect_file_by(name, tables, TSR_UINT8, 3, "image-jpeg-abbreviated-3.picture", 12);
    expect_file_by(name, tables, TSR_UINT8, 3, "image-jpeg-3.picture", 12);
    expect_file_by(name, header, TSR_UINT8, 3, "image-jpeg-scan-3.picture", 12);
    if (has(name)) {
        assert_int_equal(decode_file(name, "{}", "image-jpeg-abbreviated-3.picture"), TSR_DAMAGED);
        assert_int_equal(decode_file(name, "{}", "image-jpeg-scan-3.picture"), TSR_DAMAGED);
        /* Chunks are written whole, and would not be read with a second header in front. */
        assert_int_equal(encode_picture(name, header, TSR_UINT8, 3, &output, &err),
                         TSR_UNSUPPORTED);
        assert_non_null(strstr(err.message, "are read, and not written"));
    }
    tsri_output_clear(&output);
    free(tables);
    free(header);
}

/* Elements of the picture's own colours, and of others. */
static void test_colour_spaces_of_jpeg(void **state)
{
    const char *name = "imagecodecs_jpeg";
    tsr_output output = {.max_bytes = 1 << 20};
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    expect_file_by(name, "{\"colorspace_jpeg\":\"YCbCr\"}", TSR_UINT8, 3,
                   "image-jpeg-ycbcr-3.picture", 8);
    expect_file_by(name, "{\"colorspace_jpeg\":3,\"colorspace_data\":3}", TSR_UINT8, 3,
                   "image-jpeg-ycbcr-3.picture", 8);
    expect_file_by(name, "{\"colorspace_jpeg\":\"YCBCR\",\"colorspace_data\":\"RGB\"}", TSR_UINT8,
                   3, "image-jpeg-3.picture", 12);
    if (!has(name))
        return;
    assert_int_equal(
        encode_picture(name, "{\"colorspace_data\":\"CMYK\"}", TSR_UINT8, 3, &output, &err),
        TSR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "a chunk of 3 samples, and a colour space that has 4"));
    tsri_output_clear(&output);
}

static void round_trip_by(const char *name, const char *configuration, const tsr_dtype *dtype,
                          int samples, int tolerance)
{
    uint32_t values[ROWS * COLUMNS * SAMPLES_MAX], found[ROWS * COLUMNS * SAMPLES_MAX];
    tsr_output output = {.max_bytes = 1 << 20};
    tsr_error err = TSR_ERROR_INIT;

    if (!has(name))
        return;
    codec_case row = row_of(name, dtype, samples);
    row.configuration = configuration;
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_view view = picture(dtype, samples, values);
    if (fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err) < 0)
        fail_msg("%s of %d samples: %s", name, samples, err.message);
    view.data = (char *)found;
    if (fixture.ops->decode_array(fixture.codec, NULL, output.data, output.size_bytes, &view,
                                  &err) < 0)
        fail_msg("%s of %d samples: %s", name, samples, err.message);
    assert_true(largest_difference((unsigned char *)values, (unsigned char *)found,
                                   (size_t)tsr_view_size(&view)) <= tolerance);
    /* An output that is too small is told, and nothing is left behind. */
    tsr_output small = {.max_bytes = 40};
    view.data = (char *)values;
    assert_int_equal(fixture.ops->encode_array(fixture.codec, NULL, &view, &small, &err),
                     TSR_LIMIT);
    tsri_output_clear(&small);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

static void round_trip(const char *name, const tsr_dtype *dtype, int samples, int tolerance)
{
    round_trip_by(name, "{}", dtype, samples, tolerance);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (int samples = 1; samples <= 4; samples++) {
        round_trip("imagecodecs_png", TSR_UINT8, samples, 0);
        round_trip("imagecodecs_png", TSR_UINT16, samples, 0);
        if (samples > 2)
            round_trip("imagecodecs_webp", TSR_UINT8, samples, 0);
        round_trip("imagecodecs_jpeg", TSR_UINT8, samples, 12);
        round_trip("imagecodecs_jpeg2k", TSR_UINT8, samples, 0);
    }
    round_trip("imagecodecs_jpeg2k", TSR_UINT8, 5, 0);
    round_trip("imagecodecs_jpeg2k", TSR_INT8, 1, 0);
    round_trip("imagecodecs_jpeg2k", TSR_INT16, 3, 0);
    round_trip("imagecodecs_jpeg2k", TSR_UINT16, 2, 0);
    round_trip("imagecodecs_jpeg2k", TSR_UINT32, 1, 0);
}

static void test_round_trips_by_configuration(void **state)
{
    (void)state;
    round_trip_by("imagecodecs_webp", "{\"level\":90.5,\"lossless\":false,\"method\":4}", TSR_UINT8,
                  3, 12);
    round_trip_by("imagecodecs_webp", "{\"level\":20}", TSR_UINT8, 4, 0);
    round_trip_by("imagecodecs_jpeg", "{\"subsampling\":[2,1],\"optimize\":true,\"smoothing\":5}",
                  TSR_UINT8, 3, 40);
    round_trip_by("imagecodecs_jpeg", "{\"subsampling\":\"444\",\"level\":100}", TSR_UINT8, 3, 4);
    round_trip_by("imagecodecs_jpeg", "{\"colorspace_jpeg\":\"RGB\"}", TSR_UINT8, 3, 6);
    round_trip_by("imagecodecs_jpeg", "{\"colorspace_jpeg\":\"YCBCR\"}", TSR_UINT8, 3, 12);
    round_trip_by("imagecodecs_jpeg", "{\"colorspace_jpeg\":\"YCCK\",\"colorspace_data\":\"CMYK\"}",
                  TSR_UINT8, 4, 12);
    round_trip_by("imagecodecs_jpeg2k", "{\"codecformat\":\"J2K\",\"mct\":false}", TSR_UINT8, 3, 0);
    round_trip_by("imagecodecs_jpeg2k", "{\"planar\":true,\"resolutions\":1}", TSR_UINT8, 3, 0);
    round_trip_by("imagecodecs_jpeg2k", "{\"planar\":false,\"colorspace\":\"CMYK\"}", TSR_UINT8, 4,
                  0);
    round_trip_by("imagecodecs_jpeg2k", "{\"level\":70,\"reversible\":false}", TSR_UINT8, 3, 4);
    round_trip_by("imagecodecs_jpeg2k", "{\"level\":2000,\"numthreads\":3}", TSR_UINT8, 1, 0);
    round_trip_by("imagecodecs_jpeg2k", "{\"bitspersample\":7}", TSR_UINT8, 1, 0);
}

/* What the bits of a sample have no room for is told, and not wrapped. */
static void test_jpeg2k_refuses_what_has_no_room(void **state)
{
    tsr_output output = {.max_bytes = 1 << 20};
    tsr_error err = TSR_ERROR_INIT;
    uint32_t value = (1 << 23) - 1, found = 0;
    const int64_t shape[2] = {1, 1};
    tsr_view view;

    (void)state;
    if (!has("imagecodecs_jpeg2k"))
        return;
    assert_int_equal(
        encode_picture("imagecodecs_jpeg2k", "{\"bitspersample\":5}", TSR_UINT8, 1, &output, &err),
        TSR_OUT_OF_BOUNDS);
    assert_non_null(strstr(err.message, "does not fit into 5 bits"));
    codec_case row = row_of("imagecodecs_jpeg2k", TSR_UINT32, 1);
    codec_fixture fixture = codec_fixture_open(&row);
    assert_return_code(tsr_view_init(&view, TSR_UINT32, 2, shape, &value, &err), 0);
    assert_int_equal(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err), 0);
    view.data = (char *)&found;
    assert_int_equal(
        fixture.ops->decode_array(fixture.codec, NULL, output.data, output.size_bytes, &view, &err),
        0);
    assert_int_equal(found, value);
    view.data = (char *)&value;
    value++;
    assert_int_equal(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err),
                     TSR_OUT_OF_BOUNDS);
    codec_fixture_close(&fixture);
    tsri_output_clear(&output);
}

/* Noise between the extremes of the type, which comes back as it was. */
static void test_jpeg2k_keeps_every_bit(void **state)
{
    enum { SIDE = 70 };
    static uint32_t values[SIDE * SIDE], found[SIDE * SIDE];
    const int64_t shape[2] = {SIDE, SIDE};
    uint64_t random = 3;

    (void)state;
    if (!has("imagecodecs_jpeg2k"))
        return;
    codec_case row = row_of("imagecodecs_jpeg2k", TSR_UINT32, 1);
    codec_fixture fixture = codec_fixture_open(&row);
    for (int round = 0; round < 6; round++) {
        tsr_output output = {.max_bytes = 1 << 20};
        tsr_error err = TSR_ERROR_INIT;
        tsr_view view;
        for (int i = 0; i < SIDE * SIDE; i++) {
            uint32_t noise = (uint32_t)codec_random(&random) & 0x7fffff;
            values[i] = round % 2 ? noise : (noise & 1) * 0x7fffff;
        }
        assert_return_code(tsr_view_init(&view, TSR_UINT32, 2, shape, values, &err), 0);
        assert_int_equal(fixture.ops->encode_array(fixture.codec, NULL, &view, &output, &err), 0);
        view.data = (char *)found;
        assert_int_equal(fixture.ops->decode_array(fixture.codec, NULL, output.data,
                                                   output.size_bytes, &view, &err),
                         0);
        assert_memory_equal(values, found, sizeof values);
        tsri_output_clear(&output);
    }
    codec_fixture_close(&fixture);
}

/* imagecodecs writes chunks of up to 4 rows and more samples as bands, unasked. */
static void test_jpeg2k_of_bands(void **state)
{
    uint32_t values[ROWS * COLUMNS * SAMPLES_MAX];
    unsigned char found[4 * ROWS * COLUMNS], *pixels = (unsigned char *)values;
    const int64_t shape[3] = {4, ROWS, COLUMNS};
    tsr_error err = TSR_ERROR_INIT;
    size_t size_bytes;
    tsr_view view;

    (void)state;
    if (!has("imagecodecs_jpeg2k"))
        return;
    picture(TSR_UINT8, 4, values);
    char *bytes = golden_read("image-jpeg2k-bands-4.picture", &size_bytes);
    for (int planar = 0; planar < 3; planar++) {
        static const char *const configurations[] = {"{}", "{\"planar\":true}",
                                                     "{\"planar\":false}"};
        codec_case row = row_of("imagecodecs_jpeg2k", TSR_UINT8, 3);
        row.configuration = configurations[planar];
        codec_fixture fixture = codec_fixture_open(&row);
        assert_return_code(tsr_view_init(&view, TSR_UINT8, 3, shape, found, &err), 0);
        int status = fixture.ops->decode_array(fixture.codec, NULL, bytes, size_bytes, &view, &err);
        assert_int_equal(status, planar == 2 ? TSR_DAMAGED : 0);
        for (int i = 0; i < 4 * ROWS * COLUMNS; i++)
            assert_int_equal(found[i], pixels[i % (ROWS * COLUMNS) * 4 + i / (ROWS * COLUMNS)]);
        codec_fixture_close(&fixture);
    }
    free(bytes);
}

/* Any bytes: an answer or damage, and nothing else. */
static void test_garbage(void **state)
{
    static const char *const files[][2] = {{"imagecodecs_png", "image-png-3.picture"},
                                           {"imagecodecs_jpeg", "image-jpeg-3.picture"},
                                           {"imagecodecs_webp", "image-webp-3.picture"},
                                           {"imagecodecs_jpeg2k", "image-jpeg2k-3.picture"},
                                           {"imagecodecs_jpeg2k", "image-jpeg2k-stream-3.picture"}};
    uint32_t found[ROWS * COLUMNS * SAMPLES_MAX];
    uint64_t random = 5;

    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(files); i++) {
        if (!has(files[i][0]))
            continue;
        codec_case row = row_of(files[i][0], TSR_UINT8, 3);
        codec_fixture fixture = codec_fixture_open(&row);
        for (int round = 0; round < 300; round++) {
            tsr_error err = TSR_ERROR_INIT;
            tsr_view view = picture(TSR_UINT8, 3, found);
            size_t size_bytes;
            char *bytes = golden_read(files[i][1], &size_bytes);
            for (int j = 0; j < 1 + round % 20; j++)
                bytes[codec_random(&random) % (round % 2 ? size_bytes : 60)] =
                    (char)codec_random(&random);
            int status =
                fixture.ops->decode_array(fixture.codec, NULL, bytes, size_bytes, &view, &err);
            assert_true(status == 0 || status == TSR_DAMAGED || status == TSR_UNSUPPORTED);
            free(bytes);
        }
        codec_fixture_close(&fixture);
    }
}

static const tsri_image_codec any = {.squeeze_count = -1, .name = "any", .smallest = 1, .most = 4};

static void expect_shape(int rank, const int64_t *shape, int64_t height, int64_t width, int samples)
{
    tsri_image image = {0};
    assert_return_code(tsri_image_shape(&any, TSR_UINT8, rank, shape, &image, NULL), 0);
    assert_int_equal(image.height, height);
    assert_int_equal(image.width, width);
    assert_int_equal(image.samples, samples);
}

/* As numpy.atleast_2d(numpy.squeeze(...)) has it. */
static void test_shapes(void **state)
{
    tsri_image image;
    tsr_error err = TSR_ERROR_INIT;
    tsri_image_codec kept = any;

    (void)state;
    expect_shape(2, (int64_t[]){5, 7}, 5, 7, 1);
    expect_shape(3, (int64_t[]){5, 7, 3}, 5, 7, 3);
    expect_shape(5, (int64_t[]){1, 5, 1, 7, 1}, 5, 7, 1);
    expect_shape(1, (int64_t[]){7}, 1, 7, 1);
    expect_shape(0, (int64_t[]){0}, 1, 1, 1);
    expect_shape(2, (int64_t[]){1, 1}, 1, 1, 1);
    assert_int_equal(tsri_image_shape(&any, TSR_UINT8, 3, (int64_t[]){5, 7, 9}, &image, &err),
                     TSR_UNSUPPORTED);
    assert_int_equal(tsri_image_shape(&any, TSR_UINT8, 4, (int64_t[]){2, 5, 7, 3}, &image, &err),
                     TSR_UNSUPPORTED);
    /* Axes that are named, and only those. */
    kept.squeeze_count = 3;
    kept.squeezed[0] = true;
    assert_return_code(tsri_image_shape(&kept, TSR_UINT8, 3, (int64_t[]){1, 1, 7}, &image, &err),
                       0);
    assert_int_equal(image.width, 7);
    assert_int_equal(tsri_image_shape(&kept, TSR_UINT8, 3, (int64_t[]){2, 1, 7}, &image, &err),
                     TSR_UNSUPPORTED);
}

static void test_another_picture_is_damage(void **state)
{
    uint32_t found[ROWS * COLUMNS * SAMPLES_MAX];
    tsr_error err = TSR_ERROR_INIT;
    size_t size_bytes;

    (void)state;
    if (!has("imagecodecs_png"))
        return;
    codec_case row = row_of("imagecodecs_png", TSR_UINT8, 3);
    codec_fixture fixture = codec_fixture_open(&row);
    char *bytes = golden_read("image-png-4.picture", &size_bytes);
    tsr_view view = picture(TSR_UINT8, 3, found);
    assert_int_equal(fixture.ops->decode_array(fixture.codec, NULL, bytes, size_bytes, &view, &err),
                     TSR_DAMAGED);
    assert_non_null(strstr(err.message, "31 x 20 pixels of 4 samples, the chunk 31 x 20 of 3"));
    free(bytes);
    codec_fixture_close(&fixture);
}

static void test_configurations(void **state)
{
    (void)state;
    for (const char *const *name = names; *name; name++) {
        codec_case row = row_of(*name, TSR_FLOAT32, 1);
        codec_expect_refusal(&row, TSR_UNSUPPORTED, "float32");
        row = row_of(*name, TSR_UINT8, 1);
        row.configuration = "{\"level\":\"x\"}";
        codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/level");
        row.configuration = "{\"another\":\"AAAA\"}";
        codec_expect_refusal(&row, TSR_UNSUPPORTED, "/configuration/another is not supported");
        row.configuration = "{\"squeeze\":[true]}";
        codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/squeeze");
        row.configuration = "{\"level\":5,\"tile\":null,\"another\":false,\"squeeze\":[true,"
                            "false]}";
        codec_fixture fixture = codec_fixture_open(&row);
        tsr_output text = codec_describe(&fixture, 2);
        assert_string_equal(text.data, "{\"level\":5,\"squeeze\":[true,false]}");
        tsri_output_clear(&text);
        codec_fixture_close(&fixture);
    }
}

static void expect_refusal(const char *name, const char *configuration, int status,
                           const char *text)
{
    codec_case row = row_of(name, TSR_UINT8, 3);

    row.configuration = configuration;
    if (has(name))
        codec_expect_refusal(&row, status, text);
}

static void test_fields_of_each(void **state)
{
    (void)state;
    expect_refusal("imagecodecs_jpeg", "{\"tables\":\"AA\"}", TSR_BAD_METADATA,
                   "/configuration/tables: must be base64");
    expect_refusal("imagecodecs_jpeg", "{\"header\":[1]}", TSR_BAD_METADATA,
                   "/configuration/header: must be base64");
    expect_refusal("imagecodecs_jpeg", "{\"lossless\":true}", TSR_UNSUPPORTED,
                   "/configuration/lossless is not supported");
    expect_refusal("imagecodecs_jpeg", "{\"subsampling\":\"333\"}", TSR_UNSUPPORTED,
                   "/configuration/subsampling: \"333\" is not known");
    expect_refusal("imagecodecs_jpeg2k", "{\"tile\":[8,8]}", TSR_UNSUPPORTED,
                   "/configuration/tile is not supported");
    expect_refusal("imagecodecs_jpeg2k", "{\"codecformat\":\"JPT\"}", TSR_UNSUPPORTED,
                   "/configuration/codecformat: \"JPT\" is not known");
    expect_refusal("imagecodecs_jpeg2k", "{\"colorspace\":\"SYCC\"}", TSR_UNSUPPORTED,
                   "/configuration/colorspace");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imagecodecs_wrote_it),
        cmocka_unit_test(test_imagecodecs_wrote_jpeg2k),
        cmocka_unit_test(test_abbreviated_jpeg),
        cmocka_unit_test(test_colour_spaces_of_jpeg),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_round_trips_by_configuration),
        cmocka_unit_test(test_jpeg2k_refuses_what_has_no_room),
        cmocka_unit_test(test_jpeg2k_keeps_every_bit),
        cmocka_unit_test(test_jpeg2k_of_bands),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_another_picture_is_damage),
        cmocka_unit_test(test_configurations),
        cmocka_unit_test(test_fields_of_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
