/* lzma: numcodecs' LZMA, which is Python's lzma module: .xz files, .lzma files, or LZMA streams
 * without any header.
 *
 * A chain of filters is a list of objects as Python has it: "id", and options that depend on it
 * ("preset", "dict_size", "lc", "lp", "pb", "mode", "nice_len", "mf", "depth", "dist",
 * "start_offset"). */
#include <inttypes.h>
#include <lzma.h>

#include "codec/configuration.h"

/* Python's numbers. */
enum { FORMAT_XZ = 1, FORMAT_ALONE = 2, FORMAT_RAW = 3 };
#define CHECK_AUTOMATIC (-1)
#define PRESET_LARGEST 9

/* A decoder takes its dictionary before it sees any data: what the largest preset asks for, and so
 * much as the data itself could fill. */
#define USUAL_MEMORY_BYTES ((uint64_t)80 << 20)

typedef union filter_options {
    lzma_options_lzma lzma;
    lzma_options_delta delta;
    lzma_options_bcj bcj;
} filter_options;

typedef struct lzma_codec {
    int format, check;
    uint32_t preset; /* where there are no filters */
    int filter_count;
    lzma_filter filters[LZMA_FILTERS_MAX + 1];
    filter_options options[LZMA_FILTERS_MAX];
    tsri_json *filter_list; /* as it was given, or NULL */
} lzma_codec;

/* Memory through our own functions. */
static void *lzma_take(void *unused, size_t count, size_t size)
{
    (void)unused;
    return tsri_alloc_array(count, size);
}

static void lzma_give(void *unused, void *memory)
{
    (void)unused;
    tsri_free(memory);
}

static const lzma_allocator allocator = {lzma_take, lzma_give, NULL};

/* ---- opening ---- */

static int read_option(const tsri_json *filter, const char *path, const char *name, uint32_t *value,
                       tsr_error *err)
{
    int64_t read = *value;
    TSRI_TRY(tsri_json_int(filter, path, name, false, 0, UINT32_MAX, &read, err));
    *value = (uint32_t)read;
    return 0;
}

static int read_lzma_options(const tsri_json *filter, const char *path, lzma_options_lzma *options,
                             tsr_error *err)
{
    uint32_t preset = LZMA_PRESET_DEFAULT;

    TSRI_TRY(read_option(filter, path, "preset", &preset, err));
    if (lzma_lzma_preset(options, preset))
        return tsr_error_set(err, TSR_BAD_METADATA, "%s/preset: there is no preset %u", path,
                             preset);
    uint32_t mode = options->mode, match_finder = options->mf;
    TSRI_TRY(read_option(filter, path, "dict_size", &options->dict_size, err));
    TSRI_TRY(read_option(filter, path, "lc", &options->lc, err));
    TSRI_TRY(read_option(filter, path, "lp", &options->lp, err));
    TSRI_TRY(read_option(filter, path, "pb", &options->pb, err));
    TSRI_TRY(read_option(filter, path, "nice_len", &options->nice_len, err));
    TSRI_TRY(read_option(filter, path, "depth", &options->depth, err));
    TSRI_TRY(read_option(filter, path, "mode", &mode, err));
    TSRI_TRY(read_option(filter, path, "mf", &match_finder, err));
    options->mode = (lzma_mode)mode;
    options->mf = (lzma_match_finder)match_finder;
    return 0;
}

/* Reads one filter; *ret_id is LZMA_VLI_UNKNOWN for the last. */
static int read_filter(const tsri_json *filter, const char *path, lzma_filter *ret_filter,
                       filter_options *options, tsr_error *err)
{
    int64_t id = 0;

    if (!json_object_is_type(filter, json_type_object))
        return tsr_error_set(err, TSR_BAD_METADATA, "%s: a filter is an object, not %s", path,
                             tsri_json_kind(filter));
    TSRI_TRY(tsri_json_int(filter, path, "id", true, 1, INT64_MAX, &id, err));
    *ret_filter = (lzma_filter){(lzma_vli)id, options};
    if (!lzma_filter_encoder_is_supported((lzma_vli)id))
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s/id: liblzma has no filter %" PRId64, path,
                             id);
    if (id == LZMA_FILTER_LZMA2 || (lzma_vli)id == LZMA_FILTER_LZMA1)
        return read_lzma_options(filter, path, &options->lzma, err);
    if (id == LZMA_FILTER_DELTA) {
        options->delta = (lzma_options_delta){.type = LZMA_DELTA_TYPE_BYTE, .dist = 1};
        return read_option(filter, path, "dist", &options->delta.dist, err);
    }
    options->bcj = (lzma_options_bcj){0};
    return read_option(filter, path, "start_offset", &options->bcj.start_offset, err);
}

