/* What v2 and v3 metadata have in common, and making and changing metadata: a new document is
 * printed and then read like any other, so that what is written is always what would be read. */
#include "array/zarr_meta.h"

#include <stdio.h>

#include "array/grid_meta.h"
#include "array/zarr_meta_parts.h"
#include "base/checked.h"
#include "base/context.h"
#include "base/output.h"
#include "meta/json_pointer.h"

static int new_meta(int zarr_format, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsri_zarr_meta *meta = tsri_alloc_zero(sizeof *meta);
    if (meta == NULL)
        return tsri_error_no_memory(err, sizeof *meta);
    meta->zarr_format = zarr_format;
    *ret_meta = meta;
    return 0;
}

void tsri_zarr_meta_free(tsri_zarr_meta *meta)
{
    if (meta == NULL)
        return;
    tsri_grid_unref(meta->grid);
    tsri_key_encoding_unref(meta->keys);
    tsr_dtype_unref(meta->dtype);
    json_object_put(meta->attributes);
    json_object_put(meta->document);
    tsri_arena_clear(&meta->arena);
    tsri_free(meta);
}

/* ---- parts of documents ---- */

int tsri_zarr_document_parse(tsr_context *context, const tsri_zarr_document *document,
                             int json_flags, tsri_json **ret_object, tsr_error *err)
{
    tsr_auto(tsri_json) *value = NULL;
    TSRI_TRY(tsr_json_parse(document->text, document->size_bytes, json_flags,
                            (size_t)context->options.largest_metadata_bytes, &value, err));
    if (!json_object_is_type(value, json_type_object))
        return tsri_json_refuse(err, TSR_BAD_METADATA, "", NULL,
                                "the document must be an object, not %s", tsri_json_kind(value));
    *ret_object = TSRI_TAKE(value);
    return 0;
}

int tsri_zarr_take_lengths(tsri_zarr_meta *meta, const tsri_json *object, const char *path,
                           const char *name, int64_t minimum, bool sets_rank,
                           const int64_t **ret_lengths, tsr_error *err)
{
    int64_t values[TSR_RANK_MAX];
    int count = 0;
    TSRI_TRY(tsri_json_int_list(object, path, name, true, minimum, INT64_MAX, TSR_RANK_MAX, values,
                                &count, err));
    if (!sets_rank && count != meta->rank)
        return tsri_json_refuse(err, TSR_BAD_METADATA, path, name,
                                "%d entries for the %d axes of /shape", count, meta->rank);
    int64_t *lengths = tsri_arena_alloc(&meta->arena, (size_t)count + 1, sizeof *lengths);
    if (lengths == NULL)
        return tsri_error_no_memory(err, sizeof values);
    memcpy(lengths, values, (size_t)count * sizeof *lengths);
    meta->rank = count;
    *ret_lengths = lengths;
    return 0;
}

int tsri_zarr_take_grid(tsri_zarr_meta *meta, tsri_grid *grid, tsr_error *err)
{
    int64_t *largest = tsri_arena_alloc(&meta->arena, (size_t)meta->rank + 1, sizeof *largest);

    meta->grid = grid;
    if (largest == NULL)
        return tsri_error_no_memory(err, (size_t)meta->rank * sizeof *largest);
    tsri_grid_largest(grid, largest);
    meta->chunk_shape = largest;
    return 0;
}

int tsri_zarr_check_chunk_size(const tsri_zarr_meta *meta, const char *pointer, tsr_error *err)
{
    int64_t count = 0;
    if (tsri_shape_count(meta->rank, meta->chunk_shape, &count) &&
        tsri_multiply_i64(count, (int64_t)meta->dtype->size_bytes, &count))
        return 0;
    return tsri_json_refuse(err, TSR_LIMIT, pointer, NULL, "a chunk of more than 2^63-1 bytes");
}

