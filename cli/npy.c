#include "npy.h"

#include <string.h>

enum { MAGIC_BYTES = 8, ALIGNMENT = 64 };

int npy_write_header(FILE *stream, const tsr_dtype *dtype, int rank, const int64_t *shape,
                     tsr_error *err)
{
    char text[160 + TSR_RANK_MAX * 24], unit[32] = "";
    int64_t scale;
    const char *unit_name = tsr_dtype_time_unit(dtype, &scale);
    unsigned char length[2];
    size_t used, padded;

    if (!dtype->v2_kind || dtype->kind == TSR_KIND_STRUCT) {
        tsr_error_set(err, TSR_UNSUPPORTED, "an .npy file has no type for %s", dtype->name);
        tsr_error_set_next_step(err, "`tessera cp SOURCE DESTINATION --dtype TYPE` makes an array "
                                     "of another type");
        return TSR_UNSUPPORTED;
    }
    if (unit_name && strcmp(unit_name, "generic") != 0)
        snprintf(unit, sizeof unit, "[%lld%s]", (long long)scale, unit_name);
    used = (size_t)snprintf(
        text, sizeof text, "{'descr': '%c%c%zu%s', 'fortran_order': False, 'shape': (",
        dtype->component_bytes > 1 ? '<' : '|', dtype->v2_kind,
        dtype->kind == TSR_KIND_TEXT ? dtype->size_bytes / 4 : dtype->size_bytes, unit);
    for (int i = 0; i < rank; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i ? ", " : "",
                                 (long long)shape[i]);
    used += (size_t)snprintf(text + used, sizeof text - used, "%s), }", rank == 1 ? "," : "");
    /* Spaces and a newline bring the data to a multiple of 64 bytes. */
    padded = (MAGIC_BYTES + sizeof length + used + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT -
             MAGIC_BYTES - sizeof length;
    length[0] = padded & 0xff;
    length[1] = (padded >> 8) & 0xff;
    fwrite("\x93NUMPY\x01\x00", 1, MAGIC_BYTES, stream);
    fwrite(length, 1, sizeof length, stream);
    fprintf(stream, "%s%*s\n", text, (int)(padded - used - 1), "");
    return 0;
}
