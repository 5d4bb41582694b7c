/* tessera cat PLACE: elements on standard output. */
#include <string.h>

#include <tessera/derived.h>

#include "cat_where.h"
#include "location.h"
#include "npy.h"
#include "scalar.h"
#include "show.h"
#include "signals.h"
#include "stream.h"

enum { PART_BYTES = 8 << 20, PART_BYTES_MAX = 64 << 20, LOOK_UP_ELEMENTS = 4096 };

typedef struct cli_printer {
    const cli_selected_array *selected;
    const tsr_dtype *dtype;
    cli_scalar_text buffer; /* of one element */
    int64_t printed;        /* elements so far */
    char separator;         /* between the elements of a row */
} cli_printer;

/* How many axes begin anew at element `n` of a C-order walk over the shape: 0 in the middle of a
 * row. */
static int axes_that_begin(const cli_selected_array *selected, int64_t n)
{
    int axes = 0;

    for (int axis = selected->rank; axis-- > 0;) {
        if (n % selected->shape[axis] != 0)
            return axes;
        n /= selected->shape[axis];
        axes++;
    }
    return axes;
}

/* Looked at now and then while a block is printed: has the user interrupted, has the reader gone
 * away? */
static int look_up(const cli_printer *printer, tsr_error *err)
{
    if (printer->printed % LOOK_UP_ELEMENTS != 0)
        return 0;
    if (signals_interrupted())
        return tsr_error_set(err, TSR_CANCELLED, "interrupted");
    return ferror(stdout) ? show_check(err) : 0;
}

static int format(cli_printer *printer, const char *element, tsr_error *err)
{
    return scalar_print(&printer->buffer, printer->dtype, element, err);
}

/* The text of an element for people and spreadsheets: without the quotes that JSON wants around NaN
 * and infinities, moments as ISO 8601 has them, bytes of fixed length as they are. Control
 * characters stay escaped. */
static int format_bare(cli_printer *printer, const char *element, tsr_error *err)
{
    const tsr_dtype *dtype = printer->dtype;
    size_t length;

    if (dtype->kind == TSR_KIND_DATETIME || dtype->kind == TSR_KIND_TIMEDELTA) {
        tsr_dtype_format_time(dtype, element, printer->buffer.text, printer->buffer.capacity);
        return 0;
    }
    if (dtype->kind == TSR_KIND_BYTES) {
        length = strnlen(element, dtype->size_bytes);
        memcpy(printer->buffer.text, element, length);
        printer->buffer.text[length] = '\0';
        return 0;
    }
    CLI_TRY(format(printer, element, err));
    length = strlen(printer->buffer.text);
    if (length >= 2 && printer->buffer.text[0] == '"') {
        memmove(printer->buffer.text, printer->buffer.text + 1, length - 2);
        printer->buffer.text[length - 2] = '\0';
    }
    return 0;
}

/* Texts may hold anything; numbers have nothing that a terminal would obey. */
static void print_plain(const cli_printer *printer)
{
    if (printer->dtype->kind <= TSR_KIND_RAW)
        fputs(printer->buffer.text, stdout);
    else
        show_safe_text(stdout, printer->buffer.text);
}

/* A field of CSV (RFC 4180): complex and raw elements have commas in them, and so get quotes. */
static void print_field(const cli_printer *printer)
{
    if (!strpbrk(printer->buffer.text, ",\"")) {
        print_plain(printer);
        return;
    }
    putchar('"');
    for (const char *at = printer->buffer.text; *at; at++) {
        if (*at == '"')
            putchar('"');
        if ((unsigned char)*at < 0x20)
            printf("\\x%02x", (unsigned char)*at);
        else
            putchar(*at);
    }
    putchar('"');
}

