#include "show.h"

#include <errno.h>
#include <langinfo.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "memory.h"

/* ---- style ---- */

static bool wants_colour(FILE *stream, const char *color)
{
    const char *terminal = getenv("TERM"), *refused = getenv("NO_COLOR");

    if (color && strcmp(color, "auto") != 0)
        return strcmp(color, "always") == 0;
    if (refused && *refused)
        return false;
    return isatty(fileno(stream)) && terminal && strcmp(terminal, "dumb") != 0;
}

void show_style_init(cli_show_style *style, FILE *stream, const char *color)
{
    struct winsize size;

    style->colour = wants_colour(stream, color);
    style->unicode = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    style->width = 80;
    if (ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        style->width = size.ws_col;
}

const char *show_colour(const cli_show_style *style, cli_show_paint paint)
{
    static const char *const sequences[] = {
        [SHOW_PLAIN] = "\033[0m",    [SHOW_BOLD] = "\033[1m",   [SHOW_DIM] = "\033[2m",
        [SHOW_GROUP] = "\033[1;34m", [SHOW_BAD] = "\033[1;31m",
    };
    return style->colour ? sequences[paint] : "";
}

/* ---- numbers ---- */

const char *show_size(char text[SHOW_SIZE_MAX], int64_t size_bytes)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)size_bytes / 1024;
    size_t unit = 0;

    if (size_bytes == SHOW_TOO_LARGE) {
        snprintf(text, SHOW_SIZE_MAX, "8 EiB or more");
        return text;
    }
    if (size_bytes < 1024) {
        snprintf(text, SHOW_SIZE_MAX, "%lld B", (long long)size_bytes);
        return text;
    }
    /* 1023.95 KiB would print as 1024.0 KiB. */
    while (value >= 1023.95 && unit + 1 < sizeof names / sizeof names[0]) {
        value /= 1024;
        unit++;
    }
    snprintf(text, SHOW_SIZE_MAX, "%.1f %s", value, names[unit]);
    return text;
}

static const char *join(char *text, int rank, const int64_t *values, const char *before,
                        const char *between, const char *after)
{
    size_t used = (size_t)snprintf(text, SHOW_SHAPE_MAX, "%s", before);

    for (int i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, SHOW_SHAPE_MAX - used, "%s%lld", i ? between : "",
                                 (long long)values[i]);
    snprintf(text + used, SHOW_SHAPE_MAX - used, "%s", after);
    return text;
}

const char *show_shape(char text[SHOW_SHAPE_MAX], int rank, const int64_t *shape)
{
    return join(text, rank, shape, "(", ", ", rank == 1 ? ",)" : ")");
}

const char *show_lengths(char text[SHOW_SHAPE_MAX], int rank, const int64_t *shape)
{
    return join(text, rank, shape, rank ? "" : "scalar", "x", "");
}

const char *show_coordinates(char text[SHOW_SHAPE_MAX], int rank, const int64_t *index)
{
    return join(text, rank, index, "[", ", ", "]");
}

const char *show_number(char text[SHOW_SIZE_MAX], double value, int digits)
{
    if (isnan(value))
        snprintf(text, SHOW_SIZE_MAX, "NaN");
    else if (isinf(value))
        snprintf(text, SHOW_SIZE_MAX, "%sInfinity", value < 0 ? "-" : "");
    else
        snprintf(text, SHOW_SIZE_MAX, "%.*g", digits, value);
    return text;
}

/* ---- text from outside ---- */

/* The bytes of one printable character at `text`, or 0 when it is a control character or no UTF-8.
 */
static size_t printable_length(const char *text)
{
    mbstate_t state;
    wchar_t wide;
    size_t length;

    if ((unsigned char)*text < 0x80)
        return *text >= 0x20 && *text != 0x7f;
    memset(&state, 0, sizeof state);
    length = mbrtowc(&wide, text, strlen(text), &state);
    if (length == (size_t)-1 || length == (size_t)-2 || wcwidth(wide) < 0)
        return 0;
    return length;
}

char *show_safe_copy(const char *text)
{
    char *copy = memory_bytes(strlen(text) * 4 + 1), *out = copy;

    if (!copy)
        return NULL;
    while (*text) {
        size_t length = printable_length(text);
        if (length > 0) {
            memcpy(out, text, length);
            out += length;
            text += length;
        } else {
            out += sprintf(out, "\\x%02x", (unsigned char)*text++);
        }
    }
    *out = '\0';
    return copy;
}

