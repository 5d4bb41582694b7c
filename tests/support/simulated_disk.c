#include "support/simulated_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#define DESCRIPTOR_FIRST 1000 /* far from those of the process */
#define NS_PER_SECOND INT64_C(1000000000)
#define TICK_NS (NS_PER_SECOND / 1000) /* by which the clock goes on each time it is looked at */
#define CLOCK_START_NS (INT64_C(1800000000) * NS_PER_SECOND)

typedef struct name_entry {
    char *name;
    int inode;
} name_entry;

typedef struct open_file open_file;

/* A file or a folder; its number is its place in the list of the disk. */
typedef struct node {
    mode_t mode; /* with the type */
    uid_t owner;
    gid_t group;
    int64_t changed_ns;
    int links;
    char *bytes; /* of a file; `capacity` is a multiple of the sector, zeros behind the size */
    int64_t size, capacity;
    name_entry *names; /* of a folder */
    size_t name_count;
    int parent;
    const open_file *lock_holder;
} node;

struct open_file {
    bool is_open;
    int inode;
    bool readable, writable; /* neither: O_PATH */
    int64_t position;
};

typedef struct folder_stream {
    int descriptor;
    size_t next;
    char **names;
    int *inodes;
    size_t count;
    struct dirent entry;
} folder_stream;

struct simulated_disk {
    tsr_system system; /* first, so that the functions find the rest */
    pthread_mutex_t mutex;
    pthread_cond_t unlocked;
    node **nodes; /* nodes[0] is none */
    size_t node_count;
    open_file **files;
    size_t file_count;
    disk_change *changes;
    size_t change_count;
    int64_t now_ns;
    uint64_t random;
};

static simulated_disk *disk_of(const tsr_system *system)
{
    return (simulated_disk *)system;
}

/* ---- memory ---- */

static void *must(void *memory)
{
    if (!memory) {
        fprintf(stderr, "simulated_disk: no memory\n");
        abort();
    }
    return memory;
}

static void *grown(void *list, size_t count, size_t size)
{
    /* Doubling at powers of 2: the lists remember no capacity. */
    if (count & (count - 1))
        return list;
    return must(realloc(list, (count ? 2 * count : 1) * size));
}

/* ---- the record ---- */

static disk_change *note(simulated_disk *disk, disk_change_kind kind, int inode, int64_t number)
{
    disk->changes = grown(disk->changes, disk->change_count, sizeof *disk->changes);
    disk_change *change = &disk->changes[disk->change_count++];
    *change = (disk_change){.kind = kind, .inode = inode, .number = number};
    return change;
}

static void note_name(simulated_disk *disk, int folder, const char *name, int inode)
{
    note(disk, DISK_NAME, folder, inode)->payload = must(strdup(name));
}

/* The two changes noted last belong together. */
static void note_pair(simulated_disk *disk, bool inseparable)
{
    disk_change *second = &disk->changes[disk->change_count - 1], *first = second - 1;
    first->partner = 1;
    second->partner = -1;
    first->inseparable = second->inseparable = inseparable;
}

static void note_sectors(simulated_disk *disk, int inode, int64_t from, int64_t end)
{
    const node *file = disk->nodes[inode];
    for (int64_t sector = from / DISK_SECTOR_BYTES; sector * DISK_SECTOR_BYTES < end; sector++) {
        char *bytes = must(malloc(DISK_SECTOR_BYTES));
        memcpy(bytes, file->bytes + sector * DISK_SECTOR_BYTES, DISK_SECTOR_BYTES);
        note(disk, DISK_SECTOR, inode, sector)->payload = bytes;
    }
}

/* ---- nodes and names ---- */

static int add_node(simulated_disk *disk, mode_t mode)
{
    node *made = must(calloc(1, sizeof *made));
    made->mode = mode;
    made->changed_ns = disk->now_ns;
    disk->nodes = grown(disk->nodes, disk->node_count, sizeof *disk->nodes);
    disk->nodes[disk->node_count] = made;
    return (int)disk->node_count++;
}

static bool is_folder(const simulated_disk *disk, int inode)
{
    return S_ISDIR(disk->nodes[inode]->mode);
}

static name_entry *find_name(const simulated_disk *disk, int folder, const char *name)
{
    const node *self = disk->nodes[folder];
    for (size_t i = 0; i < self->name_count; i++)
        if (strcmp(self->names[i].name, name) == 0)
            return &self->names[i];
    return NULL;
}

static int lookup(const simulated_disk *disk, int folder, const char *name)
{
    const name_entry *entry = find_name(disk, folder, name);
    return entry ? entry->inode : 0;
}

