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
    require(axis->kind != TSR_INDEX_POSITION || axis->count == 1);
    if (axis->count == 0)
        return;
    require(!__builtin_mul_overflow(axis->count - 1, axis->step, &last));
    require(!__builtin_add_overflow(last, axis->start, &last));
    require(axis->start >= 0 && axis->start < length && last >= 0 && last < length);
}

/* Every element lies inside, as far as they are looked at; and the same text, applied to the
 * result, names elements that are among them. */
static void require_elements_inside(const tsr_index *index, const int64_t *shape)
{
    int64_t result[TSR_RANK_MAX], position[TSR_RANK_MAX], element[TSR_RANK_MAX];
    int rank = tsr_index_shape(index, result);
    if (tsr_index_count(index) == 0)
        return;
    for (int corner = 0; corner < 3; corner++) {
        for (int axis = 0; axis < rank; axis++)
            position[axis] = corner == 0 ? 0 : corner == 1 ? result[axis] - 1 : result[axis] / 2;
        tsr_index_locate(index, position, element);
        for (int axis = 0; axis < index->rank; axis++)
            require(element[axis] >= 0 && element[axis] < shape[axis]);
    }
}

static void select_again(const tsr_index *index, const char *text, tsr_index_mode mode,
                         const int64_t *shape)
{
    int64_t result[TSR_RANK_MAX];
    int rank = tsr_index_shape(index, result);
    tsr_index_parse_options options;
    tsr_index second, both;

    tsr_index_parse_options_init(&options);
    options.mode = mode;
    if (tsr_index_parse_with(&second, text, rank, result, &options, NULL) < 0)
        return;
    if (tsr_index_compose(&both, index, &second, NULL) == 0) {
        require_elements_inside(&both, shape);
        tsr_index_clear(&both);
    }
    tsr_index_clear(&second);
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
    tsr_index_parse_options options;
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

    tsr_index_parse_options_init(&options);
    options.mode = (tsr_index_mode)(size % 3);
    if (tsr_index_parse_with(&index, text, rank, shape, &options, &err) == 0) {
        require(index.rank == rank);
        for (int axis = 0; axis < rank; axis++)
            require_inside(&index.axes[axis], shape[axis]);
        require(tsr_index_count(&index) >= 0);
        require_elements_inside(&index, shape);
        select_again(&index, text, options.mode, shape);
        tsr_index_clear(&index);
    } else if (err.status != TSR_NO_MEMORY) {
        require_place(&err, strlen(text));
    }
    tsr_index_all(&whole, rank, shape);
    if (rank > 0 && tsr_index_parse_axis(&whole, rank - 1, text, shape[rank - 1], NULL) == 0)
        require_inside(&whole.axes[rank - 1], shape[rank - 1]);
    free(text);
    return 0;
}
