#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What tests/suites/packages.sh does inside a clean root:  package_steps.sh install|use|remove
# The packages are in /debs, the same with a higher version in /debs/newer. Without systemd as first process, services
# are started here by the ExecStart lines and users of their units.
set -u
cd "$(dirname "$0")" || exit 1
. ./tap.sh
ours="sallyport-agent sallyport-audit sallyport-registry sallyport-tools"
programs="sallyport-spoa sallyport-registry sallyport-audit sallyport-waf sallyport-jwt"

unit_value() { # UNIT NAME
	sed -n "s/^$2=//p" "/lib/systemd/system/$1" | tail -1
}

# Processes by unit; everything ends with the namespace.
declare -A PID=()
start_unit() { # UNIT: its ExecStart as its user, with the environment file and without systemd's sandbox
	local unit=$1 line user
	user=$(unit_value "$unit" User)
	[ ! -r "/etc/default/${unit%.service}" ] || . "/etc/default/${unit%.service}"
	eval "line=\"$(unit_value "$unit" ExecStart | sed 's/"/\\"/g')\""
	setpriv --reuid="${user:-root}" --regid="${user:-root}" --init-groups $line >>"/var/log/$unit.log" 2>&1 &
	PID[$unit]=$!
}
wait_for() { # COMMAND...: true within half a minute
	for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return 0; sleep 0.1; done
	return 1
}

# The agent's socket, held as sallyport-agent.socket has systemd hold it; the agent starts again whenever it ends.
hold_agent_socket() {
	install -d /run/sallyport
	perl -e '
		use Socket; $^F = 10;
		my ($path, $pidfile, @command) = @ARGV;
		socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
		unlink $path; bind($s, sockaddr_un($path)) or die $!; listen($s, 4096);
		chmod 0660, $path; chown((getpwnam "sallyport")[2, 3], $path);
		die "descriptor" if fileno($s) != 3;
		while (1) {
			my $pid = fork();
			if (!$pid) {
				my ($uid, $gid) = (getpwnam "sallyport")[2, 3];
				$) = "$gid $gid"; $( = $gid; $< = $> = $uid;
				@ENV{"LISTEN_PID", "LISTEN_FDS"} = ($$, 1); exec @command; die $!;
			}
			open(my $f, ">", $pidfile); print $f $pid; close $f; waitpid $pid, 0;
		}' "$(unit_value sallyport-agent.socket ListenStream)" /run/agent.pid \
		$(unit_value sallyport-agent.service ExecStart) >>/var/log/sallyport-agent.log 2>&1 &
}

