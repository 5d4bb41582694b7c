/* Random numbers, shapes and strided views for property tests.
 *
 * A test makes one tests_random; its seed is TESSERA_TEST_SEED from the environment or a fixed
 * number, so that a plain run is repeatable. tests_random_fail prints the seed. */
#ifndef TESTS_SUPPORT_RANDOM_VIEW_H
#define TESTS_SUPPORT_RANDOM_VIEW_H

#include <tessera/view.h>

typedef struct tests_random {
    uint64_t seed, state;
} tests_random;

void tests_random_init(tests_random *random);

/* 64 random bits (splitmix64). */
uint64_t tests_random_next(tests_random *random);

/* A number from 0 to `limit` - 1. */
int64_t tests_random_below(tests_random *random, int64_t limit);

/* Fills memory with random bytes. */
void tests_random_bytes(tests_random *random, void *memory, size_t size_bytes);

/* A shape of at most `rank_max` axes and `count_max` elements, with many lengths of 1 and 2 and,
 * when `empty` is true, now and then one of 0. Returns the rank. */
int tests_random_shape(tests_random *random, int rank_max, int64_t count_max, bool empty,
                       int64_t *shape);

/* A view of a shape over memory of its own (malloc): the axes lie in random order in memory, with
 * random gaps, some run backwards; often the memory is dense. The memory is filled with random
 * bytes and returned in *ret_memory with its size. */
typedef struct tests_memory {
    char *bytes;
    size_t size_bytes;
} tests_memory;
tsr_view tests_random_view(tests_random *random, const tsr_dtype *dtype, int rank,
                           const int64_t *shape, tests_memory *ret_memory);

/* The element of a view at a position. */
char *tests_view_at(const tsr_view *view, const int64_t *position);

/* Moves a position to the next one of a shape, in C order; false after the last one. Starts at all
 * 0, which exists unless a length is 0. */
bool tests_next_position(int rank, const int64_t *shape, int64_t *position);

/* Prints the seed and fails the test. */
void tests_random_fail(const tests_random *random, const char *format, ...) TSR_PRINTF(2, 3);

#endif
