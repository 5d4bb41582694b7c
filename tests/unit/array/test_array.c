/* Proves of the array handle: what drivers may say, what is answered, who owns what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/array/array_testing.h"

typedef struct driver {
    int closed, boxes, active, most_active; /* the last three atomic */
    tsr_store *store;
} driver;

static void close_driver(void *user)
{
    ((driver *)user)->closed++;
}

static int read_box(void *user, const int64_t *start, const tsr_view *view, const tsr_call *call,
                    tsr_error *err)
{
    driver *self = user;
    (void)call;
    int active = __atomic_add_fetch(&self->active, 1, __ATOMIC_ACQ_REL);
    int most = __atomic_load_n(&self->most_active, __ATOMIC_RELAXED);
    if (active > most)
        __atomic_store_n(&self->most_active, active, __ATOMIC_RELAXED);
    __atomic_add_fetch(&self->boxes, 1, __ATOMIC_RELAXED);
    int status = 0;
    for (int64_t y = 0; y < view->shape[0]; y++)
        for (int64_t x = 0; x < view->shape[1]; x++) {
            int32_t value = (int32_t)((start[0] + y) * 100 + start[1] + x);
            memcpy(view->data + y * view->strides[0] + x * view->strides[1], &value, 4);
            if (value == 1313)
                status = tsr_error_set(err, TSR_IO, "unlucky");
        }
    __atomic_sub_fetch(&self->active, 1, __ATOMIC_ACQ_REL);
    return status;
}

static const int64_t shape[] = {50, 60}, chunk[] = {10, 20};

static tsr_array_description description_of(void)
{
    static const char *const names[] = {"y", NULL};
    return (tsr_array_description){.driver = "test",
                                   .place = "here",
                                   .dtype = TSR_INT32,
                                   .rank = 2,
                                   .shape = shape,
                                   .chunk_shape = chunk,
                                   .dimension_names = names,
                                   .attributes = "{\"a\":1}"};
}

static void a_driver_fills_boxes(void **state)
{
    fixture *f = *state;
    for (int serial = 0; serial < 2; serial++) {
        const tsr_array_ops ops = {.struct_size = sizeof ops,
                                   .close = close_driver,
                                   .read_box = read_box,
                                   .serial = serial};
        driver own = {0};
        tsr_array *array = NULL;
        const tsr_array_description description = description_of();
        int32_t values[30];
        good(tsr_array_new(f->context, &ops, &own, &description, &array, &f->err), &f->err);
        assert_string_equal(tsr_array_driver(array), "test");
        assert_string_equal(tsr_array_place(array), "here");
        assert_string_equal(tsr_array_codecs(array), "[]");
        assert_int_equal(tsr_array_rank(array), 2);
        assert_int_equal(tsr_array_shape(array)[1], 60);
        assert_int_equal(tsr_array_chunk_shape(array)[0], 10);
        assert_int_equal(tsr_array_shard_levels(array), 0);
        assert_ptr_equal(tsr_array_inner_chunk_shape(array, 0), tsr_array_chunk_shape(array));
        assert_null(tsr_array_inner_chunk_shape(array, 1));
        assert_null(tsr_array_inner_chunk_shape(array, -1));
        assert_string_equal(tsr_array_dimension_name(array, 0), "y");
        assert_null(tsr_array_dimension_name(array, 1));
        assert_null(tsr_array_dimension_name(array, 2));
        assert_null(tsr_array_dimension_name(array, -1));
        assert_int_equal(tsr_array_axis(array, "y"), 0);
        assert_int_equal(tsr_array_axis(array, "x"), -1);
        assert_false(tsr_array_is_writable(array));
        assert_int_equal(tsr_array_count(array), 3000);
        assert_int_equal(tsr_array_size(array), 12000);
        assert_int_equal(*(const int32_t *)tsr_array_fill_value(array), 0);
        /* A box across chunks, with steps, some of whose elements lie in no other place. */
        const int64_t start[] = {8, 15}, count[] = {5, 6}, step[] = {3, 7};
        good(tsr_array_read(array, start, count, step, values, sizeof values, NULL, &f->err),
             &f->err);
        for (int i = 0; i < 30; i++)
            assert_int_equal(values[i], (8 + i / 6 * 3) * 100 + 15 + i % 6 * 7);
        int32_t *all = malloc(12000);
        own.boxes = 0;
        assert_int_equal(tsr_array_read(array, NULL, NULL, NULL, all, 12000, NULL, &f->err),
                         TSR_IO);
        assert_non_null(strstr(f->err.message, "here: unlucky"));
        if (serial)
            assert_int_equal(own.most_active, 1);
        free(all);
        /* What only stores have. */
        tsr_chunk_walk_options options;
        tsr_chunk_walk_options_init(&options);
        assert_int_equal(tsr_array_walk_chunks(array, &options, NULL, NULL, NULL, &f->err),
                         TSR_UNSUPPORTED);
        assert_int_equal(tsr_array_set_attributes(array, "{}", &f->err), TSR_READ_ONLY);
        assert_int_equal(
            tsr_array_write(array, start, count, step, values, sizeof values, NULL, &f->err),
            TSR_READ_ONLY);
        tsr_array *held = tsr_array_ref(array);
        tsr_array_close(array);
        assert_int_equal(own.closed, 0);
        tsr_array_close(held);
        assert_int_equal(own.closed, 1);
        tsr_array_close(NULL);
    }
}

