#include "store/reference_list.h"

#include <stdlib.h>
#include <tessera/sys/json.h>
#include <tessera/sys/store.h>

#include "base/checked.h"
#include "base/output.h"
#include "meta/json.h"
#include "tensor/element.h"

/* Larger files are kept as tables by those who make them (kerchunk's Parquet form). */
#define TEXT_BYTES_MAX ((size_t)512 << 20)
#define URL_BYTES_MAX 65536

typedef struct parser {
    tsri_reference_list *list;
    const tsri_json *templates; /* NULL: none */
    const char *last_written;   /* the URL of the reference before, and what became of it: most */
    const char *last_url;       /* references lead to the same file as their neighbours */
    tsr_error *err;
} parser;

/* ---- texts ---- */

static int keep_bytes(const parser *p, const void *bytes, size_t size_bytes, tsr_blob **ret_blob)
{
    TSRI_TRY(tsr_blob_new(size_bytes, ret_blob, p->err));
    if (size_bytes)
        memcpy(tsr_blob_data_writable(*ret_blob), bytes, size_bytes);
    return 0;
}

static int take_base64(const parser *p, const char *key, const char *text, tsr_blob **ret_blob)
{
    size_t capacity = strlen(text) / 4 * 3 + 3, size_bytes = 0;
    tsr_auto(tsri_text) *quoted = tsri_format("%s\"", text);
    tsr_auto(tsri_text) *bytes = tsri_alloc(capacity);
    const char *at = quoted;

    if (!quoted || !bytes)
        return tsri_error_no_memory(p->err, capacity);
    if (!tsri_element_take_base64(&at, bytes, capacity, &size_bytes))
        return tsr_error_set(p->err, TSR_BAD_METADATA, "key \"%s\": its base64 is malformed", key);
    return keep_bytes(p, bytes, size_bytes, ret_blob);
}

static int take_text(const parser *p, const char *key, const tsri_json *value, tsr_blob **ret_blob)
{
    static const char prefix[] = "base64:";
    const char *text = json_object_get_string((tsri_json *)value);
    size_t size_bytes = (size_t)json_object_get_string_len(value);

    if (strncmp(text, prefix, strlen(prefix)) == 0)
        return take_base64(p, key, text + strlen(prefix), ret_blob);
    return keep_bytes(p, text, size_bytes, ret_blob);
}

/* Metadata may stand there as JSON itself. */
static int take_object(const parser *p, const tsri_json *value, tsr_blob **ret_blob)
{
    char *text;

    TSRI_TRY(tsr_json_text(value, 0, &text, p->err));
    int status = keep_bytes(p, text, strlen(text), ret_blob);
    tsri_free(text);
    return status;
}

/* ---- URLs ---- */

static int refuse_template(const parser *p, const char *url)
{
    tsr_error_set(p->err, TSR_UNSUPPORTED,
                  "\"%.200s\": only templates that are plain texts are filled in", url);
    tsr_error_set_next_step(p->err, "write the references anew without templates, as "
                                    "kerchunk.utils.dereference_archives does");
    return TSR_UNSUPPORTED;
}

/* Copies a URL with its {{name}} filled in. */
static int fill_in(const parser *p, const char *written, const char **ret_url)
{
    tsr_auto(tsri_output) output = TSRI_OUTPUT_INIT(URL_BYTES_MAX);
    const char *at = written, *open;

    for (; (open = strstr(at, "{{")) != NULL;) {
        const char *close = strstr(open, "}}");
        tsri_json *value = NULL;
        if (!close)
            return refuse_template(p, written);
        tsr_auto(tsri_text) *name = tsri_strndup(open + 2, (size_t)(close - open) - 2);
        if (!name)
            return tsri_error_no_memory(p->err, 0);
        if (!p->templates || !json_object_object_get_ex(p->templates, name, &value) ||
            !json_object_is_type(value, json_type_string) ||
            strstr(json_object_get_string(value), "{{"))
            return refuse_template(p, written);
        TSRI_TRY(tsr_output_print(&output, p->err, "%.*s%s", (int)(open - at), at,
                                  json_object_get_string(value)));
        at = close + 2;
    }
    TSRI_TRY(tsr_output_print(&output, p->err, "%s", at));
    *ret_url = tsri_arena_format(&p->list->texts, "%.*s", (int)output.size_bytes, output.data);
    return *ret_url ? 0 : tsri_error_no_memory(p->err, output.size_bytes);
}

static int take_url(parser *p, const char *written, const char **ret_url)
{
    if (!p->last_written || strcmp(p->last_written, written) != 0) {
        TSRI_TRY(fill_in(p, written, &p->last_url));
        p->last_written = written;
    }
    *ret_url = p->last_url;
    return 0;
}

/* ---- references ---- */

static bool take_number(const tsri_json *value, uint64_t *ret_number)
{
    if (!json_object_is_type(value, json_type_int) ||
        (json_object_get_int64(value) < 0 && json_object_get_uint64(value) == 0))
        return false;
    *ret_number = json_object_get_uint64(value);
    return *ret_number <= INT64_MAX;
}

