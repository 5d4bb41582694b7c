#include "base/blob.h"

#include <errno.h>
#include <sys/mman.h>
#include <tessera/sys/system.h>

#include "base/checked.h"
#include "base/context.h"

typedef enum blob_kind { BLOB_HEAP, BLOB_PAYLOAD, BLOB_FOREIGN, BLOB_SLICE, BLOB_MAP } blob_kind;

struct tsr_blob {
    size_t references; /* atomic */
    const char *data;
    size_t size_bytes;
    blob_kind kind;
    union {
        struct {
            void (*release)(void *user);
            void *user;
        } foreign;
        tsr_blob *root; /* of a slice: never a slice itself */
        struct {
            const tsr_system *system;
            void *address; /* begins on a page; NULL for an empty range, which is not mapped */
            size_t size_bytes;
            int descriptor;
            int64_t offset;
        } map;
    } of;
    char bytes[]; /* of the heap kind, which begin at the next multiple of VECTOR_BYTES */
};

#define VECTOR_BYTES 64
/* Up to here one allocation holds header and bytes. */
#define HEAP_BYTES_MAX ((size_t)1 << 20)

static tsr_blob *new_blob(blob_kind kind, size_t extra_bytes)
{
    tsr_blob *blob = tsri_alloc(sizeof(tsr_blob) + VECTOR_BYTES + extra_bytes);
    if (!blob)
        return NULL;
    char *bytes = blob->bytes + (-(uintptr_t)blob->bytes & (VECTOR_BYTES - 1));
    *blob = (tsr_blob){.references = 1, .kind = kind, .data = bytes, .size_bytes = extra_bytes};
    return blob;
}

int tsr_blob_new(size_t size_bytes, tsr_blob **ret_blob, tsr_error *err)
{
    bool heap = size_bytes <= HEAP_BYTES_MAX;
    tsr_blob *blob = new_blob(heap ? BLOB_HEAP : BLOB_PAYLOAD, heap ? size_bytes : 0);
    if (!blob)
        return tsri_error_no_memory(err, size_bytes);
    if (!heap) {
        blob->data = tsri_alloc_payload(size_bytes);
        blob->size_bytes = size_bytes;
        if (!blob->data) {
            tsri_free(blob);
            return tsri_error_no_memory(err, size_bytes);
        }
    }
    *ret_blob = blob;
    return 0;
}

int tsr_blob_wrap(const void *data, size_t size_bytes, void (*release)(void *user), void *user,
                  tsr_blob **ret_blob, tsr_error *err)
{
    if (!data && size_bytes > 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a blob of %zu bytes at NULL", size_bytes);
    tsr_blob *blob = new_blob(BLOB_FOREIGN, 0);
    if (!blob)
        return tsri_error_no_memory(err, sizeof *blob);
    if (data)
        blob->data = data;
    blob->size_bytes = size_bytes;
    blob->of.foreign.release = release;
    blob->of.foreign.user = user;
    *ret_blob = blob;
    return 0;
}

int tsr_blob_slice(tsr_blob *blob, size_t offset, size_t size_bytes, tsr_blob **ret_slice,
                   tsr_error *err)
{
    if (offset > blob->size_bytes || size_bytes > blob->size_bytes - offset)
        return tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                             "%zu bytes from byte %zu of a blob of %zu bytes", size_bytes, offset,
                             blob->size_bytes);
    tsr_blob *slice = new_blob(BLOB_SLICE, 0);
    if (!slice)
        return tsri_error_no_memory(err, sizeof *slice);
    slice->data = blob->data + offset;
    slice->size_bytes = size_bytes;
    slice->of.root = tsr_blob_ref(blob->kind == BLOB_SLICE ? blob->of.root : blob);
    *ret_slice = slice;
    return 0;
}

/* A multiple of every machine's page size. */
#define MAPPING_UNIT 65536

