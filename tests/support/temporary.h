/* Temporary folders for tests. */
#ifndef TESTS_SUPPORT_TEMPORARY_H
#define TESTS_SUPPORT_TEMPORARY_H

#include <stddef.h>

/* Makes an empty folder under $TMPDIR or /tmp; its path without a final slash. Ends the test
 * program when that fails. The caller gives it to temporary_folder_remove. */
char *temporary_folder_new(void);

/* Deletes the folder with everything in it, whatever the modes, without following links, and frees
 * the path. */
void temporary_folder_remove(char *folder);

/* "FOLDER/NAME" in memory that the caller frees. */
char *temporary_path(const char *folder, const char *name);

/* Writes a whole file, or ends the test program. */
void temporary_file_write(const char *path, const void *bytes, size_t size);

/* Reads a whole file into memory that the caller frees; a 0 byte follows that is not counted. NULL
 * when there is no such file. */
char *temporary_file_read(const char *path, size_t *ret_size);

#endif
