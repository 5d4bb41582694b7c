#include "array/examine.h"

#include <inttypes.h>

#include "array/wait.h"
#include "base/checked.h"
#include "base/context.h"

#define SLACK_BYTES (UINT64_C(1) << 20)

void tsri_examiner_init(tsri_examiner *ret_examiner, tsr_array *array, tsri_task_group *watch)
{
    const tsr_system *system = array->context->system;
    *ret_examiner =
        (tsri_examiner){.array = array, .watch = watch, .started_ns = system->monotonic_ns(system)};
}

/* ---- findings ---- */

void tsri_finding_clear(tsri_finding *finding)
{
    tsri_free(finding->error);
    finding->error = NULL;
}

int tsri_finding_judge(tsri_finding *finding, const tsri_examiner *examiner, int status,
                       tsr_error *err)
{
    bool unreadable = examiner->unreadable && tsri_is_unreadable(status);

    if (status == TSR_NOT_FOUND) {
        finding->state = TSR_CHUNK_MISSING;
        tsr_error_clear(err);
        return 0;
    }
    if (status != TSR_DAMAGED && status != TSR_OUT_OF_BOUNDS && !unreadable)
        return status;
    finding->state = unreadable ? TSR_CHUNK_UNREADABLE : TSR_CHUNK_DAMAGED;
    finding->error = tsri_alloc(sizeof *finding->error);
    if (!finding->error)
        return tsri_error_no_memory(err, sizeof *finding->error);
    *finding->error = *err;
    finding->error->status = unreadable ? status : TSR_DAMAGED;
    tsr_error_clear(err);
    return 0;
}

void tsri_finding_info(const tsri_finding *finding, const tsr_array *array,
                       const tsr_extent *extent, int level, const tsri_cell_place *place,
                       tsr_chunk_info *ret_info)
{
    size_t path_bytes = array->path ? strlen(array->path) : 0;
    const char *key = extent->key + (path_bytes > 0 ? path_bytes + 1 : 0);

    *ret_info = (tsr_chunk_info){.level = level,
                                 .state = finding->state,
                                 .offset = finding->offset,
                                 .size_bytes = finding->size_bytes};
    memcpy(ret_info->index, place->index, (size_t)array->rank * sizeof *place->index);
    snprintf(ret_info->key, sizeof ret_info->key, "%s", key);
    if (finding->error) {
        ret_info->error = *finding->error;
        tsr_error_set_where(&ret_info->error, "bytes %" PRIu64 "..%" PRIu64 " of %s/%s",
                            finding->offset, finding->offset + finding->size_bytes, array->place,
                            key);
    }
}

/* ---- places ---- */

void tsri_cell_place_init(tsri_cell_place *ret_place, const tsri_grid *grid, int rank,
                          const int64_t *chunk)
{
    int64_t lengths[TSR_RANK_MAX];

    tsri_grid_box(grid, chunk, ret_place->origin, lengths);
    for (int axis = 0; axis < rank; axis++) {
        ret_place->index[axis] = chunk[axis];
        ret_place->axes[axis] = axis;
    }
}

void tsri_cell_place_inner(const tsri_cell_place *shard, const tsri_prepared *prepared,
                           int64_t number, tsri_cell_place *ret_place)
{
    const int64_t *lengths = prepared->chain->shard->chunk_shape;

    for (int axis = prepared->encoded_rank - 1; axis >= 0; axis--) {
        int along = shard->axes[prepared->axis_of[axis]];
        ret_place->axes[axis] = along;
        ret_place->origin[along] =
            shard->origin[along] + number % prepared->grid[axis] * lengths[axis];
        ret_place->index[along] = ret_place->origin[along] / lengths[axis];
        number /= prepared->grid[axis];
    }
}

/* ---- fetching and decoding ---- */

/* Sleeps until the fetched bytes fit the rate. */
static void keep_rate(tsri_examiner *self, uint64_t fetched)
{
    const tsr_system *system = self->array->context->system;
    int64_t total = __atomic_add_fetch(&self->fetched_bytes, (int64_t)fetched, __ATOMIC_RELAXED);

    if (self->rate_bytes <= 0)
        return;
    double due_ns = (double)total / (double)self->rate_bytes * 1e9;
    int64_t ahead_ns = (int64_t)due_ns - (system->monotonic_ns(system) - self->started_ns);
    const int64_t slice_ns = 50 * 1000 * 1000;
    while (ahead_ns > 0 && !tsri_group_stopped(self->watch)) {
        system->sleep_ns(system, TSRI_MIN(ahead_ns, slice_ns));
        ahead_ns -= slice_ns;
    }
}

