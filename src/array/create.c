/* From create options to metadata: chunk shapes, codec lists in their short and long forms. */
#include "array/create.h"

#include <inttypes.h>

#include "array/grid_meta.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "codec/codec.h"

#define CHUNK_BYTES_AIM (INT64_C(1) << 20)
#define SHARD_BYTES_AIM (INT64_C(64) << 20)

void tsr_array_create_options_init(tsr_array_create_options *options)
{
    *options =
        (tsr_array_create_options){.struct_size = sizeof *options, .zarr_format = 3, .order = 'C'};
}

/* ---- shapes ---- */

typedef struct shapes {
    int64_t chunk[TSR_RANK_MAX], shard[TSR_RANK_MAX];
    bool sharded;
    tsri_grid *grid; /* held: of chunks, or shards, of several lengths; otherwise NULL */
} shapes;

static void shapes_cleanup(shapes *self)
{
    tsri_grid_unref(self->grid);
}

static int64_t shape_bytes(const tsr_array_create_options *options, const int64_t *shape)
{
    int64_t count, bytes;
    if (!tsri_shape_count(options->rank, shape, &count) ||
        !tsri_multiply_i64(count, (int64_t)options->dtype->size_bytes, &bytes))
        return INT64_MAX;
    return bytes;
}

/* Halves the longest axis until a chunk has about the size aimed at. */
static void choose_chunk(const tsr_array_create_options *options, int64_t *ret_chunk)
{
    for (int axis = 0; axis < options->rank; axis++)
        ret_chunk[axis] = TSRI_MAX(options->shape[axis], INT64_C(1));
    while (shape_bytes(options, ret_chunk) > CHUNK_BYTES_AIM) {
        int longest = 0;
        for (int axis = 1; axis < options->rank; axis++)
            if (ret_chunk[axis] > ret_chunk[longest])
                longest = axis;
        if (ret_chunk[longest] == 1)
            return;
        ret_chunk[longest] = tsri_ceil_divide(ret_chunk[longest], 2);
    }
}

/* Doubles the axis along which most chunks are left until a shard has about the size aimed at. */
static void choose_shard(const tsr_array_create_options *options, const int64_t *chunk,
                         int64_t *ret_shard)
{
    memcpy(ret_shard, chunk, (size_t)options->rank * sizeof *chunk);
    while (shape_bytes(options, ret_shard) <= SHARD_BYTES_AIM / 2) {
        int most = -1;
        int64_t most_left = 1;
        for (int axis = 0; axis < options->rank; axis++) {
            int64_t left = tsri_ceil_divide(options->shape[axis], ret_shard[axis]);
            if (left > most_left) {
                most_left = left;
                most = axis;
            }
        }
        if (most < 0)
            return;
        ret_shard[most] *= 2;
    }
}

static int take_lengths(const tsr_array_create_options *options, const int64_t *given,
                        const char *what, int64_t *ret_shape, tsr_error *err)
{
    for (int axis = 0; axis < options->rank; axis++) {
        ret_shape[axis] =
            given[axis] == -1 ? TSRI_MAX(options->shape[axis], INT64_C(1)) : given[axis];
        if (ret_shape[axis] <= 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "%s: %" PRId64 " along axis %d; at least 1, or -1 for all", what,
                                 given[axis], axis);
    }
    return 0;
}

/* A shard of the whole axis is rounded up to whole inner chunks. */
static int take_shard(const tsr_array_create_options *options, const int64_t *chunk,
                      int64_t *ret_shard, tsr_error *err)
{
    TSRI_TRY(take_lengths(options, options->shard_shape, "shard shape", ret_shard, err));
    for (int axis = 0; axis < options->rank; axis++) {
        if (options->shard_shape[axis] == -1 &&
            !tsri_multiply_i64(tsri_ceil_divide(ret_shard[axis], chunk[axis]), chunk[axis],
                               &ret_shard[axis]))
            return tsr_error_set(err, TSR_LIMIT, "shard shape: axis %d is too long", axis);
        if (ret_shard[axis] % chunk[axis] != 0) {
            tsr_error_set(err, TSR_INVALID_ARGUMENT,
                          "shard shape: %" PRId64
                          " along axis %d is no multiple of the chunk's %" PRId64,
                          ret_shard[axis], axis, chunk[axis]);
            int64_t whole = ret_shard[axis] / chunk[axis] * chunk[axis];
            tsr_error_set_next_step(err, "a shard holds whole chunks: %" PRId64 " would do",
                                    TSRI_MAX(whole, chunk[axis]));
            return TSR_INVALID_ARGUMENT;
        }
    }
    return 0;
}

