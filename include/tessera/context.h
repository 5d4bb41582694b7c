/* The context: limits, threads, registries, system calls, log. Every open takes one; there are no
 * globals.
 *
 * Thread: LOCKED. One context may serve all threads of a process. After fork() the child may go on
 * using it: it starts its own threads on first use. */
#ifndef TESSERA_CONTEXT_H
#define TESSERA_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tessera/error.h>
#include <tessera/export.h>

TSR_BEGIN_DECLS

typedef struct tsr_context tsr_context;
struct tsr_system; /* tessera/sys/system.h */

typedef enum tsr_log_level { TSR_LOG_DEBUG, TSR_LOG_INFO, TSR_LOG_WARNING } tsr_log_level;

typedef struct tsr_context_options {
    size_t struct_size;      /* set by the init function */
    int threads;             /* 0: as many as the affinity mask and the cgroup's quota allow */
    int64_t bytes_in_flight; /* most encoded and decoded bytes that one operation holds beyond what
                                every thread needs for its own chunk; default 256 MiB */
    int64_t largest_chunk_bytes;    /* a larger decoded chunk is refused; default 4 GiB */
    int64_t largest_metadata_bytes; /* a larger metadata document is refused; default 64 MiB */
    bool follow_symlinks; /* whether keys may lead through symbolic links; default true; a link that
                             leaves the root of a store is refused when false */
    const struct tsr_system *system; /* system calls; NULL: the real ones. Borrowed */
    /* Called on any thread with one line per event; NULL: silent. */
    void (*log)(void *user, tsr_log_level level, const char *subsystem, const char *message);
    void *log_user;
    int kept_files; /* most files that all stores of this context keep open between reads of parts
                       of them; 0: a quarter of what the process may have open, at most 256;
                       negative: none */
    bool profile;   /* gather where the time of operations goes: tessera/profile.h */
    /* A file to which each read and write of an array appends a line (docs/format/trace.md); made
     * when it is missing. What cannot be written is told by `log` once, and fails nothing. NULL:
     * what the environment variable TESSERA_TRACE says, if it is set; "": none. Copied */
    const char *trace;
} tsr_context_options;

/* Fills in the defaults. Thread: CONFINED. Never fails. */
TSR_API void tsr_context_options_init(tsr_context_options *options);

/* Creates a context. `options` may be NULL for the defaults and is copied.
 * Owner: the caller, who ends it by tsr_context_free; arrays, groups and stores that are still open
 * keep what they need. Thread: LOCKED. Errors: NO_MEMORY, INVALID_ARGUMENT. */
TSR_API int tsr_context_new(const tsr_context_options *options, tsr_context **ret_context,
                            tsr_error *err);

/* Gives up the caller's hold; NULL is left alone. Thread: LOCKED. Never fails. */
TSR_API void tsr_context_free(tsr_context *context);

/* How many threads an operation uses, the caller's included. Thread: LOCKED. Never fails. */
TSR_API int tsr_context_threads(const tsr_context *context);

TSR_DEFINE_CLEANUP(tsr_context, tsr_context_free)

TSR_END_DECLS

#endif
