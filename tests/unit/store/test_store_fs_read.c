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

/* A request for the whole value of "a", into `room` bytes. */
static tsr_get_request get_whole(fixture *f, tsr_store *store, char *bytes, size_t room)
{
    int answers = 0;
    tsr_get_request request = {.key = "a",
                               .destination = bytes,
                               .destination_bytes = room,
                               .done = ignore_answer,
                               .user = &answers,
                               .err = &f->err};
    tsr_store_get_many(store, &request, 1, NULL);
    assert_int_equal(answers, 1);
    return request;
}

static int64_t count_looks(fixture *f, char *bytes, size_t room, bool *ret_settled)
{
    int64_t before = faulty_system_count(&f->faulty, "fstat");
    tsr_get_request request = get_whole(f, f->store, bytes, room);
    assert_int_equal(request.status, 0);
    assert_int_equal(request.size_bytes, 10);
    assert_int_equal(request.value_bytes, 10);
    assert_memory_equal(request.blob ? tsr_blob_data(request.blob) : bytes, "0123456789", 10);
    tsr_blob_unref(request.blob);
    *ret_settled = request.settled;
    return faulty_system_count(&f->faulty, "fstat") - before;
}

/* One that was changed a moment ago may be changing still: it is looked at before and after. */
static void a_small_file_that_rests_is_looked_at_once(void **state)
{
    fixture *f = *state;
    char bytes[20];
    bool settled;
    put_good(f, "a", "0123456789");
    count_looks(f, bytes, 10, &settled); /* the root is found */
    for (int i = 0; i < 2; i++) {        /* nor is it tried again for a while */
        assert_int_equal(count_looks(f, bytes, 10, &settled), 2);
        assert_false(settled);
    }
    faulty_system_advance_ns(&f->faulty, INT64_C(3000000000));
    for (size_t room = 10; room <= 20; room += 10) {
        assert_int_equal(count_looks(f, bytes, room, &settled), 1);
        assert_true(settled);
    }
    count_looks(f, bytes, 9, &settled); /* too small: the bytes come by themselves */
    faulty_system_fail(&f->faulty, "pread", 1, EINTR, false);
    count_looks(f, bytes, 10, &settled);
    assert_true(faulty_system_fired(&f->faulty));
    faulty_system_shorten(&f->faulty, 3);
    count_looks(f, bytes, 10, &settled);
}

static void what_is_no_file_is_no_small_file_either(void **state)
{
    fixture *f = *state;
    char path[4200], bytes[10];
    assert_int_equal(mkdir(path_of(f, "a", path), 0777), 0);
    faulty_system_advance_ns(&f->faulty, INT64_C(3000000000));
    assert_int_equal(get_whole(f, f->store, bytes, sizeof bytes).status, TSR_IO);
    assert_non_null(strstr(f->err.message, "a folder"));
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

/* A system whose first pread first lets another program change the file. */
typedef struct meddling {
    tsr_system system;
    char path[4200];
    enum { CUT, GROW, OVERWRITE, REPLACE, REMOVE } how;
    bool is_done;
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
    meddling *m = (meddling *)system;
    if (!m->is_done)
        meddle(m);
    m->is_done = true;
    return tsr_system_default()->pread(tsr_system_default(), descriptor, bytes, size, offset);
}

/* With a destination or without. */
static int get_while_meddling(fixture *f, int how, char text[64], bool has_room)
{
    meddling m = {.system = *tsr_system_default(), .how = how};
    tsr_context_options options;
    tsr_context *context = NULL;
    tsr_store *store = NULL;
    put_good(f, "a", "0123456789");
    path_of(f, "a", m.path);
    m.system.pread = meddling_pread;
    tsr_context_options_init(&options);
    options.system = &m.system;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, f->folder, &store, NULL), 0);
    tsr_get_request request = get_whole(f, store, has_room ? text : NULL, has_room ? 10 : 0);
    if (request.status == 0 && request.blob)
        memcpy(text, tsr_blob_data(request.blob), request.size_bytes);
    text[request.status == 0 ? request.size_bytes : 0] = 0;
    tsr_blob_unref(request.blob);
    tsr_store_close(store);
    tsr_context_free(context);
    return request.status;
}

static void a_file_that_changes_in_place_is_noticed(void **state)
{
    fixture *f = *state;
    char text[64];
    static const int ways[] = {CUT, GROW, OVERWRITE};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get_while_meddling(f, ways[i], text, false), TSR_CONFLICT);
        assert_non_null(strstr(f->err.message, "while it was read"));
        assert_non_null(strstr(f->err.where, "bytes 0..10"));
    }
}

/* What was read before the first look does not count, and is read again. */
static void a_small_file_that_changes_is_read_as_it_is_then(void **state)
{
    fixture *f = *state;
    char text[64];
    assert_int_equal(get_while_meddling(f, CUT, text, true), 0);
    assert_string_equal(text, "0123");
    assert_int_equal(get_while_meddling(f, GROW, text, true), 0);
    assert_string_equal(text, "0123456789more");
    assert_int_equal(get_while_meddling(f, OVERWRITE, text, true), 0);
    assert_string_equal(text, "01234XY789");
}

static void a_file_that_is_replaced_is_read_as_it_was(void **state)
{
    fixture *f = *state;
    char text[64];
    assert_int_equal(get_while_meddling(f, REPLACE, text, false), 0);
    assert_string_equal(text, "0123456789");
    assert_int_equal(get_while_meddling(f, REMOVE, text, false), 0);
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
        FIXTURE_TEST(a_small_file_that_rests_is_looked_at_once),
        FIXTURE_TEST(what_is_no_file_is_no_small_file_either),
        FIXTURE_TEST(short_reads_are_put_together),
        FIXTURE_TEST(a_failed_read_says_where),
        FIXTURE_TEST(a_file_that_changes_in_place_is_noticed),
        FIXTURE_TEST(a_small_file_that_changes_is_read_as_it_is_then),
        FIXTURE_TEST(a_file_that_is_replaced_is_read_as_it_was),
        FIXTURE_TEST(a_huge_sparse_file_is_refused_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
