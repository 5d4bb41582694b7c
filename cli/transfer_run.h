/* What the files of a transfer share: its state, and what is done with one array. */
#ifndef TESSERA_CLI_TRANSFER_RUN_H
#define TESSERA_CLI_TRANSFER_RUN_H

#include "progress.h"
#include "transfer_mark.h"

struct cli_transfer {
    cli_invocation *invocation;
    const cli_transfer_words *words;
    const char *source_place, *destination_place;
    cli_creation creation;
    cli_progress progress, verifying;
    bool dry_run, resume;
    bool unfinished; /* nodes were left out that another run may be able to read */
    cli_transfer_record record;
    size_t marked;            /* how many of its finished arrays the mark tells */
    struct json_object *kept; /* those that a run before this one has finished, as names; NULL:
                                 none */
    const char *current_path; /* of the array that is being copied */
    cli_transfer_result result;
    /* Of what is made of several nodes. */
    cli_transfer_body body, enter;
    void *user;
    bool entered; /* the destination was there before, with what else is in it */
    tsr_array *like;
    tsr_array *packed; /* with --unpack: what the present array is unpacked from */
    const char *const *names;
};

/* Says on standard error that a node is left out; one bad node hides no other. */
void transfer_skip(cli_transfer *self, const char *path, int status, const char *problem);

/* Writes the mark if it does not tell all finished arrays. Errors: those of the store. */
int transfer_mark_rest(cli_transfer *self, tsr_error *err);

/* Copies an array to `path` in the destination, or says that it would. Attributes that cannot be
 * made sense of, with --unpack, hide no other array. Errors: those of creating, reading and
 * writing. */
int transfer_array(cli_transfer *self, tsr_array *source, const char *path);

/* Reads the array at `place`, which is `path` in the tree that is being copied, back and compares
 * it with its source by value, through memory of two blocks. Chunks that differ are named on
 * standard error and noted in the result. Errors: those of reading. */
int transfer_verify(cli_invocation *invocation, tsr_array *source, const char *place,
                    const char *path, cli_progress *progress, cli_transfer_result *result,
                    bool *ret_same);

#endif
