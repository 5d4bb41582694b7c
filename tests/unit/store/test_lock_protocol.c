/* Model checking of the protocol by which writers of one key exclude each other and publish (the
 * head of src/store/store_fs.h): every interleaving of the system calls of a few processes, any of
 * which may be killed before any call, is gone through, breadth first. It is about the protocol and
 * not the code: each step below stands for one system call, and where to find it is said beside it.
 *
 * What must hold in every state:
 *  - nobody writes into a file that is, or ever was, the value of the key, so that readers without
 *    locks see whole values;
 *  - what is published is complete;
 *  - who reads the value in order to change it finds every change that was acknowledged, and
 *    nobody's change is lost afterwards;
 *  - some process can always go on until all are done or dead: what a dead writer left stops none.
 *
 * That the model can see mistakes is shown by mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROCESSES_MAX = 4, INODES = 8, NOBODY = 0xff };

/* What a process does. */
typedef enum role {
    ROLE_WRITER,  /* ours: reads the value, adds its change, publishes */
    ROLE_FOREIGN, /* the same by TensorStore: writes over a lock file that it finds */
    ROLE_SWEEPER, /* erase_prefix: removes a lock file that nobody holds */
    ROLE_ERASER   /* removes the value under the lock */
} role;

/* Its next system call. */
typedef enum step {
    STEP_LOOK,          /* only of a mistake: reads the value before it has the lock */
    STEP_CREATE,        /* openat KEY.__lock, O_CREAT | O_EXCL (store_fs_lock.c, open_round) */
    STEP_OPEN,          /* openat of one that is there */
    STEP_LOCK,          /* fcntl F_OFD_SETLKW (wait_for_lock) */
    STEP_VERIFY,        /* fstatat: does the path still lead to the locked file (lock_round)? */
    STEP_VERIFY_REMOVE, /* the same before removing what a dead writer left (remove_file) */
    STEP_REMOVE,        /* unlinkat KEY.__lock */
    STEP_READ,          /* the value that is there (store_fs_write.c, check_current) */
    STEP_WRITE,         /* into the lock file: first some bytes */
    STEP_WRITE_MORE,    /* and then all */
    STEP_VERIFY_AGAIN,  /* before publishing (publish) */
    STEP_PUBLISH,       /* renameat KEY.__lock KEY; or unlinkat KEY */
    STEP_CLEAN_UP,      /* an eraser removes the lock file */
    STEP_UNLOCK,        /* fcntl F_UNLCK and close; what was done is acknowledged */
    STEP_DONE,
    STEP_DEAD
} step;

typedef struct process {
    uint8_t step;
    uint8_t inode;  /* open; 0: none */
    uint8_t made;   /* it made the lock file itself */
    uint8_t value;  /* that it has read */
    uint8_t failed; /* its lock file had vanished: nothing was published or acknowledged */
} process;

typedef struct inode {
    uint8_t value;     /* a set of changes */
    uint8_t torn;      /* written in part */
    uint8_t published; /* is or was the value of the key */
    uint8_t holder;    /* of the lock */
} inode;

typedef struct state {
    uint8_t key, lock; /* which inodes the two names lead to; 0: none */
    uint8_t acknowledged;
    uint8_t kills_left;
    inode inodes[INODES];
    process processes[PROCESSES_MAX];
} state;

/* Ways to do it wrong. */
typedef enum mistake {
    MISTAKE_NONE,
    MISTAKE_NO_VERIFY,    /* trusts a lock without looking whose file it is */
    MISTAKE_NO_LOCK,      /* removes what it finds without having its lock */
    MISTAKE_EARLY_UNLOCK, /* lets go of the lock before it publishes */
    MISTAKE_READ_BEFORE,  /* reads the value that it changes before it has the lock */
    MISTAKE_IN_PLACE,     /* writes into the value itself */
    MISTAKE_PUBLISH_TORN  /* renames before everything is written */
} mistake;

typedef struct model {
    const role *roles;
    int count, kills;
    mistake mistake;
    state *states; /* all that were reached, in the order of reaching */
    uint32_t *table;
    size_t state_count, table_size;
    const char *violation;
} model;

/* ---- the set of states ---- */

