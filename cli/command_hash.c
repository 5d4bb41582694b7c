/* tessera hash PLACE: hashes of content, to compare copies without moving them. */
#include <string.h>

#include "document.h"
#include "hash_list.h"
#include "location.h"
#include "progress.h"
#include "show.h"

typedef struct cli_hasher {
    cli_invocation *invocation;
    cli_progress progress;
    bool as_json;
    bool begun;         /* the beginning of the JSON is out */
    bool any;           /* a row of a chunk, too */
    cli_document nodes; /* as JSON: kept until the rows of chunks are out */
} cli_hasher;

/* ---- rows ---- */

/* 'ROSE[0:64,128:192]': what --select and places understand. */
static void print_box(const char *path, const tsr_hash_chunk *chunk)
{
    show_safe_text(stdout, path);
    putchar('[');
    for (int axis = 0; axis < chunk->rank; axis++)
        printf("%s%lld:%lld", axis ? "," : "", (long long)chunk->start[axis],
               (long long)chunk->start[axis] + (long long)chunk->shape[axis]);
    putchar(']');
}

/* Rows of chunks are written as they come, since there may be any number of them; the object around
 * them is written by hand, and begins with the first of them: what fails before leaves nothing. */
static int begin_json(cli_hasher *self)
{
    cli_document head;
    char *text;
    int status;

    if (self->begun)
        return 0;
    self->begun = true;
    document_init(&head);
    document_add_text(&head, head.root, "place", self->invocation->operands[0]);
    document_add_text(&head, head.root, "hashes", HASHES_VERSION);
    document_add_text(&head, head.root, "form",
                      invocation_has(self->invocation, OPTION_STORED) ? "stored" : "values");
    status = head.failed ? tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory")
                         : tsr_json_text(head.root, 0, &text, &self->invocation->error);
    document_clear(&head);
    CLI_TRY(status);
    printf("%.*s,\"chunks\":[\n", (int)strlen(text) - 1, text);
    tsr_free(text);
    return 0;
}

static int print_chunk_json(cli_hasher *self, const char *path, const tsr_hash_chunk *chunk)
{
    char text[TSR_HASH_TEXT_MAX];
    cli_document row;
    int status;

    CLI_TRY(begin_json(self));
    document_init(&row);
    document_add_text(&row, row.root, "path", path);
    document_add_text(&row, row.root, "kind", chunk->level > 0 ? "shard" : "chunk");
    document_add_lengths(&row, row.root, "start", chunk->rank, chunk->start);
    document_add_lengths(&row, row.root, "shape", chunk->rank, chunk->shape);
    document_add_text(&row, row.root, "hash", tsr_hash_text(&chunk->hash, text));
    fputs(self->any ? "," : "", stdout);
    self->any = true;
    status = document_print_line(&row, stdout, &self->invocation->error);
    document_clear(&row);
    return status;
}

static int tell_chunk(void *user, const char *path, const tsr_hash_chunk *chunk)
{
    cli_hasher *self = user;
    char text[TSR_HASH_TEXT_MAX];

    progress_end(&self->progress);
    if (self->as_json)
        return print_chunk_json(self, path, chunk);
    printf("%s  %s  ", tsr_hash_text(&chunk->hash, text), chunk->level > 0 ? "shard" : "chunk");
    print_box(path, chunk);
    putchar('\n');
    return 0;
}

static void tell_node_json(cli_hasher *self, const tsr_hash_node *node)
{
    cli_document *document = &self->nodes;
    struct json_object *row = document_add_object(document, document->root, NULL);
    char text[TSR_HASH_TEXT_MAX];

    document_add_text(document, row, "path", node->path);
    document_add_text(document, row, "kind", node->array ? "array" : "group");
    document_add_text(document, row, "hash", tsr_hash_text(&node->hash, text));
    document_add_text(document, row, "metadata", tsr_hash_text(&node->metadata, text));
    if (!node->array)
        return;
    document_add_lengths(document, row, "shape", tsr_array_rank(node->array),
                         tsr_array_shape(node->array));
    document_add_text(document, row, "dtype", tsr_array_dtype(node->array)->name);
    if (node->chunk_shape)
        document_add_lengths(document, row, "chunk_shape", tsr_array_rank(node->array),
                             node->chunk_shape);
    else
        document_add_null(document, row, "chunk_shape");
    document_add_integer(document, row, "chunks", node->chunks);
}

