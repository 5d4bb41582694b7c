/* What must hold of metadata that was read, whatever the document. For the fuzz targets. */
#ifndef TESSERA_TESTS_ZARR_META_PROPERTIES_H
#define TESSERA_TESTS_ZARR_META_PROPERTIES_H

#include <stdlib.h>

#include "array/zarr_meta.h"
#include "base/checked.h"
#include "base/output.h"

static inline void require(bool condition)
{
    if (!condition)
        abort();
}

/* A context that takes documents of 1 MiB. */
static inline tsr_context *small_context(void)
{
    tsr_context_options options;
    tsr_context *context = NULL;
    tsr_context_options_init(&options);
    options.threads = 1;
    options.largest_metadata_bytes = 1 << 20;
    require(tsr_context_new(&options, &context, NULL) == 0);
    return context;
}

/* A refusal says why, and names the key. */
static inline void check_status(int status, const tsr_error *err)
{
    require(status == err->status);
    require(status == 0 || status == TSR_BAD_METADATA || status == TSR_UNSUPPORTED ||
            status == TSR_LIMIT);
    require(status == 0 || strncmp(err->message, "k: ", 3) == 0);
}

static inline void check_array(const tsri_zarr_meta *meta)
{
    int64_t count = 0;
    require(meta->rank >= 0 && meta->rank <= TSR_RANK_MAX && meta->dtype != NULL &&
            meta->fill_value != NULL);
    for (int axis = 0; axis < meta->rank; axis++)
        require(meta->shape[axis] >= 0 && meta->chunk_shape[axis] >= 1);
    require(tsri_shape_count(meta->rank, meta->chunk_shape, &count));
    require(tsri_multiply_i64(count, (int64_t)meta->dtype->size_bytes, &count));
    require(meta->keys->json != NULL);
    require(meta->codec_count >= 1);
    for (int i = 0; i < meta->codec_count; i++) {
        tsr_auto(tsri_json) *configuration = NULL;
        const char *text = meta->codecs[i].configuration;
        require(meta->codecs[i].name[0] != 0);
        /* A bare NaN in one is refused by its codec. */
        require(tsr_json_parse(text, strlen(text), TSR_JSON_ALLOW_NAN, 0, &configuration, NULL) ==
                0);
        require(json_object_is_type(configuration, json_type_object));
    }
}

static inline void check_meta(const tsri_zarr_meta *meta)
{
    require(json_object_is_type(meta->document, json_type_object));
    require(meta->attributes == NULL || json_object_is_type(meta->attributes, json_type_object));
    if (meta->is_group)
        require(meta->dtype == NULL && meta->codec_count == 0 && meta->rank == 0);
    else
        check_array(meta);
}

/* Two readings of the same. */
static inline void check_same(const tsri_zarr_meta *a, const tsri_zarr_meta *b)
{
    require(a->zarr_format == b->zarr_format && a->is_group == b->is_group && a->rank == b->rank);
    if (a->is_group)
        return;
    size_t lengths_bytes = (size_t)a->rank * sizeof *a->shape;
    require(memcmp(a->shape, b->shape, lengths_bytes) == 0);
    require(memcmp(a->chunk_shape, b->chunk_shape, lengths_bytes) == 0);
    require(tsr_dtype_equal(a->dtype, b->dtype) && a->fill_undefined == b->fill_undefined);
    require(memcmp(a->fill_value, b->fill_value, a->dtype->size_bytes) == 0);
    require(tsri_key_encoding_agrees(a->keys, b->keys));
    require(a->codec_count == b->codec_count);
    for (int i = 0; i < a->codec_count; i++)
        require(strcmp(a->codecs[i].name, b->codecs[i].name) == 0 &&
                strcmp(a->codecs[i].configuration, b->codecs[i].configuration) == 0);
    require((a->dimension_names == NULL) == (b->dimension_names == NULL));
    for (int axis = 0; a->dimension_names != NULL && axis < a->rank; axis++) {
        const char *one = a->dimension_names[axis], *other = b->dimension_names[axis];
        require((one == NULL) == (other == NULL) && (one == NULL || strcmp(one, other) == 0));
    }
}

/* Attributes and shape can be changed, and the rest is as it was. A document at the limit of size
 * may not grow. */
static inline void check_changes(tsr_context *context, const tsri_zarr_meta *meta)
{
    tsr_auto(tsri_zarr_meta) *changed = NULL, *resized = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int status = tsri_zarr_meta_with_attributes(context, meta, "{\"a\":1}", &changed, &err);
    require(status == 0 || status == TSR_LIMIT);
    if (status < 0)
        return;
    require(json_object_object_length(changed->attributes) == 1);
    if (meta->is_group)
        return;
    int64_t shape[TSR_RANK_MAX];
    for (int axis = 0; axis < meta->rank; axis++)
        shape[axis] = meta->shape[axis] / 2 + 3;
    status = tsri_zarr_meta_with_shape(context, meta, shape, NULL, &resized, &err);
    require(status == 0 || status == TSR_LIMIT);
    if (status == 0)
        require(memcmp(resized->shape, shape, (size_t)meta->rank * sizeof *shape) == 0);
}

#endif
