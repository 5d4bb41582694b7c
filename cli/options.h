/* The one option table: every option of every command stands in it once, so that one name means the
 * same everywhere. Parsing, help, usage errors, man pages, completion and --json-usage all read it.
 */
#ifndef TESSERA_CLI_OPTIONS_H
#define TESSERA_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

typedef enum cli_option_id {
    /* General. */
    OPTION_HELP,
    OPTION_COLOR,
    OPTION_STATS,
    OPTION_TRACE,
    OPTION_JSON_USAGE,
    OPTION_THREADS,
    OPTION_MEMORY,
    OPTION_PROGRESS,
    OPTION_JSON,
    /* Which elements. */
    OPTION_SELECT,
    OPTION_ISEL,
    OPTION_POINTS,
    OPTION_ORTHOGONAL,
    /* How an array is made. */
    OPTION_SHAPE,
    OPTION_DTYPE,
    OPTION_CHUNKS,
    OPTION_SHARDS,
    OPTION_CODEC,
    OPTION_FILTERS,
    OPTION_SERIALIZER,
    OPTION_COMPRESSORS,
    OPTION_CODECS,
    OPTION_INDEX_CODECS,
    OPTION_INDEX_LOCATION,
    OPTION_FILL_VALUE,
    OPTION_DIMENSION_NAMES,
    OPTION_ATTRIBUTES,
    OPTION_ZARR_FORMAT,
    OPTION_SEPARATOR,
    OPTION_CHUNK_KEYS,
    OPTION_PARITY,
    OPTION_ORDER,
    OPTION_STATISTICS,
    /* Writing and removing. */
    OPTION_DURABILITY,
    OPTION_INNER_ORDER,
    OPTION_CASTING,
    OPTION_OVERWRITE,
    OPTION_KEEP_CHUNKS,
    OPTION_DROP,
    OPTION_AXIS,
    OPTION_STACK_AXIS,
    OPTION_NEW_AXIS,
    OPTION_DESTINATION,
    OPTION_LIKE,
    OPTION_REMOVE,
    OPTION_FORCE,
    OPTION_DRY_RUN,
    OPTION_KEEP,
    OPTION_OLDER_THAN,
    OPTION_NEW_TREE,
    OPTION_RECURSIVE,
    OPTION_VERIFY,
    OPTION_UNPACK,
    /* Listing. */
    OPTION_LONG,
    OPTION_DEPTH,
    /* cat, export. */
    OPTION_CAT_FORMAT,
    OPTION_WHERE,
    OPTION_FOLLOW,
    OPTION_IDLE,
    OPTION_EXPORT_FORMAT,
    OPTION_UNLIMITED,
    /* stats. */
    OPTION_MISSING,
    OPTION_BINS,
    OPTION_UPDATE,
    /* explain. */
    OPTION_PAST,
    /* chunks. */
    OPTION_LIST,
    OPTION_CENSUS,
    /* draw, codecs. */
    OPTION_OUTPUT,
    OPTION_COLORMAP,
    OPTION_STRETCH,
    OPTION_RANGE,
    OPTION_SIZE,
    OPTION_DOWNSAMPLE,
    OPTION_ORIENT,
    OPTION_TRY,
    OPTION_LEVELS,
    OPTION_SAMPLE,
    /* pyramid. */
    OPTION_METHOD,
    OPTION_FACTORS,
    OPTION_SMALLER_LEVELS,
    OPTION_SCALE,
    OPTION_UNITS,
    /* hash. */
    OPTION_HASH,
    OPTION_STORED,
    OPTION_HASH_LEVELS,
    /* check. */
    OPTION_DATA,
    OPTION_RATE,
    OPTION_REPAIR,
    /* version. */
    OPTION_BUILD,
    OPTION_COUNT /* how many there are */
} cli_option_id;

typedef enum cli_option_kind {
    OPTION_KIND_FLAG,    /* no value */
    OPTION_KIND_TEXT,    /* read by the command */
    OPTION_KIND_CHOICE,  /* one word of `choices` */
    OPTION_KIND_INTEGER, /* a decimal number >= 0 */
    OPTION_KIND_BYTES,   /* 512MiB, 1.5GiB, 4096 */
    OPTION_KIND_RATE,    /* bytes, with or without "/s" */
    OPTION_KIND_JSON,    /* a JSON text, or @FILE */
    OPTION_KIND_FILE     /* a path */
} cli_option_kind;

typedef struct cli_option {
    cli_option_id id;
    const char *name; /* without the dashes */
    char letter;      /* 0: none */
    cli_option_kind kind;
    const char *value;   /* what help calls the value; NULL for flags */
    const char *choices; /* words separated by '|'; NULL unless a choice */
    bool repeats;        /* may be given several times */
    bool universal;      /* every command takes it */
    const char *help;    /* one sentence without a full stop */
} cli_option;

/* The row of an option. Never NULL. */
const cli_option *option_row(cli_option_id id);

/* Whether `word` is one of the words of "a|b|c". */
bool option_is_choice(const char *choices, const char *word);

/* Calls `each` for every word of "a|b|c" in order. */
void option_each_choice(const char *choices, void (*each)(void *user, const char *word),
                        void *user);

#endif
