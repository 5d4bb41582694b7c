/* NumPy's .npy files: one array behind a short header, read in place by the fetch loop.
 *
 * Format: NEP 1, versions 1.0 to 3.0. The header is a Python dictionary with the keys descr,
 * fortran_order and shape. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/context.h"
#include "base/output.h"
#include "source/formats.h"

#define HEADER_BYTES_MAX (1 << 20)

typedef struct npy_header {
    const tsr_dtype *dtype;
    bool big_endian, fortran_order;
    int rank;
    int64_t shape[TSR_RANK_MAX];
    uint64_t data_offset;
} npy_header;

typedef struct npy_file {
    tsr_context *context; /* held */
    char *path;
    tsr_store *store; /* the folder */
    const char *name; /* within `path` */
    npy_header header;
} npy_file;

/* ---- the header
 * ---------------------------------------------------------------------------------------------------
 */

typedef struct scanner {
    const char *at, *end;
} scanner;

static void skip_space(scanner *self)
{
    while (self->at < self->end && strchr(" \t\r\n", *self->at))
        self->at++;
}

static bool take_word(scanner *self, const char *word)
{
    size_t length = strlen(word);
    skip_space(self);
    if ((size_t)(self->end - self->at) < length || memcmp(self->at, word, length) != 0)
        return false;
    self->at += length;
    return true;
}

/* A quoted word without escapes, into `text`. */
static bool accept_string(scanner *self, char *text, size_t capacity)
{
    skip_space(self);
    if (self->at == self->end || (*self->at != '\'' && *self->at != '"'))
        return false;
    char quote = *self->at;
    const char *start = self->at + 1, *stop = start;
    while (stop < self->end && *stop != quote && *stop != '\\')
        stop++;
    if (stop == self->end || *stop != quote || (size_t)(stop - start) >= capacity)
        return false;
    memcpy(text, start, (size_t)(stop - start));
    text[stop - start] = '\0';
    self->at = stop + 1;
    return true;
}

static bool accept_length(scanner *self, int64_t *ret_length)
{
    skip_space(self);
    int64_t value = 0;
    const char *start = self->at;
    for (; self->at < self->end && *self->at >= '0' && *self->at <= '9'; self->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *self->at - '0', &value))
            return false;
    *ret_length = value;
    return self->at > start;
}

static bool accept_shape(scanner *self, npy_header *header)
{
    if (!take_word(self, "("))
        return false;
    for (header->rank = 0; !take_word(self, ")"); header->rank++) {
        if (header->rank == TSR_RANK_MAX || !accept_length(self, &header->shape[header->rank]))
            return false;
        if (!take_word(self, ",")) {
            header->rank++;
            return take_word(self, ")");
        }
    }
    return true;
}

/* The value of one key. */
static bool accept_value(scanner *self, const char *key, char *descr, size_t capacity,
                         npy_header *header)
{
    if (strcmp(key, "descr") == 0)
        return accept_string(self, descr, capacity);
    if (strcmp(key, "shape") == 0)
        return accept_shape(self, header);
    if (strcmp(key, "fortran_order") != 0)
        return false;
    header->fortran_order = take_word(self, "True");
    return header->fortran_order || take_word(self, "False");
}

static int parse_dictionary(const char *text, size_t size_bytes, const char *path,
                            npy_header *header, tsr_error *err)
{
    scanner self = {text, text + size_bytes};
    char key[32], descr[64] = "";
    int keys = 0;
    bool sound = take_word(&self, "{");

    while (sound && !take_word(&self, "}")) {
        sound = accept_string(&self, key, sizeof key) && take_word(&self, ":") &&
                accept_value(&self, key, descr, sizeof descr, header);
        keys++;
        if (sound && !take_word(&self, ",")) {
            sound = take_word(&self, "}");
            break;
        }
    }
    if (!sound || keys != 3 || !*descr) {
        tsr_error_set(err, TSR_UNSUPPORTED,
                      "%s: an .npy header that is not understood near byte %td", path,
                      self.at - text);
        tsr_error_set_next_step(
            err, "arrays of plain numbers are read; structured types and objects are not");
        return TSR_UNSUPPORTED;
    }
    header->big_endian = *descr == '>';
    TSRI_TRY_IN(err, tsr_dtype_parse(descr, &header->dtype, err), "%s", path);
    return 0;
}

