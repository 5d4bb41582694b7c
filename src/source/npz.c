/* NumPy's .npz archives as trees of arrays: member "a/b.npy" is the array b in the group a. */

#include "source/formats.h"
#include "source/npz_directory.h"
#include "source/npz_member.h"

typedef struct npz_file {
    tsri_input input;
    tsri_npz_directory directory;
} npz_file;

#define LOCAL_HEADER "PK\3\4"
#define LOCAL_HEADER_BYTES 30
#define EMPTY_ARCHIVE "PK\5\6"

/* Whether the archive begins with a member that is named *.npy. */
static bool begins_with_npy(const unsigned char *bytes, size_t size_bytes)
{
    if (size_bytes < LOCAL_HEADER_BYTES)
        return false;
    size_t length = (size_t)bytes[26] | (size_t)bytes[27] << 8;
    return length >= 4 && length <= size_bytes - LOCAL_HEADER_BYTES &&
           memcmp(bytes + LOCAL_HEADER_BYTES + length - 4, ".npy", 4) == 0;
}

/* Many formats are zip archives within; this one shows by what it begins with, or is named. */
static bool npz_recognise(const void *head, size_t size_bytes, const char *path)
{
    size_t length = strlen(path);
    bool is_named = length >= 4 && strcmp(path + length - 4, ".npz") == 0;

    if (size_bytes < 4)
        return false;
    if (memcmp(head, LOCAL_HEADER, 4) == 0)
        return is_named || begins_with_npy(head, size_bytes);
    return is_named && memcmp(head, EMPTY_ARCHIVE, 4) == 0;
}

static void npz_close(void *handle)
{
    npz_file *file = handle;
    tsri_npz_directory_clear(&file->directory);
    tsri_input_close(&file->input);
    tsri_free(file);
}

static int npz_open(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    npz_file *file = tsri_alloc_zero(sizeof *file);
    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    int status = tsri_input_open(context, path, &file->input, err);
    if (status < 0) {
        tsri_free(file);
        return status;
    }
    status = tsri_npz_directory_read(&file->input, &file->directory, err);
    if (status < 0) {
        tsr_error_prepend(err, "%s", path);
        npz_close(file);
        return status;
    }
    *ret_file = file;
    return 0;
}

static tsr_node_kind kind_of(const npz_file *file, const char *path)
{
    if (tsri_npz_directory_member(&file->directory, path))
        return TSR_NODE_ARRAY;
    return tsri_npz_directory_is_group(&file->directory, path) ? TSR_NODE_GROUP : TSR_NODE_NONE;
}

static int npz_probe(void *handle, const char *inner_path, tsr_node_kind *ret_kind, tsr_error *err)
{
    (void)err;
    *ret_kind = kind_of(handle, inner_path);
    return 0;
}

static int not_found(const npz_file *file, const char *inner_path, tsr_error *err)
{
    return tsr_error_set(err, TSR_NOT_FOUND, "%s: no member \"%s.npy\"", file->input.path,
                         inner_path);
}

static int npz_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                          tsr_error *err)
{
    npz_file *file = handle;
    const tsri_npz_member *member = tsri_npz_directory_member(&file->directory, inner_path);

    if (member)
        return tsri_npz_open_member(&file->input, member, ret_array, err);
    if (kind_of(file, inner_path) == TSR_NODE_NONE)
        return not_found(file, inner_path, err);
    tsr_error_set(err, TSR_TYPE_MISMATCH, "%s/%s: a group, not an array", file->input.path,
                  inner_path);
    tsr_error_set_next_step(err, "name one of its arrays; `tessera tree` lists them");
    return TSR_TYPE_MISMATCH;
}

static int npz_attributes(void *handle, const char *inner_path, char **ret_json, tsr_error *err)
{
    if (kind_of(handle, inner_path) == TSR_NODE_NONE)
        return not_found(handle, inner_path, err);
    *ret_json = tsri_strdup("{}");
    return *ret_json ? 0 : tsri_error_no_memory(err, 3);
}

