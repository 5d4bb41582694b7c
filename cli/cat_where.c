#include "cat_where.h"

#include <math.h>
#include <string.h>

#include "memory.h"
#include "moments.h"
#include "progress.h"
#include "show.h"
#include "signals.h"
#include "sparse.h"
#include "stream.h"
#include "where.h"

typedef struct cli_finder {
    const cli_selected_array *selected;
    const char *format;
    cli_where where;
    bool hits[WHERE_PIECE];
    int64_t seen, found; /* elements */
    char text[128];      /* of one number */
} cli_finder;

/* ---- one element ---- */

/* Where element n of the selection, in C order, lies in the array. */
static void find_element(const cli_selected_array *selected, int64_t n, int64_t *ret_element)
{
    int64_t position[TSR_RANK_MAX];

    for (int axis = selected->rank; axis-- > 0;) {
        position[axis] = n % selected->shape[axis];
        n /= selected->shape[axis];
    }
    tsr_index_locate(&selected->index, position, ret_element);
}

static void print_numbers(const int64_t *numbers, int count, const char *between)
{
    for (int i = 0; i < count; i++)
        printf("%s%lld", i ? between : "", (long long)numbers[i]);
}

/* The text of a number without the quotes that JSON wants around NaN and infinities. */
static const char *bare(char *text)
{
    size_t length = strlen(text);

    if (text[0] != '"')
        return text;
    text[length - 1] = '\0';
    return text + 1;
}

static int print_element(cli_finder *self, int64_t n, const void *element, tsr_error *err)
{
    int64_t at[TSR_RANK_MAX];
    int rank = tsr_array_rank(self->selected->array);

    if (tsr_dtype_format_element(self->where.dtype, element, self->text, sizeof self->text) < 0)
        return tsr_error_set(err, TSR_INTERNAL, "an element cannot be printed");
    find_element(self->selected, n, at);
    if (strcmp(self->format, "json") == 0) {
        fputs(self->found ? ",\n{\"index\": [" : "{\"index\": [", stdout);
        print_numbers(at, rank, ", ");
        printf("], \"value\": %s}", self->text);
    } else if (strcmp(self->format, "csv") == 0) {
        print_numbers(at, rank, ",");
        printf("%s%s\n", rank ? "," : "", bare(self->text));
    } else {
        putchar('[');
        print_numbers(at, rank, ", ");
        printf("] %s\n", bare(self->text));
    }
    self->found++;
    return 0;
}

/* ---- all of them ---- */

static int take_block(void *user, const cli_block_walk *walk, const tsr_view *block, tsr_error *err)
{
    cli_finder *self = user;
    size_t size = self->where.dtype->size_bytes;

    for (int64_t done = 0, n; done < walk->elements; done += n) {
        const char *elements = (const char *)block->data + (size_t)done * size;
        n = walk->elements - done < WHERE_PIECE ? walk->elements - done : WHERE_PIECE;
        if (signals_interrupted())
            return tsr_error_set(err, TSR_CANCELLED, "interrupted");
        where_test(&self->where, elements, n, self->hits);
        for (int64_t i = 0; i < n; i++)
            if (self->hits[i])
                CLI_TRY(print_element(self, self->seen + i, elements + (size_t)i * size, err));
        self->seen += n;
        if (ferror(stdout))
            return show_check(err);
    }
    return 0;
}

/* ---- what need not be read ---- */

/* A block that is put together: chunks in which the condition may hold are read, the others get an
 * element for which it does not. */
typedef struct cli_gathering {
    cli_finder *finder;
    const tsr_index *part; /* of the array: a box */
    const tsr_view *block;
    tsr_read_request *requests;
    tsr_index *indexes;
    tsr_view *views;
    size_t count, capacity;
} cli_gathering;

static void gathering_clear(cli_gathering *self)
{
    memory_free(self->requests);
    memory_free(self->indexes);
    memory_free(self->views);
}

