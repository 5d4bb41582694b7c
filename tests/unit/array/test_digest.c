/* Proves SHA-256 and the sums of hashes against values that Python's hashlib gave, and that sums do
 * not depend on the order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "array/digest.h"

static void assert_hash(const tsr_hash *hash, const char *expected)
{
    char text[TSR_HASH_TEXT_MAX];
    assert_string_equal(tsr_hash_text(hash, text), expected);
}

static void begins_with_its_kind_and_takes_numbers_as_little_endian(void **state)
{
    const int64_t numbers[] = {1, -2};
    tsri_digest digest;
    tsr_hash hash;

    (void)state;
    tsri_digest_init(&digest, "kind");
    tsri_digest_add(&digest, "ab", 2);
    tsri_digest_add(&digest, "c", 1);
    tsri_digest_add_numbers(&digest, numbers, 2);
    tsri_digest_end(&digest, &hash);
    assert_hash(&hash, "518d513acf6f541729b06a49dc82a2c94f3b9e64c31e109ebdb4df6252395cc3");
}

static void sums_are_of_mgf1_words_modulo_65536(void **state)
{
    tsri_hash_sum sum = {{0}}, one;
    tsri_digest digest;
    tsr_hash hash;

    (void)state;
    for (int i = 0; i < TSR_HASH_BYTES; i++)
        hash.bytes[i] = (unsigned char)i;
    tsri_hash_sum_of(&hash, &one);
    assert_int_equal(one.words[0], 0xf470);
    assert_int_equal(one.words[17], 0xa95);
    assert_int_equal(one.words[1023], 0x8b57);
    for (int i = 0; i < 3; i++)
        tsri_hash_sum_add(&sum, &one);
    tsri_digest_init(&digest, "sum");
    tsri_digest_add_sum(&digest, &sum);
    tsri_digest_end(&digest, &hash);
    assert_hash(&hash, "98073533bc6e54290049e992ccc048636c6a181a25a4203c30859c64ac1d57e6");
}

static void sums_do_not_depend_on_the_order(void **state)
{
    tsri_hash_sum forth = {{0}}, back = {{0}}, one;

    (void)state;
    for (int i = 0; i < 9; i++) {
        const tsr_hash a = {{(unsigned char)i}}, b = {{(unsigned char)(8 - i)}};
        tsri_hash_sum_of(&a, &one);
        tsri_hash_sum_add(&forth, &one);
        tsri_hash_sum_of(&b, &one);
        tsri_hash_sum_add(&back, &one);
    }
    assert_memory_equal(&forth, &back, sizeof forth);
    tsri_hash_sum_add(&back, &one);
    assert_memory_not_equal(&forth, &back, sizeof forth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_its_kind_and_takes_numbers_as_little_endian),
        cmocka_unit_test(sums_are_of_mgf1_words_modulo_65536),
        cmocka_unit_test(sums_do_not_depend_on_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
