/* Proves that a power cut at any moment takes nothing from an array that was acknowledged, shows no
 * chunk that is torn and no length whose elements are not there, and that work goes on afterwards:
 * for each way to write and each durability, on every disk that may be left where they can be
 * counted, else on a sample by seed. Without durability nothing is promised but that a program can
 * go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#include <tessera/group.h>
#include <tessera/maintenance.h>
#include <tessera/writer.h>

#include "support/ledger.h"
#include "support/power_cut.h"
#include "unit/array/array_testing.h"

/* One program on a disk. */
typedef struct session {
    simulated_disk *disk;
    fixture f;
    tsr_durability durability;
    bool shares_blocks;
} session;

/* What is wrong after a cut; empty as long as nothing is. */
typedef struct verdict {
    session *before;
    const struct scenario *scenario;
    char text[600];
} verdict;

typedef struct scenario {
    const char *name;
    void (*run)(session *s);
    /* Holds what is there against the ledger. */
    void (*check)(session *s, const ledger *book, verdict *v);
    /* Folders change their place, which only file systems with whole renames survive. */
    bool moves_folders;
    bool is_large; /* fewer disks of it are looked at */
} scenario;

/* On a file system whose files share blocks, parts of shards are appended. */
static int say_xfs(const tsr_system *system, int descriptor, struct statfs *ret_status)
{
    (void)system;
    (void)descriptor;
    *ret_status = (struct statfs){.f_type = 0x58465342};
    return 0;
}

static void session_open(session *s, simulated_disk *disk, tsr_durability durability,
                         bool shares_blocks)
{
    tsr_context_options options;
    *s = (session){.disk = disk, .durability = durability, .shares_blocks = shares_blocks};
    tsr_context_options_init(&options);
    options.threads = 1;
    if (shares_blocks)
        simulated_disk_system(disk)->fstatfs = say_xfs;
    options.system = simulated_disk_system(disk);
    assert_int_equal(tsr_context_new(&options, &s->f.context, NULL), 0);
    assert_int_equal(tsr_store_open(s->f.context, "/data/z", &s->f.store, NULL), 0);
}

static tsr_write_options write_options(const session *s)
{
    tsr_write_options options;
    tsr_write_options_init(&options);
    options.durability = s->durability;
    return options;
}

#define WRONG(v, ...)                                          \
    do {                                                       \
        if (!(v)->text[0])                                     \
            snprintf((v)->text, sizeof(v)->text, __VA_ARGS__); \
    } while (0)

/* Whether the ledger allows a version, and complains when it does not. */
static bool allowed(verdict *v, const ledger *book, int cell, int version)
{
    if (version >= book->acknowledged[cell] && version <= book->begun[cell])
        return true;
    WRONG(v, "cell %d is of version %d; acknowledged %d, begun %d", cell, version,
          book->acknowledged[cell], book->begun[cell]);
    return false;
}

/* Opens the array when it is there. Its creation is cell 0. */
static tsr_array *open_after_cut(session *s, const char *path, const ledger *book, verdict *v)
{
    tsr_array_open_options options;
    tsr_array *array = NULL;
    tsr_array_open_options_init(&options);
    options.store = s->f.store;
    options.writable = true;
    int status = tsr_array_open(s->f.context, path, &options, &array, &s->f.err);
    if (status < 0 && (status != TSR_NOT_FOUND || book->acknowledged[0] > 0))
        WRONG(v, "%s does not open: %.300s", path, s->f.err.message);
    tsr_error_clear(&s->f.err);
    return array;
}

/* ---- chunks and inner chunks, by whole values ---- */

enum { CELL = 300 }; /* elements of a cell: two sectors */

static const array_row chunked = {
    .name = "chunks", .rank = 1, .shape = {3 * CELL}, .chunk = {CELL}, .codec = "none"};
static const array_row sharded = {.name = "shards",
                                  .rank = 1,
                                  .shape = {4 * CELL},
                                  .chunk = {CELL},
                                  .shard = {2 * CELL},
                                  .codec = "none"};

/* Every third version is all fill value, which is erased. */
static uint16_t value_of(int version)
{
    return version % 3 == 0 ? 0 : (uint16_t)(1000 + version);
}

/* Writes the cells first, ..., first + count - 1 as one operation. */
static int write_cells(session *s, tsr_array *array, int first, int count, int version)
{
    uint16_t values[4 * CELL];
    int64_t shape = (int64_t)count * CELL;
    tsr_index index = {.rank = 1, .axes = {{TSR_INDEX_RANGE, (int64_t)first * CELL, shape, 1}}};
    tsr_write_options options = write_options(s);
    tsr_view view;

    for (int64_t i = 0; i < shape; i++)
        values[i] = value_of(version);
    good(tsr_view_init(&view, TSR_UINT16, 1, &shape, values, &s->f.err), &s->f.err);
    return tsr_array_write_index(array, &index, &view, TSR_CASTING_NO, &options, NULL, &s->f.err);
}

