/* The part of the suite for codecs that take arrays. */
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "base/output.h"
#include "conformance/codec_suite.h"
#include "conformance/guarded.h"

/* Shapes up to four axes; the codec's rank chooses those that apply. */
static const int64_t shapes[][TSR_RANK_MAX] = {{1, 1, 1, 1},  {5, 4, 3, 2}, {2, 3, 4, 5},
                                               {17, 1, 9, 2}, {0, 3, 2, 2}, {3, 2, 0, 1},
                                               {33, 7, 2, 3}};

/* How the memory of an array is laid out: each view covers some elements of a larger block. */
typedef enum layout {
    LAYOUT_DENSE,
    LAYOUT_FORTRAN,
    LAYOUT_BACKWARDS,
    LAYOUT_STEPS,
    LAYOUTS
} layout;

typedef struct laid_out {
    char *memory;
    size_t memory_bytes;
    tsr_view view;
} laid_out;

#define BACKGROUND ((char)0xee)

/* Every element has a place of its own, in the order of the layout, `spread` places apart. */
static laid_out lay_out(layout how, const tsr_dtype *dtype, int rank, const int64_t *shape)
{
    laid_out made = {.view = {.dtype = dtype, .rank = rank}};
    int64_t spread = how == LAYOUT_STEPS ? 3 : 1, stride = (int64_t)dtype->size_bytes * spread;
    int64_t first = 0;

    for (int i = 0; i < rank; i++) {
        int axis = how == LAYOUT_FORTRAN ? i : rank - 1 - i;
        int64_t length = TSRI_MAX(shape[axis], 1);
        made.view.shape[axis] = shape[axis];
        made.view.strides[axis] = how == LAYOUT_BACKWARDS ? -stride : stride;
        if (how == LAYOUT_BACKWARDS)
            first += (length - 1) * stride;
        stride *= length;
    }
    /* One byte more in front, so that nothing is aligned. */
    made.memory_bytes = (size_t)stride + 1;
    made.memory = malloc(made.memory_bytes);
    memset(made.memory, BACKGROUND, made.memory_bytes);
    made.view.data = made.memory + 1 + first;
    return made;
}

/* Calls for each element in C order. */
static void each_element(const tsr_view *view, void (*call)(void *user, char *element, size_t i),
                         void *user)
{
    int64_t index[TSR_RANK_MAX] = {0}, count = tsr_view_count(view);

    for (int64_t i = 0; i < count; i++) {
        char *element = view->data;
        for (int axis = 0; axis < view->rank; axis++)
            element += index[axis] * view->strides[axis];
        call(user, element, (size_t)i);
        for (int axis = view->rank - 1; axis >= 0 && ++index[axis] == view->shape[axis]; axis--)
            index[axis] = 0;
    }
}

typedef struct elements {
    char *bytes;
    size_t element_bytes;
    bool equal;
} elements;

static void put_element(void *user, char *element, size_t i)
{
    const elements *from = user;
    memcpy(element, from->bytes + i * from->element_bytes, from->element_bytes);
}

static void take_element(void *user, char *element, size_t i)
{
    elements *from = user;
    if (memcmp(element, from->bytes + i * from->element_bytes, from->element_bytes) != 0)
        from->equal = false;
    memset(element, BACKGROUND, from->element_bytes);
}

/* Checks the elements and replaces them by the background, which must then be everywhere. */
static void expect_elements(laid_out *made, elements *expected)
{
    expected->equal = true;
    each_element(&made->view, take_element, expected);
    assert_true(expected->equal);
    for (size_t i = 0; i < made->memory_bytes; i++)
        assert_int_equal(made->memory[i], BACKGROUND);
}

static void encode_laid_out(const codec_fixture *fixture, const tsr_view *view, tsr_output *output)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_size_bound bound =
        fixture->ops->array_bound(fixture->codec, view->dtype, view->rank, view->shape);

    *output = (tsr_output){.max_bytes = bound.size_class == TSR_SIZE_UNBOUNDED
                                            ? SIZE_MAX / 2
                                            : (size_t)bound.size_bytes};
    if (fixture->ops->encode_array(fixture->codec, fixture->scratch, view, output, &err) < 0)
        fail_msg("encode: %s", err.message);
    if (bound.size_class == TSR_SIZE_FIXED)
        assert_int_equal(output->size_bytes, bound.size_bytes);
}

static int decode_laid_out(const codec_fixture *fixture, const tsr_output *encoded,
                           size_t size_bytes, const tsr_view *view, tsr_error *err)
{
    guarded input = guarded_new(size_bytes);
    const char *from = guarded_place(&input, encoded->data, size_bytes);
    int status =
        fixture->ops->decode_array(fixture->codec, fixture->scratch, from, size_bytes, view, err);
    guarded_free(&input);
    return status;
}

