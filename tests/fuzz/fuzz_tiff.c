/* Any bytes as a TIFF file: it is refused with a reason, or is a tree whose arrays can be
 * described, and read or refused. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/formats.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define READ_BYTES_MAX (INT64_C(1) << 20)
#define ARRAYS_MAX 16

static void require(bool condition)
{
    if (!condition)
        abort();
}

typedef struct visit {
    void *file;
    const char *path;
    int arrays;
} visit;

static void read_array(tsr_array *array)
{
    int64_t size_bytes = tsr_array_size(array);
    tsr_error err = TSR_ERROR_INIT;

    if (size_bytes <= READ_BYTES_MAX) {
        void *elements = malloc((size_t)size_bytes + 1);
        int status =
            tsr_array_read(array, NULL, NULL, NULL, elements, (size_t)size_bytes, NULL, &err);
        require(status == err.status && (status == 0 || err.message[0]));
        free(elements);
    }
}

static int look_at(void *user, const char *name, tsr_node_kind kind, const tsr_error *error);

static void look_inside(visit *self, const char *path)
{
    visit below = {self->file, path, self->arrays};
    tsr_error err = TSR_ERROR_INIT;
    tsr_node_kind kind;
    tsr_array *array = NULL;

    require(tsri_tiff_format.probe(self->file, path, &kind, &err) == 0);
    if (kind == TSR_NODE_GROUP) {
        require(tsri_tiff_format.children(self->file, path, look_at, &below, &err) == 0);
        self->arrays = below.arrays;
    } else if (kind == TSR_NODE_ARRAY && self->arrays++ < ARRAYS_MAX) {
        int status = tsri_tiff_format.open_array(self->file, path, &array, &err);
        require(status == err.status && (status == 0 || err.message[0]));
        if (status == 0) {
            read_array(array);
            tsr_array_close(array);
        }
    }
}

static int look_at(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    visit *self = user;
    char path[64];

    snprintf(path, sizeof path, "%s%s%s", self->path, *self->path ? "/" : "", name);
    require((kind == TSR_NODE_NONE) == (error != NULL));
    if (kind != TSR_NODE_NONE)
        look_inside(self, path);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tsr_context *context;
    tsr_error err = TSR_ERROR_INIT;
    char path[40];
    visit self = {NULL, "", 0};

    if (!context) {
        tsr_context_options options;
        tsr_context_options_init(&options);
        options.largest_chunk_bytes = options.largest_metadata_bytes = 4 * READ_BYTES_MAX;
        options.threads = 1;
        require(tsr_context_new(&options, &context, &err) == 0);
    }
    if (!tsri_tiff_format.recognise(data, size, "a.tif"))
        return 0;
    int descriptor = memfd_create("a.tif", MFD_CLOEXEC);
    require(descriptor >= 0 && write(descriptor, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    int status = tsri_tiff_format.open(context, path, &self.file, &err);
    require(status == err.status && (status == 0 || err.message[0]));
    if (status == 0) {
        look_inside(&self, "");
        tsri_tiff_format.close(self.file);
    }
    close(descriptor);
    return 0;
}
