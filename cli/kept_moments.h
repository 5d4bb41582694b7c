/* Figures of a selection from the statistics that an array keeps, without reading its chunks. */
#ifndef TESSERA_CLI_KEPT_MOMENTS_H
#define TESSERA_CLI_KEPT_MOMENTS_H

#include "location.h"
#include "moments.h"

/* A part of the selection: one that has to be read, where nothing else is said. */
typedef struct cli_unkept_box {
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX]; /* in the array */
} cli_unkept_box;

typedef struct cli_kept_moments {
    bool useful;           /* what follows tells most of the selection */
    cli_moments moments;   /* of what is known */
    cli_unkept_box *boxes; /* of what is not */
    size_t box_count, box_capacity;
} cli_kept_moments;

/* Finds out what is kept of a selection. Nothing is useful of an array that keeps no statistics, or
 * of a selection by lists or steps. Errors: those of tsr_array_walk_statistics, NO_MEMORY. */
int kept_moments_find(const cli_selected_array *selected, const cli_moments_rules *rules,
                      const tsr_call *call, cli_kept_moments *ret_kept, tsr_error *err);

/* Visits the parts of a selection that lie in one inner chunk each. `moments` are NULL where they
 * are not known: of chunks that the selection cuts, too. A nonzero return ends it, and is returned.
 * *ret_visited: false where nothing is kept, or the selection is one by lists or steps; nothing is
 * visited then. Errors: those of tsr_array_walk_statistics. */
typedef int (*cli_kept_visitor)(void *user, const cli_unkept_box *box, const cli_moments *moments);
int kept_moments_walk(const cli_selected_array *selected, const cli_moments_rules *rules,
                      const tsr_call *call, cli_kept_visitor each, void *user, bool *ret_visited,
                      tsr_error *err);

/* Releases the boxes. */
void kept_moments_clear(cli_kept_moments *kept);

#endif
