/* Binding: from a list of codec names and configurations to an immutable chain. */
#include "codec/chain.h"

#include "base/context.h"
#include "codec/arrange.h"
#include "codec/codec.h"
#include "codec/shard.h"
#include "meta/json.h"
#include "tensor/variable.h"

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
    tsri_free(chain->encoder_err);
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

/* An address that was stored would be read back as one. */
static int check_variable(const tsr_codec_ops *ops, const tsri_codec_spec *spec,
                          const tsr_dtype *dtype, tsr_error *err)
{
    if (!tsr_dtype_is_variable(dtype) || ops->kind == TSR_CODEC_BYTES_TO_BYTES || ops->rearrange ||
        ops->variable_length)
        return 0;
    tsr_error_set(err, TSR_BAD_METADATA, "codec \"%s\" does not take elements of type %s",
                  spec->name, dtype->name);
    if (ops->kind == TSR_CODEC_ARRAY_TO_BYTES)
        tsr_error_set_next_step(err, "\"%s\" stores them",
                                dtype->kind == TSR_KIND_STRING ? "vlen-utf8" : "vlen-bytes");
    return TSR_BAD_METADATA;
}

/* Keeps the first thing that the encoders of a chain do not take. */
static int note_encoder(tsri_chain *chain, const tsr_error *told, tsr_error *err)
{
    if (chain->encoder_err || !told || told->status == 0)
        return 0;
    chain->encoder_err = tsri_alloc(sizeof *told);
    if (!chain->encoder_err)
        return tsri_error_no_memory(err, sizeof *told);
    *chain->encoder_err = *told;
    return 0;
}

int tsri_chain_check_encoders(const tsri_chain *chain, tsr_error *err)
{
    if (!chain->encoder_err)
        return 0;
    if (err)
        *err = *chain->encoder_err;
    return chain->encoder_err->status;
}

int tsri_chain_pass_encoder(const tsri_chain *chain, const tsr_codec_setup *setup, tsr_error *err)
{
    if (!setup->encoder_err)
        return tsri_chain_check_encoders(chain, err);
    if (chain->encoder_err && setup->encoder_err->status == 0)
        *setup->encoder_err = *chain->encoder_err;
    return 0;
}

static int open_stage(tsri_chain *chain, const tsr_codec_ops *ops, const tsri_codec_spec *spec,
                      const tsr_codec_type *input, tsr_error *err)
{
    tsri_stage *stage = &chain->stages[chain->stage_count];
    const char *configuration = spec->configuration ? spec->configuration : "{}";
    tsr_error told = TSR_ERROR_INIT;
    tsr_codec_setup setup = {.context = chain->context,
                             .name = spec->name,
                             .configuration = configuration,
                             .zarr_format = spec->zarr_format,
                             .input = *input,
                             .encoder_err = &told};

    TSRI_TRY(check_variable(ops, spec, input->dtype, err));
    *stage = (tsri_stage){.input = *input, .output = *input};
    TSRI_TRY_IN(err, ops->open(&setup, &stage->codec, &stage->output, err), "codec \"%s\"",
                spec->name);
    stage->ops = ops;
    chain->stage_count++;
    if (told.status == 0)
        return 0;
    tsr_error_prepend(&told, "codec \"%s\"", spec->name);
    return note_encoder(chain, &told, err);
}

/* How a shard is bound behind the array-to-array codecs that are open. */
typedef enum shard_form {
    SHARD_PLAIN,    /* they only move elements */
    SHARD_INHERITS, /* some change values, each element by itself: inner chunks take those over */
    SHARD_WHOLE     /* some do more than that: only the whole can be decoded */
} shard_form;

static shard_form form_of_shard(const tsri_chain *chain)
{
    shard_form form = SHARD_PLAIN;
    for (int i = 0; i < chain->array_count; i++) {
        const tsr_codec_ops *ops = chain->stages[i].ops;
        if (ops->rearrange)
            continue;
        if (!ops->element_wise)
            return SHARD_WHOLE;
        form = SHARD_INHERITS;
    }
    return form;
}

/* Marks the codecs that change values as moved, and lists them for the inner chunks. Stages and
 * specifications have the same order. */
static int hand_on(tsri_chain *chain, const tsri_codec_spec *specs, tsri_arena *arena,
                   tsri_inherited *ret_inherited, tsr_error *err)
{
    tsri_codec_spec *list = tsri_arena_alloc(arena, (size_t)chain->array_count, sizeof *list);
    int count = 0;

    if (!list)
        return tsri_error_no_memory(err, (size_t)chain->array_count * sizeof *list);
    for (int i = 0; i < chain->array_count; i++) {
        if (chain->stages[i].ops->rearrange)
            continue;
        chain->stages[i].moved = true;
        list[count++] = specs[i];
    }
    *ret_inherited = (tsri_inherited){list, count};
    return 0;
}

/* Binds sharding_indexed, which is specs[array_count]. */
static int bind_shard(tsri_chain *chain, const tsri_codec_spec *specs, const tsr_codec_type *type,
                      tsr_error *err)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    const tsri_codec_spec *spec = &specs[chain->array_count];
    const char *configuration = spec->configuration ? spec->configuration : "{}";
    shard_form form = form_of_shard(chain);
    tsr_codec_type inner_type = *type;
    tsri_inherited inherited = {0};

    if (form == SHARD_WHOLE)
        return open_stage(chain, &tsri_codec_whole_shard, spec, type, err);
    if (form == SHARD_INHERITS) {
        TSRI_TRY(hand_on(chain, specs, &arena, &inherited, err));
        inner_type.dtype = chain->type.dtype;
        inner_type.fill_value = chain->type.fill_value;
    }
    TSRI_TRY_IN(
        err,
        tsri_shard_new(chain->context, configuration, &inner_type, inherited, &chain->shard, err),
        "codec \"sharding_indexed\"");
    TSRI_TRY(note_encoder(chain, chain->shard->inner->encoder_err, err));
    return note_encoder(chain, chain->shard->index->encoder_err, err);
}

