#include "source/text_elements.h"

#include "base/text.h"

static int take_latin(tsr_heap *heap, const char *text, size_t size_bytes, tsr_slot *ret_slot,
                      tsr_error *err)
{
    tsr_auto(tsri_text) *utf8 = tsri_alloc_array(size_bytes, 2);
    size_t length = 0;

    if (!utf8)
        return tsri_error_no_memory(err, 2 * size_bytes);
    for (size_t i = 0; i < size_bytes; i++) {
        unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x80) {
            utf8[length++] = (char)(0xc0 | byte >> 6);
            byte = (unsigned char)(0x80 | (byte & 0x3f));
        }
        utf8[length++] = (char)byte;
    }
    return tsr_heap_add(heap, utf8, length, ret_slot, err);
}

int tsri_take_texts(const tsr_view *view, char *const *texts, tsr_error *err)
{
    int64_t count = tsr_view_count(view);
    tsr_slot *slots = (tsr_slot *)(void *)view->data;

    for (int64_t i = 0; i < count; i++) {
        const char *text = texts[i] ? texts[i] : "";
        size_t size_bytes = strlen(text);
        TSRI_TRY(tsri_text_is_utf8(text, size_bytes)
                     ? tsr_heap_add(view->heap, text, size_bytes, &slots[i], err)
                     : take_latin(view->heap, text, size_bytes, &slots[i], err));
    }
    return 0;
}
