/* Proves of elements of variable length that every way to write and to read gives them back: boxes,
 * parts of chunks, shards, lists, points, sinks, sources, casts, appends and copies; that what was
 * read outlives the array; and that views without a heap are refused. The bytes in the store are
 * checked by test_vlen.c and by the interop tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <pthread.h>

#include <cmocka.h>

#include <tessera/writer.h>

#include "unit/array/array_testing.h"

enum { ROWS = 9, COLUMNS = 11, COUNT = ROWS * COLUMNS };

static const array_row forms[] = {
    {.name = "plain", .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {4, 3}, .codec = "zstd:1"},
    {.name = "bare", .rank = 2, .shape = {ROWS, COLUMNS}, .chunk = {4, 3}, .codec = "none"},
    {.name = "shards",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {2, 3},
     .shard = {4, 6},
     .codec = "gzip:1"},
    {.name = "turned",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {4, 3},
     .filters = "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}]"},
    {.name = "reshaped",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {4, 3},
     .filters = "[{\"name\":\"reshape\",\"configuration\":{\"shape\":[[0,1]]}}]"},
    {.name = "packed shards",
     .rank = 2,
     .shape = {ROWS, COLUMNS},
     .chunk = {4, 6},
     .codecs = "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[2,3],"
               "\"codecs\":[\"vlen-utf8\"],\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":"
               "{\"endian\":\"little\"}}],\"index_location\":\"end\"}},{\"name\":\"gzip\","
               "\"configuration\":{\"level\":1}}]"},
};

/* Texts of 0 to 40 characters and more. */
static void text_of(int i, char text[64])
{
    int length = i * 7 % 41;
    for (int k = 0; k < length; k++)
        text[k] = (char)('a' + (i + k) % 26);
    text[length] = '\0';
}

typedef struct words {
    char texts[COUNT][64];
    tsr_slot slots[COUNT];
} words;

static void words_init(words *self, int add)
{
    for (int i = 0; i < COUNT; i++) {
        text_of(i + add, self->texts[i]);
        assert_int_equal(
            tsr_slot_borrow(&self->slots[i], self->texts[i], strlen(self->texts[i]), NULL), 0);
    }
}

static void expect_text(const void *element, int i)
{
    char text[64];
    const tsr_slot *slot = element;
    text_of(i, text);
    assert_int_equal(slot->size_bytes, strlen(text));
    assert_memory_equal(tsr_slot_bytes(slot), text, strlen(text));
}

/* An array that is filled; the memory that it was written from is gone. */
static tsr_array *filled(fixture *f, const char *path, const array_row *row)
{
    words *all = malloc(sizeof *all);
    tsr_slot fill;
    assert_non_null(all);
    assert_int_equal(tsr_slot_borrow(&fill, "the fill value of this array", 28, NULL), 0);
    tsr_array *array = array_new(f, f->store, path, row, TSR_STRING, &fill);
    words_init(all, 0);
    good(tsr_array_write(array, NULL, NULL, NULL, all->slots, sizeof all->slots, NULL, &f->err),
         &f->err);
    memset(all, '!', sizeof *all);
    free(all);
    return array;
}

static void read_index(fixture *f, tsr_array *array, const tsr_index *index, tsr_view *ret_view)
{
    int64_t shape[TSR_RANK_MAX];
    int rank = tsr_index_shape(index, shape);
    good(tsr_view_new(ret_view, TSR_STRING, rank, shape, &f->err), &f->err);
    const tsr_read_request request = {array, index, ret_view, TSR_CASTING_NO};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
}

static void read_text(fixture *f, tsr_array *array, const char *selection, tsr_view *ret_view)
{
    tsr_auto(tsr_index) index = {.layout = NULL};
    good(tsr_index_parse(&index, selection, 2, tsr_array_shape(array), &f->err), &f->err);
    read_index(f, array, &index, ret_view);
}

