#include "codec_text.h"

#include <stdio.h>
#include <string.h>

#include <tessera/sys/codec.h>

#include "document.h"
#include "memory.h"
#include "try.h"

/* ---- reading ---- */

/* The name of one codec, in the object form, the short form of v3, or with the id of v2. */
static const char *name_of(struct json_object *codec)
{
    struct json_object *name;

    if (json_object_is_type(codec, json_type_string))
        return json_object_get_string(codec);
    if (json_object_object_get_ex(codec, "name", &name) ||
        json_object_object_get_ex(codec, "id", &name))
        return json_object_get_string(name);
    return "";
}

/* Where the parameters of a codec are: v2 has them beside the id. */
static struct json_object *configuration_of(struct json_object *codec)
{
    struct json_object *configuration;

    if (json_object_is_type(codec, json_type_object) &&
        json_object_object_get_ex(codec, "configuration", &configuration))
        return configuration;
    return codec;
}

/* A value that is a text or a number, as a word; empty when there is none. */
typedef struct cli_word {
    char text[48];
} cli_word;

static cli_word word_of(struct json_object *configuration, const char *key)
{
    struct json_object *value;
    cli_word word = {""};

    if (!json_object_is_type(configuration, json_type_object) ||
        !json_object_object_get_ex(configuration, key, &value))
        return word;
    if (json_object_is_type(value, json_type_string))
        snprintf(word.text, sizeof word.text, "%s", json_object_get_string(value));
    else if (json_object_is_type(value, json_type_int))
        snprintf(word.text, sizeof word.text, "%lld", (long long)json_object_get_int64(value));
    else if (json_object_is_type(value, json_type_double))
        snprintf(word.text, sizeof word.text, "%g", json_object_get_double(value));
    return word;
}

static struct json_object *list_of(struct json_object *configuration, const char *key)
{
    struct json_object *value;

    if (json_object_is_type(configuration, json_type_object) &&
        json_object_object_get_ex(configuration, key, &value) &&
        json_object_is_type(value, json_type_array))
        return value;
    return NULL;
}

/* The last word of "numcodecs.zstd". */
static const char *short_name(const char *name)
{
    const char *point = strrchr(name, '.');

    return point ? point + 1 : name;
}

/* ---- for people ---- */

typedef struct cli_phrase {
    char *text;
    size_t used;
} cli_phrase;

static void say(cli_phrase *phrase, const char *between, const char *words)
{
    int length;

    if (!*words || phrase->used >= CODEC_TEXT_MAX)
        return;
    length = snprintf(phrase->text + phrase->used, CODEC_TEXT_MAX - phrase->used, "%s%s",
                      phrase->used ? between : "", words);
    phrase->used += (size_t)length;
}

/* The names of v3 for the numbers of v2, in which -1 leaves the choice to the program. */
static const char *shuffle_name(const cli_word *shuffle)
{
    static const char *const names[][2] = {{"", "noshuffle"},
                                           {"0", "noshuffle"},
                                           {"1", "shuffle"},
                                           {"2", "bitshuffle"},
                                           {"-1", "shuffle"}};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(shuffle->text, names[i][0]) == 0)
            return names[i][1];
    return shuffle->text;
}

static void say_order(cli_phrase *phrase, struct json_object *order)
{
    char text[128] = "";
    size_t used = 0;

    for (size_t i = 0; order && i < json_object_array_length(order) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", i ? "," : "",
                                 json_object_get_int(json_object_array_get_idx(order, i)));
    say(phrase, " ", text);
}

