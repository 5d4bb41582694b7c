/* The Python literals in the headers of .npy files. */
#ifndef TESSERA_SOURCE_NPY_SCAN_H
#define TESSERA_SOURCE_NPY_SCAN_H

#include <tessera/sys/output.h>

#include "base/base.h"

typedef struct tsri_npy_scanner {
    const char *begin, *at, *end;
    bool is_utf8; /* else ISO 8859-1, as in versions 1 and 2 of the format */
} tsri_npy_scanner;

/* Fails with "an .npy header with WHAT" and the byte. Returns BAD_METADATA. */
int tsri_npy_refuse(const tsri_npy_scanner *self, const char *what, tsr_error *err);

void tsri_npy_skip_space(tsri_npy_scanner *self);

/* Whether the next thing, behind spaces, is `word`; passes it by if so. */
bool tsri_npy_take_word(tsri_npy_scanner *self, const char *word);

/* A quoted word without escapes, into `text`; false, and nothing is passed by, where there is none
 * or it does not fit. */
bool tsri_npy_take_string(tsri_npy_scanner *self, char *text, size_t capacity);

/* Any quoted text, appended as UTF-8 without a 0 byte. Errors: BAD_METADATA, NO_MEMORY. */
int tsri_npy_take_text(tsri_npy_scanner *self, tsr_output *output, tsr_error *err);

/* A whole number from 0 on; false where there is none, or it is larger than 2^63-1. */
bool tsri_npy_take_length(tsri_npy_scanner *self, int64_t *ret_length);

#endif
