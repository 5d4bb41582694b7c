/* The children of a group, noted before any of them is entered: whoever goes through a tree holds
 * no listing open meanwhile. */
#ifndef TESSERA_ARRAY_TREE_H
#define TESSERA_ARRAY_TREE_H

#include <tessera/group.h>

#include "base/base.h"

typedef struct tsri_child {
    char *name;
    tsr_node_kind kind;
    tsr_error *error; /* owned; NULL: none */
} tsri_child;

typedef struct tsri_children {
    tsri_child *items;
    size_t count, capacity;
} tsri_children;

/* Reads them in byte order of their names; `ret_children` is zeroed before, and to be cleared also
 * after a failure. Errors: those of tsr_group_children. */
int tsri_children_read(tsr_group *group, tsri_children *ret_children, tsr_error *err);

void tsri_children_cleanup(tsri_children *children);

/* The context of a group. Borrowed. (hierarchy.c) */
tsr_context *tsri_group_context(const tsr_group *group);

#endif
