#include "conformance/codec_elements.h"

#include <stdlib.h>
#include <string.h>

#define ELEMENTS_MAX 64

/* Elements as memory of their type. */
typedef struct element_list {
    char bytes[ELEMENTS_MAX * 16];
    int64_t count;
    tsr_view view;
} element_list;

static void read_list(element_list *list, const tsr_dtype *dtype, const char *text)
{
    char *copy = strdup(text), *rest = copy, *word;
    tsr_error err = TSR_ERROR_INIT;

    list->count = 0;
    while ((word = strsep(&rest, " ")) && *word) {
        assert_true(list->count < ELEMENTS_MAX);
        char *element = list->bytes + (size_t)list->count++ * dtype->size_bytes;
        if (tsr_dtype_parse_element(dtype, word, element, &err) < 0)
            fail_msg("%s: %s", word, err.message);
    }
    free(copy);
    assert_return_code(tsr_view_init(&list->view, dtype, 1, &list->count, list->bytes, NULL), 0);
}

static void empty_list(element_list *list, const tsr_dtype *dtype, int64_t count)
{
    list->count = count;
    memset(list->bytes, 0xee, sizeof list->bytes);
    assert_return_code(tsr_view_init(&list->view, dtype, 1, &list->count, list->bytes, NULL), 0);
}

static void expect_list(const element_list *list, const char *what, const char *expected)
{
    const tsr_dtype *dtype = list->view.dtype;
    char text[4096] = "";

    for (int64_t i = 0; i < list->count; i++) {
        size_t used = strlen(text);
        if (i > 0)
            text[used++] = ' ';
        tsr_dtype_format_element(dtype, list->bytes + (size_t)i * dtype->size_bytes, text + used,
                                 sizeof text - used);
    }
    if (strcmp(text, expected) != 0)
        fail_msg("%s: %s, expected %s", what, text, expected);
}

void codec_expect_elements(const codec_case *row, const char *decoded, const char *encoded,
                           const char *again)
{
    codec_fixture fixture = codec_fixture_open(row);
    element_list from, to, back;
    tsr_error err = TSR_ERROR_INIT;

    read_list(&from, fixture.input.dtype, decoded);
    empty_list(&to, fixture.output.dtype, from.count);
    empty_list(&back, fixture.input.dtype, from.count);
    if (fixture.ops->encode_view(fixture.codec, fixture.scratch, &from.view, &to.view, &err) < 0)
        fail_msg("encoding %s: %s", decoded, err.message);
    expect_list(&to, "encoded", encoded);
    if (fixture.ops->decode_view(fixture.codec, fixture.scratch, &to.view, &back.view, &err) < 0)
        fail_msg("decoding %s: %s", encoded, err.message);
    expect_list(&back, "decoded", again ? again : decoded);
    codec_fixture_close(&fixture);
}

void codec_expect_element_refused(const codec_case *row, bool encode, const char *elements,
                                  int status, const char *text)
{
    codec_fixture fixture = codec_fixture_open(row);
    const tsr_dtype *decoded = fixture.input.dtype, *encoded = fixture.output.dtype;
    element_list from, to;
    tsr_error err = TSR_ERROR_INIT;

    read_list(&from, encode ? decoded : encoded, elements);
    empty_list(&to, encode ? encoded : decoded, from.count);
    int found = (encode ? fixture.ops->encode_view : fixture.ops->decode_view)(
        fixture.codec, fixture.scratch, &from.view, &to.view, &err);
    if (found != status || !strstr(err.message, text))
        fail_msg("%s: status %s, \"%s\"; expected %s with \"%s\"", elements, tsr_status_name(found),
                 err.message, tsr_status_name(status), text);
    codec_fixture_close(&fixture);
}

void codec_expect_fill_value(const codec_case *row, const char *fill_value, int status,
                             const char *expected)
{
    tsr_context *context = NULL;
    const tsr_codec_ops *ops = NULL;
    tsr_error err = TSR_ERROR_INIT;
    uint64_t element[2] = {0};
    char text[200];
    void *codec = NULL;
    int format = row->zarr_format ? row->zarr_format : 3;

    assert_return_code(tsr_context_new(NULL, &context, &err), 0);
    assert_return_code(tsr_dtype_parse_element(row->dtype, fill_value, element, &err), 0);
    assert_return_code(tsr_codec_find(context, row->name, format, &ops, &err), 0);
    tsr_codec_setup setup = {.context = context,
                             .name = row->name,
                             .configuration = row->configuration ? row->configuration : "{}",
                             .zarr_format = format,
                             .input = {row->dtype, row->rank, element}};
    tsr_codec_type output = setup.input;
    int found = ops->open(&setup, &codec, &output, &err);
    if (found != status)
        fail_msg("%s: status %s, \"%s\"", fill_value, tsr_status_name(found), err.message);
    if (found == 0) {
        tsr_dtype_format_element(output.dtype, output.fill_value, text, sizeof text);
        assert_string_equal(text, expected);
        if (ops->close)
            ops->close(codec);
    } else if (!strstr(err.message, expected)) {
        fail_msg("\"%s\" instead of \"%s\"", err.message, expected);
    }
    tsr_context_free(context);
}
