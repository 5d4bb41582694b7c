/* Proves which ranges of bare elements are asked for when points are listed: one for each where
 * they lie far apart, few where they lie close, and of rows between them no more than the gap
 * allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/slow_store.h"
#include "unit/array/array_testing.h"

static const array_row plane = {.name = "plane",
                                .zarr_format = 2,
                                .rank = 2,
                                .shape = {64, 64},
                                .chunk = {64, 64},
                                .codec = "none"};

typedef struct subject {
    slow_store *slow;
    tsr_array *array;
} subject;

static subject subject_new(fixture *f, uint64_t gap)
{
    unsigned char values[4096];
    for (int i = 0; i < 4096; i++)
        values[i] = (unsigned char)(i * 7 + i / 256);
    subject self = {slow_store_open(f->context, &(slow_store_options){.coalesce_gap_bytes = gap,
                                                                      .at_once = true}),
                    NULL};
    tsr_array *writer = array_new(f, self.slow->below, "a", &plane, TSR_UINT8, NULL);
    good(tsr_array_write(writer, NULL, NULL, NULL, values, 4096, NULL, &f->err), &f->err);
    tsr_array_close(writer);
    self.array = array_open(f, &self.slow->head, "a", false);
    slow_store_reset(self.slow);
    return self;
}

static void read_and_check(fixture *f, subject *self, const tsr_index *index)
{
    int64_t shape[TSR_RANK_MAX], element[2];
    unsigned char values[4096];
    tsr_view view;
    int rank = tsr_index_shape(index, shape);
    good(tsr_view_init(&view, TSR_UINT8, rank, shape, values, &f->err), &f->err);
    tsr_read_request request = {self->array, index, &view, TSR_CASTING_NO};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    for (int64_t i = 0; i < tsr_view_count(&view); i++) {
        int64_t position[] = {rank > 1 ? i / shape[1] : i, rank > 1 ? i % shape[1] : 0};
        tsr_index_locate(index, position, element);
        int64_t at = element[0] * 64 + element[1];
        assert_int_equal(values[i], (unsigned char)(at * 7 + at / 256));
    }
}

/* Selections and how many requests and bytes they take, counted by hand. */
static void only_what_is_worth_it_is_fetched(void **state)
{
    static const struct {
        uint64_t gap;
        bool orthogonal;
        const char *text;
        int64_t requests, bytes;
    } cases[] = {
        /* Points: bytes 10, 12, 64 and 130 of the chunk, given in another order. */
        {0, false, "[2, 0, 1, 0], [2, 12, 0, 10]", 4, 4},
        {1, false, "[2, 0, 1, 0], [2, 12, 0, 10]", 3, 3 + 2},
        {51, false, "[2, 0, 1, 0], [2, 12, 0, 10]", 2, 55 + 1},
        {65, false, "[2, 0, 1, 0], [2, 12, 0, 10]", 1, 121},
        /* One point many times is one byte. */
        {0, false, "[7, 7, 7], [9, 9, 9]", 1, 1},
        /* Rows: whole ones, and parts of them. */
        {0, true, "[40, 3, 4], :", 2, 192},
        {0, true, "[40, 3, 4], 5:15", 3, 30},
        {54, true, "[40, 3, 4], 5:15", 2, 84},
        /* Columns of some rows: neighbours in a row, or all of it; rows are joined when theirs are.
         */
        {0, true, "8:11, [60, 3, 4]", 6, 9},
        {54, true, "8:11, [60, 3, 4]", 6, 9},
        {55, true, "8:11, [60, 3, 4]", 1, 2 * 64 + 58},
        /* Lists along both. */
        {0, true, "[0, 9, 30], [0, 1, 40]", 6, 9},
        {38, true, "[0, 9, 30], [0, 1, 40]", 3, 3 * 41},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tsr_index_parse_options options;
        tsr_index index;
        subject self = subject_new(f, cases[i].gap);
        tsr_index_parse_options_init(&options);
        options.mode = cases[i].orthogonal ? TSR_INDEX_ORTHOGONAL : TSR_INDEX_NUMPY;
        good(tsr_index_parse_with(&index, cases[i].text, 2, plane.shape, &options, &f->err),
             &f->err);
        read_and_check(f, &self, &index);
        slow_store_counts counts = slow_store_stats(self.slow);
        if (counts.requests != cases[i].requests || counts.answered_bytes != cases[i].bytes)
            fail_msg("case %zu: %lld requests, %lld bytes", i, (long long)counts.requests,
                     (long long)counts.answered_bytes);
        tsr_index_clear(&index);
        tsr_array_close(self.array);
        tsr_store_close(&self.slow->head);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {FIXTURE_TEST(only_what_is_worth_it_is_fetched)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
