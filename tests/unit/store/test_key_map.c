/* Proves the ordered map against a sorted array, over random histories, that its hash table is
 * a shortcut only, and that keys of chunks are spread over it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault/nth_malloc.h"
#include "store/key_map.h"

enum { KEYS = 300, STEPS = 20000 };

static uint64_t next_random(uint64_t *random)
{
    *random = *random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *random >> 33;
}

/* Key i in byte order. */
static void name_key(char text[16], int i)
{
    snprintf(text, 16, "k%03d", i);
}

static void check_all(const tsri_key_map *map, const bool *present)
{
    const tsri_key_node *node = map->first[0];
    for (int i = 0; i < KEYS; i++) {
        char text[16];
        name_key(text, i);
        const tsri_key_node *found = tsri_key_map_find(map, text);
        assert_int_equal(found != NULL, present[i]);
        if (!present[i])
            continue;
        assert_ptr_equal(found, node);
        assert_string_equal(node->key, text);
        node = node->next[0];
    }
    assert_null(node);
}

/* Several at once are what they are one by one. */
static void check_together(const tsri_key_map *map)
{
    char texts[TSRI_KEY_MAP_LOOKS_MAX][16];
    const char *keys[TSRI_KEY_MAP_LOOKS_MAX];
    tsri_key_node *nodes[TSRI_KEY_MAP_LOOKS_MAX];
    for (size_t n = 0; n <= TSRI_KEY_MAP_LOOKS_MAX; n++)
        for (int i = 0; i + (int)n <= KEYS; i += 37) {
            for (size_t k = 0; k < n; k++) {
                name_key(texts[k], i + (int)k);
                keys[k] = k == 5 ? "" : texts[k];
            }
            tsri_key_map_find_many(map, keys, n, nodes);
            for (size_t k = 0; k < n; k++)
                assert_ptr_equal(nodes[k], tsri_key_map_find(map, keys[k]));
        }
}

static void random_histories_follow_an_array(void **state)
{
    (void)state;
    tsri_key_map map = TSRI_KEY_MAP_INIT;
    bool present[KEYS] = {false};
    uint64_t random = 5;
    for (int step = 0; step < STEPS; step++) {
        int i = (int)(next_random(&random) % KEYS);
        char text[16];
        name_key(text, i);
        if (present[i]) {
            tsri_key_node *node = tsri_key_map_remove(&map, text);
            assert_non_null(node);
            assert_string_equal(node->key, text);
            tsri_key_node_free(node);
        } else {
            assert_null(tsri_key_map_remove(&map, text));
            tsri_key_map_insert(&map, tsri_key_node_new(&map, text));
        }
        present[i] = !present[i];
        if (step % 500 == 0)
            check_all(&map, present);
        check_together(&map);
    }
    check_all(&map, present);
    tsri_key_map_clear(&map);
    assert_null(tsri_key_map_seek(&map, ""));
}

static void seek_finds_the_next_key(void **state)
{
    (void)state;
    tsri_key_map map = TSRI_KEY_MAP_INIT;
    static const char *const keys[] = {"a/b", "a", "b", "\xc3\xa4", "a-"};
    for (size_t i = 0; i < 5; i++)
        tsri_key_map_insert(&map, tsri_key_node_new(&map, keys[i]));
    assert_string_equal(tsri_key_map_seek(&map, "")->key, "a");
    assert_string_equal(tsri_key_map_seek(&map, "a")->key, "a");
    assert_string_equal(tsri_key_map_seek(&map, "a\x01")->key, "a-");
    assert_string_equal(tsri_key_map_seek(&map, "a.")->key, "a/b");
    assert_string_equal(tsri_key_map_seek(&map, "a0")->key, "b");
    assert_string_equal(tsri_key_map_seek(&map, "c")->key, "\xc3\xa4");
    assert_null(tsri_key_map_seek(&map, "\xff"));
    assert_null(tsri_key_map_find(&map, "a/"));
    tsri_key_map_clear(&map);
}

/* A list in which every node had the height 1 would take 10^10 steps. */
static void many_keys_in_order_stay_fast(void **state)
{
    (void)state;
    tsri_key_map map = TSRI_KEY_MAP_INIT;
    for (int i = 0; i < 100000; i++) {
        char text[16];
        snprintf(text, sizeof text, "%06d", i);
        tsri_key_map_insert(&map, tsri_key_node_new(&map, text));
    }
    int count = 0;
    for (const tsri_key_node *node = map.first[0]; node; node = node->next[0])
        count++;
    assert_int_equal(count, 100000);
    tsri_key_map_clear(&map);
}

