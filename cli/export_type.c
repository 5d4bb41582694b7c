#include "export_type.h"

#if TESSERA_HAVE_NETCDF

#include <stdio.h>
#include <string.h>

#include <netcdf.h>

#include "document.h"
#include "memory.h"
#include "try.h"

enum { ENUM_BYTES_MAX = 8, DIMENSIONS_MAX = TSR_FIELD_RANK_MAX + 1 };

static int refuse(const tsr_dtype *dtype, tsr_error *err)
{
    tsr_error_set(err, TSR_UNSUPPORTED, "netCDF has no type for %s", dtype->name);
    tsr_error_set_next_step(err, "`tessera cp SOURCE DESTINATION --dtype TYPE` makes an array of "
                                 "another one, such as float32, int64 or string");
    return TSR_UNSUPPORTED;
}

static int nc_refuse(int code, const char *what, const char *name, tsr_error *err)
{
    return tsr_error_set(err, code == NC_ENOMEM ? TSR_NO_MEMORY : TSR_IO, "%s \"%s\": %s", what,
                         name, nc_strerror(code));
}

/* ---- names ---- */

/* Source: "Names" in the netCDF file format specification; NC_check_name of libnetcdf. */
bool export_type_takes_name(const char *name)
{
    size_t length = strlen(name);
    unsigned char first = (unsigned char)name[0];
    bool good = (first >= 'a' && first <= 'z') || (first >= 'A' && first <= 'Z') ||
                (first >= '0' && first <= '9') || first == '_' || first >= 0x80;

    if (!good || length > NC_MAX_NAME || name[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f || name[i] == '/')
            return false;
    return true;
}

/* Types share their names with the arrays, groups and dimensions of the root group. */
static bool is_taken(const cli_export_types *self, const char *name)
{
    int id;

    if (self->only && strcmp(self->only, name) == 0)
        return true;
    for (size_t i = 0; self->root && i < self->root->count; i++)
        if (strcmp(self->root->children[i].name, name) == 0)
            return true;
    return nc_inq_typeid(self->file, name, &id) == NC_NOERR ||
           nc_inq_dimid(self->file, name, &id) == NC_NOERR;
}

static void choose_name(const cli_export_types *self, const char *wanted,
                        char name[NC_MAX_NAME + 1])
{
    const char *base = export_type_takes_name(wanted) ? wanted : "element";

    snprintf(name, NC_MAX_NAME + 1, "%.200s_t", base);
    for (int number = 2; is_taken(self, name); number++)
        snprintf(name, NC_MAX_NAME + 1, "%.200s_t%d", base, number);
}

/* ---- what has been made ---- */

static const cli_made_type *find_made(const cli_export_types *self, const tsr_dtype *dtype,
                                      struct json_object *names)
{
    for (size_t i = 0; i < self->count; i++)
        if (tsr_dtype_equal(self->made[i].dtype, dtype) &&
            (self->made[i].names ? names && json_object_equal(self->made[i].names, names) : !names))
            return &self->made[i];
    return NULL;
}

static int keep_made(cli_export_types *self, const tsr_dtype *dtype, struct json_object *names,
                     int type, tsr_error *err)
{
    void *grown = memory_grown(self->made, self->count, &self->capacity, sizeof *self->made);

    if (!grown)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for a type");
    self->made = grown;
    self->made[self->count++] = (cli_made_type){tsr_dtype_ref(dtype), json_object_get(names), type};
    return 0;
}

void export_types_clear(cli_export_types *self)
{
    for (size_t i = 0; i < self->count; i++) {
        tsr_dtype_unref(self->made[i].dtype);
        json_object_put(self->made[i].names);
    }
    memory_free(self->made);
    *self = (cli_export_types){0};
}

/* ---- types ---- */

/* The type that netCDF has by itself, or NC_NAT. */
static nc_type plain_type(const tsr_dtype *dtype)
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
    return dtype->kind == TSR_KIND_BYTES ? NC_CHAR : NC_NAT;
}

static int find_type(cli_export_types *self, const char *name, const tsr_dtype *dtype,
                     int *ret_type, tsr_error *err);

