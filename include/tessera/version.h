/* Which library this is and what it was built with. */
#ifndef TESSERA_VERSION_H
#define TESSERA_VERSION_H

#include <tessera/export.h>

TSR_BEGIN_DECLS

#define TSR_VERSION "0.1.0"

/* The version of the library at run time. Static memory. Thread: IMMUTABLE. Never fails. */
TSR_API const char *tsr_version(void);

/* How it was built, as a JSON object: version, compiler, revision, the libraries and their
 * versions, the optional parts and whether each is present. Static memory. Thread: IMMUTABLE. Never
 * fails. */
TSR_API const char *tsr_build_info(void);

TSR_END_DECLS

#endif
