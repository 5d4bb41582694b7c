/* Zip archives byte by byte, true ones and false ones: an independent writer of the few records
 * that an archive consists of (PKWARE's APPNOTE.TXT, sections 4.3.7, 4.3.12, 4.3.16). */
#ifndef TESTS_UNIT_SOURCE_NPZ_TESTING_H
#define TESTS_UNIT_SOURCE_NPZ_TESTING_H

#include "source_testing.h"

#include <zlib.h>

typedef struct zip_writer {
    unsigned char file[65536], directory[16384];
    size_t file_bytes, directory_bytes;
    unsigned count;
} zip_writer;

/* What a member is, and claims to be. */
typedef struct zip_entry {
    const char *name;
    const void *bytes;
    uint32_t size_bytes;
    unsigned method, flags;
    uint32_t claimed_bytes; /* decoded; 0: the truth */
    uint32_t claimed_crc;   /* 0: the truth */
} zip_entry;

static inline void zip_put(unsigned char *to, size_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        to[(*at)++] = (unsigned char)(value >> 8 * i);
}

static inline size_t zip_deflate(const void *bytes, size_t size_bytes, unsigned char *encoded,
                                 size_t room_bytes)
{
    z_stream zlib = {.next_in = (unsigned char *)bytes,
                     .avail_in = (unsigned)size_bytes,
                     .next_out = encoded,
                     .avail_out = (unsigned)room_bytes};
    deflateInit2(&zlib, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
    int code = deflate(&zlib, Z_FINISH);
    size_t used = room_bytes - zlib.avail_out;
    deflateEnd(&zlib);
    assert_int_equal(code, Z_STREAM_END);
    return used;
}

static inline void zip_add(zip_writer *self, const zip_entry *entry)
{
    unsigned char encoded[32768];
    const void *stored = entry->bytes;
    size_t stored_bytes = entry->size_bytes, name_bytes = strlen(entry->name);
    size_t offset = self->file_bytes;
    uint32_t crc = entry->claimed_crc ? entry->claimed_crc
                                      : (uint32_t)crc32_z(0, entry->bytes, entry->size_bytes);

    if (entry->method == 8) {
        stored_bytes = zip_deflate(entry->bytes, entry->size_bytes, encoded, sizeof encoded);
        stored = encoded;
    }
    const uint64_t fields[][2] = {
        {20, 2},
        {entry->flags, 2},
        {entry->method, 2},
        {0, 4},
        {crc, 4},
        {stored_bytes, 4},
        {entry->claimed_bytes ? entry->claimed_bytes : entry->size_bytes, 4},
        {name_bytes, 2},
        {0, 2}};
    zip_put(self->file, &self->file_bytes, 0x04034b50, 4);
    zip_put(self->directory, &self->directory_bytes, 0x02014b50, 4);
    zip_put(self->directory, &self->directory_bytes, 20, 2);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        zip_put(self->file, &self->file_bytes, fields[i][0], (int)fields[i][1]);
        zip_put(self->directory, &self->directory_bytes, fields[i][0], (int)fields[i][1]);
    }
    memcpy(self->file + self->file_bytes, entry->name, name_bytes);
    self->file_bytes += name_bytes;
    memcpy(self->file + self->file_bytes, stored, stored_bytes);
    self->file_bytes += stored_bytes;
    zip_put(self->directory, &self->directory_bytes, 0, 4); /* comment, disk */
    zip_put(self->directory, &self->directory_bytes, 0, 6); /* attributes */
    zip_put(self->directory, &self->directory_bytes, offset, 4);
    memcpy(self->directory + self->directory_bytes, entry->name, name_bytes);
    self->directory_bytes += name_bytes;
    self->count++;
}

/* Writes the archive to the fixture's file. */
static inline void zip_finish(zip_writer *self, const fixture *f)
{
    size_t offset = self->file_bytes;

    memcpy(self->file + self->file_bytes, self->directory, self->directory_bytes);
    self->file_bytes += self->directory_bytes;
    zip_put(self->file, &self->file_bytes, 0x06054b50, 4);
    zip_put(self->file, &self->file_bytes, 0, 4);
    zip_put(self->file, &self->file_bytes, self->count, 2);
    zip_put(self->file, &self->file_bytes, self->count, 2);
    zip_put(self->file, &self->file_bytes, self->directory_bytes, 4);
    zip_put(self->file, &self->file_bytes, offset, 4);
    zip_put(self->file, &self->file_bytes, 0, 2);
    temporary_file_write(f->path, self->file, self->file_bytes);
}

/* An .npy file in memory; its size. */
static inline uint32_t npy_bytes(unsigned char *to, const char *descr, const char *fortran,
                                 const char *shape, const void *data, size_t size_bytes)
{
    int length = sprintf((char *)to + 10, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n",
                         descr, fortran, shape);
    memcpy(to, "\x93NUMPY\1\0", 8);
    to[8] = (unsigned char)length;
    to[9] = 0;
    memcpy(to + 10 + length, data, size_bytes);
    return 10 + (uint32_t)length + (uint32_t)size_bytes;
}

#endif
