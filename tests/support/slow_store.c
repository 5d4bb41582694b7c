#include "support/slow_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct slow_request {
    struct slow_request *next;
    tsr_get_request *request;
    int64_t due_ns, number, bytes;
} slow_request;

static void must(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "slow_store: %s\n", what);
        abort();
    }
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The caller holds the mutex. */
static uint64_t next_random(slow_store *self)
{
    uint64_t z = (self->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void note_done(tsr_get_request *request)
{
    *(bool *)request->user = true;
}

/* The caller holds the mutex. */
static void note_range(slow_store *self, const tsr_get_request *request)
{
    must(self->range_count < SLOW_STORE_RANGES_MAX, "too many requests to remember");
    slow_store_range *range = &self->ranges[self->range_count++];
    snprintf(range->key, sizeof range->key, "%s", request->key);
    range->status = request->status;
    range->offset = request->status == 0 ? request->offset : request->range.offset;
    range->size_bytes = request->status == 0 ? request->size_bytes : 0;
}

static void call_before(slow_store *self, int64_t number, const char *key)
{
    pthread_mutex_lock(&self->before_mutex);
    if (self->before)
        self->before(self->before_user, self, number, key);
    pthread_mutex_unlock(&self->before_mutex);
}

/* Carries out one request on the store below and answers it. */
static void answer(slow_store *self, tsr_get_request *request, int64_t number, int64_t bytes)
{
    void (*done)(tsr_get_request *) = request->done;
    void *user = request->user;
    bool answered = false;

    pthread_mutex_lock(&self->mutex);
    bool fails = self->fail_at > 0 && --self->fail_at == 0;
    int fail_status = self->fail_status;
    pthread_mutex_unlock(&self->mutex);
    call_before(self, number, request->key);
    if (fails) {
        request->status = tsr_error_set(request->err, fail_status, "injected into request %lld",
                                        (long long)number);
    } else {
        request->done = note_done;
        request->user = &answered;
        tsr_store_get_many(self->below, request, 1, NULL);
        must(answered, "the store below did not answer at once");
        request->done = done;
        request->user = user;
    }
    pthread_mutex_lock(&self->mutex);
    self->in_flight--;
    self->bytes_in_flight -= bytes;
    if (request->status == 0)
        self->counts.answered_bytes += (int64_t)request->size_bytes;
    note_range(self, request);
    pthread_mutex_unlock(&self->mutex);
    done(request);
}

/* The request that is due first, once it is due; NULL when the store closes. */
static slow_request *take(slow_store *self)
{
    pthread_mutex_lock(&self->mutex);
    for (;;) {
        slow_request **first = NULL;
        for (slow_request **at = &self->waiting; *at; at = &(*at)->next)
            if (!first || (*at)->due_ns < (*first)->due_ns)
                first = at;
        int64_t left_ns = first ? (*first)->due_ns - now_ns() : 0;
        if (first && left_ns <= 0) {
            slow_request *taken = *first;
            *first = taken->next;
            pthread_mutex_unlock(&self->mutex);
            return taken;
        }
        if (self->closing && !first) {
            pthread_mutex_unlock(&self->mutex);
            return NULL;
        }
        if (first) {
            pthread_mutex_unlock(&self->mutex);
            nanosleep(&(struct timespec){0, left_ns < 200000 ? left_ns : 200000}, NULL);
            pthread_mutex_lock(&self->mutex);
        } else {
            pthread_cond_wait(&self->changed, &self->mutex);
        }
    }
}

static void *serve(void *user)
{
    slow_store *self = user;
    slow_request *taken;
    while ((taken = take(self)) != NULL) {
        answer(self, taken->request, taken->number, taken->bytes);
        free(taken);
    }
    return NULL;
}

static void note_asked(slow_store *self, int64_t bytes)
{
    self->counts.requests++;
    self->in_flight++;
    self->bytes_in_flight += bytes;
    if (self->in_flight > self->counts.most_in_flight)
        self->counts.most_in_flight = self->in_flight;
    if (self->bytes_in_flight > self->counts.most_bytes_in_flight)
        self->counts.most_bytes_in_flight = self->bytes_in_flight;
}

static void slow_get(tsr_store *store, tsr_get_request *requests, size_t n, const tsr_call *call)
{
    slow_store *self = (slow_store *)store;
    (void)call;
    for (size_t i = 0; i < n; i++) {
        int64_t bytes =
            requests[i].range.kind == TSR_RANGE_WHOLE ? 0 : (int64_t)requests[i].range.size_bytes;
        slow_request *asked = calloc(1, sizeof *asked);
        must(asked != NULL, "no memory");
        pthread_mutex_lock(&self->mutex);
        note_asked(self, bytes);
        *asked = (slow_request){
            self->waiting, &requests[i],
            now_ns() + (int64_t)(next_random(self) % ((uint64_t)self->options.delay_us * 1000)),
            self->counts.requests, bytes};
        if (!self->options.at_once) {
            self->waiting = asked;
            pthread_cond_signal(&self->changed);
        }
        pthread_mutex_unlock(&self->mutex);
        if (self->options.at_once) {
            answer(self, &requests[i], asked->number, bytes);
            free(asked);
        }
    }
}

static int slow_put(tsr_store *store, tsr_put_request *requests, size_t n, const tsr_call *call)
{
    slow_store *self = (slow_store *)store;
    pthread_mutex_lock(&self->mutex);
    self->counts.puts += (int64_t)n;
    for (size_t i = 0; i < n; i++)
        self->counts.puts_of[requests[i].durability]++;
    pthread_mutex_unlock(&self->mutex);
    for (size_t i = 0; i < n; i++)
        call_before(self, 0, requests[i].key);
    return tsr_store_put_many(self->below, requests, n, call);
}

static int slow_erase(tsr_store *store, const char *key, const tsr_generation *if_match,
                      tsr_lock *lock, const tsr_call *call, tsr_error *err)
{
    slow_store *self = (slow_store *)store;
    pthread_mutex_lock(&self->mutex);
    self->counts.erases++;
    pthread_mutex_unlock(&self->mutex);
    call_before(self, 0, key);
    must(!if_match || !self->options.no_conditional_erase, "a condition that it cannot hold");
    return tsr_store_erase_if(self->below, key, if_match, lock, call, err);
}

static int slow_erase_prefix(tsr_store *store, const char *prefix, const tsr_call *call,
                             tsr_error *err)
{
    return tsr_store_erase_prefix(((slow_store *)store)->below, prefix, call, err);
}

static int slow_list(tsr_store *store, const char *prefix, bool delimiter,
                     int (*each)(void *user, const tsr_store_entry *entry), void *user,
                     const tsr_call *call, tsr_error *err)
{
    return tsr_store_list(((slow_store *)store)->below, prefix, delimiter, each, user, call, err);
}

static void slow_close(tsr_store *store)
{
    slow_store *self = (slow_store *)store;
    pthread_mutex_lock(&self->mutex);
    self->closing = true;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->mutex);
    for (int i = 0; i < SLOW_STORE_THREADS; i++)
        pthread_join(self->threads[i], NULL);
    must(self->in_flight == 0, "closed while requests were under way");
    tsr_store_close(self->below);
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->mutex);
    pthread_mutex_destroy(&self->before_mutex);
    tsr_store_clear(&self->head);
    free(self->ranges);
    free(self);
}