/* Chunks of several lengths, or shards of several lengths with inner chunks of one shape. */
static int take_edges(const tsr_array_create_options *options, shapes *ret_shapes, tsr_error *err)
{
    tsr_auto(tsri_json) *list = NULL;

    if (options->shard_shape || options->shard_auto || options->zarr_format == 2) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT,
                      "chunk edges go with neither a shard shape nor Zarr v2");
        tsr_error_set_next_step(err, "with a chunk shape beside them, they are those of shards");
        return TSR_INVALID_ARGUMENT;
    }
    TSRI_TRY_IN(err,
                tsr_json_parse(options->chunk_edges, strlen(options->chunk_edges), TSR_JSON_STRICT,
                               0, &list, err),
                "chunk edges");
    TSRI_TRY_IN(
        err, tsri_grid_parse_axes(list, "", options->rank, options->shape, &ret_shapes->grid, err),
        "chunk edges");
    ret_shapes->sharded = !options->codecs && options->chunk_shape;
    tsri_grid_largest(ret_shapes->grid,
                      ret_shapes->sharded ? ret_shapes->shard : ret_shapes->chunk);
    return ret_shapes->sharded
               ? take_lengths(options, options->chunk_shape, "chunk shape", ret_shapes->chunk, err)
               : 0;
}

static int choose_shapes(const tsr_array_create_options *options, shapes *ret_shapes,
                         tsr_error *err)
{
    if (options->chunk_edges)
        return take_edges(options, ret_shapes, err);
    if (options->chunk_shape)
        TSRI_TRY(
            take_lengths(options, options->chunk_shape, "chunk shape", ret_shapes->chunk, err));
    else
        choose_chunk(options, ret_shapes->chunk);
    ret_shapes->sharded = !options->codecs && (options->shard_shape || options->shard_auto);
    if (ret_shapes->sharded && options->shard_shape)
        return take_shard(options, ret_shapes->chunk, ret_shapes->shard, err);
    if (ret_shapes->sharded)
        choose_shard(options, ret_shapes->chunk, ret_shapes->shard);
    return 0;
}

/* ---- codecs ---- */

/* The parts of a short form, "blosc:lz4:5:shuffle": up to four, the rest NULL. */
typedef struct short_form {
    char text[128];
    const char *parts[4];
    int count;
} short_form;

static int split_short_form(const char *text, short_form *ret_form, tsr_error *err)
{
    ret_form->count = 0;
    memset(ret_form->parts, 0, sizeof ret_form->parts);
    if (strlen(text) >= sizeof ret_form->text)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "codec \"%.40s...\" is too long", text);
    strcpy(ret_form->text, text);
    for (char *at = ret_form->text; at; ret_form->count++) {
        if (ret_form->count == 4)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT, "codec \"%s\" has too many parts",
                                 text);
        ret_form->parts[ret_form->count] = at;
        at = strchr(at, ':');
        if (at)
            *at++ = '\0';
    }
    return 0;
}

static bool is_integer(const char *text)
{
    if (*text == '-')
        text++;
    return *text && strspn(text, "0123456789") == strlen(text);
}

static int short_form_error(const char *text, tsr_error *err)
{
    tsr_error_set(err, TSR_INVALID_ARGUMENT, "codec \"%s\" is not understood", text);
    tsr_error_set_next_step(
        err, "write zstd:LEVEL, gzip:LEVEL, zlib:LEVEL, bz2:LEVEL, lzma:PRESET, lz4, "
             "blosc:NAME:LEVEL:SHUFFLE or none; "
             "`tessera codecs` lists all");
    return TSR_INVALID_ARGUMENT;
}

