/* Any bytes as a PNG, JPEG or WebP file: the header is refused with a reason, or tells of a picture
 * that its format can hold. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "source/picture_header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check(tsri_picture_format format, const tsri_input *input)
{
    tsri_picture_header header;
    tsr_error err = TSR_ERROR_INIT;

    int status = tsri_picture_header_read(format, input, &header, &err);
    require(status == err.status);
    if (status < 0)
        require(err.message[0] && (status == TSR_DAMAGED || status == TSR_UNSUPPORTED));
    else
        require(header.height > 0 && header.width > 0 && header.samples >= 1 &&
                header.samples <= 4 && header.height <= UINT32_MAX && header.width <= UINT32_MAX &&
                (header.dtype == TSR_UINT8 || header.dtype == TSR_UINT16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tsr_context *context;
    tsr_error err = TSR_ERROR_INIT;
    tsri_input input;
    char path[40];

    if (!context)
        require(tsr_context_new(NULL, &context, &err) == 0);
    int descriptor = memfd_create("picture", MFD_CLOEXEC);
    require(descriptor >= 0 && write(descriptor, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    require(tsri_input_open(context, path, &input, &err) == 0);
    for (int format = TSRI_PICTURE_PNG; format <= TSRI_PICTURE_WEBP; format++)
        if (tsri_picture_recognise((tsri_picture_format)format, data, size))
            check((tsri_picture_format)format, &input);
    tsri_input_close(&input);
    close(descriptor);
    return 0;
}
