/* Macros that every public header uses: visibility, attributes, and automatic clean-up. */
#ifndef TESSERA_EXPORT_H
#define TESSERA_EXPORT_H

#ifdef __cplusplus
#define TSR_BEGIN_DECLS extern "C" {
#define TSR_END_DECLS }
#else
#define TSR_BEGIN_DECLS
#define TSR_END_DECLS
#endif

#if defined(__GNUC__)
#define TSR_API __attribute__((visibility("default")))
#define TSR_PRINTF(text, first) __attribute__((format(printf, text, first)))
/* `tsr_auto(tsr_array) *array = NULL;` releases the array when the scope ends. Every type for which
 * this works has a `TYPE_cleanup` function in its header. */
#define tsr_auto(type) __attribute__((cleanup(type##_cleanup))) type
#else
#define TSR_API
#define TSR_PRINTF(text, first)
#endif

/* Defines the function that tsr_auto needs for a handle that `release` gives up; NULL is left
 * alone. */
#define TSR_DEFINE_CLEANUP(type, release)            \
    static inline void type##_cleanup(type **handle) \
    {                                                \
        if (*handle)                                 \
            release(*handle);                        \
    }

#endif
