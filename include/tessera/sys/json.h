/* JSON texts and values, for whoever gets JSON as text from this library: authors of codecs and
 * formats their configuration, programs attributes and codec lists.
 *
 * A value is json-c's `struct json_object`: include <json-c/json.h> and link json-c to look into
 * it. NULL is the JSON null. json-c's own parser and printer should not be used beside these: they
 * crash, or lose parts of a document without a word, when an allocation fails; the parser takes
 * what is no JSON and cuts integers beyond 64 bits; the printer changes numbers.
 *
 * Thread: a value is CONFINED until it is parsed, then IMMUTABLE as long as nobody calls json-c's
 * setters, json_object_get or json_object_put on it or on what it holds. */
#ifndef TESSERA_SYS_JSON_H
#define TESSERA_SYS_JSON_H

#include <tessera/sys/output.h>

TSR_BEGIN_DECLS

struct json_object;

typedef enum tsr_json_flags {
    TSR_JSON_STRICT = 0,
    /* Bare NaN, Infinity and -Infinity are taken as doubles, which old Zarr v2 attributes have. */
    TSR_JSON_ALLOW_NAN = 1,
    /* They are taken as the strings "NaN", "Infinity" and "-Infinity", which is how Zarr writes
     * them where JSON is kept, so that what is written again is JSON. */
    TSR_JSON_NAN_AS_TEXT = 2,
    /* Escapes of lone surrogates ("\\ud800") are taken, which JSON's grammar has, no text of
     * Unicode has, and Python writes. They are the three bytes that UTF-8 would have for them. */
    TSR_JSON_LONE_SURROGATES = 4
} tsr_json_flags;

/* Parses one document, which must end after its value; *ret_value is untouched on failure.
 *
 * Held to RFC 8259 to the letter unless the flags say otherwise: duplicate names, lone surrogates,
 * a byte order mark, comments, single quotes, bytes behind the value are refused with byte offset,
 * line and JSON pointer. Refused as well, which the RFC leaves to implementations: U+0000 in the
 * name of a member, more than 64 levels of depth, a text of more than `max_bytes` (0: 64 MiB), and
 * values that need more memory than 8 times that (at least 1 MiB). Numbers that are no integers of
 * 64 bits, -0 among them, are doubles that keep their source text.
 *
 * Owner: the caller, by json_object_put. Thread: CONFINED. Errors: BAD_METADATA (what, byte offset,
 * line, JSON pointer), LIMIT, NO_MEMORY. */
TSR_API int tsr_json_parse(const char *text, size_t size_bytes, int flags, size_t max_bytes,
                           struct json_object **ret_value, tsr_error *err);

/* Appends the value as text. `indent` 0: one line without spaces; otherwise pretty with that many
 * spaces a level, and arrays of scalars on one line. Doubles that were parsed keep their source
 * text, others get the shortest decimals. Non-finite doubles are written bare, lone surrogates as
 * escapes. On failure a part may have been appended. Thread: CONFINED. Errors: INVALID_ARGUMENT (a
 * string that is not UTF-8), NO_MEMORY, LIMIT (the output's maximum; more than 128 levels). */
TSR_API int tsr_json_write(const struct json_object *value, int indent, tsr_output *output,
                           tsr_error *err);

/* The same as a text of its own. Owner: the caller, by tsr_free. Thread: CONFINED. Errors: those of
 * tsr_json_write. */
TSR_API int tsr_json_text(const struct json_object *value, int indent, char **ret_text,
                          tsr_error *err);

/* Appends `text` as a JSON string with quotes and escapes, lone surrogates among them. Thread:
 * CONFINED. Errors: INVALID_ARGUMENT (not UTF-8), NO_MEMORY, LIMIT. */
TSR_API int tsr_json_quote(const char *text, tsr_output *output, tsr_error *err);

TSR_END_DECLS

#endif
