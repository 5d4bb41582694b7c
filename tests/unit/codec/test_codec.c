/* The registry and the scratch. */
#include "conformance/codec_suite.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "codec/codec.h"

/* A codec of somebody else: bytes to bytes, does nothing. */
static int other_open(const tsr_codec_setup *setup, void **ret_codec, tsr_codec_type *ret_output,
                      tsr_error *err)
{
    (void)setup;
    (void)ret_output;
    (void)err;
    *ret_codec = NULL;
    return 0;
}

static int other_describe(const void *codec, int zarr_format, tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)zarr_format;
    return tsr_output_append(output, "{}", 2, err);
}

static tsr_size_bound other_bound(const void *codec, uint64_t size_bytes)
{
    (void)codec;
    return (tsr_size_bound){TSR_SIZE_FIXED, size_bytes};
}

static int other_encode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, tsr_output *output, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    return tsr_output_append(output, bytes, size_bytes, err);
}

static int other_decode(const void *codec, tsr_codec_scratch *scratch, const void *bytes,
                        size_t size_bytes, void *output, size_t capacity_bytes,
                        size_t *ret_size_bytes, tsr_error *err)
{
    (void)codec;
    (void)scratch;
    if (size_bytes > capacity_bytes)
        return tsr_error_set(err, TSR_DAMAGED, "other: more than there is room for");
    memcpy(output, bytes, size_bytes);
    *ret_size_bytes = size_bytes;
    return 0;
}

static const char *const other_aliases[] = {"org.example.other", "other-old", NULL};
static const tsr_codec_ops other = {.struct_size = sizeof(tsr_codec_ops),
                                    .name = "other",
                                    .aliases = other_aliases,
                                    .v2_id = "other2",
                                    .kind = TSR_CODEC_BYTES_TO_BYTES,
                                    .open = other_open,
                                    .describe = other_describe,
                                    .bytes_bound = other_bound,
                                    .encode_bytes = other_encode,
                                    .decode_bytes = other_decode};

static int set_up(void **state)
{
    tsr_context *context = NULL;
    int status = tsr_context_new(NULL, &context, NULL);
    *state = context;
    return status;
}

static int tear_down(void **state)
{
    tsr_context_free(*state);
    return 0;
}

static const tsr_codec_ops *find(tsr_context *context, const char *name, int zarr_format)
{
    const tsr_codec_ops *ops = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (tsr_codec_find(context, name, zarr_format, &ops, &err) < 0)
        fail_msg("%s", err.message);
    return ops;
}

static void expect_unknown(tsr_context *context, const char *name, int zarr_format)
{
    const tsr_codec_ops *ops = &other;
    tsr_error err = TSR_ERROR_INIT;

    assert_int_equal(tsr_codec_find(context, name, zarr_format, &ops, &err), TSR_UNSUPPORTED);
    assert_ptr_equal(ops, &other);
    assert_non_null(strstr(err.message, name));
    assert_non_null(strstr(err.next_step, "zstd"));
    assert_int_equal(tsr_codec_find(context, name, zarr_format, &ops, NULL), TSR_UNSUPPORTED);
}

/* What the Zarr v3 registry, numcodecs in v3 metadata, and v2 metadata call the same codec. */
static void test_names(void **state)
{
    static const struct {
        const char *v3, *alias, *v2;
        tsr_codec_kind kind;
    } rows[] = {
        {"bytes", "endian", NULL, TSR_CODEC_ARRAY_TO_BYTES},
        {"transpose", NULL, NULL, TSR_CODEC_ARRAY_TO_ARRAY},
        {"zstd", "numcodecs.zstd", "zstd", TSR_CODEC_BYTES_TO_BYTES},
        {"blosc", "numcodecs.blosc", "blosc", TSR_CODEC_BYTES_TO_BYTES},
        {"gzip", "numcodecs.gzip", "gzip", TSR_CODEC_BYTES_TO_BYTES},
        {"crc32c", "numcodecs.crc32c", "crc32c", TSR_CODEC_BYTES_TO_BYTES},
        {"numcodecs.zlib", "https://zarr.dev/numcodecs/zlib", "zlib", TSR_CODEC_BYTES_TO_BYTES},
        {"numcodecs.lz4", NULL, "lz4", TSR_CODEC_BYTES_TO_BYTES},
        {"numcodecs.bz2", "https://codec.zarrs.dev/bytes_to_bytes/bz2", "bz2",
         TSR_CODEC_BYTES_TO_BYTES},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const tsr_codec_ops *ops = find(*state, rows[i].v3, 3);
        assert_string_equal(ops->name, rows[i].v3);
        assert_int_equal(ops->kind, rows[i].kind);
        if (rows[i].alias)
            assert_ptr_equal(find(*state, rows[i].alias, 3), ops);
        if (rows[i].v2)
            assert_ptr_equal(find(*state, rows[i].v2, 2), ops);
        else
            expect_unknown(*state, rows[i].v3, 2);
    }
    assert_ptr_equal(find(*state, "https://codec.zarrs.dev/array_to_array/bitround", 3),
                     find(*state, "bitround", 3));
}

