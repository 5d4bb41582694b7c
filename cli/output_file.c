#include "output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memory.h"
#include "try.h"

int output_file_status(int error_number)
{
    switch (error_number) {
    case ENOENT:
    case ENOTDIR:
        return TSR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return TSR_PERMISSION;
    case ENOSPC:
    case EDQUOT:
        return TSR_NO_SPACE;
    case EEXIST:
        return TSR_EXISTS;
    default:
        return TSR_IO;
    }
}

static int failed(const char *verb, const char *path, tsr_error *err)
{
    return tsr_error_set(err, output_file_status(errno), "cannot %s %s: %s", verb, path,
                         strerror(errno));
}

static int exists(const char *path, tsr_error *err)
{
    tsr_error_set(err, TSR_EXISTS, "%s exists already", path);
    tsr_error_set_next_step(err, "--overwrite replaces it");
    return TSR_EXISTS;
}

int output_file_check(const char *path, bool overwrite, tsr_error *err)
{
    struct stat status;

    if (!overwrite && lstat(path, &status) == 0)
        return exists(path, err);
    return 0;
}

/* Pipes and devices have no content to protect; "-" is standard output. */
static bool is_written_in_place(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode);
}

/* A file that is replaced keeps its mode and, where this user may do that, its owner. */
static void keep_mode(int descriptor, const char *path, mode_t otherwise)
{
    struct stat status;

    if (stat(path, &status) == 0) {
        otherwise = status.st_mode & 07777;
        if (fchown(descriptor, status.st_uid, status.st_gid) < 0)
            otherwise &= 01777;
    }
    fchmod(descriptor, otherwise);
}

static int open_temporary(cli_output_file *file, tsr_error *err)
{
    mode_t mask = umask(0);
    int descriptor;

    umask(mask);
    if (asprintf(&file->temporary, "%s.XXXXXX", file->path) < 0) {
        file->temporary = NULL;
        return tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    }
    descriptor = mkostemp(file->temporary, O_CLOEXEC);
    if (descriptor < 0) {
        memory_free(file->temporary);
        file->temporary = NULL;
        return failed("write", file->path, err);
    }
    keep_mode(descriptor, file->path, 0666 & ~mask);
    file->stream = fdopen(descriptor, "w");
    if (!file->stream) {
        close(descriptor);
        return failed("write", file->path, err);
    }
    return 0;
}

static int open_stream(cli_output_file *file, tsr_error *err)
{
    if (strcmp(file->path, "-") == 0) {
        file->stream = stdout;
        return 0;
    }
    if (is_written_in_place(file->path)) {
        file->stream = fopen(file->path, "we");
        return file->stream ? 0 : failed("write", file->path, err);
    }
    CLI_TRY(output_file_check(file->path, file->overwrite, err));
    return open_temporary(file, err);
}

int output_file_open(cli_output_file *ret_file, const char *path, bool overwrite, tsr_error *err)
{
    int status;

    *ret_file = (cli_output_file){NULL, memory_text(path), NULL, overwrite};
    if (ret_file->path)
        status = open_stream(ret_file, err);
    else
        status = tsr_error_set(err, TSR_NO_MEMORY, "out of memory");
    if (status < 0)
        output_file_clear(ret_file);
    return status;
}

int output_file_failed(const cli_output_file *file, tsr_error *err)
{
    return failed("write", file->path, err);
}

/* Moves the temporary file into place; where nothing may be replaced, the kernel refuses even what
 * came there meanwhile. */
static int publish(cli_output_file *file, tsr_error *err)
{
    int result = file->overwrite
                     ? -1
                     : renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, RENAME_NOREPLACE);

    if (result < 0 && !file->overwrite && errno != EINVAL)
        return errno == EEXIST ? exists(file->path, err) : failed("write", file->path, err);
    if (result < 0) {
        /* EINVAL: a file system that cannot refuse. */
        CLI_TRY(output_file_check(file->path, file->overwrite, err));
        if (rename(file->temporary, file->path) < 0)
            return failed("write", file->path, err);
    }
    memory_free(file->temporary);
    file->temporary = NULL;
    return 0;
}

int output_file_commit(cli_output_file *file, tsr_error *err)
{
    bool bad = fflush(file->stream) != 0 || ferror(file->stream);

    if (!bad && file->temporary)
        bad = fsync(fileno(file->stream)) != 0;
    if (bad)
        return failed("write", file->path, err);
    if (file->stream != stdout && fclose(file->stream) != 0) {
        file->stream = NULL;
        return failed("write", file->path, err);
    }
    file->stream = NULL;
    return file->temporary ? publish(file, err) : 0;
}

void output_file_clear(cli_output_file *file)
{
    if (file->stream && file->stream != stdout)
        fclose(file->stream);
    if (file->temporary)
        unlink(file->temporary);
    memory_free(file->temporary);
    memory_free(file->path);
    memset(file, 0, sizeof *file);
}