static int read_filters(const tsri_configuration *configuration, lzma_codec *codec, tsr_error *err)
{
    tsri_json *list = json_object_object_get(configuration->json, "filters");

    codec->filters[0].id = LZMA_VLI_UNKNOWN;
    if (!tsri_configuration_has(configuration, "filters"))
        return 0;
    if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) == 0 ||
        json_object_array_length(list) > LZMA_FILTERS_MAX)
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/filters: must be a list of 1 to %d filters",
                             configuration->codec, LZMA_FILTERS_MAX);
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        char path[48];
        snprintf(path, sizeof path, "/configuration/filters/%zu", i);
        TSRI_TRY_IN(err,
                    read_filter(json_object_array_get_idx(list, i), path, &codec->filters[i],
                                &codec->options[i], err),
                    "%s", configuration->codec);
        codec->filters[++codec->filter_count].id = LZMA_VLI_UNKNOWN;
    }
    codec->filter_list = json_object_get(list);
    return 0;
}

/* Fills in what encoding goes by when the configuration gives no chain. */
static int choose_filters(const tsri_configuration *configuration, lzma_codec *codec,
                          tsr_error *err)
{
    if (codec->format == FORMAT_ALONE && codec->filter_count > 0 &&
        (codec->filter_count > 1 || codec->filters[0].id != LZMA_FILTER_LZMA1))
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/filters: format 2 (.lzma) has the filter LZMA1 "
                             "alone",
                             configuration->codec);
    if (codec->filter_count > 0 && tsri_configuration_has(configuration, "preset"))
        return tsr_error_set(err, TSR_BAD_METADATA,
                             "%s: /configuration/preset: not together with filters",
                             configuration->codec);
    if (codec->filter_count > 0)
        return 0;
    if (codec->format == FORMAT_RAW)
        return tsri_configuration_missing(configuration, "filters",
                                          "format 3 (raw) is nothing without them", err);
    if (lzma_lzma_preset(&codec->options[0].lzma, codec->preset)) {
        TSRI_TRY(tsri_configuration_refuse_encoding(
            configuration, err, "/configuration/preset: there is no preset %u", codec->preset));
        codec->preset = PRESET_LARGEST;
        lzma_lzma_preset(&codec->options[0].lzma, codec->preset);
    }
    codec->filters[0] =
        (lzma_filter){codec->format == FORMAT_XZ ? LZMA_FILTER_LZMA2 : LZMA_FILTER_LZMA1,
                      &codec->options[0].lzma};
    codec->filters[1].id = LZMA_VLI_UNKNOWN;
    return 0;
}

static int read_configuration(const tsri_configuration *configuration, lzma_codec *codec,
                              tsr_error *err)
{
    int64_t format = FORMAT_XZ, check = CHECK_AUTOMATIC, preset = LZMA_PRESET_DEFAULT;

    TSRI_TRY(tsri_configuration_int(configuration, "format", FORMAT_XZ, FORMAT_RAW, &format, err));
    TSRI_TRY(tsri_configuration_encoder_int(configuration, "check", CHECK_AUTOMATIC, INT32_MAX,
                                            &check, err));
    TSRI_TRY(tsri_configuration_encoder_int(configuration, "preset", 0, UINT32_MAX, &preset, err));
    codec->format = (int)format;
    codec->check = (int)check;
    codec->preset = (uint32_t)preset;
    if (check != CHECK_AUTOMATIC && !lzma_check_is_supported((lzma_check)check)) {
        TSRI_TRY(tsri_configuration_refuse_encoding(
            configuration, err, "/configuration/check: liblzma has no check %d", (int)check));
        codec->check = CHECK_AUTOMATIC;
    }
    TSRI_TRY(read_filters(configuration, codec, err));
    return choose_filters(configuration, codec, err);
}

