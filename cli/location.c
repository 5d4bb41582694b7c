#include "location.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "memory.h"
#include "signals.h"
#include "suggestion.h"

/* ---- names ---- */

static size_t trimmed_length(const char *place)
{
    size_t length = strlen(place);

    while (length > 1 && place[length - 1] == '/')
        length--;
    return length;
}

char *location_join(const char *parent, const char *child)
{
    size_t length = trimmed_length(parent);
    char *joined;

    if (*parent == '\0')
        return memory_text(child);
    if (asprintf(&joined, "%.*s%s%s", (int)length, parent, parent[length - 1] == '/' ? "" : "/",
                 child) < 0)
        return NULL;
    return joined;
}

const char *location_base_name(const char *place)
{
    const char *slash = memrchr(place, '/', trimmed_length(place));

    return slash && slash[1] ? slash + 1 : place;
}

char *location_parent(const char *place)
{
    const char *slash = memrchr(place, '/', trimmed_length(place));

    if (!slash)
        return memory_text(".");
    return memory_text_part(place, slash == place ? 1 : (size_t)(slash - place));
}

bool location_is_local(const char *place, const char **ret_path)
{
    size_t scheme = strspn(place, "abcdefghijklmnopqrstuvwxyz0123456789+");

    if (strncmp(place, "file:", 5) == 0)
        place += strncmp(place + 5, "//", 2) == 0 ? 7 : 5;
    else if (scheme > 1 && place[scheme] == ':')
        return false;
    *ret_path = place;
    return true;
}

bool location_is_in_file(const char *place)
{
    struct stat status;
    const char *path;
    char *prefix;
    bool found = false;

    if (!location_is_local(place, &path) || !(prefix = memory_text(path)))
        return false;
    for (size_t length = strlen(prefix); length > 0 && !found; length--) {
        prefix[length] = '\0';
        if (stat(prefix, &status) < 0)
            continue;
        found = S_ISREG(status.st_mode);
        break;
    }
    memory_free(prefix);
    return found;
}

bool location_is_zarr(const char *driver)
{
    return strncmp(driver, "zarr", 4) == 0;
}

/* ---- opening ---- */

static int offer_child(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    (void)kind;
    (void)error;
    suggestion_offer(user, name);
    return 0;
}

/* The names in a local folder, files among them. */
static void offer_entries(const char *place, cli_suggestion *nearest)
{
    const char *path;
    struct dirent *entry;
    DIR *folder = location_is_local(place, &path) ? opendir(path) : NULL;

    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.')
            suggestion_offer(nearest, entry->d_name);
    if (folder)
        closedir(folder);
}

/* After NOT_FOUND: looks among the neighbours for a name that was probably meant. */
static void suggest_neighbour(cli_invocation *invocation, const char *place)
{
    tsr_auto(tsr_group) *group = NULL;
    cli_suggestion nearest;
    char *parent = location_parent(place), *wanted = memory_text(location_base_name(place));

    if (parent && wanted) {
        wanted[trimmed_length(wanted)] = '\0';
        suggestion_init(&nearest, wanted);
        if (tsr_group_open(invocation->context, parent, NULL, &group, NULL) >= 0)
            tsr_group_children(group, offer_child, &nearest, NULL);
        else
            offer_entries(parent, &nearest);
        if (nearest.nearest[0])
            snprintf(invocation->error.next_step, sizeof invocation->error.next_step,
                     group ? "did you mean %s/%s? `tessera ls %s` lists what is there"
                           : "did you mean %s/%s?",
                     parent, nearest.nearest, parent);
    }
    memory_free(parent);
    memory_free(wanted);
}

/* Whether a local place leads to nothing at all, not even to a folder or file of something else. */
static bool is_nothing(const char *place)
{
    struct stat status;
    const char *path;

    return location_is_local(place, &path) && !location_is_in_file(place) &&
           stat(path, &status) < 0 && errno == ENOENT;
}

/* A next step for what people get wrong most; the library's own is kept otherwise. */
static int opening_failed(cli_invocation *invocation, const char *place, int status)
{
    tsr_error *err = &invocation->error;

    if (status == TSR_NOT_FOUND && is_nothing(place)) {
        tsr_error_clear(err);
        tsr_error_set(err, status, "%s: there is no such file, array or group", place);
        tsr_error_set_next_step(err, "look with `ls` at what there is");
    }
    if (status == TSR_NOT_FOUND)
        suggest_neighbour(invocation, place);
    else if (status == TSR_TYPE_MISMATCH && !invocation->error.next_step[0])
        tsr_error_set_next_step(&invocation->error, "`tessera tree %s` shows what it is", place);
    return status;
}

