/* What tests of file formats share. */
#ifndef TESTS_UNIT_SOURCE_SOURCE_TESTING_H
#define TESTS_UNIT_SOURCE_SOURCE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/temporary.h"
#include <tessera/sys/array.h>

/* A context and a temporary folder with one file in it. */
typedef struct fixture {
    char *folder, *path;
    tsr_context *context;
    tsr_error err;
} fixture;

static inline void fixture_open(fixture *f, const char *name)
{
    memset(f, 0, sizeof *f);
    f->folder = temporary_folder_new();
    f->path = temporary_path(f->folder, name);
    assert_int_equal(tsr_context_new(NULL, &f->context, &f->err), 0);
}

static inline void fixture_close(fixture *f)
{
    tsr_context_free(f->context);
    temporary_folder_remove(f->folder);
    free(f->path);
}

/* "PATH/INNER", to be freed. */
static inline char *fixture_place(const fixture *f, const char *inner)
{
    return *inner ? temporary_path(f->path, inner) : strdup(f->path);
}

static inline int fixture_try(fixture *f, const char *inner, tsr_array **ret_array)
{
    char *place = fixture_place(f, inner);
    tsr_error_clear(&f->err);
    int status = tsr_array_open(f->context, place, NULL, ret_array, &f->err);
    free(place);
    return status;
}

static inline tsr_array *fixture_array(fixture *f, const char *inner)
{
    tsr_array *array = NULL;
    if (fixture_try(f, inner, &array) < 0)
        fail_msg("%s: %s", inner, f->err.message);
    return array;
}

/* Opening fails with this status, and the message has these words in it. */
static inline void fixture_expect_refused(fixture *f, const char *inner, int status,
                                          const char *words)
{
    tsr_array *array = NULL;
    int got = fixture_try(f, inner, &array);
    if (got != status || !strstr(f->err.message, words))
        fail_msg("%s: status %d, \"%s\"", inner, got, f->err.message);
    assert_null(array);
}

/* The whole array is these bytes. */
static inline void fixture_expect_values(fixture *f, const char *inner, const tsr_dtype *dtype,
                                         const void *values, size_t size_bytes)
{
    tsr_array *array = fixture_array(f, inner);
    char *read = malloc(size_bytes + 1);

    if (!tsr_dtype_equal(tsr_array_dtype(array), dtype))
        fail_msg("%s: the type is %s", inner, tsr_array_dtype(array)->name);
    assert_int_equal(tsr_array_size(array), size_bytes);
    if (tsr_array_read(array, NULL, NULL, NULL, read, size_bytes, NULL, &f->err) < 0)
        fail_msg("%s: %s", inner, f->err.message);
    assert_memory_equal(read, values, size_bytes);
    free(read);
    tsr_array_close(array);
}

/* Reading the whole array fails with this status and words. */
static inline void fixture_expect_unreadable(fixture *f, const char *inner, int status,
                                             const char *words)
{
    tsr_array *array = fixture_array(f, inner);
    size_t size_bytes = (size_t)tsr_array_size(array);
    char *read = malloc(size_bytes + 1);

    tsr_error_clear(&f->err);
    int got = tsr_array_read(array, NULL, NULL, NULL, read, size_bytes, NULL, &f->err);
    if (got != status || (!strstr(f->err.message, words) && !strstr(f->err.where, words)))
        fail_msg("%s: status %d, \"%s\" (%s)", inner, got, f->err.message, f->err.where);
    free(read);
    tsr_array_close(array);
}

/* All attributes of an array are this JSON. */
static inline void fixture_expect_attributes(fixture *f, const char *inner, const char *json)
{
    tsr_array *array = fixture_array(f, inner);
    char *text = NULL;
    assert_int_equal(tsr_array_attributes(array, &text, &f->err), 0);
    assert_string_equal(text, json);
    tsr_free(text);
    tsr_array_close(array);
}

typedef struct listing {
    char text[4096];
} listing;

static inline int listing_add(void *user, const char *name, tsr_node_kind kind,
                              const tsr_error *error)
{
    listing *self = user;
    size_t used = strlen(self->text);
    snprintf(self->text + used, sizeof self->text - used, "%s%s%s%s%s", used ? " " : "", name,
             kind == TSR_NODE_GROUP ? "/" : "", error ? "!" : "",
             kind == TSR_NODE_NONE && !error ? "?" : "");
    return 0;
}

/* The children of a group: names separated by spaces; groups end in "/", those that cannot be read
 * in
 * "!". */
static inline void fixture_expect_children(fixture *f, const char *inner, const char *names)
{
    char *place = fixture_place(f, inner);
    tsr_group *group = NULL;
    listing found = {""};

    if (tsr_group_open(f->context, place, NULL, &group, &f->err) < 0 ||
        tsr_group_children(group, listing_add, &found, &f->err) < 0)
        fail_msg("%s: %s", place, f->err.message);
    assert_string_equal(found.text, names);
    tsr_group_close(group);
    free(place);
}

/* Cuts the file to its first bytes. */
static inline void fixture_cut(const fixture *f, size_t size_bytes)
{
    size_t whole;
    char *bytes = temporary_file_read(f->path, &whole);
    assert_true(bytes && size_bytes <= whole);
    temporary_file_write(f->path, bytes, size_bytes);
    free(bytes);
}

#endif