/* Rows are lines; planes are set apart by an empty line in text. */
static int take_table(void *user, const cli_block_walk *walk, const tsr_view *block, tsr_error *err)
{
    cli_printer *printer = user;
    const char *element = block->data;

    for (int64_t i = 0; i < walk->elements; i++, element += printer->dtype->size_bytes) {
        int axes = axes_that_begin(printer->selected, printer->printed);
        if (printer->printed > 0 && axes == 0)
            putchar(printer->separator);
        else if (printer->printed > 0)
            fputs(axes > 1 && printer->separator == ' ' ? "\n\n" : "\n", stdout);
        CLI_TRY(look_up(printer, err));
        CLI_TRY(format_bare(printer, element, err));
        if (printer->separator == ',')
            print_field(printer);
        else
            print_plain(printer);
        printer->printed++;
    }
    return ferror(stdout) ? show_check(err) : 0;
}

static int take_json(void *user, const cli_block_walk *walk, const tsr_view *block, tsr_error *err)
{
    cli_printer *printer = user;
    const char *element = block->data;

    for (int64_t i = 0; i < walk->elements; i++, element += printer->dtype->size_bytes) {
        int axes = axes_that_begin(printer->selected, printer->printed);
        if (printer->printed > 0) {
            for (int axis = 0; axis < axes; axis++)
                putchar(']');
            fputs(axes ? ",\n" : ", ", stdout);
        }
        for (int axis = 0; axis < axes; axis++)
            putchar('[');
        CLI_TRY(look_up(printer, err));
        CLI_TRY(format(printer, element, err));
        fputs(printer->buffer.text, stdout);
        printer->printed++;
    }
    return ferror(stdout) ? show_check(err) : 0;
}

static int take_bytes(void *user, const cli_block_walk *walk, const tsr_view *block, tsr_error *err)
{
    cli_printer *printer = user;

    if (!scalar_is_little_endian())
        scalar_swap_bytes(printer->dtype, block->data, walk->elements);
    fwrite(block->data, printer->dtype->size_bytes, (size_t)walk->elements, stdout);
    return ferror(stdout) ? show_check(err) : 0;
}

/* Nested lists without elements, as numpy.ndarray.tolist gives them: [] for (0, 2), [[], []] for
 * (2, 0). */
static void print_empty_list(const cli_selected_array *selected, int axis)
{
    putchar('[');
    for (int64_t i = 0; axis + 1 < selected->rank && i < selected->shape[axis]; i++) {
        fputs(i ? ", " : "", stdout);
        print_empty_list(selected, axis + 1);
    }
    putchar(']');
}

static void print_json_end(const cli_printer *printer)
{
    if (printer->printed == 0)
        print_empty_list(printer->selected, 0);
    for (int axis = 0; printer->printed > 0 && axis < printer->selected->rank; axis++)
        putchar(']');
    putchar('\n');
}

/* How large a part is, unless --memory says it: small beside the chunks that the threads hold while
 * they decode. Where one chunk is more than that, half of the threads' chunks, so that a chunk is
 * not decoded again for every part: then no more threads than that are decoding, and the whole
 * stays within what all of them may take. */
static int64_t part_bytes(const tsr_context *context, const tsr_array *array)
{
    const int64_t *lengths = tsr_array_inner_chunk_shape(array, tsr_array_shard_levels(array));
    int64_t bytes = tsr_context_threads(context) / 2 * (int64_t)tsr_array_dtype(array)->size_bytes;

    if (!location_is_zarr(tsr_array_driver(array)))
        return PART_BYTES;
    for (int i = 0; i < tsr_array_rank(array); i++)
        if (__builtin_mul_overflow(bytes, lengths[i], &bytes))
            return PART_BYTES_MAX;
    bytes = bytes < PART_BYTES_MAX ? bytes : PART_BYTES_MAX;
    return bytes > PART_BYTES ? bytes : PART_BYTES;
}

/* In memory an element of variable length is an address, which is worth nothing elsewhere. */
static int check_format(const tsr_dtype *dtype, const char *format_name, tsr_error *err)
{
    if (!tsr_dtype_is_variable(dtype) || strcmp(format_name, "raw") != 0)
        return 0;
    tsr_error_set(err, TSR_UNSUPPORTED, "elements of type %s have no bare bytes of one length",
                  dtype->name);
    tsr_error_set_next_step(err, "--format json prints them all");
    return TSR_UNSUPPORTED;
}

