/* Proves that a power cut at any moment of a transaction leaves the old version or the new one,
 * whole, and the new one once the commit is acknowledged; that collecting what was left then takes
 * away nothing else; and that this proof would notice a sync that is left out. Every disk that may
 * be left is looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <tessera/store.h>
#include <tessera/transaction.h>

#include "support/ledger.h"
#include "support/power_cut.h"

static const char place[] = "/parent/t.zarr";

enum { TREE, VALUE_BYTES = 600 }; /* the cell of the ledger; two sectors */

static tsr_context *context_of(simulated_disk *disk)
{
    tsr_context_options options;
    tsr_context *context;
    tsr_error err = TSR_ERROR_INIT;
    tsr_context_options_init(&options);
    options.threads = 1;
    options.system = simulated_disk_system(disk);
    assert_int_equal(tsr_context_new(&options, &context, &err), 0);
    return context;
}

static void put_version(tsr_store *store, const char *key, int version, tsr_durability durability)
{
    char value[VALUE_BYTES];
    tsr_error err = TSR_ERROR_INIT;
    memset(value, '0' + version, sizeof value);
    if (tsr_store_put(store, key, value, sizeof value, durability, NULL, &err) < 0)
        fail_msg("put %s: %s", key, err.message);
}

/* The version of a value; -1: torn, 0: none. */
static int get_version(tsr_store *store, const char *key)
{
    tsr_blob *blob = NULL;
    tsr_error err = TSR_ERROR_INIT;
    int version = -1;
    int status =
        tsr_store_get(store, key, (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &blob, NULL, &err);
    if (status == 0 && tsr_blob_size(blob) == VALUE_BYTES) {
        const char *bytes = tsr_blob_data(blob);
        version = bytes[0] - '0';
        for (size_t i = 0; i < VALUE_BYTES; i++)
            if (bytes[i] != bytes[0])
                version = -1;
    }
    tsr_blob_unref(blob);
    return status == TSR_NOT_FOUND ? 0 : version;
}

static void make_tree(simulated_disk *disk, tsr_context *context)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_store *store;
    ledger_begin(disk, TREE, 1);
    assert_int_equal(tsr_store_open(context, place, &store, &err), 0);
    put_version(store, "zarr.json", 1, TSR_DURABILITY_CHUNK);
    put_version(store, "a/c/0", 1, TSR_DURABILITY_CHUNK);
    put_version(store, "b/zarr.json", 1, TSR_DURABILITY_CHUNK);
    put_version(store, "b/c/0", 1, TSR_DURABILITY_CHUNK);
    put_version(store, "b/c/1", 1, TSR_DURABILITY_CHUNK);
    tsr_store_close(store);
    ledger_acknowledge(disk, TREE, 1);
}

/* One transaction from version 1 to 2, with every kind of change, in the laxest durability. */
static void run_transaction(simulated_disk *disk, tsr_context *context, bool commits)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_transaction *transaction;
    assert_int_equal(tsr_transaction_begin(context, place, NULL, &transaction, &err), 0);
    tsr_store *store = tsr_transaction_store(transaction);
    put_version(store, "a/c/0", 2, TSR_DURABILITY_NONE);
    put_version(store, "b/c/0", 2, TSR_DURABILITY_NONE);
    put_version(store, "n/c/0", 2, TSR_DURABILITY_NONE);
    assert_int_equal(tsr_store_erase(store, "b/c/1", NULL, &err), 0);
    if (commits) {
        ledger_begin(disk, TREE, 2);
        if (tsr_transaction_commit(transaction, NULL, &err) < 0)
            fail_msg("commit: %s", err.message);
        ledger_acknowledge(disk, TREE, 2);
    }
    tsr_transaction_close(transaction);
}

/* ---- checking ---- */

typedef struct verdict {
    const simulated_disk *disk;
    size_t looked_at;
    bool loosely; /* names of a folder may be doubled, so that it cannot be said what is left */
    char text[400];
} verdict;

/* Which version the tree as a whole is of; 0: a mixture. */
static int tree_version(tsr_store *store)
{
    const char *const both[] = {"a/c/0", "b/c/0"};
    int version = get_version(store, both[0]);
    if (get_version(store, both[1]) != version || get_version(store, "zarr.json") != 1 ||
        get_version(store, "b/zarr.json") != 1)
        return 0;
    if (get_version(store, "b/c/1") != (version == 1 ? 1 : 0) ||
        get_version(store, "n/c/0") != (version == 1 ? 0 : 2))
        return 0;
    return version;
}

