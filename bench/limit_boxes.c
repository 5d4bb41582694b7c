/* Random boxes of store C. One by one: for each box, each inner chunk that it touches is read and
 * decoded whole; the boxes are shared out to all threads, as if each box had been split between
 * them without any loss. As a batch: each inner chunk that any box touches is decoded once. */
#include "limit.h"

#include <stdlib.h>
#include <string.h>

enum {
    INNER_PER_AXIS = LIMIT_INNER_PER_AXIS,
    INNER_TOTAL = INNER_PER_AXIS * INNER_PER_AXIS * INNER_PER_AXIS,
    TOUCHED_MAX = 8, /* a box touches at most two inner chunks of 64 along an axis */
};

/* One inner chunk that a box touches, in the list of that inner chunk. */
struct touch {
    int32_t box;
    int32_t next; /* the next touch of the same inner chunk, or -1 */
};

struct boxing {
    limit_state *state;
    const bench_job *job;
    bench_outcome *outcome;
    bench_block *boxes;
    int64_t count;
    size_t box_bytes;
    uint16_t *results; /* one after the other */
    limit_shards shards;
    struct touch *touches;
    int32_t *first_touch; /* for each inner chunk, or -1 */
    int32_t *touched;     /* the inner chunks that any box touches */
    int32_t touched_count;
};

/* Lists the inner chunks of a box by their position in the grid of all inner chunks. */
static int inner_chunks_of(const bench_block *box, int32_t inner[TOUCHED_MAX])
{
    int64_t first[3], last[3];
    int count = 0;

    for (int axis = 0; axis < 3; axis++) {
        first[axis] = box->start[axis] / BENCH_INNER;
        last[axis] = (box->start[axis] + box->shape[axis] - 1) / BENCH_INNER;
    }
    for (int64_t z = first[0]; z <= last[0]; z++) {
        for (int64_t y = first[1]; y <= last[1]; y++) {
            for (int64_t x = first[2]; x <= last[2]; x++) {
                inner[count++] = (int32_t)((z * INNER_PER_AXIS + y) * INNER_PER_AXIS + x);
            }
        }
    }
    return count;
}

/* Copies what a box and an inner chunk share. */
static void copy_part(uint16_t *result, const bench_block *box, const uint16_t *decoded,
                      const bench_block *inner)
{
    int64_t from[3], to[3];

    for (int axis = 0; axis < 3; axis++) {
        int64_t box_end = box->start[axis] + box->shape[axis],
                inner_end = inner->start[axis] + BENCH_INNER;

        from[axis] = box->start[axis] > inner->start[axis] ? box->start[axis] : inner->start[axis];
        to[axis] = box_end < inner_end ? box_end : inner_end;
    }
    for (int64_t z = from[0]; z < to[0]; z++) {
        for (int64_t y = from[1]; y < to[1]; y++) {
            int64_t there =
                ((z - box->start[0]) * box->shape[1] + y - box->start[1]) * box->shape[2] +
                from[2] - box->start[2];
            int64_t here =
                ((z - inner->start[0]) * BENCH_INNER + y - inner->start[1]) * BENCH_INNER +
                from[2] - inner->start[2];

            memcpy(result + there, decoded + here, (size_t)(to[2] - from[2]) * sizeof *result);
        }
    }
}

static int serve_box(void *user, int thread, int64_t number)
{
    struct boxing *boxing = user;
    limit_scratch *scratch = &boxing->state->scratch[thread];
    int32_t inner[TOUCHED_MAX];
    int count = inner_chunks_of(&boxing->boxes[number], inner);

    for (int k = 0; k < count; k++) {
        const bench_block position = limit_inner_position(inner[k]);

        if (limit_load_inner(&boxing->shards, scratch, inner[k], BENCH_INNER_BYTES,
                             boxing->outcome) != 0) {
            return -1;
        }
        copy_part(boxing->results + (size_t)number * boxing->box_bytes / sizeof(uint16_t),
                  &boxing->boxes[number], scratch->decoded, &position);
    }
    return 0;
}

