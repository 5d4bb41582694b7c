/* tessera pyramid SOURCE DESTINATION: an image in several sizes, for viewers. */
#include <stdio.h>
#include <string.h>

#include <tessera/derived.h>

#include "describe.h"
#include "location.h"
#include "memory.h"
#include "multiscales.h"
#include "per_axis.h"
#include "transfer.h"

/* Halving 2^63 elements ends before. */
enum { LEVELS_MAX = 64 };

typedef struct pyramid {
    cli_invocation *invocation;
    const char *destination;
    tsr_array *source;
    cli_image_axes axes;
    tsr_downsample_method method;
    const char *method_name;
    int64_t factors[TSR_RANK_MAX];
    double scale[TSR_RANK_MAX];
    int level_count; /* the full one included */
    cli_image_level levels[LEVELS_MAX + 1];
} pyramid;

/* ---- options ---- */

static int read_factors(pyramid *self)
{
    double values[TSR_RANK_MAX];
    bool any = false;

    for (int axis = 0; axis < self->axes.rank; axis++)
        values[axis] = self->axes.is_space[axis] ? 2 : 1;
    CLI_TRY(per_axis_read(self->invocation, OPTION_FACTORS, self->axes.rank, self->axes.names,
                          self->axes.is_space, values));
    for (int axis = 0; axis < self->axes.rank; axis++) {
        if (!(values[axis] >= 1 && values[axis] <= INT32_MAX) ||
            values[axis] != (double)(int64_t)values[axis])
            return invocation_misuse(self->invocation, "--factors: whole numbers from 1 on");
        self->factors[axis] = (int64_t)values[axis];
        any |= self->factors[axis] > 1;
    }
    return any ? 0 : invocation_misuse(self->invocation, "--factors: nothing becomes smaller");
}

static int read_scale(pyramid *self)
{
    bool all[TSR_RANK_MAX];

    for (int axis = 0; axis < self->axes.rank; axis++) {
        self->scale[axis] = 1;
        all[axis] = self->axes.is_space[axis];
    }
    CLI_TRY(per_axis_read(self->invocation, OPTION_SCALE, self->axes.rank, self->axes.names, all,
                          self->scale));
    for (int axis = 0; axis < self->axes.rank; axis++)
        if (!(self->scale[axis] > 0) || self->scale[axis] > 1e300)
            return invocation_misuse(self->invocation, "--scale: sizes above 0");
    return 0;
}

static int read_options(pyramid *self)
{
    const char *format = invocation_text(self->invocation, OPTION_ZARR_FORMAT);
    const char *method = invocation_text(self->invocation, OPTION_METHOD);

    if (format && strcmp(format, "3") != 0)
        return invocation_misuse(self->invocation, "pyramid: OME-Zarr 0.5 is Zarr v3");
    self->method_name = method ? method : "mean";
    CLI_TRY(
        tsr_downsample_method_parse(self->method_name, &self->method, &self->invocation->error));
    CLI_TRY(image_axes_find(self->invocation, self->source, &self->axes));
    CLI_TRY(read_factors(self));
    return read_scale(self);
}

/* ---- levels ---- */

/* The chunks that the full level will have, found out by making it where nobody sees it. */
static int find_chunks(pyramid *self, const cli_creation *creation, int64_t *ret_chunk)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_auto(tsr_array) *array = NULL;
    tsr_error *err = &self->invocation->error;
    cli_array_plan plan;
    int status;

    CLI_TRY(creation_plan_like(self->invocation, creation, self->source, self->source,
                               self->axes.names, &plan));
    status = tsr_store_open(self->invocation->context, "memory:", &store, err);
    plan.options.store = store;
    if (status >= 0)
        status = tsr_array_create(self->invocation->context, "", &plan.options, &array, err);
    if (status >= 0)
        memcpy(ret_chunk, describe_chunks(array), (size_t)self->axes.rank * sizeof *ret_chunk);
    array_plan_clear(&plan);
    return status;
}

/* Whether a level is to be made from one of this shape. */
static bool goes_on(const pyramid *self, const int64_t *shape, const int64_t *chunk)
{
    bool fits = true, shrinks = false;

    for (int axis = 0; axis < self->axes.rank; axis++)
        if (self->factors[axis] > 1 && shape[axis] > 1) {
            shrinks = true;
            fits &= shape[axis] <= chunk[axis];
        }
    if (invocation_has(self->invocation, OPTION_SMALLER_LEVELS))
        return shrinks &&
               self->level_count <= invocation_number(self->invocation, OPTION_SMALLER_LEVELS, 0);
    return shrinks && !fits;
}

/* The factor of the next level: an axis with one element stays. */
static int64_t factor_of(const pyramid *self, int axis, const int64_t *shape)
{
    return shape[axis] > 1 ? self->factors[axis] : 1;
}

