/* Attributes of netCDF-4 files. */
#ifndef TESSERA_CLI_EXPORT_ATTRIBUTE_H
#define TESSERA_CLI_EXPORT_ATTRIBUTE_H

#include <json-c/json.h>

/* Writes an attribute of a variable or, with NC_GLOBAL, of a group: texts, numbers and lists of
 * them as they are, integers as int64 or, beyond it, uint64; everything else as JSON text, so that
 * nothing is lost. Returns a code of netCDF. */
int export_attribute_put(int group, int variable, const char *name, struct json_object *value);

#endif
