/* The Zarr core specification 3.1, a test for each of its demands on documents, extensions, nodes
 * and stores. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "specification/specification_testing.h"

/* ---- array metadata ---- */

static void must_lie_under_the_key_zarr_json(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {2}, .chunk = {2}, .codec = "none"};
    tsr_array_close(array_new(f, f->store, "foo/baz", &row, TSR_UINT8, NULL));
    assert_true(is_stored(f, "foo/baz/zarr.json"));
    assert_true(is_stored(f, "foo/zarr.json") && is_stored(f, "zarr.json"));
    good(tsr_store_erase_prefix(f->store, "", NULL, &f->err), &f->err);
    tsr_array_close(array_new(f, f->store, "", &row, TSR_UINT8, NULL));
    char *text = document_at(f, "zarr.json");
    assert_has(text, "\"array\"");
    free(text);
}

static void must_be_a_single_object(void **state)
{
    fixture *f = *state;
    static const char *const texts[] = {
        "[]", "3", "null", "{}{}", "{} x", "", "{\"zarr_format\":3"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        tsr_array *array;
        tsr_array_open_options options;
        put_bytes(f, f->store, "a/zarr.json", texts[i], strlen(texts[i]));
        tsr_array_open_options_init(&options);
        options.store = f->store;
        tsr_error_clear(&f->err);
        assert_int_equal(tsr_array_open(f->context, "a", &options, &array, &f->err),
                         TSR_BAD_METADATA);
    }
}

static void must_have_every_mandatory_member(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(array_members); i++) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/%s: this required field is missing",
                 array_members[i][0]);
        BAD(f, pointer, {array_members[i][0], NULL});
    }
    TAKES(f, {"attributes", NULL}, {"dimension_names", NULL}, {"storage_transformers", NULL});
}

static void must_have_the_integer_3_as_zarr_format(void **state)
{
    fixture *f = *state;
    BAD(f, "/zarr_format", {"zarr_format", "2"});
    BAD(f, "/zarr_format", {"zarr_format", "4"});
    BAD(f, "/zarr_format", {"zarr_format", "\"3\""});
}

static void must_have_array_as_node_type(void **state)
{
    fixture *f = *state;
    BAD(f, "/node_type", {"node_type", "\"arr\""});
    BAD(f, "/node_type", {"node_type", "1"});
    REFUSES(f, TSR_TYPE_MISMATCH, "group", {"node_type", "\"group\""}, {"shape", NULL},
            {"data_type", NULL}, {"chunk_grid", NULL}, {"chunk_key_encoding", NULL},
            {"fill_value", NULL}, {"codecs", NULL});
}

static void must_have_integers_as_shape(void **state)
{
    fixture *f = *state;
    BAD(f, "/shape", {"shape", "[4,-1]"});
    BAD(f, "/shape", {"shape", "[4,\"6\"]"});
    BAD(f, "/shape", {"shape", "[4,6.5]"});
    BAD(f, "/shape", {"shape", "24"});
    TAKES(f, {"shape", "[0,6]"});
}

static void must_name_core_data_types_by_a_plain_string(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {2}, .chunk = {2}, .codec = "none"};
    static const char *const names[] = {"bool",    "int8",    "int16",     "int32",      "int64",
                                        "uint8",   "uint16",  "uint32",    "uint64",     "float16",
                                        "float32", "float64", "complex64", "complex128", "r24"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const tsr_dtype *dtype;
        char wanted[64], path[16];
        good(tsr_dtype_parse(names[i], &dtype, &f->err), &f->err);
        snprintf(path, sizeof path, "%zu", i);
        tsr_array_close(array_new(f, f->store, path, &row, dtype, NULL));
        tsr_dtype_unref(dtype);
        snprintf(path, sizeof path, "%zu/zarr.json", i);
        snprintf(wanted, sizeof wanted, "\"data_type\": \"%s\"", names[i]);
        char *text = document_at(f, path);
        assert_has(text, wanted);
        free(text);
    }
}

static void must_have_a_plain_string_as_name_of_an_extension(void **state)
{
    fixture *f = *state;
    static const char *const members[] = {"data_type", "chunk_grid", "chunk_key_encoding"};
    for (size_t i = 0; i < COUNT(members); i++) {
        BAD(f, members[i], {members[i], "{\"name\":7}"});
        BAD(f, members[i], {members[i], "{\"configuration\":{}}"});
        BAD(f, members[i], {members[i], "[]"});
        BAD(f, members[i], {members[i], "null"});
    }
    BAD(f, "/codecs/0", {"codecs", "[{\"name\":null}]"});
    BAD(f, "/storage_transformers/0", {"storage_transformers", "[{\"name\":1}]"});
}

