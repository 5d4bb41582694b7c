/* The inside of the file system store, one file a noun:
 *   store_fs.c        opening, closing, the ops table
 *   store_fs_root.c   the folder that a store stays with, and what became of it
 *   store_fs_place.c  from a key to an open directory and a name, never out of the root
 *   store_fs_read.c   get
 *   store_fs_keep.c   files that stay open between reads
 *   store_fs_lock.c   the lock file of a key
 *   store_fs_write.c  put, erase and link of one key
 *   store_fs_group.c  puts that are synced and published together
 *   store_fs_list.c   listing and erase_prefix
 *   store_fs_sync.c   what must reach the disk and when
 *   store_fs_network.c what kind of file system it is: shared by machines, or sharing blocks
 *   store_fs_wait.c   waiting for a change
 *
 * The protocol of one key is that of TensorStore's file driver, so that its writers and ours
 * exclude each other (source: the comment at the head of
 * tensorstore/kvstore/file/file_key_value_store.cc): whoever writes KEY first opens KEY.__lock,
 * takes a lock of its open file description (OFD) and checks that the path still leads to the file
 * that it locked. Only the holder may remove the lock file or rename it. The new content is written
 * into the lock file, which is then renamed to KEY: readers need no lock and see an old or a new
 * value whole. What a killed writer leaves is one file KEY.__lock, which the next writer removes.
 */
#ifndef TESSERA_STORE_STORE_FS_H
#define TESSERA_STORE_STORE_FS_H

#include <stdio.h>
#include <sys/stat.h>
#include <tessera/sys/store.h>
#include <tessera/sys/system.h>

#include "base/base.h"
#include "base/context.h"
#include "store/fork_mutex.h"
#include "store/key.h"
#include "store/sync_failures.h"
#include "store/unsynced.h"
#include "store/watch.h"

#define TSRI_FS_LOCK_SUFFIX ".__lock"
#define TSRI_FS_NAME_MAX 255

/* How often an operation starts again when directories or lock files vanish under it. */
#define TSRI_FS_ATTEMPTS 100

typedef struct tsri_fs_lock tsri_fs_lock;
typedef struct tsri_fs_folder tsri_fs_folder;
typedef struct tsri_fs_keeper tsri_fs_keeper;
typedef struct tsri_fs_kept tsri_fs_kept;
typedef struct tsri_fs_root tsri_fs_root;
typedef struct tsri_fs_group tsri_fs_group;
struct tsri_fs_delayed;

#define TSRI_FS_FOLDER_BUCKETS 256

/* A store that has left values on more file systems than this syncs all of its context. */
#define TSRI_FS_LEFT_DISKS_MAX 8

typedef struct tsri_fs {
    tsr_store head;
    const tsr_system *system;
    char *root; /* as the user gave it, without a slash at its end */
    int base;   /* the directory that a relative root starts from; AT_FDCWD for an absolute one */
    bool follow_symlinks;
    tsri_fs_keeper *keeper; /* owned */
    tsri_fs_root *found;    /* atomic: the root's folder; NULL while none is known */
    tsri_fs_group *group;   /* of all stores of the context */
    tsri_fork_mutex mutex;

    /* Under the mutex. */
    tsri_fs_root *roots; /* all that were found, the last one first */
    tsri_fs_lock *locks; /* all that are held, for a forked child to leave alone */
    tsri_fs_folder *folders[TSRI_FS_FOLDER_BUCKETS];
    size_t folder_count;
    uint64_t sequence;     /* counts the changes of folders */
    uint64_t root_changed; /* sequence at which the entry of the root itself became unsure; 0: it is
                              on disk */
    dev_t left_on[TSRI_FS_LEFT_DISKS_MAX]; /* where there were puts without durability: folders of
                                              the store may be other file systems */
    int left_disks;                        /* how many; one more than there is room: any */
    uint64_t left, left_synced; /* atomic: counts puts without durability; those on disk */
    int64_t rest_begins_ns;     /* atomic: see store_fs_read.c; 0: nobody has asked yet */
    bool network_told;          /* atomic: the user knows what kind of file system this is */
    bool sync_failed;           /* nothing is acknowledged any more */
    char sync_failure[TSRI_SYNC_FAILURE_TEXT_MAX]; /* what failed */
    tsr_error late_failure;                        /* of the last put of a group that failed */
    tsri_sync_failures *failures;                  /* of all stores of the context */
    tsri_unsynced *unsynced;                       /* the same */
} tsri_fs;

