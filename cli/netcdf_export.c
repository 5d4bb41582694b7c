#include "netcdf_export.h"

#if TESSERA_HAVE_NETCDF

#include <errno.h>
#include <string.h>

#include <netcdf.h>

#include "describe.h"
#include "document.h"
#include "fill_attribute.h"
#include "memory.h"
#include "show.h"
#include "stream.h"

enum { BLOCK_BYTES = 64 << 20 };

typedef struct cli_exporter {
    cli_invocation *invocation;
    const char *path;
    cli_progress *progress;
    cli_netcdf_result result;
} cli_exporter;

static int nc_failed(cli_exporter *self, int code, const char *what)
{
    int status = code == ENOSPC ? TSR_NO_SPACE : code == EACCES ? TSR_PERMISSION : TSR_IO;

    return tsr_error_set(&self->invocation->error, status, "%s: %s: %s", self->path, what,
                         nc_strerror(code));
}

static void leave_out(cli_exporter *self, const char *name, const char *why)
{
    progress_end(self->progress);
    fputs("tessera: left out ", stderr);
    show_safe_text(stderr, name);
    fprintf(stderr, ": %s\n", why);
    self->result.skipped++;
}

/* ---- types and attributes -----------------------------------------------------------------------
 */

/* The netCDF type, or NC_NAT for those that it does not have. */
static nc_type find_type(const tsr_dtype *dtype)
{
    static const struct {
        tsr_kind kind;
        size_t size_bytes;
        nc_type type;
    } rows[] = {
        {TSR_KIND_BOOL, 1, NC_UBYTE},      {TSR_KIND_SIGNED, 1, NC_BYTE},
        {TSR_KIND_SIGNED, 2, NC_SHORT},    {TSR_KIND_SIGNED, 4, NC_INT},
        {TSR_KIND_SIGNED, 8, NC_INT64},    {TSR_KIND_UNSIGNED, 1, NC_UBYTE},
        {TSR_KIND_UNSIGNED, 2, NC_USHORT}, {TSR_KIND_UNSIGNED, 4, NC_UINT},
        {TSR_KIND_UNSIGNED, 8, NC_UINT64}, {TSR_KIND_FLOAT, 4, NC_FLOAT},
        {TSR_KIND_FLOAT, 8, NC_DOUBLE},    {TSR_KIND_STRING, sizeof(tsr_slot), NC_STRING},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].kind == dtype->kind && rows[i].size_bytes == dtype->size_bytes)
            return rows[i].type;
    return NC_NAT;
}

/* Numbers of a list: all integers become int64, anything else double. */
static int put_numbers(int group, int variable, const char *name, struct json_object *list)
{
    size_t count = json_object_array_length(list);
    double *doubles = memory_zeroed(count + 1, sizeof *doubles);
    long long *integers = memory_zeroed(count + 1, sizeof *integers);
    bool whole = true;
    int code = NC_ENOMEM;

    if (doubles && integers) {
        for (size_t i = 0; i < count; i++) {
            struct json_object *item = json_object_array_get_idx(list, i);
            doubles[i] = json_object_get_double(item);
            integers[i] = json_object_get_int64(item);
            whole &= json_object_is_type(item, json_type_int);
        }
        code = whole ? nc_put_att_longlong(group, variable, name, NC_INT64, count, integers)
                     : nc_put_att_double(group, variable, name, NC_DOUBLE, count, doubles);
    }
    memory_free(doubles);
    memory_free(integers);
    return code;
}

static bool is_number(struct json_object *value)
{
    return json_object_is_type(value, json_type_int) ||
           json_object_is_type(value, json_type_double);
}

static bool is_number_list(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_array) || json_object_array_length(value) == 0)
        return false;
    for (size_t i = 0; i < json_object_array_length(value); i++)
        if (!is_number(json_object_array_get_idx(value, i)))
            return false;
    return true;
}

/* Texts and numbers as they are; everything else as JSON text, so that nothing is lost. */
static int put_attribute(int group, int variable, const char *name, struct json_object *value)
{
    long long integer;
    double number;
    char *text;
    int code;

    if (is_number_list(value))
        return put_numbers(group, variable, name, value);
    if (json_object_is_type(value, json_type_int)) {
        integer = json_object_get_int64(value);
        return nc_put_att_longlong(group, variable, name, NC_INT64, 1, &integer);
    }
    if (json_object_is_type(value, json_type_double)) {
        number = json_object_get_double(value);
        return nc_put_att_double(group, variable, name, NC_DOUBLE, 1, &number);
    }
    if (json_object_is_type(value, json_type_string))
        return nc_put_att_text(group, variable, name, (size_t)json_object_get_string_len(value),
                               json_object_get_string(value));
    if (tsr_json_text(value, 0, &text, NULL) < 0)
        return NC_ENOMEM;
    code = nc_put_att_text(group, variable, name, strlen(text), text);
    tsr_free(text);
    return code;
}

