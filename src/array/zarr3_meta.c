/* zarr.json, by the Zarr core specification 3.1.
 *
 * Tolerated beyond it: null for dimension_names and for consolidated_metadata, which early releases
 * of zarr-python wrote for "none"; bare NaN and Infinity, and escapes of lone surrogates, which it
 * writes into attributes; the forms of fill values that tsr_dtype_parse_element lists, and numbers
 * beyond the range of a float. Consolidated metadata is kept, not used: it may be stale. */
#include "array/grid_meta.h"
#include "array/zarr_meta_parts.h"
#include "base/text.h"
#include "codec/zarr_dtype.h"
#include "meta/json_pointer.h"

/* The member of an array's document that says how much parity its shards have:
 * docs/format/parity.md. */
#define TSRI_PARITY_MEMBER "tessera_parity"

static int read_format(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    const char *node_type = NULL;
    int64_t format = 0;
    TSRI_TRY(tsri_json_int(object, "", "zarr_format", true, 3, 3, &format, err));
    TSRI_TRY(tsri_json_string(object, "", "node_type", true, &node_type, err));
    meta->is_group = strcmp(node_type, "group") == 0;
    if (!meta->is_group && strcmp(node_type, "array") != 0)
        return tsri_json_refuse(err, TSR_BAD_METADATA, "/node_type", NULL,
                                "\"%s\" is neither \"array\" nor \"group\"", node_type);
    return 0;
}

static int member_extension(const tsri_json *object, const char *name,
                            tsri_extension *ret_extension, tsr_error *err)
{
    tsri_json_pointer pointer;
    tsri_json *value = NULL;
    tsri_json_pointer_init(&pointer, "");
    tsri_json_pointer_name(&pointer, name);
    TSRI_TRY(tsri_json_member(object, "", name, true, &value, err));
    return tsri_extension_parse(value, pointer.text, ret_extension, err);
}

static int unsupported(const char *pointer, const char *what, const char *name, const char *known,
                       tsr_error *err)
{
    tsri_json_refuse(err, TSR_UNSUPPORTED, pointer, NULL, "the %s \"%s\" is not supported", what,
                     name);
    tsr_error_set_next_step(err, "%s", known);
    return TSR_UNSUPPORTED;
}

static int read_data_type(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    tsri_json *value = NULL;
    TSRI_TRY(tsri_json_member(object, "", "data_type", true, &value, err));
    return tsri_dtype_from_v3(value, "/data_type", &meta->dtype, err);
}

static int read_chunk_grid(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    tsri_extension extension;
    tsri_grid *grid = NULL;
    TSRI_TRY(member_extension(object, "chunk_grid", &extension, err));
    TSRI_TRY(tsri_grid_parse(&extension, "/chunk_grid", meta->rank, meta->shape, &grid, err));
    TSRI_TRY(tsri_zarr_take_grid(meta, grid, err));
    return tsri_zarr_check_chunk_size(meta,
                                      grid->is_regular ? "/chunk_grid/configuration/chunk_shape"
                                                       : "/chunk_grid/configuration/chunk_shapes",
                                      err);
}

static int read_chunk_key_encoding(tsr_context *context, const tsri_json *object,
                                   tsri_zarr_meta *meta, tsr_error *err)
{
    tsri_extension encoding;
    TSRI_TRY(member_extension(object, "chunk_key_encoding", &encoding, err));
    return tsri_key_encoding_open(context, &encoding, "/chunk_key_encoding", meta->rank,
                                  &meta->keys, err);
}

static int read_fill_value(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    tsri_json *value = NULL;
    TSRI_TRY(tsri_json_member(object, "", "fill_value", true, &value, err));
    if (value == NULL)
        return tsri_json_refuse(
            err, TSR_BAD_METADATA, "/fill_value", NULL,
            "null is no fill value in Zarr 3; the type %s needs one of its own values",
            meta->dtype->name);
    return tsri_zarr_take_fill_value(meta, value, err);
}

static int read_codecs(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    tsri_json *list = NULL;
    TSRI_TRY(tsri_json_member(object, "", "codecs", true, &list, err));
    TSRI_TRY(tsri_codec_specs_parse(list, "/codecs", &meta->arena, &meta->codecs,
                                    &meta->codec_count, err));
    if (meta->codec_count == 0)
        return tsri_json_refuse(err, TSR_BAD_METADATA, "/codecs", NULL,
                                "must not be empty: one codec turns the array into bytes");
    return 0;
}

