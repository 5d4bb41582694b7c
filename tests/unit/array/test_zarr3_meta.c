/* Proves the rules of the Zarr core specification 3.1 for zarr.json, one test a rule, against
 * documents of other writers and against a mutation of every field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "unit/array/zarr_meta_testing.h"

/* An array with every field; the tests change one of them. */
static const char *const base_members[][2] = {
    {"zarr_format", "3"},
    {"node_type", "\"array\""},
    {"shape", "[10,20]"},
    {"data_type", "\"int16\""},
    {"chunk_grid", "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,20]}}"},
    {"chunk_key_encoding", "{\"name\":\"default\",\"configuration\":{\"separator\":\"/\"}}"},
    {"fill_value", "-1"},
    {"codecs", "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}]"},
    {"attributes", "{\"units\":\"m\"}"},
    {"storage_transformers", "[]"},
    {"dimension_names", "[\"y\",null]"},
};

static char *edited(const edit *edits, size_t count)
{
    return edited_document(base_members, TSRI_COUNT(base_members), edits, count);
}

static int parse_text(const char *text, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsri_zarr_document document = document_of("a/zarr.json", text);
    return tsri_zarr3_meta_parse(context, &document, ret_meta, err);
}

/* Reads the base document with edits, which must succeed. The caller frees the result. */
static tsri_zarr_meta *read_edited(const edit *edits, size_t count)
{
    char *text = edited(edits, count);
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (parse_text(text, &meta, &err) != 0)
        fail_msg("%s was refused: %s", text, err.message);
    free(text);
    return meta;
}
#define READ(...) read_edited((edit[]){__VA_ARGS__}, sizeof((edit[]){__VA_ARGS__}) / sizeof(edit))

/* Whether the value is taken; what it means is not looked at. */
static void assert_taken(const char *name, const char *value)
{
    tsri_zarr_meta_free(READ({name, value}));
}

/* Asserts that the document is refused with this status and "a/zarr.json: MESSAGE". */
static void refuse_edited(const edit *edits, size_t count, int status, const char *message)
{
    char *text = edited(edits, count);
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int found = parse_text(text, &meta, &err);
    if (found != status || err.status != status || meta != NULL ||
        strncmp(err.message, "a/zarr.json: ", 13) != 0 ||
        strncmp(err.message + 13, message, strlen(message)) != 0)
        fail_msg("%s: status %d, %s; expected %s", text, found, err.message, message);
    free(text);
}
#define REFUSED(status, message, ...)                                                          \
    refuse_edited((edit[]){__VA_ARGS__}, sizeof((edit[]){__VA_ARGS__}) / sizeof(edit), status, \
                  message)
#define BAD(message, ...) REFUSED(TSR_BAD_METADATA, message, __VA_ARGS__)

/* ---- documents of other writers ---- */

static tsri_zarr_meta *read_golden(const char *name)
{
    char *text = golden(name);
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (parse_text(text, &meta, &err) != 0)
        fail_msg("%s was refused: %s", name, err.message);
    /* Rewriting loses nothing and reads back. */
    char *again = written(meta);
    assert_same_json(again, text);
    free(again);
    free(text);
    return meta;
}

static void zarr_python_sharded(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = read_golden("zarr_python_3_sharded.json");
    assert_int_equal(meta->zarr_format, 3);
    assert_false(meta->is_group);
    assert_int_equal(meta->rank, 3);
    assert_lengths(meta->shape, (int64_t[]){100, 90, 7}, 3);
    assert_lengths(meta->chunk_shape, (int64_t[]){50, 45, 7}, 3);
    assert_ptr_equal(meta->dtype, TSR_UINT16);
    assert_fill(meta, &(uint16_t){65535});
    assert_false(meta->fill_undefined);
    assert_names(meta, "t,-,x");
    assert_true(meta->keys == tsri_key_encoding_joined(true, '/'));
    assert_chain(
        meta,
        "sharding_indexed {\"chunk_shape\":[10,9,7],\"codecs\":[{\"name\":\"bytes\",\"configuration\":"
        "{\"endian\":\"little\"}},{\"name\":\"zstd\",\"configuration\":{\"level\":0,\"checksum\":false}}],"
        "\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}},{\"name\":"
        "\"crc32c\"}],\"index_location\":\"end\"}");
    tsri_zarr_meta_free(meta);
}

