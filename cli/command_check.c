/* tessera check PLACE: metadata, shard indexes, checksums, keys that belong to nothing, left-over
 * files. */
#include <string.h>

#include <tessera/statistics.h>

#include "describe.h"
#include "findings.h"
#include "location.h"
#include "memory.h"
#include "network.h"
#include "repair.h"
#include "signals.h"
#include "sparse.h"
#include "strays.h"
#include "transfer_mark.h"

typedef struct cli_checker {
    cli_invocation *invocation;
    cli_findings findings;
    cli_progress progress;
    int64_t arrays, groups, chunks, inner_chunks, stored_bytes;
    int64_t dead_bytes, parity_bytes, damaged_chunks;
    bool repairs;
    cli_repair repair;
    const char *group_place;  /* of the group under examination */
    tsr_array *array;         /* the one under examination */
    int64_t wasted, wasteful; /* bytes that no entry refers to in shards that are full of them */
    int64_t without_parity;   /* shards of it that should have some */
} cli_checker;

/* ---- arrays ---- */

/* Writers that append leave up to a third of a shard unused: that is nothing to look at. */
static bool is_wasteful(const tsr_chunk_info *info)
{
    return info->dead_bytes > info->size_bytes / 3;
}

static void tell_parity(cli_checker *checker, const tsr_chunk_info *info)
{
    tsr_error error = TSR_ERROR_INIT;

    if (info->hopeless_blocks > 0)
        tsr_error_set(
            &error, TSR_DAMAGED,
            "%lld blocks are damaged, and %lld of them cannot be computed from the others",
            (long long)info->bad_blocks, (long long)info->hopeless_blocks);
    else if (info->bad_blocks > 0)
        tsr_error_set(&error, TSR_DAMAGED,
                      "%lld %s damaged; `tessera check --data --repair` computes what was there",
                      (long long)info->bad_blocks,
                      info->bad_blocks == 1 ? "block is" : "blocks are");
    else
        tsr_error_set(
            &error, TSR_DAMAGED,
            "its index or its parity is damaged; `tessera check --data --repair` makes it "
            "what it was");
    checker->damaged_chunks++;
    findings_add(&checker->findings, FINDING_PARITY, tsr_array_place(checker->array), info->key,
                 (int64_t)info->size_bytes, info, tsr_array_rank(checker->array), &error);
}

/* What is in a shard besides its inner chunks. */
static void take_shard(cli_checker *checker, const tsr_chunk_info *info)
{
    bool wanted = tsr_array_parity(checker->array) != NULL;

    checker->dead_bytes += (int64_t)info->dead_bytes;
    checker->parity_bytes += (int64_t)info->parity_bytes;
    if (is_wasteful(info)) {
        checker->wasted += (int64_t)info->dead_bytes;
        checker->wasteful++;
    }
    if (info->parity == TSR_PARITY_DAMAGED)
        tell_parity(checker, info);
    checker->without_parity +=
        wanted && info->state == TSR_CHUNK_STORED &&
        (info->parity == TSR_PARITY_NONE || info->parity == TSR_PARITY_STALE);
}

static int take_chunk(void *user, const tsr_chunk_info *info)
{
    cli_checker *checker = user;

    if (info->state == TSR_CHUNK_MISSING)
        return 0;
    if (info->level == 0) {
        checker->chunks++;
        checker->stored_bytes += (int64_t)info->size_bytes;
    } else {
        checker->inner_chunks++;
    }
    if (info->state == TSR_CHUNK_UNREADABLE)
        findings_add(&checker->findings, FINDING_UNREADABLE, tsr_array_place(checker->array),
                     info->key, (int64_t)info->size_bytes, info, tsr_array_rank(checker->array),
                     &info->error);
    if (info->state == TSR_CHUNK_DAMAGED) {
        checker->damaged_chunks++;
        findings_add(&checker->findings, FINDING_CHUNK, tsr_array_place(checker->array), info->key,
                     (int64_t)info->size_bytes, info, tsr_array_rank(checker->array), &info->error);
    }
    if (info->level == 0)
        take_shard(checker, info);
    if (checker->repairs)
        CLI_TRY(repair_note(&checker->repair, info, tsr_array_rank(checker->array)));
    progress_show(&checker->progress, checker->stored_bytes);
    return 0;
}