static void write_noted(session *s, tsr_array *array, int first, int count, int version)
{
    for (int cell = first; cell < first + count; cell++)
        ledger_begin(s->disk, 1 + cell, version);
    good(write_cells(s, array, first, count, version), &s->f.err);
    if (s->durability != TSR_DURABILITY_NONE)
        for (int cell = first; cell < first + count; cell++)
            ledger_acknowledge(s->disk, 1 + cell, version);
}

static tsr_array *create_noted(session *s, const char *path, const array_row *row)
{
    ledger_begin(s->disk, 0, 1);
    tsr_array *array = array_new(&s->f, s->f.store, path, row, TSR_UINT16, NULL);
    ledger_acknowledge(s->disk, 0, 1);
    return array;
}

static void run_chunks(session *s)
{
    tsr_array *array = create_noted(s, "a", &chunked);
    write_noted(s, array, 0, 1, 1);
    write_noted(s, array, 0, 1, 2);
    write_noted(s, array, 0, 1, 3); /* erases it */
    write_noted(s, array, 1, 2, 1);
    write_noted(s, array, 0, 3, 4);
    tsr_array_close(array);
}

static void run_shards(session *s)
{
    tsr_array *array = create_noted(s, "group/a", &sharded);
    write_noted(s, array, 0, 1, 1);
    write_noted(s, array, 1, 1, 1);
    write_noted(s, array, 0, 1, 2);
    write_noted(s, array, 1, 2, 4); /* half of either shard */
    write_noted(s, array, 0, 2, 6); /* erases one */
    tsr_array_close(array);
}

static void check_cell(session *s, tsr_array *array, int cell, const ledger *book, verdict *v)
{
    uint16_t values[CELL];
    int64_t start = (int64_t)cell * CELL, shape = CELL;
    if (tsr_array_read(array, &start, &shape, NULL, values, sizeof values, NULL, &s->f.err) < 0) {
        WRONG(v, "cell %d cannot be read: %.300s", cell, s->f.err.message);
        return;
    }
    for (int i = 1; i < CELL; i++)
        if (values[i] != values[0])
            WRONG(v, "cell %d is torn: %d and %d", cell, values[0], values[i]);
    int version = values[0] ? values[0] - 1000 : book->acknowledged[1 + cell];
    if (values[0] == 0) /* any version that says so */
        while (version <= book->begun[1 + cell] && version % 3)
            version++;
    allowed(v, book, 1 + cell, version);
}

/* A checkpoint for writes that were left to the system. */
static void run_checkpoint(session *s)
{
    tsr_durability asked = s->durability;
    tsr_array *array = create_noted(s, "group/a", &sharded);
    s->durability = TSR_DURABILITY_NONE;
    write_noted(s, array, 0, 1, 1);
    write_noted(s, array, 1, 2, 1);
    write_noted(s, array, 0, 1, 2);
    write_noted(s, array, 2, 1, 3); /* erases one */
    good(tsr_array_sync(array, NULL, &s->f.err), &s->f.err);
    s->durability = asked;
    const int versions[] = {2, 1, 3};
    for (int cell = 0; cell < 3; cell++)
        ledger_acknowledge(s->disk, 1 + cell, versions[cell]);
    tsr_array_close(array);
}

/* Who starts anew creates what is not there, and writes everything. */
static void go_on(session *s, const char *path, const array_row *row, verdict *v)
{
    const int version = 100;
    tsr_array_create_options options;
    tsr_array *array = NULL;
    uint16_t values[4 * CELL];
    int cells = (int)(row->shape[0] / CELL);
    size_t size_bytes = (size_t)row->shape[0] * sizeof *values;

    row_options(row, TSR_UINT16, NULL, &options);
    options.store = s->f.store;
    options.mode = TSR_CREATE_OPEN;
    if (tsr_array_create(s->f.context, path, &options, &array, &s->f.err) < 0 ||
        write_cells(s, array, 0, cells, version) < 0 ||
        tsr_array_read(array, NULL, NULL, NULL, values, size_bytes, NULL, &s->f.err) < 0)
        WRONG(v, "nobody can go on: %.400s", s->f.err.message);
    else if (values[0] != value_of(version) || values[row->shape[0] - 1] != value_of(version))
        WRONG(v, "what is written anew is not there");
    tsr_array_close(array);
}

static int count_entry(void *user, const tsr_store_entry *entry)
{
    if (!strstr(entry->name, "zarr.json"))
        ++*(int *)user;
    return 0;
}

