/* struct: named fields one behind the other, without padding. Zarr extension registry, data type
 * "struct"; structured types of v2, whose fields may be arrays. */
#include "tensor/dtype_struct.h"

#include <stdio.h>

#include "base/checked.h"
#include "base/text.h"
#include "tensor/byteswap.h"
#include "tensor/made_dtype.h"
#include "tensor/nest.h"

#define STRUCT_BYTES_MAX (1 << 20)
#define STRUCT_FIELDS_MAX 4096
#define STRUCT_DEPTH_MAX 64

typedef struct struct_dtype {
    tsri_made_dtype made;
    tsr_field *fields; /* owned, with their names and a reference to each type */
    int count;
    int depth; /* 1 without structs inside */
    int leaf_count;
    tsri_swap_run *runs;
    size_t run_count;
} struct_dtype;

static const struct_dtype *struct_of(const tsr_dtype *dtype)
{
    return (const struct_dtype *)dtype;
}

int tsr_dtype_field_count(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_STRUCT ? struct_of(dtype)->count : 0;
}

const tsr_field *tsr_dtype_field(const tsr_dtype *dtype, int number)
{
    return number >= 0 && number < tsr_dtype_field_count(dtype) ? &struct_of(dtype)->fields[number]
                                                                : NULL;
}

static int depth_of_type(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_STRUCT ? struct_of(dtype)->depth : 0;
}

static int64_t field_count_of(const tsr_field *field)
{
    int64_t count = 1;
    for (int axis = 0; axis < field->rank; axis++)
        count *= field->shape[axis];
    return count;
}

static bool is_same_struct(const tsr_dtype *a, const tsr_dtype *b)
{
    const struct_dtype *left = struct_of(a), *right = struct_of(b);
    if (left->count != right->count)
        return false;
    for (int i = 0; i < left->count; i++) {
        const tsr_field *one = &left->fields[i], *other = &right->fields[i];
        if (strcmp(one->name, other->name) != 0 || one->rank != other->rank ||
            memcmp(one->shape, other->shape, (size_t)one->rank * sizeof one->shape[0]) != 0 ||
            !tsr_dtype_equal(one->dtype, other->dtype))
            return false;
    }
    return true;
}

static void clear_struct(tsr_dtype *dtype)
{
    struct_dtype *made = (struct_dtype *)dtype;
    for (int i = 0; i < made->count; i++) {
        tsri_free((char *)made->fields[i].name);
        tsr_dtype_unref(made->fields[i].dtype);
    }
    tsri_free(made->fields);
    tsri_free(made->runs);
}

/* ---- elements ---- */

static void put_name(tsri_element_writer *writer, const char *name)
{
    bool end = false;
    uint32_t character;
    tsri_element_put(writer, "\"", 1);
    while (*name) {
        /* A quote or a backslash in a name stands for itself. */
        if (*name == '"' || *name == '\\' || (unsigned char)*name < 0x20)
            character = (unsigned char)*name++;
        else if (!tsri_element_take_character(&name, &character, &end))
            return; /* names are UTF-8: they were checked when the type was made */
        tsri_element_put_character(writer, character);
    }
    tsri_element_put(writer, "\"", 1);
}

/* Writes a field that is an array as lists in lists. */
static const char *write_list(const tsr_field *field, int axis, const char *element,
                              tsri_element_writer *writer)
{
    if (axis == field->rank) {
        field->dtype->ops->text->write(field->dtype, element, writer);
        return element + field->dtype->size_bytes;
    }
    tsri_element_put(writer, "[", 1);
    for (int64_t i = 0; i < field->shape[axis]; i++) {
        if (i > 0)
            tsri_element_put(writer, ", ", 2);
        element = write_list(field, axis + 1, element, writer);
    }
    tsri_element_put(writer, "]", 1);
    return element;
}

