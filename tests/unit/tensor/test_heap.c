/* Proves that slots hold short elements themselves, that heaps give every thread memory of its own,
 * and that what tsr_heap_to_arrow makes is what Arrow's specification says of a BinaryView. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pthread.h>

#include <cmocka.h>

#include <tessera/array.h>
#include <tessera/heap.h>

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";

static void test_slots(void **state)
{
    tsr_slot slot;
    char expected[16] = {12, 0, 0, 0, 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l'};
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(sizeof slot, 16);
    assert_int_equal(tsr_slot_borrow(&slot, letters, 12, NULL), 0);
    assert_memory_equal(&slot, expected, 16);
    assert_int_equal(tsr_slot_borrow(&slot, letters, 1, NULL), 0);
    memset(expected, 0, sizeof expected);
    expected[0] = 1;
    expected[4] = 'a';
    assert_memory_equal(&slot, expected, 16);
    assert_int_equal(tsr_slot_borrow(&slot, NULL, 0, NULL), 0);
    memset(expected, 0, sizeof expected);
    assert_memory_equal(&slot, expected, 16);
    assert_int_equal(tsr_slot_borrow(&slot, letters, 13, NULL), 0);
    assert_int_equal(slot.size_bytes, 13);
    assert_memory_equal(slot.head, "abcd", 4);
    assert_ptr_equal(tsr_slot_bytes(&slot), letters);
    assert_int_equal(tsr_slot_borrow(&slot, letters, (size_t)INT32_MAX + 1, &err), TSR_LIMIT);
    assert_non_null(strstr(err.message, "2147483648 bytes"));
}

static void test_copies(void **state)
{
    tsr_heap *heap;
    tsr_slot slots[200];
    char text[200];
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_heap_new(&heap, NULL), 0);
    assert_int_equal(tsr_heap_size(heap), 0);
    for (int i = 0; i < 200; i++) {
        memset(text, 'a' + i % 26, (size_t)i);
        assert_int_equal(tsr_heap_add(heap, text, (size_t)i, &slots[i], NULL), 0);
    }
    memset(text, '?', sizeof text);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(slots[i].size_bytes, i);
        for (int k = 0; k < i; k++)
            assert_int_equal(tsr_slot_bytes(&slots[i])[k], 'a' + i % 26);
    }
    assert_in_range(tsr_heap_size(heap), 200 * 199 / 2 - 12 * 13 / 2, 2 * 200 * 199 / 2 + 8192);
    tsr_heap_clear(heap);
    assert_int_equal(tsr_heap_size(heap), 0);
    assert_int_equal(tsr_heap_add(heap, letters, 26, &slots[0], NULL), 0);
    tsr_heap *again = tsr_heap_ref(heap);
    tsr_heap_unref(heap);
    assert_memory_equal(tsr_slot_bytes(&slots[0]), letters, 26);
    tsr_heap_unref(again);
    /* Short ones need none. */
    assert_int_equal(tsr_heap_add(NULL, letters, 12, &slots[0], NULL), 0);
    assert_int_equal(tsr_heap_add(NULL, letters, 13, &slots[0], &err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.next_step, "tsr_heap_new"));
    tsr_heap_clear(NULL);
    tsr_heap_unref(NULL);
}

enum { THREADS = 4, PER_THREAD = 3000 };

typedef struct filler {
    tsr_heap *heap;
    int number;
    tsr_slot slots[PER_THREAD];
} filler;

static void *fill(void *user)
{
    filler *self = user;
    char text[64];
    for (int i = 0; i < PER_THREAD; i++) {
        memset(text, self->number * 60 + i % 60, sizeof text);
        if (tsr_heap_add(self->heap, text, (size_t)(13 + i % 50), &self->slots[i], NULL) < 0)
            return NULL;
    }
    return self;
}

