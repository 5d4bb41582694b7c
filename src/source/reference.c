/* Reference files (kerchunk's JSON): what they refer to is a tree of Zarr, so the file is opened as
 * a store. */
#include "base/base.h"
#include "source/formats.h"

/* A JSON object in a file that is named *.json and is no metadata of Zarr itself. */
static bool reference_recognise(const void *head, size_t size_bytes, const char *path)
{
    const char *text = head, *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name), at = 0;

    while (at < size_bytes && strchr(" \t\r\n", text[at]) && text[at])
        at++;
    return at < size_bytes && text[at] == '{' && length > 5 &&
           strcmp(name + length - 5, ".json") == 0 && strcmp(name, "zarr.json") != 0;
}

static int reference_open_store(tsr_context *context, const char *path, tsr_store **ret_store,
                                tsr_error *err)
{
    tsr_auto(tsri_text) *url = tsri_format("reference:%s", path);

    if (!url)
        return tsri_error_no_memory(err, strlen(path));
    return tsr_store_open(context, url, ret_store, err);
}

const tsr_format_ops tsri_reference_format = {
    .struct_size = sizeof tsri_reference_format,
    .name = "reference",
    .recognise = reference_recognise,
    .open_store = reference_open_store,
};
