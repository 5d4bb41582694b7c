/* Files that libnetcdf writes for tests. */
#ifndef TESTS_UNIT_SOURCE_NETCDF_TESTING_H
#define TESTS_UNIT_SOURCE_NETCDF_TESTING_H

#include "source_testing.h"

#include <netcdf.h>

static inline void need(int code)
{
    if (code != NC_NOERR)
        fail_msg("libnetcdf: %s", nc_strerror(code));
}

/* A new file in define mode. */
static inline int netcdf_create(const fixture *f, int format)
{
    int id;
    need(nc_create(f->path, format | NC_CLOBBER, &id));
    return id;
}

#endif
