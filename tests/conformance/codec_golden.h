/* The files in tests/golden/codec and the data that they hold (generate.py there says which). */
#ifndef CODEC_GOLDEN_H
#define CODEC_GOLDEN_H

#include "conformance/codec_suite.h"

/* The data behind a file name's extension (.small, .large, .hello). Owner: the caller, by free. */
char *golden_data(const char *name, size_t *ret_size_bytes);

/* The content of a file. Owner: the caller, by free. */
char *golden_read(const char *name, size_t *ret_size_bytes);

/* Decodes a file, whole and several prefixes, and compares. */
void golden_expect(const codec_fixture *fixture, const char *name);

/* Decodes these bytes to `capacity_bytes` at most and compares with `expected`; NULL: DAMAGED is
 * expected, with `text` in the message. Fails the running test otherwise. */
void codec_expect_decoded(const codec_fixture *fixture, const void *bytes, size_t size_bytes,
                          const char *expected, size_t expected_bytes);
void codec_expect_damaged(const codec_fixture *fixture, const void *bytes, size_t size_bytes,
                          size_t capacity_bytes, const char *text);

#endif
