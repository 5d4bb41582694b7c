/* arrange: filters of v2 in front of "bytes", in the right byte order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "codec/arrange.h"

static const tsri_codec_spec transpose = {"transpose", "{\"order\":[1,0]}", 3};
static const tsri_codec_spec little = {"bytes", "{\"endian\":\"little\"}", 3};
static const tsri_codec_spec big = {"bytes", "{\"endian\":\"big\"}", 3};
static const tsri_codec_spec plain = {"bytes", "{}", 3};
static const tsri_codec_spec zlib = {"zlib", "{\"level\":1}", 2};
static const tsri_codec_spec shuffle = {"shuffle", "{}", 2};
static const tsri_codec_spec delta = {"delta", "{\"dtype\":\"<i4\",\"astype\":\">i2\"}", 2};
static const tsri_codec_spec rounding = {"bitround", "{\"keepbits\":3}", 2};
static const tsri_codec_spec unknown = {"unknown", "{}", 2};

/* Arranges and compares with a text: names, and the byte order of "bytes". */
static void expect(const tsri_codec_spec *const *list, const char *expected)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    tsr_context *context = NULL;
    tsri_codec_spec given[10];
    const tsri_codec_spec *arranged = NULL;
    char text[200] = "";
    int count = 0;

    assert_return_code(tsr_context_new(NULL, &context, NULL), 0);
    for (; *list; list++)
        given[count++] = **list;
    assert_return_code(
        tsri_codec_specs_arrange(context, given, count, &arena, &arranged, &count, NULL), 0);
    for (int i = 0; i < count; i++) {
        strcat(strcat(text, i ? " " : ""), arranged[i].name);
        if (strstr(arranged[i].configuration, "big"))
            strcat(text, ">");
    }
    assert_string_equal(text, expected);
    tsr_context_free(context);
}

#define LIST(...) ((const tsri_codec_spec *const[]){__VA_ARGS__, NULL})

static void test_order(void **state)
{
    (void)state;
    expect(LIST(&little), "bytes");
    expect(LIST(&transpose, &little, &zlib), "transpose bytes zlib");
    expect(LIST(&transpose, &little, &delta, &zlib), "transpose delta bytes> zlib");
    expect(LIST(&little, &delta, &shuffle, &zlib), "delta bytes> shuffle zlib");
    expect(LIST(&big, &rounding, &zlib), "bitround bytes> zlib");
    expect(LIST(&plain, &rounding), "bitround bytes");
    expect(LIST(&little, &delta), "delta bytes>");
    /* Not ours to judge: the chain refuses these, by name. */
    expect(LIST(&little, &shuffle, &delta), "bytes shuffle delta");
    expect(LIST(&little, &unknown, &delta), "bytes unknown delta");
}

static void test_two_byte_orders(void **state)
{
    tsr_auto(tsri_arena) arena = TSRI_ARENA_INIT;
    tsr_context *context = NULL;
    tsr_error err = TSR_ERROR_INIT;
    const tsri_codec_spec given[] = {big, delta}, *arranged = NULL;
    int count = 0;

    (void)state;
    assert_return_code(tsr_context_new(NULL, &context, NULL), 0);
    assert_int_equal(tsri_codec_specs_arrange(context, given, 2, &arena, &arranged, &count, &err),
                     TSR_UNSUPPORTED);
    assert_non_null(strstr(err.message, "takes little-endian elements where they are big-endian"));
    tsr_context_free(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_two_byte_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
