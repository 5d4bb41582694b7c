/* A codec of one's own: run lengths, registered at run time under the name "example.runs".
 *
 * Its bytes are a count from 1 to 255 and the unit that is repeated, again and again; bytes that
 * are less than a unit stand at the end as they are. */
#include <stdlib.h>
#include <string.h>

#include <tessera.h>
#include <tessera/sys/codec.h>

#define LONGEST_RUN 255

typedef struct runs_codec {
    size_t unit_bytes;
} runs_codec;

/* Binds {"unit": N}; without it, a unit is one element of the array. */
static int runs_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                     tsr_error *err)
{
    static const char *const known[] = {"unit", NULL};
    int64_t unit_bytes = (int64_t)setup->input.dtype->size_bytes;
    runs_codec *codec;
    int status = tsr_codec_setup_only(setup, known, err);

    (void)ret_output; /* bytes in, bytes out: type, rank and fill value stay */
    if (status == 0)
        status = tsr_codec_setup_int(setup, "unit", 1, 65536, &unit_bytes, err);
    if (status < 0)
        return status;
    codec = malloc(sizeof *codec);
    if (!codec)
        return tsr_error_set(err, TSR_NO_MEMORY, "example.runs: out of memory");
    codec->unit_bytes = (size_t)unit_bytes;
    *ret_codec = codec;
    return 0;
}

static int runs_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    const runs_codec *runs = codec;

    (void)zarr_format;
    return tsr_output_print(output, err, "{\"unit\":%d}", (int)runs->unit_bytes);
}

/* At worst each unit is a run of its own. */
static tsr_size_bound runs_bound(const void *codec, uint64_t size_bytes)
{
    const runs_codec *runs = codec;
    tsr_size_bound bound = {TSR_SIZE_UNBOUNDED, 0};

    if (size_bytes <= INT64_MAX) {
        bound.size_class = TSR_SIZE_BOUNDED;
        bound.size_bytes = size_bytes + size_bytes / runs->unit_bytes;
    }
    return bound;
}

static int runs_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, tsr_output *output, tsr_error *err)
{
    size_t unit = ((const runs_codec *)codec)->unit_bytes, left = size_bytes / unit;
    const char *from = bytes;

    (void)scratch; /* nothing is kept from one call to the next */
    while (left > 0) {
        size_t count = 1;
        char *to = tsr_output_reserve(output, 1 + unit, err);
        if (!to)
            return err ? err->status : TSR_NO_MEMORY;
        while (count < left && count < LONGEST_RUN && memcmp(from, from + count * unit, unit) == 0)
            count++;
        to[0] = (char)count;
        memcpy(to + 1, from, unit);
        output->size_bytes += 1 + unit;
        from += count * unit;
        left -= count;
    }
    return tsr_output_append(output, from, size_bytes % unit, err);
}

/* The bytes come from anywhere: nothing that they say is believed before it is checked. */
static int runs_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                       size_t size_bytes, void *output, size_t capacity_bytes,
                       size_t *ret_size_bytes, tsr_error *err)
{
    size_t unit = ((const runs_codec *)codec)->unit_bytes, rest = size_bytes % (1 + unit);
    const unsigned char *from = bytes, *end = from + (size_bytes - rest);
    char *to = output;
    size_t room = capacity_bytes;

    (void)scratch;
    if (rest == unit)
        return tsr_error_set(err, TSR_DAMAGED, "example.runs: cut off after %lu bytes",
                             (unsigned long)size_bytes);
    for (; from < end; from += 1 + unit) {
        size_t count = from[0];
        if (count == 0 || count * unit > room)
            return tsr_error_set(err, TSR_DAMAGED,
                                 "example.runs: a run of %lu where %lu bytes are left",
                                 (unsigned long)count, (unsigned long)room);
        room -= count * unit;
        for (; count > 0; count--, to += unit)
            memcpy(to, from + 1, unit);
    }
    if (rest > room)
        return tsr_error_set(err, TSR_DAMAGED, "example.runs: more than the %lu bytes expected",
                             (unsigned long)capacity_bytes);
    if (rest > 0)
        memcpy(to, from, rest);
    *ret_size_bytes = capacity_bytes - room + rest;
    return 0;
}

/* C99 leaves all that is not named 0. */
static const tsr_codec_ops runs_ops = {
    .struct_size = sizeof(tsr_codec_ops),
    .name = "example.runs",
    .kind = TSR_CODEC_BYTES_TO_BYTES,
    .open = runs_open,
    .close = free,
    .describe = runs_describe,
    .bytes_bound = runs_bound,
    .encode_bytes = runs_encode,
    .decode_bytes = runs_decode,
};

static int add_size(void *user, const tsr_chunk_info *info)
{
    *(int64_t *)user += (int64_t)info->size_bytes;
    return 0;
}

/* Writes an array through the codec and reads it back. */
int main(int argc, char **argv)
{
    enum { COUNT = 100000 };
    const int64_t shape[] = {COUNT}, chunk[] = {1000};
    static int values[COUNT], again[COUNT];
    tsr_error err = TSR_ERROR_INIT;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_array) *array = NULL;
    tsr_array_create_options options;
    int64_t encoded_bytes = 0;

    for (int i = 0; i < COUNT; i++)
        values[i] = 1 + i / 700;
    tsr_array_create_options_init(&options);
    options.mode = TSR_CREATE_OVERWRITE;
    options.dtype = TSR_INT32;
    options.rank = 1;
    options.shape = shape;
    options.chunk_shape = chunk;
    options.codecs = "[{\"name\": \"bytes\", \"configuration\": {\"endian\": \"little\"}},"
                     " {\"name\": \"example.runs\", \"configuration\": {\"unit\": 4}}]";

    if (tsr_context_new(NULL, &context, &err) < 0 ||
        tsr_codec_register(context, &runs_ops, &err) < 0 ||
        tsr_array_create(context, argc > 1 ? argv[1] : "example.zarr/values", &options, &array,
                         &err) < 0 ||
        tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &err) < 0 ||
        tsr_array_read(array, NULL, NULL, NULL, again, sizeof again, NULL, &err) < 0 ||
        tsr_array_walk_chunks(array, NULL, add_size, &encoded_bytes, NULL, &err) < 0)
        return tsr_error_report(&err, stderr);
    printf("%lu bytes of elements are %ld bytes of runs, and read back %s\n",
           (unsigned long)sizeof values, (long)encoded_bytes,
           memcmp(values, again, sizeof values) == 0 ? "the same" : "as something else");
    return 0;
}