static void must_have_an_object_as_configuration_of_an_extension(void **state)
{
    fixture *f = *state;
    BAD(f, "/chunk_grid/configuration",
        {"chunk_grid", "{\"name\":\"regular\",\"configuration\":[]}"});
    BAD(f, "/chunk_key_encoding/configuration",
        {"chunk_key_encoding", "{\"name\":\"default\",\"configuration\":\"/\"}"});
    BAD(f, "/codecs/0/configuration", {"codecs", "[{\"name\":\"bytes\",\"configuration\":1}]"});
    BAD(f, "/data_type/configuration",
        {"data_type", "{\"name\":\"int16\",\"configuration\":null}"});
}

static void must_take_a_name_alone_for_an_object_with_that_name(void **state)
{
    fixture *f = *state;
    TAKES(f, {"chunk_key_encoding", "\"default\""}, {"data_type", "{\"name\":\"int16\"}"},
          {"codecs", "[" BYTES ",\"crc32c\"]"});
    TAKES(f, {"data_type", "\"uint8\""}, {"fill_value", "0"}, {"codecs", "[\"bytes\"]"});
}

static void must_name_extensions_by_the_rule(void **state)
{
    fixture *f = *state;
    static const char *const wrong[] = {"Bytes", "foo/bar", "foo bar", "9lives", "_x", "a", ""};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char text[64];
        snprintf(text, sizeof text, "[{\"name\":\"%s\"}]", wrong[i]);
        BAD(f, "/codecs/0", {"codecs", text});
    }
    /* Well formed, so that it is its absence that is told; addresses are names of old. */
    REFUSES(f, TSR_UNSUPPORTED, "codec \"my-codec_1.0\"",
            {"codecs", "[" BYTES ",{\"name\":\"my-codec_1.0\"}]"});
    REFUSES(f, TSR_UNSUPPORTED, "https://example.org/c",
            {"codecs", "[" BYTES ",{\"name\":\"https://example.org/c\"}]"});
}

static void must_have_name_and_chunk_shape_in_a_regular_grid(void **state)
{
    fixture *f = *state;
    BAD(f, "/chunk_grid", {"chunk_grid", "\"regular\""});
    BAD(f, "/chunk_grid/configuration/chunk_shape",
        {"chunk_grid", "{\"name\":\"regular\",\"configuration\":{}}"});
    BAD(f, "/chunk_grid/configuration/chunk_shape", {"chunk_grid", GRID("2,\"3\"")});
    BAD(f, "/chunk_grid/configuration/chunk_shape", {"chunk_grid", GRID("2")});
    BAD(f, "/chunk_grid/configuration/chunk_shape", {"chunk_grid", GRID("2,0")});
}

static void must_record_the_fill_value_that_was_chosen(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {2}, .chunk = {2}, .codec = "none"};
    static const struct {
        const char *dtype, *wanted;
    } rows[] = {{"bool", "\"fill_value\": false"},
                {"int64", "\"fill_value\": 0"},
                {"float32", "\"fill_value\": 0"},
                {"complex64", "\"fill_value\": [0"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const tsr_dtype *dtype;
        good(tsr_dtype_parse(rows[i].dtype, &dtype, &f->err), &f->err);
        tsr_array_close(array_new(f, f->store, rows[i].dtype, &row, dtype, NULL));
        char key[64];
        snprintf(key, sizeof key, "%s/zarr.json", rows[i].dtype);
        char *text = document_at(f, key);
        assert_has(text, rows[i].wanted);
        free(text);
    }
}

static void must_have_exactly_one_codec_that_makes_bytes(void **state)
{
    fixture *f = *state;
    BAD(f, "/codecs", {"codecs", "[]"});
    BAD(f, "/codecs", {"codecs", "[" CRC "]"});
    BAD(f, "/codecs", {"codecs", "[" BYTES "," BYTES "]"});
    BAD(f, "/codecs", {"codecs", "[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}]"});
}

