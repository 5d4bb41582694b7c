#include "array/node.h"

#include "base/context.h"
#include "base/profile.h"

typedef enum document { ZARR_JSON, ZARRAY, ZGROUP, ZATTRS, DOCUMENT_COUNT } document;

static const char *const document_names[DOCUMENT_COUNT] = {"zarr.json", ".zarray", ".zgroup",
                                                           ".zattrs"};

char *tsri_path_join(const char *path, const char *name)
{
    return tsri_format("%s%s%s", path, *path && *name ? "/" : "", name);
}

char *tsri_path_normalise(const char *path)
{
    char *copy = tsri_strdup(path), *to = copy;
    for (const char *from = path; copy && *from; from++)
        if (*from != '/' || (to > copy && to[-1] != '/'))
            *to++ = *from;
    while (copy && to > copy && to[-1] == '/')
        to--;
    if (copy)
        *to = '\0';
    return copy;
}

/* ---- reading ---- */

typedef struct documents {
    char *keys[DOCUMENT_COUNT];
    char *shown[DOCUMENT_COUNT]; /* the keys as errors show them */
    tsr_get_request requests[DOCUMENT_COUNT];
    tsr_error errors[DOCUMENT_COUNT];
    pthread_mutex_t mutex;
    pthread_cond_t all_answered;
    int waiting;
} documents;

static void documents_clear(documents *self)
{
    for (int i = 0; i < DOCUMENT_COUNT; i++) {
        tsri_free(self->keys[i]);
        tsri_free(self->shown[i]);
        tsr_blob_unref(self->requests[i].blob);
    }
    pthread_cond_destroy(&self->all_answered);
    pthread_mutex_destroy(&self->mutex);
    tsri_free(self);
}

static void document_answered(tsr_get_request *request)
{
    documents *self = request->user;
    pthread_mutex_lock(&self->mutex);
    if (--self->waiting == 0)
        pthread_cond_signal(&self->all_answered);
    pthread_mutex_unlock(&self->mutex);
}

static int documents_new(tsr_store *store, const char *path, documents **ret_documents,
                         tsr_error *err)
{
    documents *self = tsri_alloc_zero(sizeof *self);
    if (!self)
        return tsri_error_no_memory(err, sizeof *self);
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->all_answered, NULL);
    bool complete = true;
    for (int i = 0; i < DOCUMENT_COUNT; i++) {
        self->keys[i] = tsri_path_join(path, document_names[i]);
        self->shown[i] = self->keys[i] ? tsri_path_join(tsr_store_url(store), self->keys[i]) : NULL;
        complete &= self->shown[i] != NULL;
        self->requests[i] = (tsr_get_request){
            .key = self->keys[i],
            .range = {TSR_RANGE_WHOLE, 0, 0},
            .limit_bytes = (uint64_t)store->context->options.largest_metadata_bytes,
            .done = document_answered,
            .user = self,
            .err = &self->errors[i],
        };
    }
    if (!complete) {
        documents_clear(self);
        return tsri_error_no_memory(err, 0);
    }
    *ret_documents = self;
    return 0;
}

/* Asks for the documents [first, end) as one batch. */
static void documents_get(documents *self, tsr_store *store, int first, int end)
{
    self->waiting = end - first;
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_FETCH);
    tsr_store_get_many(store, &self->requests[first], (size_t)(end - first), NULL);
    pthread_mutex_lock(&self->mutex);
    while (self->waiting > 0)
        pthread_cond_wait(&self->all_answered, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
    tsri_phase_end(store->context, before);
    for (int i = first; i < end; i++)
        TSRI_PROFILE_ADD(store->context, fetched_bytes,
                         self->requests[i].status < 0 ? 0 : self->requests[i].size_bytes);
}

/* Whether a document is there; failures other than NOT_FOUND are passed on. A file in place of the
 * node's folder means that it is not there. */
static int document_found(const documents *self, document which, bool *ret_found, tsr_error *err)
{
    const tsr_get_request *request = &self->requests[which];
    *ret_found = request->status == 0;
    if (request->status == 0 || request->status == TSR_NOT_FOUND)
        return 0;
    if (err)
        *err = self->errors[which];
    if (request->status == TSR_LIMIT) {
        tsr_error_prepend(err, "%s", self->shown[which]);
        tsr_error_set_next_step(
            err, "raise the context's largest_metadata_bytes if it is meant to be so large");
    }
    return request->status;
}

static tsri_zarr_document document_text(const documents *self, document which)
{
    const tsr_get_request *request = &self->requests[which];
    return (tsri_zarr_document){self->shown[which], tsr_blob_data(request->blob),
                                request->size_bytes};
}