static int slow_open(tsr_context *context, const char *scheme, const char *address,
                     tsr_store **ret_store, tsr_error *err);

static const char *const schemes[] = {"slow", NULL};

static const tsr_store_ops slow_ops = {
    .struct_size = sizeof(tsr_store_ops),
    .schemes = schemes,
    .open = slow_open,
    .close = slow_close,
    .get = slow_get,
    .put = slow_put,
    .erase = slow_erase,
    .erase_prefix = slow_erase_prefix,
    .list = slow_list,
};

static int slow_open(tsr_context *context, const char *scheme, const char *address,
                     tsr_store **ret_store, tsr_error *err)
{
    slow_store *self = calloc(1, sizeof *self);
    (void)scheme;
    (void)address;
    must(self != NULL, "no memory");
    self->ranges = calloc(SLOW_STORE_RANGES_MAX, sizeof *self->ranges);
    must(self->ranges != NULL, "no memory");
    int status = tsr_store_init(&self->head, &slow_ops, context, "slow:", err);
    if (status == 0)
        status = tsr_store_open(context, "memory:", &self->below, err);
    must(status == 0, "the store below does not open");
    pthread_mutex_init(&self->mutex, NULL);
    pthread_mutex_init(&self->before_mutex, NULL);
    pthread_cond_init(&self->changed, NULL);
    *ret_store = &self->head;
    return 0;
}

