/* Every allocation and every system call of every operation on arrays fails once, and then for
 * good: it ends with success or with an error that has a text, no chunk is torn, nothing that was
 * there before is lost, no descriptor stays open, and the next try succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tessera/derived.h>
#include <tessera/group.h>

#include "nth_malloc.h"
#include "support/faulty_system.h"
#include "support/temporary.h"

enum { COUNT = 96, CHUNK = 8 }; /* two shards of 48, in inner chunks of 8 */

#define OLD 3
#define NEW 4

typedef struct run {
    char *folder;
    char *place; /* of the tree: FOLDER/t.zarr */
    faulty_system faulty;
    tsr_context *context;
    tsr_error err;
} run;

/* The place of a node, without memory that could be refused; until the next one. */
static const char *in_tree(const run *self, const char *name)
{
    static char place[512];
    snprintf(place, sizeof place, "%s/%s", self->place, name);
    return place;
}

/* ---- operations; each opens what it needs itself ---- */

static int open_array(run *self, const char *name, bool writable, tsr_array **ret_array)
{
    const char *place = in_tree(self, name);
    tsr_array_open_options options;
    tsr_array_open_options_init(&options);
    options.writable = writable;
    int status = tsr_array_open(self->context, place, &options, ret_array, &self->err);
    return status;
}

static int create_array(run *self, const char *name, bool sharded, tsr_create_mode mode)
{
    static const int64_t shape = COUNT, chunk = CHUNK, shard = COUNT / 2;
    const char *place = in_tree(self, name);
    tsr_array_create_options options;
    tsr_array *array = NULL;
    tsr_array_create_options_init(&options);
    options.dtype = TSR_INT32;
    options.rank = 1;
    options.shape = &shape;
    options.chunk_shape = &chunk;
    options.shard_shape = sharded ? &shard : NULL;
    options.attributes = "{\"unit\":\"m\"}";
    options.codec = "zstd:1";
    options.mode = mode;
    int status = tsr_array_create(self->context, place, &options, &array, &self->err);
    tsr_array_close(array);
    return status;
}

static int create(run *self)
{
    return create_array(self, "deep/new", true, TSR_CREATE_OPEN);
}

static int overwrite(run *self)
{
    return create_array(self, "a", true, TSR_CREATE_OVERWRITE);
}

static int read_box(run *self, int64_t start, int64_t count)
{
    int32_t values[COUNT];
    tsr_array *array = NULL;
    int status = open_array(self, "a", false, &array);
    if (status == 0)
        status = tsr_array_read(array, &start, &count, NULL, values, (size_t)count * sizeof *values,
                                NULL, &self->err);
    for (int64_t i = 0; i < count && status == 0; i++)
        assert_int_equal(values[i], OLD);
    tsr_array_close(array);
    return status;
}

static int read_whole(run *self)
{
    return read_box(self, 0, COUNT);
}

static int read_part(run *self)
{
    return read_box(self, 5, 50);
}

static int write_box(run *self, const char *name, int64_t start, int64_t count)
{
    int32_t values[COUNT];
    tsr_array *array = NULL;
    int status = open_array(self, name, true, &array);
    for (int i = 0; i < COUNT; i++)
        values[i] = NEW;
    if (status == 0)
        status = tsr_array_write(array, &start, &count, NULL, values,
                                 (size_t)count * sizeof *values, NULL, &self->err);
    tsr_array_close(array);
    return status;
}

static int write_whole(run *self)
{
    return write_box(self, "a", 0, COUNT);
}

/* Inner chunks as a whole and in part, in both shards. */
static int write_part(run *self)
{
    return write_box(self, "a", 20, 40);
}

static int write_chunks(run *self)
{
    return write_box(self, "flat", 4, 40);
}

enum { LISTED = 40, LIST_START = 20 };

