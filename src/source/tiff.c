/* TIFF files as trees of arrays. Pictures of the same size and type are the pages of one array,
 * wherever in the file they are; smaller forms of them (NewSubfileType 1, and what SubIFDs lead to)
 * are further levels. A file of one such series is an array, or with levels the group of arrays 0,
 * 1...; a file of several is a group of 0, 1..., each an array or a group of levels. */
#include <inttypes.h>
#include <stdio.h>

#include "base/output.h"
#include "source/formats.h"
#include "source/tiff_file.h"

/* More than any file has that somebody would read as arrays. */
#define DIRECTORIES_MAX ((size_t)1 << 20)
#define CHILDREN_MAX ((size_t)4096)
#define SUB_IFDS_MAX 1024

static bool tiff_recognise(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return tsri_tiff_recognise(head, size_bytes);
}

static void tiff_close(void *handle)
{
    tsri_tiff_file *file = handle;

    for (size_t i = 0; i < file->count; i++) {
        for (size_t level = 0; level < file->series[i].count; level++)
            tsri_free(file->series[i].levels[level].directories);
        tsri_free(file->series[i].levels);
    }
    tsri_free(file->series);
    tsri_tiff_decoders_clear(&file->decoders);
    tsri_input_close(&file->input);
    tsri_free(file);
}

/* ---- sorting pictures into series ---- */

static int refuse_many(const tsri_tiff_file *file, const char *what, size_t most, tsr_error *err)
{
    return tsr_error_set(err, TSR_LIMIT, "%s: more than %zu %s", file->input.path, most, what);
}

/* Makes room for one more item where `count` is a power of two, as it is when a list is full. */
static int grow(void **items, size_t count, size_t item_bytes, tsr_error *err)
{
    if ((count & (count - 1)) != 0)
        return 0;
    size_t room = count ? 2 * count : 1;
    void *grown = tsri_realloc_array(*items, room, item_bytes);
    if (!grown)
        return tsri_error_no_memory(err, room * item_bytes);
    *items = grown;
    return 0;
}

static int add_page(tsri_tiff_file *file, tsri_tiff_stack *stack, uint64_t directory,
                    tsr_error *err)
{
    if (++file->directory_count > DIRECTORIES_MAX)
        return refuse_many(file, "directories", DIRECTORIES_MAX, err);
    void *directories = stack->directories;
    TSRI_TRY(grow(&directories, stack->count, sizeof *stack->directories, err));
    stack->directories = directories;
    stack->directories[stack->count++] = directory;
    return 0;
}

static int add_to_level(tsri_tiff_file *file, tsri_tiff_series *series, size_t first_level,
                        const tsri_tiff_picture *picture, uint64_t directory, tsr_error *err)
{
    for (size_t i = first_level; i < series->count; i++)
        if (tsri_tiff_picture_matches(&series->levels[i].picture, picture))
            return add_page(file, &series->levels[i], directory, err);
    if (series->count == CHILDREN_MAX)
        return refuse_many(file, "sizes of one picture", CHILDREN_MAX, err);
    void *levels = series->levels;
    TSRI_TRY(grow(&levels, series->count, sizeof *series->levels, err));
    series->levels = levels;
    series->levels[series->count++] = (tsri_tiff_stack){.picture = *picture};
    return add_page(file, &series->levels[series->count - 1], directory, err);
}

static int find_series(tsri_tiff_file *file, const tsri_tiff_picture *picture, size_t *ret_number,
                       tsr_error *err)
{
    for (size_t i = 0; i < file->count; i++)
        if (tsri_tiff_picture_matches(&file->series[i].levels[0].picture, picture)) {
            *ret_number = i;
            return 0;
        }
    if (file->count == CHILDREN_MAX)
        return refuse_many(file, "kinds of pictures", CHILDREN_MAX, err);
    void *series = file->series;
    TSRI_TRY(grow(&series, file->count, sizeof *file->series, err));
    file->series = series;
    file->series[file->count] = (tsri_tiff_series){0};
    *ret_number = file->count++;
    return 0;
}

