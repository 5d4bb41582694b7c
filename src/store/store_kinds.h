/* The stores that are built in. */
#ifndef TESSERA_STORE_STORE_KINDS_H
#define TESSERA_STORE_STORE_KINDS_H

#include <tessera/sys/store.h>

extern const tsr_store_ops tsri_store_fs_ops;
extern const tsr_store_ops tsri_store_memory_ops;
extern const tsr_store_ops tsri_store_reference_ops;

#endif
