/* The body of a kernel (figures_kernel.h), included once for each instruction set with
 *
 *   LANES_NAME(name)   the name of a function
 *   LANES_TARGET       its attributes
 *   LANES_LEAST(a, b)  a < b ? a : b, of vectors
 *
 * Vectors of four are those of the compiler, which it takes apart where the processor has smaller
 * ones. The functions are defined anew each time, since vectors are taken apart before anything is
 * inlined. */

static LANES_TARGET void LANES_NAME(to_doubles)(void *numbers, int64_t count)
{
    /* 2^52 + 2^51: the bits of its sum with a small integer are the sum of the bits. */
    const double middle = 0x1.8p52;
    int64_t bits, number;
    double value;

    memcpy(&bits, &middle, sizeof bits);
    for (int64_t i = 0; i < count; i++) {
        char *at = (char *)numbers + i * (int64_t)sizeof number;
        memcpy(&number, at, sizeof number);
        number = (int64_t)((uint64_t)number + (uint64_t)bits);
        memcpy(&value, &number, sizeof value);
        value -= middle;
        memcpy(at, &value, sizeof value);
    }
}

static LANES_TARGET bool LANES_NAME(is_plain)(const double *values, int64_t count, double fill)
{
    const four fills = {fill, fill, fill, fill};
    four_bits found = {0};
    bool any = false;
    int64_t i = 0;

    for (; i + 4 <= count; i += 4) {
        four x;
        memcpy(&x, values + i, sizeof x);
        found |= (four_bits)(x != x) | (four_bits)(x == fills);
    }
    for (; i < count; i++)
        any |= values[i] != values[i] || values[i] == fill;
    return !any && (found[0] | found[1] | found[2] | found[3]) == 0;
}

static LANES_TARGET void LANES_NAME(sum)(const double *values, int64_t count,
                                         tsri_figures_sums *ret_sums)
{
    const four first = {values[0], values[0], values[0], values[0]};
    four least[2] = {first, first}, most[2] = {first, first}, sums[2] = {{0}}, rests[2] = {{0}};
    int64_t i = 0;

    for (; i + LANES <= count; i += LANES)
        for (int half = 0; half < 2; half++) {
            four x;
            memcpy(&x, values + i + 4 * half, sizeof x);
            four sum = sums[half] + x, part = sum - sums[half];
            least[half] = LANES_LEAST(x, least[half]);
            most[half] = LANES_GREATEST(most[half], x);
            rests[half] += (sums[half] - (sum - part)) + (x - part);
            sums[half] = sum;
        }
    tsri_figures_sums total = {values[0], values[0], 0, 0};
    for (int lane = 0; lane < LANES; lane++) {
        int half = lane / 4, k = lane % 4;
        double left;
        total.least = TSRI_MIN(least[half][k], total.least);
        total.greatest = TSRI_MAX(total.greatest, most[half][k]);
        total.sum = tsri_exact_sum(total.sum, sums[half][k], &left);
        total.rest += left + rests[half][k];
    }
    for (; i < count; i++) {
        double left;
        total.least = TSRI_MIN(values[i], total.least);
        total.greatest = TSRI_MAX(total.greatest, values[i]);
        total.sum = tsri_exact_sum(total.sum, values[i], &left);
        total.rest += left;
    }
    *ret_sums = total;
}

/* The sum of the distances makes up for a mean that is rounded. */
static LANES_TARGET double LANES_NAME(squares)(const double *values, int64_t count, double mean)
{
    const four means = {mean, mean, mean, mean};
    four squares[2] = {{0}}, distances[2] = {{0}};
    double square = 0, distance = 0;
    int64_t i = 0;

    for (; i + LANES <= count; i += LANES)
        for (int half = 0; half < 2; half++) {
            four x;
            memcpy(&x, values + i + 4 * half, sizeof x);
            x -= means;
            squares[half] += x * x;
            distances[half] += x;
        }
    for (; i < count; i++) {
        double x = values[i] - mean;
        square += x * x;
        distance += x;
    }
    const four all_squares = squares[0] + squares[1], all_distances = distances[0] + distances[1];
    for (int k = 0; k < 4; k++) {
        square += all_squares[k];
        distance += all_distances[k];
    }
    return square - distance * distance / (double)count;
}
