/* Codecs of pictures: what imagecodecs wrote, round trips, shapes, damage. */
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "codec/image.h"
#include "conformance/codec_golden.h"
#include "tessera/build_config.h"

enum { ROWS = 20, COLUMNS = 31, SAMPLES_MAX = 4 };

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

/* The picture of generate_images.py, and a view of it. */
static tsr_view picture(const tsr_dtype *dtype, int samples, void *memory)
{
    const int64_t shape[3] = {ROWS, COLUMNS, samples};
    unsigned char *bytes = memory;
    uint16_t *words = memory;
    tsr_view view;

    for (int i = 0; i < ROWS * COLUMNS * samples; i++) {
        int sample = i % samples, x = i / samples % COLUMNS, y = i / samples / COLUMNS;
        unsigned value = (unsigned)(y + 2 * x + 40 * sample);
        if (dtype == TSR_UINT16)
            words[i] = (uint16_t)(value * 257);
        else
            bytes[i] = (unsigned char)value;
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

static void expect_file(const char *name, const tsr_dtype *dtype, int samples, const char *file,
                        int tolerance)
{
    uint16_t expected[ROWS * COLUMNS * SAMPLES_MAX], found[ROWS * COLUMNS * SAMPLES_MAX];
    tsr_error err = TSR_ERROR_INIT;
    size_t size_bytes;

    if (!has(name))
        return;
    codec_case row = row_of(name, dtype, samples);
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

static void round_trip(const char *name, const tsr_dtype *dtype, int samples, int tolerance)
{
    uint16_t values[ROWS * COLUMNS * SAMPLES_MAX], found[ROWS * COLUMNS * SAMPLES_MAX];
    tsr_output output = {.max_bytes = 1 << 20};
    tsr_error err = TSR_ERROR_INIT;

    if (!has(name))
        return;
    codec_case row = row_of(name, dtype, samples);
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

static void test_round_trip(void **state)
{
    (void)state;
    for (int samples = 1; samples <= 4; samples++) {
        round_trip("imagecodecs_png", TSR_UINT8, samples, 0);
        round_trip("imagecodecs_png", TSR_UINT16, samples, 0);
        if (samples > 2)
            round_trip("imagecodecs_webp", TSR_UINT8, samples, 0);
        if (samples != 2)
            round_trip("imagecodecs_jpeg", TSR_UINT8, samples, 12);
    }
}

/* Any bytes: an answer or damage, and nothing else. */
static void test_garbage(void **state)
{
    static const char *const files[][2] = {{"imagecodecs_png", "image-png-3.picture"},
                                           {"imagecodecs_jpeg", "image-jpeg-3.picture"},
                                           {"imagecodecs_webp", "image-webp-3.picture"}};
    uint16_t found[ROWS * COLUMNS * SAMPLES_MAX];
    uint64_t random = 5;

    (void)state;
    for (int i = 0; i < 3; i++) {
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
    uint16_t found[ROWS * COLUMNS * SAMPLES_MAX];
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
        row.configuration = "{\"tables\":\"AAAA\"}";
        codec_expect_refusal(&row, TSR_UNSUPPORTED, "/configuration/tables is not supported");
        row.configuration = "{\"squeeze\":[true]}";
        codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/squeeze");
        row.configuration = "{\"level\":5,\"tables\":null,\"lossless\":false,\"squeeze\":[true,"
                            "false]}";
        codec_fixture fixture = codec_fixture_open(&row);
        tsr_output text = codec_describe(&fixture, 2);
        assert_string_equal(text.data, "{\"level\":5,\"squeeze\":[true,false]}");
        tsri_output_clear(&text);
        codec_fixture_close(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imagecodecs_wrote_it),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_another_picture_is_damage),
        cmocka_unit_test(test_configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
