/* Tessera: one array, wherever it lives. The umbrella of the public headers. */
#ifndef TESSERA_H
#define TESSERA_H

#include <tessera/array.h>
#include <tessera/blob.h>
#include <tessera/call.h>
#include <tessera/context.h>
#include <tessera/derived.h>
#include <tessera/dtype.h>
#include <tessera/error.h>
#include <tessera/group.h>
#include <tessera/hash.h>
#include <tessera/heap.h>
#include <tessera/index.h>
#include <tessera/maintenance.h>
#include <tessera/profile.h>
#include <tessera/statistics.h>
#include <tessera/store.h>
#include <tessera/transaction.h>
#include <tessera/version.h>
#include <tessera/view.h>
#include <tessera/writer.h>

#endif
