#include "source/picture_header.h"

#include "tessera/build_config.h"

#if TESSERA_HAVE_IMAGE_WEBP
#include <webp/decode.h>
#endif

#define PNG_SIGNATURE "\x89PNG\r\n\x1a\n"
#define WEBP_HEAD_BYTES 64
/* More parts of a file than anybody writes in front of the picture. */
#define PARTS_MAX 65536

bool tsri_picture_recognise(tsri_picture_format format, const void *head, size_t size_bytes)
{
    const char *bytes = head;

    switch (format) {
    case TSRI_PICTURE_PNG:
        return size_bytes >= 8 && memcmp(bytes, PNG_SIGNATURE, 8) == 0;
    case TSRI_PICTURE_JPEG:
        return size_bytes >= 4 && memcmp(bytes, "\xff\xd8\xff", 3) == 0;
    case TSRI_PICTURE_WEBP:
        return size_bytes >= 16 && memcmp(bytes, "RIFF", 4) == 0 &&
               memcmp(bytes + 8, "WEBPVP8", 7) == 0;
    }
    return false;
}

static int refuse_damaged(const tsri_input *input, const char *what, tsr_error *err)
{
    return tsr_error_set(err, TSR_DAMAGED, "%s: %s", input->path, what);
}

static int read_bytes(const tsri_input *input, uint64_t offset, unsigned char *bytes,
                      size_t size_bytes, tsr_error *err)
{
    size_t got;
    TSRI_TRY(tsri_input_read(input, offset, bytes, size_bytes, &got, err));
    return got == size_bytes ? 0 : refuse_damaged(input, "the file ends inside its header", err);
}

static uint32_t big_endian(const unsigned char *bytes, size_t size_bytes)
{
    uint32_t value = 0;
    for (size_t i = 0; i < size_bytes; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* ---- PNG ---- */

/* Whether a colour of the palette, or one among all, is transparent: a chunk that stands before
 * those of the picture says so. */
static int find_transparency(const tsri_input *input, bool *ret_found, tsr_error *err)
{
    uint64_t offset = 8;
    unsigned char chunk[8];

    for (int part = 0; part < PARTS_MAX; part++) {
        TSRI_TRY(read_bytes(input, offset, chunk, sizeof chunk, err));
        if (memcmp(chunk + 4, "IDAT", 4) == 0 || memcmp(chunk + 4, "IEND", 4) == 0) {
            *ret_found = false;
            return 0;
        }
        if (memcmp(chunk + 4, "tRNS", 4) == 0) {
            *ret_found = true;
            return 0;
        }
        offset += 12 + (uint64_t)big_endian(chunk, 4);
    }
    return refuse_damaged(input, "too many chunks in front of the picture", err);
}

static int read_png(const tsri_input *input, tsri_picture_header *header, tsr_error *err)
{
    static const signed char samples[] = {1, -1, 3, 3, 2, -1, 4};
    unsigned char bytes[26];
    bool transparent = false;

    TSRI_TRY(read_bytes(input, 0, bytes, sizeof bytes, err));
    if (memcmp(bytes + 12, "IHDR", 4) != 0 || bytes[25] >= sizeof samples ||
        samples[bytes[25]] < 0 || bytes[24] > 16)
        return refuse_damaged(input, "no header of a PNG picture", err);
    header->width = big_endian(bytes + 16, 4);
    header->height = big_endian(bytes + 20, 4);
    header->samples = samples[bytes[25]];
    header->dtype = bytes[24] == 16 ? TSR_UINT16 : TSR_UINT8;
    bool has_alpha = bytes[25] & 4;
    if (!has_alpha)
        TSRI_TRY(find_transparency(input, &transparent, err));
    header->samples += transparent;
    return 0;
}

/* ---- JPEG ---- */

/* Whether a marker begins a frame: SOF0 to SOF15, with DHT, JPG and DAC among them. */
static bool is_frame(unsigned marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

static bool has_length(unsigned marker)
{
    return marker != 0x01 && !(marker >= 0xd0 && marker <= 0xd8);
}

static int read_frame(const tsri_input *input, uint64_t offset, unsigned marker,
                      tsri_picture_header *header, tsr_error *err)
{
    unsigned char bytes[8];

    TSRI_TRY(read_bytes(input, offset, bytes, sizeof bytes, err));
    bool known = marker <= 0xc2 || marker == 0xc9 || marker == 0xca;
    if (!known || bytes[2] != 8)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: %s JPEG of %d bits", input->path,
                             known ? "a" : "a lossless or hierarchical", bytes[2]);
    header->height = big_endian(bytes + 3, 2);
    header->width = big_endian(bytes + 5, 2);
    header->samples = bytes[7];
    header->dtype = TSR_UINT8;
    if (header->samples == 1 || header->samples == 3 || header->samples == 4)
        return 0;
    return tsr_error_set(err, TSR_UNSUPPORTED, "%s: a JPEG of %d components", input->path,
                         header->samples);
}

static int read_jpeg(const tsri_input *input, tsri_picture_header *header, tsr_error *err)
{
    uint64_t offset = 2;
    unsigned char bytes[4];

    for (int part = 0; part < PARTS_MAX; part++) {
        TSRI_TRY(read_bytes(input, offset, bytes, sizeof bytes, err));
        if (bytes[0] != 0xff)
            return refuse_damaged(input, "no marker of JPEG where one has to be", err);
        if (is_frame(bytes[1]))
            return read_frame(input, offset + 2, bytes[1], header, err);
        if (bytes[1] == 0xd9 || bytes[1] == 0xda)
            return refuse_damaged(input, "a JPEG without a frame", err);
        /* Any number of bytes 0xff may stand in front of a marker. */
        offset += bytes[1] == 0xff       ? 1
                  : has_length(bytes[1]) ? 2 + (uint64_t)big_endian(bytes + 2, 2)
                                         : 2;
    }
    return refuse_damaged(input, "too many parts in front of the picture", err);
}

/* ---- WebP ---- */

#if TESSERA_HAVE_IMAGE_WEBP
static int read_webp(const tsri_input *input, tsri_picture_header *header, tsr_error *err)
{
    unsigned char bytes[WEBP_HEAD_BYTES];
    WebPBitstreamFeatures features;
    size_t got;

    TSRI_TRY(tsri_input_read(input, 0, bytes, sizeof bytes, &got, err));
    if (WebPGetFeatures(bytes, got, &features) != VP8_STATUS_OK)
        return refuse_damaged(input, "no header of a WebP picture", err);
    if (features.has_animation)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: an animation", input->path);
    *header = (tsri_picture_header){features.height, features.width, features.has_alpha ? 4 : 3,
                                    TSR_UINT8};
    return 0;
}
#else
static int read_webp(const tsri_input *input, tsri_picture_header *header, tsr_error *err)
{
    (void)header;
    return tsr_error_set(err, TSR_UNSUPPORTED, "%s: this build has no libwebp", input->path);
}
#endif

int tsri_picture_header_read(tsri_picture_format format, const tsri_input *input,
                             tsri_picture_header *ret_header, tsr_error *err)
{
    tsri_picture_header header = {0};
    int status = format == TSRI_PICTURE_PNG    ? read_png(input, &header, err)
                 : format == TSRI_PICTURE_JPEG ? read_jpeg(input, &header, err)
                                               : read_webp(input, &header, err);

    TSRI_TRY(status);
    if (header.height == 0 || header.width == 0)
        return refuse_damaged(input, "a picture without rows or columns", err);
    *ret_header = header;
    return 0;
}
