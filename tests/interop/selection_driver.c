/* Selections from and to arrays in memory, told line by line on standard input, for tests that
 * compare them with NumPy's: one process for many cases.
 *
 *     array FORMAT ORDER RANK SHAPE.. CHUNK.. SHARD..|0 DTYPE KEYS|- EDGES|- CODECS|-
 *                                     a new array, empty; 0: no shards; EDGES: the lengths of all
 *                                     chunks, which are shards of CHUNK where SHARD is not 0
 *     blocks FIRST.. COUNT..          selects chunks of its grid
 *     then MODE TEXT                  selects from what is selected; MODE numpy, orthogonal,
 *                                     pointwise; "@TYPE:2x3:1 2 3 4 5 6" in TEXT is a list
 *     order AXIS..                    transposes what is selected
 *     all                             forgets what was selected
 *     read DTYPE strided|dense|sink   answers "ok RANK SHAPE.." and the elements, C order
 *     write DTYPE view|source BYTES   and that many bytes of elements follow
 *
 * Every command is answered by a line: "ok ..." or "error STATUS MESSAGE". */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tessera/array.h>

typedef struct driver {
    tsr_context *context;
    tsr_store *store;
    tsr_array *array;
    int made; /* arrays so far */
    tsr_index index;
    tsr_error err;
} driver;

static int64_t next_number(char **rest)
{
    const char *word = strsep(rest, " ");
    return word ? strtoll(word, NULL, 10) : 0;
}

static void next_numbers(char **rest, int count, int64_t *ret_numbers)
{
    for (int i = 0; i < count; i++)
        ret_numbers[i] = next_number(rest);
}

static int make_array(driver *self, char *rest)
{
    tsr_array_create_options options;
    int64_t shape[TSR_RANK_MAX], chunk[TSR_RANK_MAX], shard[TSR_RANK_MAX];
    char name[32];

    tsr_array_create_options_init(&options);
    options.store = self->store;
    options.zarr_format = (int)next_number(&rest);
    options.order = *strsep(&rest, " ");
    options.rank = (int)next_number(&rest);
    next_numbers(&rest, options.rank, shape);
    next_numbers(&rest, options.rank, chunk);
    next_numbers(&rest, options.rank, shard);
    options.shape = shape;
    options.chunk_shape = chunk;
    options.shard_shape = options.rank > 0 && shard[0] > 0 ? shard : NULL;
    if (tsr_dtype_parse(strsep(&rest, " "), &options.dtype, &self->err) < 0)
        return -1;
    const char *keys = strsep(&rest, " "), *edges = strsep(&rest, " ");
    options.chunk_keys = *keys != '-' ? keys : NULL;
    if (*edges != '-') {
        options.chunk_edges = edges;
        options.chunk_shape = options.shard_shape ? chunk : NULL;
        options.shard_shape = NULL;
    }
    if (strcmp(rest, "-") != 0)
        options.codecs = rest;
    else
        options.codec = options.rank % 2 ? "zstd" : "none";
    tsr_index_clear(&self->index);
    tsr_array_close(self->array);
    self->array = NULL;
    snprintf(name, sizeof name, "a%d", self->made++);
    int status = tsr_array_create(self->context, name, &options, &self->array, &self->err);
    tsr_dtype_unref(options.dtype);
    if (status == 0)
        tsr_index_all(&self->index, options.rank, shape);
    return status;
}

/* "i8:2x3:1 2 3 4 5 6" */
static int load(void *user, const char *name, tsr_view *ret_list, tsr_error *err)
{
    char *text = strdup(name), *rest = text;
    const tsr_dtype *dtype;
    int64_t shape[TSR_RANK_MAX];
    int rank = 0;

    (void)user;
    int status = tsr_dtype_parse(strsep(&rest, ":"), &dtype, err);
    char *lengths = strsep(&rest, ":");
    for (char *word; *lengths && (word = strsep(&lengths, "x"));) {
        shape[rank++] = strtoll(word, NULL, 10);
        if (!lengths)
            break;
    }
    if (status == 0)
        status = tsr_view_new(ret_list, dtype, rank, shape, err);
    for (int64_t i = 0; status == 0 && i < tsr_view_count(ret_list); i++) {
        int64_t number = next_number(&rest);
        memcpy(ret_list->data + i * (int64_t)dtype->size_bytes, &number, dtype->size_bytes);
    }
    free(text);
    return status;
}

