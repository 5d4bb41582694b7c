/* What every chunk key encoding promises, as tests. An encoding is tested by a row that says how to
 * open it:
 *
 *     static key_case cases[] = {{.name = "tessera.hashed", .configuration = "{\"levels\":2}"}};
 *     const struct CMUnitTest tests[] = {KEY_SUITE_TESTS(&cases[0])};
 *
 * Keys are told apart and read back; no key is a folder of another; what is no key is refused;
 * describe and open again gives the same keys; what does not fit is refused; and an array with such
 * keys is written, listed, checked, made smaller and erased. */
#ifndef KEY_SUITE_H
#define KEY_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <tessera/sys/chunk_key.h>

typedef struct key_case {
    const tsr_chunk_key_ops *ops; /* registered first; NULL: the encoding is built in */
    const char *name;
    const char *configuration; /* NULL: {} */
} key_case;

/* The key of a chunk, by opening the encoding anew; fails the running test when that fails. */
void key_of(const key_case *row, int rank, const int64_t *index, char *ret_text, size_t capacity);

/* Opens and expects a failure with this status and with this text in its message. */
void key_expect_refusal(const key_case *row, int rank, int status, const char *text);

void key_suite_reads_keys_back(void **state);
void key_suite_tells_chunks_apart(void **state);
void key_suite_refuses_other_texts(void **state);
void key_suite_describes_itself(void **state);
void key_suite_keeps_to_its_room(void **state);
void key_suite_serves_an_array(void **state);

#define KEY_SUITE_TEST(row, function)                             \
    {                                                             \
#function, function, NULL, NULL, (void *)(uintptr_t)(row) \
    }
#define KEY_SUITE_TESTS(row)                                \
    KEY_SUITE_TEST(row, key_suite_reads_keys_back),         \
        KEY_SUITE_TEST(row, key_suite_tells_chunks_apart),  \
        KEY_SUITE_TEST(row, key_suite_refuses_other_texts), \
        KEY_SUITE_TEST(row, key_suite_describes_itself),    \
        KEY_SUITE_TEST(row, key_suite_keeps_to_its_room),   \
        KEY_SUITE_TEST(row, key_suite_serves_an_array)

#endif
