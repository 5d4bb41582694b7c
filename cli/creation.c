#include "creation.h"

#include <string.h>

#include "creation_attributes.h"
#include "filter_text.h"
#include "location.h"
#include "memory.h"
#include "quantity.h"
#include "scalar.h"

static int no_memory(cli_invocation *invocation)
{
    return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
}

/* ---- lengths ---- */

static int add_length(cli_invocation *invocation, cli_option_id id, cli_lengths_spec *spec,
                      char *item)
{
    char *equals = strchr(item, '=');
    bool named = equals != NULL;
    int64_t value;

    if (spec->count == TSR_RANK_MAX)
        return invocation_misuse(invocation, "--%s has more than %d lengths", option_row(id)->name,
                                 TSR_RANK_MAX);
    if (spec->count > 0 && named != (spec->kind == LENGTHS_NAMED))
        return invocation_misuse(invocation, "--%s: give all lengths a name, or none",
                                 option_row(id)->name);
    if (named)
        *equals = '\0';
    if (!quantity_parse_integer(named ? equals + 1 : item, &value) || (value < 1 && value != -1))
        return invocation_misuse(invocation,
                                 "--%s: '%s' is not a length; write 1 or more, or -1 for "
                                 "the whole axis",
                                 option_row(id)->name, named ? equals + 1 : item);
    spec->kind = named ? LENGTHS_NAMED : LENGTHS_PLAIN;
    spec->values[spec->count] = value;
    if (named && !(spec->names[spec->count] = memory_text(item)))
        return no_memory(invocation);
    spec->count++;
    return 0;
}

static int read_lengths(cli_invocation *invocation, cli_option_id id, cli_lengths_spec *ret_spec)
{
    const char *given = invocation_text(invocation, id);
    char *list, *rest, *item;
    int status = 0;

    if (!given)
        return 0;
    if (strcmp(given, "auto") == 0 || strcmp(given, "none") == 0) {
        if (id == OPTION_CHUNKS && given[0] == 'n')
            return invocation_misuse(invocation, "--chunks takes lengths or auto, not none");
        ret_spec->kind = given[0] == 'a' ? LENGTHS_AUTO : LENGTHS_NONE;
        return 0;
    }
    if (given[strspn(given, " ")] == '[') {
        ret_spec->kind = LENGTHS_EDGES;
        ret_spec->edges = memory_text(given);
        return ret_spec->edges ? 0 : no_memory(invocation);
    }
    list = rest = memory_text(given);
    if (!list)
        return no_memory(invocation);
    while (status >= 0 && (item = strsep(&rest, ",")))
        status = add_length(invocation, id, ret_spec, item + strspn(item, " "));
    memory_free(list);
    return status;
}

static void clear_lengths(cli_lengths_spec *spec)
{
    for (int i = 0; i < spec->count; i++)
        memory_free(spec->names[i]);
    memory_free(spec->edges);
}

/* The length that a list of named ones gives to an axis, or `otherwise`. */
static int64_t named_length(const cli_lengths_spec *spec, const char *name, int64_t otherwise)
{
    for (int i = 0; name && i < spec->count; i++)
        if (strcmp(spec->names[i], name) == 0)
            return spec->values[i];
    return otherwise;
}

static bool names_any(const cli_lengths_spec *spec, int rank, const char *const *names)
{
    for (int i = 0; names && i < rank; i++)
        if (named_length(spec, names[i], 0) != 0)
            return true;
    return false;
}

/* What a specification means for one array: AUTO, NONE, ABSENT, or PLAIN with `ret_lengths` filled
 * in. Lengths without names apply to arrays of that rank, names to arrays that have one of them;
 * axes without a length keep the one of `kept`, or are whole. */
