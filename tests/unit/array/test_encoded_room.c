/* Proves of the room for encoded inner chunks: what is kept stays as it was put there, from several
 * threads and beyond the end of the room too; the memory serves the next shard; nothing is freed
 * twice or forgotten (which the sanitizers see). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "array/encoded_room.h"

#define SIZE_MAX_OF_ONE 1000

static tsr_codec_scratch *scratch;

static int set_up(void **state)
{
    (void)state;
    return tsr_codec_scratch_new(&scratch, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    tsr_codec_scratch_free(scratch);
    return 0;
}

static size_t size_of(int number)
{
    return (size_t)(1 + number * 37 % SIZE_MAX_OF_ONE);
}

static void keep(tsri_encoded_room *room, int number, tsr_output *ret_kept)
{
    char bytes[SIZE_MAX_OF_ONE];
    memset(bytes, number, size_of(number));
    assert_int_equal(tsri_encoded_room_keep(room, bytes, size_of(number), ret_kept, NULL), 0);
}

static void assert_kept(const tsr_output *kept, int number)
{
    assert_int_equal(kept->size_bytes, size_of(number));
    for (size_t i = 0; i < kept->size_bytes; i++)
        assert_int_equal(kept->data[i], (char)number);
}

static void is_in_room(const tsri_encoded_room *room, const tsr_output *kept, bool expected)
{
    bool inside = room->memory && kept->data >= room->memory &&
                  kept->data < room->memory + room->capacity_bytes;
    assert_int_equal(inside, expected);
}

/* Twice what the room was made for: the rest lies elsewhere, and is as good. */
static void more_than_fits_is_kept(void **state)
{
    enum { COUNT = 200 };
    static tsr_output kept[COUNT];
    tsri_encoded_room room;
    (void)state;

    tsri_encoded_room_init(&room, scratch, 40, SIZE_MAX_OF_ONE);
    assert_int_equal(room.capacity_bytes, 40 * SIZE_MAX_OF_ONE);
    for (int i = 0; i < COUNT; i++)
        keep(&room, i, &kept[i]);
    is_in_room(&room, &kept[0], true);
    is_in_room(&room, &kept[COUNT - 1], false);
    for (int i = 0; i < COUNT; i++)
        assert_kept(&kept[i], i);
    for (int i = 0; i < COUNT; i++)
        tsri_encoded_room_drop(&room, &kept[i]);
}

static void the_next_shard_gets_the_same_memory(void **state)
{
    tsri_encoded_room first, second;
    tsr_output kept;
    (void)state;

    tsri_encoded_room_init(&first, scratch, 9, SIZE_MAX_OF_ONE);
    keep(&first, 5, &kept);
    tsri_encoded_room_drop(&first, &kept);
    tsri_encoded_room_init(&second, scratch, 9, SIZE_MAX_OF_ONE);
    assert_ptr_equal(second.memory, first.memory);
    assert_int_equal(second.used_bytes, 0);
}

/* Sizes that nobody bounds or that are too large to be kept get no room, and outputs of other kinds
 * are freed as ever. */
static void without_room_all_is_kept(void **state)
{
    static const uint64_t bounds[] = {0, TSRI_ENCODED_KEPT_MAX + 1, UINT64_MAX};
    tsri_encoded_room room = {0};
    tsr_output grown = {.max_bytes = SIZE_MAX}, kept;
    (void)state;

    for (int i = 0; i < 3; i++) {
        tsri_encoded_room_init(&room, scratch, INT64_MAX, bounds[i]);
        assert_int_equal(room.capacity_bytes, 0);
        keep(&room, i, &kept);
        assert_kept(&kept, i);
        tsri_encoded_room_drop(&room, &kept);
    }
    assert_int_equal(tsr_output_append(&grown, "abc", 3, NULL), 0);
    tsri_encoded_room_drop(&room, &grown);
    assert_null(grown.data);
    tsri_encoded_room_drop(&room, &grown); /* of nothing nothing is freed */
}

static void what_is_kept_has_a_limit(void **state)
{
    tsri_encoded_room room;
    (void)state;

    tsri_encoded_room_init(&room, scratch, INT64_MAX, 1 << 20);
    assert_int_equal(room.capacity_bytes, TSRI_ENCODED_KEPT_MAX);
}

enum { THREADS = 4, EACH = 500 };

typedef struct keeper {
    tsri_encoded_room *room;
    int first;
    tsr_output kept[EACH];
} keeper;

static void *keep_many(void *user)
{
    keeper *self = user;
    for (int i = 0; i < EACH; i++)
        keep(self->room, self->first + i, &self->kept[i]);
    return NULL;
}

static void threads_do_not_share_bytes(void **state)
{
    static keeper keepers[THREADS];
    pthread_t threads[THREADS];
    tsri_encoded_room room;
    (void)state;

    tsri_encoded_room_init(&room, scratch, THREADS * EACH / 4, SIZE_MAX_OF_ONE);
    for (int i = 0; i < THREADS; i++) {
        keepers[i].room = &room;
        keepers[i].first = i * EACH;
        assert_int_equal(pthread_create(&threads[i], NULL, keep_many, &keepers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < THREADS * EACH; i++) {
        tsr_output *kept = &keepers[i / EACH].kept[i % EACH];
        assert_kept(kept, i);
        tsri_encoded_room_drop(&room, kept);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_fits_is_kept),
        cmocka_unit_test(the_next_shard_gets_the_same_memory),
        cmocka_unit_test(without_room_all_is_kept),
        cmocka_unit_test(what_is_kept_has_a_limit),
        cmocka_unit_test(threads_do_not_share_bytes),
    };
    return cmocka_run_group_tests_name("array.encoded_room", tests, set_up, tear_down);
}
