/* The only file that knows all layers: what is built in. */
#include <tessera/version.h>

#include "tessera/build_config.h"

const char *tsr_version(void)
{
    return TSR_VERSION;
}