static cli_lengths_kind resolve_lengths(const cli_lengths_spec *spec, int rank,
                                        const char *const *names, const int64_t *kept,
                                        int64_t *ret_lengths)
{
    if (spec->kind == LENGTHS_PLAIN) {
        if (spec->count != rank)
            return LENGTHS_AUTO;
        memcpy(ret_lengths, spec->values, (size_t)rank * sizeof *ret_lengths);
        return LENGTHS_PLAIN;
    }
    if (spec->kind == LENGTHS_NAMED) {
        if (!names_any(spec, rank, names))
            return LENGTHS_AUTO;
        for (int i = 0; i < rank; i++)
            ret_lengths[i] = named_length(spec, names[i], kept ? kept[i] : -1);
        return LENGTHS_PLAIN;
    }
    return spec->kind;
}

/* ---- the command line ---- */

/* Several lengths along an axis: of the chunks where there are no shards, else of the shards. */
static int check_edges(cli_invocation *invocation, const cli_creation *creation)
{
    cli_lengths_kind chunks = creation->chunks.kind, shards = creation->shards.kind;

    if (chunks == LENGTHS_EDGES && shards != LENGTHS_ABSENT && shards != LENGTHS_NONE)
        return invocation_misuse(invocation, "inner chunks have one shape; give several lengths "
                                             "with --shards");
    if (shards == LENGTHS_EDGES && chunks != LENGTHS_PLAIN)
        return invocation_misuse(invocation, "shards of several lengths need the shape of their "
                                             "chunks: --chunks 10,10");
    return 0;
}

static int check_combinations(cli_invocation *invocation, const cli_creation *creation)
{
    static const cli_option_id replaced[] = {
        OPTION_CODEC,  OPTION_FILTERS,      OPTION_SERIALIZER,    OPTION_COMPRESSORS,
        OPTION_SHARDS, OPTION_INDEX_CODECS, OPTION_INDEX_LOCATION};

    for (size_t i = 0; creation->codecs && i < sizeof replaced / sizeof replaced[0]; i++)
        if (invocation_has(invocation, replaced[i]))
            return invocation_misuse(invocation,
                                     "--codecs is the whole chain; --%s does not go "
                                     "with it",
                                     option_row(replaced[i])->name);
    if (creation->compressors && invocation_has(invocation, OPTION_CODEC))
        return invocation_misuse(invocation, "give --codec or --compressors, not both");
    if (creation->zarr_format == 2 && creation->codecs)
        return invocation_misuse(invocation, "Zarr v2 has no --codecs; give --compressors");
    if (creation->zarr_format == 2 && invocation_has(invocation, OPTION_SHARDS) &&
        creation->shards.kind != LENGTHS_NONE)
        return invocation_misuse(invocation, "Zarr v2 has no shards");
    if (invocation_has(invocation, OPTION_ORDER) && creation->zarr_format != 2)
        return invocation_misuse(invocation, "--order belongs to --zarr-format 2; in Zarr v3, "
                                             "write a transpose codec with --filters");
    return 0;
}

/* A name, or what metadata would say. */
static int read_dtype(const char *text, const tsr_dtype **ret_dtype, tsr_error *err)
{
    if (*text && strchr("{[\"", *text))
        return tsr_dtype_from_json(text, ret_dtype, err);
    return tsr_dtype_parse(text, ret_dtype, err);
}

/* JSON, or a short form, whose words are looked at before anything is made; what they mean for the
 * type and format of an array is seen when it is planned. */
static int read_filters(cli_invocation *invocation, cli_creation *creation)
{
    const char *given = invocation_text(invocation, OPTION_FILTERS);
    char *json;

    if (!given || strchr("[{@", given[0]))
        return invocation_json(invocation, OPTION_FILTERS, &creation->filters);
    CLI_TRY(filter_text_read(given, 3, TSR_FLOAT32, &json, &invocation->error));
    memory_free(json);
    creation->short_filters = true;
    creation->filters = memory_text(given);
    return creation->filters
               ? 0
               : tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory for filters");
}

/* The byte order that a type was given with is one for the chain, since types have none. */
static int take_byte_order(cli_invocation *invocation, const char *dtype, cli_creation *creation)
{
    static const char big[] = "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"big\"}}";
    bool is_swapped = creation->dtype->component_bytes > 1;

    creation->big_endian = is_swapped && (dtype[0] == '>' || strstr(dtype, "\">"));
    if (!creation->big_endian)
        return 0;
    if (strstr(dtype, "\"<"))
        return invocation_misuse(
            invocation, "--dtype: fields in both byte orders; those of a new array have one");
    if (creation->serializer || creation->codecs)
        return 0;
    creation->serializer = memory_text(big);
    return creation->serializer
               ? 0
               : tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory for a codec");
}

