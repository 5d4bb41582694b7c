/* Decoders: as many as threads need, gone back to the stock, alive in a forked child, and strict
 * about what a directory tells of. */
#include "tiff_testing.h"

#include <sys/wait.h>
#include <unistd.h>

#include "source/tiff_decoder.h"

typedef struct opened {
    fixture f;
    tsri_input input;
    tsri_tiff_layout layout;
    tsri_tiff_picture picture;
    uint64_t directories[2];
    tsri_tiff_decoders decoders;
} opened;

/* Two pictures of few bits, which libtiff has to decode: the second one is wider. */
static void opened_begin(opened *self)
{
    tiff_writer *writer = malloc(sizeof *writer);
    tsri_tiff_directory directory;
    uint64_t first;

    fixture_open(&self->f, "a.tif");
    tiff_begin(writer, false, false);
    uint64_t strip = tiff_data(writer, "\x1b\xe4", 2);
    tiff_picture(writer, 2, 4, 2, 1, strip, 2);
    self->directories[0] = tiff_directory(writer, true);
    tiff_picture(writer, 1, 8, 2, 1, strip, 2);
    self->directories[1] = tiff_directory(writer, true);
    tiff_finish(writer, &self->f);
    free(writer);
    assert_int_equal(tsri_input_open(self->f.context, self->f.path, &self->input, &self->f.err), 0);
    assert_int_equal(tsri_tiff_layout_read(&self->input, &self->layout, &first, &self->f.err), 0);
    assert_int_equal(tsri_tiff_directory_read(&self->layout, first, &directory, &self->f.err), 0);
    assert_int_equal(
        tsri_tiff_picture_read(&self->layout, &directory, &self->picture, &self->f.err), 0);
    tsri_tiff_directory_clear(&directory);
    tsri_tiff_decoders_init(&self->decoders, &self->input);
}

static void opened_end(opened *self)
{
    tsri_tiff_decoders_clear(&self->decoders);
    tsri_input_close(&self->input);
    fixture_close(&self->f);
}

static bool decodes(opened *self)
{
    static const unsigned char expected[8] = {0, 1, 2, 3, 3, 2, 1, 0};
    tsri_tiff_decoder *decoder;
    tsri_tiff_blocks blocks;
    const unsigned char *elements;

    bool good = tsri_tiff_decoders_take(&self->decoders, &decoder, &self->f.err) == 0 &&
                tsri_tiff_decoder_select(decoder, self->directories[0], &self->picture, &blocks,
                                         &self->f.err) == 0 &&
                blocks.height == 2 && blocks.width == 4 && blocks.plane_blocks == 1 &&
                !blocks.bare &&
                tsri_tiff_decoder_block(decoder, 0, 2, &elements, &self->f.err) == 0 &&
                memcmp(elements, expected, sizeof expected) == 0;
    tsri_tiff_decoders_give(&self->decoders, decoder);
    return good;
}

static void test_stock(void **state)
{
    tsri_tiff_decoder *first, *second, *again;
    opened o;

    (void)state;
    opened_begin(&o);
    assert_int_equal(tsri_tiff_decoders_take(&o.decoders, &first, &o.f.err), 0);
    assert_int_equal(tsri_tiff_decoders_take(&o.decoders, &second, &o.f.err), 0);
    assert_ptr_not_equal(first, second);
    tsri_tiff_decoders_give(&o.decoders, first);
    assert_int_equal(tsri_tiff_decoders_take(&o.decoders, &again, &o.f.err), 0);
    assert_ptr_equal(first, again);
    tsri_tiff_decoders_give(&o.decoders, again);
    tsri_tiff_decoders_give(&o.decoders, second);
    assert_true(decodes(&o));
    opened_end(&o);
}

static void test_other_picture(void **state)
{
    tsri_tiff_decoder *decoder;
    tsri_tiff_blocks blocks;
    opened o;

    (void)state;
    opened_begin(&o);
    assert_int_equal(tsri_tiff_decoders_take(&o.decoders, &decoder, &o.f.err), 0);
    assert_int_equal(
        tsri_tiff_decoder_select(decoder, o.directories[1], &o.picture, &blocks, &o.f.err),
        TSR_DAMAGED);
    assert_non_null(strstr(o.f.err.message, "another picture"));
    tsri_tiff_decoders_give(&o.decoders, decoder);
    assert_true(decodes(&o));
    opened_end(&o);
}

static void test_fork(void **state)
{
    opened o;
    int status;

    (void)state;
    opened_begin(&o);
    assert_true(decodes(&o));
    pid_t child = fork();
    if (child == 0)
        _exit(decodes(&o) ? 0 : 1);
    assert_true(decodes(&o));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    opened_end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stock),
        cmocka_unit_test(test_other_picture),
        cmocka_unit_test(test_fork),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
