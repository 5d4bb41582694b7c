/* Proves that structs are packed, compared by names and types, freed with all they hold; that their
 * elements go through JSON objects and base64; that byte order swaps each number and nothing else;
 * and that a field is a view. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tensor/copy.h"

/* {id: int32, point: {x: float32, y: float32}, name: U2, grid: uint16(2,2)} */
static const tsr_dtype *make_record(void)
{
    const tsr_field point_fields[] = {{.name = "x", .dtype = TSR_FLOAT32},
                                      {.name = "y", .dtype = TSR_FLOAT32}};
    const tsr_dtype *point, *name, *record;
    assert_int_equal(tsr_dtype_struct(point_fields, 2, &point, NULL), 0);
    assert_int_equal(tsr_dtype_fixed_text(TSR_KIND_TEXT, 2, &name, NULL), 0);
    const tsr_field fields[] = {{.name = "id", .dtype = TSR_INT32},
                                {.name = "point", .dtype = point},
                                {.name = "full name", .dtype = name},
                                {.name = "grid", .dtype = TSR_UINT16, .rank = 2, .shape = {2, 2}},
                                {.name = "flag", .dtype = TSR_BOOL}};
    assert_int_equal(tsr_dtype_struct(fields, 5, &record, NULL), 0);
    tsr_dtype_unref(point);
    tsr_dtype_unref(name);
    return record;
}

static void test_layout(void **state)
{
    const tsr_dtype *record = make_record(), *again = make_record();
    (void)state;
    assert_int_equal(record->kind, TSR_KIND_STRUCT);
    assert_int_equal(record->size_bytes, 4 + 8 + 8 + 8 + 1);
    assert_int_equal(record->component_bytes, 4);
    assert_int_equal(record->alignment, 1);
    assert_string_equal(record->name, "struct{id:int32,point:struct{x:float32,y:float32},"
                                      "\"full name\":U2,grid:uint16(2,2),flag:bool}");
    assert_int_equal(tsr_dtype_field_count(record), 5);
    static const size_t offsets[] = {0, 4, 12, 20, 28};
    for (int i = 0; i < 5; i++)
        assert_int_equal(tsr_dtype_field(record, i)->offset_bytes, offsets[i]);
    assert_null(tsr_dtype_field(record, 5));
    assert_null(tsr_dtype_field(record, -1));
    assert_int_equal(tsr_dtype_field_count(TSR_INT8), 0);
    assert_true(tsr_dtype_equal(record, again));
    assert_false(tsr_dtype_equal(record, tsr_dtype_field(record, 1)->dtype));
    const tsr_field one = {.name = "a", .dtype = TSR_INT8},
                    other = {.name = "b", .dtype = TSR_INT8},
                    wide = {.name = "a", .dtype = TSR_UINT8};
    const tsr_dtype *a, *b, *c;
    assert_int_equal(tsr_dtype_struct(&one, 1, &a, NULL), 0);
    assert_int_equal(tsr_dtype_struct(&other, 1, &b, NULL), 0);
    assert_int_equal(tsr_dtype_struct(&wide, 1, &c, NULL), 0);
    assert_false(tsr_dtype_equal(a, b));
    assert_false(tsr_dtype_equal(a, c));
    assert_false(tsr_dtype_can_cast(a, b, TSR_CASTING_UNSAFE));
    assert_false(tsr_dtype_can_cast(a, TSR_INT8, TSR_CASTING_UNSAFE));
    tsr_dtype_unref(a);
    tsr_dtype_unref(b);
    tsr_dtype_unref(c);
    tsr_dtype_unref(record);
    tsr_dtype_unref(again);
}

