#include "measure.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "document.h"
#include "show.h"

/* What a run took as a whole. */
typedef struct totals {
    int64_t wall_ns, user_ns, system_ns, memory_bytes;
    int threads;
    tsr_profile profile;
} totals;

/* The phases of a profile: their names, and what limits a command that is mostly in one. */
typedef struct phase {
    const char *name, *field, *limit;
    size_t offset;
} phase;

#define PHASE(name, limit)                                          \
    {                                                               \
#name, #name "_ns", limit, offsetof(tsr_profile, name##_ns) \
    }
static const phase phases[] = {
    PHASE(plan, "working out what to do"),
    PHASE(fetch, "reading from the store"),
    PHASE(wait, "waiting for answers, locks or other threads"),
    PHASE(decode, "decoding"),
    PHASE(copy, "moving elements in memory"),
    PHASE(driver, "the libraries of the file format"),
    PHASE(caller, "what the command does with the elements"),
    PHASE(encode, "encoding"),
    PHASE(put, "writing to the store"),
    PHASE(sync, "bringing data to the disk"),
};

#define COUNTER(name)                      \
    {                                      \
#name, offsetof(tsr_profile, name) \
    }
static const struct {
    const char *name;
    size_t offset;
} counters[] = {
    COUNTER(reads),          COUNTER(read_bytes),    COUNTER(writes),
    COUNTER(written_bytes),  COUNTER(requests),      COUNTER(fetched_bytes),
    COUNTER(puts),           COUNTER(put_bytes),     COUNTER(erases),
    COUNTER(decoded_chunks), COUNTER(decoded_bytes), COUNTER(kept_chunks),
    COUNTER(encoded_chunks), COUNTER(encoded_bytes),
};

#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t time_ns(struct timeval time)
{
    return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

void measure_begin(cli_measure *measure)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    measure->start_user_ns = time_ns(usage.ru_utime);
    measure->start_system_ns = time_ns(usage.ru_stime);
    measure->start_ns = now_ns();
}

static int64_t value_at(const tsr_profile *profile, size_t offset)
{
    return *(const int64_t *)((const char *)profile + offset);
}

static int64_t in_phases(const tsr_profile *profile)
{
    int64_t sum = 0;

    for (size_t i = 0; i < COUNT_OF(phases); i++)
        sum += value_at(profile, phases[i].offset);
    return sum;
}

static void take(const cli_measure *measure, const cli_invocation *invocation, totals *ret_totals)
{
    struct rusage usage;

    memset(ret_totals, 0, sizeof *ret_totals);
    ret_totals->wall_ns = now_ns() - measure->start_ns;
    ret_totals->threads = 1;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        ret_totals->user_ns = time_ns(usage.ru_utime) - measure->start_user_ns;
        ret_totals->system_ns = time_ns(usage.ru_stime) - measure->start_system_ns;
        ret_totals->memory_bytes = (int64_t)usage.ru_maxrss * 1024;
    }
    if (invocation->context) {
        ret_totals->threads = tsr_context_threads(invocation->context);
        tsr_context_profile(invocation->context, &ret_totals->profile);
    }
}

/* What to make faster first. A thread that waits for others is bound by what these do, so waiting
 * counts only when nothing else takes the time; and when the library has little to do at all, the
 * rest of the command is what takes it. NULL. */
static const phase *bound_by(const totals *from)
{
    const phase *longest = NULL, *waiting = NULL;
    int64_t busy_ns = 0;

    for (size_t i = 0; i < COUNT_OF(phases); i++) {
        int64_t spent_ns = value_at(&from->profile, phases[i].offset);
        if (phases[i].offset == offsetof(tsr_profile, wait_ns)) {
            waiting = &phases[i];
            continue;
        }
        busy_ns += spent_ns;
        if (!longest || spent_ns > value_at(&from->profile, longest->offset))
            longest = &phases[i];
    }
    if (busy_ns >= from->wall_ns / 2)
        return longest;
    return from->profile.wait_ns >= from->wall_ns / 2 ? waiting : NULL;
}

/* ---- text ---- */

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

/* "1.234 s", "56.78 ms". Returns `text`. */
static const char *show_time(char text[SHOW_SIZE_MAX], int64_t ns)
{
    if (ns >= 1000000000)
        snprintf(text, SHOW_SIZE_MAX, "%.3f s", seconds(ns));
    else
        snprintf(text, SHOW_SIZE_MAX, "%.2f ms", (double)ns / 1e6);
    return text;
}

static void print_rate(int64_t bytes, int64_t ns, const char *of)
{
    char text[SHOW_SIZE_MAX];

    if (bytes > 0 && ns > 0)
        fprintf(stderr, ", %s/s%s", show_size(text, (int64_t)((double)bytes / seconds(ns))), of);
}

static void print_amount(const char *what, int64_t count, int64_t bytes)
{
    char text[SHOW_SIZE_MAX];

    fprintf(stderr, "  %lld %s%s, %s", (long long)count, what, count == 1 ? "" : "s",
            show_size(text, bytes));
}

