/* tessera draw PLACE -o FILE: a plane of an array as a PNG picture with a colour scale. */
#include <math.h>
#include <string.h>

#include "canvas.h"
#include "colormap.h"
#include "coordinate.h"
#include "describe.h"
#include "output_file.h"
#include "quantity.h"
#include "raster.h"
#include "scale.h"
#include "show.h"
#include "statistics.h"

enum { SIZE_DEFAULT = 1200, PIXELS_MAX = 16384, ENLARGE_DEFAULT = 600 };

/* What is drawn: the values, their scale, and what stands around them. */
typedef struct cli_drawing {
    cli_raster raster;
    cli_coordinate rows, columns;
    const cli_colormap *map;
    double low, high; /* ends of the colour scale */
    bool any;         /* some pixel has a value */
    char title[160], units[64];
    int text_scale;
} cli_drawing;

/* Where things are, in pixels. */
typedef struct cli_layout {
    int left, top; /* of the plane */
    int bar_left, bar_width;
    int width, height; /* of the picture */
} cli_layout;

/* ---- options ---- */

/* "1200" or "1200x800". */
static int read_size(cli_invocation *invocation, int *ret_width, int *ret_height, int *ret_enlarge)
{
    const char *given = invocation_text(invocation, OPTION_SIZE);
    const char *cross = given ? strchr(given, 'x') : NULL;
    int64_t width = SIZE_DEFAULT, height = SIZE_DEFAULT;
    bool good = true;

    *ret_enlarge = ENLARGE_DEFAULT;
    if (given) {
        char first[32];
        snprintf(first, sizeof first, "%.*s", cross ? (int)(cross - given) : 31, given);
        good = quantity_parse_integer(first, &width);
        height = width;
        if (cross)
            good &= quantity_parse_integer(cross + 1, &height);
        *ret_enlarge = PIXELS_MAX;
    }
    if (!good || width < 1 || height < 1 || width > PIXELS_MAX || height > PIXELS_MAX)
        return invocation_misuse(invocation,
                                 "--size takes pixels from 1 to %d, such as 1200 or "
                                 "1200x800, not '%s'",
                                 PIXELS_MAX, given);
    *ret_width = (int)width;
    *ret_height = (int)height;
    return 0;
}

static cli_raster_method read_method(const cli_invocation *invocation)
{
    const char *given = invocation_text(invocation, OPTION_DOWNSAMPLE);

    if (given && strcmp(given, "mean") == 0)
        return RASTER_MEAN;
    return given && strcmp(given, "stride") == 0 ? RASTER_STRIDE : RASTER_AUTO;
}

/* The ends of the colour scale: as given, or percentiles of the pixels. */
static int choose_range(cli_invocation *invocation, cli_drawing *drawing)
{
    const char *range = invocation_text(invocation, OPTION_RANGE);
    const char *stretch = invocation_text(invocation, OPTION_STRETCH);
    double low = 2, high = 98;

    if (range && stretch)
        return invocation_misuse(invocation, "give --range or --stretch, not both");
    if (stretch &&
        (!quantity_parse_pair(stretch, &low, &high) || low < 0 || high > 100 || low >= high))
        return invocation_misuse(invocation,
                                 "--stretch takes two percentiles from 0 to 100, such as "
                                 "2,98, not '%s'",
                                 stretch);
    CLI_TRY(raster_percentiles(&drawing->raster, low, high, &drawing->low, &drawing->high,
                               &drawing->any, &invocation->error));
    if (range && (!quantity_parse_pair(range, &drawing->low, &drawing->high) ||
                  drawing->low >= drawing->high))
        return invocation_misuse(invocation,
                                 "--range takes two numbers, the smaller first, not '%s'", range);
    return 0;
}

/* ---- drawing ---- */

static int label_width(const cli_scale_tick *ticks, int count, int text_scale)
{
    int widest = 0;

    for (int i = 0; i < count; i++) {
        int width = canvas_text_width(ticks[i].label, text_scale);
        widest = width > widest ? width : widest;
    }
    return widest;
}

