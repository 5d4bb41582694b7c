/* Numbers that were packed into small integers by the conventions of CF, as what they stand for. */
#include <math.h>
#include <tessera/derived.h>

#include "array/lower.h"
#include "base/call.h"
#include "base/checked.h"
#include "meta/json.h"

#define MISSING_MAX 64
#define ELEMENT_BYTES_MAX 8
#define ROUND 1024 /* elements that are converted at once */

typedef struct unpacking {
    tsr_array *source;        /* held */
    const tsr_dtype *read_as; /* the source's type, or the unsigned one that _Unsigned asks for */
    double scale, offset;
    bool is_packed;
    unsigned char missing[MISSING_MAX][ELEMENT_BYTES_MAX]; /* as elements of the source */
    size_t missing_count;
} unpacking;

static void unpacking_close(void *driver)
{
    unpacking *self = driver;
    tsr_array_close(self->source);
    tsri_free(self);
}

/* ---- elements ---- */

static bool is_missing(const unpacking *self, const char *element)
{
    for (size_t i = 0; i < self->missing_count; i++)
        if (memcmp(element, self->missing[i], self->read_as->size_bytes) == 0)
            return true;
    return false;
}

/* Up to ROUND elements without gaps; `to` is of float32 or float64. */
static int unpack_round(const unpacking *self, const char *from, int64_t count,
                        const tsr_dtype *dtype, char *to, tsr_error *err)
{
    double numbers[ROUND];
    tsr_view packed, plain;

    TSRI_TRY(tsr_view_init(&packed, self->read_as, 1, &count, (void *)from, err));
    TSRI_TRY(tsr_view_init(&plain, TSR_FLOAT64, 1, &count, numbers, err));
    TSRI_TRY(tsr_view_copy(&plain, &packed, TSR_CASTING_UNSAFE, err));
    for (int64_t i = 0; i < count; i++) {
        double number = numbers[i] * self->scale + self->offset;
        bool missing = is_missing(self, from + (size_t)i * self->read_as->size_bytes);
        numbers[i] = missing ? NAN : number;
    }
    if (dtype == TSR_FLOAT64)
        memcpy(to, numbers, (size_t)count * sizeof *numbers);
    for (int64_t i = 0; i < count && dtype == TSR_FLOAT32; i++)
        ((float *)to)[i] = (float)numbers[i];
    return 0;
}

static int unpack_dense(const unpacking *self, const tsr_view *from, const tsr_view *to,
                        tsr_error *err)
{
    int64_t count = tsr_view_count(to);

    for (int64_t at = 0; at < count; at += ROUND)
        TSRI_TRY(unpack_round(self, from->data + (size_t)at * from->dtype->size_bytes,
                              TSRI_MIN(count - at, INT64_C(1) * ROUND), to->dtype,
                              to->data + (size_t)at * to->dtype->size_bytes, err));
    return 0;
}

static int read_packed(const unpacking *self, const int64_t *start, const tsr_view *packed,
                       const tsr_call *call, tsr_error *err)
{
    const tsr_call below = tsri_call_below(call);
    tsr_index index = {.rank = packed->rank};
    const tsr_read_request request = {self->source, &index, packed, TSR_CASTING_NO};

    for (int axis = 0; axis < packed->rank; axis++)
        index.axes[axis] = (tsr_index_axis){TSR_INDEX_RANGE, start[axis], packed->shape[axis], 1};
    return tsr_read_many(self->source->context, &request, 1, &below, err);
}

static int unpack_read_box(void *driver, const int64_t *start, const tsr_view *view,
                           const tsr_call *call, tsr_error *err)
{
    const unpacking *self = driver;
    tsr_auto(tsr_view) packed = {0}, dense = {0};

    TSRI_TRY(tsr_view_new(&packed, self->source->dtype, view->rank, view->shape, err));
    TSRI_TRY(read_packed(self, start, &packed, call, err));
    if (tsr_view_is_dense(view))
        return unpack_dense(self, &packed, view, err);
    TSRI_TRY(tsr_view_new(&dense, view->dtype, view->rank, view->shape, err));
    TSRI_TRY(unpack_dense(self, &packed, &dense, err));
    return tsr_view_copy(view, &dense, TSR_CASTING_NO, err);
}

static const tsr_array_ops unpack_ops = {
    .struct_size = sizeof unpack_ops, .close = unpacking_close, .read_box = unpack_read_box};

/* ---- what the attributes say ---- */

static const char *const packing_names[] = {"scale_factor",  "add_offset", "_FillValue",
                                            "missing_value", "_Unsigned",  "valid_min",
                                            "valid_max",     "valid_range"};

static int refuse(const unpacking *self, const char *name, tsr_error *err)
{
    return tsr_error_set(err, TSR_BAD_METADATA, "%s: the attribute %s is not a number",
                         self->source->place, name);
}

