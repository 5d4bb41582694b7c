#include "netcdf_export.h"

#if TESSERA_HAVE_NETCDF

#include <errno.h>
#include <string.h>

#include <netcdf.h>

#include "describe.h"
#include "document.h"
#include "export_attribute.h"
#include "export_dimensions.h"
#include "export_time.h"
#include "export_type.h"
#include "fill_attribute.h"
#include "memory.h"
#include "show.h"
#include "stream.h"

#define MISSING_ATTRIBUTE "missing_value"

enum { BLOCK_BYTES = 64 << 20 };

typedef struct cli_exporter {
    cli_invocation *invocation;
    const char *path;
    cli_progress *progress;
    cli_netcdf_result result;
    cli_export_dimensions dimensions;
    cli_export_types types;
} cli_exporter;

/* A variable while it is made. */
typedef struct cli_variable {
    cli_exporter *exporter;
    tsr_array *array;
    struct json_object *attributes;
    cli_export_type type;
    const char *time_units; /* of the steps that elements count; NULL: they are no times */
    int group, id;
} cli_variable;

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

static void leave_out_for(cli_exporter *self, const char *name, const tsr_error *problem)
{
    char why[2 * sizeof problem->message];

    snprintf(why, sizeof why, "%s; %s", problem->message, problem->next_step);
    leave_out(self, name, why);
}

/* ---- attributes ---- */

