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
    struct {
        tsr_array *array; /* small chunks in memory, made when they are first asked for */
        int64_t grid[3];
    } small;
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

/* All of an array of many chunks of 1 KiB, in memory or in files. */
int bench_run_small(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err);

/* Each row of some planes by a call of its own, with the cache for decoded chunks. */
int bench_run_rows(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                   tsr_error *err);

/* ---- bench_tessera_codec.c: single codecs ---- */

/* Encodes or decodes a file in pieces, on one thread. */
int bench_run_codec(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err);

/* ---- bench_tessera_write.c ---- */

/* The held values to a new array, or over one that is there. */
int bench_run_write(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err);

/* One array to another with other chunks and codecs. */
int bench_run_reshard(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                      tsr_error *err);

#endif
