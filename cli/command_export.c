/* tessera export SOURCE FILE: Zarr, or any array, into netCDF-4 or npy. */
#include <string.h>

#include "document.h"
#include "export_dimensions.h"
#include "netcdf_export.h"
#include "npy.h"
#include "output_file.h"
#include "scalar.h"
#include "show.h"
#include "stream.h"

enum { BLOCK_BYTES = 64 << 20 };

static int write_block(void *user, const cli_block_walk *walk, const tsr_view *block,
                       tsr_error *err)
{
    cli_output_file *file = user;

    if (!scalar_is_little_endian())
        scalar_swap_bytes(block->dtype, block->data, walk->elements);
    if (fwrite(block->data, block->dtype->size_bytes, (size_t)walk->elements, file->stream) <
        (size_t)walk->elements)
        return output_file_failed(file, err);
    return 0;
}

static int export_npy(cli_invocation *invocation, tsr_array *array, cli_output_file *file,
                      cli_progress *progress, cli_netcdf_result *result)
{
    cli_selected_array all = {.array = array, .whole = true};
    char label[160];
    int status;

    tsr_index_all(&all.index, tsr_array_rank(array), tsr_array_shape(array));
    all.rank = tsr_index_shape(&all.index, all.shape);
    CLI_TRY(npy_write_header(file->stream, tsr_array_dtype(array), all.rank, all.shape,
                             &invocation->error));
    progress_label(label, sizeof label, tsr_array_place(array), array);
    progress_begin(progress, label, tsr_array_size(array));
    status = stream_read(invocation->context, &all,
                         invocation_number(invocation, OPTION_MEMORY, BLOCK_BYTES), progress,
                         write_block, file, &invocation->error);
    progress_end(progress);
    result->arrays = 1;
    result->bytes = tsr_array_size(array);
    return status;
}

