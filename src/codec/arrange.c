#include "codec/arrange.h"

#include "meta/json.h"

/* The kind of a codec of v2; false for other codecs and for unknown ones. */
static bool kind_of(tsr_context *context, const tsri_codec_spec *spec, tsr_codec_kind *ret_kind)
{
    const tsr_codec_ops *ops;

    if (spec->zarr_format != 2 || tsr_codec_find(context, spec->name, 2, &ops, NULL) < 0)
        return false;
    *ret_kind = ops->kind;
    return true;
}

/* The byte order that a field names, or `otherwise`. */
static char order_of(const tsri_json *configuration, const char *field, char otherwise)
{
    tsri_json *value = json_object_object_get(configuration, field);
    const char *text =
        json_object_is_type(value, json_type_string) ? json_object_get_string(value) : "";

    return *text == '<' || *text == '>' ? *text : otherwise;
}

/* Follows the byte order of the elements through a filter. Filters that name no types leave it. */
static int follow_order(const tsri_codec_spec *filter, char *order, tsr_error *err)
{
    tsr_auto(tsri_json) *configuration = NULL;

    TSRI_TRY(tsr_json_parse(filter->configuration, strlen(filter->configuration), TSR_JSON_STRICT,
                            0, &configuration, err));
    if (!json_object_is_type(configuration, json_type_object))
        return 0;
    char decoded =
        order_of(configuration, "dtype", order_of(configuration, "decode_dtype", *order));
    if (decoded != *order && *order != '|')
        return tsr_error_set(
            err, TSR_UNSUPPORTED, "filter \"%s\" takes %s-endian elements where they are %s-endian",
            filter->name, decoded == '>' ? "big" : "little", *order == '>' ? "big" : "little");
    *order = order_of(configuration, "astype", order_of(configuration, "encode_dtype", decoded));
    return 0;
}

/* The position of "bytes" when codecs of v2 follow it, else -1. */
static int find_bytes(const tsri_codec_spec *specs, int count)
{
    for (int i = 0; i + 1 < count; i++)
        if (specs[i].zarr_format == 3 && strcmp(specs[i].name, "bytes") == 0)
            return specs[i + 1].zarr_format == 2 ? i : -1;
    return -1;
}

static char order_of_bytes(const tsri_codec_spec *bytes)
{
    if (strstr(bytes->configuration, "\"big\""))
        return '>';
    return strstr(bytes->configuration, "\"little\"") ? '<' : '|';
}

int tsri_codec_specs_arrange(tsr_context *context, const tsri_codec_spec *specs, int count,
                             tsri_arena *arena, const tsri_codec_spec **ret_specs, int *ret_count,
                             tsr_error *err)
{
    int bytes = find_bytes(specs, count), moved = 0;
    tsr_codec_kind kind = TSR_CODEC_BYTES_TO_BYTES;

    *ret_specs = specs;
    *ret_count = count;
    if (bytes < 0 || !kind_of(context, &specs[bytes + 1], &kind) ||
        kind == TSR_CODEC_BYTES_TO_BYTES)
        return 0;
    tsri_codec_spec *arranged = tsri_arena_alloc(arena, (size_t)count, sizeof *arranged);
    if (!arranged)
        return tsri_error_no_memory(err, (size_t)count * sizeof *arranged);
    memcpy(arranged, specs, (size_t)count * sizeof *arranged);
    char order = order_of_bytes(&specs[bytes]);
    for (; bytes + 1 < count && kind_of(context, &arranged[bytes + 1], &kind) &&
           kind == TSR_CODEC_ARRAY_TO_ARRAY;
         bytes++, moved++) {
        tsri_codec_spec swapped = arranged[bytes];
        arranged[bytes] = arranged[bytes + 1];
        arranged[bytes + 1] = swapped;
        TSRI_TRY(follow_order(&arranged[bytes], &order, err));
    }
    if (moved > 0)
        arranged[bytes].configuration =
            order == '>' ? "{\"endian\":\"big\"}" : "{\"endian\":\"little\"}";
    if (bytes + 1 < count && kind_of(context, &arranged[bytes + 1], &kind) &&
        kind == TSR_CODEC_ARRAY_TO_BYTES) {
        memmove(&arranged[bytes], &arranged[bytes + 1],
                (size_t)(--*ret_count - bytes) * sizeof *arranged);
    }
    *ret_specs = arranged;
    return 0;
}
