/* The registry of codecs, and the state that each thread brings along. */
#include "codec/codec.h"
#include "codec/chain.h"

#include <stdio.h>

#include "tessera/build_config.h"

#include "base/context.h"

/* ---- the registry ---- */

/* clang-format off */
static const void *const built_in[] = { /* tsr_codec_ops */
    /* array to bytes */
    &tsri_codec_bytes, &tsri_codec_packbits, &tsri_codec_vlen_utf8, &tsri_codec_vlen_bytes,
    &tsri_codec_vlen_array, &tsri_codec_json2, &tsri_codec_n5_default,
#if TESSERA_HAVE_ZFP
    &tsri_codec_zfp, &tsri_codec_zfpy,
#endif
#if TESSERA_HAVE_IMAGE_PNG
    &tsri_codec_png,
#endif
#if TESSERA_HAVE_IMAGE_JPEG
    &tsri_codec_jpeg,
#endif
#if TESSERA_HAVE_IMAGE_WEBP
    &tsri_codec_webp,
#endif
#if TESSERA_HAVE_IMAGE_JPEG2K
    &tsri_codec_jpeg2k,
#endif
    /* array to array */
    &tsri_codec_transpose, &tsri_codec_reshape, &tsri_codec_cast_value, &tsri_codec_scale_offset,
    &tsri_codec_bitround, &tsri_codec_numcodecs_bitround,
    &tsri_codec_numcodecs_packbits, &tsri_codec_delta, &tsri_codec_fixedscaleoffset,
    &tsri_codec_quantize, &tsri_codec_astype, &tsri_codec_categorize,
    /* bytes to bytes: compressors, filters, checksums */
    &tsri_codec_zstd, &tsri_codec_blosc, &tsri_codec_gzip, &tsri_codec_zlib, &tsri_codec_lz4,
    &tsri_codec_bz2, &tsri_codec_lzma,
    &tsri_codec_shuffle, &tsri_codec_base64,
    &tsri_codec_crc32c, &tsri_codec_crc32, &tsri_codec_adler32, &tsri_codec_fletcher32,
    &tsri_codec_jenkins_lookup3, &tsri_codec_conditional,
};
/* clang-format on */

/* The name of the first required function that is missing, or NULL. */
static const char *missing_function(const tsr_codec_ops *ops)
{
    if (!ops->open)
        return "open";
    if (!ops->describe)
        return "describe";
    switch (ops->kind) {
    case TSR_CODEC_ARRAY_TO_ARRAY:
        if (!ops->encoded_shape)
            return "encoded_shape";
        if (!ops->rearrange && !(ops->encode_view && ops->decode_view))
            return "rearrange, or encode_view and decode_view";
        return NULL;
    case TSR_CODEC_ARRAY_TO_BYTES:
        if (!ops->array_bound)
            return "array_bound";
        return ops->encode_array && ops->decode_array ? NULL : "encode_array and decode_array";
    case TSR_CODEC_BYTES_TO_BYTES:
        if (!ops->bytes_bound)
            return "bytes_bound";
        return ops->encode_bytes && ops->decode_bytes ? NULL : "encode_bytes and decode_bytes";
    }
    return "kind";
}

int tsr_codec_register(tsr_context *context, const tsr_codec_ops *ops, tsr_error *err)
{
    if (ops->struct_size < sizeof *ops)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "a codec has a struct_size of %zu, this library needs %zu: set it to "
                             "sizeof(tsr_codec_ops) and compile the codec against this version",
                             ops->struct_size, sizeof *ops);
    if (!ops->name || !*ops->name)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a codec needs a name");
    const char *missing = missing_function(ops);
    if (missing)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "codec %s lacks %s", ops->name, missing);
    return tsri_context_register(context, TSRI_REGISTRY_CODEC, ops, err);
}

static bool answers_to(const tsr_codec_ops *ops, const char *name, int zarr_format)
{
    if (zarr_format == 2)
        return ops->v2_id && strcmp(ops->v2_id, name) == 0;
    if (strcmp(ops->name, name) == 0)
        return true;
    for (const char *const *alias = ops->aliases; alias && *alias; alias++)
        if (strcmp(*alias, name) == 0)
            return true;
    return false;
}

