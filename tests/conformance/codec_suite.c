#include "conformance/codec_suite.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "conformance/guarded.h"

/* Lengths around powers of two, words, blocks of compressors (128 KiB) and their windows. */
static const size_t lengths[] = {0,   1,   2,    3,    4,    5,    7,     8,      9,     15,
                                 16,  17,  31,   63,   64,   65,   127,   128,    129,   255,
                                 256, 257, 1000, 4095, 4096, 9999, 65537, 131073, 270001};
#define LONGEST 270001

/* ---- opening ---- */

static const uint64_t no_fill_value[2];

static tsr_codec_setup setup_of(const codec_case *row, tsr_context *context)
{
    return (tsr_codec_setup){.context = context,
                             .name = row->name,
                             .configuration = row->configuration ? row->configuration : "{}",
                             .zarr_format = row->zarr_format ? row->zarr_format : 3,
                             .input = {row->dtype ? row->dtype : TSR_UINT8, row->rank,
                                       row->fill_value ? row->fill_value : no_fill_value}};
}

int codec_try_open(tsr_context *context, const codec_case *row, const tsr_codec_ops **ret_ops,
                   void **ret_codec, tsr_error *err)
{
    tsr_codec_setup setup = setup_of(row, context);
    tsr_codec_type output = setup.input;
    int status = tsr_codec_find(context, row->name, setup.zarr_format, ret_ops, err);

    return status < 0 ? status : (*ret_ops)->open(&setup, ret_codec, &output, err);
}

codec_fixture codec_fixture_open(const codec_case *row)
{
    codec_fixture fixture = {0};
    tsr_error err = TSR_ERROR_INIT;

    assert_return_code(tsr_context_new(NULL, &fixture.context, &err), 0);
    if (row->ops)
        assert_return_code(tsr_codec_register(fixture.context, row->ops, &err), 0);
    assert_return_code(tsr_codec_scratch_new(&fixture.scratch, &err), 0);
    tsr_codec_setup setup = setup_of(row, fixture.context);
    fixture.input = fixture.output = setup.input;
    if (tsr_codec_find(fixture.context, row->name, setup.zarr_format, &fixture.ops, &err) < 0 ||
        fixture.ops->open(&setup, &fixture.codec, &fixture.output, &err) < 0)
        fail_msg("%s %s: %s", row->name, setup.configuration, err.message);
    return fixture;
}

void codec_fixture_close(codec_fixture *fixture)
{
    if (fixture->ops->close)
        fixture->ops->close(fixture->codec);
    tsr_codec_scratch_free(fixture->scratch);
    tsr_context_free(fixture->context);
}

void codec_expect_refusal(const codec_case *row, int status, const char *text)
{
    tsr_context *context = NULL;
    tsr_error err = TSR_ERROR_INIT;
    const tsr_codec_ops *ops = NULL;
    char untouched;
    void *codec = &untouched;

    assert_return_code(tsr_context_new(NULL, &context, &err), 0);
    int found = codec_try_open(context, row, &ops, &codec, &err);
    if (found != status || err.status != status || !strstr(err.message, text))
        fail_msg("%s %s: status %s, \"%s\"; expected %s with \"%s\"", row->name, row->configuration,
                 tsr_status_name(found), err.message, tsr_status_name(status), text);
    assert_ptr_equal(codec, &untouched);
    /* The caller may have no use for the error. */
    assert_int_equal(codec_try_open(context, row, &ops, &codec, NULL), status);
    tsr_context_free(context);
}

/* ---- data ---- */

/* SplitMix64, Steele and others, OOPSLA 2014. */
uint64_t codec_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void codec_data_fill(data_kind kind, void *bytes, size_t size_bytes)
{
    unsigned char *to = bytes;
    uint64_t state = kind;
    unsigned level = 30000;

    for (size_t i = 0; i < size_bytes; i++) {
        switch (kind) {
        case DATA_ZEROS:
            to[i] = 0;
            break;
        case DATA_EQUAL:
            to[i] = 0x5a;
            break;
        case DATA_SMOOTH: /* a slow random walk of 16-bit numbers */
            if (i % 2 == 0)
                level += (unsigned)(codec_random(&state) % 15) - 7;
            to[i] = (unsigned char)(i % 2 ? level >> 8 : level);
            break;
        default:
            to[i] = (unsigned char)codec_random(&state);
        }
    }
}

