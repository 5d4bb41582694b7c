/* What stands behind a type: how its elements are written as text, read from text, and cast.
 *
 * A new type is a row in dtype.c and, where it is of a new family, a pair of text functions here.
 */
#ifndef TESSERA_TENSOR_ELEMENT_H
#define TESSERA_TENSOR_ELEMENT_H

#include <tessera/dtype.h>

#include "base/base.h"
#include "tensor/convert.h"
#include "tensor/decimal.h"

/* Text under construction; what does not fit is counted, not written. */
typedef struct tsri_element_writer {
    char *text;
    size_t capacity, length;
} tsri_element_writer;

/* How a family of types reads and writes fill-value JSON. */
typedef struct tsri_element_text {
    void (*write)(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer);
    /* Reads the value at *text into `element`, moves *text behind it; false when there is no value
     * of this type. `element` may be changed on failure. */
    bool (*read)(const tsr_dtype *dtype, const char **text, void *element);
    const char *form; /* what is wanted, for messages: "true or false" */
} tsri_element_text;

extern const tsri_element_text tsri_text_bool, tsri_text_signed, tsri_text_unsigned,
    tsri_text_float, tsri_text_complex, tsri_text_raw;

struct tsr_dtype_ops {
    const tsri_element_text *text;
    const tsri_number *number;       /* of real types; NULL: no number */
    const tsri_float_format *format; /* of float types, else NULL */
    const tsr_dtype *component;      /* of complex types: the type of a component; else NULL */
};

/* The names of types, for messages. */
extern const char tsri_dtype_known_names[];

#endif
