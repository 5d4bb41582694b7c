/* One of the three globals that this project permits itself. */
#include "source/netcdf_lock.h"

#include <hdf5.h>
#include <pthread.h>

#include "base/context.h"

static struct {
    pthread_once_t once;
    pthread_mutex_t mutex;
    tsri_fork_handler handler;
    unsigned forks;
    /* What printed HDF5's errors before, for the program around us. */
    H5E_auto2_t print;
    void *print_user;
} hdf5_mutex = {.once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER};

static void before_fork(void *user)
{
    (void)user;
    pthread_mutex_lock(&hdf5_mutex.mutex);
}

static void after_fork_in_parent(void *user)
{
    (void)user;
    pthread_mutex_unlock(&hdf5_mutex.mutex);
}

static void after_fork_in_child(void *user)
{
    (void)user;
    hdf5_mutex.forks++;
    pthread_mutex_unlock(&hdf5_mutex.mutex);
}

static void install(void)
{
    hdf5_mutex.handler = (tsri_fork_handler){
        .prepare = before_fork, .parent = after_fork_in_parent, .child = after_fork_in_child};
    tsri_fork_register(&hdf5_mutex.handler);
}

void tsri_hdf5_lock(void)
{
    pthread_once(&hdf5_mutex.once, install);
    pthread_mutex_lock(&hdf5_mutex.mutex);
    H5Eget_auto2(H5E_DEFAULT, &hdf5_mutex.print, &hdf5_mutex.print_user);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void tsri_hdf5_unlock(void)
{
    H5Eset_auto2(H5E_DEFAULT, hdf5_mutex.print, hdf5_mutex.print_user);
    pthread_mutex_unlock(&hdf5_mutex.mutex);
}

unsigned tsri_hdf5_forks(void)
{
    return hdf5_mutex.forks;
}
