#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# plots.sh RESULTS.json FOLDER: throughput against connections, overhead against load, latency distribution and CPU by stage, as SVG.
set -eu
results=$1 folder=$2
command -v gnuplot >/dev/null || { echo "plots: no gnuplot (package gnuplot-nox)" >&2; exit 0; }
mkdir -p "$folder"
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
# Names that fit: without what the table says anyway.
short='def short: sub(", no token check"; "") | sub("HAProxy [+] Coraza ([^ ]*) in an SPOE agent of ours"; "Coraza") | sub(", upstream.retry_rate 1000000"; ", retries") | sub(", TLS on both sides"; "");'
# One block of "x y" for each contender that was measured at more than one x.
series() { # LOAD-PREFIX VALUE
	jq -r --arg prefix "$1" "$short"'. as $r | .contenders[] | . as $n
		| [$r.rows[] | select(.contender == $n.id and .kind == "get" and (.load | test("^" + $prefix + "[0-9]+$"))) | {x: (.load | ltrimstr($prefix) | tonumber), y: '"$2"'}] | sort_by(.x)
		| select(length > 2) | "\"\($n.name | short)\"", (.[] | "\(.x) \(.y)"), "", ""' "$results"
}
series c .rps >"$data/connections"
series rate .p99_us >"$data/rate"
jq -r "$short"'. as $r | .contenders[] | . as $n | $r.rows[] | select(.contender == $n.id and .kind == "get" and .load == "c64") | .cpu_us as $c | "\"\($n.name | short)\" \($c[0] // 0) \($c[1] // 0)"' "$results" >"$data/cpu"
# The open loop at half load: latency in ms by 1 / (1 - quantile).
jq -r "$short"'. as $r | .contenders[] | . as $n | $r.rows[] | select(.contender == $n.id and .kind == "get" and .load == "half")
	| "\"\($n.name | short)\"", "2 \(.p50_us / 1000)", "10 \(.p90_us / 1000)", "100 \(.p99_us / 1000)", "1000 \(.p999_us / 1000)", "", ""' "$results" >"$data/distribution"
blocks() { grep -c '^"' "$data/$1" || true; }
common='set terminal svg size 720,400 noenhanced font "sans-serif,11"; set grid; set key bmargin center vertical maxrows 4'
gnuplot -e "$common; set output '$folder/connections.svg'; set logscale x 2; set xlabel 'connections'; set ylabel 'GET/s, closed loop'; set yrange [0:*];
	plot for [i=0:$(($(blocks connections) - 1))] '$data/connections' index i using 1:2 with linespoints title columnheader(1)"
gnuplot -e "$common; set output '$folder/latency.svg'; set xlabel 'rate, % of what the slowest of ours carries'; set ylabel 'p99, µs (open loop)'; set logscale y;
	plot for [i=0:$(($(blocks rate) - 1))] '$data/rate' index i using 1:2 with linespoints title columnheader(1)"
gnuplot -e "$common; set output '$folder/distribution.svg'; set logscale xy; set xlabel 'percentile'; set ylabel 'latency at half load, ms (open loop)'; set xtics ('50' 2, '90' 10, '99' 100, '99.9' 1000);
	plot for [i=0:$(($(blocks distribution) - 1))] '$data/distribution' index i using 1:2 with linespoints title columnheader(1)"
gnuplot -e "$common; set output '$folder/cpu.svg'; set style data histogram; set style histogram rowstacked; set style fill solid; set boxwidth 0.7; set xtics rotate by -30; set ylabel 'CPU µs per GET'; set yrange [0:*]; set bmargin 8; set rmargin 10; set key inside top left;
	plot '$data/cpu' using 2:xtic(1) title 'proxy', '' using 3 title 'agent'"