/* The document's arena holds the element and, of variable length, its bytes. */
static int parse_fill_value(tsri_zarr_meta *meta, const char *text, void *element, tsr_error *err)
{
    tsr_auto(tsr_heap) *heap = NULL;
    tsr_slot *slot = element;
    if (!tsr_dtype_is_variable(meta->dtype))
        return tsr_dtype_parse_element(meta->dtype, text, element, err);
    TSRI_TRY(tsr_heap_new(&heap, err));
    TSRI_TRY(tsr_dtype_parse_element_into(meta->dtype, text, heap, element, err));
    if (slot->size_bytes <= TSR_SLOT_INLINE_MAX)
        return 0;
    char *bytes = tsri_arena_alloc(&meta->arena, slot->size_bytes, 1);
    if (bytes == NULL)
        return tsri_error_no_memory(err, slot->size_bytes);
    slot->rest.bytes = memcpy(bytes, slot->rest.bytes, slot->size_bytes);
    return 0;
}

/* Reads a fill value from its text. A number beyond the range of a float is rounded as IEEE 754
 * rounds, to infinity, as all other readers do; whoever gives a new fill value is told. */
static int read_fill_value(tsri_zarr_meta *meta, const tsri_json *value, const char *text,
                           void *element, tsr_error *err)
{
    int status = parse_fill_value(meta, text, element, err);
    bool is_number =
        json_object_is_type(value, json_type_double) || json_object_is_type(value, json_type_int);
    if (status == TSR_INVALID_ARGUMENT && meta->dtype->kind == TSR_KIND_FLOAT && is_number &&
        parse_fill_value(meta, *text == '-' ? "\"-Infinity\"" : "\"Infinity\"", element, NULL) == 0)
        return 0;
    return status;
}

int tsri_zarr_take_fill_value(tsri_zarr_meta *meta, const tsri_json *value, tsr_error *err)
{
    void *element = tsri_arena_alloc(&meta->arena, 1, meta->dtype->size_bytes);
    if (element == NULL)
        return tsri_error_no_memory(err, meta->dtype->size_bytes);
    if (value != NULL) {
        tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
        TSRI_TRY(tsr_json_write(value, 0, &text, err));
        TSRI_TRY(tsr_output_append(&text, "", 1, err));
        int status = read_fill_value(meta, value, text.data, element, err);
        if (status == TSR_INVALID_ARGUMENT) {
            if (err != NULL)
                err->status = TSR_BAD_METADATA;
            tsr_error_prepend(err, "/fill_value");
            return TSR_BAD_METADATA;
        }
        TSRI_TRY(status);
    }
    meta->fill_value = element;
    return 0;
}

int tsri_zarr_take_attributes(tsri_zarr_meta *meta, tsri_json *value, const char *pointer,
                              tsr_error *err)
{
    if (!json_object_is_type(value, json_type_object))
        return tsri_json_refuse(err, TSR_BAD_METADATA, pointer, NULL, "must be an object, not %s",
                                tsri_json_kind(value));
    meta->attributes = json_object_get(value);
    return 0;
}

static int take_name(tsri_zarr_meta *meta, tsri_json *value, const char *pointer, size_t axis,
                     const char **ret_name, tsr_error *err)
{
    tsri_json_pointer entry;
    tsri_json_pointer_init(&entry, pointer);
    tsri_json_pointer_index(&entry, axis);
    if (value == NULL)
        return 0;
    if (!json_object_is_type(value, json_type_string))
        return tsri_json_refuse(err, TSR_BAD_METADATA, entry.text, NULL,
                                "must be a string or null, not %s", tsri_json_kind(value));
    const char *text = json_object_get_string(value);
    if (strlen(text) != (size_t)json_object_get_string_len(value))
        return tsri_json_refuse(err, TSR_BAD_METADATA, entry.text, NULL, "this name holds U+0000");
    *ret_name = tsri_arena_strdup(&meta->arena, text);
    return *ret_name == NULL ? tsri_error_no_memory(err, strlen(text)) : 0;
}