static void lzma_close(void *opened)
{
    lzma_codec *codec = opened;
    json_object_put(codec->filter_list);
    tsri_free(codec);
}

static int lzma_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    tsr_auto(tsri_configuration) configuration = {0};

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    lzma_codec *codec = tsri_alloc_zero(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    int status = read_configuration(&configuration, codec, err);
    if (status < 0)
        lzma_close(codec);
    else
        *ret_codec = codec;
    return status;
}

static int lzma_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const lzma_codec *lzma = codec;

    (void)zarr_format;
    TSRI_TRY(tsr_output_print(output, err, "{\"format\":%d,\"check\":%d,\"preset\":", lzma->format,
                              lzma->check));
    if (!lzma->filter_list)
        return tsr_output_print(output, err, "%u,\"filters\":null}", lzma->preset);
    TSRI_TRY(tsr_output_print(output, err, "null,\"filters\":"));
    TSRI_TRY(tsr_json_write(lzma->filter_list, 0, output, err));
    return tsr_output_print(output, err, "}");
}

/* ---- encoding ---- */

/* An .xz file stores what does not compress; the other formats have no bound that liblzma promises.
 */
static tsr_size_bound lzma_bound(const void *codec, uint64_t size_bytes)
{
    const lzma_codec *lzma = codec;
    size_t bound = size_bytes > INT64_MAX ? 0 : lzma_stream_buffer_bound((size_t)size_bytes);

    if (lzma->format != FORMAT_XZ || bound == 0)
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return (tsr_size_bound){TSR_SIZE_BOUNDED, bound};
}

static int encoder_failed(lzma_ret code, tsr_error *err)
{
    if (code == LZMA_MEM_ERROR)
        return tsr_error_set(err, TSR_NO_MEMORY, "lzma: out of memory");
    if (code == LZMA_OPTIONS_ERROR)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "lzma: liblzma does not take this chain of filters");
    return tsr_error_set(err, TSR_INTERNAL, "lzma: encoding failed (code %d)", (int)code);
}

static int encode_xz(const lzma_codec *lzma, const void *bytes, size_t size_bytes,
                     tsr_output *output, tsr_error *err)
{
    size_t room = lzma_stream_buffer_bound(size_bytes), made = 0;
    lzma_check check = lzma->check == CHECK_AUTOMATIC ? LZMA_CHECK_CRC64 : (lzma_check)lzma->check;
    char *data;

    if (room == 0)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(tsri_codec_reserve(output, room, &data, err));
    lzma_ret code = lzma_stream_buffer_encode((lzma_filter *)lzma->filters, check, &allocator,
                                              bytes, size_bytes, (uint8_t *)data, &made, room);
    if (code != LZMA_OK)
        return encoder_failed(code, err);
    output->size_bytes += made;
    return 0;
}

/* Runs a stream to its end, into an output that grows. */
static int encode_stream(lzma_stream *stream, const void *bytes, size_t size_bytes,
                         tsr_output *output, tsr_error *err)
{
    size_t room = size_bytes / 2 + 1024;
    lzma_ret code = LZMA_OK;

    stream->next_in = bytes;
    stream->avail_in = size_bytes;
    while (code == LZMA_OK) {
        char *data;
        TSRI_TRY(tsri_codec_reserve(output, room, &data, err));
        stream->next_out = (uint8_t *)data;
        stream->avail_out = room;
        code = lzma_code(stream, LZMA_FINISH);
        output->size_bytes += room - stream->avail_out;
    }
    return code == LZMA_STREAM_END ? 0 : encoder_failed(code, err);
}

static int lzma_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const lzma_codec *lzma = codec;
    lzma_stream stream = LZMA_STREAM_INIT;

    (void)scratch;
    if (lzma->format == FORMAT_XZ)
        return encode_xz(lzma, bytes, size_bytes, output, err);
    stream.allocator = &allocator;
    lzma_ret code = lzma->format == FORMAT_ALONE
                        ? lzma_alone_encoder(&stream, lzma->filters[0].options)
                        : lzma_raw_encoder(&stream, lzma->filters);
    int status = code == LZMA_OK ? encode_stream(&stream, bytes, size_bytes, output, err)
                                 : encoder_failed(code, err);
    lzma_end(&stream);
    return status;
}