/* No transformer is defined anywhere, so any would have to be understood. */
static int check_storage_transformers(const tsri_json *object, tsr_error *err)
{
    tsri_json *list = NULL;
    tsri_extension transformer;
    if (!json_object_object_get_ex(object, "storage_transformers", &list))
        return 0;
    if (!json_object_is_type(list, json_type_array))
        return tsri_json_refuse(err, TSR_BAD_METADATA, "/storage_transformers", NULL,
                                "must be an array, not %s", tsri_json_kind(list));
    if (json_object_array_length(list) == 0)
        return 0;
    TSRI_TRY(tsri_extension_parse(json_object_array_get_idx(list, 0), "/storage_transformers/0",
                                  &transformer, err));
    return unsupported("/storage_transformers/0", "storage transformer", transformer.name,
                       "the specification defines none", err);
}

static int read_dimension_names(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    tsri_json *list = NULL;
    json_object_object_get_ex(object, "dimension_names", &list);
    return list != NULL ? tsri_zarr_take_dimension_names(meta, list, "/dimension_names", err) : 0;
}

/* Other readers may ignore it, so does the check of unknown members; where it is there, it is to be
 * understood. */
static int read_parity(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    static const char *const pointer = "/" TSRI_PARITY_MEMBER;
    tsri_json *value = NULL;
    int64_t data_rows = 0, parity_rows = 0;

    if (!json_object_object_get_ex(object, TSRI_PARITY_MEMBER, &value))
        return 0;
    TSRI_TRY(tsri_json_int(value, pointer, "data_blocks", true, 1, TSRI_PARITY_ROWS_MAX, &data_rows,
                           err));
    TSRI_TRY(tsri_json_int(value, pointer, "parity_blocks", true, 1, TSRI_PARITY_ROWS_MAX,
                           &parity_rows, err));
    if (!tsri_parity_strength_is_valid(data_rows, parity_rows))
        return tsri_json_refuse(err, TSR_BAD_METADATA, pointer, NULL,
                                "%d blocks of data and %d of parity; there are at most as many of "
                                "parity as of data, and %d in all",
                                (int)data_rows, (int)parity_rows, TSRI_PARITY_ROWS_MAX);
    meta->parity = (tsri_parity_strength){(int)data_rows, (int)parity_rows};
    return 0;
}

static int read_attributes(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    tsri_json *attributes = NULL;
    if (!json_object_object_get_ex(object, "attributes", &attributes))
        return 0;
    return tsri_zarr_take_attributes(meta, attributes, "/attributes", err);
}

static int read_array(tsr_context *context, const tsri_json *object, tsri_zarr_meta *meta,
                      tsr_error *err)
{
    static const char *const known[] = {
        "zarr_format",          "node_type", "shape",      "data_type",          "chunk_grid",
        "fill_value",           "codecs",    "attributes", "chunk_key_encoding", "dimension_names",
        "storage_transformers", NULL};
    TSRI_TRY(tsri_json_only(object, "", known, err));
    TSRI_TRY(tsri_zarr_take_lengths(meta, object, "", "shape", 0, true, &meta->shape, err));
    TSRI_TRY(read_data_type(object, meta, err));
    TSRI_TRY(read_chunk_grid(object, meta, err));
    TSRI_TRY(read_chunk_key_encoding(context, object, meta, err));
    TSRI_TRY(read_fill_value(object, meta, err));
    TSRI_TRY(read_codecs(object, meta, err));
    TSRI_TRY(check_storage_transformers(object, err));
    TSRI_TRY(read_parity(object, meta, err));
    return read_dimension_names(object, meta, err);
}

static int read_group(const tsri_json *object, tsr_error *err)
{
    static const char *const known[] = {"zarr_format", "node_type", "attributes",
                                        "consolidated_metadata", NULL};
    tsri_json *consolidated = NULL;
    TSRI_TRY(tsri_json_only(object, "", known, err));
    json_object_object_get_ex(object, "consolidated_metadata", &consolidated);
    if (consolidated != NULL && !json_object_is_type(consolidated, json_type_object))
        return tsri_json_refuse(err, TSR_BAD_METADATA, "/consolidated_metadata", NULL,
                                "must be an object, not %s", tsri_json_kind(consolidated));
    return 0;
}

static bool is_text(const tsri_json *string)
{
    return tsri_text_is_utf8(json_object_get_string((tsri_json *)string),
                             (size_t)json_object_get_string_len(string));
}

