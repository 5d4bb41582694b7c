#include "meta/extension.h"

#include "base/output.h"
#include "meta/json_pointer.h"

/* A registered name matches ^[a-z][a-z0-9-_.]+$; other names are URIs, of which only a scheme and
 * printable ASCII without spaces are asked for. */
static bool is_name(const char *name)
{
    size_t length = strlen(name);
    size_t scheme = strcspn(name, ":");
    for (size_t i = 0; i < length; i++)
        if (name[i] <= ' ' || name[i] > '~')
            return false;
    if (scheme > 0 && scheme + 1 < length)
        return true;
    static const char tail[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    return length >= 2 && name[0] >= 'a' && name[0] <= 'z' && strspn(name, tail) == length;
}

static int check_name(const char *name, const char *path, const char *member, tsr_error *err)
{
    if (is_name(name))
        return 0;
    return tsri_json_refuse(
        err, TSR_BAD_METADATA, path, member,
        "\"%s\" is no name of an extension (lower-case letters, digits, - _ . or a URI)", name);
}

static int parse_short_hand(const tsri_json *value, const char *path, tsri_extension *extension,
                            tsr_error *err)
{
    extension->name = json_object_get_string((tsri_json *)value);
    if (strlen(extension->name) != (size_t)json_object_get_string_len(value))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL, "this name holds U+0000");
    return check_name(extension->name, path, NULL, err);
}

static int parse_object(const tsri_json *value, const char *path, tsri_extension *extension,
                        tsr_error *err)
{
    static const char *const known[] = {"name", "configuration", "must_understand", NULL};
    tsri_json *configuration = NULL;
    TSRI_TRY(tsri_json_string(value, path, "name", true, &extension->name, err));
    TSRI_TRY(check_name(extension->name, path, "name", err));
    TSRI_TRY(
        tsri_json_bool(value, path, "must_understand", false, &extension->must_understand, err));
    if (json_object_object_get_ex(value, "configuration", &configuration) &&
        !json_object_is_type(configuration, json_type_object))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, "configuration",
                                "must be an object, not %s", tsri_json_kind(configuration));
    extension->configuration = configuration;
    return tsri_json_only(value, path, known, err);
}

int tsri_extension_parse(const tsri_json *value, const char *path, tsri_extension *ret_extension,
                         tsr_error *err)
{
    tsri_extension extension = {.must_understand = true};
    if (json_object_is_type(value, json_type_string))
        TSRI_TRY(parse_short_hand(value, path, &extension, err));
    else if (json_object_is_type(value, json_type_object))
        TSRI_TRY(parse_object(value, path, &extension, err));
    else
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL,
                                "must be an object with a \"name\", or a name, not %s",
                                tsri_json_kind(value));
    *ret_extension = extension;
    return 0;
}

/* Copies what an output holds, with a 0 byte behind it. */
static int keep(tsri_arena *arena, const tsr_output *output, const char **ret_text, tsr_error *err)
{
    char *text = tsri_arena_alloc(arena, output->size_bytes + 1, 1);
    if (text == NULL)
        return tsri_error_no_memory(err, output->size_bytes + 1);
    memcpy(text, output->data, output->size_bytes);
    *ret_text = text;
    return 0;
}

static int keep_name(tsri_arena *arena, const char *name, const char **ret_name, tsr_error *err)
{
    *ret_name = tsri_arena_strdup(arena, name);
    return *ret_name == NULL ? tsri_error_no_memory(err, strlen(name) + 1) : 0;
}

static int keep_codec(const tsri_extension *extension, tsri_arena *arena,
                      tsri_codec_spec *ret_codec, tsr_error *err)
{
    tsri_codec_spec codec = {.zarr_format = 3, .configuration = "{}"};
    TSRI_TRY(keep_name(arena, extension->name, &codec.name, err));
    if (extension->configuration != NULL) {
        tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
        TSRI_TRY(tsr_json_write(extension->configuration, 0, &text, err));
        TSRI_TRY(keep(arena, &text, &codec.configuration, err));
    }
    *ret_codec = codec;
    return 0;
}