/* Elements LIST_START.. in another order, the first ones twice, as a table with a row for each. */
static int select_list(run *self, tsr_index *ret_index)
{
    static const int64_t shape = COUNT, rows[] = {LISTED + 3, 1};
    int64_t table[LISTED + 3];
    tsr_view view;
    for (int i = 0; i < LISTED + 3; i++)
        table[i] = LIST_START + i * 7 % LISTED;
    int status = tsr_view_init(&view, TSR_INT64, 2, rows, table, &self->err);
    return status < 0 ? status : tsr_index_points(ret_index, 1, &shape, &view, &self->err);
}

/* Into another type, so that elements pass through memory of their own. */
static int read_list(run *self)
{
    static const int64_t count = LISTED + 3;
    tsr_auto(tsr_index) index = {.layout = NULL};
    double values[LISTED + 3];
    tsr_array *array = NULL;
    tsr_view view;
    int status = open_array(self, "a", false, &array);
    if (status == 0)
        status = select_list(self, &index);
    if (status == 0)
        status = tsr_view_init(&view, TSR_FLOAT64, 1, &count, values, &self->err);
    tsr_read_request request = {array, &index, &view, TSR_CASTING_SAFE};
    if (status == 0)
        status = tsr_read_many(self->context, &request, 1, NULL, &self->err);
    for (int i = 0; i < LISTED + 3 && status == 0; i++)
        assert_true(values[i] == OLD);
    tsr_array_close(array);
    return status;
}

static int count_elements(void *user, const tsr_view *piece, const int64_t *position,
                          tsr_error *err)
{
    (void)position;
    (void)err;
    __atomic_add_fetch((int64_t *)user, tsr_view_count(piece), __ATOMIC_RELAXED);
    return 0;
}

/* Part of the list, through a sink. */
static int sink_list(run *self)
{
    static const int64_t listed = LISTED + 3;
    tsr_auto(tsr_index) index = {.layout = NULL}, part = {.layout = NULL}, both = {.layout = NULL};
    tsr_array *array = NULL;
    int64_t count = 0;
    int status = open_array(self, "a", false, &array);
    if (status == 0)
        status = select_list(self, &index);
    if (status == 0)
        status = tsr_index_parse(&part, "[5, 0, 0, 30, 41], None", 1, &listed, &self->err);
    if (status == 0)
        status = tsr_index_compose(&both, &index, &part, &self->err);
    if (status == 0)
        status = tsr_array_read_sink(array, &both, count_elements, &count, NULL, &self->err);
    if (status == 0)
        assert_int_equal(count, 5);
    tsr_array_close(array);
    return status;
}

static int read_all_and_list(run *self, tsr_array *array)
{
    tsr_auto(tsr_index) list = {.layout = NULL};
    double values[4 * COUNT];
    int64_t count = 0;
    int status = tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &self->err);
    for (int i = 0; i < 4 * COUNT && status == 0; i++)
        assert_true(values[i] == OLD);
    if (status == 0)
        status = tsr_index_parse(&list, "1, [5, 0, 0, 100]", 2, tsr_array_shape(array), &self->err);
    if (status == 0)
        status = tsr_array_read_sink(array, &list, count_elements, &count, NULL, &self->err);
    if (status == 0)
        assert_int_equal(count, 4);
    return status;
}

/* A cast of a stack of concatenations, and that in blocks. */
static int read_derived(run *self)
{
    static const int64_t factors[] = {1, 3};
    tsr_array *array = NULL, *twice = NULL, *four = NULL, *wide = NULL, *less = NULL;
    double values[4 * COUNT / 3];
    int status = open_array(self, "a", false, &array);
    if (status == 0)
        status = tsr_array_concatenate((tsr_array *[]){array, array}, 2, 0, &twice, &self->err);
    if (status == 0)
        status = tsr_array_stack((tsr_array *[]){twice, twice}, 2, 0, "n", &four, &self->err);
    if (status == 0)
        status = tsr_array_cast(four, TSR_FLOAT64, TSR_CASTING_SAFE, &wide, &self->err);
    if (status == 0)
        status = read_all_and_list(self, wide);
    if (status == 0)
        status = tsr_array_downsample(wide, factors, TSR_DOWNSAMPLE_MEDIAN, &less, &self->err);
    if (status == 0)
        status = tsr_array_read(less, NULL, NULL, NULL, values, sizeof values, NULL, &self->err);
    for (int i = 0; i < 4 * COUNT / 3 && status == 0; i++)
        assert_true(values[i] == OLD);
    tsr_array_close(less);
    tsr_array_close(wide);
    tsr_array_close(four);
    tsr_array_close(twice);
    tsr_array_close(array);
    return status;
}

