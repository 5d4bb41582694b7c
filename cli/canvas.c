#include "canvas.h"

#include <errno.h>
#include <string.h>

#if TESSERA_HAVE_PNG
#include <png.h>
#endif

#include "glyphs.h"
#include "memory.h"

int canvas_init(cli_canvas *ret_canvas, int width, int height, tsr_error *err)
{
    size_t count = (size_t)width * (size_t)height;
    cli_colour *pixels;

    if (width < 1 || height < 1 || count > (size_t)1 << 28)
        return tsr_error_set(err, TSR_LIMIT, "a picture of %d x %d pixels is too large", width,
                             height);
    pixels = memory_bytes(count * sizeof *pixels);
    if (!pixels)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for %d x %d pixels", width, height);
    memset(pixels, 255, count * sizeof *pixels);
    *ret_canvas = (cli_canvas){width, height, pixels};
    return 0;
}

void canvas_clear(cli_canvas *canvas)
{
    memory_free(canvas->pixels);
    canvas->pixels = NULL;
}

void canvas_set(cli_canvas *canvas, int x, int y, cli_colour colour)
{
    if (x >= 0 && x < canvas->width && y >= 0 && y < canvas->height)
        canvas->pixels[(size_t)y * (size_t)canvas->width + (size_t)x] = colour;
}

void canvas_fill(cli_canvas *canvas, int x, int y, int width, int height, cli_colour colour)
{
    for (int row = y; row < y + height; row++)
        for (int column = x; column < x + width; column++)
            canvas_set(canvas, column, row, colour);
}

void canvas_frame(cli_canvas *canvas, int x, int y, int width, int height, cli_colour colour)
{
    canvas_fill(canvas, x, y, width, 1, colour);
    canvas_fill(canvas, x, y + height - 1, width, 1, colour);
    canvas_fill(canvas, x, y, 1, height, colour);
    canvas_fill(canvas, x + width - 1, y, 1, height, colour);
}

static void draw_glyph(cli_canvas *canvas, int x, int y, int scale, cli_colour colour,
                       const uint8_t *rows)
{
    for (int row = 0; row < GLYPH_ROWS; row++)
        for (int column = 0; column < GLYPH_COLUMNS; column++)
            if (rows[row] >> (GLYPH_COLUMNS - 1 - column) & 1)
                canvas_fill(canvas, x + column * scale, y + row * scale, scale, scale, colour);
}

/* The next character, with a question mark for each that is not ASCII, however many bytes it has.
 */
static char next_character(const char **text)
{
    unsigned char first = (unsigned char)*(*text)++;

    if (first < 0x80)
        return first >= ' ' && first < 0x7f ? (char)first : '?';
    while (((unsigned char)**text & 0xc0) == 0x80)
        (*text)++;
    return '?';
}

void canvas_text(cli_canvas *canvas, int x, int y, int scale, cli_colour colour, const char *text)
{
    while (*text) {
        draw_glyph(canvas, x, y, scale, colour, glyph_rows(next_character(&text)));
        x += CANVAS_TEXT_WIDTH * scale;
    }
}

int canvas_text_width(const char *text, int scale)
{
    int count = 0;

    while (*text) {
        next_character(&text);
        count++;
    }
    return count > 0 ? (count * CANVAS_TEXT_WIDTH - 1) * scale : 0;
}

#if TESSERA_HAVE_PNG

/* libpng would print its words to standard error by itself. */
static void on_error(png_structp png, png_const_charp message)
{
    (void)message;
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png;
    (void)message;
}

/* libpng jumps here on an error; nothing between setjmp and the jump owns memory. */
static int write_rows(png_structp png, png_infop info, const cli_canvas *canvas, FILE *file)
{
    if (setjmp(png_jmpbuf(png)))
        return -1;
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)canvas->width, (png_uint_32)canvas->height, 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (int y = 0; y < canvas->height; y++)
        png_write_row(png, (png_const_bytep)(canvas->pixels + (size_t)y * (size_t)canvas->width));
    png_write_end(png, info);
    return 0;
}

int canvas_write_png(const cli_canvas *canvas, FILE *file, tsr_error *err)
{
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    int failed;

    if (!info) {
        png_destroy_write_struct(&png, NULL);
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for the PNG encoder");
    }
    failed = write_rows(png, info, canvas, file);
    png_destroy_write_struct(&png, &info);
    if (failed || ferror(file))
        return tsr_error_set(err, errno == ENOSPC ? TSR_NO_SPACE : TSR_IO,
                             "cannot write the picture: %s", strerror(errno));
    return 0;
}

#else

int canvas_write_png(const cli_canvas *canvas, FILE *file, tsr_error *err)
{
    (void)canvas;
    (void)file;
    tsr_error_set(err, TSR_UNSUPPORTED, "this tessera was built without libpng");
    tsr_error_set_next_step(err, "install libpng's development files and build again");
    return TSR_UNSUPPORTED;
}

#endif
