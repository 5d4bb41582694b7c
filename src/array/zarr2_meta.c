/* .zarray, .zgroup and .zattrs, by the Zarr storage specification 2.
 *
 * Tolerated beyond it, since it is met in the wild:
 * - unknown fields (the specification asks for this), among them consolidated_metadata in .zgroup;
 * - filters absent, null or an empty list; dimension_separator absent or null;
 * - chunk lengths of 0 on axes of length 0, taken as 1;
 * - fill values in a list of one element, whole numbers for bool, 1.0 for integers, "+Infinity", 0
 *   for an empty text, numbers as strings, true and false for integers;
 * - a missing .zattrs, bare NaN and Infinity in all documents, and escapes of lone surrogates in
 *   .zattrs.
 * Numbers as strings, blosc's shuffle -1 and the like inside codec configurations are those codecs'
 * matter.
 *
 * The names of axes are xarray's attribute _ARRAY_DIMENSIONS where it fits the rank, on reading and
 * on creating. */
#include <stdio.h>

#include "array/zarr_meta_parts.h"
#include "base/output.h"
#include "base/text.h"
#include "codec/codec.h"
#include "codec/zarr_dtype.h"
#include "tensor/copy.h"
#include "tensor/dtype_struct.h"
#include "tensor/element.h"

static const char names_attribute[] = "_ARRAY_DIMENSIONS";

static int read_format(const tsri_json *object, tsr_error *err)
{
    int64_t format = 0;
    return tsri_json_int(object, "", "zarr_format", true, 2, 2, &format, err);
}

/* What the objects of an array are is known to the filter that makes bytes, or numbers, of them. */
static const struct object_filter {
    const char *id;
    const tsr_dtype *dtype;
} object_filters[] = {{"vlen-utf8", TSR_STRING},
                      {"vlen-bytes", TSR_VARIABLE_BYTES},
                      {"vlen-array", TSR_VARIABLE_BYTES},
                      {"json2", TSR_STRING},
                      {"categorize", TSR_STRING}};

/* json2 nests its lists by axes, whatever the order of memory is, and zarr-python reads them back
 * in that order: a transpose in front of it would not mean the same. */
static int check_object_order(const tsri_json *object, const char *filter, int rank, tsr_error *err)
{
    tsri_json *order = NULL;
    json_object_object_get_ex(object, "order", &order);
    bool is_fortran = json_object_is_type(order, json_type_string) &&
                      strcmp(json_object_get_string(order), "F") == 0;
    if (strcmp(filter, "json2") != 0 || !is_fortran || rank < 2)
        return 0;
    return tsri_json_refuse(err, TSR_UNSUPPORTED, "/order", NULL, "\"F\" with the filter json2");
}

static int read_object_dtype(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    tsri_json *filters = NULL, *id = NULL;
    TSRI_TRY(tsri_json_member(object, "", "filters", false, &filters, err));
    tsri_json *first = json_object_is_type(filters, json_type_array)
                           ? json_object_array_get_idx(filters, 0)
                           : NULL;
    if (json_object_is_type(first, json_type_object))
        json_object_object_get_ex(first, "id", &id);
    const char *name =
        json_object_is_type(id, json_type_string) ? json_object_get_string(id) : NULL;
    for (size_t i = 0; name != NULL && i < TSRI_COUNT(object_filters); i++)
        if (strcmp(object_filters[i].id, name) == 0) {
            meta->dtype = object_filters[i].dtype;
            return check_object_order(object, name, meta->rank, err);
        }
    if (name != NULL)
        TSRI_TRY_IN(err, tsri_codec_refuse(name, err), "/filters/0");
    tsri_json_refuse(err, TSR_UNSUPPORTED, "/dtype", NULL,
                     "\"|O\" says what its objects are by its first filter, which is %.60s",
                     name != NULL ? name : "not there");
    tsr_error_set_next_step(err, "read are vlen-utf8, vlen-bytes, vlen-array, json2, categorize");
    return TSR_UNSUPPORTED;
}

static int read_dtype(const tsri_json *object, tsri_zarr_meta *meta, tsr_output *orders,
                      tsr_error *err)
{
    tsri_json *value = NULL;
    TSRI_TRY(tsri_json_member(object, "", "dtype", true, &value, err));
    if (json_object_is_type(value, json_type_string) &&
        strcmp(json_object_get_string(value), "|O") == 0) {
        TSRI_TRY(read_object_dtype(object, meta, err));
        return tsr_output_append(orders, "|", 2, err);
    }
    return tsri_dtype_from_v2(value, "/dtype", &meta->dtype, orders, err);
}