/* Lets a name lead to an inode, 0: to none. */
static void set_name(simulated_disk *disk, int folder, const char *name, int inode)
{
    node *self = disk->nodes[folder];
    name_entry *entry = find_name(disk, folder, name);
    if (entry)
        disk->nodes[entry->inode]->links--;
    if (inode) {
        disk->nodes[inode]->links++;
        disk->nodes[inode]->parent = folder;
    }
    if (entry && inode) {
        entry->inode = inode;
    } else if (entry) {
        free(entry->name);
        *entry = self->names[--self->name_count];
    } else if (inode) {
        self->names = grown(self->names, self->name_count, sizeof *self->names);
        self->names[self->name_count++] = (name_entry){must(strdup(name)), inode};
    }
    self->changed_ns = disk->now_ns;
}

static void change_name(simulated_disk *disk, int folder, const char *name, int inode)
{
    set_name(disk, folder, name, inode);
    note_name(disk, folder, name, inode);
}

static int fail(int error_number)
{
    errno = error_number;
    return -1;
}

/* ---- descriptors and paths ---- */

static open_file *file_of(const simulated_disk *disk, int descriptor)
{
    size_t i = (size_t)descriptor - DESCRIPTOR_FIRST;
    return descriptor >= DESCRIPTOR_FIRST && i < disk->file_count && disk->files[i]->is_open
               ? disk->files[i]
               : NULL;
}

/* The node of a descriptor, NULL with errno when it is none. */
static node *node_of(const simulated_disk *disk, int descriptor)
{
    const open_file *file = file_of(disk, descriptor);
    if (!file)
        errno = EBADF;
    return file ? disk->nodes[file->inode] : NULL;
}

static int add_descriptor(simulated_disk *disk, int inode, int flags)
{
    int access = flags & O_ACCMODE;
    size_t i = 0;
    while (i < disk->file_count && disk->files[i]->is_open)
        i++;
    if (i == disk->file_count) {
        disk->files = grown(disk->files, disk->file_count, sizeof *disk->files);
        disk->files[disk->file_count++] = must(calloc(1, sizeof **disk->files));
    }
    *disk->files[i] = (open_file){.is_open = true,
                                  .inode = inode,
                                  .readable = !(flags & O_PATH) && access != O_WRONLY,
                                  .writable = !(flags & O_PATH) && access != O_RDONLY};
    return (int)i + DESCRIPTOR_FIRST;
}

/* The folder that a name in a folder leads to; the folder itself for the empty name. The name is
 * used up. -1 with errno. */
static int step_down(const simulated_disk *disk, int folder, char *name)
{
    int inode = *name ? lookup(disk, folder, name) : folder;
    *name = 0;
    if (!inode)
        return fail(ENOENT);
    return is_folder(disk, inode) ? inode : fail(ENOTDIR);
}

/* The folder that a path ends in and the last name, which is empty for the folder itself. Returns
 * the folder's inode, or -1 with errno. */
static int walk(const simulated_disk *disk, int directory, const char *path,
                char ret_name[NAME_MAX + 1])
{
    int inode = DISK_ROOT;
    if (path[0] != '/' && directory != AT_FDCWD) {
        const open_file *file = file_of(disk, directory);
        if (!file)
            return fail(EBADF);
        inode = file->inode;
    }
    if (!*path)
        return fail(ENOENT);
    ret_name[0] = 0;
    for (const char *part = path; *part;) {
        size_t size = strcspn(part, "/");
        if (size > NAME_MAX)
            return fail(ENAMETOOLONG);
        if (size > 0 && (inode = step_down(disk, inode, ret_name)) < 0)
            return -1;
        bool is_up = size == 2 && part[0] == '.' && part[1] == '.';
        if (is_up)
            inode = disk->nodes[inode]->parent;
        else if (size > 1 || (size == 1 && part[0] != '.'))
            snprintf(ret_name, NAME_MAX + 1, "%.*s", (int)size, part);
        part += size + (part[size] == '/');
    }
    return is_folder(disk, inode) ? inode : fail(ENOTDIR);
}

/* The inode of a path; -1 with errno. */
static int resolve(const simulated_disk *disk, int directory, const char *path)
{
    char name[NAME_MAX + 1];
    int folder = walk(disk, directory, path, name);
    if (folder < 0 || !name[0])
        return folder;
    int inode = lookup(disk, folder, name);
    return inode ? inode : fail(ENOENT);
}

/* ---- opening and closing ---- */