static int make_room(cli_gathering *self)
{
    size_t capacity = self->capacity ? 2 * self->capacity : 16;
    tsr_index *indexes;
    tsr_view *views;

    if (self->count < self->capacity)
        return 0;
    indexes = memory_resized(self->indexes, capacity * sizeof *indexes);
    self->indexes = indexes ? indexes : self->indexes;
    views = memory_resized(self->views, capacity * sizeof *views);
    self->views = views ? views : self->views;
    self->capacity = indexes && views ? capacity : self->capacity;
    return indexes && views ? 0 : TSR_NO_MEMORY;
}

/* The part of a chunk that lies in the block: as a selection of the array, and as a view. */
static int cut_chunk(const cli_gathering *self, const tsr_chunk_statistics *chunk,
                     tsr_index *ret_index, tsr_view *ret_view)
{
    int along = 0;

    *ret_index = *self->part;
    *ret_view = *self->block;
    for (int axis = 0; axis < self->part->rank; axis++) {
        const tsr_index_axis *box = &self->part->axes[axis];
        int64_t low = chunk->start[axis], high = low + chunk->shape[axis];
        if (box->kind == TSR_INDEX_POSITION)
            continue;
        low = low > box->start ? low : box->start;
        high = high < box->start + box->count ? high : box->start + box->count;
        ret_index->axes[axis].start = low;
        ret_index->axes[axis].count = high - low;
        CLI_TRY(tsr_view_slice(ret_view, along++, low - box->start, high - low, 1, NULL));
    }
    return 0;
}

/* One of its elements. */
static void any_element(const tsr_statistics *statistics, const tsr_dtype *dtype,
                        const void *fill_value, char ret_element[16])
{
    cli_extreme value = {.as_double = NAN};

    if (statistics->valid_count > 0)
        value.as_unsigned = statistics->least.as_unsigned; /* whichever it is */
    if (statistics->valid_count > 0 || statistics->fill_count == 0)
        moments_extreme_element(&value, dtype, ret_element);
    else
        memcpy(ret_element, fill_value, dtype->size_bytes);
}

static int gather_chunk(void *user, const tsr_chunk_statistics *chunk)
{
    cli_gathering *self = user;
    const void *fill_value = tsr_array_fill_value(self->finder->selected->array);
    char element[16];

    CLI_TRY(make_room(self));
    CLI_TRY(cut_chunk(self, chunk, &self->indexes[self->count], &self->views[self->count]));
    if (chunk->known && !where_may_hit(&self->finder->where, &chunk->statistics, fill_value)) {
        any_element(&chunk->statistics, self->finder->where.dtype, fill_value, element);
        tsr_view_fill(&self->views[self->count], element);
    } else {
        self->count++;
    }
    return 0;
}

static int read_gathered(tsr_context *context, cli_gathering *self, const tsr_call *call,
                         tsr_error *err)
{
    self->requests = memory_zeroed(self->count, sizeof *self->requests);
    if (!self->requests)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < self->count; i++)
        self->requests[i] = (tsr_read_request){self->finder->selected->array, &self->indexes[i],
                                               &self->views[i], TSR_CASTING_NO};
    return tsr_read_many(context, self->requests, self->count, call, err);
}

/* Asks what is known of the chunks of a block, reads the others, and tests what was read. */
static int take_known_block(tsr_context *context, cli_finder *self, const cli_block_walk *walk,
                            void *buffer, tsr_error *err)
{
    const cli_selected_array *selected = self->selected;
    int64_t start[TSR_RANK_MAX], shape[TSR_RANK_MAX];
    tsr_index part;
    tsr_view block;
    tsr_call call;
    cli_gathering gathering = {.finder = self, .part = &part, .block = &block};

    progress_call(NULL, &call);
    CLI_TRY(block_walk_index(walk, &selected->index, &part, err));
    CLI_TRY(tsr_view_init(&block, self->where.dtype, walk->rank, walk->count, buffer, err));
    for (int axis = 0; axis < part.rank; axis++) {
        start[axis] = part.axes[axis].start;
        shape[axis] = part.axes[axis].kind == TSR_INDEX_POSITION ? 1 : part.axes[axis].count;
    }
    int status = tsr_array_walk_statistics(selected->array, start, shape, gather_chunk, &gathering,
                                           &call, err);
    if (status == TSR_NO_MEMORY && err->status == 0)
        tsr_error_set(err, status, "out of memory");
    if (status >= 0 && gathering.count > 0) {
        status = read_gathered(context, &gathering, &call, err);
        if (status >= 0)
            status = take_block(self, walk, &block, err);
    } else {
        self->seen += walk->elements;
    }
    gathering_clear(&gathering);
    return status;
}