static void zarr_python_fill_values(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = read_golden("zarr_python_3_nan.json");
    assert_fill(meta, &(uint32_t){0x7fc00000});
    assert_chain(
        meta,
        "bytes {\"endian\":\"little\"}; blosc {\"typesize\":4,\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":"
        "\"bitshuffle\",\"blocksize\":0}");
    assert_names(meta, "");
    tsri_zarr_meta_free(meta);
    meta = read_golden("zarr_python_3_complex.json");
    assert_fill(meta, (uint32_t[]){0x7fc00000, 0xff800000});
    assert_true(meta->keys == tsri_key_encoding_joined(false, '.'));
    tsri_zarr_meta_free(meta);
    meta = read_golden("zarr_python_3_scalar.json");
    assert_int_equal(meta->rank, 0);
    assert_fill(meta, &(int64_t){INT64_MIN});
    tsri_zarr_meta_free(meta);
    meta = read_golden("zarr_python_3_big_endian.json");
    assert_fill(meta, &(double){-0.0});
    assert_chain(meta, "transpose {\"order\":[1,2,0]}; bytes {\"endian\":\"big\"}; crc32c {}");
    tsri_zarr_meta_free(meta);
    meta = read_golden("zarr_python_3_uint64.json");
    assert_fill(meta, &(uint64_t){UINT64_MAX});
    assert_chain(meta, "bytes {\"endian\":\"little\"}; numcodecs.lz4 {\"acceleration\":2}");
    tsri_zarr_meta_free(meta);
}

static void zarr_python_consolidated_group(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = read_golden("zarr_python_3_group.json");
    assert_true(meta->is_group && meta->dtype == NULL && meta->codec_count == 0 && meta->rank == 0);
    assert_true(json_object_object_get_ex(meta->attributes, "title", NULL));
    assert_true(json_object_object_get_ex(meta->document, "consolidated_metadata", NULL));
    tsri_zarr_meta_free(meta);
}

static void tensorstore_documents(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = read_golden("tensorstore_3_sharded.json");
    assert_ptr_equal(meta->dtype, TSR_FLOAT16);
    assert_fill(meta, &(uint16_t){0x7e01});
    assert_names(meta, "y,");
    assert_true(meta->dimension_names[1] != NULL);
    assert_true(meta->keys == tsri_key_encoding_joined(true, '/'));
    assert_int_equal(meta->codec_count, 2);
    assert_string_equal(meta->codecs[1].name, "sharding_indexed");
    assert_null(meta->attributes);
    tsri_zarr_meta_free(meta);
    meta = read_golden("tensorstore_3_plain.json");
    assert_lengths(meta->shape, (int64_t[]){0, INT64_C(1) << 61}, 2);
    assert_fill(meta, &(uint8_t){1});
    assert_true(meta->keys->separator == '.');
    tsri_zarr_meta_free(meta);
}

/* zarrs records itself in the attributes, and its releases 0.11.2 and 0.11.3 wrote bare names of
 * codecs. */
static void zarrs_documents(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = READ(
        {"codecs",
         "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}},\"bytes\",\"crc32c\"]"},
        {"attributes",
         "{\"_zarrs\":{\"description\":\"x\",\"must_understand\":false,\"version\":\"0.23.0\"}}"},
        {"data_type", "\"uint8\""}, {"fill_value", "0"});
    assert_chain(meta, "transpose {\"order\":[1,0]}; bytes {}; crc32c {}");
    tsri_zarr_meta_free(meta);
}

static void types_of_later_versions_are_refused_by_name(void **state)
{
    (void)state;
    tsri_zarr_meta *text = read_golden("zarr_python_3_text.json");
    assert_ptr_equal(text->dtype, TSR_STRING);
    assert_chain(text, "vlen-utf8 {}; zstd {\"level\":0,\"checksum\":false}");
    tsri_zarr_meta_free(text);
    tsri_zarr_meta *time = read_golden("zarr_python_3_time.json");
    assert_string_equal(time->dtype->name, "datetime64[ns]");
    tsri_zarr_meta_free(time);
    static const char *const names[] = {"float8_e4m4", "complex_float8_e4m3fn", "complex_float128",
                                        "int3",        "numpy.timedelta",       "m8",
                                        "text",        "variable_length_utf8",  "datetime64"};
    for (size_t i = 0; i < TSRI_COUNT(names); i++) {
        char value[64], message[100];
        snprintf(value, sizeof value, "\"%s\"", names[i]);
        snprintf(message, sizeof message, "/data_type: the data type \"%s\" is not supported",
                 names[i]);
        REFUSED(TSR_UNSUPPORTED, message, {"data_type", value});
    }
}

/* ---- the rules ---- */

static void zarr_format_is_3_and_node_type_is_known(void **state)
{
    (void)state;
    BAD("/zarr_format: 2 is not in 3 .. 3", {"zarr_format", "2"});
    BAD("/zarr_format: 4 is not in 3 .. 3", {"zarr_format", "4"});
    BAD("/zarr_format: must be an integer, not a string", {"zarr_format", "\"3\""});
    BAD("/zarr_format: this required field is missing", {"zarr_format", NULL});
    BAD("/node_type: \"Array\" is neither \"array\" nor \"group\"", {"node_type", "\"Array\""});
    BAD("/node_type: must be a string, not null", {"node_type", "null"});
    BAD("/node_type: this required field is missing", {"node_type", NULL});
}

