/* Proves of walks over chunks: each chunk once with its place, size and state, at every level;
 * damage is a finding and hides nothing; left-over keys; single encoded chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#include "support/slow_store.h"
#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define INDEX "\"index_codecs\":[" LITTLE "," CRC "]"

enum { SEEN_MAX = 256 };

typedef struct seen {
    tsr_chunk_info infos[SEEN_MAX];
    int count, stop_at, stop_with;
} seen;

static int note(void *user, const tsr_chunk_info *info)
{
    seen *self = user;
    assert_true(self->count < SEEN_MAX);
    self->infos[self->count++] = *info;
    return self->count == self->stop_at ? self->stop_with : 0;
}

static void walk(fixture *f, tsr_array *array, bool inner, bool data, bool stored_only, seen *ret)
{
    tsr_chunk_walk_options options;
    tsr_chunk_walk_options_init(&options);
    options.inner = inner;
    options.data = data;
    options.stored_only = stored_only;
    memset(ret, 0, sizeof *ret);
    good(tsr_array_walk_chunks(array, &options, note, ret, NULL, &f->err), &f->err);
}

static const array_row flat = {
    .name = "flat", .rank = 2, .shape = {5, 4}, .chunk = {2, 2}, .codec = "none"};

static void write_box(fixture *f, tsr_array *array, int64_t y, int64_t x, int64_t height,
                      int64_t width)
{
    unsigned char values[256];
    const int64_t start[] = {y, x}, shape[] = {height, width};
    memset(values, 9, sizeof values);
    good(
        tsr_array_write(array, start, shape, NULL, values, (size_t)(height * width), NULL, &f->err),
        &f->err);
}

static void chunks_come_in_grid_order(void **state)
{
    fixture *f = *state;
    seen all;
    tsr_array *array = array_new(f, f->store, "a", &flat, TSR_UINT8, NULL);
    write_box(f, array, 0, 2, 1, 1);
    write_box(f, array, 4, 0, 1, 1);
    walk(f, array, true, true, false, &all);
    assert_int_equal(all.count, 6);
    for (int i = 0; i < 6; i++) {
        const tsr_chunk_info *info = &all.infos[i];
        char key[32];
        bool stored = i == 1 || i == 4;
        snprintf(key, sizeof key, "c/%d/%d", i / 2, i % 2);
        assert_string_equal(info->key, key);
        assert_int_equal(info->level, 0);
        assert_int_equal(info->index[0], i / 2);
        assert_int_equal(info->index[1], i % 2);
        assert_int_equal(info->state, stored ? TSR_CHUNK_STORED : TSR_CHUNK_MISSING);
        assert_int_equal(info->size_bytes, stored ? 4 : 0);
    }
    walk(f, array, true, true, true, &all);
    assert_int_equal(all.count, 2);
    assert_string_equal(all.infos[0].key, "c/0/1");
    assert_string_equal(all.infos[1].key, "c/2/0");
    tsr_array_close(array);
}

/* 2 shards of 4 inner chunks of 2 bytes; the second one lies half outside the array. */
static const array_row sharded = {
    .name = "sharded", .rank = 1, .shape = {12}, .chunk = {2}, .shard = {8}, .codec = "none"};

static void inner_chunks_follow_their_shard(void **state)
{
    fixture *f = *state;
    seen all;
    unsigned char ones[4] = {1, 1, 1, 1};
    const int64_t start = 2, shape = 4;
    tsr_array *array = array_new(f, f->store, "a", &sharded, TSR_UINT8, NULL);
    good(tsr_array_write(array, &start, &shape, NULL, ones, 4, NULL, &f->err), &f->err);
    walk(f, array, true, true, false, &all);
    /* The shard, its 4 inner chunks, and the missing shard. */
    static const struct {
        int level;
        int64_t index;
        tsr_chunk_state state;
        uint64_t offset, size;
    } expected[] = {{0, 0, TSR_CHUNK_STORED, 0, 72}, {1, 0, TSR_CHUNK_MISSING, 0, 0},
                    {1, 1, TSR_CHUNK_STORED, 0, 2},  {1, 2, TSR_CHUNK_STORED, 2, 2},
                    {1, 3, TSR_CHUNK_MISSING, 0, 0}, {0, 1, TSR_CHUNK_MISSING, 0, 0}};
    assert_int_equal(all.count, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(all.infos[i].level, expected[i].level);
        assert_int_equal(all.infos[i].index[0], expected[i].index);
        assert_int_equal(all.infos[i].state, expected[i].state);
        assert_int_equal(all.infos[i].offset, expected[i].offset);
        assert_int_equal(all.infos[i].size_bytes, expected[i].size);
    }
    walk(f, array, false, true, false, &all);
    assert_int_equal(all.count, 2);
    tsr_array_close(array);
}

