/* tessera info PLACE: everything about an array or a group. */
#include <string.h>

#include <tessera/statistics.h>

#include "codec_text.h"
#include "describe.h"
#include "location.h"
#include "memory.h"
#include "network.h"
#include "scalar.h"
#include "show.h"

enum { LABEL_WIDTH = 13 };

static void print_label(const char *label)
{
    printf("%-*s", LABEL_WIDTH, label);
}

static void print_line(const char *label, const char *text)
{
    print_label(label);
    show_safe_text(stdout, text);
    putchar('\n');
}

/* How many chunks of one level there are: "8 x 16 = 128". */
static void print_grid(const tsr_array *array, int level)
{
    const int64_t *shape = tsr_array_shape(array);
    const int64_t *lengths = tsr_array_inner_chunk_shape(array, level);
    int64_t total = 1;
    bool huge = false;

    for (int i = 0; i < tsr_array_rank(array); i++) {
        int64_t count = level == 0 ? tsr_array_chunk_count(array, i)
                                   : shape[i] / lengths[i] + (shape[i] % lengths[i] != 0);
        printf("%s%lld", i ? " x " : "", (long long)count);
        huge |= __builtin_mul_overflow(total, count, &total);
    }
    if (tsr_array_rank(array) == 0)
        fputs("1", stdout);
    else if (tsr_array_rank(array) > 1 && !huge)
        printf(" = %lld", (long long)total);
}

static int64_t chunk_bytes(const tsr_array *array, const int64_t *lengths)
{
    int64_t size = (int64_t)tsr_array_dtype(array)->size_bytes;

    for (int i = 0; i < tsr_array_rank(array); i++)
        if (__builtin_mul_overflow(size, lengths[i], &size))
            return INT64_MAX;
    return size;
}

/* The lengths of chunks that do not all have one shape, cut where there are many. */
static int print_edges(const tsr_array *array, tsr_error *err)
{
    enum { SHOWN = 200 };
    char *edges;

    CLI_TRY(tsr_array_chunk_edges(array, &edges, err));
    print_label("edges");
    printf("%.*s%s\n", SHOWN, edges, strlen(edges) > SHOWN ? " ... (--json shows all)" : "");
    tsr_free(edges);
    return 0;
}

static int print_level(const char *label, const tsr_array *array, int level, tsr_error *err)
{
    char text[SHOW_SHAPE_MAX], size[SHOW_SIZE_MAX];
    const int64_t *lengths = tsr_array_inner_chunk_shape(array, level);
    bool same = level > 0 || tsr_array_is_regular(array);

    print_label(label);
    printf("%s%s  %s%s each, grid ", same ? "" : "up to ",
           show_shape(text, tsr_array_rank(array), lengths), same ? "" : "up to ",
           show_size(size, chunk_bytes(array, lengths)));
    print_grid(array, level);
    putchar('\n');
    return same ? 0 : print_edges(array, err);
}

static int print_levels(const tsr_array *array, tsr_error *err)
{
    int levels = tsr_array_shard_levels(array);

    if (!location_is_zarr(tsr_array_driver(array)))
        return 0;
    for (int level = 0; level < levels; level++)
        CLI_TRY(print_level(level ? "  inner" : "shards", array, level, err));
    return print_level("chunks", array, levels, err);
}

static void print_dimensions(const tsr_array *array)
{
    bool any = false;

    for (int i = 0; i < tsr_array_rank(array); i++)
        any |= tsr_array_dimension_name(array, i) != NULL;
    if (!any)
        return;
    print_label("dimensions");
    for (int i = 0; i < tsr_array_rank(array); i++) {
        const char *name = tsr_array_dimension_name(array, i);
        fputs(i ? ", " : "", stdout);
        show_safe_text(stdout, name ? name : "-");
    }
    putchar('\n');
}

static void print_sizes(const tsr_array *array, const cli_stored_size *stored)
{
    char text[SHOW_SIZE_MAX];
    int64_t count = describe_count(array), size = describe_decoded_size(array);

    print_label("size");
    fputs(show_size(text, size), stdout);
    if (size != SHOW_TOO_LARGE)
        printf(" (%lld bytes, %lld elements)", (long long)size, (long long)count);
    else if (count != SHOW_TOO_LARGE)
        printf(" (%lld elements)", (long long)count);
    putchar('\n');
    if (!stored->known)
        return;
    print_label("stored");
    printf("%s (%lld bytes) in %lld %s", show_size(text, stored->size_bytes),
           (long long)stored->size_bytes, (long long)stored->objects,
           stored->objects == 1 ? "object" : "objects");
    if (stored->size_bytes > 0 && size != SHOW_TOO_LARGE)
        printf(", %.2f x smaller", (double)size / (double)stored->size_bytes);
    putchar('\n');
}

static int print_codecs(const tsr_array *array, tsr_error *err)
{
    char text[CODEC_TEXT_MAX];

    if (!location_is_zarr(tsr_array_driver(array)))
        return 0;
    CLI_TRY(codec_text(tsr_array_codecs(array), text, err));
    print_line("codecs", text);
    return 0;
}

/* Where they are not what everybody expects: "c/1/2" in Zarr v3, "1.2" in v2. */
static void print_keys(const tsr_array *array)
{
    static const char *const usual[] = {
        "{\"name\":\"default\",\"configuration\":{\"separator\":\"/\"}}",
        "{\"name\":\"v2\",\"configuration\":{\"separator\":\".\"}}"};
    const char *keys = tsr_array_chunk_keys(array);
    bool is_v2 = strcmp(tsr_array_driver(array), "zarr2") == 0;

    if (keys && strcmp(keys, usual[is_v2]) != 0)
        print_line("chunk keys", keys);
}

