/* Proves that nothing is lost and nothing is torn when many processes write inner chunks of the
 * same shards while others read them, and while writers are killed at random moments.
 *
 * Each inner chunk belongs to one writer, which fills it with the number of the round. Before a
 * write it notes the number in shared memory as begun, afterwards as acknowledged. So whoever reads
 * must find one number in all elements, not below what was acknowledged before the read, and not
 * above what was begun after it. A writer that was killed is started again and goes on; at the end
 * every acknowledged number is there, and no lock file is left.
 *
 * TESSERA_TORTURE=1 (`make torture`) runs it at full size: 16 writers of 2,000 writes each into 8
 * shards, and 1,000 kills; otherwise a small part of that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support/temporary.h"
#include "unit/array/array_testing.h"

enum { INNER = 64, PER_SHARD = 16, SHARDS = 8, CHUNKS = PER_SHARD * SHARDS, READERS = 2 };

typedef struct scale {
    int writers, writes, kills;
} scale;

static scale choose_scale(void)
{
    const char *full = getenv("TESSERA_TORTURE");
    return full && *full ? (scale){16, 2000, 1000} : (scale){4, 40, 25};
}

/* What all processes share; every number is atomic. */
typedef struct board {
    uint32_t begun[CHUNKS], acknowledged[CHUNKS];
    int32_t stop;
    int64_t reads;
    char failure[256];
} board;

static board *board_new(void)
{
    board *self =
        mmap(NULL, sizeof *self, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(self != MAP_FAILED);
    return self;
}

static void complain(board *self, const char *what, long long a, long long b, const char *text)
{
    snprintf(self->failure, sizeof self->failure, "%s (%lld, %lld) %.120s", what, a, b, text);
    __atomic_store_n(&self->stop, 1, __ATOMIC_SEQ_CST);
}

static const array_row shards_row = {.name = "shards",
                                     .rank = 1,
                                     .shape = {CHUNKS * INNER},
                                     .chunk = {INNER},
                                     .shard = {PER_SHARD * INNER},
                                     .codec = "none"};

/* A process of its own opens everything anew, with one thread. */
static tsr_array *open_alone(const char *folder, bool writable, tsr_context **ret_context)
{
    tsr_context_options context_options;
    tsr_array_open_options options;
    tsr_array *array = NULL;
    char place[4200];

    tsr_context_options_init(&context_options);
    context_options.threads = 1;
    tsr_array_open_options_init(&options);
    options.writable = writable;
    snprintf(place, sizeof place, "%s/a", folder);
    if (tsr_context_new(&context_options, ret_context, NULL) < 0 ||
        tsr_array_open(*ret_context, place, &options, &array, NULL) < 0)
        _exit(2);
    return array;
}

static int write_number(tsr_array *array, int64_t chunk, uint32_t number, tsr_error *err)
{
    int64_t start = chunk * INNER, count = INNER;
    uint32_t values[INNER];

    for (int i = 0; i < INNER; i++)
        values[i] = number;
    tsr_write_options options;
    tsr_view view;
    tsr_index index = {.rank = 1, .axes = {{TSR_INDEX_RANGE, start, count, 1}}};
    tsr_write_options_init(&options);
    options.durability = TSR_DURABILITY_NONE; /* processes die here, and not the system */
    int status = tsr_view_init(&view, TSR_UINT32, 1, &count, values, err);
    return status < 0
               ? status
               : tsr_array_write_index(array, &index, &view, TSR_CASTING_NO, &options, NULL, err);
}

/* The chunks first, first + step, ... belong to this process. */
static void run_writer(board *shared, const char *folder, int first, int step, int writes)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_context *context;
    tsr_array *array = open_alone(folder, true, &context);

    for (int i = 0; i < writes && !__atomic_load_n(&shared->stop, __ATOMIC_RELAXED); i++) {
        int64_t chunk = first + (int64_t)(i % (CHUNKS / step)) * step;
        uint32_t number = __atomic_load_n(&shared->begun[chunk], __ATOMIC_SEQ_CST) + 1;
        __atomic_store_n(&shared->begun[chunk], number, __ATOMIC_SEQ_CST);
        if (write_number(array, chunk, number, &err) < 0) {
            complain(shared, "write", chunk, number, err.message);
            break;
        }
        __atomic_store_n(&shared->acknowledged[chunk], number, __ATOMIC_SEQ_CST);
    }
    tsr_array_close(array);
    tsr_context_free(context);
    _exit(0);
}

/* Reads a chunk and holds it to the board. */
static void check_chunk(board *shared, tsr_array *array, int64_t chunk)
{
    int64_t start = chunk * INNER, count = INNER;
    uint32_t values[INNER];
    tsr_error err = TSR_ERROR_INIT;
    uint32_t least = __atomic_load_n(&shared->acknowledged[chunk], __ATOMIC_SEQ_CST);

    if (tsr_array_read(array, &start, &count, NULL, values, sizeof values, NULL, &err) < 0) {
        complain(shared, "read", chunk, 0, err.message);
        return;
    }
    uint32_t most = __atomic_load_n(&shared->begun[chunk], __ATOMIC_SEQ_CST);
    for (int i = 1; i < INNER; i++)
        if (values[i] != values[0])
            complain(shared, "torn", values[0], values[i], "");
    if (values[0] < least)
        complain(shared, "an acknowledged write is lost", least, values[0], "");
    if (values[0] > most)
        complain(shared, "a write that nobody began", most, values[0], "");
}

