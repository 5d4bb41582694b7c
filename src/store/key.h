/* Limits of keys, see tessera/store.h. */
#ifndef TESSERA_STORE_KEY_H
#define TESSERA_STORE_KEY_H

/* S3 and Google Cloud Storage allow no more. A prefix may have one byte more, its slash. */
#define TSRI_KEY_BYTES_MAX 1024

#endif
