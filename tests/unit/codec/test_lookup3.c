/* jenkins_lookup3: the values that lookup3.c prints, files that numcodecs made. */
#include "base/output.h"
#include "conformance/codec_golden.h"

#include <stdlib.h>
#include <string.h>

static codec_case v2 = {.label = "v2", .zarr_format = 2, .name = "jenkins_lookup3"};
static codec_case seeded = {.label = "seed",
                            .name = "numcodecs.jenkins_lookup3",
                            .configuration = "{\"initval\":12345,\"prefix\":null}"};
/* "prefix of 20 bytes.." */
static codec_case prefixed = {.label = "prefix",
                              .zarr_format = 2,
                              .name = "jenkins_lookup3",
                              .configuration =
                                  "{\"initval\":0,\"prefix\":[112,114,101,102,105,120,32,111,102,"
                                  "32,50,48,32,98,121,116,101,115,46,46]}"};

static void test_golden(void **state)
{
    static const struct {
        codec_case *row;
        const char *file;
    } files[] = {{&v2, "lookup3.hello"},
                 {&v2, "lookup3.small"},
                 {&seeded, "lookup3-seed.small"},
                 {&prefixed, "lookup3-prefix.small"}};

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        codec_fixture fixture = codec_fixture_open(files[i].row);
        golden_expect(&fixture, files[i].file);
        codec_fixture_close(&fixture);
    }
}

static void expect_hash(const char *configuration, const char *text, uint32_t expected)
{
    codec_case row = {.name = "numcodecs.jenkins_lookup3", .configuration = configuration};
    codec_fixture fixture = codec_fixture_open(&row);
    size_t size_bytes = strlen(text);
    tsr_output output;

    codec_encode(&fixture, text, size_bytes, &output);
    for (int i = 0; i < 4; i++)
        assert_int_equal((unsigned char)output.data[size_bytes + (size_t)i],
                         expected >> (8 * i) & 0xff);
    tsri_output_clear(&output);
    codec_fixture_close(&fixture);
}

/* driver5() of lookup3.c. */
static void test_published(void **state)
{
    (void)state;
    expect_hash("{}", "", 0xdeadbeef);
    expect_hash("{\"initval\":3735928559}", "", 0xbd5b7dde);
    expect_hash("{}", "Four score and seven years ago", 0x17770551);
    expect_hash("{\"initval\":1}", "Four score and seven years ago", 0xcd628161);
}

/* A prefix is data that is not stored: at every length of both. */
static void test_prefix_is_data(void **state)
{
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEF";

    (void)state;
    for (size_t prefix = 0; prefix < 30; prefix++) {
        char configuration[400] = "{\"prefix\":[";
        for (size_t i = 0; i < prefix; i++)
            snprintf(configuration + strlen(configuration), 8, "%s%d", i ? "," : "", text[i]);
        strcat(configuration, "]}");
        codec_case row = {.name = "numcodecs.jenkins_lookup3", .configuration = configuration};
        codec_fixture whole = codec_fixture_open(&v2), part = codec_fixture_open(&row);
        for (size_t size = prefix; size < sizeof text; size++) {
            tsr_output a, b;
            codec_encode(&whole, text, size, &a);
            codec_encode(&part, text + prefix, size - prefix, &b);
            assert_memory_equal(a.data + size, b.data + size - prefix, 4);
            tsri_output_clear(&a);
            tsri_output_clear(&b);
        }
        codec_fixture_close(&whole);
        codec_fixture_close(&part);
    }
}

static void test_configurations(void **state)
{
    codec_fixture fixture = codec_fixture_open(&prefixed);
    tsr_output text = codec_describe(&fixture, 2);

    (void)state;
    assert_string_equal(text.data, prefixed.configuration);
    tsri_output_clear(&text);
    codec_fixture_close(&fixture);
    codec_case row = {.zarr_format = 2, .name = "jenkins_lookup3"};
    row.configuration = "{\"prefix\":[256]}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/prefix");
    row.configuration = "{\"prefix\":\"text\"}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/prefix");
    row.configuration = "{\"initval\":4294967296}";
    codec_expect_refusal(&row, TSR_BAD_METADATA, "/configuration/initval");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_published),
        cmocka_unit_test(test_prefix_is_data),
        cmocka_unit_test(test_configurations),
        CODEC_SUITE_TESTS(&v2),
        CODEC_SUITE_TEST(codec_test_round_trip, &prefixed),
        CODEC_SUITE_TEST(codec_test_truncated, &prefixed),
        CODEC_SUITE_TEST(codec_test_describe, &prefixed),
        CODEC_SUITE_TEST(codec_test_describe, &seeded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
