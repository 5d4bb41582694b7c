/* tessera gc PLACE: removes the versions of a tree that transactions have replaced or left. */
#include <string.h>
#include <time.h>

#include "document.h"
#include "invocation.h"
#include "quantity.h"
#include "show.h"
#include "signals.h"

typedef struct cli_collection {
    cli_invocation *invocation;
    cli_document document;
    struct json_object *list; /* of versions, for --json */
    bool as_json, dry_run;
    int64_t removed, kept;
} cli_collection;

static const char *kind_name(tsr_version_kind kind)
{
    switch (kind) {
    case TSR_VERSION_REPLACED:
        return "replaced";
    case TSR_VERSION_ABANDONED:
        return "abandoned";
    case TSR_VERSION_UNDER_WAY:
        return "under-way";
    }
    return "unknown";
}

/* "2026-11-22T11:03:01Z" */
static void format_time(int64_t time_s, char text[32])
{
    time_t seconds = (time_t)time_s;
    struct tm parts;

    if (!gmtime_r(&seconds, &parts) || strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts) == 0)
        snprintf(text, 32, "?");
}

static void print_version(const cli_collection *self, const tsr_version_info *info)
{
    char when[32];

    format_time(info->replaced_s, when);
    printf("%s ", !info->removed ? "keeps" : self->dry_run ? "would remove" : "removes");
    show_safe_text(stdout, info->folder);
    if (info->kind == TSR_VERSION_REPLACED)
        printf(", replaced %s\n", when);
    else if (info->kind == TSR_VERSION_ABANDONED)
        printf(", left by a transaction of %s that was killed\n", when);
    else
        printf(", a transaction under way since %s\n", when);
}

static void list_version(cli_collection *self, const tsr_version_info *info)
{
    cli_document *document = &self->document;
    struct json_object *row = document_add_object(document, self->list, NULL);
    char when[32];

    format_time(info->replaced_s, when);
    document_add_text(document, row, "kind", kind_name(info->kind));
    document_add_text(document, row, "folder", info->folder);
    if (info->number)
        document_add_integer(document, row, "number", info->number);
    else
        document_add_null(document, row, "number");
    document_add_text(document, row, "time", when);
    document_add_flag(document, row, "removed", info->removed);
}

static int take_version(void *user, const tsr_version_info *info)
{
    cli_collection *self = user;

    *(info->removed ? &self->removed : &self->kept) += 1;
    if (self->as_json)
        list_version(self, info);
    else
        print_version(self, info);
    return 0;
}

static int collect(cli_collection *self, const tsr_versions_collect_options *options)
{
    cli_invocation *invocation = self->invocation;
    tsr_call call = TSR_CALL_INIT;
    tsr_context *context;

    CLI_TRY(invocation_context(invocation, &context));
    call.cancel = signals_cancel_flag();
    CLI_TRY(tsr_versions_collect(context, invocation->operands[0], options, take_version, self,
                                 &call, &invocation->error));
    if (self->as_json) {
        cli_document *document = &self->document;
        document_add_text(document, document->root, "place", invocation->operands[0]);
        document_add_flag(document, document->root, "dry_run", self->dry_run);
        document_add_integer(document, document->root, "removed", self->removed);
        document_add_integer(document, document->root, "kept", self->kept);
        document_add_value(document, document->root, "versions", self->list);
        return document_print(document, stdout, &invocation->error);
    }
    if (self->removed + self->kept == 0)
        puts("no old versions");
    return 0;
}

static int run(cli_invocation *invocation)
{
    cli_collection self = {.invocation = invocation,
                           .as_json = invocation_has(invocation, OPTION_JSON),
                           .dry_run = invocation_has(invocation, OPTION_DRY_RUN)};
    tsr_versions_collect_options options;
    const char *age = invocation_text(invocation, OPTION_OLDER_THAN);
    int status;

    tsr_versions_collect_options_init(&options);
    options.keep = invocation_number(invocation, OPTION_KEEP, 0);
    options.dry_run = self.dry_run;
    if (age && !quantity_parse_duration(age, &options.older_than_s))
        return invocation_misuse(invocation,
                                 "gc: --older-than takes a time such as 12h or 30d, not '%s'", age);
    document_init(&self.document);
    self.list = json_object_new_array();
    status = self.list ? collect(&self, &options)
                       : tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    json_object_put(self.list);
    document_clear(&self.document);
    return status;
}

extern const cli_command command_gc;
const cli_command command_gc = {
    .name = "gc",
    .summary = "remove old versions of a tree, which transactions have replaced",
    .description =
        "A transaction leaves the version that it has replaced beside the tree, for those who read it still "
        "and for those who want it back. This removes them, the oldest first, and what transactions have left "
        "that were killed; a transaction that is under way is left alone. Whoever still reads a version that "
        "is removed gets an error that says so.\n\n"
        "A version is a tree as any: it can be read at its own place, which -n prints, and copied.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES({"gc out.zarr", "All old versions"},
                     {"gc -n out.zarr", "Only say what would be removed, and where it lies"},
                     {"gc --keep 3 --older-than 7d out.zarr",
                      "But the last three, and what was replaced within a week"}),
    COMMAND_OPTIONS(OPTION_KEEP, OPTION_OLDER_THAN, OPTION_DRY_RUN, OPTION_JSON),
    .run = run,
};
