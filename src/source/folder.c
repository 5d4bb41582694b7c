#include "source/folder.h"

int tsri_folder_open(tsr_context *context, const char *path, tsr_store **ret_store,
                     const char **ret_name, tsr_error *err)
{
    const char *slash = strrchr(path, '/');
    int length = slash ? (int)(slash - path) : 0;
    /* A URL has no relative paths, and a relative path could look like a URL: "./" prevents both.
     */
    tsr_auto(tsri_text) *folder = path[0] == '/' ? tsri_format("file://%.*s/", length, path)
                                                 : tsri_format("./%.*s", length, path);
    if (!folder)
        return tsri_error_no_memory(err, strlen(path));
    TSRI_TRY(tsr_store_open(context, folder, ret_store, err));
    *ret_name = slash ? slash + 1 : path;
    return 0;
}