static bool ends_in(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static int choose_format(cli_invocation *invocation, bool *ret_npy)
{
    const char *given = invocation_text(invocation, OPTION_EXPORT_FORMAT);
    const char *path = invocation->operands[1];

    if (given) {
        *ret_npy = strcmp(given, "npy") == 0;
        return 0;
    }
    *ret_npy = ends_in(path, ".npy");
    if (*ret_npy || ends_in(path, ".nc") || ends_in(path, ".nc4") || ends_in(path, ".cdf") ||
        ends_in(path, ".h5") || ends_in(path, ".hdf5"))
        return 0;
    return invocation_misuse(invocation, "export: the name %s does not say a format; give --format",
                             path);
}

static int report(cli_invocation *invocation, const cli_netcdf_result *result, double seconds)
{
    char size[SHOW_SIZE_MAX];
    cli_document document;
    int status = 0;

    if (invocation_has(invocation, OPTION_JSON)) {
        document_init(&document);
        document_add_text(&document, document.root, "action", "exported");
        document_add_text(&document, document.root, "destination", invocation->operands[1]);
        document_add_integer(&document, document.root, "arrays", result->arrays);
        document_add_integer(&document, document.root, "skipped", result->skipped);
        document_add_integer(&document, document.root, "source_bytes", result->bytes);
        document_add_number(&document, document.root, "seconds", seconds);
        status = document_print(&document, stdout, &invocation->error);
        document_clear(&document);
    } else {
        fprintf(stderr, "exported %lld %s, %s in %.2f s\n", (long long)result->arrays,
                result->arrays == 1 ? "array" : "arrays", show_size(size, result->bytes), seconds);
    }
    if (status >= 0 && result->skipped > 0)
        return tsr_error_set(&invocation->error, TSR_PARTIAL,
                             "%lld arrays or attributes were left out", (long long)result->skipped);
    return status;
}

static int write_file(cli_invocation *invocation, const cli_location_node *node, bool npy,
                      cli_output_file *file, cli_netcdf_result *result)
{
    cli_progress progress;

    progress_init(&progress, invocation, "exporting");
    if (npy)
        return export_npy(invocation, node->array, file, &progress, result);
    if (!file->temporary) {
        tsr_error_set(&invocation->error, TSR_UNSUPPORTED,
                      "a netCDF file cannot be written to a pipe or device");
        return TSR_UNSUPPORTED;
    }
    return netcdf_export(invocation, node, file->temporary, &progress, result);
}

static int check_unlimited(cli_invocation *invocation, const cli_location_node *node, bool npy)
{
    if (npy && invocation_has(invocation, OPTION_UNLIMITED))
        return invocation_misuse(invocation, "export: --unlimited is for netCDF: an .npy file has "
                                             "lengths alone");
    return export_dimensions_check(invocation, node);
}

static int run(cli_invocation *invocation)
{
    tsr_auto(cli_location_node) node = {NULL, NULL};
    tsr_auto(cli_output_file) file = {0};
    cli_netcdf_result result = {0, 0, 0};
    int64_t start_ms = progress_now_ms();
    bool npy;

    CLI_TRY(choose_format(invocation, &npy));
    CLI_TRY(location_open_node(invocation, invocation->operands[0], &node));
    if (npy && !node.array) {
        tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT,
                      "%s is a group, and an .npy file holds "
                      "one array",
                      invocation->operands[0]);
        tsr_error_set_next_step(&invocation->error, "`tessera ls %s` lists the arrays in it",
                                invocation->operands[0]);
        return TSR_INVALID_ARGUMENT;
    }
    CLI_TRY(check_unlimited(invocation, &node, npy));
    if (invocation_has(invocation, OPTION_DRY_RUN)) {
        CLI_TRY(output_file_check(invocation->operands[1],
                                  invocation_has(invocation, OPTION_OVERWRITE),
                                  &invocation->error));
        printf("would write %s\n", invocation->operands[1]);
        return 0;
    }
    CLI_TRY(output_file_open(&file, invocation->operands[1],
                             invocation_has(invocation, OPTION_OVERWRITE), &invocation->error));
    CLI_TRY(write_file(invocation, &node, npy, &file, &result));
    CLI_TRY(output_file_commit(&file, &invocation->error));
    return report(invocation, &result, (double)(progress_now_ms() - start_ms) / 1000);
}

extern const cli_command command_export;
const cli_command command_export = {
    .name = "export",
    .summary = "write an array or a tree as netCDF-4, or an array as .npy",
    .description =
        "In netCDF, groups, dimension names, attributes and fill values are kept. Structs become compounds, within "
        "each other and with fields that are arrays too; complex numbers compounds of r and i, as h5py has them; raw "
        "bytes opaque ones; texts of a fixed length strings, bytes of a fixed length characters with an axis more; "
        "booleans unsigned bytes; integers whose attribute `enum` says what they stand for, as `import` writes it, an "
        "enum; float16 and smaller floats float32; times integers whose `units` say what they count, as xarray writes "
        "them. Arrays whose type netCDF does not have (spans of months, fields of times) are left out by "
        "name, and the exit status is then 5. --unlimited makes the dimensions of that name unlimited, in every group. "
        "The file appears under its name when it is whole.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "SOURCE"},
                     {.kind = OPERAND_FILE, .name = "FILE"}),
    COMMAND_EXAMPLES(
        {"export relief.zarr relief.nc", "A tree as netCDF-4"},
        {"export ocean.zarr ocean.nc --unlimited time", "With a dimension that can grow"},
        {"export relief.zarr/ROSE rose.npy", "An array for NumPy"}),
    COMMAND_OPTIONS(OPTION_EXPORT_FORMAT, OPTION_UNLIMITED, OPTION_OVERWRITE, OPTION_DRY_RUN,
                    OPTION_MEMORY, OPTION_THREADS, OPTION_PROGRESS, OPTION_JSON),
    .run = run,
};