static void test_names_are_read(void **state)
{
    static const char *const names[] = {"struct{x:float32}",
                                        "struct{x:float32,y:datetime64[10us],z:U3,w:uint16(2,2)}",
                                        "struct{a:struct{b:struct{c:int8}},\"odd: {name}\":r24}",
                                        "struct{\"mar\\\"ks\":bool,\"\xc3\xa9\":int4}"};
    static const char *const refused[] = {"struct{",
                                          "struct{}",
                                          "struct{x}",
                                          "struct{x:int8",
                                          "struct{x:int8}}",
                                          "struct{x:int8,}",
                                          "struct{:int8}",
                                          "struct{x:int8(0)}",
                                          "struct{x:int8()}",
                                          "struct{x:int8(2}",
                                          "struct{x:int8,x:int8}",
                                          "struct{\"x:int8}",
                                          "struct{x:struct{y:int8}",
                                          "struct{x:int8(1,1,1,1,1,1,1,1,1)}"};
    const tsr_dtype *record = make_record(), *dtype;
    (void)state;
    assert_int_equal(tsr_dtype_parse(record->name, &dtype, NULL), 0);
    assert_true(tsr_dtype_equal(record, dtype));
    tsr_dtype_unref(dtype);
    tsr_dtype_unref(record);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(tsr_dtype_parse(names[i], &dtype, NULL), 0);
        assert_string_equal(dtype->name, names[i]);
        tsr_dtype_unref(dtype);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (tsr_dtype_parse(refused[i], &dtype, NULL) != TSR_INVALID_ARGUMENT)
            fail_msg("%s is taken", refused[i]);
    assert_int_equal(tsr_dtype_parse("struct{x:int3}", &dtype, NULL), TSR_NOT_FOUND);
    assert_int_equal(tsr_dtype_parse("struct{x:}", &dtype, NULL), TSR_NOT_FOUND);
    /* Deeper than anybody means. */
    char deep[1000] = "";
    for (int i = 0; i < 70; i++)
        strcat(deep, "struct{a:");
    strcat(deep, "int8");
    for (int i = 0; i < 70; i++)
        strcat(deep, "}");
    assert_int_equal(tsr_dtype_parse(deep, &dtype, NULL), TSR_INVALID_ARGUMENT);
}

