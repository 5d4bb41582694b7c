#include "cat_where.h"

#include <string.h>

#include "memory.h"
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

/* ---- one element --------------------------------------------------------------------------------
 */

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

/* ---- all of them --------------------------------------------------------------------------------
 */

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
    bool json = strcmp(self->format, "json") == 0;
    int status;

    if (strcmp(self->format, "csv") == 0)
        print_header(self->selected->array);
    fputs(json ? "[" : "", stdout);
    status = stream_read(invocation->context, self->selected, max_bytes, NULL, take_block, self,
                         &invocation->error);
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
