/* Any bytes as zarr.json: refused with a key and a reason, or read into what keeps the promises of
 * zarr_meta.h, survives rewriting, and can be given other attributes and another shape. */
#include "zarr_meta_properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tsr_auto(tsr_context) *context = small_context();
    tsri_zarr_document document = {"k", (const char *)data, size};
    tsr_auto(tsri_zarr_meta) *meta = NULL, *again = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int status = tsri_zarr3_meta_parse(context, &document, &meta, &err);
    check_status(status, &err);
    if (status < 0)
        return 0;
    check_meta(meta);
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    require(tsri_zarr_meta_write(meta, &text, &err) == 0);
    document = (tsri_zarr_document){"k", text.data, text.size_bytes};
    status = tsri_zarr3_meta_parse(context, &document, &again, &err);
    require(status == 0 || status == TSR_LIMIT); /* the pretty text may be too long */
    if (status < 0)
        return 0;
    check_same(meta, again);
    check_changes(context, meta);
    return 0;
}
