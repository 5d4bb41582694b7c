/* The text form of selections. Grammar:
 *
 *     selection = [ item *( "," item ) [ "," ] ]
 *     item      = "..." | "None" | [ label "=" ] one
 *     one       = number | [ number ] ":" [ number ] [ ":" [ number ] ] | list | "@" name
 *     list      = "[" [ number *( "," number ) | truth *( "," truth ) ] [ "," ] "]"
 *     truth     = "True" | "true" | "False" | "false"
 *     number    = [ "-" | "+" ] digits
 *
 * with spaces allowed between all of these. A label is a dimension name or the number of an axis; a
 * name ends at a comma or the end. */
#include <tessera/index.h>

#include "base/base.h"
#include "base/checked.h"
#include "tensor/index_map.h"

/* As many axes of the result as there can be, and an ellipsis. */
#define TERMS_MAX (2 * TSR_RANK_MAX + 1)

typedef struct parser {
    const char *text; /* the whole selection, for positions */
    const char *next; /* what comes now */
    int rank;
    const tsr_index_parse_options *options;
    tsr_error *err;
    int covered;  /* axes that the items so far take */
    int labels;   /* items with a label so far */
    size_t count; /* of terms */
    tsr_index_term terms[TERMS_MAX];
    const char *places[TERMS_MAX];
    int axes[TERMS_MAX];       /* that labels name; -1: none */
    tsr_view lists[TERMS_MAX]; /* of LIST terms */
} parser;

/* A number that is written or left out. */
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
        p->err,
        "write positions, ranges and lists as NumPy does: 5, -1, 1000:1003, ::-2, [3, 7], ...");
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

/* ---- lists ---- */

/* The elements of a list that is being read. */
typedef struct element_list {
    int64_t *elements; /* owned */
    size_t count, capacity;
    bool numbers, truths; /* which kinds there are */
} element_list;

static int append(const parser *p, element_list *list, int64_t element)
{
    int64_t *elements =
        tsri_grow_array(list->elements, list->count, &list->capacity, sizeof *elements);
    if (!elements)
        return tsri_error_no_memory(p->err, list->count * sizeof *elements);
    list->elements = elements;
    list->elements[list->count++] = element;
    return 0;
}

static int take_element(parser *p, element_list *list)
{
    const char *place = p->next;
    bound number;

    TSRI_TRY(take_number(p, &number));
    bool set = !number.given && (take(p, "True") || take(p, "true"));
    bool truth = set || (!number.given && (take(p, "False") || take(p, "false")));
    if (!number.given && !truth)
        return fail(p, place, "expected a position, True or False");
    list->numbers |= number.given;
    list->truths |= truth;
    if (list->numbers && list->truths)
        return fail(p, place, "a list has either positions or True and False");
    return append(p, list, truth ? set : number.value);
}

/* Reads what stands between brackets. */
static int take_elements(parser *p, element_list *list)
{
    while (!take(p, "]")) {
        TSRI_TRY(take_element(p, list));
        if (!take(p, ",") && *p->next != ']')
            return fail(p, p->next, "expected \",\" or \"]\"");
    }
    return 0;
}

static int view_of_list(const parser *p, const element_list *list, tsr_view *ret_view)
{
    int64_t count = (int64_t)list->count;

    TSRI_TRY(tsr_view_new(ret_view, list->truths ? TSR_BOOL : TSR_INT64, 1, &count, p->err));
    for (size_t i = 0; i < list->count; i++)
        if (list->truths)
            ret_view->data[i] = (char)list->elements[i];
        else
            memcpy(ret_view->data + i * sizeof(int64_t), &list->elements[i], sizeof(int64_t));
    return 0;
}

static int take_list(parser *p, tsr_view *ret_view)
{
    element_list list = {0};
    int status = take_elements(p, &list);
    if (status == 0)
        status = view_of_list(p, &list, ret_view);
    tsri_free(list.elements);
    return status;
}

/* Has the caller find what "@name" stands for. */
static int take_named(parser *p, tsr_view *ret_view)
{
    const char *place = p->next - 1;
    size_t length = strcspn(p->next, ",");
    while (length > 0 && (p->next[length - 1] == ' ' || p->next[length - 1] == '\t'))
        length--;
    if (!p->options->load)
        return fail(p, place, "lists by name are not understood here");
    if (length == 0)
        return fail(p, p->next, "expected a name");
    tsr_auto(tsri_text) *name = tsri_strndup(p->next, length);
    if (!name)
        return tsri_error_no_memory(p->err, length + 1);
    TSRI_TRY_IN(p->err, p->options->load(p->options->user, name, ret_view, p->err),
                "selection: character %td", place - p->text + 1);
    p->next += length;
    skip_space(p);
    return 0;
}

