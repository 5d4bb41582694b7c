/* Proves, for every field of metadata of both formats and of what the fields hold, that a document
 * in which it is dropped, of another type, out of range, doubled or joined by an unknown one is
 * refused by its JSON pointer, or read by a tolerance that is listed here with its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <json-c/json.h>
#include <json-c/json_pointer.h>

#include "base/base.h"
#include "unit/array/array_testing.h"

static const char v3_sharded[] =
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[8,6],\"data_type\":\"int16\","
    "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,6]}},"
    "\"chunk_key_encoding\":{\"name\":\"default\",\"configuration\":{\"separator\":\"/\"}},"
    "\"fill_value\":5,\"codecs\":[{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}},"
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":[3,2],\"codecs\":[{\"name\":"
    "\"bytes\",\"configuration\":{\"endian\":\"little\"}},{\"name\":\"gzip\",\"configuration\":"
    "{\"level\":5}}],\"index_codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}},"
    "{\"name\":\"crc32c\"}],\"index_location\":\"end\"}},{\"name\":\"zstd\",\"configuration\":"
    "{\"level\":3,\"checksum\":true}}],\"attributes\":{\"a\":[1,{\"b\":null}]},"
    "\"storage_transformers\":[],\"dimension_names\":[\"y\",null]}";

static const char v3_rectilinear[] =
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[8,6],\"data_type\":\"float32\","
    "\"chunk_grid\":{\"name\":\"rectilinear\",\"configuration\":{\"kind\":\"inline\","
    "\"chunk_shapes\":[[3,[2,2],1],4]}},\"chunk_key_encoding\":{\"name\":\"v2\"},"
    "\"fill_value\":\"NaN\",\"codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}},"
    "{\"name\":\"blosc\",\"configuration\":{\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":\"shuffle\","
    "\"typesize\":4,\"blocksize\":0}}]}";

static const char v2[] =
    "{\"zarr_format\":2,\"shape\":[8,6],\"chunks\":[4,6],\"dtype\":\"<i2\",\"compressor\":{\"id\":"
    "\"zlib\",\"level\":5},\"fill_value\":5,\"order\":\"C\",\"filters\":[{\"id\":\"delta\",\"dtype\":"
    "\"<i2\"}],\"dimension_separator\":\"/\"}";

/* What is read all the same. A pointer that ends in * stands for all that begin with it. */
typedef struct tolerance {
    const char *pointer, *change; /* "" for any change */
    const char *reason;
} tolerance;

/* Of every document. */
static const tolerance common[] = {
    {"/shape/0", "0", "a length like any other"},
    {"/shape/0", "7", "a length like any other"},
    {"/shape/0", "9223372036854775807", "the longest axis that there is"},
    {"/shape/1", "0", "a length like any other"},
    {"/shape/1", "7", "a length like any other"},
    {"/shape/1", "9223372036854775807", "the longest axis that there is"},
    {"/fill_value", "-1", "a value like any other"},
    {"/fill_value", "0", "a value like any other"},
    {"/fill_value", "7", "a value like any other"},
};

