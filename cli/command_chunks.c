/* tessera chunks PLACE: which chunks and inner chunks are stored, and how large they are. */
#include <string.h>

#include "census.h"
#include "census_tree.h"
#include "describe.h"
#include "document.h"
#include "location.h"
#include "show.h"

enum { ROWS_MAX = 40, SHADES = 4 };

static const char *const state_names[] = {
    [TSR_CHUNK_MISSING] = "missing",
    [TSR_CHUNK_STORED] = "stored",
    [TSR_CHUNK_DAMAGED] = "damaged",
};

/* ---- text ---- */

static void print_level(const cli_census *census, const tsr_array *array, int level)
{
    const cli_census_level *figures = &census->level[level];
    char shape[SHOW_SHAPE_MAX], sum[SHOW_SIZE_MAX], low[SHOW_SIZE_MAX], high[SHOW_SIZE_MAX];
    bool shards = level < census->levels;

    printf("%-8s%s  %lld of %s%lld stored", shards ? "shards" : "chunks",
           show_lengths(shape, census->rank, tsr_array_inner_chunk_shape(array, level)),
           (long long)figures->stored, figures->total == INT64_MAX ? "at least " : "",
           (long long)figures->total);
    if (figures->damaged > 0)
        printf(", %lld damaged", (long long)figures->damaged);
    if (figures->stored > 0)
        printf("  %s, from %s to %s", show_size(sum, figures->stored_bytes),
               show_size(low, figures->smallest_bytes), show_size(high, figures->largest_bytes));
    putchar('\n');
}

/* The largest number of bytes that a chunk of a cell has on average: what the darkest shade stands
 * for. */
static double densest(const cli_census *census)
{
    double most = 0;

    for (int row = 0; row < census->rows; row++)
        for (int column = 0; column < census->columns; column++) {
            const cli_census_cell *cell = &census->cells[row * census->columns + column];
            double bytes = (double)cell->bytes / (double)census_cell_total(census, row, column);
            most = bytes > most ? bytes : most;
        }
    return most;
}

static const char *glyph(const cli_show_style *style, int shade)
{
    static const char *const blocks[] = {"·", "░", "▒", "▓", "█"};
    static const char *const letters[] = {".", "-", "+", "*", "#"};

    return style->unicode ? blocks[shade] : letters[shade];
}

/* 0: nothing is stored; 1 to SHADES: a quarter, half, ... of the densest cell. */
static int shade_of(const cli_census *census, int row, int column, double most)
{
    const cli_census_cell *cell = &census->cells[row * census->columns + column];
    double bytes = (double)cell->bytes / (double)census_cell_total(census, row, column);
    int shade = most > 0 ? (int)(bytes / most * SHADES + 0.999999) : 1;

    if (cell->stored == 0)
        return 0;
    return shade < 1 ? 1 : shade > SHADES ? SHADES : shade;
}

/* How many cells a shard takes along an axis of the picture; 0 when its edges cannot be shown. */
static int64_t cells_per_shard(const cli_census *census, const tsr_array *array, int axis,
                               int cells)
{
    int64_t inner, outer;

    if (census->levels == 0 || axis < 0 || census->level[census->levels].grid[axis] != cells)
        return 0;
    inner = tsr_array_inner_chunk_shape(array, census->levels)[axis];
    outer = tsr_array_chunk_shape(array)[axis];
    return outer % inner == 0 ? outer / inner : 0;
}

static void print_cell(const cli_census *census, const cli_show_style *style, int row, int column,
                       double most, int width)
{
    const cli_census_cell *cell = &census->cells[row * census->columns + column];

    if (cell->damaged > 0)
        fputs(show_colour(style, SHOW_BAD), stdout);
    for (int i = 0; i < width; i++)
        fputs(cell->damaged > 0 ? "x" : glyph(style, shade_of(census, row, column, most)), stdout);
    if (cell->damaged > 0)
        fputs(show_colour(style, SHOW_PLAIN), stdout);
}