static void shape_is_a_list_of_lengths(void **state)
{
    (void)state;
    tsri_zarr_meta *meta =
        READ({"shape", "[]"},
             {"chunk_grid", "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[]}}"},
             {"dimension_names", "[]"});
    assert_int_equal(meta->rank, 0);
    tsri_zarr_meta_free(meta);
    meta = READ({"shape", "[0,9223372036854775807]"});
    assert_lengths(meta->shape, (int64_t[]){0, INT64_MAX}, 2);
    tsri_zarr_meta_free(meta);
    assert_taken("shape",
                 "[9223372036854775807,9223372036854775807]"); /* the product may be anything */
    BAD("/shape/0: 9223372036854775808 is not in 0 .. 9223372036854775807",
        {"shape", "[9223372036854775808,1]"});
    BAD("/shape/1: -1 is not in 0 .. ", {"shape", "[10,-1]"});
    BAD("/shape/0: must be an integer, not a number with a fraction", {"shape", "[10.0,20]"});
    BAD("/shape/1: must be an integer, not null", {"shape", "[10,null]"});
    BAD("/shape/0: must be an integer, not a string", {"shape", "[\"10\",20]"});
    BAD("/shape: must be an array of integers, not an integer", {"shape", "10"});
    BAD("/shape: this required field is missing", {"shape", NULL});
}

static void rank_is_at_most_32(void **state)
{
    (void)state;
    char shape[400] = "[1", grid[500];
    for (int rank = 2; rank <= 33; rank++) {
        strcat(shape, ",1");
        snprintf(grid, sizeof grid,
                 "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":%s]}}", shape);
        char *closed = malloc(strlen(shape) + 2);
        sprintf(closed, "%s]", shape);
        if (rank <= 32)
            tsri_zarr_meta_free(
                READ({"shape", closed}, {"chunk_grid", grid}, {"dimension_names", NULL}));
        else
            REFUSED(TSR_LIMIT, "/shape: 33 entries; at most 32 are supported", {"shape", closed},
                    {"chunk_grid", grid});
        free(closed);
    }
}

static void data_type_is_a_name_or_an_extension(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const tsr_dtype *dtype;
    } rows[] = {{"\"int16\"", TSR_INT16},
                {"{\"name\":\"int16\"}", TSR_INT16},
                {"{\"name\":\"float64\",\"configuration\":{}}", TSR_FLOAT64},
                {"{\"name\":\"uint8\",\"must_understand\":false}", TSR_UINT8},
                {"\"int2\"", TSR_INT2},
                {"\"uint4\"", TSR_UINT4},
                {"\"bfloat16\"", TSR_BFLOAT16},
                {"\"float6_e2m3fn\"", TSR_FLOAT6_E2M3FN},
                {"\"float8_e4m3fn\"", TSR_FLOAT8_E4M3FN}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"data_type", rows[i].value}, {"fill_value", "0"});
        assert_ptr_equal(meta->dtype, rows[i].dtype);
        tsri_zarr_meta_free(meta);
    }
    /* Aliases of the registry. */
    tsri_zarr_meta *alias = READ({"data_type", "\"complex_float32\""}, {"fill_value", "[0,0]"});
    assert_ptr_equal(alias->dtype, TSR_COMPLEX64);
    tsri_zarr_meta_free(alias);
    tsri_zarr_meta *meta = READ({"data_type", "\"r24\""}, {"fill_value", "[1,2,255]"});
    assert_int_equal(meta->dtype->size_bytes, 3);
    tsri_zarr_meta_free(meta);
    BAD("/data_type: type \"r7\"", {"data_type", "\"r7\""});
    BAD("/data_type: type \"r0\"", {"data_type", "\"r0\""});
    REFUSED(TSR_UNSUPPORTED, "/data_type: the data type \"i2\" is not supported",
            {"data_type", "\"i2\""});
    BAD("/data_type: \"<i2\" is no name of an extension", {"data_type", "\"<i2\""});
    BAD("/data_type/configuration/endian: this field is not known",
        {"data_type", "{\"name\":\"int16\",\"configuration\":{\"endian\":\"big\"}}"});
    BAD("/data_type: must be an object with a \"name\"", {"data_type", "[[\"a\",\"<i4\"]]"});
    BAD("/data_type/name: this required field is missing", {"data_type", "{}"});
    /* must_understand: false excuses no data type, chunk grid or key encoding. */
    REFUSED(TSR_UNSUPPORTED, "/data_type: the data type \"int3\" is not supported",
            {"data_type", "{\"name\":\"int3\",\"must_understand\":false}"});
    REFUSED(TSR_UNSUPPORTED, "/chunk_grid: the chunk grid \"hexagonal\" is not supported",
            {"chunk_grid", "{\"name\":\"hexagonal\",\"must_understand\":false}"});
    REFUSED(TSR_UNSUPPORTED,
            "/chunk_key_encoding: the chunk key encoding \"suffix\" is not supported",
            {"chunk_key_encoding", "{\"name\":\"suffix\",\"must_understand\":false}"});
}

