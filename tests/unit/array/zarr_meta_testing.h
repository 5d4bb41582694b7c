/* What the tests of metadata share: reading documents from text and from golden files, and
 * comparing what was read. Included after cmocka.h. */
#ifndef TESSERA_TESTS_ZARR_META_TESTING_H
#define TESSERA_TESTS_ZARR_META_TESTING_H

#include <stdio.h>

#include "array/zarr_meta.h"
#include "base/output.h"
#include "support/edited_document.h"

/* Set up by make_context for the whole group of tests. */
static tsr_context *context;

static inline int make_context(void **state)
{
    (void)state;
    return tsr_context_new(NULL, &context, NULL);
}

static inline int free_context(void **state)
{
    (void)state;
    tsr_context_free(context);
    return 0;
}

/* The contents of a golden file. The caller frees them. */
static inline char *golden(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/meta/%s", TESSERA_TEST_DATA, name);
    FILE *stream = fopen(path, "rb");
    char *text = calloc(1, 1 << 16);
    if (stream == NULL || fread(text, 1, (1 << 16) - 1, stream) == 0)
        fail_msg("cannot read %s", path);
    fclose(stream);
    return text;
}

static inline tsri_zarr_document document_of(const char *key, const char *text)
{
    return (tsri_zarr_document){key, text, text != NULL ? strlen(text) : 0};
}

/* Moves the bytes of an output into a text. The caller frees it. */
static inline char *text_of(tsr_output *output)
{
    char *text = malloc(output->size_bytes + 1);
    memcpy(text, output->data, output->size_bytes);
    text[output->size_bytes] = 0;
    tsri_output_clear(output);
    return text;
}

/* What tsri_zarr_meta_write writes. The caller frees it. */
static inline char *written(const tsri_zarr_meta *meta)
{
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX);
    assert_int_equal(tsri_zarr_meta_write(meta, &output, NULL), 0);
    return text_of(&output);
}

/* A compact copy of some JSON. The caller frees it. */
static inline char *compact(const char *text)
{
    tsri_json *value = NULL;
    tsr_error err = TSR_ERROR_INIT;
    tsr_output output = TSRI_OUTPUT_INIT(SIZE_MAX);
    if (tsr_json_parse(text, strlen(text), TSR_JSON_ALLOW_NAN, 0, &value, &err) != 0)
        fail_msg("%s in %s", err.message, text);
    assert_int_equal(tsr_json_write(value, 0, &output, NULL), 0);
    json_object_put(value);
    return text_of(&output);
}

static inline void assert_same_json(const char *text, const char *expected)
{
    char *a = compact(text), *b = compact(expected);
    assert_string_equal(a, b);
    free(a);
    free(b);
}

static inline void assert_lengths(const int64_t *lengths, const int64_t *expected, int count)
{
    for (int i = 0; i < count; i++)
        assert_true(lengths[i] == expected[i]);
}

/* The chain as one line: "NAME CONFIGURATION; NAME CONFIGURATION", with a 2 behind names of v2. */
static inline void assert_chain(const tsri_zarr_meta *meta, const char *expected)
{
    char text[2000] = "";
    for (int i = 0; i < meta->codec_count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s%s %s", i > 0 ? "; " : "",
                 meta->codecs[i].name, meta->codecs[i].zarr_format == 2 ? "(2)" : "",
                 meta->codecs[i].configuration);
    assert_string_equal(text, expected);
}

/* The names of the axes as "t,-,x"; "" where there are none. */
static inline void assert_names(const tsri_zarr_meta *meta, const char *expected)
{
    char text[500] = "";
    for (int axis = 0; meta->dimension_names != NULL && axis < meta->rank; axis++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", axis > 0 ? "," : "",
                 meta->dimension_names[axis] != NULL ? meta->dimension_names[axis] : "-");
    assert_string_equal(text, expected);
}

static inline void assert_fill(const tsri_zarr_meta *meta, const void *element)
{
    assert_memory_equal(meta->fill_value, element, meta->dtype->size_bytes);
}

#endif