/* ---- encoding and decoding with all promises checked ---- */

static size_t bound_of(const codec_fixture *fixture, size_t size_bytes, tsr_size_class *ret_class)
{
    tsr_size_bound bound = fixture->ops->bytes_bound(fixture->codec, size_bytes);

    *ret_class = bound.size_class;
    return bound.size_class == TSR_SIZE_UNBOUNDED ? SIZE_MAX / 2 : (size_t)bound.size_bytes;
}

/* The output may not grow beyond the bound, so a bound that is too small is a failure here. */
void codec_encode(const codec_fixture *fixture, const void *bytes, size_t size_bytes,
                  tsr_output *output)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_size_class size_class;
    size_t bound_bytes = bound_of(fixture, size_bytes, &size_class);
    guarded input = guarded_new(size_bytes);
    char before[] = "before";

    *output = (tsr_output){.max_bytes = bound_bytes + sizeof before};
    assert_return_code(tsr_output_append(output, before, sizeof before, &err), 0);
    const char *from = guarded_place(&input, bytes, size_bytes);
    int status = fixture->ops->encode_bytes(fixture->codec, fixture->scratch, from, size_bytes,
                                            output, &err);
    if (status < 0)
        fail_msg("encoding %zu bytes: %s", size_bytes, err.message);
    /* Encoders append. */
    assert_memory_equal(output->data, before, sizeof before);
    output->size_bytes -= sizeof before;
    memmove(output->data, output->data + sizeof before, output->size_bytes);
    if (size_class == TSR_SIZE_FIXED)
        assert_int_equal(output->size_bytes, bound_bytes);
    assert_true(output->size_bytes <= bound_bytes);
    guarded_free(&input);
}

typedef struct decoding {
    int status;
    size_t size_bytes;
    const char *bytes; /* ends at a guard */
    tsr_error err;
} decoding;

#define UNTOUCHED ((size_t)0x123456789abc)
#define WHOLE SIZE_MAX

/* Decodes within guarded memory; `wanted_bytes` WHOLE means decode_bytes, less means decode_prefix.
 */
static decoding decode(const codec_fixture *fixture, guarded *input, guarded *output,
                       const void *bytes, size_t size_bytes, size_t capacity_bytes,
                       size_t wanted_bytes)
{
    decoding result = {.size_bytes = UNTOUCHED};
    const char *from = guarded_place(input, bytes, size_bytes);
    char *to = guarded_last(output, capacity_bytes);

    if (wanted_bytes == WHOLE)
        result.status =
            fixture->ops->decode_bytes(fixture->codec, fixture->scratch, from, size_bytes, to,
                                       capacity_bytes, &result.size_bytes, &result.err);
    else
        result.status = fixture->ops->decode_prefix(fixture->codec, fixture->scratch, from,
                                                    size_bytes, to, capacity_bytes, wanted_bytes,
                                                    &result.size_bytes, &result.err);
    result.bytes = to;
    assert_true(guarded_intact(output, capacity_bytes));
    if (result.status < 0) {
        assert_int_equal(result.err.status, result.status);
        assert_true(strlen(result.err.message) > 10);
        assert_int_equal(result.size_bytes, UNTOUCHED);
    } else {
        assert_true(result.size_bytes <= capacity_bytes);
    }
    return result;
}

static void expect_data(const decoding *result, const void *bytes, size_t size_bytes)
{
    if (result->status < 0)
        fail_msg("decoding to %zu bytes: %s", size_bytes, result->err.message);
    assert_int_equal(result->size_bytes, size_bytes);
    assert_memory_equal(result->bytes, bytes, size_bytes);
}

