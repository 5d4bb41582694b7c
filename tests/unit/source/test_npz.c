/* Archives as trees: what is taken for one, which nodes it has, and how bad members are shown. */
#include "npz_testing.h"

#include "source/formats.h"

static void add(zip_writer *writer, const char *name, char value)
{
    unsigned char npy[256];
    uint32_t bytes = npy_bytes(npy, "|i1", "False", "(1,)", &value, 1);
    zip_add(writer, &(zip_entry){.name = name, .bytes = npy, .size_bytes = bytes, .method = 8});
}

static void test_tree(void **state)
{
    zip_writer *writer = calloc(1, sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    add(writer, "x.npy", 1);
    add(writer, "g/h/x.npy", 2);
    add(writer, "g/y.npy", 3);
    add(writer, "../x.npy", 4);
    add(writer, "note.txt", 5);
    add(writer, "two.npy", 6);
    add(writer, "two.npy", 7);
    add(writer, "g0.npy", 8);
    zip_finish(writer, &f);
    free(writer);
    fixture_expect_children(&f, "", "g/ g0 two! x ../x!");
    fixture_expect_children(&f, "g", "h/ y");
    fixture_expect_children(&f, "g/h", "x");
    fixture_expect_values(&f, "g/h/x", TSR_INT8, "\2", 1);
    fixture_expect_values(&f, "x", TSR_INT8, "\1", 1);
    fixture_expect_attributes(&f, "g/y", "{}");
    fixture_expect_refused(&f, "g", TSR_TYPE_MISMATCH, "a group, not an array");
    fixture_expect_refused(&f, "two", TSR_DAMAGED, "several members");
    fixture_expect_refused(&f, "../x", TSR_NOT_FOUND, "no member");
    fixture_expect_refused(&f, "note.txt", TSR_NOT_FOUND, "no member \"note.txt.npy\"");
    fixture_close(&f);
}

static void test_both_array_and_group(void **state)
{
    zip_writer *writer = calloc(1, sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    add(writer, "g.npy", 1);
    add(writer, "g/x.npy", 2);
    zip_finish(writer, &f);
    free(writer);
    fixture_expect_children(&f, "", "g!");
    fixture_expect_refused(&f, "g", TSR_DAMAGED, "both an array and a group");
    fixture_close(&f);
}

static void test_empty(void **state)
{
    zip_writer *writer = calloc(1, sizeof *writer);
    fixture f;

    (void)state;
    fixture_open(&f, "a.npz");
    zip_finish(writer, &f);
    free(writer);
    fixture_expect_children(&f, "", "");
    fixture_expect_refused(&f, "", TSR_TYPE_MISMATCH, "a group");
    fixture_close(&f);
}

/* Zip archives of other kinds are left to others. */
static void test_recognised(void **state)
{
    static const struct {
        const char *path, *member;
        bool wanted;
    } rows[] = {{"a.npz", "x.npy", true},
                {"a.npz", "x.txt", true},
                {"a", "x.npy", true},
                {"a.docx", "word/document.xml", false},
                {"a.zip", "npy", false}};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        zip_writer *writer = calloc(1, sizeof *writer);
        add(writer, rows[i].member, 1);
        bool found = tsri_npz_format.recognise(writer->file, writer->file_bytes, rows[i].path);
        if (found != rows[i].wanted)
            fail_msg("%s with %s", rows[i].path, rows[i].member);
        /* However little of the file there is. */
        for (size_t size_bytes = 0; size_bytes < 4; size_bytes++)
            assert_false(tsri_npz_format.recognise(writer->file, size_bytes, rows[i].path));
        for (size_t size_bytes = 4; size_bytes < 34; size_bytes++) {
            unsigned char *head = malloc(size_bytes);
            memcpy(head, writer->file, size_bytes);
            tsri_npz_format.recognise(head, size_bytes, "a");
            free(head);
        }
        free(writer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_both_array_and_group),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_recognised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