static const tolerance v3_sharded_tolerances[] = {
    {"/attributes", "drop", "optional in the specification"},
    {"/attributes", "{}", "an object like any other"},
    {"/attributes/*", "", "attributes are the user's"},
    {"/attributes", "unknown", "attributes are the user's"},
    {"/storage_transformers", "drop", "optional in the specification"},
    {"/storage_transformers", "[]", "as it was"},
    {"/dimension_names", "drop", "optional in the specification"},
    {"/dimension_names", "null", "early releases of zarr-python wrote it for \"none\""},
    {"/dimension_names/0", "null", "an axis without a name"},
    {"/dimension_names/0", "\"\"", "an axis whose name is empty"},
    {"/dimension_names/0", "\"x\"", "any text is a name"},
    {"/dimension_names/1", "null", "as it was"},
    {"/dimension_names/1", "\"\"", "an axis whose name is empty"},
    {"/dimension_names/1", "\"x\"", "any text is a name"},
    {"/chunk_key_encoding/configuration", "drop", "optional: the separator is then a slash"},
    {"/chunk_key_encoding/configuration", "{}", "empty and absent mean the same"},
    {"/chunk_key_encoding/configuration/separator", "drop", "a slash by default"},
    {"/codecs/0/configuration/order/1", "0", "as it was"},
    {"/codecs/1/configuration/index_location", "drop", "the end by default"},
    {"/codecs/1/configuration/index_codecs/1", "drop", "an index without a checksum"},
    {"/codecs/1/configuration/codecs/1", "drop", "inner chunks that are not compressed"},
    {"/codecs/1/configuration/codecs/1/configuration", "drop", "gzip decodes whatever the level"},
    {"/codecs/1/configuration/codecs/1/configuration", "{}", "gzip decodes whatever the level"},
    {"/codecs/1/configuration/codecs/1/configuration/level", "drop",
     "gzip decodes whatever the level"},
    {"/codecs/1/configuration/codecs/1/configuration/level", "0",
     "gzip decodes whatever the level"},
    {"/codecs/1/configuration/codecs/1/configuration/level", "7",
     "gzip decodes whatever the level"},
    {"/codecs/1/configuration/codecs/1/configuration/surprise", "unknown",
     "gzip decodes whatever the level"},
    {"/codecs/2", "drop", "a shard that is not compressed"},
    {"/codecs/2/configuration", "drop", "zstd decodes whatever the level"},
    {"/codecs/2/configuration", "{}", "zstd decodes whatever the level"},
    {"/codecs/2/configuration/level", "drop", "zstd decodes whatever the level"},
    {"/codecs/2/configuration/level", "-1", "zstd decodes whatever the level"},
    {"/codecs/2/configuration/level", "0", "zstd decodes whatever the level"},
    {"/codecs/2/configuration/level", "7", "zstd decodes whatever the level"},
    {"/codecs/2/configuration/checksum", "drop", "zstd decodes whatever the level"},
    {"/codecs/2/configuration/checksum", "true", "zstd decodes whatever the level"},
    {"/codecs/2/configuration/surprise", "unknown", "zstd decodes whatever the level"},
};

static const tolerance v3_rectilinear_tolerances[] = {
    {"/chunk_grid/configuration/chunk_shapes/0", "7", "two chunks of 7"},
    {"/chunk_grid/configuration/chunk_shapes/0/0", "7", "chunks may end behind the array"},
    {"/chunk_grid/configuration/chunk_shapes/0/1", "7", "chunks may end behind the array"},
    {"/chunk_grid/configuration/chunk_shapes/0/1/0", "7", "chunks may end behind the array"},
    {"/chunk_grid/configuration/chunk_shapes/0/1/1", "7", "chunks may end behind the array"},
    {"/chunk_grid/configuration/chunk_shapes/0/2", "7", "chunks may end behind the array"},
    {"/chunk_grid/configuration/chunk_shapes/1", "7", "one chunk of 7"},
    {"/fill_value", "1.5", "a value like any other"},
    {"/fill_value", "9223372036854775807", "a number, rounded"},
    {"/fill_value", "18446744073709551615", "a number, rounded"},
    {"/codecs/1", "drop", "chunks that are not compressed"},
    {"/codecs/1/configuration", "drop", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration", "{}", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/surprise", "unknown", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/cname", "drop", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/clevel", "drop", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/clevel", "0", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/clevel", "7", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/shuffle", "drop", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/typesize", "drop", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/typesize", "7", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/blocksize", "drop", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/blocksize", "0", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/blocksize", "7", "a chunk of blosc says how it was made"},
};

static const tolerance v2_tolerances[] = {
    {"/surprise", "unknown", "the specification asks readers to ignore what they do not know"},
    {"/chunks/0", "7", "a length like any other"},
    {"/chunks/1", "7", "a length like any other"},
    {"/fill_value", "null", "undefined, which everybody reads as zero"},
    {"/fill_value", "[null]", "a list of one value stands for the value"},
    {"/compressor", "null", "chunks that are not compressed"},
    {"/compressor/level", "drop", "zlib decodes whatever the level"},
    {"/compressor/level", "null", "zlib decodes whatever the level"},
    {"/compressor/level", "-1", "zlib decodes whatever the level"},
    {"/compressor/level", "0", "zlib decodes whatever the level"},
    {"/compressor/level", "7", "zlib decodes whatever the level"},
    {"/compressor/surprise", "unknown", "numcodecs adds fields from release to release"},
    {"/filters", "drop", "met in the wild"},
    {"/filters", "null", "no filters"},
    {"/filters", "[]", "met in the wild: no filters"},
    {"/filters/0", "drop", "no filters"},
    {"/filters/0/dtype", "drop", "the type of the array"},
    {"/filters/0/dtype", "null", "the type of the array"},
    {"/filters/0/surprise", "unknown", "numcodecs adds fields from release to release"},
    {"/dimension_separator", "drop", "optional: a dot"},
    {"/dimension_separator", "null", "met in the wild: a dot"},
};

