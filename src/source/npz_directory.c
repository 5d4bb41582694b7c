#include "source/npz_directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <zip.h>

/* ---- the file, as libzip reads it ---- */

typedef struct reader {
    const tsri_input *input;
    uint64_t position, size_bytes;
    uint64_t last_read;  /* where the latest read began */
    uint64_t bytes_left; /* may still be read */
    tsr_error failure;   /* of the file, behind libzip's own error */
    zip_error_t error;
} reader;

static zip_int64_t read_part(reader *self, void *bytes, size_t size_bytes)
{
    size_t got = 0;

    if (size_bytes > self->bytes_left) {
        tsr_error_set(&self->failure, TSR_LIMIT,
                      "the archive's directory has more than %" PRId64 " bytes",
                      self->input->context->options.largest_metadata_bytes);
        tsr_error_set_next_step(&self->failure, "raise the context's largest_metadata_bytes, or "
                                                "put the arrays into several archives");
    } else {
        tsri_input_read(self->input, self->position, bytes, size_bytes, &got, &self->failure);
    }
    if (self->failure.status < 0) {
        zip_error_set(&self->error, ZIP_ER_READ, EIO);
        return -1;
    }
    self->bytes_left -= got;
    self->last_read = self->position;
    self->position += got;
    return (zip_int64_t)got;
}

static zip_int64_t seek(reader *self, void *data, zip_uint64_t size_bytes)
{
    zip_int64_t position = zip_source_seek_compute_offset(self->position, self->size_bytes, data,
                                                          size_bytes, &self->error);
    if (position < 0)
        return -1;
    self->position = (uint64_t)position;
    return 0;
}

static zip_int64_t describe(const reader *self, void *data, zip_uint64_t size_bytes)
{
    zip_stat_t *status = data;

    if (size_bytes < sizeof *status)
        return -1;
    zip_stat_init(status);
    status->size = self->size_bytes;
    status->valid = ZIP_STAT_SIZE;
    return sizeof *status;
}

static zip_int64_t answer(void *user, void *data, zip_uint64_t size_bytes, zip_source_cmd_t command)
{
    reader *self = user;

    switch (command) {
    case ZIP_SOURCE_OPEN:
        self->position = 0;
        return 0;
    case ZIP_SOURCE_READ:
        return read_part(self, data, (size_t)size_bytes);
    case ZIP_SOURCE_SEEK:
        return seek(self, data, size_bytes);
    case ZIP_SOURCE_TELL:
        return (zip_int64_t)self->position;
    case ZIP_SOURCE_STAT:
        return describe(self, data, size_bytes);
    case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&self->error, data, size_bytes);
    case ZIP_SOURCE_CLOSE:
    case ZIP_SOURCE_FREE:
    case ZIP_SOURCE_ACCEPT_EMPTY: /* a file of 0 bytes is no archive */
        return 0;
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_SEEK,
                                              ZIP_SOURCE_TELL, ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR,
                                              ZIP_SOURCE_CLOSE, ZIP_SOURCE_FREE,
                                              ZIP_SOURCE_SUPPORTS, ZIP_SOURCE_ACCEPT_EMPTY, -1);
    default:
        zip_error_set(&self->error, ZIP_ER_OPNOTSUPP, 0);
        return -1;
    }
}

/* An error of the file says more than libzip's. */
static int refuse(const reader *self, zip_error_t *error, tsr_error *err)
{
    if (self->failure.status < 0) {
        if (err)
            *err = self->failure;
        return self->failure.status;
    }
    if (zip_error_code_zip(error) == ZIP_ER_MEMORY)
        return tsri_error_no_memory(err, 0);
    return tsr_error_set(err, TSR_DAMAGED, "no zip archive that can be read: %s",
                         zip_error_strerror(error));
}

static int open_archive(reader *self, zip_t **ret_archive, tsr_error *err)
{
    zip_error_t error;
    int status = 0;

    zip_error_init(&error);
    zip_source_t *source = zip_source_function_create(answer, self, &error);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY, &error) : NULL;
    if (archive) {
        *ret_archive = archive;
    } else {
        status = refuse(self, &error, err);
        zip_source_free(source);
    }
    zip_error_fini(&error);
    return status;
}

/* ---- single members ---- */

/* libzip does not say where the bytes of a member lie, since the header in front of them has to be
 * read for that; so it is asked for the first byte, and the reader knows where it was taken from.
 */
