#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-compose.yml, really built and run: by Docker where there is an engine, else by podman, which docker-compose speaks to
# as if it were Docker. Skipped, with the reason, where neither can run a container.
set -u
. tests/suites/tap.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-compose.$$.XXXXXX")
pids=()
project=sallyport-test-$$

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.5
	done
}

# Waits as `timeout` does, but lets a signal from a terminal through to the command.
bounded() { timeout --foreground -k 30 "$@"; }

end_processes() {
	local pid
	for pid in "${pids[@]}"; do kill -- "$pid" 2>/dev/null; done
	rm -rf "$work"
}
skip_all() { tap_skip "the compose stack" "$1"; end_processes; tap_done; exit 0; }

# An engine for this run alone, with the images of those before. WHY when there can be none.
start_podman() {
	WHY="needs Docker, or root for podman"
	[ "$(id -u)" -eq 0 ] || return 1
	local missing=
	for package in podman runc netavark aardvark-dns iptables docker-compose mmdebstrap; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
	done
	WHY="podman cannot be installed"
	[ -z "$missing" ] || DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing >&2 || return 1
	# docker-compose of Debian 12 leaves `build` and `exec` to a docker program unless told that there is none.
	command -v docker >/dev/null || export COMPOSE_DOCKER_CLI_BUILD=0 COMPOSE_INTERACTIVE_NO_CLI=1
	cat >"$work/containers.conf" <<-CONF
		[containers]
		default_ulimits = ["nofile=1024:1024", "nproc=1000:1000"]
		[engine]
		runtime = "runc"
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		[network]
		network_backend = "netavark"
	CONF
	# What podman adds to a network with addresses of its own, which docker-compose takes for a change at a second `up`.
	docker-compose -f docker-compose.yml config |
		python3 -c 'import sys, yaml; c = yaml.safe_load(sys.stdin)["networks"]; c["peers"]["ipam"]["options"] = {"driver": "host-local"}; yaml.safe_dump({"networks": {"peers": c["peers"]}}, sys.stdout)' >"$work/podman.yml"
	export CONTAINERS_CONF=$work/containers.conf DOCKER_HOST=unix://$work/podman.sock
	# A group of its own: out of reach of a terminal, for it is needed to clear up, and ended as a whole.
	setsid setpriv --pdeathsig TERM podman system service --time=0 "$DOCKER_HOST" >"$work/podman.log" 2>&1 &
	pids+=("-$!")
	WHY="podman does not start"
	wait_for 10 test -S "$work/podman.sock" || { WHY="$WHY: $(tail -1 "$work/podman.log")"; return 1; }
	# Without systemd nobody runs podman's health checks.
	while sleep 1 && kill -0 $$; do
		for container in $(podman ps -q); do podman healthcheck run "$container"; done
	done >/dev/null 2>&1 &
	pids+=($!)
}

# Where no registry of images answers the base is a Debian 13 root made here.
base_image() {
	if [ "$engine" = docker ] && { docker image inspect debian:trixie-slim || timeout 120 docker pull -q debian:trixie-slim; } >/dev/null 2>&1; then
		export BASE=debian:trixie-slim
		return
	fi
	export BASE=localhost/debian:trixie-slim
	"$engine" image inspect "$BASE" >/dev/null 2>&1 && return
	local root
	WHY=$(tests/support/root.sh possible) && root=$(tests/support/root.sh make trixie) || { WHY="no base image: ${WHY:-a root cannot be made}"; return 1; }
	WHY="no base image: it cannot be imported"
	tar -C "$root" -c . | "$engine" import - "$BASE" >/dev/null 2>&1
}

# A machine may have an engine and let it run nothing: a container like those of docker-compose.yml tells.
containers_run() {
	local said
	said=$("$engine" run --rm --name "$project-probe" --read-only --cap-drop ALL --security-opt no-new-privileges --user 901:901 \
		--memory 64m --pids-limit 20 --publish 127.0.0.1::80 "$BASE" true 2>&1) && return
	WHY="a container cannot be run: $(tail -1 <<<"$said" | tr '#' ' ')"
	return 1
}