/* Maps the whole pages around the range; an empty range needs none. */
static int map_pages(tsr_blob *blob, tsr_error *err)
{
    const tsr_system *system = blob->of.map.system;
    size_t before = (size_t)(blob->of.map.offset % MAPPING_UNIT), size_bytes;
    if (blob->size_bytes == 0)
        return 0;
    if (!tsri_add_size(blob->size_bytes, before, &size_bytes))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a mapping of %zu bytes", blob->size_bytes);
    void *address = system->mmap(system, size_bytes, PROT_READ, MAP_SHARED, blob->of.map.descriptor,
                                 blob->of.map.offset - (int64_t)before);
    if (address == MAP_FAILED)
        return tsri_error_errno(err, errno, "mmap", "of a file");
    blob->of.map.address = address;
    blob->of.map.size_bytes = size_bytes;
    blob->data = (const char *)address + before;
    return 0;
}

int tsri_blob_map(tsr_context *context, int descriptor, int64_t offset, size_t size_bytes,
                  tsr_blob **ret_blob, tsr_error *err)
{
    int64_t end;
    if (offset < 0 || size_bytes > INT64_MAX || !tsri_add_i64(offset, (int64_t)size_bytes, &end))
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a mapping of %zu bytes from byte %lld",
                             size_bytes, (long long)offset);
    tsr_blob *blob = new_blob(BLOB_MAP, 0);
    if (!blob)
        return tsri_error_no_memory(err, sizeof *blob);
    blob->size_bytes = size_bytes;
    blob->of.map.system = context->system;
    blob->of.map.descriptor = descriptor;
    blob->of.map.offset = offset;
    int status = map_pages(blob, err);
    if (status < 0) {
        tsri_free(blob);
        return status;
    }
    *ret_blob = blob;
    return 0;
}

tsr_blob *tsr_blob_ref(tsr_blob *blob)
{
    __atomic_fetch_add(&blob->references, 1, __ATOMIC_RELAXED);
    return blob;
}

static void unmap(tsr_blob *blob)
{
    const tsr_system *system = blob->of.map.system;
    if (blob->of.map.address)
        system->munmap(system, blob->of.map.address, blob->of.map.size_bytes);
    system->close(system, blob->of.map.descriptor);
}

void tsr_blob_unref(tsr_blob *blob)
{
    /* Release: what this thread did with the bytes comes before. Acquire: and before the end of the
     * memory. */
    if (!blob || __atomic_fetch_sub(&blob->references, 1, __ATOMIC_ACQ_REL) > 1)
        return;
    switch (blob->kind) {
    case BLOB_HEAP:
        break;
    case BLOB_PAYLOAD:
        tsri_free_payload((void *)blob->data, blob->size_bytes);
        break;
    case BLOB_FOREIGN:
        if (blob->of.foreign.release)
            blob->of.foreign.release(blob->of.foreign.user);
        break;
    case BLOB_SLICE:
        tsr_blob_unref(blob->of.root);
        break;
    case BLOB_MAP:
        unmap(blob);
        break;
    }
    tsri_free(blob);
}

const void *tsr_blob_data(const tsr_blob *blob)
{
    return blob->data;
}

void *tsr_blob_data_writable(tsr_blob *blob)
{
    bool owned = blob->kind == BLOB_HEAP || blob->kind == BLOB_PAYLOAD;
    bool shared = __atomic_load_n(&blob->references, __ATOMIC_ACQUIRE) > 1;
    return owned && !shared ? (void *)blob->data : NULL;
}

size_t tsr_blob_size(const tsr_blob *blob)
{
    return blob->size_bytes;
}

int tsr_blob_locate(const tsr_blob *blob, tsr_blob_location *ret_location)
{
    const tsr_blob *root = blob->kind == BLOB_SLICE ? blob->of.root : blob;
    if (root->kind != BLOB_MAP)
        return TSR_NOT_FOUND;
    *ret_location = (tsr_blob_location){.descriptor = root->of.map.descriptor,
                                        .offset = root->of.map.offset + (blob->data - root->data)};
    return 0;
}
