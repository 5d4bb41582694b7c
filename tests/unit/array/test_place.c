/* Proves of places: paths and URLs, the root of a tree that is made, files of a format and paths
 * inside them; what leads out of a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "array/place.h"
#include "support/temporary.h"
#include "unit/array/array_testing.h"

typedef struct folders {
    fixture f;
    char *folder;
} folders;

static int folders_set_up(void **state)
{
    folders *self = calloc(1, sizeof *self);
    self->folder = temporary_folder_new();
    fixture_open(&self->f, "memory:");
    *state = self;
    return 0;
}

static int folders_tear_down(void **state)
{
    folders *self = *state;
    fixture_close(&self->f);
    temporary_folder_remove(self->folder);
    free(self);
    return 0;
}

/* Where a place leads: its store's folder below ours, and the path in it. */
static void expect_place(folders *self, const char *name, bool create, const char *root,
                         const char *path)
{
    tsri_place place = TSRI_PLACE_INIT;
    char text[512], expected[512];
    snprintf(text, sizeof text, "%s/%s", self->folder, name);
    snprintf(expected, sizeof expected, "%s%s%s", self->folder, *root ? "/" : "", root);
    good(tsri_place_resolve(self->f.context, text, NULL, create, &place, &self->f.err),
         &self->f.err);
    assert_non_null(place.store);
    const char *url = tsr_store_url(place.store);
    if (strncmp(url, "file://", 7) == 0)
        url += 7;
    assert_string_equal(url, expected);
    assert_string_equal(place.path, path);
    assert_string_equal(place.text, text);
    tsri_place_clear(&place);
}

static void the_root_is_the_topmost_tree(void **state)
{
    folders *self = *state;
    char path[512];
    expect_place(self, "x.zarr/a/b", false, "x.zarr/a/b", "");
    expect_place(self, "x.zarr/a/b", true, "x.zarr", "a/b");
    expect_place(self, "x.zarr/a.zarr/b", true, "x.zarr", "a.zarr/b");
    expect_place(self, "plain/a", true, "plain/a", "");
    snprintf(path, sizeof path, "%s/plain", self->folder);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/plain/zarr.json", self->folder);
    temporary_file_write(path, "{}", 2);
    expect_place(self, "plain/a", true, "plain", "a");
    expect_place(self, "plain//a/", true, "plain", "a");
}

static void urls_and_paths_mean_the_same(void **state)
{
    folders *self = *state;
    char text[512];
    tsri_place place = TSRI_PLACE_INIT;
    for (size_t i = 0; i < 3; i++) {
        snprintf(text, sizeof text,
                 i == 0   ? "file://%s/x"
                 : i == 1 ? "file:%s/x"
                          : "%s/x",
                 self->folder);
        good(tsri_place_resolve(self->f.context, text, NULL, false, &place, &self->f.err),
             &self->f.err);
        assert_non_null(strstr(tsr_store_url(place.store), self->folder));
        tsri_place_clear(&place);
    }
    assert_int_equal(
        tsri_place_resolve(self->f.context, "nosuch://x", NULL, false, &place, &self->f.err),
        TSR_UNSUPPORTED);
    assert_int_equal(tsri_place_resolve(self->f.context, "", NULL, false, &place, &self->f.err),
                     TSR_INVALID_ARGUMENT);
    good(tsri_place_resolve(self->f.context, "memory:", NULL, false, &place, &self->f.err),
         &self->f.err);
    assert_string_equal(place.path, "");
    tsri_place_clear(&place);
    tsri_place_clear(&place);
}

/* ---- a format of files ---- */

static int opened; /* files of the format that are open */

static bool recognise(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return size_bytes >= 4 && memcmp(head, "TEST", 4) == 0;
}

static int open_file(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    (void)context;
    if (strstr(path, "broken"))
        return tsr_error_set(err, TSR_DAMAGED, "%s: broken", path);
    opened++;
    *ret_file = &opened;
    return 0;
}

static void close_file(void *file)
{
    assert_ptr_equal(file, &opened);
    opened--;
}

