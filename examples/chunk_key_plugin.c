/* A chunk key encoding of one's own: keys with an ending, such as "c/1/2.bin", registered at run
 * time under the name "example.ending".
 *
 * Metadata names it, and every reader must understand how chunks are named: one that does not know
 * "example.ending" refuses the array, instead of finding no chunk and reading fill values. */
#include <stdlib.h>
#include <string.h>

#include <tessera.h>
#include <tessera/sys/chunk_key.h>

static const char ending[] = ".bin";

static int ending_open(const tsr_chunk_key_setup *setup, void **ret_encoding, tsr_error *err)
{
    static const char *const known[] = {NULL};

    *ret_encoding = NULL; /* there is nothing to configure, and nothing to remember */
    return tsr_chunk_key_setup_only(setup, known, err);
}

static int ending_describe(const void *encoding, tsr_output *output, tsr_error *err)
{
    (void)encoding;
    return tsr_output_append(output, "{}", 2, err);
}

static int ending_format(const void *encoding, int rank, const int64_t *index, char *ret_text,
                         size_t capacity_bytes, size_t *ret_size_bytes, tsr_error *err)
{
    size_t used = (size_t)snprintf(ret_text, capacity_bytes, "c");

    (void)encoding;
    for (int axis = 0; axis < rank && used < capacity_bytes; axis++)
        used += (size_t)snprintf(ret_text + used, capacity_bytes - used, "/%lld",
                                 (long long)index[axis]);
    if (used < capacity_bytes)
        used += (size_t)snprintf(ret_text + used, capacity_bytes - used, "%s", ending);
    if (used >= capacity_bytes)
        return tsr_error_set(err, TSR_LIMIT, "example.ending: a key of more than %lu bytes",
                             (unsigned long)capacity_bytes - 1);
    *ret_size_bytes = used;
    return 0;
}

/* Takes "c/01/2.bin" as well: what it answers is formatted again and compared by the library. */
static bool ending_parse(const void *encoding, int rank, const char *text, size_t size_bytes,
                         int64_t *ret_index)
{
    char copy[1024], *at = copy + 1;
    size_t tail = sizeof ending - 1;

    (void)encoding;
    if (size_bytes <= tail || size_bytes >= sizeof copy || text[0] != 'c' ||
        memcmp(text + size_bytes - tail, ending, tail) != 0)
        return false;
    memcpy(copy, text, size_bytes - tail);
    copy[size_bytes - tail] = 0;
    for (int axis = 0; axis < rank; axis++) {
        if (*at++ != '/')
            return false;
        ret_index[axis] = strtoll(at, &at, 10);
    }
    return *at == 0;
}

/* C99 leaves all that is not named 0. */
static const tsr_chunk_key_ops ending_ops = {
    .struct_size = sizeof(tsr_chunk_key_ops),
    .name = "example.ending",
    .open = ending_open,
    .describe = ending_describe,
    .format = ending_format,
    .parse = ending_parse,
};

static int print_key(void *user, const tsr_chunk_info *info)
{
    (void)user;
    printf("%s\n", info->key);
    return 0;
}

/* Writes an array with such keys, and finds its chunks by listing the store. */
int main(int argc, char **argv)
{
    const int64_t shape[] = {2, 3}, chunk[] = {2, 3};
    static const int values[] = {1, 2, 3, 4, 5, 6};
    tsr_error err = TSR_ERROR_INIT;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_array) *array = NULL;
    tsr_array_create_options options;
    tsr_chunk_walk_options walk;

    tsr_array_create_options_init(&options);
    options.mode = TSR_CREATE_OVERWRITE;
    options.dtype = TSR_INT32;
    options.rank = 2;
    options.shape = shape;
    options.chunk_shape = chunk;
    options.chunk_keys = "example.ending";
    tsr_chunk_walk_options_init(&walk);
    walk.stored_only = true;

    if (tsr_context_new(NULL, &context, &err) < 0 ||
        tsr_chunk_key_register(context, &ending_ops, &err) < 0 ||
        tsr_array_create(context, argc > 1 ? argv[1] : "example.zarr/values", &options, &array,
                         &err) < 0 ||
        tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &err) < 0 ||
        tsr_array_walk_chunks(array, &walk, print_key, NULL, NULL, &err) < 0)
        return tsr_error_report(&err, stderr);
    return 0;
}
