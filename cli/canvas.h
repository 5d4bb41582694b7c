/* A picture in memory: pixels, rectangles, small text; written as PNG. */
#ifndef TESSERA_CLI_CANVAS_H
#define TESSERA_CLI_CANVAS_H

#include <stdint.h>
#include <stdio.h>

#include <tessera.h>

typedef struct cli_colour {
    uint8_t red, green, blue;
} cli_colour;

typedef struct cli_canvas {
    int width, height;
    cli_colour *pixels; /* row by row from the top */
} cli_canvas;

#define CANVAS_WHITE ((cli_colour){255, 255, 255})
#define CANVAS_BLACK ((cli_colour){0, 0, 0})
#define CANVAS_GRAY ((cli_colour){128, 128, 128})

/* Makes a white picture. Owner: the caller, by canvas_clear. Errors: NO_MEMORY, LIMIT (more than
 * 2^28 pixels). */
int canvas_init(cli_canvas *ret_canvas, int width, int height, tsr_error *err);

/* Releases the pixels. */
void canvas_clear(cli_canvas *canvas);

/* Sets one pixel, or fills a rectangle; what lies outside the picture is left out. */
void canvas_set(cli_canvas *canvas, int x, int y, cli_colour colour);
void canvas_fill(cli_canvas *canvas, int x, int y, int width, int height, cli_colour colour);

/* The outline of a rectangle, one pixel wide, inside it. */
void canvas_frame(cli_canvas *canvas, int x, int y, int width, int height, cli_colour colour);

/* Writes text with its upper left corner at (x, y). Characters are 5 x 8 dots of `scale` pixels, 6
 * apart; what is not ASCII is a question mark. */
void canvas_text(cli_canvas *canvas, int x, int y, int scale, cli_colour colour, const char *text);

enum { CANVAS_TEXT_WIDTH = 6, CANVAS_TEXT_HEIGHT = 8 };

/* How many pixels a text is wide. */
int canvas_text_width(const char *text, int scale);

/* Writes it as PNG (8 bits each of red, green, blue). Errors: UNSUPPORTED when built without
 * libpng, NO_MEMORY, IO. */
int canvas_write_png(const cli_canvas *canvas, FILE *file, tsr_error *err);

#endif
