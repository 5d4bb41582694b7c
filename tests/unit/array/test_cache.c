/* Proves of a cache that it finds what was put in, of the version that was put in, stays within its
 * budget, gives up what was not used for longest, and survives threads and forks. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "array/cache.h"

static tsri_cache_source source_of(const char *key, uint64_t offset, int level, uint64_t version)
{
    return (tsri_cache_source){key, offset, level, {{version}}};
}

static void put(tsri_cache *cache, const tsri_cache_source *source, size_t size_bytes, char byte)
{
    tsr_blob *blob;
    assert_int_equal(tsr_blob_new(size_bytes, &blob, NULL), 0);
    memset(tsr_blob_data_writable(blob), byte, size_bytes);
    tsri_cache_put(cache, source, blob);
    tsr_blob_unref(blob);
}

/* The first byte of what is found, with its version in *source; 0: nothing is. */
static char take(tsri_cache *cache, tsri_cache_source *source)
{
    tsr_blob *blob = tsri_cache_get(cache, source);
    char byte = blob ? *(const char *)tsr_blob_data(blob) : 0;
    tsr_blob_unref(blob);
    return byte;
}

static void sources_are_told_apart(void **state)
{
    (void)state;
    tsri_cache cache;
    tsri_cache_init(&cache, 1 << 20);
    const tsri_cache_source sources[] = {source_of("c/0", 0, 0, 5), source_of("c/0", 0, 1, 5),
                                         source_of("c/0", 8, 1, 5), source_of("c/1", 0, 0, 6)};
    for (size_t i = 0; i < 4; i++)
        put(&cache, &sources[i], 10, (char)('a' + i));
    for (size_t i = 0; i < 4; i++) {
        tsri_cache_source asked = sources[i];
        asked.generation = (tsr_generation){{99}};
        assert_int_equal(take(&cache, &asked), 'a' + i);
        assert_int_equal(asked.generation.words[0], sources[i].generation.words[0]);
    }
    tsri_cache_source other = source_of("c", 0, 0, 5);
    assert_int_equal(take(&cache, &other), 0);
    tsri_cache_clear(&cache);
}

static void a_later_version_takes_the_place(void **state)
{
    (void)state;
    tsri_cache cache;
    tsri_cache_init(&cache, 1 << 20);
    tsri_cache_source old = source_of("k", 0, 0, 1), new = source_of("k", 0, 0, 2), asked = old;
    put(&cache, &old, 10, 'o');
    put(&cache, &new, 10, 'n');
    assert_int_equal(take(&cache, &asked), 'n');
    assert_int_equal(asked.generation.words[0], 2);
    tsri_cache_drop(&cache, &old);
    assert_int_equal(take(&cache, &asked), 'n');
    tsri_cache_drop(&cache, &new);
    assert_int_equal(take(&cache, &asked), 0);
    assert_int_equal(cache.used_bytes, 0);
    tsri_cache_clear(&cache);
}

static void the_budget_holds_and_the_oldest_goes(void **state)
{
    (void)state;
    tsri_cache cache;
    char keys[200][12];
    tsri_cache_init(&cache, 40 * 1000);
    tsri_cache_source first = source_of("first", 0, 0, 1);
    put(&cache, &first, 1000, 'f');
    for (int i = 0; i < 200; i++) {
        snprintf(keys[i], sizeof keys[i], "%d", i);
        tsri_cache_source source = source_of(keys[i], 0, 0, 1);
        put(&cache, &source, 1000, 'x');
        assert_true(cache.used_bytes <= cache.limit_bytes);
        assert_int_equal(take(&cache, &first), 'f'); /* used all the time */
    }
    assert_true(cache.count > 25);
    tsri_cache_source last = source_of("199", 0, 0, 1), gone = source_of("100", 0, 0, 1);
    assert_int_equal(take(&cache, &last), 'x');
    assert_int_equal(take(&cache, &gone), 0);
    tsri_cache_source large = source_of("large", 0, 0, 1);
    put(&cache, &large, 10001, 'l');
    assert_int_equal(take(&cache, &large), 0);
    assert_int_equal(take(&cache, &first), 'f');
    tsri_cache_clear(&cache);
}

static void without_a_budget_nothing_is_kept(void **state)
{
    (void)state;
    tsri_cache cache;
    tsri_cache_init(&cache, 0);
    tsri_cache_source source = source_of("k", 0, 0, 1);
    put(&cache, &source, 0, 'x');
    put(&cache, &source, 1, 'x');
    assert_null(tsri_cache_get(&cache, &source));
    tsri_cache_drop(&cache, &source);
    tsri_cache_clear(&cache);
}

enum { THREADS = 4, ROUNDS = 2000 };

static void *work(void *user)
{
    tsri_cache *cache = user;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    for (int i = 0; i < ROUNDS; i++) {
        char key[2] = {(char)('a' + rand_r(&seed) % 16), 0};
        tsri_cache_source source = source_of(key, 0, 0, 1 + (uint64_t)(rand_r(&seed) % 3));
        int what = rand_r(&seed) % 8;
        if (what == 0)
            tsri_cache_drop(cache, &source);
        else if (what < 4)
            put(cache, &source, 100, key[0]);
        else {
            char found = take(cache, &source);
            if (found && found != key[0])
                return cache;
        }
    }
    return NULL;
}

static void threads_and_forks(void **state)
{
    (void)state;
    tsri_cache cache;
    pthread_t threads[THREADS];
    tsri_cache_init(&cache, 2500);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &cache), 0);
        /* The sanitizers' own allocators do not keep their locks over a fork while other threads
         * run. */
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        if (child == 0)
            _exit(work(&cache) != NULL);
        int how = -1;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_int_equal(how, 0);
    }
#endif
    for (int i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    assert_true(cache.used_bytes <= 2500);
    tsri_cache_clear(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sources_are_told_apart),
        cmocka_unit_test(a_later_version_takes_the_place),
        cmocka_unit_test(the_budget_holds_and_the_oldest_goes),
        cmocka_unit_test(without_a_budget_nothing_is_kept),
        cmocka_unit_test(threads_and_forks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
