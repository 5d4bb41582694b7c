/* tessera stats PLACE: counts, extremes, mean, deviation, histogram. */
#include <math.h>
#include <string.h>

#include "document.h"
#include "memory.h"
#include "scalar.h"
#include "show.h"
#include "statistics.h"

/* Numbers, complex ones too, are shorter than this as text; raw elements are not measured. */
enum { ELEMENT_TEXT_MAX = 128, BINS_DEFAULT = 20, BINS_MAX = 1 << 20, BAR_WIDTH = 40 };

typedef struct cli_report {
    const cli_selected_array *selected;
    const cli_moments_rules *rules;
    cli_moments moments;
    int bins; /* 0: no histogram */
    int64_t *counts;
} cli_report;

/* ---- as text ---- */

/* A bar of `count` in eighths of a column, or in whole columns of '#'. */
static void print_bar(const cli_show_style *style, int64_t count, int64_t largest)
{
    static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    int length = largest > 0 ? (int)((double)count / (double)largest * BAR_WIDTH * 8 + 0.5) : 0;

    /* What is there at all can be seen. */
    if (count > 0 && length == 0)
        length = 1;
    for (int i = 0; i < (style->unicode ? length / 8 : (length + 7) / 8); i++)
        fputs(style->unicode ? "█" : "#", stdout);
    if (style->unicode)
        fputs(eighths[length % 8], stdout);
    putchar('\n');
}

static void print_histogram(const cli_report *report, const cli_show_style *style)
{
    char low[SHOW_SIZE_MAX], high[SHOW_SIZE_MAX];
    int64_t largest = 0;
    int width = 0;

    for (int i = 0; i < report->bins; i++)
        largest = report->counts[i] > largest ? report->counts[i] : largest;
    for (int i = 0; i <= report->bins; i++) {
        int length = (int)strlen(show_number(
            low, statistics_edge(report->moments.low, report->moments.high, report->bins, i), 6));
        width = length > width ? length : width;
    }
    putchar('\n');
    for (int i = 0; i < report->bins; i++) {
        show_number(low,
                    statistics_edge(report->moments.low, report->moments.high, report->bins, i), 6);
        show_number(high,
                    statistics_edge(report->moments.low, report->moments.high, report->bins, i + 1),
                    6);
        printf("%*s .. %*s  %12lld  ", width, low, width, high, (long long)report->counts[i]);
        print_bar(style, report->counts[i], largest);
    }
}

static void print_extreme(const char *label, const cli_report *report, const cli_extreme *value)
{
    const tsr_dtype *dtype = report->rules->dtype;
    char element[16], text[ELEMENT_TEXT_MAX] = "-";

    moments_extreme_element(value, dtype, element);
    if (report->moments.count > 0)
        tsr_dtype_format_element(moments_extreme_dtype(dtype), element, text, sizeof text);
    printf("%-10s%s\n", label, text);
}

static void print_text(const cli_report *report, const cli_show_style *style)
{
    const cli_moments *moments = &report->moments;
    const tsr_array *array = report->selected->array;
    char shape[SHOW_SHAPE_MAX], number[SHOW_SIZE_MAX];
    char fill[ELEMENT_TEXT_MAX] = "";

    tsr_dtype_format_element(report->rules->dtype, report->rules->fill_value, fill, sizeof fill);
    show_safe_text(stdout, tsr_array_place(array));
    printf("  %s  %s%s\n", show_shape(shape, report->selected->rank, report->selected->shape),
           report->rules->dtype->name,
           report->rules->dtype->kind == TSR_KIND_COMPLEX ? "  (figures of the magnitude)" : "");
    printf("%-10s%lld\n", "count", (long long)moments->total);
    printf("%-10s%lld  (fill value %s)\n", "fill", (long long)moments->fill, fill);
    printf("%-10s%lld\n", "NaN", (long long)moments->nan);
    if (report->rules->missing_count > 0)
        printf("%-10s%lld%s\n", "missing", (long long)moments->missing,
               moments->missing > 0 ? "  (left out of what follows)" : "");
    print_extreme("min", report, &moments->least);
    print_extreme("max", report, &moments->greatest);
    printf("%-10s%s\n", "mean", moments->count ? show_number(number, moments->mean, 10) : "-");
    printf("%-10s%s\n", "std",
           moments->count ? show_number(number, moments_deviation(moments), 10) : "-");
    if (report->bins > 0)
        print_histogram(report, style);
}

