#include "tensor/narrow.h"

#include "tensor/nest.h"

typedef struct narrow_job {
    int unused_bits; /* of a byte */
    bool is_signed;
} narrow_job;

static bool narrow_rows(void *user, char *to, const char *from, const tsri_nest_axis *outer,
                        const tsri_nest_axis *inner)
{
    const narrow_job *job = user;
    for (int64_t i = 0; i < outer->count; i++, to += outer->to, from += outer->from)
        for (int64_t k = 0; k < inner->count; k++) {
            uint8_t byte = (uint8_t)((uint8_t)from[k * inner->from] << job->unused_bits);
            to[k * inner->to] = (char)(job->is_signed ? (int8_t)byte >> job->unused_bits
                                                      : byte >> job->unused_bits);
        }
    return true;
}

void tsri_view_copy_narrow(const tsr_view *destination, const tsr_view *source, bool stored)
{
    tsri_nest nest TSRI_UNINITIALIZED;
    const tsr_dtype *dtype = destination->dtype;
    narrow_job job = {8 - dtype->component_bits, !stored && dtype->kind == TSR_KIND_SIGNED};
    if (tsri_nest_init(&nest, destination, source, (int)dtype->size_bytes))
        tsri_nest_run(&nest, narrow_rows, &job);
}
