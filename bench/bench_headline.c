#include "bench_headline.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The weight splits into that of the row's first element and the place in the row, so that the
 * inner loop has 32-bit products only and the compiler turns it into vector code. */
static void add_row(bench_sum *sum, const uint16_t *row, int64_t count, uint64_t first_weight)
{
    uint64_t plain = 0, ramp = 0;

    for (int64_t i = 0; i < count; i++) {
        plain += row[i];
        ramp += (uint32_t)i * (uint32_t)row[i];
    }
    sum->plain += plain;
    sum->weighted += first_weight * plain + ramp;
}

void bench_sum_add(bench_sum *sum, const uint16_t *values, const bench_block *block)
{
    for (int64_t z = 0; z < block->shape[0]; z++) {
        for (int64_t y = 0; y < block->shape[1]; y++) {
            int64_t position =
                ((block->start[0] + z) * BENCH_SIDE + block->start[1] + y) * BENCH_SIDE +
                block->start[2];

            add_row(sum, values, block->shape[2], (uint64_t)position + 1);
            values += block->shape[2];
        }
    }
}

void bench_sum_merge(bench_sum *sum, const bench_sum *part)
{
    sum->plain += part->plain;
    sum->weighted += part->weighted;
}

bench_block bench_cube(int64_t z, int64_t y, int64_t x, int64_t side)
{
    return (bench_block){.start = {z, y, x}, .shape = {side, side, side}};
}

bench_block bench_chunk_block(int64_t chunk)
{
    enum { COUNT = BENCH_SIDE / BENCH_CHUNK };

    return bench_cube(chunk / (COUNT * COUNT) * BENCH_CHUNK, chunk / COUNT % COUNT * BENCH_CHUNK,
                      chunk % COUNT * BENCH_CHUNK, BENCH_CHUNK);
}

static int64_t parse_boxes(FILE *file, int64_t side, bench_block **ret_boxes)
{
    bench_block *boxes = NULL;
    int64_t count = 0, room = 0, z, y, x;
    int fields;

    while ((fields = fscanf(file, "%" SCNd64 " %" SCNd64 " %" SCNd64, &z, &y, &x)) == 3) {
        if (count == room) {
            bench_block *grown;

            room = room ? 2 * room : 1024;
            grown = realloc(boxes, (size_t)room * sizeof *boxes);
            if (!grown) {
                free(boxes);
                return -1;
            }
            boxes = grown;
        }
        boxes[count++] = bench_cube(z, y, x, side);
    }
    if (fields != EOF || count == 0) {
        free(boxes);
        return -1;
    }
    *ret_boxes = boxes;
    return count;
}

int64_t bench_boxes_load(const char *path, int64_t side, bench_block **ret_boxes)
{
    FILE *file = fopen(path, "re");
    int64_t count;

    if (!file) {
        return -1;
    }
    count = parse_boxes(file, side, ret_boxes);
    fclose(file);
    return count;
}

bench_block bench_plane(int axis_from_last)
{
    bench_block block = {{0, 0, 0}, {BENCH_SIDE, BENCH_SIDE, BENCH_SIDE}};

    block.start[2 - axis_from_last] = BENCH_SIDE / 2;
    block.shape[2 - axis_from_last] = 1;
    return block;
}

bench_block bench_small_block(const int64_t grid[3])
{
    bench_block block = {{0, 0, 0}, {400, 400, 320}};

    for (int axis = 0; axis < 3 && grid[0] > 0; axis++) {
        block.shape[axis] = grid[axis] * BENCH_SMALL;
    }
    return block;
}

size_t bench_block_bytes(const bench_block *block)
{
    return (size_t)(block->shape[0] * block->shape[1] * block->shape[2]) * sizeof(uint16_t);
}

void bench_fill(uint16_t *values, const bench_block *block)
{
    for (int64_t z = 0; z < block->shape[0]; z++) {
        for (int64_t y = 0; y < block->shape[1]; y++) {
            const int64_t first = y * y / 32 + z * z * z;

            for (int64_t x = 0; x < block->shape[2]; x++) {
                *values++ = (uint16_t)(x + first);
            }
        }
    }
}

int bench_points_load(const char *path, bench_points *ret_points)
{
    FILE *file = fopen(path, "re");
    long size_bytes = file && fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    const size_t point_bytes = 3 * sizeof(int64_t);
    int64_t *positions = size_bytes > 0 ? malloc((size_t)size_bytes) : NULL;
    bool good = positions && (size_t)size_bytes % point_bytes == 0 &&
                fseek(file, 0, SEEK_SET) == 0 && fread(positions, (size_t)size_bytes, 1, file) == 1;

    if (file) {
        fclose(file);
    }
    if (!good) {
        free(positions);
        return -1;
    }
    *ret_points = (bench_points){(int64_t)((size_t)size_bytes / point_bytes), positions};
    return 0;
}

void bench_sum_points(bench_sum *sum, const uint16_t *values, const bench_points *points)
{
    for (int64_t i = 0; i < points->count; i++) {
        const int64_t *at = points->positions + 3 * i;
        const bench_block one = {{at[0], at[1], at[2]}, {1, 1, 1}};

        bench_sum_add(sum, values + i, &one);
    }
}

double bench_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
