/* Hashes of groups: those of their members, in byte order of the names. */
#include "array/digest.h"
#include "array/hash.h"
#include "array/hash_metadata.h"
#include "array/node.h"
#include "array/tree.h"
#include "base/output.h"

enum { DEPTH_MAX = 64 };

static int hash_group(tsr_group *group, const char *path, int depth, const tsri_hashing *hashing,
                      tsr_hash *ret_hash, tsr_error *err);

static int hash_member(tsr_group *group, const char *path, const tsri_child *child, int depth,
                       const tsri_hashing *hashing, tsr_hash *ret_hash, tsr_error *err)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(tsr_group) *inner = NULL;
    tsr_auto(tsri_text) *child_path = tsri_path_join(path, child->name);

    if (!child_path)
        return tsri_error_no_memory(err, strlen(child->name));
    if (child->error) {
        if (err)
            *err = *child->error;
        return tsr_error_prepend(err, "%s/%s", tsr_group_place(group), child->name);
    }
    if (child->kind == TSR_NODE_ARRAY) {
        TSRI_TRY(tsr_group_open_array(group, child->name, &array, err));
        return tsri_hash_array(array, child_path, hashing, ret_hash, err);
    }
    if (depth == DEPTH_MAX)
        return tsr_error_set(err, TSR_LIMIT, "%s: groups are nested more than %d deep",
                             tsr_group_place(group), DEPTH_MAX);
    TSRI_TRY(tsr_group_open_group(group, child->name, &inner, err));
    return hash_group(inner, child_path, depth + 1, hashing, ret_hash, err);
}

static int hash_metadata(tsr_group *group, bool stored, tsr_hash *ret_hash, tsr_error *err)
{
    tsr_auto(tsri_output) text = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsri_digest digest;

    TSRI_TRY(tsri_hash_metadata_group(group, stored, &text, err));
    tsri_digest_init(&digest, stored ? "tessera.hash1.stored.metadata" : "tessera.hash1.metadata");
    tsri_digest_add(&digest, text.data, text.size_bytes);
    tsri_digest_end(&digest, ret_hash);
    return 0;
}

static int hash_group(tsr_group *group, const char *path, int depth, const tsri_hashing *hashing,
                      tsr_hash *ret_hash, tsr_error *err)
{
    tsr_auto(tsri_children) list = {0};
    const tsr_hash_options *options = hashing->options;
    tsr_hash_node node = {.path = path, .kind = TSR_NODE_GROUP};
    tsri_digest digest;

    TSRI_TRY(tsri_children_read(group, &list, err));
    TSRI_TRY(hash_metadata(group, options->stored, &node.metadata, err));
    tsri_digest_init(&digest,
                     options->stored ? "tessera.hash1.stored.group" : "tessera.hash1.group");
    tsri_digest_add(&digest, node.metadata.bytes, sizeof node.metadata.bytes);
    for (size_t i = 0; i < list.count; i++) {
        tsr_hash hash;
        int status = hash_member(group, path, &list.items[i], depth, hashing, &hash, err);
        if (status != 0)
            return status;
        tsri_digest_add(&digest, list.items[i].name, strlen(list.items[i].name) + 1);
        tsri_digest_add(&digest, hash.bytes, sizeof hash.bytes);
    }
    tsri_digest_end(&digest, &node.hash);
    *ret_hash = node.hash;
    return options->each_node ? options->each_node(options->user, &node) : 0;
}

int tsr_group_hash(tsr_group *group, const tsr_hash_options *options, const tsr_call *call,
                   tsr_hash *ret_hash, tsr_error *err)
{
    tsri_hashing hashing;

    TSRI_TRY(tsri_hashing_init(&hashing, tsri_group_context(group), options, call, err));
    if (hashing.options->chunk_shape)
        return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                             "one shape of boxes for all the arrays of a group");
    int status = hash_group(group, "", 0, &hashing, ret_hash, err);
    return status != 0 ? status : tsri_group_wait(hashing.group, err);
}
