#include "array_path.h"

#include <string.h>

#include "location.h"
#include "scalar.h"
#include "show.h"
#include "stream.h"

/* Small arrays, which is what conformance tests have, are read whole before the first line. */
enum { BLOCK_BYTES = 256 << 20 };

static int take_lines(void *user, const cli_block_walk *walk, const tsr_view *block, tsr_error *err)
{
    cli_scalar_text *printer = user;
    const char *element = block->data;

    for (int64_t i = 0; i < walk->elements; i++, element += block->dtype->size_bytes) {
        CLI_TRY(scalar_print(printer, block->dtype, element, err));
        puts(printer->text);
    }
    return ferror(stdout) ? show_check(err) : 0;
}

static int print_array(tsr_context *context, const char *place, tsr_error *err)
{
    cli_selected_array selected = {0};
    cli_scalar_text printer;
    int status;

    CLI_TRY(tsr_array_open(context, place, NULL, &selected.array, err));
    tsr_index_all(&selected.index, tsr_array_rank(selected.array), tsr_array_shape(selected.array));
    selected.rank = tsr_index_shape(&selected.index, selected.shape);
    if (scalar_text_init(&printer))
        status = stream_read(context, &selected, BLOCK_BYTES, NULL, take_lines, &printer, err);
    else
        status = tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    scalar_text_clear(&printer);
    selected_array_clear(&selected);
    return status < 0 ? status : show_check(err);
}

/* The place in "--array_path=DIR" or "--array_path DIR", or NULL when the command line is another
 * one. */
static const char *find_place(int argc, char **argv)
{
    const char *rest = argv[1] + strlen("--array_path");

    if (*rest == '=' && argc == 2 && rest[1])
        return rest + 1;
    return *rest == '\0' && argc == 3 && argv[2][0] ? argv[2] : NULL;
}

int array_path_main(int argc, char **argv)
{
    tsr_auto(tsr_context) *context = NULL;
    tsr_error error = TSR_ERROR_INIT;
    const char *place = find_place(argc, argv);

    if (!place) {
        tsr_error_set(&error, TSR_INVALID_ARGUMENT,
                      "it is `tessera --array_path=DIR`, without anything else");
        return tsr_error_report(&error, stderr);
    }
    if (tsr_context_new(NULL, &context, &error) < 0 || print_array(context, place, &error) < 0)
        return tsr_error_report(&error, stderr);
    return 0;
}
