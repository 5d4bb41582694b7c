/* A store: keys to bytes. Knows nothing of tensors.
 *
 * Keys are UTF-8 of at most 1,024 bytes (the limit of S3), parts separated by "/", never absolute,
 * and no part is empty, "." or "..". A prefix is empty, or a key followed by "/".
 *
 * On a file system keys map 1:1 to paths below the root and never leave it (symbolic links as the
 * context says), so a key and another one below it ("a", "a/b") exclude each other: the second one
 * is refused with IO. Parts that end in "__lock" are the store's own, lock and temporary files, and
 * are refused as keys. A put replaces a file and keeps its mode and owner; a link in the place of a
 * value is replaced, too, and not what it leads to.
 *
 * A store on a file system stays with the folder that its root was at first use, also when another
 * one takes its place (tessera/transaction.h); where no transactions were ever made, one that was
 * removed and made again is found again.
 *
 * Durability of what is put: as the request says; the default is TSR_DURABILITY_FLUSH.
 *
 * Thread: LOCKED. A store may be used by several threads at once. */
#ifndef TESSERA_STORE_H
#define TESSERA_STORE_H

#include <tessera/blob.h>
#include <tessera/call.h>
#include <tessera/context.h>

TSR_BEGIN_DECLS

typedef struct tsr_store tsr_store;

/* Identifies one version of the value of a key. Equal generations of one key mean equal values, as
 * far as the store can promise it (a file system: only under tsr_store_lock). */
typedef struct tsr_generation {
    uint64_t words[8]; /* all 0: unknown or absent. 64 bytes hold an ETag as it is */
} tsr_generation;

/* Whether two generations are the same and known. Thread: IMMUTABLE. Never fails. */
TSR_API bool tsr_generation_equal(const tsr_generation *a, const tsr_generation *b);

/* When a put is on disk. It becomes visible whole or not at all, and at once but for the chunks of
 * one write or copy with TSR_DURABILITY_FLUSH, which are published together. After a sync that
 * failed, no store of the context acknowledges anything more on that file system: every put and
 * erase there gives IO until the program is started anew. */
typedef enum tsr_durability {
    TSR_DURABILITY_NONE,  /* whenever the system likes */
    TSR_DURABILITY_CHUNK, /* before it is acknowledged, its folder entry included */
    /* When the operation (one write, one copy) returns: the bytes before they can be seen, so that
     * a power cut never shows half a value, the folder entries by one flush at the end. Values are
     * synced in groups and then renamed, see docs/format/files.md. */
    TSR_DURABILITY_FLUSH
} tsr_durability;

typedef enum tsr_range_kind {
    TSR_RANGE_WHOLE,
    TSR_RANGE_PART,  /* size_bytes from offset; beyond the end: OUT_OF_BOUNDS */
    TSR_RANGE_SUFFIX /* the last size_bytes, fewer when the value is shorter */
} tsr_range_kind;

typedef struct tsr_range {
    tsr_range_kind kind;
    uint64_t offset, size_bytes;
} tsr_range;

/* Opens a store at a URL or path: "memory:" (a new, empty one), "file:///dir", "dir". A directory
 * need not exist before the first put. Owner: the caller, by tsr_store_close. Thread: LOCKED.
 * Errors: UNSUPPORTED (scheme; the next step lists the known ones), INVALID_ARGUMENT, NO_MEMORY. */
TSR_API int tsr_store_open(tsr_context *context, const char *url, tsr_store **ret_store,
                           tsr_error *err);

/* Takes one more hold and returns the store. Thread: LOCKED. Never fails. */
TSR_API tsr_store *tsr_store_ref(tsr_store *store);

/* Gives up one hold; NULL is left alone. Thread: LOCKED. Never fails. */
TSR_API void tsr_store_close(tsr_store *store);

/* The URL as errors and listings show it. Borrowed from the store. Thread: LOCKED. Never fails. */
TSR_API const char *tsr_store_url(const tsr_store *store);

/* The name of the network on which a store lies, such as "NFS": of a file system that other
 * machines share or that a program makes, known by statfs; NULL where none is known, and of a store
 * whose root is not made yet. There locks may not keep out writers on other machines, and what was
 * synced may lie in the memory of a server. What is mounted below the root may be another file
 * system. *ret_name is a constant. Thread: LOCKED. Errors: PERMISSION, IO, NO_MEMORY. */
