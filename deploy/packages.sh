# What a fresh Debian 12 needs; sourced by deploy/up.sh and tests/run.sh.
BUILD_PACKAGES="gcc cmake make ninja-build pkg-config libgrpc-dev libprotobuf-c-dev
protobuf-c-compiler libcurl4-openssl-dev libssl-dev libcjson-dev libuv1-dev libmicrohttpd-dev liblmdb-dev
libxxhash-dev libsodium-dev zlib1g-dev libfyaml-dev libutf8proc-dev libpcre2-dev python3 python3-venv curl"
TEST_PACKAGES="clang clang-format clang-tidy libclang-rt-14-dev libcmocka-dev openssl
libfaketime iproute2"

# install_packages NAME…: only what is missing.
install_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q 'install ok installed' ||
            missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing: ${missing[*]}"
    local sudo=
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get update -qq >/dev/null
    DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "${missing[@]}" >/dev/null
}

# make_venv DIRECTORY REQUIREMENTS: made anew only when the requirements changed.
make_venv() {
    local sum
    sum=$(cat "$2" "$(dirname "${BASH_SOURCE[0]}")"/demo/*.txt | sha256sum)
    [ "$(cat "$1/.requirements" 2>/dev/null)" = "$sum" ] && return
    echo "making $1 (once)"
    rm -rf "$1"
    python3 -m venv "$1"
    "$1/bin/pip" install -q --disable-pip-version-check -r "$2" || return
    echo "$sum" > "$1/.requirements"
}

# make_node_modules BIN DIRECTORY: the same for the package.json in it, with the node and npm of BIN.
# Its versions are exact; a lock file would name a registry.
make_node_modules() {
    local sum bin
    sum=$(sha256sum < "$2/package.json")
    [ "$(cat "$2/node_modules/.requirements" 2>/dev/null)" = "$sum" ] && return
    echo "making $2/node_modules (once)"
    rm -rf "$2/node_modules"
    bin=$(cd "$1" && pwd) || return
    (cd "$2" && PATH=$bin:$PATH npm install --no-package-lock --no-audit --no-fund --loglevel=error) \
        > /dev/null || return
    echo "$sum" > "$2/node_modules/.requirements"
}
