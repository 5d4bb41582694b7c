/* tessera attr PLACE [NAME=VALUE...]: the attributes of an array or group, shown or changed. */
#include <string.h>

#include <tessera/sys/json.h>

#include "describe.h"
#include "location.h"
#include "memory.h"
#include "show.h"

/* What is to be changed: an object of new values, and a list of names that ends in NULL. */
typedef struct cli_attribute_change {
    struct json_object *set;
    const char **removed; /* borrowed texts */
} cli_attribute_change;

static void change_clear(cli_attribute_change *change)
{
    json_object_put(change->set);
    memory_free(change->removed);
}

/* The value behind "NAME=": JSON, or else a text as it stands. */
static int take_value(cli_invocation *invocation, const char *operand, cli_attribute_change *change)
{
    const char *equals = strchr(operand, '=');
    struct json_object *value = NULL;
    tsr_error error = TSR_ERROR_INIT;

    if (!equals || equals == operand)
        return invocation_misuse(invocation, "'%s' is not NAME=VALUE", operand);
    char *name = memory_text(operand);
    if (!name)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    name[equals - operand] = '\0';
    int status =
        tsr_json_parse(equals + 1, strlen(equals + 1), TSR_JSON_LONE_SURROGATES, 0, &value, &error);
    if (status == TSR_BAD_METADATA) {
        value = json_object_new_string(equals + 1);
        status = value ? 0 : TSR_NO_MEMORY;
    }
    if (status >= 0 && json_object_object_add(change->set, name, value) != 0) {
        json_object_put(value);
        status = TSR_NO_MEMORY;
    }
    memory_free(name);
    return status < 0 ? tsr_error_set(&invocation->error, status, "%s: %s", operand,
                                      error.status ? error.message : "out of memory")
                      : 0;
}

static int read_change(cli_invocation *invocation, cli_attribute_change *change)
{
    size_t count = 0;

    change->set = json_object_new_object();
    change->removed = memory_zeroed((size_t)invocation->given_count + 1, sizeof *change->removed);
    if (!change->set || !change->removed)
        return tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    for (int i = 0; i < invocation->given_count; i++)
        if (invocation->given[i].id == OPTION_REMOVE)
            change->removed[count++] = invocation->given[i].value;
    for (int i = 1; i < invocation->operand_count; i++)
        CLI_TRY(take_value(invocation, invocation->operands[i], change));
    return 0;
}

static int apply(cli_invocation *invocation, const cli_attribute_change *change)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(tsr_group) *group = NULL;
    const char *place = invocation->operands[0];
    tsr_array_open_options options;
    tsr_context *context;
    bool is_group;
    char *json;
    int status;

    CLI_TRY(invocation_context(invocation, &context));
    CLI_TRY(location_is_group(invocation, place, &is_group));
    CLI_TRY(tsr_json_text(change->set, 0, &json, &invocation->error));
    tsr_array_open_options_init(&options);
    options.writable = true;
    if (is_group) {
        status = tsr_group_open(context, place, &options, &group, &invocation->error);
        if (status >= 0)
            status = tsr_group_update_attributes(group, json, change->removed, &invocation->error);
    } else {
        status = location_open_array(invocation, place, true, &array);
        if (status >= 0)
            status = tsr_array_update_attributes(array, json, change->removed, &invocation->error);
    }
    tsr_free(json);
    return status;
}

static int show(cli_invocation *invocation)
{
    tsr_auto(cli_location_node) node = {NULL, NULL};
    struct json_object *attributes;
    char *text;

    CLI_TRY(location_open_node(invocation, invocation->operands[0], &node));
    CLI_TRY(node.array ? describe_array_attributes(node.array, &attributes, &invocation->error)
                       : describe_group_attributes(node.group, &attributes, &invocation->error));
    int status = tsr_json_text(attributes, 2, &text, &invocation->error);
    json_object_put(attributes);
    if (status < 0)
        return status;
    puts(text);
    tsr_free(text);
    return 0;
}

static int run(cli_invocation *invocation)
{
    cli_attribute_change change = {NULL, NULL};
    int status;

    if (invocation->operand_count == 1 && !invocation_has(invocation, OPTION_REMOVE))
        return show(invocation);
    status = read_change(invocation, &change);
    if (status >= 0)
        status = apply(invocation, &change);
    change_clear(&change);
    return status;
}

extern const cli_command command_attr;
const cli_command command_attr = {
    .name = "attr",
    .summary = "show or change the attributes of an array or group",
    .description =
        "Without NAME=VALUE it prints all attributes as JSON. VALUE is JSON, or else a text: units=K and "
        "'units=\"K\"' are the same. Attributes that are not named stay as they are, also those that "
        "another program sets at the same time.",
    COMMAND_OPERANDS(
        {.kind = OPERAND_PLACE, .name = "PLACE"},
        {.kind = OPERAND_TEXT, .name = "NAME=VALUE", .optional = true, .repeats = true}),
    COMMAND_EXAMPLES({"attr out.zarr", "What there is"},
                     {"attr out.zarr/t units=K 'valid_range=[180, 330]'", "Two are set"},
                     {"attr out.zarr/t --remove valid_range", "One is removed"}),
    COMMAND_OPTIONS(OPTION_REMOVE),
    .run = run,
};