static void data_types_with_configurations_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *value, *name, *fill;
    } rows[] = {
        {"{\"name\":\"numpy.datetime64\",\"configuration\":{\"unit\":\"us\",\"scale_factor\":10}}",
         "datetime64[10us]", "\"NaT\""},
        {"{\"name\":\"numpy.timedelta64\",\"configuration\":{\"unit\":\"\u03bcs\","
         "\"scale_factor\":1}}",
         "timedelta64[us]", "-7"},
        {"{\"name\":\"fixed_length_utf32\",\"configuration\":{\"length_bytes\":12}}", "U3",
         "\"a\u00e9\""},
        {"{\"name\":\"null_terminated_bytes\",\"configuration\":{\"length_bytes\":5}}", "S5",
         "\"YWI=\""},
        {"{\"name\":\"raw_bytes\",\"configuration\":{\"length_bytes\":3}}", "r24", "\"AQID\""},
        {"{\"name\":\"struct\",\"configuration\":{\"fields\":[{\"name\":\"x\",\"data_type\":"
         "\"float32\"},{\"name\":\"a b\",\"data_type\":\"int16\"}]}}",
         "struct{x:float32,\"a b\":int16}", "{\"a b\": 1, \"x\": \"NaN\"}"},
        {"{\"name\":\"structured\",\"configuration\":{\"fields\":[[\"x\",\"uint8\"],[\"y\","
         "\"int16\"]]}}",
         "struct{x:uint8,y:int16}", "\"AQIA\""},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"data_type", rows[i].value}, {"fill_value", rows[i].fill});
        assert_string_equal(meta->dtype->name, rows[i].name);
        tsri_zarr_meta_free(meta);
    }
    BAD("/data_type/configuration: this required field is missing",
        {"data_type", "\"numpy.datetime64\""});
    BAD("/data_type/configuration/unit: this required field is missing",
        {"data_type", "{\"name\":\"numpy.datetime64\",\"configuration\":{\"scale_factor\":1}}"});
    BAD("/data_type/configuration/scale_factor: 0 is not in 1 .. 2147483647",
        {"data_type",
         "{\"name\":\"numpy.datetime64\",\"configuration\":{\"unit\":\"s\",\"scale_factor\":0}}"});
    BAD("/data_type/configuration: \"S\" is no unit of time",
        {"data_type",
         "{\"name\":\"numpy.datetime64\",\"configuration\":{\"unit\":\"S\",\"scale_factor\":1}}"});
    BAD("/data_type/configuration/length_bytes: 6 is no multiple of 4",
        {"data_type", "{\"name\":\"fixed_length_utf32\",\"configuration\":{\"length_bytes\":6}}"});
    BAD("/data_type/configuration/fields: 0 fields",
        {"data_type", "{\"name\":\"struct\",\"configuration\":{\"fields\":[]}}"});
    BAD("/data_type/configuration/fields: field \"x\" of a struct is there twice",
        {"data_type",
         "{\"name\":\"struct\",\"configuration\":{\"fields\":[{\"name\":\"x\",\"data_type\":"
         "\"int8\"},{\"name\":\"x\",\"data_type\":\"int8\"}]}}"});
    BAD("/data_type/configuration/fields/0: must be an object",
        {"data_type", "{\"name\":\"struct\",\"configuration\":{\"fields\":[[\"x\",\"int8\"]]}}"});
    BAD("/fill_value: {\"x\":1} is not a value of type struct",
        {"data_type",
         "{\"name\":\"struct\",\"configuration\":{\"fields\":[{\"name\":\"x\",\"data_type\":"
         "\"int8\"},{\"name\":\"y\",\"data_type\":\"int8\"}]}}"},
        {"fill_value", "{\"x\":1}"});
}

static void chunk_grid_is_regular_with_positive_lengths(void **state)
{
    (void)state;
    assert_taken("chunk_grid",
                 "{\"configuration\":{\"chunk_shape\":[100,9223372036854775]},\"name\":\"regular\","
                 "\"must_understand\":true}");
    BAD("/chunk_grid/configuration/chunk_shape/1: 0 is not in 1 .. ",
        {"chunk_grid", "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,0]}}"});
    BAD("/chunk_grid/configuration/chunk_shape/0: -4 is not in 1 .. ",
        {"chunk_grid", "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[-4,1]}}"});
    BAD("/chunk_grid/configuration/chunk_shape: 3 entries for the 2 axes of /shape",
        {"chunk_grid", "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,1,1]}}"});
    BAD("/chunk_grid/configuration/chunk_shape: must be an array of integers, not an integer",
        {"chunk_grid", "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":4}}"});
    BAD("/chunk_grid/configuration/chunk_shape: this required field is missing",
        {"chunk_grid", "{\"name\":\"regular\",\"configuration\":{}}"});
    BAD("/chunk_grid/configuration: this required field is missing", {"chunk_grid", "\"regular\""});
    BAD("/chunk_grid/configuration/kind: this field is not known",
        {"chunk_grid",
         "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,1],\"kind\":\"inline\"}}"});
    BAD("/chunk_grid/type: this field is not known",
        {"chunk_grid",
         "{\"name\":\"regular\",\"type\":1,\"configuration\":{\"chunk_shape\":[4,1]}}"});
    BAD("/chunk_grid: this required field is missing", {"chunk_grid", NULL});
    REFUSED(TSR_LIMIT, "/chunk_grid/configuration/chunk_shape: a chunk of more than 2^63-1 bytes",
            {"chunk_grid",
             "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,1152921504606846976]}}"});
    REFUSED(
        TSR_LIMIT, "/chunk_grid/configuration/chunk_shape: a chunk of more than 2^63-1 bytes",
        {"chunk_grid",
         "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[9223372036854775807,9223372036854775807]}}"});
}

