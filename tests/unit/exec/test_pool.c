/* Proves that the pool survives many callers, deep nesting and forks, and that its threads come and
 * go as promised. */
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec/pool.h"
#include "nth_malloc.h"
#include "support/child.h"
#include <tessera/sys/system.h>

/* ThreadSanitizer cannot follow a forked child that starts threads. */
#if defined(__SANITIZE_THREAD__)
#define CHILDREN_MAY_START_THREADS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHILDREN_MAY_START_THREADS 0
#endif
#endif
#ifndef CHILDREN_MAY_START_THREADS
#define CHILDREN_MAY_START_THREADS 1
#endif

static tsr_context *new_context(int threads)
{
    tsr_context *context = NULL;
    tsr_context_options options;
    tsr_context_options_init(&options);
    options.threads = threads;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    return context;
}

/* The library's threads in this process: all but the first. Sanitizers may have one of their own.
 */
static int count_threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    closedir(tasks);
    return count;
}

/* A thread that has been joined stays in /proc for a moment. */
static void assert_threads(int expected)
{
    for (int i = 0; i < 500 && count_threads() != expected; i++)
        usleep(2000);
    assert_int_equal(count_threads(), expected);
}

static int add_one(void *user, int64_t i, tsr_error *err)
{
    (void)i, (void)err;
    __atomic_fetch_add((int64_t *)user, 1, __ATOMIC_RELAXED);
    return 0;
}

/* A loop that must use the context's threads; returns how many bodies ran. */
static int64_t use_pool(tsr_context *context, int64_t count)
{
    int64_t runs = 0;
    int status = tsri_parallel_for(context, NULL, NULL, count, 1, add_one, &runs, NULL);
    return status < 0 ? status : runs;
}

static void *do_nothing(void *user)
{
    return user;
}

/* A sanitizer may start a thread of its own together with the first of the program. */
static int start_the_first_thread(void **state)
{
    pthread_t thread;
    (void)state;
    return pthread_create(&thread, NULL, do_nothing, NULL) || pthread_join(thread, NULL);
}

static void workers_start_on_first_use_and_end_with_the_context(void **state)
{
    (void)state;
    usleep(20000);
    int before = count_threads();
    tsr_context *context = new_context(4);
    tsri_pool *pool = NULL, *again = NULL;
    assert_int_equal(tsri_pool_get(context, &pool, NULL), 0);
    assert_int_equal(tsri_pool_get(context, &again, NULL), 0);
    assert_ptr_equal(pool, again);
    assert_int_equal(tsri_pool_threads(pool), 4);
    assert_int_equal(count_threads(), before);
    assert_int_equal(use_pool(context, 100), 100);
    assert_in_range(count_threads(), before + 1, before + 3);
    assert_int_equal(use_pool(context, 100), 100);
    assert_in_range(count_threads(), before + 1, before + 3);
    tsr_context_free(context);
    assert_threads(before);
}

static void one_thread_starts_no_workers(void **state)
{
    (void)state;
    int before = count_threads();
    tsr_auto(tsr_context) *context = new_context(1);
    assert_int_equal(use_pool(context, 100), 100);
    assert_int_equal(count_threads(), before);
}

static int64_t processor_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void parked_workers_cost_nothing(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(4);
    assert_int_equal(use_pool(context, 1000), 1000);
    usleep(5000);
    int64_t before = processor_us();
    usleep(200000);
    assert_true(processor_us() - before < 5000);
}

/* ---- many callers ---- */

typedef struct caller {
    tsr_context *context;
    pthread_t thread;
    int64_t wrong;
} caller;

static void *call_often(void *user)
{
    caller *self = user;
    for (int i = 0; i < 300; i++)
        self->wrong += use_pool(self->context, 1 + i % 17) != 1 + i % 17;
    return NULL;
}

static void many_tiny_tasks_from_several_threads(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(3);
    caller callers[6];
    for (size_t i = 0; i < TSRI_COUNT(callers); i++) {
        callers[i] = (caller){.context = context};
        assert_int_equal(pthread_create(&callers[i].thread, NULL, call_often, &callers[i]), 0);
    }
    for (size_t i = 0; i < TSRI_COUNT(callers); i++) {
        pthread_join(callers[i].thread, NULL);
        assert_int_equal(callers[i].wrong, 0);
    }
}

/* ---- nesting ---- */

typedef struct node {
    tsri_task task;
    tsr_context *context;
    tsri_task_group *parent;
    int depth;
    bool linked; /* whether groups name their parents: callbacks of users cannot */
    int64_t *leaves;
} node;