int tsri_codec_specs_parse(const tsri_json *list, const char *path, tsri_arena *arena,
                           const tsri_codec_spec **ret_codecs, int *ret_count, tsr_error *err)
{
    enum { CODECS_MAX = 1000 };
    if (!json_object_is_type(list, json_type_array))
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, NULL,
                                "must be an array of codecs, not %s", tsri_json_kind(list));
    size_t count = json_object_array_length(list);
    if (count > CODECS_MAX)
        return tsri_json_refuse(err, TSR_LIMIT, path, NULL, "%zu codecs; at most %d are supported",
                                count, CODECS_MAX);
    tsri_codec_spec *codecs = tsri_arena_alloc(arena, count + 1, sizeof *codecs);
    if (codecs == NULL)
        return tsri_error_no_memory(err, count * sizeof *codecs);
    for (size_t i = 0; i < count; i++) {
        tsri_json_pointer element;
        tsri_extension extension;
        tsri_json_pointer_init(&element, path);
        tsri_json_pointer_index(&element, i);
        TSRI_TRY(tsri_extension_parse(json_object_array_get_idx(list, i), element.text, &extension,
                                      err));
        TSRI_TRY(keep_codec(&extension, arena, &codecs[i], err));
    }
    *ret_codecs = codecs;
    *ret_count = (int)count;
    return 0;
}

/* Appends all members but "id" as an object. */
static int write_without_id(const tsri_json *value, tsr_output *output, tsr_error *err)
{
    const char *before = "{";
    json_object_object_foreach(value, name, member)
    {
        if (strcmp(name, "id") == 0)
            continue;
        TSRI_TRY(tsr_output_append(output, before, 1, err));
        TSRI_TRY(tsr_json_quote(name, output, err));
        TSRI_TRY(tsr_output_append(output, ":", 1, err));
        TSRI_TRY(tsr_json_write(member, 0, output, err));
        before = ",";
    }
    return tsr_output_append(output, *before == '{' ? "{}" : "}", *before == '{' ? 2 : 1, err);
}

int tsri_codec_spec_parse_v2(const tsri_json *value, const char *path, tsri_arena *arena,
                             tsri_codec_spec *ret_codec, tsr_error *err)
{
    tsri_codec_spec codec = {.zarr_format = 2};
    const char *id = NULL;
    TSRI_TRY(tsri_json_string(value, path, "id", true, &id, err));
    if (*id == 0)
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, "id", "must not be empty");
    TSRI_TRY(keep_name(arena, id, &codec.name, err));
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    TSRI_TRY(write_without_id(value, &text, err));
    TSRI_TRY(keep(arena, &text, &codec.configuration, err));
    *ret_codec = codec;
    return 0;
}

static bool is_empty_object(const char *text)
{
    text += strspn(text, " \t\r\n");
    return *text == '{' && text[1 + strspn(text + 1, " \t\r\n")] == '}';
}

/* An empty configuration is left out, except where zarr-python insists on one. */
static bool shows_configuration(const tsri_codec_spec *codec)
{
    return strncmp(codec->name, "numcodecs.", strlen("numcodecs.")) == 0 ||
           !is_empty_object(codec->configuration);
}

int tsri_codec_specs_write(const tsri_codec_spec *codecs, int count, tsr_output *output,
                           tsr_error *err)
{
    TSRI_TRY(tsr_output_append(output, "[", 1, err));
    for (int i = 0; i < count; i++) {
        TSRI_TRY(tsr_output_print(output, err, "%s{\"name\":", i > 0 ? "," : ""));
        TSRI_TRY(tsr_json_quote(codecs[i].name, output, err));
        if (shows_configuration(&codecs[i]))
            TSRI_TRY(
                tsr_output_print(output, err, ",\"configuration\":%s", codecs[i].configuration));
        TSRI_TRY(tsr_output_append(output, "}", 1, err));
    }
    return tsr_output_append(output, "]", 1, err);
}
