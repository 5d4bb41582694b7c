/* reshape: shapes by the rules of the extension registry, its examples among them. */
#include <string.h>

#include "conformance/codec_suite.h"

static codec_case row_of(int rank, const char *configuration)
{
    return (codec_case){
        .name = "reshape", .configuration = configuration, .dtype = TSR_UINT16, .rank = rank};
}

/* The shape that becomes of one, or the text of the refusal. */
static void expect(int rank, const int64_t *shape, const char *configuration, int encoded_rank,
                   const int64_t *encoded, const char *refusal)
{
    codec_case row = row_of(rank, configuration);
    codec_fixture fixture = codec_fixture_open(&row);
    int64_t found[TSR_RANK_MAX];
    int found_rank = -1;
    tsr_error err = TSR_ERROR_INIT;
    int status = fixture.ops->encoded_shape(fixture.codec, rank, shape, &found_rank, found, &err);

    if (refusal) {
        if (status != TSR_BAD_METADATA || !strstr(err.message, refusal))
            fail_msg("%s: %s, \"%s\"", configuration, tsr_status_name(status), err.message);
    } else {
        assert_return_code(status, 0);
        assert_int_equal(found_rank, encoded_rank);
        assert_int_equal(fixture.output.rank, encoded_rank);
        assert_memory_equal(found, encoded, (size_t)encoded_rank * sizeof *encoded);
    }
    codec_fixture_close(&fixture);
}

#define SHAPE(...)    \
    (const int64_t[]) \
    {                 \
        __VA_ARGS__   \
    }

static void test_shapes(void **state)
{
    static const int64_t shape[4] = {100, 50, 64, 3};

    (void)state;
    expect(4, shape, "{\"shape\":[[0,1],[2],3]}", 3, SHAPE(5000, 64, 3), NULL);
    expect(4, shape, "{\"shape\":[-1]}", 1, SHAPE(960000), NULL);
    expect(4, shape, "{\"shape\":[10,-1,[3]]}", 3, SHAPE(10, 32000, 3), NULL);
    expect(4, shape, "{\"shape\":[[0],10,5,[2,3]]}", 4, SHAPE(100, 10, 5, 192), NULL);
    expect(4, shape, "{\"shape\":[[0,1,2,3],1,1]}", 3, SHAPE(960000, 1, 1), NULL);
    expect(0, shape, "{\"shape\":[1,1]}", 2, SHAPE(1, 1), NULL);
    expect(2, SHAPE(1, 1), "{\"shape\":[]}", 0, SHAPE(0), NULL);
    expect(2, SHAPE(0, 5), "{\"shape\":[[0,1]]}", 1, SHAPE(0), NULL);
}

static void test_shapes_that_do_not_fit(void **state)
{
    static const int64_t shape[4] = {100, 50, 64, 3};

    (void)state;
    expect(4, shape, "{\"shape\":[5000,64]}", 0, NULL, "does not fit");
    expect(4, shape, "{\"shape\":[7,-1]}", 0, NULL, "does not fit");
    expect(4, shape, "{\"shape\":[[0,1],64]}", 0, NULL, "does not fit");
    expect(4, shape, "{\"shape\":[[0],64,50,[3]]}", 4, SHAPE(100, 64, 50, 3), NULL);
    /* Axis 1 is named where axes 0 and a part of 1 are. */
    expect(4, shape, "{\"shape\":[10,[1],10,192]}", 0, NULL,
           "/configuration/shape/1: the input axes that it names lie elsewhere");
    expect(4, shape, "{\"shape\":[[0,2],150]}", 0, NULL, "/configuration/shape/0");
    expect(3, SHAPE(INT64_C(1) << 40, INT64_C(1) << 20, 1), "{\"shape\":[[0,1],[2]]}", 2,
           SHAPE(INT64_C(1) << 60, 1), NULL);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *configuration, *text;
    } rows[] = {
        {"{}", "/configuration/shape is missing"},
        {"{\"shape\":[[1],[0]]}", "shape/1: the input axes must be in rising order"},
        {"{\"shape\":[[1,0],10]}", "shape/0: the input axes must be in rising order"},
        {"{\"shape\":[[3]]}", "shape/0: names an axis that the array does not have"},
        {"{\"shape\":[[-1]]}", "names an axis"},
        {"{\"shape\":[-1,-1]}", "shape/1: only one length may be -1"},
        {"{\"shape\":[0]}", "must be a length from 1 on"},
        {"{\"shape\":[-2]}", "must be a length from 1 on"},
        {"{\"shape\":[\"x\"]}", "must be a length from 1 on"},
        {"{\"shape\":[1],\"order\":1}", "order"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        codec_case row = row_of(3, rows[i].configuration);
        codec_expect_refusal(&row, TSR_BAD_METADATA, rows[i].text);
    }
}

static codec_case flat = {.label = "flat",
                          .name = "reshape",
                          .configuration = "{\"shape\":[-1]}",
                          .dtype = TSR_INT32,
                          .rank = 3};
static codec_case named = {.label = "named",
                           .name = "reshape",
                           .configuration = "{\"shape\":[[0,1],1,[2,3]]}",
                           .dtype = TSR_COMPLEX128,
                           .rank = 4};

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),   cmocka_unit_test(test_shapes_that_do_not_fit),
        cmocka_unit_test(test_refusals), CODEC_SUITE_ARRAY_TESTS(&flat),
        CODEC_SUITE_ARRAY_TESTS(&named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
