/* Reading back what a copy has made, and comparing it with its source. */
#include <string.h>

#include "blocks.h"
#include "describe.h"
#include "memory.h"
#include "scalar.h"
#include "show.h"
#include "stream.h"
#include "transfer_run.h"

/* A block is one chunk at least, so that every chunk is decoded once. Where more chunks than this
 * differ, something is wrong with all of them. */
enum { BLOCK_BYTES = 8 << 20, DIFFERENT_MAX = 100 };

typedef struct cli_verifier {
    cli_invocation *invocation;
    cli_progress *progress;
    cli_transfer_result *result;
    tsr_array *source, *destination;
    const char *path;
    tsr_casting casting;
    tsr_index everything;
    int64_t found[DIFFERENT_MAX][TSR_RANK_MAX]; /* chunks that differ */
    int found_count;
} cli_verifier;

/* The innermost chunk of the destination in which an element lies. */
static void find_chunk(const cli_verifier *self, const cli_block_walk *walk, int64_t element,
                       int64_t *ret_chunk)
{
    const tsr_array *array = self->destination;
    int levels = tsr_array_shard_levels(array);
    const int64_t *lengths = tsr_array_inner_chunk_shape(array, levels);

    for (int axis = walk->rank; axis-- > 0;) {
        int64_t position = walk->start[axis] + element % walk->count[axis];
        ret_chunk[axis] =
            levels > 0 ? position / lengths[axis] : tsr_array_chunk_at(array, axis, position);
        element /= walk->count[axis];
    }
}

static bool is_found(const cli_verifier *self, const int64_t *chunk)
{
    size_t bytes = (size_t)tsr_array_rank(self->destination) * sizeof *chunk;

    for (int i = self->found_count; i-- > 0;)
        if (memcmp(self->found[i], chunk, bytes) == 0)
            return true;
    return false;
}

/* Tells of a chunk that differs. */
static int add_chunk(cli_verifier *self, const int64_t *chunk)
{
    char text[SHOW_SHAPE_MAX];
    int rank = tsr_array_rank(self->destination);
    const char *kind = tsr_array_shard_levels(self->destination) > 0 ? "inner chunk" : "chunk";
    cli_document document = {self->result->different, false};
    struct json_object *row;

    if (self->found_count == 0)
        progress_end(self->progress);
    memcpy(self->found[self->found_count++], chunk, (size_t)rank * sizeof *chunk);
    fputs("tessera: ", stderr);
    show_safe_text(stderr, tsr_array_place(self->destination));
    fprintf(stderr, ": %s %s differs from the source\n", kind, show_coordinates(text, rank, chunk));
    row = document_add_object(&document, document.root, NULL);
    document_add_text(&document, row, "path", self->path);
    document_add_text(&document, row, "kind", kind);
    document_add_lengths(&document, row, "chunk", rank, chunk);
    return document.failed ? tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory")
                           : 0;
}

static int compare(cli_verifier *self, const cli_block_walk *walk, const char *a, const char *b)
{
    const tsr_dtype *dtype = tsr_array_dtype(self->destination);
    size_t size = dtype->size_bytes;
    int64_t chunk[TSR_RANK_MAX];

    if (!tsr_dtype_is_variable(dtype) && memcmp(a, b, (size_t)walk->elements * size) == 0)
        return 0;
    for (int64_t i = 0; i < walk->elements && self->found_count < DIFFERENT_MAX; i++) {
        const char *left = a + (size_t)i * size, *right = b + (size_t)i * size;
        if (tsr_dtype_element_equal(dtype, left, right) || scalar_is_same_value(dtype, left, right))
            continue;
        find_chunk(self, walk, i, chunk);
        if (!is_found(self, chunk))
            CLI_TRY(add_chunk(self, chunk));
    }
    return 0;
}

static int compare_blocks(cli_verifier *self, cli_block_walk *walk, char *buffer,
                          size_t block_bytes)
{
    cli_invocation *invocation = self->invocation;
    const tsr_dtype *dtype = tsr_array_dtype(self->destination);
    tsr_auto(tsr_heap) *heap_a = NULL, *heap_b = NULL;
    tsr_call call;

    CLI_TRY(stream_heap(dtype, &heap_a, &invocation->error));
    CLI_TRY(stream_heap(dtype, &heap_b, &invocation->error));
    progress_call(NULL, &call);
    while (self->found_count < DIFFERENT_MAX && block_walk_next(walk)) {
        CLI_TRY(stream_read_block(invocation->context, self->destination, &self->everything, walk,
                                  dtype, TSR_CASTING_NO, buffer, heap_a, &call,
                                  &invocation->error));
        CLI_TRY(stream_read_block(invocation->context, self->source, &self->everything, walk, dtype,
                                  self->casting, buffer + block_bytes, heap_b, &call,
                                  &invocation->error));
        CLI_TRY(compare(self, walk, buffer, buffer + block_bytes));
        if (self->found_count == 0)
            progress_advance(self->progress, walk->elements * (int64_t)dtype->size_bytes);
    }
    return 0;
}

int transfer_verify(cli_invocation *invocation, tsr_array *source, const char *place,
                    const char *path, cli_progress *progress, cli_transfer_result *result,
                    bool *ret_same)
{
    tsr_auto(tsr_array) *destination = NULL;
    int64_t memory = invocation_number(invocation, OPTION_MEMORY, 4 * BLOCK_BYTES) / 4;
    cli_block_walk walk;
    size_t block_bytes;
    char label[160], *buffer;
    int status;

    CLI_TRY(tsr_array_open(invocation->context, place, NULL, &destination, &invocation->error));
    cli_verifier self = {.invocation = invocation,
                         .progress = progress,
                         .result = result,
                         .source = source,
                         .destination = destination,
                         .path = path,
                         .casting = creation_casting(invocation)};
    tsr_index_all(&self.everything, tsr_array_rank(destination), tsr_array_shape(destination));
    block_walk_chunks(&walk, destination, &self.everything, false,
                      memory < BLOCK_BYTES ? memory : BLOCK_BYTES);
    block_bytes = (size_t)block_walk_largest(&walk) * tsr_array_dtype(destination)->size_bytes;
    buffer = memory_bytes(2 * block_bytes + 1);
    if (!buffer)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory for a block");
    progress_label(label, sizeof label, *path ? path : "/", destination);
    progress_begin(progress, label, tsr_array_size(destination));
    status = compare_blocks(&self, &walk, buffer, block_bytes);
    progress_end(progress);
    memory_free(buffer);
    *ret_same = self.found_count == 0;
    result->verified++;
    return status;
}
