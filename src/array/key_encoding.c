#include "array/key_encoding.h"

#include <stdio.h>

#include "base/context.h"
#include "base/output.h"

static const void *const built_in[] = {&tsri_keys_default, &tsri_keys_v2, &tsri_keys_hashed,
                                       &tsri_keys_morton};

/* ---- the registry ---- */

static const char *missing_function(const tsr_chunk_key_ops *ops)
{
    return !ops->open       ? "open"
           : !ops->describe ? "describe"
           : !ops->format   ? "format"
           : !ops->parse    ? "parse"
                            : NULL;
}

int tsr_chunk_key_register(tsr_context *context, const tsr_chunk_key_ops *ops, tsr_error *err)
{
    if (ops->struct_size < sizeof *ops)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "a chunk key encoding has a struct_size of %zu, this library needs "
                             "%zu: set it to sizeof(tsr_chunk_key_ops) and compile it against this "
                             "version",
                             ops->struct_size, sizeof *ops);
    if (!ops->name || !*ops->name)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a chunk key encoding needs a name");
    const char *missing = missing_function(ops);
    if (missing)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "chunk key encoding %s lacks %s", ops->name,
                             missing);
    return tsri_context_register(context, TSRI_REGISTRY_CHUNK_KEY, ops, err);
}

int tsr_chunk_key_list(tsr_context *context, int (*each)(void *user, const tsr_chunk_key_ops *ops),
                       void *user)
{
    const tsr_chunk_key_ops *ops;
    int end = 0;

    for (size_t n = 0; end == 0 && (ops = tsri_context_listed(context, TSRI_REGISTRY_CHUNK_KEY,
                                                              built_in, TSRI_COUNT(built_in), n));
         n++)
        end = each(user, ops);
    return end;
}

static int append_name(void *user, const tsr_chunk_key_ops *ops)
{
    char *known = user;
    size_t used = strlen(known);
    snprintf(known + used, TSR_ERROR_DETAIL_MAX - used, "%s\"%s\"", used ? ", " : "", ops->name);
    return 0;
}

int tsr_chunk_key_find(tsr_context *context, const char *name, const tsr_chunk_key_ops **ret_ops,
                       tsr_error *err)
{
    char known[TSR_ERROR_DETAIL_MAX] = "";
    const tsr_chunk_key_ops *ops;

    for (size_t n = 0; (ops = tsri_context_registered(context, TSRI_REGISTRY_CHUNK_KEY, n)); n++)
        if (strcmp(ops->name, name) == 0) {
            *ret_ops = ops;
            return 0;
        }
    for (size_t i = 0; i < TSRI_COUNT(built_in); i++) {
        ops = built_in[i];
        if (strcmp(ops->name, name) == 0) {
            *ret_ops = ops;
            return 0;
        }
    }
    tsr_chunk_key_list(context, append_name, known);
    tsr_error_set(err, TSR_UNSUPPORTED, "the chunk key encoding \"%.64s\" is not supported", name);
    tsr_error_set_next_step(err, "supported are %s", known);
    return TSR_UNSUPPORTED;
}

/* ---- configurations ---- */

static int parse_configuration(const tsr_chunk_key_setup *setup, tsri_json **ret_object,
                               tsr_error *err)
{
    return tsr_json_parse(setup->configuration, strlen(setup->configuration), TSR_JSON_STRICT, 0,
                          ret_object, err);
}

int tsr_chunk_key_setup_int(const tsr_chunk_key_setup *setup, const char *name, int64_t minimum,
                            int64_t maximum, int64_t *ret_value, tsr_error *err)
{
    tsr_auto(tsri_json) *object = NULL;
    TSRI_TRY(parse_configuration(setup, &object, err));
    return tsri_json_int(object, setup->pointer, name, false, minimum, maximum, ret_value, err);
}

int tsr_chunk_key_setup_only(const tsr_chunk_key_setup *setup, const char *const *known,
                             tsr_error *err)
{
    tsr_auto(tsri_json) *object = NULL;
    TSRI_TRY(parse_configuration(setup, &object, err));
    return tsri_json_only(object, setup->pointer, known, err);
}

