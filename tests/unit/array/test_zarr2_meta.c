/* Proves what of v2 metadata is read, tolerated and refused: the documents of other writers, each
 * tolerance of the wild by a test, and a mutation of every field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/array/zarr_meta_testing.h"

static const char *const base_members[][2] = {
    {"zarr_format", "2"}, {"shape", "[10,20]"},   {"chunks", "[4,20]"},
    {"dtype", "\"<i2\""}, {"fill_value", "-1"},   {"order", "\"C\""},
    {"filters", "null"},  {"compressor", "null"}, {"dimension_separator", "\".\""},
};

static char *edited(const edit *edits, size_t count)
{
    return edited_document(base_members, TSRI_COUNT(base_members), edits, count);
}

static int parse_text(const char *zarray, const char *zattrs, tsri_zarr_meta **ret_meta,
                      tsr_error *err)
{
    tsri_zarr_document document = document_of("a/.zarray", zarray),
                       beside = document_of("a/.zattrs", zattrs);
    return tsri_zarr2_array_parse(context, &document, zattrs != NULL ? &beside : NULL, ret_meta,
                                  err);
}

static tsri_zarr_meta *read_text(const char *zarray, const char *zattrs)
{
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (parse_text(zarray, zattrs, &meta, &err) != 0)
        fail_msg("%s was refused: %s", zarray, err.message);
    return meta;
}

static tsri_zarr_meta *read_edited(const edit *edits, size_t count)
{
    char *text = edited(edits, count);
    tsri_zarr_meta *meta = read_text(text, NULL);
    free(text);
    return meta;
}
#define READ(...) read_edited((edit[]){__VA_ARGS__}, sizeof((edit[]){__VA_ARGS__}) / sizeof(edit))

static void refuse_edited(const edit *edits, size_t count, int status, const char *message)
{
    char *text = edited(edits, count);
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int found = parse_text(text, NULL, &meta, &err);
    if (found != status || meta != NULL || strncmp(err.message, "a/.zarray: ", 11) != 0 ||
        strncmp(err.message + 11, message, strlen(message)) != 0)
        fail_msg("%s: status %d, %s; expected %s", text, found, err.message, message);
    free(text);
}
#define REFUSED(status, message, ...)                                                          \
    refuse_edited((edit[]){__VA_ARGS__}, sizeof((edit[]){__VA_ARGS__}) / sizeof(edit), status, \
                  message)
#define BAD(message, ...) REFUSED(TSR_BAD_METADATA, message, __VA_ARGS__)

/* ---- documents of other writers ---- */

static tsri_zarr_meta *read_golden(const char *zarray, const char *zattrs)
{
    char *text = golden(zarray), *beside = zattrs != NULL ? golden(zattrs) : NULL;
    tsri_zarr_meta *meta = read_text(text, beside);
    char *again = written(meta);
    assert_same_json(again, text);
    free(again);
    free(text);
    free(beside);
    return meta;
}

static void zarr_python_fortran_order_and_blosc(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = read_golden("zarr_python_2_blosc.zarray", "zarr_python_2_blosc.zattrs");
    assert_int_equal(meta->zarr_format, 2);
    assert_false(meta->is_group);
    assert_lengths(meta->shape, (int64_t[]){100, 90, 7}, 3);
    assert_lengths(meta->chunk_shape, (int64_t[]){10, 9, 7}, 3);
    assert_ptr_equal(meta->dtype, TSR_INT16);
    assert_fill(meta, &(int16_t){-1});
    assert_false(meta->fill_undefined);
    assert_true(meta->keys == tsri_key_encoding_joined(false, '.'));
    assert_names(meta, "t,y,x");
    assert_true(json_object_object_get_ex(meta->attributes, "missing", NULL));
    assert_chain(meta, "transpose {\"order\":[2,1,0]}; bytes {\"endian\":\"little\"}; "
                       "blosc(2) {\"cname\":\"zstd\",\"clevel\":3,\"shuffle\":-1,\"blocksize\":0}");
    tsri_zarr_meta_free(meta);
}

