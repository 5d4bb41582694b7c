/* The header is a Python dictionary with the keys descr, fortran_order and shape. */
#include "source/npy_header.h"

#include <inttypes.h>

#include "base/checked.h"

#define HEADER_BYTES_MAX (1 << 20)
#define DESCR_BYTES_MAX 64

void tsri_npy_header_clear(tsri_npy_header *header)
{
    tsr_dtype_unref(header->dtype);
    header->dtype = NULL;
}

/* ---- the dictionary ---- */

typedef struct scanner {
    const char *begin, *at, *end;
} scanner;

static int refuse(const scanner *self, const char *what, tsr_error *err)
{
    tsr_error_set(err, TSR_BAD_METADATA, "an .npy header with %s", what);
    tsr_error_set_where(err, "byte %td of the dictionary in the header", self->at - self->begin);
    return TSR_BAD_METADATA;
}

static void skip_space(scanner *self)
{
    while (self->at < self->end && (*self->at == ' ' || (*self->at >= '\t' && *self->at <= '\r')))
        self->at++;
}

static bool take_word(scanner *self, const char *word)
{
    size_t length = strlen(word);
    skip_space(self);
    if ((size_t)(self->end - self->at) < length || memcmp(self->at, word, length) != 0)
        return false;
    self->at += length;
    return true;
}

/* A quoted word without escapes, into `text`. */
static bool take_string(scanner *self, char *text, size_t capacity)
{
    skip_space(self);
    if (self->at == self->end || (*self->at != '\'' && *self->at != '"'))
        return false;
    char quote = *self->at;
    const char *start = self->at + 1, *stop = start;
    while (stop < self->end && *stop != quote && *stop != '\\' && *stop != '\0')
        stop++;
    if (stop == self->end || *stop != quote || (size_t)(stop - start) >= capacity)
        return false;
    memcpy(text, start, (size_t)(stop - start));
    text[stop - start] = '\0';
    self->at = stop + 1;
    return true;
}

/* Python 2 wrote long integers with an L. */
static bool take_length(scanner *self, int64_t *ret_length)
{
    int64_t value = 0;

    skip_space(self);
    const char *start = self->at;
    for (; self->at < self->end && *self->at >= '0' && *self->at <= '9'; self->at++)
        if (!tsri_multiply_i64(value, 10, &value) || !tsri_add_i64(value, *self->at - '0', &value))
            return false;
    *ret_length = value;
    return self->at > start && (take_word(self, "L"), true);
}

static int take_shape(scanner *self, tsri_npy_header *header, tsr_error *err)
{
    if (!take_word(self, "("))
        return refuse(self, "a shape that is no tuple", err);
    header->rank = 0;
    while (!take_word(self, ")")) {
        int64_t length;
        if (!take_length(self, &length))
            return refuse(self, "a length that is no integer from 0 to 2^63-1", err);
        if (header->rank == TSR_RANK_MAX)
            return tsr_error_set(err, TSR_LIMIT, "an .npy header with more than %d axes",
                                 TSR_RANK_MAX);
        header->shape[header->rank++] = length;
        if (!take_word(self, ",")) {
            if (!take_word(self, ")"))
                return refuse(self, "a shape that does not end", err);
            return 0;
        }
    }
    return 0;
}

static int refuse_type(const char *what, const char *descr, const char *next_step, tsr_error *err)
{
    tsr_error_set(err, TSR_UNSUPPORTED, "elements that are %s (%s)", what, descr);
    tsr_error_set_next_step(err, "%s", next_step);
    return TSR_UNSUPPORTED;
}

/* What cannot be read, by the letter that NumPy has for it. */
static int refuse_descr(const char *descr, tsr_error *err)
{
    const char *letter = strchr("<>|=", *descr) ? descr + 1 : descr;
    switch (*letter) {
    case 'O':
        return refuse_type("Python objects", descr,
                           "they are pickled programs; in Python, turn them into plain numbers",
                           err);
    case 'U':
    case 'S':
    case 'a':
        return refuse_type("strings of this length", descr,
                           "those of 1 character up to 1 MiB are read: in Python, "
                           "np.save(path, a.astype('U10'))",
                           err);
    case 'f':
    case 'c':
        return refuse_type("floating-point numbers of another size than 2, 4 or 8 bytes", descr,
                           "in Python, convert them: np.save(path, a.astype('f8'))", err);
    default:
        return refuse_type("of a type that is not known here", descr,
                           "booleans, integers, floating-point and complex numbers, times, strings "
                           "of fixed length and raw bytes are read",
                           err);
    }
}

