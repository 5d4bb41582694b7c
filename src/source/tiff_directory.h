/* The directories (IFDs) of a TIFF file: what is written about each picture, without any pixels.
 * Classic TIFF and BigTIFF, in either byte order.
 *
 * Thread: IMMUTABLE once read.
 * Source: TIFF revision 6.0, section 2; BigTIFF as libtiff documents it. */
#ifndef TESSERA_SOURCE_TIFF_DIRECTORY_H
#define TESSERA_SOURCE_TIFF_DIRECTORY_H

#include "source/input.h"

/* Tags that say how the pixels lie. */
enum {
    TSRI_TIFF_NEW_SUBFILE_TYPE = 254,
    TSRI_TIFF_IMAGE_WIDTH = 256,
    TSRI_TIFF_IMAGE_LENGTH = 257,
    TSRI_TIFF_BITS_PER_SAMPLE = 258,
    TSRI_TIFF_COMPRESSION = 259,
    TSRI_TIFF_PHOTOMETRIC = 262,
    TSRI_TIFF_FILL_ORDER = 266,
    TSRI_TIFF_STRIP_OFFSETS = 273,
    TSRI_TIFF_SAMPLES_PER_PIXEL = 277,
    TSRI_TIFF_ROWS_PER_STRIP = 278,
    TSRI_TIFF_PLANAR_CONFIGURATION = 284,
    TSRI_TIFF_TILE_WIDTH = 322,
    TSRI_TIFF_TILE_LENGTH = 323,
    TSRI_TIFF_TILE_OFFSETS = 324,
    TSRI_TIFF_SUB_IFDS = 330,
    TSRI_TIFF_SAMPLE_FORMAT = 339,
    TSRI_TIFF_YCBCR_SUBSAMPLING = 530,
    TSRI_TIFF_IMAGE_DEPTH = 32997,
    TSRI_TIFF_GDAL_NODATA = 42113
};

/* Types of values. */
enum {
    TSRI_TIFF_BYTE = 1,
    TSRI_TIFF_ASCII = 2,
    TSRI_TIFF_SHORT = 3,
    TSRI_TIFF_LONG = 4,
    TSRI_TIFF_RATIONAL = 5,
    TSRI_TIFF_SBYTE = 6,
    TSRI_TIFF_UNDEFINED = 7,
    TSRI_TIFF_SSHORT = 8,
    TSRI_TIFF_SLONG = 9,
    TSRI_TIFF_SRATIONAL = 10,
    TSRI_TIFF_FLOAT = 11,
    TSRI_TIFF_DOUBLE = 12,
    TSRI_TIFF_IFD = 13,
    TSRI_TIFF_LONG8 = 16,
    TSRI_TIFF_SLONG8 = 17,
    TSRI_TIFF_IFD8 = 18
};

/* How numbers and offsets are written. */
typedef struct tsri_tiff_layout {
    const tsri_input *input; /* borrowed */
    bool big_endian;
    bool big; /* BigTIFF: offsets of 8 bytes */
} tsri_tiff_layout;

typedef struct tsri_tiff_entry {
    uint16_t tag, type;
    uint64_t count;
    uint64_t offset; /* of the first value in the file, inside the entry or elsewhere */
} tsri_tiff_entry;

typedef struct tsri_tiff_directory {
    uint64_t offset, next; /* next: 0 at the end of the chain */
    tsri_tiff_entry *entries;
    size_t count;
} tsri_tiff_directory;

/* Whether a file begins as TIFF does. Never fails. */
bool tsri_tiff_recognise(const void *head, size_t size_bytes);

/* Reads the header of a file; *ret_first is where the first directory lies. Errors: DAMAGED, IO. */
int tsri_tiff_layout_read(const tsri_input *input, tsri_tiff_layout *ret_layout,
                          uint64_t *ret_first, tsr_error *err);

/* Reads a directory. Owner: the caller, by tsri_tiff_directory_clear. Errors: DAMAGED (it does not
 * lie in the file), IO, NO_MEMORY. */
int tsri_tiff_directory_read(const tsri_tiff_layout *layout, uint64_t offset,
                             tsri_tiff_directory *ret_directory, tsr_error *err);
void tsri_tiff_directory_clear(tsri_tiff_directory *directory);
static inline void tsri_tiff_directory_cleanup(tsri_tiff_directory *directory)
{
    tsri_tiff_directory_clear(directory);
}

/* The entry of a tag; NULL when the directory has none. Never fails. */
const tsri_tiff_entry *tsri_tiff_find(const tsri_tiff_directory *directory, unsigned tag);

/* How large one value of a type is; 0 for types that TIFF does not have. Never fails. */
size_t tsri_tiff_value_bytes(unsigned type);

/* Reads `count` values from number `first` on in the byte order of this machine; a rational is two
 * integers. The caller has seen to `count`. Errors: DAMAGED, IO. */
int tsri_tiff_values(const tsri_tiff_layout *layout, const tsri_tiff_entry *entry, uint64_t first,
                     size_t count, void *values, tsr_error *err);

/* Reads one value, an unsigned integer of any size. Errors: DAMAGED (another type, no such value),
 * IO. */
int tsri_tiff_unsigned(const tsri_tiff_layout *layout, const tsri_tiff_entry *entry,
                       uint64_t number, uint64_t *ret_value, tsr_error *err);

#endif