static int open_array(cli_invocation *invocation, const char *place, bool writable,
                      tsr_array **ret_array)
{
    tsr_array_open_options options;
    tsr_context *context;
    int status;

    CLI_TRY(invocation_context(invocation, &context));
    tsr_array_open_options_init(&options);
    options.writable = writable;
    status = tsr_array_open(context, place, &options, ret_array, &invocation->error);
    return status < 0 ? opening_failed(invocation, place, status) : 0;
}

int location_open_array(cli_invocation *invocation, const char *operand, bool writable,
                        tsr_array **ret_array)
{
    return open_array(invocation, operand, writable, ret_array);
}

int location_keeps_statistics(tsr_array *array, bool *ret_keeps, tsr_error *err)
{
    int status = tsr_array_keeps_statistics(array, ret_keeps, err);

    if (status != TSR_BAD_METADATA && status != TSR_UNSUPPORTED && status != TSR_LIMIT)
        return status;
    tsr_error_clear(err);
    *ret_keeps = false;
    return 0;
}

static int open_node(cli_invocation *invocation, const char *operand, bool ignore_consolidated,
                     cli_location_node *ret_node)
{
    tsr_array_open_options options;
    tsr_node_kind kind;
    tsr_context *context;
    int status;

    memset(ret_node, 0, sizeof *ret_node);
    tsr_array_open_options_init(&options);
    options.ignore_consolidated = ignore_consolidated;
    options.bare_folders = true;
    CLI_TRY(invocation_context(invocation, &context));
    CLI_TRY(tsr_place_probe(context, operand, NULL, &kind, &invocation->error));
    if (kind == TSR_NODE_ARRAY)
        return open_array(invocation, operand, false, &ret_node->array);
    /* Nothing there: opening says so in the library's own words. */
    status = tsr_group_open(context, operand, &options, &ret_node->group, &invocation->error);
    return status < 0 ? opening_failed(invocation, operand, status) : 0;
}

int location_open_node(cli_invocation *invocation, const char *operand, cli_location_node *ret_node)
{
    return open_node(invocation, operand, false, ret_node);
}

int location_open_node_itself(cli_invocation *invocation, const char *operand,
                              cli_location_node *ret_node)
{
    return open_node(invocation, operand, true, ret_node);
}

void location_node_clear(cli_location_node *node)
{
    if (node->array)
        tsr_array_close(node->array);
    if (node->group)
        tsr_group_close(node->group);
    memset(node, 0, sizeof *node);
}

/* ---- selections ---- */

/* Where the selection of 'place[selection]' begins: the bracket that the last character closes.
 * NULL when there is none. */
static const char *find_glued(const char *operand)
{
    size_t length = strlen(operand);
    int depth = 0;

    if (length < 3 || operand[length - 1] != ']')
        return NULL;
    for (size_t i = length; i-- > 1;) {
        depth += operand[i] == ']';
        depth -= operand[i] == '[';
        if (depth == 0)
            return operand + i;
    }
    return NULL;
}

/* What lies at a place that may not even be one: only running out of memory is a failure here. */
static int probe(cli_invocation *invocation, const char *place, tsr_node_kind *ret_kind)
{
    tsr_error error = TSR_ERROR_INIT;
    tsr_context *context;
    int status;

    *ret_kind = TSR_NODE_NONE;
    CLI_TRY(invocation_context(invocation, &context));
    status = tsr_place_probe(context, place, NULL, ret_kind, &error);
    if (status == TSR_NO_MEMORY)
        invocation->error = error;
    return status == TSR_NO_MEMORY ? status : 0;
}

int location_is_group(cli_invocation *invocation, const char *place, bool *ret_group)
{
    tsr_node_kind kind;

    CLI_TRY(probe(invocation, place, &kind));
    *ret_group = kind == TSR_NODE_GROUP;
    return 0;
}

static int no_such_axis(cli_invocation *invocation, const tsr_array *array, const char *name)
{
    cli_suggestion nearest;
    char known[256] = "";
    size_t used = 0;

    suggestion_init(&nearest, name);
    for (int i = 0; i < tsr_array_rank(array); i++) {
        const char *axis = tsr_array_dimension_name(array, i);
        if (axis)
            suggestion_offer(&nearest, axis);
        if (axis && used < sizeof known)
            used +=
                (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", axis);
    }
    tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT, "%s: there is no dimension '%s'",
                  tsr_array_place(array), name);
    if (nearest.nearest[0])
        tsr_error_set_next_step(&invocation->error, "did you mean %s?", nearest.nearest);
    else if (known[0])
        tsr_error_set_next_step(&invocation->error, "its dimensions are %s", known);
    else
        tsr_error_set_next_step(&invocation->error,
                                "its dimensions have no names; write the number of the axis");
    return TSR_INVALID_ARGUMENT;
}

