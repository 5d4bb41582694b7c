/* Places: from what a user types to a node of a store, or to a path inside a file of some format.
 */
#ifndef TESSERA_ARRAY_PLACE_H
#define TESSERA_ARRAY_PLACE_H

#include <tessera/sys/array.h>

#include "base/base.h"

/* A file of a format, open, shared by the arrays and groups inside it. */
typedef struct tsri_file {
    int references; /* atomic */
    const tsr_format_ops *format;
    void *handle;
    tsr_context *context; /* held */
} tsri_file;

tsri_file *tsri_file_ref(tsri_file *file);
void tsri_file_unref(tsri_file *file);

typedef struct tsri_place {
    char *text;       /* as the user named it */
    tsr_store *store; /* Zarr: the store and the path in it */
    tsri_file *file;  /* otherwise the file and the path in it */
    char *path;
} tsri_place;

#define TSRI_PLACE_INIT \
    {                   \
        0               \
    }

/* Finds what a place means. With `create` the store's root is the topmost folder of the path that
 * is a Zarr group already or is named
 * *.zarr, so that groups in between are made; otherwise it is the node itself. `store` (may be
 * NULL) is options.store of the caller. Errors: UNSUPPORTED (scheme, or a file of no known format),
 * PERMISSION, IO, NO_MEMORY. */
int tsri_place_resolve(tsr_context *context, const char *text, tsr_store *store, bool create,
                       tsri_place *ret_place, tsr_error *err);
/* The path in the local file system that a place is written with; NULL for other schemes. */
const char *tsri_place_local_path(const char *text);

void tsri_place_clear(tsri_place *place);
static inline void tsri_place_cleanup(tsri_place *place)
{
    tsri_place_clear(place);
}

#endif