typedef struct known_names {
    int zarr_format;
    char text[TSR_ERROR_DETAIL_MAX];
} known_names;

static int append_name(void *user, const tsr_codec_ops *ops)
{
    known_names *known = user;
    const char *name = known->zarr_format == 2 ? ops->v2_id : ops->name;
    size_t used = strlen(known->text);
    if (name)
        snprintf(known->text + used, sizeof known->text - used, "%s%s", used ? ", " : "", name);
    return 0;
}

/* Codecs that are known, and are not here for a reason. */
typedef struct refused_codec {
    const char *name, *reason, *next_step;
} refused_codec;

static const refused_codec refused[] = {
    {"pcodec", "its format is defined by a Rust library alone, which has no C interface",
     "rewrite the array with zarr-python and another compressor, e.g. blosc"},
    {"pickle", "unpickling runs whatever code the data names",
     "rewrite the array with zarr-python as strings (vlen-utf8) or as numbers, where you trust it"},
    {"msgpack2", "its elements are Python objects of any type",
     "rewrite the array with zarr-python as strings (vlen-utf8) or as numbers"},
};

int tsri_codec_refuse(const char *name, tsr_error *err)
{
    static const char prefix[] = "numcodecs.";
    const char *short_name =
        strncmp(name, prefix, strlen(prefix)) == 0 ? name + strlen(prefix) : name;

    for (size_t i = 0; i < TSRI_COUNT(refused); i++) {
        if (strcmp(refused[i].name, short_name) != 0)
            continue;
        tsr_error_set(err, TSR_UNSUPPORTED, "codec \"%s\" is not supported: %s", name,
                      refused[i].reason);
        tsr_error_set_next_step(err, "%s", refused[i].next_step);
        return TSR_UNSUPPORTED;
    }
    return 0;
}

static int unknown_codec(tsr_context *context, const char *name, int zarr_format, tsr_error *err)
{
    known_names known = {.zarr_format = zarr_format};

    TSRI_TRY(tsri_codec_refuse(name, err));
    tsr_codec_list(context, append_name, &known);
    tsr_error_set(err, TSR_UNSUPPORTED, "codec \"%.64s\" is not known for Zarr v%d", name,
                  zarr_format);
    tsr_error_set_next_step(err, "known codecs: %s", known.text);
    return TSR_UNSUPPORTED;
}

/* What stands now for the beginning of names that Zarr v3 codecs had before there was a registry.
 */
static const struct {
    const char *before, *now;
} former_names[] = {
    {"https://zarr.dev/numcodecs/", "numcodecs."},             /* numcodecs 0.13 */
    {"https://codec.zarrs.dev/bytes_to_bytes/", "numcodecs."}, /* zarrs 0.17 */
    {"https://codec.zarrs.dev/array_to_array/", ""},
    {"https://codec.zarrs.dev/array_to_bytes/", ""},
};

/* The name that a codec goes by now; `buffer` is as long as any. */
static const char *present_name(const char *name, char *buffer, size_t size_bytes)
{
    for (size_t i = 0; i < TSRI_COUNT(former_names); i++) {
        size_t length = strlen(former_names[i].before);
        if (strncmp(name, former_names[i].before, length) != 0)
            continue;
        snprintf(buffer, size_bytes, "%s%s", former_names[i].now, name + length);
        return buffer;
    }
    return name;
}

static const tsr_codec_ops *find(tsr_context *context, const char *name, int zarr_format)
{
    const tsr_codec_ops *ops;

    for (size_t n = 0; (ops = tsri_context_registered(context, TSRI_REGISTRY_CODEC, n)); n++)
        if (answers_to(ops, name, zarr_format))
            return ops;
    for (size_t i = 0; i < TSRI_COUNT(built_in); i++)
        if (answers_to(built_in[i], name, zarr_format))
            return built_in[i];
    return NULL;
}

