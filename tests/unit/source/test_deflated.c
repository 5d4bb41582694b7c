/* Any bytes of a deflate stream: in any order, over access points that thin out, and from streams
 * that are cut off, changed or end early. zlib's own compressor makes them. */
#include "source_testing.h"

#include <zlib.h>

#include "source/deflated.h"

#define PLAIN_BYTES ((size_t)5 << 20)

typedef struct sample {
    fixture f;
    tsri_input input;
    tsri_deflated_extent extent;
    tsri_deflated *stream;
} sample;

/* Bytes that deflate to about a half, and are different everywhere. */
static unsigned char *plain_new(size_t size_bytes)
{
    unsigned char *plain = malloc(size_bytes);
    uint32_t state = 1;
    for (size_t i = 0; i < size_bytes; i++) {
        state = state * 1664525 + 1013904223;
        plain[i] = state >> 28;
    }
    return plain;
}

static size_t deflate_all(const unsigned char *plain, size_t size_bytes, unsigned char *encoded,
                          size_t room_bytes, int flush)
{
    z_stream zlib = {0};
    assert_int_equal(deflateInit2(&zlib, flush == Z_FINISH ? 6 : 1, Z_DEFLATED, -MAX_WBITS, 8,
                                  Z_DEFAULT_STRATEGY),
                     Z_OK);
    zlib.next_in = (unsigned char *)plain;
    zlib.avail_in = (unsigned)size_bytes;
    zlib.next_out = encoded;
    zlib.avail_out = (unsigned)room_bytes;
    assert_true(deflate(&zlib, flush) >= Z_OK);
    assert_true(zlib.avail_in == 0 && zlib.avail_out > 0);
    size_t encoded_bytes = room_bytes - zlib.avail_out;
    deflateEnd(&zlib);
    return encoded_bytes;
}

/* The stream lies 7 bytes behind the beginning of the file. */
static void sample_open(sample *s, const unsigned char *encoded, size_t encoded_bytes,
                        uint64_t decoded_bytes, uint32_t crc)
{
    char *file = malloc(encoded_bytes + 7);
    fixture_open(&s->f, "stream");
    memcpy(file + 7, encoded, encoded_bytes);
    memset(file, 'x', 7);
    temporary_file_write(s->f.path, file, encoded_bytes + 7);
    free(file);
    s->extent = (tsri_deflated_extent){7, encoded_bytes, decoded_bytes, crc};
    assert_int_equal(tsri_input_open(s->f.context, s->f.path, &s->input, &s->f.err), 0);
    assert_int_equal(tsri_deflated_new(&s->input, &s->extent, &s->stream, &s->f.err), 0);
}

static void sample_of(sample *s, const unsigned char *plain, size_t size_bytes)
{
    size_t room_bytes = size_bytes + 4096;
    unsigned char *encoded = malloc(room_bytes);
    size_t encoded_bytes = deflate_all(plain, size_bytes, encoded, room_bytes, Z_FINISH);
    sample_open(s, encoded, encoded_bytes, size_bytes, (uint32_t)crc32_z(0, plain, size_bytes));
    free(encoded);
}

static void sample_close(sample *s)
{
    tsri_deflated_free(s->stream);
    tsri_input_close(&s->input);
    fixture_close(&s->f);
}

static void expect(sample *s, const unsigned char *plain, uint64_t start, size_t size_bytes)
{
    unsigned char *read = malloc(size_bytes + 1);
    size_t got = 0;
    if (tsri_deflated_read(s->stream, start, read, size_bytes, &got, NULL, &s->f.err) < 0)
        fail_msg("%s", s->f.err.message);
    assert_int_equal(got, size_bytes);
    assert_memory_equal(read, plain + start, size_bytes);
    free(read);
}

static void expect_refused(sample *s, uint64_t start, size_t size_bytes, const char *words)
{
    unsigned char *read = malloc(size_bytes);
    size_t got = 0;
    tsr_error_clear(&s->f.err);
    int status = tsri_deflated_read(s->stream, start, read, size_bytes, &got, NULL, &s->f.err);
    if (status != TSR_DAMAGED || !strstr(s->f.err.message, words))
        fail_msg("status %d, \"%s\"", status, s->f.err.message);
    assert_non_null(strstr(s->f.err.where, s->f.path));
    free(read);
}

static void test_any_order(void **state)
{
    unsigned char *plain = plain_new(PLAIN_BYTES);
    unsigned char read[8];
    size_t got;
    uint32_t place = 7;
    sample s;

    (void)state;
    sample_of(&s, plain, PLAIN_BYTES);
    expect(&s, plain, PLAIN_BYTES / 2, 100);
    expect(&s, plain, 0, 1);
    expect(&s, plain, 0, PLAIN_BYTES);
    for (int i = 0; i < 60; i++) {
        place = place * 1664525 + 1013904223;
        size_t size_bytes = 1 + place % 70000;
        expect(&s, plain, (place >> 8) % (PLAIN_BYTES - size_bytes), size_bytes);
    }
    /* The end, and what lies beyond it. */
    expect(&s, plain, PLAIN_BYTES - 3, 3);
    assert_int_equal(tsri_deflated_read(s.stream, PLAIN_BYTES - 3, read, 8, &got, NULL, &s.f.err),
                     0);
    assert_int_equal(got, 3);
    assert_int_equal(tsri_deflated_read(s.stream, UINT64_MAX, read, 8, &got, NULL, &s.f.err), 0);
    assert_int_equal(got, 0);
    sample_close(&s);
    free(plain);
}