/* Files of writers that died go away when their keys are written again, which those of metadata
 * are not. */
static void expect_no_left_over(session *s, verdict *v)
{
    int count = 0;
    if (tsr_store_list_left_over(s->f.store, "", count_entry, &count, NULL, &s->f.err) < 0)
        WRONG(v, "what is left over cannot be listed: %.300s", s->f.err.message);
    if (count > 0)
        WRONG(v, "%d files are left over after everything was written anew", count);
}

static void check_cells(session *s, const ledger *book, verdict *v, const char *path,
                        const array_row *row)
{
    tsr_array *array = open_after_cut(s, path, book, v);
    for (int cell = 0; array && cell < row->shape[0] / CELL; cell++)
        if (s->durability != TSR_DURABILITY_NONE)
            check_cell(s, array, cell, book, v);
    tsr_array_close(array);
    go_on(s, path, row, v);
}

static void check_chunks(session *s, const ledger *book, verdict *v)
{
    check_cells(s, book, v, "a", &chunked);
    expect_no_left_over(s, v);
}

static void check_shards(session *s, const ledger *book, verdict *v)
{
    check_cells(s, book, v, "group/a", &sharded);
    expect_no_left_over(s, v);
}

static void check_checkpoint(session *s, const ledger *book, verdict *v)
{
    tsr_array *array = open_after_cut(s, "group/a", book, v);
    for (int cell = 0; array && cell < 3; cell++)
        if (book->acknowledged[3] == 3) /* the last mark */
            check_cell(s, array, cell, book, v);
    tsr_array_close(array);
    go_on(s, "group/a", &sharded, v);
}

/* ---- shards so large that parts are appended where files share blocks ---- */

enum { LARGE = 40 * 1024 }; /* elements of an inner chunk */

static const array_row large = {.name = "large",
                                .rank = 1,
                                .shape = {4 * LARGE},
                                .chunk = {LARGE},
                                .shard = {4 * LARGE},
                                .codec = "none"};

static void write_large(session *s, tsr_array *array, int first, int count, int version)
{
    int64_t shape = (int64_t)count * LARGE;
    uint16_t *values = malloc((size_t)shape * sizeof *values);
    tsr_index index = {.rank = 1, .axes = {{TSR_INDEX_RANGE, (int64_t)first * LARGE, shape, 1}}};
    tsr_write_options options = write_options(s);
    tsr_view view;

    for (int64_t i = 0; i < shape; i++)
        values[i] = value_of(version);
    for (int cell = first; cell < first + count; cell++)
        ledger_begin(s->disk, 1 + cell, version);
    good(tsr_view_init(&view, TSR_UINT16, 1, &shape, values, &s->f.err), &s->f.err);
    good(tsr_array_write_index(array, &index, &view, TSR_CASTING_NO, &options, NULL, &s->f.err),
         &s->f.err);
    if (s->durability != TSR_DURABILITY_NONE)
        for (int cell = first; cell < first + count; cell++)
            ledger_acknowledge(s->disk, 1 + cell, version);
    free(values);
}

static void run_large(session *s)
{
    const int64_t first = 0;
    tsr_blob *blob = NULL;
    tsr_array *array = create_noted(s, "a", &large);
    write_large(s, array, 0, 4, 1);
    write_large(s, array, 1, 1, 2);
    write_large(s, array, 3, 1, 2);
    good(tsr_array_get_encoded_chunk(array, &first, NULL, &blob, &s->f.err), &s->f.err);
    /* What was replaced still lies there, or parts are not appended and this proves less. */
    bool has_dead_bytes = tsr_blob_size(blob) > 5 * LARGE * sizeof(uint16_t);
    assert_int_equal(has_dead_bytes, s->shares_blocks);
    tsr_blob_unref(blob);
    tsr_array_close(array);
}

static void check_large(session *s, const ledger *book, verdict *v)
{
    static uint16_t values[4 * LARGE];
    tsr_array *array = open_after_cut(s, "a", book, v);
    if (array && s->durability != TSR_DURABILITY_NONE) {
        if (tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &s->f.err) < 0)
            WRONG(v, "it cannot be read: %.300s", s->f.err.message);
        for (int cell = 0; cell < 4; cell++) {
            const uint16_t *at = values + (size_t)cell * LARGE;
            for (int i = 1; i < LARGE; i++)
                if (at[i] != at[0])
                    WRONG(v, "cell %d is torn: %d and %d", cell, at[0], at[i]);
            allowed(v, book, 1 + cell, at[0] ? at[0] - 1000 : 0);
        }
    }
    tsr_array_close(array);
}

/* ---- a copy ---- */

