/* Any bytes as a shard that may carry parity: found, verified, computed back and repaired through
 * the public functions over a store in memory. Byte 0 chooses the array, and whether pages of a
 * directory get true checksums, so that changed ones are believed; the rest is the shard.
 *
 * Beyond not crashing: what could be read of a shard with checksums reads the same after the
 * repair, whatever its parity says; damage is told as damage; and a shard that was repaired is
 * sound, and is left alone by another repair. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tessera/array.h>
#include <tessera/maintenance.h>
#include <tessera/store.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIDE = 32, CELL = 16, CELLS = 4, SHARD_MAX = 64 << 10, STEP = 512, HEAD = 64 };

#define LITTLE "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"little\"}}"
#define GZIP "{\"name\":\"gzip\",\"configuration\":{\"level\":1}}"
#define CRC32C "{\"name\":\"crc32c\"}"
#define SHARD(chunk, codecs, location)                                         \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":" chunk \
    ",\"codecs\":[" codecs "],\"index_codecs\":[" LITTLE "," CRC32C            \
    "],\"index_location\":\"" location "\"}}"

/* A shard is the whole array: four inner chunks of 512 bytes, as they are decoded. */
static const struct {
    const char *codecs;
    int data_rows, parity_rows;
    bool has_checksums;
} rows[] = {
    {SHARD("[16,16]", LITTLE "," CRC32C, "end"), 4, 2, true},
    {SHARD("[16,16]", LITTLE "," GZIP "," CRC32C, "start"), 3, 2, true},
    {SHARD("[16,16]", LITTLE, "end"), 2, 2, false},
    {SHARD("[16,16]", SHARD("[8,8]", LITTLE "," CRC32C, "end"), "end"), 40, 4, true},
};
#define ROW_COUNT (sizeof rows / sizeof *rows)

typedef struct target {
    tsr_context *context;
    tsr_store *store;
    tsr_array *arrays[ROW_COUNT];
} target;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static tsr_array *open_row(target *self, size_t row)
{
    tsr_array_open_options options;
    tsr_array *array = NULL;
    char text[2048], key[32], path[8];

    int size = snprintf(
        text, sizeof text,
        "{\"zarr_format\":3,\"node_type\":\"array\",\"shape\":[%d,%d],\"data_type\":\"uint16\","
        "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[%d,%d]}},"
        "\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":77,\"codecs\":[%s],"
        "\"tessera_parity\":{\"must_understand\":false,\"data_blocks\":%d,\"parity_blocks\":%d}}",
        SIDE, SIDE, SIDE, SIDE, rows[row].codecs, rows[row].data_rows, rows[row].parity_rows);
    must(size > 0 && (size_t)size < sizeof text);
    snprintf(path, sizeof path, "%zu", row);
    snprintf(key, sizeof key, "%zu/zarr.json", row);
    must(tsr_store_put(self->store, key, text, (size_t)size, TSR_DURABILITY_NONE, NULL, NULL) == 0);
    tsr_array_open_options_init(&options);
    options.store = self->store;
    options.writable = true;
    must(tsr_array_open(self->context, path, &options, &array, NULL) == 0);
    must(tsr_array_parity(array) != NULL);
    return array;
}

static target *target_get(void)
{
    static target self; /* kept to the end: a fuzzer makes millions of calls */
    tsr_context_options options;

    if (self.context)
        return &self;
    tsr_context_options_init(&options);
    options.threads = 1;
    must(tsr_context_new(&options, &self.context, NULL) == 0);
    must(tsr_store_open(self.context, "memory:", &self.store, NULL) == 0);
    for (size_t row = 0; row < ROW_COUNT; row++)
        self.arrays[row] = open_row(&self, row);
    return &self;
}

