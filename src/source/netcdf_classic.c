#include "source/netcdf_classic.h"

#include <inttypes.h>
#include <tessera/view.h>

#include "base/checked.h"

#define BUFFER_BYTES 4096

enum { TAG_DIMENSION = 10, TAG_VARIABLE = 11, TAG_ATTRIBUTE = 12 };

typedef struct classic_variable {
    uint64_t begin, element_bytes;
    uint64_t record_bytes; /* of one record, or of everything where there are none */
    bool has_records;
} classic_variable;

struct tsri_classic {
    classic_variable *variables;
    uint64_t variable_count;
    uint64_t record_pitch; /* from one record to the next, over all variables */
};

/* ---- reading numbers and names ---- */

typedef struct header_reader {
    const tsri_input *input;
    int version;     /* 1, 2 or 5 */
    uint64_t offset; /* of the next byte in the file */
    uint64_t buffer_offset;
    size_t buffer_bytes;
    unsigned char buffer[BUFFER_BYTES];
    /* Lengths of the dimensions; 0 is the one of records. */
    uint64_t *dimensions, dimension_count;
} header_reader;

static int damaged(const header_reader *self, const char *what, tsr_error *err)
{
    tsr_error_set(err, TSR_DAMAGED, "%s: %s in the netCDF header", self->input->path, what);
    tsr_error_set_where(err, "byte %" PRIu64 " of %s", self->offset, self->input->path);
    return TSR_DAMAGED;
}

static int fill_buffer(header_reader *self, size_t needed, tsr_error *err)
{
    uint64_t have = self->buffer_offset + self->buffer_bytes;

    if (self->offset >= self->buffer_offset && self->offset + needed <= have)
        return 0;
    self->buffer_offset = self->offset;
    TSRI_TRY(tsri_input_read(self->input, self->offset, self->buffer, sizeof self->buffer,
                             &self->buffer_bytes, err));
    return self->buffer_bytes >= needed ? 0 : damaged(self, "the file ends", err);
}

