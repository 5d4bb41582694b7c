/* What every codec promises, as tests. A codec is tested by a row that says how to open it:
 *
 *     static codec_case cases[] = {{.label = "level 3", .name = "zstd", .configuration =
 * "{\"level\":3}"}}; const struct CMUnitTest tests[] = {CODEC_SUITE_TESTS(&cases[0])};
 *
 * Round trips over sizes and kinds of data; encoded sizes against the bound; output that is one
 * byte too small; input cut off at every length, with flipped bits, with garbage; prefixes;
 * describe and open again; many threads. Input and output lie in guarded memory, so that one byte
 * too far is noticed wherever it happens.
 *
 * The codec must give back what it was given: rounding ones need tests of their own. */
#ifndef CODEC_SUITE_H
#define CODEC_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <tessera/sys/codec.h>

typedef struct codec_case {
    const char *label;
    const tsr_codec_ops *ops;  /* registered first; NULL: the codec is built in */
    int zarr_format;           /* 0: 3 */
    const char *name;          /* by which it is looked up: name or alias, or v2 id */
    const char *configuration; /* NULL: {} */
    const tsr_dtype *dtype;    /* NULL: uint8 */
    int rank;
    const void *fill_value; /* one element; NULL: zeros */
    bool slow;              /* a few MB/s: fewer samples, and smaller ones */
    size_t unit_bytes;      /* the encoder takes multiples of this alone; 0: any size */
} codec_case;

/* A codec that is open, with all that it needs; also for tests of one codec alone. */
typedef struct codec_fixture {
    tsr_context *context;
    tsr_codec_scratch *scratch;
    const tsr_codec_ops *ops;
    void *codec;
    tsr_codec_type input, output;
} codec_fixture;

/* Opens; fails the running test when that fails. */
codec_fixture codec_fixture_open(const codec_case *row);
void codec_fixture_close(codec_fixture *fixture);

/* Opens and expects a failure with this status and with this text in its message. */
void codec_expect_refusal(const codec_case *row, int status, const char *text);

/* Looks up a codec and opens it. Returns the status. `*ret_codec` is to be closed by ops->close. */
int codec_try_open(tsr_context *context, const codec_case *row, const tsr_codec_ops **ret_ops,
                   void **ret_codec, tsr_error *err);

/* Encodes into `output`, which is ended by tsri_output_clear; fails the running test when that
 * fails. */
void codec_encode(const codec_fixture *fixture, const void *bytes, size_t size_bytes,
                  tsr_output *output);

/* The configuration that the codec says it has, with its final 0; ended by tsri_output_clear. */
tsr_output codec_describe(const codec_fixture *fixture, int zarr_format);

/* Deterministic test data. */
typedef enum data_kind { DATA_ZEROS, DATA_EQUAL, DATA_SMOOTH, DATA_NOISE, DATA_KINDS } data_kind;
void codec_data_fill(data_kind kind, void *bytes, size_t size_bytes);
uint64_t codec_random(uint64_t *state);

/* The tests of bytes-to-bytes codecs; the prestate is a codec_case. */
void codec_test_round_trip(void **state);
void codec_test_capacity(void **state);
void codec_test_prefix(void **state);
/* Of codecs whose format tells its size: what was cut off is damage for a prefix too. Not part of
 * CODEC_SUITE_TESTS. */
void codec_test_prefix_of_cut(void **state);
void codec_test_pieces(void **state);
void codec_test_truncated(void **state);
void codec_test_flipped(void **state);
void codec_test_describe(void **state);
void codec_test_threads(void **state);

/* The tests of codecs that take arrays. */
void codec_test_array_round_trip(void **state);
void codec_test_array_sizes(void **state);

#define CODEC_SUITE_TEST(test, row)            \
    {                                          \
#test, test, NULL, NULL, (void *)(row) \
    }
#define CODEC_SUITE_TESTS(row)                                                                  \
    CODEC_SUITE_TEST(codec_test_round_trip, row), CODEC_SUITE_TEST(codec_test_capacity, row),   \
        CODEC_SUITE_TEST(codec_test_prefix, row), CODEC_SUITE_TEST(codec_test_pieces, row),     \
        CODEC_SUITE_TEST(codec_test_truncated, row), CODEC_SUITE_TEST(codec_test_flipped, row), \
        CODEC_SUITE_TEST(codec_test_describe, row), CODEC_SUITE_TEST(codec_test_threads, row)
#define CODEC_SUITE_ARRAY_TESTS(row)                    \
    CODEC_SUITE_TEST(codec_test_array_round_trip, row), \
        CODEC_SUITE_TEST(codec_test_array_sizes, row), CODEC_SUITE_TEST(codec_test_describe, row)

#endif
