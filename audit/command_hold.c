/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hold: binds the datagram socket, runs a command with it, starts the command again when it ends.
 * The socket stays open meanwhile, so that nothing sent is lost. What systemd's socket units do,
 * where there is none.
 */
#include "audit/command.h"
#include "audit/listen.h"
#include "audit/spool.h"
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SOCKET_FD = 3,
	SPOOL_FD = 4,
	STREAM_FD = 5,
	FDS_FROM = 10,
	PAUSE_MIN_MS = 50,
	PAUSE_MAX_MS = 5000,
	LONG_ENOUGH_S = 10
};

static const char *listen_on = "127.0.0.1:5140";
static const char *listen_tcp;
static bool once;

static const struct cli_option options[] = {
	{ "listen", 0, CLI_STRING, &listen_on, "ADDRESS",
	    "datagram socket to hold: HOST:PORT or a path (127.0.0.1:5140)", 0, 0 },
	{ "listen-tcp", 0, CLI_STRING, &listen_tcp, "ADDRESS", "TCP socket to hold, too: HOST:PORT",
	    0, 0 },
	{ "once", 0, CLI_FLAG, &once, NULL, "do not start the command again", 0, 0 },
	{ 0 },
};

/* What is held: the sockets, and the memory in which lines wait. */
struct held {
	int socket, spool;
	int stream; /* -1: none */
};

static bool hand_over(const struct held *held)
{
	char pid[16];
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	bool has_stream = held->stream >= 0;
	return dup2(held->socket, SOCKET_FD) == SOCKET_FD &&
	       dup2(held->spool, SPOOL_FD) == SPOOL_FD &&
	       (!has_stream || dup2(held->stream, STREAM_FD) == STREAM_FD) &&
	       setenv("LISTEN_FDS", has_stream ? "3" : "2", 1) == 0 &&
	       setenv("LISTEN_FDNAMES", has_stream ? "records:spool:stream" : "records:spool", 1) ==
	           0 &&
	       setenv("LISTEN_PID", pid, 1) == 0;
}

/* In the child: descriptors from 3 on, and the words that name them (sd_listen_fds_with_names(3)).
 */
static void become(const struct held *held, char **command, const sigset_t *signals)
{
	sigprocmask(SIG_SETMASK, signals, NULL);
	/* It must not outlive the holder, whose end its supervisor sees. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (hand_over(held))
		execvp(command[0], command);
	fprintf(stderr, "sallyport-audit: cannot run '%s': %s\n", command[0], strerror(errno));
	_exit(127);
}

static void pause_ms(unsigned ms)
{
	const struct timespec pause = { ms / 1000, (long)(ms % 1000) * 1000000 };
	nanosleep(&pause, NULL);
}

/* Waits for the child's end, handing SIGTERM and SIGINT on. *stop: one of these came. */
static int wait_for(pid_t child, const sigset_t *signals, bool *stop)
{
	int status = 0, signal;
	for (;;) {
		pid_t ended = waitpid(child, &status, WNOHANG);
		if (ended == child)
			return status;
		if (sigwait(signals, &signal) != 0 || signal == SIGCHLD)
			continue;
		*stop = true;
		kill(child, signal);
	}
}

static void tell_end(const char *command, int status, bool again)
{
	if (WIFSIGNALED(status))
		log_warning("%s was ended by signal %d%s", command, WTERMSIG(status),
		    again ? "; starting it again" : "");
	else if (WEXITSTATUS(status) || again)
		log_warning("%s ended with code %d%s", command, WEXITSTATUS(status),
		    again ? "; starting it again" : "");
}

static int exit_code_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int hold(const struct held *held, char **command)
{
	sigset_t signals, before;
	unsigned pause = PAUSE_MIN_MS;
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, &before);
	for (bool stop = false;;) {
		time_t started = time(NULL);
		pid_t child = fork();
		if (child == 0)
			become(held, command, &before);
		if (child < 0)
			return log_error("cannot fork: %s", strerror(errno)), CLI_ERROR;
		int status = wait_for(child, &signals, &stop);
		tell_end(command[0], status, !stop && !once);
		/* 64: a wrong command line stays wrong. */
		if (stop || once || exit_code_of(status) == CLI_USAGE ||
		    exit_code_of(status) == 127)
			return exit_code_of(status);
		pause_ms(pause);
		pause = time(NULL) - started >= LONG_ENOUGH_S ? PAUSE_MIN_MS : pause * 2;
		if (pause > PAUSE_MAX_MS)
			pause = PAUSE_MAX_MS;
	}
}

/* Out of the way of the numbers they get in the child. */
static bool take(int *held, int fd)
{
	*held = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FDS_FROM);
	if (fd >= 0)
		close(fd);
	return *held >= 0;
}

static int run(int argc, char **argv)
{
	struct err err = { 0 };
	(void)argc; /* argv ends with NULL */
	log_init("sallyport-audit hold", LOG_LEVEL_INFO);
	struct held held = { -1, -1, -1 };
	if (!take(&held.socket, listen_bind_datagrams(listen_on, &err)) ||
	    (listen_tcp && !take(&held.stream, listen_bind_stream(listen_tcp, &err))) ||
	    !take(&held.spool, spool_memfd())) {
		err_set(&err, "cannot hold: %s", strerror(errno));
		return command_fail(&err);
	}
	return hold(&held, argv);
}

const struct cli_command command_hold = {
	.name = "hold",
	.args = "-- COMMAND [ARGUMENT]...",
	.summary = "hold the socket open over restarts of a command",
	.details =
	    "Binds the datagram socket and runs the command with it as descriptor 3, as systemd does, and with "
	    "memory for what was received and is not yet on the disk. When the command ends it is started "
	    "again; what HAProxy sends meanwhile waits in the socket, and what the command had received is "
	    "not lost:\n\n"
	    "    sallyport-audit hold -- sallyport-audit serve --log FOLDER\n\n"
	    "SIGTERM and SIGINT are handed on and end both.",
	.options = options,
	.run = run,
	.min_args = 1,
	.max_args = -1,
};
