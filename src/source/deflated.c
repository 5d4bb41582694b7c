#include "source/deflated.h"

#include <inttypes.h>
#include <zlib.h>

#define WINDOW_BYTES ((size_t)32 << 10) /* as far back as deflate refers */
#define INPUT_BYTES ((size_t)64 << 10)
#define DISCARD_BYTES ((size_t)64 << 10)
#define POINTS_MAX 256
#define SPACING_BYTES ((uint64_t)1 << 20)

/* Where decoding can begin: at a bit of the encoded bytes. */
typedef struct access_point {
    uint64_t decoded, encoded; /* bytes before it; of the byte that it lies inside, the end */
    int bits;                  /* how many of the last bits of that byte belong to what follows */
    unsigned char last_byte;
    uint32_t crc32; /* of the decoded bytes before it */
    unsigned window_bytes;
    unsigned char *window;
} access_point;

struct tsri_deflated {
    const tsri_input *input;
    tsri_deflated_extent extent;
    z_stream zlib;
    bool is_open, is_at_end; /* decoding can go on; the stream has told its end */
    bool is_busy;            /* in a forked child: a call of a thread that is not there any more */
    uint64_t decoded, encoded; /* how far it has come; `encoded` counts what was read ahead too */
    uint32_t crc32;
    unsigned char last_byte; /* the byte before those that zlib has not taken */
    uint64_t spacing_bytes;
    access_point points[POINTS_MAX]; /* in order */
    size_t point_count;
    unsigned char ahead[INPUT_BYTES], discarded[DISCARD_BYTES];
};

static void *allocate(void *user, unsigned count, unsigned size_bytes)
{
    (void)user;
    return tsri_alloc_array(count, size_bytes);
}

static void release(void *user, void *memory)
{
    (void)user;
    tsri_free(memory);
}

int tsri_deflated_new(const tsri_input *input, const tsri_deflated_extent *extent,
                      tsri_deflated **ret_stream, tsr_error *err)
{
    tsri_deflated *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->input = input;
    self->extent = *extent;
    self->spacing_bytes = SPACING_BYTES;
    self->zlib.zalloc = allocate;
    self->zlib.zfree = release;
    if (inflateInit2(&self->zlib, -MAX_WBITS) != Z_OK) {
        tsri_free(self);
        return tsri_error_no_memory(err, WINDOW_BYTES);
    }
    *ret_stream = self;
    return 0;
}

void tsri_deflated_free(tsri_deflated *self)
{
    if (!self)
        return;
    inflateEnd(&self->zlib);
    for (size_t i = 0; i < self->point_count; i++)
        tsri_free(self->points[i].window);
    tsri_free(self);
}

static int refuse(const tsri_deflated *self, const char *what, tsr_error *err)
{
    tsr_error_set(err, TSR_DAMAGED, "%s after %" PRIu64 " of %" PRIu64 " decoded bytes", what,
                  self->decoded, self->extent.decoded_bytes);
    tsr_error_set_where(err, "bytes %" PRIu64 "..%" PRIu64 " of %s", self->extent.offset,
                        self->extent.offset + self->extent.encoded_bytes, self->input->path);
    return TSR_DAMAGED;
}

/* ---- access points ---- */

/* Every second point goes, and from here on they lie twice as far apart. */
static void thin_out(tsri_deflated *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->point_count; i++) {
        if (i % 2 == 0)
            tsri_free(self->points[i].window);
        else
            self->points[kept++] = self->points[i];
    }
    self->point_count = kept;
    self->spacing_bytes *= 2;
}

static bool is_due(const tsri_deflated *self)
{
    uint64_t last = self->point_count > 0 ? self->points[self->point_count - 1].decoded : 0;
    bool block_begins = (self->zlib.data_type & 128) && !(self->zlib.data_type & 64);
    return block_begins && self->decoded >= last + self->spacing_bytes;
}

static int note_point(tsri_deflated *self, tsr_error *err)
{
    unsigned size_bytes = 0;

    if (self->point_count == POINTS_MAX)
        thin_out(self);
    access_point point = {.decoded = self->decoded,
                          .encoded = self->encoded - self->zlib.avail_in,
                          .bits = self->zlib.data_type & 7,
                          .last_byte = self->last_byte,
                          .crc32 = self->crc32,
                          .window = tsri_alloc(WINDOW_BYTES)};
    if (!point.window)
        return tsri_error_no_memory(err, WINDOW_BYTES);
    if (inflateGetDictionary(&self->zlib, point.window, &size_bytes) != Z_OK) {
        tsri_free(point.window);
        return refuse(self, "a deflate stream whose window is not known", err);
    }
    point.window_bytes = size_bytes;
    self->points[self->point_count++] = point;
    return 0;
}

