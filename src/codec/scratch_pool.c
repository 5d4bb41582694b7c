/* Scratch buffers by purpose, and the context's stock of scratches, from which each task borrows
 * one. */
#include "base/context.h"
#include "codec/chain.h"

typedef struct buffer {
    void *data;
    size_t capacity_bytes;
} buffer;

static void *buffer_create(void)
{
    return tsri_alloc_zero(sizeof(buffer));
}

static void buffer_destroy(void *state)
{
    buffer *self = state;
    tsri_free_payload(self->data, self->capacity_bytes);
    tsri_free(self);
}

static const tsr_scratch_state kinds[TSRI_BUFFER_COUNT] = {
    [TSRI_BUFFER_FETCH] = {"fetch", buffer_create, buffer_destroy},
    [TSRI_BUFFER_UNPACK_A] = {"unpack a", buffer_create, buffer_destroy},
    [TSRI_BUFFER_UNPACK_B] = {"unpack b", buffer_create, buffer_destroy},
    [TSRI_BUFFER_ARRAY] = {"array a", buffer_create, buffer_destroy},
    [TSRI_BUFFER_ARRAY_B] = {"array b", buffer_create, buffer_destroy},
    [TSRI_BUFFER_CHUNK] = {"chunk", buffer_create, buffer_destroy},
    [TSRI_BUFFER_GATHER] = {"gather", buffer_create, buffer_destroy},
    [TSRI_BUFFER_BLOCK] = {"block", buffer_create, buffer_destroy},
    [TSRI_BUFFER_BLOCK_B] = {"block b", buffer_create, buffer_destroy},
    [TSRI_BUFFER_PIECE] = {"piece", buffer_create, buffer_destroy},
    [TSRI_BUFFER_PLANE] = {"plane", buffer_create, buffer_destroy},
    [TSRI_BUFFER_SHARD] = {"shard", buffer_create, buffer_destroy},
    [TSRI_BUFFER_COPY] = {"copy", buffer_create, buffer_destroy},
};

void *tsri_scratch_buffer(tsr_codec_scratch *scratch, tsri_buffer which, size_t size_bytes)
{
    buffer *self = tsr_codec_scratch_state(scratch, &kinds[which]);
    if (!self || (self->data && self->capacity_bytes >= size_bytes))
        return self ? self->data : NULL;
    tsri_free_payload(self->data, self->capacity_bytes);
    self->capacity_bytes = TSRI_MAX(size_bytes, (size_t)4096);
    self->data = tsri_alloc_payload(self->capacity_bytes);
    if (!self->data)
        self->capacity_bytes = 0;
    return self->data;
}

void tsri_scratch_drop(tsr_codec_scratch *scratch, tsri_buffer which)
{
    tsri_codec_scratch_drop(scratch, &kinds[which]);
}

static void *heap_create(void)
{
    tsr_heap *heap = NULL;
    return tsr_heap_new(&heap, NULL) < 0 ? NULL : heap;
}

static void heap_destroy(void *state)
{
    tsr_heap_unref(state);
}

tsr_heap *tsri_scratch_heap(tsr_codec_scratch *scratch)
{
    static const tsr_scratch_state kind = {"heap", heap_create, heap_destroy};
    tsr_heap *heap = tsr_codec_scratch_state(scratch, &kind);
    tsr_heap_clear(heap);
    return heap;
}

/* ---- the stock ---- */

typedef struct stock {
    pthread_mutex_t mutex;
    tsri_fork_handler fork;
    tsr_codec_scratch **free;
    size_t free_count,
        capacity; /* capacity: so many scratches exist, so giving back never allocates */
} stock;

static void stock_prepare(void *user)
{
    pthread_mutex_lock(&((stock *)user)->mutex);
}

static void stock_after(void *user)
{
    pthread_mutex_unlock(&((stock *)user)->mutex);
}

static void stock_destroy(void *part)
{
    stock *self = part;
    tsri_fork_unregister(&self->fork);
    for (size_t i = 0; i < self->free_count; i++)
        tsr_codec_scratch_free(self->free[i]);
    tsri_free(self->free);
    pthread_mutex_destroy(&self->mutex);
    tsri_free(self);
}

static int stock_create(tsr_context *context, void **ret_part, tsr_error *err)
{
    (void)context;
    stock *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    pthread_mutex_init(&self->mutex, NULL);
    self->fork = (tsri_fork_handler){stock_prepare, stock_after, stock_after, self, NULL, NULL};
    tsri_fork_register(&self->fork);
    *ret_part = self;
    return 0;
}

static int stock_get(tsr_context *context, stock **ret_stock, tsr_error *err)
{
    void *part;
    TSRI_TRY(
        tsri_context_slot(context, TSRI_SLOT_SCRATCH, stock_create, stock_destroy, &part, err));
    *ret_stock = part;
    return 0;
}

/* Makes sure that one more scratch will find its place when it is given back. */
static int stock_grow(stock *self, tsr_error *err)
{
    pthread_mutex_lock(&self->mutex);
    size_t capacity = self->capacity + 1;
    void *grown = tsri_realloc_array(self->free, capacity, sizeof *self->free);
    if (grown) {
        self->free = grown;
        self->capacity = capacity;
    }
    pthread_mutex_unlock(&self->mutex);
    return grown ? 0 : tsri_error_no_memory(err, capacity * sizeof *self->free);
}

int tsri_scratch_acquire(tsr_context *context, tsr_codec_scratch **ret_scratch, tsr_error *err)
{
    stock *self;
    tsr_codec_scratch *scratch = NULL;

    TSRI_TRY(stock_get(context, &self, err));
    pthread_mutex_lock(&self->mutex);
    if (self->free_count > 0)
        scratch = self->free[--self->free_count];
    pthread_mutex_unlock(&self->mutex);
    if (!scratch) {
        TSRI_TRY(stock_grow(self, err));
        TSRI_TRY(tsr_codec_scratch_new(&scratch, err));
    }
    *ret_scratch = scratch;
    return 0;
}

void tsri_scratch_release(tsr_context *context, tsr_codec_scratch *scratch)
{
    stock *self;
    if (!scratch || stock_get(context, &self, NULL) < 0)
        return;
    pthread_mutex_lock(&self->mutex);
    self->free[self->free_count++] = scratch;
    pthread_mutex_unlock(&self->mutex);
}

/* ---- chains within chains ---- */

static void *inner_create(void)
{
    tsr_codec_scratch *scratch = NULL;
    tsr_codec_scratch_new(&scratch, NULL);
    return scratch;
}

static void inner_destroy(void *state)
{
    tsr_codec_scratch_free(state);
}

int tsri_scratch_inner(tsr_codec_scratch *outer, tsr_codec_scratch **ret_inner, tsr_error *err)
{
    static const tsr_scratch_state kind = {"inner chunks", inner_create, inner_destroy};
    *ret_inner = tsr_codec_scratch_state(outer, &kind);
    return *ret_inner ? 0 : tsri_error_no_memory(err, 0);
}
