#include "source/tiff_picture.h"

#include <inttypes.h>
#include <stdio.h>
#include <tiffio.h>

#include "base/checked.h"

/* ---- fields ---- */

typedef struct source {
    const tsri_tiff_layout *layout;
    const tsri_tiff_directory *directory;
} source;

/* A field of one number, or the value that TIFF gives it where it is missing. */
static int read_field(const source *self, unsigned tag, uint64_t otherwise, uint64_t *ret_value,
                      tsr_error *err)
{
    const tsri_tiff_entry *entry = tsri_tiff_find(self->directory, tag);

    *ret_value = otherwise;
    return entry && entry->count > 0 ? tsri_tiff_unsigned(self->layout, entry, 0, ret_value, err)
                                     : 0;
}

static int read_int(const source *self, unsigned tag, int otherwise, int *ret_value, tsr_error *err)
{
    uint64_t value;
    TSRI_TRY(read_field(self, tag, (uint64_t)otherwise, &value, err));
    if (value > INT32_MAX)
        return tsr_error_set(err, TSR_DAMAGED, "%s: tag %u has the value %" PRIu64,
                             self->layout->input->path, tag, value);
    *ret_value = (int)value;
    return 0;
}

/* A field with one number per sample, which are all to be the same. */
static int read_common(const source *self, unsigned tag, int otherwise, int samples, int *ret_value,
                       bool *ret_same, tsr_error *err)
{
    const tsri_tiff_entry *entry = tsri_tiff_find(self->directory, tag);
    uint64_t value = (uint64_t)otherwise, next;

    TSRI_TRY(read_int(self, tag, otherwise, ret_value, err));
    value = (uint64_t)*ret_value;
    uint64_t count = entry ? TSRI_MIN(entry->count, (uint64_t)samples) : 0;
    for (uint64_t i = 1; i < count; i++) {
        TSRI_TRY(tsri_tiff_unsigned(self->layout, entry, i, &next, err));
        *ret_same &= next == value;
    }
    return 0;
}

/* ---- what can be read ---- */

static const tsr_dtype *unsigned_type(int bits)
{
    /* 24 bits lie in the byte order of the file, where other odd sizes are runs of bits. */
    if (bits == 0 || bits == 24)
        return NULL;
    if (bits == 1)
        return TSR_BOOL;
    if (bits <= 8)
        return TSR_UINT8;
    if (bits <= 16)
        return TSR_UINT16;
    if (bits <= 32)
        return TSR_UINT32;
    return bits == 64 ? TSR_UINT64 : NULL;
}

static const tsr_dtype *choose_type(const tsri_tiff_picture *picture)
{
    switch (picture->format) {
    case SAMPLEFORMAT_UINT:
    case SAMPLEFORMAT_VOID:
        return unsigned_type(picture->bits);
    case SAMPLEFORMAT_INT:
        return picture->bits == 8    ? TSR_INT8
               : picture->bits == 16 ? TSR_INT16
               : picture->bits == 32 ? TSR_INT32
               : picture->bits == 64 ? TSR_INT64
                                     : NULL;
    case SAMPLEFORMAT_IEEEFP:
        return picture->bits == 16   ? TSR_FLOAT16
               : picture->bits == 32 ? TSR_FLOAT32
               : picture->bits == 64 ? TSR_FLOAT64
                                     : NULL;
    case SAMPLEFORMAT_COMPLEXIEEEFP:
        return picture->bits == 64 ? TSR_COMPLEX64 : picture->bits == 128 ? TSR_COMPLEX128 : NULL;
    default:
        return NULL;
    }
}

static const char *format_name(int format)
{
    static const char *const names[] = {"samples", "unsigned integers", "signed integers", "floats",
                                        "bytes",   "complex integers",  "complex numbers"};
    return format > 0 && (size_t)format < TSRI_COUNT(names) ? names[format] : names[0];
}

