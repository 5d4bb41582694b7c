/* Proves how files are read: once opened for all requests side by side, in pieces when the system
 * gives pieces, and never short when they change meanwhile. */
#include "store_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void ignore_answer(tsr_get_request *request)
{
    ++*(int *)request->user;
}

/* The last request is answered from the file that the first ones left open. */
static void neighbours_share_one_open_file(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "0123456789");
    put_good(f, "b", "abc");
    int answers = 0;
    const char *const keys[] = {"a", "a", "a", "b", "b", "a"};
    tsr_get_request requests[6];
    for (int i = 0; i < 6; i++)
        requests[i] = (tsr_get_request){.key = keys[i],
                                        .range = {TSR_RANGE_PART, (uint64_t)i % 3, 1},
                                        .done = ignore_answer,
                                        .user = &answers};
    int64_t before = faulty_system_count(&f->faulty, "openat");
    tsr_store_get_many(f->store, requests, 6, NULL);
    assert_int_equal(faulty_system_count(&f->faulty, "openat") - before, 2);
    assert_int_equal(answers, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(requests[i].status, 0);
        tsr_blob_unref(requests[i].blob);
    }
}

static void a_destination_is_filled_in_place(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "0123456789");
    char bytes[10];
    int answers = 0;
    tsr_get_request request = {.key = "a",
                               .range = {TSR_RANGE_PART, 2, 5},
                               .destination = bytes,
                               .destination_bytes = sizeof bytes,
                               .done = ignore_answer,
                               .user = &answers};
    tsr_store_get_many(f->store, &request, 1, NULL);
    assert_int_equal(request.status, 0);
    assert_null(request.blob);
    assert_int_equal(request.size_bytes, 5);
    assert_memory_equal(bytes, "23456", 5);
}

static void short_reads_are_put_together(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "0123456789abcdefghij");
    faulty_system_shorten(&f->faulty, 3);
    assert_text(f, "a", "0123456789abcdefghij");
    faulty_system_shorten(&f->faulty, 0);
    for (int n = 1; n <= 2; n++) {
        faulty_system_fail(&f->faulty, "pread", n, EINTR, false);
        faulty_system_shorten(&f->faulty, 15);
        assert_text(f, "a", "0123456789abcdefghij");
        assert_true(faulty_system_fired(&f->faulty));
    }
    faulty_system_fail(&f->faulty, "openat", 1, EINTR, false);
    assert_text(f, "a", "0123456789abcdefghij");
}

static void a_failed_read_says_where(void **state)
{
    fixture *f = *state;
    put_good(f, "c/0", "0123456789");
    faulty_system_fail(&f->faulty, "pread", 1, EIO, false);
    assert_int_equal(get(f, "c/0", NULL, 0), TSR_IO);
    assert_non_null(strstr(f->err.message, "c/0"));
    assert_non_null(strstr(f->err.where, "bytes 0..10"));
    faulty_system_fail(&f->faulty, "openat", 1, EMFILE, false);
    assert_int_equal(get(f, "c/0", NULL, 0), TSR_IO);
    assert_non_null(strstr(f->err.next_step, "ulimit"));
    faulty_system_fail(&f->faulty, "fstat", 1, EIO, false);
    assert_int_equal(get(f, "c/0", NULL, 0), TSR_IO);
}

/* A system whose pread first lets another program change the file. */
typedef struct meddling {
    tsr_system system;
    char path[4200];
    enum { CUT, GROW, OVERWRITE, REPLACE, REMOVE } how;
} meddling;

static void meddle(const meddling *m)
{
    char other[4300];
    int descriptor = open(m->path, O_WRONLY | O_CLOEXEC);
    switch (m->how) {
    case CUT:
        assert_int_equal(ftruncate(descriptor, 4), 0);
        break;
    case GROW:
        assert_int_equal(pwrite(descriptor, "more", 4, 10), 4);
        break;
    case OVERWRITE: {
        /* Even within one tick of the clock of the file system. */
        struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000}};
        assert_int_equal(pwrite(descriptor, "XY", 2, 5), 2);
        assert_int_equal(futimens(descriptor, times), 0);
        break;
    }
    case REPLACE:
        snprintf(other, sizeof other, "%s.other", m->path);
        temporary_file_write(other, "another", 7);
        assert_int_equal(rename(other, m->path), 0);
        break;
    case REMOVE:
        assert_int_equal(unlink(m->path), 0);
        break;
    }
    close(descriptor);
}

