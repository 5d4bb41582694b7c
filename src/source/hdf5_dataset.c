/* Data sets of HDF5 files as arrays. */
#include <inttypes.h>

#include "base/output.h"
#include "source/box.h"
#include "source/hdf5_file.h"
#include "source/netcdf_lock.h"
#include "source/text_elements.h"

/* The driver of an array. The array layer keeps the file open for it. */
typedef struct hdf5_dataset {
    const tsri_hdf5_file *file;
    hid_t id, memory_type;
} hdf5_dataset;

/* ---- reading ---- */

/* The caller holds the lock. */
static herr_t read_selected(const hdf5_dataset *self, int rank, const hsize_t *from,
                            const hsize_t *count, void *values)
{
    herr_t result = -1;

    if (rank == 0)
        return H5Dread(self->id, self->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    hid_t in_file = H5Dget_space(self->id), in_memory = H5Screate_simple(rank, count, NULL);
    if (in_file >= 0 && in_memory >= 0 &&
        H5Sselect_hyperslab(in_file, H5S_SELECT_SET, from, NULL, count, NULL) >= 0)
        result = H5Dread(self->id, self->memory_type, in_memory, in_file, H5P_DEFAULT, values);
    if (in_memory >= 0)
        H5Sclose(in_memory);
    if (in_file >= 0)
        H5Sclose(in_file);
    return result;
}

/* Elements of any length, which HDF5 allocates. The caller holds the lock. */
static int read_texts(const hdf5_dataset *self, const hsize_t *from, const hsize_t *count,
                      const tsr_view *view, tsr_error *err)
{
    hsize_t elements = (hsize_t)tsr_view_count(view);
    char **texts = tsri_alloc_array_zero((size_t)elements + 1, sizeof *texts);
    int status = 0;

    if (!texts)
        return tsri_error_no_memory(err, (size_t)elements * sizeof *texts);
    hid_t space = H5Screate_simple(1, &elements, NULL);
    if (space < 0 || read_selected(self, view->rank, from, count, texts) < 0)
        status = tsri_hdf5_refuse("", "reading", err);
    else
        status = tsri_take_texts(view, texts, err);
    if (space >= 0) {
        H5Dvlen_reclaim(self->memory_type, space, H5P_DEFAULT, texts);
        H5Sclose(space);
    }
    tsri_free(texts);
    return status;
}

static int read_dense(const hdf5_dataset *self, const int64_t *start, const tsr_view *view,
                      tsr_error *err)
{
    hsize_t from[TSR_RANK_MAX], count[TSR_RANK_MAX];
    int status = 0;

    for (int axis = 0; axis < view->rank; axis++) {
        from[axis] = (hsize_t)start[axis];
        count[axis] = (hsize_t)view->shape[axis];
    }
    tsri_hdf5_lock();
    if (tsr_dtype_is_variable(view->dtype))
        status = read_texts(self, from, count, view, err);
    else if (read_selected(self, view->rank, from, count, view->data) < 0)
        status = tsri_hdf5_refuse("", "reading", err);
    tsri_hdf5_unlock();
    if (status < 0 && view->rank > 0)
        tsr_error_set_where(err,
                            "the box from element %" PRId64 " of the first axis, %" PRId64 " long",
                            start[0], view->shape[0]);
    return status;
}

static int hdf5_read_box(void *driver, const int64_t *start, const tsr_view *view,
                         const tsr_call *call, tsr_error *err)
{
    hdf5_dataset *self = driver;
    tsr_auto(tsr_view) dense = {0};

    (void)call;
    if (tsr_view_is_dense(view))
        return read_dense(self, start, view, err);
    TSRI_TRY(tsr_view_new(&dense, view->dtype, view->rank, view->shape, err));
    TSRI_TRY(read_dense(self, start, &dense, err));
    return tsr_view_copy(view, &dense, TSR_CASTING_NO, err);
}

static void hdf5_close_dataset(void *driver)
{
    hdf5_dataset *self = driver;
    tsri_hdf5_lock();
    H5Tclose(self->memory_type);
    H5Dclose(self->id);
    tsri_hdf5_unlock();
    tsri_free(self);
}

static const tsr_array_ops hdf5_array_ops = {.struct_size = sizeof hdf5_array_ops,
                                             .close = hdf5_close_dataset,
                                             .read_box = hdf5_read_box,
                                             .serial = true};

/* ---- describing: everything here holds the lock ---- */

typedef struct described {
    const tsr_dtype *dtype;
    int rank;
    int64_t shape[TSR_RANK_MAX], box[TSR_RANK_MAX];
    char *names[TSR_RANK_MAX]; /* NULL: none */
    void *fill_value;          /* of strings: a slot that may point into the heap */
    tsr_heap *heap;
    tsr_output attributes;
} described;

static int describe_type(hdf5_dataset *dataset, described *self, tsr_error *err)
{
    hid_t type = H5Dget_type(dataset->id);
    if (type < 0)
        return tsri_hdf5_refuse("", "looking at the type", err);
    int status = tsri_hdf5_type(type, &self->dtype, &dataset->memory_type, err);
    H5Tclose(type);
    TSRI_TRY(status);
    self->fill_value = tsri_alloc_zero(self->dtype->size_bytes);
    return self->fill_value ? 0 : tsri_error_no_memory(err, self->dtype->size_bytes);
}

static int describe_shape(const hdf5_dataset *dataset, described *self, tsr_error *err)
{
    hsize_t lengths[H5S_MAX_RANK];
    hid_t space = H5Dget_space(dataset->id);

    H5S_class_t kind = H5Sget_simple_extent_type(space);
    self->rank = H5Sget_simple_extent_dims(space, lengths, NULL);
    if (space >= 0)
        H5Sclose(space);
    if (kind == H5S_NULL)
        return tsr_error_set(err, TSR_UNSUPPORTED, "a data set without elements or shape");
    if (self->rank < 0)
        return tsri_hdf5_refuse("", "looking at the shape", err);
    if (self->rank > TSR_RANK_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%d axes; at most %d", self->rank, TSR_RANK_MAX);
    for (int axis = 0; axis < self->rank; axis++) {
        if (lengths[axis] > INT64_MAX)
            return tsr_error_set(err, TSR_LIMIT, "an axis of %llu elements",
                                 (unsigned long long)lengths[axis]);
        self->shape[axis] = (int64_t)lengths[axis];
    }
    return 0;
}

/* A filter that HDF5 lacks here, or an error that it has none. */
static int check_filters(hid_t properties, tsr_error *err)
{
    int count = H5Pget_nfilters(properties);

    for (int i = 0; i < count; i++) {
        char name[64] = "";
        unsigned flags, configuration;
        size_t values = 0;
        H5Z_filter_t filter = H5Pget_filter2(properties, (unsigned)i, &flags, &values, NULL,
                                             sizeof name, name, &configuration);
        if (filter < 0 || H5Zfilter_avail(filter) > 0)
            continue;
        tsr_error_set(err, TSR_UNSUPPORTED,
                      "packed by the filter \"%s\" (number %d), which HDF5 does not have here",
                      name, filter);
        tsr_error_set_next_step(err,
                                "install the plug-in and let HDF5_PLUGIN_PATH name its folder, "
                                "or repack the file with h5repack");
        return TSR_UNSUPPORTED;
    }
    return 0;
}

static int read_fill_value(const hdf5_dataset *dataset, described *self, hid_t properties,
                           tsr_error *err)
{
    char *text = NULL;
    tsr_view view = {.dtype = self->dtype, .data = self->fill_value};
    bool is_text = tsr_dtype_is_variable(self->dtype);

    if (H5Pget_fill_value(properties, dataset->memory_type,
                          is_text ? (void *)&text : self->fill_value) < 0)
        return tsri_hdf5_refuse("", "reading the fill value", err);
    if (!is_text || !text)
        return 0;
    int status = tsr_heap_new(&self->heap, err);
    view.heap = self->heap;
    if (status == 0)
        status = tsri_take_texts(&view, &text, err);
    H5free_memory(text);
    return status;
}

static int describe_storage(const hdf5_dataset *dataset, described *self, hid_t properties,
                            tsr_error *err)
{
    hsize_t chunk[H5S_MAX_RANK];
    int64_t stored[TSR_RANK_MAX];
    bool is_chunked = H5Pget_layout(properties) == H5D_CHUNKED &&
                      H5Pget_chunk(properties, H5S_MAX_RANK, chunk) == self->rank;
    H5D_fill_value_t defined = H5D_FILL_VALUE_DEFAULT;

    if (H5Pget_external_count(properties) > 0)
        return tsr_error_set(err, TSR_UNSUPPORTED, "its elements lie in files outside of this one");
    TSRI_TRY(check_filters(properties, err));
    for (int axis = 0; axis < self->rank && is_chunked; axis++)
        stored[axis] = (int64_t)chunk[axis];
    tsri_box_choose(self->rank, self->shape, is_chunked ? stored : NULL, self->dtype->size_bytes,
                    self->box);
    if (H5Pfill_value_defined(properties, &defined) >= 0 && defined == H5D_FILL_VALUE_USER_DEFINED)
        return read_fill_value(dataset, self, properties, err);
    return 0;
}

/* ---- names of dimensions ---- */

/* Reads one value per axis of an attribute whose type in memory is `memory_type`, which it closes.
 * False when the attribute is not there or of another form. */
static bool read_per_axis(hid_t object, const char *name, int rank, H5T_class_t kind,
                          hid_t memory_type, void *values, hid_t *ret_space)
{
    if (H5Aexists(object, name) <= 0)
        return false;
    hid_t id = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(id);
    hid_t space = H5Aget_space(id);
    bool good = H5Tget_class(type) == kind && H5Sget_simple_extent_npoints(space) == rank &&
                (kind != H5T_STRING || H5Tis_variable_str(type) > 0) &&
                H5Aread(id, memory_type, values) >= 0;
    H5Tclose(type);
    H5Aclose(id);
    if (good)
        *ret_space = space;
    else
        H5Sclose(space);
    return good;
}

static void set_name(described *self, int axis, const char *name)
{
    const char *slash = name ? strrchr(name, '/') : NULL;
    if (slash)
        name = slash + 1;
    if (name && *name && !self->names[axis])
        self->names[axis] = tsri_strdup(name);
}

/* Labels that were given to the axes themselves. */
static void take_labels(const hdf5_dataset *dataset, described *self)
{
    char *labels[TSR_RANK_MAX] = {NULL};
    hid_t space = -1, type = H5Tcopy(H5T_C_S1);

    H5Tset_size(type, H5T_VARIABLE);
    if (read_per_axis(dataset->id, "DIMENSION_LABELS", self->rank, H5T_STRING, type, labels,
                      &space)) {
        for (int axis = 0; axis < self->rank; axis++)
            set_name(self, axis, labels[axis]);
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, labels);
        H5Sclose(space);
    }
    H5Tclose(type);
}

/* Data sets that are attached to the axes as their scales. */
static void take_scales(const hdf5_dataset *dataset, described *self)
{
    hvl_t lists[TSR_RANK_MAX] = {{0, NULL}};
    hid_t space = -1, type = H5Tvlen_create(H5T_STD_REF_OBJ);
    char name[1024];

    if (read_per_axis(dataset->id, "DIMENSION_LIST", self->rank, H5T_VLEN, type, lists, &space)) {
        for (int axis = 0; axis < self->rank; axis++) {
            hid_t scale = lists[axis].len == 0 ? -1
                                               : H5Rdereference2(dataset->id, H5P_DEFAULT,
                                                                 H5R_OBJECT, lists[axis].p);
            if (scale >= 0 && H5Iget_name(scale, name, sizeof name) > 0)
                set_name(self, axis, name);
            if (scale >= 0)
                H5Oclose(scale);
        }
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, lists);
        H5Sclose(space);
    }
    H5Tclose(type);
}