static void say_codec(cli_phrase *phrase, struct json_object *codec)
{
    struct json_object *configuration = configuration_of(codec);
    const char *name = short_name(name_of(codec));
    cli_word shuffle = word_of(configuration, "shuffle");

    if (strcmp(name, "bytes") == 0) {
        bool big = strcmp(word_of(configuration, "endian").text, "big") == 0;
        say(phrase, ", ", big ? "big-endian" : "");
        return;
    }
    say(phrase, ", ", name);
    say(phrase, " ", word_of(configuration, "cname").text);
    say(phrase, " ", word_of(configuration, "clevel").text);
    if (strcmp(shuffle_name(&shuffle), "noshuffle") != 0)
        say(phrase, " ", shuffle_name(&shuffle));
    say(phrase, " ", word_of(configuration, "level").text);
    say_order(phrase, list_of(configuration, "order"));
}

static void say_list(cli_phrase *phrase, struct json_object *list)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++) {
        struct json_object *codec = json_object_array_get_idx(list, i);
        if (strcmp(name_of(codec), "sharding_indexed") == 0)
            say_list(phrase, list_of(configuration_of(codec), "codecs"));
        else
            say_codec(phrase, codec);
    }
}

static void say_v2(cli_phrase *phrase, struct json_object *root)
{
    struct json_object *compressor;

    say_list(phrase, list_of(root, "filters"));
    if (json_object_object_get_ex(root, "compressor", &compressor) && compressor)
        say_codec(phrase, compressor);
    if (word_of(root, "order").text[0] == 'F')
        say(phrase, ", ", "order F");
}

int codec_text(const char *codecs_json, char ret_text[CODEC_TEXT_MAX], tsr_error *err)
{
    struct json_object *root = NULL;
    cli_phrase phrase = {ret_text, 0};

    CLI_TRY(document_parse(codecs_json, &root, err));
    ret_text[0] = '\0';
    if (json_object_is_type(root, json_type_array))
        say_list(&phrase, root);
    else if (json_object_is_type(root, json_type_object))
        say_v2(&phrase, root);
    if (phrase.used == 0)
        say(&phrase, "", "none");
    json_object_put(root);
    return 0;
}

/* ---- taken apart ---- */

/* A copy among the other texts of the lists; NULL when out of memory, since what was parsed can be
 * written. */
static char *json_copy(struct json_object *value)
{
    char *text, *copy;

    if (tsr_json_text(value, 0, &text, NULL) < 0)
        return NULL;
    copy = memory_text(text);
    tsr_free(text);
    return copy;
}

void codec_lists_clear(cli_codec_lists *lists)
{
    memory_free(lists->filters);
    memory_free(lists->serializer);
    memory_free(lists->compressors);
    memory_free(lists->index_codecs);
    memory_free(lists->codec);
    memset(lists, 0, sizeof *lists);
}

static int no_memory(tsr_error *err)
{
    return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
}

/* Sorts the codecs of the innermost chain by kind. */
static int split_chain(tsr_context *context, struct json_object *chain, cli_codec_lists *lists,
                       tsr_error *err)
{
    struct json_object *filters = json_object_new_array(), *compressors = json_object_new_array();
    int status = filters && compressors ? 0 : no_memory(err);

    for (size_t i = 0; status >= 0 && i < json_object_array_length(chain); i++) {
        struct json_object *codec = json_object_array_get_idx(chain, i);
        const tsr_codec_ops *ops;
        status = tsr_codec_find(context, name_of(codec), 3, &ops, err);
        if (status < 0)
            break;
        if (ops->kind == TSR_CODEC_ARRAY_TO_BYTES)
            status = (lists->serializer = json_copy(codec)) ? 0 : no_memory(err);
        else if (json_object_array_add(ops->kind == TSR_CODEC_ARRAY_TO_ARRAY ? filters
                                                                             : compressors,
                                       json_object_get(codec)) < 0)
            status = no_memory(err);
    }
    if (status >= 0) {
        lists->filters = json_copy(filters);
        lists->compressors = json_copy(compressors);
        if (!lists->filters || !lists->compressors)
            status = no_memory(err);
    }
    json_object_put(filters);
    json_object_put(compressors);
    return status;
}

/* The chain of the innermost chunks; on the way down, what the outermost sharding codec says of its
 * index. */