static void run_copy(session *s)
{
    tsr_array *to = create_noted(s, "group/a", &sharded);
    tsr_array *from = array_new(&s->f, s->f.store, "b", &chunked, TSR_UINT16, NULL);
    tsr_copy_options options;
    const int64_t shape[] = {chunked.shape[0]};

    write_cells(s, from, 0, 3, 1);
    good(tsr_array_resize(to, shape, NULL, NULL, &s->f.err), &s->f.err);
    tsr_copy_options_init(&options);
    options.write = write_options(s);
    for (int cell = 0; cell < 3; cell++)
        ledger_begin(s->disk, 1 + cell, 1);
    good(tsr_array_copy(from, to, &options, NULL, &s->f.err), &s->f.err);
    if (s->durability != TSR_DURABILITY_NONE)
        for (int cell = 0; cell < 3; cell++)
            ledger_acknowledge(s->disk, 1 + cell, 1);
    tsr_array_close(from);
    tsr_array_close(to);
}

static void check_copy(session *s, const ledger *book, verdict *v)
{
    tsr_array *array = open_after_cut(s, "group/a", book, v);
    for (int cell = 0; array && cell < 3; cell++)
        if (s->durability != TSR_DURABILITY_NONE)
            check_cell(s, array, cell, book, v);
    tsr_array_close(array);
}

/* ---- repairing and compacting: cell 1 says whether ---- */

static const array_row mendable = {.name = "mendable",
                                   .rank = 1,
                                   .shape = {2 * CELL},
                                   .chunk = {CELL},
                                   .shard = {2 * CELL},
                                   .codec = "zstd"};

enum { SHARD_BYTES_MAX = 4096, DEAD_BYTES = 600 };

/* Puts the shard that holds `version` in both cells again, with a wrong byte or with bytes that
 * nothing refers to in front of its index of 2 x 16 + 4 bytes. Returns its size. */
static size_t spoil_shard(session *s, tsr_array *array, bool damage, unsigned char *ret_bytes)
{
    const int64_t first = 0;
    const size_t index_bytes = 36;
    tsr_blob *blob = NULL;

    good(write_cells(s, array, 0, 2, 1), &s->f.err);
    good(tsr_array_get_encoded_chunk(array, &first, NULL, &blob, &s->f.err), &s->f.err);
    size_t size = tsr_blob_size(blob), data_bytes = size - index_bytes;
    size_t dead_bytes = damage ? 0 : DEAD_BYTES;
    assert_true(size + DEAD_BYTES <= SHARD_BYTES_MAX);
    memset(ret_bytes, 'd', data_bytes + dead_bytes);
    memcpy(ret_bytes, tsr_blob_data(blob), data_bytes);
    memcpy(ret_bytes + data_bytes + dead_bytes, (const char *)tsr_blob_data(blob) + data_bytes,
           index_bytes);
    if (damage)
        ret_bytes[data_bytes / 4] ^= 1; /* in the first of two inner chunks of one size */
    tsr_blob_unref(blob);
    good(tsr_store_put(s->f.store, "a/c/0", ret_bytes, size + dead_bytes, TSR_DURABILITY_FLUSH,
                       NULL, &s->f.err),
         &s->f.err);
    return size + dead_bytes;
}

static void run_repair(session *s)
{
    const int64_t first = 0;
    unsigned char bytes[SHARD_BYTES_MAX];
    tsr_repair_result result;
    tsr_array *array = create_noted(s, "a", &mendable);
    spoil_shard(s, array, true, bytes);
    ledger_acknowledge(s->disk, 2, 1); /* of cell 2: it is spoilt */
    ledger_begin(s->disk, 1, 1);
    good(tsr_array_repair_chunk(array, &first, NULL, NULL, NULL, &result, NULL, &s->f.err),
         &s->f.err);
    assert_int_equal(result.outcome, TSR_REPAIR_REBUILT);
    ledger_acknowledge(s->disk, 1, 1);
    tsr_array_close(array);
}

/* The first inner chunk of the shard: 1 when it is gone, 0 when it is damaged. */
static int repaired(session *s, tsr_array *array, verdict *v)
{
    uint16_t values[CELL];
    const int64_t start = 0, shape = CELL;
    int status =
        tsr_array_read(array, &start, &shape, NULL, values, sizeof values, NULL, &s->f.err);
    if (status == TSR_DAMAGED)
        return 0;
    if (status < 0 || values[0] != 0)
        WRONG(v, "the damaged chunk reads as %d: %.200s", values[0], s->f.err.message);
    return 1;
}

/* Whatever is seen, the sound inner chunk is in it, and who sees the new shard finds the old one
 * beside it. */
