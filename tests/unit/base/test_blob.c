/* Proves who owns a blob's bytes, when they are released, and where they lie. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/blob.h"
#include "base/context.h"
#include "nth_malloc.h"
#include "support/faulty_system.h"
#include "support/temporary.h"

static void new_blobs_are_writable_until_shared(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 1 << 20, (1 << 20) + 1, 5 << 20};
    for (size_t i = 0; i < TSRI_COUNT(sizes); i++) {
        tsr_auto(tsr_blob) *blob = NULL;
        assert_int_equal(tsr_blob_new(sizes[i], &blob, NULL), 0);
        assert_int_equal(tsr_blob_size(blob), sizes[i]);
        char *bytes = tsr_blob_data_writable(blob);
        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % 64, 0);
        memset(bytes, 'x', sizes[i]);
        assert_ptr_equal(tsr_blob_data(blob), bytes);
        assert_ptr_equal(tsr_blob_ref(blob), blob);
        assert_null(tsr_blob_data_writable(blob));
        tsr_blob_unref(blob);
        assert_ptr_equal(tsr_blob_data_writable(blob), bytes);
        tsr_blob_location location = {-7, -7};
        assert_int_equal(tsr_blob_locate(blob, &location), TSR_NOT_FOUND);
        assert_int_equal(location.descriptor, -7);
    }
    tsr_blob_unref(NULL);
}

static void count_release(void *user)
{
    __atomic_fetch_add((int *)user, 1, __ATOMIC_RELAXED);
}

static void foreign_memory_is_released_once_with_the_last_reference(void **state)
{
    (void)state;
    static const char text[] = "foreign";
    int released = 0;
    tsr_blob *blob = NULL, *empty = NULL, *static_text = NULL;
    assert_int_equal(tsr_blob_wrap(text, sizeof text, count_release, &released, &blob, NULL), 0);
    assert_ptr_equal(tsr_blob_data(blob), text);
    assert_null(tsr_blob_data_writable(blob));
    tsr_blob_ref(blob);
    tsr_blob_unref(blob);
    assert_int_equal(released, 0);
    tsr_blob_unref(blob);
    assert_int_equal(released, 1);
    assert_int_equal(tsr_blob_wrap(NULL, 0, count_release, &released, &empty, NULL), 0);
    assert_non_null(tsr_blob_data(empty));
    tsr_blob_unref(empty);
    assert_int_equal(released, 2);
    assert_int_equal(tsr_blob_wrap(text, 3, NULL, NULL, &static_text, NULL), 0);
    tsr_blob_unref(static_text);
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_blob_wrap(NULL, 5, count_release, &released, &blob, &err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(released, 2);
}

static void slices_share_the_root_and_keep_it_alive(void **state)
{
    (void)state;
    static const char text[] = "0123456789";
    int released = 0;
    tsr_blob *root = NULL, *slice = NULL, *inner = NULL, *empty = NULL;
    assert_int_equal(tsr_blob_wrap(text, 10, count_release, &released, &root, NULL), 0);
    assert_int_equal(tsr_blob_slice(root, 2, 6, &slice, NULL), 0);
    assert_int_equal(tsr_blob_slice(slice, 1, 3, &inner, NULL), 0);
    assert_int_equal(tsr_blob_slice(slice, 6, 0, &empty, NULL), 0);
    tsr_blob_unref(root);
    /* The slice of a slice does not need the slice, only the root. */
    tsr_blob_unref(slice);
    tsr_blob_unref(empty);
    assert_int_equal(released, 0);
    assert_ptr_equal(tsr_blob_data(inner), text + 3);
    assert_int_equal(tsr_blob_size(inner), 3);
    assert_null(tsr_blob_data_writable(inner));
    tsr_blob_unref(inner);
    assert_int_equal(released, 1);
}

static void slices_outside_are_refused(void **state)
{
    (void)state;
    tsr_auto(tsr_blob) *blob = NULL;
    tsr_blob *slice = NULL;
    assert_int_equal(tsr_blob_new(10, &blob, NULL), 0);
    static const size_t bad[][2] = {
        {0, 11}, {11, 0}, {10, 1}, {1, 10}, {SIZE_MAX, 1}, {1, SIZE_MAX}, {SIZE_MAX, SIZE_MAX}};
    for (size_t i = 0; i < TSRI_COUNT(bad); i++) {
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsr_blob_slice(blob, bad[i][0], bad[i][1], &slice, &err),
                         TSR_OUT_OF_BOUNDS);
        assert_int_equal(err.status, TSR_OUT_OF_BOUNDS);
        assert_null(slice);
    }
    /* A refused slice holds nothing. */
    assert_non_null(tsr_blob_data_writable(blob));
}