static int open_locked(simulated_disk *disk, int directory, const char *path, int flags,
                       mode_t mode)
{
    char name[NAME_MAX + 1];
    int folder = walk(disk, directory, path, name);
    if (folder < 0)
        return -1;
    int inode = name[0] ? lookup(disk, folder, name) : folder;
    if (inode && (flags & O_CREAT) && (flags & O_EXCL))
        return fail(EEXIST);
    if (!inode && !(flags & O_CREAT))
        return fail(ENOENT);
    if (!inode) {
        inode = add_node(disk, S_IFREG | (mode & 0755));
        change_name(disk, folder, name, inode);
    }
    if ((flags & O_DIRECTORY) && !is_folder(disk, inode))
        return fail(ENOTDIR);
    if ((flags & O_ACCMODE) != O_RDONLY && is_folder(disk, inode))
        return fail(EISDIR);
    return add_descriptor(disk, inode, flags);
}

/* Takes the mutex around the body of a system call; every look at the disk moves its clock. */
#define ENTER(system)                       \
    simulated_disk *disk = disk_of(system); \
    pthread_mutex_lock(&disk->mutex);       \
    disk->now_ns += TICK_NS

static int leave(simulated_disk *disk, int result)
{
    int error_number = errno;
    pthread_mutex_unlock(&disk->mutex);
    errno = error_number;
    return result;
}

static int disk_openat(const tsr_system *system, int directory, const char *path, int flags,
                       mode_t mode)
{
    ENTER(system);
    return leave(disk, open_locked(disk, directory, path, flags, mode));
}

static int disk_close(const tsr_system *system, int descriptor)
{
    ENTER(system);
    open_file *file = file_of(disk, descriptor);
    if (!file)
        return leave(disk, fail(EBADF));
    if (disk->nodes[file->inode]->lock_holder == file) {
        disk->nodes[file->inode]->lock_holder = NULL;
        pthread_cond_broadcast(&disk->unlocked);
    }
    file->is_open = false;
    return leave(disk, 0);
}

static int disk_dup3(const tsr_system *system, int descriptor, int second, int flags)
{
    (void)flags;
    ENTER(system);
    open_file *from = file_of(disk, descriptor), *to = file_of(disk, second);
    if (!from || !to)
        return leave(disk, fail(EBADF));
    *to = *from;
    return leave(disk, second);
}

/* ---- bytes ---- */

static void resize_file(node *file, int64_t size)
{
    int64_t sectors = (size + DISK_SECTOR_BYTES - 1) / DISK_SECTOR_BYTES;
    if (sectors * DISK_SECTOR_BYTES > file->capacity) {
        int64_t capacity = sectors * DISK_SECTOR_BYTES;
        file->bytes = must(realloc(file->bytes, (size_t)capacity));
        memset(file->bytes + file->capacity, 0, (size_t)(capacity - file->capacity));
        file->capacity = capacity;
    }
    if (size < file->size)
        memset(file->bytes + size, 0, (size_t)(file->size - size));
    file->size = size;
}

/* A longer or shorter file: what is cut off or added is of zeros then. */
static void change_size(simulated_disk *disk, int inode, int64_t size)
{
    node *file = disk->nodes[inode];
    int64_t before = file->size;
    if (size == before)
        return;
    resize_file(file, size);
    note(disk, DISK_SIZE, inode, size);
    note_sectors(disk, inode, size < before ? size : before, size < before ? before : size);
}

static void write_bytes(simulated_disk *disk, int inode, const void *bytes, int64_t size,
                        int64_t offset)
{
    node *file = disk->nodes[inode];
    if (size == 0)
        return;
    if (offset > file->size)
        change_size(disk, inode, offset);
    if (offset + size > file->size) {
        resize_file(file, offset + size);
        note(disk, DISK_SIZE, inode, file->size);
    }
    memcpy(file->bytes + offset, bytes, (size_t)size);
    file->changed_ns = disk->now_ns;
    note_sectors(disk, inode, offset, offset + size);
}

static int64_t readable_bytes(const node *file, int64_t offset, size_t size)
{
    if (offset >= file->size)
        return 0;
    return (int64_t)size < file->size - offset ? (int64_t)size : file->size - offset;
}

static ssize_t read_locked(const simulated_disk *disk, int descriptor, void *bytes, size_t size,
                           int64_t offset)
{
    const open_file *file = file_of(disk, descriptor);
    if (!file || !file->readable)
        return fail(EBADF);
    const node *self = disk->nodes[file->inode];
    if (S_ISDIR(self->mode))
        return fail(EISDIR);
    int64_t count = readable_bytes(self, offset, size);
    if (count > 0)
        memcpy(bytes, self->bytes + offset, (size_t)count);
    return count;
}

static ssize_t disk_pread(const tsr_system *system, int descriptor, void *bytes, size_t size,
                          int64_t offset)
{
    ENTER(system);
    return leave(disk, (int)read_locked(disk, descriptor, bytes, size, offset));
}