/* ---- the grid and the fill value ---- */

/* Lengths of 0 stand on empty axes, where writers took the chunk length from the shape. */
static int read_chunks(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    TSRI_TRY(tsri_zarr_take_lengths(meta, object, "", "chunks", 0, false, &meta->chunk_shape, err));
    int64_t *lengths = tsri_arena_alloc(&meta->arena, (size_t)meta->rank + 1, sizeof *lengths);
    if (lengths == NULL)
        return tsri_error_no_memory(err, (size_t)meta->rank * sizeof *lengths);
    for (int axis = 0; axis < meta->rank; axis++) {
        lengths[axis] = meta->chunk_shape[axis];
        if (lengths[axis] == 0 && meta->shape[axis] > 0) {
            char pointer[32];
            snprintf(pointer, sizeof pointer, "/chunks/%d", axis);
            return tsri_json_refuse(err, TSR_BAD_METADATA, pointer, NULL,
                                    "a chunk length of 0 on an axis of %lld",
                                    (long long)meta->shape[axis]);
        }
        lengths[axis] = TSRI_MAX(lengths[axis], (int64_t)1);
    }
    tsri_grid *grid = NULL;
    TSRI_TRY(tsri_grid_new_regular(meta->rank, meta->shape, lengths, &grid, err));
    TSRI_TRY(tsri_zarr_take_grid(meta, grid, err));
    return tsri_zarr_check_chunk_size(meta, "/chunks", err);
}

static int read_separator(const tsri_json *object, tsri_zarr_meta *meta, tsr_error *err)
{
    const char *separator = ".";
    tsri_json *value = NULL;
    if (json_object_object_get_ex(object, "dimension_separator", &value) && value != NULL)
        TSRI_TRY(tsri_json_string(object, "", "dimension_separator", true, &separator, err));
    if (strcmp(separator, ".") != 0 && strcmp(separator, "/") != 0)
        return tsri_json_refuse(err, TSR_BAD_METADATA, "/dimension_separator", NULL,
                                "\"%s\" is neither \".\" nor \"/\"", separator);
    meta->keys = tsri_key_encoding_joined(false, *separator);
    return 0;
}

/* The value itself, or the only element of a list around it. A complex number is a list of two, raw
 * bytes may be a list of one number each. */
static const tsri_json *unwrapped(const tsri_json *value, const tsr_dtype *dtype)
{
    bool is_single =
        json_object_is_type(value, json_type_array) && json_object_array_length(value) == 1;
    return is_single && dtype->kind != TSR_KIND_RAW && dtype->kind != TSR_KIND_VARIABLE_BYTES
               ? json_object_array_get_idx(value, 0)
               : value;
}

/* Writers that know no empty text write 0 for it. */
static bool is_zero_for_text(const tsri_json *value, const tsr_dtype *dtype)
{
    int64_t number;
    bool is_text = dtype->kind == TSR_KIND_TEXT || dtype->kind == TSR_KIND_BYTES ||
                   tsr_dtype_is_variable(dtype);
    return is_text && value != NULL && json_object_is_type(value, json_type_int) &&
           tsri_json_get_int64(value, false, &number) && number == 0;
}

/* What Python makes of "1.5", "nan" and "-inf" where a float is wanted, and of "7" and true for an
 * integer: the text of a fill value as the type has it, or NULL. Bit patterns ("0x7fc00000") and
 * the names that JSON has are left alone. */