static int read_all(cli_invocation *invocation, cli_creation *creation)
{
    const char *dtype = invocation_text(invocation, OPTION_DTYPE);
    const char *format = invocation_text(invocation, OPTION_ZARR_FORMAT);

    CLI_TRY(read_lengths(invocation, OPTION_CHUNKS, &creation->chunks));
    CLI_TRY(read_lengths(invocation, OPTION_SHARDS, &creation->shards));
    CLI_TRY(read_filters(invocation, creation));
    CLI_TRY(invocation_json(invocation, OPTION_SERIALIZER, &creation->serializer));
    CLI_TRY(invocation_json(invocation, OPTION_COMPRESSORS, &creation->compressors));
    CLI_TRY(invocation_json(invocation, OPTION_CODECS, &creation->codecs));
    CLI_TRY(invocation_json(invocation, OPTION_INDEX_CODECS, &creation->index_codecs));
    CLI_TRY(invocation_json(invocation, OPTION_ATTRIBUTES, &creation->attributes));
    creation->zarr_format = format ? format[0] - '0' : 0;
    if (dtype && read_dtype(dtype, &creation->dtype, &invocation->error) < 0) {
        /* A type that does not exist is a slip on the command line, not a missing file. */
        invocation->error.status = TSR_INVALID_ARGUMENT;
        return TSR_INVALID_ARGUMENT;
    }
    if (dtype)
        CLI_TRY(take_byte_order(invocation, dtype, creation));
    CLI_TRY(check_edges(invocation, creation));
    return check_combinations(invocation, creation);
}

int creation_read(cli_invocation *invocation, cli_creation *ret_creation)
{
    int status;

    memset(ret_creation, 0, sizeof *ret_creation);
    status = read_all(invocation, ret_creation);
    if (status < 0)
        creation_clear(ret_creation);
    return status;
}

void creation_clear(cli_creation *creation)
{
    clear_lengths(&creation->chunks);
    clear_lengths(&creation->shards);
    memory_free(creation->filters);
    memory_free(creation->serializer);
    memory_free(creation->compressors);
    memory_free(creation->codecs);
    memory_free(creation->index_codecs);
    memory_free(creation->attributes);
    tsr_dtype_unref(creation->dtype);
    memset(creation, 0, sizeof *creation);
}

int creation_read_shape(cli_invocation *invocation, int64_t *ret_shape, int *ret_rank)
{
    const char *given = invocation_text(invocation, OPTION_SHAPE);
    char *list, *rest, *item;
    int rank = 0;
    bool good = true;

    if (!given)
        return invocation_misuse(invocation, "%s: --shape is missing", invocation->command->name);
    list = rest = memory_text(given);
    if (!list)
        return no_memory(invocation);
    /* An empty text is the shape of a single element. */
    while (good && *given && (item = strsep(&rest, ","))) {
        good = rank < TSR_RANK_MAX &&
               quantity_parse_integer(item + strspn(item, " "), &ret_shape[rank]) &&
               ret_shape[rank] >= 0;
        rank++;
    }
    memory_free(list);
    if (!good)
        return invocation_misuse(invocation,
                                 "--shape takes at most %d lengths from 0 up, such as "
                                 "1000,721,1440, not '%s'",
                                 TSR_RANK_MAX, given);
    *ret_rank = rank;
    return 0;
}

void creation_write_options(const cli_invocation *invocation, tsr_write_options *ret_options)
{
    const char *durability = invocation_text(invocation, OPTION_DURABILITY);
    const char *order = invocation_text(invocation, OPTION_INNER_ORDER);

    tsr_write_options_init(ret_options);
    if (durability && strcmp(durability, "none") == 0)
        ret_options->durability = TSR_DURABILITY_NONE;
    else if (durability && strcmp(durability, "chunk") == 0)
        ret_options->durability = TSR_DURABILITY_CHUNK;
    if (order && strcmp(order, "morton") == 0)
        ret_options->inner_order = TSR_INNER_ORDER_MORTON;
    else if (order && strcmp(order, "colexicographic") == 0)
        ret_options->inner_order = TSR_INNER_ORDER_COLEXICOGRAPHIC;
}

