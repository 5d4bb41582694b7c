/* Proves that keys stay inside the root and that what is not a file or a folder where one should be
 * gives a clear error and never a hang. */
#include "store_testing.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A second folder beside the root, with something to steal. */
typedef struct outside {
    char *folder;
    char secret[4200];
} outside;

static outside outside_new(void)
{
    outside o = {.folder = temporary_folder_new()};
    snprintf(o.secret, sizeof o.secret, "%s/secret", o.folder);
    temporary_file_write(o.secret, "secret", 6);
    return o;
}

static void make_link(fixture *f, const char *target, const char *key)
{
    char path[4200];
    assert_int_equal(symlink(target, path_of(f, key, path)), 0);
}

static void links_are_followed_by_default(void **state)
{
    fixture *f = *state;
    outside o = outside_new();
    make_link(f, o.folder, "disk");
    make_link(f, o.secret, "one");
    assert_text(f, "disk/secret", "secret");
    assert_text(f, "one", "secret");
    put_good(f, "disk/new", "n");
    assert_names(f, "", false, "disk/new disk/secret one");
    /* A link in the place of a value is replaced, what it leads to is not. */
    put_good(f, "one", "mine");
    char *bytes = temporary_file_read(o.secret, NULL);
    assert_string_equal(bytes, "secret");
    free(bytes);
    temporary_folder_remove(o.folder);
}

static void links_are_refused_on_demand(void **state)
{
    fixture *f = *state;
    outside o = outside_new();
    char text[16];
    fixture_close(f);
    fixture_open(f, false);
    put_good(f, "inside/k", "1");
    make_link(f, o.folder, "disk");
    make_link(f, o.secret, "one");
    make_link(f, "inside", "loop");
    make_link(f, "/", "inside/up");
    static const char *const keys[] = {"disk/secret", "one", "loop/k", "inside/up/etc/passwd"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(get(f, keys[i], text, sizeof text), TSR_PERMISSION);
        assert_non_null(strstr(f->err.message, "symbolic link"));
        assert_true(f->err.next_step[0]);
        assert_int_equal(put(f, keys[i], "mine", TSR_DURABILITY_NONE), TSR_PERMISSION);
        assert_int_equal(tsr_store_erase(f->store, keys[i], NULL, &f->err), TSR_PERMISSION);
    }
    assert_int_equal(put(f, "disk/new/k", "x", TSR_DURABILITY_NONE), TSR_PERMISSION);
    assert_names(f, "", false, "inside/k");
    assert_names(f, "", true, "inside/");
    char *bytes = temporary_file_read(o.secret, NULL);
    assert_string_equal(bytes, "secret");
    free(bytes);
    char made[4200];
    snprintf(made, sizeof made, "%s/new", o.folder);
    assert_int_equal(access(made, F_OK), -1);
    temporary_folder_remove(o.folder);
}

/* The root itself is the user's word, links or not. */
static void the_root_may_be_a_link(void **state)
{
    fixture *f = *state;
    outside o = outside_new();
    char path[4200];
    make_link(f, o.folder, "root");
    fixture_close(f);
    char *folder = f->folder;
    f->folder = (char *)path_of(f, "root", path);
    fixture_open(f, false);
    assert_text(f, "secret", "secret");
    put_good(f, "a/b", "1");
    assert_names(f, "", false, "a/b secret");
    f->folder = folder;
    temporary_folder_remove(o.folder);
}

static void dangling_links_are_absent(void **state)
{
    fixture *f = *state;
    make_link(f, "nowhere", "d");
    assert_int_equal(get(f, "d", NULL, 0), TSR_NOT_FOUND);
    assert_names(f, "", false, "");
    put_good(f, "d", "1");
    assert_text(f, "d", "1");
    make_link(f, "nowhere", "e");
    assert_true(put(f, "e/f", "1", TSR_DURABILITY_NONE) < 0);
    make_link(f, "self", "self");
    assert_int_equal(get(f, "self", NULL, 0), TSR_IO);
}

