/* Arrays in .npz archives. */
#ifndef TESSERA_SOURCE_NPZ_MEMBER_H
#define TESSERA_SOURCE_NPZ_MEMBER_H

#include "source/npz_directory.h"

/* Makes an array of a member: of a stored one the elements are read in place, in any region; a
 * deflated one is decoded in slabs of about 4 MiB along the axis that varies slowest. `input` and
 * `member` must outlive it. Errors: those of tsri_npy_header_read, UNSUPPORTED and DAMAGED (the
 * member is refused or too short), IO, LIMIT, NO_MEMORY. */
int tsri_npz_open_member(const tsri_input *input, const tsri_npz_member *member,
                         tsr_array **ret_array, tsr_error *err);

#endif
