#include "per_axis.h"

#include <string.h>

#include "memory.h"
#include "quantity.h"

static int refuse(cli_invocation *invocation, cli_option_id id, int rank)
{
    return invocation_misuse(invocation,
                             "--%s: a number, %d numbers with commas between them, or NAME=NUMBER "
                             "for single axes; not '%s'",
                             option_row(id)->name, rank, invocation_text(invocation, id));
}

static int axis_of(int rank, const char *const *names, const char *name)
{
    for (int axis = 0; axis < rank; axis++)
        if (names[axis] && strcmp(names[axis], name) == 0)
            return axis;
    return -1;
}

/* One item: "y=2", or "2" as number `*next` of a list. */
static int read_item(cli_invocation *invocation, cli_option_id id, int rank,
                     const char *const *names, char *item, int *next, double *values)
{
    char *equals = strchr(item, '=');
    int axis = equals ? -1 : (*next)++;

    if (equals) {
        *equals = '\0';
        axis = axis_of(rank, names, item);
        if (axis < 0)
            return invocation_misuse(invocation, "--%s: there is no axis called '%s'",
                                     option_row(id)->name, item);
        item = equals + 1;
    }
    if (axis >= rank || !quantity_parse_double(item, &values[axis]))
        return refuse(invocation, id, rank);
    return 0;
}

int per_axis_read(cli_invocation *invocation, cli_option_id id, int rank, const char *const *names,
                  const bool *applies, double *values)
{
    const char *given = invocation_text(invocation, id);
    char *text, *rest, *item;
    double number;
    int next = 0, status = 0;

    if (!given)
        return 0;
    if (quantity_parse_double(given, &number)) {
        for (int axis = 0; axis < rank; axis++)
            if (applies[axis])
                values[axis] = number;
        return 0;
    }
    text = memory_text(given);
    if (!text)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    rest = text;
    while (status >= 0 && (item = strsep(&rest, ",")) != NULL)
        status = read_item(invocation, id, rank, names, item, &next, values);
    if (status >= 0 && next > 0 && next != rank)
        status = refuse(invocation, id, rank);
    memory_free(text);
    return status;
}