static void expect_unwrapped(const codec_fixture *fixture, const tsr_output *encoded,
                             const void *bytes, size_t size_bytes)
{
    tsr_error err = TSR_ERROR_INIT;
    size_t offset = 0, found_bytes = 0;

    assert_return_code(fixture->ops->unwrap(fixture->codec, encoded->data, encoded->size_bytes,
                                            &offset, &found_bytes, &err),
                       0);
    assert_int_equal(found_bytes, size_bytes);
    assert_true(offset <= encoded->size_bytes && found_bytes <= encoded->size_bytes - offset);
    assert_memory_equal(encoded->data + offset, bytes, size_bytes);
}

/* One piece of test data with its encoded form, and memory to decode it in. */
typedef struct sample {
    codec_fixture fixture;
    char *bytes;
    size_t size_bytes;
    tsr_output encoded;
    guarded input, output;
} sample;

static sample sample_new(const codec_case *row, data_kind kind, size_t size_bytes)
{
    if (row->unit_bytes)
        size_bytes -= size_bytes % row->unit_bytes;
    sample made = {.fixture = codec_fixture_open(row), .size_bytes = size_bytes};

    made.bytes = malloc(size_bytes + 1);
    codec_data_fill(kind, made.bytes, size_bytes);
    codec_encode(&made.fixture, made.bytes, size_bytes, &made.encoded);
    made.input = guarded_new(2 * made.encoded.size_bytes + 1024);
    made.output = guarded_new(size_bytes + 1024);
    return made;
}

static void sample_free(sample *made)
{
    guarded_free(&made->input);
    guarded_free(&made->output);
    tsri_output_clear(&made->encoded);
    free(made->bytes);
    codec_fixture_close(&made->fixture);
}

static decoding sample_decode(sample *made, const void *bytes, size_t size_bytes,
                              size_t capacity_bytes)
{
    return decode(&made->fixture, &made->input, &made->output, bytes, size_bytes, capacity_bytes,
                  WHOLE);
}

/* ---- the tests ---- */

void codec_test_round_trip(void **state)
{
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (data_kind kind = 0; kind < DATA_KINDS; kind++) {
            sample made = sample_new(*state, kind, lengths[i]);
            size_t size_bytes = made.size_bytes;
            decoding exact =
                sample_decode(&made, made.encoded.data, made.encoded.size_bytes, size_bytes);
            expect_data(&exact, made.bytes, size_bytes);
            decoding roomy =
                sample_decode(&made, made.encoded.data, made.encoded.size_bytes, size_bytes + 1000);
            expect_data(&roomy, made.bytes, size_bytes);
            if (made.fixture.ops->unwrap)
                expect_unwrapped(&made.fixture, &made.encoded, made.bytes, size_bytes);
            sample_free(&made);
        }
    }
}

void codec_test_capacity(void **state)
{
    for (size_t i = 1; i < sizeof lengths / sizeof *lengths; i += 3) {
        for (data_kind kind = 0; kind < DATA_KINDS; kind++) {
            sample made = sample_new(*state, kind, lengths[i]);
            const size_t rooms[] = {made.size_bytes - 1, made.size_bytes / 2, 0};
            for (int j = 0; j < 3 && made.size_bytes; j++) {
                decoding result =
                    sample_decode(&made, made.encoded.data, made.encoded.size_bytes, rooms[j]);
                assert_int_equal(result.status, TSR_DAMAGED);
            }
            sample_free(&made);
        }
    }
}