/* The mark of a copy is no orphan, but tells that not all is there. */
static int take_orphan(void *user, const char *key, int64_t size_bytes)
{
    cli_checker *checker = user;
    const char *name = location_base_name(key);
    bool kept = strncmp(name, TSR_DAMAGED_NAME_PREFIX, strlen(TSR_DAMAGED_NAME_PREFIX)) == 0;

    if (strcmp(name, TRANSFER_MARK) != 0)
        findings_add(&checker->findings, kept ? FINDING_KEPT : FINDING_ORPHAN,
                     tsr_array_place(checker->array), key, size_bytes, NULL, 0, NULL);
    return 0;
}

/* One note for an array, however many of its shards have dead bytes. */
static void tell_dead(cli_checker *checker)
{
    tsr_error error = TSR_ERROR_INIT;

    if (checker->wasteful == 0)
        return;
    tsr_error_set(&error, TSR_PARTIAL,
                  "no index entry refers to these bytes of %lld %s; `tessera compact` drops them",
                  (long long)checker->wasteful, checker->wasteful == 1 ? "shard" : "shards");
    findings_add(&checker->findings, FINDING_DEAD, tsr_array_place(checker->array), NULL,
                 checker->wasted, NULL, 0, &error);
}

static void tell_without_parity(cli_checker *checker)
{
    tsr_error error = TSR_ERROR_INIT;

    if (checker->without_parity == 0)
        return;
    tsr_error_set(
        &error, TSR_PARTIAL,
        "%lld %s without parity of their present bytes, since another program has written "
        "them; `tessera compact` adds it",
        (long long)checker->without_parity,
        checker->without_parity == 1 ? "shard is" : "shards are");
    findings_add(&checker->findings, FINDING_NO_PARITY, tsr_array_place(checker->array), NULL, 0,
                 NULL, 0, &error);
}

/* What keeps copies from being compared is a finding about them; the nodes are looked at in any
 * case. */
static int judge_copies(cli_checker *checker, const char *place, cli_finding_kind kind, int status,
                        tsr_error *error)
{
    if (status != TSR_BAD_METADATA && status != TSR_UNSUPPORTED && status != TSR_LIMIT) {
        checker->invocation->error = *error;
        return status;
    }
    if (kind == FINDING_STALE)
        tsr_error_prepend(error, "the consolidated copies cannot be compared");
    findings_add(&checker->findings, kind, place, NULL, 0, NULL, 0, error);
    return 0;
}

/* Rows of values that are gone, or of none at all. */
static int count_unknown(void *user, const tsr_chunk_statistics *chunk)
{
    int64_t *unknown = user;

    *unknown += !chunk->known;
    return 0;
}

/* One note for an array that keeps statistics, however many of them are not known. */
static int tell_statistics(cli_checker *checker, const tsr_call *call)
{
    tsr_array *array = checker->array;
    tsr_error error = TSR_ERROR_INIT;
    int64_t unknown = 0;
    bool keeps = false;

    int status = tsr_array_keeps_statistics(array, &keeps, &error);
    if (status < 0)
        return judge_copies(checker, tsr_array_place(array), FINDING_METADATA, status, &error);
    if (!keeps || sparse_is_huge(array))
        return 0;
    CLI_TRY(tsr_array_walk_statistics(array, NULL, NULL, count_unknown, &unknown, call,
                                      &checker->invocation->error));
    if (unknown == 0)
        return 0;
    tsr_error_set(
        &error, TSR_PARTIAL,
        "of %lld %s no statistics are kept, or stale ones; `tessera stats --update` makes "
        "them anew",
        (long long)unknown, unknown == 1 ? "chunk" : "chunks");
    findings_add(&checker->findings, FINDING_STALE, tsr_array_place(array), NULL, 0, NULL, 0,
                 &error);
    return 0;
}

