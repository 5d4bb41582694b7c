/* Filters in short form: "delta", "bitround=10", "fixedscaleoffset=1000:10:u2", several with commas
 * between them. */
#ifndef TESSERA_CLI_FILTER_TEXT_H
#define TESSERA_CLI_FILTER_TEXT_H

#include <tessera.h>

/* Writes the filters as the JSON list that metadata of a Zarr format (2 or 3) has for an array of
 * that type. Owner: the caller, by memory_free. Errors: INVALID_ARGUMENT (with the known forms),
 * NO_MEMORY. */
int filter_text_read(const char *text, int zarr_format, const tsr_dtype *dtype, char **ret_json,
                     tsr_error *err);

#endif