static void check_repair(session *s, const ledger *book, verdict *v)
{
    uint16_t values[CELL] = {0};
    const int64_t start = CELL, shape = CELL;
    size_t size_bytes;
    tsr_array *array = open_after_cut(s, "a", book, v);
    if (!array || book->acknowledged[2] == 0) {
        tsr_array_close(array);
        return;
    }
    int version = repaired(s, array, v);
    allowed(v, book, 1, version);
    if (tsr_array_read(array, &start, &shape, NULL, values, sizeof values, NULL, &s->f.err) < 0 ||
        values[0] != value_of(1) || values[CELL - 1] != value_of(1))
        WRONG(v, "the sound chunk is lost: %d, %.300s", values[0], s->f.err.message);
    if (version == 1) {
        unsigned char *kept =
            get_bytes(&s->f, s->f.store, "a/c/" TSR_DAMAGED_NAME_PREFIX "1.0", &size_bytes);
        if (!kept)
            WRONG(v, "the damaged shard is not kept");
        free(kept);
    }
    tsr_array_close(array);
}

static void run_compact(session *s)
{
    const int64_t first = 0;
    unsigned char bytes[SHARD_BYTES_MAX];
    int64_t won = 0;
    tsr_array *array = create_noted(s, "a", &mendable);
    spoil_shard(s, array, false, bytes);
    ledger_acknowledge(s->disk, 2, 1);
    ledger_begin(s->disk, 1, 1);
    good(tsr_array_compact_chunk(array, &first, false, &won, NULL, &s->f.err), &s->f.err);
    assert_int_equal(won, DEAD_BYTES);
    ledger_acknowledge(s->disk, 1, 1);
    tsr_array_close(array);
}

static void check_compact(session *s, const ledger *book, verdict *v)
{
    uint16_t values[2 * CELL] = {0};
    size_t size_bytes = 0;
    tsr_array *array = open_after_cut(s, "a", book, v);
    if (array && book->acknowledged[2] == 1) {
        unsigned char *bytes = get_bytes(&s->f, s->f.store, "a/c/0", &size_bytes);
        allowed(v, book, 1, size_bytes < DEAD_BYTES);
        free(bytes);
        if (tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &s->f.err) < 0)
            WRONG(v, "it cannot be read: %.300s", s->f.err.message);
        for (int i = 0; i < 2 * CELL; i++)
            if (values[i] != value_of(1))
                WRONG(v, "element %d is lost", i);
    }
    tsr_array_close(array);
}

/* ---- lengths: cell 1 is the length in pieces ---- */

enum { PIECE = 170, PIECES = 5 }; /* five pieces end in three chunks */

static const array_row growing = {
    .name = "growing", .rank = 1, .shape = {0}, .chunk = {CELL}, .codec = "none"};
static const array_row growing_shards = {.name = "growing shards",
                                         .rank = 1,
                                         .shape = {0},
                                         .chunk = {CELL / 2},
                                         .shard = {2 * CELL},
                                         .codec = "none"};

static void piece_view(session *s, int piece, uint16_t *values, tsr_view *ret_view)
{
    const int64_t shape = PIECE;
    for (int i = 0; i < PIECE; i++)
        values[i] = (uint16_t)(1 + piece * PIECE + i);
    good(tsr_view_init(ret_view, TSR_UINT16, 1, &shape, values, &s->f.err), &s->f.err);
}

static void append_pieces(session *s, const array_row *row)
{
    tsr_array *array = create_noted(s, "a", row);
    tsr_write_options options = write_options(s);
    for (int piece = 0; piece < PIECES; piece++) {
        uint16_t values[PIECE];
        tsr_view view;
        piece_view(s, piece, values, &view);
        ledger_begin(s->disk, 1, piece + 1);
        good(tsr_array_append(array, 0, &view, TSR_CASTING_NO, &options, NULL, NULL, &s->f.err),
             &s->f.err);
        if (s->durability != TSR_DURABILITY_NONE)
            ledger_acknowledge(s->disk, 1, piece + 1);
    }
    tsr_array_close(array);
}

static void run_append(session *s)
{
    append_pieces(s, &growing);
}

static void run_append_shards(session *s)
{
    append_pieces(s, &growing_shards);
}

/* Pieces that are held are not acknowledged. */
static void run_writer(session *s)
{
    tsr_array *array = create_noted(s, "a", &growing);
    tsr_array_writer_options options;
    tsr_array_writer *writer = NULL;
    tsr_array_writer_options_init(&options);
    options.write = write_options(s);
    good(tsr_array_writer_open(array, &options, &writer, &s->f.err), &s->f.err);
    for (int piece = 0; piece < PIECES; piece++) {
        uint16_t values[PIECE];
        tsr_view view;
        piece_view(s, piece, values, &view);
        ledger_begin(s->disk, 1, piece + 1);
        good(tsr_array_writer_append(writer, &view, TSR_CASTING_NO, NULL, NULL, &s->f.err),
             &s->f.err);
        if (s->durability != TSR_DURABILITY_NONE)
            ledger_acknowledge(s->disk, 1, (int)(tsr_array_writer_written(writer) / PIECE));
    }
    good(tsr_array_writer_close(writer, NULL, &s->f.err), &s->f.err);
    tsr_array_close(array);
}