static void describe_names(const hdf5_dataset *dataset, const char *inner_path, described *self)
{
    if (self->rank == 0)
        return;
    take_labels(dataset, self);
    take_scales(dataset, self);
    if (self->rank == 1 && tsri_hdf5_is_scale(dataset->id))
        set_name(self, 0, inner_path);
}

/* ---- the whole ---- */

static int describe(hdf5_dataset *dataset, const char *inner_path, described *self, tsr_error *err)
{
    hid_t properties = H5Dget_create_plist(dataset->id);
    if (properties < 0)
        return tsri_hdf5_refuse("", "looking at its properties", err);
    int status = describe_type(dataset, self, err);
    if (status == 0)
        status = describe_shape(dataset, self, err);
    if (status == 0)
        status = describe_storage(dataset, self, properties, err);
    H5Pclose(properties);
    TSRI_TRY(status);
    describe_names(dataset, inner_path, self);
    return tsri_hdf5_attributes(dataset->file->context, dataset->id, &self->attributes, err);
}

static int make_array(hdf5_dataset *dataset, const described *self, const char *place,
                      tsr_array **ret_array, tsr_error *err)
{
    const tsr_array_description description = {
        .driver = "hdf5",
        .place = place,
        .dtype = self->dtype,
        .rank = self->rank,
        .shape = self->shape,
        .chunk_shape = self->box,
        .fill_value = self->fill_value,
        .dimension_names = (const char *const *)self->names,
        .attributes = self->attributes.data,
    };
    return tsr_array_new(dataset->file->context, &hdf5_array_ops, dataset, &description, ret_array,
                         err);
}