/* ---- children ---- */

typedef struct listing {
    const npz_file *file;
    int (*each)(void *user, const char *name, tsr_node_kind kind, const tsr_error *error);
    void *user;
} listing;

static int tell_array(const listing *self, const tsri_npz_member *member, const char *name)
{
    tsr_error refused = TSR_ERROR_INIT;

    if (!member->refusal)
        return self->each(self->user, name, TSR_NODE_ARRAY, NULL);
    tsri_npz_member_refuse(member, &refused);
    return self->each(self->user, name, TSR_NODE_NONE, &refused);
}

/* Tells of the group that a member lies in, and passes by what is in it. */
static int tell_group(const listing *self, size_t *number, size_t name_at, tsr_error *err)
{
    const tsri_npz_directory *directory = &self->file->directory;
    const char *path = directory->members[*number].path;
    size_t length = name_at + strcspn(path + name_at, "/");
    tsr_auto(tsri_text) *group = tsri_strndup(path, length);

    if (!group)
        return tsri_error_no_memory(err, length);
    while (*number < directory->count &&
           strncmp(directory->members[*number].path, path, length + 1) == 0)
        ++*number;
    if (tsri_npz_directory_member(directory, group))
        return 0; /* told of already, as both an array and a group */
    return self->each(self->user, group + name_at, TSR_NODE_GROUP, NULL);
}

static int tell_members(const listing *self, const char *prefix, tsr_error *err)
{
    const tsri_npz_directory *directory = &self->file->directory;
    size_t length = strlen(prefix), number = tsri_npz_directory_find(directory, prefix);
    int status = 0;

    while (status == 0 && number < directory->count &&
           strncmp(directory->members[number].path, prefix, length) == 0) {
        const tsri_npz_member *member = &directory->members[number];
        if (strchr(member->path + length, '/')) {
            status = tell_group(self, &number, length, err);
        } else {
            status = tell_array(self, member, member->path + length);
            number++;
        }
    }
    return status;
}

static int tell_odd_names(const listing *self)
{
    const tsri_npz_directory *directory = &self->file->directory;
    tsr_error odd = TSR_ERROR_INIT;
    int status = 0;

    tsr_error_set(&odd, TSR_BAD_METADATA, "a name that is empty, absolute or leads elsewhere");
    for (size_t i = 0; i < directory->odd_count && status == 0; i++)
        status = self->each(self->user, directory->odd_names[i], TSR_NODE_NONE, &odd);
    return status;
}

static int npz_children(void *handle, const char *inner_path,
                        int (*each)(void *user, const char *name, tsr_node_kind kind,
                                    const tsr_error *error),
                        void *user, tsr_error *err)
{
    const listing self = {handle, each, user};
    tsr_node_kind kind = kind_of(handle, inner_path);
    tsr_auto(tsri_text) *prefix = tsri_format("%s%s", inner_path, *inner_path ? "/" : "");

    if (!prefix)
        return tsri_error_no_memory(err, strlen(inner_path));
    if (kind == TSR_NODE_NONE)
        return not_found(handle, inner_path, err);
    if (kind == TSR_NODE_ARRAY)
        return tsr_error_set(err, TSR_TYPE_MISMATCH, "%s/%s: an array, not a group",
                             self.file->input.path, inner_path);
    int status = tell_members(&self, prefix, err);
    return status == 0 && !*inner_path ? tell_odd_names(&self) : status;
}

const tsr_format_ops tsri_npz_format = {
    .struct_size = sizeof tsri_npz_format,
    .name = "npz",
    .recognise = npz_recognise,
    .open = npz_open,
    .close = npz_close,
    .probe = npz_probe,
    .open_array = npz_open_array,
    .attributes = npz_attributes,
    .children = npz_children,
};
