#include "source/netcdf_type.h"

#include <netcdf.h>

#include "source/netcdf_file.h"

#define DEPTH_MAX 64

const tsr_dtype *tsri_netcdf_dtype(int type)
{
    switch (type) {
    case NC_BYTE:
        return TSR_INT8;
    case NC_CHAR: /* text stays bytes: strings are a matter of attributes and conventions */
    case NC_UBYTE:
        return TSR_UINT8;
    case NC_SHORT:
        return TSR_INT16;
    case NC_USHORT:
        return TSR_UINT16;
    case NC_INT:
        return TSR_INT32;
    case NC_UINT:
        return TSR_UINT32;
    case NC_INT64:
        return TSR_INT64;
    case NC_UINT64:
        return TSR_UINT64;
    case NC_FLOAT:
        return TSR_FLOAT32;
    case NC_DOUBLE:
        return TSR_FLOAT64;
    default:
        return NULL;
    }
}

static int refuse_type(int group, nc_type type, const char *what, tsr_error *err)
{
    char name[NC_MAX_NAME + 1] = "?";

    nc_inq_type(group, type, name, NULL);
    tsr_error_set(err, TSR_UNSUPPORTED, "elements of the netCDF type \"%s\"%s", name, what);
    tsr_error_set_next_step(err, "numbers, characters, strings, enums, opaque bytes and compounds "
                                 "of these, except for strings, are read");
    return TSR_UNSUPPORTED;
}

/* ---- what stands for a type ---- */

static bool enum_member_is(int group, nc_type type, int number, const char *wanted_name,
                           char wanted_value)
{
    char name[NC_MAX_NAME + 1], value = -1;
    return nc_inq_enum_member(group, type, number, name, &value) == NC_NOERR &&
           strcmp(name, wanted_name) == 0 && value == wanted_value;
}

/* Booleans as h5py and PyTables write them: an enum of one byte with FALSE and TRUE. */
static bool is_bool(int group, nc_type type)
{
    nc_type base = NC_NAT;
    size_t members = 0;

    return nc_inq_enum(group, type, NULL, &base, NULL, &members) == NC_NOERR &&
           (base == NC_BYTE || base == NC_UBYTE) && members == 2 &&
           enum_member_is(group, type, 0, "FALSE", 0) && enum_member_is(group, type, 1, "TRUE", 1);
}

static nc_type complex_part(int group, nc_type type, int number, const char *wanted)
{
    char name[NC_MAX_NAME + 1];
    nc_type member = NC_NAT;
    int rank = -1;

    bool fits =
        nc_inq_compound_field(group, type, number, name, NULL, &member, &rank, NULL) == NC_NOERR &&
        rank == 0 && strcmp(name, wanted) == 0;
    return fits ? member : NC_NAT;
}

/* Complex numbers as h5py and netCDF4 write them: a compound of "r" and "i". */
static const tsr_dtype *complex_type(int group, nc_type type, size_t fields)
{
    nc_type part = fields == 2 ? complex_part(group, type, 0, "r") : NC_NAT;

    if (part == NC_NAT || complex_part(group, type, 1, "i") != part)
        return NULL;
    return part == NC_FLOAT ? TSR_COMPLEX64 : part == NC_DOUBLE ? TSR_COMPLEX128 : NULL;
}

static int choose_type(int group, nc_type type, int depth, const tsr_dtype **ret_dtype,
                       tsr_error *err);

/* Characters are text: the last axis of them is its length. */
static int choose_text(tsr_field *field, tsr_error *err)
{
    int64_t length = field->rank > 0 ? field->shape[--field->rank] : 1;
    return tsr_dtype_fixed_text(TSR_KIND_BYTES, length, &field->dtype, err);
}

