# SPDX-License-Identifier: Apache-2.0
# results.json as Markdown. A cell without a measurement is a dash.
def row($l; $k; $c): first(.rows[] | select(.load == $l and .kind == $k and .contender == $c)) // null;
def spread: if . == null then "–" else "\(.rps) (\(.rps_min)–\(.rps_max))" end;
def of($base): if . == null or $base == null or $base.rps == 0 then "–" else "\(.rps * 100 / $base.rps | floor) %" end;
def cells: "| " + join(" | ") + " |";
def rule: "|" + ("---|" * .);
def cpu: if . == null then "–" else .cpu_us | map(tostring) | join(" + ") end;
# Sum of the CPU time of all processes of a contender for one request.
def cpu_sum($l; $k; $c): row($l; $k; $c) | if . then .cpu_us | add else null end;
def ratio($a; $b): if $a == null or $b == null or $b == 0 then null else $a / $b end;
def rps($k; $c): row("c64"; $k; $c) | if . then .rps else null end;
def over($c): row("half"; "get"; "plain") as $p | row("half"; "get"; $c) | if . and $p then (.p99_us - $p.p99_us) / 1000 else null end;
# What was promised, as numbers of one run. `better` is the side of the target on which a number has to be.
def promises:
	[{what: "token check: GET/s of HAProxy alone", value: ratio(rps("get"; "token"); rps("get"; "plain")), target: 0.6, better: "more"},
	 {what: "the round trip to the agent and a short log alone: GET/s of HAProxy alone", value: ratio(rps("get"; "floor"); rps("get"; "plain")), better: "more"},
	 {what: "token check, upstream.retry_rate 1000000: GET/s of HAProxy alone", value: ratio(rps("get"; "retry"); rps("get"; "plain")), target: 0.6, better: "more"},
	 {what: "token check: ordinary traffic/s of HAProxy alone", value: ratio(rps("ordinary"; "token"); rps("ordinary"; "plain")), better: "more"},
	 {what: "token + CRS 4: GET/s of Coraza\u0027s", value: ratio(rps("get"; "crs4"); rps("get"; "coraza")), target: 15, better: "more"},
	 {what: "token + CRS 4: JSON 250 B/s of Coraza\u0027s", value: ratio(rps("json"; "crs4"); rps("json"; "coraza")), better: "more"},
	 {what: "token + CRS 4: ordinary traffic/s of Coraza\u0027s", value: ratio(rps("ordinary"; "crs4"); rps("ordinary"; "coraza")), better: "more"},
	 {what: "token + CRS 3.3: GET/s of nginx with libmodsecurity", value: ratio(rps("get"; "crs"); rps("get"; "nginx")), better: "more"},
	 {what: "token + CRS 3.3: ordinary traffic/s of nginx with libmodsecurity", value: ratio(rps("ordinary"; "crs"); rps("ordinary"; "nginx")), better: "more"},
	 {what: "CPU time of one GET: HAProxy alone of the gateway with token check", value: ratio(cpu_sum("c64"; "get"; "plain"); cpu_sum("c64"; "get"; "token")), better: "more"},
	 {what: "CPU time of one GET: Coraza\u0027s of the gateway with token + CRS 4", value: ratio(cpu_sum("c64"; "get"; "coraza"); cpu_sum("c64"; "get"; "crs4")), better: "more"},
	 {what: "CPU time of one ordinary request: Coraza\u0027s of the gateway with token + CRS 4", value: ratio(cpu_sum("c64"; "ordinary"; "coraza"); cpu_sum("c64"; "ordinary"; "crs4")), better: "more"},
	 {what: "p99 at half load, token check: ms over HAProxy alone", value: over("token"), target: 1, better: "less"},
	 {what: "p99 at half load, token + CRS 4: ms over HAProxy alone", value: over("crs4"), target: 1, better: "less"},
	 {what: "agent with CRS 4: MiB resident after the run", value: (.agent_rss_kib / 1024), target: 64, better: "less"},
	 {what: "agent with CRS 4: ms from its start until it is ready", value: .agent_start_ms, target: 500, better: "less"}];
def short: if . == null then "–" elif . >= 10 then (. * 10 | round / 10 | tostring) else (. * 100 | round / 100 | tostring) end;
. as $r
| ($previous | if length > 0 then .[0] | promises else [] end) as $before
| "Machine: \(.machine); HAProxy \(.haproxy), OpenSSL \(.openssl). Each proxy with \(.threads) threads, agent with one, load generator and upstream on the same cores.",
  "Load average of the machine: \(.load_before) before, \(.load_after) after. \(.rounds) rounds of \(.seconds) s each, contenders in turn; median (lowest–highest).",
  (.skipped[] | "\nNot compared: \(. | rtrimstr("."))."),
  "", "Requests/s, closed loop, 64 connections, HTTP/1.1 over TLS:", "",
  (["what", "GET", "of HAProxy alone", "JSON 250 B", "form 2 KiB", "JSON 16 KiB", "CPU µs per GET (HAProxy + agent)", "not 200"] | cells), (8 | rule),
  (.contenders[] | . as $n | $r
	| [$n.name, (row("c64"; "get"; $n.id) | spread), (row("c64"; "get"; "plain") as $p | row("c64"; "get"; $n.id) | of($p)),
	   (row("c64"; "json"; $n.id) | spread), (row("c64"; "form"; $n.id) | spread), (row("c64"; "json16k"; $n.id) | spread), (row("c64"; "get"; $n.id) | cpu),
	   ([.rows[] | select(.contender == $n.id and .load == "c64" and (.kind | IN("get", "json", "form", "json16k"))) | .not_200] | add | tostring)] | cells),
  "", "Other loads, requests/s: ordinary is a second set of requests (tests/waf/ordinary.yaml); mixed has a broken signature in 5 %; connect makes a new TLS connection for each request; h2 is HTTP/2 with four streams on each connection; cold: each request is the first with its token.", "",
  (["what", "ordinary", "mixed", "connect", "h2", "cold"] | cells), (6 | rule),
  (.contenders[] | . as $n | $r | [$n.name, (("ordinary", "mixed", "connect", "h2", "cold") as $k | row("c64"; $k; $n.id) | spread)] | select(.[1:] | any(. != "–")) | cells),
  "", "Latency at a constant rate (open loop, counted from when a request was due), 32 connections, half of what the slowest of ours carried (\(.capacity / 2 | floor)/s):", "",
  (["what", "p50 µs", "p99 µs", "p99 over HAProxy alone"] | cells), (4 | rule),
  (.contenders[] | . as $n | $r | row("half"; "get"; "plain") as $p | row("half"; "get"; $n.id) | select(.)
	| [$n.name, (.p50_us | tostring), (.p99_us | tostring), (if $p then "\((.p99_us - $p.p99_us) / 1000 * 100 | round / 100) ms" else "–" end)] | cells),
  "", "Agent with the largest rule set: \(.agent_rss_kib) KiB resident after the run, ready \(.agent_start_ms) ms after its start (rules in the cache, median of three).",
  "", "Promises and ratios, this run\(if ($before | length) > 0 then ", and of the run before it on the same machine" else "" end):", "",
  (["what", "target", "this run", "the run before", "difference"] | cells), (5 | rule),
  (promises[] | . as $p | select(.value != null) | (first($before[] | select(.what == $p.what)).value // null) as $old
	| [.what, (if .target then "\(if .better == "more" then "≥" else "≤" end) \(.target)" else "–" end), (.value | short), ($old | short), (if $old and $old != 0 then "\(((.value / $old - 1) * 100) | round) %" else "–" end)] | cells)
