#include "source/tiff_decoder.h"

#include <inttypes.h>
#include <stdio.h>
#include <tiffio.h>

#include "base/checked.h"

#define NO_BLOCK INT64_C(-1)

typedef struct buffer {
    unsigned char *bytes;
    size_t size_bytes;
} buffer;

struct tsri_tiff_decoder {
    tsri_tiff_decoder *next;
    const tsri_input *input;
    TIFF *tiff;
    uint64_t position; /* what libtiff takes for that of the file */
    uint64_t directory;
    tsri_tiff_picture picture;
    tsri_tiff_blocks blocks;
    int64_t block; /* whose elements are in `elements` */
    buffer encoded, elements;
    tsr_error error;   /* of reading the file */
    char message[160]; /* libtiff's first one; empty: none */
};

/* ---- what libtiff calls ---- */

static tmsize_t read_bytes(thandle_t user, void *bytes, tmsize_t size_bytes)
{
    tsri_tiff_decoder *self = user;
    size_t got = 0;

    if (self->position > INT64_MAX - (uint64_t)size_bytes ||
        tsri_input_read(self->input, self->position, bytes, (size_t)size_bytes, &got,
                        &self->error) < 0)
        return -1;
    self->position += got;
    return (tmsize_t)got;
}

static tmsize_t write_bytes(thandle_t user, void *bytes, tmsize_t size_bytes)
{
    (void)user, (void)bytes, (void)size_bytes;
    return -1;
}

static uint64_t file_size(thandle_t user)
{
    tsri_tiff_decoder *self = user;
    uint64_t size_bytes = 0;
    tsri_input_size(self->input, &size_bytes, &self->error);
    return size_bytes;
}

static uint64_t seek_to(thandle_t user, uint64_t offset, int whence)
{
    tsri_tiff_decoder *self = user;
    uint64_t from = whence == SEEK_CUR ? self->position : whence == SEEK_END ? file_size(user) : 0;
    self->position = from + offset;
    return self->position;
}

static int close_file(thandle_t user)
{
    (void)user; /* the descriptor belongs to the file */
    return 0;
}

TSR_PRINTF(4, 0)
static int keep_message(TIFF *tiff, void *user, const char *where, const char *format,
                        va_list arguments)
{
    tsri_tiff_decoder *self = user;

    (void)tiff, (void)where;
    if (!*self->message)
        vsnprintf(self->message, sizeof self->message, format, arguments);
    return 1;
}

TSR_PRINTF(4, 0)
static int log_warning(TIFF *tiff, void *user, const char *where, const char *format,
                       va_list arguments)
{
    const tsri_tiff_decoder *self = user;
    char message[160];

    (void)tiff, (void)where;
    vsnprintf(message, sizeof message, format, arguments);
    tsri_log(self->input->context, TSR_LOG_DEBUG, "tiff", "%s: %s", self->input->path, message);
    return 1;
}

/* ---- failures ---- */

/* libtiff tells of failures in words alone. */
static tsr_status status_of(const char *message)
{
    if (strstr(message, "beyond the"))
        return TSR_LIMIT;
    return strstr(message, "memory") || strstr(message, "No space") ? TSR_NO_MEMORY : TSR_DAMAGED;
}

static int refuse(tsri_tiff_decoder *self, const char *what, tsr_error *err)
{
    int status = self->error.status;

    if (status < 0)
        *err = self->error;
    else
        status = tsr_error_set(err, status_of(self->message), "%s: libtiff: %s", what,
                               *self->message ? self->message : "no reason given");
    tsr_error_set_where(err, "the directory at byte %" PRIu64 " of %s", self->directory,
                        self->input->path);
    self->error = (tsr_error)TSR_ERROR_INIT;
    self->message[0] = '\0';
    return status;
}

/* ---- opening ---- */

static void decoder_free(tsri_tiff_decoder *self)
{
    if (self->tiff)
        TIFFClose(self->tiff);
    tsri_free(self->encoded.bytes);
    tsri_free(self->elements.bytes);
    tsri_free(self);
}

