/* numpy.datetime64 and numpy.timedelta64. Zarr extension registry, data types of these names. */
#include "tensor/dtype_time.h"

#include <limits.h>
#include <stdlib.h>

#include "tensor/calendar.h"
#include "tensor/made_dtype.h"
#include "tensor/nest.h"

typedef struct time_dtype {
    tsri_made_dtype made;
    tsri_time_scale scale;
} time_dtype;

static tsri_time_scale scale_of(const tsr_dtype *dtype)
{
    return ((const time_dtype *)dtype)->scale;
}

static bool is_same_time(const tsr_dtype *a, const tsr_dtype *b)
{
    tsri_time_scale left = scale_of(a), right = scale_of(b);
    return left.unit == right.unit && left.scale == right.scale;
}

/* ---- elements ---- */

static int64_t load(const void *element)
{
    int64_t value;
    memcpy(&value, element, sizeof value);
    return value;
}

static void write_time(const tsr_dtype *dtype, const void *element, tsri_element_writer *writer)
{
    int64_t value = load(element);
    (void)dtype;
    if (value == TSRI_NOT_A_TIME)
        tsri_element_print(writer, "\"NaT\"");
    else
        tsri_element_print(writer, "%lld", (long long)value);
}

static bool read_quoted(const tsr_dtype *dtype, const char **text, int64_t *ret_value)
{
    char word[96];
    if (!tsri_element_take_string(text, word, sizeof word))
        return false;
    if (dtype->kind == TSR_KIND_DATETIME || strcmp(word, "NaT") == 0)
        return tsri_time_parse(scale_of(dtype), word, ret_value);
    return false;
}

static bool read_time(const tsr_dtype *dtype, const char **text, void *element)
{
    int64_t value;
    if (tsri_element_take(text, "NaT"))
        value = TSRI_NOT_A_TIME;
    else if (**text == '"' ? !read_quoted(dtype, text, &value)
                           : !tsri_element_take_int64(text, &value))
        return false;
    memcpy(element, &value, sizeof value);
    return true;
}

static const tsri_element_text text_datetime = {
    write_time, read_time,
    "\"NaT\", a whole number of its steps since 1970, or a time like \"1970-01-01T00:00\" that is one"};
static const tsri_element_text text_timedelta = {write_time, read_time,
                                                 "\"NaT\" or a whole number of its steps"};
static const struct tsr_dtype_ops datetime_ops = {&text_datetime, &tsri_number_int64, NULL,
                                                  NULL,           is_same_time,       NULL};
static const struct tsr_dtype_ops timedelta_ops = {
    &text_timedelta, &tsri_number_int64, NULL, NULL, is_same_time, NULL};

int tsr_dtype_format_time(const tsr_dtype *dtype, const void *element, char *text, size_t capacity)
{
    char all[80];
    int64_t value = load(element);
    int length;
    if (dtype->kind == TSR_KIND_DATETIME)
        length = tsri_time_format(scale_of(dtype), value, all);
    else if (dtype->kind == TSR_KIND_TIMEDELTA)
        length = tsri_time_format((tsri_time_scale){TSRI_UNIT_GENERIC, 1}, value, all);
    else
        return TSR_TYPE_MISMATCH;
    if ((size_t)length >= capacity)
        return TSR_LIMIT;
    memcpy(text, all, (size_t)length + 1);
    return length;
}

/* ---- types ---- */

static int find_unit(const char *name, size_t length)
{
    for (int i = 0; i < TSRI_UNIT_COUNT; i++)
        if (strlen(tsri_time_unit_names[i]) == length &&
            memcmp(tsri_time_unit_names[i], name, length) == 0)
            return i;
    /* The registry takes the Greek letter for the same. */
    bool is_micro = length == 3 && memcmp(name, "\xce\xbcs", 3) == 0;
    return is_micro ? TSRI_UNIT_MICROSECOND : -1;
}