static int make_opaque(cli_export_types *self, const char *wanted, const tsr_dtype *dtype,
                       int *ret_type, tsr_error *err)
{
    char name[NC_MAX_NAME + 1];
    int code;

    choose_name(self, wanted, name);
    code = nc_def_opaque(self->file, dtype->size_bytes, name, ret_type);
    return code == NC_NOERR ? 0 : nc_refuse(code, "making the type", name, err);
}

/* A compound of "r" and "i". */
static int make_complex(cli_export_types *self, const tsr_dtype *dtype, int *ret_type,
                        tsr_error *err)
{
    const tsr_dtype *part = tsr_dtype_component(dtype);
    nc_type part_type = plain_type(part);
    char name[NC_MAX_NAME + 1];
    int code;

    if (part_type == NC_NAT)
        return refuse(dtype, err);
    choose_name(self, dtype->name, name);
    code = nc_def_compound(self->file, dtype->size_bytes, name, ret_type);
    if (code == NC_NOERR)
        code = nc_insert_compound(self->file, *ret_type, "r", 0, part_type);
    if (code == NC_NOERR)
        code = nc_insert_compound(self->file, *ret_type, "i", part->size_bytes, part_type);
    return code == NC_NOERR ? 0 : nc_refuse(code, "making the type", name, err);
}

/* The types of all fields, before the compound is begun: one without a field cannot be written. */
static int find_fields(cli_export_types *self, const char *name, const tsr_dtype *dtype, int *types,
                       tsr_error *err)
{
    char inner[NC_MAX_NAME + 1];

    for (int i = 0; i < tsr_dtype_field_count(dtype); i++) {
        const tsr_field *field = tsr_dtype_field(dtype, i);
        if (!export_type_takes_name(field->name)) {
            tsr_error_set(err, TSR_UNSUPPORTED, "netCDF does not take the field name \"%s\"",
                          field->name);
            tsr_error_set_next_step(err, "names begin with a letter, a digit or _ and have no / "
                                         "and no control characters");
            return TSR_UNSUPPORTED;
        }
        snprintf(inner, sizeof inner, "%.100s_%.100s", name, field->name);
        int status = find_type(self, inner, field->dtype, &types[i], err);
        if (status < 0) {
            tsr_error_prepend(err, "field \"%s\"", field->name);
            return status;
        }
    }
    return 0;
}

static int insert_field(const cli_export_types *self, int compound, const tsr_field *field,
                        int type)
{
    int lengths[DIMENSIONS_MAX], rank = field->rank;

    for (int i = 0; i < rank; i++)
        lengths[i] = (int)field->shape[i];
    if (type == NC_CHAR)
        lengths[rank++] = (int)field->dtype->size_bytes;
    return rank > 0
               ? nc_insert_array_compound(self->file, compound, field->name, field->offset_bytes,
                                          type, rank, lengths)
               : nc_insert_compound(self->file, compound, field->name, field->offset_bytes, type);
}

static int make_compound(cli_export_types *self, const char *wanted, const tsr_dtype *dtype,
                         int *ret_type, tsr_error *err)
{
    int fields = tsr_dtype_field_count(dtype), code, status;
    int *types = memory_zeroed((size_t)fields, sizeof *types);
    char name[NC_MAX_NAME + 1];

    if (!types)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for a type");
    status = find_fields(self, wanted, dtype, types, err);
    if (status >= 0) {
        choose_name(self, wanted, name);
        code = nc_def_compound(self->file, dtype->size_bytes, name, ret_type);
        for (int i = 0; code == NC_NOERR && i < fields; i++)
            code = insert_field(self, *ret_type, tsr_dtype_field(dtype, i), types[i]);
        if (code != NC_NOERR)
            status = nc_refuse(code, "making the type", name, err);
    }
    memory_free(types);
    return status;
}

