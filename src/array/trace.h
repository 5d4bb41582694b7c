/* The trace of a context: a line of JSON for each read and write of an array, so that it can be
 * told later which chunks would have suited them (docs/format/trace.md). */
#ifndef TESSERA_ARRAY_TRACE_H
#define TESSERA_ARRAY_TRACE_H

#include "array/target.h"

typedef struct tsri_trace {
    tsr_context *context; /* borrowed; NULL: nothing is traced */
    int64_t time_ns, start_ns;
} tsri_trace;

/* Looks at the clocks when an operation begins, if the context keeps a trace. Never fails. */
tsri_trace tsri_trace_begin(tsr_context *context);

/* Writes a line for each of n reads (or writes) that were one operation and have ended with
 * `status`. What goes wrong here is told by the log, once; then nothing more is written. LOCKED.
 * Never fails. */
void tsri_trace_end(const tsri_trace *trace, const tsri_read *reads, size_t n, int status);

#endif
