/* Proves what a trace says of each way to read and write, that lines of several threads and
 * processes do not mix, that a file that cannot be written fails nothing and is told once, and that
 * lists are thinned out within bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <json-c/json.h>

#include "support/temporary.h"
#include "unit/array/array_testing.h"
#include <tessera/sys/json.h>
#include <tessera/sys/system.h>

enum { HEIGHT = 6, WIDTH = 1000, COUNT = HEIGHT * WIDTH };

static const array_row row = {
    .name = "plain", .rank = 2, .shape = {HEIGHT, WIDTH}, .chunk = {4, 300}, .codec = "zstd:1"};

typedef struct subject {
    fixture f;
    tsr_array *array;
    int warnings;
    char *folder, path[512];
    int32_t values[COUNT];
} subject;

static void count_warnings(void *user, tsr_log_level level, const char *subsystem,
                           const char *message)
{
    subject *self = user;
    assert_int_equal(level, TSR_LOG_WARNING);
    assert_string_equal(subsystem, "trace");
    assert_non_null(strstr(message, "nothing more is traced"));
    __atomic_add_fetch(&self->warnings, 1, __ATOMIC_RELAXED);
}

static void subject_open(subject *self, const char *trace, const tsr_system *system)
{
    tsr_context_options options;
    const int32_t zero = 0;

    memset(self, 0, sizeof *self);
    self->folder = temporary_folder_new();
    snprintf(self->path, sizeof self->path, "%s/%s", self->folder, "trace");
    tsr_context_options_init(&options);
    options.threads = 2;
    options.trace = trace ? trace : self->path;
    options.system = system;
    options.log = count_warnings;
    options.log_user = self;
    good(tsr_context_new(&options, &self->f.context, &self->f.err), &self->f.err);
    good(tsr_store_open(self->f.context, "memory:", &self->f.store, &self->f.err), &self->f.err);
    self->array = array_new(&self->f, self->f.store, "a", &row, TSR_INT32, &zero);
}

static void subject_close(subject *self)
{
    tsr_array_close(self->array);
    fixture_close(&self->f);
    temporary_folder_remove(self->folder);
}

static void read_box(subject *self, int64_t y, int64_t x, int64_t height, int64_t width)
{
    const int64_t start[] = {y, x}, shape[] = {height, width};
    good(tsr_array_read(self->array, start, shape, NULL, self->values,
                        (size_t)(height * width) * sizeof(int32_t), NULL, &self->f.err),
         &self->f.err);
}

/* The lines of the file as JSON; the caller puts the list. Every byte belongs to a whole line. */
static struct json_object *lines_of(const char *path)
{
    struct json_object *lines = json_object_new_array();
    tsr_error err = TSR_ERROR_INIT;
    char *line = NULL;
    size_t capacity = 0;
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    for (ssize_t size; (size = getline(&line, &capacity, file)) > 0;) {
        struct json_object *parsed;
        assert_int_equal(line[size - 1], '\n');
        good(tsr_json_parse(line, (size_t)size, TSR_JSON_STRICT, 0, &parsed, &err), &err);
        json_object_array_add(lines, parsed);
    }
    free(line);
    fclose(file);
    return lines;
}

static void assert_member(struct json_object *line, const char *name, const char *expected)
{
    struct json_object *value;
    assert_true(json_object_object_get_ex(line, name, &value));
    assert_string_equal(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN), expected);
}

static void a_line_says_what_was_selected(void **state)
{
    (void)state;
    /* Of each selection: its text, and what the specification of the format makes of it. */
    static const struct {
        const char *text, *select, *bytes;
    } known[] = {
        {"2", "[2,{\"start\":0,\"count\":1000,\"step\":1}]", "4000"},
        {"1:3, ::100",
         "[{\"start\":1,\"count\":2,\"step\":1},{\"start\":0,\"count\":10,\"step\":100}]", "80"},
        {"::-2, -1", "[{\"start\":5,\"count\":3,\"step\":-2},999]", "12"},
        {"[0, 5, 2], [7, 9, 8]",
         "[{\"list\":0,\"count\":3,\"at\":[0,5,2]},{\"list\":0,\"count\":3,\"at\":[7,9,8]}]", "12"},
        {"1, [3, 1, 500]", "[1,{\"list\":0,\"count\":3,\"at\":[3,1,500]}]", "12"},
    };
    subject self;
    subject_open(&self, NULL, NULL);

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        tsr_auto(tsr_index) index = {0};
        tsr_auto(tsr_view) view = {0};
        int64_t shape[TSR_RANK_MAX];
        const int64_t whole[] = {HEIGHT, WIDTH};
        good(tsr_index_parse(&index, known[i].text, 2, whole, &self.f.err), &self.f.err);
        int rank = tsr_index_shape(&index, shape);
        good(tsr_view_new(&view, TSR_INT32, rank, shape, &self.f.err), &self.f.err);
        const tsr_read_request request = {.array = self.array, .index = &index, .view = &view};
        good(tsr_read_many(self.f.context, &request, 1, NULL, &self.f.err), &self.f.err);
    }
    struct json_object *lines = lines_of(self.path);
    assert_int_equal(json_object_array_length(lines), sizeof known / sizeof *known);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        struct json_object *line = json_object_array_get_idx(lines, i);
        assert_member(line, "trace", "1");
        assert_member(line, "operation", "\"read\"");
        assert_member(line, "shape", "[6,1000]");
        assert_member(line, "dtype", "\"int32\"");
        assert_member(line, "element_bytes", "4");
        assert_member(line, "select", known[i].select);
        assert_member(line, "bytes", known[i].bytes);
        assert_member(line, "batch", "1");
        assert_member(line, "status", "\"OK\"");
    }
    json_object_put(lines);
    subject_close(&self);
}

