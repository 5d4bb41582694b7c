#include "array/parity_put.h"

#include "array/wait.h"
#include "base/checked.h"

/* Of ranges of the present value so much is in memory at once. */
#define PIECE_BYTES (UINT64_C(1) << 20)

/* The end of the inner chunks is filled up with these. */
static const char padding[TSRI_PARITY_BLOCK_MAX];

static int feed_range(tsri_parity_encoder *encoder, const tsri_parity_source *source,
                      tsr_segment range, tsr_error *err)
{
    while (range.size_bytes > 0) {
        uint64_t piece = TSRI_MIN(range.size_bytes, PIECE_BYTES);
        tsr_get_request request;
        TSRI_TRY(tsri_get_and_wait(source->store, source->key,
                                   (tsr_range){TSR_RANGE_PART, range.offset, piece},
                                   source->generation, &request, err));
        tsri_parity_encoder_feed(encoder, tsr_blob_data(request.blob), (size_t)piece);
        tsr_blob_unref(request.blob);
        range.offset += piece;
        range.size_bytes -= piece;
    }
    return 0;
}

static int feed_all(tsri_parity_encoder *encoder, const tsri_parity_source *source,
                    const tsr_segment *segments, size_t count, tsr_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (segments[i].bytes)
            tsri_parity_encoder_feed(encoder, segments[i].bytes, (size_t)segments[i].size_bytes);
        else
            TSRI_TRY(feed_range(encoder, source, segments[i], err));
    }
    return 0;
}

static uint64_t size_of(const tsr_segment *segments, size_t count)
{
    uint64_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += segments[i].size_bytes;
    return size;
}

int tsri_parity_put(tsri_parity_strength strength, const tsri_parity_shape *shape,
                    const tsri_parity_source *source, bool index_at_start, tsr_segment *segments,
                    size_t *count, tsri_parity_encoder *ret_encoder, tsr_error *err)
{
    tsr_segment index = segments[index_at_start ? 0 : *count - 1];
    size_t in_front = *count - !index_at_start;
    tsri_parity_encoder encoder;
    tsri_parity_shape chosen;

    if (!shape) {
        TSRI_TRY(tsri_parity_shape_init(&chosen, strength, size_of(segments, in_front),
                                        index.size_bytes, index_at_start, err));
        shape = &chosen;
    }
    TSRI_TRY(tsri_parity_encoder_init(&encoder, shape, err));
    uint64_t gap = shape->before_bytes - size_of(segments, in_front);
    if (gap > 0)
        segments[in_front++] = (tsr_segment){padding, 0, gap};
    int status = feed_all(&encoder, source, segments, in_front, err);
    if (status < 0) {
        tsri_parity_encoder_clear(&encoder);
        return status;
    }
    if (!index_at_start)
        tsri_parity_encoder_feed(&encoder, index.bytes, (size_t)index.size_bytes);
    tsri_parity_encoder_finish(&encoder, index.bytes);
    segments[in_front++] = (tsr_segment){encoder.section, 0, shape->section_bytes};
    if (!index_at_start)
        segments[in_front++] = index;
    *count = in_front;
    *ret_encoder = encoder;
    return 0;
}
