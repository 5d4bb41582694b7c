/* Proves that the user is told once, before the first change, when a store lies on a file system
 * that other machines share, and never of a disk; that writing goes on all the same; and that a
 * checkpoint syncs the file system just when something was left to it. */
#include "store_testing.h"

#include <errno.h>
#include <sys/vfs.h>

typedef struct pretender {
    tsr_system system;
    long type;
    int syncs;
    int sync_error;
    int warnings;
    char message[600];
} pretender;

static int pretend(const tsr_system *system, int descriptor, struct statfs *ret_status)
{
    (void)descriptor;
    *ret_status = (struct statfs){.f_type = ((const pretender *)system)->type};
    return 0;
}

static int count_sync(const tsr_system *system, int descriptor)
{
    pretender *self = (pretender *)system;
    (void)descriptor;
    self->syncs++;
    errno = self->sync_error;
    return self->sync_error ? -1 : 0;
}

static void take_warning(void *user, tsr_log_level level, const char *subsystem,
                         const char *message)
{
    pretender *self = user;
    (void)subsystem;
    if (level == TSR_LOG_WARNING) {
        self->warnings++;
        snprintf(self->message, sizeof self->message, "%s", message);
    }
}

static tsr_store *open_on(pretender *self, const char *folder, long type)
{
    tsr_context_options options;
    tsr_context *context;
    tsr_store *store;

    *self = (pretender){.system = *quick_system(), .type = type};
    self->system.fstatfs = pretend;
    self->system.syncfs = count_sync;
    tsr_context_options_init(&options);
    options.system = &self->system;
    options.log = take_warning;
    options.log_user = self;
    assert_int_equal(tsr_context_new(&options, &context, NULL), 0);
    assert_int_equal(tsr_store_open(context, folder, &store, NULL), 0);
    tsr_context_free(context);
    return store;
}

static void put_value(tsr_store *store, const char *key, tsr_durability durability)
{
    assert_int_equal(tsr_store_put(store, key, "v", 1, durability, NULL, NULL), 0);
}

static int never_called(void *user, const tsr_store_entry *entry)
{
    (void)user;
    (void)entry;
    return -1;
}

static void shared_file_systems_are_named_once(void **state)
{
    static const struct {
        long type;
        const char *name;
    } rows[] = {{0x6969, "NFS"}, {0xff534d42, "SMB"}, {0x65735546, "FUSE"}, {0x0bd00bd0, "Lustre"}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pretender self;
        tsr_store *store = open_on(&self, f->folder, rows[i].type);
        assert_int_equal(tsr_store_list_left_over(store, "", never_called, NULL, NULL, NULL), 0);
        assert_int_equal(self.warnings, 0); /* reading takes no promise */
        put_value(store, "a", TSR_DURABILITY_FLUSH);
        put_value(store, "b/c", TSR_DURABILITY_NONE);
        assert_int_equal(self.warnings, 1);
        assert_non_null(strstr(self.message, rows[i].name));
        assert_non_null(strstr(self.message, f->folder));
        tsr_store_close(store);
    }
}

/* Asked, a store says so before anything is written, and without a warning. */
static void a_store_says_where_it_lies(void **state)
{
    static const struct {
        long type;
        const char *name;
    } rows[] = {{0x6969, "NFS"}, {0x47504653, "GPFS"}, {0x01021997, "9P"},
                {0xef53, NULL},  {0x01021994, NULL},   {0x9123683e, NULL}};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pretender self;
        const char *name = "unasked";
        tsr_store *store = open_on(&self, f->folder, rows[i].type);
        assert_int_equal(tsr_store_network(store, &name, NULL), 0);
        if (rows[i].name)
            assert_string_equal(name, rows[i].name);
        else
            assert_null(name);
        assert_int_equal(self.warnings, 0);
        tsr_store_close(store);
    }
}

static int refuse_statfs(const tsr_system *system, int descriptor, struct statfs *ret_status)
{
    (void)system;
    (void)descriptor;
    (void)ret_status;
    errno = EIO;
    return -1;
}

