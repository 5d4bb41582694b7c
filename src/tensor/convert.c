#include "tensor/convert.h"

#include <math.h>

#include "tensor/copy.h"
#include "tensor/dtype_text.h"
#include "tensor/dtype_time.h"
#include "tensor/element.h"
#include "tensor/kernels.h"
#include "tensor/variable.h"

#define STRIP 512 /* elements; three buffers of it fit the first-level cache */

/* The type whose numbers decide about a cast: a complex type stands for its components. */
static const tsr_dtype *real_type(const tsr_dtype *dtype)
{
    return tsr_dtype_component(dtype);
}

/* NumPy's order of kinds, in which SAME_KIND may go upwards or stay. */
static int kind_order(tsr_kind kind)
{
    switch (kind) {
    case TSR_KIND_BOOL:
        return 0;
    case TSR_KIND_UNSIGNED:
        return 1;
    case TSR_KIND_SIGNED:
        return 2;
    case TSR_KIND_FLOAT:
        return 3;
    default:
        return 4;
    }
}

/* Whether every integer of so many digits is a value of a float type. As in NumPy, 64-bit integers
 * count as safe in a float64. */
static bool holds_integers(const tsr_dtype *to, int digits)
{
    const tsri_float_format *format = to->ops->format;
    double largest = ldexp(1, digits);
    return format->has_zero &&
           (format == &tsri_format_float64 ||
            (digits <= to->ops->number->digits &&
             (to->size_bytes > 1 || largest <= tsri_float_to_double(format, format->largest))));
}

/* Whether every value survives. */
static bool is_safe(const tsr_dtype *from, const tsr_dtype *to)
{
    const tsr_dtype *source = real_type(from), *target = real_type(to);
    if (kind_order(from->kind) > kind_order(to->kind))
        return false;
    if (source->kind == TSR_KIND_FLOAT)
        return tsri_float_is_within(source->ops->format, target->ops->format);
    if (target->kind == TSR_KIND_FLOAT)
        return holds_integers(target, source->ops->number->digits);
    return source->kind == TSR_KIND_BOOL ||
           source->ops->number->digits <= target->ops->number->digits;
}

static bool is_time(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_DATETIME || dtype->kind == TSR_KIND_TIMEDELTA;
}

static bool is_fixed_text(const tsr_dtype *dtype)
{
    return dtype->kind == TSR_KIND_TEXT || dtype->kind == TSR_KIND_BYTES;
}

/* The least rule under which a cast from or to a time is permitted; UNSAFE + 1: none. As in NumPy,
 * integers and booleans are lengths of time; otherwise these and times are each other's only when
 * asked. */
static tsr_casting time_rule(const tsr_dtype *from, const tsr_dtype *to)
{
    bool from_integer = kind_order(from->kind) <= kind_order(TSR_KIND_SIGNED);
    bool to_integer = kind_order(to->kind) <= kind_order(TSR_KIND_SIGNED);
    if (from->kind == to->kind)
        return tsri_dtype_time_rule(from, to);
    if (from_integer && to->kind == TSR_KIND_TIMEDELTA)
        return from->ops->number->digits < 64 ? TSR_CASTING_SAFE : TSR_CASTING_SAME_KIND;
    return from_integer || to_integer ? TSR_CASTING_UNSAFE : TSR_CASTING_UNSAFE + 1;
}

bool tsr_dtype_can_cast(const tsr_dtype *from, const tsr_dtype *to, tsr_casting casting)
{
    if (tsr_dtype_equal(from, to))
        return true;
    if (tsr_dtype_is_variable(from) || tsr_dtype_is_variable(to))
        return casting <= TSR_CASTING_UNSAFE && casting >= tsri_dtype_variable_rule(from, to);
    if (is_fixed_text(from) || is_fixed_text(to))
        return casting <= TSR_CASTING_UNSAFE && casting >= tsri_dtype_text_rule(from, to);
    if (is_time(from) || is_time(to))
        return casting <= TSR_CASTING_UNSAFE && casting >= time_rule(from, to);
    if (!real_type(from)->ops->number || !real_type(to)->ops->number)
        return false;
    switch (casting) {
    case TSR_CASTING_NO:
        return false;
    case TSR_CASTING_SAFE:
        return is_safe(from, to);
    case TSR_CASTING_SAME_KIND:
        return kind_order(from->kind) <= kind_order(to->kind);
    default:
        return casting == TSR_CASTING_UNSAFE;
    }
}

