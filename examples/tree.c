/* Lists a Zarr tree or a netCDF file: every array with its type and shape, however deep. */
#include <tessera.h>

typedef struct walk {
    tsr_group *group;
    int depth;
    tsr_error *err;
} walk;

static int show(void *user, const char *name, tsr_node_kind kind, const tsr_error *error);

static int show_array(const walk *self, const char *name)
{
    tsr_auto(tsr_array) *array = NULL;
    int status = tsr_group_open_array(self->group, name, &array, self->err);
    if (status < 0)
        return status;
    printf("%*s%s  %s (", self->depth * 2, "", name, tsr_array_dtype(array)->name);
    for (int axis = 0; axis < tsr_array_rank(array); axis++)
        printf("%s%lld", axis ? ", " : "", (long long)tsr_array_shape(array)[axis]);
    printf(")\n");
    return 0;
}

static int show_group(const walk *self, const char *name)
{
    tsr_auto(tsr_group) *group = NULL;
    int status = tsr_group_open_group(self->group, name, &group, self->err);
    if (status < 0)
        return status;
    walk below = {group, self->depth + 1, self->err};
    printf("%*s%s/\n", self->depth * 2, "", name);
    return tsr_group_children(group, show, &below, self->err);
}

static int show(void *user, const char *name, tsr_node_kind kind, const tsr_error *error)
{
    const walk *self = user;
    if (error) {
        printf("%*s%s  %s\n", self->depth * 2, "", name, error->message);
        return 0;
    }
    return kind == TSR_NODE_ARRAY ? show_array(self, name) : show_group(self, name);
}

int main(int argc, char **argv)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_group) *group = NULL;

    if (argc != 2) {
        fprintf(stderr, "usage: tree PLACE\n");
        return 2;
    }
    if (tsr_context_new(NULL, &context, &err) < 0 ||
        tsr_group_open(context, argv[1], NULL, &group, &err) < 0)
        return tsr_error_report(&err, stderr);
    walk root = {group, 0, &err};
    return tsr_group_children(group, show, &root, &err) < 0 ? tsr_error_report(&err, stderr) : 0;
}
