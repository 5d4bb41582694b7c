#include "array/copy_journal.h"

#include <tessera/sys/store.h>

#include "base/checked.h"
#include "base/context.h"

static int64_t now_ns(const tsri_copy_journal *journal)
{
    const tsr_system *system = journal->store->context->system;
    return system->monotonic_ns(system);
}

void tsri_copy_journal_init(tsri_copy_journal *journal, const tsr_copy_options *options,
                            tsr_store *store, const tsri_grid *grid)
{
    *journal = (tsri_copy_journal){
        .options = options, .store = store, .grid = grid, .done = options->done_chunks};
    journal->begun = tsr_store_flush_begin(store);
    pthread_mutex_init(&journal->mutex, NULL);
    journal->due_ns = now_ns(journal) + options->checkpoint_ms * INT64_C(1000000);
}

void tsri_copy_journal_clear(tsri_copy_journal *journal)
{
    pthread_mutex_destroy(&journal->mutex);
}

int64_t tsri_copy_journal_number(const tsri_copy_journal *journal, const int64_t *chunk)
{
    int64_t number = 0;
    for (int axis = 0; axis < journal->grid->rank; axis++)
        if (!tsri_multiply_i64(number, journal->grid->axes[axis].count, &number) ||
            !tsri_add_i64(number, chunk[axis], &number))
            return -1;
    return number;
}

/* Moves the mark over what was done ahead of it. */
static void advance(tsri_copy_journal *journal)
{
    for (int i = 0; i < journal->ahead_count;) {
        if (journal->ahead[i] != journal->done) {
            i++;
            continue;
        }
        journal->ahead[i] = journal->ahead[--journal->ahead_count];
        journal->done++;
        i = 0;
    }
}

static void take(tsri_copy_journal *journal, int64_t number)
{
    if (number == journal->done) {
        journal->done++;
        advance(journal);
    } else if (number > journal->done && journal->ahead_count < TSRI_JOURNAL_AHEAD) {
        journal->ahead[journal->ahead_count++] = number;
    }
}

/* What is told to be done must be on disk before that is. */
static int tell(tsri_copy_journal *journal, int64_t done, tsr_error *err)
{
    const tsr_copy_options *options = journal->options;
    if (options->write.durability == TSR_DURABILITY_FLUSH)
        TSRI_TRY(tsr_store_flush_since(journal->store, journal->begun, NULL, err));
    return options->checkpoint(options->checkpoint_user, done, err);
}

int tsri_copy_journal_add(tsri_copy_journal *journal, int64_t number, tsr_error *err)
{
    if (!journal->options->checkpoint || number < 0)
        return 0;
    pthread_mutex_lock(&journal->mutex);
    take(journal, number);
    int64_t done = journal->done;
    bool due = !journal->telling && now_ns(journal) >= journal->due_ns;
    journal->telling |= due;
    pthread_mutex_unlock(&journal->mutex);
    if (!due)
        return 0;
    int status = tell(journal, done, err);
    pthread_mutex_lock(&journal->mutex);
    journal->telling = false;
    journal->due_ns = now_ns(journal) + journal->options->checkpoint_ms * INT64_C(1000000);
    pthread_mutex_unlock(&journal->mutex);
    return status;
}