/* Selects by `next` from what is selected. */
static int compose(driver *self, tsr_index *next)
{
    tsr_index both;
    int status = tsr_index_compose(&both, &self->index, next, &self->err);
    tsr_index_clear(next);
    if (status < 0)
        return status;
    tsr_index_clear(&self->index);
    self->index = both;
    return 0;
}

static int select_text(driver *self, char *rest)
{
    tsr_index_parse_options options;
    int64_t shape[TSR_RANK_MAX];
    tsr_index next;

    tsr_index_parse_options_init(&options);
    const char *mode = strsep(&rest, " ");
    options.mode = *mode == 'o'   ? TSR_INDEX_ORTHOGONAL
                   : *mode == 'p' ? TSR_INDEX_POINTWISE
                                  : TSR_INDEX_NUMPY;
    options.load = load;
    int rank = tsr_index_shape(&self->index, shape);
    int status = tsr_index_parse_with(&next, rest ? rest : "", rank, shape, &options, &self->err);
    return status < 0 ? status : compose(self, &next);
}

static int select_blocks(driver *self, char *rest)
{
    int64_t first[TSR_RANK_MAX], count[TSR_RANK_MAX];
    tsr_index next;

    next_numbers(&rest, tsr_array_rank(self->array), first);
    next_numbers(&rest, tsr_array_rank(self->array), count);
    int status = tsr_array_select_blocks(self->array, first, count, &next, &self->err);
    return status < 0 ? status : compose(self, &next);
}

static int transpose(driver *self, char *rest)
{
    int64_t shape[TSR_RANK_MAX];
    int order[TSR_RANK_MAX], rank = tsr_index_shape(&self->index, shape);
    tsr_index next;

    for (int i = 0; i < rank; i++)
        order[i] = (int)next_number(&rest);
    int status = tsr_index_transpose(&next, &self->index, order, &self->err);
    if (status < 0)
        return status;
    tsr_index_clear(&self->index);
    self->index = next;
    return 0;
}

/* Where a piece lies in the dense view `user`. */
static void find_place(const tsr_view *all, const tsr_view *piece, const int64_t *position,
                       tsr_view *ret_place)
{
    *ret_place = *all;
    memcpy(ret_place->shape, piece->shape, sizeof ret_place->shape);
    for (int axis = 0; axis < piece->rank; axis++)
        ret_place->data += position[axis] * all->strides[axis];
}

static int keep_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    tsr_view place;
    find_place(user, piece, position, &place);
    return tsr_view_copy(&place, piece, TSR_CASTING_UNSAFE, err);
}

static int give_piece(void *user, const tsr_view *piece, const int64_t *position, tsr_error *err)
{
    tsr_view place;
    find_place(user, piece, position, &place);
    return tsr_view_copy(piece, &place, TSR_CASTING_UNSAFE, err);
}

/* A view of every second element, backwards, of twice the memory. */
static int read_strided(driver *self, const tsr_view *dense)
{
    tsr_view wide, sparse;
    int64_t shape[TSR_RANK_MAX];

    for (int axis = 0; axis < dense->rank; axis++)
        shape[axis] = 2 * dense->shape[axis];
    if (tsr_view_new(&wide, dense->dtype, dense->rank, shape, &self->err) < 0)
        return -1;
    sparse = wide;
    int status = 0;
    for (int axis = 0; axis < dense->rank && status == 0 && dense->shape[axis] > 0; axis++)
        status = tsr_view_slice(&sparse, axis, 2 * dense->shape[axis] - 1, dense->shape[axis], -2,
                                &self->err);
    memcpy(sparse.shape, dense->shape, sizeof sparse.shape);
    tsr_read_request request = {self->array, &self->index, &sparse, TSR_CASTING_UNSAFE};
    if (status == 0)
        status = tsr_read_many(self->context, &request, 1, NULL, &self->err);
    if (status == 0)
        status = tsr_view_copy(dense, &sparse, TSR_CASTING_NO, &self->err);
    tsr_view_clear(&wide);
    return status;
}