static void list_touches(struct boxing *boxing)
{
    int32_t used = 0;

    for (int32_t i = 0; i < INNER_TOTAL; i++) {
        boxing->first_touch[i] = -1;
    }
    for (int64_t i = 0; i < boxing->count; i++) {
        int32_t inner[TOUCHED_MAX];
        int count = inner_chunks_of(&boxing->boxes[i], inner);

        for (int k = 0; k < count; k++) {
            if (boxing->first_touch[inner[k]] < 0) {
                boxing->touched[boxing->touched_count++] = inner[k];
            }
            boxing->touches[used] =
                (struct touch){.box = (int32_t)i, .next = boxing->first_touch[inner[k]]};
            boxing->first_touch[inner[k]] = used++;
        }
    }
}

static int serve_touched(void *user, int thread, int64_t item)
{
    struct boxing *boxing = user;
    limit_scratch *scratch = &boxing->state->scratch[thread];
    int32_t inner = boxing->touched[item];
    const bench_block position = limit_inner_position(inner);

    if (limit_load_inner(&boxing->shards, scratch, inner, BENCH_INNER_BYTES, boxing->outcome) !=
        0) {
        return -1;
    }
    for (int32_t t = boxing->first_touch[inner]; t >= 0; t = boxing->touches[t].next) {
        int32_t box = boxing->touches[t].box;

        copy_part(boxing->results + (size_t)box * boxing->box_bytes / sizeof(uint16_t),
                  &boxing->boxes[box], scratch->decoded, &position);
    }
    return 0;
}

static int answer_boxes(struct boxing *boxing)
{
    double started = bench_now();
    int status = limit_shards_open(&boxing->shards, boxing->job->store, boxing->outcome);

    if (status == 0 && strcmp(boxing->job->mode, "batch") == 0) {
        list_touches(boxing);
        status =
            bench_parallel(boxing->state->threads, boxing->touched_count, serve_touched, boxing);
    } else if (status == 0) {
        status = bench_parallel(boxing->state->threads, boxing->count, serve_box, boxing);
    }
    boxing->outcome->seconds = bench_now() - started;
    for (int64_t i = 0; i < boxing->count && boxing->job->summed; i++) {
        bench_sum_add(&boxing->outcome->sum,
                      boxing->results + (size_t)i * boxing->box_bytes / sizeof(uint16_t),
                      &boxing->boxes[i]);
    }
    return status;
}

static void end_boxes(struct boxing *boxing)
{
    limit_shards_close(&boxing->shards);
    bench_huge_free(boxing->results, (size_t)boxing->count * boxing->box_bytes);
    free(boxing->boxes);
    free(boxing->touches);
    free(boxing->first_touch);
    free(boxing->touched);
}

int limit_boxes(limit_state *state, const bench_job *job, bench_outcome *outcome)
{
    struct boxing boxing = {.state = state, .job = job, .outcome = outcome};
    int status = -1;

    boxing.count = bench_boxes_load(job->extra, bench_box_side(job), &boxing.boxes);
    if (boxing.count < 0) {
        return bench_fail(outcome, "%s is not a list of boxes", job->extra);
    }
    boxing.box_bytes = bench_block_bytes(boxing.boxes);
    boxing.results = bench_huge_new_touched((size_t)boxing.count * boxing.box_bytes);
    boxing.touches = malloc((size_t)boxing.count * TOUCHED_MAX * sizeof *boxing.touches);
    boxing.first_touch = malloc(INNER_TOTAL * sizeof *boxing.first_touch);
    boxing.touched = malloc(INNER_TOTAL * sizeof *boxing.touched);
    if (boxing.results && boxing.touches && boxing.first_touch && boxing.touched) {
        status = answer_boxes(&boxing);
    } else {
        bench_fail(outcome, "no memory for the boxes");
    }
    end_boxes(&boxing);
    return status;
}