static void grow(tsri_task *task)
{
    node *self = (node *)task, children[4];
    tsri_task_group group;
    if (self->depth == 0) {
        __atomic_fetch_add(self->leaves, 1, __ATOMIC_RELAXED);
        return;
    }
    int status =
        tsri_group_init(&group, self->context, NULL, self->linked ? task->group : NULL, NULL);
    for (int i = 0; status == 0 && i < 4; i++) {
        children[i] = *self;
        children[i].depth--;
        tsri_group_spawn(&group, &children[i].task, grow);
    }
    if (status == 0)
        status = tsri_group_wait(&group, NULL);
    if (status < 0)
        tsri_group_fail(task->group, status, NULL);
}

static void nested_groups_end_on_any_number_of_threads(void **state)
{
    (void)state;
    static const int threads[] = {1, 2, 4};
    for (int kind = 0; kind < 6; kind++) {
        tsr_auto(tsr_context) *context = new_context(threads[kind / 2]);
        tsri_task_group group;
        int64_t leaves = 0;
        node roots[2];
        assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
        for (int i = 0; i < 2; i++) {
            roots[i] =
                (node){.context = context, .depth = 6, .linked = kind % 2, .leaves = &leaves};
            tsri_group_spawn(&group, &roots[i].task, grow);
        }
        assert_int_equal(tsri_group_wait(&group, NULL), 0);
        assert_int_equal(leaves, 2 * 4096);
    }
}

/* ---- whom a waiting thread helps ---- */

typedef struct helper {
    tsri_task task;
    tsr_context *context;
    int *deepest, *now; /* how many of these tasks lie on the stack of this thread */
} helper;

static void *release_soon(void *user)
{
    usleep(2000);
    tsri_group_release(user);
    return NULL;
}

/* Waits for a request on the wire, in a group of its own. */
static void wait_inside(tsri_task *task)
{
    helper *self = (helper *)task;
    tsri_task_group inner;
    pthread_t transport;
    *self->deepest = TSRI_MAX(*self->deepest, ++*self->now);
    if (tsri_group_init(&inner, self->context, NULL, NULL, NULL) < 0)
        abort();
    tsri_group_hold(&inner);
    if (pthread_create(&transport, NULL, release_soon, &inner) != 0 ||
        tsri_group_wait(&inner, NULL) != 0)
        abort();
    pthread_join(transport, NULL);
    --*self->now;
}

/* While a task waits for a group of its own, its thread takes no other task of the older group:
 * otherwise the stack would grow with the number of tasks. */
static void a_waiting_thread_takes_nothing_older(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(1);
    tsri_task_group group;
    helper helpers[20];
    int deepest = 0, now = 0;
    assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
    for (int i = 0; i < 20; i++) {
        helpers[i] = (helper){.context = context, .deepest = &deepest, .now = &now};
        tsri_group_spawn(&group, &helpers[i].task, wait_inside);
    }
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
    assert_int_equal(deepest, 1);
}

typedef struct younger {
    tsr_context *context;
    tsri_task_group *held;
    pthread_t ran_on;
    tsri_task task;
} younger;

static void note_where(tsri_task *task)
{
    younger *self = (younger *)((char *)task - offsetof(younger, task));
    self->ran_on = pthread_self();
}

/* Begins an operation and is slow to wait for it. */
static void *begin_and_dawdle(void *user)
{
    younger *self = user;
    tsri_task_group group;
    if (tsri_group_init(&group, self->context, NULL, NULL, NULL) < 0)
        abort();
    tsri_group_spawn(&group, &self->task, note_where);
    usleep(200000);
    if (tsri_group_wait(&group, NULL) < 0)
        abort();
    tsri_group_release(self->held);
    return NULL;
}

static void a_waiting_thread_helps_younger_groups(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(1);
    tsri_task_group group;
    pthread_t thread;
    younger work = {.context = context, .held = &group};
    assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
    tsri_group_hold(&group);
    assert_int_equal(pthread_create(&thread, NULL, begin_and_dawdle, &work), 0);
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
    pthread_join(thread, NULL);
    assert_true(pthread_equal(work.ran_on, pthread_self()));
}

/* ---- tasks that spawn ---- */

typedef struct counter {
    tsri_task task;
    int left;
} counter;

static void run_again(tsri_task *task)
{
    counter *self = (counter *)task;
    if (--self->left > 0)
        tsri_group_spawn(task->group, task, run_again);
}

static void a_task_may_spawn_itself_again(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(3);
    tsri_task_group group;
    counter counters[5];
    assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
    for (int i = 0; i < 5; i++) {
        counters[i].left = 100;
        tsri_group_spawn(&group, &counters[i].task, run_again);
    }
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
    for (int i = 0; i < 5; i++)
        assert_int_equal(counters[i].left, 0);
}

static void do_no_work(tsri_task *task)
{
    (void)task;
}

static void free_itself(tsri_task *task)
{
    free(task);
}