static void test_unknown(void **state)
{
    expect_unknown(*state, "https://zarr.dev/numcodecs/zlib", 2);
    expect_unknown(*state, "https://zarr.dev/numcodecs/", 3);
    expect_unknown(*state, "lzma2", 3);
    expect_unknown(*state, "lzma2", 2);
    /* Each format has names of its own. */
    expect_unknown(*state, "zlib", 3);
    expect_unknown(*state, "numcodecs.zstd", 2);
    expect_unknown(*state, "Zstd", 3);
    expect_unknown(*state, "zst", 3);
}

/* Refused by name, with the reason; whoever registers one has it. */
static void test_refused(void **state)
{
    static const char *const names[] = {"pcodec", "numcodecs.pcodec", "pickle", "msgpack2"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tsr_codec_ops *ops = NULL;
        tsr_error err = TSR_ERROR_INIT;
        int format = strchr(names[i], '.') ? 3 : 2;
        assert_int_equal(tsr_codec_find(*state, names[i], format, &ops, &err), TSR_UNSUPPORTED);
        assert_null(ops);
        assert_non_null(strstr(err.message, "is not supported: "));
        assert_non_null(strstr(err.message, names[i]));
        assert_non_null(strstr(err.next_step, "rewrite the array with zarr-python"));
    }
}

static void test_registered(void **state)
{
    static tsr_codec_ops my_zstd, my_newer_zstd;
    tsr_error err = TSR_ERROR_INIT;
    const tsr_codec_ops *built_in = find(*state, "zstd", 3);

    my_zstd = my_newer_zstd = other;
    my_zstd.name = my_newer_zstd.name = "zstd";
    assert_return_code(tsr_codec_register(*state, &other, &err), 0);
    assert_ptr_equal(find(*state, "other", 3), &other);
    assert_ptr_equal(find(*state, "org.example.other", 3), &other);
    assert_ptr_equal(find(*state, "other-old", 3), &other);
    assert_ptr_equal(find(*state, "other2", 2), &other);
    /* The latest wins, over built-in ones too; its v2 id is another one. */
    assert_return_code(tsr_codec_register(*state, &my_zstd, &err), 0);
    assert_ptr_equal(find(*state, "zstd", 3), &my_zstd);
    assert_return_code(tsr_codec_register(*state, &my_newer_zstd, &err), 0);
    assert_ptr_equal(find(*state, "zstd", 3), &my_newer_zstd);
    assert_ptr_equal(find(*state, "zstd", 2), built_in);
}

static void expect_unfit(tsr_context *context, const tsr_codec_ops *ops, const char *text)
{
    tsr_error err = TSR_ERROR_INIT;

    assert_int_equal(tsr_codec_register(context, ops, &err), TSR_INVALID_ARGUMENT);
    if (!strstr(err.message, text))
        fail_msg("\"%s\" instead of \"%s\"", err.message, text);
}

static void test_unfit(void **state)
{
    tsr_codec_ops ops = other;

    ops.struct_size = sizeof ops - 1;
    expect_unfit(*state, &ops, "struct_size");
    ops = other, ops.name = NULL;
    expect_unfit(*state, &ops, "name");
    ops = other, ops.open = NULL;
    expect_unfit(*state, &ops, "codec other lacks open");
    ops = other, ops.describe = NULL;
    expect_unfit(*state, &ops, "describe");
    ops = other, ops.bytes_bound = NULL;
    expect_unfit(*state, &ops, "bytes_bound");
    ops = other, ops.encode_bytes = NULL;
    expect_unfit(*state, &ops, "encode_bytes");
    ops = other, ops.decode_bytes = NULL;
    expect_unfit(*state, &ops, "decode_bytes");
    ops = other, ops.kind = TSR_CODEC_ARRAY_TO_BYTES;
    expect_unfit(*state, &ops, "array_bound");
    ops = other, ops.kind = TSR_CODEC_ARRAY_TO_ARRAY;
    expect_unfit(*state, &ops, "encoded_shape");
    ops = *find(*state, "transpose", 3), ops.rearrange = NULL;
    expect_unfit(*state, &ops, "rearrange");
    ops = *find(*state, "bytes", 3), ops.decode_array = NULL;
    expect_unfit(*state, &ops, "decode_array");
    ops = other, ops.kind = (tsr_codec_kind)17;
    expect_unfit(*state, &ops, "kind");
}

