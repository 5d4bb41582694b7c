/* A tree of folders made once more of hard links, and whether the first one has changed since.
 *
 * Remembered are the folders alone, each with the time of its last change: names come, go and are
 * replaced by changes of their folder. CONFINED; works on all threads of the context by itself. */
#ifndef TESSERA_STORE_TREE_COPY_H
#define TESSERA_STORE_TREE_COPY_H

#include <pthread.h>

#include "base/arena.h"
#include "store/store_fs.h"

typedef struct tsri_tree_folder {
    int64_t above; /* number of the folder that it lies in; -1: it is the tree */
    const char *name;
    struct timespec changed;
} tsri_tree_folder;

typedef struct tsri_tree_copy {
    tsri_fs *fs;      /* for system calls and errors. Borrowed */
    int from, to;     /* open folders of the two trees. Borrowed */
    const char *name; /* of the tree, for errors. Borrowed */
    pthread_mutex_t mutex;
    /* under the mutex */
    tsri_tree_folder *folders;
    int64_t count, capacity;
    tsri_arena names;
} tsri_tree_copy;

void tsri_tree_copy_init(tsri_tree_copy *copy, tsri_fs *fs, const char *name);
void tsri_tree_copy_clear(tsri_tree_copy *copy);

/* Makes all folders of `from` in `to`, which is empty, and links all files; names that the store
 * keeps for itself are left out. Errors: UNSUPPORTED (no hard links, a link that leads to a folder,
 * a mount), LIMIT (too deep), those of the file system, CANCELLED, DEADLINE, NO_MEMORY. */
int tsri_tree_copy_make(tsri_tree_copy *copy, const tsr_call *call, tsr_error *err);

/* Whether somebody has changed `from` since: a folder that has changed must have the same names and
 * files as that of `to`. So changes of both in one folder are always told, though it may be that
 * those of `from` were without effect. Errors: CONFLICT with the path, those of the file system. */
int tsri_tree_copy_check(tsri_tree_copy *copy, const tsr_call *call, tsr_error *err);

#endif