int tsri_zarr_take_dimension_names(tsri_zarr_meta *meta, const tsri_json *list, const char *pointer,
                                   tsr_error *err)
{
    if (!json_object_is_type(list, json_type_array))
        return tsri_json_refuse(err, TSR_BAD_METADATA, pointer, NULL, "must be an array, not %s",
                                tsri_json_kind(list));
    size_t count = json_object_array_length(list);
    if (count != (size_t)meta->rank)
        return tsri_json_refuse(err, TSR_BAD_METADATA, pointer, NULL,
                                "%zu entries for the %d axes of /shape", count, meta->rank);
    const char **names = tsri_arena_alloc(&meta->arena, count + 1, sizeof *names);
    if (names == NULL)
        return tsri_error_no_memory(err, count * sizeof *names);
    for (size_t axis = 0; axis < count; axis++)
        TSRI_TRY(take_name(meta, json_object_array_get_idx(list, axis), pointer, axis, &names[axis],
                           err));
    meta->dimension_names = names;
    return 0;
}

/* ---- whole documents ---- */

/* Parses a document and hands it to its reader; errors name the key. */
static int read_document(tsr_context *context, const tsri_zarr_document *document, int json_flags,
                         int (*reader)(tsr_context *, tsri_zarr_meta *, tsri_json *, tsr_error *),
                         tsri_zarr_meta *meta, tsr_error *err)
{
    tsr_auto(tsri_json) *object = NULL;
    TSRI_TRY_IN(err, tsri_zarr_document_parse(context, document, json_flags, &object, err), "%s",
                document->key);
    TSRI_TRY_IN(err, reader(context, meta, object, err), "%s", document->key);
    return 0;
}

int tsri_zarr3_meta_parse(tsr_context *context, const tsri_zarr_document *zarr_json,
                          tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    TSRI_TRY(new_meta(3, &meta, err));
    TSRI_TRY(read_document(context, zarr_json, TSR_JSON_ALLOW_NAN | TSR_JSON_LONE_SURROGATES,
                           tsri_zarr3_meta_read, meta, err));
    *ret_meta = TSRI_TAKE(meta);
    return 0;
}

static int parse_zarr2(tsr_context *context, const tsri_zarr_document *document,
                       const tsri_zarr_document *attributes, bool is_group,
                       tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    TSRI_TRY(new_meta(2, &meta, err));
    /* A .zgroup may hold consolidated copies of attributes, with what those tolerate. */
    TSRI_TRY(read_document(context, document, TSR_JSON_ALLOW_NAN,
                           is_group ? tsri_zarr2_group_read : tsri_zarr2_array_read, meta, err));
    if (attributes != NULL)
        TSRI_TRY(read_document(context, attributes, TSR_JSON_ALLOW_NAN | TSR_JSON_LONE_SURROGATES,
                               tsri_zarr2_attributes_read, meta, err));
    *ret_meta = TSRI_TAKE(meta);
    return 0;
}

int tsri_zarr2_array_parse(tsr_context *context, const tsri_zarr_document *zarray,
                           const tsri_zarr_document *attributes, tsri_zarr_meta **ret_meta,
                           tsr_error *err)
{
    return parse_zarr2(context, zarray, attributes, false, ret_meta, err);
}

int tsri_zarr2_group_parse(tsr_context *context, const tsri_zarr_document *zgroup,
                           const tsri_zarr_document *attributes, tsri_zarr_meta **ret_meta,
                           tsr_error *err)
{
    return parse_zarr2(context, zgroup, attributes, true, ret_meta, err);
}

const char *tsri_zarr_meta_file_name(const tsri_zarr_meta *meta)
{
    return meta->zarr_format == 3 ? "zarr.json" : meta->is_group ? ".zgroup" : ".zarray";
}

static int write_pretty(const tsri_json *value, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_json_write(value, 2, output, err));
    return tsr_output_append(output, "\n", 1, err);
}

int tsri_zarr_meta_write(const tsri_zarr_meta *meta, tsr_output *output, tsr_error *err)
{
    return write_pretty(meta->document, output, err);
}

int tsri_zarr_meta_write_attributes(const tsri_zarr_meta *meta, tsr_output *output, tsr_error *err)
{
    if (meta->attributes == NULL)
        return tsr_output_append(output, "{}\n", 3, err);
    return write_pretty(meta->attributes, output, err);
}

/* ---- making and changing ---- */