static void zarr_python_filters_and_big_endian(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = read_golden("zarr_python_2_filters.zarray", NULL);
    assert_ptr_equal(meta->dtype, TSR_FLOAT64);
    assert_fill(meta, &(double){-__builtin_inf()});
    assert_int_equal(meta->keys->separator, '/');
    assert_null(meta->attributes);
    assert_chain(
        meta,
        "bytes {\"endian\":\"big\"}; shuffle(2) {\"elementsize\":8}; crc32c(2) {}; zlib(2) {\"level\":1}");
    tsri_zarr_meta_free(meta);
}

static void zarr_python_raw_scalar_and_record(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = read_golden("zarr_python_2_raw.zarray", NULL);
    assert_string_equal(meta->dtype->name, "r24");
    assert_fill(meta, "\x01\x02\xff");
    assert_chain(meta, "bytes {}");
    tsri_zarr_meta_free(meta);
    meta = read_golden("zarr_python_2_scalar.zarray", NULL);
    assert_int_equal(meta->rank, 0);
    assert_true(meta->fill_undefined);
    assert_fill(meta, "\0");
    assert_chain(meta, "bytes {}; zstd(2) {\"level\":1}");
    tsri_zarr_meta_free(meta);
    meta = read_golden("zarr_python_2_record.zarray", NULL);
    assert_string_equal(meta->dtype->name, "struct{a:int32,b:float64}");
    assert_fill(meta, "\0\0\0\0\0\0\0\0\0\0\0\0");
    tsri_zarr_meta_free(meta);
}

static void tensorstore_documents(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = read_golden("tensorstore_2.zarray", NULL);
    assert_ptr_equal(meta->dtype, TSR_COMPLEX128);
    assert_fill(meta, (uint64_t[]){0x3ff8000000000000, 0x7ff8000000000000});
    assert_chain(
        meta, "transpose {\"order\":[1,0]}; bytes {\"endian\":\"little\"}; bz2(2) {\"level\":2}");
    tsri_zarr_meta_free(meta);
}

/* netCDF-C 4.9 adds keys of its own and writes the numbers of its compressors as strings. */
static void netcdf_documents(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = READ(
        {"_nczarr_array", "{\"dimension_references\":[\"/y\",\"/x\"],\"storage\":\"chunked\"}"},
        {"_NCZARR_ARRAY", "{\"dimrefs\":[\"/y\"],\"storage\":\"chunked\"}"},
        {"compressor",
         "{\"id\":\"blosc\",\"cname\":\"lz4\",\"clevel\":\"5\",\"shuffle\":\"1\",\"blocksize\":\"0\"}"},
        {"filters", "[]"});
    assert_chain(
        meta,
        "bytes {\"endian\":\"little\"}; blosc(2) {\"cname\":\"lz4\",\"clevel\":\"5\",\"shuffle\":\"1\","
        "\"blocksize\":\"0\"}");
    tsri_zarr_meta_free(meta);
}

/* ---- the fields ---- */

static void typestrs_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *typestr;
        const tsr_dtype *dtype;
        const char *chain;
    } rows[] = {
        {"\"|b1\"", TSR_BOOL, "bytes {}"},
        {"\"<b1\"", TSR_BOOL, "bytes {}"},
        {"\"|i1\"", TSR_INT8, "bytes {}"},
        {"\">u1\"", TSR_UINT8, "bytes {}"},
        {"\"<i2\"", TSR_INT16, "bytes {\"endian\":\"little\"}"},
        {"\">i4\"", TSR_INT32, "bytes {\"endian\":\"big\"}"},
        {"\"<i8\"", TSR_INT64, "bytes {\"endian\":\"little\"}"},
        {"\">u2\"", TSR_UINT16, "bytes {\"endian\":\"big\"}"},
        {"\"<u4\"", TSR_UINT32, "bytes {\"endian\":\"little\"}"},
        {"\">u8\"", TSR_UINT64, "bytes {\"endian\":\"big\"}"},
        {"\"<f2\"", TSR_FLOAT16, "bytes {\"endian\":\"little\"}"},
        {"\">f4\"", TSR_FLOAT32, "bytes {\"endian\":\"big\"}"},
        {"\"<f8\"", TSR_FLOAT64, "bytes {\"endian\":\"little\"}"},
        {"\">c8\"", TSR_COMPLEX64, "bytes {\"endian\":\"big\"}"},
        {"\"<c16\"", TSR_COMPLEX128, "bytes {\"endian\":\"little\"}"},
        /* as TensorStore writes them */
        {"\"bfloat16\"", TSR_BFLOAT16, "bytes {\"endian\":\"little\"}"},
        {"\"float8_e4m3fn\"", TSR_FLOAT8_E4M3FN, "bytes {}"},
        {"\"int4\"", TSR_INT4, "bytes {}"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"dtype", rows[i].typestr}, {"fill_value", "null"});
        assert_ptr_equal(meta->dtype, rows[i].dtype);
        assert_chain(meta, rows[i].chain);
        tsri_zarr_meta_free(meta);
    }
    tsri_zarr_meta *meta = READ({"dtype", "\"|V17\""}, {"fill_value", "null"});
    assert_string_equal(meta->dtype->name, "r136");
    tsri_zarr_meta_free(meta);
}

