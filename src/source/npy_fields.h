/* Structured types in the headers of .npy files: [('x', '<f4'), ('y', '>i2', (3,))]. */
#ifndef TESSERA_SOURCE_NPY_FIELDS_H
#define TESSERA_SOURCE_NPY_FIELDS_H

#include <tessera/dtype.h>

#include "source/npy_scan.h"

/* Reads the list that the scanner stands on. `*ret_order` is the byte order of all numbers, < > or
 * |; 0 where there are both, and *ret_orders then has a letter for each leaf
 * (tensor/dtype_struct.h), else NULL. Owner: the caller, the orders by tsri_free. Errors:
 * BAD_METADATA (with the byte), UNSUPPORTED (gaps between the fields; types that are not read),
 * LIMIT, NO_MEMORY. Source: numpy.lib.format.dtype_to_descr. */
int tsri_npy_fields_read(tsri_npy_scanner *scanner, const tsr_dtype **ret_dtype, char *ret_order,
                         char **ret_orders, tsr_error *err);

#endif
