/* JSON documents: a strict parser and writer of json-c values, and typed access to them.
 *
 * The parser holds to RFC 8259 to the letter: duplicate names, lone surrogates, a byte order mark,
 * comments, single quotes, bytes behind the value are refused with byte offset, line and JSON
 * pointer. Refused as well, which the RFC leaves to implementations: integers outside -2^63 ..
 * 2^64-1, U+0000 in the name of a member, more than 64 levels of depth, and what exceeds the limits
 * on size and on the memory of the values (8 times the largest size, at least 1 MiB). Other numbers
 * are doubles that keep their source text, -0 among them.
 *
 * The value type is json-c's `struct json_object`; callers use json-c's accessors for reading and
 * the helpers below for typed fields. json_object_to_json_string and json_object_get_string of what
 * is no string change the value: use tsri_json_write. CONFINED until parsed, then IMMUTABLE as long
 * as nobody calls json-c's setters, get or put. */
#ifndef TESSERA_META_JSON_H
#define TESSERA_META_JSON_H

#include <json-c/json.h>

#include <tessera/sys/output.h>

#include "base/base.h"

typedef struct json_object tsri_json;
static inline void tsri_json_cleanup(tsri_json **value)
{
    json_object_put(*value); /* NULL is allowed */
}

typedef enum tsri_json_flags {
    TSRI_JSON_STRICT = 0,
    TSRI_JSON_ALLOW_NAN = 1 /* bare NaN, Infinity, -Infinity as values: v2 attributes in the wild */
} tsri_json_flags;

/* Parses one document, which must end after its value. `max_bytes` 0: the default limit (64 MiB).
 * Owner: the caller (json_object_put). Errors: BAD_METADATA (what, byte offset, line, JSON
 * pointer), LIMIT, NO_MEMORY. */
int tsri_json_parse(const char *text, size_t size_bytes, int flags, size_t max_bytes,
                    tsri_json **ret_value, tsr_error *err);

/* Appends the value as text. `indent` 0: one line without spaces; otherwise pretty with that many
 * spaces and arrays of scalars on one line. Doubles that were parsed keep their source text, others
 * get the shortest decimals. Non-finite numbers (ALLOW_NAN) are written bare. Errors:
 * INVALID_ARGUMENT (a string that is not UTF-8), NO_MEMORY, LIMIT. */
int tsri_json_write(const tsri_json *value, int indent, tsr_output *output, tsr_error *err);

/* Appends `text` as a JSON string with quotes and escapes. Errors: INVALID_ARGUMENT (not UTF-8),
 * NO_MEMORY, LIMIT. */
int tsri_json_quote(const char *text, tsr_output *output, tsr_error *err);

/* The source text of a double that was parsed; NULL for everything else. Borrowed. */
const char *tsri_json_source(const tsri_json *value);

/* What a value is, for messages: "an integer", "null". Static. */
const char *tsri_json_kind(const tsri_json *value);

/* Fills err with "POINTER: TEXT", the pointer being `path` and, unless NULL, the member `name` of
 * it. Returns `status`. */
int tsri_json_refuse(tsr_error *err, int status, const char *path, const char *name,
                     const char *format, ...) TSR_PRINTF(5, 6);

/* Typed access for metadata readers. `path` is the JSON pointer of `object` ("" for the root), used
 * in errors only: "/chunk_grid/configuration/chunk_shape: ...". `required` false: an absent field
 * leaves *ret untouched and returns 0. Errors: BAD_METADATA (missing, or of another type; pointer
 * and found type are named). */
int tsri_json_member(const tsri_json *object, const char *path, const char *name, bool required,
                     tsri_json **ret_value, tsr_error *err); /* borrowed */
int tsri_json_string(const tsri_json *object, const char *path, const char *name, bool required,
                     const char **ret_text, tsr_error *err); /* borrowed */
int tsri_json_int(const tsri_json *object, const char *path, const char *name, bool required,
                  int64_t minimum, int64_t maximum, int64_t *ret_value, tsr_error *err);
int tsri_json_bool(const tsri_json *object, const char *path, const char *name, bool required,
                   bool *ret_value, tsr_error *err);
int tsri_json_double(const tsri_json *object, const char *path, const char *name, bool required,
                     double *ret_value, tsr_error *err);
/* An array of integers into `values` (room for `capacity`); sets *ret_count. */
int tsri_json_int_list(const tsri_json *object, const char *path, const char *name, bool required,
                       int64_t minimum, int64_t maximum, int capacity, int64_t *values,
                       int *ret_count, tsr_error *err);
/* Refuses members that are not in `known` (ended by NULL), unless their value is an object with
 * "must_understand": false. */
int tsri_json_only(const tsri_json *object, const char *path, const char *const *known,
                   tsr_error *err);

/* An int as read from an integer or, tolerantly (`allow_fraction`), from 1.0; false when it is no
 * such number or out of int64 range. uint64 beyond int64 through the second. */
bool tsri_json_get_int64(const tsri_json *value, bool allow_fraction, int64_t *ret_value);
bool tsri_json_get_uint64(const tsri_json *value, uint64_t *ret_value);

#endif