/* Two levels behind a transpose: grid coordinates are those of the array, and count over all of it.
 */
static void nested_levels_have_coordinates_of_the_array(void **state)
{
    fixture *f = *state;
    static const array_row nested = {
        .name = "nested",
        .rank = 2,
        .shape = {8, 8},
        .chunk = {4, 8},
        .codecs = "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}},"
                  "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[4,4],"
                  "\"codecs\":[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":"
                  "[2,4],\"codecs\":[" LITTLE "]," INDEX "}}]," INDEX "}}]"};
    seen all;
    tsr_array *array = array_new(f, f->store, "a", &nested, TSR_UINT8, NULL);
    write_box(f, array, 4, 6, 1, 1); /* chunk (1, 0); shard (1, 1) of (4, 4); (1, 3) of (4, 2) */
    walk(f, array, true, true, true, &all);
    assert_int_equal(all.count, 5);
    assert_int_equal(all.infos[0].level, 0);
    assert_int_equal(all.infos[1].level, 1);
    assert_int_equal(all.infos[1].state, TSR_CHUNK_MISSING);
    assert_int_equal(all.infos[2].level, 1);
    assert_int_equal(all.infos[2].index[0], 1);
    assert_int_equal(all.infos[2].index[1], 1);
    assert_int_equal(all.infos[4].level, 2);
    assert_int_equal(all.infos[4].state, TSR_CHUNK_STORED);
    assert_int_equal(all.infos[4].index[0], 1);
    assert_int_equal(all.infos[4].index[1], 3);
    assert_int_equal(all.infos[4].size_bytes, 8);
    tsr_array_close(array);
}

/* ---- damage ---- */

static void damage_is_a_finding(void **state)
{
    fixture *f = *state;
    seen all;
    static const array_row checked = {
        .name = "checked", .rank = 1, .shape = {24}, .chunk = {2}, .shard = {8}, .codec = "zstd:1"};
    unsigned char ones[24], *shard;
    size_t size = 0;
    memset(ones, 1, sizeof ones);
    tsr_array *array = array_new(f, f->store, "a", &checked, TSR_UINT8, NULL);
    good(tsr_array_write(array, NULL, NULL, NULL, ones, 24, NULL, &f->err), &f->err);
    shard = get_bytes(f, f->store, "a/c/0", &size);
    shard[1] ^= 1; /* in inner chunk 0 */
    put_bytes(f, f->store, "a/c/0", shard, size);
    shard[1] ^= 1;
    shard[size - 1] ^= 1; /* in the checksum of the index */
    put_bytes(f, f->store, "a/c/1", shard, size);
    put_bytes(f, f->store, "a/c/2", shard, 10);
    free(shard);
    walk(f, array, true, true, false, &all);
    /* Each once: the first shard with its inner chunks, two that are damaged as a whole. */
    assert_int_equal(all.count, 7);
    assert_int_equal(all.infos[0].state, TSR_CHUNK_STORED);
    assert_int_equal(all.infos[1].state, TSR_CHUNK_DAMAGED);
    assert_int_equal(all.infos[1].error.status, TSR_DAMAGED);
    assert_non_null(strstr(all.infos[1].error.message, "crc32c"));
    assert_non_null(strstr(all.infos[1].error.where, "c/0"));
    assert_int_equal(all.infos[2].state, TSR_CHUNK_STORED);
    for (int i = 5; i < 7; i++) {
        assert_int_equal(all.infos[i].level, 0);
        assert_int_equal(all.infos[i].index[0], i - 4);
        assert_int_equal(all.infos[i].state, TSR_CHUNK_DAMAGED);
        assert_int_equal(all.infos[i].error.status, TSR_DAMAGED);
    }
    assert_non_null(strstr(all.infos[5].error.message, "shard index"));
    assert_non_null(strstr(all.infos[6].error.message, "10 bytes is shorter than its index"));
    /* Without data only the indexes are looked at. */
    walk(f, array, true, false, false, &all);
    assert_int_equal(all.infos[1].state, TSR_CHUNK_STORED);
    assert_int_equal(all.infos[5].state, TSR_CHUNK_DAMAGED);
    /* Nobody has to want an error of the walk itself. */
    tsr_chunk_walk_options options;
    tsr_chunk_walk_options_init(&options);
    options.inner = true;
    memset(&all, 0, sizeof all);
    assert_int_equal(tsr_array_walk_chunks(array, &options, note, &all, NULL, NULL), 0);
    assert_int_equal(all.count, 7);
    assert_true(all.infos[6].error.message[0] != 0);
    tsr_array_close(array);
}

