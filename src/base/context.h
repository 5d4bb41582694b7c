/* The inside of the context. It knows no other layer: registries hold anonymous ops tables, and the
 * parts of higher layers (the thread pool, scratch of the codecs) hang on it in slots with a
 * destructor. */
#ifndef TESSERA_BASE_CONTEXT_H
#define TESSERA_BASE_CONTEXT_H

#include <pthread.h>
#include <tessera/context.h>
#include <tessera/sys/system.h>

#include "base/base.h"

/* Objects with short locks register here so that a fork happens while none is held: before a fork
 * `prepare` runs for all of them in order of registration, afterwards `parent` or `child` in the
 * reverse order, on the thread that forked: what `prepare` took, both give back. The functions may
 * be NULL. Such a lock is held for moments, and whoever holds one
 * takes no other that was registered before it and neither registers nor unregisters. One of the
 * three named globals. */
typedef struct tsri_fork_handler {
    void (*prepare)(void *user), (*parent)(void *user), (*child)(void *user);
    void *user;
    struct tsri_fork_handler *next, *previous;
} tsri_fork_handler;
void tsri_fork_register(tsri_fork_handler *handler);
void tsri_fork_unregister(tsri_fork_handler *handler);

/* What a registry holds. */
typedef enum tsri_registry {
    TSRI_REGISTRY_CODEC,
    TSRI_REGISTRY_STORE,
    TSRI_REGISTRY_DRIVER,
    TSRI_REGISTRY_CHUNK_KEY,
    TSRI_REGISTRY_COUNT
} tsri_registry;

/* Lazily made parts of higher layers. */
typedef enum tsri_slot {
    TSRI_SLOT_POOL,
    TSRI_SLOT_SCRATCH,
    TSRI_SLOT_CLAIMS,
    TSRI_SLOT_FILES,
    TSRI_SLOT_SYNC_FAILURES,
    TSRI_SLOT_TRACE,
    TSRI_SLOT_FS_GROUP,
    TSRI_SLOT_OPEN_STORES,
    TSRI_SLOT_UNSYNCED,
    TSRI_SLOT_COUNT
} tsri_slot;

struct tsr_context {
    int references; /* atomic: the caller's and one per open handle */
    tsr_context_options options;
    const tsr_system *system;
    int threads;                  /* resolved */
    struct tsri_profile *profile; /* NULL: nothing is measured */
    char *trace;                  /* path of a file; NULL: nothing is traced */
    pthread_mutex_t mutex;        /* registries and slots; taken for moments only, never over I/O */
    struct {
        const void **ops;
        size_t count;
    } registries[TSRI_REGISTRY_COUNT];
    struct {
        void *part;
        void (*destroy)(void *part);
    } slots[TSRI_SLOT_COUNT];
    tsri_fork_handler fork_handler;
};

/* Every store, array and group holds a reference. The last one must not be dropped inside a task,
 * since it ends the threads: whoever starts an operation holds a handle until it is over. */
/* A context without formats: tsr_context_new, which lies above all layers, adds those that are
 * built in. Errors: as tsr_context_new. */
int tsri_context_new(const tsr_context_options *options, tsr_context **ret_context, tsr_error *err);

tsr_context *tsri_context_ref(tsr_context *context);
void tsri_context_unref(tsr_context *context);

/* Appends an ops table to a registry. */
int tsri_context_register(tsr_context *context, tsri_registry registry, const void *ops,
                          tsr_error *err);

/* The n-th latest registration; NULL past the end. */
const void *tsri_context_registered(tsr_context *context, tsri_registry registry, size_t n);

/* The n-th of all that a registry and the `count` built-in tables hold: these first, then what was
 * registered, in that order. NULL past the end. */
const void *tsri_context_listed(tsr_context *context, tsri_registry registry,
                                const void *const *built_in, size_t count, size_t n);

/* The part in a slot, made by `create` on first use. `create` runs without the lock and may make
 * other parts; when two threads come first at once, `destroy` gets the one that is not needed.
 * Parts die with the context, highest slot first. */
int tsri_context_slot(tsr_context *context, tsri_slot slot,
                      int (*create)(tsr_context *context, void **ret_part, tsr_error *err),
                      void (*destroy)(void *part), void **ret_part, tsr_error *err);

void tsri_log(tsr_context *context, tsr_log_level level, const char *subsystem, const char *format,
              ...) TSR_PRINTF(4, 5);

#endif
