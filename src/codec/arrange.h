/* The codecs of a v2 array in the order of a chain.
 *
 * Zarr v2 knows filters and a compressor, and each works on whatever memory it is given. In a chain
 * there are kinds: filters that work on elements (delta, fixedscaleoffset...) stand in front of the
 * codec that makes bytes of them, in the byte order that the last of them names; one that makes
 * bytes of elements itself (zfpy, vlen-utf8) stands in its place. */
#ifndef TESSERA_CODEC_ARRANGE_H
#define TESSERA_CODEC_ARRANGE_H

#include <tessera/sys/codec.h>

#include "base/arena.h"
#include "meta/extension.h"

/* Arranges `specs`: a chain whose codecs of v2 follow "bytes" as their metadata lists them. Others
 * are left as they are, and so are codecs that are not known. Owner: the arena, or the caller where
 * nothing had to move. Errors: BAD_METADATA, UNSUPPORTED (a filter takes the elements in another
 * byte order than they have), NO_MEMORY. */
int tsri_codec_specs_arrange(tsr_context *context, const tsri_codec_spec *specs, int count,
                             tsri_arena *arena, const tsri_codec_spec **ret_specs, int *ret_count,
                             tsr_error *err);

#endif