/* Behind elements of variable length the bytes have no other structure. */
static void follow_bytes(tsr_codec_type *type)
{
    static const uint8_t zero = 0;
    if (tsr_dtype_is_variable(type->dtype))
        *type = (tsr_codec_type){TSR_UINT8, type->rank, &zero};
}

/* The codec of a specification. The byte orders of a v2 data type are told to the codec of v3,
 * which no list of v2 names. */
static int find_codec(const tsri_chain *chain, const tsri_codec_spec *spec,
                      const tsr_codec_ops **ret_ops, tsr_error *err)
{
    if (spec->zarr_format == 2 && strcmp(spec->name, tsri_codec_bytes.name) == 0) {
        *ret_ops = &tsri_codec_bytes;
        return 0;
    }
    return tsr_codec_find(chain->context, spec->name, spec->zarr_format, ret_ops, err);
}

/* Binds specs[number]. */
static int bind_one(tsri_chain *chain, const tsri_codec_spec *specs, int number,
                    tsr_codec_type *type, bool *have_serializer, tsr_error *err)
{
    const tsri_codec_spec *spec = &specs[number];
    const tsr_codec_ops *ops;

    if (strcmp(spec->name, "sharding_indexed") == 0 && spec->zarr_format == 3) {
        TSRI_TRY(check_order(chain, *have_serializer, TSR_CODEC_ARRAY_TO_BYTES, spec->name, err));
        TSRI_TRY(bind_shard(chain, specs, type, err));
        *have_serializer = true;
        chain->bytes_first = chain->stage_count;
        follow_bytes(type);
        return 0;
    }
    TSRI_TRY(find_codec(chain, spec, &ops, err));
    TSRI_TRY(check_order(chain, *have_serializer, ops->kind, spec->name, err));
    TSRI_TRY(open_stage(chain, ops, spec, type, err));
    *type = chain->stages[chain->stage_count - 1].output;
    if (ops->kind == TSR_CODEC_ARRAY_TO_ARRAY)
        chain->array_count = chain->stage_count;
    if (ops->kind == TSR_CODEC_ARRAY_TO_BYTES) {
        *have_serializer = true;
        chain->bytes_first = chain->stage_count;
        follow_bytes(type);
    }
    return 0;
}

static int bind_all(tsri_chain *chain, const tsri_codec_spec *specs, int count, tsr_error *err)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    tsr_codec_type type = chain->type;
    bool have_serializer = false;

    TSRI_TRY(tsri_codec_specs_arrange(chain->context, specs, count, &arena, &specs, &count, err));
    for (int i = 0; i < count; i++)
        TSRI_TRY(bind_one(chain, specs, i, &type, &have_serializer, err));
    if (!have_serializer)
        return tsr_error_set(
            err, TSR_BAD_METADATA,
            "no array-to-bytes codec in the chain (\"bytes\" or \"sharding_indexed\")");
    return 0;
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
    void *fill_value = tsri_element_clone(type->dtype, type->fill_value);
    chain->type = (tsr_codec_type){tsr_dtype_ref(type->dtype), type->rank, fill_value};
    if (!chain->stages || !fill_value)
        return tsri_error_no_memory(err, CHAIN_CODECS_MAX * sizeof *chain->stages);
    TSRI_TRY(bind_all(chain, specs, count, err));
    *ret_chain = TSRI_TAKE(chain);
    return 0;
}

int tsri_chain_parse(tsr_context *context, const tsri_json *list, const char *path,
                     const tsr_codec_type *type, tsri_inherited inherited, tsri_chain **ret_chain,
                     tsr_error *err)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    const tsri_codec_spec *specs;
    int count;

    TSRI_TRY(tsri_codec_specs_parse(list, path, &arena, &specs, &count, err));
    if (inherited.count > 0) {
        size_t all = (size_t)inherited.count + (size_t)count;
        tsri_codec_spec *joined = tsri_arena_alloc(&arena, all, sizeof *joined);
        if (!joined)
            return tsri_error_no_memory(err, all * sizeof *joined);
        memcpy(joined, inherited.specs, (size_t)inherited.count * sizeof *joined);
        memcpy(joined + inherited.count, specs, (size_t)count * sizeof *joined);
        specs = joined;
        count += inherited.count;
    }
    TSRI_TRY_IN(err, tsri_chain_new(context, specs, count, type, ret_chain, err), "%s", path);
    (*ret_chain)->inherited_count = inherited.count;
    return 0;
}

static int describe_stage(const tsri_stage *stage, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, "{\"name\":\"%s\",\"configuration\":",
                              tsri_codec_v3_name(stage->ops, stage->codec)));
    TSRI_TRY(stage->ops->describe(stage->codec, 3, output, err));
    return tsr_output_print(output, err, "}");
}

int tsri_chain_describe(const tsri_chain *chain, tsr_output *output, tsr_error *err)
{
    const char *separator = "[";

    for (int i = chain->inherited_count; i <= chain->stage_count; i++) {
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
