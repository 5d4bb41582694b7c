/* Data types as metadata writes them: every type that there is, and structs of any of them, comes
 * back from its v3 and v2 forms and from its name; every element comes back from its text. Forms by
 * other hands, and what is refused, with the field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <tessera/dtype.h>

#include "base/output.h"
#include "codec/zarr_dtype.h"
#include "meta/json.h"
#include "tensor/dtype_struct.h"

/* All of the core and of the extension registry that have no parameters, and the name
 * float8_e4m3fn. */
static const tsr_dtype *const plain[] = {
    TSR_BOOL,
    TSR_INT8,
    TSR_INT16,
    TSR_INT32,
    TSR_INT64,
    TSR_UINT8,
    TSR_UINT16,
    TSR_UINT32,
    TSR_UINT64,
    TSR_FLOAT16,
    TSR_FLOAT32,
    TSR_FLOAT64,
    TSR_COMPLEX64,
    TSR_COMPLEX128,
    TSR_INT2,
    TSR_INT4,
    TSR_UINT2,
    TSR_UINT4,
    TSR_BFLOAT16,
    TSR_FLOAT4_E2M1FN,
    TSR_FLOAT6_E2M3FN,
    TSR_FLOAT6_E3M2FN,
    TSR_FLOAT8_E3M4,
    TSR_FLOAT8_E4M3,
    TSR_FLOAT8_E4M3FN,
    TSR_FLOAT8_E4M3B11FNUZ,
    TSR_FLOAT8_E4M3FNUZ,
    TSR_FLOAT8_E5M2,
    TSR_FLOAT8_E5M2FNUZ,
    TSR_FLOAT8_E8M0FNU,
    &tsr_dtype_complex_bfloat16,
    &tsr_dtype_complex_float16,
    &tsr_dtype_complex_float4_e2m1fn,
    &tsr_dtype_complex_float6_e2m3fn,
    &tsr_dtype_complex_float6_e3m2fn,
    &tsr_dtype_complex_float8_e3m4,
    &tsr_dtype_complex_float8_e4m3,
    &tsr_dtype_complex_float8_e4m3b11fnuz,
    &tsr_dtype_complex_float8_e4m3fnuz,
    &tsr_dtype_complex_float8_e5m2,
    &tsr_dtype_complex_float8_e5m2fnuz,
    &tsr_dtype_complex_float8_e8m0fnu,
};

static uint64_t random_state;

static uint64_t random_number(uint64_t below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (random_state >> 33) % below;
}

static const tsr_dtype *random_time(void)
{
    static const char *const units[] = {"Y",  "M",  "W",  "D",  "h",  "m",  "s",
                                        "ms", "us", "ns", "ps", "fs", "as", "generic"};
    const tsr_dtype *dtype = NULL;
    const char *unit = units[random_number(TSRI_COUNT(units))];
    int64_t scale = random_number(2) || strcmp(unit, "generic") == 0
                        ? 1
                        : 1 + (int64_t)random_number(INT32_MAX - 1);
    assert_return_code(tsr_dtype_time(random_number(2) ? TSR_KIND_DATETIME : TSR_KIND_TIMEDELTA,
                                      unit, scale, &dtype, NULL),
                       0);
    return dtype;
}

static const tsr_dtype *random_type(int depth, bool with_arrays);

static const tsr_dtype *random_struct(int depth, bool with_arrays)
{
    static const char *const names[] = {"x", "a b", "\xc3\xa9", "\"", "\\", "a.b", ":{}(),"};
    tsr_field fields[TSRI_COUNT(names)] = {{0}};
    const tsr_dtype *dtype = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int count = 1 + (int)random_number(4), first = (int)random_number(3);

    for (int i = 0; i < count; i++) {
        fields[i].name = names[first + i];
        fields[i].dtype = random_type(depth - 1, with_arrays);
        fields[i].rank = with_arrays ? (int)random_number(3) : 0;
        for (int axis = 0; axis < fields[i].rank; axis++)
            fields[i].shape[axis] = 1 + (int64_t)random_number(3);
    }
    if (tsr_dtype_struct(fields, count, &dtype, &err) < 0)
        fail_msg("%s", err.message);
    for (int i = 0; i < count; i++)
        tsr_dtype_unref(fields[i].dtype);
    return dtype;
}

