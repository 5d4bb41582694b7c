#include "advice.h"

#include <math.h>
#include <string.h>

#include "describe.h"
#include "document.h"
#include "memory.h"
#include "probe.h"
#include "read_model.h"
#include "show.h"

/* What is not measured, for files that the system keeps in memory: finding and opening one, and a
 * read of a part of it (docs/performance.md has the like of it). */
#define OBJECT_NS 10000
#define REQUEST_NS 2000
#define CHUNK_NS 1000
#define FETCHED_BYTE_NS 0.1
#define DECODED_BYTE_NS 0.5
/* A layout that saves less than this part is not worth a copy. */
#define WORTH_IT 0.1

enum { SAMPLES = 64 };

typedef struct advice {
    tsr_array *array;
    cli_past_reads reads;
    int64_t wanted_bytes;
    cli_read_model model;
    cli_probe probe;
    cli_layout present, best;
    cli_read_sums now, then;
    bool worth_it;
} advice;

/* ---- working it out ---- */

static void set_prices(const cli_probe *probe, cli_read_prices *ret_prices)
{
    *ret_prices = (cli_read_prices){
        .object_ns = OBJECT_NS,
        .request_ns = REQUEST_NS,
        .chunk_ns = CHUNK_NS,
        .fetched_byte_ns = FETCHED_BYTE_NS,
        .decoded_byte_ns = DECODED_BYTE_NS,
        .stored_ratio = 1,
    };
    if (!probe->measured || probe->decoded_bytes <= 0)
        return;
    ret_prices->decoded_byte_ns = probe->decode_ns / probe->decoded_bytes;
    ret_prices->stored_ratio = probe->fetched_bytes / probe->decoded_bytes;
}

/* Positions all over an array: those of an axis are multiples of an irrational part of its length,
 * another one for each axis. */
static void spread_points(const advice *self, int64_t *ret_points)
{
    for (int axis = 0; axis < self->model.rank; axis++) {
        double part = fmod(sqrt((double)axis + 1) * 0.6180339887498949, 1);
        for (int i = 0; i < SAMPLES; i++)
            ret_points[i * self->model.rank + axis] =
                (int64_t)(fmod(i * part, 1) * (double)self->model.shape[axis]);
    }
}

/* How much smaller than decoded chunks are stored: of chunks all over the array, since one alone
 * may be a rare one. Nothing but indexes and sizes is read for it; where that is not possible, the
 * chunk of the probe stands for all. */
static int sample_ratio(advice *self, tsr_error *err)
{
    int64_t points[SAMPLES * TSR_RANK_MAX], shape[2] = {SAMPLES, self->model.rank};
    double chunk_bytes = (double)self->model.element_bytes;
    tsr_error ignored = TSR_ERROR_INIT;
    tsr_read_cost cost = {0};
    tsr_index index;
    tsr_view view;

    for (int axis = 0; axis < self->model.rank; axis++)
        chunk_bytes *= (double)self->present.chunks[axis];
    spread_points(self, points);
    CLI_TRY(tsr_view_init(&view, TSR_INT64, 2, shape, points, err));
    int status = tsr_index_points(&index, self->model.rank, self->model.shape, &view, &ignored);
    if (status >= 0) {
        status = tsr_array_explain(self->array, &index, NULL, &cost, &ignored);
        tsr_index_clear(&index);
    }
    if (status == TSR_NO_MEMORY)
        return tsr_error_set(err, status, "out of memory");
    if (status >= 0 && cost.chunks > 0)
        self->model.prices.stored_ratio =
            (double)cost.used_bytes / ((double)cost.chunks * chunk_bytes);
    return 0;
}

static void set_present(advice *self)
{
    int rank = self->model.rank;
    const int64_t *shards = describe_shards(self->array);

    self->present.sharded = shards != NULL;
    memcpy(self->present.chunks, describe_chunks(self->array), (size_t)rank * sizeof(int64_t));
    memcpy(self->present.shards, shards ? shards : self->present.chunks,
           (size_t)rank * sizeof(int64_t));
}

