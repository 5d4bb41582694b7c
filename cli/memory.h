/* The only place of the command line where memory comes from and goes to. Nothing here sets an
 * error: callers know what the memory was for. */
#ifndef TESSERA_CLI_MEMORY_H
#define TESSERA_CLI_MEMORY_H

#include <stddef.h>

/* `size_bytes` bytes; NULL when out of memory. */
void *memory_bytes(size_t size_bytes);

/* `count` elements of zeros; NULL when out of memory, or when their size does not fit. */
void *memory_zeroed(size_t count, size_t element_bytes);

/* The same memory with another size; NULL, and the old one untouched, when out of memory. */
void *memory_resized(void *memory, size_t size_bytes);

/* Makes room for element `count` of a list that grows, doubling *capacity where it is used up. The
 * list, which may have moved; NULL, and the old one untouched, when out of memory. */
void *memory_grown(void *list, size_t count, size_t *capacity, size_t element_bytes);

/* Copies of a text, and of at most `length` bytes of it; NULL when out of memory. */
char *memory_text(const char *text);
char *memory_text_part(const char *text, size_t length);

/* Gives it back; NULL is left alone. */
void memory_free(void *memory);

#endif
