/* Directories of archives: what is found in them, and what nobody should have put there. */
#include "npz_testing.h"

#include "source/npz_directory.h"

typedef struct archive {
    fixture f;
    zip_writer writer;
    tsri_input input;
    tsri_npz_directory directory;
} archive;

static archive *archive_new(void)
{
    archive *self = calloc(1, sizeof *self);
    fixture_open(&self->f, "a.npz");
    return self;
}

static int archive_read(archive *self)
{
    tsr_error_clear(&self->f.err);
    assert_int_equal(tsri_input_open(self->f.context, self->f.path, &self->input, &self->f.err), 0);
    int status = tsri_npz_directory_read(&self->input, &self->directory, &self->f.err);
    tsri_input_close(&self->input);
    return status;
}

static void archive_free(archive *self)
{
    tsri_npz_directory_clear(&self->directory);
    fixture_close(&self->f);
    free(self);
}

static void add(archive *self, const char *name, unsigned method)
{
    zip_add(&self->writer,
            &(zip_entry){.name = name, .bytes = "some bytes", .size_bytes = 10, .method = method});
}

static void test_members(void **state)
{
    archive *a = archive_new();

    (void)state;
    add(a, "z.npy", 0);
    add(a, "group/inner.npy", 8);
    add(a, "README.txt", 0);
    add(a, "a.npy", 8);
    add(a, "folder/", 0);
    zip_finish(&a->writer, &a->f);
    assert_int_equal(archive_read(a), 0);
    const tsri_npz_member *members = a->directory.members;
    assert_int_equal(a->directory.count, 3);
    assert_int_equal(a->directory.odd_count, 0);
    assert_string_equal(members[0].path, "a");
    assert_string_equal(members[1].path, "group/inner");
    assert_string_equal(members[2].path, "z");
    /* The first member of the file: 30 bytes of header and 5 of name lie before it. */
    assert_int_equal(members[2].extent.offset, 35);
    assert_int_equal(members[2].extent.encoded_bytes, 10);
    assert_int_equal(members[2].method, 0);
    assert_int_equal(members[0].method, 8);
    assert_int_equal(members[0].extent.decoded_bytes, 10);
    assert_int_equal(members[0].extent.crc32, crc32(0, (const unsigned char *)"some bytes", 10));
    assert_int_equal(members[0].extent.offset - members[1].extent.offset,
                     members[1].extent.encoded_bytes + 30 + 10 + 10 + 30 + 5);
    assert_true(tsri_npz_directory_is_group(&a->directory, ""));
    assert_true(tsri_npz_directory_is_group(&a->directory, "group"));
    assert_false(tsri_npz_directory_is_group(&a->directory, "gro"));
    assert_false(tsri_npz_directory_is_group(&a->directory, "folder"));
    assert_false(tsri_npz_directory_is_group(&a->directory, "a"));
    assert_ptr_equal(tsri_npz_directory_member(&a->directory, "group/inner"), &members[1]);
    assert_null(tsri_npz_directory_member(&a->directory, "group"));
    assert_null(tsri_npz_directory_member(&a->directory, "README.txt"));
    archive_free(a);
}

/* "a!" and "a." lie between "a" and "a/" in order of bytes, or before it. */
static void test_groups_among_names_alike(void **state)
{
    archive *a = archive_new();

    (void)state;
    add(a, "a!.npy", 0);
    add(a, "a-b.npy", 0);
    add(a, "a/x.npy", 0);
    add(a, "a0.npy", 0);
    zip_finish(&a->writer, &a->f);
    assert_int_equal(archive_read(a), 0);
    assert_true(tsri_npz_directory_is_group(&a->directory, "a"));
    assert_false(tsri_npz_directory_is_group(&a->directory, "a-"));
    assert_false(tsri_npz_directory_is_group(&a->directory, "a!"));
    archive_free(a);
}

static void expect_refused(const archive *a, const char *path, int status, const char *words)
{
    tsr_error err = TSR_ERROR_INIT;
    const tsri_npz_member *member = tsri_npz_directory_member(&a->directory, path);
    assert_non_null(member);
    if (tsri_npz_member_refuse(member, &err) != status || !strstr(err.message, words))
        fail_msg("%s: %s", path, err.message);
}