tsr_casting creation_casting(const cli_invocation *invocation)
{
    const char *casting = invocation_text(invocation, OPTION_CASTING);

    if (!casting)
        return command_takes(invocation->command, OPTION_DTYPE) ? TSR_CASTING_SAME_KIND
                                                                : TSR_CASTING_SAFE;
    if (strcmp(casting, "no") == 0)
        return TSR_CASTING_NO;
    if (strcmp(casting, "safe") == 0)
        return TSR_CASTING_SAFE;
    return strcmp(casting, "same_kind") == 0 ? TSR_CASTING_SAME_KIND : TSR_CASTING_UNSAFE;
}

/* ---- plans ---- */

void array_plan_clear(cli_array_plan *plan)
{
    memory_free(plan->fill_value);
    tsr_heap_unref(plan->heap);
    memory_free(plan->name_text);
    memory_free(plan->filters);
    if (plan->edges)
        tsr_free(plan->edges);
    if (plan->attributes)
        tsr_free(plan->attributes);
    codec_lists_clear(&plan->kept);
    memset(plan, 0, sizeof *plan);
}

/* --dimension-names time,lat,lon: an empty name leaves the axis without one. */
static int plan_names(cli_invocation *invocation, cli_array_plan *plan)
{
    const char *given = invocation_text(invocation, OPTION_DIMENSION_NAMES);
    char *rest, *item;
    int count = 0;

    if (!given)
        return 0;
    plan->name_text = rest = memory_text(given);
    if (!plan->name_text)
        return no_memory(invocation);
    while ((item = strsep(&rest, ","))) {
        if (count < plan->options.rank)
            plan->names[count] = *item ? item : NULL;
        count++;
    }
    if (count != plan->options.rank)
        return invocation_misuse(invocation, "--dimension-names has %d names for %d axes", count,
                                 plan->options.rank);
    plan->options.dimension_names = plan->names;
    return 0;
}

static int plan_fill_value(cli_invocation *invocation, cli_array_plan *plan)
{
    const char *given = invocation_text(invocation, OPTION_FILL_VALUE);

    if (!given)
        return 0;
    memory_free(plan->fill_value);
    plan->fill_value = NULL;
    plan->options.fill_value = NULL;
    plan->options.fill_undefined = plan->options.zarr_format == 2 && strcmp(given, "null") == 0;
    if (plan->options.fill_undefined)
        return 0;
    plan->fill_value = memory_zeroed(1, plan->options.dtype->size_bytes);
    if (!plan->fill_value)
        return no_memory(invocation);
    if (!plan->heap)
        CLI_TRY(tsr_heap_new(&plan->heap, &invocation->error));
    if (scalar_parse_into(plan->options.dtype, given, plan->heap, plan->fill_value,
                          &invocation->error) < 0)
        return tsr_error_prepend(&invocation->error, "--fill-value");
    plan->options.fill_value = plan->fill_value;
    return 0;
}

/* Small arrays gain nothing from a shard around their one chunk. */
static bool worth_shards(const cli_array_plan *plan)
{
    int64_t size = (int64_t)plan->options.dtype->size_bytes;

    for (int i = 0; i < plan->options.rank; i++)
        if (plan->options.shape[i] == 0 ||
            __builtin_mul_overflow(size, plan->options.shape[i], &size))
            return plan->options.shape[i] != 0;
    return size > (int64_t)1 << 20;
}

static bool changes_layout(const cli_creation *creation)
{
    return creation->chunks.kind != LENGTHS_ABSENT || creation->shards.kind != LENGTHS_ABSENT;
}

/* Applies --chunks and --shards over what is kept of the source; `chunk` and `shard` are NULL for
 * nothing to keep. */
