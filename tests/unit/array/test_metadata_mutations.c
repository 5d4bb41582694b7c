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

static const char v3_struct[] =
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[8,6],\"data_type\":{\"name\":\"struct\","
    "\"configuration\":{\"fields\":[{\"name\":\"a\",\"data_type\":\"float32\"},{\"name\":\"b\","
    "\"data_type\":{\"name\":\"numpy.datetime64\",\"configuration\":{\"unit\":\"s\",\"scale_factor\":10}}},"
    "{\"name\":\"c\",\"data_type\":{\"name\":\"fixed_length_utf32\",\"configuration\":{\"length_bytes\":8}}},"
    "{\"name\":\"d\",\"data_type\":{\"name\":\"struct\",\"configuration\":{\"fields\":[{\"name\":\"e\","
    "\"data_type\":\"int8\"}]}}}]}},\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":"
    "[4,6]}},\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":{\"a\":0.5,\"b\":3,\"c\":\"x\",\"d\":"
    "{\"e\":1}},\"codecs\":[{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}]}";

static const char v3_codecs[] =
    "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[8,6],\"data_type\":\"float64\",\"chunk_grid\":"
    "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[4,6]}},\"chunk_key_encoding\":{\"name\":"
    "\"default\"},\"fill_value\":5,\"codecs\":[{\"name\":\"bitround\",\"configuration\":{\"keepbits\":9}},"
    "{\"name\":\"scale_offset\",\"configuration\":{\"offset\":1,\"scale\":2}},{\"name\":\"cast_value\","
    "\"configuration\":{\"data_type\":\"int16\",\"rounding\":\"towards-zero\",\"out_of_range\":\"clamp\","
    "\"scalar_map\":{\"encode\":[[\"NaN\",-5]],\"decode\":[[-5,\"NaN\"]]}}},{\"name\":\"reshape\","
    "\"configuration\":{\"shape\":[2,-1,[1]]}},{\"name\":\"packbits\",\"configuration\":{\"padding_encoding\":"
    "\"first_byte\",\"first_bit\":0,\"last_bit\":12}},{\"name\":\"conditional\",\"configuration\":{\"codecs\":"
    "[{\"name\":\"gzip\",\"configuration\":{\"level\":5}},{\"name\":\"crc32c\"}],\"header_bits\":8}},"
    "{\"name\":\"numcodecs.shuffle\",\"configuration\":{\"elementsize\":1}},{\"name\":\"numcodecs.lzma\","
    "\"configuration\":{\"format\":1,\"check\":-1,\"preset\":1,\"filters\":null}}]}";

static const char v2_struct[] =
    "{\"zarr_format\":2,\"shape\":[8,6],\"chunks\":[4,6],\"dtype\":[[\"a\",\">i4\"],[\"b\",\"|u1\",[2,3]],"
    "[\"c\",[[\"d\",\"<f2\"]]]],\"compressor\":{\"id\":\"blosc\",\"cname\":\"lz4\",\"clevel\":5,\"shuffle\":1,"
    "\"blocksize\":0},\"fill_value\":\"AAAAAAAAAAAAAAAA\",\"order\":\"F\",\"filters\":[{\"id\":\"crc32\","
    "\"location\":\"end\"}]}";

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
    {"/codecs/1/configuration/codecs/1/configuration/level", "", "gzip decodes whatever the level"},
    {"/codecs/1/configuration/codecs/1/configuration/surprise", "unknown",
     "gzip decodes whatever the level"},
    {"/codecs/2", "drop", "a shard that is not compressed"},
    {"/codecs/2/configuration", "drop", "zstd decodes whatever the level"},
    {"/codecs/2/configuration", "{}", "zstd decodes whatever the level"},
    {"/codecs/2/configuration/level", "", "zstd decodes whatever the level"},
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
    {"/codecs/1/configuration/clevel", "", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/shuffle", "drop", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/typesize", "", "a chunk of blosc says how it was made"},
    {"/codecs/1/configuration/blocksize", "", "a chunk of blosc says how it was made"},
};