int tsri_zarr_print_lengths(const int64_t *lengths, int count, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_append(output, "[", 1, err));
    for (int axis = 0; axis < count; axis++)
        TSRI_TRY(
            tsr_output_print(output, err, "%s%lld", axis > 0 ? "," : "", (long long)lengths[axis]));
    return tsr_output_append(output, "]", 1, err);
}

int tsri_zarr_print_element(const tsr_dtype *dtype, const void *element, tsr_output *output,
                            tsr_error *err)
{
    tsr_auto(tsri_text) *zero = element == NULL ? tsri_alloc_zero(dtype->size_bytes) : NULL;
    if (element == NULL && zero == NULL)
        return tsri_error_no_memory(err, dtype->size_bytes);
    size_t capacity = tsr_dtype_element_text_max(dtype, element != NULL ? element : zero);
    char *text = tsr_output_reserve(output, capacity, err);
    if (text == NULL)
        return err != NULL ? err->status : TSR_NO_MEMORY;
    int length = tsr_dtype_format_element(dtype, element != NULL ? element : zero, text, capacity);
    if (length < 0)
        return tsr_error_set(err, TSR_INTERNAL, "a fill value of type %s has no text form",
                             dtype->name);
    output->size_bytes += (size_t)length;
    return 0;
}

/* A document that the caller's wishes made: what is wrong with it is wrong with them. */
static int blame_argument(int status, tsr_error *err)
{
    if (status != TSR_BAD_METADATA)
        return status;
    if (err != NULL)
        err->status = TSR_INVALID_ARGUMENT;
    return TSR_INVALID_ARGUMENT;
}

/* Reads printed documents; `attributes` is NULL for v3 and where there are none. */
static int read_back(tsr_context *context, int zarr_format, bool is_group,
                     const tsr_output *document, const tsr_output *attributes,
                     tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsri_zarr_document node = {"metadata", document->data, document->size_bytes};
    tsri_zarr_document beside = {"attributes", NULL, 0};
    if (attributes != NULL) {
        beside.text = attributes->data;
        beside.size_bytes = attributes->size_bytes;
    }
    int status = zarr_format == 3 ? tsri_zarr3_meta_parse(context, &node, ret_meta, err)
                                  : parse_zarr2(context, &node, attributes != NULL ? &beside : NULL,
                                                is_group, ret_meta, err);
    return blame_argument(status, err);
}

/* Refuses what would make the printed text something else than a document with one mistake in it.
 */
static int check_options(const tsri_zarr_meta_options *options, tsr_error *err)
{
    if (options->zarr_format != 2 && options->zarr_format != 3)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "there is no Zarr format %d: 2 or 3",
                             options->zarr_format);
    if (!options->is_group && (options->rank < 0 || options->rank > TSR_RANK_MAX))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "rank %d is not in 0 .. %d", options->rank,
                             TSR_RANK_MAX);
    if (!options->is_group && options->dtype == NULL)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "an array needs a data type");
    return 0;
}

/* Parses the attributes that a caller gave; NULL for NULL. Bare NaN, which is no JSON, is read in
 * both formats, and written anew in that of 2, where every reader knows it. */
static int parse_attributes(tsr_context *context, int zarr_format, const char *text,
                            tsri_json **ret_attributes, tsr_error *err)
{
    if (text == NULL)
        return 0;
    tsri_zarr_document document = {"attributes", text, strlen(text)};
    int flags = TSR_JSON_LONE_SURROGATES | (zarr_format == 2 ? TSR_JSON_ALLOW_NAN : 0);
    int status = tsri_zarr_document_parse(context, &document, flags, ret_attributes, err);
    if (status < 0)
        tsr_error_prepend(err, "attributes");
    return blame_argument(status, err);
}

int tsri_zarr_meta_build(tsr_context *context, const tsri_zarr_meta_options *options,
                         tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_output) document = TSRI_OUTPUT_INIT(SIZE_MAX),
                          attributes = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_auto(tsri_json) *given = NULL;
    TSRI_TRY(check_options(options, err));
    TSRI_TRY(parse_attributes(context, options->zarr_format, options->attributes, &given, err));
    if (options->zarr_format == 3) {
        TSRI_TRY(tsri_zarr3_document_print(options, &document, err));
        return read_back(context, 3, options->is_group, &document, NULL, ret_meta, err);
    }
    TSRI_TRY(tsri_zarr2_document_print(options, &document, err));
    TSRI_TRY(tsri_zarr2_attributes_print(options, given, &attributes, err));
    return read_back(context, 2, options->is_group, &document,
                     attributes.size_bytes > 0 ? &attributes : NULL, ret_meta, err);
}

