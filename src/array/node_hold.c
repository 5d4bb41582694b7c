#include "array/node_hold.h"

#include "base/context.h"
#include "base/output.h"
#include "exec/pool.h"

/* Another writer may win this often in a row before a change gives up. */
#define ATTEMPTS_MAX 100

/* ---- taking and giving ---- */

/* Waits until nobody else in this process holds the node. */
static int take_claim(tsri_node_hold *hold, const tsr_call *call, tsr_error *err)
{
    const tsr_system *system = hold->store->context->system;
    tsri_task_group watch;
    bool busy = true;

    TSRI_TRY(tsri_group_init(&watch, hold->store->context, call, NULL, err));
    while (busy && !tsri_group_stopped(&watch)) {
        TSRI_TRY(tsri_claim_take(&hold->claim, hold->store, hold->key, &busy, err));
        if (busy)
            system->sleep_ns(system, TSRI_BUSY_PAUSE_NS);
    }
    hold->is_claimed = !busy;
    return tsri_group_wait(&watch, err);
}

static int read_node(tsri_node_hold *hold, int zarr_format, bool is_group, tsr_error *err)
{
    TSRI_TRY(tsri_node_read_version(hold->store, hold->path, zarr_format, &hold->meta,
                                    &hold->version, err));
    if (hold->meta->is_group == is_group)
        return 0;
    tsr_error_set(err, TSR_CONFLICT, "%s has become %s meanwhile", hold->path,
                  is_group ? "an array" : "a group");
    return TSR_CONFLICT;
}

static int take(tsri_node_hold *hold, int zarr_format, bool is_group, const tsr_call *call,
                tsr_error *err)
{
    const char *name = zarr_format == 3 ? "zarr.json" : is_group ? ".zgroup" : ".zarray";

    hold->key = tsri_path_join(hold->path, name);
    if (!hold->key)
        return tsri_error_no_memory(err, strlen(hold->path));
    TSRI_TRY(take_claim(hold, call, err));
    TSRI_TRY(tsr_store_lock(hold->store, hold->key, call, &hold->lock, err));
    return read_node(hold, zarr_format, is_group, err);
}

int tsri_node_hold_take(tsri_node_hold *hold, tsr_store *store, const char *path, int zarr_format,
                        bool is_group, const tsr_call *call, tsr_error *err)
{
    *hold = (tsri_node_hold){.store = store, .path = path};
    int status = take(hold, zarr_format, is_group, call, err);
    if (status < 0)
        tsri_node_hold_give(hold);
    return status;
}

int tsri_node_hold_look(tsri_node_hold *hold, tsr_store *store, const char *path, int zarr_format,
                        bool is_group, tsr_error *err)
{
    *hold = (tsri_node_hold){.store = store, .path = path};
    int status = read_node(hold, zarr_format, is_group, err);
    if (status < 0)
        tsri_node_hold_give(hold);
    return status;
}

void tsri_node_hold_give(tsri_node_hold *hold)
{
    if (hold->lock)
        tsr_store_unlock(hold->store, hold->lock);
    if (hold->is_claimed)
        tsri_claim_give(&hold->claim);
    tsri_zarr_meta_free(hold->meta);
    tsri_free(hold->key);
    *hold = (tsri_node_hold){0};
}

/* ---- putting ---- */

static int put(const tsri_node_hold *hold, const char *key, const tsr_output *text,
               const tsr_generation *before, tsr_lock *lock, tsr_durability durability,
               tsr_error *err)
{
    const tsr_segment segment = {text->data, 0, text->size_bytes};
    tsr_put_request request = {.key = key,
                               .segments = &segment,
                               .segment_count = 1,
                               .if_match = before,
                               .if_absent = before == NULL,
                               .lock = lock,
                               .durability = durability,
                               .err = err,
                               .bytes_first = true};
    TSRI_TRY(tsr_store_put_many(hold->store, &request, 1, NULL));
    return durability == TSR_DURABILITY_NONE ? 0 : tsr_store_flush(hold->store, NULL, err);
}

int tsri_node_hold_put_document(tsri_node_hold *hold, const tsri_zarr_meta *meta,
                                tsr_durability durability, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    TSRI_TRY(tsri_zarr_meta_write(meta, &text, err));
    return put(hold, hold->key, &text, &hold->version.document, hold->lock, durability, err);
}

int tsri_node_hold_put_attributes(tsri_node_hold *hold, const tsri_zarr_meta *meta, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    if (meta->zarr_format == 3)
        return tsri_node_hold_put_document(hold, meta, TSR_DURABILITY_FLUSH, err);
    tsr_auto(tsri_text) *key = tsri_path_join(hold->path, ".zattrs");
    if (!key)
        return tsri_error_no_memory(err, strlen(hold->path));
    TSRI_TRY(tsri_zarr_meta_write_attributes(meta, &text, err));
    return put(hold, key, &text, hold->version.has_attributes ? &hold->version.attributes : NULL,
               NULL, TSR_DURABILITY_FLUSH, err);
}

/* ---- attributes ---- */

static int text_of(const tsri_zarr_meta *meta, char **ret_json, tsr_error *err)
{
    if (meta->attributes)
        return tsr_json_text(meta->attributes, 0, ret_json, err);
    *ret_json = tsri_strdup("{}");
    return *ret_json ? 0 : tsri_error_no_memory(err, 3);
}

static int change_once(tsr_store *store, const char *path, int zarr_format, bool is_group,
                       const tsri_attribute_change *change, char **ret_json, tsr_error *err)
{
    tsr_auto(tsri_node_hold) hold = {0};
    tsr_auto(tsri_zarr_meta) *changed = NULL;
    tsr_auto(tsri_text) *json = NULL;

    TSRI_TRY(tsri_node_hold_take(&hold, store, path, zarr_format, is_group, NULL, err));
    TSRI_TRY(
        change->replaces_all
            ? tsri_zarr_meta_with_attributes(store->context, hold.meta, change->json, &changed, err)
            : tsri_zarr_meta_updating_attributes(store->context, hold.meta, change->json,
                                                 change->removed, &changed, err));
    TSRI_TRY(text_of(changed, &json, err));
    TSRI_TRY(tsri_node_hold_put_attributes(&hold, changed, err));
    *ret_json = TSRI_TAKE(json);
    return 0;
}

int tsri_node_change_attributes(tsr_store *store, const char *path, int zarr_format, bool is_group,
                                const tsri_attribute_change *change, char **ret_json,
                                tsr_error *err)
{
    for (int attempts = 1;; attempts++) {
        int status = change_once(store, path, zarr_format, is_group, change, ret_json, err);
        if (status != TSR_CONFLICT || attempts == ATTEMPTS_MAX)
            return status;
        tsr_error_clear(err);
    }
}