static ssize_t disk_read(const tsr_system *system, int descriptor, void *bytes, size_t size)
{
    ENTER(system);
    open_file *file = file_of(disk, descriptor);
    ssize_t count = read_locked(disk, descriptor, bytes, size, file ? file->position : 0);
    if (count > 0)
        file->position += count;
    return leave(disk, (int)count);
}

static ssize_t disk_pwritev(const tsr_system *system, int descriptor, const struct iovec *parts,
                            int count, int64_t offset)
{
    ENTER(system);
    const open_file *file = file_of(disk, descriptor);
    if (!file || !file->writable)
        return leave(disk, fail(EBADF));
    int64_t done = 0;
    for (int i = 0; i < count; i++) {
        write_bytes(disk, file->inode, parts[i].iov_base, (int64_t)parts[i].iov_len, offset + done);
        done += (int64_t)parts[i].iov_len;
    }
    return leave(disk, (int)done);
}

static ssize_t disk_write(const tsr_system *system, int descriptor, const void *bytes, size_t size)
{
    ENTER(system);
    open_file *file = file_of(disk, descriptor);
    if (!file || !file->writable)
        return leave(disk, fail(EBADF));
    write_bytes(disk, file->inode, bytes, (int64_t)size, file->position);
    file->position += (int64_t)size;
    return leave(disk, (int)size);
}

static ssize_t disk_copy_file_range(const tsr_system *system, int from, int64_t from_offset, int to,
                                    int64_t to_offset, size_t size)
{
    ENTER(system);
    const open_file *source = file_of(disk, from), *destination = file_of(disk, to);
    if (!source || !source->readable || !destination || !destination->writable)
        return leave(disk, fail(EBADF));
    const node *file = disk->nodes[source->inode];
    if (S_ISDIR(file->mode))
        return leave(disk, fail(EISDIR));
    int64_t count = readable_bytes(file, from_offset, size);
    char *copy = must(malloc((size_t)count + 1));
    if (count > 0)
        memcpy(copy, file->bytes + from_offset, (size_t)count);
    write_bytes(disk, destination->inode, copy, count, to_offset);
    free(copy);
    return leave(disk, (int)count);
}

static int disk_ftruncate(const tsr_system *system, int descriptor, int64_t size)
{
    ENTER(system);
    const open_file *file = file_of(disk, descriptor);
    if (!file || !file->writable)
        return leave(disk, fail(EBADF));
    change_size(disk, file->inode, size);
    return leave(disk, 0);
}

static int disk_fallocate(const tsr_system *system, int descriptor, int mode, int64_t offset,
                          int64_t size)
{
    ENTER(system);
    const open_file *file = file_of(disk, descriptor);
    if (!file || !file->writable)
        return leave(disk, fail(EBADF));
    if (mode != 0)
        return leave(disk, fail(EOPNOTSUPP));
    if (offset + size > disk->nodes[file->inode]->size)
        change_size(disk, file->inode, offset + size);
    return leave(disk, 0);
}

static int disk_sync(const tsr_system *system, int descriptor)
{
    ENTER(system);
    const open_file *file = file_of(disk, descriptor);
    if (!file || !(file->readable || file->writable))
        return leave(disk, fail(EBADF));
    note(disk, DISK_SYNC, file->inode, 0);
    return leave(disk, 0);
}

static int disk_syncfs(const tsr_system *system, int descriptor)
{
    ENTER(system);
    if (!file_of(disk, descriptor))
        return leave(disk, fail(EBADF));
    for (size_t i = DISK_ROOT; i < disk->node_count; i++)
        note(disk, DISK_SYNC, (int)i, 0);
    return leave(disk, 0);
}

/* What it starts may reach the disk or not, as everything that is not synced. */
static int disk_sync_file_range(const tsr_system *system, int descriptor, int64_t offset,
                                int64_t size, unsigned flags)
{
    ENTER(system);
    (void)offset;
    (void)size;
    (void)flags;
    return leave(disk, file_of(disk, descriptor) ? 0 : fail(EBADF));
}

static int disk_fstatfs(const tsr_system *system, int descriptor, struct statfs *ret_status)
{
    ENTER(system);
    *ret_status = (struct statfs){.f_type = 0xef53}; /* of ext4 */
    return leave(disk, file_of(disk, descriptor) ? 0 : fail(EBADF));
}

static void *disk_mmap(const tsr_system *system, size_t size, int protection, int flags,
                       int descriptor, int64_t offset)
{
    (void)system, (void)size, (void)protection, (void)flags, (void)descriptor, (void)offset;
    errno = ENODEV;
    return MAP_FAILED;
}

