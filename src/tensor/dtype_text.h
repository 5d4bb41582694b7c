/* Casts between texts of fixed length. */
#ifndef TESSERA_TENSOR_DTYPE_TEXT_H
#define TESSERA_TENSOR_DTYPE_TEXT_H

#include <tessera/view.h>

#include "base/base.h"

/* The number of characters, or bytes, up to the last one that is not 0. Never fails. */
size_t tsri_dtype_text_length(const tsr_dtype *dtype, const void *element);

/* The least rule under which a text may be stored in another length: SAFE in a longer one,
 * SAME_KIND in a shorter one and between text and bytes (both checked), UNSAFE + 1 where one is
 * neither. Never fails. */
tsr_casting tsri_dtype_text_rule(const tsr_dtype *from, const tsr_dtype *to);

/* Whether one element has room in a type of the same kind. Never fails. */
bool tsri_dtype_text_fits(const tsr_dtype *from, const void *element, const tsr_dtype *to);

/* Converts views of one kind of texts and of equal shape. `checked`: false when one is too long;
 * otherwise it is cut. CONFINED. */
bool tsri_view_convert_texts(const tsr_view *destination, const tsr_view *source, bool checked);

#endif
