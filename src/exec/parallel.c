#include "base/checked.h"
#include "base/profile.h"
#include "exec/pool.h"

typedef struct parallel_loop {
    tsri_task_group group;
    int64_t count, grain, claims;
    int64_t claimed; /* atomic */
    int (*body)(void *user, int64_t i, tsr_error *err);
    void *user;
} parallel_loop;

typedef struct loop_task {
    tsri_task task;
    parallel_loop *loop;
} loop_task;

#define TASKS_ON_STACK 64

static int run_claim(parallel_loop *loop, int64_t claim, tsr_error *err)
{
    int64_t begin = claim * loop->grain;
    int64_t end = begin + TSRI_MIN(loop->grain, loop->count - begin);
    for (int64_t i = begin; i < end; i++)
        TSRI_TRY(loop->body(loop->user, i, err));
    return 0;
}

/* Claims pieces until there are none left. */
static void run_claims(parallel_loop *loop)
{
    tsr_error error;
    error.status = 0;
    while (!tsri_group_stopped(&loop->group)) {
        int64_t claim = __atomic_fetch_add(&loop->claimed, 1, __ATOMIC_RELAXED);
        if (claim >= loop->claims)
            return;
        int status = run_claim(loop, claim, &error);
        if (status < 0)
            tsri_group_fail(&loop->group, status, &error);
    }
}

static void run_task(tsri_task *task)
{
    run_claims(((loop_task *)task)->loop);
}

/* One task for every thread that could help; the caller is one of them. */
static int run_on_all(parallel_loop *loop, loop_task *tasks, int64_t count, tsr_error *err)
{
    for (int64_t i = 0; i < count; i++) {
        tasks[i].loop = loop;
        tsri_group_spawn(&loop->group, &tasks[i].task, run_task);
    }
    run_claims(loop);
    return tsri_group_wait(&loop->group, err);
}

int tsri_parallel_for(tsr_context *context, const tsr_call *call, tsri_task_group *parent,
                      int64_t count, int64_t grain,
                      int (*body)(void *user, int64_t i, tsr_error *err), void *user,
                      tsr_error *err)
{
    parallel_loop loop = {
        .count = TSRI_MAX(count, 0), .grain = TSRI_MAX(grain, 1), .body = body, .user = user};
    loop.claims = tsri_ceil_divide(loop.count, loop.grain);
    TSRI_TRY(tsri_group_init(&loop.group, context, call, parent, err));
    int64_t helpers = TSRI_MIN(tsri_pool_threads(loop.group.pool), loop.claims) - 1;
    loop_task few[TASKS_ON_STACK], *many = NULL;
    if (helpers > TASKS_ON_STACK) {
        many = tsri_alloc_array((size_t)helpers, sizeof *many);
        helpers = many ? helpers : TASKS_ON_STACK;
    }
    tsri_phase before = tsri_phase_begin(context, TSRI_PHASE_PLAN);
    int status = run_on_all(&loop, many ? many : few, helpers, err);
    tsri_phase_end(context, before);
    tsri_free(many);
    return status;
}
