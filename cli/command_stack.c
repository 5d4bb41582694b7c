/* tessera stack SOURCE... -o DESTINATION: many arrays become one. */
#include <stdlib.h>
#include <string.h>

#include <tessera/derived.h>

#include "location.h"
#include "memory.h"
#include "quantity.h"
#include "transfer.h"

typedef struct stack {
    cli_invocation *invocation;
    tsr_array **sources;
    size_t count;
    char *new_name; /* NULL: along an axis that there is */
    int axis;
} stack;

static int refuse_axis(cli_invocation *invocation, const tsr_array *array, const char *given)
{
    return invocation_misuse(invocation, "stack: %s has no axis '%s'", tsr_array_place(array),
                             given);
}

/* --axis: a name or number. */
static int read_axis(stack *self)
{
    const char *given = invocation_text(self->invocation, OPTION_STACK_AXIS);
    const tsr_array *first = self->sources[0];
    int64_t number = 0;
    int rank = tsr_array_rank(first);

    if (given && (self->axis = tsr_array_axis(first, given)) >= 0)
        return 0;
    if ((given && !quantity_parse_integer(given, &number)) || number < -rank || number >= rank)
        return refuse_axis(self->invocation, first, given ? given : "0");
    self->axis = (int)(number < 0 ? number + rank : number);
    return 0;
}

/* --new-axis: "member", or "member=1". */
static int read_new_axis(stack *self)
{
    const char *given = invocation_text(self->invocation, OPTION_NEW_AXIS);
    int64_t number = 0;
    char *equals;

    self->new_name = memory_text(given);
    if (!self->new_name)
        return tsr_error_set(&self->invocation->error, TSR_NO_MEMORY, "out of memory");
    equals = strrchr(self->new_name, '=');
    if (equals) {
        *equals = '\0';
        if (!quantity_parse_integer(equals + 1, &number) || number < 0 ||
            number > tsr_array_rank(self->sources[0]))
            return refuse_axis(self->invocation, self->sources[0], equals + 1);
    }
    if (!*self->new_name)
        return invocation_misuse(self->invocation, "--new-axis: NAME or NAME=PLACE, not '%s'",
                                 given);
    self->axis = (int)number;
    return 0;
}

/* What is wrong with the options whatever the arrays are: before any is opened, since the
 * destination may stand among them. */
static int check_options(cli_invocation *invocation)
{
    if (!invocation_has(invocation, OPTION_DESTINATION))
        return invocation_misuse(invocation, "stack: -o DESTINATION is missing");
    if (invocation_has(invocation, OPTION_NEW_AXIS) &&
        invocation_has(invocation, OPTION_STACK_AXIS))
        return invocation_misuse(invocation, "--axis and --new-axis do not go together");
    return 0;
}

static int types_differ(stack *self, const tsr_array *array)
{
    tsr_error *err = &self->invocation->error;

    tsr_error_set(err, TSR_TYPE_MISMATCH, "%s is of %s, %s of %s",
                  tsr_array_place(self->sources[0]), tsr_array_dtype(self->sources[0])->name,
                  tsr_array_place(array), tsr_array_dtype(array)->name);
    tsr_error_set_next_step(err, "--dtype makes them all of one type");
    return TSR_TYPE_MISMATCH;
}

/* With --dtype, arrays of several types become one of that type. */
static int cast_sources(stack *self, const tsr_dtype *dtype)
{
    for (size_t i = 0; i < self->count; i++) {
        const tsr_dtype *asked = dtype ? dtype : tsr_array_dtype(self->sources[0]);
        tsr_array *array;
        if (tsr_dtype_equal(tsr_array_dtype(self->sources[i]), asked))
            continue;
        if (!dtype)
            return types_differ(self, self->sources[i]);
        CLI_TRY(tsr_array_cast(self->sources[i], dtype, creation_casting(self->invocation), &array,
                               &self->invocation->error));
        tsr_array_close(self->sources[i]);
        self->sources[i] = array;
    }
    return 0;
}

static int make_stack(void *user, cli_transfer *transfer)
{
    stack *self = user;
    tsr_auto(tsr_array) *array = NULL, *first = tsr_array_ref(self->sources[0]);
    tsr_error *err = &self->invocation->error;
    int status;

    CLI_TRY(cast_sources(self, transfer_creation(transfer)->dtype));
    if (self->new_name)
        status =
            tsr_array_stack(self->sources, self->count, self->axis, self->new_name, &array, err);
    else
        status = tsr_array_concatenate(self->sources, self->count, self->axis, &array, err);
    CLI_TRY(status);
    return transfer_make_array(transfer, array, self->new_name ? array : first, NULL, "");
}

static int open_and_make(stack *self)
{
    static const cli_transfer_words words = {"putting together", "put together",
                                             "would put together"};
    cli_invocation *invocation = self->invocation;

    CLI_TRY(check_options(invocation));
    self->sources = memory_zeroed((size_t)invocation->operand_count, sizeof *self->sources);
    if (!self->sources)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    for (; self->count < (size_t)invocation->operand_count; self->count++)
        CLI_TRY(location_open_array(invocation, invocation->operands[self->count], false,
                                    &self->sources[self->count]));
    CLI_TRY(invocation_has(invocation, OPTION_NEW_AXIS) ? read_new_axis(self) : read_axis(self));
    return transfer_make(invocation, &words, (const char *const *)invocation->operands, self->count,
                         invocation_text(invocation, OPTION_DESTINATION), make_stack, NULL, self);
}

static int run(cli_invocation *invocation)
{
    stack self = {.invocation = invocation};
    int status = open_and_make(&self);

    for (size_t i = 0; i < self.count; i++)
        tsr_array_close(self.sources[i]);
    memory_free(self.sources);
    memory_free(self.new_name);
    return status;
}

extern const cli_command command_stack;
const cli_command command_stack = {
    .name = "stack",
    .summary = "put many arrays together as one, along an axis or along a new one",
    .description =
        "Along an axis that the arrays have, they come one behind the other, with the lengths that they "
        "have there; along a new one each takes one place, and all have one shape. What they hold is "
        "copied piece by piece. Chunks and codecs are those of the first array unless options say "
        "otherwise (along a new axis they are chosen), its names and attributes are kept. An interrupted "
        "run is finished by the same command.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "SOURCE", .repeats = true}),
    COMMAND_EXAMPLES(
        {"stack jan.nc/temp feb.nc/temp mar.nc/temp -o quarter.zarr/temp --axis time",
         "Months one behind the other"},
        {"stack run*.zarr/t -o runs.zarr/t --new-axis member", "Runs of a model side by side"},
        {"stack a.npy b.npy -o ab.zarr --dtype float32 --casting same_kind", "Of several types"}),
    COMMAND_OPTIONS(OPTION_DESTINATION, OPTION_STACK_AXIS, OPTION_NEW_AXIS, OPTION_DTYPE,
                    OPTION_CASTING, CREATION_OPTIONS, OPTION_OVERWRITE, OPTION_VERIFY,
                    OPTION_DRY_RUN, OPTION_DURABILITY, OPTION_INNER_ORDER, OPTION_MEMORY,
                    OPTION_THREADS, OPTION_PROGRESS, OPTION_JSON),
    .run = run,
};
