/* tessera ls PLACE: the names of what is there. */
#include <string.h>

#include "describe.h"
#include "location.h"
#include "memory.h"
#include "show.h"

typedef struct cli_listing {
    cli_invocation *invocation;
    bool as_json, as_long;
    cli_document document;
    cli_show_table table;
    int problems;
} cli_listing;

static int add_long_row(cli_listing *listing, const char *name, tsr_array *array)
{
    char shape[SHOW_SHAPE_MAX], sizes[DESCRIBE_SIZES_MAX];
    cli_stored_size stored;

    if (!array) {
        show_table_cell(&listing->table, "%s/", name);
        show_table_cell(&listing->table, "group");
        show_table_cell(&listing->table, "%s", "");
        show_table_cell(&listing->table, "%s", "");
        return 0;
    }
    CLI_TRY(
        describe_stored(listing->invocation->context, array, &stored, &listing->invocation->error));
    show_table_cell(&listing->table, "%s", name);
    show_table_cell(&listing->table, "%s", tsr_array_dtype(array)->name);
    show_table_cell(&listing->table, "%s",
                    show_shape(shape, tsr_array_rank(array), tsr_array_shape(array)));
    show_table_cell(&listing->table, "%s", describe_sizes(array, &stored, sizes));
    return 0;
}

static int add_json_row(cli_listing *listing, const char *name, tsr_array *array, tsr_group *group)
{
    cli_document *document = &listing->document;
    struct json_object *row = document_add_object(document, document->root, NULL);
    cli_stored_size stored;

    document_add_text(document, row, "name", name);
    if (group)
        return describe_group(document, row, group, false, &listing->invocation->error);
    CLI_TRY(
        describe_stored(listing->invocation->context, array, &stored, &listing->invocation->error));
    return describe_array(document, row, array, &stored, false, &listing->invocation->error);
}

static int add_node(cli_listing *listing, const char *name, tsr_array *array, tsr_group *group)
{
    char *safe;
    int status = 0;

    if (listing->as_json)
        return add_json_row(listing, name, array, group);
    safe = show_safe_copy(name);
    if (!safe)
        return tsr_error_set(&listing->invocation->error, TSR_NO_MEMORY, "out of memory");
    if (listing->as_long)
        status = add_long_row(listing, safe, array);
    else
        printf("%s%s\n", safe, group ? "/" : "");
    memory_free(safe);
    return status;
}

/* A child that cannot be read is named on standard error, and the others are listed. */
static void complain(cli_listing *listing, const char *name, const char *problem)
{
    fflush(stdout);
    fputs("tessera: ", stderr);
    show_safe_text(stderr, name);
    fputs(": ", stderr);
    show_safe_text(stderr, problem);
    fputc('\n', stderr);
    listing->problems++;
}

static int add_child(cli_listing *listing, tsr_group *group, const cli_child *child)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(tsr_group) *inner = NULL;
    bool detailed = listing->as_json || listing->as_long;
    tsr_error error = TSR_ERROR_INIT;
    int status = 0;

    if (child->kind == TSR_NODE_NONE) {
        complain(listing, child->name, child->problem ? child->problem : "cannot be read");
        return 0;
    }
    if (!detailed) {
        show_safe_text(stdout, child->name);
        puts(child->kind == TSR_NODE_GROUP ? "/" : "");
        return 0;
    }
    if (child->kind == TSR_NODE_ARRAY)
        status = tsr_group_open_array(group, child->name, &array, &error);
    else
        status = tsr_group_open_group(group, child->name, &inner, &error);
    if (status == TSR_NO_MEMORY || status == TSR_CANCELLED) {
        listing->invocation->error = error;
        return status;
    }
    if (status < 0) {
        complain(listing, child->name, error.message);
        return 0;
    }
    return add_node(listing, child->name, array, inner);
}

static int list_node(cli_listing *listing, const cli_location_node *node, const char *place)
{
    cli_child_list list;
    int status = 0;

    if (node->array)
        return add_node(listing, location_base_name(place), node->array, NULL);
    CLI_TRY(child_list_read(node->group, &list, &listing->invocation->error));
    for (size_t i = 0; status >= 0 && i < list.count; i++)
        status = add_child(listing, node->group, &list.children[i]);
    child_list_clear(&list);
    return status;
}

/* ---- patterns ---- */

/* Splits "x.zarr/a*" in front of the first part that is a pattern; *ret_base stays NULL when there
 * is none, or when something lies at the place as it is written. */