static int count_left(void *user, const tsr_version_info *info)
{
    int *left = user;
    if (info->kind == TSR_VERSION_UNDER_WAY ||
        (info->kind == TSR_VERSION_REPLACED && info->removed))
        return TSR_INTERNAL;
    ++*left;
    return 0;
}

/* What is abandoned is taken away, and a version that was replaced is known as one: it stays. */
static bool collects(tsr_context *context, int version, char why[300])
{
    tsr_versions_collect_options options;
    tsr_error err = TSR_ERROR_INIT;
    int found = 0, left = 0;
    tsr_versions_collect_options_init(&options);
    options.keep = 1;
    int status = tsr_versions_collect(context, place, &options, count_left, &found, NULL, &err);
    if (status == 0)
        status = tsr_versions_collect(context, place, &options, count_left, &left, NULL, &err);
    snprintf(why, 300, "status %d, %d found, %d left (%.200s)", status, found, left, err.message);
    return status == 0 && left == (version == 2);
}

static void check_disk(void *user, simulated_disk *after, size_t seen)
{
    verdict *self = user;
    ledger book = ledger_at(self->disk, seen);
    tsr_error err = TSR_ERROR_INIT;
    tsr_store *store;
    char why[300];
    if (self->text[0] || book.acknowledged[TREE] == 0)
        return;
    self->looked_at++;
    tsr_context *context = context_of(after);
    assert_int_equal(tsr_store_open(context, place, &store, &err), 0);
    int version = tree_version(store);
    tsr_store_close(store);
    if (version < book.acknowledged[TREE] || version > book.begun[TREE])
        snprintf(self->text, sizeof self->text,
                 "the tree is of version %d after change %zu; %d was acknowledged, %d begun",
                 version, seen, book.acknowledged[TREE], book.begun[TREE]);
    else if (!collects(context, version, why) && !self->loosely)
        snprintf(self->text, sizeof self->text, "what was left of version %d is not collected: %s",
                 version, why);
    else {
        assert_int_equal(tsr_store_open(context, place, &store, &err), 0);
        if (tree_version(store) != version)
            snprintf(self->text, sizeof self->text, "the collection took version %d away", version);
        tsr_store_close(store);
    }
    tsr_context_free(context);
}

/* ---- what is done wrong on purpose ---- */

static int sync_nothing(const tsr_system *system, int descriptor)
{
    (void)system, (void)descriptor;
    return 0;
}

typedef enum defect { DEFECT_NONE, DEFECT_FILE_SYSTEM, DEFECT_FOLDERS } defect;

static verdict explore(defect which, const power_cut_options *options, bool commits)
{
    simulated_disk *disk = simulated_disk_new();
    verdict found = {.disk = disk, .loosely = options->renames_fall_apart};
    tsr_context *context = context_of(disk);
    make_tree(disk, context);
    tsr_system *system = simulated_disk_system(disk);
    if (which == DEFECT_FILE_SYSTEM)
        system->syncfs = sync_nothing;
    if (which == DEFECT_FOLDERS)
        system->fsync = sync_nothing;
    run_transaction(disk, context, commits);
    tsr_context_free(context);
    power_cut_counts counts = power_cut_explore(disk, options, check_disk, &found);
    if (!found.text[0])
        print_message("%zu cuts, %zu disks, %zu looked at, %zu cuts sampled\n", counts.cuts,
                      counts.checked, found.looked_at, counts.sampled);
    simulated_disk_free(disk);
    return found;
}

/* ---- a tree that is not there yet ---- */

static const char new_place[] = "/parent/n.zarr";

/* The tree as a whole: version 2 where it is all there, 1 where there is nothing; 0: a part. */
static int new_version(tsr_store *store)
{
    static const char *const keys[] = {"zarr.json", "a/c/0", "b/c/0"};
    int found = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        int version = get_version(store, keys[i]);
        if (version != 0 && version != 2)
            return 0;
        found += version == 2;
    }
    return found == 0 ? 1 : found == 3 ? 2 : 0;
}

