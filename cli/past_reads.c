#include "past_reads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "location.h"
#include "memory.h"

/* ---- lines ---- */

typedef int each_line(void *user, struct json_object *line, tsr_error *err);

static int64_t number_of(struct json_object *object, const char *name, int64_t otherwise)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_int))
        return otherwise;
    return json_object_get_int64(value);
}

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value;

    if (!json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_string))
        return "";
    return json_object_get_string(value);
}

static int take_line(const char *text, each_line *each, void *user, bool *known, tsr_error *err)
{
    tsr_error ignored = TSR_ERROR_INIT;
    struct json_object *line = NULL;
    int status = document_parse(text, &line, &ignored);

    /* A line that was cut off, or of another format. */
    if (status == TSR_NO_MEMORY)
        return tsr_error_set(err, status, "out of memory");
    status = 0;
    if (json_object_is_type(line, json_type_object) && number_of(line, "trace", 0) == 1) {
        *known = true;
        if (strcmp(text_of(line, "operation"), "read") == 0 &&
            strcmp(text_of(line, "status"), "OK") == 0)
            status = each(user, line, err);
    }
    json_object_put(line);
    return status;
}

/* Calls `each` for every read in a trace that went well. */
static int each_read(const char *path, each_line *each, void *user, tsr_error *err)
{
    FILE *file = fopen(path, "re");
    char *line = NULL;
    size_t capacity = 0;
    bool known = false;
    int status = 0;

    if (!file)
        return tsr_error_set(err, errno == ENOENT ? TSR_NOT_FOUND : TSR_IO, "cannot open %s: %s",
                             path, strerror(errno));
    errno = 0;
    while (status >= 0 && getline(&line, &capacity, file) >= 0)
        status = take_line(line, each, user, &known, err);
    if (status >= 0 && ferror(file))
        status = tsr_error_set(err, TSR_IO, "cannot read %s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    if (status < 0 || known)
        return status;
    tsr_error_set(err, TSR_DAMAGED, "%s: no line is one of a trace", path);
    tsr_error_set_next_step(err, "make one by `tessera cat PLACE --trace FILE`, or in any program "
                                 "by the environment variable TESSERA_TRACE");
    return TSR_DAMAGED;
}

/* ---- places ---- */

typedef struct place_list {
    char **list;
    size_t count;
} place_list;

static int add_place(void *user, struct json_object *line, tsr_error *err)
{
    place_list *self = user;
    const char *place = text_of(line, "place");
    char **grown;

    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->list[i], place) == 0)
            return 0;
    grown = memory_resized(self->list, (self->count + 2) * sizeof *grown);
    if (grown) {
        self->list = grown;
        grown[self->count] = memory_text(place);
        grown[self->count + 1] = NULL;
    }
    if (!grown || !grown[self->count])
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    self->count++;
    return 0;
}

int past_places_load(const char *path, char ***ret_places, tsr_error *err)
{
    place_list found = {memory_zeroed(1, sizeof(char *)), 0};
    int status = found.list ? each_read(path, add_place, &found, err)
                            : tsr_error_set(err, TSR_NO_MEMORY, "out of memory");

    if (status < 0) {
        past_places_free(found.list);
        return status;
    }
    *ret_places = found.list;
    return 0;
}

void past_places_free(char **places)
{
    for (size_t i = 0; places && places[i]; i++)
        memory_free(places[i]);
    memory_free(places);
}

/* ---- reads ---- */

typedef struct loader {
    const char *place;
    char *path; /* what it is in the file system, without links; NULL */
    const tsr_array *array;
    cli_past_reads *reads;
} loader;

/* Whether a place in a trace is the array's, which may be written in another way. */
static bool is_same_place(const loader *self, const char *place)
{
    const char *local;

    if (strcmp(place, self->place) == 0)
        return true;
    if (!self->path || !location_is_local(place, &local))
        return false;
    char *path = realpath(local, NULL);
    bool same = path && strcmp(path, self->path) == 0;
    free(path);
    return same;
}

/* A range with rising positions inside an axis; false when nothing is left of it. */
static bool take_range(cli_past_axis *axis, int64_t start, int64_t count, int64_t step,
                       int64_t length)
{
    __int128 first = start, last = (__int128)start + ((__int128)count - 1) * step;

    if (count < 1 || step == 0)
        return false;
    if (step < 0) {
        __int128 other = first;
        first = last;
        last = other;
        step = step == INT64_MIN ? INT64_MAX : -step;
    }
    if (first < 0 || first >= length)
        return false;
    if (last >= length)
        last = first + (length - 1 - first) / step * step;
    axis->list = -1;
    axis->start = (int64_t)first;
    axis->step = step;
    axis->count = (int64_t)((last - first) / step) + 1;
    return true;
}

