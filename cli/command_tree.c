/* tessera tree PLACE: a group with everything in it. */
#include <string.h>

#include "codec_text.h"
#include "describe.h"
#include "location.h"
#include "memory.h"
#include "show.h"

enum { ATTRIBUTES_WIDTH = 44 };

typedef struct cli_tree {
    cli_invocation *invocation;
    bool as_json;
    cli_show_style style;
    cli_document document;
    cli_show_table table;
    int64_t depth_max;
    int problems;
} cli_tree;

static void add_cells(cli_tree *tree, const char *name, const char *shape, const char *dtype,
                      const char *layout, const char *codecs, const char *sizes)
{
    show_table_cell(&tree->table, "%s", name);
    show_table_cell(&tree->table, "%s", shape);
    show_table_cell(&tree->table, "%s", dtype);
    show_table_cell(&tree->table, "%s", layout);
    show_table_cell(&tree->table, "%s", codecs);
    show_table_cell(&tree->table, "%s", sizes);
}

static int add_array_row(cli_tree *tree, const char *name, tsr_array *array)
{
    char shape[SHOW_SHAPE_MAX], layout[DESCRIBE_LAYOUT_MAX] = "", codecs[CODEC_TEXT_MAX];
    char sizes[DESCRIBE_SIZES_MAX];
    tsr_error *err = &tree->invocation->error;
    cli_stored_size stored;

    CLI_TRY(describe_stored(tree->invocation->context, array, &stored, err));
    if (location_is_zarr(tsr_array_driver(array))) {
        describe_layout(array, layout);
        CLI_TRY(codec_text(tsr_array_codecs(array), codecs, err));
    } else {
        snprintf(codecs, sizeof codecs, "%s", tsr_array_driver(array));
    }
    show_shape(shape, tsr_array_rank(array), tsr_array_shape(array));
    add_cells(tree, name, shape, tsr_array_dtype(array)->name, layout, codecs,
              describe_sizes(array, &stored, sizes));
    return 0;
}

/* "Conventions, title": the names of the attributes, as many as fit. */
static int list_attributes(tsr_group *group, char *text, size_t capacity, tsr_error *err)
{
    struct json_object *attributes;
    bool full = false;
    size_t used = 0;

    text[0] = '\0';
    CLI_TRY(describe_group_attributes(group, &attributes, err));
    json_object_object_foreach(attributes, name, value)
    {
        (void)value;
        full |= used + strlen(name) + sizeof ", ..." >= capacity;
        if (!full)
            used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? ", " : "", name);
    }
    if (full)
        snprintf(text + used, capacity - used, "%s...", used ? ", " : "");
    json_object_put(attributes);
    return 0;
}

/* A row without sizes, whose text comes from outside. */
static int add_plain_row(cli_tree *tree, const char *name, const char *kind, const char *text)
{
    char *safe = show_safe_copy(text);

    if (!safe)
        return tsr_error_set(&tree->invocation->error, TSR_NO_MEMORY, "out of memory");
    add_cells(tree, name, "", kind, safe, "", "");
    memory_free(safe);
    return 0;
}

static int add_group_row(cli_tree *tree, const char *name, tsr_group *group)
{
    char attributes[ATTRIBUTES_WIDTH + 8];

    CLI_TRY(list_attributes(group, attributes, sizeof attributes, &tree->invocation->error));
    return add_plain_row(tree, name, "group", attributes);
}

static int walk_group(cli_tree *tree, tsr_group *group, const char *prefix, int depth,
                      struct json_object *children);

/* Adds one child to the table: its glyphs, its name, its row, and for a group everything below. */
static int add_text_child(cli_tree *tree, const cli_child *child, tsr_array *array,
                          tsr_group *group, const char *problem, const char *prefix, bool last,
                          int depth)
{
    const char *branch = tree->style.unicode ? (last ? "└── " : "├── ") : (last ? "`-- " : "|-- ");
    const char *below = last ? "    " : tree->style.unicode ? "│   " : "|   ";
    char *safe = show_safe_copy(child->name), *label = NULL, *deeper = NULL;
    int status = 0;

    if (!safe || asprintf(&label, "%s%s%s", prefix, branch, safe) < 0 ||
        asprintf(&deeper, "%s%s", prefix, below) < 0) {
        status = tsr_error_set(&tree->invocation->error, TSR_NO_MEMORY, "out of memory");
    } else if (array) {
        status = add_array_row(tree, label, array);
    } else if (group) {
        status = add_group_row(tree, label, group);
        if (status >= 0)
            status = walk_group(tree, group, deeper, depth + 1, NULL);
    } else {
        status = add_plain_row(tree, label, "damaged", problem);
    }
    memory_free(safe);
    memory_free(label);
    memory_free(deeper);
    return status;
}

static int add_json_child(cli_tree *tree, const cli_child *child, tsr_array *array,
                          tsr_group *group, const char *problem, int depth,
                          struct json_object *children)
{
    cli_document *document = &tree->document;
    struct json_object *row = document_add_object(document, children, NULL);
    cli_stored_size stored;

