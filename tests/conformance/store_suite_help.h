/* The inside of the store conformance suite. */
#ifndef TESTS_CONFORMANCE_STORE_SUITE_HELP_H
#define TESTS_CONFORMANCE_STORE_SUITE_HELP_H

#include "conformance/store_suite.h"

/* The state of one test. */
typedef struct suite {
    const store_suite_subject *subject;
    tsr_context *context;
    tsr_store *store;
} suite;

int store_suite_set_up(void **state);
int store_suite_tear_down(void **state);

extern const tsr_range whole;

/* Each of these fails the test when the store does. */
void put_text(suite *s, const char *key, const char *text);
void assert_value(suite *s, const char *key, const char *expected);
void assert_absent(suite *s, const char *key);
/* `expected` are the names in order, separated by spaces. */
void assert_listing(suite *s, const char *prefix, bool delimiter, const char *expected);
int never_called(void *user, const tsr_store_entry *entry);

/* Fills in `done` and `user` and waits for the answer, on whatever thread it comes. */
void get_and_wait(suite *s, tsr_get_request *request);
void wait_until_set(const int *value);

void fill_random(unsigned char *bytes, size_t size, uint64_t seed);
uint64_t random_next(uint64_t *random);

/* store_suite_many.c: many threads, and long random histories. */
void store_suite_readers_never_see_torn_values(void **state);
void store_suite_no_update_is_lost(void **state);
void store_suite_one_creator_wins(void **state);
void store_suite_follows_the_model(void **state);

#endif