# All that a run which was killed has left, by the number of its process.
is_running() { ps -o args= -p "$1" | grep -q 'suites/compose'; }
end_leftovers() {
	local left pid
	for left in "${TMPDIR:-/tmp}"/sallyport-compose.[0-9]*.??????; do
		pid=${left##*/sallyport-compose.}
		is_running "${pid%.*}" || rm -rf "$left"
	done
	for left in $({ "$engine" ps -a --format '{{.Names}}'; "$engine" network ls --format '{{.Name}}'; "$engine" volume ls --format '{{.Name}}'; } 2>/dev/null |
		grep -oE '^sallyport-test-[0-9]+' | sort -u); do
		! is_running "${left##*-}" || continue
		echo "  removing what an interrupted run left: $left" >&2
		# podman removes a container only after those that share its network: the second time it can.
		for _ in 1 2; do "$engine" ps -a --format '{{.Names}}' | grep -E "^$left[-_]" | xargs -r "$engine" rm -f -v; done >/dev/null 2>&1
		"$engine" network ls --format '{{.Name}}' | grep -E "^${left}_" | xargs -r "$engine" network rm >/dev/null
		"$engine" volume ls --format '{{.Name}}' | grep -E "^${left}_" | xargs -r "$engine" volume rm >/dev/null
	done
}

trap end_processes EXIT
trap 'exit 130' INT TERM HUP
if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
	engine=docker compose=(docker compose)
elif start_podman; then
	engine=podman compose=(docker-compose -f docker-compose.yml -f "$work/podman.yml")
else
	skip_all "$WHY"
fi
base_image && containers_run || skip_all "$WHY"
end_leftovers
compose+=(-p "$project")
export GATEWAY_PORT SSM_PORT NODE_1_PORT NODE_2_PORT
# A loaded machine starts a container in its own time.
export COMPOSE_HTTP_TIMEOUT=900
GATEWAY_PORT=$(free_port) SSM_PORT=$(free_port) NODE_1_PORT=$(free_port) NODE_2_PORT=$(free_port)
cluster=("${compose[@]}" --profile cluster)
in_service() { "$work/inside" "$@"; }

finish() {
	local code=$?
	trap - EXIT
	# Nobody may be reading any longer.
	trap '' PIPE INT TERM HUP
	touch "$work/enough"
	if [ "$tap_bad" -ne 0 ]; then
		"${cluster[@]}" ps 2>&1 | sed 's/^/# /'
		for service in first-apply agent gateway registry audit ssm first-apply-1 agent-1 gateway-1 registry-1 audit-2 gateway-2; do
			"${cluster[@]}" logs --tail 15 "$service" 2>&1 | cut -c1-300 | sed 's/^/# /'
		done
	fi
	down -v -t 5 >/dev/null
	# What is built from is kept for the next run, but not for ever.
	"$engine" image prune -f --filter label=sallyport --filter until=12h >/dev/null 2>&1
	end_processes
	tap_done
	[ "$code" -eq 0 ] && [ "$tap_bad" -eq 0 ]
	exit $?
}
trap finish EXIT

# --- from outside
get() { # PATH [curl options]: prints the status
	local path=$1
	shift
	curl -s -m 10 -o "$work/body" -w '%{http_code}' --cacert "$work/tls/ca.pem" "$@" "https://localhost:${port:-$GATEWAY_PORT}$path"
}
served_by() { [ "$(get "$2" "${@:3}")" = 200 ] && jq -e --arg s "$1" '.service == $s' "$work/body"; }
status_is() { [ "$(get "$2" "${@:3}")" = "$1" ]; }
mint() { in_service issuer sallyport-jwt mint --key "/var/lib/issuer/$1.pem" --issuer "https://localhost:9443/$1" --sub somebody "${@:2}" | tr -d '\r\n'; }
put() { # NAME VALUE: by the AWS CLI, which would fetch a value that is a URL if it stood on the command line
	"$work/aws" ssm put-parameter --cli-input-json "$(jq -n --arg n "/bank/dev/api-services/$1" --arg v "$2" '{Name: $n, Value: $v, Type: "String", Overwrite: true}')" >/dev/null
}
# podman removes a container only after those that share its network: the second time it can.
down() { "${cluster[@]}" down "$@" 2>&1 || "${cluster[@]}" down "$@" 2>&1; }
if command -v aws >/dev/null; then
	aws_cli=(command aws)
elif tests/support/moto.sh install && build/venv/bin/pip -q install awscli >/dev/null 2>&1; then
	aws_cli=(build/venv/bin/aws)
else
	aws_cli=(false)
fi
# For the topics that run outside: tests/e2e/outside.sh.
if [ "$engine" = podman ]; then # by itself: docker-compose without a docker program gives a command no end of its input
	cat >"$work/inside" <<END
#!/bin/bash
exec podman exec -i "\$(podman ps -q --filter label=com.docker.compose.project=$project --filter "label=com.docker.compose.service=\$1")" "\${@:2}"
END
else
	cat >"$work/inside" <<END
#!/bin/bash
exec $(printf '%q ' "${cluster[@]}") exec -T "\$@"
END
fi
cat >"$work/aws" <<END
#!/bin/bash
export AWS_ACCESS_KEY_ID=development AWS_SECRET_ACCESS_KEY=development AWS_DEFAULT_REGION=eu-west-1
${aws_cli[*]} --endpoint-url http://127.0.0.1:$SSM_PORT "\$@"
END
chmod +x "$work/inside" "$work/aws"

containers_are_tight() {
	local service user
	for service in audit agent issuer gateway registry ssm accounts-v1; do
		user=$(in_service "$service" sh -c 'id -u; ! touch /usr/x 2>/dev/null && echo read-only' | tr -d '\r' | tr '\n' ' ')
		[ "$user" = "901 read-only " ] || { echo "$service: '$user'"; return 1; }
	done
}

# The README's lines for the stack: the status below a curl is what it answers, sooner or later.
readme() {
	local status command
	docker() { shift; "${compose[@]}" "$@"; }
	aws() { "${aws_cli[@]}" "$@"; }
	while IFS=$'\t' read -r status command <&3; do
		case $command in
		curl*) tap_run "README: $command" wait_for 30 answers "$status" "$command" ;;
		*"()"*) eval "$command" ;;
		*) eval "$command" >"$work/out" 2>&1 && tap_pass "README: $command" || { tap_fail "README: $command"; sed 's/^/# /' "$work/out"; } ;;
		esac
	done 3< <(awk '/^```sh$/ { on = 1; next } /^```/ { on = 0 } !on { next }
		/^\$ / { if (command != "") print status "\t" command; command = substr($0, 3); status = "-" }
		/^HTTP\// { status = $2 }
		END { if (command != "") print status "\t" command }' README.md |
		sed -e "s#localhost:8443#localhost:$GATEWAY_PORT#g" -e "s#localhost:5000#localhost:$SSM_PORT#g" -e "s# \(>*\)ca.pem# \1$work/readme.pem#")
	unset -f docker aws
}
answers() { eval "$2" 2>/dev/null | grep -qE "^HTTP/[0-9.]+ $1"; }

