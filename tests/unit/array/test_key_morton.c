/* Proves of "tessera.morton" what every encoding promises, its keys by hand, and that the byte
 * order of keys is the Morton order of chunks, computed in another way. */
#include "conformance/key_suite.h"

#include <string.h>

#include "base/base.h"

static const key_case cases[] = {
    {.name = "tessera.morton"},
    {.name = "tessera.morton", .configuration = "{\"levels\":2,\"bits\":1}"},
    {.name = "tessera.morton", .configuration = "{\"levels\":5,\"bits\":2}"},
};

static void expect(const key_case *row, int rank, const int64_t *index, const char *wanted)
{
    char text[256];
    key_of(row, rank, index, text, sizeof text);
    assert_string_equal(text, wanted);
}

static void keys_are_those_that_the_format_says(void **state)
{
    (void)state;
    /* Rank 2: two levels of 4 bits an axis. 1 = 0000 0001, 23 = 0001 0111. High halves 0000 and
     * 0001: 0b00000001; low halves 0001 and 0111: 00 01 01 11. */
    expect(&cases[0], 2, (const int64_t[]){1, 23}, "c/0.0/01/17");
    expect(&cases[0], 2, (const int64_t[]){255, 255}, "c/0.0/ff/ff");
    expect(&cases[0], 2, (const int64_t[]){256, 511}, "c/1.1/55/55");
    /* Rank 1: 8 bits a level. */
    expect(&cases[0], 1, (const int64_t[]){0x1234ab}, "c/18/34/ab");
    /* Rank 3: 2 bits a level, so 6 bits in two digits. */
    expect(&cases[0], 3, (const int64_t[]){0, 0, 0}, "c/0.0.0/00/00");
    expect(&cases[0], 3, (const int64_t[]){15, 15, 15}, "c/0.0.0/3f/3f");
    expect(&cases[0], 3, (const int64_t[]){8, 4, 1}, "c/0.0.0/22/01");
    expect(&cases[0], 0, NULL, "c/0");
    expect(&cases[1], 2, (const int64_t[]){2, 1}, "c/0.0/2/1");
    expect(&cases[1], 2, (const int64_t[]){4, 7}, "c/1.1/1/1");
    expect(&(key_case){.name = "tessera.morton", .configuration = "{\"levels\":1,\"bits\":63}"}, 1,
           (const int64_t[]){INT64_MAX}, "c/0/7fffffffffffffff");
}

/* Which of two points comes first in Morton order, without interleaving: the axis whose highest
 * differing bit is the highest decides; of equal ones the first. (Chan 2002.) */
static int compare(const int64_t *a, const int64_t *b, int rank)
{
    int decisive = 0;
    uint64_t most = 0;
    for (int axis = 0; axis < rank; axis++) {
        uint64_t differing = (uint64_t)(a[axis] ^ b[axis]);
        if (most < differing && most < (most ^ differing)) {
            decisive = axis;
            most = differing;
        }
    }
    return a[decisive] < b[decisive] ? -1 : a[decisive] > b[decisive];
}

static void keys_sort_as_morton_does(void **state)
{
    (void)state;
    uint64_t random = 5;
    for (int rank = 1; rank <= 4; rank++)
        for (int step = 0; step < 300; step++) {
            int64_t a[4], b[4];
            char one[256], two[256];
            for (int axis = 0; axis < rank; axis++) {
                random = random * 6364136223846793005u + 1442695040888963407u;
                a[axis] = (int64_t)(random >> 40) & 15;
                b[axis] =
                    step % 2 ? a[axis] ^ (int64_t)(random >> 60 & 1) : (int64_t)(random >> 50) & 15;
            }
            const key_case row = {.name = "tessera.morton",
                                  .configuration = "{\"levels\":2,\"bits\":2}"};
            key_of(&row, rank, a, one, sizeof one);
            key_of(&row, rank, b, two, sizeof two);
            int found = strcmp(one, two), wanted = compare(a, b, rank);
            assert_true((found > 0) - (found < 0) == wanted);
        }
}

static void other_configurations_are_refused(void **state)
{
    (void)state;
    static const struct {
        int rank;
        const char *configuration, *text;
    } rows[] = {
        {2, "{\"bits\":0}", "bits: 0 is not in 1 .. 32"},
        {2, "{\"bits\":33}", "bits: 33 is not in 1 .. 32"},
        {1, "{\"bits\":64}", "bits: 64 is not in 1 .. 63"},
        {32, "{\"bits\":3}", "bits: 3 is not in 1 .. 2"},
        {2, "{\"levels\":16}", "levels: 16 is not in 1 .. 15"},
        {2, "{\"levels\":0}", "levels"},
        {2, "{\"order\":1}", "/keys/configuration/order"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++)
        key_expect_refusal(
            &(key_case){.name = "tessera.morton", .configuration = rows[i].configuration},
            rows[i].rank, TSR_BAD_METADATA, rows[i].text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_SUITE_TESTS(&cases[0]),
        KEY_SUITE_TESTS(&cases[1]),
        KEY_SUITE_TESTS(&cases[2]),
        cmocka_unit_test(keys_are_those_that_the_format_says),
        cmocka_unit_test(keys_sort_as_morton_does),
        cmocka_unit_test(other_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