static void types_with_parameters_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *typestr, *name, *chain;
    } rows[] = {
        {"\"<M8[ns]\"", "datetime64[ns]", "bytes {\"endian\":\"little\"}"},
        {"\">m8[10us]\"", "timedelta64[10us]", "bytes {\"endian\":\"big\"}"},
        {"\"<M8\"", "datetime64", "bytes {\"endian\":\"little\"}"},
        {"\"|S5\"", "S5", "bytes {}"},
        {"\">U5\"", "U5", "bytes {\"endian\":\"big\"}"},
        {"[[\"a\",\">i4\"],[\"b\",\"|u1\",[2,3]],[\"c\",[[\"d\",\">f8\"]]]]",
         "struct{a:int32,b:uint8(2,3),c:struct{d:float64}}", "bytes {\"endian\":\"big\"}"},
        {"[[\"a\",\">i4\"],[\"b\",\"|u1\",[2,3]],[\"c\",[[\"d\",\"<f8\"],[\"e\",\">c8\"]],[2]]]",
         "struct{a:int32,b:uint8(2,3),c:struct{d:float64,e:complex64}(2)}",
         "bytes(2) {\"endian\":[\"big\",null,\"little\",\"big\"]}"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"dtype", rows[i].typestr}, {"fill_value", "null"});
        assert_string_equal(meta->dtype->name, rows[i].name);
        assert_chain(meta, rows[i].chain);
        tsri_zarr_meta_free(meta);
    }
    BAD("/dtype/0: must be a list", {"dtype", "[[\"a\"]]"});
    BAD("/dtype/1/1: \"i4\" is no data type", {"dtype", "[[\"a\",\"<i4\"],[\"b\",\"i4\"]]"});
    BAD("/dtype: field \"a\" of a struct is there twice",
        {"dtype", "[[\"a\",\"<i4\"],[\"a\",\"<i4\"]]"});
    BAD("/dtype/0/0: must be a string", {"dtype", "[[1,\"<i4\"]]"});
    BAD("/dtype/0/2: must have 1 to 8 lengths", {"dtype", "[[\"a\",\"<i4\",[0]]]"});
    BAD("/dtype: 0 fields", {"dtype", "[]"});
    BAD("/dtype: type \"<M8[xs]\"", {"dtype", "\"<M8[xs]\""});
}

