/* The lexer of JSON documents: RFC 8259 to the letter, one token at a time. Internal to src/meta.
 *
 * Thread: CONFINED. */
#ifndef TESSERA_META_JSON_SCAN_H
#define TESSERA_META_JSON_SCAN_H

#include <locale.h>

#include "base/base.h"

typedef enum tsri_json_token_kind {
    TSRI_JSON_TOKEN_END,         /* nothing but white space is left */
    TSRI_JSON_TOKEN_PUNCTUATION, /* one of { } [ ] : , in `punctuation` */
    TSRI_JSON_TOKEN_STRING,      /* decoded into `bytes` */
    TSRI_JSON_TOKEN_INTEGER,     /* in int64_t range: `integer` */
    TSRI_JSON_TOKEN_UNSIGNED,    /* above it, up to 2^64-1: `unsigned_integer` */
    TSRI_JSON_TOKEN_DOUBLE,      /* all others and -0: `number`, its source text in `bytes`; so are
                                    integers of more than 64 bits, as which JavaScript writes 1e20 */
    TSRI_JSON_TOKEN_TRUE,
    TSRI_JSON_TOKEN_FALSE,
    TSRI_JSON_TOKEN_NULL
} tsri_json_token_kind;

typedef struct tsri_json_token {
    tsri_json_token_kind kind;
    char punctuation;
    size_t start; /* offset of its first byte in the document */
    int64_t integer;
    uint64_t unsigned_integer;
    double number;
} tsri_json_token;

typedef struct tsri_json_scan {
    const char *text;
    size_t size_bytes, position;
    bool allow_nan, allow_surrogates;
    locale_t locale; /* "C": a decimal point is a point whatever the program set */
    /* The text of the last string or double, with a 0 byte behind it; a string may hold 0 bytes
     * itself. Overwritten by the next one. */
    char *bytes;
    size_t bytes_size, bytes_capacity;
} tsri_json_scan;

/* Starts at the first byte; `text` is borrowed. `flags` are those of tsr_json_parse. Errors:
 * BAD_METADATA (byte order mark), NO_MEMORY. */
int tsri_json_scan_init(tsri_json_scan *ret_scan, const char *text, size_t size_bytes, int flags,
                        tsr_error *err);
void tsri_json_scan_clear(tsri_json_scan *scan);

/* Reads the next token. Errors: BAD_METADATA (with offset and line), NO_MEMORY. */
int tsri_json_scan_next(tsri_json_scan *scan, tsri_json_token *ret_token, tsr_error *err);

/* Refuses the document at an offset: sets message, byte and line; returns BAD_METADATA. */
int tsri_json_scan_refuse(const tsri_json_scan *scan, size_t offset, tsr_error *err,
                          const char *format, ...) TSR_PRINTF(4, 5);

#endif