static int check_mark(cli_checker *checker, const char *place)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_auto(tsr_blob) *blob = NULL;
    tsr_range nothing = {TSR_RANGE_SUFFIX, 0, 0};
    tsr_error error = TSR_ERROR_INIT;
    int status;

    if (location_is_in_file(place))
        return 0;
    status = tsr_store_open(checker->invocation->context, place, &store, &error);
    if (status >= 0)
        status = tsr_store_get(store, TRANSFER_MARK, nothing, NULL, &blob, NULL, &error);
    if (status == TSR_NOT_FOUND)
        return 0;
    if (status < 0) {
        checker->invocation->error = error;
        return status;
    }
    tsr_error_set(&error, TSR_PARTIAL,
                  "an import or cp that was interrupted; the same command "
                  "finishes it");
    findings_add(&checker->findings, FINDING_UNFINISHED, place, NULL, 0, NULL, 0, &error);
    return 0;
}

static int check_array(cli_checker *checker, tsr_array *array)
{
    cli_invocation *invocation = checker->invocation;
    tsr_chunk_walk_options options;
    tsr_call call;
    char label[160];
    int status;

    checker->arrays++;
    if (!location_is_zarr(tsr_array_driver(array)))
        return 0;
    checker->array = array;
    checker->wasted = checker->wasteful = checker->without_parity = 0;
    CLI_TRY(check_mark(checker, tsr_array_place(array)));
    tsr_chunk_walk_options_init(&options);
    options.inner = tsr_array_shard_levels(array) > 0;
    options.stored_only = sparse_is_huge(array);
    options.data = invocation_has(invocation, OPTION_DATA);
    options.rate_bytes = invocation_number(invocation, OPTION_RATE, 0);
    options.unreadable = true;
    progress_label(label, sizeof label, tsr_array_place(array), array);
    progress_begin(&checker->progress, label, 0);
    progress_call(NULL, &call);
    status = tsr_array_walk_chunks(array, &options, take_chunk, checker, &call, &invocation->error);
    if (status >= 0)
        status = tsr_array_orphan_keys(array, take_orphan, checker, &call, &invocation->error);
    if (status >= 0)
        status = tell_statistics(checker, &call);
    progress_end(&checker->progress);
    CLI_TRY(status);
    tell_dead(checker);
    tell_without_parity(checker);
    return checker->repairs ? repair_array(&checker->repair, array) : 0;
}

/* ---- trees ---- */

static int check_group(cli_checker *checker, tsr_group *group, int depth);

/* A child whose metadata is damaged is a finding; anything else that keeps it from being opened
 * ends the check. */
static int child_failed(cli_checker *checker, tsr_group *parent, const char *name, int status,
                        const tsr_error *error)
{
    char *place;

    if (status == TSR_PERMISSION || status == TSR_NO_MEMORY || status == TSR_CANCELLED ||
        status == TSR_UNREACHABLE) {
        checker->invocation->error = *error;
        return status;
    }
    place = location_join(tsr_group_place(parent), name);
    if (!place)
        return tsr_error_set(&checker->invocation->error, TSR_NO_MEMORY, "out of memory");
    findings_add(&checker->findings, FINDING_METADATA, place, NULL, 0, NULL, 0, error);
    memory_free(place);
    return 0;
}