static const char *number_in_disguise(const tsri_json *value, const tsr_dtype *dtype)
{
    static const char *const names[][2] = {{"nan", "\"NaN\""},       {"-nan", "\"NaN\""},
                                           {"-NaN", "\"NaN\""},      {"inf", "\"Infinity\""},
                                           {"+inf", "\"Infinity\""}, {"-inf", "\"-Infinity\""}};
    bool is_integer = dtype->kind == TSR_KIND_SIGNED || dtype->kind == TSR_KIND_UNSIGNED;
    if (is_integer && json_object_is_type(value, json_type_boolean))
        return json_object_get_boolean(value) ? "1" : "0";
    if ((!is_integer && dtype->kind != TSR_KIND_FLOAT) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    const char *text = json_object_get_string((tsri_json *)value);
    for (size_t i = 0; !is_integer && i < TSRI_COUNT(names); i++)
        if (strcmp(names[i][0], text) == 0)
            return names[i][1];
    bool has_digits = text[*text == '-'] >= '0' && text[*text == '-'] <= '9';
    return has_digits && strchr(text, 'x') == NULL ? text : NULL;
}

/* No fill value of a time is "not a time", as zarr-python has it; of all else it is zero. */
static const char *plain_text(const tsri_json *value, const tsr_dtype *dtype)
{
    bool is_time = dtype->kind == TSR_KIND_DATETIME || dtype->kind == TSR_KIND_TIMEDELTA;
    return value == NULL ? is_time ? "\"NaT\"" : NULL : number_in_disguise(value, dtype);
}

/* Takes the fill value, in the form that it would have been written in if that differs. */
static int take_fill_value(tsri_zarr_meta *meta, const tsri_json *value, tsr_error *err)
{
    tsr_auto(tsri_json) *plain = NULL;
    const char *text = plain_text(value, meta->dtype);
    bool is_other =
        text != NULL && tsr_json_parse(text, strlen(text), TSR_JSON_STRICT, 0, &plain, NULL) == 0;
    return tsri_zarr_take_fill_value(meta, is_other ? plain : value, err);
}

/* Brings the big-endian numbers of a struct that was read as little-endian bytes into the order of
 * memory. */
static int turn_struct(const tsr_dtype *dtype, const char *orders, void *element, tsr_error *err)
{
    tsri_swap_run *runs = NULL;
    size_t count = 0;
    tsr_view view = {.dtype = dtype, .data = element};
    TSRI_TRY(tsri_dtype_runs(dtype, orders, '>', &runs, &count, err));
    tsri_view_swap_runs(&view, runs, count);
    tsri_free(runs);
    return 0;
}

static int read_fill_value(const tsri_json *object, const char *orders, tsri_zarr_meta *meta,
                           tsr_error *err)
{
    tsri_json *value = NULL;
    TSRI_TRY(tsri_json_member(object, "", "fill_value", true, &value, err));
    const tsri_json *inner = unwrapped(value, meta->dtype);
    meta->fill_undefined = inner == NULL;
    if (is_zero_for_text(inner, meta->dtype))
        inner = NULL;
    TSRI_TRY(take_fill_value(meta, inner, err));
    /* The memory is ours until the document is read. */
    if (meta->dtype->kind == TSR_KIND_STRUCT && inner != NULL &&
        json_object_is_type(inner, json_type_string))
        return turn_struct(meta->dtype, orders, (void *)meta->fill_value, err);
    return 0;
}

/* ---- codecs ---- */

/* The codecs of a v2 array under construction, as a chain of v3. */
typedef struct v2_chain {
    tsri_arena *arena;
    tsri_codec_spec *specs;
    int count;
} v2_chain;

/* Order "F": the memory of a chunk is column-major, which is the C order of the reversed axes. */
static int add_transpose(v2_chain *chain, int rank, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    for (int axis = rank - 1; axis >= 0; axis--)
        TSRI_TRY(
            tsr_output_print(&text, err, "%s%d", axis == rank - 1 ? "{\"order\":[" : ",", axis));
    TSRI_TRY(tsr_output_append(&text, "]}", 3, err));
    const char *configuration = tsri_arena_strdup(chain->arena, text.data);
    if (configuration == NULL)
        return tsri_error_no_memory(err, text.size_bytes);
    chain->specs[chain->count++] = (tsri_codec_spec){"transpose", configuration, 3};
    return 0;
}

/* A struct of numbers in both byte orders: a list of them, which v3 does not have. */
static int add_orders(v2_chain *chain, const char *orders, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    TSRI_TRY(tsri_dtype_orders_print(orders, &text, err));
    TSRI_TRY(tsr_output_append(&text, "", 1, err));
    const char *configuration = tsri_arena_strdup(chain->arena, text.data);
    if (configuration == NULL)
        return tsri_error_no_memory(err, text.size_bytes);
    chain->specs[chain->count++] = (tsri_codec_spec){"bytes", configuration, 2};
    return 0;
}

static int add_bytes(v2_chain *chain, const char *orders, tsr_error *err)
{
    const char *configuration = NULL;
    switch (tsri_dtype_common_order(orders)) {
    case '|':
        configuration = "{}";
        break;
    case '>':
        configuration = "{\"endian\":\"big\"}";
        break;
    case '<':
        configuration = "{\"endian\":\"little\"}";
        break;
    default:
        return add_orders(chain, orders, err);
    }
    chain->specs[chain->count++] = (tsri_codec_spec){"bytes", configuration, 3};
    return 0;
}

static int add_filters(v2_chain *chain, const tsri_json *filters, tsr_error *err)
{
    size_t count = filters != NULL ? json_object_array_length(filters) : 0;
    for (size_t i = 0; i < count; i++) {
        char path[40];
        snprintf(path, sizeof path, "/filters/%zu", i);
        TSRI_TRY(tsri_codec_spec_parse_v2(json_object_array_get_idx(filters, i), path, chain->arena,
                                          &chain->specs[chain->count], err));
        chain->count++;
    }
    return 0;
}

static int read_order(const tsri_json *object, bool *ret_fortran, tsr_error *err)
{
    const char *order = NULL;
    TSRI_TRY(tsri_json_string(object, "", "order", true, &order, err));
    *ret_fortran = strcmp(order, "F") == 0;
    if (!*ret_fortran && strcmp(order, "C") != 0)
        return tsri_json_refuse(err, TSR_BAD_METADATA, "/order", NULL,
                                "\"%s\" is neither \"C\" nor \"F\"", order);
    return 0;
}

static int read_codecs(const tsri_json *object, const char *orders, tsri_zarr_meta *meta,
                       tsr_error *err)
{
    enum { FILTERS_MAX = 1000 };
    bool fortran = false;
    tsri_json *filters = NULL, *compressor = NULL;
    TSRI_TRY(read_order(object, &fortran, err));
    TSRI_TRY(tsri_json_member(object, "", "filters", false, &filters, err));
    TSRI_TRY(tsri_json_member(object, "", "compressor", true, &compressor, err));
    if (filters != NULL && !json_object_is_type(filters, json_type_array))
        return tsri_json_refuse(err, TSR_BAD_METADATA, "/filters", NULL,
                                "must be an array or null, not %s", tsri_json_kind(filters));
    size_t count = filters != NULL ? json_object_array_length(filters) : 0;
    if (count > FILTERS_MAX)
        return tsri_json_refuse(err, TSR_LIMIT, "/filters", NULL,
                                "%zu filters; at most %d are supported", count, FILTERS_MAX);
    v2_chain chain = {&meta->arena, tsri_arena_alloc(&meta->arena, count + 3, sizeof *chain.specs),
                      0};
    if (chain.specs == NULL)
        return tsri_error_no_memory(err, (count + 3) * sizeof *chain.specs);
    if (fortran && meta->rank > 1)
        TSRI_TRY(add_transpose(&chain, meta->rank, err));
    TSRI_TRY(add_bytes(&chain, orders, err));
    TSRI_TRY(add_filters(&chain, filters, err));
    if (compressor != NULL)
        TSRI_TRY(tsri_codec_spec_parse_v2(compressor, "/compressor", chain.arena,
                                          &chain.specs[chain.count++], err));
    meta->codecs = chain.specs;
    meta->codec_count = chain.count;
    return 0;
}

/* ---- documents ---- */

int tsri_zarr2_array_read(tsr_context *context, tsri_zarr_meta *meta, tsri_json *object,
                          tsr_error *err)
{
    (void)context;
    tsr_auto(tsri_output) orders = TSRI_OUTPUT_INIT(SIZE_MAX);
    meta->document = json_object_get(object);
    TSRI_TRY(read_format(object, err));
    TSRI_TRY(tsri_zarr_take_lengths(meta, object, "", "shape", 0, true, &meta->shape, err));
    TSRI_TRY(read_dtype(object, meta, &orders, err));
    TSRI_TRY(read_chunks(object, meta, err));
    TSRI_TRY(read_separator(object, meta, err));
    TSRI_TRY(read_fill_value(object, orders.data, meta, err));
    return read_codecs(object, orders.data, meta, err);
}

int tsri_zarr2_group_read(tsr_context *context, tsri_zarr_meta *meta, tsri_json *object,
                          tsr_error *err)
{
    (void)context;
    meta->is_group = true;
    meta->document = json_object_get(object);
    return read_format(object, err);
}

/* Whether the value is what xarray writes for an array of this rank. */
static bool names_all_axes(const tsri_json *list, int rank)
{
    if (!json_object_is_type(list, json_type_array) ||
        json_object_array_length(list) != (size_t)rank)
        return false;
    for (size_t axis = 0; axis < (size_t)rank; axis++) {
        tsri_json *name = json_object_array_get_idx(list, axis);
        if (!json_object_is_type(name, json_type_string) ||
            !tsri_text_is_utf8(json_object_get_string(name),
                               (size_t)json_object_get_string_len(name)))
            return false;
    }
    return true;
}

int tsri_zarr2_attributes_read(tsr_context *context, tsri_zarr_meta *meta, tsri_json *object,
                               tsr_error *err)
{
    (void)context;
    tsri_json *names = NULL;
    TSRI_TRY(tsri_zarr_take_attributes(meta, object, "", err));
    if (!meta->is_group && json_object_object_get_ex(object, names_attribute, &names) &&
        names_all_axes(names, meta->rank))
        return tsri_zarr_take_dimension_names(meta, names, "/_ARRAY_DIMENSIONS", err);
    return 0;
}

/* ---- new documents ---- */

/* Appends {"id": NAME, ...configuration}. */
static int print_codec(const tsri_codec_spec *codec, tsr_output *output, tsr_error *err)
{
    static const char space[] = " \t\r\n";
    const char *members = codec->configuration + strspn(codec->configuration, space);
    if (*members != '{')
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "the configuration of codec \"%s\" is no JSON object", codec->name);
    members++;
    TSRI_TRY(tsr_output_print(output, err, "{\"id\":"));
    TSRI_TRY(tsr_json_quote(codec->name, output, err));
    return tsr_output_print(output, err, "%s%s", members[strspn(members, space)] == '}' ? "" : ",",
                            members);
}

