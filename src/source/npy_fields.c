/* The list is turned into what Zarr v2 has for a structured type, which is the same in JSON. */
#include "source/npy_fields.h"

#include <inttypes.h>
#include <tessera/sys/json.h>

#include "base/output.h"
#include "codec/zarr_dtype.h"
#include "meta/json.h"

#define DEPTH_MAX 64

static int refuse_gap(tsr_error *err)
{
    tsr_error_set(err, TSR_UNSUPPORTED,
                  "elements that are structures with gaps between the fields");
    tsr_error_set_next_step(err, "in Python, close them: np.save(path, "
                                 "numpy.lib.recfunctions.repack_fields(a))");
    return TSR_UNSUPPORTED;
}

/* A text that the header has, as JSON. */
static int quote(const tsri_npy_scanner *self, tsr_output *text, tsr_output *json, tsr_error *err)
{
    TSRI_TRY(tsr_output_append(text, "", 1, err));
    int status = tsr_json_quote(text->data, json, err);
    return status == TSR_INVALID_ARGUMENT ? tsri_npy_refuse(self, "a text that is not UTF-8", err)
                                          : status;
}

/* 'name', or ('title', 'name'). */
static int take_name(tsri_npy_scanner *self, tsr_output *json, tsr_error *err)
{
    tsr_auto(tsri_output) name = TSRI_OUTPUT_INIT(SIZE_MAX);
    bool has_title = tsri_npy_take_word(self, "(");

    if (has_title) {
        TSRI_TRY(tsri_npy_take_text(self, &name, err));
        name.size_bytes = 0;
        if (!tsri_npy_take_word(self, ","))
            return tsri_npy_refuse(self, "a title without a name", err);
    }
    TSRI_TRY(tsri_npy_take_text(self, &name, err));
    if (has_title && !tsri_npy_take_word(self, ")"))
        return tsri_npy_refuse(self, "a name that does not end", err);
    if (name.size_bytes == 0)
        return refuse_gap(err);
    return quote(self, &name, json, err);
}

static int take_lengths(tsri_npy_scanner *self, tsr_output *json, tsr_error *err)
{
    int64_t length;

    if (!tsri_npy_take_word(self, "("))
        return tsri_npy_refuse(self, "a field whose shape is no tuple", err);
    const char *before = ",[";
    do {
        if (tsri_npy_take_word(self, ")"))
            return tsr_output_print(json, err, "]");
        if (!tsri_npy_take_length(self, &length))
            return tsri_npy_refuse(self, "a length that is no integer from 0 to 2^63-1", err);
        TSRI_TRY(tsr_output_print(json, err, "%s%" PRId64, before, length));
        before = ",";
    } while (tsri_npy_take_word(self, ","));
    if (!tsri_npy_take_word(self, ")"))
        return tsri_npy_refuse(self, "a shape that does not end", err);
    return tsr_output_print(json, err, "]");
}

static int take_fields(tsri_npy_scanner *self, int depth, tsr_output *json, tsr_error *err);

/* ('name', type) or ('name', type, shape). */
static int take_field(tsri_npy_scanner *self, int depth, tsr_output *json, tsr_error *err)
{
    tsr_auto(tsri_output) type = TSRI_OUTPUT_INIT(SIZE_MAX);

    if (!tsri_npy_take_word(self, "("))
        return tsri_npy_refuse(self, "a field that is no tuple", err);
    TSRI_TRY(tsr_output_append(json, "[", 1, err));
    TSRI_TRY(take_name(self, json, err));
    if (!tsri_npy_take_word(self, ","))
        return tsri_npy_refuse(self, "a field without a type", err);
    TSRI_TRY(tsr_output_append(json, ",", 1, err));
    if (tsri_npy_take_word(self, "[")) {
        TSRI_TRY(take_fields(self, depth + 1, json, err));
    } else {
        TSRI_TRY(tsri_npy_take_text(self, &type, err));
        TSRI_TRY(quote(self, &type, json, err));
    }
    bool ended = false;
    if (tsri_npy_take_word(self, ",") && !(ended = tsri_npy_take_word(self, ")"))) {
        TSRI_TRY(take_lengths(self, json, err));
        tsri_npy_take_word(self, ",");
    }
    if (!ended && !tsri_npy_take_word(self, ")"))
        return tsri_npy_refuse(self, "a field that does not end", err);
    return tsr_output_append(json, "]", 1, err);
}

/* What follows a "[", up to its end. */
static int take_fields(tsri_npy_scanner *self, int depth, tsr_output *json, tsr_error *err)
{
    if (depth == DEPTH_MAX)
        return tsr_error_set(err, TSR_LIMIT, "more than %d structures inside of each other",
                             DEPTH_MAX);
    TSRI_TRY(tsr_output_append(json, "[", 1, err));
    for (bool first = true; !tsri_npy_take_word(self, "]"); first = false) {
        if (!first)
            TSRI_TRY(tsr_output_append(json, ",", 1, err));
        TSRI_TRY(take_field(self, depth, json, err));
        if (tsri_npy_take_word(self, ","))
            continue;
        if (!tsri_npy_take_word(self, "]"))
            return tsri_npy_refuse(self, "a list of fields that does not end", err);
        break;
    }
    return tsr_output_append(json, "]", 1, err);
}

static int parse_type(const char *json, const tsr_dtype **ret_dtype, tsr_output *orders,
                      tsr_error *err)
{
    tsr_auto(tsri_json) *list = NULL;

    TSRI_TRY(tsr_json_parse(json, strlen(json), TSR_JSON_STRICT, 0, &list, err));
    int status = tsri_dtype_from_v2(list, "", ret_dtype, orders, err);
    if (status < 0)
        tsr_error_prepend(err, "elements that are structures");
    return status;
}

int tsri_npy_fields_read(tsri_npy_scanner *scanner, const tsr_dtype **ret_dtype, char *ret_order,
                         char **ret_orders, tsr_error *err)
{
    tsr_auto(tsri_output) json = TSRI_OUTPUT_INIT(SIZE_MAX);
    tsr_auto(tsri_output) orders = TSRI_OUTPUT_INIT(SIZE_MAX);
    char *kept = NULL;

    if (!tsri_npy_take_word(scanner, "["))
        return tsri_npy_refuse(scanner, "no list of fields", err);
    TSRI_TRY(take_fields(scanner, 0, &json, err));
    TSRI_TRY(tsr_output_append(&json, "", 1, err));
    const tsr_dtype *dtype = NULL;
    TSRI_TRY(parse_type(json.data, &dtype, &orders, err));
    char order = tsri_dtype_common_order(orders.data);
    if (order == '\0' && !(kept = tsri_strdup(orders.data))) {
        tsr_dtype_unref(dtype);
        return tsri_error_no_memory(err, orders.size_bytes);
    }
    *ret_dtype = dtype;
    *ret_order = order;
    *ret_orders = kept;
    return 0;
}
