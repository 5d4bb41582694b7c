/* Attributes of files as JSON. */
#ifndef TESSERA_SOURCE_ATTRIBUTE_TEXT_H
#define TESSERA_SOURCE_ATTRIBUTE_TEXT_H

#include <tessera/dtype.h>
#include <tessera/sys/output.h>

#include "base/base.h"

/* Appends text as a JSON string. Zero bytes at the end are padding and left out, as are those
 * inside; bytes that are not UTF-8 are taken for Latin-1, which is what old files have. Errors:
 * NO_MEMORY, LIMIT. */
int tsri_attribute_text(const char *text, size_t size_bytes, tsr_output *output, tsr_error *err);

/* Appends one number as JSON, short floats with the digits of the double that they are; NaN and
 * infinities are the strings "NaN", "Infinity", "-Infinity". Errors: NO_MEMORY, LIMIT. */
int tsri_attribute_number(const tsr_dtype *dtype, const void *value, tsr_output *output,
                          tsr_error *err);

/* Appends `name` and a colon, after a comma where it is not the first. Errors: as above. */
int tsri_attribute_name(const char *name, bool *first, tsr_output *output, tsr_error *err);

#endif
