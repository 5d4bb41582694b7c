/* Element types of netCDF, those that a file defines for itself too. */
#ifndef TESSERA_SOURCE_NETCDF_TYPE_H
#define TESSERA_SOURCE_NETCDF_TYPE_H

#include <tessera/dtype.h>

#include "base/base.h"

/* Bytes of an element that follow each other in libnetcdf's memory and in ours. */
typedef struct tsri_netcdf_run {
    size_t from, to, size_bytes;
} tsri_netcdf_run;

/* A type with the way of its elements into our memory: libnetcdf hands out compounds as a C
 * compiler lays them out, with padding; our structs have none. */
typedef struct tsri_netcdf_type {
    const tsr_dtype *dtype; /* held */
    size_t size_bytes;      /* of an element that libnetcdf hands out */
    tsri_netcdf_run *runs;
    size_t run_count; /* 0: elements lie in both as they are */
} tsri_netcdf_type;

/* The element type of an atomic netCDF type, or NULL when there is none. Text is uint8. Static. */
const tsr_dtype *tsri_netcdf_dtype(int type);

/* Looks at a type of any kind: enums are their integers (of one byte with FALSE and TRUE: bool),
 * opaque ones raw bytes, compounds structs (of two floats "r" and "i": complex numbers), in which
 * characters are text of fixed length. `self` is all zeros before. Owner: the caller, by
 * tsri_netcdf_type_clear, after failures too. The caller holds the lock.
 * Errors: UNSUPPORTED (names the type), LIMIT, INVALID_ARGUMENT (names of fields), DAMAGED,
 * NO_MEMORY. */
int tsri_netcdf_type_init(tsri_netcdf_type *self, int group, int type, tsr_error *err);
void tsri_netcdf_type_clear(tsri_netcdf_type *self);

/* Copies `count` elements of libnetcdf's into dense elements of ours. Never fails. */
void tsri_netcdf_type_gather(const tsri_netcdf_type *self, const void *elements, size_t count,
                             void *values);

/* Whether the type is an enum whose elements are integers, that is, whose names are lost with the
 * type. The caller holds the lock. Never fails. */
bool tsri_netcdf_is_enum(int group, int type);

#endif
