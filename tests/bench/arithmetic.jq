# SPDX-License-Identifier: Apache-2.0
# What follows from results.json, as Markdown: cost by stage, what a core and a node carry, what a million requests per second would take.
def cpu($c): first(.rows[] | select(.load == "c64" and .kind == "get" and .contender == $c) | .cpu_us) // null;
def tenth: . * 10 | round / 10;
def cells: "| " + join(" | ") + " |";
def stage($name; $us): if $us == null then empty else [$name, ($us | tenth | tostring)] | cells end;
def minus($a; $b): if $a == null or $b == null then null else $a - $b end;
cpu("plain")[0] as $plain
| ([("token", "aws", "crs", "crs4") as $c | cpu($c) | select(.) | .[0]] | add / length) as $gateway
| (cpu("token")[1] // 0) as $token
| ([("aws", "crs", "crs4") as $c | {key: $c, value: minus(cpu($c) | if . then .[1] else null end; $token)}] | from_entries) as $waf
| ($gateway + $token) as $light | (if $waf.crs4 then $light + $waf.crs4 else null end) as $heavy
| def carried: 1000000 / . | floor;
  def both(f): [$light, $heavy | select(.) | f] | map(tostring) | join(" and ");
  "CPU time of one GET by stage, from the run above (closed loop, 64 connections; HAProxy\u0027s share is the mean over the gateway\u0027s services, which run the same configuration):", "",
  (["stage", "CPU µs"] | cells), "|---|---|",
  stage("TLS and proxying, both sides (HAProxy alone)"; $plain),
  stage("the gateway\u0027s rules, SPOE and access log in HAProxy"; $gateway - $plain),
  (cpu("retry") as $retry | if $retry then stage("copies for a repetition, where upstream.retry_rate is above the rate (measured with and without)"; $retry[0] - cpu("token")[0]) else empty end),
  stage("agent: token check, token in the cache"; $token),
  stage("agent: AWS rules"; $waf.aws), stage("agent: CRS 3.3"; $waf.crs), stage("agent: CRS 4"; $waf.crs4),
  "", "At these figures, computed and not measured:", "",
  "- One core spends \(both(. | round)) µs on a request with a token check\(if $heavy then " and one with token and CRS 4" else "" end): \(both(carried)) requests/s when it is full.",
  "- A node of two cores for the gateway alone carries \(both(2 * carried)): HAProxy\u0027s threads share its work, and the agent\u0027s thread runs beside them. In the runs above load generator and upstream took their part of the two cores.",
  "- N nodes carry N times a node: nodes share no request path, only the throttles\u0027 tables.",
  "- 1 million requests/s take \(both(. | ceil)) full cores; at 60 % use \(both(. / 0.6 | ceil)).",
  "- The next limit is HAProxy, not the agent, as long as the agent has less of the CPU time: \($token / $light * 100 | round) % with a token check\(if $heavy then ", \(($heavy - $gateway) / $heavy * 100 | round) % with CRS 4" else "" end)."
