/* Any bytes as the shard of an array, read, checked and written to through the public functions
 * over a store in memory. Byte 0 chooses the array (and whether the index gets a true checksum, so
 * that changed indexes are looked at), byte 1 a box, the rest is the shard.
 *
 * Beyond not crashing: whatever can be read as a whole is the same in parts; what a check of the
 * data finds good can be read; a write is whole or changes nothing; and damage is told as damage.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tessera/array.h>
#include <tessera/store.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS 7
#define COLUMNS 6
#define ELEMENTS (ROWS * COLUMNS)
#define SHARD_MAX ((size_t)64 << 10)

#define BYTES(endian) "{\"name\":\"bytes\",\"configuration\":{\"endian\":\"" endian "\"}}"
#define GZIP "{\"name\":\"gzip\",\"configuration\":{\"level\":1}}"
#define CRC32C "{\"name\":\"crc32c\"}"
#define SHARD(chunk, codecs, index_codecs, location)                                   \
    "{\"name\":\"sharding_indexed\",\"configuration\":{\"chunk_shape\":" chunk         \
    ",\"codecs\":[" codecs "],\"index_codecs\":[" index_codecs "],\"index_location\":" \
    "\"" location "\"}}"
#define USUAL_INDEX BYTES("little") "," CRC32C
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
        "\"chunk_grid\":{\"name\":\"regular\",\"configuration\":{\"chunk_shape\":[8,8]}},"
        "\"chunk_key_encoding\":{\"name\":\"default\"},\"fill_value\":77,\"codecs\":[%s]}",
        ROWS, COLUMNS, rows[row].codecs);
    must(size > 0 && (size_t)size < sizeof text);
    snprintf(path, sizeof path, "%zu", row);
    snprintf(key, sizeof key, "%zu/zarr.json", row);
    must(tsr_store_put(self->store, key, text, (size_t)size, TSR_DURABILITY_NONE, NULL, NULL) == 0);
    tsr_array_open_options_init(&options);
    options.store = self->store;
    options.writable = true;
    must(tsr_array_open(self->context, path, &options, &array, NULL) == 0);
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

static void put_shard(const target *self, size_t row, bool mend, const uint8_t *bytes, size_t size)
{
    unsigned char shard[SHARD_MAX];
    char key[32];
    size_t index_bytes = rows[row].index_bytes;

    memcpy(shard, bytes, size);
    if (mend && index_bytes > 0 && size >= index_bytes) {
        unsigned char *index = rows[row].at_start ? shard : shard + size - index_bytes;
        uint32_t crc = crc32c(index, index_bytes - 4);
        for (int i = 0; i < 4; i++)
            index[index_bytes - 4 + (size_t)i] = (unsigned char)(crc >> 8 * i);
    }
    snprintf(key, sizeof key, "%zu/c/0/0", row);
    must(tsr_store_put(self->store, key, shard, size, TSR_DURABILITY_NONE, NULL, NULL) == 0);
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
    target *self = target_get();
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
