/* Any bytes: the parser refuses them or gives a value whose text, once written, reads back as the
 * same text. The first byte chooses whether bare NaN is allowed, or becomes text, and whether the
 * text is pretty. */
#include <stdint.h>
#include <stdlib.h>

#include "base/output.h"
#include "meta/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void write(const tsri_json *value, int indent, tsr_output *output)
{
    tsr_error err = TSR_ERROR_INIT;
    require(tsr_json_write(value, indent, output, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    int flags = data[0] & 1 ? TSR_JSON_ALLOW_NAN : TSR_JSON_STRICT, indent = data[0] & 2 ? 2 : 0;
    flags |= data[0] & 4 ? TSR_JSON_NAN_AS_TEXT : 0;
    tsr_auto(tsri_json) *value = NULL, *again = NULL;
    tsr_auto(tsri_output) first = TSRI_OUTPUT_INIT(SIZE_MAX), second = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_error err = TSR_ERROR_INIT;
    int status = tsr_json_parse((const char *)data + 1, size - 1, flags, 1 << 20, &value, &err);
    require(status == err.status &&
            (status == 0 || status == TSR_BAD_METADATA || status == TSR_LIMIT));
    require(status == 0 || (err.message[0] == '/' || status == TSR_LIMIT));
    if (status < 0)
        return 0;
    write(value, indent, &first);
    /* Without bare words in it, what was written is JSON to the letter. */
    if (flags & TSR_JSON_NAN_AS_TEXT)
        flags = TSR_JSON_STRICT;
    require(tsr_json_parse(first.data, first.size_bytes, flags, 0, &again, &err) == 0);
    write(again, indent, &second);
    require(first.size_bytes == second.size_bytes &&
            memcmp(first.data, second.data, first.size_bytes) == 0);
    return 0;
}
