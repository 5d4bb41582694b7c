/* Figures of the machine, printed with every run: they tell a quiet machine from a busy one. */
#include "limit.h"

#include <stdlib.h>
#include <string.h>

enum { MEBIBYTE = 1 << 20 };
#define COPY_BYTES ((size_t)512 * MEBIBYTE)
#define PIECE_BYTES ((size_t)4 * MEBIBYTE)

struct copying {
    char *to;
    const char *from;
    bool stream;
};

static int copy_piece(void *user, int thread, int64_t piece)
{
    const struct copying *copying = user;
    size_t offset = (size_t)piece * PIECE_BYTES;

    (void)thread;
    if (copying->stream) {
        limit_stream_row((uint16_t *)(void *)(copying->to + offset),
                         (const uint16_t *)(const void *)(copying->from + offset), PIECE_BYTES);
        limit_stream_end();
    } else {
        memcpy(copying->to + offset, copying->from + offset, PIECE_BYTES);
    }
    return 0;
}

static double time_copy(char *to, const char *from, int threads, bool stream)
{
    struct copying copying = {.to = to, .from = from, .stream = stream};
    double best = 0;

    for (int i = 0; i < 3; i++) {
        double started = bench_now(), seconds;

        bench_parallel(threads, (int64_t)(COPY_BYTES / PIECE_BYTES), copy_piece, &copying);
        seconds = bench_now() - started;
        best = i == 0 || seconds < best ? seconds : best;
    }
    return (double)COPY_BYTES / best / 1e9;
}

static int measure_copy(int threads, bool stream, double *ret_gigabytes, bench_outcome *outcome)
{
    char *to = bench_huge_new_touched(COPY_BYTES);
    char *from = bench_huge_new_touched(COPY_BYTES);

    if (to && from) {
        memset(from, 1, COPY_BYTES);
        *ret_gigabytes = time_copy(to, from, threads, stream);
    } else {
        bench_fail(outcome, "no memory for the yardstick");
    }
    bench_huge_free(to, COPY_BYTES);
    bench_huge_free(from, COPY_BYTES);
    return to && from ? 0 : -1;
}

static int populate_piece(void *user, int thread, int64_t piece)
{
    (void)thread;
    bench_populate((char *)user + (size_t)piece * PIECE_BYTES, PIECE_BYTES);
    return 0;
}

/* First touch of fresh memory by all threads, on huge pages. */
static int measure_populate(double *ret_gigabytes, bench_outcome *outcome)
{
    double best = 0;

    for (int i = 0; i < 3; i++) {
        double started = bench_now(), seconds;
        char *memory = bench_huge_new(COPY_BYTES);

        if (!memory) {
            return bench_fail(outcome, "no memory for the yardstick");
        }
        bench_parallel(bench_threads(), (int64_t)(COPY_BYTES / PIECE_BYTES), populate_piece,
                       memory);
        seconds = bench_now() - started;
        bench_huge_free(memory, COPY_BYTES);
        best = i == 0 || seconds < best ? seconds : best;
    }
    *ret_gigabytes = (double)COPY_BYTES / best / 1e9;
    return 0;
}

int limit_yardstick(const char *name, double *ret_gigabytes, bench_outcome *outcome)
{
    if (strcmp(name, "memcpy, 1 thread") == 0) {
        return measure_copy(1, false, ret_gigabytes, outcome);
    }
    if (strcmp(name, "memcpy, all threads") == 0) {
        return measure_copy(bench_threads(), false, ret_gigabytes, outcome);
    }
    if (strcmp(name, "streaming copy, all threads") == 0) {
        return measure_copy(bench_threads(), true, ret_gigabytes, outcome);
    }
    if (strcmp(name, "first touch on huge pages") == 0) {
        return measure_populate(ret_gigabytes, outcome);
    }
    return bench_fail(outcome, "unknown yardstick %s", name);
}