static int probe(void *file, const char *inner_path, tsr_node_kind *ret_kind, tsr_error *err)
{
    (void)file;
    (void)err;
    *ret_kind = strcmp(inner_path, "") == 0      ? TSR_NODE_GROUP
                : strcmp(inner_path, "g/v") == 0 ? TSR_NODE_ARRAY
                                                 : TSR_NODE_NONE;
    return 0;
}

static int read_box(void *driver, const int64_t *start, const tsr_view *view, const tsr_call *call,
                    tsr_error *err)
{
    (void)driver;
    (void)call;
    (void)err;
    for (int64_t i = 0; i < view->shape[0]; i++)
        view->data[i * view->strides[0]] = (char)(start[0] + i);
    return 0;
}

static tsr_context *format_context;

static int open_inside(void *file, const char *inner_path, tsr_array **ret_array, tsr_error *err)
{
    static const tsr_array_ops ops = {.struct_size = sizeof ops, .read_box = read_box};
    static const int64_t shape = 100, chunk = 30;
    const tsr_array_description description = {.driver = "test",
                                               .place = inner_path,
                                               .dtype = TSR_UINT8,
                                               .rank = 1,
                                               .shape = &shape,
                                               .chunk_shape = &chunk};
    if (strcmp(inner_path, "g/v") != 0)
        return tsr_error_set(err, TSR_NOT_FOUND, "%s: no such variable", inner_path);
    return tsr_array_new(format_context, &ops, file, &description, ret_array, err);
}

static int attributes(void *file, const char *inner_path, char **ret_json, tsr_error *err)
{
    (void)file;
    (void)inner_path;
    *ret_json = tsri_strdup("{\"from\":\"file\"}");
    return *ret_json ? 0 : tsri_error_no_memory(err, 16);
}

static int children(void *file, const char *inner_path,
                    int (*each)(void *user, const char *name, tsr_node_kind kind,
                                const tsr_error *error),
                    void *user, tsr_error *err)
{
    (void)file;
    (void)inner_path;
    (void)err;
    return each(user, "g", TSR_NODE_GROUP, NULL);
}

static const tsr_format_ops format = {
    .struct_size = sizeof format,
    .name = "test",
    .recognise = recognise,
    .open = open_file,
    .close = close_file,
    .probe = probe,
    .open_array = open_inside,
    .attributes = attributes,
    .children = children,
};

static void files_are_opened_by_what_they_hold(void **state)
{
    folders *self = *state;
    fixture *f = &self->f;
    char path[512], text[600];
    tsr_array *array = NULL;
    tsr_group *group = NULL;
    format_context = f->context;
    tsr_format_ops incomplete = format;
    incomplete.probe = NULL;
    assert_int_equal(tsr_format_register(f->context, &incomplete, &f->err), TSR_INVALID_ARGUMENT);
    good(tsr_format_register(f->context, &format, &f->err), &f->err);
    snprintf(path, sizeof path, "%s/data.any", self->folder);
    temporary_file_write(path, "TEST and more", 13);
    snprintf(text, sizeof text, "%s/g/v", path);
    good(tsr_array_open(f->context, text, NULL, &array, &f->err), &f->err);
    assert_int_equal(opened, 1);
    uint8_t values[40];
    const int64_t start = 20, shape = 40;
    good(tsr_array_read(array, &start, &shape, NULL, values, 40, NULL, &f->err), &f->err);
    for (int i = 0; i < 40; i++)
        assert_int_equal(values[i], 20 + i);
    assert_string_equal(tsr_array_driver(array), "test");
    tsr_array_close(array);
    assert_int_equal(opened, 0);
    assert_int_equal(
        tsr_array_open(f->context, text,
                       &(tsr_array_open_options){.struct_size = sizeof(tsr_array_open_options),
                                                 .writable = true},
                       &array, &f->err),
        TSR_READ_ONLY);
    snprintf(text, sizeof text, "%s/none", path);
    assert_int_equal(tsr_array_open(f->context, text, NULL, &array, &f->err), TSR_NOT_FOUND);
    good(tsr_group_open(f->context, path, NULL, &group, &f->err), &f->err);
    char *json;
    good(tsr_group_attributes(group, &json, &f->err), &f->err);
    assert_string_equal(json, "{\"from\":\"file\"}");
    tsr_free(json);
    good(tsr_group_open_array(group, "g/v", &array, &f->err), &f->err);
    tsr_group_close(group);
    assert_int_equal(opened, 1); /* the array holds the file */
    tsr_array_close(array);
    assert_int_equal(opened, 0);
    assert_int_equal(tsr_place_erase(f->context, path, NULL, &f->err), TSR_READ_ONLY);
}

