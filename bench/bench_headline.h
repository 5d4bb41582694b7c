/* The headline job: its data, the sum that proves a result, the boxes, the clock.
 *
 * The array has 1024^3 uint16 in axes z, y, x; the value is (x + y^2/32 + z^3) mod 65536. Every
 * side of the benchmark (C, Python through ctypes, Rust by its own code) sums what it read in the
 * same way, so that a side which measures wrong values is found before it is timed. */
#ifndef BENCH_HEADLINE_H
#define BENCH_HEADLINE_H

#include <stddef.h>
#include <stdint.h>

enum {
    BENCH_SIDE = 1024, /* elements along each axis of the array */
    BENCH_CHUNK = 256, /* of a chunk or shard */
    BENCH_INNER = 64,  /* of an inner chunk of store C */
    BENCH_BOX = 32,    /* of a box of the random reads */
    BENCH_SMALL = 8,   /* of a small chunk */
    BENCH_ROWS = 16,   /* planes of the array that is read row by row */
    BENCH_OPENS = 20,  /* how often a job opens the array */
};

#define BENCH_ELEMENTS ((size_t)BENCH_SIDE * BENCH_SIDE * BENCH_SIDE)
#define BENCH_BYTES (BENCH_ELEMENTS * sizeof(uint16_t))
#define BENCH_PLANE_BYTES ((size_t)BENCH_SIDE * BENCH_SIDE * sizeof(uint16_t))
#define BENCH_CHUNK_ELEMENTS ((size_t)BENCH_CHUNK * BENCH_CHUNK * BENCH_CHUNK)
#define BENCH_CHUNK_BYTES (BENCH_CHUNK_ELEMENTS * sizeof(uint16_t))
#define BENCH_INNER_ELEMENTS ((size_t)BENCH_INNER * BENCH_INNER * BENCH_INNER)
#define BENCH_INNER_BYTES (BENCH_INNER_ELEMENTS * sizeof(uint16_t))
#define BENCH_BOX_ELEMENTS ((size_t)BENCH_BOX * BENCH_BOX * BENCH_BOX)
#define BENCH_BOX_BYTES (BENCH_BOX_ELEMENTS * sizeof(uint16_t))

/* Modulo 2^64: the sum of all values, and the sum of value * (position in the array + 1). The
 * second changes when two values trade places. Sums of disjoint parts add up. */
typedef struct bench_sum {
    uint64_t plain;
    uint64_t weighted;
} bench_sum;

/* A block of the array: the position of its first element, and its lengths. */
typedef struct bench_block {
    int64_t start[3];
    int64_t shape[3];
} bench_block;

/* Adds the values of a dense C-order block to the sum. */
void bench_sum_add(bench_sum *sum, const uint16_t *values, const bench_block *block);

void bench_sum_merge(bench_sum *sum, const bench_sum *part);

/* The cube of the given side that starts at (z, y, x). */
bench_block bench_cube(int64_t z, int64_t y, int64_t x, int64_t side);

/* Chunk number 0..63 in C order as a block. */
bench_block bench_chunk_block(int64_t chunk);

/* Reads the starts of the boxes: three numbers a line; each is a cube of the given side. Returns
 * their count, or -1; the caller frees. */
int64_t bench_boxes_load(const char *path, int64_t side, bench_block **ret_boxes);

/* The plane in the middle of an axis (0: x, the last one; 1: y; 2: z). */
bench_block bench_plane(int axis_from_last);

/* An array of so many chunks of 8^3 along each axis, at the beginning of the big one's positions;
 * all zero: the 100,000 of store S. */
bench_block bench_small_block(const int64_t grid[3]);

size_t bench_block_bytes(const bench_block *block);

/* The values of a block that starts at the origin, by the formula. */
void bench_fill(uint16_t *values, const bench_block *block);

/* Points: z, y, x of each. */
typedef struct bench_points {
    int64_t count;
    int64_t *positions;
} bench_points;

/* Reads a file of 64-bit integers. Returns 0 or -1; the caller frees the positions. */
int bench_points_load(const char *path, bench_points *ret_points);
void bench_sum_points(bench_sum *sum, const uint16_t *values, const bench_points *points);

/* Seconds of the monotonic clock. */
double bench_now(void);

#endif
