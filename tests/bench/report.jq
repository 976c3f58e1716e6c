# SPDX-License-Identifier: Apache-2.0
# results.json as Markdown. A cell without a measurement is a dash.
def row($l; $k; $c): first(.rows[] | select(.load == $l and .kind == $k and .contender == $c)) // null;
def spread: if . == null then "–" else "\(.rps) (\(.rps_min)–\(.rps_max))" end;
def of($base): if . == null or $base == null or $base.rps == 0 then "–" else "\(.rps * 100 / $base.rps | floor) %" end;
def cells: "| " + join(" | ") + " |";
def rule: "|" + ("---|" * .);
def cpu: if . == null then "–" else .cpu_us | map(select(. >= 0.1) | tostring) | join(" + ") end;
. as $r
| "Machine: \(.machine); HAProxy \(.haproxy), OpenSSL \(.openssl). HAProxy with one thread, agent with one thread, load generator and upstream on the same cores.",
  "Load average of the machine: \(.load_before) before, \(.load_after) after. \(.rounds) rounds of \(.seconds) s each, contenders in turn; median (lowest–highest).",
  (.skipped[] | "\nNot compared: \(. | rtrimstr("."))."),
  "", "Requests/s, closed loop, 32 connections, HTTP/1.1 over TLS:", "",
  (["what", "GET", "of HAProxy alone", "JSON 250 B", "form 2 KiB", "JSON 16 KiB", "CPU µs per GET (HAProxy + agent)", "not 200"] | cells), (8 | rule),
  (.contenders[] | . as $n | $r
	| [$n.name, (row("c32"; "get"; $n.id) | spread), (row("c32"; "get"; "plain") as $p | row("c32"; "get"; $n.id) | of($p)),
	   (row("c32"; "json"; $n.id) | spread), (row("c32"; "form"; $n.id) | spread), (row("c32"; "json16k"; $n.id) | spread), (row("c32"; "get"; $n.id) | cpu),
	   ([.rows[] | select(.contender == $n.id and .load == "c32" and (.kind | IN("get", "json", "form", "json16k"))) | .not_200] | add | tostring)] | cells),
  "", "Other loads, requests/s: ordinary is a second set of requests (tests/waf/ordinary.yaml); mixed has a broken signature in 5 %; connect makes a new TLS connection for each request; h2 is HTTP/2 with four streams on each connection; cold: each request is the first with its token.", "",
  (["what", "ordinary", "mixed", "connect", "h2", "cold"] | cells), (6 | rule),
  (.contenders[] | . as $n | $r | [$n.name, (("ordinary", "mixed", "connect", "h2", "cold") as $k | row("c32"; $k; $n.id) | spread)] | select(.[1:] | any(. != "–")) | cells),
  "", "Latency at a constant rate (open loop, counted from when a request was due), 32 connections, half of what the slowest of ours carried (\(.capacity / 2 | floor)/s):", "",
  (["what", "p50 µs", "p99 µs", "p99 over HAProxy alone"] | cells), (4 | rule),
  (.contenders[] | . as $n | $r | row("half"; "get"; "plain") as $p | row("half"; "get"; $n.id) | select(.)
	| [$n.name, (.p50_us | tostring), (.p99_us | tostring), (if $p then "\((.p99_us - $p.p99_us) / 1000 * 100 | round / 100) ms" else "–" end)] | cells),
  "", "Agent memory after the run: \(.agent_rss_kib) KiB."
