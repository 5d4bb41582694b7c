#include "source/tiff_directory.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/checked.h"

/* As many as libtiff takes. */
#define ENTRIES_MAX 4096

bool tsri_tiff_recognise(const void *head, size_t size_bytes)
{
    return size_bytes >= 8 && (memcmp(head, "II*\0", 4) == 0 || memcmp(head, "MM\0*", 4) == 0 ||
                               memcmp(head, "II+\0", 4) == 0 || memcmp(head, "MM\0+", 4) == 0);
}

/* ---- bytes ---- */

static int read_exactly(const tsri_tiff_layout *layout, uint64_t offset, void *bytes,
                        size_t size_bytes, const char *what, tsr_error *err)
{
    size_t got = 0;

    if (offset <= INT64_MAX - size_bytes)
        TSRI_TRY(tsri_input_read(layout->input, offset, bytes, size_bytes, &got, err));
    if (got == size_bytes)
        return 0;
    tsr_error_set(err, TSR_DAMAGED, "%s: %s lies beyond the end of the file", layout->input->path,
                  what);
    tsr_error_set_where(err, "%zu bytes from byte %" PRIu64, size_bytes, offset);
    return TSR_DAMAGED;
}

/* An unsigned integer of 1, 2, 4 or 8 bytes as the file has it. */
static uint64_t number_at(const tsri_tiff_layout *layout, const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[layout->big_endian ? i : size - 1 - i];
    return value;
}

int tsri_tiff_layout_read(const tsri_input *input, tsri_tiff_layout *ret_layout,
                          uint64_t *ret_first, tsr_error *err)
{
    unsigned char head[16];
    tsri_tiff_layout layout = {.input = input};

    TSRI_TRY(read_exactly(&layout, 0, head, 8, "the header", err));
    layout.big_endian = head[0] == 'M';
    layout.big = number_at(&layout, head + 2, 2) == 43;
    if (layout.big) {
        TSRI_TRY(read_exactly(&layout, 0, head, 16, "the header", err));
        if (number_at(&layout, head + 4, 2) != 8 || number_at(&layout, head + 6, 2) != 0)
            return tsr_error_set(err, TSR_DAMAGED, "%s: a BigTIFF whose offsets have no 8 bytes",
                                 input->path);
    }
    *ret_first = layout.big ? number_at(&layout, head + 8, 8) : number_at(&layout, head + 4, 4);
    *ret_layout = layout;
    return 0;
}

/* ---- directories ---- */

size_t tsri_tiff_value_bytes(unsigned type)
{
    static const unsigned char sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 0, 0, 8, 8, 8};
    return type < TSRI_COUNT(sizes) ? sizes[type] : 0;
}

static tsri_tiff_entry entry_at(const tsri_tiff_layout *layout, const unsigned char *bytes,
                                uint64_t offset)
{
    size_t word = layout->big ? 8 : 4;
    tsri_tiff_entry entry = {.tag = (uint16_t)number_at(layout, bytes, 2),
                             .type = (uint16_t)number_at(layout, bytes + 2, 2),
                             .count = number_at(layout, bytes + 4, word)};
    size_t each = tsri_tiff_value_bytes(entry.type);
    bool inside = each > 0 && entry.count <= word / each;

    entry.offset = inside ? offset + 4 + word : number_at(layout, bytes + 4 + word, word);
    return entry;
}

static int take_entries(const tsri_tiff_layout *layout, uint64_t offset,
                        tsri_tiff_directory *directory, tsr_error *err)
{
    size_t word = layout->big ? 8 : 4, each = layout->big ? 20 : 12;
    size_t size_bytes = directory->count * each + word;
    tsr_auto(tsri_text) *bytes = tsri_alloc(size_bytes);

    directory->entries = tsri_alloc_array(directory->count, sizeof *directory->entries);
    if (!bytes || !directory->entries)
        return tsri_error_no_memory(err, size_bytes);
    TSRI_TRY(read_exactly(layout, offset, bytes, size_bytes, "a directory", err));
    const unsigned char *at = (const unsigned char *)bytes;
    for (size_t i = 0; i < directory->count; i++)
        directory->entries[i] = entry_at(layout, at + i * each, offset + i * each);
    directory->next = number_at(layout, at + directory->count * each, word);
    return 0;
}

