#include "codec_text.h"

#include <stdio.h>
#include <string.h>

#include <json-c/json.h>
#include <tessera/sys/codec.h>

#include "memory.h"

/* ---- reading ------------------------------------------------------------------------------------
 */

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

static const char *text_of(struct json_object *configuration, const char *key)
{
    struct json_object *value;

    if (json_object_is_type(configuration, json_type_object) &&
        json_object_object_get_ex(configuration, key, &value) && value)
        return json_object_get_string(value);
    return NULL;
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

/* ---- for people ---------------------------------------------------------------------------------
 */

typedef struct cli_phrase {
    char *text;
    size_t used;
} cli_phrase;

static void say(cli_phrase *phrase, const char *between, const char *words)
{
    int length;

    if (!words || !*words || phrase->used >= CODEC_TEXT_MAX)
        return;
    length = snprintf(phrase->text + phrase->used, CODEC_TEXT_MAX - phrase->used, "%s%s",
                      phrase->used ? between : "", words);
    phrase->used += (size_t)length;
}

static const char *shuffle_word(const char *shuffle)
{
    if (!shuffle || strcmp(shuffle, "noshuffle") == 0 || strcmp(shuffle, "0") == 0)
        return NULL;
    if (strcmp(shuffle, "1") == 0)
        return "shuffle";
    return strcmp(shuffle, "2") == 0 ? "bitshuffle" : shuffle;
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
    const char *endian = text_of(configuration, "endian");

    if (strcmp(name, "bytes") == 0) {
        say(phrase, ", ", endian && strcmp(endian, "big") == 0 ? "big-endian" : NULL);
        return;
    }
    say(phrase, ", ", name);
    say(phrase, " ", text_of(configuration, "cname"));
    say(phrase, " ", text_of(configuration, "clevel"));
    say(phrase, " ", shuffle_word(text_of(configuration, "shuffle")));
    say(phrase, " ", text_of(configuration, "level"));
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
    const char *order = text_of(root, "order");

    say_list(phrase, list_of(root, "filters"));
    if (json_object_object_get_ex(root, "compressor", &compressor) && compressor)
        say_codec(phrase, compressor);
    if (order && *order == 'F')
        say(phrase, ", ", "order F");
}

const char *codec_text(const char *codecs_json, char text[CODEC_TEXT_MAX])
{
    struct json_object *root = json_tokener_parse(codecs_json);
    cli_phrase phrase = {text, 0};

    text[0] = '\0';
    if (json_object_is_type(root, json_type_array))
        say_list(&phrase, root);
    else if (json_object_is_type(root, json_type_object))
        say_v2(&phrase, root);
    say(&phrase, "", phrase.used ? NULL : "none");
    json_object_put(root);
    return text;
}

/* ---- taken apart --------------------------------------------------------------------------------
 */

static char *json_copy(struct json_object *value)
{
    return memory_text(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE));
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
            lists->serializer = json_copy(codec);
        else
            json_object_array_add(ops->kind == TSR_CODEC_ARRAY_TO_ARRAY ? filters : compressors,
                                  json_object_get(codec));
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
        const char *location;
        if (strcmp(name_of(codec), "sharding_indexed") != 0)
            continue;
        configuration = configuration_of(codec);
        inner = list_of(configuration, "codecs");
        if (!inner)
            return chain;
        lists->wrapped |= json_object_array_length(chain) > 1;
        if (!lists->index_codecs && list_of(configuration, "index_codecs"))
            lists->index_codecs = json_copy(list_of(configuration, "index_codecs"));
        location = text_of(configuration, "index_location");
        lists->index_at_start |= location && strcmp(location, "start") == 0;
        return find_innermost(inner, lists);
    }
    return chain;
}

/* A v2 compressor in the short form that any format takes; NULL when it has none. */
static char *short_form(struct json_object *compressor)
{
    const char *name = name_of(compressor), *level = text_of(compressor, "level");
    const char *shuffle = shuffle_word(text_of(compressor, "shuffle"));
    const char *cname = text_of(compressor, "cname"), *clevel = text_of(compressor, "clevel");
    char *text = NULL;
    int length = -1;

    if (strcmp(name, "blosc") == 0)
        length = asprintf(&text, "blosc:%s:%s:%s", cname ? cname : "lz4", clevel ? clevel : "5",
                          shuffle ? shuffle : "noshuffle");
    else if (strcmp(name, "zstd") == 0 || strcmp(name, "gzip") == 0)
        length = asprintf(&text, "%s%s%s", name, level ? ":" : "", level ? level : "");
    return length < 0 ? NULL : text;
}

static int read_v2(struct json_object *root, cli_codec_lists *lists, tsr_error *err)
{
    struct json_object *compressor = NULL, *filters = list_of(root, "filters");
    const char *order = text_of(root, "order");
    char *compressor_text;

    lists->order = order && *order == 'F' ? 'F' : 'C';
    json_object_object_get_ex(root, "compressor", &compressor);
    lists->filters = filters ? json_copy(filters) : memory_text("[]");
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
    struct json_object *root = json_tokener_parse(tsr_array_codecs(array));
    cli_codec_lists lists = {.order = 'C'};
    int status = 0;

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