static void print_details(const phase *at, const tsr_profile *profile)
{
    if (strcmp(at->name, "fetch") == 0 && profile->requests > 0)
        print_amount("request", profile->requests, profile->fetched_bytes);
    if (strcmp(at->name, "decode") == 0 && profile->decoded_chunks > 0) {
        print_amount("chunk", profile->decoded_chunks, profile->decoded_bytes);
        print_rate(profile->decoded_bytes, profile->decode_ns, " a thread");
    }
    if (strcmp(at->name, "encode") == 0 && profile->encoded_chunks > 0) {
        print_amount("chunk", profile->encoded_chunks, profile->encoded_bytes);
        print_rate(profile->encoded_bytes, profile->encode_ns, " a thread");
    }
    if (strcmp(at->name, "put") == 0 && profile->puts > 0)
        print_amount("value", profile->puts, profile->put_bytes);
}

static void print_phases(const totals *from)
{
    int64_t sum_ns = in_phases(&from->profile);
    char text[SHOW_SIZE_MAX];

    fprintf(stderr, "threads    %d, together %s in the library\n", from->threads,
            show_time(text, sum_ns));
    for (size_t i = 0; i < COUNT_OF(phases); i++) {
        int64_t spent_ns = value_at(&from->profile, phases[i].offset);
        if (spent_ns == 0)
            continue;
        fprintf(stderr, "  %-7s  %10s %3.0f %%", phases[i].name, show_time(text, spent_ns),
                100 * (double)spent_ns / (double)sum_ns);
        print_details(&phases[i], &from->profile);
        fputc('\n', stderr);
    }
}

static void print_elements(const char *title, const char *what, int64_t count, int64_t bytes,
                           int64_t wall_ns)
{
    char text[SHOW_SIZE_MAX];

    if (count == 0)
        return;
    fprintf(stderr, "%-9s  %s in %lld %s%s", title, show_size(text, bytes), (long long)count, what,
            count == 1 ? "" : "s");
    print_rate(bytes, wall_ns, "");
    fputc('\n', stderr);
}

static void print_text(const totals *from)
{
    const phase *bound = bound_by(from);
    const tsr_profile *profile = &from->profile;
    char wall[SHOW_SIZE_MAX], user[SHOW_SIZE_MAX], system[SHOW_SIZE_MAX], memory[SHOW_SIZE_MAX];

    fprintf(stderr, "time       %s; processor %s, and %s in the system; at most %s of memory\n",
            show_time(wall, from->wall_ns), show_time(user, from->user_ns),
            show_time(system, from->system_ns), show_size(memory, from->memory_bytes));
    if (in_phases(profile) > 0)
        print_phases(from);
    print_elements("read", "read", profile->reads, profile->read_bytes, from->wall_ns);
    print_elements("written", "write", profile->writes, profile->written_bytes, from->wall_ns);
    if (profile->kept_chunks > 0)
        fprintf(stderr, "kept       %lld chunks were decoded already\n",
                (long long)profile->kept_chunks);
    fprintf(stderr, "bound by   %s\n", bound ? bound->limit : "the command itself");
}

/* ---- JSON ---- */

static bool wants_json(const cli_invocation *invocation)
{
    const char *progress = invocation_text(invocation, OPTION_PROGRESS);

    return invocation_has(invocation, OPTION_JSON) || (progress && strcmp(progress, "json") == 0);
}

static void print_json(const cli_invocation *invocation, const totals *from, int status)
{
    const phase *bound = bound_by(from);
    tsr_error ignored = TSR_ERROR_INIT;
    struct json_object *stats;
    cli_document document;

    document_init(&document);
    stats = document_add_object(&document, document.root, "stats");
    document_add_text(&document, stats, "command", invocation->command->name);
    document_add_text(&document, stats, "status", status < 0 ? tsr_status_name(status) : "OK");
    document_add_integer(&document, stats, "wall_ns", from->wall_ns);
    document_add_integer(&document, stats, "user_ns", from->user_ns);
    document_add_integer(&document, stats, "system_ns", from->system_ns);
    document_add_integer(&document, stats, "memory_bytes", from->memory_bytes);
    document_add_integer(&document, stats, "threads", from->threads);
    document_add_text(&document, stats, "bound_by", bound ? bound->name : "command");
    for (size_t i = 0; i < COUNT_OF(phases); i++)
        document_add_integer(&document, stats, phases[i].field,
                             value_at(&from->profile, phases[i].offset));
    for (size_t i = 0; i < COUNT_OF(counters); i++)
        document_add_integer(&document, stats, counters[i].name,
                             value_at(&from->profile, counters[i].offset));
    document_print_line(&document, stderr, &ignored);
    document_clear(&document);
}

void measure_print(const cli_measure *measure, cli_invocation *invocation, int status)
{
    totals all;

    if (!invocation_has(invocation, OPTION_STATS))
        return;
    take(measure, invocation, &all);
    if (wants_json(invocation))
        print_json(invocation, &all, status);
    else
        print_text(&all);
}
