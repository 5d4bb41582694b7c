/* Proves of shards made by hand, read through the public calls: those that are odd but legal, and
 * those that lie, each with its status, its key, its byte range and what to do next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "unit/array/array_testing.h"

#define MISSING UINT64_MAX

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define BIG "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define GZIP "{\"name\":\"gzip\",\"configuration\":{\"level\":1}}"

/* 4 inner chunks of 2 bytes each, at the end 68 bytes of index. */
static const array_row row = {
    .name = "four", .rank = 1, .shape = {8}, .chunk = {2}, .shard = {8}, .codec = "none"};

static tsr_array *hand_made(fixture *f, const array_row *of, const void *shard, size_t size)
{
    static const uint8_t nothing = 200;
    tsr_array *array = array_new(f, f->store, "a", of, TSR_UINT8, &nothing);
    put_bytes(f, f->store, "a/c/0", shard, size);
    return array;
}

static int read_all(fixture *f, tsr_array *array, unsigned char *values)
{
    tsr_error_clear(&f->err);
    return tsr_array_read(array, NULL, NULL, NULL, values, 8, NULL, &f->err);
}

/* A shard whose data is 0, 1, .. 7 and whose index is `words`. */
static size_t shard_of(unsigned char *bytes, bool at_start, const uint64_t *words)
{
    unsigned char *data = at_start ? bytes + 68 : bytes;
    for (unsigned char i = 0; i < 8; i++)
        data[i] = i;
    return hand_made_index(at_start ? bytes : bytes + 8, words, 4) + 8;
}

/* Any order, gaps, bytes that nobody refers to, two entries with the same bytes, missing ones. */
static void odd_shards_are_read(void **state)
{
    fixture *f = *state;
    static const struct {
        bool at_start;
        uint64_t words[8];
        unsigned char values[8];
    } rows[] = {
        {false, {0, 2, 2, 2, 4, 2, 6, 2}, {0, 1, 2, 3, 4, 5, 6, 7}},
        {false, {6, 2, 0, 2, 4, 2, 2, 2}, {6, 7, 0, 1, 4, 5, 2, 3}},
        {false, {0, 2, 0, 2, 1, 2, MISSING, MISSING}, {0, 1, 0, 1, 1, 2, 200, 200}},
        {false,
         {MISSING, MISSING, MISSING, MISSING, MISSING, MISSING, 3, 2},
         {200, 200, 200, 200, 200, 200, 3, 4}},
        {true, {68, 2, 74, 2, 70, 2, MISSING, MISSING}, {0, 1, 6, 7, 2, 3, 200, 200}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char bytes[76], values[8];
        array_row own = row;
        own.index_at_start = rows[i].at_start;
        size_t size = shard_of(bytes, rows[i].at_start, rows[i].words);
        tsr_array *array = hand_made(f, &own, bytes, size);
        good(read_all(f, array, values), &f->err);
        assert_memory_equal(values, rows[i].values, 8);
        /* Single elements say the same. */
        for (int64_t at = 0; at < 8; at++) {
            const int64_t one = 1;
            unsigned char value;
            good(tsr_array_read(array, &at, &one, NULL, &value, 1, NULL, &f->err), &f->err);
            assert_int_equal(value, rows[i].values[at]);
        }
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "", NULL, &f->err), &f->err);
    }
}

static void lies_are_refused_with_all_that_is_known(void **state)
{
    fixture *f = *state;
    static const struct {
        bool at_start;
        uint64_t words[8];
        const char *text;
    } rows[] = {
        {false, {0, 2, 2, 2, 4, 2, UINT64_MAX - 1, 2}, "past the end"},
        {false, {0, 2, 2, 2, 4, 2, 1 << 20, 2}, "past the end"},
        {false, {0, 2, 2, 2, 4, 2, 7, 2}, "into the index"},
        {true, {0, 2, 70, 2, 72, 2, 74, 2}, "into the index"},
        {true, {67, 2, 70, 2, 72, 2, 74, 2}, "into the index"},
        {false, {MISSING, 2, 2, 2, 4, 2, 6, 2}, "half missing"},
        {false, {0, MISSING, 2, 2, 4, 2, 6, 2}, "half missing"},
        {false, {0, 0, 2, 2, 4, 2, 6, 2}, "is empty"},
        {false, {0, 1, 2, 2, 4, 2, 6, 2}, "does not have the size"},
        {false, {0, 3, 2, 2, 4, 2, 6, 2}, "does not have the size"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        unsigned char bytes[76], values[8];
        array_row own = row;
        own.index_at_start = rows[i].at_start;
        size_t size = shard_of(bytes, rows[i].at_start, rows[i].words);
        tsr_array *array = hand_made(f, &own, bytes, size);
        if (read_all(f, array, values) != TSR_DAMAGED || !strstr(f->err.message, rows[i].text) ||
            !strstr(f->err.message, "c/0") || !strstr(f->err.message, "index entry") ||
            !strstr(f->err.where, "a/c/0") || !strstr(f->err.where, "bytes 0..76") ||
            !strstr(f->err.next_step, "tessera check"))
            fail_msg("row %zu: %s | %s | %s", i, f->err.message, f->err.where, f->err.next_step);
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "", NULL, &f->err), &f->err);
    }
}

