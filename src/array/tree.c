/* Walking over a tree of nodes, by depth and by pattern. */
#include <fnmatch.h>
#include <limits.h>

#include "array/node.h"
#include "array/tree.h"

void tsr_walk_options_init(tsr_walk_options *options)
{
    *options = (tsr_walk_options){.struct_size = sizeof *options};
}

/* ---- patterns ---- */

/* One part of a pattern or a path, copied so that it ends in a 0 byte. */
#define PART_MAX 1024

typedef struct part {
    char text[PART_MAX];
} part;

/* Takes the first part off; false when it is too long for any key. */
static bool take_part(const char **path, part *ret_part)
{
    size_t length = strcspn(*path, "/");
    if (length >= sizeof ret_part->text)
        return false;
    memcpy(ret_part->text, *path, length);
    ret_part->text[length] = '\0';
    *path += length + ((*path)[length] == '/');
    return true;
}

static bool is_any_number(const char *pattern)
{
    return pattern[0] == '*' && pattern[1] == '*' && (pattern[2] == '/' || pattern[2] == '\0');
}

static bool part_matches(const char **pattern, const char **path)
{
    part wanted, name;
    return take_part(pattern, &wanted) && take_part(path, &name) &&
           fnmatch(wanted.text, name.text, 0) == 0;
}

/* Whether `path` matches; with `prefix`, whether something below it could. A pattern holds few **,
 * so that going back to the last one is enough: what follows it is tried at every later part. */
static bool matches(const char *pattern, const char *path, bool prefix)
{
    const char *retry_pattern = NULL, *retry_path = NULL;

    for (;;) {
        const char *next_pattern = pattern, *next_path = path;
        if (*path == '\0' && prefix)
            return *pattern != '\0' || retry_pattern != NULL;
        if (*path == '\0') {
            while (is_any_number(pattern))
                pattern += pattern[2] == '/' ? 3 : 2;
            return *pattern == '\0';
        }
        if (is_any_number(pattern)) {
            pattern += pattern[2] == '/' ? 3 : 2;
            retry_pattern = pattern;
            retry_path = path;
        } else if (*pattern != '\0' && part_matches(&next_pattern, &next_path)) {
            pattern = next_pattern;
            path = next_path;
        } else if (retry_pattern) {
            retry_path += strcspn(retry_path, "/");
            retry_path += *retry_path == '/';
            pattern = retry_pattern;
            path = retry_path;
        } else {
            return false;
        }
    }
}

static int check_pattern(const char *pattern, tsr_error *err)
{
    for (const char *at = pattern;;) {
        size_t length = strcspn(at, "/");
        if (length == 0 || length >= PART_MAX)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "the pattern \"%.60s\" has a part that is %s", pattern,
                                 length == 0 ? "empty" : "too long");
        if (at[length] == '\0')
            return 0;
        at += length + 1;
    }
}

/* ---- walking ---- */

typedef struct walk {
    const char *pattern; /* NULL: all */
    int max_depth;
    int (*each)(void *user, const char *path, tsr_node_kind kind, const tsr_error *error);
    void *user;
} walk;

void tsri_children_cleanup(tsri_children *self)
{
    for (size_t i = 0; i < self->count; i++) {
        tsri_free(self->items[i].name);
        tsri_free(self->items[i].error);
    }
    tsri_free(self->items);
}

static int note_child(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    tsri_children *self = user;

    tsri_child *items = tsri_grow_array(self->items, self->count, &self->capacity, sizeof *items);
    if (!items)
        return TSR_NO_MEMORY;
    self->items = items;
    tsri_child *added = &self->items[self->count];
    *added = (tsri_child){tsri_strdup(name), kind, NULL};
    if (!added->name)
        return TSR_NO_MEMORY;
    self->count++;
    if (!error)
        return 0;
    added->error = tsri_alloc(sizeof *error);
    if (!added->error)
        return TSR_NO_MEMORY;
    *added->error = *error;
    return 0;
}

int tsri_children_read(tsr_group *group, tsri_children *ret_children, tsr_error *err)
{
    int status = tsr_group_children(group, note_child, ret_children, err);

    if (status == TSR_NO_MEMORY && (!err || err->status == 0))
        return tsri_error_no_memory(err, 0);
    return status;
}

static int walk_group(const walk *self, tsr_group *group, const char *path, int depth,
                      tsr_error *err);

static int visit(const walk *self, tsr_group *group, const char *path, const tsri_child *at,
                 int depth, tsr_error *err)
{
    tsr_auto(tsri_text) *whole = tsri_path_join(path, at->name);
    tsr_auto(tsr_group) *inner = NULL;

    if (!whole)
        return tsri_error_no_memory(err, strlen(path));
    if (!self->pattern || matches(self->pattern, whole, false)) {
        int status = self->each(self->user, whole, at->kind, at->error);
        if (status != 0)
            return status;
    }
    if (at->kind != TSR_NODE_GROUP || depth == self->max_depth ||
        (self->pattern && !matches(self->pattern, whole, true)))
        return 0;
    TSRI_TRY(tsr_group_open_group(group, at->name, &inner, err));
    return walk_group(self, inner, whole, depth + 1, err);
}

static int walk_group(const walk *self, tsr_group *group, const char *path, int depth,
                      tsr_error *err)
{
    tsr_auto(tsri_children) all = {0};
    int status = tsri_children_read(group, &all, err);

    for (size_t i = 0; i < all.count && status == 0; i++)
        status = visit(self, group, path, &all.items[i], depth, err);
    return status;
}

int tsr_group_walk(tsr_group *group, const tsr_walk_options *options,
                   int (*each)(void *user, const char *path, tsr_node_kind kind,
                               const tsr_error *error),
                   void *user, tsr_error *err)
{
    walk self = {.max_depth = INT_MAX, .each = each, .user = user};

    if (options && options->struct_size != sizeof *options)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "options that tsr_walk_options_init has not set up");
    if (options && options->pattern)
        TSRI_TRY(check_pattern(options->pattern, err));
    if (options)
        self.pattern = options->pattern;
    if (options && options->max_depth > 0)
        self.max_depth = options->max_depth;
    return walk_group(&self, group, "", 1, err);
}
