#include "base/context.h"

#include <stdlib.h>
#include <string.h>

#include "base/processors.h"
#include "base/profile.h"

#define MIB ((int64_t)1 << 20)

void tsr_context_options_init(tsr_context_options *options)
{
    *options = (tsr_context_options){
        .struct_size = sizeof *options,
        .bytes_in_flight = 256 * MIB,
        .largest_chunk_bytes = 4096 * MIB,
        .largest_metadata_bytes = 64 * MIB,
        .follow_symlinks = true,
    };
}

/* Takes over what the caller's struct has: it may be older than ours and shorter, or newer and
 * longer, as long as it uses nothing that we do not know. */
static int copy_options(tsr_context_options *options, const tsr_context_options *given,
                        tsr_error *err)
{
    tsr_context_options_init(options);
    if (!given)
        return 0;
    bool known = given->struct_size >= offsetof(tsr_context_options, log_user) + sizeof(void *);
    for (size_t i = sizeof *options; known && i < given->struct_size; i++)
        known = ((const char *)given)[i] == 0;
    if (!known) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT, "context options of an unknown size (%zu bytes)",
                      given->struct_size);
        tsr_error_set_next_step(err, "set them up with tsr_context_options_init of this library");
        return TSR_INVALID_ARGUMENT;
    }
    memcpy(options, given, TSRI_MIN(given->struct_size, sizeof *options));
    options->struct_size = sizeof *options;
    return 0;
}

static int check_positive(int64_t value, const char *name, tsr_error *err)
{
    if (value > 0)
        return 0;
    return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                         "context option %s is %lld: it must be positive", name, (long long)value);
}

static int check_options(const tsr_context_options *options, tsr_error *err)
{
    if (options->threads < 0 || options->threads > TSRI_THREADS_MAX)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "context option threads is %d: it must be 0 (choose) or 1 to %d",
                             options->threads, TSRI_THREADS_MAX);
    TSRI_TRY(check_positive(options->bytes_in_flight, "bytes_in_flight", err));
    TSRI_TRY(check_positive(options->largest_chunk_bytes, "largest_chunk_bytes", err));
    TSRI_TRY(check_positive(options->largest_metadata_bytes, "largest_metadata_bytes", err));
    if (options->system && options->system->struct_size < sizeof(tsr_system)) {
        tsr_error_set(err, TSR_INVALID_ARGUMENT,
                      "a table of system calls of %zu bytes where %zu are needed",
                      options->system->struct_size, sizeof(tsr_system));
        tsr_error_set_next_step(err, "start from a copy of *tsr_system_default()");
        return TSR_INVALID_ARGUMENT;
    }
    return 0;
}

static void lock_for_fork(void *context)
{
    pthread_mutex_lock(&((tsr_context *)context)->mutex);
}

static void unlock_after_fork(void *context)
{
    pthread_mutex_unlock(&((tsr_context *)context)->mutex);
}

static void settle_in_child(void *context)
{
    tsr_context *self = context;
    if (self->profile)
        tsri_profile_after_fork(self->profile);
    unlock_after_fork(context);
}

/* Programs that run with somebody else's rights do not write where the environment says. */
static const char *trace_path(const tsr_context_options *options)
{
    const char *path = options->trace ? options->trace : secure_getenv("TESSERA_TRACE");
    return path && path[0] ? path : NULL;
}

/* The parts that the options ask for. */
static int make_parts(tsr_context *context, tsr_error *err)
{
    const char *path = trace_path(&context->options);

    if (context->options.profile)
        TSRI_TRY(tsri_profile_new(context->system, &context->profile, err));
    if (!path)
        return 0;
    context->trace = tsri_strdup(path);
    return context->trace ? 0 : tsri_error_no_memory(err, strlen(path) + 1);
}

static void free_parts(tsr_context *context)
{
    tsri_profile_free(context->profile);
    tsri_free(context->trace);
}

