/* tessera codecs [--try PLACE]: which codecs there are, and how they do on an array. */
#include <math.h>
#include <string.h>

#include "canvas.h"
#include "colormap.h"
#include "document.h"
#include "location.h"
#include "output_file.h"
#include "scale.h"
#include "show.h"
#include "trial.h"

enum { SAMPLE_BYTES = 16 << 20, RESULTS_MAX = 128 };

/* ---- the list ---- */

static const char *kind_name(tsr_codec_kind kind)
{
    static const char *const names[] = {
        [TSR_CODEC_ARRAY_TO_ARRAY] = "array to array",
        [TSR_CODEC_ARRAY_TO_BYTES] = "array to bytes",
        [TSR_CODEC_BYTES_TO_BYTES] = "bytes to bytes",
    };
    return names[kind];
}

static int add_row(void *user, const tsr_codec_ops *ops)
{
    cli_show_table *table = user;
    char aliases[256] = "";
    size_t used = 0;

    for (size_t i = 0; ops->aliases && ops->aliases[i] && used < sizeof aliases; i++)
        used += (size_t)snprintf(aliases + used, sizeof aliases - used, "%s%s", i ? ", " : "",
                                 ops->aliases[i]);
    show_table_cell(table, "%s", ops->name);
    show_table_cell(table, "%s", kind_name(ops->kind));
    show_table_cell(table, "%s", ops->v2_id ? ops->v2_id : "-");
    show_table_cell(table, "%s", aliases);
    return 0;
}

static int add_json_row(void *user, const tsr_codec_ops *ops)
{
    cli_document *document = user;
    struct json_object *row = document_add_object(document, document->root, NULL), *list;

    document_add_text(document, row, "name", ops->name);
    document_add_text(document, row, "kind", kind_name(ops->kind));
    document_add_text(document, row, "v2_id", ops->v2_id);
    list = document_add_list(document, row, "aliases");
    for (size_t i = 0; ops->aliases && ops->aliases[i]; i++)
        document_add_text(document, list, NULL, ops->aliases[i]);
    return 0;
}

static int list_codecs(cli_invocation *invocation, tsr_context *context)
{
    static const char *const titles[] = {"name", "kind", "v2 id", "also read as"};
    cli_document document;
    cli_show_table table;
    int status;

    if (invocation_has(invocation, OPTION_JSON)) {
        document_init_list(&document);
        tsr_codec_list(context, add_json_row, &document);
        status = document_print(&document, stdout, &invocation->error);
        document_clear(&document);
        return status;
    }
    show_table_init(&table, 4);
    for (int i = 0; i < 4; i++)
        show_table_cell(&table, "%s", titles[i]);
    tsr_codec_list(context, add_row, &table);
    return show_table_print(&table, stdout, &invocation->error);
}

/* ---- the trial ---- */

typedef struct cli_trial {
    char label[64];
    cli_trial_result result;
    char problem[128]; /* empty when it went well */
} cli_trial;

typedef struct cli_trials {
    cli_invocation *invocation;
    tsr_context *context;
    cli_trial_sample sample;
    bool all_levels;
    int count;
    cli_trial rows[RESULTS_MAX];
} cli_trials;

/* A codec that cannot do this type is a row of the table all the same. */
static int try_codec(void *user, const tsr_codec_ops *ops)
{
    cli_trials *self = user;
    cli_trial_codec rows[TRIAL_ROWS_MAX];
    int count;

    if (ops->kind != TSR_CODEC_BYTES_TO_BYTES)
        return 0;
    count = trial_rows(ops, self->all_levels, rows);
    for (int i = 0; i < count && self->count < RESULTS_MAX; i++) {
        cli_trial *trial = &self->rows[self->count++];
        tsr_error error = TSR_ERROR_INIT;
        snprintf(trial->label, sizeof trial->label, "%s", rows[i].label);
        trial_run(self->context, ops, &rows[i], &self->sample, &trial->result, &error);
        if (error.status == TSR_NO_MEMORY || error.status == TSR_CANCELLED)
            return tsr_error_set(&self->invocation->error, error.status, "%s", error.message);
        if (error.status < 0)
            snprintf(trial->problem, sizeof trial->problem, "%.120s", error.message);
    }
    return 0;
}