static int add_sub_directories(tsri_tiff_file *file, tsri_tiff_series *series,
                               const tsri_tiff_directory *parent, tsr_error *err)
{
    const tsri_tiff_entry *entry = tsri_tiff_find(parent, TSRI_TIFF_SUB_IFDS);

    if (entry && entry->count > SUB_IFDS_MAX)
        return refuse_many(file, "SubIFDs of a directory", SUB_IFDS_MAX, err);
    for (uint64_t i = 0; entry && i < entry->count; i++) {
        tsr_auto(tsri_tiff_directory) directory = {0};
        tsri_tiff_picture picture;
        uint64_t offset;
        TSRI_TRY(tsri_tiff_unsigned(&file->layout, entry, i, &offset, err));
        TSRI_TRY(tsri_tiff_directory_read(&file->layout, offset, &directory, err));
        TSRI_TRY(tsri_tiff_picture_read(&file->layout, &directory, &picture, err));
        TSRI_TRY(add_to_level(file, series, 1, &picture, offset, err));
    }
    return 0;
}

/* `last`: the series that the directory before belongs to. */
static int add_directory(tsri_tiff_file *file, const tsri_tiff_directory *directory, size_t *last,
                         tsr_error *err)
{
    tsri_tiff_picture picture;

    TSRI_TRY(tsri_tiff_picture_read(&file->layout, directory, &picture, err));
    bool is_level = picture.reduced && file->count > 0;
    if (!is_level)
        TSRI_TRY(find_series(file, &picture, last, err));
    tsri_tiff_series *series = &file->series[*last];
    TSRI_TRY(add_to_level(file, series, is_level ? 1 : 0, &picture, directory->offset, err));
    return add_sub_directories(file, series, directory, err);
}

/* A chain that leads back into itself is noticed by a mark that is moved on now and then. */
static int read_directories(tsri_tiff_file *file, uint64_t first, tsr_error *err)
{
    uint64_t offset = first, mark = first;
    size_t number = 0, next_mark = 1, last = 0;

    while (offset != 0) {
        tsr_auto(tsri_tiff_directory) directory = {0};
        TSRI_TRY(tsri_tiff_directory_read(&file->layout, offset, &directory, err));
        TSRI_TRY(add_directory(file, &directory, &last, err));
        offset = directory.next;
        if (offset == mark)
            return tsr_error_set(err, TSR_DAMAGED, "%s: its directories lead in a circle",
                                 file->input.path);
        if (++number == next_mark) {
            mark = offset;
            next_mark *= 2;
        }
    }
    return file->count > 0
               ? 0
               : tsr_error_set(err, TSR_DAMAGED, "%s: a TIFF without pictures", file->input.path);
}

static int tiff_open(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    tsri_tiff_file *file = tsri_alloc_zero(sizeof *file);
    uint64_t first;

    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    int status = tsri_input_open(context, path, &file->input, err);
    if (status < 0) {
        tsri_free(file);
        return status;
    }
    tsri_tiff_decoders_init(&file->decoders, &file->input);
    status = tsri_tiff_layout_read(&file->input, &file->layout, &first, err);
    if (status == 0)
        status = read_directories(file, first, err);
    if (status < 0)
        tiff_close(file);
    else
        *ret_file = file;
    return status;
}

/* ---- paths inside ---- */

/* What lies at a path: a group of all series, or of the levels of one, or a stack. */
typedef struct node {
    tsr_node_kind kind;
    const tsri_tiff_series *series; /* NULL: the group of all */
    const tsri_tiff_stack *stack;   /* of arrays */
} node;

/* Takes a number without leading zeros, up to the end or a slash, off a path. */
static bool take_number(const char **path, size_t below, size_t *ret_number)
{
    const char *at = *path;
    size_t number = 0;

    if (*at == '0' && at[1] != '\0' && at[1] != '/')
        return false;
    for (; *at >= '0' && *at <= '9' && number < below; at++)
        number = 10 * number + (size_t)(*at - '0');
    if (at == *path || number >= below || (*at != '\0' && *at != '/'))
        return false;
    *path = *at == '/' ? at + 1 : at;
    *ret_number = number;
    return true;
}

static node node_of_series(const tsri_tiff_series *series)
{
    bool single = series->count == 1;
    return (node){single ? TSR_NODE_ARRAY : TSR_NODE_GROUP, series,
                  single ? &series->levels[0] : NULL};
}

static node find_node(const tsri_tiff_file *file, const char *path)
{
    node found = {TSR_NODE_GROUP, NULL, NULL};
    size_t number;

    if (file->count == 1) {
        found = node_of_series(&file->series[0]);
    } else if (*path) {
        if (!take_number(&path, file->count, &number))
            return (node){TSR_NODE_NONE, NULL, NULL};
        found = node_of_series(&file->series[number]);
    }
    if (!*path)
        return found;
    if (found.kind == TSR_NODE_ARRAY || !take_number(&path, found.series->count, &number) || *path)
        return (node){TSR_NODE_NONE, NULL, NULL};
    return (node){TSR_NODE_ARRAY, found.series, &found.series->levels[number]};
}

