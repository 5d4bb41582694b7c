/* A store that answers late, on threads of its own and in random order, over a store in memory.
 *
 * It stands for what is far away: hints.answers_at_once is false, so many requests are on the wire
 * at once. It counts what is asked of it, notes the most that was ever under way, remembers every
 * range, and answers single requests wrongly when told.
 *
 *     slow_store *slow = slow_store_open(context, &(slow_store_options){.requests_in_flight = 8});
 *     ... use &slow->head as options.store ...
 *     assert_true(slow_store_stats(slow).most_in_flight <= 8);
 *     tsr_store_close(&slow->head);
 *
 * Thread: LOCKED. */
#ifndef TESTS_SUPPORT_SLOW_STORE_H
#define TESTS_SUPPORT_SLOW_STORE_H

#include <pthread.h>

#include <tessera/sys/store.h>

typedef struct slow_store_options {
    int requests_in_flight;       /* the hint; 0: 8 */
    int delay_us;                 /* answers take a random time up to this; 0: 500 */
    uint64_t coalesce_gap_bytes;  /* the hints of these names */
    uint64_t largest_range_bytes; /* 0: 4 MiB */
    bool no_conditional_erase;
    bool at_once; /* answers before get returns, to count what is asked of such a store */
} slow_store_options;

typedef struct slow_store_counts {
    int64_t requests, answered_bytes;
    int64_t most_in_flight;       /* requests at once */
    int64_t most_bytes_in_flight; /* asked for and not answered, as far as the range tells */
    int64_t puts, erases;
    int64_t puts_of[TSR_DURABILITY_FLUSH + 1]; /* of these, by durability */
} slow_store_counts;

/* One get that was asked for. */
typedef struct slow_store_range {
    char key[64];
    uint64_t offset, size_bytes; /* of the answer, in the value */
    int status;
} slow_store_range;

#define SLOW_STORE_RANGES_MAX 65536
#define SLOW_STORE_THREADS 4

typedef struct slow_store {
    tsr_store head; /* first */
    tsr_store *below;
    slow_store_options options;
    pthread_t threads[SLOW_STORE_THREADS];
    pthread_mutex_t mutex; /* everything below */
    pthread_cond_t changed;
    struct slow_request *waiting;
    uint64_t random;
    bool closing;
    slow_store_counts counts;
    int64_t in_flight, bytes_in_flight;
    slow_store_range *ranges;
    int64_t range_count;
    int64_t fail_at; /* counted down; the request that reaches 0 fails */
    int fail_status;
    void (*before)(void *user, struct slow_store *store, int64_t number, const char *key);
    void *before_user;
    pthread_mutex_t before_mutex;
} slow_store;

/* Registers the scheme on the context and opens such a store; ends the test program when that
 * fails. Owner: the caller, by tsr_store_close of the head. */
slow_store *slow_store_open(tsr_context *context, const slow_store_options *options);

/* What was counted since the last reset. */
slow_store_counts slow_store_stats(slow_store *store);
void slow_store_reset(slow_store *store);

/* From now on `before` is called before each get is carried out, with its number since the last
 * reset (from 1), and before each put or erase, with 0; one call at a time. NULL: no more. */
void slow_store_before(slow_store *store,
                       void (*before)(void *user, slow_store *store, int64_t number,
                                      const char *key),
                       void *user);

/* The n-th get from now on (1: the next) fails with this status. */
void slow_store_fail(slow_store *store, int64_t n, int status);

/* How many bytes of a key were asked for more than once since the last reset, whatever the
 * requests; ranges of failed requests do not count. NULL: of all keys. */
uint64_t slow_store_bytes_twice(slow_store *store, const char *key);

#endif