static int work_out(advice *self, bool may_shard, tsr_error *err)
{
    tsr_index all;

    self->model.rank = tsr_array_rank(self->array);
    self->model.element_bytes = (int64_t)tsr_array_dtype(self->array)->size_bytes;
    self->model.reads = &self->reads;
    memcpy(self->model.shape, tsr_array_shape(self->array),
           (size_t)self->model.rank * sizeof(int64_t));
    for (size_t i = 0; i < self->reads.count; i++)
        self->wanted_bytes += self->reads.reads[i].bytes * self->reads.weight;
    tsr_index_all(&all, self->model.rank, self->model.shape);
    CLI_TRY(probe_run(self->array, &all, &self->probe, err));
    set_prices(&self->probe, &self->model.prices);
    set_present(self);
    if (tsr_index_count(&all) > 0)
        CLI_TRY(sample_ratio(self, err));
    read_model_sum(&self->model, &self->present, &self->now);
    read_model_search(&self->model, &self->present, may_shard, self->present.sharded, &self->best);
    read_model_sum(&self->model, &self->best, &self->then);
    self->worth_it = self->then.ns < self->now.ns * (1 - WORTH_IT);
    return 0;
}

/* ---- the command ---- */

static void append_lengths(char *text, size_t capacity, const char *option, int rank,
                           const int64_t *lengths)
{
    size_t used = strlen(text);

    used += (size_t)snprintf(text + used, capacity - used, " %s ", option);
    for (int axis = 0; axis < rank && used < capacity; axis++)
        used += (size_t)snprintf(text + used, capacity - used, "%s%lld", axis ? "," : "",
                                 (long long)lengths[axis]);
}

/* A word that a shell takes as it is; NULL when out of memory. The caller frees it. */
static char *shell_word(const char *text, const char *suffix)
{
    bool plain = text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                   "_./:=+-")] == '\0';
    size_t size = 3;

    for (const char *at = text; *at; at++)
        size += *at == '\'' ? 4 : 1;
    char *word = memory_bytes(size + strlen(suffix)), *to = word;
    if (!word)
        return NULL;
    if (!plain)
        *to++ = '\'';
    for (const char *at = text; *at; at++) {
        if (*at == '\'')
            to = stpcpy(to, "'\\''");
        else
            *to++ = *at;
    }
    to = stpcpy(to, suffix);
    if (!plain)
        *to++ = '\'';
    *to = '\0';
    return word;
}

/* The caller frees it. Errors: NO_MEMORY. */
static int make_command(const advice *self, char **ret_command, tsr_error *err)
{
    char options[2 * SHOW_SHAPE_MAX + 64] = "";
    char *from = shell_word(tsr_array_place(self->array), "");
    char *to = shell_word(tsr_array_place(self->array), "-rechunked"), *command = NULL;

    append_lengths(options, sizeof options, "--chunks", self->model.rank, self->best.chunks);
    if (self->best.sharded)
        append_lengths(options, sizeof options, "--shards", self->model.rank, self->best.shards);
    else if (self->present.sharded)
        strncat(options, " --shards none", sizeof options - strlen(options) - 1);
    if (from && to) {
        size_t size = strlen(from) + strlen(to) + strlen(options) + 32;
        command = memory_bytes(size);
        if (command)
            snprintf(command, size, "tessera cp %s %s%s", from, to, options);
    }
    memory_free(from);
    memory_free(to);
    *ret_command = command;
    return command ? 0 : tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
}

/* ---- text ---- */

static const char *layout_text(char *text, size_t capacity, int rank, const cli_layout *layout)
{
    char chunks[SHOW_SHAPE_MAX], shards[SHOW_SHAPE_MAX];

    snprintf(text, capacity, layout->sharded ? "%s in shards %s" : "%s",
             show_lengths(chunks, rank, layout->chunks),
             show_lengths(shards, rank, layout->shards));
    return text;
}

static void add_counts(cli_show_table *table, const char *name, double now, double then)
{
    show_table_cell(table, "%s", name);
    show_table_right(table, "%.0f", now);
    show_table_right(table, "%.0f", then);
}

