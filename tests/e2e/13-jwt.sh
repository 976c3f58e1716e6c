#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sallyport-jwt as its users meet it: keys, tokens, verdicts, batches, the development issuer.
. tests/e2e/lib.sh
cd "$E2E_DIR" || exit 1
jwt() { "$STACK_BIN/sallyport-jwt" "$@"; }
code() { "$@" >"$E2E_DIR/out" 2>"$E2E_DIR/err"; echo $?; }

declare -A alg=([rsa]=RS256 [rsa-3072]=RS256 [rsa-4096]=RS256 [ec]=ES256 [ec-384]=ES384 [ec-521]=ES512 [ed25519]=EdDSA)
for type in "${!alg[@]}"; do
	jwt keygen --type "$type" --out "$type.pem" >"$type.jwks" || tap_fail "keygen $type"
	is "$type: keygen prints a key set, and nothing private in it" "$(jq -c '[(.keys | length), (.keys[0] | has("kid", "use"), has("d", "p", "q", "k"))]' "$type.jwks")" '[1,true,true,false,false,false,false]'
	is "$type: the private key is the owner's alone" "$(stat -c %a "$type.pem")" 600
	token=$(jwt mint --key "$type.pem" --pool staff --sub alice --client-id app --scope "a b" --group admins --claim 'x={"y":[1,2]}')
	is "$type: what is minted verifies" "$(code jwt verify --jwks "$type.jwks" --issuer https://localhost:9443 --pool staff -A app -a "${alg[$type]}" --scope b "$token")" 0
	is "$type: decode shows it" "$(jwt decode "$token" | jq -c '[.header.alg, .payload.sub, .payload.client_id, .payload.scope, .payload["cognito:groups"], .payload.x.y]')" \
		"[\"${alg[$type]}\",\"alice\",\"app\",\"a b\",[\"admins\"],[1,2]]"
done
jwt keygen --out other.pem --jwks other.jwks --kid "$(jq -r '.keys[0].kid' rsa.jwks)"
is "keygen --jwks writes the set to a file" "$(jq '.keys | length' other.jwks)" 1
is "a key that is there is not overwritten" "$(code jwt keygen --out other.pem) $(cat "$E2E_DIR/err")" "1 sallyport-jwt: 'other.pem' is there already"
token=$(jwt mint --key rsa.pem --pool staff --sub alice --client-id app)
is "verify says what it found" "$(jwt verify --jwks rsa.jwks --issuer https://localhost:9443 --pool staff -A app "$token")" "accepted: ok"
is "or why not, by code 3" "$(code jwt verify --jwks other.jwks --issuer https://localhost:9443 --pool staff -A app "$token") $(cat "$E2E_DIR/out")" "3 refused: signature_invalid"

# A batch, every line with keys and algorithms of its own.
expired=$(jwt mint --key rsa.pem --pool staff --sub alice --client-id app --lifetime -60)
{
	jq -nc --arg t "$token" --slurpfile k rsa.jwks '{id: 1, token: $t, jwks: $k[0], algs: ["RS256"]}'
	jq -nc --arg t "$token" --slurpfile k other.jwks '{id: "two", token: $t, jwks: $k[0], algs: ["RS256"]}'
	jq -nc --arg t "$token" --slurpfile k rsa.jwks '{id: null, token: $t, jwks: $k[0], algs: ["ES256"]}'
	jq -nc --arg t "$expired" --slurpfile k rsa.jwks '{id: [4], token: $t, jwks: $k[0], algs: ["RS256"]}'
	echo '{"id":5,"token":'
	echo '{"id":6,"token":"a.b.c","jwks":{"keys":[]},"algs":["RS256"]}'
} >batch
is "a batch with signatures alone" "$(jwt verify --batch --signature-only <batch | jq -c '[.id, .ok, .reason]' | tr '\n' ' ')" \
	'[1,true,"ok"] ["two",false,"signature_invalid"] [null,false,"alg_refused"] [[4],true,"ok"] [null,false,"line_malformed"] [6,false,"keys_unavailable"] '
is "and with claims" "$(jwt verify --batch --issuer https://localhost:9443 --pool staff -A app <batch | jq -c '[.id, .ok, .reason]' | tr '\n' ' ')" \
	'[1,true,"ok"] ["two",false,"signature_invalid"] [null,false,"alg_refused"] [[4],false,"token_expired"] [null,false,"line_malformed"] [6,false,"keys_unavailable"] '

# Wycheproof's signatures, as somebody would check this program against them.
vectors=$OLDPWD/../shared/data/jose/wycheproof/json_web_signature_test.json
if [ -r "$vectors" ]; then
	jq -c '.testGroups[] | ((.public // .private) | if has("keys") then . else {keys: [.]} end) as $keys | .tests[] | {id: .tcId, token: .jws, jwks: $keys,
		algs: ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"]}' "$vectors" | jwt verify --batch --signature-only >verdicts
	is "Wycheproof: a verdict on each" "$(wc -l <verdicts)" 401
	# HMAC is refused whatever the label. The others are the four whose JWK names another algorithm than the token's.
	is "Wycheproof: no difference but where HMAC or the JWK's alg is to blame" "$(jq -sc --slurpfile v "$vectors" '
		(map({(.id | tostring): .ok}) | add) as $ok | [$v[0].testGroups[] | ((.public // .private) | (.keys // [.]) | all(.kty == "oct")) as $hmac | .tests[]
		| select($ok[.tcId | tostring] != (.result == "valid" and ($hmac | not))) | .tcId]' verdicts)" '[346,347,350,351]'
else
	tap_skip "Wycheproof's signatures" "the vectors are not there"
fi

# The issuer: discovery, key sets, tokens of both pools, rotation.
cd "$OLDPWD" || exit 1
free_port ISSUER_PORT
stack_certs
mkdir -p "$STACK_DIR/issuer"
stack_issuer || tap_fail "the issuer starts"
issuer=https://localhost:$ISSUER_PORT
fetch() { curl -sS --cacert "$E2E_DIR/tls/ca.pem" "$@"; }
for pool in staff customers; do
	is "$pool: discovery" "$(fetch "$issuer/$pool/.well-known/openid-configuration" | jq -r '.issuer + " " + .jwks_uri + " " + .token_endpoint')" \
		"$issuer/$pool $issuer/$pool/.well-known/jwks.json $issuer/$pool/oauth2/token"
	token=$(fetch -d "grant_type=client_credentials&client_id=app&scope=a%20b" "$issuer/$pool/oauth2/token" | jq -r .access_token)
	is "$pool: a token of the endpoint verifies by discovery" "$(code jwt verify --ca-file "$E2E_DIR/tls/ca.pem" --issuer "$issuer" --pool "$pool" -A app --scope b "$token")" 0
	fetch -X POST "$issuer/$pool/rotate" >/dev/null
	again=$(fetch -d "grant_type=client_credentials&client_id=app" "$issuer/$pool/oauth2/token" | jq -r .access_token)
	ok "$pool: after a rotation tokens have another kid" [ "$(jwt decode "$token" | jq -r .header.kid)" != "$(jwt decode "$again" | jq -r .header.kid)" ]
	is "$pool: and verify too" "$(code jwt verify --ca-file "$E2E_DIR/tls/ca.pem" --issuer "$issuer" --pool "$pool" -A app "$again")" 0
done
is "without its CA the issuer is not believed" "$(code jwt verify --issuer "$issuer" --pool staff -A app "$token") $(grep -c "no keys of '$issuer/staff'" "$E2E_DIR/err")" "1 1"