/* One value holds the chunks of an array side by side, in an order that only the driver knows. */
static int locate(void *user, const int64_t *index, tsr_extent *ret_extent, tsr_error *err)
{
    driver *self = user;
    if (index[0] == 4)
        return tsr_error_set(err, TSR_DAMAGED, "no such row of chunks");
    ret_extent->store = self->store;
    snprintf(ret_extent->key, sizeof ret_extent->key, "file");
    ret_extent->offset = 7 + (uint64_t)(index[1] * 4 + index[0]) * 800;
    ret_extent->size_bytes = 800;
    return 0;
}

static int locate_without_length(void *user, const int64_t *index, tsr_extent *ret_extent,
                                 tsr_error *err)
{
    int status = locate(user, index, ret_extent, err);
    ret_extent->size_bytes = TSR_REST;
    return status;
}

static void a_part_of_a_value_has_a_length(void **state)
{
    fixture *f = *state;
    const tsr_array_ops ops = {.struct_size = sizeof ops, .locate = locate_without_length};
    driver own = {.store = f->store};
    tsr_array *array = NULL;
    tsr_array_description description = description_of();
    const int64_t start[] = {0, 0}, count[] = {1, 1};
    int32_t value;
    description.codecs = "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}]";
    good(tsr_array_new(f->context, &ops, &own, &description, &array, &f->err), &f->err);
    assert_int_equal(tsr_array_read(array, start, count, NULL, &value, sizeof value, NULL, &f->err),
                     TSR_INTERNAL);
    assert_non_null(strstr(f->err.message, "byte 7 of file"));
    tsr_array_close(array);
}