/* ---- open encodings ---- */

static void free_encoding(tsri_key_encoding *encoding)
{
    if (encoding->state && encoding->ops->close)
        encoding->ops->close(encoding->state);
    tsri_free((char *)encoding->json);
    tsri_free(encoding);
}

const tsri_key_encoding *tsri_key_encoding_ref(const tsri_key_encoding *encoding)
{
    if (!encoding->separator)
        __atomic_fetch_add((int *)&encoding->references, 1, __ATOMIC_RELAXED);
    return encoding;
}

void tsri_key_encoding_unref(const tsri_key_encoding *encoding)
{
    if (!encoding || encoding->separator)
        return;
    tsri_key_encoding *own = (tsri_key_encoding *)encoding;
    if (__atomic_fetch_sub(&own->references, 1, __ATOMIC_ACQ_REL) == 1)
        free_encoding(own);
}

bool tsri_key_encoding_agrees(const tsri_key_encoding *a, const tsri_key_encoding *b)
{
    return a->ops == b->ops && strcmp(a->json, b->json) == 0;
}

/* {"name":...,"configuration":...} */
static int describe(const tsri_key_encoding *encoding, const char **ret_json, tsr_error *err)
{
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);

    TSRI_TRY(tsr_output_print(&output, err, "{\"name\":"));
    TSRI_TRY(tsr_json_quote(encoding->ops->name, &output, err));
    TSRI_TRY(tsr_output_print(&output, err, ",\"configuration\":"));
    TSRI_TRY(encoding->ops->describe(encoding->state, &output, err));
    TSRI_TRY(tsr_output_append(&output, "}", 2, err));
    char *text = tsri_strdup(output.data);
    if (!text)
        return tsri_error_no_memory(err, output.size_bytes);
    *ret_json = text;
    return 0;
}

static int open_encoding(const tsr_chunk_key_ops *ops, const tsr_chunk_key_setup *setup,
                         const tsri_key_encoding **ret_encoding, tsr_error *err)
{
    tsri_key_encoding *encoding = tsri_alloc_zero(sizeof *encoding);

    if (!encoding)
        return tsri_error_no_memory(err, sizeof *encoding);
    encoding->references = 1;
    encoding->ops = ops;
    int status = ops->open(setup, &encoding->state, err);
    if (status == 0)
        status = describe(encoding, &encoding->json, err);
    if (status < 0) {
        free_encoding(encoding);
        return status;
    }
    *ret_encoding = encoding;
    return 0;
}

int tsri_key_encoding_open(tsr_context *context, const tsri_extension *extension,
                           const char *pointer, int rank, const tsri_key_encoding **ret_encoding,
                           tsr_error *err)
{
    const tsr_chunk_key_ops *ops;
    tsr_auto(tsri_text) *inner = tsri_format("%s/configuration", pointer);
    tsr_auto(tsri_output) configuration = TSRI_OUTPUT_INIT(SIZE_MAX);
    void *joined = NULL;

    if (!inner)
        return tsri_error_no_memory(err, 0);
    int status = tsr_chunk_key_find(context, extension->name, &ops, err);
    if (status < 0 && *pointer)
        tsr_error_prepend(err, "%s", pointer);
    TSRI_TRY(status);
    if (extension->configuration)
        TSRI_TRY(tsr_json_write(extension->configuration, 0, &configuration, err));
    else
        TSRI_TRY(tsr_output_append(&configuration, "{}", 2, err));
    TSRI_TRY(tsr_output_append(&configuration, "", 1, err));
    const tsr_chunk_key_setup setup = {context, extension->name, configuration.data, inner, rank};
    if (ops != &tsri_keys_default && ops != &tsri_keys_v2)
        return open_encoding(ops, &setup, ret_encoding, err);
    TSRI_TRY(ops->open(&setup, &joined, err));
    *ret_encoding = joined;
    return 0;
}