/* "<f4", ">u2", "|b1", "|V3". */
static int take_type(scanner *self, tsri_npy_header *header, tsr_error *err)
{
    char descr[DESCR_BYTES_MAX];
    scanner start = *self;
    size_t raw_bytes = 0;

    if (take_word(&start, "["))
        return refuse_type("structures", "fields with names",
                           "in Python, save each field by itself: np.save(path, a['field'])", err);
    if (take_word(&start, "("))
        return refuse_type("arrays themselves", "a type with a shape",
                           "in Python, save the array that a view of plain numbers gives", err);
    if (!take_string(self, descr, sizeof descr) || !*descr)
        return refuse(self, "a descr that is no short text", err);
    const char *letter = strchr("<>|=", *descr) ? descr + 1 : descr;
    size_t digits = *letter ? strspn(letter + 1, "0123456789") : 0;
    bool is_time = *letter == 'm' || *letter == 'M';
    bool plain = *letter && strchr("biufcmMSUV", *letter) && digits > 0 && digits < 8 &&
                 (is_time || letter[1 + digits] == '\0');
    if (!plain)
        return refuse_descr(descr, err);
    for (size_t i = 1; i <= digits; i++)
        raw_bytes = raw_bytes * 10 + (size_t)(letter[i] - '0');
    header->big_endian = *descr == '>';
    int status = *letter == 'V' ? tsr_dtype_raw(raw_bytes, &header->dtype, NULL)
                                : tsr_dtype_parse(letter, &header->dtype, NULL);
    return status == TSR_NO_MEMORY ? tsri_error_no_memory(err, 0)
           : status < 0            ? refuse_descr(descr, err)
                                   : 0;
}

static int take_value(scanner *self, const char *key, unsigned *seen, tsri_npy_header *header,
                      tsr_error *err)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    unsigned number = 0;

    while (number < TSRI_COUNT(keys) && strcmp(key, keys[number]) != 0)
        number++;
    if (number == TSRI_COUNT(keys) || (*seen & 1u << number))
        return refuse(self, "a key that is unknown or there twice", err);
    *seen |= 1u << number;
    if (number == 0)
        return take_type(self, header, err);
    if (number == 2)
        return take_shape(self, header, err);
    header->fortran_order = take_word(self, "True");
    if (!header->fortran_order && !take_word(self, "False"))
        return refuse(self, "a fortran_order that is neither True nor False", err);
    return 0;
}

static int parse_dictionary(const char *text, size_t size_bytes, tsri_npy_header *header,
                            tsr_error *err)
{
    scanner self = {text, text, text + size_bytes};
    unsigned seen = 0;
    char key[32];

    if (!take_word(&self, "{"))
        return refuse(&self, "no dictionary", err);
    while (!take_word(&self, "}")) {
        if (!take_string(&self, key, sizeof key) || !take_word(&self, ":"))
            return refuse(&self, "something that is no key", err);
        TSRI_TRY(take_value(&self, key, &seen, header, err));
        if (!take_word(&self, ",")) {
            if (!take_word(&self, "}"))
                return refuse(&self, "a dictionary that does not end", err);
            break;
        }
    }
    skip_space(&self);
    if (self.at != self.end)
        return refuse(&self, "something behind its dictionary", err);
    return seen == 7 ? 0 : refuse(&self, "a key missing", err);
}

/* ---- the whole ---- */

static int read_exactly(tsri_npy_read next, void *user, void *bytes, size_t size_bytes,
                        tsr_error *err)
{
    size_t got;
    TSRI_TRY(next(user, bytes, size_bytes, &got, err));
    if (got < size_bytes)
        return tsr_error_set(err, TSR_DAMAGED, "the file ends inside its .npy header");
    return 0;
}

static int measure(tsri_npy_header *header, tsr_error *err)
{
    int64_t count, size_bytes, end;

    if (!tsri_shape_count(header->rank, header->shape, &count) ||
        !tsri_multiply_i64(count, (int64_t)header->dtype->size_bytes, &size_bytes) ||
        !tsri_add_i64(size_bytes, (int64_t)header->data_offset, &end))
        return tsr_error_set(err, TSR_LIMIT, "an .npy header with a shape of more than 2^63 bytes");
    header->data_bytes = (uint64_t)size_bytes;
    return 0;
}

static int read_parts(tsri_npy_read next, void *user, tsri_npy_header *header, tsr_error *err)
{
    unsigned char start[12];
    size_t length, prefix = 10;

    TSRI_TRY(read_exactly(next, user, start, 10, err));
    if (memcmp(start, TSRI_NPY_MAGIC, TSRI_NPY_MAGIC_BYTES) != 0)
        return tsr_error_set(err, TSR_UNSUPPORTED, "not of the .npy format");
    if (start[6] < 1 || start[6] > 3)
        return tsr_error_set(err, TSR_UNSUPPORTED,
                             "version %d.%d of the .npy format; 1 to 3 are read", start[6],
                             start[7]);
    length = (size_t)start[8] | (size_t)start[9] << 8;
    if (start[6] > 1) {
        prefix = 12;
        TSRI_TRY(read_exactly(next, user, start + 10, 2, err));
        length |= (size_t)start[10] << 16 | (size_t)start[11] << 24;
    }
    if (length > HEADER_BYTES_MAX)
        return tsr_error_set(err, TSR_LIMIT, "an .npy header of %zu bytes; at most %d", length,
                             HEADER_BYTES_MAX);
    tsr_auto(tsri_text) *text = tsri_alloc(length);
    if (!text)
        return tsri_error_no_memory(err, length);
    TSRI_TRY(read_exactly(next, user, text, length, err));
    header->data_offset = prefix + length;
    TSRI_TRY(parse_dictionary(text, length, header, err));
    return measure(header, err);
}

int tsri_npy_header_read(tsri_npy_read next, void *user, tsri_npy_header *ret_header,
                         tsr_error *err)
{
    tsri_npy_header header = {0};
    int status = read_parts(next, user, &header, err);

    if (status < 0)
        tsri_npy_header_clear(&header);
    else
        *ret_header = header;
    return status;
}