/* A list of one number counts as the number. */
static tsri_json *only_item(tsri_json *value)
{
    return json_object_is_type(value, json_type_array) && json_object_array_length(value) == 1
               ? json_object_array_get_idx(value, 0)
               : value;
}

static bool is_number(const tsri_json *value)
{
    return json_object_is_type(value, json_type_int) ||
           json_object_is_type(value, json_type_double);
}

static int read_number(unpacking *self, const tsri_json *attributes, const char *name,
                       double *ret_number, tsr_error *err)
{
    tsri_json *value;

    if (!json_object_object_get_ex(attributes, name, &value))
        return 0;
    value = only_item(value);
    if (!is_number(value) || !isfinite(json_object_get_double(value)))
        return refuse(self, name, err);
    *ret_number = json_object_get_double(value);
    self->is_packed = true;
    return 0;
}

static int note_missing(unpacking *self, const void *element, tsr_error *err)
{
    if (self->missing_count == MISSING_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: more than %d values that stand for missing ones",
                             self->source->place, MISSING_MAX);
    memcpy(self->missing[self->missing_count++], element, self->source->dtype->size_bytes);
    return 0;
}

/* A number of another type, which old files have, stands for an element where it is one. */
static bool convert_exactly(double number, const tsr_dtype *dtype, void *element)
{
    double back;
    tsr_view from, to, again;

    return tsr_view_init(&from, TSR_FLOAT64, 0, NULL, &number, NULL) == 0 &&
           tsr_view_init(&to, dtype, 0, NULL, element, NULL) == 0 &&
           tsr_view_init(&again, TSR_FLOAT64, 0, NULL, &back, NULL) == 0 &&
           tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, NULL) == 0 &&
           tsr_view_copy(&again, &to, TSR_CASTING_UNSAFE, NULL) == 0 && back == number;
}

/* What cannot be an element stands for none. A text is how xarray writes a fill value, which the
 * array has as its own. */
static int add_missing(unpacking *self, tsri_json *value, tsr_error *err)
{
    const tsr_dtype *types[] = {self->source->dtype, self->read_as};
    union {
        unsigned char bytes[ELEMENT_BYTES_MAX];
        double aligned;
    } element;
    tsr_auto(tsri_text) *text = NULL;

    TSRI_TRY(tsr_json_text(value, 0, &text, err));
    for (size_t i = 0; i < TSRI_COUNT(types); i++)
        if (tsr_dtype_parse_element(types[i], text, &element, NULL) == 0)
            return note_missing(self, &element, err);
    if (json_object_is_type(value, json_type_string))
        return note_missing(self, self->source->fill_value, err);
    for (size_t i = 0; is_number(value) && i < TSRI_COUNT(types); i++)
        if (convert_exactly(json_object_get_double(value), types[i], &element))
            return note_missing(self, &element, err);
    return 0;
}

static int read_missing(unpacking *self, const tsri_json *attributes, const char *name,
                        tsr_error *err)
{
    tsri_json *value;

    if (!json_object_object_get_ex(attributes, name, &value))
        return 0;
    if (!json_object_is_type(value, json_type_array))
        return add_missing(self, value, err);
    for (size_t i = 0; i < json_object_array_length(value); i++)
        TSRI_TRY(add_missing(self, json_object_array_get_idx(value, i), err));
    return 0;
}

/* netCDF-3 has no unsigned integers: _Unsigned says that signed ones are meant as such. */
static void read_sign(unpacking *self, const tsri_json *attributes)
{
    static const tsr_dtype *const types[][2] = {{TSR_INT8, TSR_UINT8},
                                                {TSR_INT16, TSR_UINT16},
                                                {TSR_INT32, TSR_UINT32},
                                                {TSR_INT64, TSR_UINT64}};
    tsri_json *value;
    bool is_unsigned = json_object_object_get_ex(attributes, "_Unsigned", &value) &&
                       json_object_is_type(value, json_type_string) &&
                       strcmp(json_object_get_string(value), "true") == 0;
    bool is_signed = json_object_object_get_ex(attributes, "_Unsigned", &value) &&
                     json_object_is_type(value, json_type_string) &&
                     strcmp(json_object_get_string(value), "false") == 0;

    self->read_as = self->source->dtype;
    for (size_t i = 0; i < TSRI_COUNT(types); i++) {
        if (is_unsigned && self->source->dtype == types[i][0])
            self->read_as = types[i][1];
        if (is_signed && self->source->dtype == types[i][1])
            self->read_as = types[i][0];
    }
}

