/* netCDF-4 types of elements, made in the file where it has none of its own.
 *
 * Structs become compounds whose fields lie as they do in memory, one behind the other; complex
 * numbers compounds of "r" and "i", as h5py and the netCDF library of Python have them; raw bytes
 * opaque ones; bytes of a fixed length characters. Integers with the attribute `enum`, which
 * `import` writes, become an enum again. Booleans are unsigned bytes, within structs too, since few
 * readers of netCDF know enums, and none within a compound. */
#ifndef TESSERA_CLI_EXPORT_TYPE_H
#define TESSERA_CLI_EXPORT_TYPE_H

#include <json-c/json.h>

#include "describe.h"

/* The attribute that has the names of integers. */
#define ENUM_ATTRIBUTE "enum"

/* A type that has been made in the file. */
typedef struct cli_made_type {
    const tsr_dtype *dtype;
    struct json_object *names; /* of an enum; NULL: a compound or opaque */
    int type;
} cli_made_type;

/* The types of one file. They lie in its root group, under names that nothing else there has. */
typedef struct cli_export_types {
    int file;
    const cli_child_list *root; /* what the root group gets; borrowed; NULL: nothing */
    const char *only;           /* or the one array; borrowed */
    cli_made_type *made;
    size_t count, capacity;
} cli_export_types;

typedef struct cli_export_type {
    int type;
    int64_t characters; /* > 0: so many NC_CHAR make an element, along a last axis of their own */
    bool is_enum;
} cli_export_type;

/* Whether netCDF takes a name for a type, a field or the word of an enum. */
bool export_type_takes_name(const char *name);

/* The type of the elements of the array called `name`, whose attributes may say that they are an
 * enum. Errors: UNSUPPORTED (netCDF has no such type; the message names the field, the next step
 * what to do), IO, NO_MEMORY. */
int export_type_find(cli_export_types *self, const char *name, const tsr_dtype *dtype,
                     struct json_object *attributes, cli_export_type *ret_type, tsr_error *err);

void export_types_clear(cli_export_types *self);

#endif