static int use_nothing(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    (void)user;
    (void)piece;
    (void)position;
    (void)err;
    return 0;
}

static void every_way_to_read_and_write_is_traced(void **state)
{
    (void)state;
    subject self;
    subject_open(&self, NULL, NULL);
    static const char *const operations[] = {"\"write\"", "\"read\"", "\"read\"", "\"read\"",
                                             "\"read\"",  "\"read\"", "\"write\""};
    static const char *const batches[] = {"1", "1", "1", "2", "2", "1", "1"};
    tsr_index index;
    tsr_view view;
    const int64_t box[] = {2, 3}, start[] = {0, 0};
    const int64_t whole[] = {HEIGHT, WIDTH};

    good(tsr_array_write(self.array, NULL, NULL, NULL, self.values, sizeof self.values, NULL,
                         &self.f.err),
         &self.f.err);
    read_box(&self, 0, 0, 2, 2);
    good(tsr_array_read_sink(self.array, NULL, use_nothing, NULL, NULL, &self.f.err), &self.f.err);
    good(tsr_index_box(&index, 2, whole, start, box, NULL, &self.f.err), &self.f.err);
    good(tsr_view_init(&view, TSR_INT32, 2, box, self.values, &self.f.err), &self.f.err);
    const tsr_read_request requests[] = {
        {.array = self.array, .index = &index, .view = &view},
        {.array = self.array, .index = &index, .view = &view},
    };
    good(tsr_read_many(self.f.context, requests, 2, NULL, &self.f.err), &self.f.err);
    const int32_t zero = 0;
    tsr_array *copy = array_new(&self.f, self.f.store, "b", &row, TSR_INT32, &zero);
    good(tsr_array_copy(self.array, copy, NULL, NULL, &self.f.err), &self.f.err);
    tsr_array_close(copy);
    tsr_read_cost cost;
    good(tsr_array_explain(self.array, NULL, NULL, &cost, &self.f.err), &self.f.err);

    struct json_object *lines = lines_of(self.path);
    assert_int_equal(json_object_array_length(lines), sizeof operations / sizeof *operations);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        struct json_object *line = json_object_array_get_idx(lines, i);
        assert_member(line, "operation", operations[i]);
        assert_member(line, "batch", batches[i]);
    }
    json_object_put(lines);
    subject_close(&self);
}

static void failures_are_named(void **state)
{
    (void)state;
    subject self;
    subject_open(&self, NULL, NULL);
    put_bytes(&self.f, self.f.store, "a/c/0/0", "no zstd", 7);
    assert_int_equal(tsr_array_read(self.array, NULL, NULL, NULL, self.values, sizeof self.values,
                                    NULL, &self.f.err),
                     TSR_DAMAGED);
    struct json_object *lines = lines_of(self.path);
    assert_int_equal(json_object_array_length(lines), 1);
    assert_member(json_object_array_get_idx(lines, 0), "status", "\"DAMAGED\"");
    json_object_put(lines);
    subject_close(&self);
}

static void long_lists_are_thinned_out(void **state)
{
    (void)state;
    enum { POINTS = 1000 };
    subject self;
    subject_open(&self, NULL, NULL);
    int64_t points[POINTS][2];
    const int64_t shape[] = {POINTS, 2}, whole[] = {HEIGHT, WIDTH}, flat[] = {POINTS};
    tsr_view list, view;
    tsr_auto(tsr_index) index = {0};

    for (int i = 0; i < POINTS; i++) {
        points[i][0] = i % HEIGHT;
        points[i][1] = POINTS - 1 - i;
    }
    good(tsr_view_init(&list, TSR_INT64, 2, shape, points, &self.f.err), &self.f.err);
    good(tsr_index_points(&index, 2, whole, &list, &self.f.err), &self.f.err);
    good(tsr_view_init(&view, TSR_INT32, 1, flat, self.values, &self.f.err), &self.f.err);
    const tsr_read_request request = {.array = self.array, .index = &index, .view = &view};
    good(tsr_read_many(self.f.context, &request, 1, NULL, &self.f.err), &self.f.err);

    struct json_object *lines = lines_of(self.path), *select, *at[2], *count;
    assert_true(json_object_object_get_ex(json_object_array_get_idx(lines, 0), "select", &select));
    for (size_t axis = 0; axis < 2; axis++) {
        struct json_object *entry = json_object_array_get_idx(select, axis);
        assert_true(json_object_object_get_ex(entry, "at", &at[axis]));
        assert_true(json_object_object_get_ex(entry, "count", &count));
        assert_int_equal(json_object_get_int64(count), POINTS);
        assert_int_equal(json_object_array_length(at[axis]), 128);
    }
    /* The same points along both axes, over all of the list. */
    for (size_t i = 0; i < 128; i++) {
        int64_t y = json_object_get_int64(json_object_array_get_idx(at[0], i));
        int64_t x = json_object_get_int64(json_object_array_get_idx(at[1], i));
        assert_int_equal(y, (POINTS - 1 - x) % HEIGHT);
        assert_in_range(POINTS - 1 - x, i * POINTS / 128 - (i > 0), i * POINTS / 128 + 1);
    }
    json_object_put(lines);
    subject_close(&self);
}