static bool is_subsampled(const source *self)
{
    const tsri_tiff_entry *entry = tsri_tiff_find(self->directory, TSRI_TIFF_YCBCR_SUBSAMPLING);
    uint64_t across = 2, down = 2;

    if (entry && (tsri_tiff_unsigned(self->layout, entry, 0, &across, NULL) < 0 ||
                  tsri_tiff_unsigned(self->layout, entry, 1, &down, NULL) < 0))
        return true;
    return across != 1 || down != 1;
}

/* libtiff takes blocks that are not listed for ones that are left out on purpose. */
static bool lacks_blocks(const source *self, const tsri_tiff_picture *picture)
{
    const tsri_tiff_entry *strips = tsri_tiff_find(self->directory, TSRI_TIFF_STRIP_OFFSETS);
    const tsri_tiff_entry *tiles = tsri_tiff_find(self->directory, TSRI_TIFF_TILE_OFFSETS);
    uint64_t down = (uint64_t)tsri_ceil_divide(picture->height, picture->block_height);
    uint64_t across = (uint64_t)tsri_ceil_divide(picture->width, picture->block_width);
    uint64_t listed = TSRI_MAX(strips ? strips->count : 0, tiles ? tiles->count : 0);

    return listed / down / across < (picture->separate ? (uint64_t)picture->samples : 1);
}

/* Says why the pixels cannot be read, and leaves `refusal` empty where they can. */
static void judge(const source *self, bool same, uint64_t depth, tsri_tiff_picture *picture)
{
    char *text = picture->refusal;
    size_t room = sizeof picture->refusal;
    bool is_jpeg = picture->compression == COMPRESSION_JPEG;

    if (!same)
        snprintf(text, room, "samples of different types in one pixel");
    else if (depth > 1)
        snprintf(text, room, "a volume in one directory (ImageDepth %" PRIu64 ")", depth);
    else if (!choose_type(picture) || (is_jpeg && picture->bits != 8))
        snprintf(text, room, "%s of %d bits%s", format_name(picture->format), picture->bits,
                 is_jpeg ? " as JPEG" : "");
    else if (picture->compression == COMPRESSION_OJPEG)
        snprintf(text, room, "JPEG of the old style (compression 6)");
    else if (picture->photometric == PHOTOMETRIC_LOGL || picture->photometric == PHOTOMETRIC_LOGLUV)
        snprintf(text, room, "pixels as logarithms (LogL, LogLuv)");
    else if (picture->compression > UINT16_MAX ||
             !TIFFIsCODECConfigured((uint16_t)picture->compression))
        snprintf(text, room, "compression %d, which libtiff does not decode here",
                 picture->compression);
    else if (picture->photometric == PHOTOMETRIC_YCBCR && !is_jpeg && picture->samples > 1 &&
             is_subsampled(self))
        snprintf(text, room, "YCbCr with fewer samples of colour than of brightness");
    else if (lacks_blocks(self, picture))
        snprintf(text, room, "fewer strips or tiles than the picture has (it is damaged)");
    if (!*text)
        picture->dtype = choose_type(picture);
    /* libtiff makes RGB of it. */
    if (is_jpeg && picture->photometric == PHOTOMETRIC_YCBCR && !picture->separate)
        picture->photometric = PHOTOMETRIC_RGB;
}

static int read_blocks(const source *self, tsri_tiff_picture *picture, tsr_error *err)
{
    uint64_t width, height, rows;

    picture->tiled = tsri_tiff_find(self->directory, TSRI_TIFF_TILE_WIDTH) != NULL;
    TSRI_TRY(read_field(self, TSRI_TIFF_TILE_WIDTH, 0, &width, err));
    TSRI_TRY(read_field(self, TSRI_TIFF_TILE_LENGTH, 0, &height, err));
    TSRI_TRY(read_field(self, TSRI_TIFF_ROWS_PER_STRIP, UINT32_MAX, &rows, err));
    if (picture->tiled && (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX))
        return tsr_error_set(err, TSR_DAMAGED, "%s: tiles of %" PRIu64 " x %" PRIu64,
                             self->layout->input->path, width, height);
    picture->block_width = picture->tiled ? (int64_t)width : picture->width;
    picture->block_height =
        picture->tiled ? (int64_t)height
                       : (int64_t)TSRI_MIN(TSRI_MAX(rows, UINT64_C(1)), (uint64_t)picture->height);
    return 0;
}

