#include "filter_text.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "memory.h"
#include "try.h"

enum { PARAMETERS_MAX = 4, TYPE_TEXT_MAX = 32 };

typedef enum cli_parameter_kind {
    PARAMETER_NONE,
    PARAMETER_OWN_TYPE, /* the type of the array, which nobody has to say */
    PARAMETER_TYPE,
    PARAMETER_INTEGER,
    PARAMETER_NUMBER,
    PARAMETER_ORDER /* all that is left: the numbers of axes */
} cli_parameter_kind;

typedef struct cli_parameter {
    const char *key;
    cli_parameter_kind kind;
    bool may_miss;
} cli_parameter;

/* Parameters are in the order in which numcodecs has them. */
typedef struct cli_filter {
    const char *name, *v2_name, *v3_name, *form;
    cli_parameter parameters[PARAMETERS_MAX];
} cli_filter;

static const cli_filter filters[] = {
    {"delta",
     "delta",
     "numcodecs.delta",
     "delta",
     {{"dtype", PARAMETER_OWN_TYPE, false}, {"astype", PARAMETER_TYPE, true}}},
    {"bitround", "bitround", "bitround", "bitround=BITS", {{"keepbits", PARAMETER_INTEGER, false}}},
    {"quantize",
     "quantize",
     "numcodecs.quantize",
     "quantize=DIGITS",
     {{"digits", PARAMETER_INTEGER, false}, {"dtype", PARAMETER_OWN_TYPE, false}}},
    {"fixedscaleoffset",
     "fixedscaleoffset",
     "numcodecs.fixedscaleoffset",
     "fixedscaleoffset=OFFSET:SCALE:TYPE",
     {{"offset", PARAMETER_NUMBER, false},
      {"scale", PARAMETER_NUMBER, false},
      {"dtype", PARAMETER_OWN_TYPE, false},
      {"astype", PARAMETER_TYPE, true}}},
    {"astype",
     "astype",
     "numcodecs.astype",
     "astype=TYPE",
     {{"encode_dtype", PARAMETER_TYPE, false}, {"decode_dtype", PARAMETER_OWN_TYPE, false}}},
    {"packbits", "packbits", "numcodecs.packbits", "packbits", {{NULL, PARAMETER_NONE, false}}},
    {"transpose", NULL, "transpose", "transpose=1:0", {{"order", PARAMETER_ORDER, false}}},
};

static int refuse(const char *text, tsr_error *err)
{
    char forms[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        used += (size_t)snprintf(forms + used, sizeof forms - used, "%s%s", i ? ", " : "",
                                 filters[i].form);
    tsr_error_set(err, TSR_INVALID_ARGUMENT, "--filters: \"%s\" is no short form of a filter",
                  text);
    tsr_error_set_next_step(err, "these are: %s; all others in full, as a JSON list", forms);
    return TSR_INVALID_ARGUMENT;
}

/* "<f4": what NumPy calls a type. */
static int type_text(const tsr_dtype *dtype, char text[TYPE_TEXT_MAX], tsr_error *err)
{
    if (!dtype->v2_kind || !strchr("biufc", dtype->v2_kind)) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT, "--filters: no short form is for %s", dtype->name);
        tsr_error_set_next_step(err, "give the filter in full, as a JSON list");
        return TSR_INVALID_ARGUMENT;
    }
    snprintf(text, TYPE_TEXT_MAX, "%c%c%zu", dtype->component_bytes > 1 ? '<' : '|', dtype->v2_kind,
             dtype->size_bytes);
    return 0;
}

static int add_type(cli_document *document, struct json_object *to, const char *key,
                    const tsr_dtype *dtype, tsr_error *err)
{
    char text[TYPE_TEXT_MAX];

    CLI_TRY(type_text(dtype, text, err));
    document_add_text(document, to, key, text);
    return 0;
}

/* The type of a name; only types without an owner have a text. */
static int read_type(const char *name, const tsr_dtype **ret_dtype, tsr_error *err)
{
    int status = tsr_dtype_parse(name, ret_dtype, err);

    if (status == TSR_NO_MEMORY)
        return status;
    if (status < 0) {
        if (err)
            err->status = TSR_INVALID_ARGUMENT;
        tsr_error_prepend(err, "--filters");
        return TSR_INVALID_ARGUMENT;
    }
    char text[TYPE_TEXT_MAX];
    status = type_text(*ret_dtype, text, err);
    tsr_dtype_unref(*ret_dtype);
    return status;
}

static bool read_integer(const char *text, int64_t *ret_value)
{
    char *end;

    errno = 0;
    long long value = strtoll(text, &end, 10);
    *ret_value = value;
    return end != text && *end == '\0' && errno == 0;
}

/* "2:0:1"; the text is cut at its colons. */
static bool add_order(cli_document *document, struct json_object *to, const char *key, char *text)
{
    int64_t axes[TSR_RANK_MAX];
    int rank = 0;

    for (char *next; text; text = next) {
        next = strchr(text, ':');
        if (next)
            *next++ = '\0';
        if (rank == TSR_RANK_MAX || !read_integer(text, &axes[rank++]))
            return false;
    }
    document_add_lengths(document, to, key, rank, axes);
    return true;
}