/* ---- items ---- */

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

static int take_range(parser *p, tsr_index_term *term)
{
    bound stop;
    term->kind = TSR_TERM_RANGE;
    TSRI_TRY(take_number(p, &stop));
    term->stop = stop.value;
    term->to_last = !stop.given;
    return take(p, ":") ? take_step(p, &term->step) : 0;
}

/* Reads one item that takes axes of the array. */
static int take_one(parser *p, tsr_index_term *term, tsr_view *list)
{
    bound start;

    *term = (tsr_index_term){.kind = TSR_TERM_LIST, .step = 1};
    if (take(p, "["))
        return take_list(p, list);
    if (take(p, "@"))
        return take_named(p, list);
    term->kind = TSR_TERM_POSITION;
    TSRI_TRY(take_number(p, &start));
    term->start = start.value;
    term->from_first = !start.given;
    if (take(p, ":"))
        return take_range(p, term);
    return start.given ? 0 : fail(p, p->next, "expected a position, a range, a list or \"...\"");
}

/* The axis that a label names, or -1. */
static int find_label(const parser *p, const char *label, size_t length)
{
    const char *const *names = p->options->dimension_names;
    int number = 0;

    for (int axis = 0; names && axis < p->rank; axis++)
        if (names[axis] && strlen(names[axis]) == length && memcmp(names[axis], label, length) == 0)
            return axis;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(label[i]) || number > p->rank)
            return -1;
        number = number * 10 + (label[i] - '0');
    }
    return length > 0 && number < p->rank ? number : -1;
}

/* Reads "label=" where one stands. */
static int take_label(parser *p, int *ret_axis)
{
    const char *place = p->next;
    size_t length = strcspn(place, "=,[]");

    *ret_axis = -1;
    if (place[length] != '=' || *place == '@')
        return 0;
    p->next = place + length + 1;
    while (length > 0 && (place[length - 1] == ' ' || place[length - 1] == '\t'))
        length--;
    skip_space(p);
    *ret_axis = find_label(p, place, length);
    for (size_t i = 0; i < p->count; i++)
        if (*ret_axis >= 0 && p->axes[i] == *ret_axis)
            return fail(p, place, "this dimension has been named before");
    return *ret_axis >= 0 ? 0 : fail(p, place, "no dimension has this name");
}

/* Counts the axes that an item takes. */
static int cover(parser *p, const char *place, const tsr_index_term *term)
{
    bool mask = term->kind == TSR_TERM_LIST && term->list->dtype->kind == TSR_KIND_BOOL;
    p->covered += mask ? term->list->rank : 1;
    if (p->covered > p->rank)
        return fail(p, place,
                    p->rank == 0 ? "an array without axes has nothing to select from"
                                 : "more items than the array has axes");
    return 0;
}

/* An item that takes no axis. */
static int take_bare(parser *p, tsr_index_term_kind kind)
{
    p->terms[p->count++] = (tsr_index_term){.kind = kind};
    return 0;
}

static int take_item(parser *p)
{
    const char *place = p->next;
    tsr_index_term *term = &p->terms[p->count];
    tsr_view *list = &p->lists[p->count];
    int *axis = &p->axes[p->count];

    if (p->count == TERMS_MAX)
        return fail(p, place, "more items than there can be axes");
    p->places[p->count] = place;
    *axis = -1;
    list->blob = NULL;
    if (take(p, "..."))
        return take_bare(p, TSR_TERM_ELLIPSIS);
    TSRI_TRY(take_label(p, axis));
    if (*axis < 0 && take(p, "None"))
        return take_bare(p, TSR_TERM_NEW_AXIS);
    if (p->covered == p->rank && *p->next != ',')
        return cover(p, place, &(tsr_index_term){.kind = TSR_TERM_POSITION});
    TSRI_TRY(take_one(p, term, list));
    term->list = list;
    p->labels += *axis >= 0;
    p->count++;
    return cover(p, place, term);
}

