/* From tokens to json-c values.
 *
 * json-c's own tokener is not used: besides the leniencies that the header names, its version 0.16
 * crashes or silently loses parts of the document when an allocation fails. The functions below
 * check every one. */
#include "meta/json.h"
#include "meta/json_pointer.h"
#include "meta/json_scan.h"

enum {
    DEPTH_MAX = 64,
    DEFAULT_MAX_BYTES = 64 << 20,
    MEMORY_FACTOR = 8,      /* the values may take this many times the largest permitted document */
    MEMORY_FLOOR = 1 << 20, /* and at least this */

    /* What json-c allocates for each kind, rounded up: see json_object.c and linkhash.c. */
    OBJECT_BYTES = 832,
    ARRAY_BYTES = 416,
    STRING_BYTES = 80,
    DOUBLE_BYTES = 128,
    OTHER_BYTES = 80,
    MEMBER_BYTES = 160
};

typedef struct json_parser {
    tsri_json_scan scan;
    tsri_json *
        open[DEPTH_MAX]; /* containers that are not closed yet, the root first; owned by the root */
    int depth;
    tsri_json *root;
    bool nan_as_text;
    char *name; /* of the member whose value comes next; NULL elsewhere */
    uint64_t memory_bytes, memory_max_bytes;
} json_parser;

static bool is_array(const tsri_json *value)
{
    return json_object_is_type(value, json_type_array);
}

/* Where the parser is: the last member or element of every open container, or the name that was
 * just read. */
static void locate(const json_parser *parser, tsri_json_pointer *ret_pointer)
{
    tsri_json_pointer_init(ret_pointer, "");
    for (int level = 0; level < parser->depth; level++) {
        const tsri_json *container = parser->open[level];
        bool innermost = level + 1 == parser->depth;
        if (is_array(container)) {
            size_t length = json_object_array_length(container);
            tsri_json_pointer_index(ret_pointer, innermost ? length : length - 1);
        } else if (!innermost) {
            const struct lh_entry *last = lh_table_head(json_object_get_object(container));
            while (lh_entry_next(last) != NULL)
                last = lh_entry_next(last);
            tsri_json_pointer_name(ret_pointer, lh_entry_k(last));
        } else if (parser->name != NULL) {
            tsri_json_pointer_name(ret_pointer, parser->name);
        }
    }
}

/* Puts the JSON pointer in front of an error of the scanner. */
static int at_pointer(const json_parser *parser, int status, tsr_error *err)
{
    if (status == TSR_BAD_METADATA) {
        tsri_json_pointer pointer;
        locate(parser, &pointer);
        tsr_error_prepend(err, "%s", tsri_json_pointer_text(&pointer));
        tsr_error_set_next_step(
            err, "the document must be JSON as RFC 8259 defines it: repair it at that place");
    }
    return status;
}

static int refuse(const json_parser *parser, const tsri_json_token *token, const char *expected,
                  tsr_error *err)
{
    const char *what = "the document ends";
    char punctuation[] = "'?'";
    punctuation[1] = token->punctuation;
    if (token->kind == TSRI_JSON_TOKEN_PUNCTUATION)
        what = punctuation;
    else if (token->kind != TSRI_JSON_TOKEN_END)
        what = "a value";
    return at_pointer(parser,
                      tsri_json_scan_refuse(&parser->scan, token->start, err,
                                            "%s where %s should be", what, expected),
                      err);
}

static int next(json_parser *parser, tsri_json_token *ret_token, tsr_error *err)
{
    return at_pointer(parser, tsri_json_scan_next(&parser->scan, ret_token, err), err);
}

static int charge(json_parser *parser, size_t size_bytes, tsr_error *err)
{
    parser->memory_bytes += size_bytes;
    if (parser->memory_bytes <= parser->memory_max_bytes)
        return 0;
    tsr_error_set(err, TSR_LIMIT, "the document's values need more than %llu bytes of memory",
                  (unsigned long long)parser->memory_max_bytes);
    tsr_error_set_where(err, "byte %zu", parser->scan.position);
    tsr_error_set_next_step(
        err, "raise the context's largest_metadata_bytes if the document is meant to be so large");
    return TSR_LIMIT;
}