static void a_slice_makes_its_root_shared(void **state)
{
    (void)state;
    tsr_auto(tsr_blob) *blob = NULL, *slice = NULL;
    assert_int_equal(tsr_blob_new(10, &blob, NULL), 0);
    assert_int_equal(tsr_blob_slice(blob, 0, 10, &slice, NULL), 0);
    assert_null(tsr_blob_data_writable(blob));
}

static void *take_and_drop(void *user)
{
    tsr_blob *blob = user;
    for (int i = 0; i < 2000; i++) {
        tsr_blob *slice = NULL;
        tsr_blob_ref(blob);
        if (tsr_blob_slice(blob, 1, 2, &slice, NULL) == 0 &&
            ((const char *)tsr_blob_data(slice))[0] == 'b')
            tsr_blob_unref(slice);
        tsr_blob_unref(blob);
    }
    tsr_blob_unref(blob);
    return NULL;
}

static void references_are_counted_across_threads(void **state)
{
    (void)state;
    int released = 0;
    tsr_blob *blob = NULL;
    pthread_t threads[4];
    assert_int_equal(tsr_blob_wrap("abc", 3, count_release, &released, &blob, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_drop, tsr_blob_ref(blob)), 0);
    tsr_blob_unref(blob);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(released, 1);
}

/* ---- mapped files ---- */

typedef struct mapped {
    faulty_system faulty;
    tsr_context *context;
    char *folder, *path, *bytes;
    size_t size;
} mapped;

static int set_up_file(void **state)
{
    mapped *self = calloc(1, sizeof *self);
    faulty_system_init(&self->faulty, NULL);
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.threads = 1;
    options.system = &self->faulty.system;
    assert_int_equal(tsr_context_new(&options, &self->context, NULL), 0);
    self->size = 200000;
    self->bytes = malloc(self->size);
    for (size_t i = 0; i < self->size; i++)
        self->bytes[i] = (char)(i * 2654435761u >> 24);
    self->folder = temporary_folder_new();
    self->path = temporary_path(self->folder, "file");
    temporary_file_write(self->path, self->bytes, self->size);
    *state = self;
    return 0;
}

static int tear_down_file(void **state)
{
    mapped *self = *state;
    tsr_context_free(self->context);
    temporary_folder_remove(self->folder);
    free(self->path);
    free(self->bytes);
    free(self);
    return 0;
}

static bool is_open(int descriptor)
{
    return fcntl(descriptor, F_GETFD) >= 0;
}

static void a_mapped_file_says_where_it_lies(void **state)
{
    mapped *self = *state;
    static const size_t ranges[][2] = {{0, 200000}, {1, 10},     {4096, 8192},    {65535, 2},
                                       {65536, 1},  {199999, 1}, {131073, 60000}, {77, 0}};
    for (size_t i = 0; i < TSRI_COUNT(ranges); i++) {
        size_t offset = ranges[i][0], size = ranges[i][1];
        int descriptor = open(self->path, O_RDONLY);
        tsr_blob *blob = NULL, *slice = NULL;
        assert_int_equal(
            tsri_blob_map(self->context, descriptor, (int64_t)offset, size, &blob, NULL), 0);
        assert_int_equal(tsr_blob_size(blob), size);
        assert_memory_equal(tsr_blob_data(blob), self->bytes + offset, size);
        assert_null(tsr_blob_data_writable(blob));
        tsr_blob_location location;
        assert_int_equal(tsr_blob_locate(blob, &location), 0);
        assert_int_equal(location.descriptor, descriptor);
        assert_int_equal(location.offset, offset);
        assert_int_equal(tsr_blob_slice(blob, size / 2, size / 3, &slice, NULL), 0);
        tsr_blob_unref(blob);
        assert_true(is_open(descriptor));
        assert_int_equal(tsr_blob_locate(slice, &location), 0);
        assert_int_equal(location.offset, offset + size / 2);
        assert_memory_equal(tsr_blob_data(slice), self->bytes + offset + size / 2, size / 3);
        tsr_blob_unref(slice);
        assert_false(is_open(descriptor));
    }
    assert_int_equal(faulty_system_count(&self->faulty, "mmap"), TSRI_COUNT(ranges) - 1);
    assert_int_equal(faulty_system_count(&self->faulty, "munmap"), TSRI_COUNT(ranges) - 1);
    assert_int_equal(faulty_system_count(&self->faulty, "close"), TSRI_COUNT(ranges));
}

