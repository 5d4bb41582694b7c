/* Proves of shards with checksums that damage is found or harmless, and that a repair recovers
 * whatever is intact.
 *
 * Each trial damages a copy of a shard at random: single bits, sectors of zeros, sectors of another
 * place of the shard, a cut end, bytes that fall out. Then:
 *   - every inner chunk reads as it was written or is refused as damaged;
 *   - what a check with data passes reads as a whole;
 *   - after the repair every inner chunk whose bytes and index entries were not touched is there,
 *     also when a single bit of the index was; every other one is right or missing; none is an
 *     older version; and a check finds nothing any more.
 * Of shards with parity moreover, as long as the damage is within its strength (counted here from
 * docs/format/parity.md: lost blocks of each column, pages of which both copies are lost), the
 * repair gives back the shard bit for bit.
 * What a checksum cannot see is the whole of another chunk in the place of a chunk of the same
 * size, since it knows nothing of places. The sizes here are such that no sector moves so.
 *
 * TESSERA_TORTURE=1 (`make torture`) runs 100,000 trials, otherwise a small part of them.
 * TESSERA_SEED=N starts from another seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>

#include <tessera/maintenance.h>

#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define ZSTD "{\"name\":\"zstd\",\"configuration\":{\"level\":1,\"checksum\":false}}"

enum { SIDE = 8, CELLS = SIDE * SIDE, HEIGHT = 5, WIDTH = 7, CELL = HEIGHT * WIDTH, SECTOR = 512 };
enum { INDEX_BYTES = CELLS * 16 + 4 };

typedef struct shard_kind {
    const char *name, *inner;
    bool at_start;
    /* The shard holds an older version of each inner chunk, as after a write in place. */
    bool older;
    const char *parity;
} shard_kind;

static const shard_kind kinds[] = {
    {"raw", LITTLE "," CRC, false, false, NULL},
    {"compressed", LITTLE "," ZSTD "," CRC, false, false, NULL},
    {"index first", LITTLE "," CRC, true, false, NULL},
    {"older versions", LITTLE "," CRC, false, true, NULL},
    {"older versions, index first", LITTLE "," ZSTD "," CRC, true, true, NULL},
    {"parity", LITTLE "," CRC, false, false, "8+5"},
    {"parity, index first", LITTLE "," ZSTD "," CRC, true, false, "3+2"},
    {"parity, without checksums", LITTLE, false, false, "4+4"},
    {"parity, index first, without checksums", LITTLE, true, false, "2+2"},
};

/* One array of one shard, its sound value, and where its inner chunks lie in that. */
typedef struct subject {
    fixture f;
    const shard_kind *kind;
    tsr_array *array;
    unsigned char *bytes;
    size_t size_bytes, index_start;
    uint64_t offsets[CELLS], sizes[CELLS];
    uint64_t random;
    uint64_t before, pages, section; /* where its parity is, and how many pages of 512 bytes a
                                        directory has; 0: none */
    uint64_t data_rows, parity_rows;
} subject;

