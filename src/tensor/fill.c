/* Filling a view with one element, and asking whether it is filled with it. */
#include "tensor/copy.h"
#include "tensor/kernels.h"

/* How far one memcpy of already written pattern reaches back: it stays in the first-level cache. */
#define PATTERN_BYTES 4096

/* Whether all bytes of an element are the same: then a run of it is a memset. */
static bool is_one_byte(const char *element, size_t element_bytes)
{
    return memcmp(element, element + 1, element_bytes - 1) == 0;
}

/* Fills a run whose length is a multiple of the element by doubling what is there. */
static void fill_run(char *to, size_t run_bytes, const char *element, size_t element_bytes)
{
    if (is_one_byte(element, element_bytes)) {
        memset(to, element[0], run_bytes);
        return;
    }
    size_t limit = TSRI_MAX(PATTERN_BYTES / element_bytes * element_bytes, element_bytes);
    memcpy(to, element, element_bytes);
    for (size_t done = element_bytes; done < run_bytes;) {
        size_t more = TSRI_MIN(TSRI_MIN(done, limit), run_bytes - done);
        memcpy(to + done, to, more);
        done += more;
    }
}

typedef struct fill_job {
    const char *element;
    size_t element_bytes, run_bytes;
} fill_job;

static bool fill_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                      const tsri_nest_axis *inner)
{
    const fill_job *job = user;
    (void)from;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++)
            fill_run(to + i * outer->to + k * inner->to, job->run_bytes, job->element,
                     job->element_bytes);
    return true;
}

void tsr_view_fill(const tsr_view *view, const void *element)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    if (!tsri_nest_init(&nest, view, view, 1))
        return;
    fill_job job = {element, view->dtype->size_bytes, 0};
    job.run_bytes = tsri_nest_fold(&nest, job.element_bytes);
    if (job.run_bytes > job.element_bytes) {
        tsri_nest_run(&nest, fill_rows, &job);
        return;
    }
    /* Single elements: a copy whose source stands still. */
    tsri_copy_job copy = {job.element_bytes, false};
    nest.from = element;
    for (int axis = 0; axis < nest.rank; axis++)
        nest.axes[axis].from = 0;
    tsri_nest_run(&nest, tsri_kernel_rows(&copy), &copy);
}

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
    const fill_job *job = user;
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
    if (!tsri_nest_init(&nest, view, view, 1))
        return true;
    fill_job job = {element, view->dtype->size_bytes, 0};
    job.run_bytes = tsri_nest_fold(&nest, job.element_bytes);
    return tsri_nest_run(&nest, compare_rows, &job);
}
