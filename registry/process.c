/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/process.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool start(const char *const *argv, int output_fd, pid_t *pid, struct err *err)
{
	posix_spawn_file_actions_t actions;
	int code = posix_spawn_file_actions_init(&actions);
	if (code == 0)
		code = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (code == 0)
		code = posix_spawn_file_actions_adddup2(&actions, output_fd, 1);
	if (code == 0)
		code = posix_spawn_file_actions_adddup2(&actions, output_fd, 2);
	if (code == 0)
		code = posix_spawnp(
		    pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return code == 0 || err_set(err, "cannot run '%s': %s", argv[0], strerror(code));
}

/* Reads to the end of the pipe. What exceeds the buffer is read and dropped. False: out of time. */
static bool drain(int fd, uint64_t deadline_ms, struct buf *output)
{
	char chunk[4096];
	for (;;) {
		uint64_t now_ms = clock_monotonic_ms();
		if (now_ms >= deadline_ms)
			return false;
		struct pollfd waiting = { .fd = fd, .events = POLLIN };
		if (poll(&waiting, 1, (int)(deadline_ms - now_ms)) < 0 && errno != EINTR)
			return true;
		if (!(waiting.revents & (POLLIN | POLLHUP)))
			continue;
		ssize_t got = read(fd, chunk, sizeof(chunk));
		if (got == 0 || (got < 0 && errno != EINTR))
			return true;
		if (got > 0 && output)
			buf_append(output, chunk, (size_t)got);
	}
}

static int wait_for(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 255;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool process_run(const char *const *argv, unsigned timeout_ms, struct buf *output, int *exit_code,
    struct err *err)
{
	int pipe_fds[2];
	pid_t pid;
	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return err_set(err, "cannot run '%s': %s", argv[0], strerror(errno));
	bool started = start(argv, pipe_fds[1], &pid, err);
	close(pipe_fds[1]);
	bool in_time = started && drain(pipe_fds[0], clock_monotonic_ms() + timeout_ms, output);
	close(pipe_fds[0]);
	if (!started)
		return false;
	if (!in_time)
		kill(pid, SIGKILL);
	*exit_code = wait_for(pid);
	return in_time || err_set(err, "'%s' did not end within %u ms", argv[0], timeout_ms);
}
