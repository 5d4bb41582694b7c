#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/checked.h"

struct tsri_arena_block {
    tsri_arena_block *next;
    size_t size_bytes, used_bytes;
    alignas(max_align_t) char bytes[];
};

#define ALIGNMENT alignof(max_align_t)
#define BLOCK_BYTES_MIN ((size_t)4096 - sizeof(tsri_arena_block))
#define BLOCK_BYTES_MAX ((size_t)256 * 1024 - sizeof(tsri_arena_block))

/* Blocks double, so that a large document costs few of them and a small one wastes little. */
static size_t next_block_size(const tsri_arena *arena)
{
    size_t size = arena->blocks ? arena->blocks->size_bytes * 2 : BLOCK_BYTES_MIN;
    return TSRI_MIN(TSRI_MAX(size, BLOCK_BYTES_MIN), BLOCK_BYTES_MAX);
}

static tsri_arena_block *add_block(tsri_arena *arena, size_t needed)
{
    size_t regular = next_block_size(arena), size = TSRI_MAX(regular, needed), total;
    if (!tsri_add_size(size, sizeof(tsri_arena_block), &total))
        return NULL;
    tsri_arena_block *block = tsri_alloc(total);
    if (!block)
        return NULL;
    block->size_bytes = size;
    block->used_bytes = 0;
    /* A block for one large allocation goes behind the newest, which still has room for small ones.
     */
    tsri_arena_block **place =
        needed > regular && arena->blocks ? &arena->blocks->next : &arena->blocks;
    block->next = *place;
    *place = block;
    return block;
}

void *tsri_arena_alloc(tsri_arena *arena, size_t count, size_t element_bytes)
{
    size_t size, used;
    if (!tsri_multiply_size(count, element_bytes, &size) ||
        !tsri_add_size(size, ALIGNMENT - 1, &size))
        return NULL;
    size = TSRI_MAX(size / ALIGNMENT * ALIGNMENT, ALIGNMENT);
    if (!tsri_add_size(arena->used_bytes, size, &used) ||
        (arena->max_bytes && used > arena->max_bytes))
        return NULL;
    tsri_arena_block *block = arena->blocks;
    if (!block || block->size_bytes - block->used_bytes < size)
        block = add_block(arena, size);
    if (!block)
        return NULL;
    void *memory = block->bytes + block->used_bytes;
    block->used_bytes += size;
    arena->used_bytes = used;
    return memset(memory, 0, size);
}

char *tsri_arena_strdup(tsri_arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = tsri_arena_alloc(arena, size, 1);
    return copy ? memcpy(copy, text, size) : NULL;
}

char *tsri_arena_format(tsri_arena *arena, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : tsri_arena_alloc(arena, (size_t)length + 1, 1);
    if (!text)
        return NULL;
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}

/* Frees all blocks but `kept`, which may be NULL. */
static void free_blocks(tsri_arena *arena, const tsri_arena_block *kept)
{
    for (tsri_arena_block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        if (block != kept)
            tsri_free(block);
    }
}

void tsri_arena_clear(tsri_arena *arena)
{
    free_blocks(arena, NULL);
    arena->blocks = NULL;
    arena->used_bytes = 0;
}

void tsri_arena_reset(tsri_arena *arena)
{
    tsri_arena_block *largest = arena->blocks;
    for (tsri_arena_block *block = arena->blocks; block; block = block->next)
        if (block->size_bytes > largest->size_bytes)
            largest = block;
    free_blocks(arena, largest);
    arena->blocks = largest;
    arena->used_bytes = 0;
    if (largest) {
        largest->next = NULL;
        largest->used_bytes = 0;
    }
}