static int disk_munmap(const tsr_system *system, void *address, size_t size)
{
    (void)system, (void)address, (void)size;
    return fail(EINVAL);
}

/* ---- what is known of a file ---- */

static struct timespec time_of(int64_t time_ns)
{
    return (struct timespec){.tv_sec = time_ns / NS_PER_SECOND, .tv_nsec = time_ns % NS_PER_SECOND};
}

static int status_of(const simulated_disk *disk, int inode, struct stat *ret_status)
{
    const node *self = disk->nodes[inode];
    *ret_status = (struct stat){.st_dev = 7,
                                .st_ino = (ino_t)inode,
                                .st_mode = self->mode,
                                .st_nlink = (nlink_t)self->links,
                                .st_uid = self->owner,
                                .st_gid = self->group,
                                .st_size = self->size,
                                .st_blksize = DISK_SECTOR_BYTES,
                                .st_blocks = self->capacity / DISK_SECTOR_BYTES,
                                .st_mtim = time_of(self->changed_ns),
                                .st_ctim = time_of(self->changed_ns)};
    return 0;
}

static int disk_fstat(const tsr_system *system, int descriptor, struct stat *ret_status)
{
    ENTER(system);
    const open_file *file = file_of(disk, descriptor);
    return leave(disk, file ? status_of(disk, file->inode, ret_status) : fail(EBADF));
}

static int disk_fstatat(const tsr_system *system, int directory, const char *path,
                        struct stat *ret_status, int flags)
{
    (void)flags; /* there are no links to follow */
    ENTER(system);
    int inode = resolve(disk, directory, path);
    return leave(disk, inode < 0 ? -1 : status_of(disk, inode, ret_status));
}

static int disk_fchmod(const tsr_system *system, int descriptor, mode_t mode)
{
    ENTER(system);
    node *self = node_of(disk, descriptor);
    if (self)
        self->mode = (self->mode & S_IFMT) | (mode & 07777);
    return leave(disk, self ? 0 : -1);
}

static int disk_fchown(const tsr_system *system, int descriptor, uid_t owner, gid_t group)
{
    ENTER(system);
    node *self = node_of(disk, descriptor);
    if (self && owner != (uid_t)-1)
        self->owner = owner;
    if (self && group != (gid_t)-1)
        self->group = group;
    return leave(disk, self ? 0 : -1);
}

static int disk_futimens(const tsr_system *system, int descriptor, const struct timespec *times)
{
    ENTER(system);
    node *self = node_of(disk, descriptor);
    if (self && times[1].tv_nsec != UTIME_OMIT)
        self->changed_ns = times[1].tv_sec * NS_PER_SECOND + times[1].tv_nsec;
    return leave(disk, self ? 0 : -1);
}

/* ---- names ---- */

/* A name that a rename or a link is about. */
typedef struct name_place {
    int folder;
    char name[NAME_MAX + 1];
    int inode; /* 0: there is none */
} name_place;

static int find_place(const simulated_disk *disk, int directory, const char *path, name_place *ret)
{
    ret->folder = walk(disk, directory, path, ret->name);
    if (ret->folder < 0)
        return -1;
    if (!ret->name[0])
        return fail(EBUSY);
    ret->inode = lookup(disk, ret->folder, ret->name);
    return 0;
}

/* Whether one folder lies in another, or is it. */
static bool is_inside(const simulated_disk *disk, int inode, int folder)
{
    if (inode == folder)
        return true;
    const node *self = disk->nodes[folder];
    for (size_t i = 0; i < self->name_count; i++)
        if (is_folder(disk, self->names[i].inode) && is_inside(disk, inode, self->names[i].inode))
            return true;
    return false;
}

/* Why one name may not take the place of the other: 0 or an errno. */
static int replacing_error(const simulated_disk *disk, const name_place *from, const name_place *to)
{
    if (!to->inode)
        return 0;
    if (is_folder(disk, from->inode) != is_folder(disk, to->inode))
        return is_folder(disk, to->inode) ? EISDIR : ENOTDIR;
    return disk->nodes[to->inode]->name_count > 0 ? ENOTEMPTY : 0;
}

