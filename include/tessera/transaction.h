/* Transactions: several arrays, groups and their metadata changed at once, on a file system.
 *
 * A transaction works on a new version of a whole tree, which is made of hard links and lies beside
 * the tree, out of sight. Everything that works on a store works on it; what is written there takes
 * the place of a link. The commit exchanges the two folders by one renameat2(RENAME_EXCHANGE): all
 * of it is visible or nothing, after a power cut too. The version that was replaced stays, until
 * tsr_versions_collect removes it. docs/format/transactions.md says where all this lies.
 *
 * Readers: a handle of a store, array or group goes on with the version that it has opened. What is
 * opened by one group is of one version; two arrays that are opened one after the other by their
 * places may be of two. Who follows an array of a version that was replaced gets UNREACHABLE, since
 * it changes no more. When the version of a handle has been collected it gives UNREACHABLE: open it
 * again.
 *
 * Writers outside of the transaction: what they change while it is under way makes the commit
 * refuse with CONFLICT, in whatever program they run. For writers of this library, through a store
 * whose root lies in the tree, this has no gap: a change that is acknowledged is in the tree that
 * is there after the commit, and one that comes too late fails with READ_ONLY. Not excluded are
 * changes in the moments between the last look at the tree and the exchange by writers of other
 * programs, and by stores whose root lies above the tree: these are in the version that was
 * replaced.
 *
 * What is written in place, as no writer of this library does, changes both versions, since they
 * share the file: let such programs (editors, HDF5, memory maps for writing) work on copies.
 *
 * Needed are hard links and renameat2 with RENAME_EXCHANGE, as ext4, XFS, Btrfs and tmpfs have
 * them; NFS, SMB, vfat and stores that are no file systems are refused.
 *
 * Thread: CONFINED, but the store of a transaction is LOCKED as any. */
#ifndef TESSERA_TRANSACTION_H
#define TESSERA_TRANSACTION_H

#include <tessera/store.h>

TSR_BEGIN_DECLS

typedef struct tsr_transaction tsr_transaction;

/* Begins a transaction over the tree at a place: a path or file: URL of the topmost Zarr group or
 * array of a tree. This takes a link for each object and a folder for each folder, and as much
 * memory as a name and 64 bytes for each folder. Owner: the caller, by tsr_transaction_close.
 * Thread: CONFINED. Errors: NOT_FOUND (no Zarr node), INVALID_ARGUMENT (a part of a larger tree, or
 * a symbolic link), UNSUPPORTED (a store or file system that cannot do it, links that lead to
 * folders), PERMISSION, NO_SPACE, IO, CANCELLED, DEADLINE, NO_MEMORY. */
TSR_API int tsr_transaction_begin(tsr_context *context, const char *place, const tsr_call *call,
                                  tsr_transaction **ret_transaction, tsr_error *err);

/* The same for a tree that is not there yet, which the commit makes: by one rename that replaces
 * nothing, so that others see no tree or all of it. What is published must have an array or a group
 * at its top. When somebody has made anything in the place meanwhile the commit is refused with
 * CONFLICT. Owner: the caller, as above. Thread: CONFINED. Errors: EXISTS (there is something),
 * NOT_FOUND (the folder that it is to lie in), INVALID_ARGUMENT (a part of a larger tree), and as
 * tsr_transaction_begin. */
TSR_API int tsr_transaction_begin_new(tsr_context *context, const char *place, const tsr_call *call,
                                      tsr_transaction **ret_transaction, tsr_error *err);

/* The new version, as a store whose root is the tree: give it to the options of arrays and groups.
 * Borrowed from the transaction. Thread: CONFINED. Never fails. */
TSR_API tsr_store *tsr_transaction_store(const tsr_transaction *transaction);

/* The folder of the new version, for programs that take a path. It has this path until the commit.
 * Borrowed from the transaction. Thread: CONFINED. Never fails. */
TSR_API const char *tsr_transaction_folder(const tsr_transaction *transaction);

/* Brings the new version to the disk, by one sync of the whole file system, and publishes it. No
 * operation may be under way in it. When it fails, nothing is published (but see IO), and it may be
 * tried again, which helps no CONFLICT. When it succeeds, what was opened by the store of the
 * transaction goes on with the published tree.
 * Thread: CONFINED. Errors: CONFLICT (somebody has changed the tree meanwhile; the message names
 * the key), INVALID_ARGUMENT (it is committed already, or there is no array or group to publish),
 * NOT_FOUND (the new version itself was removed), PERMISSION, NO_SPACE, CANCELLED, DEADLINE,
 * NO_MEMORY, IO (where that is said to have happened after the exchange, the new version is
 * visible, and only the next sync will tell whether it survives a power cut). */
TSR_API int tsr_transaction_commit(tsr_transaction *transaction, const tsr_call *call,
                                   tsr_error *err);

/* Ends a transaction; one that was not committed is thrown away, with its folder. What cannot be
 * removed is left to tsr_versions_collect, as what a killed program leaves. NULL is left alone.
 * Thread: CONFINED. Never fails. */
TSR_API void tsr_transaction_close(tsr_transaction *transaction);

TSR_DEFINE_CLEANUP(tsr_transaction, tsr_transaction_close)

/* ---- old versions ---- */

typedef enum tsr_version_kind {
    TSR_VERSION_REPLACED,  /* it was the tree until a commit */
    TSR_VERSION_ABANDONED, /* a transaction that was killed has left it */
    TSR_VERSION_UNDER_WAY  /* its transaction lives; it is never removed */
} tsr_version_kind;

/* What lies beside a tree. */
typedef struct tsr_version_info {
    tsr_version_kind kind;
    const char *folder; /* its tree, which can be opened as any; valid during the callback */
    int64_t number;     /* of REPLACED, counted from 1; 0 otherwise */
    int64_t replaced_s; /* of REPLACED: when, in seconds since 1970; otherwise when it was begun */
    bool removed;       /* it is removed, or would be */
} tsr_version_info;

typedef struct tsr_versions_collect_options {
    size_t struct_size;
    int64_t keep;         /* so many that were replaced last stay; default 0 */
    int64_t older_than_s; /* those that were replaced less than this many seconds ago stay, and what
                             is abandoned likewise by its beginning; default 0 */
    bool dry_run;         /* only tell */
} tsr_versions_collect_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_versions_collect_options_init(tsr_versions_collect_options *options);

/* Removes the versions of the tree at a place that transactions have replaced or left behind, the
 * oldest first. A place without any is good, and so is one whose tree is gone. Readers of what is
 * removed get UNREACHABLE. `each` (may be NULL) is called for every version before anything is done
 * to it, on the calling thread; a nonzero return ends the collection and is returned. options NULL:
 * the defaults. Thread: LOCKED. Errors: UNSUPPORTED (no file system), INVALID_ARGUMENT, PERMISSION,
 * IO, CANCELLED, DEADLINE, NO_MEMORY. */
TSR_API int tsr_versions_collect(tsr_context *context, const char *place,
                                 const tsr_versions_collect_options *options,
                                 int (*each)(void *user, const tsr_version_info *info), void *user,
                                 const tsr_call *call, tsr_error *err);

TSR_END_DECLS

#endif
