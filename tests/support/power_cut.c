#include "support/power_cut.h"

#include <stdlib.h>
#include <string.h>

/* One sector, size or name: its versions are a run of `order`. Of these, `on_disk` are known to
 * have reached the disk, `made` exist by the moment of the cut, and `chosen` is what the cut
 * leaves. */
typedef struct place {
    size_t first;
    size_t on_disk, made, chosen;
} place;

typedef struct explorer {
    const simulated_disk *disk;
    power_cut_options options;
    void (*check)(void *user, simulated_disk *after, size_t seen);
    void *user;
    const disk_change *changes;
    size_t change_count;
    size_t *order;    /* the changes, sorted by place and then by time */
    size_t *place_of; /* of each change */
    size_t *version;  /* of each change: its number in the place, from 0 */
    place *places;
    size_t place_count;
    size_t *picked; /* scratch: the changes of one state */
    uint64_t *seen; /* hashes of what was checked; a table of `seen_capacity`, a power of 2 */
    size_t seen_count, seen_capacity;
    uint64_t marks; /* so far */
    uint64_t random;
    power_cut_counts counts;
} explorer;

static void *must(void *memory)
{
    if (!memory)
        abort();
    return memory;
}

static bool has_place(const disk_change *change)
{
    return change->kind == DISK_SECTOR || change->kind == DISK_SIZE || change->kind == DISK_NAME;
}

/* ---- places ---- */

static int compare_places(const disk_change *a, const disk_change *b)
{
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == DISK_SECTOR && a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return a->kind == DISK_NAME ? strcmp(a->payload, b->payload) : 0;
}

static int compare_changes(const void *a, const void *b, void *changes)
{
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    int by_place = compare_places((disk_change *)changes + i, (disk_change *)changes + j);
    return by_place ? by_place : i < j ? -1 : i > j;
}

static void find_places(explorer *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->change_count; i++)
        if (has_place(&self->changes[i]))
            self->order[count++] = i;
    qsort_r(self->order, count, sizeof *self->order, compare_changes, (void *)self->changes);
    for (size_t i = 0; i < count; i++) {
        size_t change = self->order[i];
        bool is_new = i == 0 || compare_places(&self->changes[self->order[i - 1]],
                                               &self->changes[change]) != 0;
        if (is_new)
            self->places[self->place_count++] = (place){.first = i};
        self->place_of[change] = self->place_count - 1;
        self->version[change] = i - self->places[self->place_count - 1].first;
    }
}

static size_t change_at(const explorer *self, const place *at, size_t version)
{
    return self->order[at->first + version];
}

/* The other half of a rename that is never kept without this one. */
static bool find_partner(const explorer *self, size_t change, size_t *ret_partner)
{
    const disk_change *half = &self->changes[change];
    if (half->partner == 0 || (self->options.renames_fall_apart && !half->inseparable))
        return false;
    *ret_partner = half->partner > 0 ? change + 1 : change - 1;
    return true;
}

/* The first versions of a place are on the disk, and with them what goes with them. */
static void keep(explorer *self, place *at, size_t versions)
{
    while (at->on_disk < versions) {
        size_t partner, change = change_at(self, at, at->on_disk++);
        if (find_partner(self, change, &partner))
            keep(self, &self->places[self->place_of[partner]], self->version[partner] + 1);
    }
}

static void sync_inode(explorer *self, int inode)
{
    for (size_t i = 0; i < self->place_count; i++)
        if (self->changes[self->order[self->places[i].first]].inode == inode)
            keep(self, &self->places[i], self->places[i].made);
}

/* ---- choosing ---- */

/* Whether the state keeps a change whose partner it does not. */
static bool is_torn_pair(const explorer *self, const place *at, size_t version)
{
    size_t partner;
    if (version >= at->chosen || !find_partner(self, change_at(self, at, version), &partner))
        return false;
    return self->places[self->place_of[partner]].chosen <= self->version[partner];
}

static bool is_possible(const explorer *self)
{
    for (const place *at = self->places; at < self->places + self->place_count; at++)
        for (size_t version = at->on_disk; version < at->chosen; version++)
            if (is_torn_pair(self, at, version))
                return false;
    return true;
}

/* Takes back halves of renames until there are none. */
static void make_possible(explorer *self)
{
    for (bool again = true; again;) {
        again = false;
        for (place *at = self->places; at < self->places + self->place_count; at++) {
            for (size_t version = at->on_disk; version < at->chosen; version++) {
                if (is_torn_pair(self, at, version)) {
                    at->chosen = version;
                    again = true;
                }
            }
        }
    }
}

static uint64_t draw(explorer *self)
{
    self->random = self->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return self->random >> 33;
}

