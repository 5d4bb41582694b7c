/* Proves sizes, alignment and failures of memory, and that payloads are given back to the system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "nth_malloc.h"

static void a_size_of_nothing_gives_memory(void **state)
{
    (void)state;
    void *pieces[] = {
        tsri_alloc(0),          tsri_alloc_zero(0),          tsri_alloc_array(0, 8),
        tsri_alloc_array(8, 0), tsri_alloc_array_zero(0, 0), tsri_realloc_array(NULL, 0, 1)};
    for (size_t i = 0; i < TSRI_COUNT(pieces); i++) {
        assert_non_null(pieces[i]);
        tsri_free(pieces[i]);
    }
    tsri_free(NULL);
    void *payload = tsri_alloc_payload(0);
    assert_non_null(payload);
    tsri_free_payload(payload, 0);
    tsri_free_payload(NULL, 0);
    tsri_free_payload(NULL, 64 << 20);
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    /* Volatile, since the compiler rightly warns of such sizes. */
    volatile size_t half = SIZE_MAX / 2 + 1, all = SIZE_MAX;
    assert_null(tsri_alloc_array(half, 2));
    assert_null(tsri_alloc_array_zero(half, 2));
    assert_null(tsri_alloc(all));
    assert_null(tsri_alloc_payload(all));
    assert_null(tsri_alloc_payload(half - 1));
    char *kept = tsri_strdup("kept");
    assert_null(tsri_realloc_array(kept, half, 2));
    assert_string_equal(kept, "kept");
    tsri_free(kept);
}

static void zeroed_memory_is_zero(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        unsigned char *bytes = tsri_alloc_array_zero(100, 10);
        for (size_t i = 0; i < 1000; i++)
            assert_int_equal(bytes[i], 0);
        memset(bytes, 0xff, 1000);
        tsri_free(bytes);
    }
}

static void copies_of_texts(void **state)
{
    (void)state;
    tsr_auto(tsri_text) *whole = tsri_strdup("chunk"), *part = tsri_strndup("chunk", 2),
                        *longer = tsri_strndup("ab\0cd", 5),
                        *formatted = tsri_format("%s/%d", "c", 7);
    assert_string_equal(whole, "chunk");
    assert_string_equal(part, "ch");
    assert_string_equal(longer, "ab");
    assert_string_equal(formatted, "c/7");
}

static const size_t payload_sizes[] = {1,
                                       63,
                                       64,
                                       4096,
                                       100000,
                                       (1 << 20) - 1,
                                       1 << 20,
                                       (2 << 20) - 1,
                                       2 << 20,
                                       (2 << 20) + 1,
                                       (3 << 20) + 5,
                                       (7 << 20) + 4097,
                                       33 << 20};

static void payloads_are_aligned_and_whole(void **state)
{
    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(payload_sizes); i++) {
        size_t size = payload_sizes[i];
        unsigned char *bytes = tsri_alloc_payload(size);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % 64, 0);
        memset(bytes, 0xa5, size);
        assert_int_equal(bytes[0], 0xa5);
        assert_int_equal(bytes[size - 1], 0xa5);
        tsri_free_payload(bytes, size);
    }
}

static void neighbouring_payloads_do_not_overlap(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    unsigned char *pieces[COUNT];
    size_t sizes[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        sizes[i] = payload_sizes[i * 5 % TSRI_COUNT(payload_sizes)] % (8 << 20) + 1;
        pieces[i] = tsri_alloc_payload(sizes[i]);
        memset(pieces[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(pieces[i][0], i);
        assert_int_equal(pieces[i][sizes[i] / 2], i);
        assert_int_equal(pieces[i][sizes[i] - 1], i);
        tsri_free_payload(pieces[i], sizes[i]);
    }
}

/* A figure of /proc/self/statm in bytes: 0 is address space, 1 is memory in use. */
static int64_t process_bytes(int column)
{
    long long figures[2] = {0, 0};
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lld %lld", &figures[0], &figures[1]), 2);
    fclose(file);
    return figures[column] * sysconf(_SC_PAGESIZE);
}

static bool under_sanitizer(void)
{
    /* Their shadow memory makes the address space a matter of terabytes. */
    return process_bytes(0) > INT64_C(1) << 40;
}

static void freed_payloads_go_back_to_the_system(void **state)
{
    (void)state;
    if (under_sanitizer())
        skip();
    int64_t space = process_bytes(0), used = process_bytes(1);
    for (int round = 0; round < 30; round++) {
        size_t size = ((size_t)(2 + round % 7) << 20) + (size_t)round * 12345;
        void *payload = tsri_alloc_payload(size);
        memset(payload, 1, size);
        assert_true(process_bytes(1) - used >= (int64_t)size / 2);
        tsri_free_payload(payload, size);
    }
    assert_true(process_bytes(0) - space < 1 << 20);
    assert_true(process_bytes(1) - used < 1 << 20);
}

/* Memory that is not touched is not taken, and a payload takes at most 1 MiB more than its size. */
static void payloads_take_little_more_than_their_size(void **state)
{
    (void)state;
    if (under_sanitizer())
        skip();
    for (size_t i = 0; i < TSRI_COUNT(payload_sizes); i++) {
        size_t size = payload_sizes[i];
        int64_t used = process_bytes(1);
        void *payload = tsri_alloc_payload(size);
        assert_true(process_bytes(1) - used < 1 << 20);
        memset(payload, 1, size);
        assert_true(process_bytes(1) - used < (int64_t)size + (5 << 18));
        tsri_free_payload(payload, size);
    }
}

static void running_out_of_memory_is_answered_with_null(void **state)
{
    (void)state;
    char *kept = tsri_strdup("kept");
    void *results[8];
    nth_malloc_arm(1, true);
    results[0] = tsri_alloc(10);
    results[1] = tsri_alloc_zero(10);
    results[2] = tsri_alloc_array(2, 10);
    results[3] = tsri_strdup("text");
    results[4] = tsri_strndup("text", 2);
    results[5] = tsri_format("%d", 1);
    results[6] = tsri_alloc_payload(1000);
    results[7] = tsri_realloc_array(kept, 1000, 10);
    assert_true(nth_malloc_disarm());
    for (size_t i = 0; i < TSRI_COUNT(results); i++)
        assert_null(results[i]);
    assert_string_equal(kept, "kept");
    tsri_free(kept);
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsri_error_no_memory(&err, 1234), TSR_NO_MEMORY);
    assert_non_null(strstr(err.message, "1234"));
    assert_true(err.next_step[0] != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_size_of_nothing_gives_memory),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(zeroed_memory_is_zero),
        cmocka_unit_test(copies_of_texts),
        cmocka_unit_test(payloads_are_aligned_and_whole),
        cmocka_unit_test(neighbouring_payloads_do_not_overlap),
        cmocka_unit_test(freed_payloads_go_back_to_the_system),
        cmocka_unit_test(payloads_take_little_more_than_their_size),
        cmocka_unit_test(running_out_of_memory_is_answered_with_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