static int write_list(run *self)
{
    static const int64_t count = LISTED + 3;
    tsr_auto(tsr_index) index = {.layout = NULL};
    int16_t values[LISTED + 3];
    tsr_array *array = NULL;
    tsr_view view;
    for (int i = 0; i < LISTED + 3; i++)
        values[i] = i < 3 ? OLD + 9 : NEW; /* the first three are written over */
    int status = open_array(self, "a", true, &array);
    if (status == 0)
        status = select_list(self, &index);
    if (status == 0)
        status = tsr_view_init(&view, TSR_INT16, 1, &count, values, &self->err);
    if (status == 0)
        status =
            tsr_array_write_index(array, &index, &view, TSR_CASTING_SAFE, NULL, NULL, &self->err);
    tsr_array_close(array);
    return status;
}

static int set_attributes(run *self)
{
    tsr_array *array = NULL;
    int status = open_array(self, "a", true, &array);
    if (status == 0)
        status = tsr_array_set_attributes(array, "{\"unit\":\"km\"}", &self->err);
    tsr_array_close(array);
    return status;
}

static int count_stored(void *user, const tsr_chunk_info *info)
{
    *(int *)user += info->state == TSR_CHUNK_STORED;
    return 0;
}

static int walk(run *self)
{
    tsr_chunk_walk_options options;
    tsr_array *array = NULL;
    int stored = 0;
    tsr_chunk_walk_options_init(&options);
    options.inner = options.data = true;
    int status = open_array(self, "a", false, &array);
    if (status == 0)
        status = tsr_array_walk_chunks(array, &options, count_stored, &stored, NULL, &self->err);
    if (status == 0)
        assert_int_equal(stored, 2 + COUNT / CHUNK);
    tsr_array_close(array);
    return status;
}

static int copy(run *self)
{
    tsr_array *source = NULL, *destination = NULL;
    int status = create_array(self, "copy", false, TSR_CREATE_OPEN);
    if (status == 0)
        status = open_array(self, "a", false, &source);
    if (status == 0)
        status = open_array(self, "copy", true, &destination);
    if (status == 0)
        status = tsr_array_copy(source, destination, NULL, NULL, &self->err);
    tsr_array_close(source);
    tsr_array_close(destination);
    return status;
}

static int erase(run *self)
{
    const char *place = in_tree(self, "a");
    int status = tsr_place_erase(self->context, place, NULL, &self->err);
    if (status == TSR_NOT_FOUND) { /* an earlier try got as far as that */
        tsr_error_clear(&self->err);
        status = 0;
    }
    return status;
}

static int count_child(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    (void)name;
    *(int *)user += kind == TSR_NODE_ARRAY;
    return error ? error->status : 0;
}

static int children(run *self)
{
    tsr_group *group = NULL;
    int arrays = 0;
    int status = tsr_group_open(self->context, self->place, NULL, &group, &self->err);
    if (status == 0) {
        status = tsr_group_children(group, count_child, &arrays, &self->err);
        if (status < 0 && self->err.status == 0)
            self->err.status = status; /* a child's error is given to the callback alone */
        if (self->err.status && !self->err.message[0])
            strcpy(self->err.message, "a child");
    }
    if (status == 0)
        assert_int_equal(arrays, 2);
    tsr_group_close(group);
    return status;
}

static int update_attributes(run *self)
{
    static const char *const removed[] = {"nobody", NULL};
    tsr_array *array = NULL;
    int status = open_array(self, "a", true, &array);
    if (status == 0)
        status = tsr_array_update_attributes(array, "{\"more\":[1]}", removed, &self->err);
    tsr_array_close(array);
    return status;
}