/* What objects are is said by the first filter. */
static void objects_are_what_their_filter_makes_of_them(void **state)
{
    (void)state;
    static const struct {
        const char *filters;
        const tsr_dtype *dtype;
        const char *chain;
    } rows[] = {
        {"[{\"id\":\"vlen-utf8\"}]", TSR_STRING, "bytes {}; vlen-utf8(2) {}"},
        {"[{\"id\":\"vlen-bytes\"}]", TSR_VARIABLE_BYTES, "bytes {}; vlen-bytes(2) {}"},
        {"[{\"id\":\"vlen-array\",\"dtype\":\"<i4\"}]", TSR_VARIABLE_BYTES,
         "bytes {}; vlen-array(2) {\"dtype\":\"<i4\"}"},
        {"[{\"id\":\"json2\"}]", TSR_STRING, "bytes {}; json2(2) {}"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"dtype", "\"|O\""}, {"filters", rows[i].filters},
                                    {"compressor", "null"}, {"fill_value", "0"});
        assert_ptr_equal(meta->dtype, rows[i].dtype);
        assert_chain(meta, rows[i].chain);
        assert_int_equal(((const tsr_slot *)meta->fill_value)->size_bytes, 0);
        tsri_zarr_meta_free(meta);
    }
    tsri_zarr_meta *meta = READ({"dtype", "\"|O\""}, {"filters", rows[1].filters},
                                {"fill_value", "\"AAECAwQFBgcICQoLDA0=\""});
    assert_int_equal(((const tsr_slot *)meta->fill_value)->size_bytes, 14);
    tsri_zarr_meta_free(meta);
    REFUSED(TSR_UNSUPPORTED, "/dtype: \"|O\" says what its objects are by its first filter",
            {"dtype", "\"|O\""}, {"filters", "null"});
    REFUSED(TSR_UNSUPPORTED,
            "/dtype: \"|O\" says what its objects are by its first filter, which is zstd",
            {"dtype", "\"|O\""}, {"filters", "[{\"id\":\"zstd\"}]"});
    REFUSED(
        TSR_UNSUPPORTED,
        "/filters/0: codec \"pickle\" is not supported: unpickling runs whatever code the data names",
        {"dtype", "\"|O\""}, {"filters", "[{\"id\":\"pickle\",\"protocol\":5}]"});
    REFUSED(TSR_UNSUPPORTED, "/dtype: ", {"dtype", "\"|O\""}, {"filters", "[3]"});
    REFUSED(TSR_UNSUPPORTED, "/order: \"F\" with the filter json2", {"dtype", "\"|O\""},
            {"filters", rows[3].filters}, {"order", "\"F\""}, {"fill_value", "null"});
}

static void types_of_later_versions_are_refused_by_name(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"\"<U999999999\"", "\"<U999999999\""},
        {"\"<f16\"", "\"<f16\""},
        {"\"<c32\"", "\"<c32\""},
        {"\"<i3\"", "\"<i3\""},
        {"\"|V99999999999999999999\"", "\"|V99999999999999999999\""},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        char message[200];
        snprintf(message, sizeof message, "/dtype: the data type %s is not supported", rows[i][1]);
        REFUSED(TSR_UNSUPPORTED, message, {"dtype", rows[i][0]});
    }
    static const char *const malformed[] = {
        "\"\"",    "\"<\"",    "\"i2\"",    "\"=i2\"", "\"<i\"",  "\"<i02\"", "\"<i2x\"",
        "\"<x2\"", "\"<i-2\"", "\"int16\"", "\"|i2\"", "\"|V0\"", "\"|V\""};
    for (size_t i = 0; i < TSRI_COUNT(malformed); i++)
        BAD("/dtype: \"", {"dtype", malformed[i]});
    BAD("/dtype: must be a string, not null", {"dtype", "null"});
    BAD("/dtype: must be a string, not an object", {"dtype", "{\"name\":\"int16\"}"});
    BAD("/dtype: this required field is missing", {"dtype", NULL});
}