static tsri_zarr_change *find_change(tsri_zarr_change *changes, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(changes[i].name, name) == 0)
            return &changes[i];
    return NULL;
}

static int print_member(const char **before, const char *name, const tsri_json *value,
                        const char *text, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_append(output, *before, 1, err));
    *before = ",";
    TSRI_TRY(tsr_json_quote(name, output, err));
    TSRI_TRY(tsr_output_append(output, ":", 1, err));
    return text != NULL ? tsr_output_append(output, text, strlen(text), err)
                        : tsr_json_write(value, 0, output, err);
}

int tsri_zarr_print_changed(const tsri_json *object, tsri_zarr_change *changes, size_t count,
                            tsr_output *output, tsr_error *err)
{
    const char *before = "{";
    struct lh_table *members = object != NULL ? json_object_get_object(object) : NULL;
    for (struct lh_entry *entry = members != NULL ? lh_table_head(members) : NULL; entry != NULL;
         entry = lh_entry_next(entry)) {
        const char *name = lh_entry_k(entry);
        tsri_zarr_change *found = find_change(changes, count, name);
        if (found == NULL || found->text != NULL)
            TSRI_TRY(print_member(&before, name, lh_entry_v(entry),
                                  found != NULL ? found->text : NULL, output, err));
        if (found != NULL)
            found->is_done = true;
    }
    for (size_t i = 0; i < count; i++)
        if (!changes[i].is_done && changes[i].text != NULL)
            TSRI_TRY(print_member(&before, changes[i].name, NULL, changes[i].text, output, err));
    return tsr_output_append(output, *before == '{' ? "{}" : "}", *before == '{' ? 2 : 1, err);
}

/* The document with these attributes, which are known to be an object. */
static int with_attributes(tsr_context *context, const tsri_zarr_meta *meta, const char *attributes,
                           tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_output) document = TSRI_OUTPUT_INIT(SIZE_MAX),
                          beside = TSRI_OUTPUT_INIT(SIZE_MAX);
    if (meta->zarr_format == 3) {
        tsri_zarr_change changes[] = {{"attributes", attributes, false}};
        TSRI_TRY(
            tsri_zarr_print_changed(meta->document, changes, TSRI_COUNT(changes), &document, err));
        return read_back(context, 3, meta->is_group, &document, NULL, ret_meta, err);
    }
    TSRI_TRY(tsr_json_write(meta->document, 0, &document, err));
    if (attributes != NULL)
        TSRI_TRY(tsr_output_append(&beside, attributes, strlen(attributes), err));
    return read_back(context, 2, meta->is_group, &document, attributes != NULL ? &beside : NULL,
                     ret_meta, err);
}

int tsri_zarr_meta_with_attributes(tsr_context *context, const tsri_zarr_meta *meta,
                                   const char *attributes, tsri_zarr_meta **ret_meta,
                                   tsr_error *err)
{
    tsr_auto(tsri_json) *given = NULL;
    TSRI_TRY(parse_attributes(context, meta->zarr_format, attributes, &given, err));
    return with_attributes(context, meta, attributes, ret_meta, err);
}

int tsri_zarr_meta_with_copies(tsr_context *context, const tsri_zarr_meta *meta, const char *block,
                               tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_output) document = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_zarr_change changes[] = {{"consolidated_metadata", block, false}};
    TSRI_TRY(tsri_zarr_print_changed(meta->document, changes, TSRI_COUNT(changes), &document, err));
    return read_back(context, 3, true, &document, NULL, ret_meta, err);
}

/* One change per member that is set, one per name that is removed. Owner: the caller frees the
 * texts and the list, also after a failure. */
