/* Selections as text: byte 0 is the rank and the choice of lengths, the rest the text. Whatever is
 * accepted names elements that exist; whatever is refused says at which character. */
#include <stdlib.h>
#include <string.h>

#include <tessera/index.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void require_inside(const tsr_index_axis *axis, int64_t length)
{
    int64_t last;
    require(axis->step != 0 && axis->count >= 0 && axis->count <= length);
    require(axis->kind == TSR_INDEX_RANGE || axis->count == 1);
    if (axis->count == 0)
        return;
    require(!__builtin_mul_overflow(axis->count - 1, axis->step, &last));
    require(!__builtin_add_overflow(last, axis->start, &last));
    require(axis->start >= 0 && axis->start < length && last >= 0 && last < length);
}

/* The message names a character of the text or the one behind it. */
static void require_place(const tsr_error *err, size_t length)
{
    static const char word[] = "character ";
    const char *place = strstr(err->message, word);
    require(place != NULL);
    unsigned long long number = strtoull(place + sizeof word - 1, NULL, 10);
    require(number >= 1 && number <= length + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int64_t lengths[] = {0, 1, 10, INT64_MAX};
    int64_t shape[TSR_RANK_MAX] = {0};
    tsr_index index, whole;
    tsr_error err = TSR_ERROR_INIT;
    if (size == 0 || size > 4096)
        return 0;
    char *text = malloc(size);
    require(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    int rank = data[0] % (TSR_RANK_MAX + 1);
    for (int axis = 0; axis < rank; axis++)
        shape[axis] = lengths[(data[0] / 64 + axis) % 4];

    if (tsr_index_parse(&index, text, rank, shape, &err) == 0) {
        require(index.rank == rank);
        for (int axis = 0; axis < rank; axis++)
            require_inside(&index.axes[axis], shape[axis]);
        require(tsr_index_count(&index) >= 0);
    } else {
        require_place(&err, strlen(text));
    }
    tsr_index_all(&whole, rank, shape);
    if (rank > 0 && tsr_index_parse_axis(&whole, rank - 1, text, shape[rank - 1], NULL) == 0)
        require_inside(&whole.axes[rank - 1], shape[rank - 1]);
    free(text);
    return 0;
}