/* The JSON of a blosc codec in the words of its format. */
static int print_blosc(const short_form *form, int zarr_format, const tsr_dtype *dtype,
                       tsr_output *output, tsr_error *err)
{
    static const char *const shuffles[] = {"noshuffle", "shuffle", "bitshuffle"};
    const char *cname = form->parts[1] ? form->parts[1] : "lz4";
    const char *level = form->parts[2] ? form->parts[2] : "5";
    const char *shuffle = form->parts[3] ? form->parts[3] : "shuffle";
    int number = -1;

    for (int i = 0; i < 3; i++)
        if (strcmp(shuffle, shuffles[i]) == 0)
            number = i;
    if (number < 0 || !is_integer(level) ||
        strspn(cname, "abcdefghijklmnopqrstuvwxyz0123456789") != strlen(cname))
        return short_form_error("blosc", err);
    if (zarr_format == 2)
        return tsr_output_print(
            output, err,
            "{\"id\":\"blosc\",\"cname\":\"%s\",\"clevel\":%s,\"shuffle\":%d,\"blocksize\":0}",
            cname, level, number);
    return tsr_output_print(
        output, err,
        "{\"name\":\"blosc\",\"configuration\":{\"cname\":\"%s\",\"clevel\":%s,\"shuffle\":\"%s\","
        "\"typesize\":%zu,\"blocksize\":0}}",
        cname, level, shuffle, tsr_dtype_is_variable(dtype) ? (size_t)1 : dtype->size_bytes);
}

/* Codecs with a level as their only parameter, and its default. */
static const struct leveled {
    const char *name, *parameter, *default_level;
    bool v2_only;
} leveled_codecs[] = {
    {"zstd", "level", "0", false},      {"gzip", "level", "5", false},
    {"zlib", "level", "5", true},       {"bz2", "level", "5", true},
    {"lz4", "acceleration", "1", true}, {"lzma", "preset", "6", true},
};

static int print_leveled(const struct leveled *codec, const short_form *form, int zarr_format,
                         tsr_output *output, tsr_error *err)
{
    const char *level = form->parts[1] ? form->parts[1] : codec->default_level;
    if (form->count > 2 || !is_integer(level))
        return short_form_error(codec->name, err);
    if (zarr_format == 2)
        return tsr_output_print(output, err, "{\"id\":\"%s\",\"%s\":%s}", codec->name,
                                codec->parameter, level);
    return tsr_output_print(output, err, "{\"name\":\"%s%s\",\"configuration\":{\"%s\":%s%s}}",
                            codec->v2_only ? "numcodecs." : "", codec->name, codec->parameter,
                            level, strcmp(codec->name, "zstd") == 0 ? ",\"checksum\":false" : "");
}

/* Appends the compressors that a short form means as a JSON list. In v3 what we choose ends in
 * crc32c; "none" is bare elements. */
static int print_short_form(const tsr_array_create_options *options, tsr_output *output,
                            tsr_error *err)
{
    const char *text = options->codec ? options->codec : "zstd";
    short_form form;
    int status = TSR_NOT_FOUND;

    TSRI_TRY(split_short_form(text, &form, err));
    if (strcmp(form.parts[0], "none") == 0)
        return form.count == 1 ? tsr_output_print(output, err, "[]") : short_form_error(text, err);
    TSRI_TRY(tsr_output_print(output, err, "["));
    if (strcmp(form.parts[0], "blosc") == 0)
        status = print_blosc(&form, options->zarr_format, options->dtype, output, err);
    for (size_t i = 0; i < TSRI_COUNT(leveled_codecs) && status == TSR_NOT_FOUND; i++)
        if (strcmp(form.parts[0], leveled_codecs[i].name) == 0)
            status = print_leveled(&leveled_codecs[i], &form, options->zarr_format, output, err);
    if (status == TSR_NOT_FOUND) {
        TSRI_TRY(tsri_codec_refuse(form.parts[0], err));
        return short_form_error(text, err);
    }
    TSRI_TRY(status);
    return tsr_output_print(output, err,
                            options->zarr_format == 3 ? ",{\"name\":\"crc32c\"}]" : "]");
}

/* Appends the members of a JSON list to a list that is being written. */
static int append_list(const char *list, const char *what, bool *first, tsr_output *output,
                       tsr_error *err)
{
    tsr_auto(tsri_json) *value = NULL;

    TSRI_TRY_IN(err, tsr_json_parse(list, strlen(list), TSR_JSON_STRICT, 0, &value, err), "%s",
                what);
    if (!json_object_is_type(value, json_type_array))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: not a JSON list", what);
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        TSRI_TRY(tsr_output_print(output, err, "%s", *first ? "" : ","));
        TSRI_TRY(tsr_json_write(json_object_array_get_idx(value, i), 0, output, err));
        *first = false;
    }
    return 0;
}

