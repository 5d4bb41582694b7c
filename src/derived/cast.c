/* Another array's elements as another type. */
#include <tessera/derived.h>

#include "array/lower.h"
#include "base/base.h"
#include "tensor/variable.h"

typedef struct cast_driver {
    tsr_array *source; /* held */
} cast_driver;

static void cast_close(void *driver)
{
    cast_driver *self = driver;
    tsr_array_close(self->source);
    tsri_free(self);
}

static int cast_lower(void *driver, const tsr_index *index, tsri_lowering *lowering, tsr_error *err)
{
    const cast_driver *self = driver;
    tsri_lowered_part part = {.array = self->source, .axis = -1};
    tsr_index_copy(&part.index, index);
    return tsri_lowering_add(lowering, &part, err);
}

static const tsr_array_ops cast_ops = {.struct_size = sizeof cast_ops, .close = cast_close};

static int check(const tsr_array *source, const tsr_dtype *dtype, tsr_casting casting,
                 tsr_error *err)
{
    if (tsr_dtype_can_cast(source->dtype, dtype, casting))
        return 0;
    tsr_error_set(err, TSR_TYPE_MISMATCH, "%s: %s is not turned into %s", source->place,
                  source->dtype->name, dtype->name);
    tsr_error_set_next_step(err, "allow it by a wider casting rule");
    return TSR_TYPE_MISMATCH;
}

static int cast_fill_value(const tsr_array *source, const tsr_dtype *dtype, void **ret_value,
                           tsr_error *err)
{
    tsr_view from;
    tsr_auto(tsr_view) to = {0};
    TSRI_TRY(tsr_view_init(&from, source->dtype, 0, NULL, source->fill_value, err));
    TSRI_TRY(tsr_view_new(&to, dtype, 0, NULL, err));
    TSRI_TRY(tsr_view_copy(&to, &from, TSR_CASTING_UNSAFE, err));
    *ret_value = tsri_element_clone(dtype, to.data);
    return *ret_value ? 0 : tsri_error_no_memory(err, dtype->size_bytes);
}

static int describe_and_make(cast_driver *self, const tsr_dtype *dtype, tsr_casting casting,
                             const char *place, const void *fill_value, tsr_array **ret_array,
                             tsr_error *err)
{
    tsr_array *source = self->source;
    tsr_auto(tsri_text) *attributes = NULL;
    tsr_auto(tsri_grid) *grid = NULL;
    const tsri_derivation derivation = {.ops = &cast_ops,
                                        .driver = self,
                                        .lower = cast_lower,
                                        .casts = true,
                                        .casting = casting,
                                        .sources = &source,
                                        .source_count = 1};
    TSRI_TRY(tsri_array_decoded_grid(source, &grid, err));
    TSRI_TRY(tsr_array_attributes(source, &attributes, err));
    const tsr_array_description description = {.driver = "cast",
                                               .place = place,
                                               .dtype = dtype,
                                               .rank = source->rank,
                                               .shape = grid->shape,
                                               .fill_value = fill_value,
                                               .dimension_names =
                                                   (const char *const *)source->dimension_names,
                                               .attributes = attributes};
    return tsri_array_new_derived(source->context, &derivation, &description, grid, ret_array, err);
}

int tsr_array_cast(tsr_array *source, const tsr_dtype *dtype, tsr_casting casting,
                   tsr_array **ret_array, tsr_error *err)
{
    void *fill_value = NULL;

    TSRI_TRY(check(source, dtype, casting, err));
    TSRI_TRY(cast_fill_value(source, dtype, &fill_value, err));
    tsr_auto(tsri_text) *place = tsri_format("%s as %s", source->place, dtype->name);
    cast_driver *self = tsri_alloc_zero(sizeof *self);
    int status = place && self ? 0 : tsri_error_no_memory(err, sizeof *self);
    if (status == 0) {
        self->source = source;
        status = describe_and_make(self, dtype, casting, place, fill_value, ret_array, err);
    }
    if (status == 0)
        tsr_array_ref(source);
    else
        tsri_free(self);
    tsri_free(fill_value);
    return status;
}