static void other_things_are_no_values(void **state)
{
    fixture *f = *state;
    char path[4200];
    assert_int_equal(mkfifo(path_of(f, "fifo", path), 0666), 0);
    assert_int_equal(mkdir(path_of(f, "folder", path), 0777), 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int socket_descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", f->folder);
    assert_int_equal(bind(socket_descriptor, (struct sockaddr *)&address, sizeof address), 0);
    make_link(f, "/dev/null", "device");
    static const char *const keys[] = {"fifo", "folder", "socket", "device"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(get(f, keys[i], NULL, 0), TSR_IO);
        assert_non_null(strstr(f->err.message, keys[i]));
        assert_int_equal(put(f, keys[i], "x", TSR_DURABILITY_NONE), TSR_IO);
        assert_non_null(strstr(f->err.message, keys[i]));
        assert_int_equal(tsr_store_erase(f->store, keys[i], NULL, &f->err), TSR_IO);
    }
    close(socket_descriptor);
    struct stat status;
    assert_int_equal(stat(path_of(f, "fifo", path), &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
    /* They are listed, so that nobody takes them for absent; the folder has no key in it. */
    assert_names(f, "", false, "device fifo socket");
}

static void a_key_and_a_key_below_it_exclude_each_other(void **state)
{
    fixture *f = *state;
    put_good(f, "a", "file");
    put_good(f, "d/k", "folder");
    assert_int_equal(get(f, "a/b", NULL, 0), TSR_IO);
    assert_non_null(strstr(f->err.message, "file where a folder should be"));
    assert_int_equal(put(f, "a/b", "x", TSR_DURABILITY_NONE), TSR_IO);
    assert_int_equal(put(f, "a/b/c", "x", TSR_DURABILITY_NONE), TSR_IO);
    assert_int_equal(get(f, "d", NULL, 0), TSR_IO);
    assert_int_equal(put(f, "d", "x", TSR_DURABILITY_NONE), TSR_IO);
    assert_text(f, "a", "file");
    assert_text(f, "d/k", "folder");
    assert_names(f, "", false, "a d/k");
}

static void a_root_that_is_a_file_is_not_found(void **state)
{
    fixture *f = *state;
    char path[4200];
    tsr_store *store = NULL;
    tsr_blob *blob = NULL;
    put_good(f, "file", "x");
    assert_int_equal(tsr_store_open(f->context, path_of(f, "file", path), &store, &f->err), 0);
    assert_int_equal(tsr_store_get(store, "k", (tsr_range){0}, NULL, &blob, NULL, &f->err),
                     TSR_NOT_FOUND);
    assert_non_null(strstr(f->err.message, "is a file"));
    assert_true(tsr_store_put(store, "k", "x", 1, TSR_DURABILITY_NONE, NULL, &f->err) < 0);
    tsr_store_close(store);
    assert_text(f, "file", "x");
}

static void names_of_the_store_itself_are_refused(void **state)
{
    fixture *f = *state;
    static const char *const keys[] = {"k.__lock", "k__lock", "__lock", "a/__tmp_0.__lock",
                                       "x__lock/k"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        assert_int_equal(put(f, keys[i], "x", TSR_DURABILITY_NONE), TSR_INVALID_ARGUMENT);
        assert_int_equal(get(f, keys[i], NULL, 0), TSR_INVALID_ARGUMENT);
        assert_non_null(strstr(f->err.message, "lock"));
    }
    put_good(f, "lock", "1");
    put_good(f, "__lock_", "1");
    assert_names(f, "", false, "__lock_ lock");
}

static void names_that_are_too_long_are_refused(void **state)
{
    fixture *f = *state;
    char key[300];
    memset(key, 'n', sizeof key);
    key[248] = 0;
    put_good(f, key, "fits with the suffix of its lock file");
    assert_text(f, key, "fits with the suffix of its lock file");
    key[248] = 'n';
    key[249] = 0;
    assert_int_equal(put(f, key, "x", TSR_DURABILITY_NONE), TSR_INVALID_ARGUMENT);
    key[249] = 'n';
    key[260] = 0;
    assert_int_equal(get(f, key, NULL, 0), TSR_INVALID_ARGUMENT);
}

static void new_folders_obey_the_umask(void **state)
{
    fixture *f = *state;
    char path[4200];
    struct stat status;
    mode_t before = umask(027);
    put_good(f, "a/b/c", "1");
    umask(before);
    assert_int_equal(stat(path_of(f, "a/b", path), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0750);
    assert_int_equal(stat(path_of(f, "a/b/c", path), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
}

static void no_permission_is_said_so(void **state)
{
    fixture *f = *state;
    char path[4200];
    if (geteuid() == 0) {
        /* The superuser may do everything; the errno is simulated. */
        faulty_system_fail(&f->faulty, "openat", 1, EACCES, true);
        assert_int_equal(get(f, "a", NULL, 0), TSR_PERMISSION);
        assert_int_equal(put(f, "a", "x", TSR_DURABILITY_NONE), TSR_PERMISSION);
        faulty_system_fail(&f->faulty, NULL, 0, 0, false);
        return;
    }
    put_good(f, "d/a", "1");
    assert_int_equal(chmod(path_of(f, "d/a", path), 0), 0);
    assert_int_equal(get(f, "d/a", NULL, 0), TSR_PERMISSION);
    assert_int_equal(chmod(path_of(f, "d", path), 0555), 0);
    assert_int_equal(put(f, "d/a", "x", TSR_DURABILITY_NONE), TSR_PERMISSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(links_are_followed_by_default),
        FIXTURE_TEST(links_are_refused_on_demand),
        FIXTURE_TEST(the_root_may_be_a_link),
        FIXTURE_TEST(dangling_links_are_absent),
        FIXTURE_TEST(other_things_are_no_values),
        FIXTURE_TEST(a_key_and_a_key_below_it_exclude_each_other),
        FIXTURE_TEST(a_root_that_is_a_file_is_not_found),
        FIXTURE_TEST(names_of_the_store_itself_are_refused),
        FIXTURE_TEST(names_that_are_too_long_are_refused),
        FIXTURE_TEST(new_folders_obey_the_umask),
        FIXTURE_TEST(no_permission_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
