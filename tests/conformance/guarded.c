#include "conformance/guarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PATTERN ((char)0xc5)

/* How far in front of the usable part the pattern is laid and looked for. */
#define MARGIN_BYTES 256

guarded guarded_new(size_t size_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t usable = (size_bytes + MARGIN_BYTES + page - 1) / page * page;
    guarded memory = {.size_bytes = size_bytes, .map_bytes = usable + page};

    memory.map =
        mmap(NULL, memory.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory.map == MAP_FAILED || mprotect(memory.map + usable, page, PROT_NONE) != 0) {
        perror("guarded_new");
        exit(2);
    }
    memory.end = memory.map + usable;
    return memory;
}

void guarded_free(guarded *memory)
{
    if (memory->map)
        munmap(memory->map, memory->map_bytes);
    *memory = (guarded){0};
}

static char *margin(const guarded *memory, size_t size_bytes)
{
    if (size_bytes > memory->size_bytes) {
        fprintf(stderr, "guarded: %zu bytes asked for, %zu there\n", size_bytes,
                memory->size_bytes);
        exit(2);
    }
    return memory->end - size_bytes - MARGIN_BYTES;
}

char *guarded_last(guarded *memory, size_t size_bytes)
{
    memset(margin(memory, size_bytes), PATTERN, MARGIN_BYTES);
    return memory->end - size_bytes;
}

char *guarded_place(guarded *memory, const void *bytes, size_t size_bytes)
{
    char *to = guarded_last(memory, size_bytes);
    if (size_bytes)
        memcpy(to, bytes, size_bytes);
    return to;
}

bool guarded_intact(const guarded *memory, size_t size_bytes)
{
    const char *byte = margin(memory, size_bytes);
    for (int i = 0; i < MARGIN_BYTES; i++)
        if (byte[i] != PATTERN)
            return false;
    return true;
}
