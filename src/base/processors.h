/* How many processors this process may use. */
#ifndef TESSERA_BASE_PROCESSORS_H
#define TESSERA_BASE_PROCESSORS_H

#include <tessera/sys/system.h>

#define TSRI_THREADS_MAX 1024

/* The affinity mask, cut to the quota of the cgroup (v2 or v1) and of the groups above it, rounded
 * up to whole processors: from 1 to TSRI_THREADS_MAX. What cannot be read does not count. Source:
 * Linux Documentation/admin-guide/cgroup-v2.rst (cpu.max), scheduler/sched-bwc.rst (v1). Thread:
 * LOCKED. Never fails. */
int tsri_processors_usable(const tsr_system *system);

#endif
