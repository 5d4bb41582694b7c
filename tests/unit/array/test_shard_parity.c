/* Proves of shards with parity that every way of writing leaves a section that belongs to what was
 * written; that a section is not believed where the shard was changed since; and that compaction,
 * copies and walks know it. What damage it mends: test_damage.c; its bytes: test_parity.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <tessera/maintenance.h>

#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define INDEX "\"index_codecs\":[" LITTLE "," CRC "]"
#define SHARD(shape, codecs, location)                                          \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[" shape \
    "],\"codecs\":[" codecs "]," INDEX ",\"index_location\":\"" location "\"}}"

enum { COUNT = 4096, INNER = 256, CHUNK = INNER + 4, BLOCK = 512 };
enum { INDEX_BYTES = COUNT / INNER * 16 + 4 };
static const int64_t origin[] = {0};

typedef struct kind {
    const char *codecs;
    bool at_start;
} kind;

static const kind kinds[] = {
    {"[" SHARD("256", LITTLE "," CRC, "end") "]", false},
    {"[" SHARD("256", LITTLE "," CRC, "start") "]", true},
    {"[" SHARD("1024", SHARD("256", LITTLE "," CRC, "end"), "end") "]", false},
    {"[" SHARD("1024", SHARD("256", LITTLE "," CRC, "start"), "start") "]", true},
};

/* The bytes under a key, which must be there. */
static unsigned char *bytes_of(fixture *f, const char *key, size_t *ret_size)
{
    *ret_size = 0;
    unsigned char *bytes = get_bytes(f, f->store, key, ret_size);
    assert_non_null(bytes);
    return bytes;
}

static tsr_array *new_array(fixture *f, const char *path, const char *codecs, const char *parity)
{
    const array_row row = {.rank = 1, .shape = {COUNT}, .chunk = {COUNT}, .codecs = codecs};
    tsr_array_create_options options;
    tsr_array *array;
    row_options(&row, TSR_UINT8, NULL, &options);
    options.store = f->store;
    options.parity = parity;
    good(tsr_array_create(f->context, path, &options, &array, &f->err), &f->err);
    return array;
}

/* No element is 0, the fill value; versions differ in every element. */
static unsigned char element(int at, int version)
{
    return (unsigned char)(1 + (at * 7 + at / 256 * 31 + version * 100) % 251);
}

static void write_range(fixture *f, tsr_array *array, int start, int count, int version)
{
    unsigned char elements[COUNT];
    const int64_t from[] = {start}, shape[] = {count};
    for (int i = 0; i < count; i++)
        elements[i] = element(start + i, version);
    good(tsr_array_write(array, from, shape, NULL, elements, (size_t)count, NULL, &f->err),
         &f->err);
}

static void expect_range(fixture *f, tsr_array *array, int start, int count, int version)
{
    unsigned char found[COUNT];
    const int64_t from[] = {start}, shape[] = {count};
    good(tsr_array_read(array, from, shape, NULL, found, (size_t)count, NULL, &f->err), &f->err);
    for (int i = 0; i < count; i++)
        if (found[i] != element(start + i, version))
            fail_msg("element %d is %d", start + i, found[i]);
}

static int note_shard(void *user, const tsr_chunk_info *info)
{
    if (info->level == 0)
        *(tsr_chunk_info *)user = *info;
    return 0;
}

static tsr_chunk_info look(fixture *f, tsr_array *array, bool data)
{
    tsr_chunk_info info = {.state = TSR_CHUNK_MISSING};
    tsr_chunk_walk_options options;
    tsr_chunk_walk_options_init(&options);
    options.inner = true;
    options.data = data;
    good(tsr_array_walk_chunks(array, &options, note_shard, &info, NULL, &f->err), &f->err);
    return info;
}

