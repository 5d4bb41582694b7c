/* Proves the format of reports, how texts are cut and escaped, and that the first statement wins.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

/* What tsr_error_report prints. The caller frees it. */
static char *reported(const tsr_error *err, int *ret_exit_status)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    *ret_exit_status = tsr_error_report(err, stream);
    fclose(stream);
    return text;
}

static void assert_report(const tsr_error *err, const char *expected, int expected_exit)
{
    int exit_status = -1;
    char *text = reported(err, &exit_status);
    assert_string_equal(text, expected);
    assert_int_equal(exit_status, expected_exit);
    free(text);
}

static void report_has_what_where_next(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_error_set(&err, TSR_DAMAGED, "checksum mismatch (stored %08x, computed %08x)", 0x8a11c2f0u,
                  0x51be09d3u);
    tsr_error_set_where(&err, "bytes %d..%d of %s", 401928, 433105, "relief.zarr/ROSE/c/0/1");
    tsr_error_prepend(&err, "inner chunk [%d, %d] in shard %s", 3, 7, "c/0/1");
    tsr_error_prepend(&err, "relief.zarr/ROSE");
    tsr_error_set_next_step(&err,
                            "`tessera check relief.zarr/ROSE --data` lists all damaged chunks; "
                            "`--repair` salvages the others");
    assert_report(
        &err,
        "tessera: relief.zarr/ROSE: inner chunk [3, 7] in shard c/0/1: checksum mismatch "
        "(stored 8a11c2f0, computed 51be09d3)\n"
        "  bytes 401928..433105 of relief.zarr/ROSE/c/0/1\n"
        "  next: `tessera check relief.zarr/ROSE --data` lists all damaged chunks; `--repair` "
        "salvages the others\n",
        4);
}

static void report_leaves_out_what_is_not_known(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    assert_report(&err, "", 0);
    tsr_error_set(&err, TSR_NOT_FOUND, "no array");
    assert_report(&err, "tessera: no array\n", 3);
    tsr_error_set(&err, TSR_CANCELLED, "%s", "");
    assert_report(&err, "tessera: interrupted\n", 130);
    tsr_error_clear(&err);
    assert_report(&err, "", 0);
}

static void report_shows_hostile_text_harmlessly(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_error_set(&err, TSR_NOT_FOUND, "key %s",
                  "a\nb\r\t\x1b[31m\x7f\xff\xc2\x9b|\xe2\x80\xae|\xc3\xa9");
    tsr_error_set_where(&err, "%s", "x\ntessera: forged");
    assert_report(&err,
                  "tessera: key a\\nb\\r\\t\\x1b[31m\\x7f\\xff\\u009b|\\u202e|\xc3\xa9\n"
                  "  x\\ntessera: forged\n",
                  3);
}

static void setting_starts_anew(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_error_set(&err, TSR_IO, "first");
    tsr_error_set_where(&err, "where");
    tsr_error_set_next_step(&err, "next");
    assert_int_equal(tsr_error_set(&err, TSR_EXISTS, "second"), TSR_EXISTS);
    assert_int_equal(err.status, TSR_EXISTS);
    assert_string_equal(err.message, "second");
    assert_string_equal(err.where, "");
    assert_string_equal(err.next_step, "");
}

static void innermost_where_and_next_step_are_kept(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_error_set(&err, TSR_IO, "m");
    tsr_error_set_where(&err, "inner");
    tsr_error_set_where(&err, "outer");
    tsr_error_set_next_step(&err, "one");
    tsr_error_set_next_step(&err, "two");
    assert_string_equal(err.where, "inner");
    assert_string_equal(err.next_step, "one");
}

static void arguments_may_be_texts_of_the_same_error(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    tsr_error_set(&err, TSR_IO, "disk");
    tsr_error_set(&err, TSR_DAMAGED, "<%s>", err.message);
    assert_string_equal(err.message, "<disk>");
    tsr_error_prepend(&err, "again %s", err.message);
    assert_string_equal(err.message, "again <disk>: <disk>");
}

static void null_errors_are_allowed(void **state)
{
    (void)state;
    assert_int_equal(tsr_error_set(NULL, TSR_LIMIT, "x"), TSR_LIMIT);
    assert_int_equal(tsr_error_prepend(NULL, "x"), TSR_INTERNAL);
    tsr_error_set_where(NULL, "x");
    tsr_error_set_next_step(NULL, "x");
    tsr_error_clear(NULL);
    assert_int_equal(tsr_error_report(NULL, stderr), 0);
}

static void prepending_to_nothing_is_a_failure(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tsr_error_prepend(&err, "chunk %d", 4), TSR_INTERNAL);
    assert_int_equal(err.status, TSR_INTERNAL);
    assert_string_equal(err.message, "chunk 4");
}

/* Messages of every length around the limit, ending in one to four byte characters: never more than
 * fits, always whole characters, and "..." exactly when something is missing. */