int tsri_tiff_directory_read(const tsri_tiff_layout *layout, uint64_t offset,
                             tsri_tiff_directory *ret_directory, tsr_error *err)
{
    unsigned char bytes[8];
    size_t count_bytes = layout->big ? 8 : 2;
    tsri_tiff_directory directory = {.offset = offset};

    TSRI_TRY(read_exactly(layout, offset, bytes, count_bytes, "a directory", err));
    uint64_t count = number_at(layout, bytes, count_bytes);
    if (count > ENTRIES_MAX)
        return tsr_error_set(err, TSR_DAMAGED,
                             "%s: a directory of %" PRIu64 " entries at byte %" PRIu64,
                             layout->input->path, count, offset);
    directory.count = (size_t)count;
    int status = take_entries(layout, offset + count_bytes, &directory, err);
    if (status < 0)
        tsri_tiff_directory_clear(&directory);
    else
        *ret_directory = directory;
    return status;
}

void tsri_tiff_directory_clear(tsri_tiff_directory *directory)
{
    tsri_free(directory->entries);
    directory->entries = NULL;
    directory->count = 0;
}

const tsri_tiff_entry *tsri_tiff_find(const tsri_tiff_directory *directory, unsigned tag)
{
    for (size_t i = 0; i < directory->count; i++)
        if (directory->entries[i].tag == tag)
            return &directory->entries[i];
    return NULL;
}

/* ---- values ---- */

/* Of how many bytes the numbers are that a value of a type consists of. */
static size_t number_bytes(unsigned type)
{
    bool rational = type == TSRI_TIFF_RATIONAL || type == TSRI_TIFF_SRATIONAL;
    return rational ? 4 : tsri_tiff_value_bytes(type);
}

static void put_in_order(const tsri_tiff_layout *layout, unsigned char *bytes, size_t size_bytes,
                         size_t each)
{
    if (layout->big_endian == (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
        return;
    for (size_t at = 0; at < size_bytes; at += each)
        for (size_t i = 0; i < each / 2; i++) {
            unsigned char kept = bytes[at + i];
            bytes[at + i] = bytes[at + each - 1 - i];
            bytes[at + each - 1 - i] = kept;
        }
}

int tsri_tiff_values(const tsri_tiff_layout *layout, const tsri_tiff_entry *entry, uint64_t first,
                     size_t count, void *values, tsr_error *err)
{
    size_t each = tsri_tiff_value_bytes(entry->type), size_bytes;
    uint64_t offset;
    char what[32];

    snprintf(what, sizeof what, "tag %u", entry->tag);
    if (each == 0 || first > entry->count || count > entry->count - first ||
        !tsri_multiply_size(count, each, &size_bytes) || !tsri_multiply_u64(first, each, &offset) ||
        !tsri_add_u64(offset, entry->offset, &offset))
        return tsr_error_set(err, TSR_DAMAGED, "%s: %s has no such values", layout->input->path,
                             what);
    TSRI_TRY(read_exactly(layout, offset, values, size_bytes, what, err));
    put_in_order(layout, values, size_bytes, number_bytes(entry->type));
    return 0;
}

int tsri_tiff_unsigned(const tsri_tiff_layout *layout, const tsri_tiff_entry *entry,
                       uint64_t number, uint64_t *ret_value, tsr_error *err)
{
    union {
        uint8_t byte;
        uint16_t word;
        uint32_t integer;
        uint64_t large;
    } value = {0};

    switch (entry->type) {
    case TSRI_TIFF_BYTE:
    case TSRI_TIFF_SHORT:
    case TSRI_TIFF_LONG:
    case TSRI_TIFF_IFD:
    case TSRI_TIFF_LONG8:
    case TSRI_TIFF_IFD8:
        break;
    default:
        return tsr_error_set(err, TSR_DAMAGED, "%s: tag %u is no unsigned integer (type %u)",
                             layout->input->path, entry->tag, entry->type);
    }
    TSRI_TRY(tsri_tiff_values(layout, entry, number, 1, &value, err));
    switch (tsri_tiff_value_bytes(entry->type)) {
    case 1:
        *ret_value = value.byte;
        break;
    case 2:
        *ret_value = value.word;
        break;
    case 4:
        *ret_value = value.integer;
        break;
    default:
        *ret_value = value.large;
    }
    return 0;
}