static void every_flipped_bit_of_the_index_is_noticed(void **state)
{
    fixture *f = *state;
    static const uint64_t words[] = {0, 2, 2, 2, 4, 2, 6, 2};
    unsigned char bytes[76], values[8];
    size_t size = shard_of(bytes, false, words);
    tsr_array *array = hand_made(f, &row, bytes, size);
    for (size_t bit = 8 * 8; bit < size * 8; bit += 3) {
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        put_bytes(f, f->store, "a/c/0", bytes, size);
        assert_int_equal(read_all(f, array, values), TSR_DAMAGED);
        assert_non_null(strstr(f->err.message, "shard index"));
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    tsr_array_close(array);
}

static void truncated_shards_are_damaged(void **state)
{
    fixture *f = *state;
    static const uint64_t words[] = {68, 2, 70, 2, 72, 2, 74, 2};
    for (int at_start = 0; at_start < 2; at_start++) {
        array_row own = row;
        unsigned char bytes[76], values[8];
        own.index_at_start = at_start;
        size_t whole = shard_of(bytes, at_start, words);
        tsr_array *array = hand_made(f, &own, bytes, whole);
        for (size_t size = 0; size < whole; size++) {
            put_bytes(f, f->store, "a/c/0", bytes, size);
            assert_int_equal(read_all(f, array, values), TSR_DAMAGED);
            assert_non_null(strstr(f->err.message, "c/0"));
            assert_true(f->err.next_step[0] != 0);
        }
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "", NULL, &f->err), &f->err);
    }
}

/* The error of an inner chunk names it by its place in the grid of the whole array. */
static void a_damaged_inner_chunk_is_named(void **state)
{
    fixture *f = *state;
    static const array_row deep = {
        .name = "checked",
        .rank = 2,
        .shape = {8, 8},
        .chunk = {4, 8},
        .codecs = "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}},"
                  "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2,2],"
                  "\"codecs\":[" LITTLE "," CRC "],\"index_codecs\":[" LITTLE "," CRC "]}}]"};
    static const unsigned char zero;
    unsigned char values[64], *shard;
    size_t size = 0;
    tsr_array *array = array_new(f, f->store, "a", &deep, TSR_UINT8, &zero);
    memset(values, 7, sizeof values);
    good(tsr_array_write(array, NULL, NULL, NULL, values, 64, NULL, &f->err), &f->err);
    shard = get_bytes(f, f->store, "a/c/1/0", &size);
    /* Inner chunks of 8 bytes; number 5 of the turned grid (4 x 2) is (2, 1): decoded rows 2..3 of
     * the shard, columns 4..5: (3, 2) in the array's grid of (2, 2). */
    shard[5 * 8] ^= 1;
    put_bytes(f, f->store, "a/c/1/0", shard, size);
    free(shard);
    assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, values, 64, NULL, &f->err),
                     TSR_DAMAGED);
    assert_non_null(strstr(f->err.message, "inner chunk [3, 2] in shard c/1/0"));
    assert_non_null(strstr(f->err.where, "bytes 40..48"));
    /* What is whole can be read still. */
    const int64_t start[] = {0, 0}, shape[] = {4, 8};
    good(tsr_array_read(array, start, shape, NULL, values, 32, NULL, &f->err), &f->err);
    tsr_array_close(array);
}

/* A nested shard inside a packed one, which says that it is shorter than its own index: nothing is
 * read behind what there is. (Run it under AddressSanitizer.) */
