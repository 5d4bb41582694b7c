/* The folder beside a tree in which its versions lie: docs/format/transactions.md.
 *
 *     data/ocean.zarr/                        the tree
 *     data/.ocean.zarr.versions__lock/        TSRI_FS_VERSIONS_FORMAT
 *         lock                                its OFD lock: whoever makes, publishes or classifies
 *         draft-0123456789abcdef/             a version that is being made
 *             record__lock                    "made INODE"; locked as long as its maker lives
 *             ocean.zarr/
 *         0000000012.20261122T110301Z/        a version that was replaced then
 *             record__lock
 *             .tessera-commit-INODE__lock     tells late writers so
 *             ocean.zarr/
 */
#ifndef TESSERA_STORE_VERSIONS_H
#define TESSERA_STORE_VERSIONS_H

#include "store/store_fs.h"

#define TSRI_VERSIONS_LOCK_NAME "lock"
#define TSRI_DRAFT_PREFIX "draft-"

typedef struct tsri_versions {
    tsr_store *store;                          /* of the folder that holds the tree */
    tsri_fs *fs;                               /* the same */
    int folder;                                /* that folder, open; -1 */
    int container;                             /* the folder with the versions, open; -1 */
    int lock;                                  /* the lock file of it, while the lock is held; -1 */
    char name[TSRI_FS_NAME_MAX + 1];           /* of the tree */
    char container_name[TSRI_FS_NAME_MAX + 1]; /* of the folder with the versions */
} tsri_versions;

/* Finds the tree of a place; without `create` the folder with the versions need not be there, and
 * `container` is -1 then. Errors: UNSUPPORTED (no file system), INVALID_ARGUMENT, NOT_FOUND (the
 * folder that holds the tree), those of the file system. */
int tsri_versions_open(tsr_context *context, const char *place, tsri_versions *ret_versions,
                       tsr_error *err);
void tsri_versions_close(tsri_versions *versions);

/* Makes and opens the folder with the versions. */
int tsri_versions_make(tsri_versions *versions, tsr_error *err);

/* Excludes others from making, publishing and classifying versions. Errors: UNSUPPORTED (no locks),
 * CANCELLED, DEADLINE, those of the file system. */
int tsri_versions_lock(tsri_versions *versions, const tsri_watch *watch, tsr_error *err);
void tsri_versions_unlock(tsri_versions *versions);

/* Takes the lock of an open file for writing. With a watch it waits; without, EAGAIN is UNREACHABLE
 * to nobody: returns 1 where another holds it. Errors: UNSUPPORTED (no locks), CANCELLED, DEADLINE.
 */
int tsri_versions_lock_file(const tsri_versions *versions, int file, const char *name,
                            const tsri_watch *watch, tsr_error *err);

/* Reports a failed system call on something in the folder with the versions; `name` may be "". */
int tsri_versions_error(const tsri_versions *versions, const char *operation, const char *name,
                        int error_number, tsr_error *err);

/* "FOLDER/CONTAINER/VERSION" or, with the tree's name behind it, the version's tree; NULL when out
 * of memory. For the caller to free. */
char *tsri_versions_path(const tsri_versions *versions, const char *version, bool of_tree);

/* The number in the name of a version that was replaced; 0: it is none. */
int64_t tsri_version_number(const char *name);

/* Calls `each` for every name in the folder with the versions; a nonzero return ends it and is
 * returned. */
int tsri_versions_list(const tsri_versions *versions, int (*each)(void *user, const char *name),
                       void *user, tsr_error *err);

/* Renames a version that was replaced from the name that it had as a draft. */
int tsri_versions_number(const tsri_versions *versions, const char *draft, tsr_error *err);

/* Removes a version with all that lies beside it. Handles that are open in it find out. */
int tsri_versions_remove(const tsri_versions *versions, const char *version, const tsr_call *call,
                         tsr_error *err);

#endif
