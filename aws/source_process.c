/* SPDX-License-Identifier: Apache-2.0 */
/* credential_process: a program of the operator's prints the keys. */
#include "aws/source.h"

#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { WORDS_MAX = 64, COMMAND_MAX = 4096, OUTPUT_MAX_BYTES = 64 * 1024, TIMEOUT_MS = 60000 };

/*
 * Splits into words as a shell would, but for expansion: blanks part, quotes and backslashes keep
 * together. No shell runs, so a word is never a command. False: an open quote, or too many words.
 */
static bool split_words(char *text, char *words[WORDS_MAX + 1])
{
	size_t count = 0;
	char quote = '\0', *to = text, *from = text;
	while (*from) {
		while (ascii_is_space(*from))
			from++;
		if (!*from)
			break;
		if (count == WORDS_MAX)
			return false;
		words[count++] = to;
		for (; *from && (quote || !ascii_is_space(*from)); from++) {
			if (quote ? *from == quote : (*from == '"' || *from == '\''))
				quote = quote ? '\0' : *from;
			else if (*from == '\\' && quote != '\'' && from[1])
				*to++ = *++from;
			else
				*to++ = *from;
		}
		from += *from != '\0';
		*to++ = '\0';
	}
	words[count] = NULL;
	return !quote && count > 0;
}

static bool start(char **words, int write_fd, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return false;
	int failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	failed |= posix_spawn_file_actions_adddup2(&actions, write_fd, 1);
	errno = failed ? failed : posix_spawnp(pid, words[0], &actions, NULL, words, environ);
	posix_spawn_file_actions_destroy(&actions);
	return errno == 0;
}

/* Until the other end is closed. False: too much, or too late. */
static bool read_output(int fd, struct buf *out)
{
	uint64_t deadline_ms = clock_monotonic_ms() + TIMEOUT_MS;
	for (;;) {
		uint64_t now_ms = clock_monotonic_ms();
		struct pollfd ready = { .fd = fd, .events = POLLIN };
		if (now_ms >= deadline_ms || out->len + 1 >= OUTPUT_MAX_BYTES)
			return false;
		if (poll(&ready, 1, (int)(deadline_ms - now_ms)) <= 0)
			continue;
		ssize_t got = read(fd, out->data + out->len, OUTPUT_MAX_BYTES - 1 - out->len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0;
		out->len += (size_t)got;
	}
}

static bool finish(pid_t pid, bool have_all, const char *program, struct err *err)
{
	int status = 0;
	if (!have_all)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!have_all)
		return err_set(err,
		    "credential_process '%s': no end within %d s, or more than %d bytes", program,
		    TIMEOUT_MS / 1000, OUTPUT_MAX_BYTES - 2);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return err_set(err, "credential_process '%s': failed (status %d)", program,
		    WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	return true;
}

static bool run(char **words, struct buf *out, struct err *err)
{
	int ends[2];
	pid_t pid;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_set(err, "credential_process: no pipe: %s", strerror(errno));
	bool started = start(words, ends[1], &pid);
	int reason = errno;
	close(ends[1]);
	if (!started)
		err_set(err, "credential_process '%s': %s", words[0], strerror(reason));
	bool ok = started && finish(pid, read_output(ends[0], out), words[0], err);
	close(ends[0]);
	return ok;
}

static bool parse(struct slice output, struct aws_credentials *out, struct err *err)
{
	struct err inner = { 0 };
	if (source_parse_json(output, "SessionToken", out, &inner))
		return true;
	return source_explain(err, "credential_process", &inner);
}

enum source_result source_process(
    const struct source_input *input, struct aws_credentials *out, struct err *err)
{
	struct slice command;
	char text[COMMAND_MAX], *words[WORDS_MAX + 1];
	struct buf output;
	if (!aws_profile_find(input->files, input->profile, "credential_process", &command))
		return SOURCE_ABSENT;
	if (command.len >= sizeof(text)) {
		err_set(err, "credential_process: longer than %d bytes", COMMAND_MAX - 1);
		return SOURCE_FAILED;
	}
	memcpy(text, command.ptr, command.len);
	text[command.len] = '\0';
	if (!split_words(text, words)) {
		err_set(err, "credential_process: an open quote, no word, or more than %d words",
		    WORDS_MAX);
		return SOURCE_FAILED;
	}
	buf_init(&output, OUTPUT_MAX_BYTES);
	bool ok = buf_reserve(&output, OUTPUT_MAX_BYTES - 1) && run(words, &output, err) &&
	          parse(buf_slice(&output), out, err);
	OPENSSL_cleanse(output.data, output.cap);
	buf_release(&output);
	return ok ? SOURCE_FOUND : SOURCE_FAILED;
}