/* One line each: the names on the left of "=", the values as JSON. */
static int print_attributes(struct json_object *attributes, tsr_error *err)
{
    const char *label = "attributes";

    json_object_object_foreach(attributes, name, value)
    {
        char *text;
        CLI_TRY(tsr_json_text(value, 0, &text, err));
        print_label(label);
        show_safe_text(stdout, name);
        fputs(" = ", stdout);
        show_safe_text(stdout, text);
        putchar('\n');
        tsr_free(text);
        label = "";
    }
    return 0;
}

/* Only where there is something to say. */
static int print_network(cli_invocation *invocation, const char *place, const char *driver)
{
    const char *name;

    CLI_TRY(network_name(invocation, place, driver, &name));
    if (name) {
        print_label("network");
        printf("%s: %s\n", name, NETWORK_CAUTION);
    }
    return 0;
}

static int print_array(cli_invocation *invocation, tsr_array *array)
{
    char shape[SHOW_SHAPE_MAX];
    struct json_object *attributes;
    cli_stored_size stored;
    char *text;
    bool keeps;
    int status;

    print_line("place", tsr_array_place(array));
    print_line("driver", tsr_array_driver(array));
    CLI_TRY(print_network(invocation, tsr_array_place(array), tsr_array_driver(array)));
    print_line("shape", show_shape(shape, tsr_array_rank(array), tsr_array_shape(array)));
    print_dimensions(array);
    print_line("type", tsr_array_dtype(array)->name);
    text = tsr_array_fill_is_undefined(array)
               ? memory_text("null")
               : scalar_text(tsr_array_dtype(array), tsr_array_fill_value(array));
    if (!text)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    print_line("fill value", text);
    memory_free(text);
    CLI_TRY(print_levels(array, &invocation->error));
    CLI_TRY(print_codecs(array, &invocation->error));
    print_keys(array);
    if (tsr_array_parity(array))
        print_line("parity", tsr_array_parity(array));
    CLI_TRY(location_keeps_statistics(array, &keeps, &invocation->error));
    if (keeps)
        print_line("statistics", "kept");
    CLI_TRY(describe_stored(invocation->context, array, &stored, &invocation->error));
    print_sizes(array, &stored);
    CLI_TRY(describe_array_attributes(array, &attributes, &invocation->error));
    status = print_attributes(attributes, &invocation->error);
    json_object_put(attributes);
    return status;
}

static int print_group(cli_invocation *invocation, tsr_group *group)
{
    cli_child_list list;
    struct json_object *attributes;
    int64_t arrays = 0, groups = 0;
    int status;

    CLI_TRY(child_list_read(group, &list, &invocation->error));
    for (size_t i = 0; i < list.count; i++) {
        arrays += list.children[i].kind == TSR_NODE_ARRAY;
        groups += list.children[i].kind == TSR_NODE_GROUP;
    }
    child_list_clear(&list);
    print_line("place", tsr_group_place(group));
    print_line("driver", tsr_group_driver(group));
    CLI_TRY(print_network(invocation, tsr_group_place(group), tsr_group_driver(group)));
    print_label("children");
    printf("%lld %s, %lld %s\n", (long long)arrays, arrays == 1 ? "array" : "arrays",
           (long long)groups, groups == 1 ? "group" : "groups");
    CLI_TRY(describe_group_attributes(group, &attributes, &invocation->error));
    status = print_attributes(attributes, &invocation->error);
    json_object_put(attributes);
    return status;
}

static int describe_all(cli_invocation *invocation, cli_document *document, tsr_array *array)
{
    cli_stored_size stored;

    CLI_TRY(describe_stored(invocation->context, array, &stored, &invocation->error));
    return describe_array(document, document->root, array, &stored, true, &invocation->error);
}

static int print_json(cli_invocation *invocation, const cli_location_node *node)
{
    const char *place = node->array ? tsr_array_place(node->array) : tsr_group_place(node->group),
               *driver =
                   node->array ? tsr_array_driver(node->array) : tsr_group_driver(node->group),
               *network;
    cli_document document;
    int status;

    CLI_TRY(network_name(invocation, place, driver, &network));
    document_init(&document);
    document_add_text(&document, document.root, "place", place);
    document_add_text(&document, document.root, "network", network);
    if (node->array)
        status = describe_all(invocation, &document, node->array);
    else
        status = describe_group(&document, document.root, node->group, true, &invocation->error);
    if (status >= 0)
        status = document_print(&document, stdout, &invocation->error);
    document_clear(&document);
    return status;
}

static int run(cli_invocation *invocation)
{
    tsr_auto(cli_location_node) node = {NULL, NULL};

    CLI_TRY(location_open_node(invocation, invocation->operands[0], &node));
    if (invocation_has(invocation, OPTION_JSON))
        return print_json(invocation, &node);
    return node.array ? print_array(invocation, node.array) : print_group(invocation, node.group);
}

extern const cli_command command_info;
const cli_command command_info = {
    .name = "info",
    .summary = "say everything about an array or a group",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES({"info relief.zarr/ROSE", "Shape, type, chunks, codecs, sizes, attributes"},
                     {"info --json relief.zarr/ROSE", "The same for programs, with exact numbers"},
                     {"info ocean.nc/TEMP", "A variable of a netCDF file as it lies there"}),
    COMMAND_OPTIONS(OPTION_JSON),
    .run = run,
};
