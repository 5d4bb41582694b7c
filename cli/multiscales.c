#include "multiscales.h"

#include <string.h>
#include <strings.h>
#include <tessera/sys/json.h>
#include <tessera/version.h>

#include "document.h"
#include "memory.h"

/* The attribute of a group that has all of it. */
#define ATTRIBUTE "ome"

enum { AXES_MIN = 2, AXES_MAX = 5, SPACE_MAX = 3 };

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names; names++)
        if (strcasecmp(name, *names) == 0)
            return true;
    return false;
}

/* ---- names ---- */

static int split_names(cli_invocation *invocation, cli_image_axes *axes)
{
    char *rest, *name;
    int count = 0;

    axes->name_text = memory_text(invocation_text(invocation, OPTION_DIMENSION_NAMES));
    if (!axes->name_text)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    rest = axes->name_text;
    while ((name = strsep(&rest, ",")) != NULL) {
        if (count < axes->rank)
            axes->names[count] = name;
        count++;
    }
    if (count == axes->rank)
        return 0;
    return invocation_misuse(invocation, "--dimension-names: %d names for %d axes", count,
                             axes->rank);
}

static int check_names(cli_invocation *invocation, const tsr_array *array,
                       const cli_image_axes *axes)
{
    for (int i = 0; i < axes->rank; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(axes->names[i], axes->names[k]) == 0)
                return invocation_misuse(invocation,
                                         "%s: two axes are called '%s'; --dimension-names gives "
                                         "them others",
                                         tsr_array_place(array), axes->names[i]);
    return 0;
}

static int find_names(cli_invocation *invocation, const tsr_array *array, cli_image_axes *axes)
{
    static const char *const usual[AXES_MAX] = {"t", "c", "z", "y", "x"};

    if (invocation_has(invocation, OPTION_DIMENSION_NAMES)) {
        CLI_TRY(split_names(invocation, axes));
    } else {
        for (int axis = 0; axis < axes->rank; axis++) {
            axes->names[axis] = tsr_array_dimension_name(array, axis);
            if (!axes->names[axis] || !*axes->names[axis])
                axes->names[axis] = usual[AXES_MAX - axes->rank + axis];
        }
    }
    return check_names(invocation, array, axes);
}

/* ---- types ---- */

static int refuse(cli_invocation *invocation, const tsr_array *array, const char *problem)
{
    tsr_error_set(&invocation->error, TSR_UNSUPPORTED, "%s: %s", tsr_array_place(array), problem);
    tsr_error_set_next_step(
        &invocation->error,
        "OME-Zarr wants time (t) first, then one axis such as channels (c), then 2 or 3 of space; "
        "--dimension-names says which is which");
    return TSR_UNSUPPORTED;
}

/* Where a type belongs: 0 time, 1 channel or something else, 2 space. */
static int order_of(const char *type)
{
    return type && strcmp(type, "time") == 0 ? 0 : type && strcmp(type, "space") == 0 ? 2 : 1;
}

static int find_types(cli_invocation *invocation, const tsr_array *array, cli_image_axes *axes)
{
    static const char *const times[] = {"t", "time", NULL};
    static const char *const channels[] = {"c", "channel", "channels", "band", "bands", NULL};
    int counts[3] = {0};

    for (int axis = axes->rank - 1; axis >= 0; axis--) {
        const char *name = axes->names[axis];
        if (is_one_of(name, times))
            axes->types[axis] = "time";
        else if (is_one_of(name, channels))
            axes->types[axis] = "channel";
        else
            axes->types[axis] = counts[2] < SPACE_MAX ? "space" : NULL;
        counts[order_of(axes->types[axis])]++;
        axes->is_space[axis] = order_of(axes->types[axis]) == 2;
        if (axis + 1 < axes->rank && order_of(axes->types[axis]) > order_of(axes->types[axis + 1]))
            return refuse(invocation, array, "its axes are not in the order of an image");
    }
    if (counts[2] < 2)
        return refuse(invocation, array, "less than two of its axes are of space");
    if (counts[0] > 1 || counts[1] > 1)
        return refuse(invocation, array, "too many of its axes are not of space");
    return 0;
}

/* --units: "x=micrometer,y=micrometer". */
static int read_units(cli_invocation *invocation, cli_image_axes *axes)
{
    const char *given = invocation_text(invocation, OPTION_UNITS);
    char *rest, *item;

    if (!given)
        return 0;
    rest = axes->unit_text = memory_text(given);
    if (!rest)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    while ((item = strsep(&rest, ",")) != NULL) {
        char *unit = strchr(item, '=');
        int axis = 0;
        if (unit)
            *unit++ = '\0';
        while (axis < axes->rank && strcmp(axes->names[axis], item) != 0)
            axis++;
        if (!unit || !*unit || axis == axes->rank)
            return invocation_misuse(invocation, "--units: NAME=UNIT for axes, not '%s'", given);
        axes->units[axis] = unit;
    }
    return 0;
}

