#include "array/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "base/text.h"
#include "tensor/index_map.h"

/* Lines are gathered up to this size and appended by one write, which others that append to the
 * same file do not come between. */
#define BLOCK_BYTES (64 << 10)
/* Points of lists that one line has at most: more are thinned out evenly. */
#define POINTS_MAX 256

/* ---- the file ---- */

typedef struct trace_file {
    const tsr_system *system;
    int descriptor; /* -1: it could not be opened */
    int failed;     /* atomic: nothing more is written */
} trace_file;

static void file_close(void *part)
{
    trace_file *self = part;
    if (self->descriptor >= 0)
        self->system->close(self->system, self->descriptor);
    tsri_free(self);
}

static void warn(tsr_context *context, const char *what, int error)
{
    tsri_log(context, TSR_LOG_WARNING, "trace", "%s cannot be %s (%s): nothing more is traced",
             context->trace, what, strerror(error));
}

/* A file that cannot be opened is remembered as one, so that this is told once. */
static int file_open(tsr_context *context, void **ret_part, tsr_error *err)
{
    const tsr_system *system = context->system;
    trace_file *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->system = system;
    self->descriptor = system->openat(system, AT_FDCWD, context->trace,
                                      O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
    if (self->descriptor < 0) {
        self->failed = true;
        warn(context, "opened", errno);
    }
    *ret_part = self;
    return 0;
}

/* A block is appended as a whole: what a full disk cuts off is the end of a line that no reader
 * takes for one. */
static void append_block(tsr_context *context, trace_file *file, tsr_output *block)
{
    ssize_t written;
    do
        written = context->system->write(context->system, file->descriptor, block->data,
                                         block->size_bytes);
    while (written < 0 && errno == EINTR);
    bool whole = written >= 0 && (size_t)written == block->size_bytes;
    if (!whole && !__atomic_exchange_n(&file->failed, 1, __ATOMIC_RELAXED))
        warn(context, "written", written < 0 ? errno : ENOSPC);
    block->size_bytes = 0;
}

/* ---- a line ---- */

/* A JSON string (RFC 8259, section 7). Bytes that are no UTF-8 become "?". */
static int append_string(tsr_output *line, const char *text)
{
    size_t size = strlen(text);
    TSRI_TRY(tsr_output_print(line, NULL, "\""));
    for (size_t at = 0, length; at < size; at += length) {
        uint32_t code_point;
        length = tsri_text_character(text + at, size - at, &code_point);
        if (length == 0) {
            length = 1;
            TSRI_TRY(tsr_output_print(line, NULL, "?"));
        } else if (code_point < 0x20 || code_point == '"' || code_point == '\\') {
            TSRI_TRY(tsr_output_print(line, NULL, "\\u%04x", (unsigned)code_point));
        } else {
            TSRI_TRY(tsr_output_append(line, text + at, length, NULL));
        }
    }
    return tsr_output_print(line, NULL, "\"");
}

/* The group of lists that an axis belongs to, or NULL; *ret_number counts them, *ret_place says
 * which of its axes it is. */
static const tsri_index_group *group_of(const tsr_index *index, int axis, int *ret_number,
                                        int *ret_place)
{
    for (int number = 0; index->layout && number < index->layout->group_count; number++) {
        const tsri_index_group *group = &index->layout->groups[number];
        for (int i = 0; i < group->axis_count; i++) {
            if (group->axes[i] == axis) {
                *ret_number = number;
                *ret_place = i;
                return group;
            }
        }
    }
    return NULL;
}

static int append_points(tsr_output *line, const tsri_index_group *group, int number, int place,
                         int64_t most)
{
    int64_t kept = TSRI_MIN(group->count, most);
    TSRI_TRY(tsr_output_print(line, NULL, "{\"list\":%d,\"count\":%" PRId64 ",\"at\":[", number,
                              group->count));
    for (int64_t i = 0; i < kept; i++) {
        /* Evenly, and the same points for all axes of the group. */
        int64_t point =
            kept == group->count ? i : (int64_t)((double)i * (double)group->count / (double)kept);
        TSRI_TRY(tsr_output_print(line, NULL, "%s%" PRId64, i ? "," : "",
                                  group->coordinates[place][point]));
    }
    return tsr_output_print(line, NULL, "]}");
}

static int append_axis(tsr_output *line, const tsr_index *index, int axis, int64_t most_points)
{
    const tsr_index_axis *self = &index->axes[axis];
    int number, place;

    if (self->kind == TSR_INDEX_POSITION)
        return tsr_output_print(line, NULL, "%" PRId64, self->start);
    if (self->kind == TSR_INDEX_LIST) {
        const tsri_index_group *group = group_of(index, axis, &number, &place);
        if (group)
            return append_points(line, group, number, place, most_points);
    }
    return tsr_output_print(line, NULL,
                            "{\"start\":%" PRId64 ",\"count\":%" PRId64 ",\"step\":%" PRId64 "}",
                            self->start, self->count, self->step);
}

static int append_selection(tsr_output *line, const tsr_index *index)
{
    int lists = 0;
    for (int axis = 0; axis < index->rank; axis++)
        lists += index->axes[axis].kind == TSR_INDEX_LIST;
    TSRI_TRY(tsr_output_print(line, NULL, ",\"select\":["));
    for (int axis = 0; axis < index->rank; axis++) {
        TSRI_TRY(tsr_output_print(line, NULL, "%s", axis ? "," : ""));
        TSRI_TRY(append_axis(line, index, axis, POINTS_MAX / TSRI_MAX(lists, 1)));
    }
    return tsr_output_print(line, NULL, "]");
}

static int append_shape(tsr_output *line, const tsri_read *read)
{
    TSRI_TRY(tsr_output_print(line, NULL, ",\"shape\":["));
    for (int axis = 0; axis < read->array->rank; axis++)
        TSRI_TRY(
            tsr_output_print(line, NULL, "%s%" PRId64, axis ? "," : "", read->grid->shape[axis]));
    return tsr_output_print(line, NULL, "]");
}

static int append_line(tsr_output *line, const tsri_trace *trace, const tsri_read *read, size_t n,
                       int64_t duration_ns, int status)
{
    const tsr_dtype *dtype = read->array->dtype;
    int64_t bytes = INT64_MAX;

    tsri_multiply_i64(tsr_index_count(&read->index), (int64_t)dtype->size_bytes, &bytes);
    TSRI_TRY(tsr_output_print(
        line, NULL, "{\"trace\":1,\"time_ns\":%" PRId64 ",\"operation\":\"%s\",\"place\":",
        trace->time_ns, read->is_write ? "write" : "read"));
    TSRI_TRY(append_string(line, read->array->place));
    TSRI_TRY(append_shape(line, read));
    TSRI_TRY(tsr_output_print(line, NULL, ",\"dtype\":"));
    TSRI_TRY(append_string(line, dtype->name));
    TSRI_TRY(tsr_output_print(line, NULL, ",\"element_bytes\":%zu", dtype->size_bytes));
    TSRI_TRY(append_selection(line, &read->index));
    return tsr_output_print(
        line, NULL, ",\"bytes\":%" PRId64 ",\"batch\":%zu,\"ns\":%" PRId64 ",\"status\":\"%s\"}\n",
        bytes, n, duration_ns, status < 0 ? tsr_status_name(status) : "OK");
}

/* ---- operations ---- */

tsri_trace tsri_trace_begin(tsr_context *context)
{
    if (!context->trace)
        return (tsri_trace){0};
    const tsr_system *system = context->system;
    return (tsri_trace){context, system->realtime_ns(system), system->monotonic_ns(system)};
}

void tsri_trace_end(const tsri_trace *trace, const tsri_read *reads, size_t n, int status)
{
    tsr_context *context = trace->context;
    tsr_auto(tsri_output) block = TSRI_OUTPUT_INIT(SIZE_MAX);
    void *part;

    if (!context ||
        tsri_context_slot(context, TSRI_SLOT_TRACE, file_open, file_close, &part, NULL) < 0)
        return;
    trace_file *file = part;
    int64_t duration_ns = context->system->monotonic_ns(context->system) - trace->start_ns;
    for (size_t i = 0; i < n && !__atomic_load_n(&file->failed, __ATOMIC_RELAXED); i++) {
        size_t before = block.size_bytes;
        if (append_line(&block, trace, &reads[i], n, duration_ns, status) < 0)
            block.size_bytes = before; /* there is no memory for this line */
        if (block.size_bytes > 0 && (i + 1 == n || block.size_bytes >= BLOCK_BYTES))
            append_block(context, file, &block);
    }
}