static void expect_sound(fixture *f, tsr_array *array)
{
    tsr_chunk_info info = look(f, array, true);
    assert_int_equal(info.state, TSR_CHUNK_STORED);
    assert_int_equal(info.parity, TSR_PARITY_SOUND);
    assert_int_equal(info.bad_blocks, 0);
    assert_int_equal(info.dead_bytes, 0);
    assert_true(info.parity_bytes > 0);
    assert_int_equal(look(f, array, false).parity, TSR_PARITY_SOUND);
}

static tsr_repair_result repair(fixture *f, tsr_array *array)
{
    tsr_repair_result result;
    good(tsr_array_repair_chunk(array, origin, NULL, NULL, NULL, &result, NULL, &f->err), &f->err);
    return result;
}

/* Wipes one block at a time, all over the shard, and expects the very shard back each time. */
static void expect_mended(fixture *f, tsr_array *array, const char *key)
{
    size_t size, found_size;
    unsigned char *sound = bytes_of(f, key, &size), *bytes = malloc(size);
    for (size_t at = 0; at < size; at += BLOCK) {
        size_t wiped = at + BLOCK > size ? size - at : BLOCK;
        memcpy(bytes, sound, size);
        for (size_t i = 0; i < wiped; i++)
            bytes[at + i] ^= 0x5a;
        put_bytes(f, f->store, key, bytes, size);
        assert_int_equal(look(f, array, true).parity, TSR_PARITY_DAMAGED);
        tsr_repair_result result = repair(f, array);
        assert_int_equal(result.outcome, TSR_REPAIR_REBUILT);
        assert_int_equal(result.lost_chunks, 0);
        unsigned char *found = bytes_of(f, key, &found_size);
        if (found_size != size || memcmp(found, sound, size) != 0)
            fail_msg("%s: bytes %zu.. are not rebuilt", key, at);
        free(found);
    }
    assert_int_equal(repair(f, array).outcome, TSR_REPAIR_NOTHING);
    good(tsr_store_erase_prefix(f->store, "a/c/", NULL, &f->err), &f->err);
    put_bytes(f, f->store, key, sound, size);
    free(bytes);
    free(sound);
}

/* Whole, in parts, over what is there, with holes, and nested. */
static void every_write_leaves_parity_of_what_it_wrote(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        tsr_array *array = new_array(f, "a", kinds[i].codecs, "6+3");
        assert_string_equal(tsr_array_parity(array), "6+3");
        write_range(f, array, 0, COUNT, 1);
        expect_sound(f, array);
        expect_mended(f, array, "a/c/0");
        write_range(f, array, 1000, 700, 2);
        expect_sound(f, array);
        expect_mended(f, array, "a/c/0");
        expect_range(f, array, 0, 1000, 1);
        expect_range(f, array, 1000, 700, 2);
        expect_range(f, array, 1700, COUNT - 1700, 1);
        good(tsr_store_erase_prefix(f->store, "a/c/", NULL, &f->err), &f->err);
        write_range(f, array, 300, 1, 3);
        expect_sound(f, array);
        expect_mended(f, array, "a/c/0");
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
}

