/* A file that is written beside its place and moved there when it is whole: what was there before
 * stays until then. */
#ifndef TESSERA_CLI_OUTPUT_FILE_H
#define TESSERA_CLI_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include <tessera.h>

typedef struct cli_output_file {
    FILE *stream;
    char *path,
        *temporary; /* temporary NULL: written in place (standard output, a pipe, a device) */
    bool overwrite;
} cli_output_file;

/* Opens it; on failure the struct is empty. "-" is standard output. Errors: EXISTS unless
 * `overwrite`, NOT_FOUND (folder), PERMISSION, IO, NO_MEMORY. */
int output_file_open(cli_output_file *ret_file, const char *path, bool overwrite, tsr_error *err);

/* Fills in the error of a write to it that failed just now, from errno. Returns the status. */
int output_file_failed(const cli_output_file *file, tsr_error *err);

/* Writes out and moves into place. Errors: NO_SPACE, EXISTS (somebody else made it meanwhile), IO.
 */
int output_file_commit(cli_output_file *file, tsr_error *err);

/* Closes, and removes what was not committed. */
void output_file_clear(cli_output_file *file);

static inline void cli_output_file_cleanup(cli_output_file *file)
{
    output_file_clear(file);
}

/* EXISTS with the usual next step when something lies at the path and `overwrite` is false. */
int output_file_check(const char *path, bool overwrite, tsr_error *err);

/* The status that an errno of a file operation means. */
int output_file_status(int error_number);

#endif
