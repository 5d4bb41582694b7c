/* Elements as fill-value JSON: byte 0 is the type, the rest the text. What is accepted is written
 * in a form that reads back as the same bits, within the length that the header promises; decimals
 * give what the C library reads. Then the text's bytes are taken as an element and go the same way.
 */
#include <stdlib.h>
#include <string.h>

#include <tessera/dtype.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static const char *const names[] = {
    "bool",   "int8",    "int16",   "int32",   "int64",     "uint8",      "uint16", "uint32",
    "uint64", "float16", "float32", "float64", "complex64", "complex128", "r8",     "r56"};
enum { TYPES = sizeof names / sizeof names[0], SIZE_MAX_BYTES = 16 };

static void round_trip(const tsr_dtype *dtype, const char *element)
{
    char text[1024], back[SIZE_MAX_BYTES];
    size_t room = tsr_dtype_text_max(dtype);
    require(room < sizeof text);
    int length = tsr_dtype_format_element(dtype, element, text, room);
    require(length > 0 && (size_t)length == strlen(text));
    require(tsr_dtype_parse_element(dtype, text, back, NULL) == 0);
    /* Bits that do not count read back as none, or as the sign; what is no character of Unicode and
     * a bool that is neither 0 nor 1 read back as something else, too. */
    char again[sizeof text];
    if (dtype->component_bits == 8 * (int)dtype->component_bytes && dtype->kind <= TSR_KIND_BYTES &&
        dtype->kind != TSR_KIND_TEXT)
        require(memcmp(back, element, dtype->size_bytes) == 0);
    require(tsr_dtype_format_element(dtype, back, again, room) == length);
    require(strcmp(text, again) == 0);
}

/* The library's number, for texts that are a JSON number and nothing else. */
static void compare_with_library(const tsr_dtype *dtype, const char *text, const char *element)
{
    double wide = 0;
    float narrow = 0;
    if (strspn(text, "0123456789+-.eE") != strlen(text))
        return;
    if (dtype == TSR_FLOAT64) {
        wide = strtod(text, NULL);
        require(memcmp(&wide, element, sizeof wide) == 0);
    } else if (dtype == TSR_FLOAT32) {
        narrow = strtof(text, NULL);
        require(memcmp(&narrow, element, sizeof narrow) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const tsr_dtype *dtype;
    char element[SIZE_MAX_BYTES], untouched[SIZE_MAX_BYTES];
    if (size == 0 || size > 4096)
        return 0;
    require(tsr_dtype_parse(names[data[0] % TYPES], &dtype, NULL) == 0);
    char *text = malloc(size);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    memset(untouched, 0x5a, sizeof untouched);
    memcpy(element, untouched, sizeof element);
    if (tsr_dtype_parse_element(dtype, text, element, NULL) == 0) {
        compare_with_library(dtype, text, element);
        round_trip(dtype, element);
    } else {
        require(memcmp(element, untouched, sizeof element) == 0);
    }
    if (size > dtype->size_bytes && dtype != TSR_BOOL)
        round_trip(dtype, (const char *)data + 1);
    free(text);
    tsr_dtype_unref(dtype);
    return 0;
}