/* However often a slice is cut, it knows where it lies, and giving it up takes no stack. */
static void slices_of_slices_refer_to_the_file(void **state)
{
    mapped *self = *state;
    int descriptor = open(self->path, O_RDONLY);
    tsr_blob *blob = NULL;
    tsr_blob_location location;
    assert_int_equal(tsri_blob_map(self->context, descriptor, 10, 150000, &blob, NULL), 0);
    for (size_t i = 1; i <= 70000; i++) {
        tsr_blob *slice = NULL;
        assert_int_equal(tsr_blob_slice(blob, 1, 150000 - 2 * i, &slice, NULL), 0);
        tsr_blob_unref(blob);
        blob = slice;
    }
    assert_int_equal(tsr_blob_size(blob), 10000);
    assert_memory_equal(tsr_blob_data(blob), self->bytes + 70010, 10000);
    assert_int_equal(tsr_blob_locate(blob, &location), 0);
    assert_int_equal(location.descriptor, descriptor);
    assert_int_equal(location.offset, 70010);
    tsr_blob_unref(blob);
    assert_false(is_open(descriptor));
}

static void a_mapping_that_fails_leaves_the_descriptor(void **state)
{
    mapped *self = *state;
    int descriptor = open(self->path, O_RDONLY);
    tsr_blob *blob = NULL;
    tsr_error err = TSR_ERROR_INIT;
    faulty_system_fail(&self->faulty, "mmap", 1, ENOMEM, false);
    assert_int_equal(tsri_blob_map(self->context, descriptor, 0, 10, &blob, &err), TSR_NO_MEMORY);
    assert_true(faulty_system_fired(&self->faulty));
    assert_int_equal(err.status, TSR_NO_MEMORY);
    assert_null(blob);
    assert_true(is_open(descriptor));
    assert_int_equal(tsri_blob_map(self->context, descriptor, -1, 10, &blob, &err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsri_blob_map(self->context, descriptor, INT64_MAX, 10, &blob, &err),
                     TSR_INVALID_ARGUMENT);
    assert_int_equal(tsri_blob_map(self->context, descriptor, 0, SIZE_MAX, &blob, &err),
                     TSR_INVALID_ARGUMENT);
    assert_null(blob);
    close(descriptor);
}

static void a_mapping_outlives_its_context(void **state)
{
    mapped *self = *state;
    tsr_context *context = NULL;
    tsr_blob *blob = NULL;
    assert_int_equal(tsr_context_new(NULL, &context, NULL), 0);
    int descriptor = open(self->path, O_RDONLY);
    assert_int_equal(tsri_blob_map(context, descriptor, 100, 1000, &blob, NULL), 0);
    tsr_context_free(context);
    assert_memory_equal(tsr_blob_data(blob), self->bytes + 100, 1000);
    tsr_blob_unref(blob);
    assert_false(is_open(descriptor));
}

static void running_out_of_memory_changes_nothing(void **state)
{
    mapped *self = *state;
    int released = 0, statuses[4];
    tsr_auto(tsr_blob) *root = NULL;
    tsr_blob *out = NULL;
    tsr_error errors[4] = {TSR_ERROR_INIT, TSR_ERROR_INIT, TSR_ERROR_INIT, TSR_ERROR_INIT};
    assert_int_equal(tsr_blob_new(100, &root, NULL), 0);
    nth_malloc_arm(1, true);
    statuses[0] = tsr_blob_new(100, &out, &errors[0]);
    statuses[1] = tsr_blob_wrap("x", 1, count_release, &released, &out, &errors[1]);
    statuses[2] = tsr_blob_slice(root, 0, 10, &out, &errors[2]);
    statuses[3] = tsri_blob_map(self->context, 0, 0, 10, &out, &errors[3]);
    assert_true(nth_malloc_disarm());
    for (int i = 0; i < 4; i++) {
        assert_int_equal(statuses[i], TSR_NO_MEMORY);
        assert_int_equal(errors[i].status, TSR_NO_MEMORY);
    }
    assert_null(out);
    assert_int_equal(released, 0);
    assert_non_null(tsr_blob_data_writable(root));
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_blob_new(SIZE_MAX, &out, &err), TSR_NO_MEMORY);
    assert_int_equal(tsr_blob_new(SIZE_MAX / 2, &out, &err), TSR_NO_MEMORY);
    assert_null(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_blobs_are_writable_until_shared),
        cmocka_unit_test(foreign_memory_is_released_once_with_the_last_reference),
        cmocka_unit_test(slices_share_the_root_and_keep_it_alive),
        cmocka_unit_test(slices_outside_are_refused),
        cmocka_unit_test(a_slice_makes_its_root_shared),
        cmocka_unit_test(references_are_counted_across_threads),
        cmocka_unit_test_setup_teardown(a_mapped_file_says_where_it_lies, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(slices_of_slices_refer_to_the_file, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(a_mapping_that_fails_leaves_the_descriptor, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(a_mapping_outlives_its_context, set_up_file,
                                        tear_down_file),
        cmocka_unit_test_setup_teardown(running_out_of_memory_changes_nothing, set_up_file,
                                        tear_down_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
