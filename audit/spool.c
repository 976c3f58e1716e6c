/* SPDX-License-Identifier: Apache-2.0 */
#include "audit/spool.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	LISTEN_FDS_START = 3,
	NAMES_MAX = 32,
	ALIGN = 8,
	SIZE_MIN = 16 << 20, /* room for a round of the longest lines, twice */
};

#define MAGIC UINT64_C(0x53414c53504c3031) /* "SALSPL01" */
#define SKIP  UINT32_MAX                   /* nothing up to the end of the ring */

enum { NOTE_BITS = 8, NOTE_NONE = 0xff };

/* In the ring, 8 bytes aligned, followed by its bytes. */
struct entry {
	uint32_t len;
	uint32_t unused;
	uint64_t number; /* of the record it became; 0: none yet */
};

/*
 * The kernel writes a datagram and then its length straight into this memory, so that there is no
 * moment in which a line is only in the process. A round is copied into the ring line by line; the
 * last entry of the ring says how far that came.
 */
struct shared {
	uint64_t magic;
	uint64_t size; /* of the ring */
	struct log_id log;
	_Atomic uint64_t head; /* bytes ever released */
	_Atomic uint64_t tail; /* bytes ever added */
	_Atomic uint64_t
	    note; /* tail behind the line << 8 | its index in the round, or NOTE_NONE */
	struct mmsghdr headers[SPOOL_ROUND];
	char memory[SPOOL_ROUND][SPOOL_LINE_MAX_BYTES];
	_Alignas(ALIGN) char ring[];
};

struct spool {
	struct shared *shared;
	size_t mapped;
	struct iovec vectors[SPOOL_ROUND];
	_Alignas(struct cmsghdr) char control[SPOOL_ROUND][CMSG_SPACE(sizeof(uint32_t))];
	uint64_t read;       /* the writer's place: bytes ever taken */
	struct entry *taken; /* by the last spool_next() */
	pthread_mutex_t mutex;
	pthread_cond_t filled;
	bool closed;
	bool has_mark;
	uint64_t mark; /* bytes ever added when it was set */
};

/* ---- The memory. */

int spool_memfd(void)
{
	return memfd_create("sallyport-audit spool", 0);
}

/* The descriptor that LISTEN_FDNAMES calls "spool", or -1. */
static int inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *names = getenv("LISTEN_FDNAMES");
	struct slice rest = slice_of_cstr(names), name;
	uint64_t listen_pid;
	if (!pid || !names || !slice_to_u64(slice_of_cstr(pid), INT32_MAX, &listen_pid) ||
	    listen_pid != (uint64_t)getpid())
		return -1;
	for (int i = 0; i < NAMES_MAX && rest.ptr; i++) {
		bool more = slice_cut(rest, ':', &name, &rest);
		if (slice_eq(name, SLICE("spool")))
			return LISTEN_FDS_START + i;
		if (!more)
			break;
	}
	return -1;
}

static int fail(struct err *err, const char *path, const char *what)
{
	err_set_at(err, (struct err_pos){ path, 0, 0 }, "%s: %s", what, strerror(errno));
	return -1;
}

