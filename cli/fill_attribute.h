/* The attribute `_FillValue`: the elements that stand for missing ones, by the conventions of
 * netCDF, which xarray follows.
 *
 * In netCDF files and in Zarr v2 it is a number. In Zarr v3 xarray writes, and insists on, the
 * base64 text of a little-endian double for floating-point arrays, and a pair of these for complex
 * ones (source: class FillValueCoder in xarray/backends/zarr.py, version 2026.9.0). */
#ifndef TESSERA_CLI_FILL_ATTRIBUTE_H
#define TESSERA_CLI_FILL_ATTRIBUTE_H

#include <stdbool.h>

#include <json-c/json.h>
#include <tessera.h>

#define FILL_ATTRIBUTE "_FillValue"
/* Another attribute of xarray: the names of the axes of a v2 array. */
#define NAMES_ATTRIBUTE "_ARRAY_DIMENSIONS"

/* Reads `_FillValue` in any of its forms as an element of that type. *ret_found false, and
 * `element` untouched: there is none, or it is no such element. Errors: NO_MEMORY. */
int fill_attribute_read(const tsr_dtype *dtype, struct json_object *attributes, void *element,
                        bool *ret_found, tsr_error *err);

/* Puts the element into the attributes in the form of a Zarr format (2 or 3), in the place of what
 * was there. Errors: NO_MEMORY. */
int fill_attribute_write(const tsr_dtype *dtype, const void *element, int zarr_format,
                         struct json_object *attributes, tsr_error *err);

#endif