/* Begins at the last access point up to `start`, or at the beginning. */
static int rewind_to(tsri_deflated *self, const access_point *point, tsr_error *err)
{
    static const access_point beginning = {0};

    if (!point)
        point = &beginning;
    self->is_open = false;
    int code = inflateReset2(&self->zlib, -MAX_WBITS);
    if (code == Z_OK && point->bits > 0)
        code = inflatePrime(&self->zlib, point->bits, point->last_byte >> (8 - point->bits));
    if (code == Z_OK && point->window_bytes > 0)
        code = inflateSetDictionary(&self->zlib, point->window, point->window_bytes);
    if (code == Z_MEM_ERROR)
        return tsri_error_no_memory(err, WINDOW_BYTES);
    if (code != Z_OK)
        return refuse(self, "a deflate stream that cannot be entered", err);
    self->zlib.avail_in = 0;
    self->decoded = point->decoded;
    self->encoded = point->encoded;
    self->crc32 = point->crc32;
    self->last_byte = point->last_byte;
    self->is_at_end = false;
    self->is_open = true;
    return 0;
}

/* Chooses between going on and beginning at an access point. */
static int seek(tsri_deflated *self, uint64_t start, tsr_error *err)
{
    const access_point *best = NULL;

    for (size_t i = 0; i < self->point_count && self->points[i].decoded <= start; i++)
        best = &self->points[i];
    bool goes_on = self->is_open && self->decoded <= start;
    if (goes_on && (!best || best->decoded <= self->decoded))
        return 0;
    return rewind_to(self, best, err);
}

/* ---- decoding ---- */

static int read_ahead(tsri_deflated *self, tsr_error *err)
{
    uint64_t rest = self->extent.encoded_bytes - self->encoded;
    size_t size_bytes = (size_t)TSRI_MIN(rest, (uint64_t)INPUT_BYTES), got;

    if (size_bytes == 0)
        return refuse(self, "a deflate stream that ends", err);
    TSRI_TRY(tsri_input_read(self->input, self->extent.offset + self->encoded, self->ahead,
                             size_bytes, &got, err));
    if (got == 0)
        return refuse(self, "the file ends inside a deflate stream,", err);
    self->encoded += got;
    self->zlib.next_in = self->ahead;
    self->zlib.avail_in = (unsigned)got;
    return 0;
}

/* Decodes up to the end of the block, of the room or of what was read ahead. */
static int decode_some(tsri_deflated *self, unsigned char *bytes, size_t room_bytes,
                       size_t *ret_got, tsr_error *err)
{
    if (self->is_at_end)
        return refuse(self, "a deflate stream that ends", err);
    if (self->zlib.avail_in == 0)
        TSRI_TRY(read_ahead(self, err));
    const unsigned char *before = self->zlib.next_in;
    self->zlib.next_out = bytes;
    self->zlib.avail_out = (unsigned)TSRI_MIN(room_bytes, (size_t)1 << 30);
    int code = inflate(&self->zlib, Z_BLOCK);
    if (self->zlib.next_in > before)
        self->last_byte = self->zlib.next_in[-1];
    size_t got = (size_t)(self->zlib.next_out - bytes);
    self->crc32 = (uint32_t)crc32_z(self->crc32, bytes, got);
    self->decoded += got;
    if (code == Z_MEM_ERROR)
        return tsri_error_no_memory(err, WINDOW_BYTES);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
        return refuse(self, "a damaged deflate stream", err);
    self->is_at_end = code == Z_STREAM_END;
    *ret_got = got;
    return is_due(self) ? note_point(self, err) : 0;
}

static int check_end(tsri_deflated *self, tsr_error *err)
{
    if (self->decoded < self->extent.decoded_bytes || self->crc32 == self->extent.crc32)
        return 0;
    return refuse(self, "a wrong checksum (CRC-32)", err);
}

static int decode(tsri_deflated *self, unsigned char *bytes, uint64_t size_bytes,
                  const tsr_call *call, tsr_error *err)
{
    while (size_bytes > 0) {
        size_t got = 0;
        if (call && call->cancel && __atomic_load_n(call->cancel, __ATOMIC_RELAXED))
            return tsr_error_set(err, TSR_CANCELLED, "cancelled");
        size_t room =
            bytes ? (size_t)size_bytes : (size_t)TSRI_MIN(size_bytes, (uint64_t)DISCARD_BYTES);
        int status = decode_some(self, bytes ? bytes : self->discarded, room, &got, err);
        if (status < 0) {
            self->is_open = false; /* begin anew next time */
            return status;
        }
        if (bytes)
            bytes += got;
        size_bytes -= got;
    }
    return check_end(self, err);
}

static int read_from(tsri_deflated *self, uint64_t start, void *bytes, size_t size_bytes,
                     const tsr_call *call, tsr_error *err)
{
    TSRI_TRY(seek(self, start, err));
    TSRI_TRY(decode(self, NULL, start - self->decoded, call, err));
    return decode(self, bytes, size_bytes, call, err);
}

int tsri_deflated_read(tsri_deflated *self, uint64_t start, void *bytes, size_t size_bytes,
                       size_t *ret_got, const tsr_call *call, tsr_error *err)
{
    uint64_t whole = self->extent.decoded_bytes;
    size_t wanted = start < whole ? (size_t)TSRI_MIN((uint64_t)size_bytes, whole - start) : 0;

    if (self->is_busy) {
        self->point_count = 0; /* any of them may be half made */
        self->is_open = false;
    }
    self->is_busy = true;
    int status = wanted > 0 ? read_from(self, start, bytes, wanted, call, err) : 0;
    self->is_busy = false;
    if (status == 0)
        *ret_got = wanted;
    return status;
}