static ssize_t meddling_pread(const tsr_system *system, int descriptor, void *bytes, size_t size,
                              int64_t offset)
{
    meddle((const meddling *)system);
    return tsr_system_default()->pread(tsr_system_default(), descriptor, bytes, size, offset);
}

static int get_while_meddling(fixture *f, int how, char text[64])
{
    meddling m = {.system = *tsr_system_default(), .how = how};
    tsr_context_options options;
    tsr_context *context = NULL;
    tsr_store *store = NULL;
    tsr_blob *blob = NULL;
    put_good(f, "a", "0123456789");
    path_of(f, "a", m.path);
    m.system.pread = meddling_pread;
    tsr_context_options_init(&options);
    options.system = &m.system;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, f->folder, &store, NULL), 0);
    int status = tsr_store_get(store, "a", (tsr_range){0}, NULL, &blob, NULL, &f->err);
    if (status == 0) {
        memcpy(text, tsr_blob_data(blob), tsr_blob_size(blob));
        text[tsr_blob_size(blob)] = 0;
    }
    tsr_blob_unref(blob);
    tsr_store_close(store);
    tsr_context_free(context);
    return status;
}

static void a_file_that_changes_in_place_is_noticed(void **state)
{
    fixture *f = *state;
    char text[64];
    static const int ways[] = {CUT, GROW, OVERWRITE};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get_while_meddling(f, ways[i], text), TSR_CONFLICT);
        assert_non_null(strstr(f->err.message, "while it was read"));
        assert_non_null(strstr(f->err.where, "bytes 0..10"));
    }
}

static void a_file_that_is_replaced_is_read_as_it_was(void **state)
{
    fixture *f = *state;
    char text[64];
    assert_int_equal(get_while_meddling(f, REPLACE, text), 0);
    assert_string_equal(text, "0123456789");
    assert_int_equal(get_while_meddling(f, REMOVE, text), 0);
    assert_string_equal(text, "0123456789");
}

/* A file may claim any size; the limit is looked at before memory is taken. */
static void a_huge_sparse_file_is_refused_in_time(void **state)
{
    fixture *f = *state;
    char path[4200];
    int answers = 0;
    put_good(f, "zarr.json", "{}");
    assert_int_equal(truncate(path_of(f, "zarr.json", path), (off_t)1 << 42), 0);
    tsr_get_request request = {.key = "zarr.json",
                               .limit_bytes = 64 << 20,
                               .done = ignore_answer,
                               .user = &answers,
                               .err = &f->err};
    tsr_store_get_many(f->store, &request, 1, NULL);
    assert_int_equal(request.status, TSR_LIMIT);
    assert_int_equal(faulty_system_count(&f->faulty, "pread"), 0);
    request = (tsr_get_request){.key = "zarr.json",
                                .range = {TSR_RANGE_SUFFIX, 0, 4},
                                .done = ignore_answer,
                                .user = &answers};
    tsr_store_get_many(f->store, &request, 1, NULL);
    assert_int_equal(request.status, 0);
    assert_int_equal(request.offset, ((uint64_t)1 << 42) - 4);
    assert_int_equal(request.value_bytes, (uint64_t)1 << 42);
    tsr_blob_unref(request.blob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(neighbours_share_one_open_file),
        FIXTURE_TEST(a_destination_is_filled_in_place),
        FIXTURE_TEST(short_reads_are_put_together),
        FIXTURE_TEST(a_failed_read_says_where),
        FIXTURE_TEST(a_file_that_changes_in_place_is_noticed),
        FIXTURE_TEST(a_file_that_is_replaced_is_read_as_it_was),
        FIXTURE_TEST(a_huge_sparse_file_is_refused_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