static void a_task_may_free_itself(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(3);
    tsri_task_group group;
    assert_int_equal(tsri_group_init(&group, context, NULL, NULL, NULL), 0);
    for (int i = 0; i < 100; i++)
        tsri_group_spawn(&group, malloc(sizeof(tsri_task)), free_itself);
    assert_int_equal(tsri_group_wait(&group, NULL), 0);
}

/* ---- want ---- */

static void without_memory_there_is_an_error_and_no_harm(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(200);
    tsr_error err = TSR_ERROR_INIT;
    tsri_task_group group;
    int64_t runs = 0;
    nth_malloc_arm(1, true);
    int made = tsri_group_init(&group, context, NULL, NULL, &err);
    int looped = tsri_parallel_for(context, NULL, NULL, 100, 1, add_one, &runs, NULL);
    assert_true(nth_malloc_disarm());
    assert_int_equal(made, TSR_NO_MEMORY);
    assert_int_equal(err.status, TSR_NO_MEMORY);
    assert_int_equal(looped, TSR_NO_MEMORY);
    assert_int_equal(runs, 0);
    /* With the pool made, a loop that finds no memory for its tasks does with fewer. */
    tsri_pool *pool;
    assert_int_equal(tsri_pool_get(context, &pool, NULL), 0);
    nth_malloc_arm(1, false);
    looped = tsri_parallel_for(context, NULL, NULL, 1000, 1, add_one, &runs, NULL);
    assert_true(nth_malloc_disarm());
    assert_int_equal(looped, 0);
    assert_int_equal(runs, 1000);
}