/* The memory store shares nothing, but it appends when it is told that it does. */
static void appending_takes_nothing_of_the_old_section_along(void **state)
{
    enum { LONG = 1 << 20, PART = 1 << 14 };
    fixture *f = *state;
    const array_row row = {.rank = 1,
                           .shape = {LONG},
                           .chunk = {LONG},
                           .codecs = "[" SHARD("16384", LITTLE "," CRC, "end") "]"};
    tsr_array_create_options options;
    tsr_array *array;
    row_options(&row, TSR_UINT8, NULL, &options);
    options.store = f->store;
    options.parity = "10%";
    good(tsr_array_create(f->context, "a", &options, &array, &f->err), &f->err);
    unsigned char *elements = malloc(LONG);
    memset(elements, 7, LONG);
    good(tsr_array_write(array, NULL, NULL, NULL, elements, LONG, NULL, &f->err), &f->err);
    f->store->hints.shares_beginnings = true;
    for (int i = 0; i < 3; i++) {
        const int64_t start[] = {i * 5 * PART}, shape[] = {PART};
        memset(elements + start[0], 100 + i, PART);
        good(tsr_array_write(array, start, shape, NULL, elements + start[0], PART, NULL, &f->err),
             &f->err);
    }
    size_t size, sections = 0;
    unsigned char *bytes = bytes_of(f, "a/c/0", &size);
    for (unsigned char *at = bytes; (at = memmem(at, size - (size_t)(at - bytes), "TSRparit", 8));
         at++)
        sections++;
    tsr_chunk_info info = look(f, array, true);
    assert_int_equal(info.parity, TSR_PARITY_SOUND);
    assert_int_equal(info.dead_bytes, 3 * (PART + 4)); /* replaced, and nothing else */
    /* 1 MiB in blocks of 4 KiB, and 10 %: one page holds the directory, in both copies. */
    assert_int_equal(sections, 2);
    bytes[5 * PART + 100] ^= 1;
    bytes[size - 1] ^= 1;
    put_bytes(f, f->store, "a/c/0", bytes, size);
    assert_int_equal(repair(f, array).rebuilt_blocks, 2);
    unsigned char *found = malloc(LONG);
    good(tsr_array_read(array, NULL, NULL, NULL, found, LONG, NULL, &f->err), &f->err);
    assert_memory_equal(found, elements, LONG);
    free(found);
    free(bytes);
    free(elements);
    tsr_array_close(array);
}

/* A shard of several MiB, so that blocks are of 4 KiB, directories of several pages, and what is
 * read of it comes in pieces: a tail that is gone, with the end of the directories or only with
 * the index; bytes that fell out; and a torn run as long as the parity bears. */
