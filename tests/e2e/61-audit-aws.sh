#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The audit log and AWS, with moto's server as the other side: keys wrapped and checkpoints signed by KMS, shipping
# to CloudWatch Logs over an outage, anchors in SSM, S3 and CloudWatch.
. tests/e2e/audit_lib.sh

audit_begin aws
more_cleanup() { tests/support/moto.sh stop "$dir/moto"; }

mkdir "$dir/moto"
url=$(tests/support/moto.sh start "$dir/moto") || { tap_skip "the audit log with AWS" "moto cannot be installed from PyPI"; tap_done; exit; }
export AWS_ENDPOINT_URL=$url AWS_REGION=eu-west-1 AWS_DEFAULT_REGION=eu-west-1 AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_EC2_METADATA_DISABLED=true

boto() { build/venv/bin/python -c "import boto3, sys, json; c = lambda s: boto3.client(s, endpoint_url='$url'); $1"; }
ready() { curl -sf -o /dev/null "http://127.0.0.1:$status_port/ready"; }
send() { # FROM TO
	build/venv/bin/python - "$audit_port" "$1" "$2" <<'PY'
import socket, sys
port, first, last = map(int, sys.argv[1:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(first, last + 1):
    s.sendto(('<134>1 - - haproxy 1 - - {"seq":"1-%d","id":"r%d","status":200,"ua":"\u00e9 %s"}' % (i, i, 'x' * 300)).encode(), ('127.0.0.1', port))
PY
}

# ---- Keys in KMS.
wrap_key=$(boto "print(c('kms').create_key(Description='wrap')['KeyMetadata']['KeyId'])")
sign_key=$(boto "print(c('kms').create_key(KeyUsage='SIGN_VERIFY', KeySpec='ECC_NIST_P256')['KeyMetadata']['KeyId'])")
boto "import base64; print('-----BEGIN PUBLIC KEY-----\n' + base64.encodebytes(c('kms').get_public_key(KeyId='$sign_key')['PublicKey']).decode() + '-----END PUBLIC KEY-----')" >"$dir/public.pem"
free_port audit_port; free_port status_port
audit_log=$dir/kms-log
serve() { # ARGUMENTS...
	"$audit" serve --log "$audit_log" --listen "127.0.0.1:$audit_port" --status "127.0.0.1:$status_port" --immutable off "$@" 2>>"$dir/serve.err" &
	server=$!
	pids+=("$server")
	eventually 20 ready
}
stop() { kill "$server"; wait "$server"; }
tap_run "the daemon starts with keys in KMS" serve --kms-key "$wrap_key" --signing-kms-key "$sign_key"
send 1 500
arrived() { [ "$("$audit" query --log "$audit_log" --kms-key "$wrap_key" --count)" = 500 ]; }
tap_run "records are read back through KMS" eventually 20 arrived
stop
tap_run "checkpoints signed by KMS verify offline" env -u AWS_ENDPOINT_URL "$audit" verify --log "$audit_log" --public-key "$dir/public.pem"
tap_run "the content opens through KMS" "$audit" verify --content --log "$audit_log" --public-key "$dir/public.pem" --kms-key "$wrap_key"
other_key=$(boto "print(c('kms').create_key()['KeyMetadata']['KeyId'])")
"$audit" verify --content --log "$audit_log" --public-key "$dir/public.pem" --kms-key "$other_key" >/dev/null
is "another KMS key opens nothing" "$?" 3

# ---- Shipping, from a log with keys in files.
"$audit" keygen "$dir/keys" >/dev/null
audit_log=$dir/file-log
serve --signing-key "$dir/keys/signing.pem" --key "$dir/keys/wrapping.key"
send 1 12000
query() { "$audit" query --log "$audit_log" --key "$dir/keys/wrapping.key" "$@"; }
all() { [ "$(query --count)" = "$1" ]; }
eventually 20 all 12000
ship() { "$audit" ship --log "$audit_log" --key "$dir/keys/wrapping.key" --group /sallyport/audit "$@" 2>>"$dir/ship.err"; }
# What is there: records, different numbers, the highest.
shipped() {
	boto "
l = c('logs'); n = []; t = None
while True:
    r = l.get_log_events(logGroupName='/sallyport/audit', logStreamName='sallyport-audit', startFromHead=True, limit=10000, **({'nextToken': t} if t else {}))
    if not r['events'] or r['nextForwardToken'] == t: break
    n += [json.loads(e['message'])['number'] for e in r['events']]; t = r['nextForwardToken']
print(len(n), len(set(n)), max(n) if n else 0, 'in order' if n == sorted(n) else 'mixed')"
}
tap_run "the log is shipped" ship
last=$(query --events -n | tail -1 | jq .number)
is "every record once and in order" "$(shipped)" "$last $last $last in order"
is "the group keeps 90 days" "$(boto "print(c('logs').describe_log_groups()['logGroups'][0]['retentionInDays'])")" 90
tap_run "shipping again" ship
is "ships nothing twice" "$(shipped)" "$last $last $last in order"
rm "$audit_log/ship.json"
tap_run "shipping without a note of how far it came" ship
is "asks the stream" "$(shipped)" "$last $last $last in order"

# A group with a key; a stream of its own gets the whole log again. What the service here does not know, such as deletion
# protection, is said and does not stop the shipping.
key_arn=$(boto "print(c('kms').describe_key(KeyId='$wrap_key')['KeyMetadata']['Arn'])")
tap_run "a group is made with a KMS key" "$audit" ship --log "$audit_log" --key "$dir/keys/wrapping.key" --group /sallyport/keyed --group-kms-key "$key_arn" --stream other
is "which encrypts it, for 90 days" "$(boto "g = c('logs').describe_log_groups(logGroupNamePrefix='/sallyport/keyed')['logGroups'][0]; print(g['kmsKeyId'] == '$key_arn', g['retentionInDays'])")" "True 90"
is "the other stream has all of it" "$(boto "
l = c('logs'); n = 0; t = None
while True:
    r = l.get_log_events(logGroupName='/sallyport/keyed', logStreamName='other', startFromHead=True, limit=10000, **({'nextToken': t} if t else {}))
    if not r['events'] or r['nextForwardToken'] == t: break
    n += len(r['events']); t = r['nextForwardToken']
print(n)")" "$last"

# An outage: nobody listens at the endpoint; then it is back.
ship_follow() { exec "$audit" ship --follow --log "$audit_log" --key "$dir/keys/wrapping.key" --group /sallyport/audit --existing-group; }
ship_follow 2>>"$dir/ship.err" &
shipper=$!
pids+=("$shipper")
ship >/dev/null
is "a second shipper is refused" "$?" 1
kill -STOP "$(cat "$dir/moto/pid")"
send 12001 12500
eventually 20 all 12500
sleep 2
kill -CONT "$(cat "$dir/moto/pid")"
last=$(query --events -n | tail -1 | jq .number)
caught_up() { [ "$(shipped)" = "$last $last $last in order" ]; }
eventually 60 caught_up
is "an outage loses and repeats nothing" "$(shipped)" "$last $last $last in order"
kill "$shipper"; wait "$shipper"
is "the shipper ends when told" "$?" 0

# ---- Anchors.
boto "s = c('s3'); s.create_bucket(Bucket='anchors', ObjectLockEnabledForBucket=True, CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})"
tap_run "an anchor goes to SSM, S3 and CloudWatch" "$audit" anchor --log "$audit_log" --public-key "$dir/keys/public.pem" \
	--ssm /bank/dev/audit/anchor --s3 anchors/prod --group /sallyport/audit
boto "print(c('ssm').get_parameter(Name='/bank/dev/audit/anchor')['Parameter']['Value'])" >"$dir/anchor.json"
tap_run "the anchor of SSM is in the log" "$audit" verify --log "$audit_log" --public-key "$dir/keys/public.pem" --anchor "$dir/anchor.json"
is "the anchor of S3 is locked" "$(boto "
s = c('s3'); k = s.list_objects_v2(Bucket='anchors')['Contents'][0]['Key']
print(s.head_object(Bucket='anchors', Key=k)['ObjectLockMode'], json.loads(s.get_object(Bucket='anchors', Key=k)['Body'].read()) == json.load(open('$dir/anchor.json')))")" "COMPLIANCE True"
is "the anchor of CloudWatch is the same" "$(boto "
print(json.loads(c('logs').get_log_events(logGroupName='/sallyport/audit', logStreamName='sallyport-anchors')['events'][0]['message']) == json.load(open('$dir/anchor.json')))")" True
stop

# ---- Other wrapping keys.
"$audit" keygen "$dir/new" >/dev/null
tap_run "data keys are wrapped anew" "$audit" rekey --log "$audit_log" --key "$dir/new/wrapping.key" --key "$dir/keys/wrapping.key"
tap_run "the new key opens the content" "$audit" verify --content --log "$audit_log" --public-key "$dir/keys/public.pem" --key "$dir/new/wrapping.key"
"$audit" verify --content --log "$audit_log" --public-key "$dir/keys/public.pem" --key "$dir/keys/wrapping.key" >/dev/null
is "the old key opens nothing any more" "$?" 3
tap_done