static int print_elements(cli_invocation *invocation, const cli_selected_array *selected,
                          const char *format_name, int64_t max_bytes)
{
    const tsr_dtype *dtype = tsr_array_dtype(selected->array);
    cli_printer printer = {
        selected, dtype, {NULL, 0}, 0, strcmp(format_name, "csv") == 0 ? ',' : ' '};
    cli_stream_take take = take_table;
    int status;

    CLI_TRY(check_format(dtype, format_name, &invocation->error));
    if (!scalar_text_init(&printer.buffer))
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    if (strcmp(format_name, "json") == 0)
        take = take_json;
    else if (strcmp(format_name, "raw") == 0 || strcmp(format_name, "npy") == 0)
        take = take_bytes;
    status = strcmp(format_name, "npy") == 0 ? npy_write_header(stdout, dtype, selected->rank,
                                                                selected->shape, &invocation->error)
                                             : 0;
    if (status >= 0)
        status = stream_read(invocation->context, selected, max_bytes, NULL, take, &printer,
                             &invocation->error);
    if (status >= 0 && take == take_json)
        print_json_end(&printer);
    else if (status >= 0 && take == take_table && printer.printed > 0)
        putchar('\n');
    scalar_text_clear(&printer.buffer);
    return status;
}

/* The positions `from` to `end` of the first axis; numbers of an array with one axis each make a
 * line. */
static void select_growth(const cli_selected_array *whole, int64_t from, int64_t end,
                          cli_selected_array *ret_part)
{
    *ret_part = *whole;
    tsr_index_all(&ret_part->index, whole->rank, tsr_array_shape(whole->array));
    ret_part->index.axes[0].start = from;
    ret_part->index.axes[0].count = end - from;
    ret_part->shape[0] = end - from;
    if (whole->rank == 1) {
        ret_part->rank = 2;
        ret_part->shape[1] = 1;
    }
}

/* Prints what lies behind the known length. */
static int print_growth(cli_invocation *invocation, const cli_selected_array *whole,
                        const char *format_name, int64_t max_bytes, int64_t known, int64_t length)
{
    cli_selected_array part;

    if (length < known) {
        tsr_error_set(&invocation->error, TSR_CONFLICT,
                      "%s was cut from %lld to %lld while it was followed",
                      tsr_array_place(whole->array), (long long)known, (long long)length);
        return TSR_CONFLICT;
    }
    select_growth(whole, known, length, &part);
    if (known > 0 && whole->rank > 2 && strcmp(format_name, "text") == 0)
        putchar('\n');
    CLI_TRY(print_elements(invocation, &part, format_name, max_bytes));
    fflush(stdout);
    return show_check(&invocation->error);
}

static int check_follow(cli_invocation *invocation, const cli_selected_array *selected,
                        const char *format_name)
{
    if (!selected->whole)
        return invocation_misuse(invocation, "--follow prints whole arrays, without a selection");
    if (strcmp(format_name, "npy") == 0 || strcmp(format_name, "json") == 0)
        return invocation_misuse(invocation, "--follow has no end that --format %s could wait for",
                                 format_name);
    if (selected->rank == 0)
        return invocation_misuse(invocation, "%s has no axis along which it could grow",
                                 tsr_array_place(selected->array));
    return 0;
}

static int follow(cli_invocation *invocation, const cli_selected_array *selected,
                  const char *format_name, int64_t max_bytes)
{
    tsr_array *array = selected->array;
    int64_t idle_s = invocation_number(invocation, OPTION_IDLE, 0), known = -1, length;
    tsr_call call = {.cancel = signals_cancel_flag()};

    CLI_TRY(check_follow(invocation, selected, format_name));
    call.deadline_ms = idle_s < INT64_MAX / 1000 ? idle_s * 1000 : 0;
    for (;;) {
        int status = tsr_follow(&array, 1, 0, known, &call, &length, &invocation->error);
        if (status == TSR_DEADLINE) {
            tsr_error_clear(&invocation->error);
            return 0;
        }
        CLI_TRY(status);
        if (known < 0)
            known = 0;
        if (length != known)
            CLI_TRY(print_growth(invocation, selected, format_name, max_bytes, known, length));
        known = length;
    }
}