static int take_number(header_reader *self, size_t bytes, uint64_t *ret_value, tsr_error *err)
{
    uint64_t value = 0;

    TSRI_TRY(fill_buffer(self, bytes, err));
    const unsigned char *at = self->buffer + (self->offset - self->buffer_offset);
    for (size_t i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    self->offset += bytes;
    *ret_value = value;
    return 0;
}

/* Counts, lengths and identifiers. */
static int take_count(header_reader *self, uint64_t *ret_value, tsr_error *err)
{
    return take_number(self, self->version == 5 ? 8 : 4, ret_value, err);
}

/* Steps over values that are padded to four bytes; the last of them is looked at. */
static int skip(header_reader *self, uint64_t count, uint64_t element_bytes, tsr_error *err)
{
    uint64_t bytes, last;

    if (!tsri_multiply_u64(count, element_bytes, &bytes) || bytes > INT64_MAX - 3 ||
        self->offset + bytes > INT64_MAX - 3)
        return damaged(self, "a length that cannot be", err);
    bytes = (bytes + 3) & ~UINT64_C(3);
    if (bytes == 0)
        return 0;
    self->offset += bytes - 1;
    return take_number(self, 1, &last, err);
}

static int skip_name(header_reader *self, tsr_error *err)
{
    uint64_t length;
    TSRI_TRY(take_count(self, &length, err));
    return skip(self, length, 1, err);
}

/* The number of items of a list with this tag; an absent list has none. */
static int take_list(header_reader *self, unsigned tag, uint64_t *ret_count, tsr_error *err)
{
    uint64_t found, count;

    TSRI_TRY(take_number(self, 4, &found, err));
    TSRI_TRY(take_count(self, &count, err));
    if (found != tag && (found != 0 || count != 0))
        return damaged(self, "a list of the wrong kind", err);
    *ret_count = count;
    return 0;
}

static int take_type(header_reader *self, uint64_t *ret_element_bytes, tsr_error *err)
{
    static const unsigned char sizes[] = {0, 1, 1, 2, 4, 4, 8, 1, 2, 4, 8, 8};
    uint64_t type;

    TSRI_TRY(take_number(self, 4, &type, err));
    if (type == 0 || type >= sizeof sizes || (type > 6 && self->version != 5))
        return damaged(self, "an unknown type", err);
    *ret_element_bytes = sizes[type];
    return 0;
}

/* ---- the header ---- */

/* Room for one more item. Counts in the file are not trusted with memory. */
static int grow(void *list, uint64_t count, size_t item_bytes, tsr_error *err)
{
    void **items = list;
    if (count < 16 ? count != 0 : (count & (count - 1)) != 0)
        return 0;
    void *grown = tsri_realloc_array(*items, TSRI_MAX((size_t)count * 2, (size_t)16), item_bytes);
    if (!grown)
        return tsri_error_no_memory(err, (size_t)count * 2 * item_bytes);
    *items = grown;
    return 0;
}

static int read_dimensions(header_reader *self, tsr_error *err)
{
    uint64_t count;

    TSRI_TRY(take_list(self, TAG_DIMENSION, &count, err));
    for (; self->dimension_count < count; self->dimension_count++) {
        TSRI_TRY(grow(&self->dimensions, self->dimension_count, sizeof *self->dimensions, err));
        TSRI_TRY(skip_name(self, err));
        TSRI_TRY(take_count(self, &self->dimensions[self->dimension_count], err));
    }
    return 0;
}

static int skip_attributes(header_reader *self, tsr_error *err)
{
    uint64_t count, element_bytes, values;

    TSRI_TRY(take_list(self, TAG_ATTRIBUTE, &count, err));
    for (; count > 0; count--) {
        TSRI_TRY(skip_name(self, err));
        TSRI_TRY(take_type(self, &element_bytes, err));
        TSRI_TRY(take_count(self, &values, err));
        TSRI_TRY(skip(self, values, element_bytes, err));
    }
    return 0;
}

/* The lengths of a variable's dimensions, multiplied. */
static int take_shape(header_reader *self, classic_variable *variable, uint64_t *ret_elements,
                      tsr_error *err)
{
    uint64_t rank, elements = 1;

    TSRI_TRY(take_count(self, &rank, err));
    for (uint64_t axis = 0; axis < rank; axis++) {
        uint64_t id;
        TSRI_TRY(take_count(self, &id, err));
        if (id >= self->dimension_count)
            return damaged(self, "a dimension that there is not", err);
        uint64_t length = self->dimensions[id];
        if (length == 0)
            variable->has_records = true;
        else if (!tsri_multiply_u64(elements, length, &elements))
            return damaged(self, "a variable of more than 2^64 elements", err);
    }
    *ret_elements = elements;
    return 0;
}

static int read_variable(header_reader *self, classic_variable *variable, tsr_error *err)
{
    uint64_t elements = 0, stored_size;

    *variable = (classic_variable){0};
    TSRI_TRY(skip_name(self, err));
    TSRI_TRY(take_shape(self, variable, &elements, err));
    TSRI_TRY(skip_attributes(self, err));
    TSRI_TRY(take_type(self, &variable->element_bytes, err));
    /* The stored size saturates in old formats: it is calculated, as the specification says. */
    TSRI_TRY(take_count(self, &stored_size, err));
    TSRI_TRY(take_number(self, self->version == 1 ? 4 : 8, &variable->begin, err));
    if (!tsri_multiply_u64(elements, variable->element_bytes, &variable->record_bytes) ||
        variable->record_bytes > INT64_MAX - 3 || variable->begin > INT64_MAX)
        return damaged(self, "a variable that no file can hold", err);
    return 0;
}

/* Records hold the variables one after another, padded to four bytes; one alone is not padded. */
static int find_record_pitch(header_reader *self, tsri_classic *classic, tsr_error *err)
{
    uint64_t padded = 0, alone = 0, count = 0;

    for (uint64_t i = 0; i < classic->variable_count; i++) {
        const classic_variable *variable = &classic->variables[i];
        if (!variable->has_records)
            continue;
        count++;
        alone = variable->record_bytes;
        if (!tsri_add_u64(padded, (alone + 3) & ~UINT64_C(3), &padded))
            return damaged(self, "records that no file can hold", err);
    }
    classic->record_pitch = count == 1 ? alone : padded;
    return 0;
}

static int read_header(header_reader *self, tsri_classic *classic, tsr_error *err)
{
    uint64_t magic, records, count;

    TSRI_TRY(take_number(self, 4, &magic, err));
    self->version = (int)(magic & 0xff);
    TSRI_TRY(take_count(self, &records, err));
    TSRI_TRY(read_dimensions(self, err));
    TSRI_TRY(skip_attributes(self, err));
    TSRI_TRY(take_list(self, TAG_VARIABLE, &count, err));
    for (; classic->variable_count < count; classic->variable_count++) {
        TSRI_TRY(
            grow(&classic->variables, classic->variable_count, sizeof *classic->variables, err));
        TSRI_TRY(read_variable(self, &classic->variables[classic->variable_count], err));
    }
    return find_record_pitch(self, classic, err);
}

int tsri_classic_read(const tsri_input *input, tsri_classic **ret_classic, tsr_error *err)
{
    tsri_classic *classic = tsri_alloc_zero(sizeof *classic);
    header_reader *reader = tsri_alloc_zero(sizeof *reader);
    int status = TSR_NO_MEMORY;

    if (classic && reader) {
        reader->input = input;
        status = read_header(reader, classic, err);
        tsri_free(reader->dimensions);
    } else {
        tsri_error_set_no_memory(err, sizeof *reader);
    }
    tsri_free(reader);
    if (status < 0)
        tsri_classic_free(classic);
    else
        *ret_classic = classic;
    return status;
}

void tsri_classic_free(tsri_classic *classic)
{
    if (!classic)
        return;
    tsri_free(classic->variables);
    tsri_free(classic);
}

/* ---- boxes ---- */

/* The byte of an element, from the beginning of the file. */
static bool find_element(const tsri_classic *classic, const classic_variable *variable, int rank,
                         const int64_t *length, const int64_t *at, uint64_t *ret_byte)
{
    uint64_t elements = 0, bytes, record = 0;
    int first = variable->has_records ? 1 : 0;

    for (int axis = first; axis < rank; axis++)
        if (!tsri_multiply_u64(elements, (uint64_t)length[axis], &elements) ||
            !tsri_add_u64(elements, (uint64_t)at[axis], &elements))
            return false;
    if (first == 1 && rank > 0 &&
        !tsri_multiply_u64((uint64_t)at[0], classic->record_pitch, &record))
        return false;
    return tsri_multiply_u64(elements, variable->element_bytes, &bytes) &&
           tsri_add_u64(bytes, record, &bytes) && tsri_add_u64(bytes, variable->begin, ret_byte);
}

int tsri_classic_check_box(const tsri_classic *classic, const tsri_input *input, int number,
                           int rank, const int64_t *length, const int64_t *start,
                           const int64_t *shape, tsr_error *err)
{
    int64_t last[TSR_RANK_MAX];
    uint64_t from, to, size_bytes;

    if ((uint64_t)number >= classic->variable_count)
        return tsr_error_set(err, TSR_DAMAGED, "no variable %d in the header", number);
    const classic_variable *variable = &classic->variables[number];
    for (int axis = 0; axis < rank; axis++) {
        if (shape[axis] == 0)
            return 0;
        last[axis] = start[axis] + shape[axis] - 1;
    }
    TSRI_TRY(tsri_input_size(input, &size_bytes, err));
    bool fits = find_element(classic, variable, rank, length, start, &from) &&
                find_element(classic, variable, rank, length, last, &to) &&
                tsri_add_u64(to, variable->element_bytes, &to);
    if (fits && to <= size_bytes)
        return 0;
    tsr_error_set(err, TSR_DAMAGED,
                  "the file ends after %" PRIu64 " bytes, before the elements that are wanted",
                  size_bytes);
    if (fits)
        tsr_error_set_where(err, "bytes %" PRIu64 "..%" PRIu64 " of %s", from, to, input->path);
    tsr_error_set_next_step(err, "the file was cut off: fetch it again; what lies before that byte "
                                 "can still be read");
    return TSR_DAMAGED;
}