static void must_have_codecs_in_the_order_of_their_kinds(void **state)
{
    fixture *f = *state;
#define TURN "{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}"
    TAKES(f, {"codecs", "[" TURN "," TURN "," BYTES "," CRC "," CRC "]"});
    BAD(f, "/codecs", {"codecs", "[" BYTES "," TURN "]"});
    BAD(f, "/codecs", {"codecs", "[" CRC "," BYTES "]"});
    BAD(f, "/codecs", {"codecs", "[" BYTES "," CRC "," TURN "]"});
}

static void must_have_an_object_as_attributes(void **state)
{
    fixture *f = *state;
    BAD(f, "/attributes", {"attributes", "[]"});
    BAD(f, "/attributes", {"attributes", "\"x\""});
    TAKES(f, {"attributes", "{\"\":null,\"a\":[1,{\"b\":[]}],\"must_understand\":true}"});
}

static void must_have_as_many_dimension_names_as_lengths(void **state)
{
    fixture *f = *state;
    BAD(f, "/dimension_names", {"dimension_names", "[\"y\"]"});
    BAD(f, "/dimension_names", {"dimension_names", "[\"y\",\"x\",\"z\"]"});
    BAD(f, "/dimension_names", {"dimension_names", "[\"y\",1]"});
    BAD(f, "/dimension_names", {"dimension_names", "\"yx\""});
    TAKES(f, {"dimension_names", "[null,null]"});
    TAKES(f, {"dimension_names", "[\"x\",\"x\"]"});
    tsr_array *array = OPEN(f, {"dimension_names", "[\"y\",null]"});
    assert_string_equal(tsr_array_dimension_name(array, 0), "y");
    assert_null(tsr_array_dimension_name(array, 1));
    tsr_array_close(array);
}

static void must_take_no_storage_transformers_for_an_empty_list(void **state)
{
    fixture *f = *state;
    TAKES(f, {"storage_transformers", "[]"});
    REFUSES(f, TSR_UNSUPPORTED, "/storage_transformers/0",
            {"storage_transformers", "[{\"name\":\"sharding\"}]"});
    BAD(f, "/storage_transformers", {"storage_transformers", "{}"});
}

/* ---- extensions ---- */

static void must_fail_on_unknown_members_of_an_array(void **state)
{
    fixture *f = *state;
    BAD(f, "/surprise", {"surprise", "1"});
    BAD(f, "/surprise", {"surprise", "null"});
    BAD(f, "/surprise", {"surprise", "{\"name\":\"x\"}"});
    BAD(f, "/surprise", {"surprise", "{\"name\":\"x\",\"must_understand\":true}"});
    TAKES(f, {"surprise", "{\"name\":\"x\",\"must_understand\":false}"});
    TAKES(f, {"surprise", "{\"must_understand\":false,\"whatever\":[1]}"});
}

static void must_understand_type_grid_and_keys_in_any_case(void **state)
{
    fixture *f = *state;
    REFUSES(f, TSR_UNSUPPORTED, "/data_type",
            {"data_type", "{\"name\":\"int3\",\"must_understand\":false}"});
    REFUSES(f, TSR_UNSUPPORTED, "/chunk_grid",
            {"chunk_grid", "{\"name\":\"hexagonal\",\"must_understand\":false}"});
    REFUSES(f, TSR_UNSUPPORTED, "/chunk_key_encoding",
            {"chunk_key_encoding", "{\"name\":\"zigzag\",\"must_understand\":false}"});
}

/* ---- groups ---- */

static int try_group(fixture *f, const char *text)
{
    tsr_array_open_options options;
    tsr_group *group = NULL;
    put_bytes(f, f->store, "g/zarr.json", text, strlen(text));
    tsr_array_open_options_init(&options);
    options.store = f->store;
    tsr_error_clear(&f->err);
    int status = tsr_group_open(f->context, "g", &options, &group, &f->err);
    tsr_group_close(group);
    return status;
}

static void bad_group(fixture *f, const char *text, const char *pointer)
{
    assert_int_equal(try_group(f, text), TSR_BAD_METADATA);
    assert_has(f->err.message, pointer);
}

static void must_have_format_and_type_in_a_group(void **state)
{
    fixture *f = *state;
    good(try_group(f, "{\"zarr_format\":3,\"node_type\":\"group\"}"), &f->err);
    bad_group(f, "{\"node_type\":\"group\"}", "/zarr_format");
    bad_group(f, "{\"zarr_format\":2,\"node_type\":\"group\"}", "/zarr_format");
    bad_group(f, "{\"zarr_format\":3}", "/node_type");
    bad_group(f, "{\"zarr_format\":3,\"node_type\":\"folder\"}", "/node_type");
}