/* --unpack: another array takes the place of the one that was opened. */
static int unpack(cli_invocation *invocation, cli_selected_array *selected)
{
    tsr_array *unpacked;

    if (invocation_has(invocation, OPTION_FOLLOW))
        return invocation_misuse(invocation, "--follow prints elements as they are stored");
    CLI_TRY(tsr_array_unpack(selected->array, &unpacked, &invocation->error));
    tsr_array_close(selected->array);
    selected->array = unpacked;
    return 0;
}

static int run(cli_invocation *invocation)
{
    tsr_auto(cli_selected_array) selected = {0};
    const char *format = invocation_text(invocation, OPTION_CAT_FORMAT),
               *condition = invocation_text(invocation, OPTION_WHERE);
    int64_t max_bytes;

    CLI_TRY(location_open_selected(invocation, invocation->operands[0], false, &selected));
    if (invocation_text(invocation, OPTION_IDLE) && !invocation_has(invocation, OPTION_FOLLOW))
        return invocation_misuse(invocation, "--idle belongs to --follow");
    if (invocation_has(invocation, OPTION_UNPACK))
        CLI_TRY(unpack(invocation, &selected));
    max_bytes = invocation_number(invocation, OPTION_MEMORY,
                                  part_bytes(invocation->context, selected.array));
    format = format ? format : "text";
    if (invocation_has(invocation, OPTION_FOLLOW))
        return condition ? invocation_misuse(invocation, "--follow prints all, without --where")
                         : follow(invocation, &selected, format, max_bytes);
    CLI_TRY(condition ? cat_where(invocation, &selected, condition, format, max_bytes)
                      : print_elements(invocation, &selected, format, max_bytes));
    return show_check(&invocation->error);
}

extern const cli_command command_cat;
const cli_command command_cat = {
    .name = "cat",
    .summary = "print elements of an array",
    .description =
        "Elements come in C order, the last axis along the line. Numbers are the shortest that give the "
        "same bits again. The array is read part by part, so that it may be larger than memory; --memory "
        "says how large a part may be. --follow goes on with what other programs append along the first axis, "
        "whole rows as soon as they are visible.\n\n"
        "With --where only the elements x that fulfil a condition are printed, one a line with its position "
        "in the array; as CSV under a line of the names of the dimensions. A condition compares x with "
        "numbers by <, <=, ==, !=, >, >=, also in chains as '-1 <= x < 5', joined by and, or, not and "
        "parentheses. 64-bit integers are compared exactly; numbers are rounded to the type of "
        "floating-point elements, so that 0.1 equals a float32 made of 0.1. 'x != x' finds NaN.",
    COMMAND_OPERANDS({.kind = OPERAND_SELECTED, .name = "PLACE"}),
    COMMAND_EXAMPLES(
        {"cat 'relief.zarr/ROSE[1000:1003, ::1440]'", "A selection in NumPy's notation"},
        {"cat relief.zarr/ROSE --isel lat=-1,lon=0:5", "By the names of the dimensions"},
        {"cat relief.zarr/ROSE --points stations.npy", "One element for each row of a file"},
        {"cat out.zarr/t --select 0:10 --format npy > frames.npy", "As a file for NumPy"},
        {"cat relief.zarr/ROSE --where 'x>=8000' --format csv", "Where something is"},
        {"cat sst.nc/sst --unpack --where 'x>30'", "Packed numbers as what they stand for"},
        {"cat out.zarr/t --format raw | od -A n -t f4", "The bare bytes"},
        {"cat out.zarr/t --follow --idle 60", "Time steps while a model appends them"}),
    COMMAND_OPTIONS(OPTION_SELECT, OPTION_ISEL, OPTION_POINTS, OPTION_ORTHOGONAL, OPTION_CAT_FORMAT,
                    OPTION_WHERE, OPTION_UNPACK, OPTION_FOLLOW, OPTION_IDLE, OPTION_MEMORY,
                    OPTION_THREADS),
    .run = run,
};