static void chunk_key_encodings_have_their_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        bool has_lead;
        char separator;
    } rows[] = {
        {"{\"name\":\"default\"}", true, '/'},
        {"\"default\"", true, '/'},
        {"{\"name\":\"default\",\"configuration\":{}}", true, '/'},
        {"{\"name\":\"default\",\"configuration\":{\"separator\":\".\"}}", true, '.'},
        {"{\"name\":\"v2\"}", false, '.'},
        {"\"v2\"", false, '.'},
        {"{\"name\":\"v2\",\"configuration\":{\"separator\":\"/\"}}", false, '/'},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"chunk_key_encoding", rows[i].value});
        assert_int_equal(meta->keys->has_lead, rows[i].has_lead);
        assert_int_equal(meta->keys->separator, rows[i].separator);
        tsri_zarr_meta_free(meta);
    }
    BAD("/chunk_key_encoding/configuration/separator: \"-\" is neither \"/\" nor \".\"",
        {"chunk_key_encoding", "{\"name\":\"v2\",\"configuration\":{\"separator\":\"-\"}}"});
    BAD("/chunk_key_encoding/configuration/separator: \"\" is neither",
        {"chunk_key_encoding", "{\"name\":\"v2\",\"configuration\":{\"separator\":\"\"}}"});
    BAD("/chunk_key_encoding/configuration/separator: \"//\" is neither",
        {"chunk_key_encoding", "{\"name\":\"v2\",\"configuration\":{\"separator\":\"//\"}}"});
    BAD("/chunk_key_encoding/configuration/separator: must be a string, not null",
        {"chunk_key_encoding", "{\"name\":\"v2\",\"configuration\":{\"separator\":null}}"});
    BAD("/chunk_key_encoding/configuration/prefix: this field is not known",
        {"chunk_key_encoding", "{\"name\":\"v2\",\"configuration\":{\"prefix\":\"x\"}}"});
    BAD("/chunk_key_encoding: this required field is missing", {"chunk_key_encoding", NULL});
}

typedef struct fill_row {
    const char *type, *value;
    uint64_t bits;
} fill_row;

static void fill_values_of_every_form_are_read(void **state)
{
    (void)state;
    static const fill_row rows[] = {
        {"bool", "true", 1},
        {"bool", "false", 0},
        {"int8", "-128", 0x80},
        {"int16", "1.0", 1}, /* zarr-python and tensorstore accept it */
        {"uint8", "255", 255},
        {"int64", "-9223372036854775808", UINT64_C(1) << 63},
        {"uint64", "18446744073709551615", UINT64_MAX},
        {"float16", "1e-7", 0x0002},
        {"float32", "0.1", 0x3dcccccd},
        {"float32", "-0.0", 0x80000000},
        {"float32", "-0", 0x80000000},
        {"float32", "\"NaN\"", 0x7fc00000},
        {"float32", "\"0x7fc00001\"", 0x7fc00001},
        {"float32", "\"0xffffffff\"", 0xffffffff},
        {"float32", "\"Infinity\"", 0x7f800000},
        {"float32", "\"+Infinity\"", 0x7f800000},
        {"float64", "\"-Infinity\"", 0xfff0000000000000},
        {"float64", "\"NaN\"", 0x7ff8000000000000},
        {"float64", "\"0x7ff8000000000abc\"", 0x7ff8000000000abc},
        {"float64", "1", 0x3ff0000000000000},
        {"float64", "5e-324", 1},
        {"complex64", "[1.5,\"-Infinity\"]", 0xff8000003fc00000},
        {"complex64", "[\"0x00000001\",0]", 1},
        {"r24", "[1,2,255]", 0xff0201},
        {"r24", "\"AQL/\"", 0xff0201}, /* tensorstore writes base64 */
        {"r8", "[7]", 7},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        char type[40];
        snprintf(type, sizeof type, "\"%s\"", rows[i].type);
        tsri_zarr_meta *meta = READ({"data_type", type}, {"fill_value", rows[i].value});
        uint64_t bits = 0;
        memcpy(&bits, meta->fill_value, meta->dtype->size_bytes);
        if (bits != rows[i].bits)
            fail_msg("%s %s gave %llx", rows[i].type, rows[i].value, (unsigned long long)bits);
        tsri_zarr_meta_free(meta);
    }
}

