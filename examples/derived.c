/* Arrays that are not stored: an array in a store and one that a function works out, put together
 * and seen from far away. Nothing is read before the last line but one. */
#include <tessera.h>

/* The array of the function: y + x. */
static int fill(void *user, const int64_t *start, const tsr_view *box, const tsr_call *call,
                tsr_error *err)
{
    double *values = (double *)box->data;
    int64_t y, x;
    (void)user;
    (void)call;
    (void)err;
    for (y = 0; y < box->shape[0]; y++)
        for (x = 0; x < box->shape[1]; x++)
            *values++ = (double)(start[0] + y + start[1] + x);
    return 0;
}

int main(int argc, char **argv)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_array) *stored = NULL, *wide = NULL, *made = NULL, *both = NULL, *far = NULL;
    tsr_virtual_options options;
    tsr_array *parts[2];
    double means[2];

    if (argc != 2) {
        fprintf(stderr, "usage: derived PLACE (of an array with two axes)\n");
        return 2;
    }
    tsr_virtual_options_init(&options);
    options.dtype = TSR_FLOAT64;
    options.rank = 2;
    options.fill = fill;
    if (tsr_context_new(NULL, &context, &err) < 0 ||
        tsr_array_open(context, argv[1], NULL, &stored, &err) < 0 ||
        tsr_array_cast(stored, TSR_FLOAT64, TSR_CASTING_SAFE, &wide, &err) < 0)
        return tsr_error_report(&err, stderr);
    options.shape = tsr_array_shape(stored);
    if (tsr_array_new_virtual(context, &options, &made, &err) < 0)
        return tsr_error_report(&err, stderr);
    parts[0] = wide;
    parts[1] = made;
    if (tsr_array_concatenate(parts, 2, 0, &both, &err) < 0 ||
        tsr_array_downsample(both, tsr_array_shape(stored), TSR_DOWNSAMPLE_MEAN, &far, &err) < 0 ||
        tsr_array_read(far, NULL, NULL, NULL, means, sizeof means, NULL, &err) < 0)
        return tsr_error_report(&err, stderr);
    printf("%s: means %.2f and %.2f\n", tsr_array_dtype(far)->name, means[0], means[1]);
    return 0;
}