static void test_refused(void **state)
{
    static const char *const odd[] = {".npy",     "/etc/x.npy", "../x.npy", "a/../../x.npy",
                                      "a//b.npy", "./x.npy",    "a/.npy",   "a/./b.npy",
                                      "..npy",    "...npy"};
    archive *a = archive_new();

    (void)state;
    add(a, "twice.npy", 0);
    add(a, "twice.npy", 8);
    add(a, "both.npy", 0);
    add(a, "both/x.npy", 0);
    add(a, "bzip2.npy", 12);
    zip_add(&a->writer,
            &(zip_entry){.name = "secret.npy", .bytes = "x", .size_bytes = 1, .flags = 1});
    zip_add(&a->writer,
            &(zip_entry){.name = "long.npy", .bytes = "x", .size_bytes = 1, .claimed_bytes = 9});
    zip_add(&a->writer, &(zip_entry){.name = "nothing.npy", .bytes = ""});
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        add(a, odd[i], 0);
    zip_finish(&a->writer, &a->f);
    assert_int_equal(archive_read(a), 0);
    expect_refused(a, "twice", TSR_DAMAGED, "several members");
    expect_refused(a, "both", TSR_DAMAGED, "both an array and a group");
    expect_refused(a, "bzip2", TSR_UNSUPPORTED, "method 12");
    expect_refused(a, "secret", TSR_UNSUPPORTED, "encrypted");
    expect_refused(a, "long", TSR_DAMAGED, "1 bytes instead of 9");
    expect_refused(a, "nothing", TSR_DAMAGED, "without a byte");
    assert_int_equal(a->directory.count, 7);
    assert_int_equal(a->directory.odd_count, sizeof odd / sizeof *odd);
    assert_false(tsri_npz_directory_is_group(&a->directory, ".."));
    archive_free(a);
}

/* A local header that leads beyond the file spoils its member and no other. */
static void test_damaged_header(void **state)
{
    archive *a = archive_new();

    (void)state;
    add(a, "a.npy", 0);
    size_t second = a->writer.file_bytes;
    add(a, "b.npy", 0);
    a->writer.file[second + 27] = 0xff; /* of the length of the name */
    zip_finish(&a->writer, &a->f);
    assert_int_equal(archive_read(a), 0);
    assert_int_equal(tsri_npz_directory_member(&a->directory, "a")->refusal, TSRI_NPZ_READABLE);
    expect_refused(a, "b", TSR_DAMAGED, "header in front of it is damaged");
    archive_free(a);
}

/* Each shorter file is refused, whatever was cut off. */
static void test_cut_off(void **state)
{
    archive *a = archive_new();

    (void)state;
    add(a, "a.npy", 0);
    add(a, "b.npy", 8);
    zip_finish(&a->writer, &a->f);
    for (size_t cut = a->writer.file_bytes; cut-- > 0;) {
        fixture_cut(&a->f, cut);
        if (archive_read(a) != TSR_DAMAGED)
            fail_msg("%zu bytes: status %d", cut, a->f.err.status);
    }
    archive_free(a);
}

/* Every byte of the directory is changed in turn: it is refused or read, and never more. */
static void test_changed(void **state)
{
    archive *a = archive_new();

    (void)state;
    add(a, "a.npy", 0);
    add(a, "b/c.npy", 8);
    size_t start = a->writer.file_bytes;
    zip_finish(&a->writer, &a->f);
    for (size_t i = start; i < a->writer.file_bytes; i++) {
        for (unsigned change = 1; change < 256; change *= 8) {
            a->writer.file[i] ^= (unsigned char)change;
            temporary_file_write(a->f.path, a->writer.file, a->writer.file_bytes);
            int status = archive_read(a);
            assert_true(status == 0 || status == TSR_DAMAGED);
            assert_true(a->directory.count <= 2);
            tsri_npz_directory_clear(&a->directory);
            a->writer.file[i] ^= (unsigned char)change;
        }
    }
    archive_free(a);
}

static void test_limit(void **state)
{
    tsr_context_options options;
    tsr_context *context;
    archive *a = archive_new();

    (void)state;
    add(a, "a.npy", 0);
    zip_finish(&a->writer, &a->f);
    tsr_context_options_init(&options);
    options.largest_metadata_bytes = 40;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    tsr_context_free(a->f.context);
    a->f.context = context;
    assert_int_equal(archive_read(a), TSR_LIMIT);
    assert_non_null(strstr(a->f.err.message, "more than 40 bytes"));
    archive_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members), cmocka_unit_test(test_groups_among_names_alike),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_damaged_header),
        cmocka_unit_test(test_cut_off), cmocka_unit_test(test_changed),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
