/* Filling a view with one element, and asking whether it is filled with it. */
#include "tensor/kernels.h"
#include "tensor/stream.h"
#include "tensor/variable.h"

/* A pattern of repeated elements that stays in the first-level cache. */
#define PATTERN_BYTES 4096

/* Writes an element again and again into `pattern`, as often as it fits, at most `most_bytes`;
 * returns how many bytes these are. `pattern` holds at least one element. */
static size_t make_pattern(char *pattern, size_t most_bytes, const char *element,
                           size_t element_bytes)
{
    size_t size_bytes = TSRI_MAX(most_bytes / element_bytes, 1) * element_bytes;
    memcpy(pattern, element, element_bytes);
    for (size_t done = element_bytes; done < size_bytes;) {
        size_t more = TSRI_MIN(done, size_bytes - done);
        memcpy(pattern + done, pattern, more);
        done += more;
    }
    return size_bytes;
}

typedef struct fill_job {
    const char *pattern; /* whole elements */
    size_t pattern_bytes, run_bytes;
    bool one_byte; /* all bytes of the element are the same: a run is a memset */
    bool streamed;
} fill_job;

static void fill_run(const fill_job *job, char *to)
{
    if (job->one_byte) {
        memset(to, job->pattern[0], job->run_bytes);
        return;
    }
    for (size_t done = 0; done < job->run_bytes; done += job->pattern_bytes) {
        size_t more = TSRI_MIN(job->pattern_bytes, job->run_bytes - done);
        if (job->streamed)
            tsri_stream_run(to + done, job->pattern, more);
        else
            memcpy(to + done, job->pattern, more);
    }
}

static bool fill_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                      const tsri_nest_axis *inner)
{
    (void)from;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++)
            fill_run(user, to + i * outer->to + k * inner->to);
    return true;
}

/* Short runs: a copy whose source stands still. */
static void fill_short_runs(tsri_nest *nest, const fill_job *job)
{
    tsri_copy_job copy = {job->run_bytes, job->streamed};
    nest->from = job->pattern;
    for (int axis = 0; axis < nest->rank; axis++)
        nest->axes[axis].from = 0;
    tsri_nest_run(nest, tsri_kernel_rows(&copy), &copy);
}

void tsr_view_fill(const tsr_view *view, const void *element)
{
    char small[PATTERN_BYTES] __attribute__((aligned(TSRI_LINE_BYTES))) TSRI_UNINITIALIZED;
    tsri_nest nest TSRI_UNINITIALIZED;
    size_t element_bytes = view->dtype->size_bytes;
    if (!tsri_nest_init(&nest, view, view, 1))
        return;
    fill_job job = {.pattern = small, .run_bytes = tsri_nest_fold(&nest, element_bytes)};
    job.streamed = tsri_nest_span(&nest, job.run_bytes) >= TSRI_STREAM_SPAN_BYTES;
    job.one_byte = memcmp(element, (const char *)element + 1, element_bytes - 1) == 0;
    if (element_bytes <= sizeof small) {
        job.pattern_bytes =
            make_pattern(small, TSRI_MIN(job.run_bytes, sizeof small), element, element_bytes);
    } else {
        job.pattern = element;
        job.pattern_bytes = element_bytes;
    }
    if (job.run_bytes <= job.pattern_bytes)
        fill_short_runs(&nest, &job);
    else
        tsri_nest_run(&nest, fill_rows, &job);
    if (job.streamed)
        tsri_stream_end();
}

/* ---- asking ---- */

typedef struct compare_job {
    const char *element;
    size_t element_bytes, run_bytes;
} compare_job;

/* Compares a run with a repeated element: with its first element, then with itself one element on.
 */
static bool is_filled_run(const char *run, size_t run_bytes, const char *element,
                          size_t element_bytes)
{
    return memcmp(run, element, element_bytes) == 0 &&
           memcmp(run, run + element_bytes, run_bytes - element_bytes) == 0;
}

static bool compare_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                         const tsri_nest_axis *inner)
{
    const compare_job *job = user;
    (void)to;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++)
            if (!is_filled_run(from + i * outer->from + k * inner->from, job->run_bytes,
                               job->element, job->element_bytes))
                return false;
    return true;
}

bool tsr_view_is_filled_with(const tsr_view *view, const void *element)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    if (tsr_dtype_is_variable(view->dtype))
        return tsri_view_is_filled_with_variable(view, element);
    if (!tsri_nest_init(&nest, view, view, 1))
        return true;
    compare_job job = {element, view->dtype->size_bytes, 0};
    job.run_bytes = tsri_nest_fold(&nest, job.element_bytes);
    return tsri_nest_run(&nest, compare_rows, &job);
}