/* Of those that v2 has too where a struct may have fields that are arrays, which are v2's. */
static const tsr_dtype *random_type(int depth, bool with_arrays)
{
    const tsr_dtype *dtype = NULL;
    switch (random_number(depth > 0 ? 7 : 6)) {
    case 0:
        assert_return_code(tsr_dtype_raw(1 + random_number(40), &dtype, NULL), 0);
        return dtype;
    case 1:
        return random_time();
    case 2:
        assert_return_code(tsr_dtype_fixed_text(random_number(2) ? TSR_KIND_TEXT : TSR_KIND_BYTES,
                                                1 + (int64_t)random_number(9), &dtype, NULL),
                           0);
        return dtype;
    case 6:
        return random_struct(depth, with_arrays);
    default:
        /* The first 14 are the core's. */
        return plain[random_number(with_arrays ? 14 : TSRI_COUNT(plain))];
    }
}

static tsri_json *parse(const tsr_output *text)
{
    tsri_json *value = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (tsr_json_parse(text->data, text->size_bytes, TSR_JSON_STRICT, 0, &value, &err) < 0)
        fail_msg("%.*s: %s", (int)text->size_bytes, text->data, err.message);
    return value;
}

static void comes_back_from_v3(const tsr_dtype *dtype)
{
    tsr_output text = {.max_bytes = SIZE_MAX};
    const tsr_dtype *again = NULL;
    tsr_error err = TSR_ERROR_INIT;

    assert_return_code(tsri_dtype_to_v3(dtype, &text, &err), 0);
    tsri_json *value = parse(&text);
    if (tsri_dtype_from_v3(value, "/data_type", &again, &err) < 0)
        fail_msg("%.*s: %s", (int)text.size_bytes, text.data, err.message);
    assert_true(tsr_dtype_equal(dtype, again));
    assert_string_equal(dtype->name, again->name);
    tsr_dtype_unref(again);
    json_object_put(value);
    tsri_output_clear(&text);
}

/* Whether v2 has the type, in each byte order. */
static bool comes_back_from_v2(const tsr_dtype *dtype)
{
    for (int big = 0; big < 2; big++) {
        tsr_output text = {.max_bytes = SIZE_MAX}, orders = {.max_bytes = SIZE_MAX};
        const tsr_dtype *again = NULL;
        tsr_error err = TSR_ERROR_INIT;
        int status = tsri_dtype_to_v2(dtype, big, &text, &err);
        if (status == TSR_UNSUPPORTED) {
            assert_non_null(strstr(err.message, "Zarr 2 has no data type for"));
            tsri_output_clear(&text);
            return false;
        }
        assert_return_code(status, 0);
        tsri_json *value = parse(&text);
        if (tsri_dtype_from_v2(value, "/dtype", &again, &orders, &err) < 0)
            fail_msg("%.*s: %s", (int)text.size_bytes, text.data, err.message);
        assert_true(tsr_dtype_equal(dtype, again));
        assert_int_equal(strlen(orders.data), tsri_dtype_leaf_count(dtype));
        assert_int_equal(tsri_dtype_common_order(orders.data), dtype->component_bytes <= 1 ? '|'
                                                               : big                       ? '>'
                                                                                           : '<');
        tsr_dtype_unref(again);
        json_object_put(value);
        tsri_output_clear(&orders);
        tsri_output_clear(&text);
    }
    return true;
}

static void comes_back_from_its_name(const tsr_dtype *dtype)
{
    const tsr_dtype *again = NULL;
    tsr_error err = TSR_ERROR_INIT;
    if (tsr_dtype_parse(dtype->name, &again, &err) < 0)
        fail_msg("%s: %s", dtype->name, err.message);
    assert_true(tsr_dtype_equal(dtype, again));
    assert_string_equal(dtype->name, again->name);
    tsr_dtype_unref(again);
}

