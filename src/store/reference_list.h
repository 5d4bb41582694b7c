/* The references of a reference file, as kerchunk and VirtualiZarr write them: a JSON object that
 * gives the keys of a Zarr tree values, in the text itself or as ranges of other files.
 *
 * Source of the format: fsspec, "References file specification" (kerchunk's documentation, version
 * 0 and version 1); docs/format/references.md says what of it is read. IMMUTABLE once parsed. */
#ifndef TESSERA_STORE_REFERENCE_LIST_H
#define TESSERA_STORE_REFERENCE_LIST_H

#include <tessera/blob.h>

#include "base/arena.h"

typedef struct tsri_reference {
    const char *key;
    tsr_blob *blob;  /* held: the value is in the text; NULL: it is in a file */
    const char *url; /* of that file, as it is written, templates filled in */
    bool is_whole;   /* the value is all of the file */
    uint64_t offset, size_bytes;
} tsri_reference;

typedef struct tsri_reference_list {
    tsri_arena texts;
    tsri_reference *all; /* in byte order of the keys */
    size_t count;
} tsri_reference_list;

/* Takes the text of a reference file apart. Keys that no store has are left out. Errors:
 * BAD_METADATA (names the member), UNSUPPORTED (generated references), LIMIT, NO_MEMORY. */
int tsri_reference_list_parse(const char *text, size_t size_bytes, tsri_reference_list *ret_list,
                              tsr_error *err);
void tsri_reference_list_clear(tsri_reference_list *list);
static inline void tsri_reference_list_cleanup(tsri_reference_list *list)
{
    tsri_reference_list_clear(list);
}

/* The number of the first reference whose key is not before `key` in byte order. */
size_t tsri_reference_list_seek(const tsri_reference_list *list, const char *key);

/* The reference of a key; NULL when there is none. */
const tsri_reference *tsri_reference_list_find(const tsri_reference_list *list, const char *key);

#endif
