#include "source/formats.h"

#include <stddef.h>

const tsr_format_ops *const tsri_formats[] = {
    NULL,
};
