/* Proves through the library what the command line cannot show: boxes of another shape, callbacks
 * that end the work, cancelling, progress, and that hashing needs no request twice. What is hashed
 * is proved in tests/cli/test_hash.py against another implementation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <tessera/hash.h>

#include "base/base.h"
#include "support/slow_store.h"
#include "unit/array/array_testing.h"

enum { ROWS = 64, COLUMNS = 96 };

static const array_row plain = {
    .name = "plain", .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {8, 12}, .codec = "none"};
static const array_row sharded = {.name = "sharded",
                                  .rank = 2,
                                  .shape = {ROWS, COLUMNS},
                                  .chunk = {16, 8},
                                  .shard = {32, 48},
                                  .codec = "zstd:1"};

static tsr_array *filled(fixture *f, tsr_store *store, const array_row *row)
{
    static uint16_t values[ROWS * COLUMNS];
    tsr_array *array = array_new(f, store, row->name, row, TSR_UINT16, NULL);

    for (int i = 0; i < ROWS * COLUMNS; i++)
        values[i] = (uint16_t)(i * 7919);
    good(tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &f->err), &f->err);
    return array;
}

typedef struct seen {
    int chunks, shards, nodes, stop_after;
} seen;

static int see_chunk(void *user, const char *path, const tsr_hash_chunk *chunk)
{
    seen *self = user;
    assert_string_equal(path, "");
    assert_int_equal(chunk->rank, 2);
    self->chunks += chunk->level == 0;
    self->shards += chunk->level == 1;
    return self->stop_after > 0 && --self->stop_after == 0 ? 77 : 0;
}

static int see_node(void *user, const tsr_hash_node *node)
{
    seen *self = user;
    self->nodes++;
    assert_non_null(node->array);
    assert_int_equal(node->chunks, self->chunks);
    return 0;
}

static void boxes_of_one_shape_make_layouts_comparable(void **state)
{
    const int64_t boxes[] = {10, 40};
    fixture *f = *state;
    tsr_array *a = filled(f, f->store, &plain), *b = filled(f, f->store, &sharded);
    tsr_hash first, second, third;
    tsr_hash_options options;
    seen counts = {0};

    good(tsr_array_hash(a, NULL, NULL, &first, &f->err), &f->err);
    good(tsr_array_hash(b, NULL, NULL, &second, &f->err), &f->err);
    assert_memory_not_equal(&first, &second, sizeof first);
    tsr_hash_options_init(&options);
    options.chunk_shape = tsr_array_chunk_shape(a);
    good(tsr_array_hash(b, &options, NULL, &second, &f->err), &f->err);
    assert_memory_equal(&first, &second, sizeof first);
    options.chunk_shape = boxes;
    good(tsr_array_hash(a, &options, NULL, &second, &f->err), &f->err);
    options.each_chunk = see_chunk;
    options.each_node = see_node;
    options.user = &counts;
    good(tsr_array_hash(b, &options, NULL, &third, &f->err), &f->err);
    assert_memory_equal(&second, &third, sizeof second);
    assert_int_equal(counts.chunks, 7 * 3);
    assert_int_equal(counts.shards, 0);
    assert_int_equal(counts.nodes, 1);
    tsr_array_close(a);
    tsr_array_close(b);
}

static void a_callback_ends_it(void **state)
{
    fixture *f = *state;
    tsr_array *array = filled(f, f->store, &sharded);
    seen counts = {.stop_after = 25};
    tsr_hash_options options;
    tsr_hash hash;

    tsr_hash_options_init(&options);
    options.each_chunk = see_chunk;
    options.each_node = see_node;
    options.user = &counts;
    assert_int_equal(tsr_array_hash(array, &options, NULL, &hash, &f->err), 77);
    assert_int_equal(counts.chunks + counts.shards, 25);
    assert_int_equal(counts.nodes, 0);
    tsr_array_close(array);
}

static void note_progress(void *user, const tsr_progress *progress)
{
    tsr_progress *last = user;
    assert_true(progress->bytes_done >= last->bytes_done); /* one count for all batches */
    *last = *progress;
}

static void is_cancelled_and_tells_how_far_it_is(void **state)
{
    fixture *f = *state;
    tsr_array *array = filled(f, f->store, &sharded);
    tsr_call call = TSR_CALL_INIT;
    tsr_progress last = {0};
    int cancel = 1;
    tsr_hash hash;

    call.cancel = &cancel;
    assert_int_equal(tsr_array_hash(array, NULL, &call, &hash, &f->err), TSR_CANCELLED);
    cancel = 0;
    call.progress = note_progress;
    call.user = &last;
    good(tsr_array_hash(array, NULL, &call, &hash, &f->err), &f->err);
    assert_int_equal(last.bytes_done, ROWS * COLUMNS * 2);
    tsr_array_close(array);
}

static void misuse_is_refused(void **state)
{
    const int64_t none[] = {0, 4}, shape[] = {8, 8};
    fixture *f = *state;
    tsr_array *array = filled(f, f->store, &plain);
    tsr_hash_options options = {0};
    tsr_group *group;
    tsr_hash hash;

    assert_int_equal(tsr_array_hash(array, &options, NULL, &hash, &f->err), TSR_INVALID_ARGUMENT);
    tsr_hash_options_init(&options);
    options.chunk_shape = none;
    assert_int_equal(tsr_array_hash(array, &options, NULL, &hash, &f->err), TSR_INVALID_ARGUMENT);
    options.chunk_shape = shape;
    options.stored = true;
    assert_int_equal(tsr_array_hash(array, &options, NULL, &hash, &f->err), TSR_INVALID_ARGUMENT);
    tsr_array_open_options open_options;
    tsr_array_open_options_init(&open_options);
    open_options.store = f->store;
    good(tsr_group_open(f->context, "", &open_options, &group, &f->err), &f->err);
    assert_int_equal(tsr_group_hash(group, &options, NULL, &hash, &f->err), TSR_INVALID_ARGUMENT);
    tsr_group_close(group);
    tsr_array_close(array);
}

static void each_inner_chunk_is_fetched_once(void **state)
{
    fixture *f = *state;
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){0});
    tsr_array *array = filled(f, &slow->head, &sharded);
    int64_t stored = 0;
    tsr_hash first, second;

    good(tsr_array_hash(array, NULL, NULL, &first, &f->err), &f->err);
    tsr_array_close(array);
    for (int i = 0; i < 4; i++) {
        char key[32];
        size_t size = 0;
        snprintf(key, sizeof key, "sharded/c/%d/%d", i / 2, i % 2);
        free(get_bytes(f, slow->below, key, &size));
        stored += (int64_t)size;
    }
    array = array_open(f, &slow->head, "sharded", false);
    slow_store_reset(slow);
    good(tsr_array_hash(array, NULL, NULL, &second, &f->err), &f->err);
    /* Indexes are read by the walk, and once more for the elements. */
    assert_in_range((uint64_t)slow_store_stats(slow).answered_bytes, (uint64_t)stored,
                    (uint64_t)stored * 3 / 2);
    assert_memory_equal(&first, &second, sizeof first);
    tsr_array_close(array);
    tsr_store_close(&slow->head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(boxes_of_one_shape_make_layouts_comparable), FIXTURE_TEST(a_callback_ends_it),
        FIXTURE_TEST(is_cancelled_and_tells_how_far_it_is),       FIXTURE_TEST(misuse_is_refused),
        FIXTURE_TEST(each_inner_chunk_is_fetched_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