static void large_shards_are_mended(void **state)
{
    enum { LARGE = 3 << 20, PART = 1 << 16 };
    fixture *f = *state;
    for (int at_start = 0; at_start < 2; at_start++) {
        const array_row row = {.rank = 1,
                               .shape = {LARGE},
                               .chunk = {LARGE},
                               .codecs = at_start ? "[" SHARD("65536", LITTLE "," CRC, "start") "]"
                                                  : "[" SHARD("65536", LITTLE "," CRC, "end") "]"};
        tsr_array_create_options options;
        tsr_array *array;
        size_t size;
        row_options(&row, TSR_UINT8, NULL, &options);
        options.store = f->store;
        options.parity = "20+4";
        good(tsr_array_create(f->context, "a", &options, &array, &f->err), &f->err);
        unsigned char *elements = malloc(LARGE);
        for (int i = 0; i < LARGE; i++)
            elements[i] = (unsigned char)(1 + (i * 7 + i / PART) % 250);
        good(tsr_array_write(array, NULL, NULL, NULL, elements, LARGE, NULL, &f->err), &f->err);
        unsigned char *sound = bytes_of(f, "a/c/0", &size), *bytes = malloc(size);
        /* 769 or 770 blocks in 20 rows of 39: four times 39 of them may be lost in one run. */
        const struct {
            size_t cut, drop_at, dropped, wipe_at, wiped;
        } rows[] = {
            {100, 0, 0, 0, 0},
            {4096 * 40, 0, 0, 0, 0},
            {4096 * 100, 0, 0, 0, 0},
            {0, 1234567, 77, 0, 0},
            {0, 5, 4096 * 3, 0, 0},
            {0, 0, 0, 4096 * 11, 4096 * 156},
            {0, 0, 0, 1000000, 4096 * 155},
            {0, LARGE / 2, 1, 9000, 4096 * 40},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            size_t left = size - rows[i].cut - rows[i].dropped, found_size;
            memcpy(bytes, sound, rows[i].drop_at);
            memcpy(bytes + rows[i].drop_at, sound + rows[i].drop_at + rows[i].dropped,
                   left - rows[i].drop_at);
            memset(bytes + rows[i].wipe_at, 0, rows[i].wiped);
            put_bytes(f, f->store, "a/c/0", bytes, left);
            tsr_repair_result result = repair(f, array);
            assert_int_equal(result.lost_chunks, 0);
            unsigned char *found = bytes_of(f, "a/c/0", &found_size);
            if (found_size != size || memcmp(found, sound, size) != 0)
                fail_msg("row %zu, index at the %s", i, at_start ? "start" : "end");
            free(found);
        }
        free(bytes);
        free(sound);
        free(elements);
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
}

/* Another program that changes a chunk in its place and the index with it. */
static void parity_of_another_index_is_not_believed(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < 2; i++) {
        tsr_array *array = new_array(f, "a", kinds[i].codecs, "6+3");
        size_t size;
        write_range(f, array, 0, COUNT, 1);
        unsigned char *bytes = bytes_of(f, "a/c/0", &size);
        unsigned char *index = bytes + (kinds[i].at_start ? 0 : size - INDEX_BYTES);
        memset(index + 16 * 3, 0xff, 16);
        append_crc32c(index, INDEX_BYTES - 4);
        bytes[(kinds[i].at_start ? INDEX_BYTES : 0) + 5 * CHUNK] ^= 1; /* damage in chunk 5 */
        put_bytes(f, f->store, "a/c/0", bytes, size);
        assert_int_equal(look(f, array, true).parity, TSR_PARITY_STALE);
        tsr_repair_result result = repair(f, array);
        assert_int_equal(result.outcome, TSR_REPAIR_REBUILT);
        assert_int_equal(result.lost_chunks, 1);
        assert_int_equal(result.rebuilt_blocks, 0);
        expect_sound(f, array); /* of what is left */
        expect_range(f, array, 4 * INNER, INNER, 1);
        unsigned char zeros[INNER] = {0}, found[INNER];
        for (int chunk = 3; chunk <= 5; chunk += 2) {
            const int64_t start[] = {chunk * INNER}, shape[] = {INNER};
            good(tsr_array_read(array, start, shape, NULL, found, INNER, NULL, &f->err), &f->err);
            assert_memory_equal(found, zeros, INNER);
        }
        free(bytes);
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
}

/* And one that changes a chunk in its place and its checksum, where the index needs no change: the
 * CRC-32C of a block around both would stay the same. */
static void a_chunk_whose_checksum_holds_is_never_taken_back(void **state)
{
    fixture *f = *state;
    tsr_array *array = new_array(f, "a", kinds[0].codecs, "6+3");
    size_t size;
    write_range(f, array, 0, COUNT, 1);
    unsigned char *bytes = bytes_of(f, "a/c/0", &size);
    for (int i = 0; i < INNER; i++)
        bytes[2 * CHUNK + i] = element(2 * INNER + i, 2);
    append_crc32c(bytes + 2 * CHUNK, INNER);
    bytes[9 * CHUNK] ^= 1;
    put_bytes(f, f->store, "a/c/0", bytes, size);
    tsr_repair_result result = repair(f, array);
    assert_int_equal(result.lost_chunks, 1);
    assert_int_equal(result.rebuilt_blocks, 0);
    expect_range(f, array, 2 * INNER, INNER, 2);
    expect_range(f, array, 0, 2 * INNER, 1);
    expect_sound(f, array);
    free(bytes);
    tsr_array_close(array);
}

/* A program that knows nothing of sections has put the shard anew, without one. */
static void compaction_adds_parity_and_keeps_it(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        tsr_array *plain = new_array(f, "plain", kinds[i].codecs, NULL);
        tsr_array *array = new_array(f, "a", kinds[i].codecs, "6+3");
        size_t size, wanted_size;
        int64_t won = 1;
        assert_null(tsr_array_parity(plain));
        write_range(f, plain, 0, COUNT, 1);
        write_range(f, array, 0, COUNT, 1);
        unsigned char *wanted = bytes_of(f, "a/c/0", &wanted_size);
        unsigned char *bytes = bytes_of(f, "plain/c/0", &size);
        put_bytes(f, f->store, "a/c/0", bytes, size);
        assert_int_equal(look(f, array, true).parity, TSR_PARITY_NONE);
        assert_int_equal(repair(f, array).outcome, TSR_REPAIR_NOTHING);
        good(tsr_array_compact_chunk(array, origin, false, &won, NULL, &f->err), &f->err);
        assert_int_equal(won, (int64_t)size - (int64_t)wanted_size);
        free(bytes);
        bytes = bytes_of(f, "a/c/0", &size);
        assert_int_equal(size, wanted_size);
        assert_memory_equal(bytes, wanted, size);
        good(tsr_array_compact_chunk(array, origin, false, &won, NULL, &f->err), &f->err);
        assert_int_equal(won, 0);
        free(bytes);
        free(wanted);
        tsr_array_close(plain);
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
        good(tsr_store_erase_prefix(f->store, "plain/", NULL, &f->err), &f->err);
    }
}