/* A line between shards. */
static void print_rule(const cli_census *census, const cli_show_style *style, int64_t shard_columns,
                       int width)
{
    fputs("  ", stdout);
    for (int column = 0; column < census->columns; column++) {
        if (column > 0 && shard_columns > 0 && column % shard_columns == 0)
            fputs(style->unicode ? "┼" : "+", stdout);
        for (int i = 0; i < width; i++)
            fputs(style->unicode ? "─" : "-", stdout);
    }
    putchar('\n');
}

static void print_picture(const cli_census *census, const tsr_array *array,
                          const cli_show_style *style)
{
    int64_t shard_rows = cells_per_shard(census, array, census->row_axis, census->rows);
    int64_t shard_columns = cells_per_shard(census, array, census->column_axis, census->columns);
    double most = densest(census);
    /* Two columns make a square; where there is no room for that, one. */
    int width =
        census->columns * 2 + (shard_columns > 0 ? census->columns / (int)shard_columns : 0) <
                style->width - 4
            ? 2
            : 1;

    putchar('\n');
    for (int row = 0; row < census->rows; row++) {
        if (row > 0 && shard_rows > 0 && row % shard_rows == 0)
            print_rule(census, style, shard_columns, width);
        fputs("  ", stdout);
        for (int column = 0; column < census->columns; column++) {
            if (column > 0 && shard_columns > 0 && column % shard_columns == 0)
                fputs(style->unicode ? "│" : "|", stdout);
            print_cell(census, style, row, column, most, width);
        }
        putchar('\n');
    }
}

static void print_axis(const tsr_array *array, int axis)
{
    const char *name = axis < 0 ? NULL : tsr_array_dimension_name(array, axis);

    if (name)
        show_safe_text(stdout, name);
    else
        printf("axis %d", axis);
}

static void print_legend(const cli_census *census, const tsr_array *array,
                         const cli_show_style *style)
{
    char size[SHOW_SIZE_MAX];
    double most = densest(census);
    int64_t first = census_cell_total(census, 0, 0);

    fputs("\n  ", stdout);
    if (census->row_axis >= 0) {
        print_axis(array, census->row_axis);
        fputs(" down, ", stdout);
    }
    if (census->column_axis >= 0) {
        print_axis(array, census->column_axis);
        fputs(" across; ", stdout);
    }
    if (first == 1)
        printf("a cell is one chunk\n");
    else
        printf("a cell stands for %lld chunks\n", (long long)first);
    printf("  %s none stored ", glyph(style, 0));
    for (int shade = 1; shade <= SHADES && most > 0; shade++)
        printf("  %s up to %s", glyph(style, shade),
               show_size(size, (int64_t)(most * shade / SHADES + 0.5)));
    puts("");
}

static void print_text(const cli_census *census, const tsr_array *array,
                       const cli_show_style *style)
{
    char shape[SHOW_SHAPE_MAX];

    show_safe_text(stdout, tsr_array_place(array));
    printf("  %s  %s\n", show_shape(shape, census->rank, tsr_array_shape(array)),
           tsr_array_dtype(array)->name);
    for (int level = 0; level <= census->levels; level++)
        print_level(census, array, level);
    if (census->rows > 0 && census->columns > 0) {
        print_picture(census, array, style);
        print_legend(census, array, style);
    }
}

/* One chunk a line: level, coordinates, state, size, and where it lies. */
static int print_chunk(void *user, const tsr_chunk_info *info)
{
    const cli_census *census = user;
    char text[SHOW_SHAPE_MAX];

    printf("%d  %s  %s  %llu  %s", info->level, show_coordinates(text, census->rank, info->index),
           state_names[info->state], (unsigned long long)info->size_bytes, info->key);
    if (info->level > 0 && info->state == TSR_CHUNK_STORED)
        printf(" @%llu", (unsigned long long)info->offset);
    putchar('\n');
    return ferror(stdout) ? TSR_IO : 0;
}

/* ---- JSON ---- */

typedef struct cli_json_list {
    cli_document *document;
    struct json_object *chunks;
    int rank;
} cli_json_list;

