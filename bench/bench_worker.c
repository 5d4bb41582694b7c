#include "bench_worker.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHOICES_MAX = 512, WORDS_MAX = 6, NAME_BYTES = 192 };

/* The way kept for a job; prepare fills it in. */
struct choice {
    char job[NAME_BYTES];
    const char *way;
};

struct server {
    const bench_side *side;
    void *self;
    struct choice choices[CHOICES_MAX];
    int choice_count;
};

int bench_fail(bench_outcome *outcome, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(outcome->failure, sizeof outcome->failure, format, arguments);
    va_end(arguments);
    return -1;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The last parts of the paths tell stores and lists apart. */
static void name_job(const bench_job *job, char *name, size_t size)
{
    snprintf(name, size, "%s %s %s %s %s", job->work, job->mode, last_part(job->store),
             last_part(job->extra), job->settings_text);
}

static const char *chosen_way(const struct server *server, const bench_job *job)
{
    char name[NAME_BYTES];

    name_job(job, name, sizeof name);
    for (int i = server->choice_count - 1; i >= 0; i--) {
        if (strcmp(server->choices[i].job, name) == 0) {
            return server->choices[i].way;
        }
    }
    return NULL;
}

static int keep_way(struct server *server, const bench_job *job, const char *way,
                    bench_outcome *outcome)
{
    struct choice *choice = &server->choices[server->choice_count];

    if (server->choice_count == CHOICES_MAX) {
        return bench_fail(outcome, "more than %d jobs were prepared", CHOICES_MAX);
    }
    name_job(job, choice->job, sizeof choice->job);
    choice->way = way;
    server->choice_count++;
    return 0;
}

/* Runs one way with its values summed, then once more for its time when there is a choice to make.
 */
static int try_way(struct server *server, bench_job *job, bool alone, bench_outcome *outcome)
{
    bench_sum sum;

    job->summed = true;
    if (server->side->run(server->self, job, outcome) != 0) {
        return -1;
    }
    sum = outcome->sum;
    job->summed = false;
    if (!alone && server->side->run(server->self, job, outcome) != 0) {
        return -1;
    }
    outcome->sum = sum;
    return 0;
}

static int prepare(struct server *server, bench_job *job, bench_outcome *best)
{
    const char *const *ways = server->side->ways(job);
    const char *best_way = NULL;

    if (!ways) {
        return bench_fail(best, "unknown job %s %s", job->work, job->mode);
    }
    for (int i = 0; ways[i]; i++) {
        bench_outcome outcome = {0};

        job->way = ways[i];
        if (try_way(server, job, !ways[1], &outcome) != 0) {
            *best = outcome;
            return -1;
        }
        if (best_way && memcmp(&outcome.sum, &best->sum, sizeof outcome.sum) != 0) {
            return bench_fail(best, "the ways '%s' and '%s' disagree about the values", best_way,
                              job->way);
        }
        if (!best_way || outcome.seconds < best->seconds) {
            best_way = job->way;
            *best = outcome;
        }
    }
    if (keep_way(server, job, best_way, best) != 0) {
        return -1;
    }
    printf("ok\t%.9f\t%s\t%" PRIu64 "\t%" PRIu64 "\n", best->seconds, best_way, best->sum.plain,
           best->sum.weighted);
    return 0;
}

static int run(struct server *server, bench_job *job, bench_outcome *outcome)
{
    job->way = chosen_way(server, job);
    if (!job->way) {
        return bench_fail(outcome, "%s %s was not prepared", job->work, job->mode);
    }
    if (server->side->run(server->self, job, outcome) != 0) {
        return -1;
    }
    printf("ok\t%.9f\n", outcome->seconds);
    return 0;
}

static int yardstick(struct server *server, const char *name, bench_outcome *outcome)
{
    double gigabytes;

    if (!server->side->yardstick) {
        return bench_fail(outcome, "%s has no yardsticks", server->side->name);
    }
    if (server->side->yardstick(name, &gigabytes, outcome) != 0) {
        return -1;
    }
    printf("ok\t%.3f\n", gigabytes);
    return 0;
}

/* Words such as "planes=512 synced=1". */
static int parse_settings(bench_job *job)
{
    bench_settings *settings = &job->settings;
    const char *text = job->settings_text;

    *settings = (bench_settings){.planes = BENCH_SIDE, .typesize = 2, .repeat = 1};
    while (*text) {
        int synced, taken = 0;

        if (sscanf(text, "planes=%" SCNd64 "%n", &settings->planes, &taken) != 1 &&
            sscanf(text, "typesize=%d%n", &settings->typesize, &taken) != 1 &&
            sscanf(text, "threads=%d%n", &settings->threads, &taken) != 1 &&
            sscanf(text, "repeat=%" SCNd64 "%n", &settings->repeat, &taken) != 1 &&
            sscanf(text, "grid=%" SCNd64 "x%" SCNd64 "x%" SCNd64 "%n", &settings->grid[0],
                   &settings->grid[1], &settings->grid[2], &taken) != 3) {
            if (sscanf(text, "synced=%d%n", &synced, &taken) != 1) {
                return -1;
            }
            settings->synced = synced != 0;
        }
        text += taken;
        text += *text == ' ';
    }
    return settings->planes > 0 && settings->planes <= BENCH_SIDE ? 0 : -1;
}

static int obey(struct server *server, char *words[WORDS_MAX], bench_outcome *outcome)
{
    bench_job job = {.work = words[1],
                     .mode = words[2],
                     .store = words[3],
                     .extra = words[4],
                     .settings_text = words[5]};

    if (parse_settings(&job) != 0) {
        return bench_fail(outcome, "unknown settings: %s", words[5]);
    }
    if (strcmp(words[0], "hold") == 0) {
        if (server->side->hold(server->self, words[1], outcome) != 0) {
            return -1;
        }
        puts("ok");
        return 0;
    }
    if (strcmp(words[0], "drop") == 0) {
        server->side->drop(server->self);
        puts("ok");
        return 0;
    }
    if (strcmp(words[0], "prepare") == 0) {
        return prepare(server, &job, outcome);
    }
    if (strcmp(words[0], "run") == 0) {
        return run(server, &job, outcome);
    }
    if (strcmp(words[0], "yardstick") == 0) {
        return yardstick(server, words[1], outcome);
    }
    return bench_fail(outcome, "unknown command %s", words[0]);
}

static void split_words(char *line, char *words[WORDS_MAX])
{
    static char empty[] = "";

    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < WORDS_MAX; i++) {
        words[i] = line ? strsep(&line, "\t") : empty;
    }
}

int bench_serve(const bench_side *side, void *self)
{
    struct server *server = calloc(1, sizeof *server);
    char *line = NULL;
    size_t room = 0;

    if (!server) {
        return 1;
    }
    server->side = side;
    server->self = self;
    printf("hello\t%s\t%s\n", side->name, side->version);
    fflush(stdout);
    while (getline(&line, &room, stdin) > 0) {
        char *words[WORDS_MAX];
        bench_outcome outcome = {0};

        split_words(line, words);
        if (strcmp(words[0], "quit") == 0) {
            break;
        }
        if (obey(server, words, &outcome) != 0) {
            outcome.failure[strcspn(outcome.failure, "\n")] = '\0';
            printf("error\t%s\n", outcome.failure);
        }
        fflush(stdout);
    }
    free(line);
    free(server);
    return 0;
}
