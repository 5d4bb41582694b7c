#include "array/chunk_key.h"

#include <stdio.h>

#include "base/text.h"

int tsri_chunk_key_init(tsri_chunk_key *ret_key, const char *path,
                        const tsri_key_encoding *encoding, int rank, tsr_error *err)
{
    const char *lead = !encoding->separator ? "" : encoding->has_lead ? "c" : rank == 0 ? "0" : "";
    const char *slash = *path != 0 ? "/" : "";
    int length = snprintf(ret_key->text, sizeof ret_key->text, "%s%s%s", path, slash, lead);
    if (length < 0 || (size_t)length >= sizeof ret_key->text)
        return tsr_error_set(err, TSR_LIMIT,
                             "a path of %zu bytes leaves no room for chunk keys of at most %d",
                             strlen(path), TSR_KEY_MAX - 1);
    ret_key->encoding = encoding;
    ret_key->rank = rank;
    ret_key->formatted = 0;
    ret_key->path_bytes = (uint16_t)((size_t)length - strlen(lead));
    ret_key->size_bytes = (uint16_t)length;
    if (rank > 0)
        ret_key->starts[0] = (uint16_t)length;
    return 0;
}

void tsri_chunk_key_copy(tsri_chunk_key *ret_key, const tsri_chunk_key *key)
{
    size_t rank = (size_t)key->rank;
    ret_key->encoding = key->encoding;
    ret_key->rank = key->rank;
    ret_key->path_bytes = key->path_bytes;
    ret_key->formatted = key->formatted;
    ret_key->size_bytes = key->size_bytes;
    memcpy(ret_key->index, key->index, rank * sizeof *key->index);
    memcpy(ret_key->starts, key->starts, rank * sizeof *key->starts);
    memcpy(ret_key->text, key->text, (size_t)key->size_bytes + 1);
}

/* How many decimal digits a number >= 0 has. */
static size_t count_digits(uint64_t number)
{
    size_t count = 1;
    for (; number >= 10; number /= 10)
        count++;
    return count;
}

static void put_digits(char *to, size_t count, uint64_t number)
{
    for (; count > 0; number /= 10)
        to[--count] = (char)('0' + number % 10);
}

/* Writes the key of an encoding that is not formed axis by axis. */
static int set_whole(tsri_chunk_key *key, const int64_t *index, tsr_error *err)
{
    char *text = key->text + key->path_bytes;
    size_t length, capacity = sizeof key->text - key->path_bytes;

    TSRI_TRY(key->encoding->ops->format(key->encoding->state, key->rank, index, text, capacity,
                                        &length, err));
    if (length >= capacity || text[length] != 0 || length == 0 || memcmp(text, "__", 2) == 0 ||
        strcmp(text, "zarr.json") == 0)
        return tsr_error_set(err, TSR_INTERNAL,
                             "the chunk key encoding \"%s\" has made what is no key of a chunk",
                             key->encoding->ops->name);
    key->size_bytes = (uint16_t)(key->path_bytes + length);
    return 0;
}

int tsri_chunk_key_set(tsri_chunk_key *key, const int64_t *index, tsr_error *err)
{
    int axis = 0;
    if (!key->encoding->separator)
        return set_whole(key, index, err);
    while (axis < key->formatted && key->index[axis] == index[axis])
        axis++;
    for (; axis < key->rank; axis++) {
        uint64_t number = (uint64_t)index[axis];
        size_t start = key->starts[axis], digits = count_digits(number);
        bool separated = axis > 0 || key->encoding->has_lead;
        size_t length = digits + separated;
        key->formatted = axis;
        if (start + length >= sizeof key->text)
            return tsr_error_set(err, TSR_LIMIT, "a chunk key of more than %d bytes: %s...",
                                 TSR_KEY_MAX - 1, key->text);
        if (separated)
            key->text[start] = key->encoding->separator;
        put_digits(key->text + start + separated, digits, number);
        key->text[start + length] = 0;
        key->size_bytes = (uint16_t)(start + length);
        key->index[axis] = index[axis];
        if (axis + 1 < key->rank)
            key->starts[axis + 1] = key->size_bytes;
    }
    key->formatted = key->rank;
    return 0;
}