typedef struct convert_job {
    const tsri_number *source, *target;
    int64_t source_bytes, target_bytes; /* of an element */
    bool checked;
} convert_job;

/* Converts `count` (at most STRIP) elements; false when one does not fit. */
static bool convert_strip(const convert_job *job, char *to, int64_t to_stride, const char *from,
                          int64_t from_stride, size_t count)
{
    uint64_t dense[STRIP] TSRI_UNINITIALIZED, wide[STRIP] TSRI_UNINITIALIZED;
    bool gather = from_stride != job->source_bytes, scatter = to_stride != job->target_bytes;
    if (gather)
        tsri_move_strided((char *)dense, job->source_bytes, from, from_stride, count,
                          (size_t)job->source_bytes);
    job->source->load(gather ? (const char *)dense : from, wide, count);
    if (job->target->store[job->source->wide](wide, scatter ? (char *)dense : to, count,
                                              job->checked) < count)
        return false;
    if (scatter)
        tsri_move_strided(to, to_stride, (const char *)dense, job->target_bytes, count,
                          (size_t)job->target_bytes);
    return true;
}

static bool convert_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                         const tsri_nest_axis *inner)
{
    const convert_job *job = user;
    for (int64_t i = 0; i < outer->count; i++, to += outer->to, from += outer->from)
        for (int64_t done = 0; done < inner->count; done += STRIP)
            if (!convert_strip(job, to + done * inner->to, inner->to, from + done * inner->from,
                               inner->from, (size_t)TSRI_MIN(inner->count - done, STRIP)))
                return false;
    return true;
}

/* Converts views of real types, or with `parts` 2 of complex ones; false when a value does not fit.
 */
static bool convert_numbers(const tsr_view *destination, const tsr_view *source, int parts,
                            bool checked)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    const tsr_dtype *from = real_type(source->dtype), *to = real_type(destination->dtype);
    convert_job job = {from->ops->number, to->ops->number, (int64_t)from->size_bytes,
                       (int64_t)to->size_bytes, checked};
    return !tsri_nest_init(&nest, destination, source, parts) ||
           tsri_nest_run(&nest, convert_rows, &job);
}

/* As NumPy does: a complex number is true when either component is not 0. */
static bool complex_to_bool_rows(void *user, char *to, const char *from,
                                 const tsri_nest_axis *outer, const tsri_nest_axis *inner)
{
    const tsri_number *component = user;
    double parts[2];
    for (int64_t i = 0; i < outer->count; i++)
        for (int64_t k = 0; k < inner->count; k++) {
            component->load(from + i * outer->from + k * inner->from, parts, 2);
            to[i * outer->to + k * inner->to] = parts[0] != 0 || parts[1] != 0;
        }
    return true;
}

/* The real (0) or imaginary (1) components of a complex view; a real view is its own real part. */
static tsr_view component_of(const tsr_view *view, int component)
{
    tsr_view part = *view;
    part.dtype = real_type(view->dtype);
    part.data += (size_t)component * part.dtype->size_bytes;
    return part;
}

/* Makes the imaginary components 0, or what stands for it in a type without zero. */
static bool clear_imaginary(const tsr_view *destination, bool checked)
{
    static const uint64_t zero = 0;
    tsr_view to = component_of(destination, 1);
    uint64_t element;
    if (to.dtype->ops->number->store[TSRI_WIDE_UNSIGNED](&zero, &element, 1, checked) == 0)
        return false;
    tsr_view_fill(&to, &element);
    return true;
}

/* Converts a permitted cast; false when a value does not fit. */
static bool convert_any(const tsr_view *destination, const tsr_view *source, bool checked)
{
    bool from_complex = source->dtype->kind == TSR_KIND_COMPLEX;
    bool to_complex = destination->dtype->kind == TSR_KIND_COMPLEX;
    tsri_nest nest TSRI_UNINITIALIZED;
    if (is_fixed_text(source->dtype))
        return tsri_view_convert_texts(destination, source, checked);
    if (is_time(source->dtype) && is_time(destination->dtype))
        return tsri_view_convert_times(destination, source);
    if (from_complex && to_complex)
        return convert_numbers(destination, source, 2, checked);
    if (from_complex && destination->dtype->kind == TSR_KIND_BOOL) {
        const tsri_number *number = real_type(source->dtype)->ops->number;
        return !tsri_nest_init(&nest, destination, source, 1) ||
               tsri_nest_run(&nest, complex_to_bool_rows, (void *)number);
    }
    tsr_view from = component_of(source, 0), to = component_of(destination, 0);
    if (!convert_numbers(&to, &from, 1, checked))
        return false;
    return !to_complex || clear_imaginary(destination, checked);
}