static int parse_v2(const documents *self, tsr_context *context, document which,
                    tsri_zarr_meta **ret_meta, tsr_error *err)
{
    bool have_attributes;
    TSRI_TRY(document_found(self, ZATTRS, &have_attributes, err));
    tsri_zarr_document own = document_text(self, which), attributes = {0};
    if (have_attributes)
        attributes = document_text(self, ZATTRS);
    const tsri_zarr_document *optional = have_attributes ? &attributes : NULL;
    return which == ZARRAY ? tsri_zarr2_array_parse(context, &own, optional, ret_meta, err)
                           : tsri_zarr2_group_parse(context, &own, optional, ret_meta, err);
}

static int not_found(tsr_store *store, const char *path, tsr_error *err)
{
    tsr_error_set(err, TSR_NOT_FOUND, "%s%s%s: no Zarr array or group", tsr_store_url(store),
                  *path ? "/" : "", path);
    tsr_error_set_next_step(err, "`tessera ls` on the folder above shows what is there");
    return TSR_NOT_FOUND;
}

static int read_documents(documents *self, tsr_store *store, const char *path, int zarr_format,
                          tsri_zarr_meta **ret_meta, tsr_error *err)
{
    bool found;

    if (zarr_format != 2) {
        documents_get(self, store, ZARR_JSON, ZARR_JSON + 1);
        TSRI_TRY(document_found(self, ZARR_JSON, &found, err));
        if (found) {
            tsri_zarr_document text = document_text(self, ZARR_JSON);
            return tsri_zarr3_meta_parse(store->context, &text, ret_meta, err);
        }
        if (zarr_format == 3)
            return not_found(store, path, err);
    }
    documents_get(self, store, ZARRAY, DOCUMENT_COUNT);
    for (document which = ZARRAY; which <= ZGROUP; which++) {
        TSRI_TRY(document_found(self, which, &found, err));
        if (found)
            return parse_v2(self, store->context, which, ret_meta, err);
    }
    return not_found(store, path, err);
}

static void note_version(const documents *self, const tsri_zarr_meta *meta,
                         tsri_node_version *ret_version)
{
    document own = meta->zarr_format == 3 ? ZARR_JSON : meta->is_group ? ZGROUP : ZARRAY;

    *ret_version = (tsri_node_version){.document = self->requests[own].generation};
    if (meta->zarr_format == 2 && self->requests[ZATTRS].status == 0) {
        ret_version->has_attributes = true;
        ret_version->attributes = self->requests[ZATTRS].generation;
    }
}

int tsri_node_read_version(tsr_store *store, const char *path, int zarr_format,
                           tsri_zarr_meta **ret_meta, tsri_node_version *ret_version,
                           tsr_error *err)
{
    documents *self;
    TSRI_TRY(documents_new(store, path, &self, err));
    int status = read_documents(self, store, path, zarr_format, ret_meta, err);
    if (status == 0)
        note_version(self, *ret_meta, ret_version);
    documents_clear(self);
    return status;
}

int tsri_node_read(tsr_store *store, const char *path, int zarr_format, tsri_zarr_meta **ret_meta,
                   tsr_error *err)
{
    tsri_node_version version;
    return tsri_node_read_version(store, path, zarr_format, ret_meta, &version, err);
}

int tsri_node_kind(tsr_store *store, const char *path, int zarr_format, tsr_node_kind *ret_kind,
                   tsr_error *err)
{
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    tsr_error failure = TSR_ERROR_INIT;

    int status = tsri_node_read(store, path, zarr_format, &meta, &failure);
    if (status == TSR_NOT_FOUND) {
        *ret_kind = TSR_NODE_NONE;
        return 0;
    }
    if (status < 0) {
        if (err)
            *err = failure;
        return status;
    }
    *ret_kind = meta->is_group ? TSR_NODE_GROUP : TSR_NODE_ARRAY;
    return 0;
}

/* ---- writing ---- */

static int put_document(tsr_store *store, const char *path, const char *name,
                        const tsr_output *text, bool if_absent, tsr_error *err)
{
    tsr_auto(tsri_text) *key = tsri_path_join(path, name);
    if (!key)
        return tsri_error_no_memory(err, 0);
    tsr_segment segment = {text->data, 0, text->size_bytes};
    tsr_put_request request = {.key = key,
                               .segments = &segment,
                               .segment_count = 1,
                               .if_absent = if_absent,
                               .durability = TSR_DURABILITY_FLUSH,
                               .err = err};
    return tsr_store_put_many(store, &request, 1, NULL);
}

/* The attributes of a v2 node go first: a node is there when its own document is. */
static int put_node(tsr_store *store, const char *path, const tsri_zarr_meta *meta, tsr_error *err)
{
    tsr_output text = {.max_bytes = SIZE_MAX};
    int status = 0;

    if (meta->zarr_format == 2 && meta->attributes) {
        status = tsri_zarr_meta_write_attributes(meta, &text, err);
        if (status == 0)
            status = put_document(store, path, document_names[ZATTRS], &text, false, err);
        text.size_bytes = 0;
    }
    if (status == 0)
        status = tsri_zarr_meta_write(meta, &text, err);
    if (status == 0)
        status = put_document(store, path, tsri_zarr_meta_file_name(meta), &text, true, err);
    tsri_free(text.data);
    return status;
}