static void must_have_an_object_as_attributes_of_a_group(void **state)
{
    fixture *f = *state;
    bad_group(f, "{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":[]}", "/attributes");
    good(try_group(f, "{\"zarr_format\":3,\"node_type\":\"group\",\"attributes\":{\"a\":null}}"),
         &f->err);
}

static void must_fail_on_unknown_members_of_a_group(void **state)
{
    fixture *f = *state;
    bad_group(f, "{\"zarr_format\":3,\"node_type\":\"group\",\"surprise\":{}}", "/surprise");
    bad_group(f, "{\"zarr_format\":3,\"node_type\":\"group\",\"shape\":[1]}", "/shape");
    good(try_group(f, "{\"zarr_format\":3,\"node_type\":\"group\",\"surprise\":"
                      "{\"must_understand\":false}}"),
         &f->err);
}

/* ---- nodes ---- */

static void refuse_name(const char *name)
{
    if (tsr_group_check_name(name, NULL) != TSR_INVALID_ARGUMENT)
        fail_msg("\"%s\" was taken", name);
}

static void must_not_have_an_empty_name(void **state)
{
    (void)state;
    refuse_name("");
}

static void must_not_have_a_slash_in_a_name(void **state)
{
    (void)state;
    refuse_name("a/b");
    refuse_name("/");
}

static void must_not_have_a_name_of_periods_alone(void **state)
{
    (void)state;
    refuse_name(".");
    refuse_name("..");
    refuse_name("...");
    assert_int_equal(tsr_group_check_name("..a", NULL), 0);
}

static void must_not_have_a_name_with_the_reserved_prefix(void **state)
{
    (void)state;
    refuse_name("__");
    refuse_name("__zarr");
    assert_int_equal(tsr_group_check_name("_a", NULL), 0);
}

static void must_not_have_the_name_of_the_document(void **state)
{
    (void)state;
    refuse_name("zarr.json");
}

static void must_tell_names_apart_by_case(void **state)
{
    fixture *f = *state;
    const array_row row = {.rank = 1, .shape = {1}, .chunk = {1}, .codec = "none"};
    uint8_t one[1] = {1}, two[1] = {2}, found[1];
    tsr_array *lower = array_new(f, f->store, "foo", &row, TSR_UINT8, NULL);
    tsr_array *upper = array_new(f, f->store, "FOO", &row, TSR_UINT8, NULL);
    WRITE_ALL(f, lower, one);
    WRITE_ALL(f, upper, two);
    READ_ALL(f, lower, found);
    assert_int_equal(found[0], 1);
    tsr_array_close(lower);
    tsr_array_close(upper);
}

static int try_create(fixture *f, const char *path)
{
    const array_row row = {.rank = 1, .shape = {1}, .chunk = {1}, .codec = "none"};
    tsr_array_create_options options;
    tsr_array *array = NULL;
    row_options(&row, TSR_UINT8, NULL, &options);
    options.store = f->store;
    tsr_error_clear(&f->err);
    int status = tsr_array_create(f->context, path, &options, &array, &f->err);
    tsr_array_close(array);
    return status;
}

static void must_not_have_two_siblings_of_one_name(void **state)
{
    fixture *f = *state;
    good(try_create(f, "a"), &f->err);
    assert_int_equal(try_create(f, "a"), TSR_EXISTS);
}

static void must_not_have_children_below_an_array(void **state)
{
    fixture *f = *state;
    good(try_create(f, "a"), &f->err);
    assert_true(try_create(f, "a/b") < 0);
    assert_false(is_stored(f, "a/b/zarr.json"));
}

static void must_make_groups_of_all_ancestors(void **state)
{
    fixture *f = *state;
    good(try_create(f, "a/b/c"), &f->err);
    static const char *const keys[] = {"zarr.json", "a/zarr.json", "a/b/zarr.json"};
    for (size_t i = 0; i < COUNT(keys); i++) {
        char *text = document_at(f, keys[i]);
        assert_has(text, "\"node_type\": \"group\"");
        free(text);
    }
}

static int note_child(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    (void)error;
    char *list = user;
    snprintf(list + strlen(list), 64, "%s%c ", name, kind == TSR_NODE_ARRAY ? 'a' : 'g');
    return 0;
}