int image_axes_find(cli_invocation *invocation, const tsr_array *array, cli_image_axes *ret_axes)
{
    int status;

    memset(ret_axes, 0, sizeof *ret_axes);
    ret_axes->rank = tsr_array_rank(array);
    if (ret_axes->rank < AXES_MIN || ret_axes->rank > AXES_MAX)
        return refuse(invocation, array, "an image of OME-Zarr has 2 to 5 axes");
    status = find_names(invocation, array, ret_axes);
    if (status >= 0)
        status = find_types(invocation, array, ret_axes);
    if (status >= 0)
        status = read_units(invocation, ret_axes);
    if (status < 0)
        image_axes_clear(ret_axes);
    return status;
}

void image_axes_clear(cli_image_axes *axes)
{
    memory_free(axes->name_text);
    memory_free(axes->unit_text);
    memset(axes, 0, sizeof *axes);
}

/* ---- metadata ---- */

static void add_axes(cli_document *document, struct json_object *image, const cli_image_axes *axes)
{
    struct json_object *list = document_add_list(document, image, "axes");

    for (int axis = 0; axis < axes->rank; axis++) {
        struct json_object *entry = document_add_object(document, list, NULL);
        document_add_text(document, entry, "name", axes->names[axis]);
        if (axes->types[axis])
            document_add_text(document, entry, "type", axes->types[axis]);
        if (axes->units[axis])
            document_add_text(document, entry, "unit", axes->units[axis]);
    }
}

static void add_transformation(cli_document *document, struct json_object *list, const char *type,
                               int rank, const double *numbers)
{
    struct json_object *entry = document_add_object(document, list, NULL), *values;

    document_add_text(document, entry, "type", type);
    values = document_add_list(document, entry, type);
    for (int axis = 0; axis < rank; axis++)
        document_add_number(document, values, NULL, numbers[axis]);
}

static bool is_moved(const cli_image_level *level, int rank)
{
    for (int axis = 0; axis < rank; axis++)
        if (level->translation[axis] != 0)
            return true;
    return false;
}

static void add_level(cli_document *document, struct json_object *list, int number, int rank,
                      const cli_image_level *level)
{
    struct json_object *entry = document_add_object(document, list, NULL), *transformations;
    char path[16];

    snprintf(path, sizeof path, "%d", number);
    document_add_text(document, entry, "path", path);
    transformations = document_add_list(document, entry, "coordinateTransformations");
    add_transformation(document, transformations, "scale", rank, level->scale);
    if (is_moved(level, rank))
        add_transformation(document, transformations, "translation", rank, level->translation);
}

struct json_object *image_attribute(struct json_object *attributes)
{
    struct json_object *value = NULL;

    json_object_object_get_ex(attributes, ATTRIBUTE, &value);
    return value;
}

bool image_attribute_is_taken(struct json_object *attributes)
{
    struct json_object *value = NULL;

    if (!json_object_object_get_ex(attributes, ATTRIBUTE, &value))
        return false;
    return !json_object_is_type(value, json_type_object) ||
           json_object_object_get_ex(value, "multiscales", NULL);
}

/* What a program before has said of the image, such as its colours. */
static void keep_members(cli_document *document, struct json_object *ome,
                         struct json_object *before)
{
    if (!json_object_is_type(before, json_type_object))
        return;
    json_object_object_foreach(before, name, value)
    {
        if (!json_object_object_get_ex(ome, name, NULL))
            document_add_value(document, ome, name, value);
    }
}

int image_attributes(const cli_image_axes *axes, const char *name, const char *method,
                     const cli_image_level *levels, int level_count, struct json_object *before,
                     char **ret_json, tsr_error *err)
{
    struct json_object *ome, *image, *list;
    cli_document document;
    int status;

    document_init(&document);
    ome = document_add_object(&document, document.root, ATTRIBUTE);
    document_add_text(&document, ome, "version", "0.5");
    image = document_add_object(&document, document_add_list(&document, ome, "multiscales"), NULL);
    document_add_text(&document, image, "name", name);
    add_axes(&document, image, axes);
    list = document_add_list(&document, image, "datasets");
    for (int i = 0; i < level_count; i++)
        add_level(&document, list, i, axes->rank, &levels[i]);
    document_add_text(&document, image, "type", method);
    image = document_add_object(&document, image, "metadata");
    document_add_text(&document, image, "method", "tessera pyramid");
    document_add_text(&document, image, "version", tsr_version());
    keep_members(&document, ome, before);
    status = document.failed ? tsr_error_set(err, TSR_NO_MEMORY, "out of memory")
                             : tsr_json_text(document.root, 0, ret_json, err);
    document_clear(&document);
    return status;
}