static void round_trip_bytes(const codec_fixture *fixture, const int64_t *shape, elements *data)
{
    const tsr_dtype *dtype = fixture->input.dtype;
    tsr_output first = {0};

    for (layout how = 0; how < LAYOUTS; how++) {
        tsr_error err = TSR_ERROR_INIT;
        tsr_output encoded;
        laid_out made = lay_out(how, dtype, fixture->input.rank, shape);
        each_element(&made.view, put_element, data);
        encode_laid_out(fixture, &made.view, &encoded);
        expect_elements(&made, data);
        assert_return_code(decode_laid_out(fixture, &encoded, encoded.size_bytes, &made.view, &err),
                           0);
        expect_elements(&made, data);
        free(made.memory);
        /* The layout in memory does not show. */
        if (how == 0) {
            first = encoded;
            continue;
        }
        assert_int_equal(encoded.size_bytes, first.size_bytes);
        assert_memory_equal(encoded.data, first.data, first.size_bytes);
        tsri_output_clear(&encoded);
    }
    tsri_output_clear(&first);
}

static void round_trip_view(const codec_fixture *fixture, const int64_t *shape, elements *data)
{
    const tsr_codec_ops *ops = fixture->ops;
    tsr_error err = TSR_ERROR_INIT;
    int encoded_rank = -1;
    int64_t encoded_shape[TSR_RANK_MAX];
    laid_out decoded = lay_out(LAYOUT_DENSE, fixture->input.dtype, fixture->input.rank, shape);

    assert_return_code(ops->encoded_shape(fixture->codec, fixture->input.rank, shape, &encoded_rank,
                                          encoded_shape, &err),
                       0);
    assert_int_equal(encoded_rank, fixture->output.rank);
    each_element(&decoded.view, put_element, data);
    if (ops->rearrange) {
        tsr_view moved = decoded.view;
        assert_return_code(ops->rearrange(fixture->codec, &moved, &err), 0);
        assert_int_equal(moved.rank, encoded_rank);
        assert_memory_equal(moved.shape, encoded_shape, (size_t)encoded_rank * sizeof *shape);
        assert_int_equal(tsr_view_count(&moved), tsr_view_count(&decoded.view));
    } else {
        laid_out encoded =
            lay_out(LAYOUT_BACKWARDS, fixture->output.dtype, encoded_rank, encoded_shape);
        laid_out again = lay_out(LAYOUT_STEPS, fixture->input.dtype, fixture->input.rank, shape);
        assert_return_code(
            ops->encode_view(fixture->codec, fixture->scratch, &decoded.view, &encoded.view, &err),
            0);
        assert_return_code(
            ops->decode_view(fixture->codec, fixture->scratch, &encoded.view, &again.view, &err),
            0);
        expect_elements(&again, data);
        free(encoded.memory);
        free(again.memory);
    }
    expect_elements(&decoded, data);
    free(decoded.memory);
}

/* The number of elements of a shape's first `rank` axes. */
static size_t count_of(int rank, const int64_t *shape)
{
    size_t count = 1;
    for (int axis = 0; axis < rank; axis++)
        count *= (size_t)shape[axis];
    return count;
}

void codec_test_array_round_trip(void **state)
{
    codec_fixture fixture = codec_fixture_open(*state);
    size_t element_bytes = fixture.input.dtype->size_bytes;

    for (size_t i = 0; i < TSRI_COUNT(shapes); i++) {
        size_t size_bytes = count_of(fixture.input.rank, shapes[i]) * element_bytes;
        elements data = {malloc(size_bytes + 1), element_bytes, true};
        codec_data_fill(DATA_NOISE, data.bytes, size_bytes);
        if (fixture.ops->kind == TSR_CODEC_ARRAY_TO_BYTES)
            round_trip_bytes(&fixture, shapes[i], &data);
        else
            round_trip_view(&fixture, shapes[i], &data);
        free(data.bytes);
    }
    codec_fixture_close(&fixture);
}

/* Encoded bytes of another size than the array needs are refused, and nothing is read behind them.
 */
void codec_test_array_sizes(void **state)
{
    codec_fixture fixture = codec_fixture_open(*state);

    for (size_t i = 0; i < TSRI_COUNT(shapes) && fixture.ops->kind == TSR_CODEC_ARRAY_TO_BYTES;
         i++) {
        laid_out made = lay_out(LAYOUT_DENSE, fixture.input.dtype, fixture.input.rank, shapes[i]);
        tsr_output encoded;
        tsr_error err = TSR_ERROR_INIT;
        encode_laid_out(&fixture, &made.view, &encoded);
        size_t whole = encoded.size_bytes;
        for (size_t kept = 0; kept < whole; kept += 1 + whole / 100)
            assert_int_equal(decode_laid_out(&fixture, &encoded, kept, &made.view, &err),
                             TSR_DAMAGED);
        encoded.max_bytes++;
        assert_return_code(tsr_output_append(&encoded, "x", 1, &err), 0);
        assert_int_equal(decode_laid_out(&fixture, &encoded, whole + 1, &made.view, &err),
                         TSR_DAMAGED);
        tsri_output_clear(&encoded);
        free(made.memory);
    }
    codec_fixture_close(&fixture);
}
