/* tessera rm PLACE...: removes arrays and groups. */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "describe.h"
#include "location.h"
#include "show.h"
#include "signals.h"

/* "the array x.zarr/t (9.8 MiB in 12 objects)" */
static int describe_victim(cli_invocation *invocation, const char *place, char *text,
                           size_t capacity)
{
    tsr_node_kind kind;
    tsr_context *context;
    int64_t size_bytes = 0, objects = 0;
    char size[SHOW_SIZE_MAX];
    size_t used;

    CLI_TRY(invocation_context(invocation, &context));
    CLI_TRY(tsr_place_probe(context, place, NULL, &kind, &invocation->error));
    if (kind == TSR_NODE_NONE) {
        tsr_error_set(&invocation->error, TSR_NOT_FOUND, "%s: there is no array or group", place);
        tsr_error_set_next_step(
            &invocation->error,
            "only Zarr arrays and groups are removed; other files are left alone");
        return TSR_NOT_FOUND;
    }
    used = (size_t)snprintf(text, capacity, "the %s %s", kind == TSR_NODE_ARRAY ? "array" : "group",
                            place);
    if (used < capacity && location_stored_size(context, place, &size_bytes, &objects, NULL) >= 0)
        snprintf(text + used, capacity - used, " (%s in %lld objects)", show_size(size, size_bytes),
                 (long long)objects);
    return 0;
}

/* True when the user agrees. Nobody is asked who cannot see the question or cannot answer. */
static int ask(cli_invocation *invocation, const char *victim, bool *ret_agreed)
{
    char answer[16] = "";

    *ret_agreed = true;
    if (invocation_has(invocation, OPTION_FORCE))
        return 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        tsr_error_set(&invocation->error, TSR_INVALID_ARGUMENT, "rm would remove %s", victim);
        tsr_error_set_next_step(&invocation->error, "-f removes it without a question");
        return TSR_INVALID_ARGUMENT;
    }
    fputs("remove ", stderr);
    show_safe_text(stderr, victim);
    fputs("? [y/N] ", stderr);
    if (!fgets(answer, sizeof answer, stdin) && signals_interrupted())
        return tsr_error_set(&invocation->error, TSR_CANCELLED, "interrupted; nothing was removed");
    *ret_agreed = tolower((unsigned char)answer[0]) == 'y';
    return 0;
}

static int remove_place(cli_invocation *invocation, const char *place)
{
    tsr_call call = TSR_CALL_INIT;
    char victim[512];
    bool agreed;

    CLI_TRY(describe_victim(invocation, place, victim, sizeof victim));
    if (invocation_has(invocation, OPTION_DRY_RUN)) {
        fputs("would remove ", stdout);
        show_safe_text(stdout, victim);
        putchar('\n');
        return 0;
    }
    CLI_TRY(ask(invocation, victim, &agreed));
    if (!agreed) {
        fputs("kept\n", stderr);
        return 0;
    }
    call.cancel = signals_cancel_flag();
    return tsr_place_erase(invocation->context, place, &call, &invocation->error);
}

static int run(cli_invocation *invocation)
{
    for (int i = 0; i < invocation->operand_count; i++)
        CLI_TRY(remove_place(invocation, invocation->operands[i]));
    return 0;
}

extern const cli_command command_rm;
const cli_command command_rm = {
    .name = "rm",
    .summary = "remove arrays and groups with everything in them",
    .description =
        "Asks first, unless -f is given. What is no Zarr array or group is refused, so that no "
        "other folder is lost by a slip.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE", .repeats = true}),
    COMMAND_EXAMPLES({"rm out.zarr/t", "One array, after a question"},
                     {"rm -f old.zarr older.zarr", "Without questions"},
                     {"rm -n out.zarr", "Only say what would be removed"}),
    COMMAND_OPTIONS(OPTION_FORCE, OPTION_DRY_RUN),
    .run = run,
};
