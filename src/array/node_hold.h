/* Changing a node so that two who change it at once both win: what is there is read while nobody
 * else may change it, and is replaced on the condition that it is still that.
 *
 * A hold excludes others in this process by a claim, in others by the store's lock of the node's
 * own document (zarr.json, .zarray, .zgroup), where the store has one; and where it has none, by
 * the condition of the put, which then gives CONFLICT. Both documents of a v2 node are under the
 * hold of the one.
 *
 * Thread: CONFINED. */
#ifndef TESSERA_ARRAY_NODE_HOLD_H
#define TESSERA_ARRAY_NODE_HOLD_H

#include "array/claim.h"
#include "array/node.h"

typedef struct tsri_node_hold {
    tsr_store *store; /* borrowed */
    const char *path; /* borrowed */
    char *key;        /* of the node's own document */
    tsri_claim claim;
    bool is_claimed;
    tsr_lock *lock;
    tsri_zarr_meta *meta; /* as it is in the store */
    tsri_node_version version;
} tsri_node_hold;

/* Takes hold of a node that is known to be of this kind, waiting for others as long as `call` lets
 * it, and reads it. Owner: the caller gives it back. Errors: NOT_FOUND, CONFLICT (it is of another
 * kind now), CANCELLED, DEADLINE, those of the store and of parsing. */
int tsri_node_hold_take(tsri_node_hold *hold, tsr_store *store, const char *path, int zarr_format,
                        bool is_group, const tsr_call *call, tsr_error *err);

/* Only reads the node, excluding nobody, for callers that will put nothing. Owner and errors as of
 * tsri_node_hold_take. */
int tsri_node_hold_look(tsri_node_hold *hold, tsr_store *store, const char *path, int zarr_format,
                        bool is_group, tsr_error *err);

/* Puts the node's own document, or a v2 node's attributes, in the place of what was read. The first
 * put of the own document uses the lock up. With whatever durability no power cut leaves a part of
 * a document. Errors: CONFLICT, and those of the store. */
int tsri_node_hold_put_document(tsri_node_hold *hold, const tsri_zarr_meta *meta,
                                tsr_durability durability, tsr_error *err);
int tsri_node_hold_put_attributes(tsri_node_hold *hold, const tsri_zarr_meta *meta, tsr_error *err);

/* Gives the hold back; one that was never taken is left alone when it is zeroed. */
void tsri_node_hold_give(tsri_node_hold *hold);
static inline void tsri_node_hold_cleanup(tsri_node_hold *hold)
{
    tsri_node_hold_give(hold);
}

/* What becomes of a node's attributes: all replaced by `json`, or only the members that `json` has,
 * and those removed that `removed` names (ended by NULL; NULL: none). */
typedef struct tsri_attribute_change {
    bool replaces_all;
    const char *json; /* an object; NULL: none */
    const char *const *removed;
} tsri_attribute_change;

/* Changes the attributes of a node, again and again as long as others win. *ret_json: all of them,
 * as they are now. Owner: the caller (tsri_free). Errors: those of holds, INVALID_ARGUMENT. */
int tsri_node_change_attributes(tsr_store *store, const char *path, int zarr_format, bool is_group,
                                const tsri_attribute_change *change, char **ret_json,
                                tsr_error *err);

#endif
