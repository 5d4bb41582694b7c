/* For authors of stores: file systems, archives, HTTP, S3, caches around other stores.
 *
 * A store is a struct whose first member is tsr_store; its ops are a const table, registered under
 * the URL schemes that it serves. Wrappers hold another store and pass on what they do not change.
 *
 * Promises that the core relies on:
 *  - `get` answers every request exactly once, through `done`, in any order and on any thread, with
 *    its status filled in, whether the store answers at once (before `get` returns) or later.
 *  - a put makes the value visible whole or not at all; a reader never sees a torn value.
 *  - a conditional put or erase whose condition does not hold changes nothing and gives CONFLICT.
 *
 * Deadlines count from the start of each operation. A call's `poll` runs on the thread that called
 * the operation, so a caller that works on several threads passes on one of its own. The call of a
 * `get` must stay valid until the last answer.
 *
 * Thread: ops are called from several threads at once. */
#ifndef TESSERA_SYS_STORE_H
#define TESSERA_SYS_STORE_H

#include <tessera/store.h>

TSR_BEGIN_DECLS

typedef struct tsr_get_request tsr_get_request;
struct tsr_get_request {
    /* Filled in by the caller; valid until `done`. */
    const char *key;
    tsr_range range; /* a part of 0 bytes from byte 0 asks for size and generation alone */
    /* CONFLICT when the value is of another generation; NULL: any. */
    const tsr_generation *if_match;
    /* Where the bytes should go when the caller has memory for them. The store may ignore it (and
     * does when they do not fit) and answer with a blob; what lies there then, or after a failure,
     * means nothing. NULL: the store allocates. */
    void *destination;
    size_t destination_bytes;
    /* LIMIT, before memory is taken, when the answer is larger; 0: none. For values whose size
     * nobody vouches for, such as metadata. */
    uint64_t limit_bytes;
    void (*done)(tsr_get_request *request);
    void *user;
    tsr_error *err; /* may be NULL */

    /* Filled in by the store before `done`. */
    int status;        /* 0, or what failed; NOT_FOUND is no error text worth logging */
    tsr_blob *blob;    /* the bytes, for the caller to unref; NULL when they are in `destination` */
    size_t size_bytes; /* of the answer */
    uint64_t offset;   /* of the answer in the value */
    uint64_t value_bytes; /* size of the whole value */
    tsr_generation generation;
    /* Whether no later value can have the same generation, so that what was made of this one may be
     * kept as long as a later answer is of its generation. A file system says so of files that have
     * not been touched for a while. */
    bool settled;
};

/* An exclusion of other writers of one key, by tsr_store_ops.lock. CONFINED. */
typedef struct tsr_lock tsr_lock;

/* A piece of the value to be put: bytes of a blob, or a range of what is there now (the store may
 * share or copy it without moving it through memory). */
typedef struct tsr_segment {
    const void *bytes; /* NULL: a range of the current value */
    uint64_t offset;   /* in the current value, when bytes is NULL */
    uint64_t size_bytes;
} tsr_segment;

typedef struct tsr_put_request {
    const char *key;
    const tsr_segment *segments;
    size_t segment_count;
    const tsr_generation *if_match; /* needed when a segment refers to the current value */
    bool if_absent;                 /* CONFLICT when there is a value */
    /* The caller's lock of this key, which this put uses up when it succeeds; NULL: the store takes
     * and releases what it needs by itself. */
    tsr_lock *lock;
    tsr_durability durability;
    /* With TSR_DURABILITY_FLUSH: the value need not be seen before the flush, so that it can reach
     * the disk together with others, and other writers of the key may wait until then. Whether it
     * did tells tsr_store_flush_since, which must follow, whatever else fails. Stores that gain
     * nothing by it put at once. */
    bool until_flush;

    int status;                /* filled in by the store */
    tsr_generation generation; /* of the new value */
    tsr_error *err;            /* may be NULL */

    /* Wanted: a generation that no other value of the key has, whoever puts it, so that what is
     * known of this value holds wherever the generation is met again. Without it a program that
     * knows nothing of this store may put another value of the same generation a moment later. */
    bool wants_unique;
    bool is_unique; /* filled in by the store when it is wanted: whether it could be had */

    /* With TSR_DURABILITY_NONE: the value may be lost by a power cut, but never be seen in part
     * after one, so its bytes reach the disk before its name. For what is small and without which
     * all else is lost. */
    bool bytes_first;
} tsr_put_request;

