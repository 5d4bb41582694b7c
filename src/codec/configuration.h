/* A codec's configuration while it is being opened: the JSON object behind typed fields.
 *
 * There are two dialects. Zarr v3 is taken to the letter. Configurations of numcodecs, which v2
 * metadata holds and which zarr-python writes to v3 metadata under `numcodecs.*` names, are taken
 * as they are met in the wild: numbers may be strings (netCDF-C 4.9), and null means that the field
 * is absent.
 *
 * Thread: CONFINED. */
#ifndef TESSERA_CODEC_CONFIGURATION_H
#define TESSERA_CODEC_CONFIGURATION_H

#include "codec/codec.h"
#include "meta/json.h"

typedef struct tsri_configuration {
    const char *codec; /* the name in errors; borrowed from the setup */
    bool numcodecs;    /* which dialect */
    tsri_json *json;
    tsr_error *encoder_err; /* of the setup */
} tsri_configuration;

/* Parses setup->configuration. Owner: the caller, through tsr_auto(tsri_configuration).
 * Errors: BAD_METADATA, LIMIT, NO_MEMORY. */
int tsri_configuration_init(tsri_configuration *configuration, const tsr_codec_setup *setup,
                            tsr_error *err);
void tsri_configuration_cleanup(tsri_configuration *configuration);

/* Fills in an opened codec, whose memory is zero before, from the configuration and the type that
 * arrives. */
typedef int tsri_codec_read(const tsri_configuration *configuration, const tsr_codec_type *input,
                            void *codec, tsr_error *err);

/* The opener of a codec of `size_bytes`: its memory is filled in, and ended when that fails. Owner:
 * the caller, through `end`. Errors: those of `fill_in`, BAD_METADATA, NO_MEMORY. */
int tsri_codec_open(const tsr_codec_setup *setup, size_t size_bytes, tsri_codec_read *fill_in,
                    void (*end)(void *codec), void **ret_codec, tsr_error *err);

/* Whether the field is there (and, for numcodecs, not null). Never fails. */
bool tsri_configuration_has(const tsri_configuration *configuration, const char *name);

/* Each reads one field; an absent field leaves `*ret_value` as it is, which is how the caller gives
 * the default. Texts are borrowed from the configuration. Errors: BAD_METADATA, with field and
 * value. */
int tsri_configuration_int(const tsri_configuration *configuration, const char *name,
                           int64_t minimum, int64_t maximum, int64_t *ret_value, tsr_error *err);

/* The same for a number that only encoding goes by: what the encoder does not take is told in the
 * setup's encoder_err, if there is one, and *ret_value is then the nearest that it does take, or
 * stays what it is where no number was given. */
int tsri_configuration_encoder_int(const tsri_configuration *configuration, const char *name,
                                   int64_t minimum, int64_t maximum, int64_t *ret_value,
                                   tsr_error *err);

/* Tells what only stops encoding: in the setup's encoder_err, and returns 0, if there is one; else
 * in err, and returns BAD_METADATA. */
int tsri_configuration_refuse_encoding(const tsri_configuration *configuration, tsr_error *err,
                                       const char *format, ...) TSR_PRINTF(3, 4);

int tsri_configuration_bool(const tsri_configuration *configuration, const char *name,
                            bool *ret_value, tsr_error *err);
int tsri_configuration_string(const tsri_configuration *configuration, const char *name,
                              const char **ret_value, tsr_error *err);

/* The position of a text field among `choices` (ended by NULL). */
int tsri_configuration_choice(const tsri_configuration *configuration, const char *name,
                              const char *const *choices, int *ret_choice, tsr_error *err);

/* Refuses fields that are not in `known` (ended by NULL); numcodecs configurations may have any. */
int tsri_configuration_only(const tsri_configuration *configuration, const char *const *known,
                            tsr_error *err);

/* Reports a field that is required and absent. Returns BAD_METADATA. */
int tsri_configuration_missing(const tsri_configuration *configuration, const char *name,
                               const char *what_is_expected, tsr_error *err);

#endif
