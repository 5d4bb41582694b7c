/* Extension objects of Zarr v3 metadata, {"name", "configuration", "must_understand"}, and lists of
 * codecs made of them. They lie here since codec chains nest: the shard codec reads such lists out
 * of its own configuration.
 *
 * Format: Zarr 3.1 core specification, "Extension definition". A bare string is short-hand for
 * {"name"}; an absent configuration and an empty one mean the same.
 *
 * Thread: CONFINED; results are IMMUTABLE and live as long as their arena. */
#ifndef TESSERA_META_EXTENSION_H
#define TESSERA_META_EXTENSION_H

#include "base/arena.h"
#include "meta/json.h"

typedef struct tsri_extension {
    const char *name;               /* borrowed from the value */
    const tsri_json *configuration; /* an object, borrowed; NULL when absent */
    bool must_understand;
} tsri_extension;

/* Reads one extension object or its short-hand. `path` is its JSON pointer, used in errors. The
 * name is checked against the specification's form (a registered name, or a URI). Errors:
 * BAD_METADATA (type, missing or malformed name, unknown members). */
int tsri_extension_parse(const tsri_json *value, const char *path, tsri_extension *ret_extension,
                         tsr_error *err);

/* A codec as metadata names it, before it is bound. */
typedef struct tsri_codec_spec {
    const char *name;          /* v3: the name; v2: the id */
    const char *configuration; /* a JSON object as text, "{}" when the metadata has none; v2:
                                  without "id" */
    int zarr_format; /* whose names these are: 3 or 2 (filters and compressors of v2 arrays) */
} tsri_codec_spec;

/* Reads a list of v3 codecs, such as the field "codecs" of an array or of a shard's configuration.
 * An empty list gives a count of 0. Owner: the arena. Errors: BAD_METADATA (JSON pointer),
 * NO_MEMORY. */
int tsri_codec_specs_parse(const tsri_json *list, const char *path, tsri_arena *arena,
                           const tsri_codec_spec **ret_codecs, int *ret_count, tsr_error *err);

/* Reads a codec of v2 metadata: an object with "id". Owner: the arena. Errors: BAD_METADATA,
 * NO_MEMORY, LIMIT. */
int tsri_codec_spec_parse_v2(const tsri_json *value, const char *path, tsri_arena *arena,
                             tsri_codec_spec *ret_codec, tsr_error *err);

/* Appends codecs as metadata of a v3 array writes them, a list of objects in the long form that
 * every reader understands; "configuration" is left out when it is empty, except for numcodecs.*
 * names. Errors: NO_MEMORY, LIMIT. */
int tsri_codec_specs_write(const tsri_codec_spec *codecs, int count, tsr_output *output,
                           tsr_error *err);

#endif
