/* Repairing the chunks in which `check` finds damage, and telling what became of them. */
#ifndef TESSERA_CLI_REPAIR_H
#define TESSERA_CLI_REPAIR_H

#include "findings.h"

typedef struct cli_repair {
    cli_invocation *invocation;
    cli_findings *findings;
    bool dry_run;
    int64_t rebuilt, removed, kept_chunks, lost_chunks; /* of all arrays */
    struct json_object *chunks, *lost;                  /* lists, for --json */

    /* Of the array under examination: the damaged chunks of the store, as grid coordinates. */
    int rank;
    int64_t *damaged; /* owned */
    size_t damaged_count, damaged_capacity;
    int64_t current[TSR_RANK_MAX]; /* the chunk of the store that the walk has met last */
    bool current_listed;
    tsr_array *array; /* that is repaired; borrowed */
} cli_repair;

/* Starts. Errors: NO_MEMORY. */
int repair_init(cli_repair *repair, cli_invocation *invocation, cli_findings *findings);

/* Notes what a walk meets; damage, at any level, is damage of the chunk of the store around it.
 * Errors: NO_MEMORY. */
int repair_note(cli_repair *repair, const tsr_chunk_info *info, int rank);

/* Repairs what was noted of an array, and forgets it. Errors: those of tsr_array_open and
 * tsr_array_repair_chunk. */
int repair_array(cli_repair *repair, const tsr_array *array);

/* Adds what was done to the document of the findings. */
void repair_add_json(cli_repair *repair);

/* Releases everything. */
void repair_clear(cli_repair *repair);

#endif
