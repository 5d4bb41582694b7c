/* Reading a whole selection through a sink, also from arrays whose grid is far larger than what
 * they hold: of 2^62 elements with three chunks stored, three chunks are read, and the rest is
 * known to be fill value. */
#ifndef TESSERA_CLI_SPARSE_H
#define TESSERA_CLI_SPARSE_H

#include "location.h"
#include "progress.h"

/* Pieces as in tsr_sink; `position` is relative to the result of the selection. */
typedef struct cli_sparse_read {
    tsr_sink sink;
    void *user;
    /* Gets the elements that no piece covers, which are all fill value; called once, at the end.
     * NULL: not wanted. */
    int (*rest)(void *user, int64_t elements, tsr_error *err);
} cli_sparse_read;

/* Reads the selection. One with lists is given in blocks of the result, in C order on this thread,
 * since its pieces in the chunks may be single elements. Errors: those of tsr_array_read_sink,
 * tsr_array_walk_chunks and of the functions. */
int sparse_read_selection(const cli_selected_array *selected, const cli_sparse_read *read,
                          cli_progress *progress, tsr_error *err);

/* Whether the chunks of the array are too many to be visited one by one. */
bool sparse_is_huge(const tsr_array *array);

#endif