/* Where another field is named, with which the changed one does not agree. */
static const struct {
    const char *pointer, *named;
} contradictions[] = {
    {"/shape", "/chunk_grid"},           /* as many axes, and lengths that reach the end */
    {"/shape", "/chunks"},               /* the same in v2 */
    {"/data_type", "/fill_value"},       /* a value of the type */
    {"/dtype", "/fill_value"},           /* the same in v2 */
    {"/data_type", "/codecs"},           /* codecs of the type */
    {"/dtype", "codecs: codec \""},      /* the same in v2 */
    {"/chunk_grid", "/codecs"},          /* inner chunks that fill a shard */
    {"/compressor", "codecs: codec \""}, /* v2: the codec and the field of its configuration */
    {"/filters", "codecs: codec \""},
};

typedef struct mutation_case {
    const char *document, *key;
    const tolerance *tolerances;
    size_t tolerance_count;
} mutation_case;

static const char *const replacements[] = {
    "null", "true",  "-1", "0",      "7", "1.5", "9223372036854775807", "18446744073709551615",
    "\"\"", "\"x\"", "[]", "[null]", "{}"};

typedef struct trial {
    fixture *f;
    const mutation_case *of;
    int refused, tolerated, violations;
} trial;

static bool is_listed(const tolerance *list, size_t count, const char *pointer, const char *change)
{
    for (size_t i = 0; i < count; i++) {
        const tolerance *at = &list[i];
        size_t length = strlen(at->pointer);
        bool all = at->pointer[length - 1] == '*';
        bool here = all ? strncmp(pointer, at->pointer, length - 1) == 0
                        : strcmp(pointer, at->pointer) == 0;
        if (here && (at->change[0] == 0 || strcmp(at->change, change) == 0))
            return true;
    }
    return false;
}

static bool is_tolerated(const mutation_case *of, const char *pointer, const char *change)
{
    return is_listed(common, TSRI_COUNT(common), pointer, change) ||
           is_listed(of->tolerances, of->tolerance_count, pointer, change);
}

/* Whether the message names the field that was changed, or one above it. */
static bool names_field(const char *message, const char *pointer)
{
    char prefix[256];
    snprintf(prefix, sizeof prefix, "%s", pointer);
    for (char *slash = strrchr(prefix, '/'); slash; slash = strrchr(prefix, '/')) {
        if (strstr(message, prefix))
            return true;
        *slash = 0;
    }
    for (size_t i = 0; i < TSRI_COUNT(contradictions); i++)
        if (strncmp(pointer, contradictions[i].pointer, strlen(contradictions[i].pointer)) == 0 &&
            strstr(message, contradictions[i].named))
            return true;
    return false;
}

static void judge(trial *self, const char *text, const char *pointer, const char *change)
{
    fixture *f = self->f;
    tsr_array_open_options options;
    tsr_array *array = NULL;
    char key[32];

    snprintf(key, sizeof key, "a/%s", self->of->key);
    put_bytes(f, f->store, key, text, strlen(text));
    tsr_array_open_options_init(&options);
    options.store = f->store;
    tsr_error_clear(&f->err);
    int status = tsr_array_open(f->context, "a", &options, &array, &f->err);
    tsr_array_close(array);
    if (status == 0) {
        self->tolerated++;
        if (is_tolerated(self->of, pointer, change))
            return;
        print_error("READ  %s %s\n", pointer, change);
    } else {
        self->refused++;
        bool expected =
            status == TSR_BAD_METADATA || status == TSR_UNSUPPORTED || status == TSR_LIMIT;
        if (expected && names_field(f->err.message, pointer))
            return;
        print_error("SAID  %s %s: %s\n", pointer, change, f->err.message);
    }
    self->violations++;
}

static void judge_value(trial *self, struct json_object *root, const char *pointer,
                        const char *change)
{
    judge(self, json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN), pointer, change);
}

/* A fresh copy of the document. */
static struct json_object *parse(const trial *self)
{
    struct json_object *root = json_tokener_parse(self->of->document);
    assert_non_null(root);
    return root;
}

