#!/bin/sh
# Signs a driver package with a certificate of its own, for machines in test mode
# (bcdedit /set testsigning on). The certificate is made once and kept beside the package; install
# it there as a trusted root and a trusted publisher.
#
# usage: sign_for_testing.sh FOLDER DATE    (a folder with VirtualDisk.sys and VirtualDisk.inf)
set -eu

folder=$1
tools=$(dirname "$0")
date=$2
key=$folder/VirtualDiskTest.key
certificate=$folder/VirtualDiskTest.cer

for tool in openssl osslsigncode; do
    command -v "$tool" >/dev/null || {
        echo "sign_for_testing.sh: $tool is missing (Debian package $tool)" >&2
        exit 1
    }
done

if [ ! -f "$key" ]; then
    openssl req -x509 -newkey rsa:3072 -sha256 -nodes -days 3650 -subj "/CN=VirtualDisk test" \
        -addext "keyUsage=critical,digitalSignature" -addext "extendedKeyUsage=codeSigning" \
        -keyout "$key" -out "$certificate" 2>/dev/null
fi

# sign FILE: replaces it with its signed form.
sign() {
    rm -f "$1.signed"
    osslsigncode sign -certs "$certificate" -key "$key" -h sha256 -in "$1" -out "$1.signed" \
        >/dev/null
    mv "$1.signed" "$1"
}

# A signature is not part of what the catalogue has digests of, but it may be there only once.
if ! osslsigncode extract-signature -in "$folder/VirtualDisk.sys" -out /dev/null >/dev/null 2>&1
then
    sign "$folder/VirtualDisk.sys"
fi
python3 "$tools/make_catalog.py" "$folder/VirtualDisk.cat" "$date" \
    "$folder/VirtualDisk.sys" "$folder/VirtualDisk.inf"
sign "$folder/VirtualDisk.cat"
osslsigncode verify -CAfile "$certificate" -in "$folder/VirtualDisk.sys" >/dev/null
osslsigncode verify -CAfile "$certificate" -in "$folder/VirtualDisk.cat" >/dev/null
echo "signed: $folder/VirtualDisk.sys $folder/VirtualDisk.cat; certificate: $certificate"