/* In a child process that may start no threads: whoever waits does all the work. */
static void without_threads_the_caller_does_the_work(void **state)
{
    (void)state;
    if (!CHILDREN_MAY_START_THREADS)
        skip();
    pid_t child = fork();
    if (child == 0) {
        tsr_context *context = new_context(8);
        struct rlimit none = {0, 0};
        /* The limit of threads does not hold for root, who gives that up here. */
        if (setrlimit(RLIMIT_NPROC, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
            _exit(77);
        bool good = use_pool(context, 1000) == 1000 && count_threads() == 1;
        tsr_context_free(context);
        _exit(good ? 0 : 1);
    }
    int exit_status = exit_status_of(child);
    if (exit_status == 77)
        skip();
    assert_int_equal(exit_status, 0);
}

/* ---- everything at once ---- */

typedef struct storm {
    tsri_task task;
    tsr_context *context;
    tsri_task_group *group;
    pthread_t transport;
    unsigned seed;
    int64_t *leaves;
} storm;

static void *arrive(void *user)
{
    storm *self = user;
    usleep(self->seed % 200);
    tsri_group_spawn(self->group, &self->task, do_no_work);
    tsri_group_release(self->group);
    return NULL;
}

/* Three requests on the wire and three loops at the same time, in a nested group. */
static void storm_once(tsri_task *task)
{
    storm *self = (storm *)task, requests[3];
    tsri_task_group group;
    if (tsri_group_init(&group, self->context, NULL, task->group, NULL) < 0)
        return;
    for (int i = 0; i < 3; i++) {
        requests[i] = (storm){.group = &group, .seed = self->seed * 31 + (unsigned)i * 57};
        tsri_group_hold(&group);
        if (pthread_create(&requests[i].transport, NULL, arrive, &requests[i]) != 0)
            abort();
    }
    for (int i = 0; i < 3; i++)
        tsri_parallel_for(self->context, NULL, &group, 7, 1, add_one, self->leaves, NULL);
    if (tsri_group_wait(&group, NULL) < 0)
        abort();
    for (int i = 0; i < 3; i++)
        pthread_join(requests[i].transport, NULL);
}

static void *storm_often(void *user)
{
    storm *self = user;
    for (int round = 0; round < 10; round++) {
        tsri_task_group group;
        storm tasks[4];
        if (tsri_group_init(&group, self->context, NULL, NULL, NULL) < 0)
            abort();
        for (int i = 0; i < 4; i++) {
            tasks[i] = *self;
            tasks[i].seed += (unsigned)(round * 4 + i) * 101;
            tsri_group_spawn(&group, &tasks[i].task, storm_once);
        }
        if (tsri_group_wait(&group, NULL) < 0)
            abort();
    }
    return NULL;
}

static void holds_loops_and_nesting_from_several_threads(void **state)
{
    (void)state;
    tsr_auto(tsr_context) *context = new_context(3);
    storm callers[3];
    int64_t leaves = 0;
    for (unsigned i = 0; i < 3; i++) {
        callers[i] = (storm){.context = context, .seed = i * 1009, .leaves = &leaves};
        assert_int_equal(pthread_create(&callers[i].transport, NULL, storm_often, &callers[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(callers[i].transport, NULL);
    assert_int_equal(leaves, 3 * 10 * 4 * 3 * 7);
}

/* ---- forks ---- */

static void a_child_starts_its_own_workers(void **state)
{
    (void)state;
    if (!CHILDREN_MAY_START_THREADS)
        skip();
    tsr_auto(tsr_context) *context = new_context(3);
    assert_int_equal(use_pool(context, 100), 100);
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        if (child == 0) {
            bool good = use_pool(context, 500) == 500 && count_threads() > 1;
            tsr_context_free(context);
            _exit(good ? 0 : 1);
        }
        assert_int_equal(exit_status_of(child), 0);
        assert_int_equal(use_pool(context, 50), 50);
    }
}

typedef struct background {
    tsr_context *context;
    int stop; /* atomic */
    int64_t wrong;
} background;

static void *work_in_background(void *user)
{
    background *self = user;
    while (!__atomic_load_n(&self->stop, __ATOMIC_RELAXED))
        self->wrong += use_pool(self->context, 40) != 40;
    return NULL;
}

static void forking_while_others_work_leaves_the_child_able(void **state)
{
    (void)state;
    if (!CHILDREN_MAY_START_THREADS)
        skip();
    tsr_auto(tsr_context) *context = new_context(3);
    background busy[2] = {{.context = context}, {.context = context}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work_in_background, &busy[i]), 0);
    int failures = 0;
    for (int i = 0; i < 40; i++) {
        pid_t child = fork();
        if (child == 0) {
            bool good = use_pool(context, 200) == 200;
            pid_t grandchild = good && i % 8 == 0 ? fork() : -1;
            if (grandchild == 0)
                _exit(use_pool(context, 100) == 100 ? 0 : 1);
            if (grandchild > 0)
                good = exit_status_of(grandchild) == 0;
            _exit(good ? 0 : 1);
        }
        failures += exit_status_of(child) != 0;
    }
    for (int i = 0; i < 2; i++) {
        __atomic_store_n(&busy[i].stop, 1, __ATOMIC_RELAXED);
        pthread_join(threads[i], NULL);
        assert_int_equal(busy[i].wrong, 0);
    }
    assert_int_equal(failures, 0);
}

/* Forking inside an operation, here from its poll: the child is told so instead of waiting for ever
 * for threads that it does not have. */
typedef struct forking {
    pid_t child;
    bool in_child;
} forking;

static int fork_once(void *user)
{
    forking *self = user;
    if (self->child == 0 && !self->in_child) {
        self->child = fork();
        self->in_child = self->child == 0;
    }
    return 0;
}

static void *release_later(void *user)
{
    usleep(200000);
    tsri_group_release(user);
    return NULL;
}

static void forking_in_the_middle_of_an_operation(void **state)
{
    (void)state;
    if (!CHILDREN_MAY_START_THREADS)
        skip();
    tsr_auto(tsr_context) *context = new_context(2);
    forking self = {0};
    tsr_call call = {.poll = fork_once, .user = &self};
    tsri_task_group group;
    pthread_t thread;
    assert_int_equal(use_pool(context, 50), 50);
    assert_int_equal(tsri_group_init(&group, context, &call, NULL, NULL), 0);
    tsri_group_hold(&group);
    assert_int_equal(pthread_create(&thread, NULL, release_later, &group), 0);
    tsr_error err = TSR_ERROR_INIT;
    int status = tsri_group_wait(&group, &err);
    if (self.in_child)
        _exit(status == TSR_INTERNAL && use_pool(context, 50) == 50 ? 0 : 1);
    assert_int_equal(status, 0);
    pthread_join(thread, NULL);
    assert_true(self.child > 0);
    assert_int_equal(exit_status_of(self.child), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_start_on_first_use_and_end_with_the_context),
        cmocka_unit_test(one_thread_starts_no_workers),
        cmocka_unit_test(parked_workers_cost_nothing),
        cmocka_unit_test(many_tiny_tasks_from_several_threads),
        cmocka_unit_test(nested_groups_end_on_any_number_of_threads),
        cmocka_unit_test(a_waiting_thread_takes_nothing_older),
        cmocka_unit_test(a_waiting_thread_helps_younger_groups),
        cmocka_unit_test(a_task_may_spawn_itself_again),
        cmocka_unit_test(a_task_may_free_itself),
        cmocka_unit_test(without_memory_there_is_an_error_and_no_harm),
        cmocka_unit_test(without_threads_the_caller_does_the_work),
        cmocka_unit_test(holds_loops_and_nesting_from_several_threads),
        cmocka_unit_test(a_child_starts_its_own_workers),
        cmocka_unit_test(forking_while_others_work_leaves_the_child_able),
        cmocka_unit_test(forking_in_the_middle_of_an_operation),
    };
    return cmocka_run_group_tests(tests, start_the_first_thread, NULL);
}