static char *make_name(tsr_kind kind, tsri_time_scale scale)
{
    const char *base = kind == TSR_KIND_DATETIME ? "datetime64" : "timedelta64";
    const char *unit = tsri_time_unit_names[scale.unit];
    if (scale.unit == TSRI_UNIT_GENERIC && scale.scale == 1)
        return tsri_format("%s", base);
    if (scale.scale == 1)
        return tsri_format("%s[%s]", base, unit);
    return tsri_format("%s[%d%s]", base, (int)scale.scale, unit);
}

static int make_time(tsr_kind kind, tsri_time_scale scale, const tsr_dtype **ret_dtype,
                     tsr_error *err)
{
    bool is_moment = kind == TSR_KIND_DATETIME;
    const tsr_dtype pattern = {.kind = kind,
                               .size_bytes = 8,
                               .component_bytes = 8,
                               .alignment = 8,
                               .v2_kind = is_moment ? 'M' : 'm',
                               .ops = is_moment ? &datetime_ops : &timedelta_ops,
                               .component_bits = 64};
    tsri_made_dtype *made;
    TSRI_TRY(tsri_dtype_make(sizeof(time_dtype), &pattern, make_name(kind, scale), &made, err));
    ((time_dtype *)made)->scale = scale;
    *ret_dtype = &made->dtype;
    return 0;
}

int tsr_dtype_time(tsr_kind kind, const char *unit, int64_t scale, const tsr_dtype **ret_dtype,
                   tsr_error *err)
{
    int number = find_unit(unit, strlen(unit));
    if (kind != TSR_KIND_DATETIME && kind != TSR_KIND_TIMEDELTA)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT, "kind %d is no kind of times", (int)kind);
    if (number < 0)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "\"%.20s\" is no unit of time: Y M W D h m s ms us ns ps fs as or "
                             "generic",
                             unit);
    if (scale < 1 || scale > INT32_MAX)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "the scale of a time is 1 to 2147483647, not %lld", (long long)scale);
    return make_time(kind, (tsri_time_scale){(tsri_time_unit)number, (int32_t)scale}, ret_dtype,
                     err);
}

const char *tsr_dtype_time_unit(const tsr_dtype *dtype, int64_t *ret_scale)
{
    if (dtype->kind != TSR_KIND_DATETIME && dtype->kind != TSR_KIND_TIMEDELTA)
        return NULL;
    *ret_scale = scale_of(dtype).scale;
    return tsri_time_unit_names[scale_of(dtype).unit];
}

/* "[10us]" up to the end of the text; nothing at all is generic. */
static bool parse_scale(const char *text, tsri_time_scale *ret_scale)
{
    long long scale = 1;
    if (*text == '\0') {
        *ret_scale = (tsri_time_scale){TSRI_UNIT_GENERIC, 1};
        return true;
    }
    const char *end = strchr(text, ']');
    if (*text++ != '[' || !end || end[1] != '\0')
        return false;
    if (*text >= '1' && *text <= '9') {
        char *rest;
        scale = strtoll(text, &rest, 10);
        text = rest;
    }
    int unit = text < end ? find_unit(text, (size_t)(end - text)) : -1;
    if (unit < 0 || scale > INT32_MAX)
        return false;
    *ret_scale = (tsri_time_scale){(tsri_time_unit)unit, (int32_t)scale};
    return true;
}

