/* Writes and reads COUNT chunks of 1 KiB with one thread, twice each, so that what a chunk costs
 * can be counted: see instructions.py.
 *
 * small_chunks KIND COUNT PLACE: KIND says how they are stored, PLACE is a store, as tsr_store_open
 * takes it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tessera.h>

enum { EDGE = 8, CHUNK_ELEMENTS = EDGE * EDGE * EDGE };

typedef struct kind {
    const char *name, *codec;
    bool sharded;
} kind;

static const kind kinds[] = {
    {"raw", "none", false}, {"lz4", "lz4", false}, {"shard", "none", true}};

static const kind *find_kind(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* Chunks of 8 x 8 x 8 side by side in planes of 16 x 16 of them. */
static int make_array(tsr_context *context, tsr_store *store, const kind *how, int64_t count,
                      tsr_array **ret_array, tsr_error *err)
{
    const int64_t shape[3] = {count / 256 * EDGE, 16 * EDGE, 16 * EDGE};
    const int64_t chunk[3] = {EDGE, EDGE, EDGE}, shard[3] = {-1, -1, -1};
    tsr_array_create_options options;
    tsr_array_create_options_init(&options);
    options.store = store;
    options.dtype = TSR_UINT16;
    options.rank = 3;
    options.shape = shape;
    options.chunk_shape = chunk;
    options.shard_shape = how->sharded ? shard : NULL;
    options.codec = how->codec;
    options.compressors = strcmp(how->codec, "none") == 0 ? "[]" : NULL;
    return tsr_array_create(context, "a", &options, ret_array, err);
}

/* What is read must be what was written: an operation that does less is no cheaper one. */
static int write_and_read(tsr_array *array, int64_t count, tsr_error *err)
{
    size_t elements = (size_t)count * CHUNK_ELEMENTS, size_bytes = 2 * elements;
    uint16_t *written = malloc(size_bytes), *found = calloc(elements, 2);
    int status = written && found ? 0 : TSR_NO_MEMORY;
    for (int i = 0; i < 2 && status == 0; i++) { /* first to no chunks, then over them */
        for (size_t k = 0; k < elements; k++)
            written[k] = (uint16_t)(k % 8 + k / CHUNK_ELEMENTS + (size_t)i);
        status = tsr_array_write(array, NULL, NULL, NULL, written, size_bytes, NULL, err);
    }
    for (int i = 0; i < 2 && status == 0; i++) /* the second time everything that lasts is there */
        status = tsr_array_read(array, NULL, NULL, NULL, found, size_bytes, NULL, err);
    if (status == 0 && memcmp(written, found, size_bytes) != 0)
        status = TSR_DAMAGED;
    free(written);
    free(found);
    return status;
}

int main(int argc, char **argv)
{
    const kind *how = argc == 4 ? find_kind(argv[1]) : NULL;
    int64_t count = argc == 4 ? strtoll(argv[2], NULL, 10) : 0;
    tsr_context_options options;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_store) *store = NULL;
    tsr_auto(tsr_array) *array = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (!how || count < 256 || count % 256 != 0) {
        fprintf(stderr, "usage: small_chunks raw|lz4|shard COUNT PLACE (COUNT: 256, 512, ...)\n");
        return 2;
    }
    tsr_context_options_init(&options);
    options.threads = 1;
    int status = tsr_context_new(&options, &context, &err);
    if (status == 0)
        status = tsr_store_open(context, argv[3], &store, &err);
    if (status == 0)
        status = make_array(context, store, how, count, &array, &err);
    if (status == 0)
        status = write_and_read(array, count, &err);
    if (status < 0)
        fprintf(stderr, "small_chunks: %s %s\n", tsr_status_text(status), err.message);
    return status < 0;
}