static bool take_list(cli_past_axis *axis, struct json_object *entry, int64_t length)
{
    struct json_object *at;

    if (!json_object_object_get_ex(entry, "at", &at) || !json_object_is_type(at, json_type_array))
        return false;
    size_t count = json_object_array_length(at);
    axis->list = (int)number_of(entry, "list", 0) & 0xffff;
    axis->point_count = number_of(entry, "count", (int64_t)count);
    axis->kept_count = (int)(count < PAST_POINTS_MAX ? count : PAST_POINTS_MAX);
    for (int i = 0; i < axis->kept_count; i++) {
        size_t which = (size_t)i * count / (size_t)axis->kept_count;
        int64_t point = json_object_get_int64(json_object_array_get_idx(at, which));
        if (point < 0)
            return false;
        axis->points[i] = point < length ? point : length - 1;
    }
    return axis->kept_count > 0 && axis->point_count >= axis->kept_count;
}

static bool take_axis(cli_past_axis *axis, struct json_object *entry, int64_t length)
{
    if (length < 1)
        return false;
    if (json_object_is_type(entry, json_type_int))
        return take_range(axis, json_object_get_int64(entry), 1, 1, length);
    if (!json_object_is_type(entry, json_type_object))
        return false;
    if (json_object_object_get_ex(entry, "list", NULL))
        return take_list(axis, entry, length);
    return take_range(axis, number_of(entry, "start", -1), number_of(entry, "count", 0),
                      number_of(entry, "step", 1), length);
}

static bool take_axes(const loader *self, struct json_object *line, cli_past_axis *axes)
{
    struct json_object *select;
    int rank = self->reads->rank;

    if (!json_object_object_get_ex(line, "select", &select) ||
        !json_object_is_type(select, json_type_array) ||
        json_object_array_length(select) != (size_t)rank)
        return false;
    for (int i = 0; i < rank; i++)
        if (!take_axis(&axes[i], json_object_array_get_idx(select, (size_t)i),
                       tsr_array_shape(self->array)[i]))
            return false;
    return true;
}

/* Of the reads that are kept, every second one stays. */
static void thin_out(cli_past_reads *reads)
{
    size_t kept = 0;

    for (size_t i = 0; i < reads->count; i++) {
        if (i % 2 == 0)
            reads->reads[kept++] = reads->reads[i];
        else
            memory_free(reads->reads[i].axes);
    }
    reads->count = kept;
    reads->weight *= 2;
}

static int add_read(void *user, struct json_object *line, tsr_error *err)
{
    loader *self = user;
    cli_past_reads *reads = self->reads;
    cli_past_axis *axes;

    if (!is_same_place(self, text_of(line, "place")))
        return 0;
    axes = memory_zeroed((size_t)reads->rank + 1, sizeof *axes);
    if (!axes)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    if (!take_axes(self, line, axes)) {
        memory_free(axes);
        return 0;
    }
    if (reads->found++ % reads->weight != 0) {
        memory_free(axes);
        return 0;
    }
    if (reads->count == PAST_READS_MAX)
        thin_out(reads);
    reads->reads[reads->count++] = (cli_past_read){number_of(line, "bytes", 0), axes};
    return 0;
}

int past_reads_load(const char *path, const char *place, const tsr_array *array,
                    cli_past_reads *ret_reads, tsr_error *err)
{
    const char *local;
    cli_past_reads reads = {.rank = tsr_array_rank(array), .weight = 1};
    loader self = {place, location_is_local(place, &local) ? realpath(local, NULL) : NULL, array,
                   &reads};
    int status = 0;

    reads.reads = memory_zeroed(PAST_READS_MAX, sizeof *reads.reads);
    if (!reads.reads)
        status = tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    else
        status = each_read(path, add_read, &self, err);
    free(self.path);
    if (status < 0) {
        past_reads_clear(&reads);
        return status;
    }
    *ret_reads = reads;
    return 0;
}

void past_reads_clear(cli_past_reads *reads)
{
    for (size_t i = 0; i < reads->count; i++)
        memory_free(reads->reads[i].axes);
    memory_free(reads->reads);
    memset(reads, 0, sizeof *reads);
}
