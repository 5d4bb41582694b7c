#include "options.h"

#include <assert.h>
#include <string.h>

#define FLAG(id, name, letter, help) \
    [id] = {id, name, letter, OPTION_KIND_FLAG, NULL, NULL, false, false, help}
#define VALUE(id, name, letter, kind, value, help) \
    [id] = {id, name, letter, OPTION_KIND_##kind, value, NULL, false, false, help}
#define CHOICE(id, name, letter, choices, help) \
    [id] = {id, name, letter, OPTION_KIND_CHOICE, choices, choices, false, false, help}

static const cli_option table[OPTION_COUNT] = {
    [OPTION_HELP] = {OPTION_HELP, "help", 'h', OPTION_KIND_FLAG, NULL, NULL, false, true,
                     "Show this help"},
    [OPTION_COLOR] =
        {OPTION_COLOR, "color", 0, OPTION_KIND_CHOICE, "auto|always|never", "auto|always|never",
         false, true,
         "Use colour; auto means on a terminal that can show it, unless NO_COLOR is set"},
    [OPTION_STATS] = {OPTION_STATS, "stats", 0, OPTION_KIND_FLAG, NULL, NULL, false, true,
                      "Tell on standard error, at the end, where the time went and what was moved"},
    [OPTION_TRACE] = {OPTION_TRACE, "trace", 0, OPTION_KIND_FILE, "FILE", NULL, false, true,
                      "Append a line for each read and write of an array to this file"},
    [OPTION_JSON_USAGE] = {OPTION_JSON_USAGE, "json-usage", 0, OPTION_KIND_FLAG, NULL, NULL, false,
                           true, "Print operands and options as JSON"},
    VALUE(OPTION_THREADS, "threads", 0, INTEGER, "N",
          "Threads to use; the default is as many as the machine allows this process"),
    VALUE(OPTION_MEMORY, "memory", 0, BYTES, "SIZE",
          "Most memory for data in flight, such as 512MiB; work that needs more is refused"),
    CHOICE(OPTION_PROGRESS, "progress", 0, "auto|plain|json|none",
           "How progress is told on standard error; auto means a bar on a terminal, else nothing"),
    FLAG(OPTION_JSON, "json", 0, "Print one JSON document with exact numbers"),

    VALUE(
        OPTION_SELECT, "select", 0, TEXT, "SELECTION",
        "Elements in NumPy's notation, such as '1000:1003, ::1440' or '[3, 7, 9], ...'; @FILE is a "
        "list of positions or a mask in any array, such as an .npy file"),
    [OPTION_ISEL] =
        {OPTION_ISEL, "isel", 0, OPTION_KIND_TEXT, "NAME=RANGE", NULL, true, false,
         "Elements along a named dimension, such as lat=1000:1003 or lat=[3, 7, 9]; may "
         "be repeated, or list several with commas"},
    VALUE(OPTION_POINTS, "points", 0, TEXT, "FILE",
          "Single elements: an array of integers, such as an .npy file, with a row for each and a "
          "column for each axis"),
    FLAG(
        OPTION_ORTHOGONAL, "orthogonal", 0,
        "Several lists in a selection stand each for themselves; otherwise the k-th position of one "
        "goes with the k-th of the others, as in NumPy"),

    VALUE(OPTION_SHAPE, "shape", 0, TEXT, "LENGTHS", "Length of each axis, such as 1000,721,1440"),
    VALUE(
        OPTION_DTYPE, "dtype", 0, TEXT, "TYPE",
        "Element type, such as float32, f4, bfloat16, U10, datetime64[ns], or JSON as metadata has it"),
    VALUE(OPTION_CHUNKS, "chunks", 0, TEXT, "LENGTHS",
          "Chunk shape (of inner chunks where there are shards): 270,270 or lat=-1,lon=64 or auto; "
          "-1 is the whole axis; several lengths along an axis: [[31,28,[30,2]],100]"),
    VALUE(OPTION_SHARDS, "shards", 0, TEXT, "LENGTHS",
          "Shard shape, a multiple of the chunk shape, likewise; none for no shards"),
    VALUE(OPTION_CODEC, "codec", 0, TEXT, "CODEC",
          "Compression in short form: zstd:5, blosc:lz4:5:shuffle, gzip:6, none"),
    VALUE(OPTION_FILTERS, "filters", 0, TEXT, "FILTERS",
          "Array-to-array codecs: delta, bitround=BITS, quantize=DIGITS, "
          "fixedscaleoffset=OFFSET:SCALE:TYPE, astype=TYPE, packbits, transpose=1:0, several with "
          "commas; or in full, as a JSON list or @FILE"),
    VALUE(OPTION_SERIALIZER, "serializer", 0, JSON, "JSON", "The array-to-bytes codec in full"),
    VALUE(OPTION_COMPRESSORS, "compressors", 0, JSON, "JSON", "Bytes-to-bytes codecs in full"),
    VALUE(
        OPTION_CODECS, "codecs", 0, JSON, "JSON",
        "The whole Zarr v3 chain exactly, sharding included; --chunks is then the outermost shape"),
    VALUE(OPTION_INDEX_CODECS, "index-codecs", 0, JSON, "JSON", "Codecs of the shard index"),
    CHOICE(OPTION_INDEX_LOCATION, "index-location", 0, "start|end",
           "Where in the shard its index lies"),
    VALUE(
        OPTION_FILL_VALUE, "fill-value", 0, TEXT, "VALUE",
        "What elements are that were never written, such as 0, NaN, -Infinity, 0x7fc00001; in Zarr v2 "
        "also null: nothing is said of them"),
    VALUE(OPTION_DIMENSION_NAMES, "dimension-names", 0, TEXT, "NAMES",
          "Names of the axes, such as time,lat,lon"),
    VALUE(OPTION_ATTRIBUTES, "attributes", 0, JSON, "JSON", "Attributes, a JSON object"),
    CHOICE(OPTION_ZARR_FORMAT, "zarr-format", 0, "2|3", "Version of the Zarr format to write"),
    CHOICE(OPTION_SEPARATOR, "separator", 0, "/|.",
           "What stands between the numbers of chunk keys"),
    VALUE(OPTION_CHUNK_KEYS, "chunk-keys", 0, TEXT, "NAME",
          "How chunks are named in the store (Zarr v3): default, v2, tessera.hashed (spread over "
          "folders), tessera.morton (neighbours together), or a JSON object with a configuration; "
          "other readers refuse arrays with the last two"),
    VALUE(
        OPTION_PARITY, "parity", 0, TEXT, "AMOUNT",
        "Reed-Solomon parity in each shard, from which check --repair computes what is damaged: 1% to "
        "100%, or the blocks of data and of parity that belong together, such as 40+4; none: without. "
        "Every other reader reads such shards as ever"),
    CHOICE(OPTION_ORDER, "order", 0, "C|F", "Order of the elements in a chunk (Zarr v2)"),
    FLAG(OPTION_STATISTICS, "statistics", 0,
         "Keep extremes, sum and counts of each chunk beside the data, for `tessera stats`"),

    CHOICE(OPTION_DURABILITY, "durability", 0, "none|flush|chunk",
           "When data is on disk: none whenever the system likes, flush when the command ends "
           "(default), chunk after each chunk"),
    CHOICE(
        OPTION_INNER_ORDER, "inner-order", 0, "lexicographic|colexicographic|morton",
        "In which order the chunks lie in a shard: the last axis fastest (default), the first axis "
        "fastest, or so that boxes of any shape lie close together"),
    CHOICE(
        OPTION_CASTING, "casting", 0, "no|safe|same_kind|unsafe",
        "How far element types may be converted, by NumPy's rules; the default is safe, and with "
        "--dtype same_kind, which refuses values that do not fit"),
    FLAG(OPTION_OVERWRITE, "overwrite", 0, "Replace what is at the destination"),
    FLAG(OPTION_KEEP_CHUNKS, "keep-chunks", 0,
         "Change the metadata alone, and leave every stored chunk as it is"),
    FLAG(OPTION_DROP, "drop", 0, "Take the copies away"),
    VALUE(OPTION_AXIS, "axis", 0, TEXT, "AXIS",
          "The axis that grows, by name or number; the default is the first"),
    VALUE(
        OPTION_STACK_AXIS, "axis", 0, TEXT, "AXIS",
        "The axis along which the arrays come one behind the other, by name or number; the default "
        "is the first"),
    VALUE(
        OPTION_NEW_AXIS, "new-axis", 0, TEXT, "NAME",
        "Put the arrays side by side along a new first axis of this name; or NAME=PLACE, the number "
        "of the axis"),
    VALUE(OPTION_DESTINATION, "output", 'o', FILE, "DESTINATION", "The new array (required)"),
    VALUE(
        OPTION_LIKE, "like", 0, TEXT, "PLACE",
        "An array whose shape, type, chunks, codecs, names and attributes are taken where nothing "
        "else is said"),
    [OPTION_REMOVE] = {OPTION_REMOVE, "remove", 0, OPTION_KIND_TEXT, "NAME", NULL, true, false,
                       "Remove this attribute; may be repeated"},
    FLAG(OPTION_FORCE, "force", 'f', "Ask no questions"),
    FLAG(OPTION_DRY_RUN, "dry-run", 'n', "Say what would be done, and change nothing"),
    VALUE(OPTION_KEEP, "keep", 0, INTEGER, "N", "Keep the N versions that were replaced last"),
    VALUE(OPTION_OLDER_THAN, "older-than", 0, TEXT, "TIME",
          "Keep what is younger than this, such as 90s, 15min, 12h, 30d or 2w"),
    FLAG(OPTION_NEW_TREE, "new", 0,
         "The tree is not there yet: the command makes it, in an empty folder"),
    FLAG(OPTION_RECURSIVE, "recursive", 'r', "Copy a group with everything in it"),
    FLAG(
        OPTION_UNPACK, "unpack", 0,
        "Numbers that CF's attributes scale_factor and add_offset stand for, NaN where _FillValue or "
        "missing_value say that one is missing; what has no such attributes stays as it is"),
    FLAG(OPTION_VERIFY, "verify", 0,
         "Read each array back when it is copied, and compare it with the source by value"),

    FLAG(OPTION_LONG, "long", 'l', "Show shape, type and sizes too"),
    VALUE(OPTION_DEPTH, "depth", 'L', INTEGER, "N", "Show at most N levels of groups"),

    CHOICE(
        OPTION_CAT_FORMAT, "format", 0, "text|npy|csv|json|raw",
        "What to print: text (default), an .npy file, CSV, nested JSON lists, or the bare bytes, "
        "little-endian, in C order"),
    VALUE(
        OPTION_WHERE, "where", 0, TEXT, "CONDITION",
        "Only elements for which this holds, with their positions: 'x > 3', '-1 <= x < 5 or x == 99'"),
    FLAG(OPTION_FOLLOW, "follow", 'f',
         "Then print what is appended along the first axis, as it comes, until interrupted"),
    VALUE(OPTION_IDLE, "idle", 0, INTEGER, "SECONDS",
          "With --follow: end when nothing was appended for so long"),
    CHOICE(OPTION_EXPORT_FORMAT, "format", 0, "netcdf|npy",
           "What to write; the default follows from the name of the destination"),
    [OPTION_UNLIMITED] =
        {OPTION_UNLIMITED, "unlimited", 0, OPTION_KIND_TEXT, "AXIS", NULL, true, false,
         "Make a dimension of the netCDF file unlimited, by its name or, of a single array, the "
         "number of the axis; may be repeated"},

    CHOICE(OPTION_MISSING, "missing", 0, "auto|keep|skip",
           "Elements left out of the figures: auto those that _FillValue or missing_value names, "
           "keep none but NaN, skip also those that equal the fill value"),
    VALUE(OPTION_BINS, "bins", 0, INTEGER, "N",
          "Bars of the histogram, which takes reading the data, 0 for none; the default is 20, and "
          "none where the figures come from kept statistics"),
    FLAG(OPTION_UPDATE, "update", 0,
         "Keep statistics of each chunk from now on, and read those of which none are known"),
    VALUE(OPTION_PAST, "trace", 0, FILE, "FILE",
          "Tell what the reads in this trace took, and which chunks and shards would have suited "
          "them best; of PLACE, or of each array that was read"),
    FLAG(OPTION_LIST, "list", 0, "List every chunk, one a line, instead of the picture"),
    FLAG(OPTION_CENSUS, "census", 0, "Only count, in every array of a tree"),

    VALUE(OPTION_OUTPUT, "output", 'o', FILE, "FILE", "Where the picture goes"),
    CHOICE(OPTION_COLORMAP, "colormap", 0, "viridis|cividis|gray|terrain",
           "Colours; terrain puts the coast at 0. All can be read with colour-blind eyes"),
    VALUE(OPTION_STRETCH, "stretch", 0, TEXT, "LOW,HIGH",
          "Percentiles that get the ends of the colour scale (default 2,98; 0,100 is everything)"),
    VALUE(OPTION_RANGE, "range", 0, TEXT, "MIN,MAX",
          "Values that get the ends of the colour scale"),
    VALUE(OPTION_SIZE, "size", 0, TEXT, "PIXELS",
          "Longest side, such as 1200, or at most WIDTHxHEIGHT, of the picture without its scale"),
    CHOICE(
        OPTION_DOWNSAMPLE, "downsample", 0, "auto|mean|stride",
        "How elements become pixels: the mean of all, or every n-th; auto means up to 4 GiB, and "
        "draws kept statistics"),
    CHOICE(OPTION_ORIENT, "orient", 0, "auto|image",
           "auto puts north, or larger coordinates, at the top; image keeps row 0 there"),
    VALUE(OPTION_TRY, "try", 0, TEXT, "PLACE", "Measure every codec on the bytes of this array"),
    FLAG(OPTION_LEVELS, "levels", 0, "Try more levels of each codec"),
    CHOICE(OPTION_METHOD, "method", 0, "mean|median|mode|stride|min|max",
           "How several elements become one: their mean (default), the one in the middle, the most "
           "frequent one (for labels), the first, the least or the greatest"),
    VALUE(
        OPTION_FACTORS, "factors", 0, TEXT, "FACTORS",
        "How many elements become one along each axis: 2 (default: along those of space), 1,2,2 or "
        "y=2,x=4"),
    VALUE(OPTION_SMALLER_LEVELS, "levels", 0, INTEGER, "COUNT",
          "How many smaller arrays to make; the default is until one fits into a single chunk"),
    VALUE(
        OPTION_SCALE, "scale", 0, TEXT, "SIZES",
        "How large an element of the array is along each axis, such as 0.5, or z=2,y=0.5,x=0.5; the "
        "default is 1"),
    VALUE(OPTION_UNITS, "units", 0, TEXT, "UNITS",
          "Units of the axes, such as x=micrometer,y=micrometer"),
    VALUE(OPTION_SAMPLE, "sample", 0, BYTES, "SIZE", "How many bytes to try on (default 16MiB)"),

    FLAG(OPTION_HASH, "hash", 0,
         "Compare hashes; FIRST and SECOND are places, or files that `tessera hash --json` wrote"),
    FLAG(OPTION_STORED, "stored", 0,
         "Hash encoded chunks as they are stored, without decoding them; default: values"),
    FLAG(OPTION_HASH_LEVELS, "levels", 0,
         "Tell the hashes of shards and chunks too; those of nothing but fill values have none"),

    FLAG(OPTION_DATA, "data", 0, "Also decode every chunk, so that each checksum is verified"),
    VALUE(OPTION_RATE, "rate", 0, RATE, "SIZE", "Read at most this much a second, such as 50MiB/s"),
    FLAG(OPTION_REPAIR, "repair", 0,
         "Make damaged shards anew from what is sound, and keep the damaged files beside them"),
    FLAG(OPTION_BUILD, "build", 0,
         "Also how it was built, with which libraries and optional parts"),
};

const cli_option *option_row(cli_option_id id)
{
    assert(id < OPTION_COUNT && table[id].name);
    return &table[id];
}

bool option_is_choice(const char *choices, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = choices; length > 0;) {
        size_t span = strcspn(at, "|");
        if (span == length && memcmp(at, word, span) == 0)
            return true;
        if (at[span] == '\0')
            break;
        at += span + 1;
    }
    return false;
}

void option_each_choice(const char *choices, void (*each)(void *user, const char *word), void *user)
{
    char word[32];

    for (const char *at = choices;;) {
        size_t span = strcspn(at, "|");
        assert(span < sizeof word);
        memcpy(word, at, span);
        word[span] = '\0';
        each(user, word);
        if (at[span] == '\0')
            return;
        at += span + 1;
    }
}