static int find_bytes(reader *self, zip_t *archive, uint64_t number, tsri_npz_member *member,
                      tsr_error *err)
{
    char first;
    zip_file_t *file = zip_fopen_index(archive, number, ZIP_FL_COMPRESSED);
    zip_error_t *error = file ? zip_file_get_error(file) : zip_get_error(archive);
    zip_int64_t got = file ? zip_fread(file, &first, 1) : -1;
    int code = zip_error_code_zip(error), status = 0;

    if (got < 0 && (code == ZIP_ER_MEMORY || self->failure.status < 0))
        status = refuse(self, error, err);
    if (file)
        zip_fclose(file);
    if (got <= 0)
        member->refusal = TSRI_NPZ_HEADER;
    else
        member->extent.offset = self->last_read;
    return status;
}

static int fill_in(reader *self, zip_t *archive, uint64_t number, const zip_stat_t *found,
                   tsri_npz_member *member, tsr_error *err)
{
    member->method = found->comp_method;
    member->extent = (tsri_deflated_extent){
        .encoded_bytes = found->comp_size, .decoded_bytes = found->size, .crc32 = found->crc};
    if (found->encryption_method != ZIP_EM_NONE)
        member->refusal = TSRI_NPZ_ENCRYPTED;
    else if (member->method != ZIP_CM_STORE && member->method != ZIP_CM_DEFLATE)
        member->refusal = TSRI_NPZ_COMPRESSION;
    else if (member->method == ZIP_CM_STORE && found->size != found->comp_size)
        member->refusal = TSRI_NPZ_SIZES;
    else if (found->comp_size == 0)
        member->refusal = TSRI_NPZ_EMPTY;
    return member->refusal ? 0 : find_bytes(self, archive, number, member, err);
}

/* Paths have parts, and none of them leads anywhere else. */
static bool is_odd(const char *path)
{
    for (;;) {
        size_t length = strcspn(path, "/");
        if (length == 0 || (length <= 2 && strncmp(path, "..", length) == 0))
            return true;
        if (path[length] == '\0')
            return false;
        path += length + 1;
    }
}

static int add_member(reader *self, zip_t *archive, uint64_t number, tsri_npz_directory *directory,
                      tsr_error *err)
{
    zip_stat_t found;

    if (zip_stat_index(archive, number, 0, &found) < 0)
        return refuse(self, zip_get_error(archive), err);
    size_t length = found.name ? strlen(found.name) : 0;
    if (length < 4 || strcmp(found.name + length - 4, ".npy") != 0)
        return 0;
    char *path = tsri_strndup(found.name, length - 4);
    if (!path)
        return tsri_error_no_memory(err, length);
    if (is_odd(path)) {
        directory->odd_names[directory->odd_count++] = path;
        return 0;
    }
    tsri_npz_member *member = &directory->members[directory->count++];
    member->path = path;
    return fill_in(self, archive, number, &found, member, err);
}

/* ---- the whole ---- */

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const tsri_npz_member *)a)->path, ((const tsri_npz_member *)b)->path);
}

static void unite_equal_names(tsri_npz_directory *self)
{
    size_t kept = 0;

    for (size_t i = 0; i < self->count; i++) {
        if (kept > 0 && strcmp(self->members[kept - 1].path, self->members[i].path) == 0) {
            self->members[kept - 1].refusal = TSRI_NPZ_TWICE;
            tsri_free(self->members[i].path);
        } else {
            self->members[kept++] = self->members[i];
        }
    }
    self->count = kept;
}

static int sort(tsri_npz_directory *self, tsr_error *err)
{
    if (self->count > 1)
        qsort(self->members, self->count, sizeof *self->members, compare_members);
    unite_equal_names(self);
    for (size_t i = 0; i < self->count; i++) {
        tsr_auto(tsri_text) *below = tsri_format("%s/", self->members[i].path);
        if (!below)
            return tsri_error_no_memory(err, strlen(self->members[i].path));
        size_t next = tsri_npz_directory_find(self, below);
        if (next < self->count && strncmp(self->members[next].path, below, strlen(below)) == 0)
            self->members[i].refusal = TSRI_NPZ_GROUP_TOO;
    }
    return 0;
}

