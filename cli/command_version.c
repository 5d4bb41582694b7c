/* tessera version [--build] */
#include <string.h>

#include "document.h"
#include "invocation.h"
#include "show.h"

#if TESSERA_HAVE_PNG
#include <png.h>
#endif
#if TESSERA_HAVE_NETCDF
#include <netcdf.h>
#endif

static const char *png_version(void)
{
#if TESSERA_HAVE_PNG
    return png_get_libpng_ver(NULL);
#else
    return NULL;
#endif
}

/* netCDF says "4.9.0 of Jan  1 2023 ..."; the first word is the version. */
static const char *netcdf_version(char text[32])
{
#if TESSERA_HAVE_NETCDF
    const char *all = nc_inq_libvers();
    snprintf(text, 32, "%.*s", (int)strcspn(all, " "), all);
    return text;
#else
    (void)text;
    return NULL;
#endif
}

static void fill(cli_document *document, bool build)
{
    struct json_object *parts;
    char text[32];

    document_add_text(document, document->root, "version", tsr_version());
    if (!build)
        return;
    document_add_json(document, document->root, "library", tsr_build_info());
    parts = document_add_object(document, document->root, "command_line");
    document_add_text(document, parts, "draw_png", png_version());
    document_add_text(document, parts, "export_netcdf", netcdf_version(text));
}

/* Nested objects as indented lines: names on the left, values on the right. */
static void print_object(struct json_object *object, int indent)
{
    json_object_object_foreach(object, key, value)
    {
        if (json_object_is_type(value, json_type_object)) {
            printf("%*s%s\n", indent, "", key);
            print_object(value, indent + 2);
        } else if (json_object_is_type(value, json_type_boolean)) {
            printf("%*s%-*s%s\n", indent, "", 20 - indent, key,
                   json_object_get_boolean(value) ? "yes" : "no");
        } else {
            printf("%*s%-*s%s\n", indent, "", 20 - indent, key,
                   value ? json_object_get_string(value) : "no");
        }
    }
}

static int run(cli_invocation *invocation)
{
    bool build = invocation_has(invocation, OPTION_BUILD);
    cli_document document;
    int status = 0;

    document_init(&document);
    fill(&document, build);
    if (invocation_has(invocation, OPTION_JSON))
        status = document_print(&document, stdout, &invocation->error);
    else if (!build)
        printf("tessera %s\n", tsr_version());
    else if (document.failed)
        status = tsr_error_set(&invocation->error, TSR_NO_MEMORY, "out of memory");
    else
        print_object(document.root, 0);
    document_clear(&document);
    return status;
}

extern const cli_command command_version;
const cli_command command_version = {
    .name = "version",
    .summary = "show the version, and how it was built",
    COMMAND_EXAMPLES({"version", "The version"},
                     {"version --build", "Also compiler, libraries and optional parts"}),
    COMMAND_OPTIONS(OPTION_BUILD, OPTION_JSON),
    .run = run,
};