/* Attributes that netCDF keeps for itself, and the names of dimensions, which it has anyway. */
static bool is_kept_by_netcdf(const char *name)
{
    static const char *const names[] = {NAMES_ATTRIBUTE, "REFERENCE_LIST", "DIMENSION_LIST",
                                        "_NCProperties"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* missing_value has the type of the variable, as the conventions want it. */
static int put_missing_value(const cli_variable *variable, struct json_object *value)
{
    const tsr_dtype *dtype = tsr_array_dtype(variable->array);
    int64_t characters = variable->type.characters;
    bool fits = false;
    int code = NC_NOERR;
    char *element;

    if (tsr_dtype_is_variable(dtype))
        return export_attribute_put(variable->group, variable->id, MISSING_ATTRIBUTE, value);
    element = memory_zeroed(1, dtype->size_bytes);
    if (!element || document_read_element(dtype, value, element, &fits, NULL) < 0)
        code = NC_ENOMEM;
    else if (fits)
        code = nc_put_att(variable->group, variable->id, MISSING_ATTRIBUTE, variable->type.type,
                          characters > 0 ? (size_t)characters : 1, element);
    else
        code = export_attribute_put(variable->group, variable->id, MISSING_ATTRIBUTE, value);
    memory_free(element);
    return code;
}

static int put_variable_attribute(const cli_variable *variable, const char *name,
                                  struct json_object *value)
{
    if (strcmp(name, FILL_ATTRIBUTE) == 0 ||
        (variable->type.is_enum && strcmp(name, ENUM_ATTRIBUTE) == 0) ||
        (variable->time_units && export_time_owns(name)))
        return NC_NOERR;
    return strcmp(name, MISSING_ATTRIBUTE) == 0
               ? put_missing_value(variable, value)
               : export_attribute_put(variable->group, variable->id, name, value);
}

/* Of a variable, or, NULL, of a group. */
static void put_attributes(cli_exporter *self, int group, const cli_variable *variable,
                           struct json_object *attributes)
{
    json_object_object_foreach(attributes, name, value)
    {
        int code = NC_NOERR;
        if (is_kept_by_netcdf(name))
            continue;
        if (variable)
            code = put_variable_attribute(variable, name, value);
        else
            code = export_attribute_put(group, NC_GLOBAL, name, value);
        if (code != NC_NOERR)
            leave_out(self, name, nc_strerror(code));
    }
}

/* ---- variables ---- */

/* Chunks as in the source, as long as they fit: netCDF limits them to 4 GiB, and to the lengths of
 * dimensions that are not unlimited. */
static int set_chunks(const cli_variable *variable)
{
    size_t chunks[TSR_RANK_MAX + 1];
    const int64_t *inner = describe_chunks(variable->array);
    const int64_t *shape = tsr_array_shape(variable->array);
    int rank = tsr_array_rank(variable->array);
    double bytes = (double)tsr_array_dtype(variable->array)->size_bytes;

    for (int i = 0; i < rank; i++) {
        bool unlimited = shape[i] == 0 || export_dimension_is_unlimited(
                                              &variable->exporter->dimensions, variable->array, i);
        chunks[i] = (size_t)(unlimited || inner[i] < shape[i] ? inner[i] : shape[i]);
        bytes *= (double)chunks[i];
    }
    chunks[rank] = (size_t)variable->type.characters;
    return bytes < 4294967296.0
               ? nc_def_var_chunking(variable->group, variable->id, NC_CHUNKED, chunks)
               : NC_NOERR;
}

/* Chunks and deflate, where there is something to compress: netCDF packs the addresses of strings,
 * not the strings. */
static int set_storage(const cli_variable *variable)
{
    int code;

    if (tsr_array_rank(variable->array) == 0)
        return NC_NOERR;
    code = set_chunks(variable);
    if (code != NC_NOERR || tsr_dtype_is_variable(tsr_array_dtype(variable->array)))
        return code;
    return nc_def_var_deflate(variable->group, variable->id, 1, 1, 4);
}

/* Strings are always filled up: with the empty one, unless the source says another. */
static int set_fill_text(const cli_variable *variable)
{
    struct json_object *value;
    const char *text;

    if (!json_object_object_get_ex(variable->attributes, FILL_ATTRIBUTE, &value) ||
        !json_object_is_type(value, json_type_string))
        return NC_NOERR;
    text = json_object_get_string(value);
    return nc_def_var_fill(variable->group, variable->id, NC_FILL, &text);
}

/* Readers of netCDF take elements that equal _FillValue for missing. Zarr's fill value does not
 * mean that, so the attribute is written only where the source has it. */
static int set_fill_value(const cli_variable *variable)
{
    const tsr_dtype *dtype = tsr_array_dtype(variable->array);
    bool found = false;
    char *element;
    int code;

    if (tsr_dtype_is_variable(dtype))
        return set_fill_text(variable);
    if (variable->time_units)
        return export_time_set_fill(variable->group, variable->id);
    element = memory_zeroed(1, dtype->size_bytes);
    if (!element || fill_attribute_read(dtype, variable->attributes, element, &found, NULL) < 0) {
        memory_free(element);
        return NC_ENOMEM;
    }
    /* That of characters is one of them. */
    found = found && variable->type.characters <= 1;
    code = found ? nc_def_var_fill(variable->group, variable->id, NC_FILL, element)
                 : nc_def_var_fill(variable->group, variable->id, NC_NOFILL, NULL);
    memory_free(element);
    if (!found && json_object_object_get_ex(variable->attributes, FILL_ATTRIBUTE, NULL))
        leave_out(variable->exporter, FILL_ATTRIBUTE,
                  variable->type.characters > 1 ? "netCDF has none of several characters"
                                                : "it is no element of the array's type");
    return code;
}

static int define_in_file(cli_variable *variable, const char *name)
{
    int dimensions[TSR_RANK_MAX + 1], code;
    int rank = tsr_array_rank(variable->array) + (variable->type.characters > 0);

    code = export_dimensions_find(&variable->exporter->dimensions, variable->group, variable->array,
                                  variable->type.characters, dimensions);
    if (code == NC_NOERR)
        code =
            nc_def_var(variable->group, name, variable->type.type, rank, dimensions, &variable->id);
    if (code == NC_NOERR)
        code = set_fill_value(variable);
    return code == NC_NOERR ? set_storage(variable) : code;
}

/* *ret_defined false: netCDF does not take the name or the type, which has been said. */
static int define_variable(cli_variable *variable, const char *name, bool *ret_defined)
{
    cli_exporter *self = variable->exporter;
    tsr_error *err = &self->invocation->error;
    tsr_error problem = TSR_ERROR_INIT;
    int code, status;

    *ret_defined = false;
    if (!export_type_takes_name(name)) {
        leave_out(self, name, nc_strerror(NC_EBADNAME));
        return 0;
    }
    status = export_type_find(&self->types, name,
                              variable->time_units ? TSR_INT64 : tsr_array_dtype(variable->array),
                              variable->attributes, &variable->type, &problem);
    if (status == TSR_UNSUPPORTED) {
        leave_out_for(self, name, &problem);
        return 0;
    }
    if (status < 0) {
        *err = problem;
        return status;
    }
    code = define_in_file(variable, name);
    if (code != NC_NOERR)
        return nc_failed(self, code, name);
    put_attributes(self, variable->group, variable, variable->attributes);
    if (variable->time_units)
        code = export_time_put(variable->group, variable->id, tsr_array_dtype(variable->array),
                               variable->time_units);
    *ret_defined = code == NC_NOERR;
    return code == NC_NOERR ? 0 : nc_failed(self, code, name);
}

/* Strings with a 0 behind each; netCDF has none with a 0 inside. */
static int make_texts(const cli_variable *to, const tsr_view *block, char **ret_texts)
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

static int put_texts(const cli_variable *to, const size_t *start, const size_t *count,
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
        code = nc_put_vara_string(to->group, to->id, start, count, (const char **)texts);
    for (int64_t i = 0; i < elements; i++)
        memory_free(texts[i]);
    memory_free(texts);
    return code == NC_NOERR ? status : nc_failed(to->exporter, code, "writing elements");
}

static int put_block(void *user, const cli_block_walk *walk, const tsr_view *block, tsr_error *err)
{
    cli_variable *to = user;
    size_t start[TSR_RANK_MAX + 1], count[TSR_RANK_MAX + 1];
    int code;

    (void)err;
    for (int i = 0; i < walk->rank; i++) {
        start[i] = (size_t)walk->start[i];
        count[i] = (size_t)walk->count[i];
    }
    start[walk->rank] = 0;
    count[walk->rank] = (size_t)to->type.characters;
    if (tsr_dtype_is_variable(block->dtype))
        return put_texts(to, start, count, block);
    code = nc_put_vara(to->group, to->id, start, count, block->data);
    return code == NC_NOERR ? 0 : nc_failed(to->exporter, code, "writing elements");
}

/* Reading and writing take turns on this thread: netCDF is not thread-safe, and the source may be
 * netCDF too. */
static int write_elements(cli_variable *variable)
{
    cli_exporter *self = variable->exporter;
    cli_selected_array all = {.array = variable->array, .whole = true};

    tsr_index_all(&all.index, tsr_array_rank(variable->array), tsr_array_shape(variable->array));
    all.rank = tsr_index_shape(&all.index, all.shape);
    return stream_read(self->invocation->context, &all,
                       invocation_number(self->invocation, OPTION_MEMORY, BLOCK_BYTES),
                       self->progress, put_block, variable, &self->invocation->error);
}

static int export_elements(cli_variable *variable, const char *name)
{
    cli_exporter *self = variable->exporter;
    int64_t size_bytes = tsr_array_size(variable->array);
    char label[160];
    bool defined;
    int status;

    CLI_TRY(define_variable(variable, name, &defined));
    if (!defined)
        return 0;
    progress_label(label, sizeof label, name, variable->array);
    progress_begin(self->progress, label, size_bytes);
    status = write_elements(variable);
    progress_end(self->progress);
    self->result.arrays++;
    self->result.bytes += size_bytes;
    return status;
}

/* What netCDF has no type for, and has one that holds all of its values: texts of a fixed length
 * become strings, small floats become float32, times count the steps of a unit that the conventions
 * have. NULL for all else. */
static int as_held(tsr_array *array, tsr_array **ret_held, tsr_error *err)
{
    const tsr_dtype *dtype = tsr_array_dtype(array), *time = NULL, *held = NULL;
    int status = 0;

    *ret_held = NULL;
    CLI_TRY(export_time_dtype(dtype, &time, err));
    if (dtype->kind == TSR_KIND_TEXT)
        held = TSR_STRING;
    else if (dtype->kind == TSR_KIND_FLOAT && dtype->size_bytes < TSR_FLOAT32->size_bytes)
        held = TSR_FLOAT32;
    else if (time && !tsr_dtype_equal(time, dtype))
        held = time;
    if (held)
        status = tsr_array_cast(array, held, TSR_CASTING_SAFE, ret_held, err);
    tsr_dtype_unref(time);
    return status;
}

static int export_array(cli_exporter *self, int group, const char *name, tsr_array *array)
{
    tsr_auto(tsr_array) *held = NULL;
    cli_variable variable = {.exporter = self, .group = group};
    int status;

    CLI_TRY(as_held(array, &held, &self->invocation->error));
    variable.array = held ? held : array;
    variable.time_units = export_time_units(tsr_array_dtype(variable.array));
    CLI_TRY(describe_array_attributes(array, &variable.attributes, &self->invocation->error));
    status = export_elements(&variable, name);
    json_object_put(variable.attributes);
    return status;
}

/* ---- trees ---- */

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
    put_attributes(self, group, NULL, attributes);
    json_object_put(attributes);
    CLI_TRY(child_list_descend(self->invocation, source, depth, &list));
    if (depth == 0)
        self->types.root = &list;
    for (size_t i = 0; status >= 0 && i < list.count; i++)
        status = export_child(self, group, source, &list.children[i], depth);
    child_list_clear(&list);
    return status;
}

static int export_node(cli_exporter *self, int file, const cli_location_node *node)
{
    const char *name;

    if (!node->array)
        return export_group(self, file, node->group, 0);
    name = location_base_name(tsr_array_place(node->array));
    self->types.only = name;
    return export_array(self, file, name, node->array);
}

int netcdf_export(cli_invocation *invocation, const cli_location_node *node, const char *path,
                  cli_progress *progress, cli_netcdf_result *ret_result)
{
    cli_exporter self = {
        .invocation = invocation,
        .path = path,
        .progress = progress,
        .dimensions = {.invocation = invocation, .of_one_array = node->array != NULL}};
    int file, code = nc_create(path, NC_NETCDF4 | NC_CLOBBER, &file), status;

    if (code != NC_NOERR)
        return nc_failed(&self, code, "making the file");
    self.types.file = file;
    status = export_node(&self, file, node);
    code = nc_close(file);
    if (status >= 0 && code != NC_NOERR)
        status = nc_failed(&self, code, "closing the file");
    export_types_clear(&self.types);
    export_dimensions_clear(&self.dimensions);
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
