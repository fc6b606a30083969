#ifndef PARTWAY_POOL_H
#define PARTWAY_POOL_H

#include <stdint.h>
#include <sys/uio.h>

#include "sha1.h"

/* Threads that write and hash. Jobs of a kind start in the order in which they were submitted, and run in parallel. */
typedef struct Pool Pool;

typedef enum {
  JOB_HASH = 0, /* adds the buffers to the hash */
  JOB_WRITE = 1, /* writes the buffers to the file at `position`, and adds them to the hash */
  JOB_READ = 2, /* reads `length` bytes of the file from `position`, and adds them to the hash */
  JOB_RECEIVE = 3, /* receives `length` bytes from the socket, writes them to the file, and adds them to the hash */
  JOB_SEND = 4 /* sends `length` bytes of the file, from `position`, to the socket */
} JobKind;

/* The error if a file or connection has fewer bytes than expected. All other errors are values of errno. */
#define JOB_ENDED_EARLY (-1)

/* What the owner of a job with a connection can read at any time. */
typedef struct {
  double moved;   /* bytes received or sent so far */
  double waiting; /* 1 while the client has sent nothing that could be read, or does not read, otherwise 0 */
} Progress;

typedef struct Job {
  struct Job *next;
  JobKind kind;
  int fd;
  uint64_t position;
  uint64_t length;
  struct iovec *buffers; /* changed by the job */
  int buffer_count;
  Sha1 *hash;   /* NULL if the bytes are not hashed */
  Sha1 *second; /* a hash to which the same bytes are added, or NULL */
  int socket;   /* of JOB_RECEIVE and JOB_SEND; belongs to the job, which closes it */
  Progress *progress; /* of the same */
  struct Job *previous_connected, *next_connected;
  _Atomic int error; /* 0 if the job has succeeded */
  void *context;
} Job;

/* Called on a thread of the pool for each job that has ended. */
typedef void (*JobDone)(Job *job, void *context);

/* Starts at most this many threads, but at least one. Returns NULL if not even one can be started. */
Pool *pool_start(int threads, JobDone done, void *context);

/* The job, its buffers and its hashes must not be used until the job has ended. */
void pool_submit(Pool *pool, Job *job);

/* Ends the job with this progress early, with the error ECANCELED, if it is not over. */
void pool_cancel(Pool *pool, const Progress *progress);

/* Ends the threads after the jobs in progress. Returns the jobs that were not finished, as a list. */
Job *pool_stop(Pool *pool);

#endif
