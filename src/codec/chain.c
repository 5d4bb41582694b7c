/* Binding: from a list of codec names and configurations to an immutable chain. */
#include "codec/chain.h"

#include "base/context.h"
#include "codec/arrange.h"
#include "codec/shard.h"
#include "meta/json.h"

#define CHAIN_CODECS_MAX 64

static const char *kind_text(tsr_codec_kind kind)
{
    switch (kind) {
    case TSR_CODEC_ARRAY_TO_ARRAY:
        return "array to array";
    case TSR_CODEC_ARRAY_TO_BYTES:
        return "array to bytes";
    default:
        return "bytes to bytes";
    }
}

static void stage_close(tsri_stage *stage)
{
    if (stage->ops && stage->ops->close)
        stage->ops->close(stage->codec);
}

static void chain_free(tsri_chain *chain)
{
    for (int i = 0; i < chain->stage_count; i++)
        stage_close(&chain->stages[i]);
    tsri_free(chain->stages);
    tsri_shard_free(chain->shard);
    tsr_dtype_unref(chain->type.dtype);
    tsri_free((void *)chain->type.fill_value);
    tsri_context_unref(chain->context);
    tsri_free(chain);
}

tsri_chain *tsri_chain_ref(tsri_chain *chain)
{
    __atomic_fetch_add(&chain->references, 1, __ATOMIC_RELAXED);
    return chain;
}

void tsri_chain_unref(tsri_chain *chain)
{
    if (chain && __atomic_sub_fetch(&chain->references, 1, __ATOMIC_ACQ_REL) == 0)
        chain_free(chain);
}

/* Codecs must come as array to array, one array to bytes, bytes to bytes. */
static int check_order(const tsri_chain *chain, bool have_serializer, tsr_codec_kind kind,
                       const char *name, tsr_error *err)
{
    bool fits = (kind == TSR_CODEC_BYTES_TO_BYTES) == have_serializer;
    if (!fits)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "codec \"%s\" (%s) stands %s the array-to-bytes codec", name,
                             kind_text(kind), have_serializer ? "behind" : "in front of");
    if (chain->stage_count == CHAIN_CODECS_MAX)
        return tsr_error_set(err, TSR_LIMIT, "more than %d codecs in one chain", CHAIN_CODECS_MAX);
    return 0;
}

static int open_stage(tsri_chain *chain, const tsr_codec_ops *ops, const tsri_codec_spec *spec,
                      const tsr_codec_type *input, tsr_error *err)
{
    tsri_stage *stage = &chain->stages[chain->stage_count];
    const char *configuration = spec->configuration ? spec->configuration : "{}";
    tsr_codec_setup setup = {chain->context, spec->name, configuration, spec->zarr_format, *input};

    *stage = (tsri_stage){.input = *input, .output = *input};
    TSRI_TRY_IN(err, ops->open(&setup, &stage->codec, &stage->output, err), "codec \"%s\"",
                spec->name);
    stage->ops = ops;
    chain->stage_count++;
    return 0;
}

static int bind_one(tsri_chain *chain, const tsri_codec_spec *spec, tsr_codec_type *type,
                    bool *have_serializer, tsr_error *err)
{
    if (strcmp(spec->name, "sharding_indexed") == 0 && spec->zarr_format == 3) {
        TSRI_TRY(check_order(chain, *have_serializer, TSR_CODEC_ARRAY_TO_BYTES, spec->name, err));
        const char *configuration = spec->configuration ? spec->configuration : "{}";
        TSRI_TRY_IN(err, tsri_shard_new(chain->context, configuration, type, &chain->shard, err),
                    "codec \"sharding_indexed\"");
        *have_serializer = true;
        chain->bytes_first = chain->stage_count;
        return 0;
    }
    const tsr_codec_ops *ops;
    TSRI_TRY(tsr_codec_find(chain->context, spec->name, spec->zarr_format, &ops, err));
    TSRI_TRY(check_order(chain, *have_serializer, ops->kind, spec->name, err));
    TSRI_TRY(open_stage(chain, ops, spec, type, err));
    *type = chain->stages[chain->stage_count - 1].output;
    if (ops->kind == TSR_CODEC_ARRAY_TO_ARRAY)
        chain->array_count = chain->stage_count;
    if (ops->kind == TSR_CODEC_ARRAY_TO_BYTES) {
        *have_serializer = true;
        chain->bytes_first = chain->stage_count;
    }
    return 0;
}

