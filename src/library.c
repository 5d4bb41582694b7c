/* The only file that knows all layers: what is built in, and how it was built. */
#include <tessera/sys/array.h>
#include <tessera/version.h>

#include "base/context.h"
#include "source/formats.h"
#include "tessera/build_config.h"
#include "tessera/build_describe.h"

const char *tsr_version(void)
{
    return TSR_VERSION;
}

#if TESSERA_HAVE_NETCDF
#define NETCDF "true"
#else
#define NETCDF "false"
#endif
#if TESSERA_HAVE_NPZ
#define NPZ "true"
#else
#define NPZ "false"
#endif
/* Whether an optional codec is there. */
#define TRUTH_0 "false"
#define TRUTH_1 "true"
#define TRUTH_OF(value) TRUTH_##value
#define TRUTH(value) TRUTH_OF(value)
#define TEXT_OF(value) #value
#define TEXT(value) TEXT_OF(value)
#ifdef __GLIBC__
#define LIBC "glibc " TEXT(__GLIBC__) "." TEXT(__GLIBC_MINOR__)
#else
#define LIBC "other"
#endif
#define DEPENDENCY(name, version) "\"" name "\":\"" version "\","

#define PART(name, there) ",\"" name "\":" TRUTH(there)

#define PARTS                                                                                 \
    "{\"netcdf\":" NETCDF ",\"hdf5\":" NETCDF ",\"npz\":" NPZ PART("tiff", TESSERA_HAVE_TIFF) \
        PART("hash", TESSERA_HAVE_HASH) PART("zfp", TESSERA_HAVE_ZFP)                         \
            PART("png", TESSERA_HAVE_IMAGE_PNG) PART("jpeg", TESSERA_HAVE_IMAGE_JPEG)         \
                PART("webp", TESSERA_HAVE_IMAGE_WEBP)                                         \
                    PART("jpeg2k", TESSERA_HAVE_IMAGE_JPEG2K) "}"

const char *tsr_build_info(void)
{
    return "{\"version\":\"" TESSERA_VERSION "\",\"revision\":\"" TESSERA_BUILD_DESCRIBE
           "\",\"build\":\"" TESSERA_BUILD_KIND "\",\"compiler\":\"" TESSERA_BUILD_COMPILER
           "\",\"target\":\"" TESSERA_BUILD_TARGET
           "\",\"libraries\":{" TESSERA_DEPENDENCY_MAP(DEPENDENCY) "\"libc\":\"" LIBC
                                                                   "\"},\"parts\":" PARTS "}";
}

int tsr_context_new(const tsr_context_options *options, tsr_context **ret_context, tsr_error *err)
{
    tsr_auto(tsr_context) *context = NULL;

    TSRI_TRY(tsri_context_new(options, &context, err));
    for (const tsr_format_ops *const *format = tsri_formats; *format; format++)
        TSRI_TRY(tsr_format_register(context, *format, err));
    *ret_context = TSRI_TAKE(context);
    return 0;
}
