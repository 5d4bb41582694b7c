/* Places as people type them: an array or group, with an optional selection glued on
 * ('relief.zarr/ROSE[1000:1003]') or given by --select and --isel. */
#ifndef TESSERA_CLI_LOCATION_H
#define TESSERA_CLI_LOCATION_H

#include "invocation.h"

/* An opened array and the elements of it that are meant. */
typedef struct cli_selected_array {
    tsr_array *array;
    tsr_index index;
    bool whole; /* nothing was selected: all elements, in order */
    int rank;   /* of the result */
    int64_t shape[TSR_RANK_MAX];
} cli_selected_array;

/* Opens what an operand names and applies the selections. Errors: those of tsr_array_open and
 * tsr_index_parse; a name that is nearly right is corrected in the next step. */
int location_open_selected(cli_invocation *invocation, const char *operand, bool writable,
                           cli_selected_array *ret_selected);

/* The same without --select and --isel, which belong to another operand. */
int location_open_glued(cli_invocation *invocation, const char *operand, bool writable,
                        cli_selected_array *ret_selected);

/* Opens an array; brackets are a part of its name. Errors: as above. */
int location_open_array(cli_invocation *invocation, const char *operand, bool writable,
                        tsr_array **ret_array);

/* Selects from what is selected. Errors: those of tsr_index_compose. */
int selected_array_narrow(cli_selected_array *selected, const tsr_index *by, tsr_error *err);

/* Closes the array. */
void selected_array_clear(cli_selected_array *selected);

static inline void cli_selected_array_cleanup(cli_selected_array *selected)
{
    selected_array_clear(selected);
}

/* Whether an array keeps statistics. Such as cannot be opened are none: elements are read without
 * them, and `check` tells what is wrong. Errors: those of reading metadata but for these. */
int location_keeps_statistics(tsr_array *array, bool *ret_keeps, tsr_error *err);

/* An array or a group; exactly one is set. */
typedef struct cli_location_node {
    tsr_array *array;
    tsr_group *group;
} cli_location_node;

/* Opens whatever lies at a place. Errors: NOT_FOUND when nothing does, and those of opening. */
int location_open_node(cli_invocation *invocation, const char *operand,
                       cli_location_node *ret_node);

/* The same, with every node read from its own document also where a group carries copies. */
int location_open_node_itself(cli_invocation *invocation, const char *operand,
                              cli_location_node *ret_node);

/* Whether a group lies at a place. Errors: NO_MEMORY. */
int location_is_group(cli_invocation *invocation, const char *place, bool *ret_group);

/* Closes it. */
void location_node_clear(cli_location_node *node);

static inline void cli_location_node_cleanup(cli_location_node *node)
{
    location_node_clear(node);
}

/* "parent/child" in a new string, which the caller frees; the child alone when the parent is empty.
 * NULL when out of memory. */
char *location_join(const char *parent, const char *child);

/* The last part of a place: "ROSE" of "relief.zarr/ROSE". Borrowed. */
const char *location_base_name(const char *place);

/* Everything but the last part, in a new string, which the caller frees: "relief.zarr" of
 * "relief.zarr/ROSE", "." of "ROSE". NULL when out of memory. */
char *location_parent(const char *place);

/* Whether the place is a path in the local file system. Fills in where its path begins. */
bool location_is_local(const char *place, const char **ret_path);

/* Whether the place lies in a file, of whatever format, in place of a folder: nobody writes there,
 * and its keys are no files. */
bool location_is_in_file(const char *place);

/* Whether the driver of a node is Zarr, which has chunks in a store. */
bool location_is_zarr(const char *driver);

/* Sums the sizes of everything stored below a place but Zarr metadata, and counts the objects.
 * Errors: UNSUPPORTED (in a file, such as netCDF), PERMISSION, IO, NO_MEMORY, CANCELLED by a
 * signal.
 */
int location_stored_size(tsr_context *context, const char *place, int64_t *ret_size_bytes,
                         int64_t *ret_objects, tsr_error *err);

#endif
