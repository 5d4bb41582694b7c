/* Proves of "tessera.hashed" what every encoding promises, its keys against CRC-32C computed bit by
 * bit, and that it spreads a grid evenly. */
#include "conformance/key_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "support/hand_made.h"

static const key_case cases[] = {
    {.name = "tessera.hashed"},
    {.name = "tessera.hashed", .configuration = "{\"levels\":2}"},
    {.name = "tessera.hashed", .configuration = "{\"levels\":4}"},
};

static uint32_t crc_of(const char *text)
{
    return hand_made_crc32c((const unsigned char *)text, strlen(text));
}

static void folders_are_digits_of_the_checksum(void **state)
{
    (void)state;
    static const int64_t index[3] = {1, 23, 45};
    char text[64], wanted[64];
    uint32_t crc = crc_of("1.23.45");
    key_of(&cases[0], 3, index, text, sizeof text);
    snprintf(wanted, sizeof wanted, "c/%02x/1.23.45", crc >> 24);
    assert_string_equal(text, wanted);
    key_of(&cases[1], 3, index, text, sizeof text);
    snprintf(wanted, sizeof wanted, "c/%02x/%02x/1.23.45", crc >> 24, crc >> 16 & 255);
    assert_string_equal(text, wanted);
    /* RFC 3720's check value: the CRC-32C of 123456789 is e3069283. */
    key_of(&cases[2], 1, (const int64_t[]){123456789}, text, sizeof text);
    assert_string_equal(text, "c/e3/06/92/83/123456789");
    key_of(&cases[0], 0, NULL, text, sizeof text);
    snprintf(wanted, sizeof wanted, "c/%02x/0", crc_of("0") >> 24);
    assert_string_equal(text, wanted);
}

/* 64 x 64 chunks in 256 folders: 16 each on average, none empty, none with four times its share. */
static void chunks_spread_over_the_folders(void **state)
{
    (void)state;
    int counts[256] = {0};
    for (int64_t i = 0; i < 64; i++)
        for (int64_t j = 0; j < 64; j++) {
            char text[64];
            key_of(&cases[0], 2, (const int64_t[]){i, j}, text, sizeof text);
            counts[strtol(text + 2, NULL, 16)]++;
        }
    for (int folder = 0; folder < 256; folder++)
        assert_true(counts[folder] > 0 && counts[folder] < 64);
}

static void other_configurations_are_refused(void **state)
{
    (void)state;
    key_expect_refusal(&(key_case){.name = "tessera.hashed", .configuration = "{\"levels\":0}"}, 2,
                       TSR_BAD_METADATA, "/keys/configuration/levels: 0 is not in 1 .. 4");
    key_expect_refusal(&(key_case){.name = "tessera.hashed", .configuration = "{\"levels\":\"2\"}"},
                       2, TSR_BAD_METADATA, "/keys/configuration/levels");
    key_expect_refusal(&(key_case){.name = "tessera.hashed", .configuration = "{\"seed\":2}"}, 2,
                       TSR_BAD_METADATA, "/keys/configuration/seed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        KEY_SUITE_TESTS(&cases[0]),
        KEY_SUITE_TESTS(&cases[1]),
        KEY_SUITE_TESTS(&cases[2]),
        cmocka_unit_test(folders_are_digits_of_the_checksum),
        cmocka_unit_test(chunks_spread_over_the_folders),
        cmocka_unit_test(other_configurations_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
