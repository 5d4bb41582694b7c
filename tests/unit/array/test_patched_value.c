/* Proves of a damaged shard that is read as it was: what was lost comes from parity, what was moved
 * from where it lies now, the index from the directory; what is beyond the parity is refused where
 * no checksum would notice; parity of other bytes than these is noticed; and what is to be put
 * refers to the store and to what was computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/patched_value.h"
#include "array/wait.h"
#include "unit/array/array_testing.h"

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define CRC "{\"name\":\"crc32c\"}"
#define SHARD(codecs, location)                                                                    \
    "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[256],"                    \
    "\"codecs\":[" codecs "],\"index_codecs\":[" LITTLE "," CRC "],\"index_location\":\"" location \
    "\"}}]"

/* 16 inner chunks; with 4 + 2 the ten blocks of 512 bytes lie in three columns. */
enum { COUNT = 4096, INNER = 256, BLOCK = 512, COLUMNS = 3 };

typedef struct subject {
    fixture f;
    tsr_array *array;
    tsri_task_group watch;
    tsri_examiner examiner;
    tsr_extent extent;
    unsigned char *sound, *covered; /* the shard as it was; without its section */
    size_t size_bytes, covered_bytes;
    tsri_shard_parity parity;
    tsri_patched_value value;
    tsr_generation generation;
} subject;

static void put_shard(subject *self, const unsigned char *bytes, size_t size)
{
    tsr_put_request request = {.key = "a/c/0",
                               .segments = &(tsr_segment){.bytes = bytes, .size_bytes = size},
                               .segment_count = 1,
                               .durability = TSR_DURABILITY_NONE,
                               .err = &self->f.err};
    good(tsr_store_put_many(self->f.store, &request, 1, NULL), &self->f.err);
    self->generation = request.generation;
}

static void look(subject *self, size_t size)
{
    fixture *f = &self->f;
    good(tsri_shard_parity_find(&self->parity, &self->examiner, self->array->prepared,
                                &self->extent, size, true, &f->err),
         &f->err);
    assert_non_null(self->parity.directory);
    good(tsri_shard_parity_verify(&self->parity, &self->examiner, &f->err), &f->err);
    good(tsri_patched_value_init(&self->value, &self->parity, &self->examiner, &self->generation,
                                 &f->err),
         &f->err);
}

static void forget(subject *self)
{
    tsri_patched_value_clear(&self->value);
    tsri_shard_parity_clear(&self->parity);
}

static void subject_open(subject *self, const char *codecs)
{
    static const int64_t origin[TSR_RANK_MAX];
    const array_row row = {.rank = 1, .shape = {COUNT}, .chunk = {COUNT}, .codecs = codecs};
    tsr_array_create_options options;
    unsigned char elements[COUNT];
    memset(self, 0, sizeof *self);
    fixture_open(&self->f, "memory:");
    fixture *f = &self->f;
    row_options(&row, TSR_UINT8, NULL, &options);
    options.store = f->store;
    options.parity = "4+2";
    good(tsr_array_create(f->context, "a", &options, &self->array, &f->err), &f->err);
    for (int i = 0; i < COUNT; i++)
        elements[i] = (unsigned char)(1 + (i * 7 + i / INNER * 31) % 251);
    good(tsr_array_write(self->array, NULL, NULL, NULL, elements, COUNT, NULL, &f->err), &f->err);
    good(tsri_group_init(&self->watch, f->context, NULL, NULL, &f->err), &f->err);
    tsri_examiner_init(&self->examiner, self->array, &self->watch);
    good(tsri_array_locate(self->array, origin, &self->extent, &f->err), &f->err);
    self->sound = get_bytes(f, f->store, "a/c/0", &self->size_bytes);
    put_shard(self, self->sound, self->size_bytes);
    look(self, self->size_bytes);
    const tsri_parity_shape *shape = &self->parity.shape;
    assert_int_equal(shape->block_bytes, BLOCK);
    assert_int_equal(shape->column_count, COLUMNS);
    self->covered_bytes = (size_t)shape->covered_bytes;
    self->covered = malloc(self->covered_bytes);
    memcpy(self->covered, self->sound, (size_t)shape->before_bytes);
    memcpy(self->covered + shape->before_bytes, self->sound + self->size_bytes - shape->after_bytes,
           (size_t)shape->after_bytes);
    assert_int_equal(self->value.patch_count, 0);
    forget(self);
}

