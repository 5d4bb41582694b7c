#include "conformance/codec_golden.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_COUNT 1500
#define LARGE_COUNT 70000

static char *numbers(size_t count, size_t *ret_size_bytes)
{
    unsigned char *bytes = malloc(2 * count);

    for (size_t i = 0; i < count; i++) {
        unsigned value = (unsigned)(7 * i + i / 64) % 1024;
        bytes[2 * i] = (unsigned char)value;
        bytes[2 * i + 1] = (unsigned char)(value >> 8);
    }
    *ret_size_bytes = 2 * count;
    return (char *)bytes;
}

char *golden_data(const char *name, size_t *ret_size_bytes)
{
    const char *extension = strrchr(name, '.');

    assert_non_null(extension);
    if (strcmp(extension, ".hello") == 0) {
        *ret_size_bytes = strlen("hello world!");
        return strdup("hello world!");
    }
    return numbers(strcmp(extension, ".small") == 0 ? SMALL_COUNT : LARGE_COUNT, ret_size_bytes);
}

char *golden_read(const char *name, size_t *ret_size_bytes)
{
    char path[512];
    size_t room = (size_t)1 << 20;
    char *bytes = malloc(room);

    snprintf(path, sizeof path, "%s/codec/%s", TESSERA_TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s cannot be opened", path);
    *ret_size_bytes = fread(bytes, 1, room, file);
    assert_true(*ret_size_bytes < room && !ferror(file));
    fclose(file);
    return bytes;
}

void codec_expect_decoded(const codec_fixture *fixture, const void *bytes, size_t size_bytes,
                          const char *expected, size_t expected_bytes)
{
    tsr_error err = TSR_ERROR_INIT;
    size_t decoded_bytes = SIZE_MAX;
    char *decoded = malloc(expected_bytes + 1);

    if (fixture->ops->decode_bytes(fixture->codec, fixture->scratch, bytes, size_bytes, decoded,
                                   expected_bytes, &decoded_bytes, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(decoded_bytes, expected_bytes);
    assert_memory_equal(decoded, expected, expected_bytes);
    free(decoded);
}

void codec_expect_damaged(const codec_fixture *fixture, const void *bytes, size_t size_bytes,
                          size_t capacity_bytes, const char *text)
{
    tsr_error err = TSR_ERROR_INIT;
    size_t decoded_bytes = SIZE_MAX;
    char *decoded = malloc(capacity_bytes + 1);
    int status = fixture->ops->decode_bytes(fixture->codec, fixture->scratch, bytes, size_bytes,
                                            decoded, capacity_bytes, &decoded_bytes, &err);

    free(decoded);
    if (status != TSR_DAMAGED || !strstr(err.message, text))
        fail_msg("status %s, \"%s\"; expected DAMAGED with \"%s\"", tsr_status_name(status),
                 err.message, text);
    assert_int_equal(decoded_bytes, SIZE_MAX);
}

static void expect_prefix(const codec_fixture *fixture, const char *bytes, size_t size_bytes,
                          const char *expected, size_t expected_bytes, size_t wanted_bytes)
{
    tsr_error err = TSR_ERROR_INIT;
    size_t decoded_bytes = 0;
    char *decoded = malloc(expected_bytes + 1);

    if (fixture->ops->decode_prefix(fixture->codec, fixture->scratch, bytes, size_bytes, decoded,
                                    expected_bytes, wanted_bytes, &decoded_bytes, &err) < 0)
        fail_msg("the first %zu bytes: %s", wanted_bytes, err.message);
    assert_in_range(decoded_bytes, wanted_bytes, expected_bytes);
    assert_memory_equal(decoded, expected, decoded_bytes);
    free(decoded);
}

typedef struct golden_pieces {
    const char *expected;
    size_t next, end; /* bytes before `next` came; all there are */
} golden_pieces;

static int take_expected(void *user, size_t offset_bytes, const void *piece, size_t size_bytes,
                         tsr_error *err)
{
    golden_pieces *self = user;

    (void)err;
    assert_int_equal(offset_bytes, self->next);
    assert_in_range(size_bytes, 1, self->end - offset_bytes);
    assert_memory_equal(piece, self->expected + offset_bytes, size_bytes);
    self->next += size_bytes;
    return 0;
}

/* The bytes up to `wanted_bytes`, in pieces. */
static void expect_pieces(const codec_fixture *fixture, const char *bytes, size_t size_bytes,
                          const char *expected, size_t expected_bytes, size_t wanted_bytes)
{
    golden_pieces taken = {expected, 0, expected_bytes};
    const tsr_codec_pieces pieces = {0, wanted_bytes, take_expected, &taken};
    tsr_error err = TSR_ERROR_INIT;
    size_t decoded_bytes = 0;

    if (fixture->ops->decode_pieces(fixture->codec, fixture->scratch, bytes, size_bytes,
                                    expected_bytes, &pieces, &decoded_bytes, &err) < 0)
        fail_msg("the first %zu bytes in pieces: %s", wanted_bytes, err.message);
    assert_int_equal(decoded_bytes, expected_bytes);
    assert_in_range(taken.next, wanted_bytes, expected_bytes);
}

void golden_expect(const codec_fixture *fixture, const char *name)
{
    size_t size_bytes, expected_bytes;
    char *bytes = golden_read(name, &size_bytes);
    char *expected = golden_data(name, &expected_bytes);

    codec_expect_decoded(fixture, bytes, size_bytes, expected, expected_bytes);
    for (size_t eighth = 0; eighth <= 8 && fixture->ops->decode_prefix; eighth++)
        expect_prefix(fixture, bytes, size_bytes, expected, expected_bytes,
                      expected_bytes * eighth / 8);
    for (size_t eighth = 0; eighth <= 8 && fixture->ops->decode_pieces; eighth++)
        expect_pieces(fixture, bytes, size_bytes, expected, expected_bytes,
                      expected_bytes * eighth / 8);
    free(bytes);
    free(expected);
}
