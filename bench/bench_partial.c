/* The side of Tessera in bench/partial: writes parts of a shard one after another.
 *
 * bench_partial ARRAY slices|buffered off|on FIRST STEP COUNT ROUND
 *
 * Writes `COUNT` slices of the first axis, each an inner chunk: FIRST, FIRST + STEP and so on,
 * which are visible (and, with `on`, on disk) one by one, or appended through a tsr_array_writer.
 * Then prints the seconds that took, the processor seconds of all threads, and the peak of memory
 * above what the process had before. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <tessera.h>
#include <tessera/writer.h>

typedef struct job {
    tsr_array *array;
    int64_t first, step, count;
    uint64_t round;
    tsr_write_options options;
    int64_t length;   /* of a slice */
    uint16_t *values; /* of all slices, one after another */
} job;

/* Noise that the runner knows: all bits of a product that depends on round, slice and position. */
static void fill(job *self)
{
    for (int64_t i = 0; i < self->count; i++) {
        uint32_t seed =
            (uint32_t)(self->round * 1000003 + (uint64_t)(self->first + i * self->step));
        for (int64_t at = 0; at < self->length; at++) {
            uint32_t mixed = (seed * 2654435761u) ^ ((uint32_t)at * 2246822519u);
            self->values[i * self->length + at] = (uint16_t)((mixed * 3266489917u) >> 16);
        }
    }
}

static int view_slice(const job *self, int64_t i, tsr_view *ret_view, tsr_error *err)
{
    const int64_t shape[2] = {1, self->length};
    return tsr_view_init(ret_view, TSR_UINT16, 2, shape, self->values + i * self->length, err);
}

static int write_slices(const job *self, tsr_error *err)
{
    for (int64_t i = 0; i < self->count; i++) {
        int64_t at = self->first + i * self->step;
        tsr_index index;
        tsr_view slice;
        tsr_index_all(&index, 2, tsr_array_shape(self->array));
        index.axes[0].start = at;
        index.axes[0].count = 1;
        int status = view_slice(self, i, &slice, err);
        if (status == 0)
            status = tsr_array_write_index(self->array, &index, &slice, TSR_CASTING_NO,
                                           &self->options, NULL, err);
        if (status < 0)
            return status;
    }
    return 0;
}

static int append_slices(const job *self, tsr_error *err)
{
    tsr_array_writer_options options;
    tsr_array_writer *writer = NULL;
    tsr_array_writer_options_init(&options);
    options.write = self->options;
    int status = tsr_array_writer_open(self->array, &options, &writer, err);
    for (int64_t i = 0; i < self->count && status == 0; i++) {
        tsr_view slice;
        status = view_slice(self, i, &slice, err);
        if (status == 0)
            status = tsr_array_writer_append(writer, &slice, TSR_CASTING_NO, NULL, NULL, err);
    }
    if (status == 0)
        return tsr_array_writer_close(writer, NULL, err);
    tsr_array_writer_discard(writer);
    return status;
}

static double now_seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A line of /proc/self/status, in KiB; 0 when there is none. */
static long memory_kib(const char *name)
{
    char line[200];
    long value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && value == 0 && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtol(line + strlen(name), NULL, 10);
    if (file)
        fclose(file);
    return value;
}

static int run(job *self, bool buffered, tsr_error *err)
{
    self->length = tsr_array_shape(self->array)[1];
    self->values = malloc((size_t)(self->count * self->length) * sizeof *self->values);
    if (!self->values)
        return tsr_error_set(err, TSR_NO_MEMORY, "no memory for the slices");
    fill(self);
    long before = memory_kib("VmRSS:");
    double started = now_seconds(CLOCK_MONOTONIC);
    double worked = now_seconds(CLOCK_PROCESS_CPUTIME_ID);
    int status = buffered ? append_slices(self, err) : write_slices(self, err);
    double seconds = now_seconds(CLOCK_MONOTONIC) - started;
    worked = now_seconds(CLOCK_PROCESS_CPUTIME_ID) - worked;
    if (status == 0)
        printf("%.6f %.6f %ld\n", seconds, worked, memory_kib("VmHWM:") - before);
    return status;
}

int main(int argc, char **argv)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_context *context = NULL;
    tsr_array_open_options options;
    job self = {0};
    if (argc != 8) {
        fprintf(stderr, "bench_partial ARRAY slices|buffered off|on FIRST STEP COUNT ROUND\n");
        return 2;
    }
    tsr_write_options_init(&self.options);
    self.options.durability =
        strcmp(argv[3], "on") == 0 ? TSR_DURABILITY_FLUSH : TSR_DURABILITY_NONE;
    self.first = strtoll(argv[4], NULL, 10);
    self.step = strtoll(argv[5], NULL, 10);
    self.count = strtoll(argv[6], NULL, 10);
    self.round = strtoull(argv[7], NULL, 10);
    tsr_array_open_options_init(&options);
    options.writable = true;
    int status = tsr_context_new(NULL, &context, &err);
    if (status == 0)
        status = tsr_array_open(context, argv[1], &options, &self.array, &err);
    if (status == 0)
        status = run(&self, strcmp(argv[2], "buffered") == 0, &err);
    free(self.values);
    tsr_array_close(self.array);
    tsr_context_free(context);
    return tsr_error_report(&err, stderr);
}
