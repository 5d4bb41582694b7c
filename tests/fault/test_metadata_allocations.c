/* Proves that metadata survives each single allocation that fails, ours or json-c's: the call
 * reports NO_MEMORY, its outputs stay untouched, nothing leaks, and the next try succeeds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nth_malloc.h"
#include "unit/array/zarr_meta_testing.h"

/* One call under test: makes a meta of what `user` points to. */
typedef int (*maker)(const void *user, tsri_zarr_meta **ret_meta, tsr_error *err);

/* Fails the allocations of `make` one after the other until it gets through. A buffer that cannot
 * grow by half may still grow by less, so a refused allocation may also do no harm: then the result
 * is what it always is. */
static void sweep(maker make, const void *user)
{
    tsri_zarr_meta *whole = NULL;
    assert_int_equal(make(user, &whole, NULL), 0);
    char *expected = written(whole);
    tsri_zarr_meta_free(whole);
    bool fired = true;
    int failures = 0;
    for (int64_t n = 1; fired; n++) {
        tsri_zarr_meta *const untouched = (tsri_zarr_meta *)&n;
        tsri_zarr_meta *meta = untouched;
        tsr_error err = TSR_ERROR_INIT;
        nth_malloc_arm(n, false);
        int status = make(user, &meta, &err);
        fired = nth_malloc_disarm();
        if (status == 0) {
            char *text = written(meta);
            assert_string_equal(text, expected);
            free(text);
            tsri_zarr_meta_free(meta);
        } else if (!fired || status != TSR_NO_MEMORY || err.status != status || meta != untouched) {
            fail_msg("allocation %lld: status %d, %s", (long long)n, status, err.message);
        }
        failures += status != 0;
    }
    assert_true(failures > 20); /* documents of this size need many allocations */
    free(expected);
}

static int parse_v3(const void *user, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsri_zarr_document document = document_of("k", user);
    return tsri_zarr3_meta_parse(context, &document, ret_meta, err);
}

static void reading_v3(void **state)
{
    (void)state;
    static const char *const files[] = {"zarr_python_3_sharded.json", "zarr_python_3_group.json",
                                        "tensorstore_3_sharded.json"};
    for (size_t i = 0; i < TSRI_COUNT(files); i++) {
        char *text = golden(files[i]);
        sweep(parse_v3, text);
        free(text);
    }
}

/* Types with parameters, and values of them. */
static void reading_types(void **state)
{
    (void)state;
    static const char *const types[][2] = {
        {"{\"name\":\"struct\",\"configuration\":{\"fields\":[{\"name\":\"a\",\"data_type\":"
         "\"int16\"},{\"name\":\"b\",\"data_type\":{\"name\":\"struct\",\"configuration\":{"
         "\"fields\":[{\"name\":\"c d\",\"data_type\":{\"name\":\"fixed_length_utf32\","
         "\"configuration\":{\"length_bytes\":40}}},{\"name\":\"e\",\"data_type\":\"r24\"}]}}}]}}",
         "{\"a\":1,\"b\":{\"c d\":\"\\u00e9\",\"e\":[1,2,3]}}"},
        {"{\"name\":\"numpy.timedelta64\",\"configuration\":{\"unit\":\"ns\",\"scale_factor\":5}}",
         "\"NaT\""},
    };
    for (size_t i = 0; i < TSRI_COUNT(types); i++) {
        char text[1000];
        snprintf(text, sizeof text,
                 "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[4],\"data_type\":%s,"
                 "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[2]}},"
                 "\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":%s,\"codecs\":["
                 "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}]}",
                 types[i][0], types[i][1]);
        sweep(parse_v3, text);
    }
}

static int parse_v2(const void *user, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    const char *const *texts = user;
    tsri_zarr_document document = document_of("k", texts[0]), beside = document_of("k", texts[1]);
    return tsri_zarr2_array_parse(context, &document, &beside, ret_meta, err);
}

