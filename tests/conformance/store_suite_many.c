/* Many threads on one store, and long random histories against a model. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conformance/store_suite_help.h"

/* Workers return what went wrong; only the main thread asserts. */
typedef struct worker_crew {
    suite *s;
    int rounds;
    int writers_left; /* atomic */
    int next;         /* atomic: the number of the next worker */
    int wins;         /* atomic */
} worker_crew;

static void run_crew(void *(*const *work)(void *), int count, worker_crew *crew)
{
    pthread_t threads[16];
    void *failures[16];
    for (int i = 0; i < count; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work[i], crew), 0);
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], &failures[i]);
    for (int i = 0; i < count; i++)
        if (failures[i])
            fail_msg("thread %d: %s", i, (const char *)failures[i]);
}

/* A value of this store: its length, its number and then that number as every byte. */
enum { TORN_KEYS = 3, TORN_BYTES_MAX = 200000 };

static void *write_values(void *user)
{
    worker_crew *crew = user;
    uint64_t random = (uint64_t)__atomic_fetch_add(&crew->next, 1, __ATOMIC_RELAXED) + 77;
    unsigned char *bytes = malloc(TORN_BYTES_MAX);
    const char *failure = NULL;
    for (int round = 0; round < crew->rounds && !failure; round++) {
        uint32_t size = 4 + (uint32_t)(random_next(&random) % (TORN_BYTES_MAX - 4));
        char key[16];
        memset(bytes, (int)random_next(&random), size);
        memcpy(bytes, &size, 4);
        snprintf(key, sizeof key, "torn/%d", round % TORN_KEYS);
        if (tsr_store_put(crew->s->store, key, bytes, size, TSR_DURABILITY_NONE, NULL, NULL) < 0)
            failure = "a put failed";
        if (random_next(&random) % 16 == 0 && tsr_store_erase(crew->s->store, key, NULL, NULL) < 0)
            failure = "an erase failed";
    }
    free(bytes);
    __atomic_fetch_sub(&crew->writers_left, 1, __ATOMIC_RELEASE);
    return (void *)failure;
}

static const char *check_torn(const tsr_blob *blob)
{
    const unsigned char *bytes = tsr_blob_data(blob);
    size_t size = tsr_blob_size(blob);
    uint32_t expected;
    if (size < 4)
        return "a value is too short";
    memcpy(&expected, bytes, 4);
    if (size != expected)
        return "a value has not the length that was written";
    for (size_t i = 5; i < size; i++)
        if (bytes[i] != bytes[4])
            return "a value is torn";
    return NULL;
}

static void *read_values(void *user)
{
    worker_crew *crew = user;
    const char *failure = NULL;
    for (int i = 0; !failure && __atomic_load_n(&crew->writers_left, __ATOMIC_ACQUIRE) > 0; i++) {
        char key[16];
        tsr_blob *blob = NULL;
        snprintf(key, sizeof key, "torn/%d", i % TORN_KEYS);
        int status = tsr_store_get(crew->s->store, key, whole, NULL, &blob, NULL, NULL);
        if (status == 0)
            failure = check_torn(blob);
        else if (status != TSR_NOT_FOUND)
            failure = "a get failed";
        tsr_blob_unref(blob);
    }
    return (void *)failure;
}

void store_suite_readers_never_see_torn_values(void **state)
{
    worker_crew crew = {.s = *state, .rounds = 120, .writers_left = 2};
    run_crew((void *(*const[])(void *)){write_values, write_values, read_values, read_values}, 4,
             &crew);
}

/* ---- Read, change, write ---- */

/* Adds 1 to a counter: under a lock where the store has one, else by a conditional put. */
static int add_one(tsr_store *store, const char *key)
{
    tsr_lock *lock = NULL;
    tsr_blob *blob = NULL;
    tsr_generation generation;
    uint64_t count = 0;
    int status = tsr_store_lock(store, key, NULL, &lock, NULL);
    if (status < 0)
        return status;
    status = tsr_store_get(store, key, whole, NULL, &blob, &generation, NULL);
    bool exists = status == 0;
    if (exists)
        memcpy(&count, tsr_blob_data(blob), sizeof count);
    tsr_blob_unref(blob);
    count++;
    tsr_segment segment = {.bytes = &count, .size_bytes = sizeof count};
    tsr_put_request request = {.key = key,
                               .segments = &segment,
                               .segment_count = 1,
                               .lock = lock,
                               .if_match = exists ? &generation : NULL,
                               .if_absent = !exists};
    if (exists || status == TSR_NOT_FOUND)
        status = tsr_store_put_many(store, &request, 1, NULL);
    tsr_store_unlock(store, lock);
    return status;
}

static void *add_many(void *user)
{
    worker_crew *crew = user;
    for (int i = 0; i < crew->rounds;) {
        int status = add_one(crew->s->store, "counter");
        /* Under a lock nobody else can have been there. */
        if (status < 0 && (status != TSR_CONFLICT || crew->s->store->ops->lock))
            return (void *)"a change failed";
        i += status == 0;
    }
    return NULL;
}