static void write_struct(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    const struct_dtype *type = struct_of(dtype);
    for (int i = 0; i < type->count; i++) {
        const tsr_field *field = &type->fields[i];
        tsri_element_put(writer, i ? ", " : "{", i ? 2 : 1);
        put_name(writer, field->name);
        tsri_element_put(writer, ": ", 2);
        write_list(field, 0, (const char *)element + field->offset_bytes, writer);
    }
    tsri_element_put(writer, "}", 1);
}

static bool take_after_space(const char **text, const char *token)
{
    *text = tsri_element_skip_space(*text);
    bool taken = tsri_element_take(text, token);
    if (taken)
        *text = tsri_element_skip_space(*text);
    return taken;
}

static bool read_list(const tsr_field *field, int axis, const char **text, char **element)
{
    if (axis == field->rank) {
        bool known = field->dtype->ops->text->read(field->dtype, text, *element);
        *element += field->dtype->size_bytes;
        return known;
    }
    for (int64_t i = 0; i < field->shape[axis]; i++)
        if (!take_after_space(text, i ? "," : "[") || !read_list(field, axis + 1, text, element))
            return false;
    return take_after_space(text, "]");
}

/* Whether the JSON string at *text, which is then behind it, is this name. */
static bool is_name(const char **text, const char *name)
{
    uint32_t character;
    bool end = false;
    char written[8];
    if (!tsri_element_take(text, "\""))
        return false;
    while (tsri_element_take_character(text, &character, &end) && !end) {
        tsri_element_writer writer = {written, sizeof written, 0};
        tsri_element_put_character(&writer, character);
        /* Escaped by the writer: compare the character itself. */
        bool escaped = written[0] == '\\';
        if (escaped ? (unsigned char)*name != character
                    : strncmp(name, written, writer.length) != 0)
            return false;
        name += escaped ? 1 : writer.length;
    }
    return end && *name == '\0';
}

static const tsr_field *find_field(const struct_dtype *type, const char **text)
{
    for (int i = 0; i < type->count; i++) {
        const char *end = *text;
        if (is_name(&end, type->fields[i].name)) {
            *text = end;
            return &type->fields[i];
        }
    }
    return NULL;
}

/* Every field once, in any order. */
static bool read_object(const struct_dtype *type, const char **text, void *element)
{
    uint8_t seen[STRUCT_FIELDS_MAX / 8] = {0};
    for (int i = 0; i < type->count; i++) {
        if (!take_after_space(text, i ? "," : "{"))
            return false;
        const tsr_field *field = find_field(type, text);
        size_t number = field ? (size_t)(field - type->fields) : 0;
        if (!field || seen[number / 8] >> number % 8 & 1 || !take_after_space(text, ":"))
            return false;
        char *to = (char *)element + field->offset_bytes;
        if (!read_list(field, 0, text, &to))
            return false;
        seen[number / 8] |= (uint8_t)(1 << number % 8);
    }
    return take_after_space(text, "}");
}

static bool read_struct(const tsr_dtype *dtype, const char **text, void *element)
{
    size_t size_bytes;
    if (!tsri_element_take(text, "\""))
        return read_object(struct_of(dtype), text, element);
    tsr_view view = {.dtype = dtype, .data = element};
    if (!tsri_element_take_base64(text, element, dtype->size_bytes, &size_bytes) ||
        size_bytes != dtype->size_bytes)
        return false;
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        tsri_view_swap_structs(&view);
    return true;
}

static const tsri_element_text text_struct = {
    write_struct, read_struct,
    "an object with every field once, or base64 of its little-endian bytes"};
static const struct tsr_dtype_ops struct_ops = {&text_struct, NULL,           NULL,
                                                NULL,         is_same_struct, clear_struct};

/* ---- byte order ---- */

typedef struct swap_job {
    const tsri_swap_run *runs;
    size_t count;
} swap_job;

