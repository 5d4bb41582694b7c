/* Proves that walks visit groups before what is in them, stop at a depth, open no group that cannot
 * hold a match, and match as the shell does with ** for any number of parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "unit/array/array_testing.h"

static const array_row small = {
    .name = "small", .rank = 1, .shape = {4}, .chunk = {2}, .codec = "none"};

typedef struct visited {
    char paths[512];
    int stop_after;
} visited;

static int note(void *user, const char *path, tsr_node_kind kind, const tsr_error *error)
{
    visited *self = user;
    assert_null(error);
    strcat(self->paths, path);
    strcat(self->paths, kind == TSR_NODE_GROUP ? "/ " : " ");
    return self->stop_after > 0 && --self->stop_after == 0 ? 77 : 0;
}

static tsr_group *plant(fixture *f)
{
    static const char *const paths[] = {"a/x/temp", "a/y/x/temp", "a/temp", "b/wind", "temp"};
    tsr_array_open_options options;
    tsr_group *group = NULL;
    for (size_t i = 0; i < TSRI_COUNT(paths); i++)
        tsr_array_close(array_new(f, f->store, paths[i], &small, TSR_UINT8, NULL));
    tsr_array_open_options_init(&options);
    options.store = f->store;
    good(tsr_group_open(f->context, "", &options, &group, &f->err), &f->err);
    return group;
}

static void depths_and_patterns(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *pattern;
        int max_depth;
        const char *paths;
    } rows[] = {
        {NULL, 0, "a/ a/temp a/x/ a/x/temp a/y/ a/y/x/ a/y/x/temp b/ b/wind temp "},
        {NULL, 1, "a/ b/ temp "},
        {NULL, 2, "a/ a/temp a/x/ a/y/ b/ b/wind temp "},
        {"**", 0, "a/ a/temp a/x/ a/x/temp a/y/ a/y/x/ a/y/x/temp b/ b/wind temp "},
        {"*", 0, "a/ b/ temp "},
        {"**/temp", 0, "a/temp a/x/temp a/y/x/temp temp "},
        {"*/temp", 0, "a/temp "},
        {"a/**/temp", 0, "a/temp a/x/temp a/y/x/temp "},
        {"a/**/x/*", 0, "a/x/temp a/y/x/temp "},
        {"**/x/**", 0, "a/x/ a/x/temp a/y/x/ a/y/x/temp "},
        {"**/y/**/temp", 0, "a/y/x/temp "},
        {"**/**/temp", 0, "a/temp a/x/temp a/y/x/temp temp "},
        {"a/?", 0, "a/x/ a/y/ "},
        {"[!a]*", 0, "b/ temp "},
        {"**/temp", 2, "a/temp temp "},
        {"a", 0, "a/ "},
        {"a/none", 0, ""},
    };
    tsr_group *group = plant(f);
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        visited seen = {"", 0};
        tsr_walk_options options;
        tsr_walk_options_init(&options);
        options.pattern = rows[i].pattern;
        options.max_depth = rows[i].max_depth;
        good(tsr_group_walk(group, &options, note, &seen, &f->err), &f->err);
        assert_string_equal(seen.paths, rows[i].paths);
    }
    tsr_group_close(group);
}

/* A group that cannot be opened would end the walk: one that no match can be in is not tried. */
static void groups_without_matches_are_not_opened(void **state)
{
    fixture *f = *state;
    visited seen = {"", 0};
    tsr_walk_options options;
    tsr_group *group = plant(f);
    put_bytes(f, f->store, "b/bad/zarr.json", "{", 1);
    tsr_walk_options_init(&options);
    options.pattern = "a/*/x/temp";
    good(tsr_group_walk(group, &options, note, &seen, &f->err), &f->err);
    assert_string_equal(seen.paths, "a/y/x/temp ");
    tsr_group_close(group);
}

static int see_bad(void *user, const char *path, tsr_node_kind kind, const tsr_error *error)
{
    if (strcmp(path, "b/bad") == 0) {
        assert_int_equal(kind, TSR_NODE_NONE);
        assert_int_equal(error->status, TSR_BAD_METADATA);
        *(bool *)user = true;
    }
    return 0;
}

static void bad_nodes_are_told_and_the_walk_goes_on(void **state)
{
    fixture *f = *state;
    bool seen = false;
    tsr_group *group = plant(f);
    put_bytes(f, f->store, "b/bad/zarr.json", "{", 1);
    good(tsr_group_walk(group, NULL, see_bad, &seen, &f->err), &f->err);
    assert_true(seen);
    tsr_group_close(group);
}

static void a_walk_ends_when_told(void **state)
{
    fixture *f = *state;
    visited seen = {"", 3};
    tsr_group *group = plant(f);
    assert_int_equal(tsr_group_walk(group, NULL, note, &seen, &f->err), 77);
    assert_string_equal(seen.paths, "a/ a/temp a/x/ ");
    tsr_group_close(group);
}

static void patterns_with_empty_parts_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const patterns[] = {"", "/", "a/", "/a", "a//b"};
    visited seen = {"", 0};
    tsr_group *group = plant(f);
    for (size_t i = 0; i < TSRI_COUNT(patterns); i++) {
        tsr_walk_options options;
        tsr_walk_options_init(&options);
        options.pattern = patterns[i];
        assert_int_equal(tsr_group_walk(group, &options, note, &seen, &f->err),
                         TSR_INVALID_ARGUMENT);
    }
    tsr_group_close(group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(depths_and_patterns),
        FIXTURE_TEST(groups_without_matches_are_not_opened),
        FIXTURE_TEST(bad_nodes_are_told_and_the_walk_goes_on),
        FIXTURE_TEST(a_walk_ends_when_told),
        FIXTURE_TEST(patterns_with_empty_parts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
