/* Where the time of a context's operations went, and what they moved.
 *
 * A context gathers this when tsr_context_options.profile asks for it; else it costs nothing but a
 * look at a pointer where a clock would be read. At every moment a thread of the library is in one
 * phase, so the phases of a thread add up to the time that it spent in operations, and all phases
 * to that of all threads: with two threads up to twice what a clock on the wall shows.
 *
 * A profile is one of everything that a context did. For that of one operation take the difference
 * of two, with nothing else going on in the context. */
#ifndef TESSERA_PROFILE_H
#define TESSERA_PROFILE_H

#include <tessera/context.h>

TSR_BEGIN_DECLS

typedef struct tsr_profile {
    /* Nanoseconds, summed over threads. */
    int64_t plan_ns;   /* finding out what is to be done, handing it out, all that is named below
                          left out */
    int64_t fetch_ns;  /* in the store: reading, asking, listing */
    int64_t wait_ns;   /* for other threads, locks, answers of a store that are on their way */
    int64_t decode_ns; /* undoing codecs, checksums and indexes included */
    int64_t copy_ns;   /* moving elements between chunks and the caller's memory, casts included */
    int64_t driver_ns; /* in drivers that fill boxes themselves, which read and decode in one */
    int64_t caller_ns; /* in the caller's functions: sinks, sources */
    int64_t encode_ns; /* doing codecs */
    int64_t put_ns;    /* in the store: writing, erasing; the sync of each value with
                          TSR_DURABILITY_CHUNK included */
    int64_t sync_ns;   /* bringing what was written to the disk */

    int64_t reads, writes; /* operations on arrays: selections, those of copies included */
    int64_t read_bytes, written_bytes; /* of the elements that these selected */
    int64_t requests, puts, erases;    /* to stores, those of metadata included; where one store
                                          stands on another, to both */
    int64_t fetched_bytes, put_bytes;  /* encoded, as the store has them */
    /* Chunks, or inner chunks where there are shards, and the size of their elements. Elements that
     * are stored bare are read without being decoded. */
    int64_t decoded_chunks, decoded_bytes;
    int64_t encoded_chunks, encoded_bytes;
    int64_t kept_chunks; /* that were found decoded in the cache of their array */
} tsr_profile;

/* What the operations of a context have taken until now; phases that a thread is in count when they
 * end. All 0 when the context does not gather it. Thread: LOCKED. Never fails. */
TSR_API void tsr_context_profile(const tsr_context *context, tsr_profile *ret_profile);

TSR_END_DECLS

#endif
