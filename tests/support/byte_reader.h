/* Bytes in memory that are read one after another, as tsri_npy_read says. */
#ifndef TESSERA_TESTS_BYTE_READER_H
#define TESSERA_TESTS_BYTE_READER_H

#include <string.h>

#include <tessera/error.h>

typedef struct byte_reader {
    const void *data;
    size_t size, at;
} byte_reader;

static inline int read_next(void *user, void *destination, size_t size_bytes, size_t *ret_got,
                            tsr_error *err)
{
    byte_reader *self = user;
    size_t rest = self->size - self->at;
    (void)err;
    *ret_got = size_bytes < rest ? size_bytes : rest;
    memcpy(destination, (const char *)self->data + self->at, *ret_got);
    self->at += *ret_got;
    return 0;
}

#endif