static int plan_levels(pyramid *self, const cli_creation *creation)
{
    int64_t shape[TSR_RANK_MAX] = {0}, chunk[TSR_RANK_MAX];
    double span[TSR_RANK_MAX]; /* elements of the source in one of the level */

    CLI_TRY(find_chunks(self, creation, chunk));
    for (int axis = 0; axis < self->axes.rank; axis++) {
        shape[axis] = tsr_array_shape(self->source)[axis];
        span[axis] = 1;
        self->levels[0].scale[axis] = self->scale[axis];
    }
    for (self->level_count = 1; self->level_count <= LEVELS_MAX && goes_on(self, shape, chunk);
         self->level_count++) {
        cli_image_level *level = &self->levels[self->level_count];
        for (int axis = 0; axis < self->axes.rank; axis++) {
            int64_t factor = factor_of(self, axis, shape);
            span[axis] *= (double)factor;
            shape[axis] = (shape[axis] - (shape[axis] > 0)) / factor + (shape[axis] > 0);
            level->scale[axis] = self->scale[axis] * span[axis];
            if (self->method != TSR_DOWNSAMPLE_STRIDE)
                level->translation[axis] = self->scale[axis] * (span[axis] - 1) / 2;
        }
    }
    return 0;
}

/* Levels are called by their numbers. */
typedef struct level_name {
    char text[16];
} level_name;

static level_name name_of_level(int number)
{
    level_name name;

    snprintf(name.text, sizeof name.text, "%d", number);
    return name;
}

/* Where a level is, or will be; the caller frees it. */
static int place_of_level(const pyramid *self, int number, char **ret_place)
{
    *ret_place = location_join(self->destination, name_of_level(number).text);
    return *ret_place ? 0 : tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
}

static int open_level(const pyramid *self, int number, tsr_array **ret_array)
{
    char *place;

    CLI_TRY(place_of_level(self, number, &place));
    int status = location_open_array(self->invocation, place, false, ret_array);
    memory_free(place);
    return status;
}

/* A level from the one before, which is `before` where nothing is written. */
static int make_level(const pyramid *self, cli_transfer *transfer, int number, tsr_array **before)
{
    tsr_auto(tsr_array) *larger = NULL, *array = NULL;
    int64_t factors[TSR_RANK_MAX];

    if (!invocation_has(self->invocation, OPTION_DRY_RUN)) {
        CLI_TRY(open_level(self, number - 1, &larger));
        tsr_array_close(*before);
        *before = tsr_array_ref(larger);
    }
    for (int axis = 0; axis < self->axes.rank; axis++)
        factors[axis] = factor_of(self, axis, tsr_array_shape(*before));
    CLI_TRY(tsr_array_downsample(*before, factors, self->method, &array, &self->invocation->error));
    CLI_TRY(transfer_make_array(transfer, array, self->source, self->axes.names,
                                name_of_level(number).text));
    tsr_array_close(*before);
    *before = tsr_array_ref(array);
    return 0;
}

static int open_group(const pyramid *self, bool writable, tsr_group **ret_group)
{
    tsr_array_open_options options;

    tsr_array_open_options_init(&options);
    options.writable = writable;
    options.ignore_consolidated = true;
    return tsr_group_open(self->invocation->context, self->destination, &options, ret_group,
                          &self->invocation->error);
}

/* What viewers look for comes last: then all that it names is there. What else the group says, in
 * the same attribute too, stays. */
static int write_attributes(const pyramid *self)
{
    tsr_auto(tsr_group) *group = NULL;
    tsr_error *err = &self->invocation->error;
    struct json_object *attributes;
    char *json;
    int status;

    CLI_TRY(open_group(self, true, &group));
    CLI_TRY(describe_group_attributes(group, &attributes, err));
    status = image_attributes(&self->axes, location_base_name(self->invocation->operands[0]),
                              self->method_name, self->levels, self->level_count,
                              image_attribute(attributes), &json, err);
    json_object_put(attributes);
    CLI_TRY(status);
    status = tsr_group_update_attributes(group, json, NULL, err);
    tsr_free(json);
    return status;
}

/* ---- in a group that is there ---- */

static int check_child(const pyramid *self, int number)
{
    tsr_error *err = &self->invocation->error;
    tsr_node_kind kind;
    char *place;

    CLI_TRY(place_of_level(self, number, &place));
    int status = tsr_place_probe(self->invocation->context, place, NULL, &kind, err);
    memory_free(place);
    CLI_TRY(status);
    if (kind == TSR_NODE_NONE)
        return 0;
    tsr_error_set(err, TSR_EXISTS, "%s has a child \"%d\" already, which a level would be called",
                  self->destination, number);
    tsr_error_set_next_step(err, "choose another place, move the child (`tessera mv`), or "
                                 "--overwrite to replace the group and everything below it");
    return TSR_EXISTS;
}

