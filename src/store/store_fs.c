/* Values in files below a folder. */
#include "store/store_fs.h"

#include <errno.h>
#include <fcntl.h>

#include "store/store_kinds.h"

/* ---- URLs ---- */

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Resolves %XX in place. */
static int decode_percent(char *text, tsr_error *err)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_digit(from[1]);
        int low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || high + low == 0)
            return tsr_error_set(err, TSR_INVALID_ARGUMENT,
                                 "a \"%%\" in a file URL must be followed by two hexadecimal "
                                 "digits that are not 00");
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = 0;
    return 0;
}

/* The path of a file URL (RFC 8089): file:/path, file:///path or file://localhost/path. */
static int path_of_url(const char *address, char **ret_path, tsr_error *err)
{
    const char *path = address;
    if (strncmp(path, "//", 2) == 0) {
        path += 2;
        if (strncmp(path, "localhost/", 10) == 0)
            path += strlen("localhost");
    }
    if (path[0] != '/') {
        tsr_error_set(err, TSR_INVALID_ARGUMENT, "file:%s does not hold an absolute path", address);
        tsr_error_set_next_step(err, "write file:///folder, or the path alone");
        return TSR_INVALID_ARGUMENT;
    }
    tsr_auto(tsri_text) *copy = tsri_strdup(path);
    if (!copy)
        return tsri_error_no_memory(err, strlen(path));
    TSRI_TRY(decode_percent(copy, err));
    *ret_path = TSRI_TAKE(copy);
    return 0;
}

static int root_path(const char *scheme, const char *address, char **ret_root, tsr_error *err)
{
    char *root = NULL;
    if (scheme[0])
        TSRI_TRY(path_of_url(address, &root, err));
    else if (!(root = tsri_strdup(address)))
        return tsri_error_no_memory(err, strlen(address));
    for (size_t size = strlen(root); size > 1 && root[size - 1] == '/'; size--)
        root[size - 1] = 0;
    *ret_root = root;
    return 0;
}

/* ---- Opening and closing ---- */

/* What was open in the parent is the parent's to unlock. */
static void after_fork_in_child(void *user)
{
    tsri_fs_lock_abandon_all(user);
}

/* A relative path means what it means now, wherever the process goes later. */
static int hold_working_directory(tsri_fs *fs, tsr_error *err)
{
    fs->base = AT_FDCWD;
    if (fs->root[0] == '/')
        return 0;
    fs->base = tsri_fs_openat(fs, AT_FDCWD, ".", O_PATH | O_DIRECTORY);
    return fs->base < 0 ? tsri_error_errno(err, errno, "open", "the working directory") : 0;
}

static int init_parts(tsri_fs *fs, tsr_context *context, tsr_error *err)
{
    TSRI_TRY(tsr_store_init(&fs->head, &tsri_store_fs_ops, context, fs->root, err));
    int status = tsri_fs_keeper_new(fs, &fs->keeper, err);
    if (status < 0)
        tsr_store_clear(&fs->head);
    return status;
}

static int fs_open(tsr_context *context, const char *scheme, const char *address,
                   tsr_store **ret_store, tsr_error *err)
{
    tsr_auto(tsri_text) *root = NULL;
    TSRI_TRY(root_path(scheme, address, &root, err));
    tsri_fs *fs = tsri_alloc_zero(sizeof *fs);
    if (!fs)
        return tsri_error_no_memory(err, sizeof *fs);
    fs->system = context->system;
    fs->follow_symlinks = context->options.follow_symlinks;
    fs->root = root;
    int status = tsri_sync_failures_get(context, &fs->failures, err);
    if (status == 0)
        status = tsri_unsynced_get(context, &fs->unsynced, err);
    if (status == 0)
        status = tsri_fs_group_get(context, &fs->group, err);
    if (status == 0)
        status = hold_working_directory(fs, err);
    if (status == 0) {
        status = init_parts(fs, context, err);
        if (status < 0 && fs->base >= 0)
            tsri_fs_close(fs, fs->base);
    }
    if (status < 0) {
        tsri_free(fs);
        return status;
    }
    /* Gap: 30 GB/s from the page cache times the 0.4 us of a pread. */
    fs->head.hints = (tsr_store_hints){.answers_at_once = true,
                                       .can_list = true,
                                       .coalesce_gap_bytes = 12 * 1024,
                                       .largest_range_bytes = 4 << 20,
                                       .requests_in_flight = 1,
                                       .passing_words = 1U << TSRI_FS_GENERATION_DEVICE};
    tsri_fork_mutex_init(&fs->mutex, after_fork_in_child, fs);
    root = NULL;
    *ret_store = &fs->head;
    return 0;
}

static void fs_close(tsr_store *store)
{
    tsri_fs *fs = (tsri_fs *)store;
    tsri_fs_group_publish(fs->group);
    tsri_fs_root_clear(fs);
    tsri_fs_keeper_free(fs->keeper);
    tsri_fork_mutex_clear(&fs->mutex);
    tsri_fs_sync_clear(fs);
    tsri_fs_close(fs, fs->base);
    tsri_free(fs->root);
    tsr_store_clear(store);
    tsri_free(fs);
}

static const char *const schemes[] = {"file", NULL};

const tsr_store_ops tsri_store_fs_ops = {
    .struct_size = sizeof(tsr_store_ops),
    .schemes = schemes,
    .open = fs_open,
    .close = fs_close,
    .get = tsri_fs_get,
    .put = tsri_fs_put,
    .erase = tsri_fs_erase,
    .link = tsri_fs_link,
    .erase_prefix = tsri_fs_erase_prefix,
    .list = tsri_fs_list,
    .list_left_over = tsri_fs_list_left_over,
    .lock = tsri_fs_lock_op,
    .unlock = tsri_fs_unlock_op,
    .flush = tsri_fs_flush,
    .sync = tsri_fs_sync,
    .wait = tsri_fs_wait,
    .late_failure = tsri_fs_late_failure,
    .network = tsri_fs_network,
};