static int read_members(reader *self, zip_t *archive, tsri_npz_directory *directory, tsr_error *err)
{
    size_t count = (size_t)zip_get_num_entries(archive, 0);

    directory->members = tsri_alloc_array_zero(count + 1, sizeof *directory->members);
    directory->odd_names = tsri_alloc_array_zero(count + 1, sizeof *directory->odd_names);
    if (!directory->members || !directory->odd_names)
        return tsri_error_no_memory(err, count * sizeof *directory->members);
    for (size_t i = 0; i < count; i++)
        TSRI_TRY(add_member(self, archive, i, directory, err));
    return sort(directory, err);
}

int tsri_npz_directory_read(const tsri_input *input, tsri_npz_directory *ret_directory,
                            tsr_error *err)
{
    reader self = {.input = input,
                   .bytes_left = (uint64_t)input->context->options.largest_metadata_bytes};
    tsri_npz_directory directory = {0};
    zip_t *archive = NULL;

    TSRI_TRY(tsri_input_size(input, &self.size_bytes, err));
    zip_error_init(&self.error);
    int status = open_archive(&self, &archive, err);
    if (status == 0) {
        self.bytes_left = UINT64_MAX;
        status = read_members(&self, archive, &directory, err);
        zip_discard(archive);
    }
    zip_error_fini(&self.error);
    if (status < 0)
        tsri_npz_directory_clear(&directory);
    else
        *ret_directory = directory;
    return status;
}

void tsri_npz_directory_clear(tsri_npz_directory *directory)
{
    for (size_t i = 0; i < directory->count; i++)
        tsri_free(directory->members[i].path);
    for (size_t i = 0; i < directory->odd_count; i++)
        tsri_free(directory->odd_names[i]);
    tsri_free(directory->members);
    tsri_free(directory->odd_names);
    *directory = (tsri_npz_directory){0};
}

size_t tsri_npz_directory_find(const tsri_npz_directory *directory, const char *path)
{
    size_t first = 0, end = directory->count;

    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (strcmp(directory->members[middle].path, path) < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return first;
}

const tsri_npz_member *tsri_npz_directory_member(const tsri_npz_directory *directory,
                                                 const char *path)
{
    size_t at = tsri_npz_directory_find(directory, path);
    if (at == directory->count || strcmp(directory->members[at].path, path) != 0)
        return NULL;
    return &directory->members[at];
}

/* Names that begin like the path but go on by a byte before the slash may lie in between. */
bool tsri_npz_directory_is_group(const tsri_npz_directory *directory, const char *path)
{
    size_t length = strlen(path);

    for (size_t at = tsri_npz_directory_find(directory, path); at < directory->count; at++) {
        const char *found = directory->members[at].path;
        if (strncmp(found, path, length) != 0 || (unsigned char)found[length] > '/')
            break;
        if (found[length] == '/')
            return true;
    }
    return length == 0;
}

int tsri_npz_member_refuse(const tsri_npz_member *member, tsr_error *err)
{
    switch (member->refusal) {
    case TSRI_NPZ_ENCRYPTED:
        tsr_error_set(err, TSR_UNSUPPORTED, "encrypted");
        tsr_error_set_next_step(err, "unpack the archive with its password, and read the .npy");
        return TSR_UNSUPPORTED;
    case TSRI_NPZ_COMPRESSION:
        tsr_error_set(err, TSR_UNSUPPORTED, "compressed by method %d of zip", member->method);
        tsr_error_set_next_step(err, "stored and deflated members are read, as numpy.savez and "
                                     "numpy.savez_compressed write them");
        return TSR_UNSUPPORTED;
    case TSRI_NPZ_TWICE:
        tsr_error_set(err, TSR_DAMAGED, "several members of the archive have this name");
        tsr_error_set_next_step(err, "`unzip -l` lists them");
        return TSR_DAMAGED;
    case TSRI_NPZ_GROUP_TOO:
        return tsr_error_set(err, TSR_DAMAGED, "both an array and a group");
    case TSRI_NPZ_EMPTY:
        return tsr_error_set(err, TSR_DAMAGED, "a member without a byte is no array");
    case TSRI_NPZ_HEADER:
        return tsr_error_set(err, TSR_DAMAGED, "the archive's header in front of it is damaged");
    default:
        return tsr_error_set(err, TSR_DAMAGED,
                             "stored as it is, but as %" PRIu64 " bytes instead of %" PRIu64,
                             member->extent.encoded_bytes, member->extent.decoded_bytes);
    }
}
