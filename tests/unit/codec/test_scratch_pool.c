/* Proves of scratch memory: buffers by purpose, the stock of a context, threads, fork. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/codec/chain_testing.h"

static void buffers_grow_and_stay(void **state)
{
    (void)state;
    char *small = tsri_scratch_buffer(scratch, TSRI_BUFFER_FETCH, 10);
    assert_non_null(small);
    memset(small, 1, 10);
    assert_ptr_equal(tsri_scratch_buffer(scratch, TSRI_BUFFER_FETCH, 5), small);
    char *large = tsri_scratch_buffer(scratch, TSRI_BUFFER_FETCH, 3 << 20);
    assert_non_null(large);
    memset(large, 2, 3 << 20);
    assert_ptr_equal(tsri_scratch_buffer(scratch, TSRI_BUFFER_FETCH, 100), large);
    assert_int_equal((uintptr_t)large % 64, 0);
}

static void purposes_do_not_overlap(void **state)
{
    (void)state;
    char *buffers[TSRI_BUFFER_COUNT];
    for (int i = 0; i < TSRI_BUFFER_COUNT; i++) {
        buffers[i] = tsri_scratch_buffer(scratch, (tsri_buffer)i, 5000);
        memset(buffers[i], i + 1, 5000);
    }
    for (int i = 0; i < TSRI_BUFFER_COUNT; i++)
        for (int at = 0; at < 5000; at += 499)
            assert_int_equal(buffers[i][at], i + 1);
}

/* Dropping one leaves the others as they are; it can be had again, and dropped when it is not
 * there. */
static void a_buffer_is_dropped_alone(void **state)
{
    (void)state;
    char *kept = tsri_scratch_buffer(scratch, TSRI_BUFFER_GATHER, 5000);
    char *dropped = tsri_scratch_buffer(scratch, TSRI_BUFFER_SHARD, 5000);
    assert_non_null(kept);
    assert_non_null(dropped);
    memset(kept, 7, 5000);
    memset(dropped, 8, 5000);
    tsri_scratch_drop(scratch, TSRI_BUFFER_SHARD);
    tsri_scratch_drop(scratch, TSRI_BUFFER_SHARD);
    assert_ptr_equal(tsri_scratch_buffer(scratch, TSRI_BUFFER_GATHER, 5000), kept);
    for (int at = 0; at < 5000; at++)
        assert_int_equal(kept[at], 7);
    char *again = tsri_scratch_buffer(scratch, TSRI_BUFFER_SHARD, 9000);
    assert_non_null(again);
    memset(again, 9, 9000);
}

/* More than there is gives NULL, and the buffer works again afterwards. */
static void no_memory_is_survived(void **state)
{
    (void)state;
    assert_null(tsri_scratch_buffer(scratch, TSRI_BUFFER_CHUNK, SIZE_MAX / 4));
    char *after = tsri_scratch_buffer(scratch, TSRI_BUFFER_CHUNK, 100);
    assert_non_null(after);
    memset(after, 3, 100);
}

static void what_was_given_back_is_lent_again(void **state)
{
    (void)state;
    tsr_codec_scratch *first = NULL, *second = NULL, *third = NULL;
    assert_int_equal(tsri_scratch_acquire(context, &first, &err), 0);
    assert_int_equal(tsri_scratch_acquire(context, &second, &err), 0);
    assert_ptr_not_equal(first, second);
    tsri_scratch_release(context, first);
    assert_int_equal(tsri_scratch_acquire(context, &third, &err), 0);
    assert_ptr_equal(third, first);
    tsri_scratch_release(context, second);
    tsri_scratch_release(context, third);
    tsri_scratch_release(context, NULL);
}

/* Each thread fills what it has borrowed with its own number and looks at it again. */
static void *borrow_often(void *user)
{
    int number = (int)(intptr_t)user;
    for (int i = 0; i < 300; i++) {
        tsr_codec_scratch *lent;
        if (tsri_scratch_acquire(context, &lent, NULL) < 0)
            return (void *)1;
        char *bytes = tsri_scratch_buffer(lent, TSRI_BUFFER_GATHER, 64);
        memset(bytes, number, 64);
        sched_yield();
        for (int at = 0; at < 64; at++)
            if (bytes[at] != number)
                return (void *)2;
        tsri_scratch_release(context, lent);
    }
    return NULL;
}

static void threads_do_not_share(void **state)
{
    (void)state;
    pthread_t threads[6];
    for (intptr_t i = 0; i < 6; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, borrow_often, (void *)(i + 1)), 0);
    for (int i = 0; i < 6; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
}

static void a_forked_child_borrows_too(void **state)
{
    (void)state;
    tsr_codec_scratch *kept;
    int status;
    assert_int_equal(tsri_scratch_acquire(context, &kept, &err), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(borrow_often((void *)(intptr_t)9) == NULL ? 0 : 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    tsri_scratch_release(context, kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers_grow_and_stay),
        cmocka_unit_test(purposes_do_not_overlap),
        cmocka_unit_test(a_buffer_is_dropped_alone),
        cmocka_unit_test(no_memory_is_survived),
        cmocka_unit_test(what_was_given_back_is_lent_again),
        cmocka_unit_test(threads_do_not_share),
        cmocka_unit_test(a_forked_child_borrows_too),
    };
    return CHAIN_TESTS_RUN(tests);
}