static int print_table(const cli_trials *self, const tsr_array *array)
{
    char size[SHOW_SIZE_MAX];
    cli_show_table table;

    show_safe_text(stdout, tsr_array_place(array));
    printf("  %s: %s in %zu chunks, one thread, MiB of elements a second\n",
           tsr_array_dtype(array)->name, show_size(size, (int64_t)self->sample.size_bytes),
           self->sample.count);
    show_table_init(&table, 4);
    show_table_cell(&table, "codec");
    show_table_right(&table, "ratio");
    show_table_right(&table, "encode");
    show_table_right(&table, "decode");
    for (int i = 0; i < self->count; i++) {
        const cli_trial *trial = &self->rows[i];
        show_table_cell(&table, "%s", trial->label);
        if (trial->problem[0]) {
            show_table_right(&table, "-");
            show_table_right(&table, "-");
            show_table_right(&table, "-");
            continue;
        }
        show_table_right(&table, "%.2f", trial->result.ratio);
        show_table_right(&table, "%.0f", trial->result.encode_rate / 1048576);
        show_table_right(&table, "%.0f", trial->result.decode_rate / 1048576);
    }
    return show_table_print(&table, stdout, &self->invocation->error);
}

static int print_json(const cli_trials *self, const tsr_array *array)
{
    cli_document document;
    struct json_object *list, *row;
    int status;

    document_init(&document);
    document_add_text(&document, document.root, "place", tsr_array_place(array));
    document_add_text(&document, document.root, "dtype", tsr_array_dtype(array)->name);
    document_add_integer(&document, document.root, "sample_bytes",
                         (int64_t)self->sample.size_bytes);
    document_add_integer(&document, document.root, "sample_chunks", (int64_t)self->sample.count);
    list = document_add_list(&document, document.root, "codecs");
    for (int i = 0; i < self->count; i++) {
        const cli_trial *trial = &self->rows[i];
        row = document_add_object(&document, list, NULL);
        document_add_text(&document, row, "codec", trial->label);
        document_add_text(&document, row, "problem", trial->problem[0] ? trial->problem : NULL);
        if (trial->problem[0])
            continue;
        document_add_integer(&document, row, "encoded_bytes", trial->result.encoded_bytes);
        document_add_number(&document, row, "ratio", trial->result.ratio);
        document_add_number(&document, row, "encode_bytes_per_second",
                            floor(trial->result.encode_rate));
        document_add_number(&document, row, "decode_bytes_per_second",
                            floor(trial->result.decode_rate));
    }
    status = document_print(&document, stdout, &self->invocation->error);
    document_clear(&document);
    return status;
}

/* ---- the plot ---- */

enum {
    PANELS = 3,
    TEXT_SCALE = 2,
    MARGIN = 16,
    ROW_HEIGHT = 26,
    PANEL_WIDTH = 260,
    PANEL_GAP = 120,
    HEADER = 76
};

/* Codecs that only add a checksum are ten times as fast as any other, and no choice beside them. */
static void leave_out_checksums(cli_trials *self)
{
    int kept = 0;

    for (int i = 0; i < self->count; i++)
        if (!self->rows[i].result.checksum)
            self->rows[kept++] = self->rows[i];
    self->count = kept;
}

static double panel_value(const cli_trial *trial, int panel)
{
    const cli_trial_result *result = &trial->result;

    if (trial->problem[0])
        return 0;
    return panel == 0   ? result->ratio
           : panel == 1 ? result->encode_rate / 1048576
                        : result->decode_rate / 1048576;
}

static int label_column(const cli_trials *self)
{
    int widest = 0;

    for (int i = 0; i < self->count; i++) {
        int width = canvas_text_width(self->rows[i].label, TEXT_SCALE);
        widest = width > widest ? width : widest;
    }
    return MARGIN + widest + MARGIN;
}

/* One panel: a bar for each codec, its figure behind it. */
static void draw_panel(cli_canvas *canvas, const cli_trials *self, int panel, int left)
{
    static const char *const titles[PANELS] = {"ratio", "encode, MiB/s", "decode, MiB/s"};
    const cli_colour fill = colormap_colour(colormap_find("viridis"), panel, -0.6, 2.8);
    double most = 0;

    for (int i = 0; i < self->count; i++)
        most = fmax(most, panel_value(&self->rows[i], panel));
    canvas_text(canvas, left, HEADER - 24, TEXT_SCALE, CANVAS_BLACK, titles[panel]);
    for (int i = 0; i < self->count; i++) {
        double value = panel_value(&self->rows[i], panel);
        int width = most > 0 ? (int)(value / most * PANEL_WIDTH + 0.5) : 0;
        int top = HEADER + i * ROW_HEIGHT;
        char text[32];
        canvas_fill(canvas, left, top + 2, width, ROW_HEIGHT - 8, fill);
        if (self->rows[i].problem[0])
            snprintf(text, sizeof text, "-");
        else
            snprintf(text, sizeof text, panel == 0 ? "%.2f" : "%.0f", value);
        canvas_text(canvas, left + width + 6, top + 4, TEXT_SCALE, CANVAS_BLACK, text);
    }
    canvas_fill(canvas, left - 1, HEADER, 1, self->count * ROW_HEIGHT, CANVAS_GRAY);
}

