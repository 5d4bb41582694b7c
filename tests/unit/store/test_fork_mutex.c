/* Proves that a fork never catches the mutex locked: while other threads lock it all the time, each
 * child finds it free, and its own function has run. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/fork_mutex.h"

typedef struct shared {
    tsri_fork_mutex mutex;
    int stop; /* atomic */
    int a, b; /* under the mutex: always equal */
    int children;
} shared;

static void *lock_all_the_time(void *user)
{
    shared *s = user;
    while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
        tsri_fork_mutex_lock(&s->mutex);
        s->a++;
        s->b++;
        tsri_fork_mutex_unlock(&s->mutex);
    }
    return NULL;
}

static void in_child(void *user)
{
    ((shared *)user)->children++;
}

static void a_child_finds_it_free_and_its_data_whole(void **state)
{
    (void)state;
    shared s = {.stop = 0};
    pthread_t threads[2];
    tsri_fork_mutex_init(&s.mutex, in_child, &s);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, lock_all_the_time, &s);
    int bad = 0;
    for (int i = 0; i < 50; i++) {
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            tsri_fork_mutex_lock(&s.mutex);
            bool good = s.a == s.b && s.children == 1;
            tsri_fork_mutex_unlock(&s.mutex);
            _exit(good ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        bad += status != 0;
    }
    __atomic_store_n(&s.stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    tsri_fork_mutex_clear(&s.mutex);
    assert_int_equal(bad, 0);
    assert_int_equal(s.children, 0);
}

static void make_use_and_clear(tsri_fork_mutex *own)
{
    tsri_fork_mutex other;
    tsri_fork_mutex_lock(own);
    tsri_fork_mutex_unlock(own);
    tsri_fork_mutex_init(&other, NULL, NULL);
    tsri_fork_mutex_lock(&other);
    tsri_fork_mutex_unlock(&other);
    tsri_fork_mutex_clear(&other);
}

/* Several are taken before a fork, and given back on both sides: ThreadSanitizer, which keeps books
 * of what is held while what is taken, finds no order that contradicts another. */
static void several_are_taken_in_one_order(void **state)
{
    tsri_fork_mutex mutexes[3];
    int bad = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        tsri_fork_mutex_init(&mutexes[i], NULL, NULL);
    for (int i = 0; i < 6; i++) {
        fflush(NULL);
        pid_t child = fork();
        make_use_and_clear(&mutexes[i % 3]);
        make_use_and_clear(&mutexes[2 - i % 3]);
        if (child == 0)
            _exit(0);
        int status;
        waitpid(child, &status, 0);
        bad += status != 0;
    }
    for (int i = 0; i < 3; i++)
        tsri_fork_mutex_clear(&mutexes[(i + 1) % 3]);
    assert_int_equal(bad, 0);
}

/* After clear a fork does not touch it any more. */
static void a_cleared_mutex_is_forgotten(void **state)
{
    (void)state;
    shared *s = calloc(1, sizeof *s);
    tsri_fork_mutex_init(&s->mutex, in_child, s);
    tsri_fork_mutex_clear(&s->mutex);
    free(s);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_finds_it_free_and_its_data_whole),
        cmocka_unit_test(several_are_taken_in_one_order),
        cmocka_unit_test(a_cleared_mutex_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