int tsri_context_new(const tsr_context_options *options, tsr_context **ret_context, tsr_error *err)
{
    tsr_context_options copy;
    TSRI_TRY(copy_options(&copy, options, err));
    TSRI_TRY(check_options(&copy, err));
    tsr_context *context = tsri_alloc_zero(sizeof *context);
    if (!context)
        return tsri_error_no_memory(err, sizeof *context);
    context->references = 1;
    context->options = copy;
    context->system = copy.system ? copy.system : tsr_system_default();
    int status = make_parts(context, err);
    if (status < 0) {
        free_parts(context);
        tsri_free(context);
        return status;
    }
    context->options.trace = context->trace;
    context->threads = copy.threads ? copy.threads : tsri_processors_usable(context->system);
    pthread_mutex_init(&context->mutex, NULL);
    context->fork_handler = (tsri_fork_handler){.prepare = lock_for_fork,
                                                .parent = unlock_after_fork,
                                                .child = settle_in_child,
                                                .user = context};
    tsri_fork_register(&context->fork_handler);
    *ret_context = context;
    return 0;
}

tsr_context *tsri_context_ref(tsr_context *context)
{
    __atomic_fetch_add(&context->references, 1, __ATOMIC_RELAXED);
    return context;
}

void tsri_context_unref(tsr_context *context)
{
    if (!context || __atomic_fetch_sub(&context->references, 1, __ATOMIC_ACQ_REL) > 1)
        return;
    for (int slot = TSRI_SLOT_COUNT - 1; slot >= 0; slot--)
        if (context->slots[slot].part)
            context->slots[slot].destroy(context->slots[slot].part);
    tsri_fork_unregister(&context->fork_handler);
    for (int registry = 0; registry < TSRI_REGISTRY_COUNT; registry++)
        tsri_free(context->registries[registry].ops);
    pthread_mutex_destroy(&context->mutex);
    free_parts(context);
    tsri_free(context);
}

void tsr_context_free(tsr_context *context)
{
    tsri_context_unref(context);
}

int tsr_context_threads(const tsr_context *context)
{
    return context->threads;
}

int tsri_context_register(tsr_context *context, tsri_registry registry, const void *ops,
                          tsr_error *err)
{
    pthread_mutex_lock(&context->mutex);
    size_t count = context->registries[registry].count;
    const void **grown =
        tsri_realloc_array(context->registries[registry].ops, count + 1, sizeof *grown);
    if (grown) {
        grown[count] = ops;
        context->registries[registry].ops = grown;
        context->registries[registry].count = count + 1;
    }
    pthread_mutex_unlock(&context->mutex);
    return grown ? 0 : tsri_error_no_memory(err, (count + 1) * sizeof *grown);
}

const void *tsri_context_registered(tsr_context *context, tsri_registry registry, size_t n)
{
    const void *ops = NULL;
    pthread_mutex_lock(&context->mutex);
    size_t count = context->registries[registry].count;
    if (n < count)
        ops = context->registries[registry].ops[count - 1 - n];
    pthread_mutex_unlock(&context->mutex);
    return ops;
}

const void *tsri_context_listed(tsr_context *context, tsri_registry registry,
                                const void *const *built_in, size_t count, size_t n)
{
    const void *ops = NULL;
    if (n < count)
        return built_in[n];
    pthread_mutex_lock(&context->mutex);
    if (n - count < context->registries[registry].count)
        ops = context->registries[registry].ops[n - count];
    pthread_mutex_unlock(&context->mutex);
    return ops;
}

/* Puts a part into its slot unless another thread was faster; returns the one that is there. */
static void *settle_slot(tsr_context *context, tsri_slot slot, void *part,
                         void (*destroy)(void *part))
{
    pthread_mutex_lock(&context->mutex);
    void *present = context->slots[slot].part;
    if (!present) {
        context->slots[slot].destroy = destroy;
        __atomic_store_n(&context->slots[slot].part, part, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&context->mutex);
    return present ? present : part;
}

int tsri_context_slot(tsr_context *context, tsri_slot slot,
                      int (*create)(tsr_context *context, void **ret_part, tsr_error *err),
                      void (*destroy)(void *part), void **ret_part, tsr_error *err)
{
    void *part = __atomic_load_n(&context->slots[slot].part, __ATOMIC_ACQUIRE);
    if (!part) {
        /* Without the lock, so that a part may be made from other parts. */
        void *made = NULL;
        TSRI_TRY(create(context, &made, err));
        part = settle_slot(context, slot, made, destroy);
        if (part != made)
            destroy(made);
    }
    *ret_part = part;
    return 0;
}
