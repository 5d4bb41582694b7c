/* Progress on standard error: a bar on a terminal, lines or JSON lines on request. */
#ifndef TESSERA_CLI_PROGRESS_H
#define TESSERA_CLI_PROGRESS_H

#include <tessera.h>

#include "invocation.h"

typedef enum cli_progress_mode {
    PROGRESS_NONE,
    PROGRESS_BAR,
    PROGRESS_PLAIN,
    PROGRESS_JSON
} cli_progress_mode;

typedef struct cli_progress {
    cli_progress_mode mode;
    bool drawn;          /* a bar stands on the terminal's line */
    int width;           /* columns of the terminal */
    int64_t shown_ms;    /* when something was shown last */
    int64_t start_ms;    /* when this step began */
    int64_t done_before; /* bytes that finished calls of this step have moved */
    int64_t done_bytes;  /* of this step, as it was told last */
    int64_t total_bytes; /* of this step; 0: what the call says */
    const char *action;  /* "importing" */
    char label[160];     /* "/ROSE  2160 x 4320 float32" */
    int name_length;     /* of the name at its beginning */
} cli_progress;

/* Prepares from --progress. `action` is static. */
void progress_init(cli_progress *progress, const cli_invocation *invocation, const char *action);

/* Begins a step, such as one array. `label` is cut to fit; total_bytes 0: unknown. */
void progress_begin(cli_progress *progress, const char *label, int64_t total_bytes);

/* Says how far the step has come, at most ten times a second on a terminal. */
void progress_show(cli_progress *progress, int64_t bytes_done);

/* Adds bytes that one finished call has moved. */
void progress_advance(cli_progress *progress, int64_t bytes);

/* Ends the step: a bar is wiped away. */
void progress_end(cli_progress *progress);

/* Fills in a call with the cancel flag and, where progress is shown, the callback. `progress` must
 * outlive it. */
void progress_call(cli_progress *progress, tsr_call *ret_call);

/* A label for an array: its path in the tree, its shape and type. */
void progress_label(char *text, size_t capacity, const char *path, const tsr_array *array);

/* Milliseconds of the monotonic clock. */
int64_t progress_now_ms(void);

#endif