/* Hands a new value (NULL: the JSON null) to the innermost container, or makes it the root. */
static int attach(json_parser *parser, tsri_json *value, tsr_error *err)
{
    int failed = 0;
    if (parser->depth == 0) {
        parser->root = value;
    } else if (parser->name == NULL) {
        failed = json_object_array_add(parser->open[parser->depth - 1], value);
    } else {
        failed = json_object_object_add_ex(parser->open[parser->depth - 1], parser->name, value,
                                           JSON_C_OBJECT_ADD_KEY_IS_NEW);
        tsri_free(parser->name);
        parser->name = NULL;
    }
    if (failed) {
        json_object_put(value);
        return tsri_error_no_memory(err, MEMBER_BYTES);
    }
    return 0;
}

static int open_container(json_parser *parser, const tsri_json_token *token, tsr_error *err)
{
    bool array = token->punctuation == '[';
    if (parser->depth == DEPTH_MAX) {
        tsr_error_set(err, TSR_LIMIT, "the document is nested deeper than %d levels", DEPTH_MAX);
        tsr_error_set_where(err, "byte %zu", token->start);
        tsr_error_set_next_step(err, "a metadata document has no use for such depth: is this one?");
        return TSR_LIMIT;
    }
    TSRI_TRY(charge(parser, array ? ARRAY_BYTES : OBJECT_BYTES, err));
    tsri_json *value = array ? json_object_new_array() : json_object_new_object();
    if (value == NULL)
        return tsri_error_no_memory(err, OBJECT_BYTES);
    TSRI_TRY(attach(parser, value, err));
    parser->open[parser->depth++] = value;
    return 0;
}

/* What the value of a scalar's token takes, text included. */
static size_t scalar_bytes(const json_parser *parser, const tsri_json_token *token)
{
    switch (token->kind) {
    case TSRI_JSON_TOKEN_STRING:
        return STRING_BYTES + parser->scan.bytes_size;
    case TSRI_JSON_TOKEN_DOUBLE:
        return DOUBLE_BYTES + parser->scan.bytes_size;
    default:
        return OTHER_BYTES;
    }
}

static tsri_json *string_value(const json_parser *parser)
{
    return json_object_new_string_len(parser->scan.bytes, (int)parser->scan.bytes_size);
}

/* Digits, or a bare word, which becomes a string where that is asked for. */
static tsri_json *double_value(const json_parser *parser, double number)
{
    const char *source = parser->scan.bytes;
    bool word = source[source[0] == '-'] == 'N' || source[source[0] == '-'] == 'I';
    return word && parser->nan_as_text ? string_value(parser)
                                       : json_object_new_double_s(number, source);
}

/* Makes the json-c value of a scalar's token; NULL for null and when out of memory. */
static tsri_json *scalar_value(const json_parser *parser, const tsri_json_token *token)
{
    switch (token->kind) {
    case TSRI_JSON_TOKEN_STRING:
        return string_value(parser);
    case TSRI_JSON_TOKEN_DOUBLE:
        return double_value(parser, token->number);
    case TSRI_JSON_TOKEN_INTEGER:
        return json_object_new_int64(token->integer);
    case TSRI_JSON_TOKEN_UNSIGNED:
        return json_object_new_uint64(token->unsigned_integer);
    case TSRI_JSON_TOKEN_TRUE:
    case TSRI_JSON_TOKEN_FALSE:
        return json_object_new_boolean(token->kind == TSRI_JSON_TOKEN_TRUE);
    default:
        return NULL;
    }
}

/* Takes in the value that starts with `token`; of a container only its opening. */
static int take_value(json_parser *parser, const tsri_json_token *token, tsr_error *err)
{
    if (token->kind == TSRI_JSON_TOKEN_PUNCTUATION &&
        (token->punctuation == '[' || token->punctuation == '{'))
        return open_container(parser, token, err);
    if (token->kind == TSRI_JSON_TOKEN_PUNCTUATION || token->kind == TSRI_JSON_TOKEN_END)
        return refuse(parser, token, "a value", err);
    size_t size_bytes = scalar_bytes(parser, token);
    TSRI_TRY(charge(parser, size_bytes, err));
    tsri_json *value = scalar_value(parser, token);
    if (value == NULL && token->kind != TSRI_JSON_TOKEN_NULL)
        return tsri_error_no_memory(err, size_bytes);
    return attach(parser, value, err);
}

static bool is_punctuation(const tsri_json_token *token, char punctuation)
{
    return token->kind == TSRI_JSON_TOKEN_PUNCTUATION && token->punctuation == punctuation;
}

