#include "tensor/kernels.h"

#define TILE_EDGE 32

static inline __attribute__((always_inline)) void move_rows(char *to, const char *from,
                                                            const tsri_nest_axis *outer,
                                                            const tsri_nest_axis *inner,
                                                            size_t run_bytes)
{
    for (int64_t i = 0; i < outer->count; i++, to += outer->to, from += outer->from) {
        char *row_to = to;
        const char *row_from = from;
        for (int64_t k = 0; k < inner->count; k++, row_to += inner->to, row_from += inner->from)
            memcpy(row_to, row_from, run_bytes);
    }
}

static inline __attribute__((always_inline)) void move_tiles(char *to, const char *from,
                                                             const tsri_nest_axis *outer,
                                                             const tsri_nest_axis *inner,
                                                             size_t run_bytes)
{
    for (int64_t i = 0; i < outer->count; i += TILE_EDGE) {
        tsri_nest_axis tile_outer = *outer;
        tile_outer.count = TSRI_MIN(outer->count - i, TILE_EDGE);
        for (int64_t k = 0; k < inner->count; k += TILE_EDGE) {
            tsri_nest_axis tile_inner = *inner;
            tile_inner.count = TSRI_MIN(inner->count - k, TILE_EDGE);
            move_rows(to + i * outer->to + k * inner->to, from + i * outer->from + k * inner->from,
                      &tile_outer, &tile_inner, run_bytes);
        }
    }
}

/* A size known to the compiler becomes a move of that size instead of a call. */
#define DEFINE_MOVES(bytes)                                                                  \
    static bool move_rows_##bytes(void *user, char *to, const char *from,                    \
                                  const tsri_nest_axis *outer, const tsri_nest_axis *inner)  \
    {                                                                                        \
        (void)user;                                                                          \
        move_rows(to, from, outer, inner, bytes);                                            \
        return true;                                                                         \
    }                                                                                        \
    static bool move_tiles_##bytes(void *user, char *to, const char *from,                   \
                                   const tsri_nest_axis *outer, const tsri_nest_axis *inner) \
    {                                                                                        \
        (void)user;                                                                          \
        move_tiles(to, from, outer, inner, bytes);                                           \
        return true;                                                                         \
    }
#define MOVE_SIZES(X) X(1) X(2) X(4) X(8) X(16) X(32) X(64) X(128)
MOVE_SIZES(DEFINE_MOVES)

static bool move_rows_any(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                          const tsri_nest_axis *inner)
{
    move_rows(to, from, outer, inner, ((const tsri_copy_job *)user)->run_bytes);
    return true;
}

static bool move_tiles_any(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                           const tsri_nest_axis *inner)
{
    move_tiles(to, from, outer, inner, ((const tsri_copy_job *)user)->run_bytes);
    return true;
}

static const struct {
    size_t run_bytes;
    tsri_nest_body *rows, *tiles;
} moves[] = {
#define MOVE_ROW(bytes) {bytes, move_rows_##bytes, move_tiles_##bytes},
    MOVE_SIZES(MOVE_ROW)};

tsri_nest_body *tsri_kernel_rows(size_t run_bytes)
{
    for (size_t i = 0; i < TSRI_COUNT(moves); i++)
        if (moves[i].run_bytes == run_bytes)
            return moves[i].rows;
    return move_rows_any;
}

tsri_nest_body *tsri_kernel_tiles(size_t run_bytes)
{
    for (size_t i = 0; i < TSRI_COUNT(moves); i++)
        if (moves[i].run_bytes == run_bytes)
            return moves[i].tiles;
    return move_tiles_any;
}

void tsri_move_strided(char *to, int64_t to_stride, const char *from, int64_t from_stride,
                       size_t count, size_t element_bytes)
{
    tsri_copy_job job = {element_bytes};
    const tsri_nest_axis outer = {1, 0, 0}, inner = {(int64_t)count, to_stride, from_stride};
    tsri_kernel_rows(element_bytes)(&job, to, from, &outer, &inner);
}
