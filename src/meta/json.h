/* JSON documents: json-c behind a strict lexical pre-scan.
 *
 * The pre-scan holds to RFC 8259 to the letter, since json-c alone keeps the last of duplicate
 * names, clamps 2^64, takes single quotes, comments, NaN and lone surrogates: all refused here,
 * with byte offset, line and JSON pointer. Numbers keep their source text. Integers beyond [-2^63,
 * 2^64-1] are refused. Limits: depth 64, size by the context.
 *
 * The value type is json-c's `struct json_object`; callers use json-c's accessors for reading and
 * the helpers below for typed fields. CONFINED until parsed, then IMMUTABLE as long as nobody calls
 * json-c setters. */
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
 * spaces and arrays of scalars on one line. Doubles that were parsed keep their source text.
 * Non-finite numbers (ALLOW_NAN) are written bare. Errors: NO_MEMORY, LIMIT. */
int tsri_json_write(const tsri_json *value, int indent, tsr_output *output, tsr_error *err);

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

/* Appends `text` as a JSON string with quotes and escapes. Errors: NO_MEMORY, LIMIT. */
int tsri_json_quote(const char *text, tsr_output *output, tsr_error *err);

#endif