int tsri_examine_fetch(tsri_examiner *self, const tsr_extent *extent, tsr_range range,
                       tsr_get_request *ret_request, tsr_error *err)
{
    if (tsri_group_stopped(self->watch)) {
        if (err)
            *err = self->watch->error;
        return self->watch->status;
    }
    TSRI_TRY(tsri_get_and_wait(extent->store, extent->key, range, NULL, ret_request, err));
    keep_rate(self, ret_request->size_bytes);
    return 0;
}

/* Fetches a range and decodes it as a chunk of `prepared`. */
static int verify(tsri_examiner *self, const tsri_prepared *prepared, const tsr_extent *extent,
                  tsr_range range, tsr_error *err)
{
    tsr_get_request request;
    tsr_codec_scratch *scratch;

    TSRI_TRY(tsri_examine_fetch(self, extent, range, &request, err));
    int status = tsri_scratch_acquire(self->array->context, &scratch, err);
    if (status == 0) {
        status = tsri_chain_verify(prepared, scratch, tsr_blob_data(request.blob),
                                   request.size_bytes, err);
        tsri_scratch_release(self->array->context, scratch);
        if (status ==
            TSR_LIMIT) /* bytes that ask for too much; limits of the system are no damage */
            err->status = status = TSR_DAMAGED;
    }
    tsr_blob_unref(request.blob);
    return status;
}

/* ---- chunks of the store ---- */

/* What a chunk of the store takes at most; foreign encoders may be less tight than ours. A shard is
 * read in parts and may have gaps of any size. */
static uint64_t largest_size(const tsri_prepared *prepared)
{
    uint64_t largest = (uint64_t)prepared->chain->context->options.largest_chunk_bytes;
    if (tsri_is_open_shard(prepared) || tsri_prepared_is_raw(prepared))
        return UINT64_MAX;
    if (prepared->bound.size_class != TSR_SIZE_UNBOUNDED)
        largest = TSRI_MIN(largest, prepared->bound.size_bytes);
    return 2 * largest + SLACK_BYTES;
}

/* A chunk of a fixed size has one size only; of others too much is never fetched. */
static int check_size(const tsri_prepared *prepared, uint64_t size, tsr_error *err)
{
    bool fixed = !tsri_prepared_is_shard(prepared) && prepared->bound.size_class == TSR_SIZE_FIXED;
    uint64_t most = fixed ? prepared->bound.size_bytes : largest_size(prepared);

    if (fixed ? size == most : size <= most)
        return 0;
    return tsr_error_set(err, TSR_DAMAGED,
                         "%" PRIu64 " bytes are stored where the chunk has %s%" PRIu64, size,
                         fixed ? "" : "at most ", most);
}

int tsri_examine_chunk(tsri_examiner *self, const tsri_prepared *prepared, const tsr_extent *extent,
                       tsri_finding *finding, tsr_generation *ret_generation, tsr_error *err)
{
    const tsr_range nothing = {TSR_RANGE_PART, 0, 0}, whole = {TSR_RANGE_WHOLE, 0, 0};
    tsr_get_request request;

    int status = tsri_examine_fetch(self, extent, nothing, &request, err);
    if (status < 0)
        return tsri_finding_judge(finding, self, status, err);
    tsr_blob_unref(request.blob);
    if (ret_generation)
        *ret_generation = request.generation;
    finding->state = TSR_CHUNK_STORED;
    finding->size_bytes = request.value_bytes;
    status = check_size(prepared, finding->size_bytes, err);
    if (status == 0 && self->data && !tsri_is_open_shard(prepared))
        status = verify(self, prepared, extent, whole, err);
    return status < 0 ? tsri_finding_judge(finding, self, status, err) : 0;
}

/* ---- shards ---- */

void tsri_shard_survey_clear(tsri_shard_survey *self)
{
    for (int64_t i = 0; self->findings && i < self->prepared->entry_count; i++)
        tsri_finding_clear(&self->findings[i]);
    tsri_free(self->findings);
    tsri_free(self->entries);
    tsri_shard_layout_clear(&self->layout);
    *self = (tsri_shard_survey){0};
}