static int open_tiff(tsri_tiff_decoder *self, tsr_error *err)
{
    const tsr_context_options *limits = &self->input->context->options;
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();

    if (!options)
        return tsri_error_no_memory(err, sizeof *self);
    TIFFOpenOptionsSetMaxSingleMemAlloc(
        options, TSRI_MAX(limits->largest_chunk_bytes, limits->largest_metadata_bytes));
    TIFFOpenOptionsSetErrorHandlerExtR(options, keep_message, self);
    TIFFOpenOptionsSetWarningHandlerExtR(options, log_warning, self);
    /* Nothing is mapped, strips stay as they are, and where they lie is read once it is asked for.
     */
    self->tiff = TIFFClientOpenExt(self->input->path, "rmcO", self, read_bytes, write_bytes,
                                   seek_to, close_file, file_size, NULL, NULL, options);
    TIFFOpenOptionsFree(options);
    return self->tiff ? 0 : refuse(self, "opening", err);
}

static int decoder_new(const tsri_input *input, tsri_tiff_decoder **ret_decoder, tsr_error *err)
{
    tsri_tiff_decoder *self = tsri_alloc_zero(sizeof *self);

    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->input = input;
    self->error = (tsr_error)TSR_ERROR_INIT;
    self->block = NO_BLOCK;
    int status = open_tiff(self, err);
    if (status < 0)
        decoder_free(self);
    else
        *ret_decoder = self;
    return status;
}

/* ---- the stock ---- */

static void before_fork(void *user)
{
    pthread_mutex_lock(&((tsri_tiff_decoders *)user)->mutex);
}

static void after_fork(void *user)
{
    pthread_mutex_unlock(&((tsri_tiff_decoders *)user)->mutex);
}

void tsri_tiff_decoders_init(tsri_tiff_decoders *decoders, const tsri_input *input)
{
    *decoders = (tsri_tiff_decoders){.input = input};
    pthread_mutex_init(&decoders->mutex, NULL);
    decoders->fork_handler = (tsri_fork_handler){
        .prepare = before_fork, .parent = after_fork, .child = after_fork, .user = decoders};
    tsri_fork_register(&decoders->fork_handler);
}

void tsri_tiff_decoders_clear(tsri_tiff_decoders *decoders)
{
    tsri_fork_unregister(&decoders->fork_handler);
    for (tsri_tiff_decoder *next, *self = decoders->idle; self; self = next) {
        next = self->next;
        decoder_free(self);
    }
    pthread_mutex_destroy(&decoders->mutex);
}

int tsri_tiff_decoders_take(tsri_tiff_decoders *decoders, tsri_tiff_decoder **ret_decoder,
                            tsr_error *err)
{
    pthread_mutex_lock(&decoders->mutex);
    tsri_tiff_decoder *found = decoders->idle;
    if (found)
        decoders->idle = found->next;
    pthread_mutex_unlock(&decoders->mutex);
    if (!found)
        return decoder_new(decoders->input, ret_decoder, err);
    *ret_decoder = found;
    return 0;
}

void tsri_tiff_decoders_give(tsri_tiff_decoders *decoders, tsri_tiff_decoder *decoder)
{
    pthread_mutex_lock(&decoders->mutex);
    decoder->next = decoders->idle;
    decoders->idle = decoder;
    pthread_mutex_unlock(&decoders->mutex);
}

/* ---- directories ---- */

static bool has_picture(TIFF *tiff, const tsri_tiff_picture *picture)
{
    uint32_t width = 0, height = 0;
    uint16_t bits = 1, samples = 1, format = 1, planar = 1;

    TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
    TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &samples);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &format);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &planar);
    return (int64_t)width == picture->width && (int64_t)height == picture->height &&
           bits == picture->bits && samples == picture->samples && format == picture->format &&
           (samples > 1 && planar == PLANARCONFIG_SEPARATE) == picture->separate;
}