static void sizes_that_cannot_be_are_damage(void **state)
{
    fixture *f = *state;
    seen all;
    static const array_row packed = {
        .name = "packed", .rank = 1, .shape = {8}, .chunk = {4}, .codec = "zstd:1"};
    tsr_array *array = array_new(f, f->store, "a", &flat, TSR_UINT8, NULL);
    put_bytes(f, f->store, "a/c/0/0", "12345", 5);
    walk(f, array, false, false, true, &all);
    assert_int_equal(all.infos[0].state, TSR_CHUNK_DAMAGED);
    assert_non_null(strstr(all.infos[0].error.message, "5 bytes are stored where the chunk has 4"));
    tsr_array_close(array);
    array = array_new(f, f->store, "b", &packed, TSR_UINT8, NULL);
    char *large = calloc(1, 3 << 20);
    put_bytes(f, f->store, "b/c/0", large, 3 << 20);
    free(large);
    walk(f, array, false, true, true, &all);
    assert_int_equal(all.infos[0].state, TSR_CHUNK_DAMAGED);
    assert_non_null(strstr(all.infos[0].error.message, "at most"));
    tsr_array_close(array);
}

/* Failures that are no damage end the walk. */
static void failures_end_the_walk(void **state)
{
    fixture *f = *state;
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){.delay_us = 50});
    tsr_array *writer = array_new(f, slow->below, "a", &sharded, TSR_UINT8, NULL);
    unsigned char ones[12];
    seen all = {0};
    tsr_chunk_walk_options options;
    memset(ones, 1, sizeof ones);
    good(tsr_array_write(writer, NULL, NULL, NULL, ones, 12, NULL, &f->err), &f->err);
    tsr_array_close(writer);
    tsr_array *array = array_open(f, &slow->head, "a", false);
    tsr_chunk_walk_options_init(&options);
    options.inner = options.data = true;
    for (int64_t n = 1; n <= 9; n++) {
        slow_store_reset(slow);
        slow_store_fail(slow, n, TSR_IO);
        memset(&all, 0, sizeof all);
        int status = tsr_array_walk_chunks(array, &options, note, &all, NULL, &f->err);
        assert_int_equal(status, TSR_IO);
        assert_non_null(strstr(f->err.message, "injected"));
    }
    slow_store_reset(slow);
    memset(&all, 0, sizeof all);
    good(tsr_array_walk_chunks(array, &options, note, &all, NULL, &f->err), &f->err);
    assert_int_equal(all.count, 8);
    tsr_array_close(array);
    tsr_store_close(&slow->head);
}

