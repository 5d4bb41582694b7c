/* Any bytes as .zarray or .zgroup and .zattrs: as fuzz_zarr3_meta.c. The first byte says whether it
 * is a group; a byte 0xff, which no JSON holds, stands between the two documents. */
#include "zarr_meta_properties.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(tsr_context *context, bool is_group, const tsri_zarr_document *node,
                 const tsri_zarr_document *attributes, tsri_zarr_meta **ret_meta, tsr_error *err)
{
    return is_group ? tsri_zarr2_group_parse(context, node, attributes, ret_meta, err)
                    : tsri_zarr2_array_parse(context, node, attributes, ret_meta, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    tsr_auto(tsr_context) *context = small_context();
    bool is_group = data[0] & 1;
    const char *text = (const char *)data + 1, *cut = memchr(text, 0xff, size - 1);
    size_t node_bytes = cut != NULL ? (size_t)(cut - text) : size - 1;
    tsri_zarr_document node = {"k", text, node_bytes};
    tsri_zarr_document attributes = {"k", text + node_bytes + 1,
                                     cut != NULL ? size - 2 - node_bytes : 0};
    tsr_auto(tsri_zarr_meta) *meta = NULL, *again = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int status = parse(context, is_group, &node, cut != NULL ? &attributes : NULL, &meta, &err);
    check_status(status, &err);
    if (status < 0)
        return 0;
    check_meta(meta);
    tsr_auto(tsri_output) written = TSRI_OUTPUT_INIT(SIZE_MAX), beside = TSRI_OUTPUT_INIT(SIZE_MAX);
    require(tsri_zarr_meta_write(meta, &written, &err) == 0);
    require(tsri_zarr_meta_write_attributes(meta, &beside, &err) == 0);
    node = (tsri_zarr_document){"k", written.data, written.size_bytes};
    attributes = (tsri_zarr_document){"k", beside.data, beside.size_bytes};
    status = parse(context, is_group, &node, &attributes, &again, &err);
    require(status == 0 || status == TSR_LIMIT); /* the pretty text may be too long */
    if (status < 0)
        return 0;
    check_same(meta, again);
    check_changes(context, meta);
    return 0;
}