bool tsri_chunk_key_next(const tsri_key_encoding *encoding, const char *text,
                         char ret_text[TSR_KEY_MAX])
{
    if (!encoding->separator)
        return false;
    size_t at = strlen(text);
    memcpy(ret_text, text, at + 1);
    for (; at > 0 && ret_text[at - 1] == '9'; at--)
        ret_text[at - 1] = '0';
    if (at == 0 || ret_text[at - 1] < '0' || ret_text[at - 1] > '8')
        return false;
    ret_text[at - 1]++;
    return true;
}

bool tsri_chunk_key_parse(const tsri_key_encoding *encoding, int rank, const char *text,
                          size_t size_bytes, int64_t *ret_index)
{
    char again[TSR_KEY_MAX];
    int64_t index[TSR_RANK_MAX];
    size_t length;

    if (encoding->separator)
        return encoding->ops->parse(encoding->state, rank, text, size_bytes, ret_index);
    if (!encoding->ops->parse(encoding->state, rank, text, size_bytes, index))
        return false;
    for (int axis = 0; axis < rank; axis++)
        if (index[axis] < 0)
            return false;
    if (encoding->ops->format(encoding->state, rank, index, again, sizeof again, &length, NULL) <
            0 ||
        length != size_bytes || memcmp(again, text, length) != 0)
        return false;
    memcpy(ret_index, index, (size_t)rank * sizeof *index);
    return true;
}

/* ---- names of nodes ---- */

static int refuse_name(const char *name, size_t size_bytes, const char *rule, tsr_error *err)
{
    return tsr_error_set(err, TSR_INVALID_ARGUMENT, "\"%.*s\" is no name of an array or group: %s",
                         (int)TSRI_MIN(size_bytes, (size_t)200), name, rule);
}

static bool is_utf8(const char *text, size_t size_bytes)
{
    for (size_t offset = 0, length = 0; offset < size_bytes; offset += length) {
        uint32_t code = 0;
        length = tsri_text_character(text + offset, size_bytes - offset, &code);
        if (length == 0)
            return false;
    }
    return true;
}

int tsri_node_name_check(const char *name, size_t size_bytes, tsr_error *err)
{
    static const char *const documents[] = {"zarr.json", ".zarray", ".zgroup", ".zattrs",
                                            ".zmetadata"};
    size_t dots = 0;
    while (dots < size_bytes && name[dots] == '.')
        dots++;
    if (size_bytes == 0)
        return refuse_name(name, size_bytes, "it is empty", err);
    if (memchr(name, '/', size_bytes) != NULL || memchr(name, 0, size_bytes) != NULL)
        return refuse_name(name, size_bytes, "it holds '/' or a 0 byte", err);
    if (dots == size_bytes)
        return refuse_name(name, size_bytes, "it consists of dots", err);
    if (size_bytes >= 2 && memcmp(name, "__", 2) == 0)
        return refuse_name(name, size_bytes, "names that start with \"__\" are reserved", err);
    if (!is_utf8(name, size_bytes))
        return refuse_name(name, size_bytes, "it is not valid UTF-8", err);
    for (size_t i = 0; i < TSRI_COUNT(documents); i++)
        if (strlen(documents[i]) == size_bytes && memcmp(documents[i], name, size_bytes) == 0)
            return refuse_name(name, size_bytes, "that is where metadata lies", err);
    return 0;
}

int tsr_group_check_name(const char *name, tsr_error *err)
{
    return tsri_node_name_check(name, strlen(name), err);
}

int tsri_node_path_check(const char *path, tsr_error *err)
{
    if (*path == 0)
        return 0;
    for (;;) {
        size_t length = strcspn(path, "/");
        TSRI_TRY(tsri_node_name_check(path, length, err));
        if (path[length] == 0)
            return 0;
        path += length + 1;
    }
}
