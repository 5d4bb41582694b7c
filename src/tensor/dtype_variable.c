/* Text and bytes of any length: `string` and `bytes` of the Zarr extension registry, |O of v2
 * typestrs with a filter that says what the objects are. */
#include "base/text.h"
#include "tensor/element.h"

/* The longest text of one character of JSON: \u0000. */
#define ESCAPED_MAX 6

/* Elements are whole when they arrive here (the codecs see to that), but a caller may give any;
 * what is no UTF-8 is written as U+FFFD. */
static void write_string(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    const tsr_slot *slot = element;
    const char *at = tsr_slot_bytes(slot), *end = at + slot->size_bytes;
    (void)dtype;
    tsri_element_put(writer, "\"", 1);
    while (at < end) {
        uint32_t character = 0;
        size_t length = tsri_text_character(at, (size_t)(end - at), &character);
        if (length == 0)
            tsri_element_print(writer, "\\ufffd");
        else
            tsri_element_put_character(writer, character);
        at += length > 0 ? length : 1;
    }
    tsri_element_put(writer, "\"", 1);
}

static void write_bytes(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    const tsr_slot *slot = element;
    (void)dtype;
    tsri_element_put(writer, "\"", 1);
    tsri_element_put_base64(writer, tsr_slot_bytes(slot), slot->size_bytes);
    tsri_element_put(writer, "\"", 1);
}

/* Readers fill in a slot whose bytes lie in room for at least as many as the text has. */

static bool read_string(const tsr_dtype *dtype, const char **text, void *element)
{
    tsr_slot *slot = element;
    tsri_element_writer writer = {(char *)slot->rest.bytes, SIZE_MAX, 0};
    uint32_t character = 0;
    bool end = false;
    (void)dtype;
    if (!tsri_element_take(text, "\""))
        return false;
    while (tsri_element_take_character(text, &character, &end) && !end)
        tsri_element_put_utf8(&writer, character);
    slot->size_bytes = (uint32_t)writer.length;
    return end;
}

/* [104, 105] */
static bool read_list(const char **text, tsr_slot *slot)
{
    uint8_t *room = (uint8_t *)slot->rest.bytes;
    size_t count = 0;
    if (!tsri_element_take(text, "["))
        return false;
    *text = tsri_element_skip_space(*text);
    while (!tsri_element_take(text, "]")) {
        int64_t number;
        if (count > 0 && !tsri_element_take(text, ","))
            return false;
        *text = tsri_element_skip_space(*text);
        if (!tsri_element_take_int64(text, &number) || number < 0 || number > UINT8_MAX)
            return false;
        room[count++] = (uint8_t)number;
        *text = tsri_element_skip_space(*text);
    }
    slot->size_bytes = (uint32_t)count;
    return true;
}

static bool read_bytes(const tsr_dtype *dtype, const char **text, void *element)
{
    tsr_slot *slot = element;
    size_t size_bytes = 0;
    (void)dtype;
    if (!tsri_element_take(text, "\""))
        return read_list(text, slot);
    if (!tsri_element_take_base64(text, (char *)slot->rest.bytes, SIZE_MAX, &size_bytes))
        return false;
    slot->size_bytes = (uint32_t)size_bytes;
    return true;
}

static const tsri_element_text text_string = {write_string, read_string, "a string in quotes"};
static const tsri_element_text text_bytes = {
    write_bytes, read_bytes, "base64 in quotes, or a list of numbers from 0 to 255"};
static const struct tsr_dtype_ops string_ops = {&text_string, NULL, NULL, NULL, NULL, NULL};
static const struct tsr_dtype_ops bytes_ops = {&text_bytes, NULL, NULL, NULL, NULL, NULL};

const tsr_dtype tsr_dtype_string = {
    sizeof(tsr_dtype), "string", TSR_KIND_STRING, sizeof(tsr_slot), 1, _Alignof(tsr_slot), 0, NULL,
    &string_ops,       8};
const tsr_dtype tsr_dtype_variable_bytes = {sizeof(tsr_dtype),
                                            "bytes",
                                            TSR_KIND_VARIABLE_BYTES,
                                            sizeof(tsr_slot),
                                            1,
                                            _Alignof(tsr_slot),
                                            0,
                                            NULL,
                                            &bytes_ops,
                                            8};

size_t tsr_dtype_element_text_max(const tsr_dtype *dtype, const void *element)
{
    if (!tsr_dtype_is_variable(dtype))
        return tsr_dtype_text_max(dtype);
    size_t size_bytes = ((const tsr_slot *)element)->size_bytes;
    if (dtype->kind == TSR_KIND_VARIABLE_BYTES)
        return (size_bytes + 2) / 3 * 4 + sizeof "\"\"";
    return size_bytes * ESCAPED_MAX + sizeof "\"\"";
}

int tsr_dtype_parse_element_into(const tsr_dtype *dtype, const char *text, tsr_heap *heap,
                                 void *element, tsr_error *err)
{
    if (!tsr_dtype_is_variable(dtype))
        return tsr_dtype_parse_element(dtype, text, element, err);
    size_t size_bytes = strlen(text);
    if (size_bytes > (size_t)TSR_SLOT_BYTES_MAX)
        return tsr_error_set(err, TSR_LIMIT, "a text of %zu bytes for one element", size_bytes);
    tsr_auto(tsri_text) *room = tsri_alloc(size_bytes + 1);
    if (!room)
        return tsri_error_no_memory(err, size_bytes + 1);
    tsr_slot slot = {.rest.bytes = room};
    const char *end = tsri_element_skip_space(text);
    if (!dtype->ops->text->read(dtype, &end, &slot) || *tsri_element_skip_space(end) != '\0')
        return tsri_element_refuse(dtype, text, err);
    return tsr_heap_add(heap, room, slot.size_bytes, element, err);
}