TSR_API int tsr_store_network(tsr_store *store, const char **ret_name, tsr_error *err);

/* Reads one value or a range of it. `ret_generation` may be NULL. Owner: the caller holds the blob.
 * Thread: LOCKED. Errors: NOT_FOUND, OUT_OF_BOUNDS, PERMISSION, IO, UNREACHABLE, CANCELLED,
 * DEADLINE, NO_MEMORY. */
TSR_API int tsr_store_get(tsr_store *store, const char *key, tsr_range range, const tsr_call *call,
                          tsr_blob **ret_blob, tsr_generation *ret_generation, tsr_error *err);

/* Writes one value, whole or not at all. Thread: LOCKED.
 * Errors: PERMISSION, READ_ONLY, NO_SPACE, IO, UNREACHABLE, CANCELLED, DEADLINE, NO_MEMORY. */
TSR_API int tsr_store_put(tsr_store *store, const char *key, const void *bytes, size_t size_bytes,
                          tsr_durability durability, const tsr_call *call, tsr_error *err);

/* Removes a key; an absent key is no error. Thread: LOCKED. Errors: as tsr_store_put. */
TSR_API int tsr_store_erase(tsr_store *store, const char *key, const tsr_call *call,
                            tsr_error *err);

/* Removes every key that starts with `prefix` (which is empty or ends in "/"). Thread: LOCKED.
 * Errors: as tsr_store_put. */
TSR_API int tsr_store_erase_prefix(tsr_store *store, const char *prefix, const tsr_call *call,
                                   tsr_error *err);

/* Brings to the disk all that was put and erased through this store, with whatever durability. What
 * TSR_DURABILITY_NONE has left to the system takes one sync of the whole file system (of each,
 * where folders of the store are mounted or linked from others), which waits for what other
 * programs have written there, too. Thread: LOCKED. Errors: IO, UNREACHABLE, CANCELLED, DEADLINE.
 */
TSR_API int tsr_store_sync(tsr_store *store, const tsr_call *call, tsr_error *err);

/* Brings to the disk all that was put and erased through any store of the context, with whatever
 * durability, also through those that were closed since (but for operations on them that
 * tsr_store_flush of tessera/sys/store.h never ended): a checkpoint of a program that writes
 * several arrays. All are tried; the error is that of the first one that fails. Each file system
 * takes one sync for what TSR_DURABILITY_NONE has left to it, as in tsr_store_sync; until then the
 * context holds one folder there open, which keeps it from being unmounted. Thread: LOCKED. Errors:
 * IO (and from then on for every writer), UNREACHABLE, CANCELLED, DEADLINE, NO_MEMORY. */
TSR_API int tsr_context_sync(tsr_context *context, const tsr_call *call, tsr_error *err);

/* One entry of a listing. `name` is relative to the prefix; a common prefix ends in "/". */
typedef struct tsr_store_entry {
    const char *name; /* valid during the callback */
    bool is_prefix;
    int64_t size_bytes; /* of the value; -1 for a prefix, when the store does not say, or when it is
                           nothing that can be read, such as a pipe */
} tsr_store_entry;

/* Calls `each` for every key below `prefix`, in byte order; with `delimiter` true only one level,
 * deeper keys folded into their common prefix. A nonzero return of `each` ends the listing and is
 * returned. An absent prefix is an empty listing. Temporary and lock files of the store are not
 * listed. Thread: LOCKED. Errors: PERMISSION, IO, UNREACHABLE, UNSUPPORTED (the store cannot list),
 * NO_MEMORY. */
TSR_API int tsr_store_list(tsr_store *store, const char *prefix, bool delimiter,
                           int (*each)(void *user, const tsr_store_entry *entry), void *user,
                           const tsr_call *call, tsr_error *err);

/* Calls `each` for everything below `prefix` that a writer left which was killed: lock and
 * temporary files that no writer holds at the moment. They are no keys, their names are for people;
 * the next writer of the key takes them away. Most stores leave nothing. Thread: LOCKED. Errors:
 * PERMISSION, IO, UNREACHABLE, CANCELLED, DEADLINE, NO_MEMORY. */
TSR_API int tsr_store_list_left_over(tsr_store *store, const char *prefix,
                                     int (*each)(void *user, const tsr_store_entry *entry),
                                     void *user, const tsr_call *call, tsr_error *err);

TSR_DEFINE_CLEANUP(tsr_store, tsr_store_close)

TSR_END_DECLS

#endif