static void fill_values_outside_their_type_are_refused(void **state)
{
    (void)state;
    static const fill_row rows[] = {
        {"bool", "2", 0},
        {"bool", "\"true\"", 0},
        {"int8", "128", 0},
        {"int8", "1.5", 0},
        {"int8", "\"NaN\"", 0},
        {"uint8", "-1", 0},
        {"uint8", "256", 0},
        {"int64", "9223372036854775808", 0},
        {"int16", "\"1\"", 0},
        {"int16", "[1]", 0},
        {"int16", "{}", 0},
        {"float32", "\"nan\"", 0},
        {"float32", "\"0x1ffffffff\"", 0},
        {"float32", "\"7fc00000\"", 0},
        {"float32", "true", 0},
        {"float32", "[1.0]", 0},
        {"complex64", "1.0", 0},
        {"complex64", "[1.0]", 0},
        {"complex64", "[1,2,3]", 0},
        {"r16", "[1]", 0},
        {"r16", "[1,256]", 0},
        {"r16", "5", 0},
        {"r16", "\"AQ==\"", 0},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        char type[40];
        snprintf(type, sizeof type, "\"%s\"", rows[i].type);
        BAD("/fill_value: ", {"data_type", type}, {"fill_value", rows[i].value});
    }
    BAD("/fill_value: null is no fill value in Zarr 3; the type int16 needs",
        {"fill_value", "null"});
    BAD("/fill_value: this required field is missing", {"fill_value", NULL});
}

static void codecs_are_a_list_that_is_not_empty(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = READ(
        {"codecs",
         "[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"},\"must_understand\":true},\"gzip\","
         "{\"name\":\"https://example.org/codec\",\"configuration\":{\"a\":[1.50,18446744073709551615]}}]"});
    assert_chain(meta, "bytes {\"endian\":\"big\"}; gzip {}; https://example.org/codec "
                       "{\"a\":[1.50,18446744073709551615]}");
    tsri_zarr_meta_free(meta);
    BAD("/codecs: must not be empty", {"codecs", "[]"});
    BAD("/codecs: must be an array of codecs, not an object", {"codecs", "{}"});
    BAD("/codecs/1: must be an object with a \"name\"", {"codecs", "[\"bytes\",null]"});
    BAD("/codecs/0/name: this required field is missing", {"codecs", "[{}]"});
    BAD("/codecs/0/level: this field is not known",
        {"codecs", "[{\"name\":\"gzip\",\"level\":1}]"});
    BAD("/codecs/0/configuration: must be an object, not an array",
        {"codecs", "[{\"name\":\"gzip\",\"configuration\":[]}]"});
    BAD("/codecs: this required field is missing", {"codecs", NULL});
}

static void attributes_are_an_object(void **state)
{
    (void)state;
    tsri_zarr_meta *meta = READ({"attributes", "{\"a\":{\"must_understand\":true},\"b\":1.10}"});
    tsri_json *value = NULL;
    assert_true(json_object_object_get_ex(meta->attributes, "b", &value));
    assert_string_equal(tsri_json_source(value), "1.10");
    tsri_zarr_meta_free(meta);
    meta = READ({"attributes", NULL});
    assert_null(meta->attributes);
    tsri_zarr_meta_free(meta);
    /* As zarr-python 3 writes them. */
    meta = READ({"attributes", "{\"b\":[NaN,-Infinity]}"});
    assert_true(json_object_object_get_ex(meta->attributes, "b", &value));
    assert_true(__builtin_isnan(json_object_get_double(json_object_array_get_idx(value, 0))));
    tsri_zarr_meta_free(meta);
    meta = READ({"attributes", "{\"\\ud800\":[\"\\udfff\"]}"});
    assert_true(json_object_object_get_ex(meta->attributes, "\xed\xa0\x80", &value));
    tsri_zarr_meta_free(meta);
    BAD("/dimension_names: a lone surrogate", {"dimension_names", "[\"\\ud800\",null]"});
    BAD("/extra: a lone surrogate", {"extra", "{\"must_understand\":false,\"\\ud800\":1}"});
    BAD("/attributes: must be an object, not null", {"attributes", "null"});
    BAD("/attributes: must be an object, not an array", {"attributes", "[]"});
    BAD("/attributes/a: the name of this member occurs twice", {"attributes", "{\"a\":1,\"a\":2}"});
}

static void storage_transformers_are_refused(void **state)
{
    (void)state;
    assert_taken("storage_transformers", NULL);
    REFUSED(TSR_UNSUPPORTED,
            "/storage_transformers/0: the storage transformer \"xyz\" is not supported",
            {"storage_transformers", "[{\"name\":\"xyz\"}]"});
    REFUSED(TSR_UNSUPPORTED,
            "/storage_transformers/0: the storage transformer \"xyz\" is not supported",
            {"storage_transformers", "[{\"name\":\"xyz\",\"must_understand\":false}]"});
    BAD("/storage_transformers: must be an array, not an object", {"storage_transformers", "{}"});
    BAD("/storage_transformers/0: must be an object with a \"name\"",
        {"storage_transformers", "[1]"});
}