static void set_hints(slow_store *self, const slow_store_options *options)
{
    self->options = *options;
    if (self->options.delay_us == 0)
        self->options.delay_us = 500;
    self->head.hints = (tsr_store_hints){
        .answers_at_once = options->at_once,
        .conditional = true,
        .conditional_erase = !options->no_conditional_erase,
        .can_list = true,
        .coalesce_gap_bytes = options->coalesce_gap_bytes,
        .largest_range_bytes =
            options->largest_range_bytes ? options->largest_range_bytes : 4 << 20,
        .requests_in_flight = options->requests_in_flight ? options->requests_in_flight : 8};
}

slow_store *slow_store_open(tsr_context *context, const slow_store_options *options)
{
    static const slow_store_options defaults;
    tsr_store *store;
    must(tsr_store_register(context, &slow_ops, NULL) == 0, "cannot be registered");
    must(tsr_store_open(context, "slow:", &store, NULL) == 0, "cannot be opened");
    slow_store *self = (slow_store *)store;
    set_hints(self, options ? options : &defaults);
    for (int i = 0; i < SLOW_STORE_THREADS; i++)
        must(pthread_create(&self->threads[i], NULL, serve, self) == 0, "cannot start a thread");
    return self;
}

void slow_store_before(slow_store *self,
                       void (*before)(void *user, slow_store *store, int64_t number,
                                      const char *key),
                       void *user)
{
    pthread_mutex_lock(&self->before_mutex);
    self->before = before;
    self->before_user = user;
    pthread_mutex_unlock(&self->before_mutex);
}

slow_store_counts slow_store_stats(slow_store *self)
{
    pthread_mutex_lock(&self->mutex);
    slow_store_counts counts = self->counts;
    pthread_mutex_unlock(&self->mutex);
    return counts;
}

void slow_store_reset(slow_store *self)
{
    pthread_mutex_lock(&self->mutex);
    must(self->in_flight == 0, "reset while requests were under way");
    self->counts = (slow_store_counts){0};
    self->range_count = 0;
    self->fail_at = 0;
    pthread_mutex_unlock(&self->mutex);
}

void slow_store_fail(slow_store *self, int64_t n, int status)
{
    pthread_mutex_lock(&self->mutex);
    self->fail_at = n;
    self->fail_status = status;
    pthread_mutex_unlock(&self->mutex);
}

static int compare_ranges(const void *left, const void *right)
{
    const slow_store_range *a = left, *b = right;
    int by_key = strcmp(a->key, b->key);
    if (by_key != 0)
        return by_key;
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

uint64_t slow_store_bytes_twice(slow_store *self, const char *key)
{
    uint64_t twice = 0, end = 0;
    const char *of = "";
    pthread_mutex_lock(&self->mutex);
    qsort(self->ranges, (size_t)self->range_count, sizeof *self->ranges, compare_ranges);
    for (int64_t i = 0; i < self->range_count; i++) {
        const slow_store_range *range = &self->ranges[i];
        if (range->status < 0 || (key && strcmp(range->key, key) != 0))
            continue;
        if (strcmp(of, range->key) != 0)
            end = 0;
        of = range->key;
        uint64_t range_end = range->offset + range->size_bytes;
        if (range->offset < end)
            twice += (range_end < end ? range_end : end) - range->offset;
        if (range_end > end)
            end = range_end;
    }
    pthread_mutex_unlock(&self->mutex);
    return twice;
}
