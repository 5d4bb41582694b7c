/* Data types as Zarr metadata writes them: names and extension objects of v3, typestrs and lists of
 * fields of v2. It lies among the codecs since some of them (cast_value, delta) name types too.
 *
 * Formats: Zarr core specification 3.1, "Data types"; the extension registry's data types; Zarr
 * storage specification 2, "Data type encoding", which is NumPy's array interface. Names of
 * zarr-python are read where the registry has others: raw_bytes (r24), null_terminated_bytes.
 *
 * Thread: CONFINED; types are IMMUTABLE. */
#ifndef TESSERA_CODEC_ZARR_DTYPE_H
#define TESSERA_CODEC_ZARR_DTYPE_H

#include <tessera/dtype.h>
#include <tessera/sys/output.h>

#include "meta/json.h"

/* Reads the data type at `path` (a JSON pointer, for errors) of v3 metadata. Owner: the caller
 * holds one reference. Errors: BAD_METADATA, UNSUPPORTED (no such type), NO_MEMORY. */
int tsri_dtype_from_v3(const tsri_json *value, const char *path, const tsr_dtype **ret_dtype,
                       tsr_error *err);

/* The same of v2 metadata. `orders` gets one letter for each leaf (tensor/dtype_struct.h): < or >
 * is the byte order of storage, | stands for those that have none; and a 0 byte. */
int tsri_dtype_from_v2(const tsri_json *value, const char *path, const tsr_dtype **ret_dtype,
                       tsr_output *orders, tsr_error *err);

/* The type that a text of NumPy's names, as configurations of numcodecs do: a typestr ("<f4"), or a
 * name of NumPy or Zarr v3 ("float32", "f4"), which is little-endian. Errors: as above. */
int tsri_dtype_from_numpy(const char *text, const char *path, const tsr_dtype **ret_dtype,
                          bool *ret_big_endian, tsr_error *err);

/* The one order of them all, | where none has any, or 0 where there are both. Never fails. */
char tsri_dtype_common_order(const char *orders);

/* Appends the orders as the configuration of the codec bytes for a struct in both of them:
 * {"endian":["little","big",null]}. Errors: NO_MEMORY. */
int tsri_dtype_orders_print(const char *orders, tsr_output *output, tsr_error *err);

/* Append what the functions above read. Errors: UNSUPPORTED (v2 has no such type), NO_MEMORY. */
int tsri_dtype_to_v3(const tsr_dtype *dtype, tsr_output *output, tsr_error *err);
int tsri_dtype_to_v2(const tsr_dtype *dtype, bool big_endian, tsr_output *output, tsr_error *err);

#endif
