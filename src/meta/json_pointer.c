#include "meta/json_pointer.h"

#include <stdio.h>

/* Appends a piece whole, or marks the pointer as cut; the mark always has room. */
static void append(tsri_json_pointer *pointer, const char *piece, size_t size_bytes)
{
    static const char mark[] = "...";
    if (pointer->is_cut)
        return;
    if (pointer->size_bytes + size_bytes > sizeof pointer->text - sizeof mark) {
        pointer->is_cut = true;
        piece = mark;
        size_bytes = sizeof mark - 1;
    }
    memcpy(pointer->text + pointer->size_bytes, piece, size_bytes);
    pointer->size_bytes += size_bytes;
    pointer->text[pointer->size_bytes] = 0;
}

void tsri_json_pointer_init(tsri_json_pointer *ret_pointer, const char *path)
{
    ret_pointer->size_bytes = 0;
    ret_pointer->is_cut = false;
    ret_pointer->text[0] = 0;
    for (; *path; path++)
        append(ret_pointer, path, 1);
}

void tsri_json_pointer_name(tsri_json_pointer *pointer, const char *name)
{
    append(pointer, "/", 1);
    for (; *name; name++) {
        unsigned char byte = (unsigned char)*name;
        char escaped[8];
        if (byte == '~')
            append(pointer, "~0", 2);
        else if (byte == '/')
            append(pointer, "~1", 2);
        else if (byte < 0x20 || byte == 0x7f)
            append(pointer, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", byte));
        else
            append(pointer, name, 1);
    }
}

void tsri_json_pointer_index(tsri_json_pointer *pointer, size_t index)
{
    char text[24];
    append(pointer, text, (size_t)snprintf(text, sizeof text, "/%zu", index));
}

const char *tsri_json_pointer_text(const tsri_json_pointer *pointer)
{
    return pointer->size_bytes > 0 ? pointer->text : "/";
}
