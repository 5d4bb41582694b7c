#include "progress.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "document.h"
#include "memory.h"
#include "show.h"
#include "signals.h"

enum { BAR_CELLS = 26, BAR_INTERVAL_MS = 100, LINE_INTERVAL_MS = 1000, NAME_MAX_SHOWN = 40 };

int64_t progress_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static cli_progress_mode choose_mode(const char *wish)
{
    const char *terminal = getenv("TERM");

    if (wish && strcmp(wish, "plain") == 0)
        return PROGRESS_PLAIN;
    if (wish && strcmp(wish, "json") == 0)
        return PROGRESS_JSON;
    if (wish && strcmp(wish, "none") == 0)
        return PROGRESS_NONE;
    if (isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0)
        return PROGRESS_BAR;
    return PROGRESS_NONE;
}

void progress_init(cli_progress *progress, const cli_invocation *invocation, const char *action)
{
    cli_show_style style;

    memset(progress, 0, sizeof *progress);
    show_style_init(&style, stderr, "never");
    progress->mode = choose_mode(invocation_text(invocation, OPTION_PROGRESS));
    progress->width = style.width;
    progress->action = action;
}

void progress_begin(cli_progress *progress, const char *label, int64_t total_bytes)
{
    snprintf(progress->label, sizeof progress->label, "%s", label);
    /* Two spaces end the name. */
    progress->name_length = (int)(strstr(label, "  ") ? strstr(label, "  ") - label
                                                      : (ptrdiff_t)strlen(progress->label));
    if (progress->name_length > NAME_MAX_SHOWN)
        progress->name_length = NAME_MAX_SHOWN;
    /* Not in the middle of a character of UTF-8. */
    while (progress->name_length > 0 &&
           ((unsigned char)progress->label[progress->name_length] & 0xc0) == 0x80)
        progress->name_length--;
    progress->start_ms = progress_now_ms();
    progress->shown_ms = 0;
    progress->done_before = 0;
    progress->done_bytes = 0;
    progress->total_bytes = total_bytes;
    progress->drawn = false;
}

static double rate_of(const cli_progress *progress, int64_t done, int64_t now_ms)
{
    int64_t elapsed_ms = now_ms - progress->start_ms;

    return elapsed_ms > 0 ? (double)done * 1000 / (double)elapsed_ms : 0;
}

/* "62 %  23.1 MiB of 35.6 MiB  412 MiB/s  eta 0:00" */
static void describe(const cli_progress *progress, int64_t done, int64_t total, int64_t now_ms,
                     char *text, size_t capacity)
{
    char done_text[SHOW_SIZE_MAX], total_text[SHOW_SIZE_MAX], rate_text[SHOW_SIZE_MAX];
    double rate = rate_of(progress, done, now_ms);
    size_t used;

    show_size(done_text, done);
    show_size(rate_text, (int64_t)rate);
    if (total <= 0) {
        snprintf(text, capacity, "%s  %s/s", done_text, rate_text);
        return;
    }
    used = (size_t)snprintf(text, capacity, "%3d %%  %s of %s  %s/s",
                            (int)((double)done * 100 / (double)total), done_text,
                            show_size(total_text, total), rate_text);
    if (rate > 0 && used < capacity) {
        int64_t eta_s = (int64_t)((double)(total - done) / rate + 0.5);
        if (eta_s >= 3600)
            snprintf(text + used, capacity - used, "  eta %lld:%02d:%02d",
                     (long long)(eta_s / 3600), (int)(eta_s / 60 % 60), (int)(eta_s % 60));
        else
            snprintf(text + used, capacity - used, "  eta %d:%02d", (int)(eta_s / 60),
                     (int)(eta_s % 60));
    }
}

/* One line of the bar with or without shape and type, and with so many cells. Returns its width. */
static int compose(const cli_progress *progress, int64_t done, int64_t total, bool whole_label,
                   int cells, const char *figures, char *line, size_t capacity)
{
    char bar[BAR_CELLS + 8] = "";
    int filled = total > 0 ? (int)((double)done * cells / (double)total) : 0;
    int label = whole_label ? (int)strlen(progress->label) : progress->name_length;

    if (total > 0 && cells > 0) {
        memcpy(bar, " [", 2);
        memset(bar + 2, '-', (size_t)cells);
        memset(bar + 2, '#', (size_t)(filled > cells ? cells : filled));
        memcpy(bar + 2 + cells, "]", 2);
    }
    snprintf(line, capacity, "%s %.*s  %s  %s", progress->action, label, progress->label, bar,
             figures);
    return show_text_width(line);
}