int tsri_tiff_picture_read(const tsri_tiff_layout *layout, const tsri_tiff_directory *directory,
                           tsri_tiff_picture *ret_picture, tsr_error *err)
{
    const source self = {layout, directory};
    tsri_tiff_picture picture = {0};
    uint64_t width, height, depth, kind;
    int planar, order;
    bool same = true;

    TSRI_TRY(read_field(&self, TSRI_TIFF_IMAGE_WIDTH, 0, &width, err));
    TSRI_TRY(read_field(&self, TSRI_TIFF_IMAGE_LENGTH, 0, &height, err));
    TSRI_TRY(read_field(&self, TSRI_TIFF_IMAGE_DEPTH, 1, &depth, err));
    TSRI_TRY(read_field(&self, TSRI_TIFF_NEW_SUBFILE_TYPE, 0, &kind, err));
    TSRI_TRY(read_int(&self, TSRI_TIFF_SAMPLES_PER_PIXEL, 1, &picture.samples, err));
    if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX ||
        picture.samples == 0 || picture.samples > UINT16_MAX)
        return tsr_error_set(err, TSR_DAMAGED,
                             "%s: a picture of %" PRIu64 " x %" PRIu64 " pixels of %d samples",
                             layout->input->path, width, height, picture.samples);
    picture.width = (int64_t)width;
    picture.height = (int64_t)height;
    picture.reduced = kind & 1;
    picture.mask = kind & 4;
    TSRI_TRY(read_common(&self, TSRI_TIFF_BITS_PER_SAMPLE, 1, picture.samples, &picture.bits, &same,
                         err));
    TSRI_TRY(read_common(&self, TSRI_TIFF_SAMPLE_FORMAT, 1, picture.samples, &picture.format, &same,
                         err));
    TSRI_TRY(read_int(&self, TSRI_TIFF_COMPRESSION, 1, &picture.compression, err));
    TSRI_TRY(read_int(&self, TSRI_TIFF_PHOTOMETRIC, 1, &picture.photometric, err));
    TSRI_TRY(read_int(&self, TSRI_TIFF_FILL_ORDER, 1, &order, err));
    TSRI_TRY(read_int(&self, TSRI_TIFF_PLANAR_CONFIGURATION, 1, &planar, err));
    picture.reversed = order == FILLORDER_LSB2MSB;
    picture.separate = planar == PLANARCONFIG_SEPARATE && picture.samples > 1;
    TSRI_TRY(read_blocks(&self, &picture, err));
    judge(&self, same, depth, &picture);
    *ret_picture = picture;
    return 0;
}

bool tsri_tiff_picture_matches(const tsri_tiff_picture *a, const tsri_tiff_picture *b)
{
    return a->height == b->height && a->width == b->width && a->samples == b->samples &&
           a->bits == b->bits && a->format == b->format && a->separate == b->separate &&
           a->photometric == b->photometric && a->mask == b->mask &&
           strcmp(a->refusal, b->refusal) == 0;
}

bool tsri_tiff_picture_is_packed(const tsri_tiff_picture *picture)
{
    return (size_t)picture->bits != 8 * picture->dtype->size_bytes;
}

bool tsri_tiff_picture_is_bare(const tsri_tiff_picture *picture)
{
    return picture->compression == COMPRESSION_NONE && !picture->reversed &&
           !tsri_tiff_picture_is_packed(picture);
}
