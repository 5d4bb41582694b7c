#include "codec/checksum.h"

#define CHECKSUM_BYTES 4

static const char *const locations[] = {"end", "start", NULL};

int tsri_checksum_open(const tsri_checksum_kind *kind, const tsri_configuration *configuration,
                       tsri_checksum_codec **ret_codec, tsr_error *err)
{
    int location = kind->starts;

    if (kind->may_choose)
        TSRI_TRY(tsri_configuration_choice(configuration, "location", locations, &location, err));
    tsri_checksum_codec *codec = tsri_alloc_zero(sizeof *codec);
    if (!codec)
        return tsri_error_no_memory(err, sizeof *codec);
    codec->kind = kind;
    codec->at_start = location == 1;
    *ret_codec = codec;
    return 0;
}

void tsri_checksum_close(void *codec)
{
    tsri_checksum_codec *checksum = codec;
    if (checksum)
        tsri_free(checksum->prefix);
    tsri_free(checksum);
}

int tsri_checksum_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const tsri_checksum_codec *checksum = codec;

    (void)zarr_format;
    if (checksum->at_start == checksum->kind->starts)
        return tsr_output_print(output, err, "{}");
    return tsr_output_print(output, err, "{\"location\":\"%s\"}", locations[checksum->at_start]);
}

tsr_size_bound tsri_checksum_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    return tsri_size_bound(TSR_SIZE_FIXED, size_bytes, CHECKSUM_BYTES);
}

static void store_checksum(char *to, uint32_t sum)
{
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        to[i] = (char)(sum >> (8 * i));
}

static uint32_t load_checksum(const char *from)
{
    uint32_t sum = 0;
    for (int i = 0; i < CHECKSUM_BYTES; i++)
        sum |= (uint32_t)(unsigned char)from[i] << (8 * i);
    return sum;
}

int tsri_checksum_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, tsr_output *output, tsr_error *err)
{
    const tsri_checksum_codec *checksum = codec;
    char *data;

    (void)scratch;
    if (size_bytes > SIZE_MAX - CHECKSUM_BYTES)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(tsri_codec_reserve(output, size_bytes + CHECKSUM_BYTES, &data, err));
    if (size_bytes)
        memcpy(data + (checksum->at_start ? CHECKSUM_BYTES : 0), bytes, size_bytes);
    store_checksum(data + (checksum->at_start ? 0 : size_bytes),
                   checksum->kind->compute(checksum, bytes, size_bytes));
    output->size_bytes += size_bytes + CHECKSUM_BYTES;
    return 0;
}

int tsri_checksum_append(const void *codec, tsr_output *output, size_t start, tsr_error *err)
{
    const tsri_checksum_codec *checksum = codec;
    size_t size_bytes = output->size_bytes - start;
    char *end;

    TSRI_TRY(tsri_codec_reserve(output, CHECKSUM_BYTES, &end, err));
    char *data = output->data + start;
    uint32_t sum = checksum->kind->compute(checksum, data, size_bytes);
    if (checksum->at_start)
        memmove(data + CHECKSUM_BYTES, data, size_bytes);
    store_checksum(checksum->at_start ? data : end, sum);
    output->size_bytes += CHECKSUM_BYTES;
    return 0;
}

int tsri_checksum_unwrap(const void *codec, const void *bytes, size_t size_bytes,
                         size_t *ret_offset, size_t *ret_size_bytes, tsr_error *err)
{
    const tsri_checksum_codec *checksum = codec;

    if (size_bytes < CHECKSUM_BYTES)
        return tsr_error_set(err, TSR_DAMAGED, "%s: %zu bytes cannot hold a checksum",
                             checksum->kind->name, size_bytes);
    size_t data_bytes = size_bytes - CHECKSUM_BYTES;
    size_t data_offset = checksum->at_start ? CHECKSUM_BYTES : 0;
    uint32_t stored = load_checksum((const char *)bytes + (checksum->at_start ? 0 : data_bytes));
    uint32_t computed =
        checksum->kind->compute(checksum, (const char *)bytes + data_offset, data_bytes);
    if (stored != computed)
        return tsr_error_set(err, TSR_DAMAGED, "checksum mismatch (stored %08x, computed %08x)",
                             stored, computed);
    *ret_offset = data_offset;
    *ret_size_bytes = data_bytes;
    return 0;
}

int tsri_checksum_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, void *output, size_t capacity_bytes,
                         size_t *ret_size_bytes, tsr_error *err)
{
    const tsri_checksum_codec *checksum = codec;
    size_t offset, data_bytes;

    (void)scratch;
    TSRI_TRY(tsri_checksum_unwrap(codec, bytes, size_bytes, &offset, &data_bytes, err));
    if (data_bytes > capacity_bytes)
        return tsri_codec_error_capacity(err, checksum->kind->name, capacity_bytes);
    if (data_bytes)
        memcpy(output, (const char *)bytes + offset, data_bytes);
    *ret_size_bytes = data_bytes;
    return 0;
}