static struct json_object *find_innermost(struct json_object *chain, cli_codec_lists *lists)
{
    for (size_t i = 0; i < json_object_array_length(chain); i++) {
        struct json_object *codec = json_object_array_get_idx(chain, i), *configuration, *inner;
        if (strcmp(name_of(codec), "sharding_indexed") != 0)
            continue;
        configuration = configuration_of(codec);
        inner = list_of(configuration, "codecs");
        if (!inner)
            return chain;
        lists->wrapped |= json_object_array_length(chain) > 1;
        if (!lists->index_codecs && list_of(configuration, "index_codecs"))
            lists->index_codecs = json_copy(list_of(configuration, "index_codecs"));
        lists->index_at_start |=
            strcmp(word_of(configuration, "index_location").text, "start") == 0;
        return find_innermost(inner, lists);
    }
    return chain;
}

/* A v2 compressor in the short form that any format takes; NULL when it has none. */
static char *short_form(struct json_object *compressor)
{
    const char *name = name_of(compressor);
    cli_word level = word_of(compressor, "level"), clevel = word_of(compressor, "clevel");
    cli_word shuffle = word_of(compressor, "shuffle"), cname = word_of(compressor, "cname");
    char text[256];

    if (strcmp(name, "blosc") == 0)
        snprintf(text, sizeof text, "blosc:%s:%s:%s", cname.text[0] ? cname.text : "lz4",
                 clevel.text[0] ? clevel.text : "5", shuffle_name(&shuffle));
    else if (strcmp(name, "zstd") == 0 || strcmp(name, "gzip") == 0)
        snprintf(text, sizeof text, "%s%s%s", name, level.text[0] ? ":" : "", level.text);
    else
        return NULL;
    return memory_text(text);
}

/* Whether the filters take big-endian elements: the first one that names a type says so. */
static bool takes_big_endian(struct json_object *filters)
{
    for (size_t i = 0; filters && i < json_object_array_length(filters); i++) {
        struct json_object *filter = json_object_array_get_idx(filters, i);
        cli_word dtype = word_of(filter, "decode_dtype");
        if (!dtype.text[0])
            dtype = word_of(filter, "dtype");
        if (dtype.text[0])
            return dtype.text[0] == '>';
    }
    return false;
}

static int read_v2(struct json_object *root, cli_codec_lists *lists, tsr_error *err)
{
    struct json_object *compressor = NULL, *filters = list_of(root, "filters");
    char *compressor_text;

    lists->order = word_of(root, "order").text[0] == 'F' ? 'F' : 'C';
    json_object_object_get_ex(root, "compressor", &compressor);
    lists->filters = filters ? json_copy(filters) : memory_text("[]");
    if (takes_big_endian(filters) &&
        !(lists->serializer =
              memory_text("{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}")))
        return no_memory(err);
    if (!compressor) {
        lists->compressors = memory_text("[]");
        lists->codec = memory_text("none");
    } else {
        compressor_text = json_copy(compressor);
        if (!compressor_text || asprintf(&lists->compressors, "[%s]", compressor_text) < 0)
            lists->compressors = NULL;
        memory_free(compressor_text);
        lists->codec = short_form(compressor);
    }
    return lists->filters && lists->compressors ? 0 : no_memory(err);
}

int codec_lists_read(tsr_context *context, const tsr_array *array, cli_codec_lists *ret_lists,
                     tsr_error *err)
{
    struct json_object *root = NULL;
    cli_codec_lists lists = {.order = 'C'};
    int status = 0;

    CLI_TRY(document_parse(tsr_array_codecs(array), &root, err));
    if (json_object_is_type(root, json_type_array))
        status = split_chain(context, find_innermost(root, &lists), &lists, err);
    else if (json_object_is_type(root, json_type_object))
        status = read_v2(root, &lists, err);
    json_object_put(root);
    if (status < 0) {
        codec_lists_clear(&lists);
        return status;
    }
    *ret_lists = lists;
    return 0;
}