static int list_changes(const tsri_json *set, const char *const *removed,
                        tsri_zarr_change **ret_changes, size_t *ret_count, tsr_error *err)
{
    struct lh_table *members = set != NULL ? json_object_get_object(set) : NULL;
    size_t capacity = members != NULL ? (size_t)lh_table_length(members) : 0;
    for (size_t i = 0; removed != NULL && removed[i] != NULL; i++)
        capacity++;
    *ret_changes = tsri_alloc_array_zero(capacity, sizeof **ret_changes);
    if (*ret_changes == NULL)
        return tsri_error_no_memory(err, capacity * sizeof **ret_changes);
    for (size_t i = 0; removed != NULL && removed[i] != NULL; i++)
        (*ret_changes)[(*ret_count)++].name = removed[i];
    for (struct lh_entry *entry = members != NULL ? lh_table_head(members) : NULL; entry != NULL;
         entry = lh_entry_next(entry)) {
        char *text = NULL;
        TSRI_TRY(tsr_json_text(lh_entry_v(entry), 0, &text, err));
        (*ret_changes)[(*ret_count)++] = (tsri_zarr_change){lh_entry_k(entry), text, false};
    }
    return 0;
}

static void free_changes(tsri_zarr_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tsri_free((void *)changes[i].text);
    tsri_free(changes);
}

int tsri_zarr_meta_updating_attributes(tsr_context *context, const tsri_zarr_meta *meta,
                                       const char *json, const char *const *removed,
                                       tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_json) *given = NULL;
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_zarr_change *changes = NULL;
    size_t count = 0;

    TSRI_TRY(parse_attributes(context, meta->zarr_format, json, &given, err));
    int status = list_changes(given, removed, &changes, &count, err);
    if (status == 0)
        status = tsri_zarr_print_changed(meta->attributes, changes, count, &text, err);
    if (status == 0)
        status = tsr_output_append(&text, "", 1, err);
    free_changes(changes, count);
    return status < 0 ? status : with_attributes(context, meta, text.data, ret_meta, err);
}

/* [1,2,3] as a text that ends in a 0 byte. */
static int lengths_text(const int64_t *lengths, int count, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsri_zarr_print_lengths(lengths, count, output, err));
    return tsr_output_append(output, "", 1, err);
}

int tsri_zarr_meta_with_shape(tsr_context *context, const tsri_zarr_meta *meta,
                              const int64_t *shape, const int64_t *multiples,
                              tsri_zarr_meta **ret_meta, tsr_error *err)
{
    tsr_auto(tsri_output) document = TSRI_OUTPUT_INIT(SIZE_MAX),
                          attributes = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_auto(tsri_output) lengths = TSRI_OUTPUT_INIT(SIZE_MAX), chunks = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_auto(tsri_grid) *grid = NULL;
    if (meta->is_group)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a group has no shape");
    TSRI_TRY(lengths_text(shape, meta->rank, &lengths, err));
    TSRI_TRY(tsri_grid_reshaped(meta->grid, shape, multiples, &grid, err));
    if (meta->zarr_format == 2) {
        /* v2 tolerates chunks of length 0 on an empty axis only, so they are written anew. */
        TSRI_TRY(lengths_text(meta->chunk_shape, meta->rank, &chunks, err));
    } else {
        TSRI_TRY(tsri_grid_print(grid, &chunks, err));
        TSRI_TRY(tsr_output_append(&chunks, "", 1, err));
    }
    tsri_zarr_change changes[] = {
        {"shape", lengths.data, false},
        {meta->zarr_format == 2 ? "chunks" : "chunk_grid", chunks.data, false}};
    /* A regular grid of v3 is the same for every shape, and stays as it was written. */
    TSRI_TRY(tsri_zarr_print_changed(meta->document, changes,
                                     meta->zarr_format == 3 && grid->is_regular ? 1 : 2, &document,
                                     err));
    bool beside = meta->zarr_format == 2 && meta->attributes != NULL;
    if (beside)
        TSRI_TRY(tsr_json_write(meta->attributes, 0, &attributes, err));
    return read_back(context, meta->zarr_format, false, &document, beside ? &attributes : NULL,
                     ret_meta, err);
}
