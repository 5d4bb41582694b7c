/* What kind of file system a store lies on: shared with other machines, or sharing blocks between
 * files. By the magic numbers of statfs(2) and of
 * linux/magic.h. The numbers of Lustre, GPFS, BeeGFS and PVFS are those of their own sources. */
#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>

#include "store/store_fs.h"

static const struct {
    uint32_t type;
    const char *name;
} networks[] = {
    {0x6969, "NFS"},        {0x517b, "SMB"},
    {0xfe534d42, "SMB"},    {0xff534d42, "SMB"},
    {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},
    {0x00c36400, "Ceph"},   {0x19830326, "BeeGFS"},
    {0x20030528, "PVFS"},   {0x01021997, "9P"},
    {0x5346414f, "AFS"},    {0x6b414653, "AFS"},
    {0x73757245, "Coda"},   {0x01161970, "GFS2"},
    {0x7461636f, "OCFS2"},  {0x65735546, "FUSE (a file system that a program makes)"},
};

static const char *name_of(uint32_t type)
{
    for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
        if (networks[i].type == type)
            return networks[i].name;
    return NULL;
}

bool tsri_fs_is_shared(const tsri_fs *fs, int folder)
{
    struct statfs status;
    return fs->system->fstatfs(fs->system, folder, &status) < 0 ||
           name_of((uint32_t)status.f_type) != NULL;
}

/* Files of these may share blocks (copy_file_range then does, where both offsets are those of a
 * block): XFS, Btrfs, bcachefs. */
static bool shares_blocks(uint32_t type)
{
    return type == 0x58465342 || type == 0x9123683e || type == 0xca451a4e;
}

void tsri_fs_learn_kind(tsri_fs *fs)
{
    struct statfs status;
    if (__atomic_load_n(&fs->network_told, __ATOMIC_RELAXED))
        return;
    int root = tsri_fs_open_directory(fs, "", O_RDONLY);
    if (root < 0)
        return; /* not made yet; the next put looks again */
    bool known = fs->system->fstatfs(fs->system, root, &status) == 0;
    tsri_fs_close(fs, root);
    if (known && shares_blocks((uint32_t)status.f_type))
        __atomic_store_n(&fs->head.hints.shares_beginnings, true, __ATOMIC_RELAXED);
    const char *name = known ? name_of((uint32_t)status.f_type) : NULL;
    if (!__atomic_exchange_n(&fs->network_told, true, __ATOMIC_RELAXED) && name)
        tsri_log(fs->head.context, TSR_LOG_WARNING, "store",
                 "%s lies on %s: locks may not keep out writers on other machines, and what was "
                 "synced may lie in the memory of a server; let one machine write each chunk",
                 fs->root, name);
}

int tsri_fs_network(tsr_store *store, const char **ret_name, tsr_error *err)
{
    const tsri_fs *fs = (const tsri_fs *)store;
    struct statfs status;
    int folder = tsri_fs_open_directory(fs, "", O_PATH);
    if (folder < 0 && errno != ENOENT)
        return tsri_fs_error(fs, err, errno, "open", "");
    if (folder < 0) {
        *ret_name = NULL; /* not made yet */
        return 0;
    }
    int result = fs->system->fstatfs(fs->system, folder, &status), error_number = errno;
    tsri_fs_close(fs, folder);
    if (result < 0)
        return tsri_fs_error(fs, err, error_number, "ask for the file system of", "");
    *ret_name = name_of((uint32_t)status.f_type);
    return 0;
}
