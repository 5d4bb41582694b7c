/* Array-to-array codecs on short lists of elements that are written as fill-value JSON. */
#ifndef CODEC_ELEMENTS_H
#define CODEC_ELEMENTS_H

#include "conformance/codec_suite.h"

/* Encodes `decoded` (elements separated by spaces) and expects `encoded`; decodes that and expects
 * `again`, or `decoded` where that is NULL. The shape is one axis. */
void codec_expect_elements(const codec_case *row, const char *decoded, const char *encoded,
                           const char *again);

/* Encodes (or decodes) one list and expects a failure with this status and text. */
void codec_expect_element_refused(const codec_case *row, bool encode, const char *elements,
                                  int status, const char *text);

/* Opens with a fill value, and expects what it becomes; `status` other than 0: expects a failure
 * with `expected` in its message. */
void codec_expect_fill_value(const codec_case *row, const char *fill_value, int status,
                             const char *expected);

#endif
