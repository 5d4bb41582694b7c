/* Chunk key encodings: the registry, and one that is open. */
#ifndef TESSERA_ARRAY_KEY_ENCODING_H
#define TESSERA_ARRAY_KEY_ENCODING_H

#include <tessera/sys/chunk_key.h>
#include <tessera/view.h>

#include "base/base.h"
#include "meta/extension.h"

extern const tsr_chunk_key_ops tsri_keys_default, tsri_keys_v2, tsri_keys_hashed, tsri_keys_morton;

/* An encoding that is open. IMMUTABLE but for the count. */
typedef struct tsri_key_encoding {
    int references; /* atomic */
    const tsr_chunk_key_ops *ops;
    void *state;      /* owned, by ops->close */
    const char *json; /* {"name":...,"configuration":{...}}, as metadata has it; owned */
    /* Of default and v2, which are static: keys are formed axis by axis, from the first index that
     * changes. Otherwise 0. */
    char separator;
    bool has_lead; /* default: "c" in front */
} tsri_key_encoding;

/* default (has_lead) or v2 with a separator, '/' or '.'. Static. Thread: IMMUTABLE. Never fails. */
const tsri_key_encoding *tsri_key_encoding_joined(bool has_lead, char separator);

/* Opens what metadata names. `pointer` is the JSON pointer of the extension. Owner: the caller, by
 * unref. Thread: LOCKED. Errors: UNSUPPORTED (an unknown name), BAD_METADATA, NO_MEMORY. */
int tsri_key_encoding_open(tsr_context *context, const tsri_extension *extension,
                           const char *pointer, int rank, const tsri_key_encoding **ret_encoding,
                           tsr_error *err);

/* Takes and gives up a hold; NULL is left alone by unref. Thread: IMMUTABLE. Never fail. */
const tsri_key_encoding *tsri_key_encoding_ref(const tsri_key_encoding *encoding);
void tsri_key_encoding_unref(const tsri_key_encoding *encoding);

/* Whether both make the same keys. Thread: IMMUTABLE. Never fails. */
bool tsri_key_encoding_agrees(const tsri_key_encoding *a, const tsri_key_encoding *b);

#endif
