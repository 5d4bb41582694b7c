/* Encoding a leaf chunk: array-to-array codecs, the elements as bytes, bytes-to-bytes codecs. */
#include "base/context.h"
#include "base/profile.h"
#include "codec/chain.h"

/* An output that lies in a scratch buffer and cannot grow beyond it. */
static int output_in_scratch(tsr_codec_scratch *scratch, tsri_buffer which, size_t size_bytes,
                             tsr_output *ret_output, tsr_error *err)
{
    *ret_output = (tsr_output){.capacity_bytes = size_bytes, .max_bytes = size_bytes};
    ret_output->data = tsri_scratch_buffer(scratch, which, size_bytes);
    return ret_output->data ? 0 : tsri_error_no_memory(err, size_bytes);
}

static int move_axes(const tsri_chain *chain, tsr_view *view, tsr_error *err)
{
    for (int i = 0; i < chain->array_count; i++)
        TSRI_TRY(chain->stages[i].ops->rearrange(chain->stages[i].codec, view, err));
    return 0;
}

/* Applies array-to-array codec `number`; values that it changes land in a scratch buffer, of which
 * there are two, since the last one still holds what it reads. */
static int apply_array_stage(const tsri_chain *chain, tsr_codec_scratch *scratch, int number,
                             tsri_buffer *next, tsr_view *view, tsr_error *err)
{
    const tsri_stage *stage = &chain->stages[number];
    tsr_view encoded;
    int64_t shape[TSR_RANK_MAX];
    int rank;

    if (stage->ops->rearrange)
        return stage->ops->rearrange(stage->codec, view, err);
    TSRI_TRY(stage->ops->encoded_shape(stage->codec, view->rank, view->shape, &rank, shape, err));
    TSRI_TRY(tsr_view_init(&encoded, stage->output.dtype, rank, shape, view->data, err));
    encoded.data = tsri_scratch_buffer(scratch, *next, (size_t)tsr_view_size(&encoded));
    *next = *next == TSRI_BUFFER_ARRAY ? TSRI_BUFFER_ARRAY_B : TSRI_BUFFER_ARRAY;
    if (!encoded.data)
        return tsri_error_no_memory(err, (size_t)tsr_view_size(&encoded));
    TSRI_TRY(stage->ops->encode_view(stage->codec, scratch, view, &encoded, err));
    *view = encoded;
    return 0;
}

static int apply_arrays(const tsri_prepared *prepared, tsr_codec_scratch *scratch, tsr_view *view,
                        tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    tsri_buffer next = TSRI_BUFFER_ARRAY;

    if (prepared->moves_only)
        return move_axes(chain, view, err);
    for (int i = 0; i < chain->array_count; i++)
        TSRI_TRY_IN(err, apply_array_stage(chain, scratch, i, &next, view, err), "codec \"%s\"",
                    chain->stages[i].ops->name);
    return 0;
}

/* The first bytes-to-bytes stage from which on all codecs only append. */
static int first_appending(const tsri_chain *chain)
{
    int first = chain->stage_count;
    while (first > chain->bytes_first && chain->stages[first - 1].ops->append)
        first--;
    return first;
}

static int append_stages(const tsri_chain *chain, int first, size_t start, tsr_output *output,
                         tsr_error *err)
{
    for (int i = first; i < chain->stage_count; i++)
        TSRI_TRY_IN(err, chain->stages[i].ops->append(chain->stages[i].codec, output, start, err),
                    "codec \"%s\"", chain->stages[i].ops->name);
    return 0;
}

static void output_free(tsr_output *output)
{
    tsri_free(output->data);
    *output = (tsr_output){0};
}

/* Runs the stages [bytes_first, end) from `bytes` into `output`, through buffers of their own in
 * between. */
static int pack_stages(const tsri_chain *chain, tsr_codec_scratch *scratch, int end,
                       const void *bytes, size_t size_bytes, tsr_output *output, tsr_error *err)
{
    tsr_output between[2] = {{.max_bytes = SIZE_MAX}, {.max_bytes = SIZE_MAX}};
    int status = 0;

    for (int i = chain->bytes_first; i < end && status == 0; i++) {
        const tsri_stage *stage = &chain->stages[i];
        tsr_output *target = i == end - 1 ? output : &between[i % 2];
        if (target != output)
            target->size_bytes = 0;
        status = stage->ops->encode_bytes(stage->codec, scratch, bytes, size_bytes, target, err);
        if (status < 0)
            tsr_error_prepend(err, "codec \"%s\"", stage->ops->name);
        bytes = target->data;
        size_bytes = target->size_bytes;
    }
    output_free(&between[0]);
    output_free(&between[1]);
    return status;
}

int tsri_chain_pack(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                    size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    int appending = first_appending(chain);
    size_t start = output->size_bytes;

    if (appending == chain->bytes_first)
        TSRI_TRY(tsr_output_append(output, bytes, size_bytes, err));
    else
        TSRI_TRY(pack_stages(chain, scratch, appending, bytes, size_bytes, output, err));
    return append_stages(chain, appending, start, output, err);
}

static int serialize(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                     const tsr_view *encoded, tsr_output *output, tsr_error *err)
{
    const tsri_stage *serializer = &prepared->chain->stages[prepared->chain->array_count];
    TSRI_TRY_IN(err,
                serializer->ops->encode_array(serializer->codec, scratch, encoded, output, err),
                "codec \"%s\"", serializer->ops->name);
    return 0;
}

/* Serializes into memory of its own and packs that. */
static int serialize_and_pack(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                              const tsr_view *encoded, tsr_output *output, tsr_error *err)
{
    tsr_size_bound serialized = prepared->bounds[0];
    tsr_output gathered = {.max_bytes = SIZE_MAX};
    bool fixed = serialized.size_class == TSR_SIZE_FIXED;

    if (fixed)
        TSRI_TRY(output_in_scratch(scratch, TSRI_BUFFER_GATHER, (size_t)serialized.size_bytes,
                                   &gathered, err));
    int status = serialize(prepared, scratch, encoded, &gathered, err);
    if (status == 0)
        status =
            tsri_chain_pack(prepared, scratch, gathered.data, gathered.size_bytes, output, err);
    if (!fixed)
        output_free(&gathered);
    return status;
}

static int encode(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const tsr_view *chunk,
                  tsr_output *output, tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;
    tsr_view encoded = *chunk;
    size_t start = output->size_bytes;

    TSRI_TRY(apply_arrays(prepared, scratch, &encoded, err));
    if (first_appending(chain) == chain->bytes_first) {
        TSRI_TRY(serialize(prepared, scratch, &encoded, output, err));
        return append_stages(chain, chain->bytes_first, start, output, err);
    }
    if (prepared->in_place && !prepared->swapped && tsr_view_is_dense(&encoded))
        return tsri_chain_pack(prepared, scratch, encoded.data, (size_t)tsr_view_size(&encoded),
                               output, err);
    return serialize_and_pack(prepared, scratch, &encoded, output, err);
}

int tsri_chain_encode(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                      const tsr_view *chunk, tsr_output *output, tsr_error *err)
{
    const tsr_context *context = prepared->chain->context;
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_ENCODE);
    int status = encode(prepared, scratch, chunk, output, err);
    tsri_phase_end(context, before);
    return status;
}