/* One chunk that cannot be read says nothing of the others. */
static void what_cannot_be_read_is_a_finding_where_it_is_asked_for(void **state)
{
    fixture *f = *state;
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){.delay_us = 50});
    tsr_array *writer = array_new(f, slow->below, "a", &sharded, TSR_UINT8, NULL);
    static const int failures[] = {TSR_IO, TSR_PERMISSION};
    unsigned char ones[12];
    seen all = {0};
    tsr_chunk_walk_options options;
    memset(ones, 1, sizeof ones);
    good(tsr_array_write(writer, NULL, NULL, NULL, ones, 12, NULL, &f->err), &f->err);
    tsr_array_close(writer);
    tsr_array *array = array_open(f, &slow->head, "a", false);
    tsr_chunk_walk_options_init(&options);
    options.inner = options.data = options.unreadable = true;
    for (int64_t n = 1; n <= 18; n++) {
        int unreadable = 0, status = failures[n % 2];
        slow_store_reset(slow);
        slow_store_fail(slow, (n + 1) / 2, status);
        memset(&all, 0, sizeof all);
        good(tsr_array_walk_chunks(array, &options, note, &all, NULL, &f->err), &f->err);
        for (int i = 0; i < all.count; i++) {
            if (all.infos[i].state != TSR_CHUNK_UNREADABLE)
                continue;
            unreadable++;
            assert_int_equal(all.infos[i].error.status, status);
            assert_non_null(strstr(all.infos[i].error.message, "injected"));
        }
        assert_int_equal(unreadable, 1);
        assert_true(all.count >= 4); /* of 8: the first shard hides the four in it */
    }
    slow_store_reset(slow);
    slow_store_fail(slow, 1, TSR_UNREACHABLE); /* that of the store says something of all chunks */
    assert_int_equal(tsr_array_walk_chunks(array, &options, note, &all, NULL, &f->err),
                     TSR_UNREACHABLE);
    tsr_array_close(array);
    tsr_store_close(&slow->head);
}

/* A writer puts the first shard anew before a get, each time with another number of inner chunks.
 */
typedef struct rewriting {
    fixture *f;
    tsr_array *writer;
    int64_t at, times; /* from this get on, before so many */
} rewriting;

static void rewrite(void *user, slow_store *store, int64_t number, const char *key)
{
    rewriting *self = user;
    unsigned char values[8];
    const int64_t start = 0, length = 8;
    memset(values, 1, sizeof values);
    (void)store;
    (void)key;
    if (number < self->at || number >= self->at + self->times)
        return;
    for (int64_t i = 2 + 2 * (number % 4); i < 8; i++)
        values[i] = 0;
    assert_int_equal(tsr_array_write(self->writer, &start, &length, NULL, values, 8, NULL, NULL),
                     0);
}

/* What is read of two values is not taken for damage of one. */
static void a_shard_that_is_replaced_meanwhile_is_not_damaged(void **state)
{
    fixture *f = *state;
    slow_store *slow = slow_store_open(f->context, &(slow_store_options){.delay_us = 1});
    rewriting job = {.f = f, .writer = array_new(f, slow->below, "a", &sharded, TSR_UINT8, NULL)};
    unsigned char ones[12];
    int stored_at[2] = {0, 0};
    seen all = {0};
    tsr_chunk_walk_options options;
    memset(ones, 1, sizeof ones);
    tsr_array *array = array_open(f, &slow->head, "a", false);
    tsr_chunk_walk_options_init(&options);
    options.inner = options.data = true;
    for (int64_t at = 1; at <= 24; at++) {
        good(tsr_array_write(job.writer, NULL, NULL, NULL, ones, 12, NULL, &f->err), &f->err);
        job.at = (at + 1) / 2;
        job.times = 1 + at % 3;
        memset(&all, 0, sizeof all);
        slow_store_reset(slow);
        slow_store_before(slow, rewrite, &job);
        good(tsr_array_walk_chunks(array, &options, note, &all, NULL, &f->err), &f->err);
        slow_store_before(slow, NULL, NULL);
        assert_int_equal(all.count, 8);
        for (int i = 0; i < all.count; i++)
            assert_int_not_equal(all.infos[i].state, TSR_CHUNK_DAMAGED);
        stored_at[all.infos[4].state == TSR_CHUNK_STORED]++;
    }
    assert_true(stored_at[0] > 0 && stored_at[1] > 0); /* both values were met */
    job.at = 1;
    job.times = INT64_MAX / 2;
    slow_store_reset(slow);
    slow_store_before(slow, rewrite, &job);
    assert_int_equal(tsr_array_walk_chunks(array, &options, note, &all, NULL, &f->err),
                     TSR_CONFLICT);
    assert_non_null(strstr(f->err.message, "c/0"));
    slow_store_before(slow, NULL, NULL);
    tsr_array_close(array);
    tsr_array_close(job.writer);
    tsr_store_close(&slow->head);
}