static int tell_node(void *user, const tsr_hash_node *node)
{
    cli_hasher *self = user;
    char text[TSR_HASH_TEXT_MAX];

    progress_end(&self->progress);
    if (self->as_json) {
        tell_node_json(self, node);
        return 0;
    }
    printf("%s  %s  ", tsr_hash_text(&node->hash, text), node->array ? "array" : "group");
    show_safe_text(stdout, *node->path ? node->path : "/");
    putchar('\n');
    return 0;
}

static int end_json(cli_hasher *self, const tsr_hash *hash)
{
    char text[TSR_HASH_TEXT_MAX];

    CLI_TRY(begin_json(self));
    fputs("],\"nodes\":", stdout);
    CLI_TRY(document_print(&self->nodes, stdout, &self->invocation->error));
    printf(",\"hash\":\"%s\"}\n", tsr_hash_text(hash, text));
    return 0;
}

/* ---- the command ---- */

static int hash_node(cli_hasher *self, const cli_location_node *node, tsr_hash *ret_hash)
{
    cli_invocation *invocation = self->invocation;
    tsr_hash_options options;
    tsr_call call;
    char label[160] = "/";
    int status;

    tsr_hash_options_init(&options);
    options.stored = invocation_has(invocation, OPTION_STORED);
    options.each_chunk = invocation_has(invocation, OPTION_HASH_LEVELS) ? tell_chunk : NULL;
    options.each_node = tell_node;
    options.user = self;
    if (node->array)
        progress_label(label, sizeof label, tsr_array_place(node->array), node->array);
    progress_begin(&self->progress, label, 0);
    progress_call(&self->progress, &call);
    status = node->array
                 ? tsr_array_hash(node->array, &options, &call, ret_hash, &invocation->error)
                 : tsr_group_hash(node->group, &options, &call, ret_hash, &invocation->error);
    progress_end(&self->progress);
    return status;
}

static int run(cli_invocation *invocation)
{
    cli_hasher self = {.invocation = invocation,
                       .as_json = invocation_has(invocation, OPTION_JSON)};
    tsr_auto(cli_location_node) node = {NULL, NULL};
    tsr_hash hash;
    int status;

    CLI_TRY(location_open_node_itself(invocation, invocation->operands[0], &node));
    document_init_list(&self.nodes);
    progress_init(&self.progress, invocation, "hashing");
    status = hash_node(&self, &node, &hash);
    if (status >= 0 && self.as_json)
        status = end_json(&self, &hash);
    document_clear(&self.nodes);
    return status;
}

extern const cli_command command_hash;
const cli_command command_hash = {
    .name = "hash",
    .summary = "hash the content of an array or a tree, to compare copies without moving them",
    .description =
        "Hashes of values do not depend on codecs, shards or the Zarr format: a copy that was compressed "
        "differently has the same, as long as its chunks have the same shape. They are equal only if all "
        "elements, attributes and the other metadata are. With --stored encoded chunks are hashed as they "
        "are, which is quicker and finds whether two places store the same bytes. A tree is listed from "
        "the leaves to its root, whose hash comes last and stands for all of it.\n\n"
        "`tessera diff --hash` compares a place with what --json has printed elsewhere, and with --levels "
        "names the chunks that differ.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES(
        {"hash relief.zarr", "Every array and group; the last line stands for all"},
        {"hash relief.zarr --levels --json", "With all chunks, for `tessera diff --hash`"},
        {"hash relief.zarr/ROSE --stored", "Of the bytes that are stored"}),
    COMMAND_OPTIONS(OPTION_STORED, OPTION_HASH_LEVELS, OPTION_JSON, OPTION_MEMORY, OPTION_THREADS,
                    OPTION_PROGRESS),
    .run = run,
};
