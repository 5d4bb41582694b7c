/* Reads of the past, from a trace (docs/format/trace.md). */
#ifndef TESSERA_CLI_PAST_READS_H
#define TESSERA_CLI_PAST_READS_H

#include "invocation.h"

/* Most reads of one array that are kept; of more, every second, fourth, ... one is. */
#define PAST_READS_MAX 512
/* Most points of a list that are kept. */
#define PAST_POINTS_MAX 64

typedef struct cli_past_axis {
    int64_t start, count, step; /* rising positions */
    int list;                   /* axes with the same number are points together; -1: a range */
    int64_t point_count;        /* of the list; kept_count of them are `points` */
    int kept_count;
    int64_t points[PAST_POINTS_MAX];
} cli_past_axis;

typedef struct cli_past_read {
    int64_t bytes;
    cli_past_axis *axes; /* as many as the array has */
} cli_past_read;

typedef struct cli_past_reads {
    int rank;
    cli_past_read *reads;
    size_t count;
    int64_t found; /* reads of the array in the trace; every `weight`-th is kept */
    int64_t weight;
} cli_past_reads;

/* The places that were read, each once, in order of their first line; ends with NULL. The caller
 * frees them by past_places_free. Errors: NOT_FOUND, IO, NO_MEMORY; DAMAGED when no line is one of
 * a trace. */
int past_places_load(const char *path, char ***ret_places, tsr_error *err);
void past_places_free(char **places);

/* The reads of one array that went well. Those that were made while it had another rank are left
 * out, others are cut off at its present shape. Errors: as above. */
int past_reads_load(const char *path, const char *place, const tsr_array *array,
                    cli_past_reads *ret_reads, tsr_error *err);
void past_reads_clear(cli_past_reads *reads);

#endif