static void a_nested_index_is_never_read_past_its_end(void **state)
{
    fixture *f = *state;
    static const array_row packed = {
        .name = "packed",
        .rank = 1,
        .shape = {8},
        .chunk = {8},
        .codecs =
            "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[8],\"codecs\":["
            "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2],\"codecs\":["
            "\"bytes\"],\"index_codecs\":[" LITTLE "],\"index_location\":\"start\"}}],"
            "\"index_codecs\":[" LITTLE "],\"index_location\":\"start\"}}," GZIP "]"};
    unsigned char shard[16 + 10], encoded[256], values[8];
    uLongf size = sizeof encoded;
    store_u64(shard, 16);
    store_u64(shard + 8, 10);
    memset(shard + 16, 0xff, 10);
    z_stream stream = {.next_in = shard,
                       .avail_in = sizeof shard,
                       .next_out = encoded,
                       .avail_out = sizeof encoded};
    assert_int_equal(deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size = stream.total_out;
    deflateEnd(&stream);
    tsr_array *array = hand_made(f, &packed, encoded, size);
    assert_int_equal(read_all(f, array, values), TSR_DAMAGED);
    assert_non_null(strstr(f->err.message, "shorter than its index"));
    tsr_array_close(array);
}

/* ---- bombs ---- */

/* Gzip of `size_bytes` zeros. The caller frees it. */
static unsigned char *gzip_of_zeros(size_t size_bytes, size_t *ret_size)
{
    unsigned char *zeros = calloc(1, 1 << 20), *out = malloc(size_bytes / 500 + 1024);
    z_stream stream = {.next_out = out, .avail_out = (unsigned)(size_bytes / 500 + 1024)};
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    for (size_t done = 0; done < size_bytes; done += 1 << 20) {
        stream.next_in = zeros;
        stream.avail_in = 1 << 20;
        int status = deflate(&stream, done + (1 << 20) < size_bytes ? Z_NO_FLUSH : Z_FINISH);
        assert_true(status == Z_OK || status == Z_STREAM_END);
    }
    *ret_size = stream.total_out;
    deflateEnd(&stream);
    free(zeros);
    return out;
}

static int64_t peak_bytes(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)usage.ru_maxrss * 1024;
}

/* 16 chunks of 64 KiB that each unpack to 256 MiB, read in a child whose peak is measured: a chunk
 * and its encoded bytes a thread, and 16 MiB. */
static void bombs_take_no_memory(void **state)
{
    enum { CHUNK = 65536, CHUNKS = 16 };
    fixture *f = *state;
    static const array_row bomb = {.name = "bomb",
                                   .rank = 1,
                                   .shape = {CHUNK * CHUNKS},
                                   .chunk = {CHUNK},
                                   .compressors = "[" GZIP "]"};
    size_t size;
    if (!CAN_MEASURE_MEMORY)
        skip();
    unsigned char *bytes = gzip_of_zeros((size_t)256 << 20, &size);
    tsr_array *array = array_new(f, f->store, "a", &bomb, TSR_UINT8, NULL);
    for (int i = 0; i < CHUNKS; i++) {
        char key[32];
        snprintf(key, sizeof key, "a/c/%d", i);
        put_bytes(f, f->store, key, bytes, size);
    }
    free(bytes);
    unsigned char *values = calloc(CHUNK, CHUNKS);
    memset(values, 1, (size_t)CHUNK * CHUNKS);
    pid_t child = fork();
    if (child == 0) {
        int64_t before = peak_bytes();
        int status =
            tsr_array_read(array, NULL, NULL, NULL, values, (size_t)CHUNK * CHUNKS, NULL, &f->err);
        int64_t grown = peak_bytes() - before;
        int64_t allowed = 4 * (CHUNK + (int64_t)size) + (INT64_C(16) << 20);
        if (grown > allowed)
            fprintf(stderr, "%lld bytes more; %lld are allowed\n", (long long)grown,
                    (long long)allowed);
        _exit(status == TSR_DAMAGED && grown <= allowed ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    free(values);
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(odd_shards_are_read),
        FIXTURE_TEST(lies_are_refused_with_all_that_is_known),
        FIXTURE_TEST(every_flipped_bit_of_the_index_is_noticed),
        FIXTURE_TEST(truncated_shards_are_damaged),
        FIXTURE_TEST(a_damaged_inner_chunk_is_named),
        FIXTURE_TEST(a_nested_index_is_never_read_past_its_end),
        FIXTURE_TEST(bombs_take_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
