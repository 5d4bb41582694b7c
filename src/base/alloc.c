/* The only file that calls malloc, free and their kin. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/base.h"
#include "base/checked.h"

void *tsri_alloc(size_t size_bytes)
{
    return malloc(size_bytes ? size_bytes : 1);
}

void *tsri_alloc_zero(size_t size_bytes)
{
    return calloc(1, size_bytes ? size_bytes : 1);
}

void *tsri_alloc_array(size_t count, size_t element_bytes)
{
    size_t size_bytes;
    return tsri_multiply_size(count, element_bytes, &size_bytes) ? tsri_alloc(size_bytes) : NULL;
}

void *tsri_alloc_array_zero(size_t count, size_t element_bytes)
{
    size_t size_bytes;
    return tsri_multiply_size(count, element_bytes, &size_bytes) ? tsri_alloc_zero(size_bytes)
                                                                 : NULL;
}

void *tsri_realloc_array(void *memory, size_t count, size_t element_bytes)
{
    size_t size_bytes;
    if (!tsri_multiply_size(count, element_bytes, &size_bytes))
        return NULL;
    return realloc(memory, size_bytes ? size_bytes : 1);
}

void *tsri_grow_array(void *list, size_t count, size_t *capacity, size_t element_bytes)
{
    if (count < *capacity)
        return list;
    size_t wanted = TSRI_MAX(2 * *capacity, (size_t)16);
    void *grown = tsri_realloc_array(list, wanted, element_bytes);
    if (grown)
        *capacity = wanted;
    return grown;
}

char *tsri_strdup(const char *text)
{
    return tsri_strndup(text, strlen(text));
}

char *tsri_strndup(const char *text, size_t size_bytes)
{
    size_t length = strnlen(text, size_bytes);
    char *copy = tsri_alloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = 0;
    return copy;
}

void tsri_free(void *memory)
{
    free(memory);
}

char *tsri_vformat(const char *format, va_list arguments)
{
    char *text = NULL;
    return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

char *tsri_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = tsri_vformat(format, arguments);
    va_end(arguments);
    return text;
}

/* ---- payloads ---- */

/* First touch of small pages costs more than most codecs. The allocator recycles middle-sized
 * payloads, so they are touched once; it never recycles large ones, so these are mappings of their
 * own that begin on a huge page, which costs a seventh. The address sanitizer does not watch
 * mappings: under it everything comes from its allocator. */
#if defined(__SANITIZE_ADDRESS__)
#define MAPPED_BYTES_MIN SIZE_MAX
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MAPPED_BYTES_MIN SIZE_MAX
#endif
#endif
#ifndef MAPPED_BYTES_MIN
#define MAPPED_BYTES_MIN HUGE_PAGE
#endif

#define HUGE_PAGE ((size_t)1 << 21)
/* The largest small page of any machine; pages that are never touched cost nothing. */
#define MAPPING_UNIT ((size_t)1 << 16)
#define VECTOR_BYTES ((size_t)64)

/* A last huge page that is at least half full is taken whole: one fault instead of hundreds. */
static size_t mapped_size(size_t size_bytes)
{
    size_t unit = size_bytes % HUGE_PAGE >= HUGE_PAGE / 2 ? HUGE_PAGE : MAPPING_UNIT;
    return (size_bytes + unit - 1) / unit * unit;
}

/* Maps more than is needed and gives back what lies before and after the aligned part. */
static void *map_aligned(size_t size)
{
    char *start =
        mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)start % HUGE_PAGE) % HUGE_PAGE;
    if (before > 0)
        munmap(start, before);
    if (before < HUGE_PAGE)
        munmap(start + before + size, HUGE_PAGE - before);
    /* A system without huge pages says no; the memory is as good, only slower to touch. */
    madvise(start + before, size, MADV_HUGEPAGE);
    return start + before;
}

/* posix_memalign cannot use what was freed for the next request of the same size, and takes up to
 * four times the memory. So the room before the aligned bytes holds the address that malloc gave.
 */
static void *alloc_aligned(size_t size_bytes)
{
    char *memory = malloc(size_bytes + VECTOR_BYTES);
    if (!memory)
        return NULL;
    char *aligned = memory + VECTOR_BYTES - (uintptr_t)memory % VECTOR_BYTES;
    ((void **)aligned)[-1] = memory;
    return aligned;
}

void *tsri_alloc_payload(size_t size_bytes)
{
    if (size_bytes > PTRDIFF_MAX - 2 * HUGE_PAGE)
        return NULL;
    if (size_bytes >= MAPPED_BYTES_MIN)
        return map_aligned(mapped_size(size_bytes));
    return alloc_aligned(size_bytes);
}

void tsri_free_payload(void *memory, size_t size_bytes)
{
    if (!memory)
        return;
    if (size_bytes >= MAPPED_BYTES_MIN)
        munmap(memory, mapped_size(size_bytes));
    else
        free(((void **)memory)[-1]);
}
