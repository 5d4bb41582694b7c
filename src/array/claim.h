/* Claims: within a process one task at a time writes a chunk.
 *
 * A task must not wait for another one's claim or lock: whoever waits for a group runs other tasks
 * meanwhile, so the holder may stand further down on the very stack that would wait for it. So a
 * claim is had at once or not at all. A task that does not get it ends; it is spawned again either
 * by itself after a pause, or, when it left an order, by whoever gives the claim back.
 *
 * Orders queue up behind the claim. The claim passes from its holder to the first of them, whose
 * task may take others along (tsri_order_collect): what queued up while a shard was written is
 * written together. */
#ifndef TESSERA_ARRAY_CLAIM_H
#define TESSERA_ARRAY_CLAIM_H

#include <tessera/sys/store.h>

#include "array/target.h"
#include "exec/pool.h"

/* For how long whoever found a chunk busy waits before it tries again. */
#define TSRI_BUSY_PAUSE_NS INT64_C(300000)

typedef struct tsri_order tsri_order;

/* Lies on the stack of its holder, or in an order. */
typedef struct tsri_claim {
    const tsr_store *store;
    const char *key;
    struct tsri_claim *next, **previous;
    tsri_order *first_waiting, **last_waiting;
} tsri_claim;

/* Claims a key of a store; `key` must stay as it is until the claim is given back. *ret_busy:
 * somebody else has it. LOCKED. Errors: NO_MEMORY. */
int tsri_claim_take(tsri_claim *claim, const tsr_store *store, const char *key, bool *ret_busy,
                    tsr_error *err);

/* Gives a claim back, to the first order that waits for it, if any. LOCKED. Never fails. */
void tsri_claim_give(tsri_claim *claim);

/* What becomes of a task that wants to write a chunk. */
typedef enum tsri_turn {
    TSRI_TURN_DONE,  /* it has written it */
    TSRI_TURN_BUSY,  /* somebody else has it: to be tried again in a moment, from another task */
    TSRI_TURN_QUEUED /* the order waits: the task ends, touches nothing of the order any more, and
                        is spawned again */
} tsri_turn;

/* One write of one chunk, which can wait. Zero at first but for `task` and `run`; it belongs to one
 * task, which it outlives. */
struct tsri_order {
    tsri_task *task; /* is spawned when there is something to do or to know */
    void (*run)(tsri_task *task);
    tsri_task_group *group; /* of the task; held while the order waits */
    tsr_array *array;
    const tsri_target *target; /* in the coordinates of the chunk */
    const tsr_write_options *options;
    bool has_claim; /* the claim was passed on to this order */
    bool single;    /* it is not to be written together with others: that failed */
    bool done;      /* another task has written it along */
    tsri_claim claim;
    char key[TSR_KEY_MAX];
    tsri_order *next; /* in a list of orders */
};

/* Claims the key of an order, unless the claim was passed on to it already. *ret_queued: somebody
 * else has it, and the order waits. LOCKED. Errors: NO_MEMORY. */
int tsri_order_take(tsri_order *order, const tsr_store *store, bool *ret_queued, tsr_error *err);

/* Takes the orders that wait behind `order`, whose task holds the claim, and that fit to it: of the
 * same array, shape and treatment of fill values, and at most `most` of them. Owner: the caller, by
 * tsri_order_return or tsri_order_finish of each. LOCKED. Never fails. */
tsri_order *tsri_order_collect(tsri_order *order, int most);

/* Puts a list back in front of those who wait. LOCKED. Never fails. */
void tsri_order_return(tsri_order *order, tsri_order *list);

/* How many orders wait for a key, for tests. LOCKED. Never fails. */
int tsri_orders_waiting(const tsr_store *store, const char *key);

/* Lets the task of a collected order go on: `done` says whether it was written; else it is to be
 * written by itself. LOCKED. Never fails. */
void tsri_order_finish(tsri_order *collected, bool done);

#endif