static int print_codecs(const tsri_zarr_meta_options *options, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, ",\"compressor\":%s",
                              options->compressor == NULL ? "null" : ""));
    if (options->compressor != NULL)
        TSRI_TRY(print_codec(options->compressor, output, err));
    TSRI_TRY(
        tsr_output_print(output, err, ",\"filters\":%s", options->codec_count == 0 ? "null" : ""));
    for (int i = 0; i < options->codec_count; i++) {
        TSRI_TRY(tsr_output_append(output, i == 0 ? "[" : ",", 1, err));
        TSRI_TRY(print_codec(&options->codecs[i], output, err));
    }
    return options->codec_count > 0 ? tsr_output_append(output, "]", 1, err) : 0;
}

/* Base64 of raw bytes, which v2 metadata knows in this form only. */
static int print_base64(const void *bytes, size_t size_bytes, tsr_output *output, tsr_error *err)
{
    size_t capacity = (size_bytes + 2) / 3 * 4 + 3;
    char *text = tsr_output_reserve(output, capacity, err);
    if (text == NULL)
        return err != NULL ? err->status : TSR_NO_MEMORY;
    tsri_element_writer writer = {text, capacity, 0};
    tsri_element_put(&writer, "\"", 1);
    tsri_element_put_base64(&writer, bytes, size_bytes);
    tsri_element_put(&writer, "\"", 1);
    output->size_bytes += writer.length;
    return 0;
}

