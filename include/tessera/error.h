/* Status codes and the caller-owned error.
 *
 * Functions return 0 or a negative tsr_status. A failing function also fills the tsr_error that the
 * caller passed (NULL: the caller does not care): what failed, where exactly, and what to do next.
 * An error is a plain value on the caller's stack: nothing in it is allocated.
 *
 * Thread: CONFINED. One error belongs to one call at a time. */
#ifndef TESSERA_ERROR_H
#define TESSERA_ERROR_H

#include <stdarg.h>
#include <stdio.h>

#include <tessera/export.h>

TSR_BEGIN_DECLS

/* The one table from which text, HTTP status, exit status of the command line and Python exception
 * follow, so that the front ends cannot drift apart.
 * X(NAME, value, text, HTTP status, exit status, Python exception) */
#define TSR_STATUS_MAP(X)                                                                  \
    X(OK, 0, "done", 200, 0, "")                                                           \
    X(NO_MEMORY, -1, "out of memory", 503, 8, "MemoryError")                               \
    X(INVALID_ARGUMENT, -2, "invalid argument", 400, 2, "ValueError")                      \
    X(OUT_OF_BOUNDS, -3, "index out of bounds", 416, 2, "IndexError")                      \
    X(TYPE_MISMATCH, -4, "types do not match", 422, 2, "TypeError")                        \
    X(NOT_FOUND, -5, "not found", 404, 3, "FileNotFoundError")                             \
    X(EXISTS, -6, "exists already", 409, 8, "FileExistsError")                             \
    X(DAMAGED, -7, "data damaged", 500, 4, "tessera.DamagedError")                         \
    X(BAD_METADATA, -8, "metadata not valid", 500, 4, "tessera.MetadataError")             \
    X(UNSUPPORTED, -9, "not supported", 501, 8, "NotImplementedError")                     \
    X(PERMISSION, -10, "no permission", 403, 6, "PermissionError")                         \
    X(READ_ONLY, -11, "read only", 405, 6, "PermissionError")                              \
    X(UNREACHABLE, -12, "unreachable", 503, 7, "ConnectionError")                          \
    X(DEADLINE, -13, "deadline passed", 504, 8, "TimeoutError")                            \
    X(CANCELLED, -14, "interrupted", 499, 130, "KeyboardInterrupt")                        \
    X(CONFLICT, -15, "changed by someone else meanwhile", 412, 8, "tessera.ConflictError") \
    X(LIMIT, -16, "larger than a limit allows", 413, 8, "tessera.LimitError")              \
    X(NO_SPACE, -17, "no space left", 507, 8, "OSError")                                   \
    X(IO, -18, "input or output failed", 500, 8, "OSError")                                \
    X(PARTIAL, -19, "partly done", 500, 5, "tessera.PartialError")                         \
    X(INTERNAL, -20, "internal error", 500, 8, "RuntimeError")

#define TSR_STATUS_ENUM(name, value, text, http, exit, python) TSR_##name = value,
typedef enum tsr_status { TSR_STATUS_MAP(TSR_STATUS_ENUM) } tsr_status;
#undef TSR_STATUS_ENUM

#define TSR_ERROR_MESSAGE_MAX 1024
#define TSR_ERROR_DETAIL_MAX 512

typedef struct tsr_error {
    int status;                           /* 0 or a tsr_status */
    char message[TSR_ERROR_MESSAGE_MAX];  /* what failed; layers put their phrase in front */
    char where[TSR_ERROR_DETAIL_MAX];     /* byte range and key, or empty */
    char next_step[TSR_ERROR_DETAIL_MAX]; /* what the user can do now, or empty */
} tsr_error;

/* clang-format off */
#ifdef __cplusplus
#define TSR_ERROR_INIT {}
#else
#define TSR_ERROR_INIT {0, {0}, {0}, {0}}
#endif
/* clang-format on */

/* The symbolic name of a status ("NOT_FOUND"), for programs; "UNKNOWN" for a value not in the
 * table. Static memory. Thread: IMMUTABLE. Never fails. */
TSR_API const char *tsr_status_name(int status);

/* One phrase for people. Static memory. Thread: IMMUTABLE. Never fails. */
TSR_API const char *tsr_status_text(int status);

/* The HTTP status that a server answers with. Thread: IMMUTABLE. Never fails. */
TSR_API int tsr_status_http(int status);

/* The exit status of the command line, 0 for TSR_OK. Thread: IMMUTABLE. Never fails. */
TSR_API int tsr_status_exit(int status);

/* The name of the Python exception. Static memory. Thread: IMMUTABLE. Never fails. */
TSR_API const char *tsr_status_python(int status);

/* Starts an error: sets status and message and empties the other fields. `err` may be NULL. Texts
 * that are too long are cut and end in "...". Returns `status`, so that `return tsr_error_set(...)`
 * works. Thread: CONFINED. Never fails. */
TSR_API int tsr_error_set(tsr_error *err, int status, const char *format, ...) TSR_PRINTF(3, 4);
TSR_API int tsr_error_vset(tsr_error *err, int status, const char *format, va_list arguments)
    TSR_PRINTF(3, 0);

/* Puts "PHRASE: " in front of the message, for a layer that knows more about where it happened.
 * Returns the error's status (TSR_INTERNAL when err is NULL). Thread: CONFINED. Never fails. */
TSR_API int tsr_error_prepend(tsr_error *err, const char *format, ...) TSR_PRINTF(2, 3);

/* Says where: a key, a byte range, a JSON pointer. Only the first, innermost statement is kept.
 * Thread: CONFINED. Never fails. */
TSR_API void tsr_error_set_where(tsr_error *err, const char *format, ...) TSR_PRINTF(2, 3);

/* Says what the user can do next. Only the first statement is kept. Thread: CONFINED. Never fails.
 */
TSR_API void tsr_error_set_next_step(tsr_error *err, const char *format, ...) TSR_PRINTF(2, 3);

/* Forgets everything. Thread: CONFINED. Never fails. */
TSR_API void tsr_error_clear(tsr_error *err);

/* Prints the error as the command line does ("tessera: MESSAGE", where, next step) and returns the
 * exit status of the process. Prints nothing and returns 0 when no error is set. Thread: CONFINED.
 * Never fails. */
TSR_API int tsr_error_report(const tsr_error *err, FILE *stream);

TSR_END_DECLS

#endif