/* Shards with parity in an array that does not ask for it: it is no dead bytes, and is of use. */
static void parity_that_nobody_asked_for_is_known(void **state)
{
    fixture *f = *state;
    tsr_array *array = new_array(f, "from", kinds[0].codecs, "6+3");
    tsr_array *other = new_array(f, "a", kinds[0].codecs, NULL);
    size_t size;
    write_range(f, array, 0, COUNT, 1);
    unsigned char *bytes = bytes_of(f, "from/c/0", &size);
    put_bytes(f, f->store, "a/c/0", bytes, size);
    expect_sound(f, other);
    bytes[3] ^= 1;
    put_bytes(f, f->store, "a/c/0", bytes, size);
    assert_int_equal(repair(f, other).rebuilt_blocks, 1);
    expect_range(f, other, 0, COUNT, 1);
    expect_sound(f, other);
    free(bytes);
    tsr_array_close(array);
    tsr_array_close(other);
}

typedef struct shrinker {
    fixture *f;
    int shards, damaged;
} shrinker;

/* When the first shard is told of, the second one has been looked at, and is replaced. */
static int shrink_second(void *user, const tsr_chunk_info *info)
{
    static const unsigned char torn[3];
    shrinker *self = user;
    if (info->level == 0 && self->shards++ == 0)
        put_bytes(self->f, self->f->store, "a/c/1", torn, sizeof torn);
    self->damaged += info->level == 0 && info->state == TSR_CHUNK_DAMAGED;
    return 0;
}

