/* How a new array is made: the options of the command line, filled up from the array that is
 * copied. */
#ifndef TESSERA_CLI_CREATION_H
#define TESSERA_CLI_CREATION_H

#include "codec_text.h"
#include "invocation.h"

/* Lengths for the axes as people give them: "270,270", "lat=-1,lon=64", "auto", "none", or several
 * for an axis, "[[31,28,31],100]". */
typedef enum cli_lengths_kind {
    LENGTHS_ABSENT, /* the option was not given */
    LENGTHS_AUTO,
    LENGTHS_NONE,
    LENGTHS_PLAIN,
    LENGTHS_NAMED,
    LENGTHS_EDGES
} cli_lengths_kind;

typedef struct cli_lengths_spec {
    cli_lengths_kind kind;
    int count;
    int64_t values[TSR_RANK_MAX]; /* >= 1, or -1 for the whole axis */
    char *names[TSR_RANK_MAX];    /* NAMED only */
    char *edges;                  /* EDGES only: JSON */
} cli_lengths_spec;

/* What the command line says about new arrays. */
typedef struct cli_creation {
    cli_lengths_spec chunks, shards;
    char *filters, *serializer, *compressors, *codecs, *index_codecs, *attributes;
    bool short_filters;     /* `filters` is no JSON but the short form of filter_text.h */
    const tsr_dtype *dtype; /* NULL when not given */
    bool big_endian;        /* `dtype` was given as ">i4", or as fields of which all are so */
    int zarr_format;        /* 0 when not given */
} cli_creation;

/* Options for one new array, with the memory behind its pointers. */
typedef struct cli_array_plan {
    tsr_array_create_options options;
    int64_t chunk_shape[TSR_RANK_MAX], shard_shape[TSR_RANK_MAX];
    const char *names[TSR_RANK_MAX];
    void *fill_value;
    tsr_heap *heap; /* of a fill value of variable length */
    char *attributes, *name_text;
    char *edges;   /* of the array that is copied */
    char *filters; /* that a short form means for this array */
    cli_codec_lists kept;
} cli_array_plan;

/* The options that commands which make arrays take, for their tables. */
#define CREATION_OPTIONS                                                                  \
    OPTION_CHUNKS, OPTION_SHARDS, OPTION_CODEC, OPTION_FILTERS, OPTION_SERIALIZER,        \
        OPTION_COMPRESSORS, OPTION_CODECS, OPTION_INDEX_CODECS, OPTION_INDEX_LOCATION,    \
        OPTION_FILL_VALUE, OPTION_DIMENSION_NAMES, OPTION_ATTRIBUTES, OPTION_ZARR_FORMAT, \
        OPTION_SEPARATOR, OPTION_CHUNK_KEYS, OPTION_PARITY, OPTION_ORDER, OPTION_STATISTICS

/* Reads the options. Errors: INVALID_ARGUMENT, NOT_FOUND (@FILE, type), NO_MEMORY. */
int creation_read(cli_invocation *invocation, cli_creation *ret_creation);

/* Releases everything. */
void creation_clear(cli_creation *creation);

/* In a tree, arrays that get no shards, such as short coordinates, get no parity for them. */
void array_plan_spare_parity(cli_array_plan *plan);

/* The options for a copy of `source`: shape, type, names, attributes and fill value are its own
 * unless the command line says otherwise; chunks and codecs too when it is a Zarr array. Errors:
 * INVALID_ARGUMENT, NO_MEMORY. */
int creation_plan_copy(cli_invocation *invocation, const cli_creation *creation, tsr_array *source,
                       cli_array_plan *ret_plan);

/* The same for the numbers that `packed` stands for, which `unpacked` has: chunks and keys are
 * those of `packed`, type, attributes and fill value those of `unpacked`. Errors: as above. */
int creation_plan_unpacked(cli_invocation *invocation, const cli_creation *creation,
                           tsr_array *packed, tsr_array *unpacked, cli_array_plan *ret_plan);

/* The options for an array with the elements of `source`, which is made of `like` and others like
 * it: chunks and codecs are those of `like`, as far as they suit. `names` (NULL: those of `source`)
 * are what its axes are called unless the command line says otherwise; borrowed. Errors: as above.
 */
int creation_plan_like(cli_invocation *invocation, const cli_creation *creation, tsr_array *like,
                       tsr_array *source, const char *const *names, cli_array_plan *ret_plan);

/* The options for an array out of nothing: --shape and --dtype are needed. Errors:
 * INVALID_ARGUMENT, NO_MEMORY. */
int creation_plan_new(cli_invocation *invocation, const cli_creation *creation,
                      const int64_t *shape, int rank, cli_array_plan *ret_plan);

/* Releases the memory of a plan. */
void array_plan_clear(cli_array_plan *plan);

/* Reads --shape: `rank` lengths >= 0. Errors: INVALID_ARGUMENT. */
int creation_read_shape(cli_invocation *invocation, int64_t *ret_shape, int *ret_rank);

/* The write options of the command line (--durability). */
void creation_write_options(const cli_invocation *invocation, tsr_write_options *ret_options);

/* --casting; without it what --dtype asks for may lose precision, but no value that does not fit,
 * and what is written into an array that is there already loses nothing. */
tsr_casting creation_casting(const cli_invocation *invocation);

#endif