typedef struct tsr_store_hints {
    bool answers_at_once;   /* get calls `done` before it returns: the caller's thread reads */
    bool conditional;       /* if_match and if_absent hold between processes without a lock */
    bool conditional_erase; /* erase obeys if_match likewise; otherwise write the fill chunk */
    bool can_list;
    bool read_only;
    bool in_process; /* no other process sees what this store object holds */
    /* Atomic; known once a lock was taken. A segment that is the beginning of the current value,
     * and stays where it is, takes neither room nor time: the file system shares its blocks. */
    bool shares_beginnings;
    uint64_t coalesce_gap_bytes;  /* ranges closer than this are worth one request */
    uint64_t largest_range_bytes; /* a single request should not exceed this */
    int requests_in_flight;       /* how many requests saturate the store */
    /* Which words of a generation (bit i: words[i]) may be others when the same value is met again
     * by another process, such as the number of a device. */
    uint32_t passing_words;
} tsr_store_hints;

typedef struct tsr_store_ops {
    size_t struct_size;
    const char *const *schemes; /* URL schemes, ended by NULL: {"file", NULL} */

    /* Opens the store of a URL; `address` is what follows "SCHEME:". Required. */
    int (*open)(tsr_context *context, const char *scheme, const char *address,
                tsr_store **ret_store, tsr_error *err);
    void (*close)(tsr_store *store); /* frees the store; no request is under way */

    /* Starts n requests; each ends by its `done`. Required. */
    void (*get)(tsr_store *store, tsr_get_request *requests, size_t n, const tsr_call *call);
    /* Does n puts and returns when all have ended; 0, or the status of one that failed. */
    int (*put)(tsr_store *store, tsr_put_request *requests, size_t n, const tsr_call *call);
    /* `if_match` NULL: whatever is there. An absent key is no error without if_match. `lock` as in
     * tsr_put_request. */
    int (*erase)(tsr_store *store, const char *key, const tsr_generation *if_match, tsr_lock *lock,
                 const tsr_call *call, tsr_error *err);
    int (*erase_prefix)(tsr_store *store, const char *prefix, const tsr_call *call, tsr_error *err);
    int (*list)(tsr_store *store, const char *prefix, bool delimiter,
                int (*each)(void *user, const tsr_store_entry *entry), void *user,
                const tsr_call *call, tsr_error *err);
    /* As tsr_store_list_left_over. NULL: writers leave nothing. */
    int (*list_left_over)(tsr_store *store, const char *prefix,
                          int (*each)(void *user, const tsr_store_entry *entry), void *user,
                          const tsr_call *call, tsr_error *err);
    /* Excludes other writers of the key, in this process and in others, until the one put or erase
     * that is given the lock has ended (what it published is then for others to change), at the
     * latest until unlock. A put or erase of the key without the lock would wait for it. NULL: the
     * store's conditional put is enough. Waits at most until the call's deadline. */
    int (*lock)(tsr_store *store, const char *key, const tsr_call *call, tsr_lock **ret_lock,
                tsr_error *err);
    void (*unlock)(tsr_store *store, tsr_lock *lock);
    /* Makes everything put so far with TSR_DURABILITY_FLUSH durable. NULL: puts are durable
     * already. */
    int (*flush)(tsr_store *store, const tsr_call *call, tsr_error *err);
    /* As tsr_store_sync. NULL: flush does it. */
    int (*sync)(tsr_store *store, const tsr_call *call, tsr_error *err);
    /* Gives the value of `key` a second key, without moving it: EXISTS when that has a value. On
     * disk when it returns. NULL, or UNSUPPORTED: it is read and put. */
    int (*link)(tsr_store *store, const char *key, const char *second_key, const tsr_call *call,
                tsr_error *err);
    /* Says how the put failed that `late_failures` of the head counted last. NULL: none ever does.
     */
    int (*late_failure)(tsr_store *store, tsr_error *err);
    /* As tsr_store_wait. NULL: the value is asked for again and again. */
    int (*wait)(tsr_store *store, const char *key, const tsr_generation *known,
                const tsr_call *call, tsr_error *err);
    /* As tsr_store_network. NULL: it lies on none. */
    int (*network)(tsr_store *store, const char **ret_name, tsr_error *err);
} tsr_store_ops;

/* The head of every store. */
struct tsr_store {
    const tsr_store_ops *ops;
    tsr_context *context; /* held */
    char *url;            /* owned */
    tsr_store_hints hints;
    int references;         /* atomic */
    uint64_t late_failures; /* atomic: puts with until_flush that have failed afterwards */
    /* Of tsr_store_open and tsr_store_close: the place among the open stores of the context. */
    struct tsri_open_stores *listed_in;
    tsr_store *next, **link;
};