static bool swap_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                      const tsri_nest_axis *inner)
{
    const swap_job *job = user;
    (void)from;
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++)
            for (size_t run = 0; run < job->count; run++) {
                const tsri_swap_run *numbers = &job->runs[run];
                char *at = to + i * outer->to + k * inner->to + numbers->offset;
                tsri_swap_bytes(at, at, numbers->count, numbers->width_bytes);
            }
    return true;
}

void tsri_view_swap_runs(const tsr_view *view, const tsri_swap_run *runs, size_t count)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    swap_job job = {runs, count};
    if (tsri_nest_init(&nest, view, view, 1))
        tsri_nest_run(&nest, swap_rows, &job);
}

void tsri_view_swap_structs(const tsr_view *view)
{
    const struct_dtype *type = struct_of(view->dtype);
    tsri_view_swap_runs(view, type->runs, type->run_count);
}

size_t tsri_dtype_leaf_count(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_STRUCT ? (size_t)struct_of(dtype)->leaf_count : 1;
}

/* Where the runs of some leaves are gathered. */
typedef struct run_list {
    char order;
    tsri_swap_run *runs; /* NULL: they are counted */
    size_t count;
} run_list;

/* Adds the runs of `count` elements of a type that lie one behind the other. */
static void gather_runs(const tsr_dtype *dtype, size_t offset, size_t count, const char *orders,
                        run_list *list)
{
    if (dtype->kind != TSR_KIND_STRUCT) {
        if (*orders != list->order || dtype->component_bytes == 1)
            return;
        if (list->runs)
            list->runs[list->count] =
                (tsri_swap_run){offset, count * (dtype->size_bytes / dtype->component_bytes),
                                dtype->component_bytes};
        list->count++;
        return;
    }
    const struct_dtype *type = struct_of(dtype);
    for (size_t i = 0; i < count; i++) {
        const char *letter = orders;
        for (int k = 0; k < type->count; k++) {
            const tsr_field *field = &type->fields[k];
            gather_runs(field->dtype, offset + i * dtype->size_bytes + field->offset_bytes,
                        (size_t)field_count_of(field), letter, list);
            letter += tsri_dtype_leaf_count(field->dtype);
        }
    }
}

int tsri_dtype_runs(const tsr_dtype *dtype, const char *orders, char order,
                    tsri_swap_run **ret_runs, size_t *ret_count, tsr_error *err)
{
    run_list list = {.order = order};

    gather_runs(dtype, 0, 1, orders, &list);
    size_t count = list.count;
    list = (run_list){.order = order, .runs = tsri_alloc_array(count + 1, sizeof *list.runs)};
    if (!list.runs)
        return tsri_error_no_memory(err, (count + 1) * sizeof *list.runs);
    gather_runs(dtype, 0, 1, orders, &list);
    *ret_runs = list.runs;
    *ret_count = count;
    return 0;
}

/* The runs of a field: counted, and written unless `runs` is NULL. Those of a nested struct are
 * repeated as often as it is. */
static size_t add_runs(const tsr_field *field, tsri_swap_run *runs)
{
    int64_t count = field_count_of(field);
    const tsr_dtype *dtype = field->dtype;
    if (dtype->kind != TSR_KIND_STRUCT) {
        if (dtype->component_bytes == 1 || count == 0)
            return 0;
        if (runs)
            runs[0] = (tsri_swap_run){field->offset_bytes,
                                      (size_t)count * (dtype->size_bytes / dtype->component_bytes),
                                      dtype->component_bytes};
        return 1;
    }
    const struct_dtype *inner = struct_of(dtype);
    for (int64_t i = 0; runs && i < count; i++)
        for (size_t k = 0; k < inner->run_count; k++) {
            *runs = inner->runs[k];
            runs++->offset += field->offset_bytes + (size_t)i * dtype->size_bytes;
        }
    return inner->run_count * (size_t)count;
}