static void must_pass_over_reserved_names_when_it_lists(void **state)
{
    fixture *f = *state;
    char list[128] = "";
    tsr_group *group;
    tsr_array_open_options options;
    good(try_create(f, "a/b"), &f->err);
    good(try_create(f, "c"), &f->err);
    put_bytes(f, f->store, "__x/zarr.json", "{}", 2);
    tsr_array_open_options_init(&options);
    options.store = f->store;
    good(tsr_group_open(f->context, "", &options, &group, &f->err), &f->err);
    good(tsr_group_children(group, note_child, list, &f->err), &f->err);
    tsr_group_close(group);
    assert_string_equal(list, "ag ca ");
}

/* ---- stores ---- */

static int note_entry(void *user, const tsr_store_entry *entry)
{
    char *list = user;
    snprintf(list + strlen(list), 64, "%s ", entry->name);
    return 0;
}

static void must_list_keys_and_prefixes_of_a_folder(void **state)
{
    fixture *f = *state;
    static const char *const keys[] = {"a/b", "a/c", "a/d/e", "a/f/g", "ab/c"};
    char list[128] = "";
    for (size_t i = 0; i < COUNT(keys); i++)
        put_bytes(f, f->store, keys[i], "x", 1);
    good(tsr_store_list(f->store, "a/", true, note_entry, list, NULL, &f->err), &f->err);
    assert_string_equal(list, "b c d/ f/ ");
    *list = 0;
    good(tsr_store_list(f->store, "b/", true, note_entry, list, NULL, &f->err), &f->err);
    assert_string_equal(list, "");
}

static void must_list_all_keys_of_a_prefix(void **state)
{
    fixture *f = *state;
    static const char *const keys[] = {"a/b", "a/c/d", "e/f/g"};
    char list[128] = "";
    for (size_t i = 0; i < COUNT(keys); i++)
        put_bytes(f, f->store, keys[i], "x", 1);
    good(tsr_store_list(f->store, "a/", false, note_entry, list, NULL, &f->err), &f->err);
    assert_string_equal(list, "b c/d ");
}

static void must_tell_keys_apart_by_case(void **state)
{
    fixture *f = *state;
    PUT(f, "foo", {1});
    PUT(f, "FOO", {2});
    STORED(f, "foo", {1});
    STORED(f, "FOO", {2});
}

static void must_read_parts_of_a_value(void **state)
{
    fixture *f = *state;
    static const struct {
        tsr_range range;
        const char *wanted;
    } rows[] = {{{TSR_RANGE_PART, 2, 3}, "cde"},
                {{TSR_RANGE_SUFFIX, 0, 2}, "fg"},
                {{TSR_RANGE_WHOLE, 0, 0}, "abcdefg"}};
    put_bytes(f, f->store, "k", "abcdefg", 7);
    for (size_t i = 0; i < COUNT(rows); i++) {
        tsr_blob *blob;
        good(tsr_store_get(f->store, "k", rows[i].range, NULL, &blob, NULL, &f->err), &f->err);
        assert_int_equal(tsr_blob_size(blob), strlen(rows[i].wanted));
        assert_memory_equal(tsr_blob_data(blob), rows[i].wanted, strlen(rows[i].wanted));
        tsr_blob_unref(blob);
    }
}

static void must_erase_an_array_with_all_that_is_below(void **state)
{
    fixture *f = *state;
    int16_t values[4][6] = {{1}};
    tsr_array *array = OPEN(f, {"fill_value", "0"});
    WRITE_ALL(f, array, values);
    tsr_array_close(array);
    put_bytes(f, f->store, "ab", "x", 1);
    tsr_array_create_options options;
    const array_row row = {.rank = 1, .shape = {1}, .chunk = {1}, .codec = "none"};
    row_options(&row, TSR_UINT8, NULL, &options);
    options.store = f->store;
    options.mode = TSR_CREATE_OVERWRITE;
    good(tsr_array_create(f->context, "a", &options, &array, &f->err), &f->err);
    tsr_array_close(array);
    assert_false(is_stored(f, "a/c/0/0"));
    assert_true(is_stored(f, "ab"));
}

/* ---- the table ---- */