static int read_elements(driver *self, const char *how, const tsr_view *view)
{
    tsr_read_request request = {self->array, &self->index, view, TSR_CASTING_UNSAFE};

    if (strcmp(how, "sink") == 0)
        return tsr_array_read_sink(self->array, &self->index, keep_piece, (void *)view, NULL,
                                   &self->err);
    if (strcmp(how, "strided") == 0)
        return read_strided(self, view);
    return tsr_read_many(self->context, &request, 1, NULL, &self->err);
}

static int answer_read(driver *self, char *rest)
{
    int64_t shape[TSR_RANK_MAX];
    int rank = tsr_index_shape(&self->index, shape);
    const tsr_dtype *dtype;
    tsr_view view = {0};

    int status = tsr_dtype_parse(strsep(&rest, " "), &dtype, &self->err);
    if (status == 0)
        status = tsr_view_new(&view, dtype, rank, shape, &self->err);
    if (status == 0)
        status = read_elements(self, rest, &view);
    if (status == 0) {
        printf("ok %d", rank);
        for (int axis = 0; axis < rank; axis++)
            printf(" %" PRId64, shape[axis]);
        putchar('\n');
        fwrite(view.data, (size_t)tsr_view_size(&view), 1, stdout);
    }
    tsr_view_clear(&view);
    return status == 0 ? 1 : status;
}

static int take_write(driver *self, char *rest)
{
    int64_t shape[TSR_RANK_MAX];
    int rank = tsr_index_shape(&self->index, shape);
    const tsr_dtype *dtype;
    tsr_view view = {0};

    int status = tsr_dtype_parse(strsep(&rest, " "), &dtype, &self->err);
    const char *how = strsep(&rest, " ");
    size_t size_bytes = (size_t)next_number(&rest);
    char *bytes = malloc(size_bytes + 1);
    if (fread(bytes, 1, size_bytes, stdin) != size_bytes)
        status = tsr_error_set(&self->err, TSR_IO, "the elements end early");
    if (status == 0)
        status = tsr_view_init(&view, dtype, rank, shape, bytes, &self->err);
    if (status == 0 && (size_t)tsr_view_size(&view) != size_bytes)
        status = tsr_error_set(&self->err, TSR_INVALID_ARGUMENT, "%zu bytes for %" PRId64,
                               size_bytes, tsr_view_size(&view));
    if (status == 0 && strcmp(how, "source") == 0)
        status = tsr_array_write_source(self->array, &self->index, give_piece, &view, NULL, NULL,
                                        &self->err);
    else if (status == 0)
        status = tsr_array_write_index(self->array, &self->index, &view, TSR_CASTING_UNSAFE, NULL,
                                       NULL, &self->err);
    free(bytes);
    return status;
}

static int run(driver *self, char *line)
{
    const char *command = strsep(&line, " ");
    char none[] = "";

    line = line ? line : none;
    if (strcmp(command, "array") == 0)
        return make_array(self, line);
    if (strcmp(command, "blocks") == 0)
        return select_blocks(self, line);
    if (strcmp(command, "then") == 0)
        return select_text(self, line);
    if (strcmp(command, "order") == 0)
        return transpose(self, line);
    if (strcmp(command, "read") == 0)
        return answer_read(self, line);
    if (strcmp(command, "write") == 0)
        return take_write(self, line);
    tsr_index_clear(&self->index);
    tsr_index_all(&self->index, tsr_array_rank(self->array), tsr_array_shape(self->array));
    return 0;
}

int main(void)
{
    driver self = {.err = TSR_ERROR_INIT};
    char *line = NULL;
    size_t capacity = 0;

    if (tsr_context_new(NULL, &self.context, &self.err) < 0 ||
        tsr_store_open(self.context, "memory:", &self.store, &self.err) < 0)
        return 1;
    while (getline(&line, &capacity, stdin) > 0) {
        line[strcspn(line, "\n")] = 0;
        int status = run(&self, line);
        if (status < 0)
            printf("error %s %s\n", tsr_status_name(self.err.status), self.err.message);
        else if (status == 0)
            puts("ok");
        tsr_error_clear(&self.err);
        fflush(stdout);
    }
    free(line);
    tsr_index_clear(&self.index);
    tsr_array_close(self.array);
    tsr_store_close(self.store);
    tsr_context_free(self.context);
    return 0;
}