/* `leaning` 0: everything is as old as it can be; 3: as new; between them more or less. */
static void choose_by_chance(explorer *self, size_t leaning)
{
    for (place *at = self->places; at < self->places + self->place_count; at++) {
        size_t open = at->made - at->on_disk;
        bool extreme = leaning == 0 || leaning == 3 || (leaning != 1 && draw(self) % 4 != 0);
        bool newest = leaning == 3 || (leaning != 0 && draw(self) % 2 == 0);
        at->chosen = extreme ? (newest ? at->made : at->on_disk)
                             : at->on_disk + (open ? draw(self) % (open + 1) : 0);
    }
    make_possible(self);
}

static size_t count_states(const explorer *self)
{
    size_t states = 1;
    for (const place *at = self->places; at < self->places + self->place_count; at++) {
        states *= at->made - at->on_disk + 1;
        if (states > self->options.states_max)
            return SIZE_MAX;
    }
    return states;
}

static bool next_state(explorer *self)
{
    for (place *at = self->places; at < self->places + self->place_count; at++) {
        if (at->chosen < at->made) {
            at->chosen++;
            return true;
        }
        at->chosen = at->on_disk;
    }
    return false;
}

/* ---- checking ---- */

/* Whether a hash is met for the first time. */
static bool remember(explorer *self, uint64_t hash)
{
    if (2 * self->seen_count >= self->seen_capacity) {
        uint64_t *old = self->seen;
        size_t old_capacity = self->seen_capacity;
        self->seen_capacity = old_capacity ? 2 * old_capacity : 1024;
        self->seen = must(calloc(self->seen_capacity, sizeof *self->seen));
        self->seen_count = 0;
        for (size_t i = 0; i < old_capacity; i++)
            if (old[i])
                remember(self, old[i]);
        free(old);
    }
    size_t at = hash & (self->seen_capacity - 1);
    while (self->seen[at] && self->seen[at] != hash)
        at = (at + 1) & (self->seen_capacity - 1);
    if (self->seen[at])
        return false;
    self->seen[at] = hash;
    self->seen_count++;
    return true;
}

static void check_state(explorer *self, size_t cut)
{
    size_t count = 0;
    for (const place *at = self->places; at < self->places + self->place_count; at++)
        if (at->chosen > 0)
            self->picked[count++] = change_at(self, at, at->chosen - 1);
    simulated_disk *after =
        simulated_disk_of_changes(self->disk, self->picked, count, self->options.unwritten);
    uint64_t hash = simulated_disk_hash(after) ^ self->marks * UINT64_C(0x9e3779b97f4a7c15);
    if (remember(self, hash ? hash : 1)) {
        self->counts.checked++;
        self->check(self->user, after, cut);
    }
    simulated_disk_free(after);
}

static void cut_here(explorer *self, size_t cut)
{
    self->counts.cuts++;
    if (count_states(self) == SIZE_MAX) {
        self->counts.sampled++;
        for (size_t i = 0; i < self->options.states_max; i++) {
            choose_by_chance(self, i == 0 ? 0 : i == 1 ? 3 : 1 + i % 2);
            check_state(self, cut);
        }
        return;
    }
    for (place *at = self->places; at < self->places + self->place_count; at++)
        at->chosen = at->on_disk;
    do {
        if (is_possible(self))
            check_state(self, cut);
    } while (next_state(self));
}

power_cut_counts power_cut_explore(const simulated_disk *disk, const power_cut_options *options,
                                   void (*check)(void *user, simulated_disk *after, size_t seen),
                                   void *user)
{
    explorer self = {.disk = disk,
                     .options = *options,
                     .check = check,
                     .user = user,
                     .random = options->seed * 2 + 1};
    self.changes = simulated_disk_changes(disk, &self.change_count);
    self.order = must(calloc(self.change_count + 1, sizeof *self.order));
    self.place_of = must(calloc(self.change_count + 1, sizeof *self.place_of));
    self.version = must(calloc(self.change_count + 1, sizeof *self.version));
    self.places = must(calloc(self.change_count + 1, sizeof *self.places));
    self.picked = must(calloc(self.change_count + 1, sizeof *self.picked));
    find_places(&self);
    for (size_t i = 0; i < self.change_count; i++) {
        if (self.changes[i].kind == DISK_SYNC) {
            cut_here(&self, i);
            sync_inode(&self, self.changes[i].inode);
        } else if (self.changes[i].kind == DISK_MARK) {
            self.marks++;
        } else {
            self.places[self.place_of[i]].made++;
        }
    }
    cut_here(&self, self.change_count);
    free(self.order);
    free(self.place_of);
    free(self.version);
    free(self.places);
    free(self.picked);
    free(self.seen);
    return self.counts;
}