void show_safe_text(FILE *stream, const char *text)
{
    while (*text) {
        size_t length = printable_length(text);
        if (length > 0) {
            fwrite(text, 1, length, stream);
            text += length;
        } else {
            fprintf(stream, "\\x%02x", (unsigned char)*text++);
        }
    }
}

int show_text_width(const char *text)
{
    mbstate_t state;
    wchar_t wide;
    int width = 0;

    memset(&state, 0, sizeof state);
    while (*text) {
        size_t length = mbrtowc(&wide, text, strlen(text), &state);
        if (length == (size_t)-1 || length == (size_t)-2) {
            memset(&state, 0, sizeof state);
            length = 1;
            width++;
        } else {
            int columns = wcwidth(wide);
            width += columns > 0 ? columns : 0;
        }
        text += length;
    }
    return width;
}

/* ---- tables ---- */

void show_table_init(cli_show_table *table, int columns)
{
    memset(table, 0, sizeof *table);
    table->columns = columns;
}

static char **next_cell(cli_show_table *table)
{
    char **cells = memory_grown(table->cells, table->count, &table->capacity, sizeof *cells);

    if (!cells)
        return NULL;
    table->cells = cells;
    return &table->cells[table->count++];
}

TSR_PRINTF(3, 0)
static void add_cell(cli_show_table *table, char alignment, const char *format, va_list arguments)
{
    char *text = NULL, **cell = next_cell(table);

    if (!cell || (*cell = NULL, vasprintf(&text, format, arguments) < 0) ||
        asprintf(cell, "%c%s", alignment, text) < 0)
        table->failed = true;
    memory_free(text);
}

void show_table_cell(cli_show_table *table, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_cell(table, '<', format, arguments);
    va_end(arguments);
}

void show_table_right(cli_show_table *table, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_cell(table, '>', format, arguments);
    va_end(arguments);
}

static void print_cell(FILE *stream, const char *cell, int width, bool last)
{
    bool right = cell[0] == '>';
    int padding = width - show_text_width(cell + 1);

    if (right)
        fprintf(stream, "%*s", padding, "");
    fputs(cell + 1, stream);
    if (!right && !last)
        fprintf(stream, "%*s", padding, "");
    fputs(last ? "" : "  ", stream);
}

static void print_row(const cli_show_table *table, FILE *stream, size_t row, const int *widths)
{
    const char *const *cells = (const char *const *)table->cells + row;
    int last = table->columns - 1;

    while (last > 0 && cells[last][1] == '\0')
        last--;
    for (int column = 0; column <= last; column++)
        print_cell(stream, cells[column], widths[column], column == last);
    fputc('\n', stream);
}

void show_table_clear(cli_show_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        memory_free(table->cells[i]);
    memory_free(table->cells);
    show_table_init(table, table->columns);
}

int show_table_print(cli_show_table *table, FILE *stream, tsr_error *err)
{
    int *widths = memory_zeroed((size_t)table->columns, sizeof *widths);
    bool failed = table->failed || !widths;

    for (size_t i = 0; !failed && i < table->count; i++) {
        int width = show_text_width(table->cells[i] + 1);
        int column = (int)(i % (size_t)table->columns);
        if (width > widths[column])
            widths[column] = width;
    }
    for (size_t row = 0; !failed && row + (size_t)table->columns <= table->count;
         row += (size_t)table->columns)
        print_row(table, stream, row, widths);
    memory_free(widths);
    show_table_clear(table);
    return failed ? tsr_error_set(err, TSR_NO_MEMORY, "out of memory") : 0;
}

/* ---- standard output ---- */

int show_check(tsr_error *err)
{
    /* A large write that failed has emptied the buffer: what went wrong is in errno from then. */
    int before = errno;

    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    if (errno == 0)
        errno = before;
    if (errno == ENOSPC)
        return tsr_error_set(err, TSR_NO_SPACE, "cannot write to standard output: no space left");
    return tsr_error_set(err, TSR_IO, "cannot write to standard output: %s", strerror(errno));
}
