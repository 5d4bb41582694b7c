#include "export_dimensions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "try.h"

enum { NAME_MAX_BYTES = 32 };

/* What an axis is called in the file, as long as netCDF takes its name. */
static const char *axis_name(const tsr_array *array, int axis, char number[NAME_MAX_BYTES])
{
    const char *name = tsr_array_dimension_name(array, axis);

    if (name)
        return name;
    snprintf(number, NAME_MAX_BYTES, "dim_%d", axis);
    return number;
}

/* ---- --unlimited ---- */

static bool has_axis(const tsr_array *array, const char *name)
{
    char number[NAME_MAX_BYTES];

    for (int i = 0; i < tsr_array_rank(array); i++)
        if (strcmp(axis_name(array, i, number), name) == 0)
            return true;
    return false;
}

/* Numbers count from the end where they are negative. */
static bool is_number_of(const char *text, int rank, int axis)
{
    char *end;
    errno = 0;
    long number = strtol(text, &end, 10);

    return end != text && *end == '\0' && errno == 0 &&
           (number < 0 ? number + rank : number) == axis;
}

/* Numbers mean the axes of the one array that is exported: those of a tree are told by names. */
bool export_dimension_is_unlimited(const cli_export_dimensions *self, const tsr_array *array,
                                   int axis)
{
    char number[NAME_MAX_BYTES];
    const char *name = axis_name(array, axis, number);
    int rank = tsr_array_rank(array);

    for (int i = 0; i < self->invocation->given_count; i++) {
        const cli_given_option *given = &self->invocation->given[i];
        if (given->id == OPTION_UNLIMITED &&
            (strcmp(given->value, name) == 0 ||
             (self->of_one_array && is_number_of(given->value, rank, axis))))
            return true;
    }
    return false;
}

static int check_array(cli_invocation *invocation, const tsr_array *array, const char *wanted)
{
    bool found = has_axis(array, wanted);

    for (int i = 0; !found && i < tsr_array_rank(array); i++)
        found = is_number_of(wanted, tsr_array_rank(array), i);
    return found ? 0
                 : invocation_misuse(invocation, "--unlimited: %s has no axis '%s'",
                                     tsr_array_place(array), wanted);
}

typedef struct cli_axis_search {
    tsr_group *group;
    const char *wanted;
    int status;
} cli_axis_search;

/* Arrays that cannot be opened are told of when their turn comes. */
static int look_at_node(void *user, const char *path, tsr_node_kind kind, const tsr_error *error)
{
    cli_axis_search *search = user;
    tsr_auto(tsr_array) *array = NULL;

    (void)error;
    return kind == TSR_NODE_ARRAY && tsr_group_open_array(search->group, path, &array, NULL) >= 0 &&
           has_axis(array, search->wanted);
}

static int check_tree(cli_invocation *invocation, tsr_group *group, const char *wanted)
{
    cli_axis_search search = {.group = group, .wanted = wanted};
    int status = tsr_group_walk(group, NULL, look_at_node, &search, &invocation->error);

    CLI_TRY(status);
    return status > 0 ? 0
                      : invocation_misuse(invocation,
                                          "--unlimited: no array in %s has an axis called '%s'",
                                          tsr_group_place(group), wanted);
}

int export_dimensions_check(cli_invocation *invocation, const cli_location_node *node)
{
    for (int i = 0; i < invocation->given_count; i++)
        if (invocation->given[i].id == OPTION_UNLIMITED)
            CLI_TRY(node->array ? check_array(invocation, node->array, invocation->given[i].value)
                                : check_tree(invocation, node->group, invocation->given[i].value));
    return 0;
}

void export_dimensions_clear(cli_export_dimensions *self)
{
    memory_free(self->made);
    self->made = NULL;
    self->count = self->capacity = 0;
}

#if TESSERA_HAVE_NETCDF

#include <netcdf.h>

/* ---- making them ---- */

static const cli_export_dimension *find_made(const cli_export_dimensions *self, int id)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->made[i].id == id)
            return &self->made[i];
    return NULL;
}

static int make_dimension(cli_export_dimensions *self, int group, const char *name, int64_t length,
                          bool unlimited, int *ret_id)
{
    void *grown = memory_grown(self->made, self->count, &self->capacity, sizeof *self->made);
    int code;

    if (!grown)
        return NC_ENOMEM;
    self->made = grown;
    code = nc_def_dim(group, name, unlimited ? NC_UNLIMITED : (size_t)length, ret_id);
    if (code == NC_NOERR)
        self->made[self->count++] = (cli_export_dimension){group, *ret_id, length};
    return code;
}

/* The dimension of a name and length, of this group or of one above. */
static int find_dimension(cli_export_dimensions *self, int group, const char *name, int64_t length,
                          bool unlimited, int *ret_id)
{
    char longer[NC_MAX_NAME + 1];
    int id;

    snprintf(longer, sizeof longer, "%s", name);
    for (int attempt = 0; attempt < 3; attempt++) {
        if (attempt > 0)
            snprintf(longer, sizeof longer, "%.200s_%lld%s", name, (long long)length,
                     attempt == 1 ? "" : "_axis");
        if (nc_inq_dimid(group, longer, &id) == NC_NOERR) {
            const cli_export_dimension *made = find_made(self, id);
            if (made && made->length == length) {
                *ret_id = id;
                return NC_NOERR;
            }
            /* That of a group above may have another one below it. */
            if (!made || made->group == group)
                continue;
        }
        /* Of a type the file has the name already. */
        if (nc_inq_typeid(group, longer, &id) != NC_NOERR)
            return make_dimension(self, group, longer, length, unlimited, ret_id);
    }
    return NC_ENAMEINUSE;
}

int export_dimensions_find(cli_export_dimensions *self, int group, const tsr_array *array,
                           int64_t characters, int *ret_dimensions)
{
    char number[NAME_MAX_BYTES];
    int code = NC_NOERR, rank = tsr_array_rank(array);

    for (int i = 0; code == NC_NOERR && i < rank; i++) {
        int64_t length = tsr_array_shape(array)[i];
        bool unlimited = export_dimension_is_unlimited(self, array, i);
        code = find_dimension(self, group, axis_name(array, i, number), length, unlimited,
                              &ret_dimensions[i]);
        if (code != NC_EBADNAME)
            continue;
        snprintf(number, sizeof number, "dim_%d", i);
        code = find_dimension(self, group, number, length, unlimited, &ret_dimensions[i]);
    }
    if (code == NC_NOERR && characters > 0) {
        snprintf(number, sizeof number, "string%lld", (long long)characters);
        code = find_dimension(self, group, number, characters, false, &ret_dimensions[rank]);
    }
    return code;
}

#endif