/* The codec that makes bytes of elements, unless the caller names another. */
static const char *serializer_of(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_STRING           ? "vlen-utf8"
           : dtype->kind == TSR_KIND_VARIABLE_BYTES ? "vlen-bytes"
                                                    : "bytes";
}

/* The chain of the chunks that are decoded one by one, as a JSON list. */
static int print_inner_codecs(const tsr_array_create_options *options, tsr_output *output,
                              tsr_error *err)
{
    tsr_auto(tsri_output) compressors = TSRI_OUTPUT_INIT(SIZE_MAX);
    bool first = true;

    TSRI_TRY(tsr_output_print(output, err, "["));
    if (options->filters)
        TSRI_TRY(append_list(options->filters, "filters", &first, output, err));
    if (options->serializer)
        TSRI_TRY(tsr_output_print(output, err, "%s%s", first ? "" : ",", options->serializer));
    else
        TSRI_TRY(
            tsr_output_print(output, err, "%s{\"name\":\"%s\",\"configuration\":{%s}}",
                             first ? "" : ",", serializer_of(options->dtype),
                             options->dtype->component_bytes > 1 ? "\"endian\":\"little\"" : ""));
    first = false;
    if (options->compressors) {
        TSRI_TRY(append_list(options->compressors, "compressors", &first, output, err));
    } else {
        TSRI_TRY(print_short_form(options, &compressors, err));
        TSRI_TRY(tsr_output_append(&compressors, "", 1, err));
        TSRI_TRY(append_list(compressors.data, "codec", &first, output, err));
    }
    return tsr_output_print(output, err, "]");
}