/* ---- store_fs_root.c ---- */

/* Names that transactions use: docs/format/transactions.md. The folder with the versions of a tree,
 * beside it, of the tree's name by size and text; the file that lies beside each version there, and
 * that beside one that is being removed. */
#define TSRI_FS_VERSIONS_FORMAT ".%.*s.versions__lock"
#define TSRI_FS_RECORD_NAME "record__lock"
#define TSRI_FS_REMOVED_NAME ".tessera-removed__lock"

/* The name of the file beside a tree by which a transaction tells that it is about to replace it;
 * afterwards it lies beside the version that was replaced. */
#define TSRI_FS_COMMIT_NAME_MAX 64
static inline void tsri_fs_commit_name(ino_t tree, char ret_name[TSRI_FS_COMMIT_NAME_MAX])
{
    snprintf(ret_name, TSRI_FS_COMMIT_NAME_MAX, ".tessera-commit-%llu__lock",
             (unsigned long long)tree);
}

/* openat of a path below the root, "" for the root itself, once and with these flags alone. The
 * folder that the root was at first use is the root ever after, wherever its name leads by then.
 * Returns the descriptor, or -1 with errno; ESTALE: that folder is gone, or was replaced where
 * there was no descriptor to hold it by. */
int tsri_fs_root_openat(const tsri_fs *fs, const char *path, int flags);

/* fstatat of a path below the root, in the same way. */
int tsri_fs_root_stat(const tsri_fs *fs, const char *path, struct stat *ret_status, int flags);

/* Lets the store find its root again by name, since this store has removed it. */
void tsri_fs_root_forget(tsri_fs *fs);

/* The same when others have. Where versions of the tree are kept by transactions, what has the name
 * now may be another version, and false is returned with errno ESTALE. */
bool tsri_fs_root_renew(tsri_fs *fs);

/* After a change: makes sure that what was changed is what readers find from now on, by waiting for
 * a transaction that is about to replace the tree. Errors: READ_ONLY (it was replaced, and the
 * change is not in it), CANCELLED, DEADLINE, IO. */
int tsri_fs_root_check(tsri_fs *fs, const tsri_watch *watch, tsr_error *err);

/* Whether a transaction has replaced the version that the store stays with. */
bool tsri_fs_root_is_replaced(const tsri_fs *fs);

/* Closes what is held. */
void tsri_fs_root_clear(tsri_fs *fs);

/* ---- store_fs_place.c ---- */

/* An open directory of the store and a name in it. */
typedef struct tsri_fs_place {
    int directory;                       /* descriptor, owned; -1: closed */
    char folder[TSRI_KEY_BYTES_MAX + 1]; /* its path below the root, "" for the root */
    char name[TSRI_FS_NAME_MAX + 1];
} tsri_fs_place;

/* Checks a key by the grammar and by what the file system store keeps for itself. Errors:
 * INVALID_ARGUMENT. */
int tsri_fs_check_key(const char *key, tsr_error *err);

/* Whether a file name belongs to the store itself (lock and temporary files) and is no part of a
 * key. */
bool tsri_fs_is_own_name(const char *name);

/* Whether a file name can be a part of a key that this store serves. */
bool tsri_fs_is_key_part(const char *name);

/* Reports a failed system call on a key or a folder (a path below the root): status from errno, the
 * full path, and what stands in the way. Returns the status. */
int tsri_fs_error(const tsri_fs *fs, tsr_error *err, int error_number, const char *operation,
                  const char *path);

/* openat with O_CLOEXEC, again after a signal; what is made has the mode that the umask leaves. */
int tsri_fs_openat(const tsri_fs *fs, int directory, const char *path, int flags);

/* Opens the directory at a path below the root with `flags` besides O_DIRECTORY (O_RDONLY or
 * O_PATH). Returns the descriptor, or -1 with errno. ELOOP: a symbolic link that must not be
 * followed. */
int tsri_fs_open_directory(const tsri_fs *fs, const char *folder, int flags);

/* The same for a file, for reading and without ever waiting for a FIFO. */
int tsri_fs_open_file(const tsri_fs *fs, const char *key);