static void long_texts_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8d"};
    for (size_t kind = 0; kind < TSRI_COUNT(characters); kind++) {
        size_t width = strlen(characters[kind]);
        for (size_t prefix = 0; prefix < 8; prefix++) {
            char text[TSR_ERROR_MESSAGE_MAX + 64];
            for (size_t total = TSR_ERROR_MESSAGE_MAX - 12; total < TSR_ERROR_MESSAGE_MAX + 12;
                 total++) {
                size_t size = 0;
                while (size < prefix)
                    text[size++] = 'p';
                for (; size + width <= total; size += width)
                    memcpy(text + size, characters[kind], width);
                text[size] = 0;
                tsr_error err = TSR_ERROR_INIT;
                tsr_error_set(&err, TSR_IO, "%s", text);
                if (size < TSR_ERROR_MESSAGE_MAX) {
                    assert_string_equal(err.message, text);
                    continue;
                }
                size_t length = strlen(err.message);
                assert_in_range(length, TSR_ERROR_MESSAGE_MAX - 4, TSR_ERROR_MESSAGE_MAX - 1);
                assert_string_equal(err.message + length - 3, "...");
                assert_memory_equal(err.message, text, length - 3);
                assert_int_equal((length - 3 - prefix) % width, 0);
            }
        }
    }
}

static void prepended_text_is_cut_too(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    char text[TSR_ERROR_MESSAGE_MAX];
    memset(text, 'm', sizeof text - 1);
    text[sizeof text - 1] = 0;
    tsr_error_set(&err, TSR_IO, "%s", text);
    tsr_error_prepend(&err, "front");
    assert_memory_equal(err.message, "front: mmm", 10);
    assert_int_equal(strlen(err.message), TSR_ERROR_MESSAGE_MAX - 1);
    assert_string_equal(err.message + TSR_ERROR_MESSAGE_MAX - 5, "m...");
    tsr_error_set_where(&err, "%s", text);
    assert_int_equal(strlen(err.where), TSR_ERROR_DETAIL_MAX - 1);
}

static void status_table_answers_for_every_front_end(void **state)
{
    (void)state;
    assert_string_equal(tsr_status_name(TSR_OK), "OK");
    assert_string_equal(tsr_status_name(TSR_NOT_FOUND), "NOT_FOUND");
    assert_string_equal(tsr_status_text(TSR_NO_SPACE), "no space left");
    assert_int_equal(tsr_status_http(TSR_CONFLICT), 412);
    assert_int_equal(tsr_status_exit(TSR_OK), 0);
    assert_int_equal(tsr_status_exit(TSR_PARTIAL), 5);
    assert_string_equal(tsr_status_python(TSR_OUT_OF_BOUNDS), "IndexError");
    assert_string_equal(tsr_status_name(-9999), "UNKNOWN");
    assert_int_equal(tsr_status_exit(-9999), 8);
    assert_int_equal(tsr_status_http(77), 500);
}

static void errno_becomes_status_and_advice(void **state)
{
    (void)state;
    static const struct {
        int error_number, status;
    } rows[] = {{ENOENT, TSR_NOT_FOUND},  {EACCES, TSR_PERMISSION},
                {EROFS, TSR_READ_ONLY},   {ENOSPC, TSR_NO_SPACE},
                {EDQUOT, TSR_NO_SPACE},   {EEXIST, TSR_EXISTS},
                {EMFILE, TSR_IO},         {EIO, TSR_IO},
                {ENOMEM, TSR_NO_MEMORY},  {EISDIR, TSR_IO},
                {ENOTDIR, TSR_NOT_FOUND}, {12345, TSR_IO}};
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(tsri_error_errno(&err, rows[i].error_number, "open", "/a/b"),
                         rows[i].status);
        assert_int_equal(err.status, rows[i].status);
        assert_memory_equal(err.message, "open /a/b: ", 11);
        assert_true(strlen(err.message) > 11);
    }
    tsr_error err = TSR_ERROR_INIT;
    tsri_error_errno(&err, EMFILE, "open", "/a/b");
    assert_string_equal(err.next_step, "raise the number of open files: `ulimit -n`");
}

static int fails_below(int status, tsr_error *err)
{
    return status < 0 ? tsr_error_set(err, status, "below") : status;
}

static int tries(int status, tsr_error *err)
{
    TSRI_TRY(fails_below(status, err));
    TSRI_TRY_IN(err, fails_below(status - 1, err), "part %d", 2);
    return 7;
}

static void try_passes_failures_on(void **state)
{
    (void)state;
    tsr_error err = TSR_ERROR_INIT;
    assert_int_equal(tries(1, &err), 7);
    assert_int_equal(err.status, 0);
    assert_int_equal(tries(-5, &err), -5);
    assert_string_equal(err.message, "below");
    assert_int_equal(tries(0, &err), -1);
    assert_string_equal(err.message, "part 2: below");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(report_has_what_where_next),
        cmocka_unit_test(report_leaves_out_what_is_not_known),
        cmocka_unit_test(report_shows_hostile_text_harmlessly),
        cmocka_unit_test(setting_starts_anew),
        cmocka_unit_test(innermost_where_and_next_step_are_kept),
        cmocka_unit_test(arguments_may_be_texts_of_the_same_error),
        cmocka_unit_test(null_errors_are_allowed),
        cmocka_unit_test(prepending_to_nothing_is_a_failure),
        cmocka_unit_test(long_texts_are_cut_between_characters),
        cmocka_unit_test(prepended_text_is_cut_too),
        cmocka_unit_test(status_table_answers_for_every_front_end),
        cmocka_unit_test(errno_becomes_status_and_advice),
        cmocka_unit_test(try_passes_failures_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