static void other_files_are_refused(void **state)
{
    folders *self = *state;
    fixture *f = &self->f;
    char path[512], text[600];
    tsr_array *array = NULL;
    tsr_array_create_options options;
    static const array_row row = {
        .name = "a", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};
    good(tsr_format_register(f->context, &format, &f->err), &f->err);
    snprintf(path, sizeof path, "%s/text", self->folder);
    temporary_file_write(path, "hello", 5);
    assert_int_equal(tsr_array_open(f->context, path, NULL, &array, &f->err), TSR_UNSUPPORTED);
    assert_true(f->err.next_step[0] != 0);
    snprintf(text, sizeof text, "%s/inside", path);
    row_options(&row, TSR_UINT8, NULL, &options);
    assert_int_equal(tsr_array_create(f->context, text, &options, &array, &f->err), TSR_EXISTS);
    snprintf(path, sizeof path, "%s/broken", self->folder);
    temporary_file_write(path, "TEST", 4);
    assert_int_equal(tsr_array_open(f->context, path, NULL, &array, &f->err), TSR_DAMAGED);
    snprintf(path, sizeof path, "%s/empty", self->folder);
    temporary_file_write(path, "", 0);
    assert_int_equal(tsr_array_open(f->context, path, NULL, &array, &f->err), TSR_UNSUPPORTED);
    snprintf(path, sizeof path, "%s/nothing", self->folder);
    assert_int_equal(tsr_array_open(f->context, path, NULL, &array, &f->err), TSR_NOT_FOUND);
}

/* Paths inside a store cannot leave it, by any of the public calls. */
static void paths_do_not_escape(void **state)
{
    folders *self = *state;
    fixture *f = &self->f;
    char path[512];
    static const char *const escapes[] = {"..", "../outside", "a/../../outside", "a/..", "./a"};
    static const array_row row = {
        .name = "a", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};
    tsr_array_create_options create;
    tsr_array_open_options options;
    tsr_store *store;
    snprintf(path, sizeof path, "%s/inside", self->folder);
    good(tsr_store_open(f->context, path, &store, &f->err), &f->err);
    snprintf(path, sizeof path, "%s/outside", self->folder);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/outside/zarr.json", self->folder);
    temporary_file_write(path, "{\"zarr_format\":3,\"node_type\":\"group\"}", 37);
    row_options(&row, TSR_UINT8, NULL, &create);
    tsr_array_open_options_init(&options);
    create.store = options.store = store;
    create.mode = TSR_CREATE_OVERWRITE;
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        tsr_array *array = NULL;
        tsr_group *group = NULL;
        tsr_node_kind kind;
        assert_int_equal(tsr_array_create(f->context, escapes[i], &create, &array, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_int_equal(tsr_array_open(f->context, escapes[i], &options, &array, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_int_equal(tsr_group_open(f->context, escapes[i], &options, &group, &f->err),
                         TSR_INVALID_ARGUMENT);
        assert_int_equal(tsr_place_probe(f->context, escapes[i], &options, &kind, &f->err),
                         TSR_INVALID_ARGUMENT);
    }
    assert_int_equal(access(path, F_OK), 0);
    tsr_store_close(store);
}

#define FOLDERS_TEST(function) \
    cmocka_unit_test_setup_teardown(function, folders_set_up, folders_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDERS_TEST(the_root_is_the_topmost_tree),
        FOLDERS_TEST(urls_and_paths_mean_the_same),
        FOLDERS_TEST(files_are_opened_by_what_they_hold),
        FOLDERS_TEST(other_files_are_refused),
        FOLDERS_TEST(paths_do_not_escape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
