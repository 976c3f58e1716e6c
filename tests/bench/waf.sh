#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The WAF engine beside libmodsecurity and Coraza in one thread each: CPU microseconds per transaction for four requests, with OWASP CRS 4
# and 3.3 at paranoia level 1 and with the rules under AWS names. Markdown on standard output and in build/bench/waf.md; what is not there is
# skipped and said to be. BENCH_SECONDS: of CPU for each figure. CRS_DIR: an unpacked release of CRS 4.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${BENCH_SECONDS:-1} crs=${CRS_DIR:-../shared/data/crs-4.28.0} debian=/usr/share/modsecurity-crs/rules
bin=build/release/tests/bench/bench_waf
make -s -j"$(nproc)" all "$bin" || exit 1
mkdir -p build/bench
export BENCH_CACHE_DIR=$PWD/build/bench/waf-cache
install -d -m 700 "$BENCH_CACHE_DIR"
skipped=()

# Coraza is a Go module, fetched and pinned by tests/bench/coraza/go.mod.
coraza=()
if ! command -v go >/dev/null; then
	skipped+=("Coraza: no Go on this machine")
elif ! GOTOOLCHAIN=local timeout 600 go build -C tests/bench/coraza -o "$PWD/build/bench/coraza_waf" . 2>build/bench/coraza.log; then
	skipped+=("Coraza: $(grep -v '^go: downloading' build/bench/coraza.log | tail -1 | cut -c1-120)")
else
	coraza=(--coraza build/bench/coraza_waf)
fi

table() { # NAME RULES...: a table of the rule set
	local name=$1
	shift
	"$bin" --seconds "$seconds" "${coraza[@]}" "$@" >build/bench/waf.txt 2>build/bench/waf.log || { echo "waf.sh: $name failed" >&2; cat build/bench/waf.log >&2; return 1; }
	grep -q "coraza does not load" build/bench/waf.log && skipped+=("Coraza with $name, which it does not load: $(grep -m1 -o 'failed to compile.*' build/bench/waf.log | cut -c1-140)")
	awk -v name="$name" -v coraza="$(grep -c 'coraza does not load' build/bench/waf.log)${#coraza[@]}" '
		NR == 1 { printf "\n| %s | sallyport | libmodsecurity | times ours |%s\n|---|---|---|---|%s\n", name, coraza == "02" ? " Coraza | times ours |" : "", coraza == "02" ? "---|---|" : ""; next }
		{ n = NF - 5 - 1; kind = $1; for (i = 2; i <= n; i++) kind = kind " " $i }
		{ printf "| %s | %s | %s | %s |", kind, $(n + 2), $(n + 3), $(n + 4); if (coraza == "02") printf " %s | %s |", $(n + 5), $(n + 6); print "" }' build/bench/waf.txt
}

# What a process that has loaded CRS 4 needs: resident, with the databases from the cache, after one request.
resident() {
	printf 'GET / HTTP/1.1\r\nHost: h\r\n\r\n' >build/bench/get.http
	/usr/bin/python3 -c 'import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' build/release/sallyport-waf eval --cache-dir "$BENCH_CACHE_DIR" "$@" build/bench/get.http
}

code=0
{
	echo "CPU microseconds per transaction, one thread, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) cores,"
	echo "libmodsecurity $(pkg-config --modversion modsecurity 2>/dev/null || echo '?'), Coraza $(sed -n 's/^require .*coraza.v3 //p' tests/bench/coraza/go.mod)."
	if [ -d "$crs/rules" ]; then
		table "$(basename "$crs" | tr a-z- 'A-Z ')" "$crs/crs-setup.conf.example" "$crs/rules/*.conf" || code=1
	else
		skipped+=("CRS 4: no release at $crs (CRS_DIR)")
	fi
	if [ -d "$debian" ]; then
		table "CRS $(dpkg-query -W -f '${Version}' modsecurity-crs 2>/dev/null | cut -d- -f1)" /etc/modsecurity/crs/crs-setup.conf "$debian/*.conf" || code=1
	else
		skipped+=("CRS 3.3: no package modsecurity-crs")
	fi
	table "aws" "haproxy/waf/aws/*.conf" || code=1
	echo
	[ ! -d "$crs/rules" ] || echo "Resident size with CRS 4: $(($(resident -r "$crs/crs-setup.conf.example" -r "$crs/rules") / 1024)) MiB."
	[ ${#skipped[@]} -eq 0 ] || printf 'Skipped: %s\n' "${skipped[@]}"
	exit $code
} | tee build/bench/waf.md
exit "${PIPESTATUS[0]}"
