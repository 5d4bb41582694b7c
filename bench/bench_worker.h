/* The frame of a side written in C: a long-lived process that reads one command a line on stdin and
 * answers with one line on stdout. Words are separated by tabs.
 *
 *   hold STORE       fill the big buffer with the values of a store               ok
 *   drop             let go of it                                                 ok
 *   prepare JOB      run every way of the job once with the values summed, keep
 *                    the fastest                        ok SECONDS WAY PLAIN WEIGHTED
 *   run JOB          run the way kept                                             ok SECONDS
 *   yardstick NAME   a figure of the machine                                      ok GB/s
 *   quit
 *
 * JOB is WORK MODE STORE EXTRA SETTINGS. WORK and MODE: read own|huge|reused, chunks 1|2, boxes
 * one|batch, inner one|batch (boxes that are inner chunks), points batch, plane x|z, open first,
 * rows one, small memory|files, codec encode|decode, write new, rewrite old, reshard new. EXTRA is
 * the file of boxes, points or bytes, or the folder to write. SETTINGS are words such as
 * "planes=512", all of them in struct bench_settings. Failures answer "error MESSAGE". The first
 * line is a greeting: "hello NAME VERSION". */
#ifndef BENCH_WORKER_H
#define BENCH_WORKER_H

#include <stdbool.h>

#include "bench_headline.h"

typedef struct bench_settings {
    int64_t planes;  /* of the array that are read or written: z is below this */
    int threads;     /* 0: all processors */
    int64_t grid[3]; /* small chunks in memory: how many along each axis */
    int typesize;    /* of the elements of a codec's file */
    int64_t repeat;  /* how often a job that is short is done within its time */
    bool synced;     /* what is written is on the disk when the job ends */
} bench_settings;

typedef struct bench_job {
    const char *work;
    const char *mode;
    const char *store;
    const char *extra;
    const char *settings_text;
    bench_settings settings;
    const char *way; /* one of those that the side named for this job */
    bool summed;     /* the values must be summed, outside the time where possible */
} bench_job;

/* The edge of the boxes of a job in work "boxes" or "inner". */
static inline int64_t bench_box_side(const bench_job *job)
{
    return job->work[0] == 'i' ? BENCH_INNER : BENCH_BOX;
}

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
