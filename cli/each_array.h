/* Every array at a place: that one, or all of a tree. */
#ifndef TESSERA_CLI_EACH_ARRAY_H
#define TESSERA_CLI_EACH_ARRAY_H

#include "location.h"

/* Opens the array at an operand, or every array below the group that lies there, one after the
 * other, by its own document. A negative return of `each` ends it. Errors: those of opening, of
 * metadata that cannot be read, of `each`; UNSUPPORTED for groups of files. */
int each_array(cli_invocation *invocation, const char *operand, bool writable,
               int (*each)(void *user, tsr_array *array), void *user);

#endif