/* Any prefix is a prefix of the whole, at least as long as was wanted. */
static void check_prefixes(sample *made)
{
    uint64_t random = 1;
    size_t size_bytes = made->size_bytes;
    const size_t some[] = {0, 1, size_bytes / 4, size_bytes / 2, size_bytes / 4 * 3, size_bytes};

    for (int i = 0; i < 12; i++) {
        size_t wanted = i < 6 ? some[i] : codec_random(&random) % (size_bytes + 1);
        wanted = wanted < size_bytes ? wanted : size_bytes;
        size_t capacity = size_bytes + (i % 2 ? 777 : 0);
        decoding part = decode(&made->fixture, &made->input, &made->output, made->encoded.data,
                               made->encoded.size_bytes, capacity, wanted);
        if (part.status < 0)
            fail_msg("the first %zu of %zu bytes: %s", wanted, size_bytes, part.err.message);
        assert_true(part.size_bytes >= wanted && part.size_bytes <= size_bytes);
        assert_memory_equal(part.bytes, made->bytes, part.size_bytes);
    }
    /* What follows a prefix starts afresh. */
    decoding whole = sample_decode(made, made->encoded.data, made->encoded.size_bytes, size_bytes);
    expect_data(&whole, made->bytes, size_bytes);
}

void codec_test_prefix(void **state)
{
    const codec_case *row = *state;
    codec_fixture fixture = codec_fixture_open(row);
    bool applies = fixture.ops->decode_prefix != NULL;
    codec_fixture_close(&fixture);
    if (!applies)
        return;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i += row->slow ? 5 : 2) {
        for (data_kind kind = 0; kind < DATA_KINDS; kind++) {
            sample made = sample_new(row, kind, lengths[i]);
            check_prefixes(&made);
            sample_free(&made);
        }
    }
    if (row->slow)
        return;
    sample large = sample_new(*state, DATA_SMOOTH, (size_t)1 << 20);
    check_prefixes(&large);
    sample_free(&large);
}

void codec_test_prefix_of_cut(void **state)
{
    uint64_t random = 7;
    sample made = sample_new(*state, DATA_NOISE, (size_t)1 << 20);
    size_t whole = made.encoded.size_bytes;

    for (int i = 0; i < 40; i++) {
        size_t kept = i == 0 ? whole - 1 : codec_random(&random) % whole;
        decoding part = decode(&made.fixture, &made.input, &made.output, made.encoded.data, kept,
                               made.size_bytes, 100);
        if (part.status != TSR_DAMAGED)
            fail_msg("%zu of %zu bytes: status %d", kept, whole, part.status);
    }
    sample_free(&made);
}

/* ---- pieces ---- */

typedef struct collector {
    char *bytes;       /* of all decoded bytes; what is taken is laid here */
    size_t room, next; /* bytes before `next` came, or are before the first piece */
    size_t piece_count;
    int fail_at; /* the piece whose taker fails; -1: none does */
    bool begun;
} collector;

static int collect(void *user, size_t offset_bytes, const void *piece, size_t size_bytes,
                   tsr_error *err)
{
    collector *self = user;

    if (!self->begun)
        self->next = offset_bytes;
    self->begun = true;
    assert_int_equal(offset_bytes, self->next);
    assert_true(size_bytes > 0 && size_bytes <= self->room - offset_bytes);
    if ((int)self->piece_count++ == self->fail_at)
        return tsr_error_set(err, TSR_CANCELLED, "the taker of pieces wants no more");
    memcpy(self->bytes + offset_bytes, piece, size_bytes);
    self->next = offset_bytes + size_bytes;
    return 0;
}

/* Decodes in pieces; the input lies in guarded memory. */
static decoding decode_pieces(sample *made, const char *bytes, size_t size_bytes,
                              size_t capacity_bytes, size_t first_bytes, size_t end_bytes,
                              collector *into)
{
    const tsr_codec_pieces pieces = {first_bytes, end_bytes, collect, into};
    decoding result = {.size_bytes = UNTOUCHED};
    const char *from = guarded_place(&made->input, bytes, size_bytes);

    *into = (collector){.bytes = into->bytes, .room = capacity_bytes, .fail_at = into->fail_at};
    result.status = made->fixture.ops->decode_pieces(made->fixture.codec, made->fixture.scratch,
                                                     from, size_bytes, capacity_bytes, &pieces,
                                                     &result.size_bytes, &result.err);
    if (result.status < 0) {
        assert_int_equal(result.err.status, result.status);
        assert_int_equal(result.size_bytes, UNTOUCHED);
    } else {
        assert_true(result.size_bytes <= capacity_bytes);
    }
    return result;
}

