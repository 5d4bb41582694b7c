/* Any bytes as the shard of an array, read, checked and written to through the public functions
 * over a store in memory. Byte 0 chooses the array (and whether the index gets a true checksum, so
 * that changed indexes are looked at), byte 1 a box, the rest is the shard.
 *
 * Beyond not crashing: whatever can be read as a whole is the same in parts; what a check of the
 * data finds good can be read; a write is whole or changes nothing; and damage is told as damage.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tessera/array.h>

#include "shard_target.h"
#include "support/hand_made.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS 7
#define COLUMNS 6
#define ELEMENTS (ROWS * COLUMNS)

#define TURNED "{\"name\":\"transpose\",\"configuration\":{\"order\":[1,0]}}"

/* The shard has 8 x 8 elements, of which 7 x 6 are in the array, and chunks of 4 x 4. */
static const struct {
    const char *codecs;
    size_t index_bytes; /* with a checksum that can be made true; 0: without */
    bool at_start;
} rows[] = {
    {SHARD("[4,4]", BYTES("little"), USUAL_INDEX, "end"), 68, false},
    {SHARD("[4,4]", BYTES("big") "," CRC32C, USUAL_INDEX, "start"), 68, true},
    {SHARD("[4,4]", BYTES("little") "," GZIP, BYTES("big"), "end"), 0, false},
    {SHARD("[4,4]", SHARD("[2,2]", BYTES("little"), USUAL_INDEX, "end"), USUAL_INDEX, "end"), 68,
     false},
    {SHARD("[4,4]", SHARD("[2,2]", BYTES("little") "," GZIP, BYTES("little"), "start") "," GZIP,
           USUAL_INDEX, "start"),
     68, true},
    {TURNED "," SHARD("[4,4]", TURNED "," BYTES("little"), BYTES("little"), "end") "," GZIP, 0,
     false},
};
#define ROW_COUNT (sizeof rows / sizeof *rows)
_Static_assert(ROW_COUNT <= SHARD_TARGET_ROWS, "room for each row");

static shard_target *target_get(void)
{
    static shard_target self;
    static const int shape[] = {ROWS, COLUMNS}, chunk_shape[] = {8, 8};

    if (self.context)
        return &self;
    shard_target_init(&self);
    for (size_t row = 0; row < ROW_COUNT; row++)
        shard_target_open(&self, row, shape, chunk_shape, rows[row].codecs, "");
    return &self;
}

static void put_shard(const shard_target *self, size_t row, bool mend, const uint8_t *bytes,
                      size_t size)
{
    unsigned char shard[SHARD_MAX];
    size_t index_bytes = rows[row].index_bytes;

    memcpy(shard, bytes, size);
    if (mend && index_bytes > 0 && size >= index_bytes) {
        unsigned char *index = rows[row].at_start ? shard : shard + size - index_bytes;
        append_crc32c(index, index_bytes - 4);
    }
    shard_target_put(self, row, shard, size);
}

/* Reads into memory of exactly the size. */
static int read_box(tsr_array *array, const int64_t *start, const int64_t *shape,
                    uint16_t **ret_values)
{
    size_t size = sizeof **ret_values * (size_t)(shape[0] * shape[1]);
    tsr_error err = TSR_ERROR_INIT;

    *ret_values = malloc(size + !size);
    must(*ret_values != NULL);
    int status = tsr_array_read(array, start, shape, NULL, *ret_values, size, NULL, &err);
    must(status == err.status);
    must(status == 0 ||
         ((status == TSR_DAMAGED || status == TSR_UNSUPPORTED || status == TSR_LIMIT) &&
          err.message[0]));
    return status;
}

static const int64_t origin[] = {0, 0}, whole_shape[] = {ROWS, COLUMNS};

/* A part is the part of the whole. */
static void check_part(tsr_array *array, const uint16_t *whole, unsigned choice)
{
    const int64_t start[] = {choice % ROWS, choice / 8 % COLUMNS};
    const int64_t shape[] = {1 + choice / 3 % (unsigned)(ROWS - start[0]),
                             1 + choice / 5 % (unsigned)(COLUMNS - start[1])};
    uint16_t *part;

    if (read_box(array, start, shape, &part) < 0) {
        must(!whole);
    } else if (whole) {
        for (int64_t y = 0; y < shape[0]; y++)
            must(memcmp(part + y * shape[1], whole + (start[0] + y) * COLUMNS + start[1],
                        sizeof *part * (size_t)shape[1]) == 0);
    }
    free(part);
}

static int note_damage(void *user, const tsr_chunk_info *info)
{
    if (info->state == TSR_CHUNK_DAMAGED) {
        must(info->error.status < 0 && info->error.message[0]);
        *(bool *)user = true;
    }
    return 0;
}

static bool is_damaged(tsr_array *array)
{
    tsr_chunk_walk_options options;
    bool damaged = false;

    tsr_chunk_walk_options_init(&options);
    options.inner = true;
    must(tsr_array_walk_chunks(array, &options, note_damage, &damaged, NULL, NULL) == 0);
    damaged = false;
    options.data = true;
    must(tsr_array_walk_chunks(array, &options, note_damage, &damaged, NULL, NULL) == 0);
    return damaged;
}

/* One element is put into the shard; what else can be read stays what it was. */
static void check_write(tsr_array *array, const uint16_t *whole, unsigned choice)
{
    const int64_t start[] = {choice % ROWS, choice / 8 % COLUMNS}, shape[] = {1, 1};
    const int64_t at = start[0] * COLUMNS + start[1];
    uint16_t *after, value = 4711;
    tsr_error err = TSR_ERROR_INIT;

    int status = tsr_array_write(array, start, shape, NULL, &value, sizeof value, NULL, &err);
    must(status == 0 || (status < 0 && !whole && err.message[0]));
    if (read_box(array, origin, whole_shape, &after) == 0) {
        must(status < 0 || after[at] == value);
        for (int64_t i = 0; i < ELEMENTS && whole; i++)
            must(i == at || after[i] == whole[i]);
    } else {
        must(!whole);
    }
    free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    shard_target *self = target_get();
    uint16_t *whole;

    if (size < 2 || size - 2 > SHARD_MAX)
        return 0;
    size_t row = data[0] % ROW_COUNT;
    tsr_array *array = self->arrays[row];
    put_shard(self, row, data[0] & 128, data + 2, size - 2);
    if (read_box(array, origin, whole_shape, &whole) < 0) {
        free(whole);
        whole = NULL;
    }
    must(whole || is_damaged(array));
    check_part(array, whole, data[1]);
    check_write(array, whole, data[1]);
    free(whole);
    return 0;
}
