#include "derived/ranking.h"

#include <math.h>
#include <string.h>

#include "tensor/element.h"

#define SIGN (UINT64_C(1) << 63)
#define NAN_KEY UINT64_MAX
#define NAN_BITS UINT64_C(0x7ff8000000000000)
/* So few keys are sorted by putting each in its place. */
#define FEW 24

static uint64_t key_of_float(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    if (isnan(value))
        return NAN_KEY;
    if (value == 0)
        return SIGN;
    return bits & SIGN ? ~bits : bits | SIGN;
}

static uint64_t float_of_key(uint64_t key)
{
    if (key == NAN_KEY)
        return NAN_BITS;
    return key & SIGN ? key & ~SIGN : ~key;
}

void tsri_ranking_keys(tsri_wide wide, void *numbers, int64_t count)
{
    char *at = numbers;
    for (int64_t i = 0; i < count && wide != TSRI_WIDE_UNSIGNED; i++, at += sizeof(uint64_t)) {
        uint64_t bits;
        memcpy(&bits, at, sizeof bits);
        bits = wide == TSRI_WIDE_SIGNED ? bits ^ SIGN : key_of_float(bits);
        memcpy(at, &bits, sizeof bits);
    }
}

void tsri_ranking_numbers(tsri_wide wide, void *keys, int64_t count)
{
    char *at = keys;
    for (int64_t i = 0; i < count && wide != TSRI_WIDE_UNSIGNED; i++, at += sizeof(uint64_t)) {
        uint64_t key;
        memcpy(&key, at, sizeof key);
        key = wide == TSRI_WIDE_SIGNED ? key ^ SIGN : float_of_key(key);
        memcpy(at, &key, sizeof key);
    }
}

static void sort_few(uint64_t *keys, int64_t count)
{
    for (int64_t i = 1; i < count; i++) {
        uint64_t key = keys[i];
        int64_t at = i;
        for (; at > 0 && keys[at - 1] > key; at--)
            keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

static void sift_key(uint64_t *keys, int64_t at, int64_t count)
{
    uint64_t key = keys[at];
    for (int64_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && keys[child + 1] > keys[child])
            child++;
        if (keys[child] <= key)
            break;
        keys[at] = keys[child];
        at = child;
    }
    keys[at] = key;
}

void tsri_ranking_sort(uint64_t *keys, int64_t count)
{
    if (count <= FEW) {
        sort_few(keys, count);
        return;
    }
    for (int64_t i = count / 2; i-- > 0;)
        sift_key(keys, i, count);
    for (int64_t end = count - 1; end > 0; end--) {
        uint64_t greatest = keys[0];
        keys[0] = keys[end];
        keys[end] = greatest;
        sift_key(keys, 0, end);
    }
}

uint64_t tsri_ranking_median(tsri_wide wide, const uint64_t *keys, int64_t count)
{
    if (wide == TSRI_WIDE_FLOAT && keys[count - 1] == NAN_KEY)
        return NAN_KEY;
    return keys[(count - 1) / 2];
}

uint64_t tsri_ranking_mode(const uint64_t *keys, int64_t count)
{
    uint64_t mode = keys[0];
    for (int64_t from = 0, most = 0; from < count;) {
        int64_t end = from + 1;
        while (end < count && keys[end] == keys[from])
            end++;
        if (end - from > most) {
            most = end - from;
            mode = keys[from];
        }
        from = end;
    }
    return mode;
}

/* ---- elements that are no real numbers ---- */

static uint64_t component_key(const tsr_dtype *component, const char *element)
{
    double value = tsr_dtype_to_double(component, element);
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return key_of_float(bits);
}

static int compare_elements(const tsr_dtype *dtype, const char *a, const char *b)
{
    const tsr_dtype *component = tsr_dtype_component(dtype);
    if (dtype->kind != TSR_KIND_COMPLEX)
        return memcmp(a, b, dtype->size_bytes);
    for (size_t at = 0; at < dtype->size_bytes; at += component->size_bytes) {
        uint64_t left = component_key(component, a + at), right = component_key(component, b + at);
        if (left != right)
            return left < right ? -1 : 1;
    }
    return 0;
}

static void sift_element(const tsr_dtype *dtype, const char **elements, int64_t at, int64_t count)
{
    const char *element = elements[at];
    for (int64_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && compare_elements(dtype, elements[child + 1], elements[child]) > 0)
            child++;
        if (compare_elements(dtype, elements[child], element) <= 0)
            break;
        elements[at] = elements[child];
        at = child;
    }
    elements[at] = element;
}

static void sort_elements(const tsr_dtype *dtype, const char **elements, int64_t count)
{
    for (int64_t i = count / 2; i-- > 0;)
        sift_element(dtype, elements, i, count);
    for (int64_t end = count - 1; end > 0; end--) {
        const char *greatest = elements[0];
        elements[0] = elements[end];
        elements[end] = greatest;
        sift_element(dtype, elements, 0, end);
    }
}

const char *tsri_ranking_mode_of_elements(const tsr_dtype *dtype, const char **elements,
                                          int64_t count)
{
    const char *mode = elements[0];
    sort_elements(dtype, elements, count);
    for (int64_t from = 0, most = 0; from < count;) {
        int64_t end = from + 1;
        while (end < count && compare_elements(dtype, elements[end], elements[from]) == 0)
            end++;
        if (end - from > most) {
            most = end - from;
            mode = elements[from];
        }
        from = end;
    }
    return mode;
}