static int rename_locked(simulated_disk *disk, const name_place *from, const name_place *to,
                         unsigned flags)
{
    bool exchange = flags == RENAME_EXCHANGE;
    if (flags & ~(unsigned)(RENAME_EXCHANGE | RENAME_NOREPLACE))
        return fail(EINVAL);
    if (!from->inode || (exchange && !to->inode))
        return fail(ENOENT);
    if (flags == RENAME_NOREPLACE && to->inode)
        return fail(EEXIST);
    if (from->inode == to->inode)
        return 0; /* two names of one file stay as they are */
    if (is_inside(disk, to->folder, from->inode) ||
        (exchange && is_inside(disk, from->folder, to->inode)))
        return fail(EINVAL);
    int error_number = exchange ? 0 : replacing_error(disk, from, to);
    if (error_number)
        return fail(error_number);
    disk->nodes[from->inode]->links++; /* so that it is never without */
    if (to->inode)
        disk->nodes[to->inode]->links++;
    change_name(disk, to->folder, to->name, from->inode);
    change_name(disk, from->folder, from->name, exchange ? to->inode : 0);
    disk->nodes[from->inode]->links--;
    if (to->inode)
        disk->nodes[to->inode]->links--;
    note_pair(disk, exchange);
    return 0;
}

static int disk_renameat2(const tsr_system *system, int from_directory, const char *from,
                          int to_directory, const char *to, unsigned flags)
{
    ENTER(system);
    name_place source, destination;
    if (find_place(disk, from_directory, from, &source) < 0 ||
        find_place(disk, to_directory, to, &destination) < 0)
        return leave(disk, -1);
    return leave(disk, rename_locked(disk, &source, &destination, flags));
}

static int disk_renameat(const tsr_system *system, int from_directory, const char *from,
                         int to_directory, const char *to)
{
    return disk_renameat2(system, from_directory, from, to_directory, to, 0);
}

static int disk_linkat(const tsr_system *system, int from_directory, const char *from,
                       int to_directory, const char *to, int flags)
{
    ENTER(system);
    name_place destination;
    int inode = resolve(disk, from_directory, from);
    if (inode < 0 || find_place(disk, to_directory, to, &destination) < 0)
        return leave(disk, -1);
    if (flags != 0 || is_folder(disk, inode))
        return leave(disk, fail(EPERM));
    if (destination.inode)
        return leave(disk, fail(EEXIST));
    change_name(disk, destination.folder, destination.name, inode);
    return leave(disk, 0);
}

static int disk_unlinkat(const tsr_system *system, int directory, const char *path, int flags)
{
    ENTER(system);
    name_place place;
    if (find_place(disk, directory, path, &place) < 0)
        return leave(disk, -1);
    if (!place.inode)
        return leave(disk, fail(ENOENT));
    if (is_folder(disk, place.inode) != (flags == AT_REMOVEDIR))
        return leave(disk, fail(flags == AT_REMOVEDIR ? ENOTDIR : EISDIR));
    if (disk->nodes[place.inode]->name_count > 0)
        return leave(disk, fail(ENOTEMPTY));
    change_name(disk, place.folder, place.name, 0);
    return leave(disk, 0);
}

static int disk_mkdirat(const tsr_system *system, int directory, const char *path, mode_t mode)
{
    ENTER(system);
    name_place place;
    if (find_place(disk, directory, path, &place) < 0)
        return leave(disk, -1);
    if (place.inode)
        return leave(disk, fail(EEXIST));
    change_name(disk, place.folder, place.name, add_node(disk, S_IFDIR | (mode & 0755)));
    return leave(disk, 0);
}

/* ---- listing: of the names at the moment of opening ---- */

static DIR *disk_fdopendir(const tsr_system *system, int descriptor)
{
    ENTER(system);
    const node *folder = node_of(disk, descriptor);
    if (!folder || !S_ISDIR(folder->mode)) {
        leave(disk, fail(folder ? ENOTDIR : EBADF));
        return NULL;
    }
    folder_stream *stream = must(calloc(1, sizeof *stream));
    stream->descriptor = descriptor;
    stream->count = folder->name_count;
    stream->names = must(calloc(folder->name_count + 1, sizeof *stream->names));
    stream->inodes = must(calloc(folder->name_count + 1, sizeof *stream->inodes));
    for (size_t i = 0; i < folder->name_count; i++) {
        stream->names[i] = must(strdup(folder->names[i].name));
        stream->inodes[i] = folder->names[i].inode;
    }
    leave(disk, 0);
    return (DIR *)stream;
}

static struct dirent *disk_readdir(const tsr_system *system, DIR *directory)
{
    ENTER(system);
    folder_stream *stream = (folder_stream *)directory;
    struct dirent *entry = NULL;
    if (stream->next < stream->count) {
        entry = &stream->entry;
        int inode = stream->inodes[stream->next];
        snprintf(entry->d_name, sizeof entry->d_name, "%s", stream->names[stream->next++]);
        entry->d_type = is_folder(disk, inode) ? DT_DIR : DT_REG;
        entry->d_ino = (ino_t)inode;
    }
    leave(disk, 0);
    return entry;
}

