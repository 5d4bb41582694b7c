/* A file that the fetch loop reads in place: a key of the store that its folder is. */
#ifndef TESSERA_SOURCE_FOLDER_H
#define TESSERA_SOURCE_FOLDER_H

#include <tessera/store.h>

#include "base/context.h"

/* Opens the folder of a file as a store; *ret_name is the end of `path`, and the file's key there.
 * Owner: the caller, by tsr_store_close. Errors: those of tsr_store_open, NO_MEMORY. */
int tsri_folder_open(tsr_context *context, const char *path, tsr_store **ret_store,
                     const char **ret_name, tsr_error *err);

#endif
