/* Copying an array, or a group with everything in it, to a new place, or making a new node of
 * several: the common part of `import`, `cp`, `stack` and `pyramid`. */
#ifndef TESSERA_CLI_TRANSFER_H
#define TESSERA_CLI_TRANSFER_H

#include <json-c/json.h>

#include "creation.h"
#include "location.h"

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

/* A transfer that makes something else than a copy of one node; opaque. */
typedef struct cli_transfer cli_transfer;

/* Makes what the transfer is to make, by the functions below. When an interrupted run is taken up
 * again it makes the same in the same order: what is whole is passed over. */
typedef int (*cli_transfer_body)(void *user, cli_transfer *transfer);

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

#endif