static int exists(tsr_store *store, const char *path, const char *what, tsr_error *err)
{
    tsr_error_set(err, TSR_EXISTS, "%s%s%s: %s", tsr_store_url(store), *path ? "/" : "", path,
                  what);
    tsr_error_set_next_step(err, "choose another place, or ask for it to be overwritten");
    return TSR_EXISTS;
}

static int create_group_if_absent(tsr_store *store, const char *path, int zarr_format,
                                  tsr_error *err)
{
    tsri_zarr_meta_options options = TSRI_ZARR_META_OPTIONS_INIT;
    tsr_auto(tsri_zarr_meta) *meta = NULL;
    tsr_node_kind kind;

    TSRI_TRY(tsri_node_kind(store, path, 0, &kind, err));
    if (kind == TSR_NODE_ARRAY)
        return exists(store, path, "an array; nothing can be created inside it", err);
    if (kind == TSR_NODE_GROUP)
        return 0;
    options.is_group = true;
    options.zarr_format = zarr_format;
    TSRI_TRY(tsri_zarr_meta_build(store->context, &options, &meta, err));
    int status = put_node(store, path, meta, err);
    if (status == TSR_CONFLICT) { /* somebody else has just created it */
        tsr_error_clear(err);
        return 0;
    }
    return status;
}

/* Every ancestor is an explicit group, the root first. */
int tsri_node_create_ancestors(tsr_store *store, const char *path, int zarr_format, tsr_error *err)
{
    tsr_auto(tsri_text) *prefix = tsri_strdup(path);
    if (!prefix)
        return tsri_error_no_memory(err, 0);
    if (!*path)
        return 0;
    TSRI_TRY(create_group_if_absent(store, "", zarr_format, err));
    for (char *slash = strchr(prefix, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        TSRI_TRY(create_group_if_absent(store, prefix, zarr_format, err));
        *slash = '/';
    }
    return 0;
}

static int note_any_key(void *user, const tsr_store_entry *entry)
{
    (void)entry;
    *(bool *)user = true;
    return 1;
}

/* Makes room: only for a place that holds a node, or nothing at all. */
static int erase_before_overwrite(tsr_store *store, const char *path, tsr_error *err)
{
    int status = tsri_node_erase(store, path, NULL, err);
    if (status != TSR_NOT_FOUND)
        return status;
    tsr_auto(tsri_text) *prefix = tsri_format("%s%s", path, *path ? "/" : "");
    bool occupied = false;
    if (!prefix)
        return tsri_error_no_memory(err, 0);
    tsr_error_clear(err);
    status = tsr_store_list(store, prefix, true, note_any_key, &occupied, NULL, err);
    if (status < 0)
        return status;
    return occupied ? exists(store, path,
                             "holds no Zarr node, but something else; it is not erased", err)
                    : 0;
}

int tsri_node_create(tsr_store *store, const char *path, const tsri_zarr_meta *meta,
                     tsr_create_mode mode, tsr_error *err)
{
    tsr_node_kind kind;

    TSRI_TRY(tsri_node_path_check(path, err));
    if (mode == TSR_CREATE_OVERWRITE) {
        TSRI_TRY(erase_before_overwrite(store, path, err));
    } else {
        TSRI_TRY(tsri_node_kind(store, path, 0, &kind, err));
        if (kind != TSR_NODE_NONE)
            return exists(store, path,
                          kind == TSR_NODE_ARRAY ? "an array exists" : "a group exists", err);
    }
    TSRI_TRY(tsri_node_create_ancestors(store, path, meta->zarr_format, err));
    int status = put_node(store, path, meta, err);
    if (status == TSR_CONFLICT)
        return exists(store, path, "created by someone else meanwhile", err);
    if (status < 0)
        return status;
    return tsr_store_flush(store, NULL, err);
}

int tsri_node_put(tsr_store *store, const char *path, const tsri_zarr_meta *meta, tsr_error *err)
{
    TSRI_TRY(put_node(store, path, meta, err));
    return tsr_store_flush(store, NULL, err);
}

int tsri_node_erase(tsr_store *store, const char *path, const tsr_call *call, tsr_error *err)
{
    tsr_auto(tsri_text) *prefix = tsri_format("%s%s", path, *path ? "/" : "");
    documents *self;
    bool any = false;

    if (!prefix)
        return tsri_error_no_memory(err, 0);
    TSRI_TRY(documents_new(store, path, &self, err));
    documents_get(self, store, ZARR_JSON, ZATTRS);
    int status = 0;
    for (document which = ZARR_JSON; which < ZATTRS && status == 0; which++) {
        bool found;
        status = document_found(self, which, &found, err);
        any |= found;
    }
    documents_clear(self);
    if (status == 0 && !any)
        return not_found(store, path, err);
    return status < 0 ? status : tsr_store_erase_prefix(store, prefix, call, err);
}