static void dimension_names_are_strings_or_null(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"[\"x\",\"x\"]", "x,x"},
                                          {"[null,null]", "-,-"},
                                          {"[\"\",\"\xc3\xa9\"]", ",\xc3\xa9"},
                                          {NULL, ""},
                                          {"null", ""} /* early zarr-python */};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsri_zarr_meta *meta = READ({"dimension_names", rows[i][0]});
        assert_names(meta, rows[i][1]);
        tsri_zarr_meta_free(meta);
    }
    BAD("/dimension_names: 1 entries for the 2 axes of /shape", {"dimension_names", "[\"x\"]"});
    BAD("/dimension_names: 0 entries for the 2 axes of /shape", {"dimension_names", "[]"});
    BAD("/dimension_names/1: must be a string or null, not an integer",
        {"dimension_names", "[\"x\",1]"});
    BAD("/dimension_names/0: this name holds U+0000", {"dimension_names", "[\"a\\u0000b\",null]"});
    BAD("/dimension_names: must be an array, not a string", {"dimension_names", "\"xy\""});
}

static void unknown_fields_are_refused_unless_they_may_be_ignored(void **state)
{
    (void)state;
    BAD("/extra: this field is not known, and readers must understand it", {"extra", "1"});
    BAD("/extra: this field is not known", {"extra", "{\"name\":\"x\",\"must_understand\":true}"});
    BAD("/extra: this field is not known", {"extra", "{\"name\":\"x\"}"});
    BAD("/consolidated_metadata: this field is not known", {"consolidated_metadata", "{}"});
    assert_taken("extra", "{\"must_understand\":false}");
    assert_taken("extra", "{\"name\":\"x\",\"configuration\":{\"a\":1},\"must_understand\":false}");
}

static int parse_group(const char *text, tsr_error *err)
{
    tsri_zarr_meta *meta = NULL;
    int status = parse_text(text, &meta, err);
    assert_true(status != 0 || meta->is_group);
    tsri_zarr_meta_free(meta);
    return status;
}

static void groups_have_attributes_and_consolidated_metadata(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{\"zarr_format\":3,\"node_type\":\"group\"}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":{\"a\":[]}}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":{\"kind\":\"inline\","
        "\"must_understand\":false,\"metadata\":{}}}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":null}",
        "{\"zarr_format\":3,\"node_type\":\"group\",\"x\":{\"must_understand\":false}}"};
    for (size_t i = 0; i < TSRI_COUNT(good); i++)
        assert_int_equal(parse_group(good[i], NULL), 0);
    static const char *const bad[][2] = {
        {"{\"zarr_format\":3,\"node_type\":\"group\",\"shape\":[]}",
         "a/zarr.json: /shape: this field is not known"},
        {"{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":1}",
         "a/zarr.json: /attributes: must be an object"},
        {"{\"zarr_format\":3,\"node_type\":\"group\",\"consolidated_metadata\":[]}",
         "a/zarr.json: /consolidated_metadata: must be an object, not an array"},
        {"{\"node_type\":\"group\"}", "a/zarr.json: /zarr_format: this required field is missing"},
        {"[]", "a/zarr.json: /: the document must be an object, not an array"},
        {"null", "a/zarr.json: /: the document must be an object, not null"},
        {"", "a/zarr.json: /: the document ends where a value should be"}};
    for (size_t i = 0; i < TSRI_COUNT(bad); i++) {
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(parse_group(bad[i][0], &err), TSR_BAD_METADATA);
        if (strncmp(err.message, bad[i][1], strlen(bad[i][1])) != 0)
            fail_msg("%s: %s", bad[i][0], err.message);
    }
}

static void documents_are_limited_by_the_context(void **state)
{
    (void)state;
    tsr_context_options options;
    tsr_context *small = NULL;
    tsr_context_options_init(&options);
    options.largest_metadata_bytes = 40;
    assert_int_equal(tsr_context_new(&options, &small, NULL), 0);
    tsri_zarr_document document =
        document_of("k", "{\"zarr_format\":3,\"node_type\":\"group\"    }");
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsri_zarr3_meta_parse(small, &document, &meta, &err), TSR_LIMIT);
    assert_string_equal(err.message, "k: a JSON document of 41 bytes; at most 40 are read");
    document.size_bytes = 37;
    assert_int_equal(tsri_zarr3_meta_parse(small, &document, &meta, &err), TSR_BAD_METADATA);
    tsr_context_free(small);
}

/* ---- mutations ---- */

/* What may be done to a field without a refusal, by the rules above. */
static bool is_tolerated(const char *field, const char *mutation)
{
    static const char *const rows[][2] = {
        {"attributes", "dropped"},      {"storage_transformers", "dropped"},
        {"dimension_names", "dropped"}, {"dimension_names", "null"},
        {"storage_transformers", "[]"}, {"fill_value", "-2"},
    };
    for (size_t i = 0; i < TSRI_COUNT(rows); i++)
        if (strcmp(rows[i][0], field) == 0 && strcmp(rows[i][1], mutation) == 0)
            return true;
    return strcmp(field, "attributes") == 0 && mutation[0] == '{'; /* any object */
}