static int bar_ticks(const cli_drawing *drawing, cli_scale_tick *ret_ticks)
{
    if (!drawing->any)
        return 0;
    return scale_ticks(drawing->low, drawing->high,
                       drawing->raster.height / (24 * drawing->text_scale), ret_ticks);
}

static int axis_ticks(const cli_coordinate *coordinate, int pixels, int spacing,
                      cli_scale_tick *ret_ticks)
{
    double first, last;

    if (coordinate->count < 2)
        return 0;
    first = coordinate->values[0];
    last = coordinate->values[coordinate->count - 1];
    return scale_ticks(fmin(first, last), fmax(first, last), pixels / spacing, ret_ticks);
}

static cli_layout find_layout(const cli_drawing *drawing)
{
    int scale = drawing->text_scale, margin = 8 * scale, line = CANVAS_TEXT_HEIGHT * scale;
    cli_scale_tick ticks[SCALE_TICKS_MAX];
    cli_layout layout = {.left = margin, .top = margin + line + margin};
    int count = axis_ticks(&drawing->rows, drawing->raster.height, 40 * scale, ticks);
    int below = 0;

    if (count > 0) {
        layout.left += label_width(ticks, count, scale) + 6 * scale;
        layout.top += line + margin / 2;
    }
    if (drawing->columns.count > 1)
        below = 6 * scale + line + margin / 2 + line;
    layout.bar_left = layout.left + drawing->raster.width + 2 * margin;
    layout.bar_width = 14 * scale;
    count = bar_ticks(drawing, ticks);
    layout.width =
        layout.bar_left + layout.bar_width + 6 * scale + label_width(ticks, count, scale) + margin;
    layout.height = layout.top + drawing->raster.height + below + margin;
    /* The title may be wider than a small picture. */
    count = margin * 2 + canvas_text_width(drawing->title, scale);
    if (layout.width < count)
        layout.width = count;
    return layout;
}

static void draw_plane(cli_canvas *canvas, const cli_drawing *drawing, const cli_layout *layout)
{
    const cli_raster *raster = &drawing->raster;
    const cli_colour nothing = {200, 200, 200};

    for (int y = 0; y < raster->height; y++)
        for (int x = 0; x < raster->width; x++) {
            double value = raster->values[(size_t)y * (size_t)raster->width + (size_t)x];
            canvas_set(canvas, layout->left + x, layout->top + y,
                       isnan(value)
                           ? nothing
                           : colormap_colour(drawing->map, value, drawing->low, drawing->high));
        }
    canvas_frame(canvas, layout->left - 1, layout->top - 1, raster->width + 2, raster->height + 2,
                 CANVAS_BLACK);
}

static void draw_bar(cli_canvas *canvas, const cli_drawing *drawing, const cli_layout *layout)
{
    int height = drawing->raster.height, scale = drawing->text_scale;
    double low = drawing->low, high = drawing->high;
    cli_scale_tick ticks[SCALE_TICKS_MAX];
    int count = bar_ticks(drawing, ticks);

    if (!drawing->any)
        return;
    for (int y = 0; y < height; y++) {
        double value = high - (high - low) * (y + 0.5) / height;
        canvas_fill(canvas, layout->bar_left, layout->top + y, layout->bar_width, 1,
                    colormap_colour(drawing->map, value, low, high));
    }
    canvas_frame(canvas, layout->bar_left - 1, layout->top - 1, layout->bar_width + 2, height + 2,
                 CANVAS_BLACK);
    for (int i = 0; i < count; i++) {
        double share = high > low ? (high - ticks[i].value) / (high - low) : 0.5;
        int y = layout->top + (int)(share * (height - 1) + 0.5);
        int x = layout->bar_left + layout->bar_width;
        canvas_fill(canvas, x, y, 3 * scale, scale, CANVAS_BLACK);
        canvas_text(canvas, x + 5 * scale, y - 7 * scale / 2 + scale / 2, scale, CANVAS_BLACK,
                    ticks[i].label);
    }
    canvas_text(canvas, layout->bar_left, layout->top - (CANVAS_TEXT_HEIGHT + 3) * scale, scale,
                CANVAS_BLACK, drawing->units);
}

