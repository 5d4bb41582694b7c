/* Codec chains as text: what tsr_array_codecs says, for people and taken apart into zarr-python's
 * three lists. */
#ifndef TESSERA_CLI_CODEC_TEXT_H
#define TESSERA_CLI_CODEC_TEXT_H

#include <tessera.h>

enum { CODEC_TEXT_MAX = 512 };

/* "zstd 5, crc32c": the chain of the innermost chunks without what goes without saying
 * (little-endian bytes, sharding itself); "none" when nothing is left.
 * Errors: NO_MEMORY, LIMIT. */
int codec_text(const char *codecs_json, char ret_text[CODEC_TEXT_MAX], tsr_error *err);

/* A chain taken apart. All texts are JSON, owned by the struct, and NULL where there is nothing to
 * say. */
typedef struct cli_codec_lists {
    char *filters, *serializer, *compressors; /* of the innermost chunks */
    char *index_codecs;                       /* of the outermost shard index */
    char *codec;                              /* v2 only: the compressor in short form */
    bool index_at_start;
    bool wrapped; /* codecs stand around a sharding codec, which the lists cannot say */
    char order;   /* v2: 'C' or 'F' */
} cli_codec_lists;

/* Takes the codecs of an array apart, each list in the words of that array's Zarr format.
 * Errors: UNSUPPORTED (an unknown codec), NO_MEMORY. */
int codec_lists_read(tsr_context *context, const tsr_array *array, cli_codec_lists *ret_lists,
                     tsr_error *err);

/* Releases the texts. */
void codec_lists_clear(cli_codec_lists *lists);

#endif