static void test_threads(void **state)
{
    tsr_heap *heap;
    pthread_t threads[THREADS];
    filler *fillers = calloc(THREADS, sizeof *fillers);
    (void)state;
    assert_non_null(fillers);
    assert_int_equal(tsr_heap_new(&heap, NULL), 0);
    for (int t = 0; t < THREADS; t++) {
        fillers[t].heap = heap;
        fillers[t].number = t;
        assert_int_equal(pthread_create(&threads[t], NULL, fill, &fillers[t]), 0);
    }
    for (int t = 0; t < THREADS; t++) {
        void *filled;
        assert_int_equal(pthread_join(threads[t], &filled), 0);
        assert_non_null(filled);
    }
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < PER_THREAD; i++) {
            const tsr_slot *slot = &fillers[t].slots[i];
            assert_int_equal(slot->size_bytes, 13 + i % 50);
            for (uint32_t k = 0; k < slot->size_bytes; k++)
                assert_int_equal((unsigned char)slot->rest.bytes[k], t * 60 + i % 60);
        }
    free(fillers);
    tsr_heap_unref(heap);
}

/* As the specification has it: int32 length, then 12 bytes, or 4 bytes of prefix, int32 number of a
 * buffer, int32 offset. */
static void test_arrow(void **state)
{
    tsr_heap *heap;
    tsr_slot slots[300], before;
    tsr_heap_buffer *buffers;
    size_t buffer_count;
    char text[8000];
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_heap_new(&heap, NULL), 0);
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof text, "%04d%*s", i, i * i / 12, "x");
        assert_int_equal(tsr_heap_add(heap, text, strlen(text), &slots[i], NULL), 0);
    }
    before = slots[1];
    tsr_slot foreign[2] = {slots[299]};
    assert_int_equal(tsr_slot_borrow(&foreign[1], letters, 26, NULL), 0);
    assert_int_equal(tsr_heap_to_arrow(heap, foreign, 2, &buffers, &buffer_count, &err),
                     TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "element 1"));
    assert_ptr_equal(foreign[0].rest.bytes, slots[299].rest.bytes);
    assert_int_equal(tsr_heap_to_arrow(heap, slots, 300, &buffers, &buffer_count, NULL), 0);
    assert_true(buffer_count > 1);
    assert_memory_equal(&slots[1], &before, sizeof before);
    for (int i = 0; i < 300; i++) {
        int32_t length, number, offset;
        int written = snprintf(text, sizeof text, "%04d%*s", i, i * i / 12, "x");
        const char *view = (const char *)&slots[i];
        memcpy(&length, view, 4);
        assert_int_equal(length, written);
        if (length <= 12) {
            assert_memory_equal(view + 4, text, (size_t)length);
            continue;
        }
        assert_memory_equal(view + 4, text, 4);
        memcpy(&number, view + 8, 4);
        memcpy(&offset, view + 12, 4);
        assert_in_range(number, 0, buffer_count - 1);
        assert_true((size_t)offset + (size_t)length <= buffers[number].size_bytes);
        assert_memory_equal(buffers[number].bytes + offset, text, (size_t)length);
    }
    tsr_free(buffers);
    tsr_heap_unref(heap);
}

/* Memory that nobody has written to might hold anything, and buffers leave the process: the rest
 * of a block is not handed over. */
static void test_arrow_bytes_are_set(void **state)
{
    tsr_heap *heap;
    tsr_slot slots[2];
    tsr_heap_buffer *buffers;
    size_t buffer_count, of_text = 0;
    char text[3000];
    (void)state;
    memset(text, 'x', sizeof text);
    assert_int_equal(tsr_heap_new(&heap, NULL), 0);
    for (int i = 0; i < 2; i++) /* the second one does not fit behind the first */
        assert_int_equal(tsr_heap_add(heap, text, sizeof text, &slots[i], NULL), 0);
    assert_int_equal(tsr_heap_to_arrow(heap, slots, 2, &buffers, &buffer_count, NULL), 0);
    assert_int_equal(buffer_count, 2);
    for (size_t i = 0; i < buffer_count; i++)
        for (size_t k = 0; k < buffers[i].size_bytes; k++)
            of_text += buffers[i].bytes[k] == 'x';
    assert_int_equal(of_text, 2 * sizeof text);
    assert_int_equal(buffers[0].size_bytes + buffers[1].size_bytes, 2 * sizeof text);
    tsr_free(buffers);
    tsr_heap_unref(heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_arrow),
        cmocka_unit_test(test_arrow_bytes_are_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
