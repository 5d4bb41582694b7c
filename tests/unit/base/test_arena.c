/* Proves that an arena's pieces are zero, aligned and apart, that its limit holds, and that it can
 * be used again. */
#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "nth_malloc.h"

static bool all_bytes_are(const unsigned char *bytes, size_t size, unsigned char value)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != value)
            return false;
    return true;
}

static void pieces_are_zero_aligned_and_apart(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    unsigned char *pieces[COUNT];
    size_t sizes[COUNT];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            sizes[i] = i % 500 == 7 ? 100000 + i : (i * 37) % 300;
            pieces[i] = tsri_arena_alloc(&arena, sizes[i], 1);
            assert_non_null(pieces[i]);
            assert_int_equal((uintptr_t)pieces[i] % alignof(max_align_t), 0);
            assert_true(all_bytes_are(pieces[i], sizes[i], 0));
            memset(pieces[i], (int)(i % 255 + 1), sizes[i]);
        }
        for (size_t i = 0; i < COUNT; i++)
            assert_true(all_bytes_are(pieces[i], sizes[i], (unsigned char)(i % 255 + 1)));
        if (round == 0)
            tsri_arena_reset(&arena);
        else
            tsri_arena_clear(&arena);
        assert_int_equal(arena.used_bytes, 0);
    }
}

static void the_limit_holds(void **state)
{
    (void)state;
    tsr_auto(tsri_arena) arena = {.max_bytes = 1000};
    size_t taken = 0;
    while (tsri_arena_alloc(&arena, 48, 1))
        taken += 48;
    assert_in_range(taken, 1000 - 48, 1000);
    assert_true(arena.used_bytes <= 1000);
    assert_null(tsri_arena_strdup(
        &arena, "a text that is longer than what is left of the limit by a good deal"));
    tsri_arena_reset(&arena);
    assert_non_null(tsri_arena_alloc(&arena, 1000 / 16 * 16, 1));
    assert_null(tsri_arena_alloc(&arena, 1, 1));
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    assert_null(tsri_arena_alloc(&arena, SIZE_MAX, 2));
    assert_null(tsri_arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(tsri_arena_alloc(&arena, SIZE_MAX - 15, 1));
    assert_null(tsri_arena_alloc(&arena, SIZE_MAX / 2, 1));
    assert_int_equal(arena.used_bytes, 0);
    assert_non_null(tsri_arena_alloc(&arena, 0, 8));
}

static void texts(void **state)
{
    (void)state;
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    char *copy = tsri_arena_strdup(&arena, "c/0/1");
    assert_string_equal(copy, "c/0/1");
    assert_string_equal(tsri_arena_strdup(&arena, ""), "");
    assert_string_equal(tsri_arena_format(&arena, "%s[%d]", "codecs", 3), "codecs[3]");
    char *long_text = tsri_arena_format(&arena, "%10000d", 7);
    assert_int_equal(strlen(long_text), 10000);
    assert_string_equal(long_text + 9998, " 7");
    assert_string_equal(copy, "c/0/1");
}

static void many_small_pieces_take_few_allocations(void **state)
{
    (void)state;
    tsri_arena arena = TSRI_ARENA_INIT;
    int64_t n = 1;
    for (;; n++) {
        bool good = true;
        nth_malloc_arm(n, false);
        for (int i = 0; good && i < 100000; i++)
            good = tsri_arena_alloc(&arena, 1, 16) != NULL;
        bool fired = nth_malloc_disarm();
        /* A refusal is answered by NULL, and what was there stays good. */
        assert_int_equal(fired, !good);
        tsri_arena_clear(&arena);
        if (!fired)
            break;
    }
    /* 1.6 MB in blocks that double from 4 KiB to 256 KiB. */
    assert_in_range(n, 3, 20);
}

static void reset_keeps_one_block(void **state)
{
    (void)state;
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    for (int i = 0; i < 1000; i++)
        assert_non_null(tsri_arena_alloc(&arena, 100, 10));
    tsri_arena_reset(&arena);
    nth_malloc_arm(1, true);
    bool fits = tsri_arena_alloc(&arena, 100, 10) != NULL;
    bool fired = nth_malloc_disarm();
    assert_true(fits);
    assert_false(fired);
    tsri_arena_clear(&arena);
    tsri_arena_reset(&arena);
    tsri_arena_clear(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_are_zero_aligned_and_apart),
        cmocka_unit_test(the_limit_holds),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(texts),
        cmocka_unit_test(many_small_pieces_take_few_allocations),
        cmocka_unit_test(reset_keeps_one_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
