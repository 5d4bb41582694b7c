#include "support/random_view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void tests_random_init(tests_random *random)
{
    const char *seed = getenv("TESSERA_TEST_SEED");
    random->seed = random->state = seed ? strtoull(seed, NULL, 0) : UINT64_C(20260101);
}

uint64_t tests_random_next(tests_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

int64_t tests_random_below(tests_random *random, int64_t limit)
{
    return (int64_t)(tests_random_next(random) % (uint64_t)limit);
}

void tests_random_bytes(tests_random *random, void *memory, size_t size_bytes)
{
    char *bytes = memory;
    for (size_t done = 0; done < size_bytes; done += sizeof(uint64_t)) {
        uint64_t bits = tests_random_next(random);
        size_t left = size_bytes - done;
        memcpy(bytes + done, &bits, left < sizeof bits ? left : sizeof bits);
    }
}

int tests_random_shape(tests_random *random, int rank_max, int64_t count_max, bool empty,
                       int64_t *shape)
{
    int rank = (int)tests_random_below(random, rank_max + 1);
    int64_t left = count_max;
    for (int axis = 0; axis < rank; axis++) {
        int64_t limit = left;
        switch (tests_random_below(random, 4)) {
        case 0:
            limit = 1;
            break;
        case 1:
            limit = left < 3 ? left : 3;
            break;
        case 2:
            limit = left < 20 ? left : 20;
            break;
        default:
            break;
        }
        shape[axis] = 1 + tests_random_below(random, limit);
        left /= shape[axis];
    }
    /* So that the long axis is not always a late one. */
    for (int axis = rank - 1; axis > 0; axis--) {
        int other = (int)tests_random_below(random, axis + 1);
        int64_t length = shape[axis];
        shape[axis] = shape[other];
        shape[other] = length;
    }
    if (empty && rank > 0 && tests_random_below(random, 20) == 0)
        shape[tests_random_below(random, rank)] = 0;
    return rank;
}

tsr_view tests_random_view(tests_random *random, const tsr_dtype *dtype, int rank,
                           const int64_t *shape, tests_memory *ret_memory)
{
    tsr_view view = {.dtype = dtype, .rank = rank};
    int order[TSR_RANK_MAX];
    bool permuted = tests_random_below(random, 2), gaps = tests_random_below(random, 2),
         backwards = tests_random_below(random, 2);
    for (int axis = 0; axis < rank; axis++) {
        int other = permuted ? (int)tests_random_below(random, axis + 1) : axis;
        order[axis] = order[other];
        order[other] = axis;
    }
    int64_t extent = (int64_t)dtype->size_bytes, offset = 0;
    for (int i = rank - 1; i >= 0; i--) {
        int axis = order[i];
        if (gaps && tests_random_below(random, 3) == 0)
            extent += tests_random_below(random, 4) * (int64_t)dtype->component_bytes + 1;
        bool turned = backwards && tests_random_below(random, 3) == 0;
        view.shape[axis] = shape[axis];
        view.strides[axis] = turned ? -extent : extent;
        if (turned && shape[axis] > 0)
            offset += extent * (shape[axis] - 1);
        extent *= shape[axis] > 0 ? shape[axis] : 1;
    }
    /* A few bytes on each side show writes that go astray, and make every alignment occur. */
    int64_t margin = 1 + tests_random_below(random, 64);
    ret_memory->size_bytes = (size_t)(extent + 2 * margin);
    ret_memory->bytes = malloc(ret_memory->size_bytes);
    assert_non_null(ret_memory->bytes);
    tests_random_bytes(random, ret_memory->bytes, ret_memory->size_bytes);
    view.data = ret_memory->bytes + margin + offset;
    return view;
}

char *tests_view_at(const tsr_view *view, const int64_t *position)
{
    char *element = view->data;
    for (int axis = 0; axis < view->rank; axis++)
        element += position[axis] * view->strides[axis];
    return element;
}

bool tests_next_position(int rank, const int64_t *shape, int64_t *position)
{
    for (int axis = rank - 1; axis >= 0; axis--) {
        if (++position[axis] < shape[axis])
            return true;
        position[axis] = 0;
    }
    return false;
}

void tests_random_fail(const tests_random *random, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprint_error(format, arguments);
    va_end(arguments);
    print_error("\nto repeat: TESSERA_TEST_SEED=%llu\n", (unsigned long long)random->seed);
    fail();
}