/* Of a folder that is not there nothing is known, and what cannot be asked is an error. */
static void where_nobody_knows(void **state)
{
    fixture *f = *state;
    pretender self;
    tsr_error err = TSR_ERROR_INIT;
    const char *name = "unasked";
    char *absent = temporary_path(f->folder, "absent");
    tsr_store *store = open_on(&self, absent, 0x6969);
    assert_int_equal(tsr_store_network(store, &name, &err), 0);
    assert_null(name);
    put_value(store, "a", TSR_DURABILITY_NONE);
    assert_int_equal(tsr_store_network(store, &name, &err), 0);
    assert_string_equal(name, "NFS");
    self.system.fstatfs = refuse_statfs;
    assert_int_equal(tsr_store_network(store, &name, &err), TSR_IO);
    assert_non_null(strstr(err.message, absent));
    assert_string_equal(name, "NFS"); /* untouched */
    tsr_store_close(store);
    free(absent);
}

static void a_lock_is_a_first_change_too(void **state)
{
    fixture *f = *state;
    pretender self;
    tsr_lock *lock;
    tsr_store *store = open_on(&self, f->folder, 0x6969);
    assert_int_equal(tsr_store_lock(store, "a", NULL, &lock, NULL), 0);
    assert_int_equal(self.warnings, 1);
    tsr_store_unlock(store, lock);
    tsr_store_close(store);
}

static void nothing_is_said_of_disks(void **state)
{
    static const long types[] = {0xef53, 0x58465342, 0x9123683e, 0x01021994}; /* the last: tmpfs */
    fixture *f = *state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        pretender self;
        tsr_store *store = open_on(&self, f->folder, types[i]);
        put_value(store, "a", TSR_DURABILITY_CHUNK);
        assert_int_equal(self.warnings, 0);
        tsr_store_close(store);
    }
}

static void a_checkpoint_syncs_what_was_left_to_the_system(void **state)
{
    fixture *f = *state;
    pretender self;
    tsr_store *store = open_on(&self, f->folder, 0xef53);
    assert_int_equal(tsr_store_sync(store, NULL, NULL), 0);
    put_value(store, "a", TSR_DURABILITY_FLUSH);
    assert_int_equal(tsr_store_sync(store, NULL, NULL), 0);
    assert_int_equal(self.syncs, 0);
    put_value(store, "a", TSR_DURABILITY_NONE);
    assert_int_equal(tsr_store_sync(store, NULL, NULL), 0);
    assert_int_equal(tsr_store_sync(store, NULL, NULL), 0);
    assert_int_equal(self.syncs, 1);
    tsr_store_close(store);
}

static void a_checkpoint_that_fails_is_final(void **state)
{
    fixture *f = *state;
    pretender self;
    tsr_error err = TSR_ERROR_INIT;
    tsr_store *store = open_on(&self, f->folder, 0xef53);
    put_value(store, "a", TSR_DURABILITY_NONE);
    self.sync_error = EIO;
    assert_int_equal(tsr_store_sync(store, NULL, &err), TSR_IO);
    self.sync_error = 0;
    assert_int_equal(tsr_store_sync(store, NULL, &err), TSR_IO);
    assert_int_equal(tsr_store_put(store, "a", "v", 1, TSR_DURABILITY_NONE, NULL, &err), TSR_IO);
    assert_int_equal(self.syncs, 1);
    tsr_store_close(store);
}

static void sharing_blocks_is_a_hint(void **state)
{
    (void)state;
    static const struct {
        long type;
        bool shares;
    } rows[] = {{0x58465342, true},
                {0x9123683e, true},
                {0xca451a4e, true},
                {0xef53, false},
                {0x6969, false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        pretender self;
        char *folder = temporary_folder_new();
        tsr_store *store = open_on(&self, folder, rows[i].type);
        assert_false(store->hints.shares_beginnings);
        put_value(store, "k", TSR_DURABILITY_NONE);
        assert_int_equal(store->hints.shares_beginnings, rows[i].shares);
        tsr_store_close(store);
        temporary_folder_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(shared_file_systems_are_named_once),
        FIXTURE_TEST(a_store_says_where_it_lies),
        FIXTURE_TEST(where_nobody_knows),
        FIXTURE_TEST(a_lock_is_a_first_change_too),
        FIXTURE_TEST(nothing_is_said_of_disks),
        FIXTURE_TEST(a_checkpoint_syncs_what_was_left_to_the_system),
        FIXTURE_TEST(a_checkpoint_that_fails_is_final),
        cmocka_unit_test(sharing_blocks_is_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
