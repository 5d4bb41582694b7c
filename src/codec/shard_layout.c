#include "codec/shard_layout.h"

#include <stdlib.h>

#include "base/checked.h"
#include "codec/checksum.h"
#include "codec/codec.h"

/* ---- the layout ---- */

void tsri_shard_layout_clear(tsri_shard_layout *layout)
{
    tsri_free(layout->states);
    tsri_free(layout->order);
    *layout = (tsri_shard_layout){0};
}

static int compare_entries(const void *left, const void *right, void *user)
{
    const tsri_shard_entry *entries = user;
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    const tsri_shard_entry *one = &entries[a], *other = &entries[b];

    if (one->offset != other->offset)
        return one->offset < other->offset ? -1 : 1;
    if (one->size_bytes != other->size_bytes)
        return one->size_bytes < other->size_bytes ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Lists the entries that refer to bytes of the shard, by offset. Writers put inner chunks in the
 * order of their numbers most of the time, so there is often nothing to sort. */
static void list_entries(tsri_shard_layout *layout, const tsri_prepared *prepared,
                         const tsri_shard_entry *entries, uint64_t shard_bytes)
{
    bool sorted = true;

    for (int64_t i = 0; i < prepared->entry_count; i++) {
        if (tsri_shard_entry_is_missing(entries[i]))
            continue;
        if (tsri_shard_entry_check(prepared, i, entries[i], shard_bytes, NULL) < 0) {
            layout->states[i] = TSRI_ENTRY_UNSOUND;
            layout->unsound++;
            continue;
        }
        layout->states[i] = TSRI_ENTRY_SOUND;
        sorted &= layout->count == 0 ||
                  entries[layout->order[layout->count - 1]].offset < entries[i].offset;
        layout->order[layout->count++] = i;
    }
    if (!sorted)
        qsort_r(layout->order, (size_t)layout->count, sizeof *layout->order, compare_entries,
                (void *)entries);
}

static void note_gap(tsri_shard_layout *layout, uint64_t from, uint64_t to)
{
    if (to > from) {
        layout->dead_bytes += to - from;
        layout->gaps++;
    }
}

static void mark(tsri_shard_layout *layout, int64_t number, tsri_entry_state state)
{
    unsigned char *at = &layout->states[number];
    layout->overlapping += state == TSRI_ENTRY_OVERLAPS && *at != TSRI_ENTRY_OVERLAPS;
    *at = (unsigned char)TSRI_MAX(*at, (unsigned char)state);
}

/* Goes over the entries by offset and compares each with the one that reaches furthest. */
static void measure(tsri_shard_layout *layout, const tsri_prepared *prepared,
                    const tsri_shard_entry *entries, uint64_t shard_bytes)
{
    uint64_t index_bytes = (uint64_t)prepared->index_bytes;
    bool at_start = prepared->chain->shard->index_at_start;
    uint64_t end = at_start ? index_bytes : 0;
    int64_t furthest = -1;

    for (int64_t i = 0; i < layout->count; i++) {
        int64_t number = layout->order[i];
        tsri_shard_entry entry = entries[number];
        if (entry.offset >= end) {
            note_gap(layout, end, entry.offset);
        } else {
            bool same = entry.offset == entries[furthest].offset &&
                        entry.size_bytes == entries[furthest].size_bytes;
            mark(layout, number, same ? TSRI_ENTRY_SHARES : TSRI_ENTRY_OVERLAPS);
            mark(layout, furthest, same ? TSRI_ENTRY_SHARES : TSRI_ENTRY_OVERLAPS);
        }
        if (entry.offset + entry.size_bytes > end) {
            end = entry.offset + entry.size_bytes;
            furthest = number;
        }
    }
    layout->end_bytes = end;
    note_gap(layout, end, at_start ? shard_bytes : shard_bytes - index_bytes);
}

int tsri_shard_layout_init(tsri_shard_layout *ret_layout, const tsri_prepared *prepared,
                           const tsri_shard_entry *entries, uint64_t shard_bytes, tsr_error *err)
{
    size_t count = (size_t)prepared->entry_count;
    tsri_shard_layout layout = {
        .states = tsri_alloc_zero(count),
        .order = tsri_alloc_array(count, sizeof *layout.order),
    };

    if (!layout.states || !layout.order) {
        tsri_shard_layout_clear(&layout);
        return tsri_error_no_memory(err, count * sizeof *layout.order);
    }
    list_entries(&layout, prepared, entries, shard_bytes);
    measure(&layout, prepared, entries, shard_bytes);
    *ret_layout = layout;
    return 0;
}

/* ---- indexes ---- */

/* Whether the last thing that is done to an index is to append a CRC-32C. */
static bool ends_in_crc32c(const tsri_chain *chain)
{
    const tsri_stage *last = &chain->stages[chain->stage_count - 1];

    if (last->ops != &tsri_codec_crc32c)
        return false;
    const tsri_checksum_codec *codec = last->codec;
    return !codec->at_start;
}

#define CRC32C_POLYNOMIAL UINT32_C(0x82f63b78) /* reflected */
#define CRC32C_BYTES sizeof(uint32_t)

/* Finds the one bit whose flip explains why a CRC-32C does not hold, and flips it back. Two words
 * of one length up to 2^31 bits that both carry their CRC-32C differ in at least four bits
 * (Koopman, "32-Bit Cyclic Redundancy Codes for Internet Applications", 2002), so no second bit
 * would do. */
static bool correct_bit(unsigned char *bytes, size_t size_bytes)
{
    size_t payload_bytes = size_bytes - CRC32C_BYTES;
    uint32_t stored, wrong, effect = CRC32C_POLYNOMIAL;

    for (stored = 0; size_bytes > payload_bytes; size_bytes--)
        stored = stored << 8 | bytes[size_bytes - 1];
    wrong = stored ^ tsri_crc32c(0, bytes, payload_bytes);
    if ((wrong & (wrong - 1)) == 0) {
        stored ^= wrong;
        for (size_t i = 0; i < CRC32C_BYTES; i++)
            bytes[payload_bytes + i] = (unsigned char)(stored >> 8 * i);
        return true;
    }
    /* What a flip of each bit does to the checksum, from the last one back. */
    for (size_t bit = payload_bytes * 8; bit-- > 0;) {
        if (effect == wrong) {
            bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
            return true;
        }
        effect = effect >> 1 ^ (effect & 1 ? CRC32C_POLYNOMIAL : 0);
    }
    return false;
}

int tsri_shard_index_recover(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                             const void *bytes, tsri_shard_entry *entries, bool *ret_corrected,
                             tsr_error *err)
{
    size_t size_bytes = (size_t)prepared->index_bytes;
    int status = tsri_shard_index_decode(prepared, scratch, bytes, entries, err);

    *ret_corrected = false;
    if (status != TSR_DAMAGED || !ends_in_crc32c(prepared->index->chain))
        return status;
    unsigned char *copy = tsri_alloc(size_bytes);
    if (!copy)
        return tsri_error_no_memory(err, size_bytes);
    memcpy(copy, bytes, size_bytes);
    if (correct_bit(copy, size_bytes)) {
        tsr_error_clear(err);
        *ret_corrected = true;
        status = tsri_shard_index_decode(prepared, scratch, copy, entries, err);
    }
    tsri_free(copy);
    return status;
}

/* ---- checksums ---- */

/* Compressors keep a checksum of what they packed, and look at it. */
static bool has_checksum(const tsr_codec_ops *ops)
{
    return ops->decode_bytes == tsri_checksum_decode || ops == &tsri_codec_gzip ||
           ops == &tsri_codec_zlib || ops == &tsri_codec_bz2;
}

bool tsri_prepared_is_checked(const tsri_prepared *prepared)
{
    const tsri_chain *chain = prepared->chain;

    for (int i = chain->bytes_first; i < chain->stage_count; i++)
        if (has_checksum(chain->stages[i].ops))
            return true;
    return chain->shard && tsri_prepared_is_checked(prepared->index) &&
           tsri_prepared_is_checked(prepared->inner);
}