/* Attributes that netCDF keeps for itself, or that must have the type of the variable. */
static bool is_special(const char *name)
{
    static const char *const names[] = {FILL_ATTRIBUTE,   "missing_value", "CLASS",
                                        "NAME",           NAMES_ATTRIBUTE, "REFERENCE_LIST",
                                        "DIMENSION_LIST", "_NCProperties"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* missing_value has the type of the variable, as the conventions want it. */
static int put_missing_value(int group, int variable, const tsr_dtype *dtype,
                             struct json_object *value)
{
    char element[16];
    bool fits;

    if (document_read_element(dtype, value, element, &fits, NULL) < 0)
        return NC_ENOMEM;
    if (!fits)
        return put_attribute(group, variable, "missing_value", value);
    return nc_put_att(group, variable, "missing_value", find_type(dtype), 1, element);
}

static void put_attributes(cli_exporter *self, int group, int variable, const tsr_dtype *dtype,
                           struct json_object *attributes)
{
    json_object_object_foreach(attributes, name, value)
    {
        int code = NC_NOERR;
        if (dtype && !tsr_dtype_is_variable(dtype) && strcmp(name, "missing_value") == 0)
            code = put_missing_value(group, variable, dtype, value);
        else if (!is_special(name) ||
                 (dtype && tsr_dtype_is_variable(dtype) && strcmp(name, "missing_value") == 0))
            code = put_attribute(group, variable, name, value);
        if (code != NC_NOERR)
            leave_out(self, name, nc_strerror(code));
    }
}

/* ---- variables ----------------------------------------------------------------------------------
 */

/* The dimension of a name and length, made where it is missing. A name that is taken by another
 * length gets the length added. */
static int find_dimension(int group, const char *name, int64_t length, int *ret_dimension)
{
    char longer[NC_MAX_NAME + 1];
    size_t there;

    for (int attempt = 0; attempt < 2; attempt++) {
        if (attempt == 0)
            snprintf(longer, sizeof longer, "%s", name);
        else
            snprintf(longer, sizeof longer, "%.200s_%lld", name, (long long)length);
        if (nc_inq_dimid(group, longer, ret_dimension) != NC_NOERR)
            return nc_def_dim(group, longer, (size_t)length, ret_dimension);
        if (nc_inq_dimlen(group, *ret_dimension, &there) == NC_NOERR && there == (size_t)length)
            return NC_NOERR;
    }
    return NC_ENAMEINUSE;
}

static int define_dimensions(cli_exporter *self, int group, const tsr_array *array,
                             int *ret_dimensions)
{
    for (int i = 0; i < tsr_array_rank(array); i++) {
        const char *name = tsr_array_dimension_name(array, i);
        char number[16];
        int code;
        snprintf(number, sizeof number, "dim_%d", i);
        code = find_dimension(group, name ? name : number, tsr_array_shape(array)[i],
                              &ret_dimensions[i]);
        if (code == NC_EBADNAME)
            code = find_dimension(group, number, tsr_array_shape(array)[i], &ret_dimensions[i]);
        if (code != NC_NOERR)
            return nc_failed(self, code, "making a dimension");
    }
    return 0;
}

/* Chunks as in the source and deflate, where there is something to compress; netCDF chunks are
 * limited to 4 GiB. */
static int set_storage(int group, int variable, const tsr_array *array)
{
    size_t chunks[TSR_RANK_MAX];
    const int64_t *inner = describe_chunks(array), *shape = tsr_array_shape(array);
    double bytes = (double)tsr_array_dtype(array)->size_bytes;

    if (tsr_array_rank(array) == 0 || tsr_array_count(array) == 0)
        return NC_NOERR;
    for (int i = 0; i < tsr_array_rank(array); i++) {
        chunks[i] = (size_t)(inner[i] < shape[i] ? inner[i] : shape[i]);
        bytes *= (double)chunks[i];
    }
    if (bytes < 4294967296.0) {
        int code = nc_def_var_chunking(group, variable, NC_CHUNKED, chunks);
        if (code != NC_NOERR)
            return code;
    }
    /* netCDF packs the addresses of strings, not the strings. */
    return tsr_dtype_is_variable(tsr_array_dtype(array))
               ? NC_NOERR
               : nc_def_var_deflate(group, variable, 1, 1, 4);
}

/* Strings are always filled up: with the empty one, unless the source says another. */
static int set_fill_text(int group, int variable, struct json_object *attributes)
{
    struct json_object *value;
    const char *text;

    if (!json_object_object_get_ex(attributes, FILL_ATTRIBUTE, &value) ||
        !json_object_is_type(value, json_type_string))
        return NC_NOERR;
    text = json_object_get_string(value);
    return nc_def_var_fill(group, variable, NC_FILL, &text);
}

/* Readers of netCDF take elements that equal _FillValue for missing. Zarr's fill value does not
 * mean that, so the attribute is written only where the source has it. */
static int set_fill_value(cli_exporter *self, int group, int variable, const tsr_array *array,
                          struct json_object *attributes)
{
    char element[16];
    bool found;

    if (tsr_dtype_is_variable(tsr_array_dtype(array)))
        return set_fill_text(group, variable, attributes);
    if (fill_attribute_read(tsr_array_dtype(array), attributes, element, &found, NULL) < 0)
        return NC_ENOMEM;
    if (found)
        return nc_def_var_fill(group, variable, NC_FILL, element);
    if (json_object_object_get_ex(attributes, FILL_ATTRIBUTE, NULL))
        leave_out(self, FILL_ATTRIBUTE, "it is no element of the array's type");
    return nc_def_var_fill(group, variable, NC_NOFILL, NULL);
}

/* *ret_named false: netCDF does not take the name, which has been said. */
static int define_variable(cli_exporter *self, int group, const char *name, tsr_array *array,
                           int *ret_variable, bool *ret_named)
{
    int dimensions[TSR_RANK_MAX], code;
    nc_type type = find_type(tsr_array_dtype(array));
    struct json_object *attributes;

    CLI_TRY(define_dimensions(self, group, array, dimensions));
    CLI_TRY(describe_array_attributes(array, &attributes, &self->invocation->error));
    code = nc_def_var(group, name, type, tsr_array_rank(array), dimensions, ret_variable);
    if (code == NC_NOERR)
        code = set_fill_value(self, group, *ret_variable, array, attributes);
    if (code == NC_NOERR)
        code = set_storage(group, *ret_variable, array);
    if (code == NC_NOERR)
        put_attributes(self, group, *ret_variable, tsr_array_dtype(array), attributes);
    json_object_put(attributes);
    *ret_named = code != NC_EBADNAME;
    if (!*ret_named)
        leave_out(self, name, nc_strerror(code));
    return code == NC_NOERR || !*ret_named ? 0 : nc_failed(self, code, name);
}

typedef struct cli_destination {
    cli_exporter *exporter;
    int group, variable;
} cli_destination;

/* Strings with a 0 behind each; netCDF has none with a 0 inside. */
static int make_texts(const cli_destination *to, const tsr_view *block, char **ret_texts)
{
    const tsr_slot *slots = (const void *)block->data;
    tsr_error *err = &to->exporter->invocation->error;

    for (int64_t i = 0; i < tsr_view_count(block); i++) {
        const char *bytes = tsr_slot_bytes(&slots[i]);
        if (memchr(bytes, 0, slots[i].size_bytes))
            return tsr_error_set(err, TSR_UNSUPPORTED,
                                 "%s: a string with U+0000 in it, which netCDF has not",
                                 to->exporter->path);
        ret_texts[i] = memory_text_part(bytes, slots[i].size_bytes);
        if (!ret_texts[i])
            return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for a string");
    }
    return 0;
}

static int put_texts(const cli_destination *to, const size_t *start, const size_t *count,
                     const tsr_view *block)
{
    int64_t elements = tsr_view_count(block);
    char **texts = memory_zeroed((size_t)elements + 1, sizeof *texts);
    int status, code = NC_NOERR;

    if (!texts)
        return tsr_error_set(&to->exporter->invocation->error, TSR_NO_MEMORY,
                             "out of memory for strings");
    status = make_texts(to, block, texts);
    if (status >= 0)
        code = nc_put_vara_string(to->group, to->variable, start, count, (const char **)texts);
    for (int64_t i = 0; i < elements; i++)
        memory_free(texts[i]);
    memory_free(texts);
    return code == NC_NOERR ? status : nc_failed(to->exporter, code, "writing elements");
}

static int put_block(void *user, const cli_block_walk *walk, const tsr_view *block, tsr_error *err)
{
    cli_destination *to = user;
    size_t start[TSR_RANK_MAX], count[TSR_RANK_MAX];
    int code;

    (void)err;
    for (int i = 0; i < walk->rank; i++) {
        start[i] = (size_t)walk->start[i];
        count[i] = (size_t)walk->count[i];
    }
    if (tsr_dtype_is_variable(block->dtype))
        return put_texts(to, start, count, block);
    code = nc_put_vara(to->group, to->variable, start, count, block->data);
    return code == NC_NOERR ? 0 : nc_failed(to->exporter, code, "writing elements");
}

/* Reading and writing take turns on this thread: netCDF is not thread-safe, and the source may be
 * netCDF too. */
static int write_elements(cli_exporter *self, int group, int variable, tsr_array *array)
{
    cli_selected_array all = {.array = array, .whole = true};
    cli_destination to = {self, group, variable};

    tsr_index_all(&all.index, tsr_array_rank(array), tsr_array_shape(array));
    all.rank = tsr_index_shape(&all.index, all.shape);
    return stream_read(self->invocation->context, &all,
                       invocation_number(self->invocation, OPTION_MEMORY, BLOCK_BYTES),
                       self->progress, put_block, &to, &self->invocation->error);
}

static int export_array(cli_exporter *self, int group, const char *name, tsr_array *array)
{
    char label[160];
    int variable, status;
    bool named;

    if (find_type(tsr_array_dtype(array)) == NC_NAT) {
        leave_out(self, name, "netCDF has no such element type");
        return 0;
    }
    CLI_TRY(define_variable(self, group, name, array, &variable, &named));
    if (!named)
        return 0;
    progress_label(label, sizeof label, name, array);
    progress_begin(self->progress, label, tsr_array_size(array));
    status = write_elements(self, group, variable, array);
    progress_end(self->progress);
    self->result.arrays++;
    self->result.bytes += tsr_array_size(array);
    return status;
}

/* ---- trees --------------------------------------------------------------------------------------
 */

static int export_group(cli_exporter *self, int group, tsr_group *source, int depth);

static int export_child(cli_exporter *self, int group, tsr_group *source, const cli_child *child,
                        int depth)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(tsr_group) *inner = NULL;
    tsr_error error = TSR_ERROR_INIT;
    int inner_id, code;

    if (child->kind == TSR_NODE_ARRAY &&
        tsr_group_open_array(source, child->name, &array, &error) >= 0)
        return export_array(self, group, child->name, array);
    if (child->kind == TSR_NODE_GROUP &&
        tsr_group_open_group(source, child->name, &inner, &error) >= 0) {
        code = nc_def_grp(group, child->name, &inner_id);
        if (code == NC_EBADNAME) {
            leave_out(self, child->name, nc_strerror(code));
            return 0;
        }
        if (code != NC_NOERR)
            return nc_failed(self, code, child->name);
        return export_group(self, inner_id, inner, depth + 1);
    }
    if (error.status == TSR_NO_MEMORY || error.status == TSR_CANCELLED) {
        self->invocation->error = error;
        return error.status;
    }
    leave_out(self, child->name, error.message[0] ? error.message : "its metadata cannot be read");
    return 0;
}

static int export_group(cli_exporter *self, int group, tsr_group *source, int depth)
{
    cli_child_list list;
    struct json_object *attributes;
    int status = 0;

    CLI_TRY(describe_group_attributes(source, &attributes, &self->invocation->error));
    put_attributes(self, group, NC_GLOBAL, NULL, attributes);
    json_object_put(attributes);
    CLI_TRY(child_list_descend(self->invocation, source, depth, &list));
    for (size_t i = 0; status >= 0 && i < list.count; i++)
        status = export_child(self, group, source, &list.children[i], depth);
    child_list_clear(&list);
    return status;
}

int netcdf_export(cli_invocation *invocation, const cli_location_node *node, const char *path,
                  cli_progress *progress, cli_netcdf_result *ret_result)
{
    cli_exporter self = {invocation, path, progress, {0, 0, 0}};
    int file, code = nc_create(path, NC_NETCDF4 | NC_CLOBBER, &file), status;

    if (code != NC_NOERR)
        return nc_failed(&self, code, "making the file");
    if (node->array)
        status = export_array(&self, file, location_base_name(tsr_array_place(node->array)),
                              node->array);
    else
        status = export_group(&self, file, node->group, 0);
    code = nc_close(file);
    if (status >= 0 && code != NC_NOERR)
        status = nc_failed(&self, code, "closing the file");
    *ret_result = self.result;
    return status;
}

#else

int netcdf_export(cli_invocation *invocation, const cli_location_node *node, const char *path,
                  cli_progress *progress, cli_netcdf_result *ret_result)
{
    (void)node;
    (void)path;
    (void)progress;
    (void)ret_result;
    tsr_error_set(&invocation->error, TSR_UNSUPPORTED, "this tessera was built without netCDF");
    tsr_error_set_next_step(
        &invocation->error,
        "install libnetcdf's development files and build again, or --format npy");
    return TSR_UNSUPPORTED;
}

#endif