/* ---- as JSON ---- */

static void add_extreme(cli_document *document, const char *key, const cli_report *report,
                        const cli_extreme *value)
{
    char element[16];

    if (report->moments.count == 0) {
        document_add_null(document, document->root, key);
        return;
    }
    moments_extreme_element(value, report->rules->dtype, element);
    document_add_element(document, document->root, key, moments_extreme_dtype(report->rules->dtype),
                         element);
}

static void add_figure(cli_document *document, const char *key, const cli_report *report,
                       double value)
{
    if (report->moments.count == 0)
        document_add_null(document, document->root, key);
    else
        document_add_number(document, document->root, key, value);
}

static void add_histogram(cli_document *document, const cli_report *report)
{
    struct json_object *histogram, *list;

    if (report->bins == 0) {
        document_add_null(document, document->root, "histogram");
        return;
    }
    histogram = document_add_object(document, document->root, "histogram");
    list = document_add_list(document, histogram, "edges");
    for (int i = 0; i <= report->bins; i++)
        document_add_number(
            document, list, NULL,
            statistics_edge(report->moments.low, report->moments.high, report->bins, i));
    list = document_add_list(document, histogram, "counts");
    for (int i = 0; i < report->bins; i++)
        document_add_integer(document, list, NULL, report->counts[i]);
}

static int print_json(const cli_report *report, tsr_error *err)
{
    const cli_moments *moments = &report->moments;
    cli_document document;
    int status;

    document_init(&document);
    document_add_text(&document, document.root, "place", tsr_array_place(report->selected->array));
    document_add_lengths(&document, document.root, "shape", report->selected->rank,
                         report->selected->shape);
    document_add_text(&document, document.root, "dtype", report->rules->dtype->name);
    document_add_element(&document, document.root, "fill_value", report->rules->dtype,
                         report->rules->fill_value);
    document_add_integer(&document, document.root, "count", moments->total);
    document_add_integer(&document, document.root, "fill_count", moments->fill);
    document_add_integer(&document, document.root, "nan_count", moments->nan);
    document_add_integer(&document, document.root, "missing_count", moments->missing);
    document_add_integer(&document, document.root, "valid_count", moments->count);
    add_extreme(&document, "min", report, &moments->least);
    add_extreme(&document, "max", report, &moments->greatest);
    add_figure(&document, "mean", report, moments->mean);
    add_figure(&document, "std", report, moments_deviation(moments));
    add_histogram(&document, report);
    status = document_print(&document, stdout, err);
    document_clear(&document);
    return status;
}

/* ---- the command ---- */

static int measure(cli_invocation *invocation, cli_report *report)
{
    int64_t bins = invocation_number(invocation, OPTION_BINS, BINS_DEFAULT);
    cli_progress progress;
    char label[160];
    bool kept;
    int status;

    if (bins > BINS_MAX)
        return invocation_misuse(invocation, "--bins is at most %d", BINS_MAX);
    progress_init(&progress, invocation, "measuring");
    progress_label(label, sizeof label, tsr_array_place(report->selected->array),
                   report->selected->array);
    progress_begin(&progress, label, 0);
    status = statistics_moments(report->selected, report->rules, &progress, &report->moments, &kept,
                                &invocation->error);
    progress_end(&progress);
    CLI_TRY(status);
    /* What takes no reading is not read for a histogram that nobody has asked for. */
    if (kept && !invocation_has(invocation, OPTION_BINS))
        return 0;
    if (bins == 0 || report->moments.low > report->moments.high)
        return 0;
    /* Equal values need no second look. */
    report->bins = report->moments.low == report->moments.high ? 1 : (int)bins;
    report->counts = memory_zeroed((size_t)report->bins, sizeof *report->counts);
    if (!report->counts)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    progress_begin(&progress, label, 0);
    status = statistics_histogram(report->selected, report->rules, report->moments.low,
                                  report->moments.high, report->bins, report->counts, &progress,
                                  &invocation->error);
    progress_end(&progress);
    return status;
}