static uint64_t hash_of(const state *s)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < sizeof *s; i++)
        hash = (hash ^ ((const uint8_t *)s)[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static void add_state(model *m, const state *s)
{
    size_t at = hash_of(s) & (m->table_size - 1);
    while (m->table[at]) {
        if (memcmp(&m->states[m->table[at] - 1], s, sizeof *s) == 0)
            return;
        at = (at + 1) & (m->table_size - 1);
    }
    assert_true(2 * m->state_count < m->table_size);
    m->states[m->state_count++] = *s;
    m->table[at] = (uint32_t)m->state_count;
}

/* ---- files ---- */

static bool is_open(const state *s, int number)
{
    for (int i = 0; i < PROCESSES_MAX; i++)
        if (s->processes[i].inode == number)
            return true;
    return false;
}

/* A file that has no name and that nobody has open is gone, and its number may come back. */
static void collect(state *s)
{
    for (int i = 1; i < INODES; i++)
        if (s->key != i && s->lock != i && !is_open(s, i))
            s->inodes[i] = (inode){.holder = NOBODY};
}

static uint8_t new_inode(const state *s)
{
    for (uint8_t i = 1; i < INODES; i++)
        if (s->key != i && s->lock != i && !is_open(s, i))
            return i;
    abort(); /* there are more than all processes and names together can have */
}

static void close_file(state *s, int me)
{
    process *p = &s->processes[me];
    if (p->inode && s->inodes[p->inode].holder == me)
        s->inodes[p->inode].holder = NOBODY;
    p->inode = 0;
    p->made = 0;
}

static void go_again(state *s, int me)
{
    close_file(s, me);
    s->processes[me].step = STEP_CREATE;
}

static void write_file(model *m, inode *file, uint8_t value, bool torn)
{
    if (file->published && m->mistake != MISTAKE_IN_PLACE)
        m->violation = "a published file is written";
    if (file->published)
        m->violation = "readers see a value change under their hands";
    file->value = value;
    file->torn = torn;
}

/* ---- steps: false when the process has to wait ---- */

static void create_file(const model *m, state *s, int me)
{
    process *p = &s->processes[me];
    bool sweeps = m->roles[me] == ROLE_SWEEPER, foreign = m->roles[me] == ROLE_FOREIGN;
    if (s->lock && foreign) { /* O_CREAT alone opens what is there */
        p->inode = s->lock;
        p->made = 1;
        p->step = STEP_LOCK;
    } else if (s->lock) {
        p->step = STEP_OPEN;
    } else if (sweeps) {
        p->step = STEP_DONE;
    } else {
        p->inode = new_inode(s);
        s->inodes[p->inode] = (inode){.holder = NOBODY};
        s->lock = p->inode;
        p->made = 1;
        p->step = STEP_LOCK;
    }
}

static void open_file(const model *m, state *s, int me)
{
    process *p = &s->processes[me];
    p->inode = s->lock;
    p->step = !s->lock                        ? STEP_CREATE
              : m->mistake == MISTAKE_NO_LOCK ? STEP_VERIFY_REMOVE
                                              : STEP_LOCK;
}

static bool lock_file(const model *m, state *s, int me)
{
    process *p = &s->processes[me];
    inode *file = &s->inodes[p->inode];
    if (file->holder != NOBODY && m->roles[me] == ROLE_SWEEPER) {
        close_file(s, me); /* F_OFD_SETLK: somebody is at work there */
        p->step = STEP_DONE;
        return true;
    }
    if (file->holder != NOBODY)
        return false;
    file->holder = (uint8_t)me;
    p->step = STEP_VERIFY;
    return true;
}

static void verify(const model *m, state *s, int me)
{
    process *p = &s->processes[me];
    if (s->lock != p->inode && m->mistake != MISTAKE_NO_VERIFY)
        go_again(s, me);
    else if (!p->made)
        p->step = STEP_VERIFY_REMOVE;
    else
        p->step = m->mistake == MISTAKE_READ_BEFORE ? STEP_WRITE : STEP_READ;
}

static void after_removal(const model *m, state *s, int me)
{
    close_file(s, me);
    s->processes[me].step = m->roles[me] == ROLE_SWEEPER ? STEP_DONE : STEP_CREATE;
}

static void write_first(model *m, state *s, int me)
{
    process *p = &s->processes[me];
    uint8_t value = p->value | (uint8_t)(1 << me);
    if (m->mistake == MISTAKE_IN_PLACE && s->key) {
        write_file(m, &s->inodes[s->key], value, true);
        return;
    }
    write_file(m, &s->inodes[p->inode], value, true);
    p->step = m->mistake == MISTAKE_PUBLISH_TORN ? STEP_VERIFY_AGAIN : STEP_WRITE_MORE;
}

static void write_rest(model *m, state *s, int me)
{
    process *p = &s->processes[me];
    write_file(m, &s->inodes[p->inode], s->inodes[p->inode].value, false);
    p->step = STEP_VERIFY_AGAIN;
}

static void verify_again(const model *m, state *s, int me)
{
    process *p = &s->processes[me];
    bool ours = s->lock == p->inode || m->mistake == MISTAKE_NO_VERIFY;
    p->failed = !ours;
    p->step = ours ? STEP_PUBLISH : STEP_UNLOCK;
    if (ours && m->mistake == MISTAKE_EARLY_UNLOCK)
        s->inodes[p->inode].holder = NOBODY;
}

/* rename: whatever the name of the lock leads to becomes the value. */
static void publish(model *m, state *s, int me)
{
    process *p = &s->processes[me];
    p->step = STEP_UNLOCK;
    if (m->roles[me] == ROLE_ERASER) {
        s->key = 0;
        p->step = STEP_CLEAN_UP;
        return;
    }
    p->failed = !s->lock;
    if (!s->lock)
        return;
    s->key = s->lock;
    s->lock = 0;
    s->inodes[s->key].published = 1;
    if (s->inodes[s->key].torn)
        m->violation = "a value is published that is not complete";
    if (s->key != p->inode)
        m->violation = "somebody else's file is published";
}

static void unlock(model *m, state *s, int me)
{
    process *p = &s->processes[me];
    if (m->roles[me] != ROLE_ERASER && !p->failed)
        s->acknowledged |= (uint8_t)(1 << me);
    close_file(s, me);
    p->step = p->failed ? STEP_CREATE : STEP_DONE;
    p->failed = 0;
}

static void read_value(const model *m, state *s, int me)
{
    process *p = &s->processes[me];
    p->value = s->key ? s->inodes[s->key].value : 0;
    p->step = m->roles[me] == ROLE_ERASER ? STEP_PUBLISH : STEP_WRITE;
}

/* Makes the next system call of a process. */
static bool advance(model *m, state *s, int me)
{
    process *p = &s->processes[me];
    switch ((step)p->step) {
    case STEP_LOOK:
        p->value = s->key ? s->inodes[s->key].value : 0;
        p->step = STEP_CREATE;
        return true;
    case STEP_CREATE:
        create_file(m, s, me);
        return true;
    case STEP_OPEN:
        open_file(m, s, me);
        return true;
    case STEP_LOCK:
        return lock_file(m, s, me);
    case STEP_VERIFY:
        verify(m, s, me);
        return true;
    case STEP_VERIFY_REMOVE:
        if (s->lock == p->inode)
            p->step = STEP_REMOVE;
        else
            after_removal(m, s, me);
        return true;
    case STEP_REMOVE:
        s->lock = 0;
        after_removal(m, s, me);
        return true;
    case STEP_READ:
        read_value(m, s, me);
        return true;
    case STEP_WRITE:
        write_first(m, s, me);
        return true;
    case STEP_WRITE_MORE:
        write_rest(m, s, me);
        return true;
    case STEP_VERIFY_AGAIN:
        verify_again(m, s, me);
        return true;
    case STEP_PUBLISH:
        publish(m, s, me);
        return true;
    case STEP_CLEAN_UP:
        s->lock = s->lock == p->inode ? 0 : s->lock;
        p->step = STEP_UNLOCK;
        return true;
    case STEP_UNLOCK:
        unlock(m, s, me);
        return true;
    default:
        return false;
    }
}

/* ---- exploring ---- */

static bool has_eraser(const model *m)
{
    for (int i = 0; i < m->count; i++)
        if (m->roles[i] == ROLE_ERASER)
            return true;
    return false;
}

static void check_state(model *m, const state *s)
{
    uint8_t value = s->key ? s->inodes[s->key].value : 0;
    if (!has_eraser(m) && (s->acknowledged & ~value))
        m->violation = "an acknowledged change is lost";
}

static bool is_over(const state *s, int me)
{
    return s->processes[me].step == STEP_DONE || s->processes[me].step == STEP_DEAD;
}

/* All states that one call or one death leads to. */
static void expand(model *m, size_t from)
{
    bool moved = false, over = true;
    for (int me = 0; me < m->count && !m->violation; me++) {
        state next = m->states[from];
        over &= is_over(&next, me);
        if (is_over(&next, me))
            continue;
        if (advance(m, &next, me)) {
            collect(&next);
            check_state(m, &next);
            add_state(m, &next);
            moved = true;
        }
        next = m->states[from];
        if (next.kills_left > 0) {
            next.kills_left--;
            close_file(&next, me);
            next.processes[me] = (process){.step = STEP_DEAD};
            collect(&next);
            add_state(m, &next);
        }
    }
    if (!moved && !over && !m->violation)
        m->violation = "nobody can go on";
}

static const char *explore(const role *roles, int count, int kills, mistake which,
                           size_t *ret_states)
{
    enum { STATES_MAX = 1 << 18 };
    model m = {.roles = roles, .count = count, .kills = kills, .mistake = which};
    state start = {.kills_left = (uint8_t)kills};

    m.table_size = 2 * STATES_MAX;
    m.table = calloc(m.table_size, sizeof *m.table);
    m.states = calloc(STATES_MAX, sizeof *m.states);
    assert_true(m.table && m.states);
    for (int i = 0; i < PROCESSES_MAX; i++)
        start.processes[i].step = i >= count                     ? STEP_DONE
                                  : which == MISTAKE_READ_BEFORE ? STEP_LOOK
                                                                 : STEP_CREATE;
    collect(&start);
    add_state(&m, &start);
    for (size_t i = 0; i < m.state_count && !m.violation; i++)
        expand(&m, i);
    *ret_states = m.state_count;
    free(m.table);
    free(m.states);
    return m.violation;
}

static void expect_good(const char *what, const role *roles, int count, int kills)
{
    size_t states;
    const char *violation = explore(roles, count, kills, MISTAKE_NONE, &states);
    if (violation)
        fail_msg("%s: %s", what, violation);
    print_message("%s, %d killed: %zu states\n", what, kills, states);
}

static void test_the_protocol(void **unused)
{
    (void)unused;
    const role writers[] = {ROLE_WRITER, ROLE_WRITER, ROLE_WRITER, ROLE_WRITER};
    const role mixed[] = {ROLE_WRITER, ROLE_FOREIGN, ROLE_WRITER};
    const role foreign[] = {ROLE_FOREIGN, ROLE_FOREIGN, ROLE_WRITER};
    const role swept[] = {ROLE_WRITER, ROLE_SWEEPER, ROLE_FOREIGN};
    const role erased[] = {ROLE_WRITER, ROLE_ERASER, ROLE_WRITER};
    expect_good("two writers", writers, 2, 2);
    expect_good("three writers", writers, 3, 2);
    expect_good("two of ours and one of TensorStore", mixed, 3, 2);
    expect_good("one of ours and two of TensorStore", foreign, 3, 2);
    expect_good("writers and a sweeper", swept, 3, 2);
    expect_good("writers and an eraser", erased, 3, 2);
}

static void test_mistakes_are_seen(void **unused)
{
    (void)unused;
    const role roles[] = {ROLE_WRITER, ROLE_WRITER, ROLE_FOREIGN};
    static const char *const names[] = {"none",        "no verify", "no lock",     "early unlock",
                                        "read before", "in place",  "publish torn"};
    for (mistake which = MISTAKE_NO_VERIFY; which <= MISTAKE_PUBLISH_TORN; which++) {
        size_t states;
        const char *violation = explore(roles, 3, 1, which, &states);
        if (!violation)
            fail_msg("%s: not seen in %zu states", names[which], states);
        print_message("%s: %s\n", names[which], violation);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_protocol),
        cmocka_unit_test(test_mistakes_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