static int split_pattern(cli_invocation *invocation, const char *place, char **ret_base,
                         const char **ret_pattern)
{
    size_t magic = strcspn(place, "*?["), start = magic;
    tsr_node_kind kind = TSR_NODE_NONE;
    tsr_context *context;

    *ret_base = NULL;
    while (start > 0 && place[start - 1] != '/')
        start--;
    if (place[magic] == '\0' || start == 0)
        return 0;
    CLI_TRY(invocation_context(invocation, &context));
    if (tsr_place_probe(context, place, NULL, &kind, NULL) >= 0 && kind != TSR_NODE_NONE)
        return 0;
    *ret_base = memory_text(place);
    if (!*ret_base)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    (*ret_base)[start - 1] = '\0';
    *ret_pattern = place + start;
    return 0;
}

typedef struct cli_matching {
    cli_listing *listing;
    tsr_group *group;
    int matches;
} cli_matching;

static int count_link(cli_matching *matching, const char *path)
{
    cli_invocation *invocation = matching->listing->invocation;
    char *place = location_join(tsr_group_place(matching->group), path);
    int status;

    if (!place)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    status = describe_count_link(invocation, place);
    memory_free(place);
    return status;
}

static int add_match(void *user, const char *path, tsr_node_kind kind, const tsr_error *error)
{
    cli_matching *matching = user;
    cli_child child = {.name = (char *)path, .kind = kind, .problem = NULL};

    matching->matches++;
    if (error && error->status == TSR_NO_MEMORY)
        return TSR_NO_MEMORY;
    if (kind == TSR_NODE_GROUP)
        CLI_TRY(count_link(matching, path));
    if (error)
        child.problem = (char *)error->message;
    return add_child(matching->listing, matching->group, &child);
}

static int list_matches(cli_listing *listing, const char *base, const char *pattern)
{
    cli_invocation *invocation = listing->invocation;
    tsr_auto(tsr_group) *group = NULL;
    tsr_walk_options options;

    CLI_TRY(tsr_group_open(invocation->context, base, NULL, &group, &invocation->error));
    tsr_walk_options_init(&options);
    options.pattern = pattern;
    cli_matching matching = {listing, group, 0};
    CLI_TRY(tsr_group_walk(group, &options, add_match, &matching, &invocation->error));
    if (matching.matches > 0)
        return 0;
    tsr_error_set(&invocation->error, TSR_NOT_FOUND, "nothing in %s matches %s", base, pattern);
    return TSR_NOT_FOUND;
}

static int list_place(cli_listing *listing, const char *place)
{
    tsr_auto(cli_location_node) node = {NULL, NULL};
    const char *pattern;
    char *base;

    CLI_TRY(split_pattern(listing->invocation, place, &base, &pattern));
    if (base) {
        int status = list_matches(listing, base, pattern);
        memory_free(base);
        return status;
    }
    CLI_TRY(location_open_node(listing->invocation, place, &node));
    return list_node(listing, &node, place);
}

static int finish(cli_listing *listing)
{
    cli_invocation *invocation = listing->invocation;

    if (listing->as_json)
        CLI_TRY(document_print(&listing->document, stdout, &invocation->error));
    else
        CLI_TRY(show_table_print(&listing->table, stdout, &invocation->error));
    if (listing->problems > 0) {
        tsr_error_set(&invocation->error, TSR_PARTIAL, "%d of the children cannot be read",
                      listing->problems);
        tsr_error_set_next_step(&invocation->error,
                                "`tessera check %s` says what is wrong with them",
                                invocation->operands[0]);
        return TSR_PARTIAL;
    }
    return 0;
}

static int run(cli_invocation *invocation)
{
    cli_listing listing = {invocation,
                           invocation_has(invocation, OPTION_JSON),
                           invocation_has(invocation, OPTION_LONG),
                           {0},
                           {0},
                           0};
    int status;

    document_init_list(&listing.document);
    show_table_init(&listing.table, 4);
    status = list_place(&listing, invocation->operands[0]);
    if (status >= 0)
        status = finish(&listing);
    document_clear(&listing.document);
    show_table_clear(&listing.table);
    return status;
}

extern const cli_command command_ls;
const cli_command command_ls = {
    .name = "ls",
    .summary = "list the arrays and groups in a group",
    .description =
        "Names one a line; those of groups end in a slash. The last parts of PLACE may be a pattern, in quotes "
        "so that the shell leaves it alone: * and ? and [a-z] within a name, ** for any number of groups.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES({"ls relief.zarr", "The names of its children"},
                     {"ls -l relief.zarr", "With types, shapes and sizes"},
                     {"ls 'relief.zarr/**/R*'", "Whatever begins with R, at any depth"},
                     {"ls --json ocean.nc", "For programs; a netCDF file is a group too"}),
    COMMAND_OPTIONS(OPTION_LONG, OPTION_JSON),
    .run = run,
};