static uint32_t crc32c(const unsigned char *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

static void store_u32(unsigned char *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

/* Gives each page true checksums: that of a directory of one page, and its own. */
static void mend_pages(unsigned char *shard, size_t size)
{
    for (size_t at = 0; at + STEP <= size; at += STEP) {
        unsigned char *page = shard + at;
        size_t block = page[14] | (size_t)page[15] << 8;
        if (memcmp(page, "TSRparit", 8) != 0 || block < STEP || block > size - at)
            continue;
        store_u32(page + 28, crc32c(page + HEAD, block - HEAD));
        store_u32(page + 8, crc32c(page + 12, block - 12));
    }
}

static void put_shard(const target *self, size_t row, bool mend, const uint8_t *bytes, size_t size)
{
    static unsigned char shard[SHARD_MAX];
    char key[32];

    memcpy(shard, bytes, size);
    if (mend)
        mend_pages(shard, size);
    snprintf(key, sizeof key, "%zu/c/0/0", row);
    must(tsr_store_put(self->store, key, shard, size, TSR_DURABILITY_NONE, NULL, NULL) == 0);
}

/* ---- reading ---- */

typedef struct cells {
    bool read[CELLS];
    uint16_t values[CELLS][CELL * CELL];
} cells;

static void read_cells(tsr_array *array, cells *ret)
{
    static const int64_t shape[] = {CELL, CELL};
    for (int i = 0; i < CELLS; i++) {
        const int64_t start[] = {i / 2 * CELL, i % 2 * CELL};
        tsr_error err = TSR_ERROR_INIT;
        int status = tsr_array_read(array, start, shape, NULL, ret->values[i],
                                    sizeof ret->values[i], NULL, &err);
        must(status == err.status);
        must(status == 0 ||
             ((status == TSR_DAMAGED || status == TSR_LIMIT) && err.message[0] != 0));
        ret->read[i] = status == 0;
    }
}

static int note(void *user, const tsr_chunk_info *info)
{
    bool *damaged = user;
    if (info->state == TSR_CHUNK_DAMAGED)
        must(info->error.status < 0 && info->error.message[0]);
    must(info->hopeless_blocks <= info->bad_blocks);
    *damaged |= info->state == TSR_CHUNK_DAMAGED || info->parity == TSR_PARITY_DAMAGED;
    return 0;
}

static bool is_damaged(tsr_array *array)
{
    tsr_chunk_walk_options options;
    bool damaged = false;

    tsr_chunk_walk_options_init(&options);
    options.inner = options.data = true;
    must(tsr_array_walk_chunks(array, &options, note, &damaged, NULL, NULL) == 0);
    return damaged;
}

/* ---- repairing ---- */

static int count_lost(void *user, const tsr_chunk_info *info)
{
    (void)info;
    ++*(int64_t *)user;
    return 0;
}

static tsr_repair_result repair(tsr_array *array, bool dry_run)
{
    static const int64_t origin[] = {0, 0};
    tsr_repair_options options;
    tsr_repair_result result;
    tsr_error err = TSR_ERROR_INIT;
    int64_t lost = 0;

    tsr_repair_options_init(&options);
    options.dry_run = dry_run;
    must(tsr_array_repair_chunk(array, origin, &options, count_lost, &lost, &result, NULL, &err) ==
         0);
    must(lost == result.lost_chunks);
    return result;
}

static void check_repair(tsr_array *array, bool has_checksums, bool damaged, const cells *before)
{
    static cells after;
    tsr_repair_result promised = repair(array, true), result = repair(array, false);

    must(promised.outcome == result.outcome && promised.lost_chunks == result.lost_chunks);
    must(damaged || result.outcome == TSR_REPAIR_NOTHING);
    must(!is_damaged(array));
    must(repair(array, false).outcome == TSR_REPAIR_NOTHING);
    read_cells(array, &after);
    for (int i = 0; i < CELLS; i++) {
        must(after.read[i]);
        must(!has_checksums || !before->read[i] ||
             memcmp(after.values[i], before->values[i], sizeof after.values[i]) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static cells before;
    target *self = target_get();

    if (size < 1 || size - 1 > SHARD_MAX)
        return 0;
    size_t row = (data[0] & 127) % ROW_COUNT;
    tsr_array *array = self->arrays[row];
    char prefix[32];
    put_shard(self, row, data[0] & 128, data + 1, size - 1);
    read_cells(array, &before);
    check_repair(array, rows[row].has_checksums, is_damaged(array), &before);
    /* What the repair has kept is not looked at again. */
    snprintf(prefix, sizeof prefix, "%zu/c/", row);
    must(tsr_store_erase_prefix(self->store, prefix, NULL, NULL) == 0);
    return 0;
}