static int take_items(parser *p)
{
    bool ellipsis = false;

    skip_space(p);
    while (*p->next != '\0') {
        const char *place = p->next;
        TSRI_TRY(take_item(p));
        bool again = p->terms[p->count - 1].kind == TSR_TERM_ELLIPSIS;
        if (again && ellipsis)
            return fail(p, place, "there can be only one \"...\"");
        ellipsis |= again;
        if (!take(p, ",") && *p->next != '\0')
            return fail(p, p->next, "expected \",\" or the end");
    }
    return 0;
}

/* Puts labelled items into the order of the axes, with whole axes between them. */
static int sort_labels(parser *p)
{
    tsr_index_term terms[TSR_RANK_MAX];
    const char *places[TSR_RANK_MAX];

    for (int axis = 0; axis < p->rank; axis++) {
        terms[axis] = (tsr_index_term){
            .kind = TSR_TERM_RANGE, .step = 1, .from_first = true, .to_last = true};
        places[axis] = p->text;
    }
    for (size_t i = 0; i < p->count; i++) {
        const tsr_index_term *term = &p->terms[i];
        if (p->axes[i] < 0)
            return fail(p, p->places[i], "with dimensions by name, each item has one");
        if (term->kind == TSR_TERM_LIST && term->list->dtype->kind == TSR_KIND_BOOL &&
            term->list->rank != 1)
            return fail(p, p->places[i], "a mask of one dimension has one axis");
        terms[p->axes[i]] = *term;
        places[p->axes[i]] = p->places[i];
    }
    p->count = (size_t)p->rank;
    memcpy(p->terms, terms, p->count * sizeof *terms);
    memcpy(p->places, places, p->count * sizeof *places);
    return 0;
}

static int select_terms(parser *p, tsr_index *ret_index, const int64_t *shape)
{
    size_t term;
    int status = tsri_index_select(ret_index, p->rank, shape, p->terms, p->count, p->options->mode,
                                   &term, p->err);
    if (status < 0)
        tsr_error_prepend(p->err, "selection: character %td",
                          (term < p->count ? p->places[term] : p->next) - p->text + 1);
    return status;
}

/* Ends the lists of the items that were read, or begun. */
static void parser_clear(parser *p, size_t begun)
{
    for (size_t i = 0; i < begun; i++)
        tsr_view_clear(&p->lists[i]);
}

void tsr_index_parse_options_init(tsr_index_parse_options *options)
{
    *options = (tsr_index_parse_options){.struct_size = sizeof *options, .mode = TSR_INDEX_NUMPY};
}

int tsr_index_parse_with(tsr_index *ret_index, const char *text, int rank, const int64_t *shape,
                         const tsr_index_parse_options *options, tsr_error *err)
{
    parser p;

    if (rank < 0 || rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "rank %d is not between 0 and %d", rank,
                             TSR_RANK_MAX);
    if (options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_index_parse_options_init has not set up");
    p.text = p.next = text;
    p.rank = rank;
    p.options = options;
    p.err = err;
    p.covered = p.labels = 0;
    p.count = 0;
    int status = take_items(&p);
    size_t lists = p.count;
    if (status == 0 && p.labels > 0)
        status = sort_labels(&p);
    if (status == 0)
        status = select_terms(&p, ret_index, shape);
    parser_clear(&p, lists);
    return status;
}

int tsr_index_parse(tsr_index *ret_index, const char *text, int rank, const int64_t *shape,
                    tsr_error *err)
{
    tsr_index_parse_options options;
    tsr_index_parse_options_init(&options);
    return tsr_index_parse_with(ret_index, text, rank, shape, &options, err);
}

int tsr_index_parse_axis(tsr_index *index, int axis, const char *text, int64_t length,
                         tsr_error *err)
{
    tsr_index_parse_options options;
    parser p = {.text = text, .next = text, .rank = 1, .options = &options, .err = err};
    tsr_index one;

    tsr_index_parse_options_init(&options);
    if (axis < 0 || axis >= index->rank)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "axis %d does not exist in a selection of rank %d", axis, index->rank);
    if (index->layout)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "an axis of a selection with lists is not replaced");
    skip_space(&p);
    if (*p.next == '[' || *p.next == '@')
        return fail(&p, p.next, "expected a position or a range");
    TSRI_TRY(take_one(&p, &p.terms[0], &p.lists[0]));
    if (*p.next != '\0')
        return fail(&p, p.next, "expected the end of the selection of one axis");
    p.places[p.count++] = text + strspn(text, " \t");
    TSRI_TRY(select_terms(&p, &one, &length));
    index->axes[axis] = one.axes[0];
    return 0;
}