static void every_form_gives_back_what_it_was_given(void **state)
{
    fixture *f = *state;
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        tsr_view all, part, picked, turned, points;
        tsr_array *array = filled(f, forms[form].name, &forms[form]);
        read_text(f, array, ":", &all);
        read_text(f, array, "2:7, 1:9:3", &part);
        read_text(f, array, "[7, 0, 7, 3], 2:11:8", &picked);
        read_text(f, array, "::-1, 5", &turned);
        read_text(f, array, "[8, 0, 8, 3, 4], [10, 2, 0, 9, 9]", &points);
        tsr_array_close(array);
        for (int i = 0; i < COUNT; i++)
            expect_text(all.data + 16 * i, i);
        for (int y = 0; y < 5; y++)
            for (int x = 0; x < 3; x++)
                expect_text(part.data + 16 * (3 * y + x), (y + 2) * COLUMNS + 1 + 3 * x);
        static const int rows[4] = {7, 0, 7, 3}, columns[2] = {2, 10};
        for (int y = 0; y < 4; y++)
            for (int x = 0; x < 2; x++)
                expect_text(picked.data + 16 * (2 * y + x), rows[y] * COLUMNS + columns[x]);
        for (int y = 0; y < ROWS; y++)
            expect_text(turned.data + 16 * y, (ROWS - 1 - y) * COLUMNS + 5);
        static const int at[5] = {98, 2, 88, 42, 53};
        for (int i = 0; i < 5; i++)
            expect_text(points.data + 16 * i, at[i]);
        tsr_view_clear(&points);
        tsr_view_clear(&all);
        tsr_view_clear(&part);
        tsr_view_clear(&picked);
        tsr_view_clear(&turned);
    }
}

/* Elements of one chunk are laid over others, which are decoded from bytes that go away. */
static void parts_of_chunks_are_merged(void **state)
{
    fixture *f = *state;
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        const int64_t start[2] = {1, 2}, shape[2] = {5, 4};
        words all;
        tsr_view view;
        tsr_array *array = filled(f, forms[form].name, &forms[form]);
        words_init(&all, 1000);
        good(tsr_array_write(array, start, shape, NULL, all.slots, 20 * sizeof *all.slots, NULL,
                             &f->err),
             &f->err);
        read_text(f, array, ":", &view);
        for (int y = 0; y < ROWS; y++)
            for (int x = 0; x < COLUMNS; x++) {
                bool inside = y >= 1 && y < 6 && x >= 2 && x < 6;
                expect_text(view.data + 16 * (y * COLUMNS + x),
                            inside ? 1000 + (y - 1) * 4 + x - 2 : y * COLUMNS + x);
            }
        tsr_view_clear(&view);
        tsr_array_close(array);
    }
}

/* Missing chunks give the fill value, which belongs to the view; chunks of it are not stored. */
static void fill_values_are_compared_by_value(void **state)
{
    fixture *f = *state;
    char other[] = "the fill value of this array";
    tsr_slot slots[COUNT];
    tsr_view view;
    int64_t count = -1;
    tsr_array *array = filled(f, "a", &forms[0]);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(tsr_slot_borrow(&slots[i], other, strlen(other), NULL), 0);
    good(tsr_array_write(array, NULL, NULL, NULL, slots, sizeof slots, NULL, &f->err), &f->err);
    const int64_t chunk[2] = {0, 0};
    tsr_blob *blob = NULL;
    assert_int_equal(tsr_array_get_encoded_chunk(array, chunk, NULL, &blob, NULL), TSR_NOT_FOUND);
    read_text(f, array, ":", &view);
    tsr_array_close(array);
    memset(other, '!', sizeof other);
    count = tsr_view_count(&view);
    assert_int_equal(count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        const tsr_slot *slot = (const void *)(view.data + 16 * i);
        assert_int_equal(slot->size_bytes, 28);
        assert_memory_equal(tsr_slot_bytes(slot), "the fill value of this array", 28);
    }
    tsr_view_clear(&view);
}

typedef struct seen {
    pthread_mutex_t mutex;
    int count[COUNT];
} seen;

static int look(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    seen *self = user;
    (void)err;
    for (int64_t y = 0; y < piece->shape[0]; y++)
        for (int64_t x = 0; x < piece->shape[1]; x++) {
            int at = (int)((position[0] + y) * COLUMNS + position[1] + x);
            expect_text(piece->data + y * piece->strides[0] + x * piece->strides[1], at);
            pthread_mutex_lock(&self->mutex);
            self->count[at]++;
            pthread_mutex_unlock(&self->mutex);
        }
    return 0;
}

