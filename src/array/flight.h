/* The inside of the fetch loop: the state of one tsri_fetch (fetch.c), and portions on their way to
 * the store and back (flight.c). */
#ifndef TESSERA_ARRAY_FLIGHT_H
#define TESSERA_ARRAY_FLIGHT_H

#include "array/cursor.h"
#include "array/unit.h"

typedef struct tsri_fetcher tsri_fetcher;
typedef struct tsri_flight tsri_flight;

typedef struct tsri_runner {
    tsri_task task;
    tsri_fetcher *fetch;
    bool active;
} tsri_runner;

/* A thread at work for a fetch, on its stack: what it alone looks at, so that threads need not wait
 * for each other. */
typedef struct tsri_worker {
    tsri_fetcher *fetch;
    tsr_progress done;   /* that the group has not been told of */
    tsri_unit *spares;   /* memory of units that have ended, for new ones */
    tsri_cursor_run run; /* what it has not planned yet of the chunks that it took */
} tsri_worker;

/* A portion on its way: handed out, asked for, answered. */
struct tsri_flight {
    tsri_task task;
    tsri_fetcher *fetch;
    tsri_worker *by; /* who carries it out at the moment */
    tsri_portion portion;
    tsr_get_request request;
    void *direct;  /* RAW: where in the caller's memory the store puts the bytes; NULL: elsewhere */
    bool answered; /* by a store that answers at once, before get returned */
    int64_t budget_bytes;
    tsr_generation generation; /* that the answer must be of, when known */
    bool has_generation;
    tsr_blob *kept; /* held: what the array has kept of the portion; the store is only asked whether
                       it is of the present version */
    tsri_cache_source kept_source;
    tsr_error error;
};

struct tsri_fetcher {
    tsr_context *context;
    const tsr_call *call;
    tsri_task_group group;
    tsri_budget budget;
    int threads;
    bool is_small;       /* not worth waking another thread for */
    tsr_read_cost *cost; /* nothing is fetched but indexes: what would be is counted here, under the
                            mutex; NULL: a read */

    tsri_unit *spares; /* atomic: those of workers that have ended */

    pthread_mutex_t mutex; /* everything below; held for moments, never over I/O or decoding */
    tsri_cursors cursors;
    tsri_unit *ready;     /* units that may have portions to hand out, latest first */
    int in_flight;        /* requests to stores that do not answer at once */
    tsri_flight *parked;  /* a flight that waits for budget */
    tsri_runner *runners; /* `threads` of them */
};

/* ---- fetch.c ---- */

/* Says that a unit may have portions to hand out. Whoever says so is a runner, which looks for more
 * before it ends, or wakes one afterwards. */
void tsri_fetcher_publish(tsri_fetcher *self, tsri_unit *unit);

/* Ends the whole with a failure. */
void tsri_fetcher_fail(tsri_fetcher *self, tsr_error *error);

/* Drops one reference; the last one ends the unit, or starts it again when its value changed on the
 * way. A nested shard holds a reference of the shard around it. */
void tsri_fetcher_release(tsri_worker *by, tsri_unit *unit);

/* ---- flight.c ---- */

/* How large the answer to a range of a unit can be; 0: unknown. */
uint64_t tsri_flight_expected_bytes(const tsri_unit *unit, const tsr_range *range);

/* Looks for what the array has kept of a portion. Returns true when it is known to be of the right
 * version, so that nothing need be asked for. */
bool tsri_flight_find_kept(tsri_flight *self);

/* Delivers what the array has kept, and ends the flight. */
void tsri_flight_take_kept(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch);

/* Makes the request of a portion. Its bytes go to the caller's memory where they can, else to
 * `buffer` (NULL: the store allocates). */
void tsri_flight_fill_request(tsri_flight *self, void *buffer, size_t buffer_bytes,
                              void (*answered)(tsr_get_request *request));

/* Decodes an answered request, or judges its failure, and ends the flight. */
void tsri_flight_take_answer(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch);

/* Does with the bytes of a portion what its kind asks for. */
int tsri_flight_take_bytes(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch,
                           const void *bytes, size_t size_bytes, uint64_t value_bytes,
                           tsr_error *err);

/* Ends a flight: counts what it did, and releases its unit. */
void tsri_flight_finish(tsri_fetcher *self, tsri_flight *from, int status, tsr_error *err);

/* Inner chunks that are shards themselves become units of their own; nothing was fetched for them.
 */
int tsri_flight_start_children(tsri_fetcher *self, const tsri_portion *portion, tsr_error *err);

/* ---- fetch_box.c ---- */

/* Has a driver fill in what a BOX portion wants, and ends the flight. */
void tsri_flight_fill_boxes(tsri_fetcher *self, tsri_flight *from, tsr_codec_scratch *scratch);

/* ---- explain.c ---- */

/* Counts what a portion of elements takes, instead of fetching it, and ends the flight. */
void tsri_explain_elements(tsri_fetcher *self, tsri_flight *now);

/* Counts an index that was fetched, or found missing. */
void tsri_explain_index(tsri_fetcher *self, const tsri_flight *from);
/* Of elements that a driver fills in itself nothing is known: UNSUPPORTED. */
int tsri_explain_refuse(const tsr_array *array, tsr_error *err);

#endif
