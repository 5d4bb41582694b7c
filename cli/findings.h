/* What `check` finds, told as it is found. */
#ifndef TESSERA_CLI_FINDINGS_H
#define TESSERA_CLI_FINDINGS_H

#include "document.h"
#include "invocation.h"
#include "progress.h"
#include "show.h"

typedef enum cli_finding_kind {
    FINDING_METADATA,   /* cannot be read */
    FINDING_CHUNK,      /* a chunk, shard or inner chunk whose bytes or index entry are not sound */
    FINDING_UNREADABLE, /* a chunk whose bytes the store fails to give */
    FINDING_UNFINISHED, /* an interrupted copy: what is there is sound, but not all is there */
    FINDING_ORPHAN,     /* a key that belongs to no node */
    FINDING_TEMPORARY,  /* a file that a writer left */
    FINDING_KEPT,       /* a damaged file that a repair has put aside */
    FINDING_DEAD,       /* bytes of shards that no index entry refers to */
    FINDING_PARITY,     /* a shard of which blocks, or its parity, are not what they were */
    FINDING_NO_PARITY,  /* shards that should have parity and have none of any use */
    FINDING_NETWORK,    /* it lies where less can be promised than on a disk */
    FINDING_STALE       /* something kept beside the data that is not what the data is now */
} cli_finding_kind;

typedef struct cli_findings {
    cli_invocation *invocation;
    cli_progress *progress;
    bool as_json;
    cli_show_style style;
    cli_document document;
    struct json_object *list;
    int64_t damaged, notes;
} cli_findings;

/* Starts; the other fields are set by the caller. */
int findings_init(cli_findings *findings, cli_invocation *invocation, cli_progress *progress);

/* Releases everything. */
void findings_clear(cli_findings *findings);

/* Tells one finding at a place. `info` is the chunk it is about, or NULL; `error` says what is
 * wrong, or NULL; `key` and size_bytes are of orphans and left-over files. */
void findings_add(cli_findings *findings, cli_finding_kind kind, const char *place, const char *key,
                  int64_t size_bytes, const tsr_chunk_info *info, int rank, const tsr_error *error);

/* Whether a kind counts as damage. */
bool finding_is_damage(cli_finding_kind kind);

#endif