static int find_runs(struct_dtype *type, tsr_error *err)
{
    size_t count = 0;
    for (int i = 0; i < type->count; i++)
        count += add_runs(&type->fields[i], NULL);
    type->runs = tsri_alloc_array(count, sizeof *type->runs);
    if (!type->runs)
        return tsri_error_no_memory(err, count * sizeof *type->runs);
    for (int i = 0; i < type->count; i++)
        type->run_count += add_runs(&type->fields[i], type->runs + type->run_count);
    return 0;
}

/* ---- types ---- */

static int refuse_field(const tsr_field *field, const char *reason, tsr_error *err)
{
    return tsr_error_set(err, TSR_INVALID_ARGUMENT, "field \"%.60s\" of a struct %s", field->name,
                         reason);
}

/* Checks a field and adds its size to *size_bytes. */
static int check_field(const tsr_field *fields, int number, int64_t *size_bytes, tsr_error *err)
{
    const tsr_field *field = &fields[number];
    int64_t count, bytes;
    uint32_t character;
    if (*field->name == '\0')
        return refuse_field(field, "has an empty name", err);
    for (const char *at = field->name; *at;) {
        size_t length = tsri_text_character(at, strlen(at), &character);
        if (length == 0)
            return refuse_field(field, "has a name that is not UTF-8", err);
        at += length;
    }
    for (int i = 0; i < number; i++)
        if (strcmp(fields[i].name, field->name) == 0)
            return refuse_field(field, "is there twice", err);
    if (field->rank < 0 || field->rank > TSR_FIELD_RANK_MAX)
        return refuse_field(field, "has too many axes", err);
    if (tsr_dtype_is_variable(field->dtype))
        return refuse_field(field, "is of variable length", err);
    if (depth_of_type(field->dtype) >= STRUCT_DEPTH_MAX)
        return refuse_field(field, "is a struct that is nested too deep", err);
    if (!tsri_shape_count(field->rank, field->shape, &count) ||
        !tsri_multiply_i64(count, (int64_t)field->dtype->size_bytes, &bytes) || count < 1 ||
        bytes > STRUCT_BYTES_MAX - *size_bytes)
        return refuse_field(field, "makes it empty or larger than 2^20 bytes", err);
    *size_bytes += bytes;
    return 0;
}

static bool is_plain_name(const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    return name[strspn(name, plain)] == '\0';
}

/* struct{x:float32,"odd name":U10(3,2)}; writes what fits and counts the rest. */
static void write_type_name(const tsr_field *fields, int count, tsri_element_writer *writer)
{
    tsri_element_put(writer, "struct{", 7);
    for (int i = 0; i < count; i++) {
        if (i > 0)
            tsri_element_put(writer, ",", 1);
        if (is_plain_name(fields[i].name))
            tsri_element_put(writer, fields[i].name, strlen(fields[i].name));
        else
            put_name(writer, fields[i].name);
        tsri_element_put(writer, ":", 1);
        tsri_element_put(writer, fields[i].dtype->name, strlen(fields[i].dtype->name));
        for (int axis = 0; axis < fields[i].rank; axis++)
            tsri_element_print(writer, "%s%lld%s", axis ? "," : "(",
                               (long long)fields[i].shape[axis],
                               axis == fields[i].rank - 1 ? ")" : "");
    }
    tsri_element_put(writer, "}", 1);
}

static char *make_name(const tsr_field *fields, int count)
{
    tsri_element_writer writer = {NULL, 0, 0};
    write_type_name(fields, count, &writer);
    writer = (tsri_element_writer){tsri_alloc(writer.length + 1), writer.length + 1, 0};
    if (!writer.text)
        return NULL;
    write_type_name(fields, count, &writer);
    writer.text[writer.length] = '\0';
    return writer.text;
}

