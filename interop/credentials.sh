#!/usr/bin/env bash
# Makes the keys and certificates of a run: an authority, a server (localhost, 127.0.0.1), a client (device-1), another
# whose certificate comes from a middle authority, another whose certificate has expired, and a stranger that nobody
# knows; each also as a raw public key; and a pre-shared key.
set -euo pipefail
folder=${1:?usage: credentials.sh DIRECTORY}
mkdir -p "$folder"
cd "$folder"
# What openssl says is told only when it fails.
exec 3>&2
trap '[ $? = 0 ] || cat openssl.log >&3' EXIT

key() {
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.sec1"
  openssl pkcs8 -topk8 -nocrypt -in "$1.sec1" -out "$1.key"
  openssl pkey -in "$1.key" -pubout -out "$1.pub"
  openssl pkey -in "$1.key" -pubout -outform DER -out "$1.pub.der"
  openssl pkcs8 -topk8 -nocrypt -in "$1.sec1" -outform DER -out "$1.key.der"
  # libcoap reads both halves of a raw public key from one file.
  cat "$1.pub" "$1.sec1" >"$1.rpk"
}

authority() {
  key "$1"
  openssl req -new -x509 -key "$1.key" -subj "/CN=$2" -days 30 -out "$1.pem" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
}

# NAME AUTHORITY COMMON-NAME PURPOSE ALTERNATIVE-NAMES
leaf() {
  key "$1"
  openssl req -new -key "$1.key" -subj "/CN=$3" -out "$1.csr"
  printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=%s\nsubjectAltName=%s\n' \
    "$4" "$5" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2.key" -days 30 -out "$1.pem" -extfile "$1.ext"
}

# The same, but of another time, which only `openssl ca` lets one choose.
past() {
  leaf "$@"
  mkdir -p issued
  : >issued/index
  printf '%s\n' '[ca]' default_ca=it '[it]' database=issued/index serial=issued/serial new_certs_dir=issued \
    default_md=sha256 policy=any '[any]' commonName=supplied >issued/cnf
  openssl ca -batch -notext -create_serial -config issued/cnf -cert "$2.pem" -keyfile "$2.key" -in "$1.csr" -out "$1.pem" \
    -extfile "$1.ext" -startdate 20200101000000Z -enddate 20210101000000Z
}

{
  authority ca "The authority"
  leaf server ca localhost serverAuth DNS:localhost,IP:127.0.0.1
  leaf client ca device-1 clientAuth DNS:device-1
  authority other "Another authority"
  # For both roles, whoever begins.
  leaf both ca device-1 clientAuth,serverAuth DNS:device-1,DNS:localhost
  # One step further from the authority, for both roles.
  key middle
  openssl req -new -key middle.key -subj "/CN=A middle authority" -out middle.csr
  openssl x509 -req -in middle.csr -CA ca.pem -CAkey ca.key -days 30 -out middle.pem -extfile <(
    printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign\n'
  )
  leaf deep middle device-1 clientAuth,serverAuth DNS:device-1,DNS:localhost
  past expired ca device-1 clientAuth,serverAuth DNS:device-1,DNS:localhost
  leaf stranger other device-1 clientAuth,serverAuth DNS:device-1,DNS:localhost
  for name in ca server client other stranger; do openssl x509 -in "$name.pem" -outform DER -out "$name.der"; done
} 2>openssl.log
printf device-1 >psk.identity
# Letters, because libcoap takes a key as it is typed; the others want it in hexadecimal.
openssl rand -hex 8 | tr -d '\n' >psk.text
od -An -tx1 psk.text | tr -d ' \n' >psk.key
echo "device-1:$(cat psk.key)" >psk.passwd
echo "hex:$(cat psk.key)" >psk.marked
cat deep.pem middle.pem >deep.chain
# libcoap's directory reads certificates and key from one file.
for name in client server expired stranger; do cat "$name.pem" "$name.sec1" >"$name.both"; done
cat deep.chain deep.sec1 >deep.both
