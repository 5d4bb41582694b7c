/* An arena: many small allocations, freed together. Metadata, plans and requests live in arenas.
 * CONFINED. */
#ifndef TESSERA_BASE_ARENA_H
#define TESSERA_BASE_ARENA_H

#include "base/base.h"

typedef struct tsri_arena_block tsri_arena_block;
typedef struct tsri_arena {
    tsri_arena_block *blocks; /* newest first */
    size_t used_bytes;        /* over all blocks */
    size_t max_bytes;         /* 0: unlimited */
} tsri_arena;

/* clang-format off */
#define TSRI_ARENA_INIT {0}
/* clang-format on */

/* Zeroed, aligned for any type; NULL when out of memory, past max_bytes, or when the product
 * overflows. */
void *tsri_arena_alloc(tsri_arena *arena, size_t count, size_t element_bytes);
char *tsri_arena_strdup(tsri_arena *arena, const char *text);
char *tsri_arena_format(tsri_arena *arena, const char *format, ...) TSR_PRINTF(2, 3);
/* Frees everything; the arena may be used again. */
void tsri_arena_clear(tsri_arena *arena);
/* Forgets all allocations but keeps the largest block for the next round. */
void tsri_arena_reset(tsri_arena *arena);
static inline void tsri_arena_cleanup(tsri_arena *arena)
{
    tsri_arena_clear(arena);
}

#endif