echo "  building the images" >&2
tap_run "the images build" bounded 1200 "${compose[@]}" build
echo "  starting" >&2
tap_run "the stack comes up" bounded 900 "${compose[@]}" up -d
mkdir "$work/tls"
in_service gateway cat /etc/sallyport/tls/ca.pem >"$work/tls/ca.pem"
staff="Authorization: Bearer $(mint staff --client-id back-office)"
customer="Authorization: Bearer $(mint customers --client-id mobile --scope payments/read)"
tap_run "a token gets 200 from the service" wait_for 20 served_by accounts-v1 /v1/accounts/42 -H "$staff"
tap_run "an attack gets 403" status_is 403 "/v1/accounts?id=1%27%20or%201=1--" -H "$staff"
tap_run "no container is root or writes to its own file system" containers_are_tight
tap_run "sallyport-registry verify passes" in_service registry sallyport-registry verify --ca-file /etc/sallyport/tls/ca.pem --issuer https://localhost:9443
tap_run "what they mint tokens with is built" make -s -j"$(nproc)" build/release/sallyport-jwt
for topic in 10-requests 11-headers 22-rotation 40-waf; do
	echo "  from outside: $topic" >&2
	E2E_OUTSIDE=$work tap_relay "from outside, $topic:" bash "tests/e2e/$topic.sh"
done
# By the key of now.
staff="Authorization: Bearer $(mint staff --client-id back-office)"

# --- parameters
readme
put accounts-v2/url https://payments-v1.bank.test:8443
tap_run "an address written by the AWS CLI is that of the service" wait_for 30 served_by payments-v1 /v2/accounts/1 -H "$staff"

