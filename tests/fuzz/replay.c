/* Feeds files to a fuzz target without libFuzzer, so that what fuzzing once found stays a test of
 * every build, also with gcc.
 *
 *     fuzz_NAME [--mutations N] FILE|FOLDER...
 *
 * Each file is run as it lies there and in N mutations (cut off, bytes changed, pieces repeated),
 * chosen by a generator whose seed is the file's content: the same in each run and on each machine.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

/* What is being run now, for the last words of a crash: written before each run, read in handlers.
 */
static char current[4200];
static int inputs_run;

static void say_current(void)
{
    ssize_t ignored = write(STDERR_FILENO, current, strlen(current));
    (void)ignored;
}

static void on_crash(int signal_number)
{
    say_current();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

/* The sanitizers report these signals themselves and then call back; an abort they leave alone. */
static void speak_last_words(void)
{
    const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

    signal(SIGABRT, on_crash);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(say_current);
        return;
    }
    for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
        signal(crashes[i], on_crash);
}

static void *allocate(size_t size)
{
    void *bytes = malloc(size ? size : 1);
    if (!bytes) {
        perror("replay");
        exit(2);
    }
    return bytes;
}

/* Runs one input from a block of exactly its size, so that AddressSanitizer sees the first byte
 * read behind it. */
static void run(const char *path, int mutation, const uint8_t *data, size_t size)
{
    uint8_t *exact = allocate(size);

    if (size > 0)
        memcpy(exact, data, size);
    snprintf(current, sizeof current, "replay: %s, mutation %d (0: the file itself), %zu bytes\n",
             path, mutation, size);
    if (LLVMFuzzerTestOneInput(exact, size) != 0) {
        say_current();
        fprintf(stderr, "replay: the target returned a value other than 0\n");
        exit(1);
    }
    free(exact);
    inputs_run++;
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016. */
static uint64_t random_next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static size_t random_below(uint64_t *state, size_t bound)
{
    return bound ? (size_t)(random_next(state) % bound) : 0;
}

/* FNV-1a. */
static uint64_t seed_of(const uint8_t *data, size_t size)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ data[i]) * UINT64_C(1099511628211);
    return hash ? hash : 1;
}

/* Changes `data` (with room for twice its size) in one of the ways that find most: a cut, a changed
 * byte, an extreme value of 1 to 8 bytes, a repeated piece. Returns the new size. */
static size_t mutate_once(uint8_t *data, size_t size, size_t room, uint64_t *state)
{
    size_t at = random_below(state, size);

    switch (random_below(state, 4)) {
    case 0:
        return at;
    case 1:
        if (size > 0)
            data[at] ^= (uint8_t)(1u << random_below(state, 8));
        return size;
    case 2:
        for (size_t width = (size_t)1 << random_below(state, 4); width > 0 && at < size;
             width--, at++)
            data[at] = random_next(state) & 1 ? 0xff : 0x00;
        return size;
    default: {
        size_t piece = random_below(state, size - at < 64 ? size - at : 64);
        if (size + piece > room)
            return size;
        memmove(data + at + piece, data + at, size - at);
        return size + piece;
    }
    }
}

static void run_mutations(const char *path, const uint8_t *data, size_t size, int mutations)
{
    uint64_t state = seed_of(data, size);
    size_t room = 2 * size + 64;
    uint8_t *changed = allocate(room);

    for (int mutation = 1; mutation <= mutations; mutation++) {
        size_t changed_size = size;
        if (size > 0)
            memcpy(changed, data, size);
        for (size_t steps = 1 + random_below(&state, 4); steps > 0; steps--)
            changed_size = mutate_once(changed, changed_size, room, &state);
        run(path, mutation, changed, changed_size);
    }
    free(changed);
}

static bool replay_file(const char *path, int mutations)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = allocate(INPUT_MAX);
    size_t size = file ? fread(data, 1, INPUT_MAX, file) : 0;
    bool good = file && !ferror(file);

    if (good) {
        run(path, 0, data, size);
        run_mutations(path, data, size, mutations);
    } else {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
    }
    if (file)
        fclose(file);
    free(data);
    return good;
}

static bool replay(const char *path, int mutations);

static bool replay_folder(const char *path, int mutations)
{
    struct dirent **names = NULL;
    int count = scandir(path, &names, NULL, alphasort);
    bool good = count >= 0;

    for (int i = 0; i < count; i++) {
        char inner[4096];
        snprintf(inner, sizeof inner, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            good = replay(inner, mutations) && good;
        free(names[i]);
    }
    free(names);
    return good;
}

static bool replay(const char *path, int mutations)
{
    struct stat status;

    if (stat(path, &status) < 0) {
        fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
        return false;
    }
    return S_ISDIR(status.st_mode) ? replay_folder(path, mutations) : replay_file(path, mutations);
}

int main(int argc, char **argv)
{
    int first = 1, mutations = 0;
    bool good = true;

    if (argc > 2 && strcmp(argv[1], "--mutations") == 0) {
        mutations = atoi(argv[2]);
        first = 3;
    }
    speak_last_words();
    if (LLVMFuzzerInitialize)
        LLVMFuzzerInitialize(&argc, &argv);
    for (int i = first; i < argc; i++)
        good = replay(argv[i], mutations) && good;
    printf("%d inputs run\n", inputs_run);
    /* A corpus that has gone missing would prove nothing. */
    return good && inputs_run > 0 ? 0 : 1;
}
