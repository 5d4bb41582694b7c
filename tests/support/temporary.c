#include "support/temporary.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void die(const char *what, const char *path)
{
    fprintf(stderr, "tests: %s %s: %s\n", what, path, strerror(errno));
    abort();
}

char *temporary_path(const char *folder, const char *name)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", folder, name) < 0)
        die("no memory for", name);
    return path;
}

char *temporary_folder_new(void)
{
    const char *parent = getenv("TMPDIR");
    char *folder = temporary_path(parent && parent[0] ? parent : "/tmp", "tessera-test-XXXXXX");
    if (!mkdtemp(folder))
        die("cannot make", folder);
    return folder;
}

/* Folders must be writable before what is in them can go, so this runs before and another walk
 * after. */
static int open_up(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)place;
    if (type == FTW_D || type == FTW_DNR)
        chmod(path, 0700);
    return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void temporary_folder_remove(char *folder)
{
    nftw(folder, open_up, 16, FTW_PHYS);
    if (nftw(folder, remove_one, 16, FTW_PHYS | FTW_DEPTH) != 0)
        die("cannot remove", folder);
    free(folder);
}

void temporary_file_write(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
        die("cannot write", path);
}

char *temporary_file_read(const char *path, size_t *ret_size)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *bytes = NULL;
    size_t size = 0, count;
    do {
        bytes = realloc(bytes, size + 65536 + 1);
        if (!bytes)
            die("no memory for", path);
        count = fread(bytes + size, 1, 65536, file);
        size += count;
    } while (count > 0);
    fclose(file);
    bytes[size] = 0;
    if (ret_size)
        *ret_size = size;
    return bytes;
}
