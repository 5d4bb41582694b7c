/* The mark of a copy that is under way.
 *
 * While a copy is under way the key `__tessera_unfinished` lies at the root of the destination. It
 * names the command, the arrays that are whole, and how many chunks of the present one are; the
 * same command finds it and goes on, and `check` reports it. At the end it is gone. */
#ifndef TESSERA_CLI_TRANSFER_MARK_H
#define TESSERA_CLI_TRANSFER_MARK_H

#include "transfer.h"

#define TRANSFER_MARK "__tessera_unfinished"

/* What the mark remembers of a run. */
typedef struct cli_transfer_record {
    struct json_object *finished; /* paths of the arrays that are whole; owned */
    struct json_object *current;  /* {"path", "chunks"}: so many chunks of that array are whole;
                                     owned; NULL: none */
} cli_transfer_record;

/* What a command does with a destination that exists: nothing there, ours to go on with, or
 * refused. */
typedef enum cli_transfer_start {
    TRANSFER_FRESH, /* there was nothing at all */
    TRANSFER_NEW,   /* a folder without a node of Zarr, or what --overwrite has removed */
    TRANSFER_ENTER, /* a group that the new nodes become children of */
    TRANSFER_RESUME
} cli_transfer_start;

/* What a body may do about a group that is at the destination already: nothing of it is the
 * transfer's but the children that it makes. */
typedef struct cli_transfer_entrance {
    cli_transfer_body enter; /* refuses the group, or not, before anything is written */
    void *user;
    cli_transfer *transfer;
} cli_transfer_entrance;

void transfer_record_clear(cli_transfer_record *record);

/* Makes the destination ready: refuses what is there, erases it with --overwrite, finds that an
 * interrupted run of the same command left it, or asks whether its group may be entered (NULL: it
 * may not); then leaves the mark. Errors: EXISTS, those of the store and of the entrance. */
int transfer_begin(cli_invocation *invocation, const char *source_place,
                   const char *destination_place, const cli_transfer_entrance *entrance,
                   cli_transfer_start *ret_start, cli_transfer_record *ret_record);

/* Removes what an interrupted run left at `place`, a part of the destination or the destination
 * itself, whose mark stays and forgets the current array. Errors: those of tsr_place_erase. */
int transfer_remove(cli_invocation *invocation, const char *source_place,
                    const char *destination_place, const char *place, cli_transfer_record *record);

/* Writes the mark. On any thread, if no other uses the record meanwhile. */
int transfer_mark(cli_invocation *invocation, const char *source_place,
                  const char *destination_place, const cli_transfer_record *record, tsr_error *err);

/* After a failure that the same command would run into again (options that do not fit, too little
 * memory): removes what was begun at a fresh place. Everything else is left for the next run to go
 * on with. Returns `status`. */
int transfer_abandon(cli_invocation *invocation, const char *destination_place,
                     cli_transfer_start start, int status);

/* After such a failure in a group that was entered: removes the children that were made, and the
 * mark. Returns `status`. */
int transfer_leave(cli_invocation *invocation, const char *destination_place,
                   const cli_transfer_record *record, const char *current_path, int status);

/* Takes the mark away. */
int transfer_end(cli_invocation *invocation, const char *destination_place);

/* The next step of an interrupted run. Returns `status`. */
int transfer_interrupted(cli_invocation *invocation, int status);

#endif
