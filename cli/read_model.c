#include "read_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what one read takes ---- */

/* How many cells of `length` a range of rising positions touches. */
static double cells_of_range(const cli_past_axis *axis, int64_t length)
{
    if (axis->step > length)
        return (double)axis->count;
    int64_t last = axis->start + (axis->count - 1) * axis->step;
    return (double)(last / length - axis->start / length + 1);
}

static int compare_keys(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

    return a < b ? -1 : a > b;
}

static uint64_t mix(uint64_t key, uint64_t value)
{
    key = (key ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return key ^ (key >> 29);
}

/* How many cells the points of a list touch. Where it was thinned out, as many are taken to be
 * touched as its points would touch if all of them lay like those that are known: of `all` cells
 * each misses the share that is not touched as often as there are times as many points. */
static double cells_of_list(const cli_past_axis *axes, int rank, int first, const int64_t *lengths)
{
    uint64_t keys[PAST_POINTS_MAX] = {0};
    int count = axes[first].kept_count, distinct = 1;
    double all = 1;

    for (int axis = first; axis < rank; axis++) {
        if (axes[axis].list != axes[first].list)
            continue;
        int64_t least = INT64_MAX, most = 0;
        if (axes[axis].kept_count < count)
            count = axes[axis].kept_count;
        for (int i = 0; i < count; i++) {
            int64_t cell = axes[axis].points[i] / lengths[axis];
            keys[i] = mix(keys[i], (uint64_t)cell);
            least = cell < least ? cell : least;
            most = cell > most ? cell : most;
        }
        all *= (double)(most - least + 1);
    }
    qsort(keys, (size_t)count, sizeof *keys, compare_keys);
    for (int i = 1; i < count; i++)
        distinct += keys[i] != keys[i - 1];
    if (axes[first].point_count == count)
        return distinct;
    double missed = 1 - distinct / all;
    return all * (1 - pow(missed > 0 ? missed : 0, (double)axes[first].point_count / count));
}

/* Whether this axis is the first of its list. */
static bool begins_list(const cli_past_axis *axes, int axis)
{
    for (int before = 0; before < axis; before++)
        if (axes[before].list == axes[axis].list)
            return false;
    return true;
}

/* How many cells of a grid a read touches. */
static double cells_of_read(const cli_past_read *read, int rank, const int64_t *lengths)
{
    double cells = 1;

    for (int axis = 0; axis < rank; axis++) {
        if (read->axes[axis].list < 0)
            cells *= cells_of_range(&read->axes[axis], lengths[axis]);
        else if (begins_list(read->axes, axis))
            cells *= cells_of_list(read->axes, rank, axis, lengths);
    }
    return cells;
}

/* How many pieces the touched chunks of one shard are on the average, chunks that lie side by side
 * being one: they follow each other along the last axis that is not touched as a whole. */
static double pieces_of_shard(const cli_past_read *read, int rank, const cli_layout *layout)
{
    double pieces = 1;
    bool whole = true; /* of all axes behind */

    for (int axis = rank; axis-- > 0;) {
        double touched = 1, of = (double)layout->shards[axis] / (double)layout->chunks[axis];
        if (read->axes[axis].list >= 0)
            return -1; /* points: each chunk by itself */
        touched = cells_of_range(&read->axes[axis], layout->chunks[axis]) /
                  cells_of_range(&read->axes[axis], layout->shards[axis]);
        if (whole)
            whole = touched >= of;
        else
            pieces *= touched;
    }
    return pieces;
}

static void add_read(const cli_read_model *model, const cli_layout *layout, double chunk_bytes,
                     const cli_past_read *read, cli_read_sums *sums)
{
    double chunks = cells_of_read(read, model->rank, layout->chunks);
    double objects = chunks, requests = chunks;

    if (layout->sharded) {
        double pieces = pieces_of_shard(read, model->rank, layout);
        objects = cells_of_read(read, model->rank, layout->shards);
        requests = objects + (pieces < 0 ? chunks : objects * pieces); /* and an index each */
    }
    sums->objects += objects;
    sums->requests += requests;
    sums->chunks += chunks;
    sums->decoded_bytes += chunks * chunk_bytes;
}

static double bytes_of(const cli_read_model *model, const int64_t *lengths)
{
    double bytes = (double)model->element_bytes;

    for (int axis = 0; axis < model->rank; axis++)
        bytes *= (double)lengths[axis];
    return bytes;
}

void read_model_sum(const cli_read_model *model, const cli_layout *layout, cli_read_sums *ret_sums)
{
    const cli_read_prices *prices = &model->prices;
    double chunk_bytes = bytes_of(model, layout->chunks), weight = (double)model->reads->weight;
    cli_read_sums sums = {0};

    for (size_t i = 0; i < model->reads->count; i++)
        add_read(model, layout, chunk_bytes, &model->reads->reads[i], &sums);
    sums.objects *= weight;
    sums.requests *= weight;
    sums.chunks *= weight;
    sums.decoded_bytes *= weight;
    sums.fetched_bytes = sums.decoded_bytes * prices->stored_ratio;
    sums.ns = sums.objects * prices->object_ns + sums.requests * prices->request_ns +
              sums.chunks * prices->chunk_ns + sums.fetched_bytes * prices->fetched_byte_ns +
              sums.decoded_bytes * prices->decoded_byte_ns;
    *ret_sums = sums;
}

/* ---- chunks ---- */

#define LENGTHS_MAX 66 /* powers of two, the present length and the whole axis */
/* So many layouts times reads are tried one by one; lists count as many reads. */
#define TRIED_MAX 4e6
#define POINTS_COUNT_AS 20
/* Shards are looked for around so many of the best chunks. */
#define CHUNKS_KEPT 8

typedef struct search {
    const cli_read_model *model;
    const cli_layout *present;
    bool sharded; /* inner chunks are looked for: what files cost is decided by the shards */
    int64_t lengths[TSR_RANK_MAX][LENGTHS_MAX];
    int counts[TSR_RANK_MAX];
    double least_bytes;
    int kept;
    struct {
        cli_layout layout;
        double ns;
    } best[CHUNKS_KEPT]; /* the cheapest first */
} search;

static int compare_lengths(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return a < b ? -1 : a > b;
}

static void list_lengths(search *self, int axis)
{
    int64_t length = self->model->shape[axis], present = self->present->chunks[axis];
    int64_t *list = self->lengths[axis];
    int count = 0, distinct = 1;

    for (int64_t power = 1; power < length && power <= INT64_MAX / 2; power *= 2)
        list[count++] = power;
    list[count++] = length;
    if (present < length)
        list[count++] = present;
    qsort(list, (size_t)count, sizeof *list, compare_lengths);
    for (int i = 1; i < count; i++)
        if (list[i] != list[distinct - 1])
            list[distinct++] = list[i];
    self->counts[axis] = distinct;
}

static bool is_allowed(const search *self, const int64_t *chunks)
{
    double bytes = bytes_of(self->model, chunks);

    return bytes >= self->least_bytes && bytes <= (double)READ_MODEL_CHUNK_BYTES_MAX;
}

static void keep(search *self, const cli_layout *layout, double ns)
{
    int at = self->kept;

    for (int i = 0; i < self->kept; i++)
        if (memcmp(&self->best[i].layout, layout, sizeof *layout) == 0)
            return;
    if (at == CHUNKS_KEPT && self->best[--at].ns <= ns)
        return;
    if (self->kept < CHUNKS_KEPT)
        self->kept++;
    for (; at > 0 && self->best[at - 1].ns > ns; at--)
        self->best[at] = self->best[at - 1];
    self->best[at].layout = *layout;
    self->best[at].ns = ns;
}

/* What chunks of these lengths cost; infinitely much when they are not allowed. */
static double try_chunks(search *self, const int *choice)
{
    cli_layout layout = {0};
    cli_read_sums sums;

    for (int axis = 0; axis < self->model->rank; axis++)
        layout.chunks[axis] = layout.shards[axis] = self->lengths[axis][choice[axis]];
    if (!is_allowed(self, layout.chunks))
        return INFINITY;
    read_model_sum(self->model, &layout, &sums);
    if (self->sharded)
        sums.ns -= sums.objects * self->model->prices.object_ns;
    keep(self, &layout, sums.ns);
    return sums.ns;
}

static void try_all(search *self)
{
    int choice[TSR_RANK_MAX] = {0}, axis = 0;

    while (axis >= 0) {
        try_chunks(self, choice);
        for (axis = self->model->rank - 1; axis >= 0; axis--) {
            if (++choice[axis] < self->counts[axis])
                break;
            choice[axis] = 0;
        }
    }
}

/* One step of a choice: one axis longer or shorter, or one longer and another shorter. */
static bool step(search *self, int *choice, int longer, int shorter, double *ns)
{
    int next[TSR_RANK_MAX];

    memcpy(next, choice, sizeof next);
    if ((longer >= 0 && ++next[longer] == self->counts[longer]) ||
        (shorter >= 0 && next[shorter]-- == 0))
        return false;
    double found = try_chunks(self, next);
    if (!(found < *ns))
        return false;
    *ns = found;
    memcpy(choice, next, sizeof next);
    return true;
}

static void go_downhill(search *self, int *choice)
{
    double ns = try_chunks(self, choice);
    bool better = isfinite(ns);

    while (better) {
        better = false;
        for (int longer = -1; longer < self->model->rank; longer++)
            for (int shorter = -1; shorter < self->model->rank; shorter++)
                if (longer != shorter)
                    better |= step(self, choice, longer, shorter, &ns);
    }
}

/* From one element on: grows axes in turn, beginning with `first`, until the chunk is large enough;
 * with `first` -1 all alike. */
static void start_from(search *self, int first, int *choice)
{
    int64_t chunks[TSR_RANK_MAX];
    int rank = self->model->rank;

    memset(choice, 0, (size_t)rank * sizeof *choice);
    if (first >= 0)
        choice[first] = self->counts[first] - 1;
    for (bool grown = true; grown;) {
        grown = false;
        for (int axis = rank; axis-- > 0;) {
            for (int i = 0; i < rank; i++)
                chunks[i] = self->lengths[i][choice[i]];
            if (is_allowed(self, chunks))
                return;
            if (first >= 0 && axis == first && bytes_of(self->model, chunks) > self->least_bytes &&
                choice[axis] > 0) {
                choice[axis]--; /* a whole axis is too long */
                grown = true;
            } else if (bytes_of(self->model, chunks) < self->least_bytes &&
                       choice[axis] + 1 < self->counts[axis]) {
                choice[axis]++;
                grown = true;
            }
        }
    }
}

static void try_some(search *self)
{
    int choice[TSR_RANK_MAX];

    for (int first = -1; first < self->model->rank; first++) {
        start_from(self, first, choice);
        go_downhill(self, choice);
    }
}

static double work_of(const search *self)
{
    const cli_past_reads *reads = self->model->reads;
    double layouts = 1, work = 0;

    for (int axis = 0; axis < self->model->rank; axis++)
        layouts *= self->counts[axis];
    for (size_t i = 0; i < reads->count; i++) {
        work += 1;
        for (int axis = 0; axis < reads->rank; axis++)
            if (reads->reads[i].axes[axis].list >= 0)
                work += POINTS_COUNT_AS;
    }
    return layouts * work;
}

/* ---- shards ---- */

/* Twice the length along one axis, as long as that is of use; false at the end of the axis. */
static bool grow_shard(const cli_read_model *model, const cli_layout *layout, int axis,
                       cli_layout *ret_grown)
{
    int64_t chunk = layout->chunks[axis];
    int64_t whole = (model->shape[axis] + chunk - 1) / chunk * chunk;

    *ret_grown = *layout;
    if (layout->shards[axis] >= whole)
        return false;
    ret_grown->shards[axis] = layout->shards[axis] > whole / 2 ? whole : 2 * layout->shards[axis];
    return bytes_of(model, ret_grown->shards) <= (double)READ_MODEL_SHARD_BYTES_MAX;
}

/* Shards around given chunks: always the axis along which they become cheapest grows. */
static double find_shards(const cli_read_model *model, cli_layout *layout)
{
    cli_read_sums sums;
    bool grown = true;

    layout->sharded = true;
    while (grown) {
        cli_layout best, next;
        double best_ns = INFINITY;
        grown = false;
        for (int axis = model->rank; axis-- > 0;) {
            if (!grow_shard(model, layout, axis, &next))
                continue;
            read_model_sum(model, &next, &sums);
            if (sums.ns < best_ns) {
                best_ns = sums.ns;
                best = next;
                grown = true;
            }
        }
        if (grown)
            *layout = best;
    }
    read_model_sum(model, layout, &sums);
    return sums.ns;
}

static double count_chunks(const cli_read_model *model, const int64_t *chunks)
{
    double count = 1;

    for (int axis = 0; axis < model->rank; axis++)
        count *= ceil((double)model->shape[axis] / (double)chunks[axis]);
    return count;
}

void read_model_search(const cli_read_model *model, const cli_layout *present, bool may_shard,
                       bool must_shard, cli_layout *ret_best)
{
    search self = {.model = model, .present = present};
    double whole_bytes = bytes_of(model, model->shape), best_ns = INFINITY;

    self.sharded = may_shard && (must_shard || whole_bytes / (double)READ_MODEL_CHUNK_BYTES_MIN >
                                                   READ_MODEL_OBJECTS_MAX);
    self.least_bytes = fmin((double)READ_MODEL_CHUNK_BYTES_MIN, whole_bytes);
    for (int axis = 0; axis < model->rank; axis++)
        list_lengths(&self, axis);
    if (work_of(&self) <= TRIED_MAX)
        try_all(&self);
    else
        try_some(&self);
    *ret_best = *present;
    for (int i = 0; i < self.kept; i++) {
        cli_layout layout = self.best[i].layout;
        double ns = self.best[i].ns;
        if (self.sharded &&
            (must_shard || count_chunks(model, layout.chunks) > READ_MODEL_OBJECTS_MAX)) {
            ns = find_shards(model, &layout);
        } else if (self.sharded) {
            cli_read_sums sums;
            read_model_sum(model, &layout, &sums);
            ns = sums.ns;
        }
        if (ns < best_ns) {
            best_ns = ns;
            *ret_best = layout;
        }
    }
}