/* A line that wraps could not be wiped: where the terminal is narrow, less is said. */
static void draw_bar(cli_progress *progress, int64_t done, int64_t total, int64_t now_ms)
{
    static const struct {
        bool whole_label;
        int cells;
    } forms[] = {{true, BAR_CELLS}, {false, BAR_CELLS}, {false, 10}, {false, 0}};
    char figures[160], line[512];
    int room = progress->width - 1, width = room + 1;

    describe(progress, done, total, now_ms, figures, sizeof figures);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0] && width > room; i++)
        width = compose(progress, done, total, forms[i].whole_label, forms[i].cells, figures, line,
                        sizeof line);
    if (width > room)
        snprintf(line, room < (int)sizeof line ? (size_t)room : sizeof line, "%s", figures);
    fprintf(stderr, "\r%s\033[K", line);
    fflush(stderr);
    progress->drawn = true;
}

static void print_json(const cli_progress *progress, int64_t done, int64_t total, int64_t now_ms)
{
    cli_document document;

    document_init(&document);
    document_add_text(&document, document.root, "event", "progress");
    document_add_text(&document, document.root, "action", progress->action);
    document_add_text(&document, document.root, "item", progress->label);
    document_add_integer(&document, document.root, "bytes_done", done);
    document_add_integer(&document, document.root, "bytes_total", total);
    document_add_integer(&document, document.root, "elapsed_ms", now_ms - progress->start_ms);
    document_print_line(&document, stderr, NULL);
    document_clear(&document);
}

static void show(cli_progress *progress, int64_t done, int64_t total, int64_t now_ms)
{
    char figures[160];

    switch (progress->mode) {
    case PROGRESS_BAR:
        draw_bar(progress, done, total, now_ms);
        break;
    case PROGRESS_PLAIN:
        describe(progress, done, total, now_ms, figures, sizeof figures);
        fprintf(stderr, "%s %s  %s\n", progress->action, progress->label, figures);
        break;
    case PROGRESS_JSON:
        print_json(progress, done, total, now_ms);
        break;
    case PROGRESS_NONE:
        break;
    }
    progress->shown_ms = now_ms;
}

void progress_show(cli_progress *progress, int64_t bytes_done)
{
    int64_t now_ms = progress_now_ms(), done = progress->done_before + bytes_done;
    int64_t interval_ms = progress->mode == PROGRESS_PLAIN ? LINE_INTERVAL_MS : BAR_INTERVAL_MS;

    if (progress->total_bytes > 0 && done > progress->total_bytes)
        done = progress->total_bytes;
    progress->done_bytes = done;
    if (progress->mode == PROGRESS_NONE || now_ms - progress->shown_ms < interval_ms)
        return;
    show(progress, done, progress->total_bytes, now_ms);
}

void progress_advance(cli_progress *progress, int64_t bytes)
{
    progress->done_before += bytes;
    progress_show(progress, 0);
}

void progress_end(cli_progress *progress)
{
    if (progress->mode == PROGRESS_BAR && progress->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->drawn = false;
    } else if (progress->mode == PROGRESS_PLAIN || progress->mode == PROGRESS_JSON) {
        show(progress, progress->done_bytes, progress->total_bytes, progress_now_ms());
    }
}

static void on_progress(void *user, const tsr_progress *state)
{
    cli_progress *progress = user;

    if (progress->total_bytes == 0)
        progress->total_bytes = state->bytes_total;
    progress_show(progress, state->bytes_done);
}

void progress_call(cli_progress *progress, tsr_call *ret_call)
{
    memset(ret_call, 0, sizeof *ret_call);
    ret_call->cancel = signals_cancel_flag();
    if (progress && progress->mode != PROGRESS_NONE) {
        ret_call->progress = on_progress;
        ret_call->user = progress;
    }
}

void progress_label(char *text, size_t capacity, const char *path, const tsr_array *array)
{
    char shape[SHOW_SHAPE_MAX];
    const int64_t *lengths = tsr_array_shape(array);
    int rank = tsr_array_rank(array);
    size_t used = 0;

    shape[0] = '\0';
    for (int i = 0; i < rank; i++)
        used += (size_t)snprintf(shape + used, sizeof shape - used, "%s%lld", i ? " x " : "",
                                 (long long)lengths[i]);
    char *safe = show_safe_copy(path);
    snprintf(text, capacity, "%s  %s %s", safe ? safe : "", shape, tsr_array_dtype(array)->name);
    memory_free(safe);
}