/* A length that can be seen has all its elements. */
static void check_length(session *s, const ledger *book, verdict *v)
{
    uint16_t values[PIECE * PIECES];
    tsr_array *array = open_after_cut(s, "a", book, v);
    if (!array)
        return;
    int64_t length = tsr_array_shape(array)[0];
    if (length > PIECE * PIECES)
        WRONG(v, "%lld elements were never begun", (long long)length);
    else if (s->durability == TSR_DURABILITY_NONE || v->text[0])
        length = 0;
    allowed(v, book, 1,
            s->durability == TSR_DURABILITY_NONE ? book->begun[1] : (int)(length / PIECE));
    if (tsr_array_read(array, NULL, &length, NULL, values, (size_t)length * sizeof *values, NULL,
                       &s->f.err) < 0)
        WRONG(v, "%lld elements cannot be read: %.300s", (long long)length, s->f.err.message);
    for (int64_t i = 0; i < length; i++)
        if (values[i] != i + 1)
            WRONG(v, "element %lld of %lld is %d", (long long)i, (long long)length, values[i]);
    tsr_array_close(array);
}

/* ---- shrinking and growing: cell 1 says which ---- */

static void set_length(session *s, tsr_array *array, int64_t length, int version)
{
    ledger_begin(s->disk, 1, version);
    good(tsr_array_resize(array, &length, NULL, NULL, &s->f.err), &s->f.err);
    ledger_acknowledge(s->disk, 1, version);
}

static void run_resize(session *s)
{
    tsr_array *array = create_noted(s, "a", &chunked);
    good(write_cells(s, array, 0, 3, 1), &s->f.err);
    ledger_begin(s->disk, 1, 1);
    if (s->durability != TSR_DURABILITY_NONE)
        ledger_acknowledge(s->disk, 1, 1);
    set_length(s, array, CELL + 50, 2);
    set_length(s, array, 3 * CELL, 3);
    tsr_array_close(array);
}

/* What was cut off is not seen again under any length. */
static void check_resize(session *s, const ledger *book, verdict *v)
{
    uint16_t values[3 * CELL];
    tsr_array *array = open_after_cut(s, "a", book, v);
    if (!array || s->durability == TSR_DURABILITY_NONE || book->acknowledged[1] == 0) {
        tsr_array_close(array);
        return;
    }
    int64_t length = tsr_array_shape(array)[0];
    if (tsr_array_read(array, NULL, NULL, NULL, values, (size_t)length * sizeof *values, NULL,
                       &s->f.err) < 0)
        WRONG(v, "%lld elements cannot be read: %.300s", (long long)length, s->f.err.message);
    else if (length == CELL + 50)
        allowed(v, book, 1, 2);
    /* While it shrinks, what is to be cut off may be gone or not, chunk by chunk. */
    else if (book->begun[1] == 3)
        for (int64_t i = CELL + 50; i < length; i++)
            if (values[i] != 0 && values[i] != value_of(1))
                WRONG(v, "element %lld is %d", (long long)i, values[i]);
    if (length == 3 * CELL && book->acknowledged[1] >= 2)
        for (int64_t i = CELL + 50; i < length; i++)
            if (values[i] != 0)
                WRONG(v, "element %lld is seen again: %d", (long long)i, values[i]);
    for (int64_t i = 0; i < CELL + 50; i++)
        if (values[i] != value_of(1))
            WRONG(v, "element %lld is lost: %d", (long long)i, values[i]);
    tsr_array_close(array);
}

/* ---- attributes: cell 1 ---- */

static void run_attributes(session *s)
{
    tsr_array *array = create_noted(s, "a", &chunked);
    for (int version = 1; version <= 3; version++) {
        char json[32];
        snprintf(json, sizeof json, "{\"version\":%d}", version);
        ledger_begin(s->disk, 1, version);
        good(tsr_array_set_attributes(array, json, &s->f.err), &s->f.err);
        ledger_acknowledge(s->disk, 1, version);
    }
    tsr_array_close(array);
}

static void check_attributes(session *s, const ledger *book, verdict *v)
{
    int version = 0;
    char *json = NULL;
    tsr_array *array = open_after_cut(s, "a", book, v);
    if (!array)
        return;
    good(tsr_array_attributes(array, &json, &s->f.err), &s->f.err);
    sscanf(json, "{\"version\":%d}", &version);
    allowed(v, book, 1, version);
    tsr_free(json);
    tsr_array_close(array);
}