static void fill_values_of_every_form_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *type, *value;
        uint64_t bits;
        bool undefined;
    } rows[] = {
        {"\"<i2\"", "null", 0, true},
        {"\"<f4\"", "null", 0, true},
        {"\"<i2\"", "-7", 0xfff9, false},
        {"\">i2\"", "258", 258, false},
        {"\"<i2\"", "7.0", 7, false},
        {"\"<u8\"", "18446744073709551615", UINT64_MAX, false},
        {"\"|b1\"", "true", 1, false},
        {"\"|b1\"", "1", 1, false},
        {"\"<f4\"", "\"NaN\"", 0x7fc00000, false},
        {"\"<f4\"", "\"Infinity\"", 0x7f800000, false},
        {"\"<f4\"", "\"+Infinity\"", 0x7f800000, false},
        {"\"<f4\"", "\"-Infinity\"", 0xff800000, false},
        {"\"<f4\"", "9.969209968386869e+36", 0x7cf00000, false},
        {"\"<f8\"", "[-0.0]", 0x8000000000000000, false},
        {"\"<i2\"", "[5]", 5, false},
        {"\"<i2\"", "[null]", 0, true},
        {"\"<f4\"", "[\"NaN\"]", 0x7fc00000, false},
        {"\"<c8\"", "[1.0,\"NaN\"]", 0x7fc000003f800000, false},
        {"\"<c8\"", "[[1.0,2.0]]", 0x400000003f800000, false},
        {"\"<f4\"", "NaN", 0x7fc00000, false},
        {"\"<f4\"", "-Infinity", 0xff800000, false},
        {"\"<f4\"", "\"nan\"", 0x7fc00000, false},
        {"\"<f4\"", "\"-inf\"", 0xff800000, false},
        {"\"<f4\"", "\"1.5\"", 0x3fc00000, false},
        {"\"<f4\"", "\"-1e3\"", 0xc47a0000, false},
        {"\"<f4\"", "\"0x7fc00001\"", 0x7fc00001, false},
        {"\"<i2\"", "\"-7\"", 0xfff9, false},
        {"\"<i2\"", "true", 1, false},
        {"\"<u8\"", "false", 0, false},
        /* What JavaScript writes for 1e20, and numbers that round to infinity. */
        {"\"<f8\"", "100000000000000000000", 0x4415af1d78b58c40, false},
        {"\"<f4\"", "1e39", 0x7f800000, false},
        {"\"<f2\"", "-70000", 0xfc00, false},
        /* No time at all, as zarr-python has it. */
        {"\"<M8[s]\"", "null", 0x8000000000000000, true},
        {"\"<m8[D]\"", "null", 0x8000000000000000, true},
        {"\"bfloat16\"", "\"NaN\"", 0x7fc0, false},
        {"\"bfloat16\"", "1.5", 0x3fc0, false},
        {"\"int4\"", "-1", 0xff, false},
        {"\"|V2\"", "\"AQI=\"", 0x0201, false},
        {"\"|V2\"", "[1,2]", 0x0201, false},
        {"\"|V1\"", "[9]", 9, false},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"dtype", rows[i].type}, {"fill_value", rows[i].value});
        uint64_t bits = 0;
        memcpy(&bits, meta->fill_value, meta->dtype->size_bytes);
        if (bits != rows[i].bits || meta->fill_undefined != rows[i].undefined)
            fail_msg("%s %s gave %llx", rows[i].type, rows[i].value, (unsigned long long)bits);
        tsri_zarr_meta_free(meta);
    }
    /* Of a struct the bytes as they are stored, each field in its order. */
    tsri_zarr_meta *mixed =
        READ({"dtype", "[[\"a\",\">i2\"],[\"b\",[[\"c\",\"<i2\"],[\"d\",\">i4\"]],[2]]]"},
             {"fill_value", "\"AAECAAAAAAMEAAAAAAU=\""});
    /* 1; 2 and 3; 4 and 5 */
    assert_fill(mixed, "\1\0\2\0\3\0\0\0\4\0\5\0\0\0");
    tsri_zarr_meta_free(mixed);
    BAD("/fill_value: ", {"fill_value", "40000"});
    BAD("/fill_value: ", {"fill_value", "\"NaN\""});
    BAD("/fill_value: ", {"fill_value", "[1,2]"});
    BAD("/fill_value: ", {"fill_value", "[[1]]"});
    BAD("/fill_value: ", {"fill_value", "{}"});
    BAD("/fill_value: ", {"dtype", "\"|V2\""}, {"fill_value", "\"AQ==\""});
    BAD("/fill_value: ", {"dtype", "\"|V2\""}, {"fill_value", "\"A\""});
    BAD("/fill_value: ", {"dtype", "\"<i4\""}, {"fill_value", "\"x\""});
    BAD("/fill_value: ", {"dtype", "\"<i4\""}, {"fill_value", "\"\""});
    BAD("/fill_value: ", {"dtype", "\"|u1\""}, {"fill_value", "\"256\""});
    BAD("/fill_value: ", {"dtype", "\"<f4\""}, {"fill_value", "\"1.0f\""});
    BAD("/fill_value: ", {"dtype", "\"<f4\""}, {"fill_value", "\"-\""});
    BAD("/fill_value: ", {"dtype", "\"<f4\""}, {"fill_value", "true"});
    BAD("/fill_value: ", {"dtype", "\"float8_e4m3fn\""}, {"fill_value", "500"});
    BAD("/fill_value: this required field is missing", {"fill_value", NULL});
}