    document_add_text(document, row, "name", child->name);
    if (array) {
        CLI_TRY(
            describe_stored(tree->invocation->context, array, &stored, &tree->invocation->error));
        return describe_array(document, row, array, &stored, false, &tree->invocation->error);
    }
    if (group) {
        CLI_TRY(describe_group(document, row, group, true, &tree->invocation->error));
        return walk_group(tree, group, "", depth + 1, document_add_list(document, row, "children"));
    }
    document_add_text(document, row, "kind", "damaged");
    document_add_text(document, row, "problem", problem);
    return 0;
}

static int add_child(cli_tree *tree, tsr_group *parent, const cli_child *child, const char *prefix,
                     bool last, int depth, struct json_object *children)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(tsr_group) *group = NULL;
    tsr_error error = TSR_ERROR_INIT;
    const char *problem = child->problem ? child->problem : "cannot be read";
    int status = 0;

    if (child->kind == TSR_NODE_ARRAY)
        status = tsr_group_open_array(parent, child->name, &array, &error);
    else if (child->kind == TSR_NODE_GROUP)
        status = tsr_group_open_group(parent, child->name, &group, &error);
    if (status == TSR_NO_MEMORY || status == TSR_CANCELLED) {
        tree->invocation->error = error;
        return status;
    }
    if (status < 0)
        problem = error.message;
    tree->problems += !array && !group;
    if (tree->as_json)
        return add_json_child(tree, child, array, group, problem, depth, children);
    return add_text_child(tree, child, array, group, problem, prefix, last, depth);
}

static int walk_group(cli_tree *tree, tsr_group *group, const char *prefix, int depth,
                      struct json_object *children)
{
    cli_child_list list;
    int status = 0;

    if (depth >= tree->depth_max)
        return 0;
    CLI_TRY(child_list_descend(tree->invocation, group, depth, &list));
    for (size_t i = 0; status >= 0 && i < list.count; i++)
        status =
            add_child(tree, group, &list.children[i], prefix, i + 1 == list.count, depth, children);
    child_list_clear(&list);
    return status;
}

static int print_json(cli_tree *tree, const cli_location_node *node)
{
    cli_document *document = &tree->document;
    tsr_error *err = &tree->invocation->error;
    cli_stored_size stored;

    document_add_text(document, document->root, "name", "/");
    if (node->array) {
        CLI_TRY(describe_stored(tree->invocation->context, node->array, &stored, err));
        CLI_TRY(describe_array(document, document->root, node->array, &stored, false, err));
    } else {
        CLI_TRY(describe_group(document, document->root, node->group, true, err));
        CLI_TRY(walk_group(tree, node->group, "", 0,
                           document_add_list(document, document->root, "children")));
    }
    return document_print(document, stdout, err);
}

static int print_text(cli_tree *tree, const cli_location_node *node)
{
    if (node->array) {
        CLI_TRY(add_array_row(tree, "/", node->array));
    } else {
        CLI_TRY(add_group_row(tree, "/", node->group));
        CLI_TRY(walk_group(tree, node->group, "", 0, NULL));
    }
    return show_table_print(&tree->table, stdout, &tree->invocation->error);
}

static int run(cli_invocation *invocation)
{
    cli_tree tree = {.invocation = invocation, .as_json = invocation_has(invocation, OPTION_JSON)};
    tsr_auto(cli_location_node) node = {NULL, NULL};
    int status;

    CLI_TRY(location_open_node(invocation, invocation->operands[0], &node));
    tree.depth_max = invocation_number(invocation, OPTION_DEPTH, INT64_MAX);
    show_style_init(&tree.style, stdout, invocation_text(invocation, OPTION_COLOR));
    show_table_init(&tree.table, 6);
    document_init(&tree.document);
    status = tree.as_json ? print_json(&tree, &node) : print_text(&tree, &node);
    document_clear(&tree.document);
    show_table_clear(&tree.table);
    if (status >= 0 && tree.problems > 0) {
        tsr_error_set(&invocation->error, TSR_PARTIAL, "%d nodes cannot be read", tree.problems);
        tsr_error_set_next_step(&invocation->error,
                                "`tessera check %s` says what is wrong with them",
                                invocation->operands[0]);
        return TSR_PARTIAL;
    }
    return status;
}

extern const cli_command command_tree;
const cli_command command_tree = {
    .name = "tree",
    .summary = "show a group with everything in it",
    .description =
        "For arrays: shape, type, chunks, shards and codecs, and the size of the elements "
        "and of what is stored. For groups: the names of their attributes.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES({"tree relief.zarr", "The whole hierarchy"},
                     {"tree -L 1 relief.zarr", "Only the first level"},
                     {"tree --json relief.zarr", "The same for programs"}),
    COMMAND_OPTIONS(OPTION_DEPTH, OPTION_JSON),
    .run = run,
};