static void subject_close(subject *self)
{
    good(tsri_group_wait(&self->watch, &self->f.err), &self->f.err);
    free(self->sound);
    free(self->covered);
    tsr_array_close(self->array);
    fixture_close(&self->f);
}

static int read_range(subject *self, uint64_t offset, uint64_t size, tsr_blob **ret_blob)
{
    tsr_get_request request;
    tsr_error_clear(&self->f.err);
    int status =
        tsri_get_and_wait(&self->value.head, "any", (tsr_range){TSR_RANGE_PART, offset, size}, NULL,
                          &request, &self->f.err);
    if (status == 0)
        *ret_blob = request.blob;
    return status;
}

/* Every range is what it was: whole, in blocks, and across their borders. */
static void expect_as_it_was(subject *self)
{
    const size_t sizes[] = {self->covered_bytes, BLOCK, 700, 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t at = 0; at + sizes[i] <= self->covered_bytes; at += 97) {
            tsr_blob *blob = NULL;
            good(read_range(self, at, sizes[i], &blob), &self->f.err);
            assert_int_equal(tsr_blob_size(blob), sizes[i]);
            if (memcmp(tsr_blob_data(blob), self->covered + at, sizes[i]) != 0)
                fail_msg("%zu bytes from %zu are not what they were", sizes[i], at);
            tsr_blob_unref(blob);
        }
}

static unsigned char *damaged(const subject *self, const int *blocks, size_t count)
{
    unsigned char *bytes = malloc(self->size_bytes);
    memcpy(bytes, self->sound, self->size_bytes);
    for (size_t i = 0; i < count; i++)
        memset(bytes + blocks[i] * BLOCK, 0xa5, BLOCK);
    return bytes;
}

static void lost_blocks_are_computed(void **state)
{
    (void)state;
    const char *const both[] = {SHARD(LITTLE "," CRC, "end"), SHARD(LITTLE, "start")};
    const int lost[] = {1, 1 + COLUMNS, 2}; /* two of one column, one of another */
    for (size_t i = 0; i < 2; i++) {
        subject self;
        bool contradicts = true;
        subject_open(&self, both[i]);
        unsigned char *bytes = damaged(&self, lost, 3);
        put_shard(&self, bytes, self.size_bytes);
        look(&self, self.size_bytes);
        assert_int_equal(self.parity.lost_blocks, 3);
        assert_int_equal(self.value.patch_count, 3);
        expect_as_it_was(&self);
        good(tsri_patched_value_contradicts(&self.value, &self.examiner, &contradicts, &self.f.err),
             &self.f.err);
        assert_false(contradicts);
        forget(&self);
        free(bytes);
        subject_close(&self);
    }
}

/* Bytes that fell out: what lies behind is found by so many away, and the index is known anyhow. */
static void moved_blocks_are_found(void **state)
{
    (void)state;
    subject self;
    subject_open(&self, SHARD(LITTLE "," CRC, "end"));
    unsigned char *bytes = malloc(self.size_bytes);
    size_t size = self.size_bytes - 100;
    memcpy(bytes, self.sound, 600);
    memcpy(bytes + 600, self.sound + 700, self.size_bytes - 700);
    bytes[size - 10] ^= 1; /* of the index */
    put_shard(&self, bytes, size);
    look(&self, size);
    assert_int_equal(self.parity.shift, -100);
    expect_as_it_was(&self);
    forget(&self);
    free(bytes);
    subject_close(&self);
}