static void check_range(sample *made, char *room, size_t first_bytes, size_t end_bytes)
{
    collector into = {.bytes = room, .fail_at = -1};

    memset(room, 0x5a, made->size_bytes);
    decoding done = decode_pieces(made, made->encoded.data, made->encoded.size_bytes,
                                  made->size_bytes, first_bytes, end_bytes, &into);
    if (done.status < 0)
        fail_msg("bytes %zu..%zu of %zu: %s", first_bytes, end_bytes, made->size_bytes,
                 done.err.message);
    assert_int_equal(done.size_bytes, made->size_bytes);
    assert_true(first_bytes >= end_bytes || into.next >= end_bytes);
    if (first_bytes < end_bytes)
        assert_memory_equal(room + first_bytes, made->bytes + first_bytes, end_bytes - first_bytes);
}

static void check_pieces(sample *made)
{
    uint64_t random = 3;
    size_t size_bytes = made->size_bytes;
    char *room = malloc(size_bytes + 1);

    assert_non_null(room);
    check_range(made, room, 0, size_bytes);
    for (int i = 0; i < 12 && size_bytes > 0; i++) {
        size_t first = codec_random(&random) % size_bytes;
        check_range(made, room, first, first + codec_random(&random) % (size_bytes - first) + 1);
    }
    collector into = {.bytes = room, .fail_at = 0};
    decoding ended = decode_pieces(made, made->encoded.data, made->encoded.size_bytes, size_bytes,
                                   0, size_bytes, &into);
    assert_int_equal(ended.status, size_bytes > 0 ? TSR_CANCELLED : 0);
    free(room);
}

void codec_test_pieces(void **state)
{
    const codec_case *row = *state;
    codec_fixture fixture = codec_fixture_open(row);
    bool applies = fixture.ops->decode_pieces != NULL;
    codec_fixture_close(&fixture);
    if (!applies)
        return;
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i += row->slow ? 5 : 2) {
        for (data_kind kind = 0; kind < DATA_KINDS; kind++) {
            sample made = sample_new(row, kind, lengths[i]);
            check_pieces(&made);
            sample_free(&made);
        }
    }
    sample large = sample_new(row, DATA_SMOOTH, (size_t)1 << 20);
    check_pieces(&large);
    sample_free(&large);
}

/* Damaged input: it may be noticed, or decode to other data of any permitted size, and nothing
 * else. */
static void decode_damaged(sample *made, const char *bytes, size_t size_bytes, uint64_t random)
{
    const tsr_codec_ops *ops = made->fixture.ops;
    size_t capacity = made->size_bytes + (random % 3 == 0 ? 100 : 0);
    tsr_error err = TSR_ERROR_INIT;
    size_t offset, found_bytes;

    decoding whole = sample_decode(made, bytes, size_bytes, capacity);
    assert_true(whole.status == 0 || whole.status == TSR_DAMAGED ||
                whole.status == TSR_UNSUPPORTED);
    if (ops->decode_prefix) {
        decoding part = decode(&made->fixture, &made->input, &made->output, bytes, size_bytes,
                               capacity, random / 3 % (made->size_bytes + 1));
        assert_true(part.status == 0 || part.status == TSR_DAMAGED ||
                    part.status == TSR_UNSUPPORTED);
    }
    if (ops->decode_pieces) {
        collector into = {.bytes = malloc(capacity + 1), .fail_at = -1};
        size_t first = made->size_bytes ? random / 5 % made->size_bytes : 0;
        assert_non_null(into.bytes);
        decoding part =
            decode_pieces(made, bytes, size_bytes, capacity, first, made->size_bytes, &into);
        assert_true(part.status == 0 || part.status == TSR_DAMAGED ||
                    part.status == TSR_UNSUPPORTED);
        free(into.bytes);
    }
    if (ops->unwrap) {
        const char *from = guarded_place(&made->input, bytes, size_bytes);
        int status =
            ops->unwrap(made->fixture.codec, from, size_bytes, &offset, &found_bytes, &err);
        assert_int_equal(status, whole.status == 0 ? 0 : TSR_DAMAGED);
    }
}

