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
#include <string.h>

#include <tessera/array.h>
#include <tessera/maintenance.h>
#include <tessera/store.h>

#include "shard_target.h"
#include "support/hand_made.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIDE = 32, CELL = 16, CELLS = 4, STEP = 512, HEAD = 64 };

/* A shard is the whole array: four inner chunks of 512 bytes, as they are decoded. */
static const struct {
    const char *codecs;
    int data_rows, parity_rows;
    bool has_checksums;
} rows[] = {
    {SHARD("[16,16]", BYTES("little") "," CRC32C, USUAL_INDEX, "end"), 4, 2, true},
    {SHARD("[16,16]", BYTES("little") "," GZIP "," CRC32C, USUAL_INDEX, "start"), 3, 2, true},
    {SHARD("[16,16]", BYTES("little"), USUAL_INDEX, "end"), 2, 2, false},
    {SHARD("[16,16]", SHARD("[8,8]", BYTES("little") "," CRC32C, USUAL_INDEX, "end"), USUAL_INDEX,
           "end"),
     40, 4, true},
};
#define ROW_COUNT (sizeof rows / sizeof *rows)
_Static_assert(ROW_COUNT <= SHARD_TARGET_ROWS, "room for each row");

static shard_target *target_get(void)
{
    static shard_target self;
    static const int shape[] = {SIDE, SIDE};

    if (self.context)
        return &self;
    shard_target_init(&self);
    for (size_t row = 0; row < ROW_COUNT; row++) {
        char parity[128];
        snprintf(parity, sizeof parity,
                 ",\"tessera_parity\":{\"must_understand\":false,\"data_blocks\":%d,"
                 "\"parity_blocks\":%d}",
                 rows[row].data_rows, rows[row].parity_rows);
        shard_target_open(&self, row, shape, shape, rows[row].codecs, parity);
        must(tsr_array_parity(self.arrays[row]) != NULL);
    }
    return &self;
}

/* Gives each page true checksums: that of a directory of one page, and its own. */
static void mend_pages(unsigned char *shard, size_t size)
{
    for (size_t at = 0; at + STEP <= size; at += STEP) {
        unsigned char *page = shard + at;
        size_t block = page[14] | (size_t)page[15] << 8;
        if (memcmp(page, "TSRparit", 8) != 0 || block < STEP || block > size - at)
            continue;
        store_u32(page + 28, hand_made_crc32c(page + HEAD, block - HEAD));
        store_u32(page + 8, hand_made_crc32c(page + 12, block - 12));
    }
}

static void put_shard(const shard_target *self, size_t row, bool mend, const uint8_t *bytes,
                      size_t size)
{
    static unsigned char shard[SHARD_MAX];

    memcpy(shard, bytes, size);
    if (mend)
        mend_pages(shard, size);
    shard_target_put(self, row, shard, size);
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
    shard_target *self = target_get();

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
