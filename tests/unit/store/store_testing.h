/* What tests of the file system store share. */
#ifndef TESTS_UNIT_STORE_STORE_TESTING_H
#define TESTS_UNIT_STORE_STORE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/faulty_system.h"
#include "support/temporary.h"
#include <tessera/sys/store.h>

static inline int sync_nothing(const tsr_system *system, int descriptor)
{
    (void)system;
    (void)descriptor;
    return 0;
}

/* The real system calls without the waiting for the disk, of which only test_store_fs_sync speaks.
 */
static inline const tsr_system *quick_system(void)
{
    static tsr_system system;
    system = *tsr_system_default();
    system.fsync = sync_nothing;
    system.fdatasync = sync_nothing;
    system.syncfs = sync_nothing;
    return &system;
}

/* A store in a temporary folder, over a table of system calls that can be told to fail. */
typedef struct fixture {
    char *folder;
    faulty_system faulty;
    tsr_context *context;
    tsr_store *store;
    tsr_error err;
} fixture;

static inline void fixture_open(fixture *f, bool follow_symlinks)
{
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.system = &f->faulty.system;
    options.follow_symlinks = follow_symlinks;
    assert_int_equal(tsr_context_new(&options, &f->context, &f->err), 0);
    assert_int_equal(tsr_store_open(f->context, f->folder, &f->store, &f->err), 0);
}

static inline void fixture_close(fixture *f)
{
    tsr_store_close(f->store);
    tsr_context_free(f->context);
    f->store = NULL;
    f->context = NULL;
}

static inline int fixture_set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    f->folder = temporary_folder_new();
    faulty_system_init(&f->faulty, quick_system());
    fixture_open(f, true);
    *state = f;
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    fixture *f = *state;
    fixture_close(f);
    /* A test may have removed the root together with everything in it. */
    mkdir(f->folder, 0777);
    temporary_folder_remove(f->folder);
    free(f);
    return 0;
}

#define FIXTURE_TEST(function) \
    cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

static inline int put(fixture *f, const char *key, const char *text, tsr_durability durability)
{
    tsr_error_clear(&f->err);
    return tsr_store_put(f->store, key, text, strlen(text), durability, NULL, &f->err);
}

static inline void put_good(fixture *f, const char *key, const char *text)
{
    if (put(f, key, text, TSR_DURABILITY_NONE) < 0)
        fail_msg("put %s: %s", key, f->err.message);
}

/* The status of a get; the bytes as text in `ret_text` of `size` bytes when it succeeds. */
static inline int get(fixture *f, const char *key, char *ret_text, size_t size)
{
    tsr_blob *blob = NULL;
    tsr_error_clear(&f->err);
    int status = tsr_store_get(f->store, key, (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &blob, NULL,
                               &f->err);
    if (status == 0 && ret_text) {
        assert_true(tsr_blob_size(blob) < size);
        memcpy(ret_text, tsr_blob_data(blob), tsr_blob_size(blob));
        ret_text[tsr_blob_size(blob)] = 0;
    }
    tsr_blob_unref(blob);
    return status;
}

static inline void assert_text(fixture *f, const char *key, const char *expected)
{
    char text[4096];
    if (get(f, key, text, sizeof text) < 0)
        fail_msg("get %s: %s", key, f->err.message);
    assert_string_equal(text, expected);
}

static inline int append_name(void *user, const tsr_store_entry *entry)
{
    char *names = user;
    if (names[0])
        strcat(names, " ");
    strcat(names, entry->name);
    return 0;
}

/* The names are joined by spaces, up to 4 KiB of them. */
static inline void assert_names(fixture *f, const char *prefix, bool delimiter,
                                const char *expected)
{
    char names[4096] = "";
    if (tsr_store_list(f->store, prefix, delimiter, append_name, names, NULL, &f->err) < 0)
        fail_msg("list \"%s\": %s", prefix, f->err.message);
    assert_string_equal(names, expected);
}

/* The path of a key in a buffer of the caller. */
static inline const char *path_of(const fixture *f, const char *key, char path[4200])
{
    snprintf(path, 4200, "%s/%s", f->folder, key);
    return path;
}

#endif