static void a_walk_ends_when_told(void **state)
{
    fixture *f = *state;
    tsr_chunk_walk_options options;
    static const array_row endless = {.name = "endless",
                                      .rank = 2,
                                      .shape = {INT64_C(1) << 62, 4},
                                      .chunk = {1, 4},
                                      .codec = "none"};
    tsr_array *array = array_new(f, f->store, "a", &endless, TSR_UINT8, NULL);
    seen few = {.stop_at = 3, .stop_with = 42};
    tsr_chunk_walk_options_init(&options);
    assert_int_equal(tsr_array_walk_chunks(array, &options, note, &few, NULL, &f->err), 42);
    assert_int_equal(few.count, 3);
    few = (seen){.stop_at = 1, .stop_with = TSR_IO};
    assert_int_equal(tsr_array_walk_chunks(array, &options, note, &few, NULL, &f->err), TSR_IO);
    /* Only what is stored: of 2^62 chunks one. */
    write_box(f, array, (INT64_C(1) << 62) - 1, 0, 1, 4);
    seen one;
    walk(f, array, true, true, true, &one);
    assert_int_equal(one.count, 1);
    assert_int_equal(one.infos[0].index[0], (INT64_C(1) << 62) - 1);
    tsr_array_close(array);
}

static int ignore(void *user, const tsr_chunk_info *info)
{
    (void)user;
    (void)info;
    return 0;
}

static void deadline_cancel_and_rate(void **state)
{
    fixture *f = *state;
    tsr_chunk_walk_options options;
    static const array_row endless = {
        .name = "endless", .rank = 1, .shape = {INT64_C(1) << 40}, .chunk = {1}, .codec = "none"};
    int cancel = 1;
    tsr_array *array = array_new(f, f->store, "a", &endless, TSR_UINT8, NULL);
    tsr_chunk_walk_options_init(&options);
    assert_int_equal(tsr_array_walk_chunks(array, &options, ignore, NULL,
                                           &(tsr_call){.deadline_ms = 30}, &f->err),
                     TSR_DEADLINE);
    assert_int_equal(tsr_array_walk_chunks(array, &options, ignore, NULL,
                                           &(tsr_call){.cancel = &cancel}, &f->err),
                     TSR_CANCELLED);
    tsr_array_close(array);
    /* 24 chunks of 1,000 bytes at 240,000 bytes a second take a tenth of one. */
    static const array_row thousands = {
        .name = "thousands", .rank = 1, .shape = {24000}, .chunk = {1000}, .codec = "none"};
    array = array_new(f, f->store, "b", &thousands, TSR_UINT8, NULL);
    char *ones = malloc(24000);
    memset(ones, 1, 24000);
    good(tsr_array_write(array, NULL, NULL, NULL, ones, 24000, NULL, &f->err), &f->err);
    free(ones);
    struct timespec before, after;
    options.data = true;
    options.rate_bytes = 240000;
    clock_gettime(CLOCK_MONOTONIC, &before);
    good(tsr_array_walk_chunks(array, &options, ignore, NULL, NULL, &f->err), &f->err);
    clock_gettime(CLOCK_MONOTONIC, &after);
    double seconds =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    assert_true(seconds > 0.08 && seconds < 3);
    tsr_array_close(array);
}

/* ---- other keys, and encoded chunks ---- */

static int join(void *user, const char *key, int64_t size_bytes)
{
    char *all = user;
    sprintf(all + strlen(all), "%s=%lld ", key, (long long)size_bytes);
    return 0;
}

