#include "bench_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_memory.h"

enum { PIECES_MAX = 64, SLACK_BYTES = 1 << 16 };

struct coding {
    const bench_coder *coder;
    char *bytes; /* the file */
    size_t size_bytes, piece_bytes, room;
    int pieces;
    char *encoded; /* `room` bytes for each piece */
    int64_t encoded_bytes[PIECES_MAX];
    char *decoded;
};

int bench_codec_parse(const char *text, bench_codec_name *ret_name)
{
    bench_codec_name name = {0};

    if (sscanf(text, "blosc:%15[^:]:%d:%d", name.compressor, &name.level, &name.shuffle) == 3) {
        strcpy(name.name, "blosc");
    } else if (sscanf(text, "%15[^:]:%d", name.name, &name.level) < 1) {
        return -1;
    }
    *ret_name = name;
    return 0;
}

static int load(struct coding *coding, const char *path)
{
    FILE *file = fopen(path, "re");
    long size = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    int status = -1;

    if (size > 0 && fseek(file, 0, SEEK_SET) == 0) {
        coding->size_bytes = (size_t)size;
        coding->bytes = bench_huge_new_touched(coding->size_bytes);
        status = coding->bytes && fread(coding->bytes, coding->size_bytes, 1, file) == 1 ? 0 : -1;
    }
    if (file) {
        fclose(file);
    }
    return status;
}

static int encode_all(struct coding *coding)
{
    for (int i = 0; i < coding->pieces; i++) {
        coding->encoded_bytes[i] = coding->coder->encode(
            coding->coder->self, coding->bytes + (size_t)i * coding->piece_bytes,
            coding->piece_bytes, coding->encoded + (size_t)i * coding->room, coding->room);
        if (coding->encoded_bytes[i] < 0) {
            return -1;
        }
    }
    return 0;
}

static int decode_all(struct coding *coding)
{
    for (int i = 0; i < coding->pieces; i++) {
        int64_t made = coding->coder->decode(
            coding->coder->self, coding->encoded + (size_t)i * coding->room,
            (size_t)coding->encoded_bytes[i], coding->decoded + (size_t)i * coding->piece_bytes,
            coding->piece_bytes);

        if (made != (int64_t)coding->piece_bytes) {
            return -1;
        }
    }
    return 0;
}

/* Everything is encoded once outside of the time, so that both directions find what they need. */
static int time_it(struct coding *coding, const bench_job *job, bench_outcome *outcome)
{
    int (*one)(struct coding *) = strcmp(job->mode, "decode") == 0 ? decode_all : encode_all;
    int status = encode_all(coding);
    const double started = bench_now();

    for (int64_t i = 0; i < job->settings.repeat && status == 0; i++) {
        status = one(coding);
    }
    outcome->seconds = bench_now() - started;
    if (status == 0 && job->summed) {
        status = decode_all(coding);
        outcome->sum = bench_sum_planes((const uint16_t *)(const void *)coding->decoded,
                                        (int64_t)(coding->size_bytes / BENCH_PLANE_BYTES));
    }
    return status == 0 ? 0 : bench_fail(outcome, "%s does not %s", job->store, job->mode);
}

int bench_codec_run(const bench_coder *coder, const bench_job *job, bench_outcome *outcome)
{
    struct coding coding = {.coder = coder};
    int status = load(&coding, job->extra);

    if (status == 0) {
        coding.piece_bytes = BENCH_INNER_ELEMENTS * (size_t)job->settings.typesize;
        coding.room = coding.piece_bytes + coding.piece_bytes / 8 + SLACK_BYTES;
        coding.pieces = (int)(coding.size_bytes / coding.piece_bytes);
        coding.encoded = bench_huge_new_touched((size_t)coding.pieces * coding.room);
        coding.decoded = bench_huge_new_touched(coding.size_bytes);
    }
    if (status != 0 || coding.pieces > PIECES_MAX) {
        status = bench_fail(outcome, "%s cannot be read", job->extra);
    } else if (!coding.encoded || !coding.decoded) {
        status = bench_fail(outcome, "no memory for the pieces");
    } else {
        status = time_it(&coding, job, outcome);
    }
    bench_huge_free(coding.bytes, coding.size_bytes);
    bench_huge_free(coding.encoded, (size_t)coding.pieces * coding.room);
    bench_huge_free(coding.decoded, coding.size_bytes);
    return status;
}