/* Whether what is selected is a box of an array that keeps statistics. */
static int find_known(const cli_selected_array *selected, bool *ret_known, tsr_error *err)
{
    *ret_known = false;
    if (selected->index.layout)
        return 0;
    for (int axis = 0; axis < selected->index.rank; axis++)
        if (selected->index.axes[axis].kind == TSR_INDEX_RANGE &&
            selected->index.axes[axis].step != 1)
            return 0;
    return location_keeps_statistics(selected->array, ret_known, err);
}

static int read_known(tsr_context *context, cli_finder *self, int64_t max_bytes, tsr_error *err)
{
    cli_block_walk walk;
    void *buffer;
    int status = 0;

    block_walk_in_order(&walk, self->selected->array, &self->selected->index, false, max_bytes);
    buffer = memory_bytes((size_t)block_walk_largest(&walk) * self->where.dtype->size_bytes + 1);
    if (!buffer)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for a block of elements");
    while (status >= 0 && block_walk_next(&walk))
        status = take_known_block(context, self, &walk, buffer, err);
    memory_free(buffer);
    return status;
}

/* The names of the columns, as spreadsheets and data frames want them. */
static void print_header(const tsr_array *array)
{
    for (int axis = 0; axis < tsr_array_rank(array); axis++) {
        const char *name = tsr_array_dimension_name(array, axis);
        if (name && !strpbrk(name, ",\"\r\n"))
            show_safe_text(stdout, name);
        else
            printf("axis%d", axis);
        putchar(',');
    }
    puts("value");
}

static int run_finder(cli_invocation *invocation, cli_finder *self, int64_t max_bytes)
{
    bool json = strcmp(self->format, "json") == 0, known;
    int status;

    CLI_TRY(find_known(self->selected, &known, &invocation->error));
    if (strcmp(self->format, "csv") == 0)
        print_header(self->selected->array);
    fputs(json ? "[" : "", stdout);
    status = known ? read_known(invocation->context, self, max_bytes, &invocation->error)
                   : stream_read(invocation->context, self->selected, max_bytes, NULL, take_block,
                                 self, &invocation->error);
    if (status >= 0 && json)
        puts("]");
    return status;
}

int cat_where(cli_invocation *invocation, const cli_selected_array *selected, const char *condition,
              const char *format, int64_t max_bytes)
{
    cli_finder *self;
    int status;

    if (strcmp(format, "npy") == 0 || strcmp(format, "raw") == 0)
        return invocation_misuse(invocation, "--where prints positions beside the elements: as "
                                             "text, csv or json");
    if (selected->whole && sparse_is_huge(selected->array)) {
        tsr_error_set(&invocation->error, TSR_LIMIT,
                      "%s: so many chunks cannot be looked at one by one",
                      tsr_array_place(selected->array));
        tsr_error_set_next_step(&invocation->error, "choose a part with --select");
        return TSR_LIMIT;
    }
    self = memory_zeroed(1, sizeof *self);
    if (!self)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    self->selected = selected;
    self->format = format;
    status =
        where_parse(&self->where, tsr_array_dtype(selected->array), condition, &invocation->error);
    if (status >= 0)
        status = run_finder(invocation, self, max_bytes);
    memory_free(self);
    return status;
}
