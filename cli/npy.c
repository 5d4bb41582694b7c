#include "npy.h"

#include <string.h>

#include "memory.h"
#include "try.h"

enum { ALIGNMENT = 64, VERSION_1_MAX = 0xffff };

/* A text that grows; `failed` when memory has run out. */
typedef struct cli_npy_text {
    char *bytes;
    size_t used, capacity;
    bool failed;
    bool beyond_latin; /* has characters for which the header is UTF-8: version 3.0 */
} cli_npy_text;

static void append(cli_npy_text *text, const char *bytes)
{
    size_t length = strlen(bytes);

    if (text->used + length >= text->capacity) {
        size_t capacity = 2 * (text->used + length) + 256;
        char *grown = memory_resized(text->bytes, capacity);
        if (!grown) {
            text->failed = true;
            return;
        }
        text->bytes = grown;
        text->capacity = capacity;
    }
    memcpy(text->bytes + text->used, bytes, length + 1);
    text->used += length;
}

static void append_length(cli_npy_text *text, const char *before, long long length)
{
    char digits[32];

    snprintf(digits, sizeof digits, "%s%lld", before, length);
    append(text, digits);
}

/* A text of Python. */
static void append_quoted(cli_npy_text *text, const char *word)
{
    append(text, "'");
    for (; *word; word++) {
        char letter[2] = {*word, '\0'};
        if (*word == '\\' || *word == '\'')
            append(text, "\\");
        text->beyond_latin |= (unsigned char)*word >= 0x80;
        append(text, letter);
    }
    append(text, "'");
}

static int refuse(const tsr_dtype *dtype, tsr_error *err)
{
    tsr_error_set(err, TSR_UNSUPPORTED, "an .npy file has no type for %s", dtype->name);
    tsr_error_set_next_step(err, "`tessera cp SOURCE DESTINATION --dtype TYPE` makes an array of "
                                 "another type");
    return TSR_UNSUPPORTED;
}

static int append_type(cli_npy_text *text, const tsr_dtype *dtype, tsr_error *err);

/* [('x', '<f4'), ('y', '<i2', (3,))] */
static int append_fields(cli_npy_text *text, const tsr_dtype *dtype, tsr_error *err)
{
    append(text, "[");
    for (int i = 0; i < tsr_dtype_field_count(dtype); i++) {
        const tsr_field *field = tsr_dtype_field(dtype, i);
        append(text, i > 0 ? ", (" : "(");
        append_quoted(text, field->name);
        append(text, ", ");
        int status = append_type(text, field->dtype, err);
        if (status < 0) {
            tsr_error_prepend(err, "field \"%s\"", field->name);
            return status;
        }
        for (int axis = 0; axis < field->rank; axis++)
            append_length(text, axis > 0 ? ", " : ", (", field->shape[axis]);
        append(text, field->rank == 0 ? ")" : field->rank == 1 ? ",))" : "))");
    }
    append(text, "]");
    return 0;
}

static int append_type(cli_npy_text *text, const tsr_dtype *dtype, tsr_error *err)
{
    char word[64], unit[32] = "";
    int64_t scale;
    const char *unit_name = tsr_dtype_time_unit(dtype, &scale);

    if (dtype->kind == TSR_KIND_STRUCT)
        return append_fields(text, dtype, err);
    if (!dtype->v2_kind)
        return refuse(dtype, err);
    if (unit_name && strcmp(unit_name, "generic") != 0)
        snprintf(unit, sizeof unit, "[%lld%s]", (long long)scale, unit_name);
    snprintf(word, sizeof word, "'%c%c%zu%s'", dtype->component_bytes > 1 ? '<' : '|',
             dtype->v2_kind,
             dtype->kind == TSR_KIND_TEXT ? dtype->size_bytes / 4 : dtype->size_bytes, unit);
    append(text, word);
    return 0;
}

static int append_dictionary(cli_npy_text *text, const tsr_dtype *dtype, int rank,
                             const int64_t *shape, tsr_error *err)
{
    append(text, "{'descr': ");
    CLI_TRY(append_type(text, dtype, err));
    append(text, ", 'fortran_order': False, 'shape': (");
    for (int i = 0; i < rank; i++)
        append_length(text, i > 0 ? ", " : "", shape[i]);
    append(text, rank == 1 ? ",), }" : "), }");
    return text->failed
               ? tsr_error_set(err, TSR_NO_MEMORY, "out of memory for the header of an .npy file")
               : 0;
}

/* Spaces and a newline bring the data to a multiple of 64 bytes. */
static void write_parts(FILE *stream, const cli_npy_text *text)
{
    int version = text->beyond_latin ? 3 : text->used > VERSION_1_MAX - 2 * ALIGNMENT ? 2 : 1;
    size_t prefix = version == 1 ? 10 : 12;
    size_t whole = (prefix + text->used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t length = whole - prefix;

    fwrite("\x93NUMPY", 1, 6, stream);
    fputc(version, stream);
    fputc(0, stream);
    for (size_t i = 0; i < prefix - 8; i++)
        fputc((int)(length >> 8 * i & 0xff), stream);
    fprintf(stream, "%s%*s\n", text->bytes, (int)(length - text->used - 1), "");
}

int npy_write_header(FILE *stream, const tsr_dtype *dtype, int rank, const int64_t *shape,
                     tsr_error *err)
{
    cli_npy_text text = {0};
    int status = append_dictionary(&text, dtype, rank, shape, err);

    if (status >= 0)
        write_parts(stream, &text);
    memory_free(text.bytes);
    return status;
}