/* Opens an array that is this operation's own, of whatever length earlier tries left. */
static int open_own(run *self, const char *name, tsr_array **ret_array)
{
    int status = open_array(self, name, true, ret_array);
    if (status != TSR_NOT_FOUND)
        return status;
    tsr_error_clear(&self->err);
    status = create_array(self, name, true, TSR_CREATE_NEW);
    return status == 0 ? open_array(self, name, true, ret_array) : status;
}

/* Shorter and longer again: where it grew it is all fill values, whatever went wrong before. */
static int resize(run *self)
{
    int32_t values[COUNT];
    const int64_t half = COUNT / 2 + 1, whole = COUNT;
    tsr_array *array = NULL;
    int status = open_own(self, "own", &array);
    for (int i = 0; i < COUNT; i++)
        values[i] = NEW;
    if (status == 0)
        status = tsr_array_resize(array, &whole, NULL, NULL, &self->err);
    if (status == 0)
        status = tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &self->err);
    if (status == 0)
        status = tsr_array_resize(array, &half, NULL, NULL, &self->err);
    if (status == 0)
        status = tsr_array_resize(array, &whole, NULL, NULL, &self->err);
    if (status == 0)
        status = tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &self->err);
    for (int i = 0; i < COUNT && status == 0; i++)
        assert_int_equal(values[i], i < half ? NEW : 0);
    tsr_array_close(array);
    return status;
}

/* Of an append that failed nothing is seen. */
static int append(run *self)
{
    int32_t values[CHUNK + 3], read[CHUNK + 3];
    const int64_t count = CHUNK + 3;
    int64_t start = 0;
    tsr_array *array = NULL;
    tsr_view view;
    int status = open_own(self, "own", &array);
    for (int i = 0; i < count; i++)
        values[i] = NEW + i;
    if (status == 0)
        status = tsr_view_init(&view, TSR_INT32, 1, &count, values, &self->err);
    if (status == 0)
        status = tsr_array_append(array, 0, &view, TSR_CASTING_NO, NULL, NULL, &start, &self->err);
    if (status == 0)
        assert_int_equal(tsr_array_shape(array)[0], start + count);
    if (status == 0)
        status = tsr_array_read(array, &start, &count, NULL, read, sizeof read, NULL, &self->err);
    if (status == 0)
        assert_memory_equal(read, values, sizeof read);
    tsr_array_close(array);
    return status;
}

static int consolidate(run *self)
{
    tsr_array_open_options options;
    tsr_group *group = NULL;
    tsr_array_open_options_init(&options);
    options.writable = true;
    int status = tsr_group_open(self->context, self->place, &options, &group, &self->err);
    if (status == 0)
        status = tsr_group_consolidate(group, NULL, NULL, &self->err);
    tsr_group_close(group);
    return status == 0 ? children(self) : status;
}

static int move(run *self)
{
    char from[256];
    tsr_array *array = NULL;
    int status = open_array(self, "moved/here", false, &array);
    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(&self->err);
        status = open_own(self, "own", &array);
        snprintf(from, sizeof from, "%s", in_tree(self, "own"));
        if (status == 0)
            status = tsr_place_move(self->context, from, in_tree(self, "moved/here"), &self->err);
    }
    tsr_array_close(array);
    return status;
}

/* Which elements an operation may have changed, in "a". */
typedef struct operation {
    const char *name;
    int (*run)(run *self);
    const char *array; /* whose elements [start, start + count) may have changed; NULL: none */
    int start, count;
    bool may_be_gone; /* "a" itself */
} operation;

