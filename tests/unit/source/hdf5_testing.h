/* Files that libhdf5 writes for tests. */
#ifndef TESTS_UNIT_SOURCE_HDF5_TESTING_H
#define TESTS_UNIT_SOURCE_HDF5_TESTING_H

#include "source_testing.h"

#include <hdf5.h>

static inline hid_t need(hid_t result)
{
    if (result < 0)
        fail_msg("libhdf5 failed");
    return result;
}

static inline hid_t hdf5_create(const fixture *f)
{
    return need(H5Fcreate(f->path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
}

/* A data set of one axis with these values; closed by H5Dclose. */
static inline hid_t hdf5_put(hid_t place, const char *name, hid_t stored, hid_t memory,
                             hsize_t length, const void *values)
{
    hid_t space = need(H5Screate_simple(1, &length, NULL));
    hid_t id = need(H5Dcreate2(place, name, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    need(H5Dwrite(id, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    H5Sclose(space);
    return id;
}

/* An attribute of `rank` axes. */
static inline void hdf5_attribute(hid_t object, const char *name, hid_t type, int rank,
                                  const hsize_t *shape, const void *values)
{
    hid_t space = need(rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, shape, NULL));
    hid_t id = need(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    need(H5Awrite(id, type, values));
    H5Aclose(id);
    H5Sclose(space);
}

static const int hdf5_numbers[] = {10, 20, 30};

#endif
