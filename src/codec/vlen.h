/* The container that numcodecs' vlen codecs share: a count of elements, then each element as its
 * length in bytes and its bytes. */
#ifndef TESSERA_CODEC_VLEN_H
#define TESSERA_CODEC_VLEN_H

#include <tessera/view.h>

#include "codec/codec.h"

#define TSRI_VLEN_NUMBER_BYTES 4

/* The array_bound of codecs of variable length: nothing is known before the elements are. */
tsr_size_bound tsri_vlen_bound(const void *codec, const tsr_dtype *dtype, int rank,
                               const int64_t *shape);

/* Writes a number, or the number of elements of a view. Errors: LIMIT (2^32 elements). */
void tsri_vlen_put_number(char *to, uint32_t number);
int tsri_vlen_put_count(const tsr_view *decoded, char *to, tsr_error *err);

/* Goes through encoded bytes, which may be hostile. */
typedef struct tsri_vlen_reader {
    const char *name; /* of the codec, for messages */
    const void *data;
    size_t size_bytes, at; /* at: of the next element */
    int64_t number;        /* of the next element */
} tsri_vlen_reader;

/* Starts with as many elements as `decoded` has. Errors: DAMAGED. */
int tsri_vlen_reader_init(tsri_vlen_reader *reader, const char *name, const void *data,
                          size_t size_bytes, const tsr_view *decoded, tsr_error *err);

/* The next element, which lies in the encoded bytes. Errors: DAMAGED (with the range of bytes),
 * LIMIT. */
int tsri_vlen_reader_next(tsri_vlen_reader *reader, const char **ret_bytes, uint32_t *ret_size,
                          tsr_error *err);

/* Checks that nothing follows. Errors: DAMAGED. */
int tsri_vlen_reader_end(const tsri_vlen_reader *reader, tsr_error *err);

#endif