static int check_child(cli_checker *checker, tsr_group *parent, const cli_child *child, int depth)
{
    tsr_auto(tsr_array) *array = NULL;
    tsr_auto(tsr_group) *group = NULL;
    tsr_error error = TSR_ERROR_INIT;
    int status = TSR_BAD_METADATA;

    if (child->kind == TSR_NODE_ARRAY) {
        status = tsr_group_open_array(parent, child->name, &array, &error);
        if (status >= 0)
            return check_array(checker, array);
    } else if (child->kind == TSR_NODE_GROUP) {
        status = tsr_group_open_group(parent, child->name, &group, &error);
        if (status >= 0)
            return check_group(checker, group, depth + 1);
    } else {
        status = child->status ? child->status : TSR_BAD_METADATA;
        tsr_error_set(&error, status, "%s", child->problem ? child->problem : "cannot be read");
    }
    return child_failed(checker, parent, child->name, status, &error);
}

/* Compares the copies that a group carries with the documents of the nodes. */
static int check_copies(cli_checker *checker, tsr_group *group)
{
    tsr_consolidate_options options;
    tsr_consolidate_result result;
    tsr_error error = TSR_ERROR_INIT;
    int status;

    /* A removal that is not done tells whether there are copies, and looks at nothing else. */
    tsr_consolidate_options_init(&options);
    options.dry_run = true;
    options.remove = true;
    status = tsr_group_consolidate(group, &options, &result, &error);
    if (status < 0)
        return judge_copies(checker, tsr_group_place(group), FINDING_METADATA, status, &error);
    if (!result.had_copies)
        return 0;
    options.remove = false;
    status = tsr_group_consolidate(group, &options, &result, &error);
    if (status < 0)
        return judge_copies(checker, tsr_group_place(group), FINDING_STALE, status, &error);
    if (result.was_stale) {
        tsr_error_set(&error, TSR_CONFLICT,
                      "the consolidated metadata is not what the nodes say; `tessera consolidate` "
                      "makes it anew");
        findings_add(&checker->findings, FINDING_STALE, tsr_group_place(group), NULL, 0, NULL, 0,
                     &error);
    }
    return 0;
}

static void take_stray(void *user, const char *key, int64_t size_bytes)
{
    cli_checker *checker = user;

    findings_add(&checker->findings, FINDING_ORPHAN, checker->group_place, key, size_bytes, NULL, 0,
                 NULL);
}

/* The nodes below a group, and what is none. */
static int check_children(cli_checker *checker, tsr_group *group, const cli_child_list *list,
                          int depth)
{
    if (location_is_zarr(tsr_group_driver(group))) {
        checker->group_place = tsr_group_place(group);
        CLI_TRY(strays_find(checker->invocation, group, list, take_stray, checker));
    }
    for (size_t i = 0; i < list->count; i++)
        CLI_TRY(check_child(checker, group, &list->children[i], depth));
    return 0;
}

static int check_group(cli_checker *checker, tsr_group *group, int depth)
{
    cli_child_list list;

    checker->groups++;
    if (location_is_zarr(tsr_group_driver(group))) {
        CLI_TRY(check_mark(checker, tsr_group_place(group)));
        CLI_TRY(check_copies(checker, group));
    }
    CLI_TRY(child_list_descend(checker->invocation, group, depth, &list));
    int status = check_children(checker, group, &list, depth);
    child_list_clear(&list);
    return status;
}

/* ---- what writers left ---- */

static int take_left_over(void *user, const tsr_store_entry *entry)
{
    cli_checker *checker = user;

    findings_add(&checker->findings, FINDING_TEMPORARY, checker->invocation->operands[0],
                 entry->name, entry->size_bytes, NULL, 0, NULL);
    return 0;
}

static int find_left_over(cli_checker *checker, const char *place)
{
    tsr_auto(tsr_store) *store = NULL;
    tsr_call call;

    if (location_is_in_file(place))
        return 0;
    CLI_TRY(
        tsr_store_open(checker->invocation->context, place, &store, &checker->invocation->error));
    progress_call(NULL, &call);
    return tsr_store_list_left_over(store, "", take_left_over, checker, &call,
                                    &checker->invocation->error);
}

/* ---- where it lies ---- */