/* clang-format off */
static const must rows[] = {
    MUST("Stored representation", "the document of a node lies under its path and zarr.json", must_lie_under_the_key_zarr_json),
    MUST("Array metadata", "a document holds a single object", must_be_a_single_object),
    MUST("Array metadata", "every mandatory name is there", must_have_every_mandatory_member),
    MUST("Array metadata: zarr_format", "it is the integer 3", must_have_the_integer_3_as_zarr_format),
    MUST("Array metadata: node_type", "it is \"array\"", must_have_array_as_node_type),
    MUST("Array metadata: shape", "it is an array of integers", must_have_integers_as_shape),
    MUST("Array metadata: data_type", "core types are identifiers, provided as a string", must_name_core_data_types_by_a_plain_string),
    MUST("Array metadata: chunk_grid", "a regular grid is an object with name and configuration, whose chunk_shape has integers", must_have_name_and_chunk_shape_in_a_regular_grid),
    MUST("Array metadata: fill_value", "a default that was chosen is recorded", must_record_the_fill_value_that_was_chosen),
    MUST("Array metadata: codecs", "the list contains a codec from array to bytes, and exactly one", must_have_exactly_one_codec_that_makes_bytes),
    MUST("Array metadata: attributes", "the value is an object", must_have_an_object_as_attributes),
    MUST("Array metadata: storage_transformers", "absent means the same as empty", must_take_no_storage_transformers_for_an_empty_list),
    MUST("Array metadata: dimension_names", "as many strings or nulls as shape has lengths", must_have_as_many_dimension_names_as_lengths),
    MUST("Group metadata", "zarr_format is 3 and node_type is \"group\"", must_have_format_and_type_in_a_group),
    MUST("Group metadata: attributes", "the value is an object", must_have_an_object_as_attributes_of_a_group),
    MUST("Node names", "not the empty string", must_not_have_an_empty_name),
    MUST("Node names", "no \"/\"", must_not_have_a_slash_in_a_name),
    MUST("Node names", "not composed of periods only", must_not_have_a_name_of_periods_alone),
    MUST("Node names", "not starting with \"__\"", must_not_have_a_name_with_the_reserved_prefix),
    MUST("Node names", "not \"zarr.json\"", must_not_have_the_name_of_the_document),
    MUST("Node names", "case sensitive", must_tell_names_apart_by_case),
    MUST("Concepts: name", "no two siblings have the same name", must_not_have_two_siblings_of_one_name),
    MUST("Concepts: array", "an array has no child nodes", must_not_have_children_below_an_array),
    MUST("Storage: create an array", "groups exist at all ancestor paths", must_make_groups_of_all_ancestors),
    MUST("Storage: discover children", "prefixes starting with \"__\" are no children", must_pass_over_reserved_names_when_it_lists),
    MUST("Storage: erase a group or array", "document and data go, and nothing beside them", must_erase_an_array_with_all_that_is_below),
    MUST("Codecs", "array to array, then array to bytes, then bytes to bytes", must_have_codecs_in_the_order_of_their_kinds),
    MUST("Extension definition: objects", "name is a plain string", must_have_a_plain_string_as_name_of_an_extension),
    MUST("Extension definition: objects", "configuration, where present, is an object", must_have_an_object_as_configuration_of_an_extension),
    MUST("Extension definition: short-hand names", "equivalent to an object with a name alone", must_take_a_name_alone_for_an_object_with_that_name),
    MUST("Extension definition: must_understand", "unknown members of an array fail unless it is false", must_fail_on_unknown_members_of_an_array),
    MUST("Extension definition: must_understand", "unknown members of a group fail unless it is false", must_fail_on_unknown_members_of_a_group),
    MUST("Extension definition: must_understand", "false is not supported for data type, chunk grid and chunk key encoding", must_understand_type_grid_and_keys_in_any_case),
    MUST("Extension naming", "a lower-case letter, then a-z, 0-9, underscores, dots and dashes", must_name_extensions_by_the_rule),
    MUST("Abstract store interface: list_dir", "keys and prefixes below a prefix", must_list_keys_and_prefixes_of_a_folder),
    MUST("Abstract store interface: list_prefix", "all keys with a prefix", must_list_all_keys_of_a_prefix),
    MUST("Abstract store interface: keys", "case sensitive", must_tell_keys_apart_by_case),
    MUST("Abstract store interface: get_partial_values", "a range of a value, and its end", must_read_parts_of_a_value),
};
/* clang-format on */

int main(void)
{
    return run_musts("core_nodes", rows, COUNT(rows));
}
