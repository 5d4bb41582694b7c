/* Creates a sharded Zarr array, writes it, and reads a window of it back. */
#include <tessera.h>

int main(int argc, char **argv)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_array) *array = NULL;
    tsr_array_create_options options;
    const int64_t shape[] = {400, 600}, chunk[] = {50, 50}, shard[] = {200, 200};
    const int64_t start[] = {123, 456}, window_shape[] = {2, 3};
    static float values[400][600];
    float window[2][3];

    for (int row = 0; row < 400; row++)
        for (int column = 0; column < 600; column++)
            values[row][column] = (float)row + (float)column / 1000;

    tsr_array_create_options_init(&options);
    options.mode = TSR_CREATE_OVERWRITE;
    options.dtype = TSR_FLOAT32;
    options.rank = 2;
    options.shape = shape;
    options.chunk_shape = chunk;
    options.shard_shape = shard;
    options.codec = "zstd:3";

    if (tsr_context_new(NULL, &context, &err) < 0 ||
        tsr_array_create(context, argc > 1 ? argv[1] : "example.zarr/values", &options, &array,
                         &err) < 0 ||
        tsr_array_write(array, NULL, NULL, NULL, values, sizeof values, NULL, &err) < 0 ||
        tsr_array_read(array, start, window_shape, NULL, window, sizeof window, NULL, &err) < 0)
        return tsr_error_report(&err, stderr);

    for (int row = 0; row < 2; row++)
        printf("%g %g %g\n", window[row][0], window[row][1], window[row][2]);
    return 0;
}