/* Whether all strings in a value, names of members included, are texts of Unicode. */
static bool holds_texts(const tsri_json *value)
{
    bool all = true;

    switch (json_object_get_type(value)) {
    case json_type_string:
        return is_text(value);
    case json_type_array:
        for (size_t i = 0; all && i < json_object_array_length(value); i++)
            all = holds_texts(json_object_array_get_idx(value, i));
        return all;
    case json_type_object: {
        json_object_object_foreach(value, name, member)
        {
            all = all && tsri_text_is_utf8(name, strlen(name)) && holds_texts(member);
        }
        return all;
    }
    default:
        return true;
    }
}

/* Attributes may hold what is no text of Unicode; nothing else in a document may. */
static int check_texts(const tsri_json *object, tsr_error *err)
{
    json_object_object_foreach(object, name, value)
    {
        bool is_free =
            strcmp(name, "attributes") == 0 || strcmp(name, "consolidated_metadata") == 0;
        if (!tsri_text_is_utf8(name, strlen(name)) || (!is_free && !holds_texts(value)))
            return tsri_json_refuse(err, TSR_BAD_METADATA, "", name,
                                    "a lone surrogate in a string");
    }
    return 0;
}

int tsri_zarr3_meta_read(tsr_context *context, tsri_zarr_meta *meta, tsri_json *object,
                         tsr_error *err)
{
    meta->document = json_object_get(object);
    TSRI_TRY(check_texts(object, err));
    TSRI_TRY(read_format(object, meta, err));
    TSRI_TRY(meta->is_group ? read_group(object, err) : read_array(context, object, meta, err));
    return read_attributes(object, meta, err);
}

/* ---- new documents ---- */

static int print_names(const tsri_zarr_meta_options *options, tsr_output *output, tsr_error *err)
{
    if (options->dimension_names == NULL)
        return 0;
    TSRI_TRY(tsr_output_print(output, err, ",\"dimension_names\":["));
    for (int axis = 0; axis < options->rank; axis++) {
        const char *name = options->dimension_names[axis];
        TSRI_TRY(
            tsr_output_print(output, err, "%s%s", axis > 0 ? "," : "", name == NULL ? "null" : ""));
        if (name != NULL)
            TSRI_TRY(tsr_json_quote(name, output, err));
    }
    return tsr_output_append(output, "]", 1, err);
}

static int print_grid(const tsri_zarr_meta_options *options, tsr_output *output, tsr_error *err)
{
    if (options->grid)
        return tsri_grid_print(options->grid, output, err);
    TSRI_TRY(
        tsr_output_print(output, err, "{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":"));
    TSRI_TRY(tsri_zarr_print_lengths(options->chunk_shape, options->rank, output, err));
    return tsr_output_append(output, "}}", 2, err);
}

static int print_array(const tsri_zarr_meta_options *options, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, ",\"shape\":"));
    TSRI_TRY(tsri_zarr_print_lengths(options->shape, options->rank, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"data_type\":"));
    TSRI_TRY(tsri_dtype_to_v3(options->dtype, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"chunk_grid\":"));
    TSRI_TRY(print_grid(options, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"chunk_key_encoding\":%s,", options->chunk_keys));
    TSRI_TRY(tsr_output_print(output, err, "\"fill_value\":"));
    TSRI_TRY(tsri_zarr_print_element(options->dtype, options->fill_value, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"codecs\":"));
    TSRI_TRY(tsri_codec_specs_write(options->codecs, options->codec_count, output, err));
    if (options->parity.data_rows > 0)
        TSRI_TRY(tsr_output_print(output, err,
                                  ",\"" TSRI_PARITY_MEMBER "\":{\"must_understand\":false,"
                                  "\"data_blocks\":%d,\"parity_blocks\":%d}",
                                  options->parity.data_rows, options->parity.parity_rows));
    return print_names(options, output, err);
}

int tsri_zarr3_document_print(const tsri_zarr_meta_options *options, tsr_output *output,
                              tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, "{\"zarr_format\":3,\"node_type\":\"%s\"",
                              options->is_group ? "group" : "array"));
    if (!options->is_group)
        TSRI_TRY(print_array(options, output, err));
    if (options->attributes != NULL)
        TSRI_TRY(tsr_output_print(output, err, ",\"attributes\":%s", options->attributes));
    return tsr_output_append(output, "}", 1, err);
}