static int decode_index(tsri_shard_survey *self, tsri_examiner *examiner, const void *bytes,
                        bool recover, tsr_error *err)
{
    tsr_codec_scratch *scratch;

    TSRI_TRY(tsri_scratch_acquire(examiner->array->context, &scratch, err));
    int status = recover
                     ? tsri_shard_index_recover(self->prepared, scratch, bytes, self->entries,
                                                &self->index_corrected, err)
                     : tsri_shard_index_decode(self->prepared, scratch, bytes, self->entries, err);
    tsri_scratch_release(examiner->array->context, scratch);
    return status;
}

static int load_index(tsri_shard_survey *self, tsri_examiner *examiner, uint64_t offset,
                      bool recover, tsr_error *err)
{
    tsr_get_request request;
    tsr_range range = {TSR_RANGE_PART, self->base + offset, (uint64_t)self->prepared->index_bytes};

    TSRI_TRY(tsri_examine_fetch(examiner, self->extent, range, &request, err));
    int status = decode_index(self, examiner, tsr_blob_data(request.blob), recover, err);
    tsr_blob_unref(request.blob);
    TSRI_TRY(status);
    TSRI_TRY(tsri_shard_layout_init(&self->layout, self->prepared, self->entries, self->shard_bytes,
                                    err));
    return self->layout.unsound > 0
               ? 0
               : tsri_shard_index_check(self->prepared, self->entries, self->shard_bytes, err);
}

int tsri_shard_survey_init(tsri_shard_survey *ret_survey, tsri_examiner *examiner,
                           const tsri_prepared *prepared, const tsr_extent *extent, uint64_t base,
                           uint64_t shard_bytes, bool recover, tsr_error *err)
{
    size_t count = (size_t)prepared->entry_count;
    tsri_shard_survey survey = {
        .prepared = prepared, .extent = extent, .base = base, .shard_bytes = shard_bytes};
    uint64_t offset;

    /* First of all, so that a short value is refused before memory is taken for its index. */
    TSRI_TRY(tsri_shard_index_offset(prepared, shard_bytes, &offset, err));
    survey.entries = tsri_alloc_array(count, sizeof *survey.entries);
    survey.findings = tsri_alloc_array_zero(count, sizeof *survey.findings);
    int status = 0;
    if (!survey.entries || !survey.findings)
        status = tsri_error_no_memory(err, count * sizeof *survey.findings);
    if (status == 0)
        status = load_index(&survey, examiner, offset, recover, err);
    if (status < 0)
        tsri_shard_survey_clear(&survey);
    else
        *ret_survey = survey;
    return status;
}

typedef struct entry_loop {
    tsri_shard_survey *survey;
    tsri_examiner *examiner;
} entry_loop;

static int examine_entry(void *user, int64_t i, tsr_error *err)
{
    const entry_loop *loop = user;
    tsri_shard_survey *self = loop->survey;
    tsri_finding *found = &self->findings[i];
    tsri_shard_entry entry = self->entries[i];
    const tsri_prepared *inner = self->prepared->inner;

    if (tsri_shard_entry_is_missing(entry))
        return 0;
    *found = (tsri_finding){.state = TSR_CHUNK_STORED,
                            .offset = self->base + entry.offset,
                            .size_bytes = entry.size_bytes};
    int status = tsri_shard_entry_check(self->prepared, i, entry, self->shard_bytes, err);
    if (status == 0 && loop->examiner->data && !tsri_is_open_shard(inner)) {
        tsr_range range = {TSR_RANGE_PART, found->offset, found->size_bytes};
        status = verify(loop->examiner, inner, self->extent, range, err);
    }
    bool forgiven = loop->examiner->trusts_checksums && tsri_prepared_is_checked(inner);
    if (status == 0 && self->layout.states[i] == TSRI_ENTRY_OVERLAPS && !forgiven)
        status = tsr_error_set(err, TSR_DAMAGED,
                               "index entry %" PRId64 " (offset %" PRIu64 ", %" PRIu64
                               " bytes) overlaps another one",
                               i, entry.offset, entry.size_bytes);
    return status < 0 ? tsri_finding_judge(found, loop->examiner, status, err) : 0;
}

int tsri_shard_survey_entries(tsri_shard_survey *self, tsri_examiner *examiner, tsr_error *err)
{
    entry_loop loop = {self, examiner};
    int64_t count = self->prepared->entry_count, grain = examiner->data ? 1 : count;

    return tsri_parallel_for(examiner->array->context, NULL, examiner->watch, count, grain,
                             examine_entry, &loop, err);
}