static int add_chunk(void *user, const tsr_chunk_info *info)
{
    cli_json_list *list = user;
    cli_document *document = list->document;
    struct json_object *row = document_add_object(document, list->chunks, NULL);

    document_add_integer(document, row, "level", info->level);
    document_add_lengths(document, row, "index", list->rank, info->index);
    document_add_text(document, row, "state", state_names[info->state]);
    document_add_text(document, row, "key", info->key);
    document_add_integer(document, row, "offset", (int64_t)info->offset);
    document_add_integer(document, row, "size_bytes", (int64_t)info->size_bytes);
    return document->failed ? TSR_NO_MEMORY : 0;
}

static int run_json(cli_invocation *invocation, tsr_array *array, cli_census *census,
                    cli_progress *progress)
{
    cli_document document;
    cli_json_list list = {&document, NULL, census->rank};
    int status;

    document_init(&document);
    document_add_text(&document, document.root, "place", tsr_array_place(array));
    document_add_lengths(&document, document.root, "shape", census->rank, tsr_array_shape(array));
    if (invocation_has(invocation, OPTION_LIST))
        list.chunks = document_add_list(&document, document.root, "chunks");
    status = census_take(census, array, list.chunks ? add_chunk : NULL, &list, progress,
                         &invocation->error);
    progress_end(progress);
    census_add_levels(&document, document.root, census, array);
    if (status >= 0)
        status = document_print(&document, stdout, &invocation->error);
    document_clear(&document);
    return status;
}

/* ---- the command ---- */

static int run_text(cli_invocation *invocation, tsr_array *array, cli_census *census,
                    const cli_show_style *style, cli_progress *progress)
{
    bool list = invocation_has(invocation, OPTION_LIST);
    int status =
        census_take(census, array, list ? print_chunk : NULL, census, progress, &invocation->error);

    progress_end(progress);
    if (status >= 0 && !list)
        print_text(census, array, style);
    return status;
}

static int run(cli_invocation *invocation)
{
    tsr_auto(tsr_array) *array = NULL;
    cli_progress progress;
    cli_show_style style;
    char label[160];
    cli_census census;
    int status;

    if (invocation_has(invocation, OPTION_CENSUS)) {
        if (invocation_has(invocation, OPTION_LIST))
            return invocation_misuse(invocation, "--census counts what --list lists");
        return census_tree(invocation);
    }
    CLI_TRY(location_open_array(invocation, invocation->operands[0], false, &array));
    if (!location_is_zarr(tsr_array_driver(array)))
        return tsr_error_set(&invocation->error, TSR_UNSUPPORTED,
                             "%s: a %s array has no chunks in a store", tsr_array_place(array),
                             tsr_array_driver(array));
    show_style_init(&style, stdout, invocation_text(invocation, OPTION_COLOR));
    CLI_TRY(census_init(&census, array, ROWS_MAX, style.width - 4, &invocation->error));
    progress_init(&progress, invocation, "counting");
    progress_label(label, sizeof label, tsr_array_place(array), array);
    progress_begin(&progress, label, 0);
    if (invocation_has(invocation, OPTION_JSON))
        status = run_json(invocation, array, &census, &progress);
    else
        status = run_text(invocation, array, &census, &style, &progress);
    census_clear(&census);
    return status;
}

extern const cli_command command_chunks;
const cli_command command_chunks = {
    .name = "chunks",
    .summary = "show which chunks and inner chunks are stored, as a picture",
    .description =
        "Sizes are those of the encoded bytes. Inner chunks are counted from the shard indexes alone; "
        "nothing is decoded. In the picture, the darker a cell, the more bytes its chunks have; axes other "
        "than the last two that are cut into chunks are summed up.\n\n"
        "With --census only the numbers are given, of every array of a tree: how many shards and chunks are "
        "stored, in how many bytes, how many of these no shard index refers to (see `tessera compact`), and "
        "how many are damaged as far as their indexes say.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES({"chunks relief.zarr/ROSE", "A picture in the terminal"},
                     {"chunks relief.zarr/ROSE --list", "Every chunk with its state, size and key"},
                     {"chunks relief.zarr/ROSE --json", "The counts for programs"},
                     {"chunks relief.zarr --census", "The counts of every array of a tree"}),
    COMMAND_OPTIONS(OPTION_LIST, OPTION_CENSUS, OPTION_JSON, OPTION_THREADS, OPTION_PROGRESS),
    .run = run,
};