static void test_refusals(void **state)
{
    static const tsr_field twice[] = {{.name = "a", .dtype = TSR_INT8},
                                      {.name = "a", .dtype = TSR_INT16}};
    const tsr_field empty = {.name = "", .dtype = TSR_INT8},
                    broken = {.name = "\xff", .dtype = TSR_INT8},
                    large = {.name = "a", .dtype = TSR_INT8, .rank = 1, .shape = {1048577}},
                    none = {.name = "a", .dtype = TSR_INT8, .rank = 1, .shape = {0}},
                    endless = {
                        .name = "a", .dtype = TSR_INT8, .rank = 2, .shape = {INT64_MAX, INT64_MAX}};
    const tsr_dtype *dtype = NULL;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    assert_int_equal(tsr_dtype_struct(twice, 2, &dtype, &err), TSR_INVALID_ARGUMENT);
    assert_string_equal(err.message, "field \"a\" of a struct is there twice");
    assert_int_equal(tsr_dtype_struct(twice, 0, &dtype, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_struct(&empty, 1, &dtype, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_struct(&broken, 1, &dtype, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_struct(&large, 1, &dtype, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_struct(&none, 1, &dtype, NULL), TSR_INVALID_ARGUMENT);
    assert_int_equal(tsr_dtype_struct(&endless, 1, &dtype, NULL), TSR_INVALID_ARGUMENT);
    assert_null(dtype);
}

static const char text[] = "{\"id\": -7, \"point\": {\"x\": 1.5, \"y\": \"NaN\"}, "
                           "\"full name\": \"\xc3\xa9\", \"grid\": [[1, 2], [3, 4]], "
                           "\"flag\": true}";

static void test_elements(void **state)
{
    static const char *const also[] = {
        "{\"flag\":true,\"grid\":[[1,2],[3,4]],\"full\\u0020name\":\"\\u00e9\",\"id\":-7,"
        "\"point\":{\"y\":\"NaN\",\"x\":1.5}}"};
    static const char *const refused[] = {
        "{}",
        "{\"id\": -7}",
        "{\"id\": -7, \"id\": -7, \"point\": {\"x\": 1, \"y\": 2}, \"full name\": \"\", "
        "\"grid\": [[1, 2], [3, 4]]}",
        "{\"id\": -7, \"point\": {\"x\": 1, \"y\": 2}, \"full name\": \"\", "
        "\"grid\": [1, 2, 3, 4], \"flag\": true}",
        "{\"id\": -7, \"point\": {\"x\": 1, \"y\": 2}, \"full name\": \"abc\", "
        "\"grid\": [[1, 2], [3, 4]], \"flag\": true}",
        "\"AAAA\"",
        "7",
        "{\"id\": -7, \"point\": {\"x\": 1, \"y\": 2}, \"full name\": \"\", "
        "\"grid\": [[1, 2], [3, 4]], \"flag\": true, \"more\": 1}",
        "{\"id\"",
        "{"};
    const tsr_dtype *record = make_record();
    char element[29], other[29], *written = malloc(tsr_dtype_text_max(record));
    (void)state;
    assert_int_equal(tsr_dtype_parse_element(record, text, element, NULL), 0);
    assert_int_equal(tsr_dtype_format_element(record, element, written, tsr_dtype_text_max(record)),
                     strlen(text));
    assert_string_equal(written, text);
    assert_int_equal(tsr_dtype_parse_element(record, also[0], other, NULL), 0);
    assert_memory_equal(element, other, sizeof element);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (tsr_dtype_parse_element(record, refused[i], other, NULL) != TSR_INVALID_ARGUMENT)
            fail_msg("%s is taken", refused[i]);
    assert_memory_equal(element, other, sizeof element);
    /* The packed bytes, little-endian, in base64. */
    assert_int_equal(tsr_dtype_parse_element(record, "\"+f///wAAwD8AAMB/6QAAAAAAAAABAAIAAwAEAAE=\"",
                                             other, NULL),
                     0);
    assert_memory_equal(element, other, sizeof element);
    free(written);
    tsr_dtype_unref(record);
}

static void test_byte_order(void **state)
{
    static const unsigned char little[] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0,
                                           0, 5, 0, 0, 0, 6, 0, 7, 0, 8, 0, 9, 0, 1};
    static const unsigned char big[] = {0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0,
                                        4, 0, 0, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9, 1};
    const tsr_dtype *record = make_record();
    unsigned char from[3 * 29], to[3 * 29];
    static const int64_t shape[] = {3};
    tsr_view a, b;
    (void)state;
    for (int i = 0; i < 3; i++)
        memcpy(from + (size_t)i * 29, little, 29);
    assert_int_equal(tsr_view_init(&a, record, 1, shape, to, NULL), 0);
    assert_int_equal(tsr_view_init(&b, record, 1, shape, from, NULL), 0);
    assert_int_equal(tsr_view_slice(&b, 0, 2, 3, -1, NULL), 0);
    tsri_view_copy_swapped(&a, &b);
    for (int i = 0; i < 3; i++)
        assert_memory_equal(to + (size_t)i * 29, big, 29);
    tsri_view_copy_swapped(&a, &a);
    assert_memory_equal(to, from, sizeof to);
    tsr_dtype_unref(record);
}

static void test_fields_are_views(void **state)
{
    const tsr_dtype *record = make_record();
    char elements[2 * 29];
    static const int64_t shape[] = {2};
    tsr_view view, grid;
    tsr_error err = TSR_ERROR_INIT;
    (void)state;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(tsr_dtype_parse_element(record, text, elements + i * 29, NULL), 0);
    assert_int_equal(tsr_view_init(&view, record, 1, shape, elements, NULL), 0);
    grid = view;
    assert_int_equal(tsr_view_field(&view, "point", NULL), 0);
    assert_int_equal(tsr_view_field(&view, "x", NULL), 0);
    assert_ptr_equal(view.dtype, TSR_FLOAT32);
    double wide[2] = {0};
    tsr_view target;
    assert_int_equal(tsr_view_init(&target, TSR_FLOAT64, 1, shape, wide, NULL), 0);
    assert_int_equal(tsr_view_copy(&target, &view, TSR_CASTING_SAFE, NULL), 0);
    assert_true(wide[0] == 1.5 && wide[1] == 1.5);
    assert_int_equal(tsr_view_field(&grid, "grid", NULL), 0);
    assert_int_equal(grid.rank, 3);
    assert_int_equal(grid.shape[1], 2);
    int32_t numbers[8];
    static const int64_t cube[] = {2, 2, 2};
    assert_int_equal(tsr_view_init(&target, TSR_INT32, 3, cube, numbers, NULL), 0);
    assert_int_equal(tsr_view_copy(&target, &grid, TSR_CASTING_SAFE, NULL), 0);
    static const int32_t expected[] = {1, 2, 3, 4, 1, 2, 3, 4};
    assert_memory_equal(numbers, expected, sizeof expected);
    assert_int_equal(tsr_view_field(&grid, "x", &err), TSR_NOT_FOUND);
    assert_string_equal(err.message, "uint16 has no field \"x\"");
    tsr_dtype_unref(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),           cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_elements),         cmocka_unit_test(test_byte_order),
        cmocka_unit_test(test_fields_are_views), cmocka_unit_test(test_names_are_read),
    };
    return cmocka_run_group_tests_name("tensor.dtype_struct", tests, NULL, NULL);
}
