/* The array filters of numcodecs, bit for bit as numcodecs makes them: filters.txt, made by
 * generate_filters.py, has a few hundred arrays with every type, odd values among them. Each is
 * encoded from and decoded to memory of several layouts. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/codec_suite.h"

#define LINE_MAX_BYTES ((size_t)1 << 16)

/* One line of the file. */
typedef struct vector {
    char *name, *configuration, *type;
    unsigned char *decoded, *encoded, *again; /* the elements, their bytes, what comes back */
    size_t decoded_bytes, encoded_bytes, again_bytes;
} vector;

static int digit(int letter)
{
    return isdigit(letter) ? letter - '0' : letter - 'a' + 10;
}

/* Turns hexadecimal text into bytes, in place. */
static unsigned char *bytes_of(char *text, size_t *ret_size_bytes)
{
    size_t count = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    for (size_t i = 0; i < count; i++)
        text[i] = (char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    *ret_size_bytes = count;
    return (unsigned char *)text;
}

static bool read_vector(FILE *file, char *line, vector *ret_vector)
{
    char *word[6], *rest = line;

    if (!fgets(line, (int)LINE_MAX_BYTES, file))
        return false;
    line[strcspn(line, "\n")] = 0;
    for (int i = 0; i < 6; i++)
        assert_non_null(word[i] = strsep(&rest, " "));
    ret_vector->name = word[0];
    ret_vector->configuration = word[1];
    ret_vector->type = word[2];
    ret_vector->decoded = bytes_of(word[3], &ret_vector->decoded_bytes);
    ret_vector->encoded = bytes_of(word[4], &ret_vector->encoded_bytes);
    ret_vector->again = bytes_of(word[5], &ret_vector->again_bytes);
    return true;
}

/* A view of `count` elements as a matrix where they can be one, at `step` times their size. */
static tsr_view lay(const tsr_dtype *dtype, int64_t count, int64_t step, char *memory)
{
    tsr_view view;
    int64_t columns = count % 4 == 0 && count ? 4 : 1;
    assert_return_code(
        tsr_view_init(&view, dtype, 2, (int64_t[]){count / columns, columns}, memory, NULL), 0);
    for (int axis = 0; axis < 2; axis++)
        view.strides[axis] *= step;
    return view;
}

static void scatter(const tsr_view *view, const unsigned char *bytes)
{
    size_t size = view->dtype->size_bytes;
    int64_t stride = view->strides[1];
    for (int64_t i = 0; i < tsr_view_count(view); i++)
        memcpy(view->data + i * stride, bytes + (size_t)i * size, size);
}

static void expect_elements(const vector *row, const char *what, const tsr_view *view,
                            const unsigned char *expected)
{
    size_t size = view->dtype->size_bytes;
    char found[600], wanted[600];

    for (int64_t i = 0; i < tsr_view_count(view); i++) {
        const char *element = view->data + i * view->strides[view->rank - 1];
        if (memcmp(element, expected + (size_t)i * size, size) == 0)
            continue;
        tsr_dtype_format_element(view->dtype, element, found, sizeof found);
        tsr_dtype_format_element(view->dtype, expected + (size_t)i * size, wanted, sizeof wanted);
        fail_msg("%s %s of %s, %s element %d: %s, numcodecs has %s", row->name, row->configuration,
                 row->type, what, (int)i, found, wanted);
    }
}

static void check(const vector *row, int64_t step)
{
    const tsr_dtype *dtype = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int rank = 0;
    int64_t shape[TSR_RANK_MAX];

    assert_return_code(tsr_dtype_parse(row->type, &dtype, &err), 0);
    codec_case opened = {.zarr_format = 2,
                         .name = row->name,
                         .configuration = row->configuration,
                         .dtype = dtype,
                         .rank = 2};
    codec_fixture fixture = codec_fixture_open(&opened);
    const tsr_codec_ops *ops = fixture.ops;
    int64_t count = (int64_t)(row->decoded_bytes / dtype->size_bytes);
    char *memory = malloc(16 * (row->decoded_bytes + 16)), *other = malloc(row->encoded_bytes + 16);
    tsr_view decoded = lay(dtype, count, step, memory), encoded;

    scatter(&decoded, row->decoded);
    assert_return_code(ops->encoded_shape(fixture.codec, 2, decoded.shape, &rank, shape, &err), 0);
    assert_return_code(tsr_view_init(&encoded, fixture.output.dtype, rank, shape, other, &err), 0);
    assert_int_equal(tsr_view_size(&encoded), row->encoded_bytes);
    assert_return_code(ops->encode_view(fixture.codec, fixture.scratch, &decoded, &encoded, &err),
                       0);
    expect_elements(row, "encoded", &encoded, row->encoded);
    memset(memory, 0xee, 16 * (row->decoded_bytes + 16));
    memcpy(other, row->encoded, row->encoded_bytes);
    if (ops->decode_view(fixture.codec, fixture.scratch, &encoded, &decoded, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(row->again_bytes, row->decoded_bytes);
    expect_elements(row, "decoded", &decoded, row->again);
    free(memory);
    free(other);
    codec_fixture_close(&fixture);
    tsr_dtype_unref(dtype);
}

static void test_vectors(void **state)
{
    FILE *file = fopen(TESSERA_TEST_DATA "/codec/filters.txt", "r");
    char *line = malloc(LINE_MAX_BYTES);
    vector row;
    int count = 0;

    (void)state;
    assert_non_null(file);
    for (; read_vector(file, line, &row); count++) {
        check(&row, 1);
        check(&row, 3);
    }
    assert_in_range(count, 300, 1000);
    free(line);
    fclose(file);
}

/* More elements than one strip: what a filter carries on must survive its end. */
static void test_long(void **state)
{
    enum { COUNT = 5003 };
    static int32_t values[COUNT], encoded[COUNT], again[COUNT];
    codec_case row = {.name = "numcodecs.delta", .dtype = TSR_INT32, .rank = 1};
    codec_fixture fixture = codec_fixture_open(&row);
    tsr_view from, to, back;
    const int64_t shape[1] = {COUNT};

    (void)state;
    for (int i = 0; i < COUNT; i++)
        values[i] = i * i;
    assert_return_code(tsr_view_init(&from, TSR_INT32, 1, shape, values, NULL), 0);
    assert_return_code(tsr_view_init(&to, TSR_INT32, 1, shape, encoded, NULL), 0);
    assert_return_code(tsr_view_init(&back, TSR_INT32, 1, shape, again, NULL), 0);
    assert_return_code(fixture.ops->encode_view(fixture.codec, NULL, &from, &to, NULL), 0);
    for (int i = 1; i < COUNT; i++)
        assert_int_equal(encoded[i], 2 * i - 1);
    assert_return_code(fixture.ops->decode_view(fixture.codec, NULL, &to, &back, NULL), 0);
    assert_memory_equal(again, values, sizeof values);
    codec_fixture_close(&fixture);
}

static codec_case delta = {.label = "delta",
                           .name = "numcodecs.delta",
                           .configuration = "{\"dtype\":\"<u2\"}",
                           .dtype = TSR_UINT16,
                           .rank = 3};
static codec_case delta_wider = {.label = "delta to wider integers",
                                 .zarr_format = 2,
                                 .name = "delta",
                                 .configuration = "{\"dtype\":\"<i4\",\"astype\":\">i8\"}",
                                 .dtype = TSR_INT32,
                                 .rank = 2};
static codec_case widening = {.label = "astype",
                              .name = "numcodecs.astype",
                              .configuration = "{\"encode_dtype\":\"int64\"}",
                              .dtype = TSR_INT16,
                              .rank = 4};
static codec_case booleans = {.label = "astype of bool",
                              .name = "numcodecs.astype",
                              .configuration = "{\"encode_dtype\":\"complex128\"}",
                              .dtype = TSR_COMPLEX64,
                              .rank = 1};
static codec_case scaled = {.label = "fixedscaleoffset",
                            .zarr_format = 2,
                            .name = "fixedscaleoffset",
                            .configuration = "{\"scale\":10,\"offset\":1000.5,\"dtype\":\"<f8\","
                                             "\"astype\":\">i2\"}",
                            .dtype = TSR_FLOAT64,
                            .rank = 1};
static codec_case quantized = {.label = "quantize",
                               .name = "numcodecs.quantize",
                               .configuration = "{\"digits\":3,\"dtype\":\"float64\","
                                                "\"astype\":\"float32\"}",
                               .dtype = TSR_FLOAT64,
                               .rank = 1};
static codec_case bits = {
    .label = "packbits", .name = "numcodecs.packbits", .dtype = TSR_BOOL, .rank = 2};

static void expect_fill(codec_case *row, const char *fill, const char *expected)
{
    tsr_context *context = NULL;
    const tsr_codec_ops *ops = NULL;
    tsr_error err = TSR_ERROR_INIT;
    uint64_t element[2];
    char text[200];
    void *codec = NULL;

    assert_return_code(tsr_context_new(NULL, &context, &err), 0);
    assert_return_code(tsr_dtype_parse_element(row->dtype, fill, element, &err), 0);
    int format = row->zarr_format ? row->zarr_format : 3;
    assert_return_code(tsr_codec_find(context, row->name, format, &ops, &err), 0);
    tsr_codec_setup setup = {.context = context,
                             .name = row->name,
                             .configuration = row->configuration ? row->configuration : "{}",
                             .zarr_format = format,
                             .input = {row->dtype, row->rank, element}};
    tsr_codec_type output = setup.input;
    assert_return_code(ops->open(&setup, &codec, &output, &err), 0);
    assert_true(tsr_dtype_format_element(output.dtype, output.fill_value, text, sizeof text) > 0);
    assert_string_equal(text, expected);
    if (ops->close)
        ops->close(codec);
    tsr_context_free(context);
}

static void test_fill_values(void **state)
{
    (void)state;
    expect_fill(&delta, "7", "7");
    expect_fill(&delta_wider, "-7", "-7");
    expect_fill(&scaled, "1001.34", "8");
    expect_fill(&quantized, "0.3333", "0.3330078");
    expect_fill(&widening, "-5", "-5");
    expect_fill(&booleans, "[1.5, \"NaN\"]", "[1.5, \"NaN\"]");
    expect_fill(&bits, "true", "0");
}

static void test_refusals(void **state)
{
    static const struct {
        const char *name, *configuration;
        const tsr_dtype *dtype;
        int status;
        const char *text;
    } rows[] = {
        {"delta", "{\"dtype\":\"<i4\"}", TSR_INT16, TSR_UNSUPPORTED,
         "int32, but the elements that arrive are int16"},
        {"delta", "{\"dtype\":\"<i4\"}", TSR_COMPLEX64, TSR_UNSUPPORTED,
         "int32, but the elements that arrive are complex64"},
        {"delta", "{\"dtype\":\"|u1\"}", TSR_BOOL, TSR_UNSUPPORTED,
         "uint8, but the elements that arrive are bool"},
        {"delta", "{\"dtype\":\"<i2\",\"astype\":\"nothing\"}", TSR_INT16, TSR_UNSUPPORTED,
         "\"nothing\""},
        {"delta", "{}", TSR_COMPLEX64, TSR_UNSUPPORTED, "complex64"},
        {"delta", "{\"dtype\":7}", TSR_INT16, TSR_BAD_METADATA, "/configuration/dtype"},
        {"astype", "{}", TSR_INT16, TSR_BAD_METADATA, "encode_dtype"},
        {"astype", "{\"encode_dtype\":\"|V3\"}", TSR_INT16, TSR_UNSUPPORTED, "must be numbers"},
        {"fixedscaleoffset", "{\"offset\":1}", TSR_FLOAT32, TSR_BAD_METADATA,
         "/configuration/scale is missing"},
        {"fixedscaleoffset", "{\"offset\":0,\"scale\":0}", TSR_FLOAT32, TSR_BAD_METADATA,
         "must not be 0"},
        {"fixedscaleoffset", "{\"offset\":300,\"scale\":1}", TSR_UINT8, TSR_BAD_METADATA,
         "300 is no uint8"},
        {"fixedscaleoffset", "{\"offset\":\"1\",\"scale\":1}", TSR_FLOAT32, TSR_BAD_METADATA,
         "/configuration/offset"},
        {"quantize", "{}", TSR_FLOAT32, TSR_BAD_METADATA, "digits"},
        {"quantize", "{\"digits\":2}", TSR_INT32, TSR_UNSUPPORTED, "floats"},
        {"quantize", "{\"digits\":9}", TSR_FLOAT16, TSR_BAD_METADATA,
         "float16 cannot hold 9 digits"},
        {"packbits", "{}", TSR_UINT8, TSR_UNSUPPORTED, "bool alone"},
        {"bitround", "{}", TSR_FLOAT32, TSR_BAD_METADATA, "keepbits"},
        {"bitround", "{\"keepbits\":24}", TSR_FLOAT32, TSR_BAD_METADATA,
         "the mantissa of float32 has 23"},
        {"bitround", "{\"keepbits\":2}", TSR_INT32, TSR_UNSUPPORTED, "int32"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_case row = {.zarr_format = 2,
                          .name = rows[i].name,
                          .configuration = rows[i].configuration,
                          .dtype = rows[i].dtype,
                          .rank = 1};
        codec_expect_refusal(&row, rows[i].status, rows[i].text);
    }
}

static void test_wrong_padding_is_damage(void **state)
{
    codec_fixture fixture = codec_fixture_open(&bits);
    uint8_t packed[2] = {4, 0xa0};
    bool unpacked[5];
    tsr_view bytes, elements;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_return_code(tsr_view_init(&bytes, TSR_UINT8, 1, (int64_t[]){2}, packed, NULL), 0);
    assert_return_code(tsr_view_init(&elements, TSR_BOOL, 2, (int64_t[]){1, 5}, unpacked, NULL), 0);
    assert_int_equal(fixture.ops->decode_view(fixture.codec, NULL, &bytes, &elements, &err),
                     TSR_DAMAGED);
    assert_non_null(strstr(err.message, "claims 4 bits of padding; 5 elements have 3"));
    packed[0] = 3;
    assert_return_code(fixture.ops->decode_view(fixture.codec, NULL, &bytes, &elements, &err), 0);
    assert_true(unpacked[0] && !unpacked[1] && unpacked[2] && !unpacked[3] && !unpacked[4]);
    codec_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_fill_values),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_wrong_padding_is_damage),
        CODEC_SUITE_ARRAY_TESTS(&delta),
        CODEC_SUITE_ARRAY_TESTS(&delta_wider),
        CODEC_SUITE_ARRAY_TESTS(&widening),
        CODEC_SUITE_TEST(codec_test_describe, &booleans),
        CODEC_SUITE_TEST(codec_test_describe, &scaled),
        CODEC_SUITE_TEST(codec_test_describe, &quantized),
        CODEC_SUITE_TEST(codec_test_describe, &bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