static int run_selected(cli_invocation *invocation, const cli_selected_array *selected,
                        const cli_moments_rules *rules)
{
    cli_report report = {.selected = selected, .rules = rules};
    cli_show_style style;
    int status = measure(invocation, &report);

    if (status >= 0 && invocation_has(invocation, OPTION_JSON)) {
        status = print_json(&report, &invocation->error);
    } else if (status >= 0) {
        show_style_init(&style, stdout, invocation_text(invocation, OPTION_COLOR));
        print_text(&report, &style);
    }
    memory_free(report.counts);
    return status;
}

/* Counts are numbers of 64 bits. */
static int check_count(cli_invocation *invocation, const cli_selected_array *selected)
{
    char shape[SHOW_SHAPE_MAX];
    int64_t count = 1;
    bool huge = false;

    for (int i = 0; i < selected->rank; i++)
        huge |= __builtin_mul_overflow(count, selected->shape[i], &count);
    for (int i = 0; i < selected->rank; i++)
        huge &= selected->shape[i] != 0;
    if (!huge)
        return 0;
    tsr_error_set(&invocation->error, TSR_LIMIT, "%s: %s are more than 2^63-1 elements",
                  tsr_array_place(selected->array),
                  show_shape(shape, selected->rank, selected->shape));
    tsr_error_set_next_step(&invocation->error, "measure a part with --select");
    return TSR_LIMIT;
}

/* --update: afterwards the statistics of the whole array are kept. */
static int update(cli_invocation *invocation, tsr_array *array)
{
    cli_progress progress;
    tsr_call call;
    int status;

    progress_init(&progress, invocation, "updating");
    progress_call(&progress, &call);
    progress_begin(&progress, tsr_array_place(array), 0);
    status = tsr_array_keep_statistics(array, &call, &invocation->error);
    if (status >= 0)
        status = tsr_array_update_statistics(array, &call, NULL, &invocation->error);
    progress_end(&progress);
    return status;
}

static int run(cli_invocation *invocation)
{
    bool updates = invocation_has(invocation, OPTION_UPDATE);
    tsr_auto(cli_selected_array) selected = {0};
    cli_missing_values missing;
    cli_moments_rules rules;
    int status;

    CLI_TRY(location_open_selected(invocation, invocation->operands[0], updates, &selected));
    CLI_TRY(check_count(invocation, &selected));
    if (updates)
        CLI_TRY(update(invocation, selected.array));
    rules.dtype = tsr_array_dtype(selected.array);
    rules.fill_value = tsr_array_fill_value(selected.array);
    if (!moments_supports(rules.dtype))
        return tsr_error_set(&invocation->error, TSR_UNSUPPORTED,
                             "%s: elements of type %s are no numbers to be measured",
                             tsr_array_place(selected.array), rules.dtype->name);
    CLI_TRY(missing_values_find(selected.array, missing_rule_of(invocation), &missing,
                                &invocation->error));
    rules.missing = missing.elements;
    rules.missing_count = missing.count;
    status = run_selected(invocation, &selected, &rules);
    missing_values_clear(&missing);
    return status;
}

extern const cli_command command_stats;
const cli_command command_stats = {
    .name = "stats",
    .summary = "measure an array: counts, min, max, mean, standard deviation, histogram",
    .description =
        "The figures are of all elements that are neither NaN nor missing; missing are those that the "
        "attributes _FillValue or missing_value name (see --missing). The deviation is that of the "
        "population, as numpy.std gives it. Results do not depend on the number of threads. Memory is a "
        "few chunks a thread, whatever the size of the array; chunks that are not stored cost nothing. "
        "Where the array keeps statistics (create --statistics, or --update) they are taken from those, and "
        "no chunk is read whose statistics are known.",
    COMMAND_OPERANDS({.kind = OPERAND_SELECTED, .name = "PLACE"}),
    COMMAND_EXAMPLES({"stats relief.zarr/ROSE", "Figures and a histogram in the terminal"},
                     {"stats 'ocean.zarr/TEMP[0]' --bins 0", "Of a part, in one reading"},
                     {"stats relief.zarr/ROSE --json", "For programs, with exact numbers"},
                     {"stats --update relief.zarr/ROSE", "From now on without reading all of it"}),
    COMMAND_OPTIONS(OPTION_SELECT, OPTION_ISEL, OPTION_POINTS, OPTION_ORTHOGONAL, OPTION_MISSING,
                    OPTION_BINS, OPTION_UPDATE, OPTION_JSON, OPTION_MEMORY, OPTION_THREADS,
                    OPTION_PROGRESS),
    .run = run,
};
