/* JSON pointers (RFC 6901) for messages: built in a fixed buffer, cut where they do not fit, with
 * control characters shown as \uXXXX so that a hostile name cannot steer a terminal.
 *
 * Thread: CONFINED. */
#ifndef TESSERA_META_JSON_POINTER_H
#define TESSERA_META_JSON_POINTER_H

#include "base/base.h"

typedef struct tsri_json_pointer {
    char text[256]; /* ends in a 0 byte; in "..." when it was cut */
    size_t size_bytes;
    bool is_cut;
} tsri_json_pointer;

/* Starts at `path`, which is a pointer already. Never fails. */
void tsri_json_pointer_init(tsri_json_pointer *ret_pointer, const char *path);

/* Goes down to a member or an element. Never fail. */
void tsri_json_pointer_name(tsri_json_pointer *pointer, const char *name);
void tsri_json_pointer_index(tsri_json_pointer *pointer, size_t index);

/* The pointer as messages show it: the document itself is "/". */
const char *tsri_json_pointer_text(const tsri_json_pointer *pointer);

#endif
