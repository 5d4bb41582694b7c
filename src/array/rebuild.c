#include "array/rebuild.h"

#include "base/checked.h"
#include "base/output.h"

void tsri_rebuild_clear(tsri_rebuild *self)
{
    for (size_t i = 0; i < self->index_count; i++)
        tsri_output_clear(&self->indexes[i]);
    tsri_free(self->indexes);
    tsri_free(self->segments);
    self->indexes = NULL;
    self->segments = NULL;
    self->index_count = self->segment_count = 0;
}

int tsri_rebuild_tell_lost(tsri_rebuild *self, int level, const tsri_cell_place *place,
                           const tsri_finding *finding)
{
    tsr_chunk_info info;

    self->lost_chunks++;
    if (!self->lost)
        return 0;
    tsri_finding_info(finding, self->examiner->array, self->extent, level, place, &info);
    self->stopped = self->lost(self->user, &info);
    return self->stopped;
}

/* ---- segments ---- */

static int add_segment(tsri_rebuild *self, tsr_segment segment, tsr_error *err)
{
    tsr_segment *segments = tsri_grow_array(self->segments, self->segment_count,
                                            &self->segment_capacity, sizeof *segments);
    if (!segments)
        return tsri_error_no_memory(err, sizeof *segments);
    self->segments = segments;
    segments[self->segment_count++] = segment;
    return 0;
}

/* Adds a range of the present value, joined to the one before where both lie side by side. */
static int add_range(tsri_rebuild *self, size_t first_segment, uint64_t offset, uint64_t size_bytes,
                     tsr_error *err)
{
    if (self->segment_count > first_segment) {
        tsr_segment *last = &self->segments[self->segment_count - 1];
        if (!last->bytes && last->offset + last->size_bytes == offset) {
            last->size_bytes += size_bytes;
            return 0;
        }
    }
    return add_segment(self, (tsr_segment){NULL, offset, size_bytes}, err);
}

/* ---- one level ---- */

/* A shard under way: the whole, or one inside another. */
typedef struct level {
    tsri_rebuild *rebuild;
    const tsri_prepared *prepared;
    tsri_shard_survey survey;
    int number; /* 0: the shard that the store holds */
    const tsri_cell_place *place;
    size_t first_segment;
    tsri_shard_entry *now; /* owned */
    uint64_t at;           /* where the next inner chunk goes */
    bool changed;
} level;

static int rebuild_level(tsri_rebuild *rebuild, const tsri_prepared *prepared, uint64_t base,
                         uint64_t size_bytes, int number, const tsri_cell_place *place,
                         bool *ret_changed, uint64_t *ret_size_bytes, tsr_error *err);

static bool any_damage(const level *self)
{
    for (int64_t i = 0; i < self->prepared->entry_count; i++)
        if (self->survey.findings[i].state == TSR_CHUNK_DAMAGED)
            return true;
    return false;
}

/* Decides what of a surveyed shard goes on to live. */
static int judge_entries(level *self, tsr_error *err)
{
    tsri_rebuild *rebuild = self->rebuild;
    tsri_shard_survey *survey = &self->survey;

    TSRI_TRY(tsri_shard_survey_entries(survey, rebuild->examiner, err));
    bool damage = any_damage(self);
    if (rebuild->purpose == TSRI_REBUILD_COMPACT) {
        if (damage)
            return tsr_error_set(err, TSR_DAMAGED, "entries of its index are damaged");
        uint64_t parity_bytes = self->number == 0 ? rebuild->parity_bytes : 0;
        self->changed =
            survey->layout.dead_bytes > parity_bytes || (self->number == 0 && rebuild->renews);
        return 0;
    }
    self->changed = damage || survey->index_corrected || survey->layout.overlapping > 0;
    rebuild->index_corrected |= survey->index_corrected;
    return 0;
}

static int tell_lost_entries(level *self)
{
    tsri_cell_place cell;
    int stopped = 0;

    for (int64_t i = 0; i < self->prepared->entry_count && !stopped; i++) {
        if (self->survey.findings[i].state != TSR_CHUNK_DAMAGED)
            continue;
        tsri_cell_place_inner(self->place, self->prepared, i, &cell);
        stopped = tsri_rebuild_tell_lost(self->rebuild, self->number + 1, &cell,
                                         &self->survey.findings[i]);
    }
    return stopped;
}

/* Adds an inner chunk that is a shard itself: anew, or as it is. */
static int add_shard(level *self, int64_t number, uint64_t *ret_size_bytes, tsr_error *err)
{
    tsri_rebuild *rebuild = self->rebuild;
    const tsri_finding *found = &self->survey.findings[number];
    size_t segments = rebuild->segment_count;
    tsri_cell_place cell;
    bool changed;

    tsri_cell_place_inner(self->place, self->prepared, number, &cell);
    TSRI_TRY(rebuild_level(rebuild, self->prepared->inner, found->offset, found->size_bytes,
                           self->number + 1, &cell, &changed, ret_size_bytes, err));
    self->changed |= changed;
    if (changed)
        return 0;
    rebuild->segment_count = segments;
    *ret_size_bytes = found->size_bytes;
    return add_range(rebuild, self->first_segment, found->offset, found->size_bytes, err);
}

static int add_entry(level *self, int64_t number, tsr_error *err)
{
    const tsri_finding *found = &self->survey.findings[number];
    uint64_t size_bytes = found->size_bytes;

    if (tsri_is_open_shard(self->prepared->inner)) {
        TSRI_TRY(add_shard(self, number, &size_bytes, err));
    } else {
        TSRI_TRY(add_range(self->rebuild, self->first_segment, found->offset, size_bytes, err));
        self->rebuild->kept_chunks++;
    }
    if (size_bytes > 0)
        self->now[number] = (tsri_shard_entry){self->at, size_bytes};
    self->at += size_bytes;
    return 0;
}

