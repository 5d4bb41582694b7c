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

/* For writers: append bytes, or a short formatted text (of at most 31 bytes). */
void tsri_element_put(tsri_element_writer *writer, const char *text, size_t length);
void tsri_element_print(tsri_element_writer *writer, const char *format, ...) TSR_PRINTF(2, 3);

/* For readers: the first character that is no space; a token that must stand at *text, which is
 * then moved past it; a JSON string of less than `capacity` ASCII characters; an integer of 64
 * bits.
 */
const char *tsri_element_skip_space(const char *text);
bool tsri_element_take(const char **text, const char *token);
bool tsri_element_take_string(const char **text, char *value, size_t capacity);
bool tsri_element_take_int64(const char **text, int64_t *ret_value);

/* The value of a hexadecimal digit, or -1. */
int tsri_element_hexadecimal(char c);

/* A character of a JSON string: written, escaped where it must be; read inside of the quotes, where
 * the closing one sets *ret_end. False for what no string of JSON has. */
void tsri_element_put_character(tsri_element_writer *writer, uint32_t character);
bool tsri_element_take_character(const char **text, uint32_t *ret_character, bool *ret_end);

/* A character as UTF-8; what is none of Unicode as U+FFFD. */
void tsri_element_put_utf8(tsri_element_writer *writer, uint32_t character);

/* Base64 (RFC 4648, with its padding) inside of the quotes: appended; read up to and with the
 * closing quote, false when it is malformed or stands for more than `capacity` bytes. */
void tsri_element_put_base64(tsri_element_writer *writer, const void *bytes, size_t size_bytes);
bool tsri_element_take_base64(const char **text, void *bytes, size_t capacity, size_t *ret_bytes);

extern const tsri_element_text tsri_text_bool, tsri_text_signed, tsri_text_unsigned,
    tsri_text_float, tsri_text_complex, tsri_text_raw;

struct tsr_dtype_ops {
    const tsri_element_text *text;
    const tsri_number *number;       /* of real types; NULL: no number */
    const tsri_float_format *format; /* of float types, else NULL */
    const tsr_dtype *component;      /* of complex types: the type of a component; else NULL */
    /* Of types with parameters: whether two types of one family and size are the same (NULL: they
     * are), and what else is freed with one (NULL: nothing). */
    bool (*is_same)(const tsr_dtype *a, const tsr_dtype *b);
    void (*clear)(tsr_dtype *dtype);
};

/* Reports that a text is no element of a type. */
int tsri_element_refuse(const tsr_dtype *dtype, const char *text, tsr_error *err);

/* The names of types, for messages. */
extern const char tsri_dtype_known_names[];

#endif