static int tell_network(cli_checker *checker, const char *place, const char *driver)
{
    tsr_error error = TSR_ERROR_INIT;
    const char *name;

    CLI_TRY(network_name(checker->invocation, place, driver, &name));
    if (!name)
        return 0;
    tsr_error_set(&error, TSR_PARTIAL, "on %s %s", name, NETWORK_CAUTION);
    findings_add(&checker->findings, FINDING_NETWORK, place, NULL, 0, NULL, 0, &error);
    return 0;
}

/* ---- the command ---- */

/* The root itself may be what is damaged. */
static int check_root(cli_checker *checker, const char *place)
{
    cli_invocation *invocation = checker->invocation;
    tsr_auto(cli_location_node) node = {NULL, NULL};
    int status = location_open_node_itself(invocation, place, &node);

    if (status == TSR_BAD_METADATA || status == TSR_UNSUPPORTED) {
        findings_add(&checker->findings, FINDING_METADATA, place, NULL, 0, NULL, 0,
                     &invocation->error);
        tsr_error_clear(&invocation->error);
        return 0;
    }
    CLI_TRY(status);
    CLI_TRY(node.array ? check_array(checker, node.array) : check_group(checker, node.group, 0));
    const char *driver = node.array ? tsr_array_driver(node.array) : tsr_group_driver(node.group);
    if (!location_is_zarr(driver))
        return 0;
    CLI_TRY(tell_network(checker, place, driver));
    return find_left_over(checker, place);
}

static int print_json(cli_checker *checker)
{
    cli_document *document = &checker->findings.document;

    document_add_text(document, document->root, "place", checker->invocation->operands[0]);
    document_add_flag(document, document->root, "data",
                      invocation_has(checker->invocation, OPTION_DATA));
    document_add_integer(document, document->root, "groups", checker->groups);
    document_add_integer(document, document->root, "arrays", checker->arrays);
    document_add_integer(document, document->root, "chunks", checker->chunks);
    document_add_integer(document, document->root, "inner_chunks", checker->inner_chunks);
    document_add_integer(document, document->root, "stored_bytes", checker->stored_bytes);
    document_add_integer(document, document->root, "damaged", checker->findings.damaged);
    document_add_integer(document, document->root, "notes", checker->findings.notes);
    document_add_integer(document, document->root, "dead_bytes", checker->dead_bytes);
    document_add_integer(document, document->root, "parity_bytes", checker->parity_bytes);
    document_add_value(document, document->root, "findings", checker->findings.list);
    if (checker->repairs)
        repair_add_json(&checker->repair);
    return document_print(document, stdout, &checker->invocation->error);
}

static void print_summary(const cli_checker *checker)
{
    char size[SHOW_SIZE_MAX];

    printf("checked %lld %s, %lld %s", (long long)checker->arrays,
           checker->arrays == 1 ? "array" : "arrays", (long long)checker->chunks,
           checker->chunks == 1 ? "stored chunk" : "stored chunks");
    if (checker->inner_chunks > 0)
        printf(" with %lld inner chunks", (long long)checker->inner_chunks);
    printf(", %s%s: ", show_size(size, checker->stored_bytes),
           invocation_has(checker->invocation, OPTION_DATA) ? ", all decoded" : "");
    if (checker->findings.damaged > 0)
        printf("%lld damaged", (long long)checker->findings.damaged);
    else
        fputs("no damage", stdout);
    if (checker->findings.notes > 0)
        printf(", %lld to look at", (long long)checker->findings.notes);
    if (checker->repairs && checker->repair.rebuilt + checker->repair.removed > 0)
        printf("; %s %lld, removed %lld, lost %lld %s",
               checker->repair.dry_run ? "would have rebuilt" : "rebuilt",
               (long long)checker->repair.rebuilt, (long long)checker->repair.removed,
               (long long)checker->repair.lost_chunks,
               checker->repair.lost_chunks == 1 ? "chunk" : "chunks");
    putchar('\n');
}