static void drop(trial *self, const char *parent, const char *name, const char *pointer)
{
    struct json_object *root = parse(self), *above = NULL;
    assert_int_equal(json_pointer_get(root, parent, &above), 0);
    if (json_object_is_type(above, json_type_object))
        json_object_object_del(above, name);
    else
        json_object_array_del_idx(above, (size_t)atoi(name), 1);
    judge_value(self, root, pointer, "drop");
    json_object_put(root);
}

/* The same member twice, with the same value. */
static void twice(trial *self, const char *parent, const char *name, const char *pointer)
{
    static const char marker[] = "\"@twice@\":";
    struct json_object *root = parse(self), *above = NULL, *value = NULL;
    char text[4096], doubled[64];
    assert_int_equal(json_pointer_get(root, parent, &above), 0);
    if (json_object_is_type(above, json_type_object)) {
        json_object_object_get_ex(above, name, &value);
        json_object_object_add(above, "@twice@", json_object_get(value));
        const char *with = json_object_to_json_string_ext(root, JSON_C_TO_STRING_PLAIN);
        const char *at = strstr(with, marker);
        snprintf(doubled, sizeof doubled, "\"%s\":", name);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - with), with, doubled,
                 at + strlen(marker));
        judge(self, text, pointer, "twice");
    }
    json_object_put(root);
}

static void replace(trial *self, const char *pointer)
{
    for (size_t i = 0; i < TSRI_COUNT(replacements); i++) {
        struct json_object *root = parse(self);
        struct json_object *value = json_tokener_parse(replacements[i]);
        assert_int_equal(json_pointer_set(&root, pointer, value), 0);
        judge_value(self, root, pointer, replacements[i]);
        json_object_put(root);
    }
}

static void add_unknown(trial *self, const char *pointer)
{
    struct json_object *root = parse(self), *here = NULL;
    char added[280];
    assert_int_equal(json_pointer_get(root, pointer, &here), 0);
    json_object_object_add(here, "surprise", json_object_new_int(1));
    snprintf(added, sizeof added, "%s/surprise", pointer);
    judge_value(self, root, is_tolerated(self->of, pointer, "unknown") ? pointer : added,
                "unknown");
    json_object_put(root);
}

static void mutate_below(trial *self, struct json_object *value, const char *pointer);

static void mutate(trial *self, struct json_object *value, const char *parent, const char *name)
{
    char pointer[256];
    snprintf(pointer, sizeof pointer, "%s/%s", parent, name);
    drop(self, parent, name, pointer);
    twice(self, parent, name, pointer);
    replace(self, pointer);
    mutate_below(self, value, pointer);
}

static void mutate_below(trial *self, struct json_object *value, const char *pointer)
{
    if (json_object_is_type(value, json_type_object)) {
        add_unknown(self, pointer);
        json_object_object_foreach(value, name, member) mutate(self, member, pointer, name);
    } else if (json_object_is_type(value, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            char name[24];
            snprintf(name, sizeof name, "%zu", i);
            mutate(self, json_object_array_get_idx(value, i), pointer, name);
        }
    }
}

/* The document itself is good, or nothing here proves anything. */
static void check_unchanged(trial *self)
{
    fixture *f = self->f;
    char key[32];
    snprintf(key, sizeof key, "a/%s", self->of->key);
    put_bytes(f, f->store, key, self->of->document, strlen(self->of->document));
    tsr_array_close(array_open(f, f->store, "a", false));
}

static void run_case(fixture *f, const mutation_case *of)
{
    trial self = {.f = f, .of = of};
    struct json_object *root = json_tokener_parse(of->document);
    check_unchanged(&self);
    mutate_below(&self, root, "");
    json_object_put(root);
    if (self.violations > 0)
        fail_msg("%d of %d changes are neither refused by pointer nor tolerated", self.violations,
                 self.refused + self.tolerated);
}

#define CASE(document, key, tolerances)                   \
    &(mutation_case)                                      \
    {                                                     \
        document, key, tolerances, TSRI_COUNT(tolerances) \
    }

static void v3_shards(void **state)
{
    run_case(*state, CASE(v3_sharded, "zarr.json", v3_sharded_tolerances));
}

static void v3_several_lengths(void **state)
{
    run_case(*state, CASE(v3_rectilinear, "zarr.json", v3_rectilinear_tolerances));
}

static void v2_with_filters(void **state)
{
    run_case(*state, CASE(v2, ".zarray", v2_tolerances));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(v3_shards),
        FIXTURE_TEST(v3_several_lengths),
        FIXTURE_TEST(v2_with_filters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
