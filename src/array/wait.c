#include "array/wait.h"
#include "base/profile.h"

#include <pthread.h>

typedef struct waiter {
    pthread_mutex_t mutex;
    pthread_cond_t answered;
    bool done;
} waiter;

static void note_answer(tsr_get_request *request)
{
    waiter *self = request->user;
    pthread_mutex_lock(&self->mutex);
    self->done = true;
    pthread_cond_signal(&self->answered);
    pthread_mutex_unlock(&self->mutex);
}

int tsri_get_and_wait(tsr_store *store, const char *key, tsr_range range,
                      const tsr_generation *if_match, tsr_get_request *ret_request, tsr_error *err)
{
    waiter self = {.mutex = PTHREAD_MUTEX_INITIALIZER, .answered = PTHREAD_COND_INITIALIZER};

    *ret_request = (tsr_get_request){.key = key,
                                     .range = range,
                                     .if_match = if_match,
                                     .done = note_answer,
                                     .user = &self,
                                     .err = err};
    tsr_store_get_many(store, ret_request, 1, NULL);
    tsri_phase before = tsri_phase_begin(store->context, TSRI_PHASE_FETCH);
    pthread_mutex_lock(&self.mutex);
    while (!self.done)
        pthread_cond_wait(&self.answered, &self.mutex);
    pthread_mutex_unlock(&self.mutex);
    tsri_phase_end(store->context, before);
    TSRI_PROFILE_ADD(store->context, fetched_bytes,
                     ret_request->status < 0 ? 0 : ret_request->size_bytes);
    pthread_cond_destroy(&self.answered);
    pthread_mutex_destroy(&self.mutex);
    return ret_request->status;
}

int tsri_look_and_wait(tsr_store *store, const char *key, bool *ret_exists,
                       tsr_get_request *ret_answer, tsr_error *err)
{
    const tsr_range nothing = {TSR_RANGE_PART, 0, 0};
    int status = tsri_get_and_wait(store, key, nothing, NULL, ret_answer, err);

    if (status == TSR_NOT_FOUND) {
        tsr_error_clear(err);
        *ret_exists = false;
        return 0;
    }
    TSRI_TRY(status);
    tsr_blob_unref(ret_answer->blob);
    ret_answer->blob = NULL;
    *ret_exists = true;
    return 0;
}
