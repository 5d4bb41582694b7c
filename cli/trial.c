#include "trial.h"

#include <string.h>
#include <time.h>

#include "describe.h"
#include "memory.h"
#include "progress.h"
#include "scalar.h"
#include "signals.h"
#include "try.h"

/* ---- the sample ---- */

/* What tiny chunks cost does not become clearer by more of them, each of which takes room for what
 * its codec may make of it. */
enum { SAMPLE_CHUNKS_MAX = 1 << 14 };

void trial_sample_clear(cli_trial_sample *sample)
{
    memory_free(sample->bytes);
    memory_free(sample->sizes);
    memset(sample, 0, sizeof *sample);
}

/* The chunk of a number in C order: where it begins and how much of it lies in the array. */
static int64_t locate_chunk(const tsr_array *array, int64_t number, int64_t *ret_start,
                            int64_t *ret_count)
{
    const int64_t *shape = tsr_array_shape(array), *chunk = describe_chunks(array);
    int64_t elements = 1;

    for (int i = tsr_array_rank(array); i-- > 0;) {
        int64_t grid = shape[i] / chunk[i] + (shape[i] % chunk[i] != 0);
        ret_start[i] = number % grid * chunk[i];
        ret_count[i] = shape[i] - ret_start[i] < chunk[i] ? shape[i] - ret_start[i] : chunk[i];
        elements *= ret_count[i];
        number /= grid;
    }
    return elements;
}

static int64_t count_chunks(const tsr_array *array)
{
    const int64_t *shape = tsr_array_shape(array), *chunk = describe_chunks(array);
    int64_t total = 1;

    for (int i = 0; i < tsr_array_rank(array); i++)
        if (__builtin_mul_overflow(total, shape[i] / chunk[i] + (shape[i] % chunk[i] != 0), &total))
            return INT64_MAX;
    return total;
}

static int add_chunk(tsr_array *array, int64_t number, cli_trial_sample *sample, tsr_error *err)
{
    int64_t start[TSR_RANK_MAX], count[TSR_RANK_MAX];
    int64_t elements = locate_chunk(array, number, start, count);
    size_t size = (size_t)elements * sample->dtype->size_bytes;
    char *bytes = memory_resized(sample->bytes, sample->size_bytes + size + 1);
    size_t *sizes;
    tsr_call call;

    if (!bytes)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for the sample");
    sample->bytes = bytes;
    sizes = memory_resized(sample->sizes, (sample->count + 1) * sizeof *sizes);
    if (!sizes)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for the sample");
    sample->sizes = sizes;
    progress_call(NULL, &call);
    CLI_TRY(
        tsr_array_read(array, start, count, NULL, bytes + sample->size_bytes, size, &call, err));
    if (!scalar_is_little_endian())
        scalar_swap_bytes(sample->dtype, bytes + sample->size_bytes, elements);
    sample->sizes[sample->count++] = size;
    sample->size_bytes += size;
    if (size > sample->largest_bytes)
        sample->largest_bytes = size;
    return 0;
}

int trial_sample_read(tsr_context *context, tsr_array *array, int64_t max_bytes,
                      cli_trial_sample *ret_sample, tsr_error *err)
{
    const tsr_dtype *dtype = tsr_array_dtype(array);
    cli_trial_sample sample = {
        .dtype = dtype, .fill_value = tsr_array_fill_value(array), .rank = tsr_array_rank(array)};
    int64_t total = count_chunks(array), wanted, start[TSR_RANK_MAX], count[TSR_RANK_MAX];
    int status = 0;

    (void)context;
    if (tsr_array_count(array) == 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s has no elements to try codecs on",
                             tsr_array_place(array));
    wanted = max_bytes / (locate_chunk(array, 0, start, count) * (int64_t)dtype->size_bytes);
    wanted = wanted > SAMPLE_CHUNKS_MAX ? SAMPLE_CHUNKS_MAX : wanted;
    wanted = wanted < 1 ? 1 : wanted > total ? total : wanted;
    for (int64_t i = 0; status >= 0 && i < wanted; i++)
        status = add_chunk(array, (int64_t)((__int128)i * total / wanted), &sample, err);
    if (status < 0) {
        trial_sample_clear(&sample);
        return status;
    }
    *ret_sample = sample;
    return 0;
}

/* ---- what is tried ---- */