static void run_reader(board *shared, const char *folder, unsigned random)
{
    tsr_context *context;
    tsr_array *array = open_alone(folder, false, &context);

    while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
        random = random * 1103515245 + 12345;
        check_chunk(shared, array, random / 65536 % CHUNKS);
        __atomic_add_fetch(&shared->reads, 1, __ATOMIC_RELAXED);
    }
    tsr_array_close(array);
    tsr_context_free(context);
    _exit(0);
}

static pid_t start_writer(board *shared, const char *folder, int number, const scale *size,
                          int writes)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_writer(shared, folder, number, size->writers, writes);
    return child;
}

static void start_readers(board *shared, const char *folder, pid_t *ret_readers)
{
    for (int i = 0; i < READERS; i++) {
        ret_readers[i] = fork();
        assert_true(ret_readers[i] >= 0);
        if (ret_readers[i] == 0)
            run_reader(shared, folder, (unsigned)i + 1);
    }
}

static void stop_readers(board *shared, const pid_t *readers)
{
    int status;
    __atomic_store_n(&shared->stop, 1, __ATOMIC_SEQ_CST);
    for (int i = 0; i < READERS; i++) {
        assert_int_equal(waitpid(readers[i], &status, 0), readers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    if (shared->failure[0])
        fail_msg("%s", shared->failure);
    assert_true(shared->reads > 0);
}

static int count_lock_files(const char *folder)
{
    char path[4200];
    int count = 0;
    snprintf(path, sizeof path, "%s/a/c", folder);
    DIR *directory = opendir(path);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strstr(entry->d_name, "__lock") != NULL;
    closedir(directory);
    return count;
}

static char *new_array(void)
{
    char *folder = temporary_folder_new();
    fixture fs;
    fixture_open(&fs, folder);
    tsr_array_close(array_new(&fs, fs.store, "a", &shards_row, TSR_UINT32, NULL));
    fixture_close(&fs);
    return folder;
}

/* Everything that was acknowledged is there, and a write of each shard sweeps up what the dead
 * left.
 */
static void expect_all(board *shared, const char *folder)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_context *context;
    tsr_array *array = open_alone(folder, true, &context);

    for (int64_t chunk = 0; chunk < CHUNKS; chunk++)
        check_chunk(shared, array, chunk);
    for (int64_t chunk = 0; chunk < CHUNKS; chunk += PER_SHARD)
        assert_int_equal(write_number(array, chunk, shared->begun[chunk], &err), 0);
    tsr_array_close(array);
    tsr_context_free(context);
    if (shared->failure[0])
        fail_msg("%s", shared->failure);
    assert_int_equal(count_lock_files(folder), 0);
}

static void many_processes_lose_nothing(void **state)
{
    scale size = choose_scale();
    board *shared = board_new();
    char *folder = new_array();
    pid_t readers[READERS], writers[64];
    int status;

    (void)state;
    start_readers(shared, folder, readers);
    for (int i = 0; i < size.writers; i++)
        writers[i] = start_writer(shared, folder, i, &size, size.writes);
    for (int i = 0; i < size.writers; i++) {
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    stop_readers(shared, readers);
    int64_t acknowledged = 0;
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
        assert_int_equal(shared->acknowledged[chunk], shared->begun[chunk]);
        acknowledged += shared->acknowledged[chunk];
    }
    assert_int_equal(acknowledged, (int64_t)size.writers * size.writes);
    expect_all(shared, folder);
    temporary_folder_remove(folder);
    munmap(shared, sizeof *shared);
}

static void killed_writers_lose_what_they_were_not_told(void **state)
{
    scale size = choose_scale();
    board *shared = board_new();
    char *folder = new_array();
    pid_t readers[READERS], writers[4];
    unsigned random = 1;
    int status;

    (void)state;
    size.writers = 4;
    start_readers(shared, folder, readers);
    for (int i = 0; i < size.writers; i++)
        writers[i] = start_writer(shared, folder, i, &size, INT32_MAX);
    for (int kill_number = 0; kill_number < size.kills; kill_number++) {
        random = random * 1103515245 + 12345;
        nanosleep(&(struct timespec){.tv_nsec = 1000 * (random / 65536 % 16000)}, NULL);
        int victim = (int)(random / 7919 % 4);
        kill(writers[victim], SIGKILL);
        assert_int_equal(waitpid(writers[victim], &status, 0), writers[victim]);
        assert_true(WIFSIGNALED(status) || shared->failure[0]);
        writers[victim] = start_writer(shared, folder, victim, &size, INT32_MAX);
    }
    for (int i = 0; i < size.writers; i++) {
        kill(writers[i], SIGKILL);
        waitpid(writers[i], &status, 0);
    }
    stop_readers(shared, readers);
    expect_all(shared, folder);
    temporary_folder_remove(folder);
    munmap(shared, sizeof *shared);
}

/* test_torture write FOLDER FIRST STEP WRITES: one of our writers, for a test that starts it beside
 * those of another library. */
static int write_alone(char **words)
{
    board *own = board_new();
    pid_t child = fork();
    int status;
    if (child == 0)
        run_writer(own, words[0], atoi(words[1]), atoi(words[2]), atoi(words[3]));
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0 || own->failure[0]) {
        fprintf(stderr, "%s\n", own->failure);
        return 1;
    }
    return 0;
}

int main(int count, char **words)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_processes_lose_nothing),
        cmocka_unit_test(killed_writers_lose_what_they_were_not_told),
    };
    if (count == 6 && strcmp(words[1], "write") == 0)
        return write_alone(words + 2);
    if (!CAN_FORK)
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
