/* base64: RFC 4648 section 4, with padding and without line breaks, as numcodecs' Base64 writes. */
#include "codec/configuration.h"

/* Three bytes are four letters. */
#define GROUP_BYTES 3
#define GROUP_LETTERS 4

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                       tsr_error *err)
{
    static const char nothing = 0;
    tsr_auto(tsri_configuration) configuration = {0};

    (void)ret_output;
    TSRI_TRY(tsri_configuration_init(&configuration, setup, err));
    *ret_codec = (void *)&nothing;
    return 0;
}

static int base64_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)zarr_format;
    return tsr_output_print(output, err, "{}");
}

static tsr_size_bound base64_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    if (size_bytes > INT64_MAX / GROUP_LETTERS)
        return (tsr_size_bound){TSR_SIZE_UNBOUNDED, 0};
    return (tsr_size_bound){TSR_SIZE_FIXED,
                            (size_bytes + GROUP_BYTES - 1) / GROUP_BYTES * GROUP_LETTERS};
}

/* Writes the four letters of up to three bytes. */
static void encode_group(const unsigned char *bytes, size_t count, char *letters)
{
    uint32_t group = (uint32_t)bytes[0] << 16;
    if (count > 1)
        group |= (uint32_t)bytes[1] << 8;
    if (count > 2)
        group |= bytes[2];
    for (size_t i = 0; i < GROUP_LETTERS; i++)
        letters[i] = i <= count ? alphabet[group >> (18 - 6 * i) & 63] : '=';
}

static int base64_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, tsr_output *output, tsr_error *err)
{
    tsr_size_bound bound = base64_bound(codec, size_bytes);
    const unsigned char *from = bytes;
    char *letters;

    (void)scratch;
    if (bound.size_class == TSR_SIZE_UNBOUNDED)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(tsri_codec_reserve(output, (size_t)bound.size_bytes, &letters, err));
    for (size_t i = 0; i < size_bytes; i += GROUP_BYTES, letters += GROUP_LETTERS)
        encode_group(from + i, TSRI_MIN(size_bytes - i, (size_t)GROUP_BYTES), letters);
    output->size_bytes += (size_t)bound.size_bytes;
    return 0;
}

/* The number that a letter stands for, or -1. */
static int letter_value(unsigned char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

/* Reads the four letters of `count` bytes; false when one is none. */
static bool decode_group(const unsigned char *letters, size_t count, unsigned char *bytes)
{
    uint32_t group = 0;

    for (size_t i = 0; i < GROUP_LETTERS; i++) {
        int value = i <= count ? letter_value(letters[i]) : 0;
        if (value < 0)
            return false;
        group = group << 6 | (uint32_t)value;
    }
    for (size_t i = 0; i < count; i++)
        bytes[i] = (unsigned char)(group >> (16 - 8 * i));
    return true;
}

static int base64_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                         size_t size_bytes, void *output, size_t capacity_bytes,
                         size_t *ret_size_bytes, tsr_error *err)
{
    const unsigned char *letters = bytes;
    unsigned char *to = output;
    size_t padding = 0;

    (void)codec;
    (void)scratch;
    if (size_bytes % GROUP_LETTERS != 0)
        return tsr_error_set(err, TSR_DAMAGED, "base64: %zu letters are not groups of four",
                             size_bytes);
    while (padding < 2 && padding < size_bytes && letters[size_bytes - 1 - padding] == '=')
        padding++;
    size_t decoded_bytes = size_bytes / GROUP_LETTERS * GROUP_BYTES - padding;
    if (decoded_bytes > capacity_bytes)
        return tsri_codec_error_capacity(err, "base64", capacity_bytes);
    for (size_t done = 0, i = 0; done < decoded_bytes; done += GROUP_BYTES, i += GROUP_LETTERS)
        if (!decode_group(letters + i, TSRI_MIN(decoded_bytes - done, (size_t)GROUP_BYTES),
                          to + done))
            return tsr_error_set(err, TSR_DAMAGED, "base64: letters %zu to %zu are not of base64",
                                 i, i + GROUP_LETTERS - 1);
    *ret_size_bytes = decoded_bytes;
    return 0;
}

const tsr_codec_ops tsri_codec_base64 = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "numcodecs.base64",
    .v2_id = "base64",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = base64_open,
    .describe = base64_describe,
    .bytes_bound = base64_bound,
    .encode_bytes = base64_encode,
    .decode_bytes = base64_decode,
};