static const cli_trial_codec table[] = {
    {"conditional", "conditional zstd:3",
     "{\"codecs\":[{\"name\":\"zstd\",\"configuration\":{\"level\":3,\"checksum\":false}}]}",
     false},
    {"zstd", "zstd:1", "{\"level\":1}", false},
    {"zstd", "zstd:3", "{\"level\":3}", false},
    {"zstd", "zstd:5", "{\"level\":5}", true},
    {"zstd", "zstd:9", "{\"level\":9}", false},
    {"zstd", "zstd:15", "{\"level\":15}", true},
    {"zstd", "zstd:19", "{\"level\":19}", true},
    {"gzip", "gzip:1", "{\"level\":1}", false},
    {"gzip", "gzip:6", "{\"level\":6}", false},
    {"gzip", "gzip:9", "{\"level\":9}", true},
    {"blosc", "blosc:lz4:5:shuffle", "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":\"shuffle\",%s}",
     false},
    {"blosc", "blosc:lz4:5:bitshuffle",
     "{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":\"bitshuffle\",%s}", false},
    {"blosc", "blosc:zstd:5:shuffle",
     "{\"cname\":\"zstd\",\"clevel\":5,\"shuffle\":\"shuffle\",%s}", false},
    {"blosc", "blosc:zstd:5:bitshuffle",
     "{\"cname\":\"zstd\",\"clevel\":5,\"shuffle\":\"bitshuffle\",%s}", false},
    {"blosc", "blosc:blosclz:5:shuffle",
     "{\"cname\":\"blosclz\",\"clevel\":5,\"shuffle\":\"shuffle\",%s}", false},
    {"blosc", "blosc:lz4hc:9:shuffle",
     "{\"cname\":\"lz4hc\",\"clevel\":9,\"shuffle\":\"shuffle\",%s}", true},
    {"blosc", "blosc:zlib:5:shuffle",
     "{\"cname\":\"zlib\",\"clevel\":5,\"shuffle\":\"shuffle\",%s}", true},
};

int trial_rows(const tsr_codec_ops *ops, bool all_levels, cli_trial_codec *ret_rows)
{
    int count = 0;
    bool known = false;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, ops->name) != 0)
            continue;
        known = true;
        if (all_levels || !table[i].optional)
            ret_rows[count++] = table[i];
    }
    if (!known)
        ret_rows[count++] = (cli_trial_codec){ops->name, ops->name, "{}", false};
    return count;
}

/* ---- measuring ---- */

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* An opened codec with room for what it makes. */
typedef struct cli_bench {
    const tsr_codec_ops *ops;
    const cli_trial_sample *sample;
    void *codec;
    tsr_codec_scratch *scratch;
    tsr_size_bound bound; /* of the largest chunk */
    char *encoded;        /* of all chunks, each at the start of its own room */
    size_t *encoded_sizes;
    size_t room_bytes; /* for one chunk */
    char *decoded;     /* one chunk */
} cli_bench;

static void bench_clear(cli_bench *bench)
{
    if (bench->codec && bench->ops->close)
        bench->ops->close(bench->codec);
    if (bench->scratch)
        tsr_codec_scratch_free(bench->scratch);
    memory_free(bench->encoded);
    memory_free(bench->encoded_sizes);
    memory_free(bench->decoded);
}

static int check_interrupted(tsr_error *err)
{
    return signals_interrupted() ? tsr_error_set(err, TSR_CANCELLED, "interrupted") : 0;
}

static int encode_all(cli_bench *bench, tsr_error *err)
{
    const char *from = bench->sample->bytes;

    for (size_t i = 0; i < bench->sample->count; i++) {
        tsr_output output = {bench->encoded + i * bench->room_bytes, 0, bench->room_bytes,
                             bench->room_bytes};
        CLI_TRY(check_interrupted(err));
        CLI_TRY(bench->ops->encode_bytes(bench->codec, bench->scratch, from,
                                         bench->sample->sizes[i], &output, err));
        bench->encoded_sizes[i] = output.size_bytes;
        from += bench->sample->sizes[i];
    }
    return 0;
}