int tsri_dtype_parse_time(const char *name, bool *ret_matches, const tsr_dtype **ret_dtype,
                          tsr_error *err)
{
    static const struct {
        const char *start;
        tsr_kind kind;
    } forms[] = {{"datetime64", TSR_KIND_DATETIME},
                 {"timedelta64", TSR_KIND_TIMEDELTA},
                 {"M8", TSR_KIND_DATETIME},
                 {"m8", TSR_KIND_TIMEDELTA}};
    const char *letter = name + (*name != '\0' && strchr("<>|=", *name) != NULL);
    tsri_time_scale scale;
    *ret_matches = false;
    for (size_t i = 0; i < TSRI_COUNT(forms); i++) {
        size_t length = strlen(forms[i].start);
        const char *start = length == 2 ? letter : name;
        if (strncmp(start, forms[i].start, length) != 0)
            continue;
        *ret_matches = true;
        if (!parse_scale(start + length, &scale))
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "type \"%.40s\": wanted is %s[ns] or %s[10us], with a unit of "
                                 "Y M W D h m s ms us ns ps fs as",
                                 name, forms[i].start, forms[i].start);
        return make_time(forms[i].kind, scale, ret_dtype, err);
    }
    return 0;
}

/* ---- casts ---- */

tsr_casting tsri_dtype_time_rule(const tsr_dtype *from, const tsr_dtype *to)
{
    tsri_time_scale source = scale_of(from), target = scale_of(to);
    bool is_moment = from->kind == TSR_KIND_DATETIME;
    int64_t there, back;
    if (source.unit == TSRI_UNIT_GENERIC)
        return TSR_CASTING_SAFE;
    if (target.unit == TSRI_UNIT_GENERIC)
        return TSR_CASTING_UNSAFE;
    bool source_months = source.unit <= TSRI_UNIT_MONTH,
         target_months = target.unit <= TSRI_UNIT_MONTH;
    if (source_months != target_months && !is_moment)
        return TSR_CASTING_UNSAFE + 1;
    /* A step of the source, or the day in which its months start, is a whole number of steps of the
     * target when it comes back as it was. Steps too far apart to count are not. */
    const tsri_time_scale day = {TSRI_UNIT_DAY, 1};
    tsri_time_scale step = source_months && !target_months ? day : source;
    if (target_months && !source_months)
        return TSR_CASTING_SAME_KIND;
    bool exact = tsri_time_rescale(false, step, target, 1, &there) &&
                 tsri_time_rescale(false, target, step, there, &back) && back == 1;
    return exact ? TSR_CASTING_SAFE : TSR_CASTING_SAME_KIND;
}

typedef struct time_job {
    tsri_time_scale from, to;
    bool is_moment;
    bool has_factor;
    int64_t up, down;
} time_job;

/* By the job's factor: most casts are from one fixed unit to another. */
static bool rescale_by_factor(const time_job *job, int64_t value, int64_t *ret_value)
{
    int64_t product;
    if (value == TSRI_NOT_A_TIME) {
        *ret_value = value;
        return true;
    }
    if (__builtin_mul_overflow(value, job->up, &product) || product == INT64_MIN)
        return tsri_time_rescale(job->is_moment, job->from, job->to, value, ret_value);
    *ret_value = product / job->down - (product % job->down < 0);
    return true;
}

static bool convert_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                         const tsri_nest_axis *inner)
{
    const time_job *job = user;
    for (int64_t i = 0; i < outer->count; i++, to += outer->to, from += outer->from)
        for (int64_t k = 0; k < inner->count; k++) {
            int64_t value, before = load(from + k * inner->from);
            bool fits = job->has_factor
                            ? rescale_by_factor(job, before, &value)
                            : tsri_time_rescale(job->is_moment, job->from, job->to, before, &value);
            if (!fits)
                return false;
            memcpy(to + k * inner->to, &value, sizeof value);
        }
    return true;
}

bool tsri_view_convert_times(const tsr_view *destination, const tsr_view *source)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    time_job job = {.from = scale_of(source->dtype),
                    .to = scale_of(destination->dtype),
                    .is_moment = source->dtype->kind == TSR_KIND_DATETIME};
    job.has_factor = tsri_time_factor(job.from, job.to, &job.up, &job.down);
    return !tsri_nest_init(&nest, destination, source, 1) ||
           tsri_nest_run(&nest, convert_rows, &job);
}
