/* SHA-256, and sums of hashes that do not depend on their order.
 *
 * Sources: FIPS 180-4; MGF1 of RFC 8017, B.2.1; LtHash16 with 1,024 words (Lewi, Kim, Maykov, Weis,
 * "Securing Update Propagation with Homomorphic Hashing", 2019), whose security rests on the length
 * of the sum: a short sum of hashes could be forged.
 *
 * Thread: CONFINED. None of these fails or allocates. */
#ifndef TESSERA_ARRAY_DIGEST_H
#define TESSERA_ARRAY_DIGEST_H

#include <tessera/hash.h>

#include "base/base.h"
#include "tessera/build_config.h"

#if TESSERA_HAVE_HASH
#include <nettle/sha2.h>
typedef struct sha256_ctx tsri_digest;
#else
typedef struct tsri_digest {
    char unused;
} tsri_digest;
#endif

/* Whether this build can hash. Errors: UNSUPPORTED. */
int tsri_digest_check(tsr_error *err);

/* Starts with a text that says what is hashed, its final 0 included, so that no two kinds of things
 * have the same hash. */
void tsri_digest_init(tsri_digest *digest, const char *kind);
void tsri_digest_add(tsri_digest *digest, const void *bytes, size_t size_bytes);
/* Numbers as 8 bytes, little-endian. */
void tsri_digest_add_numbers(tsri_digest *digest, const int64_t *numbers, size_t count);
void tsri_digest_end(tsri_digest *digest, tsr_hash *ret_hash);

/* A sum of hashes. */
#define TSRI_HASH_SUM_WORDS 1024
typedef struct tsri_hash_sum {
    uint16_t words[TSRI_HASH_SUM_WORDS];
} tsri_hash_sum;

/* What a hash adds to a sum: its 2,048 bytes by MGF1, as little-endian words. */
void tsri_hash_sum_of(const tsr_hash *hash, tsri_hash_sum *ret_sum);
void tsri_hash_sum_add(tsri_hash_sum *sum, const tsri_hash_sum *other);
void tsri_digest_add_sum(tsri_digest *digest, const tsri_hash_sum *sum);

#endif
