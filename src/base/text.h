/* Text for people: cutting at character boundaries and showing hostile bytes harmlessly. CONFINED.
 */
#ifndef TESSERA_BASE_TEXT_H
#define TESSERA_BASE_TEXT_H

#include <stdarg.h>

#include "base/base.h"

/* Formats into `buffer`. A text that does not fit is cut between two UTF-8 characters and ends in
 * "...". `capacity` is at least 4. The arguments may point into `buffer` only when it is not the
 * same memory: use a second buffer for that. Never fails. */
void tsri_text_vprint(char *buffer, size_t capacity, const char *format, va_list arguments)
    TSR_PRINTF(3, 0);
void tsri_text_print(char *buffer, size_t capacity, const char *format, ...) TSR_PRINTF(3, 4);

/* Copies `text` so that a terminal or a log shows it on one line and obeys nothing in it: control
 * characters, bytes that are not UTF-8 and characters that reorder or break lines become \n, \t,
 * \xNN or \uNNNN. A result that does not fit is cut between two characters and ends in "...".
 * `capacity` is at least 16. Never fails. */
void tsri_text_escape(char *buffer, size_t capacity, const char *text);

/* The length in bytes of the well-formed UTF-8 character at `text` (of `size` bytes, at least 1),
 * with its code point in *ret_code_point; 0 when the bytes there are not UTF-8. Source: RFC 3629.
 * Never fails. */
size_t tsri_text_character(const char *text, size_t size, uint32_t *ret_code_point);

/* Whether `text` begins with the three bytes that UTF-8 would have for a surrogate, which it
 * excludes and JSON texts of Python hold as an escape; its code point is in *ret_code_point. Never
 * fails. */
bool tsri_text_surrogate(const char *text, size_t size, uint32_t *ret_code_point);

/* Whether all bytes are well-formed UTF-8; 0 bytes are. Never fails. */
bool tsri_text_is_utf8(const char *text, size_t size);

#endif