static int find_type(cli_export_types *self, const char *name, const tsr_dtype *dtype,
                     int *ret_type, tsr_error *err)
{
    nc_type plain = plain_type(dtype);
    const cli_made_type *made;
    int type;

    if (plain != NC_NAT) {
        *ret_type = plain;
        return 0;
    }
    made = find_made(self, dtype, NULL);
    if (made) {
        *ret_type = made->type;
        return 0;
    }
    if (dtype->kind == TSR_KIND_STRUCT)
        CLI_TRY(make_compound(self, name, dtype, &type, err));
    else if (dtype->kind == TSR_KIND_COMPLEX)
        CLI_TRY(make_complex(self, dtype, &type, err));
    else if (dtype->kind == TSR_KIND_RAW)
        CLI_TRY(make_opaque(self, dtype->name, dtype, &type, err));
    else
        return refuse(dtype, err);
    CLI_TRY(keep_made(self, dtype, NULL, type, err));
    *ret_type = type;
    return 0;
}

/* ---- enums ---- */

/* The values of the words, one behind the other; *ret_fits false where they make no enum. */
static int read_words(const tsr_dtype *dtype, struct json_object *names, char *values,
                      bool *ret_fits, tsr_error *err)
{
    size_t size_bytes = dtype->size_bytes, count = 0;

    *ret_fits = true;
    json_object_object_foreach(names, word, value)
    {
        char *at = values + count * size_bytes;
        *ret_fits = export_type_takes_name(word) && json_object_is_type(value, json_type_int);
        if (*ret_fits)
            CLI_TRY(document_read_element(dtype, value, at, ret_fits, err));
        for (size_t i = 0; *ret_fits && i < count; i++)
            *ret_fits = memcmp(values + i * size_bytes, at, size_bytes) != 0;
        if (!*ret_fits)
            return 0;
        count++;
    }
    *ret_fits = count > 0;
    return 0;
}

static int make_enum(cli_export_types *self, const char *wanted, const tsr_dtype *dtype,
                     struct json_object *names, const char *values, int *ret_type, tsr_error *err)
{
    char name[NC_MAX_NAME + 1];
    int code;

    choose_name(self, wanted, name);
    code = nc_def_enum(self->file, plain_type(dtype), name, ret_type);
    json_object_object_foreach(names, word, value)
    {
        (void)value;
        if (code == NC_NOERR)
            code = nc_insert_enum(self->file, *ret_type, word, values);
        values += dtype->size_bytes;
    }
    if (code != NC_NOERR)
        return nc_refuse(code, "making the type", name, err);
    return keep_made(self, dtype, names, *ret_type, err);
}

/* *ret_type is left alone where the attribute is missing or something else. */
static int find_enum(cli_export_types *self, const char *name, const tsr_dtype *dtype,
                     struct json_object *attributes, cli_export_type *ret_type, tsr_error *err)
{
    const cli_made_type *made;
    struct json_object *names;
    char *values;
    bool fits;
    int status;

    if ((dtype->kind != TSR_KIND_SIGNED && dtype->kind != TSR_KIND_UNSIGNED) ||
        !json_object_object_get_ex(attributes, ENUM_ATTRIBUTE, &names) ||
        !json_object_is_type(names, json_type_object))
        return 0;
    made = find_made(self, dtype, names);
    if (made) {
        *ret_type = (cli_export_type){.type = made->type, .is_enum = true};
        return 0;
    }
    values = memory_zeroed((size_t)json_object_object_length(names) + 1, ENUM_BYTES_MAX);
    if (!values)
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory for a type");
    status = read_words(dtype, names, values, &fits, err);
    if (status >= 0 && fits) {
        status = make_enum(self, name, dtype, names, values, &ret_type->type, err);
        ret_type->is_enum = true;
    }
    memory_free(values);
    return status;
}

int export_type_find(cli_export_types *self, const char *name, const tsr_dtype *dtype,
                     struct json_object *attributes, cli_export_type *ret_type, tsr_error *err)
{
    cli_export_type found = {.type = NC_NAT};

    CLI_TRY(find_type(self, name, dtype, &found.type, err));
    if (found.type == NC_CHAR)
        found.characters = (int64_t)dtype->size_bytes;
    CLI_TRY(find_enum(self, name, dtype, attributes, &found, err));
    *ret_type = found;
    return 0;
}

#endif