/* The axis that a name or a number means. */
static int find_axis(cli_invocation *invocation, const tsr_array *array, const char *name)
{
    int axis = tsr_array_axis(array, name);
    char *end;

    if (axis < 0 && *name >= '0' && *name <= '9') {
        long number = strtol(name, &end, 10);
        if (*end == '\0' && number < tsr_array_rank(array))
            axis = (int)number;
    }
    return axis >= 0 ? axis : no_such_axis(invocation, array, name);
}

/* Reads the array of integers or truth values that "@NAME" and --points name. */
static int read_list(cli_invocation *invocation, const char *place, tsr_view *ret_list)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_error *err = &invocation->error;
    int status;

    CLI_TRY(open_array(invocation, place, false, &array));
    CLI_TRY(tsr_view_new(ret_list, tsr_array_dtype(array), tsr_array_rank(array),
                         tsr_array_shape(array), err));
    status = tsr_array_read(array, NULL, NULL, NULL, ret_list->data,
                            (size_t)tsr_view_size(ret_list), NULL, err);
    if (status < 0)
        tsr_view_clear(ret_list);
    return status;
}

static int load_list(void *user, const char *name, tsr_view *ret_list, tsr_error *err)
{
    (void)err; /* which is that of the invocation */
    return read_list(user, name, ret_list);
}

/* Reads a selection as text; `names` are those of the dimensions, or NULL. */
static int apply_text(cli_invocation *invocation, cli_selected_array *selected, const char *text,
                      const char *const *names, tsr_index_mode mode)
{
    tsr_index_parse_options options;

    tsr_index_parse_options_init(&options);
    options.mode = mode;
    options.dimension_names = names;
    options.load = load_list;
    options.user = invocation;
    selected->whole = false;
    return tsr_index_parse_with(&selected->index, text, tsr_array_rank(selected->array),
                                tsr_array_shape(selected->array), &options, &invocation->error);
}

/* The comma behind an item of --isel, or the end: commas between brackets are the item's own. */
static char *end_of_item(char *item)
{
    int depth = 0;

    for (; *item && (*item != ',' || depth > 0); item++)
        depth += (*item == '[') - (*item == ']');
    return item;
}

/* Checks that each item of --isel names a dimension. */
static int check_isel(cli_invocation *invocation, const cli_selected_array *selected, char *list)
{
    for (char *item = list, *end; *item; item = *end ? end + 1 : end) {
        char *equals = strchr(item, '='), held;
        int axis;
        end = end_of_item(item);
        item += strspn(item, " ");
        if (!equals || equals > end)
            return invocation_misuse(invocation, "--isel takes NAME=RANGE, not '%.*s'",
                                     (int)(end - item), item);
        held = *equals;
        *equals = '\0';
        axis = find_axis(invocation, selected->array, item);
        *equals = held;
        CLI_TRY(axis);
    }
    return 0;
}

/* All that --isel says, one after the other. */
static int join_isel(cli_invocation *invocation, char **ret_list)
{
    char *list = memory_text("");

    for (int i = 0; i < invocation->given_count && list; i++) {
        char *longer = NULL;
        if (invocation->given[i].id != OPTION_ISEL)
            continue;
        if (asprintf(&longer, "%s%s%s", list, *list ? "," : "", invocation->given[i].value) < 0)
            longer = NULL;
        memory_free(list);
        list = longer;
    }
    *ret_list = list;
    return list ? 0 : tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
}

static int apply_isel(cli_invocation *invocation, cli_selected_array *selected)
{
    const char *names[TSR_RANK_MAX];
    char *list;
    int status;

    for (int i = 0; i < tsr_array_rank(selected->array); i++)
        names[i] = tsr_array_dimension_name(selected->array, i);
    CLI_TRY(join_isel(invocation, &list));
    status = check_isel(invocation, selected, list);
    if (status >= 0)
        status = apply_text(invocation, selected, list, names, TSR_INDEX_ORTHOGONAL);
    memory_free(list);
    return status;
}

static int apply_points(cli_invocation *invocation, cli_selected_array *selected, const char *place)
{
    tsr_auto(tsr_view) points = {0};

    CLI_TRY(read_list(invocation, place, &points));
    selected->whole = false;
    if (tsr_index_points(&selected->index, tsr_array_rank(selected->array),
                         tsr_array_shape(selected->array), &points, &invocation->error) >= 0)
        return 0;
    return tsr_error_prepend(&invocation->error, "--points %s", place);
}