install_packages() {
	apt-get -q update >/dev/null
	tap_run "they install by apt" apt-get -q -y install $(printf '/debs/%s_*.deb ' $ours) curl openssl jq
	for program in $programs; do
		tap_run "$program runs" "$program" --version
		tap_run "$program has a manual page" test -s "/usr/share/man/man1/$program.1.gz"
		tap_run "$program completes" test -s "/usr/share/bash-completion/completions/$program"
	done
	tap_run "the users are there" id sallyport sallyport-audit
	tap_run "the rules are compiled" sh -c 'ls /var/cache/sallyport/waf/* && stat -c %U /var/cache/sallyport/waf/* | grep -qx sallyport'
	for file in /etc/sallyport/gateway.json /etc/sallyport/parameters.json /etc/default/sallyport-audit /etc/default/sallyport-registry; do
		tap_run "$file is a conffile" sh -c "dpkg-query -W -f '\${Conffiles}\n' $(echo $ours) | grep -qF ' $file '"
	done
	tap_run "the audit log has keys that its user alone reads" test "$(stat -c %U:%a /etc/sallyport/audit/signing.pem)" = sallyport-audit:400
	rm -f /var/cache/sallyport/waf/*
	# The trigger by hand: what dpkg does when modsecurity-crs brings other files.
	dpkg-trigger --no-await --by-package=modsecurity-crs /usr/share/modsecurity-crs && dpkg --configure -a >/dev/null
	tap_run "a change of modsecurity-crs compiles them again" sh -c 'ls /var/cache/sallyport/waf/*'
	tap_run "the units are in order" units_verify
}

units_verify() {
	local out
	out=$(systemd-analyze verify --man=no /lib/systemd/system/sallyport-*.s* 2>&1) || { echo "$out"; return 1; }
	! grep sallyport <<<"$out"
}

certificates() {
	install -d /etc/sallyport/tls
	cd /etc/sallyport/tls || return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out ca.pem -days 30 -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,DNS:gateway.test -addext basicConstraints=critical,CA:TRUE 2>/dev/null
	cat ca.pem key.pem >server.pem
	cd - >/dev/null || return
}

configure() {
	local p=/bank/dev
	jq '.services = ["status-v1"] | .public_url = "https://gateway.test" | .upstream.ca_file = "/etc/sallyport/tls/ca.pem"
		| .agent.timeout_ms = 10000 | .agent.reload_command = ["/usr/bin/pkill", "-HUP", "-x", "sallyport-spoa"]
		| .authorizers = {staff: {issuer: "https://localhost:9443/staff", ca_file: "/etc/sallyport/tls/ca.pem"},
			customers: {issuer: "https://localhost:9443/customers", ca_file: "/etc/sallyport/tls/ca.pem"}}' \
		/etc/sallyport/gateway.json >/tmp/gateway.json && cp /tmp/gateway.json /etc/sallyport/gateway.json
	printf '%s\n' cognito/staff/pool-id=staff cognito/staff/client/back-office=back-office cognito/staff/client/api-authoriser=api \
		cognito/customers/pool-id=customers cognito/customers/client/mobile=mobile cognito/customers/client/web=web \
		kms/operational/arn=arn:aws:kms:eu-west-1:000000000000:key/1 api-services/status-v1/url=https://localhost:9101 \
		api-services/status-v1/version=v1 api-services/status-v1/route-prefix=/v1/status api-services/status-v1/authorizer=staff |
		jq -R --arg p "$p" 'split("=") | {Name: ($p + "/" + .[0]), Type: "String", Value: .[1], Version: 1}' |
		jq -s '{Parameters: .}' >/etc/sallyport/parameters.json
}

request() { # prints the status
	curl -s -m 5 -o /dev/null -w '%{http_code}' --cacert /etc/sallyport/tls/ca.pem "$@" https://gateway.test/v1/status/x
}

use_packages() {
	echo 127.0.0.1 gateway.test >>/etc/hosts
	certificates && configure || tap_fail "configuration"
	openssl s_server -accept 9101 -cert /etc/sallyport/tls/ca.pem -key /etc/sallyport/tls/key.pem -www -quiet >/dev/null 2>&1 &
	sallyport-jwt serve --issuer https://localhost:9443 --tls-cert /etc/sallyport/tls/ca.pem --tls-key /etc/sallyport/tls/key.pem \
		--keys /root/issuer >/var/log/issuer.log 2>&1 &
	wait_for test -s /root/issuer/staff.pem
	systemd-tmpfiles --create >/dev/null 2>&1
	tap_run "the registry applies the shipped settings" sallyport-registry apply
	before=$(ls -l /var/cache/sallyport/waf | sha256sum)
	hold_agent_socket
	start_unit sallyport-audit.service
	start_unit sallyport-gateway.service
	token=$(sallyport-jwt mint --key /root/issuer/staff.pem --issuer https://localhost:9443/staff --sub a --client-id back-office)
	answers() { [ "$(request -H "Authorization: Bearer $token")" = 200 ]; }
	tap_run "a token gets 200" wait_for answers
	tap_run "no token gets 401" test "$(request)" = 401
	tap_run "an attack gets 403" test "$(request -H "Authorization: Bearer $token" -H 'x-a: ${jndi:ldap://x/a}' -G --data-urlencode "id=1' or 1=1--")" = 403
	tap_run "the agent starts with the rules compiled at the installation" test "$before" = "$(ls -l /var/cache/sallyport/waf | sha256sum)"
	tap_run "HAProxy is not root" sh -c 'ps -C haproxy -o user= | grep -qx haproxy'
	tap_run "sallyport-registry verify passes" sallyport-registry verify --ca-file /etc/sallyport/tls/ca.pem --issuer https://localhost:9443
	upgrade
	sleep 1
	tap_run "the audit log is whole" sallyport-audit verify --log /var/lib/sallyport-audit --public-key /etc/sallyport/audit/public.pem
	[ "$tap_bad" -eq 0 ] || tail -n 15 /var/log/sallyport-* | sed 's/^/# /'
}

# And back. Under systemd the new package's script restarts the agent behind its socket; here this does.
upgrade() {
	local failed=/tmp/failed pid old
	: >$failed
	(
		while [ ! -e /tmp/enough ]; do
			code=$(request -H "Authorization: Bearer $token")
			echo "$code" >>/tmp/codes
			[ "$code" = 200 ] || echo "$code" >>$failed
		done
	) &
	pid=$!
	echo >>/etc/sallyport/gateway.json
	tap_run "they upgrade" dpkg --force-confold -i $(printf '/debs/newer/%s_*.deb ' $ours)
	for signal in TERM KILL TERM; do
		old=$(cat /run/agent.pid)
		kill -"$signal" "$old"
		wait_for sh -c "! kill -0 $old"
		sleep 1
	done
	touch /tmp/enough
	wait $pid
	tap_run "no request failed ($(wc -l </tmp/codes)) while the packages were upgraded and the agent stopped twice and killed once" sh -c "! grep . $failed"
	tap_run "they are downgraded" apt-get -q -y --allow-downgrades -o Dpkg::Options::=--force-confold install $(printf '/debs/%s_*.deb ' $ours)
	tap_run "and the older agent answers" wait_for answers
	tap_run "a changed conffile stays" jq -e '.services == ["status-v1"]' /etc/sallyport/gateway.json
}

remove_packages() {
	tap_run "they are removed" apt-get -q -y remove $ours
	tap_run "no program is left" sh -c '! ls /usr/bin/sallyport-*'
	tap_run "settings stay after removal" test -s /etc/sallyport/gateway.json
	tap_run "they are purged" dpkg --purge $ours
	tap_run "no settings, revisions or caches are left" sh -c '! ls -d /etc/sallyport/gateway.json /var/lib/sallyport/gateway /var/cache/sallyport'
	tap_run "the audit log and its keys stay" sh -c 'ls /var/lib/sallyport-audit/*.seg /etc/sallyport/audit/public.pem'
	rm -rf /var/lib/sallyport-audit /etc/sallyport
	tap_run "what is left of them" sh -c '! dpkg -l | grep sallyport'
}

case ${1:-} in
install) install_packages ;;
use) use_packages ;;
remove) remove_packages ;;
*) exit 64 ;;
esac
tap_done