static bool element_fits(const tsr_dtype *from, const char *element, const tsr_dtype *to)
{
    const tsri_number *number = real_type(from)->ops->number;
    const tsri_number *target = real_type(to)->ops->number;
    size_t parts = from->kind == TSR_KIND_COMPLEX ? 2 : 1;
    uint64_t wide[2], scratch[2];
    if (is_time(from) && is_time(to)) {
        tsr_view one = {.dtype = from, .data = (char *)element};
        tsr_view other = {.dtype = to, .data = (char *)scratch};
        return tsri_view_convert_times(&other, &one);
    }
    if (is_fixed_text(from))
        return tsri_dtype_text_fits(from, element, to);
    number->load(element, wide, parts);
    return target->store[number->wide](wide, scratch, parts, true) == parts;
}

int tsri_element_report_misfit(const tsr_dtype *from, const void *element, const tsr_dtype *to,
                               tsr_error *err)
{
    char value[128];
    if (tsr_dtype_format_element(from, element, value, sizeof value) < 0)
        snprintf(value, sizeof value, "that is too long to show");
    return tsr_error_set(err, TSR_OUT_OF_BOUNDS, "the %s %s does not fit into %s", from->name,
                         value, to->name);
}

/* Finds the first element, in C order, that does not fit, and reports it. */
static int report_misfit(const tsr_view *source, const tsr_dtype *to, tsr_error *err)
{
    int64_t position[TSR_RANK_MAX] = {0};
    char text[TSRI_SHAPE_TEXT_MAX], value[128];
    for (;;) {
        const char *element = source->data;
        for (int axis = 0; axis < source->rank; axis++)
            element += position[axis] * source->strides[axis];
        if (!element_fits(source->dtype, element, to)) {
            if (tsr_dtype_format_element(source->dtype, element, value, sizeof value) < 0)
                snprintf(value, sizeof value, "that is too long to show");
            return tsr_error_set(err, TSR_OUT_OF_BOUNDS, "the %s %s at %s does not fit into %s",
                                 source->dtype->name, value,
                                 tsri_shape_text(source->rank, position, text), to->name);
        }
        int axis = source->rank - 1;
        while (axis >= 0 && ++position[axis] == source->shape[axis])
            position[axis--] = 0;
        if (axis < 0)
            return tsr_error_set(err, TSR_OUT_OF_BOUNDS,
                                 "a %s that was changed meanwhile did not fit into %s",
                                 source->dtype->name, to->name);
    }
}

int tsri_view_convert(const tsr_view *destination, const tsr_view *source, tsr_casting casting,
                      tsr_error *err)
{
    static const char *const names[] = {"no", "safe", "same_kind", "unsafe"};
    if (!tsr_dtype_can_cast(source->dtype, destination->dtype, casting)) {
        bool known = casting >= TSR_CASTING_NO && casting <= TSR_CASTING_UNSAFE;
        return tsr_error_set(err, TSR_TYPE_MISMATCH,
                             "%s cannot be stored as %s under casting rule %s", source->dtype->name,
                             destination->dtype->name,
                             known ? names[casting] : "that does not exist");
    }
    /* UTF-8 lies between text and bytes, also when both are of fixed length. */
    bool changes_form =
        is_fixed_text(source->dtype) && source->dtype->kind != destination->dtype->kind;
    if (changes_form || tsr_dtype_is_variable(source->dtype) ||
        tsr_dtype_is_variable(destination->dtype))
        return tsri_view_convert_variable(destination, source, casting != TSR_CASTING_UNSAFE, err);
    if (convert_any(destination, source, casting != TSR_CASTING_UNSAFE))
        return 0;
    return report_misfit(source, destination->dtype, err);
}