# --- state
records() { in_service audit sallyport-audit verify --log /var/lib/sallyport-audit --json --content; }
history() { in_service registry sallyport-registry history; }
echo "  down and up" >&2
tap_run "the audit log is whole" records
revisions=$(history | wc -l) before=$(in_service audit sh -c 'cat /var/lib/sallyport-audit/*.seg | wc -c')
tap_run "the stack goes down" down -t 5
tap_run "and comes up again" bounded 900 "${compose[@]}" up -d
tap_run "a token gets 200 again" wait_for 20 status_is 200 /v1/accounts/42 -H "$staff"
tap_run "the revisions are there ($revisions before)" test "$(history | wc -l)" -ge "$revisions"
tap_run "the audit log is there ($before bytes before)" test "$(in_service audit sh -c 'cat /var/lib/sallyport-audit/*.seg | wc -c')" -gt "$before"
tap_run "and whole" records
tap_run "the stack goes down again" down -t 5

# --- the cluster: two nodes hold one limit, and one of them is killed
throttle() { # NODE MEMBER: of the bucket of payments-v1
	in_service "registry-$1" sallyport-registry throttles --json | jq ".routes[] | select(.key == \"payments-v1\").$2"
}
has_heard() { [ "$(throttle 2 admitted)" = 30 ]; }
let_through() { # PORT COUNT: so many requests on one connection; prints how many got 200
	curl -s -m 60 -o /dev/null -w '%{http_code}\n' --cacert "$work/tls/ca.pem" -H "$customer" "https://localhost:$1/v1/payments?n=[1-$2]" | grep -c 200
}
# A client of both nodes, which goes to the other one when it cannot connect. A request is lost when it was sent and not answered.
client() { # NAME PORT OTHER-PORT
	local name=$1 port=$2 other=$3 out
	while [ ! -e "$work/enough" ]; do
		out=$(curl -s -m 20 --connect-timeout 3 -o /dev/null -w '%{http_code} %{time_appconnect}' --cacert "$work/tls/ca.pem" -H "$staff" "https://localhost:$port/v1/accounts/1")
		case $out in
		"200 "*) echo "$port" ;;
		"000 0.000000") port=$other ;;
		*) echo "lost: $out" && port=$other ;;
		esac >>"$work/client-$name"
	done
}
all_served_by() { # PORT TIMES: each client by this node so often
	local name
	for name in a b c d; do [ "$(grep -cx "$1" "$work/client-$name")" -ge "$2" ] || return 1; done
}
kill_a_node() {
	local name pids=()
	for name in a b c d; do : >"$work/client-$name"; client "$name" "$NODE_2_PORT" "$NODE_1_PORT" & pids+=($!); done
	: >"$work/client-n1"
	client n1 "$NODE_1_PORT" "$NODE_1_PORT" &
	pids+=($!)
	tap_run "clients are served by the second node" wait_for 60 all_served_by "$NODE_2_PORT" 10
	tap_run "which is killed" "${cluster[@]}" kill audit-2
	tap_run "they are served by the first one" wait_for 120 all_served_by "$NODE_1_PORT" 10
	touch "$work/enough"
	wait "${pids[@]}"
	tap_run "no more requests are lost than the second node had in flight" test "$(cat "$work"/client-[a-d] | grep -c lost)" -le 4
	tap_run "the first node lost none" sh -c "grep -qx $NODE_1_PORT $work/client-n1 && ! grep lost $work/client-n1"
}
echo "  the cluster" >&2
tap_run "two nodes come up" bounded 900 "${cluster[@]}" up -d registry-1 registry-2
for port in "$NODE_1_PORT" "$NODE_2_PORT"; do tap_run "a node answers" wait_for 30 status_is 401 /v1/payments; done
unset port
put payments-v1/throttle-rate 1 && put payments-v1/throttle-burst 40
for node in 1 2; do tap_run "node-$node has the limit" wait_for 40 in_service "registry-$node" sallyport-registry plan; done
began=$SECONDS
tap_run "30 of a bucket of 40 are taken on one node" test "$(let_through "$NODE_1_PORT" 30)" = 30
tap_run "of which the other one hears" wait_for 30 has_heard
taken=$(let_through "$NODE_2_PORT" 40)
echo "# the second node let $taken through, $((SECONDS - began)) s after the first of the 30"
tap_run "and lets the rest through" test "$taken" -ge 10
tap_run "and no more" test "$taken" -le $((10 + SECONDS - began + 1))
kill_a_node
tap_run "the lost node is started again" bounded 900 "${cluster[@]}" up -d registry-1 registry-2
port=$NODE_2_PORT tap_run "and answers" wait_for 60 status_is 200 /v1/accounts/1 -H "$staff"