/* Only codecs that move elements may stand in front of a shard: its inner chunks are read one by
 * one. */
static int check_shard_surroundings(const tsri_chain *chain, tsr_error *err)
{
    for (int i = 0; chain->shard && i < chain->array_count; i++)
        if (!chain->stages[i].ops->rearrange)
            return tsr_error_set(
                err, TSR_UNSUPPORTED,
                "codec \"%s\" changes values in front of \"sharding_indexed\"; put it into the "
                "inner codecs",
                chain->stages[i].ops->name);
    return 0;
}

static int bind_all(tsri_chain *chain, const tsri_codec_spec *specs, int count, tsr_error *err)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    tsr_codec_type type = chain->type;
    bool have_serializer = false;

    TSRI_TRY(tsri_codec_specs_arrange(chain->context, specs, count, &arena, &specs, &count, err));
    for (int i = 0; i < count; i++)
        TSRI_TRY(bind_one(chain, &specs[i], &type, &have_serializer, err));
    if (!have_serializer)
        return tsr_error_set(
            err, TSR_BAD_METADATA,
            "no array-to-bytes codec in the chain (\"bytes\" or \"sharding_indexed\")");
    return check_shard_surroundings(chain, err);
}

int tsri_chain_new(tsr_context *context, const tsri_codec_spec *specs, int count,
                   const tsr_codec_type *type, tsri_chain **ret_chain, tsr_error *err)
{
    tsr_auto(tsri_chain) *chain = tsri_alloc_zero(sizeof *chain);
    if (!chain)
        return tsri_error_no_memory(err, sizeof *chain);
    chain->references = 1;
    chain->context = tsri_context_ref(context);
    chain->stages = tsri_alloc_array_zero(CHAIN_CODECS_MAX, sizeof *chain->stages);
    void *fill_value = tsri_alloc(type->dtype->size_bytes);
    if (fill_value)
        memcpy(fill_value, type->fill_value, type->dtype->size_bytes);
    chain->type = (tsr_codec_type){tsr_dtype_ref(type->dtype), type->rank, fill_value};
    if (!chain->stages || !fill_value)
        return tsri_error_no_memory(err, CHAIN_CODECS_MAX * sizeof *chain->stages);
    TSRI_TRY(bind_all(chain, specs, count, err));
    *ret_chain = TSRI_TAKE(chain);
    return 0;
}

int tsri_chain_parse(tsr_context *context, const tsri_json *list, const char *path,
                     const tsr_codec_type *type, tsri_chain **ret_chain, tsr_error *err)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    const tsri_codec_spec *specs;
    int count;

    TSRI_TRY(tsri_codec_specs_parse(list, path, &arena, &specs, &count, err));
    TSRI_TRY_IN(err, tsri_chain_new(context, specs, count, type, ret_chain, err), "%s", path);
    return 0;
}

static int describe_stage(const tsri_stage *stage, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(
        tsr_output_print(output, err, "{\"name\":\"%s\",\"configuration\":", stage->ops->name));
    TSRI_TRY(stage->ops->describe(stage->codec, 3, output, err));
    return tsr_output_print(output, err, "}");
}

int tsri_chain_describe(const tsri_chain *chain, tsr_output *output, tsr_error *err)
{
    const char *separator = "[";

    for (int i = 0; i <= chain->stage_count; i++) {
        if (i == chain->bytes_first && chain->shard) {
            TSRI_TRY(tsr_output_print(
                output, err, "%s{\"name\":\"sharding_indexed\",\"configuration\":", separator));
            TSRI_TRY(tsri_shard_describe(chain->shard, output, err));
            TSRI_TRY(tsr_output_print(output, err, "}"));
            separator = ",";
        }
        if (i == chain->stage_count)
            break;
        TSRI_TRY(tsr_output_print(output, err, "%s", separator));
        TSRI_TRY(describe_stage(&chain->stages[i], output, err));
        separator = ",";
    }
    return tsr_output_print(output, err, "]");
}
