#include "findings.h"

#include <string.h>

static const char *const kind_names[] = {
    [FINDING_METADATA] = "metadata",
    [FINDING_CHUNK] = "chunk",
    [FINDING_UNREADABLE] = "unreadable",
    [FINDING_UNFINISHED] = "unfinished",
    [FINDING_ORPHAN] = "orphan",
    [FINDING_TEMPORARY] = "temporary",
    [FINDING_STALE] = "stale",
    [FINDING_KEPT] = "kept",
    [FINDING_DEAD] = "dead",
    [FINDING_PARITY] = "parity",
    [FINDING_NO_PARITY] = "no parity",
    [FINDING_NETWORK] = "network",
};

bool finding_is_damage(cli_finding_kind kind)
{
    return kind == FINDING_METADATA || kind == FINDING_CHUNK || kind == FINDING_UNREADABLE ||
           kind == FINDING_UNFINISHED || kind == FINDING_PARITY;
}

int findings_init(cli_findings *findings, cli_invocation *invocation, cli_progress *progress)
{
    memset(findings, 0, sizeof *findings);
    findings->invocation = invocation;
    findings->progress = progress;
    findings->as_json = invocation_has(invocation, OPTION_JSON);
    show_style_init(&findings->style, stdout, invocation_text(invocation, OPTION_COLOR));
    document_init(&findings->document);
    findings->list = json_object_new_array();
    if (findings->list)
        return 0;
    document_clear(&findings->document);
    return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
}

void findings_clear(cli_findings *findings)
{
    json_object_put(findings->list);
    document_clear(&findings->document);
}

static void add_json(cli_findings *findings, cli_finding_kind kind, const char *place,
                     const char *key, int64_t size_bytes, const tsr_chunk_info *info, int rank,
                     const tsr_error *error)
{
    cli_document *document = &findings->document;
    struct json_object *row = document_add_object(document, findings->list, NULL);

    document_add_text(document, row, "kind", kind_names[kind]);
    document_add_flag(document, row, "damage", finding_is_damage(kind));
    document_add_text(document, row, "place", place);
    document_add_text(document, row, "key", key);
    if (info) {
        document_add_integer(document, row, "level", info->level);
        document_add_lengths(document, row, "index", rank, info->index);
        document_add_integer(document, row, "offset", (int64_t)info->offset);
    }
    document_add_integer(document, row, "size_bytes", size_bytes);
    document_add_text(document, row, "problem", error ? error->message : NULL);
    document_add_text(document, row, "where", error && error->where[0] ? error->where : NULL);
}

static void print_text(const cli_findings *findings, cli_finding_kind kind, const char *place,
                       const char *key, int64_t size_bytes, const tsr_chunk_info *info, int rank,
                       const tsr_error *error)
{
    char text[SHOW_SHAPE_MAX], size[SHOW_SIZE_MAX];

    fputs(show_colour(&findings->style, finding_is_damage(kind) ? SHOW_BAD : SHOW_BOLD), stdout);
    printf("%-11s", kind_names[kind]);
    fputs(show_colour(&findings->style, SHOW_PLAIN), stdout);
    show_safe_text(stdout, place);
    if (info)
        printf(": %s %s", info->level > 0 ? "inner chunk" : "chunk",
               show_coordinates(text, rank, info->index));
    if (key && *key) {
        fputs(info ? " in " : "/", stdout);
        show_safe_text(stdout, key);
    }
    if (kind == FINDING_ORPHAN || kind == FINDING_TEMPORARY || kind == FINDING_KEPT ||
        kind == FINDING_DEAD)
        printf("  %s", show_size(size, size_bytes));
    if (error && error->message[0]) {
        fputs(": ", stdout);
        show_safe_text(stdout, error->message);
    }
    if (error && error->where[0]) {
        fputs("\n           ", stdout);
        show_safe_text(stdout, error->where);
    }
    putchar('\n');
}

void findings_add(cli_findings *findings, cli_finding_kind kind, const char *place, const char *key,
                  int64_t size_bytes, const tsr_chunk_info *info, int rank, const tsr_error *error)
{
    if (size_bytes < 0)
        size_bytes = 0; /* of what has none, such as a pipe */
    findings->damaged += finding_is_damage(kind);
    findings->notes += !finding_is_damage(kind);
    if (findings->as_json) {
        add_json(findings, kind, place, key, size_bytes, info, rank, error);
        return;
    }
    progress_end(findings->progress);
    print_text(findings, kind, place, key, size_bytes, info, rank, error);
}
