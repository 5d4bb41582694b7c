/* Another writer of a folder, for tests that start several processes.
 *
 *     store_writer FOLDER add KEY COUNT lock|condition   adds 1 to a decimal number COUNT times
 *     store_writer FOLDER put KEY TEXT none|chunk        puts a value and prints "done"
 *     store_writer FOLDER lock KEY                       locks, prints "locked", waits for stdin
 *
 * Exit status: as the command line's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tessera/sys/store.h>

/* The number under a key; an absent key counts as 0. */
static int read_number(tsr_store *store, const char *key, long *ret_number, bool *ret_exists,
                       tsr_generation *ret_generation, tsr_error *err)
{
    tsr_auto(tsr_blob) *blob = NULL;
    char text[32] = "0";
    int status = tsr_store_get(store, key, (tsr_range){TSR_RANGE_WHOLE, 0, 0}, NULL, &blob,
                               ret_generation, err);
    *ret_exists = status == 0;
    if (status == TSR_NOT_FOUND)
        tsr_error_clear(err);
    else if (status < 0)
        return status;
    if (blob && tsr_blob_size(blob) >= sizeof text)
        return tsr_error_set(err, TSR_DAMAGED, "the number under %s is torn", key);
    if (blob) {
        memcpy(text, tsr_blob_data(blob), tsr_blob_size(blob));
        text[tsr_blob_size(blob)] = 0;
    }
    *ret_number = strtol(text, NULL, 10);
    return 0;
}

/* CONFLICT: somebody else was faster. */
static int add_one(tsr_store *store, const char *key, bool use_lock, tsr_error *err)
{
    tsr_lock *lock = NULL;
    tsr_generation generation;
    long number = 0;
    bool exists = false;
    char text[32];
    int status = use_lock ? tsr_store_lock(store, key, NULL, &lock, err) : 0;
    if (status == 0)
        status = read_number(store, key, &number, &exists, &generation, err);
    if (status == 0) {
        int size = snprintf(text, sizeof text, "%ld", number + 1);
        tsr_segment segment = {.bytes = text, .size_bytes = (size_t)size};
        tsr_put_request request = {.key = key,
                                   .segments = &segment,
                                   .segment_count = 1,
                                   .if_match = !use_lock && exists ? &generation : NULL,
                                   .if_absent = !use_lock && !exists,
                                   .lock = lock,
                                   .err = err};
        status = tsr_store_put_many(store, &request, 1, NULL);
    }
    tsr_store_unlock(store, lock);
    return status;
}

static int add(tsr_store *store, const char *key, long count, bool use_lock, tsr_error *err)
{
    while (count > 0) {
        int status = add_one(store, key, use_lock, err);
        if (status < 0 && (use_lock || status != TSR_CONFLICT))
            return status;
        count -= status == 0;
    }
    tsr_error_clear(err);
    return 0;
}

static int hold_lock(tsr_store *store, const char *key, tsr_error *err)
{
    tsr_lock *lock = NULL;
    int status = tsr_store_lock(store, key, NULL, &lock, err);
    if (status < 0)
        return status;
    puts("locked");
    fflush(stdout);
    getchar();
    tsr_store_unlock(store, lock);
    return 0;
}

static int run(tsr_store *store, int count, char **words, tsr_error *err)
{
    if (count == 4 && strcmp(words[0], "add") == 0)
        return add(store, words[1], strtol(words[2], NULL, 10), strcmp(words[3], "lock") == 0, err);
    if (count == 2 && strcmp(words[0], "lock") == 0)
        return hold_lock(store, words[1], err);
    if (count == 4 && strcmp(words[0], "put") == 0) {
        tsr_durability durability =
            strcmp(words[3], "chunk") == 0 ? TSR_DURABILITY_CHUNK : TSR_DURABILITY_NONE;
        int status =
            tsr_store_put(store, words[1], words[2], strlen(words[2]), durability, NULL, err);
        if (status == 0)
            puts("done");
        return status;
    }
    return tsr_error_set(err, TSR_INVALID_ARGUMENT, "see the head of store_writer.c");
}

int main(int count, char **words)
{
    tsr_error err = TSR_ERROR_INIT;
    tsr_auto(tsr_context) *context = NULL;
    tsr_auto(tsr_store) *store = NULL;
    if (count < 3)
        return 2;
    if (tsr_context_new(NULL, &context, &err) == 0 &&
        tsr_store_open(context, words[1], &store, &err) == 0)
        run(store, count - 2, words + 2, &err);
    return tsr_error_report(&err, stderr);
}
