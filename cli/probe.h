/* What reading takes here and now: one chunk of an array is read and measured. */
#ifndef TESSERA_CLI_PROBE_H
#define TESSERA_CLI_PROBE_H

#include "location.h"

/* Of one chunk (inner chunk), on one thread, read for the second time. */
typedef struct cli_probe {
    bool measured; /* nothing else is known without */
    double plan_ns, fetch_ns, decode_ns, copy_ns;
    double fetched_bytes, decoded_bytes, copied_bytes; /* decoded_bytes 0: elements stored bare */
} cli_probe;

/* What a whole read will take, as the probe went. */
typedef struct cli_estimate {
    double plan_ns, fetch_ns, decode_ns, copy_ns; /* of all threads together */
    double ns;                                    /* from beginning to end */
    int threads;                                  /* that can share the work */
} cli_estimate;

/* Chunks up to this size are read. */
#define PROBE_BYTES_MAX ((int64_t)64 << 20)

/* Reads the chunk of a middle, the last or the first selected element, whichever is stored first.
 * Where that is not possible (no chunk is stored there, or it is too large, or the array cannot be
 * read) nothing is measured. Errors: NO_MEMORY. */
int probe_run(const tsr_array *array, const tsr_index *index, cli_probe *ret_probe, tsr_error *err);

/* Works out an estimate from what explain has counted. */
void probe_estimate(const cli_probe *probe, const tsr_read_cost *cost, int threads,
                    cli_estimate *ret_estimate);

#endif
