#define _GNU_SOURCE
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/* Bytes that are written and then hashed, or read and then hashed, while they are in the cache of the core. */
#define SLICE_BYTES (256 * 1024)
/* A job that reads more than this lets others run in between, so that a huge part delays nobody. */
#define TURN_BYTES (1024 * 1024)

/*
 * Bytes that have arrived wait in one queue, and bytes that are read again for the hash of a whole file in another. Each
 * thread takes from them in turns, so that neither delays the other: a file whose hash lags behind is slow to commit.
 */
typedef struct {
  Job *first;
  Job **last;
} Queue;

struct Pool {
  pthread_mutex_t mutex;
  pthread_cond_t submitted;
  Queue arrived;
  Queue reads;
  bool stopping;
  JobDone done;
  void *context;
  int thread_count;
  pthread_t threads[];
};

static void append(Pool *pool, Job *job) {
  Queue *queue = job->kind == JOB_READ ? &pool->reads : &pool->arrived;
  job->next = NULL;
  *queue->last = job;
  queue->last = &job->next;
}

static Job *take(Queue *queue) {
  Job *job = queue->first;
  if (job == NULL) return NULL;
  queue->first = job->next;
  if (queue->first == NULL) queue->last = &queue->first;
  return job;
}

static Job *take_first(Pool *pool, bool prefers_reads) {
  Job *job = take(prefers_reads ? &pool->reads : &pool->arrived);
  return job != NULL ? job : take(prefers_reads ? &pool->arrived : &pool->reads);
}

static void add_to_hashes(const Job *job, const void *bytes, size_t length) {
  if (job->second == NULL)
    sha1_update(job->hash, bytes, length);
  else
    sha1_update_both(job->hash, job->second, bytes, length);
}

/* Removes `length` bytes from the front of the buffers. */
static void skip(Job *job, size_t length) {
  while (length > 0) {
    struct iovec *buffer = job->buffers;
    size_t skipped = buffer->iov_len < length ? buffer->iov_len : length;
    buffer->iov_base = (uint8_t *)buffer->iov_base + skipped;
    buffer->iov_len -= skipped;
    length -= skipped;
    if (buffer->iov_len > 0) return;
    job->buffers++;
    job->buffer_count--;
  }
}

/* Counts the buffers at the front that are a slice together: at least one, even if that is larger. */
static int count_slice(const Job *job) {
  size_t bytes = job->buffers[0].iov_len;
  int count = 1;
  while (count < job->buffer_count && bytes + job->buffers[count].iov_len <= SLICE_BYTES)
    bytes += job->buffers[count++].iov_len;
  return count;
}

static void hash_slice(const Job *job, int count) {
  for (int i = 0; i < count; i++) add_to_hashes(job, job->buffers[i].iov_base, job->buffers[i].iov_len);
}

static void drop_empty_buffers(Job *job) {
  while (job->buffer_count > 0 && job->buffers[0].iov_len == 0) {
    job->buffers++;
    job->buffer_count--;
  }
}

static void run_hash(Job *job) {
  hash_slice(job, job->buffer_count);
}

/* A slice is hashed before it is written, because writing it can take several calls. */
static void run_write(Job *job) {
  for (drop_empty_buffers(job); job->buffer_count > 0; drop_empty_buffers(job)) {
    const int end = job->buffer_count - count_slice(job);
    hash_slice(job, job->buffer_count - end);
    while (job->buffer_count > end) {
      ssize_t written = pwritev(job->fd, job->buffers, job->buffer_count - end, (off_t)job->position);
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) {
        job->error = written < 0 ? errno : EIO;
        return;
      }
      job->position += (uint64_t)written;
      skip(job, (size_t)written);
      drop_empty_buffers(job);
    }
  }
}

/* Returns whether the job has ended. Otherwise it is continued later. */
static bool run_read(Job *job, uint8_t *buffer) {
  for (uint64_t turn = 0; job->length > 0;) {
    if (turn >= TURN_BYTES) return false;
    size_t wanted = job->length < SLICE_BYTES ? (size_t)job->length : SLICE_BYTES;
    ssize_t got = pread(job->fd, buffer, wanted, (off_t)job->position);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      job->error = got < 0 ? errno : JOB_ENDED_EARLY;
      return true;
    }
    add_to_hashes(job, buffer, (size_t)got);
    job->position += (uint64_t)got;
    job->length -= (uint64_t)got;
    turn += (uint64_t)got;
  }
  return true;
}

static bool run(Job *job, uint8_t *buffer) {
  switch (job->kind) {
    case JOB_HASH:
      run_hash(job);
      return true;
    case JOB_WRITE:
      run_write(job);
      return true;
    case JOB_READ:
      return run_read(job, buffer);
  }
  return true;
}

static void *serve(void *argument) {
  Pool *pool = argument;
  uint8_t *buffer = aligned_alloc(4096, SLICE_BYTES);
  pthread_mutex_lock(&pool->mutex);
  for (bool prefers_reads = false; !pool->stopping; prefers_reads = !prefers_reads) {
    Job *job = take_first(pool, prefers_reads);
    if (job == NULL) {
      pthread_cond_wait(&pool->submitted, &pool->mutex);
      continue;
    }
    pthread_mutex_unlock(&pool->mutex);
    if (buffer == NULL) job->error = ENOMEM;
    const bool ended = buffer == NULL || run(job, buffer);
    if (ended) pool->done(job, pool->context);
    pthread_mutex_lock(&pool->mutex);
    if (!ended) append(pool, job);
  }
  pthread_mutex_unlock(&pool->mutex);
  free(buffer);
  return NULL;
}

/* The threads of the pool handle no signals: those are for Node's main thread. */
static int start_thread(pthread_t *thread, Pool *pool) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = pthread_create(thread, NULL, serve, pool);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (error == 0) pthread_setname_np(*thread, "partway-hash");
  return error;
}

Pool *pool_start(int threads, JobDone done, void *context) {
  Pool *pool = calloc(1, sizeof *pool + (size_t)threads * sizeof(pthread_t));
  if (pool == NULL) return NULL;
  pthread_mutex_init(&pool->mutex, NULL);
  pthread_cond_init(&pool->submitted, NULL);
  pool->arrived.last = &pool->arrived.first;
  pool->reads.last = &pool->reads.first;
  pool->done = done;
  pool->context = context;
  while (pool->thread_count < threads && start_thread(&pool->threads[pool->thread_count], pool) == 0)
    pool->thread_count++;
  if (pool->thread_count > 0) return pool;
  free(pool);
  return NULL;
}

void pool_submit(Pool *pool, Job *job) {
  pthread_mutex_lock(&pool->mutex);
  append(pool, job);
  pthread_cond_signal(&pool->submitted);
  pthread_mutex_unlock(&pool->mutex);
}

Job *pool_stop(Pool *pool) {
  pthread_mutex_lock(&pool->mutex);
  pool->stopping = true;
  pthread_cond_broadcast(&pool->submitted);
  pthread_mutex_unlock(&pool->mutex);
  for (int i = 0; i < pool->thread_count; i++) pthread_join(pool->threads[i], NULL);
  *pool->arrived.last = pool->reads.first;
  Job *rest = pool->arrived.first;
  pthread_cond_destroy(&pool->submitted);
  pthread_mutex_destroy(&pool->mutex);
  free(pool);
  return rest;
}