int tsr_codec_find(tsr_context *context, const char *name, int zarr_format,
                   const tsr_codec_ops **ret_ops, tsr_error *err)
{
    char buffer[64];
    const tsr_codec_ops *ops = find(context, name, zarr_format);

    if (!ops && zarr_format != 2)
        ops = find(context, present_name(name, buffer, sizeof buffer), zarr_format);
    if (!ops)
        return unknown_codec(context, name, zarr_format, err);
    *ret_ops = ops;
    return 0;
}

int tsr_codec_list(tsr_context *context, int (*each)(void *user, const tsr_codec_ops *ops),
                   void *user)
{
    const tsr_codec_ops *ops;
    int end = 0;

    for (size_t n = 0; end == 0 && (ops = tsri_context_listed(context, TSRI_REGISTRY_CODEC,
                                                              built_in, TSRI_COUNT(built_in), n));
         n++)
        end = each(user, ops);
    return end;
}

/* ---- scratch ---- */

typedef struct scratch_entry {
    const tsr_scratch_state *kind;
    void *state;
    struct scratch_entry *next;
} scratch_entry;

struct tsr_codec_scratch {
    scratch_entry *entries; /* few: one per kind of codec in use */
};

int tsr_codec_scratch_new(tsr_codec_scratch **ret_scratch, tsr_error *err)
{
    tsr_codec_scratch *scratch = tsri_alloc_zero(sizeof *scratch);
    if (!scratch)
        return tsri_error_no_memory(err, sizeof *scratch);
    *ret_scratch = scratch;
    return 0;
}

void tsr_codec_scratch_free(tsr_codec_scratch *scratch)
{
    if (!scratch)
        return;
    for (scratch_entry *entry = scratch->entries, *next; entry; entry = next) {
        next = entry->next;
        entry->kind->destroy(entry->state);
        tsri_free(entry);
    }
    tsri_free(scratch);
}

void *tsr_codec_scratch_state(tsr_codec_scratch *scratch, const tsr_scratch_state *kind)
{
    for (scratch_entry *entry = scratch->entries; entry; entry = entry->next)
        if (entry->kind == kind)
            return entry->state;

    scratch_entry *entry = tsri_alloc(sizeof *entry);
    if (!entry)
        return NULL;
    *entry = (scratch_entry){kind, kind->create(), scratch->entries};
    if (!entry->state) {
        tsri_free(entry);
        return NULL;
    }
    scratch->entries = entry;
    return entry->state;
}

void tsri_codec_scratch_drop(tsr_codec_scratch *scratch, const tsr_scratch_state *kind)
{
    for (scratch_entry **link = &scratch->entries; *link; link = &(*link)->next) {
        scratch_entry *entry = *link;
        if (entry->kind != kind)
            continue;
        *link = entry->next;
        kind->destroy(entry->state);
        tsri_free(entry);
        return;
    }
}

/* ---- what several codecs share ---- */

int tsri_codec_reserve(tsr_output *output, size_t size_bytes, char **ret_data, tsr_error *err)
{
    tsr_error unasked TSRI_UNINITIALIZED; /* a failure fills it in */
    if (!err)
        err = &unasked;
    char *data = tsr_output_reserve(output, size_bytes, err);
    if (!data)
        return err->status;
    *ret_data = data;
    return 0;
}

tsr_size_bound tsri_codec_unbounded(const void *codec, const tsr_dtype *dtype, int rank,
                                    const int64_t *shape)
{
    (void)codec;
    (void)dtype;
    (void)rank;
    (void)shape;
    return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
}

int tsri_codec_error_capacity(tsr_error *err, const char *codec, size_t capacity_bytes)
{
    return tsr_error_set(err, TSR_DAMAGED,
                         "%s: the data decodes to more than the %zu bytes that it should", codec,
                         capacity_bytes);
}

int tsri_codec_error_truncated(tsr_error *err, const char *codec, size_t size_bytes)
{
    return tsr_error_set(err, TSR_DAMAGED, "%s: the data is cut off after %zu bytes", codec,
                         size_bytes);
}
