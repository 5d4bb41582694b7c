/* Copying an array, or a group with everything in it, to a new place: the common part of `import`
 * and `cp`.
 *
 * While a copy is under way the key `__tessera_unfinished` lies at the root of the destination. It
 * names the command, the arrays that are whole, and how many chunks of the present one are; the
 * same command finds it and goes on, and `check` reports it. At the end it is gone. */
#ifndef TESSERA_CLI_TRANSFER_H
#define TESSERA_CLI_TRANSFER_H

#include <json-c/json.h>

#include "creation.h"
#include "location.h"
#include "progress.h"

#define TRANSFER_MARK "__tessera_unfinished"

typedef struct cli_transfer_words {
    const char *doing; /* "importing" */
    const char *done;  /* "imported" */
    const char *would; /* "would import" */
} cli_transfer_words;

/* What has been moved. */
typedef struct cli_transfer_result {
    int64_t arrays, groups;
    int64_t kept;    /* arrays that an interrupted run had finished before */
    int64_t skipped; /* nodes that could not be read */
    int64_t source_bytes;
    int64_t stored_bytes; /* -1: not known */
    double seconds;
    int64_t verified;              /* arrays that were read back and compared */
    struct json_object *different; /* with --verify: the chunks that are not what the source has;
                                      owned by transfer_node; NULL: nobody asked */
} cli_transfer_result;

/* Copies. Nodes that cannot be read are named on standard error and left out; the status is then
 * PARTIAL, and where reading failed in a way that may pass (input, permission), the same command
 * goes on with them. Errors: EXISTS, and those of creating, reading and writing. */
int transfer_node(cli_invocation *invocation, const cli_transfer_words *words,
                  const cli_location_node *source, const char *source_place,
                  const char *destination_place);

/* Reads the array at `place`, which is `path` in the tree that is being copied, back and compares
 * it with its source by value, through memory of two blocks. Chunks that differ are named on
 * standard error and noted in the result. Errors: those of reading. */
int transfer_verify(cli_invocation *invocation, tsr_array *source, const char *place,
                    const char *path, cli_progress *progress, cli_transfer_result *result,
                    bool *ret_same);

/* A transfer that makes something else than a copy of one node; opaque. */
typedef struct cli_transfer cli_transfer;

/* Makes what the transfer is to make, by the functions below. When an interrupted run is taken up
 * again it makes the same in the same order: what is whole is passed over. */
typedef int (*cli_transfer_body)(void *user, cli_transfer *transfer);

/* What a body may do about a group that is at the destination already: nothing of it is the
 * transfer's but the children that it makes. */
typedef struct cli_transfer_entrance {
    cli_transfer_body enter; /* refuses the group, or not, before anything is written */
    void *user;
    cli_transfer *transfer;
} cli_transfer_entrance;

/* Carries out a transfer whose destination is made of the nodes at `source_places`. With `enter` it
 * may also be a group that is there. Errors: as above, and those of the body. */
int transfer_make(cli_invocation *invocation, const cli_transfer_words *words,
                  const char *const *source_places, size_t source_count,
                  const char *destination_place, cli_transfer_body body, cli_transfer_body enter,
                  void *user);

/* For bodies. What the command line says about new arrays; may be changed before the first one. */
cli_creation *transfer_creation(cli_transfer *transfer);

/* For bodies: makes an array at `path` in the destination ("": the destination itself) with the
 * elements of `source`; see creation_plan_like. With --dry-run only says so. Errors: those of
 * creating, reading and writing. */
int transfer_make_array(cli_transfer *transfer, tsr_array *source, tsr_array *like,
                        const char *const *names, const char *path);

/* For bodies: makes a group of Zarr v3, unless a run before this one has. With --dry-run does
 * nothing. Errors: those of creating. */
int transfer_make_group(cli_transfer *transfer, const char *path);

/* The summary: a line on standard error, or with --json a document on standard output. */
int transfer_report(cli_invocation *invocation, const cli_transfer_words *words,
                    const char *destination_place, const cli_transfer_result *result);

/* What a command does with a destination that exists: nothing there, ours to go on with, or
 * refused. */
typedef enum cli_transfer_start {
    TRANSFER_FRESH, /* there was nothing at all */
    TRANSFER_NEW,   /* a folder without a node of Zarr, or what --overwrite has removed */
    TRANSFER_ENTER, /* a group that the new nodes become children of */
    TRANSFER_RESUME
} cli_transfer_start;

/* What the mark remembers of a run. */
typedef struct cli_transfer_record {
    struct json_object *finished; /* paths of the arrays that are whole; owned */
    struct json_object *current;  /* {"path", "chunks"}: so many chunks of that array are whole;
                                     owned; NULL: none */
} cli_transfer_record;

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