/* ---- decoding ---- */

static int decoder_failed(lzma_ret code, const lzma_stream *stream, size_t size_bytes,
                          tsr_error *err)
{
    switch (code) {
    case LZMA_MEM_ERROR:
        return tsr_error_set(err, TSR_NO_MEMORY, "lzma: out of memory");
    case LZMA_MEMLIMIT_ERROR:
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "lzma: the data asks for a dictionary far larger than its chunk");
    case LZMA_OPTIONS_ERROR:
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "lzma: the data has filters that liblzma does not know");
    default:
        return tsr_error_set(err, TSR_DAMAGED,
                             "lzma: the data is damaged or cut off (byte %zu of %zu)",
                             size_bytes - stream->avail_in, size_bytes);
    }
}

static lzma_ret start_decoder(const lzma_codec *lzma, lzma_stream *stream, size_t capacity_bytes)
{
    uint64_t limit = USUAL_MEMORY_BYTES + 2 * (uint64_t)capacity_bytes;

    switch (lzma->format) {
    case FORMAT_XZ:
        return lzma_stream_decoder(stream, limit, LZMA_CONCATENATED);
    case FORMAT_ALONE:
        return lzma_alone_decoder(stream, limit);
    default:
        if (lzma_raw_decoder_memusage(lzma->filters) > limit)
            return LZMA_MEMLIMIT_ERROR;
        return lzma_raw_decoder(stream, lzma->filters);
    }
}

/* Decodes until the room is full or the data ends. A full room is the end of a prefix only. */
static int decode_stream(lzma_stream *stream, const void *bytes, size_t size_bytes, void *output,
                         size_t room_bytes, bool is_prefix, size_t *ret_size_bytes, tsr_error *err)
{
    uint8_t beyond; /* one byte of room behind the end shows whether more would come */

    stream->next_in = bytes;
    stream->avail_in = size_bytes;
    stream->next_out = output;
    stream->avail_out = room_bytes;
    lzma_ret code = LZMA_OK;
    while (code == LZMA_OK && stream->avail_out > 0)
        code = lzma_code(stream, LZMA_FINISH);
    size_t made = room_bytes - stream->avail_out;
    if (code == LZMA_OK && !is_prefix) {
        stream->next_out = &beyond;
        stream->avail_out = 1;
        code = lzma_code(stream, LZMA_FINISH);
        if (stream->avail_out == 0)
            return tsri_codec_error_capacity(err, "lzma", room_bytes);
    }
    if (code != LZMA_STREAM_END && !(code == LZMA_OK && is_prefix))
        return decoder_failed(code, stream, size_bytes, err);
    *ret_size_bytes = made;
    return 0;
}

/* What has a checksum, which .xz has of its blocks as a whole, is never left before its end. */
static int lzma_decode_prefix(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                              size_t size_bytes, void *output, size_t capacity_bytes,
                              size_t wanted_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    const lzma_codec *lzma = codec;
    lzma_stream stream = LZMA_STREAM_INIT;

    (void)scratch;
    if (lzma->format == FORMAT_XZ)
        wanted_bytes = capacity_bytes;
    stream.allocator = &allocator;
    lzma_ret code = start_decoder(lzma, &stream, capacity_bytes);
    int status = code == LZMA_OK ? decode_stream(&stream, bytes, size_bytes, output, wanted_bytes,
                                                 wanted_bytes < capacity_bytes, ret_size_bytes, err)
                                 : decoder_failed(code, &stream, size_bytes, err);
    lzma_end(&stream);
    return status;
}

static int lzma_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, void *output, size_t capacity_bytes,
                       size_t *ret_size_bytes, tsr_error *err)
{
    return lzma_decode_prefix(codec, scratch, bytes, size_bytes, output, capacity_bytes,
                              capacity_bytes, ret_size_bytes, err);
}

const tsr_codec_ops tsri_codec_lzma = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.lzma",
    .v2_id = "lzma",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = lzma_open,
    .close = lzma_close,
    .describe = lzma_describe,
    .bytes_bound = lzma_bound,
    .encode_bytes = lzma_encode,
    .decode_bytes = lzma_decode,
    .decode_prefix = lzma_decode_prefix,
};