/* The operations with what every caller would write around them: they check that the store has the
 * operation (READ_ONLY, UNSUPPORTED) and fill in every answer.
 *
 * Starts n requests, see tsr_store_ops.get. Requests for one key that stand side by side are read
 * from one version of its value where the store can do that. Thread: LOCKED. Errors: in each
 * request, as tsr_store_get. */
TSR_API void tsr_store_get_many(tsr_store *store, tsr_get_request *requests, size_t n,
                                const tsr_call *call);

/* Does n puts; 0, or the status of the first one that failed (the others are done or failed for
 * themselves). Thread: LOCKED. Errors: as tsr_store_put, CONFLICT (a condition does not hold),
 * INVALID_ARGUMENT. */
TSR_API int tsr_store_put_many(tsr_store *store, tsr_put_request *requests, size_t n,
                               const tsr_call *call);

/* Erases under a condition. Thread: LOCKED. Errors: as tsr_store_put, CONFLICT. */
TSR_API int tsr_store_erase_if(tsr_store *store, const char *key, const tsr_generation *if_match,
                               tsr_lock *lock, const tsr_call *call, tsr_error *err);

/* Takes the lock of a key; *ret_lock is NULL on a store that needs none. Owner: the caller, by
 * tsr_store_unlock. Thread: LOCKED. Errors: as tsr_store_put. */
TSR_API int tsr_store_lock(tsr_store *store, const char *key, const tsr_call *call,
                           tsr_lock **ret_lock, tsr_error *err);

/* Releases a lock, used up or not; NULL is left alone. Thread: LOCKED. Never fails. */
TSR_API void tsr_store_unlock(tsr_store *store, tsr_lock *lock);

/* Gives the value of `key` also to `second_key`, which has none: both have it then, and what is put
 * to one of them does not change the other. On disk when it returns. Thread: LOCKED. Errors:
 * EXISTS, NOT_FOUND, and as tsr_store_put. */
TSR_API int tsr_store_link(tsr_store *store, const char *key, const char *second_key,
                           const tsr_call *call, tsr_error *err);

/* Ends an operation: everything put or erased so far with TSR_DURABILITY_FLUSH is on disk when this
 * succeeds. Thread: LOCKED. Errors: IO, UNREACHABLE. */
TSR_API int tsr_store_flush(tsr_store *store, const tsr_call *call, tsr_error *err);

/* Begins an operation whose puts may wait for its end (until_flush). Thread: LOCKED. Never fails.
 */
TSR_API uint64_t tsr_store_flush_begin(const tsr_store *store);

/* Ends it, given what tsr_store_flush_begin has returned: as tsr_store_flush, and fails when one of
 * those puts has failed meanwhile, be it that of another operation. Thread: LOCKED. Errors: IO,
 * NO_SPACE, UNREACHABLE, CONFLICT (a program that takes no locks has changed a value between). */
TSR_API int tsr_store_flush_since(tsr_store *store, uint64_t begun, const tsr_call *call,
                                  tsr_error *err);

/* Waits until the value of a key is not of generation `known` (all 0: until there is one), or was
 * replaced meanwhile. A file system on a disk of this machine tells at once, other stores are asked
 * some times a second. Thread: LOCKED. Errors: DEADLINE, CANCELLED, those of tsr_store_get but
 * NOT_FOUND. */
TSR_API int tsr_store_wait(tsr_store *store, const char *key, const tsr_generation *known,
                           const tsr_call *call, tsr_error *err);

/* Sets up the head: one reference, a hold on the context, a copy of the URL. For the `open` of a
 * store. Thread: CONFINED. Errors: NO_MEMORY. */
TSR_API int tsr_store_init(tsr_store *store, const tsr_store_ops *ops, tsr_context *context,
                           const char *url, tsr_error *err);

/* Releases what tsr_store_init took. For the `close` of a store. Thread: CONFINED. Never fails. */
TSR_API void tsr_store_clear(tsr_store *store);

/* Adds a kind of store to a context; later registrations win. `ops` must outlive the context.
 * Thread: LOCKED. Errors: NO_MEMORY, INVALID_ARGUMENT (struct_size of another version). */
TSR_API int tsr_store_register(tsr_context *context, const tsr_store_ops *ops, tsr_error *err);

/* Checks a key by the grammar of tessera/store.h: what every store does before it looks at a key.
 * Thread: IMMUTABLE. Errors: INVALID_ARGUMENT (names the part). */
TSR_API int tsr_store_check_key(const char *key, tsr_error *err);

/* Checks a prefix: empty, or a key followed by "/". Thread: IMMUTABLE. Errors: INVALID_ARGUMENT. */
TSR_API int tsr_store_check_prefix(const char *prefix, tsr_error *err);

TSR_END_DECLS

#endif