/* ---- removed and made again ---- */

/* The second array of the name must not show what the first one held. */
static void run_again(session *s)
{
    tsr_array_create_options options;
    tsr_array *array = create_noted(s, "a", &chunked);
    good(write_cells(s, array, 0, 3, 1), &s->f.err);
    tsr_array_close(array);
    row_options(&chunked, TSR_UINT16, NULL, &options);
    options.store = s->f.store;
    options.mode = TSR_CREATE_OVERWRITE;
    options.attributes = "{\"second\":1}";
    ledger_begin(s->disk, 1, 1);
    good(tsr_array_create(s->f.context, "a", &options, &array, &s->f.err), &s->f.err);
    ledger_acknowledge(s->disk, 1, 1);
    tsr_array_close(array);
}

/* Whoever finds no array may make one, which is empty. */
static void check_again(session *s, const ledger *book, verdict *v)
{
    ledger between = *book; /* while it is made again there may be none */
    tsr_array_create_options options;
    char *json = NULL;
    uint16_t values[3 * CELL] = {0};

    if (book->begun[1] > book->acknowledged[1])
        between.acknowledged[0] = 0;
    tsr_array *array = open_after_cut(s, "a", &between, v);
    if (!array) {
        row_options(&chunked, TSR_UINT16, NULL, &options);
        options.store = s->f.store;
        options.attributes = "{\"second\":1}";
        if (tsr_array_create(s->f.context, "a", &options, &array, &s->f.err) < 0) {
            WRONG(v, "nobody can make it again: %.300s", s->f.err.message);
            return;
        }
    }
    good(tsr_array_attributes(array, &json, &s->f.err), &s->f.err);
    if (strstr(json, "second")) {
        if (tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &s->f.err) < 0)
            WRONG(v, "it cannot be read: %.300s", s->f.err.message);
        for (int i = 0; i < 3 * CELL; i++)
            if (values[i] != 0)
                WRONG(v, "element %d of the first array is seen in the second: %d", i, values[i]);
    } else if (book->acknowledged[1] == 1) {
        WRONG(v, "the second array is lost");
    }
    tsr_free(json);
    tsr_array_close(array);
}

/* ---- removed, moved: cell 1 says whether ---- */

static void run_remove(session *s)
{
    tsr_array *array = create_noted(s, "group/a", &chunked);
    good(write_cells(s, array, 0, 3, 1), &s->f.err);
    tsr_array_close(array);
    ledger_begin(s->disk, 1, 1);
    good(tsr_place_erase(s->f.context, "/data/z/group/a", NULL, &s->f.err), &s->f.err);
    ledger_acknowledge(s->disk, 1, 1);
}

/* Whether there is an array at a path, which holds what was written into it before cell 1 began. */
static bool finds_array(session *s, const char *path, const ledger *book, verdict *v)
{
    uint16_t values[3 * CELL] = {0};
    ledger maybe = *book;
    maybe.acknowledged[0] = 0;
    tsr_array *array = open_after_cut(s, path, &maybe, v);
    if (!array)
        return false;
    int status = tsr_array_read(array, NULL, NULL, NULL, values, sizeof values, NULL, &s->f.err);
    if (s->durability != TSR_DURABILITY_NONE && book->begun[1] == 1) {
        if (status < 0)
            WRONG(v, "%s cannot be read: %.300s", path, s->f.err.message);
        for (int i = 0; i < 3 * CELL; i++)
            if (values[i] != value_of(1))
                WRONG(v, "%s: element %d is lost", path, i);
    }
    tsr_array_close(array);
    return true;
}

/* A removal that was cut off can be done again. */
static void check_remove(session *s, const ledger *book, verdict *v)
{
    tsr_array *array = NULL;
    tsr_array_open_options options;
    tsr_array_open_options_init(&options);
    options.store = s->f.store;
    int status = tsr_array_open(s->f.context, "group/a", &options, &array, &s->f.err);
    if (status == 0 && book->acknowledged[1] == 1)
        WRONG(v, "it is there again");
    if (status < 0 && book->acknowledged[0] == 1 && book->begun[1] == 0)
        WRONG(v, "it is lost: %.300s", s->f.err.message);
    tsr_array_close(array);
    if (status == 0 && tsr_place_erase(s->f.context, "/data/z/group/a", NULL, &s->f.err) < 0)
        WRONG(v, "it cannot be removed: %.300s", s->f.err.message);
}

static void run_move(session *s)
{
    tsr_array *array = create_noted(s, "a", &chunked);
    good(write_cells(s, array, 0, 3, 1), &s->f.err);
    tsr_array_close(array);
    ledger_begin(s->disk, 1, 1);
    good(tsr_place_move(s->f.context, "/data/z/a", "/data/z/group/sub/b", &s->f.err), &s->f.err);
    ledger_acknowledge(s->disk, 1, 1);
}

