/* The file formats that are built in. */
#ifndef TESSERA_SOURCE_FORMATS_H
#define TESSERA_SOURCE_FORMATS_H

#include <tessera/sys/array.h>

extern const tsr_format_ops tsri_npy_format, tsri_npz_format, tsri_hdf5_format, tsri_netcdf_format,
    tsri_reference_format, tsri_tiff_format, tsri_png_format, tsri_jpeg_format, tsri_webp_format;

/* Ended by NULL. The last one is asked first. */
extern const tsr_format_ops *const tsri_formats[];

#endif