static int choose_field(int group, nc_type type, int number, int depth, char *name,
                        tsr_field *field, tsr_error *err)
{
    int lengths[TSR_FIELD_RANK_MAX];
    nc_type member = NC_NAT;

    int code = nc_inq_compound_field(group, type, number, name, NULL, &member, &field->rank, NULL);
    if (code == NC_NOERR && field->rank > TSR_FIELD_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "field \"%s\" has %d axes; at most %d", name,
                             field->rank, TSR_FIELD_RANK_MAX);
    if (code == NC_NOERR && field->rank > 0)
        code = nc_inq_compound_fielddim_sizes(group, type, number, lengths);
    if (code != NC_NOERR)
        return tsri_netcdf_refuse("", code, "looking at a compound", err);
    for (int axis = 0; axis < field->rank; axis++)
        field->shape[axis] = lengths[axis];
    field->name = name;
    int status = member == NC_CHAR ? choose_text(field, err)
                                   : choose_type(group, member, depth + 1, &field->dtype, err);
    if (status < 0)
        tsr_error_prepend(err, "field \"%s\"", name);
    return status;
}

static int choose_struct(int group, nc_type type, int depth, size_t count,
                         const tsr_dtype **ret_dtype, tsr_error *err)
{
    int status = 0;

    if (depth == DEPTH_MAX)
        return tsr_error_set(err, TSR_LIMIT, "more than %d compounds inside of each other",
                             DEPTH_MAX);
    tsr_field *fields = tsri_alloc_array_zero(count + 1, sizeof *fields);
    char(*names)[NC_MAX_NAME + 1] = tsri_alloc_array_zero(count + 1, sizeof *names);
    if (!fields || !names)
        status = tsri_error_no_memory(err, count * sizeof *names);
    for (size_t i = 0; i < count && status == 0; i++)
        status = choose_field(group, type, (int)i, depth, names[i], &fields[i], err);
    if (status == 0)
        status = tsr_dtype_struct(fields, (int)count, ret_dtype, err);
    for (size_t i = 0; i < count && fields; i++)
        tsr_dtype_unref(fields[i].dtype);
    tsri_free(names);
    tsri_free(fields);
    return status;
}

/* `depth`: of compounds around it. */
static int choose_type(int group, nc_type type, int depth, const tsr_dtype **ret_dtype,
                       tsr_error *err)
{
    nc_type base = NC_NAT;
    size_t size_bytes = 0, fields = 0;
    int kind = 0;

    const tsr_dtype *dtype = type == NC_STRING && depth == 0 ? TSR_STRING : tsri_netcdf_dtype(type);
    if (!dtype && type > NC_MAX_ATOMIC_TYPE) {
        int code = nc_inq_user_type(group, type, NULL, &size_bytes, &base, &fields, &kind);
        if (code != NC_NOERR)
            return tsri_netcdf_refuse("", code, "looking at the type", err);
    }
    if (kind == NC_ENUM)
        dtype = is_bool(group, type) ? TSR_BOOL : tsri_netcdf_dtype(base);
    else if (kind == NC_COMPOUND)
        dtype = complex_type(group, type, fields);
    if (dtype) {
        *ret_dtype = dtype;
        return 0;
    }
    if (kind == NC_COMPOUND)
        return choose_struct(group, type, depth, fields, ret_dtype, err);
    if (kind == NC_OPAQUE)
        return tsr_dtype_raw(size_bytes, ret_dtype, err);
    return refuse_type(group, type,
                       kind == NC_VLEN     ? ", lists of any length"
                       : type == NC_STRING ? ", text of any length, inside of a compound"
                                           : "",
                       err);
}

/* ---- where the bytes lie ---- */

static int add_run(tsri_netcdf_type *self, tsri_netcdf_run run, tsr_error *err)
{
    tsri_netcdf_run *last = self->run_count > 0 ? &self->runs[self->run_count - 1] : NULL;

    if (last && last->from + last->size_bytes == run.from &&
        last->to + last->size_bytes == run.to) {
        last->size_bytes += run.size_bytes;
        return 0;
    }
    /* Room doubles whenever the count is a power of two. */
    if ((self->run_count & (self->run_count - 1)) == 0) {
        size_t room = self->run_count ? 2 * self->run_count : 1;
        tsri_netcdf_run *grown = tsri_realloc_array(self->runs, room, sizeof *grown);
        if (!grown)
            return tsri_error_no_memory(err, room * sizeof *grown);
        self->runs = grown;
    }
    self->runs[self->run_count++] = run;
    return 0;
}