static void a_driver_says_where_chunks_lie(void **state)
{
    fixture *f = *state;
    const tsr_array_ops ops = {.struct_size = sizeof ops, .locate = locate};
    driver own = {.store = f->store};
    tsr_array *array = NULL;
    tsr_array_description description = description_of();
    static unsigned char file[7 + 12 * 800];
    int32_t values[40 * 60];
    description.codecs = "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}]";
    for (int y = 0; y < 40; y++)
        for (int x = 0; x < 60; x++) {
            unsigned char *at = file + 7 + (x / 20 * 4 + y / 10) * 800 + (y % 10 * 20 + x % 20) * 4;
            at[2] = (unsigned char)y;
            at[3] = (unsigned char)x;
        }
    put_bytes(f, f->store, "file", file, sizeof file);
    good(tsr_array_new(f->context, &ops, &own, &description, &array, &f->err), &f->err);
    const int64_t start[] = {0, 0}, count[] = {40, 60}, all[] = {50, 60};
    good(tsr_array_read(array, start, count, NULL, values, sizeof values, NULL, &f->err), &f->err);
    for (int i = 0; i < 40 * 60; i++)
        assert_int_equal(values[i], i / 60 * 256 + i % 60);
    /* A file that ends too early. */
    put_bytes(f, f->store, "file", file, sizeof file - 1);
    assert_int_equal(
        tsr_array_read(array, start, count, NULL, values, sizeof values, NULL, &f->err),
        TSR_DAMAGED);
    int32_t *more = malloc(12000);
    assert_int_equal(tsr_array_read(array, start, all, NULL, more, 12000, NULL, &f->err),
                     TSR_DAMAGED);
    free(more);
    /* And none at all is no fill value: it was there when the driver opened it. */
    good(tsr_store_erase(f->store, "file", NULL, &f->err), &f->err);
    assert_int_equal(
        tsr_array_read(array, start, count, NULL, values, sizeof values, NULL, &f->err),
        TSR_NOT_FOUND);
    tsr_array_close(array);
}

static void *read_whole(void *user)
{
    tsr_array *array = user;
    int32_t *values = malloc((size_t)tsr_array_size(array));
    tsr_array_read(array, NULL, NULL, NULL, values, (size_t)tsr_array_size(array), NULL, NULL);
    free(values);
    return NULL;
}

/* Blocks until it is told to go on, in the process that made it. */
typedef struct blocker {
    int entered, released; /* atomic */
} blocker;

static int block_in_box(void *user, const int64_t *start, const tsr_view *view,
                        const tsr_call *call, tsr_error *err)
{
    blocker *self = user;
    (void)start;
    (void)call;
    (void)err;
    __atomic_store_n(&self->entered, 1, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&self->released, __ATOMIC_ACQUIRE))
        usleep(1000);
    tsr_view_fill(view, &(int32_t){7});
    return 0;
}

/* While a thread is inside a serial driver, others fork: the parent goes on, and the child, where
 * that thread is not, reads the same array. */
static void a_child_reads_what_a_thread_of_its_parent_was_reading(void **state)
{
    fixture *f = *state;
    const tsr_array_ops ops = {.struct_size = sizeof ops, .read_box = block_in_box, .serial = true};
    const tsr_array_description description = description_of();
    blocker own = {0};
    tsr_array *array = NULL;
    pthread_t reader;
    int exit_status = -1;

#ifdef __SANITIZE_THREAD__
    skip(); /* ThreadSanitizer allows no threads in the child of a process that has some */
#endif
    good(tsr_array_new(f->context, &ops, &own, &description, &array, &f->err), &f->err);
    assert_int_equal(pthread_create(&reader, NULL, read_whole, array), 0);
    while (!__atomic_load_n(&own.entered, __ATOMIC_ACQUIRE))
        usleep(1000);
    pid_t child = fork();
    if (child == 0) {
        int32_t value = 0;
        alarm(60);
        own.released = 1;
        int status = tsr_array_read(array, (int64_t[]){3, 3}, (int64_t[]){1, 1}, NULL, &value, 4,
                                    NULL, NULL);
        _exit(status == 0 && value == 7 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &exit_status, 0), child);
    __atomic_store_n(&own.released, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(reader, NULL), 0);
    assert_int_equal(exit_status, 0);
    tsr_array_close(array);
}

