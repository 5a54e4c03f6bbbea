#!/bin/bash
# Usage: peer.sh OUT
# Build OUT/kernel-6.12, a later kernel to compare with: linux-source-6.12 as packaged. Where
# the package cannot be had its columns stay empty; CI=anything makes that an error. It is
# built again when the package or what is asked of its configuration changes.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
out=$1
package="linux-source-6.12"
source=$out/source-6.12 kernel=$out/kernel-6.12
config=("$here"/config/{bench,builtin,bench_6.12}.config)

unpack()
{
	[ "$(cat "$source.version" 2>/dev/null)" != "$version" ] || return 0
	echo "bench: unpacking $package $version"
	rm -rf "$source" "$source.version" "$kernel"
	mkdir -p "$source"
	tar -xf "/usr/src/$package.tar.xz" -C "$source" --strip-components=1
	echo "$version" >"$source.version"
}

describe_inputs()
{
	echo "$version"
	cat "$here/config.sh" "${config[@]}" | sha256sum
}

mkdir -p "$out"
version=$("$here/optional.sh" "$package" "$out/apt.log" 2>"$out/missing") || {
	sed 's/^/bench: /' "$out/missing" >&2
	rm -rf "$kernel" "$kernel.inputs"
	[ -z "${CI:-}" ]
	exit
}
unpack
inputs=$(describe_inputs)
if [ "$(cat "$kernel.inputs" 2>/dev/null)" != "$inputs" ]; then
	rm -f "$kernel.inputs"
	echo 'bench: configuring kernel-6.12'
	"$here/config.sh" "$source" "$kernel" "${config[@]}"
	"$here/kernel.sh" kernel-6.12 "$source" "$kernel" bzImage
	echo "$inputs" >"$kernel.inputs"
fi