static int print_shard(const tsr_array_create_options *options, const shapes *shape,
                       tsr_output *output, tsr_error *err)
{
    static const char *const default_index =
        "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}},"
        "{\"name\":\"crc32c\"}]";
    TSRI_TRY(tsr_output_print(
        output, err, "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":["));
    for (int axis = 0; axis < options->rank; axis++)
        TSRI_TRY(tsr_output_print(output, err, "%s%" PRId64, axis ? "," : "", shape->chunk[axis]));
    TSRI_TRY(tsr_output_print(output, err, "],\"codecs\":"));
    TSRI_TRY(print_inner_codecs(options, output, err));
    return tsr_output_print(output, err, ",\"index_codecs\":%s,\"index_location\":\"%s\"}}]",
                            options->index_codecs ? options->index_codecs : default_index,
                            options->index_at_start ? "start" : "end");
}

/* Binds the chain that the options describe and reads back its full form, so that metadata says
 * everything. */
static int complete_codecs(tsr_context *context, const tsr_array_create_options *options,
                           const shapes *shape, tsri_arena *arena,
                           const tsri_codec_spec **ret_codecs, int *ret_count, tsr_error *err)
{
    tsr_auto(tsri_output) asked = TSRI_OUTPUT_INIT(SIZE_MAX), full = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_auto(tsri_json) *asked_list = NULL, *full_list = NULL;
    tsr_auto(tsri_chain) *chain = NULL;
    tsr_auto(tsri_text) *zeros = tsri_alloc_zero(options->dtype->size_bytes);
    tsr_codec_type type = {options->dtype, options->rank,
                           options->fill_value ? options->fill_value : zeros};

    if (!zeros)
        return tsri_error_no_memory(err, options->dtype->size_bytes);
    if (options->codecs)
        TSRI_TRY(tsr_output_print(&asked, err, "%s", options->codecs));
    else if (shape->sharded)
        TSRI_TRY(print_shard(options, shape, &asked, err));
    else
        TSRI_TRY(print_inner_codecs(options, &asked, err));
    TSRI_TRY_IN(err,
                tsr_json_parse(asked.data, asked.size_bytes, TSR_JSON_STRICT, 0, &asked_list, err),
                "codecs");
    TSRI_TRY(
        tsri_chain_parse(context, asked_list, "/codecs", &type, (tsri_inherited){0}, &chain, err));
    TSRI_TRY_IN(err, tsri_chain_check_encoders(chain, err), "/codecs");
    TSRI_TRY(tsri_chain_describe(chain, &full, err));
    TSRI_TRY(tsr_json_parse(full.data, full.size_bytes, TSR_JSON_STRICT, 0, &full_list, err));
    return tsri_codec_specs_parse(full_list, "/codecs", arena, ret_codecs, ret_count, err);
}

/* ---- keys of chunks ---- */

typedef const tsri_key_encoding *encoding;

static void encoding_cleanup(encoding *self)
{
    tsri_key_encoding_unref(*self);
}

/* The member chunk_key_encoding that a name or a JSON object asks for. */
static int print_keys(const tsr_array_create_options *options, tsr_output *output, tsr_error *err)
{
    if (options->chunk_keys[0] == '{')
        return tsr_output_print(output, err, "%s", options->chunk_keys);
    TSRI_TRY(tsr_output_print(output, err, "{\"name\":"));
    TSRI_TRY(tsr_json_quote(options->chunk_keys, output, err));
    if (options->separator)
        TSRI_TRY(tsr_output_print(output, err, ",\"configuration\":{\"separator\":\"%c\"}",
                                  options->separator));
    return tsr_output_print(output, err, "}");
}

static int open_keys(tsr_context *context, const tsr_array_create_options *options,
                     encoding *ret_encoding, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_auto(tsri_json) *value = NULL;
    tsri_extension extension;

    TSRI_TRY(print_keys(options, &text, err));
    TSRI_TRY(tsr_json_parse(text.data, text.size_bytes, TSR_JSON_STRICT, 0, &value, err));
    TSRI_TRY(tsri_extension_parse(value, "", &extension, err));
    return tsri_key_encoding_open(context, &extension, "", options->rank, ret_encoding, err);
}

/* The encoding that the options describe, so that metadata says in full what was chosen. */
static int complete_keys(tsr_context *context, const tsr_array_create_options *options,
                         encoding *ret_encoding, tsr_error *err)
{
    if (!options->chunk_keys) {
        char separator = options->separator       ? options->separator
                         : options->v2_chunk_keys ? '.'
                                                  : '/';
        *ret_encoding = tsri_key_encoding_joined(!options->v2_chunk_keys, separator);
        return 0;
    }
    if (options->v2_chunk_keys || (options->chunk_keys[0] == '{' && options->separator))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "chunk keys are given twice: by chunk_keys, and by %s",
                             options->v2_chunk_keys ? "v2_chunk_keys" : "a separator");
    int status = open_keys(context, options, ret_encoding, err);
    if (status < 0)
        tsr_error_prepend(err, "chunk keys");
    if (status != TSR_BAD_METADATA)
        return status;
    if (err)
        err->status = TSR_INVALID_ARGUMENT; /* it is the caller's document */
    return TSR_INVALID_ARGUMENT;
}

/* ---- v2 ---- */

static int parse_v2_list(const char *list, const char *what, tsri_arena *arena,
                         tsri_codec_spec **ret_codecs, int *ret_count, tsr_error *err)
{
    tsr_auto(tsri_json) *value = NULL;

    TSRI_TRY_IN(err, tsr_json_parse(list, strlen(list), TSR_JSON_STRICT, 0, &value, err), "%s",
                what);
    if (!json_object_is_type(value, json_type_array))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s: not a JSON list", what);
    *ret_count = (int)json_object_array_length(value);
    *ret_codecs = tsri_arena_alloc(arena, (size_t)*ret_count + 1, sizeof **ret_codecs);
    if (!*ret_codecs)
        return tsri_error_no_memory(err, ((size_t)*ret_count + 1) * sizeof **ret_codecs);
    for (int i = 0; i < *ret_count; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%d", what, i);
        TSRI_TRY(tsri_codec_spec_parse_v2(json_object_array_get_idx(value, (size_t)i), path, arena,
                                          &(*ret_codecs)[i], err));
        /* The texts must outlive the document. */
        (*ret_codecs)[i].name = tsri_arena_strdup(arena, (*ret_codecs)[i].name);
        (*ret_codecs)[i].configuration = tsri_arena_strdup(arena, (*ret_codecs)[i].configuration);
        if (!(*ret_codecs)[i].name || !(*ret_codecs)[i].configuration)
            return tsri_error_no_memory(err, 0);
    }
    return 0;
}

static int check_v2(const tsr_array_create_options *options, const shapes *shape, tsr_error *err)
{
    if (shape->sharded || options->codecs || options->index_codecs || options->v2_chunk_keys ||
        options->chunk_keys || options->parity) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT,
                      "shards, their parity, codec chains and key encodings are of Zarr v3");
        tsr_error_set_next_step(err, "create a v3 array, or leave these options out");
        return TSR_INVALID_ARGUMENT;
    }
    return 0;
}