/* Opens the directory of a key, and makes it and those above when it is not there and `create` is
 * true. Errors: NOT_FOUND, those of opening and making. */
int tsri_fs_place_open(tsri_fs *fs, const char *key, bool create, tsri_fs_place *ret_place,
                       tsr_error *err);
void tsri_fs_place_close(const tsri_fs *fs, tsri_fs_place *place);

/* Closes a descriptor of which nothing was written, so that nothing can be lost; -1 is left alone.
 */
void tsri_fs_close(const tsri_fs *fs, int descriptor);

/* What the name of a place leads to: 0, or -1 with errno. Links are followed as the store does. */
int tsri_fs_place_stat(const tsri_fs *fs, const tsri_fs_place *place, struct stat *ret_status);

/* Errors: IO when a file is no regular one. */
int tsri_fs_check_regular(const tsri_fs *fs, const struct stat *status, const char *key,
                          tsr_error *err);

/* Device, inode, modification time and size: what TensorStore has, and the size besides. */
enum {
    TSRI_FS_GENERATION_DEVICE = 0, /* the word with the device, whose number a mount may change */
    TSRI_FS_GENERATION_TIME = 2    /* the word with the time, in nanoseconds since 1970 */
};
tsr_generation tsri_fs_generation(const struct stat *status);

/* Reads the whole range or fails: false with errno, or with errno 0 when the file ends before. */
bool tsri_fs_read(const tsri_fs *fs, int descriptor, void *bytes, size_t size_bytes,
                  int64_t offset);

/* Formats root and path into a buffer of PATH_MAX bytes; false when it is too long. */
bool tsri_fs_full_path(const tsri_fs *fs, const char *path, char *ret_full);

/* ---- store_fs_keep.c ---- */

/* One version of a value, open for reading. */
typedef struct tsri_fs_version {
    int descriptor;
    uint64_t size_bytes;
    tsr_generation generation;
    tsri_fs_kept *kept; /* that owns the descriptor; NULL: the version itself does */
    bool was_read;      /* the whole value is where its one request wants it */
} tsri_fs_version;

/* What keeps files open; it counts what the context allows. Errors: NO_MEMORY. */
int tsri_fs_keeper_new(const tsri_fs *fs, tsri_fs_keeper **ret_keeper, tsr_error *err);
void tsri_fs_keeper_free(tsri_fs_keeper *keeper);

/* Takes the kept file of a key, when there is one and the key still leads to it, unchanged. */
bool tsri_fs_keep_take(const tsri_fs *fs, const char *key, tsri_fs_version *ret_version);

/* Ends the use of a version: closes it, or keeps it open for the next read of its key. */
void tsri_fs_keep_give(const tsri_fs *fs, const char *key, const tsri_fs_version *version,
                       bool worth_keeping);

/* Closes what is kept of a key, or of all keys that start with a prefix: their values are replaced
 * or gone, and an open file would hold their room on the disk. */
void tsri_fs_keep_forget(const tsri_fs *fs, const char *key);
void tsri_fs_keep_forget_prefix(const tsri_fs *fs, const char *prefix);

/* Whether one more store of the context may hold its root by a descriptor, which is then to be
 * given back. */
bool tsri_fs_keep_root(const tsri_fs *fs);
void tsri_fs_keep_give_root(const tsri_fs *fs);

/* Closes all kept files that nobody reads at the moment; whether there were any. */
bool tsri_fs_keep_make_room(const tsri_fs *fs);

/* ---- store_fs_read.c ---- */

void tsri_fs_get(tsr_store *store, tsr_get_request *requests, size_t n, const tsr_call *call);

/* ---- store_fs_lock.c ---- */

/* The lock of a key and the file into which its next value is written. */
struct tsri_fs_lock {
    tsri_fs_place place; /* of the key */
    char key[TSRI_KEY_BYTES_MAX + 1];
    char file_name[TSRI_FS_NAME_MAX +
                   sizeof TSRI_FS_LOCK_SUFFIX]; /* in the directory of the place */
    int descriptor;                             /* -1: left to the parent by a fork, or released */
    dev_t device;
    ino_t inode;
    mode_t mode;
    uid_t owner;
    gid_t group;
    bool excludes;                   /* false: this file system has no locks */
    bool written;                    /* there may be bytes in the file already */
    bool used;                       /* the file was renamed to the key */
    tsri_fs_lock *next, *previous;   /* under the mutex */
    bool spent;                      /* the group has the value; nothing more is put with it */
    struct tsri_fs_delayed *delayed; /* under that of the group: what waits to be published */
};

