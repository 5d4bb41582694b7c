/* What the parts of bench_tessera share. */
#ifndef BENCH_TESSERA_H
#define BENCH_TESSERA_H

#include <tessera.h>

#include "bench_memory.h"
#include "bench_worker.h"

struct side_state {
    tsr_context *context;
    tsr_context *one_thread; /* for callers that bring a thread for each chunk in flight */
    uint16_t *held;          /* the big buffer, or NULL */
    tsr_array *small;        /* small chunks in memory, made when they are first asked for */
};

/* ---- bench_tessera_parts.c: reads of small parts, and of small chunks ---- */

/* A million points, given at once. */
int bench_run_points(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                     tsr_error *err);

/* A plane across all chunks, along the axis that the mode names. */
int bench_run_plane(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err);

/* Opens the array and reads its first inner chunk, again and again. */
int bench_run_open(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                   tsr_error *err);

/* All of an array of 100,000 chunks of 1 KiB, in memory or in files. */
int bench_run_small(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err);

#endif