/* A number; false where it is none. */
static bool add_number(cli_document *document, struct json_object *to,
                       const cli_parameter *parameter, const char *text)
{
    int64_t integer;
    double number;

    if (parameter->kind == PARAMETER_INTEGER) {
        if (!read_integer(text, &integer))
            return false;
        document_add_integer(document, to, parameter->key, integer);
        return true;
    }
    if (tsr_dtype_parse_element(TSR_FLOAT64, text, &number, NULL) < 0 || !isfinite(number))
        return false;
    document_add_number(document, to, parameter->key, number);
    return true;
}

/* The next of the values, which are cut at their colons; the last has NULL behind it. */
static char *take_value(char **values)
{
    char *value = *values, *colon = strchr(value, ':');

    *values = colon ? colon + 1 : NULL;
    if (colon)
        *colon = '\0';
    return value;
}

/* `values`: what stands behind the "=", NULL for nothing. *dtype: what the filter gets, and then
 * what it makes. *ret_fits false where the form is another one. */
static int add_parameters(cli_document *document, struct json_object *to, const cli_filter *filter,
                          char *values, const tsr_dtype **dtype, bool *ret_fits, tsr_error *err)
{
    const tsr_dtype *made = *dtype;

    *ret_fits = true;
    for (int i = 0; *ret_fits && i < PARAMETERS_MAX && filter->parameters[i].key; i++) {
        const cli_parameter *parameter = &filter->parameters[i];
        if (parameter->kind == PARAMETER_OWN_TYPE) {
            CLI_TRY(add_type(document, to, parameter->key, *dtype, err));
        } else if (!values) {
            *ret_fits = parameter->may_miss;
        } else if (parameter->kind == PARAMETER_ORDER) {
            *ret_fits = add_order(document, to, parameter->key, values);
            values = NULL;
        } else if (parameter->kind == PARAMETER_TYPE) {
            CLI_TRY(read_type(take_value(&values), &made, err));
            CLI_TRY(add_type(document, to, parameter->key, made, err));
        } else {
            *ret_fits = add_number(document, to, parameter, take_value(&values));
        }
    }
    *ret_fits &= !values;
    *dtype = made;
    return 0;
}

static const cli_filter *find_filter(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        if (strlen(filters[i].name) == length && strncmp(filters[i].name, name, length) == 0)
            return &filters[i];
    return NULL;
}

static int add_filter(cli_document *document, const char *text, int zarr_format,
                      const tsr_dtype **dtype, tsr_error *err)
{
    const cli_filter *filter = find_filter(text, strcspn(text, "="));
    struct json_object *object = document_add_object(document, document->root, NULL);
    const char *equals = strchr(text, '=');
    bool fits;

    if (!filter)
        return refuse(text, err);
    if (zarr_format == 2 && !filter->v2_name) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT, "--filters: Zarr 2 has no %s", filter->name);
        tsr_error_set_next_step(err,
                                "--order F stores the elements of a chunk the other way round");
        return TSR_INVALID_ARGUMENT;
    }
    char *values = equals ? memory_text(equals + 1) : NULL;
    if (equals && !values)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for a filter");
    document_add_text(document, object, zarr_format == 2 ? "id" : "name",
                      zarr_format == 2 ? filter->v2_name : filter->v3_name);
    struct json_object *parameters =
        zarr_format == 2 ? object : document_add_object(document, object, "configuration");
    int status = add_parameters(document, parameters, filter, values, dtype, &fits, err);
    memory_free(values);
    return status < 0 || fits ? status : refuse(text, err);
}

static int add_filters(cli_document *document, char *text, int zarr_format, const tsr_dtype *dtype,
                       tsr_error *err)
{
    for (char *next; text; text = next) {
        next = strchr(text, ',');
        if (next)
            *next++ = '\0';
        CLI_TRY(add_filter(document, text, zarr_format, &dtype, err));
    }
    return 0;
}

static int write_document(const cli_document *document, char **ret_json, tsr_error *err)
{
    char *json;

    if (document->failed || tsr_json_text(document->root, 0, &json, NULL) < 0)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for filters");
    *ret_json = memory_text(json);
    tsr_free(json);
    return *ret_json ? 0 : tsr_error_set(err, TSR_NO_MEMORY, "out of memory for filters");
}

int filter_text_read(const char *text, int zarr_format, const tsr_dtype *dtype, char **ret_json,
                     tsr_error *err)
{
    char *words = memory_text(text);
    cli_document document;

    if (!words)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for filters");
    document_init_list(&document);
    int status = add_filters(&document, words, zarr_format, dtype, err);
    if (status >= 0)
        status = write_document(&document, ret_json, err);
    document_clear(&document);
    memory_free(words);
    return status;
}
