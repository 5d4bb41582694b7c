/* cat --where: the elements that fulfil a condition, each with its position. */
#ifndef TESSERA_CLI_CAT_WHERE_H
#define TESSERA_CLI_CAT_WHERE_H

#include "location.h"

/* Prints them in C order of the selection. `format` is "text", "csv" or "json". Errors:
 * INVALID_ARGUMENT (the condition, the format), UNSUPPORTED (elements that are no numbers), LIMIT
 * (an array of so many chunks that they cannot be visited), those of reading. */
int cat_where(cli_invocation *invocation, const cli_selected_array *selected, const char *condition,
              const char *format, int64_t max_bytes);

#endif