static int disk_closedir(const tsr_system *system, DIR *directory)
{
    folder_stream *stream = (folder_stream *)directory;
    int result = disk_close(system, stream->descriptor);
    for (size_t i = 0; i < stream->count; i++)
        free(stream->names[i]);
    free(stream->names);
    free(stream->inodes);
    free(stream);
    return result;
}

/* ---- locks, of whole files, one holder each ---- */

static int lock_locked(simulated_disk *disk, int descriptor, int command, struct flock *lock)
{
    const open_file *file = file_of(disk, descriptor);
    node *self = node_of(disk, descriptor);
    if (!self)
        return -1;
    if (lock->l_type == F_WRLCK ? !file->writable : !(file->readable || file->writable))
        return fail(EBADF);
    if (command == F_OFD_GETLK) {
        if (!self->lock_holder || self->lock_holder == file)
            lock->l_type = F_UNLCK;
        return 0;
    }
    if (lock->l_type == F_UNLCK) {
        if (self->lock_holder == file)
            self->lock_holder = NULL;
        pthread_cond_broadcast(&disk->unlocked);
        return 0;
    }
    while (self->lock_holder && self->lock_holder != file) {
        if (command != F_OFD_SETLKW)
            return fail(EAGAIN);
        pthread_cond_wait(&disk->unlocked, &disk->mutex);
    }
    self->lock_holder = file;
    return 0;
}

static int disk_lock(const tsr_system *system, int descriptor, int command, struct flock *lock)
{
    ENTER(system);
    return leave(disk, lock_locked(disk, descriptor, command, lock));
}

/* ---- nobody tells of changes ---- */

static int disk_inotify_init1(const tsr_system *system, int flags)
{
    (void)system, (void)flags;
    return fail(ENOSYS);
}

static int disk_inotify_add_watch(const tsr_system *system, int descriptor, const char *path,
                                  uint32_t mask)
{
    (void)system, (void)descriptor, (void)path, (void)mask;
    return fail(ENOSYS);
}

static int disk_poll(const tsr_system *system, struct pollfd *descriptors, int count,
                     int timeout_ms)
{
    (void)system, (void)descriptors, (void)count, (void)timeout_ms;
    return fail(ENOSYS);
}

/* ---- clocks and chance, the same in every run ---- */

static int64_t disk_clock_ns(const tsr_system *system)
{
    ENTER(system);
    int64_t now_ns = disk->now_ns;
    leave(disk, 0);
    return now_ns;
}

static void disk_sleep_ns(const tsr_system *system, int64_t duration_ns)
{
    ENTER(system);
    disk->now_ns += duration_ns > 0 ? duration_ns : 0;
    leave(disk, 0);
}

static ssize_t disk_getrandom(const tsr_system *system, void *bytes, size_t size)
{
    ENTER(system);
    for (size_t i = 0; i < size; i++) {
        disk->random = disk->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        ((unsigned char *)bytes)[i] = (unsigned char)(disk->random >> 56);
    }
    leave(disk, 0);
    return (ssize_t)size;
}

/* ---- making disks ---- */

static const tsr_system disk_calls = {
    .struct_size = sizeof(tsr_system),
    .openat = disk_openat,
    .close = disk_close,
    .pread = disk_pread,
    .pwritev = disk_pwritev,
    .copy_file_range = disk_copy_file_range,
    .read = disk_read,
    .write = disk_write,
    .fstat = disk_fstat,
    .fstatat = disk_fstatat,
    .fsync = disk_sync,
    .fdatasync = disk_sync,
    .ftruncate = disk_ftruncate,
    .fallocate = disk_fallocate,
    .fchmod = disk_fchmod,
    .fchown = disk_fchown,
    .futimens = disk_futimens,
    .renameat = disk_renameat,
    .renameat2 = disk_renameat2,
    .linkat = disk_linkat,
    .unlinkat = disk_unlinkat,
    .mkdirat = disk_mkdirat,
    .fdopendir = disk_fdopendir,
    .readdir = disk_readdir,
    .closedir = disk_closedir,
    .lock = disk_lock,
    .mmap = disk_mmap,
    .munmap = disk_munmap,
    .monotonic_ns = disk_clock_ns,
    .realtime_ns = disk_clock_ns,
    .sleep_ns = disk_sleep_ns,
    .getrandom = disk_getrandom,
    .syncfs = disk_syncfs,
    .fstatfs = disk_fstatfs,
    .inotify_init1 = disk_inotify_init1,
    .inotify_add_watch = disk_inotify_add_watch,
    .poll = disk_poll,
    .dup3 = disk_dup3,
    .sync_file_range = disk_sync_file_range,
};