static void order_f_reverses_the_axes(void **state)
{
    (void)state;
    static const struct {
        const char *shape, *chain;
    } rows[] = {{"[]", "bytes {\"endian\":\"little\"}"},
                {"[3]", "bytes {\"endian\":\"little\"}"},
                {"[3,3]", "transpose {\"order\":[1,0]}; bytes {\"endian\":\"little\"}"},
                {"[3,3,3,3]", "transpose {\"order\":[3,2,1,0]}; bytes {\"endian\":\"little\"}"}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta =
            READ({"shape", rows[i].shape}, {"chunks", rows[i].shape}, {"order", "\"F\""});
        assert_chain(meta, rows[i].chain);
        tsri_zarr_meta_free(meta);
    }
    BAD("/order: \"A\" is neither \"C\" nor \"F\"", {"order", "\"A\""});
    BAD("/order: must be a string, not null", {"order", "null"});
    BAD("/order: this required field is missing", {"order", NULL});
}

static void chunks_of_empty_axes_may_be_0(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = READ({"shape", "[0,20]"}, {"chunks", "[0,5]"});
    assert_lengths(meta->chunk_shape, (int64_t[]){1, 5}, 2);
    /* Growing such an array writes chunks that are valid. */
    tsri_zarr_meta *grown = NULL;
    assert_int_equal(
        tsri_zarr_meta_with_shape(context, meta, (int64_t[]){7, 20}, NULL, &grown, NULL), 0);
    assert_lengths(grown->shape, (int64_t[]){7, 20}, 2);
    assert_lengths(grown->chunk_shape, (int64_t[]){1, 5}, 2);
    tsri_zarr_meta_free(grown);
    tsri_zarr_meta_free(meta);
    BAD("/chunks/1: a chunk length of 0 on an axis of 20", {"chunks", "[4,0]"});
    BAD("/chunks/0: -1 is not in 0 .. ", {"chunks", "[-1,1]"});
    BAD("/chunks: 1 entries for the 2 axes of /shape", {"chunks", "[4]"});
    BAD("/chunks: must be an array of integers, not null", {"chunks", "null"});
    BAD("/chunks: must be an array of integers, not true", {"chunks", "true"});
    REFUSED(TSR_LIMIT, "/chunks: a chunk of more than 2^63-1 bytes",
            {"chunks", "[9223372036854775807,1]"});
}

static void separators_may_be_absent_or_null(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        char separator;
    } rows[] = {{NULL, '.'}, {"null", '.'}, {"\".\"", '.'}, {"\"/\"", '/'}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"dimension_separator", rows[i].value});
        assert_int_equal(meta->keys->separator, rows[i].separator);
        tsri_zarr_meta_free(meta);
    }
    BAD("/dimension_separator: \"-\" is neither \".\" nor \"/\"", {"dimension_separator", "\"-\""});
    BAD("/dimension_separator: must be a string, not an integer", {"dimension_separator", "1"});
}

static void filters_may_be_absent_null_or_empty(void **state)
{
    (void)state;
    static const char *const values[] = {NULL, "null", "[]"};
    for (size_t i = 0; i < TSRI_COUNT(values); i++) {
        tsri_zarr_meta *meta = READ({"filters", values[i]});
        assert_chain(meta, "bytes {\"endian\":\"little\"}");
        tsri_zarr_meta_free(meta);
    }
    tsri_zarr_meta *meta = READ({"filters", "[{\"id\":\"lz4\",\"acceleration\":1}]"},
                                {"compressor", "{\"id\":\"zstd\",\"level\":1,\"checksum\":true}"});
    assert_chain(meta, "bytes {\"endian\":\"little\"}; lz4(2) {\"acceleration\":1}; "
                       "zstd(2) {\"level\":1,\"checksum\":true}");
    tsri_zarr_meta_free(meta);
    BAD("/filters: must be an array or null, not an object", {"filters", "{}"});
    BAD("/filters/1/id: this required field is missing", {"filters", "[{\"id\":\"delta\"},{}]"});
    BAD("/filters/0: must be an object, not a string", {"filters", "[\"delta\"]"});
    BAD("/compressor: must be an object, not a string", {"compressor", "\"zlib\""});
    BAD("/compressor/id: this required field is missing", {"compressor", "{\"level\":1}"});
    BAD("/compressor/id: must be a string, not an integer", {"compressor", "{\"id\":1}"});
    BAD("/compressor: this required field is missing", {"compressor", NULL});
}