static void incomplete_drivers_are_refused(void **state)
{
    fixture *f = *state;
    driver own = {0};
    tsr_array *array = NULL;
    tsr_array_description description = description_of();
    static const int64_t negative[] = {5, -1}, zero[] = {0, 1};
    const tsr_array_ops good_ops = {
        .struct_size = sizeof good_ops, .close = close_driver, .read_box = read_box};
    tsr_array_ops ops = good_ops;
    ops.struct_size--;
    assert_int_equal(tsr_array_new(f->context, &ops, &own, &description, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    ops = good_ops;
    ops.locate = locate;
    assert_int_equal(tsr_array_new(f->context, &ops, &own, &description, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    ops.read_box = NULL;
    assert_int_equal(tsr_array_new(f->context, &ops, &own, &description, &array, &f->err),
                     TSR_INVALID_ARGUMENT); /* without codecs */
    description.shape = negative;
    assert_int_equal(tsr_array_new(f->context, &good_ops, &own, &description, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    description = description_of();
    description.chunk_shape = zero;
    assert_int_equal(tsr_array_new(f->context, &good_ops, &own, &description, &array, &f->err),
                     TSR_INVALID_ARGUMENT);
    description = description_of();
    description.rank = 33;
    assert_int_equal(tsr_array_new(f->context, &good_ops, &own, &description, &array, &f->err),
                     TSR_LIMIT);
    description = description_of();
    assert_int_equal(own.closed, 0); /* still the caller's */
    assert_null(array);
}

/* Shapes of every level, in the axis order of the array, through two different turns. */
static void levels_are_named_by_the_axes_of_the_array(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "turned",
        .rank = 3,
        .shape = {8, 12, 24},
        .chunk = {8, 12, 24},
        .codecs =
            "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,2,0]}},"
            "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[6,12,4],\"codecs\":["
            "{\"name\":\"transpose\",\"configuration\":{\"order\":[1,2,0]}},"
            "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[3,2,1],\"codecs\":["
            "\"bytes\"],\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":"
            "\"little\"}}]}}],\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":"
            "\"little\"}}]}}]"};
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_UINT8, NULL);
    assert_int_equal(tsr_array_shard_levels(array), 2);
    const int64_t *first = tsr_array_inner_chunk_shape(array, 1),
                  *second = tsr_array_inner_chunk_shape(array, 2);
    /* Encoded axes of level 1 are 1, 2, 0; of level 2 those again turned: 2, 0, 1. */
    assert_int_equal(first[1], 6);
    assert_int_equal(first[2], 12);
    assert_int_equal(first[0], 4);
    assert_int_equal(second[2], 3);
    assert_int_equal(second[0], 2);
    assert_int_equal(second[1], 1);
    tsr_array_close(array);
}

/* Many threads ask and replace attributes; each sees a whole text. */
static void *replace_attributes(void *user)
{
    tsr_array *array = user;
    for (int i = 0; i < 60; i++) {
        char *json = NULL;
        if (i % 3 == 0 &&
            tsr_array_set_attributes(array, "{\"long\":\"aaaaaaaaaaaaaa\"}", NULL) < 0)
            return (void *)1;
        if (tsr_array_attributes(array, &json, NULL) < 0)
            return (void *)2;
        bool whole = strcmp(json, "{}") == 0 || strcmp(json, "{\"long\":\"aaaaaaaaaaaaaa\"}") == 0;
        tsr_free(json);
        if (!whole)
            return (void *)3;
    }
    return NULL;
}

static void attributes_are_asked_by_many_threads(void **state)
{
    fixture *f = *state;
    static const array_row row = {
        .name = "a", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};
    tsr_array *array = array_new(f, f->store, "a", &row, TSR_UINT8, NULL);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, replace_attributes, array), 0);
    for (int i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
    tsr_array_close(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(a_driver_fills_boxes),
        FIXTURE_TEST(a_driver_says_where_chunks_lie),
        FIXTURE_TEST(a_part_of_a_value_has_a_length),
        FIXTURE_TEST(a_child_reads_what_a_thread_of_its_parent_was_reading),
        FIXTURE_TEST(incomplete_drivers_are_refused),
        FIXTURE_TEST(levels_are_named_by_the_axes_of_the_array),
        FIXTURE_TEST(attributes_are_asked_by_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
