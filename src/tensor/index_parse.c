/* The text form of selections. Grammar:
 *
 *     selection = [ item *( "," item ) [ "," ] ]
 *     item      = "..." | number | [ number ] ":" [ number ] [ ":" [ number ] ]
 *     number    = [ "-" | "+" ] digits
 *
 * with spaces allowed between all of these. What a range means is taken from Python's
 * slice.indices. */
#include <tessera/index.h>

#include "base/base.h"
#include "base/checked.h"

typedef struct parser {
    const char *text; /* the whole selection, for positions */
    const char *next; /* what comes now */
    tsr_error *err;
} parser;

/* A bound of a range that is written or left out. */
typedef struct bound {
    bool given;
    int64_t value; /* saturated: ranges are clipped to the axis anyway */
} bound;

static int fail(const parser *p, const char *place, const char *reason)
{
    unsigned char c = (unsigned char)*place;
    char found[16];
    if (c == '\0')
        snprintf(found, sizeof found, "the end");
    else
        snprintf(found, sizeof found, c >= 0x20 && c < 0x7f ? "'%c'" : "byte 0x%02x", c);
    tsr_error_set(p->err, TSR_INVALID_ARGUMENT, "selection: character %td (%s): %s",
                  place - p->text + 1, found, reason);
    tsr_error_set_next_step(
        p->err, "write positions and ranges as NumPy does: 5, -1, 1000:1003, ::-2, ...");
    return TSR_INVALID_ARGUMENT;
}

static void skip_space(parser *p)
{
    while (*p->next == ' ' || *p->next == '\t')
        p->next++;
}