/* Takes the lock of a key; its directories are made. With `needed` false a file system that has no
 * locks gives a temporary file of a random name instead. Must not move in memory while held.
 * Errors: CANCELLED, DEADLINE, UNSUPPORTED (no locks), those of the file system. */
int tsri_fs_lock_take(tsri_fs *fs, const char *key, bool needed, tsri_watch *watch,
                      tsri_fs_lock *lock, tsr_error *err);

/* Whether the path of the lock file still leads to the locked file: 0, or an errno (ENOENT when it
 * is another). */
int tsri_fs_lock_verify(const tsri_fs *fs, const tsri_fs_lock *lock);

/* Renames the lock file to the key, which uses up the lock. What is renamed is what was locked
 * here, and not what another made under the same name. 0, or an errno: ENOENT when somebody who
 * does not know the protocol has removed the lock file; EEXIST with `if_absent`. */
int tsri_fs_lock_publish(const tsri_fs *fs, tsri_fs_lock *lock, bool if_absent);

/* Reports that ENOENT. Returns CONFLICT. */
int tsri_fs_lock_gone(const tsri_fs *fs, const char *key, tsr_error *err);

/* Removes the lock file unless it was used, and lets others go on. Errors: what close reports of
 * bytes written before. A released lock is left alone. */
int tsri_fs_lock_release(tsri_fs *fs, tsri_fs_lock *lock, tsr_error *err);

/* Removes a file that has the name of a lock file, unless it is locked. Returns 0, or -1 with
 * errno. */
int tsri_fs_lock_sweep(tsri_fs *fs, int directory, const char *name);

/* Whether nobody holds the lock of a file that has the name of a lock file; one that may not be
 * opened counts as abandoned. Returns 1, 0, or -1 with errno. */
int tsri_fs_lock_is_abandoned(const tsri_fs *fs, int directory, const char *name);

/* In a forked child: the locks are the parent's. */
void tsri_fs_lock_abandon_all(tsri_fs *fs);

int tsri_fs_lock_op(tsr_store *store, const char *key, const tsr_call *call, tsr_lock **ret_lock,
                    tsr_error *err);
void tsri_fs_unlock_op(tsr_store *store, tsr_lock *lock);

/* ---- store_fs_write.c ---- */

int tsri_fs_put(tsr_store *store, tsr_put_request *requests, size_t n, const tsr_call *call);
int tsri_fs_erase(tsr_store *store, const char *key, const tsr_generation *if_match, tsr_lock *lock,
                  const tsr_call *call, tsr_error *err);
int tsri_fs_link(tsr_store *store, const char *key, const char *second_key, const tsr_call *call,
                 tsr_error *err);

/* ---- store_fs_group.c ---- */

/* The group of a context. LOCKED. Errors: NO_MEMORY. */
int tsri_fs_group_get(tsr_context *context, tsri_fs_group **ret_group, tsr_error *err);

/* What a group is told of a put. */
typedef struct tsri_fs_late_put {
    bool caller_holds; /* the lock is the caller's until tsri_fs_group_keeps */
    bool if_absent;
    bool exists, is_merged; /* the new value was made of the one that is there, `current` */
    tsr_generation current;
    uint64_t size_bytes;
} tsri_fs_late_put;

/* Takes over a lock whose file holds the new value of its key, to be published with others. Where
 * the group is full, or somebody waits, it is published before this returns. False when out of
 * memory; then nothing has changed. */
bool tsri_fs_group_add(tsri_fs *fs, tsri_fs_lock *lock, const tsri_fs_late_put *late);

/* Syncs all that was added before, and renames it; false when there was nothing. What fails is
 * noted with the store of the put, which counts it (late_failures). */
bool tsri_fs_group_publish(tsri_fs_group *group);

/* The same, when a put of this key may be among them. */
void tsri_fs_group_publish_key(tsri_fs *fs, const char *key);

/* The caller gives up a lock: whether the group has it, which then sees to the rest. */
bool tsri_fs_group_keeps(tsri_fs_group *group, tsri_fs_lock *lock);