/* 1 when something is damaged, or gone for good. */
static int exit_status(const cli_checker *checker)
{
    int64_t left = checker->findings.damaged;

    if (checker->repairs && !checker->repair.dry_run)
        left += checker->repair.lost_chunks - checker->damaged_chunks;
    return left > 0;
}

static int check_and_tell(cli_checker *checker)
{
    cli_invocation *invocation = checker->invocation;
    int status = check_root(checker, invocation->operands[0]);

    if (status >= 0 && signals_interrupted())
        status = tsr_error_set(&invocation->error, TSR_CANCELLED, "interrupted");
    if (status >= 0 && checker->findings.as_json)
        status = print_json(checker);
    else if (status >= 0)
        print_summary(checker);
    return status < 0 ? status : exit_status(checker);
}

static int run(cli_invocation *invocation)
{
    cli_checker checker = {.invocation = invocation,
                           .repairs = invocation_has(invocation, OPTION_REPAIR)};
    int status = 0;

    if (invocation_has(invocation, OPTION_DRY_RUN) && !checker.repairs)
        return invocation_misuse(invocation, "--dry-run says what --repair would do");
    progress_init(&checker.progress, invocation, "checking");
    CLI_TRY(findings_init(&checker.findings, invocation, &checker.progress));
    if (checker.repairs)
        status = repair_init(&checker.repair, invocation, &checker.findings);
    if (status >= 0)
        status = check_and_tell(&checker);
    repair_clear(&checker.repair);
    findings_clear(&checker.findings);
    return status;
}

extern const cli_command command_check;
const cli_command command_check = {
    .name = "check",
    .summary = "look for damage: metadata, shard indexes, checksums, left-over files",
    .description =
        "Without --data it reads metadata and shard indexes only: each entry must lie inside its shard, and "
        "none across another. With --data every chunk is decoded, so that every checksum is verified. Keys "
        "that belong to nothing, files that a killed writer left, shards of which more than a third is bytes "
        "that no index entry refers to, shards that lack the parity of their array, and consolidated metadata "
        "and kept statistics that are stale are named, and that the place lies on a network, but are no damage. With --data the blocks of shards with parity are checked "
        "too. Chunks that cannot be read (a failing disk, no permission, a pipe in their place) are named as "
        "unreadable, and all others are looked at. The exit status is 1 when anything was damaged or "
        "unreadable.\n\n"
        "With --repair each damaged shard is made anew of the inner chunks that are sound, every one of them "
        "decoded, and what is lost is listed. A single wrong bit of an index is put right by its checksum; of "
        "an index that is damaged further nothing is believed, since it could lead to an older version of a "
        "chunk, or to another chunk. A shard with parity (create --parity) is first computed back to what it "
        "was, bit for bit where its parity is strong enough; give --data, since otherwise only damage that "
        "shows in metadata and indexes is seen. A chunk of which nothing is sound is removed, and reads as fill value. The "
        "damaged file stays beside the new one, as __damaged-1.NAME, for you to remove. Writers may go on "
        "meanwhile. The exit status is then 1 when something is lost, or still damaged.",
    COMMAND_OPERANDS({.kind = OPERAND_PLACE, .name = "PLACE"}),
    COMMAND_EXAMPLES({"check relief.zarr", "The structure of a tree"},
                     {"check relief.zarr --data --rate 50MiB/s", "Every checksum, gently"},
                     {"check relief.zarr/ROSE --json", "For programs"},
                     {"check relief.zarr --data --repair --dry-run", "What could be saved"},
                     {"check relief.zarr --data --repair", "Save it"}),
    COMMAND_OPTIONS(OPTION_DATA, OPTION_RATE, OPTION_REPAIR, OPTION_DRY_RUN, OPTION_JSON,
                    OPTION_THREADS, OPTION_MEMORY, OPTION_PROGRESS),
    .run = run,
};
