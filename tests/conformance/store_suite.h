/* What every store must do, whatever it is made of. A test of a store gives its constructor:
 *
 *     int main(void)
 *     {
 *         static const store_suite_subject subject = {.name = "memory", .open = open_memory};
 *         return store_suite_run(&subject);
 *     }
 *
 * Each test opens a new, empty store. What a store says about itself in its hints decides what is
 * asked of it: without `lock` and `conditional` for instance, no read-modify-write by many. */
#ifndef TESTS_CONFORMANCE_STORE_SUITE_H
#define TESTS_CONFORMANCE_STORE_SUITE_H

#include <stdbool.h>
#include <tessera/sys/store.h>

typedef struct store_suite_subject {
    const char *name;
    /* Opens a new, empty store. */
    int (*open)(void *user, tsr_context *context, tsr_store **ret_store, tsr_error *err);
    /* Removes what the store of the last test left behind, after it was closed; NULL: nothing. */
    void (*end)(void *user);
    void *user;
    /* Options for the context; NULL: the defaults. */
    const tsr_context_options *options;
    /* A key and a key below it exclude each other, as on a file system. */
    bool has_folders;
} store_suite_subject;

/* Runs the suite as a cmocka group; returns how many tests failed. */
int store_suite_run(const store_suite_subject *subject);

#endif