/* v2 has one NaN, so every bit pattern of one is written as that, in both parts of a complex
 * number. */
static int print_without_patterns(const char *text, tsr_output *output, tsr_error *err)
{
    for (const char *pattern; (pattern = strstr(text, "\"0x")) != NULL;) {
        TSRI_TRY(tsr_output_append(output, text, (size_t)(pattern - text), err));
        TSRI_TRY(tsr_output_append(output, "\"NaN\"", 5, err));
        text = strchr(pattern + 1, '"') + 1;
    }
    return tsr_output_append(output, text, strlen(text), err);
}

/* Whether v2 metadata has the bytes of a fill value as they are stored, and nothing else. */
static bool is_stored_as_bytes(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_RAW || dtype->kind == TSR_KIND_STRUCT;
}

/* Brings an element from storage to memory, or back. */
static void turn_element(const tsr_dtype *dtype, bool big_endian, void *element)
{
    tsr_view view = {.dtype = dtype, .data = element};
    if (big_endian != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__))
        tsri_view_copy_swapped(&view, &view);
}

static int print_fill_value(const tsri_zarr_meta_options *options, tsr_output *output,
                            tsr_error *err)
{
    const tsr_dtype *dtype = options->dtype;
    if (options->fill_undefined)
        return tsr_output_append(output, "null", 4, err);
    bool is_float = dtype->kind == TSR_KIND_FLOAT || dtype->kind == TSR_KIND_COMPLEX;
    int64_t time = 0;
    if (is_stored_as_bytes(dtype)) {
        tsr_auto(tsri_text) *stored = tsri_alloc_zero(dtype->size_bytes);
        if (stored == NULL)
            return tsri_error_no_memory(err, dtype->size_bytes);
        if (options->fill_value != NULL)
            memcpy(stored, options->fill_value, dtype->size_bytes);
        turn_element(dtype, options->big_endian, stored);
        return print_base64(stored, dtype->size_bytes, output, err);
    }
    if (dtype->kind == TSR_KIND_DATETIME || dtype->kind == TSR_KIND_TIMEDELTA) {
        /* v2 knows times as numbers, NaT among them. */
        if (options->fill_value != NULL)
            memcpy(&time, options->fill_value, sizeof time);
        return tsr_output_print(output, err, "%lld", (long long)time);
    }
    if (!is_float)
        return tsri_zarr_print_element(dtype, options->fill_value, output, err);
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    TSRI_TRY(tsri_zarr_print_element(dtype, options->fill_value, &text, err));
    TSRI_TRY(tsr_output_append(&text, "", 1, err));
    return print_without_patterns(text.data, output, err);
}

