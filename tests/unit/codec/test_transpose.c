/* transpose: the meaning of `order`, on permutations that are not their own inverse above all. */
#include "base/output.h"
#include "conformance/codec_suite.h"

#include <string.h>

static codec_case cycle = {.label = "3-cycle",
                           .name = "transpose",
                           .configuration = "{\"order\":[2,0,1]}",
                           .dtype = &tsr_dtype_int16,
                           .rank = 3};
static codec_case other_cycle = {.label = "the other 3-cycle",
                                 .name = "transpose",
                                 .configuration = "{\"order\":[1,2,0]}",
                                 .dtype = &tsr_dtype_complex64,
                                 .rank = 3};
static codec_case four = {.label = "4-cycle",
                          .name = "transpose",
                          .configuration = "{\"order\":[3,0,1,2]}",
                          .dtype = &tsr_dtype_uint8,
                          .rank = 4};
static codec_case scalar = {.label = "rank 0",
                            .name = "transpose",
                            .configuration = "{\"order\":[]}",
                            .dtype = &tsr_dtype_float64,
                            .rank = 0};

/* numpy.arange(24).reshape(2, 3, 4).transpose(2, 0, 1).ravel(), from NumPy itself. */
static const int16_t numpy_2_0_1[24] = {0, 4, 8,  12, 16, 20, 1, 5, 9,  13, 17, 21,
                                        2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23};
/* The same with transpose(1, 2, 0). */
static const int16_t numpy_1_2_0[24] = {0, 12, 1, 13, 2, 14, 3, 15, 4,  16, 5,  17,
                                        6, 18, 7, 19, 8, 20, 9, 21, 10, 22, 11, 23};

static void expect_numpy(const char *configuration, const int64_t *encoded_shape,
                         const int16_t *expected)
{
    codec_case row = cycle;
    row.configuration = configuration;
    codec_fixture fixture = codec_fixture_open(&row);
    const int64_t shape[] = {2, 3, 4};
    int64_t found_shape[TSR_RANK_MAX];
    int16_t elements[24];
    tsr_view view;
    int rank = 0;
    tsr_error err = TSR_ERROR_INIT;

    for (int i = 0; i < 24; i++)
        elements[i] = (int16_t)i;
    assert_return_code(
        fixture.ops->encoded_shape(fixture.codec, 3, shape, &rank, found_shape, &err), 0);
    assert_int_equal(rank, 3);
    assert_memory_equal(found_shape, encoded_shape, 3 * sizeof *shape);
    assert_return_code(tsr_view_init(&view, TSR_INT16, 3, shape, elements, &err), 0);
    assert_return_code(fixture.ops->rearrange(fixture.codec, &view, &err), 0);
    assert_memory_equal(view.shape, encoded_shape, 3 * sizeof *shape);
    int n = 0;
    for (int64_t i = 0; i < view.shape[0]; i++)
        for (int64_t j = 0; j < view.shape[1]; j++)
            for (int64_t k = 0; k < view.shape[2]; k++) {
                int16_t found;
                memcpy(&found,
                       view.data + i * view.strides[0] + j * view.strides[1] + k * view.strides[2],
                       sizeof found);
                assert_int_equal(found, expected[n++]);
            }
    codec_fixture_close(&fixture);
}

static void test_as_numpy(void **state)
{
    (void)state;
    expect_numpy("{\"order\":[2,0,1]}", (const int64_t[]){4, 2, 3}, numpy_2_0_1);
    expect_numpy("{\"order\":[1,2,0]}", (const int64_t[]){3, 4, 2}, numpy_1_2_0);
}

static void test_describe(void **state)
{
    codec_fixture fixture = codec_fixture_open(&four);
    tsr_output text = codec_describe(&fixture, 3);

    (void)state;
    assert_string_equal(text.data, "{\"order\":[3,0,1,2]}");
    tsri_output_clear(&text);
    codec_fixture_close(&fixture);
}

static void test_all_axes(void **state)
{
    char configuration[256] = "{\"order\":[31";
    for (int axis = 0; axis < 31; axis++)
        snprintf(configuration + strlen(configuration), 16, ",%d", axis);
    strcat(configuration, "]}");
    codec_case row = {.name = "transpose", .configuration = configuration, .rank = 32};
    codec_fixture fixture = codec_fixture_open(&row);
    int64_t shape[32], encoded[32];
    int rank = 0;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    for (int axis = 0; axis < 32; axis++)
        shape[axis] = 100 + axis;
    assert_return_code(fixture.ops->encoded_shape(fixture.codec, 32, shape, &rank, encoded, &err),
                       0);
    assert_int_equal(encoded[0], 131);
    assert_int_equal(encoded[31], 130);
    codec_fixture_close(&fixture);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *configuration, *text;
    } rows[] = {
        {"{}", "/configuration/order is missing"},
        {"{\"order\":\"C\"}", "\"C\" is not a permutation"},
        {"{\"order\":\"F\"}", "\"F\" is not a permutation"},
        {"{\"order\":[0,1]}", "has 2 axes, the array has 3"},
        {"{\"order\":[0,1,2,3]}", "/configuration/order"},
        {"{\"order\":[0,1,1]}", "names axis 1 twice"},
        {"{\"order\":[0,1,3]}", "/configuration/order/2"},
        {"{\"order\":[0,1,-1]}", "/configuration/order/2"},
        {"{\"order\":[0,1,2.5]}", "/configuration/order/2"},
        {"{\"order\":{\"0\":1}}", "/configuration/order"},
        {"{\"order\":null}", "/configuration/order"},
        {"{\"order\":[0,1,2],\"extra\":1}", "extra"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_case row = cycle;
        row.configuration = rows[i].configuration;
        codec_expect_refusal(&row, TSR_BAD_METADATA, rows[i].text);
    }
}

static void test_wrong_rank(void **state)
{
    codec_fixture fixture = codec_fixture_open(&cycle);
    const int64_t shape[] = {2, 3};
    int64_t encoded[TSR_RANK_MAX];
    int rank = -1;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_int_equal(fixture.ops->encoded_shape(fixture.codec, 2, shape, &rank, encoded, &err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(rank, -1);
    codec_fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_numpy),       cmocka_unit_test(test_describe),
        cmocka_unit_test(test_all_axes),       cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_wrong_rank),     CODEC_SUITE_ARRAY_TESTS(&cycle),
        CODEC_SUITE_ARRAY_TESTS(&other_cycle), CODEC_SUITE_ARRAY_TESTS(&four),
        CODEC_SUITE_ARRAY_TESTS(&scalar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