static void unknown_keys_are_ignored_and_kept(void **state)
{
    (void)state;
    tsri_zarr_meta *meta =
        READ({"extra", "{\"must_understand\":true,\"x\":1.50}"}, {"storage_transformers", "[1]"});
    tsri_zarr_meta *changed = NULL;
    assert_int_equal(
        tsri_zarr_meta_with_shape(context, meta, (int64_t[]){1, 2}, NULL, &changed, NULL), 0);
    char *text = written(changed);
    assert_same_json(
        text,
        "{\"zarr_format\":2,\"shape\":[1,2],\"chunks\":[4,20],\"dtype\":\"<i2\",\"fill_value\":-1,"
        "\"order\":\"C\",\"filters\":null,\"compressor\":null,\"dimension_separator\":\".\","
        "\"extra\":{\"must_understand\":true,\"x\":1.50},\"storage_transformers\":[1]}");
    free(text);
    tsri_zarr_meta_free(changed);
    tsri_zarr_meta_free(meta);
}

static void attributes_may_hold_bare_nan(void **state)
{
    (void)state;
    char *text = edited(NULL, 0);
    tsri_zarr_meta *meta = read_text(text, "{\"a\":NaN,\"b\":[Infinity,-Infinity]}");
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsri_zarr_meta_write_attributes(meta, &output, NULL), 0);
    assert_int_equal(tsr_output_append(&output, "", 1, NULL), 0);
    assert_string_equal(output.data, "{\n  \"a\": NaN,\n  \"b\": [Infinity, -Infinity]\n}\n");
    tsri_zarr_meta_free(meta);
    static const char *const bad[][2] = {
        {"[]", "a/.zattrs: /: the document must be an object, not an array"},
        {"", "a/.zattrs: /: the document ends where a value should be"},
        {"{\"a\":nan}", "a/.zattrs: /a: 'n' where a value should be"},
    };
    for (size_t i = 0; i < TSRI_COUNT(bad); i++) {
        tsr_error err = TSR_ERROR_INIT;
        meta = NULL;
        assert_int_equal(parse_text(text, bad[i][0], &meta, &err), TSR_BAD_METADATA);
        assert_string_equal(err.message, bad[i][1]);
        assert_null(meta);
    }
    free(text);
}

static void names_of_axes_are_those_of_xarray(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"{\"_ARRAY_DIMENSIONS\":[\"y\",\"x\"]}", "y,x"},
        {"{\"_ARRAY_DIMENSIONS\":[\"y\"]}",
         ""}, /* an attribute like any other when it does not fit */
        {"{\"_ARRAY_DIMENSIONS\":[\"y\",null]}", ""},
        {"{\"_ARRAY_DIMENSIONS\":\"yx\"}", ""},
        {"{\"_ARRAY_DIMENSIONS\":null}", ""},
        {"{}", ""},
    };
    char *text = edited(NULL, 0);
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = read_text(text, rows[i][0]);
        assert_names(meta, rows[i][1]);
        tsri_zarr_meta_free(meta);
    }
    free(text);
}

static void groups_are_read(void **state)
{
    (void)state;
    char *zgroup = golden("zarr_python_2.zgroup");
    static const char with_copies[] =
        "{\"zarr_format\":2,\"consolidated_metadata\":{\"a/.zattrs\":{\"x\":NaN}}}";
    const char *const texts[] = {zgroup, with_copies};
    for (size_t i = 0; i < TSRI_COUNT(texts); i++) {
        tsri_zarr_document document = document_of("g/.zgroup", texts[i]),
                           beside = document_of("g/.zattrs", "{\"a\":1,\"_ARRAY_DIMENSIONS\":[]}");
        tsri_zarr_meta *meta = NULL;
        assert_int_equal(tsri_zarr2_group_parse(context, &document, &beside, &meta, NULL), 0);
        assert_true(meta->is_group && meta->zarr_format == 2 && meta->dtype == NULL &&
                    meta->dimension_names == NULL);
        assert_true(json_object_object_get_ex(meta->attributes, "a", NULL));
        assert_string_equal(tsri_zarr_meta_file_name(meta), ".zgroup");
        char *again = written(meta);
        assert_same_json(again, texts[i]);
        free(again);
        tsri_zarr_meta_free(meta);
    }
    free(zgroup);
    static const char *const bad[][2] = {
        {"{}", "g/.zgroup: /zarr_format: this required field is missing"},
        {"{\"zarr_format\":3}", "g/.zgroup: /zarr_format: 3 is not in 2 .. 2"},
        {"[]", "g/.zgroup: /: the document must be an object, not an array"}};
    for (size_t i = 0; i < TSRI_COUNT(bad); i++) {
        tsri_zarr_document document = document_of("g/.zgroup", bad[i][0]);
        tsri_zarr_meta *meta = NULL;
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_zarr2_group_parse(context, &document, NULL, &meta, &err),
                         TSR_BAD_METADATA);
        assert_string_equal(err.message, bad[i][1]);
    }
}

