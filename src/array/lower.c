#include "array/lower.h"

#include "base/checked.h"
#include "tensor/index_map.h"

/* A read on its way down. */
typedef struct tsri_lowered_read {
    struct tsri_lowered_read *next;
    tsri_read read;
    tsr_view view;
    bool is_told; /* as others: it is not carried out itself */

    /* Sinks: what a piece goes through on the way up. */
    tsr_sink sink;
    void *user;
    int axis; /* as in tsri_lowered_part */
    int64_t first;
    const tsr_dtype *dtype; /* NULL: as it is */
    tsr_casting casting;
} lowered_read;

struct tsri_lowering {
    tsri_lowered *all;
    const tsri_read *outer;
};

bool tsri_read_is_lowered(const tsri_read *read)
{
    const tsr_array *array = read->array;
    if (!array->lower || read->is_write)
        return false;
    if (array->casts)
        return !read->view || tsr_dtype_equal(read->view->dtype, array->dtype);
    return !read->index.layout || read->index.layout->group_count == 0;
}

/* ---- sinks ---- */

/* Converts a piece; what is repeated by a stride of 0 is converted once. */
static int pass_converted(const lowered_read *self, const tsr_view *piece, const int64_t *position,
                          tsr_error *err)
{
    tsr_auto(tsr_view) converted = {0};
    tsr_view once = *piece;

    for (int axis = 0; axis < piece->rank; axis++)
        if (piece->strides[axis] == 0 && piece->shape[axis] > 1)
            once.shape[axis] = 1;
    TSRI_TRY(tsr_view_new(&converted, self->dtype, once.rank, once.shape, err));
    TSRI_TRY(tsr_view_copy(&converted, &once, self->casting, err));
    TSRI_TRY(tsr_view_broadcast(&converted, piece->rank, piece->shape, err));
    return self->sink(self->user, &converted, position, err);
}

static int pass_on(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    const lowered_read *self = user;
    int64_t moved[TSR_RANK_MAX];

    if (self->axis >= 0) {
        memcpy(moved, position, (size_t)piece->rank * sizeof *moved);
        moved[self->axis] += self->first;
        position = moved;
    }
    return self->dtype ? pass_converted(self, piece, position, err)
                       : self->sink(self->user, piece, position, err);
}

/* ---- going down ---- */

static int add_read(tsri_lowered *all, const tsri_read *read, lowered_read **ret_read,
                    tsr_error *err)
{
    lowered_read *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->read = *read;
    self->next = all->first;
    all->first = self;
    *ret_read = self;
    return 0;
}

/* Where the elements of a part go: into a part of the view, or through a sink. */
static int set_destination(lowered_read *self, const tsri_read *outer,
                           const tsri_lowered_part *part, tsr_error *err)
{
    const tsr_array *array = outer->array;

    if (outer->view) {
        self->view = *outer->view;
        self->view.blob = NULL;
        self->read.view = &self->view;
        if (array->casts)
            self->read.casting = array->casting;
        return part->axis < 0
                   ? 0
                   : tsr_view_slice(&self->view, part->axis, part->first, part->count, 1, err);
    }
    if (outer->cost) /* nothing comes */
        return 0;
    self->sink = outer->sink;
    self->user = outer->user;
    self->axis = part->axis;
    self->first = part->first;
    self->dtype = array->casts ? array->dtype : NULL;
    self->casting = array->casting;
    self->read.sink = pass_on;
    self->read.user = self;
    return 0;
}

static int lower_read(tsri_lowered *all, lowered_read *self, tsr_error *err)
{
    tsri_lowering lowering = {all, &self->read};
    const tsr_array *array = self->read.array;

    if (!tsri_read_is_lowered(&self->read)) {
        all->count++;
        return 0;
    }
    self->is_told = true;
    return array->lower(array->driver, &self->read.index, &lowering, err);
}

int tsri_lowering_add(tsri_lowering *lowering, tsri_lowered_part *part, tsr_error *err)
{
    const tsri_read *outer = lowering->outer;
    lowered_read *self;

    int status = add_read(lowering->all, outer, &self, err);
    if (status < 0) {
        tsr_index_clear(&part->index);
        return status;
    }
    self->read.array = part->array;
    self->read.index = part->index;
    self->read.grid = tsri_array_grid(part->array);
    TSRI_TRY_IN(err, tsri_index_check(&part->index, part->array->rank, self->read.grid->shape, err),
                "%s", part->array->place);
    TSRI_TRY(set_destination(self, outer, part, err));
    return lower_read(lowering->all, self, err);
}

int tsri_lower(const tsri_read *reads, size_t n, tsri_lowered *ret_lowered, tsr_error *err)
{
    tsri_lowered *all = ret_lowered;

    *all = (tsri_lowered){0};
    for (size_t i = 0; i < n; i++) {
        lowered_read *self;
        TSRI_TRY(add_read(all, &reads[i], &self, err));
        /* Parts hold their own; what the caller lends is held likewise, so that all end alike. */
        tsr_index_copy(&self->read.index, &reads[i].index);
        self->read.grid = tsri_grid_ref((tsri_grid *)reads[i].grid);
        TSRI_TRY(lower_read(all, self, err));
    }
    all->reads = tsri_alloc_array(all->count, sizeof *all->reads);
    if (!all->reads)
        return tsri_error_no_memory(err, all->count * sizeof *all->reads);
    size_t next = all->count; /* the list begins with what came last */
    for (const lowered_read *at = all->first; at; at = at->next)
        if (!at->is_told)
            all->reads[--next] = at->read;
    return 0;
}

void tsri_lowered_clear(tsri_lowered *lowered)
{
    while (lowered->first) {
        lowered_read *self = lowered->first;
        lowered->first = self->next;
        tsr_index_clear(&self->read.index);
        tsri_grid_unref((tsri_grid *)self->read.grid);
        tsri_free(self);
    }
    tsri_free(lowered->reads);
    *lowered = (tsri_lowered){0};
}
