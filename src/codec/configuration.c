#include "codec/configuration.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#define CONFIGURATION_PATH "/configuration"

int tsri_configuration_init(tsri_configuration *configuration, const tsr_codec_setup *setup,
                            tsr_error *err)
{
    tsr_auto(tsri_json) *json = NULL;
    const char *text = setup->configuration;

    TSRI_TRY_IN(err, tsr_json_parse(text, strlen(text), TSR_JSON_STRICT, 0, &json, err),
                "%s: configuration", setup->name);
    if (!json_object_is_type(json, json_type_object))
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: the configuration must be a JSON object, found %s", setup->name,
                             json_type_to_name(json_object_get_type(json)));
    configuration->codec = setup->name;
    configuration->numcodecs =
        setup->zarr_format == 2 || strncmp(setup->name, "numcodecs.", strlen("numcodecs.")) == 0;
    configuration->json = TSRI_TAKE(json);
    configuration->encoder_err = setup->encoder_err;
    return 0;
}

void tsri_configuration_cleanup(tsri_configuration *configuration)
{
    json_object_put(configuration->json);
}

int tsri_codec_open(const tsr_codec_setup *setup, size_t size_bytes, tsri_codec_read *fill_in,
                    void (*end)(void *codec), void **ret_codec, tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    void *codec = tsri_alloc_zero(size_bytes);
    if (!codec)
        return tsri_error_no_memory(err, size_bytes);
    int status = fill_in(&configuration, &setup->input, codec, err);
    if (status < 0)
        end(codec);
    else
        *ret_codec = codec;
    return status;
}

bool tsri_configuration_has(const tsri_configuration *configuration, const char *name)
{
    tsri_json *value;
    return json_object_object_get_ex(configuration->json, name, &value) &&
           (value || !configuration->numcodecs);
}

/* The text of a field that is a string where the dialect allows one for a number, else NULL. */
static const char *number_as_text(const tsri_configuration *configuration, const char *name)
{
    tsri_json *value = json_object_object_get(configuration->json, name);
    if (!configuration->numcodecs || !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

static bool parse_int(const char *text, int64_t *ret_value)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return false;
    *ret_value = value;
    return true;
}

int tsri_configuration_int(const tsri_configuration *configuration, const char *name,
                           int64_t minimum, int64_t maximum, int64_t *ret_value, tsr_error *err)
{
    if (!tsri_configuration_has(configuration, name))
        return 0;
    const char *text = number_as_text(configuration, name);
    if (!text) {
        TSRI_TRY_IN(err,
                    tsri_json_int(configuration->json, CONFIGURATION_PATH, name, true, minimum,
                                  maximum, ret_value, err),
                    "%s", configuration->codec);
        return 0;
    }
    int64_t value;
    if (!parse_int(text, &value) || value < minimum || value > maximum)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: " CONFIGURATION_PATH "/%s: \"%.40s\" is not an integer from "
                             "%" PRId64 " to %" PRId64,
                             configuration->codec, name, text, minimum, maximum);
    *ret_value = value;
    return 0;
}

/* What a number was meant to be that is no integer within limits: of what others take for one, the
 * nearest integer that there is. False where it is no number at all. */
static bool nearest_int(const tsri_json *value, int64_t *ret_value)
{
    bool is_number = json_object_is_type(value, json_type_int) ||
                     json_object_is_type(value, json_type_double) ||
                     json_object_is_type(value, json_type_boolean);
    if (json_object_is_type(value, json_type_string))
        return parse_int(json_object_get_string((tsri_json *)value), ret_value);
    double number = is_number ? json_object_get_double(value) : NAN;
    if (isnan(number))
        return false;
    *ret_value = number >= 0x1p63 ? INT64_MAX : number <= -0x1p63 ? INT64_MIN : (int64_t)number;
    return true;
}

int tsri_configuration_encoder_int(const tsri_configuration *configuration, const char *name,
                                   int64_t minimum, int64_t maximum, int64_t *ret_value,
                                   tsr_error *err)
{
    tsr_error *told = configuration->encoder_err;
    int64_t value;

    if (!told)
        return tsri_configuration_int(configuration, name, minimum, maximum, ret_value, err);
    int status = tsri_configuration_int(configuration, name, minimum, maximum, ret_value,
                                        told->status == 0 ? told : NULL);
    if (status < 0 && nearest_int(json_object_object_get(configuration->json, name), &value))
        *ret_value = TSRI_MIN(TSRI_MAX(value, minimum), maximum);
    return 0;
}

int tsri_configuration_refuse_encoding(const tsri_configuration *configuration, tsr_error *err,
                                       const char *format, ...)
{
    tsr_error *told = configuration->encoder_err;
    va_list arguments;

    if (told && told->status != 0)
        return 0;
    va_start(arguments, format);
    tsr_error_vset(told ? told : err, TSR_BAD_METADATA, format, arguments);
    va_end(arguments);
    tsr_error_prepend(told ? told : err, "%s", configuration->codec);
    return told ? 0 : TSR_BAD_METADATA;
}

int tsri_configuration_bool(const tsri_configuration *configuration, const char *name,
                            bool *ret_value, tsr_error *err)
{
    if (!tsri_configuration_has(configuration, name))
        return 0;
    TSRI_TRY_IN(err,
                tsri_json_bool(configuration->json, CONFIGURATION_PATH, name, true, ret_value, err),
                "%s", configuration->codec);
    return 0;
}

int tsri_configuration_string(const tsri_configuration *configuration, const char *name,
                              const char **ret_value, tsr_error *err)
{
    if (!tsri_configuration_has(configuration, name))
        return 0;
    TSRI_TRY_IN(
        err, tsri_json_string(configuration->json, CONFIGURATION_PATH, name, true, ret_value, err),
        "%s", configuration->codec);
    return 0;
}

int tsri_configuration_choice(const tsri_configuration *configuration, const char *name,
                              const char *const *choices, int *ret_choice, tsr_error *err)
{
    char known[128] = "";
    const char *text = NULL;

    TSRI_TRY(tsri_configuration_string(configuration, name, &text, err));
    if (!text)
        return 0;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *ret_choice = i;
            return 0;
        }
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s\"%s\"", i ? ", " : "", choices[i]);
    }
    return tsr_error_set(err, TSR_BAD_METADATA,
                         "%s: " CONFIGURATION_PATH "/%s: \"%.40s\" is none of %s",
                         configuration->codec, name, text, known);
}

int tsri_configuration_only(const tsri_configuration *configuration, const char *const *known,
                            tsr_error *err)
{
    if (configuration->numcodecs)
        return 0;
    TSRI_TRY_IN(err, tsri_json_only(configuration->json, CONFIGURATION_PATH, known, err), "%s",
                configuration->codec);
    return 0;
}

int tsri_configuration_missing(const tsri_configuration *configuration, const char *name,
                               const char *what_is_expected, tsr_error *err)
{
    return tsr_error_set(err, TSR_BAD_METADATA, "%s: " CONFIGURATION_PATH "/%s is missing: %s",
                         configuration->codec, name, what_is_expected);
}

int tsr_codec_setup_int(const tsr_codec_setup *setup, const char *name, int64_t minimum,
                        int64_t maximum, int64_t *ret_value, tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    return tsri_configuration_int(&configuration, name, minimum, maximum, ret_value, err);
}

int tsr_codec_setup_only(const tsr_codec_setup *setup, const char *const *known, tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    return tsri_configuration_only(&configuration, known, err);
}