/* The pixel, from the left or the top of the plane, of a coordinate value. */
static int coordinate_pixel(const cli_coordinate *coordinate, double value, int pixels,
                            bool flipped)
{
    double share = (coordinate_locate(coordinate, value) + 0.5) / (double)coordinate->count;
    int pixel = (int)(share * pixels);

    if (pixel >= pixels)
        pixel = pixels - 1;
    return flipped ? pixels - 1 - pixel : pixel;
}

static void draw_row_axis(cli_canvas *canvas, const cli_drawing *drawing, const cli_layout *layout,
                          bool flipped)
{
    int scale = drawing->text_scale, height = drawing->raster.height;
    cli_scale_tick ticks[SCALE_TICKS_MAX];
    int count = axis_ticks(&drawing->rows, height, 40 * scale, ticks);

    for (int i = 0; i < count; i++) {
        int y = layout->top + coordinate_pixel(&drawing->rows, ticks[i].value, height, flipped);
        int width = canvas_text_width(ticks[i].label, scale);
        canvas_fill(canvas, layout->left - 4 * scale, y, 3 * scale, scale, CANVAS_BLACK);
        canvas_text(canvas, layout->left - 6 * scale - width, y - 3 * scale, scale, CANVAS_BLACK,
                    ticks[i].label);
    }
    if (count > 0)
        canvas_text(canvas, 8 * scale, layout->top - (CANVAS_TEXT_HEIGHT + 3) * scale, scale,
                    CANVAS_BLACK, drawing->rows.label);
}

static void draw_column_axis(cli_canvas *canvas, const cli_drawing *drawing,
                             const cli_layout *layout, bool flipped)
{
    int scale = drawing->text_scale, width = drawing->raster.width;
    int bottom = layout->top + drawing->raster.height;
    cli_scale_tick ticks[SCALE_TICKS_MAX];
    int count = axis_ticks(&drawing->columns, width, 60 * scale, ticks);

    for (int i = 0; i < count; i++) {
        int x = layout->left + coordinate_pixel(&drawing->columns, ticks[i].value, width, flipped);
        canvas_fill(canvas, x, bottom + 1, scale, 3 * scale, CANVAS_BLACK);
        canvas_text(canvas, x - canvas_text_width(ticks[i].label, scale) / 2, bottom + 6 * scale,
                    scale, CANVAS_BLACK, ticks[i].label);
    }
    if (count > 0)
        canvas_text(canvas,
                    layout->left + (width - canvas_text_width(drawing->columns.label, scale)) / 2,
                    bottom + (6 + CANVAS_TEXT_HEIGHT + 4) * scale, scale, CANVAS_BLACK,
                    drawing->columns.label);
}

/* Whether row 0 lies at the bottom: coordinates grow upwards, but for depths. */
static bool rows_are_flipped(const cli_coordinate *rows)
{
    bool rises = rows->count > 1 && rows->values[1] > rows->values[0];

    return rows->count > 1 && rises != rows->downwards;
}

static bool columns_are_flipped(const cli_coordinate *columns)
{
    return columns->count > 1 && columns->values[1] < columns->values[0];
}

static int paint(cli_drawing *drawing, bool orient, cli_canvas *ret_canvas, tsr_error *err)
{
    bool flip_rows = orient && rows_are_flipped(&drawing->rows);
    bool flip_columns = orient && columns_are_flipped(&drawing->columns);
    cli_layout layout;

    if (flip_rows)
        raster_flip_rows(&drawing->raster);
    if (flip_columns)
        raster_flip_columns(&drawing->raster);
    layout = find_layout(drawing);
    CLI_TRY(canvas_init(ret_canvas, layout.width, layout.height, err));
    canvas_text(ret_canvas, 8 * drawing->text_scale, 8 * drawing->text_scale, drawing->text_scale,
                CANVAS_BLACK, drawing->title);
    draw_plane(ret_canvas, drawing, &layout);
    draw_bar(ret_canvas, drawing, &layout);
    draw_row_axis(ret_canvas, drawing, &layout, flip_rows);
    draw_column_axis(ret_canvas, drawing, &layout, flip_columns);
    return 0;
}

