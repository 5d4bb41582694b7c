#include <tessera/error.h>

#include <errno.h>

#include "base/base.h"
#include "base/text.h"

typedef struct status_row {
    int status;
    const char *name;
    const char *text;
    int http_status, exit_status;
    const char *python;
} status_row;

#define STATUS_ROW(name, value, text, http, exit, python) {value, #name, text, http, exit, python},
static const status_row status_rows[] = {TSR_STATUS_MAP(STATUS_ROW)};
#undef STATUS_ROW

static const status_row unknown_row = {0, "UNKNOWN", "unknown failure", 500, 8, "RuntimeError"};

static const status_row *row_of(int status)
{
    for (size_t i = 0; i < TSRI_COUNT(status_rows); i++)
        if (status_rows[i].status == status)
            return &status_rows[i];
    return &unknown_row;
}

const char *tsr_status_name(int status)
{
    return row_of(status)->name;
}

const char *tsr_status_text(int status)
{
    return row_of(status)->text;
}

int tsr_status_http(int status)
{
    return row_of(status)->http_status;
}

int tsr_status_exit(int status)
{
    return row_of(status)->exit_status;
}

const char *tsr_status_python(int status)
{
    return row_of(status)->python;
}

int tsr_error_vset(tsr_error *err, int status, const char *format, va_list arguments)
{
    if (!err)
        return status;
    /* The arguments may be texts of this very error. */
    char message[TSR_ERROR_MESSAGE_MAX];
    tsri_text_vprint(message, sizeof message, format, arguments);
    err->status = status;
    strcpy(err->message, message);
    err->where[0] = 0;
    err->next_step[0] = 0;
    return status;
}

int tsr_error_set(tsr_error *err, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    tsr_error_vset(err, status, format, arguments);
    va_end(arguments);
    return status;
}

int tsr_error_prepend(tsr_error *err, const char *format, ...)
{
    if (!err)
        return TSR_INTERNAL;
    char phrase[TSR_ERROR_MESSAGE_MAX], message[TSR_ERROR_MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    tsri_text_vprint(phrase, sizeof phrase, format, arguments);
    va_end(arguments);
    /* A path that fails must never return 0, not even when the layer below forgot to say why. */
    if (err->status == 0)
        return tsr_error_set(err, TSR_INTERNAL, "%s", phrase);
    tsri_text_print(message, sizeof message, "%s: %s", phrase, err->message);
    strcpy(err->message, message);
    return err->status;
}

void tsr_error_set_where(tsr_error *err, const char *format, ...)
{
    if (!err || err->where[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    tsri_text_vprint(err->where, sizeof err->where, format, arguments);
    va_end(arguments);
}

void tsr_error_set_next_step(tsr_error *err, const char *format, ...)
{
    if (!err || err->next_step[0])
        return;
    va_list arguments;
    va_start(arguments, format);
    tsri_text_vprint(err->next_step, sizeof err->next_step, format, arguments);
    va_end(arguments);
}

void tsr_error_clear(tsr_error *err)
{
    if (!err)
        return;
    err->status = 0;
    err->message[0] = 0;
    err->where[0] = 0;
    err->next_step[0] = 0;
}

static void report_line(FILE *stream, const char *prefix, const char *text)
{
    /* Every byte may become \xNN. */
    char shown[4 * TSR_ERROR_MESSAGE_MAX + 16];
    tsri_text_escape(shown, sizeof shown, text);
    fprintf(stream, "%s%s\n", prefix, shown);
}

int tsr_error_report(const tsr_error *err, FILE *stream)
{
    if (!err || err->status == 0)
        return 0;
    report_line(stream, "tessera: ", err->message[0] ? err->message : tsr_status_text(err->status));
    if (err->where[0])
        report_line(stream, "  ", err->where);
    if (err->next_step[0])
        report_line(stream, "  next: ", err->next_step);
    return tsr_status_exit(err->status);
}

void tsri_error_set_no_memory(tsr_error *err, size_t size_bytes)
{
    tsr_error_set(err, TSR_NO_MEMORY, "out of memory: no room for %zu bytes", size_bytes);
    tsr_error_set_next_step(err, "use smaller chunks, fewer threads, or a smaller memory limit");
}

typedef struct errno_row {
    int error_number;
    tsr_status status;
    const char *next_step;
} errno_row;

static const errno_row errno_rows[] = {
    {ENOENT, TSR_NOT_FOUND, NULL},
    {ENOTDIR, TSR_NOT_FOUND, "a part of the path is a file and not a folder"},
    {EEXIST, TSR_EXISTS, NULL},
    {ENOTEMPTY, TSR_EXISTS, NULL},
    {EACCES, TSR_PERMISSION,
     "look at the owner and the mode of the path and of the folders above it"},
    {EPERM, TSR_PERMISSION, "look at the owner and the attributes of the path"},
    {EROFS, TSR_READ_ONLY, "write to a file system that is not mounted read-only"},
    {ENOSPC, TSR_NO_SPACE, "free some space or write to another place; then run it again"},
    {EDQUOT, TSR_NO_SPACE, "the quota is used up: free some space or write to another place"},
    {ENOMEM, TSR_NO_MEMORY, "use smaller chunks, fewer threads, or a smaller memory limit"},
    {EFBIG, TSR_LIMIT, "the file system or `ulimit -f` refuses files of this size"},
    {EMFILE, TSR_IO, "raise the number of open files: `ulimit -n`"},
    {ENFILE, TSR_IO, "the system has no open files left: close other programs"},
    {ENAMETOOLONG, TSR_INVALID_ARGUMENT, "use shorter names"},
    {EILSEQ, TSR_INVALID_ARGUMENT, "the file system does not accept these characters in names"},
    {EISDIR, TSR_IO, "there is a folder where a file should be"},
    {ELOOP, TSR_IO,
     "the path leads through too many symbolic links, or through one where none may be"},
    {EIO, TSR_IO, "the device reports an error: look at the system's log"},
    {ENOSYS, TSR_UNSUPPORTED, NULL},
    {EOPNOTSUPP, TSR_UNSUPPORTED, NULL},
    {EXDEV, TSR_UNSUPPORTED, NULL},
    {ETIMEDOUT, TSR_UNREACHABLE, NULL},
    {ECONNREFUSED, TSR_UNREACHABLE, NULL},
    {ECONNRESET, TSR_UNREACHABLE, NULL},
    {EHOSTDOWN, TSR_UNREACHABLE, NULL},
    {EHOSTUNREACH, TSR_UNREACHABLE, NULL},
    {ENETDOWN, TSR_UNREACHABLE, NULL},
    {ENETUNREACH, TSR_UNREACHABLE, NULL},
    {ESTALE, TSR_UNREACHABLE, "the network file system has lost this file: open it again"},
    {ECANCELED, TSR_CANCELLED, NULL},
};

int tsri_error_errno(tsr_error *err, int error_number, const char *operation, const char *path)
{
    tsr_status status = TSR_IO;
    const char *next_step = NULL;
    for (size_t i = 0; i < TSRI_COUNT(errno_rows); i++) {
        if (errno_rows[i].error_number == error_number) {
            status = errno_rows[i].status;
            next_step = errno_rows[i].next_step;
        }
    }
    /* strerror is safe in threads for the numbers that the system knows, in glibc and in musl. */
    tsr_error_set(err, status, "%s %s: %s", operation, path, strerror(error_number));
    if (next_step)
        tsr_error_set_next_step(err, "%s", next_step);
    return status;
}
