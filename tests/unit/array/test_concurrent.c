/* Proves, under load, that whoever reads while others write sees each inner chunk as it was or as
 * it is, never anything between, and that nobody waits for ever. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temporary.h"
#include "unit/array/array_testing.h"

enum { INNER = 16, CHUNKS = 24, COUNT = INNER * CHUNKS, WRITERS = 3, READERS = 3 };

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define INDEX "\"index_codecs\":[" LITTLE ",{\"name\":\"crc32c\"}]"

static const array_row rows[] = {
    {.name = "raw chunks", .rank = 1, .shape = {COUNT}, .chunk = {INNER}, .codec = "none"},
    {.name = "shards",
     .rank = 1,
     .shape = {COUNT},
     .chunk = {INNER},
     .shard = {COUNT / 2},
     .codec = "zstd:1"},
    {.name = "nested shards",
     .rank = 1,
     .shape = {COUNT},
     .chunk = {COUNT / 2},
     .codecs = "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[64],\"codecs\":"
               "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[16],\"codecs\":"
               "[" LITTLE ",{\"name\":\"crc32c\"}]," INDEX "}}]," INDEX "}}]"},
    {.name = "packed shards",
     .rank = 1,
     .shape = {COUNT},
     .chunk = {COUNT / 2},
     .codecs = "[{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[16],\"codecs\":"
               "[" LITTLE "]," INDEX "}},{\"name\":\"crc32c\"}]"},
};

typedef struct worker {
    tsr_array *array;
    int number, rounds;
    int64_t sizes; /* 0: whole array; 1: some chunks */
    char failure[256];
} worker;

static void fail_worker(worker *self, const char *what, const char *why)
{
    snprintf(self->failure, sizeof self->failure, "%.80s: %.150s", what, why);
}

/* Writes whole inner chunks, each of one number. */
static void *write_often(void *user)
{
    worker *self = user;
    unsigned random = (unsigned)self->number * 7919 + 1;
    tsr_error err = TSR_ERROR_INIT;
    for (int round = 0; round < self->rounds && !self->failure[0]; round++) {
        int32_t values[COUNT];
        random = random * 1103515245 + 12345;
        int64_t first = random / 65536 % CHUNKS, chunks = 1 + random / 7777 % 6;
        if (first + chunks > CHUNKS)
            chunks = CHUNKS - first;
        int64_t start = first * INNER, count = chunks * INNER;
        for (int64_t i = 0; i < count; i++)
            values[i] = (self->number << 16) + round + 1;
        if (tsr_array_write(self->array, &start, &count, NULL, values,
                            (size_t)count * sizeof *values, NULL, &err) < 0)
            fail_worker(self, "write", err.message);
    }
    return NULL;
}

static void *read_often(void *user)
{
    worker *self = user;
    tsr_error err = TSR_ERROR_INIT;
    for (int round = 0; round < self->rounds && !self->failure[0]; round++) {
        int32_t values[COUNT];
        memset(values, 0x7f, sizeof values);
        if (tsr_array_read(self->array, NULL, NULL, NULL, values, sizeof values, NULL, &err) < 0)
            fail_worker(self, "read", err.message);
        for (int i = 0; i < COUNT && !self->failure[0]; i++)
            if (values[i] != values[i / INNER * INNER] || values[i] == 0x7f7f7f7f)
                fail_worker(self, "read", "a torn inner chunk");
    }
    return NULL;
}

static void run_all(fixture *f, tsr_store *store, const char *path, bool handles, int rounds)
{
    static worker workers[WRITERS + READERS];
    pthread_t threads[WRITERS + READERS];
    tsr_array *own = array_open(f, store, path, true);
    for (int i = 0; i < WRITERS + READERS; i++) {
        workers[i] =
            (worker){.array = handles ? array_open(f, store, path, true) : tsr_array_ref(own),
                     .number = i,
                     .rounds = rounds};
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < WRITERS ? write_often : read_often, &workers[i]),
            0);
    }
    for (int i = 0; i < WRITERS + READERS; i++) {
        pthread_join(threads[i], NULL);
        tsr_array_close(workers[i].array);
    }
    tsr_array_close(own);
    for (int i = 0; i < WRITERS + READERS; i++)
        if (workers[i].failure[0])
            fail_msg("%s", workers[i].failure);
}

static void readers_see_whole_chunks_in_memory(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[8];
        snprintf(path, sizeof path, "a%zu", i);
        tsr_array_close(array_new(f, f->store, path, &rows[i], TSR_INT32, NULL));
        run_all(f, f->store, path, false, 40);
        run_all(f, f->store, path, true, 20);
    }
}

static void readers_see_whole_chunks_on_a_file_system(void **state)
{
    fixture fs;
    (void)state;
    char *folder = temporary_folder_new();
    fixture_open(&fs, folder);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[8];
        snprintf(path, sizeof path, "a%zu", i);
        tsr_array_close(array_new(&fs, fs.store, path, &rows[i], TSR_INT32, NULL));
        run_all(&fs, fs.store, path, i % 2, 12);
    }
    fixture_close(&fs);
    temporary_folder_remove(folder);
}

/* Two processes write, this one reads; all through handles of their own. */
static void readers_see_whole_chunks_of_other_processes(void **state)
{
    fixture fs;
    (void)state;
    if (!CAN_FORK)
        skip();
    char *folder = temporary_folder_new();
    pid_t children[2];
    fixture_open(&fs, folder);
    tsr_array_close(array_new(&fs, fs.store, "a", &rows[1], TSR_INT32, NULL));
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            worker own = {.array = array_open(&fs, fs.store, "a", true), .number = i, .rounds = 25};
            write_often(&own);
            if (own.failure[0])
                fprintf(stderr, "%s\n", own.failure);
            _exit(own.failure[0] ? 1 : 0);
        }
    }
    worker reader = {.array = array_open(&fs, fs.store, "a", false), .rounds = 60};
    read_often(&reader);
    tsr_array_close(reader.array);
    for (int i = 0; i < 2; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    if (reader.failure[0])
        fail_msg("%s", reader.failure);
    fixture_close(&fs);
    temporary_folder_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(readers_see_whole_chunks_in_memory),
        FIXTURE_TEST(readers_see_whole_chunks_on_a_file_system),
        FIXTURE_TEST(readers_see_whole_chunks_of_other_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