static void orphans_are_what_is_no_chunk(void **state)
{
    fixture *f = *state;
    char names[256] = "";
    tsr_array *array = array_new(f, f->store, "a", &flat, TSR_UINT8, NULL);
    write_box(f, array, 0, 0, 5, 4);
    put_bytes(f, f->store, "a/c/3/0", "old", 3); /* of a larger shape */
    put_bytes(f, f->store, "a/c/0/00", "x", 1);
    put_bytes(f, f->store, "a/README", "hello", 5);
    put_bytes(f, f->store, "a/c/0", "", 0);
    put_bytes(f, f->store, "ab", "neighbour", 9);
    good(tsr_array_orphan_keys(array, join, names, NULL, &f->err), &f->err);
    assert_string_equal(names, "README=5 c/0=0 c/0/00=1 c/3/0=3 ");
    tsr_array_close(array);
}

static void encoded_chunks_go_in_and_out(void **state)
{
    fixture *f = *state;
    const int64_t zero = 0, one = 1, two = 2, minus = -1;
    unsigned char ones[12];
    tsr_blob *blob = NULL;
    memset(ones, 1, sizeof ones);
    tsr_array *array = array_new(f, f->store, "a", &sharded, TSR_UINT8, NULL);
    assert_int_equal(tsr_array_get_encoded_chunk(array, &zero, NULL, &blob, &f->err),
                     TSR_NOT_FOUND);
    assert_int_equal(tsr_array_get_encoded_chunk(array, &two, NULL, &blob, &f->err),
                     TSR_OUT_OF_BOUNDS);
    assert_int_equal(tsr_array_get_encoded_chunk(array, &minus, NULL, &blob, &f->err),
                     TSR_OUT_OF_BOUNDS);
    good(tsr_array_write(array, NULL, NULL, NULL, ones, 12, NULL, &f->err), &f->err);
    good(tsr_array_get_encoded_chunk(array, &zero, NULL, &blob, &f->err), &f->err);
    assert_int_equal(tsr_blob_size(blob), 8 + 68);
    good(tsr_array_put_encoded_chunk(array, &one, tsr_blob_data(blob), tsr_blob_size(blob), NULL,
                                     NULL, &f->err),
         &f->err);
    good(tsr_array_read(array, NULL, NULL, NULL, ones, 12, NULL, &f->err), &f->err);
    assert_int_equal(ones[11], 1);
    assert_int_equal(
        tsr_array_put_encoded_chunk(array, &one, tsr_blob_data(blob), 75, NULL, NULL, &f->err),
        TSR_DAMAGED);
    assert_int_equal(
        tsr_array_put_encoded_chunk(array, &one, tsr_blob_data(blob), 75, NULL, NULL, NULL),
        TSR_DAMAGED);
    assert_int_equal(
        tsr_array_put_encoded_chunk(array, &two, tsr_blob_data(blob), 76, NULL, NULL, &f->err),
        TSR_OUT_OF_BOUNDS);
    tsr_array *reader = array_open(f, f->store, "a", false);
    assert_int_equal(
        tsr_array_put_encoded_chunk(reader, &one, tsr_blob_data(blob), 76, NULL, NULL, &f->err),
        TSR_READ_ONLY);
    tsr_array_close(reader);
    tsr_blob_unref(blob);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(chunks_come_in_grid_order),
        FIXTURE_TEST(inner_chunks_follow_their_shard),
        FIXTURE_TEST(nested_levels_have_coordinates_of_the_array),
        FIXTURE_TEST(damage_is_a_finding),
        FIXTURE_TEST(sizes_that_cannot_be_are_damage),
        FIXTURE_TEST(failures_end_the_walk),
        FIXTURE_TEST(a_shard_that_is_replaced_meanwhile_is_not_damaged),
        FIXTURE_TEST(what_cannot_be_read_is_a_finding_where_it_is_asked_for),
        FIXTURE_TEST(a_walk_ends_when_told),
        FIXTURE_TEST(deadline_cancel_and_rate),
        FIXTURE_TEST(orphans_are_what_is_no_chunk),
        FIXTURE_TEST(encoded_chunks_go_in_and_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
