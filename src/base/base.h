/* What every other file starts from: allocation, checked sizes, error macros. */
#ifndef TESSERA_BASE_BASE_H
#define TESSERA_BASE_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <tessera/error.h>
#include <tessera/export.h>

/* The smaller and the larger of two. Each argument is evaluated once, so it may be a call. */
#define TSRI_MIN(a, b) TSRI_CHOOSE_(a, b, <, __COUNTER__)
#define TSRI_MAX(a, b) TSRI_CHOOSE_(a, b, >, __COUNTER__)
#define TSRI_CHOOSE_(a, b, order, id) TSRI_CHOOSE_NAMED_(a, b, order, id)
#define TSRI_CHOOSE_NAMED_(a, b, order, id)                             \
    ({                                                                  \
        if (0) /* so that the compiler sees different signedness */     \
            (void)((a)order(b));                                        \
        __typeof__(1 ? (a) : (b)) tsri_a_##id = (a), tsri_b_##id = (b); \
        tsri_a_##id order tsri_b_##id ? tsri_a_##id : tsri_b_##id;      \
    })

#define TSRI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* For a large local buffer in a hot function: a build that clears all locals leaves this one alone.
 */
#ifdef __has_attribute
#if __has_attribute(uninitialized)
#define TSRI_UNINITIALIZED __attribute__((uninitialized))
#endif
#endif
#ifndef TSRI_UNINITIALIZED
#define TSRI_UNINITIALIZED
#endif

/* Passes a failure on. The error is filled in already. */
#define TSRI_TRY(call)             \
    do {                           \
        int tsri_status_ = (call); \
        if (tsri_status_ < 0)      \
            return tsri_status_;   \
    } while (0)

/* Passes a failure on with a phrase in front of its message. */
#define TSRI_TRY_IN(err, call, ...)                \
    do {                                           \
        int tsri_status_ = (call);                 \
        if (tsri_status_ < 0) {                    \
            tsr_error_prepend((err), __VA_ARGS__); \
            return tsri_status_;                   \
        }                                          \
    } while (0)

/* Moves a handle out of a tsr_auto variable. */
#define TSRI_TAKE(handle)                          \
    ({                                             \
        __typeof__(handle) tsri_taken_ = (handle); \
        (handle) = NULL;                           \
        tsri_taken_;                               \
    })

/* Reports and returns NO_MEMORY. Inline, so that analysers of one file see that it is never 0. */
void tsri_error_set_no_memory(tsr_error *err, size_t size_bytes);
static inline int tsri_error_no_memory(tsr_error *err, size_t size_bytes)
{
    tsri_error_set_no_memory(err, size_bytes);
    return TSR_NO_MEMORY;
}

/* Turns errno of a failed system call into a status and a full error: "OPERATION PATH: TEXT".
 * Returns the status. */
int tsri_error_errno(tsr_error *err, int error_number, const char *operation, const char *path);

/* The only ways to memory. A size of 0 gives a valid pointer. `tsri_alloc*` return NULL when out of
 * memory or when the size overflows; `tsri_free(NULL)` is allowed. */
void *tsri_alloc(size_t size_bytes);
void *tsri_alloc_zero(size_t size_bytes);
void *tsri_alloc_array(size_t count, size_t element_bytes);
void *tsri_alloc_array_zero(size_t count, size_t element_bytes);
/* On failure `memory` stays valid. */
void *tsri_realloc_array(void *memory, size_t count, size_t element_bytes);
/* Makes room for element `count` of a list that grows, doubling *capacity where it is used up.
 * Returns the list, which may have moved; NULL when out of memory: it stays as and where it was. */
void *tsri_grow_array(void *list, size_t count, size_t *capacity, size_t element_bytes);
char *tsri_strdup(const char *text);
char *tsri_strndup(const char *text, size_t size_bytes);
void tsri_free(void *memory);
/* Memory for payloads, aligned for vectors (64 bytes; from 2 MiB on to a huge page, where first
 * touch is cheap); freed by tsri_free_payload with its size. Not zeroed. */
void *tsri_alloc_payload(size_t size_bytes);
void tsri_free_payload(void *memory, size_t size_bytes);

/* For tsr_auto(tsri_text) text = NULL. */
typedef char tsri_text;
static inline void tsri_text_cleanup(char **text)
{
    tsri_free(*text);
}

/* Formats into new memory; NULL when out of memory. */
char *tsri_format(const char *format, ...) TSR_PRINTF(1, 2);
char *tsri_vformat(const char *format, va_list arguments) TSR_PRINTF(1, 0);

#endif
