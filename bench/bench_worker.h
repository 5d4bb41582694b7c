/* The frame of a side written in C: a long-lived process that reads one command a line on stdin and
 * answers with one line on stdout. Words are separated by tabs.
 *
 *   hold STORE                         fill the big buffer with the values of a store     ok
 *   drop                               let go of it                                       ok
 *   prepare WORK MODE STORE [EXTRA]    run every way of the job once with the values
 *                                      summed, keep the fastest      ok SECONDS WAY PLAIN WEIGHTED
 *   run WORK MODE STORE [EXTRA]        run the way kept                                   ok
 * SECONDS yardstick NAME                     a figure of the machine                            ok
 * GB/s quit
 *
 * WORK and MODE: read own|huge|reused, chunks 1|2, boxes one|batch, points batch, plane x|z, open
 * first, small memory|files, write new, rewrite old. EXTRA is the file of boxes or points, or the
 * folder to write. Failures answer "error MESSAGE". The first line is
 * a greeting: "hello NAME VERSION". */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stdbool.h>

#include "bench_headline.h"

typedef struct bench_job {
    const char *work;
    const char *mode;
    const char *store;
    const char *extra;
    const char *way; /* one of those that the side named for this job */
    bool summed;     /* the values must be summed, outside the time where possible */
} bench_job;

typedef struct bench_outcome {
    double seconds;
    bench_sum sum;
    char failure[512];
} bench_outcome;

typedef struct bench_side {
    const char *name;
    const char *version;
    /* The ways in which this side can do the job, ended by NULL; NULL when it cannot. */
    const char *const *(*ways)(const bench_job *job);
    int (*run)(void *self, const bench_job *job, bench_outcome *outcome);
    int (*hold)(void *self, const char *store, bench_outcome *outcome);
    void (*drop)(void *self);
    int (*yardstick)(const char *name, double *ret_gigabytes,
                     bench_outcome *outcome); /* may be NULL */
} bench_side;

/* Writes the failure and returns -1. */
int bench_fail(bench_outcome *outcome, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Serves commands until "quit" or the end of stdin. Returns the exit status of the program. */
int bench_serve(const bench_side *side, void *self);

#endif