void codec_test_truncated(void **state)
{
    static const size_t sizes[] = {1, 100, 3000, LONGEST};
    const codec_case *row = *state;
    size_t lengths_tried = row->slow ? 30 : 150, each_near_ends = row->slow ? 10 : 50;

    for (int i = 0; i < 4 * DATA_KINDS; i++) {
        sample made = sample_new(row, (data_kind)(i % DATA_KINDS), sizes[i / DATA_KINDS]);
        size_t all = made.encoded.size_bytes;
        size_t step = all > 4 * lengths_tried ? all / lengths_tried : 1;
        for (size_t kept = 0; kept < all;
             kept += kept < each_near_ends || all - kept < each_near_ends ? 1 : step) {
            decoding part = sample_decode(&made, made.encoded.data, kept, made.size_bytes);
            /* A codec without any framing cannot notice, but it cannot give the whole either. */
            assert_true(part.status == TSR_DAMAGED ||
                        (part.status == 0 && part.size_bytes < made.size_bytes));
            decode_damaged(&made, made.encoded.data, kept, kept);
        }
        decoding whole = sample_decode(&made, made.encoded.data, all, made.size_bytes);
        expect_data(&whole, made.bytes, made.size_bytes);
        sample_free(&made);
    }
}

static void check_flips(sample *made, uint64_t *random)
{
    size_t bits = made->encoded.size_bytes * 8;
    char *bytes = malloc(made->encoded.size_bytes + 1);
    int rounds = bits < 1000 ? (int)bits : 150;

    for (int round = 0; round < rounds; round++) {
        size_t bit = bits < 1000 ? (size_t)round : codec_random(random) % bits;
        memcpy(bytes, made->encoded.data, made->encoded.size_bytes);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        decode_damaged(made, bytes, made->encoded.size_bytes, codec_random(random));
        /* And more damage: the first bytes, which say how large things are, most of all. */
        for (int more = 0; more < 3; more++)
            bytes[codec_random(random) % (more ? bits / 8 : TSRI_MIN(bits / 8, 24))] =
                (char)codec_random(random);
        decode_damaged(made, bytes, made->encoded.size_bytes, codec_random(random));
    }
    free(bytes);
}

static void check_garbage(sample *made, uint64_t *random)
{
    char bytes[512];

    for (int round = 0; round < 100; round++) {
        codec_data_fill(DATA_NOISE, bytes, sizeof bytes);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] ^= (char)codec_random(random);
        decode_damaged(made, bytes, codec_random(random) % sizeof bytes, codec_random(random));
    }
}

void codec_test_flipped(void **state)
{
    static const size_t sizes[] = {40, 1000, 140001};
    const codec_case *row = *state;
    uint64_t random = 7;

    for (int i = 0; i < (row->slow ? 2 : 3) * DATA_KINDS; i++) {
        sample made = sample_new(row, (data_kind)(i % DATA_KINDS), sizes[i / DATA_KINDS]);
        check_flips(&made, &random);
        check_garbage(&made, &random);
        /* The state that failures leave behind is good for the next chunk. */
        decoding whole =
            sample_decode(&made, made.encoded.data, made.encoded.size_bytes, made.size_bytes);
        expect_data(&whole, made.bytes, made.size_bytes);
        sample_free(&made);
    }
}