static uint64_t next_random(subject *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

static size_t below(subject *self, size_t limit)
{
    return (size_t)(next_random(self) % limit);
}

/* No element is ever 0, the fill value; version 1 and 2 of a cell have no element in common. How
 * far the elements can be compressed differs from cell to cell. */
static void fill_cell(int cell, int version, unsigned char *ret)
{
    uint32_t noise = (uint32_t)cell * 2654435761u + 12345;
    for (int i = 0; i < CELL; i++) {
        noise = noise * 1664525 + 1013904223;
        int value = i <= cell % 31 ? (int)(noise >> 25) % 120 : cell;
        ret[i] = (unsigned char)(value + (version == 1 ? 129 : 1));
    }
}

static void write_all(subject *self, int version)
{
    unsigned char cell[CELL];
    for (int i = 0; i < CELLS; i++) {
        const int64_t start[] = {i / SIDE * HEIGHT, i % SIDE * WIDTH}, shape[] = {HEIGHT, WIDTH};
        fill_cell(i, version, cell);
        good(tsr_array_write(self->array, start, shape, NULL, cell, CELL, NULL, &self->f.err),
             &self->f.err);
    }
}

static void put(subject *self, const void *bytes, size_t size_bytes)
{
    good(tsr_store_put(self->f.store, "a/c/0/0", bytes, size_bytes, TSR_DURABILITY_NONE, NULL,
                       &self->f.err),
         &self->f.err);
}

static uint64_t load_u64(const unsigned char *from)
{
    uint64_t value = 0;
    for (int i = 8; i-- > 0;)
        value = value << 8 | from[i];
    return value;
}

/* Notes where the inner chunks lie, and makes sure that none comes to lie on another one of its
 * size when whole sectors move. */
static void note_entries(subject *self)
{
    self->index_start = self->kind->at_start ? 0 : self->size_bytes - INDEX_BYTES;
    for (int i = 0; i < CELLS; i++) {
        self->offsets[i] = load_u64(self->bytes + self->index_start + 16 * i);
        self->sizes[i] = load_u64(self->bytes + self->index_start + 16 * i + 8);
        for (int j = 0; j < i; j++)
            if (self->sizes[i] == self->sizes[j])
                assert_int_not_equal((self->offsets[i] - self->offsets[j]) % SECTOR, 0);
    }
}

/* Reads where parity lies from the first page of its directory. */
static void note_parity(subject *self)
{
    static const char magic[] = "TSRparit";
    const unsigned char *page = memmem(self->bytes, self->size_bytes, magic, 8);
    assert_non_null(page);
    self->before = (uint64_t)(page - self->bytes);
    assert_int_equal(load_u64(page + 32), self->before);
    assert_int_equal(page[14] | page[15] << 8, SECTOR);
    self->data_rows = page[16];
    self->parity_rows = page[18];
    self->pages = page[24];
    self->section = self->size_bytes - self->before - load_u64(page + 40);
}

/* Puts all bytes of an older shard without its index between the index and the inner chunks. */
static void insert_older(subject *self, const unsigned char *old, size_t old_bytes)
{
    size_t gap = old_bytes - INDEX_BYTES, start = self->kind->at_start ? INDEX_BYTES : 0;
    unsigned char *joined = malloc(self->size_bytes + gap);
    memcpy(joined, self->bytes, start);
    memcpy(joined + start, old + start, gap);
    memcpy(joined + start + gap, self->bytes + start, self->size_bytes - start);
    free(self->bytes);
    self->bytes = joined;
    self->size_bytes += gap;
    self->index_start = self->kind->at_start ? 0 : self->size_bytes - INDEX_BYTES;
    unsigned char *index = joined + self->index_start;
    for (int i = 0; i < CELLS; i++)
        store_u64(index + 16 * i, load_u64(index + 16 * i) + gap);
    append_crc32c(index, INDEX_BYTES - 4);
}

static void subject_open(subject *self, const shard_kind *kind, uint64_t seed)
{
    char codecs[1024];
    tsr_context_options options;
    size_t old_bytes = 0;

    *self = (subject){.kind = kind, .random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1};
    tsr_context_options_init(&options);
    options.threads = 1; /* thousands of small steps, one after the other */
    good(tsr_context_new(&options, &self->f.context, &self->f.err), &self->f.err);
    good(tsr_store_open(self->f.context, "memory:", &self->f.store, &self->f.err), &self->f.err);
    snprintf(
        codecs, sizeof codecs,
        "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[5,7],\"codecs\":[%s],"
        "\"index_codecs\":[" LITTLE "," CRC "],\"index_location\":\"%s\"}}]",
        kind->inner, kind->at_start ? "start" : "end");
    const array_row row = {.rank = 2,
                           .shape = {SIDE * HEIGHT, SIDE * WIDTH},
                           .chunk = {SIDE * HEIGHT, SIDE * WIDTH},
                           .codecs = codecs};
    tsr_array_create_options create;
    row_options(&row, TSR_UINT8, NULL, &create);
    create.store = self->f.store;
    create.parity = kind->parity;
    good(tsr_array_create(self->f.context, "a", &create, &self->array, &self->f.err), &self->f.err);
    write_all(self, 1);
    unsigned char *old = get_bytes(&self->f, self->f.store, "a/c/0/0", &old_bytes);
    write_all(self, 2);
    self->bytes = get_bytes(&self->f, self->f.store, "a/c/0/0", &self->size_bytes);
    if (kind->older)
        insert_older(self, old, old_bytes);
    free(old);
    note_entries(self);
    if (kind->parity)
        note_parity(self);
}

static void subject_close(subject *self)
{
    tsr_array_close(self->array);
    free(self->bytes);
    fixture_close(&self->f);
}

/* ---- damage ---- */

typedef struct damaged {
    unsigned char *bytes;
    size_t size_bytes;
    char what[128];
    uint64_t dropped; /* so many bytes fell out somewhere */
} damaged;

static void flip_bits(subject *self, damaged *d)
{
    int count = 1 + (int)below(self, 4);
    snprintf(d->what, sizeof d->what, "%d bits", count);
    for (int i = 0; i < count; i++) {
        size_t bit = below(self, d->size_bytes * 8);
        d->bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

static void zero_sectors(subject *self, damaged *d)
{
    size_t from = below(self, d->size_bytes) / SECTOR * SECTOR;
    size_t size = SECTOR * (1 + below(self, 4));
    size = size > d->size_bytes - from ? d->size_bytes - from : size;
    memset(d->bytes + from, below(self, 2) ? 0xff : 0, size);
    snprintf(d->what, sizeof d->what, "bytes %zu..%zu wiped", from, from + size);
}

static void splice(subject *self, damaged *d)
{
    size_t sectors = d->size_bytes / SECTOR, size = SECTOR * (1 + below(self, 3));
    size_t from = below(self, sectors) * SECTOR, to = below(self, sectors) * SECTOR;
    size_t room = d->size_bytes - (from > to ? from : to);
    size = size > room ? room : size;
    memmove(d->bytes + to, d->bytes + from, size);
    snprintf(d->what, sizeof d->what, "%zu bytes from %zu at %zu", size, from, to);
}

static void cut(subject *self, damaged *d)
{
    d->size_bytes = below(self, d->size_bytes);
    snprintf(d->what, sizeof d->what, "cut to %zu", d->size_bytes);
}

static void drop_bytes(subject *self, damaged *d)
{
    size_t from = below(self, d->size_bytes), size = 1 + below(self, CELL);
    size = size > d->size_bytes - from ? d->size_bytes - from : size;
    memmove(d->bytes + from, d->bytes + from + size, d->size_bytes - from - size);
    d->size_bytes -= size;
    d->dropped = size;
    snprintf(d->what, sizeof d->what, "%zu bytes dropped at %zu", size, from);
}

static damaged damage(subject *self)
{
    static void (*const ways[])(subject *, damaged *) = {flip_bits, flip_bits, zero_sectors,
                                                         splice,    cut,       drop_bytes};
    damaged d = {.bytes = malloc(self->size_bytes), .size_bytes = self->size_bytes};
    memcpy(d.bytes, self->bytes, d.size_bytes);
    ways[below(self, sizeof ways / sizeof *ways)](self, &d);
    return d;
}

/* ---- what must be so ---- */

/* Whether the same bytes lie at the same place. */
static bool is_intact(const subject *self, const damaged *d, uint64_t from, uint64_t size)
{
    return from + size <= d->size_bytes &&
           memcmp(d->bytes + from, self->bytes + from, (size_t)size) == 0;
}

/* Whether they lie there, or where the bytes that fell out have left them. */
static bool is_left(const subject *self, const damaged *d, uint64_t from, uint64_t size)
{
    uint64_t to = from - d->dropped;
    return is_intact(self, d, from, size) ||
           (from >= d->dropped && to + size <= d->size_bytes &&
            memcmp(d->bytes + to, self->bytes + from, (size_t)size) == 0);
}

/* Whether a page of the directory is left in either copy, and of what is left one is where it is
 * looked for. */
static bool is_directory_left(const subject *self, const damaged *d)
{
    uint64_t second = self->before + self->section - self->pages * SECTOR;
    for (uint64_t i = 0; i < self->pages; i++)
        if (!is_left(self, d, self->before + i * SECTOR, SECTOR) &&
            !is_left(self, d, second + i * SECTOR, SECTOR))
            return false;
    return true;
}

/* Whether the parity is strong enough: of no column more blocks are lost than it has rows. A block
 * of nothing but the index is known from the directory. */
static bool is_within_strength(const subject *self, const damaged *d)
{
    uint64_t covered = self->size_bytes - self->section, lost[CELLS * 4] = {0};
    uint64_t blocks = (covered + SECTOR - 1) / SECTOR;
    uint64_t columns = (blocks + self->data_rows - 1) / self->data_rows;
    bool enough = is_directory_left(self, d);

    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t at = i * SECTOR, size = at + SECTOR > covered ? covered - at : SECTOR;
        uint64_t place = at < self->before ? at : at + self->section;
        bool known = self->kind->at_start ? at + size <= INDEX_BYTES : at >= self->before;
        lost[i % columns] += !known && !is_left(self, d, place, size);
    }
    for (uint64_t i = 0; i < self->parity_rows * columns; i++)
        lost[i % columns] += !is_left(self, d, self->before + (self->pages + i) * SECTOR, SECTOR);
    for (uint64_t i = 0; i < columns; i++)
        enough &= lost[i] <= self->parity_rows;
    return enough;
}

/* How many bits of the index differ; -1 when it is not where it was. */
static int index_flips(const subject *self, const damaged *d)
{
    int count = 0;
    if (!self->kind->at_start && d->size_bytes != self->size_bytes)
        return -1;
    if (self->index_start + INDEX_BYTES > d->size_bytes)
        return -1;
    for (size_t i = self->index_start; i < self->index_start + INDEX_BYTES; i++)
        count += __builtin_popcount(d->bytes[i] ^ self->bytes[i]);
    return count;
}

/* What came of the trials. */
typedef struct trials {
    int64_t recovered, rebuilt, damages;
} trials;

typedef enum answer { RIGHT, MISSING, DAMAGED } answer;

static answer read_cell(subject *self, const damaged *d, int cell, const char *when)
{
    unsigned char expected[CELL], found[CELL];
    static const unsigned char fill[CELL];
    const int64_t start[] = {cell / SIDE * HEIGHT, cell % SIDE * WIDTH}, shape[] = {HEIGHT, WIDTH};

    int status = tsr_array_read(self->array, start, shape, NULL, found, CELL, NULL, &self->f.err);
    tsr_error_clear(&self->f.err);
    if (status == TSR_DAMAGED)
        return DAMAGED;
    assert_int_equal(status, 0);
    fill_cell(cell, 2, expected);
    if (memcmp(found, expected, CELL) == 0)
        return RIGHT;
    if (memcmp(found, fill, CELL) == 0)
        return MISSING;
    fill_cell(cell, 1, expected);
    fail_msg("%s, %s: cell %d reads %s %s", self->kind->name, d->what, cell,
             memcmp(found, expected, CELL) == 0 ? "an older version" : "wrong", when);
    return DAMAGED;
}

static int count_damaged(void *user, const tsr_chunk_info *info)
{
    *(int *)user += info->state == TSR_CHUNK_DAMAGED || info->parity == TSR_PARITY_DAMAGED;
    return 0;
}

static int check(subject *self)
{
    int found = 0;
    tsr_chunk_walk_options options;
    tsr_chunk_walk_options_init(&options);
    options.inner = options.data = true;
    good(tsr_array_walk_chunks(self->array, &options, count_damaged, &found, NULL, &self->f.err),
         &self->f.err);
    return found;
}

/* The shard is what it was, its parity included. */
static void expect_rebuilt(subject *self, const damaged *d, const tsr_repair_result *result)
{
    size_t size;
    unsigned char *found = get_bytes(&self->f, self->f.store, "a/c/0/0", &size);
    if (!found || size != self->size_bytes || memcmp(found, self->bytes, size) != 0)
        fail_msg("%s, %s: is not rebuilt", self->kind->name, d->what);
    assert_int_equal(result->lost_chunks, 0);
    assert_int_equal(result->kept_chunks, CELLS);
    free(found);
}

static void try_one(subject *self, trials *so_far)
{
    static const int64_t origin[] = {0, 0};
    damaged d = damage(self);
    tsr_repair_result result;
    tsr_repair_options options;

    put(self, d.bytes, d.size_bytes);
    int found = check(self), flips = index_flips(self, &d);
    /* Without checksums a reader sees no damage; those of the parity do, as long as they are there.
     */
    bool checked = strstr(self->kind->inner, "crc32c") != NULL;
    bool tells = checked || is_directory_left(self, &d);
    for (int i = 0; i < CELLS && checked; i++) {
        answer is = read_cell(self, &d, i, "before the repair");
        if (is == MISSING || (is == DAMAGED && found == 0))
            fail_msg("%s, %s: cell %d is %s, and the check found %d", self->kind->name, d.what, i,
                     is == MISSING ? "missing" : "damaged", found);
    }
    tsr_repair_options_init(&options);
    good(tsr_array_repair_chunk(self->array, origin, &options, NULL, NULL, &result, NULL,
                                &self->f.err),
         &self->f.err);
    assert_int_equal(result.outcome == TSR_REPAIR_NOTHING, found == 0);
    for (int i = 0; i < CELLS && tells; i++) {
        answer is = read_cell(self, &d, i, "after the repair");
        bool intact = is_intact(self, &d, self->offsets[i], self->sizes[i]);
        so_far->recovered += is == RIGHT;
        if (is == DAMAGED || (is == MISSING && intact && checked && (flips == 0 || flips == 1)))
            fail_msg("%s, %s: cell %d is %s after the repair", self->kind->name, d.what, i,
                     is == MISSING ? "gone although it was intact" : "damaged");
    }
    assert_int_equal(check(self), 0);
    so_far->damages += found > 0;
    if (self->kind->parity && found > 0 && is_within_strength(self, &d)) {
        expect_rebuilt(self, &d, &result);
        so_far->rebuilt++;
    }
    good(tsr_store_erase_prefix(self->f.store, "a/c/", NULL, &self->f.err), &self->f.err);
    free(d.bytes);
}

static void damage_is_found_or_harmless(void **state)
{
    (void)state;
    const char *full = getenv("TESSERA_TORTURE"), *seed = getenv("TESSERA_SEED");
    const int kind_count = sizeof kinds / sizeof *kinds;
    int count = full && *full ? 100000 / kind_count : 120;
    for (int i = 0; i < kind_count; i++) {
        subject self;
        trials so_far = {0};
        subject_open(&self, &kinds[i], (seed ? strtoull(seed, NULL, 0) : 1) + (uint64_t)i);
        for (int trial = 0; trial < count; trial++)
            try_one(&self, &so_far);
        print_message(
            "%s: %d trials, %.1f of %d inner chunks left by a repair, %" PRId64 " shards rebuilt\n",
            kinds[i].name, count, (double)so_far.recovered / count, CELLS, so_far.rebuilt);
        /* A repair that saves nothing would satisfy the rest. */
        assert_true(so_far.recovered > (int64_t)count * CELLS / 4);
        assert_true(!kinds[i].parity || so_far.rebuilt > so_far.damages / 3);
        subject_close(&self);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(damage_is_found_or_harmless)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