static void plan_layout(const cli_creation *creation, const int64_t *chunk, const int64_t *shard,
                        cli_array_plan *plan)
{
    tsr_array_create_options *options = &plan->options;
    cli_lengths_kind chunks = resolve_lengths(&creation->chunks, options->rank,
                                              options->dimension_names, chunk, plan->chunk_shape);
    cli_lengths_kind shards = resolve_lengths(&creation->shards, options->rank,
                                              options->dimension_names, shard, plan->shard_shape);

    if (chunks == LENGTHS_ABSENT && chunk) {
        memcpy(plan->chunk_shape, chunk, (size_t)options->rank * sizeof *chunk);
        chunks = LENGTHS_PLAIN;
    }
    /* Old shards need not be a multiple of new chunks: they are kept only with their chunks. */
    if (shards == LENGTHS_ABSENT && shard && creation->chunks.kind == LENGTHS_ABSENT) {
        memcpy(plan->shard_shape, shard, (size_t)options->rank * sizeof *shard);
        shards = LENGTHS_PLAIN;
    } else if (shards == LENGTHS_ABSENT && shard) {
        shards = LENGTHS_AUTO;
    }
    options->chunk_shape = chunks == LENGTHS_PLAIN ? plan->chunk_shape : NULL;
    options->shard_shape = shards == LENGTHS_PLAIN ? plan->shard_shape : NULL;
    options->shard_auto = shards == LENGTHS_AUTO && options->zarr_format != 2 && worth_shards(plan);
    if (options->zarr_format == 2)
        options->shard_shape = NULL;
    if (creation->chunks.kind == LENGTHS_EDGES)
        options->chunk_edges = creation->chunks.edges;
    if (creation->shards.kind == LENGTHS_EDGES)
        options->chunk_edges = creation->shards.edges;
}

/* Chunks of several lengths stay as they are where nothing is said about chunks. */
static int keep_edges(cli_invocation *invocation, const cli_creation *creation,
                      const tsr_array *source, cli_array_plan *plan)
{
    tsr_array_create_options *options = &plan->options;

    if (tsr_array_is_regular(source) || changes_layout(creation) || options->zarr_format == 2)
        return 0;
    CLI_TRY(tsr_array_chunk_edges(source, &plan->edges, &invocation->error));
    options->chunk_edges = plan->edges;
    options->shard_shape = NULL;
    if (creation->codecs || tsr_array_shard_levels(source) == 0)
        options->chunk_shape = NULL;
    return 0;
}

static const char *parity_option(const cli_invocation *invocation)
{
    const char *parity = invocation_text(invocation, OPTION_PARITY);
    return strcmp(parity, "none") == 0 ? NULL : parity;
}

static void plan_codecs(const cli_invocation *invocation, const cli_creation *creation,
                        cli_array_plan *plan)
{
    tsr_array_create_options *options = &plan->options;
    const char *location = invocation_text(invocation, OPTION_INDEX_LOCATION);
    const char *separator = invocation_text(invocation, OPTION_SEPARATOR);
    const char *order = invocation_text(invocation, OPTION_ORDER);

    if (invocation_has(invocation, OPTION_CODEC)) {
        options->codec = invocation_text(invocation, OPTION_CODEC);
        options->compressors = NULL;
    }
    if (creation->filters)
        options->filters = plan->filters ? plan->filters : creation->filters;
    if (creation->serializer)
        options->serializer = creation->serializer;
    if (creation->compressors)
        options->compressors = creation->compressors;
    if (creation->codecs)
        options->codecs = creation->codecs;
    if (creation->index_codecs)
        options->index_codecs = creation->index_codecs;
    if (location)
        options->index_at_start = strcmp(location, "start") == 0;
    if (separator)
        options->separator = separator[0];
    if (invocation_has(invocation, OPTION_CHUNK_KEYS))
        options->chunk_keys = invocation_text(invocation, OPTION_CHUNK_KEYS);
    if (order)
        options->order = order[0];
    if (invocation_has(invocation, OPTION_PARITY))
        options->parity = parity_option(invocation);
}

