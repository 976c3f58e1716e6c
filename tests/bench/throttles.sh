#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How exactly a token bucket holds, counted at the service: rate 200/s and burst 400, offered by HTTP/1.1 and HTTP/2, steadily and in
# bursts, with one and with two threads of HAProxy. Prints rows of a Markdown table (docs/performance.md).
#
#   tests/bench/throttles.sh [FOLDER]     FOLDER/haproxy is measured instead of the one in PATH
[ -z "${1:-}" ] || export PATH=$1:$PATH
. tests/e2e/lib.sh >/dev/null
. tests/e2e/throttle_lib.sh
tap_done() { :; }
rate=200 burst=400 path=/v1/payments
PAYMENTS_RATE=$rate PAYMENTS_BURST=$burst
version=$(haproxy -v | sed -n 's/^HAProxy version \([0-9.]*\).*/\1/p')

row() { # LOAD OFFERED
	local window cells="" seen span
	for window in 1 5 30; do
		span=$(span_ms payments-v1)
		if [ $((window * 1000)) -lt "$span" ]; then cells+=" $(most_in $window payments-v1) |"; else cells+="  |"; fi
	done
	seen=$(seen payments-v1)
	printf '| %s | %s | %s | %s |%s %s | %s | %s |\n' "$version" "$threads" "$1" "$2" "$cells" "$seen" \
		"$((burst + rate * span / 1000))" "$LATENCY_MS"
}
measure() { # LOAD RATE SECONDS
	local out
	sleep 2.5
	forget_counts
	if [[ $1 == *h2* ]]; then
		offer_h2 "$2" "$3" "$path" "$customers"
		row "$1" "$(jq '."200" + ."4xx"' <<<"$H2")"
	else
		out=$(offer "$2" "$3" "$path" -H "$customers")
		note_latency "$out"
		row "$1" "$(jq .issued <<<"$out")"
	fi
}
for threads in 1 2; do
	STACK_SETTINGS="$THROTTLE_SETTINGS | .nbthread = $threads"
	e2e_start
	customers=$(bearer customers --lifetime 3600)
	measure "0.5 ×" 100 8
	measure "1 ×" 200 8
	measure "1.5 ×" 300 32
	measure "5 ×" 1000 32
	measure "5 ×, h2" 1000 32
	sleep 2.5
	forget_counts
	for i in 1 2 3; do
		"$LOAD" --url "https://localhost:$GATEWAY_PORT$path" --ca "$E2E_DIR/tls/ca.pem" -H "$customers" --connections 32 --count 900 --seconds 3 >"$E2E_DIR/burst$i.json"
		sleep 2
	done
	note_latency "$(cat "$E2E_DIR"/burst[123].json)"
	row "bursts of 900" 2700
	stack_stop
done
