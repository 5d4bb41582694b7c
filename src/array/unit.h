/* Units of the fetch loop: a chunk with its targets, cut into portions. See fetch.h. */
#ifndef TESSERA_ARRAY_UNIT_H
#define TESSERA_ARRAY_UNIT_H

#include "array/target.h"
#include "exec/pool.h"

typedef struct tsri_unit tsri_unit;

typedef enum tsri_portion_kind {
    TSRI_PORTION_WHOLE,   /* a chunk that is decoded as a whole, or a shard packed by further codecs
                           */
    TSRI_PORTION_INDEX,   /* the index of a shard */
    TSRI_PORTION_ENTRIES, /* inner chunks that lie side by side */
    TSRI_PORTION_RAW,     /* bare elements */
    TSRI_PORTION_BOX      /* filled by the driver itself */
} tsri_portion_kind;

/* An inner chunk that some target wants. */
typedef struct tsri_entry {
    uint64_t offset, size_bytes;
    int64_t number; /* in the grid of the shard */
    size_t target;
} tsri_entry;

typedef struct tsri_portion {
    tsri_unit *unit;
    tsri_portion_kind kind;
    tsr_range range;                 /* within the unit's extent */
    size_t first_entry, entry_count; /* ENTRIES */
    tsri_target target;              /* RAW: counts from the first byte of the range */
} tsri_portion;

/* How a raw chunk is cut for one target: see unit_raw.c. */
typedef struct tsri_raw_cut {
    int axis; /* pieces are runs of `run` positions along this axis, whole below it, single above */
    int64_t run, runs, count;
} tsri_raw_cut;

/* The same for a target with listed axes: see unit_raw_points.c. */
typedef struct tsri_raw_line {
    int axis;          /* of a range; of a group the first one */
    int group;         /* from 1 on; 0: a range */
    int64_t count, at; /* positions, and the one where the next portion begins */
} tsri_raw_line;

typedef struct tsri_raw_lines {
    int count, cut;     /* portions are runs along the line `cut`; -1: the whole */
    int64_t span_bytes; /* of one position of that line */
    int64_t portion_bytes, gap_bytes;
    int64_t strides[TSR_RANK_MAX]; /* of the target's axes, in the encoded bytes */
    tsri_raw_line lines[TSR_RANK_MAX];
} tsri_raw_lines;

typedef enum tsri_unit_state {
    TSRI_UNIT_NEW,     /* its first portion has not been handed out */
    TSRI_UNIT_WAITING, /* for its index */
    TSRI_UNIT_CUT,     /* hands out entries or raw pieces */
    TSRI_UNIT_DONE     /* nothing more to hand out */
} tsri_unit_state;

struct tsri_unit {
    tsri_unit *next;   /* in the lists of the fetch loop */
    tsri_unit *parent; /* of a nested shard: the shard around it, of which it holds a reference */
    tsri_unit_state state;
    tsr_array *array;          /* borrowed from the read */
    tsri_prepared *prepared;   /* NULL for boxes */
    bool holds_prepared;       /* otherwise the array keeps it as long as there are reads */
    int level;                 /* 0: a chunk of the store */
    tsr_blob *blob;            /* held: where its bytes lie; NULL: in the store */
    tsr_generation generation; /* of the value that the index was read from */
    bool has_generation;
    bool settled;                 /* what is made of this generation may be kept */
    tsr_generation first_version; /* of a raw chunk: of the piece that was answered first; under the
                                     loop's mutex */
    bool has_first_version;

    int references; /* atomic: one for handing out, one per portion under way */
    int conflict;   /* atomic: the value changed between two portions */
    int attempts;
    bool at_once; /* a shard that is to be read by one request */

    tsri_entry *entries;
    size_t entry_total, next_entry, entries_per_portion;
    size_t raw_target;
    int64_t raw_next;
    tsri_raw_cut raw_cut;
    bool raw_is_single; /* one portion is all that is read of it */

    size_t target_count;
    tsri_target *targets; /* owned, or first_target */

    /* From here on a new unit is not cleared: half of what a small chunk costs would be that. */
    int64_t origin[TSR_RANK_MAX]; /* of its first element, in the array's coordinates and axes */
    tsr_extent extent; /* where its bytes lie in the store, or from `offset` on in the blob */
    tsri_raw_lines raw_lines;
    tsri_target first_target; /* is `targets` where one is all */
};

/* A unit of one chunk, without targets, in the memory of `spare`, a unit that was cleared and is
 * used up on success; NULL: in new memory. `prepared` may be NULL. On success `targets` is the
 * unit's; NULL: it has room for one. Errors: NO_MEMORY. */
int tsri_unit_new(tsr_array *array, tsri_prepared *prepared, tsri_target *targets, tsri_unit *spare,
                  tsri_unit **ret_unit, tsr_error *err);

/* Whether the next chunk along the last axis is wanted just as the one of this portion is, which is
 * all that its unit hands out: as a whole along that axis, by one read. `walk` is that of the read;
 * all chunks have one shape. */
bool tsri_unit_goes_on(const tsri_portion *portion, const tsri_target_walk *walk);

/* The unit and the portion of that chunk, but for its extent: copies of those before it, moved on.
 * `spare` as above. Errors: NO_MEMORY. */
