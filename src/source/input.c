#include "source/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

int tsri_input_open(tsr_context *context, const char *path, tsri_input *input, tsr_error *err)
{
    const tsr_system *system = context->system;
    char *copy = tsri_strdup(path);

    if (!copy)
        return tsri_error_no_memory(err, strlen(path));
    int descriptor = system->openat(system, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (descriptor < 0) {
        tsri_free(copy);
        return tsri_error_errno(err, errno, "opening", path);
    }
    *input = (tsri_input){tsri_context_ref(context), copy, descriptor, ""};
    snprintf(input->name, sizeof input->name, "/proc/self/fd/%d", descriptor);
    return 0;
}

void tsri_input_close(tsri_input *input)
{
    const tsr_system *system = input->context->system;
    system->close(system, input->descriptor);
    tsri_free(input->path);
    tsri_context_unref(input->context);
}

int tsri_input_size(const tsri_input *input, uint64_t *ret_size_bytes, tsr_error *err)
{
    const tsr_system *system = input->context->system;
    struct stat status;

    if (system->fstat(system, input->descriptor, &status) < 0)
        return tsri_error_errno(err, errno, "looking at", input->path);
    *ret_size_bytes = (uint64_t)status.st_size;
    return 0;
}

int tsri_input_read(const tsri_input *input, uint64_t offset, void *bytes, size_t size_bytes,
                    size_t *ret_got, tsr_error *err)
{
    const tsr_system *system = input->context->system;
    size_t done = 0;

    while (done < size_bytes) {
        ssize_t got = system->pread(system, input->descriptor, (char *)bytes + done,
                                    size_bytes - done, (int64_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tsri_error_errno(err, errno, "reading", input->path);
        if (got == 0)
            break;
        done += (size_t)got;
    }
    *ret_got = done;
    return 0;
}
