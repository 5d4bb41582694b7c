/* The inside of tsri_figures. */
#ifndef TESSERA_ARRAY_FIGURES_LIST_H
#define TESSERA_ARRAY_FIGURES_LIST_H

#include "array/figures_kept.h"

#define TSRI_FIGURES_BUCKETS 256

struct tsri_figures {
    tsr_array *rows; /* the hidden array; held */
    /* Under the mutex of the array. */
    tsri_figures_block *pending[TSRI_FIGURES_BUCKETS]; /* owned: to be written, by chunk */
    size_t pending_bytes;
    bool flushing; /* somebody writes what was pending, and goes on while there is more */
};

#endif