static const operation operations[] = {
    {"create", create, NULL, 0, 0, false},
    {"overwrite", overwrite, NULL, 0, 0, true},
    {"read whole", read_whole, NULL, 0, 0, false},
    {"read part", read_part, NULL, 0, 0, false},
    {"write whole", write_whole, "a", 0, COUNT, false},
    {"write part", write_part, "a", 20, 40, false},
    {"write chunks", write_chunks, "flat", 4, 40, false},
    {"read list", read_list, NULL, 0, 0, false},
    {"sink list", sink_list, NULL, 0, 0, false},
    {"read derived", read_derived, NULL, 0, 0, false},
    {"write list", write_list, "a", LIST_START, LISTED, false},
    {"attributes", set_attributes, NULL, 0, 0, false},
    {"walk", walk, NULL, 0, 0, false},
    {"copy", copy, NULL, 0, 0, false},
    {"erase", erase, NULL, 0, 0, true},
    {"children", children, NULL, 0, 0, false},
    {"change attributes", update_attributes, NULL, 0, 0, false},
    {"resize", resize, NULL, 0, 0, false},
    {"append", append, NULL, 0, 0, false},
    {"consolidate", consolidate, NULL, 0, 0, false},
    {"move", move, NULL, 0, 0, false},
};

/* ---- what must hold ---- */

static void begin(run *self)
{
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.system = &self->faulty.system;
    options.threads = 2;
    tsr_error_clear(&self->err);
    assert_int_equal(tsr_context_new(&options, &self->context, NULL), 0);
}

static void end(run *self)
{
    tsr_context_free(self->context);
    self->context = NULL;
}

static void fill_old(run *self, const char *name)
{
    int32_t values[COUNT];
    tsr_array *array = NULL;
    for (int i = 0; i < COUNT; i++)
        values[i] = OLD;
    assert_int_equal(open_array(self, name, true, &array), 0);
    assert_int_equal(
        tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &self->err), 0);
    tsr_array_close(array);
}

static void set_up(run *self)
{
    self->folder = temporary_folder_new();
    self->place = temporary_path(self->folder, "t.zarr");
    begin(self);
    assert_int_equal(create_array(self, "a", true, TSR_CREATE_NEW), 0);
    assert_int_equal(create_array(self, "flat", false, TSR_CREATE_NEW), 0);
    fill_old(self, "a");
    fill_old(self, "flat");
    end(self);
}

static void tear_down(run *self)
{
    free(self->place);
    temporary_folder_remove(self->folder);
}

static int open_descriptors(void)
{
    int count = 0;
    DIR *stream = opendir("/proc/self/fd");
    while (readdir(stream))
        count++;
    closedir(stream);
    return count;
}

/* Each inner chunk is wholly old or wholly new where it may have changed, and old elsewhere. */
static void check_elements(run *self, const operation *tried, const char *name, bool done,
                           const char *when)
{
    int32_t values[COUNT];
    tsr_array *array = NULL;
    int status = open_array(self, name, false, &array);
    if (status == TSR_NOT_FOUND && tried->may_be_gone && strcmp(name, "a") == 0)
        return;
    if (status == 0)
        status = tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &self->err);
    if (status < 0)
        fail_msg("%s, %s: afterwards: %s", tried->name, when, self->err.message);
    tsr_array_close(array);
    if (tried->may_be_gone && strcmp(name, "a") == 0)
        return;
    bool changed = tried->array && strcmp(tried->array, name) == 0;
    for (int i = 0; i < COUNT; i++) {
        bool inside = changed && i >= tried->start && i < tried->start + tried->count;
        int first = i / CHUNK * CHUNK < tried->start ? tried->start : i / CHUNK * CHUNK;
        bool good = inside ? values[i] == NEW || (!done && values[i] == OLD) : values[i] == OLD;
        if (!good || (inside && values[i] != values[first]))
            fail_msg("%s, %s: %s[%d] is %d", tried->name, when, name, i, values[i]);
    }
}

/* After a fault: all is whole, and the operation succeeds when it is tried again. */
static void check_and_try_again(run *self, const operation *tried, int status, const char *when)
{
    begin(self);
    check_elements(self, tried, "a", status == 0, when);
    check_elements(self, tried, "flat", status == 0, when);
    end(self);
    begin(self);
    if (tried->run != read_whole && tried->run != read_part && tried->run(self) < 0)
        fail_msg("%s, %s: the second try: %s", tried->name, when, self->err.message);
    end(self);
    begin(self);
    check_elements(self, tried, tried->array ? tried->array : "flat", true, when);
    end(self);
}

