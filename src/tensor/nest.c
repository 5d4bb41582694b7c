#include "tensor/nest.h"

/* Whether the loop `outer` goes on exactly where `inner` ends, in both memories. */
static bool continues(const tsri_nest_axis *outer, const tsri_nest_axis *inner)
{
    int64_t to, from;
    return !__builtin_mul_overflow(inner->to, inner->count, &to) && outer->to == to &&
           !__builtin_mul_overflow(inner->from, inner->count, &from) && outer->from == from;
}

/* Whether `a` belongs outside of `b`: the destination decides, the source breaks ties, so that a
 * broadcast destination is handled in a fixed order too. */
static bool is_outer(const tsri_nest_axis *a, const tsri_nest_axis *b)
{
    if (a->to != b->to)
        return a->to > b->to;
    return (a->from < 0 ? -a->from : a->from) > (b->from < 0 ? -b->from : b->from);
}

static void add_axis(tsri_nest *nest, int64_t count, int64_t to, int64_t from)
{
    if (count == 1)
        return;
    if (to < 0) {
        nest->to += to * (count - 1);
        nest->from += from * (count - 1);
        to = -to;
        from = -from;
    }
    tsri_nest_axis axis = {count, to, from};
    int place = nest->rank++;
    for (; place > 0 && is_outer(&axis, &nest->axes[place - 1]); place--)
        nest->axes[place] = nest->axes[place - 1];
    nest->axes[place] = axis;
}

static void merge_axes(tsri_nest *nest)
{
    int kept = 0;
    for (int axis = 1; axis < nest->rank; axis++) {
        tsri_nest_axis *outer = &nest->axes[kept];
        const tsri_nest_axis *inner = &nest->axes[axis];
        if (continues(outer, inner))
            *outer = (tsri_nest_axis){outer->count * inner->count, inner->to, inner->from};
        else
            nest->axes[++kept] = *inner;
    }
    if (nest->rank > 0)
        nest->rank = kept + 1;
}

bool tsri_nest_init(tsri_nest *nest, const tsr_view *to, const tsr_view *from, int parts)
{
    nest->to = to->data;
    nest->from = from->data;
    nest->rank = 0;
    for (int axis = 0; axis < to->rank; axis++)
        if (to->shape[axis] == 0)
            return false;
    for (int axis = 0; axis < to->rank; axis++)
        add_axis(nest, to->shape[axis], to->strides[axis], from->strides[axis]);
    add_axis(nest, parts, (int64_t)to->dtype->size_bytes / parts,
             (int64_t)from->dtype->size_bytes / parts);
    merge_axes(nest);
    return true;
}

size_t tsri_nest_fold(tsri_nest *nest, size_t unit_bytes)
{
    int64_t run = (int64_t)unit_bytes;
    while (nest->rank > 0) {
        const tsri_nest_axis *inner = &nest->axes[nest->rank - 1];
        if (inner->to != run || inner->from != run)
            break;
        run *= inner->count;
        nest->rank--;
    }
    return (size_t)run;
}

int64_t tsri_nest_span(const tsri_nest *nest, size_t run_bytes)
{
    int64_t span = (int64_t)run_bytes;
    for (int axis = 0; axis < nest->rank; axis++)
        span += nest->axes[axis].to * (nest->axes[axis].count - 1);
    return span;
}

bool tsri_nest_run(const tsri_nest *nest, tsri_nest_body *body, void *user)
{
    static const tsri_nest_axis single = {1, 0, 0};
    const tsri_nest_axis *inner = nest->rank > 0 ? &nest->axes[nest->rank - 1] : &single;
    const tsri_nest_axis *outer = nest->rank > 1 ? &nest->axes[nest->rank - 2] : &single;
    int64_t done[TSR_RANK_MAX + 1];
    char *to = nest->to;
    const char *from = nest->from;
    for (int axis = 0; axis < nest->rank - 2; axis++)
        done[axis] = 0;
    for (;;) {
        if (!body(user, to, from, outer, inner))
            return false;
        int axis = nest->rank - 3;
        for (; axis >= 0 && ++done[axis] == nest->axes[axis].count; axis--) {
            done[axis] = 0;
            to -= nest->axes[axis].to * (nest->axes[axis].count - 1);
            from -= nest->axes[axis].from * (nest->axes[axis].count - 1);
        }
        if (axis < 0)
            return true;
        to += nest->axes[axis].to;
        from += nest->axes[axis].from;
    }
}
