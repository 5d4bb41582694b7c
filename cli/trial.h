/* Trying codecs on the bytes of an array. */
#ifndef TESSERA_CLI_TRIAL_H
#define TESSERA_CLI_TRIAL_H

#include <tessera.h>
#include <tessera/sys/codec.h>

/* Chunks of an array, decoded, in C order and the byte order that is stored. */
typedef struct cli_trial_sample {
    const tsr_dtype *dtype; /* borrowed from the array */
    const void *fill_value;
    int rank;
    char *bytes;   /* the chunks one after another */
    size_t *sizes; /* of each */
    size_t count, size_bytes, largest_bytes;
} cli_trial_sample;

/* One codec with a configuration. */
typedef struct cli_trial_codec {
    const char *name;          /* registered */
    const char *label;         /* as the table shows it */
    const char *configuration; /* JSON */
    bool optional;             /* only with --levels */
} cli_trial_codec;

typedef struct cli_trial_result {
    double ratio;       /* decoded size over encoded size */
    double encode_rate; /* decoded bytes a second, on one thread */
    double decode_rate;
    int64_t encoded_bytes;
    bool checksum; /* adds a fixed number of bytes: no compressor */
} cli_trial_result;

/* Reads inner chunks that are spread over the array, about max_bytes in all, at least one.
 * Errors: those of reading, INVALID_ARGUMENT (no elements), NO_MEMORY, CANCELLED by a signal. */
int trial_sample_read(tsr_context *context, tsr_array *array, int64_t max_bytes,
                      cli_trial_sample *ret_sample, tsr_error *err);

/* Releases the bytes. */
void trial_sample_clear(cli_trial_sample *sample);

/* The configurations that are worth trying of a codec: rows of a table, or one with its defaults
 * when it is not in the table. Returns how many; `ret_rows` has room for TRIAL_ROWS_MAX. */
enum { TRIAL_ROWS_MAX = 16 };
int trial_rows(const tsr_codec_ops *ops, bool all_levels, cli_trial_codec *ret_rows);

/* Encodes and decodes the sample, and checks that it comes back. Errors: those of the codec,
 * DAMAGED when it does not, CANCELLED by a signal. */
int trial_run(tsr_context *context, const tsr_codec_ops *ops, const cli_trial_codec *row,
              const cli_trial_sample *sample, cli_trial_result *ret_result, tsr_error *err);

#endif