/* Any element that the type can have in memory. */
static void fill_element(const tsr_dtype *dtype, char *element)
{
    if (dtype->kind == TSR_KIND_STRUCT) {
        for (int i = 0; i < tsr_dtype_field_count(dtype); i++) {
            const tsr_field *field = tsr_dtype_field(dtype, i);
            int64_t count = 1;
            for (int axis = 0; axis < field->rank; axis++)
                count *= field->shape[axis];
            for (int64_t k = 0; k < count; k++)
                fill_element(field->dtype,
                             element + field->offset_bytes + (size_t)k * field->dtype->size_bytes);
        }
        return;
    }
    for (size_t i = 0; i < dtype->size_bytes; i++)
        element[i] = (char)random_number(256);
    for (size_t i = 0; i < dtype->size_bytes && dtype->component_bits < 8; i++) {
        int unused = 8 - dtype->component_bits;
        element[i] = (char)(dtype->kind == TSR_KIND_SIGNED
                                ? (signed char)((unsigned char)element[i] << unused) >> unused
                                : (unsigned char)element[i] & 0xff >> unused);
    }
    if (dtype->kind == TSR_KIND_BOOL)
        *element &= 1;
    if (dtype->kind == TSR_KIND_TEXT)
        for (size_t i = 0; i < dtype->size_bytes; i += 4) {
            uint32_t character = 1 + (uint32_t)random_number(0xd7ff);
            memcpy(element + i, &character, sizeof character);
        }
}

static void elements_come_back(const tsr_dtype *dtype, int rounds)
{
    size_t room = tsr_dtype_text_max(dtype);
    char *element = malloc(dtype->size_bytes), *again = malloc(dtype->size_bytes),
         *text = malloc(room);
    tsr_error err = TSR_ERROR_INIT;

    for (int round = 0; round < rounds; round++) {
        fill_element(dtype, element);
        assert_return_code(tsr_dtype_format_element(dtype, element, text, room), 0);
        if (tsr_dtype_parse_element(dtype, text, again, &err) < 0)
            fail_msg("%s: %s: %s", dtype->name, text, err.message);
        if (memcmp(element, again, dtype->size_bytes) != 0)
            fail_msg("%s: %s came back as something else", dtype->name, text);
    }
    free(element);
    free(again);
    free(text);
}

static void every_plain_type_comes_back(void **state)
{
    int of_v2 = 0;

    (void)state;
    random_state = 1;
    for (size_t i = 0; i < TSRI_COUNT(plain); i++) {
        comes_back_from_v3(plain[i]);
        comes_back_from_its_name(plain[i]);
        of_v2 += comes_back_from_v2(plain[i]);
        elements_come_back(plain[i], 500);
    }
    assert_int_equal(of_v2, 14 + 10); /* those of NumPy, and of TensorStore those of one byte */
    comes_back_from_v3(TSR_STRING);
    comes_back_from_v3(TSR_VARIABLE_BYTES);
}

static void types_with_parameters_come_back(void **state)
{
    (void)state;
    random_state = 2;
    for (int round = 0; round < 400; round++) {
        const tsr_dtype *dtype = random_type(3, false);
        comes_back_from_v3(dtype);
        comes_back_from_its_name(dtype);
        comes_back_from_v2(dtype);
        elements_come_back(dtype, 5);
        tsr_dtype_unref(dtype);
    }
}

static void structs_of_v2_come_back(void **state)
{
    (void)state;
    random_state = 3;
    for (int round = 0; round < 200; round++) {
        const tsr_dtype *dtype = random_struct(3, true);
        comes_back_from_its_name(dtype);
        assert_true(comes_back_from_v2(dtype));
        elements_come_back(dtype, 3);
        tsr_dtype_unref(dtype);
    }
}

static int read_v3(const char *text, const tsr_dtype **ret_dtype, tsr_error *err)
{
    tsri_json *value = NULL;
    assert_return_code(tsr_json_parse(text, strlen(text), TSR_JSON_STRICT, 0, &value, NULL), 0);
    int status = tsri_dtype_from_v3(value, "/data_type", ret_dtype, err);
    json_object_put(value);
    return status;
}

/* Aliases of the registry, of the specification's history and of zarr-python. */
static void names_of_others_are_read(void **state)
{
    static const char *const rows[][2] = {
        {"\"complex_float32\"", "complex64"},
        {"\"complex_float64\"", "complex128"},
        {"{\"name\":\"int8\"}", "int8"},
        {"{\"name\":\"int8\",\"configuration\":{}}", "int8"},
        {"\"variable_length_bytes\"", "bytes"},
        {"\"binary\"", "bytes"},
        {"{\"name\":\"raw_bytes\",\"configuration\":{\"length_bytes\":3}}", "r24"},
        {"{\"name\":\"null_terminated_bytes\",\"configuration\":{\"length_bytes\":3}}", "S3"},
        {"{\"name\":\"numpy.datetime64\",\"configuration\":{\"unit\":\"\xce\xbcs\",\"scale_factor\":1}}",
         "datetime64[us]"},
        {"{\"name\":\"structured\",\"configuration\":{\"fields\":[[\"x\",\"float32\"],[\"y\",\"int8\"]]}}",
         "struct{x:float32,y:int8}"},
    };

    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        const tsr_dtype *dtype = NULL;
        tsr_error err = TSR_ERROR_INIT;
        if (read_v3(rows[i][0], &dtype, &err) < 0)
            fail_msg("%s: %s", rows[i][0], err.message);
        assert_string_equal(dtype->name, rows[i][1]);
        tsr_dtype_unref(dtype);
    }
}