static bool take(parser *p, const char *token)
{
    size_t length = strlen(token);
    skip_space(p);
    if (strncmp(p->next, token, length) != 0)
        return false;
    p->next += length;
    skip_space(p);
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads a number if one stands here; saturates at the limits of int64. */
static int take_number(parser *p, bound *ret_bound)
{
    const char *place = p->next;
    bool negative = *place == '-', fits = true;
    int64_t value = 0;
    *ret_bound = (bound){false, 0};
    if (!is_digit(*place) && *place != '-' && *place != '+')
        return 0;
    place += *place == '-' || *place == '+';
    if (!is_digit(*place))
        return fail(p, place, "expected a digit after the sign");
    for (; is_digit(*place); place++)
        fits = fits && tsri_multiply_i64(value, 10, &value) &&
               tsri_add_i64(value, *place - '0', &value);
    *ret_bound = (bound){true, negative ? -value : value};
    if (!fits)
        ret_bound->value = negative ? INT64_MIN : INT64_MAX;
    p->next = place;
    skip_space(p);
    return 0;
}

/* Counts a bound from the start of the axis and clips it to [lowest, highest]. */
static int64_t clip(int64_t value, int64_t length, int64_t lowest, int64_t highest)
{
    if (value < 0)
        value += length;
    return TSRI_MIN(TSRI_MAX(value, lowest), highest);
}

/* What start:stop:step selects of an axis. */
static tsr_index_axis resolve_range(bound start, bound stop, int64_t step, int64_t length)
{
    bool forward = step > 0;
    int64_t lowest = forward ? 0 : -1, highest = forward ? length : length - 1;
    int64_t first = forward ? lowest : highest, end = forward ? highest : lowest;
    if (start.given)
        first = clip(start.value, length, lowest, highest);
    if (stop.given)
        end = clip(stop.value, length, lowest, highest);
    int64_t distance = forward ? end - first : first - end;
    if (distance <= 0)
        return (tsr_index_axis){TSR_INDEX_RANGE, 0, 0, 1};
    int64_t count = tsri_ceil_divide(distance, forward ? step : -step);
    return (tsr_index_axis){TSR_INDEX_RANGE, first, count, count > 1 ? step : 1};
}

/* One item as it was written. */
typedef struct selection_item {
    const char *place; /* where it starts, for messages */
    bool is_range;
    bound start, stop; /* a position is its start */
    int64_t step;
} selection_item;

static int take_step(parser *p, int64_t *ret_step)
{
    const char *place = p->next;
    bound step;
    TSRI_TRY(take_number(p, &step));
    if (step.given && step.value == 0)
        return fail(p, place, "the step of a range is not 0");
    *ret_step = step.given ? TSRI_MAX(step.value, -INT64_MAX) : 1;
    return 0;
}

/* Reads one item that is not an ellipsis. */
static int take_item(parser *p, selection_item *ret_item)
{
    *ret_item = (selection_item){.place = p->next, .step = 1};
    TSRI_TRY(take_number(p, &ret_item->start));
    ret_item->is_range = take(p, ":");
    if (!ret_item->is_range)
        return ret_item->start.given ? 0
                                     : fail(p, p->next, "expected a position, a range or \"...\"");
    TSRI_TRY(take_number(p, &ret_item->stop));
    return take(p, ":") ? take_step(p, &ret_item->step) : 0;
}

/* What an item selects of an axis. */
static int resolve_item(const parser *p, const selection_item *item, int axis, int64_t length,
                        tsr_index_axis *ret_axis)
{
    int64_t position = item->start.value;
    if (item->is_range) {
        *ret_axis = resolve_range(item->start, item->stop, item->step, length);
        return 0;
    }
    if (position < -length || position >= length)
        return tsr_error_set(
            p->err, TSR_OUT_OF_BOUNDS,
            "selection: character %td: position %lld is outside of axis %d, which has %lld "
            "elements",
            item->place - p->text + 1, (long long)position, axis, (long long)length);
    *ret_axis =
        (tsr_index_axis){TSR_INDEX_POSITION, position < 0 ? position + length : position, 1, 1};
    return 0;
}

/* The items of a selection; `ellipsis` is the number of items before "...", or -1 without one. */
typedef struct item_list {
    int count, ellipsis;
    selection_item items[TSR_RANK_MAX];
} item_list;

static int take_list(parser *p, int rank, item_list *list)
{
    list->count = 0;
    list->ellipsis = -1;
    skip_space(p);
    while (*p->next != '\0') {
        const char *place = p->next;
        if (take(p, "...")) {
            if (list->ellipsis >= 0)
                return fail(p, place, "there can be only one \"...\"");
            list->ellipsis = list->count;
        } else if (list->count == rank) {
            return fail(p, place,
                        rank == 0 ? "an array without axes has nothing to select from"
                                  : "more items than the array has axes");
        } else {
            TSRI_TRY(take_item(p, &list->items[list->count++]));
        }
        if (!take(p, ",") && *p->next != '\0')
            return fail(p, p->next, "expected \",\" or the end");
    }
    return 0;
}

int tsr_index_parse(tsr_index *ret_index, const char *text, int rank, const int64_t *shape,
                    tsr_error *err)
{
    parser p = {text, text, err};
    item_list list;
    tsr_index index;
    if (rank < 0 || rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "rank %d is not between 0 and %d", rank,
                             TSR_RANK_MAX);
    TSRI_TRY(take_list(&p, rank, &list));
    tsr_index_all(&index, rank, shape);
    int skipped = list.ellipsis >= 0 ? rank - list.count : 0;
    for (int i = 0; i < list.count; i++) {
        int axis = i >= list.ellipsis ? i + skipped : i;
        TSRI_TRY(resolve_item(&p, &list.items[i], axis, shape[axis], &index.axes[axis]));
    }
    *ret_index = index;
    return 0;
}

int tsr_index_parse_axis(tsr_index *index, int axis, const char *text, int64_t length,
                         tsr_error *err)
{
    parser p = {text, text, err};
    selection_item item;
    if (axis < 0 || axis >= index->rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "axis %d does not exist in a selection of rank %d", axis, index->rank);
    skip_space(&p);
    TSRI_TRY(take_item(&p, &item));
    if (*p.next != '\0')
        return fail(&p, p.next, "expected the end of the selection of one axis");
    return resolve_item(&p, &item, axis, length, &index->axes[axis]);
}