static void check_new_disk(void *user, simulated_disk *after, size_t seen)
{
    verdict *self = user;
    ledger book = ledger_at(self->disk, seen);
    tsr_error err = TSR_ERROR_INIT;
    tsr_store *store;
    if (self->text[0] || book.acknowledged[TREE] == 0)
        return;
    self->looked_at++;
    tsr_context *context = context_of(after);
    for (int collected = 0; collected < 2 && !self->text[0]; collected++) {
        assert_int_equal(tsr_store_open(context, new_place, &store, &err), 0);
        int version = new_version(store);
        tsr_store_close(store);
        if (version < book.acknowledged[TREE] || version > book.begun[TREE])
            snprintf(self->text, sizeof self->text,
                     "the new tree is of version %d after change %zu%s; %d was acknowledged, %d "
                     "begun",
                     version, seen, collected ? " and a collection" : "", book.acknowledged[TREE],
                     book.begun[TREE]);
        if (!collected &&
            tsr_versions_collect(context, new_place, NULL, NULL, NULL, NULL, &err) < 0)
            snprintf(self->text, sizeof self->text, "what was left is not collected: %.300s",
                     err.message);
    }
    tsr_context_free(context);
}

static verdict explore_new(defect which, const power_cut_options *options)
{
    simulated_disk *disk = simulated_disk_new();
    verdict found = {.disk = disk};
    tsr_context *context = context_of(disk);
    tsr_error err = TSR_ERROR_INIT;
    tsr_transaction *transaction;
    make_tree(disk, context);
    if (which == DEFECT_FILE_SYSTEM)
        simulated_disk_system(disk)->syncfs = sync_nothing;
    if (which == DEFECT_FOLDERS)
        simulated_disk_system(disk)->fsync = sync_nothing;
    assert_int_equal(tsr_transaction_begin_new(context, new_place, NULL, &transaction, &err), 0);
    tsr_store *store = tsr_transaction_store(transaction);
    put_version(store, "zarr.json", 2, TSR_DURABILITY_NONE);
    put_version(store, "a/c/0", 2, TSR_DURABILITY_NONE);
    put_version(store, "b/c/0", 2, TSR_DURABILITY_NONE);
    ledger_begin(disk, TREE, 2);
    if (tsr_transaction_commit(transaction, NULL, &err) < 0)
        fail_msg("commit: %s", err.message);
    ledger_acknowledge(disk, TREE, 2);
    tsr_transaction_close(transaction);
    tsr_context_free(context);
    power_cut_counts counts = power_cut_explore(disk, options, check_new_disk, &found);
    if (!found.text[0])
        print_message("%zu cuts, %zu disks, %zu looked at, %zu cuts sampled\n", counts.cuts,
                      counts.checked, found.looked_at, counts.sampled);
    simulated_disk_free(disk);
    return found;
}

static void test_a_cut_leaves_no_new_tree_or_all_of_it(void **state)
{
    (void)state;
    const power_cut_options options = {.states_max = 300, .unwritten = '.'};
    verdict found = explore_new(DEFECT_NONE, &options);
    if (found.text[0])
        fail_msg("%s", found.text);
    assert_true(found.looked_at > 100);
    assert_string_not_equal(explore_new(DEFECT_FILE_SYSTEM, &options).text, "");
    assert_string_not_equal(explore_new(DEFECT_FOLDERS, &options).text, "");
}

static void expect_safe(bool commits, const power_cut_options *options)
{
    verdict found = explore(DEFECT_NONE, options, commits);
    if (found.text[0])
        fail_msg("%s", found.text);
    assert_true(found.looked_at > 100);
}

static void test_a_cut_leaves_one_version_or_the_other(void **state)
{
    (void)state;
    expect_safe(true, &(power_cut_options){.states_max = 600, .unwritten = '.'});
    expect_safe(true,
                &(power_cut_options){.states_max = 600, .renames_fall_apart = true, .seed = 5});
}

static void test_a_transaction_that_is_given_up_changes_nothing(void **state)
{
    (void)state;
    expect_safe(false, &(power_cut_options){.states_max = 300, .unwritten = '.'});
}

/* All syncs of folders of a transaction are those of the store on the way to the exchange, which
 * the sync of the file system makes needless, and the two of the exchange, which is on the disk by
 * any one of them; without both it is not. */
static void test_missing_syncs_are_noticed(void **state)
{
    (void)state;
    const power_cut_options options = {.states_max = 600, .unwritten = '.'};
    assert_string_not_equal(explore(DEFECT_FILE_SYSTEM, &options, true).text, "");
    assert_string_not_equal(explore(DEFECT_FOLDERS, &options, true).text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cut_leaves_one_version_or_the_other),
        cmocka_unit_test(test_a_transaction_that_is_given_up_changes_nothing),
        cmocka_unit_test(test_missing_syncs_are_noticed),
        cmocka_unit_test(test_a_cut_leaves_no_new_tree_or_all_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