/* Both ways to know how large a decoded block is have to agree. */
static bool read_blocks(TIFF *tiff, const tsri_tiff_picture *picture, tsri_tiff_blocks *blocks)
{
    uint32_t width = 0, height = 0;
    uint64_t samples = picture->separate ? 1 : (uint64_t)picture->samples, bits;

    blocks->tiled = TIFFIsTiled(tiff) != 0;
    if (blocks->tiled) {
        TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &width);
        TIFFGetField(tiff, TIFFTAG_TILELENGTH, &height);
    } else {
        width = (uint32_t)picture->width;
        TIFFGetFieldDefaulted(tiff, TIFFTAG_ROWSPERSTRIP, &height);
        height = TSRI_MIN(height, (uint32_t)picture->height);
    }
    if (width == 0 || height == 0 || width > INT32_MAX || height > INT32_MAX ||
        !tsri_multiply_u64(samples * (uint64_t)picture->bits, width, &bits))
        return false;
    blocks->height = height;
    blocks->width = width;
    blocks->down = tsri_ceil_divide(picture->height, height);
    blocks->across = tsri_ceil_divide(picture->width, width);
    blocks->plane_blocks = blocks->down * blocks->across;
    blocks->row_bytes = bits / 8 + (bits % 8 != 0);
    uint16_t compression = COMPRESSION_NONE, order = FILLORDER_MSB2LSB;
    TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &compression);
    TIFFGetFieldDefaulted(tiff, TIFFTAG_FILLORDER, &order);
    tsri_tiff_picture page = *picture;
    page.compression = compression;
    page.reversed = order == FILLORDER_LSB2MSB;
    blocks->bare = tsri_tiff_picture_is_bare(&page);
    blocks->swapped = TIFFIsByteSwapped(tiff) != 0;
    uint64_t told = blocks->tiled ? TIFFTileRowSize64(tiff) : TIFFScanlineSize64(tiff);
    uint32_t count = blocks->tiled ? TIFFNumberOfTiles(tiff) : TIFFNumberOfStrips(tiff);
    return told == blocks->row_bytes &&
           blocks->plane_blocks * (picture->separate ? picture->samples : 1) == (int64_t)count;
}

/* The elements that a block decodes to. */
static int check_room(const tsri_tiff_decoder *self, tsr_error *err)
{
    const tsri_tiff_blocks *blocks = &self->blocks;
    uint64_t samples = self->picture.separate ? 1 : (uint64_t)self->picture.samples, size_bytes;
    int64_t most = self->input->context->options.largest_chunk_bytes;

    /* Width and height are of 31 bits, a sample of 16 bytes: the first product fits. */
    if (tsri_multiply_u64((uint64_t)blocks->width * (uint64_t)blocks->height,
                          samples * self->picture.dtype->size_bytes, &size_bytes) &&
        size_bytes <= (uint64_t)most)
        return 0;
    tsr_error_set(err, TSR_LIMIT,
                  "a %s of %" PRId64 " x %" PRId64 " pixels is larger than the %" PRId64
                  " bytes that a decoded chunk may have",
                  blocks->tiled ? "tile" : "strip", blocks->width, blocks->height, most);
    tsr_error_set_next_step(err, "raise largest_chunk_bytes of the context");
    return TSR_LIMIT;
}