static int give(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)user;
    for (int64_t y = 0; y < piece->shape[0]; y++)
        for (int64_t x = 0; x < piece->shape[1]; x++) {
            char text[64];
            text_of((int)((position[0] + y) * COLUMNS + position[1] + x), text);
            int status = tsr_heap_add(
                piece->heap, text, strlen(text),
                (void *)(piece->data + y * piece->strides[0] + x * piece->strides[1]), err);
            if (status < 0)
                return status;
        }
    return 0;
}

static void sources_and_sinks(void **state)
{
    fixture *f = *state;
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        seen all = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        tsr_array *array = array_new(f, f->store, forms[form].name, &forms[form], TSR_STRING, NULL);
        good(tsr_array_write_source(array, NULL, give, NULL, NULL, NULL, &f->err), &f->err);
        good(tsr_array_read_sink(array, NULL, look, &all, NULL, &f->err), &f->err);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(all.count[i], 1);
        tsr_array_close(array);
    }
}

static void casts_on_the_way(void **state)
{
    fixture *f = *state;
    const tsr_dtype *fixed, *exact, *short_one;
    tsr_view wide, narrow, back;
    tsr_index index;
    tsr_array *array = filled(f, "a", &forms[2]);
    assert_int_equal(tsr_dtype_parse("U41", &fixed, NULL), 0);
    tsr_index_all(&index, 2, tsr_array_shape(array));
    good(tsr_view_new(&wide, fixed, 2, tsr_array_shape(array), &f->err), &f->err);
    tsr_read_request request = {array, &index, &wide, TSR_CASTING_SAME_KIND};
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    for (int i = 0; i < COUNT; i++) {
        char text[64];
        text_of(i, text);
        for (size_t k = 0; k < 41; k++) {
            uint32_t character;
            memcpy(&character, wide.data + 164 * i + 4 * k, 4);
            assert_int_equal(character, k < strlen(text) ? (unsigned char)text[k] : 0);
        }
    }
    /* Back into another array. */
    tsr_array *copy = array_new(f, f->store, "b", &forms[1], TSR_STRING, NULL);
    good(tsr_array_write_index(copy, &index, &wide, TSR_CASTING_SAFE, NULL, NULL, &f->err),
         &f->err);
    read_text(f, copy, ":", &back);
    for (int i = 0; i < COUNT; i++)
        expect_text(back.data + 16 * i, i);
    tsr_array_close(copy);
    assert_int_equal(tsr_dtype_parse("U40", &exact, NULL), 0);
    good(tsr_view_new(&narrow, exact, 2, tsr_array_shape(array), &f->err), &f->err);
    request.view = &narrow;
    good(tsr_read_many(f->context, &request, 1, NULL, &f->err), &f->err);
    assert_int_equal(tsr_dtype_parse("U39", &short_one, NULL), 0);
    tsr_view_clear(&narrow);
    good(tsr_view_new(&narrow, short_one, 2, tsr_array_shape(array), &f->err), &f->err);
    assert_int_equal(tsr_read_many(f->context, &request, 1, NULL, &f->err), TSR_OUT_OF_BOUNDS);
    tsr_view_clear(&wide);
    tsr_view_clear(&narrow);
    tsr_view_clear(&back);
    tsr_dtype_unref(fixed);
    tsr_dtype_unref(exact);
    tsr_dtype_unref(short_one);
    tsr_array_close(array);
}

static void appended_and_cut(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "log", .rank = 1, .shape = {0}, .chunk = {16}, .codec = "zstd:1"};
    tsr_array *array = array_new(f, f->store, "log", &row, TSR_STRING, NULL);
    tsr_array_writer *writer;
    good(tsr_array_writer_open(array, NULL, &writer, &f->err), &f->err);
    for (int i = 0; i < COUNT; i++) {
        char text[64];
        tsr_slot slot;
        const int64_t one = 1;
        tsr_view view;
        text_of(i, text);
        assert_int_equal(tsr_slot_borrow(&slot, text, strlen(text), NULL), 0);
        good(tsr_view_init(&view, TSR_STRING, 1, &one, &slot, &f->err), &f->err);
        good(tsr_array_writer_append(writer, &view, TSR_CASTING_NO, NULL, NULL, &f->err), &f->err);
    }
    good(tsr_array_writer_close(writer, NULL, &f->err), &f->err);
    assert_int_equal(tsr_array_shape(array)[0], COUNT);
    const int64_t shorter = 50, longer = 60;
    good(tsr_array_resize(array, &shorter, NULL, NULL, &f->err), &f->err);
    good(tsr_array_resize(array, &longer, NULL, NULL, &f->err), &f->err);
    tsr_index index;
    tsr_view view;
    tsr_index_all(&index, 1, tsr_array_shape(array));
    read_index(f, array, &index, &view);
    for (int i = 0; i < 60; i++) {
        if (i < 50)
            expect_text(view.data + 16 * i, i);
        else
            assert_int_equal(((const tsr_slot *)(void *)(view.data + 16 * i))->size_bytes, 0);
    }
    tsr_view_clear(&view);
    tsr_array_close(array);
}

