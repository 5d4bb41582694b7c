/* Proves that copies of elements of variable length own their bytes where the destination has a
 * heap and borrow them where it has none, for strides of every kind, and that comparing looks at
 * bytes and not at addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "tensor/variable.h"

static const int64_t shape[2] = {5, 7};

static void set_text(char *text, int i)
{
    sprintf(text, "%d:", i);
    for (int k = 0; k < i; k++)
        strcat(text, "ab");
}

/* Elements of 2 to 71 bytes whose bytes lie in `texts`. */
static tsr_view source_view(tsr_slot slots[35], char texts[35][80])
{
    tsr_view view;
    for (int i = 0; i < 35; i++) {
        set_text(texts[i], i);
        assert_int_equal(tsr_slot_borrow(&slots[i], texts[i], strlen(texts[i]), NULL), 0);
    }
    assert_int_equal(tsr_view_init(&view, TSR_STRING, 2, shape, slots, NULL), 0);
    return view;
}

static const tsr_slot *slot_at(const tsr_view *view, int64_t row, int64_t column)
{
    return (const void *)(view->data + row * view->strides[0] + column * view->strides[1]);
}

static void expect_text(const tsr_slot *slot, int i)
{
    char text[80];
    set_text(text, i);
    assert_int_equal(slot->size_bytes, strlen(text));
    assert_memory_equal(tsr_slot_bytes(slot), text, strlen(text));
}

static void test_new_views_are_empty(void **state)
{
    tsr_view view;
    (void)state;
    assert_int_equal(tsr_view_new(&view, TSR_VARIABLE_BYTES, 2, shape, NULL), 0);
    assert_non_null(view.heap);
    for (int i = 0; i < 35; i++)
        assert_int_equal(slot_at(&view, i / 7, i % 7)->size_bytes, 0);
    tsr_view_clear(&view);
    assert_null(view.heap);
}

static void test_owned_copies(void **state)
{
    static const int order[2] = {1, 0};
    tsr_slot slots[35];
    char texts[35][80];
    tsr_view from = source_view(slots, texts), to, turned;
    (void)state;
    assert_int_equal(tsr_view_new(&to, TSR_STRING, 2, shape, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_NO, NULL), 0);
    memset(texts, '!', sizeof texts);
    for (int i = 0; i < 35; i++)
        expect_text(slot_at(&to, i / 7, i % 7), i);
    tsr_view_clear(&to);

    from = source_view(slots, texts);
    const int64_t other[2] = {7, 5};
    assert_int_equal(tsr_view_new(&to, TSR_STRING, 2, other, NULL), 0);
    turned = from;
    assert_int_equal(tsr_view_transpose(&turned, order, NULL), 0);
    assert_int_equal(tsr_view_slice(&turned, 0, 6, 7, -1, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &turned, TSR_CASTING_NO, NULL), 0);
    memset(texts, '!', sizeof texts);
    for (int row = 0; row < 7; row++)
        for (int column = 0; column < 5; column++)
            expect_text(slot_at(&to, row, column), column * 7 + 6 - row);
    tsr_view_clear(&to);
}

static void test_borrowed_copies(void **state)
{
    tsr_slot slots[35], copies[35];
    char texts[35][80];
    tsr_view from = source_view(slots, texts), to;
    (void)state;
    assert_int_equal(tsr_view_init(&to, TSR_STRING, 2, shape, copies, NULL), 0);
    assert_int_equal(tsr_view_copy(&to, &from, TSR_CASTING_NO, NULL), 0);
    assert_memory_equal(copies, slots, sizeof slots);
}

static void test_comparing(void **state)
{
    tsr_slot slots[35], other;
    char texts[35][80], text[80];
    tsr_view view = source_view(slots, texts);
    (void)state;
    for (int i = 0; i < 35; i++) {
        set_text(text, i);
        assert_int_equal(tsr_slot_borrow(&other, text, strlen(text), NULL), 0);
        assert_true(tsr_dtype_element_equal(TSR_STRING, &slots[i], &other));
        text[strlen(text) - 1] ^= 1;
        assert_int_equal(tsr_slot_borrow(&other, text, strlen(text), NULL), 0);
        assert_false(tsr_dtype_element_equal(TSR_STRING, &slots[i], &other));
    }
    assert_false(tsr_view_is_filled_with(&view, &slots[30]));
    set_text(text, 30);
    assert_int_equal(tsr_slot_borrow(&other, text, strlen(text), NULL), 0);
    tsr_view_fill(&view, &slots[30]);
    assert_true(tsr_view_is_filled_with(&view, &other));
    slots[17].size_bytes--;
    assert_false(tsr_view_is_filled_with(&view, &other));
    const uint16_t a = 7, b = 8;
    assert_true(tsr_dtype_element_equal(TSR_UINT16, &a, &a));
    assert_false(tsr_dtype_element_equal(TSR_UINT16, &a, &b));
}

static void test_owned_fill(void **state)
{
    char text[] = "longer than twelve bytes";
    tsr_slot slot;
    tsr_view view;
    (void)state;
    assert_int_equal(tsr_view_new(&view, TSR_STRING, 2, shape, NULL), 0);
    assert_int_equal(tsr_slot_borrow(&slot, text, strlen(text), NULL), 0);
    assert_int_equal(tsri_view_fill_owned(&view, &slot, NULL), 0);
    text[0] = '!';
    assert_memory_equal(tsr_slot_bytes(slot_at(&view, 4, 6)), "longer than twelve bytes", 24);
    /* Once for all of them. */
    assert_ptr_equal(slot_at(&view, 4, 6)->rest.bytes, slot_at(&view, 0, 0)->rest.bytes);
    tsr_view_clear(&view);
}

static void test_clones(void **state)
{
    char text[] = "longer than twelve bytes";
    tsr_slot slot;
    (void)state;
    assert_int_equal(tsr_slot_borrow(&slot, text, strlen(text), NULL), 0);
    tsr_slot *clone = tsri_element_clone(TSR_STRING, &slot);
    memset(text, 0, sizeof text);
    assert_memory_equal(tsr_slot_bytes(clone), "longer than twelve bytes", 24);
    tsri_free(clone);
    clone = tsri_element_clone(TSR_STRING, NULL);
    assert_int_equal(clone->size_bytes, 0);
    tsri_free(clone);
    const double number = 1.5;
    double *copy = tsri_element_clone(TSR_FLOAT64, &number);
    assert_true(*copy == 1.5);
    tsri_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_views_are_empty), cmocka_unit_test(test_owned_copies),
        cmocka_unit_test(test_borrowed_copies),     cmocka_unit_test(test_comparing),
        cmocka_unit_test(test_owned_fill),          cmocka_unit_test(test_clones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