static int tiff_probe(void *handle, const char *inner_path, tsr_node_kind *ret_kind, tsr_error *err)
{
    (void)err;
    *ret_kind = find_node(handle, inner_path).kind;
    return 0;
}

static int need_node(const tsri_tiff_file *file, const char *inner_path, tsr_node_kind wanted,
                     node *ret_node, tsr_error *err)
{
    bool want_array = wanted == TSR_NODE_ARRAY;

    *ret_node = find_node(file, inner_path);
    if (ret_node->kind == TSR_NODE_NONE)
        return tsr_error_set(err, TSR_NOT_FOUND, "%s: nothing named \"%s\" in it", file->input.path,
                             inner_path);
    if (wanted == TSR_NODE_NONE || ret_node->kind == wanted)
        return 0;
    tsr_error_set(err, TSR_TYPE_MISMATCH, "%s%s%s: %s", file->input.path, *inner_path ? "/" : "",
                  inner_path, want_array ? "a group, not an array" : "an array, not a group");
    if (want_array)
        tsr_error_set_next_step(err, "name one of its arrays; `tessera tree` lists them");
    return TSR_TYPE_MISMATCH;
}

static int tiff_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                           tsr_error *err)
{
    tsri_tiff_file *file = handle;
    node found;

    TSRI_TRY(need_node(file, inner_path, TSR_NODE_ARRAY, &found, err));
    tsr_auto(tsri_text) *place =
        tsri_format("%s%s%s", file->input.path, *inner_path ? "/" : "", inner_path);
    if (!place)
        return tsri_error_no_memory(err, strlen(inner_path));
    return tsri_tiff_open_stack(file, found.stack, place, ret_array, err);
}

static int array_attributes(const tsri_tiff_file *file, const tsri_tiff_stack *stack,
                            char **ret_json, tsr_error *err)
{
    tsr_auto(tsri_output) output =
        TSRI_OUTPUT_INIT((size_t)file->input.context->options.largest_metadata_bytes);
    tsr_auto(tsri_tiff_directory) directory = {0};

    TSRI_TRY(tsri_tiff_directory_read(&file->layout, stack->directories[0], &directory, err));
    TSRI_TRY(tsri_tiff_attributes(&file->layout, &directory, &stack->picture, &output, err));
    *ret_json = TSRI_TAKE(output.data);
    return 0;
}

static int tiff_node_attributes(void *handle, const char *inner_path, char **ret_json,
                                tsr_error *err)
{
    node found;

    TSRI_TRY(need_node(handle, inner_path, TSR_NODE_NONE, &found, err));
    if (found.kind == TSR_NODE_ARRAY)
        return array_attributes(handle, found.stack, ret_json, err);
    *ret_json = tsri_strdup("{}");
    return *ret_json ? 0 : tsri_error_no_memory(err, 3);
}

static int tiff_children(void *handle, const char *inner_path,
                         int (*each)(void *user, const char *name, tsr_node_kind kind,
                                     const tsr_error *error),
                         void *user, tsr_error *err)
{
    const tsri_tiff_file *file = handle;
    node found;
    int status = 0;

    TSRI_TRY(need_node(file, inner_path, TSR_NODE_GROUP, &found, err));
    size_t count = found.series ? found.series->count : file->count;
    for (size_t i = 0; i < count && status == 0; i++) {
        node child = found.series ? (node){TSR_NODE_ARRAY, NULL, &found.series->levels[i]}
                                  : node_of_series(&file->series[i]);
        tsr_error refused = TSR_ERROR_INIT;
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        bool bad = child.stack && *child.stack->picture.refusal;
        if (bad)
            tsr_error_set(&refused, TSR_UNSUPPORTED, "%s", child.stack->picture.refusal);
        status = each(user, name, bad ? TSR_NODE_NONE : child.kind, bad ? &refused : NULL);
    }
    return status;
}

const tsr_format_ops tsri_tiff_format = {
    .struct_size = sizeof tsri_tiff_format,
    .name = "tiff",
    .recognise = tiff_recognise,
    .open = tiff_open,
    .close = tiff_close,
    .probe = tiff_probe,
    .open_array = tiff_open_array,
    .attributes = tiff_node_attributes,
    .children = tiff_children,
};
