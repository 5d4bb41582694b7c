/* Whether encoded bytes are sound, at every level of nesting: by decoding them, or by the checksums
 * alone that can be looked at without. */
#include <inttypes.h>

#include "codec/chain.h"
#include "codec/shard.h"

/* What is done with the bytes of each inner chunk. */
typedef int (*inner_check)(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                           const void *bytes, size_t size_bytes, tsr_error *err);

static int check_entries(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                         const char *bytes, size_t size_bytes, uint64_t offset,
                         tsri_shard_entry *entries, inner_check check, tsr_error *err)
{
    TSRI_TRY(tsri_shard_index_decode(prepared, scratch, bytes + offset, entries, err));
    TSRI_TRY(tsri_shard_index_check(prepared, entries, size_bytes, err));
    for (int64_t i = 0; i < prepared->entry_count; i++)
        if (!tsri_shard_entry_is_missing(entries[i]))
            TSRI_TRY_IN(err,
                        check(prepared->inner, scratch, bytes + entries[i].offset,
                              (size_t)entries[i].size_bytes, err),
                        "inner chunk %" PRId64, i);
    return 0;
}

static int check_shard(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, inner_check check, tsr_error *err)
{
    uint64_t offset;

    /* First of all, so that a short value is refused before memory is taken for its index. */
    TSRI_TRY(tsri_shard_index_offset(prepared, size_bytes, &offset, err));
    tsri_shard_entry *entries = tsri_alloc_array((size_t)prepared->entry_count, sizeof *entries);
    if (!entries)
        return tsri_error_no_memory(err, (size_t)prepared->entry_count * sizeof *entries);
    int status = check_entries(prepared, scratch, bytes, size_bytes, offset, entries, check, err);
    tsri_free(entries);
    return status;
}

int tsri_chain_verify(const tsri_prepared *prepared, tsr_codec_scratch *scratch, const void *bytes,
                      size_t size_bytes, tsr_error *err)
{
    tsr_view chunk;
    bool swapped;

    if (!tsri_prepared_is_shard(prepared))
        return tsri_chain_decode(prepared, scratch, bytes, size_bytes, NULL, NULL, &chunk, &swapped,
                                 err);
    if (!tsri_prepared_is_packed(prepared))
        return check_shard(prepared, scratch, bytes, size_bytes, tsri_chain_verify, err);
    TSRI_TRY(tsri_chain_unpack(prepared, scratch, bytes, size_bytes, SIZE_MAX, NULL, &bytes,
                               &size_bytes, err));
    void *unpacked = tsri_alloc(size_bytes); /* the inner chunks need the scratch */
    if (!unpacked)
        return tsri_error_no_memory(err, size_bytes);
    memcpy(unpacked, bytes, size_bytes);
    int status = check_shard(prepared, scratch, unpacked, size_bytes, tsri_chain_verify, err);
    tsri_free(unpacked);
    return status;
}

int tsri_chain_check_sums(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                          const void *bytes, size_t size_bytes, tsr_error *err)
{
    const tsri_chain *chain = prepared->chain;

    for (int number = chain->stage_count; number-- > chain->bytes_first;) {
        const tsri_stage *stage = &chain->stages[number];
        size_t offset, inside;
        if (!stage->ops->unwrap)
            return 0; /* what stands in front of it shows when it is undone */
        TSRI_TRY_IN(err, stage->ops->unwrap(stage->codec, bytes, size_bytes, &offset, &inside, err),
                    "codec \"%s\"", stage->ops->name);
        bytes = (const char *)bytes + offset;
        size_bytes = inside;
    }
    if (!tsri_prepared_is_shard(prepared))
        return 0;
    return check_shard(prepared, scratch, bytes, size_bytes, tsri_chain_check_sums, err);
}