static void check_failure(const run *self, const operation *tried, int status, const char *when)
{
    if (status < 0 && (self->err.status != status || !self->err.message[0]))
        fail_msg("%s, %s: %s says \"%s\" (%s)", tried->name, when, tsr_status_name(status),
                 self->err.message, tsr_status_name(self->err.status));
}

/* The n-th allocation fails; false when there were fewer. */
static bool fail_allocation(const operation *tried, int64_t n, bool for_ever, int64_t *failures)
{
    run self = {0};
    char when[64];
    snprintf(when, sizeof when, "allocation %lld%s", (long long)n, for_ever ? " for ever" : "");
    faulty_system_init(&self.faulty, NULL);
    set_up(&self);
    int before = open_descriptors();
    begin(&self);
    nth_malloc_arm(n, for_ever);
    int status = tried->run(&self);
    bool fired = nth_malloc_disarm();
    end(&self);
    if (status < 0 && status != TSR_NO_MEMORY)
        fail_msg("%s, %s: %s, %s", tried->name, when, tsr_status_name(status), self.err.message);
    check_failure(&self, tried, status, when);
    assert_int_equal(open_descriptors(), before);
    *failures += status < 0;
    check_and_try_again(&self, tried, status, when);
    tear_down(&self);
    return fired;
}

static bool fail_call(const operation *tried, int64_t n, bool for_ever, int64_t *failures)
{
    static const int errors[] = {EIO, ENOSPC, EACCES, EMFILE, EINTR};
    run self = {0};
    char when[64];
    int error_number = for_ever ? EIO : errors[n % 4];
    snprintf(when, sizeof when, "call %lld: %s%s", (long long)n, strerror(error_number),
             for_ever ? " for ever" : "");
    faulty_system_init(&self.faulty, NULL);
    set_up(&self);
    int before = open_descriptors();
    begin(&self);
    faulty_system_fail(&self.faulty, NULL, n, error_number, for_ever);
    int status = tried->run(&self);
    bool fired = faulty_system_fired(&self.faulty);
    faulty_system_fail(&self.faulty, NULL, 0, 0, false);
    end(&self);
    check_failure(&self, tried, status, when);
    if (open_descriptors() != before)
        fail_msg("%s, %s: a descriptor stays open", tried->name, when);
    *failures += status < 0;
    check_and_try_again(&self, tried, status, when);
    tear_down(&self);
    return fired;
}

/* To the end of each operation; every n-th one only when they are many. */
static void sweep(bool (*fail_one)(const operation *, int64_t, bool, int64_t *), bool for_ever,
                  int64_t stride)
{
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        int64_t failures = 0, n = 1 + (int64_t)i % stride;
        while (fail_one(&operations[i], n, for_ever, &failures))
            n += stride;
        /* Some can be done without: those of files that stay open, for one. */
        for (n = 1; failures == 0 && fail_one(&operations[i], n, for_ever, &failures);)
            n++;
        assert_true(failures > 0);
    }
}

/* TESSERA_SWEEP_STRIDE of the environment: 1 tries every single one. */
static int64_t stride_or(int64_t quick)
{
    const char *stride = getenv("TESSERA_SWEEP_STRIDE");
    return stride ? atoll(stride) : quick;
}

static void any_allocation_fails(void **state)
{
    (void)state;
    sweep(fail_allocation, false, stride_or(31));
}

static void memory_runs_out(void **state)
{
    (void)state;
    sweep(fail_allocation, true, stride_or(37));
}

static void any_call_fails(void **state)
{
    (void)state;
    sweep(fail_call, false, stride_or(11));
}

static void the_disk_dies(void **state)
{
    (void)state;
    sweep(fail_call, true, stride_or(13));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_fails),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(any_call_fails),
        cmocka_unit_test(the_disk_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
