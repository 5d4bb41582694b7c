/* tessera cp SOURCE DESTINATION */
#include "transfer.h"

static int run(cli_invocation *invocation)
{
    static const cli_transfer_words words = {"copying", "copied", "would copy"};
    tsr_auto(cli_location_node) node = {NULL, NULL};
    const char *source = invocation->operands[0];

    CLI_TRY(location_open_node(invocation, source, &node));
    if (node.group && !invocation_has(invocation, OPTION_RECURSIVE)) {
        tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT, "%s is a group", source);
        tsr_error_set_next_step(&invocation->error, "cp -r copies it with everything in it");
        return TSR_INVALID_ARGUMENT;
    }
    return transfer_node(invocation, &words, &node, source, invocation->operands[1]);
}

extern const cli_command command_cp;
const cli_command command_cp = {
    .name = "cp",
    .summary = "copy an array or a tree: re-chunk, re-shard, re-code, convert",
    .description =
        "What no option changes stays as it is in the source: chunks, shards, codecs, fill value, names, "
        "attributes. Where nothing about the chunks changes, their bytes are moved as they are; checksums "
        "around them (crc32c, in shards too) are looked at on the way, so that damage is found and not "
        "carried on. DESTINATION is the new array or group itself. An interrupted copy is finished by the "
        "same command, which keeps the chunks and shards that are whole.\n\n"
        "With --verify each array is read back and compared with the source by value, whatever the chunks, "
        "codecs and types of the two: NaN equals NaN, and 0.0 equals -0.0. Chunks of the destination that "
        "differ are named, up to 100 of an array, and the exit status is 4. A copy that was killed while it "
        "verified goes on with that array.\n\n"
        "With --unpack arrays with CF's scale_factor or add_offset become what they stand for, float32 or float64, "
        "in the same chunks and shards, with NaN for what is missing; others are copied as they are.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "SOURCE"},
                     {.kind = OPERAND_PLACE, .name = "DESTINATION"}),
    COMMAND_EXAMPLES(
        {"cp relief.zarr/ROSE other.zarr/relief --chunks lat=-1,lon=64 --shards auto "
         "--codec blosc:lz4 --memory 512MiB",
         "Other chunks, shards and compression, in bounded memory"},
        {"cp -r relief.zarr copy.zarr", "A whole tree"},
        {"cp a.zarr/t b.zarr/t --dtype float32 --casting same_kind", "Another element type"},
        {"cp -r --unpack sst.zarr celsius.zarr", "Packed numbers as what they stand for"},
        {"cp -r --verify a.zarr /mnt/backup/a.zarr", "Read back and compared"},
        {"cp -r v2.zarr v3.zarr --zarr-format 3", "From Zarr v2 to v3"}),
    COMMAND_OPTIONS(OPTION_RECURSIVE, OPTION_DTYPE, OPTION_CASTING, OPTION_UNPACK, CREATION_OPTIONS,
                    OPTION_OVERWRITE, OPTION_DRY_RUN, OPTION_DURABILITY, OPTION_INNER_ORDER,
                    OPTION_VERIFY, OPTION_MEMORY, OPTION_THREADS, OPTION_PROGRESS, OPTION_JSON),
    .run = run,
};
