#include "memory.h"

#include <stdlib.h>
#include <string.h>

void *memory_bytes(size_t size_bytes)
{
    return malloc(size_bytes > 0 ? size_bytes : 1);
}

void *memory_zeroed(size_t count, size_t element_bytes)
{
    return calloc(count > 0 ? count : 1, element_bytes);
}

void *memory_resized(void *memory, size_t size_bytes)
{
    return realloc(memory, size_bytes > 0 ? size_bytes : 1);
}

void *memory_grown(void *list, size_t count, size_t *capacity, size_t element_bytes)
{
    size_t wanted = *capacity ? *capacity * 2 : 16;
    void *grown;

    if (count < *capacity)
        return list;
    grown = memory_resized(list, wanted * element_bytes);
    if (grown)
        *capacity = wanted;
    return grown;
}

char *memory_text(const char *text)
{
    return strdup(text);
}

char *memory_text_part(const char *text, size_t length)
{
    return strndup(text, length);
}

void memory_free(void *memory)
{
    free(memory);
}
