/* JSON documents: typed access to json-c values. The parser and the writer are public
 * (tessera/sys/json.h); their documents say what is refused. json_object_to_json_string and
 * json_object_get_string of what is no string change the value: use tsr_json_write. */
#ifndef TESSERA_META_JSON_H
#define TESSERA_META_JSON_H

#include <json-c/json.h>

#include <tessera/sys/json.h>

#include "base/base.h"

typedef struct json_object tsri_json;
static inline void tsri_json_cleanup(tsri_json **value)
{
    json_object_put(*value); /* NULL is allowed */
}

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