static int copy_fields(struct_dtype *type, const tsr_field *fields, int count, tsr_error *err)
{
    size_t offset = 0;
    type->fields = tsri_alloc_array_zero((size_t)count, sizeof *fields);
    if (!type->fields)
        return tsri_error_no_memory(err, (size_t)count * sizeof *fields);
    for (int i = 0; i < count; i++) {
        tsr_field *field = &type->fields[i];
        *field = fields[i];
        field->dtype = tsr_dtype_ref(fields[i].dtype);
        field->name = tsri_strdup(fields[i].name);
        type->depth = TSRI_MAX(type->depth, depth_of_type(field->dtype) + 1);
        type->leaf_count += (int)tsri_dtype_leaf_count(field->dtype);
        type->count++;
        if (!field->name)
            return tsri_error_no_memory(err, strlen(fields[i].name) + 1);
        field->offset_bytes = offset;
        offset += (size_t)field_count_of(field) * field->dtype->size_bytes;
    }
    return find_runs(type, err);
}

int tsr_dtype_struct(const tsr_field *fields, int count, const tsr_dtype **ret_dtype,
                     tsr_error *err)
{
    int64_t size_bytes = 0;
    size_t width = 1;
    tsri_made_dtype *made;
    if (count < 1 || count > STRUCT_FIELDS_MAX)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "a struct has 1 to %d fields, not %d",
                             STRUCT_FIELDS_MAX, count);
    for (int i = 0; i < count; i++) {
        TSRI_TRY(check_field(fields, i, &size_bytes, err));
        width = TSRI_MAX(width, fields[i].dtype->component_bytes);
    }
    const tsr_dtype pattern = {.kind = TSR_KIND_STRUCT,
                               .size_bytes = (size_t)size_bytes,
                               .component_bytes = width,
                               .alignment = 1,
                               .v2_kind = 'V',
                               .ops = &struct_ops,
                               .component_bits = 8 * (int)width};
    TSRI_TRY(tsri_dtype_make(sizeof(struct_dtype), &pattern, make_name(fields, count), &made, err));
    int status = copy_fields((struct_dtype *)made, fields, count, err);
    if (status < 0) {
        tsr_dtype_unref(&made->dtype);
        return status;
    }
    *ret_dtype = &made->dtype;
    return 0;
}

/* ---- names of types ---- */

static int bad_name(const char *name, tsr_error *err)
{
    return tsr_error_set(
        err, TSR_INVALID_ARGUMENT,
        "type \"%.60s\": wanted is struct{NAME:TYPE,...}, where a NAME with other "
        "characters than letters, digits and _ . - stands in quotes, and a TYPE may "
        "be followed by (LENGTH,...)",
        name);
}

/* The end of a type inside of a struct: the comma, brace or parenthesis behind it; NULL for braces
 * and quotes that do not match. */
static const char *end_of_type(const char *text)
{
    int depth = 0;
    for (bool quoted = false; *text; text++) {
        if (quoted) {
            if (*text == '\\' && text[1])
                text++; /* and what stands behind it, a quote too */
            else
                quoted = *text != '"';
        } else if (*text == '"') {
            quoted = true;
        } else if (depth == 0 && strchr(",}(", *text)) {
            return text;
        } else {
            depth += (*text == '{') - (*text == '}');
        }
    }
    return NULL;
}

static char *take_name(const char **text)
{
    static const char ends[] = ":,{}()\"";
    if (**text != '"') {
        const char *start = *text;
        *text += strcspn(start, ends);
        return tsri_strndup(start, (size_t)(*text - start));
    }
    /* A name is never longer than its JSON. */
    char *name = tsri_alloc(strlen(*text) + 1);
    tsri_element_writer writer = {name, strlen(*text) + 1, 0};
    uint32_t character;
    bool end = false;
    for (++*text; name && tsri_element_take_character(text, &character, &end) && !end;) {
        char letter = (char)character;
        if (character < 0x80)
            tsri_element_put(&writer, &letter, 1);
        else
            tsri_element_put_character(&writer, character);
    }
    if (name)
        name[end ? writer.length : 0] = '\0';
    return name;
}