int tsri_unit_new_next(const tsri_portion *before, tsri_unit *spare, tsri_portion *ret_portion,
                       tsr_error *err);

/* Gives up what it holds; its memory is a spare then. */
void tsri_unit_clear(tsri_unit *unit);

/* Frees the memory of a spare; NULL is left alone. */
void tsri_unit_free(tsri_unit *unit);

/* Goes back to the start, to be fetched again. */
void tsri_unit_restart(tsri_unit *unit);

/* The next portion, or false when there is none now. `portion_bytes` is the size that pieces and
 * runs of entries aim at. */
bool tsri_unit_next_portion(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes,
                            tsri_portion *ret_portion);

/* Decodes and checks the index of a shard: `bytes` are the answer to the INDEX portion of a shard
 * of `shard_bytes`. *ret_index holds the entries. Errors: DAMAGED, NO_MEMORY. */
int tsri_unit_decode_index(tsri_unit *unit, tsr_codec_scratch *scratch, const void *bytes,
                           uint64_t shard_bytes, tsr_blob **ret_index, tsr_error *err);

/* Takes in a decoded index. Missing inner chunks are delivered as fill, kept ones from the array's
 * cache; the others become entries. `threads` decides how finely they are handed out; what is
 * delivered is added to *delivered_bytes. Errors: NO_MEMORY, sinks'. */
int tsri_unit_take_index(tsri_unit *unit, tsr_codec_scratch *scratch, const tsr_blob *index,
                         int threads, int64_t *delivered_bytes, tsr_error *err);

/* The size of the elements that all targets want. */
int64_t tsri_unit_bytes(const tsri_unit *unit);

/* The index of the unit, or the unit as a whole, as a source of what the array keeps. */
tsri_cache_source tsri_unit_cache_source(const tsri_unit *unit);

/* Delivers a whole chunk that was decoded before: `elements` as the array's cache holds them.
 * Errors: NO_MEMORY, sinks'. */
int tsri_unit_deliver_kept(tsri_unit *unit, tsr_codec_scratch *scratch, const tsr_blob *elements,
                           tsr_error *err);

/* Decodes a whole chunk and delivers it. Errors: DAMAGED, NO_MEMORY, sinks'. */
int tsri_unit_decode_whole(tsri_unit *unit, tsr_codec_scratch *scratch, const void *bytes,
                           size_t size_bytes, tsr_error *err);

/* Whether a chunk is better decoded piece by piece for these targets: it is large, its codec can do
 * so, and all targets are ranges of a view. */
bool tsri_unit_takes_pieces(const tsri_prepared *prepared, const tsri_target *const *targets,
                            size_t count);

/* Decodes and delivers such a chunk; *ret_decoded_bytes says how much of it was decoded. When it
 * fails, parts of it may have been delivered. Errors: DAMAGED, NO_MEMORY. */
int tsri_unit_decode_pieces(const tsri_prepared *prepared, tsr_codec_scratch *scratch,
                            const void *bytes, size_t size_bytes, const tsri_target *const *targets,
                            size_t count, size_t *ret_decoded_bytes, tsr_error *err);

/* Decodes one inner chunk and delivers it to the targets of `count` entries, all of the same inner
 * chunk; adds what that is to *delivered_bytes. */
int tsri_unit_decode_entry(tsri_unit *unit, tsr_codec_scratch *scratch, const tsri_entry *entries,
                           size_t count, const void *bytes, int64_t *delivered_bytes,
                           tsr_error *err);

/* The unit of an inner chunk that is a shard itself. Errors: NO_MEMORY. */
int tsri_unit_new_child(tsri_unit *unit, const tsri_entry *entries, size_t count,
                        tsri_unit **ret_child, tsr_error *err);

/* Adds to an error what it was about: the chunk, or the inner chunk `number` (-1: none), and the
 * byte range. Returns the status. */
int tsri_unit_blame(const tsri_unit *unit, int64_t number, uint64_t offset, uint64_t size_bytes,
                    tsr_error *err);

/* RAW: cuts the present raw_target. */
void tsri_unit_raw_cut(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes);
void tsri_unit_raw_portion(const tsri_unit *unit, tsri_portion *ret_portion);
/* The same for a target with listed axes; the last portion leaves raw_next at raw_cut.count. */
void tsri_unit_raw_points_cut(tsri_unit *unit, uint64_t portion_bytes, uint64_t gap_bytes);
void tsri_unit_raw_points_portion(tsri_unit *unit, tsri_portion *ret_portion);
/* Bytes between two positions along an encoded axis of the chunk. */
int64_t tsri_unit_raw_stride(const tsri_unit *unit, int axis);
/* Narrows one axis of a target to `count` positions from `position`. */
void tsri_unit_raw_narrow(tsri_target *target, int axis, int64_t position, int64_t count);
/* Delivers the bytes of a RAW portion. */
int tsri_unit_deliver_raw(const tsri_portion *portion, tsr_codec_scratch *scratch,
                          const void *bytes, tsr_error *err);
/* Where the bytes of a RAW portion can be put straight away, or NULL. */
void *tsri_unit_raw_direct(const tsri_portion *portion);

#endif
