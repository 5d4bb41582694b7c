/* Texts that a library has allocated, as elements of type string. */
#ifndef TESSERA_SOURCE_TEXT_ELEMENTS_H
#define TESSERA_SOURCE_TEXT_ELEMENTS_H

#include <tessera/view.h>

#include "base/base.h"

/* Copies one text for each element of a dense view, which has a heap; NULL is the empty string, and
 * bytes that are not UTF-8 are taken for Latin-1, which is what old files have. Errors: NO_MEMORY,
 * LIMIT. */
int tsri_take_texts(const tsr_view *view, char *const *texts, tsr_error *err);

#endif
