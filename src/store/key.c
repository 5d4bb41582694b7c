#include <string.h>
#include <tessera/sys/store.h>

#include "base/base.h"
#include "base/text.h"
#include "store/key.h"

/* A part between two slashes. */
static int check_part(const char *what, const char *key, const char *part, size_t size,
                      tsr_error *err)
{
    const char *fault = NULL;
    if (size == 0)
        fault = "has an empty part";
    else if (size == 1 && part[0] == '.')
        fault = "has the part \".\"";
    else if (size == 2 && part[0] == '.' && part[1] == '.')
        fault = "has the part \"..\"";
    if (!fault)
        return 0;
    tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s \"%s\" %s", what, key, fault);
    tsr_error_set_where(err, "byte %td of the %s", part - key, what);
    tsr_error_set_next_step(err, "write it as names separated by single slashes, as in a/b/c");
    return TSR_INVALID_ARGUMENT;
}

/* UTF-8 as RFC 3629 has it, at most TSRI_KEY_BYTES_MAX bytes. */
static int check_text(const char *what, const char *text, size_t *ret_size, tsr_error *err)
{
    size_t size = strnlen(text, TSRI_KEY_BYTES_MAX + 2);
    if (size > TSRI_KEY_BYTES_MAX + (what[0] == 'p'))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s \"%.60s...\" is longer than %d bytes",
                             what, text, TSRI_KEY_BYTES_MAX);
    for (size_t at = 0, step; at < size; at += step) {
        uint32_t code_point;
        if (((unsigned char)text[at] & 0x80) == 0) {
            step = 1;
            continue;
        }
        step = tsri_text_character(text + at, size - at, &code_point);
        if (step == 0) {
            tsr_error_set(err, TSR_INVALID_ARGUMENT, "%s \"%s\" is not UTF-8", what, text);
            tsr_error_set_where(err, "byte %zu of the %s", at, what);
            return TSR_INVALID_ARGUMENT;
        }
    }
    *ret_size = size;
    return 0;
}

static int check_parts(const char *what, const char *text, size_t size, tsr_error *err)
{
    for (size_t start = 0; start <= size;) {
        const char *slash = memchr(text + start, '/', size - start);
        size_t end = slash ? (size_t)(slash - text) : size;
        TSRI_TRY(check_part(what, text, text + start, end - start, err));
        start = end + 1;
    }
    return 0;
}

/* Whether a key is good at first sight: ASCII characters, of which none that needs a closer look
 * begins a part. What is not is looked at again, for the reason or to find it good. */
static bool is_plain_key(const char *key)
{
    const char *at = key;
    for (;; at++) {
        if (*at == '/' || *at == '.' || *at == 0)
            return false;
        for (; *at != '/' && *at != 0; at++)
            if ((unsigned char)*at >= 0x80)
                return false;
        if (*at == 0)
            return at - key <= TSRI_KEY_BYTES_MAX;
    }
}

int tsr_store_check_key(const char *key, tsr_error *err)
{
    size_t size;
    if (key && is_plain_key(key))
        return 0;
    if (!key || !key[0])
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "the key is empty");
    TSRI_TRY(check_text("key", key, &size, err));
    return check_parts("key", key, size, err);
}

int tsr_store_check_prefix(const char *prefix, tsr_error *err)
{
    size_t size;
    if (!prefix)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "the prefix is missing");
    if (!prefix[0])
        return 0;
    TSRI_TRY(check_text("prefix", prefix, &size, err));
    if (prefix[size - 1] != '/')
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "prefix \"%s\" does not end in \"/\"",
                             prefix);
    return check_parts("prefix", prefix, size - 1, err);
}