static void *read_often(void *user)
{
    for (int i = 0; i < 200; i++) {
        int32_t element;
        tsr_error err = TSR_ERROR_INIT;
        const int64_t start[] = {i % HEIGHT, i}, one[] = {1, 1};
        if (tsr_array_read(((subject *)user)->array, start, one, NULL, &element, sizeof element,
                           NULL, &err) < 0)
            return user;
    }
    return NULL;
}

/* lines_of fails when a line is torn or two are mixed. */
static void lines_of_threads_and_processes_do_not_mix(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    subject self;
    pthread_t threads[THREADS];
    void *failed;
    int status, processes = 1;
    subject_open(&self, NULL, NULL);
    read_box(&self, 0, 0, 1, 1); /* opens the file */

#if CAN_FORK
    processes = 2;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(read_often(&self) ? 1 : 0);
#endif
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, &self), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
#if CAN_FORK
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
#else
    (void)status;
#endif
    struct json_object *lines = lines_of(self.path);
    assert_int_equal(json_object_array_length(lines), 1 + 200 * (THREADS + processes - 1));
    json_object_put(lines);
    subject_close(&self);
}

static void what_cannot_be_opened_is_told_once(void **state)
{
    (void)state;
    subject self;
    subject_open(&self, "/nonexistent/folder/trace", NULL);
    for (int i = 0; i < 5; i++)
        read_box(&self, 0, 0, 1, 1);
    assert_int_equal(self.warnings, 1);
    subject_close(&self);
}

static ssize_t refuse_write(const tsr_system *system, int descriptor, const void *bytes,
                            size_t size)
{
    (void)system;
    (void)descriptor;
    (void)bytes;
    (void)size;
    errno = ENOSPC;
    return -1;
}

static ssize_t write_half(const tsr_system *system, int descriptor, const void *bytes, size_t size)
{
    (void)system;
    return write(descriptor, bytes, size / 2);
}

static void what_cannot_be_written_is_told_once(void **state)
{
    (void)state;
    ssize_t (*const writes[])(const tsr_system *, int, const void *, size_t) = {refuse_write,
                                                                                write_half};
    for (size_t i = 0; i < sizeof writes / sizeof *writes; i++) {
        subject self;
        tsr_system system = *tsr_system_default();
        system.write = writes[i];
        subject_open(&self, NULL, &system);
        for (int k = 0; k < 5; k++)
            read_box(&self, 0, 0, 1, 1);
        assert_int_equal(self.warnings, 1);
        subject_close(&self);
    }
}

static void the_environment_asks_for_a_trace(void **state)
{
    (void)state;
    subject self, other;
    char path[520];

    subject_open(&other, "", NULL); /* asks for none, whatever the environment says */
    setenv("TESSERA_TRACE", other.path, 1);
    subject_close(&other);
    subject_open(&other, "", NULL);
    read_box(&other, 0, 0, 1, 1);
    assert_int_equal(access(other.path, F_OK), -1);
    subject_close(&other);

    memset(&self, 0, sizeof self);
    self.folder = temporary_folder_new();
    snprintf(path, sizeof path, "%s/trace", self.folder);
    setenv("TESSERA_TRACE", path, 1);
    fixture_open(&self.f, "memory:");
    const int32_t zero = 0;
    self.array = array_new(&self.f, self.f.store, "a", &row, TSR_INT32, &zero);
    read_box(&self, 0, 0, 1, 1);
    unsetenv("TESSERA_TRACE");
    struct json_object *lines = lines_of(path);
    assert_int_equal(json_object_array_length(lines), 1);
    json_object_put(lines);
    subject_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_says_what_was_selected),
        cmocka_unit_test(every_way_to_read_and_write_is_traced),
        cmocka_unit_test(failures_are_named),
        cmocka_unit_test(long_lists_are_thinned_out),
        cmocka_unit_test(lines_of_threads_and_processes_do_not_mix),
        cmocka_unit_test(what_cannot_be_opened_is_told_once),
        cmocka_unit_test(what_cannot_be_written_is_told_once),
        cmocka_unit_test(the_environment_asks_for_a_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