/* ---- the command ---- */

static int describe(cli_drawing *drawing, tsr_array *array, tsr_error *err)
{
    struct json_object *attributes;
    char long_name[96];

    CLI_TRY(describe_array_attributes(array, &attributes, err));
    coordinate_text_attribute(attributes, "long_name", long_name, sizeof long_name);
    coordinate_text_attribute(attributes, "units", drawing->units, sizeof drawing->units);
    json_object_put(attributes);
    snprintf(drawing->title, sizeof drawing->title, "%.60s%s%s",
             location_base_name(tsr_array_place(array)), long_name[0] ? "  " : "", long_name);
    return 0;
}

/* A picture has two axes; axes of length 1 are taken away, for the others the user must say which
 * plane. */
static int choose_plane(cli_invocation *invocation, cli_selected_array *selected)
{
    for (int i = 0; i < selected->rank && selected->rank > 2;) {
        tsr_index plane;
        if (selected->shape[i] != 1) {
            i++;
            continue;
        }
        tsr_index_all(&plane, selected->rank, selected->shape);
        plane.axes[i].kind = TSR_INDEX_POSITION;
        CLI_TRY(selected_array_narrow(selected, &plane, &invocation->error));
    }
    if (selected->rank != 2) {
        const char *first = tsr_array_dimension_name(selected->array, 0);
        invocation_misuse(invocation, "%s: a picture needs two axes, and %d are selected",
                          tsr_array_place(selected->array), selected->rank);
        invocation->error.next_step[0] = '\0';
        tsr_error_set_next_step(&invocation->error, "choose a plane, such as --isel %s=0",
                                first ? first : "0");
        return TSR_INVALID_ARGUMENT;
    }
    if (selected->shape[0] == 0 || selected->shape[1] == 0)
        return invocation_misuse(invocation,
                                 "%s: there is nothing to draw in a plane of %lld x %lld",
                                 tsr_array_place(selected->array), (long long)selected->shape[0],
                                 (long long)selected->shape[1]);
    return 0;
}

static int read_plane(cli_invocation *invocation, const cli_selected_array *selected,
                      const cli_moments_rules *rules, cli_drawing *drawing)
{
    int max_width = 0, max_height = 0, enlarge = 0, width, height, status;
    cli_progress progress;
    char label[160];

    CLI_TRY(read_size(invocation, &max_width, &max_height, &enlarge));
    raster_fit(selected->shape[0], selected->shape[1], max_width, max_height, enlarge, &width,
               &height);
    drawing->text_scale = width > height ? width / 500 : height / 500;
    if (drawing->text_scale < 1)
        drawing->text_scale = 1;
    progress_init(&progress, invocation, "drawing");
    progress_label(label, sizeof label, tsr_array_place(selected->array), selected->array);
    progress_begin(&progress, label, 0);
    status = raster_read(selected, rules, read_method(invocation), width, height, &progress,
                         &drawing->raster, &invocation->error);
    progress_end(&progress);
    return status;
}

static int draw(cli_invocation *invocation, const cli_selected_array *selected,
                const cli_moments_rules *rules, cli_drawing *drawing, cli_output_file *file)
{
    const char *orient = invocation_text(invocation, OPTION_ORIENT);
    cli_canvas canvas = {0, 0, NULL};
    int status;

    CLI_TRY(read_plane(invocation, selected, rules, drawing));
    CLI_TRY(choose_range(invocation, drawing));
    CLI_TRY(coordinate_find(invocation->context, selected, 0, &drawing->rows, &invocation->error));
    CLI_TRY(
        coordinate_find(invocation->context, selected, 1, &drawing->columns, &invocation->error));
    CLI_TRY(describe(drawing, selected->array, &invocation->error));
    status = paint(drawing, !orient || strcmp(orient, "auto") == 0, &canvas, &invocation->error);
    if (status >= 0)
        status = canvas_write_png(&canvas, file->stream, &invocation->error);
    canvas_clear(&canvas);
    return status < 0 ? status : output_file_commit(file, &invocation->error);
}