/* Reads `size` bytes at `offset`; fewer are damage. */
static int read_exactly(tsr_context *context, int descriptor, const char *path, void *bytes,
                        size_t size, int64_t offset, tsr_error *err)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = context->system->pread(context->system, descriptor, (char *)bytes + done,
                                             size - done, offset + (int64_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tsri_error_errno(err, errno, "reading", path);
        if (got == 0)
            return tsr_error_set(err, TSR_DAMAGED, "%s: ends inside its .npy header", path);
        done += (size_t)got;
    }
    return 0;
}

static int read_header(tsr_context *context, int descriptor, const char *path, npy_header *header,
                       tsr_error *err)
{
    unsigned char start[12];
    size_t length, prefix;

    TSRI_TRY(read_exactly(context, descriptor, path, start, 10, 0, err));
    if (start[6] == 1) {
        prefix = 10;
        length = (size_t)start[8] | (size_t)start[9] << 8;
    } else {
        prefix = 12;
        TSRI_TRY(read_exactly(context, descriptor, path, start, 12, 0, err));
        length = (size_t)start[8] | (size_t)start[9] << 8 | (size_t)start[10] << 16 |
                 (size_t)start[11] << 24;
    }
    if (start[6] < 1 || start[6] > 3 || length > HEADER_BYTES_MAX)
        return tsr_error_set(err, TSR_UNSUPPORTED, "%s: .npy version %d with a header of %zu bytes",
                             path, start[6], length);
    tsr_auto(tsri_text) *text = tsri_alloc(length);
    if (!text)
        return tsri_error_no_memory(err, length);
    TSRI_TRY(read_exactly(context, descriptor, path, text, length, (int64_t)prefix, err));
    header->data_offset = prefix + length;
    return parse_dictionary(text, length, path, header, err);
}

/* ---- the file
 * ------------------------------------------------------------------------------------------------------
 */

static bool npy_recognise(const void *head, size_t size_bytes, const char *path)
{
    (void)path;
    return size_bytes >= 10 && memcmp(head, "\x93NUMPY", 6) == 0;
}

static void npy_close(void *handle)
{
    npy_file *file = handle;
    tsr_dtype_unref(file->header.dtype);
    tsr_store_close(file->store);
    tsri_context_unref(file->context);
    tsri_free(file->path);
    tsri_free(file);
}

static int open_folder(npy_file *file, tsr_error *err)
{
    const char *slash = strrchr(file->path, '/');
    int length = slash ? (int)(slash - file->path) : 0;
    /* A URL has no relative paths, and a relative path could look like a URL: "./" prevents both. */
    tsr_auto(tsri_text) *folder =
        file->path[0] == '/' ? tsri_format("file://%.*s/", length, file->path)
                             : tsri_format("./%.*s", length, file->path);
    if (!folder)
        return tsri_error_no_memory(err, strlen(file->path));
    file->name = slash ? slash + 1 : file->path;
    return tsr_store_open(file->context, folder, &file->store, err);
}

static int fill_in(npy_file *file, tsr_error *err)
{
    const tsr_system *system = file->context->system;
    int descriptor = system->openat(system, AT_FDCWD, file->path, O_RDONLY | O_CLOEXEC, 0);
    if (descriptor < 0)
        return tsri_error_errno(err, errno, "opening", file->path);
    int status = read_header(file->context, descriptor, file->path, &file->header, err);
    system->close(system, descriptor);
    return status < 0 ? status : open_folder(file, err);
}

static int npy_open(tsr_context *context, const char *path, void **ret_file, tsr_error *err)
{
    npy_file *file = tsri_alloc_zero(sizeof *file);
    if (!file)
        return tsri_error_no_memory(err, sizeof *file);
    file->context = tsri_context_ref(context);
    file->path = tsri_strdup(path);
    int status = file->path ? fill_in(file, err) : tsri_error_no_memory(err, strlen(path));
    if (status < 0)
        npy_close(file);
    else
        *ret_file = file;
    return status;
}

