#include "array/digest.h"

/* ---- SHA-256 ---- */

#if TESSERA_HAVE_HASH

int tsri_digest_check(tsr_error *err)
{
    (void)err;
    return 0;
}

static void start(tsri_digest *digest)
{
    sha256_init(digest);
}

void tsri_digest_add(tsri_digest *digest, const void *bytes, size_t size_bytes)
{
    sha256_update(digest, size_bytes, bytes);
}

void tsri_digest_end(tsri_digest *digest, tsr_hash *ret_hash)
{
    sha256_digest(digest, sizeof ret_hash->bytes, ret_hash->bytes);
}

#else

int tsri_digest_check(tsr_error *err)
{
    tsr_error_set(err, TSR_UNSUPPORTED, "this build has no hashes");
    tsr_error_set_next_step(err, "build it where nettle is installed (Debian: nettle-dev)");
    return TSR_UNSUPPORTED;
}

static void start(tsri_digest *digest)
{
    *digest = (tsri_digest){0};
}

void tsri_digest_add(tsri_digest *digest, const void *bytes, size_t size_bytes)
{
    (void)digest;
    (void)bytes;
    (void)size_bytes;
}

void tsri_digest_end(tsri_digest *digest, tsr_hash *ret_hash)
{
    (void)digest;
    *ret_hash = (tsr_hash){0};
}

#endif

void tsri_digest_init(tsri_digest *digest, const char *kind)
{
    start(digest);
    tsri_digest_add(digest, kind, strlen(kind) + 1);
}

void tsri_digest_add_numbers(tsri_digest *digest, const int64_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[8];
        for (int byte = 0; byte < 8; byte++)
            bytes[byte] = (unsigned char)((uint64_t)numbers[i] >> 8 * byte);
        tsri_digest_add(digest, bytes, sizeof bytes);
    }
}

/* ---- sums ---- */

void tsri_hash_sum_of(const tsr_hash *hash, tsri_hash_sum *ret_sum)
{
    enum { WORDS_AT_ONCE = TSR_HASH_BYTES / 2 };

    for (uint32_t counter = 0; counter < TSRI_HASH_SUM_WORDS / WORDS_AT_ONCE; counter++) {
        const unsigned char suffix[4] = {(unsigned char)(counter >> 24),
                                         (unsigned char)(counter >> 16),
                                         (unsigned char)(counter >> 8), (unsigned char)counter};
        uint16_t *words = &ret_sum->words[counter * WORDS_AT_ONCE];
        tsri_digest digest;
        tsr_hash part;

        start(&digest);
        tsri_digest_add(&digest, hash->bytes, sizeof hash->bytes);
        tsri_digest_add(&digest, suffix, sizeof suffix);
        tsri_digest_end(&digest, &part);
        for (int i = 0; i < WORDS_AT_ONCE; i++)
            words[i] = (uint16_t)(part.bytes[2 * i] | part.bytes[2 * i + 1] << 8);
    }
}

void tsri_hash_sum_add(tsri_hash_sum *sum, const tsri_hash_sum *other)
{
    for (int i = 0; i < TSRI_HASH_SUM_WORDS; i++)
        sum->words[i] = (uint16_t)(sum->words[i] + other->words[i]);
}

void tsri_digest_add_sum(tsri_digest *digest, const tsri_hash_sum *sum)
{
    unsigned char bytes[2 * TSRI_HASH_SUM_WORDS];

    for (int i = 0; i < TSRI_HASH_SUM_WORDS; i++) {
        bytes[2 * i] = (unsigned char)sum->words[i];
        bytes[2 * i + 1] = (unsigned char)(sum->words[i] >> 8);
    }
    tsri_digest_add(digest, bytes, sizeof bytes);
}

const char *tsr_hash_text(const tsr_hash *hash, char text[TSR_HASH_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < TSR_HASH_BYTES; i++) {
        text[2 * i] = digits[hash->bytes[i] >> 4];
        text[2 * i + 1] = digits[hash->bytes[i] & 15];
    }
    text[2 * TSR_HASH_BYTES] = 0;
    return text;
}