static size_t longest_place(const tsri_key_map *map)
{
    size_t longest = 0;
    for (size_t i = 0; i < map->place_count; i++) {
        size_t length = 0;
        for (const tsri_key_node *node = map->places[i]; node; node = node->next_place)
            length++;
        longest = length > longest ? length : longest;
    }
    return longest;
}

/* Keys of chunks differ in their last bytes, or in a few in the middle. Of keys that are thrown at
 * random at twice as many places, 8 or more share one with a chance below 10^-6. */
static void keys_of_chunks_are_spread(void **state)
{
    static const struct {
        const char *before, *between, *behind;
        int z, y, x;
    } kinds[] = {
        {"c/", "/", "", 32, 32, 32},
        {"small/c/", "/", "", 40, 40, 20},
        {"a/very/long/path/c/", "/", "", 2, 200, 100},
        {"", ".", "", 1, 30, 1000},
        {"c/", "/", "/zarr.json", 30, 30, 30},
        {"c/", "/00", "", 10, 100, 30},
    };
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        tsri_key_map map = TSRI_KEY_MAP_INIT;
        int count = kinds[i].z * kinds[i].y * kinds[i].x;
        for (int at = 0; at < count; at++) {
            int x = at % kinds[i].x, y = at / kinds[i].x % kinds[i].y;
            char text[60];
            snprintf(text, sizeof text, "%s%d%s%d%s%d%s", kinds[i].before,
                     at / kinds[i].x / kinds[i].y, kinds[i].between, y, kinds[i].between, x,
                     kinds[i].behind);
            tsri_key_map_insert(&map, tsri_key_node_new(&map, text));
        }
        assert_true(map.place_count >= 2 * (size_t)count);
        assert_in_range(longest_place(&map), 1, 7);
        tsri_key_map_clear(&map);
    }
}

enum { CROWD = 3000 };

/* The table stays at the size that `with_memory` insertions gave it; everything is found and taken
 * out all the same. */
static void check_refused_growth(int with_memory)
{
    static tsri_key_node *nodes[CROWD];
    tsri_key_map map = TSRI_KEY_MAP_INIT;
    char text[16];
    for (int i = 0; i < CROWD; i++) {
        snprintf(text, sizeof text, "c/%d/%d", i % 53, i / 53);
        nodes[i] = tsri_key_node_new(&map, text);
    }
    for (int i = 0; i < with_memory; i++)
        tsri_key_map_insert(&map, nodes[i]);
    size_t places = map.place_count;
    nth_malloc_arm(1, true);
    for (int i = with_memory; i < CROWD; i++)
        tsri_key_map_insert(&map, nodes[i]);
    assert_true(nth_malloc_disarm());
    assert_int_equal(map.place_count, places);
    for (int i = 0; i < CROWD; i++) {
        snprintf(text, sizeof text, "c/%d/%d", i % 53, i / 53);
        assert_ptr_equal(tsri_key_map_find(&map, text), nodes[i]);
    }
    assert_null(tsri_key_map_find(&map, "c/53/0"));
    for (int i = 0; i < CROWD; i += 2) {
        snprintf(text, sizeof text, "c/%d/%d", i % 53, i / 53);
        assert_ptr_equal(tsri_key_map_remove(&map, text), nodes[i]);
        assert_null(tsri_key_map_find(&map, text));
        tsri_key_node_free(nodes[i]);
    }
    /* With memory again the table takes in what is there. */
    tsri_key_map_insert(&map, tsri_key_node_new(&map, "z"));
    assert_true(map.place_count > places);
    assert_ptr_equal(tsri_key_map_find(&map, "c/1/0"), nodes[1]);
    tsri_key_map_clear(&map);
}

static void a_table_that_cannot_grow_is_no_obstacle(void **state)
{
    (void)state;
    check_refused_growth(0);  /* no table at all */
    check_refused_growth(10); /* every place has more nodes than are searched */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_follow_an_array),
        cmocka_unit_test(seek_finds_the_next_key),
        cmocka_unit_test(many_keys_in_order_stay_fast),
        cmocka_unit_test(keys_of_chunks_are_spread),
        cmocka_unit_test(a_table_that_cannot_grow_is_no_obstacle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