static int apply_selections(cli_invocation *invocation, cli_selected_array *selected,
                            const char *glued, bool by_options)
{
    const char *select = by_options ? invocation_text(invocation, OPTION_SELECT) : NULL;
    const char *points = by_options ? invocation_text(invocation, OPTION_POINTS) : NULL;
    bool isel = by_options && invocation_has(invocation, OPTION_ISEL);
    bool orthogonal = invocation_has(invocation, OPTION_ORTHOGONAL);

    if ((glued != NULL) + (select != NULL) + (points != NULL) + isel > 1)
        return invocation_misuse(invocation,
                                 "%s: select in one way: place[...], --select, --isel or --points",
                                 invocation->command->name);
    tsr_index_all(&selected->index, tsr_array_rank(selected->array),
                  tsr_array_shape(selected->array));
    selected->whole = true;
    if (glued || select)
        CLI_TRY(apply_text(invocation, selected, glued ? glued : select, NULL,
                           orthogonal ? TSR_INDEX_ORTHOGONAL : TSR_INDEX_NUMPY));
    if (points)
        CLI_TRY(apply_points(invocation, selected, points));
    if (isel)
        CLI_TRY(apply_isel(invocation, selected));
    selected->rank = tsr_index_shape(&selected->index, selected->shape);
    return 0;
}

/* Opens what stands before `glued`, the selection that is glued on, or the whole operand when that
 * is NULL. */
static int open_selected(cli_invocation *invocation, const char *place, const char *glued,
                         bool by_options, bool writable, cli_selected_array *selected)
{
    CLI_TRY(open_array(invocation, place, writable, &selected->array));
    return apply_selections(invocation, selected, glued, by_options);
}

static int open_operand(cli_invocation *invocation, const char *operand, bool by_options,
                        bool writable, cli_selected_array *ret_selected)
{
    cli_selected_array selected = {0};
    const char *bracket = find_glued(operand);
    tsr_node_kind kind = TSR_NODE_NONE;
    char *text, *glued = NULL;
    int status;

    /* A name may itself end in brackets; what exists under the whole name is meant. */
    if (bracket)
        CLI_TRY(probe(invocation, operand, &kind));
    text = memory_text(operand);
    if (!text)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    if (bracket && kind == TSR_NODE_NONE) {
        text[bracket - operand] = '\0';
        text[strlen(operand) - 1] = '\0';
        glued = text + (bracket - operand) + 1;
    }
    status = open_selected(invocation, text, glued, by_options, writable, &selected);
    memory_free(text);
    if (status < 0) {
        selected_array_clear(&selected);
        return status;
    }
    *ret_selected = selected;
    return 0;
}

int location_open_selected(cli_invocation *invocation, const char *operand, bool writable,
                           cli_selected_array *ret_selected)
{
    return open_operand(invocation, operand, true, writable, ret_selected);
}

int location_open_glued(cli_invocation *invocation, const char *operand, bool writable,
                        cli_selected_array *ret_selected)
{
    return open_operand(invocation, operand, false, writable, ret_selected);
}

int selected_array_narrow(cli_selected_array *selected, const tsr_index *by, tsr_error *err)
{
    tsr_index narrowed;

    CLI_TRY(tsr_index_compose(&narrowed, &selected->index, by, err));
    tsr_index_clear(&selected->index);
    selected->index = narrowed;
    selected->rank = tsr_index_shape(&selected->index, selected->shape);
    return 0;
}

void selected_array_clear(cli_selected_array *selected)
{
    tsr_index_clear(&selected->index);
    if (selected->array)
        tsr_array_close(selected->array);
    selected->array = NULL;
}

/* ---- stored size ---- */

typedef struct cli_stored_sum {
    int64_t size_bytes, objects;
} cli_stored_sum;

static int add_entry(void *user, const tsr_store_entry *entry)
{
    static const char *const metadata[] = {"zarr.json", ".zarray", ".zgroup", ".zattrs",
                                           ".zmetadata"};
    cli_stored_sum *sum = user;
    const char *name = location_base_name(entry->name);

    for (size_t i = 0; i < sizeof metadata / sizeof metadata[0]; i++)
        if (strcmp(name, metadata[i]) == 0)
            return 0;
    if (entry->size_bytes > 0)
        sum->size_bytes += entry->size_bytes;
    sum->objects++;
    return 0;
}

int location_stored_size(tsr_context *context, const char *place, int64_t *ret_size_bytes,
                         int64_t *ret_objects, tsr_error *err)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_call call = {.cancel = signals_cancel_flag()};
    cli_stored_sum sum = {0, 0};

    if (location_is_in_file(place))
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: it lies in a file", place);
    CLI_TRY(tsr_store_open(context, place, &store, err));
    CLI_TRY(tsr_store_list(store, "", false, add_entry, &sum, &call, err));
    *ret_size_bytes = sum.size_bytes;
    if (ret_objects)
        *ret_objects = sum.objects;
    return 0;
}
