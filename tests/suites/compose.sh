#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# docker-compose.yml, really built and run: by Docker where there is an engine, else by podman, which docker-compose speaks to
# as if it were Docker. Then the base image is a Debian 13 root made here, for no registry of images is asked.
set -u
. tests/suites/tap.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/sallyport-compose.XXXXXX")
pids=()

skip_all() { tap_skip "the compose stack" "$1"; tap_done; exit 0; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
wait_for() { # SECONDS COMMAND...
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.5
	done
}

# An engine of our own below $work: its own storage, networks and names.
start_podman() {
	[ "$(id -u)" -eq 0 ] || return 1
	local missing=
	for package in podman runc netavark aardvark-dns docker-compose mmdebstrap; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
	done
	[ -z "$missing" ] || DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install $missing >&2 || return 1
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
	export CONTAINERS_CONF=$work/containers.conf DOCKER_HOST=unix://$work/podman.sock
	podman system service --time=0 "$DOCKER_HOST" >"$work/podman.log" 2>&1 &
	pids+=($!)
	wait_for 10 test -S "$work/podman.sock" || return 1
	if ! podman image exists localhost/debian:trixie-slim; then
		local root
		root=$(tests/support/root.sh make trixie) && tar -C "$root" -c . | podman import - localhost/debian:trixie-slim >/dev/null 2>&1 || return 1
	fi
	export BASE=localhost/debian:trixie-slim
	# Without systemd nobody runs podman's health checks.
	while sleep 1; do
		for container in $(podman ps -q 2>/dev/null); do podman healthcheck run "$container" >/dev/null 2>&1; done
	done &
	pids+=($!)
}

if docker info >/dev/null 2>&1 && docker compose version >/dev/null 2>&1; then
	compose=(docker compose)
elif start_podman; then
	compose=(docker-compose)
else
	skip_all "no Docker engine, and podman cannot be had"
fi
compose+=(-p "sallyport-test-$$")
export GATEWAY_PORT SSM_PORT
GATEWAY_PORT=$(free_port) SSM_PORT=$(free_port)
in_service() { local service=$1; shift; "${compose[@]}" exec -T "$service" "$@"; }

finish() {
	local code=$?
	trap - EXIT
	if [ "$tap_bad" -ne 0 ]; then
		"${compose[@]}" ps 2>&1 | sed 's/^/# /'
		for service in first-apply agent gateway registry audit ssm; do
			"${compose[@]}" logs --tail 15 "$service" 2>&1 | cut -c1-300 | sed 's/^/# /'
		done
	fi
	down -v -t 5 >/dev/null
	[ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null
	rm -rf "$work"
	tap_done
	[ "$code" -eq 0 ] && [ "$tap_bad" -eq 0 ]
	exit $?
}
trap finish EXIT
trap 'exit 130' INT TERM

# --- from outside
get() { # PATH [curl options]: prints the status
	local path=$1
	shift
	curl -s -m 10 -o "$work/body" -w '%{http_code}' --cacert "$work/ca.pem" "$@" "https://localhost:$GATEWAY_PORT$path"
}
status_is() { [ "$(get "$2" "${@:3}")" = "$1" ]; }
mint() { in_service issuer sallyport-jwt mint --key "/var/lib/issuer/$1.pem" --issuer "https://localhost:9443/$1" --sub somebody "${@:2}" | tr -d '\r\n'; }
put() { # NAME VALUE: by the AWS CLI, which would fetch a value that is a URL if it stood on the command line
	jq -n --arg n "/bank/dev/api-services/$1" --arg v "$2" '{Name: $n, Value: $v, Type: "String", Overwrite: true}' >"$work/parameter.json"
	AWS_ACCESS_KEY_ID=development AWS_SECRET_ACCESS_KEY=development AWS_DEFAULT_REGION=eu-west-1 \
		"${aws[@]}" --endpoint-url "http://127.0.0.1:$SSM_PORT" ssm put-parameter --cli-input-json "file://$work/parameter.json" >/dev/null
}
# podman removes a container only after those that share its network: the second time it can.
down() { "${compose[@]}" down "$@" 2>&1 || "${compose[@]}" down "$@" 2>&1; }
containers_are_tight() {
	local service user
	for service in audit agent issuer gateway registry ssm accounts-v1; do
		user=$(in_service "$service" sh -c 'id -u; ! touch /usr/x 2>/dev/null && echo read-only' | tr -d '\r' | tr '\n' ' ')
		[ "$user" = "901 read-only " ] || { echo "$service: '$user'"; return 1; }
	done
}
if command -v aws >/dev/null; then aws=(aws); elif tests/support/moto.sh install && build/venv/bin/pip -q install awscli >/dev/null 2>&1; then aws=(build/venv/bin/aws); else aws=(false); fi

echo "  building the images" >&2
tap_run "the images build" timeout 1200 "${compose[@]}" build
echo "  starting" >&2
tap_run "the stack comes up" timeout 300 "${compose[@]}" up -d
in_service gateway cat /etc/sallyport/tls/ca.pem >"$work/ca.pem"
staff="Authorization: Bearer $(mint staff --client-id back-office)"
customer="Authorization: Bearer $(mint customers --client-id mobile --scope payments/read)"
tap_run "a token gets 200" wait_for 20 status_is 200 /v1/accounts/42 -H "$staff"
tap_run "from the service" jq -e '.service == "accounts-v1"' "$work/body"
tap_run "each pool has its services" status_is 200 /v1/payments -H "$customer"
tap_run "no token gets 401" status_is 401 /v1/accounts/42
tap_run "an attack gets 403" status_is 403 "/v1/accounts?id=1%27%20or%201=1--" -H "$staff"
tap_run "no container is root or writes to its own file system" containers_are_tight

# --- parameters
tap_run "the AWS CLI writes a parameter" put accounts-v1/route-prefix /v1/ledger
tap_run "and the new route is live" wait_for 20 status_is 200 /v1/ledger/42 -H "$staff"
tap_run "and the old one is gone" wait_for 20 status_is 404 /v1/accounts/42 -H "$staff"
put cards-v1/url https://accounts-v1.bank.test:8443 && put cards-v1/version v1 && put cards-v1/authorizer staff && put cards-v1/route-prefix /v1/cards
tap_run "a new service is live once its parameters are whole" wait_for 20 status_is 200 /v1/cards/1 -H "$staff"

# --- state
records() { in_service audit sallyport-audit verify --log /var/lib/sallyport-audit --json --content; }
history() { in_service registry sallyport-registry history; }
tap_run "the audit log is whole" records
revisions=$(history | wc -l) before=$(in_service audit sh -c 'cat /var/lib/sallyport-audit/*.seg | wc -c')
tap_run "the stack goes down" down -t 5
tap_run "and comes up again" timeout 300 "${compose[@]}" up -d
staff="Authorization: Bearer $(mint staff --client-id back-office)"
tap_run "a token gets 200 again" wait_for 20 status_is 200 /v1/accounts/42 -H "$staff"
tap_run "the revisions are there ($revisions before)" test "$(history | wc -l)" -ge "$revisions"
tap_run "the audit log is there ($before bytes before)" test "$(in_service audit sh -c 'cat /var/lib/sallyport-audit/*.seg | wc -c')" -gt "$before"
tap_run "and whole" records