static int decode_all(cli_bench *bench, bool compare, tsr_error *err)
{
    const char *original = bench->sample->bytes;

    for (size_t i = 0; i < bench->sample->count; i++) {
        size_t size = 0, wanted = bench->sample->sizes[i];
        CLI_TRY(check_interrupted(err));
        CLI_TRY(bench->ops->decode_bytes(
            bench->codec, bench->scratch, bench->encoded + i * bench->room_bytes,
            bench->encoded_sizes[i], bench->decoded, wanted, &size, err));
        if (compare && (size != wanted || memcmp(bench->decoded, original, size) != 0))
            return tsr_error_set(err, TSR_DAMAGED, "codec %s does not give back what it was given",
                                 bench->ops->name);
        original += wanted;
    }
    return 0;
}

/* The shortest of several passes: at least two, and until a tenth of a second has gone by. */
static int time_passes(cli_bench *bench, bool encode, double *ret_seconds, tsr_error *err)
{
    double begin = now_s(), best = 1e300;

    for (int pass = 0; pass < 2 || (pass < 20 && now_s() - begin < 0.1); pass++) {
        double start = now_s(), seconds;
        CLI_TRY(encode ? encode_all(bench, err) : decode_all(bench, false, err));
        seconds = now_s() - start;
        best = seconds < best ? seconds : best;
        if (seconds > 0.5)
            break;
    }
    *ret_seconds = best > 1e-9 ? best : 1e-9;
    return 0;
}

static int bench_open(cli_bench *bench, tsr_context *context, const cli_trial_codec *row,
                      tsr_error *err)
{
    const cli_trial_sample *sample = bench->sample;
    char typesize[32], configuration[256];
    tsr_codec_type output = {sample->dtype, sample->rank, sample->fill_value};
    tsr_codec_setup setup = {.context = context,
                             .name = row->name,
                             .configuration = configuration,
                             .zarr_format = 3,
                             .input = output};

    /* blosc alone wants to be told the size of an element. */
    snprintf(typesize, sizeof typesize, "\"typesize\":%zu", sample->dtype->size_bytes);
    if (strstr(row->configuration, "%s"))
        snprintf(configuration, sizeof configuration, "%.*s%s}",
                 (int)(strstr(row->configuration, "%s") - row->configuration), row->configuration,
                 typesize);
    else
        snprintf(configuration, sizeof configuration, "%s", row->configuration);
    CLI_TRY(bench->ops->open(&setup, &bench->codec, &output, err));
    CLI_TRY(tsr_codec_scratch_new(&bench->scratch, err));
    bench->bound = bench->ops->bytes_bound(bench->codec, sample->largest_bytes);
    bench->room_bytes = bench->bound.size_class == TSR_SIZE_UNBOUNDED
                            ? 2 * sample->largest_bytes
                            : (size_t)bench->bound.size_bytes;
    bench->room_bytes += 4096;
    bench->encoded = memory_bytes(bench->room_bytes * sample->count);
    bench->encoded_sizes = memory_zeroed(sample->count, sizeof *bench->encoded_sizes);
    bench->decoded = memory_bytes(sample->largest_bytes + 1);
    if (!bench->encoded || !bench->encoded_sizes || !bench->decoded)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for the trial");
    return 0;
}

static int measure(cli_bench *bench, cli_trial_result *ret_result, tsr_error *err)
{
    double encode_s, decode_s, size = (double)bench->sample->size_bytes;
    cli_trial_result result = {0};

    CLI_TRY(time_passes(bench, true, &encode_s, err));
    CLI_TRY(decode_all(bench, true, err));
    CLI_TRY(time_passes(bench, false, &decode_s, err));
    for (size_t i = 0; i < bench->sample->count; i++)
        result.encoded_bytes += (int64_t)bench->encoded_sizes[i];
    result.ratio = size / (double)(result.encoded_bytes > 0 ? result.encoded_bytes : 1);
    result.encode_rate = size / encode_s;
    result.decode_rate = size / decode_s;
    result.checksum = bench->bound.size_class == TSR_SIZE_FIXED;
    *ret_result = result;
    return 0;
}

int trial_run(tsr_context *context, const tsr_codec_ops *ops, const cli_trial_codec *row,
              const cli_trial_sample *sample, cli_trial_result *ret_result, tsr_error *err)
{
    cli_bench bench = {.ops = ops, .sample = sample};
    int status = bench_open(&bench, context, row, err);

    if (status >= 0)
        status = measure(&bench, ret_result, err);
    bench_clear(&bench);
    return status;
}
