/* Which library reads an HDF5 file: whether it is netCDF-4, and nothing in it is lost on libnetcdf.
 */
#include "source/hdf5_file.h"
#include "source/netcdf_lock.h"

bool tsri_hdf5_recognise(const void *head, size_t size_bytes)
{
    static const char signature[8] = "\x89HDF\r\n\x1a\n";
    const char *bytes = head;

    /* A user block is of 512 bytes, or twice, four times, eight times as many. */
    for (size_t at = 0; at + sizeof signature <= size_bytes; at = at ? at * 2 : 512)
        if (memcmp(bytes + at, signature, sizeof signature) == 0)
            return true;
    return false;
}

/* Types that wait for the end of the survey, when all types that the file names are known. */
typedef struct type_list {
    hid_t *ids;
    size_t count;
} type_list;

typedef struct survey {
    bool is_netcdf;  /* something in it says so */
    bool is_foreign; /* something in it that libnetcdf drops or stumbles over */
    type_list named, special;
} survey;

/* Takes the type over. */
static void keep_type(survey *self, type_list *list, hid_t type)
{
    hid_t *grown = tsri_realloc_array(list->ids, list->count + 1, sizeof *grown);
    if (grown) {
        list->ids = grown;
        grown[list->count++] = type;
    } else {
        self->is_foreign = true;
        H5Tclose(type);
    }
}

static bool is_equal_to_one(hid_t type, const type_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (H5Tequal(type, list->ids[i]) > 0)
            return true;
    return false;
}

static void type_list_clear(type_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        H5Tclose(list->ids[i]);
    tsri_free(list->ids);
}

/* Takes the type over. libnetcdf has numbers and texts; compounds and the like it knows when the
 * file has a name for them, and drops otherwise. */
static void look_at_type(survey *self, hid_t type)
{
    H5T_class_t kind = H5Tget_class(type);
    size_t size_bytes = H5Tget_size(type);

    if (kind == H5T_COMPOUND || kind == H5T_ENUM || kind == H5T_OPAQUE || kind == H5T_VLEN) {
        if (!is_equal_to_one(type, &self->named) && !is_equal_to_one(type, &self->special)) {
            keep_type(self, &self->special, type);
            return;
        }
    } else if (kind == H5T_INTEGER) {
        self->is_foreign |= size_bytes > 8;
    } else if (kind == H5T_FLOAT) {
        self->is_foreign |= size_bytes != 4 && size_bytes != 8;
    } else {
        self->is_foreign |= kind != H5T_STRING;
    }
    if (type >= 0)
        H5Tclose(type);
}

/* libnetcdf knows attributes of one dimension. */
static herr_t look_at_attribute(hid_t object, const char *name, const H5A_info_t *info, void *user)
{
    survey *self = user;
    hid_t id = H5Aopen(object, name, H5P_DEFAULT), space = H5Aget_space(id);

    (void)info;
    self->is_foreign |= id < 0 || space < 0 || H5Sget_simple_extent_ndims(space) > 1;
    self->is_netcdf |= strcmp(name, "_NCProperties") == 0 || strcmp(name, "_Netcdf4Dimid") == 0;
    if (strcmp(name, "DIMENSION_LIST") != 0 && strcmp(name, "REFERENCE_LIST") != 0)
        look_at_type(self, H5Aget_type(id));
    if (space >= 0)
        H5Sclose(space);
    if (id >= 0)
        H5Aclose(id);
    return self->is_foreign;
}

/* Takes a named type over. */
static void look_at_object(hid_t object, survey *self)
{
    hsize_t position = 0;
    H5O_info_t info;
    H5I_type_t kind = H5Iget_type(object);

    /* A group that has two names may lie in itself. */
    if (H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0 || (kind == H5I_GROUP && info.rc > 1) ||
        H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_INC, &position, look_at_attribute, self) < 0)
        self->is_foreign = true;
    if (kind == H5I_DATASET)
        look_at_type(self, H5Dget_type(object));
    if (kind == H5I_DATATYPE)
        keep_type(self, &self->named, object);
}

static herr_t look_at_link(hid_t group, const char *name, const H5L_info_t *info, void *user)
{
    survey *self = user;

    if (info->type != H5L_TYPE_HARD) {
        self->is_foreign = true;
        return 1;
    }
    hid_t object = H5Oopen(group, name, H5P_DEFAULT);
    if (object < 0) {
        self->is_foreign = true;
        return 1;
    }
    bool is_type = H5Iget_type(object) == H5I_DATATYPE;
    look_at_object(object, self);
    if (!is_type)
        H5Oclose(object);
    return self->is_foreign;
}

bool tsri_hdf5_is_netcdf(const void *head, size_t size_bytes, const char *path)
{
    survey found = {0};

    if (!tsri_hdf5_recognise(head, size_bytes))
        return false;
    tsri_hdf5_lock();
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file >= 0) {
        look_at_object(file, &found);
        if (!found.is_foreign &&
            H5Lvisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, look_at_link, &found) < 0)
            found.is_foreign = true;
        for (size_t i = 0; i < found.special.count; i++)
            found.is_foreign |= !is_equal_to_one(found.special.ids[i], &found.named);
        type_list_clear(&found.named);
        type_list_clear(&found.special);
        H5Fclose(file);
    }
    tsri_hdf5_unlock();
    return found.is_netcdf && !found.is_foreign;
}
