/* Figures of a selection from the statistics that an array keeps, without reading its chunks. */
#ifndef TESSERA_CLI_KEPT_MOMENTS_H
#define TESSERA_CLI_KEPT_MOMENTS_H

#include "location.h"
#include "moments.h"

/* A part of the selection that has to be read. */
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

/* Releases the boxes. */
void kept_moments_clear(cli_kept_moments *kept);

#endif
