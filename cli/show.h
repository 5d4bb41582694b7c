/* How things look on standard output: sizes, shapes, names, tables, colour. */
#ifndef TESSERA_CLI_SHOW_H
#define TESSERA_CLI_SHOW_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <tessera.h>

/* What the terminal (or file) behind a stream can show. */
typedef struct cli_show_style {
    bool colour;
    bool unicode; /* UTF-8: tree glyphs and shades instead of ASCII */
    int width;    /* columns; 80 when it is no terminal */
} cli_show_style;

typedef enum cli_show_paint {
    SHOW_PLAIN,
    SHOW_BOLD,
    SHOW_DIM,
    SHOW_GROUP, /* names of groups */
    SHOW_BAD    /* damage */
} cli_show_paint;

/* Finds out about a stream. `color` is the value of --color, or NULL. */
void show_style_init(cli_show_style *style, FILE *stream, const char *color);

/* The escape sequence that starts a colour, or "". SHOW_PLAIN ends all of them. */
const char *show_colour(const cli_show_style *style, cli_show_paint paint);

#define SHOW_SIZE_MAX 32

/* "35.6 MiB", "512 B": binary units, one decimal; "8 EiB or more" for SHOW_TOO_LARGE. Returns
 * `text`. */
enum { SHOW_TOO_LARGE = -1 };
const char *show_size(char text[SHOW_SIZE_MAX], int64_t size_bytes);

#define SHOW_SHAPE_MAX (TSR_RANK_MAX * 22 + 4)

/* "(2160, 4320)", as Python writes a tuple. Returns `text`. */
const char *show_shape(char text[SHOW_SHAPE_MAX], int rank, const int64_t *shape);

/* "270x270", and "scalar" for rank 0. Returns `text`. */
const char *show_lengths(char text[SHOW_SHAPE_MAX], int rank, const int64_t *shape);

/* "[3, 7]". Returns `text`. */
const char *show_coordinates(char text[SHOW_SHAPE_MAX], int rank, const int64_t *index);

/* A number for people: up to `digits` significant digits, no trailing zeros. Returns `text`. */
const char *show_number(char text[SHOW_SIZE_MAX], double value, int digits);

/* Writes text from outside (names, attributes) with control characters and broken UTF-8 as \xNN, so
 * that a file cannot take over the terminal. */
void show_safe_text(FILE *stream, const char *text);

/* The same into a new string; NULL when out of memory. The caller frees it. */
char *show_safe_copy(const char *text);

/* How many columns a text takes on the terminal. */
int show_text_width(const char *text);

/* Cells that are printed in aligned columns once all rows are known. */
typedef struct cli_show_table {
    char **cells; /* each text stands behind a letter for its alignment */
    size_t count, capacity;
    int columns;
    bool failed; /* out of memory; show_table_print then says so */
} cli_show_table;

/* Starts a table of `columns` columns. */
void show_table_init(cli_show_table *table, int columns);

/* Adds the next cell, aligned to the left or to the right. */
void show_table_cell(cli_show_table *table, const char *format, ...) TSR_PRINTF(2, 3);
void show_table_right(cli_show_table *table, const char *format, ...) TSR_PRINTF(2, 3);

/* Prints the rows with two spaces between columns, and releases the cells.
 * Errors: NO_MEMORY. */
int show_table_print(cli_show_table *table, FILE *stream, tsr_error *err);

/* Releases the cells; on a table that was printed, or never filled, it does nothing. */
void show_table_clear(cli_show_table *table);

/* Whether standard output has taken everything so far; a full disk and a closed pipe are found
 * here. Errors: IO, NO_SPACE. */
int show_check(tsr_error *err);

#endif