static void what_is_beyond_the_parity_is_refused_without_checksums(void **state)
{
    (void)state;
    const int lost[] = {0, COLUMNS, 2 * COLUMNS};
    for (int checked = 0; checked < 2; checked++) {
        subject self;
        tsr_blob *blob = NULL;
        tsr_segment *segments = NULL;
        size_t count = 0;
        subject_open(&self, checked ? SHARD(LITTLE "," CRC, "end") : SHARD(LITTLE, "end"));
        unsigned char *bytes = damaged(&self, lost, 3);
        put_shard(&self, bytes, self.size_bytes);
        look(&self, self.size_bytes);
        assert_int_equal(self.parity.hopeless_blocks, 3);
        assert_int_equal(self.value.patch_count, 0);
        const tsr_segment gone = {.offset = 10, .size_bytes = 20};
        assert_int_equal(read_range(&self, BLOCK, BLOCK, &blob), 0);
        assert_memory_equal(tsr_blob_data(blob), self.covered + BLOCK, BLOCK);
        tsr_blob_unref(blob);
        int status = read_range(&self, 10, 20, &blob);
        int translated =
            tsri_patched_value_translate(&self.value, &gone, 1, &segments, &count, &self.f.err);
        if (checked) { /* the checksum of the inner chunk will tell */
            assert_int_equal(status, 0);
            assert_memory_equal(tsr_blob_data(blob), bytes + 10, 20);
            tsr_blob_unref(blob);
            assert_int_equal(translated, 0);
            tsri_free(segments);
        } else {
            assert_int_equal(status, TSR_DAMAGED);
            assert_int_equal(translated, TSR_DAMAGED);
            assert_non_null(strstr(self.f.err.message, "too much of what belongs to it"));
        }
        forget(&self);
        free(bytes);
        subject_close(&self);
    }
}

/* An inner chunk that somebody has replaced in place, with a checksum that holds. */
static void parity_of_other_bytes_is_noticed(void **state)
{
    (void)state;
    subject self;
    bool contradicts = false;
    subject_open(&self, SHARD(LITTLE "," CRC, "end"));
    unsigned char *bytes = damaged(&self, NULL, 0);
    memset(bytes + INNER + 4, 9, INNER); /* the second inner chunk */
    append_crc32c(bytes + INNER + 4, INNER);
    put_shard(&self, bytes, self.size_bytes);
    look(&self, self.size_bytes);
    assert_true(self.value.patch_count > 0);
    good(tsri_patched_value_contradicts(&self.value, &self.examiner, &contradicts, &self.f.err),
         &self.f.err);
    assert_true(contradicts);
    forget(&self);
    free(bytes);
    subject_close(&self);
}

/* A range over a lost block and its neighbours becomes three segments, own bytes stay. */
static void segments_refer_to_the_store_and_to_patches(void **state)
{
    (void)state;
    subject self;
    const int lost[] = {1};
    tsr_segment *segments;
    size_t count, at = 0;
    unsigned char together[3 * BLOCK + 5];
    subject_open(&self, SHARD(LITTLE "," CRC, "end"));
    unsigned char *bytes = damaged(&self, lost, 1);
    put_shard(&self, bytes, self.size_bytes);
    look(&self, self.size_bytes);
    const tsr_segment given[] = {{.bytes = "fresh", .size_bytes = 5},
                                 {.offset = 0, .size_bytes = 300},
                                 {.offset = 300, .size_bytes = 3 * BLOCK - 300}};
    good(tsri_patched_value_translate(&self.value, given, 3, &segments, &count, &self.f.err),
         &self.f.err);
    assert_int_equal(count, 4);
    for (size_t i = 0; i < count; i++) {
        const unsigned char *from =
            segments[i].bytes ? segments[i].bytes : bytes + segments[i].offset;
        memcpy(together + at, from, (size_t)segments[i].size_bytes);
        at += (size_t)segments[i].size_bytes;
    }
    assert_int_equal(at, sizeof together);
    assert_memory_equal(together, "fresh", 5);
    assert_memory_equal(together + 5, self.covered, 3 * BLOCK);
    tsri_free(segments);
    forget(&self);
    free(bytes);
    subject_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_blocks_are_computed),
        cmocka_unit_test(moved_blocks_are_found),
        cmocka_unit_test(what_is_beyond_the_parity_is_refused_without_checksums),
        cmocka_unit_test(parity_of_other_bytes_is_noticed),
        cmocka_unit_test(segments_refer_to_the_store_and_to_patches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