/* Around a wait for a lock: publishes what there is, and whatever comes meanwhile, since the one
 * who has the lock may wait for any of it. */
void tsri_fs_group_wait_begin(tsri_fs_group *group);
void tsri_fs_group_wait_end(tsri_fs_group *group);

/* In a forked child: what the lock was to be published for is the parent's. Frees the lock unless a
 * caller holds it. */
void tsri_fs_group_abandon(tsri_fs *fs, tsri_fs_lock *lock);

int tsri_fs_late_failure(tsr_store *store, tsr_error *err);

/* ---- store_fs_list.c ---- */

int tsri_fs_list(tsr_store *store, const char *prefix, bool delimiter,
                 int (*each)(void *user, const tsr_store_entry *entry), void *user,
                 const tsr_call *call, tsr_error *err);
int tsri_fs_list_left_over(tsr_store *store, const char *prefix,
                           int (*each)(void *user, const tsr_store_entry *entry), void *user,
                           const tsr_call *call, tsr_error *err);
int tsri_fs_erase_prefix(tsr_store *store, const char *prefix, const tsr_call *call,
                         tsr_error *err);

/* Removes the root with everything in it, in any order and without a sync: what nobody finds by a
 * name any more. */
int tsri_fs_erase_unread(tsr_store *store, const tsr_call *call, tsr_error *err);

/* ---- store_fs_sync.c ---- */

/* Fails when a sync on the same file system has failed before, by any store of the context. Errors:
 * IO. */
int tsri_fs_sync_check(tsri_fs *fs, tsr_error *err);

/* Brings the whole file system of an open folder to the disk. Errors: IO (and from then on for
 * every writer). */
int tsri_fs_sync_whole(tsri_fs *fs, int folder, tsr_error *err);

/* Brings the bytes of a file to the disk. Errors: IO (and from then on for every writer), NO_SPACE.
 */
int tsri_fs_sync_file(tsri_fs *fs, int descriptor, const char *key, tsr_error *err);

/* Brings the entries of an open folder to the disk; `path` is for the error. Errors: IO (and from
 * then on for every writer). */
int tsri_fs_sync_directory(tsri_fs *fs, int directory, const char *path, tsr_error *err);

/* An entry of a folder has changed: makes sure that the folder is not one that a transaction has
 * replaced (tsri_fs_root_check), then brings it to the disk now, or notes it for the flush. Errors:
 * IO, READ_ONLY. */
int tsri_fs_sync_entry(tsri_fs *fs, const char *folder, tsr_durability durability,
                       const tsri_watch *watch, tsr_error *err);

/* Notes that a folder was made: its entry in the folder above has changed. False when out of
 * memory. */
bool tsri_fs_sync_note_made(tsri_fs *fs, const char *folder);

/* Notes that the entry of the root has changed, and maybe those of folders on the way to it. */
void tsri_fs_sync_note_root(tsri_fs *fs);

/* Forgets a folder and all below it, since they are about to be removed. */
void tsri_fs_sync_forget(tsri_fs *fs, const char *folder);

/* Counts a put that was left to the system, on this file system. */
void tsri_fs_sync_note_left(tsri_fs *fs, dev_t device);

/* Brings all folders that were noted before to the disk. */
int tsri_fs_flush(tsr_store *store, const tsr_call *call, tsr_error *err);

/* The same for all puts, whatever their durability was. */
int tsri_fs_sync(tsr_store *store, const tsr_call *call, tsr_error *err);

/* Frees what the store remembers of folders. */
void tsri_fs_sync_clear(tsri_fs *fs);

/* ---- store_fs_network.c ---- */

/* Before the first change: warns of a file system that other machines share, where less can be
 * promised than on a disk, and sets hints.shares_beginnings on one whose files share blocks. */
void tsri_fs_learn_kind(tsri_fs *fs);

/* As tsr_store_network. */
int tsri_fs_network(tsr_store *store, const char **ret_name, tsr_error *err);

/* Whether an open folder lies on such a file system, or nobody knows. */
bool tsri_fs_is_shared(const tsri_fs *fs, int folder);

/* ---- store_fs_wait.c ---- */

int tsri_fs_wait(tsr_store *store, const char *key, const tsr_generation *known,
                 const tsr_call *call, tsr_error *err);

#endif