static int finish_plan(cli_invocation *invocation, const cli_creation *creation,
                       cli_array_plan *plan)
{
    CLI_TRY(plan_names(invocation, plan));
    CLI_TRY(plan_fill_value(invocation, plan));
    if (creation->attributes)
        plan->options.attributes = creation->attributes;
    if (creation->short_filters)
        CLI_TRY(filter_text_read(creation->filters, plan->options.zarr_format, plan->options.dtype,
                                 &plan->filters, &invocation->error));
    plan_codecs(invocation, creation, plan);
    return 0;
}

int creation_plan_new(cli_invocation *invocation, const cli_creation *creation,
                      const int64_t *shape, int rank, cli_array_plan *ret_plan)
{
    int status;

    memset(ret_plan, 0, sizeof *ret_plan);
    tsr_array_create_options_init(&ret_plan->options);
    if (creation->zarr_format)
        ret_plan->options.zarr_format = creation->zarr_format;
    ret_plan->options.rank = rank;
    ret_plan->options.shape = shape;
    ret_plan->options.dtype = creation->dtype;
    if (!creation->dtype)
        return invocation_misuse(invocation, "%s: --dtype is missing", invocation->command->name);
    status = finish_plan(invocation, creation, ret_plan);
    if (status >= 0)
        plan_layout(creation, NULL, NULL, ret_plan);
    if (status < 0)
        array_plan_clear(ret_plan);
    return status;
}

static bool changes_codecs(const cli_invocation *invocation, const cli_creation *creation)
{
    return invocation_has(invocation, OPTION_CODEC) || creation->filters || creation->serializer ||
           creation->compressors || creation->codecs || creation->index_codecs ||
           invocation_has(invocation, OPTION_INDEX_LOCATION) ||
           invocation_has(invocation, OPTION_ORDER);
}

/* Codecs of a Zarr source: the chain as it is when nothing about it changes, else the lists of the
 * innermost chunks. */
static int keep_codecs(cli_invocation *invocation, const cli_creation *creation,
                       const tsr_array *source, int source_format, cli_array_plan *plan)
{
    tsr_array_create_options *options = &plan->options;
    bool same_type = tsr_dtype_equal(tsr_array_dtype(source), options->dtype);

    CLI_TRY(codec_lists_read(invocation->context, source, &plan->kept, &invocation->error));
    if (options->zarr_format != source_format) {
        options->codec = plan->kept.codec;
        return 0;
    }
    if (source_format == 3 && same_type && !changes_layout(creation) &&
        !changes_codecs(invocation, creation)) {
        options->codecs = tsr_array_codecs(source);
        options->chunk_shape = options->chunk_edges ? NULL : tsr_array_chunk_shape(source);
        options->shard_shape = NULL;
        return 0;
    }
    if (same_type) {
        options->filters = plan->kept.filters;
        options->serializer = plan->kept.serializer;
        options->compressors = plan->kept.compressors;
    }
    options->index_codecs = plan->kept.index_codecs;
    options->index_at_start = plan->kept.index_at_start;
    options->order = plan->kept.order;
    return 0;
}

/* Keys of a v3 source stay as they are where nothing is said about keys; those of v2 belong to v2.
 */
static void keep_keys(const cli_invocation *invocation, const tsr_array *source, int source_format,
                      tsr_array_create_options *options)
{
    if (source_format == 3 && options->zarr_format == 3 &&
        !invocation_has(invocation, OPTION_SEPARATOR))
        options->chunk_keys = tsr_array_chunk_keys(source);
}

/* Shards that stay shards keep their parity. */
static void keep_parity(const cli_creation *creation, const tsr_array *source,
                        tsr_array_create_options *options)
{
    bool sharded = options->shard_shape || options->shard_auto ||
                   (tsr_array_shard_levels(source) > 0 && options->codecs && !creation->codecs) ||
                   (options->chunk_edges && options->chunk_shape);
    if (sharded && options->zarr_format == 3)
        options->parity = tsr_array_parity(source);
}

void array_plan_spare_parity(cli_array_plan *plan)
{
    tsr_array_create_options *options = &plan->options;

    if (!options->shard_shape && !options->shard_auto && !options->codecs &&
        !(options->chunk_edges && options->chunk_shape))
        options->parity = NULL;
}

