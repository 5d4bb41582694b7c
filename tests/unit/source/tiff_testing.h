/* TIFF files byte by byte, by the letter of TIFF 6.0 and BigTIFF: an independent writer of headers,
 * directories and bare strips. */
#ifndef TESTS_UNIT_SOURCE_TIFF_TESTING_H
#define TESTS_UNIT_SOURCE_TIFF_TESTING_H

#include "source_testing.h"

#define TIFF_TAGS_MAX 64

typedef struct tiff_tag {
    unsigned tag, type;
    uint64_t count;
    unsigned char bytes[128]; /* in the order of the file */
    size_t size_bytes;
} tiff_tag;

typedef struct tiff_writer {
    bool big_endian, big;
    unsigned char bytes[65536];
    size_t size_bytes;
    size_t link; /* where the offset of the next directory goes */
    tiff_tag tags[TIFF_TAGS_MAX];
    size_t tag_count;
} tiff_writer;

static inline void tiff_put_at(tiff_writer *self, unsigned char *to, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[self->big_endian ? size - 1 - i : i] = (unsigned char)(value >> 8 * i);
}

static inline void tiff_put(tiff_writer *self, uint64_t value, size_t size)
{
    assert_true(self->size_bytes + size <= sizeof self->bytes);
    tiff_put_at(self, self->bytes + self->size_bytes, value, size);
    self->size_bytes += size;
}

static inline void tiff_begin(tiff_writer *self, bool big_endian, bool big)
{
    memset(self, 0, sizeof *self);
    self->big_endian = big_endian;
    self->big = big;
    memcpy(self->bytes, big_endian ? "MM" : "II", 2);
    self->size_bytes = 2;
    tiff_put(self, big ? 43 : 42, 2);
    if (big)
        tiff_put(self, 8, 4);
    if (big && big_endian) /* two numbers of 16 bits: 8 and 0 */
        memcpy(self->bytes + 4, "\0\10\0\0", 4);
    self->link = self->size_bytes;
    tiff_put(self, 0, big ? 8 : 4);
}

/* Appends bare bytes and tells where they lie. */
static inline uint64_t tiff_data(tiff_writer *self, const void *bytes, size_t size_bytes)
{
    uint64_t offset = self->size_bytes;
    assert_true(self->size_bytes + size_bytes <= sizeof self->bytes);
    memcpy(self->bytes + self->size_bytes, bytes, size_bytes);
    self->size_bytes += size_bytes;
    return offset;
}

/* Numbers of `size` bytes each; a rational is two of them. */
static inline void tiff_numbers(tiff_writer *self, unsigned tag, unsigned type, uint64_t count,
                                size_t numbers, size_t size, const uint64_t *values)
{
    tiff_tag *entry = &self->tags[self->tag_count++];
    *entry = (tiff_tag){.tag = tag, .type = type, .count = count, .size_bytes = numbers * size};
    for (size_t i = 0; i < numbers; i++)
        tiff_put_at(self, entry->bytes + i * size, values[i], size);
}

static inline void tiff_short(tiff_writer *self, unsigned tag, uint64_t value)
{
    tiff_numbers(self, tag, 3, 1, 1, 2, &value);
}

static inline void tiff_long(tiff_writer *self, unsigned tag, uint64_t value)
{
    tiff_numbers(self, tag, 4, 1, 1, 4, &value);
}

static inline void tiff_text(tiff_writer *self, unsigned tag, const char *text)
{
    tiff_tag *entry = &self->tags[self->tag_count++];
    *entry = (tiff_tag){.tag = tag, .type = 2, .count = strlen(text) + 1};
    entry->size_bytes = (size_t)entry->count;
    memcpy(entry->bytes, text, entry->size_bytes);
}

/* Writes the directory of the tags so far and tells where it lies; `linked`: the chain goes on
 * there. */
static inline uint64_t tiff_directory(tiff_writer *self, bool linked)
{
    size_t word = self->big ? 8 : 4;
    uint64_t outside[TIFF_TAGS_MAX];

    for (size_t i = 0; i < self->tag_count; i++)
        if (self->tags[i].size_bytes > word)
            outside[i] = tiff_data(self, self->tags[i].bytes, self->tags[i].size_bytes);
    uint64_t offset = self->size_bytes;
    tiff_put(self, self->tag_count, self->big ? 8 : 2);
    for (size_t i = 0; i < self->tag_count; i++) {
        const tiff_tag *entry = &self->tags[i];
        tiff_put(self, entry->tag, 2);
        tiff_put(self, entry->type, 2);
        tiff_put(self, entry->count, word);
        if (entry->size_bytes > word)
            tiff_put(self, outside[i], word);
        else
            tiff_data(self, entry->bytes, word);
    }
    if (linked) {
        tiff_put_at(self, self->bytes + self->link, offset, word);
        self->link = self->size_bytes;
    }
    tiff_put(self, 0, word);
    self->tag_count = 0;
    return offset;
}

/* Tags of one strip of unsigned integers, in order. */
static inline void tiff_picture(tiff_writer *self, unsigned height, unsigned width, unsigned bits,
                                unsigned samples, uint64_t strip, uint64_t strip_bytes)
{
    uint64_t all[8];

    for (unsigned i = 0; i < samples && i < 8; i++)
        all[i] = bits;
    tiff_long(self, 256, width);
    tiff_long(self, 257, height);
    tiff_numbers(self, 258, 3, samples, samples, 2, all);
    tiff_short(self, 259, 1);
    tiff_short(self, 262, samples == 3 ? 2 : 1);
    tiff_long(self, 273, strip);
    tiff_short(self, 277, samples);
    tiff_long(self, 278, height);
    tiff_long(self, 279, strip_bytes);
}

static inline void tiff_finish(const tiff_writer *self, const fixture *f)
{
    temporary_file_write(f->path, self->bytes, self->size_bytes);
}

#endif