static void check_move(session *s, const ledger *book, verdict *v)
{
    if (book->acknowledged[0] == 0)
        return;
    bool old = finds_array(s, "a", book, v), new = finds_array(s, "group/sub/b", book, v);
    if (old == new)
        WRONG(v, old ? "it is in both places" : "it is nowhere");
    if ((old && book->acknowledged[1] == 1) || (new && book->begun[1] == 0))
        WRONG(v, "it is in the %s place", old ? "old" : "new");
}

/* ---- all of them ---- */

static void check_disk(void *user, simulated_disk *after, size_t seen)
{
    verdict *v = user;
    session s;
    ledger book = ledger_at(v->before->disk, seen);
    if (v->text[0])
        return;
    session_open(&s, after, v->before->durability, v->before->shares_blocks);
    v->scenario->check(&s, &book, v);
    fixture_close(&s.f);
}

static const scenario scenarios[] = {
    {"chunks", run_chunks, check_chunks, false, false},
    {"shards", run_shards, check_shards, false, false},
    {"checkpoint", run_checkpoint, check_checkpoint, false, false},
    {"large shards", run_large, check_large, false, true},
    {"copy", run_copy, check_copy, false, false},
    {"append", run_append, check_length, false, false},
    {"append to shards", run_append_shards, check_length, false, false},
    {"buffered writer", run_writer, check_length, false, false},
    {"resize", run_resize, check_resize, false, false},
    {"attributes", run_attributes, check_attributes, false, false},
    {"remove and create", run_again, check_again, false, false},
    {"remove", run_remove, check_remove, false, false},
    {"move", run_move, check_move, true, false},
    {"repair", run_repair, check_repair, false, false},
    {"compact", run_compact, check_compact, false, false},
};

enum { SCENARIOS = sizeof scenarios / sizeof *scenarios };

static int sync_nothing(const tsr_system *system, int descriptor)
{
    (void)system;
    (void)descriptor;
    return 0;
}

/* Runs a scenario; the verdict's text says what is wrong. */
static power_cut_counts explore(const scenario *which, tsr_durability durability, bool lying,
                                uint64_t seed, char *ret_text, size_t text_bytes)
{
    const char *full = getenv("TESSERA_POWER_CUTS");
    simulated_disk *disk = simulated_disk_new();
    session s;
    verdict v = {.before = &s, .scenario = which};
    power_cut_options options = {.states_max = which->is_large ? 30
                                               : full && *full ? 20000
                                                               : 300,
                                 .seed = seed,
                                 .renames_fall_apart = seed % 2 && !which->moves_folders,
                                 .unwritten = seed % 2 ? 0 : '.'};

    if (lying)
        simulated_disk_system(disk)->fsync = simulated_disk_system(disk)->syncfs = sync_nothing;
    session_open(&s, disk, durability, seed % 2);
    which->run(&s);
    fixture_close(&s.f);
    power_cut_counts counts = power_cut_explore(disk, &options, check_disk, &v);
    simulated_disk_free(disk);
    snprintf(ret_text, text_bytes, "%s", v.text);
    return counts;
}

static void survive(tsr_durability durability)
{
    static const char *const names[] = {"none", "chunk", "flush"};
    size_t checked = 0, sampled = 0, cuts = 0;
    for (size_t i = 0; i < SCENARIOS; i++) {
        for (uint64_t seed = 0; seed < 2; seed++) {
            char text[600];
            power_cut_counts counts =
                explore(&scenarios[i], durability, false, seed, text, sizeof text);
            if (text[0])
                fail_msg("%s, durability %s, seed %d: %s", scenarios[i].name, names[durability],
                         (int)seed, text);
            checked += counts.checked;
            sampled += counts.sampled;
            cuts += counts.cuts;
        }
    }
    print_message("%zu cuts (%zu sampled), %zu disks\n", cuts, sampled, checked);
}

static void test_chunk(void **state)
{
    (void)state;
    survive(TSR_DURABILITY_CHUNK);
}

static void test_flush(void **state)
{
    (void)state;
    survive(TSR_DURABILITY_FLUSH);
}

static void test_none(void **state)
{
    (void)state;
    survive(TSR_DURABILITY_NONE);
}

/* Each check fails when folders are not synced. */
static void test_checks_can_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < SCENARIOS; i++) {
        char text[600];
        explore(&scenarios[i], TSR_DURABILITY_CHUNK, true, 1, text, sizeof text);
        if (!text[0])
            fail_msg("%s: nothing was noticed", scenarios[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chunk),
        cmocka_unit_test(test_flush),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_checks_can_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