static void add_sizes(cli_show_table *table, const char *name, double now, double then)
{
    char text[SHOW_SIZE_MAX];

    show_table_cell(table, "%s", name);
    show_table_right(table, "%s", now < 9e18 ? show_size(text, (int64_t)now) : "8 EiB or more");
    show_table_right(table, "%s", then < 9e18 ? show_size(text, (int64_t)then) : "8 EiB or more");
}

static int print_table(const advice *self, tsr_error *err)
{
    char text[2 * SHOW_SHAPE_MAX + 16];
    int rank = self->model.rank;
    cli_show_table table;

    show_table_init(&table, 3);
    show_table_cell(&table, " ");
    show_table_right(&table, "now");
    show_table_right(&table, "best");
    show_table_cell(&table, "chunks");
    show_table_right(&table, "%s", layout_text(text, sizeof text, rank, &self->present));
    show_table_right(&table, "%s", layout_text(text, sizeof text, rank, &self->best));
    add_counts(&table, "objects", self->now.objects, self->then.objects);
    add_counts(&table, "requests", self->now.requests, self->then.requests);
    add_sizes(&table, "fetched", self->now.fetched_bytes, self->then.fetched_bytes);
    add_counts(&table, "decoded chunks", self->now.chunks, self->then.chunks);
    add_sizes(&table, "decoded", self->now.decoded_bytes, self->then.decoded_bytes);
    show_table_cell(&table, "one thread");
    show_table_right(&table, "%.2f ms", self->now.ns / 1e6);
    show_table_right(&table, "%.2f ms", self->then.ns / 1e6);
    return show_table_print(&table, stdout, err);
}

static int print_text(const advice *self, tsr_error *err)
{
    char size[SHOW_SIZE_MAX];
    char *command;

    show_safe_text(stdout, tsr_array_place(self->array));
    printf("  %lld past %s of %s\n", (long long)self->reads.found,
           self->reads.found == 1 ? "read" : "reads", show_size(size, self->wanted_bytes));
    CLI_TRY(print_table(self, err));
    printf(
        "worked out for files in memory: a file %d us, a range %d us, decoding %.2f ns a byte%s\n",
        OBJECT_NS / 1000, REQUEST_NS / 1000, self->model.prices.decoded_byte_ns,
        self->probe.measured && self->probe.decoded_bytes > 0 ? " (measured on one chunk)" : "");
    if (!self->worth_it) {
        puts("the present chunks suit these reads");
        return 0;
    }
    CLI_TRY(make_command(self, &command, err));
    fputs("next: ", stdout);
    show_safe_text(stdout, command);
    putchar('\n');
    memory_free(command);
    return 0;
}

/* ---- JSON ---- */

static void add_layout(cli_document *document, struct json_object *parent, const char *key,
                       int rank, const cli_layout *layout, const cli_read_sums *sums)
{
    struct json_object *object = document_add_object(document, parent, key);

    document_add_lengths(document, object, "chunks", rank, layout->chunks);
    if (layout->sharded)
        document_add_lengths(document, object, "shards", rank, layout->shards);
    else
        document_add_null(document, object, "shards");
    document_add_number(document, object, "objects", sums->objects);
    document_add_number(document, object, "requests", sums->requests);
    document_add_number(document, object, "decoded_chunks", sums->chunks);
    document_add_number(document, object, "decoded_bytes", sums->decoded_bytes);
    document_add_number(document, object, "fetched_bytes", sums->fetched_bytes);
    document_add_number(document, object, "ns", sums->ns);
}

static void add_prices(cli_document *document, struct json_object *parent,
                       const cli_read_prices *prices)
{
    struct json_object *object = document_add_object(document, parent, "prices");

    document_add_number(document, object, "object_ns", prices->object_ns);
    document_add_number(document, object, "request_ns", prices->request_ns);
    document_add_number(document, object, "chunk_ns", prices->chunk_ns);
    document_add_number(document, object, "fetched_byte_ns", prices->fetched_byte_ns);
    document_add_number(document, object, "decoded_byte_ns", prices->decoded_byte_ns);
    document_add_number(document, object, "stored_ratio", prices->stored_ratio);
}

