/* Decoding for the sake of its checks: whether encoded bytes are sound, at every level of nesting.
 */
#include <inttypes.h>

#include "codec/chain.h"
#include "codec/shard.h"

static int verify_entries(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                          const char *bytes, size_t size_bytes, uint64_t offset,
                          tsri_shard_entry *entries, tsr_error *err)
{
    TSRI_TRY(tsri_shard_index_decode(prepared, scratch, bytes + offset, entries, err));
    TSRI_TRY(tsri_shard_index_check(prepared, entries, size_bytes, err));
    for (int64_t i = 0; i < prepared->entry_count; i++)
        if (!tsri_shard_entry_is_missing(entries[i]))
            TSRI_TRY_IN(err,
                        tsri_chain_verify(prepared->inner, scratch, bytes + entries[i].offset,
                                          (size_t)entries[i].size_bytes, err),
                        "inner chunk %" PRId64, i);
    return 0;
}

static int verify_shard(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                        const void *bytes, size_t size_bytes, tsr_error *err)
{
    uint64_t offset;

    /* First of all, so that a short value is refused before memory is taken for its index. */
    TSRI_TRY(tsri_shard_index_offset(prepared, size_bytes, &offset, err));
    tsri_shard_entry *entries = tsri_alloc_array((size_t)prepared->entry_count, sizeof *entries);
    if (!entries)
        return tsri_error_no_memory(err, (size_t)prepared->entry_count * sizeof *entries);
    int status = verify_entries(prepared, scratch, bytes, size_bytes, offset, entries, err);
    tsri_free(entries);
    return status;
}

int tsri_chain_verify(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, tsr_error *err)
{
    tsr_view chunk;
    bool swapped;

    if (!tsri_prepared_is_shard(prepared))
        return tsri_chain_decode(prepared, scratch, bytes, size_bytes, SIZE_MAX, NULL, &chunk,
                                 &swapped, err);
    if (!tsri_prepared_is_packed(prepared))
        return verify_shard(prepared, scratch, bytes, size_bytes, err);
    TSRI_TRY(tsri_chain_unpack(prepared, scratch, bytes, size_bytes, SIZE_MAX, NULL, &bytes,
                               &size_bytes, err));
    void *unpacked = tsri_alloc(size_bytes); /* the inner chunks need the scratch */
    if (!unpacked)
        return tsri_error_no_memory(err, size_bytes);
    memcpy(unpacked, bytes, size_bytes);
    int status = verify_shard(prepared, scratch, unpacked, size_bytes, err);
    tsri_free(unpacked);
    return status;
}