tsr_output codec_describe(const codec_fixture *fixture, int zarr_format)
{
    tsr_output output = {.max_bytes = 4096};
    tsr_error err = TSR_ERROR_INIT;

    if (fixture->ops->describe(fixture->codec, zarr_format, &output, &err) < 0)
        fail_msg("describe: %s", err.message);
    assert_return_code(tsr_output_append(&output, "", 1, &err), 0);
    return output;
}

static void expect_same_encoding(const codec_fixture *a, const codec_fixture *b)
{
    char bytes[5000];
    tsr_output first, second;

    codec_data_fill(DATA_SMOOTH, bytes, sizeof bytes);
    codec_encode(a, bytes, sizeof bytes, &first);
    codec_encode(b, bytes, sizeof bytes, &second);
    assert_int_equal(first.size_bytes, second.size_bytes);
    assert_memory_equal(first.data, second.data, first.size_bytes);
    tsri_output_clear(&first);
    tsri_output_clear(&second);
}

/* What describe says opens the same codec, in each format that knows it. */
void codec_test_describe(void **state)
{
    const codec_case *row = *state;
    codec_fixture fixture = codec_fixture_open(row);

    for (int format = 2; format <= 3; format++) {
        const char *name = format == 2 ? fixture.ops->v2_id : fixture.ops->name;
        if (!name)
            continue;
        tsr_output text = codec_describe(&fixture, format);
        codec_case again = *row;
        again.zarr_format = format;
        again.name = name;
        again.configuration = text.data;
        codec_fixture reopened = codec_fixture_open(&again);
        tsr_output repeated = codec_describe(&reopened, format);
        assert_string_equal(repeated.data, text.data);
        if (fixture.ops->kind == TSR_CODEC_BYTES_TO_BYTES)
            expect_same_encoding(&fixture, &reopened);
        tsri_output_clear(&repeated);
        codec_fixture_close(&reopened);
        tsri_output_clear(&text);
    }
    codec_fixture_close(&fixture);
}

typedef struct thread_task {
    const sample *made;
    pthread_t thread;
    int status;
} thread_task;

/* Asserts must stay on the main thread, so this says how it went. */
static int encode_and_decode(const sample *made, tsr_codec_scratch *scratch, char *decoded)
{
    const codec_fixture *fixture = &made->fixture;
    tsr_output encoded = {.max_bytes = SIZE_MAX / 2};
    size_t decoded_bytes = 0;
    int status = fixture->ops->encode_bytes(fixture->codec, scratch, made->bytes, made->size_bytes,
                                            &encoded, NULL);

    if (status == 0)
        status =
            fixture->ops->decode_bytes(fixture->codec, scratch, encoded.data, encoded.size_bytes,
                                       decoded, made->size_bytes, &decoded_bytes, NULL);
    if (status == 0 &&
        (decoded_bytes != made->size_bytes || memcmp(decoded, made->bytes, decoded_bytes) != 0 ||
         encoded.size_bytes != made->encoded.size_bytes ||
         memcmp(encoded.data, made->encoded.data, encoded.size_bytes) != 0))
        status = TSR_DAMAGED;
    tsri_output_clear(&encoded);
    return status;
}

static void *run_thread(void *user)
{
    thread_task *task = user;
    tsr_codec_scratch *scratch = NULL;
    char *decoded = malloc(task->made->size_bytes);

    task->status = tsr_codec_scratch_new(&scratch, NULL);
    for (int round = 0; round < 5 && task->status == 0; round++)
        task->status = encode_and_decode(task->made, scratch, decoded);
    tsr_codec_scratch_free(scratch);
    free(decoded);
    return NULL;
}

void codec_test_threads(void **state)
{
    sample made = sample_new(*state, DATA_SMOOTH, LONGEST);
    thread_task tasks[4];

    for (int i = 0; i < 4; i++) {
        tasks[i] = (thread_task){.made = &made};
        assert_int_equal(pthread_create(&tasks[i].thread, NULL, run_thread, &tasks[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(tasks[i].thread, NULL);
    for (int i = 0; i < 4; i++)
        assert_return_code(tasks[i].status, 0);
    sample_free(&made);
}