/* (3,2) */
static bool take_shape(const char **text, tsr_field *field)
{
    while (tsri_element_take(text, field->rank ? "," : "(")) {
        int64_t length;
        if (field->rank == TSR_FIELD_RANK_MAX || !tsri_element_take_int64(text, &length) ||
            length < 1)
            return false;
        field->shape[field->rank++] = length;
    }
    return field->rank == 0 || tsri_element_take(text, ")");
}

/* One field; *text is behind it. The caller frees its name and type, also on failure. */
static int take_field(const char **text, const char *whole, tsr_field *field, tsr_error *err)
{
    char *name = take_name(text);
    field->name = name;
    if (!name)
        return tsri_error_no_memory(err, strlen(*text));
    const char *end = tsri_element_take(text, ":") ? end_of_type(*text) : NULL;
    if (!end)
        return bad_name(whole, err);
    tsr_auto(tsri_text) *type = tsri_strndup(*text, (size_t)(end - *text));
    if (!type)
        return tsri_error_no_memory(err, (size_t)(end - *text));
    TSRI_TRY(tsr_dtype_parse(type, &field->dtype, err));
    *text = end;
    return take_shape(text, field) ? 0 : bad_name(whole, err);
}

/* How deep structs are nested in a name. */
static int depth_of(const char *name)
{
    int depth = 0, deepest = 0;
    for (; *name; name++) {
        depth += (*name == '{') - (*name == '}');
        deepest = TSRI_MAX(deepest, depth);
    }
    return deepest;
}

int tsri_dtype_parse_struct(const char *name, bool *ret_matches, const tsr_dtype **ret_dtype,
                            tsr_error *err)
{
    const char *text = name;
    int count = 0, status = 0;
    *ret_matches = tsri_element_take(&text, "struct{");
    if (!*ret_matches)
        return 0;
    /* Each field takes three characters at least. */
    size_t room = TSRI_MIN(strlen(text) / 3 + 1, (size_t)STRUCT_FIELDS_MAX + 1);
    tsr_field *fields = tsri_alloc_array_zero(room, sizeof *fields);
    if (!fields)
        return tsri_error_no_memory(err, room * sizeof *fields);
    if (depth_of(name) > STRUCT_DEPTH_MAX)
        status = bad_name(name, err);
    do
        status = status < 0              ? status
                 : (size_t)count == room ? bad_name(name, err)
                                         : take_field(&text, name, &fields[count++], err);
    while (status == 0 && tsri_element_take(&text, ","));
    if (status == 0 && strcmp(text, "}") != 0)
        status = bad_name(name, err);
    if (status == 0)
        status = tsr_dtype_struct(fields, count, ret_dtype, err);
    for (int i = 0; i < count; i++) {
        tsri_free((char *)fields[i].name);
        tsr_dtype_unref(fields[i].dtype);
    }
    tsri_free(fields);
    return status;
}

int tsr_view_field(tsr_view *view, const char *name, tsr_error *err)
{
    for (int i = 0; i < tsr_dtype_field_count(view->dtype); i++) {
        const tsr_field *field = &struct_of(view->dtype)->fields[i];
        int64_t stride = (int64_t)field->dtype->size_bytes;
        if (strcmp(field->name, name) != 0)
            continue;
        if (view->rank + field->rank > TSR_RANK_MAX)
            return tsr_error_set(err, TSR_LIMIT, "field \"%.60s\" has %d axes more, which are %d",
                                 name, field->rank, view->rank + field->rank);
        view->dtype = field->dtype;
        view->data += field->offset_bytes;
        for (int axis = field->rank - 1; axis >= 0; axis--) {
            view->shape[view->rank + axis] = field->shape[axis];
            view->strides[view->rank + axis] = stride;
            stride *= field->shape[axis];
        }
        view->rank += field->rank;
        return 0;
    }
    return tsr_error_set(err, TSR_NOT_FOUND, "%.100s has no field \"%.60s\"", view->dtype->name,
                         name);
}