static bool has_parts(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_STRUCT || dtype->kind == TSR_KIND_COMPLEX;
}

static int lay_out(tsri_netcdf_type *self, int group, nc_type type, const tsr_dtype *dtype,
                   size_t from, size_t to, tsr_error *err);

static int lay_out_field(tsri_netcdf_type *self, int group, nc_type type, int number,
                         const tsr_dtype *dtype, size_t from, size_t to, tsr_error *err)
{
    const tsr_field *field = tsr_dtype_field(dtype, number);
    size_t offset, size_bytes, count = 1;
    nc_type member;

    int code = nc_inq_compound_field(group, type, number, NULL, &offset, &member, NULL, NULL);
    if (code == NC_NOERR)
        code = nc_inq_type(group, member, NULL, &size_bytes);
    if (code != NC_NOERR)
        return tsri_netcdf_refuse("", code, "looking at a compound", err);
    from += offset;
    if (!field) { /* of a complex number */
        size_t part = dtype->component_bytes;
        return add_run(self, (tsri_netcdf_run){from, to + (size_t)number * part, part}, err);
    }
    to += field->offset_bytes;
    for (int axis = 0; axis < field->rank; axis++)
        count *= (size_t)field->shape[axis];
    if (!has_parts(field->dtype))
        return add_run(self, (tsri_netcdf_run){from, to, count * field->dtype->size_bytes}, err);
    for (size_t i = 0; i < count; i++)
        TSRI_TRY(lay_out(self, group, member, field->dtype, from + i * size_bytes,
                         to + i * field->dtype->size_bytes, err));
    return 0;
}

static int lay_out(tsri_netcdf_type *self, int group, nc_type type, const tsr_dtype *dtype,
                   size_t from, size_t to, tsr_error *err)
{
    int fields = dtype->kind == TSR_KIND_COMPLEX ? 2 : tsr_dtype_field_count(dtype);

    for (int i = 0; i < fields; i++)
        TSRI_TRY(lay_out_field(self, group, type, i, dtype, from, to, err));
    return 0;
}

int tsri_netcdf_type_init(tsri_netcdf_type *self, int group, int type, tsr_error *err)
{
    TSRI_TRY(choose_type(group, type, 0, &self->dtype, err));
    self->size_bytes = self->dtype->size_bytes;
    if (!has_parts(self->dtype))
        return 0;
    int code = nc_inq_type(group, type, NULL, &self->size_bytes);
    if (code != NC_NOERR)
        return tsri_netcdf_refuse("", code, "looking at a compound", err);
    TSRI_TRY(lay_out(self, group, type, self->dtype, 0, 0, err));
    if (self->run_count == 1 && self->size_bytes == self->dtype->size_bytes)
        self->run_count = 0;
    return 0;
}

void tsri_netcdf_type_clear(tsri_netcdf_type *self)
{
    tsr_dtype_unref(self->dtype);
    tsri_free(self->runs);
    *self = (tsri_netcdf_type){0};
}

void tsri_netcdf_type_gather(const tsri_netcdf_type *self, const void *elements, size_t count,
                             void *values)
{
    const char *from = elements;
    char *to = values;

    if (self->run_count == 0 && count > 0)
        memcpy(to, from, count * self->size_bytes);
    for (size_t i = 0; i < count && self->run_count > 0; i++) {
        for (size_t r = 0; r < self->run_count; r++)
            memcpy(to + self->runs[r].to, from + self->runs[r].from, self->runs[r].size_bytes);
        from += self->size_bytes;
        to += self->dtype->size_bytes;
    }
}

bool tsri_netcdf_is_enum(int group, int type)
{
    int kind = 0;
    return type > NC_MAX_ATOMIC_TYPE &&
           nc_inq_user_type(group, type, NULL, NULL, NULL, NULL, &kind) == NC_NOERR &&
           kind == NC_ENUM && !is_bool(group, type);
}