static int npy_probe(void *handle, const char *inner_path, tsr_node_kind *ret_kind, tsr_error *err)
{
    (void)handle;
    (void)err;
    *ret_kind = *inner_path ? TSR_NODE_NONE : TSR_NODE_ARRAY;
    return 0;
}

static int npy_locate(void *driver, const int64_t *chunk_index, tsr_extent *ret_extent,
                      tsr_error *err)
{
    const npy_file *file = driver;
    (void)chunk_index;
    if (strlen(file->name) >= sizeof ret_extent->key)
        return tsr_error_set(err, TSR_LIMIT, "%s: the name is too long", file->path);
    ret_extent->store = file->store;
    strcpy(ret_extent->key, file->name);
    ret_extent->offset = file->header.data_offset;
    ret_extent->size_bytes = TSR_REST;
    return 0;
}

/* The file outlives its arrays: the array layer sees to it. */
static const tsr_array_ops npy_array_ops = {.struct_size = sizeof npy_array_ops,
                                            .locate = npy_locate};

/* The bytes of the file as a chain: the axes reversed for Fortran order, then elements in the
 * file's byte order. */
static int print_codecs(const npy_header *header, tsr_output *output, tsr_error *err)
{
    TSRI_TRY(tsr_output_print(output, err, "["));
    if (header->fortran_order && header->rank > 1) {
        TSRI_TRY(tsr_output_print(output, err,
                                  "{\"name\":\"transpose\",\"configuration\":{\"order\":["));
        for (int axis = header->rank - 1; axis >= 0; axis--)
            TSRI_TRY(tsr_output_print(output, err, "%d%s", axis, axis ? "," : "]}},"));
    }
    TSRI_TRY(tsr_output_print(output, err,
                              "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"%s\"}}]",
                              header->big_endian ? "big" : "little"));
    return tsr_output_append(output, "", 1, err);
}

static int npy_open_array(void *handle, const char *inner_path, tsr_array **ret_array,
                          tsr_error *err)
{
    npy_file *file = handle;
    tsr_auto(tsri_output) codecs = TSRI_OUTPUT_INIT(SIZE_MAX);
    int64_t chunk[TSR_RANK_MAX];

    if (*inner_path)
        return tsr_error_set(err, TSR_NOT_FOUND, "%s: an .npy file holds one array, no \"%s\"",
                             file->path, inner_path);
    for (int axis = 0; axis < file->header.rank; axis++)
        chunk[axis] = TSRI_MAX(file->header.shape[axis], INT64_C(1));
    TSRI_TRY(print_codecs(&file->header, &codecs, err));
    const tsr_array_description description = {
        .driver = "npy",
        .place = file->path,
        .dtype = file->header.dtype,
        .rank = file->header.rank,
        .shape = file->header.shape,
        .chunk_shape = chunk,
        .codecs = codecs.data,
    };
    return tsr_array_new(file->context, &npy_array_ops, file, &description, ret_array, err);
}

static int npy_attributes(void *handle, const char *inner_path, char **ret_json, tsr_error *err)
{
    (void)handle;
    (void)inner_path;
    *ret_json = tsri_strdup("{}");
    return *ret_json ? 0 : tsri_error_no_memory(err, 3);
}

static int npy_children(void *handle, const char *inner_path,
                        int (*each)(void *user, const char *name, tsr_node_kind kind,
                                    const tsr_error *error),
                        void *user, tsr_error *err)
{
    const npy_file *file = handle;
    (void)inner_path;
    (void)each;
    (void)user;
    return tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: an array, not a group", file->path);
}

const tsr_format_ops tsri_npy_format = {
    .struct_size = sizeof tsri_npy_format,
    .name = "npy",
    .recognise = npy_recognise,
    .open = npy_open,
    .close = npy_close,
    .probe = npy_probe,
    .open_array = npy_open_array,
    .attributes = npy_attributes,
    .children = npy_children,
};