static int draw_plot(const cli_trials *self, const tsr_array *array, cli_output_file *file)
{
    int left = label_column(self), status;
    tsr_error *err = &self->invocation->error;
    char title[256], size[SHOW_SIZE_MAX];
    cli_canvas canvas;

    CLI_TRY(canvas_init(&canvas, left + PANELS * (PANEL_WIDTH + PANEL_GAP),
                        HEADER + self->count * ROW_HEIGHT + MARGIN, err));
    snprintf(title, sizeof title, "%.80s  %s, %s, one thread",
             location_base_name(tsr_array_place(array)), tsr_array_dtype(array)->name,
             show_size(size, (int64_t)self->sample.size_bytes));
    canvas_text(&canvas, MARGIN, MARGIN, TEXT_SCALE, CANVAS_BLACK, title);
    for (int i = 0; i < self->count; i++)
        canvas_text(&canvas, MARGIN, HEADER + i * ROW_HEIGHT + 4, TEXT_SCALE, CANVAS_BLACK,
                    self->rows[i].label);
    for (int panel = 0; panel < PANELS; panel++)
        draw_panel(&canvas, self, panel, left + panel * (PANEL_WIDTH + PANEL_GAP));
    status = canvas_write_png(&canvas, file->stream, err);
    canvas_clear(&canvas);
    return status < 0 ? status : output_file_commit(file, err);
}

/* ---- the command ---- */

static int report(cli_trials *self, const tsr_array *array, cli_output_file *file)
{
    if (invocation_has(self->invocation, OPTION_JSON))
        CLI_TRY(print_json(self, array));
    else
        CLI_TRY(print_table(self, array));
    leave_out_checksums(self);
    return file->stream ? draw_plot(self, array, file) : 0;
}

static int try_all(cli_invocation *invocation, tsr_context *context, const char *place)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(cli_output_file) file = {0};
    const char *path = invocation_text(invocation, OPTION_OUTPUT);
    cli_trials self = {.invocation = invocation,
                       .context = context,
                       .all_levels = invocation_has(invocation, OPTION_LEVELS)};
    int status;

    CLI_TRY(location_open_array(invocation, place, false, &array));
    if (path)
        CLI_TRY(output_file_open(&file, path, invocation_has(invocation, OPTION_OVERWRITE),
                                 &invocation->error));
    CLI_TRY(trial_sample_read(context, array,
                              invocation_number(invocation, OPTION_SAMPLE, SAMPLE_BYTES),
                              &self.sample, &invocation->error));
    status = tsr_codec_list(context, try_codec, &self);
    if (status >= 0)
        status = report(&self, array, &file);
    trial_sample_clear(&self.sample);
    return status;
}

static int run(cli_invocation *invocation)
{
    const char *place = invocation_text(invocation, OPTION_TRY);
    tsr_context *context;

    if (!place && invocation_has(invocation, OPTION_OUTPUT))
        return invocation_misuse(invocation, "codecs: -o draws what --try measures");
    CLI_TRY(invocation_context(invocation, &context));
    return place ? try_all(invocation, context, place) : list_codecs(invocation, context);
}

extern const cli_command command_codecs;
const cli_command command_codecs = {
    .name = "codecs",
    .summary = "list the codecs, or measure each on an array's own bytes",
    .description =
        "With --try, chunks from all over the array are encoded and decoded by every compressor on one "
        "thread, the best of several passes is shown, and what comes back is compared with what went in.",
    COMMAND_EXAMPLES(
        {"codecs", "What can be read and written"},
        {"codecs --try relief.zarr/ROSE", "Which compression suits this array"},
        {"codecs --try relief.zarr/ROSE -o codecs.png --levels", "More levels, and a picture"}),
    COMMAND_OPTIONS(OPTION_TRY, OPTION_LEVELS, OPTION_SAMPLE, OPTION_OUTPUT, OPTION_OVERWRITE,
                    OPTION_JSON, OPTION_THREADS),
    .run = run,
};