typedef struct listed {
    char names[4096];
    const char *stop_at;
} listed;

static int append(void *user, const tsr_codec_ops *ops)
{
    listed *list = user;
    strcat(strcat(list->names, ops->name), " ");
    return list->stop_at && strcmp(list->stop_at, ops->name) == 0 ? 7 : 0;
}

static void test_list(void **state)
{
    static tsr_codec_ops second;
    listed all = {0}, some = {.stop_at = "zstd"}, last = {.stop_at = "second"};

    second = other;
    second.name = "second";
    assert_return_code(tsr_codec_register(*state, &other, NULL), 0);
    assert_return_code(tsr_codec_register(*state, &second, NULL), 0);
    assert_int_equal(tsr_codec_list(*state, append, &all), 0);
    assert_ptr_equal(strstr(all.names, "bytes "), all.names);
    const char *end = " other second ";
    assert_string_equal(all.names + strlen(all.names) - strlen(end), end);
    assert_int_equal(tsr_codec_list(*state, append, &some), 7);
    assert_null(strstr(some.names, "crc32c"));
    assert_int_equal(tsr_codec_list(*state, append, &last), 7);
}

/* Scratch */

static int living, creations;
static bool no_memory;

static void *state_create(void)
{
    creations++;
    if (no_memory)
        return NULL;
    living++;
    return malloc(1);
}

static void state_destroy(void *state)
{
    living--;
    free(state);
}

static void test_scratch(void **state)
{
    static const tsr_scratch_state kind = {"one", state_create, state_destroy};
    static const tsr_scratch_state same = {"one", state_create, state_destroy};
    tsr_codec_scratch *scratch = NULL, *another = NULL;
    tsr_error err = TSR_ERROR_INIT;

    (void)state;
    assert_return_code(tsr_codec_scratch_new(&scratch, &err), 0);
    assert_return_code(tsr_codec_scratch_new(&another, &err), 0);
    void *first = tsr_codec_scratch_state(scratch, &kind);
    assert_non_null(first);
    assert_ptr_equal(tsr_codec_scratch_state(scratch, &kind), first);
    /* A kind is its address, a scratch has its own. */
    assert_ptr_not_equal(tsr_codec_scratch_state(scratch, &same), first);
    assert_ptr_not_equal(tsr_codec_scratch_state(another, &kind), first);
    assert_ptr_equal(tsr_codec_scratch_state(scratch, &kind), first);
    assert_int_equal(living, 3);
    assert_int_equal(creations, 3);
    tsr_codec_scratch_free(scratch);
    assert_int_equal(living, 1);
    tsr_codec_scratch_free(another);
    assert_int_equal(living, 0);
    tsr_codec_scratch_free(NULL);
}

static void test_scratch_without_memory(void **state)
{
    static const tsr_scratch_state kind = {"one", state_create, state_destroy};
    tsr_codec_scratch *scratch = NULL;

    (void)state;
    assert_return_code(tsr_codec_scratch_new(&scratch, NULL), 0);
    no_memory = true;
    assert_null(tsr_codec_scratch_state(scratch, &kind));
    no_memory = false;
    assert_non_null(tsr_codec_scratch_state(scratch, &kind));
    tsr_codec_scratch_free(scratch);
    assert_int_equal(living, 0);
}

static void test_size_bound(void **state)
{
    (void)state;
    tsr_size_bound bound = tsri_size_bound(TSR_SIZE_FIXED, 100, 4);
    assert_int_equal(bound.size_class, TSR_SIZE_FIXED);
    assert_int_equal(bound.size_bytes, 104);
    bound = tsri_size_bound(TSR_SIZE_BOUNDED, UINT64_MAX - 3, 4);
    assert_int_equal(bound.size_class, TSR_SIZE_UNBOUNDED);
}

/* The suite itself, on the codec above. */
static codec_case other_case = {.label = "foreign", .ops = &other, .name = "other"};

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_registered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unfit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_list, set_up, tear_down),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_scratch_without_memory),
        cmocka_unit_test(test_size_bound),
        CODEC_SUITE_TEST(codec_test_round_trip, &other_case),
        CODEC_SUITE_TEST(codec_test_capacity, &other_case),
        CODEC_SUITE_TEST(codec_test_truncated, &other_case),
        CODEC_SUITE_TEST(codec_test_flipped, &other_case),
        CODEC_SUITE_TEST(codec_test_threads, &other_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