static int run_selected(cli_invocation *invocation, cli_selected_array *selected,
                        cli_output_file *file)
{
    const char *map = invocation_text(invocation, OPTION_COLORMAP);
    cli_drawing drawing = {.map = colormap_find(map ? map : "viridis")};
    cli_missing_values missing;
    cli_moments_rules rules = {tsr_array_dtype(selected->array),
                               tsr_array_fill_value(selected->array), NULL, 0};
    int status;

    CLI_TRY(missing_values_find(selected->array, missing_rule_of(invocation), &missing,
                                &invocation->error));
    rules.missing = missing.elements;
    rules.missing_count = missing.count;
    status = draw(invocation, selected, &rules, &drawing, file);
    raster_clear(&drawing.raster);
    coordinate_clear(&drawing.rows);
    coordinate_clear(&drawing.columns);
    missing_values_clear(&missing);
    return status;
}

static int run(cli_invocation *invocation)
{
    tsr_auto(cli_selected_array) selected = {0};
    tsr_auto(cli_output_file) file = {0};
    const char *path = invocation_text(invocation, OPTION_OUTPUT);

    if (!path)
        return invocation_misuse(invocation, "draw: -o FILE is missing");
    CLI_TRY(location_open_selected(invocation, invocation->operands[0], false, &selected));
    if (!moments_supports(tsr_array_dtype(selected.array)))
        return tsr_error_set(&invocation->error, TSR_UNSUPPORTED,
                             "%s: elements of type %s are no numbers to be drawn",
                             tsr_array_place(selected.array),
                             tsr_array_dtype(selected.array)->name);
    CLI_TRY(choose_plane(invocation, &selected));
    CLI_TRY(output_file_open(&file, path, invocation_has(invocation, OPTION_OVERWRITE),
                             &invocation->error));
    return run_selected(invocation, &selected, &file);
}

extern const cli_command command_draw;
const cli_command command_draw = {
    .name = "draw",
    .summary = "draw a plane of an array as a PNG picture",
    .description =
        "The picture has a colour scale at its side. Where the dimensions have coordinate arrays, "
        "latitudes point north, other coordinates grow upwards (depths downwards), and the axes are "
        "labelled. Large planes are thinned to --size; memory is one value a pixel. Pixels without a "
        "value, because all of their elements are NaN or missing, are light gray.\n\n"
        "Where the array keeps statistics (create --statistics, or stats --update), each inner chunk is drawn "
        "as the mean that is kept of it, and only chunks of which none is known are read. That is so where no "
        "pixel is smaller than an inner chunk, and for planes of more than 4 GiB, which may then look coarse; "
        "chunks that are thicker than the plane are read. --downsample mean and stride read in any case.",
    COMMAND_OPERANDS({.kind = OPERAND_SELECTED, .name = "PLACE"}),
    COMMAND_EXAMPLES(
        {"draw relief.zarr/ROSE -o relief.png --colormap terrain", "The relief of the Earth"},
        {"draw ocean.zarr/TEMP --isel time=0,depth=0 -o sea.png", "One plane of four axes"},
        {"draw 'a.zarr/t[0, :100, :100]' -o corner.png --range 0,1", "A part, scaled by hand"}),
    COMMAND_OPTIONS(OPTION_OUTPUT, OPTION_SELECT, OPTION_ISEL, OPTION_POINTS, OPTION_ORTHOGONAL,
                    OPTION_COLORMAP, OPTION_STRETCH, OPTION_RANGE, OPTION_SIZE, OPTION_DOWNSAMPLE,
                    OPTION_ORIENT, OPTION_MISSING, OPTION_OVERWRITE, OPTION_MEMORY, OPTION_THREADS,
                    OPTION_PROGRESS),
    .run = run,
};