static int fill_in_v2(const tsr_array_create_options *options, const shapes *shape,
                      tsri_arena *arena, tsri_zarr_meta_options *meta, tsr_error *err)
{
    tsr_auto(tsri_output) compressors = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_codec_spec *filters = NULL, *compressor = NULL;
    int count = 0;

    TSRI_TRY(check_v2(options, shape, err));
    if (options->filters)
        TSRI_TRY(
            parse_v2_list(options->filters, "filters", arena, &filters, &meta->codec_count, err));
    if (tsr_dtype_is_variable(options->dtype) && meta->codec_count == 0)
        TSRI_TRY(parse_v2_list(options->dtype == TSR_STRING ? "[{\"id\":\"vlen-utf8\"}]"
                                                            : "[{\"id\":\"vlen-bytes\"}]",
                               "filters", arena, &filters, &meta->codec_count, err));
    if (options->compressors)
        TSRI_TRY(tsr_output_print(&compressors, err, "%s", options->compressors));
    else
        TSRI_TRY(print_short_form(options, &compressors, err));
    TSRI_TRY(tsr_output_append(&compressors, "", 1, err));
    TSRI_TRY(parse_v2_list(compressors.data, "compressors", arena, &compressor, &count, err));
    if (count > 1)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "compressors: %d; a v2 array has at most one", count);
    meta->codecs = filters;
    meta->compressor = count ? compressor : NULL;
    meta->order = options->order ? options->order : 'C';
    meta->big_endian = options->serializer && strstr(options->serializer, "\"big\"");
    meta->separator = options->separator ? options->separator : '.';
    return 0;
}

/* ---- the whole ---- */

static int check_common(const tsr_array_create_options *options, tsr_error *err)
{
    if (!options->dtype || (options->rank > 0 && !options->shape))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a new array needs a dtype and a shape");
    if (options->rank < 0 || options->rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%d axes; at most %d", options->rank, TSR_RANK_MAX);
    if (options->zarr_format != 2 && options->zarr_format != 3)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "zarr_format %d; 2 or 3",
                             options->zarr_format);
    if (options->separator && options->separator != '/' && options->separator != '.')
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "separator '%c'; '/' or '.'",
                             options->separator);
    if (options->fill_undefined && options->zarr_format != 2)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "Zarr v3 arrays have a fill value");
    for (int axis = 0; axis < options->rank; axis++)
        if (options->shape[axis] < 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT, "shape: %" PRId64 " along axis %d",
                                 options->shape[axis], axis);
    return 0;
}

int tsri_create_meta(tsr_context *context, const tsr_array_create_options *options,
                     tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    tsri_zarr_meta_options meta = TSRI_ZARR_META_OPTIONS_INIT;
    tsr_auto(shapes) shape = {.grid = NULL};
    tsr_auto(encoding) keys = NULL;

    TSRI_TRY(check_common(options, err));
    TSRI_TRY(choose_shapes(options, &shape, err));
    meta.zarr_format = options->zarr_format;
    meta.attributes = options->attributes;
    meta.rank = options->rank;
    meta.shape = options->shape;
    meta.chunk_shape = shape.sharded ? shape.shard : shape.chunk;
    meta.grid = shape.grid;
    meta.dtype = options->dtype;
    meta.fill_value = options->fill_value;
    meta.fill_undefined = options->fill_undefined;
    meta.dimension_names = options->dimension_names;
    if (options->zarr_format == 2) {
        TSRI_TRY(fill_in_v2(options, &shape, &arena, &meta, err));
    } else {
        TSRI_TRY(complete_keys(context, options, &keys, err));
        meta.chunk_keys = keys->json;
        if (options->parity)
            TSRI_TRY(tsri_parity_strength_parse(options->parity, &meta.parity, err));
        TSRI_TRY(complete_codecs(context, options, &shape, &arena, &meta.codecs, &meta.codec_count,
                                 err));
    }
    return tsri_zarr_meta_build(context, &meta, ret_meta, err);
}