/* Reads a document and asserts a refusal whose message names the pointer, or success where it is
 * tolerated. */
static void assert_mutation(const char *text, const char *field, const char *mutation,
                            const char *pointer)
{
    tsri_zarr_meta *meta = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int status = parse_text(text, &meta, &err);
    bool tolerated = is_tolerated(field, mutation);
    char other[100]; /* a list that does not fit another field is refused there, and names this one
                        too */
    snprintf(other, sizeof other, "axes of /%s", field);
    bool named = strstr(err.message, pointer) != NULL || strstr(err.message, other) != NULL;
    if (tolerated ? status != 0
                  : (status != TSR_BAD_METADATA && status != TSR_UNSUPPORTED) || !named)
        fail_msg("%s %s: status %d, %s", field, mutation, status, err.message);
    tsri_zarr_meta_free(meta);
}

static void every_mutation_of_a_field_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const values[] = {"null",
                                         "true",
                                         "false",
                                         "-2",
                                         "1.5",
                                         "1e999",
                                         "18446744073709551615",
                                         "\"\"",
                                         "\"zzz\"",
                                         "[]",
                                         "[[]]",
                                         "[null,{}]",
                                         "{}",
                                         "{\"name\":null}",
                                         "{\"name\":\"zzz\"}",
                                         "{\"must_understand\":false}"};
    for (size_t i = 0; i < TSRI_COUNT(base_members); i++) {
        const char *field = base_members[i][0];
        char pointer[100], *text = edited(&(edit){field, NULL}, 1);
        snprintf(pointer, sizeof pointer, "a/zarr.json: /%s", field);
        assert_mutation(text, field, "dropped", pointer);
        free(text);
        for (size_t j = 0; j < TSRI_COUNT(values); j++) {
            text = edited(&(edit){field, values[j]}, 1);
            assert_mutation(text, field, values[j], pointer);
            free(text);
        }
        /* Twice. */
        text = edited(NULL, 0);
        char *twice = malloc(strlen(text) + 400);
        sprintf(twice, "{\"%s\":%s,%s", field, base_members[i][1], text + 1);
        assert_mutation(twice, field, "twice", pointer);
        free(twice);
        free(text);
        /* Under a name that differs in case: unknown, and the right one is missing or defaulted. */
        char renamed[64], unknown[100];
        snprintf(renamed, sizeof renamed, "%c%s", field[0] - 'a' + 'A', field + 1);
        snprintf(unknown, sizeof unknown, "/%s: this field is not known", renamed);
        edit rename[] = {{field, NULL}, {renamed, base_members[i][1]}};
        text = edited(rename, 2);
        if (strcmp(field, "zarr_format") != 0 && strcmp(field, "node_type") != 0)
            assert_mutation(text, field, "renamed", unknown);
        free(text);
    }
}

static void every_cut_of_a_document_is_refused(void **state)
{
    (void)state;
    char *text = edited(NULL, 0);
    for (size_t size = 0; size < strlen(text); size++) {
        tsri_zarr_document document = {"k", text, size};
        tsri_zarr_meta *meta = NULL;
        assert_int_equal(tsri_zarr3_meta_parse(context, &document, &meta, NULL), TSR_BAD_METADATA);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zarr_python_sharded),
        cmocka_unit_test(zarr_python_fill_values),
        cmocka_unit_test(zarr_python_consolidated_group),
        cmocka_unit_test(tensorstore_documents),
        cmocka_unit_test(zarrs_documents),
        cmocka_unit_test(types_of_later_versions_are_refused_by_name),
        cmocka_unit_test(zarr_format_is_3_and_node_type_is_known),
        cmocka_unit_test(shape_is_a_list_of_lengths),
        cmocka_unit_test(rank_is_at_most_32),
        cmocka_unit_test(data_type_is_a_name_or_an_extension),
        cmocka_unit_test(data_types_with_configurations_are_read),
        cmocka_unit_test(chunk_grid_is_regular_with_positive_lengths),
        cmocka_unit_test(chunk_key_encodings_have_their_defaults),
        cmocka_unit_test(fill_values_of_every_form_are_read),
        cmocka_unit_test(fill_values_outside_their_type_are_refused),
        cmocka_unit_test(codecs_are_a_list_that_is_not_empty),
        cmocka_unit_test(attributes_are_an_object),
        cmocka_unit_test(storage_transformers_are_refused),
        cmocka_unit_test(dimension_names_are_strings_or_null),
        cmocka_unit_test(unknown_fields_are_refused_unless_they_may_be_ignored),
        cmocka_unit_test(groups_have_attributes_and_consolidated_metadata),
        cmocka_unit_test(documents_are_limited_by_the_context),
        cmocka_unit_test(every_mutation_of_a_field_is_refused_by_name),
        cmocka_unit_test(every_cut_of_a_document_is_refused),
    };
    return cmocka_run_group_tests(tests, make_context, free_context);
}
