/* Single codecs, by the interface that is meant for their authors. */
#include <stdio.h>
#include <string.h>
#include <tessera/sys/codec.h>

#include "bench_codec.h"
#include "bench_tessera.h"

struct coder {
    const tsr_codec_ops *ops;
    void *codec;
    tsr_codec_scratch *scratch;
    tsr_error *err;
};

static int64_t encode(void *self, const void *bytes, size_t size_bytes, void *to, size_t room)
{
    struct coder *coder = self;
    /* All of the room is there already, so the encoder writes to its place. */
    tsr_output output = {.data = to, .capacity_bytes = room, .max_bytes = room};
    int status = coder->ops->encode_bytes(coder->codec, coder->scratch, bytes, size_bytes, &output,
                                          coder->err);

    return status == 0 ? (int64_t)output.size_bytes : -1;
}

static int64_t decode(void *self, const void *bytes, size_t size_bytes, void *to, size_t room)
{
    struct coder *coder = self;
    size_t made;
    int status = coder->ops->decode_bytes(coder->codec, coder->scratch, bytes, size_bytes, to, room,
                                          &made, coder->err);

    return status == 0 ? (int64_t)made : -1;
}

static void configure(const bench_codec_name *name, char *text, size_t size)
{
    static const char *const shuffles[] = {"noshuffle", "shuffle", "bitshuffle"};

    if (strcmp(name->name, "blosc") == 0) {
        snprintf(text, size, "{\"cname\":\"%s\",\"clevel\":%d,\"shuffle\":\"%s\",\"blocksize\":0}",
                 name->compressor, name->level, shuffles[name->shuffle]);
    } else if (strcmp(name->name, "lz4") == 0) {
        snprintf(text, size, "{\"acceleration\":%d}", name->level);
    } else if (strcmp(name->name, "lzma") == 0) {
        snprintf(text, size, "{\"preset\":%d}", name->level);
    } else if (strcmp(name->name, "crc32c") == 0) {
        snprintf(text, size, "{}");
    } else {
        snprintf(text, size, "{\"level\":%d}", name->level);
    }
}

static int open_coder(tsr_context *context, const bench_job *job, struct coder *coder,
                      tsr_error *err)
{
    bench_codec_name name;
    char configuration[128], prefixed[32];
    const tsr_dtype *dtype = job->settings.typesize == 4 ? TSR_FLOAT32 : TSR_UINT16;
    tsr_codec_type output = {.dtype = dtype, .rank = 3};
    tsr_codec_setup setup = {
        .context = context, .configuration = configuration, .zarr_format = 3, .input = output};
    int status = bench_codec_parse(job->store, &name);

    if (status != 0) {
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s names no codec", job->store);
    }
    configure(&name, configuration, sizeof configuration);
    snprintf(prefixed, sizeof prefixed, "numcodecs.%s", name.name);
    setup.name = name.name;
    if (tsr_codec_find(context, name.name, 3, &coder->ops, err) != 0) {
        setup.name = prefixed;
        tsr_error_clear(err);
        status = tsr_codec_find(context, prefixed, 3, &coder->ops, err);
    }
    if (status == 0) {
        status = coder->ops->open(&setup, &coder->codec, &output, err);
    }
    return status == 0 ? tsr_codec_scratch_new(&coder->scratch, err) : status;
}

int bench_run_codec(struct side_state *state, const bench_job *job, bench_outcome *outcome,
                    tsr_error *err)
{
    struct coder coder = {.err = err};
    const bench_coder frame = {.self = &coder, .encode = encode, .decode = decode};
    int status = open_coder(state->context, job, &coder, err);

    if (status == 0 && bench_codec_run(&frame, job, outcome) != 0 && err->status == 0) {
        status = tsr_error_set(err, TSR_INTERNAL, "%s", outcome->failure);
    }
    if (coder.codec && coder.ops->close) {
        coder.ops->close(coder.codec);
    }
    tsr_codec_scratch_free(coder.scratch);
    return status ? status : err->status;
}
