/* tessera import SOURCE DESTINATION: netCDF, HDF5, pictures, npy, npz and bare numbers into Zarr.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "output_file.h"
#include "raw_input.h"
#include "show.h"
#include "transfer_mark.h"

static const cli_transfer_words words = {"importing", "imported", "would import"};

/* ---- bare numbers ---- */

static int write_raw(cli_invocation *invocation, FILE *stream, const char *source, tsr_array *array)
{
    cli_selected_array destination = {.array = array, .whole = true};
    cli_progress progress;
    char label[160];
    int status;

    tsr_index_all(&destination.index, tsr_array_rank(array), tsr_array_shape(array));
    destination.rank = tsr_index_shape(&destination.index, destination.shape);
    progress_init(&progress, invocation, words.doing);
    progress_label(label, sizeof label, source, array);
    progress_begin(&progress, label, tsr_array_size(array));
    status = raw_input_write(invocation, stream, source, &destination, &progress);
    progress_end(&progress);
    return status;
}

/* A file whose size does not fit is refused before anything is made. */
static int check_size(cli_invocation *invocation, FILE *stream, const char *source,
                      const cli_array_plan *plan)
{
    int64_t wanted = (int64_t)plan->options.dtype->size_bytes;
    struct stat status;

    for (int i = 0; i < plan->options.rank; i++)
        if (__builtin_mul_overflow(wanted, plan->options.shape[i], &wanted))
            return invocation_misuse(invocation, "import: --shape has more bytes than any file");
    if (fstat(fileno(stream), &status) < 0 || !S_ISREG(status.st_mode) || status.st_size == wanted)
        return 0;
    tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT,
                  "%s has %lld bytes, and --shape with --dtype %s takes %lld", source,
                  (long long)status.st_size, plan->options.dtype->name, (long long)wanted);
    return TSR_INVALID_ARGUMENT;
}

static int create_and_write(cli_invocation *invocation, FILE *stream, cli_array_plan *plan,
                            cli_transfer_result *result)
{
    const char *source = invocation->operands[0], *place = invocation->operands[1];
    tsr_auto(tsr_array) *array = NULL;
    cli_transfer_record record;
    cli_transfer_start start;
    int64_t start_ms = progress_now_ms();
    char shape[SHOW_SHAPE_MAX];

    int status = transfer_begin(invocation, source, place, NULL, &start, &record);
    if (status < 0 || invocation_has(invocation, OPTION_DRY_RUN))
        transfer_record_clear(&record);
    CLI_TRY(status);
    if (invocation_has(invocation, OPTION_DRY_RUN)) {
        printf("%s %s  %s  %s\n", words.would, source,
               show_shape(shape, plan->options.rank, plan->options.shape),
               plan->options.dtype->name);
        return 0;
    }
    if (start == TRANSFER_RESUME)
        status = transfer_remove(invocation, source, place, place, &record);
    transfer_record_clear(&record);
    CLI_TRY(status);
    CLI_TRY(
        tsr_array_create(invocation->context, place, &plan->options, &array, &invocation->error));
    CLI_TRY(write_raw(invocation, stream, source, array));
    CLI_TRY(transfer_end(invocation, place));
    result->arrays = 1;
    result->source_bytes = tsr_array_size(array);
    result->seconds = (double)(progress_now_ms() - start_ms) / 1000;
    if (location_stored_size(invocation->context, place, &result->stored_bytes, NULL, NULL) < 0)
        result->stored_bytes = -1;
    return transfer_report(invocation, &words, place, result);
}

static int import_stream(cli_invocation *invocation, FILE *stream, const cli_creation *creation)
{
    int64_t shape[TSR_RANK_MAX];
    cli_transfer_result result = {0};
    cli_array_plan plan;
    int rank, status;

    if (creation->big_endian)
        return invocation_misuse(invocation, "--dtype: SOURCE holds little-endian numbers; "
                                             "swap the bytes of big-endian ones first");
    CLI_TRY(creation_read_shape(invocation, shape, &rank));
    CLI_TRY(creation_plan_new(invocation, creation, shape, rank, &plan));
    status = check_size(invocation, stream, invocation->operands[0], &plan);
    if (status >= 0)
        status = create_and_write(invocation, stream, &plan, &result);
    array_plan_clear(&plan);
    return status;
}

