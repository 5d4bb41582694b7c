/* The header is a Python dictionary with the keys descr, fortran_order and shape. */
#include "source/npy_header.h"

#include <inttypes.h>

#include "base/checked.h"
#include "source/npy_fields.h"

#define HEADER_BYTES_MAX (1 << 20)
#define DESCR_BYTES_MAX 64

void tsri_npy_header_clear(tsri_npy_header *header)
{
    tsr_dtype_unref(header->dtype);
    header->dtype = NULL;
    tsri_free(header->orders);
    header->orders = NULL;
}

/* ---- the dictionary ---- */

static int take_shape(tsri_npy_scanner *self, tsri_npy_header *header, tsr_error *err)
{
    if (!tsri_npy_take_word(self, "("))
        return tsri_npy_refuse(self, "a shape that is no tuple", err);
    header->rank = 0;
    while (!tsri_npy_take_word(self, ")")) {
        int64_t length;
        if (!tsri_npy_take_length(self, &length))
            return tsri_npy_refuse(self, "a length that is no integer from 0 to 2^63-1", err);
        if (header->rank == TSR_RANK_MAX)
            return tsr_error_set(err, TSR_LIMIT, "an .npy header with more than %d axes",
                                 TSR_RANK_MAX);
        header->shape[header->rank++] = length;
        if (!tsri_npy_take_word(self, ",")) {
            if (!tsri_npy_take_word(self, ")"))
                return tsri_npy_refuse(self, "a shape that does not end", err);
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

static int take_fields(tsri_npy_scanner *self, tsri_npy_header *header, tsr_error *err)
{
    char order;

    TSRI_TRY(tsri_npy_fields_read(self, &header->dtype, &order, &header->orders, err));
    header->big_endian = order == '>';
    return 0;
}

/* "<f4", ">u2", "|b1", "|V3", or a list of fields. */
static int take_type(tsri_npy_scanner *self, tsri_npy_header *header, tsr_error *err)
{
    char descr[DESCR_BYTES_MAX];
    tsri_npy_scanner start = *self;
    size_t raw_bytes = 0;

    if (tsri_npy_take_word(&start, "["))
        return take_fields(self, header, err);
    if (tsri_npy_take_word(&start, "("))
        return refuse_type("arrays themselves", "a type with a shape",
                           "in Python, save the array that a view of plain numbers gives", err);
    if (!tsri_npy_take_string(self, descr, sizeof descr) || !*descr)
        return tsri_npy_refuse(self, "a descr that is no short text", err);
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

static int take_value(tsri_npy_scanner *self, const char *key, unsigned *seen,
                      tsri_npy_header *header, tsr_error *err)
{
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    unsigned number = 0;

    while (number < TSRI_COUNT(keys) && strcmp(key, keys[number]) != 0)
        number++;
    if (number == TSRI_COUNT(keys) || (*seen & 1u << number))
        return tsri_npy_refuse(self, "a key that is unknown or there twice", err);
    *seen |= 1u << number;
    if (number == 0)
        return take_type(self, header, err);
    if (number == 2)
        return take_shape(self, header, err);
    header->fortran_order = tsri_npy_take_word(self, "True");
    if (!header->fortran_order && !tsri_npy_take_word(self, "False"))
        return tsri_npy_refuse(self, "a fortran_order that is neither True nor False", err);
    return 0;
}

static int parse_dictionary(const char *text, size_t size_bytes, bool is_utf8,
                            tsri_npy_header *header, tsr_error *err)
{
    tsri_npy_scanner self = {text, text, text + size_bytes, is_utf8};
    unsigned seen = 0;
    char key[32];

    if (!tsri_npy_take_word(&self, "{"))
        return tsri_npy_refuse(&self, "no dictionary", err);
    while (!tsri_npy_take_word(&self, "}")) {
        if (!tsri_npy_take_string(&self, key, sizeof key) || !tsri_npy_take_word(&self, ":"))
            return tsri_npy_refuse(&self, "something that is no key", err);
        TSRI_TRY(take_value(&self, key, &seen, header, err));
        if (!tsri_npy_take_word(&self, ",")) {
            if (!tsri_npy_take_word(&self, "}"))
                return tsri_npy_refuse(&self, "a dictionary that does not end", err);
            break;
        }
    }
    tsri_npy_skip_space(&self);
    if (self.at != self.end)
        return tsri_npy_refuse(&self, "something behind its dictionary", err);
    return seen == 7 ? 0 : tsri_npy_refuse(&self, "a key missing", err);
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
    TSRI_TRY(parse_dictionary(text, length, start[6] > 2, header, err));
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
