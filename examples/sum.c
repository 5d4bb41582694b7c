/* Sums an array of any size and any real type with the memory of a few chunks, through a sink that
 * gets each decoded piece while it is hot in cache. Pieces come on several threads at once and in
 * any order. */
#include <pthread.h>
#include <tessera.h>

typedef struct sum {
    pthread_mutex_t mutex;
    double total;
    int64_t count;
} sum;

static int add_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    sum *self = user;
    tsr_view elements;
    double total = 0;
    (void)position;

    if (tsr_view_new(&elements, TSR_FLOAT64, piece->rank, piece->shape, err) < 0)
        return TSR_NO_MEMORY;
    int status = tsr_view_copy(&elements, piece, TSR_CASTING_UNSAFE, err);
    int64_t count = tsr_view_count(&elements);
    for (int64_t i = 0; status == 0 && i < count; i++)
        total += ((const double *)elements.data)[i];
    tsr_view_clear(&elements);

    pthread_mutex_lock(&self->mutex);
    self->total += total;
    self->count += count;
    pthread_mutex_unlock(&self->mutex);
    return status;
}

int main(int argc, char **argv)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_array) *array = NULL;
    sum self = {PTHREAD_MUTEX_INITIALIZER, 0, 0};

    if (argc != 2) {
        fprintf(stderr, "usage: sum PLACE\n");
        return 2;
    }
    if (tsr_context_new(NULL, &context, &err) < 0 ||
        tsr_array_open(context, argv[1], NULL, &array, &err) < 0 ||
        tsr_array_read_sink(array, NULL, add_piece, &self, NULL, &err) < 0)
        return tsr_error_report(&err, stderr);
    printf("%lld elements, sum %g\n", (long long)self.count, self.total);
    return 0;
}