static void reading_v2(void **state)
{
    (void)state;
    char *texts[] = {golden("zarr_python_2_blosc.zarray"), golden("zarr_python_2_blosc.zattrs")};
    sweep(parse_v2, texts);
    free(texts[0]);
    texts[0] = golden("zarr_python_2_raw.zarray");
    sweep(parse_v2, texts);
    free(texts[0]);
    texts[0] = golden("zarr_python_2_record.zarray");
    sweep(parse_v2, texts);
    free(texts[0]);
    free(texts[1]);
}

static int build(const void *user, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    return tsri_zarr_meta_build(context, user, ret_meta, err);
}

static void building(void **state)
{
    (void)state;
    static const tsri_codec_spec codecs[] = {{"bytes", "{\"endian\":\"little\"}", 3},
                                             {"crc32c", "{}", 3}};
    static const tsri_codec_spec filters[] = {{"crc32c", "{}", 2}},
                                 compressor = {"zlib", "{\"level\":1}", 2};
    tsri_zarr_meta_options options = TSRI_ZARR_META_OPTIONS_INIT;
    options.rank = 2;
    options.shape = options.chunk_shape = (const int64_t[]){10, 20};
    options.dtype = TSR_FLOAT32;
    options.codecs = codecs;
    options.codec_count = TSRI_COUNT(codecs);
    options.dimension_names = (const char *const[]){"y", "x"};
    options.attributes = "{\"a\":[1,2.50,\"x\"]}";
    sweep(build, &options);
    options.zarr_format = 2;
    options.codecs = filters;
    options.codec_count = 1;
    options.compressor = &compressor;
    options.order = 'F';
    sweep(build, &options);
}

static int change_attributes(const void *user, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    return tsri_zarr_meta_with_attributes(context, user, "{\"a\":{\"b\":[1]}}", ret_meta, err);
}

static int change_shape(const void *user, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    return tsri_zarr_meta_with_shape(context, user, (const int64_t[]){1, 2, 3}, NULL, ret_meta,
                                     err);
}

static void changing(void **state)
{
    (void)state;
    char *v3 = golden("zarr_python_3_sharded.json");
    char *v2[] = {golden("zarr_python_2_blosc.zarray"), golden("zarr_python_2_blosc.zattrs")};
    tsri_zarr_meta *metas[2];
    assert_int_equal(parse_v3(v3, &metas[0], NULL), 0);
    assert_int_equal(parse_v2(v2, &metas[1], NULL), 0);
    for (size_t i = 0; i < TSRI_COUNT(metas); i++) {
        char *before = written(metas[i]);
        sweep(change_attributes, metas[i]);
        sweep(change_shape, metas[i]);
        char *after = written(metas[i]);
        assert_string_equal(after, before);
        free(before);
        free(after);
        tsri_zarr_meta_free(metas[i]);
    }
    free(v3);
    free(v2[0]);
    free(v2[1]);
}

static void writing(void **state)
{
    (void)state;
    char *text = golden("zarr_python_3_group.json");
    tsri_zarr_meta *meta = NULL;
    assert_int_equal(parse_v3(text, &meta, NULL), 0);
    char *expected = written(meta);
    bool fired = true;
    int failures = 0;
    for (int64_t n = 1; fired; n++) {
        tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
        nth_malloc_arm(n, false);
        int status = tsri_zarr_meta_write(meta, &output, NULL);
        fired = nth_malloc_disarm();
        assert_true(status == 0 || (fired && status == TSR_NO_MEMORY));
        failures += status != 0;
        if (status == 0)
            assert_memory_equal(output.data, expected, strlen(expected));
    }
    assert_true(failures > 1);
    free(expected);
    tsri_zarr_meta_free(meta);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_v3), cmocka_unit_test(reading_types), cmocka_unit_test(reading_v2),
        cmocka_unit_test(building),   cmocka_unit_test(changing),      cmocka_unit_test(writing),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