/* Adds what is sound in the order in which it lies, bytes that entries share once. */
static int add_entries(level *self, tsr_error *err)
{
    const tsri_shard_layout *layout = &self->survey.layout;
    const tsri_shard_entry *old = self->survey.entries;
    int64_t before = -1;

    for (int64_t i = 0; i < layout->count && !self->rebuild->stopped; i++) {
        int64_t number = layout->order[i];
        if (self->survey.findings[number].state != TSR_CHUNK_STORED)
            continue;
        bool shared = before >= 0 && old[before].offset == old[number].offset &&
                      old[before].size_bytes == old[number].size_bytes;
        if (shared)
            self->now[number] = self->now[before];
        else
            TSRI_TRY(add_entry(self, number, err));
        before = number;
    }
    return 0;
}

static int encode_index(level *self, tsr_segment *ret_segment, tsr_error *err)
{
    tsri_rebuild *rebuild = self->rebuild;
    tsr_context *context = rebuild->examiner->array->context;
    tsr_codec_scratch *scratch;

    tsr_output *indexes = tsri_grow_array(rebuild->indexes, rebuild->index_count,
                                          &rebuild->index_capacity, sizeof *indexes);
    if (!indexes)
        return tsri_error_no_memory(err, sizeof *indexes);
    rebuild->indexes = indexes;
    tsr_output *index = &indexes[rebuild->index_count++];
    *index = (tsr_output)TSRI_OUTPUT_INIT(SIZE_MAX);
    TSRI_TRY(tsri_scratch_acquire(context, &scratch, err));
    int status = tsri_shard_index_encode(self->prepared, scratch, self->now, index, err);
    tsri_scratch_release(context, scratch);
    TSRI_TRY(status);
    *ret_segment = (tsr_segment){index->data, 0, index->size_bytes};
    return 0;
}

/* Lays the new shard out: the index has its place kept where it stands first. */
static int lay_out(level *self, uint64_t *ret_size_bytes, tsr_error *err)
{
    tsri_rebuild *rebuild = self->rebuild;
    bool at_start = self->prepared->chain->shard->index_at_start;
    uint64_t index_bytes = (uint64_t)self->prepared->index_bytes;
    size_t index_place = rebuild->segment_count, count = (size_t)self->prepared->entry_count;
    tsr_segment index = {"", 0, 0};

    self->now = tsri_alloc_array(count, sizeof *self->now);
    if (!self->now)
        return tsri_error_no_memory(err, count * sizeof *self->now);
    memset(self->now, 0xff, count * sizeof *self->now);
    self->at = at_start ? index_bytes : 0;
    if (at_start)
        TSRI_TRY(add_segment(rebuild, index, err));
    self->first_segment = rebuild->segment_count;
    TSRI_TRY(add_entries(self, err));
    *ret_size_bytes = 0;
    if (self->at == (at_start ? index_bytes : 0)) {
        rebuild->segment_count = index_place;
        return 0;
    }
    TSRI_TRY(encode_index(self, &index, err));
    *ret_size_bytes = self->at + (at_start ? 0 : index_bytes);
    if (!at_start)
        return add_segment(rebuild, index, err);
    rebuild->segments[index_place] = index;
    return 0;
}

/* Nothing can be said of what was in a shard whose index cannot be read. */
static int lose_shard(tsri_rebuild *self, uint64_t base, uint64_t size_bytes, int number,
                      const tsri_cell_place *place, tsr_error *err)
{
    tsri_finding found = {TSR_CHUNK_STORED, base, size_bytes, NULL};

    TSRI_TRY(tsri_finding_judge(&found, self->examiner, TSR_DAMAGED, err));
    tsri_rebuild_tell_lost(self, number, place, &found);
    tsri_finding_clear(&found);
    return 0;
}

static int rebuild_level(tsri_rebuild *rebuild, const tsri_prepared *prepared, uint64_t base,
                         uint64_t size_bytes, int number, const tsri_cell_place *place,
                         bool *ret_changed, uint64_t *ret_size_bytes, tsr_error *err)
{
    bool repair = rebuild->purpose == TSRI_REBUILD_REPAIR;
    level self = {.rebuild = rebuild, .prepared = prepared, .number = number, .place = place};

    int status = tsri_shard_survey_init(&self.survey, rebuild->examiner, prepared, rebuild->extent,
                                        base, size_bytes, repair, err);
    if (status == 0)
        status = judge_entries(&self, err);
    if (status == TSR_DAMAGED && repair) {
        self.changed = true;
        *ret_size_bytes = 0;
        status = lose_shard(rebuild, base, size_bytes, number, place, err);
    } else if (status == 0 && tell_lost_entries(&self) == 0) {
        status = lay_out(&self, ret_size_bytes, err);
    }
    *ret_changed = self.changed;
    tsri_free(self.now);
    tsri_shard_survey_clear(&self.survey);
    return status;
}

int tsri_rebuild_plan(tsri_rebuild *self, const tsri_prepared *prepared, uint64_t size_bytes,
                      const tsri_cell_place *place, bool *ret_changed, uint64_t *ret_size_bytes,
                      tsr_error *err)
{
    *ret_size_bytes = 0;
    return rebuild_level(self, prepared, 0, size_bytes, 0, place, ret_changed, ret_size_bytes, err);
}