int tsri_zarr2_document_print(const tsri_zarr_meta_options *options, tsr_output *output,
                              tsr_error *err)
{
    if (options->is_group)
        return tsr_output_print(output, err, "{\"zarr_format\":2}");
    TSRI_TRY(tsr_output_print(output, err, "{\"zarr_format\":2,\"shape\":"));
    TSRI_TRY(tsri_zarr_print_lengths(options->shape, options->rank, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"chunks\":"));
    TSRI_TRY(tsri_zarr_print_lengths(options->chunk_shape, options->rank, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"dtype\":"));
    TSRI_TRY(tsri_dtype_to_v2(options->dtype, options->big_endian, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"fill_value\":"));
    TSRI_TRY(print_fill_value(options, output, err));
    TSRI_TRY(tsr_output_print(output, err, ",\"order\":\"%c\",\"dimension_separator\":\"%c\"",
                              options->order, options->separator));
    TSRI_TRY(print_codecs(options, output, err));
    return tsr_output_append(output, "}", 1, err);
}

/* The list of names as text that ends in a 0 byte. xarray knows no axis without a name. */
static int print_names(const tsri_zarr_meta_options *options, tsr_output *output, tsr_error *err)
{
    for (int axis = 0; axis < options->rank; axis++) {
        const char *name = options->dimension_names[axis];
        if (name == NULL)
            return tsr_error_set(
                err, TSR_INVALID_ARGUMENT,
                "axis %d has no name: in Zarr 2 either all axes have names or none", axis);
        TSRI_TRY(tsr_output_append(output, axis > 0 ? "," : "[", 1, err));
        TSRI_TRY(tsr_json_quote(name, output, err));
    }
    return tsr_output_append(output, options->rank > 0 ? "]" : "[]", options->rank > 0 ? 2 : 3,
                             err);
}

int tsri_zarr2_attributes_print(const tsri_zarr_meta_options *options, const tsri_json *attributes,
                                tsr_output *output, tsr_error *err)
{
    tsr_auto(tsri_output) names = TSRI_OUTPUT_INIT(SIZE_MAX);
    if (options->is_group || options->dimension_names == NULL)
        return attributes != NULL ? tsr_json_write(attributes, 0, output, err) : 0;
    TSRI_TRY(print_names(options, &names, err));
    tsri_zarr_change changes[] = {{names_attribute, names.data, false}};
    return tsri_zarr_print_changed(attributes, changes, TSRI_COUNT(changes), output, err);
}
