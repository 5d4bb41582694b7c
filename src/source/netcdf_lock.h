/* The one lock under which libnetcdf and HDF5 are called: neither is thread-safe, whatever the
 * file. */
#ifndef TESSERA_SOURCE_NETCDF_LOCK_H
#define TESSERA_SOURCE_NETCDF_LOCK_H

/* Takes the lock and keeps HDF5 from printing until it is given back. A fork waits until the call
 * that is under way has ended, so that the child finds both libraries in order. Never fails. */
void tsri_hdf5_lock(void);
void tsri_hdf5_unlock(void);

/* How many forks lie between the first process that used the lock and this one. Descriptors that
 * libnetcdf opened before have a file position that the parent moves too. The caller holds the
 * lock. */
unsigned tsri_hdf5_forks(void);

#endif