/* A copy keeps statistics where it is asked to or its source does, if it can. */
static int keep_statistics(const cli_invocation *invocation, tsr_array *source,
                           tsr_array_create_options *options, tsr_error *err)
{
    CLI_TRY(location_keeps_statistics(source, &options->statistics, err));
    options->statistics |= invocation_has(invocation, OPTION_STATISTICS);
    options->statistics &= tsr_statistics_support(options->dtype);
    return 0;
}

/* The layout of `source`, with the type, fill value and attributes of `elements`. */
static int keep_source(cli_invocation *invocation, const cli_creation *creation, tsr_array *source,
                       tsr_array *elements, cli_array_plan *plan)
{
    tsr_array_create_options *options = &plan->options;
    bool zarr = location_is_zarr(tsr_array_driver(source));
    int source_format = zarr && tsr_array_driver(source)[4] == '2' ? 2 : 3;
    int levels = tsr_array_shard_levels(source);

    if (creation->zarr_format || zarr)
        options->zarr_format = creation->zarr_format ? creation->zarr_format : source_format;
    options->rank = tsr_array_rank(source);
    options->shape = tsr_array_shape(source);
    options->dtype = creation->dtype ? creation->dtype : tsr_array_dtype(elements);
    for (int i = 0; i < options->rank; i++) {
        plan->names[i] = tsr_array_dimension_name(source, i);
        if (plan->names[i])
            options->dimension_names = plan->names;
    }
    /* A single element has all its names, none. */
    if (options->rank == 0 && source_format == 3)
        options->dimension_names = plan->names;
    CLI_TRY(keep_statistics(invocation, source, options, &invocation->error));
    CLI_TRY(creation_keep_attributes(invocation, elements, zarr ? source_format : 0, plan));
    /* A whole chain has its inner chunk shapes in itself. */
    if (creation->codecs)
        levels = 0;
    plan_layout(creation, zarr ? tsr_array_inner_chunk_shape(source, levels) : NULL,
                zarr && levels > 0 ? tsr_array_chunk_shape(source) : NULL, plan);
    keep_keys(invocation, source, source_format, options);
    if (zarr)
        CLI_TRY(keep_edges(invocation, creation, source, plan));
    if (zarr)
        CLI_TRY(keep_codecs(invocation, creation, source, source_format, plan));
    keep_parity(creation, source, options);
    return 0;
}

int creation_plan_unpacked(cli_invocation *invocation, const cli_creation *creation,
                           tsr_array *packed, tsr_array *unpacked, cli_array_plan *ret_plan)
{
    int status;

    memset(ret_plan, 0, sizeof *ret_plan);
    tsr_array_create_options_init(&ret_plan->options);
    status = keep_source(invocation, creation, packed, unpacked, ret_plan);
    if (status >= 0)
        status = finish_plan(invocation, creation, ret_plan);
    if (status < 0)
        array_plan_clear(ret_plan);
    return status;
}

int creation_plan_copy(cli_invocation *invocation, const cli_creation *creation, tsr_array *source,
                       cli_array_plan *ret_plan)
{
    return creation_plan_unpacked(invocation, creation, source, source, ret_plan);
}

int creation_plan_like(cli_invocation *invocation, const cli_creation *creation, tsr_array *like,
                       tsr_array *source, const char *const *names, cli_array_plan *ret_plan)
{
    /* Listed lengths of chunks suit one length of the axis alone. */
    bool suits = tsr_array_rank(like) == tsr_array_rank(source) && tsr_array_is_regular(like);
    tsr_array_create_options *options = &ret_plan->options;

    CLI_TRY(creation_plan_copy(invocation, creation, suits ? like : source, ret_plan));
    options->shape = tsr_array_shape(source);
    if (invocation_has(invocation, OPTION_DIMENSION_NAMES))
        return 0;
    for (int axis = 0; axis < options->rank; axis++) {
        ret_plan->names[axis] = names ? names[axis] : tsr_array_dimension_name(source, axis);
        if (ret_plan->names[axis])
            options->dimension_names = ret_plan->names;
    }
    return 0;
}
