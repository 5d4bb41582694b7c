/* What is in a zip archive, as NumPy's .npz uses it: members NAME.npy, where slashes in NAME make
 * groups. Read once, by libzip; nothing of libzip is left open, so the directory needs no lock. */
#ifndef TESSERA_SOURCE_NPZ_DIRECTORY_H
#define TESSERA_SOURCE_NPZ_DIRECTORY_H

#include <tessera/group.h>

#include "source/deflated.h"

/* Why a member is not opened. */
typedef enum tsri_npz_refusal {
    TSRI_NPZ_READABLE,
    TSRI_NPZ_ENCRYPTED,
    TSRI_NPZ_COMPRESSION, /* `method` is none that is known here */
    TSRI_NPZ_TWICE,
    TSRI_NPZ_GROUP_TOO, /* the same path is that of a group */
    TSRI_NPZ_EMPTY,     /* not a single byte */
    TSRI_NPZ_HEADER,    /* the header before its bytes is damaged */
    TSRI_NPZ_SIZES      /* stored as it is, but in fewer or more bytes than it has */
} tsri_npz_refusal;

typedef struct tsri_npz_member {
    char *path; /* the name without .npy */
    tsri_npz_refusal refusal;
    int method; /* of compression: 0 stored as it is, 8 deflate */
    tsri_deflated_extent extent;
} tsri_npz_member;

typedef struct tsri_npz_directory {
    tsri_npz_member *members; /* sorted by path, each path once */
    size_t count;
    char **odd_names; /* empty, absolute or out of the archive: no path leads to them */
    size_t odd_count;
} tsri_npz_directory;

/* Reads the directory and where the bytes of each member begin. What is not named *.npy is left
 * out. Cleared by tsri_npz_directory_clear. Errors: DAMAGED (no zip archive, or one that
 * contradicts itself), LIMIT (a directory of more bytes than the context's largest metadata), IO,
 * NO_MEMORY. Source: PKWARE's APPNOTE.TXT 6.3.10, by way of libzip. */
int tsri_npz_directory_read(const tsri_input *input, tsri_npz_directory *ret_directory,
                            tsr_error *err);
void tsri_npz_directory_clear(tsri_npz_directory *directory);

/* The number of the first member whose path is not before `path` in order of bytes. Never fails. */
size_t tsri_npz_directory_find(const tsri_npz_directory *directory, const char *path);

/* The member of a path, or NULL. Never fails. */
const tsri_npz_member *tsri_npz_directory_member(const tsri_npz_directory *directory,
                                                 const char *path);

/* Whether members lie below a path, so that it is a group; "" always is. Never fails. */
bool tsri_npz_directory_is_group(const tsri_npz_directory *directory, const char *path);

/* Fills in the error that a refused member gives. Returns UNSUPPORTED or DAMAGED. */
int tsri_npz_member_refuse(const tsri_npz_member *member, tsr_error *err);

#endif
