#include "source/formats.h"

#include <stddef.h>

#include "tessera/build_config.h"

const tsr_format_ops *const tsri_formats[] = {
    &tsri_reference_format,
    &tsri_npy_format,
#if TESSERA_HAVE_NPZ
    &tsri_npz_format,
#endif
#if TESSERA_HAVE_IMAGE_PNG
    &tsri_png_format,
#endif
#if TESSERA_HAVE_IMAGE_JPEG
    &tsri_jpeg_format,
#endif
#if TESSERA_HAVE_IMAGE_WEBP
    &tsri_webp_format,
#endif
#if TESSERA_HAVE_TIFF
    &tsri_tiff_format,
#endif
#if TESSERA_HAVE_NETCDF
    &tsri_hdf5_format,
    &tsri_netcdf_format,
#endif
    NULL,
};