void store_suite_no_update_is_lost(void **state)
{
    suite *s = *state;
    if (!s->store->ops->lock && !s->store->hints.conditional)
        skip();
    worker_crew crew = {.s = s, .rounds = 100};
    run_crew((void *(*const[])(void *)){add_many, add_many, add_many, add_many}, 4, &crew);
    tsr_blob *blob = NULL;
    uint64_t count;
    assert_int_equal(tsr_store_get(s->store, "counter", whole, NULL, &blob, NULL, NULL), 0);
    assert_int_equal(tsr_blob_size(blob), sizeof count);
    memcpy(&count, tsr_blob_data(blob), sizeof count);
    tsr_blob_unref(blob);
    assert_int_equal(count, 400);
    assert_listing(s, "", false, "counter");
}

static void *create_many(void *user)
{
    worker_crew *crew = user;
    for (int i = 0; i < crew->rounds; i++) {
        char key[24];
        snprintf(key, sizeof key, "once/%d/k", i);
        tsr_put_request request = {.key = key, .if_absent = true};
        int status = tsr_store_put_many(crew->s->store, &request, 1, NULL);
        if (status == 0)
            __atomic_fetch_add(&crew->wins, 1, __ATOMIC_RELAXED);
        else if (status != TSR_CONFLICT)
            return (void *)"a put failed";
    }
    return NULL;
}

void store_suite_one_creator_wins(void **state)
{
    worker_crew crew = {.s = *state, .rounds = 60};
    run_crew((void *(*const[])(void *)){create_many, create_many, create_many}, 3, &crew);
    assert_int_equal(crew.wins, 60);
}

/* ---- A model: keys and values in two plain arrays ---- */

enum { MODEL_KEYS = 40, MODEL_STEPS = 1500 };

typedef struct model {
    char keys[MODEL_KEYS][24]; /* in byte order */
    char *values[MODEL_KEYS];  /* NULL: absent */
    uint64_t random;
} model;

static int compare_keys(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Keys of up to three parts, of which none is a part of the way to another. */
static void name_model_keys(model *m)
{
    for (int i = 0; i < MODEL_KEYS; i++) {
        static const char *const folders[] = {"a", "a/b", "a-b", "ab/c"};
        snprintf(m->keys[i], sizeof m->keys[i], "%s/x%02d", folders[i % 4], i);
    }
    qsort(m->keys, MODEL_KEYS, sizeof *m->keys, compare_keys);
}

static void step_put(suite *s, model *m, int i)
{
    size_t size = random_next(&m->random) % 40;
    free(m->values[i]);
    m->values[i] = malloc(size + 1);
    memset(m->values[i], 'a' + (int)(random_next(&m->random) % 26), size);
    m->values[i][size] = 0;
    put_text(s, m->keys[i], m->values[i]);
}

static void step_get(suite *s, model *m, int i)
{
    if (m->values[i])
        assert_value(s, m->keys[i], m->values[i]);
    else
        assert_absent(s, m->keys[i]);
}

static void step_erase(suite *s, model *m, int i)
{
    assert_int_equal(tsr_store_erase(s->store, m->keys[i], NULL, NULL), 0);
    free(m->values[i]);
    m->values[i] = NULL;
}

static const char *const model_prefixes[] = {"", "a/", "a/b/", "a-b/", "ab/", "ab/c/", "none/"};

static const char *random_prefix(model *m)
{
    return model_prefixes[random_next(&m->random) % 7];
}

static void step_list(suite *s, model *m)
{
    const char *prefix = random_prefix(m);
    bool delimiter = random_next(&m->random) % 2;
    char expected[MODEL_KEYS * 24 + 1] = "";
    char last[24] = "";
    for (int i = 0; i < MODEL_KEYS; i++) {
        if (!m->values[i] || strncmp(m->keys[i], prefix, strlen(prefix)) != 0)
            continue;
        char name[24];
        strcpy(name, m->keys[i] + strlen(prefix));
        char *slash = delimiter ? strchr(name, '/') : NULL;
        if (slash)
            slash[1] = 0;
        if (slash && strcmp(name, last) == 0)
            continue;
        strcpy(last, name);
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%s%s",
                 expected[0] ? " " : "", name);
    }
    /* A file system keeps empty folders, which the model does not know. */
    if (!delimiter || !s->subject->has_folders)
        assert_listing(s, prefix, delimiter, expected);
}

static void step_erase_prefix(suite *s, model *m)
{
    const char *prefix = random_prefix(m);
    assert_int_equal(tsr_store_erase_prefix(s->store, prefix, NULL, NULL), 0);
    for (int i = 0; i < MODEL_KEYS; i++) {
        if (strncmp(m->keys[i], prefix, strlen(prefix)) == 0) {
            free(m->values[i]);
            m->values[i] = NULL;
        }
    }
}

void store_suite_follows_the_model(void **state)
{
    suite *s = *state;
    const char *chosen = getenv("TESSERA_TEST_SEED");
    model m = {.random = chosen ? strtoull(chosen, NULL, 0) : 20240817};
    print_message("seed %llu\n", (unsigned long long)m.random);
    name_model_keys(&m);
    for (int step = 0; step < MODEL_STEPS; step++) {
        int i = (int)(random_next(&m.random) % MODEL_KEYS);
        uint64_t what = random_next(&m.random) % 100;
        if (what < 45)
            step_put(s, &m, i);
        else if (what < 75)
            step_get(s, &m, i);
        else if (what < 90)
            step_erase(s, &m, i);
        else if (what < 98)
            step_list(s, &m);
        else
            step_erase_prefix(s, &m);
    }
    for (int i = 0; i < MODEL_KEYS; i++)
        step_get(s, &m, i);
    for (int i = 0; i < MODEL_KEYS; i++)
        free(m.values[i]);
}
