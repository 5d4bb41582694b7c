/* Examining what lies in a store: whether a chunk, a shard with its index, an inner chunk is sound.
 * What walks, repair and compaction share. Nothing is changed here. */
#ifndef TESSERA_ARRAY_EXAMINE_H
#define TESSERA_ARRAY_EXAMINE_H

#include "array/array.h"
#include "codec/shard_layout.h"
#include "exec/pool.h"

/* How an operation examines; set up once, used by all of its threads. */
typedef struct tsri_examiner {
    tsr_array *array;
    tsri_task_group *watch; /* over cancel and deadline */
    bool data;              /* decode what is encoded, so that every checksum is verified */
    /* Entries that overlap are no damage where their chunks have checksums. */
    bool trusts_checksums;
    bool unreadable;    /* what the store fails to give is a finding, too */
    int64_t rate_bytes; /* at most as many fetched bytes a second; 0: no limit */
    int64_t started_ns;
    int64_t fetched_bytes; /* atomic */
} tsri_examiner;

void tsri_examiner_init(tsri_examiner *ret_examiner, tsr_array *array, tsri_task_group *watch);

/* What is found out about one chunk or inner chunk. Zero: it is missing. */
typedef struct tsri_finding {
    tsr_chunk_state state;
    uint64_t offset, size_bytes; /* within the value of the key */
    tsr_error *error;            /* owned; when damaged or unreadable */
} tsri_finding;

void tsri_finding_clear(tsri_finding *finding);

/* Whether a failure is that of one value alone, which says nothing of others: a disk that cannot
 * read it, a mode that forbids it, a pipe in its place. */
static inline bool tsri_is_unreadable(int status)
{
    return status == TSR_IO || status == TSR_PERMISSION;
}

/* Makes a finding of a failure: damage, that there is nothing, or, for an examiner who wants to
 * know it, that it cannot be read. Returns 0 for these, and `status` for everything else (no
 * memory), which is no finding. */
int tsri_finding_judge(tsri_finding *finding, const tsri_examiner *examiner, int status,
                       tsr_error *err);

/* Whether a chunk is a shard whose inner chunks can be had one by one. */
static inline bool tsri_is_open_shard(const tsri_prepared *prepared)
{
    return tsri_prepared_is_shard(prepared) && !tsri_prepared_is_packed(prepared);
}

/* Fetches a range at the rate that is asked for, unless the operation is to end. The blob belongs
 * to the caller. Errors: those of the store, CANCELLED, DEADLINE. */
int tsri_examine_fetch(tsri_examiner *self, const tsr_extent *extent, tsr_range range,
                       tsr_get_request *ret_request, tsr_error *err);

/* Looks at one chunk of the store: whether it is there, its size, and with `data` its bytes unless
 * it is an open shard. `ret_generation` may be NULL. Errors: those of the store, NO_MEMORY. */
int tsri_examine_chunk(tsri_examiner *self, const tsri_prepared *prepared, const tsr_extent *extent,
                       tsri_finding *finding, tsr_generation *ret_generation, tsr_error *err);

/* A shard within the value of a key: the whole of it, or an inner chunk that is a shard itself. */
typedef struct tsri_shard_survey {
    const tsri_prepared *prepared; /* borrowed */
    const tsr_extent *extent;      /* borrowed; the key whose value it lies in */
    uint64_t base, shard_bytes;
    tsri_shard_entry *entries; /* owned */
    bool index_corrected;      /* one bit of it was wrong */
    tsri_shard_layout layout;
    tsri_finding *findings; /* of the inner chunks; owned */
} tsri_shard_survey;

/* Reads and surveys the index of an open shard. With `recover` also one of which a bit was flipped.
 * Owner: the caller, by tsri_shard_survey_clear. Errors: DAMAGED, those of the store, NO_MEMORY. */
int tsri_shard_survey_init(tsri_shard_survey *ret_survey, tsri_examiner *examiner,
                           const tsri_prepared *prepared, const tsr_extent *extent, uint64_t base,
                           uint64_t shard_bytes, bool recover, tsr_error *err);

/* Finds out about every inner chunk: by its entry, and with `data` by its bytes, unless it is an
 * open shard. On all threads. Errors: as tsri_examine_chunk, CANCELLED, DEADLINE. */
int tsri_shard_survey_entries(tsri_shard_survey *self, tsri_examiner *examiner, tsr_error *err);

void tsri_shard_survey_clear(tsri_shard_survey *self);

/* The place of an inner chunk in the array. */
typedef struct tsri_cell_place {
    int64_t origin[TSR_RANK_MAX]; /* its first element */
    int64_t index[TSR_RANK_MAX];  /* in the grid over the whole array at its level */
    int axes[TSR_RANK_MAX];       /* the array's axis of each of its decoded axes */
} tsri_cell_place;

/* The place of a chunk of the store. */
void tsri_cell_place_init(tsri_cell_place *ret_place, const tsri_grid *grid, int rank,
                          const int64_t *chunk);

/* The place of inner chunk `number` of a shard. */
void tsri_cell_place_inner(const tsri_cell_place *shard, const tsri_prepared *prepared,
                           int64_t number, tsri_cell_place *ret_place);

/* What the public calls say of a chunk at a place. */
void tsri_finding_info(const tsri_finding *finding, const tsr_array *array,
                       const tsr_extent *extent, int level, const tsri_cell_place *place,
                       tsr_chunk_info *ret_info);

#endif