static int check_attributes(const pyramid *self, tsr_group *group)
{
    tsr_error *err = &self->invocation->error;
    struct json_object *attributes;
    bool is_image;

    CLI_TRY(describe_group_attributes(group, &attributes, err));
    is_image = image_attribute_is_taken(attributes);
    json_object_put(attributes);
    if (!is_image)
        return 0;
    tsr_error_set(err, TSR_EXISTS,
                  "%s exists and describes an image already, by its attribute \"ome\"",
                  self->destination);
    tsr_error_set_next_step(err,
                            "choose another place, or take the attribute away: "
                            "`tessera attr %s --remove ome`",
                            self->destination);
    return TSR_EXISTS;
}

static int enter_group(void *user, cli_transfer *transfer)
{
    pyramid *self = user;
    tsr_auto(tsr_group) *group = NULL;

    transfer_creation(transfer)->zarr_format = 3;
    CLI_TRY(open_group(self, false, &group));
    if (strcmp(tsr_group_driver(group), "zarr3") != 0) {
        tsr_error_set(
            &self->invocation->error, TSR_EXISTS,
            "%s exists already, and OME-Zarr 0.5 is Zarr v3, which this group (%s) is not",
            self->destination, tsr_group_driver(group));
        tsr_error_set_next_step(&self->invocation->error, "choose another place");
        return TSR_EXISTS;
    }
    CLI_TRY(check_attributes(self, group));
    CLI_TRY(plan_levels(self, transfer_creation(transfer)));
    for (int number = 0; number < self->level_count; number++)
        CLI_TRY(check_child(self, number));
    return 0;
}

static int make_levels(void *user, cli_transfer *transfer)
{
    pyramid *self = user;
    tsr_auto(tsr_array) *before = tsr_array_ref(self->source);
    tsr_auto(tsr_array) *trial = NULL;

    transfer_creation(transfer)->zarr_format = 3;
    /* A type that the method does not take is found before anything is written. */
    CLI_TRY(tsr_array_downsample(self->source, self->factors, self->method, &trial,
                                 &self->invocation->error));
    CLI_TRY(plan_levels(self, transfer_creation(transfer)));
    CLI_TRY(transfer_make_group(transfer, ""));
    CLI_TRY(transfer_make_array(transfer, self->source, self->source, self->axes.names, "0"));
    for (int number = 1; number < self->level_count; number++)
        CLI_TRY(make_level(self, transfer, number, &before));
    return invocation_has(self->invocation, OPTION_DRY_RUN) ? 0 : write_attributes(self);
}

static int run(cli_invocation *invocation)
{
    static const cli_transfer_words words = {"making", "made", "would make"};
    const char *source = invocation->operands[0];
    tsr_auto(tsr_array) *array = NULL;
    pyramid *self;
    int status;

    CLI_TRY(location_open_array(invocation, source, false, &array));
    self = memory_zeroed(1, sizeof *self);
    if (!self)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    self->invocation = invocation;
    self->destination = invocation->operands[1];
    self->source = array;
    status = read_options(self);
    if (status >= 0)
        status = transfer_make(invocation, &words, &source, 1, self->destination, make_levels,
                               enter_group, self);
    image_axes_clear(&self->axes);
    memory_free(self);
    return status;
}

extern const cli_command command_pyramid;
const cli_command command_pyramid = {
    .name = "pyramid",
    .summary = "make an image in several sizes, which map viewers can open (OME-Zarr 0.5)",
    .description =
        "DESTINATION becomes a group with the array as it is, \"0\", and smaller ones, \"1\", \"2\"..., each "
        "made of the one before, until one fits into a single chunk; and the metadata of OME-Zarr that "
        "tells viewers of them. Of a group that is there they become children, beside what it has; its other "
        "attributes stay, and nothing is written where a name is taken. Axes are time (t), channels (c) and two or three of space, in this order, "
        "by their names.\n\n"
        "Chunks, shards and codecs of all are those of the source unless options say otherwise. At the end "
        "of an axis, the elements that there are count. An interrupted run is finished by the same command. "
        "With --verify each level is read back and compared with what the one before makes.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "SOURCE"},
                     {.kind = OPERAND_PLACE, .name = "DESTINATION"}),
    COMMAND_EXAMPLES(
        {"pyramid relief.zarr/ROSE relief.ome.zarr --chunks 256,256",
         "Halved along both axes until one chunk holds all of it"},
        {"pyramid relief.zarr/ROSE relief.zarr", "In the group that the array lies in"},
        {"pyramid cells.zarr/labels labels.ome.zarr --method mode --factors z=1,y=2,x=2",
         "Labels: the most frequent one, and every plane stays"},
        {"pyramid scan.h5/data scan.ome.zarr --scale 0.5 --units x=micrometer,y=micrometer",
         "With the size of its elements"}),
    COMMAND_OPTIONS(OPTION_METHOD, OPTION_FACTORS, OPTION_SMALLER_LEVELS, OPTION_SCALE,
                    OPTION_UNITS, CREATION_OPTIONS, OPTION_OVERWRITE, OPTION_VERIFY, OPTION_DRY_RUN,
                    OPTION_DURABILITY, OPTION_INNER_ORDER, OPTION_MEMORY, OPTION_THREADS,
                    OPTION_PROGRESS, OPTION_JSON),
    .run = run,
};
