#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Certificates of docker-compose.yml for development, in /etc/sallyport/tls: made once, kept in a volume.
# Each argument is a node of the cluster, whose own certificate goes to /etc/sallyport/nodes/NODE.
set -eu
cd /etc/sallyport/tls
umask 077
issue() { # FILE NAME SUBJECT-ALT-NAMES USAGE
	openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
	printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$3" "$4" >"$1.ext"
	openssl req -new -key "$1.key" -subj "/CN=$2" | openssl x509 -req -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 \
		-extfile "$1.ext" -out "$1.crt"
	cat "$1.crt" "$1.key" >"$1.pem"
}
if [ ! -e done ]; then
	openssl ecparam -name prime256v1 -genkey -noout -out ca.key
	openssl req -x509 -new -key ca.key -days 365 -subj "/CN=Sallyport development CA" -out ca.pem \
		-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
	issue gateway gateway DNS:localhost,DNS:gateway.test,IP:127.0.0.1 serverAuth
	issue upstream upstream DNS:accounts-v1.bank.test,DNS:accounts-v2.bank.test,DNS:payments-v1.bank.test,DNS:localhost serverAuth
	touch done
fi
for node in "$@"; do
	[ -e "/etc/sallyport/nodes/$node/node.pem" ] || issue "/etc/sallyport/nodes/$node/node" "$node" "DNS:$node" serverAuth,clientAuth
done