static int open_file(const char *path, size_t bytes, struct err *err)
{
	struct statfs fs;
	struct stat st;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(err, path, "cannot open the spool");
	const char *why = NULL;
	if (fstatfs(fd, &fs) != 0 || fs.f_type != TMPFS_MAGIC)
		why = "a spool holds records in the clear: it must be on a tmpfs";
	else if (fstat(fd, &st) != 0 || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		why = "a spool must be its owner's alone";
	if (why) {
		err_set_at(err, (struct err_pos){ path, 0, 0 }, "%s", why);
		close(fd);
		return -1;
	}
	/* A full tmpfs is to be noticed now, not by a signal when memory is touched. */
	if ((errno = posix_fallocate(fd, 0, (off_t)bytes)) != 0) {
		fail(err, path, "no room for the spool");
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * Hands the memfd to systemd, which hands it back to the next process of the unit as "spool". It
 * keeps none unless the unit has a FileDescriptorStoreMax, and says nothing of it.
 */
static bool keep_by_systemd(int fd)
{
	static char text[] = "FDSTORE=1\nFDNAME=spool\n";
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct iovec part = { text, sizeof(text) - 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	size_t len = path ? strlen(path) : 0;
	if (len < 2 || len > sizeof(address.sun_path))
		return false;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	const struct msghdr message = {
		.msg_name = &address,
		.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool sent = notify >= 0 && sendmsg(notify, &message, MSG_NOSIGNAL) > 0;
	if (notify >= 0)
		close(notify);
	return sent;
}

static struct shared *map(int fd, size_t bytes)
{
	if (ftruncate(fd, (off_t)bytes) != 0)
		return NULL;
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return memory == MAP_FAILED ? NULL : memory;
}

/* Another size or another layout cannot be read: start anew. It is the same program that left it.
 */
static void format(struct shared *shared, uint64_t ring)
{
	if (shared->magic == MAGIC && shared->size == ring && shared->tail - shared->head <= ring)
		return;
	memset(shared, 0, offsetof(struct shared, memory));
	shared->size = ring;
	shared->magic = MAGIC;
}

static struct spool *spool_new(int fd, size_t ring)
{
	size_t bytes = sizeof(struct shared) + ring;
	struct spool *spool = calloc(1, sizeof(*spool));
	pthread_condattr_t attributes;
	if (!spool || !(spool->shared = map(fd, bytes))) {
		free(spool);
		return NULL;
	}
	spool->mapped = bytes;
	/* A page that is missing while the kernel writes a datagram could cost that datagram at a
	 * kill. */
	madvise(spool->shared, sizeof(struct shared), MADV_POPULATE_WRITE);
	format(spool->shared, ring);
	pthread_mutex_init(&spool->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&spool->filled, &attributes);
	pthread_condattr_destroy(&attributes);
	return spool;
}

struct spool *spool_open(const char *path, size_t size_bytes, bool *survives, struct err *err)
{
	size_t ring = (size_bytes < SIZE_MIN ? SIZE_MIN : size_bytes) / ALIGN * ALIGN;
	int fd = inherited();
	*survives = fd >= 0 || path;
	if (fd < 0 && path)
		fd = open_file(path, sizeof(struct shared) + ring, err);
	else if (fd < 0 && (fd = spool_memfd()) >= 0)
		*survives = keep_by_systemd(fd);
	struct spool *spool = fd >= 0 ? spool_new(fd, ring) : NULL;
	if (!spool)
		err_set(err, "no memory for the spool: %s", strerror(errno));
	if (fd >= 0)
		close(fd); /* whoever keeps it has it; the mapping stays */
	return spool;
}

void spool_free(struct spool *spool)
{
	if (!spool)
		return;
	munmap(spool->shared, spool->mapped);
	pthread_cond_destroy(&spool->filled);
	pthread_mutex_destroy(&spool->mutex);
	free(spool);
}

/* ---- The ring. */

static uint64_t size_of(uint32_t len)
{
	return (sizeof(struct entry) + len + ALIGN - 1) / ALIGN * ALIGN;
}

static struct entry *entry_at(struct shared *shared, uint64_t position)
{
	return (struct entry *)(void *)(shared->ring + position % shared->size);
}

/* To the end of the ring, where an entry that does not fit is not begun. */
static uint64_t left_at(const struct shared *shared, uint64_t position)
{
	return shared->size - position % shared->size;
}

/* Where the entry at or behind `position` stands: skips the rest of the ring when it is marked so.
 */
static uint64_t skip(struct shared *shared, uint64_t position)
{
	uint64_t left = left_at(shared, position);
	bool skips = left < sizeof(struct entry) || entry_at(shared, position)->len == SKIP;
	return skips ? position + left : position;
}

/* There is room: spool_is_full() was asked before the round. */
static void add(struct shared *shared, uint32_t index, struct slice line)
{
	uint64_t tail = shared->tail, need = size_of((uint32_t)line.len);
	uint64_t left = left_at(shared, tail);
	if (left < need) {
		if (left >= sizeof(struct entry))
			entry_at(shared, tail)->len = SKIP;
		tail += left;
	}
	struct entry *entry = entry_at(shared, tail);
	*entry = (struct entry){ .len = (uint32_t)line.len };
	memcpy(entry + 1, line.ptr, line.len);
	atomic_store(&shared->note, (tail + need) << NOTE_BITS | index);
	atomic_store(&shared->tail, tail + need);
}

bool spool_is_full(const struct spool *spool)
{
	const struct shared *shared = spool->shared;
	uint64_t used = shared->tail - atomic_load_explicit(&shared->head, memory_order_acquire);
	return shared->size - used < 2 * SPOOL_ROUND * size_of(SPOOL_LINE_MAX_BYTES);
}

uint64_t spool_bytes(const struct spool *spool)
{
	return atomic_load(&spool->shared->tail) - atomic_load(&spool->shared->head);
}

/* ---- Recovery. */

/* How many lines of the last round are in the ring already. */
static uint32_t copied(const struct shared *shared)
{
	uint64_t index = shared->note & NOTE_NONE, tail = shared->note >> NOTE_BITS;
	if (index == NOTE_NONE)
		return 0;
	return (uint32_t)index + (shared->tail >= tail);
}

/* Lengths first: without them there is nothing to copy, whatever the note says. */
static void clear_round(struct shared *shared)
{
	memset(shared->headers, 0, sizeof(shared->headers));
	atomic_store(&shared->note, shared->tail << NOTE_BITS | NOTE_NONE);
}

uint64_t spool_recover(struct spool *spool, const struct log_id *log, uint64_t next_record)
{
	struct shared *shared = spool->shared;
	bool same = log_id_eq(&shared->log, log);
	uint64_t lines = 0;
	for (uint32_t i = copied(shared); i < SPOOL_ROUND && shared->headers[i].msg_len; i++)
		add(shared, i, slice_of(shared->memory[i], shared->headers[i].msg_len));
	clear_round(shared);
	spool->read = shared->head;
	for (uint64_t at = shared->head; (at = skip(shared, at)) < shared->tail;) {
		struct entry *entry = entry_at(shared, at);
		at += size_of(entry->len);
		if (same && entry->number && entry->number < next_record) {
			spool->read = at; /* in the log */
			continue;
		}
		entry->number = 0;
		lines++;
	}
	shared->head = spool->read;
	shared->log = *log;
	return lines;
}

/* ---- Receiving. */

static void prepare_round(struct spool *spool)
{
	struct shared *shared = spool->shared;
	clear_round(shared);
	for (int i = 0; i < SPOOL_ROUND; i++) {
		spool->vectors[i] = (struct iovec){ shared->memory[i], SPOOL_LINE_MAX_BYTES };
		shared->headers[i].msg_hdr = (struct msghdr){
			.msg_iov = &spool->vectors[i],
			.msg_iovlen = 1,
			.msg_control = spool->control[i],
			.msg_controllen = sizeof(spool->control[i]),
		};
	}
}

static void read_overflow(struct msghdr *header, uint32_t *overflow)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
			memcpy(overflow, CMSG_DATA(c), sizeof(*overflow));
}

void spool_wake(struct spool *spool)
{
	pthread_mutex_lock(&spool->mutex);
	pthread_cond_signal(&spool->filled);
	pthread_mutex_unlock(&spool->mutex);
}

int spool_receive(struct spool *spool, int fd, uint32_t *overflow, uint64_t *bytes)
{
	struct shared *shared = spool->shared;
	if (spool_is_full(spool))
		return 0;
	prepare_round(spool);
	int n = recvmmsg(fd, shared->headers, SPOOL_ROUND, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct slice line = slice_of(shared->memory[i], shared->headers[i].msg_len);
		read_overflow(&shared->headers[i].msg_hdr, overflow);
		*bytes += line.len;
		add(shared, (uint32_t)i, line);
	}
	if (n > 0)
		spool_wake(spool);
	return n > 0 ? n : 0;
}

/* The round before it is done: a next process must not look for its rest. */
bool spool_put(struct spool *spool, struct slice line)
{
	struct shared *shared = spool->shared;
	assert(line.len <= SPOOL_LINE_MAX_BYTES);
	if (spool_is_full(spool))
		return false;
	if (shared->headers[0].msg_len)
		clear_round(shared);
	add(shared, NOTE_NONE, line);
	return true;
}

void spool_mark(struct spool *spool)
{
	pthread_mutex_lock(&spool->mutex);
	if (!spool->has_mark)
		spool->mark = atomic_load(&spool->shared->tail);
	spool->has_mark = true;
	pthread_mutex_unlock(&spool->mutex);
}

void spool_close(struct spool *spool)
{
	pthread_mutex_lock(&spool->mutex);
	spool->closed = true;
	pthread_cond_signal(&spool->filled);
	pthread_mutex_unlock(&spool->mutex);
}

/* ---- Writing. */

static bool is_empty(const struct spool *spool)
{
	return spool->read == atomic_load(&spool->shared->tail);
}

static struct timespec deadline_in(unsigned timeout_ms)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += timeout_ms / 1000;
	at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	return at;
}

bool spool_wait(struct spool *spool, unsigned timeout_ms, bool *closed)
{
	struct timespec deadline = deadline_in(timeout_ms);
	int timed_out = 0;
	pthread_mutex_lock(&spool->mutex);
	while (is_empty(spool) && !spool->closed && !timed_out)
		timed_out = pthread_cond_timedwait(&spool->filled, &spool->mutex, &deadline);
	*closed = spool->closed && is_empty(spool);
	pthread_mutex_unlock(&spool->mutex);
	return !is_empty(spool);
}

bool spool_next(struct spool *spool, struct slice *line)
{
	struct shared *shared = spool->shared;
	if (is_empty(spool))
		return false;
	spool->read = skip(shared, spool->read);
	spool->taken = entry_at(shared, spool->read);
	*line = slice_of(spool->taken + 1, spool->taken->len);
	spool->read += size_of(spool->taken->len);
	return true;
}

void spool_number(struct spool *spool, uint64_t number)
{
	spool->taken->number = number;
}

bool spool_passed_mark(struct spool *spool)
{
	pthread_mutex_lock(&spool->mutex);
	bool passed = spool->has_mark && spool->read >= spool->mark;
	if (passed)
		spool->has_mark = false;
	pthread_mutex_unlock(&spool->mutex);
	return passed;
}

void spool_release(struct spool *spool)
{
	atomic_store_explicit(&spool->shared->head, spool->read, memory_order_release);
}