/* 320 MiB, so that points are dropped, in a stream of few bytes: one piece that ends at a byte and
 * refers to nothing before it, many times. Each MiB begins with its number. */
static void test_long(void **state)
{
    enum { PIECES = 320 };
    const size_t piece_bytes = (size_t)1 << 20;
    unsigned char *piece = calloc(1, piece_bytes), *encoded;
    size_t room_bytes = 16384, used = 0;
    uint32_t crc = 0;
    sample s;

    (void)state;
    encoded = malloc(PIECES * room_bytes);
    for (unsigned i = 0; i < PIECES; i++) {
        memcpy(piece, &i, 4);
        crc = (uint32_t)crc32_z(crc, piece, piece_bytes);
        used += deflate_all(piece, piece_bytes, encoded + used, room_bytes,
                            i + 1 == PIECES ? Z_FINISH : Z_FULL_FLUSH);
    }
    sample_open(&s, encoded, used, PIECES * piece_bytes, crc);
    for (unsigned k = 0; k < 40; k++) {
        unsigned char read[6];
        unsigned i = k < 2 ? (PIECES - 1) * !k : k * 97 % PIECES;
        size_t got;
        assert_int_equal(
            tsri_deflated_read(s.stream, i * piece_bytes - (i > 0), read, 6, &got, NULL, &s.f.err),
            0);
        assert_memory_equal(read + (i > 0), &i, 4);
    }
    sample_close(&s);
    free(encoded);
    free(piece);
}

static void test_cut_off(void **state)
{
    unsigned char *plain = plain_new(100000);
    sample s;

    (void)state;
    sample_of(&s, plain, 100000);
    fixture_cut(&s.f, (size_t)s.extent.encoded_bytes / 2);
    expect(&s, plain, 0, 100);
    expect_refused(&s, 90000, 100, "the file ends inside a deflate stream");
    expect(&s, plain, 0, 100); /* what there is stays readable */
    sample_close(&s);
    free(plain);
}

/* An archive may tell of more bytes than a stream decodes to, of fewer encoded ones than it has, or
 * of another checksum. */
static void test_lies(void **state)
{
    unsigned char *plain = plain_new(100000), *encoded = malloc(200000);
    size_t encoded_bytes = deflate_all(plain, 100000, encoded, 200000, Z_FINISH);
    uint32_t crc = (uint32_t)crc32_z(0, plain, 100000);
    sample s;

    (void)state;
    sample_open(&s, encoded, encoded_bytes, UINT64_C(1) << 60, crc);
    expect(&s, plain, 0, 100000);
    expect_refused(&s, 100000, 1, "a deflate stream that ends after 100000 of");
    expect_refused(&s, UINT64_C(1) << 59, 1, "a deflate stream that ends after 100000 of");
    sample_close(&s);

    sample_open(&s, encoded, encoded_bytes / 2, 100000, crc);
    expect_refused(&s, 99999, 1, "a deflate stream that ends");
    sample_close(&s);

    sample_open(&s, encoded, encoded_bytes, 100000, crc + 1);
    expect(&s, plain, 0, 99999);
    expect_refused(&s, 99999, 1, "a wrong checksum");
    expect_refused(&s, 0, 100000, "a wrong checksum");
    sample_close(&s);

    encoded[encoded_bytes / 2] ^= 0x55;
    encoded[encoded_bytes / 2 + 1] ^= 0x55;
    sample_open(&s, encoded, encoded_bytes, 100000, crc);
    expect(&s, plain, 0, 100);
    expect_refused(&s, 0, 100000, "");
    sample_close(&s);
    memset(encoded, 0xff, 100);
    sample_open(&s, encoded, encoded_bytes, 100000, crc);
    expect_refused(&s, 0, 1, "a damaged deflate stream after 0 of 100000 decoded bytes");
    sample_close(&s);
    free(encoded);
    free(plain);
}

static void test_cancelled(void **state)
{
    unsigned char *plain = plain_new(1000), read[10];
    int cancel = 1;
    const tsr_call call = {.cancel = &cancel};
    size_t got;
    sample s;

    (void)state;
    sample_of(&s, plain, 1000);
    assert_int_equal(tsri_deflated_read(s.stream, 900, read, 10, &got, &call, &s.f.err),
                     TSR_CANCELLED);
    expect(&s, plain, 900, 10);
    sample_close(&s);
    free(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order), cmocka_unit_test(test_long),
        cmocka_unit_test(test_cut_off),   cmocka_unit_test(test_lies),
        cmocka_unit_test(test_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