static int open_described(hdf5_dataset *dataset, const char *inner_path, const char *place,
                          described *self, tsr_array **ret_array, tsr_error *err)
{
    tsri_hdf5_lock();
    int status = describe(dataset, inner_path, self, err);
    tsri_hdf5_unlock();
    if (status < 0) {
        tsr_error_prepend(err, "%s", place);
        return status;
    }
    return make_array(dataset, self, place, ret_array, err);
}

int tsri_hdf5_open_dataset(tsri_hdf5_file *file, hid_t id, const char *inner_path,
                           tsr_array **ret_array, tsr_error *err)
{
    hdf5_dataset *dataset = tsri_alloc_zero(sizeof *dataset);
    described *self = tsri_alloc_zero(sizeof *self);
    tsr_auto(tsri_text) *place = tsri_format("%s/%s", file->path, inner_path);
    int status = TSR_NO_MEMORY;

    if (dataset && self && place) {
        *dataset = (hdf5_dataset){file, id, -1};
        self->attributes.max_bytes = SIZE_MAX;
        status = open_described(dataset, inner_path, place, self, ret_array, err);
        tsri_output_clear(&self->attributes);
        tsr_heap_unref(self->heap);
        tsr_dtype_unref(self->dtype);
        tsri_free(self->fill_value);
        for (int axis = 0; axis < TSR_RANK_MAX; axis++)
            tsri_free(self->names[axis]);
    } else {
        tsri_error_set_no_memory(err, sizeof *self);
    }
    tsri_free(self);
    if (status < 0 && dataset) {
        tsri_hdf5_lock();
        if (dataset->memory_type > 0)
            H5Tclose(dataset->memory_type);
        tsri_hdf5_unlock();
        tsri_free(dataset);
    }
    return status;
}