static void what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *text;
        int status;
        const char *message;
    } rows[] = {
        {"\"float9\"", TSR_UNSUPPORTED, "/data_type: the data type \"float9\" is not supported"},
        {"\"float128\"", TSR_UNSUPPORTED, "/data_type: the data type \"float128\" is not"},
        {"\"f4\"", TSR_UNSUPPORTED, "/data_type: the data type \"f4\" is not supported"},
        {"7", TSR_BAD_METADATA, "/data_type"},
        {"\"numpy.datetime64\"", TSR_BAD_METADATA, "/data_type/configuration: this required field"},
        {"{\"name\":\"fixed_length_utf32\",\"configuration\":{\"length_bytes\":6}}",
         TSR_BAD_METADATA, "/data_type/configuration/length_bytes: 6 is no multiple of 4"},
        {"{\"name\":\"struct\",\"configuration\":{\"fields\":[{\"name\":\"x\",\"data_type\":\"string\"}]}}",
         TSR_BAD_METADATA, "/data_type/configuration/fields"},
        {"{\"name\":\"struct\",\"configuration\":{\"fields\":[[\"x\",\"int8\"]]}}",
         TSR_BAD_METADATA, "/data_type/configuration/fields/0"},
        {"{\"name\":\"int8\",\"configuration\":{\"bits\":8}}", TSR_BAD_METADATA,
         "/data_type/configuration/bits"},
    };

    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        const tsr_dtype *dtype = NULL;
        tsr_error err = TSR_ERROR_INIT;
        assert_int_equal(read_v3(rows[i].text, &dtype, &err), rows[i].status);
        if (!strstr(err.message, rows[i].message))
            fail_msg("%s: %s", rows[i].text, err.message);
        assert_null(dtype);
    }
}

/* What configurations of numcodecs have: typestrs, and NumPy's own names. */
static void words_of_numpy(void **state)
{
    static const struct {
        const char *text, *name;
        bool big_endian;
    } rows[] = {{"<f4", "float32", false}, {">i2", "int16", true},
                {"|u1", "uint8", false},   {"int64", "int64", false},
                {"f8", "float64", false},  {">M8[s]", "datetime64[s]", true},
                {"|S3", "S3", false},      {"bool", "bool", false}};

    (void)state;
    for (size_t i = 0; i < TSRI_COUNT(rows); i++) {
        const tsr_dtype *dtype = NULL;
        bool big_endian = !rows[i].big_endian;
        tsr_error err = TSR_ERROR_INIT;
        if (tsri_dtype_from_numpy(rows[i].text, "/dtype", &dtype, &big_endian, &err) < 0)
            fail_msg("%s: %s", rows[i].text, err.message);
        assert_string_equal(dtype->name, rows[i].name);
        assert_int_equal(big_endian, rows[i].big_endian);
        tsr_dtype_unref(dtype);
    }
    static const char *const wrong[] = {"", "<", "<f3", "|f4", "float9", "object"};
    for (size_t i = 0; i < TSRI_COUNT(wrong); i++) {
        const tsr_dtype *dtype = NULL;
        bool big_endian;
        tsr_error err = TSR_ERROR_INIT;
        int status = tsri_dtype_from_numpy(wrong[i], "/dtype", &dtype, &big_endian, &err);
        if (status == 0 || !strstr(err.message, "/dtype"))
            fail_msg("%s: %s", wrong[i], err.message);
        assert_null(dtype);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plain_type_comes_back),
        cmocka_unit_test(types_with_parameters_come_back),
        cmocka_unit_test(structs_of_v2_come_back),
        cmocka_unit_test(names_of_others_are_read),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(words_of_numpy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