simulated_disk *simulated_disk_new(void)
{
    simulated_disk *disk = must(calloc(1, sizeof *disk));
    disk->system = disk_calls;
    disk->now_ns = CLOCK_START_NS;
    pthread_mutex_init(&disk->mutex, NULL);
    pthread_cond_init(&disk->unlocked, NULL);
    add_node(disk, 0);
    add_node(disk, S_IFDIR | 0755);
    disk->nodes[DISK_ROOT]->links = 1;
    disk->nodes[DISK_ROOT]->parent = DISK_ROOT;
    return disk;
}

void simulated_disk_free(simulated_disk *disk)
{
    for (size_t i = 0; i < disk->node_count; i++) {
        for (size_t n = 0; n < disk->nodes[i]->name_count; n++)
            free(disk->nodes[i]->names[n].name);
        free(disk->nodes[i]->names);
        free(disk->nodes[i]->bytes);
        free(disk->nodes[i]);
    }
    for (size_t i = 0; i < disk->file_count; i++)
        free(disk->files[i]);
    for (size_t i = 0; i < disk->change_count; i++)
        free(disk->changes[i].payload);
    free(disk->nodes);
    free(disk->files);
    free(disk->changes);
    pthread_cond_destroy(&disk->unlocked);
    pthread_mutex_destroy(&disk->mutex);
    free(disk);
}

tsr_system *simulated_disk_system(simulated_disk *disk)
{
    return &disk->system;
}

void simulated_disk_mark(simulated_disk *disk, int64_t number)
{
    pthread_mutex_lock(&disk->mutex);
    note(disk, DISK_MARK, 0, number);
    pthread_mutex_unlock(&disk->mutex);
}

const disk_change *simulated_disk_changes(const simulated_disk *disk, size_t *ret_count)
{
    *ret_count = disk->change_count;
    return disk->changes;
}

/* Sizes come first: what lies behind the end of a file is not on the disk. */
static void apply(simulated_disk *disk, const disk_change *change, bool sizes, char unwritten)
{
    node *self = disk->nodes[change->inode];
    if (sizes && change->kind == DISK_SIZE && change->number > 0) {
        resize_file(self, change->number);
        memset(self->bytes, unwritten, (size_t)self->size);
        note(disk, DISK_SIZE, change->inode, self->size);
    } else if (!sizes && change->kind == DISK_SECTOR) {
        int64_t start = change->number * DISK_SECTOR_BYTES, left = self->size - start;
        if (left > 0)
            memcpy(self->bytes + start, change->payload,
                   (size_t)(left < DISK_SECTOR_BYTES ? left : DISK_SECTOR_BYTES));
    } else if (!sizes && change->kind == DISK_NAME) {
        change_name(disk, change->inode, change->payload, (int)change->number);
    }
}

simulated_disk *simulated_disk_of_changes(const simulated_disk *disk, const size_t *changes,
                                          size_t n, char unwritten)
{
    simulated_disk *made = simulated_disk_new();
    made->now_ns = disk->now_ns + NS_PER_SECOND;
    for (size_t i = made->node_count; i < disk->node_count; i++) {
        add_node(made, disk->nodes[i]->mode);
        made->nodes[i]->changed_ns = disk->nodes[i]->changed_ns;
    }
    for (int sizes = 1; sizes >= 0; sizes--)
        for (size_t i = 0; i < n; i++)
            apply(made, &disk->changes[changes[i]], sizes, unwritten);
    for (size_t i = DISK_ROOT; i < made->node_count; i++) {
        note_sectors(made, (int)i, 0, made->nodes[i]->size);
        note(made, DISK_SYNC, (int)i, 0);
    }
    return made;
}

/* ---- the hash ---- */

/* FNV-1a, with its bits spread in the end, since what comes out is added up. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
    return hash ^ hash >> 29;
}

/* The order of the names in a folder does not count. A folder that two halves of a rename have left
 * inside itself ends at some depth. */
static uint64_t hash_node(const simulated_disk *disk, int inode, int depth)
{
    const node *self = disk->nodes[inode];
    uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), &self->mode, sizeof self->mode), sum = 0;
    hash = mix(hash, &self->size, sizeof self->size);
    hash = mix(hash, self->bytes ? self->bytes : "", (size_t)self->size);
    for (size_t i = 0; i < self->name_count && depth < 64; i++) {
        uint64_t below = hash_node(disk, self->names[i].inode, depth + 1);
        sum += mix(below, self->names[i].name, strlen(self->names[i].name));
    }
    return mix(hash, &sum, sizeof sum);
}

uint64_t simulated_disk_hash(const simulated_disk *disk)
{
    return hash_node(disk, DISK_ROOT, 0);
}