static int add_json(const advice *self, cli_document *document, struct json_object *list,
                    tsr_error *err)
{
    struct json_object *object = document_add_object(document, list, NULL);
    char *command = NULL;

    if (self->worth_it)
        CLI_TRY(make_command(self, &command, err));
    document_add_text(document, object, "place", tsr_array_place(self->array));
    document_add_integer(document, object, "reads", self->reads.found);
    document_add_integer(document, object, "wanted_bytes", self->wanted_bytes);
    add_prices(document, object, &self->model.prices);
    add_layout(document, object, "present", self->model.rank, &self->present, &self->now);
    add_layout(document, object, "best", self->model.rank, &self->best, &self->then);
    document_add_text(document, object, "command", command);
    memory_free(command);
    return 0;
}

/* ---- arrays ---- */

typedef struct output {
    cli_document *document; /* NULL: text */
    struct json_object *list;
    int count;
} output;

static bool is_version_3(const tsr_array *array)
{
    return strcmp(tsr_array_driver(array), "zarr3") == 0;
}

static int advise(cli_invocation *invocation, const char *trace, const char *place,
                  tsr_array *array, output *to)
{
    advice self = {.array = array};
    tsr_error *err = &invocation->error;
    int status = past_reads_load(trace, place, array, &self.reads, err);

    if (status >= 0 && self.reads.count > 0) {
        status = work_out(&self, is_version_3(array), err);
        if (status >= 0 && to->document)
            status = add_json(&self, to->document, to->list, err);
        else if (status >= 0)
            status = print_text(&self, err);
        to->count++;
    }
    past_reads_clear(&self.reads);
    return status;
}

static int advise_place(cli_invocation *invocation, const char *trace, const char *place,
                        output *to)
{
    tsr_auto(tsr_array) *array = NULL;

    CLI_TRY(location_open_array(invocation, place, false, &array));
    if (!location_is_zarr(tsr_array_driver(array))) {
        tsr_error_set(&invocation->error, TSR_UNSUPPORTED,
                      "%s is no Zarr array: its chunks are what its format makes of it", place);
        tsr_error_set_next_step(&invocation->error, "`tessera import` makes one of it");
        return TSR_UNSUPPORTED;
    }
    return advise(invocation, trace, place, array, to);
}

/* What is not there any more, or no Zarr array, is passed over. */
static int advise_all(cli_invocation *invocation, const char *trace, output *to)
{
    char **places;
    int status = 0;

    CLI_TRY(past_places_load(trace, &places, &invocation->error));
    for (size_t i = 0; places[i] && status >= 0; i++) {
        status = advise_place(invocation, trace, places[i], to);
        if (status == TSR_NOT_FOUND || status == TSR_UNSUPPORTED || status == TSR_TYPE_MISMATCH) {
            fputs("tessera: passed over: ", stderr);
            show_safe_text(stderr, invocation->error.message);
            fputc('\n', stderr);
            tsr_error_clear(&invocation->error);
            status = 0;
        }
    }
    past_places_free(places);
    return status;
}

static int advise_into(cli_invocation *invocation, const char *trace, const char *place, output *to)
{
    CLI_TRY(place ? advise_place(invocation, trace, place, to) : advise_all(invocation, trace, to));
    if (to->count > 0)
        return 0;
    tsr_error_set(&invocation->error, TSR_NOT_FOUND, "%s: no read %s%s", trace,
                  place ? "of " : "of a Zarr array that is there", place ? place : "");
    tsr_error_set_next_step(&invocation->error,
                            "`tessera cat PLACE --trace FILE` and any program with TESSERA_TRACE "
                            "set append theirs");
    return TSR_NOT_FOUND;
}

int advice_print(cli_invocation *invocation, const char *trace, const char *place)
{
    cli_document document;
    output to = {0};

    if (!invocation_has(invocation, OPTION_JSON))
        return advise_into(invocation, trace, place, &to);
    document_init(&document);
    document_add_text(&document, document.root, "trace", trace);
    to.document = &document;
    to.list = document_add_list(&document, document.root, "arrays");
    int status = advise_into(invocation, trace, place, &to);
    if (status >= 0)
        status = document_print(&document, stdout, &invocation->error);
    document_clear(&document);
    return status;
}