/* Keeps the name of a member until its value comes. */
static int take_name(json_parser *parser, const tsri_json_token *token, tsr_error *err)
{
    if (token->kind != TSRI_JSON_TOKEN_STRING)
        return refuse(parser, token, "a member's name in quotes", err);
    size_t size_bytes = parser->scan.bytes_size;
    TSRI_TRY(charge(parser, MEMBER_BYTES + size_bytes, err));
    parser->name = tsri_strndup(parser->scan.bytes, size_bytes);
    if (parser->name == NULL)
        return tsri_error_no_memory(err, size_bytes);
    /* json-c's names are C strings, so what stands behind a 0 byte would be lost. */
    if (memchr(parser->scan.bytes, 0, size_bytes) != NULL)
        return at_pointer(parser,
                          tsri_json_scan_refuse(&parser->scan, token->start, err,
                                                "the name of a member holds U+0000"),
                          err);
    if (json_object_object_get_ex(parser->open[parser->depth - 1], parser->name, NULL))
        return at_pointer(parser,
                          tsri_json_scan_refuse(&parser->scan, token->start, err,
                                                "the name of this member occurs twice"),
                          err);
    return 0;
}

/* One element of the innermost array, or its end. */
static int step_array(json_parser *parser, tsr_error *err)
{
    tsri_json_token token;
    bool first = json_object_array_length(parser->open[parser->depth - 1]) == 0;
    TSRI_TRY(next(parser, &token, err));
    if (is_punctuation(&token, ']')) {
        parser->depth--;
        return 0;
    }
    if (!first) {
        if (!is_punctuation(&token, ','))
            return refuse(parser, &token, "',' or ']'", err);
        TSRI_TRY(next(parser, &token, err));
    }
    return take_value(parser, &token, err);
}

/* One member of the innermost object, or its end. */
static int step_object(json_parser *parser, tsr_error *err)
{
    tsri_json_token token;
    bool first = json_object_object_length(parser->open[parser->depth - 1]) == 0;
    TSRI_TRY(next(parser, &token, err));
    if (is_punctuation(&token, '}')) {
        parser->depth--;
        return 0;
    }
    if (!first) {
        if (!is_punctuation(&token, ','))
            return refuse(parser, &token, "',' or '}'", err);
        TSRI_TRY(next(parser, &token, err));
    }
    TSRI_TRY(take_name(parser, &token, err));
    TSRI_TRY(next(parser, &token, err));
    if (!is_punctuation(&token, ':'))
        return refuse(parser, &token, "':'", err);
    TSRI_TRY(next(parser, &token, err));
    return take_value(parser, &token, err);
}

static int parse_document(json_parser *parser, tsr_error *err)
{
    tsri_json_token token;
    TSRI_TRY(next(parser, &token, err));
    TSRI_TRY(take_value(parser, &token, err));
    while (parser->depth > 0)
        TSRI_TRY(is_array(parser->open[parser->depth - 1]) ? step_array(parser, err)
                                                           : step_object(parser, err));
    TSRI_TRY(next(parser, &token, err));
    if (token.kind != TSRI_JSON_TOKEN_END)
        return refuse(parser, &token, "the end of the document", err);
    return 0;
}

static void json_parser_cleanup(json_parser *parser)
{
    tsri_json_scan_clear(&parser->scan);
    tsri_free(parser->name);
    json_object_put(parser->root);
}

int tsr_json_parse(const char *text, size_t size_bytes, int flags, size_t max_bytes,
                   tsri_json **ret_value, tsr_error *err)
{
    tsr_auto(json_parser) parser = {0};
    size_t maximum =
        TSRI_MIN(max_bytes > 0 ? max_bytes : (size_t)DEFAULT_MAX_BYTES, (size_t)INT32_MAX);
    if (size_bytes > maximum) {
        tsr_error_set(err, TSR_LIMIT, "a JSON document of %zu bytes; at most %zu are read",
                      size_bytes, maximum);
        tsr_error_set_next_step(
            err,
            "raise the context's largest_metadata_bytes if the document is meant to be so large");
        return TSR_LIMIT;
    }
    parser.memory_max_bytes = TSRI_MAX((uint64_t)maximum * MEMORY_FACTOR, (uint64_t)MEMORY_FLOOR);
    parser.nan_as_text = flags & TSR_JSON_NAN_AS_TEXT;
    int status = tsri_json_scan_init(&parser.scan, text, size_bytes, flags, err);
    TSRI_TRY(at_pointer(&parser, status, err));
    TSRI_TRY(parse_document(&parser, err));
    *ret_value = TSRI_TAKE(parser.root);
    return 0;
}
