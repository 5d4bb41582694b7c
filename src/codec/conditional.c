/* conditional: bytes-to-bytes codecs that are applied to a chunk or not, as a bit mask in front of
 * its bytes says: the lowest bit of the first byte for the first codec, and so on. Bits of codecs
 * that there are not must be 0, so that codecs can be added to the list later. Extension registry,
 * codec "conditional" (first published as "optional").
 *
 * Which codecs a chunk gets is the writer's choice and recorded nowhere else. Ours tries all of
 * them together, each alone and none, and keeps what is smallest, the fewest of equals: so no chunk
 * is larger than its elements and the mask. */
#include "base/context.h"
#include "base/output.h"
#include "codec/configuration.h"
#include "meta/extension.h"

enum { CODECS_MAX = 64, HEADER_BITS_MAX = 8192 };

typedef struct conditional_stage {
    const tsr_codec_ops *ops;
    void *codec;
} conditional_stage;

typedef struct conditional_codec {
    int64_t header_bits;
    uint64_t largest_bytes; /* of what a codec without a bound may make */
    int count;
    conditional_stage stages[CODECS_MAX];
} conditional_codec;

/* ---- opening ---- */

static void conditional_close(void *opened)
{
    conditional_codec *codec = opened;
    for (int i = 0; i < codec->count; i++)
        if (codec->stages[i].ops->close)
            codec->stages[i].ops->close(codec->stages[i].codec);
    tsri_free(codec);
}

static int open_stage(conditional_codec *codec, const tsr_codec_setup *outer,
                      const tsri_codec_spec *spec, tsr_error *err)
{
    conditional_stage *stage = &codec->stages[codec->count];
    tsr_codec_setup setup = *outer;
    tsr_codec_type output = outer->input;

    setup.name = spec->name;
    setup.configuration = spec->configuration;
    setup.zarr_format = spec->zarr_format;
    TSRI_TRY(tsr_codec_find(setup.context, spec->name, spec->zarr_format, &stage->ops, err));
    if (stage->ops->kind != TSR_CODEC_BYTES_TO_BYTES)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/codecs: \"%s\" does not turn bytes into bytes",
                             outer->name, spec->name);
    TSRI_TRY_IN(err, stage->ops->open(&setup, &stage->codec, &output, err), "codec \"%s\"",
                spec->name);
    codec->count++;
    return 0;
}

static int read_codecs(const tsri_configuration *configuration, const tsr_codec_setup *setup,
                       conditional_codec *codec, tsr_error *err)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    const tsri_codec_spec *specs;
    tsri_json *list;
    int count;

    if (!json_object_object_get_ex(configuration->json, "codecs", &list))
        return tsri_configuration_missing(configuration, "codecs", "a list of codecs is required",
                                          err);
    TSRI_TRY_IN(err,
                tsri_codec_specs_parse(list, "/configuration/codecs", &arena, &specs, &count, err),
                "%s", setup->name);
    if (count > CODECS_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: /configuration/codecs: more than %d codecs",
                             setup->name, CODECS_MAX);
    for (int i = 0; i < count; i++)
        TSRI_TRY(open_stage(codec, setup, &specs[i], err));
    return 0;
}

static int read_configuration(const tsr_codec_setup *setup, conditional_codec *codec,
                              tsr_error *err)
{
    static const char *const known[] = {"codecs", "header_bits", NULL};
    tsr_auto(tsri_configuration) configuration = {0};

    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    TSRI_TRY(tsri_configuration_only(&configuration, known, err));
    TSRI_TRY(read_codecs(&configuration, setup, codec, err));
    codec->header_bits = (codec->count + 7) / 8 * 8;
    TSRI_TRY(tsri_configuration_int(&configuration, "header_bits", codec->count, HEADER_BITS_MAX,
                                    &codec->header_bits, err));
    if (codec->header_bits % 8 != 0)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/header_bits: %d is no multiple of 8", setup->name,
                             (int)codec->header_bits);
    return 0;
}