static void a_shard_that_changes_meanwhile_ends_no_walk(void **state)
{
    fixture *f = *state;
    for (int data = 0; data < 2; data++) {
        const int64_t longer[] = {2 * COUNT};
        tsr_array *array = new_array(f, "a", kinds[0].codecs, "6+3");
        tsr_chunk_walk_options options;
        shrinker self = {.f = f};
        good(tsr_array_resize(array, longer, NULL, NULL, &f->err), &f->err);
        write_range(f, array, 0, COUNT, 1);
        write_range(f, array, COUNT, COUNT, 1);
        tsr_chunk_walk_options_init(&options);
        options.inner = true;
        options.data = data;
        good(tsr_array_walk_chunks(array, &options, shrink_second, &self, NULL, &f->err), &f->err);
        assert_int_equal(self.shards, 2);
        assert_int_equal(self.damaged, 1);
        tsr_array_close(array);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
}

/* A copy gets the parity that it asks for, whether bytes can be moved as they are or not. */
static void copies_have_the_parity_that_they_want(void **state)
{
    static const char *const wanted[] = {"6+3", "10%", NULL};
    fixture *f = *state;
    tsr_array *array = new_array(f, "from", kinds[0].codecs, "6+3");
    write_range(f, array, 0, COUNT, 1);
    for (int i = 0; i < 3; i++) {
        tsr_array *copy = new_array(f, "a", kinds[0].codecs, wanted[i]);
        good(tsr_array_copy(array, copy, NULL, NULL, &f->err), &f->err);
        expect_range(f, copy, 0, COUNT, 1);
        if (wanted[i])
            expect_sound(f, copy);
        else
            assert_int_equal(look(f, copy, true).parity, TSR_PARITY_NONE);
        tsr_array_close(copy);
        good(tsr_store_erase_prefix(f->store, "a/", NULL, &f->err), &f->err);
    }
    tsr_array_close(array);
}

static void arrays_without_such_shards_cannot_have_it(void **state)
{
    static const char *const codecs[] = {
        "[" LITTLE "," CRC "]",
        "[" SHARD("256", LITTLE, "end") "," CRC "]",
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
        const array_row row = {.rank = 1, .shape = {COUNT}, .chunk = {COUNT}, .codecs = codecs[i]};
        tsr_array_create_options options;
        tsr_array *array;
        row_options(&row, TSR_UINT8, NULL, &options);
        options.store = f->store;
        options.parity = "10%";
        assert_int_equal(tsr_array_create(f->context, "a", &options, &array, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_non_null(strstr(f->err.message, "parity needs shards"));
        options.codecs = "[" SHARD("256", LITTLE, "end") "]";
        options.parity = "10";
        assert_int_equal(tsr_array_create(f->context, "a", &options, &array, &f->err),
                         TSR_INVALID_ARGUMENT);
        tsr_error_clear(&f->err);
    }
}

/* The member of the document: kept by changes, refused where it says what cannot be. */
static void the_document_says_how_much(void **state)
{
    fixture *f = *state;
    const int64_t longer[] = {2 * COUNT};
    size_t size;
    tsr_array *array = new_array(f, "a", kinds[0].codecs, "40+4");
    good(tsr_array_set_attributes(array, "{\"x\":1}", &f->err), &f->err);
    good(tsr_array_resize(array, longer, NULL, NULL, &f->err), &f->err);
    tsr_array_close(array);
    array = array_open(f, f->store, "a", true);
    assert_string_equal(tsr_array_parity(array), "40+4");
    tsr_array_close(array);
    char *text = (char *)bytes_of(f, "a/zarr.json", &size);
    text[size] = '\0';
    char *at = strstr(text, "\"parity_blocks\"");
    assert_non_null(at);
    at = strchr(at, '4');
    *at = '0';
    put_bytes(f, f->store, "a/zarr.json", text, size);
    tsr_array_open_options options;
    tsr_array_open_options_init(&options);
    options.store = f->store;
    assert_int_equal(tsr_array_open(f->context, "a", &options, &array, &f->err), TSR_BAD_METADATA);
    assert_non_null(strstr(f->err.message, "/tessera_parity/parity_blocks"));
    free(text);
    tsr_error_clear(&f->err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_write_leaves_parity_of_what_it_wrote),
        FIXTURE_TEST(appending_takes_nothing_of_the_old_section_along),
        FIXTURE_TEST(large_shards_are_mended),
        FIXTURE_TEST(parity_of_another_index_is_not_believed),
        FIXTURE_TEST(a_chunk_whose_checksum_holds_is_never_taken_back),
        FIXTURE_TEST(compaction_adds_parity_and_keeps_it),
        FIXTURE_TEST(parity_that_nobody_asked_for_is_known),
        FIXTURE_TEST(a_shard_that_changes_meanwhile_ends_no_walk),
        FIXTURE_TEST(copies_have_the_parity_that_they_want),
        FIXTURE_TEST(arrays_without_such_shards_cannot_have_it),
        FIXTURE_TEST(the_document_says_how_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