static void copied_into_other_chunks(void **state)
{
    fixture *f = *state;
    tsr_view view;
    tsr_array *array = filled(f, "a", &forms[2]);
    tsr_array *copy = array_new(f, f->store, "b", &forms[3], TSR_STRING, NULL);
    good(tsr_array_copy(array, copy, NULL, NULL, &f->err), &f->err);
    read_text(f, copy, ":", &view);
    for (int i = 0; i < COUNT; i++)
        expect_text(view.data + 16 * i, i);
    tsr_view_clear(&view);
    tsr_array_close(array);
    tsr_array_close(copy);
}

static void views_without_a_heap_are_refused(void **state)
{
    fixture *f = *state;
    tsr_slot slots[COUNT + 1];
    tsr_index index;
    tsr_view view;
    tsr_array *array = filled(f, "a", &forms[0]);
    assert_int_equal(
        tsr_array_read(array, NULL, NULL, NULL, slots, COUNT * sizeof *slots, NULL, &f->err),
        TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(f->err.message, "no heap"));
    tsr_index_all(&index, 2, tsr_array_shape(array));
    good(tsr_view_init(&view, TSR_STRING, 2, tsr_array_shape(array), slots, &f->err), &f->err);
    const tsr_read_request request = {array, &index, &view, TSR_CASTING_NO};
    assert_int_equal(tsr_read_many(f->context, &request, 1, NULL, &f->err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(f->err.message, "no heap"));
    /* An address lies where addresses lie. */
    tsr_heap *heap;
    good(tsr_heap_new(&heap, &f->err), &f->err);
    view.heap = heap;
    view.data = (char *)slots + 4;
    assert_int_equal(tsr_read_many(f->context, &request, 1, NULL, &f->err), TSR_INVALID_ARGUMENT);
    assert_non_null(strstr(f->err.message, "multiples of 8 bytes"));
    tsr_heap_unref(heap);
    tsr_array_close(array);
}

/* A chunk that compresses by a factor of thousands is read, within the context's limit. */
static void long_elements(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "long", .rank = 1, .shape = {2}, .chunk = {2}, .codec = "zstd:1"};
    size_t size_bytes = 40 << 20;
    char *text = malloc(size_bytes);
    tsr_slot slots[2];
    tsr_view view;
    tsr_index index;
    assert_non_null(text);
    memset(text, 'x', size_bytes);
    for (int i = 0; i < 2; i++)
        assert_int_equal(tsr_slot_borrow(&slots[i], text, size_bytes - (size_t)i, NULL), 0);
    tsr_array *array = array_new(f, f->store, "long", &row, TSR_STRING, NULL);
    good(tsr_array_write(array, NULL, NULL, NULL, slots, sizeof slots, NULL, &f->err), &f->err);
    tsr_index_all(&index, 1, row.shape);
    read_index(f, array, &index, &view);
    for (int i = 0; i < 2; i++) {
        const tsr_slot *slot = (const void *)(view.data + 16 * i);
        assert_int_equal(slot->size_bytes, size_bytes - (size_t)i);
        assert_memory_equal(slot->rest.bytes, text, slot->size_bytes);
    }
    tsr_view_clear(&view);
    tsr_array_close(array);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_form_gives_back_what_it_was_given),
        FIXTURE_TEST(parts_of_chunks_are_merged),
        FIXTURE_TEST(fill_values_are_compared_by_value),
        FIXTURE_TEST(sources_and_sinks),
        FIXTURE_TEST(casts_on_the_way),
        FIXTURE_TEST(appended_and_cut),
        FIXTURE_TEST(copied_into_other_chunks),
        FIXTURE_TEST(views_without_a_heap_are_refused),
        FIXTURE_TEST(long_elements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