/* ---- mutations ---- */

static bool is_tolerated(const char *field, const char *mutation)
{
    static const char *const rows[][2] = {
        {"filters", "dropped"},
        {"filters", "null"},
        {"filters", "[]"},
        {"dimension_separator", "dropped"},
        {"dimension_separator", "null"},
        {"compressor", "null"},
        {"fill_value", "null"},
        {"fill_value", "-2"},
        {"fill_value", "true"}, /* as 1 and 0 */
        {"fill_value", "false"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++)
        if (strcmp(rows[i][0], field) == 0 && strcmp(rows[i][1], mutation) == 0)
            return true;
    return false;
}

static void assert_mutation(const char *text, const char *field, const char *mutation)
{
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    char pointer[64], other[64];
    snprintf(pointer, sizeof pointer, "a/.zarray: /%s", field);
    snprintf(other, sizeof other, "axes of /%s", field);
    int status = parse_text(text, NULL, &meta, &err);
    bool named = strstr(err.message, pointer) != NULL || strstr(err.message, other) != NULL;
    bool refused = (status == TSR_BAD_METADATA || status == TSR_UNSUPPORTED) && named;
    if (is_tolerated(field, mutation) ? status != 0 : !refused)
        fail_msg("%s %s: status %d, %s", field, mutation, status, err.message);
    tsri_zarr_meta_free(meta);
}

static void every_mutation_of_a_field_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const values[] = {
        "null", "true",    "false", "-2",   "1.5",       "1e999", "18446744073709551615",
        "\"\"", "\"zzz\"", "[]",    "[[]]", "[null,{}]", "{}",    "{\"id\":null}"};
    for (size_t i = 0; i < TSRI_COUNT(base_members); i++) {
        const char *field = base_members[i][0];
        char *text = edited(&(edit){field, NULL}, 1);
        assert_mutation(text, field, "dropped");
        free(text);
        for (size_t j = 0; j < TSRI_COUNT(values); j++) {
            text = edited(&(edit){field, values[j]}, 1);
            assert_mutation(text, field, values[j]);
            free(text);
        }
        text = edited(NULL, 0);
        char *twice = malloc(strlen(text) + 200);
        sprintf(twice, "{\"%s\":%s,%s", field, base_members[i][1], text + 1);
        assert_mutation(twice, field, "twice");
        free(twice);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zarr_python_fortran_order_and_blosc),
        cmocka_unit_test(zarr_python_filters_and_big_endian),
        cmocka_unit_test(zarr_python_raw_scalar_and_record),
        cmocka_unit_test(tensorstore_documents),
        cmocka_unit_test(netcdf_documents),
        cmocka_unit_test(typestrs_are_read),
        cmocka_unit_test(objects_are_what_their_filter_makes_of_them),
        cmocka_unit_test(types_of_later_versions_are_refused_by_name),
        cmocka_unit_test(types_with_parameters_are_read),
        cmocka_unit_test(fill_values_of_every_form_are_read),
        cmocka_unit_test(order_f_reverses_the_axes),
        cmocka_unit_test(chunks_of_empty_axes_may_be_0),
        cmocka_unit_test(separators_may_be_absent_or_null),
        cmocka_unit_test(filters_may_be_absent_null_or_empty),
        cmocka_unit_test(unknown_keys_are_ignored_and_kept),
        cmocka_unit_test(attributes_may_hold_bare_nan),
        cmocka_unit_test(names_of_axes_are_those_of_xarray),
        cmocka_unit_test(groups_are_read),
        cmocka_unit_test(every_mutation_of_a_field_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
