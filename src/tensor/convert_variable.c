/* Casts between elements of variable length and of fixed length, and between text and bytes. What
 * lies between the two is a range of bytes: UTF-8 of text, else the bytes themselves. */
#include "base/text.h"
#include "tensor/dtype_text.h"
#include "tensor/element.h"
#include "tensor/nest.h"
#include "tensor/variable.h"

static bool is_text(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_STRING || dtype->kind == TSR_KIND_TEXT;
}

static bool is_text_or_bytes(const tsr_dtype *dtype)
{
    return is_text(dtype) || dtype->kind == TSR_KIND_BYTES ||
           dtype->kind == TSR_KIND_VARIABLE_BYTES;
}

tsr_casting tsri_dtype_variable_rule(const tsr_dtype *from, const tsr_dtype *to)
{
    if (!is_text_or_bytes(from) || !is_text_or_bytes(to))
        return TSR_CASTING_UNSAFE + 1;
    bool stays_text = is_text(from) || !is_text(to);
    return tsr_dtype_is_variable(to) && stays_text ? TSR_CASTING_SAFE : TSR_CASTING_SAME_KIND;
}

typedef struct variable_job {
    const tsr_dtype *from, *to;
    tsr_heap *heap; /* of the destination */
    char *utf8;     /* room for the longest element of a source of fixed text */
    bool checked;
    int status; /* of a failure that is no misfit */
    tsr_error *err;
} variable_job;

/* An element on its way. */
typedef struct byte_range {
    const char *bytes;
    size_t size_bytes;
} byte_range;

static bool load_fixed_text(variable_job *job, const char *element, byte_range *ret_range)
{
    size_t length = tsri_dtype_text_length(job->from, element);
    tsri_element_writer writer = {job->utf8, SIZE_MAX, 0};
    for (size_t i = 0; i < length; i++) {
        uint32_t character;
        memcpy(&character, element + sizeof character * i, sizeof character);
        if (character > 0x10ffff || (character >= 0xd800 && character < 0xe000))
            return false;
        tsri_element_put_utf8(&writer, character);
    }
    *ret_range = (byte_range){job->utf8, writer.length};
    return true;
}

static bool load(variable_job *job, const char *element, byte_range *ret_range)
{
    if (job->from->kind == TSR_KIND_TEXT)
        return load_fixed_text(job, element, ret_range);
    if (tsr_dtype_is_variable(job->from)) {
        const tsr_slot *slot = (const void *)element;
        *ret_range = (byte_range){tsr_slot_bytes(slot), slot->size_bytes};
    } else {
        *ret_range = (byte_range){element, tsri_dtype_text_length(job->from, element)};
    }
    return is_text(job->from) || !is_text(job->to) ||
           tsri_text_is_utf8(ret_range->bytes, ret_range->size_bytes);
}

/* As many bytes as there is room for, of text whole characters. */
static size_t cut(const variable_job *job, byte_range range, size_t room)
{
    while (is_text(job->from) && room > 0 && ((unsigned char)range.bytes[room] & 0xc0) == 0x80)
        room--;
    return room;
}

static bool store_fixed_bytes(const variable_job *job, char *element, byte_range range)
{
    size_t room = job->to->size_bytes;
    bool is_longer = range.size_bytes > room;
    bool ends_in_zero = range.size_bytes > 0 && range.bytes[range.size_bytes - 1] == '\0';
    if (job->checked && (is_longer || ends_in_zero))
        return false;
    size_t used = is_longer ? cut(job, range, room) : range.size_bytes;
    memcpy(element, range.bytes, used);
    memset(element + used, 0, room - used);
    return true;
}

static bool store_fixed_text(const variable_job *job, char *element, byte_range range)
{
    uint32_t character = 1;
    size_t room = job->to->size_bytes, done = 0;
    while (range.size_bytes > 0 && done < room) {
        size_t length = tsri_text_character(range.bytes, range.size_bytes, &character);
        if (length == 0)
            return false;
        memcpy(element + done, &character, sizeof character);
        done += sizeof character;
        range.bytes += length;
        range.size_bytes -= length;
    }
    memset(element + done, 0, room - done);
    return !job->checked || (range.size_bytes == 0 && character != 0);
}

static bool store(variable_job *job, char *element, byte_range range)
{
    if (job->to->kind == TSR_KIND_BYTES)
        return store_fixed_bytes(job, element, range);
    if (job->to->kind == TSR_KIND_TEXT)
        return store_fixed_text(job, element, range);
    job->status = tsr_heap_add(job->heap, range.bytes, range.size_bytes, (void *)element, job->err);
    return job->status == 0;
}

static bool convert_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                         const tsri_nest_axis *inner)
{
    variable_job *job = user;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++) {
            const char *element = from + i * outer->from + k * inner->from;
            byte_range range;
            if (!load(job, element, &range) ||
                !store(job, to + i * outer->to + k * inner->to, range)) {
                if (job->status == 0)
                    job->status = tsri_element_report_misfit(job->from, element, job->to, job->err);
                return false;
            }
        }
    return true;
}

int tsri_view_convert_variable(const tsr_view *destination, const tsr_view *source, bool checked,
                               tsr_error *err)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    tsr_auto(tsri_text) *utf8 = NULL;
    variable_job job = {
        source->dtype, destination->dtype, destination->heap, NULL, checked, 0, err};
    if (!tsri_nest_init(&nest, destination, source, 1))
        return 0;
    if (source->dtype->kind == TSR_KIND_TEXT) {
        utf8 = tsri_alloc(source->dtype->size_bytes);
        if (!utf8)
            return tsri_error_no_memory(err, source->dtype->size_bytes);
        job.utf8 = utf8;
    }
    tsri_nest_run(&nest, convert_rows, &job);
    return job.status;
}