static const tolerance v2_tolerances[] = {
    {"/surprise", "unknown", "the specification asks readers to ignore what they do not know"},
    {"/chunks/0", "7", "a length like any other"},
    {"/chunks/1", "7", "a length like any other"},
    {"/fill_value", "null", "undefined, which everybody reads as zero"},
    {"/fill_value", "[null]", "a list of one value stands for the value"},
    {"/fill_value", "true", "1, as Python has it"},
    {"/compressor", "null", "chunks that are not compressed"},
    {"/compressor/level", "", "zlib decodes whatever the level"},
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

static const tolerance v3_struct_tolerances[] = {
    {"/data_type/configuration/fields/1/data_type/configuration/scale_factor", "7",
     "a factor like any other"},
    {"/chunk_grid/configuration/chunk_shape/0", "7", "a length like any other"},
    {"/chunk_grid/configuration/chunk_shape/1", "7", "a length like any other"},
    {"/fill_value/a", "-1", "a value like any other"},
    {"/fill_value/a", "0", "a value like any other"},
    {"/fill_value/a", "7", "a value like any other"},
    {"/fill_value/a", "1.5", "a value like any other"},
    {"/fill_value/a", "9223372036854775807", "a number, rounded"},
    {"/fill_value/a", "18446744073709551615", "a number, rounded"},
    {"/fill_value/b", "-1", "a value like any other"},
    {"/fill_value/b", "0", "a value like any other"},
    {"/fill_value/b", "7", "a value like any other"},
    {"/fill_value/b", "9223372036854775807", "a number, rounded"},
    {"/fill_value/c", "\"\"", "a value like any other"},
    {"/fill_value/c", "\"x\"", "a value like any other"},
    {"/fill_value/d/e", "-1", "a value like any other"},
    {"/fill_value/d/e", "0", "a value like any other"},
    {"/fill_value/d/e", "7", "a value like any other"},
    {"/codecs/0/configuration", "drop", "zarr-python leaves it out for structs, and means little"},
    {"/codecs/0/configuration", "{}", "zarr-python leaves it out for structs, and means little"},
    {"/codecs/0/configuration/endian", "drop",
     "zarr-python leaves it out for structs, and means little"},
};

static const tolerance v3_codecs_tolerances[] = {
    {"/chunk_grid/configuration/chunk_shape/1", "7", "a length like any other"},
    {"/fill_value", "1.5", "a value like any other"},
    {"/codecs/0", "drop", "another chain of codecs"},
    {"/codecs/0/configuration/keepbits", "7", "a number of bits like any other"},
    {"/codecs/1", "drop", "another chain of codecs"},
    {"/codecs/1/configuration", "drop", "optional: 0 and 1"},
    {"/codecs/1/configuration", "{}", "optional: 0 and 1"},
    {"/codecs/1/configuration/offset", "drop", "optional: 0 and 1"},
    {"/codecs/1/configuration/offset", "-1", "a number like any other"},
    {"/codecs/1/configuration/offset", "0", "a number like any other"},
    {"/codecs/1/configuration/offset", "7", "a number like any other"},
    {"/codecs/1/configuration/offset", "1.5", "a number like any other"},
    {"/codecs/1/configuration/scale", "drop", "optional: 0 and 1"},
    {"/codecs/1/configuration/scale", "-1", "a number like any other"},
    {"/codecs/1/configuration/scale", "7", "a number like any other"},
    {"/codecs/1/configuration/scale", "1.5", "a number like any other"},
    {"/codecs/2", "drop", "another chain of codecs"},
    {"/codecs/2/configuration/rounding", "drop", "optional"},
    {"/codecs/2/configuration/out_of_range", "drop", "optional"},
    {"/codecs/2/configuration/scalar_map", "drop", "no or fewer entries"},
    {"/codecs/2/configuration/scalar_map", "{}", "no or fewer entries"},
    {"/codecs/2/configuration/scalar_map/encode", "drop", "no or fewer entries"},
    {"/codecs/2/configuration/scalar_map/encode", "[]", "no or fewer entries"},
    {"/codecs/2/configuration/scalar_map/encode/0", "drop", "no or fewer entries"},
    {"/codecs/2/configuration/scalar_map/encode/0/0", "-1", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/encode/0/0", "0", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/encode/0/0", "7", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/encode/0/0", "1.5", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/encode/0/0", "9223372036854775807",
     "a value like any other"},
    {"/codecs/2/configuration/scalar_map/encode/0/0", "18446744073709551615",
     "a value like any other"},
    {"/codecs/2/configuration/scalar_map/encode/0/1", "-1", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/encode/0/1", "0", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/encode/0/1", "7", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode", "drop", "no or fewer entries"},
    {"/codecs/2/configuration/scalar_map/decode", "[]", "no or fewer entries"},
    {"/codecs/2/configuration/scalar_map/decode/0", "drop", "no or fewer entries"},
    {"/codecs/2/configuration/scalar_map/decode/0/0", "-1", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode/0/0", "0", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode/0/0", "7", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode/0/1", "-1", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode/0/1", "0", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode/0/1", "7", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode/0/1", "1.5", "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode/0/1", "9223372036854775807",
     "a value like any other"},
    {"/codecs/2/configuration/scalar_map/decode/0/1", "18446744073709551615",
     "a value like any other"},
    {"/codecs/3", "drop", "another chain of codecs"},
    {"/codecs/3/configuration/shape/0", "drop", "other lengths, as many elements"},
    {"/codecs/3/configuration/shape/0", "[]", "the product of no axes is 1"},
    {"/codecs/3/configuration/shape/1", "-1", "other lengths, as many elements"},
    {"/codecs/3/configuration/shape/2", "drop", "other lengths, as many elements"},
    {"/codecs/3/configuration/shape/2", "[]", "the product of no axes is 1"},
    {"/codecs/3/configuration/shape/2/0", "drop", "the product of no axes is 1"},
    {"/codecs/4/configuration", "drop", "optional"},
    {"/codecs/4/configuration", "{}", "optional"},
    {"/codecs/4/configuration/padding_encoding", "drop", "optional"},
    {"/codecs/4/configuration/first_bit", "drop", "optional"},
    {"/codecs/4/configuration/first_bit", "null", "optional"},
    {"/codecs/4/configuration/first_bit", "0", "bits that are not stored are 0"},
    {"/codecs/4/configuration/first_bit", "7", "bits that are not stored are 0"},
    {"/codecs/4/configuration/last_bit", "drop", "optional"},
    {"/codecs/4/configuration/last_bit", "null", "optional"},
    {"/codecs/4/configuration/last_bit", "0", "bits that are not stored are 0"},
    {"/codecs/4/configuration/last_bit", "7", "bits that are not stored are 0"},
    {"/codecs/5", "drop", "another chain of codecs"},
    {"/codecs/5/configuration/codecs", "[]", "fewer codecs to choose from"},
    {"/codecs/5/configuration/codecs/0", "drop", "fewer codecs to choose from"},
    {"/codecs/5/configuration/codecs/0/configuration", "drop", "gzip decodes whatever the level"},
    {"/codecs/5/configuration/codecs/0/configuration", "{}", "gzip decodes whatever the level"},
    {"/codecs/5/configuration/codecs/0/configuration/surprise", "unknown",
     "gzip decodes whatever the level"},
    {"/codecs/5/configuration/codecs/0/configuration/level", "", "gzip decodes whatever the level"},
    {"/codecs/5/configuration/codecs/1", "drop", "fewer codecs to choose from"},
    {"/codecs/5/configuration/header_bits", "drop", "the fewest bytes that do"},
    {"/codecs/6", "drop", "another chain of codecs"},
    {"/codecs/6/configuration", "drop", "4 by default"},
    {"/codecs/6/configuration", "{}", "4 by default"},
    {"/codecs/6/configuration/surprise", "unknown",
     "numcodecs adds fields from release to release"},
    {"/codecs/6/configuration/elementsize", "drop", "4 by default"},
    {"/codecs/6/configuration/elementsize", "null", "4 by default"},
    {"/codecs/6/configuration/elementsize", "0", "up to 1 moves no byte"},
    {"/codecs/6/configuration/elementsize", "7", "chunks say whether it divides them"},
    {"/codecs/7", "drop", "another chain of codecs"},
    {"/codecs/7/configuration", "drop", "a default, or what only the writer needs"},
    {"/codecs/7/configuration", "{}", "a default, or what only the writer needs"},
    {"/codecs/7/configuration/surprise", "unknown",
     "numcodecs adds fields from release to release"},
    {"/codecs/7/configuration/format", "drop", "a default, or what only the writer needs"},
    {"/codecs/7/configuration/format", "null", "a default, or what only the writer needs"},
    {"/codecs/7/configuration/check", "", "a default, or what only the writer needs"},
    {"/codecs/7/configuration/preset", "", "a default, or what only the writer needs"},
    {"/codecs/7/configuration/filters", "drop", "a default, or what only the writer needs"},
    {"/codecs/7/configuration/filters", "null", "a default, or what only the writer needs"},
};

static const tolerance v2_struct_tolerances[] = {
    {"/surprise", "unknown", "the specification asks readers to ignore what they do not know"},
    {"/chunks/0", "7", "a length like any other"},
    {"/chunks/1", "7", "a length like any other"},
    {"/dtype/0/0", "\"x\"", "a name like any other"},
    {"/dtype/1/0", "\"x\"", "a name like any other"},
    {"/dtype/2/0", "\"x\"", "a name like any other"},
    {"/dtype/2/1/0/0", "\"x\"", "a name like any other"},
    {"/compressor", "null", "chunks that are not compressed"},
    {"/compressor/surprise", "unknown", "numcodecs adds fields from release to release"},
    {"/compressor/cname", "drop", "a chunk of blosc says how it was made"},
    {"/compressor/cname", "null", "a chunk of blosc says how it was made"},
    {"/compressor/clevel", "", "a chunk of blosc says how it was made"},
    {"/compressor/shuffle", "", "a chunk of blosc says how it was made"},
    {"/compressor/blocksize", "", "a chunk of blosc says how it was made"},
    {"/fill_value", "null", "undefined, which everybody reads as zero"},
    {"/fill_value", "[null]", "a list of one value stands for the value"},
    {"/filters", "drop", "met in the wild: no filters"},
    {"/filters", "null", "no filters"},
    {"/filters", "[]", "met in the wild: no filters"},
    {"/filters/0", "drop", "no filters"},
    {"/filters/0/surprise", "unknown", "numcodecs adds fields from release to release"},
    {"/filters/0/location", "drop", "in front by default"},
    {"/filters/0/location", "null", "in front by default"},
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
    {"/fill_value", "/codecs"},          /* a value that the codecs can hold */
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

static void v3_structs(void **state)
{
    run_case(*state, CASE(v3_struct, "zarr.json", v3_struct_tolerances));
}

static void v3_codecs_that_change_values(void **state)
{
    run_case(*state, CASE(v3_codecs, "zarr.json", v3_codecs_tolerances));
}

static void v2_structs(void **state)
{
    run_case(*state, CASE(v2_struct, ".zarray", v2_struct_tolerances));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(v3_shards),
        FIXTURE_TEST(v3_several_lengths),
        FIXTURE_TEST(v2_with_filters),
        FIXTURE_TEST(v3_structs),
        FIXTURE_TEST(v3_codecs_that_change_values),
        FIXTURE_TEST(v2_structs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