static int read_attributes(unpacking *self, const tsri_json *attributes, tsr_error *err)
{
    self->scale = 1;
    TSRI_TRY(read_number(self, attributes, "scale_factor", &self->scale, err));
    TSRI_TRY(read_number(self, attributes, "add_offset", &self->offset, err));
    if (!self->is_packed)
        return 0;
    tsr_kind kind = self->source->dtype->kind;
    if ((kind != TSR_KIND_SIGNED && kind != TSR_KIND_UNSIGNED && kind != TSR_KIND_FLOAT) ||
        self->source->dtype->size_bytes > ELEMENT_BYTES_MAX)
        return tsr_error_set(err, TSR_TYPE_MISMATCH,
                             "%s: elements of type %s with a scale_factor or add_offset",
                             self->source->place, self->source->dtype->name);
    read_sign(self, attributes);
    TSRI_TRY(read_missing(self, attributes, "_FillValue", err));
    return read_missing(self, attributes, "missing_value", err);
}

/* ---- making ---- */

/* CF wants the type of the attributes. JSON has one type of number; a float32 in a file is one here
 * as well, digit by digit, so that those which are none must have been float64. */
static const tsr_dtype *choose_type(const unpacking *self)
{
    const tsr_dtype *packed = self->source->dtype;
    size_t most = packed->kind == TSR_KIND_FLOAT ? 4 : 2;
    bool floats =
        (double)(float)self->scale == self->scale && (double)(float)self->offset == self->offset;
    return floats && packed->size_bytes <= most ? TSR_FLOAT32 : TSR_FLOAT64;
}

static int choose_fill_value(const unpacking *self, const tsr_dtype *dtype, void *fill_value,
                             tsr_error *err)
{
    union {
        float single;
        double number;
    } missing;

    if (self->missing_count == 0)
        return unpack_round(self, self->source->fill_value, 1, dtype, fill_value, err);
    if (dtype == TSR_FLOAT32)
        missing.single = NAN;
    else
        missing.number = NAN;
    memcpy(fill_value, &missing, dtype->size_bytes);
    return 0;
}

/* The attributes that no longer hold, left out. */
static int plain_attributes(tsri_json *attributes, char **ret_text, tsr_error *err)
{
    for (size_t i = 0; i < TSRI_COUNT(packing_names); i++)
        json_object_object_del(attributes, packing_names[i]);
    return tsr_json_text(attributes, 0, ret_text, err);
}

static int make_array(unpacking *self, tsri_json *attributes, tsr_array **ret_array, tsr_error *err)
{
    tsr_array *source = self->source;
    const tsr_dtype *dtype = choose_type(self);
    tsr_auto(tsri_grid) *grid = NULL;
    tsr_auto(tsri_text) *text = NULL, *place = tsri_format("%s unpacked", source->place);
    double fill_value = 0;
    int64_t cell[TSR_RANK_MAX], box_bytes = (int64_t)source->dtype->size_bytes;

    if (!place)
        return tsri_error_no_memory(err, strlen(source->place));
    TSRI_TRY(tsri_array_decoded_grid(source, &grid, err));
    TSRI_TRY(choose_fill_value(self, dtype, &fill_value, err));
    TSRI_TRY(plain_attributes(attributes, &text, err));
    tsri_grid_largest(grid, cell);
    for (int axis = 0; axis < source->rank; axis++)
        if (!tsri_multiply_i64(box_bytes,
                               TSRI_MIN(cell[axis], TSRI_MAX(grid->shape[axis], INT64_C(1))),
                               &box_bytes))
            box_bytes = INT64_MAX;
    const tsri_derivation derivation = {.ops = &unpack_ops,
                                        .driver = self,
                                        .sources = &source,
                                        .source_count = 1,
                                        .box_bytes = box_bytes};
    const tsr_array_description description = {.driver = "unpack",
                                               .place = place,
                                               .dtype = dtype,
                                               .rank = source->rank,
                                               .shape = grid->shape,
                                               .fill_value = &fill_value,
                                               .dimension_names =
                                                   (const char *const *)source->dimension_names,
                                               .attributes = text};
    return tsri_array_new_derived(source->context, &derivation, &description, grid, ret_array, err);
}

static int unpack(unpacking *self, tsr_array **ret_array, tsr_error *err)
{
    tsr_auto(tsri_text) *text = NULL;
    tsr_auto(tsri_json) *attributes = NULL;

    TSRI_TRY(tsr_array_attributes(self->source, &text, err));
    TSRI_TRY(tsr_json_parse(text, strlen(text), TSR_JSON_NAN_AS_TEXT | TSR_JSON_LONE_SURROGATES, 0,
                            &attributes, err));
    TSRI_TRY(read_attributes(self, attributes, err));
    return self->is_packed ? make_array(self, attributes, ret_array, err) : 0;
}

int tsr_array_unpack(tsr_array *source, tsr_array **ret_array, tsr_error *err)
{
    unpacking *self = tsri_alloc_zero(sizeof *self);

    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    self->source = source;
    int status = unpack(self, ret_array, err);
    bool is_packed = self->is_packed;
    if (status < 0 || !is_packed)
        tsri_free(self);
    if (status == 0) {
        tsr_array_ref(source);
        if (!is_packed)
            *ret_array = source;
    }
    return status;
}