int tsri_tiff_decoder_select(tsri_tiff_decoder *self, uint64_t directory,
                             const tsri_tiff_picture *picture, tsri_tiff_blocks *ret_blocks,
                             tsr_error *err)
{
    if (self->directory != directory) {
        self->directory = 0; /* until all is well */
        self->block = NO_BLOCK;
        self->picture = *picture;
        if (!TIFFSetSubDirectory(self->tiff, directory))
            return refuse(self, "reading a directory", err);
        self->message[0] = '\0'; /* of fields that it does without */
        if (!has_picture(self->tiff, picture))
            return tsr_error_set(err, TSR_DAMAGED,
                                 "the directory at byte %" PRIu64 " tells of another picture",
                                 directory);
        uint16_t compression = COMPRESSION_NONE;
        TIFFGetField(self->tiff, TIFFTAG_COMPRESSION, &compression);
        if (compression == COMPRESSION_JPEG)
            TIFFSetField(self->tiff, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        if (!read_blocks(self->tiff, picture, &self->blocks))
            return tsr_error_set(err, TSR_DAMAGED,
                                 "the strips or tiles of the directory at byte %" PRIu64
                                 " do not make up its picture",
                                 directory);
        self->directory = directory;
    }
    *ret_blocks = self->blocks;
    return 0;
}

/* ---- blocks ---- */

int tsri_tiff_decoder_extent(tsri_tiff_decoder *self, int64_t block, uint64_t *ret_offset,
                             uint64_t *ret_size_bytes, tsr_error *err)
{
    int failed = 0;

    *ret_offset = TIFFGetStrileOffsetWithErr(self->tiff, (uint32_t)block, &failed);
    if (!failed)
        *ret_size_bytes = TIFFGetStrileByteCountWithErr(self->tiff, (uint32_t)block, &failed);
    return failed ? refuse(self, "looking for a block", err) : 0;
}

static int need_room(buffer *self, uint64_t size_bytes, tsr_error *err)
{
    if (self->size_bytes >= size_bytes)
        return 0;
    tsri_free(self->bytes);
    self->bytes = tsri_alloc((size_t)size_bytes);
    self->size_bytes = self->bytes ? (size_t)size_bytes : 0;
    return self->bytes ? 0 : tsri_error_no_memory(err, (size_t)size_bytes);
}

/* Samples of few bits lie one behind the other, the first one in the highest bits, and each row
 * begins with a byte. */
static void unpack(const tsri_tiff_decoder *self, int64_t rows)
{
    size_t each = self->picture.dtype->size_bytes;
    unsigned bits = (unsigned)self->picture.bits;
    int64_t samples = self->picture.separate ? 1 : self->picture.samples;
    unsigned char *element = self->elements.bytes;

    for (int64_t row = 0; row < rows; row++) {
        const unsigned char *byte = self->encoded.bytes + (size_t)row * self->blocks.row_bytes;
        uint64_t held = 0;
        unsigned held_bits = 0;
        for (int64_t i = 0; i < self->blocks.width * samples; i++, element += each) {
            for (; held_bits < bits; held_bits += 8)
                held = held << 8 | *byte++;
            held_bits -= bits;
            uint32_t value = (uint32_t)(held >> held_bits) & (uint32_t)((UINT64_C(1) << bits) - 1);
            uint16_t word = (uint16_t)value;
            if (each == 1)
                *element = (unsigned char)value;
            else
                memcpy(element, each == 2 ? (const void *)&word : (const void *)&value, each);
        }
    }
}

static int decode(tsri_tiff_decoder *self, int64_t block, int64_t rows, tsr_error *err)
{
    const tsri_tiff_blocks *blocks = &self->blocks;
    bool packed = tsri_tiff_picture_is_packed(&self->picture);
    buffer *decoded = packed ? &self->encoded : &self->elements;
    uint64_t samples = self->picture.separate ? 1 : (uint64_t)self->picture.samples;
    uint64_t size_bytes = blocks->row_bytes * (uint64_t)rows;
    uint64_t unpacked =
        (uint64_t)(blocks->width * rows) * samples * self->picture.dtype->size_bytes;

    TSRI_TRY(need_room(decoded, size_bytes, err));
    if (packed)
        TSRI_TRY(need_room(&self->elements, unpacked, err));
    tmsize_t got = blocks->tiled ? TIFFReadEncodedTile(self->tiff, (uint32_t)block, decoded->bytes,
                                                       (tmsize_t)size_bytes)
                                 : TIFFReadEncodedStrip(self->tiff, (uint32_t)block, decoded->bytes,
                                                        (tmsize_t)size_bytes);
    if (got != (tmsize_t)size_bytes || self->error.status < 0)
        return refuse(self, blocks->tiled ? "decoding a tile" : "decoding a strip", err);
    self->message[0] = '\0';
    if (packed)
        unpack(self, rows);
    return 0;
}

int tsri_tiff_decoder_block(tsri_tiff_decoder *self, int64_t block, int64_t rows,
                            const unsigned char **ret_elements, tsr_error *err)
{
    if (self->block != block) {
        self->block = NO_BLOCK;
        TSRI_TRY(check_room(self, err));
        TSRI_TRY(decode(self, block, rows, err));
        self->block = block;
    }
    *ret_elements = self->elements.bytes;
    return 0;
}