static int import_raw(cli_invocation *invocation)
{
    const char *source = invocation->operands[0];
    bool standard = strcmp(source, "-") == 0;
    FILE *stream = standard ? stdin : fopen(source, "re");
    cli_creation creation;
    int status;

    if (!stream)
        return tsr_error_set(&invocation->error, output_file_status(errno), "cannot open %s: %s",
                             source, strerror(errno));
    status = creation_read(invocation, &creation);
    if (status >= 0) {
        status = import_stream(invocation, stream, &creation);
        creation_clear(&creation);
    }
    if (!standard)
        fclose(stream);
    return transfer_interrupted(invocation, status);
}

/* ---- the command ---- */

static int run(cli_invocation *invocation)
{
    tsr_auto(cli_location_node) node = {NULL, NULL};

    if (invocation_has(invocation, OPTION_SHAPE))
        return invocation_has(invocation, OPTION_UNPACK) ||
                       invocation_has(invocation, OPTION_VERIFY)
                   ? invocation_misuse(invocation,
                                       "import: --unpack and --verify are for files that say what "
                                       "is in them, not for bare numbers")
                   : import_raw(invocation);
    if (strcmp(invocation->operands[0], "-") == 0)
        return invocation_misuse(invocation,
                                 "import: bare numbers from standard input need --shape "
                                 "and --dtype");
    CLI_TRY(location_open_node(invocation, invocation->operands[0], &node));
    return transfer_node(invocation, &words, &node, invocation->operands[0],
                         invocation->operands[1]);
}

extern const cli_command command_import;
const cli_command command_import = {
    .name = "import",
    .summary = "turn netCDF, HDF5, TIFF, PNG, JPEG, WebP, npy, npz or bare numbers into Zarr",
    .description =
        "Groups, arrays, dimension names, attributes and fill values of a netCDF or HDF5 file become those "
        "of a Zarr group; the source is only read. An .npy file becomes one array, an .npz archive a "
        "group, and a reference file of kerchunk's (NAME.json) the tree that it describes. TIFF "
        "pictures of one size and type are the pages of one array of (page, y, x, sample), further sizes "
        "the arrays or groups 0, 1... of a group; their tags are attributes. A PNG, JPEG or WebP picture is an array of (y, x, sample). With --shape and --dtype, SOURCE is a file of bare little-endian numbers in C order, or - for standard input. "
        "Lengths of --chunks and --shards without names apply to the arrays of that rank; for the others "
        "they are chosen. What stands for missing elements (_FillValue) is written as xarray reads it. An "
        "interrupted import is finished by the same command.\n\n"
        "Values stay as the file has them, packed ones too, with the attributes that say what they mean, and so "
        "do times. With --unpack, those with CF's scale_factor or add_offset become what they stand for, float32 "
        "where that is enough. With --verify each array is read back and compared with the source, as by cp.",
    COMMAND_OPERANDS({.kind = OPERAND_FILE, .name = "SOURCE"},
                     {.kind = OPERAND_PLACE, .name = "DESTINATION"}),
    COMMAND_EXAMPLES(
        {"import etopo5.cdf relief.zarr --chunks 270,270 --shards 1080,1080 --codec zstd:5",
         "A netCDF file, sharded"},
        {"import scan.tif scan.zarr --chunks 512,512,3", "A picture of three samples per pixel"},
        {"import ocean.nc/TEMP ocean.zarr/TEMP --shards auto", "One variable of it"},
        {"import sst.nc sst.zarr --unpack --verify", "Packed numbers as what they stand for"},
        {"import frames.npy out.zarr/frames", "A NumPy file"},
        {"import scan.bin out.zarr/scan --dtype u2 --shape 512,2048,2048", "Bare numbers"}),
    COMMAND_OPTIONS(OPTION_SHAPE, OPTION_DTYPE, OPTION_CASTING, CREATION_OPTIONS, OPTION_OVERWRITE,
                    OPTION_UNPACK, OPTION_VERIFY, OPTION_DRY_RUN, OPTION_DURABILITY,
                    OPTION_INNER_ORDER, OPTION_MEMORY, OPTION_THREADS, OPTION_PROGRESS,
                    OPTION_JSON),
    .run = run,
};