static int take_range(parser *p, const char *key, const tsri_json *value, tsri_reference *reference)
{
    size_t length = json_object_array_length(value);
    const tsri_json *url = length ? json_object_array_get_idx(value, 0) : NULL;
    uint64_t end;

    reference->is_whole = length == 1;
    bool good = json_object_is_type(url, json_type_string) && (length == 1 || length == 3);
    if (good && length == 3)
        good = take_number(json_object_array_get_idx(value, 1), &reference->offset) &&
               take_number(json_object_array_get_idx(value, 2), &reference->size_bytes) &&
               tsri_add_u64(reference->offset, reference->size_bytes, &end) && end <= INT64_MAX;
    if (!good)
        return tsr_error_set(p->err, TSR_BAD_METADATA,
                             "key \"%s\": a reference is [URL] or [URL, offset, length]", key);
    return take_url(p, json_object_get_string((tsri_json *)url), &reference->url);
}

static int take_reference(parser *p, const char *key, const tsri_json *value)
{
    tsri_reference *reference = &p->list->all[p->list->count];

    if (tsr_store_check_key(key, NULL) < 0)
        return 0;
    *reference = (tsri_reference){.key = tsri_arena_strdup(&p->list->texts, key)};
    if (!reference->key)
        return tsri_error_no_memory(p->err, strlen(key));
    if (json_object_is_type(value, json_type_string))
        TSRI_TRY(take_text(p, key, value, &reference->blob));
    else if (json_object_is_type(value, json_type_object))
        TSRI_TRY(take_object(p, value, &reference->blob));
    else if (json_object_is_type(value, json_type_array))
        TSRI_TRY(take_range(p, key, value, reference));
    else
        return tsr_error_set(p->err, TSR_BAD_METADATA,
                             "key \"%s\": %s, where a text or a reference should be", key,
                             tsri_json_kind(value));
    p->list->count++;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const tsri_reference *)a)->key, ((const tsri_reference *)b)->key);
}

static int take_references(parser *p, const tsri_json *references)
{
    tsri_reference_list *list = p->list;
    size_t count = (size_t)json_object_object_length(references);

    list->all = tsri_alloc_array_zero(count + 1, sizeof *list->all);
    if (!list->all)
        return tsri_error_no_memory(p->err, count * sizeof *list->all);
    json_object_object_foreach((tsri_json *)references, key, value)
    {
        TSRI_TRY(take_reference(p, key, value));
    }
    qsort(list->all, list->count, sizeof *list->all, by_key);
    return 0;
}

static int check_version(const parser *p, const tsri_json *version)
{
    if (json_object_is_type(version, json_type_int) && json_object_get_int64(version) == 1)
        return 0;
    return tsr_error_set(p->err, TSR_UNSUPPORTED, "version of the references: %s, not 1",
                         json_object_is_type(version, json_type_int) ? "another number"
                                                                     : tsri_json_kind(version));
}

/* Version 1 has its references in a member; in version 0 they are the members. */
static int take_document(parser *p, const tsri_json *document)
{
    tsri_json *references = NULL, *member = NULL;

    if (!json_object_is_type(document, json_type_object))
        return tsr_error_set(p->err, TSR_BAD_METADATA, "%s, where an object should be",
                             tsri_json_kind(document));
    if (!json_object_object_get_ex(document, "refs", &references))
        return take_references(p, document);
    if (json_object_object_get_ex(document, "version", &member))
        TSRI_TRY(check_version(p, member));
    if (json_object_object_get_ex(document, "gen", &member) &&
        !(json_object_is_type(member, json_type_array) && json_object_array_length(member) == 0)) {
        tsr_error_set(p->err, TSR_UNSUPPORTED,
                      "its member \"gen\" generates references, which is not done here");
        tsr_error_set_next_step(p->err, "write the references out, one for each key");
        return TSR_UNSUPPORTED;
    }
    if (json_object_object_get_ex(document, "templates", &member) &&
        json_object_is_type(member, json_type_object))
        p->templates = member;
    if (!json_object_is_type(references, json_type_object))
        return tsr_error_set(p->err, TSR_BAD_METADATA, "/refs: %s, where an object should be",
                             tsri_json_kind(references));
    return take_references(p, references);
}

int tsri_reference_list_parse(const char *text, size_t size_bytes, tsri_reference_list *ret_list,
                              tsr_error *err)
{
    tsr_auto(tsri_json) *document = NULL;
    tsr_auto(tsri_reference_list) list = {.texts = TSRI_ARENA_INIT};
    parser p = {.list = &list, .err = err};

    /* Attributes that are given as objects hold what zarr-python writes into .zattrs. */
    TSRI_TRY(tsr_json_parse(text, size_bytes, TSR_JSON_ALLOW_NAN, TEXT_BYTES_MAX, &document, err));
    TSRI_TRY(take_document(&p, document));
    *ret_list = list;
    list = (tsri_reference_list){.texts = TSRI_ARENA_INIT};
    return 0;
}

void tsri_reference_list_clear(tsri_reference_list *list)
{
    for (size_t i = 0; list->all && i <= list->count; i++)
        tsr_blob_unref(list->all[i].blob); /* one more than counted: one that failed half made */
    tsri_free(list->all);
    tsri_arena_clear(&list->texts);
    *list = (tsri_reference_list){.texts = TSRI_ARENA_INIT};
}

size_t tsri_reference_list_seek(const tsri_reference_list *list, const char *key)
{
    size_t low = 0, high = list->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(list->all[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const tsri_reference *tsri_reference_list_find(const tsri_reference_list *list, const char *key)
{
    size_t at = tsri_reference_list_seek(list, key);

    return at < list->count && strcmp(list->all[at].key, key) == 0 ? &list->all[at] : NULL;
}
