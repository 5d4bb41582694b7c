/* In which order the inner chunks lie in a shard that is written. Recorded nowhere: the index says
 * where each one lies. */
#ifndef TESSERA_ARRAY_SHARD_ORDER_H
#define TESSERA_ARRAY_SHARD_ORDER_H

#include <tessera/array.h>

#include "base/base.h"
#include "codec/chain.h"

/* The numbers of the inner chunks of a shard, first to last; NULL for the order of the numbers
 * themselves. Owner: the caller (tsri_free). Errors: INVALID_ARGUMENT (the caller's function names
 * one twice or one that there is not), NO_MEMORY. */
int tsri_shard_order_new(const tsr_write_options *options, const tsri_prepared *prepared,
                         int64_t **ret_numbers, tsr_error *err);

#endif
