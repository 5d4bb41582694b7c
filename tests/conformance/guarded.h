/* Memory that ends at a page which nobody may touch. A single byte read or written past the end
 * stops the program, also within libraries that no sanitizer has seen; bytes in front are watched
 * by a pattern. */
#ifndef GUARDED_H
#define GUARDED_H

#include <stdbool.h>
#include <stddef.h>

typedef struct guarded {
    char *end;         /* the first forbidden byte */
    size_t size_bytes; /* usable bytes before it */
    char *map;
    size_t map_bytes;
} guarded;

/* Ends the program when there is no memory: this is for tests. */
guarded guarded_new(size_t size_bytes);
void guarded_free(guarded *memory);

/* The last `size_bytes` of the memory, everything before them filled with the pattern. */
char *guarded_last(guarded *memory, size_t size_bytes);

/* Copies bytes to the end of the memory and returns where they start. */
char *guarded_place(guarded *memory, const void *bytes, size_t size_bytes);

/* Whether everything before the last `size_bytes` still has the pattern. */
bool guarded_intact(const guarded *memory, size_t size_bytes);

#endif