static int conditional_open(const tsr_codec_setup *setup, void **ret_codec,
                            tsr_codec_type *ret_output, tsr_error *err)
{
    (void)ret_output; /* bytes stay bytes */
    conditional_codec *codec = tsri_alloc_zero(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    codec->largest_bytes = (uint64_t)setup->context->options.largest_chunk_bytes;
    int status = read_configuration(setup, codec, err);
    if (status < 0)
        conditional_close(codec);
    else
        *ret_codec = codec;
    return status;
}

static int conditional_describe(const void *opened, int zarr_format, tsr_output *output,
                                tsr_error *err)
{
    const conditional_codec *codec = opened;

    TSRI_TRY(tsr_output_print(output, err, "{\"codecs\":["));
    for (int i = 0; i < codec->count; i++) {
        TSRI_TRY(
            tsr_output_print(output, err, "%s{\"name\":\"%s\",\"configuration\":", i > 0 ? "," : "",
                             tsri_codec_v3_name(codec->stages[i].ops, codec->stages[i].codec)));
        TSRI_TRY(codec->stages[i].ops->describe(codec->stages[i].codec, zarr_format, output, err));
        TSRI_TRY(tsr_output_append(output, "}", 1, err));
    }
    return tsr_output_print(output, err, "],\"header_bits\":%d}", (int)codec->header_bits);
}

static size_t header_bytes(const conditional_codec *codec)
{
    return (size_t)codec->header_bits / 8;
}

static tsr_size_bound conditional_bound(const void *opened, uint64_t size_bytes)
{
    return tsri_size_bound(TSR_SIZE_BOUNDED, size_bytes, header_bytes(opened));
}

/* ---- encoding ---- */

static void swap(tsr_output *a, tsr_output *b)
{
    tsr_output kept = *a;
    *a = *b;
    *b = kept;
}

/* The bytes behind the codecs of a mask. `ret_output` is emptied first. */
static int apply(const conditional_codec *codec, uint64_t mask, tsr_codec_scratch *scratch,
                 const void *bytes, size_t size_bytes, tsr_output *ret_output, tsr_error *err)
{
    tsr_auto(tsri_output) before = TSRI_OUTPUT_INIT(SIZE_MAX);

    for (int i = 0; i < codec->count; i++) {
        const conditional_stage *stage = &codec->stages[i];
        if (!(mask >> i & 1))
            continue;
        ret_output->size_bytes = 0;
        TSRI_TRY_IN(
            err,
            stage->ops->encode_bytes(stage->codec, scratch, bytes, size_bytes, ret_output, err),
            "codec \"%s\"", stage->ops->name);
        swap(&before, ret_output);
        bytes = before.data;
        size_bytes = before.size_bytes;
    }
    swap(&before, ret_output);
    return 0;
}

/* Leaves the smallest form that was tried in `ret_best`, with its mask: 0 where that is the bytes
 * as they are, which are then not copied. */
static int choose(const conditional_codec *codec, tsr_codec_scratch *scratch, const void *bytes,
                  size_t size_bytes, tsr_output *ret_best, uint64_t *ret_mask, tsr_error *err)
{
    tsr_auto(tsri_output) trial = TSRI_OUTPUT_INIT(SIZE_MAX);
    uint64_t all = codec->count == CODECS_MAX ? UINT64_MAX : (UINT64_C(1) << codec->count) - 1;
    int trials = codec->count > 1 ? codec->count + 1 : codec->count;
    size_t best_bytes = size_bytes;

    *ret_mask = 0;
    for (int i = 0; i < trials; i++) {
        uint64_t mask = i < codec->count ? UINT64_C(1) << i : all;
        TSRI_TRY(apply(codec, mask, scratch, bytes, size_bytes, &trial, err));
        if (trial.size_bytes >= best_bytes)
            continue;
        best_bytes = trial.size_bytes;
        *ret_mask = mask;
        swap(&trial, ret_best);
    }
    return 0;
}

static int conditional_encode(const void *opened, tsr_codec_scratch *scratch, const void *bytes,
                              size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const conditional_codec *codec = opened;
    tsr_auto(tsri_output) best = TSRI_OUTPUT_INIT(SIZE_MAX);
    size_t header = header_bytes(codec);
    uint64_t mask;
    char *room;

    TSRI_TRY(choose(codec, scratch, bytes, size_bytes, &best, &mask, err));
    TSRI_TRY(tsri_codec_reserve(output, header, &room, err));
    for (size_t i = 0; i < header; i++)
        room[i] = i < sizeof mask ? (char)(mask >> 8 * i) : 0;
    output->size_bytes += header;
    return tsr_output_append(output, mask ? best.data : bytes, mask ? best.size_bytes : size_bytes,
                             err);
}

/* ---- decoding ---- */

static int read_mask(const conditional_codec *codec, const unsigned char *bytes, size_t size_bytes,
                     uint64_t *ret_mask, tsr_error *err)
{
    uint64_t mask = 0;

    if (size_bytes < header_bytes(codec))
        return tsri_codec_error_truncated(err, "conditional", size_bytes);
    for (int64_t bit = 0; bit < codec->header_bits; bit++) {
        if (!(bytes[bit / 8] >> bit % 8 & 1))
            continue;
        if (bit >= codec->count)
            return tsr_error_set(err, TSR_DAMAGED, "conditional: the mask asks for codec %d of %d",
                                 (int)bit + 1, codec->count);
        mask |= UINT64_C(1) << bit;
    }
    *ret_mask = mask;
    return 0;
}

/* How many bytes each codec of the mask may decode to: what the one before it can have made. */
static void find_rooms(const conditional_codec *codec, uint64_t mask, uint64_t size_bytes,
                       uint64_t *ret_rooms)
{
    for (int i = 0; i < codec->count; i++) {
        if (!(mask >> i & 1))
            continue;
        ret_rooms[i] = size_bytes;
        tsr_size_bound bound =
            codec->stages[i].ops->bytes_bound(codec->stages[i].codec, size_bytes);
        size_bytes =
            bound.size_class == TSR_SIZE_UNBOUNDED ? codec->largest_bytes : bound.size_bytes;
    }
}

/* Undoes one codec. Unless it is the first of the mask, which fills the caller's output, its output
 * is new memory, which takes the place of *buffer. */
static int undo(const conditional_stage *stage, tsr_codec_scratch *scratch, const void **bytes,
                size_t *size_bytes, void *output, uint64_t room, char **buffer, tsr_error *err)
{
    char *own = output ? NULL : tsri_alloc(room + 1);
    void *to = output ? output : own;

    if (!to)
        return tsri_error_no_memory(err, room);
    int status = stage->ops->decode_bytes(stage->codec, scratch, *bytes, *size_bytes, to,
                                          (size_t)room, size_bytes, err);
    if (status < 0)
        tsr_error_prepend(err, "codec \"%s\"", stage->ops->name);
    tsri_free(*buffer);
    *buffer = own;
    *bytes = to;
    return status;
}

static int conditional_decode(const void *opened, tsr_codec_scratch *scratch, const void *bytes,
                              size_t size_bytes, void *output, size_t capacity_bytes,
                              size_t *ret_size_bytes, tsr_error *err)
{
    const conditional_codec *codec = opened;
    uint64_t rooms[CODECS_MAX] = {0}, mask = 0;
    char *buffer = NULL;
    int status = 0;

    TSRI_TRY(read_mask(codec, bytes, size_bytes, &mask, err));
    bytes = (const char *)bytes + header_bytes(codec);
    size_bytes -= header_bytes(codec);
    if (mask == 0 && size_bytes > capacity_bytes)
        return tsri_codec_error_capacity(err, "conditional", capacity_bytes);
    if (mask == 0 && size_bytes > 0)
        memcpy(output, bytes, size_bytes);
    find_rooms(codec, mask, capacity_bytes, rooms);
    for (int i = codec->count - 1; i >= 0 && status == 0; i--)
        if (mask >> i & 1)
            status = undo(&codec->stages[i], scratch, &bytes, &size_bytes,
                          mask & ((UINT64_C(1) << i) - 1) ? NULL : output, rooms[i], &buffer, err);
    tsri_free(buffer);
    if (status == 0)
        *ret_size_bytes = size_bytes;
    return status;
}

const tsr_codec_ops tsri_codec_conditional = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "conditional",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = conditional_open,
    .close = conditional_close,
    .describe = conditional_describe,
    .bytes_bound = conditional_bound,
    .encode_bytes = conditional_encode,
    .decode_bytes = conditional_decode,
};
